"""Matrix products that carry their sums, some entries wrong, and verdicts on them."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Fault = tuple[int, int, float]  # row, column, and the value that stands there


def _sums(A: Array, B: Array) -> tuple[Array, Array]:
    return np.vstack([A, A.sum(0)]), np.column_stack([B, B.sum(1)])


def spoiled(A: Array, B: Array, faults: Iterable[Fault] = ()) -> Array:
    """Return the product of A and B with their sums, some entries of it wrong."""
    left, right = _sums(A, B)
    C = (left @ right).astype(A.dtype)
    for i, j, value in faults:
        C[i, j] = value
    return C


def limits(A: Array, B: Array) -> tuple[Array, Array, Array]:
    """Return the encoded product in float64, and the bounds of its rows and columns."""
    scale = (len(A) + len(B) + B.shape[1]) * np.finfo(A.dtype).eps
    A, B = A.astype(float), B.astype(float)
    left, right = _sums(A, B)
    S = scale * spoiled(abs(A), abs(B))
    return left @ right, S[:, -1], S[-1]


def ruled(
    name: str, answer: Any, verdict: str, product: Any = None, within: Any = 0.0
) -> None:
    """AssertionError unless an answer is the verdict and, where given, the product."""
    text = f"{name}: a pair (verdict, product) is expected, not {answer!r:.60}"
    pair = isinstance(answer, tuple | list) and len(answer) == 2
    assert pair, text
    said, got = str(answer[0]), np.asarray(answer[1])
    assert said == verdict, (
        f"{name}: the verdict {verdict!r} is expected, not {said!r:.60}"
    )
    if product is None:
        return
    text = f"{name}: the product's shape is {got.shape}; {product.shape} is expected"
    assert got.shape == product.shape, text
    assert got.dtype.kind in "iuf", f"{name}: a product of {got.dtype}"
    bad = np.argwhere(~(np.abs(got.astype(float) - product) <= within))
    assert len(bad) == 0, (
        f"{name}: {verdict}, but entry {tuple(bad[0].tolist())} of the product is "
        f"{got[tuple(bad[0])]:.6g}, not {product[tuple(bad[0])]:.6g}"
    )
