"""Section "Fleet orchestration ...", its last part: goodput, trace and decode."""

from mlsyscore import compute, fleet, storage
from mlsyscore import performance as perf
from mlsyscore import reliability as rel
from mlsyscore.catalog import CHECKPOINT_STORE, GPU_HOUR, H100, LLAMA2_70B, NVLINK4
from mlsyscore.network import Link
from mlsyscore.units import (
    GB,
    TB,
    TFLOP,
    day,
    hour,
    minute,
    ms,
    ns,
    second,
    us,
    week,
)

from . import Row

POOL = (0.65, 0.90398, 0.48)  # scheduling, runtime, program
CEILINGS = (0.8, 0.9809, 0.64998)
LLAMA3 = (1, 0.9, 0.41)
SHARED = (0.65, 0.9, 0.41)


def with_one(shares, i, value):
    """Goodput when share i has another value."""
    return perf.mpg(*shares[:i], value, *shares[i + 1 :])


def outputs(shares):
    """MPG, the job's part, what each layer loses, and the worth of a point in each."""
    S, R, P = shares
    return [
        perf.mpg(S, R, P),
        perf.mpg(1, R, P),
        1 - S,
        S - perf.mpg(S, R, 1),
        perf.mpg(S, R, 1) - perf.mpg(S, R, P),
        *(with_one(shares, i, 1) for i in range(3)),
        perf.mpg(1, R, P) - perf.mpg(S, R, P),
        perf.useful_cost(1, perf.mpg(S, R, P)),
        perf.useful_cost(1, perf.mpg(1, R, P)),
        perf.useful_cost(1, R) - 1,
    ]


MPG = {  # by name: the shares, then `outputs` as the book prints them
    "Llama2_70BSharedPoolGoodput128": (
        POOL,
        [
            *(0.28204, 0.43391, 0.35, 0.062413, 0.30554, 0.43391, 0.312, 0.58759),
            *(0.15187, 3.5456, 2.3046, 0.10622),
        ],
    ),
    "Llama3_405BGoodput16K": (
        LLAMA3,
        [0.369, 0.369, 0, 0.1, 0.531, 0.369, 0.41, 0.9, 0, 2.71, 2.71, 0.11111],
    ),
    "Llama3_405BOnSharedPool": (
        SHARED,
        [
            *(0.23985, 0.369, 0.35, 0.065, 0.34515, 0.369, 0.2665, 0.585),
            *(0.12915, 4.1693, 2.71, 0.11111),
        ],
    ),
}
ACTIVATIONS = compute.activation_payload(1, 2204, LLAMA2_70B.h)
TRAFFIC = compute.allreduce_traffic(ACTIVATIONS, 8)
T_COMM = 4 * LLAMA2_70B.L * TRAFFIC / NVLINK4.beta  # two sums forward, two backward
T_STEP = fleet.step_time(8 * 180 * ms, 8, T_COMM, 0.0, 0.0)
DECODE = Link(5 * us, 450 * GB / second)  # the scenario's own start-up
MESSAGE, COUNT = 32_768, 160  # two sums in each of 80 layers
T_SEPARATE, T_FUSED = COUNT * DECODE.time(MESSAGE), DECODE.time(COUNT * MESSAGE)


def job_mtbf():
    """128 GPUs and PCIe switches, and the network of 16 nodes."""
    mttf = [50_000 * hour, 200_000 * hour, 150_000 * hour]
    return 1 / rel.series_rate([1 / t for t in mttf], [128, 128, 16])


T_WRITE = storage.transfer_time(
    storage.checkpoint_bytes(LLAMA2_70B.P), CHECKPOINT_STORE
)
RESTART, WARMUP = 180 * second, 120 * second


def losses():
    """Shares lost: checkpoints, recovery, a start a week, a pre-emption a day, input.

    The book calls the warm-up after a load what the law calls replay.
    """
    tau, start = rel.young_daly(T_WRITE, job_mtbf()), RESTART + T_WRITE + WARMUP
    return [
        rel.waste(tau, T_WRITE, job_mtbf()),
        rel.recovery_time(60 * second, RESTART, T_WRITE, WARMUP) / job_mtbf(),
        start / week,
        (15 * minute + start) / day,
        0.076923,
    ]


def interruption_mtbf():
    """Failures, and a pre-emption a day."""
    return 1 / rel.series_rate([1 / job_mtbf(), 1 / day], [1, 1])


