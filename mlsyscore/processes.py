"""Run one function on N processes that can talk to each other."""

import functools
import itertools
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from .units import Seconds

_calls = itertools.count()


def run(f: Callable[..., Any], N: int, *args: Any, timeout: Seconds = 60.0) -> Any:
    """Call f(rank, N, *args) in N processes under torch.distributed; list the results.

    gloo on the CPU; NCCL where there is a GPU for each rank and this process has not
    used one yet (then rank r owns GPU r).  Forked: f may be defined in a notebook, but
    results are pickled.  Raises RuntimeError with a rank's traceback, or TimeoutError.
    Under torchrun nothing is forked: the first N of its processes call f, on however
    many machines, and every process gets the list.  ValueError if there are fewer.
    """
    if N < 1:
        raise ValueError(f"needs 1 process or more, not {N}")
    if "RANK" in os.environ and "WORLD_SIZE" in os.environ:
        return _join(f, N, args, timeout)
    with tempfile.TemporaryDirectory() as folder:
        _wait(_rank, (folder, f, N, args), N, timeout)
        return [pickle.loads(Path(folder, f"{r}").read_bytes()) for r in range(N)]


def _wait(f: Callable[..., Any], args: Any, N: int, timeout: Seconds) -> None:
    """Fork N ranks and wait for all; leave none behind."""
    from torch.multiprocessing.spawn import ProcessException, start_processes

    end = time.monotonic() + timeout
    fork = {"join": False, "start_method": "fork"}
    ranks = start_processes(f, args, N, **fork)  # type: ignore[no-untyped-call]
    try:
        while not ranks.join(max(end - time.monotonic(), 0)):
            if time.monotonic() > end:
                late = sum(p.is_alive() for p in ranks.processes)
                raise TimeoutError(f"{late} ranks after {timeout} s")
    except ProcessException as e:
        raise RuntimeError(f"rank {e.error_index} failed: {e.msg}") from None
    finally:
        for p in ranks.processes:
            p.kill()
            p.join()


def _rank(rank: int, folder: str, f: Callable[..., Any], N: int, args: Any) -> None:
    """Run f in this new process, in the group, and leave its result in the folder."""
    os.environ.setdefault(
        "GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo"
    )
    import torch

    torch.set_num_threads(1)  # N ranks share this machine's cores
    used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    gpu = rank if torch.cuda.device_count() >= N and not used else None
    meeting = {"init_method": f"file://{folder}/meeting"}
    done = pickle.dumps(_grouped(f, (rank, N, *args), gpu, meeting))
    Path(folder, f"{rank}").write_bytes(done)
    os._exit(0)  # a forked notebook kernel must not run its parent's clean-up


def _grouped(f: Callable[..., Any], args: Any, gpu: int | None, meeting: Any) -> Any:
    """Run f(rank, N, ...) in a group of N."""
    import torch
    import torch.distributed as dist

    if gpu is not None:
        torch.cuda.set_device(gpu)
    backend = "gloo" if gpu is None else "nccl"
    dist.init_process_group(backend, rank=args[0], world_size=args[1], **meeting)
    dist.barrier()  # one that ends at once must not leave before the others are in
    done = f(*args)
    dist.destroy_process_group()
    return done


@functools.cache
def _store() -> Any:
    """Connect to torchrun's store; where a launcher has none, rank 0 keeps it."""
    import torch.distributed as dist

    own = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    master = own and os.environ["RANK"] == "0"
    at = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    return dist.TCPStore(*at, is_master=master)  # type: ignore[attr-defined]


def _join(f: Callable[..., Any], N: int, args: Any, timeout: Seconds) -> Any:
    """Run f in the first N of torchrun's processes; hand every process the results."""
    import torch
    import torch.distributed as dist

    rank, W = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    if N > W:
        raise ValueError(f"torchrun started {W} processes, fewer than N = {N}")
    store: Any = dist.PrefixStore(  # type: ignore[attr-defined]
        f"mlsyscore/{next(_calls)}", _store()
    )
    store.set_timeout(timedelta(seconds=timeout))
    if rank < N:
        here = int(os.environ.get("LOCAL_WORLD_SIZE", W))
        local = int(os.environ.get("LOCAL_RANK", rank))
        gpu = local if torch.cuda.device_count() >= here else None
        done = _grouped(f, (rank, N, *args), gpu, {"store": store})
        store.set(f"result {rank}", pickle.dumps(done))
    results = [pickle.loads(store.get(f"result {r}")) for r in range(N)]
    if store.add("have read", 1) == W:
        store.set("all have read", "")
    store.wait(["all have read"])  # only then may the store's keeper leave
    return results
