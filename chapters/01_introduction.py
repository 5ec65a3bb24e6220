# %% [markdown]
# ---
# title: "1 · Introduction"
# fleet-stack: [30, 30, 30, 30, 30, 30, 30, 30]
# ---
#
# A training step of 256 accelerators takes 29 s.  New accelerators are twice as fast,
# and everything else stays as it is.  How long does a step take then?
#
# The 256 are a **machine learning fleet**: many machines that work on one model as if
# they were one computer.  Each machine here has one accelerator, a chip made for this
# arithmetic.  In a *step* every machine takes its share of the data and works out how
# the model's parameters should change.  These changes are its *gradient*.  Then the
# machines add up all their gradients, change their parameters alike, and begin the
# next step.  A large model takes about a hundred thousand steps, so one second of a
# step is more than a day of the run.
#
# *How much faster does a fleet become with faster machines, and how much with more of
# them?*

# %%
import os
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.distributed as dist
from IPython import get_ipython
from ipywidgets import interact
from scipy.optimize import nnls

from mlsyscore import processes
from mlsyscore.catalog import GPT2_XL, GPT3, H100, HDR, NDR
from mlsyscore.network import Link
from mlsyscore.units import TFLOP, Gbps, Mbps, MiB, day, hour, minute, ms, us

plt.style.use("mlsyscore.figures")

# %% [markdown]
# ## Predict
#
# Make three guesses before you read on.  The ones given are common; write your own.
#
# 1. The step of 29 s, with accelerators that are twice as fast: how many seconds?
# 2. Each of 1,024 machines is late by 20 ms on average, by chance.  How late is the
#    latest of them?
# 3. Each of 10,000 machines is up for 99.9 % of the time.  How likely is it that all
#    are up?

# %%
#| tags: [guess]
guess = 15.0  # seconds
guess_late = 40.0  # milliseconds
guess_up = 0.9  # a probability

# %% [markdown]
# ## What a step is made of
#
# The **C³ taxonomy** sorts the time of a fleet into three:
#
# - *compute*: each machine's share of the arithmetic;
# - *communication*: bytes that travel between machines;
# - *coordination*: waiting for the slow, and recovering from the dead.
#
# Here is one step of eight machines, all on one clock.

# %%
#| label: fig-clock
#| fig-cap: "One step of eight machines.  Brackets: the terms of the fleet law."
#| fig-alt: "Eight bars: compute of uneven length, then waiting, then communication."
# @title What it draws
rng = np.random.default_rng(4)
computing = 1.2 + rng.exponential(0.3, 8)
last, machines = computing.max(), np.arange(1, 9)
fig, ax = plt.subplots()
ax.barh(machines, computing, color="C0", label="compute")
waiting = {"color": "0.8", "edgecolor": "0.4", "hatch": "///", "label": "wait"}
ax.barh(machines, last - computing, left=computing, **waiting)
talking = {"color": "C1", "edgecolor": "white", "hatch": "..", "label": "communicate"}
ax.barh(machines, np.full(8, 0.7), left=last, **talking)
edges = (0, computing.mean(), last, last + 0.7)
names = (r"$T_\mathrm{compute}/N$ (mean)", r"$T_\mathrm{sync}$", r"$T_\mathrm{comm}$")
for left, right, name in zip(edges, edges[1:], names, strict=False):
    ax.annotate("", (left, 9), (right, 9), arrowprops={"arrowstyle": "<->"})
    ax.text((left + right) / 2, 9.3, name, ha="center")
ax.set(xlabel="time (s)", ylabel="machine", yticks=machines, ylim=(0.4, 10.2))
ax.grid(visible=False)
fig.legend(loc="outside upper center", ncols=3)
plt.show()

# %% [markdown]
# Whoever has computed early waits for the last, because the sum needs everybody's
# gradient.  Then all exchange gradients, and the next step can begin.
#
# Let $T_\text{compute}$ be the time that *one* machine would need for all the
# arithmetic of the step.  Then $N$ machines compute for $T_\text{compute}/N$ each.
# They communicate for $T_\text{comm}$ and wait for $T_\text{sync}$ on average.  A good
# program sends some bytes while it still computes, and so hides $T_\text{overlap}$.
#
# > **Theorem · Fleet law.** The **fleet law** adds up the step of $N$ machines:
# >
# > $$ T_\text{step}(N) = \frac{T_\text{compute}}{N}
# >    {}+ T_\text{comm} + T_\text{sync} - T_\text{overlap}. $$
# >
# > Nothing hides behind less than itself: $T_\text{overlap}$ is at most
# > $T_\text{compute}/N$, and at most $T_\text{comm} + T_\text{sync}$.


