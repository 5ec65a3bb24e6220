"""Item analysis: which checks most fail, on what, and which tell students apart."""

import re
from collections import Counter
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

from .feedback import environment
from .grades import Lab, Work

WEAK, MOST, LONG = 0.2, 5, 300  # point-biserial; mistakes shown; characters of one
NUMBER = re.compile(
    r"(?<![A-Za-z_\d])[-+−]?(?:\d+(?:[.,_]\d+)*|\.\d+)(?:[eE][-+]?\d+)?"
)
INK, BAR = "#010203", "#3b6ea5"  # stand for the page's colours, light or dark
STYLE = {
    "svg.fonttype": "none",
    "font.size": 11,
    "font.family": "sans-serif",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@dataclass(frozen=True)
class Item:
    """One check or essay: of those graded, how many earned what."""

    name: str
    points: int
    count: int
    full: int
    mean: float
    r: float | None
    mistakes: list[tuple[str, int]]
    others: int  # mistakes not shown


def discrimination(scores: list[float], rest: list[float]) -> float | None:
    """Return the correlation of one check's points with those of all other checks.

    r = cov(x, y - x) / (s_x s_{y-x}), x the check and y the total, which for a check
    passed or failed is the corrected point-biserial.  None where either is the same
    for all, or there are fewer than three.
    """
    if len(scores) < 3 or any(np.ptp(x) < 1e-9 for x in (scores, rest)):
        return None
    return float(np.corrcoef(scores, rest)[0, 1])


def pattern(said: str) -> str:
    """Return a message with its numbers left out, so that equal mistakes look equal."""
    same = NUMBER.sub("#", " ".join(said.split()))
    same = re.sub(r"#(?:,? #)+", "#, ...", same)
    return f"{same[:LONG]} ..." if len(same) > LONG else same


def item(lab: Lab, works: list[Work], name: str) -> Item:
    """Analyse one graded cell."""
    done = [w for w in works if name in w.scores]
    scores = [w.scores[name] for w in done]
    checks = set(lab.points) - lab.essays - {name}
    rest = [sum(w.scores[c] for c in sorted(checks)) for w in done]
    found = Counter(pattern(w.said[name]) for w in done if name in w.said)
    mistakes = sorted(found.items(), key=lambda m: (-m[1], m[0]))
    return Item(
        name,
        lab.points[name],
        len(done),
        sum(s >= lab.points[name] for s in scores),
        float(np.mean(scores)) if scores else 0.0,
        discrimination(scores, rest),
        mistakes[:MOST],
        sum(count for _, count in mistakes[MOST:]),
    )


def exercise(lab: Lab, works: list[Work], name: str) -> dict[str, Any]:
    """Analyse one exercise: its sums, and each of its cells."""
    graded, points = lab.exercises[name], lab.points
    done = [w for w in works if all(g in w.scores for g in graded)]
    sums = [sum(w.scores[g] for g in graded) for w in done]
    most = sum(points[g] for g in graded)
    return {
        "name": name,
        "essay": name in lab.essays,
        "points": most,
        "count": len(done),
        "attempts": sum(name in w.attempted for w in works),
        "full": sum(s >= most for s in sums),
        "mean": float(np.mean(sums)) if sums else 0.0,
        "items": [item(lab, works, g) for g in graded],
    }


def page(lab: Lab, works: list[Work]) -> str:
    """Return the page for the instructor."""
    graded = [w for w in works if w.points is not None]
    totals = [w.points for w in graded if w.points is not None]
    exercises = [exercise(lab, graded, name) for name in lab.exercises]
    items = [i for e in exercises for i in e["items"] if i.count]
    env = environment()
    env.filters["percent"] = lambda part, of: f"{100 * part / of:.0f} %" if of else "–"
    return env.get_template("items.html.j2").render(
        lab=lab,
        graded=len(graded),
        states=sorted(Counter(w.state for w in works).items()),
        exercises=exercises,
        totals=totals,
        mean=np.mean(totals) if totals else 0.0,
        median=np.median(totals) if totals else 0.0,
        spread=np.std(totals, ddof=1) if totals[1:] else None,
        histogram=_histogram(totals, lab.maximum) if totals else "",
        bars=_bars(items) if items else "",
        WEAK=WEAK,
    )


def _histogram(totals: list[float], maximum: int) -> Markup:
    width = max(1, -(-maximum // 30))  # whole points, at most 31 bars
    most = max([maximum, *totals])
    edges = np.arange(0, most + 2 * width, width) - width / 2
    with rc_context(STYLE):
        figure = Figure(figsize=(5.5, 2.6), layout="constrained")
        axes = figure.subplots()
        axes.hist(totals, bins=edges, color=BAR, rwidth=0.85)
        axes.set(xlabel=f"points of {maximum}", ylabel="students")
        axes.yaxis.get_major_locator().set_params(integer=True)
        return _svg(figure, f"How many students have how many of {maximum} points")


def _bars(items: list[Item]) -> Markup:
    shares = [100 * i.full / i.count for i in items]
    with rc_context(STYLE):
        figure = Figure(figsize=(5.5, 0.8 + 0.3 * len(items)), layout="constrained")
        axes = figure.subplots()
        bars = axes.barh([i.name for i in items], shares, color=BAR, height=0.7)
        axes.bar_label(bars, [f"{s:.0f}" for s in shares], padding=4)
        axes.invert_yaxis()
        axes.set(xlabel="percent of those graded who have full marks", xlim=(0, 108))
        return _svg(figure, "Each check's percentage of full marks, as in the tables")


def _svg(figure: Figure, alt: str) -> Markup:
    """Return a figure to stand in the page, in the page's colours."""
    out = StringIO()
    with rc_context({"svg.hashsalt": alt}):  # ids: a figure's own, the same every time
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = out.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r' id="[\w.]+_\d+"', "", text)  # of groups, which both figures have
    text = text.replace(BAR, "var(--bar)").replace("<svg", '<svg role="img"', 1)
    named = Markup("<figure>{}<figcaption>{}</figcaption></figure>")
    title = Markup("><title>{}</title>").format(alt)
    return named.format(Markup(text.replace(">", title, 1)), alt)
