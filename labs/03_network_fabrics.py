# %% [markdown]
# # Lab 3 · Network fabrics
#
# **Time** 120 minutes. **Points** 33. **Runtime** any CPU; no GPU.
# **Hand in** this notebook as `03_network_fabrics.ipynb`
# (Colab: File, Download, Download .ipynb).
# **Libraries** the grader has what Colab has: numpy, scipy, pandas, networkx,
# scikit-learn, torch, matplotlib.
#
# You will
#
# 1. fit a link to timings of which some are wrong, and name those;
# 2. wire a fat-tree, cable by cable;
# 3. name the cables at which any fabric is narrowest, with switches dead;
# 4. compute how far oversubscription slows a step that mixes collectives;
# 5. simulate flows that hash to one path, with an error bar;
# 6. play incast out slot by slot.
#
# A question asks for a function.  Fill its body; leave its name and arguments.
# The cells between are locked.  Visible checks tell you what they expect; more
# checks run when the lab is graded.  You may use all of `mlsyscore`.

# %%
import itertools
import math
from collections import Counter, deque

import networkx as nx
import numpy as np

from mlsyscore.catalog import NDR
from mlsyscore.checks import close, number
from mlsyscore.harness import fabric, hashed, noisy, ports
from mlsyscore.harness.answers import must_raise, values
from mlsyscore.harness.calls import fresh
from mlsyscore.network import Link, fit_link
from mlsyscore.units import GB, KB, us

# %% [markdown]
# ## 1. A link from bad timings (5 points, 20 minutes)
#
# A benchmark sends messages of several sizes, each size many times.  The good
# timings scatter by a few per cent about $\alpha + n/\beta$.  A few are ten times too
# slow: another job was in the way.  A few are ten times too short: the clock was read
# before the message had arrived.  There may be more of one kind than of the other.
#
# Let a size count by its *relative* error, as chapter 3 does.  Large messages have
# large absolute errors, and next to them $\alpha$ is invisible.  `fit_link(n, T)` does
# that much, but it trusts every timing it is given.
#
# For example, a link starts in 2 µs and sends 25 GB/s.  50 kB take 2 + 2 = 4 µs.  A
# timing of 13 µs for 50 kB is suspect, for it is more than 3 times as long.  One of 11
# µs is not, and one of 1.2 µs is again.


# %% answer="fit"
def fit_alpha_beta(n, T):
    """Return (link, suspects): a Link fitted to the good timings, and the bad ones.

    n, T: arrays of equal length, bytes and seconds, in any order.  Each size occurs
        at least nine times, and at most a fifth of its timings are bad.  n and T
        stay as they are.
    suspects: list of the positions of timings that are more than 3 times above or
        more than 3 times below what link.time gives for their size
    Raises ValueError with fewer than two different sizes.
    """
    ### BEGIN SOLUTION
    n, T = np.asarray(n, float), np.asarray(T, float)
    sizes = np.unique(n)
    link = fit_link(sizes, [np.median(T[n == size]) for size in sizes])
    ratio = T / link.time(n)
    return link, np.flatnonzero((ratio > 3) | (ratio < 1 / 3)).tolist()
    ### END SOLUTION


# %% check="fit-line" points=1
# The example's link without noise: three sizes, then two, which are enough.
true = Link(2 * us, 25 * GB)
for sizes in ([1e3, 50e3, 1e6], [1e3, 1e6]):
    name, n = f"a clean line, {len(sizes)} sizes", np.repeat(sizes, 9)
    link, suspects = noisy.fitted(name, fit_alpha_beta(n, true.time(n)), n.size)
    close(f"{name}: alpha", link.alpha, true.alpha, "us", rel=1e-3)
    slips = {1 / true.beta**2: "seconds per byte, not bytes per second"}
    close(f"{name}: beta, in GB/s", link.beta, true.beta, "GB", slips, rel=1e-3)
    assert suspects == [], f"{name}: it has no suspects; you name {suspects}"
same = np.full(9, 1e3), np.full(9, 2 * us)
must_raise("only one size", ValueError, fit_alpha_beta, *same)

# %% check="fit-robust" points=2 hidden="other links; a few timings of many sizes"
# The same link, with noise and bad timings; then a fifth too short and none too slow.
# Both numbers must come within 4 %.
cases = [(Link(2 * us, 25 * GB), how) for how in ({}, {"slow": 0, "short": 5})]
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for alpha, slow, short in [(0.5, 1, 1), (1.5, 3, 1), (5, 1, 3), (20, 3, 0)]:
    beta = float(rng.uniform(30, 400)) * KB / (alpha * us)  # n* from 30 to 400 kB
    cases.append((Link(alpha * us, beta), {"slow": slow, "short": short}))
for count, slow, short in [(25, 1, 4), (20, 0, 4), (15, 3, 0), (15, 0, 3), (10, 0, 2)]:
    how = {"repeats": count, "slow": slow, "short": short}
    cases.append((Link(float(rng.uniform(1, 9)) * us, 12.5 * GB), how))
for _ in range(20):  # the medians of one size alone deviate by 3 %
    few = {"repeats": 9, "short": 0, "sizes": 80, "noise": 0.06}
    cases.append((Link(float(rng.uniform(1, 9)) * us, 25 * GB), few))
