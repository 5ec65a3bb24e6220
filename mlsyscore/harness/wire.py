"""Messages between real processes, by the names that a network's port has."""

import time
from collections.abc import Sequence
from typing import Any

from ..processes import run
from ..units import Bytes, Seconds


class Arrival:
    """A message under way between processes."""

    def __init__(self, works: list[Any], take: Any = None) -> None:
        """Wait for these; then take what came."""
        self._works, self._take = works, take

    def wait(self) -> Any:
        """Return what has come; of a send, None, when it has left."""
        while self._works:
            self._works.pop(0).wait()
        return self._take() if self._take else None


class Wire:
    """One process of a torch.distributed group, which sends vectors of float64."""

    def __init__(self) -> None:
        """Keep what is posted, so that it leaves also if nobody waits for it."""
        self._posted: list[Arrival] = []
        self._boxes: list[Any] = []

    def finish(self) -> None:
        """Return when all that was posted has left."""
        while self._posted:
            self._posted.pop().wait()
        self._boxes.clear()

    def isend(self, t: Any, to: int) -> Arrival:
        """Post t to rank `to`: its length first, then its values."""
        import torch
        import torch.distributed as dist

        box = t.detach().clone().contiguous()
        size = torch.tensor([box.numel()])
        self._posted.append(Arrival([dist.isend(size, to), dist.isend(box, to)]))
        self._boxes += [size, box]
        return self._posted[-1]

    def irecv(self, source: int) -> Arrival:
        """Ask for the next message from rank `source`."""
        import torch
        import torch.distributed as dist

        size = torch.zeros(1, dtype=torch.int64)

        def take() -> Any:
            box = torch.empty(int(size), dtype=torch.float64)
            dist.recv(box, source)
            return box

        return Arrival([dist.irecv(size, source)], take)


def race(f: Any, N: int, sizes: Sequence[Bytes]) -> list[tuple[Seconds, Seconds]]:
    """Return the median times of f and of gloo's all-reduce on N processes, by size.

    f(x, rank, N, comm) sums x over the ranks.
    """
    rows: list[tuple[Seconds, Seconds]] = run(_raced, N, f, list(sizes))[0]
    return rows


def _raced(rank: int, N: int, f: Any, sizes: list[Bytes]) -> list[tuple[float, float]]:
    import torch
    import torch.distributed as dist

    wire = Wire()

    def own(x: Any) -> None:
        f(x, rank, N, wire)
        wire.finish()

    def median(call: Any, x: Any) -> float:
        runs = []
        for _ in range(5):
            dist.barrier()
            start = time.perf_counter()
            call(x)
            runs.append(time.perf_counter() - start)
        return sorted(runs)[2]

    xs = [torch.zeros(int(n) // 8, dtype=torch.float64) for n in sizes]
    return [(median(own, x), median(dist.all_reduce, x)) for x in xs]
