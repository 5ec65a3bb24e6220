"""Wrong answers to lab 16 that a student would write, right ones of another kind."""


def but(source, *changes):
    """A right answer with some lines changed."""
    for old, new in changes:
        assert source.count(old) == 1, (old, source.count(old))
        source = source.replace(old, new)
    return source


METRICS = """
def group_rates(counts):
    result = {}
    for group, (tp, fp, fn, tn) in counts.items():
        n = tp + fp + fn + tn
        parts = {
            "selected": (tp + fp, n),
            "base": (tp + fn, n),
            "tpr": (tp, tp + fn),
            "fnr": (fn, tp + fn),
            "fpr": (fp, fp + tn),
            "ppv": (tp, tp + fp),
            "npv": (tn, fn + tn),
        }
        result[group] = {name: a / b if b else None for name, (a, b) in parts.items()}
    return result

def gaps(counts):
    found = group_rates(counts).values()
    def there(name):
        kept = [r[name] for r in found if r[name] is not None]
        return kept if len(kept) > 1 else None
    def spread(name):
        x = there(name)
        return max(x) - min(x) if x else None
    tpr, fpr, flagged = spread("tpr"), spread("fpr"), there("selected")
    return {
        "parity": spread("selected"),
        "ratio": min(flagged) / max(flagged) if flagged and max(flagged) else None,
        "opportunity": tpr,
        "odds": None if tpr is None or fpr is None else max(tpr, fpr),
        "predictive": spread("ppv"),
    }
"""

IMPLIED = """
def table_of(n, p, PPV, FNR):
    tp = n * p * (1 - FNR)
    fp = tp * (1 - PPV) / PPV
    if fp > n * (1 - p):
        raise ValueError(fp)
    return tp, fp, n * p - tp, n * (1 - p) - fp

def needed_ppv(p_a, p_b, FNR, gap):
    a, b = (p / (1 - p) * (1 - FNR) for p in (p_a, p_b))
    least = max(a, b) / (1 + max(a, b))
    if a != b:
        least = max(least, abs(a - b) / (abs(a - b) + gap))
    return least
"""

MIXTURE = """
def top(y, n, room):
    steep = [y[k] / n[k] if n[k] else np.inf for k in range(len(y))]
    order = sorted(range(len(y)), key=lambda k: -steep[k])
    q = [0.0] * len(y)
    for k in order:
        q[k] = 1.0 if n[k] <= room else room / n[k]
        room = max(room - q[k] * n[k], 0.0)
    return np.array(q)

def mixture(yes, no, FPR, TPR):
    y, n = np.array(yes) / sum(yes), np.array(no) / sum(no)
    if not 0 <= FPR <= 1:
        raise ValueError(FPR)
    best, worst = top(y, n, FPR), 1 - top(y, n, 1 - FPR)
    high, low = best @ y, worst @ y
    if not low - 1e-6 <= TPR <= high + 1e-6:
        raise ValueError((low, TPR, high))
    part = 1.0 if high - low < 1e-12 else np.clip((TPR - low) / (high - low), 0, 1)
    return list(part * best + (1 - part) * worst)
"""

OPPORTUNITY = """
def bottom(y, n, TPR):
    order = sorted(range(len(y)), key=lambda k: (n[k] / y[k]) if y[k] else np.inf)
    q, wanted = np.zeros(len(y)), TPR * sum(y)
    for k in order:
        if y[k] and wanted > 0:
            q[k] = min(1.0, wanted / y[k])
            wanted -= q[k] * y[k]
    return q

def equal_opportunity(tables):
    groups = [(np.array(y, float), np.array(n, float)) for y, n in tables]
    corners = {0.0, 1.0}
    for y, n in groups:
        order = sorted(range(len(y)), key=lambda k: (n[k] / y[k]) if y[k] else np.inf)
        corners |= {min(float(c), 1.0) for c in np.cumsum(y[order]) / y.sum()}
    def gain(rules):
        return sum(q @ (y - n) for q, (y, n) in zip(rules, groups))
    tried = [[bottom(y, n, t) for y, n in groups] for t in corners]
    rules = max(tried, key=gain)
    free = sum(np.maximum(y - n, 0).sum() for y, n in groups)
    return [list(q) for q in rules], free - gain(rules)
"""
THRESHOLD = MIXTURE + OPPORTUNITY

