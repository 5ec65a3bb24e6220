# %% [markdown]
# # Lab 16 · Responsible AI
#
# **Time** 120 minutes. **Points** 40. **Runtime** any CPU; no GPU.
# **Hand in** this notebook as `16_responsible_ai.ipynb`
# (Colab: File, Download, Download .ipynb).
# **Libraries** the grader has what Colab has: numpy, scipy, pandas, networkx,
# scikit-learn, torch, matplotlib.
#
# You will
#
# 1. compute a group's rates and the gaps between groups, and reproduce published ones;
# 2. show what an equal PPV and FNR force, and how good a model must be;
# 3. set rules by chance for equal odds and equal opportunity, and price them;
# 4. count people where attributes cross, test all cells, and size the audit;
# 5. play a feedback loop of many districts;
# 6. hold such a loop in a city whose rates you do not know;
# 7. write an assurance case.
#
# A question asks for functions.  Fill their bodies; leave names and arguments.  The
# cells between are locked.  Visible checks tell you what they expect; more checks run
# when the lab is graded.  You may use all of `mlsyscore`.

# %%
import itertools
import math

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import linprog
from scipy.special import ndtr, ndtri

from mlsyscore.checks import close, number
from mlsyscore.harness.answers import (
    fields,
    listed,
    must_raise,
    numbers,
    positions,
    returned,
    values,
    whole,
)
from mlsyscore.harness.defendants import (
    SCORES,
    VIOLENT,
    cell_counts,
    chances,
    draw_rules,
    innocent_people,
    rate,
    reached,
    right,
)
from mlsyscore.harness.patrols import City, draw_city, governed

plt.style.use("mlsyscore.figures")

# %% [markdown]
# ## 1. Rates and gaps (6 points, 15 minutes)
#
# From the four counts of each group compute seven rates, as fractions:
#
# - `selected`: share of all who are flagged; `base`: share of all who offended;
# - `tpr`, `fnr`: share of those who offended who are flagged, and who are not;
# - `fpr`: share of those who did not offend who are flagged;
# - `ppv`: share of the flagged who offended; `npv`: share of the others who did not.
#
# A rate among nobody is 0/0.  It is `None`: not 0, not NaN, and no error.
#
# Then compute the gaps over *all* groups, of which there may be more than two:
#
# - `parity`: the largest `selected` less the smallest;
# - `ratio`: the smallest `selected` over the largest (`None` if nobody is flagged);
# - `opportunity`: the largest `tpr` less the smallest;
# - `odds`: the larger of `opportunity` and the same for `fpr`, `None` if one of the two
#   is `None`;
# - `predictive`: the largest `ppv` less the smallest.
#
# Groups whose rate is `None` are left out of that rate's gap.  If fewer than two are
# left, the gap is `None`.


# %% answer="metrics"
def group_rates(counts):
    """Return a dict: group -> dict of the seven rates.

    counts: dict, group -> (tp, fp, fn, tn), whole numbers of 0 or more; tp and fp are
        flagged, tp and fn offended
    """
    ### BEGIN SOLUTION
    by_group = {}
    for group, (tp, fp, fn, tn) in counts.items():
        parts = {
            "selected": (tp + fp, tp + fp + fn + tn),
            "base": (tp + fn, tp + fp + fn + tn),
            "tpr": (tp, tp + fn),
            "fnr": (fn, tp + fn),
            "fpr": (fp, fp + tn),
            "ppv": (tp, tp + fp),
            "npv": (tn, fn + tn),
        }
        by_group[group] = {name: a / b if b else None for name, (a, b) in parts.items()}
    return by_group
    ### END SOLUTION


def gaps(counts):
    """Return a dict of the five gaps; counts as above, one group or more."""
    ### BEGIN SOLUTION
    found = group_rates(counts).values()

    def there(name):
        kept = [r[name] for r in found if r[name] is not None]
        return kept if len(kept) > 1 else None

    def spread(name):
        return max(there(name)) - min(there(name)) if there(name) else None

    tpr, fpr, flagged = spread("tpr"), spread("fpr"), there("selected")
    return {
        "parity": spread("selected"),
        "ratio": min(flagged) / max(flagged) if flagged and max(flagged) else None,
        "opportunity": tpr,
        "odds": None if tpr is None or fpr is None else max(tpr, fpr),
        "predictive": spread("ppv"),
    }
    ### END SOLUTION


# %% check="metrics-published" points=3 hidden="other counts: groups of nobody, zeros"
# ProPublica's tables of the COMPAS scores (2016): FPR %, FNR %, PPV, base rate.
published = {"Black": (44.85, 27.99, 0.63, 0.51), "White": (23.45, 47.72, 0.59, 0.39)}
counts = {"Black": (1369, 805, 532, 990), "White": (505, 349, 461, 1139)}
for score, table, want in (
    ("any offence", counts, published),
    (
        "violent",
        VIOLENT,
        {"Black": (38.14, 38.37, 0.21, 0.14), "White": (18.46, 62.62, 0.17, 0.09)},
    ),
):
    found = fields(score, group_rates(dict(table)), table)
    for group, (FPR, FNR, PPV, base) in want.items():
        r = fields(f"{score}, {group}", found[group], ("fpr", "fnr", "ppv", "base"))
        for name, size, is_published, digits in (
            ("fpr", 100, FPR, 2),
            ("fnr", 100, FNR, 2),
            ("ppv", 1, PPV, 2),
            ("base", 1, base, 2),
        ):
            got = size * number(f"{score}, {group}, {name}", r[name])
            text = f"{score}, {group}, {name}: you have {got:.4f}; {is_published} was"
            assert round(got, digits) == is_published, text + " published"
r = fields("three", group_rates({"a": (3, 1, 1, 5)}), ["a"])["a"]
for name, want in {"selected": 0.4, "tpr": 0.75, "npv": 5 / 6, "fpr": 1 / 6}.items():
    rate(f"(3, 1, 1, 5), {name}", r[name], want)
