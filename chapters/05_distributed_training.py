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

from mlsyscore import processes
from mlsyscore.catalog import A100, GPT2_XL, GPT3, H100_FP8, NDR, NVLINK3, NVLINK4
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
# 2. Every matrix is cut over eight devices in eight racks, and they talk for longer
#    than they compute.  By how much does a batch four times as large divide that ratio?
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
# BF16 has steps of 1/128 at 1, and an update below half a step is lost.  Hence the
# policy: *compute in 16 bits, sum in FP32.*  FP16 has finer steps but ends at 65,504.
# There one scales the loss up, so that small gradients survive, and skips a step that
# overflows.  BF16 reaches as far as FP32 and needs no scaling.
#
# The 16 bytes count a 2-byte gradient, as the ZeRO paper does (arXiv 1910.02054).  A
# system that sums its *gradients* in FP32 as well holds 4 bytes in place of 2.  That
# makes 18 bytes a parameter, and 350 GB more for GPT-3.
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
def weigh(rank, N):
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
print("MB on the fullest     PyTorch    law   all over N   weights alone")
for N in (2, 3):
    most = np.max(processes.run(weigh, N), axis=0)
    for stage, found in zip((1, 3), most, strict=True):
        law = held(P, N, stage, optimizer=8, gradient=4, weight=4)
        said = f"{found / MB:9.2f} {law / MB:6.2f} {16 * P / N / MB:12.2f}"
        print(f"N = {N}, stage {stage} {said} {4 * P / MB:15.2f}")

# %% [markdown]
# The law is right to 1 %.  "All over $N$", the usual slip, fails at stage 1, and
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


def gpt2_step(halves, summed=1):
    exchange = halves / 2 * ring(2 * GPT2_XL.P, 32, 10 * Gbps)
    return summed * 1.8 + exchange


faster = gpt2_step(2) / gpt2_step(3)
print(f"whole {gpt2_step(2):.2f} s, sharded {gpt2_step(3):.2f} s a step")
print(f"{faster:.2f} times as fast.  You guessed {guess_shard:g} times.")

# %% [markdown]
# Sharding divides memory and no work.  Where the model fits already, it only adds
# traffic.
#
# ## Cut the width
#
# **Tensor parallelism** cuts every matrix over $t$ devices.  A layer's MLP has two
# matrices, $A$ and $C$, with a ReLU between them.  Cut $A$ by columns and $C$ by rows
# (Megatron, arXiv 1909.08053).  Each device then carries its own columns through the
# ReLU, and one sum at the end is enough.  With integers the test is exact.

# %%
rng = np.random.default_rng(5)
x, A, C = rng.integers(-4, 5, (3, 32, 32))
whole = np.maximum(x @ A, 0) @ C
slices = np.split(np.arange(32), 4)  # four devices
columns = sum(np.maximum(x @ A[:, i], 0) @ C[i] for i in slices)
rows = sum(np.maximum(x[:, i] @ A[i], 0) for i in slices) @ C
print(f"columns first, one sum: {(columns == whole).mean():.0%} of the numbers right")
print(f"rows first, one sum:    {(rows == whole).mean():.0%} of the numbers right")

# %% [markdown]
# Attention splits by heads in the same way.  So a layer needs two sums forward and two
# backward, each of the activations: $2bsh$ bytes for $b$ sequences of $s$ tokens and
# width $h$.  A layer has $12h^2$ weights, and each weight costs 6 operations a token.
# With $R$ operations a second, talking over computing is
#
# $$ \rho_t = \frac{4 \cdot 2\,\frac{t-1}{t}\,\frac{2bsh}{\beta}}
#    {\frac{72\,b\,s\,h^2}{t\,R}} = \frac{2}{9}\,\frac{(t-1)\,R}{h\,\beta}. $$
#
# The batch has gone.  It enters work and traffic alike, so only a faster wire or a
# wider model helps.  The cell adds the start-ups that the formula leaves out.

