# %% [markdown]
# # Lab 3 · Network fabrics
#
# **Time** 90 minutes. **Points** 36. **Runtime** any CPU; no GPU.
# **Hand in** this notebook, saved as `03_network_fabrics.ipynb`.
#
# You will
#
# 1. fit a link to timings of which some are wrong, and name those;
# 2. wire a fat-tree, cable by cable;
# 3. find the narrowest cut of any fabric, with switches dead;
# 4. compute how far oversubscription slows a step that mixes collectives;
# 5. simulate flows that hash to one path, with an error bar;
# 6. play incast out slot by slot, and find the window that loses nothing.
#
# A question asks for a function.  Fill its body; leave its name and arguments.
# The cells between are locked.  Visible checks tell you what they expect; more
# checks run when the lab is graded.

# %%
import itertools
import math
from collections import Counter, defaultdict, deque  # noqa: F401

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np

from mlsyscore import network
from mlsyscore.catalog import NDR
from mlsyscore.checks import close, number
from mlsyscore.harness.answers import must_raise, positions, values
from mlsyscore.harness.fabric import cabled, pod_of, scattered, timings
from mlsyscore.network import Link, fit_link
from mlsyscore.units import GB, KB, MB, si, us

# %% [markdown]
# ## 1. A link from bad timings (5 points)
#
# A benchmark sends messages of several sizes, each size many times.  The good
# timings scatter by a few per cent about $\alpha + n/\beta$.  A few are ten times too
# slow: another job was in the way.  A few are ten times too short: the clock was read
# before the message had arrived.  There may be more of one kind than of the other.
#
# Let a size count by its *relative* error, as chapter 3 does.  Large messages have
# large absolute errors, and next to them $\alpha$ is invisible.  `fit_link` does that
# much, but it trusts every timing it is given.


