"""Programs that publish a number with noise, and what an audit says of them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import number
from .answers import numbers

Array = NDArray[np.float64]
MOST = 1_000_000  # draws that a program has on each side


class Mechanism:
    """A program to audit.  Each run publishes one number, with or without a record.

    noise: "laplace" or "normal"; shift: what the record adds; scale: of the noise, b or
    sigma; runs: that may be drawn on each side.  A "coin" publishes 0 or 1, as evenly
    as can be: a share (1 + shift) / 2 of ones with the record, (1 - shift) / 2 without.
    """

    def __init__(
        self, noise: str, shift: float, scale: float, seed: int, runs: int = 20_000
    ) -> None:
        self._noise, self._shift, self._scale = noise, shift, scale
        self._rng = np.random.default_rng(seed)
        self._left = {False: min(runs, MOST), True: min(runs, MOST)}
        self._runs = self._left[True]

    def draw(self, record: bool, n: int) -> Array:
        """Return the numbers that n new runs publish, with the record or without it.

        Raises ValueError for more runs than are left on that side.
        """
        side, n = bool(record), int(n)
        if not 1 <= n <= self._left[side]:
            raise ValueError(f"{n} runs asked, {self._left[side]} are left")
        before = self._runs - self._left[side]
        self._left[side] -= n
        if self._noise == "coin":
            k = np.arange(before, before + n + 1)
            ones = (1 + self._shift) / 2 if side else (1 - self._shift) / 2
            return np.diff(np.floor(k * ones + 1e-9))
        sampler: Any = getattr(self._rng, self._noise)
        noise: Array = sampler(0.0, self._scale, n)
        return noise + (self._shift if side else 0.0)


def floor_found(
    name: str,
    audit: Callable[..., Any],
    mechanism: Mechanism,
    delta: float,
    error: float,
) -> float:
    """Return an audit's floor; AssertionError if it drew nothing or is below 0."""
    got = number(name, audit(mechanism, mechanism._runs, delta, error))
    drawn = {side: mechanism._runs - left for side, left in mechanism._left.items()}
    few = min(drawn.values())
    assert few, f"{name}: an audit needs runs with and without the record; {drawn}"
    assert got >= 0, f"{name}: a floor below 0 says nothing; 0 is expected"
    return got


def follows(
    name: str,
    answer: Any,
    runs: int,
    law: Callable[[Array], Array],
    slips: dict[float, str] | None = None,
    spread: float = 1.0,
) -> Array:
    """Return a sample; AssertionError unless it could be drawn from a law.

    law: its distribution function; slips: what a ratio to `spread`, the law's mean
    distance from its median, may mean.  The largest gap of a right sample passes the
    limit once in 10^9 times (Dvoretzky, Kiefer, Wolfowitz; Massart).
    """
    x = np.sort(numbers(name, answer, runs))
    values = len(np.unique(x))
    assert values > 0.99 * runs, (
        f"{name}: {runs} results hold {values} values; each draws noise of its own"
    )
    F, k = law(x), np.arange(runs)
    gap = float(np.maximum((k + 1) / runs - F, F - k / runs).max())
    if gap <= math.sqrt(math.log(2e9) / (2 * runs)):
        return x
    middle = float(np.median(x))
    has = float(np.abs(x - middle).mean())
    text = f"{name}: your results lie around {middle:.6g}, {has:.4g} off on average; "
    text += f"{spread:.4g} off is expected, or another shape or centre"
    for ratio, slip in (slips or {}).items():
        if abs(has / spread / ratio - 1) < 0.1:
            text += f".  {slip}?"
    raise AssertionError(text)
