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
# 1. With what hangs on them, ten thousand accelerators stop about six times a day.  A
#    stop costs six minutes before work goes on, and all work since the last save.  A
#    save takes 25 s.  What share of 90 days is work?
# 2. A smaller job stops every 50 h and saves in 5 minutes.  How many minutes should it
#    work between two saves?
# 3. The first job needs 90 days of pure work, which divides evenly.  It gets a hundred
#    times the accelerators.  By what factor does it end sooner?
# 4. One bit of one weight flips in training.  For what share of such flips does the
#    loss become infinite or not a number?

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
# exponents.  Rates are quoted in **FIT**, failures in $10^9$ hours.  The book takes
# 20,000 FIT for a GPU, a PCIe part that fails every 200,000 h beside each GPU, and a
# network card that fails every 150,000 h for each eight.


# %%
def mtbf(*parts):
    rate = sum(count * each for count, each in parts)
    return 1 / rate


GPU = 20_000 / (1e9 * hour)
PCIE = 1 / (200_000 * hour)
CARD = 1 / (150_000 * hour)

print("GPUs      GPUs alone   with PCIe parts and cards")
for N in (8, 512, 10_000):
    alone = mtbf((N, GPU))
    full = mtbf((N, GPU), (N, PCIE), (N / 8, CARD))
    print(f"{N:6,} {alone / hour:11,.2f} h {full / hour:17,.2f} h")

# %% [markdown]
# A rule for the head: *50,000 hours divided by the GPUs, less a quarter for the rest.*
# Our job of 10,000 has $M$ = 3.87 h.
#
# ### Parts that age
#
# Real parts do not fail at a constant rate.  **Infant mortality** is a failure rate
# that falls with age, as the weak parts die first.  The **bathtub curve** is a rate
# that falls in youth, then stays level, and rises again with wear.  Let lives follow a
# Weibull law, in which a share $e^{-(t/s)^k}$ of the parts reaches age $t$.  A shape
# $k$ below 1 is infant mortality, 1 is a constant rate, and above 1 is wear.
#
# Draw the lives of 10,000 parts with $k$ = 0.7 and a mean of 50,000 h.  How many fail
# in 30 days?


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
# New parts fail four times as often as the constant rate says.  So a fleet is *burned
# in*: it runs under load for some weeks before it may hold a job.
#
# ### Many parts forget
#
# Does a job of such parts have infant mortality too?  A common model says so, and
# draws the job's gaps from the part's own law.  Play it instead.  Each part fails,
# is replaced by a new one, and fails again.  A failure of any part stops the job.
# We watch long after the start, and choose the parts' mean life so that the
# mean gap between stops is 1.


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
#| fig-cap: "Gaps between the stops of a job of one part, of eight and of 512 parts."
#| fig-alt: "One part bends away; eight bend less; 512 lie on the straight line."
# @title What it draws
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
# One part follows its own law.  By 512 parts both kinds have nearly come to the
# straight line $e^{-t/M}$, that of a constant rate.  The reason is simple: a replaced
# part is young, but the next failure is nearly always another part's, and that part
# does not know.
#
# > **Theorem · Many parts forget.** The failures of many independent parts, each of
# > which fails seldom, come together as if at one constant rate, $\sum_i n_i/m_i$.
# > Here $m_i$ is the mean life of a part of kind $i$ (Palm and Khintchine).
#
# So the job has no memory, whatever its parts do.  Two conditions remain.  The fleet
# must be of mixed ages, or its common youth shows.  And its parts must be independent.
# A **correlated failure** is one cause that stops many parts at once, such as a rack's
# power.  Count it as one more part, shared by all.
#
# ## What a stop costs
#
# A stopped job has to notice, start again, load its last state, and do the lost work
# once more.  Only a save makes work safe.

