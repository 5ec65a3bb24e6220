"""Schedules as lists of times: read, compared, drawn."""

import matplotlib as mpl
import numpy as np
import pytest

from mlsyscore.harness import schedule


def test_two_lists_of_any_kind_are_read():
    both = schedule.times("x", (np.array([0, 1]), [2.0, np.float32(3)]), "a b", 2)
    assert both == [[0.0, 1.0], [2.0, 3.0]]


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ([1.0, 2.0, 3.0], r"x: \(a, b\): 2 values are expected, not 3"),
        (([1.0], [2.0, 3.0]), "x: a: 2 values are expected, not 1"),
        (([1.0, 2.0], [2.0, "3"]), "x: b: one number is expected, not str"),
        (7, "a list is expected, not int"),
    ],
)
def test_what_is_no_schedule_is_told(answer, what):
    with pytest.raises(AssertionError, match=what):
        schedule.times("x", answer, "a b", 2)


def test_the_first_time_that_differs_is_told_with_its_slip():
    schedule.agree("x", "a", [0.0, 3.0 + 1e-9, 5.0], [0, 3, 5])
    schedule.agree("x", "a", [], [])
    with pytest.raises(AssertionError, match=r"x: a\[1\] is 4 s; 3 s is expected\.$"):
        schedule.agree("x", "a", [0.0, 4.0, 9.0], [0, 3, 5], {(0, 4.0): "no"})
    with pytest.raises(AssertionError, match=r"is expected\.  Why\?$"):
        schedule.agree("x", "a", [0.0, 4.0], [0, 3], {(1, 4.0): "Why"})


def test_reads_that_overlap_are_drawn_on_lines_of_their_own():
    mpl.use("agg")
    schedule.drawn([3, 1, 2], [2, 2, 2], [0, 0, 3], [3, 5, 7])
    ax = mpl.pyplot.gca()
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == ["compute", "read, line 1", "read, line 2"]
    waits = [p.get_width() for p in ax.patches if p.get_hatch() == "///"]
    assert waits == [3.0, 0.0, 0.0]
    mpl.pyplot.close("all")
