# %% [markdown]
# ---
# title: "16 · Responsible AI"
# fleet-stack: [5, 10, 15, 25, 35, 40, 70, 100]
# ---
#
# A court scores defendants by how likely they are to offend again.  The score flags
# those at high risk.  A flag is right for 63 of 100 flagged Black defendants and for 59
# of 100 White ones, about equally often.  Yet of those who did *not* offend again, it
# flagged Black people almost twice as often.  The counts are published.  *Two groups,
# unequal base rates: which fairness can you have, and who decides?*
#
# *You will need* power and $z$ from chapter 12.

# %%
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython
from ipywidgets import interact
from scipy.special import ndtr, ndtri, stdtrit
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

plt.style.use("mlsyscore.figures")


def interval(samples):
    """Return the mean of independent runs and half of its 95 % interval."""
    n = len(samples)
    error = np.std(samples, ddof=1) / np.sqrt(n)
    return np.mean(samples), stdtrit(n - 1, 0.975) * error


# %% [markdown]
# ## Predict
#
# Write four guesses before you read on; common ones are given.
#
# 1. Suppose two things are equal in both groups: how often a flag is right, and the
#    share missed of those who offend again.  An innocent Black person is then flagged
#    how many times as often as an innocent White one?
# 2. A medical model reads ten columns, and one of them is the sex.  It flags 3 of 100
#    more patients of one sex.  Take that column out and train again.  How many more of
#    100 does it flag now?
# 3. An audit of 1,000 people, half of them from each of two groups, is just large
#    enough to find a gap between them.  Elsewhere the smaller group is 2 % of the
#    people, and people are drawn at random.  How many must be drawn there?
# 4. District A has 10 % more offences than B.  Both get half of the patrols at first.
#    From then on each gets patrols in proportion to the offences that the last patrols
#    found there.  What share of the patrols does A get after 20 rounds?

# %%
#| tags: [guess]
guess_times = 1.0  # times as often
guess_more = 0.0  # more of 100
guess_drawn = 1000  # people
guess_share = 0.52  # of the patrols

# %% [markdown]
# ## Four counts, and what people ask of them
#
# COMPAS is a score from 1 to 10 that courts in Florida used.  ProPublica followed
# 7,214 people for two years and published the data (2016).  The next cell counts Black
# and White defendants by score.  Scores from 5 on were called medium or high; we call
# them *flagged*.  "Offended" below means *charged again* within two years, and
# "innocent" means not charged.

# %%
INNOCENT = {
    "Black": np.array([307, 274, 201, 208, 189, 169, 163, 114, 111, 59]),
    "White": np.array([539, 248, 180, 172, 130, 83, 55, 32, 30, 19]),
}
OFFENDED = {  # both: scores 1 to 10
    "Black": np.array([91, 119, 145, 177, 176, 215, 237, 245, 269, 227]),
    "White": np.array([142, 113, 93, 113, 111, 111, 88, 82, 68, 45]),
}
PUBLISHED = {"Black": "44.85 27.99 0.63 0.51", "White": "23.45 47.72 0.59 0.39"}


def four_counts(group, first=5):
    """Return tp, fp, fn, tn if scores from first on are flagged."""
    y, n = OFFENDED[group], INNOCENT[group]
    flagged = np.arange(1, 11) >= first
    return [int(x.sum()) for x in (y[flagged], n[flagged], y[~flagged], n[~flagged])]


# %% [markdown]
# The **base rate** $p$ is the share of a group that offended.  The *false positive
# rate*, FPR, is the share of the innocent who are flagged.  The *false negative rate*,
# FNR, is the share of those who offended who are missed.  The *positive predictive
# value*, PPV, is the share of the flags that are right.  Four demands are common:
#
# - **demographic parity**: an equal share of each group is flagged;
# - **equal opportunity**: an equal FNR, and so an equal true positive rate,
#   TPR = 1 - FNR;
# - **equalised odds**: an equal FNR and an equal FPR;
# - **predictive parity**: an equal PPV, so that a flag means the same.


# %%
def rates(tp, fp, fn, tn):
    n = tp + fp + fn + tn
    return {
        "FPR": fp / (fp + tn),
        "FNR": fn / (tp + fn),
        "PPV": tp / (tp + fp),
        "base rate": (tp + fn) / n,
        "flagged": (tp + fp) / n,
        "right": (tp + tn) / n,
    }


for group in INNOCENT:
    r = rates(*four_counts(group))
    text = f"{100 * r['FPR']:.2f} {100 * r['FNR']:.2f}"
    text += f" {r['PPV']:.2f} {r['base rate']:.2f}"
    same = "the same" if text == PUBLISHED[group] else "not the same"
    print(f"{group}: FPR %, FNR %, PPV, base rate {text}; published: {same}")
    print(f"       flagged {r['flagged']:.1%}, decided rightly {r['right']:.1%}")

# %%
#| label: fig-squares
#| fig-cap: "Each group as a square of area 1.  An area is a share of the group."
#| fig-alt: "Black: the innocent column is half full of flags; White: a quarter."
# @title The two groups as squares
_, axes = plt.subplots(1, 2, figsize=(6.4, 3.4), sharey=True)
for ax, group in zip(axes, INNOCENT, strict=True):
    tp, fp, fn, tn = four_counts(group)
    p = (tp + fn) / (tp + fp + fn + tn)
    for x, w, flag, rest, color in ((0, 1 - p, fp, tn, "C3"), (1 - p, p, tp, fn, "C2")):
        share = flag / (flag + rest)
        ax.bar(x, share, w, align="edge", color=color, ec="k", alpha=0.65)
        ax.bar(x, 1 - share, w, share, align="edge", color="0.92", ec="k")
        ax.text(x + w / 2, share / 2, f"{flag:,}\nflagged", ha="center", va="center")
        ax.text(x + w / 2, (1 + share) / 2, f"{rest:,}", ha="center", va="center")
    ax.set_xticks(((1 - p) / 2, 1 - p / 2), ("innocent", "offended"))
    ax.set(title=f"{group}, base rate {p:.2f}", xlim=(0, 1), ylim=(0, 1))
    ax.grid(visible=False)
