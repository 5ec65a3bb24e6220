"""A cache whose policy is asked what has to go; what it holds stays with the cache."""

from collections.abc import Sequence
from typing import Any

from ..checks import number


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


def lru_hits(reads: Sequence[int], C: int) -> list[int]:
    """Return 1 or 0 for each read under LRU, from the reads alone (stack distances).

    A sample is still held if at most C were read since its last use, itself included.
    """
    last: dict[int, int] = {}
    hits = []
    for i, x in enumerate(reads):
        since = len(set(reads[last[x] : i])) if x in last else C + 1
        hits.append(int(since <= C))
        last[x] = i
    return hits
