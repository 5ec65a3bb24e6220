"""Energy, carbon, water and money: against measurements, clocks and other units."""

import numpy as np
import pint
import pytest
from scipy import integrate

from mlsyscore import sustainability as su
from mlsyscore.catalog import A100, H100, QUEBEC, USA, V100
from mlsyscore.serving import cost_crossover
from mlsyscore.sustainability import EnergyCost
from mlsyscore.units import (
    MW,
    GWh,
    MWh,
    day,
    dollar,
    gram,
    hour,
    kWh,
    litre,
    pJ,
    tonne,
    year,
)

rng, approx = np.random.default_rng, pytest.approx
OTHER = pint.UnitRegistry()


@pytest.mark.parametrize(
    ("chips", "days", "W", "PUE", "gross", "net", "E", "t_gross", "t_net"),
    [  # Patterson et al., arXiv 2104.10350 (2021), table 4: W is measured mean power;
        # their energies are days x chips x W x PUE too, so this is agreement, no test
        (200, 6.8, 208, 1.10, 0.431, 0.431, 7.5, 3.2, 3.2),  # Evolved Transformer NAS
        (1024, 30, 289, 1.09, 0.415, 0.415, 232, 96.4, 96.4),  # Meena
        (1024, 3.1, 288, 1.09, 0.201, 0.177, 24.1, 4.8, 4.3),  # GShard-600B
        (1024, 27, 245, 1.10, 0.403, 0.330, 179, 72.2, 59.1),  # Switch Transformer
        (10000, 14.8, 330, 1.10, 0.429, 0.429, 1287, 552.1, 552.1),  # GPT-3: estimated
    ],
)
def test_published_training_runs(chips, days, W, PUE, gross, net, E, t_gross, t_net):
    ours = su.facility_power(chips, W, PUE=PUE) * days * day
    assert ours / MWh == approx(E, rel=0.01)
    for CI, t in ((gross, t_gross), (net, t_net)):  # 0.05 t: as printed
        carbon = su.operational_carbon(E * MWh, CI / kWh) / tonne
        assert carbon == approx(t, rel=0.002, abs=0.05)


def test_mean_power_is_no_power_cap_and_a_provided_peak_no_mean():
    # a V100 capped from 250 to 150 W: energy -13.7 %, time +6.8 %
    drew = (1 - 0.137) / (1 + 0.068)
    assert drew == approx(0.81, abs=0.005)
    assert su.mean_power(1.0, 150) / su.mean_power(1.0, 250) == approx(0.6)
    # Patterson et al., table 3: 325 W a V100 with its host, on average; a site provides
    provided = su.facility_power(1, V100.power, 1.375)
    assert provided / 325 == approx(1.27, abs=0.005)


def test_one_mean_factor_explains_a_years_carbon_but_not_its_water():
    # Morrison et al., ICLR 2025, OLMo: 913 MWh, 312 t, 1,921 kL to train and
    # 459 MWh, 159 t, 843 kL to develop; the sites' mix differs
    CI, WUE = 312 * tonne / (913 * MWh), 1921e3 * litre / (913 * MWh)
    carbon = su.operational_carbon(459 * MWh, CI) / tonne
    assert carbon / 159 == approx(0.987, abs=1e-3)
    assert su.water(459 * MWh, WUE) / litre / 843e3 == approx(1.146, abs=1e-3)


def test_mean_power_of_a_chip_that_switches_and_of_one_that_trains():
    # the same: H100s drew over 600 W while training, about 100 W while saving
    busy = su.mean_power(1.0, H100.power, idle=100 / 700)
    assert busy / 600 == approx(1.167, abs=1e-3)
    assert su.mean_power(0.0, H100.power, idle=100 / 700) == approx(100)
    assert [su.mean_power(0.5, 8, idle) for idle in (0, 1)] == [4, 8]
    # a chip that switches on and off, sd 140 W at most: four standard errors are 0.56 W
    for u in (0.2, 0.9):
        watts = np.where(rng(0).uniform(size=1_000_000) < u, 400, 0.3 * 400)
        assert su.mean_power(u, 400) == approx(watts.mean(), abs=0.56)


