# %% [markdown]
# ---
# title: "2 · Compute infrastructure"
# fleet-stack: [100, 40, 15, 10, 10, 0, 0, 0]
# ---
#
# A chip is sold for 989 trillion operations a second.  It writes an answer for one
# reader, and reaches three thousandths of that rate.  Its monitor shows 100 % busy all
# the while.  *What is it busy with?  And which limit do one accelerator and one rack
# meet first: arithmetic, memory, power or heat?*
#
# The chip is NVIDIA's H100.  The model is Llama 3 70B, which has 70.6 billion numbers,
# its *weights*.  Each weight is stored in two bytes.  To write one *token*, a piece of
# a word, the model multiplies by each weight once and adds the product once.

# %%
import os
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython import get_ipython
from ipywidgets import interact
from torch.nn.functional import linear

from mlsyscore import catalog
from mlsyscore.catalog import GPT3, H100, LLAMA3_70B, NDR, NVLINK4
from mlsyscore.compute import Accelerator
from mlsyscore.units import GB, TB, TFLOP, day, hour, kW, litre, ms

plt.style.use("mlsyscore.figures")

# %% [markdown]
# ## Predict
#
# Write five guesses before you read on.  The values given are common guesses.
#
# 1. A new chip has twice the arithmetic and the same memory.  How many times faster
#    does the one reader get a token?
# 2. On the H100, 64 readers ask at once.  All get a token in each step.  How many times
#    longer does a step take than for one reader?
# 3. A training step takes one chip 21.7 s.  Eight chips share it, each with a network
#    card of 400 Gb/s.  How many seconds now?
# 4. A B200 does 18 times as many operations a second as a V100.  How many times as many
#    does it do for each joule, at full power?
# 5. An hour of a V100 costs a fifth of an hour of an H100.  How many times cheaper is a
#    training run on V100s?

# %%
#| tags: [guess]
guess_peak = 2.0  # times faster
guess_readers = 64.0  # times longer
guess_eight = 2.7  # seconds
guess_joule = 18.0  # times
guess_price = 5.0  # times cheaper

# %% [markdown]
# ## Two pipes
#
# A chip has two pipes.  One does operations, at most $R_\text{peak}$ in a second.  The
# other moves bytes between the chip and its own memory, at most $BW$ in a second.  A
# program needs $O$ operations and $D$ bytes, so it takes at least
#
# $$ T \ge \frac{O}{R_\text{peak}} \quad\text{and}\quad T \ge \frac{D}{BW}. $$
#
# Both pipes can run at the same time, and then the slower one decides:
#
# $$ T \ge \max\left(\frac{O}{R_\text{peak}},\ \frac{D}{BW}\right), \qquad
#    \frac{O}{T} \le \min(R_\text{peak},\ I \cdot BW), \qquad I = \frac{O}{D}. $$
#
# > **Definition · Arithmetic intensity.** The **arithmetic intensity** $I$ of a program
# > is its operations for each byte that it moves to or from the chip's memory.
#
# The bound is the **roofline model** (Williams, Waterman and Patterson, 2009).  The
# **ridge point** is the intensity $I^* = R_\text{peak}/BW$ at which both pipes take
# equal time.  Left of it a program is **memory-bound**: its bytes take longer.  Right
# of it the program is **compute-bound**: its operations take longer.  A rule for the
# head: *for the H100 the ridge is near 300 operations a byte.*


# %%
def roofline(O, D, chip):
    return np.maximum(O / chip.peak, D / chip.bw)


print(f"H100: ridge at {H100.ridge:.0f} operations a byte")

# %% [markdown]
# Does so simple a bound predict anything?  Google measured six production networks on
# its first TPU, which does 92 trillion operations a second and reads weights at 34 GB/s
# (arXiv 1704.04760, tables 1 and 3).  Put the roof beside three rivals: the peak alone,
# the bytes alone, and the (geometric) mean of the other five networks.

# %%
TPU = Accelerator(92 * TFLOP, 34 * GB, 8 * GB, 75)
NETWORKS = ["MLP0", "MLP1", "LSTM0", "LSTM1", "CNN0", "CNN1"]
intensity = 2 * np.array([200, 168, 64, 96, 2888, 1750])  # operations a weight byte
seen = np.array([12.3, 9.7, 3.7, 2.8, 86, 14.1])  # measured, trillions a second

# %%
bytes_alone = intensity * TPU.bw / TFLOP
others = [np.exp(np.log(np.delete(seen, i)).mean()) for i in range(6)]
models = {
    "roof": intensity / roofline(intensity, 1, TPU) / TFLOP,
    "bytes alone": bytes_alone,
    "mean of the others": np.array(others),
    "peak alone": np.full(6, 92.0),
}


