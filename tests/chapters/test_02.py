"""Chapter 2: its answers run, and its laws are the package's."""

import pytest
from played import answers_run, played

from mlsyscore import compute, serving
from mlsyscore.catalog import AIR, B200, GPT3, H100, LLAMA3_70B, V100, WATER

STEM = "02_compute_infrastructure"


def test_the_answers_were_run():
    answers_run(STEM)


@pytest.mark.parametrize("chip", [V100, H100, B200])
def test_the_roof_is_the_packages(chip):
    chapter = played(STEM)
    for O, D in ((1e12, 1e9), (1e9, 1e12), (chip.ridge, 1.0)):
        assert chapter["roofline"](O, D, chip) == compute.roofline(O, D, chip)
    floor = compute.decode_floor(LLAMA3_70B.P, chip)
    assert chapter["decode"](1, chip) == pytest.approx(floor)


def test_the_summed_bytes_are_the_packages():
    chapter = played(STEM)
    M = compute.activation_payload(4, 2048, GPT3.h)
    assert chapter["M"] == M
    for t in (1, 2, 7, 8, 1024):
        assert chapter["summed"](M, t) == compute.allreduce_traffic(M, t)


@pytest.mark.parametrize("coolant", [AIR, WATER])
def test_the_flow_is_the_packages(coolant):
    law = played(STEM)["flow"]
    for Q, dT in ((1e3, 10), (56e3, 16), (120e3, 3)):
        assert law(Q, dT, coolant) == pytest.approx(coolant.volume_flow(Q, dT))


def test_the_calendar_is_the_packages():
    law = played(STEM)["calendar"](1.0, 0.45, 0.56, 0.97, 0.9, 0.95)
    assert law == pytest.approx(
        compute.delivered_time(1.0, 0.45, 0.56, (0.03, 0.1, 0.05))
    )


def test_the_cache_is_the_packages():
    law = played(STEM)["cache"]
    for model in (GPT3, LLAMA3_70B):
        kept = law(model.L, model.h, g=model.a // model.n_kv)
        assert kept == serving.kv_per_token(model)


def test_owning_is_the_packages():
    hours = 3 * 365.25 * 24
    share = compute.break_even_utilisation(350_000, 32 * hours, 0.64 * hours)
    assert share == pytest.approx(350_000 / (32 - 0.64) / hours)
