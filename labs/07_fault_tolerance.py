# %% [markdown]
# # Lab 7 · Fault tolerance
#
# **Time** 90 minutes. **Points** 38. **Runtime** any CPU; no GPU.
# **Hand in** this notebook, saved as `07_fault_tolerance.ipynb`.
#
# You will
#
# 1. plan a run: its failures, its best interval, and where its time goes;
# 2. play a job against given failures;
# 3. find the best interval from a sample of lives, where no formula is given;
# 4. write a checkpoint that survives a crash between any two operations;
# 5. resume training so that no loss differs by one bit;
# 6. find and mend a wrong entry of a matrix product, and price the check.
#
# A question asks for functions.  Fill their bodies; leave names and arguments.  The
# cells between are locked.  Visible checks tell you what they expect; more checks run
# when the lab is graded.  You may use all of `mlsyscore`.

# %%
import hashlib
import itertools
import math
import pickle

import numpy as np

from mlsyscore.checks import close, same
from mlsyscore.harness.answers import must_raise
from mlsyscore.harness.calls import fresh
from mlsyscore.harness.checkpoints import (
    changed,
    crashes,
    outcome,
    survives,
    tidy,
    told,
)
from mlsyscore.harness.disk import Disk, contents
from mlsyscore.harness.lives import (
    drawn,
    exact_best,
    exact_share,
    judged,
    planned,
    weibull_of,
)
from mlsyscore.harness.products import limits, ruled, spoiled
from mlsyscore.harness.resuming import bit_for_bit, pickled, put_back, resumed
from mlsyscore.harness.trainer import Trainer, train
from mlsyscore.reliability import (
    daly_interval,
    fit_rate,
    segment_time,
    series_rate,
    young_daly,
)
from mlsyscore.units import day, hour, minute

# %% [markdown]
# ## 1. Where the time of a run goes (6 points)
#
# A job stops when any of its parts fails.  `fleet` lists pairs (number of parts, FIT).
# Failures are exponential.  What many parts share, such as a switch, is a part too.
#
# The job is `work` seconds of computing, cut in `k` equal segments.  Each segment is
# followed by a write of `T_write` seconds, the last one too.  The job starts at once.
# After a failure it restarts, which takes `T_restart` seconds without a failure, and
# begins its segment anew.  Failures strike work, writes and restarts alike;
# `segment_time` is the mean of one segment, exactly.
#
# Choose the `k` of the shortest mean run.  Then split that run in four:
#
# - the work;
# - `write`: the writes that counted, `k T_write`;
# - `restart`: every second spent in a restart, those that failed included;
# - `rework`: every second of work or write that a failure threw away.
#
# A hint.  Failures strike at a constant rate, so a run has `run/MTBF` of them on
# average.  Each begins a restart, which ends after `T_restart` or at the next failure.


# %% answer="plan"
def plan_run(fleet, work, T_write, T_restart):
    """Return a dict: mtbf, segments, run, write, restart, rework.

    fleet: list of (number of parts, FIT of each)
    work, T_write, T_restart: seconds; T_restart may be 0
    mtbf: of the job; segments: the best whole k, 1 <= k <= 100,000
    run: mean seconds; write, restart, rework: its parts besides work, mean seconds
    """
    ### BEGIN SOLUTION
    mtbf = 1 / series_rate([fit_rate(f) for _, f in fleet], [n for n, _ in fleet])
    best = work / daly_interval(T_write, mtbf) if T_write < 2 * mtbf else 1
    near = range(max(1, math.floor(best) - 2), math.ceil(best) + 3)

    def run(k):
        return k * segment_time(work / k, T_write, mtbf, T_restart)

    k = min(near, key=run)
    write, restart = k * T_write, run(k) * -math.expm1(-T_restart / mtbf)
    rework = run(k) - work - write - restart
    parts = {"write": write, "restart": restart, "rework": rework}
    return {"mtbf": mtbf, "segments": k, "run": run(k)} | parts
    ### END SOLUTION


# %% [markdown]
# The book's 10,000 GPUs, in its open calculations (mlsysim 0.3.0): a GPU of 20,000 FIT
# fails every 50,000 h.  Each has a PCIe part that fails every 200,000 h.  Each node of
# eight has a network card that fails every 150,000 h.  The rates add up: 0.2 + 0.05 +
# 0.0083 failures an hour.


# %% check="plan-mtbf" points=1 hidden="other fleets: every part of every kind counts"
FIT = {"gpu": 20_000.0, "pcie": 5_000.0, "nic": 1e9 / 150_000}
BOOK = [(10_000, FIT["gpu"]), (10_000, FIT["pcie"]), (1_250, FIT["nic"])]
(got,) = planned("10,000 GPUs", plan_run(BOOK, 90 * day, 24.5, 384.5), "mtbf")
slips = {5 / 3.8710: "the GPUs alone; what else stops the job"}
slips |= {4 / 3.8710: "a node's network card stops the job too"}
slips |= {3600.0: "hours are expected to be in seconds", 1 / 3600: "FIT are per hour"}
slips |= {3.1579 / 3.8710: "there are 1,250 network cards, not 10,000"}
slips |= {50_000 / 3.8710: "one GPU's; any of 10,000 stops the job"}
slips |= {8157.9: "how many parts of each kind are there"}
close("10,000 GPUs, MTBF", got / hour, 3.870968, "h", slips)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for kinds in (1, 3, 6):
    draw = [(int(rng.integers(1, 400)), float(rng.uniform(1e3, 9e4))) for _ in "abcdef"]
    lives = [1e9 * hour / f for n, f in draw[:kinds] for _ in range(n)]
    (got,) = planned("a fleet", plan_run(draw[:kinds], 9 * day, 60.0, 300.0), "mtbf")
    want = 1 / math.fsum(1 / life for life in lives)
    close(f"a fleet of {kinds} kinds", got, want, "s")
### END HIDDEN TESTS

# %% [markdown]
# One part of 10^8 FIT fails every 10 h.  A run of 20 h of work writes for 1 h and
# restarts in 1 h.  Four segments take 36.34 h on average, five 35.85 h, six 35.97 h.

