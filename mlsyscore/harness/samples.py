"""What a sampler's plan says: who reads which samples in which step, and what it owes.

A sampler is kind(D, R, W, batch, seed), with a method plan(epoch, step).
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from .answers import values, whole

Rows = list[list[list[int]]]  # rows[s][r]: the samples of rank r in step s
FACTORS = [2**k for k in range(8, 32)] + [10**k for k in range(3, 10)]
FACTORS += [997, 1009, 7919, 9973, 10_007, 65_537, 99_991, 100_003, 999_983]
FACTORS += [1_000_003, 1_000_000_007, 2_654_435_761]  # below a seed's word of 32 bits


def by_step(label: str, plan: Any, R: int, W: int, first: int, steps: int) -> Rows:
    """Return the samples of each step (first to steps - 1) and rank.

    plan[r][w] holds the batches of worker w of rank r; AssertionError if it is unfit.
    """
    rows: Rows = [[[]] * R for _ in range(first, steps)]
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


def epoch_of(
    kind: Any, D: int, R: int, W: int, batch: int, seed: int, epoch: int
) -> Rows:
    """Return the steps of an epoch; AssertionError unless they share out all samples.

    Every sample once, a full batch for each rank in each step but the last, and there
    ranks that differ by one at most.
    """
    label = f"{D} samples, {R} x {W} workers, batch {batch}"
    steps = -(-D // (R * batch))
    rows = by_step(label, kind(D, R, W, batch, seed).plan(epoch), R, W, 0, steps)
    all_once(label, rows, D)
    for s, row in enumerate(rows):
        sizes = [len(samples) for samples in row]
        assert s == steps - 1 or sizes == [batch] * R, (
            f"{label}: in step {s} the ranks have {sizes} samples, not {batch} each"
        )
        assert max(sizes) - min(sizes) <= 1, (
            f"{label}: in the last step the ranks have {sizes} samples; they may "
            "differ by one"
        )
    return rows


def shuffled(kind: Any, seed: int, epoch: int) -> list[list[int]]:
    """Return the steps of an epoch of 60 samples: 2 ranks, 2 workers, batches of 3."""
    rows = epoch_of(kind, 60, 2, 2, 3, seed, epoch)
    return [[i for samples in row for i in samples] for row in rows]


def pairs_shared(a: Sequence[Sequence[int]], b: Sequence[Sequence[int]]) -> int:
    """Return how many pairs of samples share a step in both of two epochs."""
    shared = (len(set(x) & set(y)) for x in a for y in b)
    return sum(n * (n - 1) // 2 for n in shared)


def shuffles(
    kind: Any, seed: int, epoch: int, others: Mapping[str, tuple[int, int]]
) -> None:
    """AssertionError unless an epoch is shuffled, alike if asked twice, unlike others.

    A shuffle puts two samples in one step again, now and then: two shuffles of 60
    samples in steps of 6 do so for 12.7 pairs of 150.  More than 40 are no accident.
    """
    first = shuffled(kind, seed, epoch)
    assert first == shuffled(kind, seed, epoch), (
        f"seed {seed}, epoch {epoch}: two Samplers have two orders"
    )
    common = pairs_shared(first, [range(s, s + 6) for s in range(0, 60, 6)])
    assert common <= 40, f"seed {seed}: the samples of epoch {epoch} are not shuffled"
    for which, other in others.items():
        common = pairs_shared(first, shuffled(kind, *other))
        assert common <= 40, (
            f"{which}: {common} of 150 pairs share a step in both; is the whole order "
            "drawn anew, from seed and epoch together?"
        )


def seeds_clash(order: Callable[[int, int], Hashable], seed: int, reach: int) -> bool:
    """Say whether seed and epoch are mixed so that two pairs of them share an order.

    order(seed, epoch) is asked for some 7 reach pairs, and two for each of FACTORS.
    Mixed as a seed + b epoch, or with ^ for +, some of them share one if a and b are
    whole and up to reach, of either sign; or if one of a and b is 1 and the other up to
    reach^2 (small steps of one, long steps of the other) or among FACTORS.
    """
    middle = seed + reach
    up = {order(middle, j) for j in range(1, reach + 1)}
    if any(order(middle + i, 0) in up for i in range(-reach, reach + 1)):
        return True
    small = {order(seed + 1, j) for j in range(reach)}
    small_seeds = {order(seed + j, 1) for j in range(reach)}
    if any(
        order(seed, k * reach) in small or order(seed + k * reach, 0) in small_seeds
        for k in range(1, reach + 1)
    ):
        return True
    next_seed, next_epoch = order(seed + 1, 0), order(seed, 1)
    return any(
        order(seed, a) == next_seed or order(seed + a, 0) == next_epoch for a in FACTORS
    )


def resumes(
    kind: Any, after: Any, D: int, R: int, W: int, batch: int, epoch: int, step: int
) -> None:
    """AssertionError unless a sampler of a new process goes on where the old one was.

    kind: the sampler of the old process, used before; after: that of the new one
    """
    steps, old = -(-D // (R * batch)), kind(D, R, W, batch, 8)
    old.plan(epoch + 1)
    before = by_step("an epoch after another", old.plan(epoch), R, W, 0, steps)
    all_once("an epoch after another", before, D)
    label = f"a new Sampler at step {step} of {steps}"
    rest = after(D, R, W, batch, 8).plan(epoch, step)
    for s, row in enumerate(by_step(label, rest, R, W, step, steps), step):
        assert row == before[s], (
            f"{label}: step {s} reads {row}; before the crash {before[s]} was to come. "
            " Does the order depend on what this object did before, on the step, or on "
            "a hash that each process draws anew?"
        )
    twice = by_step("an epoch again", old.plan(epoch, step), R, W, step, steps)
    assert twice == before[step:], (
        f"one Sampler, asked for epoch {epoch} and then for its steps from {step} on, "
        "gives others.  What did the first call leave behind?"
    )


def comes_back(
    kind: Any,
    after: Any,
    D: int,
    ranks: tuple[int, int],
    batches: tuple[int, int],
    epoch: int,
    step: int,
) -> None:
    """AssertionError unless steps keep their samples when ranks and workers change.

    ranks, batches: before and after, with the same product
    """
    (R, now), (batch, bigger) = ranks, batches
    steps = -(-D // (R * batch))
    before = epoch_of(kind, D, R, 2, batch, 8, epoch)
    label = f"the job comes back with {now} rank(s) for {R}, 3 workers, batch {bigger}"
    rest = after(D, now, 3, bigger, 8).plan(epoch, step)
    for s, row in enumerate(by_step(label, rest, now, 3, step, steps), step):
        have = sorted(i for samples in row for i in samples)
        want = sorted(i for samples in before[s] for i in samples)
        assert have == want, (
            f"{label}: step {s} reads {have}, not {want}.  Cut the shuffled order in "
            "steps first, and each step in ranks"
        )
