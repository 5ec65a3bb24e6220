"""A timetable of a pipeline, played by its rules."""

import itertools
from typing import Any

from ..checks import number
from .answers import values, whole

Task = tuple[int, str, int]  # stage, "F" or "B", microbatch
END = 1e-9  # what rounding may do to a time


def tasks(name: str, table: Any, p: int, m: int) -> dict[Task, float]:
    """Return the start of each task; AssertionError if one is unfit, or lacking."""
    starts: dict[Task, float] = {}
    for s, mine in enumerate(values(f"{name}: tasks by stage", table, p)):
        for task in values(f"{name}, stage {s}", mine, 2 * m):
            kind, j, t = values(f"{name}, a task (kind, j, start)", task, 3)
            fits = isinstance(kind, str) and kind in ("F", "B")
            assert fits, f"{name}: F or B is expected, not {kind!r:.20}"
            [j], t = whole(f"{name}, j", [j]), number(f"{name}, start", t)
            assert j in range(m), f"{name}: no microbatch {j}; {m}, counted from 0"
            twice = f"{name}: stage {s} does {kind}{j} twice"
            assert (s, str(kind), j) not in starts, twice
            assert t > -END, f"{name}: {kind}{j} starts at {t:g}, before 0"
            starts[s, str(kind), j] = t
    return starts


def played(name: str, table: Any, p: int, m: int, t_b: float) -> dict[Task, float]:
    """Return the start of each task; AssertionError if a rule is broken.

    A forward takes 1 and a backward t_b.
    """
    starts, long = tasks(name, table, p, m), {"F": 1.0, "B": t_b}
    for s in range(p):
        mine = sorted((t, *task) for task, t in starts.items() if task[0] == s)
        for (t, _, kind, j), (u, _, after, k) in itertools.pairwise(mine):
            assert t + long[kind] <= u + END, (
                f"{name}: stage {s} starts {after}{k} at {u:g}, while {kind}{j} runs "
                f"from {t:g} to {t + long[kind]:g}"
            )
    for (s, kind, j), t in starts.items():
        need = (s - 1, "F", j) if kind == "F" else (s + 1, "B", j)
        need = (s, "F", j) if kind == "B" and s == p - 1 else need
        done = starts[need] + long[need[1]] if need in starts else 0
        assert done <= t + END, (
            f"{name}: stage {s} starts {kind}{j} at {t:g}; it needs {need[1]}{j} of "
            f"stage {need[0]}, which ends at {done:g}"
        )
    return starts


def idle_share(starts: dict[Task, float], m: int, t_b: float) -> float:
    """Return the share of the time to the last end that a stage does nothing."""
    end = max(t + (1 if kind == "F" else t_b) for (_, kind, _), t in starts.items())
    return 1 - m * (1 + t_b) / end


def most_held(starts: dict[Task, float], s: int, m: int, t_b: float) -> int:
    """Return the most microbatches whose activations stage s holds at one time."""
    began = [starts[s, "F", j] for j in range(m)]
    ended = [starts[s, "B", j] + t_b for j in range(m)]
    return max(
        sum(b <= t for b in began) - sum(e <= t + END for e in ended) for t in began
    )
