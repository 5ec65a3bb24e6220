import numpy as np
import pytest
import torch

from mlsyscore.harness.buffers import LivePort, Overwritten
from mlsyscore.harness.calls import RankError, made, together
from mlsyscore.harness.network import Network


def each(*ranks):
    """Run one function a rank, each on its live port."""
    network = Network(len(ranks))
    ports = [made(LivePort, network.port(r)) for r in range(len(ranks))]
    return together(lambda f, port: f(port), list(zip(ranks, ports, strict=True)))


def take(port):
    return [port.irecv(0).wait() for _ in range(2)]


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_a_tensor_may_change_when_its_send_has_left(kind):
    def give(port):
        x = kind([1.0, np.nan])
        for _ in range(2):
            assert port.isend(x, 1).wait() is None
            x += 1

    _, got = each(give, take)
    assert [float(x[0]) for x in got] == [1, 2]


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
@pytest.mark.parametrize("then", ["wait", "send", "ask"])
def test_a_tensor_that_changes_before_is_found(kind, then):
    def give(port):
        x = kind([1.0, 2.0])
        send = port.isend(x[:1], 1)
        x[1] = 5  # which is not being sent
        send._look()
        x[0] = 3
        {"wait": send.wait, "send": lambda: port.isend(x, 1)}.get(
            then, lambda: port.irecv(1)
        )()

    with pytest.raises(RankError, match=r"rank 0 of 2: Overwritten: .* rank 1 was ch"):
        each(give, take)


def test_what_never_changes_need_not_be_waited_for():
    def give(port):
        for i in range(30):
            port.isend(torch.full((2,), float(i)), 1)
        port.isend(7, 1)

    got = each(give, lambda port: [port.irecv(0).wait() for _ in range(31)])[1]
    assert [float(x[0]) for x in got[:-1]] == list(range(30))
    assert got[-1] == 7


def test_who_waits_in_vain_hears_of_it():
    with pytest.raises(RankError, match="rank 1 waits for rank 0, which has ended"):
        each(lambda port: None, take)
    with pytest.raises(RankError, match="a tensor, an array or a number is sent"):
        each(lambda port: port.isend("x", 1), take)
    assert issubclass(Overwritten, RuntimeError)