# %%
#| label: fig-clock
#| fig-cap: "The clock of a job with short lives.  Triangles are failures."
#| fig-alt: "Bars in a row: at each failure work is lost and a restart follows."
# @title What it draws
_, ax = plt.subplots(figsize=(6.4, 2))
LOOK = {"restart": ("0.8", "///"), "work, kept": ("C0", "")}
LOOK |= {"save": ("C2", ".."), "work, lost": ("C3", "xx")}
bars, now = {kind: [] for kind in LOOK}, 0
for life in (125, 70, 95):  # minutes until the next failure
    bars["restart"].append((now, 12))
    at = now + 12
    now += life
    ax.plot(now, 1.15, "kv")
    for start in range(at, now - 34, 35):
        bars["work, kept"].append((start, 30))
        bars["save"].append((start + 30, 5))
        at = start + 35
    bars["work, lost"].append((at, now - at))
for kind, (fill, hatch) in LOOK.items():
    ax.broken_barh(bars[kind], (0, 1), fc=fill, ec="white", hatch=hatch, label=kind)
ax.set(yticks=[], ylim=(0, 2.3), xlabel="time on the clock (min)")
ax.legend(ncols=4, loc="upper center", handlelength=1.5)
plt.show()

# %% [markdown]
# Everything but the replay is one sum, $R$ = detect + start + load + warm up.  The book
# counts 60 s, 180 s, 24.5 s and 120 s, together $R$ = 384.5 s.  The load is GPT-3's
# state, 14 bytes for each of 175 billion parameters, at 100 GB/s.  A save takes as long
# and is called $W$.
#
# Two promises are made about stops.  The **recovery time objective** (RTO) is the
# longest time in which a system must be back.  The **recovery point objective** (RPO)
# is the longest stretch of time before a failure whose work may be lost.  A job cannot
# promise an RTO below $R$, nor an RPO below the time from save to save.
#
# A **hot spare** is a machine that runs idle so as to take a failed one's place at
# once.  When do $m$ spare GPUs for a job of $N$ pay?  Between two stops they waste
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
# Not every failure is noticed.  A **fail-stop failure** is one in which a part halts.
# A **gray failure** is one that shows only at times, as in a part that is slow when
# hot.  A **Byzantine failure** is one in which a part goes on and gives wrong answers.
#
# | kind | what finds it | what mends it |
# |---|---|---|
# | fail-stop | a heartbeat that is missed | a restart without the part |
# | gray | a test under load, repeated; a cold test passes | another node |
# | Byzantine | a check of the results | the state before it, and another node |
#
# A **heartbeat** is a message at fixed intervals by which a process says it is alive.
# Failures differ also in whom they stop.  The **blast radius** of a failure is the set
# of devices that the cause itself takes down.  Llama 3 had 419 stops in 54 days (arXiv
# 2407.21783, table 5).  Of these, 268 came from one GPU, 53 from the rest of one node,
# 35 from the network between nodes, 56 from the job's software, and 7 are unknown.  So
# GPUs alone explain 64 % of the stops.
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
# > loss is $\tau^* = \sqrt{2WM}$, where $M$ is the MTBF of the whole job.  It is first
# > order: it holds for $W \ll \tau^* \ll M$.
#
# At the best interval, saving costs as much as replaying: both are $\sqrt{W/2M}$.
# A rule for the head: *if you save longer than you replay, save less often.*


# %%
def first_order(tau, W, M, R=0.0):
    return W / tau + (tau / 2 + R) / M


tau = np.sqrt(2 * W * M)
print(f"10,000 GPUs: save every {tau / minute:.1f} min of work")
M_small = 50 * hour
best = np.sqrt(2 * 5 * minute * M_small) / minute
print(f"the smaller job: every {best:.0f} min.  You guessed {guess_save:g} min.")
for every in (best, guess_save):
    lost = first_order(every * minute, 5 * minute, M_small)
    print(f"  every {every:3.0f} min adds {lost:.1%} to its work")

# %% [markdown]
# Saving often feels safe, but a save of 5 minutes after each 15 takes a quarter of the
# time.  Near the best interval the loss hardly changes: at twice or half of $\tau^*$
# the saves and replays cost only a quarter more.  *Nearly right is right enough.*
#
# ### The exact renewal
#
# First order forgets that work which is done again may fail again.  A segment of work
# and save, $\tau + W$ long, succeeds with probability $p = e^{-(\tau+W)/M}$.  So it
# fails $1/p - 1$ times before it does.  Stops come at rate $1/M$, so a mean time is $M$
# times the mean number of stops.  Each of these stops begins a restart, which itself
# is stopped $e^{R/M} - 1$ times before it ends.  So each stop becomes $e^{R/M}$ stops:
#
# $$ T(\tau) = M\, e^{R/M} \left(e^{(\tau+W)/M} - 1\right),
#    \qquad \text{share of work} = \frac{\tau}{T(\tau)}. $$


