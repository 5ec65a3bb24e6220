"""A chip that a plan drives: its clock, its rivals, and what it refuses."""

import pytest

from mlsyscore.harness import iterations
from mlsyscore.harness.iterations import (
    BUDGET,
    LONGEST,
    ROOM,
    T_FIX,
    T_READ,
    T_VAR,
    p99,
    served,
    shares,
    static_first,
    trace_of,
)


def greedy(budget, room, active, waiting):
    turn = {i: 1 for i, left in active if not left}
    budget -= len(turn)
    rows = [(i, left, 0) for i, left in active if left] + waiting
    for i, tokens, most in rows:
        if not budget or most > room:
            break
        turn[i] = min(tokens, budget)
        budget, room = budget - turn[i], room - most
    return list(turn.items())


def test_one_request_by_hand():
    first, gap = served(greedy, "one", [(1.0, BUDGET + 8, 3, LONGEST)])
    assert first == pytest.approx([2 * T_FIX + (BUDGET + 8) * T_READ])
    assert gap == pytest.approx([T_FIX + T_VAR])


def test_who_writes_waits_for_a_chunk_at_most():
    trace = [(0.0, 10, 30, LONGEST), (0.0, 3000, 2, LONGEST)]
    first, gap = served(greedy, "two", trace)
    assert first[0] == pytest.approx(T_FIX + BUDGET * T_READ)
    longest = T_FIX + T_VAR + (BUDGET - 1) * T_READ
    assert gap[0] == pytest.approx(longest)


def test_a_request_that_ends_gives_its_room_back():
    trace = [(0.0, 10, 2, ROOM - 10), (0.0, 10, 2, ROOM - 10)]
    first, _ = served(greedy, "room", trace)
    assert first[1] == pytest.approx(first[0] + 2 * T_FIX + T_VAR + 10 * T_READ)


def test_an_answer_of_one_token_ends_with_its_prompt():
    first, gap = served(greedy, "short", [(0.0, 10, 1, 5), (9.0, 10, 1, 5)])
    assert first == pytest.approx([T_FIX + 10 * T_READ] * 2)
    assert gap == [0.0, 0.0]


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (lambda *a: [], "nobody gets a token"),
        (lambda *a: [(0, BUDGET + 1)], "513 tokens; the budget is 512"),
        (lambda *a: [(0, 200)], "has 100 of its prompt left, and gets 200"),
        (lambda *a: [(9, 1)], "request 9 is not there"),
        (lambda *a: [(0, 0)], "gets 0 tokens"),
        (lambda *a: [(0, 1), (0, 1)], "there twice"),
        (lambda *a: [(0, 100), (1, 100), (2, 100)], "the room is -"),
        (lambda *a: None, "a list is expected"),
        (lambda *a: [(0, 1.5)], "whole numbers"),
        (lambda *a: {0: 100} if not a[2] else {1: 1}, "writes, and gets no token"),
    ],
)
def test_what_a_plan_may_not_do_is_said(plan, said):
    trace = [(0.0, 100, 5, ROOM // 2 - 100)] * 3
    with pytest.raises(AssertionError, match=said):
        served(plan, "bad", trace)


def test_a_plan_gets_copies():
    def spoils(budget, room, active, waiting):
        turns = greedy(budget, room, active, waiting)
        active.clear()
        waiting.clear()
        return turns

    trace = trace_of(4, 2.0, 20)
    assert served(spoils, "spoilt", trace) == served(greedy, "fine", trace)


def test_static_batches_by_hand():
    trace = [(0.0, 100, 5, LONGEST), (0.5, 200, 3, LONGEST), (0.5, 300, 9, LONGEST)]
    alone = T_FIX + 100 * T_READ
    assert alone + 4 * (T_FIX + T_VAR) < 0.5
    both = T_FIX + 500 * T_READ
    assert static_first(trace) == pytest.approx([alone, both, both])
    late = [(0.0, 100, 500, LONGEST), (0.1, 100, 2, LONGEST)]
    begins = alone + 499 * (T_FIX + T_VAR)
    assert static_first(late)[1] == pytest.approx(begins + alone - 0.1)


def test_a_static_batch_ends_where_the_room_does():
    long = ROOM // 2 - LONGEST + 1
    first = static_first([(0.0, long, 2, LONGEST), (0.0, long, 2, LONGEST)])
    alone = T_FIX + long * T_READ
    assert first == pytest.approx([alone, 2 * alone + T_FIX + T_VAR])


def test_shares_are_read_from_pairs_and_dicts():
    assert shares("x", [(3, 4), [5, 6.0]]) == shares("x", {3: 4, 5: 6}) == {3: 4, 5: 6}


def test_the_p99_is_a_count():
    assert p99(range(100)) == 98
    assert p99(range(60)) == 59


def test_a_trace_is_what_it_says():
    trace = trace_of(1, 2.0, 4000)
    times, prompts, answers, longest = zip(*trace, strict=True)
    assert times[-1] / 4000 == pytest.approx(0.5, rel=0.05)
    assert max(prompts) <= 3400
    assert 2 <= min(answers) <= max(answers) <= LONGEST
    assert set(longest) == {LONGEST}
    assert max(p + LONGEST for p in prompts) <= ROOM
    assert iterations.trace_of(1, 2.0, 4000) == trace
