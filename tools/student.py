"""Write the student tree: all of the repository that may be public.

    python -m tools.student FOLDER

Its tag archive is what notebooks install from and Colab links point to.  It holds no
lab's source, no mistake, no test and nothing of the autograder; before a file is
written, a scan looks for lines of solutions and of hidden checks.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat

from autograder.make.address import ROOT, companion

PUBLIC = ["CHANGELOG.md", "LICENSE", "LICENSE-text.md", "_quarto.yml", "index.qmd"]
PUBLIC += ["chapters", "mlsyscore", "notebooks", "site"]
README = """# The executable companion to *Machine Learning Systems at Scale*

The book gives laws. Here each one runs: a notebook per chapter, a lab per chapter, and
`mlsyscore`, the laws as a package. Open `notebooks/chapters/01_introduction.ipynb` in
Colab or Jupyter; its first cell installs what is missing. A CPU is enough. On your own
machine, first

    pip install ".[labs]" simpy

Licences: `LICENSE-text.md`.
"""
SECRET = r"(?s)### BEGIN (?:SOLUTION|HIDDEN TESTS)\n(.*?)### END"
COMMON = r".{,12}|.*:|rng = np\.random\.default_rng\(\d+\)"  # lines of any program
OWN = r"(?m)^\[project\.(?:scripts|entry-points.*)\]\n(?:.+\n)*|^(?:grading|dev) = .*\n"


def files() -> list[Path]:
    """List the files that are public, from what git knows."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run([*words, *PUBLIC], cwd=ROOT, check=True, capture_output=True)
    found = [Path(name) for name in done.stdout.decode().split("\0") if name]
    return sorted(f for f in set(found) if (ROOT / f).exists())


def project() -> str:
    """Return the project file of the package alone."""
    text = (ROOT / "pyproject.toml").read_text()
    text = text.replace('["mlsyscore", "autograder"]', '["mlsyscore"]')
    return re.sub(OWN, "", text.partition("[tool.ruff")[0])


def secrets() -> Iterator[str]:
    """Yield the lines that only a lab's solution or hidden check has."""
    for script in sorted(ROOT.glob("labs/[0-9]*.py")):
        text = script.read_text()
        public = {line.strip() for line in re.sub(SECRET, "", text).splitlines()}
        for part in re.findall(SECRET, text):
            lines = {line.strip() for line in part.splitlines()} - public
            yield from (x for x in sorted(lines) if not re.fullmatch(COMMON, x))


def shown(name: Path, data: bytes) -> set[str]:
    """Return the lines that a file shows: of a notebook, those of its cells."""
    text = data.decode("utf-8", "replace")
    if name.suffix == ".ipynb":
        text = "\n".join(c.source for c in nbformat.reads(text, as_version=4).cells)
    return {line.strip() for line in text.splitlines()}


def write(folder: Path) -> list[Path]:
    """Write the tree into an empty folder; return its files.

    Raises ValueError where the folder holds something, RuntimeError for a leak.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty; nothing was written")
    tree = {name: (ROOT / name).read_bytes() for name in files()}
    tree |= {
        Path("README.md"): README.encode(),
        Path("pyproject.toml"): project().encode(),
    }
    secret = set(secrets())
    for name, data in tree.items():
        if found := sorted(secret & shown(name, data)):
            raise RuntimeError(f"{name} holds lines of a solution: {found[:3]}")
    for name, data in tree.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return sorted(tree)


def main(folder: Path) -> None:
    """Write the tree and say what to do with it."""
    print(f"{len(write(folder))} files, no line of a solution: {folder}")
    known = companion()
    if not known["owner"]:
        print(
            "_quarto.yml names no owner yet, so its notebooks fetch and link nothing."
        )
    print("Publish it as {repository}, with the tag {tag}.".format(**known))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/student"))
