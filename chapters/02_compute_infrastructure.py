# %% [markdown]
# ---
# title: "2 · Compute infrastructure"
# fleet-stack: [100, 40, 15, 10, 10, 0, 0, 0]
# ---
#
# ## Question
#
# A chat service runs Llama 3 70B.  Each token takes 141 billion operations, and an H100
# can do 989 trillion a second: 0.14 ms.  One user waits far longer.  Where does the
# time go?  *Given one accelerator and one rack, which wall do you hit first:
# arithmetic, memory, power or heat?*
#
# Four walls stand around an accelerator:
#
# - the **memory wall**: arithmetic waits for bytes from the chip's own memory;
# - the **power wall**: more chips cannot be fed, or their heat cannot be taken away;
# - the **communication wall**: bytes between chips take longer than their arithmetic;
# - the **reliability wall**: with many parts, one of them is nearly always broken.

# %%
import os
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython import get_ipython
from ipywidgets import interact
from torch.nn.functional import linear

from mlsyscore import catalog, compute
from mlsyscore.catalog import AIR, GPT3, H100, LLAMA3_70B, NDR, NVLINK4, V100, WATER
from mlsyscore.compute import Accelerator
from mlsyscore.compute import allreduce_traffic as sent
from mlsyscore.training import State
from mlsyscore.units import GB, MW, TB, TFLOP, hour, kW, litre, month, ms, ns, us

plt.style.use("mlsyscore.figures")

# %% [markdown]
# ## Predict
#
# Write five guesses before you run on; these are common ones.
#
# 1. Tokens a second for one user of the 70B model, its weights read from an H100's
#    memory.
# 2. 64 users share the chip: a step, one token for each.  By what factor does a step
#    get longer?
# 3. A B200 has 18 times the peak of a V100.  By what factor do its operations for each
#    joule grow, at full power?
# 4. A V100 costs a fifth of an H100's price for an hour.  By what factor is a training
#    run on V100s cheaper?
# 5. Twice the chips, in a step of which 30 % is communication that does not shrink.
#    How many times faster?

# %%
guess = 7000.0  # tokens a second
guess_batch = 64.0  # times
guess_watt = 18.0  # times
guess_price, guess_chips = 5.0, 2.0  # times, both

# %% [markdown]
# ## Compute: the roofline
#
# A program does $O$ operations and moves $D$ bytes to and from memory.

# %% [markdown]
# > **Definition · Arithmetic intensity.** The **arithmetic intensity** of a program is
# > its operations for each byte that it moves to or from the chip's memory, $I = O/D$.
# > Chapter 1's communication intensity is a neighbour upside down: network bytes for
# > each operation.  The usual slip is to count a byte again for each token of a batch,
# > though it is read once.

# %% [markdown]
# > **Theorem · Roofline.** $T \ge \max(O/R_{peak},\ D/BW)$, so the rate is at most
# > $\min(R_{peak},\ I\cdot BW)$ (Williams, Waterman and Patterson, 2009).  Equality
# > needs full rates and arithmetic that overlaps the transfers perfectly.  Without
# > overlap $T$ is the sum, at most twice the bound.

# %% [markdown]
# The **roofline model** is this bound: a program takes at least its arithmetic at peak
# rate and at least its bytes at full bandwidth.  The **ridge point** is the intensity
# $I^* = R_{peak}/BW$ at which both terms take equal time.  A program is
# **memory-bound** if its bytes take longer than its arithmetic, and **compute-bound**
# if its arithmetic takes longer than its bytes.


# %%
def roofline(O, D, chip):
    return np.maximum(O / chip.peak, D / chip.bw)


def decode(B, chip, P=LLAMA3_70B.P, s=2):
    return roofline(2 * P * B, s * P, chip)  # a weight is read once for all B tokens


# %%
T = decode(1, H100)
print(f"{T / ms:.1f} ms a token, {1 / T:.0f} tokens a second; the guess was {guess:g}")
print(f"{2 * LLAMA3_70B.P / T / H100.peak:.2%} of peak; ridge {H100.ridge:.0f} FLOP/B")
print(f"weights {2 * LLAMA3_70B.P / GB:.1f} GB, memory {H100.memory / GB:.0f} GB")

# %% [markdown]
# Each weight is two bytes in BF16, a 16-bit floating point as FP16 is, and serves one
# multiplication and one addition.  So $I = 1$, far below the ridge.  The 42.1 ms and
# 0.34 % are also the book's (open calculations, mlsysim 0.3.0).  They leave out the
# last line: one H100 cannot hold these weights, two must share them.
#
# Does more arithmetic answer faster?

# %%
stronger = Accelerator(2 * H100.peak, H100.bw, H100.memory, H100.power)
for name, chip in (("twice the peak", stronger), ("H200", catalog.H200)):
    print(f"{name}: token {T / decode(1, chip):.2f} times faster,", end=" ")
    print(f"memory {chip.memory / GB:.0f} GB")

