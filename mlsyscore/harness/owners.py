"""Who owns which elements of a list of tensors, and what a rank holds of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..checks import number
from ..units import GB
from .answers import fields, values, whole

HELD = ("weights", "gradients", "optimizer", "gathered")
LOOKS = ("C0-", "C1--", "C2-.", "C3:")


def piece(name: str, answer: Any, sizes: Sequence[int]) -> tuple[int, int, int]:
    """Return (i, start, stop); AssertionError if it is no part of a tensor."""
    i, a, b = whole(f"{name}, a piece (i, start, stop)", answer, 3)
    assert 0 <= i < len(sizes), f"{name}: no tensor {i}; {len(sizes)}, counted from 0"
    assert 0 <= a < b <= sizes[i], (
        f"{name}: a piece ({i}, {a}, {b}); tensor {i} has {sizes[i]} elements, "
        "counted from 0, stop is one past the last, and no piece is empty"
    )
    return i, a, b


def who_owns(
    name: str, answer: Any, sizes: Sequence[int], d: int
) -> tuple[list[int], list[int]]:
    """Return the rank that owns each element of the buffer, and how many each owns.

    answer: d lists of pieces (i, start, stop).  AssertionError if an element has no
    owner or two, or if a rank's pieces are not in the order of the buffer.
    """
    owner = [np.full(n, -1) for n in sizes]
    for r, mine in enumerate(values(name, answer, d)):
        last = (-1, 0)
        for got in values(f"{name}: the pieces of rank {r}", mine):
            i, a, b = piece(name, got, sizes)
            taken = f"{name}: elements {a} to {b - 1} of tensor {i} have two owners"
            assert (owner[i][a:b] < 0).all(), taken
            owner[i][a:b] = r
            assert last < (i, a), f"{name}: rank {r} has its pieces out of order"
            last = i, a
    flat = np.concatenate(owner)
    lost = int(np.sum(flat < 0))
    assert not lost, f"{name}: {lost} elements have no owner"
    return flat.tolist(), [int(np.sum(flat == r)) for r in range(d)]


def held_bytes(name: str, answer: Any) -> dict[str, float]:
    """Return the four numbers of what a rank holds; AssertionError if one lacks."""
    got = fields(name, answer, HELD)
    return {k: number(f"{name}, {k}", got[k]) for k in HELD}


def draw_held(ranks: Sequence[int], lines: dict[str, Sequence[float]]) -> None:
    """Draw bytes of a rank over the number of ranks, one line for each label."""
    import matplotlib.pyplot as plt

    _, ax = plt.subplots()
    for (label, held), look in zip(lines.items(), LOOKS, strict=False):
        ax.loglog(ranks, np.divide(held, GB), look, label=label)
    ax.set(xlabel="ranks", ylabel="memory of a rank (GB)")
    ax.legend()
