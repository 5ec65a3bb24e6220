"""Each law is checked against something that is not the law."""

import numpy as np
import pytest
from scipy import stats

from mlsyscore import edge
from mlsyscore.network import Link
from mlsyscore.training import State
from mlsyscore.units import KB, MB, Mbps, Wh, hour, minute, uJ, watt


@pytest.mark.parametrize("trained", [0, 100, 4000])
def test_an_update_that_runs_holds_the_working_set(trained):
    rng = np.random.default_rng(0)
    weights = rng.normal(size=4000).astype(np.float32)
    kept = [np.zeros((8, 50), np.float32) for _ in range(3)]  # activations
    state = [np.zeros(trained, np.float32) for _ in ("gradient", "first", "second")]
    held = sum(x.nbytes for x in [weights, *kept, *state])
    A = sum(x.nbytes for x in kept)
    assert edge.working_set(4000, trained, A) == held
    half = State(2.0, 2.0, 8.0)
    assert edge.working_set(4000, trained, A, half) == held - 2 * (4000 + trained)


def test_an_update_that_runs_moves_the_traffic():
    moved = []

    def use(x):
        """Read or write an array: its bytes pass the memory once."""
        moved.append(x.nbytes)
        return x

    w, x = np.ones((64, 64), np.float32), np.ones((9, 64), np.float32)
    first, second = np.zeros_like(w), np.zeros_like(w)
    y = use(x @ use(w))  # forward: the activation is kept
    back = use(y) @ use(w).T
    g = use(use(x.T @ back))  # written by the backward pass, read by the optimiser
    first = use(0.9 * use(first) + 0.1 * g)
    second = use(0.99 * use(second) + 0.01 * g * g)
    w = use(use(w) - first / (np.sqrt(second) + 1))
    assert edge.update_traffic(w.size, y.nbytes) == sum(moved)


@pytest.mark.parametrize(("r", "d_in", "d_out"), [(1, 5, 3), (4, 96, 64)])
def test_a_low_rank_update_is_two_real_matrices(r, d_in, d_out):
    rng = np.random.default_rng(1)
    W, x = rng.normal(size=(d_out, d_in)), rng.normal(size=(7, d_in))
    A, B = rng.normal(size=(r, d_in)), rng.normal(size=(d_out, r))
    merged = W + B @ A
    assert np.allclose(x @ merged.T, x @ W.T + (x @ A.T) @ B.T)
    assert np.linalg.matrix_rank(merged - W) == r
    assert edge.lora_parameters(r, d_in, d_out) == A.size + B.size


@pytest.mark.parametrize(("r", "millions"), [(1, 4.7), (8, 37.7)])
def test_adapters_of_gpt3_are_those_of_the_paper(r, millions):
    # query and value of 96 layers, 12,288 wide: Hu et al. (2021), table 4
    adapters = 96 * 2 * edge.lora_parameters(r, 12288, 12288)
    assert adapters / 10**6 == pytest.approx(millions, abs=0.06)


def parameters(module):
    return sum(x.numel() for x in module.parameters())


@pytest.mark.parametrize(("m", "d"), [(1, 8), (64, 256)])
def test_an_adapter_is_two_real_layers_with_biases(m, d):
    from torch import nn

    adapter = nn.Sequential(nn.Linear(d, m), nn.GELU(), nn.Linear(m, d))
    assert edge.adapter_parameters(m, d) == parameters(adapter)


@pytest.mark.parametrize(
    ("r", "millions"), [(1, 7.1), (4, 21.2), (8, 40.1), (16, 77.9), (64, 304.4)]
)
def test_adapters_with_biases_of_gpt3_are_those_of_the_paper(r, millions):
    # two in each of 96 layers, 12,288 wide: Hu et al. (2021), table 15, AdapterH
    adapters = 96 * 2 * edge.adapter_parameters(r, 12288)
    assert adapters / 10**6 == pytest.approx(millions, abs=0.05)


@pytest.mark.parametrize(("m", "percent"), [(2, 0.1), (64, 2.0)])
def test_adapters_of_bert_base_are_those_of_the_paper(m, percent):
    # 12 layers, 768 wide, 110 million: Houlsby et al. (2019), section 3.5
    share = 12 * 2 * edge.adapter_parameters(m, 768) / 110e6
    assert 100 * share == pytest.approx(percent, rel=0.2)


def test_adapters_of_bert_large_with_norms_are_near_those_of_the_paper():
    # 24 layers, 1,024 wide, 330 million, m = 64: Houlsby et al. (2019), table 1: 2.1 %
    trained = 24 * 2 * (edge.adapter_parameters(64, 1024) + 2 * 1024)
    assert 100 * trained / 330e6 == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize(("L", "h"), [(1, 8), (3, 64)])