# %%
def segment(tau, W, M, R=0.0):
    return M * np.exp(R / M) * np.expm1((tau + W) / M)


work = tau / segment(tau, W, M, R)
print(f"10,000 GPUs: {work:.1%} of the time is work.  You guessed {guess_work:.0%}.")
print(f"90 days of work take {90 / work:.1f} days")


# %%
#| label: fig-bowl
#| fig-cap: "Time beyond the work, GPT-3 on 10,000 GPUs.  The dot is Young-Daly's."
#| fig-alt: "A bowl with a flat bottom near 14 minutes; exact leaves first order above."
# @title What it draws
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
    ax.set_ylim(0.3, 3000)
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
# which the job stands still.  **Sharded checkpointing** has each machine save its own
# part of the state, and an index says where everything is.  **Asynchronous
# checkpointing** copies the state aside, and writes the copy while the job works on.
# **Elastic resharding** cuts a saved state anew for another number of machines than
# saved it.
#
# ## Played
#
# Now run the job through its failures.  It begins each life with a restart, keeps the
# segments that end in time, and loses the rest.  Its lives are the gaps of 512 ageing
# parts of shape 0.7, scaled to our $M$.  Two rivals predict the share of work too:
# first order, and a job that inherits the part's shape.


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
# and more so as the interval nears $M$.  Saving every hour costs this job about 25 days
# in a year.  Whoever puts *one GPU's* MTBF into the square root works for a day between
# saves, and almost never gets to one.
#
# ## A hundred times the machines
#
# The work divides by a hundred, but a save and a restart take as long as before.  The
# MTBF is a hundred times shorter, and so we save ten times as often, by Young-Daly.


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

# %%
#| label: fig-machines
#| fig-cap: "Days until 90 days of work on 10,000 GPUs are done, by more of them."
#| fig-alt: "The exact curve falls, turns near 300,000 GPUs and rises; rivals fall on."
# @title What it draws
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
# does not see it.  The turn follows from the exact law.  Let $c = N M$, which does not
# depend on $N$.  The work falls as $1/N$ and the restarts grow as $e^{RN/c}$, so
#
# $$ \frac{d}{dN}\,\ln\!\left(\frac{1}{N}\,e^{RN/c}\right)
#      = \frac{R}{c} - \frac{1}{N} = 0
#    \quad\Rightarrow\quad N = \frac{c}{R}, \qquad \text{that is, } M = R. $$
#
# Here that is 360,000 GPUs; saves and replays make it turn a little before.  A rule for
# the head: *a job is as large as is useful when a restart takes as long as an MTBF.*  A
# shorter restart moves the turn.
#
# ## A process killed at random
#
# **Fault injection** is the test of a recovery by causing the failure on purpose.  We
# train a small network with dropout and Adam, on data drawn as it goes, and kill its
# process at random.  What must a save hold, so that nothing of a kill remains?


# %%
def fresh():
    torch.manual_seed(7)
    hidden = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.ReLU())
    net = torch.nn.Sequential(hidden, torch.nn.Dropout(0.1), torch.nn.Linear(64, 1))
    return net, torch.optim.Adam(net.parameters(), 1e-3)


def learn(net, adam):
    x = torch.randn(64, 32)
    loss = (net(x)[:, 0] - x[:, 0] * x[:, 1]).square().mean()
    adam.zero_grad()
    loss.backward()
    adam.step()
    return loss.item()


# %%
def state_of(step, net, adam):
    state = {"step": step, "weights": net.state_dict(), "moments": adam.state_dict()}
    return state | {"random": torch.get_rng_state()}


def restore(state, net, adam, parts=("weights", "moments", "random")):
    if "weights" in parts:
        net.load_state_dict(state["weights"])
    if "moments" in parts:
        adam.load_state_dict(state["moments"])
    if "random" in parts:
        torch.set_rng_state(state["random"])


