"""Make the site's page of maps: objective to section, law and exercise, by chapter.

The rows stand in site/maps/NN_slug.csv.  A misconception is met by a section of the
chapter, where a guess fails, or by a mistake in the lab, "answer: mistake".
"""

import csv
import re
from pathlib import Path

from autograder.make.address import ROOT

PAGE = ROOT / "site/map.qmd"
HEAD = """---
title: Map
---

Where each objective of a chapter is met: by a section, by laws of `mlsyscore`, by an
exercise of the lab. Then the beliefs that a chapter puts to the test.
"""
TABLES = {
    "objective": "::: {.stacked .laws}\n| you can | section | laws | exercise |\n"
    "|:-----|:-----|:-----|:---|",
    "misconception": "::: {.stacked .beliefs}\n"
    "| belief | tested in section | in the lab |\n|:---|:---|:---|",
}


def files() -> list[Path]:
    """List the maps, a chapter each."""
    return sorted(ROOT.glob("site/maps/[0-9]*.csv"))


def rows(file: Path) -> list[dict[str, str]]:
    """Read one chapter's map."""
    with file.open(newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def title(script: Path) -> str:
    """Read a chapter's title, "6 · Collective communication"."""
    return re.search(r'(?m)^# title: "(.*)"$', script.read_text()).group(1)  # type: ignore[union-attr]


def anchor(heading: str) -> str:
    """Name a heading as pandoc does, for a link."""
    words = re.sub(r"[^\w\s.-]", "", heading).lower().split()
    return re.sub(r"^[^a-z]+", "", "-".join(words))


def by_module(laws: list[str]) -> str:
    """Write laws with their module once: "`fleet`: `all_up`, `system_mtbf`"."""
    names: dict[str, list[str]] = {}
    for law in filter(None, laws):
        module, _, name = law.partition(".")
        names.setdefault(module, []).append(f"`{name}`")
    return "; ".join(f"`{m}`: {', '.join(found)}" for m, found in names.items())


def line(row: dict[str, str], chapter: str, lab: str) -> str:
    """Write one row of a table."""
    section, laws = row["section"], row["laws"].split("; ")
    cells = [
        row["what"],
        f"[{section}]({chapter}#{anchor(section)})" if section else "",
    ]
    if row["kind"] == "objective":
        cells.append(by_module(laws))
    cells.append(f"[{row['exercise']}]({lab})" if row["exercise"] else "")
    return f"| {' | '.join(cells)} |"


def page() -> str:
    """Write the page: two tables for each chapter."""
    parts = [HEAD]
    for file in files():
        chapter = f"../chapters/{file.stem}.py"
        lab = f"../notebooks/labs/{file.stem}.ipynb"
        parts += [f"\n## {title(ROOT / 'chapters' / f'{file.stem}.py')}"]
        for kind, head in TABLES.items():
            chosen = [r for r in rows(file) if r["kind"] == kind]
            parts += [f"\n{head}", *(line(r, chapter, lab) for r in chosen), ":::"]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