# %%
def step(T_compute, N, comm, sync=0.0, hidden=0.0):
    """Seconds of a step; hidden is the share reached of the possible overlap."""
    share = T_compute / N
    return share + comm + sync - hidden * np.minimum(share, comm + sync)


# %% [markdown]
# ## Twice as fast
#
# Now divide the 29 s.
#
# > **Lighthouse · A, the frontier language model.** GPT-3 has 175 billion parameters,
# > and a gradient has two bytes for each of them.  To add the gradients up, every
# > machine sends about twice its own, 700 GB; the next section says why.  Its port
# > sends 200 Gb/s.  Each machine computes for 1.2 s a step.

# %%
N = 256
T_compute = N * 1.2
comm = 2 * 2 * GPT3.P / HDR.beta
now = step(T_compute, N, comm)
new = step(T_compute / 2, N, comm)
print(f"old step: {now:.1f} s, of which {comm:.1f} s communication")
print(f"new step: {new:.1f} s, {now / new:.2f} times faster")
print(f"you guessed {guess:g} s, {now / guess:.2f} times faster")

# %% [markdown]
# Accelerators of twice the speed make the fleet faster by two per cent.  Nobody can
# tell this from the 29 s alone, so before you buy, ask how the seconds divide.  The
# number to ask for is the ratio of the two terms,
#
# $$ \rho = \frac{T_\text{comm}}{T_\text{compute}/N}. $$
#
# Let accelerators become $s$ times as fast, without waiting or overlap.  Divide the
# step before and after by $T_\text{compute}/N$, and the gain is
#
# $$ \frac{\text{old step}}{\text{new step}} = \frac{1 + \rho}{1/s + \rho}
#    \;<\; \frac{1 + \rho}{\rho} = 1 + \frac{1}{\rho}. $$
#
# A rule for the head: *even infinitely fast accelerators gain no more than $1/\rho$.*
# With $\rho$ well below 1 a fleet mostly computes, and faster accelerators are worth
# their price.  With $\rho$ well above 1 it mostly talks.  The **coordination tax** is
# the share of a step that is not computing, communication included.  A fleet that pays
# more than half is **overhead-dominated**.  Compare some offers:

# %%
offers = {
    "as it is": (T_compute, comm, 0),
    "accelerators twice as fast": (T_compute / 2, comm, 0),
    "accelerators infinitely fast": (0, comm, 0),
    "four fifths of the operations removed": (T_compute / 5, comm, 0),
    "all hidden that can hide": (T_compute, comm, 1),
    "network twice as fast": (T_compute, comm / 2, 0),
}
rho = comm / (T_compute / N)
print(f"ρ = {rho:.0f}: faster computing gains at most {1 / rho:.0%}")
for offer, (work, talk, hidden) in offers.items():
    T = step(work, N, talk, hidden=hidden)
    print(f"{offer:38} {T:4.1f} s, {now / T:.2f} times faster")

# %% [markdown]
# Removing operations is no better than a faster chip, for it shrinks the same small
# term.  Only the network's offer touches the term that is large.
#
# ## Where adding stops
#
# The other way to grow is to *add* machines.  Each of them then computes less.  What
# happens to $T_\text{comm}$?
#
# Summing the gradients so that all hold the sum is called an *all-reduce*.  Put the $N$
# machines in a ring, and cut the gradient of $M$ bytes into $N$ chunks.  In each round
# every machine sends one chunk to its right.  After $N-1$ rounds each chunk has met all
# machines and is summed up in one place.  After $N-1$ more, everybody has every sum.  A
# message of $n$ bytes takes $\alpha + n/\beta$: a start-up, and then bytes at a rate.
# So
#
# $$ T_\text{comm} = 2(N-1)\left(\alpha + \frac{M}{N\beta}\right)
#    \approx \frac{2M}{\beta} + 2N\alpha. $$
#
# The bytes cost $2M/\beta$ however many machines there are, which is the "twice its
# own" above.  The start-ups grow with $N$.  The step is now
#
# $$ T_\text{step}(N) \approx \frac{T_\text{compute}}{N} + \frac{2M}{\beta}
#    {}+ 2N\alpha, $$
#
# and two sizes matter.  At $N_{1/2}$ computing has shrunk to the size of the floor that
# the bytes set.  At $N^*$ the derivative $-T_\text{compute}/N^2 + 2\alpha$ is zero:
#
# $$ N_{1/2} = \frac{T_\text{compute}}{2M/\beta}, \qquad
#    N^* = \sqrt{\frac{T_\text{compute}}{2\alpha}}. $$
#
# The rule for the head is the first: *divide one machine's computing by the time of the
# sum.  Beyond so many machines, all further ones together gain less than twofold.*
#
# Take GPT-2 XL, with 1.5 billion parameters and half a million tokens a step.  Training
# takes 6 operations for each parameter and token.  Let H100s reach 40 % of their
# peak, and let ports send 400 Gb/s after a start-up of 1.5 µs.

