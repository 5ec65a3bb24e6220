# %% [markdown]
# # Lab 13 · Security and privacy
#
# **Time** 120 minutes. **Points** 40. **Runtime** any CPU; no GPU.
# **Hand in** this notebook as `13_security_privacy.ipynb`
# (Colab: File, Download, Download .ipynb).
# **Libraries** the grader has what Colab has: numpy, scipy, pandas, networkx,
# scikit-learn, torch, matplotlib.
#
# You will
#
# 1. publish a mean with Laplace noise, and find the least normal noise for a budget;
# 2. audit programs from below, with a stated chance of a false finding;
# 3. account for the budget of private training, as published and more tightly;
# 4. write private training itself, whose clipping, coins and noise are tested;
# 5. attack by a threshold on the loss, and turn an attack into a floor under epsilon;
# 6. add up reports so that liars among them do little;
# 7. limit the rate of answers, and price a copy of the model in days.
#
# A question asks for functions or a class.  Fill their bodies; leave names and
# arguments.  The cells between are locked.  Visible checks tell you what they expect;
# more checks run when the lab is graded.  You may use all of `mlsyscore`.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import scipy.stats  # beta, norm, laplace: for you, and for the checks
import torch
import torch._dynamo  # what vmap would import at its first call

from mlsyscore import privacy
from mlsyscore.checks import close, number
from mlsyscore.harness.answers import fields, must_raise, numbers
from mlsyscore.harness.gradients import (
    WEIGHTS,
    fitted,
    loss,
    losses,
    must_clip,
    must_step,
    must_toss,
    noise_of,
    records,
    right,
)
from mlsyscore.harness.liars import together_trained
from mlsyscore.harness.releases import Mechanism, floor_found, follows

plt.style.use("mlsyscore.figures")
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Noise (5 points, 15 minutes)
#
# **A mean.** Values are first cut to the range from `low` to `high`: what is outside
# becomes the nearer end.  Publish their mean with Laplace noise.  Neighbours have the
# same number of values, one of which is changed.  Draw `runs` results of independent
# noise, all from `rng`.
#
# **Normal noise.** A sigma gives $(\epsilon,\delta)$ if `privacy.gaussian_delta` is at
# most $\delta$.  Find the least such sigma, at most 0.1 % above it and never below.


# %% answer="mechanisms"
def private_means(values, low, high, eps, runs, rng):
    """Return so many results for one set of values.

    values: list of numbers; raises ValueError for an empty one
    low, high: the range, low < high; eps: the budget; rng: a numpy Generator
    """
    ### BEGIN SOLUTION
    if len(values) == 0:
        raise ValueError("no values have no mean")
    mean = np.clip(np.array(values, float), low, high).mean()
    return mean + rng.laplace(0.0, (high - low) / len(values) / eps, runs)
    ### END SOLUTION


def least_sigma(Delta, eps, delta):
    """Return the least sigma of normal noise.

    Delta: sensitivity, above 0; eps: from 0.05 to 20; delta: from 1e-10 to 0.1
    """
    ### BEGIN SOLUTION
    small, large = 1e-3 * Delta, 1e4 * Delta
    while large / small > 1.0002:
        middle = math.sqrt(small * large)
        if privacy.gaussian_delta(Delta, eps, middle) > delta:
            small = middle
        else:
            large = middle
    return large
    ### END SOLUTION


# %% check="mechanisms-mean" points=3 hidden="other values, ranges and budgets"
# Four salaries of which two are outside of the range from 0 to 100: the mean is 47.5.
pay = [-30.0, 20.0, 70.0, 5000.0]
slips = {0.25: "a budget of 0.25 asks for more noise, not less", 4: "divide by n"}
slips |= {2: "a changed value moves by the range, once", 0.5: "by the whole range"}
law = scipy.stats.laplace(47.5, 100.0)
for seed in (1, 2):
    rng = np.random.default_rng(seed)
    got = private_means(pay, 0.0, 100.0, 0.25, 20_000, rng)
    follows("four salaries, eps 0.25", got, 20_000, law.cdf, slips, 100.0)
one, two, three = (
    numbers("results", private_means(pay, 0, 100, 1, 5, np.random.default_rng(s)), 5)
    for s in (3, 3, 4)
)
assert one == two, "the same generator is to give the same results"
assert one != three, "results are drawn from rng, and another one gives others"
must_raise("no values", ValueError, private_means, [], 0, 1, 1.0, 3, rng)
### BEGIN HIDDEN TESTS
draw = np.random.default_rng(17)
for n, low, high, eps in ((1, -3, 5, 2.0), (7, 1e3, 1e5, 0.1), (501, -9, -8, 8.0)):
    values = draw.uniform(low - 1, high + 1, n)
    scale = (high - low) / (n * eps)
    law = scipy.stats.laplace(float(np.clip(values, low, high).mean()), scale)
    got = private_means(values.tolist(), low, high, eps, 20_000, draw)
    follows("other values, ranges and budgets", got, 20_000, law.cdf, {}, scale)
### END HIDDEN TESTS

# %% check="mechanisms-sigma" points=2 hidden="other budgets"
# By Balle and Wang (ICML 2018): 3.7306 for eps 1 and delta 1e-5.
cases = [(1.0, 1.0, 1e-5, 3.7306), (2.0, 1.0, 1e-5, 7.4612), (1.0, 0.1, 1e-5, 30.751)]
slips = {1.2986: "is that the formula of Dwork and Roth?  A smaller sigma will do"}
for Delta, eps, delta, want in cases:
    got = least_sigma(Delta, eps, delta)
    close(f"eps {eps}, delta {delta}", got, want, "", slips, rel=1.5e-3)