def factor_off(model, seen):  # 1 is perfect, 2 is double or half, on average
    return np.exp(np.abs(np.log(model / seen)).mean())


print("trillions a second " + " ".join(f"{name:>6}" for name in NETWORKS))
print(f"{'measured':18} " + " ".join(f"{x:6.1f}" for x in seen))
for name, model in models.items():
    numbers = " ".join(f"{x:6.1f}" for x in model)
    print(f"{name:18} {numbers}   off by a factor of {factor_off(model, seen):.2f}")

# %% [markdown]
# The roof comes nearest, and no network stands above it.  Bytes alone do as well for
# the first four; the two CNNs lie right of the ridge, where only the peak counts.  CNN1
# stays far below: half of the cells had no useful weight, and a third of the time went
# to loading weights (section 4 of the paper).  The roof is a bound and not a promise.
#
# ## One token
#
# Now let the H100 write one token.  The model has $P$ weights of $s$ bytes.  Each is
# read once and serves one multiplication and one addition:
#
# $$ O = 2P, \qquad D = sP, \qquad I = \frac{2}{s} = 1 \text{ for } s = 2. $$
#
# One operation a byte lies far to the left of the ridge.  So arithmetic does not count,
# and the token takes as long as its weights take to arrive:
#
# $$ T_\text{token} \ge \frac{sP}{BW}. $$
#
# This is the **memory wall**: arithmetic that waits for bytes from the chip's own
# memory.


# %%
def decode(B, chip, P=LLAMA3_70B.P, s=2):
    operations = 2 * P * B
    weights = s * P
    return roofline(operations, weights, chip)


T = decode(1, H100)
print(f"one token: {T / ms:.1f} ms at least, so {1 / T:.0f} tokens a second at most")
print(f"of the peak: {2 * LLAMA3_70B.P / T / H100.peak:.2%}")
stronger = Accelerator(2 * H100.peak, H100.bw, H100.memory, H100.power)
gain = T / decode(1, stronger)
print(
    f"twice the arithmetic: {gain:.2f} times faster; you guessed {guess_peak:g} times"
)
print(
    f"H200, memory 1.43 times as fast: {T / decode(1, catalog.H200):.2f} times faster"
)

# %% [markdown]
# The chip with the most operations does not answer fastest.  The chip with the fastest
# memory does.  Nor did the monitor lie.  Its 100 % is the share of time in which any
# program ran ([NVIDIA's
# definition](https://docs.nvidia.com/deploy/nvml-api/structnvmlUtilization__t.html)),
# and a program that waits for memory runs.  A rule: *tokens a second for one reader are
# bandwidth over the size of the model.*
#
# Others measured 22.0 ms a token with 12.85 billion weights on an A100 whose memory
# moves 1.555 TB/s (Chen, [Transformer inference
# arithmetic](https://kipp.ly/transformer-inference-arithmetic/), 2022).

# %%
a100 = Accelerator(312 * TFLOP, 1.555 * TB, 40 * GB, 400)
floor = decode(1, a100, P=12.85e9)
rival = 2 * 12.85e9 / a100.peak
print("law                     ms a token   22.0 ms measured is")
print(f"bytes over bandwidth {floor / ms:13.2f} {22 * ms / floor:13.1f} times that")
print(f"peak rate alone {rival / ms:18.2f} {22 * ms / rival:13.0f} times that")

# %% [markdown]
# ## Many readers
#
# Sixty-four readers ask at once.  The chip serves them together, as a *batch* of $B$.

# %%
T64 = decode(64, H100)
print(f"64 readers: {T64 / T:.2f} times as long as one; you guessed {guess_readers:g}")
print(f"of the peak: {2 * 64 * LLAMA3_70B.P / T64 / H100.peak:.1%}")

# %% [markdown]
# Sixty-three readers cost nothing.  The chip reads a weight, uses it for all of them,
# and reads the next.  They use arithmetic that stood idle, and no byte is read for them
# that was not read before.  With $O = 2PB$ and the same $D$,
#
# $$ I = \frac{2B}{s} = B \text{ for } s = 2, \qquad
#    T = \max\left(\frac{2PB}{R_\text{peak}},\ \frac{sP}{BW}\right). $$
#
# The rule: *readers are free up to the ridge, and cost in proportion beyond it.*


