# %% [markdown]
# ---
# title: "9 · Performance engineering"
# fleet-stack: [25, 35, 55, 30, 100, 35, 0, 0]
# ---
#
# Two programs train the attention of a GPT-2 on an A100, and their results agree to
# rounding.  By their authors' count one of them does 13 % more arithmetic than the
# other, and it is 5.7 times as fast (arXiv 2205.14135, figure 2, left).  *What did the
# slow one do with its time?  And how does an engineer find such time in another
# program?*

# %%
import itertools
import math

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython import get_ipython
from ipywidgets import interact
from scipy.stats import chi2
from torch.nn import functional as F
from torch.profiler import profile

from mlsyscore import device
from mlsyscore.catalog import H100, LLAMA2_7B
from mlsyscore.units import GB, MB, TB, TFLOP, hour, ms, us, week

plt.style.use("mlsyscore.figures")

# %% [markdown]
# ## Predict
#
# Write four guesses before you read on.  The values given are common guesses.
#
# 1. A layer of a language model multiplies matrices.  All else that it does (scaling,
#    masks, softmax, norms, activations, additions) is 0.15 % of its operations.  What
#    share of its time on an H100 does all that take, each operator run on its own?  (We
#    answer this question and the next by a law, not by a measurement.)
# 2. An activation function is written as a formula of eight elementwise operators, each
#    run on its own over a large tensor.  One operator that evaluates the whole formula
#    does the same arithmetic.  How many times as fast is it on an H100?
# 3. A 7B model on an A100 writes 107 tokens a second for one reader, with weights of
#    two bytes.  Now its weights take one byte.  How many tokens a second?
# 4. A small model drafts seven tokens, and a large one checks them all in one step.  A
#    drafted token is right with probability 0.62; those after the first wrong one are
#    thrown away, and the large model adds one of its own.  How many tokens does a round
#    yield on average?

# %%
#| tags: [guess]
guess_share = 0.01  # of the time
guess_fused = 1.0  # times as fast
guess_byte = 214.0  # tokens a second
guess_round = 5.3  # tokens

# %% [markdown]
# ## An operator's time
#
# A program for an accelerator is a list of *operators*: a product, a softmax, an
# addition.  For each one the chip gets a *launch*, the order to start.  Then it reads
# the operator's inputs from its memory, computes, and writes the result back.  With $O$
# operations and $D$ bytes, the **iron law** of performance adds up the three parts:
#
# $$ T = \underbrace{\frac{D}{BW}}_{\text{bytes}} +
#    \underbrace{\frac{O}{\eta\,R_\text{peak}}}_{\text{operations}} +
#    \underbrace{L}_{\text{launch}}. $$
#
# Here $\eta$ is the share of the peak that arithmetic reaches once its data is there;
# we assume 0.8.  $L$ is what a launch adds.  A program that runs ahead of its chip
# hides most of it: the next launch is made while an operator still runs.  NVIDIA timed
# short operators on a V100 ([Getting started with CUDA
# graphs](https://developer.nvidia.com/blog/cuda-graphs/)).  Beyond its own 2.9 µs each
# took 6.7 µs if the program waited for every one, and 0.9 µs if it ran ahead.  We take
# 0.9 µs.  Chapter 2 let the two pipes overlap, and took the larger of the first two
# terms.  For a time their sum is the cautious choice, and at most twice as much.
#
# An operator is **launch-bound** if its launch takes longer than its bytes and longer
# than its operations.  A rule for the head, with these launches: *on an H100 an
# elementwise operator that moves less than 3 MB is launch-bound if the program runs
# ahead, and one below 22 MB if it waits each time.*  What a framework itself does for
# each operator raises both numbers.


# %%
AHEAD, WAITS, ETA = 0.9 * us, 6.7 * us, 0.8


def parts(O, D):
    return D / H100.bw, O / (ETA * H100.peak), AHEAD


def seconds(O, D):
    return sum(parts(O, D))


def product(m, d, n, s=2, times=1):
    """Return the operations and bytes of (m x d) by (d x n), each matrix moved once."""
    return 2 * times * m * d * n, s * times * (m * d + d * n + m * n)


# %%
for name, L in (("runs ahead", AHEAD), ("waits", WAITS)):
    print(f"bytes moved during L if the program {name:10} {L * H100.bw / MB:4.1f} MB")
print(f"{'time in µs of':34} bytes  operations  launch")
for name, O, D in (
    ("4096 x 4096 times 2,048 tokens", *product(2048, 4096, 4096)),
    ("4096 x 4096 times 512 tokens", *product(512, 4096, 4096)),
    ("4096 x 4096 times 64 tokens", *product(64, 4096, 4096)),
    ("4096 x 4096 times 1 token", *product(1, 4096, 4096)),
    ("double 2,048 x 16,384 numbers", 2048 * 16384, 4 * 2048 * 16384),
    ("double 4,096 numbers", 4096, 4 * 4096),
):
    T = parts(O, D)
    bound = ("memory", "compute", "launch")[int(np.argmax(T))]
    row = f"{T[0] / us:5.1f} {T[1] / us:11.2f} {T[2] / us:7.1f}"
    print(f"{name:34} {row}   {bound}-bound")

# %% [markdown]
# A prompt brings its tokens all at once, and a reader's answer one at a time.  So the
# same matrix is bound by arithmetic while the model reads a long prompt.  It is bound
# by memory while the model writes for 1 or 64 readers, and by arithmetic again when it
# writes for 512.
#
# ## A layer as a list
#
# Now the whole layer, a *decoder block*, for $S$ tokens of width $h$.  Its attention
# has $a$ heads of width $d = h/a$.  Each head compares every token with every token, so
# the heads' *scores* are $a$ matrices of $S \times S$ numbers.  They are scaled and
# masked, and softmax turns each row into weights that add up to 1.


# %%
KINDS = ("products", "scale, mask, add", "softmax", "activation", "norms")


