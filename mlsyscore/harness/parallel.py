"""One training step on several ranks, each with samples of its own."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .calls import together
from .group import Group
from .payload import Change, Replay
from .ring import vector

Samples = Sequence[tuple[Any, Any]]  # for each rank, X of shape (n, k) and y of (n,)


def mean_gradient(w: Any, X: Any, y: Any) -> Any:
    """Return the gradient of the mean of (X w - y)^2 / 2 over samples, in float32.

    Summed in float64.  Without samples it is nan.
    """
    X, error = X.double(), X.double() @ w.double() - y.double()
    return (X.T @ error / len(y)).float()


def joined(w: Any, samples: Samples, rate: float) -> Any:
    """Return the weights after one step on one batch of all samples, as an array."""
    import torch

    X, y = (torch.tensor(np.concatenate(a)) for a in zip(*samples, strict=True))
    start = torch.tensor(w)
    return (start - rate * mean_gradient(start, X, y)).numpy()


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


def followed(
    name: str,
    step: Any,
    w: Any,
    samples: Samples,
    rate: float,
    ranks: Sequence[int] | None = None,
) -> None:
    """AssertionError unless other ranks' weights follow from what a rank sends.

    A rank runs with other targets, and then with its own, while the network brings the
    others what it sent before: they must come to the same weights as before.  So does
    each of these ranks that has samples, or each of all.
    """
    plain = stepped(name, step, w, samples, rate)
    for rank in range(len(samples)) if ranks is None else ranks:
        if not len(samples[rank][1]):
            continue
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


def must_be_one_step(
    name: str, ends: Sequence[Any], w: Any, samples: Samples, rate: float
) -> None:
    """AssertionError unless each rank has the weights of one step, within rounding."""
    want = joined(w, samples, rate)
    for r, got in enumerate(ends):
        nan = f"{name}: weights on rank {r} are nan; 0 times nan is nan, and 0/0 too"
        assert np.isfinite(got).all(), nan
        # rounding is 1e-7 of sums below 100: this is 20 times that
        bad = int(np.sum(~np.isclose(got, want, rtol=1e-5, atol=2e-4)))
        assert not bad, (
            f"{name}: {bad} of {w.size} weights on rank {r} are not those of one step "
            "on all samples together"
        )


def must_be_exact(
    name: str, ends: Sequence[Any], w: Any, samples: Samples, rate: float
) -> None:
    """AssertionError unless each rank has the very weights of sums in order of ranks.

    All is float32, and each result is rounded before the next.
    """
    import torch

    n, f = np.float32(sum(len(y) for _, y in samples)), np.float32(rate)
    parts = [np.zeros_like(w)]
    for X, y in samples:
        if len(y):
            g = mean_gradient(torch.tensor(w), torch.tensor(X), torch.tensor(y))
            parts.append(np.float32(len(y)) * g.numpy())
    G = sum(parts)
    wide = sum(part.astype(float) for part in parts).astype(np.float32)
    usual = {
        "rate G and then the quotient?": w - f * G / n,
        "summed in float64?": w - f * (wide / n),
        "divided before the sum?": w - f * sum(part / n for part in parts),
        "alpha= does not round rate (G/n)?": (
            w.astype(float) - float(f) * (G / n).astype(float)
        ).astype(np.float32),
    }
    want = w - f * (G / n)
    for r, got in enumerate(ends):
        kind = f"{name}, rank {r}: float32 is expected, not {got.dtype}"
        assert got.dtype == np.float32, kind
        bad = int(np.sum(got != want))
        near = np.allclose(got, want, rtol=1e-5, atol=2e-4)
        why = "another order of the sums, or another order of operations?"
        why = next((x for x, slip in usual.items() if (got == slip).all()), why)
        hint = f"They are right to rounding, not to the bit: {why}"
        hint = hint if near else "Not by rounding."
        assert not bad, (
            f"{name}: {bad} of {w.size} weights on rank {r} are not bit for bit the "
            f"same.  {hint}"
        )
