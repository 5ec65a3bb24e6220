"""Edge: what a device can learn within its memory, its battery and its uplink.

P counts parameters, K the clients of a federated round.  Arrays broadcast.
"""

from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .training import State
from .units import Bytes, BytesPerSecond, Fraction, Joules, Ratio, Seconds, Watts, count

Vector = Annotated[NDArray[np.float64], "1"]
Vectors = Annotated[ArrayLike, "1"]
_FP32 = State(4.0, 4.0, 8.0)


def working_set(P: int, trained: int, A: Bytes, state: State = _FP32) -> Bytes:
    """Memory to update: P w + trained (g + o) + activations A; default fp32, Adam."""
    if not np.all((trained >= 0) & (trained <= P)):
        raise ValueError(f"of {P} parameters {trained} cannot be trained")
    return P * state.weights + trained * (state.gradients + state.optimizer) + A


def update_traffic(P: int, A: Bytes, state: State = _FP32) -> Bytes:
    """Least traffic of a full update without cache reuse, P (4 w + 2 g + 2 o) + 2 A.

    Weights are read forward, backward and in the optimiser, which writes them; the
    rest is written and read once.
    """
    return P * (4 * state.weights + 2 * (state.gradients + state.optimizer)) + 2 * A


def lora_parameters(r: int, d_in: int, d_out: int) -> int:
    """Parameters of a rank-r update B A of a d_out x d_in matrix: r (d_in + d_out).

    Source: Hu et al., arXiv 2106.09685 (2021), section 4.1.
    """
    count(r)
    return r * (d_in + d_out)


def fedavg(w: Vectors, n: Vectors) -> Vector:
    """Average w over clients, the first axis, by their examples: sum_k (n_k / n) w_k.

    One full-batch step each gives the pooled step exactly; more local steps on unlike
    data do not.  Source: McMahan et al., arXiv 1602.05629 (2017).
    """
    n = np.asarray(n)
    if not (np.all(n >= 0) and n.max() > 0):
        raise ValueError(f"needs examples, and no client with fewer than none: {n}")
    return np.average(np.asarray(w, float), axis=0, weights=n)


def round_bytes(K: int, down: Bytes, up: Bytes) -> Bytes:
    """Bytes through the server in a round of K clients: K (down + up)."""
    return K * (down + up)


def round_time(
    T_train: Seconds,
    down: Bytes,
    up: Bytes,
    beta_down: BytesPerSecond,
    beta_up: BytesPerSecond,
) -> Seconds:
    """Time of one client in a round: down/beta_down + T_train + up/beta_up.

    A round takes as long as the slowest client that it waits for.
    """
    return down / beta_down + T_train + up / beta_up


def candidates(K: int, p: Fraction, z: Ratio = 0.0) -> Ratio:
    """Clients to select so that K report when a share p drops out; round it up.

    n (1 - p) - z sqrt(n p (1 - p)) = K;  K/(1 - p) on average, z = 0
    z standard deviations of margin, for drop-outs that are independent.  1.3 K covers
    p = 0.23 on average.  Source of 1.3: Bonawitz et al., arXiv 1902.01046 (2019).
    """
    if not np.all((p >= 0) & (p < 1)):
        raise ValueError(f"of any {K} clients none report if a share {p} drops out")
    root: float = (z * np.sqrt(p) + np.sqrt(z * z * p + 4 * K)) / 2
    return root * root / (1 - p)


def time_to_target(R: int, E: int, T_epoch: Seconds, T_comm: Seconds) -> Seconds:
    """Time of R rounds of E local epochs, T_target = R (E T_epoch + T_comm).

    R itself falls with E, then rises on unlike data: it is measured.
    """
    return R * (E * T_epoch + T_comm)


def battery_share(power: Watts, t: Seconds, E_battery: Joules) -> Ratio:
    """Share of a battery that a task of some power takes in t: power t / E_battery."""
    return power * t / E_battery


def break_even_rounds(raw: Bytes, update: Bytes) -> Ratio:
    """Rounds whose updates are as many bytes as the raw data: raw / update."""
    return raw / update


def unmasking(K: int, d: int) -> int:
    """Masks that a server must expand to sum K clients of whom d dropped out.

    (K - d)(1 + d): each survivor's own, and its pair masks s_ij = -s_ji with the d
    Pair masks between survivors cancel.  Source: Bonawitz et al., CCS (2017).
    """
    if not np.all((d >= 0) & (d <= K)):
        raise ValueError(f"of {K} clients {d} cannot drop out")
    return (K - d) * (1 + d)


def krum_clients(f: int) -> int:
    """Fewest clients among whom Krum withstands f Byzantine ones: 2 f + 3.

    A mean withstands none, a median any minority.  Source: Blanchard et al. (2017).
    """
    if not np.all(f >= 0):
        raise ValueError(f"there are no {f} clients")
    return 2 * f + 3
