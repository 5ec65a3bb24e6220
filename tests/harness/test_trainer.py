import pickle

import numpy as np
import pytest

from mlsyscore.harness.trainer import Trainer, steps_taken, train

PARTS, NOISE = ("model", "optimizer", "schedule"), ("shuffle", "dropout")


def move(source, target, leave=()):
    """Put all parts of one trainer into another, but some."""
    for part in {*PARTS} - {*leave}:
        getattr(target, part).load_state_dict(getattr(source, part).state_dict())
    for part in {*NOISE} - {*leave}:
        getattr(target, part).set_state(getattr(source, part).get_state())
    if "seek" not in leave:
        target.seek(source.order, source.place)


def test_it_learns():
    losses = train(Trainer(5), 400)
    assert np.mean(losses[-20:]) < 0.7 * np.mean(losses[:20])


def test_the_parts_are_all_there_is():
    one, other = Trainer(5), Trainer(5)
    train(one, 33)
    move(one, other)
    assert train(one, 40) == train(other, 40)
    assert steps_taken(other) == 40


@pytest.mark.parametrize("part", [*PARTS, *NOISE, "seek"])
def test_each_part_matters(part):
    one, other = Trainer(5), Trainer(5)
    train(one, 33)
    move(one, other, leave=[part])
    assert train(one, 40) != train(other, 40)


def test_what_is_read_is_a_copy():
    trainer = Trainer(5)
    before = trainer.model.state_dict()
    trainer.model.state_dict()["W"][:] = 0
    trainer.order[:] = 0
    train(trainer, 1)
    assert any((before[k] != v).any() for k, v in trainer.model.state_dict().items())
    state = trainer.optimizer.state_dict()
    trainer.optimizer.load_state_dict(state)
    kept = pickle.dumps(state)
    train(trainer, 1)
    assert pickle.dumps(state) == kept


def test_the_gradient_is_the_slope_of_the_loss():
    """Against finite differences, with the dropout drawn again."""
    trainer = Trainer(5)
    x, y = trainer._x[:50], trainer._y[:50]
    noise, w = trainer.dropout.get_state(), trainer.model.state_dict()
    trainer._train(x, y)
    slope = trainer.optimizer.state_dict()

    def loss(name, at, by):
        moved = {k: v.copy() for k, v in w.items()}
        moved[name][at] += by
        trainer.model.load_state_dict(moved)
        trainer.dropout.set_state(noise)
        return trainer._train(x, y)

    for name, at in [("W", (3, 4)), ("b", 2), ("v", 5), ("c", 0)]:
        rise = (loss(name, at, 1e-6) - loss(name, at, -1e-6)) / 2e-6
        assert rise == pytest.approx(slope[name][at], rel=1e-4, abs=1e-8)


def test_what_does_not_fit_is_refused():
    trainer = Trainer(5)
    for bad in ({}, {"W": np.zeros((3, 3))}, {"W": 1, "b": 1, "v": 1, "c": 1}):
        with pytest.raises(ValueError, match="are expected"):
            trainer.model.load_state_dict(bad)
    for order, place in [([1, 2], 0), (range(2000), 2001), ([0] * 2000, 0), ([], 1)]:
        with pytest.raises(ValueError, match=r"place|order"):
            trainer.seek(order, place)
    with pytest.raises(ValueError, match="no step"):
        trainer.schedule.load_state_dict({"t": -1})
    with pytest.raises((ValueError, TypeError, KeyError)):
        trainer.shuffle.set_state({"state": 1})


def test_the_data_are_not_to_be_had():
    """No public name holds them, and no seed that is read leads to them."""
    trainer = Trainer(5)
    public = [n for n in vars(trainer) if not n.startswith("_")]
    assert sorted(public) == sorted([*PARTS, *NOISE])
    for part in NOISE:
        rng = np.random.default_rng()
        rng.bit_generator.state = getattr(trainer, part).get_state()
        assert not np.isin(rng.normal(size=1000), trainer._x).any()


def test_it_crosses_to_another_process_whole():
    trainer = Trainer(5)
    train(trainer, 7)
    assert train(pickle.loads(pickle.dumps(trainer)), 30) == train(trainer, 30)
