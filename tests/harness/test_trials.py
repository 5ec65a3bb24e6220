import math
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest

from mlsyscore.harness.trials import (
    Trials,
    bought,
    calls,
    least,
    trials_of,
    verdict,
)


def slow(N):
    return 900 / N + N


def test_a_trial_is_a_call_and_counted():
    step = Trials(slow, range(1, 101), allowed=6)
    assert step(30) == step(np.int64(30)) == step(30.0) == 60
    for bad, error in [(0, LookupError), (101, LookupError), ("30", TypeError)]:
        with pytest.raises(error):
            step(bad)
    with pytest.raises(RuntimeError, match="more than 6 calls"):
        step(30)
    assert calls(step) == 7


@pytest.mark.parametrize(
    "kind", [int, float, np.int64, np.uint32, np.float64, np.array, Fraction]
)
def test_a_number_of_any_kind_is_looked_up_at_once(kind):
    """In a range python tries the members one by one for what is no int."""
    sizes = range(1, 10**15)
    assert Trials(slow, sizes)(kind(30)) == 60
    assert Trials(lambda N: N, sizes)(kind(999_999)) == 999_999
    assert trials_of({8: 90.0})(kind(8)) == 90
    with pytest.raises(LookupError):
        Trials(slow, sizes)(kind(0))


def test_a_part_of_a_machine_is_no_fleet():
    step = Trials(slow, range(1, 101))
    for bad in (1.5, np.float64(1.5), Fraction(3, 2), math.inf, math.nan):
        with pytest.raises(LookupError):
            step(bad)
    for bad in (None, "3", [3], np.array([3]), 3j):
        with pytest.raises(TypeError):
            step(bad)


def test_threads_are_counted_too():
    step = Trials(slow, range(1, 101), allowed=10**6)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(step, [5] * 4000))
    assert calls(step) == 4000


def test_the_least_is_found_and_within_the_calls():
    step = Trials(slow, range(1, 1001))
    with pytest.raises(AssertionError, match="without a call"):
        least("x", 30, step, 30, 1000)
    step(30)
    least("x", 30.0, step, 30, 1000)
    for bad, says in [(31, "faster by"), (0, "no fleet"), (1.5, "no fleet")]:
        with pytest.raises(AssertionError, match=says):
            least("x", bad, step, 30, 1000)
    for _ in range(199):
        step(1)
    least("x", 30, step, 30, 1000)
    with pytest.raises(RuntimeError):
        step(1)
    with pytest.raises(AssertionError, match="201 calls; 200 are allowed"):
        least("x", 30, step, 30, 1000)


def test_the_least_at_an_end():
    for near, most, N in [(30, 20, 20), (0.4, 64, 1)]:
        step = Trials(lambda n, near=near: abs(n - near), range(1, most + 1))
        step(1)
        least("x", N, step, near, most)


def test_a_table_has_no_other_fleets():
    step = trials_of({8: 90.0})
    assert step(8) == 90
    with pytest.raises(LookupError):
        step(9)


def test_pairs():
    bought("x", [np.int64(16), 5.0], 16, 5.0)
    verdict("x", ("compute", 0.5), "compute", 0.5)
    slips = {"coordination": "Late", 0.5: "half"}
    for got, says in [(("coordination", 0.5), r"Late\?"), (("compute", 0.25), "half")]:
        with pytest.raises(AssertionError, match=says):
            verdict("x", got, "compute", 0.5, slips)
    for check, bad in [
        (lambda got: bought("x", got, 16, 5.0), [(16,), (8, 5.0), (16, 6.0), None]),
        (lambda got: verdict("x", got, "compute", 0.5), ["ab", ("b", 0.5), (1, 0.5)]),
    ]:
        for got in bad:
            with pytest.raises(AssertionError):
                check(got)
