# %% [markdown]
# ---
# title: "6 · Collective communication"
# fleet-stack: [20, 55, 100, 30, 10, 0, 0, 0]
# ---
#
# A model of 70 billion parameters trains on 64 accelerators.  Each has worked through
# its own share of the batch, and now holds a gradient of 140 GB.  (So much does not fit
# one accelerator.  Chapter 5 cuts it in slices, and we count them as one.)  Nobody may
# take the next step before everybody holds the *sum* of all 64 gradients.  How long
# does that take, and what sets the time?
#
# A **collective operation** is one that a whole group of devices enters together.  This
# one is an **AllReduce**: everyone puts in a tensor, and everyone gets the sum.  From
# chapter 3 you need one law, $T(n) = \alpha + n/\beta$: a message of $n$ bytes takes a
# start-up and then a rate.

# %%
from itertools import permutations

import matplotlib.pyplot as plt
import numpy as np
import simpy
from IPython import get_ipython
from ipywidgets import interact

from mlsyscore.catalog import LLAMA2_70B, NDR, NVLINK4
from mlsyscore.network import Link, fit_link
from mlsyscore.units import GB, KB, MB, Gbps, GiB, MiB, ms, us

plt.style.use("mlsyscore.figures")

M = 2 * LLAMA2_70B.P  # bytes of gradient: two for each parameter
print(f"The gradient is {M / GB:.0f} GB.  A message starts in {NDR.alpha / us} µs.")

# %% [markdown]
# Every device has one port: InfiniBand NDR, 400 Gb/s in each direction.
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
# 4. A message of 4 KB is compressed to an eighth, and the packing takes no time.  How
#    many times sooner does it arrive?

# %%
#| tags: [guess]
guess = 60.0  # seconds
guess_growth = 16.0  # times
guess_visible = 0.0  # seconds
guess_small = 8.0  # times

# %% [markdown]
# ## The ring
#
# Let $N$ devices hold $n$ bytes each.  The obvious plan makes one of them a server.  It
# takes in the other $N-1$ gradients, adds, and sends $N-1$ copies of the sum.  All of
# that passes through one port, while the other ports stand idle.
#
# A **ring AllReduce** spreads the work.  The devices stand in a ring, and each cuts its
# gradient into $N$ chunks.  In every round each device sends one chunk to its
# right-hand neighbour.  In the first half of the rounds it adds the chunk that comes
# from the left to its own.  In the second half the chunk that comes is already a
# finished sum, and simply takes the place of the old one.


# %%
def ring_plan(N):
    """For each round: who sends to whom, which chunk, and whether it is added."""
    device = np.arange(N)
    for turn in range(2 * (N - 1)):
        chunk = (device - turn) % N
        adds = turn < N - 1
        yield device, (device + 1) % N, chunk, adds


def deliver(held, source, target, chunk, adds):
    """Carry out one round: held[d, c] is what device d has in chunk c."""
    moved = held[source, chunk]
    if adds:
        moved = moved + held[target, chunk]
    held[target, chunk] = moved


# %%
#| label: fig-ring
#| fig-cap: "The ring's chunks, round by round. A frame marks what has just come."
#| fig-alt: "Four devices, four chunks: one 4 a row after round 3, at last all 4."
# @title The ring's chunks, round by round
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
# **AllGather**.  Sharded training (chapter 5) gathers its weights by the one half, and
# scatters the sum of its gradients by the other.
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
# Sixteen times the gradients, and the clock hardly moves.  Multiply the law out:
#
# $$ T_\text{ring} = 2(N-1)\,\alpha \;+\; 2\,\frac{N-1}{N}\,\frac{n}{\beta}. $$
#
# The second term counts bytes.  More devices cut smaller chunks, so each device sends
# nearly $2n$ bytes however many take part.  Only the start-ups grow with $N$.  Nor does
# a ring need a cable for every pair: each device talks to its two neighbours.
#
# A rule for the head: *a large sum costs two crossings of your own link, a small one
# costs $2N$ start-ups.*  The two terms are equal at $n = N\alpha\beta$, here 4.8 MB.
#
# ### Nobody waits for a round
#
# The law lets all devices start each round together.  Real devices know no rounds.  One
# sends as soon as its port is free *and* the chunk has come.  So we play the plan
# message by message.  Every chunk holds a number, which lets us check the sums, and
# the time of each message varies by a fifth.