axes[0].set_ylabel("share of the column")
plt.show()

# %% [markdown]
# A coloured column's height is an FPR (left) or a TPR (right).  PPV is the right
# coloured area over both.  The overall rate hides all this: the score is right for 64
# and 67 of 100.
#
# ## The identity
#
# Why do these rates not move freely?  Count a group's wrong flags in two ways, per
# person.  Of all people, $p\,(1-\text{FNR})$ are rightly flagged.  Each right flag
# comes with $(1-\text{PPV})/\text{PPV}$ wrong ones.  Those must be the innocent,
# $1-p$, times FPR:
#
# $$ (1-p)\,\text{FPR} = p\,(1-\text{FNR})\,\frac{1-\text{PPV}}{\text{PPV}}
#    \quad\Longrightarrow\quad
#    \text{FPR} = \frac{p}{1-p}\;\frac{1-\text{PPV}}{\text{PPV}}\;(1-\text{FNR}). $$
#
# This is Chouldechova's identity (arXiv 1610.07524, equation 2.6).  Any four counts
# obey it, so agreement proves nothing about the court.  But it splits the ratio of two
# FPRs into three factors.  At equal PPV and FNR only the first is left.


# %%
def implied_fpr(p, PPV, FNR):
    return p / (1 - p) * (1 - PPV) / PPV * (1 - FNR)


black, white = (
    rates(*(Fraction(k) for k in four_counts(group))) for group in ("Black", "White")
)
for r in (black, white):
    assert implied_fpr(r["base rate"], r["PPV"], r["FNR"]) == r["FPR"]  # exactly
odds = {g: OFFENDED[g].sum() / INNOCENT[g].sum() for g in INNOCENT}
forced = odds["Black"] / odds["White"]
print(f"at equal PPV and FNR: {forced:.2f} times as often flagged.")
print(f"You guessed {guess_times:g} times.")

# %% [markdown]
# The fractions agree exactly.  The published ratio splits so:


# %%
def split(a, b):
    """Say which factors make the ratio of a's FPR to b's."""
    parts = []
    for r in (a, b):
        p, right = r["base rate"], r["PPV"]
        parts.append(np.array([p / (1 - p), (1 - right) / right, 1 - r["FNR"]], float))
    text = "{:.2f} (base rates) x {:.2f} (PPV) x {:.2f} (FNR)"
    return f"{float(a['FPR'] / b['FPR']):.2f} = " + text.format(*parts[0] / parts[1])


print("ratio of the FPRs, Black to White:", split(black, white))

# %% [markdown]
# The slightly better PPV takes some off.  The rest stands in the FNR: both groups have
# one threshold, 5, and it misses fewer Black people who offend.  This is bookkeeping,
# for a base rate may move the FNR too.  Which rates escape?

# %%
print("Black and White FPR, at a PPV of 0.6 and an FNR of 0.4, and two exceptions:")
both = [float(r["base rate"]) for r in (black, white)]
for text, p, PPV in (
    ("published base rates", both, 0.6),
    ("equal base rates", [0.45, 0.45], 0.6),
    ("no flag is wrong", both, 1.0),
):
    one, two = (implied_fpr(x, PPV, 0.4) for x in p)
    print(f"  {text:22} {one:.3f} {two:.3f}")

# %% [markdown]
# > **Theorem · Impossibility.** Where base rates differ, no rule that makes right flags
# > and wrong ones in each group has equal PPV, equal FNR and equal FPR.
#
# So the exceptions are equal base rates, flags that are never wrong (perfect prediction
# is one case), and trivial rules: nobody is flagged, or no flag is right.  And parity?
# The share flagged is $p\,\text{TPR}/\text{PPV}$, so at equal TPR and PPV these shares
# stand as the base rates, even if every decision is right.  A rule for the head: *at
# equal PPV and FNR, the FPRs stand as the odds $p/(1-p)$.*
#
# ## All pairs of thresholds
#
# The theorem forbids three equalities together.  Does some pair of thresholds come
# close?  Each group's people are flagged from the top score down, to a share between 5
# and 95 %; within the last score, people are drawn at random.  We do this twice: as
# published, and with Black people weighed so that both base rates are equal.  Rates
# count as equal within two points, and then within five, where the court's own PPVs are
# equal too.


# %%
SHARES = np.linspace(0.05, 0.95, 181)


def rules(offended, innocent, p=None):
    """Return the rates of all thresholds, at each share flagged.

    p: weigh people so that this becomes the base rate
    """
    y, n = (
        np.append(0, np.cumsum(x[::-1]) / x.sum()) for x in (offended, innocent)
    )  # TPR and FPR, after each score from the top
    if p is None:
        p = offended.sum() / (offended.sum() + innocent.sum())
    flagged = p * y + (1 - p) * n
    TPR, FPR = (np.interp(SHARES, flagged, x) for x in (y, n))
    return {"flagged": SHARES, "TPR": TPR, "FPR": FPR, "PPV": p * TPR / SHARES}


def apart(a, b, demand):
    """Return, for all pairs of thresholds, the largest gap of a demand's rates."""
    return np.max([abs(a[x][:, None] - b[x]) for x in demand], axis=0)


