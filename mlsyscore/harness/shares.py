"""What a fair division keeps to: shares that stop where they must, no envy, no lies."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .answers import numbers

Amounts = NDArray[np.float64]


def tasks_of(name: str, answer: Any, T: int) -> Amounts:
    """Return an answer as T finite numbers; AssertionError if one is negative."""
    x = np.array(numbers(f"{name}, tasks", answer, T))
    assert np.all(x >= -1e-9), f"{name}: {min(x):.3g} tasks; none may be negative"
    return x


def must_stop(name: str, x: Amounts, capacity: Amounts, demands: Amounts) -> None:
    """AssertionError unless each tenant stopped when it had to, and not before.

    x: tasks of each tenant; capacity: amounts; demands: amounts a task, row by tenant.
    """
    free = 1 - x @ demands / capacity
    text = f"{name}: {1 - min(free):.4g} of a resource is given; 1 is the most"
    assert np.all(free > -1e-6), text
    share = x * np.max(demands / capacity, axis=1)
    for i, uses in enumerate(demands > 0):
        gone = np.flatnonzero(uses & (free < 1e-6))
        text = f"{name}: tenant {i} could go on from a dominant share of {share[i]:.4g}"
        assert len(gone), text + "; none of its resources has run out"
        most = [np.max(share[demands[:, r] > 0]) for r in gone]
        text = f"{name}: tenant {i} stops at a dominant share of {share[i]:.4g}; one "
        text += f"that takes of the same resource goes on to {min(most):.4g}"
        assert share[i] >= min(most) - 1e-6, text


def must_be_fair(name: str, x: Amounts, demands: Amounts) -> None:
    """AssertionError unless no tenant runs more tasks in another's bundle."""
    for i, uses in enumerate(demands > 0):
        bundles = x[:, None] * demands[:, uses]
        there = np.min(bundles / demands[i, uses], axis=1)
        text = f"{name}: tenant {i} runs {x[i]:.4g} tasks, and in another's bundle "
        assert max(there) <= x[i] * (1 + 1e-6), text + f"{max(there):.4g}: it envies"


def must_be_honest(
    name: str, before: float, after: float, true: Amounts, claim: Amounts
) -> None:
    """AssertionError unless a claim runs no more tasks, which need what is true.

    before, after: tasks that the truth and the claim were given.
    """
    uses = true > 0
    runs = np.min(after * claim[uses] / true[uses])
    text = f"{name}: a false claim gives {runs:.4g} tasks, the truth {before:.4g}"
    assert runs <= before * (1 + 1e-6), text