# %% check="plan-best" points=2 hidden="other runs; long writes, rare failures"
got = plan_run([(1, 1e8)], 20 * hour, 1 * hour, 1 * hour)
k, run = planned("20 h of work", got, "segments", "run")
slips = {0.8: "Young-Daly's 4.47 segments; a write of MTBF/10 is not short"}
slips |= {1.2: "is it the cheaper neighbour"}
close("20 h of work", k, 5, "segments", slips)
slips = {30.94427 / 35.84739: "first order; here the exact law differs"}
slips |= {32.43606 / 35.84739: "restarts take time too"}
slips |= {36.0208 / 35.84739: "a restart that fails lasts less than T_restart"}
slips |= {36.34327 / 35.84739: "that is the run of 4 segments"}
slips |= {35.67967 / 35.84739: "a restart may fail, and then begins anew"}
close("20 h of work, the run", run / hour, 35.84739, "h", slips)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
cases = [(0.001, 0.0), (0.02, 0.1), (0.3, 0.05), (0.9, 0.4), (0.005, 1.0)]
cases = [(float(rng.uniform(0.2, 12)), *case) for case in cases]
cases += [(0.275, 0.02, 0.0), (0.17, 0.3, 0.05), (12.0, 1e-6, 0.01)]
ks = np.arange(1, 100_001)
for work, write, rest in cases:  # in MTBF
    M = float(rng.uniform(1, 50)) * hour
    got = plan_run([(1, 1e9 * hour / M)], work * M, write * M, rest * M)
    k, run = planned("another run", got, "segments", "run")
    assert k in range(1, 100_001), f"{k} segments"
    survive = np.exp(-(work / ks + write))
    runs = ks * math.exp(rest) * (1 - survive) / survive
    assert runs[int(k) - 1] <= min(runs) * (1 + 1e-9), "other segments are shorter"
    close("another run", run / M, min(runs), "MTBF")
### END HIDDEN TESTS

# %% [markdown]
# The same run.  It fails 3.585 times on average.

# %% check="plan-parts" points=3 hidden="other runs, some without a restart"
got = plan_run([(1, 1e8)], 20 * hour, 1 * hour, 1 * hour)
keys = ("run", "write", "restart", "rework")
run, write, restart, rework = planned("20 h of work", got, *keys)
slips = {0.8: "is the last write missing, or is k not 5"}
close("20 h of work, write", write / hour, 5, "h", slips)
slips = {3.584739 / 3.411331: "a restart ends early when the next failure comes"}
slips |= {2 / 3.411331: "failures strike in all 35.8 h, not in 20 h of work only"}
slips |= {2.5 / 3.411331: "failures strike in restarts and in rework too"}
close("20 h of work, restart", restart / hour, 3.411331, "h", slips)
slips = {7.169479 / 7.436064: "half an interval for each failure is first order"}
slips |= {7.262656 / 7.436064: "is the time in restarts too long"}
close("20 h of work, rework", rework / hour, 7.436064, "h", slips)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)


def cut_short(x):
    """Mean length of an attempt at x MTBF that fails, in MTBF, by quadrature."""
    t = np.linspace(0, x, 4001)
    f = t * np.exp(-t)
    return float(np.sum(f[1:] + f[:-1]) / 2 * t[1]) / -math.expm1(-x)


for write, rest in [(0.01, 0.02), (0.2, 0.5), (0.05, 0.0), (0.6, 1.0)]:
    M = float(rng.uniform(1, 50)) * hour
    work = M * float(rng.uniform(1, 6))
    got = plan_run([(1, 1e9 * hour / M)], work, write * M, rest * M)
    keys = ("segments", "write", "restart", "rework")
    k, *parts = planned("another run", got, *keys)
    assert 1 <= k <= 100_000, f"{k} segments"
    attempt = work / k / M + write
    failed = k * math.expm1(attempt)  # attempts at a segment
    again = math.expm1(rest)  # failed restarts for each that succeeds
    want = [k * write, failed * rest, failed * cut_short(attempt)]
    if rest > 0:
        want[1] += failed * again * cut_short(rest)
    for key, got, value in zip(keys[1:], parts, want, strict=True):
        got = 0.0 if value == 0 and abs(got) < 1e-9 * work else got / M  # rounding
        close(f"another run, {key}", got, value, "MTBF", rel=1e-4)
### END HIDDEN TESTS

# %% [markdown]
# A write of GPT-3's state takes 24.5 s.  Is saving every 15 minutes safe, or wasteful?

# %% explore
import matplotlib.pyplot as plt

plt.style.use("mlsyscore.figures")
for GPUs in (64, 1_000, 10_000):
    fleet = [(n * GPUs / 10_000, f) for n, f in BOOK]
    plan = plan_run(fleet, 90 * day, 24.5, 384.5)
    lost = [plan["run"] / (90 * day) - 1]
    lost += [segment_time(15 * minute, 24.5, plan["mtbf"], 384.5) / (15 * minute) - 1]
    tau = 90 * day / plan["segments"]
    print(f"{GPUs:6d} GPUs: MTBF {plan['mtbf'] / hour:6.1f} h, ", end="")
    print(f"best every {tau / minute:5.1f} min, {lost[0]:6.2%} more time, ", end="")
    print(f"every 15 min {lost[1]:6.2%}")

# %% [markdown]
# And when do more GPUs end a run later?  Failures, like speed, grow with their number.

# %% explore
GPUs = np.geomspace(1e3, 5e5, 50)
fig, ax = plt.subplots(figsize=(6, 3))
for T_write in (24.5, 300.0):
    runs = []
    for N in GPUs:
        fleet = [(n * N / 10_000, f) for n, f in BOOK]
        runs.append(plan_run(fleet, 90 * day * 1e4 / N, T_write, 384.5)["run"] / day)
    ax.loglog(GPUs, runs, label=f"a write of {T_write:.1f} s")
    print(f"a write of {T_write:.1f} s: shortest at {GPUs[np.argmin(runs)]:,.0f} GPUs")
ax.loglog(GPUs, 90 * 1e4 / GPUs, "--", label="no failures")
ax.set_xlabel("GPUs")
ax.set_ylabel("mean run (days)")
ax.legend()

