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
# arithmetic.  In a *step* every machine takes its share of the data and works out
# which way the model's parameters should change, its *gradient*.  Then the
# machines add up all their gradients, change their parameters alike, and begin the next
# step.
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
# Make three guesses before you read on.  Here are some; write your own.
#
# 1. The step of 29 s, with accelerators that are twice as fast: how many seconds?
# 2. Each of 1,024 machines is late by a random time, 20 ms on average.  Most are late
#    by less, and one in seven by more than 40 ms.  How late is the latest of them?
# 3. Each of 10,000 machines is up for 99.9 % of the time.  How likely is it that all
#    are up?

# %%
#| tags: [guess]
guess = 15.0  # seconds
guess_late = 60.0  # milliseconds
guess_up = 0.9  # a probability

# %% [markdown]
# ## What a step is made of
#
# The **C³ taxonomy** sorts the time of a fleet into three:
#
# - *compute*: each machine's share of the arithmetic;
# - *communication*: bytes that travel between machines;
# - *coordination*: waiting for machines that are late or down.
#
# Here is a step of eight machines, invented, all on one clock.

# %%
#| label: fig-clock
#| fig-cap: "An invented step of eight machines.  Brackets: terms of the law."
#| fig-alt: "Eight bars: compute of uneven length, then waiting, then communication."
# @title An invented step of eight machines
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
# gradient.
#
# Let $T_\text{compute}$ be the time that *one* machine would need for all the
# arithmetic of the step.  Then $N$ machines compute for $T_\text{compute}/N$ each.
# They communicate for $T_\text{comm}$, and wait for $T_\text{sync}$ on average.  A
# good program computes meanwhile: it sends one layer's gradients while it works out the
# next layer's.  The time so hidden is $T_\text{overlap}$.
#
# > **Definition · Fleet law.** The **fleet law** adds up the step of $N$ machines:
# >
# > $$ T_\text{step}(N) = \frac{T_\text{compute}}{N}
# >    {}+ T_\text{comm} + T_\text{sync} - T_\text{overlap}. $$
# >
# > Only what there is can be hidden, so $T_\text{overlap} \le T_\text{comm} +
# > T_\text{sync}$.  It hides behind computing, so $T_\text{overlap} \le
# > T_\text{compute}/N$.
#
# The law is bookkeeping for a step in which no machine is down.


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
# > **Lighthouse · A, the frontier language model.**  A lighthouse is a workload that
# > comes back.  GPT-3 has 175 billion parameters (arXiv 2005.14165), and a gradient has
# > two bytes for each of them.  To add the gradients up, every machine sends about
# > twice its own, 700 GB; the next section says why.  (No accelerator in our list of
# > hardware, `mlsyscore.catalog`, could hold 350 GB; chapter 5 splits the model.)  Its
# > network port, `HDR` in that list, sends at the rate $\beta$ of 200 Gb/s.  Each
# > machine computes for 1.2 s a step.

# %%
N = 256
T_compute = N * 1.2
comm = 2 * 2 * GPT3.P / HDR.beta
now = step(T_compute, N, comm)
new = step(T_compute / 2, N, comm)
print(f"old step: {now:.1f} s, of which {comm:.1f} s communication")
print(f"new step: {new:.1f} s, {now / new:.2f} times as fast")
print(f"you guessed {guess:g} s, {now / guess:.2f} times as fast")

# %% [markdown]
# Accelerators of twice the speed make the fleet faster by two per cent.  Nobody can
# tell this from the 29 s alone.  Before you buy, ask how the seconds divide:
#
# $$ \rho = \frac{T_\text{comm}}{T_\text{compute}/N}. $$
#
# Assume no waiting and no overlap, and let accelerators become $s$ times as fast.
# Divide the step before and after by $T_\text{compute}/N$.  The fleet becomes
#
# $$ \frac{\text{old step}}{\text{new step}} = \frac{1 + \rho}{1/s + \rho}
#    \;<\; \frac{1 + \rho}{\rho} = 1 + \frac{1}{\rho} $$
#
# times as fast.  A rule for the head: *whatever accelerators you buy, the fleet becomes
# at most $1 + 1/\rho$ times as fast.*
#
# Our $\rho$ is extreme, because a machine that computes for 1.2 s has little work.
#
# The **coordination tax** is the share of a step that is not computing.  Despite its
# name it counts communication too.  A fleet whose tax is more than half is
# **overhead-dominated**.  Compare some offers:

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
print(f"ρ = {rho:.0f}: with faster computing at most {1 + 1 / rho:.2f} times as fast")
for offer, (work, talk, hidden) in offers.items():
    T = step(work, N, talk, hidden=hidden)
    print(f"{offer:38} {T:4.1f} s, {now / T:.2f} times as fast")