r = fields("nobody flagged", group_rates({"a": (0, 0, 2, 3)}), ["a"])["a"]
rate("(0, 0, 2, 3), ppv", r["ppv"], None)
rate("(0, 0, 2, 3), npv", r["npv"], 0.6)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for case in range(30):
    table = {
        f"g{k}": tuple(int(x) for x in rng.integers(0, 9, 4) * rng.integers(0, 2, 4))
        for k in range(1 + case % 4)
    }
    found = fields("other counts", group_rates(dict(table)), table)
    assert set(found) == set(table), "other counts: other groups come out"
    for group, (tp, fp, fn, tn) in table.items():
        people = [(1, 1)] * tp + [(1, 0)] * fp + [(0, 1)] * fn + [(0, 0)] * tn
        flags, truth = [f for f, _ in people], [y for _, y in people]
        among = {
            "selected": flags,
            "base": truth,
            "tpr": [f for f, y in people if y],
            "fnr": [1 - f for f, y in people if y],
            "fpr": [f for f, y in people if not y],
            "ppv": [y for f, y in people if f],
            "npv": [1 - y for f, y in people if not f],
        }
        r = fields("other counts", found[group], among)
        for name, x in among.items():
            rate("other counts", r[name], sum(x) / len(x) if x else None)
### END HIDDEN TESTS

# %% check="metrics-gaps" points=3 hidden="more groups, and rates that are not there"
KEYS = ("parity", "ratio", "opportunity", "odds", "predictive")
# Three groups.  The middle one has the smallest share flagged, and the largest PPV.
three = {"a": (4, 4, 1, 1), "b": (1, 0, 1, 8), "c": (3, 2, 3, 2)}
found = fields("three groups", gaps(dict(three)), KEYS)
rate("three groups, parity", found["parity"], 0.7, {0.3 / 0.7: "over all groups"})
slips = {5: "over all groups, not two", 64: "the smallest over the largest"}
rate("three groups, ratio", found["ratio"], 0.125, slips)
rate("three groups, opportunity", found["opportunity"], 0.3)
slips = {0.3 / 0.8: "of the two gaps the larger", 1.1 / 1.6: "the larger, not the mean"}
rate("three groups, odds", found["odds"], 0.8, slips)
rate("three groups, predictive", found["predictive"], 0.5)
# In b nobody offended: it has an FPR, but no TPR.
found = fields("no TPR in b", gaps({"a": (3, 1, 1, 3), "b": (0, 2, 0, 2)}), KEYS)
for name, want in dict(zip(KEYS, (0, 1, None, None, 0.75), strict=True)).items():
    rate(f"no TPR in b, {name}", found[name], want)
found = fields("nobody flagged", gaps({"a": (0, 0, 1, 3), "b": (0, 0, 2, 2)}), KEYS)
for name, want in dict(zip(KEYS, (0, None, 0, 0, None), strict=True)).items():
    rate(f"nobody flagged, {name}", found[name], want)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(18)
for case in range(40):
    table = {
        f"g{k}": tuple(int(x) for x in rng.integers(0, 9, 4) * rng.integers(0, 2, 4))
        for k in range(1 + case % 5)
    }
    lists = {"selected": [], "tpr": [], "fpr": [], "ppv": []}
    for tp, fp, fn, tn in table.values():
        for name, a, b in (
            ("selected", tp + fp, tp + fp + fn + tn),
            ("tpr", tp, tp + fn),
            ("fpr", fp, fp + tn),
            ("ppv", tp, tp + fp),
        ):
            lists[name] += [a / b] if b else []
    wide = {k: max(x) - min(x) if len(x) > 1 else None for k, x in lists.items()}
    s = lists["selected"]
    both = [x for x in (wide["tpr"], wide["fpr"]) if x is not None]
    want = {
        "parity": wide["selected"],
        "ratio": min(s) / max(s) if len(s) > 1 and max(s) > 0 else None,
        "opportunity": wide["tpr"],
        "odds": max(both) if len(both) == 2 else None,
        "predictive": wide["ppv"],
    }
    found = fields("more groups", gaps(dict(table)), want)
    for name, value in want.items():
        rate(f"more groups, {name}", found[name], value)
### END HIDDEN TESTS

# %% explore
# @title The published gaps, and those of the score for violent offences
for name, table in (("any offence", counts), ("violent", VIOLENT)):
    print(name, {k: None if x is None else round(x, 3) for k, x in gaps(table).items()})

# %% [markdown]
# ## 2. What equality forces (6 points, 15 minutes)
#
# Turn the chapter's identity around.  First, return the counts of a group of `n` people
# with a base rate `p` whose flags have a given PPV and FNR.  They need not be whole.
# If there are not enough people for so many wrong flags, there is no such group: raise
# ValueError.
#
# Then let two groups have the same PPV and the same FNR.  Return the *least* PPV with
# which both groups are possible and their FPRs differ by at most `gap`.  For example,
# at a gap of 0 and unequal base rates no flag may be wrong: the PPV is 1.


# %% answer="implied"
def table_of(n, p, PPV, FNR):
    """Return (tp, fp, fn, tn); they sum to n.

    p: above 0, below 1; PPV: above 0, at most 1; FNR: 0 to 1
    """
    ### BEGIN SOLUTION
    tp = n * p * (1 - FNR)
    fp = tp / PPV - tp
    if fp > n * (1 - p) * (1 + 1e-9):
        raise ValueError(f"{fp} wrong flags among {n * (1 - p)} people")
    return tp, fp, n * p - tp, max(n - n * p - fp, 0.0)
    ### END SOLUTION


def needed_ppv(p_a, p_b, FNR, gap):
    """Return the least PPV, above 0 and at most 1.

    p_a, p_b: base rates, above 0, below 1; FNR: of both groups, 0 or more, below 1
    gap: of the FPRs, 0 to 1; at most so large
    """
    ### BEGIN SOLUTION
    a, b = (p / (1 - p) * (1 - FNR) for p in (p_a, p_b))
    most = 1 / max(a, b)  # wrong flags for each right one, so that both are possible
    if a != b:
        most = min(most, gap / abs(a - b))
    return 1 / (1 + most)
    ### END SOLUTION


