"""Pictures of a student's own schedules: who runs when, and who waits how long."""

import numpy as np

from ..units import hour
from .cluster import Job, Policy, jobs_played, mean_wait, trace_of

FIVE: dict[str, tuple[int, int]] = {  # GPUs and hours; the chapter's five on eight GPUs
    "A": (5, 4),
    "B": (6, 3),
    "C": (2, 3),
    "D": (1, 6),
    "E": (2, 2),
}
KINDS = {False: "FIFO", True: "EASY"}


def draw_schedules(startable: Policy, jobs: dict[str, tuple[int, int]] = FIVE) -> None:
    """Draw jobs that came to eight GPUs at once, first come first served and EASY."""
    import matplotlib.pyplot as plt

    trace: list[Job] = [(0.0, g, t * hour, t * hour) for g, t in jobs.values()]
    _, axes = plt.subplots(2, 1, figsize=(6, 4.6))
    for backfill, ax in zip(KINDS, axes, strict=True):
        starts = np.array(jobs_played(startable, trace, 8, backfill)) / hour
        lane_free, end = np.zeros(8), 0.0
        rows = sorted(zip(starts, jobs.items(), strict=True))
        for start, (name, (gpus, hours)) in rows:
            lanes = np.flatnonzero(lane_free <= start)[:gpus]
            lane_free[lanes] = start + hours
            end = max(end, start + hours)
            for lane in lanes:
                ax.barh(lane, hours, 1, start, color="C0", edgecolor="white")
                at = (start + hours / 2, lane)
                ax.annotate(name, at, color="white", ha="center", va="center")
        ax.barh(range(8), end, 1, color="0.8", hatch="///", edgecolor="white", zorder=0)
        ax.set(title=KINDS[backfill], ylabel="GPU", yticks=range(8), xlim=(0, 14))
        ax.grid(visible=False)
    axes[-1].set_xlabel("time (h); hatched: idle")


def draw_waits(
    startable: Policy,
    loads: tuple[float, ...] = (0.3, 0.45, 0.6, 0.75, 0.9, 1.0),
    seed: int = 8,
) -> None:
    """Draw the mean wait over the load; print, for one trace, who waits."""
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(figsize=(6, 3))
    for backfill, style in ((False, "C3s--"), (True, "C2o-")):
        waits = np.zeros((4, len(loads)))
        for k, load in enumerate(loads):
            for row, trace in enumerate(trace_of(s, load) for s in range(4)):
                starts = jobs_played(startable, trace, 64, backfill)
                waits[row, k] = mean_wait(trace, starts) / hour
        ax.semilogy(loads, waits.mean(axis=0), style, label=KINDS[backfill])
    ax.set(xlabel="offered load (share of the GPUs)", ylabel="mean wait (h)")
    ax.legend()
    trace = trace_of(seed)
    for backfill, name in KINDS.items():
        starts, row_text = jobs_played(startable, trace, 64, backfill), name
        for low, high in ((1, 4), (8, 16), (32, 64)):
            some = [i for i, job in enumerate(trace) if low <= job[1] <= high]
            wait = mean_wait([trace[i] for i in some], [starts[i] for i in some])
            row_text += f"   {low}-{high} GPUs wait {wait / hour:5.1f} h"
        print(row_text)