### END HIDDEN TESTS
rng = np.random.default_rng(3)
for true, how in cases:
    n, T, bad = noisy.timings(rng, true, **how)
    link, suspects = noisy.fitted("noisy timings", fit_alpha_beta(n, T), n.size)
    noisy.recovered("noisy timings", link, true)

# %% check="fit-suspects" points=2 hidden="timings off by other factors, near 3"
# Are the bad timings named, and no good one?
rng = np.random.default_rng(3)
n, T, bad = noisy.timings(rng, Link(2 * us, 25 * GB))
mine = n.copy(), T.copy()
link, suspects = noisy.fitted("noisy timings", fit_alpha_beta(*mine), n.size)
noisy.named("noisy timings", suspects, bad, T)
same = np.array_equal(mine[0], n) and np.array_equal(mine[1], T)
assert same, "n and T are changed: positions then mean other timings"
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
true = Link(5 * us, 12.5 * GB)
n, T, bad = noisy.timings(rng, true, repeats=15)
good = set(range(n.size)) - set(bad)
near = [next(i for i in good if n[i] == size) for size in np.unique(n)]
T[near] = true.time(n[near]) * np.tile([2.7, 1 / 2.7, 3.3, 1 / 3.3], 3)
bad = sorted(bad + [i for j, i in enumerate(near) if j % 4 > 1])
link, suspects = noisy.fitted("other timings", fit_alpha_beta(n, T), n.size)
noisy.named("other timings", suspects, bad, T)
one, T = np.full(20, 5e6), np.linspace(1e-4, 2e-4, 20)
must_raise("one size", ValueError, fit_alpha_beta, one, T)
### END HIDDEN TESTS

# %% [markdown]
# Where do the suspects lie?  Below $n^* = \alpha\beta$ more than half of the time is
# start-up, which no faster link shortens.

# %% explore
# @title Your fit and your suspects
n, T, _ = noisy.timings(np.random.default_rng(3), Link(2 * us, 25 * GB))
link, suspects = fit_alpha_beta(n, T)
noisy.drawn(n, T, link, suspects)
print(f"{link.alpha / us:.3f} µs, {link.beta / GB:.2f} GB/s, {len(suspects)} suspects")

# %% [markdown]
# ## 2. A fat-tree, cable by cable (6 points, 20 minutes)
#
# Every switch has `k` ports, and all are used.  The tree has `pods` pods, which may be
# fewer than `k`.  Who needs fewer pods buys fewer core switches, too.  A pod has `k/2`
# edge switches and `k/2` aggregation switches.
#
# - An edge switch has `k/2` hosts below it and is joined to every aggregation switch
#   of its pod.
# - An aggregation switch is joined to `k/2` core switches.
# - A core switch is joined to every pod `k/pods` times, each time to another
#   aggregation switch.
#
# Names are a letter and a number from 0: hosts `h0`, `h1`, ...; edge switches `e0`,
# ...; aggregation switches `a0`, ...; core switches `c0`, ...  Edge and aggregation
# switches are numbered pod by pod, hosts by their edge switch.  With 4-port switches
# `e0`, `e1`, `a0` and `a1` are in pod 0.  There `h0` and `h1` are below `e0`, `h2` and
# `h3` below `e1`.  Any wiring that keeps to this will do.
#
# For example, take 4-port switches and two pods.  Their four aggregation switches have
# eight ports for the core.  So there are two core switches, and each is joined to all
# four aggregation switches.


# %% answer="tree"
def fat_tree(k, pods):
    """Return the cables of a three-tier fat-tree of k-port switches.

    A list of pairs of names, each cable once, its two ends in either order.
    Raises ValueError unless both are even and at least 2, and pods divides k.
    """
    ### BEGIN SOLUTION
    if k < 2 or k % 2 or pods < 2 or pods % 2 or k % pods:
        raise ValueError(f"no tree of {pods} pods from {k}-port switches")
    half, cores, cables = k // 2, pods * k // 4, []
    for pod in range(pods):
        for i, j in itertools.product(range(half), repeat=2):
            edge = pod * half + i
            cables.append((f"h{edge * half + j}", f"e{edge}"))
            cables.append((f"e{edge}", f"a{pod * half + j}"))
            cables.append((f"a{edge}", f"c{(i * half + j) % cores}"))
    return cables
    ### END SOLUTION


# %% check="tree-parts" points=2 hidden="switches with other numbers of ports"
# Four ports and four pods: 16 hosts, 20 switches, 48 cables.  Two pods: half of each.
sizes, odd = [(4, 4), (4, 2)], [(3, 2), (4, 3)]
### BEGIN HIDDEN TESTS
sizes += [(2, 2), (6, 6), (6, 2), (8, 4), (10, 10), (12, 2), (12, 4), (12, 6)]
odd += [(7, 7), (1, 1), (0, 2), (-2, 2), (-4, -2), (8, 6), (4, 8), (6, 3), (4, 0)]
odd += [(4, 1), (2, 1), (8, -2)]
### END HIDDEN TESTS
for k, pods in sizes:
    fabric.tiers(k, pods, fabric.cabled(fat_tree(k, pods)))
for k, pods in odd:
    must_raise(f"{k}-port switches, {pods} pods", ValueError, fat_tree, k, pods)

