# %% [markdown]
# ---
# title: "7 · Fault tolerance"
# fleet-stack: [15, 20, 45, 100, 20, 30, 10, 0]
# ---
#
# ## Question
#
# A training program of 16,384 GPUs was stopped 419 times in 54 days, every three hours
# (chapter 1's war story).  GPT-3's state has 2.45 TB, and writing it takes 24.5 s.
# Save after every step and the job only writes; never save and it never ends.
# *If something fails every few hours, how much of a three-month run is work?*
#
# Chapter 1 divided a part's MTBF by $N$.  Chapter 4 wrote a file that a kill does not
# tear.  This chapter asks how often to write it, what a stop costs, and what to do
# about failures that stop nothing.

# %%
import io
import multiprocessing
import os
import tempfile
import time
import zlib
from pathlib import Path
from timeit import timeit

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.distributed as dist
from IPython import get_ipython
from ipywidgets import interact
from torch.distributed import checkpoint as dcp
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import Shard, distribute_tensor

from mlsyscore import catalog, processes, reliability, storage
from mlsyscore.units import day, hour, minute, ms

plt.style.use("mlsyscore.figures")

# %% [markdown]
# ## Predict
#
# Write four guesses before you run on.  The ones given here are common ones.
#
# 1. A GPU fails every 50,000 h, a PCIe part every 200,000 h, a network card for eight
#    GPUs every 150,000 h.  A job holds 10,000 GPUs.  Hours between its stops?
# 2. A job stops every 50 h.  Saving takes 5 minutes.  Minutes from save to save?
# 3. A job gets a hundred times the GPUs, and its work divides evenly.  By what factor
#    is it done sooner?
# 4. One bit of a weight flips in training.  How often does the loss become infinite or
#    not a number?

# %%
guess = 5.0  # hours
guess_save = 15.0  # minutes
guess_sooner = 100.0  # times
guess_seen = 0.9  # of all flips

# %% [markdown]
# ## Compute: what failures cost
#
# **FIT** is the unit of a part's failure rate, one failure in $10^9$ hours.  A GPU of
# 20,000 FIT fails every 50,000 h; this rate and the two beside it are the book's (open
# calculations, mlsysim 0.3.0).  A job stops with any of its parts, so rates add:


# %%
def mtbf(*parts):  # pairs: how many, rate of each
    return 1 / sum(n * rate for n, rate in parts)


GPU, PCIE, NIC = 20_000 / (1e9 * hour), 1 / (200_000 * hour), 1 / (150_000 * hour)
FULL = mtbf((10_000, GPU), (10_000, PCIE), (1250, NIC))

# %%
for N in (8, 64, 512, 1000, 4000, 10_000, 25_000):
    T = mtbf((N, GPU)) / hour, mtbf((N, GPU), (N, PCIE), (N / 8, NIC)) / hour
    print(f"{N:6,} GPUs: {T[0]:7,.1f} h, with their nodes {T[1]:7,.2f} h")
print(f"{FULL / hour:.2f} h, {day / FULL:.1f} stops a day; the guess was {guess:g} h")

# %% [markdown]
# The first column and the 3.87 h are the book's too.  Each GPU has a PCIe part, each
# node of eight a network card.  What many parts share is one more part.
#
# ### Youth
#
# A constant rate is an assumption.  **Infant mortality** is a failure rate that falls
# with age, as weak parts die.  The **bathtub curve** is a part's failure rate over its
# life: high in youth, then constant, high again from wear.  Let a part's life be
# Weibull of shape 0.7, its mean 50,000 h.  How many fail in 30 days, against the
# constant rate, if the fleet was first burned in?

# %%
young = reliability.Weibull(50_000 * hour / reliability.Weibull(1.0, 0.7).mean, 0.7)
for age in (0, 7, 30):
    law = 1 - young.survival((age + 30) * day) / young.survival(age * day)
    print(f"burned in {age:2} days: {law / (1 - np.exp(-30 * day * GPU)):.1f} times")

# %% [markdown]
# With this shape, which we assume, new GPUs fail four times as often in their first
# month.  After 30 days of burn-in it is still 2.6 times.
#
# ### What fails
#
# The **blast radius** of a failure is the set of devices that the cause itself takes
# down; a synchronous job waits for them with all the others.  Causes of Llama 3's 419
# stops (arXiv 2407.21783, table 5: count and printed share), grouped by us.  A bug in
# software is counted as the whole job:

# %%
# faulty GPU, HBM3, SRAM, system processor; silent data corruption; thermal and sensor
LLAMA = {"one GPU": [(148, 30.1), (72, 17.2), (19, 4.5), (17, 4.1), (6, 1.4), (6, 1.4)]}
# host maintenance; network card, SSD, power supply; chassis, IO board, CPU, memory
LLAMA["one node"] = [(32, 7.6), (7, 1.7), (3, 0.7), (3, 0.7), *[(2, 0.5)] * 4]
LLAMA |= {"many nodes": [(35, 8.4)]}  # switch or cable
LLAMA |= {"whole job": [(54, 12.9), (2, 0.5)]}  # software bug, dependency
LLAMA |= {"unknown": [(7, 1.7)]}  # NCCL watchdog
both = np.zeros(2)
for radius, rows in LLAMA.items():
    n, printed = np.sum(rows, 0)
    both += n, printed
    print(f"{radius:10} {n:3.0f}, {n / 419:5.1%}; printed {printed:4.1f} %")
print(f"together {both[0]:.0f}; the printed shares add to {both[1]:.1f} %")

