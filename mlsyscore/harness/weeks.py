"""Two weeks of a feature, for tests of drift: what was drawn is known here alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import number
from .answers import fields

TESTS = ("psi", "ks", "kl")
Samples = NDArray[np.float64]

KINDS: dict[str, Callable[[np.random.Generator, int], Samples]] = {
    "normal": lambda rng, n: rng.normal(3, 2, n),
    "amounts": lambda rng, n: rng.lognormal(2, 1.2, n),  # few large ones carry the sd
    "tails": lambda rng, n: rng.standard_t(3, n),
    "counts": lambda rng, n: rng.poisson(1.5, n).astype(float),  # full of ties
}


def two(kind: str, rng: np.random.Generator, n: int, m: int) -> tuple[Samples, Samples]:
    """Return two samples of one distribution, of n and m values."""
    return KINDS[kind](rng, n), KINDS[kind](rng, m)


def asked(
    name: str, p_values: Callable[..., Any], a: Samples, b: Samples, *more: Any
) -> dict[str, float]:
    """Return what p_values(a, b, shuffles, seed) says, a p-value for each test.

    AssertionError unless each is a share that so many shuffles can show.
    """
    shuffles = more[0]
    mine = a.copy(), b.copy()
    got = fields(name, p_values(*mine, *more), TESTS)
    same = np.array_equal(mine[0], a) and np.array_equal(mine[1], b)
    assert same, f"{name}: the samples that you were given have changed"
    p = {test: number(f"{name}, {test}", got[test]) for test in TESTS}
    for test, value in p.items():
        steps = value * (shuffles + 1)
        fine = abs(steps - round(steps)) < 1e-6 and 1 <= round(steps) <= shuffles + 1
        text = f"{name}: {test} has the p-value {value:.6g}; with {shuffles} shuffles "
        text += f"it is one of 1, 2, ... {shuffles + 1} parts of {shuffles + 1}"
        text += "; do the samples as they came count as one more?" if not fine else ""
        assert fine, text
    return p


def alarms(
    p_values: Callable[..., Any],
    kind: str,
    pairs: int,
    seed: int,
    sizes: tuple[int, int] = (40, 60),
    change: Callable[[Samples], Samples] = lambda x: x,
    alpha: float = 0.1,
) -> dict[str, int]:
    """Return how many pairs of weeks each test calls at a level, with 39 shuffles."""
    rng, found = np.random.default_rng(seed), dict.fromkeys(TESTS, 0)
    for k in range(pairs):
        a, b = two(kind, rng, *sizes)
        p = asked(kind, p_values, a, change(b), 39, 1000 * seed + k)
        for test in TESTS:
            found[test] += p[test] <= alpha + 1e-9
    return found
