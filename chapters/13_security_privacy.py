# %% [markdown]
# ---
# title: "13 · Security and privacy"
# fleet-stack: [10, 15, 15, 30, 35, 45, 100, 65]
# ---
#
# A clinic trains a model on its patients' records and sells its answers.  An insurer
# holds one record of its own, with the right label.  It pays for one answer, and reads
# off how sure the model was.  It breaks no password and no rule: *security* decides who
# may ask, *privacy* what those may learn who ask.  *What does an answer tell about who
# was in the training set?  And what does it cost to hide it?*

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython import get_ipython
from ipywidgets import interact
from scipy.special import logsumexp, stdtrit
from scipy.stats import beta, norm
from sklearn.datasets import load_digits
from torch.func import grad, vmap
from torch.nn import functional as F

from mlsyscore import device

plt.style.use("mlsyscore.figures")
torch.set_num_threads(1)


def interval(samples):
    """Return the mean of independent runs and half of its 95 % interval."""
    samples = np.asarray(samples, float)
    n = len(samples)
    t = stdtrit(n - 1, 0.975)
    return samples.mean(), t * samples.std(ddof=1) / np.sqrt(n)


# %% [markdown]
# ## Predict
#
# Write four guesses before you read on.  The values given are common guesses.
#
# 1. A model learns handwritten digits from 200 records, and then reads more than 90 %
#    of new digits right.  Somebody holds a record that is from the training set with
#    probability ½.  From the model's loss on it they say "in" or "out".  How often are
#    they right?
# 2. The mean salary of 1,000 people is published with noise that hides each of them.
#    The noise puts it 200 dollars off on average.  Now there are 100,000 people, and
#    each is to be hidden as well.  How many dollars off?
# 3. One noisy number about a data set costs a privacy budget of $\epsilon$.  A hundred
#    such numbers are published, each with its own noise of the same size.  How many
#    times $\epsilon$ do they cost together?
# 4. Of 20 machines that send a gradient, four are in an enemy's hand.  All four send
#    the same lie, one standard deviation away from the honest mean in each coordinate.
#    A rule made against liars, Krum, keeps the one report of the 20 that is closest to
#    the others.  How large is its error, as a multiple of the plain mean's?

# %%
#| tags: [guess]
guess_right = 0.5  # share of the records
guess_dollars = 20.0  # dollars
guess_times = 100.0  # times epsilon
guess_krum = 0.25  # times the mean's error

# %% [markdown]
# ## The attack
#
# **Membership inference** is to tell from a model's answers whether a record was in its
# training set.  Our records are scikit-learn's 1,797 digits of 8 × 8 pixels.  The model
# is a network with one hidden layer of 32 units.  It learns from 200 records, its
# *members*, until it knows them by heart.


# %%
digits, labels = load_digits(return_X_y=True)
X, y = torch.tensor(digits / 16), torch.tensor(labels)


def logits(w, x):
    W, b, V, c = w.split([64 * 32, 32, 32 * 10, 10])
    return torch.tanh(x @ W.view(64, 32) + b) @ V.view(32, 10) + c


def loss(w, x, label):
    return F.cross_entropy(logits(w, x), label)


def start(rng):
    """Return the first weights, all in one vector."""
    sizes = [(64 * 32, 1 / 8), (32, 0), (32 * 10, 32**-0.5), (10, 0)]
    return torch.tensor(np.concatenate([rng.normal(0, s, n) for n, s in sizes]))


def split(n, seed):
    """Return the rows of n members, of 200 outsiders and of 397 records for a test."""
    order = torch.tensor(np.random.default_rng(seed).permutation(len(y)))
    return order[:n], order[n : n + 200], order[-397:]


# %%
def by_heart(members, seed):
    w, slope = start(np.random.default_rng(seed)), grad(loss)
    for _ in range(150):
        w = w - 1.5 * slope(w, X[members], y[members])
    return w


def right_answers(w, rows):
    return (logits(w, X[rows]).argmax(1) == y[rows]).double().mean().item()


def each_loss(w, rows):
    return F.cross_entropy(logits(w, X[rows]), y[rows], reduction="none").numpy()


plain = [by_heart(split(200, seed)[0], seed) for seed in range(9)]
for k, who in enumerate(("members", "outsiders")):
    rows = [split(200, seed)[k] for seed in range(9)]
    some = [right_answers(w, r) for w, r in zip(plain, rows, strict=True)]
    mean = np.mean([each_loss(w, r) for w, r in zip(plain, rows, strict=True)])
    print(f"{who:9} read right: {np.mean(some):6.1%}, mean loss {mean:.3f}")

# %% [markdown]
# The members' loss is far lower, so the attacker says "in" where the loss is below a
# limit.  They choose the limit on models that they trained themselves, on records of
# their own: here three of our nine models.  The other six are attacked, with 200
# members and 200 outsiders each.  The rival is a coin.


# %%
def losses(models, n):
    """Return for each model the losses of 200 members and of 200 outsiders."""
    rows = [split(n, seed)[:2] for seed in range(len(models))]
    pairs = zip(models, rows, strict=True)
    return np.array([[each_loss(w, r[:200]) for r in two] for w, two in pairs])


def attack(pairs, own=3):
    """Return how often the attack is right on each model but the first few."""
    inside, outside = pairs[:own, 0].ravel(), pairs[:own, 1].ravel()
    limits = np.quantile(pairs[:own], np.linspace(0.01, 0.99, 99))
    gains = [(inside < t).mean() - (outside < t).mean() for t in limits]
    low = pairs[own:] < limits[np.argmax(gains)]
    return (low[:, 0].mean(1) + 1 - low[:, 1].mean(1)) / 2