# %%
M = 2 * GPT2_XL.P
T_compute = 6 * GPT2_XL.P * 0.5e6 / (0.4 * H100.peak)


def ring(N, link):
    return 2 * (N - 1) * (link.alpha + M / N / link.beta)


# %%
sizes = np.arange(1, 20_001)
T = step(T_compute, sizes, ring(sizes, NDR))
half = round(T_compute / (2 * M / NDR.beta))
fastest = sizes[T.argmin()]
for name, N in (("one", 1), ("N½", half), ("fastest", fastest), ("more", 20_000)):
    efficiency = T[0] / (N * T[N - 1])
    print(f"{name:8} {N:6,} machines: {T[N - 1]:7.3f} s, efficiency {efficiency:6.1%}")

# %% [markdown]
# *Efficiency* is $T_\text{step}(1) / (N\,T_\text{step}(N))$, the share of the machines'
# time that one machine would have needed.  From $N_{1/2}$ to the fastest fleet the
# company buys twenty times the machines, and the step gains less than twofold.  After
# that, each further machine makes the step *longer*.


# %%
#| label: fig-fleet
#| fig-cap: "GPT-2 XL by the fleet law: bytes set a floor, start-ups bend it up again."
#| fig-alt: "The step falls with N, flattens near 0.13 s after N-half, then rises."
# @title What it draws
def draw(rate_Gbps=400.0, alpha_us=1.5, hidden=0.0):
    link = Link(alpha_us * us, rate_Gbps * Gbps)
    comm = ring(sizes, link)
    T = step(T_compute, sizes, comm, hidden=hidden)
    half, fastest = T_compute / (2 * M / link.beta), sizes[T.argmin()]
    _, ax = plt.subplots()
    ax.loglog(sizes, T, "k-", lw=2.5, label="step")
    ax.loglog(sizes, T_compute / sizes, "C0--", label="compute")
    ax.loglog(sizes[1:], comm[1:], "C1:", lw=2.5, label="communicate")
    ax.plot(half, np.interp(half, sizes, T), "ks", ms=8, mfc="white")
    ax.annotate(r"$N_{1/2}$", (half, np.interp(half, sizes, T) * 1.4))
    ax.plot(fastest, T.min(), "ko", ms=8, mfc="white")
    ax.annotate("$N^*$", (fastest, T.min() * 1.4))
    ax.set(xlabel="machines N", ylabel="time (s)", ylim=(1e-3, 20))
    ax.legend(loc="lower left")
    plt.show()


draw()

# %%
#| eval: false
#| tags: [nbval-ignore-output, remove-cell]
if get_ipython():
    interact(draw, rate_Gbps=(50.0, 800.0), alpha_us=(0.5, 50.0), hidden=(0.0, 1.0))

# %% [markdown]
# ## Fleets that others timed
#
# Does a real step have such a floor?  Six published series keep model and batch fixed
# and add GPUs (Jiang et al., arXiv 2402.15627, table 2; Narayanan et al., arXiv
# 2104.04473, table 2).


# %%
# @title The published steps
def seconds(parameters, sequences, GPUs, rate):  # 8 operations: some are done twice
    return 8 * parameters * sequences * 2048 / (np.array(GPUs) * np.array(rate) * TFLOP)


small = [384, 768, 1536]
middle = [560, 1120, 2240]
large = [3072, 6144, 8192, 12288]
SERIES = {  # GPUs, seconds of a step
    "Megatron, 768 sequences": ([256, 512, 768, 1024], [40.0, 21.2, 15.2, 11.9]),
    "Megatron, 6,144 sequences": (large, [29.02, 14.78, 12.24, 8.57]),
    "MegaScale, 6,144 sequences": (large, [23.66, 12.21, 9.56, 6.34]),
    "PTD, 530 billion": (middle, seconds(530e9, 2240, middle, [171, 167, 159])),
    "PTD, 175 billion": (small, seconds(175e9, 1536, small, [153, 149, 141])),
    "ZeRO-3, 175 billion": (small, seconds(175e9, 1536, small, [144, 88, 44])),
}

# %% [markdown]
# Fit each series *without* its largest fleet, then predict that.  Take all that does
# not shrink as one constant $c$, so the law reads $T = w/N + c$.  Three rivals predict
# too: perfect sharing, a power law through the same points, and no gain at all.


# %%
def fleet_law(N, T, largest):
    w, c = np.polyfit(1 / N, T, 1, w=1 / T)
    return step(w, largest, c)


def power_law(N, T, largest):
    exponent, start = np.polyfit(np.log(N), np.log(T), 1)
    return np.exp(start + exponent * np.log(largest))


