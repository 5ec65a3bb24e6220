# %% [markdown]
# ---
# title: "4 · Data storage"
# fleet-stack: [30, 100, 35, 25, 20, 15, 0, 0]
# ---
#
# A fleet of 2,048 accelerators has trained on text for a month.  Its chips pass their
# benchmark, and its fabric passes its own.  The store behind it can deliver 100 GB/s,
# and the text asked for 0.17.  On Monday the same fleet starts to train on images.
#
# *How many bytes a second must storage deliver so that no accelerator waits?*
#
# Time in which an accelerator has no input to work on is a **data stall**.  This
# chapter finds where such time comes from, and what each way out of it costs.
#
# *You will need* the $\alpha$-$\beta$ model of chapter 3: a start-up and then a rate.

# %%
import os
import queue
import tempfile
import threading
import time
import zlib
from collections import OrderedDict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython import get_ipython
from ipywidgets import interact
from torch.utils.data import DataLoader, Dataset

from mlsyscore import catalog
from mlsyscore.units import GB, KB, MB, PB, TB, day, minute, month, ms, us

plt.style.use("mlsyscore.figures")

# %% [markdown]
# ## Predict
#
# Write four guesses before you run on.  The ones given here are common ones.
#
# 1. An image has 116 KB, and each accelerator works on 256 of them in a step of 200 ms.
#    What share of the time is it busy?
# 2. Another job computes for 200 ms a step and reads for 250 ms, side by side.  Its
#    accelerators become twice as fast.  How many times faster is the step?
# 3. A read takes half a step, but one in 50 takes eight steps.  How many batches must a
#    buffer hold so that less than 1 % of the time is lost?
# 4. A cache holds half of the data, and throws out what was used least recently.  Every
#    epoch is shuffled anew.  What share of the reads does the cache serve?

# %%
#| tags: [guess]
guess_busy = 0.95  # all benchmarks passed
guess_faster = 2.0  # times
guess_places = 1  # the mean read takes less than a step
guess_hits = 0.5  # of the reads

# %% [markdown]
# ## The wall
#
# Let one accelerator, when it is fed, read a batch of $S$ bytes for each step of $T_c$
# seconds.  It takes $R$ bytes a second, and $N$ of them share a store that delivers
# $BW$.  Each gets at most $BW/N$, so the share $U$ of the time that it works is
#
# $$ R = \frac{S}{T_c}, \qquad
#    U = \min\left(1,\ \frac{BW}{N R}\right), \qquad
#    N_\text{wall} = \frac{BW}{R}. $$
#
# > **Definition · The I/O wall.** The **I/O wall** is the number of accelerators,
# > $BW/R$, beyond which the store sets the pace.  Its neighbour is the roofline of
# > chapter 2: there one chip divides its own memory's rate.  Here many readers divide
# > one rate.  The usual slip is to take the store's rate for each reader's.
#
# A rule for the head: *count the bytes in a batch, divide by the step, and multiply by
# the fleet.*  The accelerator's speed enters only through its step.


# %%
def appetite(samples, size, T_c):
    return samples * size / T_c


def busy(BW, N, R):
    return np.minimum(1.0, BW / (N * R))


N, store = 2048, catalog.OBJECT_STORE
text = appetite(4096, 4, 200 * ms)  # 4,096 tokens of 4 bytes
image = appetite(256, 115.66 * KB, 200 * ms)
print(f"text asks for   {N * text / GB:6.2f} GB/s of {store / GB:.0f}")
print(f"images ask for  {N * image / GB:6.2f} GB/s")
print(f"the store's wall is at {store / image:.0f} accelerators")
print(f"busy {busy(store, N, image):.0%} of the time.  You guessed {guess_busy:.0%}.")

# %% [markdown]
# Nothing in the fleet is broken.  Neither benchmark had read a file.

# %%
#| label: fig-wall
#| fig-cap: "What one store feeds. Each curve leaves 100 % at its wall."
#| fig-alt: "Two image curves fall as 1/N past their walls; text stays at the top."
# @title What it draws


def draw(store_GB=100.0, image_KB=115.66, step_ms=200.0):
    readers = np.logspace(1, 5, 300)
    R = appetite(256, image_KB * KB, step_ms * ms)
    words = appetite(4096, 4, step_ms * ms)
    lines = {
        f"images, {store_GB:,.0f} GB/s": (store_GB, R),
        "images, 1,000 GB/s": (1000.0, R),
        f"text, {store_GB:,.0f} GB/s": (store_GB, words),
    }
    _, ax = plt.subplots()
    for name, (rate, each) in lines.items():
        ax.semilogx(readers, 100 * busy(rate * GB, readers, each), label=name)
    ax.set(xlabel="accelerators N", ylabel="busy (% of time)", ylim=(0, 105))
    ax.legend(loc="lower left")
    plt.show()


draw()

