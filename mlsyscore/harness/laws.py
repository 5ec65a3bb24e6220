"""Laws of time over size, made to cross each other where a check wants it."""

import math
from collections.abc import Callable

from ..ranges import Ratio
from ..units import Bytes, BytesPerSecond, Seconds

Law = Callable[[Bytes], Seconds]


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