# %%
def play(plan, n, N, rng, pace=1.0):
    """Time until all of N devices hold the sum of n-byte tensors."""
    held = rng.integers(0, 100, (N, N))  # row: a device; column: a chunk
    total = held.sum(0)
    port = np.zeros(N)  # when a device's port is free again
    came = np.zeros(N)  # when the last chunk that it needs has come
    pace = np.broadcast_to(pace, N)  # how many times slower each device sends
    for source, target, chunk, adds in plan:
        start = np.maximum(port[source], came[source])
        chunks = held[source, chunk].size // source.size  # 1 in the ring
        typical = pace[source] * NDR.time(chunks * n / N)
        port[source] = start + rng.gamma(25, typical / 25)  # varies by a fifth
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
print("                              |      error of a prediction by")
print("tensor     N   played         |  ring  bytes alone  as with 8  N/8 times that")
for name, n, unit in (("140 GB", M, "s"), ("1 MB", 1 * MB, "ms")):
    size = {"s": 1.0, "ms": ms}[unit]
    eight, _ = played_ring(n, 8)
    for N in (64, 256):
        mean, margin = played_ring(n, N)
        bytes_alone = 2 * (N - 1) / N * n / NDR.beta
        guesses = np.array([ring(n, N, NDR), bytes_alone, eight, N / 8 * eight])
        errors = "{:+6.0%} {:+12.0%} {:+10.0%} {:+15.0%}".format(*(guesses / mean - 1))
        played = f"{mean / size:.2f} {unit} ± {margin / mean:.1%}"
        print(f"{name:>6} {N:5}   {played:14} |{errors}")

# %% [markdown]
# For the large tensor "as with eight devices" is even nearer than the law, because it
# was played with the same jitter.  For the small tensor only the law will do, since
# nearly all of the time is start-ups.
#
# The law is about a sixth short.  A device waits for the later of two things, its own
# port and its neighbour's chunk.  The mean of the later one exceeds both means.  So for
# given $\alpha$ and $\beta$ the law is a floor.
#
# ## No schedule sends less
#
# Could a cleverer plan send fewer bytes?  Follow a single number of the tensor.  It
# starts as $N$ summands on $N$ devices.  A send may carry several summands, added up.
#
# - Look at the first device that holds the full sum.  Each of the other $N-1$ must have
#   sent its summand away.  These are $N-1$ sends, each from a different device.
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
# A search can contradict this for two, three and four devices.  A state says which
# summands are in the one partial sum that each device keeps.  A send adds to what the
# receiver has, or replaces it.  Try every send from every state until all are done.


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
# The search finds the bound.  Both rivals agree at two devices only.
# **Bandwidth optimality** means that no device sends more than the bound counts.  The
# ring has it, and adds only start-ups.  The server sends no more in all, but half of
# that through one port.
#
# ## Fewer rounds
#
# Bytes cannot be saved, but rounds can.  In one round a device sends one message.  So a
# summand that has reached some devices has reached at most twice as many a round later.
# To reach all $N$ it needs at least $L = \lceil\log_2 N\rceil$ rounds.
#
# A *tree* takes $L$ rounds one way and $L$ back, where a ring takes $N-1$ each way.
# Half of the devices send all they have to a partner, then half of those that are left,
# until one holds the sum.  It comes down the same way.
#
# A *butterfly* saves bytes as well.  Each device swaps half of its tensor with a far
# partner, then a quarter with a nearer one, and so on.  Then the pieces go back in the
# same way:
#
# $$ T_\text{tree} = 2L\left(\alpha + \frac{n}{\beta}\right), \qquad
#    T_\text{butterfly} = 2L\,\alpha + 2\,\frac{N-1}{N}\,\frac{n}{\beta}. $$
#
# Is the butterfly always best?  In its first swap every partner is half the fleet away.
# So $N/2$ devices send $n/2$ bytes each, all at once, through the cut of chapter 3.  If
# only one in $r$ of its cables is there, that swap takes at least $r$ times as long.
# The last one, back, takes as long again.  Together they add $(r-1)\,n/\beta$ or more.