# %%
#| eval: false
#| tags: [nbval-ignore-output, remove-cell]
if get_ipython():
    interact(
        draw, store_GB=(10.0, 900.0), image_KB=(10.0, 500.0), step_ms=(20.0, 400.0)
    )

# %% [markdown]
# Does a real store have such a wall?  MLPerf Storage lets a machine read as if it
# trained, with a sleep in place of the accelerator.  Each team adds accelerators as
# long as they stay busy, 90 % of the time or 70 % by model, and reports the last count
# ([v1.0 results](https://github.com/mlcommons/storage_results_v1.0)).  Some teams ran
# the same store twice, for A100s and for H100s.  An H100's step is shorter.  If the
# store has one rate, then both counts share it:
#
# $$ N_\text{A100}\,\frac{S}{T_\text{A100}} = N_\text{H100}\,\frac{S}{T_\text{H100}}
#    \quad\Rightarrow\quad
#    N_\text{H100} = N_\text{A100}\,\frac{T_\text{H100}}{T_\text{A100}}. $$

# %%
steps = {  # ms, of an A100 and of an H100
    "CosmoFlow": (5.51, 3.5),
    "ResNet-50": (435, 224),
    "3D U-Net": (636, 323),
}
a100s = {
    "CosmoFlow": [37, 150, 51, 45, 38, 15, 18],
    "ResNet-50": [864, 370, 282, 144, 140, 120, 500, 90, 72, 115],
    "3D U-Net": [72, 9, 7, 35, 31, 24, 21, 21, 15, 8, 24, 3, 4, 8],
}
h100s = {  # in the same order, each on the same store with the same clients
    "CosmoFlow": [23, 102, 30, 33, 21, 9, 12],
    "ResNet-50": [512, 130, 198, 128, 92, 65, 250, 74, 37, 58],
    "3D U-Net": [36, 5, 2, 10, 16, 12, 10, 10, 5, 4, 13, 1, 2, 4],
}

# %% [markdown]
# Nothing is fitted.  Three rivals predict as well: "a store feeds the same number of
# either", "fewer by the ratio of the chips' peak rates", and "fewer by the mean ratio
# that the other two models show".

# %%
ratios = {model: np.divide(a100s[model], h100s[model]) for model in steps}
peak = catalog.H100.peak / catalog.A100.peak
print("mean error in the number of H100s")
print("             pairs   law  same  peak  others")
for model, (T_a100, T_h100) in steps.items():
    others = np.concatenate([ratios[name] for name in steps if name != model])
    errors = ""
    for ratio in (T_a100 / T_h100, 1, peak, others.mean()):
        error = abs(ratios[model] / ratio - 1).mean()
        errors += f"{error:6.0%}"
    print(f"{model:12} {len(ratios[model]):4}  {errors}")

# %% [markdown]
# The law is nearest in each row, clearly for CosmoFlow, and only just for ResNet-50.
# There half of the stores gave the H100s 16 to 72 % more than the A100s had drawn, so
# it was not the store that had stopped those A100s.  Note what the pairs say to a buyer
# of faster chips: *the same store feeds fewer.*
#
# ## In turns or ahead
#
# An accelerator may first read for $T_\text{io}$ and then compute for $T_c$.  Or it
# reads the next batch while it computes on this one.  The step is a sum or a maximum:
#
# $$ T_\text{turns} = T_\text{io} + T_c, \qquad
#    T_\text{ahead} = \max(T_\text{io},\ T_c), \qquad
#    \text{stall} = 1 - \frac{T_c}{T}. $$
#
# To read ahead there must be a place to put the batch.  A **prefetch buffer** holds
# batches that are read before they are needed.  A read takes one of its places when it
# begins, and gives it back when the accelerator takes the batch.  While all places are
# taken the reader must wait.  To hold up a fast side until the slow side has room is
# called **backpressure**, and it keeps the memory bounded.  Here is the clock of it:


# %%
def play(reads, T_c, depth):
    """When each read starts, when its batch is ready, and when it is taken."""
    clock = []
    ready = done = 0.0
    for i, t in enumerate(reads):
        place_free = clock[i - depth][2] if i >= depth else 0.0
        start = max(ready, place_free)
        ready = start + t
        taken = max(ready, done)
        done = taken + T_c
        clock.append((start, ready, taken))
    return clock


# %%
#| label: fig-clock
#| fig-cap: "A reader and a trainer on one clock. Hatched: the trainer waits."
#| fig-alt: "In turns half the time is hatched, ahead a fifth, then one long wait."
# @title What it draws
turns = [(t - 250, t, t) for t in range(250, 1800, 450)]
uneven = [100, 100, 100, 800, 100, 100, 100, 100]
rows = {
    "in turns: read 250 ms, compute 200 ms": turns,
    "ahead, one place: read 250 ms, compute 200 ms": play([250] * 7, 200, 1),
    "ahead, two places: reads of 100 ms, one of 800 ms": play(uneven, 200, 2),
}
_, axes = plt.subplots(3, 1, figsize=(6.4, 4.6), sharex=True)
for ax, (name, clock) in zip(axes, rows.items(), strict=True):
    done = 0.0
    for start, ready, taken in clock:
        ax.barh(1, ready - start, left=start, color="C1", edgecolor="white", hatch="..")
        ax.barh(0, taken - done, left=done, color="0.8", edgecolor="0.4", hatch="///")
        ax.barh(0, 200, left=taken, color="C0", edgecolor="white")
        done = taken + 200
    ax.set_title(name, loc="left", fontsize=10)
    ax.set(yticks=(0, 1), yticklabels=("compute", "read"), xlim=(0, 1800))
