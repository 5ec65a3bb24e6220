"""A cost to look up, which counts how often that is done."""

import threading
from collections.abc import Callable
from typing import Any

MOST = 20_000  # calls of one cost


class Cost:
    """A function of one thing.  What it computes with stays its own."""

    def __init__(self, f: Callable[[Any], Any]) -> None:
        """Give what f gives, to each who asks."""
        self._f, self._calls, self._turn = f, 0, threading.Lock()

    @property
    def calls(self) -> int:
        """Return how often it was asked."""
        return self._calls

    def __call__(self, x: Any) -> Any:
        """Return the cost of x; RuntimeError if too many were asked."""
        with self._turn:
            self._calls += 1
            if self._calls > MOST:
                raise RuntimeError(f"more than {MOST} calls of one cost")
        return self._f(x)


def curve(f: Callable[[float], Any]) -> Cost:
    """Return f as a cost of one number, such as a size; TypeError for all else."""

    def of(x: Any) -> float:
        if isinstance(x, str | bytes) or getattr(x, "ndim", False):
            raise TypeError(f"one number at a time, not {x!r:.40}")
        return float(f(float(x)))

    return Cost(of)