# %% [markdown]
# ## 2. Play the job (5 points)
#
# Row `i` of `lives` holds the lives of run `i` in seconds, one after another: the time
# from a start to the next failure.  The first life begins with work.  Every later one
# begins with a restart of `T_restart`.  After that come segments: `tau` of work, then a
# write of `T_write`.  A failure loses what has not been written.  A run ends when its
# last segment is written.  Do not play second by second: how many segments does a life
# complete?


# %% answer="job"
def wall_clock(lives, segments, tau, T_write, T_restart):
    """Return an array: the wall-clock seconds of each run.

    lives: array, runs x lives, seconds from each start to its failure
    segments: how many to complete, 1 or more; tau, T_write, T_restart: seconds
    Raises ValueError if some run's lives are over before it is done.
    """
    ### BEGIN SOLUTION
    rest = np.full(lives.shape[1], float(T_restart))
    rest[0] = 0.0
    saved = np.floor(np.maximum(lives - rest, 0) / (tau + T_write))
    total = np.cumsum(saved, axis=1)
    if np.any(total[:, -1] < segments):
        raise ValueError(f"lives end before {segments} segments are written")
    last = np.argmax(total >= segments, axis=1)
    row = np.arange(len(lives))
    before = total[row, last] - saved[row, last]
    past = np.cumsum(lives, axis=1)[row, last] - lives[row, last]
    return past + rest[last] + (segments - before) * (tau + T_write)
    ### END SOLUTION


# %% [markdown]
# Three segments of 8 s and writes of 2 s; a restart takes 5 s.  A life of 25 s writes
# two of them.  The next, of 12 s, restarts and works for 7 s in vain.  The third
# restarts and writes the last: 25 + 12 + 5 + 10 s.

# %% check="job-three" points=2
lives = np.array([[25.0, 12.0, 99.0], [34.0, 12.0, 99.0], [4.0, 1.0, 37.0]])
got = np.asarray(wall_clock(lives, 3, 8.0, 2.0, 5.0), float)
assert got.shape == (3,), f"three runs: three times are expected, not {got.shape}"
slips = {47 / 52: "a restart costs 5 s", 45 / 52: "5 s of the third segment are lost"}
slips |= {50 / 52: "the last segment is written too", 136 / 52: "a run ends when done"}
slips |= {57 / 52: "the first life begins with work, not with a restart"}
slips |= {37 / 52: "a restart and 7 s of work write no segment"}
slips |= {35 / 52: "work that was not written is lost"}
slips |= {40 / 52: "of 12 s a restart takes 5; what is left writes no segment"}
close("lives of 25, 12, 99 s", got[0], 52.0, "s", slips)
slips = {61 / 30: "the first life begins with work", 34 / 30: "it ends when done"}
slips |= {35 / 30: "the first life begins with work"}
close("a life of 34 s", got[1], 30.0, "s", slips)
slips = {42 / 40: "it ends when its last segment is written"}
slips |= {44 / 40: "a restart that fails lasts as long as its life"}
close("lives of 4, 1, 37 s", got[2], 40.0, "s", slips)

# %% check="job-any" points=3 hidden="random lives, against a play event by event"
cases = {"two lives write two segments of three": [[25.0, 12.0]]}
cases["the first run ends, the second does not"] = [[30.0, 9.0], [25.0, 12.0]]
for label, lives in cases.items():
    must_raise(label, ValueError, wall_clock, np.array(lives), 3, 8.0, 2.0, 5.0)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)


def played(lives, segments, tau, T_write, T_restart):
    """Seconds of one run, event by event."""
    clock, done, rest = 0.0, 0, 0.0
    for life in lives:
        t, rest = rest, T_restart
        while t + tau + T_write <= life:
            t, done = t + tau + T_write, done + 1
            if done == segments:
                return clock + t
        clock += life
    raise ValueError("no life left")


for shape, rest in [(1.0, 0.3), (0.5, 1.0), (2.0, 0.0), (0.7, 0.05)]:
    segments = int(rng.integers(1, 30))
    tau, write = float(rng.uniform(0.1, 0.5)), float(rng.uniform(0.01, 0.2))
    lives = np.hstack([rng.weibull(shape, size=(60, 40)), np.full((60, 1), 99.0)])
    got = wall_clock(lives, segments, tau, write, rest)
    want = [played(run, segments, tau, write, rest) for run in lives]
    same("runs with random lives", np.asarray(got, float), want)
lives = np.hstack([rng.exponential(size=(2000, 30)), np.full((2000, 1), 99.0)])
got = np.asarray(wall_clock(lives, 20, 0.2, 0.05, 0.1), float)
error = got.std() / math.sqrt(2000)
want = 20 * segment_time(0.2, 0.05, 1.0, 0.1)
off = abs(got.mean() - want) / error
assert off < 5, f"2,000 runs: their mean is {off:.0f} standard errors off the law's"
### END HIDDEN TESTS

# %% [markdown]
# ## 3. The best interval, from lives alone (4 points)
#
# Now you know no law, only a million lives of a job.  It never ends.  Each repair makes
# it as new: a life begins with a restart of `T_restart`, then come segments.  Find the
# `tau` for which the sample does the most work in each second of life.
#
# Near its best the share of work is flat, and your sample is noisy.  So your interval
# is judged by what it costs: its exact share of work must be within 0.05 % of the best
# share.  A search in steps of 4 % over a million lives lost 0.002 % on average and
# 0.02 % at worst, in 160 trials.
#
# Predict first.  Young machines fail more often: Weibull lives of shape 0.7.  At equal
# MTBF, is the best interval longer than Young-Daly's, or shorter?


# %% answer="interval"
def best_interval(lives, T_write, T_restart):
    """Return the seconds of work between writes that serve these lives best.

    lives: array of seconds, each from the start of a restart to the next failure
    T_write, T_restart: seconds
    The best tau lies between a third and three times Young-Daly's at the mean life.
    """
    ### BEGIN SOLUTION
    first = young_daly(T_write, float(np.mean(lives)))
    left = np.maximum(lives - T_restart, 0)
    taus = first * np.geomspace(1 / 3, 3, 75)
    work = [tau * np.floor(left / (tau + T_write)).sum() for tau in taus]
    return float(taus[np.argmax(work)])
    ### END SOLUTION


