"""A decision answers what it is asked, keeps it, and is drawn with all its traps."""

import math

import pytest

from mlsyscore.harness.assumptions import (
    RESTS_ON,
    Decision,
    drawn,
    must_ask,
    resting_on,
)
from mlsyscore.harness.capstone import LIMITS, brief_of, largest_share


def test_a_decision_answers_whole_dicts_only():
    decision = Decision(lambda w: w["a"] / w["b"], ("a", "b"))
    assert decision({"a": 3, "b": "2"}) == 1.5
    for bad in ({"a": 1}, {"a": 1, "b": 2, "c": 3}, [1, 2], {"a": 1, "b": "x"}):
        with pytest.raises(ValueError, match=r"expected|convert"):
            decision(bad)
    assert decision._asked == [{"a": 3.0, "b": 2.0}]


def test_a_decision_does_not_keep_for_ever(monkeypatch):
    monkeypatch.setattr("mlsyscore.harness.assumptions.MOST", 3)
    decision = Decision(lambda w: 0.5, ("a",))
    for _ in range(3):
        decision({"a": 1})
    with pytest.raises(RuntimeError, match="more than 3"):
        decision({"a": 1})


@pytest.mark.parametrize("seed", range(30))
def test_a_drawn_decision_stands_by_plan(seed):
    n = 4 + seed % 6
    decision, plan, ranges = drawn(seed, n)
    assert len(plan) == n
    assert decision(plan) < 0.93
    assert drawn(seed, n, 1.3)[0](plan) == pytest.approx(1.3 * decision(plan))
    assert all(low < plan[k] < high for k, (low, high) in ranges.items())
    ends = {k: [decision({**plan, k: x}) for x in ends] for k, ends in ranges.items()}
    assert all(math.isfinite(x) for pair in ends.values() for x in pair)
    idle = [k for k, pair in ends.items() if set(pair) == {decision(plan)}]
    assert len(idle) == 1
    low, high = ({**plan, idle[0]: end} for end in ranges[idle[0]])
    beside = [
        k
        for k in plan
        if k != idle[0]
        and decision({**low, k: ranges[k][0]}) > decision({**high, k: ranges[k][0]})
    ]
    assert len(beside) == 1
    steep = drawn(seed, n, cliff=True)[0]
    falls = [k for k in plan if steep({**plan, k: ranges[k][1]}) == math.inf]
    assert len(falls) == 2


def test_orders_are_not_alphabetical_by_themselves():
    assert any(list(drawn(s, 6)[1]) != sorted(drawn(s, 6)[1]) for s in range(3))


def test_questions_are_counted_and_looked_at():
    decision, plan, ranges = drawn(1, 5)
    a, b = list(plan)[:2]
    decision(plan)
    for name in plan:
        for end in ranges[name]:
            decision({**plan, name: end})
    must_ask("", decision, plan, ranges)
    decision(plan)
    with pytest.raises(AssertionError, match="12 questions; 11 are enough"):
        must_ask("", decision, plan, ranges)
    decision = drawn(1, 5)[0]
    decision({**plan, a: ranges[a][0], b: ranges[b][1]})
    must_ask("", decision, plan, ranges, together=2)
    with pytest.raises(AssertionError, match="2 assumptions changed"):
        must_ask("", decision, plan, ranges)
    decision({**plan, a: plan[a] * 1.01})
    with pytest.raises(AssertionError, match="which is no end"):
        must_ask("", decision, plan, ranges, together=2)


def test_a_design_rests_on_its_brief():
    brief = brief_of(1, dict.fromkeys(LIMITS, 50.0))
    design = {"p": 4, "d": 64, "r": 2, "tau": 1200, "spares": 4, "site": "nuclear"}
    design |= {"servers": 20, "batch": 16, "sigma": 20, "at_a": 0, "at_b": -0.3}
    decision, plan, ranges = resting_on(brief, design)
    assert tuple(plan) == RESTS_ON
    assert decision(plan) == largest_share(brief, design)
    low, high = ranges["tokens"]
    assert high / plan["tokens"] == plan["tokens"] / low == 1.25
    more = largest_share({**brief, "tokens": high}, design)
    assert decision({**plan, "tokens": high}) == more
