"""Hostile submissions: they learn nothing, reach nothing and earn what is right."""

import copy
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from . import liars, thieves
from .broken import LONG, LOST
from .lab import ALL, Case, first, last, one, remark

EXERCISES = [k.removesuffix("-seen") for k in ALL if k.endswith("-seen")]


def tampered(nb: NotebookNode) -> None:
    """Rewrite the checks and their points."""
    for cell in nb.cells:
        if cell.id in ALL:
            cell.source = f"# [check: {cell.id}, 100 points]\npass"
            cell.metadata.nbgrader.update(points=100, locked=False, solution=True)


def swapped(nb: NotebookNode) -> None:
    """Give the checks each other's names; claim a check of one's own."""
    by = {c.id: c for c in nb.cells}
    pair = by["scale-hidden"].metadata, by["center-hidden"].metadata
    by["scale-hidden"].metadata, by["center-hidden"].metadata = pair[1], pair[0]
    bonus = new_code_cell("1.0", metadata=copy.deepcopy(by["scale-hidden"].metadata))
    bonus.metadata.nbgrader.update(grade_id="bonus", points=1000)
    nb.cells.append(bonus)


def as_answers(nb: NotebookNode) -> None:
    """Call a check an answer, and an answer a check, by id and by marker."""
    by = {c.id: c for c in nb.cells}
    by["scale-hidden"].metadata.nbgrader.grade_id = "scale"
    by["scale-hidden"].source = "# [answer: scale]\nscale = None"
    by["why"].metadata.nbgrader = {"grade_id": ["x"], "points": {}, "grade": "yes"}


def odd(nb: NotebookNode) -> None:
    """Put values of wrong types wherever the format has a place."""
    nb.metadata = {"kernelspec": {"name": "../../bin/sh", "language": 5}, "toc": None}
    for n, cell in enumerate(nb.cells):
        cell.metadata["tags"] = [None, {}, "hide-cell", "explore", "probe"][: n % 6]
        cell.metadata["nbgrader"] = cell.metadata.get("nbgrader") or "x"
        cell["outputs"], cell["execution_count"] = 5, "x"
    nb.cells.append({"cell_type": {}, "source": {"a": 1}, "metadata": 3, "id": []})


def lies(name: str, source: str, *lost: str, says: str = "", **more: Any) -> Case:
    """Make a submission that answers several exercises by one source."""
    return Case(name, dict.fromkeys(lost, source), lost, says, **more)


def zipped(name: str, file: str, **more: Any) -> Case:
    """Make a member of a zip; ``@`` stands for the student's folder."""
    return Case(name, file=file, archive=True, **more)


def tells(how: str, source: str) -> Case:
    """Make a submission that notes what it is called with, and tells it elsewhere."""
    lost = [e for e in EXERCISES if f"def {e}(" in source]
    if "root" in lost:
        lost[lost.index("root")] = "root-seen"  # below zero it is right
    answers = {e: source for e in EXERCISES if f"def {e}(" in source}
    return Case(f"tells-{how}", {"scale": thieves.NOTES} | answers, tuple(lost))


def tells_there(how: str, body: str) -> Case:
    """Make a submission that tells a hidden part's argument while it runs."""
    source = f"def scale(x):\n    if x > 10**6:\n        {body}\n    return 3 * x"
    lost = () if how == "prints" else ("scale-hidden",)
    return one(f"tells-{how}", source, *lost)


TELLS_LATER = "print('told', seen, steps)\nraise RuntimeError(f'told {seen}')"


