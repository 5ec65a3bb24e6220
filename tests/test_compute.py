"""The laws of one chip and one rack against tiles, rings, ledgers and measurements."""

import inspect
import math
from fractions import Fraction

import numpy as np
import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import constants, integrate, optimize

from mlsyscore import compute
from mlsyscore.catalog import A100, AIR, B200, H100, H100_FP8, V100, WATER
from mlsyscore.compute import Accelerator, Coolant, Transformer
from mlsyscore.units import GB, TB, TFLOP, day, kW, litre, ms, second, watt


def play_tiles(O, D_vol, chip, tiles, buffers):
    """Load tiles one after the other and compute on each; return when all is done.

    A tile is loaded when a buffer is free: one buffer is no overlap.
    """
    load, work = D_vol / chip.bw / tiles, O / chip.peak / tiles
    loaded, free = 0.0, [0.0] * buffers
    for i in range(tiles):
        loaded = max(loaded, free[i % buffers]) + load
        free[i % buffers] = max(loaded, free[(i - 1) % buffers]) + work
    return max(free)


@pytest.mark.parametrize("share", [0.01, 0.3, 1.0, 3.0, 100.0])
def test_roofline_is_the_limit_of_double_buffered_tiles(share):
    D_vol = 10 * GB
    O = share * H100.ridge * D_vol
    law = compute.roofline(O, D_vol, H100)
    for tiles in (10, 100, 1_000):  # the first load and the last work stick out
        played = play_tiles(O, D_vol, H100, tiles, 2)
        assert law <= played <= law * (1 + 1 / tiles) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("share", "excess"), [(1 / 295, 1.003), (0.25, 1.25), (1, 2), (2, 1.5), (4, 1.25)]
)
def test_without_overlap_up_to_twice_the_time_and_that_at_the_ridge(share, excess):
    O = share * H100.ridge * GB
    ratio = play_tiles(O, GB, H100, 10, 1) / compute.roofline(O, GB, H100)
    assert ratio == pytest.approx(excess, abs=0.001)


@given(O=st.floats(1, 1e20), D_vol=st.floats(1, 1e15))
def test_a_program_runs_at_its_attainable_rate(O, D_vol):
    R = compute.attainable(compute.intensity(O, D_vol), H100)
    T = compute.roofline(O, D_vol, H100)
    assert pytest.approx(O) == R * T


def test_the_books_ridges_and_generations():
    ridges = [chip.ridge for chip in (A100, H100, H100_FP8, B200)]
    assert ridges == pytest.approx([153, 295, 591, 281], abs=0.5)
    assert V100.peak / V100.power * 300 * watt == pytest.approx(125 * TFLOP)
    gain = B200.peak / B200.power / (V100.peak / V100.power)
    assert gain == pytest.approx(5.4, abs=0.01)


def test_a_measured_decoder_is_a_third_slower_than_its_floor():
    # FasterTransformer, 12.85e9 parameters on one A100 40 GB (1.555 TB/s): 22.0 ms a
    # token (C. Chen, Transformer Inference Arithmetic, 2022, experiments)
    chip = Accelerator(312 * TFLOP, 1.555 * TB / second, 40 * GB, 400 * watt)
    floor = compute.decode_floor(12_850_000_000, chip)
    assert 22.0 * ms / floor == pytest.approx(1.33, abs=0.01)


def test_decode_reads_weights_until_the_batch_reaches_the_ridge():
    P = 70_000_000_000
    floor = compute.decode_floor(P, H100)
    for batch in (1, 64, 256):  # two operations a weight and token
        assert compute.roofline(2 * P * batch, 2 * P, H100) == pytest.approx(floor)
    assert compute.roofline(2 * P * 512, 2 * P, H100) > 1.7 * floor
    assert compute.decode_floor(P, H100, 0.5) == pytest.approx(floor / 4)