# %%
curves = {g: rules(OFFENDED[g], INNOCENT[g]) for g in INNOCENT}
level = float(white["base rate"])
equal = rules(OFFENDED["Black"], INNOCENT["Black"], level)
DEMANDS = {
    "parity": ["flagged"],
    "equalised odds": ["TPR", "FPR"],
    "predictive parity": ["PPV"],
    "PPV and parity": ["PPV", "flagged"],
    "PPV and opportunity": ["PPV", "TPR"],
    "PPV and an equal FPR": ["PPV", "FPR"],
    "PPV and odds": ["PPV", "TPR", "FPR"],
}
print("share of all pairs     least gap    within 2    within 5   within 2, equal p")
for name, demand in DEMANDS.items():
    gap = apart(curves["Black"], curves["White"], demand)
    row = f"{name:20} {100 * gap.min():5.1f} points"
    row += f"{(gap <= 0.02).mean():12.2%} {(gap <= 0.05).mean():11.2%}"
    gap = apart(equal, curves["White"], demand)
    print(row + f"{(gap <= 0.02).mean():23.2%}")


# %%
#| label: fig-map
#| fig-cap: "Pairs of thresholds: on each line one rate is equal."
#| fig-alt: "Left: three lines side by side, PPV far off. Right: all near the diagonal."
# @title Where each rate is equal
def draw(base_rate=level):
    _, axes = plt.subplots(1, 2, figsize=(6.6, 3.7), sharey=True)
    for ax, p in zip(axes, (float(black["base rate"]), base_rate), strict=True):
        a, b = rules(OFFENDED["Black"], INNOCENT["Black"], p), curves["White"]
        for k, rate in enumerate(("PPV", "FPR", "TPR", "flagged")):
            gap = a[rate][:, None] - b[rate]
            style = ("-", "--", ":", "-.")[k]
            where = ax.contour(SHARES, SHARES, gap.T, [0], colors=f"C{k}")
            where.set(linestyle=style, linewidth=(5, 3.5, 2.2, 1)[k])
            ax.plot([], [], f"C{k}", ls=style, label=f"equal {rate}")
        ax.set(title=f"Black base rate {p:.2f}", xlabel="Black, share flagged")
    dot = float(black["flagged"]), float(white["flagged"])
    axes[0].plot(*dot, "ko", label="the court")
    axes[0].set_ylabel("White, share flagged")
    axes[0].legend(loc="upper left", fontsize=8)
    plt.show()


draw()

# %%
#| eval: false
#| tags: [nbval-ignore-output, remove-cell]
if get_ipython():  # how near must the base rates be for the lines to meet?
    interact(draw, base_rate=(0.2, 0.7))

# %% [markdown]
# On the left, as published, the line of equal PPV keeps away from the others.  No pair
# comes within two points of equal PPV and of another demand; within five few do.  Both
# groups have nearly one curve of TPR against FPR, so an equal TPR brings a nearly equal
# FPR, and the theorem forbids the PPV.  Equalised odds can be had, but the court's dot
# is on none of the lines.  On the right the base rates are equal.  The four lines lie
# about the diagonal, and pairs meet every demand.
#
# *A better model removes the gap*, says the first rival.  Draw scores from two normal
# curves, ever further apart.  Their AUC is the chance that one who offended scores
# above one who is innocent.  For each model choose thresholds with equal PPV that flag
# as many people as offended.


# %%
def with_equal_ppv(auc):
    """Return both FPRs; scores are normal, apart by what the AUC says."""
    t, d = np.linspace(-8, 14, 40_001), np.sqrt(2) * ndtri(auc)
    TPR, FPR = ndtr(d - t), ndtr(-t)
    share = [p * TPR + (1 - p) * FPR for p in both]
    PPV = [p * TPR / s for p, s in zip(both, share, strict=True)]
    j = np.searchsorted(PPV[1], PPV[0]).clip(max=len(t) - 1)  # the White threshold
    total = 3696 * share[0] + 2454 * share[1][j]
    i = np.argmin(abs(total - (1901 + 966)))
    return FPR[i], FPR[j[i]]


for group in INNOCENT:
    y, n = (np.append(0, np.cumsum(x[group][::-1])) for x in (OFFENDED, INNOCENT))
    print(f"COMPAS, {group}: AUC {np.trapezoid(y, n) / y[-1] / n[-1]:.2f}")
print("AUC    Black FPR   White FPR   apart        ratio")
for auc in (0.69, 0.8, 0.9, 0.97, 0.99):
    one, two = with_equal_ppv(auc)
    row = f"{auc:.2f} {one:10.1%} {two:11.1%} {100 * (one - two):7.1f} points"
    print(f"{row} {one / two:6.1f}")

# %% [markdown]
# Better models bring the rates together in points, towards no wrong flags.  The ratio
# falls too, towards 1.63 and not 1: as both FNRs go to 0, only the odds are left.
#
# ## Dropping the attribute
#
# The second rival removes the group from the inputs.  COMPAS does not ask for race
# (ProPublica, 2016), so here this has been done.  With scikit-learn's 442 diabetes
# patients we can do both.  A patient is flagged if the disease is likely to progress
# beyond 140, about the median.  Each tenth is flagged by a model fitted to the others.

# %%
data = load_diabetes(scaled=False)
X = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
worse, second = data.target > 140, data.data[:, 1] == 2  # the sexes are coded 1 and 2
without = [k for k in range(10) if data.feature_names[k] != "sex"]
flags = {}
for name, columns in (("with", slice(None)), ("without", without)):
    model = LogisticRegression()
    flags[name] = cross_val_predict(model, X[:, columns], worse, cv=10)
    print(f"{name} sex: right for {(flags[name] == worse).mean():.1%}")


