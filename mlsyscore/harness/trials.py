"""Fleets that are tried, and what was found of them."""

import math
import threading
from collections.abc import Callable, Container, Mapping
from fractions import Fraction
from typing import Any

from ..checks import close, number
from ..units import Seconds
from .answers import values

_LOCK = threading.Lock()  # calls may come from several threads


class Trials:
    """A job that can be tried on some sizes of a fleet: call it, as a function of N.

    It counts the calls; after the last one allowed it raises RuntimeError.
    """

    def __init__(
        self, law: Callable[[int], Seconds], sizes: Container[int], allowed: int = 200
    ) -> None:
        self._law, self._sizes, self._allowed, self._calls = law, sizes, allowed, 0

    def __call__(self, N: Any) -> Seconds:
        """Return the seconds of a step on N machines; LookupError for no such fleet."""
        with _LOCK:
            self._calls += 1
            if self._calls > self._allowed:
                raise RuntimeError(f"more than {self._allowed} calls of step")
        n = N.item() if getattr(N, "ndim", None) == 0 else N  # numpy's, torch's
        if not isinstance(n, int | float | Fraction):
            raise TypeError(f"a number of machines is expected, not {N!r:.60}")
        # A range looks for an int at once, and for any other number one by one.
        if n % 1 != 0 or int(n) not in self._sizes:
            raise LookupError(f"there is no fleet of {N!r:.60}")
        return float(self._law(int(n)))


def trials_of(table: Mapping[int, Seconds]) -> Trials:
    """Return a job whose step was timed on the fleets of a table."""
    return Trials(table.__getitem__, table, allowed=10_000)


def calls(step: Trials) -> int:
    """Return how often a job was tried, or somebody wanted to."""
    return step._calls


def least(name: str, got: Any, step: Trials, near: float, most: int) -> None:
    """AssertionError unless N is as fast as the sizes next to where calculus points."""
    N = number(f"{name}, N", got)
    whole = N % 1 == 0 and 1 <= N <= most
    assert whole, f"{name}: there is no fleet of {N:.6g}"
    ends = [min(max(round_(near), 1), most) for round_ in (math.floor, math.ceil)]
    best, T = min(map(step._law, ends)), step._law(int(N))
    assert best * (1 + 1e-12) >= T, (
        f"{name}: your {N:.0f} machines take {T:.6g} s; another size is faster by "
        f"{T - best:.2g} s"
    )
    asked = calls(step)
    wrong = f"{name}: {asked} calls; {step._allowed} are allowed"
    assert asked <= step._allowed, wrong
    assert asked or most == 1, f"{name}: how can you know, without a call of step?"


def bought(
    name: str, got: Any, N: int, dollars: float, slips: Mapping[float, str] = {}
) -> None:
    """AssertionError unless got is the pair of a fleet and what its run costs."""
    chosen, cost = values(f"{name}, (N, dollars)", got, 2)
    chosen = number(f"{name}, N", chosen)
    assert chosen == N, f"{name}: you chose {chosen:.0f} machines; {N} is expected"
    close(f"{name}, the cost", cost, dollars, "$", slips)


def verdict(
    name: str, got: Any, want: str, share: float, slips: Mapping[Any, str] = {}
) -> None:
    """AssertionError unless got is the pair of what binds and its share of the step.

    slips: ratio of a share to the one expected, or the wrong name -> why one says so
    """
    said, part = values(f"{name}, (name, share)", got, 2)
    says = f"{name}: you say {said!r:.40}; {want!r} is expected"
    assert isinstance(said, str), says
    assert said == want, f"{says}.  {slips[said]}?" if said in slips else says
    ratios = {x: slip for x, slip in slips.items() if not isinstance(x, str)}
    slips = {100: "a share is expected, not per cent"} | ratios
    close(f"{name}, {want}", part, share, "of the step", slips)
