"""Serving: what it costs, in time, memory and money, to answer requests.

lam is the rate of requests, B the requests in a batch.  Arrays broadcast.
"""

from dataclasses import dataclass
from typing import Annotated

from .compute import Accelerator, Transformer
from .elementwise import ceil, larger, log, smaller
from .fleet import any_of
from .ranges import (
    FROM_0,
    LAST,
    Count,
    Factor,
    Fraction,
    Positive,
    PositiveFraction,
    Range,
    Ratio,
    Single,
    Whole,
    hold,
    law,
)
from .units import (
    Bytes,
    BytesPerSecond,
    Dollars,
    DollarsPerSecond,
    Flop,
    PerSecond,
    Seconds,
    us,
)

Choices = Annotated[int, "1", Range(2, 10**6)]
Cost = Annotated[float, "x", FROM_0]  # dollars, joules, kilograms: any one unit
Servers = Annotated[int, "1", Range(16, LAST)]
ENOUGH = 700.0  # e^700 is a float


@dataclass(frozen=True, slots=True)
class Batching:
    """A device on which a batch takes T_fix, and T_var more for each request."""

    T_fix: Seconds
    T_var: Positive[Seconds]

    def __post_init__(self) -> None:
        hold(self)

    @law
    def latency(self, B: Factor) -> Seconds:
        """Time of a batch, T_lat = T_fix + B T_var.

        Ignores the wait to fill it.  Source: the book, chapter 10.
        """
        return self.T_fix + B * self.T_var

    @law
    def throughput(self, B: Factor) -> PerSecond:
        """Requests a second, X = B/(T_fix + B T_var), below 1/T_var for any batch.

        Source: the book, chapter 10.
        """
        return B / (self.T_fix + B * self.T_var)

    @property
    @law
    def knee(self) -> Ratio:
        """Batch of half the highest throughput, T_fix/T_var.

        Source: the book, chapter 10.
        """
        return self.T_fix / self.T_var


@dataclass(frozen=True, slots=True)
class Replica:
    """A decoder on t chips that split each of its layers; s bytes a weight and a key.

    eta is the share of peak that arithmetic reaches: 0.6 on A100, 0.4 on H100, also of
    its fp8 peak.  T_start is what each of a layer's two blocks takes to launch, and,
    for t > 1, to begin its sum over the chips.  Memory is read at its full rate.

    Fitted, both, to FasterTransformer on A100 80 GB: GPT of 6.7 and 20 billion
    parameters, t of 1 to 8, B to 256, 8 to 200 tokens.  Mean error of the 188
    latencies 8 %, largest 34 %; n times ``compute.decode_floor``/t is 67 % too short.
    Not fitted, error in the mean: FasterTransformer's 89 to 175 billion, t = 8, 19 %
    too short, 530 over nodes 27 %, and 0.35 to 1.3 20 %; kipply's 13 billion on A100
    40 GB, a step 5 % too short, a prompt of 512 45 % too long.  LMDeploy, Llama
    of 7 to 70 billion on A100, steps 12 %, first tokens 16 %.  TensorRT-LLM 0.5, first
    tokens, A100 20 %, H100 fp8 14 %.
    Where Python launches each kernel (the Splitwise profiles, Llama 70B and BLOOM)
    steps on A100 and H100: 11 and 5 % at t = 2, but 37 and 29 % too short at t = 8.
    """

    model: Transformer
    chip: Accelerator
    t: Count = 1
    eta: PositiveFraction = 0.6
    T_start: Seconds = 50 * us
    s: Bytes = 2.0

    def __post_init__(self) -> None:
        hold(self)

    @law
    def step(
        self, new: Factor, held: Ratio, B: Factor = 1.0, mac: Flop = 2.0
    ) -> Seconds:
        """Time to add new tokens to each of B sequences that hold some already.

        T = B new mac (P + 2 L h (held + (new + 1)/2))/(t eta R) + starts
            + (P s + B held kv)/(t BW),  starts = 2 L T_start min(t, 2)
        new = 1 decodes; held = 0 is a whole prompt, more of it a chunk.  Computing and
        reading add up: no overlap.  Ignores what the chips exchange beyond its start,
        sampling, experts.  Source: Pope et al., arXiv 2211.05102 (2022), section 2.
        """
        m, chip = self.model, self.chip
        work = B * new * mac * (m.P + 2 * m.L * m.h * (held + (new + 1) / 2))
        read = m.P * self.s + B * held * kv_per_token(m, self.s)
        shared = (work / (self.eta * chip.peak) + read / chip.bw) / self.t
        return shared + 2 * m.L * self.T_start * smaller(self.t, 2)

    @law
    def first_token(self, S: Factor, B: Factor = 1.0, mac: Flop = 2.0) -> Seconds:
        """Time to first token of B prompts of S tokens together: step(S, 0, B).

        Add the wait for the device, as ``queues.mg1_wait``.  Source: as step.
        """
        return self.step(S, 0, B, mac)

    @law
    def request(
        self, S: Factor, out: Factor, B: Factor = 1.0, mac: Flop = 2.0
    ) -> Seconds:
        """Time to answer B prompts of S tokens with out tokens each.

        T = step(S, 0, B) + (out - 1) step(1, S + out/2 - 1, B), the first and the rest.
        Exact for steps one by one.  B out/T are the tokens a second.  Compared with
        TensorRT-LLM 0.6 at its largest batches, 64 to 1,280: on A100 and H100 fp8 too
        few by 11 % in the mean, 21 % at most; but Llama 70B and Falcon 180B, whose
        heads are grouped, answer with 2,048 tokens at 0.5 to 0.8 of the rate said here.
        Source: as step.
        """
        first = self.step(S, 0, B, mac)
        return first + (out - 1) * self.step(1, S + out / 2 - 1, B, mac)

    @law
    def first_share(
        self, S: Factor, out: Factor, B: Factor = 1.0, mac: Flop = 2.0
    ) -> Fraction:
        """Share of a request's time until its first token, step(S, 0, B)/request.

        Source: as step.
        """
        return self.step(S, 0, B, mac) / self.request(S, out, B, mac)


