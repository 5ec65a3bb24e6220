"""Chapter 7: its answers were run, its laws are the package's."""

import numpy as np
import pytest
from played import answers_run, played

from mlsyscore import reliability
from mlsyscore.units import hour

STEM = "07_fault_tolerance"
JOBS = [(826, 24.5, 13935, 384.5), (900, 20, 1e4, 0), (70, 24.5, 139, 384.5)]


def test_the_answers_were_run():
    answers_run(STEM)


@pytest.mark.parametrize("job", JOBS)
def test_its_two_laws_of_the_interval_are_the_packages(job):
    chapter = played(STEM)
    assert np.isclose(chapter["segment"](*job), reliability.segment_time(*job))
    assert np.isclose(chapter["first_order"](*job), reliability.waste(*job))


def test_its_sum_of_rates_is_the_packages():
    rates, counts = (2e-5 / hour, 5e-6 / hour, 1 / (150_000 * hour)), (999, 77, 3)
    ours = played(STEM)["mtbf"](*zip(counts, rates, strict=True))
    assert np.isclose(ours, 1 / reliability.series_rate(rates, counts))
    assert np.isclose(played(STEM)["GPU"], reliability.fit_rate(20_000))


def test_its_spare_pays_where_the_packages_does():
    M = played(STEM)["M"]
    assert round(reliability.hot_spare_break_even(8, 10_000, M)) == 11
