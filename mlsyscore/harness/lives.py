"""Plans of a run, lives of a machine that is exchanged whole, and intervals.

A checkpoint is copied while the job stops, and written while it works on.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..checks import number
from ..ranges import Fraction
from ..reliability import Weibull, daly_interval, young_daly
from ..units import Seconds
from .answers import fields

MOST_LOST = 1e-3  # of the best share of work
LIVES = 300_000  # a search in steps of 4 % then loses less than half of that
Case = tuple[Seconds, Seconds, Seconds]  # T_copy, T_write, T_restart
Job = Callable[[Seconds, Seconds, Seconds], tuple[Seconds, Seconds]]
SLIPS: dict[str, Job] = {  # what another job would stop for, and what delays it once
    "a write does not stop the work here": lambda c, w, r: (c + w, r),
    "a segment counts when its write is done": lambda c, w, r: (c, r),
    "a life begins with a restart": lambda c, w, r: (c, w),
}


def planned(name: str, got: Any, *keys: str) -> list[float]:
    """Return the numbers that a plan, a dict, holds for some keys."""
    plan = fields(name, got, keys)
    return [number(f"{name}, {key}", plan[key]) for key in keys]


@dataclass(frozen=True)
class Lives:
    """Lives of machines of some kinds: a share of them, the shape and the mean."""

    kinds: tuple[tuple[float, float, Seconds], ...]

    @property
    def laws(self) -> list[tuple[float, Weibull]]:
        """The share of each kind, and its law."""
        return [
            (part, Weibull(mean / math.gamma(1 + 1 / shape), shape))
            for part, shape, mean in self.kinds
        ]

    @property
    def mean(self) -> Seconds:
        """The mean life."""
        return math.fsum(part * mean for part, _, mean in self.kinds)

    def survival(self, age: Any) -> Any:
        """Return the share that reaches an age."""
        return sum(part * law.survival(age) for part, law in self.laws)

    def drawn(self, seed: int, n: int = LIVES) -> Any:
        """Return an array of n lives, seconds."""
        return _drawn(self, seed, n).copy()


@lru_cache(maxsize=6)
def _drawn(life: Lives, seed: int, n: int) -> Any:
    rng = np.random.default_rng(seed)
    kind = rng.choice(len(life.kinds), n, p=[part for part, _, _ in life.kinds])
    scale, shape = np.array([(law.scale, law.shape) for _, law in life.laws]).T
    return scale[kind] * rng.weibull(shape[kind])


def stops_of(parts: int, shape: float, seed: int = 3) -> Any:
    """Return gaps between the stops of many parts, of mean 1; each is renewed alone."""
    rng, one = np.random.default_rng(seed), Lives(((1.0, shape, float(parts)),))
    draws = 900_000 // parts
    lives = one.drawn(int(rng.integers(10**6)), parts * draws).reshape(parts, draws)
    ends = np.sort(np.cumsum(lives, axis=1).ravel())
    return np.diff(ends[(ends > 1e5) & (ends < 5e5)])


def exact_share(
    tau: Seconds, life: Lives, T_copy: Seconds, T_write: Seconds, T_restart: Seconds
) -> Fraction:
    """Share of time that is work, for ever, where each repair makes the job as new.

    Segment k is on disk T_restart + k (tau + T_copy) + T_write after a failure, and a
    life reaches age t with probability S(t): their sum is the mean number that count.
    """
    return _share(tau, life, T_copy, T_restart + T_write)


def _share(tau: Seconds, life: Lives, stop: Seconds, first: Seconds) -> Fraction:
    """The same, of a job that stops after each segment and is late from the first."""
    ends: Any = first + (tau + stop) * np.arange(1, 20_000)
    return tau * float(np.sum(life.survival(ends))) / life.mean


def judged(name: str, got: Any, life: Lives, case: Case, best: Seconds) -> None:
    """AssertionError unless an interval costs at most 0.1 % of the share of work.

    best: the best interval, found beforehand.
    """
    tau = number(f"{name}, the interval", got)
    assert tau > 0, f"{name}: an interval is longer than {tau} s"
    short = f"{name}: your {tau:.0f} s are shorter than a write, {case[1]:.0f} s.  The "
    short += "copy before would still be on its way: one write at a time"
    assert tau >= case[1] * (1 - 1e-6), short
    top = exact_share(best, life, *case)
    lost = 1 - exact_share(max(tau, best / 100), life, *case) / top
    if lost > MOST_LOST:
        text = f"{name}: your {tau:.0f} s lose {lost:.3%} of the share of work that "
        text += f"can be had, {top:.2%}; at most 0.1 % is expected."
        raise AssertionError(text + _slip(tau, life, case))


def _slip(tau: Seconds, life: Lives, case: Case) -> str:
    """Say whose interval it is: an exponential law's, or the best of another job."""
    for whose, law in {"Young-Daly's": young_daly, "Daly's": daly_interval}.items():
        if abs(tau / law(case[0], life.mean) - 1) < 1e-3:
            return f"  That is {whose} interval, which assumes exponential lives."
    near = np.maximum(tau * np.geomspace(1 / 4, 4, 41), case[1])
    found = {}
    for what, job in SLIPS.items():
        most = max(_share(t, life, *job(*case)) for t in near)
        found[what] = 1 - _share(tau, life, *job(*case)) / most if most > 0 else 1.0
    what = min(found, key=lambda what: found[what])
    return f"  That suits another job: {what}." if found[what] < MOST_LOST / 2 else ""
