"""Wrong answers to lab 12 that a student would write, right ones of another kind."""

POWER = """
def power_of(n, p, lift, share, alpha):
    q = p + lift
    se = math.sqrt((q * (1 - q) / share + p * (1 - p) / (1 - share)) / n)
    return float(ndtr(abs(lift) / se + ndtri(alpha / 2)))
"""
REQUESTS = """
def requests_of(p, lift, share, alpha, power):
    if lift == 0:
        raise ValueError("never")
    q = p + lift
    z = ndtri(power) - ndtri(alpha / 2)
    one = q * (1 - q) / share + p * (1 - p) / (1 - share)
    return max(1, math.ceil(z**2 * one / lift**2))
"""
SIZE = POWER + REQUESTS

LARGEST = """
def largest(looks, seed):
    n = np.array(looks, float)
    steps = np.sqrt(np.diff(n, prepend=0.0))
    walks = np.random.default_rng(seed).normal(size=(20_000, len(n))) * steps
    return np.abs(walks.cumsum(axis=1) / np.sqrt(n)).max(axis=1)
"""
PEEK = """
def peeked(looks, limit, seed):
    return float(np.mean(largest(looks, seed) > limit))

def threshold(looks, alpha, seed):
    return float(np.quantile(largest(looks, seed), 1 - alpha))
"""

PAGES = """
def pages(requests, errors, slo, rules):
    n, bad = (np.concatenate([[0], np.cumsum(x)]) for x in (requests, errors))
    on = np.zeros(len(errors) + 2, bool)
    for long, short, limit in rules:
        for t in range(max(long, short) - 1, len(errors)):
            both = True
            for w in (long, short):
                asked, failed = n[t + 1] - n[t + 1 - w], bad[t + 1] - bad[t + 1 - w]
                both &= asked > 0 and failed / asked / (1 - slo) >= limit
            on[t + 1] |= both
    change = np.flatnonzero(on[1:] != on[:-1])
    return [(int(a), int(b)) for a, b in zip(change[::2], change[1::2], strict=True)]
"""
SCORE = """
def score(found, incidents):
    starts = [start for start, _ in found]
    real = sum(any(a <= s < b for a, b in incidents) for s in starts)
    first = [min((s for s in starts if a <= s < b), default=None) for a, b in incidents]
    delays = [s - a for s, (a, _) in zip(first, incidents) if s is not None]
    share = len(delays) / len(incidents)
    delay = sum(delays) / len(delays)
    return {"precision": real / len(starts), "recall": share, "delay": delay}
"""
BURN = PAGES + SCORE

DECIDE = """
def decide(new, old, stage, stages, delta):
    (n, x), (N, X) = new, old
    few = np.minimum(n, N) < 50
    n, N = np.maximum(n, 1), np.maximum(N, 1)
    p = (x + X + 1) / (n + N + 2)
    se = np.sqrt(p * (1 - p) * (1 / n + 1 / N))
    kappa = (2 * delta / se) ** 2
    h = se * np.sqrt((1 + kappa) / kappa * (2 * math.log(20) + np.log1p(kappa)))
    d = x / n - X / N
    after = stage.copy()
    for k, share in enumerate([*stages, 1.0]):
        after = np.where((k > after) & (share * (h - d) <= delta), k, after)
    after = np.where(d + h < 0, -1, after)
    return np.where(few, stage, after)
"""
BOUND = "h = se * np.sqrt((1 + kappa) / kappa * (2 * math.log(20) + np.log1p(kappa)))"

ADJUSTED = """
def adjusted(p):
    p = np.array(p, float)
    m, order = len(p), np.argsort(p)
    steps = p[order] * m / np.arange(1, m + 1)
    result = np.empty(m)
    result[order] = np.minimum.accumulate(steps[::-1])[::-1].clip(max=1)
    return result.tolist()
"""
BROKEN = """
def broken(train, serve, q):
    p = [ks(a, b) for a, b in zip(np.transpose(train), np.transpose(serve))]
    return [k for k, value in enumerate(adjusted(p)) if value <= q]
"""
SKEW = ADJUSTED + BROKEN

CHECKER = """
def checker(history):
    def numbers_of(batch):
        found = [len(batch["price"])]
        for column in batch.values():
            there = column[~np.isnan(column)]
            size = np.log1p(np.abs(there))
            found += [np.mean(np.isnan(column)), np.mean(there == 0)]
            found += [size.mean(), size.std()]
        rows = np.column_stack([np.nan_to_num(column) for column in batch.values()])
        found.append(len(np.unique(rows, axis=0)) / len(rows))
        price, clicks = np.log1p(rows[:, 0]), rows[:, 3]
        found.append(np.corrcoef(price, clicks)[0, 1] if price.std() > 0 else 0.0)
        return np.nan_to_num(np.array(found))

    days = np.array([numbers_of(batch) for batch in history])
    middle, spread = days.mean(axis=0), days.std(axis=0, ddof=1) + 1e-3
    seen = {batch["price"].tobytes() for batch in history}

    def check(batch):
        off = np.abs(numbers_of(batch) - middle) / spread
        return bool(np.max(off) > 4.5) or batch["price"].tobytes() in seen

    return check
"""

