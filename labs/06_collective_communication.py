# %% [markdown]
# # Lab 6 · Collective communication
#
# **Time** 75 minutes. **Points** 30. **Runtime** any CPU with two cores; no GPU.
# **Hand in** this notebook, saved as `06_collective_communication.ipynb`.
#
# You will
#
# 1. build a ring all-reduce from single messages between real processes;
# 2. write the time of an all-reduce over a fast and a slow link;
# 3. find the size at which one algorithm overtakes another;
# 4. compute the communication that a backward pass fails to hide;
# 5. choose a bucket size that meets a target;
# 6. compress gradients and keep what was left out.
#
# A question asks for a function.  Fill its body; leave its name and arguments.
# The cells between are locked.  Visible checks tell you what they expect; more
# checks run when the lab is graded.

# %%
import math
import time
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist

from mlsyscore import collectives
from mlsyscore.checks import close, number, same
from mlsyscore.collectives import ring_allreduce as ring_time
from mlsyscore.collectives import tree_allreduce as tree_time
from mlsyscore.network import Link
from mlsyscore.processes import run
from mlsyscore.units import GB, KB, MB, TB, Gbps, ms, second, us

nvlink = Link(alpha=0.5 * us, beta=450 * GB / second)
fabric = Link(alpha=5 * us, beta=400 * Gbps)

# %% [markdown]
# ## 1. A ring from single messages (8 points)
#
# Every rank holds a one-dimensional tensor `x`; all have the same length.  Every
# rank must end with their sum.
#
# You get a `comm` and nothing else.  `comm.isend(t, to)` posts tensor `t` to a
# rank; `comm.irecv(t, source)` posts a buffer `t` for a message from a rank.  Both
# return at once, with a request.  The buffer is filled when `request.wait()`
# returns.  A send waits until its receiver has posted a buffer, so a rank that
# waits for its send before it posts its receive waits for ever; here, six seconds.
#
# Cut `x` in `N` chunks.  In `N - 1` steps of reduce-scatter each rank passes a
# partial sum to its neighbour.  In `N - 1` steps of all-gather it passes finished
# chunks.  `comm` counts the bytes that leave: 2 (N - 1)/N of the tensor's size, and
# all of them to one neighbour.  Chunks may be empty: `N` may exceed the length.
# You may overwrite `x`.

# %%
PATIENCE = timedelta(seconds=6)


def another(other, rank, N):
    """Return other as an int; ValueError unless it is the rank of another process."""
    if other not in range(N) or other == rank:
        raise ValueError(f"rank {rank} of {N} cannot reach rank {other}")
    return int(other)


class Request:
    """A message under way."""

    def __init__(self, work, box, into=None):
        self.work, self.box, self.into = work, box, into

    def wait(self):
        """Return when the message has left, or has filled its buffer."""
        if self.work is not None:
            self.work.wait(PATIENCE)
            self.work = None
            if self.into is not None:
                self.into.copy_(self.box)


# %% [markdown]
# `comm` counts what its rank sends, and to whom.


# %%
class Comm:
    """Point-to-point messages of one rank, and a count of the bytes it sends."""

    def __init__(self, rank, N):
        self.rank, self.N = rank, N
        self.sent, self.peers, self.posted = 0, set(), []

    def isend(self, t, to):
        """Post t to rank `to`."""
        self.peers.add(another(to, self.rank, self.N))
        box = t.detach().clone().contiguous()
        self.sent += box.numel() * box.element_size()
        self.posted.append(Request(dist.isend(box, int(to)), box))
        return self.posted[-1]

    def irecv(self, t, source):
        """Post buffer t for a message from rank `source`."""
        source = another(source, self.rank, self.N)
        box = torch.empty(t.shape, dtype=t.dtype)
        return Request(dist.irecv(box, source), box, t)


# %% answer="ring"
def ring_allreduce(x, rank, N, comm):
    """Sum of every rank's x, by a ring of 2 (N - 1) messages.

    x: one-dimensional torch tensor, of equal length on each rank
    rank, N: this process and how many there are
    comm: has isend(t, to) and irecv(t, source); both return a request to wait() for
    Returns a tensor like x.
    """
    ### BEGIN SOLUTION
    chunks = list(x.clone().tensor_split(N))
    right, left = (rank + 1) % N, (rank - 1) % N

    def shift(outgoing, buffer):
        send = comm.isend(outgoing, right)
        comm.irecv(buffer, left).wait()
        send.wait()

    for step in range(N - 1):
        arriving = (rank - step - 1) % N
        buffer = torch.empty_like(chunks[arriving])
        shift(chunks[(rank - step) % N], buffer)
        chunks[arriving] += buffer
    for step in range(N - 1):
        shift(chunks[(rank + 1 - step) % N], chunks[(rank - step) % N])
    return torch.cat(chunks)
    ### END SOLUTION