HOSTILE = [
    *(tells(how, source) for how, source in thieves.TELLS.items()),
    *(tells_there(how, body) for how, body in thieves.TELLS_THERE.items()),
    Case("tells-later", {"scale": thieves.NOTES}, change=last(TELLS_LATER)),
    one("walks", thieves.WALK, says=thieves.FOUND),
    one("reads-proc", thieves.PROC, says=thieves.FOUND),
    one("reads-memory", thieves.MEMORY, "scale", says=thieves.FOUND),
    one("reads-frames", thieves.FRAMES, "scale", says=thieves.FOUND),
    Case("tells-by-value", {"parts": thieves.RETURNED}, ("parts",), thieves.FOUND),
    one("network", thieves.NETWORK, says=r"talked to \[\]"),
    Case(
        "keeps-secrets", {"scale": thieves.SECRETS}, change=last("print('args', seen)")
    ),
    one("raises-secrets", thieves.RAISES, "scale-hidden"),
    one("returns-secrets", thieves.RETURNS, "scale-hidden"),
    one("escapes", thieves.ESCAPE, says=r"escaped by \[\]"),
    one("writes", thieves.WRITES),
    one("links", thieves.LINKS),
    one("litters", thieves.LITTER, says="refused Read-only"),
    one("signals", thieves.SIGNALS),
    Case("transforms", {"scale": liars.TRANSFORMER}, ALL),
    one("rewrites-trees", liars.TREES, "scale"),
    lies("patches", liars.PATCHED, "scale", "center"),
    Case("torch-patched", {"soft": liars.TORCH}, ("soft",)),
    one("lies-equal", f"{liars.EQUAL}\ndef scale(x): return Yes()", "scale"),
    Case("lies-root", {"root": f"{liars.EQUAL}\ndef root(x): return Yes()"}, ("root",)),
    one("lies-float", f"{liars.FLOATS}\ndef scale(x): return Yes(7)", "scale"),
    Case("lies-array", {"center": liars.ARRAYS}, ("center",)),
    Case("lies-tensor", {"soft": liars.TENSORS}, ("soft",)),
    lies("pickles", liars.PICKLES, "scale", "center", "parts", "tally"),
    one("forges-output", liars.FORGED, "scale"),
    one("forges-reply", liars.REPLY, "scale"),
    lies("overrides", "", *EXERCISES, change=first(liars.OVERRIDE)),
    lies("hooks", liars.HOOKS, *EXERCISES),
    one("aware", liars.AWARE, "scale-hidden"),
    one("traces", liars.TRACE),
    one("at-exit", liars.ATEXIT),
    one("streams", liars.STREAMS, "scale", says=LONG),
    one("no-shell", f"get_ipython = __name__ = None\ndel get_ipython\n{thieves.RIGHT}"),
    one("late-thread", liars.LATE, "scale-hidden"),
    Case("tampers", {"scale": "def scale(x): return 0"}, ("scale",), change=tampered),
    Case("swaps", {"scale": "def scale(x): return 0"}, ("scale",), change=swapped),
    Case("renames", lost=("scale",), change=as_answers),
    Case("odd-types", change=odd),
    one("marker-words", liars.MARKERS),
    lies(
        "scripts",
        liars.SHOWS,
        "scale",
        "parts",
        says="kept words",
        change=remark(liars.HTML),
    ),
    Case(
        "script-essay",
        {"why": liars.HTML},
        says="kept words",
        change=remark(liars.HTML),
    ),
    one("formula", f"def scale(x): raise ValueError({liars.FORMULA!r})", "scale"),
    lies("bad-repr", liars.REPR, "scale", "center", "parts"),
    one("big-number", "def scale(x): return 2**14000", "scale", says="14000 bits"),
    Case("big-value", {"steps": "steps = 10**15"}, ("steps",)),
    Case("not-finite", liars.FAKE, ("scale", "steps")),
    one("big-array", liars.BIG, "scale", says=f"{LOST}|MiB"),
    Case("wide-array", {"center": liars.WIDE}, ("center",)),
    Case("generates", {"parts": liars.COUNT}, ("parts",), "a hidden case of this"),
    lies("bottomless", liars.ENDLESS, "parts", "tally"),
    Case("mutates", {"center": liars.MUTATES}, ("center",)),
    zipped("zip-up", "../../../@/zoo.ipynb", taken=False, line="leads out"),
    zipped("zip-root", "/tmp/@/zoo.ipynb", taken=False, line="leads out"),
    zipped(
        "zip-bomb",
        "@/zoo.ipynb",
        data=lambda d: bytes(200 << 20),
        taken=False,
        line="MiB|too large",
    ),
    zipped(
        "zip-link",
        "@/zoo.ipynb",
        data=lambda d: b"/etc/passwd",
        taken=False,
        line="link",
    ),
    zipped("zip-name", "@/<script>HACKED</script>.ipynb"),
]