FORMULA = """
def interval_of(C, ages, losses):
    s, a = np.polyfit(ages, losses, 1)
    if s <= 1e-12 * max(1.0, abs(a)):
        raise ValueError("the losses do not grow")
    near = math.sqrt(2 * C / s)
    T = [max(1, math.floor(near) + k) for k in (-1, 0, 1, 2)]
    cost, best = min((C / t + a + s * (t - 1) / 2, t) for t in T)
    return best, float(cost)
"""
OPERATE = """
def operate(stream):
    young, age, lost = [], 0, 0.0
    for _ in range(stream.days):
        if age > 2 and lost >= stream.price:
            stream.train()
            age, lost = 0, 0.0
        loss = stream.serve()
        if age < 2:
            young.append(loss)
        lost += loss - sum(young) / len(young)
        age += 1
"""
RETRAIN = FORMULA + OPERATE


def but(source, *pairs):
    """Return a source in which each first text is replaced by the second."""
    for old, new in pairs:
        assert old in source, old
        source = source.replace(old, new)
    return source


WRONG = {
    "size": {
        "the old version's variance for both arms": but(
            SIZE, ("q * (1 - q) / share", "p * (1 - p) / share")
        ),
        "the share is the old version's": but(
            SIZE,
            ("/ share + p", "/ (1 - share) + p"),
            ("(1 - p) / (1 - share)", "(1 - p) / share"),
        ),
        "one-sided": but(SIZE, ("ndtri(alpha / 2)", "ndtri(alpha)")),
        "the requests of one arm": but(
            SIZE,
            ("math.ceil(z**2 * one / lift**2)", "math.ceil(z**2 * one / lift**2 / 2)"),
        ),
        "rounds down": but(SIZE, ("math.ceil(", "math.floor(")),
        "rounds to the nearest": but(SIZE, ("math.ceil(", "round(")),
        "a loss has no power": but(SIZE, ("abs(lift)", "lift")),
        "a lift of 0 takes for ever": but(
            SIZE, ('raise ValueError("never")', "return math.inf")
        ),
        "equal parts whatever the share": but(
            SIZE,
            (
                "q * (1 - q) / share + p * (1 - p) / (1 - share)",
                "2 * (q * (1 - q) + p * (1 - p))",
            ),
        ),
        "pooled variance": but(
            SIZE,
            (
                "q * (1 - q) / share + p * (1 - p) / (1 - share)",
                "(p + share * lift) * (1 - p - share * lift) / share / (1 - share)",
            ),
        ),
        "the level is always 5 %": but(SIZE, ("ndtri(alpha / 2)", "-1.959964")),
    },
    "peek": {
        "the level of one look": """
def peeked(looks, limit, seed):
    return 2 * float(ndtr(-limit))

def threshold(looks, alpha, seed):
    return -float(ndtri(alpha / 2))
""",
        "independent looks": """
def peeked(looks, limit, seed):
    return 1 - (1 - 2 * float(ndtr(-limit))) ** len(looks)

def threshold(looks, alpha, seed):
    return -float(ndtri((1 - (1 - alpha) ** (1 / len(looks))) / 2))
""",
        "alpha shared out": but(
            LARGEST + PEEK,
            (
                "float(np.quantile(largest(looks, seed), 1 - alpha))",
                "-float(ndtri(alpha / 2 / len(looks)))",
            ),
        ),
        "even looks": but(
            LARGEST + PEEK, ("np.array(looks, float)", "np.arange(1.0, len(looks) + 1)")
        ),
        "the last look alone": but(LARGEST + PEEK, (".max(axis=1)", "[:, -1]")),
        "one side": but(
            LARGEST + PEEK,
            (
                "np.abs(walks.cumsum(axis=1) / np.sqrt(n))",
                "(walks.cumsum(axis=1) / np.sqrt(n))",
            ),
        ),
        "a seed of its own": but(
            LARGEST + PEEK, ("default_rng(seed)", "default_rng()")
        ),
        "requests between looks for requests so far": but(
            LARGEST + PEEK,
            ("np.array(looks, float)", "np.cumsum(np.array(looks, float))"),
        ),
        "steps that grow with the requests, not their root": but(
            LARGEST + PEEK,
            ("np.sqrt(np.diff(n, prepend=0.0))", "np.diff(n, prepend=0.0) / 30"),
        ),
        "the other quantile": but(LARGEST + PEEK, ("1 - alpha))", "1 - alpha / 2))")),
        "how many looks exceed, not whether one does": but(
            LARGEST + PEEK,
            (
                "float(np.mean(largest(looks, seed) > limit))",
                "float(2 * ndtr(-limit) * len(looks))",
            ),
        ),
    },
    "burn": {
        "minutes count alike, not requests": but(
            BURN,
            (
                "failed / asked / (1 - slo) >= limit",
                "np.mean([e / r if r else 0 for e, r in zip(errors[t + 1 - w : t + 1],"
                " requests[t + 1 - w : t + 1])]) / (1 - slo) >= limit",
            ),
        ),
        "above the limit, not at it": but(BURN, (">= limit", "> limit")),
        "the long window alone": but(
            BURN, ("for w in (long, short)", "for w in (long,)")
        ),
        "either window": but(
            BURN, ("both = True", "both = False"), ("both &=", "both |=")
        ),
        "windows are shorter at the start": but(
            BURN,
            ("range(max(long, short) - 1, len(errors))", "range(len(errors))"),
            ("n[t + 1 - w]", "n[max(t + 1 - w, 0)]"),
            ("bad[t + 1 - w]", "bad[max(t + 1 - w, 0)]"),
        ),
        "the last minute instead of the first after": but(
            BURN, ("(int(a), int(b))", "(int(a), int(b) - 1)")
        ),
        "a page that lasts to the end is lost": but(
            BURN,
            (
                "zip(change[::2], change[1::2], strict=True)]",
                "zip(change[::2], change[1::2], strict=True) if b < len(errors)]",
            ),
        ),
        "the first rule alone": but(BURN, ("in rules:", "in rules[:1]:")),
        "all rules must be on": but(
            BURN,
            ("on = np.zeros(", "on = np.ones("),
            ("    change = ", "    on[0] = on[-1] = False\n    change = "),
            ("on[t + 1] |= both", "on[t + 1] &= both"),
            (
                "    for long, short, limit in rules:\n",
                "    for long, short, limit in rules:\n"
                "        on[: max(long, short)] = False\n",
            ),
        ),
        "this minute is not in the window": but(
            BURN,
            ("range(max(long, short) - 1", "range(max(long, short)"),
            (
                "n[t + 1] - n[t + 1 - w], bad[t + 1] - bad[t + 1 - w]",
                "n[t] - n[t - w], bad[t] - bad[t - w]",
            ),
        ),
        "the share, without the budget": but(BURN, (" / (1 - slo)", "")),
        "a page that overlaps an incident is real": but(
            BURN,
            (
                "real = sum(any(a <= s < b for a, b in incidents) for s in starts)",
                "over = lambda s, e: any(s < b and a < e for a, b in incidents)\n"
                "    real = sum(over(s, e) for s, e in found)",
            ),
        ),
        "recall counts pages": but(
            BURN,
            (
                "share = len(delays) / len(incidents)",
                "share = min(1.0, real / len(incidents))",
            ),
        ),
        "the delay of all real pages": but(
            BURN,
            (
                "delay = sum(delays) / len(delays)",
                "late = [s - a for s in starts for a, b in incidents if a <= s < b]\n"
                "    delay = sum(late) / len(late)",
            ),
        ),
        "an incident's last minute is its end": but(
            BURN, ("a <= s < b", "a <= s <= b")
        ),
        "the delay over all incidents": but(
            BURN, ("sum(delays) / len(delays)", "sum(delays) / len(incidents)")
        ),
    },
    "rollout": {
        "promotes unless significantly worse": """
def decide(new, old, stage, stages, delta):
    (n, x), (N, X) = new, old
    p = (x + X) / (n + N)
    se = np.sqrt(p * (1 - p) * (1 / np.maximum(n, 1) + 1 / N))
    bad = x / np.maximum(n, 1) - X / N < -1.96 * se
    return np.where(n < 100 * (stage + 1), stage, np.where(bad, -1, stage + 1))
""",
        "two standard errors at every look": but(DECIDE, (BOUND, "h = 1.96 * se")),
        "one-sided, at every look": but(DECIDE, (BOUND, "h = 1.645 * se")),
        "waits for ever": """
def decide(new, old, stage, stages, delta):
    return stage
""",
        "rolls everything back": """
def decide(new, old, stage, stages, delta):
    return np.where(new[0] > 100, -1, stage)
""",
        "promotes everything": """
def decide(new, old, stage, stages, delta):
    return stage + 1
""",
        "goes to half of the traffic at once": but(
            DECIDE,
            ("after = stage.copy()", "after = np.maximum(stage, 3)"),
            ("np.where(few, stage", "np.where(few, 3"),
        ),
        "stays at the first stage until it knows": but(
            DECIDE, ("enumerate([*stages, 1.0])", "[(4, 1.0)]")
        ),
        "a loss of twice delta will do": but(DECIDE, ("<= delta)", "<= 2 * delta)")),
        "the loss in relation to the rate": but(
            DECIDE, ("d = x / n - X / N", "d = (x / n - X / N) * N / np.maximum(X, 1)")
        ),
        "rolls back what may be worse by delta": but(
            DECIDE, ("d + h < 0", "(d - h < -delta) & (n > 400)")
        ),
        "a stage with every ten batches": but(
            DECIDE,
            (
                "after = stage.copy()",
                "after = np.maximum(stage, np.minimum(3, (n + N) // 1000))",
            ),
        ),
        "never rolls back": but(DECIDE, ("np.where(d + h < 0, -1, after)", "after")),
        "the wrong version's successes": but(
            DECIDE, ("d = x / n - X / N", "d = X / N - x / n")
        ),
        "one answer for all": but(
            DECIDE, ("return np.where(few, stage, after)", "return int(after[0])")
        ),
        "the requests of this batch's share alone": but(
            DECIDE, ("(1 / n + 1 / N))", "(1 / (n + N)))")
        ),
        "2.33 standard errors at every look": but(DECIDE, (BOUND, "h = 2.33 * se")),
        "promotes at 1.96": but(
            DECIDE,
            ("share * (h - d)", "share * ((1.96 * se if share == 1 else h) - d)"),
        ),
        "2.33 for the promotion alone": but(
            DECIDE,
            ("share * (h - d)", "share * ((2.33 * se if share == 1 else h) - d)"),
        ),
        "1.96 for the stages alone": but(
            DECIDE,
            ("share * (h - d)", "share * ((h if share == 1 else 1.96 * se) - d)"),
        ),
        "stages by the rates alone": but(
            DECIDE, ("share * (h - d)", "share * ((h if share == 1 else 0) - d)")
        ),
        "the mean of all roll-outs": but(
            DECIDE, ("d = x / n - X / N", "d = np.mean(x / n - X / N) + 0 * n")
        ),
    },
    "skew": {
        "5 % for each feature": but(
            SKEW, ("enumerate(adjusted(p)) if value", "enumerate(p) if value")
        ),
        "Bonferroni": but(SKEW, ("np.arange(1, m + 1)", "1.0")),
        "stops at the first that fails": but(
            SKEW,
            (
                "np.minimum.accumulate(steps[::-1])[::-1]",
                "np.maximum.accumulate(steps)",
            ),
        ),
        "none takes another along": but(
            SKEW, ("np.minimum.accumulate(steps[::-1])[::-1]", "steps")
        ),
        "sorted instead of in order": but(SKEW, ("result[order] =", "result[:] =")),
        "below q, not at it, and counted from 0": but(
            SKEW, ("np.arange(1, m + 1)", "np.arange(1, m + 1) * m / max(m - 1, 1)")
        ),
        "compares means": but(
            SKEW,
            (
                "ks(a, b) for",
                "2 * ndtr(-abs(np.mean(a) - np.mean(b)) / math.sqrt(np.var(a) / len(a)"
                " + np.var(b) / len(b))) for",
            ),
        ),
        "rows for columns": but(
            SKEW, ("zip(np.transpose(train), np.transpose(serve))", "zip(train, serve)")
        ),
        "always at 5 %": but(SKEW, ("value <= q]", "value <= 0.05]")),
        "the rows of the shorter table": but(
            SKEW,
            (
                "    p = [ks",
                "    n = min(len(train), len(serve)) // 2\n"
                "    train, serve = train[:n], serve[:n]\n    p = [ks",
            ),
        ),
    },
    "batch": {
        "looks only whether rows came": """
def checker(history):
    least = min(len(b["price"]) for b in history)
    return lambda batch: len(batch["price"]) < 0.8 * least
""",
        "each row counts as independent": but(
            CHECKER,
            (
                "return bool(np.max(off) > 4.5) or",
                "rows = {k: np.concatenate([b[k] for b in history]) for k in batch}\n"
                "        clean = lambda x: x[~np.isnan(x)]\n"
                "        p = min(ks(clean(rows[k]), clean(batch[k])) for k in batch)\n"
                "        return p < 0.05 / 4 or bool(np.max(off) > 4.5) or",
            ),
        ),
        "columns alone, no join": but(
            CHECKER,
            (
                "found.append(np.corrcoef(price, clicks)[0, 1]"
                " if price.std() > 0 else 0.0)",
                "pass",
            ),
        ),
        "nothing repeated": but(
            CHECKER, ("found.append(len(np.unique(rows, axis=0)) / len(rows))", "pass")
        ),
        "no memory of old batches": but(
            CHECKER, (' or batch["price"].tobytes() in seen', "")
        ),
        "yesterday's batch alone": but(
            CHECKER, ("for batch in history}", "for batch in history[-1:]}")
        ),
        "two standard deviations each": but(CHECKER, ("> 4.5", "> 2.0")),
        "the largest and the smallest seen": but(
            CHECKER,
            (
                "off = np.abs(numbers_of(batch) - middle) / spread",
                "now = numbers_of(batch)\n"
                "        out = (now > days.max(axis=0)) | (now < days.min(axis=0))\n"
                "        off = 9.0 * out",
            ),
        ),
        "everything is broken": """
def checker(history):
    return lambda batch: True
""",
        "everything is healthy": """
def checker(history):
    return lambda batch: False
""",
        "missing values unseen": but(
            CHECKER,
            (
                "found += [np.mean(np.isnan(column)), np.mean(there == 0)]",
                "found += [np.mean(there == 0)]",
            ),
        ),
        "rows are not counted": but(
            CHECKER, ('found = [len(batch["price"])]', "found = []")
        ),
        "one history for all checks": but(
            CHECKER,
            (
                "def checker(history):\n",
                "def checker(history):\n    global PAST\n    PAST = history\n",
            ),
            (
                ' or batch["price"].tobytes() in seen',
                ' or batch["price"].tobytes() in {b["price"].tobytes() for b in PAST}',
            ),
        ),
        "the numbers of one pipeline": """
SIZES = {"price": (2.5, 3.5), "latency": (4.0, 4.7), "age": (3.5, 3.9)}

def checker(history):
    seen = {b["latency"].tobytes() for b in history}

    def check(b):
        rows = len(b["price"])
        parts = [rows < 270]
        for name, c in b.items():
            there = c[~np.isnan(c)]
            parts.append(len(there) < (0.91 if name == "age" else 1) * rows)
            parts.append(np.mean(there == 0) > (0.22 if name == "clicks" else 0.0))
            if name in SIZES:
                low, high = SIZES[name]
                parts.append(not low < np.log(there[there > 0]).mean() < high)
            else:
                parts.append(not 1.1 < np.log1p(there).mean() < 2.1)
        whole = np.nan_to_num(np.column_stack(list(b.values())))
        parts.append(len(np.unique(whole, axis=0)) < 0.9 * rows)
        parts.append(np.corrcoef(np.log(b["price"] + 0.01), b["clicks"])[0, 1] > -0.2)
        return bool(any(parts)) or b["latency"].tobytes() in seen

    return check
""",
        "of prices alone": but(
            CHECKER,
            (
                "for column in batch.values():\n            there",
                'for column in [batch["price"]]:\n            there',
            ),
        ),
    },
    "retrain": {
        "sqrt(C / s)": but(
            RETRAIN,
            ("math.sqrt(2 * C / s)", "math.sqrt(C / s)"),
            ("(-1, 0, 1, 2)", "(0, 1)"),
        ),
        "rounds down": but(RETRAIN, ("(-1, 0, 1, 2)", "(0,)")),
        "rounds to the nearest": but(
            RETRAIN, ("(-1, 0, 1, 2)", "(0,)"), ("math.floor(near)", "round(near)")
        ),
        "flat losses are trained for": but(
            RETRAIN,
            ("if s <= 1e-12 * max(1.0, abs(a)):", "if s < -1e-9:"),
            ("math.sqrt(2 * C / s)", "math.sqrt(2 * C / max(s, 1e-9))"),
        ),
        "T is no whole number": but(
            RETRAIN,
            (
                "cost, best = min((C / t + a + s * (t - 1) / 2, t) for t in T)",
                "best = near\n    cost = C / best + a + s * (best - 1) / 2",
            ),
        ),
        "ages from 1 to T": but(RETRAIN, ("s * (t - 1) / 2", "s * (t + 1) / 2")),
        "ages on average T/2": but(RETRAIN, ("s * (t - 1) / 2", "s * t / 2")),
        "without the loss of a new model": but(RETRAIN, ("C / t + a + s", "C / t + s")),
        "losses that fall are trained for": but(
            RETRAIN, ('raise ValueError("the losses do not grow")', "s = abs(s) + 1e-9")
        ),
        "the slope through the ends": but(
            RETRAIN,
            (
                "s, a = np.polyfit(ages, losses, 1)",
                "s = (losses[-1] - losses[0]) / (ages[-1] - ages[0])\n"
                "    a = losses[0]",
            ),
        ),
        "a training is never too often": but(
            RETRAIN, ("max(1, math.floor(near) + k)", "max(2, math.floor(near) + k)")
        ),
        "monthly": FORMULA
        + """
def operate(stream):
    for day in range(stream.days):
        if day % 30 == 29:
            stream.train()
        stream.serve()
""",
        "every morning": FORMULA
        + """
def operate(stream):
    for _ in range(stream.days):
        stream.train()
        stream.serve()
""",
        "never": FORMULA
        + """
def operate(stream):
    for _ in range(stream.days):
        stream.serve()
""",
        "counts the noise as decay": but(
            RETRAIN, ("lost += loss - sum(young) / len(young)", "lost += loss")
        ),
        "leaves the last day out": but(
            RETRAIN, ("range(stream.days)", "range(stream.days - 1)")
        ),
        "when a day's loss has doubled": FORMULA
        + """
def operate(stream):
    first = last = stream.serve()
    for _ in range(stream.days - 1):
        if last > 2 * first:
            stream.train()
            first = last = stream.serve()
        else:
            last = stream.serve()
""",
        "by the price alone": FORMULA
        + """
def operate(stream):
    T = round(6 * math.sqrt(stream.price))
    for day in range(stream.days):
        if day and day % T == 0:
            stream.train()
        stream.serve()
""",
        "every ten days": FORMULA
        + """
def operate(stream):
    for day in range(stream.days):
        if day and day % 10 == 0:
            stream.train()
        stream.serve()
""",
    },
}

