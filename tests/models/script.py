"""A script that reads its command line."""

import argparse
import sys

from mine_as_module import make_of

parser = argparse.ArgumentParser()
parser.add_argument("--width", type=int, default=5)
settings = parser.parse_args()


def make():
    return make_of(settings.width)


def leaving():
    sys.exit(3)