def save(path, state):
    torch.save(state, path.with_suffix(".new"))
    os.replace(path.with_suffix(".new"), path)


# %%
home_of_all = tempfile.TemporaryDirectory()
folder = Path(home_of_all.name)
net, adam = fresh()
for _ in range(50):
    learn(net, adam)
save(folder / "half", state_of(50, net, adam))
calm = [learn(net, adam) for _ in range(50)]
ALL = ("weights", "moments", "random")
for parts in (ALL, ("weights", "moments"), ("weights", "random"), ("weights",)):
    net, adam = fresh()
    restore(torch.load(folder / "half"), net, adam, parts)
    again = [learn(net, adam) for _ in range(50)]
    equal = sum(a == b for a, b in zip(calm, again, strict=True))
    print(f"restored {', '.join(parts):24} {equal:2} of 50 losses are the same bits")

# %% [markdown]
# Weights, moments, random numbers and position are one state.  Without any of them the
# run goes on as another run.
#
# Now the kills.  A process works, saves every 25 steps, and writes each step with its
# time to a log.  A supervisor kills it (SIGKILL) after an exponential life, be it at
# work, in a save or in a restart.  It starts the next until all is done.

# %%
EVERY, STEPS, PACE = 25, 800, 2 * ms


def train(home, started):
    net, adam = fresh()
    state = torch.load(home / "state")
    restore(state, net, adam)
    with open(home / "log", "ab", buffering=0) as log:
        log.write(np.array([-1, started]).tobytes())
        for step in range(state["step"], STEPS):
            start = time.monotonic()
            log.write(np.array([step, start]).tobytes())
            learn(net, adam)
            time.sleep(max(0.0, start + PACE - time.monotonic()))
            if (step + 1) % EVERY == 0:
                save(home / "state", state_of(step + 1, net, adam))


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
        if torch.load(home / "state")["step"] == STEPS:
            log = np.frombuffer((home / "log").read_bytes()).reshape(-1, 2)
            return kills, lived, log


# %%
def means(log):  # of a segment's work, a save, a restart
    before, after = log[:-1, 0], log[1:, 0]
    took = np.diff(log[:, 1])
    working = (before >= 0) & (after > before)
    step = took[working & (after % EVERY > 0)].mean()
    pause = took[working & (after % EVERY == 0)].mean()
    restart = took[(before == -1) & (after >= 0)].mean()
    return EVERY * step, pause - step, restart


# %% [markdown]
# A short run without kills says how long a segment and a restart take here.  The mean
# life is chosen a little shorter than both, so that restarts are stopped too.  The
# killed run's log then gives four means: work, save, restart and life.  From these
# alone each law says how long the run took.


# %%
#| tags: [nbval-ignore-output]
quiet = supervise("quiet", [600.0], STEPS - 4 * EVERY)
life = 0.7 * sum(means(quiet[2]))
chosen = np.random.default_rng(17).exponential(life, 9999)
kills, lived, log = supervise("killed", chosen)
work_ours, W_ours, R_ours = means(log)
M_ours = lived / kills
print(f"work {work_ours / ms:.0f} ms, save {W_ours / ms:.1f} ms")
print(f"restart {R_ours / ms:.0f} ms, a kill every {M_ours / ms:.0f} ms")
print(f"measured {lived:5.1f} s with {kills} kills")
segments = STEPS / EVERY
ours = (work_ours, W_ours, M_ours, R_ours)
laws = {"exact": segments * segment(*ours)}
laws["first order"] = segments * work_ours * (1 + first_order(*ours))
laws["no failures"] = segments * (work_ours + W_ours)
for name, law in laws.items():
    print(f"{name:12} says {law:4.1f} s, error {law / lived - 1:+.0%}")

# %%
#| tags: [nbval-ignore-output]
net, adam = fresh()
for _ in range(STEPS):
    learn(net, adam)
end = torch.load(folder / "killed" / "state")["weights"]
same = all(torch.equal(end[name], w) for name, w in net.state_dict().items())
print(f"the weights of a run that was never killed, to the last bit: {same}")