# %%
def gap_of(x):
    """Return sex 2 less sex 1 in x, in points, and half of its 95 % interval."""
    groups = [100.0 * x[who] for who in (second, ~second)]
    spread = np.sqrt(sum(g.var(ddof=1) / len(g) for g in groups))
    return groups[0].mean() - groups[1].mean(), 1.96 * spread


change = flags["without"].astype(float) - flags["with"]
for name, x in (*flags.items(), ("the change", change)):
    print("{:10} {:5.1f} ± {:.1f} points more of sex 2".format(name, *gap_of(x)))
print(f"without the column: you guessed {guess_more:g} points")

# %% [markdown]
# Without the column the model is as accurate, and the gap grew from nothing resolved to
# some 19 points.  The identity splits these FPRs too, and the weights say more.

# %%
for name, f in flags.items():
    table = []
    for who in (~second, second):
        y, g = worse[who], f[who]
        table.append(rates(*(int(x.sum()) for x in (y & g, ~y & g, y & ~g, ~y & ~g))))
    print(
        f"{name}: base rates {table[0]['base rate']:.2f}, {table[1]['base rate']:.2f}"
    )
    print("  ratio of the FPRs, sex 2 to 1:", split(*table[::-1]))
pull = LogisticRegression().fit(X, worse).coef_[0]
pull = pull * (X[second].mean(axis=0) - X[~second].mean(axis=0))
print("what a model fitted to all ten adds to the mean log-odds of sex 2, less sex 1:")
print(f"  by the column {pull[1]:+.2f}, by the other nine {pull[without].sum():+.2f}")

# %% [markdown]
# Equal base rates permit equal FPRs and do not make them: without the column the ratio
# stands in the FNR.  The other nine columns differ between the sexes and push sex 2 up.
# The sex column had pulled it back.  A **proxy** is a column that carries the attribute
# in part.  To drop the attribute leaves its proxies, and here takes away what corrected
# them.
#
# ## What equality costs, and to whom
#
# Back to the court.  Which TPR and FPR can *any* rule on the score reach?  Let it flag
# a share $q_s$ of those with score $s$, among whom $y_s$ offended and $n_s$ did not.
# Then
#
# $$ \text{TPR} = \sum_s q_s\,\frac{y_s}{\sum y}, \qquad
#    \text{FPR} = \sum_s q_s\,\frac{n_s}{\sum n}. $$
#
# For the highest TPR at an FPR, fill the scores in the order of $y_s/n_s$, and the last
# one in part.  These rules make the *hull*.  Its corners are thresholds on $y_s/n_s$,
# nearly the order of the scores (a White 8 comes before a White 10).  Between two
# corners, a threshold is drawn at random.  Beyond the hull there is no rule.  We try
# all $2^{10}$ sets of scores.


# %%
def hull(group):
    """Return FPR and TPR along the hull."""
    y, n = OFFENDED[group], INNOCENT[group]
    order = np.argsort(-y / n)
    return [np.append(0, np.cumsum(x[order]) / x.sum()) for x in (n, y)]


inside = np.array(list(product((0, 1), repeat=10)))  # 1,024 sets of scores
clouds = {}
for group in INNOCENT:
    y, n = OFFENDED[group], INNOCENT[group]
    FPR, TPR = clouds[group] = inside @ n / n.sum(), inside @ y / y.sum()
    above = np.interp(FPR, *hull(group)) + 1e-12 < TPR
    print(f"{group}: {above.sum()} of {len(inside):,} rules lie beyond the hull")

# %% [markdown]
# Below the hull are rules that no threshold gives, for they ignore the score in part.
# Leave the White flags as they are, give the Black ones the same PPV, and make one more
# rate equal.

# %%
p = float(black["base rate"])
PPV, flagged, FPR, FNR = (float(white[k]) for k in ("PPV", "flagged", "FPR", "FNR"))
per = odds["Black"] * (1 - PPV) / PPV  # FPR for each TPR, by the identity
print("equal PPV and      Black FPR     TPR   hull's TPR   right for")
rows_equal = {"share flagged": flagged * PPV / p, "TPR": 1 - FNR, "FPR": FPR / per}
for name, TPR in rows_equal.items():
    at = per * TPR
    right, most = p * TPR + (1 - p) * (1 - at), np.interp(at, *hull("Black"))
    print(f"  {name:16} {at:9.3f} {TPR:7.3f} {most:12.3f} {right:11.1%}")
FPR, TPR, right = (float(x) for x in (black["FPR"], 1 - black["FNR"], black["right"]))
print(f"the court's        {FPR:9.3f} {TPR:7.3f} {'':12} {right:11.1%}")

# %% [markdown]
# All three lie between the diagonal and the hull.  So what thresholds cannot do, a rule
# that partly ignores the score for one group can, and it errs more there.  Now choose
# thresholds that make one rate equal and flag as many people as the court.


# %%
def matched(rate, flags=3028):
    """Return thresholds with an equal rate and so many flags, as positions.

    A position is a number of scores from the top, and a part of the next.
    """
    steps, at = np.linspace(1e-3, 10, 20_001), {}
    for g in INNOCENT:
        y, n = (np.append(0, np.cumsum(x[g][::-1])) for x in (OFFENDED, INNOCENT))
        y, n = (np.interp(steps, np.arange(11), x) for x in (y, n))
        at[g] = {"TPR": y / y[-1], "FPR": n / n[-1], "all": y + n}
        at[g] |= {"PPV": -y / (y + n), "flagged": (y + n) / (y + n)[-1]}  # all rise
    partner = np.searchsorted(at["White"][rate], at["Black"][rate]).clip(max=20_000)
    total = at["Black"]["all"] + at["White"]["all"][partner]
    k = np.searchsorted(total, flags)
    return {"Black": steps[k], "White": steps[partner[k]]}