def test_the_books_fleets():
    # 100,000 H100: 70 MW of chips, 96.25 of machines, 107.8 at the fence
    powers = [su.facility_power(100_000, H100.power, *x) for x in ((), (1.375,))]
    powers.append(su.facility_power(100_000, H100.power, 1.375, 1.12))
    assert np.array(powers) / MW == approx([70, 96.25, 107.8])
    # 64 A100 x 14 d: 13.2 MWh; a chip of 150 kg over 4 years is 1.6 % or 25.8 % of it
    E = su.facility_power(64, A100.power, 1.375, 1.12) * 14 * day
    assert E / MWh == approx(13.246, rel=5e-5)
    made = su.allocated_carbon(64 * 150.0, 14 * day, 4 * 365 * day)
    for CI, t, share in ((USA, 5.68, 0.016), (QUEBEC, 0.265, 0.258)):
        run = su.operational_carbon(E, CI)
        assert run / tonne == approx(t, rel=1e-3)
        assert made / (made + run) == approx(share, abs=5e-4)


def test_another_programs_units_agree():
    Q = OTHER.Quantity
    E, CI, WUE = Q(3, "GWh"), Q(429, "g/kWh"), Q(1.8, "L/kWh")
    assert su.operational_carbon(3 * GWh, 429 * gram / kWh) == approx(
        (E * CI).to("kg").magnitude
    )
    assert su.water(3 * GWh, 1.8 * litre / kWh) == approx((E * WUE).to("m^3").magnitude)
    saved = Q(2, "MW") * (Q(158, "percent") - Q(110, "percent")) * Q(8760, "hour")
    ours = su.retrofit_saving(2 * MW, 1.58, 1.1, 8760 * hour)
    assert ours == approx(saved.to("J").magnitude)
    assert su.retrofit_saving(2 * MW, 1.1, 1.58, 8760 * hour) == approx(-ours)
    bill = E.to("kWh").magnitude * 0.12 + (E * CI).to("tonne").magnitude * 100
    tax = 100 * dollar / tonne
    ours = su.priced_energy(3 * GWh, 0.12 * dollar / kWh, 429 * gram / kWh, tax)
    assert ours == approx(bill)


def test_the_product_of_two_means_misses_a_solar_day():
    def load(t):
        return 1 + 0.4 * np.cos(2 * np.pi * (t - 14) / 24)  # MW, peak at two

    def grid(t):
        return 400 - 200 * np.cos(2 * np.pi * (t - 13) / 24)  # g/kWh, clean at one

    truth = 1000 * integrate.quad(lambda t: load(t) * grid(t), 0, 24)[0] * gram
    t = np.arange(24) + 0.5  # the law used hour by hour
    hourly = su.operational_carbon(load(t) * MWh, grid(t) * gram / kWh)
    assert hourly.sum() == approx(truth, rel=1e-9)
    daily = su.operational_carbon(24 * MWh, 400 * gram / kWh)
    assert daily / truth == approx(1.107, abs=1e-3)  # 11 % too much


@pytest.mark.parametrize("life", [2, 3, 5, 6])
def test_allocated_carbon_adds_up_to_the_machines_that_were_bought(life):
    # replace on the anniversary for 30 years: 30/life machines of 164 kg
    bought = sum(164.0 for y in range(30) if y % life == 0)
    years = sum(su.allocated_carbon(164.0, year, life * year) for _ in range(30))
    assert years == approx(bought)
    assert [su.allocated_carbon(5, t, 2) for t in (0, 2)] == [0, 5]


@pytest.mark.parametrize(("CI", "book"), [(USA, 45.51), (QUEBEC, 976.19)])
def test_payback_is_the_day_on_which_the_ledger_clears(CI, book):
    debt, days = 164.0, 0
    while debt > 0:
        debt, days = debt - 0.35 * 24 * kWh * CI, days + 1  # 350 W less, kg a day
    t = su.carbon_payback(164.0, H100.power / 2, CI) / day
    assert t == approx(book, rel=5e-5)
    assert days - 1 < t <= days


