# %% [markdown]
# ---
# title: "2 · Compute infrastructure"
# fleet-stack: [100, 40, 15, 10, 10, 0, 0, 0]
# ---
#
# A chip is sold for 989 trillion operations a second.  A language model needs 141
# billion operations to write one *token*, a piece of a word.  Divide, and the chip
# writes seven thousand tokens a second.  *How many does one reader really get?  And
# which limit do one accelerator and one rack meet first: arithmetic, memory, or the
# power and cooling of the room?*
#
# The chip is NVIDIA's H100 ([data
# sheet](https://www.nvidia.com/en-us/data-center/h100/)).  The model is Llama 3 70B
# (arXiv 2407.21783), which has 70.6 billion numbers, its *weights*, of two bytes each.
# For each token it multiplies by every weight once and adds the product once.  Suppose,
# until *What fits*, that the chip can hold the whole model.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython import get_ipython
from ipywidgets import interact
from matplotlib.patches import Patch
from torch.nn.functional import linear

from mlsyscore import catalog, device
from mlsyscore.catalog import GPT3, H100, LLAMA3_70B, NDR, NVLINK4
from mlsyscore.compute import Accelerator
from mlsyscore.units import GB, TB, TFLOP, GiB, day, hour, kW, litre, ms

plt.style.use("mlsyscore.figures")

# %% [markdown]
# ## Predict
#
# Write five guesses before you read on.  The values given are common guesses.
#
# 1. A new chip has twice the arithmetic and the same memory.  How many times faster
#    does one reader get a token?
# 2. On the H100, 64 readers ask at once, in short conversations.  In every step the
#    chip writes one token for each.  How many times as long is it as for one reader?
# 3. A training step is 17.4 s of work for one chip.  Eight chips share the work.  On
#    the way each must send 135 GB of partial results through a network card of 400
#    Gb/s.  How many seconds does the step take?
# 4. A B200 of 2024 does 18 times as many operations a second as a V100 of 2017.  How
#    many times as many does it do for each joule, at full power?
# 5. An hour of a V100 costs a fifth of an hour of an H100.  What does a training run
#    cost on V100s, as a multiple of its cost on H100s?

# %%
#| tags: [guess]
guess_peak = 2.0  # times faster
guess_readers = 64.0  # times as long
guess_eight = 2.2  # seconds
guess_joule = 18.0  # times
guess_price = 0.2  # times the cost

# %% [markdown]
# ## Two pipes
#
# A chip has two pipes.  One does operations, at most $R_\text{peak}$ in a second.  The
# other moves bytes between the chip and its own memory, at most $BW$ in a second.  A
# program with $O$ operations and $D$ bytes ends when both pipes are done, so its time
# is at least that of the slower one:
#
# $$ T \ge \max\left(\frac{O}{R_\text{peak}},\ \frac{D}{BW}\right). $$
#
# A program reaches this bound if both pipes work at the same time and neither waits for
# the other.  For the rate it says
#
# $$ \frac{O}{T} \le \min(R_\text{peak},\ I \cdot BW), \qquad I = \frac{O}{D}. $$
#
# > **Definition · Arithmetic intensity.** The **arithmetic intensity** $I$ of a program
# > is its operations for each byte that it moves to or from the chip's memory.
#
# The bound is the **roofline model** (Williams, Waterman and Patterson, 2009).  The
# **ridge point** is the intensity $I^* = R_\text{peak}/BW$ at which both pipes take
# equal time.  Below it a program is **memory-bound**: its bytes take longer.  Above
# it the program is **compute-bound**: its operations take longer.  A rule for the
# head: *for the H100 the ridge is near 300 operations a byte.*


# %%
def roofline(O, D, chip):
    return np.maximum(O / chip.peak, D / chip.bw)


print(f"H100: ridge at {H100.ridge:.0f} operations a byte")

# %% [markdown]
# Google measured six production networks on its first TPU (arXiv 1704.04760, tables 1
# and 3).  The chip does 92 trillion operations a second and reads weights at 34 GB/s.
# That memory holds weights alone, so the intensities count only their bytes.  Put the
# roof beside three rivals.

# %%
TPU = Accelerator(92 * TFLOP, 34 * GB, 8 * GB, 75)
NETWORKS = ["MLP0", "MLP1", "LSTM0", "LSTM1", "CNN0", "CNN1"]
multiply_adds = np.array([200, 168, 64, 96, 2888, 1750])  # for each byte of weights
intensity = 2 * multiply_adds  # a multiplication and an addition are two operations
seen = np.array([12.3, 9.7, 3.7, 2.8, 86, 14.1])  # measured, trillions a second