# %% [markdown]
# Removing four fifths of the operations does what a chip five times as fast would do,
# because it shrinks the same small term.  Only the network's offer shrinks the large
# one.
#
# ## Where adding stops
#
# The other way to grow is to *add* machines.  Each of them then computes less.  What
# happens to $T_\text{comm}$?
#
# Summing the gradients so that all hold the sum is called an *all-reduce*.  Put the $N$
# machines in a ring, and cut the gradient of $M$ bytes into $N$ chunks.  In each round
# every machine sends one chunk to its right, and adds what comes from its left to its
# own.  After $N-1$ rounds each chunk has been added up around the ring, and one machine
# holds its sum.  Another $N-1$ rounds pass the sums on, until every machine has all.
#
# A message of $n$ bytes takes $\alpha + n/\beta$: a start-up, and then bytes at a rate.
# So
#
# $$ T_\text{comm} = 2(N-1)\left(\alpha + \frac{M}{N\beta}\right)
#    \approx \frac{2M}{\beta} + 2N\alpha. $$
#
# The bytes cost nearly $2M/\beta$ beyond a few machines, which is the "twice its
# own" above.  The start-ups grow with $N$.  The step is now
#
# $$ T_\text{step}(N) \approx \frac{T_\text{compute}}{N} + \frac{2M}{\beta}
#    {}+ 2N\alpha. $$
#
# The bytes are a *floor*: no number of machines gets below it.  Two sizes matter.  At
# $N_{1/2}$ computing has shrunk to the size of the floor.  At $N^*$ the derivative
# $-T_\text{compute}/N^2 + 2\alpha$ is zero:
#
# $$ N_{1/2} = \frac{T_\text{compute}}{2M/\beta}, \qquad
#    N^* \approx \sqrt{\frac{T_\text{compute}}{2\alpha}}. $$
#
# The rule for the head is the first: *divide one machine's computing by the time of the
# sum.  Beyond so many machines, all further ones together gain less than twofold.*
#
# Take GPT-2 XL, with 1.5 billion parameters (Radford et al., 2019).  Training takes 6
# operations for each parameter and token, two forward and four backward.  The rest we
# assume.  A step has half a million tokens.  The H100s reach 40 % of their peak of
# 989 TFLOP/s, and ports of 400 Gb/s (`NDR`) have a start-up of 1.5 µs.

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
for name, N in (("one", 1), ("N½", half), ("fastest", fastest), ("too many", 20_000)):
    efficiency = T[0] / (N * T[N - 1])
    print(f"{name:8} {N:6,} machines: {T[N - 1]:7.3f} s, efficiency {efficiency:6.1%}")
print(f"N* by the formula: {np.sqrt(T_compute / (2 * NDR.alpha)):,.0f} machines")

# %% [markdown]
# *Efficiency* is $T_\text{step}(1) / (N\,T_\text{step}(N))$: the time of one machine's
# work over all the machines' time.  From $N_{1/2}$ to the fastest fleet the company
# buys twenty times the machines, and the step gains less than twofold.  After that,
# each further machine makes the step *longer*.


# %%
#| label: fig-fleet
#| fig-cap: "GPT-2 XL by the fleet law: bytes set a floor, start-ups bend it up again."
#| fig-alt: "The step falls with N, flattens near 0.13 s after N-half, then rises."
# @title GPT-2 XL by the fleet law
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
# Does a real step have such a floor?  Two papers timed fleets that train one model on a
# fixed number of *sequences* a step, texts of 2,048 tokens, and then added GPUs:
#
# - Jiang et al. (arXiv 2402.15627, table 2) print the seconds of a step of two
#   programs, Megatron and MegaScale.
# - Narayanan et al. (arXiv 2104.04473, table 2) compare two ways to share a model of
#   175 or 530 billion parameters among GPUs, PTD and ZeRO-3.  Chapter 5 says how.  They
#   print each GPU's operations a second.  We turn these into seconds: 8 operations for
#   each parameter and token, as the forward pass is done twice.


