# %% [markdown]
# ---
# title: "7 · Fault tolerance"
# fleet-stack: [15, 20, 45, 100, 20, 30, 10, 0]
# ---
#
# An accelerator fails once in six years.  Among ten thousand, one fails every five
# hours.  All ten thousand train one model in step, so each failure stops them all.
# *How much of a three-month run is work?*
#
# *You will need* two things from earlier chapters.  Chapter 1 divided a part's mean
# time between failures (MTBF) by the number of parts.  Chapter 4 wrote a file that a
# kill cannot tear: write it beside the old one, then rename it.

# %%
import multiprocessing
import os
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython import get_ipython
from ipywidgets import interact

from mlsyscore import catalog
from mlsyscore.reliability import Weibull
from mlsyscore.storage import checkpoint_bytes
from mlsyscore.units import TB, day, hour, minute, ms

torch.set_num_threads(1)
plt.style.use("mlsyscore.figures")

# %% [markdown]
# ## Predict
#
# Write your guesses here.  The ones given are common guesses.
#
# 1. A job on ten thousand accelerators is stopped about six times a day.  A stop costs
#    six minutes before work goes on, and all work since the last save.  A save takes
#    25 s.  What share of 90 days is work?
# 2. A smaller job stops every 50 h and saves in 5 minutes.  How many minutes should it
#    work between two saves?
# 3. The first job needs 90 days of pure work, which divides evenly.  It gets a hundred
#    times the accelerators.  By what factor does it end sooner?
# 4. A toy: a linear model with 16 weights of 32 bits (float32).  One bit of one weight
#    flips in training.  For what share of such flips does the loss become infinite or
#    not a number?

# %%
#| tags: [guess]
guess_work = 0.7  # share of the time
guess_save = 15.0  # minutes
guess_sooner = 100.0  # times
guess_seen = 0.9  # share of the flips

# %% [markdown]
# ## Rates add
#
# Suppose that a part fails at a constant rate $\lambda$: it survives a time $t$ with
# probability $e^{-\lambda t}$, and its MTBF is $1/\lambda$.  A job survives if all of
# its parts do.  With $n_i$ parts of rate $\lambda_i$, independent of each other,
#
# $$ P(\text{no stop until } t) = \prod_i \left(e^{-\lambda_i t}\right)^{n_i}
#      = e^{-t \sum_i n_i \lambda_i},
#    \qquad M = \frac{1}{\sum_i n_i \lambda_i}, $$
#
# where $M$ is the MTBF of the job.  So rates add, because a product of powers adds
# exponents.  Rates are quoted in **FIT**, failures in $10^9$ hours.  We take the parts
# of the book, *Machine Learning Systems at Scale*.  A GPU has 20,000 FIT, so its MTBF
# is $10^9/20{,}000$ = 50,000 h.  The PCIe link of each GPU to its host fails every
# 200,000 h.  Each eight GPUs share a network card, which fails every 150,000 h.


# %%
def mtbf(*parts):
    rate = sum(count * each for count, each in parts)
    return 1 / rate


GPU = 20_000 / (1e9 * hour)
PCIE = 1 / (200_000 * hour)
CARD = 1 / (150_000 * hour)

print("GPUs      GPUs alone   with links and cards")
for N in (8, 512, 10_000):
    alone = mtbf((N, GPU))
    full = mtbf((N, GPU), (N, PCIE), (N / 8, CARD))
    print(f"{N:6,} {alone / hour:11,.2f} h {full / hour:18,.2f} h")

# %% [markdown]
# A rule for the head: *50,000 hours divided by the GPUs, less a quarter for the rest.*
# Our job of 10,000 has $M$ = 3.87 h.
#
# ### Parts that age
#
# **Infant mortality** is a failure rate that falls with age, as the weak parts die
# first.  The **bathtub curve** is a rate that falls in youth, then stays level, and
# rises again with wear.  Let lives follow a Weibull law of scale $s$: a share
# $e^{-(t/s)^k}$ of the parts reaches age $t$.  A shape $k$ below 1 is infant mortality,
# 1 is a constant rate, and above 1 is wear.
#
# We take $k$ = 0.7 for youth, an assumption.  Draw 40 fleets of 10,000 parts each, with
# a mean life of 50,000 h.  How many parts fail in 30 days?


# %%
def draw(shape, mean, size, rng):
    return mean * rng.weibull(shape, size) / Weibull(1.0, shape).mean


lives = draw(0.7, 50_000 * hour, (40, 10_000), np.random.default_rng(1))
for age in (0, 30 * day):
    alive = (lives > age).sum(axis=1)
    failed = ((lives > age) & (lives < age + 30 * day)).sum(axis=1)
    ratio = failed / (alive * 30 * day * GPU)
    seen = f"{ratio.mean():.2f} ± {2 * ratio.std(ddof=1) / np.sqrt(40):.2f}"
    print(f"aged {age / day:2.0f} days: {seen} times the failures of a constant rate")

# %% [markdown]
# If $k$ is 0.7, new parts fail four times as often as the constant rate says.  So a
# fleet is *burned in*: it runs under load for some weeks before it may hold a job.
#
# ### Many parts forget
#
# Does a job of such parts have infant mortality too?  A common model says so, and
# draws the job's gaps between stops from the part's own law.  Play it instead.  Each
# part fails, is replaced by a new one, and fails again, and each failure stops the job.
# We watch long after the start.  Time is counted in mean gaps.