def ring_bytes(x):
    """Pass chunks round a ring until all hold the sum; return rank 0's bytes sent."""
    N, sent = len(x), 0
    held = [list(np.array_split(row, N)) for row in x]
    for step in range(2 * (N - 1)):
        first = step < N - 1  # reduce-scatter, then all-gather
        at = [(rank - (step if first else step - N)) % N for rank in range(N)]
        out = [held[rank][c] for rank, c in enumerate(at)]
        sent += out[0].nbytes
        for rank, c in enumerate(at):
            to = held[(rank + 1) % N]
            to[c] = to[c] + out[rank] if first else out[rank]
    assert all(np.allclose(np.concatenate(h), x.sum(axis=0)) for h in held)
    return sent


@pytest.mark.parametrize("N", [1, 2, 4, 8])
def test_tensor_parallel_traffic_is_what_a_ring_sends(N):
    layer = np.random.default_rng(N).random((N, 2, 16, 8))  # B, S, h
    M = compute.activation_payload(2, 16, 8, layer.itemsize)
    assert layer[0].nbytes == M
    assert compute.activation_payload(2, 16, 8) == layer[0].astype(np.float16).nbytes
    sent = ring_bytes(layer.reshape(N, -1))
    assert compute.allreduce_traffic(M, N) == pytest.approx(sent)


def test_flows_agree_with_the_engineers_rules():
    # ASHRAE Fundamentals: BTU/h = 1.08 cfm dT (standard air), 500 gpm dT (water),
    # dT in Fahrenheit; both factors are rounded to three digits
    btu, deg = constants.Btu / constants.hour, constants.degree_Fahrenheit
    cfm, gpm = constants.foot**3 / 60, constants.gallon / 60
    air, water = AIR, WATER
    rule = 100 * kW / btu / (1.08 * 15 / deg) * cfm
    assert air.volume_flow(100 * kW, 15) == pytest.approx(rule, rel=0.01)
    rule = 120 * kW / btu / (500 * 10 / deg) * gpm
    assert water.volume_flow(120 * kW, 10) == pytest.approx(rule, rel=0.01)
    assert water.mass_flow(120 * kW, 10) == pytest.approx(rule / litre, rel=0.01)
    # air needs 3,466 times the volume of water
    assert air.volume_flow(1, 1) / water.volume_flow(1, 1) == pytest.approx(3466, abs=1)


def test_heat_is_carried_away_parcel_by_parcel():
    fluid, Q, dT = Coolant(2000.0, 800.0), 5 * kW, 8.0
    parcel = fluid.mass_flow(Q, dT) * 1e-3  # a millisecond's flow
    out = np.full(1000, 20.0) + Q * 1e-3 / (parcel * fluid.c_p)
    assert (out - 20.0).mean() == pytest.approx(dT)
    assert 1000 * parcel / fluid.volume_flow(Q, dT) == pytest.approx(fluid.rho)


def test_a_load_step_draws_its_power_and_the_loop_stores_its_energy():
    u = pint.UnitRegistry()
    dI = compute.current_step(300 * watt, 0.8)
    assert dI == pytest.approx((300 * u.watt / (0.8 * u.volt)).to("A").magnitude)
    L_loop, dt = 50e-12, 1e-6
    V = compute.voltage_droop(L_loop, dI, dt)  # held while the current ramps
    energy, _ = integrate.quad(lambda t: V * dI * t / dt, 0, dt)
    assert energy == pytest.approx(0.5 * L_loop * dI**2)


def test_delivered_time_counts_the_slots_that_work():
    lost = (0.03, 0.10, 0.05)
    rng = np.random.default_rng(0)
    work = np.ones(600_000, bool)
    for share in lost:
        work &= rng.random(work.size) >= share
    slots = 1 + np.searchsorted(np.cumsum(work * 0.45 * 0.56), 1e5)
    law = compute.delivered_time(1e5, 0.45, 0.56, lost)
    assert slots == pytest.approx(law, rel=4 * math.sqrt(0.17 / 0.83 / slots))
    # three shares that exclude each other add up to 18 %, not to 17.1: 1.1 % longer
    together = compute.delivered_time(1e5, 0.45, 0.56, [sum(lost)])
    assert together / law == pytest.approx(1.0114, abs=1e-4)


