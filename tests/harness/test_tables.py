"""What lab 5's checks say of shards, timetables and layouts."""

import matplotlib as mpl
import pytest

from mlsyscore.compute import Transformer
from mlsyscore.harness.offers import (
    draw_offers,
    must_be_allowed,
    must_meet,
    priced,
)
from mlsyscore.harness.owners import HELD, draw_held, held_bytes, who_owns
from mlsyscore.harness.pipelines import Played
from mlsyscore.training import Layout

mpl.use("Agg")
ORDERS = ("F0 0, F1 1, B0 3, W0 4, B1 6, W1 7", "F0 1, B0 2, W0 3, F1 4, B1 5, W1 6")
GOOD = [[(x[0], int(x[1]), int(x[3])) for x in o.split(", ")] for o in ORDERS]


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


def test_what_a_rank_holds_has_four_numbers():
    assert held_bytes("it", dict.fromkeys(HELD, 2) | {"more": None})["gathered"] == 2.0
    with pytest.raises(AssertionError, match=r"no .'gathered'"):
        held_bytes("it", dict.fromkeys(HELD[:3], 2))
    with pytest.raises(AssertionError, match="it, weights: one number"):
        held_bytes("it", dict.fromkeys(HELD))
    draw_held([1, 2], {"one": [2e9, 1e9]})


@pytest.mark.parametrize("late", [0, 0.5])
def test_a_timetable_is_played(late):
    table = [[(kind, j, t + late) for kind, j, t in mine] for mine in GOOD]
    play = Played("", table, 2, 2, 1, 1)
    assert (play.first, play.end, play.idle) == (late, 8 + late, 2 + late)
    assert [play.held(s) for s in (0, 1)] == [2, 1]
    assert play.name == "p = 2, m = 2, t_b = 1, t_w = 1"
    play.draw()


@pytest.mark.parametrize(
    ("s", "place", "task", "text"),
    [
        (0, 1, ("F", 1, 0.5), "starts F1 at 0.5, while F0 runs from 0 to 1"),
        (1, 0, ("F", 0, 0), "needs F0 of stage 0, which ends at 1"),
        (0, 2, ("B", 0, 2), "needs B0 of stage 1, which ends at 3"),
        (1, 1, ("B", 0, 0), "starts B0 at 0; it needs F0 of stage 1"),
        (0, 3, ("W", 0, 2), "starts W0 at 2; it needs B0 of stage 0, which ends at 4"),
        (1, 1, ("B", 1, 2), "does B1 twice"),
        (0, 0, ("F", 0, -1), "before 0"),
        (0, 0, ("G", 0, 0), "F, B or W is expected"),
        (0, 0, ("F", 2, 0), "no microbatch 2"),
        (0, 0, ("F", 0), "3 values are expected"),
        (0, 0, ("F", 0, "0"), "one number"),
    ],
)
def test_a_timetable_that_breaks_a_rule(s, place, task, text):
    table = [list(tasks) for tasks in GOOD]
    table[s][place] = task
    with pytest.raises(AssertionError, match=text):
        Played("it", table, 2, 2, 1, 1)


def test_a_task_that_is_lacking_is_told():
    with pytest.raises(AssertionError, match="6 values are expected, not 5"):
        Played("it", [GOOD[0], GOOD[1][:-1]], 2, 2, 1, 1)


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


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Layout(1, 1, 1, 2), "needs 9 bytes; 5 are there"),
        (Layout(1, 1, 2, 1), "takes 9 s; at most 5 is asked"),
        (Layout(1, 2, 2, 1), "p does not divide"),
        (None, "a Layout is expected"),
        (ValueError("none"), r"you raise ValueError\('none'\); a layout meets both"),
    ],
)
def test_a_layout_that_misses_a_limit(answer, text):
    table = {Layout(1, 1, 1, 2): (1.0, 9.0), Layout(1, 1, 2, 1): (9.0, 1.0)}
    table[Layout(2, 1, 1, 2)] = (5.0, 5.0)

    def choose(cost, model, N, B, memory, target):
        assert (N, B, memory, target) == (4, 2, 5.0, 5.0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    model = Transformer(9, 1, 8, 2, 2)
    with pytest.raises(AssertionError, match=text):
        must_meet("it", choose, table, model, (4, 2, 5.0, 5.0))
    must_meet("it", lambda *_: Layout(2, 1, 1, 2), table, model, (4, 2, 5.0, 5.0))


def test_offers_are_drawn_and_named(capsys):
    draw_offers([(2.0, 5.0, Layout(1, 1, 1)), (3.0, 4.0, Layout(2, 1, 1))])
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("fastest: Layout(t=1")
    assert said[1].startswith("sends least: Layout(t=2")
