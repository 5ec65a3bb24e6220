"""Records, a model's loss on one of them, and whether a private trainer is one.

The records are scikit-learn's digits, the model is a softmax regression of 64 pixels
and a constant.  A step without noise on records whose gradients do not depend on each
other tells who joined it.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .answers import numbers

Array = NDArray[np.float64]
WEIGHTS = 650  # ten digits, each with 64 pixels and a constant
LOOSE = 1e-4  # to which sums are compared: single precision is enough


def loss(w: Any, x: Any, label: Any) -> Any:
    """Return the loss of 650 weights on one record: 64 pixels and a digit, tensors."""
    from torch.nn.functional import cross_entropy

    W = w.view(10, 65)
    return cross_entropy(W[:, :64] @ x + W[:, 64], label)


@functools.cache
def _digits() -> tuple[Array, NDArray[np.int_]]:
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    data = load_digits()
    return data.data / 16, data.target


def records(n: int, seed: int, first: int = 0) -> tuple[Any, Any]:
    """Return n digits as tensors, pixels and labels; other ones from `first` on."""
    import torch

    X, y = _digits()
    rows = np.random.default_rng(seed).permutation(len(y))[first : first + n]
    return torch.tensor(X[rows]), torch.tensor(y[rows])


def right(w: Any, X: Any, y: Any) -> float:
    """Return the share of records whose digit the model has right."""
    W = np.asarray(numbers("weights", w, WEIGHTS)).reshape(10, 65)
    scores = np.asarray(X) @ W[:, :64].T + W[:, 64]
    return float(np.mean(scores.argmax(axis=1) == np.asarray(y)))


def _slopes(w: Array, X: Any, y: Any) -> Array:
    """Return each record's gradient, by the softmax's formula."""
    X1 = np.hstack([np.asarray(X), np.ones((len(y), 1))])
    z = X1 @ w.reshape(10, 65).T
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True) - np.eye(10)[np.asarray(y)]
    return np.asarray((p[:, :, None] * X1[:, None, :]).reshape(len(y), WEIGHTS))


def _clipped(G: Array, C: float) -> Array:
    return G * np.minimum(1.0, C / np.linalg.norm(G, axis=1, keepdims=True))


def must_clip(name: str, f: Callable[..., Any], n: int, C: float, seed: int) -> None:
    """AssertionError unless f(w, X, y, C) adds up gradients that it shortened first."""
    import torch

    X, y = records(n, seed)
    w = np.random.default_rng(seed).normal(0, 0.3, WEIGHTS)
    got = np.array(numbers(name, f(torch.tensor(w), X, y, C), WEIGHTS))
    G = _slopes(w, X, y)
    length = np.linalg.norm(G, axis=1)
    want, size = _clipped(G, C).sum(axis=0), LOOSE * max(C, 1e-9) * max(n, 1)
    whole = G.sum(axis=0) * min(1.0, C / max(float(np.linalg.norm(G.sum(0))), 1e-300))
    slips = [
        (G.sum(axis=0), "these gradients are not shortened"),
        (whole, "you shorten the sum; shorten each record's gradient"),
        (whole * n, "you shorten the mean; shorten each record's gradient"),
        (np.clip(G, -C, C).sum(axis=0), "you cut each coordinate; shorten the vector"),
        ((C * G / length[:, None]).sum(axis=0), "a short gradient stays as it is"),
        (want / max(n, 1), "the sum is asked, not the mean"),
    ]
    if np.abs(got - want).max(initial=0) <= size:
        return
    why = [text for x, text in slips if np.abs(got - x).max() <= size]
    text = f"{name}: the sum's length is {np.linalg.norm(got):.4g}, "
    text += f"{np.linalg.norm(want):.4g} is expected"
    raise AssertionError(f"{text}.  {why[0]}" if why else text)


def _weights(name: str, train: Callable[..., Any], *args: Any) -> Array:
    return np.array(numbers(name, train(*args), WEIGHTS))


def must_step(name: str, train: Callable[..., Any], plan: dict[str, Any]) -> None:
    """AssertionError unless steps that all join, without noise, are those of SGD."""
    X, y = records(23, 5)
    plan = plan | {"q": 1.0, "sigma": 0.0}
    got, w = _weights(name, train, X, y, plan, 1), np.zeros(WEIGHTS)
    for _ in range(plan["steps"]):
        S = _clipped(_slopes(w, X, y), plan["C"]).sum(axis=0)
        w = w - plan["rate"] / 23 * S
    off = np.linalg.norm(got) / max(float(np.linalg.norm(w)), 1e-300)
    text = f"{name}: the weights are {off:.3g} times as long as they should be, or "
    text += "point elsewhere"
    assert np.abs(got - w).max() <= 1e-3 * np.abs(w).max(), text


def who_joined(
    name: str, train: Callable[..., Any], n: int, plan: dict[str, Any], seeds: int
) -> Array:
    """Return how often each of n records joined, a row for each seed, without noise.

    AssertionError if a step does not count whole records with a weight of rate/(q n).
    """
    X, y = records(n, 9)
    plan = plan | {"sigma": 0.0, "C": 1e-6, "rate": 1.0}
    G = _clipped(_slopes(np.zeros(WEIGHTS), X, y), plan["C"])
    unit = -plan["q"] * n
    rows = [
        np.linalg.lstsq(G.T, unit * _weights(name, train, X, y, plan, s), rcond=None)[0]
        for s in range(seeds)
    ]
    joined = np.array(rows)
    off = float(np.abs(joined - joined.round()).max())
    assert off < 0.02, (
        f"{name}: a record joined {joined.ravel()[0]:.3f} times; is the sum divided by "
        "q n, whoever joined?"
    )
    return joined.round()


def must_toss(name: str, train: Callable[..., Any], plan: dict[str, Any]) -> None:
    """AssertionError unless each record joins each step by a coin of its own.

    Limits are six standard deviations of a right trainer's statistics and more.
    """
    n, seeds, q, steps = 8, 40, plan["q"], plan["steps"]
    joined = who_joined(name, train, n, plan, seeds)
    mean, var = steps * q, steps * q * (1 - q)
    share = joined.mean()
    assert abs(share - mean) < 6 * math.sqrt(var / (n * seeds)), (
        f"{name}: a record joins {share:.2f} of {steps} steps on average; {mean:.2f} "
        "is expected"
    )
    each = joined.mean(axis=0)
    assert np.abs(each - mean).max() < 6 * math.sqrt(var / seeds), (
        f"{name}: some records join more often than others"
    )
    spread = joined.var(axis=0).mean() / var
    assert 0.5 < spread < 1.7, (
        f"{name}: how often a record joins varies {spread:.2f} times as much as with a "
        "coin for each step"
    )
    batch = joined.sum(axis=1).var() / (n * var)
    assert 0.2 < batch < 2.8, (
        f"{name}: a batch's size varies {batch:.2f} times as much as with a coin for "
        "each record"
    )


def noise_of(
    name: str, train: Callable[..., Any], n: int, plan: dict[str, Any], seeds: int
) -> Array:
    """Return the noise of whole runs in units of one step's sigma C."""
    X, y = records(n, 11)
    plan = plan | {"q": 1.0, "C": 1e-4, "rate": 1.0}
    S = plan["steps"] * _clipped(_slopes(np.zeros(WEIGHTS), X, y), plan["C"]).sum(0)
    w = [_weights(name, train, X, y, plan, seed) for seed in range(seeds)]
    return np.concatenate([-(n * x + S) / (plan["sigma"] * plan["C"]) for x in w])


def fitted(X: Any, y: Any, steps: int, rate: float) -> Array:
    """Return the weights after so many steps of plain gradient descent."""
    w = np.zeros(WEIGHTS)
    for _ in range(steps):
        w = w - rate * _slopes(w, X, y).mean(axis=0)
    return w


def losses(w: Any, X: Any, y: Any) -> Array:
    """Return the loss on each record."""
    W = np.asarray(numbers("weights", w, WEIGHTS)).reshape(10, 65)
    z = np.asarray(X) @ W[:, :64].T + W[:, 64]
    top = z.max(axis=1)
    total = top + np.log(np.exp(z - top[:, None]).sum(axis=1))
    return np.asarray(total - z[np.arange(len(z)), np.asarray(y)])