before = losses(plain, 200)
mean, half = interval(attack(before))
print(f"right on {mean:.1%} ± {half:.1%} of the records (6 models); a coin: 50 %")
print(f"You guessed {guess_right:.0%}.")

# %% [markdown]
# So valid queries leak; a firewall would pass each of them.  The attack is crude, and
# better ones are published.  We need a promise that also holds against those.
#
# ## A promise about any attack
#
# Call two data sets *neighbours* if they differ in one record.  A random program $M$
# has **differential privacy** with a *budget* $(\epsilon,\delta)$ if for all neighbours
# $D$, $D'$ and all sets $S$ of results
#
# $$ P(M(D)\in S) \le e^\epsilon\,P(M(D')\in S) + \delta. $$
#
# Let $D$ hold the record and $D'$ not, and let $S$ be the results on which an attack
# says "in".  Then the left side is the attack's true-positive rate, TPR, and the right
# side has its false-positive rate, FPR.  The definition also holds for "out", with $D$
# and $D'$ exchanged:
#
# $$ \text{TPR} \le e^\epsilon\,\text{FPR}+\delta,
#    \qquad
#    1-\text{FPR} \le e^\epsilon\,(1-\text{TPR})+\delta. $$
#
# Add the two.  With even odds the attack is right on a share
# $(\text{TPR}+1-\text{FPR})/2$ of the records, so
#
# $$ \text{right} \le \frac{e^\epsilon+\delta}{1+e^\epsilon}. $$
#
# Nothing was said about the attack: no computer and no other knowledge beats this.


# %%
def most_right(eps, delta=0.0):
    return (np.exp(eps) + delta) / (1 + np.exp(eps))


for eps in (0.1, 1, 3, 5, 8):
    print(f"epsilon {eps:3}: no attack is right on more than {most_right(eps):.2%}")

# %% [markdown]
# A rule for the head: *at $\epsilon=1$ no attack is right more than three times in
# four; above 5 the bound alone says next to nothing.*
#
# ## Noise for one number
#
# A mean looks harmless.  But publish the mean of 1,000 salaries on Monday, and that of
# the 999 others on Tuesday: the difference gives one salary away.  How much noise
# hides it?  The **sensitivity** $\Delta$ of a number is the most that one record can
# move it.  For $n$ salaries from 0 to 200,000 dollars the mean has
# $\Delta=200{,}000/n$, if a neighbour has one salary changed.  *Laplace noise* has the
# density $e^{-|x|/b}/(2b)$.  A result $x$ is likelier from one of two centres that are
# $\Delta$ apart by a factor of at most
#
# $$ \frac{e^{-|x|/b}}{e^{-|x-\Delta|/b}} \le e^{\Delta/b} = e^\epsilon
#    \qquad\text{for}\qquad b = \frac{\Delta}{\epsilon}, $$
#
# and $b$ is also the mean error.  In the figure the curves' ratio never exceeds
# $e^\epsilon$.

# %%
#| label: fig-neighbours
#| fig-cap: "Two neighbours' noisy means, Laplace noise, ε = 1; sensitivity 1."
#| fig-alt: "Two pointed curves, one unit apart; outside of their tips the ratio is e."
# @title Two neighbours' noisy results
x = np.linspace(-4, 5, 1001)
_, ax = plt.subplots(figsize=(6.4, 3.0))
for centre, name in ((0, "without the record"), (1, "with the record")):
    ax.plot(x, np.exp(-np.abs(x - centre)) / 2, label=name)
for at, side, place in ((-1.0, "right", -1.1), (2.0, "left", 2.1)):
    heights = [np.exp(-np.abs(at - centre)) / 2 for centre in (0, 1)]
    arrow = {"arrowstyle": "<->"}
    ax.annotate("", (at, min(heights)), (at, max(heights)), arrowprops=arrow)
    ax.text(place, max(heights), "× e", ha=side)
ax.set(xlabel="published number", ylabel="density", ylim=(0, 0.6))
ax.legend(loc="upper right")
plt.show()

# %% [markdown]
# Is any noise of that size as good?  We play 400,000 results from each side, and look
# for the threshold above which the record's side is likeliest: the largest TPR/FPR with
# an FPR of at least one in 1,000.  The rivals have the same mean error.

# %%
rng, n = np.random.default_rng(13), 400_000
print(f"mean error 1, sensitivity 1: e to the epsilon is {np.e:.2f}")
for name, noise in (
    ("Laplace", rng.laplace(0, 1, (2, n))),
    ("normal", rng.normal(0, np.sqrt(np.pi / 2), (2, n))),
    ("uniform", rng.uniform(-2, 2, (2, n))),
):
    without, with_it = np.sort(noise[0]), np.sort(noise[1] + 1)
    limits = np.quantile(without, np.linspace(0, 0.999, 400))
    fpr, tpr = (1 - np.searchsorted(v, limits) / n for v in (without, with_it))
    print(f"{name:8} TPR is up to {(tpr / fpr).max():6.2f} times FPR")

# %% [markdown]
# Laplace noise keeps its promise, up to chance.  Normal noise breaks it far out, where
# its tail is thin; it needs the $\delta$.  Uniform noise gives some records away for
# certain.  So the size of the noise is not enough; its shape must keep the ratio.
#
# Now the second guess.  $\Delta$ falls as $1/n$, and the noise with it.

