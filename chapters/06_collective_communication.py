# %% [markdown]
# ---
# title: "6 · Collective communication"
# fleet-stack: [20, 55, 100, 30, 10, 0, 0, 0]
# ---
#
# A model of 70 billion parameters trains on 64 accelerators.  Each has worked through
# its own share of the batch, and now holds a gradient of 140 GB.  Nobody may take the
# next step before everybody holds the *sum* of all 64 gradients.  How long does that
# take, and what sets the time?
#
# A **collective operation** is one that a whole group of devices enters together.  This
# one is an **AllReduce**: everyone puts in a tensor, and everyone gets the sum.  From
# chapter 3 you need one law, $T(n) = \alpha + n/\beta$: a message of $n$ bytes takes a
# start-up and then a rate.

# %%
import os
import time
from itertools import permutations

import matplotlib.pyplot as plt
import numpy as np
import simpy
import torch
import torch.distributed as dist
from IPython import get_ipython
from ipywidgets import interact

from mlsyscore import processes
from mlsyscore.catalog import LLAMA2_70B, NDR, NVLINK4
from mlsyscore.network import Link, fit_link
from mlsyscore.units import GB, KB, MB, Gbps, GiB, MiB, ms, si, us

plt.style.use("mlsyscore.figures")

M = 2 * LLAMA2_70B.P  # bytes of gradient: two for each parameter
print(f"The gradient is {M / GB:.0f} GB.")
print(f"A port sends {NDR.beta / GB:.0f} GB/s after {NDR.alpha / us} µs to start.")

# %% [markdown]
# The port is InfiniBand NDR, 400 Gb/s in each direction, and every device has one.
#
# ## Predict
#
# Write your own guesses over the common ones in this cell.
#
# 1. How many seconds does the sum take on 64 devices?
# 2. How many times longer does it take on 1,024 devices, which hold 16 times as many
#    gradients?
# 3. A layer's gradient can be sent while the backward pass still works on other layers.
#    Suppose that the pass takes twice as long as the sum, and that each of 80 layers is
#    sent as soon as it is done.  How many seconds of the sum remain visible?
# 4. A message of 4 KB is compressed to an eighth, at no cost.  How many times sooner
#    does it arrive?

# %%
#| tags: [guess]
guess = 60.0  # seconds
guess_growth = 16.0  # times
guess_visible = 0.0  # seconds
guess_small = 8.0  # times

# %% [markdown]
# ## The ring
#
# The obvious plan is a server: all send to one machine, which adds and replies.  Its
# one port must take in $N$ gradients and send out $N$ sums.
#
# A **ring AllReduce** spreads that work.  The devices stand in a ring, and each cuts
# its gradient into $N$ chunks.  In every round each device sends one chunk to its
# right-hand neighbour, and adds the chunk that comes from the left to its own.  In the
# second half the chunks are finished, and it only keeps them.  The plan below lists,
# for each round, who sends to whom, which chunk, and whether it is added.


# %%
def ring_plan(N):
    device = np.arange(N)
    for r in range(2 * (N - 1)):
        chunk = (device - r) % N
        yield device, (device + 1) % N, chunk[:, None], r < N - 1


def deliver(held, source, target, chunk, adds):
    """Carry out one round: row d of held is what device d has in each chunk."""
    moved = held[source[:, None], chunk]
    held[target[:, None], chunk] = moved + adds * held[target[:, None], chunk]


# %%
#| label: fig-ring
#| fig-cap: "The ring's chunks, round by round. A frame marks what has just come."
#| fig-alt: "Four devices, four chunks: one 4 a row after round 3, at last all 4."
# @title What it draws
fig, axes = plt.subplots(2, 4, figsize=(6.4, 3.9), sharex=True, sharey=True)
have = np.ones((4, 4), int)
plans = list(ring_plan(4))
for r, ax in enumerate(axes.flat[:7]):
    if r > 0:
        deliver(have, *plans[r - 1])
        _, target, chunk, _ = plans[r - 1]
        ax.plot(chunk, target, "s", ms=22, mfc="none", mec="C1", mew=2.5)
    ax.imshow(have, cmap="Blues", vmin=0, vmax=8)
    for d, c in np.ndindex(4, 4):
        ax.text(c, d, have[d, c], ha="center", va="center")
    ax.set(xticks=range(4), yticks=range(4), title=f"after round {r}" if r else "start")
    ax.grid(False)
axes[1, 3].axis("off")
axes[1, 3].text(-0.1, 0.4, "A number counts\nthe gradients in\na chunk's sum.")
fig.supxlabel("chunk")
fig.supylabel("device")
plt.show()

# %% [markdown]
# After $N-1$ rounds each device owns one finished chunk.  That half alone is a
# **ReduceScatter**: everyone is left with a different piece of the sum.  In the other
# $N-1$ rounds the finished chunks go round until everybody has them all, which is an
# **AllGather**.  Sharded training (chapter 5) uses the two halves apart, around its
# weights; data and tensor parallelism use the whole.
#
# So there are $2(N-1)$ rounds, each of one message of $n/N$ bytes:
#
# $$ T_\text{ring} = 2(N-1)\left(\alpha + \frac{n}{N\beta}\right). $$


# %%
def ring(n, N, link):
    rounds = 2 * (N - 1)
    return rounds * link.time(n / N)


T = ring(M, 64, NDR)
growth = ring(M, 1024, NDR) / T
print(f"64 devices take {T:.2f} s.  You guessed {guess:g} s.")
print(f"1,024 take {growth:.3f} times as long.  You guessed {guess_growth:g} times.")