# %% answer="fit"
def fit_alpha_beta(n, T):
    """Return (link, suspects): a Link fitted to the good timings, and the bad ones.

    n, T: arrays of equal length, bytes and seconds, in any order.  Each size occurs
        at least nine times, and at most a fifth of its timings are bad.
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


# %%
def fitted(name, answer, count):
    """The link and the suspects in an answer; AssertionError if it is no such pair."""
    link, suspects = values(f"{name}: (link, suspects)", answer, 2)
    assert isinstance(link, Link), f"{name}: a Link is expected, not {link!r:.60}"
    return link, positions(f"{name}: the suspects", suspects, count)


# %% [markdown]
# Without noise: 2 µs to start, 25 GB/s.  50 kB take 4 µs.

# %% check="fit-line" points=1
true = Link(2 * us, 25 * GB)
n = np.repeat([1e3, 50e3, 1e6], 9)
link, suspects = fitted("a clean line", fit_alpha_beta(n, true.time(n)), 27)
close("alpha of a clean line", link.alpha, true.alpha, "us", rel=1e-3)
slips = {1 / true.beta**2: "seconds per byte, not bytes per second"}
close("beta of a clean line, in GB/s", link.beta, true.beta, "GB", slips, rel=1e-3)
assert suspects == [], f"a clean line has no suspects; you name {suspects}"
same = np.full(9, 1e3), np.full(9, 2 * us)
must_raise("only one size", ValueError, fit_alpha_beta, *same)

# %% [markdown]
# The same link, with noise and bad timings.  Both numbers must come within 4 %.

# %% check="fit-robust" points=3 hidden="other links; a few timings of many sizes"
cases = [(Link(2 * us, 25 * GB), {})]
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for alpha, slow, short in [(0.5, 1, 1), (1.5, 3, 1), (5, 1, 3), (20, 3, 0)]:
    beta = float(rng.uniform(30, 400)) * KB / (alpha * us)  # n* from 30 to 400 kB
    cases.append((Link(alpha * us, beta), {"slow": slow, "short": short}))
for _ in range(8):  # the medians of one size alone deviate by 3 %
    few = {"repeats": 9, "short": 0, "sizes": 80, "noise": 0.06}
    cases.append((Link(float(rng.uniform(1, 9)) * us, 25 * GB), few))
### END HIDDEN TESTS
rng = np.random.default_rng(3)
for true, how in cases:
    n, T, bad = timings(rng, true, **how)
    link, suspects = fitted("noisy timings", fit_alpha_beta(n, T), n.size)
    hint = {"alpha": "Do large messages alone decide it, or a few bad timings?"}
    hint["beta"] = "Do a few bad timings pull it, slow ones or short ones?"
    for what in ("alpha", "beta"):
        off = number(what, getattr(link, what)) / getattr(true, what)
        # the medians' standard error is under 0.5 %: this is more than five of them
        assert abs(off - 1) < 0.04, (
            f"{what}: {off:.3g} times the true one; 0.96 to 1.04 is expected. "
            f"{hint[what]}"
        )

# %% check="fit-suspects" points=1 hidden="timings off by other factors, near 3"
rng = np.random.default_rng(3)
n, T, bad = timings(rng, Link(2 * us, 25 * GB))
link, suspects = fitted("noisy timings", fit_alpha_beta(n, T), n.size)
missed, wronged = set(bad) - set(suspects), set(suspects) - set(bad)
slow = sum(T[i] > 3 * (2 * us + n[i] / (25 * GB)) for i in missed)
assert not missed, f"missed: {slow} slow timings and {len(missed) - slow} short ones"
assert not wronged, f"{len(wronged)} good timings are called suspects"
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
true = Link(5 * us, 12.5 * GB)
n, T, bad = timings(rng, true, repeats=15)
good = set(range(n.size)) - set(bad)
near = [next(i for i in good if n[i] == size) for size in np.unique(n)]
T[near] = true.time(n[near]) * np.tile([2.7, 1 / 2.7, 3.3, 1 / 3.3], 3)
bad = sorted(bad + [i for j, i in enumerate(near) if j % 4 > 1])
link, suspects = fitted("other timings", fit_alpha_beta(n, T), n.size)
assert suspects == bad, "timings off by other factors: those beyond 3 are meant"
### END HIDDEN TESTS

# %% [markdown]
# Where do the suspects lie?  Below $n^* = \alpha\beta$ more than half of the time is
# start-up, which no faster link shortens.

# %% explore
plt.style.use("mlsyscore.figures")
n, T, _ = timings(np.random.default_rng(3), Link(2 * us, 25 * GB))
link, suspects = fit_alpha_beta(n, T)
fig, ax = plt.subplots()
ax.loglog(n, T / us, ".", color="0.6", label="timings")
ax.loglog(n[suspects], T[suspects] / us, "kx", label="suspects")
ax.loglog(np.sort(n), link.time(np.sort(n)) / us, "k-", label="your fit")
ax.axvline(link.half, color="0.4", linestyle=":", label=f"n* = {si(link.half, 'B')}")
ax.set(xlabel="message size (B)", ylabel="time (µs)")
ax.legend()
print(f"{link.alpha / us:.3f} µs, {link.beta / GB:.2f} GB/s, {len(suspects)} suspects")

# %% [markdown]
# ## 2. A fat-tree, cable by cable (8 points)
#
# Every switch has `k` ports, and all are used.  The tree has `k` pods.  A pod has
# `k/2` edge switches and `k/2` aggregation switches.
#
# - An edge switch has `k/2` hosts below it and is joined to every aggregation switch
#   of its pod.
# - An aggregation switch is joined to `k/2` core switches.
# - A core switch is joined to every pod, once.
#
# Names are a letter and a number from 0: hosts `h0`, `h1`, ...; edge switches `e0`,
# ...; aggregation switches `a0`, ...; core switches `c0`, ...  Edge and aggregation
# switches are numbered pod by pod, hosts by their edge switch: with 4-port switches
# `e0`, `e1`, `a0` and `a1` are in pod 0, with `h0` and `h1` below `e0`, `h2` and `h3`
# below `e1`.  Any wiring that keeps to this will do.  Graded checks also run a
# min-cut over your cables, whole and with a core switch dead.


# %% answer="tree"
def fat_tree(k):
    """Return the cables of a three-tier fat-tree of k-port switches.

    A list of pairs of names, each cable once, its two ends in either order.
    Raises ValueError unless k is even and at least 2.
    """
    ### BEGIN SOLUTION
    if k < 2 or k % 2:
        raise ValueError(f"k is even and at least 2, not {k}")
    half, cables = k // 2, []
    for pod in range(k):
        for i, j in itertools.product(range(half), repeat=2):
            edge = pod * half + i
            cables.append((f"h{edge * half + j}", f"e{edge}"))
            cables.append((f"e{edge}", f"a{pod * half + j}"))
            cables.append((f"a{edge}", f"c{i * half + j}"))
    return cables
    ### END SOLUTION


# %% [markdown]
# Four ports: 16 hosts, 20 switches, 48 cables.

# %% check="tree-parts" points=2 hidden="switches with other numbers of ports"
sizes, odd = [4], [3]
### BEGIN HIDDEN TESTS
sizes, odd = [4, 2, 6, 8, 10, 12], [3, 7, 1, 0, -2, -3]
### END HIDDEN TESTS
for k in sizes:
    cables = values(f"{k} ports: cables", fat_tree(k))
    table = cabled(cables)
    plan = {"h": k**3 / 4, "e": k**2 / 2, "a": k**2 / 2, "c": k**2 / 4}
    for tier, want in plan.items():
        got = {x for x in table if x[0] == tier}
        slips = {k / 2: "half of a switch's ports go up, half go down"}
        slips |= {2 / k: "k^2/2 hosts are those of two tiers"} if tier == "h" else {}
        close(f"{k} ports: names with {tier}", len(got), want, "", slips)
        names = {f"{tier}{i}" for i in range(len(got))}
        assert got == names, f"{k} ports: {tier}0, {tier}1, ... leave no number out"
    close(f"{k} ports: cables", len(cables), 3 * k**3 / 4)
for k in odd:
    must_raise(f"{k}-port switches", ValueError, fat_tree, k)

# %% check="tree-wiring" points=3 hidden="switches with other numbers of ports"
sizes = [4]
### BEGIN HIDDEN TESTS
sizes = [4, 2, 6, 8, 10, 12]
### END HIDDEN TESTS
for k in sizes:
    plan = {"h": {"e": 1}, "e": {"h": k // 2, "a": k // 2}}
    plan |= {"a": {"e": k // 2, "c": k // 2}, "c": {"a": k}}
    table = cabled(fat_tree(k))
    assert table, f"{k} ports: there are no cables"
    for x, near in table.items():
        has = dict(Counter(y[0] for y in near))
        assert has == plan[x[0]], f"{k} ports: {x} has {has}, expected {plan[x[0]]}"
        assert len(set(near)) == len(near), f"{k} ports: {x} has a cable twice"
        if x[0] == "h":
            edge = f"e{int(x[1:]) // (k // 2)}"
            assert near == [edge], f"{k} ports: {x} is below {near[0]}, not {edge}"
        pods = sorted(pod_of(y, k) for y in near if y[0] != "c")
        want = list(range(k)) if x[0] == "c" else [pod_of(x, k)] * len(pods)
        once = "; a core switch reaches every pod once" * (x[0] == "c")
        assert pods == want, f"{k} ports: {x} reaches pods {pods}, not {want}{once}"

# %% [markdown]
# Two hosts of different pods are six cables apart, and `k^2/4` shortest paths join
# them: one over each core switch.

# %% check="tree-paths" points=3 hidden="cuts in other trees, a core switch dead"
cables = [tuple(pair) for pair in values("cables", fat_tree(4))]
cabled(cables)
G = nx.Graph(cables)
lacks = {f"h{i}" for i in range(16)} - set(G)
assert not lacks, f"16 hosts, h0 to h15: {min(lacks, default='')} has no cable"
assert nx.is_connected(G), "some hosts cannot reach each other"
for there, apart, want in [("h1", 2, 1), ("h3", 4, 2), ("h15", 6, 4)]:
    paths = list(nx.all_shortest_paths(G, "h0", there))
    close(f"cables on the way from h0 to {there}", len(paths[0]) - 1, apart)
    slips = {2: "a core switch reaches every pod once"}
    close(f"shortest paths from h0 to {there}", len(paths), want, "", slips)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)


def least_cut(G, left):
    """Min-cut between the hosts in left and the other hosts."""
    F = nx.Graph(G)
    nx.set_edge_attributes(F, 1, "capacity")
    for x in [x for x in G if x[0] == "h"]:
        F.add_edge("left" if x in left else "right", x)
    return nx.minimum_cut_value(F, "left", "right")


for k in (2, 4, 6, 8):
    cables, N = [tuple(pair) for pair in values("cables", fat_tree(k))], k**3 // 4
    cabled(cables)
    whole = nx.Graph(cables)
    broken = nx.restricted_view(whole, [f"c{rng.integers(k**2 // 4)}"], [])
    hosts = [f"h{i}" for i in range(N)]
    one = set(hosts) <= set(whole) and nx.is_connected(whole)
    assert one, "other sizes: some hosts cannot reach each other"
    mixed = [f"h{i}" for i in rng.permutation(N)[: N // 2]]
    cases = [("half of the pods", whole, hosts[: N // 2], N // 2)]
    cases += [("one pod", whole, hosts[: N // k], N // k)]
    cases += [("any half of the hosts", whole, mixed, N // 2)]
    if k > 2:
        cases += [("half of the pods", broken, hosts[: N // 2], N // 2 - k // 2)]
        cases += [("one pod", broken, hosts[-N // k :], N // k - 1)]
    if k % 4 == 0:
        cases += [("every second host", broken, hosts[::2], N // 2)]
    for what, G, left, want in cases:
        what += ", one core switch dead" * (G is broken)
        assert least_cut(G, left) == want, f"the cut around {what} has the wrong width"
### END HIDDEN TESTS

# %% [markdown]
# ## 3. The cut that all share (4 points)
#
# No routing, adaptive or not, carries more than the narrowest cut.  Write the min-cut
# between some hosts and all other hosts.  It must serve any fabric: cables may be
# doubled, hosts may have several cables and may forward, as they do in a torus.
# `networkx` is there as `nx`; an edge without the attribute `capacity` is
# unlimited there, and a `Graph` keeps one edge between two nodes.


# %% answer="cut"
def cut(cables, left, dead):
    """Fewest cables whose loss parts the hosts in left from all other hosts.

    cables: list of pairs of names; a pair that is listed twice is two cables.
        Names of hosts begin with h, names of switches do not.
    left: list of hosts, neither none nor all
    dead: list of switches that have failed, with every cable of theirs; may be empty
    Returns an int; 0 where no path is left.
    """
    ### BEGIN SOLUTION
    G = nx.Graph()
    for x in {x for pair in cables for x in pair if x.startswith("h")}:
        G.add_edge("left side" if x in left else "right side", x)
    alive = Counter(tuple(sorted(p)) for p in cables if not set(p) & set(dead))
    for (x, y), count in alive.items():
        G.add_edge(x, y, capacity=count)
    return nx.minimum_cut_value(G, "left side", "right side")
    ### END SOLUTION


# %% [markdown]
# Two leaves with two hosts each, two spines, one cable between each leaf and spine.
# Then the same with doubled cables and four hosts to a leaf.

# %% check="cut-leaves" points=2
hosts = [("h0", "leaf0"), ("h1", "leaf0"), ("h2", "leaf1"), ("h3", "leaf1")]
mesh = [(f"leaf{i}", f"spine{j}") for i in (0, 1) for j in (0, 1)]
slips = {2: "the dead spine still carries", 0: "a spine is left"}
close("two leaves", cut(hosts + mesh, ["h0", "h1"], []), 2)
got = cut(hosts + mesh, ["h0", "h1"], ["spine0"])
close("two leaves, spine0 dead", got, 1, "cables", slips)
back = [pair[::-1] for pair in hosts + mesh]
got = cut(back, ["h0", "h1"], ["spine0"])
close("the same, each pair turned round", got, 1, "cables", slips)
close("two leaves, no spine", cut(hosts + mesh, ["h0", "h1"], ["spine0", "spine1"]), 0)
close("one host", cut(hosts + mesh, ["h3"], []), 1)
close("a half with a host on each leaf", cut(hosts + mesh, ["h0", "h2"], []), 2)
hosts += [("h4", "leaf0"), ("h5", "leaf0"), ("h6", "leaf1"), ("h7", "leaf1")]
slips = {0.5: "a pair that is listed twice is two cables"}
got = cut(hosts + mesh + mesh, ["h0", "h1", "h4", "h5"], [])
close("doubled cables", got, 4, "cables", slips)

# %% [markdown]
# A torus of 4 x 4 hosts, without a switch: each line is cut twice.

# %% check="cut-any" points=2 hidden="irregular fabrics, dead switches"
torus = nx.grid_graph([4, 4], periodic=True)
cables = [(f"h{4 * a + b}", f"h{4 * c + d}") for (a, b), (c, d) in torus.edges]
want = network.torus_cut(4, 2)
slips = {0.5: "every line of a torus closes on itself"}
got = cut(cables, [f"h{i}" for i in range(8)], [])
close("half of a 4 x 4 torus", got, want, "cables", slips)
close("one host of a torus", cut(cables, ["h5"], []), 4)
### BEGIN HIDDEN TESTS
pairs = [("h0", "s0"), ("s0", "h0"), ("s0", "s1"), ("s1", "s0"), ("s1", "h1")]
pairs += [("h1", "s2"), ("s2", "s1")]
for left, dead, want in [
    ("h0", "s0", 0),
    ("h1", "s0", 0),
    ("h1", "s2", 1),
    ("h0", "", 2),
]:
    got = cut(pairs, [left], [dead] if dead else [])
    close("two hosts, at most one switch dead", got, want, "cables")
rng = np.random.default_rng(17)
for _ in range(25):
    switches = [f"s{i}" for i in range(6)]
    cables = [(f"h{i}", str(rng.choice(switches))) for i in range(7)]
    cables += [(str(rng.choice(switches)), "h0"), ("h1", "h2")]
    for _ in range(int(rng.integers(6, 16))):
        x, y = rng.choice(switches, 2, replace=False)
        cables += [(str(x), str(y))] * int(rng.integers(1, 3))
    dead = [str(x) for x in rng.choice(switches, int(rng.integers(3)), replace=False)]
    left = [f"h{i}" for i in rng.permutation(7)[: int(rng.integers(1, 6))]]
    widths = []
    for sides in itertools.product((False, True), repeat=6):
        side = dict(zip(switches, sides, strict=True))
        side |= {f"h{i}": f"h{i}" in left for i in range(7)}
        alive = [pair for pair in cables if not set(pair) & set(dead)]
        widths.append(sum(side[x] != side[y] for x, y in alive))
    got = number("the cut of another fabric", cut(cables, left, dead))
    assert got == min(widths), (
        "irregular fabrics, with doubled cables, hosts that forward and dead switches: "
        "this is not the fewest cables"
    )
### END HIDDEN TESTS

# %% [markdown]
# Your two functions together.  Core switches of an 8-port tree fail, one after
# another.  One half of the hosts is four pods; the other takes every second host
# under each edge switch.  Which of the two notices?

# %% explore
plt.style.use("mlsyscore.figures")
cables = fat_tree(8)
halves = {"four whole pods": [f"h{i}" for i in range(64)]}
halves["every second host"] = [f"h{i}" for i in range(0, 128, 2)]
fig, ax = plt.subplots()
for (what, left), mark in zip(halves.items(), ("o-", "s--"), strict=True):
    dead = range(0, 17, 2)
    widths = [cut(cables, left, [f"c{i}" for i in range(d)]) for d in dead]
    ax.plot(dead, widths, mark, label=what)
ax.axhline(network.fat_tree_bisection(128, 1), color="0.6", label="N/2")
ax.set(xlabel="core switches dead, of 16", ylabel="cut (cables)", ylim=(0, 75))
_ = ax.legend(loc="lower left")

# %% [markdown]
# ## 4. A step on narrow uplinks (4 points)
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


# %% [markdown]
# One collective of 30 ms after 70 ms of compute, at 4:1.  If all of it crosses, the
# chapter's law holds: 1.9 times.  If half of it crosses it takes 60 ms.

# %% check="slowdown-one" points=2
want = 1 / network.relative_throughput(0.3, 4)
slips = {1 / want**2: "throughput; its inverse is asked for"}
slips |= {4 / want: "compute does not slow down"}
close("all of 30 ms crosses", slowdown(0.07, [(0.03, 1.0, False)], 4), want, "", slips)
got = slowdown(0.07, [(0.03, 0.5, False)], 4)
slips = {1.45 / 1.3: "bytes that stay and bytes that cross move at the same time"}
slips |= {1.9 / 1.3: "only the share that crosses meets the uplinks"}
slips |= {(0.13 / 0.085) / 1.3: "at 1:1 the ports decide"}
close("half of 30 ms crosses", got, 1.3, "", slips)
got = slowdown(0.07, [(0.03, 1 / 16, False)], 4)
slips = {1.9: "only the share that crosses meets the uplinks"}
close("one byte of 16 crosses; the ports still need 30 ms", got, 1.0, "", slips)

# %% [markdown]
# 60 ms of compute, an all-reduce of 40 ms beside it, an all-to-all of 20 ms after it.
# At 2:1 the all-reduce, which crosses whole, outlasts the compute.  The other, of
# which half crosses, does not notice.

# %% check="slowdown-mix" points=2 hidden="other mixes; none is one, too"
mix = [(0.04, 1.0, True), (0.02, 0.5, False)]
slips = {0.8: "an overlap hides no more than the compute"}
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
# Three collectives of equal time at 1:1, after as much compute.  Which pays first?

# %% explore
plt.style.use("mlsyscore.figures")
fig, ax = plt.subplots()
ratios = np.linspace(1, 8, 141)
kinds = {"all-to-all": 1.0, "half crosses": 0.5, "ring by leaf": 1 / 16}
for what, cross in kinds.items():
    slow = [slowdown(1.0, [(1.0, cross, False)], float(r)) for r in ratios]
    ax.plot(ratios, slow, label=f"{what}, {cross:.2f}")
ax.set(xlabel="oversubscription r", ylabel="slow-down of the step")
_ = ax.legend(title="share that crosses")

# %% [markdown]
# ## 5. Flows that meet on one path (5 points)
#
# ECMP hashes each flow to one of several equal paths, and all of the flow stays
# there.  The collective waits for the busiest path.  Simulate: in each trial every
# flow takes a path, all paths equally likely, each flow for itself.  Note the bytes
# on the busiest path, as a multiple of an even spread, the sum of the sizes over the
# number of paths.  Return the mean over the trials and its standard error,
# $s/\sqrt{\mathrm{trials}}$.


# %% answer="ecmp"
def ecmp(sizes, paths, trials, seed):
    """Return (load, error): mean load of the busiest path, and its standard error.

    sizes: list of the bytes of each flow; paths: how many; trials: at least 2
    seed: an int.  The same seed gives the same answer; others give other draws.
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