# %%
#| label: fig-roofline
#| fig-cap: "The roof of an H100 in 16 bits, and a step for 1, 64 and 1,024 readers."
#| fig-alt: "A line rises, then is flat. One and 64 readers stand on its slope."
# @title What it draws
def draw(peak_TFLOPs=989.0, bandwidth_TBps=3.35):
    chip = Accelerator(peak_TFLOPs * TFLOP, bandwidth_TBps * TB, 1, 1)
    slope = np.array([0.1, chip.ridge])
    flat = np.array([chip.ridge, 1e4])
    _, ax = plt.subplots()
    ax.loglog(slope, slope * chip.bw / TFLOP, "C1--", label="memory's limit")
    ax.loglog(flat, 0 * flat + chip.peak / TFLOP, "C0-", label="arithmetic's limit")
    for B, mark in ((1, "o"), (64, "s"), (1024, "^")):
        rate = min(chip.peak, B * chip.bw) / TFLOP
        style = {"marker": mark, "mfc": "w", "ms": 9, "mew": 2, "ls": "", "color": "C3"}
        ax.plot(B, rate, **style, label=f"readers: {B:,}, rate: {rate:.3g}")
    ax.set_xlabel("arithmetic intensity (operations a byte)")
    ax.set_ylabel("rate (trillion operations/s)")
    ax.set_title(f"ridge at {chip.ridge:.0f} operations a byte", fontsize=10)
    ax.legend(loc="lower right", fontsize=9)
    plt.show()


draw()

# %%
#| eval: false
#| tags: [nbval-ignore-output, remove-cell]
if get_ipython():
    interact(draw, peak_TFLOPs=(100.0, 4500.0), bandwidth_TBps=(0.3, 16.0))

# %% [markdown]
# More peak only lifts the flat part, where 64 readers do not stand.
#
# ### Three ways to feed a multiplier
#
# Sharing what was read is also how chips are built.  Take a block of $n$ rows and $m$
# columns of a matrix product.  At each step it reads $n$ numbers of one matrix and $m$
# of the other, and does $nm$ multiply-adds:
#
# $$ \text{reads for each multiply-add} = \frac{n+m}{nm} = \frac1n + \frac1m. $$
#
# - A single multiplier, as in a simple CPU, is the block $1 \times 1$.
# - In **SIMT execution** (single instruction, multiple threads), the way of GPUs, the
#   32 threads of a *warp* run one instruction on data of their own.  If they share one
#   weight, they are a block of $32 \times 1$.
# - A **systolic array**, the way of TPUs, is a grid of cells.  Each hands its numbers
#   on to the next cell, so one read serves a whole row or column.
#
# The price of the freer designs is the **generality tax**: area and energy that decide
# what to do next instead of multiplying.  Play the array cycle by cycle, with real
# numbers, and count its reads.


# %%
def entering(lines, t):
    """What enters at the edge in cycle t; line i starts i cycles after line 0."""
    i = np.arange(len(lines))
    k = t - i
    inside = (k >= 0) & (k < lines.shape[1])
    return np.where(inside, lines[i, k % lines.shape[1]], 0), inside.sum()


def systolic(X, W):
    """Multiply X by W in a grid of cells; count reads from outside."""
    x, w, sums = np.zeros((3, len(X), W.shape[1]))
    cycles = len(X) + W.shape[1] + X.shape[1] - 2
    reads = 0
    for t in range(cycles):
        x = np.roll(x, 1, axis=1)  # each cell hands its x to the right
        w = np.roll(w, 1, axis=0)  # and its w downwards
        x[:, 0], from_left = entering(X, t)
        w[0], from_top = entering(W.T, t)
        sums += x * w
        reads += from_left + from_top
    return sums, reads


# %%
rng = np.random.default_rng(2)
print("reads for each multiply-add   played     law   two each time")
for name, n, m in (
    ("one multiplier, 1 x 1", 1, 1),
    ("warp, 32 x 1", 32, 1),
    ("array, 64 x 64", 64, 64),
    ("array, one reader, 64 x 1", 64, 1),
):
    X = rng.integers(-9, 9, (n, 64))
    W = rng.integers(-9, 9, (64, m))
    sums, reads = systolic(X, W)
    assert (sums == X @ W).all()  # the array multiplies right
    print(f"{name:27} {reads / (n * m * 64):8.3f}{1 / n + 1 / m:8.3f} {2:12}")

# %% [markdown]
# The last line is the first scene again.  Take the 64 rows from the weights, and the
# column from one reader.  Each multiply-add then needs a new weight, and no design of
# the chip can change that.  Only more readers can.
#
# ## What fits
#
# How many readers can a chip take?  The ridge says about 300.  But a conversation has
# to be *kept*.  For each token so far, each of $L$ layers keeps two vectors, a key and
# a value, which later tokens look at.  Together they are the *KV cache*.  A layer is
# $h$ numbers wide and divides them into $a$ heads.  Heads may share keys and values, so
# only $n_\text{kv}$ of them keep any:
#
# $$ \text{cache of one token} = 2\,L\,n_\text{kv}\,\frac{h}{a}\,s \text{ bytes}. $$
#
# Readers share weights.  Nobody shares a conversation.  So the tokens that fit are the
# memory that the weights leave, over the cache of one token.
#
# The authors of vLLM counted them for three models in which heads share nothing (arXiv
# 2309.06180, table 1).  The rival knows no layers: it lets the cache of a token grow
# with the weights, and is handed the smallest model.