def test_biases_are_those_of_real_layers(L, h):
    from torch import nn

    layers = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(h, 2, 4 * h), L, enable_nested_tensor=False
    )
    named = layers.named_parameters()
    assert edge.bias_parameters(L, h) == sum(
        x.numel() for name, x in named if "bias" in name
    )


@pytest.mark.parametrize(
    ("L", "h", "P", "percent"), [(12, 768, 110e6, 0.09), (24, 1024, 340e6, 0.08)]
)
def test_biases_of_bert_are_those_of_bitfit(L, h, P, percent):
    # Ben Zaken et al. (2021), section 3; P: Devlin et al. (2019)
    biases = edge.bias_parameters(L, h) + 2 * h  # the embedding's norm, the pooler
    assert 100 * biases / P == pytest.approx(percent, abs=0.005)


def test_biases_of_a_tiny_bert_are_counted_one_by_one():
    # github.com/asmdv/bitfit-finetuning: 3,330 of 4,386,178, with 2 classes
    head = 128 * 2 + 2
    assert edge.bias_parameters(2, 128) + 2 * 128 + head == 3330


def clients(skew):
    """Five clients of unequal size; skew moves each one's inputs and coefficients."""
    rng = np.random.default_rng(2)
    for k, n in enumerate([10, 20, 40, 80, 160]):
        X = rng.normal(skew * k, 1, (n, 3))
        yield X, X @ (np.array([1.0, -2.0, 0.5]) + skew * k) + rng.normal(0, 0.1, n)


def test_fedavg_of_one_full_step_is_the_pooled_step():
    data, w = list(clients(1.0)), np.array([0.2, 0.1, 0.0])
    X, y = np.concatenate([X for X, _ in data]), np.concatenate([y for _, y in data])

    def step(X, y):
        return w - 0.1 * X.T @ (X @ w - y) / len(y)

    average = edge.fedavg([step(*d) for d in data], [len(y) for _, y in data])
    assert average == pytest.approx(step(X, y))


def test_fedavg_of_whole_fits_misses_the_pooled_fit_when_clients_differ():
    missed = []
    for skew in (0.0, 0.3):
        data = list(clients(skew))
        fits = [np.linalg.lstsq(X, y)[0] for X, y in data]
        X, y = (np.concatenate(part) for part in zip(*data, strict=True))
        pooled = np.linalg.lstsq(X, y)[0]
        average = edge.fedavg(fits, [len(y) for _, y in data])
        missed.append(np.linalg.norm(average - pooled) / np.linalg.norm(pooled))
    assert missed == pytest.approx([0, 0.08], abs=0.005)


@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_fedavg_is_the_mean_of_all_examples_held_one_by_one(shape):
    w, n = np.random.default_rng(9).normal(size=(3, *shape)), [2, 0, 5]
    held = [update for update, k in zip(w, n, strict=True) for _ in range(k)]
    assert edge.fedavg(w, n) == pytest.approx(np.mean(held, axis=0))


def test_fedavg_takes_counts_of_any_size():
    assert edge.fedavg([1.0, 3.0], [1e308, 1e308]) == 2
    assert edge.fedavg([1.0, 3.0], [5e-324, 0.0]) == 1


def test_a_round_is_its_messages_and_its_slowest_part():
    down, up = Link(0.0, 40 * Mbps), Link(0.0, 5 * Mbps)
    T = down.time(40 * MB) + 90 + up.time(2.5 * MB)
    assert edge.round_time(90, 40 * MB, 2.5 * MB, 40 * Mbps, 5 * Mbps) == T
    messages = [40 * MB] * 12 + [2.5 * MB] * 12
    assert edge.round_bytes(12, 40 * MB, 2.5 * MB) == sum(messages)


def test_more_local_epochs_pay_until_the_rounds_rise_again():
    # rounds to 99 % with E = 1, 5, 20 and B = 50, the same data on all and unlike data:
    # McMahan et al. (2017), table 2
    E = np.array([1, 5, 20])
    for R, best in [(np.array([65, 29, 32]), 5), (np.array([600, 334, 426]), 5)]:
        for T_comm, ours in [(600.0, best), (0.0, 1)]:
            played = [
                sum(e * 10 + T_comm for _ in range(r))
                for e, r in zip(E, R, strict=True)
            ]
            assert edge.time_to_target(R, E, 10, T_comm) == pytest.approx(played)
            assert E[np.argmin(played)] == ours


