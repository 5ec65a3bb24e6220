# %% [markdown]
# # Lab 7 · Fault tolerance
#
# **Time** 120 minutes. **Points** 32. **Runtime** any CPU; no GPU.
# **Hand in** this notebook as `07_fault_tolerance.ipynb`
# (Colab: File, Download, Download .ipynb).
# **Libraries** the grader has what Colab has: numpy, scipy, pandas, networkx,
# scikit-learn, torch, matplotlib.
#
# You will
#
# 1. plan a run: its failures, its best interval, and where its time goes;
# 2. find the best interval from a sample of lives, where no formula holds;
# 3. write a checkpoint that survives a crash between any two operations;
# 4. resume training so that no loss differs by one bit;
# 5. find and mend a wrong entry of a matrix product, and price the check.
#
# A question asks for functions.  Fill their bodies; leave names and arguments.  The
# cells between are locked.  Visible checks tell you what they expect; more checks run
# when the lab is graded.  You may use all of `mlsyscore`.  What a function is given is
# a copy, which it may change.

# %%
import hashlib
import math

import matplotlib.pyplot as plt
import numpy as np

from mlsyscore.checks import close
from mlsyscore.harness.calls import fresh
from mlsyscore.harness.checkpoints import (
    crash_history,
    finds_damage,
    leaves_nothing,
    loads_back,
    survives_crashes,
)
from mlsyscore.harness.folder import loaded_whole, plain_load, plain_save
from mlsyscore.harness.lives import Lives, exact_share, judged, planned, stops_of
from mlsyscore.harness.products import encoded_product, rounding_limits, ruled
from mlsyscore.harness.resuming import gaps_without, goes_on, rolls_back
from mlsyscore.reliability import (
    daly_interval,
    fit_rate,
    segment_time,
    series_rate,
    young_daly,
)
from mlsyscore.units import day, hour, minute

plt.style.use("mlsyscore.figures")

# %% [markdown]
# ## 1. Where the time of a run goes (6 points, 25 minutes)
#
# A job stops when any of its parts fails.  `fleet` lists pairs (number of parts, FIT of
# each part).  Failures are exponential, and rates add.
#
# The job is `work` seconds of computing, cut in `k` equal segments.  Each segment is
# followed by a write of `T_write` seconds, the last one too.  The job starts at once.
# After a failure it restarts, which takes `T_restart` seconds without a failure, and
# begins its segment anew.  Failures strike work, writes and restarts alike.
# `segment_time` is the mean of one segment, exactly.
#
# Choose the `k` of the shortest mean run.  The work may be 1,500 times the MTBF: no
# float holds a run of one segment then, or of two.  Split the shortest run in four:
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
    mtbf: of the job, seconds; segments: the best whole k, from 1 to 100,000
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


# %% check="plan-mtbf" points=1 hidden="other fleets: every part of every kind counts"
# The book's GPUs fail every 50,000 h.  Each has a PCIe link that fails every 200,000 h,
# each eight share a card that fails every 150,000 h: 0.2 + 0.05 + 0.0083 an hour.
FIT = {"gpu": 20_000.0, "pcie": 5_000.0, "nic": 1e9 / 150_000}
BOOK = [(10_000, FIT["gpu"]), (10_000, FIT["pcie"]), (1_250, FIT["nic"])]
(got,) = planned("10,000 GPUs", plan_run([*BOOK], 90 * day, 24.5, 384.5), "mtbf")
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

# %% check="plan-best" points=2 hidden="other runs; long writes; few failures, or many"
# One part of 10^8 FIT fails every 10 h.  A run of 20 h of work writes for 1 h and
# restarts in 1 h.  Four segments take 36.34 h on average, five 35.85 h, six 35.97 h.
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
cases += [(0.275, 0.02, 0.0), (0.17, 0.3, 0.05), (12.0, 1.5e-7, 0.01)]
cases += [(1507.0, 0.00475, 0.0745)]  # 90 days on 27,000 GPUs
ks = np.arange(1, 100_001)
for work, write, rest in cases:  # in MTBF
    M = float(rng.uniform(1, 50)) * hour
    got = plan_run([(1, 1e9 * hour / M)], work * M, write * M, rest * M)
    k, run = planned("another run", got, "segments", "run")
    assert k in range(1, 100_001), f"{k} segments; a whole number is expected"
    with np.errstate(over="ignore"):
        runs = ks * math.exp(rest) * np.expm1(work / ks + write)
    assert runs[int(k) - 1] <= min(runs) * (1 + 1e-9), "other segments are shorter"
    close("another run", run / M, min(runs), "MTBF")
