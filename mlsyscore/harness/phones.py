"""Phones that train one model on pictures of their own, and a server that asks them.

A phone counts what it is asked, and with which weights; that record stays here.  The
pictures are scikit-learn's 1,797 digits, the model is a softmax regression.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import number, same
from .answers import values

Array = NDArray[np.float64]
SHAPE = (65, 10)  # 64 pixels and a constant; ten digits
TEST = 450  # pictures that no phone has
DIGITS = 1e-5  # to which weights are compared: single precision is enough


class Dropped(ConnectionError):
    """A phone went away before it answered."""


def _softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


@functools.cache
def _digits() -> tuple[Array, NDArray[np.int_]]:
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    data = load_digits()
    return np.hstack([data.data / 16, np.ones((len(data.data), 1))]), data.target


def pictures(seed: int) -> tuple[Array, NDArray[np.int_]]:
    """Return pictures in random order, a row each with a last 1, and their digits."""
    X, y = _digits()
    order = np.random.default_rng(seed).permutation(len(y))
    return X[order], y[order]


class Phones:
    """So many phones, numbered from 0.  ``train`` is all that a server may ask.

    skew: whether each holds two digits at most, or all ten
    away: for each round, the numbers of the phones that drop out
    few: phones that hold a single picture; none: phones that hold no picture
    """

    def __init__(
        self,
        K: int,
        seed: int,
        skew: bool = False,
        away: Sequence[Sequence[int]] = (),
        few: Sequence[int] = (),
        none: Sequence[int] = (),
    ) -> None:
        self.count = K
        X, y = pictures(seed)
        self._test, (X, y) = (X[:TEST], y[:TEST]), (X[TEST:], y[TEST:])
        order = np.argsort(y, kind="stable") if skew else np.arange(len(y))
        deal = np.random.default_rng(seed).permutation(2 * K)
        parts = np.array_split(order, 2 * K)
        mine = [np.concatenate([parts[deal[k]], parts[deal[k + K]]]) for k in range(K)]
        mine = [m[: 1 if k in few else len(m)] for k, m in enumerate(mine)]
        mine = [m[: 0 if k in none else len(m)] for k, m in enumerate(mine)]
        self._data = [(X[m], np.eye(10)[y[m]]) for m in mine]
        self._away = [set(a) for a in away]
        self._asked: list[tuple[int, Array]] = []
        self._answers: list[tuple[Array, int] | None] = []

    def train(self, k: int, w: Any) -> tuple[Array, int]:
        """Return what phone k makes of the weights w, and how many pictures it has.

        Raises Dropped if it goes away, once it has received w.
        """
        if not (isinstance(k, int | np.integer) and 0 <= k < self.count):
            raise ValueError(f"phones have the numbers 0 to {self.count - 1}, not {k}")
        w = np.array(w, float)
        if w.shape != SHAPE or not np.isfinite(w).all():
            raise ValueError(f"finite weights of shape {SHAPE} are expected: {w.shape}")
        if len(self._asked) >= 100 * self.count:
            raise ValueError(f"{len(self._asked)} requests; that is enough")
        turn = sum(j == k for j, _ in self._asked)
        self._asked.append((int(k), w.copy()))
        if turn < len(self._away) and k in self._away[turn]:
            self._answers.append(None)
            raise Dropped(f"phone {k} has gone")
        X, Y = self._data[k]
        for _ in range(5 if len(X) else 0):
            w = w - X.T @ (_softmax(X @ w) - Y) / len(X)
        self._answers.append((w, len(X)))
        return w.copy(), len(X)


def accuracy(phones: Phones, w: Array) -> float:
    """Return the share of the test pictures that the weights name rightly."""
    X, y = phones._test
    return float(((X @ w).argmax(axis=1) == y).mean())


def federated(
    name: str, federate: Callable[..., Any], phones: Phones, rounds: int
) -> Array:
    """Return the weights that federate(phones, w, rounds) ends with.

    AssertionError unless it asks each phone once in a round, all with the same weights,
    the weighted mean of the last round's answers, and counts the bytes.
    """
    K, start = phones.count, np.zeros(SHAPE)
    got = values(name, federate(phones, start.copy(), rounds), 2)
    asked, answers = phones._asked, phones._answers
    text = (
        f"{name}: {len(asked)} requests in {rounds} rounds of {K} phones; each phone "
    )
    text += f"is asked once in a round, {rounds * K} are expected"
    assert len(asked) == rounds * K, text
    w = start
    for r in range(rounds):
        turn = slice(r * K, (r + 1) * K)
        who = sorted(k for k, _ in asked[turn])
        assert who == list(range(K)), f"{name}, round {r}: the phones asked are {who}"
        for k, given in asked[turn]:
            assert np.allclose(given, w, rtol=DIGITS, atol=DIGITS), _why(
                name, r, k, answers
            )
        given_back = [a for a in answers[turn] if a]
        if all_ := sum(n for _, n in given_back):
            w = np.asarray(sum(n * v for v, n in given_back) / all_)
    same(f"{name}: the last weights", np.asarray(got[0], float), w, rel=DIGITS)
    one = 4 * w.size
    up = sum(a is not None for a in answers)
    want, bytes_ = one * (len(asked) + up), number(f"{name}: bytes", got[1])
    slips = {2 * one * len(asked): "who dropped out sent nothing"}
    slips |= {2 * one * up: "who dropped out had received the weights"}
    slips |= {one * up: "the weights go down to the phones, too"}
    slips |= {2 * want: "a weight is 4 bytes"}
    hint = f".  {slips[int(bytes_)]}" if bytes_ in slips else ""
    text = f"{name}: you count {bytes_:,.0f} bytes; {want:,} are expected{hint}"
    assert bytes_ == want, text
    return w


def _why(name: str, r: int, k: int, answers: Sequence[tuple[Array, int] | None]) -> str:
    text = f"{name}, round {r}: phone {k} gets other weights than expected: "
    if not r:
        return text + "all phones of a round start from the same weights"
    return text + (
        "those of the last round's mean, each answer weighted by its pictures; where "
        "no answer has any, the weights stay"
    )