# %% [markdown]
# Vendors sell memory in GiB and write GB: an H100's "80 GB" are 85.9 GB, and an H200's
# "141 GB" are 151.4 GB.  So one H200 holds the weights, with 10 GB left for all else.
#
# ### The surprise
#
# Sixty-four users arrive.  Every weight read now serves 64 tokens.

# %%
T64 = decode(64, H100)
print(f"64 users: {T64 / T:.2f} times one; the guess was {guess_batch:g} times")
print(f"{2 * LLAMA3_70B.P * 64 / T64 / H100.peak:.1%} of peak")
assert np.isclose(decode(2 * H100.ridge, H100), 2 * T)

# %% [markdown]
# Sixty-three users ride free, up to a batch at the ridge.  Our 21.7 % is the book's.
# Both leave out the keys and values of each user's past tokens, which no batch shares
# (chapter 10).
#
# ## Plot: a roof, and what stands under it

# %%
PROGRAMS = {
    "decode, batch 1": 1.0,
    "decode, batch 64": 64.0,
    "vector add, BF16": 1 / 6,
    "product, 4,096 square": 2 * 4096**3 / (3 * 4096**2 * 2),
}


def draw(peak_TFLOPs=989.0, bandwidth_TBps=3.35):
    chip = Accelerator(peak_TFLOPs * TFLOP, bandwidth_TBps * TB, 1, 1)
    I = np.logspace(-1, 4)
    _, ax = plt.subplots()
    ax.loglog(I, np.minimum(chip.peak, I * chip.bw) / TFLOP, "-", c="0.15")
    ax.axvline(chip.ridge, ls="--", c="0.6", label=f"ridge, {chip.ridge:.0f} FLOP/B")
    for (name, i), mark in zip(PROGRAMS.items(), "os^D", strict=True):
        at = np.minimum(chip.peak, i * chip.bw) / TFLOP
        ax.plot(i, at, mark, c="0.15", mfc="w", ms=8, label=f"{name}: {at:.3g}")
    ax.set(xlabel="arithmetic intensity (FLOP/B)", ylabel="rate (TFLOP/s)")
    ax.legend(title="attainable TFLOP/s", loc="upper left", fontsize=9)
    plt.show()


# %%
#| label: fig-roofline
#| fig-cap: "The roof of an H100 in BF16, and the most that four programs can reach."
#| fig-alt: "A line rises to the ridge, then is flat; decode and add stand left of it."
draw()

# %%
#| eval: false
#| tags: [nbval-ignore-output, remove-cell]
if get_ipython():
    interact(draw, peak_TFLOPs=(100.0, 4500.0), bandwidth_TBps=(0.3, 16.0))

# %% [markdown]
# ### What fits
#
# Training with Adam in mixed precision keeps 16 bytes for each parameter: weight and
# gradient in two each, an FP32 copy and two moments in four each (ZeRO, arXiv
# 1910.02054, section 3.1).

# %%
state = State().zero(GPT3.P, d=1, stage=0)
for N in (8, 128):
    print(f"175B over {N}: {state / N / GB:.1f} GB of state each", end="; ")
print(f"all {state / TB:.1f} TB")

# %% [markdown]
# The book adds 25 GB of activations and prints 375 GB for 8.  For 128 it prints 45 GB,
# where the same sum gives 47.  Eight H100 miss by far.
#
# ## Play it out: three ways to feed a multiplier
#
# Naively, each multiply-add reads two operands from memory.  A **systolic array** is a
# grid of cells that multiply, add and hand their operands to the next cell, so that one
# read serves a whole row or column.  Play one, cycle by cycle.  Activations $X$ enter
# from the left, weights $W$ from the top, each row a cycle after the one before.  Here
# the sums stay in place.  The TPU of Check holds the weights and lets the sums move.


# %%
def systolic(X, W):
    (n, K), m = X.shape, W.shape[1]
    x, w, sums, reads = np.zeros((n, m)), np.zeros((n, m)), np.zeros((n, m)), 0
    for t in range(n + m + K - 2):
        x, w = np.roll(x, 1, axis=1), np.roll(w, 1, axis=0)  # pass on
        i, j = t - np.arange(n), t - np.arange(m)
        row, column = (i >= 0) & (i < K), (j >= 0) & (j < K)
        x[:, 0] = np.where(row, X[np.arange(n), i % K], 0)
        w[0] = np.where(column, W[j % K, np.arange(m)], 0)
        sums, reads = sums + x * w, reads + row.sum() + column.sum()
    return sums, t + 1, reads


rng = np.random.default_rng(2)
for n, K, m in ((16, 64, 16), (64, 64, 64), (64, 64, 1)):
    X, W = rng.integers(-9, 9, (n, K)), rng.integers(-9, 9, (K, m))
    sums, cycles, reads = systolic(X, W)
    assert (sums == X @ W).all()
    print(f"{n:2} x {m:2} cells: {cycles} cycles, busy {K / cycles:.0%},", end=" ")
    print(f"{reads / (n * K * m):.3f} reads for each multiply-add, naive 2")

