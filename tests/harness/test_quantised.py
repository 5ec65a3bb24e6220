import numpy as np
import pytest

from mlsyscore.harness import quantised


@pytest.fixture(scope="module")
def net():
    return quantised.network(3)


def layers(net, bits=8):
    most, x, out = 2 ** (bits - 1) - 1, net.pictures, []
    for W, b in net.layers:
        scale = np.abs(W).max(axis=0) / most
        W8 = np.round(W / scale).astype(np.int8)
        out.append({"W": W8, "scale": scale, "x": np.abs(x).max() / most, "b": b})
        x = np.maximum(x @ W + b, 0)
    return out


def linear(layer, x):
    q = np.clip(np.round(x / layer["x"]), -127, 127)
    return q @ layer["W"] * layer["x"] * layer["scale"] + layer["b"]


def test_eight_bits_cost_nothing_and_three_do(net):
    whole = quantised.in_float(net)
    assert whole > 0.92
    assert quantised.accuracy_of("t", linear, layers(net), net) > whole - 0.01
    assert quantised.accuracy_of("t", linear, layers(net, 3), net) < whole - 0.03


def test_a_layer_is_read(net):
    layer = layers(net)[0]
    W, scale, x = quantised.packed("t", layer, net.layers[0])
    assert (layer["W"] == W).all()
    assert (scale == layer["scale"]).all()
    assert x == layer["x"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"W": np.zeros((64, 32))}, "int8 is expected"),
        ({"W": np.zeros((32, 64), np.int8)}, "shape"),
        ({"W": np.full((64, 32), -128, np.int8)}, "-127"),
        ({"W": [[0]]}, "not list"),
        ({"scale": np.zeros(32)}, "positive"),
        ({"scale": np.ones(31)}, "32 values"),
        ({"x": 0.0}, "positive"),
        ({"x": np.nan}, "finite"),
        ({"b": np.ones(32)}, "stay"),
    ],
)
def test_what_is_no_layer_is_said(net, change, said):
    with pytest.raises(AssertionError, match=said):
        quantised.packed("t", layers(net)[0] | change, net.layers[0])
    with pytest.raises(AssertionError, match="a dict"):
        quantised.packed("t", None, net.layers[0])


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (lambda layer, x: x[:, 0], "rows"),
        (lambda layer, x: linear(layer, x)[1:], "rows"),
        (lambda layer, x: linear(layer, x) / 0, "finite"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_is_no_output_is_said(net, bad, said):
    with pytest.raises(AssertionError, match=said):
        quantised.accuracy_of("t", bad, layers(net), net)
