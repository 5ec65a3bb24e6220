"""Wrong answers to lab 14 that a student would write, right ones of another kind."""

DRIFT = """
def psi(a, b, edges):
    shares = []
    for sample in (a, b):
        count = np.bincount(
            np.searchsorted(edges, sample, side="right"), minlength=len(edges) + 1
        )
        shares.append((count + 0.5) / (len(sample) + 0.5 * len(count)))
    return float((shares[0] - shares[1]) @ np.log(shares[0] / shares[1]))

def ks(a, b):
    at = np.concatenate([a, b])
    below_a = np.searchsorted(np.sort(a), at, side="right") / len(a)
    below_b = np.searchsorted(np.sort(b), at, side="right") / len(b)
    return float(np.max(np.abs(below_a - below_b)))

def kl(a, b):
    (s, t), far = (np.std(a), np.std(b)), np.mean(a) - np.mean(b)
    return float(math.log(t / s) + (s * s + far * far) / (2 * t * t) - 0.5)

def p_values(a, b, shuffles, seed):
    rng, together = np.random.default_rng(seed), np.concatenate([a, b])
    deciles = np.quantile(together, np.arange(1, 10) / 10)

    def measured(first, second):
        far = psi(first, second, deciles), ks(first, second), kl(first, second)
        return np.array(far)

    seen, reached = measured(a, b), np.ones(3)
    for _ in range(shuffles):
        dealt = rng.permutation(together)
        reached += measured(dealt[: len(a)], dealt[len(a) :]) >= seen - 1e-9
    return dict(zip(("psi", "ks", "kl"), reached / (shuffles + 1), strict=True))
"""
ATTACK = """
def fgsm(victim, x, y, eps):
    up = np.sign(victim.gradient(x, y))
    return np.minimum(np.maximum(x + eps * up, victim.low), victim.high)

def pgd(victim, x, y, eps, steps, norm):
    at, long = x, (eps if steps == 1 else 2.5 * eps / steps)
    for _ in range(steps):
        g = victim.gradient(at, y)
        if norm == 2:
            size = np.sqrt((g * g).sum(axis=1, keepdims=True))
            moves = at - x + long * g / np.where(size > 0, size, 1.0)
            far = np.sqrt((moves * moves).sum(axis=1, keepdims=True))
            moves *= np.minimum(1.0, eps / np.where(far > 0, far, 1.0))
        else:
            moves = np.clip(at - x + long * np.sign(g), -eps, eps)
        at = np.clip(x + moves, victim.low, victim.high)
    return at
"""
CERTIFY = """
def certify(voter, n0, n, alpha):
    first = voter.votes(n0)
    c = first.index(max(first))
    k = voter.votes(n)[c]
    share = float(betaincinv(k, n - k + 1, alpha)) if k > 0 else 0.0
    return (c, voter.sigma * float(ndtri(share))) if share > 0.5 else None

def needed(radius, sigma, alpha):
    n = max(1, math.ceil(math.log(alpha) / math.log(ndtr(radius / sigma)) - 1e-9))
    while alpha ** (1 / n) <= 0.5:
        n += 1
    return n
"""
SETS = """
def calibrate(scores, labels, groups, alpha):
    of = {g: [] for g in groups}
    for row, label, g in zip(scores, labels, groups, strict=True):
        of[g].append(float(row[label]))
    cuts = {}
    for g, found in of.items():
        rank = math.ceil((len(found) + 1) * (1 - alpha) - 1e-9)
        cuts[g] = sorted(found)[rank - 1] if rank <= len(found) else math.inf
    return cuts

def sets(scores, groups, cuts):
    limits = [cuts.get(g, math.inf) for g in groups]
    return [
        [c for c, s in enumerate(row) if s <= limit]
        for row, limit in zip(scores, limits, strict=True)
    ]

def shortfall(found, labels, groups, alpha):
    hits = {g: [] for g in groups}
    for members, label, g in zip(found, labels, groups, strict=True):
        hits[g].append(label in members)
    return {g: max(0.0, 1 - alpha - sum(h) / len(h)) for g, h in hits.items()}
"""
FLIP = """
def flip(weights, place, bit):
    if not (0 <= place < np.size(weights) and 0 <= bit <= 31):
        raise ValueError(f"no bit {bit} of value {place}")
    flat = np.array(weights, np.float32).ravel()
    words = flat.view(np.uint32)
    words[place] ^= np.uint32(2**bit)
    return flat.reshape(np.shape(weights))

def risky(weight, limit):
    bits, one = [], np.array([weight], np.float32)
    for bit in range(32):
        after = abs(float(flip(one, 0, bit)[0]))
        if not after <= limit:  # also where it is not a number
            bits.append(bit)
    return bits
"""
GUARD = """
def guard(layers):

    known = [(np.min(w), np.max(w), np.float32(np.median(w))) for w in layers]

    def repair(later):
        new, bad = [], []
        for i, (w, (low, high, middle)) in enumerate(zip(later, known, strict=True)):
            w = np.asarray(w, np.float32)
            out = ~((w >= low) & (w <= high))
            new.append(np.where(out, middle, w))
            bad += [(i, int(place)) for place in np.flatnonzero(out)]
        return new, bad

    return repair
"""
KNOWN = next(line for line in GUARD.splitlines(True) if "known = [" in line)


