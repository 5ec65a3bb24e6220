"""Sustainability: energy, and the carbon, water and money that go with it.

A site's or a grid's factor (PUE, WUE, CI) multiplies an energy.  It is a mean: use it
over a time in which it or the load is steady, and sum.  Arrays broadcast.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from .units import (
    Bytes,
    CubicMetres,
    Dollars,
    DollarsPerJoule,
    DollarsPerKilogram,
    Flop,
    FlopPerByte,
    Fraction,
    Joules,
    JoulesPerByte,
    JoulesPerFlop,
    Kilograms,
    KilogramsPerJoule,
    PerSecond,
    Ratio,
    Seconds,
    Watts,
    count,
    every,
    positive,
    share,
)

CubicMetresPerJoule = Annotated[float, "m3/J"]
Overhead = Annotated[float, "1", (1.0, 2.0)]
Stages = Annotated[NDArray[np.float64], "J/s"]
Shares = Annotated[NDArray[np.float64], "1", (0.0, 1.0)]


def facility_power(
    N: int, P_TDP: Watts, k_rack: Overhead = 1.0, PUE: Overhead = 1.0
) -> Watts:
    """Power that a site must be fed for N accelerators, P = N P_TDP k_rack PUE.

    k_rack adds hosts, network and fans; PUE adds cooling and conversion.  A peak to
    provide for; for energy put the mean power in place of TDP.
    """
    count(k_rack, PUE)
    return N * P_TDP * k_rack * PUE


def mean_power(u: Fraction, P_TDP: Watts, idle: Fraction = 0.3) -> Watts:
    """Power of a chip at u, a share ``idle`` of TDP at 0: P_TDP (idle + (1 - idle) u).

    A straight line.  Source: Barroso and Hoelzle, IEEE Computer 40 (2007).
    """
    share(u, idle)
    return P_TDP * (idle + (1 - idle) * u)


def retrofit_saving(
    P_IT: Watts, PUE_before: Overhead, PUE_after: Overhead, t: Seconds
) -> Joules:
    """Energy saved in time t when a site's PUE falls: E = P_IT (before - after) t."""
    count(PUE_before, PUE_after)
    return P_IT * (PUE_before - PUE_after) * t


def operational_carbon(E: Joules, CI: KilogramsPerJoule) -> Kilograms:
    """Carbon of the energy that a site, PUE included, takes from its grid: C = E CI.

    Ignores that load and grid move together: the product of two means misses their
    covariance, and one more load changes the marginal plant, not the mean.
    """
    return E * CI


def water(E_IT: Joules, WUE: CubicMetresPerJoule) -> CubicMetres:
    """Water evaporated on site to cool machines that used E_IT: V = E_IT WUE.

    Ignores the water of the power station.  Source: The Green Grid, white paper 35.
    """
    return E_IT * WUE


def allocated_carbon(C: Kilograms, t: Seconds, life: Seconds) -> Kilograms:
    """Share of a machine's embodied carbon charged to a use of length t: C t/life.

    Straight line.  Ignores idle time: charge it to someone, or some carbon is lost.
    """
    if not (every(life > 0) and every((t >= 0) & (t <= life))):
        raise ValueError(f"a use lies within the life, not {t} s in {life} s")
    return C * t / life


def carbon_payback(C: Kilograms, P_saved: Watts, CI: KilogramsPerJoule) -> Seconds:
    """Time in which a new machine saves the carbon of its making, t = C/(P_saved CI).

    The cleaner the grid, the longer.  Assumes the same work; more of it saves less.
    """
    positive(P_saved, CI)
    return C / (P_saved * CI)


def cascade(E_edge: Joules, p: Fraction, E_tx: Joules, E_cloud: Joules) -> Joules:
    """Mean energy of a query, a share p passed on, E = E_edge + p (E_tx + E_cloud).

    It pays while p < 1 - E_edge/(E_tx + E_cloud).  Ignores the listening radio.
    """
    share(p)
    return E_edge + p * (E_tx + E_cloud)


def duty_power(P: Stages, d: Shares) -> Watts:
    """Mean power of stages that draw P and are on a share d of the time, sum P d.

    Always-on stages and sleep have a d too.  Ignores the energy of each wake-up.
    """
    share(d)
    return (P * d).sum(-1)


@dataclass(frozen=True, slots=True)
class EnergyCost:
    """What a chip spends on one operation, and on one byte from its memory."""

    e_flop: JoulesPerFlop
    e_byte: JoulesPerByte

    def __post_init__(self) -> None:
        if not (every(self.e_flop > 0) and every(self.e_byte >= 0)):
            raise ValueError(f"needs e_flop > 0 and e_byte >= 0, not {self}")

    def energy(self, O: Flop, D_vol: Bytes) -> Joules:
        """Energy of O operations on D_vol bytes: E = O e_flop + D_vol e_byte.

        Ignores static power.  Source: Choi, Bedard, Fowler and Vuduc, IPDPS (2013).
        """
        return O * self.e_flop + D_vol * self.e_byte

    @property
    def crossover(self) -> FlopPerByte:
        """Intensity e_byte/e_flop: here moving costs as much as computing."""
        return self.e_byte / self.e_flop


def rebound(volume: Ratio, unit: Ratio) -> Ratio:
    """Factor on a total when its volume and its cost per unit change: volume x unit."""
    return volume * unit


def serving_crossover(E_train: Joules, q: PerSecond, e: Joules) -> Seconds:
    """Time until q queries a second have used what training did, t = E_train / (q e).

    Assumes steady demand: if it grows, sooner.
    """
    return E_train / (q * e)


def priced_energy(
    E: Joules, price: DollarsPerJoule, CI: KilogramsPerJoule, tax: DollarsPerKilogram
) -> Dollars:
    """Cost of energy where carbon has a price: E (price + CI tax)."""
    return E * (price + CI * tax)