def outcome(group, position):
    """Return right and wrong flags."""
    q = np.clip(position - np.arange(10), 0, 1)[::-1]
    return q @ OFFENDED[group], q @ INNOCENT[group]


# %%
print("3,028 flags      innocent flagged      PPV, %          right in all")
print("                 Black   White         Black   White")
placed = {}
for name in ("the court's", "PPV", "TPR", "FPR", "flagged"):
    same = {"Black": 6, "White": 6}
    placed[name] = at = same if name == "the court's" else matched(name)
    (y, n), (v, m) = (outcome(group, at[group]) for group in INNOCENT)
    right = (y + v + (2454 + 3696 - 1901 - 966) - n - m) / 6150
    label = name if name == "the court's" else f"equal {name}"
    row = f"{label:14} {n:7.0f} {m:7.0f} {100 * y / (y + n):13.0f}"
    print(f"{row} {100 * v / (v + m):7.0f} {right:12.1%}")
for name, group in product(("TPR", "FPR"), INNOCENT):
    position = placed[name][group]
    last = 10 - int(position)
    part = f"{position % 1:.0%} of those with {last}"
    print(f"equal {name}, {group}: scores from {last + 1} on, and {part}")

# %%
#| label: fig-hull
#| fig-cap: "Part of both hulls, rules for White defendants, and the points chosen."
#| fig-alt: "Both curves coincide. White points move right along it, Black ones left."
# @title The hulls, and the points that each criterion picks
_, ax = plt.subplots(figsize=(6.4, 4.4))
ax.plot(*clouds["White"], ".", color="0.75", ms=3)
looks = {"Black": ("C0", "-", "none", 12), "White": ("C1", "--", "C1", 6)}
for group, (color, style, fill, size) in looks.items():
    ax.plot(*hull(group), color=color, ls=style, label=f"{group}: hull, marks")
    for name, mark in zip(placed, "ovs^D", strict=True):
        y, n = outcome(group, placed[name][group])
        x, y = n / INNOCENT[group].sum(), y / OFFENDED[group].sum()
        ax.plot(x, y, mark, mfc=fill, mec=color, mew=1.5, ms=size)
for name, mark in zip(placed, "ovs^D", strict=True):
    label = name if name == "the court's" else f"equal {name}"
    ax.plot([], [], mark, mfc="none", mec="k", ms=8, label=label)
ax.set(xlabel="FPR", ylabel="TPR", xlim=(0.12, 0.56), ylim=(0.38, 0.80))
ax.legend(loc="lower right", fontsize=9, frameon=True, edgecolor="none")
plt.show()

# %% [markdown]
# Both hulls nearly coincide, so the marks of equal TPR and equal FPR fall on one point.
# At 3,028 flags, parity costs 1.1 points of the right decisions, equal TPR or FPR 0.9,
# and equal PPV nothing.  But the errors land elsewhere.  An equal FPR flags 159 fewer
# innocent Black people and 187 more innocent White ones, and a White flag is right for
# 54 of 100, not 59.  An equal PPV flags 80 more innocent Black people than the court
# did, and 80 fewer White ones.  Whether the law of the land permits thresholds by race
# is another matter.
#
# ## What an audit can see
#
# An audit draws $n$ people, of whom a share $g$ belongs to the smaller group.  With
# $\sigma$ the standard error of the gap between two rates near $p$,
#
# $$ \sigma^2 = p(1-p)\left(\frac{1}{g\,n} + \frac{1}{(1-g)\,n}\right)
#    \quad\Longrightarrow\quad
#    n = \frac{7.84\;p(1-p)}{\delta^2\; g\,(1-g)} $$
#
# finds a gap $\delta$ with a power of 80 %, since $(1.96+0.84)^2$ = 7.84.  A rule for
# the head, while $g$ is small: *half the group, twice the audit.*  The rival looks at
# the total only, as if the halves were equal.


# %%
def audit(p, delta, g):
    return 7.84 * p * (1 - p) / (delta**2 * g * (1 - g))


def found(n, g, rng, p=0.3, delta=0.1, trials=20_000):
    """Return the share of audits that find the gap, at |z| above 1.96."""
    few = rng.binomial(n, g, trials)
    few, many = few[few > 0], n - few[few > 0]
    a, b = rng.binomial(few, p + delta / 2), rng.binomial(many, p - delta / 2)
    pooled = (a + b) / n
    error = np.sqrt(np.maximum(pooled * (1 - pooled), 1e-9) * (1 / few + 1 / many))
    return (abs(a / few - b / many) / error > 1.96).sum() / trials


rng = np.random.default_rng(16)
print("20,000 audits of 25 against 35 %: people drawn, power (80 % is the aim)")
print("small group        by the law           by the total")
for g in (0.5, 0.1, 0.02):
    row = f"{g:11.0%}"
    for n in (audit(0.3, 0.1, g), audit(0.3, 0.1, 0.5)):
        row += f" {n:12,.0f} {found(round(n), g, rng):8.0%}"
    print(row)
times = 0.25 / (0.02 * 0.98)
print(f"2 % for 50 %: {1000 * times:,.0f} people.  You guessed {guess_drawn:,}.")

# %% [markdown]
# The law keeps its 80 %; by the total alone the audit of a small group is nearly blind.
# Now audit the published people, each group's innocent against the White ones.

# %%
FLAGGED = {  # innocent and flagged, innocent; of the same data
    "Black": (805, 1795),
    "Hispanic": (87, 405),
    "Native American": (3, 8),
}