def perfect(N, T, largest):
    return T[-1] * N[-1] / largest


def no_gain(N, T, largest):
    return T[-1]


# %%
rules = (fleet_law, power_law, perfect, no_gain)
print(f"error at the largest fleet  {'law':>8} {'power':>8} {'1/N':>8} {'no gain':>8}")
errors = []
for name, (N, T) in SERIES.items():
    N, T = np.array(N), np.array(T)
    guesses = np.array([rule(N[:-1], T[:-1], N[-1]) for rule in rules])
    errors.append(guesses / T[-1] - 1)
    print(f"{name:27}", *(f"{e:+8.1%}" for e in errors[-1]))
print(f"{'mean, without sign':27}", *(f"{e:8.1%}" for e in np.abs(errors).mean(0)))

# %% [markdown]
# The law comes closest in four series of six, and on average.  It loses MegaScale's to
# two rivals, and the last to "no gain".  In that one, ZeRO-3, every machine fetches
# parameters from all others in each step, and the step stopped shrinking between 768
# and 1,536 GPUs.  PTD trains *the same model on the same machines* and sends far less.
# At 384 GPUs the two take nearly the same time, 75 s and 80 s, and only one of them is
# worth growing.  The constant tells them apart:

# %%
for name in ("PTD, 175 billion", "ZeRO-3, 175 billion"):
    N, T = np.array(SERIES[name][0]), np.array(SERIES[name][1])
    w, c = np.polyfit(1 / N[:-1], T[:-1], 1, w=1 / T[:-1])
    print(f"{name:20} c = {c:4.1f} s, N½ = w/c = {w / c:6,.0f} GPUs")

# %%
#| label: fig-published
#| fig-cap: "The same model in two programs.  Hollow: the fleet held back."
#| fig-alt: "PTD halves with each doubling; ZeRO-3 flattens at 65 s, as its line does."
# @title What it draws
_, ax = plt.subplots()
many = np.geomspace(300, 2000)
for name, color, marker, dash in (("PTD", "C0", "o", "-"), ("ZeRO-3", "C1", "s", "--")):
    N, T = np.array(small), SERIES[f"{name}, 175 billion"][1]
    line = [fleet_law(N[:-1], T[:-1], n) for n in many]
    ax.loglog(many, line, color, ls=dash, label=f"{name}, law")
    ax.plot(N[:-1], T[:-1], marker, color=color, ms=8, label=f"{name}, fitted")
    ax.plot(N[-1], T[-1], marker, color=color, mfc="white", ms=9)
ax.loglog(many, T[0] * N[0] / many, "k:", lw=1.2, label="perfect sharing")
ax.set(xlabel="GPUs", ylabel="time of a step (s)", ylim=(10, 130))
ax.set_xticks(small, [f"{n:,}" for n in small])
ax.set_yticks([10, 20, 50, 100], ["10", "20", "50", "100"])
ax.minorticks_off()
ax.legend(ncols=2, loc="lower left")
plt.show()

# %% [markdown]
# By its constant, PTD may grow past ten thousand GPUs before half of its step is
# overhead.  ZeRO-3 was overhead-dominated before the first measurement.
#
# ## The latest of N
#
# The fits above took waiting as a part of $c$.  Where does waiting come from?  A
# **barrier** is a point that no machine passes before all have reached it, and the
# **straggler** is the machine that reaches it last.  Let every machine be late by a
# random delay of mean $d$.  Suppose the delays are exponential, which means that a
# delay does not remember how long it has lasted.  Of $N$ delays running, the first ends
# after $d/N$ on average.  The remaining $N-1$ start anew, so the next ends after
# another $d/(N-1)$, and so on to the last:
#
# $$ \text{latest} = \frac{d}{N} + \frac{d}{N-1} + \dots + \frac{d}{2} + d
#    = d\,H_N \approx d\,(\ln N + 0.58). $$
#
# A machine's own $d$ counts as its computing, so $T_\text{sync} = d\,(H_N - 1)$.  The
# rule: *ten times the machines cost 2.3 mean delays more.*


# %%
def latest(N, d):
    return d * (1 / np.arange(1, N + 1)).sum()


d = 20 * ms
print(f"mean delay {d / ms:.0f} ms; the latest of 1,024: {latest(1024, d) / ms:.0f} ms")
print(f"you guessed {guess_late:g} ms")

# %% [markdown]
# Does a fleet really wait for the latest?  Let us write no barrier at all.  In this
# play of GPT-2 XL each machine sends its next chunk as soon as it has its own gradient,
# its port is free, *and* its left neighbour's chunk has come.


