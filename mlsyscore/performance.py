"""Performance: where an accelerator's time goes, and what the useful part costs.

Arrays broadcast, except the count of drafted tokens.
"""

from .compute import Accelerator, roofline
from .units import (
    Bytes,
    DollarsPerSecond,
    Flop,
    FlopPerByte,
    FlopPerSecond,
    Fraction,
    Ratio,
    Seconds,
    count,
    every,
    share,
)


def iron_law(
    O: Flop, D_vol: Bytes, chip: Accelerator, eta_hw: Fraction, L_lat: Seconds
) -> Seconds:
    """Time of a kernel that loads, then computes, D_vol/BW + O/(R_peak eta_hw) + L_lat.

    eta_hw is the share of peak that arithmetic reaches, L_lat the launch.  Assumes no
    overlap: at most twice ``overlapped_iron_law``, where the first two terms are equal.
    """
    share(eta_hw)
    return D_vol / chip.bw + O / (chip.peak * eta_hw) + L_lat


def overlapped_iron_law(
    O: Flop, D_vol: Bytes, chip: Accelerator, eta_hw: Fraction, L_lat: Seconds
) -> Seconds:
    """Time of a kernel that loads meanwhile, max(D_vol/BW, O/(R_peak eta_hw)) + L_lat.

    Assumes many small tiles; k of them add 1/k of the smaller term.
    """
    share(eta_hw)
    return roofline(O / eta_hw, D_vol, chip) + L_lat


def gemm_intensity(
    m: int, n: int, d: int, s: Bytes = 2.0, mac: Flop = 2.0
) -> FlopPerByte:
    """Intensity of an (m x d) by (d x n) product that moves each matrix once.

    I = mac m n d / (s (m d + d n + m n))
    n/3 for square fp16, about m for m << n, d.  The most that tiling can reach:
    ignores what the cache is too small to keep.  One multiply-add is 2 operations.
    """
    return mac * m * n * d / (s * (m * d + d * n + m * n))


def elementwise_intensity(O: Flop, tensors: int, s: Bytes = 2.0) -> FlopPerByte:
    """Intensity of O operations an element, tensors moved once each: O / (tensors s).

    Fusion raises it: O adds up, the tensors between two operators go.
    """
    count(tensors)
    return O / (tensors * s)


def mfu(O: Flop, T: Seconds, N: int, chip: Accelerator) -> Fraction:
    """Model FLOP utilisation of N chips for a time T, MFU = O / (N R_peak T).

    Counts the model's operations, not those repeated to save memory (that is HFU).
    Source: Chowdhery et al. (PaLM), arXiv 2204.02311, appendix B.
    """
    count(N)
    return O / (N * chip.peak * T)


def mpg(eta_sched: Fraction, eta_runtime: Fraction, eta_program: Fraction) -> Fraction:
    """ML productivity goodput: the share of a fleet's peak that becomes progress.

    MPG = eta_sched eta_runtime eta_program: chips with a whole job, time of these kept,
    peak of this reached.  Source: Wongpanich et al., arXiv 2502.06982 (2025).
    """
    share(eta_sched, eta_runtime, eta_program)
    return eta_sched * eta_runtime * eta_program


def effective_rate(
    N: int,
    chip: Accelerator,
    MFU: Fraction,
    eta_scaling: Fraction,
    eta_runtime: Fraction,
) -> FlopPerSecond:
    """Useful operations a second, R_eff = N R_peak MFU eta_scaling eta_runtime.

    MFU is one chip's: an MFU measured on all N holds eta_scaling already.
    """
    share(MFU, eta_scaling, eta_runtime)
    return N * chip.peak * MFU * eta_scaling * eta_runtime


def useful_cost(p: DollarsPerSecond, MPG: Fraction) -> DollarsPerSecond:
    """Price of a chip's useful time, p/MPG, when p is paid for all of it."""
    share(MPG)
    return p / MPG


def speculative_tokens(a: Fraction, k: int) -> Ratio:
    """Mean tokens of one round: k drafted, each accepted with probability a, and one.

    E = 1 + a + ... + a^k = (1 - a^(k+1)) / (1 - a)
    Assumes that acceptances are independent and alike; where a varies from round to
    round more are accepted.  Source: Leviathan et al., ICML 2023, equation 1.
    """
    if not every((a >= 0) & (a <= 1)) or not k >= 0:
        raise ValueError(f"needs 0 <= a <= 1 and k >= 0, not a = {a}, k = {k}")
    return sum(a**i for i in range(k + 1))


def speculative_speedup(a: Fraction, k: int, c: Ratio) -> Ratio:
    """Speed-up of decoding if a drafted token costs c of a target step, E / (k c + 1).

    Assumes that k + 1 tokens are checked in the time of one: not so at large batch.
    Source: Leviathan et al., ICML 2023, theorem 3.8.
    """
    return speculative_tokens(a, k) / (k * c + 1)


def compile_payback(T_compile: Seconds, T_before: Seconds, T_after: Seconds) -> Ratio:
    """Calls that repay the time to compile, T_compile / (T_before - T_after).

    Ignores that a new shape or version compiles again.
    """
    if not every(T_before > T_after):
        raise ValueError(f"{T_after} s after compiling saves nothing over {T_before} s")
    return T_compile / (T_before - T_after)


def exposed_communication(T_comm: Seconds, T_ov: Seconds) -> Seconds:
    """Communication that a step waits for: T_comm - T_ov, of which T_ov is hidden."""
    if not every((T_ov >= 0) & (T_ov <= T_comm)):
        raise ValueError(f"no {T_ov} s of {T_comm} s of communication can be hidden")
    return T_comm - T_ov
