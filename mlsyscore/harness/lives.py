"""Plans of a run, lives of a job that each repair makes as new, and intervals."""

import math
from typing import Any

import numpy as np

from ..checks import number
from ..ranges import Fraction
from ..reliability import Weibull, daly_interval, young_daly
from ..units import Seconds
from .answers import fields


def planned(name: str, got: Any, *keys: str) -> list[float]:
    """Return the numbers that a plan, a dict, holds for some keys."""
    plan = fields(name, got, keys)
    return [number(f"{name}, {key}", plan[key]) for key in keys]


def weibull_of(shape: float, mtbf: Seconds) -> Weibull:
    """Return Weibull lives of a shape and a mean."""
    return Weibull(mtbf / math.gamma(1 + 1 / shape), shape)


def drawn(seed: int, life: Weibull, n: int = 1_000_000) -> Any:
    """Return an array of n lives, seconds."""
    return life.scale * np.random.default_rng(seed).weibull(life.shape, n)


def exact_share(
    tau: Seconds, life: Weibull, T_write: Seconds, T_restart: Seconds
) -> Fraction:
    """Share of time that is work, for ever, where each repair makes the job as new.

    A life reaches age t with probability S(t), so S(T_restart + s) + S(T_restart + 2 s)
    + ... segments of s = tau + T_write are written in it on average.
    """
    ends: Any = T_restart + (tau + T_write) * np.arange(1, 20_000)
    return tau * float(np.sum(life.survival(ends))) / life.mean


def exact_best(life: Weibull, T_write: Seconds, T_restart: Seconds) -> Seconds:
    """Interval of the largest exact share, to 0.02 %."""
    taus = young_daly(T_write, life.mean) * np.geomspace(1 / 3, 3, 25)
    for _ in range(4):
        shares = [exact_share(tau, life, T_write, T_restart) for tau in taus]
        i = min(max(int(np.argmax(shares)), 1), len(taus) - 2)
        taus = np.geomspace(taus[i - 1], taus[i + 1], 9)
    return float(taus[4])


def judged(
    name: str, got: Any, life: Weibull, T_write: Seconds, T_restart: Seconds
) -> None:
    """AssertionError unless an interval costs at most 0.05 % of the share of work."""
    tau = number(f"{name}, the interval", got)
    assert tau > 0, f"{name}: an interval is longer than {tau} s"
    best = exact_best(life, T_write, T_restart)
    have = exact_share(max(tau, best / 100), life, T_write, T_restart)
    lost = 1 - have / exact_share(best, life, T_write, T_restart)
    text = f"{name}: your {tau:.0f} s lose {lost:.2%} of the share of work that can be "
    text += f"had; at most 0.05 % is expected.  The best is {best:.0f} s."
    for whose, law in {"Young-Daly's": young_daly, "Daly's": daly_interval}.items():
        if abs(tau / law(T_write, life.mean) - 1) < 1e-3:
            text += f"  That is {whose} interval, which assumes exponential lives."
    assert lost <= 5e-4, text
