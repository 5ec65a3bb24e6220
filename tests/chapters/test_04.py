"""Chapter 4: its answers were run, and its laws are the package's."""

import numpy as np
from played import answers_run, played

from mlsyscore import storage

STEM = "04_data_storage"


def test_the_answers_were_run():
    answers_run(STEM)


def test_the_wall_is_the_package_s():
    chapter = played(STEM)
    for N in (1, 600, 2048):
        for samples, size, T_c in (
            (256, 115_660, 0.2),
            (4096, 4, 0.2),
            (7, 1.5e8, 0.3),
        ):
            R = chapter["appetite"](samples, size, T_c)
            assert np.isclose(N * R, storage.demand(N, samples * size, T_c))
            ours = chapter["busy"](100e9, N, R)
            assert np.isclose(ours, storage.utilisation(100e9, N, R))


def test_equal_reads_take_the_clock_to_the_package_s_stall():
    play = played(STEM)["play"]
    for T_io, T_c in ((250, 200), (100, 200), (3, 2)):
        taken = [batch[2] for batch in play([T_io] * 40, T_c, 1)]
        stall = 1 - T_c / (taken[-1] - taken[-2])
        assert np.isclose(stall, storage.stall_overlapped(T_io, T_c))


def test_a_buffer_of_the_package_s_depth_hides_one_slow_read():
    play = played(STEM)["play"]
    for tail in (3.5, 8.0, 16.0):
        reads = [0.5] * 100
        reads[60] = tail
        waits = {}
        depth = storage.prefetch_depth(tail, 1.0)
        for places in (depth, depth - 1):
            taken = np.array([batch[2] for batch in play(reads, 1.0, places)])
            waits[places] = (np.diff(taken) - 1).sum()
        assert waits[depth] == 0 < waits[depth - 1]


def test_a_cache_that_keeps_what_it_has_bounds_lru():
    lru_hits = played(STEM)["lru_hits"]
    for h in (0.1, 0.5, 0.9):
        assert lru_hits(h) < storage.hit_rate(h, 1.0)


def test_the_break_even_is_the_package_s():
    chapter = played(STEM)
    c_keep, c_read, t = (chapter[name] for name in ("c_keep", "c_read", "t"))
    even = storage.break_even_epochs(c_keep, t, c_read)
    assert np.isclose(even * c_read, c_read + c_keep * t)