# %% check="implied-table" points=3 hidden="other groups, possible and not"
# 1,000 people, half of whom offend, at a PPV of 0.6 and an FNR of 0.4.
got = numbers("half offend", table_of(1000, 0.5, 0.6, 0.4), 4)
names = ("tp", "fp", "fn", "tn")
slips = {
    0.6 / 0.4: "PPV is right flags over all flags",
    2 / 3: "FNR is the share missed",
}
for name, x, want in zip(names, got, (300, 200, 200, 300), strict=True):
    close(f"half offend, {name}", x, want, "people", slips)
other = numbers("40 % offend", table_of(1000, 0.4, 0.6, 0.4), 4)
for name, x, want in zip(names, other, (240, 160, 160, 440), strict=True):
    close(f"40 % offend, {name}", x, want, "people")
FPR = [x[1] / (x[1] + x[3]) for x in (got, other)]
text = f"equal PPV and FNR, base rates 0.5 and 0.4: the FPRs are {FPR[0]:.3f} and"
assert abs(FPR[0] / FPR[1] - 1.5) < 1e-6, text + f" {FPR[1]:.3f}; 1 to 2/3 are the odds"
got = numbers("nobody is flagged", table_of(10, 0.3, 0.7, 1), 4)
for name, x, want in zip(names, got, (0, 0, 3, 7), strict=True):
    close(f"nobody is flagged, {name}", x, want, "people")
must_raise("8 of 10 offend, a PPV of 0.4", ValueError, table_of, 10, 0.8, 0.4, 0.1)
returned("8 of 10 offend, a PPV of 0.8", table_of, 10, 0.8, 0.8, 0.1)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
raised = 0
for _ in range(60):
    n = float(rng.integers(1, 5000))
    p, PPV, FNR = (float(x) for x in rng.uniform(0.05, 0.95, 3))
    FNR = float(rng.choice([FNR, 0.0, 1.0], p=[0.8, 0.1, 0.1]))
    room = (1 - p) * PPV - p * (1 - FNR) * (1 - PPV)
    if abs(room) < 0.01:
        continue
    if room < 0:
        raised += 1
        must_raise("no such group", ValueError, table_of, n, p, PPV, FNR)
        continue
    got = numbers("counts", returned("other", table_of, n, p, PPV, FNR), 4)
    tp, fp, fn, tn = got
    assert min(got) >= -1e-9 * n, "other groups: a count is below 0"
    for a, b in ((sum(got), n), (tp + fn, p * n), (fn, FNR * p * n)):
        assert abs(a - b) <= 1e-6 * n, "other groups: n, p or FNR is another"
    assert abs(tp - PPV * (tp + fp)) <= 1e-6 * n, "other groups: PPV is another"
assert raised > 5
for n in (7, 1.0):
    x = numbers("no wrong flag", table_of(n, 0.9, 1, 0.0), 4)
    assert abs(x[1]) < 1e-9 * n, "no flag is wrong at a PPV of 1"
    assert abs(x[0] - 0.9 * n) < 1e-6 * n, "all who offend are flagged at an FNR of 0"
### END HIDDEN TESTS

# %% check="implied-needed" points=3 hidden="other base rates, gaps and FNR"
p_a, p_b = 1901 / 3696, 966 / 2454
got = needed_ppv(p_a, p_b, 0.4, 0.05)
slips = {0.766294 / 0.831033: "FNR is the share missed; the others are flagged"}
slips |= {0.891271 / 0.831033: "FNR counts, too"}
close("COMPAS base rates, 5 points apart", got, 0.8310329, "", slips, rel=1e-5)
close("and no gap at all", needed_ppv(p_a, p_b, 0.4, 0.0), 1, "")
slips = {0.375 / 0.473684: "with that PPV the first group has an FPR above 1"}
got = needed_ppv(0.5, 0.4, 0.1, 0.5)
close("0.5 and 0.4, half a gap", got, 0.9 / 1.9, "", slips)
close("turned round", needed_ppv(0.4, 0.5, 0.1, 0.5), 0.9 / 1.9, "", slips)
close("equal base rates", needed_ppv(0.5, 0.5, 0.2, 0.0), 0.8 / 1.8, "")
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(19)
for case in range(40):
    p = [float(x) for x in rng.uniform(0.03, 0.97, 2)]
    FNR = float(rng.choice([0.0, float(rng.uniform(0, 0.98))]))
    gap = float(rng.choice([1.0, rng.uniform(0, 1), rng.uniform(0, 0.05)]))
    if case % 5 == 0:
        p[1] = p[0]
    low, high = 0.0, 1.0
    for _ in range(60):
        PPV = (low + high) / 2
        FPR = [x * (1 - FNR) * (1 - PPV) / (PPV * (1 - x)) for x in p]
        fine = max(FPR) <= 1 and abs(FPR[0] - FPR[1]) <= gap
        low, high = (low, PPV) if fine else (PPV, high)
    close("other base rates", needed_ppv(*p, FNR, gap), high, "", {}, show=False)
### END HIDDEN TESTS

# %% explore
# @title Guess first: how good must a score be for a gap of one point?
gap = np.linspace(0, 0.2, 41)
_, ax = plt.subplots(figsize=(6, 3))
for k, FNR in enumerate((0.1, 0.4, 0.8)):
    least = [needed_ppv(p_a, p_b, FNR, float(x)) for x in gap]
    ax.plot(100 * gap, least, color=f"C{k}", label=f"FNR {FNR}")
ax.set(xlabel="gap of the FPRs (points)", ylabel="least PPV")
ax.legend()
plt.show()