@pytest.mark.parametrize(
    ("N", "rate", "days"), [(384, 153, 84), (768, 149, 43), (1536, 141, 23)]
)
def test_days_of_a_published_run(N, rate, days):
    # Megatron-LM, 174.6e9 parameters, 300e9 tokens, A100, full recompute (8 P D);
    # arXiv 2104.04473, table 2: whole days, whole TFLOP/s; 3 %
    peak = 8 * 174.6e9 * 300e9 / (N * A100.peak)
    law = compute.delivered_time(peak, rate * TFLOP / A100.peak, 1.0)
    assert law / day == pytest.approx(days, rel=0.03)


def ledger(u, hours=26_280):
    """Add up three years by the hour: what owning costs less renting."""
    own, rent = 350_000.0, 0.0
    busy = np.floor(np.arange(1, hours + 1) * u) > np.floor(np.arange(hours) * u)
    own += 0.645 * busy.sum()
    rent += 8 * 4.0 * busy.sum()
    return own - rent


def test_owning_breaks_even_where_the_ledgers_meet():
    u = compute.break_even_utilisation(350_000.0, 32.0 * 26_280, 0.645 * 26_280)
    assert optimize.bisect(ledger, 0.01, 1) == pytest.approx(u, abs=1 / 26_280)
    assert compute.break_even_utilisation(1.0, 4.0) == 0.25  # a quarter of the hours
    assert compute.break_even_utilisation(8.0, 4.0) == 2.0  # no month has the hours


@given(
    etas=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)),
    lost=st.lists(st.floats(0, 0.9), max_size=6),
)
def test_delivered_time_is_what_fractions_say(etas, lost):
    kept = math.prod([*map(Fraction, etas), *(1 - Fraction(x) for x in lost)])
    law = compute.delivered_time(3.0, *etas, lost)
    assert law == pytest.approx(float(3 / kept), rel=1e-13)
    assert type(law) is float


@pytest.mark.parametrize("N", [1, 2, 10**6, 10**15, 10**300])
def test_a_sum_over_any_number_of_devices_sends_less_than_twice_the_bytes(N):
    exact = Fraction(2 * (N - 1), N) * 10**9
    assert compute.allreduce_traffic(1e9, N) == pytest.approx(float(exact), rel=1e-15)


def test_arrays_broadcast():
    x, N = np.array([0.25, 0.5, 1.0]), np.array([1, 8, 64])

    def laws(x, N):
        yield compute.roofline(x, 2.0, Accelerator(1.0, 4.0, 1.0, 1.0))
        yield compute.attainable(compute.intensity(x, 2.0), H100)
        yield compute.decode_floor(N, H100, x)
        yield compute.allreduce_traffic(compute.activation_payload(N, 2, 3, x), N)
        yield Coolant(0.4, 0.2).volume_flow(x, 5.0)
        yield compute.voltage_droop(3.0, compute.current_step(x, 2.0), x)
        yield compute.delivered_time(x, x, 0.5, [0.1, 0.2])
        yield compute.break_even_utilisation(x, 4.0, x)

    each = [list(laws(float(y), int(n))) for y, n in zip(x, N, strict=True)]
    assert np.allclose(np.array(list(laws(x, N))).T, each)