def two_rates(a, n, b, m):
    """Return the gap a/n - b/m in points and its z."""
    pooled = (a + b) / (n + m)
    z = (a / n - b / m) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return 100 * (a / n - b / m), z


print("FPR less the White one, 23.5 %                     a gap found in 80 %")
for name, (k, n) in FLAGGED.items():
    gap, z = two_rates(k, n, 349, 1488)
    seen = 280 * np.sqrt(0.235 * 0.765 * (1 / n + 1 / 1488))
    print(f"  {name:16} {n:5} innocent {gap:+6.1f} (z {z:+4.1f}) {seen:12.0f} points")
right = two_rates(1369 + 990, 3696, 505 + 1139, 2454)
print("decided rightly, Black less White: {:+.1f} points (z {:+.1f})".format(*right))

# %% [markdown]
# Now cross two attributes: race and sex.

# %%
SEXES = {  # women, then men
    "Black": ((164, 405), (641, 1390)),
    "White": ((111, 368), (238, 1120)),
}

print("FPR of women less men, of the innocent")
(a, n), (b, m) = (np.sum(x, axis=0) for x in zip(*SEXES.values(), strict=True))
rows = {"both groups": ((a, n), (b, m))} | SEXES
for name, (women, men) in rows.items():
    print("  {:16} {:+6.1f} points (z {:+4.2f})".format(name, *two_rates(*women, *men)))
print(f"with 7 tests in all, a gap counts from |z| {-ndtri(0.05 / 2 / 7):.2f} on")
gap, share = abs(164 / 405 - 641 / 1390), 405 / 1795
print(f"to find {100 * gap:.1f} points between Black women and men in 80 % of samples:")
print(f"  {audit(805 / 1795, gap, share):,.0f} innocent Black people; here are 1,795")

# %% [markdown]
# With eight innocent Native Americans, only a gap of 42 points would be found in 80 of
# 100 samples: their 14 points come with $z$ below 1.  The 3 points of accuracy come
# with $|z|$ above 2.  So $z$ says how sure a gap is and not how large.
#
# The audit by sex alone sees nothing.  Crossed, innocent White women are flagged more
# than White men, and that is sure.  Black women are flagged less than Black men, so the
# two cancel; but $z$ = -2.00 finds nothing among seven tests, each at a level of 5 %/7.
# A crossed group needs a size of its own: here twice the people, and more for seven
# tests.
#
# ## Today's decisions are tomorrow's data
#
# The base rate was a fact so far.  But a record of an offence takes an offence *and*
# somebody who looked.  A **feedback loop** decides by records that its own decisions
# made.  Let A get a share $s$ of the patrols, and let a patrol find $f$ times as many
# offences in A as in B.  The next share follows the finds:
#
# $$ \frac{s_{k+1}}{1-s_{k+1}} = f\,\frac{s_k}{1-s_k}
#    \quad\Longrightarrow\quad
#    \frac{s_k}{1-s_k} = f^k\,\frac{s_0}{1-s_0}. $$
#
# Each round multiplies the odds by $f$ anew, for finds follow patrols as well as
# offences.  So the excess compounds.  Suppose the city has promised that no district
# gets more than 0.6 of the patrols.  A share $e$ of them may be sent at random, half to
# each.  The play draws each patrol's finds: 20,000 patrols a round, of which 11 % find
# something in A and 10 % in B.


# %%
class City:
    def __init__(self, seed, f=1.1, share=0.5):
        self.rng, self.find = np.random.default_rng(seed), np.array([0.1 * f, 0.1])
        self.share, self.shares = share, [share]
        self.found, self.patrols = np.zeros(2), np.zeros(2)  # since the start

    def round(self, rule="last", random=0.0):
        """Patrol once, then choose the next shares."""
        a = self.rng.binomial(20_000, self.share)
        self.sent = np.array([a, 20_000 - a])
        self.finds = self.rng.binomial(self.sent, self.find)
        self.found, self.patrols = self.found + self.finds, self.patrols + self.sent
        weight = {
            "last": self.finds,
            "all": self.found,
            "per patrol": self.found / self.patrols,
        }[rule]
        self.share = (1 - random) * weight[0] / weight.sum() + random / 2
        self.shares.append(self.share)


# %%
def after(rule, random=0.0, f=1.1, runs=200, rounds=20):
    cities = [City(seed, f) for seed in range(runs)]
    for city in cities:
        for _ in range(rounds):
            city.round(rule, random)
    return np.array([city.shares for city in cities])


played = {
    "finds of the last round": after("last"),
    "all finds so far": after("all"),
    "the last, 5 % at random": after("last", 0.05),
    "the last, 18.5 % at random": after("last", 0.185),
    "finds per patrol": after("per patrol"),
    "the last, equal districts": after("last", f=1.0),
}
print("A's share of patrols after 20 rounds, 200 runs        5 to 95 % of them")
for name, s in played.items():
    mean, half = interval(s[:, -1])
    low, high = np.quantile(s[:, -1], (0.05, 0.95))
    print(f"{name:28} {mean:6.3f} ± {half:.3f} {low:25.2f} to {high:.2f}")

# %%
law = 1.1**20 / (1 + 1.1**20)
print(f"by the law {law:.3f}; you guessed {guess_share:g}")
last = played["finds of the last round"][:, -1].mean()
print(f"records in the last round: {last / (1 - last):.1f} times as many of A as of B")
asked = 1.1 * 0.6 / (1.1 * 0.6 + 0.4)
random = (asked - 0.6) / (asked - 0.5)
print(f"at 0.6 the finds ask for {asked:.3f}; patrols at random {random:.1%}")
level_at = 0.5
for _ in range(1000):
    level_at = 0.95 * 1.1 * level_at / (1.1 * level_at + 1 - level_at) + 0.05 * 0.5
