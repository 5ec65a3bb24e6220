"""The laws of performance against tiles, counters, coins, ledgers and papers."""

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsyscore import fleet
from mlsyscore import performance as perf
from mlsyscore.catalog import A100, H100, V100
from mlsyscore.compute import Accelerator
from mlsyscore.units import GB, MB, PFLOP, TFLOP, day, hour, us


def play_kernel(load, work, launch, tiles, overlap):
    """Launch, then load and compute tile by tile; return when the last is done."""
    loaded = done = launch
    for _ in range(tiles):
        loaded = (loaded if overlap else done) + load / tiles
        done = max(done, loaded) + work / tiles
    return done


@pytest.mark.parametrize("share", [0.01, 0.5, 1.0, 4.0])
def test_iron_laws_bracket_a_kernel_that_is_played_tile_by_tile(share):
    O, D_vol, eta, L = share * H100.ridge * 30 * MB, 30 * MB, 0.8, 4 * us
    load, work = 30 * MB / H100.bw, O / H100.peak / eta
    serial = perf.iron_law(O, D_vol, H100, eta, L)
    assert play_kernel(load, work, L, 20, False) == pytest.approx(serial)
    best = perf.overlapped_iron_law(O, D_vol, H100, eta, L)
    for tiles in (1, 20, 400):  # one tile of the shorter term sticks out
        played = play_kernel(load, work, L, tiles, True)
        assert played == pytest.approx(best + min(load, work) / tiles)


@given(O=st.floats(0, 1e15), D_vol=st.floats(1, 1e12), L=st.floats(0, 1))
def test_no_overlap_costs_at_most_twice(O, D_vol, L):
    ratio = perf.iron_law(O, D_vol, H100, 0.5, L)
    ratio /= perf.overlapped_iron_law(O, D_vol, H100, 0.5, L)
    assert 1 - 1e-12 <= ratio <= 2 + 1e-12


def test_no_overlap_costs_twice_where_the_terms_are_equal():
    words = (H100.ridge * 0.5 * GB, GB, H100, 0.5)
    worst = perf.iron_law(*words, 0.0) / perf.overlapped_iron_law(*words, 0.0)
    assert worst == pytest.approx(2)
    L = GB / H100.bw  # a launch as long as each of the two leaves 1.5
    worst = perf.iron_law(*words, L) / perf.overlapped_iron_law(*words, L)
    assert worst == pytest.approx(1.5)


@pytest.mark.parametrize(("m", "n", "d"), [(1, 16, 16), (3, 5, 7), (12, 12, 12)])
def test_gemm_intensity_counts_a_product(m, n, d):
    a, b, c = np.ones((m, d), "f2"), np.ones((d, n), "f2"), np.zeros((m, n), "f2")
    operations = 0
    for i, j, l in np.ndindex(m, n, d):
        c[i, j] += a[i, l] * b[l, j]
        operations += 2
    assert (c == d).all()
    counted = operations / (a.nbytes + b.nbytes + c.nbytes)
    assert perf.gemm_intensity(m, n, d) == pytest.approx(counted)
    assert perf.gemm_intensity(m, n, d, 4.0) == pytest.approx(counted / 2)


@pytest.mark.parametrize(
    ("m", "n", "d"), [(1, 10**9, 10**9), (10**120,) * 3, (3, 7, 1)]
)
def test_gemm_intensity_of_any_size_is_a_quotient_of_whole_numbers(m, n, d):
    exact = Fraction(2 * m * n * d, 2 * (m * d + d * n + m * n))
    assert perf.gemm_intensity(m, n, d) == pytest.approx(float(exact), rel=1e-15)


