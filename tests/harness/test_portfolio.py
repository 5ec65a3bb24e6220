"""The page holds the design's own numbers."""

import math

from mlsyscore.harness.capstone import KNOBS, LIMITS, brief_of, evaluate
from mlsyscore.harness.portfolio import page


def test_the_page_is_the_design_s():
    brief = brief_of(1, dict.fromkeys(LIMITS, 1e3))
    design = {"p": 4, "d": 64, "r": 2, "tau": 1200, "spares": 4, "site": "nuclear"}
    design |= {"servers": 20, "batch": 16, "sigma": 20, "at_a": 0, "at_b": -0.3}
    rows = [("load", 0.5, math.inf, True), ("mtbf", 0.6, 0.7, False)]
    text = page(brief, design, rows, "Ada")
    assert "Ada.  The design meets all limits." in text
    assert all(f"| {k} |" in text for k in (*KNOBS, *LIMITS))
    assert f"| days | {evaluate(brief, design)['days']:.3g} d | 1e+03 d |" in text
    assert "| load | 50% | no end | yes |" in text
    assert "**Weakest assumption:** load.  **Tightest limit:** carbon." in text
    assert "breaks carbon" in page({**brief, "limits": {"carbon": 1}}, design, [], "")
