"""What the messages of an all-reduce carry, and a picture of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .buffers import LivePort
from .calls import made, together
from .network import Network
from .payload import Seen


def carried(f: Any, N: int) -> list[list[int]]:
    """Return of how many ranks' inputs each message is a sum: a list for each rank.

    Rank r's x is N times 2^r, so the first value of a message tells whose are in it.
    """
    import torch

    seen = Seen(N)
    network = Network(N, seen)
    inputs = [torch.full((N,), 2.0**r, dtype=torch.float64) for r in range(N)]
    ports = [made(LivePort, network.port(r)) for r in range(N)]
    together(f, [(x, r, N, ports[r]) for r, x in enumerate(inputs)])
    return [[_inputs(x) for x in mine] for mine in seen.sent]


def _inputs(message: Any) -> int:
    """Count the ones in the binary form of a message's first value."""
    found = np.asarray(message, float).reshape(-1)
    return int(found[0]).bit_count() if found.size else 0


def draw_messages(counts: Sequence[Sequence[int]]) -> None:
    """Draw a row for each rank: what its messages are the sums of."""
    import matplotlib.pyplot as plt

    most = max(map(len, counts))
    table = np.full((len(counts), most), np.nan)
    for r, mine in enumerate(counts):
        table[r, : len(mine)] = mine
    _, ax = plt.subplots(figsize=(6.4, 0.6 + 0.42 * len(counts)))
    ax.imshow(table, cmap="Blues", vmin=0, vmax=2 * len(counts))
    for r, mine in enumerate(counts):
        for k, count in enumerate(mine):
            ax.text(k, r, str(count), ha="center", va="center")
    ax.set_xlabel("message, counted from 0")
    ax.set_ylabel("rank")
    ax.set_xticks(range(most))
    ax.set_yticks(range(len(counts)))
    ax.set_title("of how many inputs a message is the sum", fontsize=10)
    ax.grid(False)