# %% [markdown]
# The three laws differ in what they let fail: everything again and again, work once, or
# nothing.  Compare their errors on your machine.
#
# ## Published runs
#
# Do rates add in a fleet?  Kokolis et al. (arXiv 2410.21680, section III) logged eleven
# months of Meta's cluster RSC-1.  Jobs on one node of 8 GPUs ran 47.7 days between
# failures.  Add the rates of 128 such nodes, and predict the jobs of 1,024 GPUs, which
# ran 7.9 h.  The rivals are the same paper's log of node failures (6.5 in 1,000
# node-days), the book's rates for parts, and the MTBF of one node.


# %%
seen = 7.9 * hour
guesses = {"128 nodes at their own rate": 47.7 * day / 128}
guesses["128 nodes, node log"] = 1000 * day / 6.5 / 128
guesses["the book's rates"] = mtbf((1024, GPU), (1024, PCIE), (128, CARD))
guesses["one node, not the job"] = 47.7 * day
for name, guessed in guesses.items():
    off = guessed / seen
    print(f"{name:28} {guessed / hour:7.1f} h, {off:5.1f} times the measured 7.9 h")

# %% [markdown]
# The sum of the jobs' own rates is within 14 %, over a factor of 128.  The log of nodes
# and the list of parts are about four and five times off, because jobs stop for more
# causes than these hold.  *Take the MTBF from the log of your own jobs.*
#
# Now the share of work, from own rates.  Llama 3 stopped 419 times in 54 days on 16,384
# GPUs, and kept *over 90 %* of its time (arXiv 2407.21783, sections 3.3.1 and 3.3.4).
# Its storage took 2 TB/s, so a state of 14 bytes a parameter took 2.8 s.  Interval and
# restart are not published.  We try three intervals, each with a restart that takes no
# time and with the book's.  The last lines are for OPT-175B.

# %%
M_llama = 54 * day / 419
W_llama = checkpoint_bytes(catalog.LLAMA3_405B.P) / (2 * TB)
POLICIES = {"Young-Daly": np.sqrt(2 * W_llama * M_llama), "every hour": hour}
POLICIES["one GPU's MTBF"] = np.sqrt(2 * W_llama / GPU)
print("Llama 3's share of work, %    R = 0    R = 6.4 min    published")
for name, every in POLICIES.items():
    free, book = (100 * every / segment(every, W_llama, M_llama, x) for x in (0, R))
    print(f"{name:15} {every / minute:5.0f} min {free:12.1f} {book:14.1f}         > 90")

M_opt = 56 * day / 90
computing = 33 * 1024 / 992
promised = hour / segment(hour, 0, M_opt, R)
print(f"OPT-175B stopped every {M_opt / hour:.0f} h and worked {computing / 56:.0%}")
print(f"  of its time; the law, saving hourly, says {promised:.0%}")
each = (56 - computing) * 24 / 90
print(f"  if stops took all that was lost, each took {each:.1f} h")

# %% [markdown]
# Hourly saves are ruled out for Llama 3, even if a restart took no time.  One GPU's
# MTBF is ruled out by far.  Young-Daly is not.  More than that a bound cannot say.
#
# > **War story · People as the restart (2022).** OPT-175B needed 33 days of computing
# > on 1,024 GPUs.  It had 992, and took the 56 days to 6 January.  Its
# > [log](https://github.com/facebookresearch/metaseq/blob/main/projects/OPT/chronicles/final_update.md)
# > counts about 90 restarts, after hardware failures, a loss that diverged, and a
# > cluster that the provider deleted by mistake.  For hardware alone the paper counts
# > at least 35 restarts by hand, with a pause for tests (arXiv 2205.01068, section
# > 2.5).
#
# There the law is wrong by a third of the time.  Its $R$ was a program's.  If stops
# took all the time that was lost, each took hours, while somebody looked and went back.
#
# ## Failures that say nothing
#
# > **Definition · Silent data corruption.** **Silent data corruption** is a wrong
# > result that no part reports.  It differs from an error that memory's code (ECC) or a
# > link's code (CRC) finds: those guard what is kept and what travels, and not what is
# > computed.
#
# Six of Llama 3's stops were such, and nobody counts those that were not found.  Let us
# flip one bit of one weight after 50 steps of gradient descent.  The model is linear
# and has 16 weights.  We try each weight and each of its 32 bits.

