from unittest.mock import Mock

import numpy as np
import pytest
import torch

from mlsyscore.harness.payload import Change
from mlsyscore.harness.ring import frugal, summed, vector
from mlsyscore.harness.wire import Wire, race
from mlsyscore.processes import run

INPUTS = [np.arange(6.0) + 10 * r for r in range(3)]


def ring(x, rank, N, comm):
    """The textbook's, written anew."""
    parts = [part.clone() for part in x.tensor_split(N)]
    for step in range(2 * N - 2):
        comm.isend(parts[(rank - step) % N], (rank + 1) % N)
        box, at = comm.irecv((rank - 1) % N).wait(), (rank - step - 1) % N
        parts[at] = parts[at] + box if step < N - 1 else box
    return torch.cat(parts)


def everyone(x, rank, N, comm):
    """Send all to all."""
    others = [r for r in range(N) if r != rank]
    for r in others:
        comm.isend(x, r)
    return x + sum(comm.irecv(r).wait() for r in others)


@pytest.mark.parametrize("message", [None, *range(8)])
def test_a_change_shows_where_a_ring_carries_it(message):
    inputs = [np.arange(10.0) * (r + 1) for r in range(5)]
    network = summed("five", ring, inputs, Change(3, 99.5, message))
    assert [network.sent(r) for r in range(5)] == [2 * 4 * 2 * 8] * 5
    assert network.peers(3) == [4]


@pytest.mark.parametrize(("N", "length"), [(1, 3), (2, 1), (4, 3), (3, 0), (5, 11)])
def test_any_number_of_any_length(N, length):
    inputs = [np.arange(float(length)) + r for r in range(N)]
    summed("any", ring, inputs)
    summed("any", ring, inputs, Change(0, 99.5) if N > 1 else None)


def test_a_sum_that_no_message_made_is_found():
    knows = lambda x, *ignored: sum(INPUTS)  # noqa: E731
    summed("without a change", knows, INPUTS)
    for message in (None, 0):
        with pytest.raises(AssertionError, match=r"of rank 1|rank 1 sen"):
            summed("known", knows, INPUTS, Change(1, 99.5, message))

    def sends(x, rank, N, comm):
        ring(torch.zeros(6), rank, N, comm)
        return sum(INPUTS)

    for message in (None, 0, 3):
        with pytest.raises(AssertionError, match="has to use what arrives"):
            summed("dummies", sends, INPUTS, Change(1, 99.5, message))


def test_another_way_than_a_ring_is_found():
    summed("three", everyone, INPUTS)
    with pytest.raises(AssertionError, match="a ring sends to one neighbour"):
        summed("three", everyone, INPUTS, Change(1, 99.5, 0))


def test_a_wrong_sum_is_told_as_one():
    with pytest.raises(AssertionError, match="6 of 6 values are wrong; the first"):
        summed("three", lambda x, *more: ring(x, *more) + 1, INPUTS, Change(1, 99.5, 0))
    with pytest.raises(AssertionError, match="a tensor like x is expected, not NoneT"):
        summed("three", lambda *ignored: None, INPUTS)
    with pytest.raises(AssertionError, match=r"the shape is \(4,\)"):
        summed("three", lambda x, *ignored: x[:4], INPUTS, Change(1, 99.5))
    with pytest.raises(AssertionError, match="not finite"):
        summed("three", lambda x, *ignored: x * np.nan, INPUTS, Change(1, 99.5))


def test_a_list_is_a_vector_too():
    assert vector("x", [1, 2]).tolist() == [1, 2]
    assert vector("x", torch.ones(2, requires_grad=True)).tolist() == [1, 1]


@pytest.mark.parametrize("N", [2, 3, 5])
def test_a_ring_is_frugal(N):
    frugal("it", summed("it", ring, [np.ones(101)] * N), N, 101)


def test_other_ways_are_not():
    inputs = [np.ones(9)] * 3
    with pytest.raises(AssertionError, match=r"144 B; 96 B .* the whole tensor at"):
        frugal("it", summed("it", everyone, inputs), 3, 9)
    both = Mock(sent=lambda r: 96, peers=lambda r: [1, 2], messages=lambda r: 4)
    with pytest.raises(AssertionError, match=r"rank 0 sends to ranks \[1, 2\]"):
        frugal("it", both, 3, 9)

    def twice(x, *more):
        ring(x, *more)
        return ring(x, *more)

    with pytest.raises(AssertionError, match=r"have 192 B; 96 B is expected.*both dir"):
        frugal("it", summed("it", twice, inputs), 3, 9)

    def split(x, *more):
        return torch.cat([ring(half, *more) for half in x.tensor_split(2)])

    with pytest.raises(AssertionError, match="8 messages of rank 0, not 4"):
        frugal("it", summed("it", split, [np.ones(12)] * 3), 3, 12)


def test_a_buffer_that_is_overwritten_is_told():
    def hasty(x, rank, N, comm):
        send = comm.isend(x, (rank + 1) % N)
        x += 1
        send.wait()

    with pytest.raises(RuntimeError, match="Overwritten: what was posted to rank"):
        summed("it", hasty, INPUTS)


def test_a_race_has_a_time_of_each_for_each_size():
    rows = race(ring, 2, [80, 800.0])
    assert len(rows) == 2
    assert all(t > 0 for row in rows for t in row)


def real(rank, N):
    x, wire = torch.arange(5, dtype=torch.float64) + rank, Wire()
    total = ring(x, rank, N, wire).tolist()
    wire.finish()
    return total


def test_the_same_ring_runs_on_real_processes():
    assert run(real, 2) == [[1, 3, 5, 7, 9]] * 2