# %%
# @title The published numbers, as seconds of a step
def seconds(parameters, sequences, GPUs, rate):  # rate: TFLOP/s of each GPU
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
# Fit each series *without* its largest fleet, then predict that.  Let $c$ stand for
# everything that does not shrink, and $w$ for the work that is shared.  The law then
# reads $T = w/N + c$.  Three rivals predict too: a power law through the same points,
# perfect sharing from the largest fleet fitted, and no gain at all.


# %%
def line(N, T):
    """Return w and c of T = w/N + c, with the least relative errors."""
    return np.polyfit(1 / N, T, 1, w=1 / T)


def fleet_law(N, T, largest):
    w, c = line(N, T)
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
print("error at the largest fleet       law   power  perfect  no gain")
errors = []
for name, (N, T) in SERIES.items():
    N, T = np.array(N), np.array(T)
    guesses = np.array([rule(N[:-1], T[:-1], N[-1]) for rule in rules])
    errors.append(guesses / T[-1] - 1)
    print(f"{name:28}", *(f"{e:+7.1%}" for e in errors[-1]))
print(f"{'mean, without sign':28}", *(f"{e:7.1%}" for e in np.abs(errors).mean(0)))

# %% [markdown]
# "Perfect" is the law without a floor.  It comes closest only for MegaScale, whose
# largest fleet was even slightly faster than that.  The law comes closest in four
# series of six, and on average.  It loses MegaScale's to two rivals, and ZeRO-3's to
# "no gain".
#
# The two series of 175 billion train the same model on the same numbers of GPUs.  The
# constant tells them apart:

# %%
for name in ("PTD, 175 billion", "ZeRO-3, 175 billion"):
    N, T = np.array(SERIES[name][0]), np.array(SERIES[name][1])
    w, c = line(N[:-1], T[:-1])
    share = f"{c / T[0]:3.0%} of the {T[0]:.0f} s with 384 GPUs"
    print(f"{name:20} c is {c:2.0f} s, {share}")

# %% [markdown]
# Take the two constants as rough.  A line through two points always fits, and ZeRO-3's
# third point lies above its line.  ZeRO-3 had 4, 2, and 1 sequences on each GPU, and a
# GPU with little to do may compute badly.  The law has no term for that.
#
# ## The latest of N
#
# Where does waiting come from?  A **barrier** is a point that no machine passes before
# all have reached it.  The **straggler** is the machine that reaches it last.
#
# Let every machine be late by a random delay of mean $d$.  Suppose the delays are
# *exponential*, which means that a delay forgets how long it has lasted.  While $N$
# delays run, there are $N$ chances at once that one ends.  So the first ends after
# $d/N$ on average.  The other $N-1$ are as good as new, so the next ends after another
# $d/(N-1)$.  So it goes on to the last:
#
# $$ \text{latest} = \frac{d}{N} + \frac{d}{N-1} + \dots + \frac{d}{2} + d
#    = d\,H_N \approx d\,(\ln N + 0.58). $$
#
# The sum $H_N = 1 + 1/2 + \dots + 1/N$ is called the harmonic number.  A machine's own
# delay averages $d$; we book it under computing.  The machine waits only for the rest,
# $T_\text{sync} = d\,(H_N - 1)$ on average.  The rule: *where delays are exponential,
# ten times the machines cost 2.3 mean delays more.*


# %%
def latest(N, d):
    return d * (1 / np.arange(1, N + 1)).sum()


d = 20 * ms
print(f"mean delay {d / ms:.0f} ms; the latest of 1,024: {latest(1024, d) / ms:.0f} ms")
print(f"you guessed {guess_late:g} ms")