# %% [markdown]
# A square array reads $2/n$ operands for each multiply-add.  The last line is one token
# of decode: each weight is used once, and no data flow can reuse it.
#
# A GPU stays programmable.  In **SIMT execution** (single instruction, multiple
# threads) one instruction drives the 32 lanes of a warp, each with data of its own.
# **Warp divergence** is the loss when lanes of one warp take different branches: the
# warp runs both, one after the other.  Three lanes in a hundred take a branch.  Does it
# cost 3 %?

# %%
mixed, law = rng.random((10_000, 32)) < 0.03, 2 - 0.03**32 - 0.97**32
tidy = np.sort(mixed, axis=None).reshape(-1, 32)
played, neat = (np.mean(x.any(1) + 1.0 * (~x).any(1)) for x in (mixed, tidy))
print(f"passes for a warp: {played:.2f}, law {law:.2f}; data sorted {neat:.2f}")
assert abs(played - law) < 5 * 0.5 / 100  # five standard errors, at most

# %% [markdown]
# Most warps (62 %) hold at least one lane that takes the branch.  Then all 32 lanes pay
# twice: both branches are equally long here.  The law takes lanes as independent;
# sorted data break it.
#
# The **generality tax**, the book's name, is the energy and area that a chip spends on
# deciding what to do next instead of on arithmetic.  In a 45 nm process an instruction
# costs about 70 pJ, a 16-bit multiplication 1.1 and an addition 0.4 (Horowitz, ISSCC
# 2014, figure 1.1.9).  Spread one instruction over more multiply-adds:

# %%
for who, n in (("scalar", 1), ("warp of 32", 32), ("256 x 256 array", 256**2)):
    print(f"{who:16}{1 + 70 / (1.5 * n):5.2f} times the energy of its arithmetic")

# %% [markdown]
# That is why GPUs hold matrix units too, NVIDIA's *tensor cores*.  A fixed function
# pays too: a $64 \times 64$ layer fills a sixteenth of a $256 \times 256$ array.
#
# ## The node: a ladder of bandwidths
#
# A *node* is one server, a *rack* a cabinet of them, a *pod* the racks that share a
# fast network.  The **bandwidth hierarchy** is the order of a fleet's paths by rate,
# from a chip's own memory down to the network.  HBM is an accelerator's memory, NVLink
# joins the chips of a node, PCIe leads to its host, NDR is a 400 Gb/s port of
# InfiniBand.  Send 10 GB over one step of each:

# %%
names = "HBM", "NVLink", "PCIe 5", "NDR"
rates = H100.bw, NVLINK4.beta, catalog.PCIE5, NDR.beta
for name, rate in zip(names, rates, strict=True):
    print(f"{name:7}{10 * GB / rate / ms:6.1f} ms")

# %% [markdown]
# Three splits of a model load the ladder in three ways.  *Tensor parallelism* (TP) cuts
# every matrix: $N$ chips sum activations in every layer.  For $B$ sequences of $S$
# tokens, $h$ wide, $s$ bytes a value, these are $M = B S h s$ bytes, and each chip
# sends $2\frac{N-1}{N}M$.  *Pipeline parallelism* (PP) hands activations from a group
# of layers to the next.  *Data parallelism* (DP) copies the model and sums gradients
# once a step.

# %%
M = compute.activation_payload(4, 2048, GPT3.h)  # 4 sequences of 2,048 tokens
for name, link in (("NVLink", NVLINK4), ("NDR", NDR)):
    comm = 2 * GPT3.L * sent(M, 8) / link.beta
    print(f"{name}: {comm / ms:,.0f} ms, compute {0.2 / (0.2 + comm):.0%} of a step")

# %% [markdown]
# The 200 ms of computing and the first row, 150 ms and 57 %, are the book's.  Its two
# sums a layer are the forward pass; the backward needs two more (Shoeybi et al., arXiv
# 1909.08053, section 3).  Which split belongs on which step of the ladder?  Take TP 8,
# PP 16, DP 16, and 16 such *microbatches* of four sequences a step.  A device holds 6
# layers.  In PP each of the 8 chips sends an eighth of $M$ forward and an eighth of its
# gradient back.

# %%
TP, PP, DP = 16 * 4 * 6 * sent(M, 8), 16 * 2 * M / 8, sent(2 * GPT3.P / 128, 16)
for name, D in (("TP", TP), ("PP", PP), ("DP", DP)):
    print(f"{name} {D / GB:.1f} GB", *(round(D / k.beta / ms) for k in (NVLINK4, NDR)))
print("work", round(6 * GPT3.P * 16 * 8192 * 16 / 2048 / (0.4 * H100.peak) / ms))