### BEGIN HIDDEN TESTS
for Delta, eps, delta in (
    (3, 0.05, 0.01),
    (0.2, 20, 1e-10),
    (40, 4, 1e-6),
    (1, 9, 0.1),
):
    got = number("sigma", least_sigma(Delta, eps, delta))
    assert got > 0, "other budgets: sigma is above 0"
    enough = privacy.gaussian_delta(Delta, eps, got * (1 + 1e-6)) <= delta
    assert enough, "other budgets: this sigma is too small"
    less = privacy.gaussian_delta(Delta, eps, got / 1.0012) > delta
    assert less, "other budgets: a smaller sigma will do"
### END HIDDEN TESTS

# %% [markdown]
# ## 2. An audit (7 points, 20 minutes)
#
# An attack says "in" in `false` of `outside` runs without a record, and in `true` of
# `inside` runs with it.  From such counts follow the limits of Clopper and Pearson: an
# upper one for the rate without the record, a lower one for the rate with it, each
# wrong with probability `error / 2` at most.  A floor under epsilon is
# $\ln((\text{low}-\delta)/\text{high})$, or 0 where that is below 0 or no number.
#
# **The audit.** A mechanism publishes a number in each run:
# `mechanism.draw(True, n)` gives an array of `n` results with the record,
# `mechanism.draw(False, n)` without it, `runs` on each side in all.  The record may
# move the numbers up or down.  Find the attack yourself, "in" above a limit or below
# one.  Your floor may exceed the true epsilon with a probability of `error` at most, so
# do not count the attack on the same runs that you chose it on.  With 20,000 runs and
# an error of 1e-8 the floor is to reach half of the true epsilon, less 0.15.


# %% answer="audit"
def floor_of(false, outside, true, inside, delta, error):
    """Return the floor under epsilon from counts.

    false of outside runs, true of inside runs: whole numbers, outside and inside >= 1
    """
    ### BEGIN SOLUTION
    q = error / 2
    up = 1.0
    if false < outside:
        up = scipy.stats.beta.isf(q, false + 1, outside - false)
    down = scipy.stats.beta.ppf(q, true, inside - true + 1) if true > 0 else 0.0
    return max(0.0, math.log((down - delta) / up)) if down > delta else 0.0
    ### END SOLUTION


def audit(mechanism, runs, delta, error):
    """Return a floor under the epsilon of a mechanism, at delta."""
    ### BEGIN SOLUTION
    part = runs // 3
    tried = []
    out, ins = mechanism.draw(False, part), mechanism.draw(True, part)
    for sign in (1, -1):
        for limit in np.quantile(sign * out, np.linspace(0.3, 1, 15)):
            counts = int(np.sum(sign * out > limit)), int(np.sum(sign * ins > limit))
            rough = floor_of(counts[0], part, counts[1], part, delta, error)
            tried.append((rough, sign, limit))
    _, sign, limit = max(tried)
    rest = runs - part
    out, ins = mechanism.draw(False, rest), mechanism.draw(True, rest)
    false, true = int(np.sum(sign * out > limit)), int(np.sum(sign * ins > limit))
    return floor_of(false, rest, true, rest, delta, error)
    ### END SOLUTION


