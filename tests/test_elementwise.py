"""Functions of a number or of an array: the same values, and nothing of numpy's."""

import math

import numpy as np
import pytest

from mlsyscore import elementwise as ew

ONE = {
    "sqrt": (math.sqrt, [0, 2, 1e300]),
    "sin": (math.sin, [0, 1, 3.1]),
    "exp": (math.exp, [-3, 0, 2.5]),
    "expm1": (math.expm1, [-1e-17, 1e-17, 3]),
    "log": (math.log, [1e-300, 1, 7]),
    "log1p": (math.log1p, [-1e-17, 1e-17, 3]),
}


@pytest.mark.parametrize("name", ONE)
def test_plain_numbers_stay_plain_and_arrays_agree(name):
    plain, xs = ONE[name]
    f = getattr(ew, name)
    assert [f(x) for x in xs] == [plain(x) for x in xs]
    assert {type(f(x)) for x in xs} == {float}
    np.testing.assert_allclose(
        f(np.array(xs, float)), [plain(x) for x in xs], rtol=4e-16
    )


def test_a_logarithm_of_nothing_is_minus_infinity():
    assert ew.log(0) == ew.log(0.0) == ew.log1p(-1) == ew.log1p(-1.0) == -math.inf


def test_the_smaller_and_the_larger():
    assert (ew.smaller(2, 3.0), ew.larger(2, 3.0)) == (2, 3.0)
    assert (type(ew.smaller(2.0, 3)), type(ew.larger(2, 3.0))) == (float, float)
    assert ew.smaller(2, np.array([1, 3])).tolist() == [1, 2]
    assert ew.smaller(np.array([1, 3]), 2).tolist() == [1, 2]
    assert ew.larger(2, np.array([1, 3])).tolist() == [2, 3]
    assert ew.larger(np.array([1, 3]), 2).tolist() == [2, 3]


def test_a_ceiling_forgives_what_rounding_left():
    rng = np.random.default_rng(1)
    k, b = rng.integers(1, 10**6, 2000), rng.random(2000) + 0.1
    quotients = k * b / b  # the product and the quotient round
    assert (np.ceil(quotients) != k).any()
    assert [ew.ceil(float(x)) for x in quotients] == k.tolist()
    assert ew.ceil(quotients).tolist() == k.tolist()
    assert [ew.ceil(x) for x in (3.01, 3.0, -1.5, 0.2, 5)] == [4, 3, -1, 1, 5]
    assert ew.ceil(3 * (1 + 1e-12)) == 4
    assert type(ew.ceil(2.5)) is int
    assert ew.ceil(1e300) == 1e300
    xs = np.array([9 * 1e-3 / 3e-3, 3.01, 1e-20, -1.5, 1e300])
    assert ew.ceil(xs).tolist() == [3, 4, 1, -1, 1e300]
    assert ew.ceil(1e-20) == 1
    with pytest.raises(OverflowError):
        ew.ceil(math.inf)


def test_every_is_true_only_if_all_are():
    assert ew.every(np.array([True, True]))
    assert not ew.every(np.array([True, False]))
    assert not ew.every(np.nan > 2)
    assert type(ew.every(np.True_)) is bool