# %% [markdown]
# Sixteen times the gradients, and the clock hardly moves.  Multiply the law out to see
# why:
#
# $$ T_\text{ring} = 2(N-1)\,\alpha \;+\; 2\,\frac{N-1}{N}\,\frac{n}{\beta}. $$
#
# The second term counts bytes.  More devices cut smaller chunks, so each device sends
# nearly $2n$ bytes however many take part.  Only the first term, the start-ups, grows
# with $N$.  Nor does a ring need a cable for every pair: each device talks to its two
# neighbours.
#
# A rule for the head: *a large sum costs two crossings of your own link, a small one
# costs $2N$ start-ups.*  The two terms are equal at $n = N\alpha\beta$, here 4.8 MB.
#
# ### Nobody waits for a round
#
# The law lets all devices start each round together.  Real devices know no rounds.  One
# sends as soon as its port is free *and* the chunk has come.  Play that, with numbers
# in the chunks, and let the time of each message vary by a fifth.


# %%
def play(plan, n, N, rng, pace=1.0):
    """Time until all of N devices hold the sum of n-byte tensors."""
    held = rng.integers(
        0, 100, (N, N)
    )  # a row for each device, a column for each chunk
    total = held.sum(0)
    port = np.zeros(N)  # when a device's port is free again
    came = np.zeros(N)  # when the last chunk that it needs has come
    pace = np.broadcast_to(pace, N)  # how many times slower each device sends
    for source, target, chunk, adds in plan:
        start = np.maximum(port[source], came[source])
        typical = pace[source] * NDR.time(chunk.shape[1] * n / N)
        port[source] = start + rng.gamma(25, typical / 25)
        came[target] = np.maximum(came[target], port[source])
        deliver(held, source, target, chunk, adds)
    assert (held == total).all(), "somebody has a wrong sum"
    return came.max()


def estimate(runs):
    """Mean of some runs, and two standard errors."""
    return np.mean(runs), 2 * np.std(runs, ddof=1) / np.sqrt(len(runs))


# %%
def played_ring(n, N):
    return estimate([play(ring_plan(N), n, N, rng) for _ in range(20)])


rng = np.random.default_rng(6)
print("                              | error of a prediction by")
print("tensor     N   played         |  ring   server  as with 8")
for n in (M, 1 * MB):
    eight, _ = played_ring(n, 8)
    for N in (64, 256):
        mean, half = played_ring(n, N)
        guesses = np.array([ring(n, N, NDR), 2 * NDR.time(N * n), eight])
        errors = "{:+6.0%} {:+8.0%} {:+10.0%}".format(*(guesses / mean - 1))
        played = f"{si(mean, 's')} ± {half / mean:.1%}"
        print(f"{si(n, 'B'):>6} {N:5}   {played:14} |{errors}")

# %% [markdown]
# Every device ends with the right sum.  The server is wrong in each row.  "As with
# eight devices" is a good guess for the large tensor, and a bad one for the small,
# whose start-ups count.  Only the ring's law follows both.
#
# The law is about a sixth short.  A device waits for the later of two things, its own
# port and its neighbour's chunk, and the mean of the later one exceeds both means.  So
# read the law as a floor.
#
# ## No schedule sends less
#
# Could a cleverer plan send fewer bytes?  Follow a single number of the tensor.  It
# starts as $N$ summands on $N$ devices.
#
# - Before anyone holds the full sum, $N-1$ summands must have left home.  That takes at
#   least $N-1$ sends.
# - At that moment $N-1$ devices still lack the sum.  Each must receive once more, which
#   takes $N-1$ further sends.
#
# So each of the $n$ bytes is sent at least $2(N-1)$ times, and $N$ ports share the
# work:
#
# $$ T \;\ge\; \frac{2(N-1)\,n}{N\beta}. $$
#
# > **Theorem · Bandwidth lower bound.** Let $N$ devices with $n$ bytes each do the
# > adding themselves, each through one port of rate $\beta$ in each direction.  Then no
# > AllReduce ends before $2\frac{N-1}{N}\frac{n}{\beta}$, whatever the wiring
# > (Patarasuk and Yuan, 2009).
#
# Do not trust the argument: search.  Below, a state says which summands each device
# holds.  A send adds to what the receiver has, or replaces it.  Try every send from
# every state until all devices are done.


# %%
def after_one_send(state):
    for source, target in permutations(range(len(state)), 2):
        sent, had = state[source], state[target]
        rest = state[:target] + state[target + 1 :]
        yield tuple(sorted((*rest, sent)))  # replace
        if sent & had == 0:
            yield tuple(sorted((*rest, sent | had)))  # add


def fewest_sends(N):
    states = {tuple(2**d for d in range(N))}  # bit d: device d's summand is in it
    sends = 0
    while (2**N - 1,) * N not in states:
        states = {new for state in states for new in after_one_send(state)}
        sends += 1
    return sends


print("devices   found   bound   once each   all to all")
for N in (2, 3, 4):
    print(f"{N:7} {fewest_sends(N):7} {2 * (N - 1):7} {N:11} {N * (N - 1):12}")

