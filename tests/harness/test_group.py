import numpy as np
import pytest
import torch

from mlsyscore.harness.calls import RankError, together
from mlsyscore.harness.group import Group, ring_sum
from mlsyscore.harness.payload import Change


def each(group, *ranks):
    """Run one function a rank, each on its port."""
    ports = [(f, group.port(r)) for r, f in enumerate(ranks)]
    return together(lambda f, port: f(port), ports)


def test_gather_hands_everything_to_everyone_and_no_two_the_same_object():
    def rank(port):
        got = port.all_gather(torch.arange(port._rank + 1.0))
        got[0] += 5
        return got

    for got in each(Group(3), rank, rank, rank):
        assert [x.tolist() for x in got] == [[5], [0, 1], [0, 1, 2]]


@pytest.mark.parametrize("N", [1, 2, 3, 5])
@pytest.mark.parametrize("length", [1, 2, 7, 3000])
def test_reduce_sums_each_chunk_from_another_rank_on(N, length):
    rng = np.random.default_rng(N)
    given = [rng.normal(size=length).astype(np.float32) for _ in range(N)]
    got = each(Group(N), *[lambda p: p.all_reduce(given[p._rank])] * N)
    assert all((x == got[0]).all() for x in got)
    assert np.allclose(got[0], np.sum(given, 0, dtype=float), atol=1e-5)
    in_order = given[0]
    for x in given[1:]:
        in_order = in_order + x
    if N > 2 and length == 3000:  # as gloo's: the first chunk alone is in order
        first = length // N
        assert (got[0][:first] == in_order[:first]).all()
        assert 0.3 < (got[0][first:] == in_order[first:]).mean() < 0.95


def test_reduce_takes_tensors_of_any_shape_and_numbers():
    assert ring_sum([2, 3]) == 5
    assert ring_sum([torch.tensor(2), torch.tensor(3)]) == 5
    x = np.arange(6).reshape(2, 3)
    assert ring_sum([x, x, x]).tolist() == (3 * x).tolist()


def test_a_number_of_numpys_is_a_number():
    """One rank counts in python, another in numpy: both are sent as one kind."""

    def rank(port):
        kinds = [int, float] if port._rank else [np.int64, np.float64]
        got = [port.all_reduce(kind(port._rank + 2)) for kind in kinds]
        return [*got, port.broadcast(port._rank, np.int64(1))]

    assert each(Group(2), rank, rank) == [[5, 5, 1]] * 2


def test_broadcast_gives_what_its_source_gave():
    ranks = [lambda p: p.broadcast(np.ones(2) if p._rank == 1 else None, 1)] * 3
    assert [x.tolist() for x in each(Group(3), *ranks)] == [[1, 1]] * 3


def test_collectives_and_messages_go_together():
    def rank(port):
        n = port.all_reduce(port._rank)
        port.isend(n, (port._rank + 1) % 3)
        return port.irecv((port._rank - 1) % 3).wait() + port.all_reduce(1)

    assert each(Group(3), rank, rank, rank) == [6] * 3


def test_different_collectives_are_told():
    text = "collective 2 of each rank: rank 0 calls all_gather, and rank 1 broadcast"
    ranks = [
        lambda p: [p.all_reduce(1), p.all_gather(1)],
        lambda p: [p.all_reduce(1), p.broadcast(1, 1)],
    ]
    with pytest.raises(RankError, match=text):
        each(Group(2), *ranks)
    with pytest.raises(RankError, match=r"shape \(2,\), and rank 1 all_reduce of .*3"):
        each(Group(2), *[lambda p: p.all_reduce(np.ones(2 + p._rank))] * 2)
    with pytest.raises(
        RankError, match="from rank 1, and rank 1 broadcast from rank 0"
    ):
        each(Group(2), *[lambda p: p.broadcast(1, 1 - p._rank)] * 2)


def test_a_rank_that_takes_no_part_is_told():
    with pytest.raises(RankError, match="waits in all_gather for rank 2, which has en"):
        each(Group(3), *[lambda p: p.all_gather(1)] * 2, lambda p: None)
    text = "rank 0 waits in all_reduce for rank 1, which waits for rank 0$"
    with pytest.raises(RankError, match=text):
        each(Group(2), lambda p: p.all_reduce(1), lambda p: p.irecv(0).wait())


def test_a_change_shows_for_everyone():
    ranks = [lambda p: (p.all_gather(np.zeros(2)), p.all_reduce(np.zeros(2)))] * 3
    for gathered, total in each(Group(3, Change(1, 2.0)), *ranks):
        assert [x.tolist() for x in gathered] == [[0, 0], [2, 2], [0, 0]]
        assert total.tolist() == [2, 2]
    ranks = [lambda p: p.broadcast(p._rank + 0.5, 1)] * 2
    assert each(Group(2, Change(1, 2.0)), *ranks) == [3.5, 3.5]