# %% [markdown]
# The counts add up.  The printed shares do not: 148 of 419, the faulty GPUs, are not
# 30.1 %.  We use the counts.  Six are silent data corruption, of which more below.
#
# Failures differ in how they are found and mended.  A **fail-stop failure** is one in
# which a part halts and can be seen to have halted; a restart mends it.  A
# **heartbeat** is a message at fixed intervals by which a process says it is alive.
# A **gray failure** is one that shows only at times, as in a part that is slow, or ill
# only when hot.  A cold test passes it.  A test under load finds it if repeated, and a
# new node mends it.  A **Byzantine failure** is one in which a part goes on and gives
# wrong answers.  Checks or votes find it, and its work is done again elsewhere.
#
# Say a part fails one hot test in ten, and no cold one.  Does it pass them all?

# %%
for n in (1, 10, 44):
    print(f"{n:2} tests: cold {1.0**n:.0%} passes, hot {0.9**n:.1%} still passes")

# %% [markdown]
# ### How often to save
#
# Let a job save after each $\tau$ of work.  A save takes $W$ and the MTBF is $M$.
#
# > **Theorem · Young-Daly.** The **Young-Daly law** says that saves cost $W/\tau$ for
# > each unit of work and failures $\tau/2M$, half an interval redone, and that
# > $\tau^* = \sqrt{2 W M}$ makes the sum least, $\sqrt{2W/M}$.  It is first order:
# > $W \ll \tau \ll M$.  $M$ is the job's, not a part's.
#
# The exact time is as short.  Failures come at rate $1/M$, so the time is $M$ times
# their *expected* number.  A segment of $\tau + W$ succeeds with probability
# $e^{-(\tau+W)/M}$, so it fails $e^{(\tau+W)/M} - 1$ times before it does.  Each
# failure is followed by a restart of $R$, which itself fails $e^{R/M} - 1$ times on
# average.  So one failure becomes $e^{R/M}$.


# %%
def first_order(tau, W, M, R=0.0):  # lost for each unit of work
    return W / tau + (tau / 2 + R) / M


def extra(tau, W, M, R=0.0):  # exact; for each unit of work
    return M * np.exp(R / M) * np.expm1((tau + W) / M) / tau - 1


# %%
WRITE = storage.checkpoint_bytes(catalog.GPT3.P) / catalog.CHECKPOINT_STORE
for W, M in ((WRITE, FULL), (5 * minute, 50 * hour), (15 * minute, 50 * hour)):
    text = f"W {W:5.1f} s, M {M / hour:5.2f} h: every {np.sqrt(2 * W * M):6,.0f} s,"
    print(text, f"waste {first_order(np.sqrt(2 * W * M), W, M):.2%}")

# %%
often = first_order(guess_save * minute, 5 * minute, 50 * hour)
best = np.sqrt(2 * 5 * minute * 50 * hour) / minute
print(f"{best:.0f} minutes; the guess was {guess_save:g}, which wastes {often:.0%}")

# %% [markdown]
# Young-Daly's numbers are the book's.  Saving after every 15 minutes of work, to be
# safe, adds a third to the work: a quarter of the time.
#
# The **recovery point objective** (RPO) is the longest stretch of time before a failure
# whose work may be lost: here $\tau + W$.  The **recovery time objective** (RTO) is the
# longest time in which a system must be back after a failure.  The book's budget for a
# restart: detect in 60 s, start again in 180 s, load in 24.5 s, warm up for 120 s.

# %%
RESTART = 60 + 180 + WRITE + 120
for name, M in (("GPUs alone", mtbf((10_000, GPU))), ("whole system", FULL)):
    print(f"{name}: {RESTART:.1f} s, {RESTART * day / M / minute:.1f} minutes a day")
print(f"a day without a stop: probability {np.exp(-day / FULL):.1%}")

# %%
tau, window = np.sqrt(2 * WRITE * FULL), reliability.probe_window(5, 2, 3)
share = 1 / (1 + extra(tau, WRITE, FULL, RESTART))
print(f"with saves and rework: {share:.1%} is work, 90 days take {90 / share:.1f}")
print(f"three missed heartbeats of 5 s, 2 s patience: {window - 5:g} to {window:g} s")

# %% [markdown]
# The last line but one answers the question.  The book has 30.8 minutes, with GPUs
# alone; the whole system loses more.  A death is noticed in a third of the 60 s.  A
# hang that still sends heartbeats is not.
#
# A **hot spare** is a machine that runs idle so as to take a failed one's place at
# once.  A node of eight, at \$2 a GPU and hour:

# %%
worth = 10_000 * catalog.GPU_HOUR * minute * day / FULL
even = reliability.hot_spare_break_even(8, 10_000, FULL)
print(f"${8 * catalog.GPU_HOUR * day:.0f} a day; a minute less for each stop", end=" ")
print(f"is worth ${worth:,.0f} a day; even at {even:.1f} s")

# %% [markdown]
# ## Plot: a bowl with a flat bottom