# %%
others = [np.exp(np.log(np.delete(seen, i)).mean()) for i in range(6)]
models = {
    "roof": intensity / roofline(intensity, 1, TPU) / TFLOP,
    "bytes alone": intensity * TPU.bw / TFLOP,
    "mean of the others": np.array(others),
    "peak alone": np.full(6, 92.0),
}


def factor_off(model, seen):  # 1 is perfect, 2 is double or half, on average
    return np.exp(np.abs(np.log(model / seen)).mean())


print(f"TPU: ridge at {TPU.ridge:,.0f} operations a byte")
print("operations a byte  " + " ".join(f"{x:>6,}" for x in intensity))
print("trillions a second " + " ".join(f"{name:>6}" for name in NETWORKS))
print(f"{'measured':18} " + " ".join(f"{x:6.1f}" for x in seen))
for name, model in models.items():
    numbers = " ".join(f"{x:6.1f}" for x in model)
    print(f"{name:18} {numbers}   off by a factor of {factor_off(model, seen):.2f}")

# %% [markdown]
# The roof comes nearest.  Bytes alone do as well for the first four networks, which lie
# below the ridge.  The two CNNs lie above it, and there the peak is the bound.  LSTM1
# gets less than half of its bound, and CNN1 less than a sixth.  The roof is a bound and
# not a promise.
#
# ## One token
#
# The model has $P$ weights of $s$ bytes.  Each is
# read once and serves one multiplication and one addition:
#
# $$ O = 2P, \qquad D = sP, \qquad
#    T_\text{token} \ge \max\left(\frac{2P}{R_\text{peak}},\ \frac{sP}{BW}\right). $$


# %%
def decode(B, chip, P=LLAMA3_70B.P, s=2):
    operations = 2 * P * B  # B readers at once
    weights = s * P
    return roofline(operations, weights, chip)


T = decode(1, H100)
promised = H100.peak / (2 * LLAMA3_70B.P)
print(f"one token: {T / ms:.1f} ms at least, {1 / T:.0f} tokens a second at most")
print(
    f"the peak promised {promised:,.0f}; the chip works at {1 / T / promised:.2%} of it"
)
stronger = Accelerator(2 * H100.peak, H100.bw, H100.memory, H100.power)
gain = T / decode(1, stronger)
print(f"twice the arithmetic: {gain:.2f} times as fast; you guessed {guess_peak:g}")

# %% [markdown]
# The reader gets 24 tokens a second at most, not seven thousand, and twice the
# arithmetic changes nothing.  For two-byte weights $I = 2P/(sP) = 1$ operation a byte,
# and the ridge is at 295.  So the token takes as long as its weights take to arrive.
# This is the **memory wall**: arithmetic that waits for bytes from the chip's own
# memory.  A rule: *tokens a second for one reader are at most bandwidth over the size
# of the model.*
#
# A monitor does not show the waiting.  Its "utilization" is the share of time in which
# any program ran ([NVIDIA's
# definition](https://docs.nvidia.com/deploy/nvml-api/structnvmlUtilization__t.html)).
#
# How near does a real program come?  One was measured at 22.0 ms a token, with 12.85
# billion weights on an A100 whose memory moves 1.555 TB/s (Chen, [Transformer inference
# arithmetic](https://kipp.ly/transformer-inference-arithmetic/), 2022).

# %%
a100 = Accelerator(312 * TFLOP, 1.555 * TB, 40 * GiB, 400)
floor = decode(1, a100, P=12.85e9)
rival = 2 * 12.85e9 / a100.peak
print("model                   ms a token   the measured 22.0 ms are")
print(f"bytes over bandwidth {floor / ms:13.2f} {22 * ms / floor:14.1f} times that")
print(f"peak rate alone {rival / ms:18.2f} {22 * ms / rival:14.0f} times that")

# %% [markdown]
# The bytes explain three quarters of the time.  The law leaves out the start of
# each small program, what is read besides weights, and that no memory reaches its
# data-sheet rate.  So it is a floor.
#
# ## Many readers
#
# The chip serves 64 readers together, as a *batch* of $B$.  Let their conversations be
# short, so that weights are nearly all that is read.

# %%
T64 = decode(64, H100)
print(f"64 readers: {T64 / T:.2f} times as long as one; you guessed {guess_readers:g}")
print(f"the chip works at {2 * 64 * LLAMA3_70B.P / T64 / H100.peak:.1%} of its peak")

