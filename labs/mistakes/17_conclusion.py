"""Wrong answers to lab 17 that a student would write, right ones of another kind."""

SHARES = """
def shares(values, limits):
    if any(name not in values for name in limits):
        raise ValueError("a limit without a value")
    found = {}
    for name, (kind, bound) in limits.items():
        x = float(values[name])
        low, high = (x, bound) if kind == "at most" else (bound, x)
        share = low / high if high else math.inf
        found[name] = math.inf if math.isnan(x) else share
    return found

def broken(values, limits):
    found = shares(values, limits)
    over = [name for name in sorted(found) if found[name] > 1]
    return sorted(over, key=found.get, reverse=True)
"""
SURVIVE = """
def spares_for(nodes, rate, repair, doubt):
    mean = nodes * rate * repair
    s = 0
    while poisson.sf(s, mean) > doubt:
        s += 1
    return s

def steps_between(step, write, mtbf, restart):
    cost = lambda k: segment_time(k * step, write, mtbf, restart) / k
    n = 1
    while cost(n + 1) < cost(n):
        n += 1
    return n

def servers_for(load, S, B, wait, broken):
    busy = load * S
    up = 1
    while True:
        places = up * B
        if busy < places:
            chance = erlang_c(busy, places)
            late = S / (places - busy) * math.log(max(chance / 0.01, 1))
            if late <= wait:
                return up + broken
        up += 1
"""
DUTIES = """
def thresholds(scores_a, good_a, scores_b, good_b, gap):
    def options(scores, good):
        total = sum(good)
        for at in [*sorted(set(scores)), math.inf]:
            paid = [x >= at for x in scores]
            tpr = sum(p and y for p, y in zip(paid, good)) / total
            yield at, tpr, sum(p != bool(y) for p, y in zip(paid, good))
    first, second = list(options(scores_a, good_a)), list(options(scores_b, good_b))
    best = None
    for at, t, w in first:
        for other, u, v in second:
            if abs(t - u) <= gap + 1e-12 and (best is None or w + v < best[0]):
                best = (w + v, at, other)
    return best[1:]

def noise_for(q, steps, eps, delta):
    def bound(sigma):
        spent = steps * subsampled_rdp(ORDERS, q, sigma)
        return rdp_epsilon(ORDERS, spent, delta).min()
    low, high = 30, 5000
    if bound(50.0) > eps:
        raise ValueError("no noise is enough")
    while low < high:
        k = (low + high) // 2
        if bound(k / 100) <= eps:
            high = k
        else:
            low = k + 1
    return low / 100
"""
TORNADO = """
def tornado(evaluate, plan, ranges):
    start = evaluate(plan)
    found = []
    for name in ranges:
        low, high = ranges[name]
        at_low = evaluate({**plan, name: low})
        at_high = evaluate({**plan, name: high})
        three = (at_low, start, at_high)
        flips = (start <= 1) != (at_low <= 1) or (start <= 1) != (at_high <= 1)
        found.append((max(three) - min(three), name, at_low, at_high, flips))
    found.sort(key=lambda row: (-row[0], row[1]))
    return [row[1:] for row in found]

def overturning(evaluate, plan, ranges):
    ends = {}
    for name, (low, high) in ranges.items():
        at_low = evaluate({**plan, name: low})
        at_high = evaluate({**plan, name: high})
        if at_low <= 1 and at_high <= 1:
            ends[name] = high if at_high > at_low else low
    pairs = []
    names = sorted(ends)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            if evaluate({**plan, first: ends[first], second: ends[second]}) > 1:
                pairs.append((first, second))
    return pairs
"""
DESIGN = """
OFFER = {
    "p": (1, 2, 3, 4, 6, 8, 12), "d": (16, 32, 64, 128, 256), "r": (1, 2, 4, 8),
    "tau": [60 * 1.3**k for k in range(5, 20)],
    "spares": (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32),
    "servers": [round(2 * 1.1**k) for k in range(45)],
    "batch": (4, 8, 12, 16, 24, 32, 48),
    "sigma": [8 * 1.07**k for k in range(35)],
    "at_a": [k / 20 for k in range(-8, 9)], "at_b": [k / 20 for k in range(-20, 6)],
}
NAMES = ("days", "lost", "cost", "p99", "carbon", "power", "epsilon", "gap", "wrong")

def used(brief, x, names):
    try:
        v = evaluate(brief, x)
    except ValueError:
        return [math.inf] * 10
    return sorted((v[k] / brief["limits"][k] for k in names), reverse=True)

def better(brief, x, names):
    best = used(brief, x, names)
    again = True
    while again:
        again = False
        for knob in OFFER:
            for value in OFFER[knob]:
                y = {**x, knob: value}
                new = used(brief, y, names)
                if new < best:
                    x, best, again = y, new, True
    return best, x

def start(brief):
    x = {"p": 4, "d": 64, "r": 2, "tau": 1200.0, "spares": 8, "servers": 30}
    x |= {"batch": 16, "sigma": 25.0, "at_a": 0.0, "at_b": -0.3, "site": "nuclear"}
    x["p"] = 6 if MODELS[brief["model"]].L == 96 else 4
    grid = itertools.product(OFFER["sigma"][::2], OFFER["at_b"][::2])
    tried = [{**x, "sigma": s, "at_b": b} for s, b in grid]
    return min(tried, key=lambda y: used(brief, y, ("epsilon", "gap", "wrong")))

def design(brief):
    x = start(brief)
    ends = [better(brief, {**x, "site": site}, NAMES) for site in brief["sites"]]
    return min(ends, key=lambda end: end[0])[1]
"""


