"""A timetable of a pipeline, played by its rules.

F, B and W: forward, backward to the inputs, backward to the weights.
"""

import itertools
from typing import Any

from ..checks import number
from .answers import values, whole

Task = tuple[int, str, int]  # stage, kind, microbatch
END = 1e-9  # what rounding may do to a time
LOOKS = {"F": ("#cfe4f2", "black"), "B": ("C0", "white"), "W": ("C2", "white")}


def tasks(name: str, table: Any, p: int, m: int) -> dict[Task, float]:
    """Return the start of each task; AssertionError if one is unfit, or lacking."""
    starts: dict[Task, float] = {}
    for s, mine in enumerate(values(f"{name}: tasks by stage", table, p)):
        for task in values(f"{name}, stage {s}", mine, 3 * m):
            kind, j, t = values(f"{name}, a task (kind, j, start)", task, 3)
            fits = isinstance(kind, str) and kind in ("F", "B", "W")
            assert fits, f"{name}: F, B or W is expected, not {kind!r:.20}"
            [j], t = whole(f"{name}, j", [j]), number(f"{name}, start", t)
            assert j in range(m), f"{name}: no microbatch {j}; {m}, counted from 0"
            twice = f"{name}: stage {s} does {kind}{j} twice"
            assert (s, str(kind), j) not in starts, twice
            assert t > -END, f"{name}: {kind}{j} starts at {t:g}, before 0"
            starts[s, str(kind), j] = t
    return starts


class Played:
    """A timetable whose every task fits the rules; what came of it."""

    def __init__(
        self, name: str, table: Any, p: int, m: int, t_b: float, t_w: float
    ) -> None:
        """Play it: a forward takes 1, a B t_b and a W t_w.

        AssertionError if a task is lacking, overlaps another or comes too early.
        """
        self.name = f"{name}: " * bool(name) + f"p = {p}, m = {m}, t_b = {t_b:g}"
        self.name += f", t_w = {t_w:g}"
        self.p, self.m, self.took = p, m, {"F": 1.0, "B": t_b, "W": t_w}
        self.starts = tasks(self.name, table, p, m)
        self._one_at_a_time()
        self._in_order()

    def _ends(self, task: Task) -> float:
        return self.starts[task] + self.took[task[1]]

    def _one_at_a_time(self) -> None:
        for s in range(self.p):
            mine = sorted((t, *x) for x, t in self.starts.items() if x[0] == s)
            for (t, _, kind, j), (u, _, after, k) in itertools.pairwise(mine):
                end = t + self.took[kind]
                assert end <= u + END, (
                    f"{self.name}: stage {s} starts {after}{k} at {u:g}, while "
                    f"{kind}{j} runs from {t:g} to {end:g}"
                )

    def _in_order(self) -> None:
        for (s, kind, j), t in self.starts.items():
            before = {"F": (s - 1, "F", j), "B": (s + 1, "B", j), "W": (s, "B", j)}
            need = (s, "F", j) if (kind, s) == ("B", self.p - 1) else before[kind]
            done = self._ends(need) if need in self.starts else 0.0
            assert done <= t + END, (
                f"{self.name}: stage {s} starts {kind}{j} at {t:g}; it needs "
                f"{need[1]}{j} of stage {need[0]}, which ends at {done:g}"
            )

    @property
    def first(self) -> float:
        """When the first task starts."""
        return min(self.starts.values())

    @property
    def end(self) -> float:
        """When the last task ends."""
        return max(self._ends(task) for task in self.starts)

    @property
    def idle(self) -> float:
        """How long each stage does nothing, from 0 to the end of the last task."""
        return self.end - self.m * sum(self.took.values())

    def held(self, s: int) -> int:
        """Return the most microbatches whose activations stage s holds at one time."""
        began = [self.starts[s, "F", j] for j in range(self.m)]
        ended = [self._ends((s, "W", j)) for j in range(self.m)]
        return max(
            sum(b <= t for b in began) - sum(e <= t + END for e in ended) for t in began
        )

    def draw(self) -> None:
        """Draw it: a row for each stage, a box for each task, with its microbatch."""
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(7, 0.6 * self.p + 1))
        ax.barh(range(self.p), self.end, 0.9, color="0.9", ec="0.6", hatch="///", lw=0)
        for (s, kind, j), start in self.starts.items():
            shade, ink = LOOKS[kind]
            wide = self.took[kind]
            ax.barh(s, wide, 0.9, start, color=shade, ec="white")
            at = start + wide / 2, s
            ax.text(*at, f"{j}", ha="center", va="center", fontsize=9, color=ink)
        ax.grid(visible=False)
        ax.invert_yaxis()
        ax.set(xlabel="time (forwards)", ylabel="stage", yticks=range(self.p))
        words = "light: forward, blue: B, green: W, hatched: idle"
        ax.set_title(words, fontsize=10)
