# %% [markdown]
# ---
# title: "16 · Responsible AI"
# fleet-stack: [5, 10, 15, 25, 35, 40, 70, 100]
# ---
#
# A court scores defendants by how likely they are to offend again.  The score flags
# those at high risk.  A flag is right about equally often for Black and for White
# defendants.  Yet of those who did *not* offend again, it flagged Black people almost
# twice as often.  The counts are published.  *Two groups, unequal base rates: which
# fairness can you have, and who decides?*
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
# Write four guesses before you read on.  The values given are common guesses.
#
# 1. Suppose the court chooses its flags so that two things are equal in both groups: a
#    flag is right equally often, and an equal share of those who offend again is
#    missed.  An innocent Black person is then flagged how many times as often as an
#    innocent White one?
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
# The height of a coloured column is an FPR (left) or a TPR (right); its width is given
# by the base rate.  PPV is the right coloured area over both.  The overall rate hides
# all this: the score is right for 64 and 67 of 100, nearly the same.
#
# ## The identity
#
# Why do these rates not move freely?  Count the wrong flags of a group twice, per
# person.  Of all people, $p\,(1-\text{FNR})$ are rightly flagged.  Each right flag
# comes with $(1-\text{PPV})/\text{PPV}$ wrong ones.  Those must be the innocent,
# $1-p$, times FPR:
#
# $$ (1-p)\,\text{FPR} = p\,(1-\text{FNR})\,\frac{1-\text{PPV}}{\text{PPV}}
#    \quad\Longrightarrow\quad
#    \text{FPR} = \frac{p}{1-p}\;\frac{1-\text{PPV}}{\text{PPV}}\;(1-\text{FNR}). $$
#
# This is Chouldechova's identity (arXiv 1610.07524, equation 2.6).  Any four counts
# obey it, so agreement proves nothing about the court.  What it does is split the ratio
# of the two FPRs into three factors.


# %%
def implied_fpr(p, PPV, FNR):
    return p / (1 - p) * (1 - PPV) / PPV * (1 - FNR)


black, white = (
    rates(*(Fraction(k) for k in four_counts(group))) for group in ("Black", "White")
)
for r in (black, white):
    assert implied_fpr(r["base rate"], r["PPV"], r["FNR"]) == r["FPR"]  # exactly
start = [white["base rate"], white["PPV"], white["FNR"]]
print(f"ratio of the FPRs: {float(black['FPR'] / white['FPR']):.2f}")
for k, name in enumerate(("base rate", "PPV", "FNR")):
    before = implied_fpr(*start)
    start[k] = black[name]
    print(f"  a factor {float(implied_fpr(*start) / before):.2f} from the {name}")

# %% [markdown]
# The fractions agree exactly.  The base rates alone make a factor of 1.63.  The
# slightly better PPV takes some off.  The thresholds add the rest, for the score misses
# fewer Black people who offend.  Make PPV and FNR equal, and only the base rates are
# left:

# %%
odds = {g: OFFENDED[g].sum() / INNOCENT[g].sum() for g in INNOCENT}
forced = odds["Black"] / odds["White"]
print(f"at equal PPV and FNR: {forced:.2f} times as often flagged.")
print(f"You guessed {guess_times:g} times.")
print("Black and White FPR, at a PPV of 0.6 and an FNR of 0.4, and three exceptions:")
both = [float(r["base rate"]) for r in (black, white)]
for text, p, PPV, FNR in (
    ("published base rates", both, 0.6, 0.4),
    ("equal base rates", [0.45, 0.45], 0.6, 0.4),
    ("no flag is wrong", both, 1.0, 0.4),
    ("nobody is flagged (FNR 1)", both, 0.6, 1.0),
):
    one, two = (implied_fpr(x, PPV, FNR) for x in p)
    print(f"  {text:26} {one:.3f} {two:.3f}")

