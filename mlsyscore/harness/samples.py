"""What a sampler's plan says: who reads which samples in which step."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from .answers import values, whole


def by_step(
    label: str, plan: Any, R: int, W: int, first: int, steps: int
) -> list[list[list[int]]]:
    """Return the samples of each step (first to steps - 1) and rank.

    plan[r][w] holds the batches of worker w of rank r; AssertionError if it is unfit.
    """
    rows: list[list[list[int]]] = [[[]] * R for _ in range(first, steps)]
    for r, rank in enumerate(values(f"{label}: plan, with {R} ranks", plan, R)):
        workers = values(f"{label}: plan[{r}], with {W} workers", rank, W)
        for w, worker in enumerate(workers):
            mine = [s for s in range(first, steps) if s % W == w]
            batches = values(f"{label}: plan[{r}][{w}]", worker)
            assert len(batches) == len(mine), (
                f"{label}: worker {w} of rank {r} has {len(batches)} batches, not "
                f"{len(mine)}.  Step s belongs to worker s % W alone, so its steps are "
                f"{mine}; the last step may be short"
            )
            for s, batch in zip(mine, batches, strict=True):
                rows[s - first][r] = whole(f"{label}: step {s} of rank {r}", batch)
    return rows


def all_once(label: str, rows: Sequence[Sequence[Sequence[int]]], D: int) -> None:
    """AssertionError unless an epoch's steps read each of D samples once."""
    read = sorted(i for row in rows for samples in row for i in samples)
    assert len(read) == D, f"{label}: {len(read)} reads in the epoch, not {D}"
    assert read == list(range(D)), f"{label}: some samples come twice, others never"


def pairs_shared(a: Sequence[Sequence[int]], b: Sequence[Sequence[int]]) -> int:
    """Return how many pairs of samples share a step in both of two epochs."""
    shared = (len(set(x) & set(y)) for x in a for y in b)
    return sum(n * (n - 1) // 2 for n in shared)


def seeds_clash(order: Callable[[int, int], Hashable], seed: int, reach: int) -> bool:
    """Say whether two near seeds share an order at epochs that may lie far apart.

    order(seed, epoch) is asked for 4 reach pairs.  Where seed and epoch are mixed as
    a seed + epoch, or seed + a epoch, or with ^ for +, some two of them are equal for
    every whole a up to reach^2 (small steps of one, long steps of the other).
    """
    small = {order(seed + 1, j) for j in range(reach)}
    small_seeds = {order(seed + j, 1) for j in range(reach)}
    return any(
        order(seed, k * reach) in small or order(seed + k * reach, 0) in small_seeds
        for k in range(1, reach + 1)
    )
