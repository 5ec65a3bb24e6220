"""A stream that drifts, its bill, and the best fixed interval."""

import numpy as np
import pytest

from mlsyscore.harness.drifting import (
    Stream,
    best_fixed,
    bill,
    days_served,
    operated,
    trainings,
)


def every(T):
    def operate(stream):
        for day in range(stream.days):
            if day and day % T == 0:
                stream.train()
            stream.serve()

    return operate


def test_losses_grow_by_the_square_of_the_drift_and_start_at_the_noise():
    # after a days the weights are off by a variance of drift^2 a, and the fit by 5/100
    played = [Stream(60, 1.0, 0.3, seed)._losses for seed in range(40)]
    age = {a: np.mean([np.diag(x, a).mean() for x in played]) for a in (0, 10, 40)}
    assert age[0] == pytest.approx(1 + 0.09 + 0.05, abs=0.03)
    assert age[10] - age[0] == pytest.approx(0.9, rel=0.15)
    assert age[40] - age[0] == pytest.approx(3.6, rel=0.25)


def test_the_operator_sees_the_losses_of_the_model_that_is_there():
    stream = Stream(20, 3.0, 0.3, 1)
    assert (stream.days, stream.price) == (20, 3.0)
    first = [stream.serve() for _ in range(4)]
    stream.train()
    second = [stream.serve() for _ in range(3)]
    assert first == [stream._losses[0, t] for t in range(4)]
    assert second == [stream._losses[4, t] for t in range(4, 7)]
    assert (days_served(stream), trainings(stream)) == (7, [4])


def test_no_training_twice_and_nothing_after_the_end():
    stream = Stream(3, 3.0, 0.3, 1)
    stream.train()
    with pytest.raises(RuntimeError, match="this morning"):
        stream.train()
    for _ in range(3):
        stream.serve()
    for late in (stream.train, stream.serve):
        with pytest.raises(RuntimeError, match="all 3 days are over"):
            late()


def test_the_bill_is_trainings_and_what_an_old_model_loses():
    stream = Stream(40, 3.0, 0.3, 2)
    L = stream._losses
    own = sum(L[10 * (t // 10), t] - L[t, t] for t in range(40))
    assert bill(stream, [10, 20, 30]) == pytest.approx(own + 9)
    assert bill(stream, list(range(40))) == pytest.approx(120)
    T, least = best_fixed(stream)
    assert least == bill(stream, list(range(T, 40, T)))
    assert all(least <= bill(stream, list(range(k, 40, k))) for k in range(1, 41))


def test_an_operated_stream_is_compared_with_the_best_interval():
    T, _ = best_fixed(Stream(90, 6.0, 0.3, 4))
    assert operated("", every(T), Stream(90, 6.0, 0.3, 4)) == pytest.approx(1)
    assert operated("", every(1), Stream(90, 6.0, 0.3, 4)) > 3
    with pytest.raises(AssertionError, match="1 of 90 days are served"):
        operated("", lambda s: s.serve(), Stream(90, 6.0, 0.3, 4))
