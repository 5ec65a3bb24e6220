# %% [markdown]
# ---
# title: "3 · Network fabrics"
# fleet-stack: [45, 100, 40, 15, 15, 10, 0, 0]
# ---
#
# A room holds 1,024 accelerators.  Each has its own port of 400 Gb/s, and every port
# and cable is healthy.  They add up their gradients in a ring: accelerator 0 sends to
# 1, 1 sends to 2, and so on round.  For 5 GB of gradients each one sends 10 GB this
# way (chapter 6 derives it).  At 400 Gb/s that is 0.2 s.
#
# The clock says 0.8 s.  The sum crosses the room at 100 Gb/s, a quarter of what every
# port can do.  *Where did the other three quarters go, and what would bring them back?*

# %%
import itertools
import time
from collections import Counter, defaultdict, deque

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import torch
import torch.distributed as dist
from IPython import get_ipython
from ipywidgets import interact
from scipy.stats import binom

from mlsyscore import processes
from mlsyscore.catalog import HDR, NDR, ROCE_100G, ROCE_400G
from mlsyscore.units import GB, KB, MB, Gbps, KiB, million, si, us

plt.style.use("mlsyscore.figures")

# %% [markdown]
# ## Predict
#
# Write your guesses here before you run on.  The ones given are common.
#
# 1. A link of 200 Gb/s is replaced by one of 400.  How many times faster is a message
#    of 10 KB?
# 2. Of 32 equal flows, each picks one of 32 equal paths at random.  How many flows does
#    the busiest path carry, on average?
# 3. 256 accelerators answer one at the same moment, at 400 Gb/s each.  The switch port
#    in front of it can hold back 32 MB.  After how many microseconds is it full?
# 4. One packet of a long transfer is lost.  How many packets must be sent again?
# 5. In the room above, nothing is bought and no cable is moved.  Only the accelerators'
#    numbers in the ring are dealt out anew.  What is the best rate that the same sum
#    can get, in Gb/s?

# %%
#| tags: [guess]
guess_faster = 2.0  # times
guess_busiest = 2.0  # flows
guess_full = 640.0  # µs
guess_again = 1  # packets
guess_rate = 100.0  # Gb/s

# %% [markdown]
# ## One message, two regimes
#
# Begin with one message on one idle link.  Two things take time.  Software, card and
# cable need a start-up $\alpha$ before the first byte arrives, whatever the size.  Then
# the bytes follow at the rate $\beta$.  So a message of $n$ bytes takes
#
# $$ T(n) = \alpha + \frac{n}{\beta}. $$
#
# This is the **alpha-beta model**.  Both terms are equal at one size, the **critical
# message size** $n^*$:
#
# $$ \alpha = \frac{n^*}{\beta} \quad\Rightarrow\quad n^* = \alpha\beta. $$
#
# A message far below $n^*$ is **latency-bound**: start-up is nearly all of its time.
# One far above is **bandwidth-bound**: its bytes are.


# %%
def message(n, alpha, beta):
    return alpha + n / beta


links = {"HDR": HDR, "NDR": NDR, "RoCE 100G": ROCE_100G, "RoCE 400G": ROCE_400G}
print("link         rate       n*       4 KB take  350 MB take")
for name, link in links.items():
    small = message(4 * KB, link.alpha, link.beta) / us
    large = message(350 * MB, link.alpha, link.beta) / us / 1000
    size = link.alpha * link.beta / KB
    rate = link.beta / Gbps
    print(f"{name:9} {rate:4.0f} Gb/s {size:6.1f} KB {small:8.2f} µs {large:9.1f} ms")

# %% [markdown]
# HDR and NDR are two generations of InfiniBand.  RoCE is remote direct memory access
# (RDMA) over Ethernet: the card moves bytes without the operating system.  Four times
# the rate makes the 350 MB four times faster, and the 4 KB hardly at all.

# %%
slow = message(10 * KB, HDR.alpha, HDR.beta)
fast = message(10 * KB, NDR.alpha, NDR.beta)
print(f"10 KB: {slow / us:.1f} µs at 200 Gb/s, {fast / us:.1f} µs at 400 Gb/s")
print(f"{slow / fast:.2f} times faster.  You guessed {guess_faster:g} times.")

# %% [markdown]
# A rule for the head: *at $n^*$ a message gets half of its link, at ten times $n^*$
# nine tenths.*


# %%
#| label: fig-regimes
#| fig-cap: "What a message gets of its link. Circles: n*, where it gets half."
#| fig-alt: "Three curves rise with message size, then level off at the link's rate."
# @title What it draws
def draw(alpha_us=1.5, rate_Gbps=400.0):
    n = np.logspace(2, 9)
    lines = {"RoCE 100G": (5.0, 100.0), "RoCE 400G": (5.0, 400.0)}
    lines[f"{rate_Gbps:g} Gb/s, {alpha_us:g} µs"] = (alpha_us, rate_Gbps)
    _, ax = plt.subplots()
    for name, (start, rate) in lines.items():
        alpha, beta = start * us, rate * Gbps
        (line,) = ax.loglog(n / KB, n / message(n, alpha, beta) / Gbps, label=name)
        ax.plot(alpha * beta / KB, rate / 2, "o", color=line.get_color(), mfc="w")
    ax.set(xlabel="message (KB)", ylabel="bytes / time (Gb/s)", ylim=(0.1, 3000))
    ax.legend()
    plt.show()