def block(S, h, a, s=2):
    """Return (kind, operations, bytes) of each operator of a decoder block."""
    X, A = S * h, a * S * S  # numbers in the state of S tokens, and in the scores
    return [
        ("norms", 7 * X, 2 * X * s),
        ("products", *product(S, h, 3 * h, s)),  # to queries, keys and values
        ("products", *product(S, h // a, S, s, a)),  # the scores
        ("scale, mask, add", A, 2 * A * s),  # scale
        ("scale, mask, add", A, 2 * A * s),  # mask
        ("softmax", 5 * A, 2 * A * s),
        ("products", *product(S, S, h // a, s, a)),  # the weighted sums of values
        ("products", *product(S, h, h, s)),
        ("scale, mask, add", X, 3 * X * s),
        ("norms", 7 * X, 2 * X * s),
        ("products", *product(S, h, 4 * h, s)),
        ("activation", 8 * 4 * X, 2 * 4 * X * s),
        ("products", *product(S, 4 * h, h, s)),
        ("scale, mask, add", X, 3 * X * s),
    ]


# %%
def totals(operators, cost):
    """Return what each kind of operator costs."""
    sums = dict.fromkeys(KINDS, 0.0)
    for kind, O, D in operators:
        sums[kind] += cost(O, D)
    return sums


def shares(operators, cost):
    sums = np.array(list(totals(operators, cost).values()))
    return sums / sums.sum()


def operations(O, D):
    return O


def account(operators):
    T, O = sum(seconds(o, d) for _, o, d in operators), sum(op[1] for op in operators)
    other = 1 - shares(operators, seconds)[0]
    return f"{T / ms:.2f} ms, MFU {O / T / H100.peak:.0%}, outside products {other:.0%}"


layer = block(2048, 4096, 32)
other = 1 - shares(layer, operations)[0]
print(f"operations that belong to no product: {other:.2%}")
print(f"the layer takes {account(layer)} of the time")
print(f"For this last share you guessed {guess_share:.0%}.")

# %%
#| label: fig-shares
#| fig-cap: "A decoder block's operations and its time on an H100, by kind of operator."
#| fig-alt: "Products are nearly all operations, and about seven tenths of the time."
# @title A decoder block's operations and its time
_, ax = plt.subplots(figsize=(6.4, 2.9))
left = np.zeros(2)
both = np.array([shares(layer, seconds), shares(layer, operations)])
hatches, colors = ("", "//", "..", "xx", ""), ("C0", "C1", "C3", "C2", "0.4")
for i, kind in enumerate(KINDS):
    style = {"hatch": hatches[i], "color": colors[i], "edgecolor": "white"}
    ax.barh([0, 1], 100 * both[:, i], 0.6, left, label=kind, **style)
    left += 100 * both[:, i]
ax.set(yticks=[0, 1], yticklabels=["time", "operations"], xlabel="share (%)")
ax.set_ylim(-0.5, 1.5)
ax.legend(ncols=2, loc="upper center", bbox_to_anchor=(0.45, -0.28), fontsize=9)
plt.show()

# %% [markdown]
# So by the law the layer works at 43 % of the peak (its MFU, chapter 5), although each
# product reaches 80 % once it has its data.  The gap is bytes.  Half of them are those
# of scale, mask and softmax, which do an operation or a few for each four bytes.  Two
# fifths are the products' own.
#
# ### What the profiler sees
#
# A *profiler* records which operators ran, how often, for how long, and how much memory
# each took.  We run a small block on your machine.  The law gets its three numbers from
# three other programs: a tiny addition gives $L$, the doubling of a tensor gives $BW$,
# and a square product gives $\eta R_\text{peak}$.  The rivals know bytes alone, or
# operations alone.

# %%
torch.set_num_threads(1)
on = device.kind()
larger = 8 if on == "cuda" else 1
S, h, a = 512 * larger, 256 * larger, 8
rng = torch.Generator().manual_seed(9)
W = [torch.randn(h, n * h, generator=rng).to(on) / h**0.5 for n in (3, 1, 4)]
W_down = torch.randn(4 * h, h, generator=rng).to(on) / h**0.5
x = torch.randn(S, h, generator=rng).to(on)
mask = torch.full((S, S), -math.inf, device=on).triu(1)
tiny, big = torch.ones(8, device=on), torch.ones(larger**2 * 2**22, device=on)
square = torch.randn(512 * larger, 512 * larger, device=on)


@torch.inference_mode()
def run_block():
    qkv = F.layer_norm(x, (h,)) @ W[0]
    q, k, v = qkv.view(S, 3, a, h // a).permute(1, 2, 0, 3)
    weights = torch.softmax((q @ k.mT) * (h // a) ** -0.5 + mask, -1)
    mixed = (weights @ v).transpose(0, 1).reshape(S, h)
    y = x + mixed @ W[1]
    return y + F.gelu(F.layer_norm(y, (h,)) @ W[2]) @ W_down


# %%
NAMES = (["mm", "bmm"], ["mul", "add"], ["_softmax"], ["gelu"], ["native_layer_norm"])


def profiled(f, calls=3, memory=True):
    """Return {operator: (seconds, times run, bytes of results)}, all for one call."""
    f()
    with profile(profile_memory=memory) as seen:
        for _ in range(calls):
            f()
        device.wait()
    result, gpu = {}, on == "cuda"
    for e in seen.key_averages():
        t = e.self_device_time_total if gpu else e.self_cpu_time_total
        made = e.self_device_memory_usage if gpu else e.self_cpu_memory_usage
        if e.key.startswith("aten::"):
            result[e.key[6:]] = (t * us / calls, e.count // calls, max(made, 0) / calls)
    return result


def median(f):
    return float(np.median(device.timed(f, 7)))


# %%
#| tags: [nbval-ignore-output]
L, bw = median(lambda: tiny + tiny), 2 * big.nbytes / median(lambda: big * 2)
peak = 2 * len(square) ** 3 / median(lambda: square @ square)
print(f"L {L / us:.1f} µs, BW {bw / GB:.0f} GB/s, products {peak / 1e9:,.0f} billion/s")
seen = profiled(run_block)
measured = [sum(seen[n][0] for n in names) for names in NAMES]
models = {
    "law": lambda O, D: D / bw + O / peak + L,
    "bytes": lambda O, D: D / bw,
    "operations": lambda O, D: O / peak,
}
times = {m: list(totals(block(S, h, a, s=4), f).values()) for m, f in models.items()}
print("time in ms           measured     law   bytes   operations")
for i, kind in enumerate(KINDS):
    row = "".join(f"{times[m][i] / ms:9.2f}" for m in models)
    print(f"{kind:20} {measured[i] / ms:7.2f} {row}")
print(f"outside products: measured {1 - measured[0] / sum(measured):.0%}")
for m in models:
    off = np.exp(np.abs(np.log(np.divide(times[m], measured))).mean())
    row = f"{m:10} {1 - times[m][0] / sum(times[m]):4.0%}"
    print(f"{row}; kinds are off by a factor of {off:.1f} in the mean")

# %% [markdown]
# Only the law knows both terms, so over the kinds it should be off least.  Single kinds
# may still be off several times.  Dear exponentials, memory that has to be found for
# each result, and a framework's own work are candidates; this test does not tell.  On
# the share outside products a rival may come nearer by luck, since there errors do not
# cancel.  So read the H100's 28 % as the law's, and not as a measurement.
#
# ## Fusion removes bytes
#
# **Operator fusion** replaces operators that follow each other by one that keeps what
# lies between them in the chip's registers.  Let $n$ elementwise operators each read a
# tensor of $X$ bytes and write one.  Their $O$ operations stay, and all round trips but
# one go:
#
# $$ T_\text{apart} = n\left(\frac{2X}{BW} + L\right) + \frac{O}{\eta R_\text{peak}},
#    \qquad
#    T_\text{fused} = \frac{2X}{BW} + L + \frac{O}{\eta R_\text{peak}}. $$
#
# So arithmetic intensity does not belong to a model.  It belongs to the way in which
# the model is written.  The rule: *count the tensors that are read or written before
# and after.  Where bytes are nearly all of the time, their ratio is what fusion gains.*
# Where launches are, it is the number of operators; where arithmetic is, nothing.
#
# The formula of GELU, $\frac12 x\,(1+\tanh(c\,(x+0.0447x^3)))$, has eight operators,
# and we count one operation for each.  Each reads one tensor and writes one, and two of
# them read another: 18 in all.

# %%
size = 2048 * 16384
O, X = 8 * size, 2 * size  # all operations; the bytes of one tensor
work = O / (ETA * H100.peak)
apart, fused = 18 * X / H100.bw + work + 8 * AHEAD, 2 * X / H100.bw + work + AHEAD
print(f"eight operators {apart / us:.0f} µs, at {O / (18 * X):.2f} operations a byte")
print(f"one operator {fused / us:8.0f} µs, at {O / (2 * X):.2f} operations a byte")
print(f"by the law {apart / fused:.1f} times as fast.  You guessed {guess_fused:g}.")

# %% [markdown]
# That takes arithmetic to be as cheap as in products.  A tanh is not, and by the law
# that makes the gain smaller.  On your machine PyTorch's `gelu` is the one operator.
# We take its time less its bytes for the arithmetic, and predict the formula as that
# plus its own 18 tensors.

# %%
#| tags: [nbval-ignore-output]
z = torch.randn(2**22 * larger, device=on)
c = math.sqrt(2 / math.pi)


def formula():
    return 0.5 * z * (1 + torch.tanh(c * (z + 0.044715 * z**3)))


def one_operator():
    return F.gelu(z, approximate="tanh")


times = {}
for f in (formula, one_operator):
    rows = [row for row in profiled(f).values() if row[2] > 1 * MB]
    times[f], made = sum(t for t, *_ in rows), sum(b for *_, b in rows)
    count = sum(n for _, n, _ in rows)
    what = f"operators run: {count}, results {made / MB:.0f} MB"
    print(f"{f.__name__:12} {times[f] / ms:7.2f} ms in the profile, {what}")
work = max(times[one_operator] - 2 * z.nbytes / bw, 0)
law = (18 * z.nbytes / bw + work) / times[one_operator]
gain = times[formula] / times[one_operator]
print(f"{gain:.1f} times as fast; the law says {law:.1f}")
print("rivals: bytes alone 9.0; same operations, same time 1.0")

# %% [markdown]
# What a run shows for certain is the count: eight operators and 134 MB of results
# against one and 17 MB.  In time a rival may come nearer than the law: what else the
# eight operators spend, such as finding memory for each result, neither counts.
#
# ## Softmax in one pass, attention in tiles
#
# A product, a softmax and another product cannot be fused so easily.  A row's softmax
# needs the row's largest score $m$ and the sum $\ell$ of all exponentials before it can
# give the first weight, so it seems to need the whole row:
#
# $$ o = \frac{1}{\ell}\sum_j e^{x_j - m}\,v_j, \qquad
#    m = \max_j x_j, \qquad \ell = \sum_j e^{x_j - m}. $$
#
# **Online softmax** reads the row once, in pieces, and mends the past when a larger
# score turns up.  Keep $m$, $\ell$ and the sum $u=\ell\,o$ of what was read.  Let $m'$,
# $\ell'$ and $u'$ be those of the next piece alone.  With $M = \max(m, m')$,
#
# $$ \ell \leftarrow e^{m-M}\,\ell + e^{m'-M}\,\ell', \qquad
#    u \leftarrow e^{m-M}\,u + e^{m'-M}\,u', \qquad m \leftarrow M. $$
#
# This is exact because a new maximum multiplies all earlier terms by one factor.  The
# factors cost next to nothing.
#
# **Tiling** is to work on blocks that fit into the chip's small fast memory.  Load $b$
# rows of queries and keep them.  Let all keys and values pass by, a tile at a time.


# %%
def tiled(Q, K, V, b):
    """Return attention, the numbers moved to or from memory, and the most held."""
    out, moved, held = np.empty_like(Q), 0, 0
    for i in range(0, len(Q), b):
        q = Q[i : i + b] / math.sqrt(Q.shape[1])
        m, l, u = np.full((len(q), 1), -np.inf), 0.0, 0.0
        moved += q.size
        for j in range(0, len(K), b):
            k, v = K[j : j + b], V[j : j + b]
            x = q @ k.T
            M = np.maximum(m, x.max(1, keepdims=True))
            p = np.exp(x - M)  # by M at once, so the piece's own factor is 1
            l = np.exp(m - M) * l + p.sum(1, keepdims=True)
            u = np.exp(m - M) * u + p @ v
            m = M
            moved += k.size + v.size
            held = max(held, q.size + k.size + v.size + x.size + u.size + 2 * len(q))
        out[i : i + b] = u / l
        moved += out[i : i + b].size
    return out, moved, held


# %%
#| label: fig-walk
#| fig-cap: "The tile's walk over the scores, and what is kept while it goes right."
#| fig-alt: "A grid of scores: done tiles are grey and gone, one is here, others ahead."
# @title The tile's walk over the scores
_, ax = plt.subplots(figsize=(6.4, 4.6))


def box(x, y, color, width=1.1, height=0.94, edge="0.8"):
    ax.add_patch(plt.Rectangle((x, y), width, height, fc=color, ec=edge))


for i, j in np.ndindex(5, 6):
    box(j, i, ["0.72", "C2", "white"][int(np.sign(6 * i + j - 15)) + 1], 0.94)
    box(-1.5, i, "C0" if i == 2 else "0.92")
    box(6.4, i, "C0" if i == 2 else "0.92")
    box(j, -1.4, "C1" if j == 3 else "0.92", 0.94, 0.8)
WORDS = ((-0.95, 2.47, "q"), (6.95, 2.47, "m, ℓ, u"), (3.47, -1, "k, v"))
for right, down, text in (*WORDS, (3.47, 2.47, "tile")):
    ax.text(right, down, text, ha="center", va="center", color="white", fontsize=10)
NOTES = ((-0.95, -0.15, "queries"), (6.95, -0.15, "result"))
NOTES += ((3, -1.7, "keys, values"), (3, 5.6, "grey tiles: gone.  White: to come."))
for right, down, text in NOTES:
    ax.text(right, down, text, ha="center", fontsize=10)
ax.annotate("", (5.9, 2.47), (4.1, 2.47), arrowprops={"arrowstyle": "->", "lw": 2})
ax.set(xlim=(-1.8, 7.8), ylim=(6, -2.3), aspect="equal")
ax.axis("off")
plt.show()

# %% [markdown]
# Only what has a letter is in the fast memory; the rest is in the large one, or gone.
# Keys and values, $2Sd$ numbers, pass by once for each of the $S/b$ blocks of queries.
# The plain way writes the scores, reads them for the softmax, writes the weights and
# reads them again, if scale and mask are fused already:
#
# $$ D_\text{tiled} = s\left(2Sd + \frac{2S^2d}{b}\right), \qquad
#    D_\text{plain} = s\,(4Sd + 4S^2), \qquad
#    \frac{D_\text{plain}}{D_\text{tiled}} \approx \frac{2b}{d}
#    \text{ for long } S. $$
#
# So tiles of $b$ rows cut the traffic $2b/d$ times, and nothing of size $S^2$ is held.


# %%
def plain(Q, K, V):
    x = Q @ K.T / math.sqrt(Q.shape[1])
    p = np.exp(x - x.max(1, keepdims=True))
    return p @ V / p.sum(1, keepdims=True)


d, b = 64, 128
rows = np.random.default_rng(9)
print("numbers in millions      moved: counted    law  plain*   held: counted  plain*")
for n in (256, 512, 1024):
    Q, K, V = rows.normal(size=(3, n, d))
    out, moved, held = tiled(Q, K, V, b)
    law = 2 * n * d + 2 * n**2 * d / b
    apart = np.abs(out - plain(Q, K, V)).max()
    same = "same result" if apart < 1e-12 else f"APART BY {apart}"
    row = f"{moved / 1e6:12.2f} {law / 1e6:7.2f} {(4 * n * d + 4 * n**2) / 1e6:7.2f}"
    print(f"{n:5} tokens, {same} {row} {held / 1e6:13.2f} {n**2 / 1e6:9.2f}")
print("* by formula")

# %% [markdown]
# The counter adds up what the loop loads, so it tests the algebra and no memory.  Twice
# the tokens hold no more in tiles, and four times as much in the plain way.
#
# Fusing neighbours in a list cannot find this, since no weight of a row is final
# before its last score is read.  `torch.compile` knows it as a pattern, for some ways
# to write attention.
#
# ### The opening's two programs
#
# The paper reports a traffic of 40.3 GB for the plain program and 4.4 GB for the tiled
# one, forward and backward, for 64 sequences of 1,024 tokens and 16 heads of 64.  We
# take these bytes as they are, so the formula above is not tested here.
#
# The printed operations, 66.6 and 75.2 billion, are far fewer than these sizes ask for.
# By our count the plain program does six products of $2S^2d$ operations in each head,
# two forward and four backward.  The tiled one does seven, 17 % more: its backward pass
# computes the scores again, because nobody kept them.  The chip, by our reading an A100
# of 40 GB, reads 1.555 TB/s and does 312 trillion operations a second.

# %%
one = 2 * 64 * 16 * 1024**2 * 64  # operations of one product, all heads
O, D = np.array([6, 7]) * one, np.array([40.3, 4.4]) * GB
took = np.array([41.7, 7.3]) * ms
work, load = O / (ETA * 312 * TFLOP), D / (1.555 * TB)
printed = np.array([66.6, 75.2]) * 1e9 / (ETA * 312 * TFLOP)
print("in ms                plain  tiled   ratio   off, mean of the two times")
for name, T in (
    ("measured", took),
    ("iron law, the sum", work + load),
    ("the larger of both", np.maximum(work, load)),
    ("sum, O as printed", printed + load),
    ("bytes alone", load),
    ("operations alone", work),
):
    off = np.exp(np.abs(np.log(T / took)).mean())
    row = f"{T[0] / ms:6.1f} {T[1] / ms:6.1f} {T[0] / T[1]:7.2f}"
    print(f"{name:19} {row} {off:10.2f} times")

# %% [markdown]
# Operations alone say that the plain program is the faster one.  With our count of
# operations the sum comes nearest to the two times, while chapter 2's larger of both
# comes nearer to their ratio.  This answers the opening: *by the law at least 26 of the
# slow program's 42 ms went on bytes.*  By our formula the forward pass moves 9 GB,
# sixteen of seventeen of them scores and weights that are written and read again.  The
# other 31 of the paper's 40 GB, and 30 % of the time, we do not take apart.
#
# PyTorch's `scaled_dot_product_attention` works in tiles here.  The profiler sees the
# bytes of its results, though not those that it reads.

# %%
#| tags: [nbval-ignore-output]
q, k, v = torch.randn(3, 1, 4, 1024 * larger, 64, device=on)


def scores_kept():
    return torch.softmax(q @ k.mT / 8, -1) @ v


def in_tiles():
    return F.scaled_dot_product_attention(q, k, v)


for f in (scores_kept, in_tiles):
    ops = profiled(f)
    total, made = sum(t for t, *_ in ops.values()), sum(b for *_, b in ops.values())
    names = ", ".join(n for n, (t, *_) in ops.items() if t > 0.05 * total)
    most = device.peak_memory(f) / MB
    print(f"{f.__name__}: {median(f) / ms:.2f} ms; operators {names}")
    print(f"    results {made / MB:.1f} MB, at most {most:.1f} MB held at once")

# %% [markdown]
# Far less is written and held.  The time need not fall in proportion: products and
# exponentials take theirs in both.
#
# ## Launches
#
# Take work that is the same in bytes and operations, and cut it into $n$ operators.
# Nothing changes but the number of launches:
#
# $$ T(n) = T(1) + (n-1)\,L. $$
#
# Measure $T(1)$ and, with the same operator on eight numbers, $L$.  Then predict the
# pieces.  The rival says: same bytes, same operations, same time.

# %%
#| tags: [nbval-ignore-output]
y = torch.ones(2**20, device=on)


def cut(n):
    pieces = y.chunk(n)

    def f():
        for piece in pieces:
            piece.mul_(1.0)

    return f


L, whole = median(lambda: tiny.mul_(1.0)), median(cut(1))
print(f"L {L / us:.1f} µs\npieces   measured       law   rival (µs)")
for n in (16, 256, 4096):
    T = median(cut(n))
    print(f"{n:6} {T / us:10.0f} {(whole + (n - 1) * L) / us:9.0f} {whole / us:7.0f}")
if on == "cuda":
    print(f"4,096 pieces as one graph: {median(device.graph(cut(4096))) / us:.0f} µs")

# %% [markdown]
# On a CPU this $L$ is PyTorch's own work for each operator, for nothing is launched.
# Where pieces take longer than the law says, walking through many of them may cost time
# that one operator, repeated, does not show.
#
# A **CUDA graph** records a list of launches once and starts it whole.  In NVIDIA's
# test the 0.9 µs of an operator became 0.5 in a graph.
#
# How much of a real program's time is beyond reading its weights?  PyTorch's gpt-fast
# writes tokens with a 7B Llama on an A100 of 80 GB, 25.5 a second as first written.
# Under `torch.compile`, with operators fused and launched as a graph, it writes 107.0
# ([blog](https://pytorch.org/blog/accelerating-generative-ai-2/)).

# %%
weights = 2 * 6.74e9 / (2.039 * TB)  # seconds to read them, two bytes each
for name, rate in (("as written", 25.5), ("compiled", 107.0)):
    rest = 1 / rate - weights
    print(f"{name:10} {1 / rate / ms:4.1f} ms a token, {rest / ms:4.1f} beyond weights")

# %% [markdown]
# Compiling took away 30 of 39 ms, and not one byte of the weights.  With it came a
# cache of a fixed size.  The blog does not part fusion, graph, cache and PyTorch's own
# work for each operator; its chip was limited to 330 W.
#
# ## Fewer bits
#
# **Quantisation** stores numbers in fewer bits.  With int8, a *scale* $\Delta$ maps the
# largest weight to 127, and each weight is rounded to a multiple of $\Delta$.  The
# error is as likely anywhere between $-\Delta/2$ and $\Delta/2$, so its root mean
# square is
#
# $$ \frac{\Delta}{\sqrt{12}} = \frac{\max|w|}{127\sqrt{12}}, \qquad
#    \frac{\text{error}}{\sigma} = \frac{\max|w|/\sigma}{440}, $$
#
# with $\sigma$ the root mean square of the weights themselves.  One large weight makes
# all others coarse.  So give each row, or *channel*, a scale of its own: two or four
# bytes more for a row of thousands.  The rule for int8: *divide the largest weight
# under a scale by the root mean square of the weights whose error you ask for, and that
# by 440.*  It holds while the result is well below 1.  For four bits 127 becomes 7, and
# 440 becomes 24.
#
# We make ten of 1,024 rows larger than the rest, and look at an ordinary row.

# %%
w = np.random.default_rng(9).normal(size=(1024, 1024))
print("ten rows are   scales       error of an ordinary row    law")
for times in (1, 30, 300):
    large = w.copy()
    large[:10] *= times
    for name, axis in (("one", None), ("each row", 1)):
        scale = np.abs(large).max(axis=axis, keepdims=True) / 127
        error = np.round(large / scale) * scale - large
        sizes = large.std(axis=1)
        played = np.median(error.std(axis=1) / sizes)
        law = np.median(scale / math.sqrt(12) / sizes[:, None])
        print(f"{times:3} times larger  {name:8} {played:20.1%} {law:12.1%}")

# %% [markdown]
# With one scale and rows 300 times larger the law breaks: nearly all ordinary weights
# became zero, and then a weight errs by the whole of itself.  All rows have 8 bits: the
# bits alone do not tell the error.  Nor does this error tell what becomes of the
# model's answers: that must be measured.
#
# ### Half the bytes, half the time?
#
# Take the part of gpt-fast's 16-bit token that is beyond the bytes as fixed.  Then
# predict 8 and 4 bits, which the same blog measured.  The rival has time shrink with
# the bytes.

# %%
fixed = 1 / 107.0 - weights
print("tokens a second   measured    law   rival")
for bits, measured_rate in ((8, 157.4), (4, 202.1)):
    law = 1 / (weights * bits / 16 + fixed)
    rival = 107.0 * 16 / bits
    print(f"{bits} bits {measured_rate:19.1f} {law:6.0f} {rival:7.0f}")
print(f"For 8 bits you guessed {guess_byte:g}.")

# %% [markdown]
# The law errs to the hopeful side, and the rival far more so.  Fewer bits for the
# stored weights shorten only the term that counts bytes, as long as the arithmetic
# stays at 16.
#
# ## Guessing ahead
#
# Writing one token reads all weights, and checking several tokens reads them once.  In
# **speculative decoding** a small model drafts $k$ tokens, and the large one, the
# *target*, checks them in one step.  Let each draft be accepted with the same
# probability $a$, whatever happened before, the **acceptance rate**.  The round keeps
# its $i$-th draft with probability $a^i$, and adds one token of the target's own:
#
# $$ E = 1 + a + a^2 + \dots + a^k = \frac{1 - a^{k+1}}{1 - a}
#    \le \frac{1}{1-a}. $$
#
# With an acceptance of 0.8 no draft, however long, yields more than five tokens on
# average.
#
# What may be accepted, if the output's probabilities must not change?  Let the draft
# propose token $x$ with probability $q(x)$ where the target gives it $p(x)$.  Accept
# with probability $\min(1, p/q)$.  After a refusal draw from what is missing, in
# proportion to $\max(p-q, 0)$.  Let $r$ be the sum of $\max(p-q, 0)$ over all tokens.
# It is the probability of a refusal too, for accepted tokens have the sum of
# $\min(p, q)$, and both sums together make 1.  So
#
# $$ \Pr(x) = q\,\min\left(1, \frac pq\right) + r\,\frac{\max(p-q, 0)}{r}
#    = \min(p, q) + \max(p-q, 0) = p(x). $$
#
# So a bad draft costs time and never quality.  We play it with four tokens, whose
# probabilities depend on the token before.  Each row of `P` and of `Q` is the one above
# it, moved on by a place, so that the acceptance is 0.75 everywhere, as the law
# assumes.  The rival, after a refusal, draws a fresh token from $p$.


# %%
def pick(weights, rng):
    ends = weights.cumsum(-1)
    return (ends > ends[:, -1:] * rng.random((len(ends), 1))).argmax(-1)


def play_round(last, P, Q, k, rng, after_refusal):
    """Return the tokens of one round in each of many texts; -1 where there is none."""
    tokens, going = np.full((len(last), k + 1), -1), np.full(len(last), True)
    for i in range(k):
        p, q = P[last, :], Q[last, :]
        draft, each = pick(q, rng), np.arange(len(last))
        accept = rng.random(len(last)) < p[each, draft] / q[each, draft]
        last = np.where(accept, draft, pick(after_refusal(p, q), rng))
        tokens[going, i] = last[going]
        going &= accept
    tokens[going, k] = pick(P[last[going]], rng)
    return tokens


# %%
def first_three(seed, after_refusal, texts=40_000):
    """Return the first three tokens of each text, and the yield of its first round."""
    rng, counts = np.random.default_rng(seed), []
    written = [[] for _ in range(texts)]
    short = np.arange(texts)
    while len(short):
        last = np.array([written[i][-1] if written[i] else 0 for i in short])
        tokens = play_round(last, P, Q, 3, rng, after_refusal)
        counts.append((tokens >= 0).sum(1))
        for i, row in zip(short, tokens.tolist(), strict=True):
            written[i] += [t for t in row if t >= 0]
        short = np.array([i for i in short if len(written[i]) < 3], int)
    return np.array([text[:3] for text in written]), counts[0]


# %%
p, q = np.array([0.5, 0.25, 0.15, 0.1]), np.array([0.3, 0.4, 0.1, 0.2])
P, Q = (np.array([np.roll(row, i) for i in range(4)]) for row in (p, q))
expected = 40_000 * (P[0][:, None, None] * P[:, :, None] * P).ravel()
limit = chi2.ppf(0.999, 63)
for name, rule in (
    ("what is missing", lambda p, q: np.maximum(p - q, 0)),
    ("fresh from p", lambda p, q: p),
):
    three, count = first_three(1, rule)
    seen = np.bincount(three @ [16, 4, 1], minlength=64)
    statistic = ((seen - expected) ** 2 / expected).sum()
    verdict = "as the target's" if statistic < limit else "NOT the target's"
    print(f"{name:16} chi-square {statistic:8.0f}, limit {limit:.0f}: {verdict}")

# %% [markdown]
# The test compares how often each of the 64 beginnings came with the target's own
# probabilities.  It would call an exact rule wrong once in a thousand such tests.  The
# rival writes with other probabilities.  Now the yield of a round.


# %%
def tokens_a_round(a, k):
    return (1 - a ** (k + 1)) / (1 - a)


count = first_three(10, lambda p, q: np.maximum(p - q, 0))[1]
accept, half = np.minimum(p, q).sum(), 1.96 * count.std() / math.sqrt(len(count))
print(f"3 drafts, each accepted with {accept:.2f}, yield tokens:")
print(
    f"    played {count.mean():.3f} ± {half:.3f}, law {tokens_a_round(accept, 3):.3f}"
)
print(f"    rivals: k a + 1 = {3 * accept + 1:.2f}, k a = {3 * accept:.2f}")
answer = tokens_a_round(0.62, 7)
print(f"7 drafts, each right with 0.62: {answer:.1f}.  You guessed {guess_round:g}.")

# %% [markdown]
# The law is inside the interval of the play, and both rivals are far outside.
#
# A drafted token costs a share $c$ of a target step, so a round takes $kc + 1$ steps
# and gains $E/(kc+1)$.  In ten settings that were timed with an 11B T5, the measured
# gains are by our count 0.72 to 1.29 times that (Leviathan et al., arXiv 2211.17192,
# table 4).
#
# Does guessing always help?  Checking $k+1$ tokens is nearly free as long as bytes are
# the limit.  Let an H100 write for $B$ readers with a 7B model, in conversations so
# short that the weights are nearly all that is read (chapter 2).  Every reader's $k+1$
# tokens now cost operations.  Take $a$ = 0.8 and $c$ = 0.05.


# %%
#| label: fig-batch
#| fig-cap: "What drafting gains against readers in a batch; a = 0.8, c = 0.05."
#| fig-alt: "The gain falls from above two to below one as the batch grows."
# @title What drafting gains against readers in a batch
def step(tokens):
    return sum(parts(2 * LLAMA2_7B.P * tokens, 2 * LLAMA2_7B.P))


def gain(B, k, a=0.8, c=0.05):
    return tokens_a_round(a, k) * step(B) / (k * c * step(B) + step(B * (k + 1)))


def draw(a=0.8, c=0.05):
    B = 2.0 ** np.arange(11)
    _, ax = plt.subplots()
    for k, style in ((2, "C2:"), (4, "C0-"), (8, "C3--")):
        ax.plot(B, [gain(b, k, a, c) for b in B], style, label=f"k = {k}")
    ax.axhline(1, color="0.5", lw=1)
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set(xlabel="readers B", ylabel="times as fast", ylim=(0, 4))
    ax.legend(title="drafted tokens")
    plt.show()


draw()

# %%
#| eval: false
#| tags: [nbval-ignore-output, remove-cell]
if get_ipython():  # how good must a draft be for 256 readers?
    interact(draw, a=(0.3, 0.95), c=(0.0, 0.3))

# %% [markdown]
# By the law many readers use up the spare arithmetic, and below 1 drafting is a loss.
# With eight drafts it becomes one at fewer readers than with two.  The sum puts that
# some 140 to 480 readers off; if the two pipes overlap perfectly, it comes sooner.
#
# ## Hours that count
#
# How far is a real training step from the peak?  We train a small decoder on your
# machine for some steps.  A token costs six operations for each weight (chapter 5), and
# attention some more.  For the peak we take the fastest of three square products.

# %%
#| tags: [nbval-ignore-output]
torch.manual_seed(9)
body = torch.nn.TransformerEncoderLayer(h, 8, 4 * h, 0.0, "gelu", batch_first=True)
model = torch.nn.TransformerEncoder(body, 2, enable_nested_tensor=False).to(on)
optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
batch = torch.randn(4, 128 * larger, h, device=on)
causal = torch.nn.Transformer.generate_square_subsequent_mask(128 * larger).to(on)


def train_step():
    loss = model(batch, causal).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


# %%
#| tags: [nbval-ignore-output]
def product_rate():
    squares = [torch.randn(n, n, device=on) for n in (256 * larger, 512 * larger, 1024)]
    times = [min(device.timed(lambda m=m: m @ m, 9)) for m in squares]
    return max(2 * len(m) ** 3 / t for m, t in zip(squares, times, strict=True))


rate = product_rate()
T, tokens = min(device.timed(train_step, 5)), batch.shape[0] * batch.shape[1]
rate = max(rate, product_rate())
count = sum(w.numel() for w in model.parameters())
O = 6 * count * tokens + 2 * 12 * tokens * batch.shape[1] * h
each = {name: t for name, (t, *_) in profiled(train_step, memory=False).items()}
names = ("mm", "bmm", "addmm", "baddbmm")
part = sum(t for n, t in each.items() if n in names or "attention" in n)
verdict = f"MFU {O / T / rate:.0%}" if T * rate > O else "disturbed: run it again"
print(f"a step takes {T / ms:.0f} ms: {verdict}")
print(f"products and attention: {part / sum(each.values()):.0%} of the profile")
print(f"at the squares' rate all operations would take {O / rate / ms:.0f} ms")

# %% [markdown]
# The last time over the first is the MFU.  The profile is of other steps, and profiling
# costs time, so only its share is of use: it says whether to look at the products first
# or at all that is beside them.
#
# A program is not a fleet.  **ML productivity goodput** (MPG) is the share of a fleet's
# peak that becomes progress (Wongpanich et al., arXiv 2502.06982):
#
# $$ \text{MPG} = \eta_\text{sched}\ \eta_\text{runtime}\ \eta_\text{program}. $$
#
# Of all chip hours, a share $\eta_\text{sched}$ belongs to jobs that have all their
# chips (chapter 8).  Of these, $\eta_\text{runtime}$ is kept, after failures, saves and
# waits for data (chapters 4 and 7).  Of these again $\eta_\text{program}$, the MFU,
# becomes arithmetic of the model.  A useful hour costs the price of an hour over MPG.
#
# Which factor should people mend first?  They make one fix at a time, and the fleet
# runs on meanwhile.  Let fix $i$ multiply its factor by $r_i$ and take $c_i$ weeks.
# Compare two fixes over $c_1 + c_2$ weeks.  With fix 1 first the fleet does
# $c_1 + r_1 c_2$ weeks of its old work, with fix 2 first $c_2 + r_2 c_1$.  So fix 1
# goes first if
#
# $$ c_1 + r_1 c_2 > c_2 + r_2 c_1
#    \quad\Longleftrightarrow\quad
#    \frac{r_1 - 1}{c_1} > \frac{r_2 - 1}{c_2}. $$
#
# The rule: *first the fix that gains most per week of work on it.*  The rival begins
# where most is lost.  The shares below are the book's, the weeks are ours.  Plans go
# wrong, which the derivation leaves out.  So in the play, over a year on 1,000 chips,
# each fix takes half to twice its planned weeks, and reaches between nothing and all of
# its planned gain.  Both orders meet the same 1,000 fates.

# %%
FIXES = {  # share now, share after, weeks of work
    "scheduling": (0.65, 0.80, 8),
    "runtime": (0.904, 0.981, 2),
    "program": (0.48, 0.65, 16),
}


PLAN = {name: (1.0, 1.0) for name in FIXES}  # the weeks, and the gain, as planned


def useful(order, fate=PLAN, weeks=52):
    """Return the useful chip hours of a year in which fixes are made in this order."""
    share = {name: now for name, (now, _, _) in FIXES.items()}
    hours, left = 0.0, weeks
    for name in order:
        (now, after, cost), (slower, reached) = FIXES[name], fate[name]
        ran = min(cost * slower, left)
        hours += 1000 * ran * (week / hour) * math.prod(share.values())
        left -= ran
        share[name] = now + reached * (after - now)
    return hours + 1000 * left * (week / hour) * math.prod(share.values())


# %%
MPG = math.prod(now for now, _, _ in FIXES.values())
print(f"MPG {MPG:.3f}: an hour at $2 costs ${2 / MPG:.2f} for each useful hour")
for name, (now, after, weeks) in FIXES.items():
    r = after / now
    row = f"loses {1 - now:4.0%}, times {r:.2f} in {weeks:2} weeks"
    print(f"{name:10} {row}: {(r - 1) / weeks:.1%} a week")

# %%
law = sorted(FIXES, key=lambda f: (1 - FIXES[f][1] / FIXES[f][0]) / FIXES[f][2])
rival = sorted(FIXES, key=lambda f: FIXES[f][0])
rng = np.random.default_rng(9)
gains = []
for _ in range(1000):
    draws = zip(2 ** rng.uniform(-1, 1, 3), rng.uniform(0, 1, 3), strict=True)
    fate = dict(zip(FIXES, draws, strict=True))
    gains.append(useful(law, fate) / useful(rival, fate) - 1)
half = 1.96 * np.std(gains) / math.sqrt(len(gains))
best = max(itertools.permutations(FIXES), key=useful)
for name, order in (("best of six", best), ("law", law), ("rival", rival)):
    print(f"{name:11} {useful(order) / 1e6:.2f} M useful hours: {', '.join(order)}")
lead = f"{np.mean(gains):+.1%} ± {half:.1%}"
print(f"if plans go wrong: the law {lead} against the rival")
print(f"and ahead in {np.mean(np.array(gains) > 0):.0%} of the fates")

# %% [markdown]
# The factor that loses most is mended last here, because that takes longest.  With
# these weeks the order is worth about two per cent of a year's useful hours.  In a
# third of the fates the other order would have been better.  The law's order is here
# also that of the shortest fix first, so the play cannot part these two.
#
# Where does a program's time go?  The profile tells which operators take it.  The law
# gives a first guess of what they spend it on: bytes, operations or launches.  What is
# left over is the next thing to measure.  The fast attention did a little more of what
# was cheap, and far less of what was dear.
#
# <details><summary>Sources, and where ours differs from the book's</summary>
#
# *Machine Learning Systems at Scale* gives the iron law, MPG with the shares above, the
# $7.09, and what each factor may reach (mlsysim 0.3.0).  The weeks are ours.  So are
# $\eta = 0.8$, and 7, 5 and 8 operations for a norm, a softmax and an activation.  All
# operations are charged at the products' rate, which is too kind to the others.  The
# launches are those of a V100, and we use them for an H100.
#
# The 4-bit weights of gpt-fast have further bytes, for their scales.
#
# </details>
#
# ## Try it
#
# 1. A compiler takes 90 s and raises a 13B model from 120 to 189 tokens a second (the
#    book's numbers, the 90 s are ours).  After how many tokens has it paid for itself?
#    What if every new length of prompt compiles again?
#
#    <details><summary>Answer</summary>
#
#    A token saves 3 ms, so it takes some thirty thousand.  If lengths keep changing it
#    may never pay: pad them to a few sizes.
#
#    ```python
#    print(f"{90 / (1 / 120 - 1 / 189):,.0f} tokens")
#    ```
#
#    ```text
#    29,583 tokens
#    ```
#
#    </details>
#
# 2. Plan to serve a 70B model: eight H100s share each layer, weights of two bytes, one
#    reader.  A token takes 160 sums over the chips, each with 5 µs to start, and 80
#    layers of 7 fused operators, launched ahead.  Then launch them as a graph, then
#    store weights in one byte, then make the sums start in 1 µs, then draft 5 tokens
#    with $a$ = 0.78 and $c$ = 0.05.  What is the time of a token after each step?
#
#    <details><summary>Answer</summary>
#
#    Each of the first three mends its own term; drafts share all terms among more
#    tokens.  We take the check of six tokens to be as long as a token.
#
#    ```python
#    def token(s, start, L):
#        return s * 70e9 / (8 * H100.bw) + 160 * start + 80 * 7 * L
#
#
#    round_steps = (5 * 0.05 + 1) / tokens_a_round(0.78, 5)
#    for name, T in (
#        ("two bytes", token(2, 5 * us, AHEAD)),
#        ("a graph", token(2, 5 * us, 0.5 * us)),
#        ("one byte", token(1, 5 * us, 0.5 * us)),
#        ("fast sums", token(1, 1 * us, 0.5 * us)),
#        ("drafts", token(1, 1 * us, 0.5 * us) * round_steps),
#    ):
#        print(f"{name:9} {T / ms:.2f} ms")
#    ```
#
#    ```text
#    two bytes 6.53 ms
#    a graph   6.30 ms
#    one byte  3.69 ms
#    fast sums 3.05 ms
#    drafts    1.08 ms
#    ```
#
#    </details>
#
# 3. A layer has eight *experts*, and each token is routed to two of them, at random.
#    Only experts with a token are read.  How many does a batch of 1, 4 or 16 tokens
#    read?  When does sparse routing save bytes?
#
#    <details><summary>Answer</summary>
#
#    An expert stays unread if all tokens miss it.  Sparse routing always saves
#    operations; it saves bytes for few tokens only.
#
#    ```python
#    for n in (1, 4, 16):
#        print(f"{n:2} tokens read {8 * (1 - (6 / 8) ** n):.1f} of 8 experts")
#    ```
#
#    ```text
#     1 tokens read 2.0 of 8 experts
#     4 tokens read 5.5 of 8 experts
#    16 tokens read 7.9 of 8 experts
#    ```
#
#    </details>
#
# > **Takeaways.**
# >
# > - An operator costs bytes, operations and what its launch adds.  Shares of
# >   operations say little about shares of time.
# > - Fusion and tiles remove bytes and leave the operations, or even add some.
# > - Where operators are short, launches count: run ahead, fuse, or use a graph.
# > - Fewer bits for stored weights shorten the bytes' term only.  Their error depends
# >   on the largest weight that shares a scale.
# > - Speculation keeps the target's probabilities and yields at most $1/(1-a)$ tokens a
# >   round on average.  It needs spare arithmetic.
# > - Mend first what gains most for each week of work.  Then profile again: all shares
# >   are new.
#
# > **Chapter connection.** A program now uses its chip well, for one batch.  Chapter 10
# > asks how many such chips serve people who all come at once, and how long they wait.