# %%
def play(N, runs, rng):
    now = T_compute / N + rng.exponential(d, (runs, N))
    for _ in range(2 * (N - 1)):
        sent = now + NDR.time(M / N)
        came = np.roll(sent, 1, axis=1)
        now = np.maximum(sent, came)
    return now.max(axis=1)


# %%
rng = np.random.default_rng(1)
print("  N   played, ± 2 errors     law     without T_sync   perfect")
for N in (8, 64, 512):
    runs = play(N, 400, rng)
    error = 2 * runs.std(ddof=1) / np.sqrt(len(runs))
    work = T_compute + N * d  # each machine's own delay counts as computing
    law = step(work, N, ring(N, NDR), latest(N, d) - d)
    mean = step(work, N, ring(N, NDR))
    played = f"{runs.mean():.3f} ± {error:.3f} s"
    print(f"{N:3}   {played}    {law:.3f} s      {mean:.3f} s      {work / N:.3f} s")

# %% [markdown]
# The law agrees to about a per cent.  Without $T_\text{sync}$ it falls short, by more
# and more as the fleet grows.  So the sum *is* a barrier, although nobody wrote one:
# each chunk needs something from everybody.  A spare machine could take over the
# straggler's share, but it begins late and has the whole share before it.  It helps
# only against delays that are longer than that.
#
# Exponential delays were an assumption.  Take two others of the same mean: half-normal
# delays, which are seldom long, and Pareto delays, which once in a while are very long.

# %%
rng = np.random.default_rng(2)
DELAYS = {  # each of mean 1
    "half-normal": lambda n: np.abs(rng.normal(0, np.sqrt(np.pi / 2), n)),
    "exponential": lambda n: rng.exponential(1, n),
    "Pareto": lambda n: 1.5 * rng.pareto(2.5, n),
}
fleets = 2 ** np.arange(13)
late = {}
for name, delays in DELAYS.items():
    late[name] = [delays((1000, N)).max(axis=1).mean() for N in fleets]

# %%
#| label: fig-latest
#| fig-cap: "The latest of N delays, all of mean 1.  Dots: the formula, exponential."
#| fig-alt: "Three curves rise with N: half-normal least, exponential, Pareto most."
# @title What it draws
_, ax = plt.subplots()
for name, curve in late.items():
    ax.loglog(fleets, curve, lw=2, label=name)
exact = [latest(N, 1) for N in fleets]
ax.plot(fleets, exact, "ko", mfc="none", label="$H_N$")
ax.axhline(1, color="0.5", lw=1, ls=(0, (1, 3)))
ax.set(xlabel="machines N", ylabel="lateness of the latest (mean delays)")
ax.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
ax.legend(title="delay")
plt.show()

# %% [markdown]
# The mean delay is the same for all three.  What a large fleet pays for is the *tail*,
# the few long delays.  No average over one machine shows it.
#
# ## Someone is always down
#
# A machine can also be late forever.  Let each be up for a share $A$ of the time, and
# let machines fail independently.  Then probabilities multiply, and rates of failure
# add:
#
# $$ \Pr(\text{all up}) = A^N \approx e^{-N(1-A)}, \qquad
#    \frac{1}{\text{MTBF}_N} = \frac{N}{\text{MTBF}}
#    \;\Rightarrow\; \text{MTBF}_N = \frac{\text{MTBF}}{N}. $$
#
# MTBF is the mean time between failures of one machine, and $\text{MTBF}_N$ that of a
# job which needs all $N$.  The rule: *$N(1-A)$ machines are down at any moment.*  The
# distance between a part's reliability and the job's is the **reliability gap**.

# %%
N = 10_000
up = 0.999**N
print(f"{N * (1 - 0.999):.0f} machines are down on average")
print(f"all {N:,} are up with probability {up:.5f}; you guessed {guess_up:g}")

# %% [markdown]
# Does $1/N$ hold?  On a cluster of A100s, jobs on one machine of 8 GPUs ran for 47.7
# days between failures, and jobs of 1,024 GPUs for 7.9 hours (Kokolis et al., arXiv
# 2410.21680, section III).  That is 1 machine against 128.

# %%
measured = 7.9 * hour
for name, law in (
    ("MTBF/N, from jobs of one machine", 47.7 * day / 128),
    ("as long as a job of one machine", 47.7 * day),
    ("MTBF/N, from the rate of the whole cluster", 1000 / 6.5 * day / 128),
):
    print(f"{name:43} {law / hour:7.1f} h, {law / measured:5.1f} times measured")

