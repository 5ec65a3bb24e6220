"""Section "Sustainability".  Its year is 365 d, its month is not used."""

import numpy as np

from mlsyscore import sustainability as su
from mlsyscore.catalog import (
    CHINA,
    ELECTRICITY,
    EU,
    FRANCE,
    GERMANY,
    H100,
    INDIA,
    NORWAY,
    POLAND,
    QUEBEC,
    USA,
)
from mlsyscore.fleet import resource_for_loss
from mlsyscore.serving import cost_crossover
from mlsyscore.units import (
    MW,
    GWh,
    MWh,
    day,
    dollar,
    gram,
    hour,
    kWh,
    litre,
    mW,
    pJ,
    second,
    tonne,
    uW,
)

from . import Row

K_RACK = 1.375  # DGX H100 racks of 4 nodes: 24.0625 MW of IT over 17.5 MW of chips
YEAR = 8760 * hour
GRIDS = [NORWAY, QUEBEC, FRANCE, EU, GERMANY, USA, CHINA, INDIA, POLAND]
TONNES = [100, 200, 500, 2700, 3850, 4290, 5550, 7200, 8200]
EMBODIED_H100 = 164.0  # kg: 45.51 d of 3.6036 kg, and 976.19 d of 0.168 kg
STAGES = np.array([10 * uW, 0.1 * mW, 10 * mW])  # always on, stage, full
DUTY = np.array([1.0, 0.05, 0.001 / second * 0.05 * second])
DECODE = su.EnergyCost(10 * pJ, 160 * pJ)

# CarbonPricedRegionPlacement prints 6 objectives; these inputs of its package fit all
FLEET = 8192 * 25_000 * dollar * (1 / 3 + 0.05)  # a year of it: 3-year life, 5 % upkeep
PRICE, TAX = 0.12 * dollar / kWh, 100 * dollar / tonne
SITES = [(1.06, QUEBEC), (1.12, USA), (1.12, 680 * gram / kWh)]  # PUE, CI; Iowa


def duration():
    """Time in which the fleet's chips use 10 GWh at 50 % utilisation."""
    return 10 * GWh / (8192 * su.mean_power(0.5, H100.power))


def objectives(tax):
    """The fleet's upkeep for that time, and its priced energy, at each site."""
    return [
        FLEET * duration() / YEAR + su.priced_energy(10 * GWh * PUE, PRICE, CI, tax)
        for PUE, CI in SITES
    ]