# %%
def loads(name, answer):
    """The load and the error in an answer; AssertionError if it is no such pair."""
    load, error = values(f"{name}: (load, error)", answer, 2)
    return number(f"{name}, the load", load), number(f"{name}, error", error)


# %% [markdown]
# Two equal flows, two paths: they meet in half of the trials, so the load is 1.5 and
# one trial deviates by 0.5.  A hundred times as many trials, a tenth of the error.

# %% check="ecmp-two" points=2
for trials in (100, 10_000):
    label, true = f"two flows, two paths, {trials} trials", 0.5 / math.sqrt(trials)
    load, error = loads(label, ecmp([1 * GB, 1 * GB], 2, trials, 1))
    assert abs(load - 1.5) < 6 * true, (
        f"{label}: the load is {load:.4g}; 1.5 is expected, give or take {true:.3f}. "
        "In half of the trials both flows take one path, and it carries twice its share"
    )
    slips = {0.5 / true: "the deviation of one trial, not of the mean"}
    slips |= {0.25 / true: "a variance", 0: "do the trials differ?"}
    slips |= {1 / math.sqrt(trials): "the square root of the trials divides"}
    close(f"{label}, the error", error, true, "", slips, rel=0.2)
one = loads("one path", ecmp([3 * GB, 1 * GB], 1, 50, 1))
close("one path, the load", one[0], 1.0)

