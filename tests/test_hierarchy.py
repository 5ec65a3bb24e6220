"""Two tiers against arrays that cross them by messages, and against clusters."""

from collections import Counter

import numpy as np
import pytest

from mlsyscore import collectives as cc
from mlsyscore import hierarchy
from mlsyscore.catalog import NDR, NVLINK3, NVLINK4, NVLINK5
from mlsyscore.hierarchy import Node
from mlsyscore.network import Link
from mlsyscore.units import GB, KB, MB, GiB, MiB, us

SLOW = Link(3 * us, 5 * GB)


class Clock:
    """Counts what each device sends in a round, by tier; a round ends with its last."""

    def __init__(self, m, node):
        self.m, self.node, self.time = m, node, 0.0

    def end(self, sent):
        """A round of (from, to, bytes); a device sends to each tier at once."""
        took = [0.0]
        for tier, link in ((True, self.node.inside), (False, self.node.across)):
            load, peers = Counter(), Counter()
            for a, b, size in sent:
                if (a // self.node.g == b // self.node.g) == tier:
                    load[a] += size
                    peers[a, b] += 1
            count = Counter(a for a, _ in peers)
            took += [count[a] * link.alpha + load[a] / link.beta for a in load]
        self.time += max(took)


def ring(held, group, clock, adds):
    """Chunks of each device of some groups go round; all groups at the same time."""
    size = len(group[0])
    for step in range(size - 1):
        sent = []
        for g in group:
            lag = [(i - step - (0 if adds else -1)) % size for i in range(size)]
            moving = [held[g[i]][lag[i]].copy() for i in range(size)]
            for i in range(size):
                to = g[(i + 1) % size]
                old = held[to][lag[i]]
                held[to][lag[i]] = old + moving[i] if adds else moving[i]
                sent.append((g[i], to, moving[i].nbytes))
        clock.end(sent)


def tiers(m, g):
    """Devices of each node; and those of the same place in all nodes."""
    place = np.arange(m * g).reshape(m, g)
    return place.tolist(), place.T.tolist()


@pytest.mark.parametrize(("m", "g"), [(1, 4), (3, 1), (2, 4), (4, 3), (3, 5)])
def test_two_tiers_take_the_rounds_and_bytes_that_the_laws_count(m, g):
    node, N = Node(g, NVLINK4, SLOW), m * g
    x = np.random.default_rng(0).normal(size=(N, 2 * N))
    inside, across = tiers(m, g)
    there, back = Clock(m, node), Clock(m, node)
    near = [list(np.split(row, g)) for row in x]
    ring(near, inside, there, adds=True)
    mine = [near[d][(d % g + 1) % g] for d in range(N)]  # summed over the node
    far = [list(np.split(part, m)) for part in mine]
    ring(far, across, there, adds=True)
    for d in range(N):  # an N-th of the sum
        part = np.split(np.split(x.sum(axis=0), g)[(d % g + 1) % g], m)
        assert np.allclose(far[d][(d // g + 1) % m], part[(d // g + 1) % m])
    ring(far, across, back, adds=False)
    for d in range(N):
        near[d][(d % g + 1) % g] = np.concatenate(far[d])
    ring(near, inside, back, adds=False)
    assert np.allclose([np.concatenate(row) for row in near], x.sum(axis=0))
    n = x[0].nbytes
    assert hierarchy.reduce_scatter(n, m, node) == pytest.approx(there.time)
    assert hierarchy.all_gather(n, m, node) == pytest.approx(back.time)
    assert hierarchy.allreduce(n, m, node) == pytest.approx(there.time + back.time)


@pytest.mark.parametrize(("m", "g"), [(1, 2), (1, 4), (3, 1), (2, 4), (4, 2), (3, 3)])
def test_rings_on_all_rails_share_the_nics(m, g):
    node, N = Node(g, NVLINK4, SLOW), m * g
    x = np.random.default_rng(0).normal(size=(N, 3 * N * g))
    around = [
        [b * g + (r + i) % g for b in range(m) for i in range(g)] for r in range(g)
    ]
    held = [[np.split(part, N) for part in np.split(row, g)] for row in x]
    clock = Clock(m, node)
    for adds in (True, False):
        for step in range(N - 1):
            sent = []
            for rail, order in enumerate(around):
                lag = [(i - step - (0 if adds else -1)) % N for i in range(N)]
                moving = [held[order[i]][rail][lag[i]].copy() for i in range(N)]
                for i in range(N):
                    to = order[(i + 1) % N]
                    old = held[to][rail][lag[i]]
                    held[to][rail][lag[i]] = old + moving[i] if adds else moving[i]
                    sent.append((order[i], to, moving[i].nbytes))
            clock.end(sent)
    y = [np.concatenate([np.concatenate(part) for part in row]) for row in held]
    assert np.allclose(y, x.sum(axis=0))
    assert hierarchy.rail_allreduce(x[0].nbytes, m, node) == pytest.approx(clock.time)
    if g == 1:  # nobody to talk to inside
        free = hierarchy.rail_allreduce(1 * GB, m, Node(1, SLOW, NVLINK4))
        assert free == cc.ring_allreduce(1 * GB, m, NVLINK4)


@pytest.mark.parametrize("across", [SLOW, Link(0.1 * us, 900 * GB)])
@pytest.mark.parametrize(("m", "g"), [(1, 4), (3, 1), (2, 4), (4, 3)])
def test_an_all_to_all_goes_both_ways_at_once_or_is_relayed(m, g, across):
    node, N = Node(g, NVLINK4, across), m * g
    x = np.random.default_rng(0).normal(size=(N, N, 500))
    clock, n = Clock(m, node), x[0].nbytes
    pairs = [(a, b) for a in range(N) for b in range(N) if a != b]
    clock.end([(a, b, x[a, b].nbytes) for a, b in pairs])
    assert hierarchy.all_to_all(n, m, node) == pytest.approx(clock.time)
    # relayed: all for a node to the device of one's own place there, which hands it on
    far, near = Clock(m, node), Clock(m, node)
    at, y, sent = {}, np.empty_like(x), Counter()
    for a in range(N):
        for to in range(m):
            relay = to * g + a % g
            at[relay, a] = x[a, to * g : (to + 1) * g]
            sent[a, relay] += at[relay, a].nbytes * (relay != a)
    far.end([(a, b, size) for (a, b), size in sent.items() if size])
    sent = Counter()
    for (relay, a), block in at.items():
        for i in range(g):
            to = relay // g * g + i
            y[to, a] = block[i]
            sent[relay, to] += block[i].nbytes * (relay != to)
    near.end([(a, b, size) for (a, b), size in sent.items() if size])
    assert (y == x.swapaxes(0, 1)).all()
    law = hierarchy.dispatch(n, m, node)
    assert law == pytest.approx(max(far.time, near.time))  # both at once, in pieces


def routed(m, g=8, experts=256, k=8, groups=4, tokens=4096):
    """Distinct nodes, and devices, of each token: as DeepEP's tests draw the scores."""
    rng = np.random.default_rng(m)
    scores = np.abs(rng.normal(size=(tokens, m, experts // m))) + 1
    best = np.argsort(-scores.max(axis=-1))[:, : min(groups, m)]
    allowed = np.zeros((tokens, m), bool)
    np.put_along_axis(allowed, best, True, axis=1)
    scores = np.where(allowed[..., None], scores, 0.0).reshape(tokens, experts)
    chosen = np.argsort(-scores)[:, :k] // (experts // (m * g))
    nodes = np.array([len(set(row)) for row in chosen // g])
    return nodes, np.array([len(set(row)) for row in chosen])


def test_a_token_crosses_once_for_each_node_and_fans_out_inside():
    m, g, n = 4, 8, 7 * KB
    node = Node(g, NVLINK4, NDR)
    nodes, devices = routed(m)
    rng, load = np.random.default_rng(0), Counter()
    for to, wide in zip(nodes, devices, strict=True):  # all from device 0 of node 0
        places = set(rng.choice(m, to, replace=False))
        load["across"] += len(places - {0}) * n
        load["inside"] += wide * (g - 1) / g * n  # one in g is the relay itself
    tiers = {"across": (m - 1, NDR), "inside": (g - 1, NVLINK4)}
    T = max(k * link.alpha + load[x] / link.beta for x, (k, link) in tiers.items())
    law = hierarchy.dispatch(4096 * n, m, node, nodes.mean(), devices.mean())
    assert law == pytest.approx(T, rel=0.01)


# DeepEP, README and docs/legacy.md: nodes of 8, tokens, NVLink; dispatch in GB/s of
# tokens times nodes reached, local ones too; by the law; by one flat tier of N ports
DEEPEP = {
    "V2 SM90 CX7 EP 8 x 2": (2, 8192, 450, 90, 0.90, 1.69),
    "V2 SM90 CX7 EP 8 x 4": (4, 8192, 450, 61, 0.91, 1.18),
    "V1 H800 EP 16": (2, 4096, 160, 43, 0.77, 0.81),
    "V1 H800 EP 32": (4, 4096, 160, 58, 0.87, 1.12),
    "V1 H800 EP 64": (8, 4096, 160, 51, 0.89, 1.00),
}


@pytest.mark.parametrize("case", DEEPEP.values(), ids=DEEPEP)
def test_published_dispatches_follow_two_tiers(case):
    m, tokens, nvlink, rate, two, flat = case
    nodes, devices = (x.mean() for x in routed(m, groups=4 if tokens == 4096 else m))
    n = tokens * 7168 * (1 + 4 / 128)  # FP8, and a scale for each 128 values
    T = n * nodes / (rate * GB)
    node = Node(8, Link(0.0, nvlink * GB), Link(0.0, 50 * GB))
    law = hierarchy.dispatch(n, m, node, nodes, devices)
    assert law / T == pytest.approx(two, abs=0.01)
    law = cc.all_to_all(n * nodes, 8 * m, node.across)
    assert law / T == pytest.approx(flat, abs=0.01)
    law = cc.all_to_all(n * devices, 8 * m, node.across)  # a copy for each device
    assert law / T > 1.8


def test_published_dispatches_inside_one_node_use_less_than_the_whole_nvlink():
    # H800, 160 GB/s of NVLink at most, and SM100 (DeepEP, as above): tokens times
    # devices reached, its own too, in GB/s
    devices = routed(1)[1].mean()
    for nvlink, rate, off in ((160, 153, 0.84), (900, 726, 0.71)):
        node = Node(8, Link(0.0, nvlink * GB), NDR)
        law = hierarchy.dispatch(1 * GB, 1, node, 1.0, devices)
        T = 1 * GB * devices / (rate * GB)
        assert law / T == pytest.approx(off, abs=0.005)


@pytest.mark.parametrize(("m", "groups"), [(2, 2), (4, 4), (8, 4)])
def test_even_picks_reach_as_many_nodes_and_devices_as_routed_tokens(m, groups):
    nodes, devices = routed(m, groups=groups)
    most = 0.015 if m <= groups else 0.11  # chosen nodes have a good expert each
    law = hierarchy.reach(8, groups), hierarchy.reach(8, 8 * groups)
    for seen, mean in zip((nodes, devices), law, strict=True):
        assert 0 <= seen.mean() / mean - 1 < most


def test_picks_that_may_repeat_are_counted_as_they_fall():
    rng = np.random.default_rng(0)
    for k, G in ((1, 49), (3, 2), (8, 5)):
        seen = [len(set(row)) for row in rng.integers(G, size=(20_000, k))]
        assert np.mean(seen) == pytest.approx(hierarchy.reach(k, G), abs=0.02)
    assert hierarchy.reach(5, 1) == 1
    assert hierarchy.reach(3, 10**12) == pytest.approx(3, rel=1e-11)


def test_published_b200_nodes_slow_down_by_their_nics_and_not_by_one():
    # all-reduce, bus bandwidth in GB/s on one and on four nodes of 8 B200, 50 GB/s per
    # GPU between them: Bekman, ML Engineering Open Book, network/README.md
    node = Node(8, NVLINK5, Link(5 * us, 50 * GB))

    def seen(n, rate, N=32):
        return 2 * (N - 1) / N * n / (rate * GB)

    n = 16 * GiB
    one, four = seen(n, 845.67, 8), seen(n, 381.8)
    assert cc.busbw(n, one, 8) / cc.busbw(n, four, 32) == pytest.approx(2.2, abs=0.02)
    assert NVLINK5.beta / node.across.beta == 18
    assert cc.ring_allreduce(n, 32, node.across) / four == pytest.approx(7.6, abs=0.05)
    for law, off, slow in (
        (hierarchy.rail_allreduce, 0.958, 2.26),
        (hierarchy.allreduce, 1.122, 2.65),
    ):
        assert law(n, 4, node) / four == pytest.approx(off, abs=0.001)
        down = cc.busbw(n, law(n, 1, node), 8) / cc.busbw(n, law(n, 4, node), 32)
        assert down == pytest.approx(slow, abs=0.005)
    for n, rate, off in ((1 * GiB, 361.99, 0.96), (256 * MiB, 229.09, 0.71)):
        law = hierarchy.rail_allreduce(n, 4, node)
        assert law / seen(n, rate) == pytest.approx(off, abs=0.005)


def test_published_a100_pairs_of_nodes_until_they_share_their_nics():
    # 64 MiB all-reduce on two DGX A100, 1, 2, 4, 8 GPUs in each, medians in ms:
    # microsoft/vidur (MIT), data/profiling/network; the first makes the NIC's rate
    n, alone = 64 * MiB, 11.439e-3
    nic = Link(0.0, n / alone)
    for g, T, rails, phases, flat in [
        (2, 8.490e-3, 1.01, 0.70, 2.02),
        (4, 5.239e-3, 0.955, 0.61, 3.82),
        (8, 7.193e-3, 0.37, 0.25, 2.98),
    ]:
        node = Node(g, NVLINK3, nic)
        laws = hierarchy.rail_allreduce(n, 2, node), hierarchy.allreduce(n, 2, node)
        laws += (cc.ring_allreduce(n, 2 * g, nic),)
        assert np.array(laws) / T == pytest.approx([rails, phases, flat], abs=0.005)


def test_arrays_give_what_their_scalars_give():
    m, n, node = (
        np.array([1, 2, 8]),
        np.array([1.0, 1 * MB, 1 * GB]),
        Node(8, NVLINK4, NDR),
    )
    for law in (hierarchy.allreduce, hierarchy.rail_allreduce, hierarchy.all_to_all):
        assert law(n, m, node) == pytest.approx([*map(law, n, m, [node] * 3)])


@pytest.mark.parametrize(
    "bad",
    [
        lambda: Node(0, NVLINK4, NDR),
        lambda: hierarchy.allreduce(1, 0, Node(8, NVLINK4, NDR)),
        lambda: hierarchy.dispatch(1, 2, Node(8, NVLINK4, NDR), 2.1, 3),
        lambda: hierarchy.dispatch(1, 2, Node(8, NVLINK4, NDR), 1.5, 12.1),
        lambda: hierarchy.reach(0, 4),
    ],
)
def test_input_that_would_give_a_plausible_wrong_answer_is_refused(bad):
    with pytest.raises(ValueError, match=r"\d"):
        bad()
