"""One page on a design: its numbers, its margins, and the assumption it hangs by."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .capstone import KNOBS, Brief, evaluate, readable

UNITS = {"days": "d", "cost": "M$", "p99": "s", "carbon": "t"}


def page(
    brief: Brief, design: Mapping[str, Any], rows: Sequence[Sequence[Any]], who: str
) -> str:
    """Return the page in Markdown; rows: (assumption, share low, share high, flips)."""
    values, x = evaluate(brief, design), readable(brief, design)
    shares = {k: values[k] / bound for k, bound in brief["limits"].items()}
    worst = max(shares, key=lambda k: shares[k])
    verdict = "meets all limits" if shares[worst] <= 1 else f"breaks {worst}"
    lines = [f"# A fleet for {brief['model']}", "", f"{who}.  The design {verdict}."]
    lines += ["", "| knob | choice |", "|---|---|"]
    lines += [f"| {k} | {x[k]:g} |" for k in KNOBS if k != "site"]
    lines += [f"| site | {x['site']} |", "", "| limit | value | at most | used |"]
    lines += ["|---|---|---|---|"]
    for k, bound in brief["limits"].items():
        unit = UNITS.get(k, "")
        value, most = (f"{x:.3g} {unit}".rstrip() for x in (values[k], bound))
        lines += [f"| {k} | {value} | {most} | {shares[k]:.0%} |"]
    lines += ["", "| assumption | a quarter less | a quarter more | flips |"]
    lines += ["|---|---|---|---|"]
    for name, low, high, flips in rows:
        said = ["no end" if math.isinf(x) else f"{x:.0%}" for x in (low, high)]
        lines += [f"| {name} | {said[0]} | {said[1]} | {'yes' if flips else 'no'} |"]
    if rows:
        lines += [
            "",
            f"**Weakest assumption:** {rows[0][0]}.  **Tightest limit:** {worst}.",
        ]
    return "\n".join(lines) + "\n"
