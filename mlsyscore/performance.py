"""Performance: where an accelerator's time goes, and what the useful part costs.

Arrays broadcast.
"""

from .compute import Accelerator
from .elementwise import every, expm1, larger, log1p
from .ranges import (
    FIRST,
    Count,
    Fraction,
    Positive,
    PositiveFraction,
    Ratio,
    Whole,
    law,
)
from .units import (
    Bytes,
    DollarsPerSecond,
    Flop,
    FlopPerByte,
    FlopPerSecond,
    Seconds,
)


@law
def iron_law(
    O: Flop, D_vol: Bytes, chip: Accelerator, eta_hw: PositiveFraction, L_lat: Seconds
) -> Seconds:
    """Time of a kernel that loads, then computes, D_vol/BW + O/(R_peak eta_hw) + L_lat.

    eta_hw is the share of peak that arithmetic reaches, L_lat the launch.  Assumes no
    overlap: at most twice ``overlapped_iron_law``, where the first two terms are equal.
    Checked on a play of tiles, on no measured kernel.  Source: the book, chapter 9.
    """
    return D_vol / chip.bw + O / (chip.peak * eta_hw) + L_lat


@law
def overlapped_iron_law(
    O: Flop, D_vol: Bytes, chip: Accelerator, eta_hw: PositiveFraction, L_lat: Seconds
) -> Seconds:
    """Time of a kernel that loads meanwhile, max(D_vol/BW, O/(R_peak eta_hw)) + L_lat.

    Assumes many small tiles; k of them add 1/k of the smaller term.  Checked on a play
    of tiles.  Source: Williams, Waterman and Patterson, CACM 52 (2009), and a launch.
    """
    return larger(D_vol / chip.bw, O / (chip.peak * eta_hw)) + L_lat


@law
def gemm_intensity(
    m: Count,
    n: Count,
    d: Count,
    s: Positive[Bytes] = 2.0,
    mac: Positive[Flop] = 2.0,
) -> FlopPerByte:
    """Intensity of an (m x d) by (d x n) product that moves each matrix once.

    I = mac m n d / (s (m d + d n + m n)) = mac / (s (1/m + 1/n + 1/d))
    n/3 for square fp16, about m for m << n, d.  The most that tiling can reach:
    ignores what the cache is too small to keep.  One multiply-add is 2 operations.
    Source: the book, chapter 9 (n/3).
    """
    return mac / (s * (1 / m + 1 / n + 1 / d))


@law
def elementwise_intensity(
    O: Flop, tensors: Count, s: Positive[Bytes] = 2.0
) -> FlopPerByte:
    """Intensity of O operations an element, tensors moved once each: O / (tensors s).

    Fusion raises it: O adds up, the tensors between two operators go.  Assumes that
    all are of one size.  Source: definition.
    """
    return O / (tensors * s)


@law
def mfu(O: Flop, T: Positive[Seconds], N: Count, chip: Accelerator) -> Fraction:
    """Model FLOP utilisation of N chips for a time T, MFU = O / (N R_peak T).

    Counts the model's operations, not those repeated to save memory (that is HFU).
    A definition, no forecast: from published times it gives the MFU printed to a tenth
    (PaLM, Megatron on A100, MegaScale's table 2) within 0.3 %, those printed to a whole
    percent (Llama 3, table 4) within 1.4 %.  Raises ValueError above 1: a wrong peak.
    Source: Chowdhery et al. (PaLM), arXiv 2204.02311, appendix B.
    """
    return O / (N * chip.peak * T)


@law
def mpg(eta_sched: Fraction, eta_runtime: Fraction, eta_program: Fraction) -> Fraction:
    """ML productivity goodput: the share of a fleet's peak that becomes progress.

    MPG = eta_sched eta_runtime eta_program: chips with a whole job, time of these kept,
    peak of this reached.  Exact if each is a share of the one before.
    Source: Wongpanich et al., arXiv 2502.06982 (2025).
    """
    return eta_sched * eta_runtime * eta_program


@law
def effective_rate(
    N: Count,
    chip: Accelerator,
    MFU: Fraction,
    eta_scaling: Fraction,
    eta_runtime: Fraction,
) -> FlopPerSecond:
    """Useful operations a second, R_eff = N R_peak MFU eta_scaling eta_runtime.

    MFU is one chip's: an MFU measured on all N holds eta_scaling already.
    Source: the book, chapter 9.
    """
    return N * chip.peak * MFU * eta_scaling * eta_runtime


@law
def useful_cost(p: DollarsPerSecond, MPG: PositiveFraction) -> DollarsPerSecond:
    """Price of a chip's useful time, p/MPG, when p is paid for all of it.

    Ignores that idle chips draw less power.  Source: the book, chapter 9.
    """
    return p / MPG


@law
def speculative_tokens(a: Fraction, k: Whole) -> Ratio:
    """Mean tokens of one round: k drafted, each accepted with probability a, and one.

    E = 1 + a + ... + a^k = (1 - a^(k+1)) / (1 - a), and k + 1 at a = 1
    Assumes that acceptances are independent and alike; where a varies from round to
    round more are accepted.  Source: Leviathan et al., ICML 2023, equation 1.
    """
    refused = 1 - a + FIRST  # FIRST where a = 1: the quotient then has its limit
    return -expm1((k + 1) * log1p(-refused)) / refused


@law
def speculative_speedup(a: Fraction, k: Whole, c: Ratio) -> Ratio:
    """Speed-up of decoding if a drafted token costs c of a target step, E / (k c + 1).

    Assumes that k + 1 tokens are checked in the time of one: not so at large batch.
    Compared with T5-XXL on a TPU v4 at batch 1, k of 3 to 7 (their table 4, ten rows):
    it gives the speed-ups predicted there within 0.07; those measured are 0.72 to 1.29
    of it, 1.12 in the median.  Source: Leviathan et al., ICML 2023, theorem 3.8.
    """
    return speculative_tokens(a, k) / (k * c + 1)


@law
def compile_payback(
    T_compile: Seconds, T_before: Positive[Seconds], T_after: Seconds
) -> Ratio:
    """Calls that repay the time to compile, T_compile / (T_before - T_after).

    Ignores that a new shape or version compiles again.  Source: the book, chapter 9.
    """
    if not every(T_before > T_after):
        raise ValueError(f"{T_after} s after compiling saves nothing over {T_before} s")
    return T_compile / (T_before - T_after)


@law
def exposed_communication(T_comm: Seconds, T_ov: Seconds) -> Seconds:
    """Communication that a step waits for: T_comm - T_ov, of which T_ov is hidden.

    Ignores that hidden transfers slow the computing that hides them.
    Source: the book, chapter 9.
    """
    return T_comm - T_ov