# %% check="tree-wiring" points=2 hidden="switches with other numbers of ports"
# Does each cable lead where it must?
sizes = [(4, 4), (4, 2)]
### BEGIN HIDDEN TESTS
sizes += [(2, 2), (6, 6), (6, 2), (8, 4), (10, 10), (12, 2), (12, 4), (12, 6)]
### END HIDDEN TESTS
for k, pods in sizes:
    fabric.wired(k, pods, fabric.cabled(fat_tree(k, pods)))

# %% check="tree-paths" points=2 hidden="cuts in other trees, a core switch dead"
# Hosts of different pods are six cables apart.  With four pods one shortest path leads
# over each of four core switches.  With two pods four paths lead over each of two: two
# ways up, two ways down.  When graded, min-cuts are computed over your cables, too.
for pods, last, most in [(4, 15, 4), (2, 7, 8)]:
    name = f"{pods} pods"
    cables = [tuple(pair) for pair in values(f"{name}: cables", fat_tree(4, pods))]
    fabric.cabled(cables)
    G = nx.Graph(cables)
    lacks = {f"h{i}" for i in range(last + 1)} - set(G)
    assert not lacks, f"{name}, h0 to h{last}: {min(lacks, default='')} has no cable"
    assert nx.is_connected(G), f"{name}: some hosts cannot reach each other"
    for there, apart, want in [("h1", 2, 1), ("h3", 4, 2), (f"h{last}", 6, most)]:
        paths = list(nx.all_shortest_paths(G, "h0", there))
        close(f"{name}, cables from h0 to {there}", len(paths[0]) - 1, apart)
        close(f"{name}, shortest paths from h0 to {there}", len(paths), want)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)


def widest(G, left):
    """Most packets a slot from the hosts in left to the other hosts."""
    flow = nx.DiGraph()
    for x, y in G.edges:
        flow.add_edge(x, y, capacity=1)
        flow.add_edge(y, x, capacity=1)
    for x in [x for x in G if x[0] == "h"]:
        flow.add_edge(*(("from", x) if x in left else (x, "to")))
    return nx.maximum_flow_value(flow, "from", "to")


