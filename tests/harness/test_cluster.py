import numpy as np
import pytest

from mlsyscore.harness import cluster
from mlsyscore.harness.cluster import gangs_played, jobs_played

TRACE = [(0.0, 4, 10.0, 5.0), (1.0, 4, 9.0, 9.0), (2.0, 1, 3.0, 2.0)]


def fifo(now, free, running, queue, backfill):
    picks = []
    for i, (gpus, _) in enumerate(queue):
        if gpus > free:
            break
        picks.append(i)
        free -= gpus
    return picks


def test_a_trace_by_hand():
    assert jobs_played(fifo, TRACE, 4, False) == [0.0, 5.0, 14.0]
    assert jobs_played(fifo, TRACE, 5, True) == [0.0, 5.0, 5.0]
    assert cluster.mean_wait(TRACE, [0.0, 5.0, 14.0]) == pytest.approx(16 / 3)


def test_a_reservation_by_hand():
    running = [(5, 10.0), (2, 4.0)]
    assert [cluster.reservation(1.0, 3, running, g) for g in (3, 5, 6, 10)] == [
        1.0,
        4.0,
        10.0,
        10.0,
    ]


def test_a_reservation_that_never_comes_is_said():
    with pytest.raises(ValueError, match=r"11 GPUs never come free: 3 are, .* hold 7"):
        cluster.reservation(1.0, 3, [(5, 10.0), (2, 4.0)], 11)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (lambda *a: [], "4 GPUs are free, and nothing starts"),
        (lambda *a: range(len(a[3])), "5 of 4 GPUs are in use|8 of 4 GPUs"),
        (lambda *a: [-1], "begin with 0"),
        (lambda *a: [0, 0], "twice"),
        (lambda *a: [0.5], "whole numbers"),
        (lambda *a: None, "a list is expected"),
        (lambda *a: "0", "a list is expected, not str"),
    ],
)
def test_what_a_policy_may_not_do_is_said(policy, said):
    with pytest.raises(AssertionError, match=said):
        jobs_played(policy, TRACE, 4, True)


def test_whoever_passes_is_seen():
    def last(now, free, running, queue, backfill):
        return [k for k in (len(queue) - 1,) if queue[k][0] <= free]

    with pytest.raises(AssertionError, match="job 1 starts after its reservation"):
        jobs_played(last, [*TRACE, (3.0, 4, 90.0, 90.0)], 4, True)
    with pytest.raises(AssertionError, match="a job starts before an earlier one"):
        jobs_played(last, TRACE, 5, False)


def test_a_policy_gets_copies_and_is_asked_a_bounded_number_of_times():
    asked = []

    def spoils(now, free, running, queue, backfill):
        asked.append(now)
        picks = fifo(now, free, running, queue, backfill)
        running.clear()
        queue.clear()
        return picks

    trace = cluster.trace_of(3)
    assert jobs_played(spoils, trace, 64, False) == jobs_played(fifo, trace, 64, False)
    assert 0 < len(asked) <= 2 * len(trace)
    assert trace == cluster.trace_of(3)


def every(free, held, missing):
    chosen = []
    for i, needs in enumerate(missing):
        if any(needs) and all(m <= f for m, f in zip(needs, free, strict=True)):
            chosen.append(i)
            free = [f - m for f, m in zip(free, needs, strict=True)]
    return chosen


def test_gangs_by_hand():
    held, missing = [[8], [8], [4]], [[4], [4], [0]]
    assert gangs_played(every, "g", [0], held[:2], missing[:2], [1.0, 1.0]) == [0, 1]
    assert gangs_played(every, "g", [0], held, missing, [3.0, 2.0, 1.0]) == []
    assert missing == [[4], [4], [0]]


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (lambda *a: [], "one that waits would fit"),
        (lambda *a: [0, 1], "0 is the least"),
        (lambda *a: [2], r"gang \[2\] of the list runs"),
        (lambda *a: [3], "begin with 0"),
        (lambda *a: [0, 0], "twice"),
        (lambda *a: 0, "a list is expected, not int"),
    ],
)
def test_what_admit_may_not_do_is_said(policy, said):
    held, missing = [[0], [0], [1]], [[6], [5], [0]]
    with pytest.raises(AssertionError, match=said):
        gangs_played(policy, "g", [10], held, missing, [1.0, 2.0, 3.0])


def test_admit_sees_gangs_that_run_and_spoils_only_copies():
    seen = []

    def spoils(free, held, missing):
        seen.append((len(held), sum(not any(m) for m in missing)))
        chosen = every(list(free), held, missing)
        free.clear()
        held.clear()
        missing.clear()
        return chosen

    held, missing = [[0], [0], [1]], [[6], [5], [0]]
    assert gangs_played(spoils, "g", [10], held, missing, [1.0, 2.0, 9.0]) == []
    assert seen == [(3, 1), (2, 1), (1, 1)]


def test_one_decision_is_held_to_what_is_wanted():
    busy, waiting = [(5, 10), (2, 4)], [(2, 5), (1, 8), (1, 1)]
    cluster.must_start(fifo, False, 3, busy, waiting, [0, 1], {})
    with pytest.raises(
        AssertionError, match=r"EASY, 3 .*\[0, 1\]; \[2\] .*  Two fit\."
    ):
        cluster.must_start(fifo, True, 3, busy, waiting, [2], {(0, 1): "Two fit"})


def test_first_come_first_served_may_not_tarry():
    def one(now, free, running, queue, backfill):
        return [0] if queue[0][0] <= free else []

    with pytest.raises(
        AssertionError, match="job 1, the first that waits, which wants 4"
    ):
        jobs_played(one, [(0.0, 4, 9.0, 9.0), (0.0, 4, 9.0, 9.0)], 8, False)


def test_devices_taken_one_by_one_are_all_taken_or_enough():
    free, held, missing = cluster.piecemeal(9, 8, 64, np.random.default_rng(1))
    assert free[0] + sum(h for (h,) in held) == 64
    assert [h + m for (h,), (m,) in zip(held, missing, strict=True)] == [8] * 9
    assert cluster.piecemeal(2, 8, 64, np.random.default_rng(1))[0] == [48]
