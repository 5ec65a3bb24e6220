"""Serving: what it costs, in time, memory and money, to answer requests.

lam is the rate of requests, B the requests in a batch.  Arrays broadcast.
"""

from dataclasses import dataclass

import numpy as np

from .compute import Transformer
from .fleet import all_up
from .storage import transfer_time
from .units import (
    Bytes,
    BytesPerSecond,
    Dollars,
    DollarsPerSecond,
    Fraction,
    PerSecond,
    Ratio,
    Seconds,
    count,
    every,
    share,
)


@dataclass(frozen=True, slots=True)
class Batching:
    """A device on which a batch takes T_fix, and T_var > 0 more for each request."""

    T_fix: Seconds
    T_var: Seconds

    def __post_init__(self) -> None:
        if not (every(self.T_fix >= 0) and every(self.T_var > 0)):
            raise ValueError(f"a batch needs T_fix >= 0 and T_var > 0, not {self}")

    def latency(self, B: int) -> Seconds:
        """Time of a batch, T_lat = T_fix + B T_var; ignores the wait to fill it."""
        return self.T_fix + B * self.T_var

    def throughput(self, B: int) -> PerSecond:
        """Requests a second, X = B / T_lat, below 1/T_var whatever the batch."""
        return B / self.latency(B)

    @property
    def knee(self) -> Ratio:
        """Batch of half the highest throughput, T_fix / T_var."""
        return self.T_fix / self.T_var


def replicas(lam: PerSecond, x: PerSecond, Q: Ratio, B: int) -> int:
    """Fewest replicas, each of x requests a second and B places, for Q inside.

    max(ceil(lam/x), ceil(Q/B)), after rounding to 9 digits: 1.1/0.1 is 11.
    Q is Little's, ``queues.in_system``.  At exactly lam/x a queue never settles.
    """
    return np.ceil(np.round(np.maximum(lam / x, Q / B), 9))


def kv_per_token(model: Transformer, s: Bytes = 2.0) -> Bytes:
    """KV cache of one token, a key and a value per layer and KV head: 2 L n_kv h/a s.

    Grouped queries (n_kv < a) divide it.  Source: Kwon et al., vLLM (2023), section 1.
    """
    return 2 * model.L * model.n_kv * model.h / model.a * s


def paged_waste(mean: Ratio, block: int) -> Fraction:
    """Share of KV memory empty in last blocks, w/(mean + w), w = (block - 1)/2 tokens.

    Assumes lengths that end anywhere in one.  Source: Kwon et al. (2023), section 4.
    """
    count(block)
    w = (block - 1) / 2
    return w / (mean + w)


def prefix_saving(n: int, shared: Ratio, own: Ratio) -> Fraction:
    """Share of KV memory saved by one prefix, (n - 1) shared / (n (shared + own))."""
    return (n - 1) * shared / (n * (shared + own))


def cold_start(
    M: Bytes, BW: BytesPerSecond, T_prov: Seconds = 0.0, T_warm: Seconds = 0.0
) -> Seconds:
    """Time until a new replica of M bytes answers: T_prov + M/BW + T_warm."""
    return T_prov + transfer_time(M, BW) + T_warm


def scaling_lag(
    T_detect: Seconds, T_decide: Seconds, T_prov: Seconds, T_warm: Seconds
) -> Seconds:
    """Time from a spike to the capacity for it, the sum of four waits."""
    return T_detect + T_decide + T_prov + T_warm


def slow_requests(p: Fraction, n: int) -> Fraction:
    """Share of requests to n servers that meet a slow one, a share p fast: 1 - p^n.

    Assumes that they are slow independently.  Source: Dean and Barroso, CACM 56 (2013).
    """
    return 1 - all_up(p, n)


def max_load(n: int, d: int = 2) -> Ratio:
    """Fullest of n servers after n requests, each to the emptiest of d, to first order.

    ln n / ln ln n for d = 1;  ln ln n / ln d for more
    The rest does not grow with n for d > 1.  Source: Azar et al., SIAM J. Comput. 29.
    """
    if not (every(n >= 3) and d >= 1):
        raise ValueError(f"needs n >= 3 servers and d >= 1 choices, not {n} and {d}")
    x = np.log(np.log(n))
    return np.log(n) / x if d == 1 else x / np.log(d)


def cost_crossover(C_train: Dollars, q: PerSecond, c_q: Dollars) -> Seconds:
    """Time until q requests a second at c_q cost what training did: C_train/(q c_q)."""
    return C_train / (q * c_q)


def queue_tail(rho: Fraction, k: int, d: int = 2) -> Fraction:
    """Share of servers with k requests or more, each sent to the shorter of d queues.

    rho^((d^k - 1)/(d - 1)), against rho^k at random, for many servers, Poisson arrivals
    and exponential service.  Source: Mitzenmacher, IEEE TPDS 12 (2001).
    """
    share(rho)
    if not every(d >= 2):
        raise ValueError(f"a choice needs d >= 2 queues, not {d}")
    return rho ** ((d**k - 1) / (d - 1))


def token_cost(price: DollarsPerSecond, X: PerSecond, u: Fraction = 1.0) -> Dollars:
    """Cost of one token at a throughput X and a utilisation u: price / (X u)."""
    share(u)
    return price / (X * u)