# %%
def gaps(parts, shape, rng, stops=2000):
    age = 10.0 * parts  # watch from here on
    draws = 60 + int(1.4 * (age + stops) / parts)
    lives = draw(shape, parts, (parts, draws), rng)
    failures = np.sort(np.cumsum(lives, axis=1).ravel())
    seen = (failures > age) & (failures < age + stops)
    return np.diff(failures[seen])


def band(results):  # two standard errors of the mean
    return 2 * np.std(results, ddof=1) / np.sqrt(len(results))


# %%
rng = np.random.default_rng(7)
print("share of gaps below a tenth of the mean gap")
print("                     youth (0.7)         wear (3)")
for parts in (1, 8, 64, 512):
    line = f"played, parts: {parts:3}  "
    for shape in (0.7, 3.0):
        runs = [gaps(parts, shape, rng) for _ in range(30)]
        short = [(x < 0.1).mean() for x in runs]
        line += f"{np.mean(short):9.2%} ± {band(short):.2%}"
    print(line)
own = [np.mean(draw(shape, 1.0, 10**6, rng) < 0.1) for shape in (0.7, 3.0)]
print(f"no memory          {1 - np.exp(-0.1):9.2%} {1 - np.exp(-0.1):16.2%}")
print(f"inherits the shape {own[0]:9.2%} {own[1]:16.2%}")

# %%
#| label: fig-gaps
#| fig-cap: "Gaps between stops.  No memory is a straight line on this log axis."
#| fig-alt: "One part bends away; eight bend less; 512 lie on the straight line."
# @title Gaps between stops
x = np.linspace(0, 5, 100)
fig, axes = plt.subplots(1, 2, figsize=(6.4, 3.4), sharey=True)
for ax, shape, name in zip(axes, (0.7, 3.0), ("youth, 0.7", "wear, 3"), strict=True):
    for parts, style in ((1, "--"), (8, "-."), (512, "-")):
        many = np.concatenate([gaps(parts, shape, rng) for _ in range(20)])
        beyond = [(many > at).mean() for at in x]
        ax.semilogy(x, beyond, style, label=f"{parts} parts" if parts > 1 else "1 part")
    ax.semilogy(x, np.exp(-x), "k:", lw=1.2, label="no memory")
    ax.set(title=name, xlabel="gap / mean gap", ylim=(3e-3, 1.1))
axes[0].set_ylabel("share of gaps that are longer")
axes[0].legend()
plt.show()

# %% [markdown]
# By 512 parts both kinds have nearly come to the line $e^{-t/M}$ of a constant rate.  A
# replaced part is young, but the next failure is nearly always that of another part,
# whose age has not changed.
#
# > **Theorem · Many parts forget.** Take many parts that are independent, of mixed
# > ages, and each of which fails seldom.  Their failures come together as if at one
# > constant rate, $\sum_i n_i/m_i$, where $m_i$ is the mean life of a part of kind $i$
# > (Palm and Khintchine).
#
# Both conditions can fail.  A fleet of one age shows its youth.  And a **correlated
# failure** is one cause that stops many parts at once, such as the power of a rack.
# Count the cause as one more part.  Real systems remember a little: gaps between the
# failures of supercomputers were fitted with a $k$ of 0.7 to 0.8 (Schroeder and Gibson,
# *A large-scale study of failures in high-performance computing systems*, 2006).
#
# ### Against two logs
#
# Chapter 1 found that $1/N$ holds in one cluster.  But does a list of parts give the
# right $M$?  Jobs of 1,024 A100s ran 7.9 h between failures (Kokolis et al., arXiv
# 2410.21680).  Llama 3 stopped 419 times in 54 days on 16,384 H100s (arXiv 2407.21783).

# %%
for name, N, seen in (("Meta's RSC-1", 1024, 7.9), ("Llama 3", 16_384, 54 * 24 / 419)):
    listed = mtbf((N, GPU), (N, PCIE), (N / 8, CARD)) / hour
    print(f"{name:12} {N:6,} GPUs: log {seen:4.2f} h, list of parts {listed:5.2f} h")

# %% [markdown]
# The list says five times too long for one fleet and a quarter too short for the
# other.  *Take the MTBF from the log of your own jobs.*
#
# ## What a stop costs
#
# A stopped job has to notice, start again and load its last saved state.  Then it must
# *replay*: do the lost work once more.

# %%
#| label: fig-clock
#| fig-cap: "The clock of a job with short lives.  The triangles are failures."
#| fig-alt: "Bars in a row: at each failure work is lost and a restart follows."
# @title The clock of a job with short lives
_, ax = plt.subplots(figsize=(6.4, 2), subplot_kw={"frame_on": False})
kinds = ("restart", "work, kept", "save", "work, lost")
look = zip(kinds, ("0.8", "C0", "C2", "C3"), ("///", "", "..", "xx"), strict=True)
bars, now = {kind: [] for kind in kinds}, 0
for life in (125, 70, 95):  # minutes until the next failure
    bars["restart"].append((now, 12))
    at, now = now + 12, now + life
    ax.plot(now, 1.15, "kv")
    for start in range(at, now - 34, 35):
        bars["work, kept"].append((start, 30))
        bars["save"].append((start + 30, 5))
        at = start + 35
    bars["work, lost"].append((at, now - at))
for kind, fill, hatch in look:
    ax.broken_barh(bars[kind], (0, 1), fc=fill, ec="white", hatch=hatch, label=kind)