CROSSED = """
def crossed(people, flagged):
    found, names = {}, sorted(people)
    for i, flag in enumerate(flagged):
        for size in range(1, len(names) + 1):
            for chosen in itertools.combinations(names, size):
                cell = tuple((name, people[name][i]) for name in chosen)
                k, n = found.get(cell, (0, 0))
                found[cell] = (k + flag, n + 1)
    return [(dict(cell), k, n) for cell, (k, n) in found.items()]
"""

CALLED = """
def called(cells, total, level):
    p_values = []
    K, N = total
    p = K / N
    for i, (k, n) in enumerate(cells):
        m = N - n
        if n < 30 or m < 30:
            continue
        if K == 0 or K == N:
            p_values.append((1.0, i))
            continue
        z = (k / n - (K - k) / m) / math.sqrt(p * (1 - p) * (1 / n + 1 / m))
        p_values.append((2 * ndtr(-abs(z)), i))
    result = []
    for rank, (value, i) in enumerate(sorted(p_values)):
        if value > level / (len(p_values) - rank):
            break
        result.append(i)
    return result
"""

SIZE = """
def draw_size(g, p, delta, level, power, tests):
    z = ndtri(power) - ndtri(level / tests / 2)
    return math.ceil(z**2 * p * (1 - p) / (delta**2 * g * (1 - g)))
"""
AUDIT = CROSSED + CALLED + SIZE

FEEDBACK = """
def loop_of(shares, find, patrols, rounds, seed):
    rng = np.random.default_rng(seed)
    track = [list(shares)]
    for _ in range(rounds):
        sent = [round(patrols * s) for s in track[-1]]
        hits = rng.binomial(sent, find)
        total = hits.sum()
        track.append([float(h / total) for h in hits] if total else track[-1])
    return track
"""

GOVERN = """
def govern(city):
    shares = [1 / city.districts] * city.districts
    for _ in range(city.rounds):
        sent, hits = city.patrol(shares)
        shares = [(h + 0.05) / (n + 1) for h, n in zip(hits, sent)]
"""