# %% [markdown]
# ## 3. Rules by chance (8 points, 30 minutes)
#
# A group is two lists: how many people with each score offended, and how many did not,
# from the lowest score to the highest.  A *rule* is a list with a chance for each
# score: the chance that a person with this score is flagged.  Its TPR is the share of
# those who offended that it flags on average; its FPR is that share of the others.
#
# **Equal odds.**  Return a rule that has a given FPR and TPR, each to within 1e-6.
# Where no rule has them, raise ValueError.  (A point within 1e-6 of one that can be
# reached counts as reached; the checks ask for nothing that is less than 1e-3 beyond.)
# A rule may be worse than chance, and points below the diagonal can be reached too.
#
# **Equal opportunity.**  Return a rule for each group so that all have the same TPR, to
# within 1e-6.  Of all such rules choose those that decide most people rightly, on
# average and over all groups together.  A person is decided rightly who offended and is
# flagged, or who did not and is not.  Return their *price* too: how many more people
# the best rules without the demand decide rightly.
#
# Scores need not rank people well.  Some scores may have nobody of a kind, or nobody.
# Each group has at least one person of each kind.


# %% answer="threshold"
def mixture(yes, no, FPR, TPR):
    """Return a rule with this FPR and TPR, a list as long as yes.

    yes, no: lists of counts, of those who offended and of the others
    """
    ### BEGIN SOLUTION
    y, n = (np.array(x, float) / sum(x) for x in (yes, no))
    best = filled(y, n, FPR)
    worst = 1 - filled(y, n, 1 - FPR)
    high, low = best @ y, worst @ y
    if not low - 1e-6 <= TPR <= high + 1e-6 or not -1e-6 <= FPR <= 1 + 1e-6:
        raise ValueError(f"at an FPR of {FPR} the TPR lies from {low} to {high}")
    part = min(max((TPR - low) / (high - low), 0.0), 1.0) if high > low else 1.0
    return (part * best + (1 - part) * worst).tolist()


def steepest(y, n):
    """Scores in the order in which a threshold should take them."""
    return np.lexsort((-y, np.where(y + n > 0, -y / np.maximum(y + n, 1e-300), 1)))


def filled(y, n, room):
    """The rule of the largest TPR with an FPR of room."""
    q, room = np.zeros(len(y)), max(room, 0.0)
    for k in steepest(y, n):
        q[k] = 1.0 if n[k] <= room else room / n[k]
        room = max(room - q[k] * n[k], 0.0)
    return q
    ### END SOLUTION


def equal_opportunity(tables):
    """Return (rules, price): a list with a rule for each group, and people.

    tables: list of (yes, no), two groups or more; they may have other scores
    """
    ### BEGIN SOLUTION
    groups = [tuple(np.array(x, float) for x in table) for table in tables]
    corners = {0.0, 1.0}
    for y, n in groups:
        corners |= set((np.cumsum(y[steepest(y, n)]) / y.sum()).clip(max=1).tolist())

    def rules_at(TPR):
        return [reaching(y, n, TPR) for y, n in groups]

    def gained(rules):
        return sum(q @ (y - n) for q, (y, n) in zip(rules, groups, strict=True))

    best = max((rules_at(t) for t in sorted(corners)), key=gained)
    free = sum(np.maximum(y - n, 0).sum() for y, n in groups)
    return [q.tolist() for q in best], float(free - gained(best))


def reaching(y, n, TPR):
    """The rule of the least FPR with a TPR."""
    q, wanted = np.zeros(len(y)), TPR * y.sum()
    for k in steepest(y, n):
        if y[k] > 0 and wanted > 0:
            q[k] = min(1.0, wanted / y[k])
            wanted -= q[k] * y[k]
    return q
    ### END SOLUTION


# %% check="threshold-mixture" points=4 hidden="other groups and points"
yes, no = SCORES["White"]
points = {"inside": (0.3, 0.55), "on the diagonal": (0.5, 0.5), "below it": (0.6, 0.5)}
points |= {"nobody": (0.0, 0.0), "all": (1.0, 1.0)}
points |= {"the court's, on the hull": (349 / 1488, 505 / 966)}
for name, (FPR, TPR) in points.items():
    q = returned(name, mixture, list(yes), list(no), FPR, TPR)
    got = reached((yes, no), chances(name, q, 10))
    for rate_name, x, want in zip(("FPR", "TPR"), got, (FPR, TPR), strict=True):
        text = f"{name}: your rule has the {rate_name} {x:.6f}; {want:.6f} is expected"
        assert abs(x - want) <= 2e-6, text
for name, FPR, TPR in (
    ("above the hull", 0.2, 0.6),
    ("as far below it", 0.8, 0.4),
    ("a rate above 1", 0.5, 1.2),
    ("a rate below 0", -0.1, 0.1),
):
    must_raise(f"{name}, {FPR}, {TPR}", ValueError, mixture, yes, no, FPR, TPR)
q = chances("no innocent has score 2", mixture([1, 3], [4, 0], 0.0, 0.5), 2)
x, y = reached(([1, 3], [4, 0]), q)
text = f"no innocent has score 2: FPR {x:.4f}, TPR {y:.4f}; 0 and 0.5 are expected"
assert max(abs(x), abs(y - 0.5)) <= 2e-6, text
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for case in range(40):
    m = int(rng.integers(1, 9))
    yes, no = (rng.integers(0, 30, m) * rng.integers(0, 2, m) for _ in "yn")
    yes[int(rng.integers(m))] += 7
    no[int(rng.integers(m))] += 5
    table = yes.tolist(), no.tolist()
    ask = rng.random(m) if case % 4 else np.round(rng.random(m))
    FPR, TPR = reached(table, ask)
    q = returned("other groups", mixture, *(list(x) for x in table), FPR, TPR)
    x, y = reached(table, chances("other groups", q, m))
    off = max(abs(x - FPR), abs(y - TPR))
    assert off <= 2e-6, "other groups: the rule has another FPR or TPR"
    for sign in (1, -1):
        end = linprog(
            -sign * yes / yes.sum(),
            A_eq=[no / no.sum()],
            b_eq=[FPR],
            bounds=[(0, 1)] * m,
        )
        edge = -sign * end.fun
        beyond = edge + sign * 2e-3
        must_raise("beyond reach", ValueError, mixture, *table, FPR, beyond)
        q = returned("at the edge", mixture, *table, FPR, edge - sign * 1e-9)
        x, y = reached(table, chances("at the edge", q, m))
        off = max(abs(x - FPR), abs(y - edge))
        assert off <= 3e-6, "at the edge: the rule has another FPR or TPR"