# %%
def cache(L, h, s=2, shared=1):  # shared: heads to each key
    return 2 * L * h / shared * s


MODELS = {  # memory and weights in GB, layers, width, thousand tokens reported
    "OPT-13B": (40, 26, 40, 5120, 15.7),
    "OPT-66B": (160, 132, 64, 9216, 9.7),
    "OPT-175B": (640, 346, 96, 12288, 60.1),
}
print("thousand tokens   reported    law  error    rival  error")
for name, (memory, weights, L, h, seen_k) in MODELS.items():
    law = (memory - weights) * GB / cache(L, h) / 1000
    rival = (memory / weights - 1) / (40 / 26 - 1) * 15.7
    left = f"{name:15} {seen_k:10.1f} {law:6.1f} {law / seen_k - 1:+6.0%}"
    print(f"{left} {rival:8.1f} {rival / seen_k - 1:+6.0%}")

# %% [markdown]
# The law is always high, because work in progress needs some memory too.  The rival
# finds less than half of what fits beside the largest model.  Now our own model, whose
# heads share keys by eights, with 4,096 tokens a reader:

# %%
each = 4096 * cache(LLAMA3_70B.L, LLAMA3_70B.h, shared=8)
weights = 2 * LLAMA3_70B.P
print(f"weights {weights / GB:.0f} GB, one conversation {each / GB:.2f} GB")
for name, memory in (
    ("one H100", H100.memory),
    ("two H100", 2 * H100.memory),
    ("one H200", catalog.H200.memory),
    ("one B200", catalog.B200.memory),
):
    room = memory - weights
    verdict = f"{room // each:.0f} readers fit" if room > 0 else "weights do not fit"
    print(f"{name}: {memory / GB:3.0f} GB, {verdict}")
print(f"to train 175 billion weights: {16 * GPT3.P / H100.memory:.0f} H100 at least")

# %% [markdown]
# So memory stops us twice, first by its rate and then by its size.  One H100 cannot
# even hold the weights: the first scene was a floor, and no machine.  Two can, and have
# room for 22 readers where the ridge would allow 295.
#
# Training needs more.  Adam in mixed precision keeps 16 bytes for each weight: two for
# the weight, two for its gradient, and twelve for the optimiser (arXiv 1910.02054,
# section 3.1).  A rule: *2 bytes a weight to serve, 16 to train.*
#
# ## The next tier
#
# What does not fit in one chip goes to several.  Then bytes travel between chips.  The
# **bandwidth hierarchy** is the order of a fleet's paths by rate: a chip's own memory
# (*HBM*), the links between the eight chips of a *node* (*NVLink*), the bus to the host
# (*PCIe*), and the network card to another *rack* (*NDR*, 400 Gb/s).

# %%
TIERS = {"HBM": H100.bw, "NVLink": NVLINK4.beta, "PCIe": catalog.PCIE5, "NDR": NDR.beta}
took = {name: GB / rate / ms for name, rate in TIERS.items()}
print("to move 1 GB      time     against HBM")
for name in TIERS:
    print(f"{name:12} {took[name]:6.1f} ms {took[name] / took['HBM']:10.1f} times")

# %%
#| label: fig-way
#| fig-cap: "One gigabyte on its way next door, and to the next room."
#| fig-alt: "Bars on one clock: 2.8 ms to the chip next door, 51.8 ms to the next room."
# @title What it draws
roads = [["HBM", "NVLink", "HBM"], ["HBM", "PCIe", "NDR", "PCIe", "HBM"]]
hatches = {"PCIe": "..", "NDR": "//"}
_, ax = plt.subplots(figsize=(6.4, 2.8))
for y, road in enumerate(roads):
    at = 0.0
    for tier in road:
        style = {"color": "C0" if tier == "HBM" else "C1", "hatch": hatches.get(tier)}
        ax.barh(-y, took[tier], 0.4, at, ec="w", lw=0, **style)
        label = tier if took[tier] > 5 else ""
        ax.text(at + took[tier] / 2, 0.27 - y, label, ha="center")
        at += took[tier]
    ax.text(at + 0.7, -y, f"{at:.1f} ms", va="center")
ax.text(0, 0.27, "HBM, NVLink, HBM", ha="left")
for x, name in ((0, "chip"), (16, "card"), (36, "card"), (51.8, "chip")):
    ax.text(x, -1.38, name, ha="center", fontsize=9)
ax.set(yticks=[0, -1], yticklabels=["next door", "next room"])
ax.set(xlim=(-2, 62), ylim=(-1.6, 0.6))
ax.set_xlabel("time if each stretch waits for the whole gigabyte (ms)")
plt.show()