# %% [markdown]
# The search finds what the bound says, neither fewer nor more.  Both rivals agree at
# two devices only.  The ring meets the bound in bytes, and adds start-ups alone.
# **Bandwidth optimality** is that property: no device sends more than the bound counts.
# A server also causes $2(N-1)$ sends of each byte, but all through one port.
#
# ## Fewer rounds
#
# Bytes cannot be saved, but rounds can.  In one round a device sends one message.  So a
# summand that has reached some devices has reached at most twice as many a round later.
# To reach all $N$ takes at least $L = \lceil\log_2 N\rceil$ rounds, where the ring
# takes $N-1$.
#
# A *tree* takes $L$.  Half of the devices send all they have to a partner, then half of
# those that are left, up to a root; the sum goes down the same way.  A *butterfly*
# saves bytes as well.  Each device swaps half of its tensor with a far partner, then a
# quarter with a nearer one, and so on, and then all the way back:
#
# $$ T_\text{tree} = 2L\left(\alpha + \frac{n}{\beta}\right), \qquad
#    T_\text{butterfly} = 2L\,\alpha + 2\,\frac{N-1}{N}\,\frac{n}{\beta}. $$


# %%
def tree(n, N, link):
    return 2 * np.ceil(np.log2(N)) * link.time(n)


def butterfly(n, N, link):
    return 2 * np.log2(N) * link.alpha + 2 * (N - 1) / N * n / link.beta


print("64 devices        4 KB     140 GB")
for law in (ring, tree, butterfly):
    small, large = law(4 * KB, 64, NDR), law(M, 64, NDR)
    print(f"{law.__name__:10} {small / us:8.1f} µs {large:8.2f} s")

# %% [markdown]
# On paper the butterfly is never behind.  In a cluster its first partner is half the
# fleet away, and all pairs cross the middle of the fabric at once.
# **Network contention** is the slowing of transfers that share a path.  The ring, which
# talks to neighbours, hardly meets it.  Libraries also run two trees at once, each with
# half of the tensor in small pieces; that *double tree* tends to $2L\alpha + 2n/\beta$.
#
# An **algorithm crossover** is the size at which two algorithms take equal time.  Set
# ring and tree equal and solve for $n$:
#
# $$ n_\times = \alpha\beta\,\frac{N-1-L}{L-\frac{N-1}{N}}
#    \;\approx\; \frac{N\,\alpha\beta}{\log_2 N}. $$
#
# The size $n^* = \alpha\beta$ of chapter 3, 75 KB here, belongs to *one* message.  A
# ring cuts the tensor into $N$ of them, so its own border lies far higher.
#
# To test the crossover, play ring and tree at many sizes and see where they meet.


# %%
def tree_plan(N):
    distances = [2**k for k in range(int(np.log2(N)))]
    for d in distances:
        low = np.arange(0, N, 2 * d)
        yield low + d, low, np.tile(np.arange(N), (len(low), 1)), True
    for d in reversed(distances):
        low = np.arange(0, N, 2 * d)
        yield low, low + d, np.tile(np.arange(N), (len(low), 1)), False


def crossover(N, link):
    L = np.ceil(np.log2(N))
    return link.alpha * link.beta * (N - 1 - L) / (L - (N - 1) / N)


def played_crossover(N, rng):
    sizes = np.geomspace(100 * KB, 10 * MB, 9)
    rings = np.array([play(ring_plan(N), n, N, rng) for n in sizes])
    trees = np.array([play(tree_plan(N), n, N, rng) for n in sizes])
    return np.exp(np.interp(0, np.log(trees / rings), np.log(sizes)))


# %%
rng = np.random.default_rng(6)
print("                         | error of a prediction by")
print("  N   rings win from     |   law      n*   N n*")
for N in (16, 64, 256):
    mean, half = estimate([played_crossover(N, rng) for _ in range(8)])
    said = (crossover(N, NDR), NDR.half, N * NDR.half)
    cells = "{:+6.0%} {:+7.0%} {:+6.0%}".format(*(size / mean - 1 for size in said))
    print(f"{N:3}   {mean / KB:5.0f} ± {half / KB:2.0f} KB       |{cells}")


# %%
#| label: fig-crossover
#| fig-cap: "AllReduce on NDR ports. Left of the dot a tree beats the ring."
#| fig-alt: "The ring is flat, then rises; the tree starts ten times lower and crosses."
# @title What it draws
def draw(log2_N=6, alpha_us=1.5, rate_Gbps=400.0):
    N = 2**log2_N
    link = Link(alpha_us * us, rate_Gbps * Gbps)
    sizes = np.logspace(3, 9)
    _, ax = plt.subplots()
    for law in (ring, tree, butterfly):
        ax.loglog(sizes / KB, law(sizes, N, link) / us, label=law.__name__)
    if N >= 4:
        meet = crossover(N, link)
        ax.plot(meet / KB, ring(meet, N, link) / us, "ko", label="ring = tree")
    ax.axvline(link.half / KB, c="C3", ls="-.", lw=1, label="n* of one message")
    ax.set(xlabel="tensor (KB)", ylabel="time (µs)", title=f"{N} devices")
    ax.legend()
    plt.show()


draw()

# %%
#| eval: false
#| tags: [nbval-ignore-output, remove-cell]
if get_ipython():
    interact(draw, log2_N=(1, 12), alpha_us=(0.5, 20.0), rate_Gbps=(50.0, 800.0))