# %%
def tree(n, N, link):
    return 2 * np.ceil(np.log2(N)) * link.time(n)


def butterfly(n, N, link, r=1):
    rate_term = (2 * (N - 1) / N + r - 1) * n / link.beta
    return 2 * np.log2(N) * link.alpha + rate_term


print("64 devices                       4 KB    140 GB")
for name, law in (
    ("ring", ring),
    ("tree", tree),
    ("butterfly", butterfly),
    ("butterfly, cut of 1 in 4", lambda *case: butterfly(*case, r=4)),
):
    small = law(4 * KB, 64, NDR)
    large = law(M, 64, NDR)
    print(f"{name:25} {small / us:8.1f} µs {large:7.2f} s")

# %% [markdown]
# **Network contention** is the slowing of transfers that share a path.  It hardly meets
# the other two: across the cut a ring sends one message each way, and the last round of
# a tree has one pair.
#
# An **algorithm crossover** is the size at which two algorithms take equal time.  Set
# ring and tree equal and solve for $n$:
#
# $$ n_\times = \alpha\beta\,\frac{N-1-L}{L-\frac{N-1}{N}}
#    \;\approx\; \frac{N\,\alpha\beta}{\log_2 N}. $$
#
# For *one* message start-up and bytes are equal at $n^* = \alpha\beta$ (chapter 3).
# That is 75 KB here.  Is it the border?  Play both plans, and see where they meet.


# %%
def tree_plan(N):
    distances = [2**k for k in range(int(np.log2(N)))]
    every_chunk = np.arange(N)[:, None]
    for d in distances:
        low = np.arange(0, N, 2 * d)
        yield low + d, low, every_chunk, True
    for d in reversed(distances):
        low = np.arange(0, N, 2 * d)
        yield low, low + d, every_chunk, False


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
one_message = NDR.alpha * NDR.beta
print("                         | error of a prediction by")
print("  N   rings win from     |   law      n*   N n*")
for N in (16, 64, 256):
    mean, margin = estimate([played_crossover(N, rng) for _ in range(8)])
    said = np.array([crossover(N, NDR), one_message, N * one_message])
    cells = "{:+6.0%} {:+7.0%} {:+6.0%}".format(*(said / mean - 1))
    print(f"{N:3}   {mean / KB:5.0f} ± {margin / KB:2.0f} KB       |{cells}")


