"""Features as training saw them and as serving sends them, some of which broke."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def ks(a: ArrayLike, b: ArrayLike) -> float:
    """Return the p-value of the two-sample Kolmogorov-Smirnov test, for large samples.

    The chance that two samples of one distribution differ as much as these two: the
    largest distance of their shares below any value, against Kolmogorov's law.
    """
    x, y = np.sort(np.ravel(a)), np.sort(np.ravel(b))
    both = np.concatenate([x, y])
    below = [np.searchsorted(s, both, side="right") / len(s) for s in (x, y)]
    far = float(np.max(np.abs(below[0] - below[1])))
    root = far * np.sqrt(len(x) * len(y) / (len(x) + len(y)))
    if root < 0.2:  # below it the alternating series needs many terms
        return 1.0
    k = np.arange(1, 101)
    tail = 2 * np.sum((-1.0) ** (k - 1) * np.exp(-2 * (k * root) ** 2))
    return float(np.clip(tail, 0.0, 1.0))


def tables(
    seed: int, features: int = 200, broken: int = 12, rows: int = 300
) -> tuple[NDArray[Any], NDArray[Any], list[int]]:
    """Return features in training, in serving, and the positions of the broken ones.

    A row is a request and a column a feature.  What broke is scaled by 1.6, set to 0 in
    a third of the rows, or moved by half its spread.
    """
    rng = np.random.default_rng(seed)
    spread = np.exp(rng.normal(size=features))
    train = spread * rng.lognormal(0, 0.8, (rows, features))
    serve = spread * rng.lognormal(0, 0.8, (rows, features))
    bad = sorted(int(k) for k in rng.choice(features, broken, replace=False))
    for i, k in enumerate(bad):
        if i % 3 == 0:
            serve[:, k] *= 1.6
        elif i % 3 == 1:
            serve[rng.random(rows) < 1 / 3, k] = 0.0
        else:
            serve[:, k] += 0.5 * spread[k]
    return train, serve, bad


def false_share(found: Sequence[int], bad: Sequence[int]) -> float:
    """Return the share of the found ones that are not broken, 0 if none is found."""
    return len(set(found) - set(bad)) / max(len(found), 1)


def draw_sorted(p: ArrayLike, q: float) -> None:
    """Draw the smallest p-values in order, with the lines of three rules."""
    import matplotlib.pyplot as plt

    p = np.sort(np.ravel(p))
    m, k = len(p), np.arange(1, min(len(p), 40) + 1)
    _, ax = plt.subplots(figsize=(6, 3))
    ax.semilogy(
        k, np.maximum(p[: len(k)], 1e-12), "ko", ms=4, label="p-values in order"
    )
    ax.semilogy(k, q * k / m, "C2-", label="q k / m")
    ax.axhline(q, color="C3", ls="--", label="q for each")
    ax.axhline(q / m, color="C1", ls=":", label="q / m for each")
    ax.set(xlabel="k", ylabel="p-value")
    ax.legend()