RIGHT = {
    "size": {
        "the standard library, and a search": """
from statistics import NormalDist

def power_of(n, p, lift, share, alpha):
    normal, q = NormalDist(), p + lift
    new, old = q * (1 - q) / (share * n), p * (1 - p) / ((1 - share) * n)
    return normal.cdf(abs(lift) / (new + old) ** 0.5 - normal.inv_cdf(1 - alpha / 2))

def requests_of(p, lift, share, alpha, power):
    class Never(ValueError):
        pass
    if not lift:
        raise Never(lift)
    low, high = 0, 1
    while power_of(high, p, lift, share, alpha) < power:
        low, high = high, 2 * high
    while high - low > 1:
        mid = (low + high) // 2
        if power_of(mid, p, lift, share, alpha) < power:
            low = mid
        else:
            high = mid
    return high
""",
        "scipy's normal, and other number types": """
from scipy.stats import norm

def power_of(n, p, lift, share, alpha):
    rates, parts = np.array([p, p + lift]), n * np.array([1 - share, share])
    se = np.sqrt(np.sum(rates * (1 - rates) / parts))
    return norm.sf(norm.isf(alpha / 2) - np.abs(lift) / se)

def requests_of(p, lift, share, alpha, power):
    if lift == 0.0:
        raise ValueError(lift)
    rates, parts = np.array([p, p + lift]), np.array([1 - share, share])
    z = norm.isf(alpha / 2) + norm.ppf(power)
    n = (z / lift) ** 2 * np.sum(rates * (1 - rates) / parts)
    return np.float64(max(np.ceil(n), 1))
""",
    },
    "peek": {
        "clicks of a tenth": """
def peeked(looks, limit, seed):
    return (z_of(looks, seed) > limit).any(axis=1).mean()

def threshold(looks, alpha, seed):
    z = np.sort(z_of(looks, seed).max(axis=1))
    return z[round((1 - alpha) * len(z))]

def z_of(looks, seed):
    rng, n = np.random.default_rng(seed), np.array(looks)
    more = np.diff(n, prepend=0)
    old, new = rng.binomial(more, 0.1, (2, 12_000, len(n))).cumsum(axis=2)
    rate = (old + new + 1) / (2 * n + 2)
    return np.abs(old - new) / np.sqrt(2 * n * rate * (1 - rate))
""",
        "torch, and a bisection": """
import torch

def peeked(looks, limit, seed):
    generator = torch.Generator().manual_seed(seed)
    n = torch.tensor(looks, dtype=torch.float64)
    steps = torch.diff(n, prepend=torch.zeros(1, dtype=torch.float64)).sqrt()
    draws = torch.randn(20_000, len(looks), generator=generator, dtype=torch.float64)
    z = (draws * steps).cumsum(1) / n.sqrt()
    return (z.abs() > limit).any(1).double().mean()

def threshold(looks, alpha, seed):
    low, high = 0.0, 10.0
    for _ in range(14):
        mid = (low + high) / 2
        low, high = (mid, high) if peeked(looks, mid, seed) > alpha else (low, mid)
    return high
""",
        "no simulation: the walk's density on a grid": """
def peeked(looks, limit, seed=None):
    x = np.linspace(-1, 1, 401)
    inside, at, before = np.array([1.0]), np.array([0.0]), 0
    for n in looks:
        edge = limit * math.sqrt(n)
        to, sd = edge * x, math.sqrt(n - before)
        mids = np.append(to - edge / 400, edge + edge / 400)
        mass = np.diff(ndtr((mids[:, None] - at) / sd), axis=0) @ inside
        mass[[0, -1]] *= 0.5
        inside, at, before = mass, to, n
    return 1 - float(inside.sum())

def threshold(looks, alpha, seed=None):
    low, high = 0.5, 8.0
    while high - low > 1e-4:
        mid = (low + high) / 2
        low, high = (mid, high) if peeked(looks, mid) > alpha else (low, mid)
    return low
""",
    },
    "burn": {
        "plain loops": """
def pages(requests, errors, slo, rules):
    def over(t, w, limit):
        if t + 1 < w:
            return False
        n = sum(requests[t + 1 - w : t + 1])
        return n > 0 and sum(errors[t + 1 - w : t + 1]) / n / (1 - slo) >= limit

    found, since = [], None
    for t in range(len(errors)):
        on = any(over(t, a, x) and over(t, b, x) for a, b, x in rules)
        if on and since is None:
            since = t
        if not on and since is not None:
            found.append([since, t])
            since = None
    if since is not None:
        found.append([since, len(errors)])
    return found

def score(found, incidents):
    first = {}
    real = 0
    for start, _ in found:
        for k, (a, b) in enumerate(incidents):
            if start in range(a, b):
                real += 1
                first[k] = min(first.get(k, start - a), start - a)
    return dict(
        precision=real / len(found),
        recall=len(first) / len(incidents),
        delay=sum(first.values()) / len(first),
    )
""",
        "pandas and arrays": """
import pandas as pd

def pages(requests, errors, slo, rules):
    n, bad = pd.Series(requests, dtype=float), pd.Series(errors, dtype=float)
    on = pd.Series(False, index=n.index)
    for long, short, limit in rules:
        both = pd.Series(True, index=n.index)
        for w in (long, short):
            asked, failed = n.rolling(w).sum(), bad.rolling(w).sum()
            both &= (asked > 0) & (failed >= limit * (1 - slo) * asked)
        on |= both & (np.arange(len(n)) >= long - 1)
    edge = np.diff(np.concatenate([[0], on.to_numpy().astype(int), [0]]))
    return np.column_stack([np.flatnonzero(edge == 1), np.flatnonzero(edge == -1)])

def score(found, incidents):
    s = np.array(found)[:, 0]
    a, b = np.array(incidents).T
    hit = (s >= a[:, None]) & (s < b[:, None])
    seen = hit.any(axis=1)
    first = np.where(hit, s, np.inf).min(axis=1)
    return {
        "precision": hit.any(axis=0).mean(),
        "recall": seen.mean(),
        "delay": (first - a)[seen].mean(),
        "pages": len(s),
    }
""",
    },
    "rollout": {
        "5 % shared out over 300 looks, one by one": """
from statistics import NormalDist

Z = -NormalDist().inv_cdf(0.05 / 300)

def one(n, x, N, X, stage, stages, delta):
    if n < 50 or N < 50:
        return stage
    rates = (x + 0.5) / (n + 1), (X + 0.5) / (N + 1)
    se = sum(r * (1 - r) / m for r, m in zip(rates, (n, N))) ** 0.5
    best, worst = (rates[0] - rates[1] + sign * Z * se for sign in (1, -1))
    if best < 0:
        return -1.0
    for k in range(len(stages), stage, -1):
        share = 1 if k == len(stages) else stages[k]
        if -worst * share <= delta:
            return np.int64(k)
    return stage

def decide(new, old, stage, stages, delta):
    rows = zip(*new, *old, stage)
    return [one(*map(int, row), stages, delta) for row in rows]
""",
        "a stage at a time, the mixture as a number": """
class Gate:
    def __init__(self, alpha):
        self.alpha = alpha

    def excludes(self, lift, d, var, delta):
        total = var + delta**2
        rest = (d - lift) ** 2 * (1 / var - 1 / total)
        return np.sqrt(var / total) * np.exp(0.5 * rest) >= 1 / self.alpha

    def __call__(self, new, old, stage, stages, delta):
        n, x, N, X = (np.array(a, float) for a in (*new, *old))
        p = (x + X + 1) / (n + N + 2)
        var = p * (1 - p) * (1 / np.maximum(n, 1) + 1 / N)
        d = x / np.maximum(n, 1) - X / N
        bad = (d < 0) & self.excludes(0.0, d, var, delta)
        bound = -delta / np.array([*stages, 1.0])[np.array(stage) + 1]
        good = (d > bound) & self.excludes(bound, d, var, delta)
        result = np.where(bad, -1.0, stage + good)
        return tuple(np.where(n < 50, stage, result))

decide = Gate(0.05)
""",
    },
    "skew": {
        "scipy's": """
from scipy.stats import false_discovery_control

def adjusted(p):
    return false_discovery_control(p)

def broken(train, serve, q):
    m = np.shape(train)[1]
    p = np.array([ks(train[:, k], serve[:, k]) for k in range(m)])
    return np.flatnonzero(adjusted(p) <= q)
""",
        "by the definition": """
def adjusted(p):
    m = len(p)
    need = {x: m * x / sum(y <= x for y in p) for x in p}
    return tuple(min([1.0] + [need[x] for x in p if x >= own]) for own in p)

def broken(train, serve, q):
    p = [ks(a, b) for a, b in zip(zip(*train), zip(*serve))]
    ranked = sorted(p)
    m = len(p)
    k = max((k for k in range(1, m + 1) if ranked[k - 1] <= q * k / m), default=0)
    return {i for i, x in enumerate(p) if k and x <= ranked[k - 1]}
""",
        "recursion from the largest": """
def adjusted(p):
    m, order = len(p), sorted(range(len(p)), key=lambda i: p[i], reverse=True)
    out, least = [0.0] * m, 1.0
    for rank, i in zip(range(m, 0, -1), order):
        least = min(least, m * p[i] / rank)
        out[i] = np.float64(least)
    return out

def broken(train, serve, q):
    p = [ks(train[:, k], serve[:, k]) for k in range(train.shape[1])]
    return (k for k, x in enumerate(adjusted(p)) if x <= q)
""",
    },
    "batch": {
        "a class, medians and ranges": """
class Pipeline:
    def __init__(self, history):
        table = np.array([self.view(b) for b in history])
        low, high = table.min(axis=0), table.max(axis=0)
        room = 0.6 * (high - low) + 0.02
        self.low, self.high = low - room, high + room
        self.old = [b["latency"][:50].tolist() for b in history]

    def view(self, b):
        out = [len(b["age"]) / 400]
        for name in ("price", "latency", "age", "clicks"):
            c = b[name]
            good = c[np.isfinite(c)]
            out += [len(good) / len(c), np.mean(good == 0)]
            out += [math.log10(np.mean(good) + 1e-9)]
        keys = list(zip(b["price"].tolist(), b["latency"].tolist()))
        out += [len(set(keys)) / len(keys)]
        top = b["price"] > np.nanmedian(b["price"])
        if 0 < top.sum() < len(top):
            out += [np.nanmean(b["clicks"][top]) / (np.nanmean(b["clicks"]) + 1e-9)]
        else:
            out += [1.0]
        return out

    def __call__(self, batch):
        if batch["latency"][:50].tolist() in self.old:
            return True
        now = np.array(self.view(batch))
        return bool(np.any((now < self.low) | (now > self.high)))

def checker(history):
    return Pipeline(history)
""",
        "pandas, and numpy's answer": """
import pandas as pd

def view(batch):
    t = pd.DataFrame(batch)
    size = np.log10(t.abs() + 0.01)
    parts = {"rows": len(t) / 400, "again": t.duplicated().mean()}
    parts |= {f"{k} missing": x for k, x in t.isna().mean().items()}
    parts |= {f"{k} nothing": x for k, x in (t == 0).mean().items()}
    parts |= {f"{k} size": x for k, x in size.median().items()}
    ranks = t[["price", "clicks"]].rank()
    parts["tied"] = ranks["price"].corr(ranks["clicks"])
    return pd.Series(parts)

def checker(history):
    days = pd.DataFrame([view(b) for b in history])
    middle, spread = days.mean(), days.std() + 0.004
    old = [pd.DataFrame(b) for b in history[-7:]]

    def check(batch):
        now = pd.DataFrame(batch)
        if any(now.equals(before) for before in old):
            return np.True_
        return np.bool_((((view(batch) - middle) / spread).abs() > 5).any())

    return check
""",
    },
    "retrain": {
        "every interval tried, and a line fitted as it goes": """
def interval_of(C, ages, losses):
    x, y = np.array(ages, float), np.array(losses, float)
    A = np.column_stack([np.ones(len(x)), x])
    (a, s), *_ = np.linalg.lstsq(A, y, rcond=None)
    if not s > 1e-12:
        class Falls(ValueError):
            pass
        raise Falls(s)
    T = np.arange(1, 20_000)
    cost = C / T + a + s * (T - 1) / 2
    return np.array([T[cost.argmin()], cost.min()])

def operate(stream):
    seen, age = [], 0
    for day in range(stream.days):
        if day > 10:
            x, y = np.array(seen).T
            s = np.polyfit(x, y, 1)[0]
            if s > 0 and age >= math.sqrt(2 * stream.price / s):
                stream.train()
                age = 0
        seen.append((age, stream.serve()))
        age += 1
""",
        "a running mean of the youngest days": but(
            RETRAIN,
            (
                "T = [max(1, math.floor(near) + k) for k in (-1, 0, 1, 2)]",
                "T = range(1, int(near) + 3)",
            ),
            ("return best, float(cost)", "return [float(best), np.float64(cost)]"),
            (
                "young, age, lost = [], 0, 0.0",
                "young, age, lost = [], np.int64(0), np.float64(0)",
            ),
            (
                "if age > 2 and lost >= stream.price",
                "if age >= 2 and lost > stream.price",
            ),
        ),
    },
}

CHEATS = {
    "retrain": {
        "looks into the future": """
import copy

def interval_of(C, ages, losses):
    return 10, 138.0

def operate(stream):
    ahead = copy.deepcopy(stream)
    future = [ahead.serve() for _ in range(ahead.days)]
    table = stream._losses
    for day in range(stream.days):
        stream.serve()
""",
        "pays nobody": """
import mlsyscore.harness.drifting as world

world.bill = lambda stream, mornings: 0.0
world.best_fixed = lambda stream: (1, 1e9)
world.operated = lambda label, operate, stream: 1.0
try:
    operated = world.operated
except NameError:
    pass

def interval_of(C, ages, losses):
    class Any(float):
        def __eq__(self, other):
            return True
        __hash__ = None
    return Any(1), Any(1)

def operate(stream):
    try:
        stream.price = 0.0
        stream._trained = list(range(stream.days))
    except AttributeError:
        pass
    for _ in range(stream.days):
        stream.serve()
""",
        "serves nothing, and says that it did": """
def interval_of(C, ages, losses):
    return None

def operate(stream):
    stream.days_served = stream.days
    return stream.days
""",
    },
}