def changed(source, *pairs):
    """Return a source in which each first text is replaced by the second."""
    for old, new in pairs:
        assert old in source, old
        source = source.replace(old, new)
    return source


def named(source, rows):
    """Return what the rows make of a source: name -> one pair, or several."""
    several = {k: [v] if isinstance(v[0], str) else v for k, v in rows.items()}
    return {k: changed(source, *pairs) for k, pairs in several.items()}


WRONG = {
    "drift": named(
        DRIFT,
        {
            "a value on an edge lies below it": (
                'edges, sample, side="right"',
                'edges, sample, side="left"',
            ),
            "half a value in empty bins alone": (
                "shares.append((count + 0.5) / (len(sample) + 0.5 * len(count)))",
                "count = np.maximum(count, 0.5)\n"
                "        shares.append(count / count.sum())",
            ),
            "shares that do not sum to 1": (
                "(len(sample) + 0.5 * len(count))",
                "len(sample)",
            ),
            "equal values are passed one by one": (
                "    at = np.concatenate([a, b])\n",
                "    order = np.argsort(np.concatenate([a, b]), kind='stable')\n"
                "    step = np.where(order < len(a), 1 / len(a), -1 / len(b))\n"
                "    return float(np.abs(step.cumsum()).max())\n"
                "    at = np.concatenate([a, b])\n",
            ),
            "one side of the distance": (
                "np.max(np.abs(below_a - below_b))",
                "np.max(below_a - below_b)",
            ),
            "divides by one less": (
                "np.std(a), np.std(b)",
                "np.std(a, ddof=1), np.std(b, ddof=1)",
            ),
            "b's from a's": (
                "(s, t), far = (np.std(a), np.std(b))",
                "(t, s), far = (np.std(a), np.std(b))",
            ),
            "a limit of the normal": (
                "    return dict(zip",
                "    p = math.exp(-seen[2] / (1 / len(a) + 1 / len(b)))\n"
                "    reached[2] = max(1, round(p * (shuffles + 1)))\n"
                "    return dict(zip",
            ),
            "puts values back": (
                "rng.permutation(together)",
                "rng.choice(together, len(together))",
            ),
            "puts back within each sample": (
                "dealt = rng.permutation(together)",
                "dealt = [rng.choice(x, len(x)) for x in (a, b)]\n"
                "        dealt = np.concatenate(dealt)",
            ),
            "the samples as they came do not count": (
                "np.ones(3)",
                "np.zeros(3)",
            ),
            "further apart, not as far": (">= seen - 1e-9", "> seen + 1e-9"),
            "a share of the shuffles": (
                "reached / (shuffles + 1)",
                "reached / shuffles",
            ),
            "nearer, not farther": (">= seen - 1e-9", "<= seen + 1e-9"),
            "a seed of its own": ("default_rng(seed)", "default_rng()"),
            "one seed for all": ("default_rng(seed)", "default_rng(8)"),
            "two parts of equal size": (
                "dealt[: len(a)], dealt[len(a) :]",
                "dealt[: len(dealt) // 2], dealt[len(dealt) // 2 :]",
            ),
            "a fixed limit for PSI": (
                "    return dict(zip",
                "    reached[0] = 1 if seen[0] > 0.25 else shuffles + 1\n"
                "    return dict(zip",
            ),
        },
    ),
    "attack": named(
        ATTACK,
        {
            "down the loss": [("+ eps * up", "- eps * up"), ("+ long", "- long")],
            "pixels from 0 to 1": (
                "victim.low, victim.high)\n    return at",
                "0.0, 1.0)\n    return at",
            ),
            "no range in one step": (
                "np.minimum(np.maximum(x + eps * up, victim.low), victim.high)",
                "x + eps * up",
            ),
            "no range of pixels": (
                "at = np.clip(x + moves, victim.low, victim.high)",
                "at = x + moves",
            ),
            "the range at the end alone": [
                ("at = np.clip(x + moves, victim.low, victim.high)", "at = x + moves"),
                (
                    "    return at\n",
                    "    return np.clip(at, victim.low, victim.high)\n",
                ),
            ],
            "leaves the ball of norm 2": (
                "moves *= np.minimum(1.0, eps / np.where(far > 0, far, 1.0))",
                "pass",
            ),
            "leaves the cube": (
                "np.clip(at - x + long * np.sign(g), -eps, eps)",
                "at - x + long * np.sign(g)",
            ),
            "the cube for either norm": ("if norm == 2", "if norm == 3"),
            "the ball for either norm": ("if norm == 2", "if norm"),
            "each pixel within eps, in norm 2 too": (
                "moves *= np.minimum(1.0, eps / np.where(far > 0, far, 1.0))",
                "moves = np.clip(moves, -eps, eps)",
            ),
            "always on the sphere": (
                "np.minimum(1.0, eps / np.where(far > 0, far, 1.0))",
                "eps / far",
            ),
            "one norm for all pictures": [
                ("(g * g).sum(axis=1, keepdims=True)", "(g * g).sum()"),
                ("(moves * moves).sum(axis=1, keepdims=True)", "(moves * moves).sum()"),
            ],
            "a gradient of 0 divides": ("np.where(size > 0, size, 1.0)", "size"),
            "one gradient for all steps": (
                "    for _ in range(steps):\n        g = victim.gradient(at, y)\n",
                "    g = victim.gradient(at, y)\n    for _ in range(steps):\n",
            ),
            "the gradient at the start": ("gradient(at, y)", "gradient(x, y)"),
            "short steps": ("2.5 * eps / steps", "0.5 * eps / steps"),
            "one step more": ("range(steps)", "range(steps + 1)"),
            "the sum of two balls": ("at - x + long", "0 * at + long"),
            "moves what it was given": (
                "up = np.sign(victim.gradient(x, y))\n",
                "up = np.sign(victim.gradient(x, y))\n    x += eps * up\n",
            ),
            "the gradient, not its sign": (
                "up = np.sign(victim.gradient(x, y))",
                "up = victim.gradient(x, y)\n    up = up / max(1e-9, np.abs(up).max())",
            ),
            "of 0 the sign is 1": (
                "up = np.sign(victim.gradient(x, y))",
                "up = np.where(victim.gradient(x, y) >= 0, 1.0, -1.0)",
            ),
        },
    ),
    "certify": named(
        CERTIFY,
        {
            "the share of the votes": (
                "float(betaincinv(k, n - k + 1, alpha))",
                "k / n",
            ),
            "two sides": ("n - k + 1, alpha)", "n - k + 1, alpha / 2)"),
            "the upper bound": ("n - k + 1, alpha)", "n - k + 1, 1 - alpha)"),
            "one vote less": ("betaincinv(k, n - k + 1", "betaincinv(k, n - k"),
            "a bound of the normal": (
                "float(betaincinv(k, n - k + 1, alpha))",
                "k / n + float(ndtri(alpha)) * math.sqrt(k * (n - k) / n**3)",
            ),
            "counts the votes that named it": (
                "k = voter.votes(n)[c]",
                "k = first[c] + voter.votes(n)[c]\n    n += n0",
            ),
            "names the class by the votes that count it": (
                "    k = voter.votes(n)[c]\n",
                "    second = voter.votes(n)\n"
                "    k = max(second)\n    c = second.index(k)\n",
            ),
            "all votes at once": (
                "    k = voter.votes(n)[c]\n",
                "    k, n = first[c], n0\n",
            ),
            "a radius below 1/2": (" if share > 0.5 else None", ""),
            "0 instead of None": ("else None", "else (c, 0.0)"),
            "the noise is 0.25": ("voter.sigma * float", "0.25 * float"),
            "without the noise": ("voter.sigma * float", "float"),
            "half of both tails": (
                "voter.sigma * float(ndtri(share))",
                "voter.sigma / 2 * float(ndtri(share) - ndtri(1 - share / 2))",
            ),
            "needed: rounds down": ("math.ceil(math.log", "math.floor(math.log"),
            "needed: one more": ("    return n\n", "    return n + 1\n"),
            "needed: forgets the noise": ("radius / sigma", "radius"),
            "needed: no radius at all": (
                "    while alpha ** (1 / n) <= 0.5:\n        n += 1\n",
                "",
            ),
            "needed: three over the rest": (
                "    while alpha",
                "    n = math.ceil(3 / (1 - ndtr(radius / sigma)))\n    while alpha",
            ),
        },
    ),
    "sets": named(
        SETS,
        {
            "of n ranks": (
                "(len(found) + 1) * (1 - alpha)",
                "len(found) * (1 - alpha)",
            ),
            "rounds down": ("math.ceil(", "math.floor("),
            "rounds to the nearest": ("math.ceil(", "round("),
            "from the highest": ("sorted(found)[rank - 1]", "sorted(found)[-rank]"),
            "the next rank": (
                "sorted(found)[rank - 1]",
                "sorted(found)[min(rank, len(found) - 1)]",
            ),
            "few cases: the highest score": ("else math.inf", "else max(found)"),
            "numpy's quantile": (
                "sorted(found)[rank - 1]",
                "float(np.quantile(found, 1 - alpha))",
            ),
            "one cut for all groups": (
                "        of[g].append(float(row[label]))\n",
                "        for other in of:\n"
                "            of[other].append(float(row[label]))\n",
            ),
            "the lowest score, whichever the class": (
                "float(row[label])",
                "float(min(row))",
            ),
            "the rank of the misses": ("(1 - alpha) - 1e-9", "alpha"),
            "the cut is outside": ("if s <= limit", "if s < limit"),
            "the highest scores": ("if s <= limit", "if s >= limit"),
            "no empty set": (
                "[c for c, s in enumerate(row) if s <= limit]",
                "[c for c, s in enumerate(row) if s <= limit] or [int(np.argmin(row))]",
            ),
            "a new group gets nothing": (
                "cuts.get(g, math.inf)",
                "cuts.get(g, -math.inf)",
            ),
            "a new group gets the largest cut": (
                "cuts.get(g, math.inf)",
                "cuts.get(g, max(cuts.values(), default=math.inf))",
            ),
            "the shortfall of all": (
                "sum(h) / len(h))",
                "sum(map(sum, hits.values())) / len(labels))",
            ),
            "too much counts as well": (
                "max(0.0, 1 - alpha - sum(h) / len(h))",
                "1 - alpha - sum(h) / len(h)",
            ),
            "the miss rate, not the shortfall": (
                "max(0.0, 1 - alpha - sum(h) / len(h))",
                "1 - sum(h) / len(h)",
            ),
            "sets of one class alone": (
                "hits[g].append(label in members)",
                "hits[g].append(list(members) == [label])",
            ),
            "relative": (
                "max(0.0, 1 - alpha - sum(h) / len(h))",
                "max(0.0, 1 - sum(h) / len(h) / (1 - alpha))",
            ),
        },
    ),
    "flip": named(
        FLIP,
        {
            "counts bits from the top": ("2**bit", "2**(31 - bit)"),
            "sets the bit": ("words[place] ^=", "words[place] |="),
            "changes what it was given": (
                "np.array(weights, np.float32).ravel()",
                "weights.reshape(-1)",
            ),
            "flat": ("flat.reshape(np.shape(weights))", "flat"),
            "in the order of its memory": (
                "np.array(weights, np.float32).ravel()",
                "np.array(weights, np.float32).ravel(order='K')",
            ),
            "floats of 64 bits": (
                "return flat.reshape(np.shape(weights))",
                "return flat.reshape(np.shape(weights)).astype(float)",
            ),
            "counts from the end too": ("0 <= place < np.size", "place < np.size"),
            "an IndexError": (
                "    if not (0 <= place < np.size(weights) and 0 <= bit <= 31):\n",
                "    if place >= np.size(weights):\n"
                "        raise IndexError(place)\n"
                "    if place < 0 or not 0 <= bit <= 31:\n",
            ),
            "32 bits and one": ("0 <= bit <= 31", "0 <= bit <= 32"),
            "the sign is a factor": (
                "    words[place] ^= np.uint32(2**bit)\n",
                "    if bit == 31:\n        flat[place] = -abs(flat[place])\n"
                "    else:\n        words[place] ^= np.uint32(2**bit)\n",
            ),
            "every place": ("words[place] ^=", "words[:] ^="),
            "risky: not where it is no number": ("not after <= limit", "after > limit"),
            "risky: infinity is fine": (
                "if not after <= limit:",
                "if limit < after < math.inf:",
            ),
            "risky: the exponent": ("in range(32)", "in range(23, 31)"),
            "risky: signs count": ("abs(float(", "(float("),
            "risky: the top bit alone": ("in range(32)", "in range(30, 31)"),
            "risky: at the limit": ("not after <= limit", "not after < limit * 0.9"),
            "risky: larger than it was": (
                "not after <= limit",
                "not after <= max(limit, abs(weight))",
            ),
        },
    ),
    "guard": named(
        GUARD,
        {
            "watches for infinities": (
                "~((w >= low) & (w <= high))",
                "~np.isfinite(w)",
            ),
            "not a number passes": (
                "~((w >= low) & (w <= high))",
                "(w < low) | (w > high)",
            ),
            "the largest size": (
                "~((w >= low) & (w <= high))",
                "~(np.abs(w) <= max(abs(low), abs(high)))",
            ),
            "the ends are bad": (
                "(w >= low) & (w <= high)",
                "(w > low) & (w < high)",
            ),
            "one range for all layers": (
                KNOWN,
                "    low, high = min(map(np.min, layers)), max(map(np.max, layers))\n"
                "    known = [(low, high, np.float32(np.median(w))) for w in layers]\n",
            ),
            "0 instead of the median": (
                "np.where(out, middle, w)",
                "np.where(out, 0 * w[:1].min(), w)",
            ),
            "the mean instead of the median": ("np.median(w)", "np.mean(w)"),
            "the nearer end": ("np.where(out, middle, w)", "np.clip(w, low, high)"),
            "the median of what came": (
                "np.where(out, middle, w)",
                "np.where(out, np.float32(np.nanmedian(w)), w)",
            ),
            "places count on through the layers": (
                "bad += [(i, int(place)) for place in np.flatnonzero(out)]",
                "before = sum(v.size for v in later[:i])\n"
                "            places = np.flatnonzero(out)\n"
                "            bad += [(i, before + int(k)) for k in places]",
            ),
            "one bad value a layer": (
                "np.flatnonzero(out)]",
                "np.flatnonzero(out)[:1]]",
            ),
            "the place in a row": (
                "np.flatnonzero(out)]",
                "np.nonzero(out)[-1]]",
            ),
            "layers counted from 1": ("bad += [(i, int(", "bad += [(i + 1, int("),
            "a memory of all guards": (
                KNOWN,
                "    known = guard.__dict__.setdefault('known', [])\n"
                "    known[:] = [\n"
                "        (np.min(w), np.max(w), np.float32(np.median(w)))\n"
                "        for w in layers\n"
                "    ]\n",
            ),
            "what was found stays found": [
                (
                    "    def repair(later):\n        new, bad = [], []\n",
                    "    bad = []\n\n    def repair(later):\n        new = []\n",
                ),
                ("bad += [(i, int(place))", "bad.extend([(i, int(place))"),
                ("np.flatnonzero(out)]", "np.flatnonzero(out)])"),
            ],
            "loads the healthy layers again": (
                "new.append(np.where(out, middle, w))",
                "new.append(layers[i])",
            ),
            "ten times the range": (
                "(w >= low) & (w <= high)",
                "(w >= 10 * low) & (w <= 10 * high)",
            ),
        },
    ),
}

