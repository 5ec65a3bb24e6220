# %% [markdown]
# ---
# title: "12 · Operations at scale"
# fleet-stack: [15, 25, 25, 35, 55, 100, 25, 35]
# ---
#
# A company runs a thousand models.  Each has a monitor that looks at it every five
# minutes.  A monitor calls out when it sees a value that a healthy model shows three
# times in a thousand.  By tonight there are 864 alarms, and all thousand models are
# healthy.  *Which alarm is real?  And when is it safe to ship the next model?*

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython
from ipywidgets import interact
from scipy.special import kolmogorov, ndtri, stdtrit

plt.style.use("mlsyscore.figures")


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
# 1. An **A/B test** shows two versions of a program to users at random and compares
#    what they do.  Ours runs for 30 days.  Then it calls two *equal* versions different
#    in 5 % of the tests.  But the team looks at it every morning, and ends it as soon
#    as it calls a difference.  In what share of the tests of equal versions does it see
#    one?
# 2. A **canary** is the small share of the traffic that gets a new version first.  A
#    bad version is rolled back as soon as the evidence against it is clear.  Let the
#    canary have 1 % of the traffic instead of 10 %.  How many times fewer requests meet
#    the bad version?
# 3. A model's daily loss grows by the same amount each day after its training.  Now
#    training becomes four times cheaper.  How many times as often should it be trained?
# 4. A model reads 1,000 features, and 20 of them are broken.  Each is tested at the 5 %
#    level, and the tests find most of the broken ones.  What share of the features that
#    the tests call broken is healthy?

# %%
#| tags: [guess]
guess_looked = 0.05  # share of the tests
guess_fewer = 10.0  # times fewer requests
guess_often = 4.0  # times as often
guess_healthy = 0.05  # share of those called broken

# %% [markdown]
# ## Alarms multiply
#
# Let $m$ monitors be checked in $u$ rounds a day, and let a check of a healthy model
# give an alarm with probability $\alpha$.  Means add up, so on average there are
#
# $$ m\,u\,\alpha \text{ alarms a day;}\qquad\text{and if the monitors are independent,}
#    \quad P(\text{an alarm in one round}) = 1-(1-\alpha)^m. $$
#
# The **family-wise error** is the left side of the second, the chance of at least one
# false alarm in a family of tests.  Real monitors are not independent, because models
# share data and machines.  In the play each monitor shows a normal value, and a share
# of its variance is the same for all.  Here $m$ = 1,000, $u$ = 288 and
# $\alpha$ = 0.003.


# %%
MONITORS, ALPHA, ROUNDS = 1000, 0.003, 288
limit = -ndtri(ALPHA / 2)


def day_of_alarms(shared, rng):
    """Return the number of alarms in each round of a day."""
    common, own = rng.normal(size=(ROUNDS, 1)), rng.normal(size=(ROUNDS, MONITORS))
    values = np.sqrt(shared) * common + np.sqrt(1 - shared) * own
    return (np.abs(values) > limit).sum(axis=1)


# %%
rng = np.random.default_rng(12)
print(f"a monitor calls beyond {limit:.2f} standard deviations")
print("shared variance   alarms a day   rounds with an alarm   most in a round")
for shared in (0.0, 0.3):
    days = [day_of_alarms(shared, rng) for _ in range(60)]
    mean, half = interval([day.sum() for day in days])
    some, most = (100 * np.mean(np.array(days) > 0), np.mean([max(d) for d in days]))
    print(f"{shared:15.0%} {mean:8.0f} ± {half:3.0f} {some:20.0f} % {most:17.0f}")
law = MONITORS * ALPHA * ROUNDS
some = 100 * (1 - (1 - ALPHA) ** MONITORS)
print(f"the two laws {law:12.0f} {some:28.0f} %")

# %% [markdown]
# The mean rate holds in both rows.  The second law holds only in the first: with a
# shared cause the alarms come in bursts.  In either case the team hears some 860 alarms
# about nothing.  Each model's pipeline may be watched well; together they are not.
#
# Each check is a *question*.  First take one that is asked once.
#
# ## How long a test must run
#
# Let the old version have a click rate of $p$, and let each version get $n$ requests.
# If both are equal, the difference $d$ of the two observed rates has a standard error
# of $\sigma = \sqrt{2p(1-p)/n}$.  At the 5 % level a test calls a difference where $d$
# lies beyond $z_{\alpha/2}\,\sigma$, with $z_{\alpha/2}$ = 1.96.  Its **power** is the
# chance that it calls a real lift $\delta$.  For a power of 80 % the lift must exceed
# the limit by another $z_\beta$ = 0.84 standard errors:
#
# $$ \delta = (z_{\alpha/2} + z_\beta)\,\sigma
#    \qquad\Longrightarrow\qquad
#    n = \frac{(z_{\alpha/2}+z_\beta)^2\; 2p(1-p)}{\delta^2}
#      \approx \frac{16\,p(1-p)}{\delta^2}. $$
#
# The square is there because the mean of $n$ requests is sharper by $\sqrt n$ only.  A
# rule for the head: *half the lift takes four times the requests.*  The rival says
# twice.


# %%
def requests(p, delta, level=0.05, power=0.8):
    z = ndtri(power) - ndtri(level / 2)
    return z**2 * 2 * p * (1 - p) / delta**2


def z_of(old, new, n):
    """Return the difference of two arms of n requests, in standard errors."""
    pooled = np.maximum(old + new, 1) / (2 * n)
    return (new - old) / np.sqrt(2 * n * pooled * (1 - pooled))