# %% check="audit-counts" points=2 hidden="other counts; none, and all"
# 30 of 1,000 and 300 of 1,000, at 5 %.
slips = {2.302585 / 1.854063: "that is the ratio of the counts; take its limits"}
slips |= {1.920229 / 1.854063: "each limit is wrong with probability error / 2"}
got = floor_of(30, 1000, 300, 1000, 0.0, 0.05)
close("30 and 300 of 1,000", got, 1.854063, "", slips, rel=1e-5)
got = floor_of(0, 500, 500, 500, 1e-5, 0.01)
close("none of 500 and all of 500", got, 4.541906, "", {}, rel=1e-5)
got = floor_of(300, 1000, 30, 1000, 0.0, 0.05)
assert number("fewer with the record", got) == 0, "a floor is not below 0"
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for case in range(30):
    n, m = (int(k) for k in rng.integers(1, 3000, 2))
    false, true = int(rng.integers(0, n // 2 + 1)), int(rng.integers(0, m + 1))
    if case % 5 == 0:
        false, true = 0, m
    if case % 7 == 0:
        false, true = n, 0
    error, delta = (
        float(rng.choice([1e-6, 0.01, 0.2])),
        float(rng.choice([0, 1e-3, 0.3])),
    )
    got = number("floor", floor_of(false, n, true, m, delta, error))
    low, high = 0.0, 1.0
    if true:
        low = scipy.stats.binomtest(true, m).proportion_ci(1 - error, "exact").low
    if false < n:
        high = scipy.stats.binomtest(false, n).proportion_ci(1 - error, "exact").high
    want = max(0.0, math.log((low - delta) / high)) if low > delta else 0.0
    assert abs(got - want) < 1e-6, "other counts: the floor differs"
### END HIDDEN TESTS

# %% check="audit-floor" points=3 hidden="other programs: claims that hold, and bugs"
# A claim of 1 that holds, with a record that moves the number up, and down.  Then
# noise for half of the sensitivity: the true epsilon is 2.
for label, shift, scale, least, most in (
    ("Laplace noise, epsilon 1, up", 1.0, 1.0, 0.7, 1.0),
    ("Laplace noise, epsilon 1, down", -1.0, 1.0, 0.7, 1.0),
    ("claims 1, noise for half the sensitivity", 1.0, 0.5, 1.4, 2.0),
):
    found = floor_found(label, audit, Mechanism("laplace", shift, scale, 5), 0.0, 1e-8)
    text = f"{label}: your floor is {found:.2f}; {least} to {most} is expected"
    assert least <= found <= most, text
### BEGIN HIDDEN TESTS
for case, (noise, shift, scale, delta) in enumerate(
    [
        ("laplace", -4.0, 2.0, 0.0),
        ("laplace", 0.3, 1.0, 0.0),
        ("laplace", 30.0, 60.0, 0.0),
        ("normal", 1.0, 1.0, 0.2),
        ("normal", -6.0, 3.0, 0.3),
        ("normal", 6.0, 3.0, 0.05),
        ("normal", 1.0, 4.0, 0.01),
    ]
):
    most = abs(shift) / scale
    if noise == "normal":
        tried = np.linspace(0, 8, 801)
        gaps = privacy.gaussian_delta(abs(shift), tried, scale)
        most = float(tried[np.argmax(gaps <= delta)])
    world = Mechanism(noise, shift, scale, 100 + case)
    found = floor_found("other programs", audit, world, delta, 1e-8)
    assert found <= most + 1e-9, "other programs: the floor is above the true epsilon"
    text = "other programs: the floor is too low to find bugs"
    assert found >= 0.5 * most - 0.15, text
for error in (1e-8, 0.1):  # 40 % and 60 % ones, as even as can be
    world = Mechanism("coin", 0.2, 1.0, 0, 2000)
    found = floor_found("other programs", audit, world, 0.0, error)
    high = scipy.stats.beta.isf(error / 2, 801, 1200)
    text = "other programs: no audit may claim so much of 2,000 runs at such an error"
    assert found <= math.log((1 - high) / high) + 0.03, text
### END HIDDEN TESTS

# %% check="audit-error" points=2
# 120 programs that ignore the record, 200 runs each, at an error of 40 %: a right audit
# finds something in more than 77 of them once in ten million times.
found = [
    floor_found("no record", audit, Mechanism("laplace", 0, 1, seed, 200), 0.0, 0.4)
    for seed in range(120)
]
wrong = sum(x > 0 for x in found)
text = f"{wrong} of 120 programs that ignore the record get a floor above 0; 77 at most"
assert wrong <= 77, text + ": is the attack counted on the runs that chose it?"

# %% [markdown]
# ## 3. The accountant (6 points, 15 minutes)
#
# A training has phases, each `(q, sigma, steps)`.  `privacy.subsampled_rdp` gives the
# divergence of one step at one order.  Divergences of all steps add up at each order.
# Then `privacy.rdp_epsilon` turns them into a budget, as TensorFlow Privacy and Opacus
# print it, or `privacy.rdp_epsilon_tight`, as dp-accounting does.  Take the least over
# the orders 1.1, 1.2, ..., 10.9 and 11, 12, ..., 63: finer ones change hardly anything.
# The tight one raises ValueError at an order where it would be below 0: leave that
# order out.  Without any step nothing is spent.
#
# `longest` is the largest number of further steps for which the whole stays within
# `eps`, by the first way.


# %% answer="accountant"
def spent(phases, delta, tight):
    """Return the epsilon that a list of phases spends at delta.

    tight: whether by rdp_epsilon_tight
    """
    ### BEGIN SOLUTION
    if not any(steps for _, _, steps in phases):
        return 0.0
    convert = privacy.rdp_epsilon_tight if tight else privacy.rdp_epsilon
    found = []
    for a in grid():
        total = sum(T * privacy.subsampled_rdp(a, q, s) for q, s, T in phases)
        try:
            found.append(convert(a, total, delta))
        except ValueError:
            continue
    return float(min(found))


def grid():
    """The orders."""
    return [k / 10 for k in range(11, 110)] + list(range(11, 64))
    ### END SOLUTION


def longest(phases, q, sigma, eps, delta):
    """Return how many steps of (q, sigma) may follow the phases.

    Raises ValueError if the phases alone spend more than eps.
    """
    ### BEGIN SOLUTION
    best = 0 if spent(phases, delta, False) <= eps else -1
    for a in grid():
        before = sum(T * privacy.subsampled_rdp(a, p, s) for p, s, T in phases)
        room = eps + math.log(delta) / (a - 1) - before
        best = max(best, math.floor(room / privacy.subsampled_rdp(a, q, sigma)))
    if best < 0:
        raise ValueError("the budget is spent")
    return best
    ### END SOLUTION


# %% check="accountant-published" points=2 hidden="other phases"
# MNIST's 60,000 images, from the READMEs of TF Privacy and Opacus, and Abadi's example.
n = 60_000
for who, q, sigma, steps, said in (
    ("TF Privacy", 256 / n, 1.3, 3516, 1.19),
    ("TF Privacy", 256 / n, 0.7, 10547, 7.10),
    ("Opacus", 240 / n, 1.1, 15000, 2.91),
    ("Abadi", 0.01, 4.0, 10000, 1.26),
):
    got = number(who, spent([(q, sigma, steps)], 1e-5, False))
    text = (
        f"{who}, sigma {sigma}, {steps:,} steps: you have {got:.3f}, {said} is printed"
    )
    assert abs(got - said) < 0.006, text + ".  Does each record join by a coin, q?"
### BEGIN HIDDEN TESTS
for phases, delta, want in (
    ([(256 / n, 1.1, 14063)], 1e-5, 3.0084),
    ([(240 / n, 1.3, 3750)], 1e-5, 1.1597),
    ([(250 / n, 0.7, 10800)], 1e-5, 7.0099),
    ([(0.01, 1.0, 0), (250 / n, 1.1, 14400), (0.5, 9.0, 0)], 1e-5, 2.9699),
):
    got = number("other phases", spent(phases, delta, False))
    assert abs(got / want - 1) < 4e-3, "other phases: the budget differs"
### END HIDDEN TESTS

# %% check="accountant-tight" points=2 hidden="other phases, by dp-accounting"
# The dp-accounting library 0.6 prints these.
got = number("Abadi, tight", spent([(0.01, 4.0, 10000)], 1e-5, True))
text = f"Abadi's example, tight: you have {got:.4f}; 1.0354 is expected"
assert abs(got / 1.03538 - 1) < 4e-3, text
two = [(0.01, 1.0, 1000), (0.02, 2.0, 500)]
got = number("two phases", spent(two, 1e-6, True))
text = f"two phases, tight: you have {got:.4f}; 2.6693 is expected"
assert abs(got / 2.66931 - 1) < 4e-3, text + ".  Divergences add up at each order."
assert number("nothing", spent([], 1e-5, True)) == 0, "without a step nothing is spent"
### BEGIN HIDDEN TESTS
for phases, delta, want in (
    ([(1.0, 20.0, 30), (0.004, 0.7, 3000)], 1e-5, 3.84171),
    ([(0.25, 2.0, 60)], 1e-4, 4.68123),
    ([(256 / 60_000, 1.3, 3516)], 1e-5, 0.95449),
):
    got = number("other phases", spent(phases, delta, True))
    assert abs(got / want - 1) < 4e-3, "other phases: the tight budget differs"
assert number("eps", spent([(0.001, 300.0, 1)], 0.05, True)) >= 0, "below 0"
### END HIDDEN TESTS

# %% check="accountant-longest" points=2 hidden="other budgets and phases"
# q = 0.01, sigma = 1: 1,553 steps keep to 3 at 1e-5; 1,276 after a first phase.
first = [(0.02, 2.0, 500)]
for label, phases, q, sigma, eps, want in (
    ("nothing before", [], 0.01, 1.0, 3.0, 1553),
    ("500 steps before", first, 0.01, 1.0, 3.0, 1276),
    ("each record in each step", [], 1.0, 5.0, 2.0, 4),
):
    got = number(label, longest(phases, q, sigma, eps, 1e-5))
    text = f"{label}: you have {got:g} steps; {want} are expected"
    assert abs(got - want) <= 0.002 * want, text
must_raise("a budget of 1 is spent", ValueError, longest, first, 0.01, 1.0, 1.0, 1e-5)
### BEGIN HIDDEN TESTS
sixty = [(0.25, 2.0, 60)]
for phases, q, sigma, eps, delta, want in (
    (sixty, 0.1, 3.0, 6.0, 1e-4, 237),
    (sixty, 0.25, 2.0, 5.5, 1e-4, 2),
    (sixty, 0.25, 2.0, 5.39, 1e-4, 0),
):
    got = number("steps", longest(phases, q, sigma, eps, delta))
    assert got == int(got), "other budgets: steps are whole"
    assert abs(got - want) <= 0.002 * want, "other budgets: the number of steps differs"
must_raise("a budget that is spent", ValueError, longest, sixty, 0.1, 3.0, 5.3, 1e-4)
### END HIDDEN TESTS

# %% explore
# @title Guess first: twice the sigma, how many times the steps for a budget of 3?
sigmas = np.array([0.7, 1.0, 1.5, 2.0, 3.0])
steps = [longest([], 0.05, float(x), 3.0, 1e-5) for x in sigmas]
_, ax = plt.subplots(figsize=(6, 3))
ax.loglog(sigmas, steps, "o-", label="steps")
ax.loglog(sigmas, steps[1] * sigmas**2, "C1--", label="in proportion to sigma squared")
ax.set(xlabel="sigma", ylabel="steps within epsilon 3")
ax.legend()
plt.show()

# %% [markdown]
# ## 4. Private training (7 points, 25 minutes)
#
# The model has `WEIGHTS` = 650 weights, in one vector `w`.  `loss(w, x, label)` is a
# record's loss, for tensors: 64 pixels and a digit.  `torch.func` can map its gradient
# over records.
#
# **The sum.** `clipped_sum` adds up the gradients of all records it gets.  Each one
# that is longer than `C` is first shortened to the length `C`; a shorter one stays as
# it is.  Of no records the sum is 0.
#
# **The training.** It starts from weights of 0.  In each step each of the $N$ records
# joins by its own coin, with probability $q$.  With $S$ the clipped sum of those who
# joined and $\xi$ normal noise of standard deviation $\sigma C$, fresh in each step and
# each of the 650 coordinates,
#
# $$ w \leftarrow w - \frac{\text{rate}}{q N}\,(S + \xi). $$
#
# A step that nobody joins adds its noise as well.  All that is random comes from
# `seed`: the same seed gives the same weights, another one others.


# %% answer="dp-sgd"
def clipped_sum(w, X, y, C):
    """Return the sum of the shortened gradients: a tensor, an array or a list of 650.

    w: tensor of 650 weights; X: tensor, a row for each record; y: their digits
    """
    ### BEGIN SOLUTION
    if len(y) == 0:
        return torch.zeros(WEIGHTS, dtype=torch.float64)
    rows = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))(w, X, y)
    lengths = torch.linalg.vector_norm(rows, dim=1)
    return torch.clamp(C / lengths, max=1.0) @ rows
    ### END SOLUTION


