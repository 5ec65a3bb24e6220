"""Sections "Fault tolerance" and "Fleet-scale recall".

A year is 8,760 h, and a GPU's MTTF 50,000 h, as the book counts both.
"""

import numpy as np

from mlsyscore import reliability as rel
from mlsyscore.catalog import CHECKPOINT_STORE, GPT3
from mlsyscore.fleet import all_up, system_mtbf
from mlsyscore.storage import checkpoint_bytes, transfer_time
from mlsyscore.units import GB, day, hour, minute, second

from . import Row

YEAR = 8_760 * hour
GPU = 50_000 * hour
SIZES = np.array([8, 64, 512, 1000, 4000, 10_000, 25_000])
JOB_10K = system_mtbf(GPU, 10_000)
DGX = [1 / GPU, 1 / (200_000 * hour), 1 / (150_000 * hour)], [8, 8, 1]  # GPU, PCIe, NIC
SYSTEM_10K = system_mtbf(1 / rel.series_rate(*DGX), 1250)  # nodes
WRITE = transfer_time(checkpoint_bytes(GPT3.P), CHECKPOINT_STORE)
JOB_1K = system_mtbf(GPU, 1024)
SDC = 1e-6 / hour  # events of one GPU


def recovery():
    """Find, start again, load the checkpoint as fast as it was written, warm up."""
    return rel.recovery_time(60 * second, 180 * second, WRITE, 120 * second)


def down(k):
    """Downtime of a year when k replicas are each up 99 % of it."""
    return (1 - rel.any_up(0.99, k)) * YEAR


def at(mtbf, T_write):
    """Interval in seconds, and waste, at the Young-Daly optimum."""
    return [rel.young_daly(T_write, mtbf), rel.least_waste(T_write, mtbf)]


ROWS = [
    Row(
        "GpuFailureLadder",
        "intervals (h)",
        lambda: system_mtbf(GPU, SIZES) / hour,
        [6250, 781.25, 97.656, 50, 12.5, 5, 2],
    ),
    Row(
        "GpuFailureLadder",
        "failures_per_day",
        lambda: day / system_mtbf(GPU, SIZES),
        [0.00384, 0.03072, 0.24576, 0.48, 1.92, 4.8, 12],
    ),
    Row("Gpt3CheckpointInterval10K", "write_time", lambda: WRITE, 24.5),
    Row(
        "Gpt3CheckpointInterval10K",
        "interval, waste",
        lambda: at(3.87 * hour, WRITE),
        [826.24, 0.059305],
    ),
    Row(
        "Gpt3CheckpointInterval10K",
        "rework_share",
        lambda: rel.waste(826.24, 0.0, 3.87 * hour),
        0.029652,
    ),
    Row(
        "FiveMinuteCheckpoint1K",
        "interval, waste",
        lambda: at(system_mtbf(GPU, 1000), 5 * minute),
        [10392, 0.057735],
    ),
    Row(
        "FifteenMinuteCheckpoint1K",
        "interval, waste",
        lambda: at(system_mtbf(GPU, 1000), 15 * minute),
        [18000, 0.1],
    ),
    Row("Gpt3RecoveryBudget10K", "total", recovery, 384.5),
    Row("Gpt3RecoveryBudget10K", "day_share", lambda: recovery() / JOB_10K, 0.021361),
    Row(
        "Gpt3RecoveryBudget10K",
        "lost_per_day (min)",
        lambda: day / JOB_10K * recovery() / minute,
        30.76,
    ),
    Row(
        "HotSpareNode10K",
        "breakeven",
        lambda: rel.hot_spare_break_even(8, 10_000, SYSTEM_10K),
        11.148,
    ),
    Row(
        "HotSpareNode10K",
        "value_per_minute",
        lambda: day / SYSTEM_10K * 10_000 * 2 * minute / hour,
        2066.7,
    ),
    Row(
        "HalfSpeedStraggler1K",
        "throughput",
        lambda: rel.straggler_throughput([1.0] * 1023 + [0.5]),
        0.5,
    ),
    Row("ServingReplicas99x2", "any_up", lambda: rel.any_up(0.99, 2), 0.9999),
    Row(
        "ServingReplicas99x2",
        "downtime_per_year, one and two (min)",
        lambda: [down(1) / minute, down(2) / minute],
        [5256, 52.56],
    ),
    Row(
        "ServingReplicas99x3",
        "replicated_downtime_per_year (min)",
        lambda: down(3) / minute,
        0.5256,
    ),
    Row("GpuAvailability10K", "all_up", lambda: all_up(0.9999, 10_000), 0.36786),
    Row(
        "SdcExposure10K",
        "interval (h)",
        lambda: system_mtbf(1 / SDC, 10_000) / hour,
        100,
    ),
    Row(
        "SdcExposure10K",
        "p_step",
        lambda: rel.sdc_probability(10_000, SDC, 2 * second),
        5.5555e-6,
    ),
    Row(
        "SdcExposure10K",
        "run_events",
        lambda: 90 * day / system_mtbf(1 / SDC, 10_000),
        21.6,
    ),
    Row(
        "SdcExposure100K",
        "p_step",
        lambda: rel.sdc_probability(100_000, SDC, 2 * second),
        5.5554e-5,
    ),
    Row(
        "SdcExposure100K",
        "steps_between",
        lambda: 1 / rel.sdc_probability(100_000, SDC, 2 * second),
        18000,
    ),
    Row(
        "Gpt3ClusterDoubling1K",
        "interval, overhead",
        lambda: at(system_mtbf(GPU, 1024), WRITE),
        [2934.8, 0.016696],
    ),
    Row(
        "Gpt3ClusterDoubling1K",
        "expanded_interval, expanded_overhead",
        lambda: at(system_mtbf(GPU, 2048), WRITE),
        [2075.2, 0.023612],
    ),
    Row(
        "Gpt3ClusterDoubling1K",
        "breakeven_speedup",
        lambda: rel.break_even_speedup(WRITE, JOB_1K, 2),
        1.0071,
    ),
    Row(
        "Gpt3ClusterDoubling1K",
        "superlinear_threshold",
        lambda: 2 * rel.break_even_speedup(WRITE, JOB_1K, 2),
        2.0142,
    ),
    Row(
        "SlowWorker8K",
        "throughput, slow_step",
        lambda: [
            rel.straggler_throughput([1.0] * 7999 + [0.8]),
            1 / rel.straggler_throughput([1.0] * 7999 + [0.8]),
        ],
        [0.8, 1.25],
    ),
    Row(
        "DeepSeekV3WeightTraffic",
        "active_bytes, dense_bytes, resident_bytes (GB)",
        lambda: [checkpoint_bytes(P, 2.0) / GB for P in (37e9, 400e9, 671e9)],
        [74, 800, 1342],
    ),
]
LEFT: dict[str, str] = {}
WRONG: list[tuple[Row, str]] = []