# %%
P, rng = 0.05, np.random.default_rng(2)
first = requests(P, 0.005)
print("power in 20,000 tests of a click rate of 5 %; 80 % is the aim")
print("lift          by the law: n, power        by 1/lift: n, power")
for delta in (0.005, 0.0025, 0.001):
    row = f"{100 * delta:4.2f} points"
    for n in (round(requests(P, delta)), round(first * 0.005 / delta)):
        old, new = rng.binomial(n, P, 20_000), rng.binomial(n, P + delta, 20_000)
        found = (np.abs(z_of(old, new, n)) > 1.96).mean()
        row += f" {n:16,} {found:8.1%}"
    print(row)

# %% [markdown]
# The law keeps its power.  In the first row it is two points short, because it gives
# both arms the old version's variance, and 5.5 % varies more than 5 %.
#
# ## Peeking
#
# **Peeking** is to look at a test while it runs, and to end it at a result that one
# likes.  Spread the first row's test over 30 days, and let both arms be the same
# program: an *A/A test*.  One rival says that 5 % of such tests call a difference,
# however often one looks.  The other takes looks to be independent.

# %%
TESTS, TOTAL = 4000, round(first)


def clicks(looks, lift, tests, rng, total=TOTAL):
    """Return z and the standard error of the difference, at each look."""
    n = np.diff(np.linspace(0, total, looks + 1).round()).astype(int)
    old = rng.binomial(n, P, (tests, looks)).cumsum(axis=1)
    new = rng.binomial(n, P + lift, (tests, looks)).cumsum(axis=1)
    return z_of(old, new, n.cumsum()), np.sqrt(2 * P * (1 - P) / n.cumsum())


rng = np.random.default_rng(12)
print("A/A tests that are ever called different, of 4,000")
print("looks      played    5 % in all   independent looks")
for looks in (1, 2, 5, 30, 720):
    z, _ = clicks(looks, 0, TESTS, rng)
    called = (np.abs(z) > 1.96).any(axis=1)
    mean, half = interval(called)
    row = f"{looks:5} {100 * mean:7.1f} ± {100 * half:.1f} %"
    print(f"{row} {5:8} % {100 * (1 - 0.95**looks):17.1f} %")
    if looks == 30:
        print(f"      so one in {1 / mean:.1f}.  You guessed {guess_looked:.0%}.")

# %% [markdown]
# Looked at every morning, a test at the 5 % level is wrong one time in three or four.
# Looked at every hour, it is wrong half of the time.  Looks are not independent, since
# today's clicks contain yesterday's.  Yet each look is another chance to be called.

# %% [markdown]
# ## A boundary that survives looking
#
# A bad version must be stopped at once, so we have to look.  Which limit may be
# watched?  Ask how much likelier the clicks are under some lift than under none.
# Before the test we take lifts as normal with mean 0 and standard deviation $\tau$.
# With $f_\delta$ the probability of the clicks so far under a lift $\delta$, let
#
# $$ \Lambda_n = \text{mean over } \delta \text{ of } \frac{f_\delta}{f_0}
#    = \frac{1}{\sqrt{1+\kappa}}\;
#      \exp\!\left(\frac{z^2}{2}\,\frac{\kappa}{1+\kappa}\right),
#    \qquad \kappa = \frac{\tau^2}{\sigma^2}, $$
#
# where $z = d/\sigma$, and the second form takes $p$ as known and $d$ as normal.  If
# there is no lift, the next clicks multiply each $f_\delta/f_0$ by a factor whose mean
# is 1: under $f_0$ the mean is $\sum f_0\,(f_\delta/f_0) = \sum f_\delta = 1$.  So
# $\Lambda$ is a gambler's fortune in a fair game that starts at 1.  Let the gambler
# stop on reaching $1/\alpha$.  The mean fortune is still 1, so at most a share $\alpha$
# of all gamblers can hold $1/\alpha$, however long they play.
#
# > **Theorem · Ville's bound.** If there is no lift,
# > $P(\Lambda_n \ge 1/\alpha \text{ at any look}) \le \alpha$.
#
# Solved for $z$: whoever calls a difference only where
#
# $$ |z| \ge \sqrt{\frac{1+\kappa}{\kappa}
#      \left(2\ln\frac{1}{\alpha} + \ln(1+\kappa)\right)} $$
#
# may look at any time, and errs in a share $\alpha$ of the tests at most.  We take
# $\tau$ = 1 point of the click rate.


# %%
def boundary(se, tau=0.01, level=0.05):
    """Return how many standard errors a watched test asks for."""
    kappa = (tau / se) ** 2
    inside = (1 + kappa) / kappa * (2 * np.log(1 / level) + np.log1p(kappa))
    return np.sqrt(inside)


# %%
#| label: fig-paths
#| fig-cap: "Sixty A/A tests, looked at 30 times.  Dots: called.  Light: never called."
#| fig-alt: "Paths wander; many end at a dot on the fixed line, few pass the boundary."
# @title A/A tests, with the fixed line and the boundary
z, se = clicks(30, 0, 60, np.random.default_rng(30))
day = np.arange(1, 31)
_, ax = plt.subplots()
for path in z:
    out = np.flatnonzero(np.abs(path) > 1.96)
    till = slice(out[0] + 1 if out.size else None)
    ax.plot(day, path, ":", color="0.6", lw=0.8)  # shows after a dot only
    ax.plot(day[till], path[till], "-", color="C3" if out.size else "0.8", lw=1)
    if out.size:
        ax.plot(day[out[0]], path[out[0]], "C3o", ms=4)
for sign, names in ((1, ("fixed line", "boundary")), (-1, (None, None))):
    ax.axhline(1.96 * sign, color="k", ls="--", label=names[0])
    ax.plot(day, sign * boundary(se), "C0-", label=names[1])
ax.set(xlabel="day", ylabel="difference (standard errors)", ylim=(-5, 5.5))
ax.legend(loc="upper right", ncols=2)
plt.show()
for name, line in (("fixed line", 1.96), ("boundary", boundary(se))):
    print(f"{(np.abs(z) > line).any(axis=1).sum()} of 60 pass the {name}")

