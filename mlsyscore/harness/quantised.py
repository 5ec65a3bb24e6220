"""A small network of digits, and how it fares in the integers that an answer chose."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import number
from .answers import fields, numbers
from .phones import TEST, pictures

Array = NDArray[np.float64]
Layer = tuple[Array, Array]  # W (inputs x outputs) and b (outputs)
HIDDEN, EPOCHS, BATCH, RATE, TRAIN = 32, 40, 50, 0.2, 600


@dataclass(frozen=True)
class Trained:
    """Layers of a network, pictures to calibrate on, and others to test with."""

    layers: list[Layer]
    pictures: Array
    test: Array
    digits: NDArray[np.int_]


@functools.cache
def network(seed: int) -> Trained:
    """Return a network trained on digits: 64 inputs, 32 hidden ReLUs, 10 outputs.

    In small batches, in float64.  Nobody can write to it.
    """
    X, y = pictures(seed)
    X, rng = X[:, :-1], np.random.default_rng(seed)
    test, X = X[:TEST], X[TEST : TEST + TRAIN]
    Y = np.eye(10)[y[TEST : TEST + TRAIN]]
    W = [rng.normal(size=(64, HIDDEN)) / 8, rng.normal(size=(HIDDEN, 10)) / 6]
    b = [np.zeros(HIDDEN), np.zeros(10)]
    for rows in np.split(np.tile(np.arange(TRAIN), EPOCHS), EPOCHS * TRAIN // BATCH):
        x = X[rows]
        H = np.maximum(x @ W[0] + b[0], 0)
        z = H @ W[1] + b[1]
        e = np.exp(z - z.max(axis=1, keepdims=True))
        error = (e / e.sum(axis=1, keepdims=True) - Y[rows]) / BATCH
        back = error @ W[1].T * (H > 0)
        for i, (inputs, d) in enumerate([(x, back), (H, error)]):
            W[i] -= RATE * inputs.T @ d
            b[i] -= RATE * d.sum(axis=0)
    net = Trained(list(zip(W, b, strict=True)), X[:300].copy(), test, y[:TEST])
    for array in (*W, *b, net.pictures, net.test, net.digits):
        array.flags.writeable = False
    return net


def share_right(net: Trained, forward: Callable[[int, Array], Array]) -> float:
    """Return the accuracy if layer i gives forward(i, x), before the ReLU."""
    x = net.test
    for i in range(len(net.layers)):
        x = forward(i, np.maximum(x, 0) if i else x)
    return float((x.argmax(axis=1) == net.digits).mean())


def in_float(net: Trained) -> float:
    """Return the accuracy in float64."""
    return share_right(net, lambda i, x: x @ net.layers[i][0] + net.layers[i][1])


def int8(name: str, got: Any, shape: tuple[int, ...]) -> NDArray[np.int8]:
    """Return an array of int8 from -127 to 127; AssertionError if it is no such thing.

    A torch tensor of int8 will do.
    """
    if type(got).__module__ == "torch":
        got = got.numpy()
    kind = getattr(got, "dtype", type(got).__name__)
    assert kind == np.int8, f"{name}: an array of int8 is expected, not {kind}"
    text = f"{name}: the shape is {got.shape}; {shape} is expected"
    assert got.shape == shape, text
    text = f"{name}: -128 is there; symmetric int8 ends at -127"
    assert not got.size or got.min() >= -127, text
    return np.asarray(got)


def packed(name: str, answer: Any, layer: Layer) -> tuple[Array, Array, float]:
    """Return what a dict of a layer holds: W in int8, its scales, the inputs' scale.

    AssertionError unless each scale is a positive number.
    """
    found = fields(name, answer, ["W", "scale", "x", "b"])
    d_in, d_out = layer[0].shape
    W = int8(f"{name}: W", found["W"], (d_in, d_out))
    scale = np.array(numbers(f"{name}: scale", found["scale"], d_out))
    x = number(f"{name}: x", found["x"])
    text = f"{name}: scales are positive; the smallest is {min(scale.min(), x)}"
    assert scale.min() > 0 < x, text
    b = np.array(numbers(f"{name}: b", found["b"], d_out))
    assert np.allclose(b, layer[1]), f"{name}: b is to stay as it is, in floats"
    return W.astype(float), scale, x


def accuracy_of(
    name: str,
    linear: Callable[..., Any],
    layers: Sequence[Mapping[str, Any]],
    net: Trained,
) -> float:
    """Return the accuracy of linear(layer, x), with a ReLU between two layers."""

    def forward(i: int, x: Array) -> Array:
        y = linear(layers[i], x.copy())
        y = np.asarray(y.numpy() if type(y).__module__ == "torch" else y, float)
        text = f"{name}: the shape is {y.shape}; {len(x)} rows are expected"
        assert y.shape[:1] == x.shape[:1], text
        assert y.ndim == 2, text
        assert np.isfinite(y).all(), f"{name}: not all outputs are finite"
        return y

    return share_right(net, forward)
