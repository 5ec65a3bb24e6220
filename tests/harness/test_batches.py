"""Batches that are healthy, and batches that broke without an error."""

import numpy as np
import pytest

from mlsyscore.harness.batches import (
    COLUMNS,
    FAILURES,
    Pipeline,
    alarms,
    healthy,
    history_of,
)

HISTORY = history_of(3)


def broken(kind, seed=5):
    """A healthy batch and the same with one failure."""
    rng = np.random.default_rng(seed)
    batch = healthy(rng)
    return batch, FAILURES[kind](dict(batch), HISTORY, rng)


def changed(one, other):
    return [k for k in COLUMNS if not np.array_equal(one[k], other[k], equal_nan=True)]


def test_a_history_is_repeatable_and_its_days_differ():
    again = history_of(3)
    assert len(HISTORY) == 60
    assert all(not changed(a, b) for a, b in zip(HISTORY, again, strict=True))
    rows = [len(b["price"]) for b in HISTORY]
    assert 300 < min(rows) < max(rows) < 480
    assert all(len({len(b[k]) for k in COLUMNS}) == 1 for b in HISTORY)
    means = [b["price"].mean() for b in HISTORY]
    within = np.mean([b["price"].std() / np.sqrt(len(b["price"])) for b in HISTORY])
    assert np.std(means) > 1.5 * within  # a day is one draw, not its rows
    lost = np.mean([np.isnan(b["age"]).mean() for b in HISTORY])
    assert lost == pytest.approx(0.03, abs=0.005)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("kind", "share"), [("filled", 0.3), ("missing", 0.2)])
def test_a_source_that_fails_spoils_one_column(kind, share, seed):
    batch, bad = broken(kind, seed)
    (name,) = changed(batch, bad)
    test = np.isnan if kind == "missing" else (lambda x: x == 0)
    added = test(bad[name]).mean() - test(batch[name]).mean()
    assert added == pytest.approx(share, abs=0.09)


def test_other_failures_are_what_they_say():
    batch, bad = broken("unit")
    (name,) = changed(batch, bad)
    ratio = np.nanmedian(bad[name]) / np.nanmedian(batch[name])
    assert ratio == pytest.approx(1000) or ratio == pytest.approx(0.001)
    n = len(batch["price"])
    _, bad = broken("cut")
    assert len(bad["price"]) == n // 2
    _, bad = broken("twice")
    assert len(bad["price"]) == n
    rows = np.column_stack([bad[k] for k in ("price", "latency", "clicks")])
    assert n - len(np.unique(rows, axis=0)) == pytest.approx(0.3 * n, abs=5)
    _, bad = broken("stale")
    assert sum(not changed(bad, old) for old in HISTORY[-7:]) == 1
    batch, bad = broken("joined")
    assert changed(batch, bad) == ["clicks"]
    assert sorted(batch["clicks"]) == sorted(bad["clicks"])
    tied = [np.corrcoef(np.log(b["price"]), b["clicks"])[0, 1] for b in (batch, bad)]
    assert tied[0] < -0.4
    assert abs(tied[1]) < 0.2


def test_alarms_are_counted_on_new_batches():
    def large(batch):
        return bool(np.nanmax(batch["latency"]) > 1000)

    assert alarms(large, HISTORY, "healthy", 20, 1) == 0
    assert 1 <= alarms(large, HISTORY, "unit", 40, 1) <= 10  # a quarter of a half
    assert alarms(lambda b: np.True_, HISTORY, "cut", 7, 1) == 7
    old = {b["price"].tobytes() for b in HISTORY}
    stale = lambda b: b["price"].tobytes() in old  # noqa: E731
    assert alarms(stale, HISTORY, "stale", 9, 1) == 9
    assert alarms(stale, HISTORY, "healthy", 50, 1) == 0
    for answer in (None, 1, "yes", [True]):
        with pytest.raises(AssertionError, match="True or False is expected"):
            alarms(lambda b, answer=answer: answer, HISTORY, "cut", 1, 1)


def test_a_check_cannot_spoil_the_history():
    def spoils(batch):
        for column in batch.values():
            column[:] = 0
        return True

    history = history_of(3)
    alarms(spoils, history, "stale", 5, 1)
    assert all(not changed(a, b) for a, b in zip(history, HISTORY, strict=True))


def test_pipelines_have_volumes_levels_and_gaps_of_their_own():
    other = Pipeline(900, 5.5, 3.0, 0.12, 2.0)
    seen = []
    alarms(lambda b: seen.append(b) or False, HISTORY, "healthy", 30, 1, other)
    for batches in (seen, history_of(3, 30, other)):
        assert np.mean([len(b["price"]) for b in batches]) == pytest.approx(
            870, rel=0.1
        )
        level = np.mean([np.log(b["price"]).mean() for b in batches])
        assert level == pytest.approx(5.5, abs=0.1)
        wait = np.mean([b["latency"].mean() for b in batches])
        assert wait == pytest.approx(12, rel=0.1)
        lost = np.mean([np.isnan(b["age"]).mean() for b in batches])
        assert lost == pytest.approx(0.12, abs=0.01)
        rate = np.mean([b["clicks"].mean() for b in batches])
        assert rate == pytest.approx(np.exp(2 + 0.125), rel=0.1)
