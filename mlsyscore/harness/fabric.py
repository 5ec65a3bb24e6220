"""Timings with bad ones among them, cables as a table, and loads over many seeds."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network import Link
from ..units import MB
from .answers import values

TIERS = "heac"  # hosts, edge, aggregation and core switches


def timings(
    rng: np.random.Generator,
    link: Link,
    repeats: int = 25,
    slow: int = 1,
    short: int = 1,
    *,
    sizes: int = 12,
    noise: float = 0.03,
) -> tuple[NDArray[Any], NDArray[Any], list[int]]:
    """Return bytes, seconds and the positions of wrong times, in random order.

    repeats: timings of each of so many sizes from 256 B to 64 MB, of which slow ones
    take ten times and short ones a tenth; noise: standard deviation of log(time)
    """
    n = np.repeat(np.geomspace(256, 64 * MB, sizes).round(), repeats)
    factor = np.ones((sizes, repeats))
    factor[:, :slow], factor[:, repeats - short :] = 10, 0.1
    order = rng.permutation(n.size)
    n, factor = n[order], factor.ravel()[order]
    good: Any = link.time(n)  # type: ignore[arg-type]
    T = good * np.exp(noise * rng.normal(size=n.size)) * factor
    return n, T, [int(i) for i in np.flatnonzero(factor != 1)]


def cabled(cables: Any) -> dict[str, list[str]]:
    """Return what each name is cabled to; AssertionError if these are no cables."""
    table: dict[str, list[str]] = defaultdict(list)
    for pair in values("cables, a list of pairs", cables):
        x, y = values("a cable, a pair of names", pair, 2)
        for name in (x, y):
            known = isinstance(name, str) and name[:1] in tuple(TIERS)
            known = known and name[1:].isdecimal() and name[1:].isascii()
            assert known, f"a name is h, e, a or c and a number, not {name!r:.60}"
        table[x].append(y)
        table[y].append(x)
    return dict(table)


def pod_of(name: str, k: int) -> int:
    """Return the pod of a host, an edge or an aggregation switch."""
    return int(name[1:]) // (k**2 // 4 if name[0] == "h" else k // 2)


def scattered(
    name: str,
    runs: Sequence[tuple[float, float]],
    mean: float,
    true: float,
    trials: int,
) -> None:
    """AssertionError unless (load, error) of many seeds have this mean and true error.

    Two-sided: runs that agree better than chance has it are no independent draws.
    """
    count, (load, said) = len(runs), np.mean(runs, axis=0)
    assert abs(load - mean) < 6 * true / math.sqrt(count) + 1e-4, (
        f"{name}: the mean over {count} seeds is {load:.4g}, which is not it.  Does "
        "every flow take its own path, of all paths, and do its bytes go there?"
    )
    scatter = np.std([load for load, _ in runs])
    assert 0.5 * true - 1e-9 < scatter < 1.6 * true + 1e-9, (  # over five sigma
        f"{name}: over {count} seeds the loads scatter by {scatter:.4f}; your error "
        f"says {said:.4f}.  Does each seed give new draws, and each trial?"
    )
    assert 0.8 * true - 1e-9 < said < 1.2 * true + 1e-9, (
        f"{name}: {trials} trials have no standard error of {said:.4f}; it is the "
        "deviation of one trial over the square root of the trials"
    )
    assert len(set(runs)) >= count - 5, (
        f"{name}: {count} seeds give {len(set(runs))} answers.  Does the whole seed "
        "reach the generator, and does every flow draw its path?"
    )