ROWS = [
    Row("Llama2_70BJobFailures128", "mtbf", lambda: job_mtbf() / hour, 302.42),
    Row(
        "Llama2_70BJobFailures128",
        "system_rate, failures_per_day",
        lambda: [t / job_mtbf() for t in (hour, day)],
        [0.0033067, 0.07936],
    ),
    Row("Llama2_70BRuntimeGoodput128", "write_time", lambda: T_WRITE, 9.8),
    Row(
        "Llama2_70BRuntimeGoodput128",
        "interval",
        lambda: rel.young_daly(T_WRITE, job_mtbf()) / minute,
        76.99,
    ),
    Row(
        "Llama2_70BRuntimeGoodput128",
        "shares: checkpoint, recovery, startup, preemption, input_wait",
        losses,
        [0.004243, 0.00033967, 0.00051224, 0.014002, 0.076923],
    ),
    Row(
        "Llama2_70BRuntimeGoodput128",
        "runtime_goodput",
        lambda: 1 - sum(losses()),
        0.90398,
    ),
    Row(
        "Llama2_70BRuntimeGoodput128",
        "interruption_interval",
        lambda: interruption_mtbf() / hour,
        22.235,
    ),
    Row(
        "Llama2_70BRuntimeGoodput128",
        "interruption_checkpoint_interval",
        lambda: rel.young_daly(T_WRITE, interruption_mtbf()) / minute,
        20.876,
    ),
    *(
        Row(name, "shares and worth", lambda s=shares: outputs(s), book)
        for name, (shares, book) in MPG.items()
    ),
    Row(
        "Llama2_70BSharedPoolGoodput128",
        "mpg_at_ceiling",
        lambda: [with_one(POOL, i, CEILINGS[i]) for i in range(3)],
        [0.34713, 0.30604, 0.38192],
    ),
    Row(
        "Llama2_70BSharedPoolGoodput128",
        "useful_rate",
        lambda: perf.useful_cost(GPU_HOUR, perf.mpg(*POOL)) * hour,
        7.0911,
    ),
    Row(
        "LayerNormMeasuredH100",
        "point_intensity",
        lambda: compute.intensity(5 * TFLOP, 2.8 * TB),
        1.7857,
    ),
    Row(
        "LayerNormMeasuredH100",
        "attainable",
        lambda: compute.attainable(5 / 2.8, H100),
        5.9821e12,
    ),
    Row("LayerNormMeasuredH100", "ridge", lambda: H100.ridge, 295.22),
    Row(
        "LayerNormMeasuredH100",
        "bandwidth_utilization",
        lambda: compute.roofline(0, 2.8 * TB, H100),
        0.83582,
    ),
    Row(
        "LayerNormMeasuredH100",
        "peak_fraction",
        lambda: perf.mfu(compute.attainable(5 / 2.8, H100), 1 * second, 1, H100),
        0.0060487,
    ),
    Row(
        "Llama2_70BNodeTensorParallelStep", "payload", lambda: ACTIVATIONS / 1e7, 3.611
    ),
    Row("Llama2_70BNodeTensorParallelStep", "traffic", lambda: TRAFFIC / 1e7, 6.3193),
    Row(
        "Llama2_70BNodeTensorParallelStep",
        "per_collective_time, communication_time, step_time",
        lambda: [TRAFFIC / NVLINK4.beta / ms, T_COMM / ms, T_STEP / ms],
        [0.14043, 44.937, 224.94],
    ),
    Row(
        "Llama2_70BNodeTensorParallelStep",
        "compute_fraction",
        lambda: fleet.scaling_efficiency(8 * 180 * ms, T_STEP, 8),
        0.80022,
    ),
    Row(
        "Llama2_70BDecodeAllReduceTp8",
        "crossover",
        lambda: DECODE.half / (GB / second * us),
        2250,
    ),
    Row(
        "Llama2_70BDecodeAllReduceTp8",
        "fused_time",
        lambda: T_FUSED / us,
        16.651,
    ),
    Row(
        "Llama2_70BDecodeAllReduceTp8",
        "transfer_time",
        lambda: storage.transfer_time(MESSAGE, DECODE.beta) / ns,
        72.818,
    ),
    Row(
        "Llama2_70BDecodeAllReduceTp8",
        "startup_to_transfer",
        lambda: DECODE.half / MESSAGE,
        68.665,
    ),
]
LEFT: dict[str, str] = {"NsightTraceVolume1K": "a product of two inputs"}
WRONG: list[tuple[Row, str]] = [
    (
        Row(
            "Llama2_70BDecodeAllReduceTp8",
            "separate_time",
            lambda: T_SEPARATE / us,
            800,
        ),
        "the book adds 160 start-ups but not the 160 times 73 ns of bytes: 811.7 us",
    ),
    (
        Row(
            "Llama2_70BDecodeAllReduceTp8",
            "speedup",
            lambda: T_SEPARATE / T_FUSED,
            48.046,
        ),
        "the same: its fused message has its bytes, its separate ones have none: 48.7",
    ),
]
