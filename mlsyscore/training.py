"""Training: how a model's state, work and traffic divide over devices.

t, p, d: tensor-, pipeline- and data-parallel degree; m microbatches of b sequences of
s tokens; V chunks of the model on each device.  Arrays broadcast, but for stages.
"""

from dataclasses import dataclass

import numpy as np

from .compute import Transformer, allreduce_traffic
from .fleet import step_time
from .units import (
    Bytes,
    BytesPerSecond,
    Flop,
    FlopPerSecond,
    Fraction,
    Ratio,
    Seconds,
    count,
    share,
)


def _stage(stage: int) -> None:
    if stage not in (0, 1, 2, 3):
        raise ValueError(f"ZeRO has stages 0 to 3, not {stage}")


@dataclass(frozen=True, slots=True)
class State:
    """Training state of a parameter: fp16, and Adam's three fp32 copies, by default."""

    weights: Bytes = 2.0
    gradients: Bytes = 2.0
    optimizer: Bytes = 12.0

    def zero(self, P: int, d: int, stage: int) -> Bytes:
        """State of P parameters on each of d devices that shard it by ZeRO.

        P (w + g + o); o becomes o/d from stage 1, g from stage 2, w at stage 3 (FSDP).
        Ignores layers gathered for the moment.  Source: Rajbhandari et al. (2020).
        """
        count(d)
        _stage(stage)
        w, g, o = (d if stage >= least else 1 for least in (3, 2, 1))
        return P * (self.weights / w + self.gradients / g + self.optimizer / o)


def gradient_traffic(M: Bytes, d: int, stage: int = 0) -> Bytes:
    """Bytes that each of d devices sends to sum M bytes of gradients.

    2 (d - 1)/d M;  3 (d - 1)/d M for ZeRO stage 3, which also gathers weights twice.
    Assumes one microbatch, and weights as wide as gradients.  Source: ZeRO, section 7.
    """
    _stage(stage)
    return allreduce_traffic(M, d) * (1.5 if stage == 3 else 1.0)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a job's devices stand: five counts of 1 or more, or ValueError."""

    t: int
    p: int
    d: int
    m: int = 1
    V: int = 1

    def __post_init__(self) -> None:
        count(self.t, self.p, self.d, self.m, self.V)

    @property
    def N(self) -> int:
        """Devices, N = t p d."""
        return self.t * self.p * self.d

    def batch(self, b: int) -> int:
        """Sequences in a step, B = d m b; at p = 1 the m are accumulated."""
        return self.d * self.m * b


def bubble(p: int, m: int, V: int = 1) -> Fraction:
    """Share of a pipeline's time that a stage idles: (p - 1)/(p - 1 + m V).

    Equal stages, free transfers.  Source: Narayanan et al., arXiv 2104.04473 (2021).
    """
    count(p, m, V)
    return (p - 1) / (p - 1 + m * V)


def in_flight(p: int, m: int, V: int = 1) -> Ratio:
    """Most microbatches whose activations the first stage holds; all m with GPipe.

    1F1B: min(m, p);  interleaved, m a multiple of p: min(m, p + (p - 1)/V).
    Source: Korthikanti et al., arXiv 2205.05198 (2022), section 4.2.3.
    """
    count(p, m, V)
    return np.minimum(m, p + (V > 1) * (p - 1) / V)


def layout_step(
    T_compute: Seconds, T_comm: Seconds, layout: Layout, overlap: Fraction
) -> Seconds:
    """Step of a layout: the fleet law, with the bubble as its wait; W = T_compute/N.

    T = W/(1 - bubble) + T_comm - min(overlap T_comm, W)
    T_comm: one device's gradient exchange.  Ignores transfers between stages; add
    tensor-parallel exchanges, which cannot hide, to T_compute.
    """
    share(overlap)
    W = T_compute / layout.N
    wait = W / (1 - bubble(layout.p, layout.m, layout.V)) - W
    hidden: float = np.minimum(overlap * T_comm, W)
    return step_time(T_compute, layout.N, T_comm, wait, hidden)


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

    def layer(self, model: Transformer, s: int, b: int, t: int = 1) -> Bytes:
        """Bytes on each of t devices: s b h (10 + 24/t + 5 a s/(h t))."""
        linear = model.h * (self.whole + self.split / t)
        return s * b * (linear + self.score * model.a * s / t)


def parameters(L: int, h: int, vocabulary: int, s: int) -> int:
    """Parameters of a GPT, P = L (12 h^2 + 13 h) + (vocabulary + s) h.

    Biases, learned positions, tied embedding.  Source: Narayanan et al., equation 2.
    """
    return L * (12 * h * h + 13 * h) + (vocabulary + s) * h


def training_flop(P: int, D: int, each: Flop = 6.0) -> Flop:
    """Operations to train P parameters on D tokens: 6 P D, or 8 with full recompute."""
    return each * P * D


def token_flop(
    model: Transformer, s: int, vocabulary: int, passes: int = 3, mac: Flop = 2.0
) -> Flop:
    """Operations to train on a token, with the scores and logits that 6 P leaves out.

    24 passes L h^2 (1 + s/(6 h)) + 6 h vocabulary;  4 passes with full recompute.
    Counts scores that a causal mask drops.  Source: Narayanan et al., equation 3.
    """
    layers = passes * model.L * (12 * model.h + 2 * s)
    return mac * model.h * (layers + 3 * vocabulary)


def ring_chunk(
    R: FlopPerSecond, beta: BytesPerSecond, element: Bytes = 2.0, mac: Flop = 2.0
) -> Ratio:
    """Tokens a device, c, from which ring attention hides its transfers.

    c = element R/(mac beta), from 2 mac c^2 h/R >= 2 element c h/beta; Liu (2023).
    """
    return element * R / (mac * beta)


def amdahl(r: Fraction, N: int) -> Ratio:
    """Speed-up on N devices when a share r does not divide: 1/(r + (1 - r)/N)."""
    count(N)
    return 1 / (r + (1 - r) / N)


def sample_efficiency(B: Ratio, B_noise: Ratio) -> Fraction:
    """Progress per sample at batch B, relative to a small one: 1/(1 + B/B_noise).

    At the best step size for each B.  Source: McCandlish et al., 1812.06162 (2018).
    """
    return 1 / (1 + B / B_noise)


def stale_limit(lag: int) -> Ratio:
    """Step size x curvature below which gradients ``lag`` steps old converge.

    2 sin(pi/(4 lag + 2)), exact for a quadratic.  Source: Levin and May (1976).
    """
    return 2 * np.sin(np.pi / (4 * lag + 2))