# %%
RATE = 0.5 * H100_FP8.peak  # the book's: half of the dense FP8 rate
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
# [vTrain](https://github.com/VIA-Research/vTrain) left the node: on the same A100s,
# with the same batch, they doubled $t$ from 8 to 16.  Start from their step at 8.  Take
# off its tensor sums over NVLink, six a layer, and add those over the node's 800 Gb/s.
# The rival says that the same work takes the same time.

# %%
for L, h, group, before, after in (
    (30, 3072, 64, 5.018, 10.719),  # layers, width, sequences of a group at t = 8
    (40, 6144, 32, 10.453, 20.415),
):
    n = 2 * group * S * h  # half the groups at t = 16: each has twice the sequences
    inside = 6 * L * ring(n, 8, NVLINK3.beta)
    outside = 6 * L * ring(2 * n, 16, 800 * Gbps)
    law = before - inside + outside
    print(f"width {h}: {before:.1f} s at t = 8, {after:.1f} s at t = 16")
    print(f"  law {law:.1f} s, {law / after - 1:+.0%}; rival {before / after - 1:+.0%}")

# %% [markdown]
# The law is a floor, for it leaves out that thinner matrices run less efficiently.
#
# ## Cut the depth
#
# **Pipeline parallelism** gives each of $p$ devices, the *stages*, some of the layers
# in order.  The batch goes through as $m$ *microbatches*.  **GPipe** is the schedule
# that runs all forward passes and then all backward passes.  **1F1B** is the schedule
# in which a stage, once warm, alternates one forward pass with one backward.
# *Interleaved* 1F1B gives each stage $V$ thin chunks of layers, so that a turn is $V$
# times shorter.


# %%
def order(kind, stage, p, m, V=1):
    """Return a stage's passes in order: forward or backward, chunk, microbatch."""
    waves = [range(first, min(first + p, m)) for first in range(0, m, p)]
    turns = [(v, j) for wave in waves for v in range(V) for j in wave]
    forward = [("F", v * p + stage, j) for v, j in turns]
    backward = [("B", (V - 1 - v) * p + stage, j) for v, j in turns]
    if kind == "GPipe":
        return forward + backward
    warm = p - 1 - stage
    if V > 1:
        warm = min(2 * warm + (V - 1) * p, m * V)
    passes = forward[:warm]
    for f, b in zip(forward[warm:], backward, strict=False):
        passes += [f, b]
    return passes + backward[len(forward) - warm :]


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
# Few guess it: *1F1B idles exactly as long as GPipe.*  It only moves the idle time.

# %%
#| label: fig-gantt
#| fig-cap: "Pale: forward, full: backward, hatched: idle, dotted: second chunk."
#| fig-alt: "Three schedules: two end together at 33, interleaved ends at 28.5."
# @title What it draws
fig, axes = plt.subplots(3, sharex=True, figsize=(6.4, 5.2))
for ax, (kind, V) in zip(axes, SCHEDULES, strict=True):
    bars = play(kind, 4, 8, V)
    end = max(start + took for _, _, start, took in bars)
    ax.barh(range(4), end, 0.85, color="0.9", ec="0.6", hatch="///", lw=0)
    for stage, (way, chunk, j), start, took in bars:
        shade = "#b3d4e8" if way == "F" else "C0"
        hatch = "..." if chunk >= 4 else ""
        ax.barh(stage, took, 0.85, start, color=shade, ec="white", lw=0.8, hatch=hatch)
        if V == 1:
            ink = "black" if way == "F" else "white"
            ax.text(start + took / 2, stage, j + 1, ha="center", va="center", color=ink)
    name = "interleaved 1F1B, V = 2" if V == 2 else kind
    ax.set(ylabel="stage", yticks=range(4), title=name)
    ax.grid(visible=False)
    ax.invert_yaxis()
axes[2].set_xlabel("time (forward passes of a stage)")
plt.show()

