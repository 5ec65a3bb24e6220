"""Where the public copy of the course lies, and links to it and to papers."""

import functools
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
NOWHERE = "*This copy of the course has no public address yet: no Colab link.*"


@functools.cache
def companion() -> dict[str, str]:
    """Read the settings under ``companion``; they are empty outside the repository."""
    file = ROOT / "_quarto.yml"
    return dict(yaml.safe_load(file.read_text())["companion"]) if file.exists() else {}


def archive() -> str:
    """Return the address of the student tree at its tag; "" while there is no owner."""
    known = companion()
    return known["archive"].format(**known) if known.get("owner") else ""


def colab(notebook: str) -> str:
    """Return the Colab address of the notebook at a path; "" while there is none."""
    known = companion()
    if not known.get("owner"):
        return ""
    place = "{owner}/{repository}/blob/{tag}".format(**known)
    return f"https://colab.research.google.com/github/{place}/{notebook}"


def opened(notebook: str) -> str:
    """Return the line that opens a notebook in Colab, or says why there is none."""
    return f"[Open in Colab]({colab(notebook)})" if colab(notebook) else NOWHERE


def linked(prose: str, own: str) -> str:
    """Link papers and, where they are public, chapters that are named in the text.

    own: the two digits of the chapter that says it; it does not link to itself.
    """
    paper = r"[arXiv \1](https://arxiv.org/abs/\1)"
    prose = re.sub(r"(?<!\[)\barXiv (\d{4}\.\d{4,5})\b", paper, prose)

    def chapter(said: re.Match[str]) -> str:
        found = list(ROOT.glob(f"chapters/{int(said[2]):02d}_*.py"))
        if not found or found[0].stem[:2] == own or not companion().get("owner"):
            return said[0]
        return f"[{said[1]}]({colab(f'notebooks/chapters/{found[0].stem}.ipynb')})"

    return re.sub(r"(?<![\[#])\b([Cc]hapter (\d+))\b", chapter, prose)