print(f"with 5 % at random the share levels at {level_at:.2f}, by the law")

# %%
#| label: fig-loop
#| fig-cap: "A's share in 200 runs: lines are means, bands hold the middle 90 %."
#| fig-alt: "One mean climbs to 0.87, one to 0.60, one stays level at 0.52."
# @title The loop, and two ways to hold it
_, ax = plt.subplots()
names = ("finds of the last round", "the last, 18.5 % at random", "finds per patrol")
for k, (name, style) in enumerate(zip(names, ("-", "--", ":"), strict=True)):
    s, color = played[name], ("C3", "C1", "C0")[k]
    ax.fill_between(
        range(21), *np.quantile(s, (0.05, 0.95), axis=0), color=color, alpha=0.2
    )
    ax.plot(s.mean(axis=0), style, color=color, label=name)
ax.axhline(0.6, color="k", lw=0.8, ls="-.")
ax.text(0, 0.605, "promise: 0.6", ha="left", va="bottom")
ax.set(xlabel="round", ylabel="share of A", ylim=(0.45, 0.95), xticks=range(0, 21, 4))
ax.legend(loc="upper left")
plt.show()

# %% [markdown]
# Ten per cent more offences become 87 % of the patrols, and the records then show 6.6
# times as many offences in A.  All finds so far grow too, only more slowly.  Where A
# gets 0.6, its finds ask for 0.623, and $e$ = (0.623 - 0.6)/(0.623 - 0.5) = 18.5 % at
# random bring that back.  This holds the mean; most runs stay within 0.02.  With 5 %
# the share grows on, towards 0.79.  Counting *per patrol* holds the 0.524 that 10 %
# more ask for, if patrols find the same part of the offences in both districts.  In
# equal districts the share only wanders, for luck stays in the records.  A rule for the
# head: *divide what you found by where you looked.*
#
# ## A gate
#
# At launch $s$ = 0.5, and an audit of the shares finds no fault.  So a promise must say
# how long it is good.  A gate has four parts: a claim with a limit, evidence, an owner
# who acts, and an expiry.  The law of the loop gives the expiry; without a law, look
# each round.  With $f$ estimated from the finds per patrol, and $f_+$ the far end of
# its interval,
#
# $$ k = \left\lfloor \ln\!\left(\frac{s_{max}}{1-s_{max}} \Big/
#        \frac{s}{1-s}\right) \Big/ \ln f_+ \right\rfloor $$
#
# is the number of rounds for which the claim is good, luck apart.  When none is left
# the owner changes the rule to finds per patrol.


# %%
@dataclass(frozen=True)
class Gate:
    claim: str
    limit: float
    owner: str  # who changes the rule when the claim fails; "" is nobody
    expires: int = 0  # the round from which it must be looked at again

    def renewed(self, city, now):
        """Look at the evidence: each district's finds per patrol, and the share."""
        finds = city.finds + 0.5  # half a find more: its logarithm exists
        f = finds / (city.sent + 1)
        log_f = abs(np.log(f[0] / f[1])) + 1.96 * np.sqrt((1 / finds).sum())
        s = np.clip(max(city.share, 1 - city.share), 0.5, 1 - 1e-9)
        room = np.log(self.limit / (1 - self.limit)) - np.log(s / (1 - s))
        return replace(self, expires=now + max(int(room / log_f), 0))


# %%
def governed(gate, policy, city, rounds=36):
    """Return rounds beyond the limit, the number of audits, and if the rule changed."""
    rule, beyond, audits = "last", 0, 0
    for now in range(rounds):
        out = max(city.share, 1 - city.share) > gate.limit
        beyond += out
        city.round(rule)
        if rule != "last" or now < gate.expires:
            continue
        audits, gate = audits + 1, gate.renewed(city, now)
        if policy in ("each round, ahead", "to expiry"):
            out = gate.expires == now  # the claim is good for no further round
        if policy != "to expiry":
            gate = replace(gate, expires=rounds if policy == "once" else now)
        if out and gate.owner:
            rule = "per patrol"
    return beyond, audits, rule != "last"


# %% [markdown]
# The rivals look once at launch, or each round without or with an owner, and act when
# the limit is broken.  One more looks each round and acts ahead, as the gate does.

# %%
OFFICE = Gate("neither gets more than 0.6 of the patrols", 0.6, "patrol office")
POLICIES = {
    "once": OFFICE,
    "each round, no owner": replace(OFFICE, owner=""),
    "each round": OFFICE,
    "each round, ahead": OFFICE,
    "to expiry": OFFICE,
}
print("100 runs of 36 rounds: rounds beyond the limit; (audits)         rule lost")
print(
    "more in A:               none                10 %                20 %     at none"
)
for policy, gate in POLICIES.items():
    row, lost = f"{policy:20}", []
    for f in (1.0, 1.1, 1.2):
        ends = np.array([governed(gate, policy, City(seed, f)) for seed in range(100)])
        (mean, half), audits = interval(ends[:, 0]), ends[:, 1].mean()
        row += f"{mean:6.1f} ± {half:.1f} ({audits:4.1f})"
        lost.append(ends[:, 2].mean())
    print(f"{row}{lost[0]:8.0%}")

