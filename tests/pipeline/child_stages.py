"""Stages, separated by spaces in the first argument, of the networks that are the others, in one process."""

import importlib
import sys

for network in sys.argv[2:]:
    for stage in sys.argv[1].split():
        importlib.import_module(f"stages.{stage}").main(network)