@law
def replicas(lam: PerSecond, x: Positive[PerSecond], Q: Ratio, B: Count) -> Whole:
    """Fewest replicas, each of x requests a second and B places, for Q inside.

    max(ceil(lam/x), ceil(Q/B));  Q is Little's, ``queues.in_system``.
    At exactly lam/x a queue never settles.  Source: the book, chapter 10.
    """
    return larger(ceil(lam / x), ceil(Q / B))


@law
def kv_per_token(model: Transformer, s: Bytes = 2.0) -> Bytes:
    """KV cache of one token, a key and a value per layer and KV head: 2 L n_kv h/a s.

    Grouped queries (n_kv < a) divide it.  Exact for OPT and Llama; the slots that vLLM
    found room for (their table 1) within 2 %.
    Source: Kwon et al., arXiv 2309.06180 (vLLM, 2023), section 1.
    """
    return 2 * model.L * model.n_kv * model.h / model.a * s


@law
def paged_waste(mean: Positive[Ratio], block: Count) -> Fraction:
    """Share of KV memory empty in last blocks, w/(mean + w), w = (block - 1)/2 tokens.

    Assumes lengths that end anywhere in one.  Source: the mean of 0 to block - 1; the
    paging is Kwon et al.'s, arXiv 2309.06180 (2023), section 4.
    """
    w = (block - 1) / 2
    return w / (mean + w)


@law
def prefix_saving(n: Count, shared: Ratio, own: Ratio) -> Fraction:
    """Share of KV memory saved by one prefix, (n - 1) shared / (n (shared + own)).

    shared tokens stand once for n sequences, each with its own besides.  Ignores that
    a block may be half shared.  Source: definition.
    """
    return (n - 1) / n * (shared / (shared + own))


@law
def cold_start(
    M: Bytes, BW: Positive[BytesPerSecond], T_prov: Seconds = 0.0, T_warm: Seconds = 0.0
) -> Seconds:
    """Time until a new replica of M bytes answers: T_prov + M/BW + T_warm.

    Ignores that many replicas at once share the store.  Source: the book, chapter 10.
    """
    return T_prov + M / BW + T_warm


@law
def scaling_lag(
    T_detect: Seconds, T_decide: Seconds, T_prov: Seconds, T_warm: Seconds
) -> Seconds:
    """Time from a spike to the capacity for it, T_detect + T_decide + T_prov + T_warm.

    Assumes that none overlap.  Source: the book, chapter 10.
    """
    return T_detect + T_decide + T_prov + T_warm


@law
def slow_requests(p: Fraction, n: Count) -> Fraction:
    """Share of requests to n servers that meet a slow one, a share p slow.

    1 - (1 - p)^n.  Assumes that they are slow independently.
    Source: Dean and Barroso, CACM 56 (2013).
    """
    return any_of(p, n)


@law
def max_load(n: Servers, d: Single[Count] = 2) -> Factor:
    """Fullest of n servers after n requests, each to the emptiest of d, to first order.

    ln n/ln ln n for d = 1;  ln ln n/ln d for more
    Played out from 16 servers to a million it is too small by 0.3 to 3.4 requests for
    d = 1, by up to 0.7 for d = 2, by up to 1.4 for more.  Raises ValueError below 16,
    where the first falls with n, and where it says less than one request (d > ln n).
    Source: Azar et al., SIAM J. Comput. 29 (1999).
    """
    x = log(log(n))
    return log(n) / x if d == 1 else x / log(d)


@law
def cost_crossover(
    C_train: Cost, q: Positive[PerSecond], c_q: Positive[Cost]
) -> Seconds:
    """Time until q requests a second at c_q cost what training did: C_train/(q c_q).

    In dollars, joules or kilograms, as long as both are.  Assumes a steady q; ignores
    that neither repeats (new models) nor stays (cheaper requests).
    Source: the book, chapters 10 and 15.
    """
    return C_train / (q * c_q)


@law
def queue_tail(rho: Fraction, k: Whole, d: Choices = 2) -> Fraction:
    """Share of servers with k requests or more, each sent to the shortest of d queues.

    rho^((d^k - 1)/(d - 1)), against rho^k at random, for many servers, Poisson arrivals
    and exponential service.  Played out with 500 servers: within 0.012.
    Source: Mitzenmacher, IEEE TPDS 12 (2001).
    """
    power = d ** smaller(k, ENOUGH / log(d))  # from there on the tail is 0
    return rho ** ((power - 1) / (d - 1))


@law
def token_cost(
    price: DollarsPerSecond, X: Positive[PerSecond], u: PositiveFraction = 1.0
) -> Dollars:
    """Cost of one token at a throughput X and a utilisation u: price/(X u).

    Charges all to the tokens that are counted in X, prompts or answers.
    Source: the book, chapter 10.
    """
    return price / (X * u)
