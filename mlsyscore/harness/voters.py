"""Pictures whose noisy copies vote, with shares that are known here alone."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.special import betaincinv, ndtri  # type: ignore[import-untyped]

from ..checks import number
from .answers import values

MOST = 1_000_000  # votes that a picture gives in all


def _lower(k: int, n: int, alpha: float) -> float:
    """Return the least share that shows k of n or more with a chance of alpha."""
    return float(betaincinv(k, n - k + 1, alpha)) if k else 0.0


class Voter:
    """A picture, of whose noisy copies a share p[c] is read as class c.

    sigma: standard deviation of the noise; seed: of the votes
    """

    def __init__(self, p: Sequence[float], sigma: float, seed: int) -> None:
        self.sigma = sigma
        self._p = np.array(p, float) / np.sum(p)
        self._rng = np.random.default_rng(seed)
        self._drawn: list[list[int]] = []

    def votes(self, n: int) -> list[int]:
        """Return how many of n fresh noisy copies are read as each class."""
        if not (isinstance(n, int | np.integer) and n >= 1):
            raise ValueError(f"a whole number of votes is expected, not {n!r:.60}")
        if sum(map(sum, self._drawn)) + n > MOST or len(self._drawn) >= 100:
            raise ValueError(f"more than {MOST:,} votes, or more than 100 requests")
        self._drawn.append(self._rng.multinomial(int(n), self._p).tolist())
        return list(self._drawn[-1])

    def _radius(self, c: int) -> float:
        """Return how far any push leaves the picture read as class c."""
        return float(self.sigma * ndtri(self._p[c]))


def claimed(
    name: str, certify: Callable[..., Any], voter: Voter, n0: int, n: int, alpha: float
) -> tuple[int, float] | None:
    """Return the class and the radius that certify(voter, n0, n, alpha) claims.

    AssertionError unless they follow from the votes that it drew: n0 that name the
    class, and n fresh ones that count it.  None if it abstains, as it should.
    """
    got, drawn = certify(voter, n0, n, alpha), voter._drawn
    sizes = [sum(votes) for votes in drawn]
    text = f"{name}: votes were drawn {sizes} at a time; {n0}, then {n} are expected"
    assert sizes == [n0, n], text
    named = [c for c, votes in enumerate(drawn[0]) if votes == max(drawn[0])]
    bounds = {c: _lower(drawn[1][c], n, alpha) for c in named}
    if got is None:
        text = f"{name}: you abstain, but the bound is {min(bounds.values()):.4f}"
        assert min(bounds.values()) <= 0.5, text + ", above 1/2"
        return None
    first, R = (number(name, x) for x in values(name, got, 2))
    text = f"{name}: the first {n0} votes name {named}, not {first:g}"
    assert first in bounds, text
    c = int(first)
    bound = bounds[c]
    text = f"{name}: the bound is {bound:.4f}, not above 1/2; abstain, not {R:.4g}"
    assert bound > 0.5, text
    want = float(voter.sigma * ndtri(bound))
    close = abs(R - want) <= 1e-6 * voter.sigma + 1e-6 * want
    if not close:
        k, both = drawn[1][c], drawn[0][c] + drawn[1][c]
        text = f"{name}: {k} of {n} votes at {1 - alpha:g}: you have {R:.6g}; "
        text += f"{want:.6g} is expected"
        slips = {k / n: "that is the share, not a bound"}
        slips |= {_lower(k, n, alpha / 2): "one side is enough: alpha, not alpha/2"}
        again = "the votes that named the class do not count"
        slips |= {_lower(both, n0 + n, alpha): again}
        for share, slip in slips.items():
            if abs(R - voter.sigma * ndtri(share)) <= 1e-6 * (1 + abs(R)):
                text += f".  {slip}"
        raise AssertionError(text)
    return c, R


def beyond(certify: Callable[..., Any], voters: Sequence[Voter], *sizes: Any) -> int:
    """Return how many claims of certify(voter, *sizes) are beyond the truth."""
    wrong = 0
    for voter in voters:
        claim = claimed("pictures with known shares", certify, voter, *sizes)
        wrong += claim is not None and claim[1] > voter._radius(claim[0])
    return wrong
