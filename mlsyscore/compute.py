"""Compute: what one accelerator, and the rack around it, can do in a second."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from .elementwise import every, larger, smaller
from .ranges import (
    BELOW_1,
    FROM_0,
    Count,
    Positive,
    PositiveFraction,
    Range,
    Ratio,
    hold,
    law,
)
from .units import (
    Bytes,
    BytesPerSecond,
    Dollars,
    Flop,
    FlopPerByte,
    FlopPerSecond,
    KilogramsPerSecond,
    Seconds,
    Watts,
)

Amperes = Annotated[float, "A", FROM_0]
CubicMetresPerSecond = Annotated[float, "m3/s", FROM_0]
Henries = Annotated[float, "J/A/A", FROM_0]
JoulesPerKilogramKelvin = Annotated[float, "J/kg/K", FROM_0]
Kelvins = Annotated[float, "K", FROM_0]
KilogramsPerCubicMetre = Annotated[float, "kg/m3", FROM_0]
Shares = Annotated[ArrayLike, "1", Range(0.0, BELOW_1)]
Volts = Annotated[float, "J/s/A", FROM_0]


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A chip as the roofline sees it: a rate of arithmetic and a rate of memory.

    ``power`` is the TDP, which no chip draws on average.
    """

    peak: Positive[FlopPerSecond]
    bw: Positive[BytesPerSecond]
    memory: Positive[Bytes]
    power: Positive[Watts]

    def __post_init__(self) -> None:
        hold(self)

    @property
    @law
    def ridge(self) -> FlopPerByte:
        """Arithmetic intensity at which compute and memory take equal time.

        I* = R_peak / BW.  Source: Williams, Waterman and Patterson, CACM 52 (2009).
        """
        return self.peak / self.bw


@dataclass(frozen=True, slots=True)
class Transformer:
    """A decoder: P parameters, L layers of width h, a heads, of which n_kv hold KV."""

    P: Count
    L: Count
    h: Count
    a: Count
    n_kv: Count

    def __post_init__(self) -> None:
        hold(self)
        if not every(self.n_kv <= self.a):
            raise ValueError(f"of {self.a} heads, {self.n_kv} cannot hold KV")


@dataclass(frozen=True, slots=True)
class Coolant:
    """A fluid that carries heat: heat capacity c_p and density rho."""

    c_p: Positive[JoulesPerKilogramKelvin]
    rho: Positive[KilogramsPerCubicMetre]

    def __post_init__(self) -> None:
        hold(self)

    @law
    def mass_flow(self, Q: Watts, dT: Positive[Kelvins]) -> KilogramsPerSecond:
        """Flow that carries Q away while it warms by dT, m = Q / (c_p dT).

        Ignores that c_p varies with temperature, and what boils or condenses.
        Source: definition of heat capacity.
        """
        return Q / (self.c_p * dT)

    @law
    def volume_flow(self, Q: Watts, dT: Positive[Kelvins]) -> CubicMetresPerSecond:
        """The same flow as a volume, Q / (rho c_p dT), at the density rho.

        Ignores that the fluid expands as it warms: air by 5 % in 15 K.
        Source: definition of density.
        """
        return Q / (self.rho * self.c_p * dT)


@law
def roofline(O: Flop, D_vol: Bytes, chip: Accelerator) -> Seconds:
    """Least time for O operations on D_vol bytes, T = max(O / R_peak, D_vol / BW).

    Assumes perfect overlap; the sum of the two terms is the upper bound.
    Source: Williams, Waterman and Patterson, CACM 52 (2009).
    """
    return larger(O / chip.peak, D_vol / chip.bw)


@law
def intensity(O: Flop, D_vol: Positive[Bytes]) -> FlopPerByte:
    """Operations on each byte from memory, I = O / D_vol; it grows with the batch.

    Counts what reaches memory: a cache that holds more of the data raises it.
    Source: Williams, Waterman and Patterson, CACM 52 (2009): operational intensity.
    """
    return O / D_vol


@law
def attainable(I: FlopPerByte, chip: Accelerator) -> FlopPerSecond:
    """Highest rate that memory allows at intensity I, R = min(R_peak, I BW).

    Assumes perfect overlap, as ``roofline`` does.
    Source: Williams, Waterman and Patterson, CACM 52 (2009).
    """
    return smaller(chip.peak, I * chip.bw)


@law
def decode_floor(P: Positive[Ratio], chip: Accelerator, s: Bytes = 2.0) -> Seconds:
    """Least time for one token at batch 1, P weights read once: T_tok = P s / BW.

    Ignores the KV cache, launches, and that no chip reads at its full rate: one
    published decoder, 12.85e9 parameters on one A100 40 GB, takes 1.33 times as long.
    Source: the book, chapter 2; Pope et al., arXiv 2211.05102 (2022).
    """
    return P * s / chip.bw


@law
def activation_payload(B: Count, S: Count, h: Count, s: Bytes = 2.0) -> Bytes:
    """Activations of B sequences of S tokens, h wide, s bytes each: M = B S h s.

    A tensor-parallel layer sums them twice forward and twice backward, once for
    attention and once for the MLP.  Source: Shoeybi et al., arXiv 1909.08053, 3.
    """
    return B * S * h * s


@law
def allreduce_traffic(M: Bytes, N: Count) -> Bytes:
    """Bytes that each of N devices sends to sum M bytes: 2 (N - 1)/N M.

    The least without help from a switch.  Ignores headers, and start-up times.
    Source: Patarasuk and Yuan, J. Parallel Distrib. Comput. 69 (2009).
    """
    return 2 * (N - 1) / N * M


@law
def current_step(dP: Watts, V: Positive[Volts]) -> Amperes:
    """Further current for dP more power, dI = dP / V, if the rail holds its voltage.

    Source: definition of electric power.
    """
    return dP / V


@law
def voltage_droop(L_loop: Henries, dI: Amperes, dt: Positive[Seconds]) -> Volts:
    """Voltage lost over an inductance while its current rises, dV = L_loop dI / dt.

    Ignores the rail's capacitors, which supply the first of it.  A current that falls
    by dI overshoots by as much.  Source: definition of inductance.
    """
    return L_loop * dI / dt


@law
def delivered_time(
    T_peak: Seconds,
    eta_local: PositiveFraction,
    eta_scaling: PositiveFraction,
    overheads: Shares = (),
) -> Seconds:
    """Wall-clock time of work that would take T_peak at the fleet's peak.

    T = T_peak / (eta_local eta_scaling) / prod(1 - overhead)
    Each overhead is the share that it takes of the time which the others leave.
    Source: the book, chapter 2, with overheads as shares of wall-clock time.  Checked
    on Megatron-LM's three runs of 174.6e9 parameters on 384 to 1,536 A100 (arXiv
    2104.04473, table 2): within 3 % of the days, given the rates.
    """
    return T_peak / (eta_local * eta_scaling) / np.prod(1 - np.asarray(overheads))


@law
def break_even_utilisation(
    C_fixed: Dollars, C_rent: Dollars, C_use: Dollars = 0.0
) -> Ratio:
    """Utilisation from which owning beats renting, u = C_fixed / (C_rent - C_use).

    C_fixed falls due anyway, C_rent and C_use over the same life at full use.  Above 1
    renting always wins.  Rent is for the hours in use.  Ignores interest and resale.
    Source: the book, chapter 2.
    """
    if not every(C_rent > C_use):
        raise ValueError(f"rent {C_rent} never repays a running cost of {C_use}")
    return C_fixed / (C_rent - C_use)
