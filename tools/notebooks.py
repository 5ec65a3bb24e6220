"""Make every notebook of the repository from its source; only what has changed."""

import hashlib
import sys
import tempfile
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.make.address import ROOT, opened
from autograder.make.chapter import chapter, execute
from autograder.release import release

STAMPS = ROOT / "build/stamps"


def stamp(script: Path) -> str:
    """Name the state of everything that a notebook is made from."""
    parts = [script, ROOT / "_quarto.yml", *sorted(ROOT.glob("mlsyscore/**/*.py"))]
    parts += sorted(ROOT.glob("autograder/**/*.py"))
    return hashlib.sha256(b"".join(p.read_bytes() for p in parts)).hexdigest()


def make_chapter(script: Path, out: Path) -> None:
    """Build and execute one chapter."""
    before = nbformat.read(out, as_version=4) if out.exists() else None
    nb = chapter(script)
    execute(nb, before, ROOT)
    write(nb, out)


def make_lab(script: Path, out: Path) -> None:
    """Build one lab's student notebook through nbgrader."""
    with tempfile.TemporaryDirectory() as course:
        nb = nbformat.read(release(script, Path(course)), as_version=4)
    link = opened(f"notebooks/labs/{script.stem}.ipynb")
    heading, _, rest = nb.cells[0].source.partition("\n")
    nb.cells[0].source = f"{heading}\n\n{link}\n{rest}"
    write(nb, out)


def write(nb: NotebookNode, out: Path) -> None:
    """Write a valid notebook whole."""
    nbformat.validate(nb)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(nbformat.writes(nb) + "\n", encoding="utf-8")


def main() -> None:
    """Make what is out of date; say what was done."""
    STAMPS.mkdir(parents=True, exist_ok=True)
    for kind, make in (("chapters", make_chapter), ("labs", make_lab)):
        for script in sorted((ROOT / kind).glob("[0-9]*.py")):
            out = ROOT / "notebooks" / kind / f"{script.stem}.ipynb"
            mark, now = STAMPS / f"{kind}-{script.stem}", stamp(script)
            if out.exists() and mark.exists() and mark.read_text() == now:
                print(f"{out.relative_to(ROOT)}: up to date")
                continue
            print(f"{out.relative_to(ROOT)}: making", flush=True)
            make(script, out)
            mark.write_text(now)


if __name__ == "__main__":
    sys.exit(main())