# %% [markdown]
# A probe runs your function in one process, on each case in turn.


# %% probe="ring-rank"
def ring_rank(rank, N, cases):
    """One process: what each case gave, or how it failed."""
    results = []
    for case in cases:
        comm = Comm(rank, N)
        try:
            y = ring_allreduce(torch.tensor(case[rank]), rank, N, comm)
            if y is None:
                raise TypeError("a tensor like x is expected, not None")
            for request in comm.posted:
                request.wait()
            y = torch.as_tensor(y).detach().double().numpy()
        except Exception as e:
            lost = "gloo" in str(e) or "onnection" in str(e)
            why = "it waited for a message that did not come" if lost else str(e)
            error = f"rank {rank} of {N}: {type(e).__name__} {why[:200]}"
            return {"lost": lost, "error": error}
        results.append({"sum": y, "sent": comm.sent, "peers": sorted(comm.peers)})
    return results


# %% [markdown]
# Another starts `N` processes and collects what they saw.


# %% probe="run-ring"
def run_ring(cases):
    """Run ring_allreduce on cases, each a list of one array for each rank."""
    N = len(cases[0])
    try:
        ranks = run(ring_rank, N, cases, timeout=20.0)
    except (TimeoutError, RuntimeError, OSError) as e:
        why = f"{N} ranks: {type(e).__name__}: {str(e)[-300:]}"
        if "died" in why:
            why += " (a message longer than its buffer does that)"
        return {"error": why, "cases": []}
    failed = [r for r in ranks if isinstance(r, dict)]
    if failed:
        failed.sort(key=lambda r: r["lost"])
        return {"error": failed[0]["error"], "cases": []}
    keys = ("sum", "sent", "peers")
    cases = [{k: [r[c][k] for r in ranks] for k in keys} for c in range(len(cases))]
    return {"error": None, "cases": cases}


# %% [markdown]
# Three ranks, twelve values each.

# %% check="ring-three" points=2
inputs = [np.arange(12.0) + 100 * r for r in range(3)]
evidence = run_ring([inputs])
assert evidence["error"] is None, f"three ranks, twelve values: {evidence['error']}"
seen = evidence["cases"][0]
for r in range(3):
    same(f"three ranks, the sum on rank {r}", seen["sum"][r], sum(inputs))
    assert seen["sent"][r] > 0, f"rank {r} sent nothing through comm"

# %% [markdown]
# Any number of ranks, any length.

# %% check="ring-any" points=3
rng = np.random.default_rng(17)
plan = {2: [6, 5], 4: [10, 6, 3]}
### BEGIN HIDDEN TESTS
plan = {1: [7], 2: [1, 9], 3: [1, 2, 17, 0], 5: [3, 11, 8, 1]}
plan[4] = [6, 10, 3, *(int(n) for n in rng.integers(11, 60, 2))]
### END HIDDEN TESTS
for N in sorted(plan):
    cases = [[rng.normal(size=n) for _ in range(N)] for n in plan[N]]
    evidence = run_ring(cases)
    usual = "where N does not divide the length, chunks differ in length or are empty"
    usual = usual if N > 1 else "one rank has nobody to send to"
    assert evidence["error"] is None, f"{evidence['error']}; {usual}"
    for case, seen in zip(cases, evidence["cases"], strict=True):
        for r in range(N):
            label = f"{N} ranks, length {len(case[0])}, the sum on rank {r}"
            same(label, seen["sum"][r], sum(case), show=False)
        want = len(case[0]) if N > 1 else 0
        assert sum(seen["sent"]) >= want, f"{N} ranks sent too little through comm"

# %% [markdown]
# Each rank sends 2 (N - 1)/N of the bytes, to one neighbour.  Where `N` does not
# divide the length, equal chunks of the next larger size are the limit.