# %%
rng = np.random.default_rng(13)
print("people    off by, in 4,000 draws     two days tell a salary to")
for n in (100, 1_000, 100_000):
    noise = rng.laplace(0, 200_000 / n, (2, 4000))
    off, half = interval(np.abs(noise[0]))
    salary = np.median(np.abs(n * noise[0] - (n - 1) * noise[1]))
    print(f"{n:7,} {off:11,.2f} ± {half:5.2f} dollars {salary:18,.0f} dollars")
print(f"for 100,000 people you guessed {guess_dollars:g} dollars")

# %% [markdown]
# The statistician's $\sqrt n$ would say 20 dollars.  The record stays hidden in every
# row; only the mean gets better.  A rule for the head, for means of bounded values:
# *privacy is cheap in a crowd, for the noise falls as $1/n$.*
#
# ## Promises add up
#
# Whoever sees $k$ results has more to go on.  For independent noise the probabilities
# multiply, so the budgets at most add up: $k\epsilon$ and $k\delta$.  This *basic
# composition* takes the worst case $k$ times over.  Look at what happens on average.
# Let the *privacy loss* be $L=\ln\,p(x)/p'(x)$ for a result $x$ of $M(D)$, with the two
# densities $p$ and $p'$.  For normal noise of standard deviation $\sigma$ and
# $\Delta=1$ it is normal too, and moments of independent losses multiply:
#
# $$ L \sim \mathcal N\!\left(\tfrac{1}{2\sigma^2},\tfrac{1}{\sigma^2}\right),
#    \qquad
#    \mathrm E\,e^{(\alpha-1)(L_1+\dots+L_k)}
#      = e^{(\alpha-1)\,k\,\rho}, \qquad \rho = \frac{\alpha}{2\sigma^2}. $$
#
# $\rho$ is the **Rényi divergence** of order $\alpha>1$ of one result.  The promise
# holds if the losses' sum exceeds $\epsilon$ with probability $\delta$ at most.  By
# Markov's inequality that probability is at most $e^{(\alpha-1)(k\rho-\epsilon)}$, so
#
# $$ \epsilon = \min_\alpha\; \left(k\,\rho + \frac{\ln(1/\delta)}{\alpha-1}\right). $$
#
# Losses may be negative, and they partly cancel.  So their sum spreads as $\sqrt k$,
# and only its mean grows as $k$.
#
# The play draws results with $\sigma=5$, adds up their losses from the two densities,
# and finds the least $\epsilon$ for which $\mathrm E\max(0,1-e^{\epsilon-L})=\delta$.
# That mean is the smallest $\delta$ of the definition.


# %%
ORDERS = np.r_[1 + np.arange(1, 100) / 10, np.arange(11, 200)]


def epsilon(rho, delta):
    """Return the least epsilon over the orders, of a divergence at each of them."""
    return (rho + np.log(1 / delta) / (ORDERS - 1)).min()


def least(L, delta):
    """Return the least epsilon at delta of a sample of losses, by bisection."""
    low, high = 0.0, 50.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        missed = np.maximum(0, 1 - np.exp(middle - L)).mean()
        low, high = (middle, high) if missed > delta else (low, middle)
    return high


# %%
rng, SIGMA, DELTA, played = np.random.default_rng(4), 5.0, 1e-3, {}
print("results   played            Rényi   basic (each with δ/k)   at δ = 0.001")
for k in (1, 10, 100):
    found = []
    for _ in range(10):
        L = np.zeros(20_000)
        for _ in range(k):
            x = rng.normal(1, SIGMA, L.shape)
            L += norm.logpdf(x, 1, SIGMA) - norm.logpdf(x, 0, SIGMA)
        found.append(least(L, DELTA))
    mean, half = interval(found)
    law = epsilon(k * ORDERS / (2 * SIGMA**2), DELTA)
    basic = k * epsilon(ORDERS / (2 * SIGMA**2), DELTA / k)
    played[k] = mean
    print(f"{k:7} {mean:8.2f} ± {half:.2f} {law:14.2f} {basic:12.1f}")
times = played[100] / played[1]
print(f"100 cost {times:.0f} times one.  You guessed {guess_times:g} times.")

# %% [markdown]
# Rényi's bound is above the played budget in each row, by a quarter in the last one.
# Basic composition is as good for one result, and 13 times too large for a hundred.
# Each factor of ten costs about four times the budget here, not ten times.
#
# ### With a coin for each record
#
# A training step sees a batch.  Let each record join it by its own coin, with
# probability $q$.  Then the attacker does not know whether the record was there at all:
# one density is $p'$, the other is the mixture $(1-q)\,p'+q\,p$.  Their ratio at $x$ is
# $r=1-q+q\,e^{(2x-1)/2\sigma^2}$.  The mean of $r^{\alpha-1}$ under the mixture is that
# of $r^\alpha$ under $p'$, so in place of $\rho$ above we have
#
# $$ \rho = \frac{1}{\alpha-1}\,\ln\,\mathrm E_{x\sim\mathcal N(0,\sigma^2)}
#    \left(1-q+q\,e^{(2x-1)/2\sigma^2}\right)^\alpha. $$
#
# The other direction, with $p'$ and the mixture exchanged, is never larger (arXiv
# 1908.10530).  An **accountant** is a program that adds these up.  It needs to know
# $q$, $\sigma$, the number of steps and $\delta$, and nothing about the model.  We
# compare ours with published budgets for MNIST's 60,000 images, from the tutorials of
# TensorFlow Privacy and Opacus, and with Abadi's example (arXiv 1607.00133, section
# 3.2).  The rival knows no coin: each step costs what it costs a record that is always
# there.


