"""Laws of time over size, made to cross each other where a check wants it."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from ..checks import close
from ..ranges import Ratio
from ..units import Bytes, BytesPerSecond, Seconds
from .answers import returned
from .cost import curve

Law = Callable[[Bytes], Seconds]
CALLS = 500  # that a search for a crossing may make of each law


def line(alpha: Seconds, beta: BytesPerSecond) -> Law:
    """Return alpha + n/beta."""
    return lambda n: alpha + n / beta


def bent(alpha: Seconds, beta: BytesPerSecond) -> Law:
    """Return a law that is no line: alpha (1 + ln(1 + n)) + n^0.9/beta."""
    return lambda n: alpha * (1 + math.log1p(n)) + n**0.9 / beta


def tilted(law: Law, at: Bytes, power: Ratio = 0.3) -> Law:
    """Return a law that crosses another once, at one size: it is faster below."""
    return lambda n: law(n) * (n / at) ** power


def dipped(law: Law, at: Bytes) -> Law:
    """Return a law that is slower than another but around one size."""
    return lambda n: law(n) * (1 + 0.01 * (math.log(n / at) ** 2 - 1))


def crossed(
    name: str,
    crossing: Any,
    f: Law,
    g: Law,
    ends: tuple[Bytes, Bytes],
    want: Bytes,
    slips: Mapping[float, str] = {},
) -> None:
    """AssertionError unless crossing(f, g, *ends) is want, in few calls of each law."""
    one, other = curve(f), curve(g)
    got = returned(name, crossing, one, other, *ends)
    close(name, got, want, "B", slips, rel=1e-8)
    calls = max(one.calls, other.calls)
    assert calls <= CALLS, f"{name}: {calls} calls; bisection needs fewer than {CALLS}"
