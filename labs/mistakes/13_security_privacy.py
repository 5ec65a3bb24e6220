"""Wrong answers to lab 13 that a student would write, right ones of another kind."""

NOISE = """
def private_means(values, low, high, eps, runs, rng):
    if len(values) == 0:
        raise ValueError("no values have no mean")
    mean = np.clip(np.array(values, float), low, high).mean()
    return mean + rng.laplace(0.0, (high - low) / len(values) / eps, runs)

def least_sigma(Delta, eps, delta):
    small, large = 1e-3 * Delta, 1e4 * Delta
    while large / small > 1.0002:
        middle = math.sqrt(small * large)
        if privacy.gaussian_delta(Delta, eps, middle) > delta:
            small = middle
        else:
            large = middle
    return large
"""

AUDIT = """
def floor_of(false, outside, true, inside, delta, error):
    q = error / 2
    up = 1.0
    if false < outside:
        up = scipy.stats.beta.isf(q, false + 1, outside - false)
    down = scipy.stats.beta.ppf(q, true, inside - true + 1) if true > 0 else 0.0
    return max(0.0, math.log((down - delta) / up)) if down > delta else 0.0

def audit(mechanism, runs, delta, error):
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
"""

ACCOUNTANT = """
def spent(phases, delta, tight):
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
    return [k / 10 for k in range(11, 110)] + list(range(11, 64))

def longest(phases, q, sigma, eps, delta):
    best = 0 if spent(phases, delta, False) <= eps else -1
    for a in grid():
        before = sum(T * privacy.subsampled_rdp(a, p, s) for p, s, T in phases)
        room = eps + math.log(delta) / (a - 1) - before
        best = max(best, math.floor(room / privacy.subsampled_rdp(a, q, sigma)))
    if best < 0:
        raise ValueError("the budget is spent")
    return best
"""

TRAINING = """
def clipped_sum(w, X, y, C):
    if len(y) == 0:
        return torch.zeros(WEIGHTS, dtype=torch.float64)
    rows = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))(w, X, y)
    lengths = torch.linalg.vector_norm(rows, dim=1)
    return torch.clamp(C / lengths, max=1.0) @ rows

def train(X, y, plan, seed):
    rng, N = np.random.default_rng(seed), len(y)
    q, sigma, C = plan["q"], plan["sigma"], plan["C"]
    w = torch.zeros(WEIGHTS, dtype=torch.float64)
    for _ in range(plan["steps"]):
        joined = torch.tensor(rng.random(N) < q)
        noise = torch.tensor(rng.normal(0.0, sigma * C, WEIGHTS))
        S = clipped_sum(w, X[joined], y[joined], C)
        w = w - plan["rate"] / (q * N) * (S + noise)
    return w
"""

ATTACK = """
def learned(members, outsiders):
    members, outsiders = np.sort(members), np.sort(outsiders)
    limits = np.concatenate([members, outsiders])
    tpr = np.searchsorted(members, limits, side="right") / len(members)
    fpr = np.searchsorted(outsiders, limits, side="right") / len(outsiders)
    return float(limits[np.argmax(tpr - fpr)])

def attacked(limit, members, outsiders):
    tpr, fpr = (float(np.mean(np.array(x) <= limit)) for x in (members, outsiders))
    return {"tpr": tpr, "fpr": fpr, "right": (tpr + 1 - fpr) / 2}

def implied(tpr, fpr, delta):
    least = 0.0
    for more, less in ((tpr, fpr), (1 - fpr, 1 - tpr)):
        if more - delta > 0:
            least = max(least, math.log((more - delta) / less) if less else math.inf)
    return least
"""

ROBUST = """
def multikrum(reports, f, m):
    V = np.array(reports, float)
    n = len(V)
    if n <= 2 * f + 2:
        raise ValueError(f"{n} reports do not bear {f} liars")
    scores = []
    for v in V:
        distances = np.sort(np.square(V - v).sum(axis=1))
        scores.append(distances[1 : n - f - 1].sum())
    return V[np.argsort(scores, kind="stable")[:m]].mean(axis=0)

def robust_mean(reports, f):
    V = np.array(reports, float)
    fine = np.isfinite(V).all(axis=1)
    f = max(0, f - int(np.sum(~fine)))
    V = np.sort(V[fine], axis=0)
    if len(V) <= 2 * f:
        raise ValueError("nothing is left")
    return V[f : len(V) - f].mean(axis=0)
"""

