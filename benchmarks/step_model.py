"""A page of step-time model, and its fit to measured rows.

Its numbers, in the order of START, are one theta; Rows are columns of layouts.
"""

from typing import Any

import numpy as np
from scipy.optimize import least_squares

from mlsyscore.compute import allreduce_traffic
from mlsyscore.units import ms

# Round values, from counting operations and from datasheets.  A fit starts from them
# and stays near them where the rows say nothing: host, if the GPUs never wait for it.
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

Rows = dict[str, Any]  # a letter's column, one number per row


def step(theta: np.ndarray, r: Rows) -> np.ndarray:
    """Seconds of a training step with t x p x d GPUs and m microbatches of b sequences.

    Ignores transfers between stages, and overlap of any but ZeRO-3's gathers.
    """
    E, w, k, q, ramp, host, net = theta
    t, p, d, m, V = (r[x] for x in "tpdmV")  # V chunks of the model on a device
    L, h, a, s = (r[x] for x in "Lhas")
    x = r["b"] * s  # tokens of a microbatch
    passes = 3 + r["recompute"]  # forward, twice as much backward, forward again
    rate, memory = E * r["peak"], r["memory"]

    def collective(M: Any, group: Any, rings: Any) -> Any:
        """Ring all-reduce; rings that leave a node share its network cards."""
        link = np.where(group * rings <= NODE, r["nvlink"], r["nic"] / rings)
        return allreduce_traffic(M, group) / (net * link)

    # a layer, forward and backward, for one microbatch
    matrix = passes * x * (24 * h**2 + 4 * h * s) / t / rate
    weights = passes * 12 * h**2 / t * w / memory
    kept = x * h * (10 + 24 / t)  # bytes; Korthikanti et al. (2022), table 2
    scores = x * a * s / t
    elementwise = passes / 3 * (k * kept + q * scores) / memory
    tensor = (4 + 2 * r["recompute"]) * collective(2 * x * h, t, 1)
    layer = np.maximum(matrix + weights + elementwise + tensor + ramp, host)

    vocabulary = r["vocabulary"]  # logits: not recomputed, kept in 16 and in 32 bit
    logits = 6 * x * h * vocabulary / t / rate
    logits += (k * 6 * x + w * 3 * h) * vocabulary / t / memory

    most = np.ceil(L / p)  # layers of the longest stage; the last one has the logits
    stage = np.maximum(most * layer, (L - most * (p - 1)) * layer + logits)
    pipeline = m * stage + (L * layer + logits - stage) / V

    P = (12 * L * h**2 / p + vocabulary * h) / t  # parameters of a device
    gradients = collective(2 * P, d, np.minimum(t, NODE))
    exposed = np.maximum(1.5 * m * gradients - pipeline, 0)  # ZeRO-3: also the weights
    exchange = np.where(r["zero3"], exposed, gradients)
    adam = ADAM * P / np.where(r["zero3"], d, 1) / memory
    return pipeline + exchange + adam


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
