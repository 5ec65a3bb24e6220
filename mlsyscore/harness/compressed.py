"""Training whose workers send a part of each gradient only."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..checks import number

WEIGHTS, PULL, RATE = 20, 3.0, 0.05
Compress = Callable[[Any, Any, int], Any]


def trained(
    compress: Compress, seed: int, k: int, steps: int = 100, feedback: bool = True
) -> float:
    """Return the loss of two workers after some steps; 1 is the least there is.

    The data of each pull five weights away from the best, one way and the other.
    Without feedback each residual is dropped.
    AssertionError if a worker sends what it must not.
    """
    rng = np.random.default_rng(seed)
    best, pull = rng.normal(size=WEIGHTS), np.zeros(WEIGHTS)
    pull[rng.permutation(WEIGHTS)[:5]] = PULL * rng.choice([-1.0, 1.0], size=5)
    w, residuals = np.zeros(WEIGHTS), [np.zeros(WEIGHTS), np.zeros(WEIGHTS)]
    for step in range(steps):
        gradients = [w - best + pull, w - best - pull]
        for i, g in enumerate(gradients):
            label = f"step {step}, worker {i}"
            v, left = sent_and_kept(label, compress(g, residuals[i].copy(), k), WEIGHTS)
            many = int(np.count_nonzero(v))
            assert many <= k, f"{label}: {many} entries are sent, more than k = {k}"
            residuals[i] = left if feedback else np.zeros(WEIGHTS)
            w = w - RATE * v / 2
    return number("the loss", 1 + 0.5 * float(np.sum((w - best) ** 2)))


def sent_and_kept(name: str, answer: Any, n: int) -> tuple[Any, Any]:
    """Return v and e_next of an answer; AssertionError unless each is n numbers."""
    kind = type(answer).__name__
    rows = isinstance(answer, np.ndarray) and answer.ndim == 2
    assert rows or isinstance(answer, tuple | list), f"{name}: (v, e_next), not {kind}"
    assert len(answer) == 2, f"{name}: two arrays, v and e_next, not {len(answer)}"
    v, left = (np.asarray(a) for a in answer)
    for a in (v, left):
        fits = a.shape == (n,) and a.dtype.kind in "iuf"
        assert fits, f"{name}: {n} numbers are expected, not {a.dtype} {a.shape}"
    return v, left
