"""Rounds of speculative decoding: do their tokens come as often as a law says?

Each test fails a right answer less than once in 10^8 times.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri  # type: ignore[import-untyped, unused-ignore]

from .answers import values, whole

RARE = 1e-10  # a right answer passes each limit more often than all but so rarely
FEW = 30  # outcomes expected less often than that are counted together
Table = NDArray[np.float64]
Tokens = tuple[int, ...]


def tables(seed: int, V: int, sharp: float = 1.0) -> tuple[Table, Table]:
    """Return random P and Q: row t holds the odds of the token after token t."""
    rng = np.random.default_rng(seed)
    P, Q = (rng.gamma(1 / sharp, size=(V, V)) + 0.02 for _ in range(2))
    return P / P.sum(axis=1, keepdims=True), Q / Q.sum(axis=1, keepdims=True)


def played(
    name: str, f: Any, P: Table, Q: Table, start: int, k: int, runs: int, seed: int
) -> list[Tokens]:
    """Return what an answer's rounds yield; AssertionError unless they are tokens."""
    rng = np.random.default_rng(seed)
    rows = values(name, f(P.copy(), Q.copy(), start, k, runs, rng), runs)
    found = [tuple(whole(f"{name}: the tokens of a round", row)) for row in rows]
    wrong = [t for t in found if not 1 <= len(t) <= k + 1]
    assert not wrong, (
        f"{name}: a round of {len(wrong[0])} tokens; 1 to {k + 1} may come"
    )
    strange = [t for t in found if not all(0 <= x < len(P) for x in t)]
    assert not strange, f"{name}: tokens are 0 to {len(P) - 1}, not {strange[0]}"
    return found


def follows(
    name: str, found: list[Tokens], law: dict[Tokens, float], show: bool = True
) -> None:
    """AssertionError unless rounds come as often as their probabilities say.

    By chi-square, outcomes that are few counted together.
    """
    n, seen = len(found), dict.fromkeys(law, 0)
    for drawn in found:
        assert law.get(drawn, 0.0) > 0, f"{name}: {list(drawn)} can never come"
        seen[drawn] += 1
    expected = np.array([n * odds for odds in law.values()])
    counts = np.array(list(seen.values()), float)
    common = expected >= FEW
    rest = expected[~common].sum()
    want, got = expected[common], counts[common]
    if rest >= FEW:
        want, got = np.append(want, rest), np.append(got, counts[~common].sum())
    statistic = float(((got - want) ** 2 / want).sum())
    freedom = max(len(want) - 1, 1)
    text = f"{name}: the tokens do not come as often as they should"
    if show:
        tokens = float(np.mean([len(t) for t in found]))
        mean = sum(len(t) * odds for t, odds in law.items())
        first = np.bincount([t[0] for t in found], minlength=2) / n
        text += f".  Tokens a round: {tokens:.2f}, expected {mean:.2f}"
        text += f"; first tokens: {np.round(first, 2).tolist()}, expected "
        text += f"{_first(law)}"
    assert statistic < chdtri(freedom, RARE), text
    text = f"{name}: as often as expected, closer than chance ever comes; draw each"
    assert freedom < 5 or statistic > chdtri(freedom, 1 - RARE), text


def _first(law: dict[Tokens, float]) -> list[float]:
    most = max(t[0] for t in law)
    return [
        round(sum(odds for t, odds in law.items() if t[0] == x), 2)
        for x in range(most + 1)
    ]
