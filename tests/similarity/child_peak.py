"""Prints by how many bytes the CKA of all samples in the file that is its argument needs more memory than that of some."""

import resource
import sys

import h5py

from drillcore import stream_cka


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


with h5py.File(sys.argv[1]) as file:
    stream_cka([file["a"][:4000], file["b"][:4000]], 4 << 20)
    before = peak()
    stream_cka([file["a"], file["b"]], 4 << 20)
print(peak() - before)
