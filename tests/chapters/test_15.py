"""Chapter 15: its answers were run, its laws are the package's, its rows published."""

import numpy as np
import pytest
from played import answers_run, played
from scipy.optimize import minimize_scalar

from mlsyscore import sustainability as su
from mlsyscore.units import MWh, day, gram, hour, kWh, tonne, watt, year

STEM = "15_sustainable_ai"


def test_the_answers_were_run():
    answers_run(STEM)


def test_the_chain_is_the_package_s():
    c = played(STEM)
    assert c["chip"] == pytest.approx(su.facility_power(1, 595, 1.375, 1.12))
    power = su.facility_power(c["N"], 0.85 * c["TDP"], 1.375, 1.12)
    assert c["E_run"] == pytest.approx(power * c["T"])
    for more, fits in ((0, True), (1, False)):
        n = int(c["carried"]) + more
        assert (su.facility_power(n, c["TDP"], 1.375, 1.12) <= c["feed"]) == fits


RUNS = [  # arXiv 2104.10350, table 4: all that we hold with inputs and results
    (200, 6.8, 208, 1.10, 0.431, 0.431, 7.5, 3.2, 3.2),
    (1024, 30, 289, 1.09, 0.415, 0.415, 232, 96.4, 96.4),
    (1024, 3.1, 288, 1.09, 0.201, 0.177, 24.1, 4.8, 4.3),
    (1024, 27, 245, 1.10, 0.403, 0.330, 179, 72.2, 59.1),
    (10_000, 14.8, 330, 1.10, 0.429, 0.429, 1287, 552.1, 552.1),
]


@pytest.mark.parametrize("row", RUNS)
def test_every_published_run_comes_out_within_2_percent(row):
    n, days, W, PUE, gross, net, mwh, t_gross, t_net = row
    E = n * days * day * W * PUE
    assert E / MWh == pytest.approx(mwh, rel=0.02)
    for CI, t in ((gross, t_gross), (net, t_net)):
        assert su.operational_carbon(E, CI / kWh) / tonne == pytest.approx(t, rel=0.02)
    assert row in [
        (*x[:4], x[4] / 1000, x[5] / 1000, *x[6:9])
        for x in played(STEM)["RUNS"].values()
    ]


def test_rows_made_of_hours_times_a_constant_are_circular_and_said_so():
    # hours, W, PUE, MWh: BLOOM's table 2; LLaMA's table 15 (arXiv 2302.13971)
    for hours, W, PUE, mwh in (
        (1_082_990, 400, 1.0, 433.196),
        (809_472, 400, 1.1, 356),  # OPT
        (82_432, 400, 1.1, 36),
        (135_168, 400, 1.1, 59),
    ):
        made = hours * hour * W * watt * PUE / MWh
        assert made == pytest.approx(mwh, rel=0.02)
    assert pytest.approx(24.69, abs=0.005) == 433_196 * 0.057 / 1000


def test_blooms_parts_make_its_total():
    """arXiv 2211.02001: 11.2 t made over 6 years in use for 85 %, 14.6 t idle."""
    share = 1_082_990 * hour / (6 * year * 0.85)
    made = share * played(STEM)["MADE"][1] / tonne
    assert made == pytest.approx(11.2, rel=0.02)
    assert 24.69 + made + 256_646 * 0.057 / 1000 == pytest.approx(50.5, rel=0.02)
    assert pytest.approx(552.1, rel=0.02) == 502 * 1.1  # its table 4 leaves out the PUE


def test_payback_and_water_are_the_package_s():
    c = played(STEM)
    for CI, days in ((c["GRIDS"]["Poland"], 24), (c["GRIDS"]["Quebec"], 976)):
        assert su.carbon_payback(164, 350, CI) / day == pytest.approx(days, rel=0.01)
    water = su.water(c["E_run"] / 1.12, c["WUE"])
    assert water / c["ML"] == pytest.approx(15.92, rel=1e-3)


@pytest.mark.parametrize("C", [164, 463])
@pytest.mark.parametrize("CI", [20, 820])
def test_the_refresh_age_is_where_a_year_emits_least(C, CI):
    c, rate = played(STEM), CI * gram / kWh

    def a_year(tau):
        return C / tau + c["chip"] * rate * c["g"] * tau / 2

    best = minimize_scalar(a_year, bounds=(day, 30 * year), method="bounded").x
    assert c["refresh_age"](C, rate, c["g"]) == pytest.approx(best, rel=1e-3)


