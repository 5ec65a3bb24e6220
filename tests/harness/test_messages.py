import matplotlib.pyplot as plt
import torch

from mlsyscore.harness.messages import carried, draw_messages


def ring(x, rank, N, comm):
    parts = [part.clone() for part in x.tensor_split(N)]
    for step in range(2 * N - 2):
        comm.isend(parts[(rank - step) % N], (rank + 1) % N)
        box, at = comm.irecv((rank - 1) % N).wait(), (rank - step - 1) % N
        parts[at] = parts[at] + box if step < N - 1 else box
    return torch.cat(parts)


def chain(x, rank, N, comm):
    """Add up along a line, and say nothing more; then an empty message."""
    if rank:
        x = x + comm.irecv(rank - 1).wait()
    if rank < N - 1:
        comm.isend(x, rank + 1)
        comm.isend(x[:0], rank + 1)
    return x


def test_messages_of_a_ring_grow_and_then_are_finished():
    assert carried(ring, 4) == [[1, 2, 3, 4, 4, 4]] * 4
    assert carried(ring, 1) == [[]]


def test_messages_of_others_are_what_they_are():
    assert carried(chain, 3) == [[1, 0], [2, 0], []]


def test_each_rank_is_a_row():
    draw_messages([[1, 0], [2, 0], []])
    ax = plt.gca()
    assert ax.get_images()[0].get_array().shape == (3, 2)
    assert [t.get_text() for t in ax.texts] == ["1", "0", "2", "0"]
    assert ax.get_xlabel() == "message, counted from 0"
    plt.close("all")
