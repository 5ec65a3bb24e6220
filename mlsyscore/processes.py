"""Run one function on N local processes that can talk to each other."""

import multiprocessing as mp
import os
import pickle
import tempfile
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any

from .units import Seconds


def run(f: Callable[..., Any], N: int, *args: Any, timeout: Seconds = 60.0) -> Any:
    """Call f(rank, N, *args) in N processes under torch.distributed; list the results.

    gloo on the CPU; NCCL where there is a GPU for each rank and this process has
    not used one yet (then rank r owns GPU r).  Processes are forked, so f may be
    defined in a notebook.  Results are pickled.
    Raises RuntimeError with a rank's traceback, TimeoutError after timeout seconds.
    """
    if N < 1:
        raise ValueError(f"at least one process, not N = {N}")
    context = mp.get_context("fork")
    pipes = [context.Pipe(duplex=False) for _ in range(N)]
    with tempfile.TemporaryDirectory() as folder:
        ranks = [
            context.Process(target=_rank, args=(pipes, folder, f, r, N, args))
            for r in range(N)
        ]
        try:
            for p in ranks:
                p.start()
            for _, send in pipes:
                send.close()
            return _collect([receive for receive, _ in pipes], timeout)
        finally:
            for p in ranks:
                p.kill()
                p.join()


def _collect(pipes: list[Connection], timeout: Seconds) -> list[Any]:
    results: dict[Connection, Any] = {}
    end = time.monotonic() + timeout
    while len(results) < len(pipes):
        ready = wait([p for p in pipes if p not in results], end - time.monotonic())
        if not ready:
            raise TimeoutError(f"{len(pipes) - len(results)} ranks after {timeout} s")
        for p in ready:
            assert isinstance(p, Connection)
            try:
                ok, value = pickle.loads(p.recv_bytes())
            except EOFError:
                ok, value = False, "the process died"
            if not ok:
                raise RuntimeError(f"rank {pipes.index(p)} failed: {value}")
            results[p] = value
    return [results[p] for p in pipes]


def _rank(
    pipes: list[tuple[Connection, Connection]],
    folder: str,
    f: Callable[..., Any],
    rank: int,
    N: int,
    args: tuple[Any, ...],
) -> None:
    for r, (receive, send) in enumerate(pipes):  # so that a death closes its pipe
        receive.close()
        if r != rank:
            send.close()
    try:
        answer = (True, _in_group(folder, f, rank, N, args))
        message = pickle.dumps(answer)
    except BaseException:
        message = pickle.dumps((False, traceback.format_exc(limit=-3)))
    pipes[rank][1].send_bytes(message)
    os._exit(0)  # a forked notebook kernel must not run its parent's clean-up


def _in_group(
    folder: str, f: Callable[..., Any], rank: int, N: int, args: tuple[Any, ...]
) -> Any:
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)  # N ranks share this machine's cores
    used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    gpus = torch.cuda.device_count() >= N and not used
    if gpus:
        torch.cuda.set_device(rank)
    dist.init_process_group(
        "nccl" if gpus else "gloo",
        init_method=f"file://{folder}/meeting",
        rank=rank,
        world_size=N,
    )
    try:
        return f(rank, N, *args)
    finally:
        dist.destroy_process_group()