# %% [markdown]
# By this law, 63 more readers of short conversations cost nothing.  The chip reads a
# weight, uses it for all of them, and reads the next.  With $O = 2PB$ and the same $D$,
#
# $$ T \ge \max\left(\frac{2PB}{R_\text{peak}},\ \frac{sP}{BW}\right), \qquad
#    I = \frac{2B}{s} = B \text{ for } s = 2. $$
#
# The rule: *with short conversations, and pipes that overlap, readers are free up to
# the ridge, and cost in proportion beyond it.*  The last section tries this.


# %%
#| label: fig-roofline
#| fig-cap: "The roof of an H100 in 16 bits, and its rate for 1, 64 and 1,024 readers."
#| fig-alt: "A line rises, then is flat. 1 and 64 readers lie on the rise, 1,024 above."
# @title The roof of an H100 in 16 bits, and its rate for 1, 64 and 1,024 readers
def draw(peak_TFLOPs=989.0, bandwidth_TBps=3.35):
    chip = Accelerator(peak_TFLOPs * TFLOP, bandwidth_TBps * TB, GB, kW)
    slope = np.array([0.1, chip.ridge])
    flat = np.array([chip.ridge, 1e4])
    _, ax = plt.subplots()
    ax.loglog(slope, slope * chip.bw / TFLOP, "C1--", label="memory's limit")
    ax.loglog(flat, 0 * flat + chip.peak / TFLOP, "C0-", label="arithmetic's limit")
    for B, mark in ((1, "o"), (64, "s"), (1024, "^")):
        rate = min(chip.peak, B * chip.bw) / TFLOP
        style = {"marker": mark, "mfc": "w", "ms": 9, "mew": 2, "ls": "", "color": "C3"}
        ax.plot(B, rate, **style, label=f"readers: {B:,}, rate: {rate:.3g}")
    text = f"ridge: {chip.ridge:.0f}\n"
    ax.text(chip.ridge, chip.peak / TFLOP, text, ha="center", va="bottom")
    ax.set_ylim(0.2, 8000)
    ax.set_xlabel("arithmetic intensity (operations a byte)")
    ax.set_ylabel("rate (trillion operations/s)")
    ax.legend(loc="lower right", fontsize=9)
    plt.show()


draw()

# %%
#| eval: false
#| tags: [nbval-ignore-output, remove-cell]
if get_ipython():  # make it a B200, 2,250 and 8.0: how far does the ridge move?
    interact(draw, peak_TFLOPs=(100.0, 4500.0), bandwidth_TBps=(0.3, 16.0))

# %% [markdown]
# ### Three ways to feed a multiplier
#
# Sharing what was read is also how chips are built.  Multiply two matrices block by
# block.  A block takes $n$ numbers of one matrix and $m$ of the other, and does $nm$
# multiply-adds with them:
#
# $$ \text{reads for each multiply-add} = \frac{n+m}{nm} = \frac1n + \frac1m. $$
#
# - A single multiplier, as in a simple CPU, is a block of $1 \times 1$.  It reads twice
#   for each multiply-add.
# - In **SIMT execution** (single instruction, multiple threads), the way of GPUs, 32
#   threads run one instruction.  If they share one number, they are a block of
#   $32 \times 1$.
# - A **systolic array**, the way of TPUs, is a grid of multipliers.  Each hands its
#   numbers on to its neighbours, so that one read serves a whole row or column.

# %%
print("block                     reads for each multiply-add")
for name, n, m in (
    ("one multiplier", 1, 1),
    ("32 threads", 32, 1),
    ("array", 256, 256),
    ("array, one reader", 256, 1),
):
    print(f"{name:18} {n:3} x {m:3} {1 / n + 1 / m:14.3f}")

# %% [markdown]
# The last line is one token again: each multiply-add needs a new weight.  A larger
# array does not change that.  More readers do.  Weights of fewer bytes make each of
# these reads cheaper: $I = 2B/s$.
#
# ## What fits
#
# How many readers can a chip take?  The ridge says about 300.  But a conversation has
# to be *kept*.  To write a token, the model looks back at all the tokens before it.
# For each of them every layer keeps two vectors, a *key* and a *value*.  A model of $L$
# layers, whose vectors are $h$ numbers of $s$ bytes, keeps
#
# $$ k = \frac{2\,L\,h\,s}{g} \text{ bytes for each token.} $$
#
# Each vector is cut into parts, called heads.  In older models each head has its own
# key and value, and $g$ is 1.  In newer ones $g$ heads share them.  What is kept is the
# *KV cache*.
#
# The authors of vLLM report how many tokens fit beside three models with $g = 1$ (arXiv
# 2309.06180, table 1).  A memory sold as 40 GB holds 40 GiB, or 42.9 GB.  Of this vLLM
# uses 90 % [unless told
# otherwise](https://docs.vllm.ai/en/latest/models/engine_args.html).  The tokens that
# fit are the memory that the weights leave, over $k$.  The rival knows no layers.  It
# takes a token's cache as proportional to the weights.  The smallest model gives it the
# factor.