# %%
def step_rho(q, sigma):
    """Return the divergence of one step with coins, at each order."""
    rho = []
    for alpha in ORDERS:
        z, dz = np.linspace(-16, alpha / sigma + 16, 4000, retstep=True)
        ratio = np.log1p(-q), np.log(q) + z / sigma - 1 / (2 * sigma**2)
        power = alpha * np.logaddexp(*ratio) + norm.logpdf(z)
        rho.append(max(logsumexp(power) + np.log(dz), 0) / (alpha - 1))
    return np.array(rho)


# %%
PUBLISHED = (
    ("TF Privacy", 256 / 60_000, 1.3, 3516, 1.19),
    ("TF Privacy", 256 / 60_000, 1.1, 14063, 3.01),
    ("TF Privacy", 256 / 60_000, 0.7, 10547, 7.10),
    ("Opacus", 240 / 60_000, 1.3, 3750, 1.16),
    ("Opacus", 240 / 60_000, 1.1, 15000, 2.91),
    ("Abadi", 0.01, 4.0, 10000, 1.26),
)
print("δ = 1e-5      σ    steps   published   ours   without the coin")
for who, q, sigma, steps, said in PUBLISHED:
    ours = epsilon(steps * step_rho(q, sigma), 1e-5)
    always = epsilon(steps * ORDERS / (2 * sigma**2), 1e-5)
    print(f"{who:11} {sigma:3} {steps:8,} {said:11.2f} {ours:6.2f} {always:18,.0f}")

# %% [markdown]
# Ours agree with all six to the printed digits.  Without the coin each budget would be
# hundreds or thousands.  Still this is a bound and not the least: the library
# dp-accounting 0.6, which adds up the losses' whole distribution, gives 0.86 for the
# first row.
#
# ## Noise for training
#
# The model meets a record only through its gradients.  Chapter 11's gradient inversion
# read images out of them: to keep the data at home is not yet private.  Their sum has
# no sensitivity that we know, for one record's gradient may be as long as it likes.  So
# shorten each one, $g_i$, to a length of at most $C$ before adding up.  A neighbour
# here lacks one record, which moves the sum by $C$ at most, and noise in proportion to
# $C$ hides it.  **DP-SGD** takes, for each step, a batch by coins and then
#
# $$ S = \sum_{i\,\in\,\text{batch}}
#        g_i\,\min\!\left(1,\frac{C}{\lVert g_i\rVert}\right)
#      + \mathcal N(0,\sigma^2C^2\,I), \qquad
#    w \leftarrow w - \frac{\eta}{qN}\,S. $$
#
# *Clip, add, count*: the accountant counts the steps.  We need the gradient of *each*
# record, which `torch.func` gives: `grad` makes the gradient's function, and `vmap`
# maps it over the records.  The rest is numpy, with $C=1$.


# %%
per_record = vmap(grad(loss), (None, 0, 0))  # a row for each record


def to_ball(G):
    """Shorten each row to a length of at most 1."""
    return G / np.maximum(1, np.linalg.norm(G, axis=-1, keepdims=True))


def by_coin(shape, q, rng):
    """Return for each step (row) which records (columns) join."""
    return rng.random(shape) < q


def noisy_sum(G, sigma, rng, clip=to_ball):
    S = clip(G).sum(axis=-2)
    return S + rng.normal(0, sigma, S.shape)


def dp_sgd(members, q, sigma, steps, seed, clip=to_ball, batches=by_coin):
    rng, N = np.random.default_rng(seed), len(members)
    w = start(rng)
    for joined in batches((steps, N), q, rng):
        rows = members[torch.tensor(joined)]
        S = noisy_sum(per_record(w, X[rows], y[rows]).numpy(), sigma, rng, clip)
        w = w - 2 / (q * N) * torch.tensor(S)
    return w


# %%
#| label: fig-step
#| fig-cap: "One step of DP-SGD on 30 records, along two directions of the weights."
#| fig-alt: "Arrows of many lengths; the same shortened to a circle; a sum and a cloud."
# @title One step: clip, add, noise
rng, C = np.random.default_rng(3), 1.0
G = per_record(start(np.random.default_rng(2)), X[:30], y[:30]).numpy()
G = G @ np.linalg.svd(G, full_matrices=False)[2][:2].T
short = C * to_ball(G / C)
S, arrow = short.sum(0), {"arrowstyle": "->", "color": "C0"}
_, axes = plt.subplots(1, 3, figsize=(7, 2.8))
for ax, V, name in ((axes[0], G, "gradients"), (axes[1], short, "clipped")):
    for v in V:
        ax.annotate("", v, (0, 0), arrowprops=arrow)
    ax.add_patch(plt.Circle((0, 0), C, fill=False, color="k", ls="--"))
    ax.set(xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), title=name)
axes[2].scatter(*(S + rng.normal(0, 2 * C, (300, 2))).T, s=4, color="0.7")
axes[2].annotate("", S, (0, 0), arrowprops=arrow)
axes[2].set(title="sum with noise", xlim=(-14, 14), ylim=(-14, 14))
for ax in axes:
    ax.set(aspect="equal", xlabel="one direction")
axes[0].set_ylabel("another direction")
plt.show()
print(f"{(np.linalg.norm(G, axis=1) > C).sum()} of 30 gradients are clipped")