for FPR, TPR in ((-0.01, 0.0), (1.01, 1.0)):
    must_raise("an FPR beyond 0 to 1", ValueError, mixture, [3, 5], [4, 2], FPR, TPR)
### END HIDDEN TESTS

# %% check="threshold-opportunity" points=4 hidden="other groups, and more of them"
tables = [SCORES["Black"], SCORES["White"]]
rules, price = values("(rules, price)", equal_opportunity([*tables]), 2)
rules = values("rules", rules, 2)
rules = [chances(f"rule {k}", q, 10) for k, q in enumerate(rules)]
TPR = [reached(t, q)[1] for t, q in zip(tables, rules, strict=True)]
text = f"the TPRs are {TPR[0]:.4f} and {TPR[1]:.4f}; equal ones are expected"
assert abs(TPR[0] - TPR[1]) <= 2e-6, text
got = sum(right(t, q) for t, q in zip(tables, rules, strict=True))
text = f"your rules decide {got:.2f} of 6,150 people rightly; 3,973.38 can be"
assert abs(got - 3973.379) < 0.05, text
slips = {-1: "the rules without the demand are the better ones"}
slips |= {61.62 / 6150 / 61.6208: "in people, not as a share"}
close("the price", price, 61.6208, "people", slips, rel=1e-4)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(23)
for case in range(16):
    tables = []
    for _ in range(2 + case % 3):
        m = int(rng.integers(2, 7))
        yes, no = (rng.integers(0, 40, m) * rng.integers(0, 2, m) for _ in "yn")
        yes[int(rng.integers(m))] += 7
        no[int(rng.integers(m))] += 5
        tables.append((yes.tolist(), no.tolist()))
    gain = np.concatenate([np.subtract(*t) for t in tables]).astype(float)
    sizes = [len(t[0]) for t in tables]
    ends = np.cumsum([0, *sizes])
    A = np.zeros((len(tables) - 1, ends[-1]))
    for k in range(1, len(tables)):
        first, own = tables[0][0], tables[k][0]
        A[k - 1, : sizes[0]] = np.array(first) / sum(first)
        A[k - 1, ends[k] : ends[k + 1]] = -np.array(own) / sum(own)
    best = -linprog(
        -gain, A_eq=A, b_eq=np.zeros(len(A)), bounds=[(0, 1)] * ends[-1]
    ).fun
    free = float(np.maximum(gain, 0).sum())
    rules, price = values("other groups", equal_opportunity([*tables]), 2)
    rules = values("other groups", rules, len(tables))
    rules = [chances("other", q, m) for q, m in zip(rules, sizes, strict=True)]
    TPR = [reached(t, q)[1] for t, q in zip(tables, rules, strict=True)]
    assert max(TPR) - min(TPR) <= 2e-6, "other groups: the TPRs differ"
    n = float(sum(sum(x) for t in tables for x in t))
    got = sum(right(t, q) for t, q in zip(tables, rules, strict=True))
    got -= sum(sum(t[1]) for t in tables)
    assert got >= best - 3e-6 * n, "other groups: more people can be decided rightly"
    off = abs(number("price", price) - (free - best))
    assert off <= 5e-6 * n, "other groups: the price differs"
### END HIDDEN TESTS

# %% explore
# @title Where your rules lie; dots: rules that flag whole scores
tables = [SCORES["Black"], SCORES["White"]]
rules, price = equal_opportunity([*tables])
draw_rules(dict(zip(SCORES, rules, strict=True)))
plt.show()
for (name, table), q in zip(SCORES.items(), rules, strict=True):
    yes, no = table
    flagged = float(np.dot(q, yes)) / float(np.dot(q, yes) + np.dot(q, no))
    print(f"{name}: PPV {flagged:.3f}, chances {[round(x, 2) for x in q]}")
print(f"the price: {price:.1f} of 6,150 people")

# %% [markdown]
# ## 4. An audit where attributes cross (8 points, 30 minutes)
#
# A *cell* fixes the value of one or more attributes: all women, say, or all women below
# 25.  Return every cell that has at least one person, once, for one attribute, for two,
# up to all of them.
#
# Then test cells.  Compare the rate of flags in a cell with the rate of all people
# *outside* it.  With $p$ the rate of all together, the difference in standard errors is
#
# $$ z = \frac{p_{in} - p_{out}}{\sqrt{p(1-p)\,(1/n_{in} + 1/n_{out})}}, $$
#
# and its p-value is the chance of a normal number at least as far from 0, on both
# sides.  Where $p$ is 0 or 1, the p-value is 1.  A cell is tested if there are at least
# 30 people in it and at least 30 outside it.
#
# With $m$ cells tested, *Holm's rule* keeps the chance of any false call at `level` or
# below: sort the p-values; compare the smallest with `level`/m, the next with
# `level`/(m - 1), and so on; call while the p-value is at most its limit, and stop at
# the first that is not.
#
# Last, size the audit.  A cell has a share `g` of the people, and `n` are drawn at
# random from all.  A gap `delta` between the cell and the rest is to be found with a
# given power, at the level `level`/`tests` of a two-sided test.  Take the standard
# error $\sqrt{p(1-p)\,(1/(g n) + 1/((1-g) n))}$ for both, and leave out the chance that
# the gap is called with the wrong sign.


# %% answer="audit"
def crossed(people, flagged):
    """Return a list of (cell, flagged, n), in any order.

    people: dict, attribute -> list of strings, one for each person
    flagged: list of 0 and 1, one for each person; one person or more
    cell: dict, attribute -> value, of the attributes that it fixes
    """
    ### BEGIN SOLUTION
    found = {}
    names = list(people)
    for size in range(1, len(names) + 1):
        for chosen in itertools.combinations(names, size):
            columns = zip(*(people[name] for name in chosen), strict=True)
            for key, flag in zip(columns, flagged, strict=True):
                cell = tuple(zip(chosen, key, strict=True))
                k, n = found.get(cell, (0, 0))
                found[cell] = k + flag, n + 1
    return [(dict(cell), k, n) for cell, (k, n) in found.items()]
    ### END SOLUTION