# %%
#| label: fig-crossover
#| fig-cap: "AllReduce on NDR ports. Left of the dot a tree beats the ring."
#| fig-alt: "The ring is flat, then rises; the tree starts ten times lower and crosses."
# @title AllReduce on NDR ports
def draw(log2_N=6, alpha_us=1.5, rate_Gbps=400.0):
    N = 2**log2_N
    link = Link(alpha_us * us, rate_Gbps * Gbps)
    sizes = np.logspace(3, 9)
    _, ax = plt.subplots()
    for law in (ring, tree, butterfly):
        ax.loglog(sizes / GB, law(sizes, N, link), label=law.__name__)
    if N >= 4:
        meet = crossover(N, link)
        ax.plot(meet / GB, ring(meet, N, link), "ko", label="ring = tree")
    one = link.alpha * link.beta / GB
    ax.axvline(one, c="0.3", ls="-.", lw=1, label="n* of one message")
    ax.set(xlabel="tensor (GB)", ylabel="time (s)", title=f"{N} devices")
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
# The rivals miss several times over.  Rule: *small tensors want few rounds, a tree or a
# butterfly; for large ones a ring asks nothing of the fabric's middle.*
#
# Libraries run two trees at once, each with half of the tensor in small pieces.  Such a
# *double tree* comes near $2L\alpha + 2n/\beta$.
#
# ## Two kinds of link
#
# Real machines come in nodes.  Eight H100s in a node talk over NVLink, at 450 GB/s each
# way (their data sheet).  To other nodes each has an NDR port of its own.  A flat ring
# leaves a node by one of these ports, and seven stand idle.  Let a node have $G$
# devices.  Two plans use all $G$ ports.
#
# **Hierarchical AllReduce** adds inside first.  A ReduceScatter inside leaves each
# device one $G$-th of the node's sum.  Devices of equal place then sum their piece
# *across* nodes, and an AllGather inside finishes:
#
# $$ T = \underbrace{T_\text{ring}(n,\, G,\, \text{fast})}_{\text{inside, two halves}}
#      + \underbrace{T_\text{ring}(n/G,\, N/G,\, \text{slow})}_{\text{across}}. $$
#
# *Rings at once* cuts the tensor into $G$ parts.  Each part has a flat ring through all
# $N$ devices, and each ring leaves the nodes by another port.  If the slow links bind,
#
# $$ T = T_\text{ring}(n/G,\, N,\, \text{slow}). $$


# %%
def two_level(n, nodes, G, fast, slow):
    return ring(n, G, fast) + ring(n / G, nodes, slow)


def rings_at_once(n, nodes, G, slow):
    return ring(n / G, nodes * G, slow)


print("8 nodes of 8         1 MB       1 GB")
for name, small, large in (
    ("one flat ring", ring(MB, 64, NDR), ring(GB, 64, NDR)),
    ("two levels", *(two_level(n, 8, 8, NVLINK4, NDR) for n in (MB, GB))),
    ("eight rings at once", *(rings_at_once(n, 8, 8, NDR) for n in (MB, GB))),
):
    print(f"{name:20}{small / us:4.0f} µs {large / ms:7.1f} ms")

# %% [markdown]
# Either way a slow link carries a $G$-th of what it did.  Two levels save start-ups,
# and win the small tensor.  Rings at once keep all links busy together, and win the
# large one.  Rule: *use all ports of a node, and each slow link sees a $G$-th.*
#
# This has been timed on eight B200s a node, where each device has 50 GB/s to the other
# nodes ([ML Engineering Open Book](https://github.com/stas00/ml-engineering)).  **Bus
# bandwidth** is $2\frac{N-1}{N}\frac{n}{T}$, the rate that each link would carry if one
# ring did the work.  A node alone reaches 723 GB/s with 1 GiB and 846 GB/s with 16 GiB.
# From these rates, predict *four* nodes.


# %%
def bus_bandwidth(n, T, N):
    return 2 * (N - 1) / N * n / T


MEASURED = {1 * GiB: (723.3 * GB, 362.0 * GB), 16 * GiB: (845.7 * GB, 381.8 * GB)}
for n, (one, four) in MEASURED.items():
    fast, slow = Link(0.0, one), Link(0.0, 50 * GB)
    times = {
        "eight rings at once": rings_at_once(n, 4, 8, slow),
        "two levels in sequence": two_level(n, 4, 8, fast, slow),
        "one flat ring": ring(n, 32, slow),
        "as fast as one node": ring(n, 32, fast),
    }
    print(f"{n / GiB:.0f} GiB on 32 devices, measured {four / GB:.0f} GB/s")
    for name, T in times.items():
        rate = bus_bandwidth(n, T, 32)
        print(f"   {name:23}{rate / GB:4.0f} GB/s, error {rate / four - 1:+.0%}")

