# %% [markdown]
# ---
# title: "5 · Distributed training"
# fleet-stack: [20, 35, 100, 45, 25, 10, 0, 0]
# ---
#
# While GPT-3 trains, its 175 billion parameters need 2.8 TB.  The device at hand, an
# H100, holds 80 GiB, which is 86 GB.  So the model must be cut.  We can cut its state,
# the width of its layers, or its depth.  *Which split costs least?*
#
# *You will need* the $\alpha$-$\beta$ model of chapter 3, and from chapter 2 the peak
# rate of a device.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.distributed as dist
from IPython import get_ipython
from ipywidgets import interact
from sklearn.datasets import load_digits
from torch.autograd.graph import saved_tensors_hooks
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn.utils import parameters_to_vector

from mlsyscore import processes
from mlsyscore.catalog import A100, GPT2_XL, GPT3, H100, NDR, NVLINK3, NVLINK4
from mlsyscore.collectives import ring_allreduce
from mlsyscore.training import Layout
from mlsyscore.units import GB, MB, Gbps

plt.style.use("mlsyscore.figures")

# %% [markdown]
# ## Predict
#
# Write your guesses here; those given are common guesses.
#
# 1. GPT-2 fits on each of 32 devices.  All the same, each device now keeps only a 32nd
#    of its weights and fetches the rest when needed.  How many times faster is a step?
# 2. Every matrix is cut over eight devices, and they talk for longer than they compute.
#    Now the batch is four times as large.  By what factor does the ratio of talking to
#    computing fall?
# 3. A pipeline of devices runs all its forward passes, and then all its backward
#    passes.  Now each device takes one of each in turn.  Which share of the idle time
#    is left?
# 4. A batch of 64 samples replaces a batch of 4.  How many times fewer steps does
#    training take to reach the same loss?

# %%
#| tags: [guess]
guess_shard = 1.2  # times faster
guess_batch = 4.0  # times smaller
guess_idle = 0.5  # of the idle time
guess_steps = 16.0  # times fewer

# %% [markdown]
# ## What a device must hold
#
# Take a model of $P$ parameters, trained by Adam in mixed precision.  The arithmetic
# uses a 2-byte weight and a 2-byte gradient.  The optimizer adds three FP32 numbers of
# 4 bytes: a copy of the weight and two moments.  Together they are the *training
# state* of $M$ bytes:
#
# $$ M = (\underbrace{2}_\text{weight} + \underbrace{2}_\text{gradient} +
#    \underbrace{4 + 4 + 4}_\text{optimizer})\,P = 16\,P. $$
#
# A rule for the head: *16 GB for each billion parameters.*  GPT-3 fills 33 devices with
# nothing but state.
#
# Why is the weight kept twice?  Start from a weight of 1 and add 0.001 to it, as an
# optimizer would, 1,000 times.  The sum should be 2.

# %%
for kind in (torch.float32, torch.float16, torch.bfloat16):
    weight = torch.tensor(1.0, dtype=kind)
    for _ in range(1000):
        weight += torch.tensor(0.001, dtype=kind)
    largest = torch.finfo(kind).max
    print(f"{str(kind)[6:]:8}  sum {weight:.3f}, largest number {largest:.0e}")

# %% [markdown]
# BF16's numbers lie 1/128 apart at 1, and an update below half of that is lost.  Hence
# the policy: *compute in 16 bits, sum in FP32.*  FP16's numbers lie closer but end at
# 65,504, so a training step that overflows must be skipped.
#
# The 16 bytes count a 2-byte gradient, as the ZeRO paper does (arXiv 1910.02054).  A
# system that also sums its *gradients* in FP32 holds 18 bytes a parameter.
#
# ## Shard the state
#
# **Data parallelism** gives each of $d$ devices a copy of the model and a $d$-th of the
# batch.  After each backward pass the devices sum their gradients, and so the copies
# stay equal: the same state, $d$ times.
#
# > **Definition · Sharded data parallelism.** **Sharded data parallelism** is data
# > parallelism in which each device keeps only a $d$-th of the state, or of a part of
# > it.  ZeRO's stage 1 shards the optimizer, stage 2 also the gradient, stage 3 also
# > the weight.  PyTorch calls stage 3 FSDP.
#
# $$ M_1 = \left(4 + \frac{12}{d}\right) P, \qquad
#    M_2 = \left(2 + \frac{14}{d}\right) P, \qquad
#    M_3 = \frac{16}{d}\,P. $$


# %%
def held(P, d, stage, optimizer=12, gradient=2, weight=2):
    parts = [optimizer, gradient, weight]
    sharded = sum(parts[:stage])
    whole = sum(parts[stage:])
    return P * (sharded / d + whole)


for stage in range(4):
    print(f"GPT-3, 64 devices, stage {stage}: {held(GPT3.P, 64, stage) / GB:7,.1f} GB")

# %% [markdown]
# Stages 1 and 2 keep something whole, whatever $d$ is.  Does a real sharded optimizer
# hold these bytes?  Let PyTorch train twelve FP32 matrices on a few processes, and
# weigh what the fullest of them keeps.  In FP32 a parameter has 8 bytes of moments, 4
# of gradient and 4 of weight.


# %%
# @title What each process keeps
def weigh(rank, d):
    group = dist.new_group(backend="gloo")
    adam = torch.optim.Adam
    weighed = []
    for stage in (1, 3):
        layers = [torch.nn.Linear(256, 256, bias=False) for _ in range(12)]
        net = torch.nn.Sequential(*layers)
        if stage == 1:
            opt = ZeroRedundancyOptimizer(net.parameters(), adam, process_group=group)
        else:
            fully_shard(net, mesh=DeviceMesh.from_group(group, "cpu"))
            opt = adam(net.parameters())
        net(torch.ones(4, 256)).sum().backward()
        opt.step()
        kept = [x for w in net.parameters() for x in (w, w.grad)]
        for state in getattr(opt, "optim", opt).state.values():
            kept += [state["exp_avg"], state["exp_avg_sq"]]
        weighed.append(sum(getattr(x, "_local_tensor", x).nbytes for x in kept))
    return weighed