ax.set_xlabel("time (ms)")
plt.show()

# %% [markdown]
# Reading ahead hides the shorter of the two.  The longer sets the pace, here the read.
# What then does a faster accelerator bring?

# %%
T_io, T_c = 250 * ms, 200 * ms
turns, ahead = T_io + T_c, max(T_io, T_c)
print(f"in turns: {turns / ms:.0f} ms a step, {1 - T_c / turns:.0%} stall")
print(f"ahead:    {ahead / ms:.0f} ms a step, {1 - T_c / ahead:.0%} stall")
faster = max(T_io, T_c / 2)
print(f"twice the accelerator: {faster / ms:.0f} ms, {1 - T_c / 2 / faster:.0%} stall")
print(f"{ahead / faster:.1f} times as fast.  You guessed {guess_faster:.1f} times.")

# %% [markdown]
# The step takes as long as before, and only the waiting grows.  *Speed up the longer
# bar; the shorter one is free.*
#
# ## One slow read in fifty
#
# The third clock above has reads that take 188 ms in the mean, less than a step of
# 200 ms.  By the law for equal reads it never waits, and yet it did.  With one place a
# step lasts for the longer of one read and one compute.  The mean of a maximum is more
# than the maximum of the means:
#
# $$ \mathrm{E}\,\max(t,\ T_c) \ \ge\ \max(\mathrm{E}\,t,\ T_c). $$
#
# Take the reads of guess 3, in steps.  With one place a step becomes
# $0.98 \times 1 + 0.02 \times 8 = 1.14$ of what it was.  An eighth of the time is lost,
# though the mean read takes 0.65.
#
# How many places hide a read of $t_\text{tail}$?  While it lasts, the accelerator takes
# a batch every $T_c$.  All of these must be there already:
#
# $$ \text{depth} = \left\lceil \frac{t_\text{tail}}{T_c} \right\rceil. $$
#
# Usually $t_\text{tail}$ is the 99th percentile: one read in a hundred is longer.  The
# rival is to size the buffer by the mean read.  Play both, and twice the tail as well,
# on three kinds of reads.  All have a mean below one step.


# %%
def stall(reads, depth):
    last_taken = play(reads, 1.0, depth)[-1][2]
    return 1 - len(reads) / (last_taken + 1.0)


def drawn(kind, rng, n=5000):
    if kind == "exponential, mean 0.8":
        return rng.exponential(0.8, n)
    short, long = (0.5, 8.0) if kind == "1 in 50 takes 8" else (0.35, 16.0)
    return rng.choice([short, long], n, p=[0.98, 0.02])


# %%
def percent(values):
    half = 2 * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{100 * np.mean(values):4.1f} ± {100 * half:.1f}"


rng = np.random.default_rng(1)
kinds = ("exponential, mean 0.8", "1 in 50 takes 8", "1 in 50 takes 16")
runs = {kind: [drawn(kind, rng) for _ in range(20)] for kind in kinds}
tails = {}
print("stall in % of the time      by the mean    by the tail    twice the tail")
for kind in kinds:
    everything = np.concatenate(runs[kind])
    tails[kind] = int(np.ceil(np.quantile(everything, 0.99)))
    depths = (int(np.ceil(everything.mean())), tails[kind], 2 * tails[kind])
    cells = [f"{d:3}: {percent([stall(x, d) for x in runs[kind]])}" for d in depths]
    print(f"{kind:25}" + "  ".join(cells))

# %%
#| label: fig-depth
#| fig-cap: "Stall against places. Filled: the tail rule's choice."
#| fig-alt: "Three falling curves; at the filled points they are low but not at zero."
# @title What it draws
places = [1, 2, 4, 8, 16, 32]
_, ax = plt.subplots()
for kind, marker in zip(kinds, "s^o", strict=True):
    lost = [100 * np.mean([stall(x, d) for x in runs[kind]]) for d in places]
    (line,) = ax.semilogx(places, lost, label=kind, marker=marker, mfc="white")
    there = 100 * np.mean([stall(x, tails[kind]) for x in runs[kind]])
    ax.plot(tails[kind], there, marker, color=line.get_color(), markersize=10)
ax.set_xscale("log", base=2)
ax.set_xticks(places, places)
ax.set(xlabel="places in the buffer", ylabel="stall (% of time)", ylim=(0, None))
ax.legend(title="reads, in steps")
plt.show()