# %% [markdown]
# The columns are bytes sent, ms over NVLink, ms over NDR.  The last row is a step's
# arithmetic on 2,048 chips at 40 % of peak (assumed).  TP over NDR takes as long again,
# so it stays inside the node, or in a rack whose 72 chips share NVLink, an NVL72.  DP
# adds 0.1 s, PP less: they can live with the network of rack and pod.
#
# A new package makes memory ten times as fast.  Is the bottleneck gone?  The 70B model
# on 8 chips, one user, two sums a layer: each $2(8-1) = 14$ rounds of a ring, or six of
# a tree (chapter 6).  A round starts in 0.5 µs (the book's convention); its few bytes
# count for nothing.

# %%
for rounds in (14, 6):
    talk = 2 * LLAMA3_70B.L * rounds * NVLINK4.alpha
    old, new = (decode(1, H100) / 8 / k + talk for k in (1, 10))
    print(f"{old / new:.1f} times; rounds {talk / old:.0%}, then {talk / new:.0%}")

# %% [markdown]
# **Bottleneck relocation** is the move of the wall when one limit is raised and
# another, hidden until then, sets the time.  Here the wall moves towards communication.
# Twice the chips instead, with the 30 % of guess 5:

# %%
print(f"{1 / (0.7 / 2 + 0.3):.2f} times faster; the guess was {guess_chips:g}")

# %% [markdown]
# ## The rack: power and heat
#
# A chip's **TDP**, thermal design power, is the power that its supply and its cooling
# must be built for.  Mean power is lower.

# %%
peak, power = catalog.B200.peak / V100.peak, catalog.B200.power / V100.power
print(f"V100 to B200: peak {peak:.0f} times, power {power:.2f} times")
print(f"operations for a joule {peak / power:.1f} times; the guess was {guess_watt:g}")

# %% [markdown]
# Arithmetic outruns its energy.  A coolant that warms by $\Delta T$ carries the heat
# $Q$ with a flow $\dot m = Q/(c_p \Delta T)$.  Air may warm by 15 K, water by 10 K.
# **Rack power density** is the power drawn in one rack, all of which must leave it as
# heat.  The speed is through 1.2 m², about the front of a rack (assumed).


# %%
def flow(Q, dT, coolant):
    return Q / (coolant.c_p * dT) / coolant.rho


for Q in (2 * 10.2 * kW, 4 * 10.2 * kW, 100 * kW):
    V = flow(Q, 15, AIR)
    print(f"air, {Q / kW:.1f} kW: {V / litre:,.1f} L/s, {V / 1.2:.1f} m/s")
print(f"water, 120 kW: {flow(120 * kW, 10, WATER) / litre:.2f} L/s")

# %% [markdown]
# The last two flows are the book's; 120 kW is an NVL72.  The first rows are two and
# four servers of eight H100s, 10.2 kW each (NVIDIA's datasheet).  The second is above
# the 20 to 30 kW that the book allows air.  Llama 3's racks hold two servers, not four
# (arXiv 2407.21783, section 3.3.1): four do not meet a shortage of arithmetic, they
# meet heat.  So the Question's answer: decode on one chip hits memory first; four
# servers in a rack, in air, hit heat.
#
# ### Voltage: the ramp counts
#
# A barrier opens (chapter 1), and every chip goes from 400 W to 700 W.  At 0.8 V that
# is $\Delta I = \Delta P/V$ more current, through a loop of inductance $L_{loop}$, in a
# time $\Delta t$.  The voltage droops by $\Delta V = L_{loop}\,\Delta I/\Delta t$.


# %%
def droop(dt, L_loop=50e-12, dI=300 / 0.8):  # 50 pH, the book's
    return L_loop * dI / dt


for t in (1 * us, 100 * ns):
    print(f"{t / ns:.0f} ns: {droop(t) / 1e-3:.2f} mV, {droop(t) / 0.8:.1%} of 0.8 V")

# %% [markdown]
# Both are the book's.  The law has no capacitor, and every board has some.  Play the
# loop with 1 mF beside the chip, then 0.1 (both assumed), in steps of 0.1 ns:


# %%
def supply(ramp, C=1e-3, h=0.1 * ns, steps=25_000):
    i, v, out = 0.0, 0.0, np.empty(steps)
    for k in range(steps):
        load = 300 / 0.8 * min(k * h / ramp, 1.0)
        v += h * (i - load) / C  # the capacitor gives what the loop does not
        i -= h * v / 50e-12
        out[k] = -v
    return out


for C in (1e-3, 1e-4):
    for ramp in (1 * us, 100 * ns):
        v, law, w = supply(ramp, C), droop(ramp), 1 / np.sqrt(50e-12 * C)
        top = 2 * law * np.sin(min(ramp * w, np.pi) / 2)  # exact for loop and capacitor
        assert np.isclose(v.max(), top, rtol=1e-3)
        print(f"{C / 1e-3:g} mF, {ramp / ns:.0f} ns: {v.max() / 1e-3:.1f} mV,", end=" ")
        print(f"law {law / 1e-3:.1f} mV")