# %%
P = 12 * 256 * 256
print("MB on the fullest     PyTorch    law   all over d   weights alone")
for d in (2, 3):
    most = np.max(processes.run(weigh, d), axis=0)
    for stage, found in zip((1, 3), most, strict=True):
        law = held(P, d, stage, optimizer=8, gradient=4, weight=4)
        said = f"{found / MB:9.2f} {law / MB:6.2f} {16 * P / d / MB:12.2f}"
        print(f"d = {d}, stage {stage} {said} {4 * P / MB:15.2f}")

# %% [markdown]
# The law is right to 1 %.  "All over $d$", the usual slip, fails at stage 1, and
# counting weights alone fails everywhere.
#
# What does sharding cost?  To sum $n$ bytes over $N$ devices, each sends
# $2\,\frac{N-1}{N}\,n$ bytes (chapter 6 shows why): one half to scatter the sums, one
# to gather them.  In stages 1 and 2 the first half carries gradients and the second
# updated weights, so nothing is added.  Stage 3 scatters gradients once and gathers
# weights twice, for the forward and for the backward pass.  Three halves in place of
# two: *stage 3 sends half as much again.*
#
# Take GPT-2, with 1.5 billion parameters on 32 devices.  As in the book, a step
# computes for 1.8 s, and each node has one port of 10 Gb/s.


# %%
def ring(n, N, beta):
    return 2 * (N - 1) / N * n / beta


def gpt2_step(halves):
    return 1.8 + halves / 2 * ring(2 * GPT2_XL.P, 32, 10 * Gbps)


faster = gpt2_step(2) / gpt2_step(3)
print(f"whole {gpt2_step(2):.2f} s, sharded {gpt2_step(3):.2f} s a step")
print(f"{faster:.2f} times as fast.  You guessed {guess_shard:g} times.")

# %% [markdown]
# Sharding divides memory and no work.  Where the model fits already, stage 3 only adds
# traffic.
#
# ## Cut the width
#
# **Tensor parallelism** cuts every matrix over $t$ devices.  A layer's MLP has two
# matrices, $U$ and $V$, with a ReLU between them.  Cut $U$ by columns and $V$ by rows
# (Megatron, arXiv 1909.08053).  Each device then carries its own columns through the
# ReLU, and one sum at the end is enough.  With integers the test is exact.

# %%
rng = np.random.default_rng(5)
x, U, V = rng.integers(-4, 5, (3, 32, 32))
whole = np.maximum(x @ U, 0) @ V
slices = np.split(np.arange(32), 4)  # four devices
columns = sum(np.maximum(x @ U[:, i], 0) @ V[i] for i in slices)
rows = sum(np.maximum(x[:, i] @ U[i], 0) for i in slices) @ V
print(f"columns first, one sum: {(columns == whole).mean():.0%} of the numbers right")
print(f"rows first, one sum:    {(rows == whole).mean():.0%} of the numbers right")

# %% [markdown]
# Attention splits by heads in the same way.  So a layer needs two sums forward and two
# backward, each of the activations:  $2bsh$ bytes for $b$ sequences of $s$ tokens and
# width $h$.  A layer has $12h^2$ weights, 4 in attention and 8 in the MLP, and each
# costs 6 operations a token.  A device computes $R$ operations and sends $\beta$ bytes
# a second.  Then the time to talk over the time to compute is
#
# $$ \rho_t = \frac{4 \cdot 2\,\frac{t-1}{t}\,\frac{2bsh}{\beta}}
#    {\frac{72\,b\,s\,h^2}{t\,R}} = \frac{2}{9}\,\frac{(t-1)\,R}{h\,\beta}. $$
#
# The batch has gone.  It enters work and traffic alike, so only a faster wire or a
# wider model helps.  The cell adds the start-ups that the formula leaves out.  A device
# talks over NVLink inside a node, and over one 400 Gb/s port to another rack.

# %%
RATE = 0.5 * H100.peak  # in 16 bits, a device reaches half of its peak
S = 2048  # tokens in a sequence


def tensor_ratio(b, link, t=8):
    talk = 4 * ring_allreduce(2 * b * S * GPT3.h, t, link)
    return talk / (72 * b * S * GPT3.h**2 / t / RATE)


for name, link in (("NVLink", NVLINK4), ("rack to rack", NDR)):
    one, four = tensor_ratio(1, link), tensor_ratio(4, link)
    print(f"{name:12} b = 1: {one:.2f}, b = 4: {four:.2f}, divided by {one / four:.2f}")
print(f"You guessed {guess_batch:g}.")

# %% [markdown]
# *Tensor cuts stay inside a node.*  The authors of
# [vTrain](https://github.com/VIA-Research/vTrain) left it.  On the same A100s, with the
# same batch, they doubled $t$ from 8 to 16, so that a tensor group spans two nodes.
# We start from their step at $t = 8$ and correct only the tensor sums.  There are six
# in a layer: vTrain runs each forward pass twice, for a reason that we meet below.
# At $t = 16$ the sums leave a node through all of its ports, 800 Gb/s.  One rival keeps
# them on NVLink.  The other says that the same work takes the same time.

# %%
for layers, h, sequences, before, after in (
    (30, 3072, 64, 5.018, 10.719),  # sequences: those of a tensor group at t = 8
    (40, 6144, 32, 10.453, 20.415),
):
    n = (
        2 * sequences * S * h
    )  # bytes of a sum; twice that at t = 16, where half as many groups share the batch
    inside = 6 * layers * ring(n, 8, NVLINK3.beta)
    law = before - inside + 6 * layers * ring(2 * n, 16, 800 * Gbps)
    on_nvlink = before - inside + 6 * layers * ring(2 * n, 16, NVLINK3.beta)
    off = [f"{x / after - 1:+.0%}" for x in (law, on_nvlink, before)]
    print(f"width {h}: {before:.1f} s at t = 8, {after:.1f} s at t = 16")
    print(f"  law {off[0]}, all over NVLink {off[1]}, same time {off[2]}")

