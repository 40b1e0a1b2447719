"""BLAS's symmetric product, without the GIL: scipy.linalg.blas holds it, so that its calls never run side by side."""

import ctypes

import numpy as np

ROUTINES = {"float32": ("ssyrk", ctypes.c_float), "float64": ("dsyrk", ctypes.c_double)}


def symmetric_product(dtype):
    """A function of (X, factor, out) that writes the upper triangle of factor X X^T, X (n, k), to `out` (n, n).

    Both arrays are C-contiguous and of `dtype`; half the work of a general product. A foreign function of ctypes lets
    go of the GIL, and `scipy.linalg.cython_blas` exports the routine's address.
    """
    from scipy.linalg import cython_blas

    name, real = ROUTINES[np.dtype(dtype).name]
    capsule, python = cython_blas.__pyx_capi__[name], ctypes.pythonapi
    python.PyCapsule_GetName.argtypes, python.PyCapsule_GetName.restype = [ctypes.py_object], ctypes.c_char_p
    python.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    python.PyCapsule_GetPointer.restype = ctypes.c_void_p
    address = python.PyCapsule_GetPointer(capsule, python.PyCapsule_GetName(capsule))
    integer, number = ctypes.POINTER(ctypes.c_int), ctypes.POINTER(real)
    routine = ctypes.CFUNCTYPE(
        None,
        *[ctypes.c_char_p] * 2,
        integer,
        integer,
        number,
        ctypes.c_void_p,
        integer,
        number,
        ctypes.c_void_p,
        integer,
    )(address)

    def product(X, factor, out):
        n, k, step = (ctypes.c_int(size) for size in (*X.shape, max(1, X.shape[1])))
        # BLAS reads rows as columns: its transposed product of X^T is X X^T, and its lower triangle our upper one.
        routine(b"L", b"T", n, k, real(factor), X.ctypes.data, step, real(0), out.ctypes.data, n)

    return product
