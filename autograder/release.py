"""Release a lab: let nbgrader make its student notebook."""

from pathlib import Path

import nbformat

from . import plugin
from .make.build import instructor

CONFIG = "from autograder import plugin\n\nplugin.configure(get_config())\n"
SECRETS = ("### BEGIN SOLUTION", "### BEGIN HIDDEN", "### END")


def release(script: Path, course: Path) -> Path:
    """Build a lab and let nbgrader make its student notebook; return that.

    Raises RuntimeError when nbgrader fails or the notebook holds what it must not.
    """
    lab = script.stem
    source = course / "source" / lab / f"{lab}.ipynb"
    source.parent.mkdir(parents=True, exist_ok=True)
    (course / "exchange").mkdir(exist_ok=True)
    nbformat.write(instructor(script), source)
    (course / "nbgrader_config.py").write_text(CONFIG)
    made = plugin.api(course).generate_assignment(lab, force=True, create=True)
    student = course / "release" / lab / f"{lab}.ipynb"
    if not made["success"]:
        raise RuntimeError(f"nbgrader could not release {lab}:\n{made['log']}")
    leaks = [word for word in SECRETS if word in student.read_text()]
    if leaks:
        raise RuntimeError(f"{student} holds {leaks}")
    return student
