"""A chapter run as it stands, for what tests ask of it: its laws and its answers.

What it prints is compared with the committed notebook.  (Under Colab's versions nbval
runs all of it: tools/check.)
"""

import contextlib
import functools
import io
import re

import matplotlib
import nbformat

from autograder.make.address import ROOT
from autograder.make.chapter import VARIES


@functools.cache
def played(stem):
    """Return the names that a chapter defines, without its cells that vary."""
    matplotlib.use("agg")
    names = {"__name__": "__main__"}
    for cell in nbformat.read(ROOT / f"notebooks/chapters/{stem}.ipynb", 4).cells:
        varies = VARIES in cell.metadata.get("tags", [])
        if cell.cell_type != "code" or varies:
            continue
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(cell.source, f"<{stem}>", "exec"), names)
        shown = "".join(o.get("text", "") for o in cell.outputs)
        assert said.getvalue() == shown, f"{stem} prints this:\n{said.getvalue()}"
        matplotlib.pyplot.close("all")
    return names


def problems(stem):
    """Return the text of each problem of a chapter's Try it."""
    text = (ROOT / f"chapters/{stem}.py").read_text().partition("# ## Try it\n")[2]
    prose = re.sub(r"(?m)^# ?", "", text)
    return re.split(r"(?m)^\d+\. ", prose.partition("\n%%")[0].partition("\n> ")[0])[1:]


def answers_run(stem):
    """Run each answer of a chapter's Try it, and compare what it prints."""
    asked = problems(stem)
    assert 3 <= len(asked) <= 5, f"{len(asked)} problems"
    ran = 0
    for problem in asked:
        assert "<details><summary>Answer</summary>" in problem, problem
        assert "</details>" in problem, problem
        blocks = re.findall(r"(?ms)^   ```(python|text)\n(.*?)^   ```$", problem)
        for (kind, code), (then, text) in zip(blocks[::2], blocks[1::2], strict=True):
            assert (kind, then) == ("python", "text"), problem
            said, lines = io.StringIO(), re.sub(r"(?m)^   ", "", code)
            with contextlib.redirect_stdout(said):
                exec(compile(lines, f"<answer of {stem}>", "exec"), dict(played(stem)))
            assert said.getvalue() == re.sub(r"(?m)^   ", "", text)
            ran += 1
    assert ran, "no answer was computed"