### END HIDDEN TESTS

# %% check="plan-parts" points=3 hidden="other runs, some without a restart"
# The same run.  It fails 3.585 times on average.
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
# Your plan for GPT-3, whose state takes 24.5 s to write.  It has 90 days of work on
# 10,000 GPUs, and is given more of them.  Guess first: what share of the time is work
# on 300,000 GPUs, and which part of the rest is the largest?

# %% explore
# @title Where the time goes, by your plan
GPUs = np.geomspace(1e3, 1e6, 40)
shares = {"work": [], "write": [], "restart": [], "rework": []}
for N in GPUs:
    fleet = [(n * N / 10_000, f) for n, f in BOOK]
    plan = {"work": 90 * day * 1e4 / N}
    plan |= plan_run(fleet, plan["work"], 24.5, 384.5)
    for part, row in shares.items():
        row.append(100 * plan[part] / plan["run"])
colors = ["C0", "C2", "0.8", "C3"]
plt.stackplot(GPUs, *shares.values(), labels=[*shares], colors=colors)
plt.xscale("log")
plt.xlabel("GPUs")
plt.ylabel("share of the run (%)")
plt.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1))
plt.show()

# %% [markdown]
# ## 2. The best interval, from lives alone (4 points, 15 minutes)
#
# Chapter 7 played many parts of which each is renewed alone: their stops forget the
# parts' ages, and exponential laws hold.  This job is another.  It runs on *one*
# machine, and after each failure the whole machine is exchanged.  So each life begins
# with a machine of age 0, and follows the machine's own law, whatever that is.
#
# Its checkpoints are *asynchronous*.  After `tau` of work the job stops for `T_copy`,
# while the state is copied to the host's memory.  Then it works on, while the copy is
# written in the background for `T_write`.  A segment of work counts when its write is
# done.  What is not written when the failure comes is lost.  Only one copy is written
# at a time: `tau` must be at least `T_write`.
#
# You know no law, only 300,000 lives.  Each begins with a restart of `T_restart`, then
# come segments and copies by turns.  The job never ends.  Find the `tau` for which it
# does the most work in each second.
#
# Two lives of 100 and 20 minutes, a restart of 5, copies of 1, writes of 10.  With a
# `tau` of 30 the first life copies at 35, 66 and 97; the third write would end at 108.
# So two segments count, and none of the second life: 60 minutes of work in 120.  With
# 13 there are six and none, 78 minutes.
#
# Your interval is judged by what it costs: its exact share of work must be within 0.1 %
# of the best share.  A search in steps of 4 % lost 0.04 % at worst, in 30 trials.
#
# Guess first.  The copy takes 1 % of the mean life, the write 10 %.  How much longer is
# the best interval where the job waits for each write, than where it works on?


# %% answer="interval"
def best_interval(lives, T_copy, T_write, T_restart):
    """Return the seconds of work between copies that serve these lives best.

    lives: array of seconds, each from the start of a restart to the next failure
    T_copy, T_write, T_restart: seconds
    The best tau lies between a third and three times sqrt(2 T_copy mean life), and is
    not below T_write.
    """
    ### BEGIN SOLUTION
    first = young_daly(T_copy, float(np.mean(lives)))
    left = np.maximum(lives - T_restart - T_write, 0)
    taus = np.maximum(first * np.geomspace(1 / 3, 3, 75), T_write)
    work = [tau * np.floor(left / (tau + T_copy)).sum() for tau in taus]
    return float(taus[np.argmax(work)])
    ### END SOLUTION


