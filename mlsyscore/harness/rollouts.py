"""Staged roll-outs, many side by side, that ask one controller after each batch.

The world knows the true rates and keeps its record: a controller sees counts alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .answers import whole

STAGES = (0.01, 0.05, 0.25, 0.5)  # shares of the traffic
LOOKS = 300  # after which a roll-out that is not decided is given up
BACK = -1

Decide = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """How roll-outs ended, an entry for each: promoted, or rolled back, or neither."""

    promoted: NDArray[Any]
    back: NDArray[Any]
    met: NDArray[Any]  # requests that met the new version before it was promoted
    peak: NDArray[Any]  # largest share that it had before that
    looks: int  # questions until the last one ended

    @property
    def still(self) -> NDArray[Any]:
        """Whether each had not ended when it was given up."""
        return ~(self.promoted | self.back)


def rolled_out(
    decide: Decide,
    rates: tuple[ArrayLike, ArrayLike],
    delta: float,
    batch: int,
    seed: int,
) -> Ended:
    """Play roll-outs side by side, each of a pair of versions of its own.

    decide: is asked with (new, old, stage, stages, delta) of those that still run; new,
        old: arrays of requests and of successes so far; stage: an array
    rates: of success, old and new, an array each; batch: requests of each between two
        questions
    AssertionError if an answer is no list of stages.
    """
    rng, (p, q) = np.random.default_rng(seed), np.broadcast_arrays(*rates)
    runs = len(p)
    old, new = np.zeros((2, runs), int), np.zeros((2, runs), int)
    stage, shares = np.zeros(runs, int), np.array([*STAGES, 0.0])
    going, peak = np.arange(runs), np.full(runs, STAGES[0])
    for look in range(1, LOOKS + 1):  # noqa: B007
        share = shares[stage[going]]
        peak[going] = np.maximum(peak[going], share)
        mine = rng.binomial(batch, share)
        for counts, n, rate in ((new, mine, q), (old, batch - mine, p)):
            counts[:, going] += np.array([n, rng.binomial(n, rate[going])])
        seen = [(c[0, going].copy(), c[1, going].copy()) for c in (new, old)]
        answer = decide(*seen, stage[going].copy(), list(STAGES), delta)
        chosen = np.array(whole("decide", answer, len(going)), int)
        bad = chosen[(chosen < BACK) | (chosen > len(STAGES))]
        text = f"decide: whole numbers from -1 to {len(STAGES)} are expected"
        assert not bad.size, f"{text}; you return {bad[:3].tolist()}"
        stage[going] = chosen
        going = going[(chosen != BACK) & (chosen != len(STAGES))]
        if not going.size:
            break
    return Ended(stage == len(STAGES), stage == BACK, new[0], peak, look)


def most(runs: int, chance: float, doubt: float = 1e-4) -> int:
    """Return the least count that so many runs exceed with a chance below doubt.

    Each of them fails independently with a chance below 1.
    """
    term = (1 - chance) ** runs
    left = 1 - term
    for k in range(runs):
        if left < doubt:
            return k
        term *= (runs - k) / (k + 1) * chance / (1 - chance)
        left -= term
    return runs


def at_most(
    label: str, bad: Sequence[bool] | NDArray[Any], chance: float, what: str
) -> None:
    """AssertionError if more of the runs are bad than a chance explains."""
    found, limit = int(np.sum(bad)), most(len(bad), chance)
    text = f"{label}: {found} of {len(bad)} roll-outs {what}.  With a probability of "
    text += f"{chance:.0%} it is at most {limit} (but for one check of 10,000)"
    assert found <= limit, text