# %% [markdown]
# What 1F1B saves is *memory*: a stage holds the activations of $p$ microbatches, not of
# all $m$.  Interleaving saves time, and holds a little more.
#
# The **pipeline bubble** is the share of a pipeline's time that a stage idles while the
# pipeline fills and drains.  The last stage waits for $p-1$ forward turns before its
# first pass, and $p-1$ backward turns follow its last.  Between them it works through
# $m$ turns of each kind, so
#
# $$ \text{bubble} = \frac{p-1}{m + p - 1}, \qquad
#    \text{interleaved: } \frac{p-1}{mV + p - 1}. $$
#
# A rule for the head: *four microbatches for each stage leave a fifth idle.*  So the
# memory that 1F1B saves pays after all, if it buys a larger $m$.
#
# Real passes are not equal.  Let each vary by a tenth, and count idle time, and the
# microbatches that the first stage holds at once.  The rival takes the first row's
# idle time and lets it grow as $p/(mV)$.


# %%
def in_flight(kind, p, m, V):
    ways = [way for way, _, _ in order(kind, 0, p, m, V)]
    return np.cumsum([1 if way == "F" else -1 for way in ways]).max() / V


rng = np.random.default_rng(5)
rows = [(p, m, *how) for p, m in ((4, 8), (8, 32)) for how in SCHEDULES]
print("                     idle, played    law   rival   held at once")
for p, m, kind, V in rows:
    runs = [idle(kind, p, m, V, lambda: rng.gamma(100, 0.01)) for _ in range(40)]
    mean = np.mean(runs)
    half = 2 * np.std(runs, ddof=1) / np.sqrt(40)
    if (p, kind) == (4, "GPipe"):
        first = mean
    law = (p - 1) / (m * V + p - 1)
    rival = first * 2 * p / (m * V)
    said = f"{mean:.3f} ± {half:.3f}  {law:.3f}   {rival:.3f}"
    print(f"p={p}, m={m:2} {kind:5} V={V} {said} {in_flight(kind, p, m, V):14.1f}")

# %% [markdown]
# Wherever stages or chunks change, the law is closer than the rival.  It is a floor,
# because a stage waits for the later of two: itself and its neighbour.
#
# Now a real pipeline.  BigScience timed one layout of 12 stages
# ([chronicle](https://github.com/bigscience-workshop/bigscience/blob/master/train/tr11-176B-ml/chronicles-prequel.md),
# 26 February 2022) for three batches.  Calibrate on the largest batch, and predict the
# smaller ones.  The rival takes time in proportion to the batch.

# %%
full = 107.12  # seconds for 128 microbatches on each of 8 pipelines
for m, measured in ((96, 83.11), (32, 35.77)):
    law = full * (m + 11) / (128 + 11)
    rival = full * m / 128
    off = [x / measured - 1 for x in (law, rival)]
    print(f"m = {m}: {measured:.1f} s; law {off[0]:+.0%}, rival {off[1]:+.0%}")

# %% [markdown]
# ## What activations cost
#
# State is not all.  The backward pass needs what the forward pass computed.  A paper of
# Megatron's authors (arXiv 2205.05198) lists what a layer with $a$ heads keeps, in 16
# bits:
#
# $$ A = \underbrace{11\,sbh + 5\,a s^2 b}_\text{attention}
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
# A tensor cut divides 24 of the 34 bytes by $t$, and the scores.  A pipeline divides
# nothing: its first stage holds $p$ microbatches of $L/p$ layers, which makes $L$
# layers for every $p$.
#
# **Activation recomputation** keeps only a layer's input, $2sbh$, and runs its forward
# pass again on the way back.  It buys memory with time: one pass on top of three, a
# third more.  The same paper timed a layer of a model of 22 billion (table 4).

# %%
forward, plain, recomputed = 7.7, 19.6, 27.2  # ms
law = plain + forward
print(f"law {law:.1f} ms, measured {recomputed} ms, {law / recomputed - 1:+.0%}")
print(f"rival, no price: {plain} ms, {plain / recomputed - 1:+.0%}")
whole = GPT3.L * layer_bytes(S, 1, GPT3.h, GPT3.a, t=8)
inputs = GPT3.L * 2 * S * GPT3.h
print(f"GPT-3, t = 8, a device: all {whole / GB:.0f} GB, inputs {inputs / GB:.0f} GB")