# %% check="ring-bytes" points=3
rng = np.random.default_rng(17)
plan = [(4, 4000)]
### BEGIN HIDDEN TESTS
plan += [(3, 3 * int(rng.integers(200, 900))), (5, 1003)]
### END HIDDEN TESTS
for N, length in plan:
    case = [rng.normal(size=length) for _ in range(N)]
    evidence = run_ring([case])
    assert evidence["error"] is None, evidence["error"]
    seen, chunk = evidence["cases"][0], 8 * math.ceil(length / N)
    slips = dict.fromkeys((N / 2, N), "the whole tensor at each step, not a chunk")
    slips |= {0: "no message went through comm", 0.5: "one of the two phases"}
    for r in range(N):
        same(f"{N} ranks, the sum on rank {r}", seen["sum"][r], sum(case), show=False)
        sent, want = seen["sent"][r], 2 * (N - 1) / N * 8 * length
        if not 16 * length - 2 * chunk <= sent <= 2 * (N - 1) * chunk:
            label = f"bytes sent by rank {r} of {N}, {8 * length} B in the tensor"
            close(label, sent, want, "B", slips)
        to = seen["peers"][r]
        assert to in ([(r + 1) % N], [(r - 1) % N]), (
            f"rank {r} of {N} sent to ranks {to}; a ring sends to one neighbour"
        )

# %% [markdown]
# How far is your ring from gloo's own all-reduce?  Small messages cost you
# start-ups; what do large ones cost?