for k, pods in [(2, 2), (4, 4), (4, 2), (6, 6), (8, 8), (8, 4), (8, 2)]:
    cables = [tuple(pair) for pair in values("cables", fat_tree(k, pods))]
    N = pods * k**2 // 4
    fabric.cabled(cables)
    whole = nx.Graph(cables)
    broken = nx.restricted_view(whole, [f"c{rng.integers(pods * k // 4)}"], [])
    hosts = [f"h{i}" for i in range(N)]
    one = set(hosts) <= set(whole) and nx.is_connected(whole)
    assert one, "other sizes: some hosts cannot reach each other"
    mixed = [f"h{i}" for i in rng.permutation(N)[: N // 2]]
    cases = [("half of the pods", whole, hosts[: N // 2], N // 2)]
    cases += [("one pod", whole, hosts[: N // pods], N // pods)]
    cases += [("any half of the hosts", whole, mixed, N // 2)]
    if k > 2:
        cases += [("half of the pods", broken, hosts[: N // 2], N // 2 - k // 2)]
        cases += [("one pod", broken, hosts[-N // pods :], N // pods - k // pods)]
    if k % 4 == 0:
        cases += [("every second host", broken, hosts[::2], N // 2)]
    for what, G, left, want in cases:
        what += ", one core switch dead" * (G is broken)
        assert widest(G, left) == want, f"the cut around {what} has the wrong width"
### END HIDDEN TESTS

# %% [markdown]
# ## 3. The cables that all share (5 points, 20 minutes)
#
# No routing, adaptive or not, carries more than the narrowest cut.  Chapter 3 asks how
# wide it is.  Whoever buys cables must know *which* they are.
#
# Name the fewest cables whose loss parts some hosts from all other hosts.  There may
# be several such lists; any of them will do.  It must serve any fabric.  Cables may be
# doubled.  Hosts may have several cables, and may forward, as they do in a torus.
# Switches may be dead, and their cables carry nothing.  The fabric may lie in pieces,
# and a piece may be without hosts.
#
# For example, two leaves with two hosts each are joined by two spines.  To part one
# leaf's hosts from the other's takes two cables.  One list is `leaf0` to `spine0` and
# `leaf0` to `spine1`; another one cuts below `leaf1`.
#
# `networkx` is there as `nx`.  Its `minimum_cut` returns a width and two sets of
# nodes.  An edge without the attribute `capacity` is unlimited there, and a `Graph`
# keeps one edge between two nodes.


# %% answer="cut"
def bottleneck(cables, left, dead):
    """Fewest cables whose loss parts the hosts in left from all other hosts.

    cables: list of pairs of names; a pair that is listed twice is two cables, and so
        are (x, y) and (y, x).
        A name is small letters and a number, like s10.  Names of hosts begin with h,
        names of switches do not.  The list stays as it is.
    left: list of hosts, neither none nor all
    dead: list of switches that have failed, with every cable of theirs; may be empty
        Each host in left and each switch in dead is in a pair of cables.
    Returns a list of pairs, each end first or last; of doubled cables, each.
        It is empty where no path is left.
    """
    ### BEGIN SOLUTION
    net = nx.Graph()
    for x in {x for pair in cables for x in pair if x.startswith("h")}:
        net.add_edge("left side" if x in left else "right side", x)
    alive = [(x, y) for x, y in cables if x not in dead and y not in dead]
    for (x, y), count in Counter(tuple(sorted(pair)) for pair in alive).items():
        net.add_edge(x, y, capacity=count)
    _, (near, _) = nx.minimum_cut(net, "left side", "right side")
    return [(x, y) for x, y in alive if (x in near) != (y in near)]
    ### END SOLUTION


# %% check="cut-leaves" points=2
# The example; the same with dead spines, and with a host on each leaf; beside a cable
# without hosts.  Then four hosts to a leaf: doubled cables, the second ones turned
# round; and three cables to one switch, then two on to others.
hosts = [("h0", "leaf0"), ("h1", "leaf0"), ("h2", "leaf1"), ("h3", "leaf1")]
mesh = [(f"leaf{i}", f"spine{j}") for i in (0, 1) for j in (0, 1)]
turned = [pair[::-1] for pair in hosts + mesh]
more = [("h4", "leaf0"), ("h5", "leaf0"), ("h6", "leaf1"), ("h7", "leaf1")]
line = [("leaf0", "s0")] * 3 + [("s0", "s1"), ("s0", "s2"), ("s1", "s3"), ("s2", "s3")]
line += [("s3", "leaf1")] * 3
cases = [
    ("two leaves", hosts + mesh, "h0 h1", "", 2),
    ("spine0 dead", hosts + mesh, "h0 h1", "spine0", 1),
    ("spine0 dead, each pair turned round", turned, "h0 h1", "spine0", 1),
    ("no spine", hosts + mesh, "h0 h1", "spine0 spine1", 0),
    ("one host", hosts + mesh, "h3", "", 1),
    ("a half with a host on each leaf", hosts + mesh, "h0 h2", "", 2),
    ("a piece without hosts", [*hosts, *mesh, ("x0", "x1")], "h0 h1", "spine1", 1),
    ("doubled cables", hosts + more + mesh + turned[4:], "h0 h1 h4 h5", "", 4),
    ("three cables, then two", hosts + more + line, "h0 h1 h4 h5", "", 2),
    (
        "a cable three times",
        hosts + more + line[:3] + [("s0", "leaf1")] * 4,
        "h0 h1 h4 h5",
        "",
        3,
    ),
]
slips = {
    "spine0 dead": {2: "there are fewer between leaves and spines than to the hosts"},
    "three cables, then two": {1.5: "a pair listed three times is three cables"},
}
for name, cables, left, dead, want in cases:
    left, dead = left.split(), dead.split()
    mine = list(cables)
    got = values(f"{name}: a list of cables", bottleneck(mine, left, dead))
    assert mine == cables, f"{name}: the list of cables is changed"
    width = fabric.parting(name, got, cables, left, dead)
    close(f"{name}: cables in your list", width, want, "", slips.get(name, {}))

# %% check="cut-any" points=3 hidden="irregular fabrics, in pieces; dead switches"
# A torus of 4 x 4 hosts, without a switch: each line closes on itself and is cut twice.
torus = nx.grid_graph([4, 4], periodic=True)
cables = [(f"h{4 * a + b}", f"h{4 * c + d}") for (a, b), (c, d) in torus.edges]
for name, left, want in [
    ("half of a torus", [f"h{i}" for i in range(8)], 8),
    ("one host of a torus", ["h5"], 4),
    ("five hosts of a torus", ["h1", "h4", "h5", "h6", "h9"], 12),
]:
    width = fabric.parting(name, bottleneck(cables, left, []), cables, left)
    close(f"{name}: cables in your list", width, want)
### BEGIN HIDDEN TESTS
pairs = [("h0", "s0"), ("s0", "h0"), ("s0", "s1"), ("s1", "s0"), ("s1", "h1")]
pairs += [("h1", "s2"), ("s2", "s1")]
for one, gone, want in [
    ("h0", "s0", 0),
    ("h1", "s0", 0),
    ("h1", "s2", 1),
    ("h0", "", 2),
]:
    gone = [gone] if gone else []
    got = bottleneck(pairs, [one], gone)
    width = fabric.parting("two hosts", got, pairs, [one], gone)
    close("two hosts, at most one switch dead: cables in your list", width, want)
rng = np.random.default_rng(17)
for _ in range(25):
    switches = ["s0", "s1", "s10", "s11", "s2", "t1"]
    hosts = ["h0", "h1", "h2", "h3", "h4", "h10", "h21"]
    cables = [(h, str(rng.choice(switches))) for h in hosts]
    cables += [(str(rng.choice(switches)), "h0"), ("h1", "h2"), ("x0", "x1")]
    for _ in range(int(rng.integers(6, 16))):
        x, y = rng.choice(switches, 2, replace=False)
        cables += [(str(x), str(y))] * int(rng.integers(1, 3))
    used = [x for x in switches if any(x in pair for pair in cables)]
    dead = [str(x) for x in rng.choice(used, int(rng.integers(3)), replace=False)]
    left = [hosts[i] for i in rng.permutation(7)[: int(rng.integers(1, 6))]]
    widths = []
    for sides in itertools.product((False, True), repeat=6):
        side = dict(zip(switches, sides, strict=True))
        side |= {h: h in left for h in hosts} | {"x0": False, "x1": False}
        live = [pair for pair in cables if not set(pair) & set(dead)]
        widths.append(sum(side[x] != side[y] for x, y in live))
    got = bottleneck(cables, left, dead)
    width = fabric.parting("another fabric", got, cables, left, dead)
    assert width == min(widths), "another fabric: this is not the fewest cables"
### END HIDDEN TESTS

# %% [markdown]
# Your two functions together.  One core switch of a 4-port tree is dead.  One half of
# the hosts is two whole pods; the other takes every second host under each edge switch.
# Guess before you run: which of the two halves notices?

# %% explore
# @title Your tree and your cut
cables = fat_tree(4, 4)
for left in ([f"h{i}" for i in range(8)], [f"h{i}" for i in range(0, 16, 2)]):
    found = [bottleneck(cables, left, dead) for dead in ([], ["c0"])]
    fabric.drawn([pair for pair in cables if "c0" not in pair], found[1], left)
    print(f"{len(found[0])} cables; with c0 dead {len(found[1])}")

# %% [markdown]
# ## 4. A step on narrow uplinks (4 points, 15 minutes)
#
# The ports of the hosts on a leaf have together `r` times the bandwidth of the
# leaf's uplinks: the oversubscription.  A step has compute and several collectives.
#
# - A collective is `(time, cross, overlaps)`.  `time` is what it takes where `r` is 1;
#   then the hosts' ports decide.  `cross` is the share of its bytes that leave the
#   leaf.  An all-to-all crosses with nearly every byte; a ring that is laid along the
#   leaves crosses with one host's bytes per leaf.
# - Bytes that stay and bytes that cross move at the same time.  The ports need
#   `time`; the uplinks need `cross * r * time`; the collective takes the longer.
# - Collectives share the network, so they run one after another.  Those that overlap
#   run beside the compute; the others run when both are done.
#
# For example, a step computes for 60 ms.  An all-reduce of 40 ms runs beside it and
# crosses whole.  An all-to-all of 20 ms runs after it, and half of it crosses.  At 1:1
# the step takes 60 + 20 ms.  At 2:1 the all-reduce takes 80 ms and outlasts the
# compute, and the all-to-all takes 20 ms as before.  100 ms are 1.25 times as long.


# %% answer="slowdown"
def slowdown(compute, collectives, r):
    """Time of a step at oversubscription r, as a multiple of its time at r = 1.

    compute: seconds, more than 0
    collectives: list of (time, cross, overlaps): seconds, a share from 0 to 1, a bool
    r: at least 1
    """

    ### BEGIN SOLUTION
    def step(r):
        hidden = exposed = 0.0
        for time, cross, overlaps in collectives:
            longer = time * max(1, cross * r)
            if overlaps:
                hidden += longer
            else:
                exposed += longer
        return max(compute, hidden) + exposed

    return step(r) / step(1)
    ### END SOLUTION


# %% check="slowdown-one" points=2
# One collective of 30 ms after 70 ms of compute, at 4:1.  If all of it crosses, the
# chapter's law holds: 1.9 times.  If half of it crosses it takes 60 ms.
slips = {1 / 1.9**2: "throughput; its inverse is asked for"}
slips |= {4 / 1.9: "compute does not slow down"}
close("all of 30 ms crosses", slowdown(0.07, [(0.03, 1.0, False)], 4), 1.9, "", slips)
got = slowdown(0.07, [(0.03, 0.5, False)], 4)
slips = {1.45 / 1.3: "bytes that stay and bytes that cross move at the same time"}
slips |= {1.9 / 1.3: "only the share that crosses meets the uplinks"}
slips |= {(0.13 / 0.085) / 1.3: "at 1:1 the ports decide"}
close("half of 30 ms crosses", got, 1.3, "", slips)
got = slowdown(0.07, [(0.03, 1 / 16, False)], 4)
slips = {1.9: "only the share that crosses meets the uplinks"}
close("one byte of 16 crosses; the ports still need 30 ms", got, 1.0, "", slips)

# %% check="slowdown-mix" points=2 hidden="other mixes; none is one, too"
# The example, and an overlap that hides all.
mix = [(0.04, 1.0, True), (0.02, 0.5, False)]
slips = {0.8: "the all-to-all waits for the compute and for the all-reduce"}
slips |= {(4 / 3) / 1.25: "one of the two runs beside the compute"}
slips |= {(5 / 3) / 1.25: "only one of the two runs beside the compute"}
slips |= {1.2: "half of the second one's bytes cross, and its ports are as fast"}
close("at 2:1", slowdown(0.06, mix, 2), 1.25, "", slips)
got = slowdown(0.06, [(0.02, 1.0, True)], 3)
slips = {1.5: "what overlaps hides behind compute"}
close("20 ms beside 60 ms, at 3:1", got, 1.0, "", slips)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for _ in range(40):
    count, compute = int(rng.integers(0, 6)), float(rng.uniform(0.01, 0.2))
    r = float(rng.choice([1.0, 1.5, 3.0, 8.0]))
    mix = [
        (float(t), float(x), bool(o))
        for t, x, o in zip(
            rng.uniform(0.001, 0.1, count),
            rng.choice([0.0, 0.06, 0.4, 0.9, 1.0], count),
            rng.random(count) < 0.6,
            strict=True,
        )
    ]
    ends = []
    for narrow in (r, 1.0):
        now = 0.0
        for overlap in (True, False):
            for time, cross, overlaps in mix:
                if overlaps == overlap:
                    n = 32 * time * NDR.beta  # of the 32 hosts on a leaf
                    out = cross * n / (32 * NDR.beta / narrow)
                    now += max(n / (32 * NDR.beta), out)
            now = max(now, compute)
        ends.append(now)
    got = number("other mixes", slowdown(compute, mix, r))
    assert abs(got - ends[0] / ends[1]) < 1e-6, (
        "mixes of several collectives: the slow-down is wrong.  Which overlap?  Which "
        "are bound by ports and which by uplinks?"
    )
### END HIDDEN TESTS

# %% [markdown]
# Three collectives take as long as the compute before them, at 1:1.  Guess before you
# run: at which r does each begin to cost, and which pays most at 8:1?

# %% explore
# @title The slow-down by your function
import matplotlib.pyplot as plt

plt.style.use("mlsyscore.figures")
fig, ax = plt.subplots()
ratios = np.linspace(1, 8, 141)
kinds = {"all-to-all": 1.0, "half crosses": 0.5, "ring by leaf": 1 / 16}
for what, cross in kinds.items():
    slow = [slowdown(1.0, [(1.0, cross, False)], float(r)) for r in ratios]
    ax.plot(ratios, slow, label=f"{what}, {cross:.2f}")
ax.set(xlabel="oversubscription r", ylabel="slow-down of the step")
ax.legend(title="share that crosses")
plt.show()

# %% [markdown]
# ## 5. Flows that meet on one path (5 points, 15 minutes)
#
# ECMP hashes each flow to one of several equal paths, and all of the flow stays
# there.  The collective waits for the busiest path.  Simulate it.  In each trial every
# flow takes a path, all paths equally likely, each flow for itself.  Note the bytes
# on the busiest path, as a multiple of an even spread.  An even spread is the sum of
# the sizes over the number of paths.  Return the mean over the trials and its standard
# error, $s/\sqrt{\mathrm{trials}}$, with $s$ the standard deviation of one trial.
#
# For example, two equal flows share two paths.  They meet in half of the trials, and
# then one path carries twice its share.  So the load is 1.5, and $s$ is 0.5.


# %% answer="ecmp"
def ecmp(sizes, paths, trials, seed):
    """Return (load, error): mean load of the busiest path, and its standard error.

    sizes: list of the bytes of each flow; paths: how many; trials: at least 2
    seed: an int from 0 on.  The same seed gives the same answer, in another process
        too; other seeds give other draws.
    load: bytes on the busiest path / (sum of sizes / paths), mean over the trials
    """
    ### BEGIN SOLUTION
    rng, even = np.random.default_rng(seed), sum(sizes) / paths
    peaks = []
    for _ in range(trials):
        path = rng.integers(paths, size=len(sizes))
        peaks.append(np.bincount(path, weights=sizes).max() / even)
    return np.mean(peaks), np.std(peaks, ddof=1) / math.sqrt(trials)
    ### END SOLUTION


# %% check="ecmp-two" points=2
# The example; a hundred times as many trials, a tenth of the error.
for trials in (100, 10_000):
    name, true = f"two flows, two paths, {trials} trials", 0.5 / math.sqrt(trials)
    load, error = hashed.loads(name, ecmp([1 * GB, 1 * GB], 2, trials, 1))
    assert abs(load - 1.5) < 6 * true, (
        f"{name}: the load is {load:.4g}; 1.5 is expected, give or take {true:.3f}. "
        "In half of the trials both flows take one path, and it carries twice its share"
    )
    slips = {0.5 / true: "the deviation of one trial, not of the mean"}
    slips |= {0.25 / true: "a variance", 0: "every trial draws the same"}
    slips |= {1 / math.sqrt(trials): "the square root of the trials divides"}
    close(f"{name}, the error", error, true, "", slips, rel=0.2)
one = hashed.loads("one path", ecmp([3 * GB, 1 * GB], 1, 50, 1))
close("one path, the load", one[0], 1.0)
close("one path, the error", one[1], 0.0)
args = [5 * GB, 3.1 * GB, 1.7 * GB, 1 * GB], 3, 500, 7
here, there = (hashed.loads("seed 7", f(*args)) for f in (ecmp, fresh(ecmp)))
assert here == there, f"seed 7 gives {here}, and in another process {there}"

# %% check="ecmp-any" points=3 hidden="other flows and paths; other seeds"
# Sixteen equal flows on sixteen paths: the busiest carries 3.08 flows on average.
# An elephant of 9 GB among three mice of 1 GB, on four paths: each mouse meets it in
# a quarter of the trials, so 9.75 GB on average, 3.25 times the share.  Over many
# seeds the loads must scatter as their errors say.  When graded, seeds that are
# neighbours and seeds that are far apart must share no draws.
mice = [1 * GB] * 3
cases = [("sixteen equal flows", [1 * GB] * 16, 16, 3.0782, 0.7459)]
cases += [("an elephant and three mice", [9 * GB, *mice], 4, 3.25, 0.25)]
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for m, n in [(2, 4), (3, 5), (5, 4), (4, 4)]:
    sizes = [float(s) for s in rng.choice([1, 2, 5, 20], n) * GB]
    tables = [np.bincount(p, sizes) for p in itertools.product(range(m), repeat=n)]
    peaks = np.array([t.max() for t in tables]) / (sum(sizes) / m)
    cases += [("unequal flows", sizes, m, peaks.mean(), peaks.std())]
for m, n in [(8, 32), (16, 8)]:  # equal flows: count the ways to stay within c a path
    ways = [np.poly1d([1.0])] * (n + 1)
    for c in range(n + 1):
        ways[c] = np.poly1d([1 / math.factorial(j) for j in range(c, -1, -1)]) ** m
    within = [math.factorial(n) * w.coef[::-1][n : n + 1].sum() / m**n for w in ways]
    share, c = np.diff([0.0, *within]), np.arange(n + 1) * m / n
    mean = float(share @ c)
    cases += [("equal flows", [2.0] * n, m, mean, math.sqrt(share @ c**2 - mean**2))]
### END HIDDEN TESTS
for name, sizes, paths, mean, deviation in cases:
    true = deviation / math.sqrt(400)
    runs = [hashed.loads(name, ecmp(sizes, paths, 400, seed)) for seed in range(40)]
    hashed.scattered(name, runs, mean, true, 400)
    again = hashed.loads(name, ecmp(sizes, paths, 400, 7))
    assert again == runs[7], f"{name}: the same seed must give the same answer"
### BEGIN HIDDEN TESTS
name, sizes = "flows of seven sizes", [2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.1]
runs = [hashed.loads(name, ecmp(sizes, 4, 2000, seed)) for seed in range(40)]
hashed.unlike(name, runs)
seeds = [0, 1, 7, 39, 50, 51, 57, 99, 107, 263, 1007, 10_007, 2**16 + 7, 2**20 + 7]
hashed.distinct(name, {s: hashed.loads(name, ecmp(sizes, 4, 300, s)) for s in seeds})
### END HIDDEN TESTS

# %% [markdown]
# How many flows does it take to spread evenly?  Cut every elephant in pieces, and
# send each piece its own way: that is packet spraying.  Guess before you run: how much
# does the busiest of 16 paths carry with 64 flows, and with 1,024?

# %% explore
# @title The busiest path by your function
import matplotlib.pyplot as plt

plt.style.use("mlsyscore.figures")
counts = [8, 16, 32, 64, 128, 256, 512, 1024]
found = np.array([ecmp([1.0] * c, 16, 200, 1) for c in counts])
fig, ax = plt.subplots()
ax.errorbar(counts, found[:, 0], 2 * found[:, 1], fmt="o-", capsize=3)
ax.axhline(1, color="0.5", ls=":")
ax.set_xscale("log", base=2)
ax.set(xlabel="equal flows on 16 paths", ylabel="busiest path / even share")
ax.set_ylim(0, 5)
plt.show()

# %% [markdown]
# ## 6. Incast, slot by slot (6 points, 20 minutes)
#
# `N` senders answer one receiver at once.  All their packets queue at the switch port
# that leads to it.  The port passes one packet in a slot; each sender can send one in
# a slot, too.  A sender has at most `W` packets without an answer: its window.
#
# In every slot, from slot 0 on:
#
# 1. answers due in this slot reach their senders;
# 2. every sender with fewer than `W` unanswered packets sends one to the end of the
#    queue (who of them comes first changes no result);
# 3. if more than `B` packets are queued, one is lost: the run ends;
# 4. the port passes the packet at the head.  Its answer is due `rtt` slots later.
#
# After a loss go-back-N would send again all that follows the lost packet.  That is
# left out here: the run ends at the first loss.
#
# For example, two senders have two packets each, and `rtt` is 3.  Slot 0: two packets
# arrive, and one leaves.  Slot 1: two arrive and make three, and one leaves.  Slot 2:
# none arrive, and one leaves.  Slot 3: the first answer lets one packet in.


# %% answer="incast"
def incast(N, W, B, rtt, slots):
    """Return (lost, peak, busy) of one port over a number of slots.

    N senders, a window of W packets each, room for B packets; all at least 1
    rtt: slots from a packet's leaving the port to its answer, at least 1
    lost: slot of the first loss, or None
    peak: most packets queued after step 3 of a slot; B where one is lost
    busy: slots in which the port passed a packet; the slot of a loss is not one
    """
    ### BEGIN SOLUTION
    queue, answers, room = deque(), deque(), [W] * N
    peak = busy = 0
    for t in range(slots):
        while answers and answers[0][0] == t:
            room[answers.popleft()[1]] += 1
        for s in range(N):
            if room[s] > 0:
                room[s] -= 1
                queue.append(s)
        if len(queue) > B:
            return t, B, busy
        peak = max(peak, len(queue))
        if queue:
            answers.append((t + rtt, queue.popleft()))
            busy += 1
    return None, peak, busy
    ### END SOLUTION


# %% check="incast-two" points=2
# The example with room for three packets and for two; then one sender alone.
why = {1: "only more than B packets are a loss", 2: "a sender stops at W unanswered"}
why[4] = "a packet that queues leaves later, and is answered later"
slips = {"lost": why, "peak": {2: "count before the port takes one, not after"}}
slips["busy"] = {4: "answers open the window again"}
ports.ran("two senders, W = 2, B = 3", incast(2, 2, 3, 3, 12), (None, 3, 12), slips)
slips = {"peak": {3: "the third was lost"}, "busy": {2: "not the slot of the loss"}}
ports.ran("two senders, W = 2, B = 2", incast(2, 2, 2, 3, 12), (1, 2, 1), slips)
due = "an answer is due rtt slots after its packet leaves, and comes first in its slot"
slips = {2: "answers open the window again", 100: "W packets in each rtt"}
slips = {"busy": slips | {19: f"yours comes late; {due}", 23: f"yours is early; {due}"}}
ports.ran("one sender, rtt = 10", incast(1, 2, 1, 10, 100), (None, 1, 20), slips)

# %% check="incast-many" points=4 hidden="other N, W, B and rtt"
# Eight senders with a window of five: room for 36 packets is enough, for 35 is not.
name = "eight senders, W = 5"
ports.ran(f"{name}, B = 36", incast(8, 5, 36, 20, 200), (None, 36, 200))
ports.ran(f"{name}, B = 35", incast(8, 5, 35, 20, 200), (4, 35, 4))
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
cases = [(8, 5, 3, 20), (12, 2, 40, 60), (1, 9, 1, 4), (6, 30, 400, 7), (3, 1, 9, 1)]
for _ in range(25):
    N, W, rtt = (int(x) for x in rng.integers(1, [9, 15, 40]))
    cases.append((N, W, int(rng.integers(1, N * W + 3)), rtt))
for N, W, B, rtt in cases:
    passed, line, peak, lost = [], [], 0, None  # passed[t]: who left in slot t
    sent = [0] * N
    for t in range(150):
        answered = passed[: max(t - rtt + 1, 0)]
        arrive = [s for s in range(N) if sent[s] - answered.count(s) < W]
        sent = [sent[s] + (s in arrive) for s in range(N)]
        line += arrive
        if len(line) > B:
            lost, peak = t, B
            break
        peak = max(peak, len(line))
        passed.append(line.pop(0) if line else None)
    busy = sum(s is not None for s in passed)
    got = ports.outcome("other ports", incast(N, W, B, rtt, 150))
    what = "windows shorter than rtt" if rtt >= W else "windows longer than rtt"
    for i, want in enumerate((lost, peak, busy)):
        quantity = ("lost", "peak", "busy")[i]
        assert got[i] == want, f"other ports, {what}: {quantity} is wrong"
### END HIDDEN TESTS

# %% [markdown]
# Without points: the window that loses nothing.  Below are eight senders, room for 64
# packets, and an rtt of 40 slots.  What is the largest window without a loss?  Let
# packets shrink to nothing and draw the queue.  It grows until the windows are spent.
# Are some of the packets already answered when it is longest?  Write your formula as
# `largest`, then run.

# %% explore
# @title Your port, from a starving window to a lossy one
import matplotlib.pyplot as plt

plt.style.use("mlsyscore.figures")
N, B, rtt = 8, 64, 40
largest = B / N  # your formula
windows = list(range(1, 15))
runs = [incast(N, W, B, rtt, 4000) for W in windows]
share = [busy / 40 if lost is None else math.nan for lost, _, busy in runs]
fig, ax = plt.subplots()
ax.plot(windows, share, "o-", color="C2", label="port busy (%)")
ax.plot(windows, [run[1] for run in runs], "s--", color="C1", label="longest queue")
ax.axvline(largest, color="0.4", ls=":", label="your formula")
ax.set(xlabel="window (packets)", ylabel="% or packets", ylim=(0, 110))
ax.legend()
plt.show()
kept = max(W for W, run in zip(windows, runs, strict=True) if run[0] is None)
print(f"the largest window without a loss is {kept}; you say {largest:.2f}")

# %% [markdown]
# ## 7. The judgement (2 points, 10 minutes)
#
# A ring all-reduce over 64 hosts, one rank on each; 5 GB per rank, ports of 50 GB/s.
# The fabric has two halves of 32 hosts, and the cut between them is oversubscribed
# 4:1.  Placement A puts ranks 0 to 31 in one half.  Placement B alternates halves
# from rank to rank.  Which bytes cross the cut, one way, under each, and does the step
# wait for the cut or for the ports?  Would adaptive routing mend it?  Answer in three
# sentences: one for each placement, with its bytes and its time, and one on routing.

# %% [markdown] essay="placement" points=2
# Every rank sends 2 x 63/64 x 5 GB = 9.84 GB to its right-hand neighbour, and under A
# only the messages of one rank cross each way, 9.84 GB, which the cut of 32 x 50/4 =
# 400 GB/s passes in 25 ms while the ports need 197 ms: the ports decide.  Under B all
# 32 ranks of a half send across, 315 GB, so the cut needs 787 ms, four times as long
# as the ports.  Adaptive routing spreads bytes evenly over the cut but adds no cable
# to it; moving the ranks takes the bytes away.