@pytest.mark.parametrize("F", [8, 10])
def test_the_programme_keeps_its_limits_and_one_more_megawatt_is_worth_its_price(F):
    c = played(STEM)
    best = c["programme"](c["MONDAY"], F)
    x = best.x.reshape(-1, 24)
    assert (x.sum(axis=0) <= F + 1e-6).all()
    for row, (E, start, end, P) in zip(x, c["JOBS"].values(), strict=True):
        assert row.sum() == pytest.approx(E)
        assert row.max() <= P + 1e-6
        assert row[:start].sum() + row[end:].sum() == 0
    h = best.ineqlin.marginals.argmin()
    limits = np.full(24, float(F))
    limits[h] += 1
    more = c["programme"](c["MONDAY"], limits)
    assert best.fun - more.fun == pytest.approx(-best.ineqlin.marginals[h], rel=1e-6)
    for first in c["FIRST"].values():
        for key in c["ORDERS"].values():
            other = c["one_by_one"](first, key, F)
            assert other is None or (other @ c["MONDAY"]).sum() >= best.fun - 1e-6


def test_least_slack_and_cleanest_hour_reach_the_programme_under_8_megawatts():
    c = played(STEM)
    first, key = c["FIRST"]["least slack"], c["ORDERS"]["cleanest hour first"]
    x = c["one_by_one"](first, key, 8)
    best = c["programme"](c["MONDAY"], 8)
    assert (x @ c["MONDAY"]).sum() == pytest.approx(best.fun)
    assert c["one_by_one"](c["FIRST"]["deadline"], key, 8) is None
    # where "66 kg" of one more megawatt at 11 o'clock come from
    assert -best.ineqlin.marginals[11] == pytest.approx(348 - 282)
    assert sorted(c["MONDAY"])[0] == c["MONDAY"][11] == 282


def test_the_night_s_verdict_holds_by_the_local_clock():
    c = played(STEM)
    for CI, ahead, dirtier in (
        *((c[grid], h, True) for grid in ("GERMANY", "MONDAY") for h in (0, 1, 2)),
        *((c["BRITAIN"], h, False) for h in (0, 1)),
    ):
        local = np.roll(CI, ahead)  # local hour h is UTC hour h - ahead
        assert (local[:6].mean() > local[10:16].mean()) == dirtier


def test_the_law_s_age_replaces_too_early_since_the_power_falls():
    """Under steady progress its age costs more, and less with the present power."""
    c = played(STEM)
    newest = c["chip"] * np.exp(-c["g"] * np.arange(240) * year / 12)
    for case in c["cases"]:
        kg = [c["keep"](newest, f, *case) for f in (c["the_law"], c["law_own_power"])]
        assert kg[1] < kg[0]


def test_rebound_is_the_package_s():
    past = played(STEM)["past"]
    assert su.rebound(2**past, 0.5) == pytest.approx(2 ** (past - 1))
    assert su.rebound(100, 1 / 30) == pytest.approx(10 / 3)


def test_a_counter_of_joules_that_starts_again_is_read(tmp_path, monkeypatch):
    """Two packages and a zone of memory inside one; the first counter wraps."""
    c = played(STEM)

    def counters(first, second):
        for zone, now in (("0", first), ("1", second), ("0:0", 7)):
            folder = tmp_path / f"intel-rapl:{zone}"
            folder.mkdir(exist_ok=True)
            (folder / "energy_uj").write_text(f"{now}\n")
            (folder / "max_energy_range_uj").write_text("100000000\n")

    def no_board(f):
        raise RuntimeError("no meter")

    monkeypatch.setattr(c["device"], "energy", no_board)
    counters(99_000_000, 10_000_000)
    how, J, _ = c["joules"](lambda: counters(2_000_000, 11_000_000), 1, tmp_path)
    assert how == "RAPL, measured"
    assert pytest.approx(3 + 1) == J
    (tmp_path / "intel-rapl:0" / "energy_uj").unlink()
    assert c["joules"](lambda: None, 1, tmp_path)[0] == "ESTIMATED"
    assert c["packages"](tmp_path / "nowhere") == []
