"""A job's workers on the nodes of a fleet, and what their distances cost."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..catalog import NDR, NVLINK4
from ..orchestration import locality_cost
from .answers import whole

RAIL = NVLINK4.beta / NDR.beta  # 9: between nodes of a rack
CROSS = 2 * RAIL  # between racks, 2:1


def pair_cost(n: Sequence[int], rack: Sequence[int]) -> float:
    """Return the sum of distances over all pairs of workers, in units.

    n: workers on each node; rack: the number of each node's rack.
    """
    racks = [sum(x for x, r in zip(n, rack, strict=True) if r == k) for k in set(rack)]
    return locality_cost(n, RAIL, 1.0) + locality_cost(racks, CROSS - RAIL, 0.0)


def placed(
    name: str, answer: Any, free: Sequence[int], rack: Sequence[int], g: int
) -> float:
    """Return the cost of a placement of g workers; AssertionError if it is none."""
    n = whole(f"{name}, workers on each node", answer, len(free))
    assert sum(n) == g, f"{name}: {sum(n)} workers are placed, not {g}"
    for i, (x, f) in enumerate(zip(n, free, strict=True)):
        assert 0 <= x <= f, f"{name}: node {i} gets {x} workers; {f} GPUs are free"
    return pair_cost(n, rack)


def first_fit(free: Sequence[int], g: int) -> list[int]:
    """Return g workers on the first free GPUs."""
    n: list[int] = []
    for f in free:
        n.append(min(f, g - sum(n)))
    return n


def fleet_of(seed: int) -> tuple[list[int], list[int]]:
    """Return free GPUs and racks of 48 nodes, some nearly full and some nearly idle."""
    rng = np.random.default_rng(seed)
    free = rng.binomial(8, 0.8 * rng.uniform(size=48))
    return [int(x) for x in free], [i // 6 for i in range(48)]


def draw_place(n: Sequence[int], free: Sequence[int], rack: Sequence[int]) -> None:
    """Draw the free GPUs of each node, those that a job takes among them."""
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(figsize=(7, 2.5))
    at = np.arange(len(free)) + 1.5 * np.unique(rack, return_inverse=True)[1]
    ax.bar(at, n, 0.9, color="C0", label="workers of the job")
    rest = np.subtract(free, n)
    ax.bar(at, rest, 0.9, n, color="0.8", hatch="///", edgecolor="white", label="free")
    ax.set(xlabel="node, a group for each rack", ylabel="GPUs", xticks=[])
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.25), ncols=2)


def draw_ratios(place: Callable[..., Any], sizes: Sequence[int] = (8, 16, 32)) -> None:
    """Draw what first fit costs, over what place does, for twelve states of a fleet."""
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(figsize=(6, 3))
    for k, g in enumerate(sizes):
        ratios = []
        for free, rack in map(fleet_of, range(12)):
            own = placed("yours", place(list(free), list(rack), g), free, rack, g)
            ratios.append(pair_cost(first_fit(free, g), rack) / own)
        ax.plot(np.linspace(k - 0.2, k + 0.2, 12), sorted(ratios), "C0o")
    ax.axhline(1, color="0.3", linestyle="--")
    ax.set_xticks(range(len(sizes)), [f"{g} workers" for g in sizes])
    ax.set(xlabel="size of the job", ylabel="cost of first fit / yours")