# %% [markdown]
# From memory to the neighbour, and from the neighbour to the network, a byte costs
# seven to nine times more.  The rule: *each tier outwards costs about ten times.*
#
# What that does to a model depends on how it is cut.  There are three ways.
#
# - *Tensor parallelism* cuts every matrix over $t$ chips.  They sum their results, $M$
#   bytes, four times a layer (arXiv 1909.08053, section 3).  For each sum a chip sends
#   $2\frac{t-1}{t}M$ bytes, as chapter 6 will show.
# - *Pipeline parallelism* gives each chip some of the layers.  It hands the results of
#   its last layer on, and gets their gradient back.
# - *Data parallelism* copies the model, and sums all gradients once a step.
#
# For $B$ texts of $S$ tokens the results are $M = B\,S\,h\,s$ bytes.  Train GPT-3, 175
# billion weights, on 2,048 chips: every matrix cut over 8, the layers over 16, and 16
# copies of all that.  In a step each copy takes 64 texts of 2,048 tokens, four at a
# time.  Training takes $6PD$ operations for $P$ weights and $D$ tokens (chapter 5).


# %%
def summed(M, t):
    return 2 * (t - 1) / t * M


M = 4 * 2048 * GPT3.h * 2  # results of four texts, in bytes
turns = 64 / 4
layers = GPT3.L / 16  # those of one chip
gradients = 2 * GPT3.P / (8 * 16)  # bytes, those of one chip
sent = {
    "tensor": turns * layers * 4 * summed(M, 8),
    "pipeline": turns * 2 * M / 8,  # there and back; the eight share it
    "data": summed(gradients, 16),
}
tokens = 16 * 64 * 2048
work = 6 * GPT3.P * tokens / 2048 / (0.4 * H100.peak)

# %%
print(f"each chip computes for {work:.1f} s a step, at 40 % of peak (assumed)")
print("split       sends      over NVLink   over NDR")
for name, D in sent.items():
    print(f"{name:9}{D / GB:6.1f} GB {D / NVLINK4.beta:11.3f} s{D / NDR.beta:10.3f} s")
for name, link in (("network cards", NDR), ("NVLink", NVLINK4)):
    eight = work + sent["tensor"] / link.beta
    gain = 8 * work / eight
    print(
        f"one chip {8 * work:.1f} s, 8 by {name} {eight:.1f} s, gain {gain:.1f} times"
    )
print(f"You guessed {guess_eight:g} s for 8 chips by network cards.")

# %% [markdown]
# The split that talks most belongs on the fastest link.  Tensor parallelism stays
# inside the node, for over the network it talks as long as it computes.  The other two
# can leave the node.
#
# Eight chips are eight times one only if they need not talk.  Otherwise they meet the
# **communication wall**: bytes between chips that take longer than their arithmetic.
# We raised one limit, memory, and another one set the time.  That is **bottleneck
# relocation**, and no better chip or package ends it.
#
# ## The rack
#
# Chips that talk much should stand close together.  How close can they?  All power that
# enters a chip leaves it as heat.  A chip's **TDP**, thermal design power, is the power
# that its supply and its cooling must be built for.

# %%
peak = catalog.B200.peak / catalog.V100.peak
power = catalog.B200.power / catalog.V100.power
print(f"V100 to B200: operations a second {peak:.0f} times, power {power:.1f} times")
print(f"operations a joule {peak / power:.1f} times; you guessed {guess_joule:g} times")

# %% [markdown]
# Arithmetic outran its energy, so the newer chip is the hotter one.  A stream of
# $\dot m$ kilograms a second that warms by $\Delta T$ carries away
#
# $$ Q = \dot m\,c_p\,\Delta T, \qquad
#    \text{volume a second} = \frac{\dot m}{\rho} = \frac{Q}{\rho\,c_p\,\Delta T}, $$
#
# with $c_p$ the heat that warms a kilogram by a degree, and $\rho$ the density.  How
# much does the air warm?  The user guides of NVIDIA's servers say how much air their
# fans move: 1,105 cubic feet a minute for [10.2 kW of
# H100s](https://docs.nvidia.com/dgx/dgxh100-user-guide/introduction-to-dgxh100.html),
# and 1,550 for [14.3 kW of
# B200s](https://docs.nvidia.com/dgx/dgxb200-user-guide/introduction-to-dgxb200.html).


# %%
def flow(Q, dT, coolant):
    return Q / (coolant.rho * coolant.c_p * dT)


CFM = 0.3048**3 / 60  # a cubic foot a minute, in cubic metres a second
for name, Q, fans in (("H100", 10.2 * kW, 1105), ("B200", 14.3 * kW, 1550)):
    dT = Q / (catalog.AIR.rho * catalog.AIR.c_p * fans * CFM)
    print(f"server of eight {name}: its air warms by {dT:.0f} degrees")