# %% [markdown]
# The wire explains most of the lost time, and not all.  Matrices half as wide may run
# less efficiently, and that is not in our law.
#
# ## Cut the depth
#
# **Pipeline parallelism** gives each of $p$ devices, the *stages*, some of the layers
# in order.  The batch goes through as $m$ *microbatches*.  **GPipe** is the schedule
# that runs all forward passes and then all backward passes.  **1F1B** is the schedule
# in which a stage, once warm, alternates one forward pass with one backward.
# *Interleaved* 1F1B gives each stage $V$ thin chunks of layers, so that a pass is $V$
# times shorter.  In the code a stage's *warm-up* is what it does before it alternates.


# %%
def order(kind, stage, p, m, V=1):
    """Return a stage's passes in order: forward or backward, chunk, microbatch."""
    waves = [range(first, min(first + p, m)) for first in range(0, m, p)]
    turns = [(v, j) for wave in waves for v in range(V) for j in wave]
    forward = [("F", v * p + stage, j) for v, j in turns]
    backward = [("B", (V - 1 - v) * p + stage, j) for v, j in turns]
    if kind == "GPipe":
        return forward + backward
    warm_up = p - 1 - stage  # one forward for each stage that comes after
    if V > 1:  # p through each chunk but the last, then two for each stage after it
        warm_up = min(2 * warm_up + (V - 1) * p, m * V)
    passes = forward[:warm_up]
    for f, b in zip(forward[warm_up:], backward, strict=False):
        passes += [f, b]
    return passes + backward[len(forward) - warm_up :]


# %% [markdown]
# A forward pass needs the chunk before it, and a backward pass the chunk after it.  The
# play knows nothing else.  A backward pass takes twice as long as a forward pass.


# %%
def needs(kind, chunk, j, last):
    if kind == "F":
        return ("F", chunk - 1, j) if chunk > 0 else None
    return ("B", chunk + 1, j) if chunk < last else ("F", chunk, j)


def play(kind, p, m, V=1, vary=lambda: 1.0):
    """Run each stage's passes as soon as may be; return (stage, pass, start, time)."""
    left = [order(kind, stage, p, m, V) for stage in range(p)]
    ended, free, bars = {None: 0.0}, np.zeros(p), []
    while any(left):
        for stage in range(p):
            while left[stage] and needs(*left[stage][0], p * V - 1) in ended:
                task = left[stage].pop(0)
                start = max(free[stage], ended[needs(*task, p * V - 1)])
                took = {"F": 1, "B": 2}[task[0]] / V * vary()
                free[stage] = ended[task] = start + took
                bars.append((stage, task, start, took))
    return bars


# %%
def idle(kind, p, m, V=1, vary=lambda: 1.0):
    bars = play(kind, p, m, V, vary)
    end = max(start + took for _, _, start, took in bars)
    return 1 - sum(took for *_, took in bars) / (p * end)


SCHEDULES = (("GPipe", 1), ("1F1B", 1), ("1F1B", 2))
gpipe, one_each = idle("GPipe", 4, 8), idle("1F1B", 4, 8)
print(f"idle: GPipe {gpipe:.3f}, 1F1B {one_each:.3f} of the time")
print(f"1F1B leaves {one_each / gpipe:.2f} of it.  You guessed {guess_idle:g}.")

# %% [markdown]
# *1F1B idles exactly as long as GPipe* where all passes are equal.  It only moves the
# idle time.