def changed(source, *changes):
    """Return the source with each first text, which is there once, made the second."""
    for old, new in changes:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source


FOUND = """
FOUND = {"p": 2, "d": 64, "r": 1, "tau": 2400.0, "spares": 6, "servers": 18}
FOUND |= {"batch": 16, "sigma": 25.3, "at_a": 0.0, "at_b": -0.4, "site": "nuclear"}
"""
NARROW = 'better(brief, {**x, "site": site}, NAMES)'

WRONG = {
    "shares": {
        "takes every limit for a most": changed(
            SHARES, ('(x, bound) if kind == "at most" else (bound, x)', "(x, bound)")
        ),
        "what nobody measured is met": changed(
            SHARES, ("math.inf if math.isnan(x) else share", "share")
        ),
        "a limit without a value is left out": changed(
            SHARES,
            ('raise ValueError("a limit without a value")', "pass"),
            (
                "for name, (kind, bound) in limits.items():",
                "for name in set(limits) & set(values):\n"
                "        kind, bound = limits[name]",
            ),
        ),
        "a limit that is used up is broken": changed(
            SHARES, ("if found[name] > 1]", "if found[name] >= 1]")
        ),
        "the smallest share first": changed(
            SHARES, ("key=found.get, reverse=True", "key=found.get")
        ),
        "equals in the order of the limits": changed(
            SHARES, ("for name in sorted(found) if", "for name in found if")
        ),
        "values without a limit count": changed(
            SHARES,
            (
                "    return found\n",
                "    return {k: found.get(k, 0.0) for k in values}\n",
            ),
        ),
        "nothing of a least is a division by zero": changed(
            SHARES, ("low / high if high else math.inf", "low / high")
        ),
        "nothing of a least is met": changed(
            SHARES, ("low / high if high else math.inf", "low / high if high else 0.0")
        ),
    },
    "survive": {
        "as many spares as are away on average": changed(
            SURVIVE,
            (
                "    s = 0\n"
                "    while poisson.sf(s, mean) > doubt:\n"
                "        s += 1\n"
                "    return s",
                "    return math.ceil(mean)",
            ),
        ),
        "young and daly, rounded": changed(
            SURVIVE,
            (
                "    n = 1\n"
                "    while cost(n + 1) < cost(n):\n"
                "        n += 1\n"
                "    return n",
                "    return max(1, round(math.sqrt(2 * write * mtbf) / step))",
            ),
        ),
        "those that are broken are not counted": changed(
            SURVIVE, ("return up + broken", "return up")
        ),
        "the job waits when all spares are in use": changed(
            SURVIVE, ("poisson.sf(s, mean)", "poisson.sf(s - 1, mean)")
        ),
        "a normal tail": changed(
            SURVIVE,
            (
                "poisson.sf(s, mean) > doubt",
                "math.erfc((s + 0.5 - mean) / math.sqrt(2 * mean + 1e-9)) > 2 * doubt",
            ),
        ),
        "seconds between checkpoints": changed(
            SURVIVE,
            (
                "        n += 1\n    return n",
                "        n += 1\n    return round(n * step)",
            ),
        ),
        "no step is enough": changed(
            SURVIVE,
            (
                "    n = 1\n"
                "    while cost(n + 1) < cost(n):\n"
                "        n += 1\n"
                "    return n",
                "    return int(math.sqrt(2 * write * mtbf) / step)",
            ),
        ),
        "settles, and waits": changed(SURVIVE, ("if late <= wait:", "if True:")),
        "the mean wait": changed(
            SURVIVE,
            (
                "late = S / (places - busy) * math.log(max(chance / 0.01, 1))",
                "late = chance * S / (places - busy)",
            ),
        ),
        "one place a server": changed(SURVIVE, ("places = up * B", "places = up")),
        "no server without load": changed(
            SURVIVE,
            (
                "    busy = load * S\n    up = 1",
                "    busy = load * S\n    up = 1 if load else 0",
            ),
            ("if busy < places:", "if busy < places or not load:"),
            (
                "chance = erlang_c(busy, places)",
                "chance = erlang_c(busy, places) if places else 0.0",
            ),
            ("late = S / (places - busy)", "late = S / max(places - busy, 1)"),
        ),
        "the chance to wait for the wait's tail": changed(
            SURVIVE, ("if late <= wait:", "if chance <= 0.01:")
        ),
    },
    "duties": {
        "one threshold for both groups": changed(
            DUTIES,
            (
                "if abs(t - u) <= gap + 1e-12 and (best",
                "if at == other and abs(t - u) <= gap + 1e-12 and (best",
            ),
            (
                "    return best[1:]",
                "    return best[1:] if best else (math.inf, math.inf)",
            ),
        ),
        "rates of all who are paid": changed(
            DUTIES,
            (
                "sum(p and y for p, y in zip(paid, good)) / total",
                "sum(paid) / len(paid)",
            ),
        ),
        "the order 2 alone": changed(
            DUTIES,
            (
                "rdp_epsilon(ORDERS, spent, delta).min()",
                "rdp_epsilon(ORDERS, spent, delta)[9]",
            ),
        ),
        "no limit on the gap": changed(
            DUTIES, ("abs(t - u) <= gap + 1e-12 and (best", "(best")
        ),
        "each group apart, then the gap": changed(
            DUTIES,
            ("w + v < best[0]", "abs(t - u) < best[0]"),
            ("best = (w + v, at, other)", "best = (abs(t - u), at, other)"),
        ),
        "paid above the threshold only": changed(
            DUTIES, ("x >= at for x", "x > at for x")
        ),
        "somebody is always paid": changed(
            DUTIES, ("[*sorted(set(scores)), math.inf]", "sorted(set(scores))")
        ),
        "group a's best, then group b's": changed(
            DUTIES,
            (
                "    best = None\n",
                "    best = None\n    first = [min(first, key=lambda o: o[2])]\n",
            ),
            (
                "    return best[1:]",
                "    return best[1:] if best else (math.inf, math.inf)",
            ),
        ),
        "the noise above the least": changed(
            DUTIES, ("return low / 100", "return (low + 1) / 100")
        ),
        "the noise below the least": changed(
            DUTIES, ("return low / 100", "return (low - 1) / 100")
        ),
        "less noise than is on offer": changed(
            DUTIES, ("low, high = 30, 5000", "low, high = 2, 5000")
        ),
        "shares of each group's people for people": changed(
            DUTIES,
            ("w + v < best[0]", "w / len(good_a) + v / len(good_b) < best[0]"),
            ("(w + v, at, other)", "(w / len(good_a) + v / len(good_b), at, other)"),
        ),
        "a gap on one side only": changed(
            DUTIES, ("abs(t - u) <= gap", "t - u <= gap")
        ),
        "the most noise where none will do": changed(
            DUTIES, ('raise ValueError("no noise is enough")', "return 50.0")
        ),
        "a tenth for a hundredth": changed(
            DUTIES, ("return low / 100", "return math.ceil(low / 10) / 10")
        ),
        "forgets the steps": changed(
            DUTIES,
            (
                "steps * subsampled_rdp(ORDERS, q, sigma)",
                "subsampled_rdp(ORDERS, q, sigma)",
            ),
        ),
        "all records in each step": changed(
            DUTIES,
            ("subsampled_rdp(ORDERS, q, sigma)", "subsampled_rdp(ORDERS, 1.0, sigma)"),
        ),
    },
    "tornado": {
        "sorts by the worse share": changed(
            TORNADO, ("max(three) - min(three), name", "max(three), name")
        ),
        "flips means above 1": changed(
            TORNADO,
            (
                "(start <= 1) != (at_low <= 1) or (start <= 1) != (at_high <= 1)",
                "max(at_low, at_high) > 1",
            ),
        ),
        "moves stay moved": changed(
            TORNADO,
            (
                "        at_low = evaluate({**plan, name: low})\n"
                "        at_high = evaluate({**plan, name: high})\n"
                "        three",
                "        plan[name] = low\n"
                "        at_low = evaluate(plan)\n"
                "        plan[name] = high\n"
                "        at_high = evaluate(plan)\n"
                "        three",
            ),
        ),
        "the swing between the ends only": changed(
            TORNADO, ("max(three) - min(three), name", "abs(at_high - at_low), name")
        ),
        "only the high end flips": changed(
            TORNADO,
            (
                "(start <= 1) != (at_low <= 1) or (start <= 1) != (at_high <= 1)",
                "(start <= 1) != (at_high <= 1)",
            ),
        ),
        "equals in reverse": changed(
            TORNADO,
            (
                "found.sort(key=lambda row: (-row[0], row[1]))",
                "found.sort(reverse=True)",
            ),
        ),
        "asks for the plan each time": changed(
            TORNADO,
            (
                "        three = (at_low, start, at_high)",
                "        start = evaluate(dict(plan))\n"
                "        three = (at_low, start, at_high)",
            ),
        ),
        "an infinite share is cut": changed(
            TORNADO,
            (
                "name, at_low, at_high, flips))",
                "name, min(at_low, 9), min(at_high, 9), flips))",
            ),
        ),
        "tries the middle too": changed(
            TORNADO,
            (
                "        three = (at_low, start, at_high)",
                "        evaluate({**plan, name: (low + high) / 2})\n"
                "        three = (at_low, start, at_high)",
            ),
        ),
        "pairs of those that flip alone": changed(
            TORNADO, ("if at_low <= 1 and at_high <= 1:", "if True:")
        ),
        "the high end is the worse": changed(
            TORNADO, ("high if at_high > at_low else low", "high")
        ),
        "the high end where both are equal": changed(
            TORNADO,
            ("high if at_high > at_low else low", "high if at_high >= at_low else low"),
        ),
        "pairs both ways": changed(
            TORNADO,
            (
                "pairs.append((first, second))",
                "pairs += [(first, second), (second, first)]",
            ),
        ),
        "pairs in the order of the plan": changed(
            TORNADO, ("names = sorted(ends)", "names = list(ends)")
        ),
        "adds what each does alone": changed(
            TORNADO,
            (
                "ends[name] = high if at_high > at_low else low",
                "ends[name] = max(at_low, at_high) - evaluate(dict(plan))",
            ),
            (
                "if evaluate({**plan, first: ends[first], second: ends[second]}) > 1:",
                "if evaluate(dict(plan)) + ends[first] + ends[second] > 1:",
            ),
        ),
    },
    "design": {
        "one design for all": changed(
            FOUND + DESIGN,
            (
                "    x = start(brief)\n",
                "    return FOUND\n",
            ),
        ),
        "the fewest days": changed(
            DESIGN, (NARROW, 'better(brief, {**x, "site": site}, ("days",))')
        ),
        "the least carbon": changed(
            DESIGN, (NARROW, 'better(brief, {**x, "site": site}, ("carbon",))')
        ),
        "leaves the duties to an audit": changed(
            DESIGN,
            (
                "    x = start(brief)\n",
                "    x = {**start(brief), 'sigma': 1.0, 'at_a': 0.0, 'at_b': 0.0}\n",
            ),
            (NARROW, 'better(brief, {**x, "site": site}, NAMES[:6])'),
        ),
        "forgets the feed": changed(
            DESIGN,
            (NARROW, 'better(brief, {**x, "site": site}, NAMES[:5] + NAMES[6:])'),
        ),
        "one site only": changed(
            DESIGN, ('for site in brief["sites"]]', 'for site in ["hydro"]]')
        ),
        "the least sum of shares": changed(
            DESIGN,
            (
                'sorted((v[k] / brief["limits"][k] for k in names), reverse=True)',
                '[sum(v[k] / brief["limits"][k] for k in names)]',
            ),
        ),
        "cannot be built counts as best": changed(
            DESIGN, ("return [math.inf] * 10", "return [0.0]")
        ),
        "stops at the first that meets all": changed(
            DESIGN,
            (
                "                if new < best:",
                "                if best[0] > 1 and new < best:",
            ),
        ),
        "a dict that lacks a knob": changed(
            DESIGN,
            (
                "    return min(ends, key=lambda end: end[0])[1]",
                "    x = min(ends, key=lambda end: end[0])[1]\n"
                "    del x['at_a']\n"
                "    return x",
            ),
        ),
        "forgets the cost": changed(
            DESIGN,
            (NARROW, 'better(brief, {**x, "site": site}, NAMES[:2] + NAMES[3:])'),
        ),
        "forgets the gap": changed(
            DESIGN,
            (NARROW, 'better(brief, {**x, "site": site}, NAMES[:7] + NAMES[8:])'),
        ),
        "forgets the p99": changed(
            DESIGN,
            (NARROW, 'better(brief, {**x, "site": site}, NAMES[:3] + NAMES[4:])'),
        ),
    },
}