@pytest.mark.parametrize(("K", "p"), [(100, 0.1), (1000, 0.06), (300, 0.25)])
def test_the_margin_of_candidates_holds_as_often_as_a_normal_says(K, p):
    mean, safe = edge.candidates(K, p), edge.candidates(K, p, 2.0)
    reported = np.random.default_rng(3).binomial(int(np.ceil(mean)), 1 - p, 100_000)
    assert reported.mean() == pytest.approx(K, rel=0.01)
    enough = stats.binom.sf(K - 1, np.ceil(safe), 1 - p)
    # two standard deviations: 97.7 %; a whole client more or less moves it by 1 %
    assert enough == pytest.approx(stats.norm.cdf(2), abs=0.012)


def test_130_percent_of_the_target_is_ample_for_the_drop_out_that_was_measured():
    # Bonawitz et al. (2019): 130 % selected, 6 to 10 % drop out
    assert edge.candidates(100, 0.23) == pytest.approx(130, abs=0.2)
    assert edge.candidates(100, 0.1, 4.9) == pytest.approx(130, abs=0.5)
    assert stats.binom.cdf(99, 130, 0.9) < 1e-4  # fewer than 100 of 130 report


def test_battery_share_adds_up_the_energy_of_each_inference():
    # 31.537 uJ and 228.982 inferences a second, keyword spotting on an NDP9120:
    # MLPerf Tiny v1.2 (2024), Syntiant.  An hour of them from a watch's 1 Wh.
    spent = sum([31.537 * uJ] * round(228.982 * 3600)) / (1 * Wh)
    power = 31.537 * uJ * 228.982
    assert edge.battery_share(power, 1 * hour, 1 * Wh) == pytest.approx(spent)
    assert edge.battery_share(4.5 * watt, 30 * minute, 15 * Wh) == pytest.approx(0.15)


def test_a_boards_power_at_one_network_gives_the_energy_of_the_others():
    # MLPerf Tiny v1.2 (2024), STMicroelectronics: inferences a second and uJ for each
    boards = {
        "L4R5ZI": [(11.245, 3894.566), (6.056, 6919.375), (23.155, 1820.454)],
        "H7A3ZI-Q": [(42.009, 2965.461), (88.356, 1375.599)],
        "U575ZI-Q": [(291.589, 81.875), (9.003, 2578.969), (34.416, 656.163)],
    }
    errors, rival = [], []
    for measured in boards.values():
        for rate, energy in measured:
            for other, published in measured:
                power = rate * energy * uJ
                said = edge.battery_share(power, 1 / other, 1.0)
                errors.append(said / (published * uJ) - 1)
                rival.append(energy / published - 1)  # an inference is an inference
    assert np.abs(errors).max() < 0.06
    assert np.abs(rival).max() > 1


def test_break_even_is_the_round_at_which_the_updates_are_as_long_as_the_data():
    sent, rounds = 0.0, 0
    while sent < 1000 * 200 * KB:
        sent, rounds = sent + 2.5 * MB, rounds + 1
    assert edge.break_even_rounds(1000 * 200 * KB, 2.5 * MB) == rounds


@pytest.mark.parametrize(("K", "gone"), [(5, 0), (6, 2), (9, 8), (4, 4)])
def test_masks_cancel_and_the_server_expands_those_of_the_law(K, gone):
    rng = np.random.default_rng(4)
    x, own = rng.integers(0, 2**32, (2, K, 6), dtype=np.uint32)
    pair = rng.integers(0, 2**32, (K, K, 6), dtype=np.uint32)
    pair = np.triu(pair.T, 1).T  # one mask for each pair, i > j
    s = pair - pair.transpose(1, 0, 2)  # s_ij = -s_ji modulo 2^32
    stay = range(gone, K)
    total = sum((x[i] + own[i] + s[i].sum(0, dtype=np.uint32) for i in stay), x[0] * 0)
    expanded = 0
    for i in stay:
        for mask in [own[i], *(s[i, j] for j in range(gone))]:
            total, expanded = total - mask, expanded + 1
    assert (total == x[gone:].sum(0, dtype=np.uint32)).all()
    assert edge.unmasking(K, gone) == expanded


def krum(x, f):
    """Pick the update whose n - f - 2 nearest others are nearest."""
    square = ((x[:, None] - x) ** 2).sum(-1)
    near = np.sort(square, axis=1)[:, 1 : len(x) - f - 1].sum(axis=1)
    return int(near.argmin())