def train(X, y, plan, seed):
    """Return the weights after a private training.

    plan: dict with "q", "sigma", "C", "steps" and "rate"
    """
    ### BEGIN SOLUTION
    rng, N = np.random.default_rng(seed), len(y)
    q, sigma, C = plan["q"], plan["sigma"], plan["C"]
    w = torch.zeros(WEIGHTS, dtype=torch.float64)
    for _ in range(plan["steps"]):
        joined = torch.tensor(rng.random(N) < q)
        noise = torch.tensor(rng.normal(0.0, sigma * C, WEIGHTS))
        S = clipped_sum(w, X[joined], y[joined], C)
        w = w - plan["rate"] / (q * N) * (S + noise)
    return w
    ### END SOLUTION


# %% check="dp-sgd-clip" points=2 hidden="other records and limits"
# Five records, with limits below all lengths, among them, and above all.
for C in (0.1, 3.6, 100.0):
    must_clip(f"five records, C = {C}", clipped_sum, 5, C, 1)
### BEGIN HIDDEN TESTS
for n, C, seed in ((1, 2.0, 3), (40, 3.5, 4), (200, 0.01, 5), (3, 1e4, 6), (0, 1.0, 7)):
    must_clip("other records", clipped_sum, n, C, seed)
### END HIDDEN TESTS

