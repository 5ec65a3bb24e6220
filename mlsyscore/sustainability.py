"""Sustainability: energy, and the carbon, water and money that go with it.

A site's or a grid's factor (PUE, WUE, CI) multiplies an energy.  It is a mean: use it
over a time in which it or the load is steady, and sum.  Arrays broadcast.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from .elementwise import every
from .ranges import (
    FROM_0,
    Count,
    Factor,
    Fraction,
    Positive,
    Range,
    Ratio,
    Signed,
    hold,
    law,
)
from .units import (
    Bytes,
    CubicMetres,
    Dollars,
    DollarsPerJoule,
    DollarsPerKilogram,
    Flop,
    FlopPerByte,
    Joules,
    JoulesPerByte,
    JoulesPerFlop,
    Kilograms,
    KilogramsPerJoule,
    Seconds,
    Watts,
)

CubicMetresPerJoule = Annotated[float, "m3/J", FROM_0]
Stages = Annotated[ArrayLike, "J/s", FROM_0]
Shares = Annotated[ArrayLike, "1", Range(0.0, 1.0)]


@law
def facility_power(
    N: Count, P_TDP: Watts, k_rack: Factor = 1.0, PUE: Factor = 1.0
) -> Watts:
    """Power that a site must be fed for N accelerators, P = N P_TDP k_rack PUE.

    k_rack adds hosts, network and fans; PUE adds cooling and conversion.  A peak to
    provide for: for energy put the measured mean of chip and host in place of
    P_TDP k_rack.  So used, it is 0.8 % low to 0.2 % high for the energies of five runs
    on TPU v2, v3 and V100 (Patterson et al., arXiv 2104.10350 (2021), table 4), which
    were found in the same way.  Source: the book, chapter 15; PUE: ISO/IEC 30134-2.
    """
    return N * P_TDP * k_rack * PUE


@law
def mean_power(u: Fraction, P_TDP: Watts, idle: Fraction = 0.3) -> Watts:
    """Power of a chip at u, a share ``idle`` of TDP at 0: P_TDP (idle + (1 - idle) u).

    A straight line through two measurements.  H100s in training drew 85 % of TDP, 15 %
    while they saved (Morrison et al., ICLR 2025): u = 1 is 17 % too high there.  TDP is
    no cap: a V100 capped from 250 to 150 W drew 19 % less (energy -13.7 %, time +6.8
    %), not 40 %.  Source: Fan, Weber and Barroso, ISCA (2007).
    """
    return P_TDP * (idle + (1 - idle) * u)


@law
def retrofit_saving(
    P_IT: Watts, PUE_before: Factor, PUE_after: Factor, t: Seconds
) -> Signed[Joules]:
    """Energy saved in time t when a site's PUE falls: E = P_IT (before - after) t.

    Below 0 if it rises.  Ignores that PUE moves with the load and the weather.
    Source: the book, chapter 15; PUE: ISO/IEC 30134-2.
    """
    return P_IT * (PUE_before - PUE_after) * t


@law
def operational_carbon(E: Joules, CI: KilogramsPerJoule) -> Kilograms:
    """Carbon of the energy that a site, PUE included, takes from its grid: C = E CI.

    Ignores that load and grid move together: the product of two means misses their
    covariance, and one more load changes the marginal plant, not the mean.  Agrees with
    what Patterson et al., arXiv 2104.10350 (2021), table 4 print for five runs; one
    run's factor foretold another's carbon 1.3 % low (Morrison et al., ICLR 2025).
    Source: Patterson et al. (2021).
    """
    return E * CI


@law
def water(E_IT: Joules, WUE: CubicMetresPerJoule) -> CubicMetres:
    """Water evaporated on site to cool machines that used E_IT: V = E_IT WUE.

    Ignores the water of the power station.  WUE differs from site to site: one run's
    foretold another's 15 % high (Morrison et al., ICLR 2025).
    Source: The Green Grid, white paper 35 (2011).
    """
    return E_IT * WUE


@law
def allocated_carbon(C: Kilograms, t: Seconds, life: Positive[Seconds]) -> Kilograms:
    """Share of a machine's embodied carbon charged to a use of length t: C t/life.

    Straight line.  Ignores idle time: charge it to someone, or some carbon is lost.
    Raises ValueError for a use longer than the life.
    Source: ISO/IEC 21031 (Software Carbon Intensity): the time share.
    """
    if not every(t <= life):
        raise ValueError(f"a use of {t} s is longer than the life, {life} s")
    return C * (t / life)


@law
def carbon_payback(
    C: Kilograms, P_saved: Positive[Watts], CI: Positive[KilogramsPerJoule]
) -> Seconds:
    """Time in which a new machine saves the carbon of its making, t = C/(P_saved CI).

    The cleaner the grid, the longer.  Assumes the same work; more of it saves less.
    Source: the book, chapter 15.
    """
    return C / (P_saved * CI)


@law
def cascade(E_edge: Joules, p: Fraction, E_tx: Joules, E_cloud: Joules) -> Joules:
    """Mean energy of a query, a share p passed on, E = E_edge + p (E_tx + E_cloud).

    It pays while p < 1 - E_edge/(E_tx + E_cloud).  Ignores the listening radio.
    Source: the book, chapter 15.
    """
    return E_edge + p * (E_tx + E_cloud)


@law
def duty_power(P: Stages, d: Shares) -> Watts:
    """Mean power of stages that draw P and are on a share d of the time, sum P d.

    The last axis counts stages, one P and one d for each; always-on stages and sleep
    are stages too.  Ignores the energy of each wake-up; and for events at random a
    share of rate x length counts twice the time in which two overlap.
    Source: the book, chapter 15.
    """
    if np.shape(P)[-1:] != np.shape(d)[-1:]:
        raise ValueError(f"a d for each P: {np.shape(P)} powers, {np.shape(d)} shares")
    return np.multiply(P, d).sum(-1)


@dataclass(frozen=True, slots=True)
class EnergyCost:
    """What a chip spends on one operation, and on one byte from its memory."""

    e_flop: Positive[JoulesPerFlop]
    e_byte: JoulesPerByte

    def __post_init__(self) -> None:
        hold(self)

    @law
    def energy(self, O: Flop, D_vol: Bytes) -> Joules:
        """Energy of O operations on D_vol bytes: E = O e_flop + D_vol e_byte.

        Ignores static power.  Source: Choi, Bedard, Fowler and Vuduc, IPDPS (2013).
        """
        return O * self.e_flop + D_vol * self.e_byte

    @property
    @law
    def crossover(self) -> FlopPerByte:
        """Intensity e_byte/e_flop: here moving costs as much as computing.

        No ridge: energies add up where times overlap.  Source: Choi et al. (2013).
        """
        return self.e_byte / self.e_flop


@law
def rebound(volume: Ratio, unit: Ratio) -> Ratio:
    """Factor on a total when its volume and its cost per unit change: volume x unit.

    Above 1 the saving per unit is eaten up.  Says nothing of why the volume grew.
    Source: Jevons, The Coal Question (1865).
    """
    return volume * unit


@law
def priced_energy(
    E: Joules, price: DollarsPerJoule, CI: KilogramsPerJoule, tax: DollarsPerKilogram
) -> Dollars:
    """Cost of energy where carbon has a price: E (price + CI tax).

    Ignores hours: price and CI are means over the energy used.
    Source: the book, chapter 15.
    """
    return E * (price + CI * tax)