# %%
def cache(L, h, s=2, g=1):
    return 2 * L * h * s / g


MODELS = {  # memory in GiB, weights in GB, layers, width, thousand tokens reported
    "OPT-13B": (40, 26, 40, 5120, 15.7),
    "OPT-66B": (160, 132, 64, 9216, 9.7),
    "OPT-175B": (640, 346, 96, 12288, 60.1),
}
given = 15.7 / (0.9 * 40 * GiB / (26 * GB) - 1)
print("thousand tokens  reported    law  error   rival  error")
for name, (memory, weights, L, h, seen_k) in MODELS.items():
    room = 0.9 * memory * GiB - weights * GB
    law = room / cache(L, h) / 1000
    rival = given * room / (weights * GB)
    left = f"{name:15} {seen_k:9.1f} {law:6.1f} {law / seen_k - 1:+6.0%}"
    print(f"{left} {rival:7.1f} {rival / seen_k - 1:+6.0%}")

# %% [markdown]
# The law comes within a few per cent.  The rival, where it was not told, misses about
# half of what fits.  Now our own model.  Its heads share by eights.  Let each reader
# have 4,096 tokens, about eight pages.

# %%
each = 4096 * cache(LLAMA3_70B.L, LLAMA3_70B.h, g=8)
weights = 2 * LLAMA3_70B.P
print(f"weights {weights / GB:.0f} GB, one conversation {each / GB:.2f} GB")
for name, memory in (
    ("one H100", H100.memory),
    ("one H200", catalog.H200.memory),
    ("two H100s", 2 * H100.memory),
    ("one B200", catalog.B200.memory),
):
    room = 0.9 * memory - weights
    verdict = f"{room // each:.0f} readers fit" if room > 0 else "weights do not fit"
    print(f"{name:10} {0.9 * memory / GB:4.0f} GB to use: {verdict}")

# %% [markdown]
# One H100 cannot hold the model; two can, and then memory admits nine readers.
# The ridge would have allowed 295.  Nor are readers free any more.  A step reads the
# weights once, and *every* conversation besides:
#
# $$ D = sP + B\,k \times \text{tokens kept}. $$

# %%
print("readers with 4,096 tokens   their step takes")
for B in (1, 9, 24, 64):
    long = roofline(2 * LLAMA3_70B.P * B, weights + B * each, H100)
    print(f"{B:25} {long / T:8.2f} times as long as one short reader's")
rate = 2 * H100.bw / (weights + each)
print(f"one reader of two H100s: {rate:.0f} tokens a second at most")

# %% [markdown]
# The table gives multiples of one H100's 42.1 ms, as if all that fitted.  Two that
# share the work evenly take half the time.  The 64 short readers' 1.00 has become 1.61.
# The rule: *readers share the weights, and nobody shares a conversation.*
#
# ## The next tier
#
# What does not fit in one chip goes to several.  Then bytes travel between chips.  The
# **bandwidth hierarchy** is the order of a fleet's paths by rate.  First comes a chip's
# own memory (*HBM*), then the links between the eight chips of a *node* (*NVLink*).
# Next is the bus to the host's network card (*PCIe*), and last the card's link to
# another *rack* (*NDR*, 400 Gb/s).

# %%
TIERS = {"HBM": H100.bw, "NVLink": NVLINK4.beta, "PCIe": catalog.PCIE5, "NDR": NDR.beta}
took = {name: GB / rate / ms for name, rate in TIERS.items()}
print("to move 1 GB      time     against HBM")
for name in TIERS:
    print(f"{name:12} {took[name]:6.1f} ms {took[name] / took['HBM']:10.1f} times")

# %%
#| label: fig-way
#| fig-cap: "One gigabyte on its way to a chip in the same node, and in another rack."
#| fig-alt: "Bars on one clock: 2.8 ms within the node, 51.8 ms to another rack."
# @title One gigabyte on its way to a chip in the same node, and in another rack
roads = [["HBM", "NVLink", "HBM"], ["HBM", "PCIe", "NDR", "PCIe", "HBM"]]
hatches = {"PCIe": "..", "NDR": "//"}
_, ax = plt.subplots(figsize=(6.4, 2.6))
for y, road in enumerate(roads):
    at = 0.0
    for tier in road:
        style = {"color": "C0" if tier == "HBM" else "C1", "hatch": hatches.get(tier)}
        ax.barh(-y, took[tier], 0.4, at, ec="w", lw=0, **style)
        name = "" if tier == "HBM" else tier
        ax.text(at + took[tier] / 2, 0.27 - y, name, ha="center")
        at += took[tier]
    piped = f"{at:.1f} ms\n({max(took[tier] for tier in road):.1f} piped)"
    ax.text(at + 0.7, -y, piped, va="center")
