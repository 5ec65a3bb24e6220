import threading

import numpy as np
import pytest
import torch

from mlsyscore.harness.calls import RankError, together
from mlsyscore.harness.network import MOST, Deadlock, Network
from mlsyscore.harness.payload import LARGEST, Change, copied


def each(network, *ranks):
    """Run one function a rank, each on its port."""
    ports = [(f, network.port(r)) for r, f in enumerate(ranks)]
    return together(lambda f, port: f(port), ports)


def test_a_message_comes_as_it_was_when_it_was_posted():
    def one(port):
        x = np.arange(3.0)
        request = port.isend(x, np.int64(1))
        x[:] = 7
        return request.wait()

    network = Network(2)
    none, came = each(network, one, lambda port: port.irecv(0).wait())
    assert none is None
    assert came.tolist() == [0, 1, 2]
    assert (network.sent(0), network.peers(0), network.messages(0)) == (24, [1], 1)
    assert (network.sent(1), network.peers(1), network.messages(1)) == (0, [], 0)


def test_messages_of_a_rank_come_in_order_and_each_from_whom_it_was_asked():
    def sender(first):
        return lambda port: [port.isend(first + i, 2) for i in range(3)] and None

    def receiver(port):
        asked = [port.irecv(r) for r in (1, 0, 0, 1, 1, 0)]
        return [request.wait() for request in reversed(asked)][::-1]

    got = each(Network(3), sender(0), sender(10), receiver)[2]
    assert got == [10, 0, 1, 11, 12, 2]


def test_a_send_waits_until_its_receiver_asks():
    network, left = Network(2), threading.Event()
    send = network.port(0).isend(torch.zeros(2), 1)
    thread = threading.Thread(target=lambda: (send.wait(), left.set()))
    thread.start()
    assert not left.wait(0.05)
    assert network.port(1).irecv(0).wait().tolist() == [0, 0]
    assert left.wait(5)
    thread.join()


@pytest.mark.parametrize("N", [2, 3, 5])
def test_who_waits_for_whom_is_said(N):
    def rank(port, r):
        port.isend(1.0, (r + 1) % N).wait()

    network = Network(N)
    with pytest.raises(RankError) as error:
        together(rank, [(network.port(r), r) for r in range(N)])
    chain = ", which ".join(f"waits to send to rank {r}" for r in [*range(1, N), 0])
    assert str(error.value) == f"rank 0 of {N}: Deadlock: rank 0 {chain}"


def test_a_send_and_a_receive_can_wait_for_each_other():
    one = lambda port: port.isend(1, 1).wait()  # noqa: E731
    two = lambda port: port.isend(1, 0).wait()  # noqa: E731
    with pytest.raises(RankError, match="rank 0 waits to send to rank 1, which waits"):
        each(Network(2), one, two)
    with pytest.raises(RankError, match="rank 0 waits for rank 1, which waits to send"):
        each(Network(3), lambda p: p.irecv(1).wait(), lambda p: p.isend(1, 2).wait(),
             lambda p: p.irecv(0).wait())  # fmt: skip


def test_a_rank_that_has_ended_sends_nothing_more():
    with pytest.raises(RankError, match="rank 1 waits for rank 0, which has ended"):
        each(Network(2), lambda port: None, lambda port: port.irecv(0).wait())
    got = each(
        Network(2), lambda p: p.isend(4, 1) and None, lambda p: p.irecv(0).wait()
    )
    assert got == [None, 4], "what it had posted still comes"


def test_the_cause_is_told_and_not_the_consequence():
    def fails(port):
        raise ZeroDivisionError("mine")

    with pytest.raises(RankError, match="rank 2 of 3: ZeroDivisionError: mine"):
        each(
            Network(3), lambda p: p.irecv(1).wait(), lambda p: p.irecv(2).wait(), fails
        )


def test_one_who_hears_of_a_deadlock_may_go_on():
    def one(port):
        with pytest.raises(Deadlock):
            port.irecv(1).wait()
        port.isend(5, 1)

    def two(port):
        with pytest.raises(Deadlock):
            port.irecv(0).wait()

    assert each(Network(2), one, two) == [None, None]


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_a_change_adds_to_the_first_value_of_one_message(kind):
    x = kind([[1.0, 2.0], [3.0, 4.0]])
    send = lambda port: [port.isend(x, 1) for _ in range(3)] and None  # noqa: E731
    take = lambda port: [port.irecv(0).wait() for _ in range(3)]  # noqa: E731
    got = each(Network(2, Change(0, 10.0, 1)), send, take)[1]
    assert [int(a.sum()) for a in got] == [10, 20, 10]
    assert got[1].flatten().tolist() == [11, 2, 3, 4]
    assert x.flatten().tolist() == [1, 2, 3, 4], "the sender's own is as it was"
    got = each(Network(2, Change(0, 10.0)), send, take)[1]
    assert all(a.flatten().tolist() == [11, 12, 13, 14] for a in got)
    got = each(Network(2, Change(1, 10.0)), send, take)[1]
    assert all(a.flatten().tolist() == [1, 2, 3, 4] for a in got)


def test_a_change_leaves_whole_numbers_and_nothing_alone():
    change = Change(0, 2.0)
    assert change.made(3.0, 0, 0) == 5.0
    assert change.made(3, 0, 0) == 3
    assert change.made(np.arange(2), 0, 0).tolist() == [0, 1]
    assert change.made(torch.zeros(0), 0, 0).numel() == 0
    assert Change(0, 2.0, 0).made(np.zeros(0), 0, 0).size == 0
    assert change.made(np.array(1.0), 0, 0) == 3
    assert change.made(torch.tensor(1.0), 0, 0) == 3


def test_what_is_no_number_is_not_carried():
    for x in (None, "x", [1.0], b"1", {}, np.array(["a"]), np.array([None]), 2**70):
        with pytest.raises(TypeError, match="a tensor, an array or a number"):
            copied(x)
    for x in (np.float32(2), 2, True, 2.0, np.array(2), torch.tensor(2)):
        assert copied(x)[0] == x
    with pytest.raises(ValueError, match="bytes"):
        copied(torch.zeros(1).expand(int(LARGEST)))  # one number in memory


def test_a_port_reaches_others_only():
    port = Network(3).port(1)
    for other in (1, 3, -1):
        with pytest.raises(ValueError, match=f"rank 1 of 3 cannot reach rank {other}"):
            port.isend(1, other)
        with pytest.raises(ValueError, match="cannot reach"):
            port.irecv(other)
    with pytest.raises(TypeError):
        port.irecv("0")


def test_a_network_is_bounded():
    port = Network(2).port(0)
    for _ in range(MOST):
        port.irecv(1)
    with pytest.raises(RuntimeError, match="on one network"):
        port.irecv(1)
    port, large = Network(2).port(0), np.zeros(int(LARGEST) // 8)
    for _ in range(16):
        port.isend(large, 1)
    with pytest.raises(RuntimeError, match="256 MB on one network"):
        port.isend(large, 1)


def test_a_rank_is_one_thread():
    port = Network(2).port(0)
    threading.Thread(target=port.irecv(1).wait, daemon=True).start()
    while 0 not in port._network._waits:
        pass
    with pytest.raises(RuntimeError, match="two threads at once"):
        port.irecv(1).wait()