# %% [markdown]
# The clock decides one thing: all eight ports of a node carry the sum, for one flat
# ring is seven times too slow.  Which of the two plans ran it cannot tell: one is 13 %
# below, one 5 to 10 % above.
#
# ## Everyone to everyone
#
# Layers of experts (chapter 5) need another collective.  In an **AllToAll** each device
# has a different parcel for every other device.  In a ring each talked to its
# neighbours; here each sends to all others.
#
# Let each device hold $n$ bytes, an $N$-th of them for each device, itself included.
# It then sends $N-1$ parcels of $n/N$.  But receivers need not get equal shares.  If
# the hottest one gets $s$ times its equal share, its port finishes last:
#
# $$ T = (N-1)\,\alpha + s\,\frac{N-1}{N}\,\frac{n}{\beta}. $$
#
# Play it for 4,096 tokens of 4,096 bytes each, on 8 devices with 8 experts each.  Each
# token picks an expert, and expert 0 more often than others.  A receiver takes one
# parcel at a time, and a sender that finds it busy stands in a queue.


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
    margin = estimate([t for _, t in some])[1]
    errors = [all_to_all(n, 8, NDR, skew) / T - 1 for skew in (s, 1.0)]
    cells = "{:+8.0%} {:+14.0%}".format(*errors)
    print(f"{hot:12.1%} {s:10.2f} {T / us:6.0f} ± {margin / us:.0f} µs |{cells}")

# %%
#| label: fig-skew
#| fig-cap: "An AllToAll lasts as long as its hottest receiver's port."
#| fig-alt: "Dots climb along the law's line, far above the mean receiver's."
# @title An AllToAll lasts as long as its hottest receiver's port
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
# When three tokens in ten pick one expert, everybody's time doubles.  The law is low at
# the left, where no receiver is clearly the hottest and several have queues.  Rule:
# *price an AllToAll by its hottest receiver, not by its mean.*
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
# A fit to two devices gives the time of a whole call: $a$ to start, and a rate.  The
# ring's law sees two rounds in it, so it must read $\alpha = a/2$.  For eight devices
# it then pays 14 start-ups, $7a$ in all.  But $a$ may be the library's work before its
# first byte moves.  Then it is paid once, whatever $N$:
#
# $$ T = a + 2\,\frac{N-1}{N}\,\frac{n}{\beta}. $$
#
# We wrote this down after the ring's law had failed.  But no number in it is fitted to
# four or eight devices.


# %%
def called_once(n, N, call):
    return call.alpha + 2 * (N - 1) / N * n / call.beta


print("mean error       fitted a    ring  call once  as with 2")
for machine, times in (("A100", A100), ("H100", H100)):
    measured = {N: (np.array(n) * MiB, np.array(T) * us) for N, (n, T) in times.items()}
    call = fit_link(*measured[2])  # least squares of the relative errors
    hop = Link(call.alpha / 2, call.beta)
    for N in (4, 8):
        n, T = measured[N]
        guesses = np.array([ring(n, N, hop), called_once(n, N, call), call.time(n)])
        cells = "{:8.0%} {:10.0%} {:10.0%}".format(*abs(guesses / T - 1).mean(axis=1))
        print(f"{machine}, {N} devices {call.alpha / us:6.0f} µs{cells}")

# %% [markdown]
# The ring's *bytes* hold, and its *rounds* do not.  Inside a node, pay the call once.
# (So the two levels above look slower than they are: they count the inside by rounds.)
# Across a network we keep the rounds, because each hop has a real latency.  That is an
# argument, for no clock in this chapter has tested $2(N-1)\alpha$.
#
# ## Hiding the sum
#
# Nothing forces the sum to wait.  The backward pass finishes the last layer's gradient
# first, and that can leave while earlier layers still compute.  **Bucket fusion** sums
# the gradients of some layers, the bucket, in one call.  **Exposed communication** is
# what still runs when the backward pass has ended.


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


# %% [markdown]
# Let the backward pass take $T_\text{back}$ and the sum's bytes $T_\text{bytes}$, and
# cut both into $b$ buckets.  Each bucket also pays the ring's start-ups,
# $\sigma = 2(N-1)\alpha$, so its sum takes $m = \sigma + T_\text{bytes}/b$.  The last
# bucket is sent when the pass is over.  For each earlier bucket the pass works
# $T_\text{back}/b$ and the sum needs $m$.  Where $m$ is longer, the sums fall behind by
# the difference:
#
# $$ T_\text{exposed} =
#    m + (b-1)\,\max\left(0,\; m - \frac{T_\text{back}}{b}\right). $$


