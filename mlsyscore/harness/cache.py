"""A cache whose policy is asked what has to go; what it holds stays with the cache."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..checks import number


class Policy:
    """Decides what a cache of C samples holds; C is at least 1."""

    def __init__(self, C: int) -> None:
        self.C = C

    def begin(self) -> None:
        """Note that an epoch begins; called before the first one too."""

    def hit(self, x: int) -> None:
        """Note that sample x was read, and was held."""

    def miss(self, x: int) -> int | None:
        """Note that x was read and was not held; return what has to go, or None."""
        raise NotImplementedError


def played(label: str, kind: Any, C: int, epochs: Sequence[Sequence[int]]) -> list[int]:
    """Return 1 (a hit) or 0 for each read of these epochs, under a policy kind(C).

    AssertionError where the policy raises, or names a sample that is not held.
    """
    policy, held, hits = _told(label, "the policy", kind, C), set[float](), []
    begin, hit, miss = (
        _told(label, f"its {name}", getattr, policy, name)
        for name in ("begin", "hit", "miss")
    )
    for epoch in epochs:
        _told(label, "begin()", begin)
        for x in epoch:
            hits.append(int(x in held))
            if x in held:
                _told(label, f"hit({x})", hit, x)
                continue
            out = _told(label, f"miss({x})", miss, x)
            if out is None:
                assert len(held) < C, f"{label}: {C} are held; miss({x}) lets none go"
                held.add(x)
                continue
            out = number(f"{label}: miss({x}) returns None or a sample", out)
            if out != x:
                assert out in held, (
                    f"{label}: miss({x}) lets {out:g} go, which is not held"
                )
                held.remove(out)
                held.add(x)
    return hits


def _told(label: str, what: str, f: Any, *args: Any) -> Any:
    try:
        return f(*args)
    except NotImplementedError:
        raise
    except Exception as e:
        raise AssertionError(
            f"{label}: {what} raised {type(e).__name__}: {e}"
        ) from None


def by_epoch(hits: Sequence[int], epochs: Sequence[Sequence[int]]) -> list[int]:
    """Return the hits of each epoch."""
    ends = iter(hits)
    return [sum(next(ends) for _ in epoch) for epoch in epochs]


def reaches(
    label: str, kind: Any, C: int, parts: Sequence[tuple[int, int, int]], seed: int
) -> None:
    """AssertionError unless a policy has all the hits that it owes.

    parts: (epochs, low, high), one after the other; each epoch of one reads the samples
    low to high - 1, shuffled anew.  Owed: min(C, high - low) from the second epoch of
    the first part on, and from the third of each later one.
    """
    rng = np.random.default_rng(seed)
    epochs: list[list[int]] = []
    goals: list[int | None] = []
    for p, (count, low, high) in enumerate(parts):
        epochs += [(low + rng.permutation(high - low)).tolist() for _ in range(count)]
        goals += [min(C, high - low) if k > min(p, 1) else None for k in range(count)]
    hits = by_epoch(played(label, kind, C, epochs), epochs)
    for e, (got, goal) in enumerate(zip(hits, goals, strict=True), 1):
        if goal is None or got == goal:
            continue
        D = len(epochs[e - 1])
        h = min(C / D, 1 - 1e-9)
        raise AssertionError(
            f"{label}: epoch {e} has {got} hits; {goal} are expected, and LRU has "
            f"about {D * (h + (1 - h) * np.log(1 - h)):.0f}.  Does one go that this "
            "epoch still needs?  What tells one in use from one that is not?"
        )
