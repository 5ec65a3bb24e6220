"""A student's feedback page: each exercise's verdict, then the notebook.

nbgrader makes it, by its own lists of preprocessors and exporters; nothing on it
runs, asks the network for anything or shows a hidden check.
"""

import re
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from nbconvert.exporters import Exporter
from nbconvert.filters import Highlight2HTML, ansi2html, strip_ansi
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import ClearHiddenTests, GetGrades
from pygments.formatters import HtmlFormatter
from traitlets import default

from ..make import pages
from ..make.roles import exercises, role
from .grades import message

TEMPLATES = Path(__file__).with_name("templates")
SHORT = 600  # characters of a message in the table; the cell below has all of it
MARKS = {"passed": "✓", "failed": "✗"}  # a sign, for who sees no colour


def configure(c: Any) -> None:
    """Let nbgrader make our page."""
    c.GenerateFeedback.preprocessors = [Verdict, Hide]
    c.GenerateFeedback.exporter_class = Page


class Verdict(GetGrades):
    """Fetch the grades, and which of them a person has still to give."""

    def _get_score(self, cell: NotebookNode, resources: Any) -> None:
        super()._get_score(cell, resources)
        of, marks = resources["nbgrader"], cell.metadata.nbgrader
        book: Gradebook = self.gradebook
        grade = book.find_grade(
            marks.grade_id, of["notebook"], of["assignment"], of["student"]
        )
        marks.open = grade.needs_manual_grade or (
            grade.auto_score is None and grade.manual_score is None
        )


class Hide(ClearHiddenTests):
    """Take out the hidden part of checks, and what only the instructor hears of one.

    All that a student's cell shows was shown before the first hidden part ran.
    """

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Clear the checks: of their outputs the verdict stays."""
        for cell in nb.cells:
            if role(cell) == "check" and not cell.metadata.nbgrader.get("solution"):
                self.preprocess_cell(cell, resources, 0)
                cell.outputs = [o for o in cell.outputs if o.output_type == "error"]
        return nb, resources


def verdicts(nb: NotebookNode) -> list[dict[str, Any]]:
    """Return each exercise's name, points and checks, for the table."""
    graded = {
        c.metadata.nbgrader.grade_id: c
        for c in nb.cells
        if c.metadata.get("nbgrader", {}).get("grade")
    }
    found = []
    for exercise, names in exercises(nb).items():
        checks = [_verdict(key, graded[key]) for key in names]
        sums = {k: sum(c[k] for c in checks) for k in ("score", "points", "open")}
        found.append({"name": exercise, "checks": checks, **sums})
    return found


def _verdict(key: str, cell: NotebookNode) -> dict[str, Any]:
    marks = cell.metadata.nbgrader
    got, most = float(marks.score), float(marks.points)
    word = "passed" if got >= most else "failed" if got <= 0 else "in part"
    if marks.solution or marks.open:
        word = "to be graded" if marks.open else "graded"
    said = marks.get("comment") or ("" if got >= most else message(cell)) or ""
    said = strip_ansi(said)
    if len(said) > SHORT:
        said = f"{said[:SHORT]} ..."
    about = {"name": key, "word": word, "mark": MARKS.get(word, ""), "said": said}
    return about | {"score": got, "points": most, "open": int(marks.open)}


def environment() -> jinja2.Environment:
    """Return what fills our templates: every value is escaped."""
    loader = jinja2.FileSystemLoader(TEMPLATES)
    env = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
    env.filters["number"] = lambda x: f"{x:g}"
    return env


def code_style(style: str) -> Markup:
    """Return the CSS rules of one of Pygments' styles."""
    rules = HtmlFormatter(style=style).get_style_defs(".highlight")
    return Markup(rules)


def _markdown(source: str) -> Markup:
    html = pages.markdown(source)
    return Markup(re.sub('<a href="#[^"]*">&#182;</a>', "", html))  # leads nowhere here


class Page(Exporter):
    """Make the page: our template, nbconvert's filters, no script."""

    @default("file_extension")
    def _file_extension_default(self) -> str:
        return ".html"

    output_mimetype = "text/html"

    def from_notebook_node(
        self, nb: NotebookNode, resources: Any = None, **kw: Any
    ) -> tuple[str, Any]:
        """Return the page of a graded notebook."""
        nb, resources = super().from_notebook_node(nb, resources, **kw)
        for cell in nb.cells:
            outputs = map(pages.output, cell.get("outputs", []))
            cell.outputs = [o for o in outputs if o]  # only what is safe to show
        env = environment()
        env.filters["code"] = lambda x: Markup(Highlight2HTML("ipython3")(x))
        env.filters["ansi"] = lambda x: Markup(ansi2html(x))
        env.filters["markdown"] = _markdown
        html = env.get_template("feedback.html.j2").render(
            cells=nb.cells,
            of=resources["nbgrader"],
            exercises=verdicts(nb),
            light=code_style("default"),
            dark=code_style("github-dark"),
        )
        return html, resources
