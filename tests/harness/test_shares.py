import numpy as np
import pytest

from mlsyscore.harness import shares

CAPACITY, DEMANDS = np.array([9.0, 18.0]), np.array([[1.0, 4.0], [3.0, 1.0]])
NSDI = np.array([3.0, 2.0])  # Ghodsi et al., NSDI 2011, section 4.1


def test_the_published_shares_are_fair():
    shares.must_stop("x", NSDI, CAPACITY, DEMANDS)
    shares.must_be_fair("x", NSDI, DEMANDS)
    shares.must_be_honest("x", 3.0, 3.0, DEMANDS[0], DEMANDS[0])


@pytest.mark.parametrize(
    ("x", "said"),
    [
        ([2.9, 2.0], "tenant 0 could go on"),
        ([3.1, 2.0], "1 is the most"),
        ([4.0, 5 / 3], "tenant 1 stops at a dominant share of 0.5556"),
        ([0.0, 0.0], "tenant 0 could go on"),
    ],
)
def test_who_stops_too_early_or_too_late_is_said(x, said):
    with pytest.raises(AssertionError, match=said):
        shares.must_stop("x", np.array(x), CAPACITY, DEMANDS)


def test_envy_and_lies_are_said():
    with pytest.raises(AssertionError, match="tenant 1 runs 1 tasks"):
        shares.must_be_fair("x", np.array([4.0, 1.0]), DEMANDS)
    with pytest.raises(AssertionError, match="a false claim gives 4 tasks"):
        shares.must_be_honest("x", 3.0, 2.0, DEMANDS[0], 2 * DEMANDS[0])


def test_tasks_are_read_as_numbers_that_are_not_negative():
    assert shares.tasks_of("x", (1, 2.5), 2).tolist() == [1.0, 2.5]
    with pytest.raises(AssertionError, match="none may be negative"):
        shares.tasks_of("x", [1, -2], 2)
    with pytest.raises(AssertionError, match="2 values are expected, not 1"):
        shares.tasks_of("x", [1], 2)
