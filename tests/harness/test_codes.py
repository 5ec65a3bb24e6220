import math

import numpy as np
import pytest
import torch

from mlsyscore.harness.codes import coded

W = np.array([[1.0, -0.26, 0.0], [-50.0, 127.0, 3.7], [0.0, 0.0, 0.0]])


def right(W, bits, per, dtype=float):
    axis = {"tensor": (0, 1), "row": 1, "column": 0}[per]
    most = np.abs(W).max(axis=axis, keepdims=True)
    s = np.where(most > 0, most, 5.0) / (2 ** (bits - 1) - 1)
    return np.rint(W / s).astype(dtype), s, math.ceil(W.size * bits / 8) + 4 * s.size


@pytest.mark.parametrize("bits", [2, 5, 8, 16])
@pytest.mark.parametrize("per", ["tensor", "row", "column"])
def test_right_codes_are_accepted_in_any_dress(bits, per):
    codes, scales, size = right(W, bits, per)
    back = coded("it", (codes, scales, size), W, bits, per)
    most = np.abs(W).max(
        axis={"tensor": None, "row": 1, "column": 0}[per], keepdims=True
    )
    assert (np.abs(back - W) <= most / (2 ** (bits - 1) - 1) / 2 + 1e-12).all()
    coded("it", [codes.tolist(), scales.ravel().tolist(), float(size)], W, bits, per)
    coded("it", (torch.tensor(codes), torch.tensor(scales), size), W, bits, per)
    coded(
        "it", (right(W, bits, per, np.int32)[0], scales.squeeze(), size), W, bits, per
    )


def test_small_rows_are_held_to_their_own_scale():
    small = W * np.array([[1.0], [1e-20], [1.0]])
    c, s, n = right(small, 8, "row")
    coded("it", (c, s.astype(np.float32), n), small, 8, "row")
    with pytest.raises(AssertionError, match="more than half of its scale"):
        coded("it", (c * [[1], [0], [1]], s, n), small, 8, "row")
    with pytest.raises(AssertionError, match="codes are wasted"):
        coded("it", (c * [[1], [0], [1]], s + 1e-12, n), small, 8, "row")


def test_wrong_codes_are_told_why():
    c, s, n = right(W, 8, "row")
    low = c.copy()
    low[0, 1] += 1
    for wrong, text in (
        ((c, s), "3 values are expected"),
        ((c[:2], s, n), r"codes of shape \(2, 3\)"),
        ((c, s[:2], n), "2 scales; 3 are expected"),
        ((c + 0.5, s, n), "no whole numbers"),
        ((2 * c, s / 2, n), "-127 to 127 are allowed"),
        ((c, 0 * s, n), "not above 0"),
        ((low, s, n), "more than half of its scale"),
        ((np.trunc(W / s), s, n), "more than half of its scale"),
        ((np.rint(W / (2 * s)), 2 * s, n), "codes are wasted"),
        ((c, s, n - 12), "bytes: you have"),
        ((c, s, 8 * n), "bits for bytes"),
        ((c, s * np.nan, n), "not all are finite"),
        (("abc", s, n), "numbers are expected"),
        ((None, s, n), "numbers are expected|finite"),
    ):
        with pytest.raises(AssertionError, match=text):
            coded("it", wrong, W, 8, "row")
