"""A page of step-time model, and its fit to measured rows.

Its seven numbers, in the order of START, are one theta; Rows are columns of layouts.
What a run says of itself is input and never fitted:

t p d m b V  tensor, pipeline and data ranks, microbatches, their sequences, chunks
L h a s W    layers, width, heads, tokens of a sequence, weights of a layer
vocabulary   and the rates of chip and links: peak, memory, nvlink, nic (of a node)
linear       peak for products with weights, where that is another: FP8
whole split  bytes kept of a token and channel, on each tensor rank and divided
recompute    share of the products with weights that is computed again; rescore, scores
flash        share of the peak that a fused attention reaches, 0 if none is
compiled     zero3, hidden (exchange behind computing): 1 where so

Scope: fitted, and tested on rows kept back, to dense decoders with multi-head attention
of 0.1 to 200 G parameters and 512 to 65,536 tokens, on 2 to 512 A100s, or on H100s
under FSDP, NVLink in nodes of 8, 16 bit, Megatron-LM, Megatron-DeepSpeed and FSDP of
2020 to 2024: mean error 4 to 8 %.  A fit to one cluster is off by 5 to 30 % on another.
Not fitted and of a newer kind, by the fit: 4 to 45 % on Megatron-Core on H100; 3 to
11 % on FP8 under FSDP; 24 to 35 %, mostly too fast, on torchtitan (Llama 3.1, compiled,
FP8, a capped H100, up to 262,144 tokens), where one constant MFU does as well; 3 to
59 % on MegaScale, whose windowed attention and parallel layers it does not know.
``step`` knows no limits: ``step_scope.forecast`` gives a range, and what lies outside.
"""

from typing import Any

import numpy as np
from scipy.optimize import least_squares

from mlsyscore.compute import allreduce_traffic
from mlsyscore.units import ms

# Round values, from counting operations and from datasheets.  A fit starts from them
# and stays near them where the rows say nothing: host, if the GPUs never wait for it;
# q, if attention is fused in all.
START = {
    "E": (0.8, "share of the peak that large matrix products reach, at most 1"),
    "w": (4.0, "bytes of memory traffic for a weight, each pass"),
    "k": (6.0, "crossings of memory by a byte kept for backward, in 3 passes"),
    "q": (30.0, "bytes of memory traffic for an attention score, in 3 passes"),
    "ramp": (1 * ms, "s a layer, each microbatch: kernels starting, messages starting"),
    "host": (3 * ms, "s a layer: the least, for the host to launch its kernels"),
    "net": (0.8, "share of the links' rate that a collective reaches, at most 1"),
}
PULL, SOFT = 0.1, 0.03  # weight of that; log error beyond which a row counts less
NODE = 8  # GPUs with NVLink between them, in every cluster here
ADAM = 30  # bytes of an update: 3 fp32 numbers in and out, gradient in, fp16 weight out
FUSED = 4.0  # crossings in compiled code: a byte and its gradient, written and read

Rows = dict[str, Any]  # a letter's column, one number per row


def step(theta: np.ndarray, r: Rows) -> np.ndarray:
    """Seconds of a training step with t x p x d GPUs and m microbatches of b sequences.

    Ignores transfers between stages, overlap of any but ``hidden`` exchanges, ring
    attention's exchange, and the casts to FP8.
    """
    E, w, k, q, ramp, host, net = theta
    t, p, d, m, V = (r[x] for x in "tpdmV")  # V chunks of the model on a device
    L, h, a, s, W = (r[x] for x in "LhasW")  # W weights of a layer
    x = r["b"] * s  # tokens of a microbatch
    passes = 3 + r["recompute"]  # forward, twice as much backward, forward again
    rate, memory = E * r["peak"], r["memory"]
    k = np.where(r["compiled"], np.minimum(k, FUSED), k)

    def collective(M: Any, group: Any, rings: Any) -> Any:
        """Ring all-reduce; rings that leave a node share its network cards."""
        link = np.where(group * rings <= NODE, r["nvlink"], r["nic"] / rings)
        return allreduce_traffic(M, group) / (net * link)

    # a layer, forward and backward, for one microbatch
    matrix = passes * x * 2 * W / t / (E * r["linear"])
    weights = passes * W / t * w / memory
    kept = x * h * (r["whole"] + r["split"] / t)  # bytes
    elementwise = passes / 3 * k * kept / memory
    # a score of each head costs 4 h/a operations, and traffic; a fused kernel has none,
    # skips the half that a causal mask drops, and computes its scores again: 2.5 back
    open_score = (3 + r["rescore"]) * (4 * h / rate + q / 3 * a / memory)
    kernel = np.where(r["flash"], r["flash"], 1) * r["peak"]
    fused_score = (3.5 + r["rescore"]) * 2 * h / kernel
    scores = x * s / t * np.where(r["flash"], fused_score, open_score)
    tensor = (4 + 2 * r["recompute"]) * collective(2 * x * h, t, 1)
    layer = np.maximum(matrix + weights + elementwise + scores + tensor + ramp, host)

    vocabulary = r["vocabulary"]  # logits: not recomputed, kept in 16 and in 32 bit
    logits = 6 * x * h * vocabulary / t / rate
    logits += (k * 6 * x + w * 3 * h) * vocabulary / t / memory

    most = np.ceil(L / p)  # layers of the longest stage; the last one has the logits
    stage = np.maximum(most * layer, (L - most * (p - 1)) * layer + logits)
    pipeline = m * stage + (L * layer + logits - stage) / V

    P = (W * L / p + vocabulary * h) / t  # parameters of a device
    traffic = np.where(r["zero3"], 1.5 * m, 1)  # ZeRO-3: also the weights, each time
    exchange = traffic * collective(2 * P, d, np.minimum(t, NODE))
    exposed = np.maximum(exchange - pipeline, 0)
    adam = ADAM * P / np.where(r["zero3"], d, 1) / memory
    return pipeline + np.where(r["hidden"], exposed, exchange) + adam


def fit(r: Rows) -> np.ndarray:
    """Least squares of log(predicted/measured), robust, with a pull towards START."""
    start = np.array([value for value, _ in START.values()])
    most = [5 if n not in ("E", "net") else np.log(1 / START[n][0]) for n in START]

    def residuals(z: np.ndarray) -> np.ndarray:
        e = np.log(step(start * np.exp(z), r) / r["T"])
        soft = np.sqrt(2 * (np.sqrt(1 + (e / SOFT) ** 2) - 1)) * SOFT * np.sign(e)
        return np.concatenate([soft, PULL * z])

    return start * np.exp(least_squares(residuals, 0 * start, bounds=(-5, most)).x)


def constant(fitted: Rows, tested: Rows) -> np.ndarray:
    """The baseline: every GPU at one share of its peak, the median of those fitted."""
    ideal = [r["flop"] / r["gpus"] / r["peak"] for r in (fitted, tested)]
    return np.median(fitted["T"] / ideal[0]) * ideal[1]