# %% check="dp-sgd-coins" points=2 hidden="other chances, and more steps"
# Steps that all join, without noise, are those of plain descent.  Then eight records
# whose gradients tell who joined: 6 steps at q = 0.3, with 40 seeds.
plan = {"q": 0.3, "sigma": 1.0, "C": 0.5, "steps": 4, "rate": 0.7}
must_step("all join, no noise", train, plan)
must_toss("q = 0.3", train, plan | {"steps": 6})
### BEGIN HIDDEN TESTS
must_step("other plans", train, plan | {"C": 30.0, "steps": 7, "rate": 0.05})
must_toss("other chances", train, plan | {"q": 0.75, "steps": 1})
### END HIDDEN TESTS

# %% check="dp-sgd-noise" points=2 hidden="other noise, more steps, empty batches"
# The noise of one step for 20 seeds, in units of sigma C: standard normal numbers.
plan = {"sigma": 3.0, "steps": 1}
slips = {1 / 3: "sigma, and C as well", 3: "sigma once"}
got = noise_of("one step", train, 10, plan, 20)
mean = math.sqrt(2 / math.pi)
follows("one step", got, 13_000, scipy.stats.norm.cdf, slips, mean)
again = [
    numbers("w", train(*records(5, 1), plan | {"q": 0.5, "C": 1.0, "rate": 1.0}, 7))
    for _ in range(2)
]
assert again[0] == again[1], "the same seed is to give the same weights"
### BEGIN HIDDEN TESTS
got = noise_of("more steps", train, 3, {"sigma": 0.5, "steps": 4}, 20)
follows("more steps", got / 2, 13_000, scipy.stats.norm.cdf)
plan = {"q": 1e-6, "sigma": 2.0, "C": 3.0, "steps": 4, "rate": 1e-6}
got = np.concatenate([numbers("w", train(*records(2, 1), plan, s)) for s in range(20)])
follows("empty batches", got / 6, 13_000, scipy.stats.norm.cdf)
### END HIDDEN TESTS

# %% check="dp-sgd-digits" points=1 hidden="another seed"
# 1,200 digits, epsilon 5.4 at delta 1e-4: at least 80 % of 500 new digits are right.
X, y = records(1200, 2)
plan = {"q": 0.25, "sigma": 2.0, "C": 1.0, "steps": 60, "rate": 1.0}
share = right(train(X, y, plan, 1), *records(500, 2, 1200))
assert share >= 0.8, f"{share:.1%} of new digits are right; 80 % are expected"
### BEGIN HIDDEN TESTS
share = right(train(*records(1200, 3), plan, 2), *records(500, 3, 1200))
assert share >= 0.8, "another seed: fewer than 80 % of new digits are right"
### END HIDDEN TESTS

# %% [markdown]
# ## 5. An attack by the loss (5 points, 15 minutes)
#
# An attacker calls a record "in" if its loss is *at most* a limit.  They learn the
# limit on a model of their own: the one with the largest TPR less FPR, where TPR is the
# share of members that are called in, and FPR that of outsiders.  There may be more of
# one kind than of the other.
#
# What does an attack say about epsilon?  A model with a budget $(\epsilon,\delta)$ has
# $\text{TPR}\le e^\epsilon\,\text{FPR}+\delta$ and $1-\text{FPR}\le
# e^\epsilon\,(1-\text{TPR})+\delta$.  `implied` is the least $\epsilon\ge 0$ for which
# both hold, and infinite if there is none.  (It takes the rates as exact; an audit
# takes their limits.)


