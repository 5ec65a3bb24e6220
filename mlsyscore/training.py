"""Training: how a model's state, work and traffic divide over devices.

t, p, d: tensor-, pipeline- and data-parallel degree; m microbatches of b sequences of
s tokens; V chunks of the model on each device.  Arrays broadcast.
"""

from dataclasses import dataclass
from math import pi
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from .compute import Transformer
from .elementwise import every, larger, sin, smaller, sqrt
from .ranges import (
    FIRST,
    LAST,
    ROUNDING,
    Count,
    Factor,
    Fraction,
    FractionBelow1,
    Positive,
    Range,
    Ratio,
    Real,
    Whole,
    hold,
    law,
)
from .units import Bytes, BytesPerSecond, Flop, FlopPerSecond, Seconds

Stage = Annotated[int, "1", Range(0, 3)]
Shares = Annotated[ArrayLike, "1", Range(0.0, 1.0)]
Factors = Annotated[ArrayLike, "1", Range(FIRST, LAST)]
Total = Annotated[int, "1", Range(1, 10**300)]  # of counts up to the largest float


@dataclass(frozen=True, slots=True)
class State:
    """Training state of a parameter: fp16, and Adam's three fp32 copies, by default.

    16 B; 18 where gradients are summed in fp32, as in Megatron.  A checkpoint keeps it
    less the gradients: 14 B.
    Source: Rajbhandari et al., arXiv 1910.02054 (2020), section 3.1.
    """

    weights: Bytes = 2.0
    gradients: Bytes = 2.0
    optimizer: Bytes = 12.0

    def __post_init__(self) -> None:
        hold(self)

    @law
    def zero(self, P: Ratio, d: Count, stage: Stage) -> Bytes:
        """State of P parameters on each of d devices that shard it by ZeRO.

        P (w + g + o); o becomes o/d from stage 1, g from stage 2, w at stage 3 (FSDP).
        Ignores layers gathered for the moment, and padding.
        Source: Rajbhandari et al. (2020), section 5; its table 1, within 0.3 %.
        """
        w, g, o = d ** (stage >= 3), d ** (stage >= 2), d ** (stage >= 1)  # d or 1
        return P * (self.weights / w + self.gradients / g + self.optimizer / o)


@law
def gradient_traffic(M: Bytes, d: Count, stage: Stage = 0) -> Bytes:
    """Bytes that each of d devices sends to sum M bytes of gradients under ZeRO.

    2 (d - 1)/d M;  3 (d - 1)/d M for stage 3, which also gathers weights twice.
    Assumes one microbatch, and weights as wide as gradients.
    Source: Rajbhandari et al. (2020), section 7.
    """
    return (2 + (stage == 3)) * (d - 1) / d * M


def _in_groups(p: Real, m: Real, V: Real) -> None:
    if not every((V == 1) | (m % p == 0)):
        raise ValueError(f"interleaved, {p} stages take {p} at a time, not m = {m}")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a job's devices stand: five counts of 1 or more, or ValueError."""

    t: Count
    p: Count
    d: Count
    m: Count = 1
    V: Count = 1

    def __post_init__(self) -> None:
        hold(self)
        _in_groups(self.p, self.m, self.V)

    @property
    @law
    def N(self) -> Total:
        """Devices, N = t p d.  Source: the book, chapter 5."""
        return self.t * self.p * self.d

    @law
    def batch(self, b: Count) -> Total:
        """Sequences in a step, B = d m b; at p = 1 the m are accumulated.

        Source: the book, chapter 5.
        """
        return self.d * self.m * b


@law
def bubble(p: Count, m: Count, V: Count = 1) -> FractionBelow1:
    """Share of a pipeline's time that a stage idles: (p - 1)/(p - 1 + m V).

    Equal stages, free transfers; interleaved (V > 1), m is a multiple of p, or
    ValueError.  Source: Narayanan et al., arXiv 2104.04473 (2021), section 2.2.
    """
    _in_groups(p, m, V)
    return (p - 1) / (p - 1 + m * V)


@law
def in_flight(p: Count, m: Count, V: Count = 1) -> Factor:
    """Most microbatches whose activations the first stage holds; all m with GPipe.

    1F1B: min(m, p);  interleaved, m a multiple of p: min(m, p + (p - 1)/V).
    Source: Korthikanti et al., arXiv 2205.05198 (2022), section 4.2.3.
    """
    _in_groups(p, m, V)
    return smaller(m, p + (V > 1) * (p - 1) / V)