# %% [markdown]
# Sixteen equal flows on sixteen paths: the busiest carries 3.08 flows on average.
# An elephant of 9 GB among three mice of 1 GB, on four paths: each mouse meets it in
# a quarter of the trials, so 9.75 GB on average, 3.25 times the share.  Over many
# seeds the loads must scatter as their errors say.

# %% check="ecmp-any" points=3 hidden="other flows and paths, equal and unequal"
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
for label, sizes, paths, mean, deviation in cases:
    true = deviation / math.sqrt(400)
    runs = [loads(label, ecmp(sizes, paths, 400, seed)) for seed in range(40)]
    scattered(label, runs, mean, true, 400)
    again = loads(label, ecmp(sizes, paths, 400, 7))
    assert again == runs[7], f"{label}: the same seed must give the same answer"

# %% [markdown]
# How many flows does it take to spread evenly?  Cut every elephant in pieces, and
# send each piece its own way: that is packet spraying.

# %% explore
plt.style.use("mlsyscore.figures")
counts = [8, 16, 32, 64, 128, 256, 512, 1024]
found = np.array([ecmp([1.0] * c, 16, 200, 1) for c in counts])
fig, ax = plt.subplots()
ax.errorbar(counts, found[:, 0], 2 * found[:, 1], fmt="o-", capsize=3)
ax.set_xscale("log", base=2)
ax.set(xlabel="equal flows on 16 paths", ylabel="busiest path / even share")
_ = ax.set_ylim(0, 5)