key = [Patch(color="C0", label="a chip's HBM"), Patch(color="C1", label="a link")]
ax.legend(handles=key, loc="upper right", ncols=2, fontsize=9)
ax.set(yticks=[0, -1], yticklabels=["same node", "other rack"])
ax.set(xlim=(-2, 66), ylim=(-1.4, 0.9))
ax.set_xlabel("time, stretch after stretch (ms)")
plt.show()

# %% [markdown]
# A gigabyte sent in small pieces fills all stretches at once (*piped*).  Then the
# slowest alone counts: 20.0 ms to another rack, against 2.2 within the node.  The rule:
# *a byte to the neighbour costs seven times one from memory, and a byte to another rack
# nine times that again.*
#
# What that does to a model depends on how it is cut.  Train GPT-3, 175 billion weights,
# on 2,048 chips.  Cut each matrix over $t = 8$ chips and the layers over $p = 16$
# groups of them.  Make $d = 16$ copies of all that: $8 \cdot 16 \cdot 16 = 2{,}048$.
# In a step each copy takes 64 texts of 2,048 tokens, four texts a turn.  Training takes
# six operations for each weight and token (chapter 5).

# %%
t, p, d = 8, 16, 16
tokens = d * 64 * 2048
work = 6 * GPT3.P * tokens / (t * p * d) / (0.5 * H100.peak)
print(f"each chip computes for {work:.1f} s a step, at 50 % of peak (assumed)")

# %% [markdown]
# *Tensor parallelism* cuts every matrix over chips.  Each chip then holds partial
# results, $M$ bytes of them, and all must be summed.  This happens four times a layer
# (arXiv 1909.08053, section 3).  To sum $M$ bytes over $t$ chips, each sends
# $2\frac{t-1}{t}M$, as in chapter 1's ring.


# %%
def summed(M, t):
    return 2 * (t - 1) / t * M


M = 4 * 2048 * GPT3.h * 2  # four texts, h numbers of two bytes for each token
turns = 64 // 4
layers = GPT3.L // p  # those of one chip
tensor = turns * layers * 4 * summed(M, t)
print(f"tensor: each chip sends {tensor / GB:.0f} GB a step")

# %% [markdown]
# *Pipeline parallelism* gives each group some of the layers.  A group hands its results
# $M$ on to the next, and gets their gradient back.  All eight chips hold the same $M$,
# so each sends an eighth, and NVLink puts them together (arXiv 2104.04473, section
# 4.1).
#
# *Data parallelism* copies the model, and sums all gradients once a step.

# %%
pipeline = turns * 2 * M / t  # there and back; each of the eight sends its eighth
data = summed(2 * GPT3.P / (t * p), d)  # two bytes for each weight of one chip
print("cut           sends   over NVLink    over NDR")
for name, sent in (("tensor", tensor), ("pipeline", pipeline), ("data", data)):
    times = f"{sent / NVLINK4.beta:10.3f} s {sent / NDR.beta:9.3f} s"
    print(f"{name:9}{sent / GB:7.1f} GB {times}")

# %% [markdown]
# The cut that talks most belongs on the fastest link: tensor parallelism stays inside
# the node, and the other two may leave it.  What if it leaves all the same?  The next
# matrix needs the sum, so we assume that nothing overlaps, and the times add.

# %%
one = t * work
for name, link in (("network cards", NDR), ("NVLink", NVLINK4)):
    talk = tensor / link.beta
    eight = work + talk
    print(f"8 by {name}: work {work:.1f} s + talk {talk:.1f} s = {eight:.1f} s,")
    print(f"    {one / eight:.1f} times as fast as one chip's {one:.1f} s")
print(f"For network cards you guessed {guess_eight:g} s.")

# %% [markdown]
# Over network cards more than half of the step is talk.  This is the **communication
# wall**: bytes between chips that take as long as the arithmetic, or longer.
#
# Eight chips cut the arithmetic to an eighth, and now a slow link takes longer.  This
# is **bottleneck relocation**: where one limit is lifted, the next one binds.
#
# ## The rack
#
# Chips that talk much should stand close.  But all power that enters a chip leaves it
# as heat.  A chip's **TDP**, thermal design power, is the power that its supply and its
# cooling must be built for.