ax.text(3, -0.35, r"R        $\tau$        W")
ax.set(yticks=[], ylim=(-0.5, 2.3), xlabel="time on the clock (min)")
ax.legend(ncols=4, loc="upper center", handlelength=1.5)
plt.show()

# %% [markdown]
# The work between two saves is called $\tau$.  A save takes the time $W$.  Everything
# but the replay is one sum, $R$ = detect + start + load + warm up, where warming up is
# the time until steps run at full speed.  The book counts 60 s, 180 s, 24.5 s and
# 120 s, together $R$ = 384.5 s.  The load is GPT-3's state, 14 bytes for each of 175
# billion parameters, at 100 GB/s.  A save to the same store takes as long.
#
# Two promises can be made.  The **recovery time objective** (RTO) is the longest time
# in which a system must be back.  The **recovery point objective** (RPO) is the longest
# stretch of time before a failure whose work may be lost.  A job cannot promise an RTO
# below $R$, nor an RPO below the time from save to save.
#
# A **hot spare** is a machine that runs idle, ready to take the place of one that
# failed.  When do $m$ spare GPUs for a job of $N$ pay?  Between two stops they waste
# $m M$ of GPU time.  If they shorten each stop by $x$, they save $N x$.  So they pay if
#
# $$ x > \frac{m}{N}\,M. $$

# %%
M = mtbf((10_000, GPU), (10_000, PCIE), (1250, CARD))
W = checkpoint_bytes(catalog.GPT3.P) / catalog.CHECKPOINT_STORE
R = 60 + 180 + W + 120
print(f"M = {M / hour:.2f} h, W = {W:.1f} s, R = {R:.1f} s")
print(f"a stop without its replay takes {R / M:.1%} of an MTBF")
print(f"a spare node of 8 pays if it shortens a stop by {8 / 10_000 * M:.0f} s")

# %% [markdown]
# ### Three kinds of failure
#
# A **fail-stop failure** is one in which a part halts. A **gray failure** is one that
# shows only at times, as in a part that is slow when hot.  A **Byzantine failure** is
# one in which a part goes on and gives wrong answers.
#
# | kind | what finds it | what mends it |
# |---|---|---|
# | fail-stop | a heartbeat that is missed | a restart without the part |
# | gray | a test under load, many times over | another node |
# | Byzantine | a check of the results | a state saved before the fault; another node |
#
# A **heartbeat** is a message at fixed intervals by which a process says it is alive.
# Failures differ also in whom they stop.  Of Llama 3's 419 stops, 268 came from one
# GPU, 53 from the rest of one node, 35 from the network between nodes, 56 from the
# job's software, and 7 are unknown (its table 5).
#
# ## How often to save
#
# Let a job save after each $\tau$ of work.  For each second of work, saves cost
# $W/\tau$ seconds.  Stops come every $M$, and each costs $R$ and, on average, half an
# interval of lost work.  So the extra time for each second of work is
#
# $$ w(\tau) \approx \frac{W}{\tau} + \frac{\tau/2 + R}{M},
#    \qquad w'(\tau) = -\frac{W}{\tau^2} + \frac{1}{2M} = 0
#    \quad\Rightarrow\quad \tau^* = \sqrt{2 W M}. $$
#
# > **Theorem · Young-Daly.** The **Young-Daly law** says that the interval of least
# > loss is $\tau^* = \sqrt{2WM}$, where $M$ is the MTBF of the whole job.  For each
# > second of work the extra time is then $w(\tau^*) = \sqrt{2W/M} + R/M$.  Both are
# > first order: they hold for $W \ll \tau^* \ll M$ and $R \ll M$.
#
# At the best interval, saving costs as much as replaying: both are $\sqrt{W/2M}$.
# A rule for the head: *if you save longer than you replay, save less often.*


# %%
def first_order(tau, W, M, R=0.0):
    return W / tau + (tau / 2 + R) / M


tau = np.sqrt(2 * W * M)
print(f"10,000 GPUs: save every {tau / minute:.1f} min of work")
print(f"  saves and replays add {first_order(tau, W, M):.1%} to the work")
print(f"  restarts add          {R / M:.1%}")
print(f"  together              {first_order(tau, W, M, R):.1%}")
M_small = 50 * hour
best = np.sqrt(2 * 5 * minute * M_small) / minute
print(f"the smaller job: every {best:.0f} min.  You guessed {guess_save:g} min.")
for every in (best, guess_save):
    lost = first_order(every * minute, 5 * minute, M_small)
    print(f"  every {every:3.0f} min adds {lost:.1%} to its work")

# %% [markdown]
# A save of 5 minutes after each 15 adds a third to the work by itself.  Near the best
# interval the loss hardly changes.  Twice $\tau^*$ makes the saves half and the replays
# double: their sum becomes $(1/2 + 2)/2 = 5/4$ of what it was, a quarter more.  Half of
# $\tau^*$ does the same.  *Nearly right is right enough.*
#
# ### The exact renewal
#
# First order forgets that a replay may fail again.  Count the stops of one segment of
# work and save, which is $\tau + W$ long.
#
# 1. An attempt at the segment succeeds with probability $p = e^{-(\tau+W)/M}$.  So
#    there are $1/p$ attempts on average, and all but the last are stopped: $1/p - 1$
#    stops.
# 2. Each of them is followed by a restart, which in the same way is stopped
#    $e^{R/M} - 1$ times before it ends.  With its own stop that makes
#    $1 + (e^{R/M} - 1) = e^{R/M}$.
# 3. Stops come every $M$ on average.  So the mean time is $M$ times the mean number of
#    stops, $e^{R/M}(1/p - 1)$.
#
# $$ T(\tau) = M\, e^{R/M} \left(e^{(\tau+W)/M} - 1\right),
#    \qquad \text{share of work} = \frac{\tau}{T(\tau)}. $$