ROWS = [
    Row(
        "Reference25KFacilityPower",
        "accelerator_power, it_power, facility_power",
        lambda: [
            su.facility_power(25_000, H100.power, k, PUE) / MW
            for k, PUE in ((1, 1), (K_RACK, 1), (K_RACK, 1.12))
        ],
        [17.5, 24.062, 26.95],
    ),
    Row(
        "Training10KCoolingRollback",
        "energy",
        lambda: [
            su.facility_power(10_000, H100.power) * t / MWh for t in (hour / 2, hour)
        ],
        [3.5, 7],
    ),
    Row(
        "PueRetrofit2MW",
        "facility_power_before, facility_power_after",
        lambda: [su.facility_power(1, 2 * MW, 1, PUE) / MW for PUE in (1.58, 1.1)],
        [3.16, 2.2],
    ),
    Row(
        "PueRetrofit2MW",
        "saved_energy",
        lambda: su.retrofit_saving(2 * MW, 1.58, 1.1, YEAR) / MWh,
        8409.6,
    ),
    Row(
        "PueRetrofit2MW",
        "saved_power",
        lambda: su.retrofit_saving(2 * MW, 1.58, 1.1, 1 * second) / MW,
        0.96,
    ),
    Row(
        "PueRetrofit2MW",
        "saved_cost",
        lambda: su.retrofit_saving(2 * MW, 1.58, 1.1, YEAR) * ELECTRICITY,
        5.8867e5,
    ),
    Row(
        "RegionalGridPlacement",
        "emissions",
        lambda: [su.operational_carbon(10 * GWh, CI) / tonne for CI in GRIDS],
        TONNES,
    ),
    Row(
        "RegionalGridPlacement",
        "spread",
        lambda: (
            su.operational_carbon(10 * GWh, POLAND)
            / su.operational_carbon(10 * GWh, NORWAY)
        ),
        82,
    ),
    Row(
        "H100ReplacementPayback",
        "avoided_per_day",
        lambda: [
            su.operational_carbon(H100.power / 2 * day, CI) for CI in (USA, QUEBEC)
        ],
        [3.6036, 0.168],
    ),
    Row(
        "H100ReplacementPayback",
        "payback",
        lambda: [
            su.carbon_payback(EMBODIED_H100, H100.power / 2, CI) / day
            for CI in (USA, QUEBEC)
        ],
        [45.51, 976.19],
    ),
    Row(
        "AcceleratorLifeExtension",
        "annual_charge_reduction",
        lambda: (
            1
            - su.allocated_carbon(1.0, YEAR, 5 * YEAR)
            / su.allocated_carbon(1.0, YEAR, 3 * YEAR)
        ),
        0.4,
    ),
    Row(
        "WakeWordHierarchyPower",
        "contributions",
        lambda: [
            su.duty_power(STAGES[i : i + 1], DUTY[i : i + 1]) / uW for i in range(3)
        ],
        [10, 5, 0.5],
    ),
    Row(
        "WakeWordHierarchyPower",
        "average_power",
        lambda: su.duty_power(STAGES, DUTY) / uW,
        15.5,
    ),
    Row(
        "WakeWordHierarchyPower",
        "reduction",
        lambda: 10 * mW / su.duty_power(STAGES, DUTY),
        645.16,
    ),
    Row(
        "BatchOneDecodeWeightEnergy",
        "compute_energy, movement_energy, operand_energy",
        lambda: [DECODE.energy(*x) / pJ for x in ((2, 0), (0, 2), (0, 4))],
        [20, 320, 640],
    ),
    Row(
        "BatchOneDecodeWeightEnergy",
        "movement_share",
        lambda: DECODE.energy(0, 2) / DECODE.energy(2, 2),
        0.94118,
    ),
    Row(
        "BatchOneDecodeWeightEnergy",
        "movement_over_compute",
        lambda: DECODE.energy(0, 2) / DECODE.energy(2, 0),
        16,
    ),
    Row(
        "BatchOneDecodeWeightEnergy",
        "crossover_intensity",
        lambda: DECODE.crossover,
        16,
    ),
    Row(
        "BatchOneDecodeWeightEnergy",
        "balance_batch",
        lambda: DECODE.crossover / (2 / 2),  # 2 FLOP a parameter of 2 B, per sequence
        16,
    ),
    Row(
        "BatchOneDecodeWeightEnergy",
        "operand_over_flop",
        lambda: DECODE.energy(0, 4) / DECODE.energy(1, 0),
        64,
    ),
    Row(
        "TokenPriceRebound",
        "net_factor",
        lambda: su.rebound(100, 0.002 / 0.06),
        3.3333,
    ),
    Row(
        "ReferenceItLoadAnnualWater",
        "water",
        lambda: su.water(10 * MW * YEAR, 1.8 * litre / kWh) / litre,
        1.5768e8,
    ),
    Row(
        "CarbonPricedRegionPlacement",
        "duration_days",
        lambda: duration() / day,
        111.79,
    ),
    Row(
        "CarbonPricedRegionPlacement",
        "objective Quebec, US_Avg, Iowa",
        lambda: objectives(TAX),
        [2.5337e7, 2.5868e7, 2.6149e7],
    ),
    Row(
        "CarbonPricedRegionPlacement",
        "objective_untaxed Quebec, US_Avg, Iowa",
        lambda: objectives(0),
        [2.5316e7, 2.5388e7, 2.5388e7],
    ),
    Row(
        "KaplanTenPercentLowerLoss",
        "halving_multiple, reduction_multiple",
        lambda: [resource_for_loss(L, 1.0, 0.05) for L in (0.5, 1 - 0.1)],
        [1.0486e6, 8.2253],
    ),
    Row(
        "TenMillionQueriesAgainstLab64Training",
        "crossover_days",
        # the law of costs, in joules
        lambda: cost_crossover(13.246 * MWh, 1e7 / day, 0.001 * kWh) / day,
        1.3246,
    ),
]
LEFT: dict[str, str] = {}
WRONG: list[tuple[Row, str]] = []