def test_a_product_in_tiles_of_128_falls_22_times_short():
    # 4,096 square in fp16: the law says 1,365; tiles read their rows and columns anew
    n, tile, moved = 4096, 128, 0
    for _ in np.ndindex(n // tile, n // tile):
        moved += 2 * tile * n * 2 + tile * tile * 2
    law = perf.gemm_intensity(n, n, n)
    assert law == pytest.approx(1365, abs=0.5)
    assert law / (2 * n**3 / moved) == pytest.approx(21.7, abs=0.1)


def test_elementwise_intensity_and_what_fusion_does():
    x = np.ones(1000, "f2")
    y = x * 1  # one read, one written; GELU by tanh takes about five operations
    counted = 5 * x.size / (x.nbytes + y.nbytes)
    assert perf.elementwise_intensity(5, 2) == pytest.approx(counted)
    apart = perf.elementwise_intensity(3, 6)  # three operators of one operation
    assert perf.elementwise_intensity(3, 2) / apart == pytest.approx(3)
    assert perf.elementwise_intensity(1, 1, 4.0) == pytest.approx(0.25)


def model_flop(L, h, s, V, B):
    """Operations of a step of B sequences: Korthikanti et al., 2205.05198, app. A."""
    return 72 * B * s * L * h**2 * (1 + s / (6 * h) + V / (12 * L * h))


def palm_flop(P, L, H, Q, s):
    """Operations of a token with attention: Chowdhery et al., 2204.02311, app. B."""
    return 6 * P + 12 * L * H * Q * s


GPT = (96, 12288, 2048, 65536)  # 175B; batches and times in MegaScale's table 2


@pytest.mark.parametrize(
    ("O", "T", "N", "peak", "published"),
    [  # operations, seconds, chips, peak; TPU v4: 275 TFLOP/s
        # tokens/s, "without attention" and with: arXiv 2204.02311, table 3
        (6 * 540e9 * 238_300, 1, 6144, 275 * TFLOP, 0.457),
        (6 * 530e9 * 65_430, 1, 2240, A100.peak, 0.297),
        (palm_flop(540e9, 118, 48, 256, 2048) * 238_300, 1, 6144, 275 * TFLOP, 0.462),
        (palm_flop(530e9, 105, 128, 160, 2048) * 65_430, 1, 2240, A100.peak, 0.302),
        # 530B, 280 sequences, selective recompute: arXiv 2205.05198, table 5
        (model_flop(105, 20480, 2048, 51200, 280), 37.83, 280, A100.peak, 0.560),
        # Megatron-LM, 175B: Jiang et al. (MegaScale), NSDI 2024, table 2
        (model_flop(*GPT, 768), 40.0, 256, A100.peak, 0.530),
        (model_flop(*GPT, 768), 21.2, 512, A100.peak, 0.499),
        (model_flop(*GPT, 768), 11.9, 1024, A100.peak, 0.447),
        (model_flop(*GPT, 6144), 29.02, 3072, A100.peak, 0.487),
        # GPT-2, 124M: nanoGPT, transformer_sizing.ipynb
        (100 * 874_944_921_600, 0.755, 1, A100.peak, 0.3714),
        # GPT-3: 14.8 days on 10,000 V100: Patterson et al., arXiv 2104.10350, table 4
        (3.14e23, 14.8 * day, 10_000, V100.peak, 24.6 / 125),
    ],
)
def test_published_mfu(O, T, N, peak, published):
    chip = Accelerator(peak, 1.0, 1.0, 1.0)
    assert perf.mfu(O, T, N, chip) == pytest.approx(published, rel=0.003)


@pytest.mark.parametrize(("rate", "printed"), [(430, 43), (400, 41), (380, 38)])
def test_mfu_printed_to_a_percent_is_met_within_the_digits_of_the_rate(rate, printed):
    # Llama 3 405B on H100: rates to 10 TFLOP/s, arXiv 2407.21783, table 4
    law = perf.mfu(rate * TFLOP, 1, 1, H100)
    assert law == pytest.approx(printed / 100, rel=0.014)


@pytest.mark.parametrize(
    ("N", "each", "total"), [(64, 138, 8.8), (512, 138, 70.8), (3072, 163, 502.0)]
)
def test_published_rates_add_up(N, each, total):
    # A100, TFLOP/s each and PFLOP/s together: arXiv 2104.04473, table 1; rounded
    law = perf.effective_rate(N, A100, each / 312, 1.0, 1.0)
    assert law / PFLOP == pytest.approx(total, rel=0.005)


def test_effective_rate_is_what_a_played_job_achieves():
    O, N = 1e18, 64  # operations of one step
    compute = O / (A100.peak * 0.5)
    step = fleet.step_time(compute, N, 20.0, 5.0, 0.0)
    eta = fleet.scaling_efficiency(compute, step, N)
    kept = np.random.default_rng(0).random(100_000) < 0.9  # steps not lost
    rate = O * kept.sum() / (step * kept.size)
    law = perf.effective_rate(N, A100, 0.5, eta, 0.9)
    assert rate == pytest.approx(law, rel=0.005)  # standard error 0.1 %


def test_goodput_and_its_price_by_the_chip_second():
    S, R, P, n = 0.65, 0.904, 0.48, 1_000_000
    rng = np.random.default_rng(1)
    held = rng.random(n) < S  # a whole job has the chip
    kept = held & (rng.random(n) < R)
    useful = kept & (rng.random(n) < P)
    law = perf.mpg(S, R, P)
    error = math.sqrt(law * (1 - law) / n)
    assert useful.mean() == pytest.approx(law, abs=4 * error)
    price = 2 / hour
    assert n * price / useful.sum() == pytest.approx(
        perf.useful_cost(price, law), rel=4 * error / law
    )
    assert perf.mpg(1, 1, 1) == 1
    assert perf.mpg(0, 1, 1) == 0


def accepted(a, k, rng):
    """Draft k tokens a row, stop at the first refusal, add the target's own."""
    return 1 + np.cumprod(rng.random((*np.shape(a), k)) < a[..., None], axis=-1).sum(-1)


@pytest.mark.parametrize(("a", "k"), [(0.0, 4), (0.62, 7), (0.5, 0), (1.0, 3)])
def test_speculative_rounds_that_are_played(a, k):
    tokens = accepted(np.full(200_000, a), k, np.random.default_rng(k))
    error = tokens.std() / math.sqrt(tokens.size)
    assert tokens.mean() == pytest.approx(perf.speculative_tokens(a, k), abs=4 * error)


@pytest.mark.parametrize("a", [0.0, 1e-17, 0.1, 0.5, 0.9, 1 - 1e-9, 1 - 2**-53, 1.0])
@pytest.mark.parametrize("k", [0, 1, 7, 1_000, 10**12])
def test_speculative_tokens_are_right_to_12_digits_also_next_to_1(a, k):
    with localcontext() as digits:
        digits.prec = 60
        x = Decimal(a)
        exact = (1 - x ** (k + 1)) / (1 - x) if a < 1 else Decimal(k + 1)
    assert perf.speculative_tokens(a, k) == pytest.approx(float(exact), rel=1e-12)


def test_drafts_that_no_one_could_count_end_at_once():
    assert perf.speculative_tokens(0.9, 10**300) == pytest.approx(10)
    assert perf.speculative_tokens(1, 10**300) == pytest.approx(1e300)
    tokens = perf.speculative_tokens(np.array([[0.5], [1.0]]), np.array([0, 1, 2]))
    assert tokens.tolist() == [[1, 1.5, 1.75], [1, 2, 3]]


def test_rounds_that_differ_accept_a_quarter_more_than_their_mean_says():
    # half of the rounds easy (0.95), half hard (0.55), seven drafted
    rng = np.random.default_rng(2)
    tokens = accepted(rng.choice([0.55, 0.95], 200_000), 7, rng).mean()
    assert tokens / perf.speculative_tokens(0.75, 7) == pytest.approx(1.24, abs=0.01)


def test_speculation_of_leviathan_table_1():
    # speed-up with a free draft; Leviathan, Kalman and Matias, ICML 2023, table 1
    for a, k, speed in (
        *((0.6, 2, 1.96), (0.7, 3, 2.53), (0.8, 2, 2.44)),
        *((0.8, 5, 3.69), (0.9, 2, 2.71), (0.9, 10, 6.86)),
        (0.2, 3, 1.25),  # a bigram model drafts: their section 4
    ):
        assert perf.speculative_speedup(a, k, 0) == pytest.approx(speed, abs=0.006)


def test_speculation_of_leviathan_table_4_predicted_and_measured():
    # alpha, gamma, c, predicted and measured speed-up of T5-XXL on a TPU v4;
    # the same, table 4 (appendix)
    rows = [
        *((0.75, 7, 0.02, 3.2, 3.4), (0.62, 7, 0.02, 2.3, 2.6)),
        *((0.68, 5, 0.04, 2.4, 2.4), (0.71, 3, 0.11, 2.0, 1.4)),
        *((0.65, 5, 0.02, 2.4, 3.1), (0.73, 5, 0.04, 2.6, 3.0)),
        *((0.74, 3, 0.11, 2.0, 2.2), (0.53, 5, 0.02, 1.9, 2.3)),
        *((0.55, 3, 0.04, 1.8, 2.2), (0.56, 3, 0.11, 1.6, 1.7)),
    ]
    ours = np.array([perf.speculative_speedup(a, k, c) for a, k, c, *_ in rows])
    predicted, measured = np.array(rows)[:, 3:].T
    # printed to a tenth, from an alpha that is printed to a hundredth
    assert np.abs(ours - predicted).max() < 0.07
    assert (measured / ours).min() == pytest.approx(0.72, abs=0.01)
    assert (measured / ours).max() == pytest.approx(1.29, abs=0.01)
    assert np.median(measured / ours) == pytest.approx(1.12, abs=0.02)


@pytest.mark.parametrize(("a", "k", "what"), [(0.5, -1, "k = -1"), (2, 1, "a = 2")])
def test_the_law_that_was_asked_names_what_it_refuses(a, k, what):
    with pytest.raises(ValueError, match=f"speculative_speedup: {what}"):
        perf.speculative_speedup(a, k, 0.1)


def test_compiling_pays_back_at_the_call_where_the_clocks_meet():
    # 13B decode: 120 -> 189 tokens a second, after a minute of compiling
    before, after = 1 / 120, 1 / 189
    calls = np.arange(1, 100_000)
    first = calls[60 + calls * after < calls * before][0]
    assert first - 1 <= perf.compile_payback(60, before, after) <= first
    for T_compile, after in ((60, before), (60, 1), (0, 1)):
        with pytest.raises(ValueError, match="saves nothing"):
            perf.compile_payback(T_compile, before, after)


@pytest.mark.parametrize("send", [0.0, 0.05, 0.4])
def test_exposed_communication_is_what_the_timeline_shows(send):
    free, hidden, end = 0.0, 0.0, 10 * 0.1
    for layer in range(1, 11):  # its gradients leave when its backward pass ends
        start = max(free, layer * 0.1)
        free = start + send
        hidden += max(0.0, min(free, end) - start)
    law = perf.exposed_communication(10 * send, hidden)
    assert law == pytest.approx(free - end)


def test_arrays_broadcast():
    x, N = np.array([0.25, 0.5, 1.0]), np.array([1, 8, 64])

    def laws(x, N):
        yield perf.iron_law(x, 2.0, H100, x, 1.0)
        yield perf.overlapped_iron_law(H100.ridge * x, x, H100, x, 0.0)
        yield perf.gemm_intensity(N, 5, 7) + perf.elementwise_intensity(x, N)
        yield perf.mfu(x * TFLOP, 9.0, N, H100) * perf.mpg(x, x, 0.5)
        yield perf.effective_rate(N, H100, x, x, x)
        yield perf.useful_cost(2.0, x) + perf.compile_payback(x, 2 * x, x)
        yield perf.speculative_speedup(x, N, x)
        yield perf.exposed_communication(2 * x, x)

    each = [list(laws(float(y), int(n))) for y, n in zip(x, N, strict=True)]
    assert np.allclose(np.array(list(laws(x, N))).T, each)


@pytest.mark.parametrize(
    "bad",
    [
        lambda: perf.iron_law(1, 1, H100, 80, 0),
        lambda: perf.iron_law(1, 1, H100, 0, 0),
        lambda: perf.iron_law(1, 1, H100, math.nan, 0),
        lambda: perf.iron_law(-1, 1, H100, 1, 1),
        lambda: perf.iron_law(1, -1, H100, 1, 1),
        lambda: perf.iron_law(1, 1, H100, 1, -1e-15),
        lambda: perf.overlapped_iron_law(1, 1, H100, -0.1, 0),
        lambda: perf.overlapped_iron_law(1, 1, H100, 0, 0),
        lambda: perf.overlapped_iron_law(1, 1, H100, 80, 0),
        lambda: perf.overlapped_iron_law(-1, 1, H100, 1, 0),
        lambda: perf.overlapped_iron_law(1, -1, H100, 1, 0),
        lambda: perf.overlapped_iron_law(1, 1, H100, 1, -1e-15),
        lambda: perf.gemm_intensity(0, 1, 1),
        lambda: perf.gemm_intensity(1, 0, 1),
        lambda: perf.gemm_intensity(1, 1, 0),
        lambda: perf.gemm_intensity(1, 1, 1, 0),
        lambda: perf.gemm_intensity(1, 1, 1, 2.0, 0),
        lambda: perf.elementwise_intensity(1, 0),
        lambda: perf.elementwise_intensity(1, 1, 0),
        lambda: perf.elementwise_intensity(-1, 1),
        lambda: perf.mfu(1, 1, 0, H100),
        lambda: perf.mfu(1, 0, 1, H100),
        lambda: perf.mfu(-1, 1, 1, H100),
        lambda: perf.mfu(1.01 * H100.peak, 1, 1, H100),
        lambda: perf.mpg(0.6, 90, 0.01),
        lambda: perf.mpg(0.6, 0.9, 1.5),
        lambda: perf.mpg(1.1, 0.9, 0.5),
        lambda: perf.mpg(-0.5, -0.5, 0.5),
        lambda: perf.effective_rate(1, H100, 41, 1, 1),
        lambda: perf.effective_rate(1, H100, 0.4, 80, 1),
        lambda: perf.effective_rate(1, H100, 0.4, 1, 90),
        lambda: perf.effective_rate(0, H100, 0.4, 1, 1),
        lambda: perf.useful_cost(2, 28.2),
        lambda: perf.useful_cost(2, 0),
        lambda: perf.useful_cost(-2, 0.5),
        lambda: perf.speculative_tokens(np.array([-0.1, 0.5]), 3),
        lambda: perf.speculative_tokens(1.1, 3),
        lambda: perf.speculative_tokens(0.5, -1),
        lambda: perf.speculative_tokens(0.5, 1.5),
        lambda: perf.speculative_speedup(0.5, 1, -0.1),
        lambda: perf.compile_payback(60, 1, 1),
        lambda: perf.compile_payback(60, 1, 2),
        lambda: perf.compile_payback(-60, 2, 1),
        lambda: perf.compile_payback(60, 2, -1),
        lambda: perf.exposed_communication(1, 1.1),
        lambda: perf.exposed_communication(1, -0.1),
    ],
)
def test_input_that_would_give_a_plausible_wrong_answer_is_refused(bad):
    with pytest.raises(ValueError, match=r"\d"):
        bad()
