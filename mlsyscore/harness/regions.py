"""Scores of classes for cases that come in groups, some of them harder than others."""

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
HARD = {"north": 0.3, "south": 1.0, "east": 2.2, "west": 0.6}


def cases(
    seed: int, counts: dict[str, int], classes: int = 6
) -> tuple[Scores, list[int], list[str]]:
    """Return scores, a row a case and a column a class, true classes and groups.

    A low score is a likely class.  A hard group's true class has higher scores.
    """
    rng = np.random.default_rng(seed)
    groups = [g for g, n in counts.items() for _ in range(n)]
    groups = [groups[i] for i in rng.permutation(len(groups))]
    true = rng.integers(0, classes, len(groups))
    scores = rng.normal(2.5, 1.0, (len(groups), classes))
    spread = np.array([HARD[g] for g in groups])
    scores[np.arange(len(groups)), true] = spread * rng.exponential(size=len(groups))
    return scores, [int(c) for c in true], groups
