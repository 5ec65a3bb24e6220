"""A lab's zip for Gradescope: all that ``autograder.gradescope`` needs there."""

import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).with_name("gradescope")
NEXT = """{}: upload it to Gradescope, with Ubuntu 24.04 and 3 GB of memory or more.
It holds the solutions and the hidden checks; students may not have it."""


def write(lab: str, course: Path, file: Path) -> str:
    """Write a released lab's zip, the same bytes every time; return what to do next.

    Raises OSError where it cannot be written, or the project's source is not here.
    """
    files = {p.name: p for p in SCRIPTS.iterdir()}
    files[f"instructor/{lab}.ipynb"] = course / "source" / lab / f"{lab}.ipynb"
    files[f"released/{lab}.ipynb"] = course / "release" / lab / f"{lab}.ipynb"
    files["package/pyproject.toml"] = ROOT / "pyproject.toml"
    for path in (
        p for k in ("mlsyscore", "autograder") for p in ROOT.glob(f"{k}/**/*")
    ):
        own = path.relative_to(ROOT)
        if path.is_file() and "__pycache__" not in own.parts and own.name[0] != ".":
            files[f"package/{own}"] = path
    draft = file.with_name(f".{file.name}.draft")
    try:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as made:
            for member, path in sorted(files.items()):
                info = zipfile.ZipInfo(member)  # of 1980, whenever it is made
                info.external_attr = (0o644 if "/" in member else 0o755) << 16
                info.compress_type = zipfile.ZIP_DEFLATED
                made.writestr(info, path.read_bytes())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return NEXT.format(file)
