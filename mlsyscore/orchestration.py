"""Orchestration: who gets the devices, what stands idle, what moving work costs.

r counts what happens in a second of wall-clock time.  Waiting is in ``queues``.
Arrays broadcast, except over groups, nodes and resources, which are summed over.
"""

from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from .units import (
    Dollars,
    DollarsPerSecond,
    Fraction,
    PerSecond,
    Ratio,
    Seconds,
    every,
    positive,
    share,
)

Counts = Annotated[ArrayLike, "1", (0.0, 9.0)]
Amounts = Annotated[ArrayLike, "1"]


def stranded(G: int, g: int) -> Fraction:
    """Share of a node of G devices that jobs of g cannot use, 1 - floor(G/g) g/G.

    Assumes jobs of one size that stay within a node; smaller ones may fill the gap.
    """
    positive(G, g)
    return 1 - G // g * g / G


def placements(free: Counts, g: int) -> int:
    """Jobs of g devices that fit, each within a node, sum_i floor(free_i/g).

    Idle devices are no measure of it: one free on each node starts no pair.
    """
    positive(g)
    return int(np.sum(np.floor_divide(free, g)))


def dominant_share(a: Amounts, R: Amounts) -> Fraction:
    """Largest share that a tenant's amounts a_r take of any resource, max_r a_r/R_r.

    DRF serves the tenant whose share is least.  A table has a tenant in each row.
    Source: Ghodsi et al., NSDI (2011), section 4.
    """
    positive(np.asarray(R))
    return np.max(np.divide(a, R), axis=-1)


def fair_share(u: Fraction, s: Fraction) -> Fraction:
    """Priority factor of a user with a share s who took a share u, F = 2^(-u/s).

    Half for who took just the share.  Usage decays with a half-life before it counts.
    Source: Slurm, priority/multifactor, classic fair-share.
    """
    share(u)
    positive(s)
    return 2.0 ** (-u / s)


def locality_cost(n: Counts, d_far: Ratio, d_near: Ratio = 1.0) -> Ratio:
    """Sum of the distances between all pairs of workers, n_i of them in group i.

    d_near sum_i n_i (n_i - 1)/2 + d_far sum_(i<j) n_i n_j
    Assumes that all pairs talk alike; a ring needs only neighbours to be near.
    """
    n = np.asarray(n)
    near = float(np.sum(n * (n - 1))) / 2
    pairs = float(np.sum(n) * (np.sum(n) - 1)) / 2
    return d_near * near + d_far * (pairs - near)


def useful_devices(N: int, u: Fraction) -> Ratio:
    """Devices' worth of work that N devices do when busy a share u of the time, N u."""
    share(u)
    return N * u


def raw_equivalent(N: int, u_0: Fraction, u_1: Fraction) -> Ratio:
    """Devices to buy for what a better policy gives, N (u_1 - u_0)/u_0.

    Assumes that they too would be busy a share u_0, and that work waits for them.
    """
    positive(u_0)
    return (useful_devices(N, u_1) - useful_devices(N, u_0)) / u_0


def hold_cost(N: int, T: Seconds, p: DollarsPerSecond) -> Dollars:
    """Cost of N devices held for T at a price p each, C = N T p, idle or not.

    A gang that lacks one device pays it for all the others.
    """
    return N * T * p


def scheduling_goodput(assigned: Fraction, incomplete: Fraction) -> Fraction:
    """Share of the devices that work for a whole job: assigned - incomplete.

    ``incomplete`` of all devices are held by gangs that lack members.
    """
    if not (every(incomplete >= 0) and every(incomplete <= assigned)):
        raise ValueError(f"gangs hold {incomplete} of the {assigned} assigned")
    share(assigned)
    return assigned - incomplete


def spot_cost_ratio(
    p_spot: DollarsPerSecond,
    p_od: DollarsPerSecond,
    T_billed: Seconds,
    T_retained: Seconds,
) -> Ratio:
    """Price of kept work on spot over that on demand, p_spot/p_od T_billed/T_retained.

    Above 1 the discount is gone.  Ignores that the work ends later.
    """
    if not every(T_billed >= T_retained):
        raise ValueError(f"{T_retained} s are kept of the {T_billed} s paid for")
    return p_spot / p_od * T_billed / T_retained


def interrupted_time(T: Seconds, r: PerSecond, T_lost: Seconds) -> Seconds:
    """Wall-clock time of T, stopped r times a second for T_lost each: T/(1 - r T_lost).

    The later end brings further interruptions: T (1 + r T_lost) forgets them.
    """
    kept = 1 - r * T_lost
    share(kept)
    positive(kept)
    return T / kept


def preemption_tax(N: int, r: PerSecond, T_lost: Seconds) -> Ratio:
    """Devices' worth of work lost when jobs of N devices are stopped: N r T_lost."""
    return N * r * T_lost


def resized_work(
    T: Seconds, t: Seconds, X_0: PerSecond, X_1: PerSecond, T_resize: Seconds
) -> Ratio:
    """Work in a window T at X_0 until t, then at X_1: X_0 t + X_1 (T - t - T_resize).

    It pauses for T_resize.  To wait for the full size is X_0 = 0.
    """
    left = T - t - T_resize
    if not (every(left >= 0) and every(t >= 0)):
        raise ValueError(f"a resize at {t} leaves {left} of the window {T}")
    return X_0 * t + X_1 * left


def resize_breakeven(T_left: Seconds, X_0: PerSecond, X_1: PerSecond) -> Seconds:
    """Longest pause that a resize from X_0 to X_1 repays, T_left (1 - X_0/X_1)."""
    if not every(X_1 >= X_0):
        raise ValueError(f"a rate of {X_1} repays no pause at {X_0}")
    return T_left * (1 - X_0 / X_1)


def lendable(N: int, u: Fraction, buffer: int = 0) -> Ratio:
    """Devices of a guarantee of N, used a share u, to lend: max(0, N (1 - u) - buffer).

    The buffer serves a surge for as long as it takes to get lent ones back.
    """
    share(u)
    return np.maximum(0.0, N - useful_devices(N, u) - buffer)