# %% [markdown]
# Left are 30 gradients.  In the middle none leaves the circle of radius $C$.
# Right is their sum, and where 300 draws of the noise move it, for $\sigma=2$.
#
# ## The price
#
# How much accuracy does a budget cost?  Each run takes 60 steps with $q=\frac14$, so
# the budget depends on $\sigma$ only.  The number of members varies.  The first row of
# each block is the model without privacy.


# %%
Q, STEPS = 0.25, 60


def tried(models, n):
    """Say how often models and the attack on them are right; return the losses."""
    own = len(models) // 3
    new = [right_answers(w, split(n, seed)[2]) for seed, w in enumerate(models)]
    pairs = losses(models, n)
    (mean, half), (share, width) = interval(new), interval(attack(pairs, own))
    says = f"{mean:14.1%} ± {half:.1%} {share:14.1%} ± {width:.1%}"
    return says, pairs


print("members   ε      right on new records   attack right on   ... at most, by ε")
after = {}
for n, some in ((200, 9), (1200, 5)):
    rows = [split(n, seed)[0] for seed in range(some)]
    models = plain if n == 200 else [by_heart(r, seed) for seed, r in enumerate(rows)]
    print(f"{n:7,}   none   {tried(models, n)[0]}")
    for sigma in (2.0, 8.0):
        eps = epsilon(STEPS * step_rho(Q, sigma), 1e-4)
        models = [dp_sgd(r, Q, sigma, STEPS, seed) for seed, r in enumerate(rows)]
        says, after[n, sigma] = tried(models, n)
        print(f"{n:7,} {eps:6.1f}   {says} {most_right(eps, 1e-4):10.1%}")

# %% [markdown]
# With 200 members a budget of 5.4 costs more than 20 points of accuracy, with 1,200
# members five.  The noise is $\sigma C$ whoever is in the batch, and the batch's sum
# grows with the members, as in the second guess.  A budget near 1 ruins the small
# model. (Whoever picks $\sigma$ or the steps by looking at such a table spends budget,
# too, which no accountant here counts.)
#
# Noise weakens the attack on the small model.  The large one hardly leaks by this
# attack, with noise or without.


# %%
#| label: fig-roc
#| fig-cap: "The attack on 9 models of 200 members, before and after DP-SGD."
#| fig-alt: "The curve after is near the coin; the one before crosses the bound."
# @title The attack's ROC curve and its bound
def draw(eps=1.0):
    _, ax = plt.subplots(figsize=(5, 4))
    fpr = np.linspace(0, 1, 501)
    for pairs, style, name in (
        (before, "C3-", "before"),
        (after[200, 8.0], "C2--", "after, ε = 1.1"),
    ):
        limits = np.quantile(pairs[:, 1], fpr)
        tpr = [(pairs[:, 0] <= t).mean() for t in limits]
        ax.plot(fpr, tpr, style, label=name)
    high = np.minimum(np.exp(eps) * fpr, 1 - np.exp(-eps) * (1 - fpr))
    ax.plot(fpr, high, "C0-.", label=f"bound for ε = {eps:.1f}")
    ax.plot(fpr, fpr, "k:", lw=1, label="coin")
    ax.set(xlabel="outsiders called in (FPR)", ylabel="members called in (TPR)")
    ax.legend(loc="lower right")
    plt.show()


draw(1.1)

# %%
#| eval: false
#| tags: [nbval-ignore-output, remove-cell]
if get_ipython():  # below which budget would the first attack break the promise?
    interact(draw, eps=(0.0, 6.0))

# %% [markdown]
# On the left both attacks are far below the bound.  On the right the curve *before*
# crosses it: a fifth of the outsiders have a loss that hardly any member has, so "out"
# is almost certain there.  With $\epsilon=1.1$ no attack may do that, and after DP-SGD
# the curve stays below.
#
# Privacy also costs time and memory: a batch of $B$ records has $B$ gradients to hold
# instead of one.  We measure one step's gradients for $B$ = 300 on this machine.

# %%
#| tags: [nbval-ignore-output]
B, kind = 300, device.kind()
w, x, labels300 = (t.to(kind) for t in (start(np.random.default_rng(0)), X[:B], y[:B]))
slope = grad(loss)
usual, private = lambda: slope(w, x, labels300), lambda: per_record(w, x, labels300)
times = [np.median(device.timed(f, runs=9)) for f in (usual, private)]
bytes_held = [device.peak_memory(f) for f in (usual, private)]
print(f"per-record gradients take {times[1] / times[0]:.1f} times as long")
print(f"and hold {bytes_held[1] / 1e6:.1f} MB instead of {bytes_held[0] / 1e6:.1f} MB")
print(f"(all gradients of the batch: {8 * B * len(w) / 1e6:.1f} MB)")

# %% [markdown]
# ## Auditing from below
#
# The budget is a claim about code.  An attack on the code can prove it wrong.  Play the
# training many times with a record and many times without, and let an attack tell the
# two apart.  From its counts the method of Clopper and Pearson gives a lower limit
# $\text{TPR}_{\text{low}}$ and an upper limit $\text{FPR}_{\text{high}}$, each wrong in
# 0.5 % of audits at most.  Turn the promise around:
#
# $$ \epsilon \ge \ln\,\frac{\text{TPR}_\text{low}-\delta}{\text{FPR}_\text{high}}. $$
#
# That is an **audit**, and its result a floor under the true $\epsilon$.  If it exceeds
# the claim, the code is wrong, but for one audit in a hundred.  A floor below the claim
# proves nothing.
#
# The promise holds for any neighbours and for one who sees every step.  So our auditor
# chooses a *canary*, a record with an extreme gradient: 5 in each of nine dimensions.
# All other gradients are 0.  The attack looks at each step's sum along the canary, and
# has three ways to make one number of them.  It chooses its way and its limit on one
# half of the runs, and is counted on the other.
#
# Two mistakes are planted in copies of the code.  One clips each *coordinate* to 1, as
# torch's `clip_grad_value_` does, but scales the noise to a length of 1.  The other
# takes the records in turn, each once in an epoch, while its accountant counts coins.


