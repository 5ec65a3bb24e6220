"""Chapter 10: its answers were run, and its laws are those of the package."""

import numpy as np
import pytest
from played import answers_run, played

from mlsyscore.queues import in_system
from mlsyscore.serving import (
    Batching,
    cost_crossover,
    kv_per_token,
    paged_waste,
    queue_tail,
    replicas,
)

STEM = "10_inference_at_scale"


def test_the_answers_were_run():
    answers_run(STEM)


def test_the_chip_s_numbers_are_the_package_s():
    c = played(STEM)
    assert c["k"] == kv_per_token(c["LLAMA2_7B"])
    assert pytest.approx(Batching(c["T_FIX"], c["T_VAR"]).knee) == c["KNEE"]


@pytest.mark.parametrize("block", [1, 16, 257])
def test_the_waste_of_pages_is_the_package_s(block):
    assert played(STEM)["paged"](1000.0, block) == pytest.approx(
        paged_waste(1000.0, block)
    )


@pytest.mark.parametrize("choices", [1, 2])
def test_the_lines_are_the_package_s(choices):
    k, tail = np.arange(30), played(STEM)["tail"]
    law = queue_tail(0.7, k) if choices == 2 else 0.7**k
    assert tail(0.7, choices, k) == pytest.approx(law)


@pytest.mark.parametrize("places", [1, 7, 88])
def test_the_most_requests_are_a_full_batch_s(places):
    """A request's prompt, and its share of the steps, at the batch's own rate."""
    c = played(STEM)
    step = Batching(c["T_FIX"], c["T_VAR"]).latency(places)
    alone = c["PROMPT"] * c["T_READ"] + c["ANSWER"] * step / places
    assert c["most"](places) == pytest.approx(1 / alone)


@pytest.mark.parametrize("rate", [0.5, 3.0, 5.0])
def test_the_token_s_time_balances_the_step_that_it_makes_longer(rate):
    """Others are there by Little's law; prompts take their share of the time."""
    c = played(STEM)
    t = c["each_token"](rate)
    others = in_system(rate, c["ANSWER"] * t)
    step = Batching(c["T_FIX"], c["T_VAR"]).latency(1 + others)
    assert t * (1 - rate * c["PROMPT"] * c["T_READ"]) == pytest.approx(step)


def test_the_two_counts_of_the_book_are_the_package_s():
    c = played(STEM)
    counts = {name: int(np.ceil(count)) for name, count in c["counts"].items()}
    held = in_system(c["LAM"], c["ANSWER"] * c["SLO"])
    both = replicas(c["LAM"], c["most"](c["PLACES"]), held, c["PLACES"])
    assert both == max(counts["throughput"], counts["Little"])


def test_the_day_is_the_package_s():
    c = played(STEM)
    each = c["chips"](c["q"]) / c["q"]  # GPU seconds a request
    t = cost_crossover(184_320 * c["hour"], c["q"], each)
    assert c["days"] * c["day"] == pytest.approx(t)


@pytest.mark.parametrize("static", [False, True])
def test_the_play_serves_all_in_order_and_never_more_than_fit(static):
    c = played(STEM)
    asked = c["trace"](3.0, 5, 60)
    for r in c["serve"](asked, room=6 * 4096, block=4096, static=static):
        assert r.arrival <= r.start < r.first < r.end < np.inf
    starts = [r.start for r in asked]
    assert starts == sorted(starts)  # first come, first served
    for moment in starts:
        assert sum(r.start <= moment < r.end - 1e-9 for r in asked) <= 6
    if static:  # a batch begins when nobody is left
        for one in starts:
            assert all(
                r.start == one or r.end <= one + 1e-9 for r in asked if r.start <= one
            )


def test_the_room_of_a_chip_is_never_exceeded_and_is_used():
    c = played(STEM)
    asked = c["serve"](c["trace"](6.0, 5, 120))
    held = [
        sum(r.prompt + r.answer for r in asked if r.start <= one < r.end - 1e-9)
        for one in [r.start for r in asked]
    ]
    assert 0.95 * c["ROOM"] < max(held) <= c["ROOM"]


@pytest.mark.parametrize("static", [False, True])
def test_each_pass_reads_the_caches_that_are_there(static):
    c = played(STEM)
    three = [c["Request"](0.0, 100, n) for n in (3, 5, 5)]
    first, *_, last = c["serve"](three, static=static)
    model, bw = c["LLAMA2_7B"], c["A100"].bw
    token = kv_per_token(model) / bw

    def step(rows, held):
        return 2 * model.P / bw + rows * c["T_READ"] + held * token

    read = 300 * c["T_READ"]
    assert first.first == last.first == pytest.approx(read)
    early = read + step(3, 300) + step(3, 303)
    assert first.end == pytest.approx(early)
    rest = (
        step(3, 306) + step(3, 308) if static else step(2, 2 * 102) + step(2, 2 * 103)
    )
    assert last.end == pytest.approx(early + rest)


def test_the_law_is_exact_where_prompts_are_spread(monkeypatch):
    """What lifts the play a little above the law are prompts in lumps."""
    c, x = played(STEM), 4.2
    whole = c["seconds"]
    law = c["each_token"](x) / c["ms"]
    lumps = [c["seen"](c["serve"](c["trace"](x, i)))[0] for i in range(20)]
    left = 1 - x * c["PROMPT"] * c["T_READ"]
    monkeypatch.setitem(c, "seconds", lambda _, rows, held: whole(0, rows, held) / left)
    even = [c["seen"](c["serve"](c["trace"](x, i)))[0] for i in range(20)]
    (mean, half), (more, over) = c["interval"](even), c["interval"](lumps)
    assert abs(mean - law) < half
    assert half < 0.06 * law
    assert more - over > law
