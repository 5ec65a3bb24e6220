# %% [markdown]
# # Lab 5 · Distributed training
#
# **Time** 120 minutes. **Points** 40. **Runtime** any CPU with two cores; no GPU.
# **Hand in** this notebook as `05_distributed_training.ipynb`
# (Colab: File, Download, Download .ipynb).
# **Libraries** the grader has what Colab has: numpy, scipy, pandas, networkx,
# scikit-learn, torch, matplotlib.
#
# You will
#
# 1. cut tensors of unequal sizes into equal shards;
# 2. count what a sharded optimizer really holds, and set it against ZeRO's table;
# 3. write the timetable of a pipeline whose backward passes are split in two;
# 4. take one step on several processes that equals one big batch, bit for bit;
# 5. price a layout in seconds and in bytes;
# 6. find a layout that meets a target, or say that there is none.
#
# A question asks for a function.  Fill its body; leave its name and arguments.
# The cells between are locked.  Visible checks tell you what they expect; more
# checks run when the lab is graded.  You may use all of `mlsyscore`.

# %%
import itertools
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.distributed as dist

from mlsyscore.catalog import GPT3, H100, NDR, NVLINK4
from mlsyscore.checks import close
from mlsyscore.compute import Transformer, activation_payload, allreduce_traffic
from mlsyscore.harness import offers, owners, parallel, pipelines
from mlsyscore.harness.answers import must_raise, numbers
from mlsyscore.harness.parallel import mean_gradient
from mlsyscore.processes import run
from mlsyscore.training import (
    Kept,
    Layout,
    State,
    bubble,
    in_flight,
    layout_step,
    training_flop,
)
from mlsyscore.units import GB, ms

plt.style.use("mlsyscore.figures")
S = 2048  # tokens of a sequence
R = 0.5 * H100.peak  # operations a second: half of what the data sheet says, 16 bits
OVERLAP = 0.75  # of the gradient exchange can hide
KEPT = Kept(score=0.0)  # attention scores are not stored
MODEL = Transformer(5_000_000_000, 20, 4096, 32, 32)
NODE = 8  # devices

# %% [markdown]
# ## 1. Equal shards of unequal tensors (4 points, 10 minutes)
#
# A model is a list of tensors; `sizes[i]` is the number of elements of tensor `i`.
# Sharding lays the tensors end to end, in order, in one flat buffer.  It pads the
# *end of the buffer* to a multiple of `d` elements.  Rank `r` owns the `r`-th of `d`
# equal slices.
#
# A slice may hold parts of several tensors.  Name them: `(i, start, stop)` stands for
# the elements `start` to `stop - 1` of tensor `i`.  Padding belongs to no tensor, so
# the last ranks may own fewer elements, or none.
#
# For example, tensors of 5, 2 and 4 elements on three ranks make 11 elements, padded
# to 12.  Rank 1 owns the buffer's elements 4 to 7: the last one of tensor 0, both of
# tensor 1, and the first of tensor 2.


