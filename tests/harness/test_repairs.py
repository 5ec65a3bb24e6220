import struct

import numpy as np
import pytest

from mlsyscore.harness.repairs import flipped_at, harm, mended, must_flip, risks
from mlsyscore.harness.victims import weights


def by_struct(w, bit):
    (word,) = struct.unpack("<I", struct.pack("<f", w))
    return struct.unpack("<f", struct.pack("<I", word ^ (1 << bit)))[0]


def test_a_flip_is_that_of_the_standard_s_words():
    w = np.array([[0.042, -3.5, 0.0], [1.0, 7e-3, -2e5]], np.float32).T
    for place in range(6):
        for bit in range(32):
            got = flipped_at(w, (place, bit)).ravel()[place]
            want = by_struct(float(w.ravel()[place]), bit)
            assert got == np.float32(want) or (np.isnan(got) and np.isnan(want))
            assert np.array_equal(w, w)
    assert risks((0.042, 2.0)) == [30]
    assert risks((1.5, 2.0)) == [30]  # not a number
    assert risks((1.0, 2.0)) == [30]  # infinite


def flip(w, place, bit):
    return flipped_at(w, (place, bit))


def in_place(w, place, bit):
    w.reshape(-1)[place] *= -1
    return w


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (in_place, "has changed"),
        (lambda w, p, b: flip(w, p, b).ravel(), "shape"),
        (lambda w, p, b: flip(w, p, b).astype(float), "type"),
        (lambda w, p, b: flip(w, p, b - 1), "Bit 0"),
        (lambda w, p, b: flip(flip(w, p, b), p - 1, b), "value 2"),
        (lambda w, p, b: 3.0, "an array"),
    ],
)
def test_other_flips_are_told(wrong, text):
    w = np.arange(6, dtype=np.float32).reshape(2, 3)
    must_flip("t", flip, w, 3, 31, -3.0)
    with pytest.raises(AssertionError, match=text):
        must_flip("t", wrong, w, 3, 31, -3.0)


def guard(layers, middle=np.median, ends=True, nan=True):
    known = [(w.min(), w.max(), np.float32(middle(w))) for w in layers]

    def repair(later):
        new, bad = [], []
        for i, (w, (low, high, value)) in enumerate(zip(later, known, strict=True)):
            out = (w < low) | (w > high) if ends else (w <= low) | (w > high)
            out |= np.isnan(w) & nan
            new.append(np.where(out, value, w))
            bad += [(i, int(k)) for k in np.flatnonzero(out)]
        return new, bad

    return repair


HEALTHY = [np.array([[1, 2], [4, 9]], np.float32), np.array([-1, 0.5], np.float32)]
BROKEN = [np.array([[1, np.nan], [4, 99]], np.float32), HEALTHY[1]]
BAD = [(0, 3), (0, 1)]


def test_an_honest_guard_passes():
    mended("t", guard(HEALTHY), BROKEN, BAD, HEALTHY)
    mended("t", guard(HEALTHY), HEALTHY, [], HEALTHY)


def mends_what_it_got(later):
    later[0][0, 1] = later[0][1, 1] = 3
    return later, BAD


@pytest.mark.parametrize(
    ("repair", "text"),
    [
        (guard(HEALTHY, middle=np.mean), "median"),
        (guard(HEALTHY, nan=False), "you find"),
        (guard(HEALTHY, ends=False), "you find"),
        (lambda w: (HEALTHY, BAD), "median"),
        (lambda w: (w, BAD), "is 99"),
        (lambda w: ([np.full_like(v, 3) for v in w], BAD), "not bad has changed"),
        (mends_what_it_got, "have changed"),
    ],
)
def test_other_repairs_are_told(repair, text):
    with pytest.raises(AssertionError, match=text):
        mended("t", repair, BROKEN, BAD, HEALTHY)


def test_a_guard_keeps_the_lab_s_bounds_and_none_does_not():
    for width, seed in ((200, 17), (300, 3)):
        lost = harm(guard, weights(width), 300, seed)
        assert max(lost) <= 0.1
        assert sum(x > 0.03 for x in lost) <= 5
        lost = harm(lambda layers: lambda w: (w, []), weights(width), 300, seed)
        assert sum(x > 0.03 for x in lost) > 25
