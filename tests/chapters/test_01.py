"""Chapter 1: its answers run, and its laws are the package's."""

import numpy as np
import pytest
from played import answers_run, played

from mlsyscore import fleet
from mlsyscore.catalog import HDR, NDR
from mlsyscore.collectives import ring_allreduce

STEM = "01_introduction"


def test_the_answers_were_run():
    answers_run(STEM)


@pytest.mark.parametrize("N", [1, 7, 4096])
@pytest.mark.parametrize("hidden", [0.0, 0.3, 1.0])
def test_the_step_is_the_packages(N, hidden):
    comm, sync = 0.02 * N, 0.01 * np.log(N)
    overlap = hidden * min(11.4 / N, comm + sync)
    law = fleet.step_time(11.4, N, comm, sync, overlap)
    assert played(STEM)["step"](11.4, N, comm, sync, hidden) == pytest.approx(law)


@pytest.mark.parametrize("link", [HDR, NDR])
def test_the_ring_is_the_packages(link):
    chapter = played(STEM)
    for N in (2, 95, 1937):
        law = ring_allreduce(chapter["M"], N, link)
        assert chapter["ring"](N, link) == pytest.approx(law)


def test_the_dead_are_the_packages():
    chapter = played(STEM)
    assert chapter["up"] == pytest.approx(fleet.all_up(0.999, 10_000))
    assert chapter["rho"] == pytest.approx(
        fleet.communication_ratio(chapter["comm"], 256 * 1.2, 256)
    )