# %%
def exposed(b, T_back, T_bytes, sigma):
    m = sigma + T_bytes / b
    return m + (b - 1) * np.maximum(0, m - T_back / b)


whole = ring(M, 64, NDR)
sigma = ring(0.0, 64, NDR)
left = exposed(80, 2 * whole, whole - sigma, sigma)
print(f"Of {whole:.2f} s remain {left:.2f} s.  You guessed {guess_visible:g} s.")

# %% [markdown]
# Nearly all is hidden, and never all: the last bucket has nothing left to hide behind.


# %%
#| label: fig-buckets
#| fig-cap: "A backward pass and its sums. Right of the dashed line is exposed."
#| fig-alt: "Left, a long pass: less sticks out with more buckets. Right, half remains."
# @title A backward pass and its sums
fig, axes = plt.subplots(3, 2, figsize=(6.4, 4.4), sharex="col", sharey=True)
for (row, column), ax in np.ndenumerate(axes):
    b = (1, 4, 16)[row]
    backward = (2 * whole, whole / 2)[column]
    send = ring(M / b, 64, NDR)
    starts, late = overlap([backward / b] * b, [send] * b)
    parts = [(i * backward / b, backward / b) for i in range(b)]
    ax.broken_barh(parts, (1.1, 0.8), fc="C0", ec="w")
    sums = [(start, send) for start in starts]
    ax.broken_barh(sums, (0.1, 0.8), fc="C1", ec="w", hatch="//")
    ax.axvline(backward, c="k", ls="--", lw=1)
    ax.set(yticks=[0.5, 1.5], yticklabels=["sums", "backward"], ylim=(0, 2))
    ax.set_title(f"{b} bucket{'s' * (b > 1)}: {late:.2f} s exposed", loc="right")
    ax.grid(False)
axes[-1, 0].set_xlabel("time (s), long pass")
axes[-1, 1].set_xlabel("time (s), short pass")
plt.show()

# %% [markdown]
# How small should a bucket be?  That depends on the pass.
#
# - In a *long* pass the sums keep up while $m \le T_\text{back}/b$, which means
#   $b\,\sigma \le T_\text{back} - T_\text{bytes}$.  Up to that $b$, smaller buckets are
#   better.
# - In a *short* pass, with $T_\text{back} < T_\text{bytes}$, every bucket falls behind.
#   Multiply the law out.  The product of its last two terms does not depend on $b$, so
#   their sum is least where they are equal:
#
# $$ T_\text{exposed} = T_\text{bytes} - T_\text{back} + b\,\sigma
#      + \frac{T_\text{back}}{b}, \qquad b = \sqrt{T_\text{back}/\sigma}. $$
#
# Play both with 80 layers.  Each takes a time of its own, its gradient is cut in up to
# 70 pieces, and the time of each sum varies.


# %%
def played_exposed(b, T_back, rng):
    layers = rng.gamma(25, T_back / 80 / 25, 80)
    pieces = np.repeat(layers / 70, 70)  # 5,600 in all, of 25 MB
    compute = pieces.reshape(b, -1).sum(axis=1)
    send = rng.gamma(25, ring(M / b, 64, NDR) / 25, b)
    return overlap(compute, send)[1]


rng = np.random.default_rng(6)
print("                                          |  exposed, predicted (ms)")
print("backward  buckets      size  played (ms)  |    law  without σ  all hides")
for T_back in (2 * whole, whole / 2):
    for b in (1, 16, 80, 800, 5600):
        mean, margin = estimate([played_exposed(b, T_back, rng) for _ in range(100)])
        law = exposed(b, T_back, whole - sigma, sigma) / ms
        free = exposed(b, T_back, whole - sigma, 0.0) / ms
        hides = max(0.0, whole - T_back) / ms
        played = f"{mean / ms:7.1f} ± {margin / ms:4.1f}"
        case = f"{T_back:6.1f} s {b:8} {M / b / GB:7.3f} GB"
        print(f"{case} {played} | {law:6.1f} {free:10.1f} {hides:10.1f}")