# %%
def segment(tau, W, M, R=0.0):
    return M * np.exp(R / M) * np.expm1((tau + W) / M)


work = tau / segment(tau, W, M, R)
print(f"10,000 GPUs: {work:.1%} of the time is work.  You guessed {guess_work:.0%}.")
print(f"90 days of work take {90 / work:.1f} days, {1 / work - 1:.1%} more")


# %%
#| label: fig-bowl
#| fig-cap: "Time beyond the work, GPT-3 on 10,000 GPUs.  The dot is Young-Daly's."
#| fig-alt: "A bowl with a flat bottom near 14 minutes; exact leaves first order above."
# @title Time beyond the work, GPT-3 on 10,000 GPUs
def bowl(GPUs=10_000, save_s=24.5, restart_s=384.5):
    every = np.geomspace(0.5, 1000) * minute
    mean = M * 10_000 / GPUs
    exact = segment(every, save_s, mean, restart_s) / every - 1
    _, ax = plt.subplots()
    ax.loglog(every / minute, 100 * exact, "C0-", label="exact")
    rough = first_order(every, save_s, mean, restart_s)
    ax.loglog(every / minute, 100 * rough, "C1--", label="first order")
    best = np.sqrt(2 * save_s * mean)
    here = 100 * (segment(best, save_s, mean, restart_s) / best - 1)
    ax.plot(best / minute, here, "ko", label=f"Young-Daly, {best / minute:.1f} min")
    ax.set(xlabel="work between saves (min)", ylabel="extra time (% of the work)")
    ax.set_ylim(3, 3000)
    ax.legend()
    plt.show()


bowl()

# %%
#| eval: false
#| tags: [nbval-ignore-output, remove-cell]
if get_ipython():
    interact(bowl, GPUs=(100, 100_000), save_s=(0.1, 300.0), restart_s=(0.0, 900.0))

# %% [markdown]
# ### A shorter save
#
# The loss from saves and replays grows as $\sqrt{W}$, and $W$ is only the time for
# which the job stands still.  In **sharded checkpointing** each machine saves its own
# part of the state, and an index says where every part is.  In **asynchronous
# checkpointing** the state is first copied aside, and the copy is written while the
# job works on.  Chapter 4 staged GPT-3's state on 256 nodes in 0.34 s, and drained it
# in 24.5 s.  A failure during the drain goes back to the state before, so the drain
# adds to each replay.

# %%
for name, pause, drain in (("to the store", 24.5, 0), ("staged", 0.34, 24.5)):
    every = np.sqrt(2 * pause * M)
    more = segment(every, pause, M, R) / every - 1 + drain / M
    line = f"{name:12} W = {pause:5.2f} s, save every {every / minute:4.1f} min"
    print(f"{line}, {more:.1%} more time")

# %% [markdown]
# We go on with 24.5 s, where more can be seen.  A failed machine need not be replaced:
# **elastic resharding** cuts a saved state anew for another number of machines
# (exercise 3).
#
# ## Played
#
# Now run the job through its failures.  It begins each life with a restart, keeps the
# segments that end in time, and loses the rest.  Its lives are the gaps of 512 ageing
# parts of shape 0.7, scaled to our $M$.  The rivals are first order, and a job that
# inherits the part's shape.


# %%
def share_of_work(lives, tau, W, R):
    kept = np.floor(np.maximum(lives - R, 0) / (tau + W))
    return tau * kept.sum() / lives.sum()


rng = np.random.default_rng(70)
jobs = [M * gaps(512, 0.7, rng) for _ in range(40)]
heirs = [draw(0.7, M, 2000, rng) for _ in range(40)]

# %%
POLICIES = {"Young-Daly": tau, "every hour": hour, "every 4 h": 4 * hour}
POLICIES["one GPU's MTBF"] = np.sqrt(2 * W / GPU)
print("                             share of time that is work, %")
print("interval                played          exact   first order   inherits shape")
shares = {}
for name, every in POLICIES.items():
    shares[name] = np.array([share_of_work(x, every, W, R) for x in jobs])
    exact = 100 * every / segment(every, W, M, R)
    rough = 100 / (1 + first_order(every, W, M, R))
    heir = 100 * np.mean([share_of_work(x, every, W, R) for x in heirs])
    line = f"{name:15} {every / minute:5.0f} min {100 * shares[name].mean():5.1f}"
    line += f" ± {100 * band(shares[name]):.1f}"
    print(f"{line} {exact:9.1f} {rough:13.1f} {heir:16.1f}")
for name in ("every hour", "one GPU's MTBF"):
    lost = shares["Young-Daly"] - shares[name]
    print(
        f"{name} loses {lost.mean():.1%} ± {band(lost):.1%} of the time to Young-Daly"
    )

# %% [markdown]
# The exact law agrees with the play at every interval.  Both rivals promise too much,
# and more so as the interval nears $M$.  Saving every hour instead of every 14 minutes
# costs this job 7 % of its time, 26 days in a year.  Whoever puts *one GPU's* MTBF into
# the square root works for a day between saves, and almost never gets to one.
#
# ## A hundred times the machines
#
# The work divides by a hundred, but a save and a restart take as long as before.  The
# MTBF is a hundred times shorter, and so we save ten times as often, by Young-Daly.
# The lives are exponential here, as the law assumes: this play checks only its algebra.