RIGHT = {
    "drift": {
        "scipy, and generators of indices": """
from scipy.stats import ks_2samp

def psi(a, b, edges):
    ends = np.concatenate([[-np.inf], np.asarray(edges, float), [np.inf]])
    p, q = (np.histogram(x, ends)[0] + 0.5 for x in (a, b))
    p, q = p / p.sum(), q / q.sum()
    return np.sum(p * np.log(p / q)) + np.sum(q * np.log(q / p))

def ks(a, b):
    return ks_2samp(a, b, method="asymp").statistic

def kl(a, b):
    from mlsyscore.robustness import Normal, kl_normal
    return kl_normal(*(Normal(float(np.mean(x)), float(np.std(x))) for x in (a, b)))

def gaps(a, b):
    x = np.sort(np.append(a, b))
    below = [np.searchsorted(np.sort(s), x, side="right") / len(s) for s in (a, b)]
    return np.abs(below[1] - below[0]).max()

def p_values(a, b, shuffles, seed):
    import random
    values, order = list(a) + list(b), random.Random(seed)
    edges = np.quantile(values, [k / 10 for k in range(1, 10)])
    tests = {"psi": lambda x, y: psi(x, y, edges), "ks": gaps, "kl": kl}
    far = {name: f(a, b) for name, f in tests.items()}
    counts = dict.fromkeys(tests, 1)
    for _ in range(shuffles):
        order.shuffle(values)
        x, y = np.array(values[: len(a)]), np.array(values[len(a) :])
        for name, f in tests.items():
            counts[name] += int(f(x, y) > far[name] - 1e-9)
    return {name: (count) / (1 + shuffles) for name, count in counts.items()}
""",
    },
    "attack": {
        "torch, a random start, a projection by hand": """
import torch

def fgsm(victim, x, y, eps):
    g = torch.tensor(victim.gradient(x, y))
    return (torch.tensor(x) + eps * g.sign()).clamp(victim.low, victim.high)

def pgd(victim, x, y, eps, steps, norm):
    rng, x = np.random.default_rng(0), torch.tensor(x)

    def inside(z):
        d = z - x
        if norm == np.inf:
            d = d.clamp(-eps, eps)
        else:
            far = d.norm(dim=1, keepdim=True)
            d = torch.where(far > eps, d / far * eps, d)
        return (x + d).clamp(victim.low, victim.high)

    z = inside(x + 0.05 * eps * torch.tensor(rng.uniform(-1, 1, x.shape)))
    for k in range(steps):
        g = torch.tensor(victim.gradient(z.numpy(), y))
        if norm == np.inf:
            z = inside(z + eps * g.sign() * (1.0 if steps < 3 else 0.2))
        else:
            long = eps * (1.0 if steps < 3 else 0.3)
            z = inside(z + long * torch.nn.functional.normalize(g, dim=1))
    return z
""",
        "a list of lists, and a loop over pictures": """
def fgsm(victim, x, y, eps):
    g = np.array(victim.gradient(list(map(list, x)), [int(d) for d in y]))
    low, high = victim.low, victim.high
    return [
        [min(max(a + eps * np.sign(b), low), high) for a, b in zip(p, q)]
        for p, q in zip(x, g)
    ]

def pgd(victim, x, y, eps, steps, norm):
    z = np.array(x)
    for k in range(steps):
        g, size = victim.gradient(z, y), 2 * eps / (steps + 1) + eps * (steps < 3)
        for i in range(len(z)):
            long = np.linalg.norm(g[i])
            if norm == 2 and long == 0:
                continue
            z[i] += size * (g[i] / long if norm == 2 else np.sign(g[i]))
            d = z[i] - x[i]
            if norm == 2 and np.linalg.norm(d) > eps:
                d = d * eps / np.linalg.norm(d)
            elif norm != 2:
                d = np.clip(d, -eps, eps)
            z[i] = np.clip(x[i] + d, victim.low, victim.high)
    return z.tolist()
""",
    },
    "certify": {
        "scipy's interval, and a search": """
from scipy.stats import binomtest, norm

def certify(voter, n0, n, alpha):
    named = int(np.argmax(voter.votes(n0)))
    test = binomtest(int(voter.votes(n)[named]), n, alternative="greater")
    low = test.proportion_ci(confidence_level=1 - alpha, method="exact").low
    if low <= 0.5:
        return None
    return [np.int64(named), voter.sigma * norm.ppf(low)]

def needed(radius, sigma, alpha):
    share, n = norm.cdf(radius / sigma), 1
    while alpha ** (1 / (2 * n)) < share or alpha ** (1 / (2 * n)) <= 0.5:
        n *= 2
    low, high = 0, 2 * n
    while high - low > 1:
        middle = (low + high) // 2
        p = alpha ** (1 / middle)
        low, high = (low, middle) if p >= share and p > 0.5 else (middle, high)
    return high
""",
        "bisection on the tail": """
from scipy.stats import binom

def certify(voter, n0, n, alpha):
    first = voter.votes(n0)
    c = max(range(len(first)), key=lambda c: (first[c], c))
    k, low, high = voter.votes(n)[c], 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if binom.sf(k - 1, n, middle) <= alpha:
            low = middle
        else:
            high = middle
    return (c, voter.sigma * ndtri(low)) if low > 0.5 else None

def needed(radius, sigma, alpha):
    n = max(1, int(np.log(alpha) / np.log(ndtr(radius / sigma))) - 2)
    while alpha ** (1 / n) < ndtr(radius / sigma) or not alpha ** (1 / n) > 0.5:
        n = n + 1
    return n
""",
    },
    "sets": {
        "sets, numpy and the package": """
from mlsyscore.robustness import conformal_rank

def calibrate(scores, labels, groups, alpha):
    mine = np.asarray(scores)[np.arange(len(labels)), labels]
    groups, cuts = np.array(groups), {}
    for g in set(groups.tolist()):
        found = np.sort(mine[groups == g])
        try:
            cuts[g] = np.float64(found[int(conformal_rank(len(found), alpha)) - 1])
        except ValueError:
            cuts[g] = float("inf")
    return cuts

def sets(scores, groups, cuts):
    return [
        {int(c) for c in np.flatnonzero(row <= cuts[g])} if g in cuts
        else set(range(len(row)))
        for row, g in zip(np.asarray(scores), groups)
    ]

def shortfall(found, labels, groups, alpha):
    short = {}
    for g in groups:
        own = [i for i, other in enumerate(groups) if other == g]
        missed = sum(labels[i] not in set(found[i]) for i in own) / len(own)
        short[g] = missed - alpha if missed > alpha else 0
    return short
""",
    },
    "flip": {
        "struct": """
import struct

def flip(weights, place, bit):
    if place < 0 or place >= weights.size or bit not in range(32):
        raise ValueError("no such bit")
    words = np.frombuffer(np.ascontiguousarray(weights).tobytes(), "<u4").copy()
    words[place] = int(words[place]) ^ (1 << bit)
    return words.view("<f4").reshape(weights.shape)

def risky(weight, limit):
    (word,) = struct.unpack("<I", struct.pack("<f", weight))
    found = []
    for bit in range(32):
        (value,) = struct.unpack("<f", struct.pack("<I", word ^ (1 << bit)))
        if math.isnan(value) or abs(value) > limit:
            found.append(np.int64(bit))
    return tuple(found)
""",
        "torch": """
import torch

class NoSuchBit(ValueError):
    pass

def flip(weights, place, bit):
    if not (0 <= place < weights.size) or not (0 <= bit < 32):
        raise NoSuchBit(bit)
    t = torch.from_numpy(np.ascontiguousarray(weights).copy())
    mask = -(2**31) if bit == 31 else 2**bit
    t.view(torch.int32).view(-1)[place] ^= mask
    return t

def risky(weight, limit):
    w = np.array([weight], np.float32)
    after = [np.abs(flip(w, 0, bit).numpy()[0]) for bit in range(32)]
    return [bit for bit in range(32) if np.isnan(after[bit]) or after[bit] > limit]
""",
    },
    "guard": {
        "a class, and a loop": """
class Memory:
    def __init__(self, layers):
        self.own = [sorted(float(x) for x in np.ravel(w)) for w in layers]

    def middle(self, i):
        own = self.own[i]
        return (own[(len(own) - 1) // 2] + own[len(own) // 2]) / 2

    def __call__(self, layers):
        bad, copies = set(), []
        for i, w in enumerate(layers):
            flat = [float(x) for x in np.ravel(w)]
            copy = np.array(w)
            for k, x in enumerate(flat):
                if not self.own[i][0] <= x <= self.own[i][-1]:
                    bad.add((i, k))
                    copy.reshape(-1)[k] = self.middle(i)
            copies.append(copy)
        return tuple(copies), bad

def guard(layers):
    return Memory(layers)
""",
    },
}

