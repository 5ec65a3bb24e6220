"""A cluster that asks a policy who starts, whenever a job or a gang arrives or ends.

It keeps time, devices and its record to itself: a policy sees lists, made anew for
each decision, and what it returns is read once.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..units import hour
from .answers import listed, positions

Job = tuple[float, int, float, float]  # arrival, GPUs, stated and true duration; s
Policy = Callable[..., Any]
CLOCK = 100 * hour  # when single decisions are asked for


def reservation(
    now: float, free: int, running: Sequence[tuple[int, float]], gpus: int
) -> float:
    """Return the earliest time when so many GPUs are free, if nothing else starts.

    now: seconds; free: GPUs; running: (GPUs, latest end in seconds) of each job.
    ValueError if they are too few for ever.
    """
    for t in [now, *sorted(end for _, end in running)]:
        if free + sum(g for g, end in running if end <= t) >= gpus:
            return t
    text = f"{gpus} GPUs never come free: {free} are, and the jobs in running hold "
    text += f"{sum(g for g, _ in running)}; is a job that has just started among them?"
    raise ValueError(text)


def must_start(
    startable: Policy,
    backfill: bool,
    free: int,
    busy: Sequence[tuple[int, float]],
    waiting: Sequence[tuple[int, float]],
    want: list[int],
    slips: Mapping[tuple[int, ...], str],
) -> None:
    """AssertionError unless one decision starts the positions in want.

    busy: GPUs and hours until the latest end of each job; waiting: GPUs and hours.
    """
    label = f"{'EASY' if backfill else 'first come, first served'}, {free} GPUs free, "
    label += f"running (GPUs, hours left) {busy}, waiting (GPUs, hours) {waiting}: "
    label += "positions that start"
    running = [(g, CLOCK + t * hour) for g, t in busy]
    queue = [(g, t * hour) for g, t in waiting]
    answer = startable(CLOCK, free, running, queue, backfill)
    listed(label, positions(label, answer, len(waiting)), want, slips)


def trace_of(seed: int, load: float = 0.9, jobs: int = 80, N: int = 64) -> list[Job]:
    """Return jobs as (arrival, GPUs, stated duration, true duration), in seconds.

    Sizes are powers of two, durations have a heavy tail, and a job states up to three
    times what it needs.  load: share of N GPUs that the jobs keep busy.
    """
    rng = np.random.default_rng(seed)
    odds = [0.3, 0.15, 0.15, 0.2, 0.1, 0.07, 0.03]
    gpus = rng.choice([1, 2, 4, 8, 16, 32, 64], jobs, p=odds)
    true = np.ceil(np.minimum(rng.lognormal(3.5, 1.5, jobs), 1440))
    stated = np.ceil(true * rng.choice([1, 1.5, 3], jobs))
    gap = np.mean(gpus * true) / (load * N)
    arrival = np.floor(np.cumsum(rng.exponential(gap, jobs)))
    rows = zip(arrival, gpus, stated, true, strict=True)
    return [(60.0 * a, int(g), 60.0 * s, 60.0 * t) for a, g, s, t in rows]


def mean_wait(trace: Sequence[Job], starts: Sequence[float]) -> float:
    """Return the mean seconds from arrival to start."""
    return float(np.mean([s - job[0] for s, job in zip(starts, trace, strict=True)]))


def jobs_played(
    startable: Policy, trace: Sequence[Job], N: int, backfill: bool
) -> list[float]:
    """Run a trace on N GPUs; return the start of each job, in seconds.

    startable: is asked with (now, free, running, queue, backfill) at each arrival and
        end where jobs wait, so at most twice for each job
    AssertionError where GPUs lack, where the first that waits fits, and where a job is
    let down: overtaken in the order of arrival, or, with backfill, not started by the
    earliest of the reservations that it had as head.
    """
    label = f"{'EASY' if backfill else 'first come, first served'}, {len(trace)} jobs"
    starts, promise = [math.inf] * len(trace), [math.inf] * len(trace)
    running: list[tuple[int, float, float]] = []  # GPUs, true and latest end
    arrivals = sorted({job[0] for job in trace})
    while math.inf in starts:
        times = [end for _, end, _ in running] + arrivals
        now = min(times)
        arrivals = [t for t in arrivals if t > now]
        running = [r for r in running if r[1] > now]
        queue = [i for i, j in enumerate(trace) if j[0] <= now and starts[i] > now]
        if not queue:
            continue
        free, going = N - sum(r[0] for r in running), [(r[0], r[2]) for r in running]
        jobs = [trace[i][1:3] for i in queue]
        chosen = positions(
            f"{label}, positions in the queue",
            startable(now, free, going, jobs, backfill),
            len(queue),
        )
        for k in chosen:
            i = queue[k]
            starts[i], (_, gpus, stated, true) = now, trace[i]
            running.append((gpus, now + true, now + stated))
            late = f"{label}: job {i} starts after its reservation"
            assert now <= promise[i], late
        using = sum(r[0] for r in running)
        text = f"{label}: {using} of {N} GPUs are in use at {now:.0f} s"
        assert using <= N, text
        waits = [i for i in queue if starts[i] > now]
        text = f"{label}: a job starts before an earlier one"
        assert backfill or not waits or all(queue[k] < waits[0] for k in chosen), text
        if waits:
            i, going = waits[0], [(r[0], r[2]) for r in running]
            text = (
                f"{label}: at {now:.0f} s {N - using} GPUs are free, and nothing starts"
            )
            text += f" job {i}, the first that waits, which wants {trace[i][1]}"
            assert trace[i][1] > N - using, text
            then = reservation(now, N - using, going, trace[i][1])
            promise[i] = min(promise[i], then)
    return starts


def piecemeal(
    gangs: int, size: int, N: int, rng: np.random.Generator
) -> tuple[list[int], list[list[int]], list[list[int]]]:
    """Return free, held and missing when gangs took N devices one by one, at random."""
    held = [0] * gangs
    for _ in range(N):
        short = [i for i in range(gangs) if held[i] < size]
        if short:
            held[int(rng.choice(short))] += 1
    return [N - sum(held)], [[h] for h in held], [[size - h] for h in held]


def gangs_played(
    admit: Policy,
    label: str,
    free: Sequence[int],
    held: Any,
    missing: Any,
    times: Sequence[float],
) -> list[int]:
    """Run gangs until none runs; return those that never start, by their numbers.

    admit: is asked with (free, held, missing) of those that wait or run, at the start
        and whenever a gang ends, so at most once more than there are gangs
    free: devices of each pool; held, missing: the same for each gang; times: seconds
        that each runs
    AssertionError where a gang gets devices that are not free or was not waiting, and
    where one that waits would fit in what is left.
    """
    pool, held, missing = (np.array(x) for x in (free, held, missing))
    there, now = list(range(len(times))), 0.0
    ends = {i: times[i] for i in there if not missing[i].any()}
    while there:
        rest = pool.tolist(), held[there].tolist(), missing[there].tolist()
        answer = positions(f"{label}, gangs admitted", admit(*rest), len(there))
        chosen = [there[k] for k in answer]
        runs = [k for k in answer if there[k] in ends]
        text = f"{label}: gang {runs[:1]} of the list runs; only who waits is admitted"
        assert not runs, text
        left = pool - missing[chosen].sum(axis=0)
        text = f"{label}: {pool.tolist()} are free, and {left.tolist()} when you have "
        text += f"given to gangs {chosen}"
        assert np.all(left >= 0), text + "; 0 is the least"
        waits = [i for i in there if i not in ends and i not in chosen]
        fits = [i for i in waits if np.all(missing[i] <= left)]
        assert not fits, text + "; one that waits would fit"
        pool = left
        for i in chosen:
            held[i], missing[i] = held[i] + missing[i], 0
            ends[i] = now + times[i]
        if not ends:
            return waits
        done = min(ends, key=lambda i: ends[i])
        now, pool = ends.pop(done), pool + held[done]
        there.remove(done)
    return []
