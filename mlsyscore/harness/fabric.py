"""Cables as a student lists them: a tree's parts and wiring, and cables that part."""

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ..checks import close
from .answers import values

TIERS = "heac"  # hosts, edge, aggregation and core switches
Pair = tuple[str, str]


def cabled(cables: Any) -> dict[str, list[str]]:
    """Return what each name is cabled to; AssertionError if these are no cables."""
    table: dict[str, list[str]] = defaultdict(list)
    for pair in values("cables, a list of pairs", cables):
        x, y = values("a cable, a pair of names", pair, 2)
        for name in (x, y):
            known = isinstance(name, str) and name[:1] in tuple(TIERS)
            known = known and name[1:].isdecimal() and name[1:].isascii()
            assert known, f"a name is h, e, a or c and a number, not {name!r:.60}"
        table[x].append(y)
        table[y].append(x)
    return dict(table)


def pod_of(name: str, k: int) -> int:
    """Return the pod of a host, an edge or an aggregation switch."""
    return int(name[1:]) // (k**2 // 4 if name[0] == "h" else k // 2)


def tiers(k: int, pods: int, table: Mapping[str, list[str]]) -> None:
    """AssertionError unless a table has a fat-tree's names and number of cables.

    k: ports of a switch, even; pods: how many, even, a divisor of k
    """
    name, half = f"{k} ports, {pods} pods", k // 2
    plan = {"h": pods * half**2, "e": pods * half, "a": pods * half}
    plan["c"] = pods * half // 2
    for tier, want in plan.items():
        got = {x for x in table if x[0] == tier}
        slips = {float(half): "half of a switch's ports go up, half go down"}
        if tier == "h":
            slips |= {2 / k: "k^2/2 hosts are those of two tiers"}
        if pods < k:
            whole = "k pods have so many core switches" if tier == "c" else "k pods"
            slips |= {k / pods: whole}
        close(f"{name}: names with {tier}", len(got), want, "", slips)
        names = {f"{tier}{i}" for i in range(len(got))}
        assert got == names, f"{name}: {tier}0, {tier}1, ... leave no number out"
    count = sum(map(len, table.values())) / 2
    close(f"{name}: cables", count, 3 * pods * half**2)


def wired(k: int, pods: int, table: Mapping[str, list[str]]) -> None:
    """AssertionError unless each cable of a fat-tree leads where it must."""
    plan = {"h": {"e": 1}, "e": {"h": k // 2, "a": k // 2}}
    plan |= {"a": {"e": k // 2, "c": k // 2}, "c": {"a": k}}
    name, times = f"{k} ports, {pods} pods", k // pods
    assert table, f"{name}: there are no cables"
    for x, near in table.items():
        has = dict(Counter(y[0] for y in near))
        assert has == plan[x[0]], f"{name}: {x} has {has}, expected {plan[x[0]]}"
        assert len(set(near)) == len(near), f"{name}: {x} has a cable twice"
        if x[0] == "h":
            edge = f"e{int(x[1:]) // (k // 2)}"
            assert near == [edge], f"{name}: {x} is below {near[0]}, not {edge}"
        reached = sorted(pod_of(y, k) for y in near if y[0] != "c")
        core = sorted(list(range(pods)) * times)
        want = core if x[0] == "c" else [pod_of(x, k)] * len(reached)
        often = "once" if times == 1 else f"{times} times"
        why = f"; a core switch reaches every pod {often}" * (x[0] == "c")
        assert reached == want, f"{name}: {x} reaches pods {reached}, not {want}{why}"


def parting(
    name: str, answer: Any, cables: Iterable[Pair], left: Iterable[str], dead: Any = ()
) -> int:
    """Return how many cables an answer lists whose loss parts left from other hosts.

    AssertionError if one is not there, or a path is left without them.
    """
    alive = Counter(tuple(sorted(p)) for p in cables if not set(p) & set(dead))
    lost: Counter[tuple[str, ...]] = Counter()
    for pair in values(f"{name}: a list of cables", answer):
        x, y = values(f"{name}: a cable, a pair of names", pair, 2)
        both = isinstance(x, str) and isinstance(y, str)
        assert both, f"{name}: a cable is a pair of names, not {(x, y)!r:.60}"
        lost[tuple(sorted((str(x), str(y))))] += 1
    for cable, count in lost.items():
        there = alive[cable]
        assert count <= there, (
            f"{name}: you list {cable} {count} times; there are {there} such cables"
            + " that carry anything" * (there == 0)
        )
    way = _path(alive - lost, left)
    assert not way, f"{name}: without these cables a path is left: {' - '.join(way)}"
    return lost.total()


def _path(alive: Collection[tuple[str, ...]], left: Iterable[str]) -> list[str]:
    """Return a path from a host in left to another host, or nothing."""
    near = defaultdict(list)
    for x, y in alive:
        near[x].append(y)
        near[y].append(x)
    came: dict[str, str] = {x: "" for x in left}
    todo = deque(came)
    ours = set(came)
    while todo:
        x = todo.popleft()
        if x[0] == "h" and x not in ours:
            way = [x]
            while came[way[-1]]:
                way.append(came[way[-1]])
            return way[::-1]
        for y in near[x]:
            if y not in came:
                came[y] = x
                todo.append(y)
    return []


def drawn(cables: Iterable[Pair], marked: Iterable[Pair], left: Iterable[str]) -> None:
    """Draw a tree's cables tier by tier, those that are marked in colour."""
    import matplotlib.pyplot as plt

    plt.style.use("mlsyscore.figures")
    cut, ours = {frozenset(p) for p in marked}, set(left)
    names = {str(x) for pair in cables for x in pair}
    width = {
        t: 1 + max((int(x[1:]) for x in names if x[0] == t), default=0) for t in TIERS
    }
    at = {x: ((int(x[1:]) + 0.5) / width[x[0]], TIERS.index(x[0])) for x in names}
    _, ax = plt.subplots(figsize=(6.4, 3.4))
    for x, y in cables:
        found = frozenset((x, y)) in cut
        color, lw = ("C1", 2.2) if found else ("0.6", 0.8)
        ax.plot(*zip(at[x], at[y], strict=True), color=color, lw=lw, ls="-")
    for x, place in at.items():
        mark = ("o", "C2") if x in ours else ("^", "C3")
        mark = mark if x[0] == "h" else ("s", "C0")
        ax.plot(*place, mark[0], color=mark[1])
    ax.set(xticks=[], frame_on=False)
    ax.set_yticks(range(4), ["host", "edge", "aggregation", "core"])
    ax.grid(visible=False)
    plt.show()