# %% [markdown]
# Each path is one A/A test.  At its dot somebody who looks daily calls a difference and
# goes home; the dotted rest is never seen.  By the bound at most three of 60 pass the
# boundary on average.  The boundary is high at first and then stays near 3.  A rule for
# the head: *a test that is watched needs three standard errors instead of two.*  That
# is for $\alpha$ = 5 %, and while $\sigma$ lies between a half and a tenth of $\tau$.
#
# Now clicks are counted hourly, 720 times.  The first rule and the boundary look each
# hour.  The rival looks once a day, and shares the 5 % out: each look gets 5 %/30.

# %%
rng = np.random.default_rng(4)
RULES = ("5 % a look", "shared, daily", "boundary")
print("4,000 tests a row: called different, and mean day of the end (at most 30)")
print(f"{'lift':11}" + "".join(f"{name:>15}" for name in RULES) + "  once, at the end")
found, ends = {}, {}
for lift in (0.0, 0.005, 0.01, 0.02):
    z, se = clicks(720, lift, TESTS, rng)
    row = f"{100 * lift:3.1f} points "
    limits = (1.96, -ndtri(0.025 / 30), boundary(se))
    for name, line in zip(RULES, limits, strict=True):
        every = 24 if name == "shared, daily" else 1
        hit = (np.abs(z) > line)[:, every - 1 :: every]
        called, first_hit = hit.any(axis=1), hit.argmax(axis=1) + 1
        day = np.where(called, first_hit * every / 24, 30)
        found[name, lift], ends[name, lift] = 100.0 * called, day
        row += f"{called.mean():9.1%} {day.mean():4.1f}d"
    print(f"{row} {(np.abs(z[:, -1]) > 1.96).mean():14.1%}")

# %%
print("boundary less shared, daily")
for lift in (0.005, 0.01, 0.02):
    row = f"{100 * lift:3.1f} points"
    for unit, seen in (("% of tests", found), ("days", ends)):
        mean, half = interval(seen["boundary", lift] - seen["shared, daily", lift])
        row += f" {mean:+8.1f} ± {half:.1f} {unit}"
    print(row)

# %% [markdown]
# The boundary keeps its promise in the first row.  Read hourly, and with $\tau$ among
# the lifts tested, it ends earlier than the rival, which is read daily.  At half a
# point it also calls more.  The price is in the second row: of the lifts for which the
# test was planned, the boundary calls half within 30 days, one look at the end more
# than three in four.  But its test may go on after day 30.
#
# ## Shipping by stages
#
# A new version may lose clicks.  We ship it in stages, to 1, 5, 25 and 50 % of the
# traffic, then to all, and may skip stages.  Turn the boundary into an interval,
# $d \pm h$, where $h$ is the boundary times the standard error.  Ville's bound holds
# for any true lift in the place of 0.  So with a probability of 95 % the interval holds
# the true lift at *all* looks.  The loss is minus the lift, so it is at most $h-d$.
# Let $\Delta$ be the loss that we can bear when all users have it:
#
# $$ \text{roll back if } d + h < 0, \qquad
#    \text{serve a share } x \text{ only if } x\,(h - d) \le \Delta. $$
#
# For $x=1$ this is promotion.  Before the first stage there can be no evidence, so it
# is small: even all clicks of 1 % are 0.05 points.  No share must shrink, since what
# one look has excluded stays excluded.  A version that is worse by $\Delta$ or more is
# promoted with a probability of 5 % at most, for the interval must have missed its
# lift.  One that is as good is rolled back with 5 % at most.  This is a *gate*.  Its
# contract stands before the test: a measure, the bound $\Delta$, the two errors.  It
# needs a click rate that stays the same while the share changes.  Where it moves with
# the hour, take the difference within each stage, and combine these.
#
# The rival is the calendar of the book's open calculations, for a million requests an
# hour: 2 h, 30 min, 30 min and 1 h for the four stages.  It goes on unless a version is
# worse by 1.96 standard errors at a stage's end.


# %%
STAGES, HOURS, DELTA = (0.01, 0.05, 0.25, 0.5, 1.0), (2, 0.5, 0.5, 1), 0.005


class Rollout:
    def __init__(self, lift, traffic, seed):
        self.lift, self.traffic, self.hour, self.most = lift, traffic, 0.0, 0.0
        self.n, self.clicks = np.zeros(2), np.zeros(2)  # old and new version
        self.rng = np.random.default_rng(seed)

    def serve(self, share, hours=1 / 12):
        """Serve some requests; return d and its standard error."""
        total = round(self.traffic * hours)
        new = self.rng.binomial(total, share)
        n = np.array([total - new, new])
        self.n += n
        self.clicks += self.rng.binomial(n, [P, P + self.lift])
        self.hour, self.most = self.hour + hours, max(self.most, share)
        old, new = self.clicks / np.maximum(self.n, 1)
        return new - old, np.sqrt(P * (1 - P) * (1 / np.maximum(self.n, 1)).sum())


# %%
def gate(d, se, share):
    """Return the next share of the traffic: 0 rolls back, 1 promotes."""
    h = se * boundary(se)
    if d + h < 0:
        return 0
    return max(s for s in STAGES if s <= share or s * (h - d) <= DELTA)


def by_gate(run):
    share = STAGES[0]
    while 0 < share < 1:
        share = gate(*run.serve(share), share)
    return "promoted" if share else "back"


def by_calendar(run):
    for share, hours in zip(STAGES, HOURS, strict=False):
        d, se = run.serve(share, hours)
        if d < -1.96 * se:
            return "back"
    return "promoted"


