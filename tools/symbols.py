"""Make the site's page of symbols from the signatures of the laws.

Meanings stand in site/symbols.csv; names and units come from ``mlsyscore`` itself.
"""

import csv
import importlib
import inspect
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

from autograder.make.address import ROOT

MEANINGS = ROOT / "site/symbols.csv"
PAGE = ROOT / "site/symbols.qmd"
CHAPTERS = ["fleet", "compute", "network", "storage"]  # chapter n: the n-th module
CHAPTERS += ["training", "collectives", "reliability", "orchestration"]
CHAPTERS += ["performance", "serving", "edge", "operations"]
CHAPTERS += ["privacy", "robustness", "sustainability", "fairness"]
MODULES = [*CHAPTERS[:6], "hierarchy", *CHAPTERS[6:], "queues"]
BESIDE = {"hierarchy": "Chapter 6", "queues": "Chapters 8 and 10"}

HEAD = """---
title: Symbols
---

The letters of the laws in `mlsyscore`, as their signatures have them. Inside the
package every number is SI; a unit of 1 means a pure number. A letter can change its
meaning from chapter to chapter, as it does in the book, but not within one.
"""


def unit(hint: Any) -> str:
    """Name an annotation's unit, or the thing that it is."""
    if get_args(hint) and type(None) in get_args(hint):
        hint = next(h for h in get_args(hint) if h is not type(None))
    if hasattr(hint, "__metadata__"):
        return str(hint.__metadata__[0])
    return "1" if hint in (int, float, bool) else str(hint.__name__)


def public(module: Any) -> Iterator[Any]:
    """Yield the laws and things that a module defines."""
    for name, found in inspect.getmembers(module):
        mine = getattr(found, "__module__", None) == module.__name__
        if mine and not name.startswith("_") and get_origin(found) is None:
            yield found


def letters(module: Any) -> dict[str, str]:
    """Map each symbol of a module to its unit; refuse one with two units."""
    units: dict[str, set[str]] = {}
    for found in public(module):
        owners = [found]
        if inspect.isclass(found):
            owners += [f for n, f in inspect.getmembers(found, inspect.isfunction)]
        for owner in owners:
            if owner.__name__.startswith("_"):
                continue
            hints = get_type_hints(owner, include_extras=True)
            for name, hint in hints.items():
                if name != "return":
                    units.setdefault(name, set()).add(unit(hint))
    return {name: " or ".join(sorted(u)) for name, u in sorted(units.items(), key=str)}


def meanings() -> dict[tuple[str, str], str]:
    """Read the meanings, by module and symbol."""
    with MEANINGS.open(newline="") as f:
        return {(r["module"], r["symbol"]): r["meaning"] for r in csv.DictReader(f)}


def page() -> str:
    """Write the page: a table for each module."""
    said, parts = meanings(), [HEAD]
    for name in MODULES:
        module = importlib.import_module(f"mlsyscore.{name}")
        chapter = BESIDE.get(name) or f"Chapter {CHAPTERS.index(name) + 1}"
        about = (module.__doc__ or "").splitlines()[0]
        parts += [f"\n## {chapter}: `mlsyscore.{name}`\n\n{about}\n"]
        parts += ["| symbol | meaning | unit |\n|:--|:----|:--|"]
        for letter, u in letters(module).items():
            parts += [f"| `{letter}` | {said[name, letter]} | {u} |"]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