# %%
peak = catalog.B200.peak / catalog.V100.peak
power = catalog.B200.power / catalog.V100.power
print(f"V100 to B200: operations a second {peak:.0f} times, power {power:.1f} times")
print(f"operations a joule {peak / power:.1f} times; you guessed {guess_joule:g} times")

# %% [markdown]
# The rest of the 18 times was bought with power.  So one new chip gives off 3.3 times
# the heat of an old one.  A stream of $\dot m$ kilograms a second that warms by
# $\Delta T$ carries away the heat
#
# $$ Q = \dot m\,c_p\,\Delta T, \qquad
#    \text{volume a second} = \frac{\dot m}{\rho} = \frac{Q}{\rho\,c_p\,\Delta T}, $$
#
# with $c_p$ the heat that warms a kilogram by a degree, and $\rho$ here the density.
# How much does air warm in a server?  NVIDIA's [user
# guide](https://docs.nvidia.com/dgx/dgxh100-user-guide/introduction-to-dgxh100.html)
# gives 10.2 kW for eight H100s, and fans that move 1,105 cubic feet of air a minute.


# %%
def flow(Q, dT, coolant):
    return Q / (coolant.rho * coolant.c_p * dT)


fans = 1105 * 0.3048**3 / 60  # cubic metres a second
dT = 10.2 * kW / (catalog.AIR.rho * catalog.AIR.c_p * fans)
print(f"server of eight H100s: its air warms by {dT:.0f} degrees")

# %% [markdown]
# A published design puts four servers of eight B300s in one rack, about 56 kW in all
# ([NVIDIA's reference
# architecture](https://docs.nvidia.com/dgx-superpod/reference-architecture/scalable-infrastructure-b300-xdr/latest/dgx-superpod-architecture.html)).
# In a survey of 2023 most operators had no rack above 20 kW ([Uptime
# Institute](https://intelligence.uptimeinstitute.com/resource/uptime-institute-global-data-center-survey-2023)).
# A rack of 72 chips draws about 120 kW.  Let air and water warm by the 16 degrees found
# above.

# %%
print("heat in a rack                    air      water")
for name, Q in (
    ("one server of four", 56 * kW / 4),
    ("as in the survey", 20 * kW),
    ("four servers", 56 * kW),
    ("72 chips", 120 * kW),
):
    air = flow(Q, 16, catalog.AIR) / litre
    water = flow(Q, 16, catalog.WATER) / litre
    print(f"{name:20}{Q / kW:4.0f} kW {air:8,.0f} L/s {water:6.2f} L/s")
print(f"air takes {air / water:,.0f} times the volume of water")

# %% [markdown]
# A rack can hold four servers.  If its room is built for 20 kW a rack, it feeds and
# cools only one of them, and the room is the limit.  This is the **power wall**: more
# chips cannot be fed, or their heat cannot be taken away.  The 72 chips are [cooled by
# liquid](https://www.nvidia.com/en-us/data-center/gb200-nvl72/).  A rule: *a kilowatt
# takes 50 litres of air a second that warm by 16 degrees, or a sip of water.*
#
# > **War story · One electrical load (2024).** Llama 3 trained on up to 16,384 chips of
# > 700 W.  That is 11 MW before anything else in the building.  All of them paused and
# > resumed together, for a checkpoint or a restart.  With tens of thousands of chips,
# > Meta writes, such swings reach tens of megawatts and strain the grid (arXiv
# > 2407.21783, section 3.3.4).
#
# ## From the data sheet to the calendar
#
# How many days does a job take?  A chip reaches a share $\eta$ of its peak.  Failures,
# saving and maintenance take shares $o_1, o_2, \dots$ of the time.  Each takes its
# share of what the others leave, so what they leave multiplies:
#
# $$ T = \frac{T_\text{peak}}{\eta\,(1-o_1)(1-o_2)\cdots}, \qquad
#    T_\text{peak} = \frac{O}{N R_\text{peak}} \text{ for } N \text{ chips}. $$
#
# Llama 3 405B read 15.6 trillion tokens.  For one set-up of 16,384 H100s its paper
# gives 41 % of peak.  Over 90 % of the time was at work (arXiv 2407.21783, table 4,
# section 3.3.4).  Its [model
# card](https://github.com/meta-llama/llama-models/blob/main/models/llama3_1/MODEL_CARD.md)
# gives what the run took: 30.84 million chip hours.


# %%
def calendar(T_peak, *kept):  # the shares kept: eta, 1 - o1, 1 - o2, ...
    return T_peak / np.prod(kept)


