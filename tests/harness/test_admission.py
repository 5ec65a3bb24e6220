import pytest

from mlsyscore.harness.admission import PHONE, must_refuse, phone_like
from mlsyscore.units import MB, minute

TASK = {"memory": 250 * MB, "work": 8100.0, "power": 4.5, "radio": 1.5}
TASK |= {"down": 40 * MB, "up": 10 * MB, "deadline": 30 * minute}


def test_words_are_read_in_any_order_and_kind():
    for kind in (list, set, tuple, iter):
        words = ["heat", "memory"]
        must_refuse("t", lambda *_, k=kind, w=words: k(w), PHONE, TASK, words[::-1])
    must_refuse("t", lambda *_: [], PHONE, TASK, [])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (["cold"], "the words are"),
        (["heat"], r"you have \['heat'\]; \[\] is expected"),
        (None, "a list is expected"),
        ("heat", "a list is expected"),
    ],
)
def test_other_words_are_said(answer, said):
    with pytest.raises(AssertionError, match=said):
        must_refuse("t", lambda *_: answer, PHONE, TASK, [])
    with pytest.raises(ValueError, match="10 numbers"):
        phone_like(colour=1.0)


def test_an_answer_gets_copies():
    def spoils(phone, task):
        phone.clear()
        task.clear()
        return ()

    phone, task = dict(PHONE), dict(TASK)
    must_refuse("t", spoils, phone, task, [])
    assert (phone, task) == (PHONE, TASK)
