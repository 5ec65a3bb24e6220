import pickle

import numpy as np
import pytest

from mlsyscore.harness.resuming import (
    bit_for_bit,
    gaps_without,
    goes_on,
    pickled,
    put_back,
    resumed,
    rolls_back,
)
from mlsyscore.harness.trainer import Trainer, train

PARTS, NOISE = ("model", "optimizer", "schedule"), ("shuffle", "dropout")


def capture(trainer):
    state = {p: getattr(trainer, p).state_dict() for p in PARTS}
    state |= {p: getattr(trainer, p).get_state() for p in NOISE}
    return state | {"seek": (trainer.order, trainer.place)}


def restore(trainer, state):
    for p in PARTS:
        getattr(trainer, p).load_state_dict(state[p])
    for p in NOISE:
        getattr(trainer, p).set_state(state[p])
    trainer.seek(*state["seek"])


def test_a_run_that_is_killed_goes_on_to_the_last_bit():
    want = train(Trainer(5), 60)
    got = resumed((capture, restore), 5, 60, 7, [1, 8, 10, 24, 25, 59])
    assert got.losses == want
    assert got.resumes == [0, 0, 7, 21, 21, 56]
    bit_for_bit("killed", got.losses, want, got.resumes)


def test_a_state_is_captured_when_it_was_and_not_when_it_is_pickled():
    def lazy(trainer):
        return [trainer]

    with pytest.raises(AssertionError, match="not a Trainer"):
        resumed((lazy, restore), 5, 60, 7, [24])


def test_a_restore_that_trains_is_caught():
    def again(trainer, state):
        train(trainer, 7)

    with pytest.raises(AssertionError, match="called step 7 times"):
        put_back(again, Trainer(5), pickled({}))


def test_runs_that_differ_say_where():
    for since, hint in [(0, "weights"), (2, "momentum"), (9, "next epoch")]:
        got = [1.0] * 30
        got[10 + since] = 2.0
        with pytest.raises(AssertionError, match=hint):
            bit_for_bit("x", got, [1.0] * 30, [10])
    with pytest.raises(AssertionError, match="never resumed"):
        bit_for_bit("x", [1.0], [1.0], [])
    with pytest.raises(AssertionError, match="0 losses"):
        bit_for_bit("x", [], [], [3])


def test_a_state_is_plain_and_small():
    rng = np.random.default_rng(1)
    state = {"a": [1, 2.5, None, b"x", "y", (True, {3})], 4: rng.normal(size=9)}
    state["rng"] = rng.bit_generator.state
    assert pickle.loads(pickled(state))["a"] == state["a"]
    assert len(pickled(capture(Trainer(1)))) < 30_000
    for bad in (lambda: 0, [Trainer(1)], np.array([Trainer]), {"x": iter(())}):
        with pytest.raises(AssertionError, match="not a"):
            pickled(bad)
    with pytest.raises(AssertionError, match="must do"):
        pickled(np.zeros(20_000))


def test_a_nested_bomb_is_refused():
    bomb = []
    for _ in range(60):
        bomb = [bomb, bomb]
    with pytest.raises(AssertionError, match="values"):
        pickled(bomb)


def test_a_run_goes_on_and_rolls_back():
    def forgets(trainer, state):
        restore(trainer, state | {"dropout": Trainer(8).dropout.get_state()})

    goes_on((capture, restore), 5, 40, 7, [1, 24, 25])
    rolls_back((capture, restore), 5)
    rolls_back((capture, restore), 5, before=0)
    with pytest.raises(AssertionError, match="killed before steps"):
        goes_on((capture, forgets), 5, 40, 7, [24])
    with pytest.raises(AssertionError, match="for the first time"):
        rolls_back((capture, forgets), 5)


def test_each_part_that_is_left_out_is_seen():
    found = gaps_without((capture, restore), steps=40)
    first = {what: next(i for i, x in enumerate(g) if x) for what, g in found.items()}
    assert first == {"dropout": 0, "optimizer": 1, "schedule": 1, "place": 0}


def test_who_goes_to_no_empty_epoch_is_seen_before_the_first_step():
    def skips(trainer, state):
        order, place = state["seek"]
        where = (order, place) if len(order) else (trainer.order, trainer.place)
        restore(trainer, state | {"seek": where})

    rolls_back((capture, skips), 5)
    with pytest.raises(AssertionError, match="back to step 0 for the first time"):
        rolls_back((capture, skips), 5, before=0)