# %% [markdown]
# Does a fleet really wait for the latest?  We *play* GPT-2 XL's ring, which means: we
# simulate it, and write no barrier.  Each machine sends its next chunk as soon as its
# port is free *and* its left neighbour's chunk has come.  If each could go at its own
# pace, the machine that is done *first* would have been hardly late.  So we watch it.


# %%
def play(N, runs, rng):
    done = T_compute / N + rng.exponential(d, (runs, N))
    for _ in range(2 * (N - 1)):
        sent = done + NDR.time(M / N)  # a start-up, then the bytes of a chunk
        came = np.roll(sent, 1, axis=1)
        done = np.maximum(sent, came)
    return done.min(axis=1)


# %%
rng = np.random.default_rng(1)
print("  N   first done, played       law    at its own pace")
for N in (8, 64, 512):
    runs = play(N, 400, rng)
    error = 2 * runs.std(ddof=1) / np.sqrt(len(runs))
    work = T_compute + N * d  # each machine's own delay counts as computing
    law = step(work, N, ring(N, NDR), latest(N, d) - d)
    alone = step(T_compute, N, ring(N, NDR)) + d / N  # the least of N delays
    print(f"{N:3}   {runs.mean():.3f} s ± {error:.3f} s   {law:.3f} s   {alone:.3f} s")

# %% [markdown]
# Even the first machine is done only when the law says, after the latest has come.  So
# the sum *is* a barrier, although nobody wrote one: every sum needs a chunk from
# everybody.
#
# Exponential delays were an assumption.  Take two others of the same mean.  Half-normal
# delays are hardly ever long.  Of Pareto delays, once in a while one is very long.

# %%
rng = np.random.default_rng(2)
DELAYS = {  # each of mean 1
    "half-normal": lambda n: np.abs(rng.normal(0, np.sqrt(np.pi / 2), n)),
    "exponential": lambda n: rng.exponential(1, n),
    "Pareto": lambda n: 1.5 * rng.pareto(2.5, n),
}
fleets = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000]
late = {}
print("mean delays until the latest of  100            1,000           more by")
for name, delays in DELAYS.items():
    runs = np.array([delays((4000, N)).max(axis=1) for N in fleets])
    late[name] = runs.mean(axis=1)
    errors = 2 * runs.std(axis=1, ddof=1) / np.sqrt(4000)
    (few, many), (e, f) = (x[[6, 9]] for x in (late[name], errors))
    more = f"{many - few:5.2f} ± {np.hypot(e, f):.2f}"
    print(f"{name:28} {few:5.2f} ± {e:.2f}   {many:5.2f} ± {f:.2f}   {more}")

# %%
#| label: fig-latest
#| fig-cap: "The latest of N delays, all of mean 1.  Rings: the formula, exponential."
#| fig-alt: "Three curves rise with N: half-normal least, exponential, Pareto most."
# @title The latest of N delays, all of mean 1
_, ax = plt.subplots()
for name, curve in late.items():
    ax.loglog(fleets, curve, lw=2, label=name)
exact = [latest(N, 1) for N in fleets]
ax.plot(fleets, exact, "ko", mfc="none", label="formula, $H_N$")
ax.axhline(1, color="k", lw=1, ls=":", label="mean delay")
ax.set(xlabel="machines N", ylabel="lateness of the latest (mean delays)")
ax.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
ax.legend()
plt.show()

# %% [markdown]
# The mean delay is the same for all three.  Yet from 100 machines to 1,000 the latest
# costs 0.9 mean delays more, 2.3, or about twenty.  What a large fleet pays for is the
# *tail*, the few long delays.  No average over one machine shows it.
#
# ## Someone is always down
#
# A machine can also be late forever.  Let one fail once in a time MTBF, the *mean time
# between failures*, and let its repair take some hours.  It is then up for a share
# $a = \text{MTBF}/(\text{MTBF} + \text{repair})$ of the time.  Let machines fail
# independently.  Then probabilities multiply, and rates of failure add:
#
# $$ \Pr(\text{all up}) = a^N \approx e^{-N(1-a)}, \qquad
#    \frac{1}{\text{MTBF}_N} = \frac{N}{\text{MTBF}}
#    \;\Rightarrow\; \text{MTBF}_N = \frac{\text{MTBF}}{N}. $$
#
# Here $\text{MTBF}_N$ is that of a job which needs all $N$.  The distance between a
# part's reliability and the job's is the **reliability gap**.  The rule: *on average
# $N(1-a)$ machines are down, and the job stops $N$ times as often as a machine.*

