"""python -m benchmarks.recorder [NETWORK ...] : what recording every gradient costs, beside what else is used for it.

Each way to look at gradients trains each network in a process of its own, in turns: the bare step, Drillcore's recorder,
lists of Python numbers, TensorBoard's histogram of every gradient, and wandb's watch of gradients and parameters, offline.
A row is the median over the steps of all rounds, without the first of each; its memory is the highest peak, and its
processor time that of the process itself. "Own calls" are the part that is the method's, where it stands apart. `--steps`,
`--rounds` and `--seconds`, after which a training ends early, shorten it.

Half an hour on 2 cores, and 8 GB of memory for `gpt2`.
"""

import argparse
import multiprocessing
import sys
from functools import partial

import numpy as np

from benchmarks.recorder.keras_training import KERAS, train_keras
from benchmarks.recorder.networks import NETWORKS
from benchmarks.recorder.torch_training import METHODS, train_torch

LISTS_UP_TO = 20_000_000
"""Parameters; lists of more take minutes a step, and 100 bytes a parameter."""
LEAST_CHEAPER, MOST_OVERHEAD = 100, 10
"""The bars, of the network in Keras: how many times cheaper than lists, and the overhead in %."""


def contestants(network):
    """By method, the function of (steps, seconds) that trains `network` with it."""
    if network == "cnn":
        return {method: partial(train_keras, method) for method in KERAS}
    size = NETWORKS[network].parameters
    return {
        method: partial(train_torch, network, method)
        for method in METHODS
        if method != "lists of numbers" or size <= LISTS_UP_TO
    }


def in_own_process(function, *arguments):
    """What `function` returns in a process of its own, whose peak of memory is its alone."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def compare(network, steps, rounds, seconds):
    """By method, what `Measured` says of all rounds, each of which goes through the methods in the other order."""
    trainings, found = contestants(network), {}
    for turn in range(rounds):
        for method in list(trainings)[:: (-1) ** turn]:
            print(f"{network}, round {turn + 1} of {rounds}: {method}", file=sys.stderr, flush=True)
            found.setdefault(method, []).append(in_own_process(trainings[method], steps, seconds))
    return {method: found[method] for method in trainings}


def report(network, found):
    """Print a network's table; returns by method the medians of a step's milliseconds and of the method's part of it."""
    rows = {
        method: [
            *np.median(np.concatenate([measured.steps for measured in rounds]), axis=0),
            np.median(np.concatenate([measured.own for measured in rounds])) if method != "bare step" else 0.0,
            max(measured.peak for measured in rounds) / 1e6,
            np.median([measured.end for measured in rounds]),
        ]
        for method, rounds in found.items()
    }
    bare = rows["bare step"]
    first = found["bare step"][0]
    print(f"\n{network}: {first.parameters:,} parameters, batch {first.batch}")
    print(f"{'':<36}{'ms/step':>10}{'over bare':>11}{'processor':>11}{'own calls':>11}{'peak MB':>9}{'end s':>7}")
    for method, (clock, processor, own, peak, end) in rows.items():
        over = f"{100 * (clock / bare[0] - 1):+.0f} %"
        print(f"{method:<36}{clock:>10.2f}{over:>11}{processor:>11.2f}{own:>11.2f}{peak:>9.0f}{end:>7.2f}", flush=True)
    return {method: (row[0], row[2]) for method, row in rows.items()}


def bars(rows):
    """By sentence, whether a bar is reached by the network in Keras."""
    recorder, lists, bare = rows["drillcore"], rows["lists of numbers"], rows["bare step"]
    overhead, cheaper = 100 * (recorder[0] / bare[0] - 1), lists[1] / recorder[1]
    return {
        f"overhead in Keras {overhead:.1f} %, at most {MOST_OVERHEAD} %": overhead <= MOST_OVERHEAD,
        f"{cheaper:.0f} times cheaper than lists, at least {LEAST_CHEAPER}": cheaper >= LEAST_CHEAPER,
    }


def main():
    """Run the comparisons and print them; ends with status 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = ["cnn", *NETWORKS]
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"of {', '.join(names)}; by default all")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60)
    settings = parser.parse_args()
    if unknown := set(settings.networks) - set(names):
        parser.error(f"{', '.join(sorted(unknown))}: the networks are {', '.join(names)}")
    passed = True
    for network in settings.networks or names:
        rows = report(network, compare(network, settings.steps, settings.rounds, settings.seconds))
        for bar, reached in bars(rows).items() if network == "cnn" else ():
            print(f"{'pass' if reached else 'FAIL'}: {bar}")
            passed &= reached
    sys.exit(not passed)


if __name__ == "__main__":
    main()