# %% [markdown]
# An audit at launch leaves the limit broken for 31 to 33 of the 36 rounds where A has
# more, and so do 36 audits that nobody acts on.  To look each round, and act once the
# limit is broken, lets two rounds pass.  Acting ahead spares nearly all of them, and
# the expiry spares audits where districts differ little.  The price stands where they
# are equal: half of the cities lose their rule needlessly, against a fifth that act
# late.
#
# So which fairness can you have?  With the court's base rates, thresholds on its score
# give equalised odds, or parity, or predictive parity; but not the last with one of the
# others, to within two points.  A rule that partly ignores the score for one group can,
# and errs more there.  Predictive parity with both odds is for no rule that makes right
# flags and wrong ones.  The law does not choose.  Whoever chooses moves wrong flags
# between groups, 159 and 187 of them here.  So a gate names its owner.  And since base
# rates come from records, it has an expiry.
#
# > **Takeaways.**
# >
# > - At equal PPV and FNR the FPRs stand as the odds of the base rates.
# > - The exceptions: equal base rates, no wrong flag, no right flag, or no flag at all.
# > - Taking a column out need not close a gap: here it opened one.
# > - At as many flags, an equal FPR cost 0.9 points and moved errors to other people.
# > - Half the group, twice the audit; one attribute at a time can hide a gap.
# > - A loop compounds its excess.  Divide what you found by where you looked.
# > - A gate is a claim, evidence, an owner who acts, and a computed expiry.
#
# <details><summary>Sources</summary>
#
# Counts: ProPublica's compas-scores-two-years.csv, commit bafff5d of its repository
# compas-analysis; rates: its notebook "Compas Analysis" (2016).  The hull is that of
# Hardt, Price and Srebro (arXiv 1610.02413), the loop that of Ensign and others (arXiv
# 1706.09847).
#
# </details>
#
# ## Try it
#
# 1. Berkeley, 1973: applicants and admitted of the six largest departments are in the
#    answer (R's data set UCBAdmissions, after Bickel, *Science* 187, 1975).  Women are
#    admitted less often.  Do the departments prefer men?
#
#    <details><summary>Answer</summary>
#
#    The counts do not show it: in four departments of six women are admitted more
#    often, and more of them applied where few are admitted.  The gap is observed; what
#    caused it is another question.
#
#    ```python
#    men = np.array([[825, 560, 325, 417, 191, 373], [512, 353, 120, 138, 53, 22]])
#    women = np.array([[108, 25, 593, 375, 393, 341], [89, 17, 202, 131, 94, 24]])
#    for x, name in ((men, "men  "), (women, "women")):
#        text = " ".join(f"{r:4.0%}" for r in x[1] / x[0])
#        print(f"{name} {x[1].sum() / x[0].sum():4.0%}; by department {text}")
#    ```
#
#    ```text
#    men    45%; by department  62%  63%  37%  33%  28%   6%
#    women  30%; by department  82%  68%  34%  35%  24%   7%
#    ```
#
#    </details>
#
# 2. A model is an ensemble of 100 shards.  To forget a record, its shard is trained
#    again, for 46,000 dollars.  A thousand people a day ask to be forgotten, and each
#    shard is trained once a day at most.  What does a day cost?
#
#    <details><summary>Answer</summary>
#
#    Nearly the whole model's 4.6 million: together they touch almost every shard.
#    Served one by one, a thousand cost 46 million.
#
#    ```python
#    for asked in (1, 10, 100, 1000):
#        touched = 100 * (1 - (1 - 1 / 100) ** asked)
#        print(f"{asked:4} requests: {touched:5.1f} shards, ${touched * 46_000:9,.0f}")
#    ```
#
#    ```text
#       1 requests:   1.0 shards, $   46,000
#      10 requests:   9.6 shards, $  439,842
#     100 requests:  63.4 shards, $2,916,251
#    1000 requests: 100.0 shards, $4,599,801
#    ```
#
#    </details>
#
# 3. A model errs in 5 % of the images.  A radiologist lets 70 % of its errors pass
#    (*automation bias*) and mends the rest.  How accurate are both together?  And if
#    the radiologist also overrules 2 % of the right answers?
#
#    <details><summary>Answer</summary>
#
#    96.5 % if no right answer is overruled, and then less than the model alone.
#
#    ```python
#    print(f"none overruled: {1 - 0.05 * 0.7:.1%}")
#    print(f"overruling 2 %: {1 - 0.05 * 0.7 - 0.95 * 0.02:.1%}")
#    ```
#
#    ```text
#    none overruled: 96.5%
#    overruling 2 %: 94.6%
#    ```
#
#    </details>
#
# 4. An answer takes 100 ms, and its explanation 50 to 200 ms more.  The mean may be 120
#    ms.  What share can be explained?
#
#    <details><summary>Answer</summary>
#
#    10 to 40 %: the refusals first, the rest on request.
#
#    ```python
#    for adds in (50, 200):
#        print(f"{adds:3} ms: {(120 - 100) / adds:.0%} of the answers")
#    ```
#
#    ```text
#     50 ms: 40% of the answers
#    200 ms: 10% of the answers
#    ```
#
#    </details>
#
# 5. The audit of 25 against 35 % must not learn who belongs to which of two equal
#    groups.  Each person names the true group with a chance of 0.75, and else the
#    other.  How many people must it draw now?
#
#    <details><summary>Answer</summary>
#
#    Four times as many, for half of the gap is left to see.  Privacy costs sight of
#    small gaps.
#
#    ```python
#    seen = (0.75 - 0.25) * 0.1
#    for text, gap in (("true groups", 0.1), ("named groups", seen)):
#        n = round(audit(0.3, gap, 0.5))
#        power = found(n, 0.5, np.random.default_rng(5), delta=gap)
#        print(f"{text:12} {100 * gap:3.0f} points, {n:5,} people, power {power:.0%}")
#    ```
#
#    ```text
#    true groups   10 points,   659 people, power 80%
#    named groups   5 points, 2,634 people, power 80%
#    ```
#
#    </details>
#
# > **Chapter connection.** Sixteen chapters gave sixteen laws, each alone.  Chapter 17
# > puts one design through all of them.
