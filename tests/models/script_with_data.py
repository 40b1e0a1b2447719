"""A script whose command line has to name its data."""

import argparse

from mine_as_module import make_of

parser = argparse.ArgumentParser()
parser.add_argument("--data", required=True)
settings = parser.parse_args()


def make():
    return make_of(5)