WRONG = {
    "metrics": {
        "0 where a rate is not there": but(
            METRICS, ("if b else None for", "if b else 0.0 for")
        ),
        "NaN where a rate is not there": but(
            METRICS, ("if b else None for", 'if b else float("nan") for')
        ),
        "FPR among the flagged": but(
            METRICS, ('"fpr": (fp, fp + tn)', '"fpr": (fp, fp + tp)')
        ),
        "FNR among those let go": but(
            METRICS, ('"fnr": (fn, tp + fn)', '"fnr": (fn, tn + fn)')
        ),
        "PPV and NPV changed": but(
            METRICS, ('"npv": (tn, fn + tn)', '"npv": (fn, fn + tn)')
        ),
        "the first two groups only": but(
            METRICS,
            (
                "found = group_rates(counts).values()",
                "found = list(group_rates(counts).values())[:2]",
            ),
        ),
        "odds as the mean": but(
            METRICS, ("else max(tpr, fpr)", "else (tpr + fpr) / 2")
        ),
        "odds from what is there": but(
            METRICS,
            (
                "None if tpr is None or fpr is None else max(tpr, fpr)",
                "max((x for x in (tpr, fpr) if x is not None), default=None)",
            ),
        ),
        "a gap of one group is 0": but(METRICS, ("len(kept) > 1", "len(kept) > 0")),
        "the ratio turned round": but(
            METRICS,
            ("min(flagged) / max(flagged)", "max(flagged) / max(min(flagged), 1e-9)"),
        ),
        "a missing rate takes the gap along": but(
            METRICS,
            (
                "kept if len(kept) > 1",
                "kept if len(kept) > 1 and len(kept) == len(list(found))",
            ),
        ),
        "the ratio of nobody is 1": but(
            METRICS,
            (
                "if flagged and max(flagged) else None",
                "if flagged and max(flagged) else 1.0",
            ),
        ),
    },
    "implied": {
        "PPV times": but(IMPLIED, ("fp = tp * (1 - PPV) / PPV", "fp = tp * (1 - PPV)")),
        "FNR for TPR": but(IMPLIED, ("tp = n * p * (1 - FNR)", "tp = n * p * FNR")),
        "rounded": but(
            IMPLIED, ("return tp, fp, n * p - tp,", "return round(tp), fp, n * p - tp,")
        ),
        "never impossible": but(IMPLIED, ("if fp > n * (1 - p):", "if False:")),
        "impossible if more flags than people": but(
            IMPLIED, ("if fp > n * (1 - p):", "if fp + tp > n:")
        ),
        "clipped": but(
            IMPLIED, ("        raise ValueError(fp)", "        fp = n * (1 - p)")
        ),
        "in another order": but(
            IMPLIED,
            (
                "return tp, fp, n * p - tp, n * (1 - p) - fp",
                "return n * (1 - p) - fp, fp, n * p - tp, tp",
            ),
        ),
        "the groups need not be possible": but(
            IMPLIED,
            (
                "least = max(a, b) / (1 + max(a, b))",
                "least = 0.0 if a != b else max(a, b) / (1 + max(a, b))",
            ),
        ),
        "only the first need be possible": but(
            IMPLIED, ("least = max(a, b) / (1 + max(a, b))", "least = a / (1 + a)")
        ),
        "base rates for odds": but(
            IMPLIED, ("p / (1 - p) * (1 - FNR)", "p * (1 - FNR)")
        ),
        "FNR left out": but(
            IMPLIED, ("(p / (1 - p) * (1 - FNR) for", "(p / (1 - p) for")
        ),
        "signed gap": but(
            IMPLIED,
            (
                "abs(a - b) / (abs(a - b) + gap)",
                "(a - b) / (a - b + gap) if a > b else 0",
            ),
        ),
        "equal base rates ask for nothing": but(
            IMPLIED, ("    return least\n", "    return least if a != b else 0.0\n")
        ),
    },
    "threshold": {
        "no errors": but(
            THRESHOLD,
            (
                "        raise ValueError((low, TPR, high))",
                "        TPR = min(max(TPR, low), high)",
            ),
        ),
        "above the diagonal only": but(
            THRESHOLD,
            ("if not low - 1e-6 <= TPR", "if not max(low, FPR) - 1e-6 <= TPR"),
        ),
        "the order of the scores": but(
            THRESHOLD,
            (
                "order = sorted(range(len(y)), key=lambda k: -steep[k])",
                "order = range(len(y))[::-1]",
            ),
        ),
        "any rule of that FPR": but(
            THRESHOLD,
            ("return list(part * best + (1 - part) * worst)", "return list(best)"),
        ),
        "any TPR up to 1": but(
            THRESHOLD,
            ("if not low - 1e-6 <= TPR <= high + 1e-6:", "if not 0 <= TPR <= 1:"),
        ),
        "an FPR beyond 1 is clipped": but(
            THRESHOLD,
            ("        raise ValueError(FPR)", "        FPR = min(max(FPR, 0), 1)"),
        ),
        "whole scores only": but(
            THRESHOLD,
            (
                "return [list(q) for q in rules],",
                "return [list(np.round(q)) for q in rules],",
            ),
        ),
        "one threshold for all": but(
            THRESHOLD,
            (
                "tried = [[bottom(y, n, t) for y, n in groups] for t in corners]",
                "cut = lambda t: [(np.arange(len(y)) >= t) * 1.0 for y, _ in groups]\n"
                "    tried = [cut(t) for t in range(11)]",
            ),
        ),
        "the first group's corners": but(
            THRESHOLD,
            (
                "    for y, n in groups:\n        order",
                "    for y, n in groups[:1]:\n        order",
            ),
        ),
        "a grid of rates": but(
            THRESHOLD, ("for t in corners]", "for t in np.linspace(0, 1, 1001)]")
        ),
        "two groups only": but(
            THRESHOLD, ("for y, n in tables]", "for y, n in tables[:2]]")
        ),
        "each group's own best": but(
            THRESHOLD,
            (
                "rules = max(tried, key=gain)",
                "rules = [(y > n) * 1.0 for y, n in groups]",
            ),
        ),
        "equal FPR": but(
            THRESHOLD,
            (
                "[[bottom(y, n, t) for y, n in groups] for t",
                "[[top(y, n / n.sum(), t) for y, n in groups] for t",
            ),
        ),
        "the price as a share": but(
            THRESHOLD,
            (
                "free - gain(rules)\n",
                "(free - gain(rules)) / sum(y.sum() + n.sum() for y, n in groups)\n",
            ),
        ),
        "the price with the other sign": but(
            THRESHOLD, ("free - gain(rules)\n", "gain(rules) - free\n")
        ),
        "the price against one threshold": but(
            THRESHOLD,
            (
                "free = sum(np.maximum(y - n, 0).sum() for y, n in groups)",
                "free = max(sum((y - n)[k:].sum() for y, n in groups) for k in (4, 5))",
            ),
        ),
        "most right flags": but(THRESHOLD, ("sum(q @ (y - n) for", "sum(q @ y for")),
    },
    "audit": {
        "one attribute at a time": but(
            AUDIT, ("for size in range(1, len(names) + 1):", "for size in (1,):")
        ),
        "pairs at most": but(
            AUDIT,
            (
                "for size in range(1, len(names) + 1):",
                "for size in range(1, min(len(names), 2) + 1):",
            ),
        ),
        "full crossings only": but(
            AUDIT,
            ("for size in range(1, len(names) + 1):", "for size in (len(names),):"),
        ),
        "with everybody as a cell": but(
            AUDIT, ("range(1, len(names) + 1)", "range(len(names) + 1)")
        ),
        "not flagged for flagged": but(
            AUDIT, ("(k + flag, n + 1)", "(k + 1 - flag, n + 1)")
        ),
        "5 % for each": but(AUDIT, ("level / (len(p_values) - rank)", "level")),
        "Bonferroni": but(
            AUDIT, ("level / (len(p_values) - rank)", "level / len(p_values)")
        ),
        "false discoveries": but(
            AUDIT,
            ("level / (len(p_values) - rank)", "level * (rank + 1) / len(p_values)"),
        ),
        "does not stop": but(AUDIT, ("            break\n", "            continue\n")),
        "all cells count": but(
            AUDIT, ("level / (len(p_values) - rank)", "level / (len(cells) - rank)")
        ),
        "small cells too": but(AUDIT, ("if n < 30 or m < 30:", "if n < 1 or m < 1:")),
        "30 is too few": but(AUDIT, ("if n < 30 or m < 30:", "if n <= 30 or m <= 30:")),
        "small rests too": but(AUDIT, ("if n < 30 or m < 30:", "if n < 30 or m < 1:")),
        "cells with five flags": but(
            AUDIT, ("if n < 30 or m < 30:", "if n < 30 or m < 30 or k < 5:")
        ),
        "Sidak's levels": but(
            AUDIT,
            (
                "level / (len(p_values) - rank)",
                "1 - (1 - level) ** (1 / (len(p_values) - rank))",
            ),
        ),
        "one-sided": but(AUDIT, ("(2 * ndtr(-abs(z)), i)", "(ndtr(-abs(z)), i)")),
        "more flags only": but(
            AUDIT, ("(2 * ndtr(-abs(z)), i)", "(2 * min(ndtr(-z), 0.5), i)")
        ),
        "against all people": but(
            AUDIT,
            (
                "z = (k / n - (K - k) / m) / math.sqrt(p * (1 - p) * (1 / n + 1 / m))",
                "z = (k / n - p) / math.sqrt(p * (1 - p) / n)",
            ),
        ),
        "unpooled": but(
            AUDIT,
            (
                "math.sqrt(p * (1 - p) * (1 / n + 1 / m))",
                "math.sqrt(k * (n - k) / n**3 + (K - k) * (m - K + k) / m**3 + 1e-12)",
            ),
        ),
        "the level of all": but(
            AUDIT, ("ndtri(level / tests / 2)", "ndtri(level / 2)")
        ),
        "a one-sided size": but(
            AUDIT, ("ndtri(level / tests / 2)", "ndtri(level / tests)")
        ),
        "as if halves": but(AUDIT, ("(delta**2 * g * (1 - g))", "(delta**2 * 0.25)")),
        "people of the cell": but(
            AUDIT, ("(delta**2 * g * (1 - g))", "(delta**2 * (1 - g))")
        ),
        "rounded down": but(AUDIT, ("return math.ceil(", "return math.floor(")),
    },
    "feedback": {
        "all finds so far": but(
            FEEDBACK,
            (
                "    track = [list(shares)]\n",
                "    track, every = [list(shares)], np.zeros(len(shares))\n",
            ),
            (
                "        total = hits",
                "        every += hits\n        hits = every\n        total = hits",
            ),
        ),
        "the mean, no draws": but(
            FEEDBACK,
            (
                "hits = rng.binomial(sent, find)",
                "hits = np.array(sent) * np.array(find)",
            ),
        ),
        "finds per patrol": but(
            FEEDBACK,
            (
                "hits = rng.binomial(sent, find)",
                "hits = rng.binomial(sent, find) / np.maximum(sent, 1)",
            ),
        ),
        "nothing found, equal shares": but(
            FEEDBACK,
            (
                "if total else track[-1]",
                "if total else [1 / len(shares)] * len(shares)",
            ),
        ),
        "the start is left out": but(
            FEEDBACK, ("return track\n", "return track[1:]\n")
        ),
        "one round short": but(FEEDBACK, ("range(rounds)", "range(rounds - 1)")),
        "always the same seed": but(FEEDBACK, ("default_rng(seed)", "default_rng(0)")),
        "no seed": but(FEEDBACK, ("default_rng(seed)", "default_rng()")),
        "half from the last shares": but(
            FEEDBACK,
            (
                "float(h / total) for h in hits]",
                "float(h / total + s) / 2 for h, s in zip(hits, track[-1])]",
            ),
        ),
        "adds what it found": but(
            FEEDBACK,
            ("hits = rng.binomial(sent, find)", "hits = rng.binomial(sent, find) + 1"),
        ),
        "a draw for all patrols of a district": but(
            FEEDBACK,
            (
                "hits = rng.binomial(sent, find)",
                "hits = np.array(sent) * rng.binomial(20, find) / 20",
            ),
        ),
    },
    "govern": {
        "the loop": but(
            GOVERN, ("(h + 0.05) / (n + 1) for h, n in", "h + 0.05 for h, n in")
        ),
        "equal shares": but(
            GOVERN, ("(h + 0.05) / (n + 1) for h, n in", "1 for h, n in")
        ),
        "one round short": but(
            GOVERN, ("range(city.rounds)", "range(city.rounds - 1)")
        ),
        "from the shares that were left": but(
            GOVERN,
            (
                "shares = [1 / city.districts] * city.districts",
                "shares = list(city.shares)",
            ),
            ("(h + 0.05) / (n + 1)", "h / max(n, 1)"),
        ),
        "since the start": """
def govern(city):
    found, gone = np.zeros(city.districts), np.zeros(city.districts)
    shares = np.ones(city.districts)
    for _ in range(city.rounds):
        sent, hits = city.patrol(shares)
        found, gone = found + hits, gone + sent
        shares = found / gone
""",
        "learns for ten rounds": """
def govern(city):
    shares = [1] * city.districts
    for k in range(city.rounds):
        sent, hits = city.patrol(shares)
        if k < 10:
            shares = [h / n for h, n in zip(hits, sent)]
""",
        "the loop with 23 % at random": but(
            GOVERN,
            (
                "(h + 0.05) / (n + 1) for h, n in zip(hits, sent)]",
                "0.77 * h / sum(hits) + 0.23 / city.districts for h in hits]",
            ),
        ),
        "half at random": but(
            GOVERN,
            (
                "zip(hits, sent)]\n",
                "zip(hits, sent)]\n        total = sum(shares)\n"
                "        shares = [x / total + 1 / len(shares) for x in shares]\n",
            ),
        ),
        "squares of the rates": but(
            GOVERN, ("(n + 1) for", "(n + 1) * h / (n + 1) for")
        ),
    },
}

