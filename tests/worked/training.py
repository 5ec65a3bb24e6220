"""Section "Distributed training".

The book's all-reduce time is 2 M / beta: it drops the (d - 1)/d that its own ring
bytes have.  ``layout`` takes the book's time, so that its steps can be compared.
"""

from mlsyscore import fleet
from mlsyscore import training as tr
from mlsyscore.catalog import (
    GPT2_XL,
    GPT3,
    GPU_HOUR,
    H100,
    H100_FP8,
    LLAMA2_7B,
    LLAMA2_70B,
    NDR,
    NVLINK4,
)
from mlsyscore.compute import activation_payload, allreduce_traffic
from mlsyscore.serving import kv_per_token
from mlsyscore.training import Kept, Layout, State
from mlsyscore.units import GB, MB, Gbps, dollar, hour, ms, second

from . import Row

P = GPT3.P
FLOP = tr.training_flop(P, 2_000_000)
WORK = 2.1 * second  # as printed; the exact 2.0726 has its own row
LAYOUTS = {
    "Gpt3DataParallel1K": Layout(1, 1, 1024),
    "Gpt3TensorDataParallel1K": Layout(8, 1, 128),
    "Gpt3ThreeDParallel1K": Layout(8, 4, 32, 32),
}
PRINTED = {  # by layout: the outputs in the order of `layout`
    "Gpt3DataParallel1K": [350, 699.32, 0, 0.15, 0.13043, 14, 2800, 702.05, 0.075],
    "Gpt3TensorDataParallel1K": [
        *(43.75, 86.816, 0, 0.82759, 0.54545, 2.5375, 350, 89.551, 0.41379),
    ],
    "Gpt3ThreeDParallel1K": [
        *(10.938, 21.191, 0.085714, 0.87273, 0.768, 2.4062, 87.5, 23.926, 0.43636),
    ],
}


def step(at, overlap=0.75):
    shard = 2 * P / (at.t * at.p)
    return tr.layout_step(WORK * at.N, 2 * shard / NDR.beta, at, overlap)


def efficiency(at, overlap=0.75):
    return fleet.scaling_efficiency(WORK * at.N, step(at, overlap), at.N)


def layout(at):
    """Give each output of a layout that a law states, in the order of ``PRINTED``."""
    parts, shard = at.t * at.p, 2 * P / (at.t * at.p) / GB
    return {
        "dp_shard": shard,
        "ring_bytes": tr.gradient_traffic(shard, at.d, 0),
        "bubble": tr.bubble(at.p, at.m),
        "efficiency": efficiency(at),
        "efficiency_no_overlap": efficiency(at, 0),
        "step_time": step(at),
        "state_per_device": State().zero(P, at.d, 0) / parts / GB,
        "zero1_state_per_device": State().zero(P, at.d, 1) / parts / GB,
        "fleet_mfu": efficiency(at) * 0.5,
    }


def gpt2(nodes, accumulated=1):
    """Time of one update: a ring in each node, then a ring of all 32 on 10 GbE."""
    M, N = 2 * GPT2_XL.P, 8 * nodes
    inside = tr.gradient_traffic(M, 8, 0) / NVLINK4.beta
    across = tr.gradient_traffic(M, N, 0) / (10 * Gbps) if nodes > 1 else 0.0
    work = N * accumulated * 1.8 * second
    T = fleet.step_time(work, N, inside + across, 0, 0)
    return work, T, N


def gpt2_row(name, output, book, nodes, accumulated=1):
    def ours():
        work, T, N = gpt2(nodes, accumulated)
        eta = fleet.scaling_efficiency(work, T, N)
        hours = 25 / (N * eta)
        return {
            "update_time": T / ms,
            "communication_time": (T - work / N) / ms,
            "efficiency": eta,
            "speedup": N * eta,
            "training_time": hours,
            "cost": hours * hour * nodes * 32 * dollar / hour,
        }[output]

    return Row(name, output, ours, book)


def target(iterations, overhead):
    """Speed-up to a target: 100,000 steps of 0.4 s alone, fewer and longer on 64."""
    T = iterations * fleet.step_time(64 * 0.4, 64, overhead * 0.4, 0, 0)
    return 64 * fleet.scaling_efficiency(100_000 * 0.4, T, 64)


def device_cost(iterations, overhead):
    return 100_000 * 0.4 / target(iterations, overhead) * 64 * GPU_HOUR


def tensor_layer(link):
    traffic = allreduce_traffic(activation_payload(1, 2048, GPT3.h), 8)
    return 2 * traffic / link.beta / ms


