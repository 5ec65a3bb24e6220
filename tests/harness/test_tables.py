"""What lab 5's checks say of shards, timetables and layouts."""

import pytest

from mlsyscore.compute import Transformer
from mlsyscore.harness.layouts import must_be_allowed, priced
from mlsyscore.harness.shards import who_owns
from mlsyscore.harness.timetable import idle_share, most_held, played
from mlsyscore.training import Layout

GOOD = [[("F", 0, 0), ("F", 1, 1), ("B", 0, 3), ("B", 1, 5)],
        [("F", 0, 1), ("B", 0, 2), ("F", 1, 3), ("B", 1, 4)]]  # fmt: skip


def test_who_owns_what():
    flat, each = who_owns("it", [[(0, 0, 2)], [(0, 2, 3), (1, 0, 1)], []], [3, 1], 3)
    assert flat == [0, 0, 1, 1]
    assert each == [2, 2, 0]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ([[(0, 0, 2)], [(0, 1, 3), (1, 0, 1)], []], "have two owners"),
        ([[(0, 0, 2)], [(1, 0, 1)], []], "1 elements have no owner"),
        ([[(0, 0, 3)], [(1, 0, 2)], []], "is one past the last"),
        ([[(0, 0, 3)], [(1, 0, 1), (1, 1, 1)], []], "no piece is empty"),
        ([[(0, 0, 3)], [(2, 0, 1)], []], "no tensor 2"),
        ([[(1, 0, 1), (0, 0, 3)], [], []], "out of order"),
        ([[(0, 2, 3), (0, 0, 2)], [(1, 0, 1)], []], "out of order"),
        ([[(0, 0, 3)], [(1, 0, 1)]], "3 values are expected"),
        ([[(0, 0, 3)], [(1, 0, 0.5)], []], "whole numbers"),
        ([None, [], []], "a list is expected"),
    ],
)
def test_shards_that_cannot_be(answer, text):
    with pytest.raises(AssertionError, match=text):
        who_owns("it", answer, [3, 1], 3)


def test_a_timetable_is_played():
    starts = played("it", GOOD, 2, 2, 1)
    assert idle_share(starts, 2, 1) == pytest.approx(1 / 3)
    assert [most_held(starts, s, 2, 1) for s in (0, 1)] == [2, 1]


@pytest.mark.parametrize(
    ("s", "place", "task", "text"),
    [
        (0, 1, ("F", 1, 0.5), "starts F1 at 0.5, while F0 runs from 0 to 1"),
        (1, 0, ("F", 0, 0), "needs F0 of stage 0, which ends at 1"),
        (0, 2, ("B", 0, 2), "needs B0 of stage 1, which ends at 3"),
        (1, 1, ("B", 1, 2), "does B1 twice"),
        (0, 0, ("F", 0, -1), "before 0"),
        (0, 0, ("G", 0, 0), "F or B is expected"),
        (0, 0, ("F", 2, 0), "no microbatch 2"),
        (0, 0, ("F", 0), "3 values are expected"),
        (0, 0, ("F", 0, "0"), "one number"),
    ],
)
def test_a_timetable_that_breaks_a_rule(s, place, task, text):
    table = [list(tasks) for tasks in GOOD]
    table[s][place] = task
    with pytest.raises(AssertionError, match=text):
        played("it", table, 2, 2, 1)


def test_a_layout_that_is_not_in_the_table_costs_nothing():
    cost = priced({Layout(1, 2, 1, 1): (3.0, 4.0)})
    assert cost(Layout(1, 2, 1, 1)) == (3.0, 4.0)
    assert cost(Layout(2, 2, 1, 1)) == (0.0, 0.0)
    with pytest.raises(TypeError, match="of a Layout"):
        cost((1, 2, 1, 1))


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        (Layout(4, 2, 2, 2), "takes 16 devices"),
        (Layout(4, 1, 1, 4), "leave the node of 2"),
        (Layout(2, 1, 1, 4), "does not divide the 3 heads"),
        (Layout(1, 3, 1, 4), "does not divide the 2 layers"),
        (Layout(1, 1, 2, 1), "2 sequences a step, not on 4"),
        (Layout(1, 2, 1, 4, 2), "V is 1"),
        ((1, 1, 1, 4), "a Layout is expected"),
    ],
)
def test_a_layout_that_is_not_allowed(layout, text):
    model = Transformer(9, 2, 8, 3, 3)
    assert must_be_allowed("it", Layout(1, 2, 4), model, 8, 4, 2)[1].N == 8
    with pytest.raises(AssertionError, match=text):
        must_be_allowed("it", layout, model, 8, 4, 2)