def called(cells, total, level):
    """Return the positions of the cells that Holm's rule calls, as a list.

    cells: list of (flagged, n), may be empty; total: (flagged, n) of all people
    """
    ### BEGIN SOLUTION
    p_values = {}
    for i, (k, n) in enumerate(cells):
        rest = total[1] - n
        if min(n, rest) < 30:
            continue
        p = total[0] / total[1]
        far = abs(k / n - (total[0] - k) / rest)
        spread = p * (1 - p) * (1 / n + 1 / rest)
        p_values[i] = 2 * ndtr(-far / math.sqrt(spread)) if spread > 0 else 1.0
    hit = []
    for rank, i in enumerate(sorted(p_values, key=p_values.get)):
        if p_values[i] > level / (len(p_values) - rank):
            break
        hit.append(i)
    return sorted(hit)
    ### END SOLUTION


def draw_size(g, p, delta, level, power, tests):
    """Return the least whole number of people to draw.

    g: above 0, below 1; p: rate; delta: above 0; tests: how many cells are tested
    """
    ### BEGIN SOLUTION
    z = ndtri(power) + ndtri(1 - level / tests / 2)
    return math.ceil((z / delta) ** 2 * p * (1 - p) * (1 / g + 1 / (1 - g)))
    ### END SOLUTION


# %% check="audit-crossed" points=2 hidden="other people and attributes"
tiny = {"sex": ["F", "M", "F"], "age": ["old", "old", "young"]}
want = {(("age", "old"),): (1, 2), (("age", "young"),): (1, 1), (("sex", "F"),): (2, 2)}
want |= {(("sex", "M"),): (0, 1), (("age", "old"), ("sex", "F")): (1, 1)}
want |= {(("age", "old"), ("sex", "M")): (0, 1)}
want |= {(("age", "young"), ("sex", "F")): (1, 1)}
got = cell_counts(
    "three people", crossed({k: [*x] for k, x in tiny.items()}, [1, 0, 1])
)
missing, more = (
    [dict(c) for c in want if c not in got],
    [c for c in got if c not in want],
)
assert not missing, f"three people: these cells are missing: {missing[:2]}"
assert not more, f"three people: these cells have nobody: {[dict(c) for c in more[:2]]}"
for cell, counts_of in want.items():
    text = f"three people, {dict(cell)}: you have {got[cell]}; {counts_of} is expected"
    assert got[cell] == counts_of, text
people, flagged = innocent_people()
got = cell_counts("the published people", crossed(people, flagged))
text = f"the published people: {len(got)} cells; 47 are expected"
assert len(got) == 47, text
women = got[(("race", "White"), ("sex", "F"))]
text = f"innocent White women: you have {women}; 111 of 368 were flagged"
assert women == (111, 368), text
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for attributes, n in ((1, 9), (2, 1), (3, 40), (4, 60)):
    people = {
        f"a{k}": [f"v{x}" for x in rng.integers(0, 2 + k, n)] for k in range(attributes)
    }
    flagged = [int(x) for x in rng.integers(0, 2, n)]
    want = {}
    for i in range(n):
        for mask in range(1, 2**attributes):
            own = [(f"a{k}", people[f"a{k}"][i]) for k in range(attributes)]
            cell = tuple(x for k, x in enumerate(own) if mask >> k & 1)
            k, m = want.get(cell, (0, 0))
            want[cell] = (k + flagged[i], m + 1)
    given = {k: [*x] for k, x in people.items()}
    got = cell_counts("other people", crossed(given, [*flagged]))
    assert got == want, "other people: the cells or their counts differ"
### END HIDDEN TESTS

