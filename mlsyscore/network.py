"""Network fabrics: one message, many ways across, and the cut that all of them share.

Rates are per direction.  L counts the tiers of switches.  Arrays broadcast.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from .elementwise import every
from .fleet import any_of
from .ranges import (
    FROM_0,
    LAST,
    Count,
    Factor,
    Fraction,
    Positive,
    Range,
    Ratio,
    Whole,
    hold,
    law,
)
from .units import Bytes, BytesPerSecond, Seconds

Dimensions = Annotated[int, "1", Range(1, 16)]
GlobalLinks = Annotated[int, "1", Range(1, 1e6)]
Ports = Annotated[int, "1", Range(2, 1e6)]
Side = Annotated[int, "1", Range(1, 1e6)]
Sizes = Annotated[ArrayLike, "B", FROM_0]
Tiers = Annotated[int, "1", Range(1, 16)]
Times = Annotated[ArrayLike, "s", Range(1e-100, 1e100)]
TwoOrMore = Annotated[int, "1", Range(2, LAST)]
WideSide = Annotated[int, "1", Range(4, 1e6)]


@dataclass(frozen=True, slots=True)
class Link:
    """One direction of a link: alpha to start a message, then beta bytes a second."""

    alpha: Seconds
    beta: Positive[BytesPerSecond]

    def __post_init__(self) -> None:
        hold(self)

    @law
    def time(self, n: Bytes) -> Seconds:
        """Time of one n-byte message, T = alpha + n / beta.

        Ignores congestion, and the packets that real messages are cut into.
        Source: Hockney, Parallel Computing 20 (1994).
        """
        return self.alpha + n / self.beta

    @property
    @law
    def half(self) -> Bytes:
        """Critical size n* = alpha beta: here start-up is half of the time.

        Source: Hockney, Parallel Computing 20 (1994): the half-performance length.
        """
        return self.alpha * self.beta


@law
def fit_link(n: Sizes, T: Times) -> Link:
    """Fit alpha >= 0 and beta to the times T measured for messages of n bytes.

    Minimises sum ((alpha + n/beta - T) / T)^2: the *relative* error.  With the
    absolute error the few largest messages decide, and alpha is left to noise.
    Ignores outliers: give it medians.  ValueError for one size, or times that do not
    grow.  Holds while one protocol lasts: on published medians of a DGX H100's
    send-recv, 10 KB to 12 MB, it is within 10 % of a message of 44 MB, not fitted.
    Source: Hockney (1994); weighted least squares, with 1/T for weights.
    """
    n, T = np.asarray(n), np.asarray(T)
    if n.ndim != 1 or n.shape != T.shape or np.unique(n).size < 2:
        raise ValueError(f"a fit needs two sizes, and a time for each: {n}, {T}")
    x = n / n.max()
    rows, ones = np.stack([1 / T, x / T], 1), np.ones_like(T)
    (alpha, rise), _, rank, _ = np.linalg.lstsq(rows, ones, rcond=None)
    if rank < 2 or not np.ptp(T) or not max(rise, 0.0):
        raise ValueError(f"times that rise by {rise} s to {n.max()} B: no bandwidth")
    alpha = max(alpha, 0.0)
    if not alpha:  # the best that has no start-up has a beta of its own
        rise = np.sum(x / T) / np.sum((x / T) ** 2)
    return Link(alpha, n.max() / rise)


@law
def fat_tree_hosts(k: Ports, L: Tiers = 3) -> Count:
    """Hosts of a full fat-tree of k-port switches, k even.

    2 (k/2)^L: k^2/2 if L = 2, k^3/4 if 3.  Ignores oversubscription.
    Source: Al-Fares et al., SIGCOMM (2008), 3; any L: Lin, Chung and Huang, IPDPS
    (2004), the m-port n-tree.  So too the next.
    """
    if not every(k % 2 == 0):
        raise ValueError(f"half of a switch's ports go up: k = {k} is odd")
    return 2 * (k // 2) ** L


@law
def fat_tree_switches(k: Ports, L: Tiers = 3) -> Count:
    """Switches of a full fat-tree: half as many on top as in each tier below.

    (2 L - 1) (k/2)^(L - 1): 3 k/2 for two tiers, 5 k^2/4 for three
    Source: as fat_tree_hosts.
    """
    if not every(k % 2 == 0):
        raise ValueError(f"half of a switch's ports go up: k = {k} is odd")
    return (2 * L - 1) * (k // 2) ** (L - 1)


@law
def path_switches(L: Tiers) -> Count:
    """Switches between two hosts that meet at the top, 2 L - 1: up L, down L - 1.

    Hosts under one leaf meet sooner.  Source: definition of a tree.
    """
    return 2 * L - 1


@law
def fat_tree_bisection(
    N: TwoOrMore, beta: BytesPerSecond, r: Factor = 1.0
) -> BytesPerSecond:
    """Bandwidth between halves of N hosts at oversubscription r, floor(N/2) beta / r.

    Assumes traffic spread evenly over the paths; hashed flows collide.
    Source: the book, chapter 3; full bisection: Leiserson, IEEE Trans. C-34 (1985).
    """
    return N // 2 * beta / r


@law
def torus_cut(k: WideSide, d: Dimensions = 3) -> Count:
    """Links between the halves of a torus, k devices to a side in d dimensions.

    2 k^(d - 1): each line of k closes on itself and is cut twice.  Needs even k >= 4.
    No half has fewer.  Source: Bollobas and Leader, Combinatorica 11 (1991).
    """
    if not every(k % 2 == 0):
        raise ValueError(f"no plane halves a side of k = {k}: it is odd")
    return 2 * k ** (d - 1)


@law
def torus_diameter(k: Side, d: Dimensions = 3) -> Whole:
    """Most hops between two devices of a torus: d floor(k/2).

    Assumes shortest paths.  Source: Dally and Towles, Principles and Practices of
    Interconnection Networks (2004), chapter 5.
    """
    return d * (k // 2)


@law
def dragonfly_groups(h: GlobalLinks) -> Count:
    """Groups of a full balanced dragonfly whose routers have h global links each.

    g = a h + 1 = 2 h^2 + 1: a = 2 h routers in a group, one link to each other group
    Source: Kim, Dally, Scott and Abts, ISCA (2008), section 3; so too the next two.
    """
    return 2 * h**2 + 1


@law
def dragonfly_hosts(h: GlobalLinks) -> Count:
    """Hosts of that dragonfly, p = h at each router: N = a p g = 4 h^4 + 2 h^2.

    Source: as dragonfly_groups.
    """
    return 4 * h**4 + 2 * h**2


@law
def dragonfly_cut(h: GlobalLinks) -> Count:
    """Links between the halves of that dragonfly: h^2 (h^2 + 1), about N/4.

    floor(g^2/4), by whole groups: half of a fat-tree's cut.  No search has found less.
    Source: counted on the graph of dragonfly_groups.
    """
    return h**2 * (h**2 + 1)


@law
def bisection_time(V_cut: Bytes, BW_bisect: Positive[BytesPerSecond]) -> Seconds:
    """Least time for V_cut bytes that must cross a cut: T >= V_cut / BW_bisect.

    Counts only what crosses, one way.  Source: Thompson, Complexity for VLSI (1980).
    """
    return V_cut / BW_bisect


@law
def relative_throughput(f: Fraction, r: Positive[Ratio]) -> Ratio:
    """Steps left if a share f, communication, takes r times as long: 1/((1 - f) + f r).

    Assumes that all of f slows down, and that nothing hides any of it.
    Source: the book, chapter 3; Amdahl, AFIPS (1967), with r = 1/n.
    """
    return 1 / ((1 - f) + f * r)


@law
def bandwidth_delay(beta: BytesPerSecond, RTT: Seconds) -> Bytes:
    """Bytes under way that keep a path full until the first answer: beta RTT.

    RTT is that of an empty path; queues lengthen it.
    Source: Jacobson and Braden, RFC 1072 (1988).
    """
    return beta * RTT


@law
def incast_overflow(
    buffer: Bytes, N: TwoOrMore, beta: Positive[BytesPerSecond]
) -> Seconds:
    """Time until N senders at full rate overflow one port, t = buffer / ((N - 1) beta).

    Each sends at the rate at which the port drains.  A brake must act sooner than t.
    Source: the book, chapter 3; incast: Phanishayee et al., FAST (2008).
    """
    return buffer / ((N - 1) * beta)


@law
def exposure(p: Fraction, N: Count) -> Fraction:
    """Probability that at least one of N components shows a fault, 1 - (1 - p)^N.

    Assumes independent faults; a shared cause makes it smaller.
    Source: the book, chapter 3; ``fleet.any_of``.
    """
    return any_of(p, N)


@law
def egress_load(lam: BytesPerSecond, mu: Positive[BytesPerSecond]) -> Ratio:
    """Load of a port that takes in lam bytes a second and sends mu: rho = lam / mu.

    From 1 on its queue grows without limit; below, only with bursts.
    Source: definition of a server's utilisation.
    """
    return lam / mu
