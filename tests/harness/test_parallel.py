import numpy as np
import pytest
import torch

from mlsyscore.harness.parallel import (
    drawn,
    followed,
    joined,
    mean_gradient,
    must_be_exact,
    must_be_one_step,
    stepped,
)
from mlsyscore.harness.payload import Change

W = np.zeros(2, np.float32)
SAMPLES = [(np.ones((n, 2), np.float32), np.ones(n, np.float32)) for n in (1, 0, 3)]


def total(w, X, y, rate, rank, N, comm):
    return w - rate * comm.all_reduce((X.T * y).sum(1) + 0 * w)


def test_each_rank_steps_with_its_own_samples():
    for got in stepped("it", total, W, SAMPLES, 0.5):
        assert got.tolist() == [-2, -2]
    got = stepped("it", total, W, SAMPLES, 1.0, Change(1, 3.0))
    assert got[0].tolist() == [-7, -7]
    followed("it", total, W, SAMPLES, 1.0)


def test_what_makes_no_difference_is_told():
    def alone(w, X, y, rate, rank, N, comm):
        comm.all_reduce(w)
        return w

    with pytest.raises(AssertionError, match="weights of rank 1 are the same"):
        followed("it", alone, W, SAMPLES, 1.0)


@pytest.mark.parametrize("over", [0.0, 1.0])
def test_what_comes_another_way_is_told(over):
    """Even where what arrives makes some difference."""
    table = {}

    def aside(w, X, y, rate, rank, N, comm):
        table[rank] = (X.T * y).sum(1)
        arrived = sum(comm.all_gather(y.sum()))
        return w - rate * (sum(table.values()) + over * arrived)

    with pytest.raises(AssertionError, match="they have to come from what arrives"):
        followed("it", aside, W, SAMPLES, 1.0)


def test_only_the_ranks_that_are_named_are_changed():
    def deaf(w, X, y, rate, rank, N, comm):  # to all but rank 2
        return w - rate * comm.broadcast((X.T * y).sum(1) + 0 * w, 2)

    followed("it", deaf, W, SAMPLES, 1.0, ranks=[1, 2])
    with pytest.raises(AssertionError, match="rank 0 has other targets"):
        followed("it", deaf, W, SAMPLES, 1.0)


def test_a_sum_that_is_passed_on_follows():
    def passed(w, X, y, rate, rank, N, comm):
        g = (X.T * y).sum(1) + 0 * w
        if rank:
            g = g + comm.irecv(rank - 1).wait()
        if rank < N - 1:
            comm.isend(g, rank + 1).wait()
        return w - rate * comm.broadcast(g, N - 1)

    followed("it", passed, W, SAMPLES, 1.0)


def test_an_answer_that_is_no_vector_of_floats_is_told():
    for answer, text in [(None, "NoneType"), (W[:1], "shape"), ([1, 2], "int64")]:
        with pytest.raises(AssertionError, match=text):
            stepped("it", lambda *_, answer=answer: answer, W, SAMPLES, 1.0)


def test_samples_are_short_so_that_sums_are_exact():
    w, samples = drawn(np.random.default_rng(1), [4, 0, 300], 5)
    assert [X.shape for X, _ in samples] == [(4, 5), (0, 5), (300, 5)]
    X, y = (a.astype(float) for a in samples[2])
    error = X @ w.astype(float) - y
    order = np.random.default_rng(2).permutation(300)
    assert (X.T @ error == X[order].T @ error[order]).all()


def test_the_joined_step_is_that_of_all_samples():
    assert joined(W, SAMPLES, 0.5).tolist() == [0.5, 0.5]
    must_be_one_step("it", [np.full(2, 0.5)], W, SAMPLES, 0.5)
    with pytest.raises(AssertionError, match="2 of 2 weights on rank 1"):
        must_be_one_step("it", [np.full(2, 0.5), W], W, SAMPLES, 0.5)
    with pytest.raises(AssertionError, match="are nan"):
        must_be_one_step("it", [W * np.nan], W, SAMPLES, 0.5)


COUNTS = [3, 0, 6, 1, 5, 2]
RATE = np.float32(0.6875)


def taken(how):
    """Return samples, and the weights of a step that sums its parts in some way."""
    w, samples = drawn(np.random.default_rng(5), COUNTS, 300)
    parts = [np.zeros_like(w)]
    for X, y in [map(torch.tensor, both) for both in samples if len(both[1])]:
        parts.append(np.float32(len(y)) * mean_gradient(torch.tensor(w), X, y).numpy())
    return w, samples, how(w, parts, np.float32(sum(COUNTS)))


def test_sums_in_the_order_of_ranks_are_exact():
    w, samples, end = taken(lambda w, parts, n: w - RATE * (sum(parts) / n))
    must_be_exact("it", [end, end], w, samples, RATE)
    with pytest.raises(AssertionError, match="float32 is expected, not float64"):
        must_be_exact("it", [end.astype(float)], w, samples, RATE)
    with pytest.raises(AssertionError, match=r"rank 1 .* Not by rounding"):
        must_be_exact("it", [end, w], w, samples, RATE)


@pytest.mark.parametrize(
    ("how", "text"),
    [
        (lambda w, parts, n: w - RATE * sum(parts) / n, "and then the quotient"),
        (lambda w, parts, n: w - RATE * sum(p / n for p in parts), "before the sum"),
        (lambda w, parts, n: w - RATE * (sum(parts[::-1]) / n), "another order"),
    ],
)
def test_another_rounding_is_named(how, text):
    w, samples, end = taken(how)
    with pytest.raises(
        AssertionError, match=f"right to rounding, not to the bit: .*{text}"
    ):
        must_be_exact("it", [end], w, samples, RATE)
