"""What an answer says of a port's run."""

import numpy as np
import pytest

from mlsyscore.harness.ports import outcome, ran


def test_an_outcome_is_three_numbers_of_which_the_first_may_be_none():
    assert outcome("", (None, 3, np.int64(4))) == (None, 3, 4)
    assert outcome("", np.array([1, 2, 3])) == (1, 2, 3)
    for answer in (None, (1, 2), (1, None, 3), ("no", 2, 3)):
        with pytest.raises(AssertionError):
            outcome("", answer)


def test_a_run_that_differs_is_told_and_why():
    slips = {"lost": {1: "too soon"}, "peak": {2: "late"}, "busy": {4: "once"}}
    ran("run", (None, 3, 12), (None, 3, 12), slips)
    ran("run", [4, 35, 4.0], (4, 35, 4))
    for answer, says in (
        (
            (1, 3, 12),
            r"run: you have a loss in slot 1; no loss is expected\.  too soon",
        ),
        ((2, 3, 12), r"a loss in slot 2; no loss is expected\.$"),
        ((None, 2, 12), r"run, packets at the peak: you have 2; 3 .*late"),
        ((None, 3, 4), r"run, slots busy: you have 4; 12 .*once"),
        ((None, 0, 12), r"run, packets at the peak: you have 0; 3 is expected\.$"),
    ):
        with pytest.raises(AssertionError, match=says):
            ran("run", answer, (None, 3, 12), slips)
    with pytest.raises(AssertionError, match="you have no loss; a loss in slot 4"):
        ran("run", (None, 35, 4), (4, 35, 4))