# %% [markdown]
# From job to job the law is off by an eighth over a factor of 128.  The last row uses
# the same law with another number, 6.5 failures in 1,000 machine-days over the whole
# cluster, and is wrong by more than three times.  A law is as good as the number that
# you put into it.
#
# > **War story · The training run that failed every few hours (2024).** Llama 3 405B
# > trained on 16,384 H100s.  In 54 days 419 interruptions came unannounced, one every
# > 3.1 hours (Llama Team, arXiv 2407.21783, section 3.3.4).  Over 90 % of the time was
# > useful nevertheless, because programs and not people did nearly all restarts.
#
# Failures, too, end growth.  If a stop costs a time $s$, the fleet loses the share
# $s/(s + \text{MTBF}/N)$.  Good hardware does not make up for a slow restart.  The book
# counts 50,000 hours for an accelerator.  Assume that a stop loses 10 minutes of work,
# and that a person at night then takes 90 minutes, a program 6.

# %%
print("each stop costs         16,384 lose   a tenth is lost at")
for who, minutes in (("a person", 100), ("a program", 16)):
    s = minutes * minute
    lost = s / (s + 50_000 * hour / 16_384)
    most = 50_000 * hour / (9 * s)
    print(f"{who:9} {minutes:4} min {lost:13.0%} {most:16,.0f} accelerators")

# %% [markdown]
# ## A fleet on this machine
#
# Now use the law on a fleet of your own: processes on this machine.  They share 512
# samples a step, train a small model, and sum up gradients of 4 MB.


