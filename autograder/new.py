"""Start a chapter: its script, its lab and the lab's mistakes, to be rewritten."""

import re
from pathlib import Path

SKELETON = Path(__file__).parent / "make" / "skeleton.txt"


def start(name: str, root: Path) -> list[Path]:
    """Write the files of a chapter called NN_slug under root; return them.

    Raises ValueError for another kind of name, and where a file is already there.
    """
    parts = re.fullmatch(r"(\d\d)_([a-z][a-z0-9_]*)", name)
    if parts is None:
        raise ValueError(f"{name!r}: two digits, _ and a slug, such as 07_storage")
    if not (root / "labs").is_dir():
        raise ValueError(f"{root.resolve()} has no folder labs; run this beside it")
    title = parts[2].replace("_", " ").capitalize()
    text = re.sub(r"# EACH\n(.*?)# END\n", _each, SKELETON.read_text(), flags=re.DOTALL)
    number = {"NUMBER": int(parts[1]), "DIGITS": parts[1]}
    text = _filled(text, NAME=name, TITLE=title, **number)
    files = dict(re.findall(r"=== (.*)\n((?:(?!=== ).*\n)*)", text))
    if there := [file for file in files if (root / file).exists()]:
        raise ValueError(f"{', '.join(there)}: already there; nothing was written")
    for file, source in files.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(source, encoding="utf-8")
    return [root / file for file in files]


def _each(part: re.Match[str]) -> str:
    four = enumerate(("two", "three", "four", "five"), 1)
    return "".join(_filled(part[1], WORD=w, ORDER=i, FACTOR=i + 1) for i, w in four)


def _filled(text: str, **words: object) -> str:
    for word, value in words.items():
        text = text.replace(word, str(value))
    return text