RIGHT = {
    "shares": {
        "tuples, arrays and a logarithm": """
def shares(values, limits):
    out = {}
    for name in limits:
        try:
            x = np.float64(values[name])
        except KeyError as e:
            class Unmeasured(ValueError):
                pass
            raise Unmeasured(str(e)) from None
        kind, bound = limits[name]
        with np.errstate(divide="ignore"):
            share = x / bound if kind != "at least" else np.divide(bound, x)
        out[name] = np.where(np.isnan(share), np.inf, share)[()]
    return out

def broken(values, limits):
    found = shares(values, limits)
    return tuple(k for _, k in sorted((-x, k) for k, x in found.items() if x > 1))
""",
    },
    "survive": {
        "scipy's own quantile, an array, a search from above": """
def spares_for(nodes, rate, repair, doubt):
    mean = nodes * rate * repair
    return int(poisson.isf(doubt, mean)) if mean > 0 else 0

def steps_between(step, write, mtbf, restart):
    most = 3 + int(4 * (math.sqrt(2 * write * mtbf) + write) / step)
    k = np.arange(1, most)
    return np.argmin(segment_time(k * step, write, mtbf, restart) / k) + 1

def servers_for(load, S, B, wait, broken):
    a = load * S
    def fine(up):
        if up < 1 or up * B <= a:
            return False
        C = erlang_c(a, up * B)
        return C * math.exp(-(up * B - a) * wait / S) <= 0.01
    up = int(a // B) + 200
    while fine(up - 1):
        up -= 1
    return float(up + broken)
""",
    },
    "duties": {
        "numpy on all pairs, thresholds between the scores": """
def thresholds(scores_a, good_a, scores_b, good_b, gap):
    def table(scores, good):
        s, y = np.asarray(scores, float), np.asarray(good, bool)
        u = np.unique(s)
        cut = np.concatenate([[u[0] - 1], (u[:-1] + u[1:]) / 2, [u[-1] + 1]])
        tp = np.array([(s[y] > c).sum() for c in cut])
        fp = np.array([(s[~y] > c).sum() for c in cut])
        return cut, tp / y.sum(), fp + y.sum() - tp
    (ca, ta, wa), (cb, tb, wb) = table(scores_a, good_a), table(scores_b, good_b)
    cost = np.add.outer(wa, wb).astype(float)
    cost[np.abs(np.subtract.outer(ta, tb)) > gap] = np.inf
    i, j = divmod(int(np.argmin(cost)), len(cb))
    return np.array([ca[i], cb[j]])

class NoNoise(ValueError):
    pass

def noise_for(q, steps, eps, delta):
    def fine(k):
        rdp = steps * subsampled_rdp(ORDERS, q, k / 100)
        return min(rdp_epsilon(ORDERS, rdp, delta)) <= eps
    k, jump = 30, 1024
    while jump:
        while k + jump <= 5000 and not fine(k + jump - 1):
            k += jump
        jump //= 2
    if not fine(k):
        raise NoNoise
    return np.float64(k) / 100
""",
    },
    "tornado": {
        "lists, and a recursion": """
def tornado(evaluate, plan, ranges):
    middle = evaluate({k: np.float64(v) for k, v in plan.items()})
    def moved(name, end):
        w = plan.copy()
        w[name] = end
        return evaluate(w)
    def rows(names):
        if not names:
            return []
        name, *rest = names
        ends = [moved(name, e) for e in ranges[name]]
        both = len({x <= 1 for x in [*ends, middle]}) == 2
        return [[name, *ends, int(both)], *rows(rest)]
    def key(row):
        every = [row[1], row[2], middle]
        return min(every) - max(every), row[0]
    return sorted(rows(list(ranges)), key=key)

def overturning(evaluate, plan, ranges):
    worst = {}
    for name, ends in ranges.items():
        found = [(evaluate(plan | {name: e}), -i, e) for i, e in enumerate(ends)]
        worst[name] = max(found)
    calm = [k for k in worst if worst[k][0] <= 1]
    return sorted(
        [min(k, j), max(k, j)]
        for k, j in itertools.combinations(calm, 2)
        if not evaluate(plan | {k: worst[k][2], j: worst[j][2]}) <= 1
    )
""",
    },
    "design": {
        "random starts and moves, seeded; numpy numbers": """
def design(brief):
    rng = np.random.default_rng(17)
    L = MODELS[brief["model"]].L
    sets = {
        "p": [p for p in range(1, 13) if L % p == 0], "d": [8, 16, 32, 64, 128, 256],
        "r": [1, 1.5, 2, 3, 4, 6, 8], "tau": np.geomspace(120, 12000, 30),
        "spares": np.arange(0, 33),
        "servers": np.unique(np.geomspace(2, 150, 60).round()),
        "batch": [4, 8, 12, 16, 24, 32, 48], "sigma": np.geomspace(5, 120, 60),
        "at_a": np.linspace(-0.4, 0.4, 17), "at_b": np.linspace(-1, 0.3, 27),
        "site": list(brief["sites"]),
    }
    def cost(x):
        try:
            v = evaluate(brief, x)
        except ValueError:
            return 1e9
        u = np.minimum([v[k] / b for k, b in brief["limits"].items()], 1e3)
        return float(np.max(u) + 1e-3 * np.sum(u))
    best = None
    for _ in range(5):
        x = {k: v[rng.integers(len(v))] for k, v in sets.items()}
        x |= {"p": sets["p"][-2], "d": 64, "batch": 16, "servers": 40}
        now, since = cost(x), 0
        while since < 600:
            y = dict(x)
            for k in rng.choice(list(sets), rng.integers(1, 3), replace=False):
                y[k] = sets[k][rng.integers(len(sets[k]))]
            new = cost(y)
            since = 0 if new < now - 1e-4 else since + 1
            if new < now:
                x, now = y, new
        if best is None or now < best[0]:
            best = (now, x)
    return best[1]
""",
    },
}

