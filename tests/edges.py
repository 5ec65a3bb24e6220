"""Every public law, and arguments for it: ordinary ones, and those at an edge."""

import csv
import importlib
import inspect
import itertools
import pkgutil
import random
from functools import cache
from pathlib import Path
from typing import get_type_hints

import numpy as np

import mlsyscore
from mlsyscore import ranges
from mlsyscore.ranges import BELOW_1, FIRST, LAST

NO_LAWS = {"units", "ranges", "elementwise", "catalog", "processes", "device"}
NO_LAWS |= {"checks"}
PROBES = {"-1": -1, "0": 0, "least": FIRST, "0.3": 0.3, "below 1": BELOW_1, "1": 1}
PROBES |= {"1.5": 1.5, "2": 2, "1025": 1025, "most": LAST}
PROBES |= {"nan": float("nan"), "inf": float("inf")}
EDGES = [
    *PROBES.values(),
    -0.0,
    -FIRST,
    -LAST,
    float("-inf"),
    1 + 2**-52,
    2**63,
    10**400,
]
EDGES += [np.float64(0.5), np.int64(7), np.float32(1e38), True, None, "x", 1j]
EDGES += [[], [1, 2, 3], np.array([0, 1, 64]), np.array([2**62]), np.array(3)]
EDGES += [np.array([[0.5], [1.0]]), np.array([1.0, np.nan]), np.full(3, LAST)]


def own(module, kind):
    for name, found in inspect.getmembers(module, kind):
        if found.__module__ == module.__name__ and not name.startswith("_"):
            yield name, found


def modules():
    for found in pkgutil.iter_modules(mlsyscore.__path__):
        if not found.ispkg and found.name not in NO_LAWS:
            yield importlib.import_module(f"mlsyscore.{found.name}")


def things():
    """Every public class, with its name as the package has it."""
    for module in modules():
        for name, cls in own(module, inspect.isclass):
            yield f"{module.__name__[10:]}.{name}", cls


def laws():
    """Every public function, method and property: its name, itself, its hints."""
    for module in modules():
        for name, law in own(module, inspect.isfunction):
            yield f"{module.__name__[10:]}.{name}", law, hints(law)
    for thing, cls in things():
        for name, law in vars(cls).items():
            law = law.fget if isinstance(law, property) else law
            if inspect.isfunction(law) and not name.startswith("_"):
                yield f"{thing}.{name}", law, {"self": cls} | hints(law)


def hints(law):
    return get_type_hints(law, include_extras=True)


def draw(hint, rng, shrink=1):
    """A value that the annotation allows, of ordinary size, or so many times less."""
    within = ranges.span(hint)
    if hint is bool:
        return rng.random() < 0.5
    if not within:
        return thing(hint, rng)
    kind = ranges.kind(hint)
    whole = kind is int
    least = 1 if whole else 0.5 / shrink if within.high > 1 else 0
    low = max(within.low, least)
    high = min(within.high, low + (15 if whole else 8.5 / shrink))
    if whole:
        return rng.randint(int(low), int(high))
    x = [rng.uniform(low, high) for _ in range(1 if kind is float else 5)]
    return x[0] if kind is float else np.array(x)


def thing(cls, rng):
    for _ in range(50):
        try:
            shrink = rng.choice([1, 10])
            return cls(*(draw(h, rng, shrink) for h in hints(cls).values()))
        except ValueError:
            continue
    raise AssertionError(f"50 draws and no {cls.__name__}: narrow its annotations")


def cases(name, asked, n, edges=EDGES):
    """Arguments with one of them at an edge, then n with two or three there."""
    rng = random.Random(name)
    at = [i for i, hint in enumerate(asked) if ranges.span(hint)]
    for i, edge in itertools.product(at, edges):
        args = [draw(hint, rng) for hint in asked]
        args[i] = edge
        yield args
    for _ in range(n if at else 0):
        args = [draw(hint, rng) for hint in asked]
        for i in rng.sample(at, min(len(at), rng.choice([2, 3]))):
            args[i] = rng.choice(edges)
        yield args


def domain(f, asked, i, seed):
    """How f answers each probe of argument i: taken, not taken, or only a result not.

    Taken is what some draw of the other arguments makes possible.
    """
    rng = random.Random(seed)
    plain = ranges.kind(asked[i]) in (int, float)
    found = {}
    for label, probe in PROBES.items():
        verdict = set()
        for _ in range(40):
            args = [draw(hint, rng) for hint in asked]
            args[i] = probe if plain else np.full(5, float(probe))
            try:
                f(*args)
            except ValueError as error:
                verdict.add("refused" if " where " in str(error) else "no result")
            else:
                verdict = {"taken"}
                break
        found[label] = "refused" if "refused" in verdict else verdict.pop()
    return found


@cache
def callables():
    """Everything that takes numbers: laws, and things to make; its arguments' hints."""
    found = {name: (law, asked) for name, law, asked in laws()}
    found |= {name: (cls, hints(cls)) for name, cls in things()}
    for name, (f, asked) in found.items():
        found[name] = f, {k: h for k, h in asked.items() if k != "return"}
    return found


def rows(name):
    """A row for each number: law, argument, what it takes, what has no result."""
    f, asked = callables()[name]
    for i, (argument, hint) in enumerate(asked.items()):
        if ranges.span(hint):
            found = domain(f, list(asked.values()), i, f"{name} {argument}")
            row = [name, argument]
            for what in ("taken", "no result"):
                row.append(", ".join(p for p, v in found.items() if v == what))
            yield row


if __name__ == "__main__":
    with Path(__file__).with_name("domains.csv").open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerows(row for name in callables() for row in rows(name))