# %% [markdown]
# `exact_share` sums what a life writes on average, exactly, and `judged` compares your
# interval's share with the best.  First exponential lives of 4 h, a write of 1 minute,
# a restart of 5: Young-Daly's ground.

# %% check="interval-exponential" points=1
life, case = weibull_of(1.0, 4 * hour), (1 * minute, 5 * minute)
judged("exponential lives", best_interval(drawn(7, life), *case), life, *case)

# %% [markdown]
# Shape 0.7, a mean of 4 h, a write of 5 minutes, and a restart of 2 h that waits for
# fresh machines.

# %% check="interval-weibull" points=3 hidden="lives of other shapes, other writes"
life, case = weibull_of(0.7, 4 * hour), (5 * minute, 2 * hour)
judged("lives of shape 0.7", best_interval(drawn(8, life), *case), life, *case)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
cases = [(0.5, 0.01, 0.3), (1.5, 0.05, 0.3), (1.0, 0.1, 0.05), (0.5, 0.05, 0.02)]
for shape, write, rest in cases:
    M = float(rng.uniform(0.5, 50)) * hour
    life, case = weibull_of(shape, M), (write * M, rest * M)
    lives = drawn(int(rng.integers(10**6)), life)
    judged(f"shape {shape}", best_interval(lives, *case), life, *case)
### END HIDDEN TESTS

# %% [markdown]
# How far is the best interval from Young-Daly's, and what does it cost to use his?
# `Daly` is the exact best for exponential lives.

# %% explore
for shape in (1.0, 0.7, 0.5):
    for write, rest in [(0.002, 0.0), (0.02, 0.0), (0.02, 0.1), (0.02, 0.5)]:
        case = (weibull_of(shape, 1.0), write, rest)
        best, law = exact_best(*case), float(young_daly(write, 1.0))
        cost = 1 - exact_share(law, *case) / exact_share(best, *case)
        print(f"shape {shape}, write {write} MTBF, restart {rest} MTBF: ", end="")
        print(f"best/Young-Daly {best / law:.3f}, ", end="")
        print(f"best/Daly {best / daly_interval(write, 1.0):.3f}, cost {cost:.3%}")

# %% [markdown]
# Then a fleet: 300 parts of shape 0.7, and a failure renews one of them, not all.  Are
# the gaps between its failures still like lives of shape 0.7?

# %% explore
rng, one = np.random.default_rng(3), weibull_of(0.7, 300.0)
ends = np.sort(np.cumsum(one.scale * rng.weibull(0.7, (300, 4000)), axis=1).ravel())
gaps = np.diff(ends[(ends > 1e5) & (ends < 4e5)])
kinds = {"300 parts, one renewed": (gaps, 1.0)}
kinds["whole job renewed"] = (drawn(4, weibull_of(0.7, 1.0), gaps.size), 0.7)
fig, ax = plt.subplots(figsize=(6, 3))
taus = float(young_daly(0.02, 1.0)) * np.geomspace(0.4, 3, 60)
for what, (lives, shape) in kinds.items():
    left = np.maximum(lives - 0.5, 0)
    share = [t * np.floor(left / (t + 0.02)).sum() / lives.sum() for t in taus]
    (line,) = ax.plot(taus, 100 * np.array(share), ".", label=what)
    exact = [100 * exact_share(t, weibull_of(shape, 1.0), 0.02, 0.5) for t in taus]
    name = f"exact law, shape {shape}"
    ax.plot(taus, exact, "-", color=line.get_color(), label=name)
    print(f"{what}: {best_interval(lives, 0.02, 0.5):.3f} MTBF")
ax.axvline(young_daly(0.02, 1.0), ls="--", color="gray", label="Young-Daly")
ax.set_xlabel("work between writes (MTBF)")
ax.set_ylabel("work (% of time)")
ax.set_ylim(32, 58)
ax.legend(ncols=2, loc="lower center")

# %% [markdown]
# Two things move the best interval of a job that is young again after each failure.
# Many failures strike early in an interval, so they lose less than half of it.  A job
# that survived its restart is past its worst age, so it may go longer; the longer the
# restart, the more.  Both vanish where a failure renews one part of many: the gaps
# between failures of a large fleet are nearly exponential, whatever the lives.
#
# ## 4. A checkpoint that a crash cannot tear (9 points)
#
# `fs` is a folder.  It has seven operations.
#
# - `write(name, data)` empties or makes a file, then fills it with bytes.  Until
#   `fsync` the disk may hold the old bytes, the new, none, some, or zeros.
# - `fsync(name)` puts the file's bytes on disk.  A new name may still be lost.
# - `replace(old, new)` renames; what was called `new` is gone.  Power failure loses or
#   keeps it whole.  It may keep a later change of names and lose an earlier one.
# - `remove(name)` is lost or kept, too.
# - `fsync_folder()` puts all names on disk.
# - `read(name)` returns bytes, `listdir()` a list of names.
#
# `read`, `fsync`, `replace` and `remove` raise `FileNotFoundError` for a missing name.
# Nothing but the two kinds of sync keeps changes in order.  When power fails, the
# operation raises `Crash`, and so does every later one: the machine is off.
#
# Write `save` and `load` so that
#
# - when `save` has returned, `load` gives that state, whatever happens later;
# - when power fails during `save`, `load` gives the state before it, or the new one.
#   Without a state before, it may raise `FileNotFoundError`;
# - when the file `name` is changed in any way, be it one bit, a shorter file, a longer
#   one or two swapped bytes, `load` raises `ValueError`;
# - after a `save` that returned, `name` is the only file of yours in the folder, also
#   if an earlier `save` crashed.  Other files in it belong to others, whatever their
#   names begin with.
#
# A state is a `bytes`, perhaps empty.  A file is at most 4 KiB longer; a `save` changes
# the disk at most 20 times.  `load` runs in another process than `save` did: what you
# keep in a variable is gone, and Python's `hash` of bytes is another number.


# %% answer="save"
def save(fs, name, state):
    """Save a state, bytes, under a name.  When it returns, the state is safe."""
    ### BEGIN SOLUTION
    fs.write(name + ".tmp", hashlib.sha256(state).digest() + state)
    fs.fsync(name + ".tmp")
    fs.replace(name + ".tmp", name)
    fs.fsync_folder()
    ### END SOLUTION


