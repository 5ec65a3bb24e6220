"""Section "CALCULATION SCENARIOS": decode, tensor parallelism, power, heat, price."""

from mlsyscore import compute, fleet, storage, training
from mlsyscore.catalog import (
    AIR,
    GPT3,
    H100,
    H100_FP8,
    LLAMA2_70B,
    LLAMA3_70B,
    NDR,
    NVLINK4,
    PCIE5,
    V100,
    WATER,
)
from mlsyscore.units import GB, day, hour, kW, litre, ms, ns, us, watt

from . import Row


def decode(model, batch):
    """State what one decode step of a batch asks and gets: two operations a weight."""
    O, D_vol = 2 * model.P * batch, 2 * model.P
    work = compute.roofline(O, 0, H100)
    read = compute.decode_floor(model.P, H100)
    I = compute.intensity(O, D_vol)
    R = compute.attainable(I, H100)
    return [
        work / ms,
        read / ms,
        read / (read + work),
        read / work,
        I,
        R,
        R / H100.peak,
    ]


# compute and memory time, memory's share, their ratio, intensity, rate, share of peak
DECODE = {
    "Llama3_70B_DecodeH100": (
        *(LLAMA3_70B, 1),
        [0.14277, 42.149, 0.99662, 295.22, 1, 3.35e12, 0.0033873],
    ),
    "Llama2_70B_DecodeH100": (
        *(LLAMA2_70B, 1),
        [0.14156, 41.791, 0.99662, 295.22, 1, 3.35e12, 0.0033873],
    ),
    "Llama3_70B_DecodeH100Batch64": (
        *(LLAMA3_70B, 64),
        [9.1373, 42.149, 0.82184, 4.6129, 64, 2.144e14, 0.21678],
    ),
}
ACTIVATIONS = compute.activation_payload(4, 2048, GPT3.h)
TRAFFIC = compute.allreduce_traffic(ACTIVATIONS, 8)
T_COMM = 2 * GPT3.L * TRAFFIC / NVLINK4.beta  # forward: two sums a layer
T_STEP = fleet.step_time(8 * 200 * ms, 8, T_COMM, 0.0, 0.0)
T_PEAK = compute.roofline(3.15e23, 0, H100_FP8) / 8192
OVERHEADS = [0.03, 0.10, 0.05]


def frontier(overheads=()):
    return compute.delivered_time(T_PEAK, 0.45, 0.56, overheads)


def of_work(overheads):
    """Shares of wall-clock time, from overheads that add to the work before them."""
    return [o / (1 + o) for o in overheads]