# %%
slow = runs["1 in 50 takes 8"]
yours = [stall(x, max(1, int(guess_places))) for x in slow]
enough = next(d for d in range(1, 64) if np.mean([stall(x, d) for x in slow]) < 0.01)
print(f"below 1 % from {enough} places on")
print(f"You guessed {guess_places}, which loses {percent(yours)} % of the time.")

# %% [markdown]
# The mean read says that one place will do, and loses the most.  The tail rule is far
# better, and still falls short: it hides *one* slow read that meets a full buffer.  A
# second one soon after meets a buffer that is still filling.  So the rule for the head
# is *the tail, and twice if you can*.
#
# Does the clock describe a real loader?  Here is one: a thread that reads, and a
# semaphore that counts the places.  To read means to unpack a block of bytes, one in
# five of them longer, no faster than a far store of 100 MB/s sends it.  To compute
# means to multiply matrices.


# %%
def prefetch(read, sizes, depth):
    places = threading.Semaphore(depth)
    ready = queue.SimpleQueue()

    def reader():
        for size in sizes:
            places.acquire()  # backpressure: no free place, no read
            ready.put(read(size))

    threading.Thread(target=reader, daemon=True).start()
    for _ in sizes:
        batch = ready.get()
        places.release()
        yield batch


# %%
#| tags: [nbval-ignore-output]
# @title What is read and computed
torch.set_num_threads(1)  # so that both threads find a core
sizes = np.random.default_rng(4).choice([200_000, 2_000_000], 80, p=[0.8, 0.2])
plain = np.random.default_rng(5).integers(0, 16, sizes.max(), np.uint8).tobytes()
packed = {size: zlib.compress(plain[:size], 1) for size in sizes}
weights = torch.rand(256, 256)


def seconds(action, *arguments):
    start = time.perf_counter()
    action(*arguments)
    return time.perf_counter() - start


def from_far(size):
    unpacking = seconds(zlib.decompress, packed[size])
    time.sleep(max(0.0, size / (100 * MB) - unpacking))


def compute(rounds):
    x = weights
    for _ in range(rounds):
        x = (x @ weights).clamp(0, 1)
    return x.sum().item()


rounds = round(1.1 * sizes.mean() / (100 * MB) / seconds(compute, 100) * 100)


# %%
#| tags: [nbval-ignore-output]
def trained(depth):
    reads, computes = [], []
    begin = time.perf_counter()

    def read(size):
        reads.append(seconds(from_far, size))

    for _ in prefetch(read, sizes, depth):
        computes.append(seconds(compute, max(1, rounds)))
    return time.perf_counter() - begin, np.array(reads), np.array(computes)


print("error in the time of 80 steps      clock  larger mean  in turns")
for depth in (2, 8):
    T, reads, computes = trained(depth)
    clock = play(reads, computes.mean(), depth)[-1][2] + computes.mean()
    larger = max(reads.sum(), computes.sum())
    turns = reads.sum() + computes.sum()
    errors = [f"{law / T - 1:+9.0%}" for law in (clock, larger, turns)]
    print(f"places: {depth}, measured: {T / ms:5.0f} ms  " + "  ".join(errors))

# %% [markdown]
# Each read and each compute was timed in the run itself, so the columns differ only in
# how they let them overlap.  The larger mean knows no depth, and the clock does.  The
# more places there are, the less the two differ.
#
# ## The cache
#
# Storage is a stack: the faster a tier, the less it holds.  By the book's figures a
# reader gets 3,350 GB/s from its own memory, 200 from the host's, 14 from an NVMe
# drive, and 1 to 4 from a shared store.  The fall of the rate when data no longer fit
# into a tier is a **bandwidth cliff**.  To place work where its data already are is
# **data locality**.  Drives in the nodes multiply with the fleet, so they have no wall.
#
# A read that a cache serves is a *hit*.  Let a hit take one unit of time, a miss $p$,
# and let $h$ be the share of hits.  The mean read takes
#
# $$ h + (1 - h)\,p. $$
#
# With 95 % hits and misses of 100 units this is 5.95: one miss in twenty makes the
# cache six times slower.  *Misses decide.*
#
# A database has hot rows, and small reads come back to them.  Training turns that
# over, a **workload inversion**: each sample is read once an epoch, and none is hot.
# An operating system throws out what was least recently used (LRU).  Play it on both.


# %%
def lru(C, epochs):
    """Share of hits in each epoch after the first; the cache holds C samples."""
    held = OrderedDict()
    shares = []
    for epoch in epochs:
        hits = 0
        for x in epoch:
            hits += x in held
            held[x] = True
            held.move_to_end(x)
            if len(held) > C:
                held.popitem(last=False)
        shares.append(hits / len(epoch))
    return np.array(shares[1:])


