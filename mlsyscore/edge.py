"""Edge: what a device can learn within its memory, its battery and its uplink.

P counts parameters, K the clients of a federated round.  Arrays broadcast.
"""

from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .elementwise import every, sqrt
from .ranges import (
    FROM_0,
    LAST,
    Count,
    FractionBelow1,
    Positive,
    Range,
    Ratio,
    Signed,
    Whole,
    law,
)
from .training import State
from .units import Bytes, BytesPerSecond, Joules, Seconds, Watts

Amounts = Annotated[ArrayLike, "1", FROM_0]
Total = Annotated[int, "1", Range(0, 10**300)]  # of counts up to the largest float
Vector = Annotated[NDArray[np.float64], "1", Range(-LAST, LAST)]
Vectors = Annotated[ArrayLike, "1"]
_FP32 = State(4.0, 4.0, 8.0)


@law
def working_set(P: Count, trained: Whole, A: Bytes, state: State = _FP32) -> Bytes:
    """Memory to update some of P parameters: P w + trained (g + o) + activations A.

    Default: fp32, with Adam.  Ignores buffers, fragments and the framework.
    Source: the book, chapter 11; the state per parameter as ``training.State``.
    """
    if not every(trained <= P):
        raise ValueError(f"of {P} parameters {trained} cannot be trained")
    return P * state.weights + trained * (state.gradients + state.optimizer) + A


@law
def update_traffic(P: Count, A: Bytes, state: State = _FP32) -> Bytes:
    """Least traffic of a full update without cache reuse, P (4 w + 2 g + 2 o) + 2 A.

    Weights are read forward, backward and in the optimiser, which writes them; the
    rest is written and read once.  Source: the book, chapter 11.
    """
    return P * (4 * state.weights + 2 * (state.gradients + state.optimizer)) + 2 * A


@law
def lora_parameters(r: Count, d_in: Count, d_out: Count) -> Total:
    """Parameters of a rank-r update B A of a d_out x d_in matrix: r (d_in + d_out).

    Gives the 4.7 and 37.7 million that the paper prints for GPT-3 (its table 4).
    Source: Hu et al., arXiv 2106.09685 (2021), section 4.1.
    """
    return r * (d_in + d_out)


@law
def adapter_parameters(m: Count, h: Count) -> Total:
    """Parameters of an adapter, h wide with m inside, biases too: 2 h m + h + m.

    Two stand in each layer; the norms trained along with them add 2 h each.  Gives the
    five counts of Hu et al. for GPT-3 (their table 15) to the last digit printed, and
    2.0 % of BERT-large for m = 64 with norms, where Houlsby et al. print 2.1.
    Source: Houlsby et al., arXiv 1902.00751 (2019), section 2.1.
    """
    return 2 * h * m + h + m


@law
def bias_parameters(L: Count, h: Count) -> Total:
    """Biases of L transformer layers h wide with an MLP of 4 h, 11 L h, all of BitFit.

    4 h in attention, 5 h in the MLP, 2 h in the norms; h more in BERT's embedding norm
    and h in its pooler.  Llama has none.  Gives BitFit's 0.09 % of BERT-base and 0.08 %
    of BERT-large; Hu et al. print 14.2 million for GPT-3, 12 L h, and not 13.0.
    Source: Ben Zaken et al., arXiv 2106.10199 (2021), section 3.
    """
    return 11 * L * h


@law
def fedavg(w: Signed[Vectors], n: Amounts) -> Vector:
    """Average w over clients, the first axis, by their examples: sum_k (n_k / n) w_k.

    One full-batch step each gives the pooled step exactly; more local steps on unlike
    data do not.  Source: McMahan et al., arXiv 1602.05629 (2017).
    """
    w, n = np.asarray(w), np.asarray(n)
    if w.shape[:1] != n.shape or not n.any():
        raise ValueError(f"updates of shape {w.shape} from clients with {n} examples")
    share = n / n.max()
    return np.einsum("k,k...->...", share / share.sum(), w)


@law
def round_bytes(K: Whole, down: Bytes, up: Bytes) -> Bytes:
    """Bytes through the server in a round of K clients: K (down + up).

    Ignores those who drop out half-way.  Source: definition.
    """
    return K * (down + up)


@law
def round_time(
    T_train: Seconds,
    down: Bytes,
    up: Bytes,
    beta_down: Positive[BytesPerSecond],
    beta_up: Positive[BytesPerSecond],
) -> Seconds:
    """Time of one client in a round: down/beta_down + T_train + up/beta_up.

    A round takes as long as the slowest client that it waits for.  Ignores latency.
    Source: the book, chapter 11.
    """
    return down / beta_down + T_train + up / beta_up


@law
def candidates(K: Count, p: FractionBelow1, z: Ratio = 0.0) -> Ratio:
    """Clients to select so that K report when a share p drops out; round it up.

    n (1 - p) - z sqrt(n p (1 - p)) = K;  K/(1 - p) on average, z = 0
    z standard deviations of margin, for drop-outs that are independent.  1.3 K covers
    p = 0.23 on average.  Source: the normal approximation of the binomial; 1.3 is of
    Bonawitz et al., arXiv 1902.01046 (2019).
    """
    root = (z * sqrt(p) + sqrt(z * z * p + 4 * K)) / 2
    return root * root / (1 - p)


@law
def time_to_target(R: Count, E: Count, T_epoch: Seconds, T_comm: Seconds) -> Seconds:
    """Time of R rounds of E local epochs, T_target = R (E T_epoch + T_comm).

    R itself falls with E, then rises on unlike data: it is measured.
    Source: the book, chapter 11; R, McMahan et al., arXiv 1602.05629 (2017), table 2.
    """
    return R * (E * T_epoch + T_comm)


@law
def battery_share(power: Watts, t: Seconds, E_battery: Positive[Joules]) -> Ratio:
    """Share of a battery that a task of some power takes in t: power t / E_battery.

    Above 1 it ends before the task.  Ignores that a battery gives less in the cold and
    at high power.  A microcontroller's power is nearly the same for all networks: that
    of one gives the energy of another within 6 % (MLPerf Tiny v1.2, three boards).
    Source: definition of power.
    """
    return power * t / E_battery


@law
def break_even_rounds(raw: Bytes, update: Positive[Bytes]) -> Ratio:
    """Rounds whose updates are as many bytes as the raw data: raw / update.

    Counts the uplink alone.  Source: the book, chapter 11.
    """
    return raw / update


@law
def unmasking(K: Count, d: Whole) -> Total:
    """Masks that a server must expand to sum K clients of whom d dropped out.

    (K - d)(1 + d): each survivor's own, and its pair masks s_ij = -s_ji with the d
    Pair masks between survivors cancel.  More than K cannot drop out: ValueError.
    Source: Bonawitz et al., CCS (2017).
    """
    return (K - d) * (1 + d)


@law
def krum_clients(f: Whole) -> Total:
    """Fewest clients among whom Krum withstands f Byzantine ones: 2 f + 3.

    A mean withstands none, a median any minority.  Source: Blanchard et al. (2017).
    """
    return 2 * f + 3