# %% [markdown]
# > **Theorem · Impossibility.** Where base rates differ, no rule that makes right flags
# > and wrong ones has equal PPV, equal FNR and equal FPR.
#
# The exceptions are the three above: equal base rates, flags that are never wrong, and
# the trivial rule that flags nobody.  Nor is parity free: the share flagged is
# $p\,\text{TPR}/\text{PPV}$, so at equal TPR and PPV it stands as $p$.  A rule for the
# head: *at equal PPV and FNR, the FPRs stand as the odds $p/(1-p)$.*
#
# ## All pairs of thresholds
#
# The theorem forbids three equalities together.  Maybe some pair of thresholds comes
# close?  Try all pairs.  Each group's people are flagged from the top score down, until
# a given share between 5 and 95 % is flagged.  Within the last score, people are drawn
# at random.  We do this twice: as published, and with Black people weighed so that both
# base rates are equal.


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
print("pairs within 2 points of the demand; in brackets the least gap in points")
print("base rates                           as published       made equal")
for name, demand in DEMANDS.items():
    row = f"{name:33}"
    for a in (curves["Black"], equal):
        gap = apart(a, curves["White"], demand)
        row += f"{(gap <= 0.02).mean():10.2%} ({100 * gap.min():.1f})"
    print(row)


# %%
#| label: fig-map
#| fig-cap: "Pairs of thresholds: on each line one rate is equal.  Dot: the court's."
#| fig-alt: "Left: three lines side by side, PPV far off. Right: all four together."
# @title Where each rate is equal
def draw(base_rate=level):
    _, axes = plt.subplots(1, 2, figsize=(6.6, 3.7), sharey=True)
    for ax, p in zip(axes, (float(black["base rate"]), base_rate), strict=True):
        a, b = rules(OFFENDED["Black"], INNOCENT["Black"], p), curves["White"]
        for k, rate in enumerate(("PPV", "FPR", "TPR", "flagged")):
            gap = a[rate][:, None] - b[rate]
            style = ("-", "--", ":", "-.")[k]
            where = ax.contour(SHARES, SHARES, gap.T, [0], colors=f"C{k}")
            where.set(linestyle=style, linewidth=2)
            ax.plot([], [], f"C{k}", ls=style, label=f"equal {rate}")
        ax.set(title=f"Black base rate {p:.2f}", xlabel="Black, share flagged")
    axes[0].plot(float(black["flagged"]), float(white["flagged"]), "ko")
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
# is within two points of equal PPV and of another demand; the nearest misses by four.
# Equalised odds could be had, but the court's dot is on none of the lines.  On the
# right the base rates are equal.  The empty middle fills, for the score ranks both
# groups about equally well.
#
# *A better model removes it*, says the first rival.  Draw scores from two normal
# curves, further and further apart.  Their AUC is the chance that one who offended
# scores above one who is innocent.  For each model choose thresholds with equal PPV
# that flag as many people as offended.


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
# Better models bring the rates together in points: perfect prediction is an exception
# of the theorem.  The ratio falls too, but to the 1.6 of the odds and not to 1.
#
# ## Dropping the attribute
#
# The second rival removes the group from the inputs.  COMPAS does not ask for race
# (ProPublica, 2016), so here this has been done.  Take other data where we can do both:
# scikit-learn's 442 diabetes patients.  A patient is flagged if the disease is likely
# to progress beyond 140, about the median.  Nine tenths of the patients fit the model
# that flags the others, ten times in turn.

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
    for sex, who in ((1, ~second), (2, second)):
        y, f = worse[who], flags[name][who]
        r = rates(*(int(x.sum()) for x in (y & f, ~y & f, y & ~f, ~y & ~f)))
        same = np.isclose(implied_fpr(r["base rate"], r["PPV"], r["FNR"]), r["FPR"])
        text = ", ".join(f"{k} {r[k]:.0%}" for k in ("base rate", "flagged", "FPR"))
        print(f"  sex {sex}: {text}; the identity {'holds' if same else 'fails'}")


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
pull = LogisticRegression().fit(X, worse).coef_[0]
pull = pull * (X[second].mean(axis=0) - X[~second].mean(axis=0))
print("what a model fitted to all ten adds to the mean log-odds of sex 2, less sex 1:")
print(f"  by the column {pull[1]:+.2f}, by the other nine {pull[without].sum():+.2f}")