ROWS = [
    *(
        Row(name, "all outputs", lambda m=model, b=batch: decode(m, b), book)
        for name, (model, batch, book) in DECODE.items()
    ),
    Row(
        "BufferTransfer10GB",
        "times",
        lambda: [
            storage.transfer_time(10 * GB, beta) / ms
            for beta in (H100.bw, NVLINK4.beta, NDR.beta, PCIE5)
        ],
        [2.9851, 22.222, 200, 156.25],
    ),
    Row("Gpt3TensorParallelStepDgxH100", "payload", lambda: ACTIVATIONS, 2.0133e8),
    Row("Gpt3TensorParallelStepDgxH100", "traffic", lambda: TRAFFIC, 3.5232e8),
    Row(
        "Gpt3TensorParallelStepDgxH100",
        "ring_factor",
        lambda: compute.allreduce_traffic(1, 8),
        1.75,
    ),
    Row(
        "Gpt3TensorParallelStepDgxH100",
        "per_collective_time",
        lambda: TRAFFIC / NVLINK4.beta / ms,
        0.78294,
    ),
    Row(
        "Gpt3TensorParallelStepDgxH100",
        "communication_time",
        lambda: T_COMM / ms,
        150.32,
    ),
    Row("Gpt3TensorParallelStepDgxH100", "step_time", lambda: T_STEP / ms, 350.32),
    Row(
        "Gpt3TensorParallelStepDgxH100",
        "compute_fraction",
        lambda: fleet.scaling_efficiency(8 * 200 * ms, T_STEP, 8),
        0.5709,
    ),
    Row(
        "Gpt3PretrainingFrontier8K",
        "total_flops",
        lambda: training.training_flop(GPT3.P, 300_000_000_000),
        3.15e23,
    ),
    Row("Gpt3PretrainingFrontier8K", "peak_time", lambda: T_PEAK / hour, 5.3972),
    Row(
        "Gpt3PretrainingFrontier8K",
        "compute_time",
        lambda: compute.delivered_time(T_PEAK, 0.45, 1) / hour,
        11.994,
    ),
    Row(
        "Gpt3PretrainingFrontier8K",
        "scaled_time",
        lambda: frontier() / hour,
        21.418,
    ),
    Row(
        "Gpt3PretrainingFrontier8K",
        "stage_times, overheads of work",
        lambda: [frontier(of_work(OVERHEADS[:i])) / hour for i in (1, 2, 3)],
        [22.06, 24.266, 25.48],
    ),
    Row(
        "H100BarrierLoadStep",
        "current_step",
        lambda: compute.current_step(300 * watt, 0.8),
        375,
    ),
    Row(
        "H100BarrierLoadStep",
        "droop in mV",
        lambda: [
            compute.voltage_droop(50e-12, 375, dt) / 1e-3 for dt in (1 * us, 100 * ns)
        ],
        [18.75, 187.5],
    ),
    Row(
        "AiRackAirCooling",
        "mass_flow",
        lambda: AIR.mass_flow(100 * kW, 15),
        6.6335,
    ),
    Row(
        "AiRackAirCooling",
        "volume_flow",
        lambda: AIR.volume_flow(100 * kW, 15) / litre,
        5527.9,
    ),
    Row(
        "Nvl72WaterCooling",
        "mass_flow",
        lambda: WATER.mass_flow(120 * kW, 10),
        2.8708,
    ),
    Row(
        "Nvl72WaterCooling",
        "volume_flow",
        lambda: WATER.volume_flow(120 * kW, 10) / litre,
        2.8708,
    ),
    Row(
        "GpuFailuresTraining10K",
        "interval",
        lambda: fleet.system_mtbf(50_000 * hour, 10_000) / hour,
        5,
    ),
    Row(
        "GpuFailuresTraining10K",
        "expected_failures, failures_per_day",
        lambda: [
            t / fleet.system_mtbf(50_000 * hour, 10_000) for t in (14 * day, 1 * day)
        ],
        [67.2, 4.8],
    ),
    Row(
        "NodeFailuresTraining1K",
        "interval",
        lambda: fleet.system_mtbf(1000 * hour, 128) / hour,
        7.8125,
    ),
    Row(
        "NodeFailuresTraining1K",
        "expected_failures, failures_per_day",
        lambda: [t / fleet.system_mtbf(1000 * hour, 128) for t in (14 * day, 1 * day)],
        [43.008, 3.072],
    ),
    Row(
        "V100ToH100",
        "efficiency_ratio",
        lambda: H100.peak / H100.power / (V100.peak / V100.power),
        3.3909,
    ),
    Row("V100ToH100", "peak_ratio", lambda: H100.peak / V100.peak, 7.912),
    Row("V100ToH100", "tdp_ratio", lambda: H100.power / V100.power, 2.3333),
    Row(
        "V100ToH100",
        "candidate_device_hours",
        lambda: compute.roofline(10_000 * V100.peak, 0, H100),
        1263.9,
    ),
    Row(
        "PeakPlannedTrainingBudget",
        "required_device_hours",
        lambda: compute.delivered_time(1000 * hour, 0.4, 1) / hour,
        2500,
    ),
]
LEFT: dict[str, str] = {
    "CduOutageTraining10K": "devices times hours times a price, three times over"
}
WRONG: list[tuple[Row, str]] = [
    (
        Row(
            "Gpt3PretrainingFrontier8K",
            "total_time",
            lambda: frontier(OVERHEADS) / hour,
            25.48,
        ),
        "the book multiplies by 1 + o, an overhead on the work before it; a share of "
        "wall-clock time divides by 1 - o, as chapter 2 states the law: 25.8 h",
    ),
    (
        Row(
            "Gpt3PretrainingFrontier8K",
            "delivered_fraction",
            lambda: T_PEAK / frontier(OVERHEADS),
            0.21183,
        ),
        "the same: 20.9 % of peak is delivered, not 21.2 %",
    ),
]