# %%
print("of 300 roll-outs   0.5 points worse,   2 points worse,   as good,     hours")
print("                   yet promoted        x·loss above Δ    yet back     of a good")
print("requests an hour   calendar   gate   calendar   gate   calendar   gate   (gate)")
for traffic in (5_000, 20_000, 50_000, 1_000_000):
    row = f"{traffic:16,}"
    for lift, wrong in ((-DELTA, "promoted"), (-0.02, "exposed"), (0.0, "back")):
        for policy, width in ((by_calendar, 11), (by_gate, 7)):
            runs = [Rollout(lift, traffic, seed) for seed in range(300)]
            ended = [policy(run) == wrong for run in runs]
            if wrong == "exposed":
                ended = [-lift * run.most > DELTA for run in runs if policy(run)]
            row += f"{sum(ended):{width}}"
    print(f"{row} {np.mean([run.hour for run in runs]):8.1f}")

# %% [markdown]
# No significant loss is no evidence of no loss.  At 5,000 requests an hour the calendar
# promotes 221 of 300 bad versions, and takes 57 much worse ones to half of the users,
# where they cost twice $\Delta$.  At a million, for which it was made, a good version
# waits for 4 h, where the gate needs 0.3.  The calendar's four looks at 2.5 % roll back
# 30 good versions in 300 at most on average; the 37 is chance.  The gate's errors stay
# below 5 % in all rows.  It differs in two things: it asks which loss is excluded, and
# it waits for the answer.  The price: at 5,000 a good version waits for 17 h instead of
# 4.  One schedule does not fit all models: let the evidence set the pace.
#
# How many requests meet a bad version?  Let a canary with a share $x$ of the traffic
# have had $n$ requests, and so all others $n(1-x)/x$.  The variance of the difference
# is then
#
# $$ \sigma^2 = p(1-p)\left(\frac{1}{n} + \frac{x}{n(1-x)}\right)
#    = \frac{p(1-p)}{n\,(1-x)}
#    \quad\Longrightarrow\quad
#    n = \frac{z^2\,p(1-p)}{\delta^2}\cdot\frac{1}{1-x} $$
#
# when a loss $\delta$ is clear at $z$ standard errors.  Up to a tenth, $x$ adds a ninth
# at most, so a small canary is a slow one; at a half it doubles the count.  In
# proportion to $x$ grows only what takes a fixed time: the wait for the next look,
# which is short in the play, and the roll-back.  In $L$ hours that adds $r\,x\,L$, at
# $r$ requests an hour.

# %%
print("requests that meet a version 2 points worse, until it is clear (300 runs)")
print("canary      played      law   a roll-back of 10 min adds")
met, r = {}, 50_000
for x in (0.01, 0.1, 0.5):
    ends = []
    for seed in range(300):
        run, d, se = Rollout(-0.02, r, seed), 0.0, 1.0
        while d + se * boundary(se) >= 0:
            d, se = run.serve(x, 25 / (r * x))  # 25 more in the canary
        ends.append(run.n[1])
    met[x], half = interval(ends)
    law = met[0.01] * (1 - 0.01) / (1 - x)  # scaled from the first row
    row = f"{x:6.0%} {met[x]:8,.0f} ± {half:3.0f} {law:8,.0f}"
    print(f"{row} {r * x / 6:16,.0f} (by formula)")
fewer = met[0.1] / met[0.01]
print(f"1 % instead of 10 %: {fewer:.2f} times fewer.  You guessed {guess_fewer:g}.")
fewer = (met[0.1] + r * 0.1 / 6) / (met[0.01] + r * 0.01 / 6)
print(f"with a roll-back that takes 10 min: {fewer:.2f} times fewer")

# %% [markdown]
# ## A budget and two windows
#
# A *service-level objective* (SLO) promises that, say, 99.9 % of a month's requests
# succeed.  The **error budget** is the share that may fail, here 0.1 % of 30 days.  The
# **burn rate** is how many times too fast a service spends it: if a share $e$ of the
# requests fails, $b = e/(1-\text{SLO})$.
#
# An alert takes the burn rate of a window of length $W$, and calls a person when it
# reaches $B$.  Let requests come evenly.  At a time $t$ after the start of an incident
# the window's share of errors is $e\,t/W$.  So the call comes at
#
# $$ t = \frac{W B\,(1-\text{SLO})}{e}, \qquad
#    \text{and by then} \quad
#    \frac{e\,t}{(1-\text{SLO})\;30\text{ d}} = \frac{W B}{30\text{ d}}
#    \quad \text{of the budget is spent.} $$
#
# The second expression does not contain $e$.  Google's *Site Reliability Workbook*
# (2018, chapter 5) takes $W$ = 1 h and $B$ = 14.4, which is 2 %, for every incident
# above 1.44 % errors that lasts until $t$.  Below that the hour's window never reaches
# 14.4, for $t$ is $W$ at most.  So the Workbook adds longer windows: 6 h at 6, and 3
# days at 1.  But a window remembers an incident after its end.  So another, a twelfth
# as long, must agree that it still goes on, as in the figure.


# %%
MINUTES, SLO, LIMIT = 30 * 1440, 0.999, 14.4


def burn(errors, window):
    """Return each minute's burn rate over a window that ends with it."""
    total = np.concatenate([np.zeros(window), np.cumsum(errors)])
    return (total[window:] - total[:-window]) / window / (1 - SLO)


def called(errors):
    """Return for each alert the minutes in which it is on."""
    short, long = burn(errors, 5) >= LIMIT, burn(errors, 60) >= LIMIT
    slow = (burn(errors, 30) >= 6) & (burn(errors, 360) >= 6)
    alerts = {"5 min alone": short, "1 h alone": long, "1 h and 5 min": short & long}
    return alerts | {"... or 6 h and 30 min": short & long | slow}


