"""The fleet law in four times, timings that follow it, and how far terms miss them."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..ranges import Ratio
from .answers import numbers

Array = NDArray[np.float64]


def law_at(terms: Iterable[float], N: ArrayLike) -> Any:
    """Return the seconds of a step on N machines, a number or an array.

    terms: T_compute, send, alpha, delay, in seconds.  Nothing is hidden:
    T_compute/N + 2 (N-1)/N send + 2 (N-1) alpha + (1/2 + ... + 1/N) delay
    """
    T_compute, send, alpha, delay = terms
    n = np.asarray(N, float)
    rounds = 2 * (n - 1)
    rest = [math.fsum(1 / k for k in range(2, int(size) + 1)) for size in n.flat]
    late = np.reshape(rest, n.shape)
    return T_compute / n + rounds / n * send + rounds * alpha + late * delay


def measured(terms: Iterable[float], N: ArrayLike, error: Ratio, seed: int) -> Array:
    """Return a timing for each N; each is off by at most a share of itself."""
    T: Array = np.asarray(law_at(terms, N))
    return T * (1 + error * np.random.default_rng(seed).uniform(-1, 1, T.shape))


def missed(terms: Iterable[float], N: ArrayLike, T: ArrayLike) -> Ratio:
    """Return the root mean square of the relative errors that terms leave."""
    return float(np.sqrt(np.mean((law_at(terms, N) / np.asarray(T) - 1) ** 2)))


def four(name: str, got: Iterable[Any]) -> Array:
    """Return got as an array of four times; AssertionError for one below 0."""
    terms = np.array(numbers(f"{name}, [T_compute, send, alpha, delay]", got, 4))
    low = f"{name}: a time below 0, {terms.min():.4g} s; nnls keeps them above"
    assert terms.min() >= -1e-9 * terms.max(), low
    return terms


def fits(name: str, got: Any, N: ArrayLike, T: ArrayLike, best: Ratio) -> None:
    """AssertionError unless four times miss timings by hardly more than the best do."""
    has = missed(four(name, got), N, T)
    assert has <= best * 1.005, (
        f"{name}: your times miss by {has:.3%} (root mean square of the relative "
        f"errors); {best:.3%} can be had.  Is each row divided by its timing?  Does "
        "every timing count?  Is each time kept above 0 while the fit is sought, and "
        "not afterwards?"
    )


def foresees(name: str, got: Any, terms: Iterable[float], N: int) -> None:
    """AssertionError unless four times predict a fleet of N within 10 per cent."""
    want = float(law_at(terms, N))
    has = float(law_at(four(name, got), N))
    assert abs(has / want - 1) < 0.1, (
        f"{name}: on {N} machines your times predict {has:.4g} s; they take {want:.4g} "
        f"s.  That is {has / want - 1:+.0%} off; within 10 % is expected"
    )
