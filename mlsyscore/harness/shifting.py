"""Jobs that may wait or move, sites with their grids, and what makes a plan allowed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Job = tuple[float, int, int, float, list[int]]  # MWh, first hour, deadline, MW, sites
Site = tuple[float, float, list[float]]  # PUE, MW of its feed, g/kWh of each hour
SLACK = 1e-3  # MWh by which a plan may miss a limit

# g/kWh, hours by the files' clock: Wiesner et al., arXiv 2110.13234, data of 2020
MONDAY: list[float] = [  # Germany, 13 July
    *(348, 349, 356, 366, 375, 368, 348, 321, 300, 293, 283, 282),
    *(282, 294, 313, 335, 359, 389, 408, 419, 427, 432, 422, 405),
]
BRITAIN: list[float] = [  # the mean day of the year
    *(183, 183, 180, 179, 181, 190, 208, 221, 222, 219, 214, 212),
    *(213, 213, 216, 223, 237, 248, 252, 250, 243, 228, 206, 188),
]


def kept(name: str, answer: Any, jobs: Sequence[Job], sites: Sequence[Site]) -> float:
    """Return the kilograms that a plan emits; AssertionError where it breaks a limit.

    answer: MWh of the machines, for each job, site and hour.
    """
    shape = (len(jobs), len(sites), len(sites[0][2]))
    try:
        x = np.asarray(answer, float)
    except (TypeError, ValueError):
        text = f"{name}: an array of numbers is expected, not {answer!r:.60}"
        raise AssertionError(text) from None
    text = f"{name}: the shape is {x.shape}; (jobs, sites, hours) = {shape} is expected"
    assert x.shape == shape, text
    assert np.all(np.isfinite(x)), f"{name}: it holds values that are not finite"
    assert x.min() >= -SLACK, f"{name}: an energy is below 0: {x.min():.4g} MWh"
    for j, (energy, first, deadline, power, allowed) in enumerate(jobs):
        job = f"{name}: job {j}"
        got, most = float(x[j].sum()), float(x[j].sum(axis=0).max())
        assert abs(got - energy) <= SLACK, f"{job} gets {got:.4f} MWh of {energy:g}"
        assert x[j, :, :first].sum() <= SLACK, f"{job} runs before hour {first}"
        assert x[j, :, deadline:].sum() <= SLACK, f"{job} runs after its deadline"
        text = f"{job} draws {most:.4f} MW in an hour; {power:g} is its limit"
        assert most <= power + SLACK, text + ", over all sites"
        for s in set(range(len(sites))) - set(allowed):
            assert x[j, s].sum() <= SLACK, f"{job} runs at site {s}, where it may not"
    total = 0.0
    for s, (pue, feed, intensity) in enumerate(sites):
        drawn = pue * x[:, s].sum(axis=0)
        text = f"{name}: site {s} draws {drawn.max():.4f} MW from a feed of {feed:g}"
        assert drawn.max() <= feed + SLACK, text + "; the PUE counts"
        total += float(drawn @ np.asarray(intensity))
    return total


def drawn(
    seed: int, n: int = 5, n_sites: int = 2, hours: int = 30
) -> tuple[list[Job], list[Site]]:
    """Return jobs and sites that a hidden plan can serve, with nothing to spare."""
    rng = np.random.default_rng(seed)
    plan: NDArray[np.float64] = np.zeros((n, n_sites, hours))
    jobs: list[Job] = []
    for j in range(n):
        first = int(rng.integers(0, hours - 4))
        deadline = int(rng.integers(first + 3, min(hours, first + 16) + 1))
        power = int(rng.integers(2, 9))
        some = rng.choice(n_sites, int(rng.integers(1, n_sites + 1)), replace=False)
        allowed = [int(s) for s in some]
        for h in range(first, deadline):
            plan[j, rng.choice(allowed), h] = rng.integers(h == first, power + 1)
        jobs.append((int(plan[j].sum()), first, deadline, power, allowed))
    sites: list[Site] = []
    for s in range(n_sites):
        room = max(int(plan[:, s].sum(axis=0).max()), 1)
        pue = float(rng.choice([1.1, 1.25, 1.5]))
        walk = rng.integers(60, 700) + rng.integers(-90, 91, hours).cumsum()
        sites.append((pue, pue * room, [int(g) for g in np.clip(walk, 15, 950)]))
    return jobs, sites


def draw_plan(x: Any, sites: Sequence[Site], names: Sequence[str]) -> None:
    """Draw what each job takes in each hour, and each site's intensity over it."""
    import matplotlib.pyplot as plt

    x = np.asarray(x, float)
    _, axes = plt.subplots(1, len(sites), figsize=(7, 3), squeeze=False, sharey=True)
    for s, (ax, (pue, feed, intensity)) in enumerate(zip(axes[0], sites, strict=True)):
        below, at = np.zeros(len(intensity)), np.arange(len(intensity)) + 0.5
        for row in pue * x[:, s]:
            ax.bar(at, row, 0.9, below)
            below += row
        ax.axhline(feed, color="k", ls=":", lw=1)
        ax.set(title=names[s], xlabel="hour", ylim=(0, 1.4 * feed))
        line = ax.twinx()
        line.step(at - 0.5, intensity, where="post", color="C3", ls="-")
        line.set_ylim(0, 1.1 * max(intensity))
        line.grid(visible=False)
    axes[0, 0].set_ylabel("power from the grid (MW)")