# %% [markdown]
# Newer kernels never store the scores, and from here on we leave them out.
#
# ## A layout's step
#
# The cuts multiply: a layout has $N = t\,p\,d$ devices.  Each cut exchanges something
# else, and so each belongs elsewhere.
#
# | cut | exchange | how often | place |
# |:--|:--|:--|:--|
# | tensor | sums of activations | 4 a layer | inside a node |
# | pipeline | activations to the next stage | 2 a microbatch | anywhere |
# | data | sums of gradients | once a step | between racks, behind the backward pass |
# | expert | tokens, all to all | 4 a layer | a node, or a fast fabric |
#
# The last row is **expert parallelism**: the layer's MLP becomes many experts on
# different devices, and each token visits a few of them.
#
# Put the terms together.  Each device computes its share $T_\text{compute}/N$ and waits
# for its tensor sums $T_t$.  The bubble stretches both.  Then come the gradients,
# $T_d$, of which a part $T_\text{overlap}$ hides behind computing:
#
# > **Theorem · A layout's step.** For equal stages and free transfers between them,
# >
# > $$ T = \left(\frac{T_\text{compute}}{N} + T_t\right)
# >    \left(1 + \frac{p-1}{mV}\right) + T_d - T_\text{overlap}, $$
# >
# > where tensor sums are assumed to hide behind nothing.


# %%
WORK = 6 * GPT3.P * 1024 * S / RATE  # one device's seconds for 1,024 sequences


def step(share, tensor, data, p, m, overlap):
    busy = share + tensor
    return busy * (1 + (p - 1) / m) + data - np.minimum(overlap * data, busy)


def plan(at, nic=NDR.beta, overlap=0.75):
    """Return GPT-3's step and the seconds that a device sends."""
    share = WORK / at.N
    wire = NVLINK4.beta if at.t <= 8 else nic
    tensor = 4 * GPT3.L / at.p * at.m * ring(2 * S * GPT3.h, at.t, wire)
    data = ring(2 * GPT3.P / (at.t * at.p), at.d, nic)
    return step(share, tensor, data, at.p, at.m, overlap), tensor + data


def memory(at):
    state = held(GPT3.P, at.d, stage=1) / (at.t * at.p)
    layers = min(at.m, at.p) * GPT3.L / at.p
    return state + layers * layer_bytes(S, 1, GPT3.h, 0, at.t)


# %% [markdown]
# **Scaling efficiency** is the share of a step that is a device's own computing,
# $T_\text{compute}/N$ over $T$.  **MFU**, model FLOP utilisation, is the share of its
# peak that a device spends on the model's own operations.  Our devices compute at half
# of their peak, so over a whole step the MFU is half of the efficiency.

