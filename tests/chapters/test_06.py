"""Chapter 6: its answers were run, and its own laws are the package's."""

import numpy as np
import pytest
from played import answers_run, played

from mlsyscore import collectives, hierarchy
from mlsyscore.catalog import NDR, NVLINK4

STEM = "06_collective_communication"
SIZES = np.logspace(2, 12, 11)


def test_the_answers_were_run():
    answers_run(STEM)


@pytest.mark.parametrize("N", [2, 3, 8, 64, 1000])
def test_ring_tree_and_all_to_all_are_the_package_s(N):
    chapter = played(STEM)
    pairs = [
        (chapter["ring"], collectives.ring_allreduce),
        (chapter["tree"], collectives.tree_allreduce),
        (chapter["all_to_all"], collectives.all_to_all),
    ]
    for own, law in pairs:
        np.testing.assert_allclose(own(SIZES, N, NDR), law(SIZES, N, NDR))
    hot = chapter["all_to_all"](SIZES, N, NDR, 1.7)
    np.testing.assert_allclose(hot, collectives.all_to_all(SIZES, N, NDR, 1.7))
    rate = chapter["bus_bandwidth"](1e9, 0.3, N)
    assert rate == pytest.approx(collectives.busbw(1e9, 0.3, N))


@pytest.mark.parametrize("N", [4, 16, 64, 256])
def test_butterfly_and_crossover_are_the_package_s(N):
    chapter = played(STEM)
    own = chapter["butterfly"](SIZES, N, NDR)
    np.testing.assert_allclose(own, collectives.butterfly_allreduce(SIZES, N, NDR))
    size = chapter["crossover"](N, NDR)
    assert size == pytest.approx(collectives.crossover(N, NDR))


@pytest.mark.parametrize(("nodes", "G"), [(1, 8), (8, 8), (4, 3), (16, 1)])
def test_two_levels_are_the_package_s_three_phases(nodes, G):
    own = played(STEM)["two_level"](SIZES, nodes, G, NVLINK4, NDR)
    inside = [
        law(SIZES, G, NVLINK4)
        for law in (collectives.reduce_scatter, collectives.all_gather)
    ]
    across = collectives.ring_allreduce(SIZES / G, nodes, NDR)
    np.testing.assert_allclose(own, sum(inside) + across)


@pytest.mark.parametrize("nodes", [2, 8, 9])
def test_rings_at_once_are_the_package_s_rails_where_the_slow_links_bind(nodes):
    own = played(STEM)["rings_at_once"](SIZES, nodes, 8, NDR)
    law = hierarchy.rail_allreduce(SIZES, nodes, hierarchy.Node(8, NVLINK4, NDR))
    np.testing.assert_allclose(own, law)


@pytest.mark.parametrize(("back", "sent"), [(3.0, 1.0), (1.0, 3.0), (2.0, 2.0)])
@pytest.mark.parametrize("k", [1, 4, 80])
def test_exposed_is_what_the_package_s_overlapped_leaves(k, back, sent):
    chapter = played(STEM)
    left = collectives.overlapped(back / k, 0.01 + sent / k, k) - back
    assert chapter["exposed"](k, back, sent, 0.01) == pytest.approx(left)
    _, late = chapter["overlap"]([back / k] * k, [0.01 + sent / k] * k)
    assert late == pytest.approx(left)
