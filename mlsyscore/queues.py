"""Queues: how long work waits for servers that are busy a share rho of the time.

lam arrivals a second, a mean service time S, c equal servers, first come first
served, no limit to the queue.  Steady state.  Arrays broadcast, except the count c.
"""

from typing import Annotated

from .elementwise import every
from .ranges import Fraction, FractionBelow1, Range, Ratio, Single, law
from .units import PerSecond, Seconds

Servers = Annotated[int, "1", Range(1, 1e6)]


@law
def offered_load(lam: PerSecond, S: Seconds) -> Ratio:
    """Servers that the work keeps busy, whatever their number: a = lam S (erlang).

    Source: definition; Little's law for the servers alone.
    """
    return lam * S


@law
def in_system(lam: PerSecond, T: Seconds) -> Ratio:
    """Little's law: arrivals of rate lam that stay for T are there Q = lam T at a time.

    Holds for any arrivals, service and order, as long-run means, if nothing is lost.
    Source: Little, Operations Research 9 (1961).
    """
    return lam * T


@law
def wait_ratio(rho: FractionBelow1, C_s: Ratio = 1.0, C_a: Ratio = 1.0) -> Ratio:
    """Mean wait for one server, W/S = rho/(1 - rho) (C_a^2 + C_s^2)/2 service times.

    C_s and C_a are the coefficients of variation of service and of the gaps between
    arrivals.  Exact for Poisson arrivals, C_a = 1 (M/G/1; C_s = 1 is M/M/1); else
    Kingman's approximation for heavy load.  A heavy tail needs more jobs than a trace
    holds to get there.  Source: Pollaczek (1930), Khinchine (1932); Kingman (1961).
    """
    return rho / (1 - rho) * (C_a**2 + C_s**2) / 2


@law
def mg1_wait(lam: PerSecond, S: Seconds, C_s: Ratio = 1.0) -> Seconds:
    """Mean wait for one server with Poisson arrivals, in seconds.

    W = S rho/(1 - rho) (1 + C_s^2)/2, rho = lam S: S times ``wait_ratio``
    Service of infinite variance has no C_s: its waits grow with the run.
    Source: Pollaczek (1930), Khinchine (1932).
    """
    rho = lam * S
    if not every(rho < 1):
        raise ValueError(f"a queue settles for rho below 1, not for {rho}")
    return S * rho / (1 - rho) * (1 + C_s**2) / 2


@law
def erlang_b(a: Ratio, c: Single[Servers]) -> Fraction:
    """Probability that all c servers are busy, so that an arrival goes away.

    B = (a^c/c!) / sum_(k=0..c) a^k/k!,  by B_0 = 1, B_k = a B_(k-1)/(k + a B_(k-1))
    Poisson arrivals, any service times, and who finds all busy never comes back.
    Source: Erlang (1917).
    """
    B = 1.0
    for k in range(1, c + 1):
        B = a * B / (k + a * B)
    return B


@law
def erlang_c(a: Ratio, c: Single[Servers]) -> Fraction:
    """Probability that an arrival waits for one of c servers with a load of a < c.

    C = B/(1 - rho (1 - B)), rho = a/c, B = erlang_b(a, c)
    Assumes Poisson arrivals and exponential service.  Source: Erlang (1917).
    """
    if not every(a < c):
        raise ValueError(f"{c} servers never catch up with a load of a = {a}")
    B = erlang_b(a, c)
    return B / (1 - a / c * (1 - B))


@law
def mmc_wait(lam: PerSecond, S: Seconds, c: Single[Servers]) -> Seconds:
    """Mean wait for c servers, one queue: C S/(c - a), a = lam S, C = erlang_c(a, c).

    Assumes Poisson arrivals and exponential service; bursts wait longer.
    Source: Erlang (1917).
    """
    a = lam * S
    return erlang_c(a, c) * S / (c - a)