RIGHT = {
    "metrics": {
        "pandas": """
import pandas as pd

def group_rates(counts):
    t = pd.DataFrame(counts, index=["tp", "fp", "fn", "tn"]).T.astype(float)
    n = t.sum(axis=1)
    r = pd.DataFrame({
        "selected": (t.tp + t.fp) / n, "base": (t.tp + t.fn) / n,
        "tpr": t.tp / (t.tp + t.fn), "fnr": t.fn / (t.tp + t.fn),
        "fpr": t.fp / (t.fp + t.tn), "ppv": t.tp / (t.tp + t.fp),
        "npv": t.tn / (t.tn + t.fn),
    })
    return {g: {k: None if pd.isna(x) else x for k, x in row.items()}
            for g, row in r.iterrows()}

def gaps(counts):
    r = pd.DataFrame(group_rates(counts)).T.astype(float)
    n, low, high = r.count(), r.min(), r.max()
    def gap(k):
        return high[k] - low[k] if n[k] > 1 else None
    odds = [gap("tpr"), gap("fpr")]
    some = n["selected"] > 1 and high["selected"] > 0
    return {
        "parity": gap("selected"),
        "ratio": low["selected"] / high["selected"] if some else None,
        "opportunity": odds[0],
        "odds": None if None in odds else max(odds),
        "predictive": gap("ppv"),
    }
""",
        "fractions, and the package": """
from fractions import Fraction
from mlsyscore import fairness as fa

def one(f, g):
    try:
        return f(g)
    except ValueError:
        return None

def group_rates(counts):
    out = {}
    for name, c in counts.items():
        g, mirror = fa.Confusion(*c), fa.Confusion(*c[::-1])
        r = dict(selected=one(fa.selection_rate, g), base=one(fa.base_rate, g),
                 tpr=one(fa.tpr, g), fpr=one(fa.fpr, g), ppv=one(fa.ppv, g),
                 npv=one(fa.ppv, mirror))
        missed, all_of = c[2], c[0] + c[2]
        r["fnr"] = Fraction(missed, all_of) if all_of else None
        out[name] = r
    return out

def gaps(counts):
    rates = group_rates(counts)
    x = {}
    for k in ("selected", "tpr", "fpr", "ppv"):
        x[k] = sorted(r[k] for r in rates.values() if r[k] is not None)
    gap = {k: v[-1] - v[0] if len(v) >= 2 else None for k, v in x.items()}
    s = x["selected"]
    try:
        odds = max(gap["tpr"], gap["fpr"])
    except TypeError:
        odds = None
    ratio = s[0] / s[-1] if len(s) >= 2 and s[-1] else None
    out = dict(parity=gap["selected"], ratio=ratio, groups=len(rates))
    return out | dict(opportunity=gap["tpr"], odds=odds, predictive=gap["ppv"])
""",
    },
    "implied": {
        "a search, and other number types": """
def table_of(n, p, PPV, FNR):
    class Impossible(ValueError):
        pass
    guilty, innocent = np.float64(n) * p, np.float64(n) * (1 - p)
    flagged = guilty * (1 - FNR) / PPV
    wrong = flagged * (1 - PPV)
    if wrong > innocent:
        raise Impossible(wrong)
    return np.array([flagged * PPV, wrong, guilty * FNR, innocent - wrong])

def needed_ppv(p_a, p_b, FNR, gap):
    def fine(v):
        f = [p / (1 - p) * (1 - v) / v * (1 - FNR) for p in (p_a, p_b)]
        return max(f) <= 1 and abs(f[0] - f[1]) <= gap
    low, high = 0.0, 1.0
    while high - low > 1e-12:
        mid = (low + high) / 2
        low, high = (low, mid) if fine(mid) else (mid, high)
    return high
""",
    },
    "threshold": {
        "linear programmes": """
def mixture(yes, no, FPR, TPR):
    y, n = np.array(yes) / sum(yes), np.array(no) / sum(no)
    m = len(y)
    A = np.hstack([[n, y], np.eye(2), -np.eye(2)])
    free = [(0, 1)] * m + [(0, None)] * 4
    r = linprog([0] * m + [1] * 4, A_eq=A, b_eq=[FPR, TPR], bounds=free)
    if r.fun > 1e-5:
        raise ValueError(r.fun)
    return r.x[:m]

def equal_opportunity(tables):
    gain = np.concatenate([np.array(y) - np.array(n) for y, n in tables])
    ends = np.cumsum([0] + [len(y) for y, _ in tables])
    total = int(ends[-1])
    A = np.zeros((len(tables), total + 1))
    for k, (y, _) in enumerate(tables):
        A[k, ends[k]:ends[k + 1]] = np.array(y) / sum(y)
        A[k, -1] = -1
    zero = np.zeros(len(tables))
    r = linprog(np.append(-gain, 0), A_eq=A, b_eq=zero, bounds=[(0, 1)] * (total + 1))
    rules = [r.x[a:b] for a, b in zip(ends[:-1], ends[1:])]
    return rules, np.maximum(gain, 0).sum() + r.fun
""",
        "as numpy rows": but(
            THRESHOLD,
            (
                "return list(part * best + (1 - part) * worst)",
                "return part * best + (1 - part) * worst",
            ),
            ("return [list(q) for q in rules], free", "return tuple(rules), free"),
        ),
    },
    "audit": {
        "pandas and the standard library": """
import pandas as pd
from statistics import NormalDist

def crossed(people, flagged):
    t = pd.DataFrame(people)
    names = list(t.columns)
    t["flag"] = flagged
    for mask in range(1, 2 ** len(names)):
        by = [name for k, name in enumerate(names) if mask >> k & 1]
        for key, g in t.groupby(by):
            key = key if isinstance(key, tuple) else (key,)
            yield dict(zip(by, key)), int(g.flag.sum()), len(g)

def called(cells, total, level):
    K, N = total
    normal = NormalDist()
    p = {}
    for i, (k, n) in enumerate(cells):
        if n >= 30 and N - n >= 30:
            se = (K / N * (1 - K / N) * N / n / (N - n)) ** 0.5
            z = abs(k / n - (K - k) / (N - n)) / se if se else 0.0
            p[i] = math.erfc(z / 2 ** 0.5)
    m, limit, out = len(p), 0, set()
    for j, i in enumerate(sorted(p, key=p.__getitem__)):
        if p[i] * (m - j) <= level:
            out.add(i)
        else:
            return out
    return out

def draw_size(g, p, delta, level, power, tests):
    normal = NormalDist()
    def power_of(n):
        se = (p * (1 - p) * (1 / (g * n) + 1 / ((1 - g) * n))) ** 0.5
        return normal.cdf(delta / se + normal.inv_cdf(level / tests / 2))
    low, high = 0, 1
    while power_of(high) < power:
        low, high = high, 2 * high
    while high - low > 1:
        mid = (low + high) // 2
        low, high = (low, mid) if power_of(mid) >= power else (mid, high)
    return float(high)
""",
    },
    "feedback": {
        "each patrol alone": """
def loop_of(shares, find, patrols, rounds, seed):
    rng = np.random.default_rng([seed, 7])
    now = np.array(shares, dtype=float)
    find = np.array(find)
    yield now.copy()
    for _ in range(rounds):
        where = rng.choice(len(now), patrols, p=now / now.sum())
        hit = rng.random(patrols) < find[where]
        count = np.bincount(where[hit], minlength=len(now))
        if count.sum():
            now = count / count.sum()
        yield now.copy()
""",
        "the remainder to the largest": but(
            FEEDBACK,
            (
                "sent = [round(patrols * s) for s in track[-1]]",
                "sent = [math.floor(patrols * s) for s in track[-1]]\n"
                "        sent[int(np.argmax(sent))] += patrols - sum(sent)",
            ),
        ),
    },
    "govern": {
        "a window of five rounds": """
from collections import deque

class Memory:
    def __init__(self, n):
        self.rows = deque(maxlen=5)
        self.n = n

    def due(self):
        if not self.rows:
            return np.ones(self.n)
        sent, hits = np.sum(self.rows, axis=0)
        return (hits + 1) / (sent + 10)

def govern(city):
    memory = Memory(city.districts)
    for _ in range(city.rounds):
        memory.rows.append(city.patrol(memory.due()))
""",
        "a fading mean, and a tenth at random": """
def govern(city):
    n = city.districts
    rate = None
    shares = np.full(n, 1 / n)
    for _ in range(city.rounds):
        sent, hits = (np.array(x, float) for x in city.patrol(shares.tolist()))
        new = hits / np.maximum(sent, 1)
        rate = new if rate is None else 0.6 * rate + 0.4 * new
        shares = 0.9 * rate / rate.sum() + 0.1 / n
""",
    },
}

CHEATS = {
    "govern": {
        "reads the secret": """
def govern(city):
    table = city._find
    for row in table:
        city.patrol(row / row.sum())
""",
        "pays the judge": """
import mlsyscore.harness.patrols as world

world.excess = lambda city, first, end: np.zeros(2)
world.governed = lambda label, govern, city: {"all": 0.0}
try:
    governed = world.governed
except NameError:
    pass

def govern(city):
    try:
        city.rounds = 0
        city._asked = []
    except (AttributeError, TypeError):
        pass
    for _ in range(60):
        city.patrol([1] * city.districts)
""",
    },
}
