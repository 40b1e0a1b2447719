"""How many threads there are, and tasks side by side on them, BLAS on one thread in each."""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from drillcore.base.errors import InputError


def omp_threads(default):
    """The number of threads in OMP_NUM_THREADS, the first where it lists some for nested levels; `default` without it.

    Raises
    ------
    InputError
        If it holds anything else.
    """
    value = os.environ.get("OMP_NUM_THREADS", "").strip()
    if not value:
        return default
    if not re.fullmatch(r"0*[1-9]\d*(\s*,\s*\d+)*", value, re.ASCII):
        raise InputError(
            f"OMP_NUM_THREADS is {value!r}, but should be a number of threads from 1 on, or several with commas between "
            "them: correct it, or unset it."
        )
    return int(value.partition(",")[0])


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
    """Turn off this thread's warnings of NaN and overflow: the status of a result says why it is NaN."""
    np.seterr(invalid="ignore", over="ignore")