# %% explore
def race(rank, N, sizes):
    """Median seconds of your ring and of gloo's, for each size in bytes."""

    def median(f, x):
        runs = []
        for _ in range(5):
            dist.barrier()
            start = time.perf_counter()
            f(x)
            runs.append(time.perf_counter() - start)
        return float(np.median(runs))

    times = []
    for n in sizes:
        x = torch.zeros(n // 8, dtype=torch.float64)
        yours = median(lambda x: ring_allreduce(x, rank, N, Comm(rank, N)), x)
        times.append([yours, median(dist.all_reduce, x)])
    return times


sizes = [8 * 2**k for k in (7, 12, 16, 19)]
for n, (yours, gloo) in zip(sizes, run(race, 2, sizes)[0], strict=True):
    print(f"{n / KB:9.0f} kB   yours {yours / ms:7.2f} ms   gloo {gloo / ms:7.2f} ms")

# %% [markdown]
# ## 2. Two levels (4 points)
#
# `nodes` nodes hold `per_node` devices each.  Devices of a node share a fast link
# type, `inside`; each device also has its own link to other nodes, `across`.  Do a
# reduce-scatter inside every node.  Then devices that hold the same shard
# all-reduce it across nodes, in a ring, all shards at once.  Then do an all-gather
# inside every node.  `mlsyscore.collectives` holds the laws of the three phases.


# %% answer="two-level"
def two_level(n, nodes, per_node, inside, across):
    """Seconds to all-reduce n bytes over nodes x per_node devices."""
    ### BEGIN SOLUTION
    return (
        collectives.reduce_scatter(n, per_node, inside)
        + collectives.ring_allreduce(n / per_node, nodes, across)
        + collectives.all_gather(n, per_node, inside)
    )
    ### END SOLUTION


# %% [markdown]
# One node is a ring on the fast link.  One device in a node is a ring on the slow
# one.

# %% check="two-level-ends" points=2
slips = {0.5: "one of the two phases inside the node is missing", 2: "counted twice"}
got = two_level(1 * GB, 1, 8, nvlink, fabric)
close("1 GB on 1 node of 8", got, ring_time(1 * GB, 8, nvlink), "ms", slips)
got = two_level(1 * GB, 8, 1, nvlink, fabric)
close("1 GB on 8 nodes of 1", got, ring_time(1 * GB, 8, fabric), "ms", slips)

# %% [markdown]
# An `across` link that costs nothing leaves the time inside; an `inside` link that
# costs nothing leaves one shard across.

# %% check="two-level-general" points=2
free = Link(alpha=0.0, beta=1e30)
got = two_level(1 * GB, 16, 4, nvlink, free)
close("16 nodes of 4, across free", got, ring_time(1 * GB, 4, nvlink), "ms")
got = two_level(1 * GB, 16, 4, free, Link(0.0, 50 * GB))
want = 9.375 * ms
slips = {4: "the whole tensor goes across, not a shard of a quarter"}
slips |= {0.25: "the tensor is divided by the node's devices twice"}
slips |= {0.5: "an all-reduce has two phases", 4.2: "one flat ring over all 64"}
close("16 nodes of 4, inside free", got, want, "ms", slips)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for nodes, per_node in [(2, 4), (8, 8), (128, 8), (3, 5), (1, 1)]:
    n = float(rng.uniform(1, 900)) * MB
    fast = Link(float(rng.uniform(0.2, 2)) * us, float(rng.uniform(100, 900)) * GB)
    slow = Link(float(rng.uniform(2, 20)) * us, float(rng.uniform(5, 50)) * GB)
    want = ring_time(n, per_node, fast) + ring_time(n / per_node, nodes, slow)
    label = f"{nodes} nodes of {per_node}, both links slow"
    close(label, two_level(n, nodes, per_node, fast, slow), want, "ms", show=False)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. Where one law overtakes another (4 points)
#
# `f` and `g` are times as functions of a size in bytes.  Sizes span twelve powers of
# ten, so bisect in the logarithm: halve the interval at the geometric mean of its
# ends.  Go on until the ends agree to one part in 10^9.  Do not assume which of the
# two is faster at `low`.  If the same one is strictly faster at both ends there is no
# crossing to find: raise `ValueError`.


# %% answer="crossing"
def crossing(f, g, low, high):
    """Return the size n, low <= n <= high, at which f(n) = g(n).

    At most 500 calls of each function.
    Raises ValueError if the same one is strictly faster at low and at high.
    """
    ### BEGIN SOLUTION
    start, end = f(low) - g(low), f(high) - g(high)
    if start * end > 0:
        raise ValueError(f"no crossing between {low} and {high} bytes")
    if start == 0:
        return low
    while high / low > 1 + 1e-9:
        middle = math.sqrt(low * high)
        if (f(middle) - g(middle)) * start > 0:
            low = middle
        else:
            high = middle
    return math.sqrt(low * high)
    ### END SOLUTION


# %% [markdown]
# The probe makes two functions, counts their calls and notes what came back.  Two
# laws may meet at an end of the range: then neither is strictly faster there.


# %% probe="run-crossing"
def run_crossing(kinds, N, a, b, low, high):
    """Cross two laws, on N devices: one of kinds on link a, the other on link b."""
    laws = {"ring": ring_time, "tree": tree_time, "link": lambda n, N, at: at.time(n)}
    calls = [0, 0]

    def law(i, link):
        def time(n):
            calls[i] += 1
            if calls[i] > 100_000:
                raise RuntimeError("more than 100000 calls")
            return float(laws[kinds[i]](n, N, link))

        return time

    try:
        n = crossing(law(0, a), law(1, b), low, high)
    except Exception as e:
        kind, why = type(e).__name__, f"{type(e).__name__} {e!s:.80}"
        return {"raised": kind, "why": why, "size": None, "calls": max(calls)}
    return {"raised": None, "why": None, "size": n, "calls": max(calls)}


# %% check="crossing-found" points=2
want = collectives.crossover(64, fabric)
seen = run_crossing(["ring", "tree"], 64, fabric, fabric, 1.0, 1 * TB)
assert seen["raised"] is None, f"ring and tree on 64 cross, but: {seen['why']}"
close("ring and tree on 64 devices, to 1 in 10^6", seen["size"], want, "MB")
assert seen["calls"] <= 500, f"{seen['calls']} calls; bisection needs fewer than 500"
seen = run_crossing(["tree", "ring"], 64, fabric, fabric, 1.0, 1 * TB)
assert seen["raised"] is None, f"tree and ring on 64 cross, but: {seen['why']}"
slips = {1 / want: "exchanged, f is the slower one at low"}
slips |= {1 * TB / want: "exchanged, f is the slower one at low"}
close("tree and ring, exchanged, on 64 devices", seen["size"], want, "MB", slips)
for low, high in [(1.0, 1 * TB), (1e-6, 1.0)]:  # 1 + n against 2 n
    seen = run_crossing(["link"] * 2, 2, Link(1.0, 1.0), Link(0.0, 0.5), low, high)
    assert seen["raised"] is None, f"they meet at an end, at 1 B, but: {seen['why']}"
    close(f"1 + n = 2 n from {low:g} B to {high:g} B", seen["size"], 1.0, "B")
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for size in (3e2, 4e5, 7e10):
    for swap in (False, True):
        slow = float(rng.uniform(1, 9)) * GB
        quick = Link(1 * us, slow)
        wide = Link(1 * us + size * (1 / slow - 1 / (10 * slow)), 10 * slow)
        pair = (wide, quick) if swap else (quick, wide)
        seen = run_crossing(["link", "link"], 2, *pair, 1.0, 1 * TB)
        assert seen["raised"] is None, f"two other laws: {seen['raised']}"
        close("the crossing of two other laws", seen["size"], size, "B", show=False)
        assert seen["calls"] <= 500, f"{seen['calls']} calls for two other laws"
### END HIDDEN TESTS

# %% check="crossing-none" points=2
seen = run_crossing(["ring", "tree"], 64, fabric, fabric, 1 * GB, 1 * TB)
assert seen["raised"] == "ValueError", (
    "above 1 GB the ring is always faster than the tree: ValueError is expected, not "
    f"{seen['why'] or seen['size']}"
)
### BEGIN HIDDEN TESTS
for kinds in (["tree", "ring"], ["ring", "tree"]):
    for low, high in [(1.0, 1 * KB), (10 * GB, 1 * TB)]:
        seen = run_crossing(kinds, 256, fabric, fabric, low, high)
        assert seen["raised"] == "ValueError", (
            f"{' and '.join(kinds)} do not cross in a range: ValueError is expected"
        )
### END HIDDEN TESTS

# %% [markdown]
# ## 4. What the backward pass cannot hide (5 points)
#
# Layer `i` takes `times[i]` seconds of backward and then has `sizes[i]` bytes of
# gradient.  Layers are listed in forward order; backward runs from the last to the
# first and starts at time 0.
#
# Gradients go into a bucket in the order in which they appear.
#
# - A bucket closes as soon as it holds `bucket` bytes or more.  What is left at the
#   end of backward closes too.
# - A closed bucket of n bytes takes `ring_time(n, N, link)` on the network.  It starts
#   when its last gradient is ready and the collective before it has ended, whichever
#   is later.  Collectives never overlap each other.
# - Exposed is the end of the last collective less the end of backward.


# %% answer="exposed"
def exposed(sizes, times, bucket, N, link):
    """Seconds of communication after the end of backward, at least 0.

    sizes, times: lists in forward order, bytes and seconds of each layer
    bucket: bytes at which a bucket closes
    """
    ### BEGIN SOLUTION
    now = free = held = 0.0
    for n, t in zip(reversed(sizes), reversed(times), strict=True):
        now += t
        held += n
        if held >= bucket:
            free = max(free, now) + ring_time(held, N, link)
            held = 0.0
    if held > 0:
        free = max(free, now) + ring_time(held, N, link)
    return max(free - now, 0.0)
    ### END SOLUTION


# %% [markdown]
# Three layers of 10 MB on two devices.  One layer alone takes 1.1 ms, two fused
# 2.1 ms, three 3.1 ms.  Draw the two lines of time before you read the numbers.

# %% check="exposed-three" points=2
pair = Link(alpha=50 * us, beta=10 * GB)
layers = [10 * MB] * 3
got = exposed(layers, [2 * ms] * 3, 10 * MB, 2, pair)
slips = {0: "all hidden? the last bucket has nothing left to hide behind"}
slips |= {3: "every collective is exposed; the first ones hide behind backward"}
close("backward 2 ms a layer, buckets of 10 MB", got, 1.1 * ms, "ms", slips)
got = exposed(layers, [1 * ms] * 3, 10 * MB, 2, pair)
slips = {1.1 / 1.3: "a collective waits until the one before it has ended"}
slips |= {0.3 / 1.3: "the network is idle until the first gradient is ready"}
close("backward 1 ms a layer, buckets of 10 MB", got, 1.3 * ms, "ms", slips)
got = exposed(layers, [2 * ms] * 3, 1 * GB, 2, pair)
slips = {0: "a bucket that never fills still has to be sent"}
close("one bucket for all", got, 3.1 * ms, "ms", slips)

# %% [markdown]
# Layers differ.  A large first layer is the last to arrive.

# %% check="exposed-general" points=3
pair = Link(alpha=50 * us, beta=10 * GB)
got = exposed([40 * MB, 5 * MB, 5 * MB], [1 * ms, 3 * ms, 2 * ms], 10 * MB, 2, pair)
slips = {1.1 / 4.2: "forward order; backward starts at the last layer"}
close("a large first layer", got, 4.2 * ms, "ms", slips)
got = exposed([1 * MB, 20 * MB], [30 * ms, 1 * ms], 25 * MB, 1, pair)
close("one device", got, 0.0, "ms")
got = exposed([1 * KB, 20 * MB, 5 * MB], [9 * ms, 1 * ms, 1 * ms], 20 * MB, 2, pair)
close("a long backward of a small first layer", got, 0.1001 * ms, "ms")
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for _ in range(30):
    L, N = int(rng.integers(1, 14)), int(rng.integers(2, 65))
    sizes = [float(s) * MB for s in rng.integers(1, 60, L)]
    times = [float(t) * ms for t in rng.uniform(0.1, 6, L)]
    bucket = float(rng.choice([1, 10, 25, 60, 500])) * MB
    link = Link(float(rng.uniform(1, 90)) * us, float(rng.uniform(3, 50)) * GB)
    buckets, ends = [[]], []
    for i in range(L - 1, -1, -1):
        if sum(sizes[j] for j in buckets[-1]) >= bucket:
            buckets.append([])
        buckets[-1].append(i)
    for ready in buckets:
        start = max(sum(times[ready[-1] :]), ends[-1] if ends else 0.0)
        ends.append(start + float(ring_time(sum(sizes[j] for j in ready), N, link)))
    want = max(ends[-1] - sum(times), 0.0)
    got = number("exposed", exposed(sizes, times, bucket, N, link))
    assert abs(got - want) <= 1e-9, (
        "layers of different sizes and times: the exposed time is wrong.  Check the "
        "order, when a bucket closes and what a collective waits for"
    )
### END HIDDEN TESTS

# %% [markdown]
# ## 5. A bucket that meets the target (2 points)
#
# Small buckets pay start-ups.  Large buckets leave a large last one.  The boundaries
# between layers move as the size grows, so the cost goes up and down on the way.
# Among the sizes that meet the target, the largest makes the fewest collectives.


# %% answer="choose"
def choose_bucket(cost, sizes, target):
    """Return the largest of sizes whose cost(size) is at most target.

    cost: function of a bucket size in bytes; seconds exposed, in no regular order
    sizes: list of the bucket sizes on offer, in any order
    Raises ValueError if none meets the target.
    """
    ### BEGIN SOLUTION
    for size in sorted(sizes, reverse=True):
        if cost(size) <= target:
            return size
    raise ValueError(f"no bucket meets {target} s")
    ### END SOLUTION


# %% [markdown]
# The probe gives your function the costs of a table.


# %% probe="run-choose"
def run_choose(sizes, costs, target):
    """What choose_bucket makes of a table."""
    table = dict(zip(sizes, costs, strict=True))
    try:
        size = choose_bucket(table.__getitem__, sizes, target)
        return {"raised": None, "why": None, "size": size}
    except Exception as e:
        kind, why = type(e).__name__, f"{type(e).__name__} {e!s:.80}"
        return {"raised": kind, "why": why, "size": None}


# %% check="choose-size" points=1
sizes = [1 * MB, 2 * MB, 5 * MB, 10 * MB, 25 * MB, 50 * MB]
costs = [9 * ms, 4 * ms, 2 * ms, 5 * ms, 3 * ms, 8 * ms]
seen = run_choose(sizes, costs, 4 * ms)
assert seen["raised"] is None, f"25 MB meets 4 ms, but: {seen['why']}"
slips = {0.2: "the cheapest; the largest that meets the target is asked for"}
slips |= {0.08: "the smallest that meets the target", 2: "50 MB costs 8 ms"}
close("the bucket for 4 ms", seen["size"], 25 * MB, "MB", slips)
seen = run_choose(sizes, costs, 3 * ms)
assert seen["raised"] is None, f"25 MB costs 3 ms, no more, but: {seen['why']}"
slips = {0.2: "25 MB costs exactly 3 ms; at most 3 ms is asked for"}
close("the bucket for 3 ms", seen["size"], 25 * MB, "MB", slips)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for _ in range(20):
    sizes = [float(s) for s in rng.permutation(40)[:12] * MB + MB]
    costs = [float(c) for c in rng.permutation(12) * ms]
    target = costs[int(rng.integers(12))]
    want = max(s for s, c in zip(sizes, costs, strict=True) if c <= target)
    seen = run_choose(sizes, costs, target)
    assert seen["raised"] is None, f"a size meets a target, but {seen['raised']} came"
    close("sizes in any order", seen["size"], want, "MB", show=False)
### END HIDDEN TESTS

# %% check="choose-none" points=1
seen = run_choose([5 * MB, 10 * MB], [2 * ms, 3 * ms], 1 * ms)
assert seen["raised"] == "ValueError", (
    f"no bucket meets 1 ms: ValueError is expected, not {seen['why'] or seen['size']}"
)
### BEGIN HIDDEN TESTS
seen = run_choose([], [], 1 * ms)
assert seen["raised"] == "ValueError", "nothing on offer: ValueError is expected"
### END HIDDEN TESTS

# %% [markdown]
# Your two functions together: 32 layers of 12.6 MB above an embedding of 40 MB, on
# 64 devices.  Which bucket would you set for 4 ms?

# %% explore
import matplotlib.pyplot as plt

deep = [40 * MB] + [12.6 * MB] * 32
pace = [0.5 * ms] + [1.0 * ms] * 32
offer = [float(b) * MB for b in np.geomspace(1, 500, 60)]


def cost(bucket):
    """Exposed time of the deep model."""
    return exposed(deep, pace, bucket, 64, fabric)


fig, ax = plt.subplots(figsize=(6, 3))
ax.semilogx([b / MB for b in offer], [cost(b) / ms for b in offer])
ax.set_xlabel("bucket (MB)")
ax.set_ylabel("exposed (ms)")
for target in (2 * ms, 4 * ms, 8 * ms):
    try:
        print(f"{target / ms:.0f} ms: {choose_bucket(cost, offer, target) / MB:.1f} MB")
    except ValueError as e:
        print(f"{target / ms:.0f} ms: {e}")

# %% [markdown]
# ## 6. Send little, forget nothing (5 points)
#
# A worker adds its gradient `g` to a residual `e`, what it has not sent so far.  Of
# that sum it sends the `k` entries of largest magnitude, as an array of the same
# shape with zeros elsewhere.  The rest is the next residual.  Among equal magnitudes
# any choice will do, but never send more than `k`.  Leave `g` and `e` as they are.


# %% answer="feedback"
def compress(g, e, k):
    """Return (v, e_next): what this worker sends, and what it keeps.

    g, e: one-dimensional arrays of equal length, gradient and residual
    k: entries to send, 0 <= k; if k exceeds the length all are sent
    """
    ### BEGIN SOLUTION
    total = g + e
    v = np.zeros_like(total)
    keep = np.argsort(-np.abs(total), kind="stable")[:k]
    v[keep] = total[keep]
    return v, total - v
    ### END SOLUTION


# %% [markdown]
# The probe hands back the arguments too.


# %% probe="run-step"
def step(g, e, k):
    """What compress returns, and its arguments after the call."""
    return compress(g, e, k), g, e


# %% check="feedback-step" points=2
g, e = np.array([1.0, -5.0, 0.5, 2.0]), np.array([0.0, 0.0, 3.0, -2.0])
answer, g_after, e_after = step(g.copy(), e.copy(), 2)
assert isinstance(answer, tuple | list), f"(v, e_next), not {type(answer).__name__}"
assert len(answer) == 2, f"two arrays are expected, v and e_next, not {len(answer)}"
same("what is sent", answer[0], [0.0, -5.0, 3.5, 0.0])
same("what is kept", answer[1], [1.0, 0.0, 0.0, 0.0])
same("g after the call; += and out= change it", g_after, g)
same("e after the call; += and out= change it", e_after, e)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
cases = [(rng.normal(size=30), rng.normal(size=30), k) for k in (0, 1, 7, 30, 50)]
cases += [(np.array([2.0, -2.0, 2.0, 1.0, -2.0]), np.zeros(5), k) for k in (1, 2, 3)]
for g, e, k in cases:
    answer = compress(g.copy(), e.copy(), k)
    assert isinstance(answer, tuple | list), "(v, e_next) is expected"
    assert len(answer) == 2, "(v, e_next) is expected"
    v, left = answer
    same("kept, for other inputs", left, g + e - v, show=False)
    chosen = np.flatnonzero(v)
    assert chosen.size == min(k, g.size), (
        "with equal magnitudes, or k at an extreme, the number of entries is wrong"
    )
    same("sent, for other inputs", v[chosen], (g + e)[chosen], show=False)
    biggest, sizes = np.sort(np.abs(g + e))[::-1][:k], np.sort(np.abs(v[chosen]))[::-1]
    same("the magnitudes sent, for other inputs", sizes, biggest, show=False)
### END HIDDEN TESTS

# %% [markdown]
# Does it matter?  Four workers fit 40 weights.  The data of each pull five weights its
# own way; over all workers the pulls cancel.  Each worker sends 4 of 40 entries.
# Without feedback the pulls are all that is ever sent.


# %%
def problem(seed, workers=4, weights=40, pull=3.0):
    """Best weights, and each worker's own pull on them; the pulls sum to zero."""
    rng = np.random.default_rng(seed)
    best, pulls = rng.normal(size=weights), np.zeros((workers, weights))
    where = rng.permutation(weights)[:5]
    pulls[::2, where] = pull * rng.choice([-1.0, 1.0], size=5)
    pulls[1::2] = -pulls[::2]
    return best, pulls


def loss(w, seed):
    """Mean loss over the workers' data; 1 at the best weights."""
    return 1 + 0.5 * float(np.sum((np.asarray(w) - problem(seed)[0]) ** 2))


# %% probe="run-feedback"
def train(seed, k, feedback, steps=600, rate=0.02):
    """Weights after some steps; without feedback each residual is dropped."""
    best, pulls = problem(seed)
    w, residuals, sent = np.zeros_like(best), np.zeros_like(pulls), 0
    for _ in range(steps):
        total = np.zeros_like(w)
        for i, pull in enumerate(pulls):
            try:
                v, left = compress(w - best + pull, residuals[i].copy(), k)
                total += v
                if feedback:
                    residuals[i] = left
            except Exception as e:
                return {"error": f"{type(e).__name__} {e}", "w": w, "sent": 0.0}
            sent += int(np.count_nonzero(v))
        w = w - rate * total / len(pulls)
    return {"error": None, "w": w, "sent": sent / (steps * len(pulls))}


# %% check="feedback-trains" points=3
seeds = [6]
### BEGIN HIDDEN TESTS
seeds += [17, 4711, 271_828]
### END HIDDEN TESTS
for seed in seeds:
    losses = []
    for k, feedback in [(40, True), (4, True), (4, False)]:
        seen, label = train(seed, k, feedback), f"k = {k}, feedback {feedback}"
        assert seen["error"] is None, f"{label}: (v, e_next) like g? {seen['error']}"
        losses.append(number(f"{label}, the loss", loss(seen["w"], seed)))
        assert seen["sent"] <= k, f"{label}: a worker sent {seen['sent']:.1f} entries"
    exact, reached, stuck = losses
    close("the loss of the exact run, k = 40", exact, 1.0, rel=1e-3)
    assert reached < 1.05 * exact, (
        f"with feedback the loss ends at {reached:.3f}; within 5 % of the exact run's "
        f"{exact:.3f} is expected.  Is every entry that was not sent still there at "
        "the next step?"
    )
    assert stuck > 2 * exact, (
        f"without feedback the loss ends at {stuck:.3f}; it should stall.  Does v hold "
        "the k largest magnitudes, and no others?"
    )

# %% [markdown]
# How few entries will do?  How long does it take them?

# %% explore
for k in (1, 2, 4, 10, 40):
    row = [loss(train(6, k, on)["w"], 6) for on in (True, False)]
    print(f"k = {k:2d}   with feedback {row[0]:7.3f}   without {row[1]:7.3f}")

# %% [markdown]
# ## 7. The judgement (2 points)
#
# Your gradients take `T` seconds to all-reduce.  A codec makes them `r` times smaller
# and costs time of its own.  When does it slow the step down?  Answer in three
# sentences, with one number.

# %% [markdown] essay="slows-down" points=2
# It slows the step when the codec takes longer than the time it saves, T (1 - 1/r),
# and T is only the exposed part.  At r = 4 and 4 ms exposed it must run in 3 ms; a
# gradient already hidden behind backward, or a message so small that start-up is most
# of its time, saves nothing.  Even a faster step loses if it takes more steps to reach
# the same loss.