# %%
def steps(rank, N, repeats):
    cpu = dist.new_group(backend="gloo")  # the same on a machine with a GPU
    torch.manual_seed(1)
    layers = torch.nn.Linear(512, 1024), torch.nn.ReLU(), torch.nn.Linear(1024, 512)
    net = torch.nn.Sequential(*layers)
    samples = torch.randn(512 // N, 512)
    marks = np.empty((repeats + 2, 3))
    for row in marks:
        dist.barrier(cpu)
        row[0] = time.perf_counter()
        net.zero_grad()
        (net(samples) ** 2).sum().backward()
        g = torch.cat([p.grad.flatten() for p in net.parameters()])
        row[1] = time.perf_counter()
        dist.all_reduce(g, group=cpu)
        row[2] = time.perf_counter()
    return np.diff(marks)[2:]  # the first two warm up


# %% [markdown]
# Other programs disturb a measurement.  So the sizes take turns, twice over, and the
# fastest third of each size's steps counts.

# %%
#| tags: [nbval-ignore-output]
counts = np.array([1, 2, 4, 6, 8])
turns = [[processes.run(steps, N, 10) for N in counts] for _ in range(2)]
parts = []
for size in zip(*turns, strict=True):
    runs = np.concatenate([np.mean(ranks, axis=0) for ranks in size])
    quick = runs.sum(axis=1).argsort()[: len(runs) // 3]
    parts.append(runs[quick].mean(axis=0))
parts = np.array(parts)
T = parts.sum(axis=1)

# %% [markdown]
# The law has three unknown times: the computing of one process, which the machine's
# cores share, a start-up for each round of the ring, and the time of the gradient's
# bytes.  Find them, none below 0, from all sizes but the largest, and predict that.

# %%
cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2


def terms(N):
    rounds = 2.0 * (N - 1)
    return np.stack([1 / np.minimum(N, cores), rounds, rounds / N], axis=1)


# %%
#| tags: [nbval-ignore-output]
N, kept = counts[:-1], T[:-1]
fit = nnls(terms(N) / kept[:, None], np.ones(len(N)))[0]
predicted = {
    "the fleet law": terms(counts)[-1] @ fit,
    "a power law, same points": power_law(N, kept, 8),
    "the mean of the others": kept.mean(),
    "perfect sharing": T[0] / 8,
}
print(f"{cores} cores; a step of 8 processes takes {T[-1] / ms:.0f} ms")
for rule, t in predicted.items():
    print(f"{rule:25} {t / ms:4.0f} ms, error {t / T[-1] - 1:+.0%}")
best = min(predicted, key=lambda rule: abs(predicted[rule] - T[-1]))
print(f"closest here: {best}")

# %%
#| label: fig-local
#| fig-cap: "Measured steps of local processes, and what each rule says of eight."
#| fig-alt: "Stacked bars of compute and sum for five sizes; four marks at eight."
#| tags: [nbval-ignore-output]
# @title What it draws
_, ax = plt.subplots()
ax.bar(counts, parts[:, 0] / ms, color="C0", label="compute")
summing = {"color": "C1", "edgecolor": "white", "hatch": "..", "label": "wait and sum"}
ax.bar(counts, parts[:, 1] / ms, bottom=parts[:, 0] / ms, **summing)
for (rule, t), marker in zip(predicted.items(), "o^sv", strict=True):
    face = "k" if rule == "the fleet law" else "white"
    ax.plot(8.7, t / ms, marker, color="k", mfc=face, ms=8, ls="", label=rule)
ax.set(xlabel="processes", ylabel="time of a step (ms)", xticks=counts)
ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
plt.show()

# %% [markdown]
# By the law computing shrinks up to the number of cores and no further, while the sum
# needs more rounds with each process.  Where do your bars end lowest?  That is your
# machine's $N^*$.
#
# ## Which C binds
#
# Back to the first question, for any workload.  A term of the law *binds* if halving it
# shortens the step most.  Two more lighthouses stand beside A:
#
# - **B, the recommender.**  It answers a request from 100 rows of a table, of 512 bytes
#   each, which other machines hold.  A row comes over 200 Gb/s, late by an exponential
#   delay of mean 1 ms.  The arithmetic takes 1 ms.
# - **C, the phone.**  It trains on its owner's data for 30 minutes, then sends 50 MiB
#   at 10 Mb/s.  A phone that is late is left out.

# %%
LIGHTHOUSES = {  # seconds of compute, communication, coordination
    "A, language model": [1.2, comm, 0.0],
    "B, recommender": [1 * ms, 100 * 512 / HDR.beta, latest(100, 1 * ms)],
    "C, phone": [30 * minute, 50 * MiB / (10 * Mbps), 0.0],
}
names = ("compute", "communication", "coordination")
print(f"{'faster, by halving':20}{names[0]:>9}{names[1]:>15}{names[2]:>14}")
for workload, times in LIGHTHOUSES.items():
    whole = sum(times)
    gains = [whole / (whole - t / 2) for t in times]
    binds = names[np.argmax(gains)]
    columns = f"{gains[0]:9.2f}{gains[1]:15.2f}{gains[2]:14.2f}"
    print(f"{workload:20}{columns}  {binds} binds")

# %% [markdown]
# Three offers, and each workload wants another one.  B hardly moves bytes and hardly
# computes; it waits for the last of 100 rows.  By the mean lateness, 1 ms, it would
# seem to compute for half of its time.  C is not a small cloud either: the network that
# nearly doubles A's speed is worth one per cent to it.
#
# Faster machines, then, gain what the binding term allows.  And more machines?  A fleet
# can grow until the first of its limits: bytes, start-ups, the latest, the dead.
# Others are no time at all, such as power or a licence.  The **Fleet Stack** is the
# book's list of eight layers in which to look for them: facility and accelerators,
# fabric and storage, distributed execution, reliability and control, runtime and
# serving, operations, assurance, governance and sustainability.  The bars in a
# chapter's margin say which of them it deals with.
#
# Five laws come back throughout the book.  Each says what cannot be had, and when.
#
# - *Fleet law*: only computing is shared, while overlap keeps its bounds.
# - *Bisection bandwidth*, chapter 3: bytes that must cross a cut wait for it.
# - *Young-Daly*, chapter 7: save every $\sqrt{2 W \cdot \text{MTBF}}$, where writing
#   takes a far shorter time $W$.
# - *Serving dominance*, chapter 10: at high traffic, serving costs more than training.
# - *Fairness*, chapter 16: with different base rates and an imperfect classifier, three
#   criteria exclude each other.
#
# <details><summary>Sources, and where ours differs from the book's</summary>
#
# - *Lighthouses.* A's 1.2 s, 28 s and 200 Gb/s and B's 100 rows are the book's (open
#   calculations, mlsysim 0.3.0), the rest of B and C is assumed.  No accelerator could
#   hold 350 GB of gradients; chapter 5 splits the model.
# - *Published steps.* PTD and ZeRO-3 are printed as operations a second.  We count 8
#   for each parameter and token, as the forward pass is done twice; only ratios within
#   a series matter.  ZeRO-3 had 4, 2 and 1 sequences on a GPU, which may be why its
#   largest fleet is slower than the law says.
# - *The latest of N.* The sum of exponential gaps is Rényi's (1953).
# - *Failures.* Llama's 419 stops make 50,700 hours for each GPU.  The agreement
#   flatters the book's 50,000, for they include software, network and hosts.
# - *Local processes.* On two cores beside many other jobs, the law came closest in seven
#   runs of seven, with errors from -19 % to +3 %.  Processes also wait for a core there,
#   which the law does not know.
#
# </details>
#
# ## Try it
#
# 1. Fit the first and the last fleet of "Megatron, 768 sequences", and predict the two
#    between.  Which rule wins, and what does this test show?
#
#    <details><summary>Answer</summary>
#
#    Each rule wins once, so the test shows nothing.  Any falling curve that passes
#    through both ends is close to the points between them.  A test of a law must reach
#    beyond what was fitted.
#
#    ```python
#    N, T = np.array(SERIES["Megatron, 768 sequences"])
#    for n, t in zip(N[1:3], T[1:3]):
#        law = fleet_law(N[[0, 3]], T[[0, 3]], n) / t - 1
#        power = power_law(N[[0, 3]], T[[0, 3]], n) / t - 1
#        print(f"{n:.0f} GPUs: law {law:+.1%}, power law {power:+.1%}")
#    ```
#
#    ```text
#    512 GPUs: law +0.3%, power law +2.9%
#    768 GPUs: law -1.2%, power law +0.7%
#    ```
#
#    </details>
#
# 2. The **communication intensity** of a program is the number of network bytes that it
#    needs for each operation.  Lighthouse A sends 4 bytes for each parameter in a step,
#    and takes 6 operations for each parameter and token.  An A100 reaches 312 TFLOP/s
#    at most and sends 200 Gb/s.  How many tokens a step must it have, so that sending
#    takes no longer than computing?
#
#    <details><summary>Answer</summary>
#
#    The intensity is 4/6 bytes an operation, divided by the tokens; the number of
#    parameters drops out.  With fewer tokens the network binds, however large the
#    model.
#
#    ```python
#    can_send = HDR.beta / (312 * TFLOP)
#    print(f"{4 / 6 / can_send:,.0f} tokens a machine and step")
#    ```
#
#    ```text
#    8,320 tokens a machine and step
#    ```
#
#    </details>
#
# 3. A cable breaks and cuts a training job into halves that cannot reach each other,
#    which is called a **partition**.  By the **CAP theorem** a system then keeps either
#    consistency, one state for all, or availability, an answer from everybody
#    ([Gilbert and Lynch, 2002](https://doi.org/10.1145/564585.564601)).  One parameter
#    $w$ should minimise $(w-1)^2 + 4(w+1)^2$.  One half has the data of the first term,
#    the other of the second.  Should they go on, or stop?
#
#    <details><summary>Answer</summary>
#
#    If both go on, there are two models, and their mean is worse than what they find
#    together.  So training stops, or the larger part goes on alone: it chooses
#    consistency.  A service that must answer goes on.
#
#    ```python
#    w = np.array([0.0, 0.0])
#    for t in range(50):
#        w = w - 0.1 * np.array([1, 4]) * (w - np.array([1, -1]))
#    print(f"after 50 steps apart: {w[0]:.2f} and {w[1]:.2f}")
#    for name, v in (("mean of both", w.mean()), ("found together", -0.6)):
#        print(f"{name}: w = {v:.1f}, joint loss {(v - 1) ** 2 + 4 * (v + 1) ** 2:.1f}")
#    ```
#
#    ```text
#    after 50 steps apart: 0.99 and -1.00
#    mean of both: w = -0.0, joint loss 5.0
#    found together: w = -0.6, joint loss 3.2
#    ```
#
#    </details>
#
# 4. A fleet for GPT-2 XL has 600 kW; an accelerator takes 1.1 kW, cooling included.
#    With ports of 400 Gb/s it should not be overhead-dominated.  Each accelerator needs
#    one of the batch's 488 sequences.  A program restarts the job as above.  The data
#    may not leave a country where the company has 256 accelerators.  Which layer of the
#    Fleet Stack caps the fleet, and which does after the gradients are quartered?
#
#    <details><summary>Answer</summary>
#
#    First the fabric, then governance: **displacement of overhead**, a fix that moves a
#    limit to another layer.  The rule about data binds while the fleet runs, not in a
#    report after launch.
#
#    ```python
#    caps = {
#        "facility": 600 / 1.1,
#        "fabric": T_compute / (2 * M / NDR.beta),
#        "execution": 488,
#        "reliability": 50_000 * hour / (9 * 16 * minute),
#        "governance": 256,
#    }
#    for fix in ("as planned", "gradients quartered"):
#        least = min(caps, key=caps.get)
#        print(f"{fix:20} {least} caps the fleet at {caps[least]:.0f}")
#        caps["fabric"] = 4 * caps["fabric"]
#    ```
#
#    ```text
#    as planned           fabric caps the fleet at 95
#    gradients quartered  governance caps the fleet at 256
#    ```
#
#    </details>
#
# > **Takeaways.**
# >
# > - Of compute, communication and coordination, only the first is divided by $N$.
# > - Ask for $\rho$ before you buy: faster accelerators gain at most $1/\rho$.
# > - Beyond $T_\text{compute}/(2M/\beta)$ machines, all others gain less than twofold.
# > - A sum waits for the latest: ten times the machines cost 2.3 mean delays more.
# > - $N(1-A)$ machines are down at any moment, so a program must do the restarts.
#
# > **Chapter connection.** The fleet law took $T_\text{compute}$ as given.  Chapter 2
# > asks what one accelerator, and the rack around it, can do at all.