# %%
#| label: fig-windows
#| fig-cap: "An incident on two windows.  Bars: what is on, and when."
#| fig-alt: "The long window rises slowly and falls late; the short one does not."
# @title An incident on two windows
def draw(error_share=0.04, length=40):
    errors, minute = np.full(320, 2e-4), np.arange(-180, 140)
    errors[180 : 180 + length] = error_share
    _, (top, low) = plt.subplots(2, sharex=True, height_ratios=(2, 1))
    top.semilogy(minute, burn(errors, 5), "C1--", label="5 min")
    top.semilogy(minute, burn(errors, 60), "C0-", label="1 h")
    top.axhline(LIMIT, color="k", ls=":", label="14.4")
    top.set(ylabel="burn rate", ylim=(0.1, 3000))
    top.legend(ncols=3, loc="upper right")
    bars = (errors > 1e-3, *list(called(errors).values())[:3])
    for k, bar in enumerate(bars):
        spans = [(t, 1) for t in minute[bar]]
        low.broken_barh(spans, (-k - 0.4, 0.8), fc=("C3", "C1", "C0", "k")[k])
    low.set_yticks(range(0, -4, -1), ("incident", "5 min", "1 h", "both"))
    low.set(xlim=(-20, 140), xlabel="minutes since the start")
    plt.show()
    after, law = minute[bars[3]] + 1, 60 * LIMIT * (1 - SLO) / error_share
    print(f"both call after {[*after, 'no'][0]} minutes; by the law {law:.1f}")


draw()

# %%
#| eval: false
#| tags: [nbval-ignore-output, remove-cell]
if get_ipython():  # which incidents does the long window miss?
    interact(draw, error_share=(0.01, 1.0), length=(1, 120))

# %% [markdown]
# Now play whole months.  A month has six fast incidents, of 2 to 10 % errors in 40 to
# 180 minutes, and two slow ones, of 0.8 to 1.2 % in 6 to 12 hours.  It also has some 60
# *blips* of one or two minutes, each of which spends less than 2 % of the budget and
# should wake nobody.


# %%
FAST, SLOW = ((40, 180), (0.02, 0.1)), ((360, 720), (0.008, 0.012))


def month(rng):
    """Return the share of errors in each minute, and the incidents."""
    level = np.full(MINUTES, 2e-4)
    for start in rng.integers(0, MINUTES, rng.poisson(60)):
        level[start : start + rng.integers(1, 3)] = rng.uniform(0.1, 0.4)
    incidents = []
    for k, start in enumerate(960 * rng.choice(np.arange(1, 44), 8, replace=False)):
        first = start + rng.integers(0, 200)
        length, share = FAST if k < 6 else SLOW
        last = first + rng.integers(*length)
        level[first:last] = rng.uniform(*share)
        incidents.append((first, last))
    return rng.binomial(3000, level) / 3000, incidents


# %%
def judge(on, incidents):
    """Return calls, false ones, missed, minutes to a fast call, and after the end."""
    calls = np.flatnonzero(np.diff(on.astype(int), prepend=0) == 1)
    ends = np.flatnonzero(np.diff(on.astype(int), append=0) == -1)
    inside = [(calls >= first) & (calls < last) for first, last in incidents]
    pairs = [(k, i) for k, i in zip(incidents, inside, strict=True) if i.any()]
    wait = [calls[i][0] - k[0] + 1 for k, i in pairs if k in incidents[:6]]
    rest = [max(ends[i][-1] + 1 - k[1], 0) for k, i in pairs]
    false, missed = (~np.any(inside, axis=0)).sum(), len(incidents) - len(pairs)
    return len(calls), false, missed, np.mean(wait), np.mean(rest)


# %%
rng = np.random.default_rng(12)
months = [month(rng) for _ in range(40)]
alerts = [(called(errors), incidents) for errors, incidents in months]
print("                        calls       false     missed    minutes to     minutes")
print("alert                   a month     calls     of 8      a fast one   after end")
for name in alerts[0][0]:
    rows = np.array([judge(on[name], incidents) for on, incidents in alerts])
    means = [interval(column) for column in rows.T]
    print(f"{name:21}" + "".join(f"{m:6.1f} ± {h:.1f}" for m, h in means))

# %% [markdown]
# Of the short window's calls nine in ten are false.  The hour's are mostly real, and go
# on for 40 minutes about something that is mended.  Both together have the long
# window's judgement and the short one's end, but miss the slow incidents.  The second
# pair misses none.  It costs two false calls more a month, and goes on for longer.
#
# ## When to train again
#
# An alarm may also ask for a new model, since a model gets worse as the world drifts.
# Let its daily loss grow by $s$ dollars with each day of age, and let a new model cost
# $C$.  With $T$ days between trainings, a day costs on average
#
# $$ K(T) = \frac{C}{T} + \frac{s\,T}{2}, \qquad
#    K'(T) = 0 \quad\Rightarrow\quad T^* = \sqrt{2C/s}. $$
#
# This is chapter 7's square root: a training is a save, the decay is the work at risk.
# At a quarter of the cost, train twice as often.  At $T^*$ the decay since the last
# training, $s\,T^{*2}/2$, has cost just $C$.  So the law can be watched: *while the
# loss grows evenly, train again when the decay has cost as much as a training.*  It
# needs each day's answers, and the first days' loss as a baseline, but no slope.
#
# The play is a stream of requests.  Eight weights of the true relation wander at random
# each day, and a model is fitted to one day's 1,000 requests.  A day costs the mean
# squared error of its requests, in dollars, without the noise that no model can
# predict.  The rule sees the error with its noise.  The slope $s$ is measured on the
# first eleven days of 60 models.  Rivals are "monthly" and "four times as often", every
# 7 days.