# %% [markdown]
# ## 6. Incast, slot by slot (5 points)
#
# `N` senders answer one receiver at once.  All their packets queue at the switch port
# that leads to it.  The port passes one packet in a slot; each sender can send one in
# a slot, too.  A sender has at most `W` packets without an answer: its window.
#
# In every slot, from slot 0 on:
#
# 1. answers due in this slot reach their senders;
# 2. every sender with fewer than `W` unanswered packets sends one, in the order of
#    their numbers, to the end of the queue;
# 3. if more than `B` packets are queued, one is lost: the run ends;
# 4. the port passes the packet at the head.  Its answer is due `rtt` slots later.
#
# Where go-back-N repairs a loss, all that follows the lost packet is sent again.  So
# the run ends at the first one.
#
# Two senders with two packets each, `rtt` 3.  Slot 0: two arrive, one leaves.  Slot 1:
# two arrive and make three, one leaves.  Slot 2: none arrive, one leaves.  Slot 3: the
# first answer lets one packet in.


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


# %%
def outcome(name, answer):
    """The three numbers in an answer; AssertionError if they are not there."""
    lost, peak, busy = values(f"{name}: (lost, peak, busy)", answer, 3)
    lost = None if lost is None else number(f"{name}, lost", lost)
    return lost, number(f"{name}, peak", peak), number(f"{name}, busy", busy)


