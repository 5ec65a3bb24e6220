import pytest

from mlsyscore.harness.admission import PHONE, must_refuse, phone_like, seconds_of
from mlsyscore.units import MB, minute

TASK = {"memory": 250 * MB, "work": 8100.0, "power": 4.5, "radio": 1.5}
TASK |= {"down": 40 * MB, "up": 10 * MB, "deadline": 30 * minute}


def simmered(phone, task, dt=0.05):
    """Play the phone in small steps of time."""
    T, t, done = phone["temperature"], 0.0, 0.0
    while done < task["work"] and t < 1e5:
        hold = (phone["limit"] - phone["ambient"]) / phone["R"]
        power = task["power"] if phone["limit"] > T else min(task["power"], hold)
        if power <= 0:
            return None
        T += dt * (power - (T - phone["ambient"]) / phone["R"]) / phone["C"]
        t, done = t + dt, done + dt * power
    return t + task["down"] / phone["down"] + task["up"] / phone["up"]


@pytest.mark.parametrize("ambient", [0.0, 22.0, 30.0, 36.0])
@pytest.mark.parametrize("warmer", [0.0, 5.0])
def test_the_seconds_are_those_of_small_steps(ambient, warmer):
    phone = phone_like(ambient=ambient, temperature=ambient + warmer)
    assert seconds_of(phone, TASK) == pytest.approx(simmered(phone, TASK), rel=2e-3)


def test_at_the_limit_the_phone_is_slow_at_once_and_in_the_sun_never_done():
    hot = phone_like(temperature=43.0)
    assert seconds_of(hot, TASK) == pytest.approx(16 + 8100 / (18 / 7))
    assert seconds_of(phone_like(ambient=45.0, temperature=40.0), TASK) is None
    assert simmered(phone_like(ambient=45.0, temperature=40.0), TASK) is None


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
