"""Tasks side by side on threads, BLAS on one thread in each."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from stages.shared.base.command import omp_threads


@contextmanager
def side_by_side():
    """Yield a `map` whose tasks run on as many threads as OMP_NUM_THREADS says or this machine has.

    BLAS and LAPACK spread small matrices over threads poorly, and stall when other work holds a core; whole tasks on
    one thread each do not, and their results do not depend on how many there are. NumPy warns of no NaN or infinity in them.
    """
    from threadpoolctl import threadpool_limits

    threads = omp_threads(default=os.cpu_count())
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads, initializer=ignore_nan) as pool:
        try:
            yield pool.map
        except BaseException:
            pool.shutdown(cancel_futures=True)  # or all that waits would be done first
            raise


def ignore_nan():
    """Turn off this thread's warnings of what is no number: activations that give none have a status instead."""
    np.seterr(invalid="ignore", over="ignore")
