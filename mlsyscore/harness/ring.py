"""What must be seen of a change on the network, where a ring sums what it carries."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..checks import close, same
from .buffers import LivePort
from .calls import made, together
from .network import Network
from .payload import Change


def vector(name: str, got: Any) -> Any:
    """Return a tensor, array or list as an array; AssertionError for all else."""
    kind = type(got).__name__
    if hasattr(got, "detach"):
        got = got.detach().cpu().numpy()
    text = f"{name}: a tensor like x is expected, not {kind}"
    assert isinstance(got, np.ndarray | list | tuple), text
    return np.asarray(got)


def summed(
    name: str, f: Any, inputs: Sequence[Any], change: Change | None = None
) -> Network:
    """AssertionError unless f gives each rank the sum, and with it what was changed.

    Rank r calls f(x, r, N, comm), x a tensor of its input.  Returns the network.
    What is being sent must stay as it is until its wait() has returned.
    Of a change to every message of a rank, each value on every other rank shows one or
    two.  Of a change to one message, one value does, on the ranks that it goes on to.
    """
    import torch

    N, network = len(inputs), Network(len(inputs), change)
    tensors = [torch.tensor(x) for x in inputs]
    ports = [made(LivePort, network.port(r)) for r in range(N)]
    ends = together(f, [(x, r, N, ports[r]) for r, x in enumerate(tensors)])
    want = sum(inputs)
    shown = np.zeros((len(inputs), want.size))
    for r, y in enumerate(ends):
        label = f"{name}, the sum on rank {r}"
        y = vector(label, y)
        if change and y.shape == want.shape and y.dtype.kind in "iuf":
            shown[r] = np.clip(np.nan_to_num(np.round((y - want) / change.by)), -9, 9)
        same(label, y, want + shown[r] * (change.by if change else 0.0))
    if change is None or want.size == 0:
        return network
    if change.message is None:
        text = f"the network added {change.by} to all that rank {change.rank} sends"
        others = np.delete(shown, change.rank, axis=0)
        good = np.isin(others, [1, 2]).all() and np.isin(shown[change.rank], [0, 1])
    else:
        text = f"the network added {change.by} to one value of message {change.message}"
        text += f", counted from 0, of rank {change.rank}"
        good = (shown == _passed(name, network, change, shown)).all()
    assert np.all(good), (
        f"{name}: {text}; the sums of ranks {np.flatnonzero(shown.any(1)).tolist()} "
        "show it, as no ring's would.  Each rank has to use what arrives, and sends "
        "no value more than twice: chunks go round, not whole tensors"
    )
    return network


def _passed(name: str, network: Network, change: Change, shown: Any) -> Any:
    """Return where one changed value must show: at one place, on the ranks after it."""
    (N, _), r = shown.shape, change.rank
    to, k, steps = network.peers(r), change.message, 2 * (N - 1)
    neighbour = f"{name}: rank {r} sent to ranks {to}; a ring sends to one neighbour"
    assert to in ([(r + 1) % N], [(r - 1) % N]), neighbour
    n = network.messages(r)
    assert n == steps, f"{name}: rank {r} sent {n} messages; {steps} are a ring's"
    assert k is not None
    way, place = to[0] - r, int(np.argmax(np.abs(shown).max(0)))
    want = np.zeros_like(shown)
    want[[(r + way * i) % N for i in range(1, 1 + min(N, steps - k))], place] = 1
    return want


def frugal(name: str, network: Network, N: int, length: int) -> None:
    """AssertionError unless each rank sent a ring's messages and bytes, to one other.

    Of float64 values.  Where N does not divide the length, equal chunks of the next
    larger size are the limit.
    """
    chunk = 8 * -(-length // N)
    slips = dict.fromkeys((N / 2, N), "the whole tensor at each step, not a chunk")
    slips |= {0: "no message went through comm", 0.5: "one of the two phases"}
    for r in range(N):
        seen, want = network.sent(r), 2 * (N - 1) / N * 8 * length
        most = 2 * (N - 1) * chunk
        if not 16 * length - 2 * chunk <= seen <= most:
            want = most if seen > most else want
            close(f"{name}: bytes that rank {r} sends", seen, want, "B", slips)
        to, n = network.peers(r), network.messages(r)
        one = f"{name}: rank {r} sends to ranks {to}; a ring sends to one neighbour"
        assert to in ([(r + 1) % N], [(r - 1) % N]), one
        assert n <= 2 * (N - 1), f"{name}: {n} messages of rank {r}, not {2 * (N - 1)}"