rng = np.random.default_rng(4)
shuffled = [rng.permutation(1000).tolist() for _ in range(21)]
in_order = [shuffled[0]] * 21
popular = 1 / np.arange(1, 1001)
database = [rng.choice(1000, 1000, p=popular / popular.sum()) for _ in range(21)]

# %%
print(f"half is held, {1000 // 2} of 1,000:")
print(f"  database, row k drawn as 1/k   {percent(lru(500, database))} % hits")
print(f"  epochs, shuffled anew          {percent(lru(500, shuffled))} % hits")
print(f"  epochs, always in one order    {percent(lru(500, in_order))} % hits")
print(f"You guessed {guess_hits:.0%} for the epochs that are shuffled anew.")

# %% [markdown]
# The same cache serves most of a database and a seventh of an epoch.  Of an epoch in a
# fixed order it serves nothing: each sample goes shortly before its turn comes.
#
# Why a seventh?  Let a sample stand at place $x$ of one epoch and at place $y$ of the
# next, both as shares of an epoch.  Between its two reads come the $1 - x$ that follow
# it and the $y$ that precede it.  A share $y$ of those $1 - x$ is in both, so
# $1 - x + y - (1 - x)\,y = 1 - x\,(1 - y)$ different ones come between.  The sample is
# still held if these fit into the cache, a share $h$ of the data:
#
# $$ \mathrm{P}\big(x\,(1 - y) > 1 - h\big)
#    = \int_{1-h}^{1} \left(1 - \frac{1-h}{x}\right) dx
#    = h + (1 - h)\ln(1 - h). $$
#
# > **Theorem · LRU over shuffled epochs.** Where every epoch is shuffled anew, an LRU
# > cache of a share $h$ of the data serves $h + (1-h)\ln(1-h)$ of the reads.  It is
# > about $h^2/2$ for small $h$.  A cache that keeps what it has serves $h$.


# %%
def kept(h):
    return h + (1 - h) * np.log(1 - h)


print("held   played, % hits   law   rival: hits = share held")
for C in (100, 300, 500, 700, 900):
    h = C / 1000
    print(f"{h:4.0%}   {percent(lru(C, shuffled)):14}  {100 * kept(h):5.1f} {h:9.0%}")

# %%
#| label: fig-lru
#| fig-cap: "Hits of a cache over epochs. Points are played, lines are laws."
#| fig-alt: "A diagonal; a curve far below it with points on it; points at zero."
# @title What it draws
h = np.linspace(0, 0.999, 200)
C = np.array([*range(100, 901, 100), 999, 1000])
_, ax = plt.subplots()
ax.plot(100 * h, 100 * h, "--", color="C2", label="keeps what it has: h")
ax.plot(100 * h, 100 * kept(h), "-", color="C0", label="h + (1 − h) ln(1 − h)")
played = [100 * lru(c, shuffled).mean() for c in C]
ax.plot(C / 10, played, "o", color="C0", mfc="white", label="LRU, shuffled anew")
fixed = [100 * lru(c, in_order).mean() for c in C]
ax.plot(C / 10, fixed, "x:", color="C3", label="LRU, one order")
ax.set(xlabel="cache (% of the data)", ylabel="hits (% of reads)")
ax.legend()
plt.show()

# %% [markdown]
# Microsoft saw this thrashing of the page cache in real training, and cured it with a
# cache that never evicts (arXiv 2007.06775).  No cleverness is needed: since no sample
# is hot, *keep what you have*.
#
# ## Many small files
#
# To read a file of $s$ bytes, a reader first opens it.  That takes $t_\text{open}$,
# whatever the size.  It is chapter 3's message again, with a critical size $s^*$:
#
# $$ T = t_\text{open} + \frac{s}{BW}, \qquad
#    \frac{s}{T} = \frac{BW}{1 + s^*/s}, \qquad s^* = t_\text{open}\,BW. $$
#
# Files below $s^*$ give less than half of the rate: the **small-file problem**.  To
# open one takes 11 µs on a local drive, and 2,300 µs on Lustre, a parallel file system
# (Bekman, [ML Engineering](https://github.com/stas00/ml-engineering), storage).

# %%
t_open, BW = 2300 * us, 4 * GB
print(f"critical size {t_open * BW / MB:.1f} MB")
for name, s in (("one image, 116 KB", 115.66 * KB), ("4,000 in a shard", 463 * MB)):
    print(f"{name:18} {s / (t_open + s / BW) / MB:6,.0f} of {BW / MB:,.0f} MB/s")

# %% [markdown]
# The cure is to pack samples into *shards*, and to shuffle the order of the shards,
# then the samples within a few of them: **shard-level shuffling**.  A disk that was
# bought for small random reads answers the wrong question; shards ask for bytes a
# second.
#
# Now this machine's disk.  Take $t_\text{open}$ and $BW$ from files of 64 and 256 KB,
# and predict files of *2 KB*, which the fit has not seen.  Three rivals predict as
# well: bytes alone, a power law through the same two points, and the time of 64 KB.