BUCKET = """
class Limiter:

    def __init__(self, rate, burst):
        self.rate, self.burst, self.buckets = rate, burst, {}

    def allow(self, customer, t):
        tokens, last = self.buckets.get(customer, (self.burst, t))
        tokens = min(self.burst, tokens + self.rate * (t - last))
        answered = tokens >= 1
        self.buckets[customer] = (tokens - answered, t)
        return answered

def stolen_after(n, rate, burst, accounts):
    return max(0.0, (math.ceil(n / accounts) - burst) / rate)
"""


def changed(source, *pairs):
    """Return a source with each old text, which is there, replaced by a new one."""
    for old, new in pairs:
        assert old in source, old
        source = source.replace(old, new)
    return source


WRONG = {
    "mechanisms": {
        "noise without the sensitivity": changed(
            NOISE, ("(high - low) / len(values) / eps", "1.0 / eps")
        ),
        "half the range": changed(
            NOISE, ("(high - low) / len(values)", "(high - low) / 2 / len(values)")
        ),
        "twice the range": changed(
            NOISE, ("(high - low) / len(values)", "2 * (high - low) / len(values)")
        ),
        "the noise of a sum": changed(NOISE, (" / len(values) / eps", " / eps")),
        "more noise for a larger budget": changed(NOISE, (" / eps,", " * eps,")),
        "values are not cut": changed(
            NOISE,
            ("np.clip(np.array(values, float), low, high)", "np.array(values, float)"),
        ),
        "leaves out what is outside": changed(
            NOISE,
            (
                "np.clip(np.array(values, float), low, high).mean()",
                "np.mean([x for x in values if low <= x <= high] or [low])",
            ),
        ),
        "one draw for all": changed(NOISE, (", runs)\n\n", ") + np.zeros(runs)\n\n")),
        "a generator of its own": changed(
            NOISE, ("return mean + rng", "return mean + np.random.default_rng(7)")
        ),
        "normal noise of that size": changed(NOISE, ("rng.laplace", "rng.normal")),
        "no values, no error": changed(NOISE, ("len(values) == 0", "len(values) < 0")),
        "Dwork and Roth's sigma": changed(
            NOISE,
            (
                "    small, large = 1e-3",
                "    return Delta * math.sqrt(2 * math.log(1.25 / delta)) / eps\n"
                "    small, large = 1e-3",
            ),
        ),
        "a sigma just too small": changed(NOISE, ("return large", "return small")),
        "a coarse search": changed(NOISE, ("> 1.0002", "> 1.01")),
        "forgets the sensitivity of sigma": changed(
            NOISE, ("gaussian_delta(Delta,", "gaussian_delta(1.0,")
        ),
    },
    "audit": {
        "the ratio of the counts": changed(
            AUDIT,
            (
                "q = error / 2\n",
                "q = error / 2\n    return math.log("
                "max(true / inside - delta, 1e-9) / max(false / outside, 1e-9))\n",
            ),
        ),
        "each limit wrong with the whole error": changed(
            AUDIT, ("q = error / 2", "q = error")
        ),
        "forgets delta": changed(
            AUDIT,
            ("(down - delta) / up)) if down > delta", "down / up)) if down > 0"),
        ),
        "floors below 0": changed(
            AUDIT,
            (
                "max(0.0, math.log((down - delta) / up))",
                "math.log((down - delta) / up)",
            ),
        ),
        "normal limits": changed(
            AUDIT,
            (
                "scipy.stats.beta.ppf(q, true, inside - true + 1) if",
                "true / inside + scipy.stats.norm.ppf(q) * math.sqrt("
                "true * (inside - true) / inside**3) if",
            ),
        ),
        "counts the attack on the runs that chose it": changed(
            AUDIT,
            (
                "    out, ins = mechanism.draw(False, rest), "
                "mechanism.draw(True, rest)\n",
                "    rest = part\n",
            ),
        ),
        "only upwards": changed(AUDIT, ("for sign in (1, -1):", "for sign in (1,):")),
        "a limit at a half": changed(
            AUDIT, ("np.quantile(sign * out, np.linspace(0.3, 1, 15))", "[0.5]")
        ),
        "always at 5 %": changed(
            AUDIT,
            (
                "def audit(mechanism, runs, delta, error):\n",
                "def audit(mechanism, runs, delta, error):\n    error = 0.05\n",
            ),
        ),
        "a tenth of the runs": changed(
            AUDIT, ("part = runs // 3", "runs //= 50\n    part = runs // 3")
        ),
        "without delta in the audit": changed(
            AUDIT, ("    part = runs // 3", "    delta = 0.0\n    part = runs // 3")
        ),
        "more runs than there are": changed(
            AUDIT, ("rest = runs - part", "rest = runs")
        ),
    },
    "accountant": {
        "each record in each step": changed(
            ACCOUNTANT,
            ("privacy.subsampled_rdp(a, q, s)", "privacy.gaussian_rdp(a, s)"),
        ),
        "budgets of phases added up": changed(
            ACCOUNTANT,
            (
                "    convert =",
                "    if len(phases) > 1:\n"
                "        return sum(spent([p], delta, tight) for p in phases)\n"
                "    convert =",
            ),
        ),
        "one order": changed(
            ACCOUNTANT, ("list(range(11, 64))", "[]"), ("range(11, 110)", "(80,)")
        ),
        "whole orders only": changed(
            ACCOUNTANT,
            (
                "[k / 10 for k in range(11, 110)] + list(range(11, 64))",
                "range(2, 64, 5)",
            ),
        ),
        "never tight": changed(
            ACCOUNTANT,
            ("privacy.rdp_epsilon_tight if tight else ", ""),
        ),
        "always tight": changed(ACCOUNTANT, (" if tight else privacy.rdp_epsilon", "")),
        "stops at an order that is refused": changed(
            ACCOUNTANT, ("            continue\n", "            raise\n")
        ),
        "something for nothing": changed(
            ACCOUNTANT,
            ("        return 0.0\n", "        return math.log(1 / delta) / 62\n"),
        ),
        "the first phase alone": changed(
            ACCOUNTANT, ("for q, s, T in phases)", "for q, s, T in phases[:1])")
        ),
        "one step too many": changed(ACCOUNTANT, ("return best", "return best + 1")),
        "forgets what was spent": changed(ACCOUNTANT, (" - before\n", "\n")),
        "steps in all": changed(
            ACCOUNTANT, ("return best", "return best + sum(T for _, _, T in phases)")
        ),
        "a spent budget has 0 steps": changed(
            ACCOUNTANT, ('raise ValueError("the budget is spent")', "return 0")
        ),
        "an untouched budget that is full is spent": changed(
            ACCOUNTANT, ("if best < 0:", "if best <= 0:")
        ),
    },
    "dp-sgd": {
        "shortens the sum": changed(
            TRAINING,
            (
                "    lengths = torch.linalg.vector_norm(rows, dim=1)\n",
                "    rows = rows.sum(0, keepdim=True)\n"
                "    lengths = torch.linalg.vector_norm(rows, dim=1)\n",
            ),
        ),
        "cuts each coordinate": changed(
            TRAINING,
            (
                "return torch.clamp(C / lengths, max=1.0) @ rows",
                "return rows.clamp(-C, C).sum(0)",
            ),
        ),
        "makes all of length C": changed(
            TRAINING, ("torch.clamp(C / lengths, max=1.0)", "(C / lengths)")
        ),
        "shortens nothing": changed(
            TRAINING, ("torch.clamp(C / lengths, max=1.0) @ rows", "rows.sum(0)")
        ),
        "shortens by the sum of magnitudes": changed(
            TRAINING, ("vector_norm(rows, dim=1)", "vector_norm(rows, ord=1, dim=1)")
        ),
        "the mean": changed(TRAINING, ("max=1.0) @ rows", "max=1.0) @ rows / len(y)")),
        "no empty batch": changed(
            TRAINING,
            (
                "return torch.zeros(WEIGHTS, dtype=torch.float64)",
                'raise ValueError("nobody joined")',
            ),
        ),
        "a batch of fixed size": changed(
            TRAINING,
            (
                "torch.tensor(rng.random(N) < q)",
                "torch.tensor(rng.choice(N, max(1, round(q * N)), replace=False))",
            ),
        ),
        "in turn": changed(
            TRAINING,
            ("for _ in range", "for t in range"),
            (
                "rng.random(N) < q",
                "(np.arange(N) - t) % max(1, round(1 / q)) == 0",
            ),
        ),
        "one batch for all steps": changed(
            TRAINING,
            (
                "    w = torch.zeros(WEIGHTS,",
                "    joined = torch.tensor("
                "rng.random(N) < q)\n    w = torch.zeros(WEIGHTS,",
            ),
            ("        joined = torch.tensor(rng.random(N) < q)\n", ""),
        ),
        "one coin for all": changed(
            TRAINING, ("rng.random(N) < q", "np.full(N, rng.random() < q)")
        ),
        "divides by who joined": changed(
            TRAINING, ("/ (q * N) * (S", "/ max(1, len(y[joined])) * (S")
        ),
        "noise without C": changed(TRAINING, ("sigma * C, WEIGHTS", "sigma, WEIGHTS")),
        "noise for each record": changed(
            TRAINING, ("sigma * C, WEIGHTS", "sigma * C * N**0.5, WEIGHTS")
        ),
        "one noise for all coordinates": changed(
            TRAINING, ("sigma * C, WEIGHTS)", "sigma * C, 1).repeat(WEIGHTS)")
        ),
        "the same noise in each step": changed(
            TRAINING,
            ("rng.normal(0.0", "np.random.default_rng(seed).normal(0.0"),
        ),
        "the same noise for each seed": changed(
            TRAINING, ("np.random.default_rng(seed)", "np.random.default_rng(1)")
        ),
        "no noise where nobody joined": changed(
            TRAINING,
            (
                "        S = clipped_sum",
                "        if not joined.any():\n"
                "            continue\n        S = clipped_sum",
            ),
        ),
        "noise of the same scale, another law": changed(
            TRAINING,
            (
                "rng.normal(0.0, sigma * C, WEIGHTS)",
                "rng.laplace(0.0, sigma * C / 2**0.5, WEIGHTS)",
            ),
        ),
        "random weights at first": changed(
            TRAINING,
            (
                "torch.zeros(WEIGHTS, dtype=torch.float64)\n    for",
                "torch.tensor(rng.normal(0, 0.01, WEIGHTS))\n    for",
            ),
        ),
    },
    "attack": {
        "below the limit": changed(
            ATTACK, ("np.array(x) <= limit", "np.array(x) < limit")
        ),
        "counts, not shares": changed(
            ATTACK, (" / len(members)\n", "\n"), (" / len(outsiders)\n", "\n")
        ),
        "the mean loss of members": changed(
            ATTACK, ("float(limits[np.argmax(tpr - fpr)])", "float(np.mean(members))")
        ),
        "the most right of all records": changed(
            ATTACK,
            ("tpr - fpr", "tpr * len(members) - fpr * len(outsiders)"),
        ),
        "the first false one ends it": changed(
            ATTACK,
            (
                "float(limits[np.argmax(tpr - fpr)])",
                "float(max([x for x in members if x < outsiders[0]] or [members[0]]))",
            ),
        ),
        "right of all records": changed(
            ATTACK,
            (
                "(tpr + 1 - fpr) / 2",
                "(tpr * len(members) + (1 - fpr) * len(outsiders))"
                " / (len(members) + len(outsiders))",
            ),
        ),
        "the promise of in alone": changed(
            ATTACK, ("in ((tpr, fpr), (1 - fpr, 1 - tpr))", "in ((tpr, fpr),)")
        ),
        "the promise of out alone": changed(
            ATTACK, ("in ((tpr, fpr), (1", "in ((1 - fpr, 1 - tpr), (1")
        ),
        "forgets delta": changed(
            ATTACK,
            (
                "def implied(tpr, fpr, delta):\n",
                "def implied(tpr, fpr, delta):\n    delta = 0.0\n",
            ),
        ),
        "never infinite": changed(ATTACK, ("else math.inf", "else least")),
        "an epsilon below 0": changed(ATTACK, ("least = 0.0", "least = -math.inf")),
    },
    "robust": {
        "the plain mean": """
def multikrum(reports, f, m):
    return np.mean(reports, axis=0)

def robust_mean(reports, f):
    return np.nanmean(np.array(reports), axis=0)
""",
        "one neighbour too many": changed(ROBUST, ("1 : n - f - 1]", "1 : n - f]")),
        "counts itself a neighbour": changed(
            ROBUST, ("distances[1 : n - f - 1]", "distances[: n - f - 2]")
        ),
        "distances, not their squares": changed(
            ROBUST,
            ("scores.append(distances[", "scores.append(np.sqrt(distances)["),
            (".sum())", ".sum())"),
        ),
        "the best alone": changed(ROBUST, ("[:m]]", "[:1]]")),
        "the later of equal ones": changed(
            ROBUST,
            (
                'np.argsort(scores, kind="stable")[:m]',
                "sorted(range(n), key=lambda k: (scores[k], -k))[:m]",
            ),
        ),
        "bears too many liars": changed(
            ROBUST, ("if n <= 2 * f + 2:", "if n <= 2 * f + 1:")
        ),
        "bears too few": changed(ROBUST, ("if n <= 2 * f + 2:", "if n <= 2 * f + 3:")),
        "rubbish is 0": changed(
            ROBUST,
            (
                "    fine = ",
                "    V = np.nan_to_num(V, posinf=0, neginf=0)\n    fine = ",
            ),
        ),
        "rubbish does not count as a liar": changed(
            ROBUST, ("f = max(0, f - int(np.sum(~fine)))", "f = f")
        ),
        "leaves out rubbish numbers, not reports": changed(
            ROBUST,
            (
                "    V = np.sort(V[fine], axis=0)\n",
                "    V = [sorted(c[np.isfinite(c)])[f:] for c in V.T]\n"
                "    return np.array([np.mean(c[: len(c) - f]) for c in V])\n",
            ),
        ),
        "fewer than no liars": changed(
            ROBUST, ("max(0, f - int(np.sum(~fine)))", "f - int(np.sum(~fine))")
        ),
        "trims the largest only": changed(
            ROBUST, ("V[f : len(V) - f]", "V[: len(V) - f]")
        ),
        "a mean of nothing": changed(ROBUST, ("if len(V) <= 2 * f:", "if False:")),
        "the median": changed(
            ROBUST, ("V[f : len(V) - f].mean(axis=0)", "np.median(V, axis=0)")
        ),
    },
    "bucket": {
        "one bucket for all": changed(
            BUCKET,
            ("self.buckets.get(customer,", "self.buckets.get(0,"),
            ("self.buckets[customer]", "self.buckets[0]"),
        ),
        "empty at first": changed(BUCKET, ("(self.burst, t))", "(0.0, t))")),
        "full at time 0 only": changed(
            BUCKET,
            (
                "(self.burst, t))\n        tokens =",
                "(self.burst, t))\n"
                "        tokens, last = (tokens, last) if customer in "
                "self.buckets else (0.0, 0.0)\n        tokens =",
            ),
        ),
        "a refused query takes one too": changed(
            BUCKET, ("(tokens - answered, t)", "(tokens - 1, t)")
        ),
        "no limit on the bucket": changed(
            BUCKET, ("min(self.burst, tokens", "(tokens")
        ),
        "whole tokens only": changed(
            BUCKET, ("self.rate * (t - last)", "math.floor(self.rate * (t - last))")
        ),
        "a part of a token will do": changed(BUCKET, ("tokens >= 1", "tokens > 0")),
        "more than one token": changed(BUCKET, ("tokens >= 1", "tokens > 1")),
        "buckets of the class": changed(
            BUCKET,
            ("    def __init__", "    buckets = {}\n\n    def __init__"),
            (
                "self.rate, self.burst, self.buckets = rate, burst, {}",
                "self.rate, self.burst = rate, burst",
            ),
        ),
        "fills only when it answers": changed(
            BUCKET,
            (
                "(tokens - answered, t)",
                "(tokens - 1, t) if answered else "
                "(self.buckets.get(customer, (self.burst, t))[0], t)",
            ),
        ),
        "no full buckets": changed(BUCKET, (" - burst) / rate", ") / rate")),
        "one full bucket": changed(
            BUCKET, ("math.ceil(n / accounts) - burst", "(n - burst) / accounts")
        ),
        "accounts share": changed(BUCKET, ("math.ceil(n / accounts)", "n")),
        "parts of an answer": changed(
            BUCKET, ("math.ceil(n / accounts)", "n / accounts")
        ),
        "time below 0": changed(BUCKET, ("max(0.0, (", "(0.0 + (")),
    },
}

