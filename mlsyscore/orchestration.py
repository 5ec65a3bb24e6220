"""Orchestration: who gets the devices, what stands idle, what moving work costs.

r counts what happens in a second of wall-clock time.  Waiting is in ``queues``.
Arrays broadcast; groups, nodes and resources are the last axis and summed over.
"""

from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from .elementwise import every, larger
from .ranges import (
    FIRST,
    FROM_0,
    LAST,
    Count,
    Fraction,
    Positive,
    PositiveFraction,
    Range,
    Ratio,
    Real,
    Whole,
    law,
)
from .units import Dollars, DollarsPerSecond, PerSecond, Seconds

Counts = Annotated[ArrayLike, "1", Range(0.0, 1e6)]
Amounts = Annotated[ArrayLike, "1", FROM_0]
Supplies = Annotated[ArrayLike, "1", Range(FIRST, LAST)]


@law
def stranded(G: Count, g: Count) -> Fraction:
    """Share of a node of G devices that jobs of g cannot use, 1 - floor(G/g) g/G.

    That is (G mod g)/G, in whole numbers.  Assumes jobs of one size that stay within
    a node; smaller ones may fill the gap.  Source: the book, chapter 8.
    """
    return G % g / G


@law
def placements(free: Counts, g: Count) -> Whole:
    """Jobs of g devices that fit, each within a node, sum_i floor(free_i/g).

    Idle devices are no measure of it: one free on each node starts no pair.  A table
    has a cluster in each row.  Source: definition.
    """
    return np.floor_divide(free, np.expand_dims(g, -1)).sum(-1)


@law
def dominant_share(a: Amounts, R: Supplies) -> Fraction:
    """Largest share that a tenant's amounts a_r take of any resource, max_r a_r/R_r.

    DRF serves the tenant whose share is least.  A table has a tenant in each row.
    Source: Ghodsi et al., NSDI (2011), section 4.
    """
    if np.shape(a)[-1:] != np.shape(R)[-1:]:
        raise ValueError(f"{np.shape(a)} amounts are not of {np.shape(R)} resources")
    return np.divide(a, R).max(-1, initial=0.0)


@law
def fair_share(u: Fraction, s: PositiveFraction) -> Fraction:
    """Priority factor of a user with a share s who took a share u, F = 2^(-u/s).

    Half for who took just the share.  Usage decays with a half-life before it counts.
    Source: Slurm, priority/multifactor, classic fair-share.
    """
    return 2.0 ** (-u / s)


@law
def locality_cost(n: Counts, d_far: Ratio, d_near: Ratio = 1.0) -> Ratio:
    """Sum of the distances between all pairs of workers, n_i of them in group i.

    d_near sum_i n_i (n_i - 1)/2 + d_far sum_i n_i (n - n_i)/2, with n = sum_i n_i
    Assumes that all pairs talk alike; a ring needs only neighbours to be near.
    Source: the book, chapter 8.
    """
    n = np.asarray(n)
    others = n.sum(-1, keepdims=True) - n
    near, far = (n * (n - 1)).sum(-1) / 2, (n * others).sum(-1) / 2
    return d_near * near + d_far * far


@law
def useful_devices(N: Ratio, u: Fraction) -> Ratio:
    """Devices' worth of work that N devices do when busy a share u of the time, N u.

    Busy is not useful: ``mpg`` counts what becomes progress.
    Source: the book, chapter 8.
    """
    return N * u


@law
def raw_equivalent(N: Ratio, u_0: PositiveFraction, u_1: Fraction) -> Real:
    """Devices to buy for what a better policy gives, N (u_1 - u_0)/u_0.

    Below 0 for a worse one.  Assumes that the new devices too would be busy a share
    u_0, and that work waits for them.  Source: the book, chapter 8.
    """
    return N * ((u_1 - u_0) / u_0)


@law
def hold_cost(N: Ratio, T: Seconds, p: DollarsPerSecond) -> Dollars:
    """Cost of N devices held for T at a price p each, C = N T p, idle or not.

    A gang that lacks one device pays it for all the others.  Source: definition.
    """
    return N * T * p


@law
def scheduling_goodput(assigned: Fraction, incomplete: Fraction) -> Fraction:
    """Share of the devices that work for a whole job: assigned - incomplete.

    ``incomplete`` of all devices are held by gangs that lack members.  Ignores what a
    whole job then does with its devices.  Source: the book, chapter 8.
    """
    return assigned - incomplete


@law
def spot_cost_ratio(
    p_spot: DollarsPerSecond,
    p_od: Positive[DollarsPerSecond],
    T_billed: Seconds,
    T_retained: Positive[Seconds],
) -> Ratio:
    """Price of kept work on spot over that on demand, p_spot/p_od T_billed/T_retained.

    Above 1 the discount is gone.  Ignores that the work ends later.
    Source: the book, chapter 8.
    """
    if not every(T_billed >= T_retained):
        raise ValueError(f"{T_retained} s are kept of the {T_billed} s paid for")
    return p_spot / p_od * (T_billed / T_retained)


@law
def interrupted_time(T: Seconds, r: PerSecond, T_lost: Seconds) -> Seconds:
    """Wall-clock time of T, stopped r times a second for T_lost each: T/(1 - r T_lost).

    The later end brings further interruptions: T (1 + r T_lost), the book's in chapter
    8, forgets them.  A mean; raises ValueError where all time is lost, r T_lost >= 1.
    Source: T_wall = T + r T_wall T_lost, solved.
    """
    if not every(r * T_lost < 1):
        raise ValueError(f"{r} stops a second of {T_lost} s each leave no time")
    return T / (1 - r * T_lost)


@law
def preemption_tax(N: Ratio, r: PerSecond, T_lost: Seconds) -> Ratio:
    """Devices' worth of work lost when jobs of N devices are stopped: N r T_lost.

    r counts the stops of all jobs.  Ignores who gains by them.
    Source: the book, chapter 8.
    """
    return N * r * T_lost


@law
def resized_work(
    T: Seconds, t: Seconds, X_0: PerSecond, X_1: PerSecond, T_resize: Seconds
) -> Ratio:
    """Work in a window T at X_0 until t, then at X_1: X_0 t + X_1 (T - t - T_resize).

    It pauses for T_resize.  To wait for the full size is X_0 = 0.  Ignores that a
    resize may change the batch, and with it the worth of a step.
    Source: the book, chapter 8.
    """
    left = T - t - T_resize
    if not every(left >= 0):
        raise ValueError(f"a resize at {t} leaves {left} of the window {T}")
    return X_0 * t + X_1 * left


@law
def resize_break_even(
    T_left: Seconds, X_0: PerSecond, X_1: Positive[PerSecond]
) -> Seconds:
    """Longest pause that a resize from X_0 to X_1 repays, T_left (X_1 - X_0)/X_1.

    Raises ValueError for a slower X_1, which repays none.  Ignores what the added
    devices cost.  Source: the book, chapter 8.
    """
    return T_left * ((X_1 - X_0) / X_1)


@law
def lendable(N: Ratio, u: Fraction, buffer: Ratio = 0.0) -> Ratio:
    """Devices of a guarantee of N, used a share u, to lend: max(0, N (1 - u) - buffer).

    The buffer serves a surge for as long as it takes to get lent ones back.  Ignores
    that a mean of u may hide a peak.  Source: the book, chapter 8.
    """
    return larger(0.0, N * (1 - u) - buffer)
