import math

import numpy as np
import pytest
import torch

from mlsyscore.harness.attending import (
    attended,
    attention,
    piece,
    read_piece,
    room_for,
    same_piece,
)


def rowwise(chip, queries, keys, d, b, **change):
    """Attend by tiles of b queries, two passes over keys: legal only if b divides."""
    for i in range(0, queries, b):
        stop = min(i + b, queries)
        loaded = chip.load("Q", i, stop)
        q = chip.mul(loaded, change.get("scale", d**-0.5))
        l, u = chip.fill(stop - i, 1, 0.0), chip.fill(stop - i, d, 0.0)
        chip.free(loaded)
        for j in range(0, keys, b):
            k, v = (chip.load(n, j, min(j + b, keys)) for n in "KV")
            x = chip.dot(q, k, transpose=True)
            p = chip.exp(x)
            s, w = chip.sum(p), chip.dot(p, v)
            l_, u_ = chip.add(l, s), chip.add(u, w)
            chip.free(k, v, x, p, s, w, l, u)
            l, u = l_, u_
        o = chip.div(u, l)
        chip.store("O", i, o)
        if change.get("twice"):
            chip.store("O", i, o)
        chip.free(q, l, u, o)


def test_a_right_answer_is_accepted_and_counted():
    chip = attended("it", rowwise, 5, 7, 3, 2)
    assert chip.loaded == 5 * 3 + 2 * 7 * 3 * 3
    assert chip.stored == 15
    assert chip.peak <= room_for(3, 2)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"scale": 1.0}, "first row of O that is wrong is 0 of 5"),
        ({"twice": True}, "stored more than once"),
    ],
)
def test_a_wrong_answer_is_told_why(change, text):
    with pytest.raises(AssertionError, match=text):
        attended("it", lambda *a: rowwise(*a, **change), 5, 7, 3, 2)


def test_large_scores_need_a_maximum():
    with pytest.raises(AssertionError, match="not all is finite"):
        attended("it", rowwise, 4, 4, 3, 2, large=5000.0)


def test_scores_far_below_0_need_one_too():
    chip = attended("it", rowwise, 4, 4, 3, 2, low=True)
    scores = chip._matrices["Q"] @ chip._matrices["K"].T
    assert scores.max() < 0
    with pytest.raises(AssertionError, match="not all is finite"):
        attended("it", rowwise, 4, 4, 3, 2, large=3000.0, low=True)


def test_each_matrix_is_counted_by_itself():
    def again(chip, *sizes):
        chip.free(chip.load("Q", 0, 1))
        rowwise(chip, *sizes)

    with pytest.raises(AssertionError, match=r"of Q was loaded 2 times; .* need 1: "):
        attended("it", again, 5, 7, 3, 2)


def test_traffic_is_bounded_from_both_sides():
    with pytest.raises(AssertionError, match="tiles of 2 rows need"):
        attended("it", lambda c, n, m, d, b: rowwise(c, n, m, d, 1), 6, 6, 3, 2)
    with pytest.raises(AssertionError, match=r"0 numbers were loaded; Q, K and V"):
        attended("it", guessed, 3, 4, 2, 2)
    with pytest.raises(AssertionError, match="3 rows of O lack"):
        attended("it", lambda *a: None, 3, 4, 2, 2)
    with pytest.raises(AssertionError, match="Full: a tile of 40 x 2"):
        attended("it", lambda c, *a: c.load("K", 0, 40), 3, 40, 2, 1)


def guessed(chip, queries, keys, d, b):
    rng = np.random.default_rng(17)
    Q, K, V = (rng.normal(size=(rows, d)) for rows in (queries, keys, keys))
    for i, row in enumerate(attention(Q, K, V)):
        for c, value in enumerate(row):
            t = chip.fill(1, 1, value)
            chip.store("O", i, t, c)
            chip.free(t)


def test_the_reference_is_torchs():
    rng = np.random.default_rng(3)
    Q, K, V = rng.normal(size=(3, 6, 4)) * 30
    theirs = torch.nn.functional.scaled_dot_product_attention(
        *(torch.from_numpy(x)[None] for x in (Q, K, V))
    )
    assert attention(Q, K, V) == pytest.approx(theirs[0].numpy(), rel=1e-9)


def test_a_piece_is_a_softmax_not_yet_divided():
    x, V = np.array([1.0, -np.inf, 3.0]), np.arange(6.0).reshape(3, 2)
    m, l, u = piece(x, V)
    assert np.array(u) / l == pytest.approx(np.exp([-2.0, 0.0]) @ V[[0, 2]] / l)
    assert m + math.log(l) == pytest.approx(np.logaddexp(1.0, 3.0))
    assert piece([], np.zeros((0, 2))) == (-math.inf, 0.0, [0.0, 0.0])
    assert piece([-np.inf], np.ones((1, 2))) == (-math.inf, 0.0, [0.0, 0.0])


@pytest.mark.parametrize(
    "wrong", [None, 3, (1, 2), (math.nan, 1, [2]), (math.inf, 1, [2]), ("a", 1, [2])]
)
def test_what_is_no_piece_is_refused(wrong):
    with pytest.raises(AssertionError):
        read_piece("it", wrong, 1)


def test_pieces_are_compared_to_a_part_in_a_million():
    empty, other = (-math.inf, 0.0, [0.0]), (1.0, 2.0, [3.0])
    assert read_piece("it", (-np.inf, 0, np.zeros(1)), 1) == empty
    same_piece("it", empty, empty)
    same_piece("it", (1.0 + 1e-9, 2.0 - 1e-9, [3.0 + 1e-9]), other)
    for wrong in ((1.0, 2.0, [3.1]), (1.0, 2.1, [3.0]), (1.1, 2.0, [3.0]), empty):
        with pytest.raises(AssertionError):
            same_piece("it", wrong, other)
        with pytest.raises(AssertionError):
            same_piece("it", other, wrong)
