"""Machines that train one model together, some of which send lies."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .answers import numbers
from .phones import _softmax, pictures

Array = NDArray[np.float64]
MACHINES, EACH = 20, 60


def lies(kind: str, honest: Array, f: int) -> Array:
    """Return what f liars send, who know all honest gradients.

    "far": ten times the opposite of the mean; "inside": one standard deviation off, all
    alike; "broken": no numbers
    """
    if kind == "far":
        return np.tile(-10 * honest.mean(axis=0), (f, 1))
    if kind == "inside":
        return np.tile(honest.mean(axis=0) - honest.std(axis=0), (f, 1))
    return np.full((f, honest.shape[1]), np.nan)


def together_trained(
    name: str, rule: Callable[[Array], Any], kind: str, f: int, seed: int
) -> float:
    """Return the share of new digits right after 20 steps under a rule.

    The rule gets a matrix with a row for each machine, liars anywhere among them.
    """
    rng = np.random.default_rng(seed)
    X, y = pictures(seed)
    mine = np.arange(MACHINES * EACH).reshape(MACHINES, EACH)
    W = np.zeros((65, 10))
    for _ in range(20):
        slope = _softmax(X[mine] @ W) - np.eye(10)[y[mine]]
        V = (np.swapaxes(X[mine], 1, 2) @ slope / EACH).reshape(MACHINES, -1)
        V[:f] = lies(kind, V[f:], f)
        S = numbers(name, rule(V[rng.permutation(MACHINES)]), V.shape[1])
        W = W - 2 * np.reshape(S, W.shape)
    test = slice(MACHINES * EACH, None)
    return float(np.mean((X[test] @ W).argmax(axis=1) == y[test]))