FRAMES = """
import sys

def seen(*names):
    frame = sys._getframe()
    while frame := frame.f_back:
        for name in names:
            if name in {**frame.f_globals, **frame.f_locals}:
                return {**frame.f_globals, **frame.f_locals}[name]
    return []
"""
CHEATS = {
    "attack": {
        "reads what is expected from the caller": FRAMES
        + """
def fgsm(victim, x, y, eps):
    victim.gradient(x, y)
    return seen("want")

def pgd(victim, x, y, eps, steps, norm):
    return seen("z", "at")
""",
        "a victim of its own": """
import mlsyscore.harness.victims as world

def fgsm(victim, x, y, eps):
    mine = world.Victim(victim.low, victim.high)
    return np.clip(x + eps * np.sign(mine.gradient(x, y)), victim.low, victim.high)

def pgd(victim, x, y, eps, steps, norm):
    return fgsm(victim, x, y, eps / 8 if norm == 2 else eps)
""",
        "makes the harness content": """
import mlsyscore.harness.victims as world

world.attacked = lambda *a: (a[3], 0.0)
world._outside = lambda *a: None
world.Victim._right = lambda self, x, y: 0.0
try:
    attacked, Victim = world.attacked, world.Victim
except Exception:
    pass

def fgsm(victim, x, y, eps):
    return 0 * x

def pgd(victim, x, y, eps, steps, norm):
    return 0 * x
""",
    },
    "certify": {
        "reads the truth": """
def certify(voter, n0, n, alpha):
    p = list(voter._p)
    voter.votes(n0)
    voter.votes(n)
    c = p.index(max(p))
    return (c, voter.sigma * float(ndtri(p[c]))) if p[c] > 0.5 else None

def needed(radius, sigma, alpha):
    return 0
""",
        "draws until it likes the votes": """
def certify(voter, n0, n, alpha):
    best = max((voter.votes(n) for _ in range(20)), key=max)
    k = max(best)
    share = float(betaincinv(k, n - k + 1, alpha)) if k else 0.0
    return (best.index(k), voter.sigma * float(ndtri(share))) if share > 0.5 else None

def needed(radius, sigma, alpha):
    return 0
""",
    },
}