# %%
def stream(rng, days, steady=False):
    """Return 1,000 requests of each day, their answers and the mean noise."""
    if steady:
        truth = 0.03 / np.sqrt(8) * np.arange(days)[:, None] * np.ones(8)
    else:
        truth = rng.normal(0, 0.1 / np.sqrt(8), (days, 8)).cumsum(axis=0)
    X, noise = rng.normal(size=(days, 1000, 8)), rng.normal(size=(days, 1000))
    return X, np.einsum("trd,td->tr", X, truth) + noise, (noise**2).mean(axis=1)


def decay(world, born):
    """Return what is seen each day after a model's own, and the loss in it."""
    X, y, noise = (part[born:] for part in world)
    model = np.linalg.lstsq(X[0], y[0], rcond=None)[0]
    seen = np.square(y[1:] - X[1:] @ model).mean(axis=1)[:150]
    return seen, seen - noise[1:151]


def slope(rng, steady):
    ages = np.arange(11)
    fits = [
        np.polyfit(ages, decay(stream(rng, 12, steady), 0)[1], 1) for _ in range(60)
    ]
    return interval([fit[0] for fit in fits])


# %%
def daily_cost(world, C, every=None):
    """Return the cost of a day; trained every so many days, or by the rule."""
    days, born, total = len(world[0]) - 1, 0, 0.0
    while born < days:
        seen, losses = decay(world, born)
        end = every
        if every is None:
            beyond = np.cumsum(seen - seen[:3].mean())
            end = np.argmax(np.append(beyond, np.inf) >= C) + 1
        total += C + losses[:end].sum()
        born += end
    return total / days


# %%
rng, OLD, NEW = np.random.default_rng(7), 4.0, 1.0  # dollars for a new model
s, half = slope(rng, steady=False)
often = np.sqrt(OLD / NEW)
print(f"the loss grows by {s:.4f} ± {half:.4f} $ a day, each day")
print(f"a quarter of the cost: {often:g} times as often.  You guessed {guess_often:g}.")
worlds = [stream(rng, 361) for _ in range(20)]
for C in (OLD, NEW):
    low, best, high = (round(np.sqrt(2 * C / x)) for x in (s + half, s, s - half))
    print(f"a new model for {C:g} $: by the law every {best} days ({low} to {high})")
    costs = {T: [daily_cost(w, C, T) for w in worlds] for T in (7, 14, best, 30, 60)}
    rival = min(costs, key=lambda T: np.mean(costs[T]))
    costs["rule"] = [daily_cost(w, C) for w in worlds]
    for T, cost in sorted(costs.items(), key=lambda item: np.mean(item[1])):
        more, width = interval(np.subtract(cost, costs[best]) / np.mean(costs[best]))
        label = "the rule" if T == "rule" else f"every {T} days"
        print(f"   {label:14} {np.mean(cost):.3f} $ a day, {more:+4.0%} ± {width:.0%}")
    less, width = interval(1 - np.divide(costs["rule"], costs[rival]))
    print(f"   the rule against every {rival} days: {less:.1%} ± {width:.1%} less")

# %% [markdown]
# Rivals that fit one price miss the other: "monthly" is as good as the law for the
# dearer model and costs 22 % more for the cheaper.  The rule looks at each model's own
# answers.  For the dearer model it costs less than the best of the five intervals; for
# the cheaper, whose answers are few, nothing shows.
#
# Now let the weights move *steadily* in one direction, so that the loss grows as the
# square of the age.

# %%
steady = [stream(rng, 361, steady=True) for _ in range(20)]
s_steady, _ = slope(rng, steady=True)
law = round(np.sqrt(2 * OLD / s_steady))
fixed = {T: np.mean([daily_cost(w, OLD, T) for w in steady]) for T in range(9, 40, 3)}
best = min(fixed, key=fixed.get)
costs = {f"the law's {law} days": [daily_cost(w, OLD, law) for w in steady]}
costs["the rule"] = [daily_cost(w, OLD) for w in steady]
print(f"steady drift; best of 11 intervals, in hindsight: {best} days")
for name, cost in costs.items():
    mean, half = interval(np.array(cost) / fixed[best] - 1)
    print(f"{name:18} costs {mean:.0%} ± {half:.0%} more")

# %% [markdown]
# The slope of young models makes the law train too seldom.  The rule is late as well,
# for here the decay has cost only $C/2$ at the best interval.  But it loses half as
# much.
#
# ## The broken feature among a thousand
#
# A model can fail although its servers and its code are healthy.  **Training-serving
# skew** is a difference between a feature as the model was trained on it and the same
# feature as it is served.  To find the broken one of many features, compare two samples
# of each.  A *p-value* is the chance that two samples of one distribution differ at
# least as much as these do.  If we call every feature broken whose p-value is at most
# $c$, we call about a share $c$ of the healthy ones.
#
# With $m$ features, nearly all healthy, that is about $m\,c$ false calls.  If $R(c)$
# features are called in all, then
#
# $$ \text{false share} \lesssim \frac{m\,c}{R(c)} \le q
#    \qquad\Longrightarrow\qquad
#    \text{the largest } k \text{ with } p_{(k)} \le \frac{q\,k}{m}, $$
#
# because at $c = p_{(k)}$, the $k$-th smallest p-value, just $k$ are called.  The
# **false discovery rate** is the mean share of false calls among all calls.  This rule
# keeps it at $q$ or below for independent tests (Benjamini and Hochberg, 1995).
#
# In the play 20 of 1,000 features break: they are scaled by 1.5, or a quarter of their
# values become 0, or they are moved by half of their median.  The theorem's condition
# is broken, mildly: features come in tables of 50 that share a third of their variance.


# %%
def ks(a, b):
    """Return each column's p-value: Kolmogorov and Smirnov's test for two samples."""
    n = len(a)
    step = np.where(np.concatenate([a, b]).argsort(axis=0) < n, 1, -1) / n
    return kolmogorov(np.abs(step.cumsum(axis=0)).max(axis=0) * np.sqrt(n / 2))