draw()

# %%
#| eval: false
#| tags: [nbval-ignore-output, remove-cell]
if get_ipython():
    interact(draw, alpha_us=(0.5, 20.0), rate_Gbps=(50.0, 1600.0))

# %% [markdown]
# Does the model hold?  Others have timed messages between two machines with A100s, and
# two with H100s ([vidur's profiles](https://github.com/microsoft/vidur), medians).  Fit
# $\alpha$ and $\beta$ to sizes up to 1.4 MB, and predict the *largest*, 20 to 30 times
# that.  Two rivals predict as well: the rate of the largest fitted message, and the
# mean fitted time.  The fit minimises relative errors, or the longest times would
# decide it.

# %%
SENT = {  # sizes in KiB, times in µs; the last pair is held back
    "A100": (
        [10, 26, 42, 234, 362, 858, 1312, 27520],
        [24, 27, 53, 59, 72, 140, 202, 3699],
    ),
    "H100": (
        [2, 10, 18, 26, 42, 66, 98, 234, 1312, 42496],
        [17, 19, 18, 18, 19, 20, 21, 27, 67, 1224],
    ),
}


def fit(n, T):
    """Alpha and beta with the least squares of (alpha + n / beta - T) / T."""
    terms = np.stack([1 / T, n / T], axis=1)
    alpha, inverse = np.linalg.lstsq(terms, np.ones_like(T), rcond=None)[0]
    return alpha, 1 / inverse


# %%
def foretell(n, T):
    """Errors of three predictions of the last time from the times before."""
    alpha, beta = fit(n[:-1], T[:-1])
    law = message(n[-1], alpha, beta) / T[-1] - 1
    rate = n[-1] / n[-2] * T[-2] / T[-1] - 1
    latency = T[:-1].mean() / T[-1] - 1
    return f"law {law:+5.0%}, constant rate {rate:+5.0%}, constant time {latency:+5.0%}"


for machine, (sizes, times) in SENT.items():
    n, T = np.array(sizes) * KiB, np.array(times) * us
    print(f"{machine}, {si(n[-1], 'B')}: {foretell(n, T)}")

# %% [markdown]
# The law errs least on both.  On the H100s it is still a third too slow.  One likely
# reason: libraries send large messages by another protocol, with more start-up and more
# rate.  A fit knows only the protocol that it saw.
#
# Now your own machine.  Two processes send messages back and forth.  The fastest of 30
# passes counts, for other programs can only delay one.


# %%
def ping_pong(rank, N, sizes, passes):
    """Least seconds for one way, for every size."""
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    data = torch.zeros(int(sizes[-1]), dtype=torch.uint8, device=device)
    T = np.empty((passes, len(sizes)))
    for t, i in np.ndindex(T.shape):
        part = data[: int(sizes[i])]
        dist.barrier()
        start = time.perf_counter()
        for turn in (0, 1):
            if turn == rank:
                dist.send(part, 1 - rank)
            else:
                dist.recv(part, 1 - rank)
        part[0].item()  # wait for the bytes, on a GPU too
        T[t, i] = (time.perf_counter() - start) / 2
    return T.min(axis=0)


# %%
#| tags: [nbval-ignore-output]
scale = 64 if torch.cuda.device_count() > 1 else 1  # NVLink needs larger messages
n = np.array([256.0, 1024, 4096, 16384, 65536, 262144, 1048576]) * scale
T = processes.run(ping_pong, 2, n, 30)[0]
alpha, beta = fit(n[:-1], T[:-1])
print(f"fitted up to {si(n[-2], 'B')}: α {si(alpha, 's')}, β {si(beta, 'B/s')}")
print(f"{si(n[-1], 'B')} held back: {foretell(n, T)}")

# %% [markdown]
# Which of the three errs least on your machine?  Other programs bend the line here, for
# messages pass through the processor's own memory.
#
# The ring cuts each 5 GB into 1,024 messages of 5 MB, far above the $n^*$ of 75 KB.  So
# start-ups are not what holds the room's sum at a quarter.
#
# ## The cut
#
# Ports meet in switches.  The number of ports of a switch is its **switch radix** $k$.
# A *fat-tree* has three layers of them.  Hosts hang on *edge* switches.  Each edge
# switch gives half of its ports to hosts and half to *aggregation* switches.  Edge and
# aggregation switches that are joined form a *pod*, and *core* switches join the pods.
# Our room has $k = 16$, so 16 pods of 64 hosts.  In the code
# `r` says that only one in `r` of the cables to the core is there.