# %%
#| label: fig-bowl
#| fig-cap: "Time that GPT-3 on 10,000 GPUs needs beyond its work."
#| fig-alt: "A bowl, lowest near 14 minutes; at long intervals exact exceeds dashed."
def draw(GPUs=10_000, write_s=24.5, restart_s=384.5):
    M, t = FULL * 10_000 / GPUs, np.geomspace(0.5, 500) * minute
    _, ax = plt.subplots()
    for law, style in ((first_order, "--"), (extra, "-")):
        y = 100 * law(t, write_s, M, restart_s)
        name = "exact" if law is extra else "first order"
        ax.loglog(t / minute, y, style, c="0.15", label=name)
    best = np.sqrt(2 * write_s * M)
    y = 100 * extra(best, write_s, M, restart_s)
    ax.plot(best / minute, y, "ko", label=f"Young-Daly, {best / minute:.1f} min")
    ax.set(xlabel="work between saves (min)", ylabel="extra time (% of the work)")
    ax.set_ylim(1, 1000)
    ax.legend()
    plt.show()


draw()

# %%
#| eval: false
#| tags: [nbval-ignore-output, remove-cell]
if get_ipython():
    interact(draw, GPUs=(100, 100_000), write_s=(0.1, 300.0), restart_s=(0.0, 900.0))

# %% [markdown]
# ### The surprise
#
# A hundred times the GPUs do the same work in a hundredth of the time, if it divides
# evenly.  They also stop a hundred times as often.  Writes and restarts stay as long as
# they were.

# %%
N, restarts = np.geomspace(1e4, 1e6, 201), RESTART / np.array([1, 2, 4])
M, tau = FULL * 1e4 / N, reliability.daly_interval(WRITE, FULL * 1e4 / N)
ran = [90 * 1e4 / N * (1 + extra(tau, WRITE, M, R)) for R in restarts]
assert ran[0][-1] > 2 * ran[0].min()

# %%
print(f"10,000: {ran[0][0]:.1f} days; 1,000,000: {ran[0][-1]:.1f} days,", end=" ")
print(f"{ran[0][0] / ran[0][-1]:.1f} times sooner; the guess was {guess_sooner:g}")
for R, y in zip(restarts, ran, strict=True):
    print(f"R {R:5.1f} s: {y.min():.1f} days with {N[y.argmin()] / 1000:.0f},000 GPUs")

# %% [markdown]
# Past the best, further GPUs end the run later.  $R$ sets that place: a restart that
# lasts an MTBF mostly fails.
#
# ## Play it out: failures that keep no rule
#
# Draw lives, run the job through each, count what it saved.  All lives have mean 1, a
# save takes 0.01, and every life begins with a restart.  Four kinds: exponential;
# Weibull of shape 0.7, whose rate falls with age; of shape 3, whose rate rises; and
# *early deaths*, where three lives in ten, each drawn anew, end soon.


# %%
def play(lives, tau, W, R=0.0):
    saved = np.floor(np.maximum(lives - R, 0) / (tau + W))
    return lives.sum(1) / (tau * saved.sum(1)) - 1


rng, size, W, rest = np.random.default_rng(7), (50, 4000), 0.01, 0.05
lives = {"exponential": rng.exponential(size=size)}
lives["Weibull 0.7"] = rng.weibull(0.7, size) / reliability.Weibull(1.0, 0.7).mean
mean = np.where(rng.random(size) < 0.3, 0.02, (1 - 0.3 * 0.02) / 0.7)
lives["early deaths"] = mean * rng.exponential(size=size)
lives["Weibull 3"] = rng.weibull(3, size) / reliability.Weibull(1.0, 3).mean
law_tau = np.sqrt(2 * W)
taus = law_tau * np.geomspace(0.2, 20, 33)
with np.errstate(divide="ignore"):  # nothing saved: the job never ends
    played = {
        k: np.array([play(x, t, W, rest) for t in taus]) for k, x in lives.items()
    }
error = played["exponential"].std(1) / np.sqrt(50)
gap = played["exponential"].mean(1) - extra(taus, W, 1, rest)
assert (np.abs(gap) < 5 * error).all()  # standard errors, at all 33 intervals

# %%
#| label: fig-played
#| fig-cap: "Played jobs and the two laws.  The dotted line is Young-Daly's interval."
#| fig-alt: "Exponential dots lie on the exact curve; the dashed law falls below it."
_, ax = plt.subplots()
for (k, y), marker in zip(played.items(), "ox+^", strict=True):
    ax.loglog(taus, 100 * y.mean(1), marker, c="0.15", mfc="none", label=f"played, {k}")
ax.loglog(taus, 100 * extra(taus, W, 1, rest), "-", c="0.5", label="exact")
ax.loglog(taus, 100 * first_order(taus, W, 1, rest), "--", c="0.5", label="first order")
ax.axvline(law_tau, ls=":", c="0.3")
ax.set(xlabel="work between saves / MTBF", ylabel="extra time (% of the work)")
ax.set_ylim(10, 1000)
ax.legend()
plt.show()
for k, y in played.items():
    at = play(lives[k], law_tau, W, rest).mean()
    print(f"{k:12} at Young-Daly {at:.1%}, best {y.mean(1).min():.1%}", end=" ")
    print(f"at {taus[y.mean(1).argmin()] / law_tau:.1f} times that interval")
print(f"tau = M/2: first order {first_order(0.5, W, 1, rest):.0%},", end=" ")
print(f"exact {extra(0.5, W, 1, rest):.0%}")

# %% [markdown]
# The interval forgives: with rates that fall or rise, it still costs little.  The
# *waste* does not.  First order counts half of $\tau$ for each failure of the work, but
# the work redone fails as well.
#
# A **correlated failure** is one cause that stops many parts at once.  Give 512 nodes
# the same rate, half of it from their rack of 32:

# %%
own, racks = 512 * 0.5, 16 * 0.5
print(f"MTBF/512 expects {512 / (own + racks):.2f} times the stops that there are;")
both = racks / (own + racks)
print(f"stops that take a shard and its copy in the next node: {both:.1%}")

