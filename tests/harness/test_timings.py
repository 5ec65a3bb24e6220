import numpy as np
import pytest

from mlsyscore.collectives import ring_allreduce
from mlsyscore.fleet import step_time
from mlsyscore.harness.timings import fits, foresees, four, law_at, measured, missed
from mlsyscore.network import Link

TERMS = [100.0, 1.0, 0.01, 0.3]
SIZES = np.array([1, 2, 7, 64])


def test_the_law_is_the_packages():
    T_compute, send, alpha, delay = TERMS
    for N in (1, 2, 7, 500):
        late = delay * sum(1 / k for k in range(2, N + 1))
        ring = ring_allreduce(send * 1e9, N, Link(alpha, 1e9))
        want = step_time(T_compute, N, ring, late, 0.0)
        assert law_at(TERMS, N) == pytest.approx(want)
    assert law_at(TERMS, SIZES).tolist() == [law_at(TERMS, int(N)) for N in SIZES]
    halves = [law_at(unit, SIZES) * x for unit, x in zip(np.eye(4), TERMS, strict=True)]
    assert sum(halves) == pytest.approx(law_at(TERMS, SIZES))


def test_a_measurement_is_off_by_its_share_at_most_and_the_same_each_time():
    T = measured(TERMS, SIZES, 0.01, 5)
    off = T / law_at(TERMS, SIZES) - 1
    assert 0 < abs(off).max() <= 0.01
    assert T.tolist() == measured(TERMS, SIZES, 0.01, 5).tolist()
    assert missed(TERMS, SIZES, T) == pytest.approx(
        np.sqrt(np.mean((1 / (1 + off) - 1) ** 2))
    )
    assert missed(TERMS, SIZES, law_at(TERMS, SIZES)) == 0


def test_four_times_are_read_from_any_row_of_numbers():
    assert four("x", (1, 2.0, np.float32(3), 0)).tolist() == [1, 2, 3, 0]
    assert four("x", iter([1, 2, 3, -1e-12])).tolist() == [1, 2, 3, -1e-12]
    for bad in ([1, 2, 3], [1, 2, 3, -1], 4, "abcd", None):
        with pytest.raises(AssertionError):
            four("x", bad)


def test_a_fit_is_as_good_as_the_best():
    T = measured(TERMS, SIZES, 0.01, 5)
    best = missed(TERMS, SIZES, T)
    fits("x", TERMS, SIZES, T, best)
    with pytest.raises(AssertionError, match="can be had"):
        fits("x", [101.0, 1.0, 0.01, 0.3], SIZES, T, best)


def test_a_prediction_is_within_a_tenth():
    foresees("x", [109.0, 1.09, 0.0109, 0.3], TERMS, 96)
    with pytest.raises(AssertionError, match="on 96 machines"):
        foresees("x", [200.0, 1.0, 0.01, 0.6], TERMS, 96)
