import numpy as np
import pytest
from scipy.stats import binom

from mlsyscore.harness.weeks import KINDS, TESTS, alarms, asked, two


def gap(a, b):
    return abs(np.median(a) - np.median(b))


def p_values(a, b, shuffles, seed, plus=1, whole=True):
    rng, both = np.random.default_rng(seed), np.append(a, b)
    far = gap(a, b)
    reached = plus
    for _ in range(shuffles):
        rng.shuffle(both)
        reached += gap(both[: len(a)], both[len(a) :]) >= far - 1e-9
    return dict.fromkeys(TESTS, reached / (shuffles + whole))


def test_an_honest_test_is_within_the_bounds_of_the_lab():
    for kind in KINDS:
        for calls in alarms(p_values, kind, 150, 3).values():
            assert calls <= 37
    moved = alarms(p_values, "normal", 20, 3, change=lambda x: x + 9)
    assert min(moved.values()) == 20


def test_the_lab_s_bounds_have_the_error_that_it_says():
    assert binom.sf(37, 150, 0.1) < 1e-6
    assert binom.cdf(0, 150, 0.1) < 1e-6


@pytest.mark.parametrize("broken", [{"plus": 0}, {"whole": False}])
def test_shares_that_no_shuffle_shows_are_told(broken):
    a, b = two("normal", np.random.default_rng(1), 9, 9)
    with pytest.raises(AssertionError, match="as they came"):
        asked("t", lambda *x: p_values(*x, **broken), a, b + 99, 19, 3)


def test_samples_stay_as_they_are():
    def sorts(a, b, *more):
        a.sort()
        return p_values(a, b, *more)

    with pytest.raises(AssertionError, match="have changed"):
        asked("t", sorts, *two("tails", np.random.default_rng(1), 9, 9), 19, 3)
    with pytest.raises(AssertionError, match="no"):
        asked("t", lambda *x: {"psi": 1.0}, np.ones(3), np.ones(3), 19, 3)


def test_counts_have_ties_and_amounts_a_few_large_values():
    rng = np.random.default_rng(4)
    assert len(np.unique(KINDS["counts"](rng, 500))) < 12
    amounts = KINDS["amounts"](rng, 2000)
    assert amounts.max() > 10 * amounts.std() > 0