# %% answer="attack"
def learned(members, outsiders):
    """Return the limit; where several are equally good, any of them.

    members, outsiders: lists of losses, one or more in each
    """
    ### BEGIN SOLUTION
    members, outsiders = np.sort(members), np.sort(outsiders)
    limits = np.concatenate([members, outsiders])
    tpr = np.searchsorted(members, limits, side="right") / len(members)
    fpr = np.searchsorted(outsiders, limits, side="right") / len(outsiders)
    return float(limits[np.argmax(tpr - fpr)])
    ### END SOLUTION


def attacked(limit, members, outsiders):
    """Return a dict: "tpr", "fpr", and "right", the share right with even odds."""
    ### BEGIN SOLUTION
    tpr, fpr = (float(np.mean(np.array(x) <= limit)) for x in (members, outsiders))
    return {"tpr": tpr, "fpr": fpr, "right": (tpr + 1 - fpr) / 2}
    ### END SOLUTION


def implied(tpr, fpr, delta):
    """Return the least epsilon that two rates allow."""
    ### BEGIN SOLUTION
    least = 0.0
    for more, less in ((tpr, fpr), (1 - fpr, 1 - tpr)):
        if more - delta > 0:
            least = max(least, math.log((more - delta) / less) if less else math.inf)
    return least
    ### END SOLUTION


# %% check="attack-limit" points=3 hidden="other losses: few, many, ties"
# Four members and three outsiders: a limit from 0.2 on, and below 0.3, calls three
# members and no outsider.
members, outsiders = [0.2, 0.05, 0.1, 0.9], [0.3, 0.4, 0.5]
limit = number("limit", learned(members, outsiders))
assert 0.2 <= limit < 0.3, f"your limit is {limit}; 0.2 or a bit more is expected"
got = fields("attacked", attacked(0.3, members, outsiders), ("tpr", "fpr", "right"))
close("limit 0.3: TPR", got["tpr"], 0.75)
close("limit 0.3: FPR", got["fpr"], 1 / 3, "", {0: "at most: a loss of 0.3 is in"})
close("limit 0.3: right with even odds", got["right"], (0.75 + 2 / 3) / 2)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for case in range(20):
    n, m = (int(k) for k in rng.integers(1, 300, 2))
    members = (rng.exponential(0.2, n) - 3 * (case % 3)).round(case % 4).tolist()
    outsiders = (rng.exponential(1.0, m) - 3 * (case % 3)).round(case % 4).tolist()
    limit = number("limit", learned(members, outsiders))
    tries = {*members, *outsiders, limit}
    gain = {
        t: sum(x <= t for x in members) / n - sum(x <= t for x in outsiders) / m
        for t in tries
    }
    assert gain[limit] >= max(gain.values()) - 1e-12, "other losses: not the best limit"
    t = float(rng.choice(members + outsiders))
    got = fields("rates", attacked(t, members, outsiders), ("tpr", "fpr", "right"))
    tpr, fpr = (sum(v <= t for v in x) / len(x) for x in (members, outsiders))
    for key, want in (("tpr", tpr), ("fpr", fpr), ("right", (tpr + 1 - fpr) / 2)):
        assert abs(number(key, got[key]) - want) < 1e-9, "other losses: rates differ"
### END HIDDEN TESTS

# %% check="attack-implied" points=2 hidden="other rates"
slips = {0: "the bound holds for 'out' as well"}
close("0.5 and 0.1", implied(0.5, 0.1, 0.0), math.log(5))
close("0.99 and 0.8", implied(0.99, 0.8, 0.0), math.log(20), "", slips)
close("0.5 and 0.1, delta 0.2", implied(0.5, 0.1, 0.2), math.log(3))
close("a coin", implied(0.3, 0.3, 0.0), 0.0)
assert implied(0.1, 0.0, 0.01) == math.inf, "no epsilon allows 10 % without any false"
close("0.1 and 0, delta 0.2", implied(0.1, 0.0, 0.2), 0.0)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(18)
for _ in range(60):
    tpr, fpr, delta = (float(x) for x in rng.choice([0, 0.01, 0.2, 0.5, 0.9, 1], 3))
    got = implied(tpr, fpr, delta)
    if got == math.inf:
        none = (tpr > delta and fpr == 0) or (1 - fpr > delta and tpr == 1)
        assert none, "other rates: a finite epsilon allows them"
        continue
    e = number("epsilon", got)
    assert e >= 0, "other rates: epsilon is not below 0"
    slack = min(
        math.exp(e) * fpr + delta - tpr, math.exp(e) * (1 - tpr) + delta - 1 + fpr
    )
    assert slack > -1e-9, "other rates: this epsilon does not allow them"
    assert e == 0 or slack < 1e-9, "other rates: a smaller epsilon allows them"
### END HIDDEN TESTS

# %% explore
# @title Guess first: how often is the attack right, before and after your training?
X, y = records(100, 4)
others = records(100, 4, 100)
plan = {"q": 0.5, "sigma": 2.0, "C": 1.0, "steps": 60, "rate": 1.0}
for name, w in (
    ("without privacy", fitted(X, y, 3000, 5.0)),
    ("with privacy", train(X, y, plan, 1)),
):
    inside, outside = losses(w, X, y), losses(w, *others)
    limit = learned(inside[:50], outside[:50])
    rates = attacked(limit, inside[50:], outside[50:])
    print(f"{name:16} {right(w, *records(500, 4, 200)):.0%} of new digits,", rates)