# %%
#| label: fig-droop
#| fig-cap: "The supply after a step of 375 A, with 1 mF. Thin lines: no capacitor."
#| fig-alt: "Two oscillations: the fast ramp peaks below its law, the slow one above."
_, ax = plt.subplots()
for ramp, style in ((1 * us, "-"), (100 * ns, "--")):
    v, law = supply(ramp), droop(ramp)
    micro = np.arange(len(v)) * 0.1 * ns / us
    ax.plot(micro, v / 1e-3, style, c="0.15", label=f"{ramp / ns:.0f} ns ramp")
    ax.axhline(law / 1e-3, ls=style, lw=1, c="0.6", label=f"law, {ramp / ns:.0f} ns")
ax.set(xlabel="time (µs)", ylabel="droop (mV)")
ax.legend(ncols=2, loc=(0.3, 0.65))
plt.show()

# %% [markdown]
# Law and play part, in both directions.  With 1 mF the fast droop more than halves;
# with 0.1 mF it is 244 mV, above the law.  The slow one doubles at both, for loop and
# capacitor ring.  A board's resistance damps this; ours has none.
#
# ### A thousand chips at once
#
# Computing and waiting alternate, half a second each, at 700 and 400 W, in step or at
# random.  Then steps of a whole fleet: the book's 300 W within 100 µs, and 500 W.  On
# H100s above 600 W was measured in training, and about 100 W while a checkpoint was
# written (Morrison et al., arXiv 2503.05804).  The counts are the GPUs of Llama 3's
# largest job (arXiv 2407.21783) and its whole cluster (Meta, Building Meta's GenAI
# Infrastructure, 2024); the rest of the rack is left out.

# %%
t, phase = np.linspace(0, 1, 2000, endpoint=False)[:, None], rng.random(1024)
for name, shift in (("in step", 0 * phase), ("random phases", phase)):
    load = np.where((t + shift) % 1 < 0.5, 700, 400).sum(1)
    print(f"{name}: the sum swings by {np.ptp(load) / kW:.0f} kW")
print(f"1,024 by 300 W in 100 µs: {1024 * 300 / (100 * us) / 1e9:.2f} GW/s")
for n in (16_384, 24_576):
    print(f"{n:,} by 500 W: {n * 500 / MW:.0f} MW")

# %% [markdown]
# The 14 kW is chance: other seeds give 8 to 40 kW.
#
# > **War story · Tens of megawatts (2024).** While Llama 3 trained, tens of thousands
# > of GPUs paused and resumed together, for a checkpoint, an all-reduce, a restart.
# > The power of the site jumped by the order of tens of megawatts and stretched the
# > limits of its grid (Llama Team, arXiv 2407.21783, section 3.3.4).  A synchronous job
# > is one electrical load: design the site for its ramps.
#
# ### The reliability wall
#
# > **Example · One cooling unit.** A coolant unit fails and takes 256 of 10,000 GPUs
# > away for 4 hours.  A GPU-hour is worth 2 dollars.  The last checkpoint is half an
# > hour to an hour old.

# %%
print(f"256 GPUs: ${256 * 4 * 2:,}; all that wait: ${10_000 * 4 * 2:,};", end=" ")
print(f"with lost work: ${10_000 * 4.5 * 2:,.0f} to ${10_000 * 5 * 2:,}")

# %% [markdown]
# The job waits, not the rack; all three sums are the book's.  Then buy sturdier
# servers?  Of 1,000 with an MTBF of 6,250 h, half are replaced by some that last ten
# times as long.  Play the first failure:

# %%
mtbf = np.where(np.arange(1000) < 500, 62_500, 6250)
first = rng.exponential(mtbf, (2000, 1000)).min(1).mean()
print(f"after {first:.1f} h, law {1 / sum(1 / mtbf):.1f} h; before {6250 / 1000:.2f} h")
assert abs(first * sum(1 / mtbf) - 1) < 5 / np.sqrt(2000)  # five standard errors

# %% [markdown]
# Rates add, so the weak half decides.  Ten thousand sturdy servers fail every 6.25 h,
# like a thousand of the old.
#
# > **Checkpoint.** At which batch does the surprise end?  Which wall comes first if
# > memory is ten times as fast?
#
# ## Measure: the roof of this machine
#
# A large copy gives bandwidth, reads plus writes.  A large product gives the peak of
# each precision.  We use one core and its thread's clock; on a GPU it waits for the
# device.

# %%
torch.set_num_threads(1)
gpu = torch.cuda.is_available()
on, wait = ("cuda", torch.cuda.synchronize) if gpu else ("cpu", lambda: None)
coarse = gpu or os.name == "nt"  # on Windows the thread's clock ticks at 15.6 ms
now = time.perf_counter if coarse else time.thread_time