# %%
def each_coordinate(G):
    return np.clip(G, -1, 1)


def in_turn(shape, q, rng):
    step, record = np.indices(shape)
    return (step - record) % round(1 / q) == 0


CODES = {
    "as above": (to_ball, by_coin),
    "clips coordinates": (each_coordinate, by_coin),
    "takes turns": (to_ball, in_turn),
}
WAYS = {
    "the sum": lambda S, turn: S.sum(0),
    "the largest": lambda S, turn: S.max(0),
    "its own turn": lambda S, turn: (S * turn).sum(0),
}


# %%
def floor(out, ins, limit, wrong=0.005, delta=1e-5):
    """Return the floor under epsilon of the attack "in where above the limit"."""
    false, true = (out > limit).sum(), (ins > limit).sum()
    high = beta.ppf(1 - wrong, false + 1, len(out) - false)
    low = beta.ppf(wrong, true, len(ins) - true + 1) if true else 0.0
    return max(np.log(max(low - delta, 1e-9) / high), 0.0)


def audit(clip, batches, q, sigma, steps, rng, runs=2000):
    """Return the floor; the attack is chosen on half of the runs."""
    canary, turn = np.full(9, 5.0), in_turn((steps, runs), q, rng)
    joined = batches((steps, runs), q, rng)[..., None, None]
    G = (0 * joined * canary, joined * canary)  # a run is a column
    S = [noisy_sum(g, sigma, rng, clip) @ canary / 15 for g in G]
    best, half = (-1.0, None, None), runs // 2
    for name, way in WAYS.items():
        out, ins = (way(s[:, :half], turn[:, :half]) for s in S)
        tries = [(floor(out, ins, t), name, t) for t in np.quantile(out, LEVELS)]
        best = max(best, *tries)
    _, name, limit = best
    return floor(*(WAYS[name](s[:, half:], turn[:, half:]) for s in S), limit), name


# %%
rng, LEVELS = np.random.default_rng(13), np.linspace(0.5, 1, 60)
claim = epsilon(400 * step_rho(0.01, 1.0), 1e-5)
print(f"claimed: {claim:.2f}, for q = 0.01, σ = 1, 400 steps and δ = 1e-5")
print("code                  floor   by            verdict      loss attack right on")
for code, (clip, batches) in CODES.items():
    found, way = audit(clip, batches, 0.01, 1.0, 400, rng)
    verdict = "wrong" if found > claim else "no finding"
    rows = [split(200, seed)[0] for seed in range(9)]
    models = [dp_sgd(r, Q, 2.0, STEPS, k, clip, batches) for k, r in enumerate(rows)]
    share, half = interval(attack(losses(models, 200)))
    row = f"{code:18} {found:8.2f}   {way:13} {verdict:10}"
    print(f"{row} {share:12.1%} ± {half:.1%}")

# %% [markdown]
# The code as above passes, and both mistakes are found.  The last column is the loss
# attack on models that each code trained: it is right no more often where the code is
# wrong.  *That an attack fails is no proof of privacy; that an audit
# succeeds is one of a mistake.*
#
# ## A few liars in the sum
#
# The clip bounds what one record can do to a sum.  In a fleet whole machines send
# gradients, and some may lie; chapter 7 called that a Byzantine failure.  Let $n$
# reports come, $f$ of them from liars who know all the others.  The mean is at the
# mercy of one.  Three rules resist:
#
# - the *median* of each coordinate;
# - the *trimmed mean*, without the $t$ largest and $t$ smallest values of each;
# - **Krum**, the one report with the least sum of squared distances to its $n-f-2$
#   nearest others (Blanchard and others, NeurIPS 2017).
#
# Sort one coordinate's values.  At most $f$ lie below all honest values.  So for
# $f \le t$ the $(t+1)$-th value is not below the smallest honest one, and likewise from
# above:
#
# $$ \min_\text{honest} v \;\le\; v_{(t+1)} \le \dots \le v_{(n-t)}
#    \;\le\; \max_\text{honest} v \qquad (f \le t < n/2). $$
#
# For $f>t$ a lie is among the values that are kept, and has no bound.  So the trimmed
# mean's *breakdown point*, the share of liars that it does not survive, is $(t+1)/n$.
# The median is the case of the largest $t$.  Krum's authors need $n > 2f+2$.
#
# We play 20 reports of 100 normal numbers around 0, with lies far out, at 100 in
# each coordinate.  The rules are set for four liars, $t=f=4$.


# %%
def trimmed(V, t=4):
    return np.sort(V, axis=0)[t : len(V) - t].mean(0)


def krum(V, f=4):
    far = ((V[:, None] - V) ** 2).sum(-1)
    near = np.sort(far, axis=1)[:, 1 : len(V) - f - 1]
    return V[near.sum(1).argmin()]


RULES = {
    "mean": lambda V: V.mean(0),
    "trimmed mean": trimmed,
    "median": lambda V: np.median(V, axis=0),
    "Krum": krum,
}


# %%
def far_out(honest, liars):
    return np.full((liars, honest.shape[1]), 100.0)