# %% [markdown]
# ## 6. Sums with liars (5 points, 15 minutes)
#
# Of $n$ reports, vectors of one length, at most `f` are lies.
#
# **Multi-Krum.** A report's score is the sum of its squared distances to its
# $n-f-2$ nearest other reports.  Return the mean of the `m` reports with the lowest
# scores; of equal scores the earlier report comes first.
#
# **A trimmed mean that bears rubbish.** A report with any number that is not finite is
# a lie: leave it out, and count it among the `f`.  Of the others drop, in each
# coordinate, the `f` largest and the `f` smallest values, with the `f` that is left, 0
# at least.  Return the means of the rest.


# %% answer="robust"
def multikrum(reports, f, m):
    """Return the mean of the m reports with the lowest scores.

    reports: matrix of finite numbers, a row for each; 1 <= m <= n
    Raises ValueError unless n > 2 f + 2.
    """
    ### BEGIN SOLUTION
    V = np.array(reports, float)
    n = len(V)
    if n <= 2 * f + 2:
        raise ValueError(f"{n} reports do not bear {f} liars")
    scores = []
    for v in V:
        distances = np.sort(np.square(V - v).sum(axis=1))
        scores.append(distances[1 : n - f - 1].sum())
    return V[np.argsort(scores, kind="stable")[:m]].mean(axis=0)
    ### END SOLUTION


def robust_mean(reports, f):
    """Return the trimmed mean.

    Raises ValueError if nothing would be left to average.
    """
    ### BEGIN SOLUTION
    V = np.array(reports, float)
    fine = np.isfinite(V).all(axis=1)
    f = max(0, f - int(np.sum(~fine)))
    V = np.sort(V[fine], axis=0)
    if len(V) <= 2 * f:
        raise ValueError("nothing is left")
    return V[f : len(V) - f].mean(axis=0)
    ### END SOLUTION


# %% check="robust-krum" points=2 hidden="other reports: many, long, ties"
# Six reports on a line; one liar.  The scores are 14, 6, 6, 14, 194 and 27,113.
line = [[0.0], [1.0], [2.0], [3.0], [10.0], [100.0]]
for m, want in ((1, 1.0), (2, 1.5), (3, 1.0), (5, 3.2)):
    (got,) = numbers("the mean", multikrum(line, 1, m), 1)
    close(f"the best {m} of six", got, want, "", {}, rel=1e-9)
must_raise("four reports, one liar", ValueError, multikrum, line[:4], 1, 1)
numbers("five reports, one liar", multikrum(line[:5], 1, 1), 1)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for n, d, f, m in (
    (3, 1, 0, 3),
    (11, 4, 4, 1),
    (20, 650, 4, 7),
    (9, 2, 2, 9),
    (12, 3, 1, 5),
):
    V = rng.normal(size=(n, d)).round(1) if n != 20 else rng.normal(size=(n, d))
    V[1] = V[n - 1]  # a tie
    far = ((V[:, None] - V[None]) ** 2).sum(-1)
    scores = [sum(sorted(np.delete(far[k], k))[: n - f - 2]) for k in range(n)]
    best = sorted(range(n), key=lambda k: (round(scores[k], 9), k))[:m]
    got = numbers("other reports", multikrum(V.tolist(), f, m), d)
    assert np.allclose(got, V[best].mean(axis=0)), "other reports: the mean differs"
### END HIDDEN TESTS

# %% check="robust-trim" points=2 hidden="other reports: rubbish, odd numbers"
# Five reports, one of them rubbish.  With f = 1 it is the liar, with f = 2 one is left.
nan, inf = math.nan, math.inf
V = [[1.0, 50.0], [2.0, 20.0], [nan, 0.0], [3.0, 30.0], [9.0, 10.0]]
for f, want in ((0, [3.75, 27.5]), (1, [3.75, 27.5]), (2, [2.5, 25.0])):
    got = numbers(f"f = {f}", robust_mean(V, f), 2)
    text = f"f = {f}: you have {got}; {want} is expected"
    assert np.allclose(got, want), text
must_raise("f = 3: two of four on each side", ValueError, robust_mean, V, 3)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(18)
for n, d, f, bad in (
    (7, 3, 3, 0),
    (8, 2, 3, 1),
    (21, 5, 0, 0),
    (9, 4, 2, 5),
    (4, 1, 1, 0),
):
    V = rng.normal(size=(n, d))
    rows = rng.choice(n, bad, replace=False)
    V[rows, rng.integers(0, d, bad)] = rng.choice([nan, inf, -inf], bad)
    kept, left = np.delete(V, rows, axis=0), max(0, f - bad)
    want = [sorted(c)[left : len(c) - left] for c in kept.T]
    got = numbers("other reports", robust_mean(V.tolist(), f), d)
    assert np.allclose(got, np.mean(want, axis=1)), "other reports: the means differ"
must_raise("only rubbish", ValueError, robust_mean, [[nan], [inf]], 0)
must_raise("two, one a liar", ValueError, robust_mean, [[1.0], [2.0]], 1)
### END HIDDEN TESTS

# %% check="robust-training" points=1
# Twenty machines train on digits, four of them lie.  The plain mean reads 11 % right.
for kind in ("far", "inside"):
    share = together_trained(kind, lambda V: multikrum(V, 4, 8), kind, 4, 1)
    assert share > 0.8, f"Multi-Krum, {kind}: {share:.0%} of new digits are right"