def load(fs, name):
    """Return the last state saved under a name, as bytes.

    Raises FileNotFoundError if none was, ValueError if the file was changed.
    """
    ### BEGIN SOLUTION
    data = fs.read(name)
    if hashlib.sha256(data[32:]).digest() != data[:32]:
        raise ValueError(f"{name} is damaged")
    return data[32:]
    ### END SOLUTION


# %% [markdown]
# States are saved one after another; a new process loads each.

# %% check="save-back" points=1 hidden="states of other lengths, another name"
cases = {"model.ckpt": [b"step 1: 0.25", b"step 2: 0.50", b"step 3\n\0\0", b""]}
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
cases["w.7"] = [rng.bytes(n) for n in (1, 5000, 31, 32, 32, 33, 0)]
### END HIDDEN TESTS
read = fresh(load)
for name, states in cases.items():
    disk = Disk({"notes.txt": b"not yours"})
    got = outcome(read, disk, name)
    assert isinstance(got, FileNotFoundError), f"nothing saved; load gives {told(got)}"
    for state in states:
        save(disk, name, state)
        got = outcome(read, disk, name)
        assert got == state, f"{told(state)} saved: load gives {told(got)}"

# %% [markdown]
# Power fails before each change of each save, and after the last.  `crashes` gives
# every folder that may be left.  A file may hold what it held at any time since its
# `fsync`; any of the changes of names since `fsync_folder` may be lost.  Some of these
# folders meet a second crash, in the next save.  Each is left by saves of its own, of
# new states: a `load` that remembers what it loaded before has not seen them.

# %% check="save-crash" points=4 hidden="states of other lengths, another name"
cases = {"model.ckpt": [b"step 1: 0.25", b"step 2: 0.125 and more", b"step 3"]}
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
cases["w.7"] = [rng.bytes(int(n)) for n in (40, 40, 1, 0, 900)]
### END HIDDEN TESTS
read = fresh(load)
for name, states in cases.items():
    found = list(crashes(save, name, states))
    assert len(found) > 3 * len(states), "save changes too little to be safe"
    for crash in found:
        survives(crash, outcome(read, crash.left, name))
    for left in [crash.left for crash in found if crash.save == 2][::3]:
        before = [outcome(read, left, name)]  # it crashed, and the next save crashes
        for crash in crashes(save, name, [b"next"], contents(left), before):
            survives(crash, outcome(read, crash.left, name))

# %% [markdown]
# After a crash the next save, in a new process, works and cleans up.

# %% check="save-litter" points=1 hidden="another name and other states"
cases = {"model.ckpt": [b"step 1: 0.25", b"step 2: 0.125 and more"]}
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
cases["notes"] = [rng.bytes(int(n)) for n in (40, 7)]
### END HIDDEN TESTS
again = fresh(save)
for name, states in cases.items():
    for i, crash in enumerate(crashes(save, name, states)):
        again(crash.left, name, b"the next, %d" % i)
        tidy(crash, crash.left, name)
        got = outcome(load, crash.left, name)
        assert got == b"the next, %d" % i, (
            f"save {crash.save} crashed after {crash.done}; after another save load "
            f"gives {told(got)}"
        )

# %% [markdown]
# One byte is changed, at every place of the file in turn; and more.

# %% check="save-damage" points=3 hidden="longer states and empty ones, other bits"
cases = [(b"step 1: 0.2500", b"step 2: 0.1250", 1)]
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
cases += [(rng.bytes(300), rng.bytes(300), 1 << int(rng.integers(8)))]
cases += [(b"", b"", 0x80), (rng.bytes(20), rng.bytes(20), 0xFF)]
### END HIDDEN TESTS
read = fresh(load)
for state, other, bit in cases:
    for what, data, want in changed(save, "model.ckpt", state, other, bit):
        got = outcome(read, Disk({"model.ckpt": data}), "model.ckpt")
        assert want is None or got == want, f"{what}: load gives {told(got)}"
        assert want is not None or isinstance(got, ValueError), (
            f"{what}: ValueError is expected; load gives {told(got)}.  Does the "
            "checksum cover all that load reads, its own header too?"
        )

# %% [markdown]
# Now with real files and a real death.

# %% explore
import os
from pathlib import Path


class Folder:
    """The same operations on real files."""

    def __init__(self, path):
        self.path = Path(path)

    def write(self, name, data):
        (self.path / name).write_bytes(data)

    def fsync(self, name):
        fd = os.open(self.path / name, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)

    def replace(self, old, new):
        os.replace(self.path / old, self.path / new)

    def remove(self, name):
        (self.path / name).unlink()

    def fsync_folder(self):
        self.fsync(".")

    def read(self, name):
        return (self.path / name).read_bytes()

    def listdir(self):
        return os.listdir(self.path)


# %% [markdown]
# A child process saves 8 MB again and again; we kill it with SIGKILL at a random moment
# and load.  The kernel lives on, so what was written reaches the disk: this shows torn
# files, not lost ones.  `fsync` needs the simulated disk above, or a power switch.
# Linux or macOS only.


# %% explore
def in_place(fs, name, state):
    fs.write(name, hashlib.sha256(state).digest() + state)


def for_ever(writer, path):
    for i in itertools.count(1):
        writer(Folder(path), "model.ckpt", bytes([i % 256]) * 8_000_000)


def read_back(fs):
    data = fs.read("model.ckpt")
    if hashlib.sha256(data[32:]).digest() != data[:32]:
        raise ValueError("damaged")
    return data[32:]


# %% explore
import contextlib
import multiprocessing
import tempfile
import time

rng, fork = np.random.default_rng(7), multiprocessing.get_context("fork")
readers = {"in place": (in_place, read_back)}
readers["yours"] = (save, lambda fs: load(fs, "model.ckpt"))
for what, (writer, reader) in readers.items():
    whole = 0
    for _ in range(12):
        with tempfile.TemporaryDirectory() as path:
            writer(Folder(path), "model.ckpt", bytes(8_000_000))
            child = fork.Process(target=for_ever, args=(writer, path))
            child.start()
            time.sleep(float(rng.uniform(0.05, 0.15)))
            child.kill()
            child.join()
            with contextlib.suppress(ValueError):
                found = reader(Folder(path))
                whole += found == found[:1] * 8_000_000
    print(f"{what}: 12 kills, {whole} loaded whole, {12 - whole} damaged")

