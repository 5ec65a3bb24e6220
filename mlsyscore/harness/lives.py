"""Plans of a run, lives of a machine that is exchanged whole, and intervals."""

import math
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

    def drawn(self, seed: int, n: int = 1_000_000) -> Any:
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
    tau: Seconds, life: Lives, T_write: Seconds, T_restart: Seconds
) -> Fraction:
    """Share of time that is work, for ever, where each repair makes the job as new.

    A life reaches age t with probability S(t), so S(T_restart + s) + S(T_restart + 2 s)
    + ... segments of s = tau + T_write are written in it on average.
    """
    ends: Any = T_restart + (tau + T_write) * np.arange(1, 20_000)
    return tau * float(np.sum(life.survival(ends))) / life.mean


def judged(
    name: str, got: Any, life: Lives, case: tuple[Seconds, Seconds], best: Seconds
) -> None:
    """AssertionError unless an interval costs at most 0.1 % of the share of work.

    case: T_write and T_restart; best: the best interval, found beforehand.
    """
    tau = number(f"{name}, the interval", got)
    assert tau > 0, f"{name}: an interval is longer than {tau} s"
    top = exact_share(best, life, *case)
    lost = 1 - exact_share(max(tau, best / 100), life, *case) / top
    text = f"{name}: your {tau:.0f} s lose {lost:.3%} of the share of work that can be "
    text += f"had, {top:.2%}; at most 0.1 % is expected."
    for whose, law in {"Young-Daly's": young_daly, "Daly's": daly_interval}.items():
        if abs(tau / law(case[0], life.mean) - 1) < 1e-3:
            text += f"  That is {whose} interval, which assumes exponential lives."
    assert lost <= MOST_LOST, text