def zero_7b(stage):
    return State().zero(LLAMA2_7B.P, 64, stage) / GB


def trained(P):
    return State().zero(P, 1, 0)


def ppo():
    return trained(70 * 10**9) + 2 * 83e9 + trained(13 * 10**9)


def dpo():
    return trained(70 * 10**9) + 2 * 70e9


def linear(b):
    return Kept(0, 34, 0).layer(GPT3, 2048, b) * GPT3.L / GB


def scores(b):
    return Kept(0, 0, 5).layer(GPT3, 2048, b) * GPT3.L / GB


B4, B1 = "Gpt3ActivationsMicrobatch4", "Gpt3ActivationsMicrobatch1"
ONE, FOUR = "Gpt2DataParallelOneNode", "Gpt2DataParallelFourNodes10GbE"
MORE, TP8 = "Gpt2GradientAccumulationOneNode", "Gpt3TensorParallelLayerTp8"
BSP, SSP = "TransformerBsp64Workers", "TransformerSsp64Workers"
PPO, ZERO = "Llama2_70B_PpoAlignment", "Llama2_7B_ZeroStages64"

ROWS = [
    *(
        Row(name, output, lambda at=at, output=output: layout(at)[output], book)
        for name, at in LAYOUTS.items()
        for output, book in zip(layout(at), PRINTED[name], strict=True)
    ),
    *(Row(name, "n_devices", lambda at=at: at.N, 1024) for name, at in LAYOUTS.items()),
    *(Row(name, "step_flops", lambda: FLOP, 2.1e18) for name in LAYOUTS),
    *(
        # the book rounds it to a window of 0.1 s
        Row(
            name,
            "compute_time",
            lambda: FLOP / (1024 * H100_FP8.peak * 0.5),
            2.1,
            0.025,
        )
        for name in LAYOUTS
    ),
    Row(B4, "per_token_activations", lambda: linear(4), 328.56),
    Row(B1, "per_token_activations", lambda: linear(1), 82.141),
    Row(B4, "per_sequence_activations", lambda: linear(4) / 4, 82.141),
    Row(B1, "per_sequence_activations", lambda: linear(1), 82.141),
    Row(B4, "score_activations", lambda: scores(4), 773.09),
    Row(B1, "score_activations", lambda: scores(1), 193.27),
    Row(B4, "score_share", lambda: scores(4) / (scores(4) + linear(4)), 0.70175),
    Row(B1, "score_share", lambda: scores(1) / (scores(1) + linear(1)), 0.70175),
    *(
        Row(
            name,
            "recompute_overhead",
            lambda: tr.training_flop(P, 1, 8) / tr.training_flop(P, 1) - 1,
            0.33333,
        )
        for name in (B4, B1)
    ),
    *(
        Row(
            name,
            "segment_input",
            lambda b=b: Kept(2, 0, 0).layer(GPT3, 2048, b) / MB,
            x,
        )
        for name, b, x in [(B4, 4, 201.33), (B1, 1, 50.332)]
    ),
    Row(ZERO, "DDP", lambda: zero_7b(0), 112),
    Row(ZERO, "ZeRO-1", lambda: zero_7b(1), 29.312),
    Row(ZERO, "ZeRO-2", lambda: zero_7b(2), 15.531),
    Row(ZERO, "ZeRO-3", lambda: zero_7b(3), 1.75),
    Row(
        ZERO,
        "traffic_multiple",
        lambda: [tr.gradient_traffic(1, 64, k) / (2 * 63 / 64) for k in range(4)],
        [1, 1, 1, 1.5],
    ),
    gpt2_row(ONE, "update_time", 1811.7, 1),
    gpt2_row(ONE, "communication_time", 11.667, 1),
    gpt2_row(ONE, "efficiency", 0.99356, 1),
    gpt2_row(ONE, "speedup", 7.9485, 1),
    gpt2_row(ONE, "training_time", 3.1453, 1),
    gpt2_row(ONE, "cost", 100.65, 1),
    gpt2_row(FOUR, "update_time", 6461.7, 4),
    gpt2_row(FOUR, "communication_time", 4661.7, 4),
    gpt2_row(FOUR, "efficiency", 0.27857, 4),
    gpt2_row(FOUR, "speedup", 8.9141, 4),
    gpt2_row(FOUR, "training_time", 2.8045, 4),
    gpt2_row(FOUR, "cost", 358.98, 4),
    gpt2_row(MORE, "update_time", 7211.7, 1, 4),
    gpt2_row(MORE, "efficiency", 0.99838, 1, 4),
    gpt2_row(MORE, "speedup", 7.9871, 1, 4),
    gpt2_row(MORE, "cost", 100.16, 1, 4),
    Row(ONE, "global_batch", lambda: Layout(1, 1, 8).batch(16), 128),
    Row(FOUR, "global_batch", lambda: Layout(1, 1, 32).batch(16), 512),
    Row(MORE, "global_batch", lambda: Layout(1, 1, 8, 4).batch(16), 512),
    Row("Pipeline8Stage32Micro", "bubble", lambda: tr.bubble(8, 32), 0.17949),
    Row(
        TP8,
        "compute_time",
        lambda: tr.training_flop(P, 2048, 2) / 96 / 8 / (H100.peak * 0.5) / ms,
        1.8874,
    ),
    Row(TP8, "layer_flops", lambda: tr.training_flop(P, 2048, 2) / 96, 7.4667e12),
    Row(TP8, "transfer_times NVLink", lambda: tensor_layer(NVLINK4), 0.39147),
    Row(TP8, "transfer_times InfiniBand NDR", lambda: tensor_layer(NDR), 3.5232),
    Row(
        "H100RingAttentionChunk",
        "min_chunk_tokens",
        lambda: [tr.ring_chunk(H100.peak * 0.5, x.beta) for x in (NVLINK4, NDR)],
        [1098.9, 9890],
    ),
    Row(BSP, "speedup", lambda: target(1720, 0.45), 40.096),
    Row(BSP, "cost", lambda: device_cost(1720, 0.45), 35.47),
    Row(
        BSP,
        "sample_efficiency",
        lambda: fleet.scaling_efficiency(100_000, 1720, 64),
        0.90843,
    ),
    Row(SSP, "speedup", lambda: target(2100, 0.25), 38.095),
    Row(SSP, "cost", lambda: device_cost(2100, 0.25), 37.333),
    Row(
        SSP,
        "sample_efficiency",
        lambda: fleet.scaling_efficiency(100_000, 2100, 64),
        0.74405,
    ),
    Row(PPO, "policy_state", lambda: trained(LLAMA2_70B.P), 1.12e12),
    Row(PPO, "value_state", lambda: trained(13 * 10**9), 2.08e11),
    Row(PPO, "ppo_total", ppo, 1.494e12),
    Row(PPO, "dpo_total", dpo, 1.26e12),
    Row(PPO, "dpo_reduction", lambda: 1 - dpo() / ppo(), 0.15663),
    Row(PPO, "model_parallel_devices", lambda: Layout(8, 4, 1).N, 32),
    Row(PPO, "kv_cache", lambda: 256 * 1024 * kv_per_token(LLAMA2_70B), 8.5899e10),
    Row("StragglerFreeStep1K", "all_up", lambda: fleet.all_up(0.99, 1000), 4.3171e-5),
    Row("ResidualOnePercent512", "speedup", lambda: tr.amdahl(0.01, 512), 83.797),
    Row(
        "ResidualOnePercent512",
        "residual_share",
        lambda: 0.01 * tr.amdahl(0.01, 512),
        0.83797,
    ),
]
LEFT: dict[str, str] = {}
RING = "the book drops (d - 1)/d of a ring: 2 M/beta in place of 2 (d - 1)/d M/beta"
WRONG: list[tuple[Row, str]] = [
    *(
        (
            Row(
                name,
                "allreduce_time",
                lambda at=at: (
                    tr.gradient_traffic(2 * P / (at.t * at.p), at.d, 0) / NDR.beta
                ),
                book,
            ),
            RING,
        )
        for (name, at), book in zip(LAYOUTS.items(), [14, 1.75, 0.4375], strict=True)
    ),
    (
        Row(ZERO, "gather_traffic", lambda: tr.gradient_traffic(14, 64, 3), 42),
        "the same: 63/64 of it leaves a device",
    ),
    *(
        (
            Row(
                name,
                "line_items_total",
                lambda b=b: Kept(0, 34).layer(GPT3, 2048, b) * GPT3.L / GB,
                book,
            ),
            "a list of three items (MLP, projections, scores): 16 of the 34 bytes a "
            "channel; masks, norms and the inputs of the linear layers are missing",
        )
        for name, b, book in [(B4, 4, 927.71), (B1, 1, 231.93)]
    ),
    (
        Row(SSP, "stale_lr_factor", lambda: tr.stale_limit(4) / 2, 0.44721),
        "the book balances a regret bound, 1/sqrt(1 + 4); a quadratic run near its "
        "stability limit diverges with more than 0.174 of the step size",
    ),
]
