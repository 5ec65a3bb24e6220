"""Section "Fleet orchestration", up to the pool's snapshot.

A year is 8,760 h, as the book counts it.  Prices are 2 $ for a GPU's hour.
"""

import numpy as np

from mlsyscore import orchestration as orc
from mlsyscore.catalog import GPU_HOUR, NDR, NVLINK4
from mlsyscore.queues import wait_ratio
from mlsyscore.storage import transfer_time
from mlsyscore.units import GB, day, dollar, hour, minute, ms

from . import Row

YEAR = 8_760 * hour
SPOT_HOUR = 0.7 * dollar / hour

DRF_ALL = [8, 32, 256, 80]  # accelerators, cores, GB of memory, Gb/s
DRF_TASKS = np.array([[4 * 1, 4 * 4, 4 * 32, 4 * 10], [2 * 2, 2 * 2, 2 * 16, 2 * 20]])

# epochs of 24 h on 128 GPUs; from 4 h on 256, after 10 min; from 4 h on 512
SMALL, STEP, FULL = 1 / hour, 1.8 / hour, 3.2 / hour


def window(t, X_0, X_1, pause=0.0):
    """Epochs in the window of 24 h."""
    return orc.resized_work(24 * hour, t, X_0, X_1, pause)


def diurnal():
    """GPUs of the serving guarantee that are lent: 150 of 400 in use, 117 kept."""
    return orc.lendable(400, 150 / 400, 117)


def spot_run():
    """14 days of work, 5 % more for checkpoints; 14 stops a day, 30 minutes each."""
    return orc.interrupted_time(14 * day * 1.05, 14 / day, 30 * minute)


ROWS = [
    Row("Mg1MixedJobQueueAt80", "wait_ratio", lambda: wait_ratio(0.8, 3), 20),
    Row(
        "Mg1MixedJobQueueAt80",
        "variability_factor",
        lambda: wait_ratio(0.8, 3) / wait_ratio(0.8),
        5,
    ),
    Row(
        "DrfTwoTenantExample",
        "dominant_share, A and B",
        lambda: orc.dominant_share(DRF_TASKS, DRF_ALL),
        [0.5, 0.5],
    ),
    Row(
        "SixGpuJobsOnDgxH100Nodes",
        "usable_share, stranded_per_node",
        lambda: [1 - orc.stranded(8, 6), 8 * orc.stranded(8, 6)],
        [0.75, 2],
    ),
    Row(
        "FragmentedEightNodeSnapshot",
        "usable_share",
        lambda: 1 - orc.stranded(8, 8),
        1,
    ),
    Row(
        "PartialGangHold",
        "cost",
        lambda: orc.hold_cost(900, 1 * hour, GPU_HOUR),
        1800,
    ),
    Row(
        "Training10KIdleHour",
        "cost",
        lambda: orc.hold_cost(10_000, 1 * hour, GPU_HOUR),
        20000,
    ),
    Row(
        "MixedFleetPolicyFix1K",
        "productive_gain",
        lambda: orc.useful_devices(1024, 0.84) - orc.useful_devices(1024, 0.6),
        245.76,
    ),
    Row(
        "MixedFleetPolicyFix1K",
        "raw_gpu_equivalent",
        lambda: orc.raw_equivalent(1024, 0.6, 0.84),
        409.6,
    ),
    Row(
        "MixedFleetPolicyFix1K",
        "annual_value",
        lambda: orc.hold_cost(orc.raw_equivalent(1024, 0.6, 0.84), YEAR, GPU_HOUR),
        7.1762e6,
    ),
    Row(
        "SpotInterruptionEffectiveCost",
        "effective_cost_ratio",
        lambda: orc.spot_cost_ratio(
            SPOT_HOUR, GPU_HOUR, 2 * hour + 15 * minute + 30 * minute, 2 * hour
        ),
        0.48125,
    ),
    Row(
        "Llama2_70BSpotRun512",
        "on_demand_cost",
        lambda: orc.hold_cost(512, 14 * day, GPU_HOUR),
        3.4406e5,
    ),
    Row(
        "Llama2_70BSpotRun512",
        "spot_base_cost",
        lambda: orc.hold_cost(512, 14 * day, SPOT_HOUR),
        1.2042e5,
    ),
    Row(
        "ElasticResizeDecision",
        "start_small_epochs, step_up_epochs, wait_epochs",
        lambda: [
            window(24 * hour, SMALL, SMALL),
            window(4 * hour, SMALL, STEP, 10 * minute),
            window(4 * hour, 0.0, FULL),
        ],
        [24, 39.7, 64],
    ),
    Row(
        "ElasticResizeDecision",
        "rescale_break_even_h",
        lambda: orc.resize_break_even(20 * hour, SMALL, STEP) / hour,
        8.8889,
    ),
    Row("DiurnalServingLending1K", "lent", diurnal, 133),
    Row(
        "DiurnalServingLending1K",
        "dynamic_utilization",
        lambda: (618 + 150 + diurnal()) / 1024,
        0.87988,
    ),
    Row(
        "DiurnalServingLending1K",
        "annual_value",
        lambda: orc.hold_cost(diurnal(), YEAR, GPU_HOUR),
        2.3302e6,
    ),
    Row(
        "TensorParallelExchange1GB",
        "times (ms): NVLink, InfiniBand NDR",
        lambda: [transfer_time(1 * GB, link.beta) / ms for link in (NVLINK4, NDR)],
        [2.2222, 20],
    ),
    Row("TeamQuotaLending500", "lendable", lambda: orc.lendable(500, 0.6), 200),
    Row(
        "TeamQuotaLending500",
        "used",
        lambda: orc.useful_devices(500, 0.6),
        300,
    ),
    Row(
        "SharedPoolSchedulingSnapshot",
        "scheduling_goodput",
        lambda: orc.scheduling_goodput(0.8, 0.15),
        0.65,
    ),
    Row(
        "SharedPoolSchedulingSnapshot",
        "input_wait_of_held",
        lambda: 0.05 / orc.scheduling_goodput(0.8, 0.15),
        0.076923,
    ),
]
LEFT: dict[str, str] = {}
WRONG: list[tuple[Row, str]] = [
    (
        Row(
            "Llama2_70BSpotRun512",
            "spot_total_hours",
            lambda: orc.interrupted_time(14 * day * 1.05, 14 / day, 30 * minute) / hour,
            450.8,
        ),
        "counts the stops of the 14 planned days; the run goes on for 20.8 days and at "
        "14 a day meets 291, not 196",
    ),
    (
        Row(
            "Llama2_70BSpotRun512",
            "spot_total_cost",
            lambda: orc.hold_cost(512, spot_run(), SPOT_HOUR),
            1.6157e5,
        ),
        "follows from its hours: 178,500 $, a saving of 48 % and not 53 %",
    ),
]
