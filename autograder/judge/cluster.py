"""Where notebooks are judged: in processes of this machine, or on a Dask cluster."""

import contextlib
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

AT_ONCE = (os.cpu_count() or 1) + 2  # submissions; each waits some of its time


@contextlib.contextmanager
def workers(dask: str | None = None) -> Iterator[tuple[Executor, int]]:
    """Give an executor, and how many submissions to have under way.

    dask: address of a scheduler, whose workers have this autograder and bubblewrap.
    Raises RuntimeError where Dask is missing, OSError where no scheduler answers.
    """
    if dask is None:
        with ThreadPoolExecutor(AT_ONCE) as pool:  # each waits for a process
            yield pool, 2 * AT_ONCE
        return
    try:
        from distributed import Client
    except ImportError:
        raise RuntimeError("--dask needs: pip install 'mlsyscore[cluster]'") from None
    with Client(dask, set_as_default=False) as client:
        cores = sum(client.nthreads().values())
        with client.get_executor(pure=False) as pool:
            yield pool, 2 * cores + 2