# %%
#| tags: [nbval-ignore-output]
# @title Files to read, and the clock
work = tempfile.TemporaryDirectory()
files = {}
for size in (2000, 64_000, 256_000):
    files[size] = [Path(work.name) / f"{size}-{i}" for i in range(100)]
    for file in files[size]:
        file.write_bytes(plain[:size])
os.sync()  # what is not on the disk yet cannot be dropped from memory
buffer = bytearray(256_000)


def forget(path):
    if hasattr(os, "posix_fadvise"):
        handle = os.open(path, os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


# %%
#| tags: [nbval-ignore-output]
def read(path):
    with open(path, "rb", buffering=0) as file:
        file.readinto(buffer)


def median_time(paths, cold):
    times = []
    for path in paths * 5:
        if cold:
            forget(path)
        times.append(seconds(read, path))
    return np.median(times)


# %%
#| tags: [nbval-ignore-output]
print("files of 2 KB    measured      law   bytes alone   power law   as 64 KB")
for state in ("warm", "cold"):
    T2, T64, T256 = (median_time(paths, state == "cold") for paths in files.values())
    per_byte = (T256 - T64) / 192_000
    t_open = T64 - 64_000 * per_byte
    power = T64 * (2000 / 64_000) ** (np.log(T256 / T64) / np.log(4))
    laws = (t_open + 2000 * per_byte, 2000 * per_byte, power, T64)
    errors = "".join(f"{law / T2 - 1:+11.0%}" for law in laws)
    print(f"{state:16} {T2 / us:5.0f} µs {errors}")
    print(f"  128 of them take {128 * T2 / T256:.0f} times as long as one of 256 KB")

# %% [markdown]
# *Cold*: the system was asked to drop the file from its memory first.
#
# Where shards cannot be had, several workers open files at once.  If a file takes $T$
# and an accelerator needs $r$ files a second, then $r\,T$ reads must be under way.  Our
# images need 1,280 a second, at 2.3 ms each: three workers.  Play a far store on
# PyTorch's loader: each read also sleeps for 2.3 ms.


# %%
class Files(Dataset):
    def __init__(self, paths, far):
        self.paths = paths
        self.far = far

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        time.sleep(self.far)
        return len(self.paths[i].read_bytes())


def epoch(far, workers):
    fork = {"multiprocessing_context": "fork"} if workers else {}
    loader = DataLoader(Files(files[2000] * 5, far), 10, num_workers=workers, **fork)
    return seconds(list, loader)


# %%
#| tags: [nbval-ignore-output]
local = [epoch(0.0, workers) for workers in (0, 1, 2)]
far = [epoch(2.3 * ms, workers) for workers in (0, 1, 2)]
law = local[2] + (far[0] - local[0]) / 2
print("500 reads of 2 KB     no worker   one     two")
for name, times in (("local disk", local), ("far store", far)):
    print(f"{name:20}" + "".join(f"{T / ms:6.0f} ms" for T in times))
as_one = far[1] / far[2] - 1
print(f"error for two, far: law {law / far[2] - 1:+.0%}, as with one {as_one:+.0%}")

# %% [markdown]
# The law takes the start from the local disk and adds half of the waiting.  A worker is
# a process.  It costs a start, and it pays where it would wait.
#
# ## The checkpoint storm
#
# Training also writes, and a checkpoint's size follows from what a resumed job needs.
# With Adam that is 2 bytes of weight for each parameter, 4 of a master copy, and two
# running means of 4 each: 14 in all.  Gradients are made anew, so nobody keeps them.

# %%
stated = {  # parameters, bytes: MLPerf Storage's rules; BLOOM's own (Bekman)
    "Llama 70B": (70e9, 912 * GB),
    "BLOOM 176B": (176e9, 2300 * GB),
    "Llama 405B": (405e9, 5290 * GB),
    "a nominal 1T": (1e12, 18_000 * GB),
}
print("error in the size, at   14 B   2 B, weights   16 B, with gradients")
for model, (P, size) in stated.items():
    errors = [f"{each * P / size - 1:+.0%}" for each in (14, 2, 16)]
    print(f"{model:20} {errors[0]:>7} {errors[1]:>14} {errors[2]:>22}")

# %% [markdown]
# For the three real models the count is 7 % high, and its rivals are much further off.
# The fourth is a trillion by name only, and there both counts are too small.
#
# All workers save at the same moment, a **checkpoint storm**.  Replicas hold the same
# state.  If each of $N$ saves all of it, the store takes $N n$ bytes; if each saves its
# share, it takes $n$.
#
# Even the share stops the job.  The cure is the prefetch buffer turned round.
# **Checkpoint staging** lets each of $M$ nodes write its share to its own drives, at
# $BW_\text{node}$, while the job stands still.  It drains to the store while the job
# works, and the drain must end before the next save, one interval $\tau$ later:
#
# $$ T_\text{pause} = \frac{n}{M\,BW_\text{node}}, \qquad
#    T_\text{drain} = \frac{n}{BW} \le \tau. $$
#
# So only the pause needs a high rate, and the store needs no more than the mean.

# %%
BW = catalog.CHECKPOINT_STORE
n = 14 * catalog.LLAMA2_70B.P
print(f"Llama 70B, {n / TB:.2f} TB by 1,024 workers to {BW / GB:.0f} GB/s")
print(f"  each saves the whole:    pause {1024 * n / BW:9,.2f} s")
print(f"  each saves its share:    pause {n / BW:9,.2f} s")
n = 14 * catalog.GPT3.P
tau = 10 * minute
print(f"GPT-3, {n / TB:.2f} TB by 256 nodes, every 10 minutes")
print(f"  straight to the store:   pause {n / BW:9,.2f} s")
print(f"  staged on own drives:    pause {n / (256 * catalog.NVME_NODE):9,.2f} s")
print(f"  the drain behind it:           {n / BW:9,.2f} s")
print(f"  the store's mean rate:         {n / tau / GB:9,.2f} GB/s")
print(f"  unstaged, for that pause:      {256 * catalog.NVME_NODE / GB:9,.2f} GB/s")
written = 30 * day / tau * n
again = written / (6 * TB)
print(
    f"In 30 days it writes {written / PB:.1f} PB, {again:,.0f} times its text of 6 TB"
)

# %% [markdown]
# A checkpoint on the drives of its node is not safe yet.  Until the drain ends, a dead
# node takes its share with it, and so the whole.  A copy at a partner in another rack
# closes that gap.  A node may also die while it writes.  So each save is written beside
# the old one, forced to the disk, and then renamed, and no kill can tear it.
#
# Measured for 70 billion parameters on 2,048 GPUs, a save stops the job for 6.77 s
# without staging, and for 0.04 s with copies in memory (ByteRobust, ByteDance 2025,
# table 8).
#
# ## Stream or stage
#
# The images can be *streamed* from the object store in every epoch, or *staged* once on
# the nodes' drives.  Streaming pays $c_\text{read}$ for each byte and each of $E$
# epochs.  Staging pays it once, and $c_\text{keep}$ for the drives while the run lasts,
# a time $t$.  They cost the same where
#
# $$ n\,E\,c_\text{read} = n\,(c_\text{read} + c_\text{keep}\,t)
#    \quad\Rightarrow\quad
#    E^* = 1 + \frac{c_\text{keep}\,t}{c_\text{read}}. $$
#
# The size cancels.  The rival goes by the rent: drives cost \$100 for a TB and month,
# five times what the object store asks, so stream.  Reading out costs \$0.09 a GB.

# %%
c_read, c_keep, t = catalog.EGRESS, 100 / (TB * month), 3 * month
print("a run of three months on 50 TB     stream      stage   cheaper")
for E in (2, 4, 5, 20):
    stream = 50 * TB * E * c_read
    stage = 50 * TB * (c_read + c_keep * t)
    verdict = "stream" if stream < stage else "stage"
    print(f"  {E:2} epochs{'':21}${stream:7,.0f}   ${stage:7,.0f}   {verdict}")
print(f"break-even: {1 + c_keep * t / c_read:.1f} epochs")

# %% [markdown]
# From the fifth epoch on the dear drives are the cheap ones.  And neither bill counts
# the accelerators that wait.  At \$2 an hour, 1,024 of them that are busy for 70 % and
# not for 90 % lose \$9,830 a day.
#
# ## The answer
#
# Back to Monday's fleet and its 303 GB/s.  Let the drives of all nodes be one cache,
# which any node reaches over the fabric.  Its hits take load from the store, and the
# store must deliver the rest: $(1 - \text{hits})\,N R \le BW$.

# %%
h = np.linspace(0, 0.999, 1000)
least = 1 - store / (N * image)
plans = {
    "as it is": 0.0,
    "LRU on half of the images": kept(0.5),
    "half of the images kept": 0.5,
    f"LRU on {np.interp(least, kept(h), h):.0%}, the least": least,
    f"{least:.0%} kept, the least": least,
}
print("                             store is asked for   busy")
for plan, hits in plans.items():
    asked = (1 - hits) * N * image
    print(f"{plan:28} {asked / GB:10.0f} GB/s {min(1, store / asked):14.0%}")
faster = busy(store, N, 2 * image)
print(f"{'chips twice as fast':28} {2 * N * image / GB:10.0f} GB/s {faster:14.0%}")

# %% [markdown]
# *As many bytes as the fleet can eat, less what the nodes keep*, in files so large that
# opens do not count, from a buffer sized by the slow reads.
#
# > **Takeaways.**
# >
# > - $U = \min(1, BW/(N R))$: a shared store has a wall, drives in the nodes have none.
# > - Reading ahead turns a sum into a maximum.  If reads are longer, fast chips wait.
# > - Size a buffer by the tail, better by twice the tail, never by the mean.
# > - LRU serves $h + (1-h)\ln(1-h)$ of a shuffled epoch; keep what you have.
# > - Pack small files; save shares, stage, then drain.
#
# <details><summary>Sources, and where ours differs from the book's</summary>
#
# Demands, tiers, prices and the checkpoint figures are the book's (open calculations,
# mlsysim 0.3.0).  The book drains GPT-3's checkpoint at 1 TB/s, in 2.45 s; we use the
# fleet's own 100 GB/s.  It takes a node's 28 GB/s for reads and writes alike; drives
# write more slowly.
#
# MLPerf's pairs are all of version 1.0 in which one team reports both accelerators on
# one store with the same clients.  Of several runs the largest count is taken.  One
# team's two pairs in 3D U-Net stopped at two and ten H100s, while 96 % busy.
#
# Stated checkpoint sizes agree with 14 bytes to within 0.3 % if their GB are GiB and
# their TB a thousand of these.  As decimal units they mean 13 bytes.
#
# </details>
#
# ## Try it
#
# 1. Usually a CPU copies what is read through the host's memory.  A GPU-direct path
#    moves it from drive to GPU.  A node's eight GPUs ask 8,000 times a second each; a
#    request costs 120 µs of CPU through the host, and 30 µs without.  What is saved?
#
#    <details><summary>Answer</summary>
#
#    Nearly six cores are free for other work.  The drive is no faster for it.
#
#    ```python
#    for path, cost in (("through the host", 120 * us), ("direct", 30 * us)):
#        print(f"{path:17} {8 * 8000 * cost:.2f} cores")
#    ```
#
#    ```text
#    through the host  7.68 cores
#    direct            1.92 cores
#    ```
#
#    </details>
#
# 2. **Retrieval infrastructure** is the index and the servers that find the stored
#    passages nearest to a query.  A billion passages have vectors of 768 floats and 256
#    bytes of links each.  1,000 queries a second read 500 vectors each, here and there.
#    What is to be bought: bytes, bytes a second, or reads a second?
#
#    <details><summary>Answer</summary>
#
#    Reads.  The bytes a second are fewer than one drive streams, but each read is small
#    and random.  It is the database again, and a cache of hot vectors helps.
#
#    ```python
#    vector = 768 * 4
#    print(f"{1e9 * (vector + 256) / TB:.2f} TB")
#    print(f"{1000 * 500:,} reads/s, {1000 * 500 * vector / GB:.2f} GB/s")
#    ```
#
#    ```text
#    3.33 TB
#    500,000 reads/s, 1.54 GB/s
#    ```
#
#    </details>
#
# 3. A model writes 1 TB of samples.  **Synthetic data provenance**, the record of which
#    model, prompt and filter made each, adds 40 %.  A verifier then reads all samples
#    three times.  How many TB are stored, and how many moved?
#
#    <details><summary>Answer</summary>
#
#    A pass adds reads and stores nothing.  The belief that it multiplies what is stored
#    asks for three times the disks.
#
#    ```python
#    stored = 1 + 0.4
#    print(f"stored {stored:.1f} TB, moved {stored + 3:.1f} TB")
#    print(f"believed: stored {3 * stored:.1f} TB")
#    ```
#
#    ```text
#    stored 1.4 TB, moved 4.4 TB
#    believed: stored 4.2 TB
#    ```
#
#    </details>
#
# 4. A job saves its position in the data, then its weights, and dies between the two.
#    Which samples are never learned?  An **idempotent write** leaves the same state
#    when it is done twice as when it is done once.  Does it help here?
#
#    <details><summary>Answer</summary>
#
#    Those since the save before.  In the other order they are learned twice.
#    Idempotence does not help: position and weights must change in *one* write.
#
#    ```python
#    saved = {"position": 0, "learned": []}
#    saved["position"] = 4  # and here it dies, before "learned" is saved
#    resumed = saved["learned"] + list(range(saved["position"], 8))
#    print("never learned:", sorted(set(range(8)) - set(resumed)))
#    ```
#
#    ```text
#    never learned: [0, 1, 2, 3]
#    ```
#
#    </details>
#
# 5. Let the epochs read ten shards of 100 samples.  The shards are shuffled anew, and
#    each is read in order.  What does LRU serve with half of the data held?
#
#    <details><summary>Answer</summary>
#
#    About what it serves where single samples are shuffled, and not half.  The order
#    inside a shard does not matter to what comes between two reads.
#
#    ```python
#    rng = np.random.default_rng(4)
#    order = [rng.permutation(10) for _ in range(201)]
#    epochs = [[100 * s + i for s in shards for i in range(100)] for shards in order]
#    print(f"{percent(lru(500, epochs))} %, law {kept(0.5):.1%}, rival 50 %")
#    ```
#
#    ```text
#    16.5 ± 1.4 %, law 15.3%, rival 50 %
#    ```
#
#    </details>
#
# > **Chapter connection.** The fleet now has chips, wires and data.  Chapter 5 divides
# > one model's training among them.