def test_a_cascade_of_queries_that_are_really_passed_on():
    n, p = 1_000_000, 0.1
    spent = np.full(n, 0.5)
    spent[rng(1).uniform(size=n) < p] += 20 + 40
    # sd 60 sqrt(p (1 - p)) = 18 mJ: four standard errors are 0.072 mJ
    assert su.cascade(0.5, p, 20, 40) == approx(spent.mean(), abs=0.072)
    assert su.cascade(0.5, p, 20, 40) == approx(6.5)  # the book's, against 60
    assert su.cascade(6, 1 - 6 / 60, 20, 40) == approx(60)  # here it stops paying
    assert [su.cascade(1, p, 9, 9) for p in (0, 1)] == [1, 19]


def wake_ups(rate, length, span):
    """Share of the time on, for Poisson events that each switch on for a while."""
    g = rng(2)
    start = np.sort(g.uniform(0, span, g.poisson(rate * span)))
    end = np.maximum.accumulate(start + length)
    gaps = np.maximum(start[1:] - end[:-1], 0).sum() + start[0]
    return 1 - (gaps + max(span - end[-1], 0)) / span


def test_duty_power_of_events_that_come_at_random():
    # one wake-up at 1 mJ a second and 50 ms; 500,000 of them: 0.14 %, four errors
    on = wake_ups(0.1, 0.05, 5e6)
    P, d = np.array([10e-6, 10e-3]), np.array([1.0, 0.1 * 0.05])
    assert su.duty_power(P, d) == approx(10e-6 + 10e-3 * on, rel=0.01)
    # when they overlap, rate x length counts twice: 0.5 said, 0.39 on
    assert wake_ups(10.0, 0.05, 5e4) == approx(0.393, abs=0.003)
    batch = su.duty_power(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, 0.25]))
    assert batch == approx([1.0, 2.5])
    habits = su.duty_power([1.0, 2.0], [[1.0, 0.0], [0.5, 0.25]])  # a row for each
    assert habits == approx([1.0, 1.0])
    assert su.duty_power(np.ones(2), np.array([0.0, 1.0])) == 1
    assert su.duty_power([3, 5], [1, 0.5]) == 5.5  # ints and lists too
    assert [su.duty_power([], []), su.duty_power(4, 0.5)] == [0, 2]


def test_the_crossover_is_the_batch_where_moving_costs_what_computing_does():
    chip, w, total = EnergyCost(10 * pJ, 160 * pJ), np.ones((6, 4), np.float16), 0.0
    for weight in w.flat:  # fetch a weight, multiply, add
        total += weight.nbytes * 160 * pJ + 2 * 10 * pJ
    assert chip.energy(2 * w.size, w.nbytes) == approx(total)
    moving = chip.energy(0, w.nbytes)
    even = [B for B in range(1, 40) if chip.energy(2 * B * w.size, 0) == approx(moving)]
    assert even == [16]
    assert EnergyCost(1, 0).crossover == 0
    with pytest.raises(ValueError, match="inf"):
        assert EnergyCost(1e-200, 1e200).crossover  # no number
    assert chip.crossover * w.nbytes == approx(2 * even[0] * w.size)
    # no ridge in energy: here the two add up to twice either, while times overlap
    assert chip.energy(2 * 16 * w.size, w.nbytes) == approx(2 * moving)


def demand(price, wealth):
    """Share of people who buy at a price: those to whom it is worth that."""
    return np.mean(wealth >= price)


def test_rebound_in_a_market_of_buyers():
    for eps, more in ((0.7, False), (1.354, True)):
        wealth = rng(3).pareto(eps, 1_000_000) + 1  # constant elasticity eps above 1
        volume = demand(2.0, wealth) / demand(60.0, wealth)
        spent = su.rebound(volume, 2.0 / 60.0)
        assert (spent > 1) == more
        # the relative error is that of the few who buy at 60: 1.6 % at eps 1.354
        assert spent == approx(30 ** (eps - 1), rel=0.065)
    assert su.rebound(100, 1 / 30) == approx(30 ** (1.354 - 1), rel=1e-3)  # the book's