# %% [markdown]
# **Rack power density** is the power drawn in one rack.  A published design puts four
# servers of eight B300s in one rack, about 56 kW ([NVIDIA's reference
# architecture](https://docs.nvidia.com/dgx-superpod/reference-architecture/scalable-infrastructure-b300-xdr/latest/dgx-superpod-architecture.html)).
# It adds that a room may force you to fewer.  Many may: in a survey of 2023 most
# operators had no rack above 20 kW ([Uptime
# Institute](https://intelligence.uptimeinstitute.com/resource/uptime-institute-global-data-center-survey-2023)).

# %%
print("heat in a rack               air, +16 K   water, +10 K")
for name, Q in (
    ("one server", 14 * kW),
    ("most rooms' highest", 20 * kW),
    ("four servers", 56 * kW),
    ("72 chips, liquid", 120 * kW),
):
    air, water = flow(Q, 16, catalog.AIR) / litre, flow(Q, 10, catalog.WATER) / litre
    print(f"{name:20}{Q / kW:4.0f} kW {air:8,.0f} L/s {water:10.2f} L/s")
print(f"servers a rack in a room for 20 kW each: {20 // 14}; in the design: {56 // 14}")

# %% [markdown]
# A rack can hold four servers.  But a room built for 20 kW a rack feeds and cools one,
# so there the room is the limit and not the rack.  This is the **power wall**: more
# chips cannot be fed, or their heat cannot be taken away.  Water carries the same heat
# in a two-thousandth of the volume, so the densest racks are plumbed.  A rule: *a
# kilowatt takes 50 litres of air a second, or a sip of water.*
#
# > **War story · Tens of megawatts (2024).** While Llama 3 trained, tens of thousands
# > of chips paused and resumed together, for a checkpoint or a restart.  The power of
# > the site jumped by tens of megawatts and strained its grid (arXiv 2407.21783,
# > section 3.3.4).  A job that works in step is one electrical load.
#
# ## From the data sheet to the calendar
#
# How many days does a job take?  A chip reaches a share $\eta$ of its peak.  Failures,
# saving and maintenance take shares $o_1, o_2, \dots$ of the time.  Each takes its
# share of what the others leave, so the shares multiply:
#
# $$ T = \frac{T_\text{peak}}{\eta\,(1-o_1)(1-o_2)\cdots}, \qquad
#    T_\text{peak} = \frac{O}{N R_\text{peak}}. $$
#
# Failures are in this product because of the **reliability wall**: of many parts, one
# is nearly always broken.  Llama 3 405B read 15.6 trillion tokens on H100s.  Its paper
# gives 41 % of peak on 16,384 chips, and over 90 % of the time at work (arXiv
# 2407.21783, table 4 and section 3.3.4).  Its [model
# card](https://github.com/meta-llama/llama-models/blob/main/models/llama3_1/MODEL_CARD.md)
# gives what it took: 30.84 million chip hours.


# %%
def calendar(T_peak, *shares):
    return T_peak / np.prod(shares)


used = 30.84e6 * hour
T_peak = 6 * 405e9 * 15.6e12 / H100.peak  # on one chip
print("plan                  million hours   days on 16,384   error")
for name, shares in (
    ("peak alone", ()),
    ("times 41 % of peak", (0.41,)),
    ("times 90 % of time too", (0.41, 0.90)),
):
    T = calendar(T_peak, *shares)
    days = T / 16_384 / day
    print(f"{name:22}{T / hour / 1e6:13.1f}{days:17.0f}{T / used - 1:+8.0%}")

# %% [markdown]
# Each factor left out makes the plan too short.  The full product is still short; the
# card may count work that the two shares leave out.  A rule: *plan with a third of the
# data sheet.*
#
# What you pay for is delivered work as well.  Let a V100's hour cost a fifth of an
# H100's (assumed), and let both reach the same shares.

# %%
for name, ratio in (
    ("training, by arithmetic", H100.peak / catalog.V100.peak),
    ("one reader, by bandwidth", H100.bw / catalog.V100.bw),
):
    price = ratio / 5
    print(f"{name}: one H100 does the work of {ratio:.1f} V100s.")
    print(f"    The same work on V100s costs {price:.2f} times the price.")
print(f"You guessed that training on V100s is {guess_price:g} times cheaper.")

# %% [markdown]
# The cheap hour does dear work in training, and cheap work for one reader whose model
# fits in 32 GB.  No chip is best for both.  The **total cost of ownership** of a
# machine is its price and all that it takes to house, feed, cool and mend it.  Problem
# 3 asks when owning beats renting.
#
# ## The roof of your own machine
#
# Last, find the roof of the machine in front of you.  Two kernels build it.  A large
# copy gives $BW$, reads and writes together.  A large square product gives
# $R_\text{peak}$.  The first run of each warms up and does not count; the time is the
# median of the others.  A CPU works with one core here, on its own clock.

