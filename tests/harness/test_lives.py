import numpy as np
import pytest

from mlsyscore.harness.lives import Lives, exact_share, judged, planned, stops_of
from mlsyscore.reliability import daly_interval, young_daly


def one(shape, mean):
    return Lives(((1.0, shape, mean),))


def test_a_plan_is_a_dict_of_numbers():
    assert planned("x", {"a": 1, "b": np.float64(2), "c": "no"}, "b", "a") == [2, 1]
    for bad in ({"a": 1}, None, {"a": 1, "b": "2"}):
        with pytest.raises(AssertionError, match="x"):
            planned("x", bad, "a", "b")


def test_lives_of_two_kinds_have_both():
    life = Lives(((0.25, 1.0, 2.0), (0.75, 4.0, 10.0)))
    lives = life.drawn(5, 200_000)
    assert life.mean == pytest.approx(8.0)
    assert lives.mean() == pytest.approx(8.0, rel=0.01)
    for age in (0.5, 3.0, 9.0, 12.0):
        assert np.mean(lives > age) == pytest.approx(life.survival(age), abs=0.005)


@pytest.mark.parametrize(
    "life", [one(0.5, 1.0), one(1.7, 1.0), Lives(((0.6, 3.0, 0.2), (0.4, 5.0, 2.2)))]
)
def test_the_exact_share_is_what_a_play_has(life):
    """Life by life: floor of what is left over tau + T_write."""
    tau, write, rest = 0.2, 0.03, 0.1
    lives = life.drawn(3, 400_000)
    work = tau * np.maximum(np.floor((lives - rest) / (tau + write)), 0)
    share = work.mean() / lives.mean()
    error = np.std(work - share * lives) / 400_000**0.5 / lives.mean()
    assert abs(share - exact_share(tau, life, write, rest)) < 5 * error


@pytest.mark.parametrize(("shape", "apart"), [(0.7, True), (1.0, False)])
def test_stops_of_many_parts_forget(shape, apart):
    """The share of short gaps: a part's own, and that of 300."""
    own = np.mean(one(shape, 1.0).drawn(3, 100_000) < 0.1)
    gaps = stops_of(300, shape)
    assert gaps.mean() == pytest.approx(1.0, rel=0.01)
    assert np.mean(gaps < 0.1) == pytest.approx(1 - np.exp(-0.1), abs=0.003)
    assert (own > 0.15) == apart


def test_an_interval_is_judged_by_what_it_costs():
    life, case = one(1.0, 100.0), (2.0, 30.0)
    best = daly_interval(2.0, 100.0)
    for near in (best, 1.01 * best, np.float64(0.99 * best)):
        judged("x", near, life, case, best)
    for far in (1.3 * best, best / 60):
        with pytest.raises(AssertionError, match="of the share of work"):
            judged("x", far, life, case, best)
    with pytest.raises(AssertionError, match="Young-Daly's interval"):
        judged("x", young_daly(10.0, 100.0), life, (10.0, 30.0), 38.0)
    for bad in (-1.0, float("nan"), "900", None):
        with pytest.raises(AssertionError):
            judged("x", bad, life, case, best)