# %% [markdown]
# Without the column the model is as accurate, and the gap grew from nothing resolved to
# some 19 points, although the base rates are equal.  The other nine columns differ
# between the sexes and push sex 2 up.  The sex column had pulled it back.  A **proxy**
# is a column that carries the attribute in part.  To drop the attribute leaves its
# proxies, and takes away what corrected them.
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
# one in part.  These rules make the *hull*: corners are thresholds, the lines between
# them thresholds that are drawn at random.  Beyond the hull there is no rule.  We try
# all $2^{10}$ sets of scores, which know nothing of the order.


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
print("for an equal FPR flag")
for group, position in placed["FPR"].items():
    last = 10 - int(position)
    part = f"{position % 1:.0%} of those with {last}"
    print(f"  {group}: scores from {last + 1} on, and {part}")

# %%
#| label: fig-hull
#| fig-cap: "Both hulls, the 1,024 rules for White defendants, and chosen points."
#| fig-alt: "Both curves coincide. White points move right along it, Black ones left."
# @title The hulls, and the points that each criterion picks
_, ax = plt.subplots(figsize=(6.4, 4.2))
ax.plot(*clouds["White"], ".", color="0.8", ms=2)
for group, style in (("Black", "C0-"), ("White", "C1--")):
    ax.plot(*hull(group), style, label=f"{group}, hull")
for name, mark in zip(placed, "ovs^D", strict=True):
    for group, color in (("Black", "C0"), ("White", "C1")):
        y, n = outcome(group, placed[name][group])
        x, y = n / INNOCENT[group].sum(), y / OFFENDED[group].sum()
        label = name if name == "the court's" else f"equal {name}"
        label = label if group == "Black" else None
        ax.plot(x, y, mark, color=color, mec="k", ms=8, alpha=0.8, label=label)
ax.set(xlabel="FPR", ylabel="TPR")
ax.legend(loc="lower right", fontsize=9)
plt.show()

# %% [markdown]
# Both hulls nearly coincide, so equal TPR and equal FPR are one point, and cost little:
# 0.9 points of the right decisions.  Had one hull been lower, equality would bind both
# to the lower.  But the cost lands somewhere.  At an equal FPR 159 fewer innocent Black
# people are flagged and 187 more innocent White ones.  A flag then means less for a
# White person, 54 in 100 instead of 59.  An exactly equal PPV costs nothing in all, and
# flags 80 more innocent Black people than the court did.
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
    "Asian": (2, 23),
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
    print("  {:16} {:+6.1f} points (z {:+4.1f})".format(name, *two_rates(*women, *men)))

# %% [markdown]
# Eight innocent Native Americans show only gaps above some 42 points in 80 % of such
# samples: their 14 points come with $z$ below 1.  (With so few, $z$ itself is rough.)
# The 3 points of accuracy come with $|z|$ above 2.  So $z$ says how sure a gap is and
# not how large.  And an audit by sex alone sees nothing, although Black women are
# flagged less than Black men and White women more than White men.  The two cancel.
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
# The excess is used twice, since the patrols already stand where finds were.  So it
# compounds.  The play draws each patrol's finds: 20,000 patrols a round, of which 11 %
# find something in A and 10 % in B.


# %%
class City:
    def __init__(self, seed, f=1.1, share=0.5):
        self.rng, self.find = np.random.default_rng(seed), np.array([0.1 * f, 0.1])
        self.share, self.shares = share, [share]
        self.found, self.patrols = np.zeros(2), np.zeros(2)  # since the start

    def round(self, rule="last", random=0.0):
        """Patrol once, then choose the next shares."""
        s = (1 - random) * self.share + random / 2
        a = self.rng.binomial(20_000, s)
        self.sent = np.array([a, 20_000 - a])
        self.finds = self.rng.binomial(self.sent, self.find)
        self.found, self.patrols = self.found + self.finds, self.patrols + self.sent
        weight = {
            "last": self.finds,
            "all": self.found,
            "per patrol": self.found / self.patrols,
        }[rule]
        self.share = weight[0] / weight.sum()
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
    "the last, 23 % at random": after("last", 0.23),
    "finds per patrol": after("per patrol"),
    "the last, equal districts": after("last", f=1.0),
}
print("share that A's finds ask for, after 20 rounds; 200 runs      5 to 95 % of them")
for name, s in played.items():
    mean, half = interval(s[:, -1])
    low, high = np.quantile(s[:, -1], (0.05, 0.95))
    print(f"{name:28} {mean:6.3f} ± {half:.3f} {low:25.2f} to {high:.2f}")