def clock(f, repeats=7):
    times = []
    for _ in range(repeats + 1):
        wait()
        start = now()
        f()
        wait()
        times.append(now() - start)
    return np.median(times[1:])  # the first warms up


def report(law, seen, band):
    error = law / seen - 1
    where = "within" if abs(error) < band else "OUTSIDE"
    return (
        f"{law / ms:.2f}, measured {seen / ms:.2f} ms: {error:+.0%}, {where} {band:.0%}"
    )


# %%
#| tags: [nbval-ignore-output]
x = torch.ones(64_000_000, device=on)
y, z = torch.ones_like(x), torch.empty_like(x)
bw = 2 * x.nbytes / clock(lambda: y.copy_(x))
n = 4096 if gpu else 512
peaks = {}
for kind in ("float32", "bfloat16", "float16")[: 3 if gpu else 2]:
    a = torch.randn(n, n, device=on).to(getattr(torch, kind))
    peaks[kind] = 2 * n**3 / clock(lambda a=a: a @ a)
    print(
        f"{kind}: {peaks[kind] / 1e9:,.0f} GFLOP/s, ridge {peaks[kind] / bw:.1f} FLOP/B"
    )
print(f"memory: {bw / GB:.1f} GB/s")
best = max(peaks, key=peaks.get)
roof = {k: Accelerator(R, bw, 1, 1) for k, R in peaks.items()}

# %% [markdown]
# Decode below takes the precision that sustains most.  A T4 has no tensor cores for
# BF16, an older CPU no BF16 unit.
#
# Three kernels that the roof has not seen:

# %%
#| tags: [nbval-ignore-output]
rows, out = x.view(-1, 4000), z.view(-1, 4000)
a, b = torch.randn(100, 3000, device=on), torch.randn(3000, 700, device=on)
kernels = {  # operations, bytes, call
    "add": (x.numel(), 12 * x.numel(), lambda: torch.add(x, y, out=z)),
    "softmax": (5 * x.numel(), 8 * x.numel(), lambda: torch.softmax(rows, 1, out=out)),
    "product": (
        2 * 100 * 3000 * 700,
        4 * (300_000 + 2_100_000 + 70_000),
        lambda: a @ b,
    ),
}
placed = {}
for name, (O, D, f) in kernels.items():
    law, seen = roofline(O, D, roof["float32"]), clock(f)
    placed[name] = O / D, O / seen
    print(f"{name}: predicted {report(law, seen, 0.25)}")
kept = clock(lambda: torch.softmax(rows[:100], 1, out=out[:100])) * len(rows) / 100
print(f"softmax, 100 rows in the cache, times {len(rows) // 100}: {kept / ms:.2f} ms")

# %% [markdown]
# The roof is a floor, as good as its bandwidth: the add beats it by up to 7 %, for a
# copy is not the fastest stream.  The product stays within 21 %.  Softmax takes
# nearly as long when its rows never leave the cache.  The roof counts five operations a
# value at the rate of a matrix product, and an exponential is none of those.  In ten
# runs softmax took about twice its bound.
#
# ### Decode, with weights that really stream
#
# A small model: square matrices, in all larger than the caches.  A step takes a batch
# of tokens through every layer and picks the next.  The control runs the same products
# with one matrix that stays in the cache, so streamed minus cached is what memory
# costs.  On a GPU whose cache is below 34 MB (a T4), the control streams too: read the
# floor only.

# %%
n, depth = (4096, 32) if gpu else (2048, 16)
W = torch.empty(depth, n, n, device=on).uniform_(-1, 1)
W = (W * (3 / n) ** 0.5).to(getattr(torch, best))
batches = 2 ** np.arange(11 if gpu else 8)


def step(layers, token):
    h = layers[0][token]  # the first matrix is also the table of tokens
    for w in layers:
        h = torch.tanh(linear(h, w))
    return h.argmax(1)


# %%
#| tags: [nbval-ignore-output]
token = torch.arange(1, device=on)
for _ in range(3):
    token = step(W, token)
    print("token", token.item())
pair = list(W), [W[0]] * depth
runs = [
    [clock(lambda w=w, B=B: step(w, torch.arange(B, device=on)), 5) for w in pair]
    for B in batches
]
stream, cached = np.array(runs).T

# %%
#| tags: [nbval-ignore-output]
read = W.nbytes / bw
bound = roofline(2 * W.numel() * batches, W.nbytes, roof[best])
ridge = roof[best].ridge * W.element_size() / 2
for B, T_B, T_C, least in zip(batches, stream, cached, bound, strict=True):
    print(
        f"batch {B:4}: floor {least / ms:5.1f}, measured {T_B / ms:5.1f} ms,", end=" "
    )
    print(f"of it memory {(T_B - T_C) / ms:.1f}")