took = 30.84e6 * hour
T_peak = 6 * 405e9 * 15.6e12 / H100.peak  # on one chip
print("account                million hours   days on 16,384 chips")
for name, kept in (
    ("peak alone", ()),
    ("and 41 % of peak", (0.41,)),
    ("and 90 % of the time", (0.41, 0.90)),
):
    T = calendar(T_peak, *kept)
    share = f"{T / took:6.0%} of what it took"
    print(f"{name:22}{T / hour / 1e6:13.1f}{T / 16_384 / day:12.0f} {share}")
print(f"{'the run':22}{took / hour / 1e6:13.1f}{took / 16_384 / day:12.0f}")

# %% [markdown]
# Both shares come from the same run, so this checks its accounts and predicts nothing.
# A gap of 6 % is left.  It is larger still if more than 90 % of the time was at work.
# A rule: *plan with a third of the data sheet.*
#
# You pay for work done, too.  Let a V100's hour cost a fifth of an H100's (assumed),
# and let both reach the same shares of their rates.

# %%
for name, ratio in (
    ("training, by arithmetic", H100.peak / catalog.V100.peak),
    ("one reader, by bandwidth", H100.bw / catalog.V100.bw),
):
    print(f"{name}: one H100 does the work of {ratio:.1f} V100s.")
    print(f"    On V100s it costs {ratio / 5:.2f} times as much as on H100s.")
print(f"For training you guessed {guess_price:g} times.")

# %% [markdown]
# Training takes eight V100s for each H100, so the cheaper hour makes the dearer run.
# For one reader bandwidth counts, and a model small enough for a V100 is cheaper there.
# At this price neither is best for both.  Problem 3 asks when it pays to own a machine
# and not to rent it.
#
# ## The roof of your own machine
#
# Last, find the roof of the machine in front of you.  A large copy gives $BW$, reads
# and writes together.  One layer of the model below, for more readers than we shall
# time, gives $R_\text{peak}$.  A CPU works with one core here.  Each time is the median
# of several runs, after one that warms up.

# %%
torch.set_num_threads(1)
on = device.kind()  # "cuda" where torch sees a GPU, else "cpu"
gpu = on == "cuda"


def clock(call, runs=7):
    return np.median(device.timed(call, runs))


# %%
#| tags: [nbval-ignore-output]
x = torch.ones(32_000_000, device=on)
y = torch.empty_like(x)
bw = 2 * x.nbytes / clock(lambda: y.copy_(x))
rows, n = (1024, 8192) if gpu else (256, 2048)
peaks = {}
for kind in (torch.float32, torch.bfloat16, torch.float16)[: 3 if gpu else 2]:
    layer = torch.randn(n, n, device=on).to(kind)
    state = torch.ones(rows, n, device=on, dtype=kind)
    seconds = clock(lambda a=state, b=layer: linear(a, b))
    peaks[kind] = 2 * rows * n**2 / seconds
kind = max(peaks, key=peaks.get)  # the precision that this machine is best at
here = Accelerator(peaks[kind], bw, GB, kW)  # memory and power play no part
print(f"arithmetic: {here.peak / 1e9:.1f} billion operations/s in {kind}")
print(f"memory: {bw / GB:.2f} GB/s; ridge at {here.ridge:.1f} operations a byte")

# %% [markdown]
# The third run is this chapter's: a small model that writes a token for each of $B$
# readers.  On most machines its matrices together are larger than the caches.  Nothing
# is fitted to it.

# %%
#| tags: [nbval-ignore-output]
depth = 16
layers = [torch.randn(n, n, device=on).to(kind) for _ in range(depth)]
readers = 2 ** np.arange(10 if gpu else 8)


def step(B):
    state = torch.ones(B, n, device=on, dtype=kind)
    for layer in layers:
        state = torch.tanh(linear(state, layer))


measured = np.array([clock(lambda B=B: step(B), 3) for B in readers])

# %%
#| tags: [nbval-ignore-output]
D = sum(layer.nbytes for layer in layers)
O = 2 * sum(layer.numel() for layer in layers) * readers
roof, total = roofline(O, D, here), O / here.peak + D / here.bw
models = {
    "roof: pipes overlap": roof,
    "sum: pipes take turns": total,
    "bytes alone": np.full(len(readers), D / here.bw),
    "peak alone, as if busy": O / here.peak,
    "one reader, times B": measured[0] * readers,
}
for name, model in models.items():
    print(f"{name:23} off by a factor of {factor_off(model, measured):5.2f}")
