"""A city whose districts are known only by what its patrols find there.

The city keeps what was sent and found: how often a patrol finds something is its own
secret, and changes once in one district.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .answers import numbers

ROUNDS, JUMP = 60, 30  # rounds in all; rounds before the change
WINDOWS = {"rounds 11 to 30": (10, 30), "the last ten rounds": (50, 60)}
_LOCK = threading.Lock()


class City:
    """A city in which patrols find things, round by round.

    rounds: how many there are; districts, patrols: how many there are in a round
    shares: of the patrols, in the round before the first; one may be 0
    """

    def __init__(
        self,
        find: Sequence[float],
        jump: tuple[int, float],
        seed: int,
        shares: Sequence[float] | None = None,
        patrols: int = 100_000,
    ) -> None:
        """Begin.

        find: chance that a patrol finds something, in each district
        jump: the district whose chance changes after JUMP rounds, and the factor
        """
        n = len(find)
        self.rounds, self.districts, self.patrols = ROUNDS, n, patrols
        self.shares = list(shares) if shares is not None else [1 / n] * n
        self._find = np.tile(np.asarray(find, float), (ROUNDS, 1))
        self._find[JUMP:, jump[0]] *= jump[1]
        self._rng = np.random.default_rng(seed)
        self._asked: list[NDArray[Any]] = []

    def patrol(self, shares: Any) -> tuple[list[int], list[int]]:
        """Patrol for a round; return the patrols sent and their finds, by district.

        shares: of the patrols, for each district; they are scaled to a sum of 1
        """
        try:
            s = np.array(numbers("shares", shares, self.districts))
        except AssertionError as e:
            raise ValueError(str(e)) from None
        if s.min() < 0 or not 0 < s.sum() < np.inf:
            raise ValueError(f"shares of patrols are 0 or more, not {s.tolist()!s:.60}")
        with _LOCK:
            now = len(self._asked)
            if now >= self.rounds:
                raise RuntimeError(f"all {self.rounds} rounds are over")
            s = s / s.sum()
            sent = self._rng.multinomial(self.patrols, s)
            finds = self._rng.binomial(sent, self._find[now])
            self._asked.append(s)
            return sent.tolist(), finds.tolist()


def rounds_patrolled(city: City) -> int:
    """Return how many rounds were patrolled."""
    return len(city._asked)


def excess(city: City, first: int, end: int) -> NDArray[Any]:
    """Return each district's mean share in some rounds over what is due, less 1.

    Due is in proportion to the chance that a patrol finds something there.
    """
    due = city._find / city._find.sum(axis=1, keepdims=True)
    got = np.array(city._asked)[first:end].mean(axis=0)
    return got / due[first:end].mean(axis=0) - 1


def governed(label: str, govern: Callable[[Any], Any], city: City) -> dict[str, float]:
    """Let an answer govern a city; return the largest excess or lack in each window.

    AssertionError unless all rounds are patrolled.
    """
    govern(city)
    done = rounds_patrolled(city)
    assert done == city.rounds, f"{label}: {done} of {city.rounds} rounds are patrolled"
    return {
        name: float(np.abs(excess(city, *window)).max())
        for name, window in WINDOWS.items()
    }


def draw_city(city: City) -> None:
    """Draw each district's share of the patrols, and what is due to it."""
    import matplotlib.pyplot as plt

    due = city._find / city._find.sum(axis=1, keepdims=True)
    _, ax = plt.subplots(figsize=(6, 3))
    for k, (got, want) in enumerate(zip(np.array(city._asked).T, due.T, strict=True)):
        ax.plot(got, color=f"C{k % 4}", ls="-", label=f"district {k}")
        ax.plot(want, color=f"C{k % 4}", ls=":")
    ax.set(xlabel="round", ylabel="share of the patrols (dotted: due)")
    ax.legend(ncols=2, fontsize=8)
