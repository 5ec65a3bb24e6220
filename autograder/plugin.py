"""nbgrader's steps, replaced: restore the cells, then judge outside the jail."""

import logging
import warnings
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader import preprocessors as steps
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor
from sqlalchemy.exc import SAWarning
from traitlets.config import Config

from .intake.restore import restore
from .intake.submitted import find_alembic
from .judge.results import judged
from .reports import feedback


def configure(c: Any) -> None:
    """Put our steps into nbgrader's own lists."""
    c.CourseDirectory.course_id = "mlsys"
    c.Exchange.root = "exchange"  # of nobody else; formgrader asks for one
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
    ]
    feedback.configure(c)
    c.HTMLExporter.sanitize_html = True  # of feedback and of formgrader's pages
    c.HTMLExporter.filters = {"markdown2html": "autograder.make.pages.markdown"}


def api(course: Path) -> NbGraderAPI:
    """Open a course folder with nbgrader, under our configuration."""
    find_alembic()
    warnings.filterwarnings("ignore", module="nbgrader", category=SAWarning)
    c = Config()
    configure(c)
    c.CourseDirectory.root = str(course.resolve())
    c.Exchange.root = str(course.resolve() / "exchange")
    c.Application.log_level = logging.ERROR
    return NbGraderAPI(CourseDirectory(config=c), config=c)


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
