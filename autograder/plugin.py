"""nbgrader's steps, replaced: restore the cells, then judge outside the jail."""

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader import preprocessors as steps
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor

from . import evidence
from .restore import restore


def configure(c: Any) -> None:
    """Put our steps into nbgrader's own lists."""
    c.CourseDirectory.course_id = "mlsys"
    c.Autograde.sanitize_preprocessors = [
        steps.ClearOutput,
        Restore,
        steps.OverwriteKernelspec,
        steps.OverwriteCells,
        steps.CheckCellMetadata,
    ]
    c.Autograde.autograde_preprocessors = [
        Judge,
        steps.LimitOutput,
        steps.SaveAutoGrades,
        steps.AssignLatePenalties,
        steps.CheckCellMetadata,
    ]
    c.GenerateFeedback.preprocessors = [
        steps.GetGrades,
        steps.ClearHiddenTests,
        "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
    ]
    c.HTMLExporter.sanitize_html = True  # of feedback and of formgrader's pages
    c.HTMLExporter.filters = {"markdown2html": "autograder.pages.markdown"}


def key(nb: NotebookNode, master: NotebookNode) -> str:
    """Return the name of a result: the same cells judged by the same lab and code."""
    parts = [[evidence.name(c), c.cell_type, c.source] for c in nb.cells]
    parts += [[evidence.name(c), evidence.role(c), c.source] for c in master.cells]
    parts += [p.read_text() for p in sorted(Path(__file__).parent.glob("*.py"))]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def judged(nb: NotebookNode, master: NotebookNode, cache: Path) -> Any:
    """Return every cell's outputs, from the cache or by running the submission."""
    file = cache / f"{key(nb, master)}.json"
    if not file.exists():
        outputs = evidence.run(nb, master)
        cache.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(f".{uuid.uuid4()}")
        draft.write_text(json.dumps(outputs))
        draft.replace(file)  # whole or not at all
    return json.loads(file.read_text())


class _Step(NbGraderPreprocessor):
    def lab(self, directory: str, resources: Any) -> NotebookNode:
        """Read the instructor's or the released copy of the lab at hand."""
        course, of = CourseDirectory(parent=self), resources["nbgrader"]
        folder = course.format_path(getattr(course, directory), ".", of["assignment"])
        return nbformat.read(Path(folder) / f"{of['notebook']}.ipynb", as_version=4)


class Restore(_Step):
    """Bring the submitted notebook back to the lab's shape."""

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Restore every cell against the released copy."""
        nb, done = restore(nb, self.lab("release_directory", resources))
        for line in done:
            self.log.info("%s: %s", resources["nbgrader"]["student"], line)
        return nb, resources


class Judge(_Step):
    """Run the student's cells in the jail and the checks outside it."""

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Give each cell the outputs that grading is read from."""
        cache = Path(CourseDirectory(parent=self).root) / "judged"
        found = judged(nb, self.lab("source_directory", resources), cache)
        for cell, outputs in zip(nb.cells, found, strict=True):
            if cell.cell_type == "code":
                cell.outputs = [NotebookNode(o) for o in outputs]
        return nb, resources
