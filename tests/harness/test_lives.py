import numpy as np
import pytest

from mlsyscore.harness.lives import (
    drawn,
    exact_best,
    exact_share,
    judged,
    planned,
    weibull_of,
)
from mlsyscore.reliability import daly_interval, young_daly


def test_a_plan_is_a_dict_of_numbers():
    assert planned("x", {"a": 1, "b": np.float64(2), "c": "no"}, "b", "a") == [2, 1]
    for bad in ({"a": 1}, None, {"a": 1, "b": "2"}):
        with pytest.raises(AssertionError, match="x"):
            planned("x", bad, "a", "b")


@pytest.mark.parametrize("shape", [0.5, 1.0, 1.7])
def test_the_exact_share_is_what_a_play_has(shape):
    """Life by life: floor of what is left over tau + T_write."""
    life, tau, write, rest = weibull_of(shape, 1.0), 0.2, 0.03, 0.1
    lives = drawn(3, life, 400_000)
    assert lives.mean() == pytest.approx(1.0, rel=0.02)
    work = tau * np.maximum(np.floor((lives - rest) / (tau + write)), 0)
    share = work.mean() / lives.mean()
    error = np.std(work - share * lives) / 400_000**0.5
    assert abs(share - exact_share(tau, life, write, rest)) < 5 * error


def test_the_best_is_dalys_where_lives_are_exponential():
    best = exact_best(weibull_of(1.0, 100.0), 2.0, 30.0)
    assert best == pytest.approx(daly_interval(2.0, 100.0), rel=2e-3)


def test_an_interval_is_judged_by_what_it_costs():
    life, case = weibull_of(0.5, 100.0), (2.0, 30.0)
    best = exact_best(life, *case)
    for near in (best, 1.01 * best, np.float64(0.99 * best)):
        judged("x", near, life, *case)
    for far in (1.3 * best, best / 60):
        with pytest.raises(AssertionError, match="of the share of work"):
            judged("x", far, life, *case)
    with pytest.raises(AssertionError, match="Young-Daly's interval"):
        judged("x", young_daly(2.0, 100.0), life, *case)
    for bad in (-1.0, float("nan"), "900", None):
        with pytest.raises(AssertionError):
            judged("x", bad, life, *case)