# %% check="incast-two" points=2
lost, peak, busy = outcome("two senders", incast(2, 2, 3, 3, 12))
hint = {1: "only more than B packets are a loss", 2: "a sender stops at W unanswered"}
hint[4] = "a packet that queues leaves later, and is answered later"
assert lost is None, (
    f"two senders, W = 2, B = 3: you lose a packet in slot {lost:g}, where none is "
    f"lost; {hint.get(lost, 'follow the example above')}"
)
slips = {2 / 3: "count before the port takes one, not after"}
close("two senders: peak", peak, 3, "packets", slips)
slips = {1 / 3: "answers open the window again"}
close("two senders: busy slots of 12", busy, 12, "slots", slips)
lost, peak, busy = outcome("two senders", incast(2, 2, 2, 3, 12))
assert lost == 1, f"two senders, W = 2, B = 2: the loss is in slot 1, not {lost}"
close("two senders, B = 2: peak", peak, 2, "packets", {1.5: "the third was lost"})
slips = {2: "not the slot of the loss"}
close("two senders, B = 2: busy slots", busy, 1, "slots", slips)
lost, peak, busy = outcome("one sender", incast(1, 2, 1, 10, 100))
assert (lost, peak) == (None, 1), f"one sender, W = 2: no queue, not {lost}, {peak}"
slips = {0.1: "answers open the window again", 5: "W packets in each rtt, no more"}
close("one sender, W = 2, rtt = 10: busy slots of 100", busy, 20, "slots", slips)

