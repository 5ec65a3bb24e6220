"""Chapter 8: its answers were run, and its laws and policy are those of the package."""

import numpy as np
import pytest
from played import answers_run, played

from mlsyscore.harness.cluster import reservation
from mlsyscore.orchestration import dominant_share, stranded
from mlsyscore.queues import wait_ratio
from mlsyscore.reliability import segment_time
from mlsyscore.units import hour

STEM = "08_fleet_orchestration"


def test_the_answers_were_run():
    answers_run(STEM)


@pytest.mark.parametrize("rho", [0.1, 0.5, 0.93])
@pytest.mark.parametrize("C_s", [0.0, 1.0, 3.7])
def test_the_wait_is_the_package_s(rho, C_s):
    assert played(STEM)["wait"](rho, C_s) == pytest.approx(wait_ratio(rho, C_s))


@pytest.mark.parametrize("M", [1 * hour, 7.5 * hour])
def test_the_price_of_kept_work_is_the_package_s(M):
    c = played(STEM)
    billed = segment_time(c["WORK"], c["SAVE"], M, c["RESTART"])
    assert c["spot_price"](M) == pytest.approx(c["PRICE"] * billed / c["WORK"])


def test_dominant_shares_are_the_package_s_and_fill_the_machine():
    c = played(STEM)
    need = np.array([[1.0, 4, 32], [2, 2, 16]])  # the book's tenants: 4 and 2 tasks
    share = c["shares"](need)["DRF"]
    assert share == pytest.approx([0.5, 0.5])
    assert share / dominant_share(need, c["MACHINE"]) == pytest.approx([4, 2])
    assert stranded(8, 6) == 0.25  # as the text says


@pytest.mark.parametrize("seed", range(20))
def test_the_promise_counts_every_job_that_ends_by_then(seed):
    c, rng = played(STEM), np.random.default_rng(seed)
    running, free = [], int(rng.integers(0, 4))
    for gpus, end in rng.integers(1, 6, (6, 2)).tolist():  # whole hours: many ties
        running.append(c["Job"](0.0, gpus, 1.0, end * hour, start=0.0))
    there = free + sum(job.gpus for job in running)
    for gpus in range(free + 1, there + 1):
        when, spare = c["promise"](0.0, free, gpus, running)
        ends = [(job.gpus, job.limit) for job in running]
        assert when == reservation(0.0, free, ends, gpus)
        assert spare == free + sum(g for g, end in ends if end <= when) - gpus


def test_easy_starts_who_fits_into_what_all_that_end_by_the_promise_leave():
    c = played(STEM)
    running = [c["Job"](0, g, 4 * hour, 4 * hour, start=0.0) for g in (3, 3)]
    head, later = c["Job"](0, 5, hour, hour), c["Job"](0, 2, 9 * hour, 9 * hour)
    assert c["easy"](0.0, 2, [head, later], running) is later
    later.gpus = 3  # would not fit now
    assert c["easy"](0.0, 2, [head, later], running) is None