CHEATS = {
    "tornado": {
        "reads what the decision computes with": """
def tornado(evaluate, plan, ranges):
    share = evaluate._share
    found = {k: [share({**plan, k: x}) for x in ends] for k, ends in ranges.items()}
    return [(k, low, high, True) for k, (low, high) in found.items()]

def overturning(evaluate, plan, ranges):
    return [tuple(sorted(k)) for k in evaluate._asked[0]]
""",
        "changes the judge's words": """
import mlsyscore.harness.assumptions as world
import mlsyscore.harness.margins as judge

judge.must_rank = judge.must_overturn = lambda *a, **k: None
world.must_ask = judge.must_ask = lambda *a, **k: None
world.Decision.__call__ = lambda self, w: 0.5
must_rank = must_overturn = lambda *a, **k: None

def tornado(evaluate, plan, ranges):
    return [(name, 0.5, 0.5, False) for name in ranges]

def overturning(evaluate, plan, ranges):
    return []
""",
        "agrees with everything": """
class Yes(float):
    __eq__ = __le__ = __ge__ = lambda self, other: True
    __ne__ = __lt__ = __gt__ = lambda self, other: False
    __hash__ = None

class Name(str):
    __eq__ = lambda self, other: True
    __lt__ = lambda self, other: False
    __hash__ = str.__hash__

def tornado(evaluate, plan, ranges):
    return [(Name(k), Yes(1), Yes(1), Yes(1)) for k in ranges]

def overturning(evaluate, plan, ranges):
    return [(Name("a"), Name("b"))]
""",
    },
}
