"""The whole course on one machine: notebooks, release, a graded class, the site."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

from autograder import collect, doctor, grade, release, report
from autograder.intake import students
from autograder.make.address import ROOT
from tools import demo, notebooks

COURSE = ROOT / "build/course"
EXPECTED = ROOT / "tests/expected.csv"


def collected(course: Path) -> list[str]:
    """Release the lab, hand in ten notebooks, collect them; return who is enrolled."""
    released = release.release(ROOT / "labs" / f"{demo.LAB}.py", course)
    download, roster = course / "download", course / "roster.csv"
    demo.write(released, download)
    for line in collect.collect(download, demo.LAB, course, roster):
        print(f"  {line}")
    return list(students.roster(roster))


def graded(course: Path) -> list[dict[str, str]]:
    """Collect the class's notebooks and grade them; return a row for each."""
    enrolled = collected(course)
    for trouble in grade.grade(demo.LAB, course):
        print(f"  not graded: {trouble}")
    said, troubles = report.report(demo.LAB, course)
    print(*(f"  {line}" for line in [*said, *troubles]), sep="\n")
    return report.table(demo.LAB, course, enrolled)


def show(rows: list[dict[str, str]]) -> None:
    """Print the grade table, an exercise's checks as their sum."""
    every = list(dict.fromkeys(k for row in rows for k in row))
    columns = [c for c in every if not any(c.startswith(f"{e}-") for e in every)]
    wide = {c: max(len(r.get(c, "")) for r in [*rows, {c: c}]) for c in columns}
    for row in [dict(zip(columns, columns, strict=True)), *rows]:
        print("  " + "  ".join(row.get(c, "").ljust(wide[c]) for c in columns))


def site() -> str | None:
    """Render the site where Quarto is; return where it lies."""
    if not shutil.which("quarto"):
        return None
    env = os.environ | {"QUARTO_PYTHON": sys.executable}
    subprocess.run(["quarto", "render", str(ROOT)], check=True, env=env)
    return str(ROOT / "build/site/index.html")


def demonstrated(course: Path) -> bool:
    """Grade the class and show it; say whether the grades are the expected ones."""
    rows = graded(course)
    show(rows)
    with EXPECTED.open(newline="") as file:
        expected = list(csv.DictReader(file))
    right = [{k: r.get(k, "") for k in expected[0]} for r in rows] == expected
    print(f"  the grades {'are those of' if right else 'DIFFER from'} {EXPECTED}")
    return right


def main() -> int:
    """Run every stage that can be run here; say last what could not, and why.

    Returns 1 if a grade is not the expected one.
    """
    left, right = [], True
    print("1. Notebooks", flush=True)
    notebooks.main()
    print("2. A class of ten", flush=True)
    try:
        doctor.quick()
    except RuntimeError as e:
        collected(COURSE)
        left.append(f"The class was collected, and not graded: {e}")
    else:
        right = demonstrated(COURSE)
    print("3. The site", flush=True)
    if page := site():
        print(f"  {page}")
    else:
        left.append("The site was not rendered: install Quarto from quarto.org.")
    print(f"Notebooks: {ROOT / 'notebooks'}\nThe course: {COURSE}")
    if left:
        print("Not done here; then run this again:", *left, sep="\n\n")
    return int(not right)


if __name__ == "__main__":
    sys.exit(main())
