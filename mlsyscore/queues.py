"""Queues: how long work waits for servers that are busy a share rho of the time.

lam arrivals a second, a mean service time S, c equal servers, first come first
served, no limit to the queue.  Steady state.  Arrays broadcast, except the count c.
"""

from .units import Fraction, PerSecond, Ratio, Seconds, every


def offered_load(lam: PerSecond, S: Seconds) -> Ratio:
    """Servers that the work keeps busy, whatever their number: a = lam S (erlang)."""
    return lam * S


def in_system(lam: PerSecond, T: Seconds) -> Ratio:
    """Little's law: arrivals of rate lam that stay for T are there Q = lam T at a time.

    Holds for any arrivals, service and order, as long-run means, if nothing is lost.
    Source: Little, Operations Research 9 (1961).
    """
    return lam * T


def wait_ratio(rho: Fraction, C_s: Ratio = 1.0, C_a: Ratio = 1.0) -> Ratio:
    """Mean wait for one server, W/S = rho/(1 - rho) (C_a^2 + C_s^2)/2 service times.

    C_s and C_a are the coefficients of variation of service and of the gaps between
    arrivals.  Exact for Poisson arrivals, C_a = 1 (M/G/1; C_s = 1 is M/M/1); else
    Kingman's approximation for heavy load.  A heavy tail needs more jobs than a trace
    holds to get there.  Source: Pollaczek (1930), Khinchine (1932); Kingman (1961).
    """
    if not every((rho >= 0) & (rho < 1)):
        raise ValueError(f"a queue settles for 0 <= rho < 1, not for rho = {rho}")
    return rho / (1 - rho) * (C_a**2 + C_s**2) / 2


def mg1_wait(lam: PerSecond, S: Seconds, C_s: Ratio = 1.0) -> Seconds:
    """Mean wait for one server with Poisson arrivals, W = S wait_ratio(lam S, C_s)."""
    return S * wait_ratio(offered_load(lam, S), C_s)


def erlang_b(a: Ratio, c: int) -> Fraction:
    """Probability that all c servers are busy, where those who find it so go away.

    B = (a^c/c!) / sum_(k=0..c) a^k/k!,  by B_0 = 1, B_k = a B_(k-1)/(k + a B_(k-1))
    Poisson arrivals, any service times.  Source: Erlang (1917).
    """
    if not (every(a >= 0) and c >= 1):
        raise ValueError(f"needs a load a >= 0 and servers c >= 1, not {a} and {c}")
    B: float = 1.0
    for k in range(1, c + 1):
        B = a * B / (k + a * B)
    return B


def erlang_c(a: Ratio, c: int) -> Fraction:
    """Chance that an arrival waits, B/(1 - rho (1 - B)), rho = a/c, B = erlang_b(a, c).

    Poisson arrivals, exponential service, c servers.  Source: Erlang (1917).
    """
    if not every(a < c):
        raise ValueError(f"{c} servers never catch up with a load of a = {a}")
    B = erlang_b(a, c)
    return B / (1 - a / c * (1 - B))


def mmc_wait(lam: PerSecond, S: Seconds, c: int) -> Seconds:
    """Mean wait for c servers, one queue: C S/(c - a), a = lam S, C = erlang_c(a, c).

    Assumes Poisson arrivals and exponential service; bursts wait longer.
    """
    a = offered_load(lam, S)
    return erlang_c(a, c) * S / (c - a)
