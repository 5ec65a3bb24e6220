"""What the labs' checks say: what came, what was expected, the unit, the usual slip."""

import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from .units import GB, MB, TB, ms, us

UNITS = {"": 1.0, "s": 1.0, "ms": ms, "us": us, "B": 1.0, "MB": MB, "GB": GB, "TB": TB}
BYTES = {8: "bits for bytes", 1 / 8: "bytes for bits", 2: "both directions"}
BYTES |= {1.024**3: "GiB for GB", 1.024**2: "MiB for MB"}
PREFIX = {1e3: "a prefix", 1e-3: "a prefix"}


def general(unit: str) -> dict[float, str]:
    """Return the slips that a unit lends itself to: of hops there are no thousands."""
    of = unit.partition("/")[0]
    amount = of in ("B", "KB", "MB", "GB", "TB")
    prefixed = amount or of in ("s", "ms", "us", "FLOP", "TFLOP", "W", "kW", "J")
    return (BYTES if amount else {}) | (PREFIX if prefixed else {})


def apart(a: float, b: float) -> tuple[str, str]:
    """Write two numbers with as many digits as it takes to tell them apart."""
    for digits in range(6, 18):
        if (one := f"{a:.{digits}g}") != (other := f"{b:.{digits}g}"):
            break
    return one, other


def number(name: str, got: Any) -> float:
    """Return got as a float; AssertionError if it is no finite number.

    A Fraction, a Decimal, an array or a tensor without dimensions is a number too.
    """
    if type(got).__module__ == "torch" and getattr(got, "ndim", None) == 0:
        got = got.item()
    real = isinstance(got, int | float | Fraction | Decimal)
    real = real and not isinstance(got, bool)
    if isinstance(got, np.generic | np.ndarray):
        real = got.ndim == 0 and got.dtype.kind in "iuf"
    assert real, f"{name}: one number is expected, not {type(got).__name__} {got!r:.60}"
    assert math.isfinite(got), f"{name}: a finite number is expected, not {got}"
    return float(got)


def close(
    name: str,
    got: Any,
    want: float,
    unit: str = "",
    slips: Mapping[float, str] = {},
    *,
    rel: float = 1e-6,
    show: bool = True,
) -> None:
    """AssertionError unless got is want, in the unit; a ratio in slips says why not.

    The general slips are the unit's own: bits for bytes, a prefix.  A unit that is not
    in UNITS has the size 1.  Unless show, want is not given away.
    """
    got, size = number(name, got), UNITS.get(unit, 1.0)
    if abs(got - want) <= rel * abs(want) + 1e-15:
        return
    value, wanted = (f"{x} {unit}".rstrip() for x in apart(got / size, want / size))
    text = f"{name}: you have {value}"
    text += f"; {wanted} is expected." if show else "; that is not it."
    for ratio, slip in (general(unit) | dict(slips)).items():
        if abs(got - ratio * want) <= 1e-3 * abs(ratio * want) + 1e-15:
            text += f" The ratio is {ratio:.4g}: {slip}?"
            break
    raise AssertionError(text)


def same(
    name: str, got: Any, want: Any, *, rel: float = 1e-9, show: bool = True
) -> None:
    """AssertionError unless got is an array like want, value by value."""
    array = isinstance(got, np.ndarray) and got.dtype.kind in "iuf"
    assert array, f"{name}: an array is expected, not {type(got).__name__} {got!r:.60}"
    want = np.asarray(want, float)
    wrong = f"{name}: the shape is {got.shape}; {want.shape} is expected"
    assert got.shape == want.shape, wrong
    assert np.all(np.isfinite(got)), f"{name}: it holds values that are not finite"
    bad = np.flatnonzero(np.abs(got - want) > rel * (1 + np.abs(want)))
    if bad.size:
        i = bad[0]
        has, wanted = apart(got.flat[i], want.flat[i])
        text = f"{name}: {bad.size} of {want.size} values are wrong; the first, at "
        text += f"{i}, is {has}"
        raise AssertionError(text + (f" and not {wanted}" if show else ""))