# %% [markdown]
# ## 5. Resume, to the last bit (5 points)
#
# A trainer trains a small model: dropout, momentum, a learning rate that warms up, and
# epochs in shuffled order.  Say what of it must be saved.
#
# - `capture(trainer)` returns a state: numbers, arrays and bytes, in lists or dicts.
# - `restore(trainer, state)` puts a trainer of the same seed where the other was.  The
#   trainer may be new, or have trained on in the meantime.
#
# What a trainer has:
#
# - `model`, `optimizer` and `schedule`: the weights; their momentum; the step that the
#   learning rate has reached.  Each has `state_dict()` and `load_state_dict(state)`.
# - `shuffle` and `dropout`: two generators of random numbers, one for the order of each
#   epoch, one for what dropout draws.  Each has `get_state()` and `set_state(state)`.
# - `order`: the rows of the data in this epoch's order, none before the first step;
#   `place`: how many of them are done; `seek(order, place)` goes there.
# - `step()`: trains on the next 100 of 2,000 rows, and returns the loss.  When all are
#   done it draws a new order.
#
# What you read is a copy, as on its way from the GPU to a disk; the checkpoint is
# pickled in the background, while the trainer trains on.  `restore` runs in a new
# process: it has the state, and nothing else.  One state may be restored twice.  100 kB
# must do.  `restore` does not train: replay is what a checkpoint saves.


# %% answer="resume"
def capture(trainer):
    """Return all that a trainer of the same seed needs to go on from here."""
    ### BEGIN SOLUTION
    return {
        "model": trainer.model.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "schedule": trainer.schedule.state_dict(),
        "shuffle": trainer.shuffle.get_state(),
        "dropout": trainer.dropout.get_state(),
        "epoch": (trainer.order, trainer.place),
    }
    ### END SOLUTION


def restore(trainer, state):
    """Put a trainer where another one was when its state was captured; no training."""
    ### BEGIN SOLUTION
    trainer.model.load_state_dict(state["model"])
    trainer.optimizer.load_state_dict(state["optimizer"])
    trainer.schedule.load_state_dict(state["schedule"])
    trainer.shuffle.set_state(state["shuffle"])
    trainer.dropout.set_state(state["dropout"])
    trainer.seek(*state["epoch"])
    ### END SOLUTION


# %% [markdown]
# A run captures every few steps, pickles two steps later, and is killed.  Then a new
# trainer goes on from the last state that was pickled.

# %% check="resume-curve" points=3 hidden="another seed; kills early and in a row"
plans = [(3, 60, 7, [24, 47])]
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
seeds = [int(s) for s in rng.integers(2**62, size=2)]  # no search finds them
kills = [int(k) for k in rng.choice(np.arange(9, 60), 4, False)]
plans += [(seeds[0], 60, 6, kills), (seeds[1], 60, 5, [1, 13, 14, 40])]
### END HIDDEN TESTS
again = fresh(restore)
for seed, steps, every, kills in plans:
    want = train(Trainer(seed), steps)
    got = resumed((capture, again), seed, steps, every, kills)
    assert len(got.resumes) == len(kills), f"{len(got.resumes)} resumes"
    bit_for_bit(f"killed before steps {kills}", got.losses, want, got.resumes)

# %% [markdown]
# A loss spike: the same trainer goes back to the same state, twice.

# %% check="resume-twice" points=2 hidden="another seed"
seeds = [4]
### BEGIN HIDDEN TESTS
seeds += [int(np.random.default_rng(17).integers(2**62))]
### END HIDDEN TESTS
again = fresh(restore)
for seed in seeds:
    trainer = Trainer(seed)
    train(trainer, 7)
    state = pickled(capture(trainer))
    first = train(trainer, 30)
    for turn in ("first", "second"):
        put_back(again, trainer, state)
        name = f"rolled back for the {turn} time"
        bit_for_bit(name, train(trainer, 30), first, [0])

# %% [markdown]
# Leave one thing out: how soon, and how far, do the losses part?

# %% explore
drops = ("dropout", "optimizer", "schedule", "place")
fig, ax = plt.subplots(figsize=(6, 3))
for what in drops:
    trainer, new = Trainer(3), Trainer(3)
    train(trainer, 30)
    state = pickled(capture(trainer))
    good = train(trainer, 60)
    restore(trainer, pickle.loads(state))
    if what == "place":
        trainer.seek(trainer.order, 0)
    elif what == "dropout":
        trainer.dropout.set_state(new.dropout.get_state())
    else:
        getattr(trainer, what).load_state_dict(getattr(new, what).state_dict())
    bad = train(trainer, 60)
    gap = np.abs(np.array(good) - np.array(bad))
    ax.semilogy(range(60), np.where(gap > 0, gap, np.nan), label=what)
    print(f"without {what}: they part after {int(np.argmax(gap > 0))} steps, ", end="")
    print(f"by {np.mean(gap[-20:]):.3f} on average in the last 20")
ax.set(xlabel="steps since the resume", ylabel="difference of the losses")
ax.legend()

# %% [markdown]
# ## 6. A product that checks itself (7 points)
#
# A chip that miscalculates does not crash.  Your checkpoint of exercise 4 would keep
# its wrong number, with a right checksum.  Huang and Abraham (IEEE Transactions on
# Computers C-33, 1984) let the sums travel through the product.  Add to `A` a last
# row, the sums of its columns.  Add to `B` a last column, the sums of its rows.  Their
# product has (m + 1) x (n + 1) entries.  In it the last entry of each row is the sum of
# the others, and so is the last of each column; last row and last column included.
#
# One wrong entry breaks one row and one column.  They say where it is, and what it
# should be.
#
# Rounding breaks the sums a little.  Let `S` be the same encoded product made from
# `|A|` and `|B|`, and eps `np.finfo` of `C`'s type.  To first order (Higham, Accuracy
# and Stability of Numerical Algorithms, 2002, section 3.1)
#
# - row `i` is off by at most `(m + n + k) eps S[i, n]`;
# - column `j` is off by at most `(m + n + k) eps S[m, j]`.
#
# A row or column within its bound is good.  None bad: `"clean"`.  One bad row and one
# bad column: `"corrected"`.  Anything else: `"damaged"`.  A flipped bit of the exponent
# makes an entry huge, infinite or NaN.  Then too the corrected entry must be right, to
# 10 bounds of its row or column.
#
# `overhead` prices it: the extra FLOP as a share of the plain product's 2 m k n.  Count
# a sum of x numbers as x FLOP, a product of m x k by k x n as 2 m k n.  Extra are the
# sums that encode, what the larger product costs more, and the checks.  These add
# each of the (m + 1)(n + 1) entries once for its row and once for its column.