# %%
law = 1.1**20 / (1 + 1.1**20)
print(f"by the law {law:.3f}; you guessed {guess_share:g}")
last = played["finds of the last round"][:, -1].mean()
print(f"records in the last round: {last / (1 - last):.1f} times as many of A as of B")
before = 0.6 / (0.6 + 1.1 * 0.4)
print(f"{before:.3f} grows to 0.6; at random {(0.6 - before) / (0.6 - 0.5):.0%}")

# %%
#| label: fig-loop
#| fig-cap: "A's share in 200 runs: lines are means, bands hold the middle 90 %."
#| fig-alt: "One mean climbs to 0.87, one to 0.60, one stays level at 0.52."
# @title The loop, and two ways to hold it
_, ax = plt.subplots()
names = ("finds of the last round", "the last, 23 % at random", "finds per patrol")
for k, (name, style) in enumerate(zip(names, ("-", "--", ":"), strict=True)):
    s, color = played[name], ("C3", "C1", "C0")[k]
    ax.fill_between(
        range(21), *np.quantile(s, (0.05, 0.95), axis=0), color=color, alpha=0.2
    )
    ax.plot(s.mean(axis=0), style, color=color, label=name)
ax.axhline(0.6, color="k", lw=0.8, ls="-.")
ax.text(20, 0.605, "limit of a gate", ha="right", va="bottom")
ax.set(xlabel="round", ylabel="share of A", ylim=(0.45, 0.95))
ax.legend(loc="upper left")
plt.show()

# %% [markdown]
# Ten per cent more offences become 87 % of the patrols, and the records then show 6.6
# times as many offences in A.  All finds so far grow too, only more slowly.  To hold
# A's share at 0.6, patrols at random must take it back to 0.577, from where $f$ leads
# to 0.6 again: that takes (0.6 - 0.577)/(0.6 - 0.5) = 23 % of them.  With 5 % the share
# grows on.  Counting *per patrol* holds it at the 0.524 that 10 % more ask for.  In
# equal districts there is no drift, but luck stays in the records and the share
# wanders.  A rule for the head: *divide what you found by where you looked.*
#
# ## A gate
#
# At launch this loop passes an audit of the shares: $s$ = 0.5.  So a gate needs four
# parts: a claim with a limit, evidence, an owner who acts, and an expiry.  The law
# gives the expiry.  With $f$ estimated from the finds per patrol, and $f_+$ the far end
# of its interval,
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
    """Return rounds beyond the limit, and the number of audits."""
    rule, beyond, audits = "last", 0, 0
    for now in range(rounds):
        out = max(city.share, 1 - city.share) > gate.limit
        beyond += out
        city.round(rule)
        if rule != "last" or now < gate.expires:
            continue
        audits, gate = audits + 1, gate.renewed(city, now)
        if policy == "to expiry":
            out = gate.expires == now  # the claim is good for no further round
        else:
            gate = replace(gate, expires=rounds if policy == "once" else now)
        if out and gate.owner:
            rule = "per patrol"
    return beyond, audits


# %% [markdown]
# The rivals look once at launch, or each round without or with an owner, and act when
# the limit is broken.

# %%
OFFICE = Gate("neither gets more than 0.6 of the patrols", 0.6, "patrol office")
POLICIES = {
    "once": OFFICE,
    "each round, no owner": replace(OFFICE, owner=""),
    "each round": OFFICE,
    "to expiry": OFFICE,
}
print("100 runs of 36 rounds: rounds beyond the limit; (audits)")
print("more in A" + "".join(f"{name:>21}" for name in POLICIES))
for f in (1.0, 1.05, 1.1, 1.2):
    row = f"{f - 1:9.0%}"
    for policy, gate in POLICIES.items():
        ends = [governed(gate, policy, City(seed, f)) for seed in range(100)]
        (mean, half), audits = interval([x[0] for x in ends]), np.mean(ends, axis=0)[1]
        row += f"{mean:8.1f} ± {half:.1f} ({audits:4.1f})"
    print(row)