def inside(honest, liars):
    """One standard deviation below the honest mean, all the same."""
    return np.tile(honest.mean(0) - honest.std(0), (liars, 1))


def error(rule, lie, liars, rng):
    """Return how far a rule is from the truth, 0, per coordinate."""
    honest = rng.normal(size=(20 - liars, 100))
    return np.sqrt(np.mean(rule(np.vstack([lie(honest, liars), honest])) ** 2))


# %%
#| label: fig-breakdown
#| fig-cap: "Error of each rule with liars far out.  Without lies a value's σ is 1."
#| fig-alt: "The mean rises at one liar, the trimmed mean at five, the others at ten."
# @title Where each rule breaks
rng, counts = np.random.default_rng(13), range(13)
_, ax = plt.subplots()
for (name, rule), mark in zip(RULES.items(), "o^sD", strict=True):
    mean = [np.mean([error(rule, far_out, f, rng) for _ in range(10)]) for f in counts]
    ax.semilogy(counts, mean, marker=mark, ms=4, label=name)
    broken = next(f for f in counts if mean[f] > 2)
    print(f"{name:13} is off by more than 2 from {broken} liars of 20 on")
ax.set(xlabel="liars among 20", ylabel="error per coordinate", ylim=(0.02, 300))
ax.legend(loc="lower center", ncols=2)
plt.show()

# %% [markdown]
# The mean breaks at one liar and the trimmed mean at five, one more than it trims.  The
# median breaks when half lie, and Krum here with one liar more.
#
# So the liars had better not go far out.  In the second test four of them agree on a
# lie *inside* the honest spread.

# %%
rng = np.random.default_rng(13)
errors = {name: [] for name in RULES}
for _ in range(100):
    seed = rng.integers(2**32)
    for name, rule in RULES.items():
        both = [np.random.default_rng(seed) for _ in range(2)]
        lies = error(rule, inside, 4, both[0]), error(rule, inside, 0, both[1])
        errors[name].append(lies)
print("rule           no liars        four liars inside   of the mean's, paired")
for name, pairs in errors.items():
    (four, wide), (none, half) = (interval(e) for e in np.transpose(pairs))
    times, width = interval(np.divide(pairs, errors["mean"])[:, 0])
    row = f"{name:13} {none:5.2f} ± {half:.2f} {four:13.2f} ± {wide:.2f}"
    print(f"{row} {times:14.2f} ± {width:.2f}")
print(f"Krum's error is {times:.1f} times the mean's.  You guessed {guess_krum:g}.")

# %% [markdown]
# Here each rule made against liars does worse than the plain mean, and Krum by far the
# worst.  The four equal lies are close to each other, so Krum keeps the lie itself,
# where the mean takes a fifth of it.  Even without liars Krum throws away 19 reports.
#
# What does that do to a model?  Twenty machines with 60 digits each train a softmax
# regression in 40 steps.  Four far liars send the honest mean times −10.


# %%
pixels, ONE = np.c_[digits / 16, np.ones(len(digits))], np.eye(10)


def opposite(honest, liars):
    return np.tile(-10 * honest.mean(0), (liars, 1))


def trained(rule, lie, liars, seed):
    order = np.random.default_rng(seed).permutation(len(pixels))
    mine, test = order[:1200].reshape(20, 60), order[1200:]
    x, W = pixels[mine], np.zeros((65, 10))
    for _ in range(40):
        p = np.exp(x @ W - logsumexp(x @ W, axis=-1, keepdims=True))
        V = (np.swapaxes(x, 1, 2) @ (p - ONE[labels[mine]]) / 60).reshape(20, -1)
        V = np.vstack([lie(V[liars:], liars), V[liars:]])
        W = W - 2 * rule(V).reshape(W.shape)
    return ((pixels[test] @ W).argmax(1) == labels[test]).mean()


# %%
LIES = {"no liars": (opposite, 0), "four far": (opposite, 4), "inside": (inside, 4)}
print("new digits right" + "".join(f"{name:>13}" for name in LIES) + "   (5 runs)")
for name, rule in RULES.items():
    row = f"{name:16}"
    for lie in LIES.values():
        mean, half = interval([trained(rule, *lie, seed) for seed in range(5)])
        row += f" {mean:7.0%} ± {half:.1%}"
    print(row)