# %%
torch.set_num_threads(1)
gpu = torch.cuda.is_available()
on = "cuda" if gpu else "cpu"
own_clock = not gpu and os.name != "nt"  # Windows counts a thread's time in 16 ms
now = time.thread_time if own_clock else time.perf_counter


def clock(run, repeats=5):
    times = []
    for _ in range(repeats + 1):
        if gpu:
            torch.cuda.synchronize()
        start = now()
        run()
        if gpu:
            torch.cuda.synchronize()
        times.append(now() - start)
    return np.median(times[1:])  # the first run warms up


# %%
#| tags: [nbval-ignore-output]
x = torch.ones(32_000_000, device=on)
y = torch.empty_like(x)
bw = 2 * x.nbytes / clock(lambda: y.copy_(x))
n = 4096 if gpu else 1024
peaks = {}
for kind in (torch.float32, torch.bfloat16, torch.float16)[: 3 if gpu else 2]:
    a = torch.randn(n, n, device=on).to(kind)
    peaks[kind] = 2 * n**3 / clock(lambda a=a: a @ a)
kind = max(peaks, key=peaks.get)  # the precision that this machine is best at
here = Accelerator(peaks[kind], bw, 1, 1)
print(f"arithmetic: {here.peak / 1e9:.0f} billion operations/s in {kind}")
print(f"memory: {bw / GB:.0f} GB/s; ridge at {here.ridge:.1f} operations a byte")

# %% [markdown]
# The third kernel is this chapter's: a small model that writes a token for each of $B$
# readers.  Its matrices together are larger than the caches, so every step reads them
# from memory.  Nothing is fitted to it.

# %%
#| tags: [nbval-ignore-output]
depth = 16
layers = [torch.randn(2 * n, 2 * n, device=on).to(kind) for _ in range(depth)]
readers = 2 ** np.arange(11 if gpu else 9)


def step(B):
    state = torch.ones(B, 2 * n, device=on, dtype=kind)
    for layer in layers:
        state = torch.tanh(linear(state, layer))


measured = np.array([clock(lambda B=B: step(B), 3) for B in readers])

# %%
#| tags: [nbval-ignore-output]
D = sum(layer.nbytes for layer in layers)
O = 2 * sum(layer.numel() for layer in layers) * readers
models = {
    "roof: pipes overlap": roofline(O, D, here),
    "sum: pipes take turns": O / here.peak + D / here.bw,
    "bytes alone": np.full(len(readers), D / here.bw),
    "peak alone, as if busy": O / here.peak,
    "one reader, times B": measured[0] * readers,
}
off = {name: factor_off(model, measured) for name, model in models.items()}
for name, factor in off.items():
    print(f"{name:23} off by a factor of {factor:5.2f}")
print(f"nearest here: {min(off, key=off.get)}")
at64 = list(readers).index(64)
roof64 = models["roof: pipes overlap"][[0, at64]]
print(f"64 readers took {measured[at64] / measured[0]:.1f} times as long as one.")
print(f"The roof said {roof64[1] / roof64[0]:.1f}, you guessed {guess_readers:g}.")

# %%
#| label: fig-here
#| fig-cap: "A step on this machine against the number of readers."
#| fig-alt: "Four lines: measured, the roof, the sum, and one reader's time times B."
#| tags: [nbval-ignore-output]
# @title What it draws
_, ax = plt.subplots()
ax.loglog(readers, measured / ms, "C0o-", label="measured")
styles = ("C1--", "C2:", None, None, "C3-.")
for (name, model), style in zip(models.items(), styles, strict=True):
    if style:
        ax.loglog(readers, model / ms, style, label=name)
ax.set_xscale("log", base=2)
ax.set_xlabel("readers B")
ax.set_ylabel("time of a step (ms)")
ax.legend()
plt.show()