# %% [markdown]
# An audit at launch leaves the limit broken for 27 to 33 of the 36 rounds where A has
# more, and so do 36 audits that nobody acts on.  To look each round, and act, lets two
# rounds pass.  The gate acts before its claim can fail, and with fewer audits.  It pays
# in the first row: where districts are equal it must keep looking to know that.  Had
# the loop been seen at launch, finds per patrol would have been the rule at once; a
# gate is for what was not seen.
#
# So which fairness can you have?  With the court's base rates you can have equalised
# odds, or parity, or predictive parity; but not the last with one of the others, to
# within two points.  Equal base rates or perfect prediction would lift that, and a
# better model comes nearer.  The law does not choose.  Whoever chooses moves wrong
# flags between groups, 159 and 187 of them here.  So a gate names its owner.  And since
# base rates come from records, it has an expiry.
#
# > **Takeaways.**
# >
# > - At equal PPV and FNR the FPRs stand as the odds of the base rates.
# > - Equal base rates, perfect prediction and flagging nobody are the exceptions.
# > - Taking a column out need not close a gap: here it opened one.
# > - Equality cost 0.9 points of accuracy here, and moved the errors to other people.
# > - Half the group, twice the audit; one attribute at a time can hide a gap.
# > - A loop compounds its excess.  Divide what you found by where you looked.
# > - A gate is a claim, evidence, an owner who acts, and a computed expiry.
#
# <details><summary>Sources</summary>
#
# Counts: ProPublica's compas-scores-two-years.csv, commit bafff5d of its repository
# compas-analysis; rates: its notebook "Compas Analysis" (2016).  The hull is that of
# Hardt, Price and Srebro (arXiv 1610.02413), the loop that of Ensign and others (arXiv
# 1706.09847).  Kleinberg and others (arXiv 1609.05807) prove a theorem for scores.
# Problems 2 to 5 take the book's numbers.
#
# </details>
#
# ## Try it
#
# 1. Berkeley, 1973 (Bickel and others, *Science* 187, 1975): applicants and admitted of
#    the six largest departments are in the answer.  Women are admitted less often.  Do
#    the departments prefer men?
#
#    <details><summary>Answer</summary>
#
#    The counts do not show it: in four departments of six women are admitted more
#    often.  More of them applied where few are admitted.  The observed gap is a fact.
#    What caused it, and whether the choice of a department is part of it, is another
#    question.
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
#    again, for 46,000 dollars.  A thousand people a day ask to be forgotten.  What does
#    a day cost?
#
#    <details><summary>Answer</summary>
#
#    Nearly the whole model's 4.6 million: together they touch almost every shard.
#    Shards help while requests are few.
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
# 3. A model errs in 5 % of the images.  A radiologist mends errors, but lets 70 % of
#    them pass when the model looks sure (*automation bias*).  How accurate are both
#    together?  And if the radiologist also overrules 2 % of the right answers?
#
#    <details><summary>Answer</summary>
#
#    96.5 % at best, and then less than the model alone.
#
#    ```python
#    print(f"at best {1 - 0.05 * 0.7:.1%}")
#    print(f"overruling 2 %: {1 - 0.05 * 0.7 - 0.95 * 0.02:.1%}")
#    ```
#
#    ```text
#    at best 96.5%
#    overruling 2 %: 94.6%
#    ```
#
#    </details>
#
# 4. An answer takes 100 ms.  Its explanation adds 50 to 200 ms.  The mean may be 120
#    ms.  What share can be explained at once?
#
#    <details><summary>Answer</summary>
#
#    10 to 40 %.  So explain the refusals first, and the rest on request.
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
# 5. A lender gains 1,500 dollars by a loan that is repaid, and loses 3,000 by another.
#    In group B half would repay.  Its TPR is raised from 0.6 to the 0.9 of group A, and
#    its FPR goes from 0.2 to 0.4.  B is a sixth of the applicants.  What does it cost?
#
#    <details><summary>Answer</summary>
#
#    ```python
#    value = [0.5 * t * 1500 - 0.5 * f * 3000 for t, f in ((0.6, 0.2), (0.9, 0.4))]
#    cost = value[0] - value[1]
#    print(f"${cost:.0f} for each of B, ${cost / 6:.2f} for each applicant")
#    ```
#
#    ```text
#    $75 for each of B, $12.50 for each applicant
#    ```
#
#    </details>
#
# > **Chapter connection.** Sixteen chapters gave sixteen laws, each alone.  Chapter 17
# > puts one design through all of them.
