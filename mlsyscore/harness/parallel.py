"""One training step on several ranks, each with samples of its own."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .calls import together
from .group import Group
from .payload import Change, Replay
from .ring import vector

Samples = Sequence[tuple[Any, Any]]  # for each rank, X of shape (n, k) and y of (n,)


def drawn(rng: Any, counts: Sequence[int], k: int) -> tuple[Any, Samples]:
    """Return k weights, and as many samples for each rank as counts says.

    Short numbers, so that sums of products in float64 are exact.
    """

    def short(*shape: int) -> Any:
        return (np.round(256 * rng.normal(size=shape)) / 256).astype(np.float32)

    return short(k), [(short(n, k), short(n)) for n in counts]


def stepped(
    name: str,
    step: Any,
    w: Any,
    samples: Samples,
    rate: float,
    change: Change | Replay | None = None,
) -> list[Any]:
    """Return the weights on every rank after step(w, X, y, rate, rank, N, comm).

    change: what the group changes of what one rank sends.
    AssertionError unless they are floats, as many as there are weights.
    """
    import torch

    N, calls = len(samples), []
    group = Group(N, change)
    for r, (X, y) in enumerate(samples):
        tensors = torch.tensor(w), torch.tensor(X), torch.tensor(y)
        calls.append((*tensors, rate, r, N, group.port(r)))
    ends = []
    for r, got in enumerate(together(step, calls)):
        y = vector(f"{name}, rank {r}", got)
        kind = f"{name}: rank {r} returns {y.dtype}; floats are expected"
        assert y.dtype.kind == "f", kind
        shape = f"{name}: rank {r} returns the shape {y.shape}, not {w.shape}"
        assert y.shape == w.shape, shape
        ends.append(y)
    return ends


def followed(name: str, step: Any, w: Any, samples: Samples, rate: float) -> None:
    """AssertionError unless other ranks' weights follow from what a rank sends.

    A rank runs with other targets, and then with its own, while the network brings the
    others what it sent before: they must come to the same weights as before.
    """
    plain = stepped(name, step, w, samples, rate)
    for rank in [r for r, (_, y) in enumerate(samples) if len(y)]:
        others, sent = list(samples), Replay(rank)
        X, y = samples[rank]
        others[rank] = X, y + np.float32(8)
        wanted = stepped(name, step, w, others, rate, sent)
        sent.again = True
        ends = stepped(name, step, w, samples, rate, sent)
        for r, (before, want, got) in enumerate(zip(plain, wanted, ends, strict=True)):
            assert r == rank or not np.array_equal(before, want), (
                f"{name}: rank {rank} has other targets, and the weights of rank {r} "
                "are the same; every rank's samples count"
            )
            assert r == rank or np.array_equal(got, want), (
                f"{name}: the network brought what rank {rank} sent with other "
                f"targets, and the weights of rank {r} are not those of other targets; "
                "they have to come from what arrives, and from nothing else"
            )
