"""A network that reads digits, and lends its gradients to somebody who attacks it.

It counts what it is asked, and where; that record stays here.  The pictures are
scikit-learn's 1,797 digits, in whatever range of pixels the victim has.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.int_]
TRAIN = 1197  # pictures to learn from; the other 600 are the tests
MOST = 200  # gradients that are lent
SHARP = 5.0  # by which the last layer is multiplied, before the softmax
ROUNDING = 1e-6  # by which a ball may be left, as a share of its size


@functools.cache
def _digits() -> tuple[Array, Labels]:
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    data = load_digits()
    order = np.random.default_rng(14).permutation(len(data.target))
    return data.data[order] / 16, data.target[order]


def _forward(layers: Sequence[Any], x: Array) -> tuple[Array, Array]:
    """Return what the hidden units say, and the softmax."""
    A, a, B, b = layers
    hidden = np.maximum(x @ A.T + a, 0)
    z = SHARP * (hidden @ B.T + b)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return hidden, e / e.sum(axis=1, keepdims=True)


@functools.cache
def _trained(width: int) -> tuple[Array, ...]:
    """Return weights: random features, and what reads them best by least squares."""
    rng, (X, y) = np.random.default_rng(width), _digits()
    A, a = rng.normal(size=(width, 64)) / 4, rng.normal(size=width) / 4
    hidden = np.maximum(X[:TRAIN] @ A.T + a, 0)
    hidden = np.hstack([hidden, np.ones((TRAIN, 1))])
    target = 2 * np.eye(10)[y[:TRAIN]] - 1
    square = hidden.T @ hidden + 3 * np.eye(width + 1)
    out: Array = np.linalg.solve(square, hidden.T @ target).T.astype(np.float64)
    return A, a, out[:, :-1], out[:, -1]


def weights(width: int = 200) -> list[NDArray[np.float32]]:
    """Return the four layers of a trained network, as floats of 32 bits."""
    return [w.astype(np.float32) for w in _trained(width)]


def read_right(layers: list[Any], count: int = 600) -> float:
    """Return the share of test pictures that a network with these layers reads right.

    An answer that is not finite is wrong.
    """
    X, y = _digits()
    X, y = X[TRAIN : TRAIN + count].astype(np.float32), y[TRAIN : TRAIN + count]
    A, a, B, b = (np.asarray(w, np.float32) for w in layers)
    with np.errstate(all="ignore"):
        z = np.maximum(X @ A.T + a, 0) @ B.T + b
    fine = np.isfinite(z).all(axis=1)
    return float(np.mean(fine & (np.nan_to_num(z).argmax(axis=1) == y)))


class Victim:
    """A trained network whose pixels lie from low to high.

    blind: its answer does not depend on the picture, so that all gradients are 0
    """

    def __init__(
        self,
        low: float = 0.0,
        high: float = 1.0,
        width: int = 200,
        blind: bool = False,
    ) -> None:
        self.low, self.high = low, high
        self._layers = [w.copy() for w in _trained(width)]
        if blind:
            self._layers[0][:] = 0.0
        self._asked: list[Array] = []

    def gradient(self, x: Any, y: Any) -> Array:
        """Return the gradient of each picture's loss for its pixels, a row each.

        x: pictures, a row each; y: their digits
        """
        x, y = np.array(x, float), np.array(y, int)
        if x.ndim != 2 or x.shape[1] != 64 or len(x) > 600 or y.shape != x.shape[:1]:
            text = f"pictures of 64 pixels and a digit each, not {x.shape}, {y.shape}"
            raise ValueError(text)
        if not np.isfinite(x).all() or y.min(initial=0) < 0 or y.max(initial=0) > 9:
            raise ValueError("finite pixels and digits from 0 to 9 are expected")
        if len(self._asked) >= MOST:
            raise ValueError(f"{MOST} gradients; that is enough")
        self._asked.append(x.copy())
        return self._gradient(x, y)

    def _gradient(self, x: Array, y: Labels) -> Array:
        scale = self.high - self.low
        hidden, p = _forward(self._layers, (x - self.low) / scale)
        back = SHARP * ((p - np.eye(10)[y]) @ self._layers[2]) * (hidden > 0)
        return np.asarray(back @ self._layers[0] / scale)

    def _right(self, x: Array, y: Labels) -> float:
        _, p = _forward(self._layers, (x - self.low) / (self.high - self.low))
        return float(np.mean(p.argmax(axis=1) == y))


def seen_by(victim: Victim, count: int) -> tuple[Array, Labels]:
    """Return so many test pictures in the victim's range, and their digits."""
    X, y = _digits()
    rows = slice(TRAIN, TRAIN + count)
    x = victim.low + X[rows] * (victim.high - victim.low)
    return x, y[rows].copy()


def _outside(name: str, z: Array, x: Array, eps: float, norm: float, v: Victim) -> None:
    """AssertionError if pictures have left the ball around x or the range."""
    far = np.linalg.norm(z - x, norm, axis=1).max(initial=0.0)
    text = f"{name}: a picture is moved by {far:.6g} in the norm {norm:g}; at most "
    assert far <= eps * (1 + ROUNDING), text + f"{eps:g} is allowed.  Project it back"
    low, high = z.min(initial=np.inf), z.max(initial=-np.inf)
    slack = ROUNDING * (v.high - v.low)
    text = f"{name}: pixels from {low:.6g} to {high:.6g}; the range is "
    assert low >= v.low - slack, text + f"{v.low:g} to {v.high:g}"
    assert high <= v.high + slack, text + f"{v.low:g} to {v.high:g}"


def attacked(
    name: str,
    attack: Callable[..., Any],
    victim: Victim,
    x: Array,
    y: Labels,
    eps: float,
    *more: Any,
) -> tuple[Array, float]:
    """Return what an attack makes of pictures, and the share still read right.

    more: steps and norm, of an attack that has them.  AssertionError unless it asks
    for one gradient a step, each within the ball and the range, and ends there too.
    """
    steps, norm = more or (1, np.inf)
    given, digits, begun = x.copy(), y.copy(), len(victim._asked)
    got = attack(victim, given, digits, eps, *more)
    text = f"{name}: the pictures or digits that you were given have changed"
    assert np.array_equal(given, x), text
    assert np.array_equal(digits, y), text
    try:
        z = np.asarray(got, float)
    except (TypeError, ValueError):
        raise AssertionError(
            f"{name}: pictures are expected, not {got!r:.60}"
        ) from None
    text = f"{name}: the shape is {z.shape}; {x.shape} is expected"
    assert z.shape == x.shape, text
    assert np.isfinite(z).all(), f"{name}: pixels that are not finite; a gradient of 0?"
    asked = victim._asked[begun:]
    text = f"{name}: {len(asked)} gradients for {steps} steps; one a step is expected"
    assert len(asked) == steps, text
    for k, at in enumerate(asked):
        text = f"{name}: the gradient of step {k + 1} is not that of all the pictures"
        assert at.shape == x.shape, text
        _outside(f"{name}, step {k + 1}", at, x, eps, norm, victim)
    _outside(name, z, x, eps, norm, victim)
    return z, victim._right(z, y)