# %%
rng = np.random.default_rng(3)
X = rng.normal(size=(512, 16)).astype(np.float32)
y = (X @ rng.normal(size=16) + rng.normal(0, 0.1, 512)).astype(np.float32)


def loss_after(weight, flip):
    w = np.zeros(16, np.float32)
    for _ in range(50):
        w = w - np.float32(0.1 / 512) * (X.T @ (X @ w - y))
    w.view(np.uint32)[weight] ^= np.uint32(flip)
    return np.square(X @ w - y).mean()


clean = loss_after(0, 0)
with np.errstate(all="ignore"):
    flips = [[loss_after(k, 1 << bit) for bit in range(32)] for k in range(16)]
ratio = np.array(flips) / clean
not_finite = ~np.isfinite(ratio)
doubled = (ratio > 2) & ~not_finite
print(
    f"not finite: {not_finite.mean():.0%} of the flips.  You guessed {guess_seen:.0%}."
)
print(f"finite, but the loss at least doubles: {doubled.mean():.0%}")

# %%
#| label: fig-bits
#| fig-cap: "Loss right after one bit of one weight flips; one mark for each weight."
#| fig-alt: "No change up to bit 15, then growth to a thousandfold; cross at bit 30."
# @title What it draws
_, ax = plt.subplots()
for marks in np.where(not_finite, np.nan, ratio):
    ax.semilogy(range(32), marks, "o", c="C0", mfc="none", ms=4)
crash = np.flatnonzero(not_finite.any(axis=0))
ax.plot(crash, 5e3 + 0 * crash, "x", c="C3", ms=9, mew=2, label="not finite")
ax.axhline(2, c="C1", ls="--", label="twice the loss")
ax.set(xlabel="bit", ylabel="loss / loss without the flip", ylim=(0.3, 2e4))
ax.legend(loc="upper left")
plt.show()

# %% [markdown]
# Flips of low bits do no harm.  But for each flip that makes an overflow, all of them
# in bit 30, about nine at least double the loss and raise no error.  A program that
# waits for a crash waits in vain.
#
# ### A check in the algebra
#
# **ABFT**, algorithm-based fault tolerance, is a check that the computation carries in
# its own algebra (Huang and Abraham, 1984).  For a product $C = AB$ of $n \times n$
# matrices, let $\mathbf{1}$ be the row of ones:
#
# $$ \mathbf{1}\,C = \mathbf{1}\,(AB) = (\mathbf{1}A)\,B. $$
#
# The left side sums the columns of the result, the right side never saw it.  The check
# takes $4n^2$ operations beside $2n^3$, a share of $2/n$.  Both sides are rounded, so
# they differ a little: calibrate on 20 clean products and allow ten times the largest
# difference.  The rival is a watch on the norm of $C$, calibrated likewise.


# %%
def residual(A, B, C):
    return np.abs(A.sum(0, dtype=float) @ B - C.sum(0, dtype=float)).max()


rng = np.random.default_rng(7)
pairs = rng.normal(size=(221, 2, 128, 128)).astype(np.float32)
off = np.array([residual(A, B, A @ B) for A, B in pairs])
norms = np.array([np.square(A @ B, dtype=float).sum() for A, B in pairs])
near = 10 * off[:20].max()
usual = norms[:20].mean()
far = 10 * np.abs(norms[:20] - usual).max()
false = (off[20:220] > near).sum(), (np.abs(norms[20:220] - usual) > far).sum()
print(f"false alarms in 200 clean products: sums {false[0]}, norm {false[1]}")

# %%
#| tags: [nbval-ignore-output]
A, B = pairs[220]
found = np.zeros((32, 2))
for bit in np.repeat(range(32), 25):
    bad = A @ B
    i, j = rng.integers(128, size=2)
    bad.view(np.uint32)[i, j] ^= np.uint32(1 << bit)
    with np.errstate(all="ignore"):
        norm = np.square(bad, dtype=float).sum()
        found[bit] += not residual(A, B, bad) <= near, not abs(norm - usual) <= far
