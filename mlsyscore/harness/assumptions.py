"""A decision that rests on assumptions: it is asked about them, and keeps what was."""

import math
import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .capstone import Brief, largest_share

MOST = 5000  # questions that are kept
Ranges = dict[str, tuple[float, float]]
RESTS_ON = ("tokens", "load", "answer", "mtbf", "repair", "restart", "store", "apart")


class Decision:
    """The largest share of a limit that a design uses, under assumptions in a dict."""

    def __init__(
        self, share: Callable[[dict[str, float]], float], names: tuple[str, ...]
    ) -> None:
        """Answer with a share of all these names."""
        self._share, self._names, self._turn = share, names, threading.Lock()
        self._asked: list[dict[str, float]] = []

    def __call__(self, assumptions: Mapping[str, Any]) -> float:
        """Return the share; ValueError unless each assumption has a number."""
        if not isinstance(assumptions, Mapping) or set(assumptions) != {*self._names}:
            raise ValueError(f"a dict of {', '.join(self._names)} is expected")
        w = {name: float(assumptions[name]) for name in self._names}
        with self._turn:
            if len(self._asked) >= MOST:
                raise RuntimeError(f"more than {MOST} questions")
            self._asked.append(w)
        return float(self._share(w))


def drawn(
    seed: int, n: int, worth: float = 1.0, cliff: bool = False
) -> tuple[Decision, dict[str, float], Ranges]:
    """Return a decision on n assumptions, 4 or more, the plan, and their ranges.

    By plan it uses less than ``worth`` of its limits.  Some assumptions hurt where they
    rise, some where they fall, one in both directions, one only beside another; where
    two rise a queue never settles, with a cliff where one of them does.
    """
    rng = np.random.default_rng(seed)
    letters = [f"{'abcdefghijklmnop'[k]}{int(rng.integers(10, 99))}" for k in range(n)]
    names = tuple(letters[k] for k in rng.permutation(n))
    plan = {name: float(np.round(10 ** rng.uniform(-3, 6), 6)) for name in names}
    ends = (1 + rng.uniform(0.1, 0.5, (n, 2))).tolist()
    ranges = {
        k: (plan[k] / ends[i][0], plan[k] * ends[i][1]) for i, k in enumerate(names)
    }
    power, base = rng.uniform(-0.7, 0.7, (3, n)), rng.uniform(0.55, 0.9, 3)
    both, queue, idle, beside = rng.permutation(n)[:4]
    power[:, idle] = 0.0

    def share(w: dict[str, float]) -> float:
        x = np.array([math.log(w[name] / plan[name]) for name in names])
        up = x[both] > 0, x[queue] > 0
        if (cliff and any(up)) or (all(up) and x[both] + x[queue] > 0.3):
            return math.inf
        bent = power @ x + 0.5 * (x[idle] < 0 and x[beside] != 0)
        bent[0] += 0.6 * abs(x[both]) - power[0, both] * x[both]
        return worth * float(np.max(base * np.exp(bent)))

    return Decision(share, names), plan, ranges


def must_ask(
    label: str,
    decision: Decision,
    plan: Mapping[str, float],
    ranges: Ranges,
    together: int = 1,
) -> None:
    """AssertionError unless it was asked of the plan with so many ends at a time.

    And no more often than it takes.
    """
    n, asked = len(plan), decision._asked
    for w in asked:
        moved = [k for k in plan if w[k] != plan[k]]
        text = f"{label}: you ask with {len(moved)} assumptions changed, {moved[:4]}"
        assert len(moved) <= together, f"{text}; {together} at a time is enough"
        odd = [k for k in moved if w[k] not in ranges[k]]
        assert not odd, f"{label}: {odd[0]} is asked at {w[odd[0]]:g}, which is no end"
    most = 2 * n + 1 + (n * (n - 1) // 2 if together > 1 else 0)
    text = f"{label}: {len(asked)} questions; {most} are enough for {n} assumptions"
    assert len(asked) <= most, text


def resting_on(
    brief: Brief, design: Mapping[str, Any]
) -> tuple[Decision, dict[str, float], Ranges]:
    """Return the decision for a design, its brief's plan, and ranges of a quarter."""
    plan = {name: float(brief[name]) for name in RESTS_ON}

    def share(w: dict[str, float]) -> float:
        return largest_share({**brief, **w}, design)

    ranges = {name: (x / 1.25, x * 1.25) for name, x in plan.items()}
    return Decision(share, RESTS_ON), plan, ranges
