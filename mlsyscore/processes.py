"""Run one function on N local processes that can talk to each other."""

import os
import pickle
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .units import Seconds, count


def run(f: Callable[..., Any], N: int, *args: Any, timeout: Seconds = 60.0) -> Any:
    """Call f(rank, N, *args) in N processes under torch.distributed; list the results.

    gloo on the CPU; NCCL where there is a GPU for each rank and this process has not
    used one yet (then rank r owns GPU r).  Forked: f may be defined in a notebook, but
    results are pickled.  Raises RuntimeError with a rank's traceback, or TimeoutError.
    """
    count(N)
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
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)  # N ranks share this machine's cores
    used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    if gpus := torch.cuda.device_count() >= N and not used:
        torch.cuda.set_device(rank)
    backend, meeting = "nccl" if gpus else "gloo", f"file://{folder}/meeting"
    dist.init_process_group(backend, init_method=meeting, rank=rank, world_size=N)
    dist.barrier()  # one that ends at once must not leave before the others are in
    Path(folder, f"{rank}").write_bytes(pickle.dumps(f(rank, N, *args)))
    dist.destroy_process_group()
    os._exit(0)  # a forked notebook kernel must not run its parent's clean-up