print(f"rule for the short pass: {np.sqrt(whole / 2 / sigma):.0f} buckets")

# %% [markdown]
# Only the law with its start-ups follows the last row of each pass.  These are buckets
# of 25 MB, as PyTorch cuts them (arXiv 2006.15704).  They suit the long pass, and cost
# the short one a second.  Rule: *a long pass forgives small buckets, a short one does
# not.*
#
# ## Shrinking the sum
#
# A *codec* packs a message into $r$ times fewer bytes, in time $T_\text{codec}$.  How
# much sooner does the message arrive?

# %%
small = NDR.time(4 * KB) / NDR.time(4 * KB / 8)
print(f"4 KB sent as 512 B: {small:.2f} times sooner.")
print(f"You guessed {guess_small:g} times.")

# %% [markdown]
# Only bytes shrink, and our message of 4 KB is nearly all start-up.  So a codec pays
# only if it takes less than the bytes that it saves:
#
# $$ T_\text{codec} < \left(1-\frac1r\right)\frac{n}{\beta}. $$
#
# Messages between two H100 machines have been timed (vidur again).  Fit $\alpha$ and
# $\beta$ to messages of middling size.  Then predict how much sooner messages of other
# sizes arrive when they are shrunk or merged.  The 31 messages count as 31 times the 19
# µs of one.

# %%
sizes = np.array([0.0645, 0.0957, 0.229, 3.09, 7.34, 11.3]) * MiB
wire = fit_link(sizes, np.array([20, 21, 27, 104, 233, 343]) * us)
cases = {  # times before and after (µs); how many messages, MiB before and after
    "shrink 10 KB to 2 KB": (19, 17, 1, 0.00977, 0.00195),
    "shrink 44 MB to 5 MB": (1224, 150, 1, 41.5, 4.75),
    "merge 31 of 43 KB": (31 * 19, 67, 31, 0.041, 1.28),
}
print("times sooner              measured    law   by bytes")
for name, (before, after, count, big, little) in cases.items():
    law = count * wire.time(big * MiB) / wire.time(little * MiB)
    print(f"{name:24} {before / after:9.1f} {law:6.1f} {count * big / little:10.1f}")

# %% [markdown]
# The law is a quarter high on the merging, and the count by bytes sees no gain at all.
# Rule: *merge what is small, compress what is large.*
#
# ### What was left out
#
# Most codecs lose something.  *Top-k* sends only a gradient's few largest entries.
# **Error feedback** keeps the rest and adds it to the next gradient.
# From gradient $g_t$ and what is held back, $e_t$ (with $e_0 = 0$), it sends $v_t$:
#
# $$ e_{t+1} = g_t + e_t - v_t \quad\Rightarrow\quad
#    \sum_t v_t = \sum_t g_t - e_\text{end}. $$
#
# What is sent adds up to the true gradients but for one remainder: the error becomes a
# delay.  Watch a descent: eight workers fit 200 weights, each on data of its own, and
# send 3 entries of 200.  We count the steps until 95 % of the loss above its least is
# gone.
#
# An entry needs a value and its place, and the eight lists name different places.  So
# they go round by an AllGather, and each worker receives $7 \cdot 6 = 42$ numbers.  A
# ring's sum brings it $2 \cdot 7/8 \cdot 200 = 350$.  That makes $r = 8.3$, and half of
# it with twice the workers.


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
def top(x, keep):
    """Keep each row's `keep` largest entries; the rest becomes zero."""
    least = np.sort(np.abs(x), axis=1)[:, -keep][:, None]
    return np.where(np.abs(x) >= least, x, 0.0)


