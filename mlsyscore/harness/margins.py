"""How the capstone's answers are judged: thresholds, rankings, pairs and designs."""

import copy
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..checks import number
from .answers import values
from .assumptions import drawn, must_ask
from .capstone import Brief, evaluate

People = tuple[Sequence[float], Sequence[int]]  # scores, and 1 for who is good
CLOSE = 1e-9


def applicants(seed: int, n: int, lower: float) -> tuple[list[float], list[int]]:
    """Return n people's scores, of which some are equal, and who is good."""
    rng = np.random.default_rng(seed)
    good = rng.random(n) < 0.5
    good[int(rng.integers(n))] = True
    scores = np.round(rng.normal(size=n) + 1.2 * good - lower, 1 + seed % 2)
    return scores.tolist(), good.astype(int).tolist()


def outcome(label: str, answer: Any, a: People, b: People) -> tuple[int, float]:
    """Return the wrong decisions and the TPRs' difference; infinite thresholds count.

    AssertionError if the answer is no pair of thresholds.
    """
    wrong, tprs = 0, []
    for at, (scores, good) in zip(values(label, answer, 2), (a, b), strict=True):
        try:
            bound = float(at)
        except (TypeError, ValueError):
            raise AssertionError(
                f"{label}: a threshold is no number: {at!r:.40}"
            ) from None
        assert not math.isnan(bound), f"{label}: a threshold is not a number"
        paid = [x >= bound for x in scores]
        wrong += sum(p != bool(y) for p, y in zip(paid, good, strict=True))
        tprs.append(sum(p for p, y in zip(paid, good, strict=True) if y) / sum(good))
    return wrong, abs(tprs[0] - tprs[1])


def fewest_wrong(a: People, b: People, gap: float) -> int:
    """Return the fewest wrong decisions with TPRs that differ by less than gap, or not.

    Pairs that are just gap apart do not count, for a float may fall either way.
    """

    def by_count(scores: Sequence[float], good: Sequence[int]) -> dict[int, int]:
        found: dict[int, int] = {}
        for bound in {*scores, math.inf}:
            hits = sum(y for x, y in zip(scores, good, strict=True) if x >= bound)
            lies = sum(1 - y for x, y in zip(scores, good, strict=True) if x >= bound)
            wrong = lies + sum(good) - hits
            found[hits] = min(wrong, found.get(hits, wrong))
        return found

    n, m = sum(a[1]), sum(b[1])
    pairs = itertools.product(by_count(*a).items(), by_count(*b).items())
    return min(
        u + v
        for (i, u), (j, v) in pairs
        if i * m == j * n or abs(i / n - j / m) <= gap - CLOSE
    )


def _alike(x: float, y: float) -> bool:
    return x == y or (math.isfinite(y) and abs(x - y) <= CLOSE * abs(y))


def _share(label: str, x: Any) -> float:
    """Return a share, which may be infinite."""
    try:
        return math.inf if float(x) == math.inf else number(label, x)
    except (TypeError, ValueError):
        raise AssertionError(f"{label}: a share is no number: {x!r:.40}") from None


def must_rank(
    label: str,
    tornado: Callable[..., Any],
    seed: int,
    n: int,
    worth: float = 1.0,
    cliff: bool = False,
    show: bool = True,
) -> None:
    """AssertionError unless a drawn decision's tornado is right, and asked fairly."""
    decision, plan, ranges = drawn(seed, n, worth, cliff)
    judge = drawn(seed, n, worth, cliff)[0]
    start, want = judge(plan), []
    for name, ends in ranges.items():
        low, high = (judge({**plan, name: end}) for end in ends)
        swing = max(low, start, high) - min(low, start, high)
        flips = (low <= 1) != (start <= 1) or (high <= 1) != (start <= 1)
        want.append((-swing, name, low, high, flips))
    want.sort()
    given = dict(plan)
    got = [
        values(label, row, 4)
        for row in values(label, tornado(decision, given, dict(ranges)), n)
    ]
    assert given == plan, f"{label}: the plan is not yours to change"
    names = [str(row[0]) for row in got]
    order = [row[1] for row in want]
    hint = f", {order} is expected" if show else ""
    assert sorted(names) == sorted(order), f"{label}: one row for each assumption"
    assert names == order, f"{label}: the order is {names}{hint}; the swing decides"
    for row, (_, name, low, high, flips) in zip(got, want, strict=True):
        for end, x, y in (("low", row[1], low), ("high", row[2], high)):
            mine = _share(label, x)
            hint = f"; {y:.6g} is expected" if show else ""
            assert _alike(mine, y), f"{label}: {name} at {end} has {mine:.6g}{hint}"
        text = f"{label}: {name} flips the decision, or not: you have {row[3]!r:.20}"
        assert row[3] in (True, False), text
        assert bool(row[3]) == flips, text
    must_ask(label, decision, plan, ranges)


def must_overturn(
    label: str,
    overturning: Callable[..., Any],
    seed: int,
    n: int,
    show: bool = True,
) -> None:
    """AssertionError unless the pairs that overturn a drawn decision are found."""
    decision, plan, ranges = drawn(seed, n)
    judge, worse = drawn(seed, n)[0], {}
    for name, (low, high) in ranges.items():
        at_low, at_high = judge({**plan, name: low}), judge({**plan, name: high})
        if max(at_low, at_high) <= 1:
            worse[name] = low if at_low >= at_high else high
    pairs = itertools.combinations(sorted(worse), 2)
    want = [(k, j) for k, j in pairs if judge({**plan, k: worse[k], j: worse[j]}) > 1]
    given = dict(plan)
    answer = values(label, overturning(decision, given, dict(ranges)))
    got = [tuple(str(x) for x in values(label, pair, 2)) for pair in answer]
    assert given == plan, f"{label}: the plan is not yours to change"
    text = f"{label}: you have {len(got)} pairs, {got[:3]}"
    text += f"; {len(want)} are expected, {want[:3]}" if show else ""
    assert got == want, text
    must_ask(label, decision, plan, ranges, together=2)


def must_design(
    label: str,
    design: Callable[..., Any],
    briefs: Sequence[Brief],
    most: float,
    show: bool = True,
) -> None:
    """AssertionError unless each brief's design uses so much of its limits at most."""
    for k, brief in enumerate(briefs):
        where = f"{label}, brief {k + 1}"
        answer = design(copy.deepcopy(brief))
        try:
            found = evaluate(brief, answer)
        except ValueError as e:
            raise AssertionError(f"{where}: cannot be built: {e!s:.100}") from None
        shares = {k: found[k] / bound for k, bound in brief["limits"].items()}
        over = {k: round(x, 3) for k, x in shares.items() if not x <= most}
        hint = f" {over}" if show else ""
        assert not over, f"{where}: {len(over)} shares are above {most:g}{hint}"