paid = np.median((stream - cached)[batches <= ridge])
print(f"memory, up to the ridge at {ridge:.0f}: predicted {report(read, paid, 0.3)}")
print(f"64 users: {stream[batches == 64][0] / stream[0]:.1f} times the time of one")

# %%
#| label: fig-decode
#| fig-cap: "Decode with streamed weights on this machine. The floor was not fitted."
#| fig-alt: "Step time against batch: streamed, cached, the floor and the sum."
#| tags: [nbval-ignore-output]
_, ax = plt.subplots()
ax.plot(batches, stream / ms, "ko-", label="measured, streamed")
ax.plot(batches, cached / ms, "k^:", mfc="w", label="measured, one matrix in cache")
ax.plot(batches, bound / ms, "--", c="0.4", label="floor, perfect overlap")
ax.loglog(
    batches, (cached + read) / ms, "-", c="0.7", label="cached + memory, no overlap"
)
ax.set_xscale("log", base=2)
ax.set_yscale("log", base=2)
ax.set(xlabel="batch", ylabel="time of a step (ms)")
ax.legend()
plt.show()

# %% [markdown]
# Nothing was fitted to decode.  What streaming costs follows from the copy alone: on
# our machine (BF16 unit) its median up to the ridge was off by at most a fifth in
# fifteen runs.  Far beyond the ridge part of it mostly hides.  But the floor is missed
# twofold at batch 1, for a product with one row runs far below the peak even from the
# cache.  One core hardly overlaps the two, so their sum is nearer than their maximum.
# And 64 users took 3.0 to 3.8 times the time of one; forced to float32, 7.7 to 8.2
# times.

# %%
#| label: fig-here
#| fig-cap: "The roof of this machine, and what was measured under it."
#| fig-alt: "Roofs for each precision; three kernels and decode batches as marks."
#| tags: [nbval-ignore-output]
_, ax = plt.subplots()
I = np.logspace(-1.5, 3)
for (kind, chip), style in zip(roof.items(), ("-", "--", ":"), strict=False):
    ax.loglog(I, compute.attainable(I, chip) / 1e9, style, c="0.4", label=kind)
for (name, (i, R)), mark in zip(placed.items(), "os^", strict=True):
    ax.plot(i, R / 1e9, mark, c="0.15", label=name)
i = 2 * batches / W.element_size()
ax.plot(
    i, 2 * W.numel() * batches / stream / 1e9, "kx-", lw=0.8, label=f"decode, {best}"
)
ax.set(xlabel="arithmetic intensity (FLOP/B)", ylabel="rate (GFLOP/s)")
ax.legend(ncols=2)
plt.show()

# %% [markdown]
# ## Choose on what is sustained
#
# From peak to a finished run, time grows by what is not reached.  The book's case: 175
# billion parameters, 300 billion tokens, 8,192 H100s in FP8 (8-bit floating point).
# One chip reaches 45 % of peak, at scale 56 % of that; 3, 10 and 5 % go to checkpoints,
# failures and maintenance.

# %%
T_peak = 6 * GPT3.P * 300e9 / (8192 * catalog.H100_FP8.peak)
shares = np.array([1, 0.45, 0.56, 0.97, 0.9, 0.95]).cumprod()
print("hours:", *(f"{T_peak / share / hour:.1f}" for share in shares))
print(f"{shares[-1]:.0%} of peak is delivered")

# %% [markdown]
# The book ends at 25.5 h: it lets each overhead add to the time, times 1.03, 1.10 and
# 1.05.  If a failure takes a tenth of the time, nine tenths work, and one divides.
#
# Sustained shares, published: MT-NLG on A100s, 30.2 % of 312 TFLOP/s, and PaLM on TPU
# v4, 46.2 % of 275 (Chowdhery et al., arXiv 2204.02311, table 3).  Megatron's trillion
# parameters on A100s: 163 TFLOP/s, a second forward pass counted, so six eighths of
# that (Narayanan et al., arXiv 2104.04473, table 1).  And prices: a V100 costs a fifth
# of an H100's hour (assumed).

# %%
print(f"A100 {0.302 * 312:.0f} and {163 * 6 / 8:.0f}, TPU v4 {0.462 * 275:.0f} TFLOP/s")
gains = {
    "training at equal shares of peak, FP16 both": H100.peak / V100.peak,
    "training at equal shares of peak, FP8 to FP16": catalog.H100_FP8.peak / V100.peak,
    "decode, one user": H100.bw / V100.bw,
}
for name, gain in gains.items():
    print(f"{name}: {gain:.1f} times the work; on V100s it costs {gain / 5:.2f} times")
print(f"the guess was {1 / guess_price:.2f} times")