# %% check="interval-one" points=1 hidden="lives of other shapes, other copies, writes"
# Machines of one kind, which live 4 h: exponential, the square root's ground; then of
# shape 0.7, with a restart of 2.5 h that waits for the machine.
short, long = (30.0, 6 * minute, 5 * minute), (3 * minute, 20 * minute, 2.5 * hour)
cases = [(Lives(((1.0, 1.0, 4 * hour),)), short, 909.62)]
cases += [(Lives(((1.0, 0.7, 4 * hour),)), long, 2650.16)]
### BEGIN HIDDEN TESTS
cases = [
    (Lives(((1.0, 0.5, 31 * hour),)), (0.1 * hour, 2 * hour, 9.3 * hour), 12114.80)
]
case = (1.3 * hour, 1.1 * hour, 2.2 * hour)
cases += [(Lives(((1.0, 4.0, 6.4 * hour),)), case, 6100.28)]
cases += [(Lives(((1.0, 1.2, 6 * hour),)), (10.0, 900.0, 1080.0), 900.0)]  # the bound
### END HIDDEN TESTS
for seed, (life, case, best) in enumerate(cases):
    lives = life.drawn(17 + seed)
    judged("machines of one kind", best_interval(lives, *case), life, case, best)

# %% check="interval-two" points=3 hidden="others of two kinds, with one peak or two"
# Machines of two kinds: one in two fails within the hour, the others live for hours.
life, case = Lives(((0.5, 10.0, 0.56 * hour), (0.5, 3.0, 3.2 * hour))), (60, 500, 800)
judged("two kinds", best_interval(life.drawn(8), *case), life, case, 676.76)
### BEGIN HIDDEN TESTS
life = Lives(((0.7, 6.0, 1.7 * hour), (0.3, 8.0, 9 * hour)))
case = (570.0, 2950.0, 2830.0)
judged("others", best_interval(life.drawn(19), *case), life, case, 4922.73)
life = Lives(((0.89, 4.0, 0.31 * hour), (0.11, 1.5, 31 * hour)))
case = (558.0, 1500.0, 1300.0)
judged("more", best_interval(life.drawn(23), *case), life, case, 10519.30)
# Of two peaks a climb from the root finds the wrong one; one lies below T_write.
life = Lives(((0.69, 6.5, 1 * hour), (0.31, 9.0, 7.7 * hour)))
case = (840.0, 360.0, 210.0)
judged("two peaks", best_interval(life.drawn(29), *case), life, case, 2229.49)
life = Lives(((0.86, 10.0, 1 * hour), (0.14, 3.3, 4.5 * hour)))
case = (88.0, 825.0, 465.0)
judged("a peak too soon", best_interval(life.drawn(31), *case), life, case, 1009.46)
### END HIDDEN TESTS

# %% explore
# @title Your interval against the square root's, and against a job that waits
print("in mean lives                      yours/root   work | waits: work  tau/yours")
for shape in (1.0, 0.7, 0.5):
    for copy, write, rest in [(0.01, 0.1, 0.0), (0.01, 0.1, 0.5), (0.001, 0.1, 0.0)]:
        life = Lives(((1.0, shape, 1.0),))
        mine = best_interval(life.drawn(5), copy, write, rest)
        work = exact_share(mine, life, copy, write, rest)
        taus = mine * np.geomspace(1, 9, 60)  # its copy takes the write's time too
        waits = [exact_share(tau, life, copy + write, 0.0, rest) for tau in taus]
        longer = taus[np.argmax(waits)] / mine
        line = f"shape {shape}, copy {copy:5}, restart {rest}"
        line += f"{mine / young_daly(copy, 1.0):11.2f} {work:6.0%}"
        print(f"{line} | {max(waits):11.0%} {longer:10.1f}")
stops = stops_of(300, 0.7)
mine = best_interval(stops, 0.01, 0.1, 0.5) / young_daly(0.01, 1.0)
print(f"stops of 300 parts of shape 0.7, each renewed alone: {mine:.2f} times the root")