for kind in ("far", "broken"):
    share = together_trained(kind, lambda V: robust_mean(V, 4), kind, 4, 1)
    assert share > 0.8, f"trimmed mean, {kind}: {share:.0%} of new digits are right"

# %% [markdown]
# ## 7. A limit on the rate (4 points, 10 minutes)
#
# Each customer has a bucket that holds `burst` tokens at most.  It is full at the
# customer's first query, and fills at `rate` tokens a second, also while it is not
# asked.  A query takes one token if there is at least one, and is answered; otherwise
# it is refused and takes nothing.  Times never go back.
#
# A thief who wants `n` answers opens so many accounts, and asks each as fast as it
# answers.  When do they have `n`, counted from their first query?


# %% answer="bucket"
class Limiter:
    """Who may ask now?"""

    def __init__(self, rate, burst):
        ### BEGIN SOLUTION
        self.rate, self.burst, self.buckets = rate, burst, {}
        ### END SOLUTION

    def allow(self, customer, t):
        """Return whether a customer's query at t seconds is answered.

        customer: a string or a number
        """
        ### BEGIN SOLUTION
        tokens, last = self.buckets.get(customer, (self.burst, t))
        tokens = min(self.burst, tokens + self.rate * (t - last))
        answered = tokens >= 1
        self.buckets[customer] = (tokens - answered, t)
        return answered
        ### END SOLUTION


def stolen_after(n, rate, burst, accounts):
    """Return the least seconds until n queries are answered.

    n: 0 or more, burst and accounts 1 or more, whole numbers; rate: above 0
    """
    ### BEGIN SOLUTION
    return max(0.0, (math.ceil(n / accounts) - burst) / rate)
    ### END SOLUTION


# %% check="bucket-limiter" points=3 hidden="many customers, at any times"
# Half a token a second, two at most.
limiter, want = Limiter(0.5, 2), [True, True, False, False, True, False, True, True]
times = [10.0, 10.0, 10.0, 11.0, 12.0, 13.0, 99.0, 99.0]
got = [bool(limiter.allow("ann", t)) for t in times]
assert got == want, f"at {times} you answer {got}; {want} is expected"
assert limiter.allow("bob", 99.0), "each customer has a bucket of their own"
assert not limiter.allow("ann", 99.0), "ann's bucket is empty: two at most, at any time"
assert Limiter(1.0, 1).allow("ann", 0.0), "another limiter has other buckets"
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for rate, burst, gap in (
    (0.25, 3, 1),
    (2.0, 1, 0.125),
    (0.0625, 8, 2),
    (1.5, 2.5, 0.25),
):
    limiter, t, full, since = Limiter(rate, burst), 0.0, {}, {}
    for _ in range(150):
        who = str(rng.choice(["a", "b", "c"]))
        t += gap * int(rng.integers(0, 4))
        level = min(burst, full.get(who, burst) + rate * (t - since.get(who, t)))
        got, want = bool(limiter.allow(who, t)), level >= 1
        assert got == want, "many customers: a query is answered that should not be"
        full[who], since[who] = level - want, t
### END HIDDEN TESTS

# %% check="bucket-price" points=1 hidden="other thieves"
# 600,000 answers at 100 a day, 20 at once: 6,000 days, or 59.8 with 100 accounts.
day = 86_400
close("one account", stolen_after(600_000, 100 / day, 20, 1) / day, 5999.8, "days")
slips = {60 / 59.8: "each account begins with a full bucket"}
slips |= {5999.8 / 59.8: "accounts have buckets of their own"}
got = stolen_after(600_000, 100 / day, 20, 100) / day
close("a hundred accounts", got, 59.8, "days", slips)
close("few", stolen_after(15, 100 / day, 20, 1), 0.0, "s")
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(18)
for _ in range(40):
    n, burst, k = (
        int(rng.integers(0, 500)),
        int(rng.integers(1, 9)),
        int(rng.integers(1, 40)),
    )
    rate = float(rng.choice([0.125, 0.5, 4.0]))
    t = number("seconds", stolen_after(n, rate, burst, k))
    assert k * math.floor(burst + rate * t + 1e-9) >= n, "other thieves: too early"
    less = k * math.floor(burst + rate * t - 1e-6) < n
    assert t == 0 or less, "other thieves: it is sooner done"
### END HIDDEN TESTS

# %% [markdown]
# ## 8. The judgement (1 point, 5 minutes)
#
# A hospital sells answers of a model that it trained with 1,200 records at epsilon 5.4.
# Write its threat model: who may attack, through which queries, logs or reports, to
# learn or to break what; which two layers you would add first, and which claim an audit
# has to test.  Say where it stands in maturity for access, data, integrity, abuse and
# governance.  Six sentences, with one number from this lab.

# %% [markdown] essay="threats" points=1
# Customers, their thieves and the hospital's suppliers may attack: by valid queries, by
# reading open logs that hold the same answers, and by records or reports that they send
# in.  They want to know who was a patient, to copy the model, or to bend it.  Epsilon
# 5.4 alone allows an attack that is right on 99.5 % of the records, so the first layer
# is a smaller budget, and a second is a rate limit: at 100 answers a day one account
# needs 6,000 days for 600,000.  An audit must test the claim on the code that runs, by
# a canary, its floor below 5.4.  Access and data are at a middle level (named users, an
# accountant); integrity is low until uploads are signed and sums trimmed; abuse is
# watched by the rate alone, and nobody owns the budget.