# %%
N = 10_000
up = 0.999**N
print(f"{N * (1 - 0.999):.0f} machines are down on average")
print(f"all {N:,} are up with probability {up:.5f}; you guessed {guess_up:g}")

# %% [markdown]
# Does $1/N$ hold?  On a cluster of A100s, jobs on one machine of 8 GPUs ran for 47.7
# days between failures.  Jobs on 128 such machines ran for 7.9 hours (Kokolis et al.,
# arXiv 2410.21680, section III).  A rival lets stops become more frequent only by
# $\sqrt N$.

# %%
laws = {
    "1/N": 47.7 * day / 128,
    "1/√N": 47.7 * day / 128**0.5,
    "1/N, cluster's rate": 1000 * day / 6.5 / 128,
}
for name, law in laws.items():
    off = law / (7.9 * hour)
    print(f"{name:20} {law / hour:6.1f} h, {off:4.1f} times the 7.9 h measured")

# %% [markdown]
# From one machine to 128 the law is off by an eighth.  The last row is the same law
# from another start, the paper's rate for the whole cluster: 6.5 stops in 1,000
# machine-days.  By that rate even one machine would run for 154 days, not 47.7.  So
# most of that miss lies in the rate, not in $1/N$.
#
# > **War story · The training run that failed every few hours (2024).** Llama 3 405B
# > trained on 16,384 H100s.  In 54 days 419 interruptions came unannounced, one every
# > 3.1 hours (Llama Team, arXiv 2407.21783, section 3.3.4).  Over 90 % of the time was
# > useful nevertheless.  Programs and not people did nearly all restarts.
#
# Failures, too, cap a fleet.  If a stop costs a time $R$, the fleet loses the share
# $R/(R + \text{MTBF}/N)$ of its time.  The Llama run comes to one stop in 54 × 24 ×
# 16,384 / 419, or about 50,000 hours, for each GPU.  Assume that a stop loses 10
# minutes of work, and that a person at night then takes 90 minutes, a program 6.  A
# tenth is lost where $\text{MTBF}/N = 9R$.

# %%
print("each stop costs          16,384 GPUs lose   a tenth is lost at")
for who, minutes in (("a person", 100), ("a program", 16)):
    R = minutes * minute
    lost = R / (R + 50_000 * hour / 16_384)
    most = 50_000 * hour / (9 * R)
    print(f"{who:9} {minutes:4} minutes {lost:15.0%} {most:15,.0f} GPUs")

# %% [markdown]
# To lose no more with a person than with the program, each GPU would have to fail six
# times more rarely.
#
# ## A fleet on this machine
#
# Now use the law on a fleet of your own: processes on this machine.  They share 480
# samples a step, compute the gradients of a small model, and sum up their 4 MB.