@pytest.mark.parametrize("f", [1, 2, 5])
def test_krum_rejects_colluders_from_one_client_below_its_bound(f):
    def rejects(n):
        x = np.random.default_rng(5).normal(1, 1, (200, n, 10))
        x[:, :f] = -20.0  # colluders send the same vector
        return all(krum(updates, f) >= f for updates in x)

    least = min(n for n in range(f + 2, 4 * f + 4) if rejects(n))
    assert edge.krum_clients(f) == least + 1  # the proof asks for one more
    assert rejects(edge.krum_clients(f))


def test_arrays_broadcast():
    N = np.array([1, 8, 64])
    for law in (
        lambda n: edge.working_set(99, n, 5.0),
        lambda n: edge.update_traffic(n, 5.0),
        lambda n: edge.candidates(n, 0.1, 2.0),
        lambda n: edge.time_to_target(n, 2, 3.0, 4.0),
        lambda n: edge.unmasking(n, 1),
        lambda n: edge.krum_clients(n),
    ):
        assert law(N) == pytest.approx([law(int(n)) for n in N])


@pytest.mark.parametrize(
    "bad",
    [
        lambda: edge.working_set(10, 11, 0.0),
        lambda: edge.working_set(10, np.array([-1, 4]), 0.0),
        lambda: edge.lora_parameters(0, 8, 8),
        lambda: edge.lora_parameters(np.array([0, 1]), 8, 8),
        lambda: edge.lora_parameters(4, 0, 8),
        lambda: edge.lora_parameters(4, 8, 0),
        lambda: edge.adapter_parameters(0, 8),
        lambda: edge.adapter_parameters(8, 2.5),
        lambda: edge.bias_parameters(0, 8),
        lambda: edge.bias_parameters(8, 0),
        lambda: edge.working_set(0, 0, 1.0),
        lambda: edge.working_set(10, 5, -1.0),
        lambda: edge.update_traffic(-10, 1.0),
        lambda: edge.fedavg([1.0, 2.0], [0.0, 0.0]),
        lambda: edge.fedavg([1.0, 2.0], [3.0, -1.0]),
        lambda: edge.fedavg([1.0, 2.0], [3.0, float("inf")]),
        lambda: edge.fedavg([1.0, float("nan")], [3.0, 1.0]),
        lambda: edge.fedavg([1.0, 2.0], [3.0]),
        lambda: edge.fedavg([1.0, 2.0], [[3.0, 1.0], [1.0, 1.0]]),
        lambda: edge.fedavg([1.0, 2.0], [[3.0], [1.0]]),
        lambda: edge.fedavg(1.0, 1.0),
        lambda: edge.fedavg([], []),
        lambda: edge.round_bytes(-1, 2.0, 3.0),
        lambda: edge.round_time(1.0, 2.0, 3.0, 0.0, 1.0),
        lambda: edge.round_time(1.0, 2.0, 3.0, 1.0, 0.0),
        lambda: edge.candidates(0, 0.1),
        lambda: edge.candidates(100, 0.1, -2.0),  # fewer than on average
        lambda: edge.time_to_target(0, 1, 1.0, 1.0),
        lambda: edge.time_to_target(1, 0, 1.0, 1.0),
        lambda: edge.battery_share(1.0, 1.0, 0.0),
        lambda: edge.battery_share(-1.0, 1.0, 5.0),
        lambda: edge.battery_share(1.0, float("inf"), 5.0),
        lambda: edge.break_even_rounds(1.0, 0.0),
        lambda: edge.candidates(100, 1.0),
        lambda: edge.candidates(100, np.array([-0.1, 0.1])),
        lambda: edge.candidates(100, float("nan")),
        lambda: edge.unmasking(4, 5),
        lambda: edge.unmasking(4, np.array([-1, 2])),
        lambda: edge.krum_clients(-1),
    ],
)
def test_input_that_would_give_a_plausible_wrong_answer_is_refused(bad):
    with pytest.raises(ValueError, match=r"\d|nan"):
        bad()


def test_the_borders_of_the_refused_are_answered():
    assert edge.working_set(10, 10, 0.0) == 160
    assert edge.unmasking(4, 4) == 0
    assert edge.battery_share(2.0, 3.0, 4.0) == 1.5  # it ends before the task
    assert type(edge.krum_clients(1)) is type(edge.lora_parameters(4, 8, 8)) is int
    assert edge.fedavg([1.0, 3.0], [0.0, 0.5]) == 3
    assert edge.candidates(100, 0.0, 2.0) == pytest.approx(100)
    assert edge.krum_clients(0) == 3
