"""Network fabrics: one message, many ways across, and the cut that all of them share.

Rates are per direction.  L counts the tiers of switches.  Arrays broadcast.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from .fleet import all_up
from .units import Bytes, BytesPerSecond, Fraction, Ratio, Seconds, every


@dataclass(frozen=True, slots=True)
class Link:
    """One direction of a link: alpha >= 0 to start a message, then beta > 0 bytes/s."""

    alpha: Seconds
    beta: BytesPerSecond

    def __post_init__(self) -> None:
        if not (every(self.alpha >= 0) and every(self.beta > 0)):
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


def fit_link(n: Annotated[ArrayLike, "B"], T: Annotated[ArrayLike, "s"]) -> Link:
    """Fit alpha and beta to the times T measured for messages of n bytes.

    Minimises sum ((alpha + n/beta - T) / T)^2: the *relative* error.  With the
    absolute error the few largest messages decide, and alpha is left to noise.
    Ignores outliers: give it medians.  ValueError for one size, or if no beta > 0 fits.
    """
    n, T = np.asarray(n, float), np.asarray(T, float)
    if np.unique(n).size < 2 or T.shape != n.shape or not np.all(T > 0):
        raise ValueError(f"a fit needs two sizes and a time > 0 for each: {n}, {T}")
    rows = np.stack([1 / T, n / T], 1)
    (alpha, slope), *_ = np.linalg.lstsq(rows, np.ones_like(T), rcond=None)
    if slope <= 0:
        raise ValueError(f"times fall with size: {slope} s/B is no bandwidth")
    return Link(max(float(alpha), 0.0), 1 / float(slope))


def _fat_tree(k: int, L: int) -> None:
    if not (every(k % 2 == 0) and every(k >= 2) and every(L >= 1)):
        raise ValueError(f"a fat-tree needs even k >= 2 and L >= 1, not {k}, {L}")


def fat_tree_hosts(k: int, L: int = 3) -> int:
    """Hosts of a full fat-tree of k-port switches.

    2 (k/2)^L: k^2/2 if L = 2, k^3/4 if 3.  Source: Al-Fares et al., SIGCOMM (2008), 3.
    """
    _fat_tree(k, L)
    return 2 * (k // 2) ** L


def fat_tree_switches(k: int, L: int = 3) -> int:
    """Switches of a full fat-tree: half as many on top as in each tier below.

    (2 L - 1) (k/2)^(L - 1): 3 k/2 for two tiers, 5 k^2/4 for three
    """
    _fat_tree(k, L)
    return (2 * L - 1) * (k // 2) ** (L - 1)


def path_switches(L: int) -> int:
    """Switches between two hosts that meet at the top: up L, down L - 1."""
    return 2 * L - 1


def fat_tree_bisection(N: int, beta: BytesPerSecond, r: Ratio = 1.0) -> BytesPerSecond:
    """Bandwidth between halves of N hosts at oversubscription r, floor(N/2) beta / r.

    Assumes traffic spread evenly over the paths; hashed flows collide.
    """
    if not (every(N >= 2) and every(r >= 1)):
        raise ValueError(f"a cut needs N >= 2 and r >= 1, not N = {N}, r = {r}")
    return N // 2 * beta / r


def torus_cut(k: int, d: int = 3) -> int:
    """Links between the halves of a torus, k devices to a side in d dimensions.

    2 k^(d - 1): each line of k closes on itself and is cut twice.  Needs even k >= 4.
    """
    if not (every(k % 2 == 0) and every(k >= 4) and every(d >= 1)):
        raise ValueError(f"the cut needs even k >= 4 and d >= 1, not k = {k}, d = {d}")
    return 2 * k ** (d - 1)


def torus_diameter(k: int, d: int = 3) -> int:
    """Most hops between two devices of a torus: d floor(k/2)."""
    return d * (k // 2)


def dragonfly_groups(h: int) -> int:
    """Groups of a full balanced dragonfly whose routers have h global links each.

    g = a h + 1 = 2 h^2 + 1: a = 2 h routers in a group, one link to each other group
    Source: Kim, Dally, Scott and Abts, ISCA (2008), section 3; so too the next two.
    """
    return 2 * h**2 + 1


def dragonfly_hosts(h: int) -> int:
    """Hosts of that dragonfly, p = h at each router: N = a p g = 4 h^4 + 2 h^2."""
    return 2 * h**2 * dragonfly_groups(h)


def dragonfly_cut(h: int) -> int:
    """Links between the halves of that dragonfly: h^2 (h^2 + 1), about N/4.

    floor(g^2/4), by whole groups: half of a fat-tree's cut.  No search has found less.
    """
    return h**2 * (h**2 + 1)


def bisection_time(V_cut: Bytes, BW_bisect: BytesPerSecond) -> Seconds:
    """Least time for V_cut bytes that must cross a cut: T >= V_cut / BW_bisect.

    Counts only what crosses, one way.  Source: Thompson, Complexity for VLSI (1980).
    """
    return V_cut / BW_bisect


def relative_throughput(f: Fraction, r: Ratio) -> Ratio:
    """Steps left if a share f, communication, takes r times as long: 1/((1 - f) + f r).

    Assumes that all of f slows down, and that nothing hides any of it.
    """
    if not (every(f >= 0) and every(f <= 1) and every(r > 0)):
        raise ValueError(f"needs 0 <= f <= 1 and r > 0, not f = {f}, r = {r}")
    return 1 / ((1 - f) + f * r)


def bandwidth_delay(beta: BytesPerSecond, RTT: Seconds) -> Bytes:
    """Bytes under way that keep a path full until the first answer: beta RTT."""
    return beta * RTT


def incast_overflow(buffer: Bytes, N: int, beta: BytesPerSecond) -> Seconds:
    """Time until N senders at full rate overflow one port, t = buffer / ((N - 1) beta).

    Each sends at the rate at which the port drains.  A brake must act sooner than t.
    """
    if not every(N >= 2):
        raise ValueError(f"one sender cannot outrun its port: N = {N}")
    return buffer / ((N - 1) * beta)


def exposure(p: Fraction, N: int) -> Fraction:
    """Probability that at least one of N components shows a fault, 1 - (1 - p)^N.

    Assumes independent faults; a shared cause makes it smaller.
    """
    return 1 - all_up(1 - p, N)


def egress_load(lam: BytesPerSecond, mu: BytesPerSecond) -> Ratio:
    """Load of a port that takes in lam bytes a second and sends mu: rho = lam / mu.

    From 1 on its queue grows without limit; below, only with bursts.
    """
    return lam / mu