# %%
print("                     days until the work is done")
print("GPUs             played    exact  first order  work divided")
dots = []
for N in (10_000, 100_000, 300_000, 1_000_000):
    mean = M * 10_000 / N
    every = np.sqrt(2 * W * mean)
    days = 90 * 10_000 / N
    runs = rng.exponential(mean, (30, 20_000))
    seen = np.array([days / share_of_work(lives, every, W, R) for lives in runs])
    dots.append((N, seen.mean()))
    exact = days * segment(every, W, mean, R) / every
    rough = days * (1 + first_order(every, W, mean, R))
    line = f"{N:9,} {seen.mean():6.2f} ± {band(seen):.2f} {exact:8.2f} {rough:11.2f}"
    print(f"{line} {days:13.2f}")
sooner = dots[0][1] / dots[-1][1]
print(f"100 times the GPUs: {sooner:.1f} times sooner.  You guessed {guess_sooner:g}.")
tries = np.geomspace(20, 300, 500)
least = min(segment(tries, W, mean, R) / tries) * days
print(f"with the best of 500 intervals {least:.2f} days instead of {exact:.2f}")

# %%
#| label: fig-machines
#| fig-cap: "A job of 90 days of work on 10,000 GPUs, given more of them."
#| fig-alt: "The exact curve falls, turns near 300,000 GPUs and rises; rivals fall on."
# @title A job of 90 days of work on 10,000 GPUs, given more of them
N = np.geomspace(1e4, 1e6, 100)
mean = M * 1e4 / N
every = np.sqrt(2 * W * mean)
for restart, style in ((R, "C0-"), (R / 4, "C2-.")):
    took = 90 * 1e4 / N * segment(every, W, mean, restart) / every
    plt.loglog(N, took, style, label=f"exact, R = {restart / minute:.1f} min")
rough = 90 * 1e4 / N * (1 + first_order(every, W, mean, R))
plt.loglog(N, rough, "C1--", label=f"first order, R = {R / minute:.1f} min")
plt.plot(*np.transpose(dots), "ko", label="played")
plt.loglog(N, 90 * 1e4 / N, "k:", label="the work divided")
plt.xlabel("GPUs")
plt.ylabel("days")
plt.legend()
plt.show()

# %% [markdown]
# From 300,000 GPUs on, further machines make the job end *later*.  With a million, $M$
# is 139 s, a third of a restart, so most restarts are themselves stopped.  First order
# does not see it.  The condition $W \ll \tau \ll M$ fails there too, yet another
# interval would hardly help: the restarts take the time.  The turn follows from the
# exact law.  Let $c = N M$, which does not depend on $N$.  The work falls as $1/N$ and
# the restarts grow as $e^{RN/c}$, so
#
# $$ \frac{d}{dN}\,\ln\!\left(\frac{1}{N}\,e^{RN/c}\right)
#      = \frac{R}{c} - \frac{1}{N} = 0
#    \quad\Rightarrow\quad N = \frac{c}{R}, \qquad \text{that is, } M = R. $$
#
# Here that is 362,000 GPUs; saves and replays make it turn a fifth before.  A rule for
# the head: *a job is as large as is useful when a restart takes as long as an MTBF.*
# With a restart of a quarter of the length the turn comes at three times the GPUs, as
# the dash-dotted curve shows.
#
# ## A process killed at random
#
# **Fault injection** is the test of a recovery by causing the failure on purpose.  We
# train a small network with dropout and the Adam optimizer, and kill its process at
# random.  What must a save hold, so that nothing of a kill remains?

# %%
EVERY, STEPS, PACE = 10, 800, 2 * ms
BATCHES = torch.randn(STEPS, 64, 32, generator=torch.Generator().manual_seed(1))


def fresh():
    torch.manual_seed(7)
    hidden = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.ReLU())
    net = torch.nn.Sequential(hidden, torch.nn.Dropout(0.1), torch.nn.Linear(64, 1))
    return net, torch.optim.Adam(net.parameters(), 1e-3)


def learn(step, net, adam):
    x = BATCHES[step]
    loss = (net(x)[:, 0] - x[:, 0] * x[:, 1]).square().mean()
    adam.zero_grad()
    loss.backward()
    adam.step()
    return loss.item()


# %% [markdown]
# A save holds the weights, Adam's moments, the state of the random numbers that dropout
# draws, and the position in the data.  Save after 50 steps, restore all parts but one,
# and count how many of the next 50 losses are the same to the last bit.


# %%
def state_of(step, net, adam):
    state = {"position": step, "random": torch.get_rng_state()}
    return state | {"weights": net.state_dict(), "moments": adam.state_dict()}


def restore(state, net, adam, without="nothing"):
    if without != "weights":
        net.load_state_dict(state["weights"])
    if without != "moments":
        adam.load_state_dict(state["moments"])
    if without != "random numbers":
        torch.set_rng_state(state["random"])
    return 0 if without == "position" else state["position"]


def save(path, state):
    torch.save(state, path.with_suffix(".new"))
    os.replace(path.with_suffix(".new"), path)


# %%
home_of_all = tempfile.TemporaryDirectory()
folder = Path(home_of_all.name)
net, adam = fresh()
for step in range(50):
    learn(step, net, adam)