def discoveries(p, q=0.05):
    """Return the positions that Benjamini and Hochberg's rule calls."""
    order = np.argsort(p)
    below = np.flatnonzero(p[order] <= q * np.arange(1, len(p) + 1) / len(p))
    return order[: below.max(initial=-1) + 1]


# %%
def sample(rng, rows=250, features=1000, table=50):
    own = rng.normal(size=(rows, features))
    shared = np.repeat(rng.normal(size=(rows, features // table)), table, axis=1)
    return np.exp(np.sqrt(2 / 3) * own + np.sqrt(1 / 3) * shared)


def one_trial(rng, broken=20):
    """Return p-values; the first features are the broken ones."""
    train, serve = sample(rng), sample(rng)
    serve[:, :7] *= 1.5
    serve[:, 7:14] *= rng.random((len(serve), 7)) > 0.25
    serve[:, 14:broken] += 0.5
    return ks(train, serve)


# %%
CALLS = {
    "5 % each": lambda p: np.flatnonzero(p <= 0.05),
    "5 %/1,000 each": lambda p: np.flatnonzero(p <= 0.05 / 1000),
    "false discovery 5 %": discoveries,
}
rng = np.random.default_rng(12)
trials = [one_trial(rng) for _ in range(40)]
print("rule                 false calls    share of the calls    of the 20 found")
right = {}
for rule, call in CALLS.items():
    calls = [call(p) for p in trials]
    wrong, spread = interval([(found >= 20).sum() for found in calls])
    false, half = interval([100 * np.mean(found >= 20) for found in calls])
    right[rule] = np.array([(found < 20).sum() for found in calls])
    mean, width = interval(right[rule])
    row = f"{rule:19} {wrong:6.1f} ± {spread:.1f} {false:12.1f} ± {half:.1f} %"
    print(f"{row} {mean:14.1f} ± {width:.1f}")
more, half = interval(right["false discovery 5 %"] - right["5 %/1,000 each"])
print(f"the last rule finds {more:.1f} ± {half:.1f} more than the one before")

# %%
print(f"healthy in the first rule's calls: you guessed {guess_healthy:.0%}; by the law")
steps = kolmogorov(np.arange(251) / 250 * np.sqrt(125))  # all p-values of 250 rows
level = steps[steps <= 0.05].max()
for c in (0.05, level):
    print(f"{c:.1%} of 980: {980 * c:.0f}, {c * 980 / (c * 980 + 20):.0%} of the calls")
print("(of 250 rows p-values come in steps; this is the next below 5 %)")

# %%
#| label: fig-discoveries
#| fig-cap: "The smallest p-values of one trial.  Those below 1e-9 are drawn there."
#| fig-alt: "Dots of broken features lie under a rising line; triangles cross it."
# @title The smallest p-values of one trial
p = trials[0]
order = np.argsort(p)[:60]
k = np.arange(1, 61)
_, ax = plt.subplots()
for bad, style, name in ((True, "ko", "broken"), (False, "C3^", "healthy")):
    here = (order < 20) == bad
    ax.semilogy(k[here], np.maximum(p[order[here]], 1e-9), style, ms=4, label=name)
ax.plot(k, 0.05 * k / 1000, "C2-", label="5 % k/m")
ax.axhline(0.05, color="C1", ls="--", label="5 % each")
ax.axhline(0.05 / 1000, color="C0", ls=":", label="5 %/m each")
ax.set(xlabel="k", ylabel="p-value", ylim=(5e-10, 0.5))
ax.legend(ncols=2, loc="lower right")
plt.show()

# %% [markdown]
# At 5 % each, two of three calls are false.  The strict level misses a fifth of the
# broken features.  The rule finds two or three more, and its false share stays near
# 5 %.  In the figure it calls all up to the last point below the rising line.
#
# ### Back to tonight
#
# The monitors were asked 288,000 questions a day, and each answer stood on five
# minutes.  Ask less, with more behind each question: 24,000 means of an hour.  A short
# fault drowns in such a mean, so keep two levels, minutes and hours, and share the
# day's 5 % out between them.  The limit is the strict one: for a single call the rule
# above has the same, $q/m$.  In the play a small fault, of 1.5 standard
# deviations, begins between noon and one, and stays.  A large one, of 8, lasts ten
# minutes.


# %%
def tonight(rng):
    """Return each rule's false calls, hours to the small fault, and the large seen."""
    common, own = rng.normal(size=(ROUNDS, 1)), rng.normal(size=(ROUNDS, MONITORS))
    values = np.sqrt(0.3) * common + np.sqrt(0.7) * own
    small, large = 144 + rng.integers(12, size=2)
    values[small:, 0] += 1.5
    values[large : large + 2, 1] += 8
    hourly = values.reshape(24, 12, MONITORS).mean(axis=1) * np.sqrt(12)
    results = []
    for minutes, hours in LEVELS.values():
        on = np.abs(values) > -ndtri(minutes / 2)
        on[11::12] |= np.abs(hourly) > -ndtri(hours / 2)
        wait = np.append(on[small:, 0], True).argmax() + 1  # midnight at the latest
        seen = on[large : large + 12, 1].any()
        results.append((on[:, 2:].sum(), wait / 12, seen))
    return results


# %%
LEVELS = {
    "3 in 1,000 every 5 min": (ALPHA, 0),
    "5 % a day, every 5 min": (0.05 / 288e3, 0),
    "5 % a day, every hour": (0, 0.05 / 24e3),
    "half of it on each": (0.025 / 288e3, 0.025 / 24e3),
}
days = np.array([tonight(rng) for _ in range(60)])
print("                                       hours to the small fault   large")
print("60 days                  false calls   (unseen: to midnight)      seen")
for name, (false, wait, seen) in zip(LEVELS, days.transpose(1, 2, 0), strict=True):
    mean, half = interval(wait)
    row = f"{name:22} {false.sum():13,.0f} {mean:16.1f} ± {half:.1f}"
    print(f"{row} {seen.sum():14.0f}")
print(f"the small fault moves an hour's mean by {1.5 * np.sqrt(12):.1f} standard")
print(f"deviations; the limit, with half on each, is {-ndtri(0.0125 / 24e3):.1f}")
print(f"5 % a day is up to {0.05 * 30:.1f} false calls in 30 days")

# %% [markdown]
# The strict limit on five minutes misses the small fault until midnight; the hour's
# mean misses most of the large ones.  Both levels together find both, with hardly a
# false call.  This needs twelve independent values an hour, and a small fault that
# stays and exceeds the hour's limit.  The bursts of the first table ask for a third
# level, the fleet: one question about how many call at once.
#
# So which alarm is real?  A limit that counts all questions calls falsely on one day in
# twenty at most.  Whether to believe a call also depends on how often models break.
# Here two do each day.  With one fault a month there would be up to 1.5 false calls for
# each true one: then ask for less than 5 % a day.
#
# It is safe to ship when a watched interval excludes the loss that one cannot bear:
# safe in the contract's one measure, but for 5 % of the bad versions.  So count the
# releases too.
#
# > **Takeaways.**
# >
# > - An error rate belongs to a question.  Count monitors, looks and features.
# > - Half the lift takes four times the requests.
# > - Looked at daily for a month, a test at 5 % finds a difference between equal
# >   versions in more than a quarter of the cases.  The boundary near three standard
# >   errors may be watched.
# > - Promote what the interval allows: no significant loss is no evidence.
# > - A small canary is a slow one: the evidence takes about as many requests,
# >   a roll-back fewer.
# > - While the loss grows evenly, train again when the decay has cost as much as a
# >   training.
#
# <details><summary>Sources</summary>
#
# The 864 alarms, the calendar and the numbers of problems 1 to 3 are the book's or
# those of its open calculations (mlsysim 0.3.0).  The bound is Ville's (1939), the
# mixture Robbins's (*Ann.  Math.  Stat.* 41, 1970); for A/B tests see arXiv 1512.04922.
# False discoveries: *J.  R.  Statist.  Soc.  B* 57, 1995.
#
# </details>
#
# ## Try it
#
# 1. A platform saves 20 hours of an engineer on each model a month, at 150 dollars an
#    hour.  It costs 120,000 dollars a month.  From how many models on does
#    it pay?
#
#    <details><summary>Answer</summary>
#
#    From 40 on.
#
#    ```python
#    for models in (20, 40, 50):
#        ratio = models * 20 * 150 / 120_000
#        print(f"{models} models: {ratio:.2f} dollars back for each dollar")
#    ```
#
#    ```text
#    20 models: 0.50 dollars back for each dollar
#    40 models: 1.00 dollars back for each dollar
#    50 models: 1.25 dollars back for each dollar
#    ```
#
#    </details>
#
# 2. 1,024 H100s cost 59.8 million dollars to buy, and 1.5
#    million a year.  Rented, each costs 4 dollars an hour, and only when in use.  From
#    which utilisation on is it cheaper to own them for three years?
#
#    <details><summary>Answer</summary>
#
#    From 60 % on.
#
#    ```python
#    owned = 59.8e6 + 3 * 1.5e6
#    rented = 1024 * 4 * 3 * 8760
#    print(f"own above a use of {owned / rented:.1%}")
#    ```
#
#    ```text
#    own above a use of 59.7%
#    ```
#
#    </details>
#
# 3. The share of buyers falls from 4.2 to 3.87 %.  All servers are healthy.  A feature
#    that is 1 for 42 % of the visitors has become 1 for 31 % of them, because a job
#    that fills it is late.  Which monitor could have seen it first, at a power of 80 %?
#
#    <details><summary>Answer</summary>
#
#    The feature's, with about a 180th of the requests.  As one of 1,000, each at
#    5 %/1,000, it takes about a sixtieth.  So ask the inputs too, and not the servers
#    alone.
#
#    ```python
#    for name, p, delta, level in (
#        ("buyers", 0.042, 0.0033, 0.05),
#        ("feature", 0.42, 0.11, 0.05),
#        ("one of 1,000", 0.42, 0.11, 0.05 / 1000),
#    ):
#        n = requests(p, delta, level)
#        print(f"{name:12} {n:8,.0f} requests before and after")
#    ```
#
#    ```text
#    buyers         58,000 requests before and after
#    feature           316 requests before and after
#    one of 1,000      966 requests before and after
#    ```
#
#    </details>
#
# 4. One possible sign of *technical debt* is the share of deployments that cause an
#    incident; *Accelerate* (Forsgren, Humble and Kim, 2018) uses it as a measure of
#    delivery.  It was 4 of 120 last quarter, and is 9 of 120 now.  Has it grown?
#
#    <details><summary>Answer</summary>
#
#    One cannot say: the difference is below two standard errors.  For a power of 80 %
#    it takes more than 291 in each quarter, since 7.5 % varies more than 3.3 %.
#
#    ```python
#    p, now = 4 / 120, 9 / 120
#    print(f"{z_of(4, 9, 120):.1f} standard errors")
#    print(f"by the chapter's law {requests(p, now - p):.0f} deployments in each")
#    ```
#
#    ```text
#    1.4 standard errors
#    by the chapter's law 291 deployments in each
#    ```
#
#    </details>
#
# > **Chapter connection.** The fleet now works for years, and we know how often its
# > alarms are false.  Chapter 13 asks what the models tell to somebody who means harm.
