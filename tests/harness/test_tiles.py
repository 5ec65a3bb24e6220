import math

import numpy as np
import pytest

from mlsyscore.harness.tiles import Chip, Full

X = np.arange(12.0).reshape(4, 3)


def chip(room=40):
    return Chip({"X": X, "Y": np.zeros((4, 3))}, room)


def test_each_operation_is_numpys():
    c = chip(200)
    a, b = c.load("X", 0, 2), c.load("X", 1, 3)
    A, B = X[:2], X[1:3]
    for tile, want in (
        (c.dot(a, b, transpose=True), A @ B.T),
        (c.add(a, b), A + B),
        (c.sub(a, b), A - B),
        (c.sub(1, b), 1 - B),
        (c.mul(a, 3), 3 * A),
        (c.div(a, b), A / B),
        (c.maximum(a, 2.5), np.maximum(A, 2.5)),
        (c.exp(a), np.exp(A)),
        (c.max(b), B.max(1)[:, None]),
        (c.sum(b), B.sum(1)[:, None]),
        (c.sub(a, c.max(a)), A - A.max(1)[:, None]),
        (c.fill(2, 3, -math.inf), np.full((2, 3), -np.inf)),
        (c.load("X", 1, 2, 1, 3), X[1:2, 1:3]),
    ):
        assert tile.shape == want.shape
        assert np.array_equal(tile._numbers, want)
    column = c.load("X", 0, 3, 0, 1)
    assert np.array_equal(c.dot(a, column)._numbers, A @ X[:3, :1])


def test_room_is_counted_and_given_back():
    c = chip(10)
    a = c.load("X", 0, 2)
    assert (c.held, c.peak, c.loaded, c.stored) == (6, 6, 6, 0)
    with pytest.raises(Full, match=r"2 x 3 does not fit: 6 of 10"):
        c.mul(a, 2)
    assert c.held == 6
    c.store("Y", 2, a)
    c.free(a)
    assert (c.held, c.peak, c.loaded, c.stored) == (0, 6, 6, 6)
    assert np.array_equal(c._matrices["Y"], np.vstack([np.zeros((2, 3)), X[:2]]))
    with pytest.raises(ValueError, match="has been freed"):
        c.exp(a)
    with pytest.raises(ValueError, match="has been freed"):
        c.free(a)
    with pytest.raises(Full):
        c.fill(10**9, 10**9, 0.0)
    big = c.load("X", 0, 3)
    with pytest.raises(Full):
        c.load("X", 0, 1)
    assert big.shape == (3, 3)


def test_a_tile_is_a_copy_and_the_matrices_are_the_chips_own():
    mine = X.copy()
    c = Chip({"X": mine}, 20)
    mine[:] = 0
    a = c.load("X", 0, 1)
    c.store("X", 1, a)
    c._matrices["X"][0] = 9
    assert np.array_equal(a._numbers, X[:1])
    assert np.array_equal(c._matrices["X"][1], X[0])


def test_what_is_not_there_is_refused():
    c, other = chip(), chip()
    a = c.load("X", 0, 2)
    for wrong in ((2, 2), (-1, 1), (0, 5), (3, 2), (0, 2, 1, 1), (0, 2, 0, 4)):
        with pytest.raises(IndexError, match="X is 4 x 3"):
            c.load("X", *wrong)
    with pytest.raises(IndexError):
        c.store("Y", 3, a)
    with pytest.raises(KeyError):
        c.load("Z", 0, 1)
    with pytest.raises(TypeError, match="tile of this chip"):
        other.exp(a)
    with pytest.raises(TypeError):
        c.exp(X)
    with pytest.raises(ValueError, match=r"a product of \(2, 3\) and \(2, 3\)"):
        c.dot(a, a)
    b = c.load("X", 0, 3)
    with pytest.raises(ValueError, match="could not be broadcast"):
        c.add(a, b)


def test_steps_are_bounded(monkeypatch):
    monkeypatch.setattr("mlsyscore.harness.tiles.STEPS", 5)
    c = chip()
    for _ in range(5):
        c.free(c.load("X", 0, 1))
    with pytest.raises(RuntimeError, match="more than 5 steps"):
        c.load("X", 0, 1)