print("share of flips found   column sums   norm")
for low, high in ((0, 8), (8, 16), (16, 24), (24, 32)):
    sums, norm = found[low:high].mean(axis=0) / 25
    print(f"bits {low:2} to {high - 1:2} {sums:20.0%} {norm:8.0%}")

# %% [markdown]
# The column sums miss only flips within ten times the rounding.  The norm misses most
# flips that matter.  And a CRC misses all of them: it is taken of the product as it
# stands, and is right for a wrong one.
#
# > **Takeaways.**
# >
# > - Rates add, and many parts forget: the job has no memory, whatever its parts do.
# > - $\tau^* = \sqrt{2WM}$, with the MTBF of the *job*, from the job's own log.
# > - Near the MTBF use $M e^{R/M}(e^{(\tau+W)/M} - 1)$; past $M = R$ machines only
# >   harm.
# > - Weights, moments, random numbers and position are one state.
# > - A checksum guards what is kept; a check in the algebra guards what is computed.
#
# <details><summary>Sources, and where ours differs from the book's</summary>
#
# The rates of parts and the pieces of $R$ are the book's (its open calculations,
# mlsysim 0.3.0).  So are 3.87 h, 13.8 minutes, 384.5 s and 11 s.  The book prints first
# order without the restart, 5.9 %.  Shapes of 0.7 and 3 for youth and wear are our
# assumption.  We grouped Llama 3's causes.  Its table prints shares that do not match
# its counts; we use the counts.  OPT-175B's 33 days are its log's estimate for a run
# without stops.
#
# In nine runs beside other work the exact law was the nearest each time, from 3 % long
# to 21 % short.  It tends to be short because a restart that a kill stops is not
# measured, and slow ones are stopped most.  First order was short by 25 to 48 %.
#
# </details>
#
# ## Try it
#
# 1. A model of 70 billion parameters stood still for 6.77 s at each save, for 1.84 s
#    with a copy in memory, and for 0.04 s with a copy that hides in the step
#    (ByteDance, *Robust LLM Training Infrastructure*, 2025, table 8).  Until such a
#    copy is written, 6.77 s later, a failure goes back to the one before.  Take our $M$
#    and no restart.  How much time does each way add?
#
#    <details><summary>Answer</summary>
#
#    The delay adds to what a failure undoes, which is little.  The pause counts by its
#    square root.
#
#    ```python
#    for pause, delay in ((6.77, 0), (1.84, 6.77), (0.04, 6.77)):
#        every = np.sqrt(2 * pause * M)
#        lost = segment(every, pause, M) / every - 1 + delay / M
#        print(f"{pause:.2f} s: save every {every:3.0f} s, {lost:.2%} more time")
#    ```
#
#    ```text
#    6.77 s: save every 434 s, 3.18% more time
#    1.84 s: save every 226 s, 1.69% more time
#    0.04 s: save every  33 s, 0.29% more time
#    ```
#
#    </details>
#
# 2. A gray part fails one hot test in ten and no cold test.  How many hot tests find it
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
# 3. A service may not stop for minutes.  **Failover** moves a dead replica's requests
#    to the others.  **Graceful degradation** is the practice to answer worse rather
#    than not at all.  Replicas are up 99 % of the time, and a shared cause stops all
#    for 0.01 % of it.  How many minutes a year are none up, for one to four replicas?
#    Four took 350 requests a second, one dies, and three take 300: how many a second
#    must go to a model that is five times as fast?
#
#    <details><summary>Answer</summary>
#
#    Past three replicas the shared cause is all that is left.  Of $x$ requests for the
#    fast model each costs a fifth: $350 - x + x/5 = 300$.
#
#    ```python
#    for k in (1, 2, 3, 4):
#        down = 1 - (1 - 0.01**k) * (1 - 1e-4)
#        print(f"{k}: {525_600 * down:7.1f} minutes a year")
#    print(f"{50 / 0.8:.1f} requests a second to the fast model")
#    ```
#
#    ```text
#    1:  5308.0 minutes a year
#    2:   105.1 minutes a year
#    3:    53.1 minutes a year
#    4:    52.6 minutes a year
#    62.5 requests a second to the fast model
#    ```
#
#    </details>
#
# 4. Two machines saved a state of twelve numbers in halves.  Three are to go on.  Who
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