save(folder / "half", state_of(50, net, adam))
calm = [learn(step, net, adam) for step in range(50, 100)]
for without in ("nothing", "weights", "moments", "random numbers", "position"):
    net, adam = fresh()
    begin = restore(torch.load(folder / "half"), net, adam, without)
    again = [learn(step, net, adam) for step in range(begin, begin + 50)]
    equal = sum(a == b for a, b in zip(calm, again, strict=True))
    print(f"restored without {without:15} {equal:2} of 50 losses are the same bits")

# %% [markdown]
# All four are one state: without any of them the run goes on as another run.  Without
# the moments the first loss is still right, because only the step after it uses them.
# So a test of a recovery must take more than one step.
#
# Now the kills.  A process works, saves every 10 steps, and notes in a log how long
# each restart, step and save took.  A supervisor kills it (SIGKILL) after an
# exponential life, be it at work, in a save or in a restart.  Then it starts the next,
# until all is done.

# %%
RESTART, STEP, SAVE = 0, 1, 2


def train(home, started):
    def note(what, since):
        log.write(np.array([what, time.monotonic() - since]).tobytes())

    net, adam = fresh()
    begin = restore(torch.load(home / "state"), net, adam)
    with open(home / "log", "ab", buffering=0) as log:
        note(RESTART, started)
        for step in range(begin, STEPS):
            start = time.monotonic()
            learn(step, net, adam)
            time.sleep(max(0.0, start + PACE - time.monotonic()))
            note(STEP, start)
            if (step + 1) % EVERY == 0:
                start = time.monotonic()
                save(home / "state", state_of(step + 1, net, adam))
                note(SAVE, start)


# %%
fork = multiprocessing.get_context("fork")


def supervise(name, lives, begin=0):
    home = folder / name
    home.mkdir()
    save(home / "state", state_of(begin, *fresh()))
    lived = 0.0
    for kills, life in enumerate(lives):
        start = time.monotonic()
        child = fork.Process(target=train, args=(home, start))
        child.start()
        child.join(max(0.0, start + life - time.monotonic()))
        child.kill()
        lived += time.monotonic() - start
        child.join()
        if torch.load(home / "state")["position"] == STEPS:
            return kills, lived, np.fromfile(home / "log").reshape(-1, 2)


# %% [markdown]
# From a few runs without kills we choose a mean life of 0.6 times a segment's work, a
# save and a restart together, so that restarts are stopped too.  The killed run's log
# then gives the means of work, save and restart.  With the mean life they make each
# law's prediction.  First order lets lost work and restarts be stopped only once.  The
# rival "no failures" counts work and saves alone.  The standard deviation of a
# segment's time is about its mean.  So two standard deviations of the sum of 80 are
# about $2/\sqrt{80}$ = 22 % of it.


# %%
def means(log):  # of a segment's work, a save, a restart
    step = log[log[:, 0] == STEP, 1].mean()
    pause = log[log[:, 0] == SAVE, 1].mean()
    restart = log[log[:, 0] == RESTART, 1].mean()
    return EVERY * step, pause, restart


# %%
#| tags: [nbval-ignore-output]
calm_logs = [supervise(f"calm{k}", [600.0], STEPS - EVERY)[2] for k in range(5)]
life = 0.6 * sum(means(np.concatenate(calm_logs)))
chosen = np.random.default_rng(17).exponential(life, 9999)
kills, lived, log = supervise("killed", chosen)
work_ours, W_ours, R_ours = means(log)
print(f"work {work_ours / ms:.0f} ms, save {W_ours / ms:.1f} ms")
print(f"restart {R_ours / ms:.0f} ms, mean life {life / ms:.0f} ms")
print(f"measured         {lived:5.2f} s with {kills} kills")
segments = STEPS / EVERY
ours = (work_ours, W_ours, life, R_ours)
laws = {"exact": segments * segment(*ours)}
laws["first order"] = segments * work_ours * (1 + first_order(*ours))
laws["no failures"] = segments * (work_ours + W_ours)
for name, law in laws.items():
    print(f"{name:11} says {law:5.2f} s, error {law / lived - 1:+.0%}, scatter 22 %")

# %%
#| tags: [nbval-ignore-output]
net, adam = fresh()
for step in range(STEPS):
    learn(step, net, adam)
end = torch.load(folder / "killed" / "state")["weights"]
same = all(torch.equal(end[name], w) for name, w in net.state_dict().items())
print(f"the weights of a run that was never killed, to the last bit: {same}")

# %% [markdown]
# Compare the errors with the scatter on your machine.
#
# ## Published runs
#
# Llama 3 kept *over 90 %* of its time (arXiv 2407.21783, sections 3.3.1 and 3.3.4).
# Its storage took 2 TB/s, so a state of 14 bytes a parameter took 2.8 s.  Interval and
# restart are not published.  From its own rate of failures, 419 in 54 days, we try
# three intervals, each with a restart that takes no time and with the book's.

# %%
M_llama = 54 * day / 419
W_llama = checkpoint_bytes(catalog.LLAMA3_405B.P) / (2 * TB)
POLICIES = {"Young-Daly": np.sqrt(2 * W_llama * M_llama), "every hour": hour}
POLICIES["one GPU's MTBF"] = np.sqrt(2 * W_llama / GPU)
print("Llama 3's share of work, %    R = 0    R = 6.4 min    published")
for name, every in POLICIES.items():
    free = 100 * every / segment(every, W_llama, M_llama, 0)
    book = 100 * every / segment(every, W_llama, M_llama, R)
    print(f"{name:15} {every / minute:5.0f} min {free:12.1f} {book:14.1f}         > 90")