def steps_needed(A, b, keep, feedback, most=300):
    """Steps until 95 % of the loss above its least is gone, or the most we wait."""
    H = A.mean(0)
    best = np.linalg.solve(H, b.mean(0))
    w, e = np.zeros(200), np.zeros((8, 200))
    for step in range(most):
        if (w - best) @ H @ (w - best) < 0.05 * (best @ H @ best):
            return step
        g = A @ w - b
        v = top(g + e, keep)
        e = feedback * (g + e - v)
        w = w - 0.02 * v.mean(0)
    return most


# %%
tasks = [task(seed) for seed in range(8)]
exact = np.array([steps_needed(*problem, 200, True) for problem in tasks])
kept = np.array([steps_needed(*problem, 3, True) for problem in tasks])
lost = np.array([steps_needed(*problem, 3, False) for problem in tasks])
more, margin = estimate(kept / exact)
print(f"all entries sent        {exact.mean():.0f} steps")
print(f"top 3, with feedback    {more:.2f} ± {margin:.2f} times as many (paired)")
print(f"top 3, without          not there after 300 in {(lost == 300).sum()} of 8 runs")

r = 200 / (8 * 3)
work, codec = 300 * ms, 10 * ms
print("\nlink   exchange   codec may take   step    whole run, top 3 against all")
for link, send in (("slow", 200 * ms), ("fast", 30 * ms)):
    budget = (1 - 1 / r) * send
    step = (work + send / r + codec) / (work + send)
    run = f"{more * step - 1:+.0%} ± {margin * step:.0%}"
    ends = f"{send / ms:5.0f} ms {budget / ms:13.0f} ms {step - 1:+8.0%}    {run}"
    print(f"{link:6}{ends}")

# %% [markdown]
# A worker's largest entries are mostly its own data's pull, which cancels in the sum.
# What all agree on is smaller, and hardly goes out.  Feedback repairs the sum, and its
# delay costs some steps.
#
# The last table assumes steps that compute for 300 ms, and a codec of 10 ms.  Each step
# is shorter on both links.  Yet on the fast link the *run is longer*.  Judged by bytes
# or by step time, that codec would be called a success.
#
# <details><summary>Sources, and where ours differs from the book's</summary>
#
# The gradient: Llama 2 70B (arXiv 2307.09288) in BF16.  Start-ups: the book's 1.5 µs
# for InfiniBand, 0.5 µs for NVLink.  Tree and butterfly: Thakur, Rabenseifner and
# Gropp, 2005.  Error feedback: arXiv 1901.09847.  B200: network/README.md of the named
# book.  A100, H100: vidur at 7d47513.  The book assumes 10 % more steps for a codec; we
# count them.
#
# </details>
#
# ## Try it
#
# 1. One of the 64 cables drops to half its rate.  By how much is the ring slower?
#
#    <details><summary>Answer</summary>
#
#    Every device waits for that cable, so by the law it is twice.  But the even ring
#    already takes a sixth longer than its law, and the slow cable hides that jitter.
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
# 3. A switch that adds needs each device to send its tensor once.  Eight H100s on links
#    of 450 GB/s show a bus bandwidth of 480 GB/s
#    ([nccl-tests](https://github.com/NVIDIA/nccl-tests/issues/212)).  Does that break
#    the bound?
#
#    <details><summary>Answer</summary>
#
#    A bus bandwidth above the link's rate means a time below the bound: the theorem's
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
# >   it.  A small one costs start-ups: by law $2N$ in a ring, $2\log_2 N$ in a tree.
# > - No devices that add by themselves can send less than the ring.
# > - Use all ports of a node; price an AllToAll by its hottest receiver.
# > - The last bucket always shows, and a short pass does not forgive small ones.
# > - Merge what is small, compress what is large, and judge by the whole run.

# > **Chapter connection.** Every sum here waited for its last member.  At 64 devices
# > that is a delay.  At thousands some member is always about to fail, and chapter 7
# > asks how a job of that size finishes at all.
