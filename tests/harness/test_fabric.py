"""Cables as a student lists them."""

import itertools

import matplotlib.pyplot as plt
import pytest

from mlsyscore.harness.fabric import cabled, drawn, parting, pod_of, tiers, wired

FOUR = [(f"h{i}", f"e{i // 2}") for i in range(16)]
FOUR += [(f"e{e}", f"a{e // 2 * 2 + j}") for e in range(8) for j in (0, 1)]
FOUR += [(f"a{a}", f"c{a % 2 * 2 + j}") for a in range(8) for j in (0, 1)]
LEAVES = [("h0", "x"), ("h1", "x"), ("h2", "y"), ("h3", "y")]
LEAVES += [("x", "s"), ("s", "x"), ("s", "y"), ("x", "t"), ("t", "y")]


def test_cables_become_a_table_of_neighbours():
    assert cabled([("h0", "e0"), ["e0", "a1"], {"a1", "c2"}]) == {
        "h0": ["e0"],
        "e0": ["h0", "a1"],
        "a1": ["e0", "c2"],
        "c2": ["a1"],
    }
    assert [pod_of(x, 4) for x in ("h3", "h4", "e1", "a2")] == [0, 1, 0, 1]


@pytest.mark.parametrize(
    "cables",
    [None, 3, "h0e0", [("h0",)], [("h0", "e0", "a0")], [("h0", "x1")], [("h", "e0")]],
)
def test_what_is_no_cable_is_told(cables):
    with pytest.raises(AssertionError):
        cabled(cables)


def test_a_tree_passes_and_every_other_one_is_told():
    tiers(4, 4, cabled(FOUR))
    wired(4, 4, cabled(FOUR))
    lost = [pair for pair in FOUR if "c3" not in pair]
    with pytest.raises(AssertionError, match="names with c: you have 3; 4 is expected"):
        tiers(4, 4, cabled(lost))
    later = [tuple(f"{x[0]}{int(x[1:]) + 1}" for x in pair) for pair in FOUR]
    with pytest.raises(AssertionError, match="leave no number out"):
        tiers(4, 4, cabled(later))
    with pytest.raises(AssertionError, match="cables: you have 49; 48 is expected"):
        tiers(4, 4, cabled([*FOUR, ("a0", "c0")]))
    with pytest.raises(AssertionError, match="there are no cables"):
        wired(4, 4, {})
    for one, other, says in (
        (("h2", "e1"), ("h2", "e0"), "e0 has"),
        (("a0", "c1"), ("a0", "c0"), "a0 has a cable twice"),
    ):
        with pytest.raises(AssertionError, match=says):
            wired(4, 4, cabled([other if pair == one else pair for pair in FOUR]))
    swapped = {"h1": "h2", "h2": "h1"}
    wrong = [tuple(swapped.get(x, x) for x in pair) for pair in FOUR]
    with pytest.raises(AssertionError, match="h2 is below e0, not e1"):
        wired(4, 4, cabled(wrong))
    swapped = {("a2", "c0"): ("a2", "c2"), ("a3", "c2"): ("a3", "c0")}
    wrong = [swapped.get(pair, pair) for pair in FOUR]
    wired(4, 4, cabled(wrong))  # another wiring that is right
    swapped = {("a1", "c2"): ("a1", "c0"), ("a2", "c0"): ("a2", "c2")}
    wrong = [swapped.get(pair, pair) for pair in FOUR]
    with pytest.raises(AssertionError, match=r"c[02] reaches pods .* every pod once"):
        wired(4, 4, cabled(wrong))


def test_a_tree_of_fewer_pods_has_fewer_core_switches():
    two = [pair for pair in FOUR if pair in FOUR[:8] + FOUR[16:24]]
    two += [(f"a{a}", f"c{c}") for a in range(4) for c in (0, 1)]
    tiers(4, 2, cabled(two))
    wired(4, 2, cabled(two))
    whole = [*two[:-8], *FOUR[32:40]]  # as the whole tree has it
    with pytest.raises(AssertionError, match="k pods have so many core switches"):
        tiers(4, 2, cabled(whole))
    with pytest.raises(AssertionError, match=r"c0 has {'a': 2}, expected {'a': 4}"):
        wired(4, 2, cabled(whole))
    with pytest.raises(AssertionError, match="ratio is 2: k pods"):
        tiers(4, 2, cabled(FOUR))


def test_cables_that_part_are_counted():
    left = ["h0", "h1"]
    assert parting("", [("x", "s"), ["x", "s"], {"t", "x"}], LEAVES, left) == 3
    assert parting("", iter([("y", "s"), ("t", "y")]), LEAVES, left) == 2
    assert parting("", LEAVES, LEAVES, left) == len(LEAVES)
    assert parting("", [("y", "s")], LEAVES, left, ["t"]) == 1
    assert parting("", [], LEAVES, left, ["s", "t"]) == 0
    assert parting("", [("h0", "h9")], [("h0", "h9")], ["h0"]) == 1


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ([("x", "s"), ("t", "x")], "a path is left: h[01] - x - s - y - h[23]"),
        ([("x", "s")] * 3, r"\('s', 'x'\) 3 times; there are 2 such cables"),
        ([("x", "y")], "there are 0 such cables that carry anything"),
        ([("x", 3)], "a cable is a pair of names"),
        ([("x", "s", "t")], "2 values are expected, not 3"),
        (2, "a list is expected, not int"),
    ],
)
def test_what_does_not_part_is_told(answer, says):
    with pytest.raises(AssertionError, match=says):
        parting("", answer, LEAVES, ["h0", "h1"])


def test_a_cable_of_a_dead_switch_carries_nothing():
    with pytest.raises(AssertionError, match="0 such cables that carry anything"):
        parting("", [("x", "t"), ("y", "s")], LEAVES, ["h0", "h1"], ["t"])


def test_marked_cables_are_drawn_in_colour(monkeypatch):
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gca()))
    drawn(FOUR, [("e0", "h0")], ["h0"])
    colours = [line.get_color() for line in shown[0].lines]
    assert colours.count("C1") == 1
    names = set(itertools.chain.from_iterable(FOUR))
    assert len(colours) == len(FOUR) + len(names)
    plt.close("all")
