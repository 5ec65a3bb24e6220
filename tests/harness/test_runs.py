import numpy as np
import pytest

from mlsyscore.harness.runs import drawn_log, names_of, shares_of


def test_logs_have_what_the_rules_speak_of():
    kinds, lost, kept, between = set(), 0, 0, set()
    for seed in range(24):
        log = drawn_log(seed, 1 + seed % 8, tail=bool(seed % 2))
        assert log == drawn_log(seed, 1 + seed % 8, tail=bool(seed % 2))
        for i, (what, hours, tokens) in enumerate(log):
            kinds.add(what)
            assert hours >= 0
            assert (tokens > 0) == (what == "train")
            assert (hours == 0) == (what == "fail")
            if what == "train":
                rest = [w for w, *_ in log[i:] if w in ("save", "fail")]
                lost, kept = lost + (rest[:1] == ["fail"]), kept + (not rest)
                end = next((j for j, e in enumerate(log[i:]) if e[0] in rest), None)
                between |= {(w, rest[0]) for w, *_ in log[i:][:end] if rest}
        tail = {w for w, *_ in log[-2:]} - {"stall", "wait"}
        assert (tail == {"train"}) == bool(seed % 2)
    assert kinds == {"wait", "train", "stall", "fail", "restart", "save"}
    for what in ("wait", "stall", "restart"):  # before a failure, and before a save
        assert {(what, "fail"), (what, "save")} <= between
    assert lost > 10
    assert kept > 10


def test_answers_are_read():
    assert names_of("it", ("a", np.str_("b"))) == ["a", "b"]
    for wrong in (None, "ab", [1], [["a"]]):
        with pytest.raises(AssertionError):
            names_of("it", wrong)
    four = {"sched": 1, "runtime": 2, "program": 3, "mpg": 4}
    assert shares_of("it", four) == four
    for wrong in (None, [1, 2, 3, 4], {"sched": 1}):
        with pytest.raises(AssertionError):
            shares_of("it", wrong)