@pytest.mark.parametrize(
    "bad",
    [
        lambda: Accelerator(0, 1, 1, 1),
        lambda: Accelerator(1, -1, 1, 1),
        lambda: Accelerator(1, 1, 1, math.nan),
        lambda: Accelerator(1, 1, 0, 1),
        lambda: Accelerator(1, 1, 1, 0),
        lambda: Accelerator(1e200, 1e-200, 1, 1).ridge,
        lambda: Transformer(0, 1, 1, 1, 1),
        lambda: Transformer(1, 0, 1, 1, 1),
        lambda: Transformer(1, 1, 0, 1, 1),
        lambda: Transformer(1, 1, 1, 0, 1),
        lambda: Transformer(1, 1, 1, 1, 0),
        lambda: Transformer(1.5, 1, 1, 1, 1),
        lambda: Transformer(1, 1, 1, 8, 16),  # would keep more than it computes
        lambda: WATER.mass_flow(-1, 1),
        lambda: WATER.mass_flow(1, 0),
        lambda: WATER.volume_flow(1, 0),
        lambda: compute.roofline(-1, 1, H100),
        lambda: compute.roofline(1, math.inf, H100),
        lambda: compute.intensity(1, 0),
        lambda: compute.attainable(math.nan, H100),
        lambda: compute.decode_floor(0, H100),
        lambda: compute.decode_floor(1, H100, -2),
        lambda: compute.activation_payload(0, 1, 1),
        lambda: compute.activation_payload(1, 1.5, 1),
        lambda: compute.allreduce_traffic(1, 0.5),
        lambda: compute.current_step(1, 0),
        lambda: compute.voltage_droop(1, 1, 0),
        lambda: Coolant(0, 1),
        lambda: Coolant(1, 0),
        lambda: compute.allreduce_traffic(1, np.array([0, 1])),
        lambda: compute.delivered_time(1, 45, 1),
        lambda: compute.delivered_time(1, 0, 1),
        lambda: compute.delivered_time(1, 1, 1.5),
        lambda: compute.delivered_time(1, 1, 1, [3, 10, 5]),
        lambda: compute.delivered_time(1, 1, 1, [0.1, 1]),
        lambda: compute.delivered_time(1, 1, 1, [-0.1]),
        lambda: compute.delivered_time(1, math.nan, 1),
        lambda: compute.delivered_time(1, 1e-200, 1e-200),
        lambda: compute.break_even_utilisation(1, 1, 1),
        lambda: compute.break_even_utilisation(1, math.nan),
        lambda: compute.break_even_utilisation(-1, 2),
    ],
)
def test_input_that_would_give_a_plausible_wrong_answer_is_refused(bad):
    with pytest.raises(ValueError, match=r"\d"):
        bad()


LAWS = {
    Accelerator: (1.0, 1.0, 1.0, 1.0),
    Transformer: (1, 1, 1, 1, 1),
    Coolant: (1.0, 1.0),
    AIR.mass_flow: (1.0, 1.0),
    AIR.volume_flow: (1.0, 1.0),
    lambda O, D_vol: compute.roofline(O, D_vol, H100): (1.0, 1.0),
    compute.intensity: (1.0, 1.0),
    lambda I: compute.attainable(I, H100): (1.0,),
    lambda P: compute.decode_floor(P, H100): (1,),
    lambda s: compute.decode_floor(1, H100, s): (1.0,),
    compute.activation_payload: (1, 1, 1, 1.0),
    compute.allreduce_traffic: (1.0, 2),
    compute.current_step: (1.0, 1.0),
    compute.voltage_droop: (1.0, 1.0, 1.0),
    compute.delivered_time: (1.0, 0.5, 0.5, 0.1),
    compute.break_even_utilisation: (1.0, 3.0, 1.0),
}


@pytest.mark.parametrize(("law", "args"), LAWS.items())
def test_each_argument_below_its_range_is_refused_by_name(law, args):
    law(*args)
    for i, name in enumerate(list(inspect.signature(law).parameters)[: len(args)]):
        with pytest.raises(ValueError, match=f": {name} = -1.*, where "):
            law(*args[:i], -1, *args[i + 1 :])


@pytest.mark.parametrize("C_use", [4.0, 5.0, np.array([1.0, 4.0])])
def test_rent_below_the_running_cost_is_never_repaid(C_use):
    with pytest.raises(ValueError, match=r"rent 4\.0 never repays a running cost of"):
        compute.break_even_utilisation(1.0, 4.0, C_use)