# %% answer="shards"
def shards(sizes, d):
    """Return what each of d ranks owns: a list of d lists of pieces (i, start, stop).

    sizes: elements of each tensor, all at least 1
    A rank's pieces are in the order of the buffer.  No piece is empty; a rank that
    owns only padding has the empty list.
    """
    ### BEGIN SOLUTION
    size = -(-sum(sizes) // d)
    owned = [[] for _ in range(d)]
    before = 0
    for i, n in enumerate(sizes):
        for r in range(before // size, (before + n - 1) // size + 1):
            start = max(r * size - before, 0)
            stop = min((r + 1) * size - before, n)
            owned[r].append((i, start, stop))
        before += n
    return owned
    ### END SOLUTION


# %% check="shards-three" points=2
flat, each = owners.who_owns("5, 2 and 4 on 3", shards([5, 2, 4], 3), [5, 2, 4], 3)
hint = " Whole tensors?" * (each == [5, 2, 4]) + " Where is the padding?"
assert each == [4, 4, 3], (
    f"5, 2 and 4 on 3 ranks: they own {each} elements; [4, 4, 3] is expected.{hint}"
)
assert flat == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2], (
    f"the buffer's elements belong to ranks {flat}; slices are contiguous"
)
flat, each = owners.who_owns("6 and 3 on 4", shards([6, 3], 4), [6, 3], 4)
assert each == [3, 3, 3, 0], (
    f"6 and 3 on 4 ranks: they own {each}; 9 elements are padded to 12, at the end"
)

# %% check="shards-any" points=2 hidden="other sizes, or more ranks than elements"
flat, each = owners.who_owns("1 on 3 ranks", shards([1], 3), [1], 3)
assert each == [1, 0, 0], f"one element on three ranks: they own {each}"
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
cases = [([2, 1], 9), ([12], 4), ([1] * 10, 3), ([7, 90, 2], 1), ([2, 30, 1], 7)]
for _ in range(12):
    sizes = [int(n) for n in rng.integers(1, 40, rng.integers(1, 9))]
    cases.append((sizes, int(rng.integers(1, 9))))
for sizes, d in cases:
    name = f"{sizes} on {d}"
    flat, each = owners.who_owns(name, shards(list(sizes), d), sizes, d)
    padded = np.full(int(np.ceil(len(flat) / d)) * d, -1)
    padded[: len(flat)] = flat
    for r, part in enumerate(padded.reshape(d, -1)):
        assert np.isin(part, [r, -1]).all(), f"{name}: rank {r} owns others' elements"
### END HIDDEN TESTS

# %% [markdown]
# ## 2. What a rank really holds (6 points, 15 minutes)
#
# `State.zero` divides by `d`.  A sharded optimizer divides *units*, layer by layer.
# Each unit is a flat buffer of its own, padded as above.
#
# - An element has 2 bytes of weight, 2 bytes of gradient and 12 bytes of optimizer
#   state.  Optimizer state is sharded from stage 1, gradients from stage 2, weights at
#   stage 3.
# - Whatever is sharded is padded.  Whatever is not is whole, without padding.
# - Stage 3 needs the weights of a unit whole while it computes.  It gathers each unit
#   whole, padded, beside its shard; one rank alone does so, too.  The *next* unit in
#   the list is gathered while this one computes, so two neighbours are whole at once.
#   A model of one unit has no neighbour.  `gathered` counts the most bytes so held.
# - Ignore that the gradient of a unit is whole, too, until it is reduced.
#
# For example, take units of 5 + 5 and of 6 elements on four ranks.  Ten are padded to
# 12 and six to 8, so a rank's shards have 3 + 2 elements.
#
# With one unit that `d` divides you must find the table of the ZeRO paper (Rajbhandari
# et al., arXiv 1910.02054, table 1), which rounds to three digits.


# %% answer="held"
def held(units, d, stage):
    """Return the bytes that each of d ranks holds, as a dict of four numbers.

    units: list of lists, the elements of each tensor of each unit
    stage: 0, 1, 2 or 3
    Keys: "weights", "gradients" and "optimizer", without what is gathered, and
    "gathered", which is 0 below stage 3.
    """
    ### BEGIN SOLUTION
    whole = [sum(unit) for unit in units]
    shard = [-(-n // d) for n in whole]
    pairs = zip(shard, [*shard[1:], 0], strict=True)
    return {
        "weights": 2 * sum(shard if stage >= 3 else whole),
        "gradients": 2 * sum(shard if stage >= 2 else whole),
        "optimizer": 12 * sum(shard if stage >= 1 else whole),
        "gathered": 2 * d * max(a + b for a, b in pairs) if stage >= 3 else 0,
    }
    ### END SOLUTION


# %% check="held-table" points=2 hidden="other rows of the paper's table"
TABLE = [(7.5, 4, 1, 52.5), (7.5, 64, 1, 31.4), (7.5, 4, 2, 41.3), (7.5, 64, 2, 16.6)]
TABLE += [(7.5, 64, 3, 1.88), (128, 256, 1, 518), (128, 64, 2, 284), (128, 256, 3, 8)]
TABLE += [(1000, 16, 2, 2875), (1000, 1024, 3, 15.6), (128, 1, 3, 2048)]
### BEGIN HIDDEN TESTS
TABLE += [(7.5, 256, 1, 30.4), (1000, 16, 1, 4750), (1000, 64, 3, 250)]
TABLE += [(7.5, 1, 0, 120)]
TABLE += [(128, 4, 2, 704), (128, 4, 3, 512), (7.5, 256, 3, 0.47), (7.5, 64, 0, 120)]
### END HIDDEN TESTS
for billions, d, stage, want in TABLE:
    name = f"{billions}e9 parameters, {d} ranks, stage {stage}"
    seen = owners.held_bytes(name, held([[int(billions * 1e9)]], d, stage))
    state = seen["weights"] + seen["gradients"] + seen["optimizer"]
    close(f"{name}, without what is gathered", state, want * GB, "GB", rel=6e-3)

# %% check="held-padding" points=2 hidden="other units, ranks and stages"
small = [[5, 5], [6]]
slips = {4 / 5: "each unit is padded by itself", 6 / 5: "units are padded, not tensors"}
slips |= {4: "all ranks together", 16 / 5: "not sharded at this stage"}
slips |= {36 / 60: "round the shard up"}
seen = owners.held_bytes("stage 1", held(small, 4, 1))
close("5 + 5 and 6 on 4 ranks, stage 1, optimizer", seen["optimizer"], 60, "B", slips)
slips = {10 / 32: "sharded from stage 2 only", 20 / 16: "only shards are padded"}
close("stage 1, gradients", seen["gradients"], 32, "B", slips)
slips = {10 / 32: "sharded at stage 3 only", 20 / 16: "only shards are padded"}
close("stage 1, weights", seen["weights"], 32, "B", slips)
seen = owners.held_bytes("stage 0", held(small, 4, 0))
close("stage 0, optimizer", seen["optimizer"], 192, "B", {5 / 16: "nothing is sharded"})
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for trial in range(20):
    units = [rng.integers(1, 50, rng.integers(1, 5)).tolist() for _ in range(trial % 5)]
    units, d = [*units, [int(rng.integers(1, 9))]], int(rng.integers(1, 12))
    for stage, n_sharded in enumerate((0, 1, 2, 3)):
        seen = owners.held_bytes("other units", held(units, d, stage))
        order = ["optimizer", "gradients", "weights"]
        for k in order:
            per, total = {"optimizer": 12}.get(k, 2), 0
            for unit in units:
                buffer = np.zeros(sum(unit))
                if k in order[:n_sharded]:
                    buffer = np.array_split(np.zeros(sum(unit)), d)[0]
                total += per * buffer.size
            close(f"other units, stage {stage}, {k}", seen[k], total, "B")
### END HIDDEN TESTS

# %% check="held-gathered" points=2 hidden="one unit, several, and stages below 3"
small = [[5, 5], [6]]
seen = owners.held_bytes("stage 3", held(small, 4, 3))
slips = {1 / 4: "gathered weights are whole", 12 / 20: "the next unit is gathered, too"}
slips |= {16 / 20: "whole units are padded", 2: "2 bytes a weight"}
slips |= {15 / 20: "a unit is gathered whole, beside its shard"}
slips |= {24 / 20: "the next unit is 6 elements, padded to 8"}
slips |= {8: "weights alone are gathered, 2 bytes each and not 16"}
close("5 + 5 and 6 on 4 ranks, gathered", seen["gathered"], 40, "B", slips)
close("the shards beside it", seen["weights"], 10, "B")
seen = owners.held_bytes("stage 2", held(small, 4, 2))
close("stage 2, gathered", seen["gathered"], 0, "B")
### BEGIN HIDDEN TESTS
cases = [([[8]], 4, 16), ([[9]], 4, 24), ([[8], [2], [6], [5]], 2, 24)]
cases += [([[8], [2], [8], [2]], 2, 20), ([[1], [1], [7, 4]], 3, 30)]
cases += [([[4], [1], [1]], 1, 10), ([[1], [1], [1]], 5, 20)]
for units, d, want in cases:
    seen = owners.held_bytes("gathered", held(units, d, 3))
    close("gathered, for one unit or several", seen["gathered"], want, "B")
    for stage in (0, 1, 2):
        seen = owners.held_bytes("gathered", held(units, d, stage))["gathered"]
        assert seen == 0, "gathered is 0 below stage 3, for other units, too"
### END HIDDEN TESTS

# %% explore
# @title Does stage 3 hold a d-th?  Guess first: GB of a rank of 64, by number of units
guess = {1: 1.9, 4: 1.9, 32: 1.9}  # 7.5 billion parameters; 16 bytes each over 64
P, ranks, lines = 7_500_000_000, [2**k for k in range(11)], {}
for n, guessed in guess.items():
    units = [[P // n]] * n
    total = [sum(held(units, d, 3).values()) for d in ranks]
    print(f"units: {n:2}, a rank holds {total[6] / GB:5.2f} GB; you guessed {guessed}")
    lines[f"units: {n}"] = total
lines["16 P/d"] = [State().zero(P, d, 3) for d in ranks]
owners.draw_held(ranks, lines)
plt.show()

# %% [markdown]
# ## 3. A backward pass in two halves (9 points, 25 minutes)
#
# A backward pass computes two gradients.  The one of a stage's *inputs*, `"B"`, is what
# the stage before waits for.  The one of its *weights*, `"W"`, nobody waits for.  A
# pipeline has stages 0 to `p - 1`, and `m` microbatches pass through it.  On each stage
# a forward, `"F"`, takes 1, a `"B"` takes `t_b` and a `"W"` takes `t_w`.  Passing on
# takes no time.
#
# - A stage does one task at a time, without a break inside it.
# - The F of microbatch `j` on stage `s` needs its F on stage `s - 1`.
# - The B of `j` on stage `s` needs its B on stage `s + 1`; on the last stage, its F
#   there.
# - The W of `j` on stage `s` needs its B there.
# - Activations of `j` stay on a stage from the start of its F to the end of its W.
#   Stage `s` may hold those of at most `p - s` microbatches at any time.
#
# Write a timetable that ends as early as any can.  From 0 to the end of the last task
# a stage then idles for $(p - 1)(1 + t_b)$.  A 1F1B with whole backward passes of
# $t_b + t_w$ idles for $(p - 1)(1 + t_b + t_w)$.  GPipe does not keep to the memory.
#
# For example, take two stages and two microbatches with `t_b = t_w = 1`.  Stage 1 does
# F0, B0, W0, F1, B1, W1 from 1 on, without a pause.  Stage 0 does F0 and F1, B0 from 3
# and B1 from 6 on, each followed by its W.  The last task ends at 8, and each stage
# has idled for 2.


# %% answer="schedule"
def timetable(p, m, t_b, t_w):
    """Return who does what when: a list of p lists of tasks (kind, j, start).

    p, m: stages and microbatches, at least 1
    t_b, t_w: times of a B and of a W, above 0; a forward takes 1
    kind: "F", "B" or "W"; j: the microbatch, from 0; start: time, from 0
    """
    ### BEGIN SOLUTION
    long, tasks = {"F": 1, "B": t_b, "W": t_w}, []
    for s in range(p):
        ahead = min(p - 1 - s, m)
        mine = [("F", j) for j in range(ahead)]
        for j in range(m):
            mine += [("F", ahead + j)] * (ahead + j < m) + [("B", j), ("W", j)]
        tasks.append(mine)

    @cache
    def begins(s, kind, j):
        at = tasks[s].index((kind, j))
        before = [(s, *tasks[s][at - 1])] if at else []
        if kind == "F" and s > 0:
            before.append((s - 1, "F", j))
        if kind == "B" and s < p - 1:
            before.append((s + 1, "B", j))
        return max((begins(*x) + long[x[1]] for x in before), default=0)

    return [[(kind, j, begins(s, kind, j)) for kind, j in tasks[s]] for s in range(p)]
    ### END SOLUTION


# %% check="schedule-rules" points=3 hidden="other numbers of stages and microbatches"
# The checks play your timetable.  Here: does each task wait for what it needs?
for t_b, t_w in ((1, 1), (2, 1), (1, 3)):
    pipelines.Played("", timetable(2, 2, t_b, t_w), 2, 2, t_b, t_w)
for p, m in ((3, 4), (4, 2)):
    pipelines.Played("", timetable(p, m, 1, 1), p, m, 1, 1)
### BEGIN HIDDEN TESTS
cases = [(1, 1, 1, 2), (1, 5, 2, 1), (5, 1, 2, 1), (4, 3, 1, 1), (6, 2, 3, 0.5)]
cases += [(4, 9, 0.5, 2), (7, 15, 2, 1), (3, 3, 0.3, 0.7), (2, 11, 1.25, 4)]
for p, m, t_b, t_w in cases:
    name = "fewer microbatches than stages" if m < p else "more microbatches"
    pipelines.Played(name, timetable(p, m, t_b, t_w), p, m, t_b, t_w)
### END HIDDEN TESTS

# %% check="schedule-idle" points=3 hidden="other numbers of stages and microbatches"
cases = [(2, 2, 1, 1), (2, 2, 2, 1), (4, 8, 1, 1), (4, 8, 2, 3), (4, 2, 1, 1)]
### BEGIN HIDDEN TESTS
cases += [(1, 1, 1, 2), (1, 5, 2, 1), (5, 1, 2, 1), (4, 3, 1, 1), (6, 2, 3, 0.5)]
cases += [(4, 9, 0.5, 2), (7, 15, 2, 1), (3, 3, 0.3, 0.7), (2, 11, 1.25, 4)]
### END HIDDEN TESTS
for p, m, t_b, t_w in cases:
    play = pipelines.Played("", timetable(p, m, t_b, t_w), p, m, t_b, t_w)
    want, whole = (p - 1) * (1 + t_b), (p - 1) * (1 + t_b + t_w)
    hint = "How many forwards does each stage need before its first backward?"
    if play.first > 0:
        hint = f"Nothing happens before {play.first:g}."
    elif abs(play.idle - whole) < 1e-9:
        hint = "The stage before waits for B alone, and not for W."
    assert play.idle <= want + 1e-9, (
        f"{play.name}: stages idle for {play.idle:g}; {want:g} is expected.  {hint}"
    )

# %% check="schedule-memory" points=3 hidden="other numbers of stages and microbatches"
cases = [(4, 8, 1, 1), (4, 8, 2, 1), (2, 2, 1, 1), (3, 7, 0.5, 2)]
### BEGIN HIDDEN TESTS
cases += [(1, 5, 2, 1), (3, 2, 1, 1), (5, 8, 1.5, 0.5), (6, 4, 3, 1), (7, 15, 2, 1)]
cases += [(4, 9, 0.5, 2), (2, 11, 1.25, 4)]
### END HIDDEN TESTS
for p, m, t_b, t_w in cases:
    play = pipelines.Played("", timetable(p, m, t_b, t_w), p, m, t_b, t_w)
    peaks = [play.held(s) for s in range(p)]
    all_m = "  All are held at once: until every F is done, or every W?"
    assert all(peak <= p - s for s, peak in enumerate(peaks)), (
        f"{play.name}: the stages hold at most {peaks} microbatches; no more than "
        f"{list(range(p, 0, -1))} is expected.{all_m * (peaks == [m] * p)}"
    )

# %% explore
# @title Your timetable.  Where is the bubble, and what would shrink it?
p, m, t_b, t_w = 4, 6, 1, 1
play = pipelines.Played("yours", timetable(p, m, t_b, t_w), p, m, t_b, t_w)
play.draw()
plt.show()
said = f"with whole backward passes {bubble(p, m):.3f}"
print(f"idle {play.idle / play.end:.3f} of the time; {said}")
print("most held:", [play.held(s) for s in range(p)])

# %% [markdown]
# ## 4. One step, several processes (8 points, 30 minutes)
#
# Each rank has some samples of the batch, as many as chance gave it; at the end of an
# epoch it may have none.  All start with the same weights `w`.  All must end with the
# weights of one step on the joined batch: `w` less `rate` times the gradient of the
# *mean loss over all samples*.
#
# `mean_gradient(w, X, y)` gives the gradient of the mean loss over one rank's samples,
# as `backward()` would: of the mean of $(Xw - y)^2/2$, in float32.  Without samples it
# gives nan.
#
# Sums of floats depend on their order.  Yours is float32, for any number of ranks:
#
# 1. rank `r` multiplies its mean gradient by its number of samples, $G_r = n_r g_r$;
#    a rank without samples has $G_r = 0$;
# 2. $G = ((G_0 + G_1) + G_2) + \ldots$, in the order of ranks;
# 3. $w - \mathrm{rate} \cdot (G / n)$, with $n$ the number of all samples.
#
# Round each result to float32 before the next: write `*` and `-`, for torch's `alpha=`
# may round once where you want two.
#
# `comm` carries tensors, arrays and numbers between ranks.
#
# - `comm.all_gather(t)` returns every rank's `t`, a list in the order of ranks.
# - `comm.all_reduce(t)` returns their sum, made in chunks as a ring makes it.
# - `comm.broadcast(t, source)` returns the `t` of rank `source`.
# - `comm.isend(t, to)` and `comm.irecv(source)` return a request; its `wait()` ends
#   when the message has left, or returns what has come.  A message leaves when its
#   receiver asks for it.
#
# Every rank must take part in every collective, all in the same order.  Where they do
# not, `comm` says who waits for whom.  Nothing else joins the ranks: some checks change
# what one rank sends, and the weights of all others must follow.
#
# For example, take one weight at 0, and samples with `x = 1`.  Rank 0 has the target 6,
# rank 1 has 2 and 2.  Their mean gradients are -6 and -2; that of the three samples
# is -10/3, and not -4.


# %% answer="step"
def step(w, X, y, rate, rank, N, comm):
    """Return the weights after one step on the joined batch, the same on every rank.

    w: float32 tensor of k weights
    X, y: this rank's samples, float32 tensors of shapes (n, k) and (n,); n may be 0
    rank, N: this rank and how many there are
    comm: has all_gather, all_reduce, broadcast, isend and irecv
    """
    ### BEGIN SOLUTION
    n = torch.tensor([float(len(y))])
    G = n * mean_gradient(w, X, y) if len(y) else torch.zeros_like(w)
    total, *others = comm.all_gather(torch.cat([G, n]))
    for other in others:
        total = total + other
    return w - rate * (total[:-1] / total[-1])
    ### END SOLUTION


# %% check="step-weights" points=3 hidden="more ranks, more samples, another rate"
one, w = np.ones((3, 1), np.float32), np.zeros(1, np.float32)
samples = [(one[:1], 6 * one[0]), (one[:2], 2 * one[:2, 0])]
slips = {1.2: "a mean of means: every rank counts the same, every sample should"}
slips |= {1.5: "divide by the samples, not by the ranks", 2.4: "a sum of means"}
slips |= {3: "divide the sum by the number of samples", -1: "the sign"}
slips |= {1.8: "rank 0 alone", 0.6: "rank 1 alone", 0: "this rank was not updated"}
name = "targets 6, and 2 and 2, rate 0.75"
for r, got in enumerate(parallel.stepped(name, step, w, samples, 0.75)):
    close(f"{name}: the weight on rank {r}", float(got[0]), 2.5, "", slips, rel=1e-5)
parallel.followed(name, step, w, samples, 0.75)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for counts, rate in [([5], 1.25), ([4, 9], 0.125), ([4, 1, 2, 8, 3], 0.6875)]:
    w, samples = parallel.drawn(rng, counts, 20)
    ends = parallel.stepped(f"{counts} samples", step, w, samples, rate)
    parallel.must_be_one_step(f"{counts}, rate {rate}", ends, w, samples, rate)
### END HIDDEN TESTS

# %% check="step-order" points=3 hidden="other samples, numbers of ranks and rates"
cases = [([1, 7, 3], 0.5), ([3, 6, 1, 5, 2], 0.6875)]
### BEGIN HIDDEN TESTS
cases += [([5, 1], 1.375), ([2, 1, 5, 3, 3, 1, 7], 0.8125), ([6, 1, 3, 5], 0.4375)]
cases += [([3, 1, 2, 6, 1, 1, 5, 2, 7], 0.34375)]
### END HIDDEN TESTS
for counts, rate in cases:
    w, samples = parallel.drawn(np.random.default_rng(5), counts, 300)
    name = f"{counts} samples, rate {rate}"
    ends = parallel.stepped(name, step, w, samples, rate)
    parallel.must_be_exact(name, ends, w, samples, rate)
w, samples = parallel.drawn(np.random.default_rng(6), [1, 2, 1], 4)
parallel.followed("three ranks", step, w, samples, 0.375, ranks=[1])

# %% check="step-idle" points=2 hidden="other ranks may have no samples, or several"
cases = [([2, 0], 0.625)]
### BEGIN HIDDEN TESTS
cases += [([0, 3, 2], 0.25), ([0, 0, 4, 0, 1], 0.6875)]
### END HIDDEN TESTS
for counts, rate in cases:
    name = f"{counts} samples"
    w, samples = parallel.drawn(np.random.default_rng(7), counts, 5)
    ends = parallel.stepped(name, step, w, samples, rate)
    parallel.must_be_one_step(name, ends, w, samples, rate)
w, samples = parallel.drawn(np.random.default_rng(8), [2, 0], 3)
parallel.followed("a rank without samples", step, w, samples, 0.625)


# %% explore
# Which order does gloo's all_reduce take, on three real processes with 3,000 random
# numbers each?  Each third of the sum should agree with one of three orders.
def reduced(rank, N, G):
    """Return the sum as all_reduce makes it."""
    x = G[rank].clone()
    dist.all_reduce(x)
    return x


G = list(torch.randn(3, 3000, generator=torch.Generator().manual_seed(1)))
y = run(reduced, 3, G)[0]
for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
    same = y == (G[a] + G[b]) + G[c]
    thirds = [f"{float(third.float().mean()):.3f}" for third in same.chunk(3)]
    print(f"(G{a} + G{b}) + G{c}: equal in", ", ".join(thirds), "of the thirds")

# %% [markdown]
# ## 5. The price of a layout (6 points, 25 minutes)
#
# A `Layout` has `t`, `p`, `d` and `m`, and N = t p d devices.  A microbatch is one
# sequence of `S` tokens, so each of `d` pipelines takes `m` sequences a step.
#
# The `L` layers share the `P` parameters evenly, and a stage has whole layers.  Where
# `p`, at most `L`, does not divide `L`, the first stages have one layer more than the
# last ones.  A pipeline goes at the pace of its longest stage.  So price *every* device
# as if its stage had the layers, the parameters and the time of the *first* one.
#
# **Seconds.**  Computing takes 6 FLOP a parameter and token, at `R` on each device.
#
# - *Tensor exchange.*  In each layer of its stage a device takes part in 4 all-reduces
#   a microbatch, over `t` devices, each of an activation of `S h` 16-bit numbers.
#   They run at `NVLINK4.beta`.  We assume that they hide behind nothing; some systems
#   hide a part of them.
# - *Gradient exchange.*  Each of `t` devices has 1/t of its stage's parameters, and 2
#   bytes of gradient for each: `M` bytes.  Up to stage 2 of ZeRO it sends
#   `2 (d - 1)/d M` bytes a step.  At stage 3 it reduce-scatters gradients once,
#   `(d - 1)/d M`, and gathers weights twice *for every microbatch*, each time
#   `(d - 1)/d M`.  They run at `NDR.beta`; of their time the share `OVERLAP` can hide.
# - `layout_step` puts these together.  Its `T_compute` is the sum over devices, each
#   priced as above.  Its docstring says where the tensor exchange goes.
#
# **Bytes.**  `State().zero` of the device's parameters over `d` devices, and for
# `in_flight` microbatches the activations of the first stage's layers, `KEPT.layer`.
# Ignore start-ups, passing between stages, and what stage 3 gathers.
#
# For example, `MODEL` has 5 billion parameters, 20 layers of 4,096 and 32 heads.  Eight
# devices compute for 994 ms on 64 sequences.  With `d = 8` a device sends 17.5 GB of
# gradients in 350 ms, of which a quarter cannot hide: the step takes 1,081 ms.  With
# `p = 3` stages have 7, 7 and 6 layers, and all count as 7: 1.75 billion parameters.


# %% answer="plan"
def plan(model, layout, stage):
    """Return (seconds, bytes): the step of a layout, and the memory of a device.

    model: a Transformer; layout: a Layout with V = 1; stage: ZeRO's, 0 to 3
    """
    ### BEGIN SOLUTION
    t, p, d, m = layout.t, layout.p, layout.d, layout.m
    layers = -(-model.L // p)
    part = model.P * layers / model.L / t
    work = training_flop(part, m * S) / R
    activation = activation_payload(1, S, model.h)
    tensor = 4 * m * layers * allreduce_traffic(activation, t) / NVLINK4.beta
    times = 1 + 2 * m if stage == 3 else 2
    exchange = times * (d - 1) / d * 2 * part / NDR.beta
    seconds = layout_step(layout.N * (work + tensor), exchange, layout, OVERLAP)
    state = State().zero(part, d, stage)
    kept = in_flight(p, m) * layers * KEPT.layer(model, S, 1, t)
    return seconds, state + kept
    ### END SOLUTION


# %% check="plan-seconds" points=2 hidden="other layouts, models and stages"
W = 6 * 5e9 * 64 * 2048 / 494.5e12 / 8  # computing of one of 8 devices, 994 ms
seconds, _ = numbers("d = 8", plan(MODEL, Layout(1, 1, 8, 8), 1), 2)
want = W + 0.0875
slips = {0.35 / want: "T_compute is the sum over devices"}
slips |= {2.8 / want: "bytes, (d - 1)/d of them, once a step"}
slips |= {(W + 0.0875 / 9) / want: "gradients go over NDR, not over NVLink"}
slips |= {(W + 0.35) / want: "three quarters of the exchange hide"}
slips |= {W / want: "a quarter of the exchange cannot hide"}
slips |= {(W + 0.04375) / want: "a gradient has 2 bytes, and it is sent twice"}
close("d = 8, with 0.25 x 350 ms exposed", seconds, want, "ms", slips)
seconds, _ = numbers("d = 8, stage 3", plan(MODEL, Layout(1, 1, 8, 8), 3), 2)
slips = {(W + 0.13125) / 2.975: "8 microbatches gather 16 times, not twice"}
slips |= {(W + 0.0875) / 2.975: "stage 3 sends more than stage 1"}
close("d = 8, stage 3, with 2975 ms of exchange", seconds, 2.975, "ms", slips)
seconds, _ = numbers("p = 4", plan(MODEL, Layout(1, 4, 1, 64), 1), 2)
slips = {64 / 67: "the bubble: 3 of 67 are idle"}
close("p = 4, 64 microbatches", seconds, 2 * W * 67 / 64, "ms", slips)
seconds, _ = numbers("p = 3", plan(MODEL, Layout(1, 3, 2, 32), 1), 2)
own = 8 * W * 0.35 / 2  # 7 of 20 layers, and half of the sequences
want = own * 34 / 32 + 0.25 * 0.07
even = own * 20 / 21 * 34 / 32  # if stages had a third of the layers
slips = {(even + 0.05 / 3) / want: "20 layers are 7, 7 and 6 of them, not 20/3"}
slips |= {(own * 34 / 32 + 0.05 / 3) / want: "gradients are those of 7 layers"}
slips |= {(even * 0.9 + 0.015) / want: "the first stage has 7 layers, not 6"}
slips |= {8 / 7: "2 layers are left over, one each for 2 stages"}
close("p = 3, d = 2, 70 ms of gradients", seconds, want, "ms", slips)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(18)
for trial in range(48):
    t, p, d, m = (int(rng.choice([1, 2, 3, 5, 8, 72])) for _ in range(4))
    L, h, P = int(rng.integers(8, 130)), 120 * int(rng.integers(4, 90)), 10**9
    P, stage = P * int(rng.integers(1, 200)), trial % 4
    p = min(p, L - trial % 2)  # a layer on each stage, or two on the first alone
    first = len(np.array_split(np.zeros(L), p)[0])  # layers of the first stage
    model = Transformer(P, L, h, 8, 8)
    seconds, _ = numbers("any layout", plan(model, Layout(t, p, d, m), stage), 2)
    slot = 6 * P * first / L * 2048 / 494.5e12 / t  # a microbatch on the first stage
    slot += 4 * first * 2 * (t - 1) / t * 2048 * h * 2 / 450e9
    wire = 2 * P * first / L / t * (d - 1) / d / 50e9
    wire *= 2 if stage < 3 else 1 + 2 * m
    want = slot * (m + p - 1) + wire - min(0.75 * wire, slot * m)
    close(f"any layout, stage {stage}", seconds, want, "ms")
### END HIDDEN TESTS

# %% check="plan-tensor" points=1 hidden="tensor exchanges in a pipeline"
W = 6 * 5e9 * 64 * 2048 / 494.5e12 / 8  # computing of one of 8 devices, 994 ms
seconds, _ = numbers("t = 8", plan(MODEL, Layout(8, 1, 1, 64), 1), 2)
tensor = 4 * 64 * 20 * 2 * 7 / 8 * 2048 * 4096 * 2 / 450e9
slips = {(W + tensor / 8) / (W + tensor): "every device exchanges: N times tensor time"}
slips |= {(W + tensor / 64) / (W + tensor): "once for every microbatch"}
slips |= {(W + tensor / 20) / (W + tensor): "in each of the layers"}
slips |= {(W + tensor / 4) / (W + tensor): "tensor exchanges cannot hide"}
slips |= {(W + tensor / 2) / (W + tensor): "4 all-reduces, and each sends it twice"}
close("t = 8", seconds, W + tensor, "ms", slips)
seconds, _ = numbers("t, p and d", plan(MODEL, Layout(2, 4, 2, 8), 1), 2)
own, sums = W / 8, 4 * 8 * 5 * 2048 * 4096 * 2 / 450e9  # a device without idle slots
want = (own + sums) * 11 / 8 + 0.25 * 0.025
slips = {(want - sums * 3 / 8) / want: "a bubble is as long as all that a slot takes"}
slips |= {(want - sums * 77 / 64) / want: "N times tensor time, not t times"}
slips |= {(want + 3 * sums * 11 / 8) / want: "a device sums for L/p layers"}
slips |= {(want + sums * 11 / 8) / want: "a device sums for m microbatches, not d m"}
slips |= {(want + 0.19375 - own - sums) / want: "of gradients, a device has 1/(t p)"}
slips |= {(want + 0.01875) / want: "p divides the gradients, too"}
slips |= {(want + 0.00625) / want: "t divides the gradients, too"}
close("t = 2, p = 4, d = 2, 25 ms of gradients", seconds, want, "ms", slips)
seconds, _ = numbers("t = 2, p = 8", plan(MODEL, Layout(2, 8, 1, 16), 1), 2)
own, sums = 2 * W * 3 / 20 / 2, tensor / 7 * 3 / 20  # 3 layers of 20 on two devices
want = (own + sums) * 23 / 16
slips = {5 / 6: "20 layers on 8 stages: the first four have 3, and not 2.5"}
slips |= {(own + sums * 5 / 6) / (own + sums): "it sums for 3 layers, and not 2.5"}
slips |= {(own * 5 / 6 + sums) / (own + sums): "it computes 3 layers, and not 2.5"}
slips |= {2 / 3: "20 layers on 8 stages: the first four have 3, and not 2"}
close("t = 2, p = 8", seconds, want, "ms", slips)
### BEGIN HIDDEN TESTS
seconds, _ = numbers("t = 2, p = 2, d = 4", plan(MODEL, Layout(2, 2, 4, 16), 1), 2)
want = (W / 2 + tensor / 14) / 16 * 17  # half the work, a 14th of the exchange
want += 0.25 * 2 * 3 / 4 * 2 * 5e9 / 4 / 50e9
close("tensor exchanges in a pipeline", seconds, want, "ms")
### END HIDDEN TESTS

# %% check="plan-bytes" points=3 hidden="other layouts, models and stages"
_, held_ = numbers("one device", plan(MODEL, Layout(1, 1, 1, 64), 0), 2)
layer = 2048 * 4096 * 34  # bytes that a layer keeps of a sequence
slips = {(80e9 + 64 * 20 * layer) / (80e9 + 20 * layer): "one at a time, not all 64"}
close("one device, state and 20 layers", held_, 80 * GB + 20 * layer, "GB", slips)
_, held_ = numbers("p = 4, m = 8", plan(MODEL, Layout(1, 4, 2, 8), 1), 2)
want = 5e9 / 4 * (4 + 12 / 2) + 4 * 5 * layer
slips = {(want - 15 * layer) / want: "the first stage holds 4 microbatches at once"}
slips |= {(want + 15e9) / want: "t and p divide the state, d shards what is left"}
slips |= {(want + 60 * layer) / want: "a stage has L/p layers"}
slips |= {(want + 4 * 5 * layer) / want: "1F1B: p microbatches at once, not all m"}
close("p = 4 and d = 2, stage 1", held_, want, "GB", slips)
_, held_ = numbers("p = 3", plan(MODEL, Layout(1, 3, 2, 8), 1), 2)
want = 1.75e9 * 10 + 3 * 7 * layer  # 7 layers of 20
slips = {20 / 21: "of 20 layers on 3 stages the first has 7, not 20/3"}
slips |= {(5e10 / 3 + 21 * layer) / want: "the first stage has 7/20 of the parameters"}
slips |= {(want - layer) / want: "the first stage keeps 7 layers, not 20/3"}
slips |= {6 / 7: "the first stage has 7 layers, not 6"}
close("p = 3 and d = 2, stage 1", held_, want, "GB", slips)
_, held_ = numbers("t = 8", plan(MODEL, Layout(8, 1, 1, 64), 1), 2)
want = 5e9 / 8 * 16 + 20 * 2048 * 4096 * (10 + 24 / 8)
slips = {(10e9 + 20 * layer) / want: "of the activations 24/34 divide over t"}
slips |= {(10e9 + 20 * layer / 8) / want: "of the activations 10/34 do not divide"}
close("t = 8", held_, want, "GB", slips)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(18)
for trial in range(48):
    t, p, d, m = (int(rng.choice([1, 2, 3, 5, 8, 72])) for _ in range(4))
    L, h = int(rng.integers(8, 130)), 120 * int(rng.integers(4, 90))
    P, stage = 7 * 10**8 * int(rng.integers(1, 200)), trial % 4  # other models
    p = min(p, L - trial % 2)  # a layer on each stage, or two on the first alone
    first = len(np.array_split(np.zeros(L), p)[0])  # layers of the first stage
    model = Transformer(P, L, h, 8, 8)
    _, got = numbers("any layout", plan(model, Layout(t, p, d, m), stage), 2)
    each = [(16, 0), (4, 12), (2, 14), (0, 16)][stage]
    want = P * first / L / t * (each[0] + each[1] / d)
    want += min(m, p) * first * 2048 * h * (10 + 24 / t)
    close(f"any layout, stage {stage}", got, want, "GB")
### END HIDDEN TESTS

# %% explore
# Does full sharding make training faster?  Here the model fits at stage 1.  Guess!
guess = {1: 1.2, 4: 1.2, 16: 1.2}  # times as fast, by microbatches of a device
for m, guessed in guess.items():
    one, three = (plan(MODEL, Layout(1, 1, 64, m), stage) for stage in (1, 3))
    print(f"m = {m:2}, stage 1: {one[0] / ms:5.0f} ms, {one[1] / GB:4.1f} GB")
    print(f"        stage 3: {three[0] / ms:5.0f} ms, {three[1] / GB:4.1f} GB", end="")
    print(f", {one[0] / three[0]:.2f} times as fast; you guessed {guessed}")

# %% [markdown]
# ## 6. A layout that meets the target (5 points, 10 minutes)
#
# You have `N` devices and need not use them all.  A step trains on `B` sequences.  A
# layout is allowed if
#
# - `t p d` is at most `N`;
# - `t` divides the heads `a`, and is at most `NODE`: tensor exchanges stay inside a
#   node;
# - `p` divides the layers `L`;
# - `d` divides `B`, and `m = B/d`.
#
# `cost(layout)` gives seconds and bytes.  They follow no simple rule here.  What it
# says of a layout that is not allowed means nothing.  A layout that takes exactly
# `target` seconds, or exactly `memory` bytes, will do.
#
# For example, with two layers, two heads, two sequences and four devices seven layouts
# are allowed.  The first check lists them.


# %% answer="choose"
def choose(cost, model, N, B, memory, target):
    """Return any allowed Layout of at most `target` seconds and `memory` bytes.

    Its V is 1.
    cost: function of a Layout; returns (seconds, bytes) on a device
    model: a Transformer, with L layers and a heads
    Raises ValueError if there is none.
    """
    ### BEGIN SOLUTION
    ts = [t for t in range(1, NODE + 1) if model.a % t == 0]
    ps = [p for p in range(1, model.L + 1) if model.L % p == 0]
    ds = [d for d in range(1, B + 1) if B % d == 0]
    for t, p, d in itertools.product(ts, ps, ds):
        if t * p * d <= N:
            layout = Layout(t, p, d, B // d)
            seconds, held = cost(layout)
            if seconds <= target and held <= memory:
                return layout
    raise ValueError(f"no layout of {N} devices meets {target} s")
    ### END SOLUTION


# %% check="choose-small" points=2
tiny = Transformer(1000, 2, 8, 2, 2)
table = {Layout(1, 1, 1, 2): (8.0, 9.0), Layout(2, 1, 1, 2): (5.0, 5.0)}
table |= {Layout(1, 2, 1, 2): (6.0, 4.0), Layout(1, 1, 2, 1): (4.5, 9.0)}
table |= {Layout(2, 2, 1, 2): (3.0, 3.0), Layout(2, 1, 2, 1): (2.0, 5.0)}
table |= {Layout(1, 2, 2, 1): (3.5, 4.0)}  # the fastest does not fit in 4 bytes
for memory, target in [(4.0, 3.2), (4.0, 6.0), (5.0, 2.0), (9.0, 8.0)]:
    name = f"{memory:g} bytes and {target:g} s"
    offers.must_meet(name, choose, table, tiny, (4, 2, memory, target))

# %% check="choose-any" points=2 hidden="one layout among many meets both limits"
# One layer, one head, one sequence: of three devices only one can be used.
one, only = Transformer(9, 1, 8, 1, 1), {Layout(1, 1, 1, 1): (5.0, 5.0)}
offers.must_meet("one layer, at 5 s and 5 bytes", choose, only, one, (3, 1, 5.0, 5.0))
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
cases = [(6, 12, 12, 24), (5, 32, 9, 40), (12, 6, 16, 33), (7, 21, 6, 100)]
for L, a, B, N in [*cases, (36, 8, 50, 3000)]:
    model, fit = Transformer(10**6, L, 64, a, a), []
    for t, p, d in itertools.product(range(1, 9), range(1, L + 1), range(1, B + 1)):
        if L % p == a % t == B % d == 0 and t * p * d <= N:
            fit.append((t, p, d, B // d))
    wide = max(fit, key=lambda x: (x[0] * x[1] * x[2], x))
    picks = [max(fit, key=lambda x, k=k: (x[k], x)) for k in range(4)]
    picks += [fit[i] for i in rng.choice(len(fit), 3, replace=False)]
    for pick in [wide, *picks]:
        table = {}
        for x in fit:  # all but one are too slow or too large
            bad = (5.001, rng.uniform(1, 5)) if rng.random() < 0.5 else (1.0, 5.001)
            table[Layout(*x)] = (4.5, 5.0) if x == pick else bad
        limits = (N, B, 5.0, 5.0)
        offers.must_meet("one among many", choose, table, model, limits)
model = Transformer(9, 1, 8, 4, 2)  # fewer key and value heads than heads
table = {Layout(1, 1, 1, 1): (9.0, 1.0), Layout(2, 1, 1, 1): (1.0, 9.0)}
table |= {Layout(4, 1, 1, 1): (5.0, 5.0)}
offers.must_meet("one among a few", choose, table, model, (4, 1, 5.0, 5.0))
### END HIDDEN TESTS

# %% check="choose-none" points=1 hidden="nothing meets the limits"
# Two layouts: one is too large, the other too slow.  With a little more, one will do.
both = {Layout(1, 1, 1, 1): (1.0, 9.0), Layout(1, 2, 1, 1): (9.0, 1.0)}
model, cost = Transformer(9, 2, 8, 1, 1), offers.priced(both)
name = "one layout is too large, the other too slow"
must_raise(name, ValueError, choose, cost, model, 2, 1, 5.0, 5.0)
for memory, target in ((9.0, 5.0), (5.0, 9.0)):
    name = f"{memory:g} bytes and {target:g} s"
    offers.must_meet(name, choose, both, model, (2, 1, memory, target))
### BEGIN HIDDEN TESTS
for limits in [(0.5, 99.0), (99.0, 0.5), (0.5, 0.5)]:
    name = "nothing meets the limits"
    must_raise(name, ValueError, choose, cost, model, 2, 1, *limits)
slow = {Layout(1, 1, 1, 1): (9.0, 1.0), Layout(3, 1, 1, 1): (6.0, 1.0)}
nine, cost = Transformer(9, 1, 9, 9, 9), offers.priced(slow)  # t = 9 leaves the node
must_raise("nothing allowed", ValueError, choose, cost, nine, 9, 1, 5.0, 5.0)
### END HIDDEN TESTS

# %% explore
# @title Your two functions together: GPT-3 on 1,024 devices of 80 GB, stage 1
# 1,024 sequences a step.  A dot is a layout that fits.  Sending counts all that a
# device sends, hidden or not.
found = []
for t, p in itertools.product((1, 2, 4, 8), (1, 2, 4, 8, 16, 32)):
    x = Layout(t, p, 1024 // (t * p), t * p)
    seconds, held_ = plan(GPT3, x, 1)
    sums = 4 * x.m * GPT3.L / p * allreduce_traffic(S * GPT3.h * 2, t) / NVLINK4.beta
    sent = sums + allreduce_traffic(2 * GPT3.P / (t * p), x.d) / NDR.beta
    if held_ <= 80 * GB:
        found.append((float(seconds), float(sent), x))
offers.draw_offers(found)
plt.show()


def gpt3(x):
    """Return the step and the memory of a layout, by your plan."""
    return plan(GPT3, x, 1)


for target in (7.0, 5.6, 5.0):
    try:
        print(target, "s:", choose(gpt3, GPT3, 1024, 1024, 80 * GB, target))
    except ValueError as e:
        print(target, "s:", e)

# %% [markdown]
# ## 7. The judgement (2 points, 5 minutes)
#
# In the last figure the layout that sends least is not the fastest.  Why?  Say what the
# fastest pays, what it avoids, and what change would make the other one as fast.
# Answer in three sentences, with one number.

# %% [markdown] essay="fastest" points=2
# The fastest, t = 8, p = 2 and d = 64, sends for 1.46 s and not 0.29 s, but NVLink
# carries its tensor sums, most of its gradients hide behind backward, and it idles 1
# slot in 17.  The one that sends least, p = 32, saves by depth and pays in idle stages:
# a third of its step of 6.63 s, against 5.47 s.  At eight times the batch its bubble is
# small and the gap is gone; without NVLink the tensor sums at t = 8 would take 5 s.