# %% [markdown]
# The law is somewhat low, since the jitter costs the ring more waits than the tree.
# The rivals miss several times over.  Rule: *trees for small tensors, rings for large,
# and the border grows as $N/\log_2 N$.*
#
# ## Two kinds of link
#
# Real machines come in nodes.  Eight accelerators in a node talk over NVLink, at 450
# GB/s for an H100, and over NDR at 50 GB/s to all others.  A flat ring goes at the pace
# of its slowest hop.
#
# **Hierarchical AllReduce** adds inside first.  Let a node have $G$ devices.  A
# ReduceScatter inside leaves each device one $G$-th of the node's sum.  Devices of
# equal place then sum their piece *across* nodes, and an AllGather inside finishes:
#
# $$ T = \underbrace{T_\text{ring}(n,\, G,\, \text{fast})}_{\text{inside, two halves}}
#      + \underbrace{T_\text{ring}(n/G,\, N/G,\, \text{slow})}_{\text{across}}. $$
#
# The slow link carries $n/G$ bytes where it carried $n$.  Rule: *add up on the fast
# links first, and the slow ones see a $G$-th.*


# %%
def two_level(n, nodes, G, fast, slow):
    return ring(n, G, fast) + ring(n / G, nodes, slow)


flat = ring(GB, 64, NDR)
levels = two_level(GB, 8, 8, NVLINK4, NDR)
print(f"1 GB over 64 devices in a flat ring: {flat / ms:.1f} ms")
print(f"1 GB over 8 nodes of 8 in two levels: {levels / ms:.1f} ms")

# %% [markdown]
# This has been timed ([ML Engineering Open
# Book](https://github.com/stas00/ml-engineering)).  **Bus bandwidth** is
# $2\frac{N-1}{N}\frac{n}{T}$, the rate that each link would carry if a ring did the
# work.  A node of eight B200s reaches 723 GB/s with 1 GiB and 846 GB/s with 16 GiB.
# Between nodes each device has 50 GB/s.  From that, predict *four* nodes.


# %%
def bus_bandwidth(n, T, N):
    return 2 * (N - 1) / N * n / T


MEASURED = {1 * GiB: (723.3 * GB, 362.0 * GB), 16 * GiB: (845.7 * GB, 381.8 * GB)}
for n, (one, four) in MEASURED.items():
    fast, slow = Link(0.0, one), Link(0.0, 50 * GB)
    times = {
        "two levels, one after the other": two_level(n, 4, 8, fast, slow),
        "the slower level alone": max(ring(n, 8, fast), ring(n / 8, 4, slow)),
        "flat ring over the slow links": ring(n, 32, slow),
        "as fast as one node": ring(n, 32, fast),
    }
    print(f"{n / GiB:.0f} GiB on 32 devices, measured {four / GB:.0f} GB/s")
    for name, T in times.items():
        rate = bus_bandwidth(n, T, 32)
        print(f"   {name:32}{rate / GB:4.0f} GB/s, error {rate / four - 1:+.0%}")

# %% [markdown]
# Two levels in sequence come nearest, 13 % low.  Libraries send in pieces, so that the
# levels overlap in part, and the truth lies between the first line and the second.  The
# links differ 14 to 17 times, and the rates only about twice.
#
# ## Everyone to everyone
#
# Layers of experts (chapter 5) need another collective.  In an **AllToAll** each device
# has a different parcel for every other device.  Nothing is summed on the way, and here
# each device really talks to all.
#
# Let each device hold $n$ bytes, an $N$-th of them for each device, itself included.
# It then sends $N-1$ parcels of $n/N$.  But receivers need not get equal shares.  If
# the hottest one gets $s$ times its equal share, its port finishes last:
#
# $$ T = (N-1)\,\alpha + s\,\frac{N-1}{N}\,\frac{n}{\beta}. $$
#
# Play it for 4,096 tokens of 4,096 bytes each, on 8 devices with 8 experts each.  Each
# token picks an expert, and expert 0 is picked more often than others.  Every device
# sends its seven parcels in turn.  A receiver takes one parcel at a time, and a sender
# that finds it busy stands in a queue.  A clock of events runs it (simpy), and nothing
# in the play knows $s$.