# %% check="incast-many" points=3 hidden="other ports, windows and ways"
lost, peak, busy = outcome("eight senders", incast(8, 5, 36, 20, 200))
assert lost is None, f"eight senders, W = 5: 36 find room; lost in slot {lost:g}"
close("eight senders, W = 5: peak", peak, 7 * 5 + 1, "packets")
lost, peak, busy = outcome("eight senders", incast(8, 5, 35, 20, 200))
assert lost == 4, f"eight senders, W = 5, B = 35: the loss is in slot 4, not {lost}"
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
    got = outcome("other ports", incast(N, W, B, rtt, 150))
    what = "windows shorter than rtt" if rtt >= W else "windows longer than rtt"
    for i, want in enumerate((lost, peak, busy)):
        name = ("lost", "peak", "busy")[i]
        assert got[i] == want, f"other ports, {what}: {name} is wrong"
### END HIDDEN TESTS

# %% [markdown]
# ## 7. The window that loses nothing (3 points)
#
# Let packets shrink to nothing.  `N` senders start together, each at the rate of its
# own port.  The receiver's port passes bytes at that same rate, `beta`.  The answer to
# a byte comes back `rtt` after the byte has left the port.  Each sender has at most
# one window of bytes without an answer.
#
# The queue grows until the windows are spent.  If the first answers come before that,
# some of the bytes are already answered for when the queue is longest.  Draw both
# cases, then find the largest window whose queue stays within `buffer`, for good.
# (The chapter's $t = \mathrm{buffer}/((N-1)\beta)$ is when senders without a window
# would overflow it.)