# %% [markdown]
# Shared causes make a synchronous job's stops *fewer* than MTBF/N says, and each of
# them worse.  A copy must not share its original's fate.
#
# ## Measure: a job killed at random
#
# **Fault injection** is the test of a recovery by causing the failure on purpose.
# A process trains a network, with dropout and Adam, on data drawn as it goes.  Each
# step is held to 1 ms, so that other work here does not stretch it.  After 25 steps it
# saves step, weights, moments and the state of the random numbers as in chapter 4:
# write and rename, with a checksum, and in two files by turns.

# %%
EVERY, STEPS, dropout = 25, 750, torch.nn.Dropout(0.1)


def seal(body):
    return zlib.crc32(body).to_bytes(4, "little") + body


def put(home, at, state):
    body, path = io.BytesIO(), home / f"state{at // EVERY % 2}"
    torch.save({"at": at} | state, body)
    with open(path.with_suffix(".new"), "wb", buffering=0) as file:
        file.write(seal(body.getvalue()))  # a power cut asks for fsync, a kill does not
    os.replace(path.with_suffix(".new"), path)


def whole(home):
    found = [path.read_bytes() for path in sorted(home.glob("state?"))]
    good = [torch.load(io.BytesIO(x[4:])) for x in found if x == seal(x[4:])]
    return sorted(good, key=lambda state: state["at"])


# %%
def fresh():
    torch.manual_seed(7)
    layers = torch.nn.Linear(32, 64), torch.nn.ReLU(), dropout, torch.nn.Linear(64, 1)
    net = torch.nn.Sequential(*layers)
    return net, torch.optim.Adam(net.parameters(), 1e-3)


def learn(net, opt):
    x = torch.randn(64, 32)
    loss = (net(x)[:, 0] - x[:, 0] * x[:, 1]).square().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss.item()


def state_of(net, opt):
    rng = torch.get_rng_state()
    return {"net": net.state_dict(), "opt": opt.state_dict(), "rng": rng}


# %%
def train(home):
    torch.set_num_threads(1)
    (net, opt), state = fresh(), whole(home)[-1]
    learn(net, opt)  # the first step is slow; forget what it learned
    net.load_state_dict(state["net"])
    opt.load_state_dict(state["opt"])
    torch.set_rng_state(state["rng"])
    with open(home / "log", "ab", buffering=0) as log:
        log.write(np.array([-1, 0.0, time.monotonic()]).tobytes())  # at work again
        for step in range(state["at"], STEPS):
            end, loss = time.monotonic() + 1 * ms, learn(net, opt)
            time.sleep(max(0.0, end - time.monotonic()))
            log.write(np.array([step, loss, time.monotonic()]).tobytes())
            if (step + 1) % EVERY == 0:
                put(home, step + 1, state_of(net, opt))


# %% [markdown]
# The supervisor starts a process, kills it by SIGKILL when its life is over, be it at
# work, in a save or in a restart, and starts the next, until the last step is saved.

# %%
fork, work = multiprocessing.get_context("fork"), tempfile.TemporaryDirectory()
learn(*fresh())  # what torch loads at its first step, it loads before the fork


def supervise(name, lives):
    home, spent = Path(work.name) / name, []
    home.mkdir()
    put(home, 0, state_of(*fresh()))
    for life in lives:
        start, child = time.monotonic(), fork.Process(target=train, args=(home,))
        child.start()
        child.join(start + life - time.monotonic())
        child.kill()
        spent.append((start, time.monotonic()))
        child.join()
        if whole(home)[-1]["at"] == STEPS:
            break
    return np.frombuffer((home / "log").read_bytes()).reshape(-1, 3), np.array(spent)


# %% [markdown]
# Is the curve that of the run without a stop?  Every step ever run, redone ones too,
# must have its loss to the last bit, and the last state its weights.

# %%
#| label: fig-killed
#| fig-cap: "The killed job: each tooth is a life.  Dashed: the run without a stop."
#| fig-alt: "A saw rises over time; each tooth starts below the end of the last."
#| tags: [nbval-ignore-output]
calm = supervise("calm", [600.0])[0][1:]
M = 3 * EVERY * (calm[-1, 2] - calm[0, 2]) / STEPS
rows, spent = supervise("killed", np.random.default_rng(17).exponential(M, 9999))
logged = rows[rows[:, 0] >= 0]
a, b = (whole(Path(work.name) / x)[-1]["net"].values() for x in ("calm", "killed"))
assert np.array_equal(logged[:, 1], calm[logged[:, 0].astype(int), 1])
assert all(map(torch.equal, a, b))
_, ax = plt.subplots()
ax.plot(calm[:, 2] - calm[0, 2], calm[:, 0], "--", c="0.6", label="no stop")
for i, life in enumerate(np.split(rows, np.flatnonzero(rows[:, 0] < 0)[1:])):
    label = None if i else "killed"
    ax.plot(life[1:, 2] - spent[0, 0], life[1:, 0], "-", c="0.1", label=label)
ax.set(xlabel="time (s)", ylabel="step")
ax.legend()
plt.show()

# %% [markdown]
# Both assertions hold, so the resume is exact.
#
# Now the model.  Step, save and restart are measured; nothing is fitted to what is
# lost.  Of a life that came to work, a kill at $x$ after the last save undoes
# $\min(x, \tau)$, and $x$ is exponential, cut off at $\tau + W$.  The time of the
# whole run is the exact law's.  Both vary from run to run, and the error bars say how
# much.

