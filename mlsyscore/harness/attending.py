"""What checks ask of attention on a chip that counts, and of pieces of a softmax."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .answers import numbers, values
from .tiles import Chip, Full, Matrix


def room_for(d: int, b: int) -> int:
    """Return the room in which tiles of b rows fit, if each step frees its own."""
    return 8 * b * d + 5 * b * b + 16 * b


def attended(
    name: str,
    tiled: Callable[..., Any],
    queries: int,
    keys: int,
    d: int,
    b: int,
    *,
    large: float = 1.0,
    low: bool = False,
    seed: int = 17,
) -> Chip:
    """Let an answer compute attention on a chip; return the chip.

    large: factor of the queries.  low: all scores are below 0.  AssertionError unless
    the result is attention's, each row of it stored once, each of Q loaded once, and
    none of K or V more often than tiles of b rows need.
    """
    rng = np.random.default_rng(seed)
    Q, K, V = (rng.normal(size=(rows, d)) for rows in (queries, keys, keys))
    if low:
        Q, K = -np.abs(Q) - 0.5, np.abs(K) + 0.5
    Q = large * Q
    matrices = {"Q": Q, "K": K, "V": V, "O": np.full((queries, d), np.nan)}
    chip = Chip(matrices, room_for(d, b))
    try:
        tiled(chip, queries, keys, d, b)
    except (Full, IndexError, KeyError, ValueError, TypeError) as e:
        raise AssertionError(f"{name}: {type(e).__name__}: {e}") from None
    written = chip._times["O"]
    assert written.all(), f"{name}: {int((written == 0).any(1).sum())} rows of O lack"
    assert written.max() == 1, f"{name}: a row of O is stored more than once"
    want = attention(Q, K, V)
    off = np.abs(chip._matrices["O"] - want)
    text = f"{name}: the first row of O that is wrong is"
    wrong = np.flatnonzero(~(off <= 1e-9 * (1 + np.abs(want))).all(axis=1))
    hint = "" if np.isfinite(chip._matrices["O"]).all() else "; not all is finite"
    assert not wrong.size, f"{text} {wrong[0]} of {queries}{hint}"
    least = queries * d + 2 * keys * d
    text = f"{name}: {chip._loaded} numbers were loaded; Q, K and V hold {least}"
    assert all(chip._loads[key].all() for key in "QKV"), text
    tiles = math.ceil(queries / b)
    for key, most in (("Q", 1), ("K", tiles), ("V", tiles)):
        times = int(chip._loads[key].max())
        assert times <= most, (
            f"{name}: a row of {key} was loaded {times} times; tiles of {b} rows need "
            f"{most}: each row of Q once, K and V once for each tile of Q"
        )
    return chip


def attention(Q: Matrix, K: Matrix, V: Matrix) -> Matrix:
    """Return softmax(Q K'/sqrt(d)) V, with all scores at once."""
    x = Q @ K.T / math.sqrt(Q.shape[1])
    p = np.exp(x - x.max(axis=1, keepdims=True))
    result: Matrix = p @ V / p.sum(axis=1, keepdims=True)
    return result


def piece(x: Any, V: Any) -> tuple[float, float, list[float]]:
    """Return (m, l, u) of some scores and values: their softmax, not yet divided."""
    x, V = np.asarray(x, float), np.asarray(V, float)
    m = float(x.max()) if x.size else -math.inf
    if m == -math.inf:
        return m, 0.0, [0.0] * V.shape[1]
    p = np.exp(x - m)
    return m, float(p.sum()), [float(value) for value in p @ V]


def read_piece(name: str, answer: Any, n: int) -> tuple[float, float, list[float]]:
    """Return (m, l, u) of an answer; m may be minus infinity, u holds n numbers."""
    m, l, u = values(f"{name}: (m, l, u)", answer, 3)
    try:
        m = float(m)
    except (TypeError, ValueError):
        raise AssertionError(f"{name}: m is {m!r:.40}, and no number") from None
    assert m < math.inf, f"{name}: m is {m}"  # so it is no NaN either
    (l,) = numbers(f"{name}: l", [l])
    return m, l, numbers(f"{name}: u", u, n)


def same_piece(
    name: str,
    got: tuple[float, float, list[float]],
    want: tuple[float, float, list[float]],
) -> None:
    """AssertionError unless two pieces are one, to a part in a million."""
    empty = want[0] == -math.inf
    fine = got[0] == want[0] if empty else math.isclose(got[0], want[0], rel_tol=1e-6)
    assert fine, f"{name}: m is {got[0]:.7g}, and {want[0]:.7g} is expected"
    text = f"{name}: l is {got[1]:.7g}, and {want[1]:.7g} is expected"
    assert math.isclose(got[1], want[1], rel_tol=1e-6), text
    off = np.abs(np.subtract(got[2], want[2])).max()
    assert off <= 1e-6 * (1 + want[1]), f"{name}: u is {got[2]}, not {want[2]}"