# %% [markdown]
# A job that works on while it saves may save often.  It stops for the copies alone, so
# its best interval follows theirs, until one write follows another without a pause.
# Two more things move it, for a machine that is young again after each failure.  Many
# failures strike early in an interval, so they lose less than half of it.  A job that
# survived its restart is past its worst age, so it may go longer; the longer the
# restart, the more.  Both nearly vanish where a failure renews one part of many.
#
# ## 3. A checkpoint that a crash cannot tear (9 points, 30 minutes)
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
# - when the file `name` is changed in any way, `load` raises `ValueError`: be it one
#   bit, a shorter file, an empty one, a longer one or two swapped bytes;
# - after a `save` that returned, `name` is the only file of yours in the folder, also
#   if an earlier `save` crashed, and also if power fails later.  Choose a temporary
#   name: no other file has it.  All other files belong to others, however their names
#   begin or end.
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

    Raises FileNotFoundError if there is no such file, ValueError if it was changed.
    """
    ### BEGIN SOLUTION
    data = fs.read(name)
    if hashlib.sha256(data[32:]).digest() != data[:32]:
        raise ValueError(f"{name} is damaged")
    return data[32:]
    ### END SOLUTION


# %% check="save-back" points=1 hidden="states of other lengths, another name"
# States are saved one after another beside other people's files; a new process loads.
name, states = "model.ckpt", [b"step 1: 0.25", b"step 2: 0.50", b"step 3\n\0\0", b""]
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
name, states = "w.7", [rng.bytes(n) for n in (5000, 32, 33, 0)]
### END HIDDEN TESTS
loads_back(save, fresh(load), name, states)

# %% check="save-crash" points=4 hidden="states of other lengths, another name"
# Power fails before each change of each save, and after the last.  A file may then hold
# what it held at any time since its fsync; any of the changes of names since
# fsync_folder may be lost.  Some folders meet a second crash, in the next save.
name, states = "model.ckpt", [b"step 1: 0.25", b"step 2: 0.125 and more", b"step 3"]
read = load
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
name, states = "w.7", [rng.bytes(n) for n in (40, 900, 0)]
read = fresh(load)
### END HIDDEN TESTS
survives_crashes(save, read, name, states)

# %% check="save-litter" points=1 hidden="another name; the next save in a new process"
# After a crash the next save works and cleans up.  Graded, it has a process of its own.
name, states = "model.ckpt", [b"step 1: 0.25", b"step 2: 0.125 and more"]
again = save
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
name, states = "notes", [rng.bytes(n) for n in (40, 7)]
again = fresh(save)
### END HIDDEN TESTS
leaves_nothing(save, again, load, name, states)

# %% check="save-damage" points=3 hidden="longer states and empty ones, other bits"
# One byte is changed, at many places of the file in turn; and more.
cases, read = [(b"step 1: 0.2500", b"step 2: 0.1250", 1)], load
### BEGIN HIDDEN TESTS
read = fresh(load)
rng = np.random.default_rng(17)
cases = [(rng.bytes(90), rng.bytes(90), 0x20), (b"", b"", 0x80)]
cases += [(rng.bytes(80_000), b"", 16)]
### END HIDDEN TESTS
for state, other, bit in cases:
    finds_damage(save, read, "model.ckpt", state, other, bit)

# %% explore
# @title Folders that may be left when power fails in your save, by what load gives
kinds = ("before", "new", "none", "damaged", "else")
print(f"{'power fails after':34}" + "".join(f"{kind:>9}" for kind in kinds))
for change, counts in crash_history(save, load):
    print(f"{change:34}" + "".join(f"{counts.get(kind, 0):9}" for kind in kinds))

# %% explore
# @title Real files and a real death (Linux or macOS): a process is killed in its saves
print(f"in place: {loaded_whole(plain_save, plain_load)} of 12 states are whole")
print(f"yours:    {loaded_whole(save, load)} of 12 states are whole")

# %% [markdown]
# The kernel outlives the process, so what was written reaches the disk: this shows torn
# files, not lost ones.  `fsync` needs the simulated disk above, or a power switch.
#
# ## 4. Resume, to the last bit (5 points, 15 minutes)
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
# - `order`: the rows of the data in this epoch's order, an empty array before the first
#   step;
#   `place`: how many of them are done; `seek(order, place)` goes there.
# - `step()`: trains on the next 100 of 2,000 rows, and returns the loss.  When all are
#   done it draws a new order.
#
# What you read is a copy, as on its way from the GPU to a disk; the checkpoint is
# pickled in the background, while the trainer trains on.  `restore` runs in a new
# process: it has the state, and nothing else.  One pickled state may be restored twice.
# 100 kB must do.  `restore` does not train: replay is what a checkpoint saves.


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


# %% check="resume-curve" points=3 hidden="another seed; kills early and in a row"
# A run captures every few steps, pickles two steps later, and is killed.  Then a new
# trainer goes on from the last state that was pickled.
plans = [(3, 60, 7, [24, 47])]
### BEGIN HIDDEN TESTS
seeds = np.random.default_rng(17).integers(2**62, size=2).tolist()  # not to be found
plans = [(seeds[0], 60, 6, [11, 26, 27, 58]), (seeds[1], 60, 5, [1, 13, 14, 40])]
### END HIDDEN TESTS
again = fresh(restore)
for seed, steps, every, kills in plans:
    goes_on((capture, again), seed, steps, every, kills)

# %% check="resume-twice" points=2 hidden="another seed, in a new process"
# A loss spike: the same trainer goes back to the same state, twice; then, a trainer to
# before its first step.
seed, again = 4, restore
### BEGIN HIDDEN TESTS
seed, again = int(np.random.default_rng(17).integers(2**62)), fresh(restore)
### END HIDDEN TESTS
for before in (7, 0):
    rolls_back((capture, again), seed, before=before)

# %% [markdown]
# Leave one thing out: how soon, and how far, do the losses part?  Guess which is first.

# %% explore
# @title The losses of your resume, with one thing left out
for what, gaps in gaps_without((capture, restore)).items():
    first = next((i for i, gap in enumerate(gaps) if gap), None)
    farthest = np.maximum.accumulate(gaps)
    style = {"dropout": "-", "optimizer": "--", "schedule": "-.", "place": ":"}[what]
    plt.semilogy(np.where(farthest > 0, farthest, np.nan), style, label=what)
    print(f"without {what:10} {first} losses are right, then they part")
plt.xlabel("steps since the resume")
plt.ylabel("largest difference of the losses so far")
plt.legend()
plt.show()

# %% [markdown]
# ## 5. A product that checks itself (6 points, 25 minutes)
#
# A chip that miscalculates does not crash.  Your checkpoint of exercise 3 would keep
# its wrong number, with a right checksum.  Chapter 7 compared the column sums of a
# product.  Huang and Abraham (IEEE Transactions on Computers C-33, 1984) let both sums
# travel through it.  `A` gets a last row, the sums of its columns.  `B` gets a last
# column, the sums of its rows.  Their product `C` has (m + 1) x (n + 1) entries.  In it
# the last entry of each row is the sum of the others, and so is the last of each
# column; last row and last column included.
#
# For A = [[1, 2], [3, 4]] and B = [[5, 6], [7, 8]] it is [[19, 22, 41], [43, 50, 93],
# [62, 72, 134]].  If 22 becomes 23, row 0 sums to 42 for 41 and column 1 to 73 for 72.
# They say where the wrong entry is, and what it should be.  `verify` has no A and no B:
# it cannot compute the product again.
#
# - Row `i` is *good* if its last entry and the sum of the others differ by at most
#   `rows[i]`, and so is column `j` with `columns[j]`.  These bounds are given; they
#   allow for rounding.
# - None bad: `"clean"`.  One bad row and one bad column: `"corrected"`.  Anything
#   else: `"damaged"`.
# - A flipped bit of the exponent makes an entry huge, infinite or NaN.  That is bad
#   too, and is corrected.  Any entry may be wrong, one of the sums too.
# - Of a clean or corrected `C` return the m x n product.  A corrected entry must be
#   right to ten times the larger of its two bounds.
#
# `overhead` prices it: the extra FLOP as a share of the plain product's 2 m k n.  Count
# a sum of x numbers as x FLOP, a product of m x k by k x n as 2 m k n.  Extra are the
# sums that A and B get, what the larger product costs more, and the checks.  These add
# each of the (m + 1)(n + 1) entries once for its row and once for its column.


# %% answer="abft"
def verify(C, rows, columns):
    """Return (verdict, product): the verdict on a product with its sums, and A @ B.

    C: (m + 1) x (n + 1), float32 or float64; rows: m + 1 bounds; columns: n + 1 bounds
    verdict: "clean", "corrected" or "damaged"; product: m x n, any if it is damaged
    """
    ### BEGIN SOLUTION
    with np.errstate(all="ignore"):
        off_rows = np.abs(C[:, :-1].sum(axis=1) - C[:, -1])
        off_columns = np.abs(C[:-1].sum(axis=0) - C[-1])
    bad_rows = np.flatnonzero(~(off_rows <= rows))
    bad_columns = np.flatnonzero(~(off_columns <= columns))
    C = C.copy()
    if len(bad_rows) == len(bad_columns) == 0:
        return "clean", C[:-1, :-1]
    if len(bad_rows) != 1 or len(bad_columns) != 1:
        return "damaged", C[:-1, :-1]
    i, j = bad_rows[0], bad_columns[0]
    others = np.delete(C[i], j)
    last = j == C.shape[1] - 1
    C[i, j] = others.sum() if last else others[-1] - others[:-1].sum()
    return "corrected", C[:-1, :-1]
    ### END SOLUTION


def overhead(m, k, n):
    """Extra FLOP of sums, larger product and checks, as a share of 2 m k n.

    A: m x k, B: k x n
    """
    ### BEGIN SOLUTION
    extra = m * k + k * n + 2 * k * (m + n + 1) + 2 * (m + 1) * (n + 1)
    return extra / (2 * m * k * n)
    ### END SOLUTION


# %% check="abft-small" points=2 hidden="other shapes and bounds"
pair = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0], [7.0, 8.0]])
nan, bound = math.nan, 1e-9
one = {"23 for 22": (0, 1, 23.0), "NaN for 50 (NaN <= bound is False)": (1, 1, nan)}
one |= {"NaN for 62, a sum": (2, 0, nan)}
one |= {"a sum of 40 for 41": (0, 2, 40.0), "a total of 135": (2, 2, 135.0)}
two = [(0, 0, 9), (1, 1, 9)]
### BEGIN HIDDEN TESTS
pair, bound = (
    (np.array([[2.0, 1.0]]), np.array([[4.0, 0.0, 3.0], [1.0, 5.0, 6.0]])),
    2.0,
)
one = {"3 more": (0, 1, 8.0), "inf": (0, 2, math.inf), "a sum": (1, 0, 4.0)}
two = [(0, 0, 90.0), (0, 2, 70.0)]
ruled("off by its bound", verify, pair, [(0, 0, 11.0)], "clean", bound)
ruled("a total off by 1", verify, pair, [(1, 3, 27.0)], "clean", bound)
some = ([1.0, 100.0, 100.0],) * 2  # what is most off is good here
other = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0], [7.0, 8.0]])
ruled("bounds differ", verify, other, [(0, 0, 39.0), (1, 1, 100.0)], "corrected", some)
### END HIDDEN TESTS
ruled("nothing wrong", verify, pair, [], "clean", bound)
for name, fault in one.items():
    ruled(name, verify, pair, [fault], "corrected", bound)
ruled("two wrong entries", verify, pair, two, "damaged", bound)

# %% check="abft-bounds" points=1 hidden="other products and scales, of both types"
# Rounding is no fault, at any scale.  An entry may be off by less than its bounds, by
# more, or by more than one of them alone: the last is damage.
rng = np.random.default_rng(3)
trials = [(rng.normal(size=(60, 7)), rng.normal(size=(7, 80)))]
trials += [tuple(M.astype("f") for M in trials[0])]
### BEGIN HIDDEN TESTS
rng, trials = np.random.default_rng(17), []
for kind in ("f", "d"):
    for m, k, n in [(60, 7, 80), (51, 2, 40), (5, 90, 5), (3, 800, 3)]:
        for scale in (1e-9, 1.0, 1e9):
            A, B = rng.normal(size=(m, k)) * scale, rng.normal(size=(k, n)) + 2
            trials += [(A.astype(kind), B.astype(kind))]
### END HIDDEN TESTS
for A, B in trials:
    A[0] *= 1e-4  # a row far below the others
    exact, rows, columns = rounding_limits(A, B)
    ruled("only rounding", verify, (A, B), [], "clean")
    offs = {"a third of its row's bound": (0.3 * rows[0], "clean")}
    offs["3 bounds of its column"] = (3 * columns[1], "corrected")
    offs["over one bound alone"] = (math.sqrt(rows[0] * columns[1]), "damaged")
    for what, (off, verdict) in offs.items():
        ruled(f"off by {what}", verify, (A, B), [(0, 1, exact[0, 1] + off)], verdict)

# %% check="abft-faults" points=2 hidden="huge, infinite and NaN entries, sums too"
rng = np.random.default_rng(2)
pair = rng.normal(size=(12, 40)), rng.normal(size=(40, 9))
C = pair[0] @ pair[1]
one = {"off by 1e-6, far more than its bounds": (3, 4, C[3, 4] + 1e-6)}
one["1e300 for an entry (1e300 less 1e300 leaves no digit)"] = (3, 4, 1e300)
for name, fault in one.items():
    ruled(name, verify, pair, [fault], "corrected")
for two in ([(3, 4, 9), (3, 6, 9)], [(3, 4, C[3, 4] + 1), (3, 6, C[3, 6] - 1)]):
    ruled("two wrong entries of one row: two columns", verify, pair, two, "damaged")
two = [(3, 4, 9), (5, 4, 9)]
ruled("two wrong entries of one column: two rows", verify, pair, two, "damaged")
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
sizes = [("f", (9, 30, 14)), ("d", (25, 4, 2)), ("f", (40, 60, 41))]
for value, (kind, (m, k, n)) in zip((np.nan, np.inf, -np.inf), sizes, strict=True):
    A = (rng.normal(size=(m, k)) * 10.0 ** rng.uniform(-2, 2)).astype(kind)
    B = rng.normal(size=(k, n)).astype(kind)
    exact, rows, columns = rounding_limits(A, B)
    (i, j), high = rng.integers([m, n]).tolist(), np.finfo(kind).max
    p, q, far = (i + 1) % m, (j + 1) % n, 1000 * max(rows.max(), columns.max())
    bad = [[(i, j, exact[i, j] - far)], [(m, j, exact[m, j] + far)]]
    bad += [[(i, n, exact[i, n] + far)], [(m, n, -high)], [(i, j, np.nan)]]
    bad += [[(i, j, high / 2)], [(i, j, -np.inf)], [(p, n, np.inf)]]
    spots = [(0, 0), (m - 1, n - 1), (i, n - 1), (m - 1, j), (i, n), (m - 1, n)]
    bad += [[(*spot, value)] for spot in [*spots, (m, j), (m, n - 1), (m, n)]]
    for faults in bad:
        ruled("one wrong entry", verify, (A, B), faults, "corrected")
    bad = [[(i, j, exact[i, j] + far), (p, q, exact[p, q] + 3 * far)]]
    bad += [[(i, j, np.nan), (p, q, np.nan)], [(i, j, np.inf), (i, q, -np.inf)]]
    bad += [[(i, j, exact[i, j] + far), (p, j, exact[p, j] - far)]]
    bad += [[(i, j, exact[i, j] + far), (i, n, exact[i, n] + far)]]
    bad += [[(i, j, exact[i, j] + far), (p, j, exact[p, j] + 3 * far)]]
    bad += [[(i, j, exact[i, j] + far), (i, q, exact[i, q] + 3 * far)]]
    bad += [[(i, j, np.nan), (p, j, np.nan)], [(i, j, np.nan), (i, n, np.nan)]]
    for faults in bad:
        ruled("wrong entries", verify, (A, B), faults, "damaged")
### END HIDDEN TESTS

# %% check="abft-price" points=1 hidden="other sizes"
# A 2 x 3 by 3 x 4 product takes 48 FLOP.  Its sums take 6 + 12, the larger product 42
# more, the checks 30.
slips = {42 / 90: "sums and checks take FLOP too", 60 / 90: "and the checks"}
slips |= {
    72 / 90: "and the sums",
    84 / 90: "is a sum of x numbers x FLOP, and the corner of C there",
}
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
# do they leave the entry?  Guess the worst relative error that passes.

# %% explore
# @title Your verdict on each bit
rng = np.random.default_rng(5)
A, B = rng.normal(size=(64, 64)), rng.normal(size=(64, 64))
C, (exact, rows, columns) = encoded_product(A, B), rounding_limits(A, B)
wrong, said = np.full(64, 1e30), np.full(64, " " * 9)
for bit in range(64):
    bad = C.copy()
    bad.view(np.uint64)[3, 4] ^= np.uint64(1) << np.uint64(bit)
    said[bit] = verify(bad.copy(), rows.copy(), columns.copy())[0]
    with np.errstate(all="ignore"):
        wrong[bit] = np.fmin(1e30, abs(bad[3, 4] / C[3, 4] - 1))
for verdict, mark in (("clean", "C0o"), ("corrected", "C2s"), ("damaged", "C3x")):
    plt.semilogy(np.flatnonzero(said == verdict), wrong[said == verdict], mark)
    plt.plot([], [], mark, label=f"{verdict}: {np.sum(said == verdict)} of 64 bits")
plt.xlabel("bit flipped (0 is the lowest, 63 the sign)")
plt.ylabel("relative error (cut at 1e30)")
plt.legend()
plt.show()
for n in (64, 1024, 16_384):
    print(f"{n} x {n}: {overhead(n, n, n):.2%} more FLOP; a second run costs 100 %")

# %% [markdown]
# ## 6. The judgement (2 points, 10 minutes)
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