# %% answer="window"
def safe_window(N, beta, buffer, rtt):
    """Largest window in bytes with which N senders never overflow a port's buffer.

    N: senders, at least 2; beta: bytes per second of every port
    buffer: bytes; rtt: seconds without any queue
    """
    ### BEGIN SOLUTION
    return min(buffer / (N - 1), (buffer + beta * rtt) / N)
    ### END SOLUTION


# %% [markdown]
# Five senders at 50 GB/s and an rtt of 10 µs, so 500 kB are under way when the first
# answer comes.  With 1 MB of buffer the windows must be spent before that.

# %% check="window-short" points=1
slips = {0.8: "the port empties the queue while it fills"}
slips |= {1.2: "no answer comes before these windows are spent"}
slips |= {2: "that is beta rtt: it fills the path of one sender, not of five"}
slips |= {0.4: "that fills the path, and leaves the buffer unused", 4: "of one sender"}
got = safe_window(5, 50 * GB, 1 * MB, 10 * us)
close("five senders, 1 MB", got, 250 * KB, "MB", slips)
got = safe_window(256, NDR.beta, 32 * MB, 10 * us)
close("256 senders on NDR, 32 MB", got, 32 * MB / 255, "MB", slips)

# %% [markdown]
# With 4 MB of buffer, answers come while the queue still grows.

# %% check="window-long" points=2 hidden="other ports, short rtt and long"
slips = {10 / 9: "a window is longer than 500 kB, so answers let more bytes in"}
slips |= {8 / 9: "500 kB are on their way, not in the queue"}
got = safe_window(5, 50 * GB, 4 * MB, 10 * us)
close("five senders, 4 MB", got, 900 * KB, "MB", slips)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)


def longest(W, N, D):
    """Longest queue, by small steps of time; D is beta rtt in bytes, a step is 1."""
    sent = left = peak = 0.0  # by each sender, by the port
    passed = []
    for t in range(int(2 * max(W, D)) + 2):
        answered = passed[t - int(D)] / N if t >= D else 0.0
        sent = min(sent + 1, W + answered)
        left = min(left + 1, N * sent)
        passed.append(left)
        peak = max(peak, N * sent - left)
    return peak


cases = [(int(rng.integers(2, 12)), ratio) for ratio in np.geomspace(0.05, 8, 12)]
for N, ratio in [(2, 0.75), (3, 0.8), *cases]:  # beta rtt over the buffer's share, W
    beta = float(rng.uniform(10, 100)) * GB
    step = float(rng.uniform(0.5, 5)) * KB
    D = int(400 * ratio) if ratio > 1 else 400
    buffer = (N - 1) * D / ratio
    W = safe_window(N, beta, buffer * step, D * step / beta)
    W = number("other ports", W) / step
    assert 0 < W < 20_000, "other ports: with your window it overflows"
    assert longest(0.98 * W, N, D) <= buffer, (
        "other ports: with your window it overflows"
    )
    assert longest(1.02 * W, N, D) > buffer, (
        "other ports: a larger window loses nothing"
    )
### END HIDDEN TESTS

# %% [markdown]
# Your port, from a starving window to a lossy one.  Eight senders, room for 64
# packets, an rtt of 40 slots.

# %% explore
plt.style.use("mlsyscore.figures")
windows = list(range(1, 15))
runs = [incast(8, W, 64, 40, 4000) for W in windows]
peaks = [peak for _, peak, _ in runs]
share = [busy / 40 if lost is None else math.nan for lost, _, busy in runs]
fig, ax = plt.subplots()
ax.plot(windows, share, "o-", label="port busy (%)")
ax.plot(windows, peaks, "s--", label="longest queue (packets)")
ax.axvline(safe_window(8, 1.0, 64, 40), color="0.4", linestyle=":", label="your window")
ax.set(xlabel="window (packets)", ylabel="% or packets", ylim=(0, 110))
_ = ax.legend()

# %% [markdown]
# ## 8. The judgement (2 points)
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