# %%
#| label: fig-gantt
#| fig-cap: "Pale: forward, full: backward, hatched: idle.  Darker: second chunk."
#| fig-alt: "Three schedules: two end together at 33, interleaved ends at 28.5."
# @title Four stages, eight microbatches: who computes when
shades = {("F", 0): "#cfe4f2", ("B", 0): "C0", ("F", 1): "#8fbfdf", ("B", 1): "#004a75"}
fig, axes = plt.subplots(3, sharex=True, figsize=(6.4, 5.2))
for ax, (kind, V) in zip(axes, SCHEDULES, strict=True):
    bars = play(kind, 4, 8, V)
    end = max(start + took for _, _, start, took in bars)
    ax.barh(range(4), end, 0.85, color="0.9", ec="0.6", hatch="///", lw=0)
    for stage, (way, chunk, j), start, took in bars:
        shade = shades[way, chunk // 4]
        ax.barh(stage, took, 0.85, start, color=shade, ec="white", lw=0.8)
        ink = "black" if way == "F" else "white"
        middle = {"ha": "center", "va": "center", "fontsize": 9}
        ax.text(start + took / 2, stage, j + 1, color=ink, **middle)
    name = "interleaved 1F1B, V = 2" if V == 2 else kind
    ax.set(ylabel="stage", yticks=range(4), title=name)
    ax.grid(visible=False)
    ax.invert_yaxis()
axes[2].set_xlabel("time (forward passes of a stage)")
plt.show()

# %% [markdown]
# What 1F1B saves is *memory*: a stage holds the activations of at most $p$
# microbatches, not of all $m$.  Interleaving saves time, and holds more again.
#
# The **pipeline bubble** is the share of a pipeline's time that a stage idles while the
# pipeline fills and drains.  The last stage waits for $p-1$ forward passes before its
# first, and $p-1$ backward passes follow its last.  Between them it works through $m$
# passes of each kind.  With $V$ chunks it works through $mV$ shorter ones, so
#
# $$ \text{bubble} = \frac{p-1}{mV + p - 1}. $$
#
# A rule for the head: *four microbatches for each stage leave at most a fifth idle.*
# To idle less, raise $m$.  In GPipe that costs memory; in 1F1B it does not.
#
# The table sets the law beside the play.  The rival forgets that filling and draining
# lengthen the total, and says $(p-1)/(mV)$.  The next column counts the microbatches
# that the first stage holds at once.  In the last one each pass varies by a tenth.


# %%
def in_flight(kind, p, m, V):
    ways = [way for way, _, _ in order(kind, 0, p, m, V)]
    return np.cumsum([1 if way == "F" else -1 for way in ways]).max() / V


rng = np.random.default_rng(5)
rows = [(p, m, *how) for p, m in ((4, 8), (8, 32)) for how in SCHEDULES]
print("                    played    law   rival   held   passes that vary")
for p, m, kind, V in rows:
    law = (p - 1) / (m * V + p - 1)
    rival = (p - 1) / (m * V)
    runs = [idle(kind, p, m, V, lambda: rng.gamma(100, 0.01)) for _ in range(40)]
    half = 2 * np.std(runs, ddof=1) / np.sqrt(40)
    said = f"{idle(kind, p, m, V):6.3f} {law:6.3f} {rival:7.3f}"
    said += f" {in_flight(kind, p, m, V):6.1f} {np.mean(runs):10.3f} ± {half:.3f}"
    print(f"p={p}, m={m:2} {kind:5} V={V} {said}")

# %% [markdown]
# Equal passes idle as the law says, in every row.  Where passes vary, stages idle
# longer, for a stage waits for the later of two: itself and its neighbour.
# Interleaving holds about two fifths more than plain 1F1B here.
#
# Now a real pipeline.  BigScience timed one layout of 12 stages for three batches
# ([chronicle](https://github.com/bigscience-workshop/bigscience/blob/master/train/tr11-176B-ml/chronicles-prequel.md),
# 26 February 2022).  Calibrate on the largest batch, and predict the smaller ones.  The
# rival takes time in proportion to the batch.

# %%
full = 107.12  # seconds for 128 microbatches on each of 8 pipelines
for m, measured in ((96, 83.11), (32, 35.77)):
    law = full * (m + 11) / (128 + 11)
    rival = full * m / 128
    off = [x / measured - 1 for x in (law, rival)]
    print(f"m = {m}: {measured:.1f} s; law {off[0]:+.0%}, rival {off[1]:+.0%}")
slope, fixed = np.polyfit([128, 96, 32], [full, 83.11, 35.77], 1)
print(f"line through all three: {fixed / slope:.0f} passes more than m; law 11")

# %% [markdown]
# Any fixed cost of a step would beat the rival, so look at its size.  The bubble is
# about two thirds of it; something else in a step must be fixed, too.
#
# ## What activations cost
#
# State is not all.  The backward pass needs what the forward pass computed.  A paper of
# Megatron's authors (arXiv 2205.05198) lists the bytes that a layer with $a$ heads
# keeps, in 16 bits:
#
# $$ K = \underbrace{11\,sbh + 5\,a s^2 b}_\text{attention}
#    + \underbrace{19\,sbh}_\text{MLP} + \underbrace{4\,sbh}_\text{norms}
#    = s\,b\,h\left(34 + \frac{5\,a\,s}{h}\right). $$
#
# The second term grows with the *square* of $s$, for each head scores each pair of
# tokens.  Write such a layer in PyTorch, weigh what it saves, and lengthen the
# sequence.  The rival is a straight line through the first length.


# %%
# @title A transformer layer, and what PyTorch saves of it
def layer(x, heads, norm1, norm2, q, k, v, out, up, down):
    def drop(y):
        return torch.native_dropout(y, 0.1, True)[0]

    b, s, h = x.shape
    y = torch.nn.functional.layer_norm(x, (h,), norm1)
    q, k, v = ((y @ w).reshape(b, s, heads, -1).transpose(1, 2) for w in (q, k, v))
    scores = drop(torch.softmax(q @ k.transpose(2, 3), -1))
    x = x + drop((scores @ v).transpose(1, 2).reshape(b, s, h) @ out)
    y = torch.nn.functional.layer_norm(x, (h,), norm2)
    return x + drop(torch.nn.functional.gelu(y @ up) @ down)


def saved(s, h=256, heads=4):
    shapes = [(h,)] * 2 + [(h, h)] * 4 + [(h, 4 * h), (4 * h, h)]
    weights = [torch.rand(x).bfloat16().requires_grad_() for x in shapes]
    x = torch.rand(1, s, h).bfloat16().requires_grad_()
    kept = {}
    with saved_tensors_hooks(lambda y: kept.setdefault(y.data_ptr(), y), lambda y: y):
        layer(x, heads, *weights)
    found = sum(y.untyped_storage().nbytes() for y in kept.values())
    return found - sum(w.nbytes for w in weights)


# %%
def layer_bytes(s, b, h, heads, t=1):
    return s * b * (h * (10 + 24 / t) + 5 * heads * s / t)


first = saved(128)
for s in (128, 256, 512, 1024):
    law = layer_bytes(s, 1, 256, 4)
    said = f"law {law / MB:5.2f}, rival {first * s / 128 / MB:5.2f} MB"
    print(f"s = {s:4}: PyTorch keeps {saved(s) / MB:5.2f} MB; {said}")

# %% [markdown]
# A tensor cut divides 24 of the 34 bytes by $t$.  It also divides the scores.  A
# pipeline cut does not help the first stage.  Of a model's $L$ layers that stage has
# $L/p$, and it holds $p$ microbatches: $L$ layers' worth for every $p$.
#
# **Activation recomputation** keeps only a layer's input, $2sbh$, and runs its forward
# pass again on the way back.  It buys memory with time.  A backward pass is about two
# forward passes long, so the rule says four passes in place of three: a third more.
# The same paper timed a layer of a model of 22 billion parameters (table 4).

# %%
plain, recomputed = 19.6, 27.2  # ms, forward and backward
rule = 4 / 3 * plain
print(f"measured: {plain} ms, then {recomputed} ms, {recomputed / plain - 1:.0%} more")
print(f"rule:     {rule:.1f} ms, {rule / recomputed - 1:+.0%}")
print(f"no price: {plain} ms, {plain / recomputed - 1:+.0%}")
whole = GPT3.L * layer_bytes(S, 1, GPT3.h, GPT3.a, t=8)
inputs = GPT3.L * 2 * S * GPT3.h
print(f"GPT-3, t = 8, a device: all {whole / GB:.0f} GB, inputs {inputs / GB:.0f} GB")

# %% [markdown]
# So say *a third to two fifths*.  FlashAttention (arXiv 2205.14135) never stores the
# scores, and from here on we leave them out of the bytes.
#
# ## A layout's step
#
# The cuts multiply: a layout has $N = t\,p\,d$ devices.  Each cut sends something else.
#
# | cut | what a device sends | how often |
# |:--|:--|:--|
# | tensor, $t$ | sums of activations | 4 for each of its layers and microbatches |
# | pipeline, $p$ | activations to its neighbour | 2 for each microbatch |
# | data, $d$ | sums of gradients | once a step |
#
# How much is that?  Count the bytes for GPT-3 in one layout of 1,024 devices.

# %%
t, p, d, m = 8, 4, 32, 32
activations = 2 * S * GPT3.h  # bytes of one sequence
sums = 4 * GPT3.L / p * m * ring(activations, t, 1)
gradients = ring(2 * GPT3.P / (t * p), d, 1)
print("A device sends in a step")
print(f"  tensor sums    {sums / GB:4.0f} GB")
print(f"  gradients      {gradients / GB:4.0f} GB")
print(f"  between stages {2 * m * activations / GB:4.0f} GB")

# %% [markdown]
# So tensor sums get the fastest wire, NVLink.  Gradients cross racks, where they can
# hide behind the backward pass.  What passes between stages is so little that any wire
# will do.
#
# A fourth cut, **expert parallelism**, puts many small MLPs on different devices and
# sends each token to a few of them; chapter 6 prices that exchange.
#
# Put the terms together.  Each device computes its share $T_\text{compute}/N$ and waits
# for its tensor sums $T_t$.  A stage that is busy for $mV$ passes idles for $p-1$, so
# the bubble stretches both by $(p-1)/(mV)$.  Then come the gradients, $T_d$, of which a
# part $T_\text{overlap}$ hides behind computing:
#
# > **Theorem · A layout's step.** For equal stages and free transfers between them,
# >
# > $$ T = \left(\frac{T_\text{compute}}{N} + T_t\right)
# >    \left(1 + \frac{p-1}{mV}\right) + T_d - T_\text{overlap}. $$
# >
# > We assume that tensor sums hide behind nothing.
#
# For our GPT-3, three quarters of $T_d$ can hide, as in the book, but never more than
# the time a device is busy.  Each device sends its gradients over a port of its own,
# 400 Gb/s, in one plain ring; chapter 6 finds faster ways.  A microbatch is one
# sequence.  ZeRO's stage 3 gathers the weights twice for each microbatch.


# %%
WORK = 6 * GPT3.P * 1024 * S / RATE  # one device's seconds for 1,024 sequences


def step(compute, tensor, data, p, m, overlap):
    busy = compute + tensor
    return busy * (1 + (p - 1) / m) + data - np.minimum(overlap * data, busy)


def plan(at, stage=1, nic=NDR.beta, overlap=0.75):
    """Return GPT-3's step and the seconds that a device sends."""
    sums = 4 * GPT3.L / at.p * at.m
    tensor = sums * ring(2 * S * GPT3.h, at.t, NVLINK4.beta)
    halves = 1 + 2 * at.m if stage == 3 else 2
    data = halves / 2 * ring(2 * GPT3.P / (at.t * at.p), at.d, nic)
    return step(WORK / at.N, tensor, data, at.p, at.m, overlap), tensor + data


def memory(at, stage=1):
    state = held(GPT3.P, at.d, stage) / (at.t * at.p)
    layers = min(at.m, at.p) * GPT3.L / at.p
    return state + layers * layer_bytes(S, 1, GPT3.h, 0, at.t)


# %% [markdown]
# **Scaling efficiency** is the share of a step that is a device's own computing,
# $T_\text{compute}/N$ over $T$.  **MFU**, model FLOP utilisation, is the share of its
# peak that a device spends on the model's own operations.  Our devices compute at half
# of their peak, so over a whole step the MFU is half of the efficiency.

# %%
print("  t x  p x    d  stage    step  efficiency   MFU   memory")
for t, p, d, stage in (
    (1, 1, 1024, 1),
    (1, 1, 1024, 3),
    (8, 1, 128, 1),
    (8, 4, 32, 1),
    (8, 4, 64, 1),
):
    at = Layout(t, p, d, 1024 // d)
    T, _ = plan(at, stage)
    efficiency = WORK / at.N / T
    fits = memory(at, stage) <= H100.memory
    verdict = "" if fits else "  does not fit"
    said = (
        f"{efficiency:10.2f} {0.5 * efficiency:6.2f} {memory(at, stage) / GB:5.0f} GB"
    )
    print(f"{t:3} x {p:2} x {d:4} {stage:5} {T:7.2f} s {said}{verdict}")

# %% [markdown]
# Cutting only the state does fit, at stage 3, and is the slowest of all.  It sends for
# most of the step; chapter 1 calls that *overhead-dominated*.  While they compute, all
# rows run at half of the peak.  Only the MFU of the whole step counts the waiting.  In
# the last row twice the devices do not halve the step: the bubble has grown.
#
# ### Steps that the fit has not seen
#
# vTrain's authors timed GPTs of 39 and 175 billion parameters on 512 A100s.  A step
# always had 1,536 sequences, in microbatches of 2 to 24.  A device sends its gradients
# through an eighth of its node's 800 Gb/s.  We let none of that hide, and run every
# forward pass twice, as above.

# %%
# @title The published rows
SMALL = """2 8 32 2 21.89, 4 4 32 2 13.88, 4 4 32 3 16.19, 4 4 32 4 15.63,
4 8 16 4 17.41, 8 2 32 6 14.92, 8 2 32 3 14.85, 4 16 8 3 15.02, 8 2 32 2 14.61,
8 4 16 3 14.83, 8 4 16 6 15.25, 8 8 8 6 15.78, 8 4 16 12 17.18, 8 16 4 3 16.36,
8 16 4 4 15.94, 4 8 16 12 20.61, 8 16 4 12 18.57, 4 16 8 12 27.81, 8 8 8 24 23.17,
8 16 4 24 24.17"""
LARGE = """4 16 8 2 54.26, 4 16 8 3 55.24, 4 32 4 2 53.91, 4 16 8 4 57.72,
8 8 8 2 55.11, 8 8 8 3 56.18, 8 8 8 4 58.24, 8 16 4 4 57.50, 8 32 2 3 57.32,
8 16 4 6 60.52, 4 32 4 6 66.63"""


def table(text):
    return np.array([row.split() for row in text.split(",")], float)


# %% [markdown]
# Fit one number, the share $E$ of the peak at which matrices run, on microbatches of 2
# and 3 sequences.  Predict the *larger* ones, up to 24.  The rivals are fitted to the
# same rows: constant MFU, and our law without the bubble.


# %%
def forecast(layers, h, rows, bubble=True, exchange=True):
    """Return E, and predicted over measured times of rows that E has not seen."""
    t, p, d, b, measured = rows
    m = 1536 / (d * b)
    P = 12 * layers * h**2
    scores = S / (6 * h)  # of attention, at most 5 % here; our GPT-3 leaves them out
    operations = 8 * P * (1 + scores) * S * 1536  # 8 and not 6: two forwards
    compute = operations / A100.peak / (t * p * d)
    tensor = 6 * layers / p * m * ring(2 * b * S * h, t, NVLINK3.beta) * exchange
    data = ring(2 * P / (t * p), d, 100 * Gbps) * exchange
    stages = p if bubble else 1
    stretch = 1 + (stages - 1) / m
    seen = b <= 3
    E = np.median((compute * stretch / (measured - tensor * stretch - data))[seen])
    predicted = step(compute / E, tensor, data, stages, m, overlap=0)
    return E, (predicted / measured)[~seen]


# %%
MODELS = (("39B", 48, 8192, SMALL), ("175B", 96, 12288, LARGE))
print("mean error on unseen rows    E    law   no bubble   constant MFU")
for name, layers, h, rows in MODELS:
    measured = table(rows).T
    E, law = forecast(layers, h, measured)
    _, without = forecast(layers, h, measured, bubble=False)
    _, flat = forecast(layers, h, measured, bubble=False, exchange=False)
    off = [abs(x - 1).mean() for x in (law, without, flat)]
    said = f"{E:.2f} {off[0]:6.1%} {off[1]:10.1%} {off[2]:13.1%}"
    print(f"{name:5} {len(law):2} rows {said:>52}")

# %% [markdown]
# Larger microbatches are fewer, and so the bubble grows.  Constant MFU cannot know
# that.  The law has a limit, too: $E$ is not one number for both models.
#
# ### Every layout of 1,024
#
# Try all $t$ up to 8 and $p$ up to 32 that are powers of two, with ZeRO's stage 1.  How
# much of the gradients hides is the number that we know least, so try that as well.


# %%
degrees = [(2**i, 2**j) for i in range(4) for j in range(6)]
ALL = [Layout(t, p, 1024 // (t * p), t * p) for t, p in degrees]


def fitting(limit=H100.memory):
    return [at for at in ALL if memory(at) <= limit]


def quickest(layouts, **setting):
    return min(layouts, key=lambda at: plan(at, **setting)[0])


print(f"{len(fitting())} of {len(ALL)} layouts fit")
for overlap in (0, 0.75, 1):
    steps = [plan(at, overlap=overlap)[0] for at in fitting()]
    at = quickest(fitting(), overlap=overlap)
    said = f"{min(steps):.2f} to {max(steps):.2f} s, fastest {at.t} x {at.p} x {at.d}"
    print(f"hide up to {overlap:4.0%}: {said}")
least = min(fitting(), key=lambda at: plan(at)[1])
for name, at in (("fastest", quickest(fitting())), ("sends least", least)):
    T, sent = plan(at)
    said = f"step {T:.2f} s, sends for {sent:.2f} s"
    print(f"{name:12} {at.t} x {at.p:2} x {at.d:2}: {said}")


# %%
#| label: fig-layouts
#| fig-cap: "Layouts of 1,024 devices: each line goes from p = 1 to p = 32."
#| fig-alt: "All layouts left of 86 GB take about as long; t = p = 1 takes 14 s."
# @title Layouts of 1,024 devices
LOOKS = (1, "o-C0", 6), (2, "s-.C1", 6), (4, "^:C2", 6), (8, "D--C3", -14)


def draw(limit_GB=86.0, rate_Gbps=400.0):
    nic, (_, ax) = rate_Gbps * Gbps, plt.subplots(figsize=(6.4, 4.4))
    for t, look, above in LOOKS:
        mine = [at for at in ALL if at.t == t]
        dots = [(memory(at) / GB, plan(at, nic=nic)[0]) for at in mine]
        ax.plot(*zip(*dots, strict=True), look, label=f"t = {t}", mfc="white")
        for i in (0, -1):
            ax.annotate(mine[i].p, dots[i], (0, above), textcoords="offset points")
    ax.axvline(limit_GB, c="0.4", ls="--", lw=1, label="memory of a device")
    best = quickest(fitting(limit_GB * GB), nic=nic)
    ax.plot(memory(best) / GB, plan(best, nic=nic)[0], "k*", ms=13, zorder=3)
    ax.set_title(f"star: fastest that fits, {best.t} x {best.p} x {best.d}")
    ax.set(xlabel="memory that a device needs (GB)", ylabel="step (s)", ylim=0)
    ax.set(xscale="log", xticks=(sizes := [30, 50, 100, 200, 500]), xticklabels=sizes)
    ax.minorticks_off()
    ax.legend()
    plt.show()


draw()

# %%
#| eval: false
#| tags: [nbval-ignore-output, remove-cell]
if get_ipython():
    interact(draw, limit_GB=(40.0, 640.0), rate_Gbps=(50.0, 800.0))

# %% [markdown]
# That answers our question.  *The layouts that fit differ by a quarter at most.*  The
# law errs by 3 to 7 %, so it cannot name the best of the first few.  It does rule out
# cutting the state alone, and vTrain's steps rule out a tensor cut that leaves its
# node.  Nor is the layout that sends least, 2 x 32 x 16, the fastest.  It saves
# gradients, most of which hide anyway, and tensor sums, which are cheap over NVLink.
# In return its stages idle for half as long as they work.
#
# ## A bigger batch
#
# More devices want a bigger batch $B$, or each has little to do.  Does a batch of twice
# the samples need half of the steps?  Let $G$ be the true gradient and $\Sigma$ the
# covariance of one sample's gradient.  Let the loss have the same curvature $c$ in all
# directions.  A step of size $\epsilon$ along the gradient of $B$ samples lowers the
# loss, on average, by
#
# $$ \epsilon\,|G|^2 - \frac{\epsilon^2 c}{2}
#    \left(|G|^2 + \frac{\operatorname{tr} \Sigma}{B}\right). $$
#
# The best $\epsilon$ gains a share $1/(1 + B_c/B)$ of what a step without noise gains,
# where $B_c = \operatorname{tr}\Sigma/|G|^2$.  Suppose that $B_c$ stays the same on the
# way, and that each step has its best size.  Then to reach a loss takes
#
# $$ n_\text{steps} = n_\text{min}\left(1 + \frac{B_c}{B}\right), \qquad
#    n_\text{samples} = n_\text{min}\,(B + B_c). $$
#
# $B_c$ is the **critical batch size**, at which a step brings half of the progress of a
# step without noise.  The ratio $\operatorname{tr}\Sigma/|G|^2$ is called the
# **gradient noise scale** (McCandlish et al., arXiv 1812.06162).  *Far below $B_c$,
# twice the batch halves the steps.  At $B_c$ three quarters of them are left, and far
# above it all.*
#
# Take real steps: softmax regression on 1,797 pictures of digits, from zero to a loss
# of 0.5.


# %%
digits, labels = load_digits(return_X_y=True)
X = np.hstack([digits / 16, np.ones((len(digits), 1))])
Y = np.eye(10)[labels]


def chances(scores):
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def steps_to(loss, B, rates, rng, most=200):
    """Steps of SGD until the loss is reached; one run for each step size."""
    W = np.zeros((len(rates), 65, 10))
    took = np.full(len(rates), most)
    for k in range(1, most):
        run = np.flatnonzero(took == most)
        pick = rng.integers(0, len(X), (len(run), B))
        error = chances(X[pick] @ W[run]) - Y[pick]
        move = rates[run, None, None] * X[pick].transpose(0, 2, 1) @ error / B
        W[run] = (W[run] - move).round(9)  # or the last bits tell machines apart
        right = (chances(X[::4] @ W[run]) * Y[::4]).sum(-1)  # every fourth picture
        took[run[-np.log(right + 1e-9).mean(-1) < loss]] = k
    return took


# %% [markdown]
# Each batch gets its own best step size, found on runs that do not count.  Twenty fresh
# runs then give the steps.

# %%
rng = np.random.default_rng(5)
rates = 2.0 ** np.arange(-1.5, 3)
batches = np.array([2, 4, 8, 16, 64])
runs = []
for B in batches:
    trials = steps_to(0.5, B, np.repeat(rates, 8), rng).reshape(-1, 8)
    best = rates[trials.mean(1).argmin()]
    runs.append(steps_to(0.5, B, np.full(20, best), rng))
n_steps = np.mean(runs, axis=1)
half = 2 * np.std(runs, axis=1, ddof=1) / np.sqrt(20)

# %% [markdown]
# Fit the law's two numbers on batches up to 16, and predict the largest, 64.  One rival
# lets steps fall inversely with the batch, from the batch of 16.  The other is a power
# law through the same four points.

# %%
known = slice(0, 4)
slope, n_min = np.polyfit(1 / batches[known], n_steps[known], 1)
power = np.polyfit(np.log(batches[known]), np.log(n_steps[known]), 1)
print(f"fitted: n_min = {n_min:.0f} steps, B_c = {slope / n_min:.0f} samples")
print("batch      steps     law   power law   inversely")
for B, n, error in zip(batches, n_steps, half, strict=True):
    bent = np.exp(np.polyval(power, np.log(B)))
    said = f"{n_min + slope / B:6.1f} {bent:11.1f} {n_steps[3] * 16 / B:11.1f}"
    print(f"{B:5} {n:6.1f} ± {error:3.1f} {said}")
fewer = n_steps[1] / n_steps[4]
print(f"64 for 4: {fewer:.1f} times fewer steps.  You guessed {guess_steps:g}.")

# %%
#| label: fig-batch
#| fig-cap: "Steps to a loss of 0.5, ± 2 standard errors.  Open: not fitted."
#| fig-alt: "Steps flatten with the batch, as the law; both rivals fall on."
# @title Steps to a loss of 0.5, ± 2 standard errors
_, ax = plt.subplots()
B = np.geomspace(2, 90)
ax.loglog(B, n_min + slope / B, "C0-", label="law")
ax.loglog(B, np.exp(np.polyval(power, np.log(B))), "C1--", label="power law")
ax.loglog(B, n_steps[3] * 16 / B, "C3:", label="inversely with the batch")
ax.errorbar(batches, n_steps, half, fmt="none", ecolor="0.3")
ax.plot(batches[known], n_steps[known], "o", c="0.3")
ax.plot(batches[4:], n_steps[4:], "o", c="0.3", mfc="white")
ax.set(xticks=batches, xticklabels=batches, yticks=[5, 10, 20, 50, 100])
ax.set(yticklabels=[5, 10, 20, 50, 100], xlabel="batch (samples)", ylabel="steps")
ax.minorticks_off()
ax.legend()
plt.show()

# %% [markdown]
# Sixteen times the batch saves about two steps in three, and not fifteen in sixteen.
# So delivered speed is a product: devices, times scaling efficiency, times what a
# sample is still worth, $1/(1 + B/B_c)$.
#
# A big batch needs no big fleet.  **Gradient accumulation** sums the gradients of
# several microbatches on each device before one exchange.  It saves exchanges and no
# computing.
#
# ## Several processes, one model
#
# Do $d$ devices train the same model as one?  Let processes on this machine take twenty
# steps in FP64, each on its part of 96 samples.  They sum their gradients and divide
# by $d$.  Two rivals: train apart and average the weights at the end; and give the
# processes unequal parts.


# %%
def train(rank, d, parts, exchange):
    """Return how far each weight has moved after twenty steps."""
    group = dist.new_group(backend="gloo")
    torch.manual_seed(5)
    x = torch.randn(96, 64, dtype=torch.float64).split(parts)[rank]
    layers = [torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 1)]
    net = torch.nn.Sequential(*layers).double()
    start = parameters_to_vector(net.parameters()).detach().clone()
    for _ in range(20):
        net.zero_grad()
        (net(x) - x.sum(1, keepdim=True)).square().mean().backward()
        for w in net.parameters():
            if exchange:
                dist.all_reduce(w.grad, group=group)
                w.grad /= d
            w.data -= 0.003 * w.grad
    return parameters_to_vector(net.parameters()).detach() - start


# %%
#| tags: [nbval-ignore-output]
one = processes.run(train, 1, [96], True)[0]
print("largest difference from one process, as a share of the largest move")
for parts, exchange in (
    ([48] * 2, True),
    ([24] * 4, True),
    ([24] * 4, False),
    ([72, 24], True),
):
    moves = torch.stack(processes.run(train, len(parts), parts, exchange))
    how = "gradients every step" if exchange else "weights at the end"
    off = (moves.mean(0) - one).abs().max() / one.abs().max()
    print(f"parts {parts!s:16} average {how:20}: {off:.0e}")

# %% [markdown]
# Equal parts give the same weights to rounding, for the samples are added in another
# order.  Averaging only at the end trains another model.  So do unequal parts, because
# a mean of means is the mean only for equal parts.
#
# All processes waited for the last one in each step: such training is *synchronous*.
# Where nobody waits, a gradient is old when it is used.  **Gradient staleness** counts
# the updates between reading the weights and applying the gradient.  Try it 2 plays
# what it costs.
#
# <details><summary>Sources, and where ours differs from the book's</summary>
#
# The book takes two million tokens a step, no tensor sums, $m = 32$, and half of the
# FP8 peak, which is all of the 16-bit peak.  Its layouts 1 x 1 x 1,024, 8 x 1 x 128 and
# 8 x 4 x 32 then take 14.0, 2.54 and 2.41 s.
#
# The vTrain times are its repository's validation data (Bang et al., MICRO 2024).  A
# row is $t$, $p$, $d$, sequences in a microbatch, and seconds.  A node has eight A100s
# and 800 Gb/s.  It recomputes all activations, for which we assume two more sums a
# layer.  Activations follow Korthikanti et al. (arXiv 2205.05198), equation 1 and table
# 2; their layer takes 7.7 ms forward and 11.9 ms backward.  BigScience's layout is
# 4 x 12 x 8 with microbatches of 2 and a width of 13,824.  The bubble's law is in
# Narayanan et al. (arXiv 2104.04473).
#
# </details>
#
# ## Try it
#
# 1. Suppose streams hide *all* gradients behind computing.  Is the limit to scaling
#    gone?  Keep the batch, take $t = 8$ and $p = 1$, and double $d$.
#
#    <details><summary>Answer</summary>
#
#    No.  A device's computing shrinks with $d$ and its exchange does not.  Once the
#    exchange is the longer, it cannot hide.
#
#    ```python
#    alone, _ = plan(Layout(8, 1, 1, 1024), overlap=1.0)
#    for d in (128, 256, 512, 1024):
#        T, _ = plan(Layout(8, 1, d, 1024 // d), overlap=1.0)
#        print(f"{8 * d:5} devices: {T:.2f} s, {alone / d / T:.0%} of ideal")
#    ```
#
#    ```text
#     1024 devices: 4.95 s, 100% of ideal
#     2048 devices: 2.47 s, 100% of ideal
#     4096 devices: 1.75 s, 71% of ideal
#     8192 devices: 1.75 s, 35% of ideal
#    ```
#
#    </details>
#
# 2. SGD on a quadratic of curvature 1 uses gradients that are 4 updates old.  Up to
#    which step size does it converge?  Fresh gradients allow 2.
#
#    <details><summary>Answer</summary>
#
#    Up to 0.34, about a sixth.  Old gradients need small steps: waiting less is bought
#    with more steps.
#
#    ```python
#    rates = np.linspace(0.01, 2, 200)
#    path = [np.ones(200)] * 5
#    for _ in range(3000):
#        path.append(np.clip(path[-1] - rates * path[-5], -1e6, 1e6))
#    print(f"largest step size: {rates[abs(path[-1]) < 1].max():.2f}")
#    ```
#
#    ```text
#    largest step size: 0.34
#    ```
#
#    </details>
#
# 3. For alignment, PPO trains a policy of 70 billion parameters and a value model of
#    13 billion.  It reads a reference of 70 and a reward model of 13 billion.  DPO
#    trains the policy and reads the reference.  How much memory does DPO save?
#
#    <details><summary>Answer</summary>
#
#    A model that is only read needs its 2-byte weights.  DPO drops the two small ones:
#
#    ```python
#    ppo = (16 + 2) * (70 + 13)
#    dpo = (16 + 2) * 70
#    print(f"PPO {ppo:,} GB, DPO {dpo:,} GB, {1 - dpo / ppo:.1%} less")
#    ```
#
#    ```text
#    PPO 1,494 GB, DPO 1,260 GB, 15.7% less
#    ```
#
#    </details>
#
# 4. A recommender trains on 65,536 samples a step, on 64 devices.  A sample reads 26
#    rows of 512 bytes from a table of 1 TB.  Copy the table, or cut it by rows?
#
#    <details><summary>Answer</summary>
#
#    Cut it.  A copy would not fit, and to sum its gradients moves far more than to send
#    rows and their gradients.  The small dense layers may stay copies.
#
#    ```python
#    copies = ring(1e12, 64, 1)
#    rows = 2 * 26 * 512 * 65536 / 64
#    print(f"a device sends {copies / GB:,.0f} GB, or {rows / GB:.2f} GB for rows")
#    ```
#
#    ```text
#    a device sends 1,969 GB, or 0.03 GB for rows
#    ```
#
#    </details>
#
# > **Takeaways.**
# >
# > - 16 GB of state for each billion parameters; sharding divides it, and stage 3 sends
# >   half as much again.
# > - $N = t\,p\,d$.  Tensor sums stay inside a node, whatever the batch.
# > - The bubble is $(p-1)/(p-1+mV)$.  1F1B saves memory, not time.
# > - Recomputation pays a third to two fifths more time for nearly all activations.
# > - Far above $B_c$ a bigger batch burns samples and saves no steps.
#
# > **Chapter connection.** Each cut here paid with a sum over devices, and
# > $2\,\frac{N-1}{N}\,n$ stood for all of it.  Chapter 6 asks what such a sum costs,
# > and who must send what to whom.