# %%
def steps(rank, N, repeats):
    cpu = dist.new_group(backend="gloo")  # the same on a machine with a GPU
    torch.manual_seed(1)
    layers = torch.nn.Linear(512, 1024), torch.nn.ReLU(), torch.nn.Linear(1024, 512)
    net = torch.nn.Sequential(*layers)
    samples = torch.randn(480 // N, 512)
    took = np.empty(repeats + 2)
    for i in range(len(took)):
        dist.barrier(cpu)
        start = time.perf_counter()
        net.zero_grad()
        (net(samples) ** 2).sum().backward()
        g = torch.cat([p.grad.flatten() for p in net.parameters()])
        dist.all_reduce(g, group=cpu)
        took[i] = time.perf_counter() - start
    return took[2:]  # the first two warm up


# %% [markdown]
# Other programs disturb a measurement.  So we go through all sizes three times.  Each
# sweep keeps the median of six steps of each size, and is a test of its own.

# %%
#| tags: [nbval-ignore-output]
counts = np.array([1, 2, 4, 6, 8])
sweeps = [[np.median(processes.run(steps, N, 6)) for N in counts] for _ in range(3)]
sweeps = np.array(sweeps)

# %% [markdown]
# Leave waiting out.  The law then has three unknown times: the computing of one
# process, a start-up for each round of the ring, and the time of the gradient's bytes.
# Processes beyond the number of cores share a core, so they do not shorten the
# computing.  The function `nnls` finds the three times, none below 0, that fit best.
# Give each rule all sizes but the largest, and predict that.

# %%
cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2


def terms(N):
    rounds = 2.0 * (N - 1)
    return np.stack([1 / np.minimum(N, cores), rounds, rounds / N], axis=1)


def local_law(N, T, sizes):
    fit = nnls(terms(N) / T[:, None], np.ones(len(N)))[0]
    return terms(sizes) @ fit


RULES = {
    "fleet law": local_law,
    "power law": power_law,
    "no gain over 6": lambda N, T, sizes: np.full(len(sizes), T[-1]),
    "mean of the others": lambda N, T, sizes: np.full(len(sizes), T.mean()),
}

# %%
#| tags: [nbval-ignore-output]
N, held = counts[:-1], counts[-1:]
took = ", ".join(f"{T[-1] / ms:.0f}" for T in sweeps)
print(f"{cores} cores; a step of 8 processes takes {took} ms in the three sweeps")
errors = [
    [rule(N, T[:-1], held)[0] / T[-1] - 1 for T in sweeps] for rule in RULES.values()
]
for name, row in zip(RULES, errors, strict=True):
    print(f"{name:20} errors", *(f"{e:+6.0%}" for e in row))
miss = np.abs(errors).round(2)
least = (miss == miss.min(axis=0)).all(axis=1)
best = [name for name, wins in zip(RULES, least, strict=True) if wins]
print("closest in every sweep, ties counted:", " and ".join(best) or "no rule")
T = np.median(sweeps, axis=0)

# %%
#| label: fig-local
#| fig-cap: "Local steps: medians, least and largest of three sweeps, and the rules."
#| fig-alt: "Five measured steps with bars, and four lines from one to eight processes."
#| tags: [nbval-ignore-output]
# @title Measured steps of local processes, and what the rules say of eight
_, ax = plt.subplots()
bars = np.abs(np.array([sweeps.min(axis=0), sweeps.max(axis=0)]) - T) / ms
ax.errorbar(counts, T / ms, bars, fmt="none", ecolor="k", capsize=4)
ax.plot(N, T[:-1] / ms, "ko", ms=8, label="measured, fitted")
ax.plot(held, T[-1:] / ms, "ko", ms=9, mfc="white", label="measured, held back")
many = np.linspace(1, 8, 50)
for (name, rule), dash in zip(
    RULES.items(), ("k-", "C0--", "C1:", "C2-."), strict=True
):
    ax.plot(many, rule(N, T[:-1], many) / ms, dash, label=name)
ax.set(xlabel="processes", ylabel="time of a step (ms)", xticks=counts)
ax.set_ylim(bottom=0)
ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
plt.show()

# %% [markdown]
# The errors are those of single sweeps.  The figure shows the medians, and bars from
# the least to the largest.  Is one rule closest in every sweep on your machine?  If
# not, or if another is as close, these timings cannot say which is best.  Where every
# rule errs the same way in every sweep, something may be missing in all of them.  Our
# fit leaves waiting out, and processes also wait for a core.
#
# Beyond your cores, by the law, no term gets shorter.  So the fastest fleet has at most
# as many processes as cores.  Has yours?
#
# ## Which C binds
#
# Back to the first question, for any workload.  A term of the law *binds* if halving it
# shortens the step most.  Two more lighthouses stand beside A:
#
# - **B, the recommender.**  It answers a request from 100 rows of a table, of 512 bytes
#   each, which other machines hold.  A row comes over 200 Gb/s, late by an exponential
#   delay of mean 1 ms.  The arithmetic takes 1 ms.  Here we book no delay under
#   computing, so the waiting is all of $d\,H_{100}$.
# - **C, the phone.**  It trains on its owner's data for 30 minutes, then sends 50 MiB
#   at 10 Mb/s.  A phone that is late is left out, so nobody waits.
#
# For A we assume that nobody waits either.

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
# Each workload wants another offer.  B mostly waits for the last of 100 rows.  By the
# mean lateness, 1 ms, it would seem to compute for half of its time.  And C, at the
# edge of the network, is no small copy of A: a faster network gains it almost nothing.
#
# So faster machines gain the more, the more of a step is computing.  More machines gain
# less and less as they near a limit: the bytes, the start-ups, the latest, the dead.
# Some limits are no times, such as a building's power or a law about data.  The **Fleet
# Stack** lists the eight layers of a fleet where a limit may lie: facility, fabric,
# execution, reliability, serving, operations, assurance and governance.
#
# <details><summary>Sources, and where ours differs from the book's</summary>
#
# "The book" is *Machine Learning Systems at Scale*, to which this is a companion.
#
# - *Lighthouses.* A's 1.2 s, 28 s and 200 Gb/s and B's 100 rows are the book's (open
#   calculations, mlsysim 0.3.0).  The rest of B and C is assumed.
# - *Published steps.* Two series are left out.  Of MegaScale with 768 sequences our
#   data hold two sizes, too few to fit and predict.  ZeRO-3 with 530 billion has fewer
#   sequences in its larger fleets.
# - *The latest of N.* The sum of exponential gaps is Rényi's (1953).
# - *Failures.*  Llama's 419 stops include software, network and hosts.  The book counts
#   50,000 hours for an accelerator alone.
#
# </details>
#
# ## Try it
#
# 1. The **communication intensity** of a program is the number of network bytes that it
#    needs for each operation.  Lighthouse A sends 4 bytes for each parameter in a step,
#    and takes 6 operations for each parameter and token.  An A100 reaches 312 TFLOP/s
#    at most and sends 200 Gb/s.  How many tokens must each machine have in a step, so
#    that sending takes no longer than computing at that peak?
#
#    <details><summary>Answer</summary>
#
#    The intensity is 4/6 bytes an operation, divided by the tokens; the number of
#    parameters drops out.  With fewer tokens the network binds at the peak, however
#    large the model.
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
# 2. A cable breaks and cuts a training job into halves that cannot reach each other,
#    which is called a **partition**.  By the **CAP theorem** a system then keeps either
#    consistency, one state for all, or availability, an answer from everybody
#    ([Gilbert and Lynch, 2002](https://doi.org/10.1145/564585.564601)).  Should both
#    halves go on training?  Would you decide alike for a service that answers requests?
#
#    <details><summary>Answer</summary>
#
#    If both go on, each changes its own copy of the parameters, and there are two
#    models.  So training stops, or one part alone goes on: it chooses consistency.  A
#    service may go on, because an answer by parameters that are a little old is better
#    than none.
#
#    </details>
#
# 3. A fleet for GPT-2 XL has 600 kW; an accelerator takes 1.1 kW, cooling included.
#    With ports of 400 Gb/s it should not be overhead-dominated.  Each accelerator needs
#    one of the batch's 488 sequences, of 1,024 tokens each, to execute.  A program
#    restarts the job as above, and a tenth of the time may be lost.  The data may not
#    leave a country where the company has 256 accelerators, a rule of governance.
#    Which of facility, fabric, execution, reliability and governance caps the fleet?
#    Which does after the gradients are quartered?
#
#    <details><summary>Answer</summary>
#
#    First the fabric, then governance: **displacement of overhead**, a fix that moves a
#    limit to another layer.  The rule about data limits the fleet's size, so the
#    company must know it before it builds.
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
# > - Of compute, communication and coordination, $N$ machines divide only the compute.
# > - Ask for $\rho$: where nobody waits, faster accelerators make the fleet at most
# >   $1 + 1/\rho$ times as fast.
# > - Beyond $T_\text{compute}/(2M/\beta)$ machines, all others gain less than twofold.
# > - A sum waits for the latest.  Where delays are exponential, ten times the machines
# >   cost 2.3 mean delays more; with a longer tail, far more.
# > - A job of $N$ machines stops $N$ times as often, so a program must restart it.
#
# > **Chapter connection.** The fleet law took $T_\text{compute}$ as given.  Chapter 2
# > asks what one accelerator, and the rack around it, can do at all.