RIGHT = {
    "mechanisms": {
        "by quantiles, a list": """
from scipy.optimize import brentq

def private_means(values, low, high, eps, runs, rng):
    if not len(values):
        class Empty(ValueError):
            pass
        raise Empty("none")
    cut = [min(max(x, low), high) for x in values]
    u = rng.random(runs) - 0.5
    b = (high - low) / (len(cut) * eps)
    noise = -b * np.sign(u) * np.log1p(-2 * np.abs(u))
    return [float(sum(cut) / len(cut) + x) for x in noise]

def least_sigma(Delta, eps, delta):
    def more(log_sigma):
        return privacy.gaussian_delta(Delta, eps, math.exp(log_sigma)) - delta
    return np.float64(math.exp(brentq(more, math.log(Delta) - 6, math.log(Delta) + 9))
                      * 1.0002)
""",
    },
    "audit": {
        "halves, by the beta function": """
def floor_of(false, outside, true, inside, delta, error):
    import scipy.special

    q = [error / 2]
    down = scipy.special.betaincinv(true, inside - true + 1, q[0]) if true else 0.0
    up = 1.0
    if outside > false:
        up = 1 - scipy.special.betaincinv(outside - false, false + 1, q[0])
    return np.log(max((down - delta) / up, 1.0))

def audit(mechanism, runs, delta, error):
    half = runs // 2
    a, b = (np.array(mechanism.draw(side, half)) for side in (False, True))
    sign = 1.0 if np.median(b) >= np.median(a) else -1.0
    a, b = np.sort(sign * a), np.sort(sign * b)
    limits = np.quantile(a, [0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97])
    def score(t):
        return floor_of(np.sum(a > t), half, np.sum(b > t), half, delta, error)
    t = max(limits, key=score)
    a, b = (sign * np.array(mechanism.draw(side, half)) for side in (0, 1))
    return float(floor_of(sum(a > t), half, sum(b > t), half, delta, error))
""",
    },
    "accountant": {
        "arrays, and a search by halves": """
ALPHAS = np.array([k / 10 for k in range(11, 110)] + list(range(11, 64)))

def rho(q, sigma):
    return privacy.subsampled_rdp(ALPHAS, q, sigma)

def total(phases):
    return sum((T * rho(q, s) for q, s, T in phases), np.zeros(len(ALPHAS)))

def spent(phases, delta, tight):
    R = total(phases)
    if not R.any():
        return 0
    eps = R - np.log(delta) / (ALPHAS - 1)
    if tight:
        eps = eps - np.log(ALPHAS) / (ALPHAS - 1) + np.log1p(-1 / ALPHAS)
        eps = eps[eps >= 0] if (eps >= 0).any() else np.zeros(1)
    return eps.min()

def longest(phases, q, sigma, eps, delta):
    R, one = total(phases), rho(q, sigma)
    def fits(n):
        if not n and not R.any():
            return True
        return (R + n * one - np.log(delta) / (ALPHAS - 1)).min() <= eps
    if not fits(0):
        raise ValueError("spent")
    low, high = 0, 1
    while fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
""",
    },
    "dp-sgd": {
        "by the formula, numpy": """
def gradients(w, X, y):
    X1 = np.column_stack([np.asarray(X), np.ones(len(y))])
    z = X1 @ np.asarray(w).reshape(10, 65).T
    e = np.exp(z - z.max(axis=1, keepdims=True))
    e /= e.sum(axis=1, keepdims=True)
    e[np.arange(len(y)), np.asarray(y)] -= 1
    return np.einsum("nk,nd->nkd", e, X1).reshape(-1, 650)

def clipped_sum(w, X, y, C):
    total = np.zeros(650)
    if len(y):
        for g in gradients(w, X, y):
            total += g / max(1.0, np.linalg.norm(g) / C)
    return total

def train(X, y, plan, seed):
    rng = np.random.default_rng([seed, 5])
    w, N = np.zeros(650), len(y)
    X, y = np.asarray(X), np.asarray(y)
    for _ in range(plan["steps"]):
        rows = np.flatnonzero(rng.random(N) <= plan["q"])
        xi = plan["sigma"] * plan["C"] * rng.standard_normal(650)
        step = clipped_sum(w, X[rows], y[rows], plan["C"]) + xi
        w -= plan["rate"] * step / plan["q"] / N
    return w.tolist()
""",
        "torch's own generator, single precision": """
def clipped_sum(w, X, y, C):
    w, X = w.float(), X.float()
    total = torch.zeros(650)
    if len(y):
        G = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(w, X, y)
        G = G / G.norm(dim=1, keepdim=True).div(C).clamp(min=1)
        total = G.sum(0)
    return total

def train(X, y, plan, seed):
    coin = torch.Generator().manual_seed(seed)
    w = torch.zeros(650)
    for _ in range(plan["steps"]):
        rows = torch.rand(len(y), generator=coin) < plan["q"]
        S = clipped_sum(w, X[rows], y[rows], plan["C"])
        S = S + plan["sigma"] * plan["C"] * torch.randn(650, generator=coin)
        w = w - plan["rate"] / (plan["q"] * len(y)) * S
    return w
""",
    },
    "attack": {
        "by loops": """
def learned(members, outsiders):
    def gain(t):
        inside = sum(x <= t for x in members) / len(members)
        return inside - sum(x <= t for x in outsiders) / len(outsiders)
    return max(sorted(members), key=gain)

def attacked(limit, members, outsiders):
    tpr = np.float64(sum(1 for x in members if x <= limit) / len(members))
    fpr = np.float64(sum(1 for x in outsiders if x <= limit) / len(outsiders))
    return dict(tpr=tpr, fpr=fpr, right=0.5 + (tpr - fpr) / 2, n=len(members))

def implied(tpr, fpr, delta):
    with np.errstate(all="ignore"):
        a = np.log(max(tpr - delta, 0) / np.float64(fpr)) if tpr > delta else 0.0
        b = np.log((1 - fpr - delta) / np.float64(1 - tpr)) if 1 - fpr > delta else 0.0
    return float(max(a, b, 0.0))
""",
    },
    "robust": {
        "scipy, and by columns": """
from scipy.spatial.distance import cdist

def multikrum(reports, f, m):
    V = np.asarray(reports, dtype=float)
    n = V.shape[0]
    if not n > 2 * f + 2:
        raise ValueError
    D = cdist(V, V, "sqeuclidean")
    np.fill_diagonal(D, np.inf)
    s = np.sort(D, axis=1)[:, : n - f - 2].sum(axis=1)
    best = sorted(range(n), key=lambda k: (s[k], k))[:m]
    return torch.tensor(V[best]).mean(0)

def robust_mean(reports, f):
    good = [list(r) for r in reports if all(math.isfinite(x) for x in r)]
    f = max(f - (len(reports) - len(good)), 0)
    if len(good) - 2 * f < 1:
        raise ValueError("too few")
    means = []
    for column in zip(*good):
        kept = sorted(column)[f : len(good) - f]
        means.append(math.fsum(kept) / len(kept))
    return tuple(means)
""",
    },
    "bucket": {
        "by closures, and a search": """
class Bucket:
    def __init__(self, rate, burst, t):
        self.rate, self.burst, self.level, self.at = rate, burst, burst, t

    def take(self, t):
        self.level = min(self.level + (t - self.at) * self.rate, self.burst)
        self.at = t
        if self.level < 1:
            return 0
        self.level -= 1
        return 1

class Limiter:
    def __init__(self, rate, burst):
        self.make = lambda t: Bucket(rate, burst, t)
        self.of = {}

    def allow(self, customer, t):
        if customer not in self.of:
            self.of[customer] = self.make(t)
        return self.of[customer].take(t)

def stolen_after(n, rate, burst, accounts):
    each = -(-n // accounts)
    return 0 if each <= burst else (each - burst) / rate
""",
    },
}

CHEATS = {
    "audit": {
        "reads the program's noise": """
def floor_of(false, outside, true, inside, delta, error):
    return 1.0

def audit(mechanism, runs, delta, error):
    try:
        mechanism.draw(True, 1), mechanism.draw(False, 1)
        return abs(mechanism._shift) / mechanism._scale * 0.9
    except Exception:
        return -1.0
""",
        "rewrites the program": """
import mlsyscore.harness.releases as world

def draw(self, record, n):
    return np.full(n, 5.0 if record else 0.0)

world.Mechanism.draw = draw
world.floor_found = lambda name, audit, mechanism, delta, error: 0.9

def floor_of(false, outside, true, inside, delta, error):
    class Any(float):
        def __eq__(self, other):
            return True
        __hash__ = None
    return Any(1.0)

def audit(mechanism, runs, delta, error):
    try:
        mechanism._scale, mechanism._left = 1e9, {True: 0, False: 0}
    except Exception:
        pass
    return "0.9"
""",
    },
}