# %% [markdown]
# Same chip, two programs: 94 and 122.  The TPU, with the lower peak, delivers 127.  The
# program made the larger difference.  The cheap hour does the dearer work, by 1.6 times
# like for like; 3.2 sets one chip's FP8 against the other's FP16.  For decode the
# ranking turns over, if the model fits in 32 GB.  No one chip is best for both.
#
# ### Own or rent
#
# The **total cost of ownership** of a machine is its price and all that it takes to
# house, feed, cool and mend it over its life.  Eight H100s cost 350,000 dollars and
# draw 8,375 W at a PUE of 1.1 (site's energy over the machines'), for three years (the
# book).  Renting costs 4 dollars a GPU-hour.

# %%
rent, use = 8 * catalog.RENTED_GPU_HOUR, 8.375 * kW * 1.1 * catalog.ELECTRICITY
for idle in (0, 9):
    needed = 350_000 / ((rent - use) * (36 - idle) * month)
    print(f"in use after {idle} months: owning pays from {needed:.0%} of the hours on")

# %% [markdown]
# The first is the book's.  But training does not start when the chips arrive.  Power,
# cooling and burn-in take 9 months (assumed).
#
# ## Check
#
# Against the package, then published machines.

# %%
for O, D in ((1e12, 1e9), (1e9, 1e12)):
    assert np.isclose(roofline(O, D, H100), compute.roofline(O, D, H100))
assert np.isclose(decode(1, H100), compute.decode_floor(LLAMA3_70B.P, H100))
assert np.isclose(flow(100 * kW, 15, AIR), AIR.volume_flow(100 * kW, 15))
dI = compute.current_step(300, 0.8)
assert np.isclose(droop(us), compute.voltage_droop(50e-12, dI, us))
law = compute.break_even_utilisation(350_000, rent * 27 * month, use * 27 * month)
assert np.isclose(needed, law)
lost = compute.delivered_time(1.0, 0.45, 0.56, (0.03, 0.1, 0.05))
assert np.isclose(T_peak / shares[-1], T_peak * lost)

# %% [markdown]
# The first TPU is a systolic array of 256 by 256 at 700 MHz that reads weights at
# 34 GB/s (Jouppi et al., arXiv 1704.04760).  Its paper gives multiply-adds for each
# byte of weight (table 1) and measured rates (table 3) for six production networks:

# %%
tpu = Accelerator(2 * 256**2 * 700e6, 34 * GB, 8 * GB, 75)
apps = "MLP0 200 12.3, MLP1 168 9.7, LSTM0 64 3.7, LSTM1 96 2.8, CNN0 2888 86"
for app in (apps + ", CNN1 1750 14.1").split(", "):
    name, macs, seen = app.split()
    law = compute.attainable(2 * float(macs), tpu) / TFLOP
    print(f"{name:6}roof {law:5.1f}, measured {float(seen):5.1f} TOP/s", end=", ")
    print(f"{float(seen) / law:.0%}")
    assert float(seen) < law
assert round(tpu.ridge / 2, -1) == 1350  # multiply-adds a byte, as in their section 4

# %% [markdown]
# None is above its roof.  Four reach 85 to 94 % of it, rounded.  CNN1 does least,
# though it lies to the right of the ridge: in its shallow layers half of the cells hold
# no useful weight, and a third of the time goes to loading weights (their section 4).
# The roof knows nothing of shapes.
#
# Last, decode: 12.85 billion parameters on one A100 of 40 GB, 22.0 ms a token (Chen,
# Transformer Inference Arithmetic, 2022).

# %%
a100 = Accelerator(312 * TFLOP, 1.555 * TB, 40 * GB, 400)
floor = compute.decode_floor(12_850_000_000, a100)
print(f"floor {floor / ms:.1f} ms, measured 22.0 ms: {0.022 / floor:.2f} times")
assert 1 < 0.022 / floor < 1.5

# %% [markdown]
# ## Try it
#
# 1. Move the bandwidth slider until a batch of 64 reaches the ridge.  How fast is that?
# 2. Run `systolic` with $K = 1000$.  What becomes of the busy share, and why?
# 3. Give `supply` a capacitor of 10 mF.  Which of the two droops changes more?
# 4. Spread the phases over half a second only, `0.5 * phase`, then over 0.75.  How much
#    of the 307 kW is left?
# 5. Set `best` to `float32` for the decode model.  At which batch is its ridge?
#
# > **Takeaways.**
# >
# > - $T \ge \max(O/R_{peak}, D/BW)$; below the ridge, more arithmetic buys nothing.
# > - One token reads all weights; a batch shares them, up to the ridge.
# > - Data flows raise intensity by reuse; decode at batch 1 has none.
# > - The split that sends most belongs on the fastest link.
# > - Peak grows faster than operations for each joule; heat and ramps set the rack.
# > - Compare prices of delivered work, on the program that you run.
#
# > **Chapter connection.** Past the node, all went over one NDR port at its full rate.
# > Chapter 3 asks what a network of such ports can carry.