# %% answer="abft"
def encode(A, B):
    """Return (A with a last row, B with a last column), the sums.  A m x k, B k x n."""
    ### BEGIN SOLUTION
    return np.vstack([A, A.sum(axis=0)]), np.column_stack([B, B.sum(axis=1)])
    ### END SOLUTION


def verify(A, B, C):
    """Return (verdict, product): the verdict on an encoded product C, and A @ B.

    A, B: m x k and k x n, as they were before encoding
    C: (m + 1) x (n + 1), of the same type (float32 or float64)
    verdict: "clean", "corrected" or "damaged"; product: m x n, corrected if it can be
    """
    ### BEGIN SOLUTION
    (m, k), n = A.shape, B.shape[1]
    left, right = encode(np.abs(A), np.abs(B))
    eps = (m + n + k) * np.finfo(C.dtype).eps
    with np.errstate(all="ignore"):
        off_rows = np.abs(C[:, :n].sum(axis=1) - C[:, n])
        off_columns = np.abs(C[:m].sum(axis=0) - C[m])
    rows = np.flatnonzero(~(off_rows <= eps * (left @ right[:, n])))
    columns = np.flatnonzero(~(off_columns <= eps * (left[m] @ right)))
    C = C.copy()
    if len(rows) == len(columns) == 0:
        return "clean", C[:m, :n]
    if len(rows) != 1 or len(columns) != 1:
        return "damaged", C[:m, :n]
    i, j = rows[0], columns[0]
    others = np.delete(C[i], j)
    C[i, j] = others.sum() if j == n else others[-1] - others[:-1].sum()
    return "corrected", C[:m, :n]
    ### END SOLUTION


def overhead(m, k, n):
    """Extra FLOP of encoding, larger product and checks, as a share of 2 m k n."""
    ### BEGIN SOLUTION
    extra = m * k + k * n + 2 * k * (m + n + 1) + 2 * (m + 1) * (n + 1)
    return extra / (2 * m * k * n)
    ### END SOLUTION


# %% [markdown]
# A small case.  The encoded product of these two is [[19, 22, 41], [43, 50, 93],
# [62, 72, 134]].


# %% check="abft-small" points=2
A, B = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0], [7.0, 8.0]])
left, right = encode(A, B)
same("A with its sums", np.asarray(left), [[1, 2], [3, 4], [4, 6]])
same("B with its sums", np.asarray(right), [[5, 6, 11], [7, 8, 15]])
left, right = encode(np.array([[1.0, 2.0, 3.0]]), np.array([[1.0], [2.0], [3.0]]))
same("a row with its sums", np.asarray(left), [[1, 2, 3], [1, 2, 3]])
same("a column with its sums", np.asarray(right), [[1, 1], [2, 2], [3, 3]])
cases = {"nothing wrong": ([], "clean"), "23 for 22": ([(0, 1, 23.0)], "corrected")}
cases["NaN for 50 (NaN <= bound is False)"] = ([(1, 1, np.nan)], "corrected")
cases["a sum of 40 for 41 (a sum may be wrong too)"] = ([(0, 2, 40.0)], "corrected")
for name, (faults, verdict) in cases.items():
    ruled(name, verify(A, B, spoiled(A, B, faults)), verdict, A @ B, 1e-9)
answer = verify(A, B, spoiled(A, B, [(0, 0, 9), (1, 1, 9)]))
ruled("two wrong entries", answer, "damaged")

# %% [markdown]
# Rounding is no fault, at any scale.  A fault far above the bounds is one.

# %% check="abft-rounding" points=2 hidden="other shapes, scales and both types"
rng = np.random.default_rng(1)
A, B = rng.normal(size=(30, 200)), rng.normal(size=(200, 20))
trials = [(A, B), (A.astype("f"), B.astype("f"))]
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for kind in ("f", "d"):
    for m, k, n in [(1, 1, 1), (5, 800, 3), (60, 7, 80), (1, 50, 9)]:
        for scale in (1e-9, 1.0, 1e9):
            A, B = rng.normal(size=(m, k)) * scale, rng.normal(size=(k, n))
            B += float(rng.uniform(0, 5))
            trials.append((A.astype(kind), B.astype(kind)))
    A = rng.normal(size=(20, 40)) * 10.0 ** rng.uniform(-6, 6, (20, 1))
    B = rng.normal(size=(40, 30)) * 10.0 ** rng.uniform(-6, 6, (1, 30))
    trials.append((A.astype(kind), B.astype(kind)))
### END HIDDEN TESTS
for A, B in trials:
    name = f"{A.dtype}, nothing wrong; it is only rounding"
    ruled(name, verify(A, B, spoiled(A, B)), "clean")

# %% check="abft-faults" points=1 hidden="huge, infinite and NaN entries, sums too"
rng = np.random.default_rng(2)
A, B = rng.normal(size=(12, 40)), rng.normal(size=(40, 9))
C = A @ B
cases = {"one entry off by 1e-6, far more than its bounds": C[3, 4] + 1e-6}
cases["1e300 for an entry (1e300 less 1e300 leaves no digit)"] = 1e300
for name, value in cases.items():
    answer = verify(A, B, spoiled(A, B, [(3, 4, value)]))
    ruled(name, answer, "corrected", C, 1e-10)