# %%
print("  t x  p x    d     step  efficiency   MFU   memory")
for t, p, d in ((1, 1, 1024), (8, 1, 128), (8, 4, 32), (8, 4, 64)):
    at = Layout(t, p, d, 1024 // d)
    T, _ = plan(at)
    efficiency = WORK / at.N / T
    said = f"{efficiency:10.2f} {0.5 * efficiency:6.2f} {memory(at) / GB:5.0f} GB"
    print(f"{t:3} x {p:2} x {d:4} {T:6.2f} s {said}")

# %% [markdown]
# Whole copies spend most of the step on gradients; chapter 1 calls them
# *overhead-dominated*.  All four rows compute at half of the peak, and that alone does
# not tell what they deliver.  In the last row twice the devices do not halve the step,
# for exchange and bubble stay.
#
# ### Steps that the fit has not seen
#
# vTrain's authors timed GPTs of 39 and 175 billion parameters on 512 A100s.  A step
# always had 1,536 sequences, in microbatches of 2 to 24.

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
def forecast(L, h, t, p, d, b, T, bubble=True, exchange=True):
    """Return E, and predicted over measured times of rows that E has not seen."""
    m = 1536 / (d * b)
    P = 12 * L * h**2
    compute = 8 * P * (1 + S / (6 * h)) * S * 1536 / A100.peak  # 8: it recomputes
    share = compute / (t * p * d)
    tensor = 6 * L / p * m * ring(2 * b * S * h, t, NVLINK3.beta) * exchange
    data = ring(2 * P / (t * p), d, 100 * Gbps) * exchange
    stages = p if bubble else 1
    stretch = 1 + (stages - 1) / m
    E = np.median((share * stretch / (T - tensor * stretch - data))[b <= 3])
    return E, (step(share / E, tensor, data, stages, m, 0) / T)[b > 3]


# %%
MODELS = (("39B", 48, 8192, SMALL), ("175B", 96, 12288, LARGE))
print("mean error on unseen rows    E    law   no bubble   constant MFU")
for name, L, h, rows in MODELS:
    measured = table(rows).T
    E, law = forecast(L, h, *measured)
    _, without = forecast(L, h, *measured, bubble=False)
    _, flat = forecast(L, h, *measured, bubble=False, exchange=False)
    off = [abs(x - 1).mean() for x in (law, without, flat)]
    said = f"{E:.2f} {off[0]:6.1%} {off[1]:10.1%} {off[2]:13.1%}"
    print(f"{name:5} {len(law):2} rows {said:>52}")

# %% [markdown]
# Larger microbatches are fewer, and so the bubble grows.  Constant MFU cannot know
# that.  The law has a limit, too: $E$ is not one number.  It is higher for the 175B
# model, whose matrices are larger.
#
# ### Every layout of 1,024
#
# Try all degrees that are powers of two, one sequence to a microbatch.


# %%
degrees = [(2**i, 2**j) for i in range(5) for j in range(6)]
ALL = [Layout(t, p, 1024 // (t * p), t * p) for t, p in degrees]


def cheapest(what, limit=H100_FP8.memory, **setting):
    fits = [at for at in ALL if memory(at) <= limit]
    return min(fits, key=lambda at: plan(at, **setting)[what])


print(f"{sum(memory(at) <= H100_FP8.memory for at in ALL)} of {len(ALL)} layouts fit")
for name, what in (("fastest", 0), ("sends least", 1)):
    at = cheapest(what)
    T, sent = plan(at)
    said = f"step {T:.2f} s, sends for {sent:.2f} s"
    print(f"{name:12} t = {at.t}, p = {at.p:2}, d = {at.d:2}: {said}")


# %%
#| label: fig-layouts
#| fig-cap: "Thirty layouts of 1,024 devices.  Star: the fastest that fits."
#| fig-alt: "Layouts that fit lie near 3 s, but those with t = 16 near 14 s."
# @title What it draws
def draw(limit_GB=86.0, rate_Gbps=400.0, overlap=0.75):
    setting = {"nic": rate_Gbps * Gbps, "overlap": overlap}
    _, ax = plt.subplots()
    looks = ("o-C0", "s-.C3", "^:C2", "D-k", "x--C1")
    for t, look in zip((1, 2, 4, 8, 16), looks, strict=True):
        mine = [at for at in ALL if at.t == t]
        M = [memory(at) / GB for at in mine]
        ax.plot(M, [plan(at, **setting)[0] for at in mine], look, label=f"t = {t}")
    ax.axvline(limit_GB, c="0.4", ls="--", lw=1)
    best = cheapest(0, limit_GB * GB, **setting)
    ax.plot(memory(best) / GB, plan(best, **setting)[0], "*", c="C1", ms=14, zorder=3)
    ax.set_title(f"fastest that fits: t = {best.t}, p = {best.p}, d = {best.d}")
    ax.set(xlabel="memory of a device (GB)", ylabel="step (s)", xscale="log", ylim=0)
    ax.set(xticks=[30, 50, 100, 200, 500], xticklabels=[30, 50, 100, 200, 500])
    ax.minorticks_off()
    ax.legend(loc="upper center")
    plt.show()


draw()

# %%
#| eval: false
#| tags: [nbval-ignore-output, remove-cell]
if get_ipython():
    interact(draw, limit_GB=(40.0, 640.0), rate_Gbps=(50.0, 800.0), overlap=(0.0, 1.0))

# %% [markdown]
# That answers our question.  *Every layout that fits and keeps $t$ in its node costs
# nearly the same.*  Two mistakes cost a factor: leaving the node with $t$, and whole
# copies.  And the fastest layout does not send least: the one that does saves on tensor
# sums, which are cheap over NVLink, and idles longer.
#
# ## A bigger batch
#
# More devices want a bigger batch $B$, or each has little to do.  Does a batch of twice
# the samples need half of the steps?  Let $G$ be the true gradient, $H$ the curvature
# and $\Sigma$ the covariance of one sample's gradient.  A step of size $\epsilon$ along
# the gradient of $B$ samples lowers the loss, on average, by
#
# $$ \epsilon\,|G|^2 - \frac{\epsilon^2}{2}
#    \left(G^\top H G + \frac{\operatorname{tr} H\Sigma}{B}\right). $$
#
# The best $\epsilon$ gains a share $1/(1 + B_c/B)$ of what a step without noise gains,
# with $B_c = \operatorname{tr}(H\Sigma)/(G^\top H G)$.  So to reach a loss takes
#
# $$ n_\text{steps} = n_\text{min}\left(1 + \frac{B_c}{B}\right), \qquad
#    n_\text{samples} = n_\text{min}\,(B + B_c). $$
#
# $B_c$ is the **critical batch size**, at which a step brings half of the progress of a
# step without noise.  Where curvature is even, it equals the **gradient noise scale**,
# $\operatorname{tr}\Sigma / |G|^2$ (McCandlish et al., arXiv 1812.06162).  *Below
# $B_c$ a bigger batch saves steps; above it, it burns samples.*
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
        W[run] -= rates[run, None, None] * X[pick].transpose(0, 2, 1) @ error / B
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
#| fig-alt: "Steps flatten with the batch, as the law; the rival falls on."
# @title What it draws
_, ax = plt.subplots()
B = np.geomspace(2, 90)
ax.loglog(B, n_min + slope / B, c="C2", ls="-", label="law")
ax.loglog(B, n_steps[3] * 16 / B, c="C3", ls="--", label="inversely with the batch")
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
# computing, and its sum wants the FP32 buffer of our first section.
#
# ## Several processes, one model
#
# Do $d$ devices train the same model as one?  Let processes on this machine take twenty
# steps in FP64, each on its part of 96 samples.  They sum their gradients and divide
# by $N$.  Two rivals: train apart and average the weights at the end; and give the
# processes unequal parts.


# %%
def train(rank, N, parts, exchange):
    group = dist.new_group(backend="gloo")
    torch.manual_seed(5)
    x = torch.randn(96, 64, dtype=torch.float64).split(parts)[rank]
    layers = [torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 1)]
    net = torch.nn.Sequential(*layers).double()
    for _ in range(20):
        net.zero_grad()
        (net(x) - x.sum(1, keepdim=True)).square().mean().backward()
        for w in net.parameters():
            if exchange:
                dist.all_reduce(w.grad, group=group)
                w.grad /= N
            w.data -= 0.003 * w.grad
    return torch.nn.utils.parameters_to_vector(net.parameters()).detach()


# %%
#| tags: [nbval-ignore-output]
one = processes.run(train, 1, [96], True)[0]
print("largest difference of a weight from one process")
for parts, exchange in (
    ([48] * 2, True),
    ([24] * 4, True),
    ([24] * 4, False),
    ([72, 24], True),
):
    weights = torch.stack(processes.run(train, len(parts), parts, exchange))
    how = "gradients every step" if exchange else "weights at the end"
    off = (weights.mean(0) - one).abs().max()
    print(f"parts {parts!s:16} average {how:20}: {off:.0e}")

# %% [markdown]
# Equal parts give the same weights to rounding, for the samples are added in another
# order.  Averaging only at the end trains another model.  So do unequal parts, because
# a mean of means is the mean only for equal parts.
#
# All processes waited for the last one in each step.  That is **bulk synchronous
# parallel** training.  **Stale synchronous parallel** training lets a process lead the
# slowest by a bounded number of steps, and asynchronous SGD by any number.  They wait
# less, and pay in **gradient staleness**: the number of updates between reading the
# weights and applying the gradient.  Try it 3 plays what that costs.
#
# <details><summary>Sources, and where ours differs from the book's</summary>
#
# The book takes two million tokens a step, no tensor sums and $m = 32$.  Its layouts
# 1 x 1 x 1,024, 8 x 1 x 128 and 8 x 4 x 32 then take 14.0, 2.54 and 2.41 s.  Ours take
# 1,024 sequences of 2,048 tokens, one to a microbatch, and pay for tensor sums.  The
# book's MFU is a device's while it computes; ours is over the whole step, as in papers.
# Its GPT-2 also pays for a sum over NVLink, 12 ms.
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
# 1. GPT-2's four nodes share a batch of 512.  Let one node of eight devices reach it
#    with four microbatches and one exchange over NVLink, which is nearly free.  Which
#    is faster, and by how much?
#
#    <details><summary>Answer</summary>
#
#    Four nodes are a little faster, for four times the machines.  Accumulation is
#    cheaper, but not free: it computes four times as long.
#
#    ```python
#    one_node = 4 * 1.8 + ring(2 * GPT2_XL.P, 8, NVLINK4.beta)
#    print(f"four nodes {gpt2_step(2):.2f} s, one node {one_node:.2f} s")
#    ```
#
#    ```text
#    four nodes 6.45 s, one node 7.21 s
#    ```
#
#    </details>
#
# 2. Suppose streams hide *all* gradients behind computing.  Is the limit to scaling
#    gone?  Keep the batch, take $t = 8$ and $p = 1$, and double $d$.
#
#    <details><summary>Answer</summary>
#
#    No.  A device's computing shrinks with $d$ and its exchange does not.  Once the
#    exchange is the longer of the two, it cannot hide.
#
#    ```python
#    alone, _ = plan(Layout(8, 1, 1, 1024), overlap=1.0)
#    for d in (128, 256, 512, 1024):
#        T, _ = plan(Layout(8, 1, d, 1024 // d), overlap=1.0)
#        print(f"{8 * d:5} devices: {T:.2f} s, {alone / d / T:.0%} of ideal")
#    ```
#
#    ```text
#     1024 devices: 2.77 s, 100% of ideal
#     2048 devices: 1.74 s, 80% of ideal
#     4096 devices: 1.75 s, 40% of ideal
#     8192 devices: 1.75 s, 20% of ideal
#    ```
#
#    </details>
#
# 3. SGD on a quadratic of curvature 1 uses gradients that are 4 updates old.  Up to
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
# 4. For alignment, PPO trains a policy of 70 billion parameters and a value model of
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
# 5. A recommender has small dense layers and a table of 1 TB, of which a sample reads
#    26 rows.  Which cut does each part want?
#
#    <details><summary>Answer</summary>
#
#    The dense layers want copies: their gradients are small.  The table wants to be cut
#    by rows, and devices send each other the rows that a batch reads.  A copy would not
#    fit.
#
#    </details>
#
# > **Takeaways.**
# >
# > - 16 GB of state for each billion parameters; sharding divides it, and stage 3 sends
# >   half as much again.
# > - $N = t\,p\,d$.  Tensor sums stay inside a node, whatever the batch.
# > - The bubble is $(p-1)/(p-1+mV)$.  1F1B saves memory, not time.
# > - Recomputation pays a third more time for nearly all activations.
# > - Above $B_c$ a bigger batch burns samples.
#
# > **Chapter connection.** Each cut here paid with a sum over devices, and
# > $2\,\frac{N-1}{N}\,n$ stood for all of it.  Chapter 6 asks what such a sum costs,
# > and who must send what to whom.
