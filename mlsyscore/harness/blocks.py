"""The operators of a transformer block: how an answer's list is read and drawn."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..checks import number
from ..units import ms
from .answers import values

OPERATORS = ("qkv", "scores", "softmax", "mix", "proj", "up", "down")
COLOURS = {"compute": "C0", "memory": "C1", "launch": "0.8"}
HATCHES = {"compute": "", "memory": "//", "launch": ".."}


def by_name(answer: Any) -> dict[str, tuple[float, float]]:
    """Return {name: (FLOP, bytes)}; AssertionError unless all seven are in order."""
    rows = [values("an operator", op, 3) for op in values("block", answer, 7)]
    names = [str(row[0]) for row in rows]
    text = f"the operators are {names}; {list(OPERATORS)} are expected"
    assert names == list(OPERATORS), text
    return {
        name: (number(f"{name}, operations", O), number(f"{name}, bytes", D_vol))
        for name, (_, O, D_vol) in zip(names, rows, strict=True)
    }


def draw_blocks(cases: Mapping[str, Mapping[str, Sequence[Any]]]) -> None:
    """Draw the times of a block's operators one after another, a bar for each case.

    cases: label -> what an account says, its "times" and its "walls".
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    rows = [(label, seen["times"], seen["walls"]) for label, seen in cases.items()]
    fig, _ = plt.subplots(len(rows), 1, figsize=(6.4, 1.1 * len(rows) + 1))
    for ax, (label, times, walls) in zip(fig.axes, rows, strict=True):
        start = 0.0
        for name, t, wall in zip(OPERATORS, times, walls, strict=True):
            bar = ax.barh(0, t / ms, left=start / ms, color=COLOURS[wall], ec="w")
            bar[0].set_hatch(HATCHES[wall])
            start += t
            if t > sum(times) / 12:
                middle = (start - t / 2) / ms
                ax.text(middle, 0.5, name, ha="center", va="bottom", fontsize=9)
        ax.set(yticks=[], xlim=(0, start / ms), ylim=(-0.5, 1.1))
        ax.set_title(f"{label}: {start / ms:.3g} ms", fontsize=10, loc="left")
        ax.grid(False)
    fig.axes[-1].set_xlabel("time (ms)")
    key = [Patch(fc=COLOURS[w], hatch=HATCHES[w], ec="w", label=w) for w in COLOURS]
    fig.legend(handles=key, loc="outside upper right", ncols=3, fontsize=9)
