"""The COMPAS scores that ProPublica published, and what a rule on scores comes to.

Source: compas-scores-two-years.csv, github.com/propublica/compas-analysis, commit
bafff5d (2017); an offence is a new charge within two years, a flag a score from 5 on.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..checks import close
from .answers import numbers, values, whole

Table = tuple[Sequence[float], Sequence[float]]

SCORES: dict[str, tuple[list[int], list[int]]] = {  # offended, not; scores 1 to 10
    "Black": (
        [91, 119, 145, 177, 176, 215, 237, 245, 269, 227],
        [307, 274, 201, 208, 189, 169, 163, 114, 111, 59],
    ),
    "White": (
        [142, 113, 93, 113, 111, 111, 88, 82, 68, 45],
        [539, 248, 180, 172, 130, 83, 55, 32, 30, 19],
    ),
}
VIOLENT = {  # tp, fp, fn, tn of the violent score, from ProPublica's notebook (2016)
    "Black": (273, 1043, 170, 1692),
    "White": (77, 380, 129, 1679),
}
INNOCENT = {  # race, sex, age: flagged of those who were not charged again, and all
    ("Black", "F", "25 to 45"): (89, 244),
    ("Black", "F", "above 45"): (16, 68),
    ("Black", "F", "below 25"): (59, 93),
    ("Black", "M", "25 to 45"): (389, 840),
    ("Black", "M", "above 45"): (96, 284),
    ("Black", "M", "below 25"): (156, 266),
    ("White", "F", "25 to 45"): (52, 178),
    ("White", "F", "above 45"): (17, 130),
    ("White", "F", "below 25"): (42, 60),
    ("White", "M", "25 to 45"): (148, 568),
    ("White", "M", "above 45"): (35, 413),
    ("White", "M", "below 25"): (55, 139),
    ("Hispanic", "F", "25 to 45"): (3, 42),
    ("Hispanic", "F", "above 45"): (2, 18),
    ("Hispanic", "F", "below 25"): (2, 10),
    ("Hispanic", "M", "25 to 45"): (40, 190),
    ("Hispanic", "M", "above 45"): (13, 94),
    ("Hispanic", "M", "below 25"): (27, 51),
}


def innocent_people() -> tuple[dict[str, list[str]], list[int]]:
    """Return the attributes of those not charged again, and whether each was flagged.

    A list for each attribute and one of 0 and 1, with an entry for each person.
    """
    people: dict[str, list[str]] = {"race": [], "sex": [], "age": []}
    flagged: list[int] = []
    for (race, sex, age), (k, n) in INNOCENT.items():
        people["race"] += [race] * n
        people["sex"] += [sex] * n
        people["age"] += [age] * n
        flagged += [1] * k + [0] * (n - k)
    return people, flagged


def chances(name: str, answer: Any, n: int) -> list[float]:
    """Return the n chances of a flag in an answer; AssertionError if some are none.

    What is off by rounding is clipped.
    """
    found = numbers(name, answer, n)
    wrong = [x for x in found if not -1e-6 <= x <= 1 + 1e-6]
    assert not wrong, f"{name}: a chance lies from 0 to 1; you have {wrong[:1]}"
    return [min(max(x, 0.0), 1.0) for x in found]


def reached(table: Table, q: Sequence[float]) -> tuple[float, float]:
    """Return FPR and TPR of a rule that flags each score with its chance."""
    yes, no = (np.asarray(x, float) for x in table)
    return float(q @ no / no.sum()), float(q @ yes / yes.sum())


def right(table: Table, q: Sequence[float]) -> float:
    """Return how many people a rule decides rightly, on average."""
    yes, no = (np.asarray(x, float) for x in table)
    return float(q @ yes + (1 - np.asarray(q)) @ no)


def draw_rules(rules: dict[str, Sequence[float]]) -> None:
    """Draw where rules for the published groups lie, in front of all whole rules."""
    import matplotlib.pyplot as plt

    sets = (np.arange(1024)[:, None] >> np.arange(10)) & 1
    _, ax = plt.subplots(figsize=(5, 4))
    for k, (name, q) in enumerate(rules.items()):
        yes, no = (np.asarray(x, float) for x in SCORES[name])
        x, y = sets @ no / no.sum(), sets @ yes / yes.sum()
        ax.plot(x, y, ",", color=f"C{k}", alpha=0.4)
        x, y = reached(SCORES[name], q)
        ax.plot(x, y, "os"[k % 2], color=f"C{k}", mec="k", ms=9, label=name)
    ax.set(xlabel="FPR", ylabel="TPR")
    ax.legend(loc="lower right")


def rate(
    name: str, got: Any, want: float | None, slips: dict[float, str] | None = None
) -> None:
    """AssertionError unless got is want, a number or None where it is undefined."""
    if want is None:
        assert got is None, f"{name}: it is 0/0 here; None is expected, not {got!r:.60}"
        return
    assert got is not None, f"{name}: it is defined here; None is not expected"
    close(name, got, want, "", slips or {})


def cell_counts(
    name: str, answer: Any
) -> dict[tuple[tuple[str, str], ...], tuple[int, int]]:
    """Return an answer's cells, each a sorted tuple of pairs, with flagged and all.

    AssertionError if it is no list of (dict, flagged, n), or has a cell twice.
    """
    found: dict[tuple[tuple[str, str], ...], tuple[int, int]] = {}
    for row in values(name, answer):
        cell, k, n = values(f"{name}: (cell, flagged, n)", row, 3)
        kind = type(cell).__name__
        assert isinstance(cell, Mapping), f"{name}: a cell is a dict, not {kind}"
        key = tuple(sorted((str(a), str(b)) for a, b in cell.items()))
        assert key not in found, f"{name}: the cell {dict(key)} is there twice"
        flagged, people = whole(f"{name}: {dict(key)}", [k, n], 2)
        found[key] = flagged, people
    return found