# %% [markdown]
# Four far lies ruin the mean's model and hardly touch the others.  The inside lies cost
# no rule anything that five runs resolve: these machines' data are alike, so their
# spread is small.  The trimmed mean resists up to $t$ liars, and costs little without
# them.  A rule for the head: *trim as many as you fear on each side; never keep one of
# $n$ if you can average.*
#
# ### Back to the insurer
#
# How much does an answer tell?  With 200 members and no protection, the insurer is
# right on 60 % of the records instead of 50.  Hiding all members with $\epsilon=1.1$
# holds *any* attacker to 75 %.  It costs this small model 73 points of accuracy, and
# one of 1,200 members twelve.  And the budget is worth no more than its code: let an
# audit try it.
#
# > **Takeaways.**
# >
# > - Valid queries leak: one loss told members from outsiders in 60 % of the cases.
# > - A budget bounds any attack: at $\epsilon=1$ it is right on 73 % at most.
# > - The noise for a mean of bounded values falls as $1/n$; and at one budget, training
# >   with 1,200 records lost about a fifth of the accuracy that 200 lost.
# > - Independent budgets add far more slowly than $k$; here 100 cost 17 times one.
# > - A weak attack that fails is no evidence; an audit from below found both mistakes.
# > - A trimmed mean bears the liars it trims.  Equal lies inside the spread moved each
# >   robust rule here further than the mean.
#
# <details><summary>Sources</summary>
#
# Differential privacy: Dwork and others, TCC 2006.  The sum by moments: Abadi and
# others, arXiv 1607.00133; its general form: Mironov, arXiv 1702.07476 and 1908.10530.
# Losses as an attack: Yeom and others, arXiv 1709.01604; better ones: arXiv 2112.03570.
# Audits: arXiv 2006.07709.  Trimmed means: arXiv 1803.01498.  Lies inside the spread:
# arXiv 1902.06156.  The salaries, the CIFAR-10 run and problem 4's numbers are the
# book's or those of its open calculations (mlsysim 0.3.0).
#
# </details>
#
# ## Try it
#
# 1. *Model extraction* copies a model by asking it.  You keep the weights secret and
#    sell labels, 20 at once and then 100 a day to each customer.  One of them has
#    digits without labels.  How well does a copy agree, and after how many days?
#
#    <details><summary>Answer</summary>
#
#    On more than nine digits in ten after two days.  Secret weights do not prevent it,
#    and a limit on the rate sets its price in days.
#
#    ```python
#    order = torch.tensor(np.random.default_rng(0).permutation(len(y)))
#    asked, test = order[200:-397], order[-397:]
#    said, slope = logits(plain[0], X).argmax(1), grad(loss)
#    for n in (50, 200, 800):
#        w, rows = start(np.random.default_rng(99)), asked[:n]
#        for _ in range(150):
#            w = w - 1.5 * slope(w, X[rows], said[rows])
#        same = (logits(w, X[test]).argmax(1) == said[test]).double().mean()
#        print(f"{n} queries, {(n - 20) / 100:.1f} days: agrees on {same:.0%}")
#    ```
#
#    ```text
#    50 queries, 0.3 days: agrees on 83%
#    200 queries, 1.8 days: agrees on 94%
#    800 queries, 7.8 days: agrees on 98%
#    ```
#
#    </details>
#
# 2. A run on CIFAR-10's 50,000 images takes batches of 4,000 for 60 epochs, with
#    $\sigma=1.3$ and $C=1$.  It hopes for $\epsilon=3$ at $\delta=10^{-5}$.  Which of
#    these numbers does the accountant need?  Does the run keep its budget?
#
#    <details><summary>Answer</summary>
#
#    It needs $q=0.08$, $\sigma$, 750 steps and $\delta$, not $C$.  The run spends more
#    than twice what it hopes.
#
#    ```python
#    for sigma in (1.3, 2.0, 3.0):
#        spent = epsilon(750 * step_rho(0.08, sigma), 1e-5)
#        print(f"sigma {sigma}: epsilon {spent:.1f}")
#    ```
#
#    ```text
#    sigma 1.3: epsilon 12.0
#    sigma 2.0: epsilon 6.5
#    sigma 3.0: epsilon 4.0
#    ```
#
#    </details>
#
# 3. Which layer of defence was missing?  Stuxnet (2010) came to centrifuges on USB
#    sticks, signed with stolen keys (Symantec's dossier, 2011).  A Jeep (2015) was
#    steered through an open port of its radio (Miller and Valasek, 2015).  Mirai (2016)
#    took 600,000 cameras and the like by their factory passwords (USENIX Security
#    2017).  And what do three layers stop, each of which passes one attack in ten?
#
#    <details><summary>Answer</summary>
#
#    | case | missing | for a fleet |
#    |---|---|---|
#    | Stuxnet | a watch on what runs | guard the signing keys |
#    | Jeep | a wall between radio and brakes | least privilege |
#    | Mirai | a password of one's own | no default secrets |
#
#    Independent layers multiply.  A key that opens all three undoes that.
#
#    ```python
#    independent = 0.1**3
#    shared = 0.02 + 0.98 * independent
#    print(f"of 1,000 attacks {1000 * independent:.0f} passes three layers")
#    print(f"with one key for all, stolen in 2 %: {1000 * shared:.0f}")
#    ```
#
#    ```text
#    of 1,000 attacks 1 passes three layers
#    with one key for all, stolen in 2 %: 21
#    ```
#
#    </details>
#
# 4. What does trust in hardware or mathematics cost?  ResNet-50 has 25.6 million
#    weights, an enclave 128 MiB, and an answer takes 20 ms.  Encryption on the way adds
#    0.5 ms; computing on encrypted data takes 10,000 times as long.  Krum gathers the
#    gradients of 64 replicas in one place, where a ring moves $2\cdot63/64$ of one.
#
#    <details><summary>Answer</summary>
#
#    Encryption on the way is cheap, an enclave is small, and computing on encrypted
#    data is far too slow for a query.
#
#    ```python
#    for name, size in (("FP32", 4), ("INT8", 1)):
#        print(f"{name}: {25.557e6 * size / (128 * 2**20):.0%} of the enclave")
#    print(f"20 ms become {20 + 0.5} ms, or {20e-3 * 1e4:.0f} s")
#    print(f"Krum's gathering: {63 / (2 * 63 / 64):.0f} times a ring's bytes")
#    ```
#
#    ```text
#    FP32: 76% of the enclave
#    INT8: 19% of the enclave
#    20 ms become 20.5 ms, or 200 s
#    Krum's gathering: 32 times a ring's bytes
#    ```
#
#    </details>
#
# > **Chapter connection.** Here somebody meant harm.  Chapter 14 asks what else makes a
# > model wrong: a world that moves, a push on its input, a flipped bit.
