"""Matrices in few bits: whether codes and scales are what they should be."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import close
from .answers import values

Matrix = NDArray[np.float64]
SCALES = {"tensor": None, "row": 1, "column": 0}  # over which axis one scale reaches


def coded(name: str, answer: Any, W: Matrix, bits: int, per: str) -> Matrix:
    """Return what codes and scales stand for; AssertionError unless they are right.

    Whole codes of so many bits, the largest of each scale used, each value within half
    a scale, and the bytes counted.
    """
    codes, scales, size = values(f"{name}: (codes, scales, bytes)", answer, 3)
    c, s = (
        _array(f"{name}: {what}", x)
        for what, x in zip(("codes", "scales"), (codes, scales), strict=True)
    )
    assert c.shape == W.shape, f"{name}: codes of shape {c.shape}, not {W.shape}"
    many = {"tensor": 1, "row": W.shape[0], "column": W.shape[1]}[per]
    assert s.size == many, f"{name}: {s.size} scales; {many} are expected"
    s = s.reshape({"tensor": (1, 1), "row": (-1, 1), "column": (1, -1)}[per])
    assert (c == np.round(c)).all(), f"{name}: the codes are no whole numbers"
    top = 2 ** (bits - 1) - 1
    assert np.abs(c).max() <= top, (
        f"{name}: a code of {c.flat[np.abs(c).argmax()]:g}; {-top} to {top} are allowed"
    )
    assert (s > 0).all(), f"{name}: a scale is not above 0"
    back: Matrix = c * s
    off = np.abs(back - W) - s / 2
    assert (off <= 0.02 * s).all(), (  # single precision will do
        f"{name}: a value is {(off + s / 2).flat[(off / s).argmax()]:.4g} from its "
        "own, more than half of its scale"
    )
    most = np.abs(W).max(axis=SCALES[per], keepdims=True)
    tight = np.where(most > 0, np.abs(s * top / np.where(most > 0, most, 1) - 1), 0)
    assert tight.max() < 1e-4, (
        f"{name}: a scale is not the largest magnitude over {top}: codes are wasted"
    )
    close(f"{name}, bytes", size, math.ceil(W.size * bits / 8) + 4 * many, "B")
    return back


def _array(name: str, x: Any) -> Matrix:
    if hasattr(x, "detach"):
        x = x.detach().numpy()
    try:
        found = np.asarray(x, float)
    except (TypeError, ValueError):
        raise AssertionError(f"{name}: numbers are expected, not {x!r:.40}") from None
    assert np.isfinite(found).all(), f"{name}: not all are finite"
    return found
