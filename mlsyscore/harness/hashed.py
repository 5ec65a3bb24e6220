"""Loads of hashed flows over many seeds: does an answer draw as it says?"""

import math
from collections.abc import Sequence
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
    assert len(set(runs)) >= count - 5, (
        f"{name}: {count} seeds give {len(set(runs))} answers.  Does the whole seed "
        "reach the generator, and does every flow draw its path?"
    )
