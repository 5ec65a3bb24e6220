"""Compute: what one accelerator, and the rack around it, can do in a second."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from .units import (
    Bytes,
    BytesPerSecond,
    Dollars,
    Flop,
    FlopPerByte,
    FlopPerSecond,
    Fraction,
    KilogramsPerSecond,
    Ratio,
    Seconds,
    Watts,
    count,
    every,
    positive,
)

Amperes = Annotated[float, "A"]
CubicMetresPerSecond = Annotated[float, "m3/s"]
Henries = Annotated[float, "J/A/A"]
JoulesPerKilogramKelvin = Annotated[float, "J/kg/K"]
Kelvins = Annotated[float, "K"]
KilogramsPerCubicMetre = Annotated[float, "kg/m3"]
Shares = Annotated[ArrayLike, "1", (0.0, 1.0)]
Volts = Annotated[float, "J/s/A"]


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A chip as the roofline sees it: a rate of arithmetic and a rate of memory.

    ``power`` is the TDP, which no chip draws on average.  All four are positive.
    """

    peak: FlopPerSecond
    bw: BytesPerSecond
    memory: Bytes
    power: Watts

    def __post_init__(self) -> None:
        positive(self.peak, self.bw, self.memory, self.power)

    @property
    def ridge(self) -> FlopPerByte:
        """Arithmetic intensity at which compute and memory take equal time."""
        return self.peak / self.bw


@dataclass(frozen=True, slots=True)
class Transformer:
    """A decoder: P parameters, L layers of width h, a heads, of which n_kv hold KV."""

    P: int
    L: int
    h: int
    a: int
    n_kv: int

    def __post_init__(self) -> None:
        count(self.P, self.L, self.h, self.a, self.n_kv)


@dataclass(frozen=True, slots=True)
class Coolant:
    """A fluid that carries heat: heat capacity c_p and density rho, both positive."""

    c_p: JoulesPerKilogramKelvin
    rho: KilogramsPerCubicMetre

    def __post_init__(self) -> None:
        positive(self.c_p, self.rho)

    def mass_flow(self, Q: Watts, dT: Kelvins) -> KilogramsPerSecond:
        """Flow that carries Q away while it warms by dT, m = Q / (c_p dT)."""
        return Q / (self.c_p * dT)

    def volume_flow(self, Q: Watts, dT: Kelvins) -> CubicMetresPerSecond:
        """The same flow as a volume, m / rho, at the density where rho was taken."""
        return self.mass_flow(Q, dT) / self.rho


def roofline(O: Flop, D_vol: Bytes, chip: Accelerator) -> Seconds:
    """Least time for O operations on D_vol bytes, T = max(O / R_peak, D_vol / BW).

    Assumes perfect overlap; the sum of the two terms is the upper bound.
    Source: Williams, Waterman and Patterson, CACM 52 (2009).
    """
    return np.maximum(O / chip.peak, D_vol / chip.bw)


def intensity(O: Flop, D_vol: Bytes) -> FlopPerByte:
    """Operations on each byte from memory, I = O / D_vol; it grows with the batch."""
    return O / D_vol


def attainable(I: FlopPerByte, chip: Accelerator) -> FlopPerSecond:
    """Highest rate that memory allows at intensity I, R = min(R_peak, I BW)."""
    return np.minimum(chip.peak, I * chip.bw)


def decode_floor(P: int, chip: Accelerator, s: Bytes = 2.0) -> Seconds:
    """Least time for one token at batch 1, P weights read once: T_tok = P s / BW.

    Ignores the KV cache, launches, and that no chip reads at its full rate.
    """
    return P * s / chip.bw


def training_state(P: int, s: Bytes = 16.0) -> Bytes:
    """Memory for P parameters in mixed-precision Adam, P s, without activations.

    s = 2 + 2 + 12: fp16 weight and gradient; fp32 weight and two moments (ZeRO, 3.1).
    """
    return P * s


def activation_payload(B: int, S: int, h: int, s: Bytes = 2.0) -> Bytes:
    """Activations of B sequences of S tokens, h wide, s bytes each: M = B S h s.

    A tensor-parallel layer sums them twice forward and twice backward, once for
    attention and once for the MLP.  Source: Shoeybi et al., arXiv 1909.08053, 3.
    """
    return B * S * h * s


def allreduce_traffic(M: Bytes, N: int) -> Bytes:
    """Bytes that each of N devices sends to sum M bytes: 2 (N - 1)/N M.

    The least without help from a switch (Patarasuk and Yuan, 2009).
    """
    count(N)
    return 2 * (N - 1) / N * M


def current_step(dP: Watts, V: Volts) -> Amperes:
    """Further current for dP more power, dI = dP / V, if the rail holds its voltage."""
    return dP / V


def voltage_droop(L_loop: Henries, dI: Amperes, dt: Seconds) -> Volts:
    """Voltage lost over an inductance while its current rises, dV = L_loop dI / dt.

    Ignores the rail's capacitors, which supply the first of it.
    """
    return L_loop * dI / dt


def delivered_time(
    T_peak: Seconds, eta_local: Fraction, eta_scaling: Fraction, overheads: Shares = ()
) -> Seconds:
    """Wall-clock time of work that would take T_peak at the fleet's peak.

    T = T_peak / (eta_local eta_scaling) / prod(1 - overhead)
    Each overhead is the share that it takes of the time which the others leave.
    """
    kept = 1 - np.asarray(overheads)
    for x in (eta_local, eta_scaling, kept):
        if not every((x > 0) & (x <= 1)):
            raise ValueError(f"a share left lies above 0 and up to 1, not at {x}")
    return T_peak / (eta_local * eta_scaling) / np.prod(kept)


def breakeven_utilisation(
    C_fixed: Dollars, C_rent: Dollars, C_use: Dollars = 0.0
) -> Ratio:
    """Utilisation from which owning beats renting, u = C_fixed / (C_rent - C_use).

    C_fixed falls due anyway, C_rent and C_use over the same life at full use.  Above 1
    renting always wins.  Rent is for the hours in use.  Ignores interest and resale.
    """
    if not every(C_rent > C_use):
        raise ValueError(f"rent {C_rent} never repays a running cost of {C_use}")
    return C_fixed / (C_rent - C_use)
