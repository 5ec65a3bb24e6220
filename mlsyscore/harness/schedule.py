"""Schedules that an answer gives as lists of times: read, compared and drawn."""

from collections.abc import Mapping, Sequence
from typing import Any

from .answers import numbers, values


def times(label: str, answer: Any, names: str, n: int) -> list[list[float]]:
    """Return the lists of n times that an answer holds; names: of each, with spaces.

    AssertionError if it holds others.
    """
    of = names.split()
    parts = values(f"{label}: ({', '.join(of)})", answer, len(of))
    return [numbers(f"{label}: {k}", x, n) for k, x in zip(of, parts, strict=True)]


def agree(
    label: str,
    name: str,
    got: Sequence[float],
    want: Sequence[float],
    slips: Mapping[tuple[int, float], str] = {},
) -> None:
    """AssertionError at the first time that is not the one expected.

    slips: (place, time) -> what leads to that time at that place.
    """
    size = max((abs(t) for t in want), default=0.0)
    for i, (have, due) in enumerate(zip(got, want, strict=True)):
        if abs(have - due) <= 1e-6 * size + 1e-12:
            continue
        text = f"{label}: {name}[{i}] is {have:.6g} s; {due:.6g} s is expected."
        for (place, time), slip in slips.items():
            if place == i and abs(time - have) <= 1e-6 * size:
                text += f"  {slip}?"
        raise AssertionError(text)


def drawn(
    reads: Sequence[float],
    computes: Sequence[float],
    begun: Sequence[float],
    taken: Sequence[float],
) -> None:
    """Draw a schedule: reads on as many lines as overlap, the accelerator below."""
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(figsize=(6.4, 2.6))
    ends: list[float] = []  # of the last read on each line
    for i, (start, t) in enumerate(zip(begun, reads, strict=True)):
        line = next((k for k, end in enumerate(ends) if end <= start + 1e-9), len(ends))
        ends[line : line + 1] = [start + t]
        ax.barh(line + 1, t, left=start, color="C1", edgecolor="white", hatch="..")
        ax.text(start + t / 2, line + 1, str(i), ha="center", va="center")
    done = 0.0
    for i, (start, t) in enumerate(zip(taken, computes, strict=True)):
        wait = max(start - done, 0.0)
        ax.barh(0, wait, left=done, color="0.8", edgecolor="0.4", hatch="///")
        ax.barh(0, t, left=start, color="C0", edgecolor="white")
        ax.text(start + t / 2, 0, str(i), ha="center", va="center", color="white")
        done = start + t
    names = ["compute", *(f"read, line {k + 1}" for k in range(len(ends)))]
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="time (s)", xlim=(0, None))
