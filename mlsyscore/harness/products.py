"""Matrix products that carry their sums, some entries wrong, and verdicts on them."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Fault = tuple[int, int, float]  # row, column, and the value that stands there


def encoded_product(A: Array, B: Array, faults: Iterable[Fault] = ()) -> Array:
    """Return A @ B with the sums of its columns and rows; some entries are wrong.

    The sums travel through the product: they are not computed of it.
    """
    top = np.vstack([np.eye(len(A)), np.ones((1, len(A)))]).astype(A.dtype)
    side = np.vstack([np.eye(B.shape[1]), np.ones((1, B.shape[1]))]).astype(B.dtype)
    C = ((top @ A) @ (B @ side.T)).astype(A.dtype)
    for i, j, value in faults:
        C[i, j] = value
    return C


def rounding_limits(A: Array, B: Array) -> tuple[Array, Array, Array]:
    """Return the product with its sums in float64, and the bounds of rows and columns.

    (m + n + k) eps S, where S is made of |A| and |B| (Higham, Accuracy and Stability of
    Numerical Algorithms, 2002, section 3.1), to first order.
    """
    scale = (len(A) + len(B) + B.shape[1]) * np.finfo(A.dtype).eps
    A, B = A.astype(float), B.astype(float)
    S = scale * encoded_product(abs(A), abs(B))
    return encoded_product(A, B), S[:, -1], S[-1]


def ruled(
    name: str,
    verify: Callable[[Array, Array, Array], Any],
    pair: tuple[Array, Array],
    faults: Iterable[Fault],
    verdict: str,
    bound: Any = None,
) -> None:
    """AssertionError unless verify gives the verdict and, unless damaged, the product.

    bound: of each row and column, or those of all rows and of all columns; by default
    those of rounding.
    """
    exact, rows, columns = rounding_limits(*pair)
    if bound is not None:
        pairs = bound if isinstance(bound, tuple) else (bound, bound)
        rows = np.broadcast_to(pairs[0], len(rows)).astype(float)
        columns = np.broadcast_to(pairs[1], len(columns)).astype(float)
    answer = verify(encoded_product(*pair, faults), rows.copy(), columns.copy())
    text = f"{name}: a pair (verdict, product) is expected, not {answer!r:.60}"
    assert isinstance(answer, tuple | list), text
    assert len(answer) == 2, text
    said, got = str(answer[0]), answer[1]
    assert said == verdict, (
        f"{name}: the verdict {verdict!r} is expected, not {said!r:.60}"
    )
    if verdict != "damaged":
        _right(
            f"{name}: {verdict}, but", got, exact[:-1, :-1], 10 * _larger(rows, columns)
        )


def _larger(rows: Array, columns: Array) -> Array:
    return np.maximum(rows[:-1, None], columns[None, :-1])


def _right(text: str, got: Any, want: Array, within: Array) -> None:
    got = np.asarray(got)
    wrong = f"{text} the product's shape is {got.shape}; {want.shape} is expected"
    assert got.shape == want.shape, wrong
    assert got.dtype.kind in "iuf", f"{text} it is a product of {got.dtype}"
    bad = np.argwhere(~(np.abs(got.astype(float) - want) <= within))
    assert len(bad) == 0, (
        f"{text} entry {tuple(bad[0].tolist())} of the product is "
        f"{got[tuple(bad[0])]:.6g}, not {want[tuple(bad[0])]:.6g}"
    )
