"""Pictures of a student's own schedules."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from mlsyscore.harness import waiting

mpl.use("Agg")


def fifo(now, free, running, queue, backfill):
    picks = []
    for i, (gpus, _) in enumerate(queue):
        if gpus > free:
            break
        picks.append(i)
        free -= gpus
    return picks


def test_each_job_has_as_many_lanes_as_it_takes_and_starts_when_it_did():
    waiting.draw_schedules(fifo)
    above, below = plt.gcf().axes
    for ax, title in ((above, "FIFO"), (below, "EASY")):
        assert ax.get_title() == title
        names = [(t.get_text(), t.xyann[0]) for t in ax.texts]
        middles = {"A": 2.0, "B": 5.5, "C": 5.5, "D": 10.0, "E": 8.0}
        for name, (gpus, _) in waiting.FIVE.items():
            assert names.count((name, pytest.approx(middles[name]))) == gpus
    plt.close("all")


def test_who_waits_is_printed_for_each_size(capsys):
    waiting.draw_waits(fifo, loads=(0.3, 0.9))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["FIFO", "EASY"]
    assert all(line.count("GPUs wait") == 3 for line in lines)
    low, high = plt.gca().lines[0].get_ydata()
    assert 0 < low < high
    plt.close("all")