# %%
def fat_tree(k, r=1):
    G = nx.Graph()
    half = k // 2
    for host in range(k**3 // 4):
        G.add_edge(("host", host), ("edge", host // half))
    for edge in range(k * half):
        for j in range(half):
            G.add_edge(("edge", edge), ("aggregation", edge // half * half + j))
    for aggregation in range(k * half):
        for c in range(half // r):
            core = aggregation % half * half + c
            G.add_edge(("aggregation", aggregation), ("core", core))
    return G


# %%
#| label: fig-tree
#| fig-cap: "Sixteen hosts and their cut. Above: all cables to the core. Below: half."
#| fig-alt: "Two trees. Eight coloured cables cross the middle above, four below."
# @title What it draws
_, axes = plt.subplots(2, 1, figsize=(6.4, 5.6))
height = {"host": 0, "edge": 1, "aggregation": 2, "core": 3.2}
first = {"host": 0.5, "edge": 1, "aggregation": 1, "core": 2.4}
apart = {"host": 1, "edge": 2, "aggregation": 2, "core": 1.5}
for ax, r in zip(axes, (1, 2), strict=True):
    tree = fat_tree(4, r)
    for (a, i), (b, j) in tree.edges:
        x = [first[a] + apart[a] * i, first[b] + apart[b] * j]
        color, width = ("C1", 2.2) if min(x) < 8 < max(x) else ("0.6", 0.8)
        ax.plot(x, [height[a], height[b]], "-", color=color, lw=width)
    for a, i in tree:
        color = "C0" if a == "host" else "0.3"
        ax.plot(first[a] + apart[a] * i, height[a], "s", color=color, ms=5)
    ax.axvline(8, ls="--", color="0.2")
    ax.text(8.2, 3.3, "the cut", color="0.2")
    ax.set_yticks(list(height.values()), list(height))
    ax.set(xticks=[], frame_on=False)
    ax.grid(visible=False)
plt.show()

# %% [markdown]
# Draw a line between two halves of the hosts, and let $V_\text{cut}$ bytes have to pass
# it in one direction.  The cables that it cuts carry $BW_\text{cut}$ bytes a second
# together.  In time $T$ no more than $BW_\text{cut} T$ bytes can have passed, so
#
# $$ V_\text{cut} \le BW_\text{cut}\, T
#    \quad\Rightarrow\quad T \ge \frac{V_\text{cut}}{BW_\text{cut}}. $$
#
# Nothing here asks how packets are routed.
#
# > **Theorem · Bisection bandwidth.** The **bisection bandwidth** of a network is
# > $BW_\text{cut}$, one way, for the halves of its hosts that have the fewest cables
# > between them.  Bytes that must cross there take at least
# > $T \ge V_\text{cut}/BW_\text{bisect}$, under any routing.
#
# How wide is the cut of our room?  A graph's *min-cut* is the fewest cables whose loss
# parts two sets of hosts.


# %%
def cut(G, left):
    """Fewest cables between the hosts in left and the other hosts."""
    parted = nx.Graph(G)
    nx.set_edge_attributes(parted, 1, "capacity")
    for node in G:
        if node[0] == "host":
            parted.add_edge("left" if node in left else "right", node)
    return nx.minimum_cut_value(parted, "left", "right")


left = {("host", i) for i in range(512)}
for r in (1, 2, 4):
    width = cut(fat_tree(16, r), left)
    least = 512 * 10 * GB / (width * NDR.beta)
    print(f"1 in {r} core cables: {width} cables in the cut, at least {least:.2f} s")

# %% [markdown]
# The last line is our clock's 0.8 s.  As the job was started, everybody's neighbour in
# the ring sits in the other half.  So 512 ports send across, and only 128 cables lead
# there: the room was built with a quarter of the cables to its core.  A rule for the
# head: *count the senders on one side, count the cables that leave it, divide.*
#
# Is the floor also what packets get?  Play it with single packets.  Each cable passes
# one packet a slot, in the order of arrival.  The play knows cables and queues, and
# nothing of cuts.


# %%
def route(a, b, way, k, r):
    """The cables from host a to host b; way says which switches to turn at."""
    half = k // 2
    j, c = way % half, way // half % (half // r)
    up, down = a // half, b // half  # the edge switches
    stops = [("host", a), ("edge", up)]
    if up != down:
        stops.append(("aggregation", up // half * half + j))
        if up // half != down // half:  # another pod, over the core
            stops.append(("core", j * half + c))
            stops.append(("aggregation", down // half * half + j))
        stops.append(("edge", down))
    stops.append(("host", b))
    return list(itertools.pairwise(stops))


# %%
def play(packets, k, r):
    """Slots until all packets (from, to, way) have arrived."""
    queues = defaultdict(deque)
    for a, b, way in packets:
        cables = iter(route(a, b, way, k, r))
        queues[next(cables)].append(cables)
    slots = 0
    while any(queues.values()):
        heads = [queue.popleft() for queue in queues.values() if queue]
        for cables in heads:
            following = next(cables, None)
            if following:
                queues[following].append(cables)
        slots += 1
    return slots


def in_turn(flows, count):
    """Count packets for each flow (from, to); they take turns on the ways."""
    return [(a, b, i + n) for i in range(count) for n, (a, b) in enumerate(flows)]


# %%
def ring(seats):
    """Flows of a ring whose members sit on these hosts, in this order."""
    return list(zip(seats, np.roll(seats, -1), strict=True))


def alternating(N):
    """A ring that changes sides with every step: 0, N/2, 1, N/2 + 1, ..."""
    return np.arange(N).reshape(2, -1).T.ravel()


print("in messages at port rate:")
print("hosts  core cables  played  floor by the cut  by the ports alone")
for k, r in ((8, 1), (8, 2), (8, 4), (16, 4)):
    N = k**3 // 4
    slots = play(in_turn(ring(alternating(N)), 64), k, r) / 64
    least = N / 2 / cut(fat_tree(k, r), {("host", i) for i in range(N // 2)})
    print(f"{N:5}      1 in {r}  {slots:8.2f} {least:13.2f} {1:18.2f}")

# %% [markdown]
# The cut is a floor for all four, and close: the first packets also have to pass six
# cables.  The rival, port speed, is close only where all cables are there.
#
# ## What a thin cut costs
#
# Why would anyone build such a room?  Because cables to the core are long, and have
# costly optics at both ends.  **Oversubscription** is the ratio $r$ of what the hosts
# below a layer of switches can send to what its cables upward can carry.  Ours is 4:1.
# A fabric with $r = 1$ everywhere is a **non-blocking fabric**.
#
# Let a share $f$ of a step be communication that crosses the thin layer, and let the
# rest be compute.  Only that share gets slower:
#
# $$ \frac{T(r)}{T(1)} = (1 - f) + f r = 1 + f (r - 1),
#    \qquad \frac{\text{steps}(r)}{\text{steps}(1)} = \frac{1}{1 + f (r - 1)}. $$
#
# Take the book's numbers: 10,000 accelerators with two core links each at 500 dollars a
# link, and $f = 0.3$.  At 30,000 dollars, an assumption, the accelerators cost 300
# million dollars.

# %%
f = 0.3
print("  r   steps left   if all slowed   saved on links   idle")
for r in (2, 4, 8):
    steps = 1 / (1 + f * (r - 1))
    saved = 10_000 * 2 * 500 * (1 - 1 / r) / million
    idle = 10_000 * 30_000 * (1 - steps) / million
    print(f"{r}:1 {steps:10.0%} {1 / r:15.0%} {saved:14.1f} M$ {idle:7.0f} M$")

# %% [markdown]
# At 4:1 the owner saves 7.5 million dollars, and accelerators worth 142 million stand
# idle.  The rule: *each further unit of $r$ lengthens a step by $f$.*
#
# ## The same links wired otherwise
#
# Must a network be a tree?  In a three-dimensional *torus* each host is joined to its
# six neighbours in a cube of $s \times s \times s$ hosts, and every line of the cube
# closes on itself.  It needs no switches.  In a *dragonfly* routers form groups.  Every
# router has $h$ hosts, $h$ cables to other groups, and one to each of the other
# $2h - 1$ routers of its group.  That reaches $2h^2 + 1$ groups, one cable for every
# two of them (Kim et al., ISCA 2008).
#
# Their cuts can be counted.  A plane through a torus meets $s^2$ lines, each twice.
# Part a dragonfly into $h^2$ and $h^2 + 1$ groups: every pair has its cable.
#
# $$ \text{tree: } \frac{N}{2}, \qquad \text{torus: } 2 s^2 = 2 N^{2/3}, \qquad
#    \text{dragonfly: } h^2 (h^2 + 1) \approx \frac{N}{4}. $$
#
# Compare with min-cuts of the graphs, and with a rival: "as many cables for each host
# as with about a hundred hosts".


# %%
def torus(s):
    G = nx.grid_graph([s, s, s], periodic=True)
    return nx.relabel_nodes(G, {node: ("host", *node) for node in G})


def dragonfly(h):
    G = nx.Graph()
    groups = range(2 * h * h + 1)
    for group in groups:
        for router in range(2 * h):
            for other in range(router):
                G.add_edge(("router", group, router), ("router", group, other))
            for host in range(h):
                G.add_edge(("host", group, router, host), ("router", group, router))
    for a, b in itertools.combinations(groups, 2):
        there = (b - a - 1) // h  # each router serves the next h groups
        back = (a - b - 1) % len(groups) // h
        G.add_edge(("router", a, there), ("router", b, back))
    return G


# %%
def hosts_and_cut(G):
    """How many hosts; the cut around the lower half of pods, planes or groups."""
    hosts = [node for node in G if node[0] == "host"]
    # where the middle divides a group, its late routers are the ones with lower groups
    hosts.sort(key=lambda host: (host[1], *(-x for x in host[2:])))
    return len(hosts), cut(G, set(hosts[: len(hosts) // 2]))


kinds = {
    "tree": (fat_tree(8), fat_tree(16), 1024 / 2),
    "torus": (torus(4), torus(10), 2 * 10**2),
    "dragonfly": (dragonfly(2), dragonfly(4), 4**2 * (4**2 + 1)),
}
print("           hosts  cables  farthest  min-cut  counted  rival")
for name, (small, large, counted) in kinds.items():
    few, narrow = hosts_and_cut(small)
    N, width = hosts_and_cut(large)
    first = next(node for node in large if node[0] == "host")
    line = f"{N:7} {large.number_of_edges():7} {nx.eccentricity(large, first):9}"
    print(f"{name:9} {line} {width:8} {counted:8.0f} {narrow / few * N:6.0f}")

# %% [markdown]
# The count is exact, and the rival gives the torus two and a half times its cut.  A
# rule: *for each host a tree keeps its cut as it grows, a dragonfly keeps half of that,
# and a torus loses half with every eightfold growth.*
#
# "Farthest" counts the cables between the most distant hosts.  With $L$ layers of
# switches a path passes up to $2L - 1$ of them: $L$ upward, $L - 1$ down.  **Rail
# alignment** puts accelerator 0 of every machine under one switch, accelerator 1 under
# the next, and so on.  Those that talk most are then one switch apart instead of five.
#
# ## Flows that meet
#
# A cut promises bandwidth *if* the flows spread evenly over it.  In our play packets
# took turns.  Ethernet switches commonly do something simpler.  **ECMP hashing**
# computes from a flow's addresses which of several equal paths it takes, and all its
# packets follow.  Nobody looks which path is free.
#
# Let $n$ flows choose among $n$ paths.  The number of flows on one path is binomial.
# Call $B_n(c)$ the probability that it is at most $c$.  If $m$ paths hardly depend on
# each other, the busiest one has at most $c$ with probability $B_n(c)^m$.  The mean of
# a whole number is the sum of the chances to exceed 0, 1, 2 and so on:
#
# $$ P(\text{busiest} > c) \approx 1 - B_n(c)^m, \qquad
#    E[\text{busiest}] \approx \sum_{c \ge 0} \left(1 - B_n(c)^m\right). $$


# %%
def busiest(cables, pieces=1):
    """Mean flows on the busiest of several sets of cables, as a multiple of even.

    cables: pairs (m, n): m cables, each with one in n of n flows on average
    pieces: how many parts, each on a path of its own, every flow is cut in
    """
    c = np.arange(60 * pieces)
    none_above = np.ones(len(c))
    for m, n in cables:
        none_above *= binom.cdf(c, pieces * n, 1 / n) ** m
    return np.sum(1 - none_above) / pieces


def interval(values):
    return f"{np.mean(values):.2f} ± {2 * np.std(values) / np.sqrt(len(values)):.2f}"


rng = np.random.default_rng(3)
most = [np.bincount(rng.integers(32, size=32)).max() for _ in range(1000)]
print(f"busiest of 32 paths: played {interval(most)}, law {busiest([(32, 32)]):.2f}")
print(f"an even share would be 1.  You guessed {guess_busiest:g}.")

# %% [markdown]
# Random is not even: the busiest path carries three or four times its share.  The law
# is a few per cent low, because a flow that is not on one path is on another.
#
# Now a whole room with *all* its cables.  Every host sends to a host in the other half.
# A flow meets others on two layers of cables upward and two downward.  Of the $4N$
# cables half share the flows of one edge switch, $n = k/2$, and half share those of one
# pod, $n = k^2/4$.  So
#
# $$ E[\text{busiest}] \approx
#    \sum_{c \ge 0} \left(1 - B_{k/2}(c)^{2N}\, B_{k^2/4}(c)^{2N}\right). $$
#
# The play only counts flows on cables.  Two rivals stand beside the law: one switch
# taken for the room, and an even spread.


# %%
def across(N, rng):
    """Every host sends to a host in the other half; which one, is drawn."""
    low, high = rng.permutation(N // 2), N // 2 + rng.permutation(N // 2)
    return [*zip(low, high, strict=True), *zip(high, low, strict=True)]


def crowd(flows, k, rng):
    """Flows on the busiest cable, when every flow draws its way."""
    cables = Counter()
    for a, b in flows:
        cables.update(route(a, b, rng.integers((k // 2) ** 2), k, 1))
    return max(cables.values())


# %%
print("flows on the busiest cable:")
print("hosts        played    law   one switch   even")
for k, rooms in ((4, 100), (8, 100), (16, 40)):
    N, half = k**3 // 4, k // 2
    law = busiest([(2 * N, half), (2 * N, half**2)])
    most = interval([crowd(across(N, rng), k, rng) for _ in range(rooms)])
    print(f"{N:5} {most:>13} {law:6.2f} {busiest([(half, half)]):12.2f} {1:6.2f}")

# %% [markdown]
# The law follows the room from 16 hosts to 1,024.  One switch is too kind a model, and
# an even share more so.  A sum is done when its slowest flow is, so even a non-blocking
# room may give it a sixth of the port rate.  The time within which all but a small
# share of messages arrive is called **tail latency**.  A sum waits for the tail.
#
# The cure is more and smaller flows.  **Packet spraying** sends each packet of a flow
# its own way, and asks for cards that take packets out of order.  A rule: *a few large
# flows collide, many small ones are nearly even.*
#
# ## Everyone answers one
#
# Packets can also meet at a place that no other path avoids: the last cable before
# their receiver.  **Incast** is many senders answering one receiver at once.  $N$
# senders bring $N\beta$ to a port that passes $\beta$ on.  The rest waits in the
# switch's buffer, which grows until it is full:
#
# $$ (N - 1)\,\beta\, t = \text{buffer}
#    \quad\Rightarrow\quad t = \frac{\text{buffer}}{(N - 1)\,\beta}. $$
#
# Play it in packets of 4 KB.  A slot is the time that one takes at 400 Gb/s, 0.08 µs.
# A `mark` will come in below.

# %%
packet = 4 * KB
slot = packet / NDR.beta
capacity = round(32 * MB / packet)  # packets that the buffer holds
rtt = round(10 * us / slot)  # slots until a sender hears, an assumption


def incast(N, packets, mark=None):
    """Packets queued after each slot, and packets lost; N senders, packets each."""
    left = N * packets
    queue = [0]
    lost = 0
    while left or queue[-1]:
        heard = queue[-rtt] if len(queue) >= rtt else 0
        stop = mark is not None and heard > mark
        come = 0 if stop else min(N, left)
        held = max(queue[-1] + come - 1, 0)  # the port passes one on
        lost += max(held - capacity, 0)
        queue.append(min(held, capacity))
        left -= come
    return np.array(queue), lost


# %%
print("µs until the buffer is full:")
print("senders   played       law   nothing drains   one sender's time")
for N in (2, 4, 16, 256):
    queue, lost = incast(N, 64_000 // N)
    full = np.argmax(queue == capacity) * slot / us
    law = capacity * slot / (N - 1) / us
    rivals = f"{capacity * slot / N / us:16.2f} {capacity * slot / us:19.2f}"
    print(f"{N:7} {full:8.2f} {law:9.2f} {rivals}")
print(f"256 senders: {full:.1f} µs.  You guessed {guess_full:g} µs.")

# %% [markdown]
# 32 MB sound like much, and 256 senders fill them in under three microseconds.
# "Nothing drains" fails for few senders, "one sender's time" for many.
#
# ### The brake comes late
#
# Switches ask senders to slow down before the buffer is full.  With **explicit
# congestion notification** (ECN) packets that met a long queue are marked, and marked
# answers make their senders slow down.  But a sender hears of it only after the
# **round-trip time** $RTT$, from a packet's start until its answer is back.  Until then
# all keep sending.  Let them stop dead when they hear that the queue has passed a mark:
#
# $$ \text{mark} + (N - 1)\,\beta\, RTT \le \text{buffer}
#    \quad\Rightarrow\quad
#    N \le 1 + \frac{\text{buffer} - \text{mark}}{\beta\, RTT}. $$

# %%
print("most senders without loss:")
print("mark      played   law   mark left out")
for mark in (0, 800, 4000):
    lossless = [N for N in range(30, 70) if incast(N, 20_000 // N, mark)[1] == 0]
    law = 1 + (capacity - mark) // rtt
    size = mark * packet / MB
    print(f"{size:4.1f} MB {max(lossless):8} {law:5} {1 + capacity // rtt:15}")

# %%
#| label: fig-incast
#| fig-cap: "One port's queue with a brake at 3.2 MB that acts 10 µs late."
#| fig-alt: "Queues of 16 and 58 senders keep to the buffer; 256 fill it at once."
# @title What it draws
_, ax = plt.subplots()
for N, color, style in ((16, "C2", "-"), (58, "C1", "--"), (256, "C3", ":")):
    queue, lost = incast(N, 64_000 // N, mark=800)
    t = np.arange(1500) * slot / us
    label = f"{N} senders, {lost:,} packets lost"
    ax.plot(t, queue[:1500] * packet / MB, label=label, color=color, ls=style)
ax.axhline(32, color="0.5", lw=1, ls="-")
ax.text(84, 33, "buffer: 32 MB", color="0.3")
ax.set(xlabel="time (µs)", ylabel="queue (MB)", ylim=(0, 62), xlim=(0, 120))
ax.legend(loc="upper right")
plt.show()

# %% [markdown]
# The rule: *a brake protects as many senders as the buffer holds $\beta \cdot RTT$.*
# Here that is 500 KB, so 32 MB are good for about 60.
#
# What does the loss of one packet cost?  To keep a path full, a sender has
# $\beta \cdot RTT$ bytes on their way before the first answer comes.  TCP can send
# only the lost packet again.  Many RDMA cards keep no place for packets out of order
# ([Mittal et al., 2018](https://doi.org/10.1145/3230543.3230557)).  Their receiver
# drops all that follow a gap, and the sender starts again from there.  What it repeats
# is the **go-back-N penalty**:
#
# $$ n_\text{again} = \beta \cdot RTT. $$

# %%
again = NDR.beta * 10 * us
print(f"one loss repeats {again / KB:.0f} KB or {again / packet:.0f} packets of 4 KB.")
print(f"You guessed {guess_again}.")

# %% [markdown]
# So RDMA likes a **lossless fabric**, in which a switch never drops a packet for want
# of room, because nobody may send without it.  InfiniBand hands out credits for free
# room.  RoCE sends pause frames when room runs out.  Pauses have a price: a paused
# switch holds back its whole queue, also packets for idle ports.  Problem 4 below
# computes this **congestion spreading**.
#
# ## The same ring, two seatings
#
# Back to our room, with 128 cables in its cut.  No routing gets 512 full ports through
# them: packets already took turns perfectly.  But the theorem counts only what *must*
# cross.  Who said that it must?

# %%
#| label: fig-seats
#| fig-cap: "One ring of sixteen in two seatings. Dashed: steps that cross the cut."
#| fig-alt: "Above, all sixteen arcs cross the middle. Below, two do."
# @title What it draws
seatings = {"as it was started": alternating(16), "in order": np.arange(16)}
fig, axes = plt.subplots(2, 1, figsize=(6.4, 4.4), sharex=True)
angle = np.linspace(0, np.pi)
for ax, (name, seats) in zip(axes, seatings.items(), strict=True):
    for a, b in ring(seats):
        crosses = (a < 8) != (b < 8)
        x = (a + b) / 2 + (a - b) / 2 * np.cos(angle)
        style = {"color": "C1", "ls": "--"} if crosses else {"color": "C2", "ls": "-"}
        ax.plot(x, abs(a - b) ** 0.5 * np.sin(angle), lw=1.5, **style)
    ax.plot(range(16), np.zeros(16), "s", color="0.3", ms=6)
    ax.axvline(7.5, color="0.2", ls=":")
    ax.set(title=name, yticks=[], xticks=[], frame_on=False)
axes[1].set_xlabel("hosts, side by side; dotted: the cut")
plt.show()

# %% [markdown]
# Seat the ring in order, and only one step leaves each half, or each pod.  Pods count,
# too: any set of hosts has a cut, and the tightest one decides.  So take the floor over
# halves and pods.  Compare four kinds of traffic in the same room.  In an *all-to-all*
# everybody sends a different part of its 5 GB to each of the others.


# %%
def floor(flows, k, r):
    """Least time of one message a flow, over the ports, the halves and the pods."""
    N = k**3 // 4
    a, b = np.array(flows).T
    times = [np.bincount(a).max()]  # a port's own messages
    for size in (N // 2, (k // 2) ** 2):
        width = cut(fat_tree(k, r), {("host", i) for i in range(size)})
        leaving = np.bincount(a // size, a // size != b // size)
        times.append(leaving.max() / width)
    return max(times)


# %%
N = 1024
shifts = np.linspace(1, N - 1, 64).astype(int)
traffic = {  # flows, packets in each, bytes from each port
    "ring as started": (ring(alternating(N)), 64, 10 * GB),
    "ring at random": (ring(rng.permutation(N)), 64, 10 * GB),
    "ring in order": (ring(np.arange(N)), 64, 10 * GB),
    "all-to-all": ([(i, (i + s) % N) for s in shifts for i in range(N)], 1, 5 * GB),
}
print("4:1 room           played  floor  all cross  none cross")
for name, (flows, count, size) in traffic.items():
    alone = size / NDR.beta
    slots = play(in_turn(flows, count), 16, 4) / 64
    least = floor(flows, 16, 4) * count / 64
    line = f"{slots * alone:6.2f} {least * alone:6.2f} {4 * alone:8.2f} {alone:11.2f}"
    print(f"{name:16} {line}    seconds")
best = 400 / floor(ring(np.arange(N)), 16, 4)
print(f"ring in order: up to {best:.0f} Gb/s.  You guessed {guess_rate:g} Gb/s.")

# %% [markdown]
# *The same room and the same bytes, at four times the speed, and nobody bought a
# cable.*  All three quarters come back when neighbours in the ring are neighbours in
# the room.  "All cross" is wrong by four for this seating, "none cross" for the others.
# Chance is no help.  In the ring dealt at random about half of the steps cross the
# middle, but nearly all leave their pod, and there the tightest cut is.
#
# The all-to-all cannot be saved.  It sends half of the ring's bytes, and its floor is
# nearly twice as high.  In every seating most of its bytes must leave their pod.
#
# That is why thin rooms are built at all.  Llama 3's network is non-blocking within a
# pod of 3,072 GPUs and oversubscribed 7:1 between pods, and its jobs were placed to
# match (arXiv 2407.21783, section 3.3.1).  The rule: *before you buy cables, count
# which bytes need them.*
#
# ## Where to look
#
# A network can be slow at five levels.
#
# | level | its question | here | counter or test |
# |:--|:---|:---|:---|
# | wire | how long does one message take? | $\alpha + n/\beta$ | link rate, errors |
# | transport | what does a loss cost? | $\beta \cdot RTT$ | packets sent again |
# | topology | how wide is the tightest cut? | 128 cables | rates of all pairs |
# | behaviour | what do flows do to each other? | collisions, incast | queues, pauses |
# | cluster | who sits where? | two seatings | placement, other tenants |
#
# Our room was ill at the topology and healed at the cluster.  None of it showed in
# utilisation, for a device that waits for the network counts as busy.  A part that
# slows down without failing and without an alarm is a **silent degradation**.
# Problem 5 below finds one.
#
# <details><summary>Sources, and where ours differs from the book's</summary>
#
# Start-ups of 1.5 and 5 µs, message sizes, buffer and the price of a link are the
# book's, from its open calculations (mlsysim 0.3.0).  The library NCCL reckons with
# 2.7 to 14 µs for a hop, by protocol (src/graph/tuning.cc).
#
# The book's ring crosses with all of its bytes, as ours when it was started.  The book
# divides 300 million dollars by 1,024 accelerators, we by the 10,000 of its optics.
#
# A tree of $k$-port switches has $k^3/4$ hosts (Al-Fares et al., SIGCOMM 2008).  No
# halves of a torus are narrower than ours (Bollobás and Leader, Combinatorica 11,
# 1991), and none of a non-blocking tree.  The dragonfly's are counted, not proved.
#
# </details>
#
# ## Try it
#
# 1. One packet in a thousand is lost, at random.  What share of its rate is left to a
#    sender that goes back, and to one that repeats only what is lost?  And at one in a
#    hundred?
#
#    <details><summary>Answer</summary>
#
#    A packet fails $p/(1-p)$ times on average.  Each time costs $\beta \cdot RTT$, 125
#    packets, or only one.
#
#    ```python
#    for p in (0.001, 0.01):
#        fails = p / (1 - p)
#        print(f"p = {p}: {1 / (1 + rtt * fails):.0%} or {1 / (1 + fails):.1%}")
#    ```
#
#    ```text
#    p = 0.001: 89% or 99.9%
#    p = 0.01: 44% or 99.0%
#    ```
#
#    </details>
#
# 2. **SR-IOV** lets one network card appear as several, so that each virtual machine
#    drives a share of the port itself.  Cut an NDR port in eight such shares.  What do
#    messages of 4 KB and of 350 MB take on one?
#
#    <details><summary>Answer</summary>
#
#    The rate is divided and the start-up is not, so small messages hardly notice.
#
#    ```python
#    for n in (4 * KB, 350 * MB):
#        alone = message(n, NDR.alpha, NDR.beta)
#        share = message(n, NDR.alpha, NDR.beta / 8)
#        print(f"{si(n, 'B')}: {share / alone:.2f} times as long")
#    ```
#
#    ```text
#    4 kB: 1.35 times as long
#    350 MB: 8.00 times as long
#    ```
#
#    </details>
#
# 3. Cut each flow of the non-blocking room of 1,024 in 64 pieces that hash for
#    themselves.  What is left of the busiest cable's load?
#
#    <details><summary>Answer</summary>
#
#    Many small loads on one cable scatter less, by about the root of their number.
#
#    ```python
#    for pieces in (1, 8, 64):
#        load = busiest([(2048, 8), (2048, 64)], pieces)
#        print(f"{pieces:2} pieces: {load:.2f} times an even share")
#    ```
#
#    ```text
#     1 pieces: 5.85 times an even share
#     8 pieces: 2.44 times an even share
#    64 pieces: 1.47 times an even share
#    ```
#
#    </details>
#
# 4. A switch forwards from one queue, in order, alternately to a full port and an idle
#    one.  The full port takes one packet in 16 slots, and pauses the queue otherwise.
#    What share of the idle port's rate is used?
#
#    <details><summary>Answer</summary>
#
#    One sixteenth.  Every second packet waits 16 slots for the full port, and the one
#    behind it, for the idle port, waits too.  Flows that never wanted the full port are
#    slowed as much as those that did.
#
#    </details>
#
# 5. Of 32 ports one has fallen to half its rate.  Does the mean over all pairs of ports
#    show it?  What does?
#
#    <details><summary>Answer</summary>
#
#    A pair is as fast as its slower port, so the mean hides it and its own row tells.
#
#    ```python
#    ports = np.where(np.arange(32) == 13, 200, 400)
#    pairs = np.minimum.outer(ports, ports)
#    print(f"mean of all pairs: {pairs.mean():.0f} Gb/s")
#    row = np.median(pairs, axis=1)
#    print(f"port {row.argmin()}: {row.min():.0f} Gb/s; the others: {row.max():.0f}")
#    ```
#
#    ```text
#    mean of all pairs: 388 Gb/s
#    port 13: 200 Gb/s; the others: 400
#    ```
#
#    </details>
#
# > **Takeaways.**
# >
# > - A message takes $\alpha + n/\beta$.  Below $n^* = \alpha\beta$ start-up rules.
# > - Bytes that must cross a cut take $V_\text{cut}/BW_\text{cut}$, under any routing.
# > - Which bytes must cross is decided by who sits where: seat first, buy later.
# > - Hashed flows collide, and the sum waits for the busiest cable of the room.
# > - A full buffer is microseconds away; a brake is one round trip late.
#
# > **Chapter connection.** The fabric now carries what its cut allows.  The machines
# > must also be fed.  Chapter 4 asks where the training data comes from, and which tier
# > runs dry first.