# %%
def route(hot, rng):
    """Bytes from each device (row) to each; expert 0 is picked with odds `hot`."""
    odds = np.full(64, (1 - hot) / 63)
    odds[0] = hot
    expert = rng.choice(64, (8, 512), p=odds)
    parcels = np.array([np.bincount(row // 8, minlength=8) for row in expert]) * 4096
    np.fill_diagonal(parcels, 0)  # what stays at home is free
    return parcels


# %%
def exchange(parcels, order, rng):
    """Time until all parcels are delivered; order[d] is whom d sends to, in turn."""
    world = simpy.Environment()
    receivers = [simpy.Resource(world) for _ in parcels]

    def send_all(device):
        for to in order[device]:
            with receivers[to].request() as turn:
                yield turn
                typical = NDR.time(parcels[device, to])
                yield world.timeout(rng.gamma(25, typical / 25))

    for device in range(8):
        world.process(send_all(device))
    world.run()
    return world.now


# %%
def all_to_all(n, N, link, skew=1.0):
    return (N - 1) * link.alpha + skew * (N - 1) / N * n / link.beta


def trial(hot, rng):
    """How hot the hottest receiver was, and how long the exchange took."""
    parcels = route(hot, rng)
    return parcels.sum(0).max() / (7 / 8 * n), exchange(parcels, in_turn, rng)


# %%
n = 512 * 4096  # bytes on each device: its share of the tokens
in_turn = [[(device + k) % 8 for k in range(1, 8)] for device in range(8)]
rng = np.random.default_rng(6)
hots = (1 / 64, 0.05, 0.1, 0.2, 0.3)
runs = {hot: [trial(hot, rng) for _ in range(20)] for hot in hots}
print("                                    | error of a prediction by")
print("share of expert 0   s      played   |  hottest  mean receiver")
for hot, some in runs.items():
    s, T = np.mean(some, axis=0)
    half = estimate([t for _, t in some])[1]
    errors = [all_to_all(n, 8, NDR, skew) / T - 1 for skew in (s, 1.0)]
    cells = "{:+8.0%} {:+14.0%}".format(*errors)
    print(f"{hot:12.1%} {s:10.2f} {T / us:6.0f} ± {half / us:.0f} µs |{cells}")

# %%
#| label: fig-skew
#| fig-cap: "An AllToAll lasts as long as its hottest receiver's port."
#| fig-alt: "Dots climb along the law's line, far above the mean receiver's."
# @title What it draws
skews, times = np.concatenate(list(runs.values())).T
line = np.linspace(1, skews.max())
_, ax = plt.subplots()
ax.plot(skews, times / us, "o", mfc="none", c="C2", label="played")
ax.plot(line, all_to_all(n, 8, NDR, line) / us, c="C0", label="law, hottest receiver")
ax.axhline(all_to_all(n, 8, NDR) / us, c="C1", ls="--", label="mean receiver")
ax.set(xlabel="hottest receiver / mean receiver, s", ylabel="time (µs)", ylim=(0, None))
ax.legend()
plt.show()

# %% [markdown]
# When three tokens in ten pick one expert, everybody's time doubles.  The law is good
# where one receiver is clearly the hottest, for its port is then never idle.  It is low
# at the left, where queues form at one receiver while another waits.  Rule: *price an
# AllToAll by its hottest receiver, not by its mean.*
#
# ## Against other clocks
#
# All plays so far took $\alpha$ and $\beta$ as given.  Now take them from a clock.
# Others have timed sums inside one machine, whose accelerators share a switch
# ([vidur](https://github.com/microsoft/vidur), medians, 1 to 64 MiB).  Fit two devices,
# and predict four and eight.

# %%
# @title The published times
A100 = {  # devices: sizes in MiB, times in µs
    2: ([1.28, 2, 3.09, 4.75, 11.3, 17.5, 26.9], [52, 54, 61, 68, 124, 147, 211]),
    4: ([1.28, 26.9, 41.5, 64], [46, 290, 409, 603]),
    8: (
        [1.28, 2, 3.09, 7.34, 11.3, 17.5, 26.9, 41.5],
        [72, 70, 82, 145, 203, 279, 378, 467],
    ),
}
H100 = {
    2: ([3.09, 7.34, 11.3, 26.9, 41.5, 64], [43, 44, 58, 116, 166, 245]),
    4: ([3.09, 7.34, 11.3, 17.5, 26.9, 41.5, 64], [43, 61, 74, 100, 143, 214, 318]),
    8: ([1.28, 3.09, 4.75, 7.34, 11.3, 64], [34, 46, 56, 70, 92, 322]),
}

# %% [markdown]
# Two devices take two rounds, so a fitted start-up of $a$ seconds says $\alpha = a/2$.
# The ring's law then gives eight devices 14 rounds, or $7a$.  But is $a$ really paid in
# each round?  A library's call costs some tens of microseconds before the first byte
# moves, and a hop inside a switch only a few.  If $a$ is the *call*, it is paid once:
#
# $$ T = a + 2\,\frac{N-1}{N}\,\frac{n}{\beta}. $$
#
# We wrote this down after the ring's law had failed.  But it has a reason, and no
# number in it is fitted to four or eight devices.


# %%
def called_once(n, N, call):
    return call.alpha + 2 * (N - 1) / N * n / call.beta


print("mean error            ring  call once  as with 2  N/2 times")
for machine, times in (("A100", A100), ("H100", H100)):
    measured = {N: (np.array(n) * MiB, np.array(T) * us) for N, (n, T) in times.items()}
    call = fit_link(*measured[2])
    hop = Link(call.alpha / 2, call.beta)
    for N in (4, 8):
        n, T = measured[N]
        two = call.time(n)
        guesses = np.array([ring(n, N, hop), called_once(n, N, call), two, N / 2 * two])
        errors = abs(guesses / T - 1).mean(axis=1)
        print(
            f"{machine}, {N} devices",
            "{:9.0%} {:9.0%} {:10.0%} {:10.0%}".format(*errors),
        )

# %% [markdown]
# The ring's *bytes* hold, and its *rounds* do not.  Inside a node a start-up for every
# hop overstates the time several times over.  Pay the call once there, and keep the
# rounds for hops that cross a network.
#
# ### Your own machine
#
# Processes can sum here, too, over gloo, a library of collectives for CPUs, or over
# NCCL where each has a GPU.  Time two processes up to 16 MB, in their quietest of nine
# runs.  Then predict the largest case of all, *four* processes with 64 MB.
#
# The ring gives each process a link of its own.  Here cores do the copying, and
# processes that outnumber them take turns.  So we say it in advance: if $p$ processes
# share $c < p$ cores, each link runs at $c/p$ of its rate.


# %%
def clock(rank, N, sizes, repeats):
    """Seconds of an AllReduce: a row for each repeat, a column for each size."""
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    x = torch.zeros(16_000_000, device=device)
    seconds = np.empty((repeats + 1, len(sizes)))
    for row, column in np.ndindex(seconds.shape):
        dist.barrier()
        start = time.perf_counter()
        dist.all_reduce(x[: int(sizes[column]) // 4])
        x[0].item()  # wait, on a GPU too
        seconds[row, column] = time.perf_counter() - start
    return seconds[1:]  # the first pass warms up


def crowding(processes_here):
    """How many processes share a core, at least one."""
    if torch.cuda.device_count() >= processes_here:
        return 1.0
    return max(1.0, processes_here / os.cpu_count())


# %%
#| tags: [nbval-ignore-output]
sizes = np.array([4, 16, 64, 4_000, 8_000, 16_000]) * KB
largest = 64 * MB
two = np.max(processes.run(clock, 2, sizes, 9), axis=0).min(axis=0)
four = np.max(processes.run(clock, 4, [largest], 5), axis=0).min()
pair = fit_link(sizes, two)
own = Link(pair.alpha / 2, pair.beta)
turns = crowding(4) / crowding(2)
slope, height = np.polyfit(np.log(sizes), np.log(two), 1)
guesses = {
    "ring, cores shared": ring(largest, 4, Link(own.alpha * turns, own.beta / turns)),
    "ring, a link each": ring(largest, 4, own),
    "as with two processes": pair.time(largest),
    "power law of the sizes": np.exp(height + slope * np.log(largest)),
}
print(f"4 processes on {os.cpu_count()} cores, 64 MB: measured {four / ms:.0f} ms")
for name, T in guesses.items():
    print(f"   {name:23}{T / ms:6.0f} ms, error {T / four - 1:+.0%}")
print("nearest:", min(guesses, key=lambda name: abs(np.log(guesses[name] / four))))

# %% [markdown]
# Does the shared rate come nearest on your machine?  Where each process has a core or a
# GPU, the first two lines agree.  Where they share, the second line leaves the turns
# out, and its error shows their price.
#
# ## Hiding the sum
#
# Nothing forces the sum to wait.  The backward pass finishes the last layer's gradient
# first, and that can leave while earlier layers still compute.  **Bucket fusion**
# copies the gradients of some layers into one buffer, the bucket, and sums it in one
# call.  **Exposed communication** is what still runs when the backward pass has ended.


# %%
def overlap(compute, send):
    """When each bucket's sum starts, and how long sums run past the backward pass."""
    ready = np.cumsum(compute)
    free = 0.0
    starts = []
    for at, duration in zip(ready, send, strict=True):
        starts.append(max(at, free))
        free = starts[-1] + duration
    return starts, free - ready[-1]


# %%
#| label: fig-buckets
#| fig-cap: "A backward pass and its sums. Right of the dashed line is exposed."
#| fig-alt: "All of the sum sticks out with 1 bucket, a quarter with 4, little with 16."
# @title What it draws
backward = 2 * ring(M, 64, NDR)
fig, axes = plt.subplots(3, 1, figsize=(6.4, 3.9), sharex=True)
for ax, k in zip(axes, (1, 4, 16), strict=True):
    share = backward / k
    send = ring(M / k, 64, NDR)
    starts, late = overlap([share] * k, [send] * k)
    parts = [(i * share, share) for i in range(k)]
    sums = [(start, send) for start in starts]
    ax.broken_barh(parts, (1.1, 0.8), fc="C0", ec="w")
    ax.broken_barh(sums, (0.1, 0.8), fc="C1", ec="w", hatch="//")
    ax.axvline(backward, c="k", ls="--", lw=1)
    ax.set(yticks=[0.5, 1.5], yticklabels=["sums", "backward"], ylim=(0, 2))
    ax.set_title(f"{k} bucket{'s' * (k > 1)}: {late:.2f} s exposed", loc="right")
    ax.grid(False)
axes[-1].set_xlabel("time (s)")
plt.show()

# %% [markdown]
# Let the backward pass take $T_\text{back}$ and the sum's bytes $T_\text{bytes}$, and
# cut both into $k$ buckets.  Each bucket also pays the ring's start-ups,
# $\sigma = 2(N-1)\alpha$, so its sum takes $m = \sigma + T_\text{bytes}/k$.  The last
# bucket has nothing left to hide behind.  Each one before it falls behind by what its
# sum takes longer than its share of the pass:
#
# $$ T_\text{exposed} =
#    m + (k-1)\,\max\left(0,\; m - \frac{T_\text{back}}{k}\right). $$
#
# Play it with layers that are not alike.  Each of 80 layers takes a time of its own,
# and each sum varies.  The embedding, which comes last, has gradients but hardly any
# work.  Take a long backward pass, twice the sum, and a short one, half the sum.


# %%
def exposed(k, T_back, T_bytes, sigma):
    m = sigma + T_bytes / k
    return m + (k - 1) * np.maximum(0, m - T_back / k)


def played_exposed(k, T_back, rng):
    layers = rng.gamma(25, T_back / 80 / 25, 80)
    n = np.full(80, M / 80)
    n[-1] += 32_000 * 8192 * 2  # the embedding, two bytes a value
    compute = [part.sum() for part in np.split(layers, k)]
    send = [rng.gamma(25, ring(part.sum(), 64, NDR) / 25) for part in np.split(n, k)]
    return overlap(compute, send)[1]


# %%
whole = ring(M, 64, NDR)
sigma = ring(0.0, 64, NDR)
rng = np.random.default_rng(6)
print("                                    | exposed, predicted by")
print("backward  buckets   played exposed  |   law    all hides  none hides")
for T_back in (2 * whole, whole / 2):
    for k in (1, 4, 16, 80):
        mean, half = estimate([played_exposed(k, T_back, rng) for _ in range(200)])
        law = exposed(k, T_back, whole - sigma, sigma)
        played = f"{T_back:6.1f} s {k:7} {mean:10.3f} ± {half:.3f} s"
        hides = max(0.0, whole - T_back)
        print(f"{played} |{law:6.3f} s {hides:8.2f} s {whole:9.2f} s")

mean, _ = estimate([played_exposed(80, 2 * whole, rng) for _ in range(200)])
print(f"\nLong pass, 80 buckets: {mean:.2f} s.  You guessed {guess_visible:g} s.")

# %% [markdown]
# One bucket a layer hides nearly all of the sum behind the long pass, and never all.
# The law is low at 80 buckets: the embedding makes the last bucket a third larger than
# its share, and *that* bucket decides what remains.
#
# How small may a bucket be?  Below $N\alpha\beta$, 4.8 MB here, start-ups outweigh
# bytes, and more cutting only adds to $k\sigma$.  PyTorch's default of 25 MB is five
# times that.  Rule: *make buckets a few times $N\alpha\beta$, for the last one always
# shows.*
#
# ## Shrinking the sum
#
# A *codec* packs a message into $r$ times fewer bytes, in time $T_\text{codec}$.  It
# shortens a step if it takes less than it saves:
#
# $$ T_\text{codec} < \left(1-\frac1r\right)\frac{n}{\beta}. $$
#
# Only bytes shrink.  The start-up stays, and our message of 4 KB is nearly all
# start-up.  Published messages between two H100 machines (vidur again) put that to the
# test.  Fit middling sizes.  Then predict the gain from shrinking a smaller and a
# larger message, and from merging 31 messages into one.

# %%
small = NDR.time(4 * KB) / NDR.time(4 * KB / 8)
print(f"4 KB sent as 512 B: {small:.2f} times sooner.")
print(f"You guessed {guess_small:g} times.")

sizes = np.array([0.0645, 0.0957, 0.229, 3.09, 7.34, 11.3]) * MiB
wire = fit_link(sizes, np.array([20, 21, 27, 104, 233, 343]) * us)
cases = {  # times before and after (µs); how many messages, MiB before and after
    "shrink 10 KB to 2 KB": (19, 17, 1, 0.00977, 0.00195),
    "shrink 44 MB to 5 MB": (1224, 150, 1, 41.5, 4.75),
    "merge 31 of 43 KB": (31 * 19, 67, 31, 0.041, 1.28),
}
print("\ntimes sooner              measured    law   by bytes")
for name, (before, after, count, big, little) in cases.items():
    law = count * wire.time(big * MiB) / wire.time(little * MiB)
    print(f"{name:24} {before / after:9.1f} {law:6.1f} {count * big / little:10.1f}")

# %% [markdown]
# Rule: *merge what is small, compress what is large.*
#
# ### What was left out
#
# Most codecs lose something.  *Top-k* sends the $k$ largest entries of a gradient and
# drops the rest.  **Error feedback** keeps the rest and adds it to the next gradient.
# From gradient $g_t$ and what is held back, $e_t$ (with $e_0 = 0$), it sends $v_t$:
#
# $$ e_{t+1} = g_t + e_t - v_t \quad\Rightarrow\quad
#    \sum_t v_t = \sum_t g_t - e_\text{end}. $$
#
# What is sent adds up to the true gradients but for one remainder: the error becomes a
# delay.  Watch it in a real descent.  Eight workers fit 200 weights, each on data of
# its own, and send 3 entries of 200.  An entry needs a value and its place, so
# $r = 33$.


# %%
def task(seed):
    """Eight workers' quadratic losses: worker i has gradient A[i] w - b[i]."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(8, 100, 200))
    pull = rng.normal(size=(8, 200))  # each worker's data pull its own way
    weights = rng.normal(size=200) + pull - pull.mean(0)
    y = np.einsum("ird,id->ir", X, weights)
    A = X.transpose(0, 2, 1) @ X / 100
    return A, np.einsum("ird,ir->id", X, y) / 100


# %%
def top(x, k):
    """Keep each row's k largest entries; the rest becomes zero."""
    least = np.sort(np.abs(x), axis=1)[:, -k][:, None]
    return np.where(np.abs(x) >= least, x, 0.0)


def steps_needed(A, b, k, feedback, most=300):
    """Steps until 95 % of the excess loss is gone, or the most that we wait for."""
    H = A.mean(0)
    best = np.linalg.solve(H, b.mean(0))
    w, e = np.zeros(200), np.zeros((8, 200))
    for step in range(most):
        if (w - best) @ H @ (w - best) < 0.05 * (best @ H @ best):
            return step
        g = A @ w - b
        v = top(g + e, k)
        e = feedback * (g + e - v)
        w = w - 0.02 * v.mean(0)
    return most


# %%
tasks = [task(seed) for seed in range(8)]
exact = np.array([steps_needed(*problem, 200, True) for problem in tasks])
kept = np.array([steps_needed(*problem, 3, True) for problem in tasks])
lost = np.array([steps_needed(*problem, 3, False) for problem in tasks])
more, half = estimate(kept / exact)
print(f"all entries sent        {exact.mean():.0f} steps")
print(f"top 3, with feedback    {more:.2f} ± {half:.2f} times as many (paired)")
print(f"top 3, without          not there after 300 in {(lost == 300).sum()} of 8 runs")
print("\nlink    exchange     step   whole run, top 3 against all")
for link, send in (("slow", 200 * ms), ("fast", 30 * ms)):
    step = (300 * ms + send / 33 + 10 * ms) / (300 * ms + send)
    run = f"{more * step - 1:+.0%} ± {half * step:.0%}"
    print(f"{link:6} {send / ms:5.0f} ms    {step - 1:+6.0%}    {run}")

# %% [markdown]
# A worker's largest entries are mostly its own data's pull, which cancels in the sum.
# What all agree on is smaller, and hardly goes out.  Feedback repairs the sum, and its
# delay costs some steps.  The last table takes steps of 300 ms computing and a codec of
# 10 ms.  On the fast link each step is shorter and the *run is longer*.  Judged by
# bytes or by step time, that codec would be called a success.
#
# <details><summary>Sources, and where ours differs from the book's</summary>
#
# The gradient: Llama 2 70B (arXiv 2307.09288) in BF16.  Start-ups: the book's 1.5 µs
# for InfiniBand, 0.5 µs for NVLink.  Tree and butterfly: Thakur, Rabenseifner and
# Gropp, 2005.  Two trees: Sanders, Speck and Träff, 2009.  Buckets: arXiv 2006.15704.
# Error feedback: arXiv 1901.09847.  B200: network/README.md of the named book.  A100
# and H100: vidur at 7d47513.
#
# The book's ring and tree take as long as ours.  It counts one direction of its server,
# and no start-ups of NVLink in two levels (8.28 ms).  It assumes 10 % more steps for a
# codec; we count them.
#
# Played times vary as gamma variables with a deviation of a fifth.  What the text says
# held under twenty other seeds.
#
# </details>
#
# ## Try it
#
# 1. One of the 64 cables drops to half its rate.  By how much is the ring slower?
#
#    <details><summary>Answer</summary>
#
#    Every chunk passes over that cable and each round waits for it, so not by a 64th.
#    The even ring already loses a sixth to waiting, or it would be twice.
#
#    ```python
#    rng = np.random.default_rng(6)
#    pace = np.ones(64)
#    pace[17] = 2.0
#    slow = np.mean([play(ring_plan(64), M, 64, rng, pace) for _ in range(20)])
#    even = np.mean([play(ring_plan(64), M, 64, rng) for _ in range(20)])
#    print(f"{slow / even:.1f} times as long")
#    ```
#
#    ```text
#    1.7 times as long
#    ```
#
#    </details>
#
# 2. In the AllToAll, let every device start with receiver 0, then go to 1, and so on.
#    Routing is even.  What happens?
#
#    <details><summary>Answer</summary>
#
#    At first one port takes everything, as in the incast of chapter 3.  The bytes are
#    the same; only the order differs.
#
#    ```python
#    rng = np.random.default_rng(6)
#    same = [[to for to in range(8) if to != device] for device in range(8)]
#    parcels = route(1 / 64, rng)
#    for name, order in (("in turn", in_turn), ("all to 0 first", same)):
#        print(f"{name:15} {exchange(parcels, order, rng) / us:.0f} µs")
#    ```
#
#    ```text
#    in turn         60 µs
#    all to 0 first  96 µs
#    ```
#
#    </details>
#
# 3. Write the butterfly's plan.  Does everybody end with the sum, and in what time?
#
#    <details><summary>Answer</summary>
#
#    The partner at distance $d$ is the device whose number differs in one binary digit.
#    `play` checks the sums.  The ring needed 271 µs.
#
#    ```python
#    def butterfly_plan(N):
#        device = np.arange(N)
#        near_to_far = [2**k for k in range(int(np.log2(N)))]
#        for d in reversed(near_to_far):
#            first = (device ^ d) // d * d  # of the chunks that the partner keeps
#            yield device, device ^ d, first[:, None] + np.arange(d), True
#        for d in near_to_far:
#            first = device // d * d
#            yield device, device ^ d, first[:, None] + np.arange(d), False
#
#    rng = np.random.default_rng(6)
#    runs = [play(butterfly_plan(64), MB, 64, rng) for _ in range(20)]
#    print(f"1 MB: {np.mean(runs) / us:.0f} µs")
#    ```
#
#    ```text
#    1 MB: 74 µs
#    ```
#
#    </details>
#
# 4. A switch that adds needs each device to send its tensor once.  Eight H100s on links
#    of 450 GB/s show a bus bandwidth of 480 GB/s that way
#    ([nccl-tests](https://github.com/NVIDIA/nccl-tests/issues/212)), and about 370 with
#    a ring.  What of the bound?
#
#    <details><summary>Answer</summary>
#
#    A bus bandwidth above the link's rate means a time below the bound.  The theorem's
#    condition fails.  **In-network reduction** is a sum that the switch computes, and
#    the switch is not one of the $N$.  One crossing could show at most this:
#
#    ```python
#    once = bus_bandwidth(1 * GB, 1 * GB / NVLINK4.beta, 8)
#    print(f"{once / GB:.0f} GB/s")
#    ```
#
#    ```text
#    788 GB/s
#    ```
#
#    </details>
#
# > **Takeaways.**
# >
# > - A large sum costs two crossings of your own link, $2n/\beta$, however many share
# >   it.  A small one costs start-ups: $2N$ in a ring, $2\log_2 N$ in a tree.
# > - No devices that add by themselves can send less than the ring.
# > - Add up on the fast links first; price an AllToAll by its hottest receiver.
# > - Send buckets behind the backward pass; the last one always shows.
# > - Merge what is small, compress what is large, and judge by the whole run.
#
# > **Chapter connection.** Every sum here waited for its last member.  At 64 devices
# > that is a delay.  At thousands some member is always about to fail, and chapter 7
# > asks how a job of that size finishes at all.