@law
def layout_step(
    T_compute: Seconds, T_comm: Seconds, layout: Layout, overlap: Fraction
) -> Seconds:
    """Step of a layout: the fleet law, with the bubble as its wait; W = T_compute/N.

    T = W (1 + (p - 1)/(m V)) + T_comm - min(overlap T_comm, W);  the first term is
    W/(1 - bubble).  T_comm: one device's gradient exchange.  Ignores transfers between
    stages; add tensor-parallel exchanges, which cannot hide, to T_compute.
    Source: the book, chapter 5.  Checked on ratios of steps of one model on A100,
    T_comm = 0: 174.6 and 529.6 billion parameters on 384 to 1,536 devices (Narayanan
    et al. (2021), table 2) and 530 billion on 2,240 and 2,800 (Smith et al., arXiv
    2201.11990): within 1.3 %; small batches of a 182 billion model (BigScience), 48
    stages and replicas: 7 % low at m = 32, 1 % at 96.
    """
    W, p, m, V = T_compute / layout.N, layout.p, layout.m, layout.V
    return W * (1 + (p - 1) / (m * V)) + T_comm - smaller(overlap * T_comm, W)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a layer with an MLP 4 h wide keeps for its backward pass, in 16 bit.

    Per token and channel ``whole`` bytes stay on each device and ``split`` divide, as
    do ``score`` bytes per pair of tokens and head.  Also sequence parallel: (0, 34, 5);
    selective recompute: score=0; full: (2, 0, 0).  Source: Korthikanti, table 2.
    """

    whole: Bytes = 10.0
    split: Bytes = 24.0
    score: Bytes = 5.0

    def __post_init__(self) -> None:
        hold(self)

    @law
    def layer(self, model: Transformer, s: Count, b: Count, t: Count = 1) -> Bytes:
        """Bytes on each of t devices: s b h (10 + 24/t + 5 a s/(h t)).

        Assumes that nothing is fused: FlashAttention keeps no scores.  Times L/p and
        ``in_flight`` it is a device's.  Source: Korthikanti et al. (2022), table 2; its
        figure 1, 22 to 1,000 billion parameters, t = 8: within 0.1 %.
        """
        linear = model.h * (self.whole + self.split / t)
        return s * b * (linear + self.score * model.a * s / t)


@law
def parameters(L: Count, h: Count, vocabulary: Whole, s: Whole) -> Total:
    """Parameters of a GPT, P = L (12 h^2 + 13 h) + (vocabulary + s) h.

    Biases, learned positions, tied embedding; not the norm after the last layer, 2 h.
    Source: Narayanan et al. (2021), equation 2.  Checked on GPT-2 and BLOOM, exact, and
    on its table 1, 1.7 to 1,008 billion: as printed, from 39 billion on within 0.1 %.
    """
    return L * (12 * h * h + 13 * h) + (vocabulary + s) * h


@law
def gated_parameters(model: Transformer, mlp: Count, vocabulary: Whole) -> Total:
    """Parameters of a Llama: no biases, grouped heads, a gated MLP, rotary positions.

    P = L (2 h^2 (1 + n_kv/a) + 3 h mlp + 2 h) + (2 vocabulary + 1) h
    Embedding and head untied.  Exact for the published counts of Llama 2 and 3 and of
    Mistral 7B; ``parameters``, which counts a GPT, is 2 to 13 % short, and for 405B by
    chance 0.5 % long.
    Source: Touvron et al., arXiv 2302.13971 (2023), section 2.2; heads: Ainslie et al.,
    arXiv 2305.13245 (2023).
    """
    h = model.h
    attention = 2 * h * h + 2 * h * h * model.n_kv // model.a
    return model.L * (attention + 3 * h * mlp + 2 * h) + (2 * vocabulary + 1) * h


@law
def training_flop(P: Ratio, D: Ratio, each: Flop = 6.0) -> Flop:
    """Operations to train P parameters on D tokens: 6 P D, or 8 with full recompute.

    Ignores scores and logits: 1 % of a model of 1,000 billion parameters, 12 % of one
    of 1.7 billion (at 2,048 tokens).  Source: Kaplan et al., arXiv 2001.08361 (2020).
    Checked on the days of Narayanan et al. (2021), table 2: 2 % low.
    """
    return each * P * D


@law
def token_flop(
    model: Transformer,
    s: Count,
    vocabulary: Whole,
    passes: Factor = 3.0,
    mac: Flop = 2.0,
) -> Flop:
    """Operations to train on a token, with the scores and logits that 6 P leaves out.

    24 passes L h^2 (1 + s/(6 h)) + 6 h vocabulary;  4 passes with full recompute.
    Counts scores that a causal mask drops.  Assumes an MLP 4 h wide, and as many KV
    heads as heads.  Source: Narayanan et al. (2021), equation 3.  Checked on measured
    steps, 175 to 530 billion parameters on A100: the published rates within 1 %.
    """
    layers = passes * model.L * (12 * model.h + 2 * s)
    return mac * model.h * (layers + 3 * vocabulary)


@law
def ring_chunk(
    R: FlopPerSecond,
    beta: Positive[BytesPerSecond],
    element: Bytes = 2.0,
    mac: Positive[Flop] = 2.0,
) -> Ratio:
    """Tokens a device, c, from which ring attention hides its transfers.

    c = element R/(mac beta), from 2 mac c^2 h/R >= 2 element c h/beta
    Ignores latency, and that a causal mask leaves half of the work.
    Source: Liu et al., arXiv 2310.01889 (2023).
    """
    return element * R / (mac * beta)


@law
def amdahl(r: Fraction, N: Count) -> Factor:
    """Speed-up on N devices when a share r does not divide: 1/(r + (1 - r)/N).

    Ignores what N devices must say to each other.  Source: Amdahl, AFIPS (1967).
    """
    return 1 / (r + (1 - r) / N)


@law
def amdahl_parts(f: Shares, S: Factors) -> Positive[Ratio]:
    """Speed-up when parts with shares f of the time run S times as fast each.

    1/(1 - sum_i f_i + sum_i f_i/S_i);  with all parts listed, 1/sum_i f_i/S_i.  What
    no f covers runs as before.  Shares are of the time before.  Raises ValueError if
    they sum to more than 1, or have not one S each.  Assumes that parts follow each
    other: nothing overlaps.  Source: Amdahl, AFIPS (1967), with more than two parts.
    """
    total = np.sum(f)
    if np.shape(f) != np.shape(S) or total > 1 + ROUNDING:
        raise ValueError(f"{np.size(S)} speed-ups for {np.size(f)} shares, sum {total}")
    return 1 / (larger(1 - total, 0.0) + np.sum(np.divide(f, S)))


@law
def sample_efficiency(B: Ratio, B_noise: Positive[Ratio]) -> Fraction:
    """Progress per sample at batch B, relative to a small one: 1/(1 + B/B_noise).

    At the best step size for each B.  Ignores curvature, which weights the noise.
    Source: McCandlish et al., arXiv 1812.06162 (2018).
    """
    return 1 / (1 + B / B_noise)


@law
def stale_limit(lag: Whole) -> Ratio:
    """Step size x curvature below which gradients ``lag`` steps old converge.

    2 sin(pi/(4 lag + 2)), exact for a quadratic and a constant lag: N workers in turn
    have a lag of N - 1.
    Source: Levin and May, Theoretical Population Biology 9 (1976).
    """
    return 2 * sin(pi / (4 * lag + 2))


@law
def mean_lag(N: Count, pace: Positive[Ratio] = 1.0) -> Ratio:
    """Updates by others between an asynchronous worker's read and write: N/pace - 1.

    ``pace``: its updates, over the mean of the N workers'.  Whatever their speeds and
    jitter, N - 1 in the mean over all updates: a worker sees all updates but its own
    once.  Assumes that each reads as soon as it has written, and no bound on the lead.
    Source: derived: Little's law for N workers, of whom one writes at each update.
    """
    return (N - pace) / pace


@law
def async_limit(N: Count) -> Ratio:
    """Step size x curvature below which N asynchronous workers converge.

    x = (1 + sqrt(1 + 8 N))/(2 N), the root of N x^2 = 2 + x;  about sqrt(2/N), and not
    pi/(2 N) as for N in turn (``stale_limit``): that lags vary helps.  Exact for a
    quadratic in the mean square, if the next to write is any worker with equal chance,
    as with exponential times.
    Source: derived: where the second moments of w and of the N weights read stand.
    """
    return (1 + sqrt(1 + 8 * N)) / (2 * N)