# %%
#| tags: [nbval-ignore-output]
gap, on = np.diff(rows[:, 2]), (np.diff(rows[:, 0]) == 1) & (rows[:-1, 0] >= 0)
save = on & (rows[1:, 0] % EVERY == 0)
T_step, again = gap[on & ~save].mean(), rows[rows[:, 0] < 0, 2]  # again: back at work
W, tau = gap[save].mean() - T_step, EVERY * T_step
R = (again - spent[np.searchsorted(spent[:, 0], again) - 1, 0]).mean()
x = -M * np.log1p(np.linspace(0, 1, 9999) * np.expm1(-(tau + W) / M))
lost, deaths = np.minimum(x // T_step, EVERY), len(again) - 1  # the last life lived on
life, n = np.random.default_rng(1).exponential(M, 99_999), STEPS / EVERY
each = tau * (1 + extra(tau, W, M, R))  # seconds for a segment
got = np.maximum(life - R, 0) // (tau + W)  # segments of a life
sd = (life - each * got).std() * (n * each / M) ** 0.5
redone, seconds = (len(logged) - STEPS) / deaths, np.diff(spent).sum()
tests = [("steps redone a kill", redone, lost.mean(), lost.std() / deaths**0.5)]
tests += [("seconds in all", seconds, R + n * each, sd)]
print(f"step {T_step / ms:.2f}, save {W / ms:.1f}, restart {R / ms:.0f} ms;", end=" ")
print(f"{len(spent) - 1} kills; tau/2 is {EVERY / 2} steps")
for what, seen, law, error in tests:
    verdict = "within" if abs(seen - law) < 3 * error else "OUTSIDE"
    print(f"{what}: {law:.2f} ± {error:.2f}, measured {seen:.2f}, {verdict} 3 errors")

# %% [markdown]
# In over twenty runs, most beside other work, both were within three errors each time;
# the worst, on a crowded machine, was 3.1 s in all against 2.3 ± 0.3.
#
# ### Torn and rotten states
#
# Kill a writer of 2 MB twenty times, and look at what it leaves.  Beside each state it
# also writes 2 MB in place, without the rename.  Then flip one bit of the job's last
# state, 300 times, and load it without asking for its checksum.


# %%
#| tags: [nbval-ignore-output]
def forever(home):
    torch.set_num_threads(1)
    for at in range(whole(home)[-1]["at"] + EVERY, 10**9, EVERY):
        put(home, at, {"x": torch.full((500_000,), float(at))})
        (home / "in.place").write_bytes(seal(bytes(2_000_000)))


home, torn, wrong = Path(work.name) / "torn", np.zeros(2, int), 0
home.mkdir()
put(home, 0, {"x": torch.zeros(500_000)})
for wait in np.random.default_rng(3).uniform(0.03, 0.07, 20):
    child = fork.Process(target=forever, args=(home,))
    child.start()
    child.join(wait)
    child.kill()
    child.join()
    good, ends = whole(home), ("*.new", "*.place")
    left = [[x.read_bytes() for x in home.glob(end)] for end in ends]
    torn += [any(x != seal(x[4:]) for x in files) for files in left]
    wrong += len(good) < 1 or any((state["x"] != state["at"]).any() for state in good)
assert wrong == 0
assert good[-1]["at"] > 0

# %%
#| tags: [nbval-ignore-output]
print(
    f"{good[-1]['at'] // EVERY} states written; {torn[0]} of 20 kills tore a new file;"
)
print(f"a wrong state or none: {wrong}; the file in place was torn {torn[1]} times")
home = Path(work.name) / "calm"
path, good, loaded, wrong = home / f"state{STEPS // EVERY % 2}", whole(home)[-1], 0, 0
for bit in np.random.default_rng(4).integers(8 * path.stat().st_size - 32, size=300):
    bad = bytearray(path.read_bytes()[4:])
    bad[bit // 8] ^= 1 << bit % 8
    assert path.read_bytes() != seal(bad)  # the checksum sees every one
    try:
        net = torch.load(io.BytesIO(bad))["net"]
        wrong += not all(map(torch.equal, net.values(), good["net"].values()))
        loaded += 1
    except Exception:
        pass
path.write_bytes(path.read_bytes()[:4] + bad)
print(f"a plain load took {loaded} of 300, {wrong} of them with other weights;")
print(f"ours, after the last, goes back to step {whole(home)[-1]['at']} of {STEPS}")

# %% [markdown]
# Other flips fell into moments, random numbers or padding.  Two generations cost one
# more interval of work when the newest is lost, and never the run.
#
# ### Shards, and a writer beside the work
#
# A job of many machines saves by **sharded checkpointing**: each writes its own part of
# the state, and an index says where everything is.  **Asynchronous checkpointing**
# copies the state aside while the job stands still, and writes the copy while it works
# on.  Two processes hold halves of 12 MB and save both ways
# (`torch.distributed.checkpoint`).  Then three load it.  **Elastic resharding** cuts a
# saved state into shards for another number of machines than saved it.


# %%
def shards(rank, N, folder, save, n=3_000_000):
    cpu = dist.new_group(backend="gloo")  # the same on a machine with a GPU
    at = [folder]
    dist.broadcast_object_list(at, group=cpu)  # rank 0's, on a disk that all see
    x, T = torch.arange(n if save else 0, dtype=torch.float32), np.empty((6, 3))
    mesh = DeviceMesh.from_group(cpu, "cpu")
    whole = {"w": distribute_tensor(x if save else torch.zeros(n), mesh, [Shard(0)])}
    if not save:
        dcp.load(whole, checkpoint_id=f"{at[0]}/async5", process_group=cpu)
        return whole["w"].to_local().numpy()
    for i, row in enumerate(T):
        marks = [time.perf_counter()]
        dcp.save(whole, checkpoint_id=f"{at[0]}/sync{i}", process_group=cpu)
        marks.append(time.perf_counter())
        beside = f"{at[0]}/async{i}"
        later = dcp.async_save(whole, checkpoint_id=beside, process_group=cpu)
        marks.append(time.perf_counter())
        later.result()  # a job would train until then
        row[:] = *np.diff(marks), time.perf_counter() - marks[1]
    return T[1:]  # the first is slow


# %%
#| tags: [nbval-ignore-output]
T = np.median(processes.run(shards, 2, f"{work.name}/dcp", True), 1).max(0) / ms
print(f"sync {T[0]:.1f} ms; async blocks {T[1]:.1f}, is written after {T[2]:.1f} ms")
three = processes.run(shards, 3, f"{work.name}/dcp", False)
assert np.array_equal(np.concatenate(three), np.arange(3_000_000))

# %% [markdown]
# Three processes put together what two had saved.  The write has not become faster, and
# until it ends a failure goes back to the state before: the RPO grows by the drain.
# What $\tau^*$ sees is the time that blocks, in nine runs here a twelfth to a quarter
# of a write.  ByteRobust measured it for a mixture of experts of 70 billion parameters
# on 2,048 GPUs, saved in every step (ByteDance 2025, table 8): 6.77 s, 1.84 s with a
# copy in memory, 0.04 s when that hides in the step.  With the whole 6.77 s as the
# drain of the last two, and our 10,000 GPUs' MTBF:

# %%
for W, drain in ((6.77, 0), (1.84, 6.77), (0.04, 6.77)):
    tau = np.sqrt(2 * W * FULL)
    lost = extra(tau, W, FULL) + drain / FULL
    print(f"{W:.2f} s: save every {tau:3.0f} s, waste {lost:.2%}")

# %% [markdown]
# ## Wrong without a sign
#
# > **Definition · Silent data corruption.** **Silent data corruption** is a wrong
# > result that no part reports.  Its neighbour is the error that memory's code (ECC) or
# > a link's (CRC) finds, since those guard what is kept and what travels.  The usual
# > slip is to think that they guard what is computed.
#
# Fit a linear model of 16 weights to 512 examples by 100 steps of gradient descent, and
# flip one bit of one weight after 50: each weight, each of 32 bits.


# %%
#| label: fig-bits
#| fig-cap: "Loss right after one bit of one weight flips; one mark for each weight."
#| fig-alt: "Under 1 % up to bit 15, then up to a thousandfold; a cross at bit 30."
def flipped(k, bit):
    w, losses = np.zeros(16, np.float32), []
    for t in range(100):
        w = w - np.float32(0.1 / 512) * (X.T @ (X @ w - y))
        w.view(np.uint32)[k] ^= np.uint32(bit if t == 50 else 0)
        losses.append(np.square(X @ w - y).mean())
    return np.array(losses)


rng = np.random.default_rng(3)
X = rng.normal(size=(512, 16)).astype(np.float32)
y = (X @ rng.normal(size=16) + rng.normal(0, 0.1, 512)).astype(np.float32)
clean = flipped(0, 0)
with np.errstate(all="ignore"):
    L = np.array([[flipped(k, 1 << bit) for bit in range(32)] for k in range(16)])
_, ax = plt.subplots()
ax.semilogy(range(32), L[:, :, 50].T / clean[50], ".", c="0.3")
bad = np.flatnonzero(~np.isfinite(L).all((0, 2)))
ax.plot(bad, 0 * bad + 5e3, "kx", label="infinite or not a number")
ax.set(xlabel="bit", ylabel="loss / loss without the flip", ylim=(0.3, 1e4))
ax.legend(loc="upper left", frameon=True)
plt.show()

# %%
crash, jump = ~np.isfinite(L).all(2), L[:, :, 50] > 2 * clean[50]
print(f"infinite or not a number {crash.mean():.0%}; the guess was {guess_seen:.0%}")
print(f"finite, loss doubled: {(jump & ~crash).mean():.0%}; of these", end=" ")
print(f"{(L[:, :, -1] < 1.03 * clean[-1])[jump & ~crash].mean():.0%} healed by the end")

# %% [markdown]
# A flip mostly goes unseen.  The 3 % is one bit of 32: bit 30 makes any weight below 2
# overflow.  This model has one valley, so it heals, if not always in 50 steps; in 200
# all do.  A deep one need not, and a part that errs at every step feeds its errors to
# all, by all-reduce.
#
# **ABFT**, algorithm-based fault tolerance, is a check that the computation carries in
# its own algebra (Huang and Abraham, 1984).  In $C = AB$ the column sums of $C$ are the
# column sums of $A$, times $B$.  Flip each bit of $C$ in 25 places.  The tolerance is
# ten times the largest rounding of twenty clean products.  Does it raise false alarms?


# %%
#| tags: [nbval-ignore-output]
def residual(A, B, C):
    return np.abs(A.sum(0, dtype=float) @ B - C.sum(0, dtype=float)).max()


rng = np.random.default_rng(7)
pairs = rng.normal(size=(220, 2, 128, 128)).astype(np.float32)
off = np.array([residual(A, B, A @ B) for A, B in pairs])
tolerance = 10 * off[:20].max()
print(f"{(off[20:] > tolerance).sum()} false alarms in {len(off[20:])} fresh products")
A, B = rng.normal(size=(2, 128, 128)).astype(np.float32)
seen, passed, C = np.zeros(32), np.zeros(2, int), A @ B
for bit, i, j in ((b, *rng.integers(128, size=2)) for b in list(range(32)) * 25):
    bad = C.copy()
    bad.view(np.uint32)[i, j] ^= np.uint32(1 << bit)
    with np.errstate(all="ignore"):
        seen[bit] += not residual(A, B, bad) <= tolerance
    later = bytearray(seal(C.tobytes()))
    later[4 + (i * 128 + j) * 4 + bit // 8] ^= 1 << bit % 8
    passed += [x == seal(x[4:]) for x in (seal(bad.tobytes()), bytes(later))]
for lo, hi in ((0, 8), (8, 20), (20, 32)):
    print(f"bits {lo:2} to {hi - 1}: {seen[lo:hi].mean() / 25:.1%} found")
print(f"CRC: flipped before it {passed[0]} of 800 pass; after it, {passed[1]}")

# %% [markdown]
# What the check misses is within ten times the rounding.  The CRC finds all flips of
# what it was given.  A CRC of a wrong product is right, by construction.  The check
# needs $4n^2$ operations beside $2n^3$:

# %%
#| tags: [nbval-ignore-output]
device = "cuda" if torch.cuda.is_available() else "cpu"
P, Q = torch.randn(2, 1024, 1024, device=device)
bare, check = lambda: P @ Q, lambda: P.sum(0) @ Q - (P @ Q).sum(0)
ways = lambda: bare()[0, 0].item(), lambda: check()[0].item()
T = [[timeit(way, number=1) for way in ways] for _ in range(24)]
plain, checked = np.sort(T, 0)[:8].mean(0)  # the fastest third
print(f"{2 / 1024:.1%} more operations, {checked / plain - 1:.0%} more time")

# %%
for GPUs, rate in ((10_000, 1e-6), (100_000, 1e-6), (16_384, 6 / (16_384 * 54 * 24))):
    p = 1 - np.exp(-GPUs * rate / hour * 2)  # a step of 2 s
    print(f"{GPUs:7,} GPUs, {rate:.1e} a GPU and hour:", end=" ")
    print(f"one in {1 / (GPUs * rate):3.0f} h, {p:.1e} a step")

# %% [markdown]
# On two quiet cores the check took 1.5 to 2 % more time, many times its 0.2 % of
# operations, for it also reads memory.  Beside other work the timing says nothing.  The
# first two rates are the book's.  The third is Llama 3's, whose six were found; nobody
# counts the others.
#
# Or let several compute the same.  Two disagree, three outvote one wrong value.  If a
# member may tell each of the others something else, agreement in spite of $f$ such
# members takes $3f + 1$ (Lamport et al., 1982): four for one.
#
# ## A service cannot wait
#
# Training may stop for minutes.  A service may not, so it keeps replicas.  **Failover**
# moves a dead replica's requests to the others.  Replicas that are up 99 % of the time,
# a year of 8,760 h, and then a cause that stops all for 0.01 % of it:

# %%
for k in (1, 2, 3, 4):
    down = np.array([0.01**k, 1 - (1 - 0.01**k) * (1 - 1e-4)]) * 525_600
    print(f"{k}: {down[0]:8.2f} minutes a year, {down[1]:8.2f} with the shared cause")

# %% [markdown]
# The first column is the book's.  With a shared cause no number of replicas is down for
# less than that cause: past three, another buys nothing.
#
# **Graceful degradation** is the practice to answer worse rather than not at all.  Four
# replicas, 10 ms for an answer each, take 350 requests a second; they share one queue,
# here one server of their added speed.  One dies at 20 s.  Until the heartbeats miss, a
# quarter of the requests goes to it and is lost.  An answer after 1 s is too late.  The
# rest queue up, or those are refused who would wait longer than 0.2 s, or these get a
# model that is five times as fast.


# %%
def serve(policy, wait=0.0, last=0.0):
    out, rng = [], np.random.default_rng(7)
    for t in np.cumsum(rng.exponential(1 / 350, 350 * 60)):
        wait, last = max(0.0, wait - (t - last)), t
        late, cost = wait > 0.2, 0.010 / (4 if t < 20 else 3)
        lost = 20 < t < 20 + window and rng.random() < 0.25
        if lost or (late and policy == "refuse"):
            out.append((t, np.inf, 0))
            continue
        small = late and policy == "degrade"
        wait += cost / 5 if small else cost
        out.append((t, wait, small))
    t, waits, small = np.array(out).T
    return (waits < 1)[t > 20].mean(), small[t > 20].mean()


print(f"while a training job restarts, {350 * RESTART:,.0f} requests come;")
print(f"until heartbeats miss, a quarter of {350 * window:,.0f}")
for policy in ("queue", "refuse", "degrade"):
    good, small = serve(policy)
    print(f"{policy:8} {good:6.1%} answered in 1 s, {small:.1%} by the small model")

# %% [markdown]
# Three replicas can serve 300 of 350.  The queue serves them too, and too late.
#
# > **Checkpoint.** Before you go on: which sections would find a GPU that multiplies
# > wrongly?  Which would keep its results safe, checksum and all?
#
# ## Check
#
# Ours against the package.

# %%
law = reliability.segment_time(900, 20, 1e4, 300)
assert np.allclose(extra(900, 20, 1e4, 300), law / 900 - 1)
parts = reliability.fit_rate(20_000), PCIE, NIC
assert np.allclose(FULL, 1 / reliability.series_rate(parts, (10_000, 10_000, 1250)))

# %% [markdown]
# Then against fleets.  Llama 3 is as above; 268 of its stops were one GPU's.  OPT-175B
# ran on 992 A100s and was restarted about 90 times from 11 November 2021 to 6 January
# 2022 (metaseq, chronicles), or 105 times in two months (its paper, section 2.5).  Jobs
# of 1,024 A100s on Meta's cluster RSC-1 ran 7.9 h (Kokolis et al., arXiv 2410.21680,
# section III).
#
# And the question's own number, the share of work.  Kokolis et al. expect over 90 % for
# 2,048 to 4,096 GPUs at hourly saves and restarts of 5 to 20 minutes, from 6.5 failures
# in 1,000 node-days (sections III and IV).  We take that rate, then their own 7.9 h,
# and saves as free.  Where the share was measured, we print what a stop may have cost.
# BLOOM's 384 GPUs saved in 40 s, every 3 h (Bekman, Machine Learning Engineering,
# chapter on fault tolerance).

# %%
LOGS = {"Llama 3": (16_384, 54 * 24 / 419), "its GPUs": (16_384, 54 * 24 / 268)}
LOGS |= {"OPT-175B": (992, 56 * 24 / 90), "its paper": (992, 60 * 24 / 105)}
LOGS |= {"RSC-1": (1024, 7.9)}
for name, (N, seen) in LOGS.items():
    text = f"law {FULL * 1e4 / N / hour:4.1f} h, GPUs alone {50_000 / N:4.1f}, measured"
    print(f"{name:9} {text} {seen:4.1f} h: {seen * N:6,.0f} h for a GPU")
for M1024 in (1000 * day / 6.5 / 128, 7.9 * hour):
    for N in (2048, 4096):
        M = M1024 * 1024 / N
        kept = [1 / (1 + extra(hour, 0, M, minutes * minute)) for minutes in (5, 20)]
        text = f"{M1024 / hour:4.1f} h for 1,024 GPUs: {N} keep"
        print(f"{text} {kept[0]:.1%} to {kept[1]:.1%}")
ETTR = {"Llama 3": (54 * day / 419, 0.90), "ByteRobust": (FULL / 0.96, 0.97)}
for name, (M, kept) in ETTR.items():
    print(f"{name}: {kept:.0%} leaves {(1 - kept) * M / minute:.1f} min for each stop")
M = FULL * 10_000 / 384
for tau in (np.sqrt(2 * 40 * M), 3 * hour):
    print(f"BLOOM: every {tau / hour:.1f} h wastes {first_order(tau, 40, M):.1%}")

# %% [markdown]
# RSC-1's jobs stopped 4.8 times as often as the law says, OPT-175B 2.6 to 2.8 times.
# Restarts count software and bad losses too, so not all of it is the 50,000 h.  Llama 3
# fits by chance: its GPUs alone stopped it 268 times, one in 79,200 h each.  Take the
# MTBF from your own log.
#
# The rate of Kokolis et al. would stop 1,024 GPUs every 28.8 h.  They measured 7.9 h.
# At their rate one of our four shares misses 90 %, by a point.  At the measured MTBF
# all four miss it; the worst is 65 %.  A share is only as good as its MTBF.
#
# Llama 3 kept over 90 %.  ByteRobust kept 97 % on 9,600 GPUs for three months
# (ByteDance 2025, abstract).  Its MTBF is not given, and ours stands in.  Seven minutes
# hold a restart and little rework.  BLOOM saved at twice the best interval, by the
# law's MTBF, and lost under half a per cent of its time by it: the bowl is flat.
#
# > **War story · Hosts that went on dying (2022).** OPT-175B trained for two months on
# > 992 A100s.  Hardware failed.  People paused the run, tested nodes, set bad ones
# > aside and went back to a saved state, at least 35 times.  By the authors' estimate
# > programs restarted it 70 times more, and over 100 hosts were replaced (Zhang et al.,
# > arXiv 2205.01068, section 2.5).  What is left for people does not scale: the same
# > company's Llama 3 needed much handwork in three of 419 stops.
#
# ## Try it
#
# 1. Move `restart_s` to 0 with the slider.  Does the dot move sideways?  Does the bowl?
# 2. Give `play` a restart of 0.5.  Which kind's waste grows most?
# 3. Leave `rng` out of what `train` restores.  Which assertion fails?
# 4. Set `EVERY` to 100; $M$ grows with it.  How many steps does a kill undo?
# 5. Make the small model only twice as fast.  How many answers are then by it?
#
# > **Takeaways.**
# >
# > - Rates add: count every part that stops the job, and take them from your own log.
# > - $\tau^* = \sqrt{2 W M}$; the bowl is flat, so nearly right is right.
# > - Near the MTBF use $M e^{R/M}(e^{(\tau+W)/M} - 1)$; more machines can end later.
# > - Resume is exact when weights, moments, random numbers and position are one state.
# > - A checksum guards what is kept; a check of the algebra, what is computed.
# > - Training restarts; a service fails over, and degrades before it refuses.
#
# > **Chapter connection.** A job now survives its machines.  Chapter 8 asks who gets
# > them, when jobs of all sizes wait for the same fleet.