for faults in ([(3, 4, 9), (3, 6, 9)], [(3, 4, C[3, 4] + 1), (3, 6, C[3, 6] - 1)]):
    answer = verify(A, B, spoiled(A, B, faults))
    ruled("two wrong entries of one row: two columns are bad", answer, "damaged")
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for kind, (m, k, n) in itertools.product("fd", [(9, 30, 14), (25, 4, 2), (40, 60, 40)]):
    A = (rng.normal(size=(m, k)) * 10.0 ** rng.uniform(-2, 2)).astype(kind)
    B = rng.normal(size=(k, n)).astype(kind)
    exact, rows, columns = limits(A, B)
    (i, j), high = rng.integers([m, n]).tolist(), np.finfo(kind).max
    p, q, far = (i + 1) % m, (j + 1) % n, 1000 * max(rows.max(), columns.max())
    bad = [[(i, j, exact[i, j] - far)], [(m, j, exact[m, j] + far)]]
    bad += [[(i, n, exact[i, n] + far)], [(m, n, -high)], [(i, j, np.nan)]]
    bad += [[(i, j, high / 2)], [(i, j, -np.inf)], [(p, n, np.inf)]]
    within = 10 * np.maximum(rows[:-1, None], columns[None, :-1])
    for faults in bad:
        answer = verify(A, B, spoiled(A, B, faults))
        ruled("one wrong entry", answer, "corrected", exact[:m, :n], within)
    bad = [[(i, j, exact[i, j] + far), (p, q, exact[p, q] + 3 * far)]]
    bad += [[(i, j, np.nan), (p, q, np.nan)], [(i, j, np.inf), (i, q, -np.inf)]]
    bad += [[(i, j, exact[i, j] + far), (p, j, exact[p, j] - far)]]
    bad += [[(i, j, exact[i, j] + far), (i, n, exact[i, n] + far)]]
    for faults in bad:
        ruled("wrong entries", verify(A, B, spoiled(A, B, faults)), "damaged")
### END HIDDEN TESTS

# %% [markdown]
# An entry may be off by less than its bounds, by more, or by more than one of them.

# %% check="abft-limits" points=1 hidden="other products, of both types"
rng = np.random.default_rng(3)
trials = [(rng.normal(size=(60, 7)), rng.normal(size=(7, 80)))]
trials[0][0][0] *= 1e-4  # a row far below the others
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for kind, (m, k, n) in itertools.product("fd", [(60, 7, 80), (50, 2, 40), (4, 90, 5)]):
    A = rng.normal(size=(m, k)).astype(kind)
    A[0] *= 1e-4
    trials.append((A, rng.normal(size=(k, n)).astype(kind)))
### END HIDDEN TESTS
for A, B in trials:
    exact, rows, columns = limits(A, B)
    row, column = rows[0], columns[1]
    offs = {"a third of its row's bound": (0.3 * row, "clean")}
    offs["3 bounds of its column"] = (3 * column, "corrected")
    offs["far over its row's bound only"] = (math.sqrt(row * column), "damaged")
    for what, (off, verdict) in offs.items():
        answer = verify(A, B, spoiled(A, B, [(0, 1, exact[0, 1] + off)]))
        hint = "the bound is (m + n + k) eps S; one bad sum alone is damage"
        ruled(f"off by {what} ({hint})", answer, verdict)

# %% [markdown]
# A 2 x 3 by 3 x 4 product takes 48 FLOP.  Its sums take 6 + 12, the larger product 42
# more, the checks 30.

# %% check="abft-price" points=1 hidden="other sizes"
slips = {42 / 90: "sums and checks take FLOP too", 60 / 90: "and the checks"}
slips |= {72 / 90: "and the sums", 84 / 90: "the corner of C is computed too"}
close("2 x 3 by 3 x 4", overhead(2, 3, 4), 90 / 48, "of the product", slips)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for m, k, n in rng.integers(1, 5000, (5, 3)).tolist():
    ones = [m * k, k * n, 2 * (m + 1) * k * (n + 1) - 2 * m * k * n]
    want = (sum(ones) + 2 * (m + 1) * (n + 1)) / (2 * m * k * n)
    close("another size", overhead(m, k, n), want, "of the product")
### END HIDDEN TESTS

# %% [markdown]
# Flip each bit of one float64 entry in turn.  Which flips pass as clean, and how wrong
# do they leave the entry?

# %% explore
rng = np.random.default_rng(5)
A, B = rng.normal(size=(64, 64)), rng.normal(size=(64, 64))
left, right = encode(A, B)
C, marks = left @ right, {"clean": [], "corrected": [], "damaged": []}
for bit in range(64):
    bad = C.copy()
    bad.view(np.uint64)[3, 4] ^= np.uint64(1) << np.uint64(bit)
    with np.errstate(over="ignore", invalid="ignore"):
        verdict, _ = verify(A, B, bad)
        wrong = abs(bad[3, 4] / C[3, 4] - 1)
    marks[verdict].append((bit, min(wrong, 1e30) if wrong == wrong else 1e30))

# %% explore
fig, ax = plt.subplots(figsize=(6, 3))
for verdict, points in marks.items():
    if points:
        ax.semilogy(*zip(*points, strict=True), "o", label=verdict)
        worst = max(wrong for _, wrong in points)
        print(f"{verdict}: {len(points)} of 64 bits, worst relative error {worst:.1e}")
ax.set_xlabel("bit flipped (0 is the lowest, 63 the sign)")
ax.set_ylabel("relative error (cut at 1e30)")
ax.legend()
for n in (64, 1024, 16_384):
    print(f"{n} x {n}: {overhead(n, n, n):.2%} more FLOP; a second run costs 100 %")

# %% [markdown]
# ## 7. The judgement (2 points)
#
# A job on 10,000 GPUs has an MTBF of 3.87 h.  A failure costs 384.5 s: 60 s to detect,
# 180 s to restart, 24.5 s to load, 120 s to warm up (the book's open calculations).  A
# node of eight GPUs costs $16 an hour.  Do you keep one as a hot spare?  Answer in
# three sentences, with one number.

# %% [markdown] essay="hot-spares" points=2
# One spare node is 8/10,000 of the fleet, so it pays when it saves more than
# 8/10,000 x 3.87 h = 11 s at each failure.  It takes the place of finding and starting
# a node, part of the 180 s of restart, and saves nothing of loading, warming up and
# redone work; a minute saved is enough five times over.  A second spare is used only
# while the first is being repaired, and one spare is worthless when a whole rack fails.
