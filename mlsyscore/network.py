"""Network fabrics: what it costs to move one message."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .units import Bytes, BytesPerSecond, Seconds


@dataclass(frozen=True, slots=True)
class Link:
    """One direction of a link: alpha to start a message, then beta bytes a second.

    Raises ValueError for a negative alpha, or a beta that is not positive.
    """

    alpha: Seconds
    beta: BytesPerSecond

    def __post_init__(self) -> None:
        if not (np.all(np.asarray(self.alpha) >= 0) and np.all(self.beta > 0)):
            raise ValueError(f"a link needs alpha >= 0 and beta > 0, not {self}")

    def time(self, n: Bytes) -> Seconds:
        """Time of one n-byte message, T = alpha + n / beta (Hockney, 1994).

        Ignores congestion, and the packets that real messages are cut into.
        """
        return self.alpha + n / self.beta

    @property
    def half(self) -> Bytes:
        """Critical size n* = alpha beta: here start-up is half of the time."""
        return self.alpha * self.beta


def fit_link(n: ArrayLike, T: ArrayLike) -> Link:
    """Fit alpha and beta to the times T (s) measured for messages of n bytes.

    Minimises sum ((alpha + n/beta - T) / T)^2: the *relative* error.  With the
    absolute error the few largest messages decide, and alpha is left to noise.
    Ignores outliers: give it medians.
    Raises ValueError with fewer than two sizes, or if no positive beta fits.
    """
    n, T = np.asarray(n, float), np.asarray(T, float)
    if np.unique(n).size < 2 or T.shape != n.shape or not np.all(T > 0):
        raise ValueError(f"a fit needs two sizes and a time > 0 for each: {n}, {T}")
    (alpha, slope), *_ = np.linalg.lstsq(
        np.stack([1 / T, n / T], 1), np.ones_like(T), rcond=None
    )
    if slope <= 0:
        raise ValueError(f"times fall with size: {slope} s/B is no bandwidth")
    return Link(max(float(alpha), 0.0), 1 / float(slope))