def test_serving_passes_training_sooner_if_demand_grows():
    E, q, e = 1287 * MWh, 1e7 / day, 0.35e-3 * kWh
    t = cost_crossover(E, q, e)  # joules for dollars
    hours = np.arange(1, 20_000) * hour
    steady = np.cumsum(np.full(hours.size, q * hour * e))
    assert t == approx(hours[np.searchsorted(steady, E)], abs=hour)
    growing = np.cumsum(q * hour * e * 2 ** (hours / t))  # doubles within that time
    assert hours[np.searchsorted(growing, E)] / t == approx(0.76, abs=0.005)


def test_arrays_broadcast():
    x, d = np.array([0.25, 0.5]), np.array([1.0, 2.0])
    laws = [
        (su.facility_power, (7, d, 1 + x, 1.5)),
        (su.mean_power, (x, d, x)),
        (su.retrofit_saving, (d, 1 + x, 1 + x / 2, 3.0)),
        (su.operational_carbon, (d, x)),
        (su.water, (d, x)),
        (su.allocated_carbon, (d, x, d)),
        (su.carbon_payback, (d, x, d)),
        (su.cascade, (d, x, 1.0, d)),
        (su.rebound, (d, x)),
        (su.priced_energy, (d, x, d, 0.5)),
    ]
    for law, words in laws:
        for i in range(2):
            one = [w[i] if isinstance(w, np.ndarray) else w for w in words]
            assert law(*words)[i] == approx(law(*one))


NAN, MIXED = float("nan"), np.array([0.5, 2.0])
REFUSED = {
    su.facility_power: [
        *((1, 1, 0.9, 1), (1, 1, 1, 0.9), (1, 1, 1, NAN), (1, 1, MIXED)),
        *((0, 1), (1.5, 1), (1, -1), (1, 1e308, 2, 2)),
    ],
    su.mean_power: [(-0.1, 1), (1.1, 1), (NAN, 1), (0.5, 1, -0.1), (0.5, 1, 1.1)],
    su.retrofit_saving: [(1, 0.9, 1, 1), (1, 1, 0.9, 1), (-1, 2, 1, 1), (1, 2, 1, -1)],
    su.operational_carbon: [(-1, 1), (1, -1), (1e200, 1e200)],
    su.water: [(-1, 1), (1, -1)],
    su.allocated_carbon: [(1, 2, 1), (1, -1, 1), (1, 0, 0), (1, NAN, 1), (-1, 1, 1)],
    su.carbon_payback: [
        *((1, 0, 1), (1, 1, 0), (1, -1, 1), (1, MIXED - 1, 1), (-1, 1, 1)),
        (1, 1e-200, 1e-200),
    ],
    su.cascade: [
        *((1, -0.1, 1, 1), (1, 1.1, 1, 1), (1, NAN, 1, 1), (1, MIXED, 1, 1)),
        *((-1, 0.5, 1, 1), (1, 0.5, -1, 1), (1, 0.5, 1, -1)),
    ],
    su.duty_power: [
        *((np.ones(2), MIXED), (np.ones(2), MIXED - 1), (-np.ones(2), MIXED / 2)),
        *(([1, 2], [0.5]), ([1], [0.5, 0.5]), ([1, 2], 0.5), (2, [0.5, 0.5])),
    ],
    su.rebound: [(-1, 1), (1, -1)],
    su.priced_energy: [(-1, 1, 1, 1), (1, -1, 1, 1), (1, 1, -1, 1), (1, 1, 1, -1)],
    EnergyCost: [(0, 1), (1, -1), (NAN, 1), (1, NAN), (MIXED - 1, 1)],
    EnergyCost(1, 1).energy: [(-1, 1), (1, -1)],
}


@pytest.mark.parametrize(
    ("law", "words"), [(f, x) for f in REFUSED for x in REFUSED[f]]
)
def test_input_that_would_give_a_plausible_wrong_answer_is_refused(law, words):
    with pytest.raises(ValueError, match=r"\d|nan"):
        law(*words)
