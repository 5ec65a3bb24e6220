"""Loads of hashed flows over many seeds: does an answer draw as it says?"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..checks import number
from .answers import values


def loads(name: str, answer: Any) -> tuple[float, float]:
    """Return the load and the error in an answer; AssertionError for no such pair."""
    load, error = values(f"{name}: (load, error)", answer, 2)
    return number(f"{name}, the load", load), number(f"{name}, the error", error)


def scattered(
    name: str,
    runs: Sequence[tuple[float, float]],
    mean: float,
    true: float,
    trials: int,
) -> None:
    """AssertionError unless (load, error) of many seeds have this mean and true error.

    Two-sided: runs that agree better than chance has it are no independent draws.
    """
    count, (load, said) = len(runs), np.mean(runs, axis=0)
    got = len(set(runs))
    assert got >= count - 5, (
        f"{name}: {count} seeds give {got} answer{'s' * (got > 1)}.  Does the whole "
        "seed reach the generator, and does every flow of every trial draw its path?"
    )
    assert abs(load - mean) < 6 * true / math.sqrt(count) + 1e-4, (
        f"{name}: the mean over {count} seeds is {load:.4g}, which is not it.  Does "
        "every flow take its own path, of all paths, and do its bytes go there?"
    )
    scatter = np.std([load for load, _ in runs])
    assert 0.5 * true - 1e-9 < scatter < 1.6 * true + 1e-9, (  # over five sigma
        f"{name}: over {count} seeds the loads scatter by {scatter:.4f}; your error "
        f"says {said:.4f}.  Does each seed give new draws, and each trial?"
    )
    assert 0.8 * true - 1e-9 < said < 1.2 * true + 1e-9, (
        f"{name}: {trials} trials have no standard error of {said:.4f}; it is the "
        "deviation of one trial over the square root of the trials"
    )


def unlike(name: str, runs: Sequence[tuple[float, float]]) -> None:
    """AssertionError if (load, error) of seeds in a row tell of draws that they share.

    Loads of their own differ by their error times the square root of two.  Those that
    share most draws differ by half of that or less.
    """
    load, said = np.array(runs).T
    share = np.mean(np.diff(load) ** 2) / (2 * np.mean(said**2))
    assert share > 0.25, (
        f"{name}: from one seed to the next the load changes {math.sqrt(share):.2g} "
        "times as much as your error lets expect.  Do neighbouring seeds share draws?"
    )


def distinct(name: str, runs: Mapping[int, tuple[float, float]]) -> None:
    """AssertionError if two seeds, the keys, have one answer."""
    seen: dict[tuple[float, float], int] = {}
    for seed, run in runs.items():
        other = seen.setdefault(run, seed)
        assert other == seed, (
            f"{name}: the seeds {other} and {seed} give one answer.  Does the whole "
            "seed reach the generator?"
        )