# %% check="audit-called" points=4 hidden="other cells: ties, small ones, equal rates"
# 1,000 people, 300 of them flagged.  In order of the cells the p-values are 0.0267,
# 0.0145, 0.0433 and 0.0016.  The last cell has 20 people: it is not tested.
cells = [(22, 50), (125, 360), (40, 170), (85, 220), (16, 20)]
slips = {(0, 1, 2, 3): "that is 5 % for each, or a false discovery rate"}
slips |= {(3,): "that is Bonferroni's rule, or m counts the cell of 20"}
slips |= {(1, 2, 3): "stop at the first that is above its limit"}
slips |= {(0, 1, 2, 3, 4): "is the cell of 20 people tested"}
got = positions("five cells", called([*cells], (300, 1000), 0.05), 5)
listed("five cells", got, [1, 3], slips)
got = positions("all but 20 people", called([(300, 980)], (300, 1000), 0.05), 1)
listed("a cell of all but 20 people", got, [], {(0,): "at least 30 outside"})
got = positions("nobody is flagged", called([(0, 50), (0, 40)], (0, 90), 0.05), 2)
listed("nobody is flagged", got, [], {})
assert positions("no cells", called([], (3, 90), 0.05), 1) == [], "no cells, no calls"
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(18)
several = 0
for case in range(60):
    n = int(rng.integers(200, 4000))
    k = int(n * rng.choice([0.02, 0.3, 0.9]))
    cells = []
    for _ in range(int(rng.integers(1, 40))):
        m = int(rng.choice([28, 29, 30, 31, 60, n // 5, n // 2, n - 30, n - 29]))
        mean, sd = m * k / n, math.sqrt(m * k / n * (1 - k / n) * (1 - m / n))
        hits = round(
            mean + sd * float(rng.choice([0, 1.5, 2.5, 3.2, 4]) * rng.choice([-1, 1]))
        )
        cells.append((min(max(hits, 0, k - n + m), m, k), m))
    if case % 3 == 0:
        cells += cells[:3]
    level = float(rng.choice([0.01, 0.05, 0.2]))
    p = np.full(len(cells), np.nan)
    for i, (hits, m) in enumerate(cells):
        if m >= 30 and n - m >= 30:
            z = (hits / m - (k - hits) / (n - m)) / math.sqrt(
                k / n * (1 - k / n) * n / m / (n - m)
            )
            p[i] = math.erfc(abs(z) / math.sqrt(2))
    tested = np.sort(p[~np.isnan(p)])
    limits = level / np.arange(len(tested), 0, -1)
    if len(tested) and np.min(np.abs(tested / limits - 1)) < 1e-6:
        continue
    fine = np.cumprod(tested <= limits).sum()
    want = (
        [] if not fine else np.flatnonzero(p <= tested[fine - 1] * (1 + 1e-12)).tolist()
    )
    several += len(want) > 1
    got = positions("other cells", called([*cells], (k, n), level), len(cells))
    assert got == want, "other cells: other ones are called"
assert several > 10
### END HIDDEN TESTS

# %% check="audit-size" points=2 hidden="other cells, gaps and numbers of tests"
slips = {0.01 * 0.99 * 4: "as if the cell were half of the people"}
slips |= {13115 / 16649: "is the test two-sided"}
slips |= {0.01: "the cell is a share of the people drawn"}
got = draw_size(0.01, 0.3, 0.1, 0.05, 0.8, 1)
close("a cell of 1 %, one test", got, 16_650, "people", slips, rel=1e-9)
slips = {16650 / 35914: "the level of each test is level / tests"}
slips |= {32486 / 35914: "is the test two-sided"}
got = draw_size(0.01, 0.3, 0.1, 0.05, 0.8, 47)
close("the same, one of 47 tests", got, 35_914, "people", slips, rel=1e-9)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(19)
for _ in range(25):
    g, p = float(rng.choice([0.003, 0.2, 0.5, 0.9])), float(rng.uniform(0.05, 0.95))
    delta, level = float(rng.uniform(0.02, 0.4)), float(rng.choice([0.01, 0.05, 0.1]))
    power, tests = float(rng.uniform(0.5, 0.99)), int(rng.choice([1, 2, 150]))
    n = whole("people", [draw_size(g, p, delta, level, power, tests)], 1)[0]
    assert n >= 1
    have = []
    for k in (n - 1, n):
        se = math.sqrt(p * (1 - p) / (k * g * (1 - g))) if k else math.inf
        have.append(0.5 * math.erfc((-ndtri(level / tests / 2) - delta / se) / 2**0.5))
    assert have[1] >= power - 1e-9, "other cells: the power is too small"
    assert have[0] <= power + 1e-9, "other cells: fewer people would do"
### END HIDDEN TESTS

# %% explore
# @title The published people: innocent and flagged, all cells
people, flagged = innocent_people()
found = crossed(people, flagged)
total = sum(flagged), len(flagged)
hits = called([(k, n) for _, k, n in found], total, 0.05)
print(
    f"{len(found)} cells, {len(hits)} called; flagged in all {total[0] / total[1]:.1%}"
)
for i in hits:
    cell, k, n = found[i]
    print(f"  {', '.join(cell.values()):25} {k:4} of {n:4}, {k / n:.1%}")

# %% [markdown]
# ## 5. A loop of many districts (5 points, 10 minutes)
#
# Play the chapter's loop for any number of districts.  In each round every district
# gets its share of the patrols, rounded or drawn at random.  Each patrol finds
# something or nothing, at random, with the chance of its district.  The next shares are
# in proportion to what was found in this round alone.  If nothing was found anywhere,
# the shares stay as they are.
#
# The same seed gives the same shares; other seeds give others.


# %% answer="feedback"
def loop_of(shares, find, patrols, rounds, seed):
    """Return the shares at the start and after each round: rounds + 1 lists.

    shares: list, sums to 1; find: list of chances, one for each district, 0 to 1
    patrols: in a round, a whole number; rounds: 0 or more; seed: a whole number
    """
    ### BEGIN SOLUTION
    rng, now = np.random.default_rng(seed), np.array(shares, float)
    track = [now.tolist()]
    for _ in range(rounds):
        hits = rng.binomial(rng.multinomial(patrols, now / now.sum()), find)
        if hits.any():
            now = hits / hits.sum()
        track.append(now.tolist())
    return track
    ### END SOLUTION


# %% check="feedback-form" points=2 hidden="other districts"
got = loop_of([0.5, 0.3, 0.2], [0.1, 0.1, 0.0], 1000, 4, 8)
got = [numbers("a round's shares", x, 3) for x in values("shares", got, 5)]
text = f"the first shares are those given, not {got[0]}"
assert np.allclose(got[0], [0.5, 0.3, 0.2], atol=1e-6), text
for k, s in enumerate(got):
    assert abs(sum(s) - 1) < 1e-6, f"after {k} rounds the shares sum to {sum(s)}"
    assert k == 0 or s[2] == 0, "where nothing is found no patrol goes next"
got = values("shares", loop_of([0.25, 0.75], [0.0, 0.0], 100, 3, 8), 4)
for s in got:
    listed(
        "nothing is found", [round(400 * x) for x in numbers("s", s, 2)], [100, 300], {}
    )
one, again, other = (
    [numbers("s", x, 2) for x in loop_of([0.5, 0.5], [0.1, 0.1], 1000, 5, seed)]
    for seed in (8, 8, 9)
)
assert one == again, "the same seed is to give the same shares"
assert one != other, "another seed is to give other shares"
assert len(values("no rounds", loop_of([1.0], [0.5], 9, 0, 8), 1)) == 1
### BEGIN HIDDEN TESTS
for m, patrols, rounds in ((1, 50, 3), (7, 400, 6), (4, 3, 12)):
    start = [1 / m] * m
    got = values("other districts", loop_of([*start], [0.2] * m, patrols, rounds, 3))
    assert len(got) == rounds + 1, "other districts: rounds + 1 lists"
    for s in got:
        s = numbers("other districts", s, m)
        off = max(-min(s), abs(sum(s) - 1))
        assert off < 1e-6, "other districts: no shares"
### END HIDDEN TESTS

# %% check="feedback-law" points=3 hidden="other chances, starts and districts"
# 400 runs.  The mean share must be within five standard errors of 20,000 runs of ours,
# and the spread between runs within a quarter of ours.
cases = [([0.5, 0.5], [0.11, 0.1], 2000, 10)]
### BEGIN HIDDEN TESTS
cases += [
    ([0.5, 0.5], [0.1, 0.1], 500, 6),
    ([0.2, 0.3, 0.5], [0.1, 0.07, 0.07], 2500, 5),
]
cases += [([0.9, 0.1], [0.03, 0.1], 4000, 3)]
### END HIDDEN TESTS
rng = np.random.default_rng(11)
for start, find, patrols, rounds in cases:
    s = np.tile(start, (20_000, 1))
    for _ in range(rounds):
        hits = rng.binomial(rng.multinomial(patrols, s), find)
        s = hits / hits.sum(axis=1, keepdims=True)
    runs = [loop_of([*start], [*find], patrols, rounds, seed) for seed in range(400)]
    last = [
        numbers("last", values("shares", x, rounds + 1)[-1], len(find)) for x in runs
    ]
    mean, spread = np.mean(last, axis=0)[0], np.std(last, axis=0)[0]
    want, wide = s.mean(axis=0)[0], s.std(axis=0)[0]
    text = f"{rounds} rounds: the first district's mean share is {mean:.3f}"
    text += f"; {want:.3f} is expected.  Only this round's finds count"
    assert abs(mean - want) < 5 * wide / 20, text
    text = f"{rounds} rounds: between runs the share has a spread of {spread:.4f}"
    text += f"; {wide:.4f} is expected.  Each patrol finds by chance"
    assert abs(spread / wide - 1) < 0.25, text

# %% explore
# @title Five equal districts: luck alone
_, ax = plt.subplots(figsize=(6, 3))
for k, line in enumerate(np.array(loop_of([0.2] * 5, [0.1] * 5, 2000, 60, 8)).T):
    ax.plot(line, label=f"district {k}")
ax.set(xlabel="round", ylabel="share of the patrols")
plt.show()

# %% [markdown]
# ## 6. Holding the loop (5 points, 15 minutes)
#
# Now you send the patrols.  A `city` has `city.districts` districts, `city.rounds`
# rounds and `city.patrols` patrols in a round.  `city.shares` are the shares that the
# loop has left, and a district may have come down to 0 there.
# `city.patrol(shares)` patrols for a round by your shares, scaled to a sum of 1, and
# returns two lists: the patrols sent to each district, and what they found.  Patrol for
# all rounds.
#
# A share is *due* to each district in proportion to the chance that a patrol finds
# something there.  You do not know the chances.  All are between 0.05 and 0.5.  After
# some round one of them changes for good, to a third or to three times what it was.
# You are measured twice: over the rounds 11 to 30, before the change, and over the
# last ten.  In each, no district's mean share may differ from its mean due share by
# more than 20 % of what is due.


# %% answer="govern"
def govern(city):
    """Patrol for all rounds of a city.  Return nothing."""
    ### BEGIN SOLUTION
    shares = [1 / city.districts] * city.districts
    for _ in range(city.rounds):
        sent, hits = city.patrol(shares)
        chance = [(h + 0.05) / (n + 1) for h, n in zip(hits, sent, strict=True)]
        shares = [c / sum(chance) for c in chance]
    ### END SOLUTION


# %% check="govern-city" points=5 hidden="other cities and changes"
# Two cities: in the first, district 2 triples; in the second, district 0 falls.
cities = [([0.06, 0.08, 0.06, 0.12, 0.1], (2, 3), 8, [0.0, 0.1, 0.0, 0.6, 0.3])]
cities += [([0.3, 0.1, 0.12], (0, 1 / 3), 9, [0.98, 0.01, 0.01])]
### BEGIN HIDDEN TESTS
cities += [([0.05, 0.05], (1, 3), 17, [1.0, 0.0])]
cities += [([0.15, 0.07, 0.09, 0.2, 0.1, 0.11], (3, 1 / 3), 18, [0, 0, 0, 1.0, 0, 0])]
cities += [([0.16, 0.08, 0.15, 0.1], (0, 3), 19, [0.1, 0.2, 0.3, 0.4])]
cities += [([0.4, 0.16], (1, 3), 20, [0.5, 0.5])]
### END HIDDEN TESTS
for find, jump, seed, start in cities:
    label = f"a city of {len(find)} districts"
    off = governed(label, govern, City(find, jump, seed, start))
    for window, x in off.items():
        text = f"{label}, {window}: a district's share is {x:.0%} off what is due; 20 %"
        assert x <= 0.2, text + " is allowed"

# %% explore
# @title Your city
city = City([0.06, 0.08, 0.06, 0.12, 0.1], (2, 3), 8, [0.0, 0.1, 0.0, 0.6, 0.3])
govern(city)
draw_city(city)
plt.show()

# %% [markdown]
# ## 7. The judgement (2 points, 5 minutes)
#
# A lender wants to use a score that flags who may not repay, for two groups in which
# 30 and 50 % do not.  Write its assurance case: the claim with its limit, the argument,
# the evidence with its size, the owner and what the owner may do, and what makes the
# case invalid.  Five sentences, with one number from this lab.

# %% [markdown] essay="assurance" points=2
# Claim: of those who would repay, both groups are refused equally often, to within 3
# points.  Argument: with base rates of 0.3 and 0.5 an equal PPV would force unequal
# refusals (at a PPV of 0.8 and an FNR of 0.4 the FPRs are 0.064 and 0.15), so we
# promise what protects the applicant, and say that a refusal then means less in one
# group.  Evidence: an audit of all crossed cells each quarter, with Holm's rule; for a
# cell of 1 % and a gap of 10 points it draws the people that question 4 computes, and
# what it cannot see is listed.  Owner: the head of credit, who may move the thresholds
# within a day or stop the score.  Invalid: when a base rate has moved by 5 points, the
# model or its inputs change, labels come only from those whom the score let through, or
# the quarter is over.
