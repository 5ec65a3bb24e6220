"""The whole course on one machine: notebooks, release, a graded class, the site."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

from autograder import collect, doctor, grade, release, report
from autograder.intake import students
from autograder.make.chapter import ROOT
from tools import demo, notebooks

COURSE = ROOT / "build/course"
EXPECTED = ROOT / "tests/expected.csv"


def graded(course: Path) -> list[dict[str, str]]:
    """Release the lab, hand in ten notebooks, grade them; return a row for each."""
    released = release.release(ROOT / "labs" / f"{demo.LAB}.py", course)
    download, roster = course / "download", course / "roster.csv"
    demo.write(released, download)
    for line in collect.collect(download, demo.LAB, course, roster):
        print(f"  {line}")
    for trouble in grade.grade(demo.LAB, course):
        print(f"  not graded: {trouble}")
    said, troubles = report.report(demo.LAB, course)
    print(*(f"  {line}" for line in [*said, *troubles]), sep="\n")
    return report.table(demo.LAB, course, list(students.roster(roster)))


def show(rows: list[dict[str, str]]) -> None:
    """Print the grade table, an exercise's checks as their sum."""
    every = list(dict.fromkeys(k for row in rows for k in row))
    columns = [c for c in every if not any(c.startswith(f"{e}-") for e in every)]
    wide = {c: max(len(r.get(c, "")) for r in [*rows, {c: c}]) for c in columns}
    for row in [dict(zip(columns, columns, strict=True)), *rows]:
        print("  " + "  ".join(row.get(c, "").ljust(wide[c]) for c in columns))


def site() -> str:
    """Render the site where Quarto is; else say how to get it."""
    if not shutil.which("quarto"):
        return "not rendered: install Quarto from quarto.org, then run this again"
    env = os.environ | {"QUARTO_PYTHON": sys.executable}
    subprocess.run(["quarto", "render", str(ROOT)], check=True, env=env)
    return str(ROOT / "build/site/index.html")


def main() -> int:
    """Run every stage; return 1 if a grade is not the expected one."""
    print("1. Notebooks", flush=True)
    notebooks.main()
    print("2. A class of ten", flush=True)
    wrong = False
    try:
        doctor.quick()
    except RuntimeError as e:
        print(f"  left out: {e}")
    else:
        rows = graded(COURSE)
        show(rows)
        with EXPECTED.open(newline="") as file:
            expected = list(csv.DictReader(file))
        wrong = [{k: r.get(k, "") for k in expected[0]} for r in rows] != expected
        print(f"  the grades {'DIFFER from' if wrong else 'are those of'} {EXPECTED}")
    print("3. The site", flush=True)
    print(f"  {site()}")
    print(f"Notebooks: {ROOT / 'notebooks'}\nThe course: {COURSE}")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