# %% [markdown]
# The bound rules out hourly saves, even if a restart took no time, and it does not rule
# out Young-Daly's.
#
# > **War story · People as the restart (2022).**  OPT-175B needed 33 days of computing
# > on 1,024 GPUs.  It had 992, and took the 56 days to 6 January.  Its
# > [log](https://github.com/facebookresearch/metaseq/blob/main/projects/OPT/chronicles/final_update.md)
# > counts about 90 restarts, after hardware failures, a loss that diverged, and a
# > cluster that the provider deleted by mistake.  At least 35 were made by hand, with a
# > pause for tests (arXiv 2205.01068, section 2.5).

# %%
M_opt = 56 * day / 90
computing = 33 * 1024 / 992  # days
every = np.sqrt(2 * W * M_opt)
promised = every / segment(every, W, M_opt, R)
each = (56 - computing) * 24 / 90
print(f"OPT-175B stopped every {M_opt / hour:.0f} h")
print(f"it worked {computing / 56:.0%} of its time; the law says {promised:.0%}")
print(f"if stops took all that was lost, each took {each:.1f} h")

# %% [markdown]
# With the book's $W$ and $R$ the law is wrong by a third of the time.  That $R$ is a
# program's, and here people looked, tested and went back.
#
# ## Failures that say nothing
#
# > **Definition · Silent data corruption.** **Silent data corruption** is a wrong
# > result that no part reports.  It differs from an error that memory's code (ECC) or a
# > link's code (CRC) finds: those guard what is kept and what travels, and not what is
# > computed.
#
# Six of Llama 3's stops were such, and nobody counts those that were not found.  A toy
# shows what a wrong bit can do: a linear model with 16 weights of about 1, trained by
# gradient descent.  After 50 steps one bit of one weight flips.  In float32 bit 31 is
# the sign, bits 30 to 23 are the exponent of two, and bits 22 to 0 the digits.  We try
# each bit of each weight.  A crash needs a loss that is not finite.  Its rival is a
# watch, which calls when the loss at least doubles.

# %%
rng = np.random.default_rng(3)
X = rng.normal(size=(512, 16)).astype(np.float32)
y = (X @ rng.normal(size=16) + rng.normal(0, 0.1, 512)).astype(np.float32)


def descend(w, steps):
    for _ in range(steps):
        w = w - np.float32(0.1 / 512) * (X.T @ (X @ w - y))
    return w


def loss(w):
    return np.square(X @ w - y).mean()


trained = descend(np.zeros(16, np.float32), 50)
ratio = np.zeros((16, 32))  # loss right after the flip, by the loss before
later = np.zeros((16, 32))  # the same after 50 more steps
with np.errstate(all="ignore"):
    for weight, bit in np.ndindex(16, 32):
        w = trained.copy()
        w.view(np.uint32)[weight] ^= np.uint32(1 << bit)
        ratio[weight, bit] = loss(w) / loss(trained)
        later[weight, bit] = loss(descend(w, 50)) / loss(descend(trained, 50))

# %%
crash = ~np.isfinite(ratio)
watch = crash | (ratio >= 2)
print("of all flips of one bit")
print(f"  {crash.mean():4.0%} are not finite.  You guessed {guess_seen:.0%}.")
print(f"  {watch.mean():4.0%} are seen by a watch on the loss")
print(f"  {(~np.isfinite(later)).mean():4.0%} are not finite after 50 more steps")
left = later[~crash].max() - 1
print(f"of the others, the worst has a loss {left:.0%} higher after 50 more steps")

# %%
#| label: fig-bits
#| fig-cap: "Loss after one bit of one weight flips: median and range over 16 weights."
#| fig-alt: "No change up to bit 15, then growth to a thousandfold; cross at bit 30."
# @title Loss after one bit of one weight flips
_, ax = plt.subplots()
bits = np.flatnonzero(~crash.any(axis=0))
low, mid, high = np.quantile(ratio[:, bits], (0, 0.5, 1), axis=0)
ax.vlines(bits, low, high, color="C0", lw=3, alpha=0.4)
ax.semilogy(bits, mid, "o", c="C0", ms=4, label="finite")
ax.plot(30, 6e3, "x", c="C3", ms=9, mew=2, label="not finite, off the scale")
ax.axhline(2, c="C1", ls="--", label="twice the loss")
ax.axvspan(22.5, 30.5, color="0.8", alpha=0.4, lw=0, label="exponent")
ax.set(xlabel="bit", ylabel="loss / loss without the flip", ylim=(0.5, 2e4))
ax.legend(loc="upper left")
plt.show()

# %% [markdown]
# Weights of about 1 have bits 26 to 29 set and bit 30 clear.  A flip of any of the four
# shrinks the weight to nearly nothing, so they look alike.  Only bit 30 makes it huge.
# Whoever waits for a crash misses nine in ten of the flips that a watch sees.
#
# The toy heals: the next gradient pulls a wrong weight back.  Nothing pulls back a
# number that is used once, such as an answer to a user.  There is no loss to watch
# either.  Such a number needs a check of its own.
#
# ### A check in the algebra
#
# **ABFT**, algorithm-based fault tolerance, is a check that the computation carries in
# its own algebra (Huang and Abraham, 1984).  For a product $C = AB$ of $n \times n$
# matrices, let $\mathbf{1}$ be the row of ones:
#
# $$ \mathbf{1}\,C = \mathbf{1}\,(AB) = (\mathbf{1}A)\,B. $$
#
# The right side is computed without $C$.  The check takes $4n^2$ operations beside
# $2n^3$, a share of $2/n$.  Both sides are rounded, so they differ a little: we
# calibrate on 20 clean products and allow ten times the largest difference.  The rival
# spends the same $4n^2$ operations on computing $2n$ random entries once more.