# %% [markdown]
# The roof lets the two pipes overlap perfectly, the sum not at all.  The sum is at most
# twice the roof.  A machine that lands above both spends time on something that neither
# counts, such as starting a program, or a product too thin for its library.
#
# ## Try it
#
# 1. A new package makes an H100's memory ten times as fast.  How much faster is a step
#    of 64 readers?  Which limit is it now?
#
#    <details><summary>Answer</summary>
#
#    The bytes would be ten times as fast, but arithmetic takes over on the way.  The
#    bottleneck has moved; the ridge is at 30 readers now.
#
#    ```python
#    package = Accelerator(H100.peak, 10 * H100.bw, H100.memory, H100.power)
#    print(f"{decode(64, H100) / decode(64, package):.1f} times, not 10")
#    ```
#
#    ```text
#    4.6 times, not 10
#    ```
#
#    </details>
#
# 2. A barrier opens, and 1,024 chips go from 400 W to 700 W within 100 µs.  How fast
#    does the room's power rise?  A chip runs at 0.8 V.  How far does its voltage droop
#    over an inductance of 50 pH, if its own current rises within 1 µs?
#
#    <details><summary>Answer</summary>
#
#    The current rises by $\Delta I = \Delta P/V$, and an inductance $\mathcal L$ takes
#    $\mathcal L\,\Delta I/\Delta t$ from the voltage.  So the ramp counts, and not only
#    the power.
#
#    ```python
#    print(f"room: {1024 * 300 / 100e-6 / 1e9:.2f} GW a second")
#    dI = 300 / 0.8
#    print(f"chip: {50e-12 * dI / 1e-6 * 1000:.1f} mV of 800 mV")
#    ```
#
#    ```text
#    room: 3.07 GW a second
#    chip: 18.8 mV of 800 mV
#    ```
#
#    </details>
#
# 3. Eight H100s cost 350,000 dollars, last three years, and use 0.64 dollars of power
#    an hour.  Rented they cost 32 dollars an hour.  In which share of the hours must
#    you use them so that owning pays?  What if power and cooling are ready nine months
#    late?
#
#    <details><summary>Answer</summary>
#
#    Owning pays if the hours in use, times what each saves, cover the price.  Work does
#    not start when the chips arrive, and the lost months raise the share by a third.
#
#    ```python
#    for months in (36, 27):
#        hours = months / 12 * 365.25 * 24
#        print(f"{months} months of use: {350_000 / (32 - 0.64) / hours:.0%}")
#    ```
#
#    ```text
#    36 months of use: 42%
#    27 months of use: 57%
#    ```
#
#    </details>
#
# 4. Llama 2 took 184,320 A100 hours with 7 billion weights, 368,640 with 13 and
#    1,038,336 with 34, all on 2 trillion tokens (arXiv 2307.09288, table 2).  Take the
#    mean share of peak and predict 70 billion weights.  It took 1,720,320.
#
#    <details><summary>Answer</summary>
#
#    One share carries over to the large model.  The peak alone misses by more than
#    half, a power law through the smallest and the third by a third.
#
#    ```python
#    P = np.array([7e9, 13e9, 34e9])
#    took = np.array([184_320, 368_640, 1_038_336])
#    at_peak = 6 * P * 2e12 / (312 * TFLOP) / hour
#    alone = 10 * at_peak[0]
#    law = calendar(alone, (at_peak / took).mean())
#    slope = np.log(took[2] / took[0]) / np.log(34 / 7)
#    power = took[2] * (70 / 34) ** slope
#    for name, x in (("share", law), ("peak alone", alone), ("power law", power)):
#        print(f"{name:10} {x:9,.0f} hours, error {x / 1_720_320 - 1:+.0%}")
#    ```
#
#    ```text
#    share      1,981,377 hours, error +15%
#    peak alone   747,863 hours, error -57%
#    power law  2,287,576 hours, error +33%
#    ```
#
#    </details>
#
# <details><summary>Sources, and where ours differs from the book's</summary>
#
# The book's open calculations (mlsysim 0.3.0) also give the 42.1 ms, 0.34 % and 21.7 %,
# the rates of the tiers, the 3.07 GW a second and the 42 % of problem 3.  Rates are
# from NVIDIA's data sheets: 16-bit, dense, one direction.  An H100's 80 GB are 80 GiB,
# or 85.9 GB.  The room for readers is a ceiling, and steps leave out the reading of
# conversations (chapter 10).
#
# The book lets eight chips compute GPT-3's forward pass for 200 ms, 57 % of its step.
# In 16 bits the pass takes longer even at full peak, so we count operations, and both
# passes.  Its calendar adds each overhead to the time; ours takes it as a share.  The
# 120 kW are its rack of 72 chips.  Problem 3's power is its 8,375 W, a tenth more for
# the site, at 7 cents a kWh.
#
# </details>
#
# > **Takeaways.**
# >
# > - $T \ge \max(O/R_\text{peak},\ D/BW)$: below the ridge, memory is the limit.
# > - One token reads all weights; a batch shares them, up to the ridge or the memory.
# > - Each tier outwards costs ten times, so the split that talks most stays closest.
# > - One accelerator meets memory first; a rack meets its room's power and cooling.
# > - Plan, and pay, by delivered work: a product of shares, each below one.
#
# > **Chapter connection.** Past the node, every byte here crossed one network card at
# > its full rate.  Chapter 3 asks what thousands of such cards can carry at once.
