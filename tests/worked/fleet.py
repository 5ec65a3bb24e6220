"""Section "Data-parallel training at fleet scale"."""

from mlsyscore import compute, fleet, performance, reliability, training
from mlsyscore.catalog import A100, GPT3, HDR, ROCE_100G, V100
from mlsyscore.sustainability import EnergyCost
from mlsyscore.units import TFLOP, bit, day, minute, pJ, second

from . import Row

MANY = 10**9  # the book takes 2 (N - 1)/N as 2
SYNC = compute.allreduce_traffic(2 * GPT3.P, MANY)


def step(link):
    """Two workers of 1.2 s each; the number of workers divides out."""
    return fleet.step_time(2 * 1.2 * second, 2, link.time(SYNC), 0.0, 0.0)


ROWS = [
    Row("Gpt3GradientSync", "sync_bytes", lambda: SYNC, 7e11),
    Row("Gpt3GradientSync", "transfer_times InfiniBand", lambda: HDR.time(SYNC), 28),
    Row("Gpt3GradientSync", "transfer_times 100GbE", lambda: ROCE_100G.time(SYNC), 56),
    Row("Gpt3GradientSync", "step_times InfiniBand", lambda: step(HDR), 29.2),
    Row("Gpt3GradientSync", "step_times Ethernet", lambda: step(ROCE_100G), 57.2),
    Row(
        "Gpt3GradientSync",
        "compute_fractions",
        lambda: [
            fleet.scaling_efficiency(2 * 1.2, step(link), 2)
            for link in (HDR, ROCE_100G)
        ],
        [0.041096, 0.020979],
    ),
    Row(
        "Gpt3GradientSync",
        "energy_per_step",
        lambda: EnergyCost(1 * pJ, 35 * pJ / bit).energy(0, SYNC),
        196,
    ),
    Row("Gpt3DataParallelIntensity", "bytes_per_step", lambda: SYNC, 7e11),
    Row(
        "Gpt3DataParallelIntensity",
        "flops_per_step",
        lambda: training.training_flop(GPT3.P, 4 * 2048),
        8.6016e15,
    ),
    Row(
        "Gpt3DataParallelIntensity",
        "intensity",
        lambda: fleet.communication_intensity(SYNC, 8.6016e15),
        8.138e-5,
    ),
    Row(
        "Gpt3DataParallelIntensity",
        "balance",
        lambda: HDR.beta / A100.peak,
        8.0128e-5,
    ),
    Row(
        "Gpt3DataParallelIntensity",
        "compute_time_at_peak",
        lambda: compute.roofline(8.6016e15, 0, A100),
        27.569,
    ),
    Row("NodeAvailability1K", "all_up", lambda: fleet.all_up(0.999, 1000), 0.3677),
    Row(
        "NodeAvailability10K", "all_up", lambda: fleet.all_up(0.999, 10_000), 4.5173e-5
    ),
    *(
        Row(  # the book's year has 365 days
            name,
            "any_up, downtime_per_year",
            lambda: [
                reliability.any_up(0.999, 1),
                (1 - reliability.any_up(0.999, 1)) * 365 * day / minute,
            ],
            [0.999, 525.6],
        )
        for name in ("NodeAvailability1K", "NodeAvailability10K")
    ),
    Row(
        "CoordinationOverheadExample",
        "realized_speedup",
        lambda: fleet.realised_speedup(3, 0.4),
        1.8,
    ),
    Row(  # 10,000 V100 for 14.8 days: Patterson et al., arXiv 2104.10350, table 4
        "Gpt3PublishedRun",
        "peak_fraction",
        lambda: performance.mfu(3.14e23, 14.8 * day, 10_000, V100),
        0.19645,
    ),
    Row(
        "Gpt3PublishedRun",
        "achieved_rate",
        lambda: performance.mfu(3.14e23, 14.8 * day, 10_000, V100) * V100.peak / TFLOP,
        24.556,
    ),
]
LEFT: dict[str, str] = {}
WRONG: list[tuple[Row, str]] = []