# %%
def residual(A, B, C):
    return np.abs(A.sum(0, dtype=float) @ B - C.sum(0, dtype=float)).max()


rng = np.random.default_rng(7)
n = 128
pairs = rng.normal(size=(221, 2, n, n)).astype(np.float32)
off = np.array([residual(A, B, A @ B) for A, B in pairs[:220]])
allowed = 10 * off[:20].max()
print(f"false alarms in 200 clean products: {(off[20:] > allowed).sum()}")

# %%
#| tags: [nbval-ignore-output]
A, B = pairs[220]
by_sums = np.zeros(32)
by_entries = np.zeros(32)
for bit in np.repeat(range(32), 25):
    C = A @ B
    i, j = rng.integers(n, size=2)
    C.view(np.uint32)[i, j] ^= np.uint32(1 << bit)
    with np.errstate(all="ignore"):
        passed = residual(A, B, C) <= allowed
    if not passed:
        by_sums[bit] += 1 / 25
    if n * i + j in rng.choice(n * n, 2 * n, replace=False):
        by_entries[bit] += 1 / 25
print("share of flips found   column sums   entries computed again")
for low in (0, 8, 16, 24):
    sums, entries = by_sums[low : low + 8].mean(), by_entries[low : low + 8].mean()
    print(f"bits {low:2} to {low + 7:2} {sums:20.0%} {entries:17.0%}")

# %% [markdown]
# For the same price the sums find nearly every flip of the upper half, and the entries
# one in sixty.  What the sums miss is below the allowed difference.  Two errors that
# cancel in one column pass too, and so does a product of a wrong $A$ or $B$.  A CRC
# would find none of these flips: it is taken of the product as it stands, and fits a
# wrong product as well.
#
# > **Takeaways.**
# >
# > - Rates add.  Many parts, independent and of mixed ages, forget their ages together.
# > - $\tau^* = \sqrt{2WM}$, with the MTBF of the *job*, from the job's own log.
# > - Near the MTBF use $M e^{R/M}(e^{(\tau+W)/M} - 1)$; past $M = R$ machines only
# >   harm.
# > - Weights, moments, random numbers and position are one state.
# > - A checksum guards what is kept; a check in the algebra guards what is computed.
#
# <details><summary>Sources, and where ours differs from the book's</summary>
#
# The rates of parts and the pieces of $R$ are the book's (its open calculations,
# mlsysim 0.3.0).  Its waste of 5.9 % leaves the restarts out.  The shape of 3 for wear
# is an assumption.  We grouped Llama 3's causes; its table's shares do not match its
# counts, which we use.  OPT-175B's 33 days are its log's estimate.  If the killed
# run takes longer than the exact law says, one reason may be that slow restarts are
# stopped before they can be measured.
#
# </details>
#
# ## Try it
#
# 1. A gray part fails one hot test in ten and no cold test.  How many hot tests find it
#    with 99 % certainty?
#
#    <details><summary>Answer</summary>
#
#    It passes $n$ hot tests with probability $0.9^n$, and any number of cold ones.
#
#    ```python
#    print(f"{np.ceil(np.log(0.01) / np.log(0.9)):.0f} hot tests")
#    ```
#
#    ```text
#    44 hot tests
#    ```
#
#    </details>
#
# 2. A service may not stop for minutes.  **Failover** moves a dead replica's requests
#    to the others.  If those cannot take them all, **graceful degradation** is the
#    practice to answer worse rather than not at all.  Replicas
#    are up 99 % of the time, and a shared cause stops all for 0.01 % of it.  How many
#    minutes a year are none up, for one to four replicas?
#
#    <details><summary>Answer</summary>
#
#    Past three replicas the shared cause is all that is left.
#
#    ```python
#    for k in (1, 2, 3, 4):
#        down = 1 - (1 - 0.01**k) * (1 - 1e-4)
#        print(f"{k}: {525_600 * down:7.1f} minutes a year")
#    ```
#
#    ```text
#    1:  5308.0 minutes a year
#    2:   105.1 minutes a year
#    3:    53.1 minutes a year
#    4:    52.6 minutes a year
#    ```
#
#    </details>
#
# 3. Two machines saved a state of twelve numbers in halves.  Three are to go on.  Who
#    reads what from whom?
#
#    <details><summary>Answer</summary>
#
#    Each of the three needs a range, and the index says which shards overlap it.
#
#    ```python
#    saved = {"A": (0, 6), "B": (6, 12)}
#    for machine in range(3):
#        low, high = 4 * machine, 4 * machine + 4
#        for shard, (start, stop) in saved.items():
#            first, last = max(low, start), min(high, stop)
#            if first < last:
#                print(f"machine {machine} reads {first} to {last - 1} from {shard}")
#    ```
#
#    ```text
#    machine 0 reads 0 to 3 from A
#    machine 1 reads 4 to 5 from A
#    machine 1 reads 6 to 7 from B
#    machine 2 reads 8 to 11 from B
#    ```
#
#    </details>
#
# > **Chapter connection.** A job now survives its machines.  Chapter 8 asks who gets
# > them, when jobs of all sizes wait for the same fleet.
