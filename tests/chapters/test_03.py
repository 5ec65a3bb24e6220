"""Chapter 3 as it stands: its answers, and its laws against the package's."""

import numpy as np
from played import answers_run, played

from mlsyscore import network
from mlsyscore.catalog import NDR, ROCE_100G

STEM = "03_network_fabrics"


def test_the_answers_were_run():
    answers_run(STEM)


def test_a_message_and_its_fit_are_the_package_s():
    chapter = played(STEM)
    n = np.array([1e2, 1e4, 1e6, 1e8])
    for link in (NDR, ROCE_100G):
        T = chapter["message"](n, link.alpha, link.beta)
        assert np.allclose(T, link.time(n))
        wobbling = T * [1.02, 0.97, 1.01, 0.99]
        fitted = network.fit_link(n, wobbling)
        found = chapter["fit"](n, wobbling)
        assert np.allclose(found, (fitted.alpha, fitted.beta))


def test_the_trees_have_the_package_s_hosts_and_cuts():
    chapter = played(STEM)
    for k in (4, 8):
        hosts = network.fat_tree_hosts(k)
        left = {("host", i) for i in range(hosts // 2)}
        for r in (1, 2):
            tree = chapter["fat_tree"](k, r)
            assert sum(kind == "host" for kind, _ in tree) == hosts
            want = network.fat_tree_bisection(hosts, 1.0, r)
            assert chapter["cut"](tree, left) == want


def test_a_torus_is_as_fast_as_the_package_s_cut_lets_it():
    chapter = played(STEM)
    for s in (4, 6):
        slots = chapter["play"](chapter["opposite"](s, 8))
        least = network.bisection_time(s**3 / 2 * 8, network.torus_cut(s))
        assert least <= slots <= least + s / 2


def test_every_route_runs_over_cables_that_are_there():
    chapter = played(STEM)
    for k, r in ((4, 1), (8, 4)):
        tree = chapter["fat_tree"](k, r)
        for b in range(1, k**3 // 4):
            for way in range(2 * k):
                path = chapter["route"](0, b, way, k, r)
                assert path[0][0] == ("host", 0)
                assert path[-1][1] == ("host", b)
                assert all(tree.has_edge(*cable) for cable in path)


def test_a_buffer_fills_when_the_package_says():
    chapter = played(STEM)
    for N in (3, 50):
        together = np.zeros(N, int)
        queue, lost = chapter["incast"](together, 9000)
        seen = np.argmax(queue == chapter["capacity"]) * chapter["slot"]
        law = network.incast_overflow(32e6, N, NDR.beta)
        assert lost
        assert 0 <= seen - law < 1.01 * chapter["slot"]