below, above = (measured < roof).sum(), (measured > total).sum()
between = len(readers) - below - above
print(f"points below the roof {below}, between {between}, above the sum {above}")
ridge = D / here.bw * here.peak / O[0]  # readers at which both pipes take equal time
print(f"readers at the ridge: {ridge:.0f}.  A step, as a multiple of one reader's:")
for i in (4, 6):
    a, b, c = (f"{x[i] / x[0]:.1f}" for x in (measured, roof, total))
    print(f"{readers[i]:3} readers: measured {a}, roof {b}, sum {c}")

# %%
#| label: fig-here
#| fig-cap: "A step on this machine against the number of readers."
#| fig-alt: "A step's time against readers: measured, the roof, the sum, and the ridge."
#| tags: [nbval-ignore-output]
# @title A step on this machine against the number of readers
_, ax = plt.subplots()
ax.plot(readers, measured / ms, "C0o-", label="measured")
ax.plot(readers, roof / ms, "C1--", label="roof")
ax.plot(readers, total / ms, "C2:", label="sum")
ax.axvline(ridge, color="0.5", ls="-.", lw=1, label=f"ridge: {ridge:.0f} readers")
ax.set_xscale("log", base=2)
ax.set_yscale("log", base=2)
for axis in (ax.xaxis, ax.yaxis):
    axis.set_major_formatter("{x:g}")
ax.set_xlabel("readers B")
ax.set_ylabel("time of a step (ms)")
ax.legend()
plt.show()

# %% [markdown]
# The roof lets the two pipes overlap perfectly, and the sum lets them take turns.  The
# sum is at most twice the roof.  Read your own points in the figure:
#
# - Between the lines, the pipes overlap in part.
# - Above the sum, time goes to something that neither law counts.  It may be the start
#   of each program: then the gap is the same at every batch.  Where it grows with the
#   batch, products of few rows may miss the peak, or the `tanh` may count.
# - Below the roof, a pipe is faster than we measured.  A very large cache can do that.
#
# Compare the time of 16 readers with that of one.  Where it is more, the pipes did not
# overlap here, and a reader below the ridge was cheap, but not free.
#
# ## Try it
#
# 1. A new package makes an H100's memory ten times as fast.  How much faster is a step
#    of 64 short readers?  Which limit is it now?
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
# 2. Store each weight in one byte, and compute in 16 bits as before.  How long does one
#    token take on the H100?  How many short readers reach the ridge?
#
#    <details><summary>Answer</summary>
#
#    Half of the bytes take half of the time.  Each byte now serves two operations for a
#    reader, $I = 2B/s = 2B$, so half as many readers reach the ridge.
#
#    ```python
#    print(f"{decode(1, H100, s=1) / ms:.1f} ms, ridge at {H100.ridge / 2:.0f} readers")
#    ```
#
#    ```text
#    21.1 ms, ridge at 148 readers
#    ```
#
#    </details>
#
# 3. Eight H100s cost 350,000 dollars, last three years, and use 0.64 dollars of power
#    an hour.  Rented they cost 32 dollars an hour (figures of *Machine Learning Systems
#    at Scale*, the book of this course).  In which share of the hours must you use them
#    so that owning pays?  What if power and cooling are ready nine months late?
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
# <details><summary>Sources, and where ours differs from the book's</summary>
#
# The book's open calculations (mlsysim 0.3.0) also give the 42.1 ms, 0.34 % and 21.7 %.
# They agree on the tiers' rates, on the rack of 72 chips at 120 kW, and on the 42 % of
# problem 3.  That problem's power is their 8,375 W, a tenth more for the site, at 7
# cents a kWh.  Rates are from NVIDIA's data sheets: numbers of 16 bits, one direction,
# and without the doubled rates for matrices that are half zeros.
#
# The book's calendar adds each overhead to the time; ours takes it as a share.
#
# We ran the last section ten times on one core of a Xeon.  Every point lay above the
# sum.  16 readers took 1.0 to 1.4 times as long as one, and 64 took 2.2 to 3.3.
#
# </details>
#
# > **Takeaways.**
# >
# > - $T \ge \max(O/R_\text{peak},\ D/BW)$: below the ridge, memory is the limit.
# > - One token reads all weights.  A batch shares them; its conversations fill memory.
# > - A byte costs 7 times as much next door, and 9 times that again in another rack.
# > - Writing for few readers, an accelerator meets memory first; a rack can meet its
# >   room's power and cooling first.
# > - Plan, and pay, by work done: a product of shares, each below one.
#
# > **Chapter connection.** Past the node, every byte here crossed one network card at
# > its full rate.  Chapter 3 asks what thousands of such cards can carry at once.
