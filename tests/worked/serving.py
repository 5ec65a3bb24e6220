"""Section "Serving at scale".  A year is 365 d and a month a twelfth of it."""

from mlsyscore import serving as sv
from mlsyscore.catalog import H100, LLAMA2_70B, NVLINK4
from mlsyscore.compute import decode_floor
from mlsyscore.network import Link
from mlsyscore.queues import in_system
from mlsyscore.serving import Batching
from mlsyscore.units import GB, KiB, day, dollar, ms, second, us, week

from . import Row

YEAR = 365 * day
TRAIN, REQUESTS, EACH = 2e6 * dollar, 50e6 / day, 0.001 * dollar
YEARLY, DECODE = "LlmServingFirstYear", "Llama3_70B_ReplicaDecodeBudget"
VISION, x = "VisionServingLittlesLaw", Batching(0.0, 10 * ms).throughput(8)


def crossover():
    return sv.cost_crossover(TRAIN, REQUESTS, EACH)


def collective():
    """One all-reduce of 32 KiB: the launch, then the bytes at NVLink's rate."""
    return Link(5 * us, NVLINK4.beta).time(32 * KiB)


def places():
    return sv.replicas(1000, x, in_system(1000, 100 * ms), 8)


ROWS = [
    Row(YEARLY, "crossover_months", lambda: crossover() / (YEAR / 12), 1.3151),
    Row(YEARLY, "crossover_weeks", lambda: crossover() / week, 5.7143),
    Row(YEARLY, "serving_to_training", lambda: YEAR / crossover(), 9.125),
    Row(
        YEARLY,
        "annual_serving_cost",
        lambda: TRAIN * YEAR / crossover(),
        1.825e7,
    ),
    Row("LlmDecodeBatchingKnee", "knee", lambda: Batching(40 * ms, 0.5 * ms).knee, 80),
    Row(VISION, "in_flight", lambda: in_system(1000 / second, 100 * ms), 100),
    Row(VISION, "mean_executing", lambda: in_system(1000 / second, 80 * ms), 80),
    Row(VISION, "replica_throughput", lambda: x, 100),
    Row(VISION, "throughput_floor", lambda: sv.replicas(1000, x, 0, 8), 10),
    # the book divides by a target of 0.8; Little's 100 in batches of 8 give the same
    Row(VISION, "replicas_needed", places, 13),
    Row(VISION, "executing_positions", lambda: 8 * places(), 104),
    Row(VISION, "service_utilization", lambda: 1000 / (places() * x), 0.76923),
    Row(DECODE, "floor", lambda: decode_floor(LLAMA2_70B.P, H100) / 8 / ms, 5.2239),
    Row(DECODE, "weight_shard", lambda: 2 * LLAMA2_70B.P / 8 / GB, 17.5),
    Row(DECODE, "collective_estimate", lambda: collective() / us, 5.0728),
]
LEFT = {
    "InteractiveRequestServingTax": "a difference of two inputs, and a product of two",
}
WRONG: list[tuple[Row, str]] = []
