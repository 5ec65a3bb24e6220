"""Answers that a student might well write."""

BLOCKS = """
def blocks_of(model, memory, block, size=2):
    room = memory - model["weights"] * size
    if room < 0:
        raise ValueError("the weights do not fit")
    token = 2 * model["layers"] * model["kv_heads"] * model["width"] * size
    return int(room // (token // model["heads"] * block))
"""
ADMITTED = """
def admitted(free, running, queue, block):
    for tokens, most in running:
        free -= math.ceil(most / block) - math.ceil(tokens / block)
    n = 0
    for prompt, longest in queue:
        free -= math.ceil((prompt + longest) / block)
        if free < 0:
            break
        n += 1
    return n
"""
PAGER = """
class Pager:
    def __init__(self, blocks, size):
        self.blocks, self.size, self.n = blocks, size, 0
        self.seqs = {}

    def used(self):
        return {b for table, _ in self.seqs.values() for b in table}

    def take(self, count):
        used = self.used()
        free = [b for b in range(self.blocks) if b not in used]
        if len(free) < count:
            raise MemoryError(count)
        return free[:count]

    def alloc(self, n):
        table = self.take(math.ceil(n / self.size))
        self.n += 1
        self.seqs[self.n] = [table, n]
        return self.n

    def append(self, seq):
        table, n = self.seqs[seq]
        source = None
        if n % self.size == 0:
            table.extend(self.take(1))
        elif sum(table[-1] in t for t, _ in self.seqs.values()) > 1:
            block = self.take(1)[0]
            source, table[-1] = table[-1], block
        self.seqs[seq][1] += 1
        return table[-1], source

    def fork(self, seq):
        table, n = self.seqs[seq]
        self.n += 1
        self.seqs[self.n] = [list(table), n]
        return self.n

    def free(self, seq):
        del self.seqs[seq]

    def table(self, seq):
        return list(self.seqs[seq][0])
"""
PLAN = """
def plan(budget, room, active, waiting):
    got = {i: 1 for i, left in active if left == 0}
    budget -= len(got)
    for i, left in active:
        if left > 0 and budget > 0:
            got[i] = min(left, budget)
            budget -= got[i]
    for i, prompt, most in waiting:
        if budget <= 0 or most > room:
            break
        got[i] = min(prompt, budget)
        budget -= got[i]
        room -= most
    return list(got.items())
"""
LITTLE = """
def by_little(rate, stay, places):
    return math.ceil(rate * stay / places)
"""
PLAY = """
def by_play(arrivals, times, places, slo):
    c = 1
    while True:
        free = [0.0] * (c * places)
        late = 0
        for a, t in zip(arrivals, times):
            k = free.index(min(free))
            start = max(a, free[k])
            free[k] = start + t
            if start - a > slo:
                late += 1
        if late * 100 <= len(arrivals):
            return c
        c += 1
"""
SPREAD = """
def spread(n, requests, d, seed):
    rng = np.random.default_rng(seed)
    load = [0] * n
    for _ in range(requests):
        drawn = rng.integers(0, n, d)
        k = min(drawn, key=lambda i: load[i])
        load[k] += 1
    return load
"""
FILLED = """
def filled(d, t, most):
    x, steps = np.zeros(most + 1), 10_000
    x[0] = 1
    for _ in range(steps):
        x[1:] += (x[:-1] ** d - x[1:] ** d) * t / steps
    return x[1:]
"""
PASSES = """
def passes(train, q, c, growth, every, last):
    paid = spent = 0.0
    for day in range(last):
        if day == 0 or every != math.inf and day % every == 0:
            paid += train
        spent += q * growth**day * c
        if spent > paid:
            return day + 1
    return None
"""
BETWEEN = """
def between(scenarios, last):
    days = [passes(*s, last) for s in scenarios]
    def by(share):
        for day in range(1, last + 1):
            if 100 * sum(d is not None and d <= day for d in days) >= share * len(days):
                return day
    return by(5), by(95)
"""


def changed(source, *pairs):
    """Return a source with each old text, which is there, replaced by a new one."""
    for old, new in pairs:
        assert old in source, old
        source = source.replace(old, new)
    return source


WRONG = {
    "memory": {
        "all heads have a key": changed(BLOCKS, ('model["kv_heads"]', 'model["heads"]'))
        + ADMITTED,
        "keys without values": changed(BLOCKS, ("token = 2 *", "token =")) + ADMITTED,
        "who runs grows no more": BLOCKS
        + changed(
            ADMITTED,
            ("math.ceil(most / block) - math.ceil(tokens / block)", "0"),
        ),
        "the whole need of who runs, held or not": BLOCKS
        + changed(ADMITTED, (" - math.ceil(tokens / block)", "")),
        "tokens rounded down": BLOCKS
        + changed(
            ADMITTED,
            ("math.ceil((prompt + longest) / block)", "(prompt + longest) // block"),
        ),
        "prompt and answer rounded apart": BLOCKS
        + changed(
            ADMITTED,
            (
                "math.ceil((prompt + longest) / block)",
                "math.ceil(prompt / block) + math.ceil(longest / block)",
            ),
        ),
        "passes who does not fit": BLOCKS
        + changed(
            ADMITTED,
            (
                "        free -= math.ceil((prompt + longest) / block)\n"
                "        if free < 0:\n            break\n        n += 1\n",
                "        need = math.ceil((prompt + longest) / block)\n"
                "        if need <= free:\n"
                "            free -= need\n"
                "            n += 1\n",
            ),
        ),
        "the last block must be left over": BLOCKS
        + changed(ADMITTED, ("free < 0", "free <= 0")),
        "two bytes whatever the size": changed(
            BLOCKS, ('model["width"] * size', 'model["width"] * 2')
        )
        + ADMITTED,
        "tokens, not blocks": changed(BLOCKS, (" * block))", "))")) + ADMITTED,
        "no error where the weights lack room": changed(
            BLOCKS, ('raise ValueError("the weights do not fit")', "return 0")
        )
        + ADMITTED,
        "an error where no block fits": changed(BLOCKS, ("if room < 0", "if room <= 0"))
        + ADMITTED,
        "the growth of all together": BLOCKS
        + changed(
            ADMITTED,
            (
                "    for tokens, most in running:\n"
                "        free -= math.ceil(most / block) - math.ceil(tokens / block)\n",
                "    free -= math.ceil(sum(m - t for t, m in running) / block)\n",
            ),
        ),
        "nobody new where nobody runs": BLOCKS
        + changed(
            ADMITTED, ("    n = 0\n", "    n = 0\n    queue = running and queue\n")
        ),
        "one at least where nobody runs": BLOCKS
        + changed(ADMITTED, ("if free < 0:", "if free < 0 and (n or running):")),
    },
    "pager": {
        "never copies": changed(PAGER, ("elif sum(", "elif 0 and sum(")),
        "copies also when nobody shares any more": changed(
            PAGER,
            (
                "self.n += 1\n        self.seqs[self.n] = [list(table), n]",
                "self.n += 1\n"
                "        self.once = getattr(self, 'once', set()) | set(table)\n"
                "        self.seqs[self.n] = [list(table), n]",
            ),
            (
                "elif sum(table[-1] in t for t, _ in self.seqs.values()) > 1",
                "elif table[-1] in getattr(self, 'once', ())",
            ),
        ),
        "a fork copies everything": changed(
            PAGER, ("[list(table), n]", "[self.take(len(table)), n]")
        ),
        "a fork has the same list": changed(PAGER, ("[list(table), n]", "[table, n]")),
        "copies a full block too": changed(
            PAGER,
            (
                "        if n % self.size == 0:\n"
                "            table.extend(self.take(1))\n"
                "        elif sum",
                "        if n % self.size == 0:\n"
                "            source = table[-1]\n"
                "            table.extend(self.take(1))\n"
                "        elif sum",
            ),
        ),
        "takes a block ahead": changed(
            PAGER, ("math.ceil(n / self.size)", "n // self.size + 1")
        ),
        "free gives back what others have": changed(
            PAGER,
            (
                "        del self.seqs[seq]",
                "        for b in self.seqs.pop(seq)[0]:\n"
                "            self.given.add(b)",
            ),
            ("self.seqs = {}", "self.seqs, self.given = {}, set()"),
            ("if b not in used]", "if b not in used or b in self.given]"),
            (
                "        return free[:count]",
                "        self.given -= set(free[:count])\n        return free[:count]",
            ),
        ),
        "leaks what a freed fork shared": changed(
            PAGER,
            ("self.seqs = {}", "self.seqs, self.lost = {}, set()"),
            (
                "        del self.seqs[seq]",
                "        t = self.seqs.pop(seq)[0]\n"
                "        self.lost |= set(t) & self.used()",
            ),
            ("if b not in used]", "if b not in used | self.lost]"),
        ),
        "counts a token that has no room": changed(
            PAGER,
            (
                "        table, n = self.seqs[seq]\n        source = None",
                "        table, n = self.seqs[seq]\n"
                "        self.seqs[seq][1] += 1\n"
                "        source = None",
            ),
            ("        self.seqs[seq][1] += 1\n        return", "        return"),
        ),
        "the old block goes to who writes": changed(
            PAGER,
            (
                "            source, table[-1] = table[-1], block\n",
                "            source, old = table[-1], table[-1]\n"
                "            for t, _ in self.seqs.values():\n"
                "                if t is not table and t[-1] == old:\n"
                "                    t[-1] = block\n",
            ),
        ),
        "frees a dead sequence in silence": changed(
            PAGER, ("del self.seqs[seq]", "self.seqs.pop(seq, None)")
        ),
        "an index error where nothing is free": changed(
            PAGER, ("raise MemoryError(count)", "raise IndexError(count)")
        ),
        "alloc keeps what it took before it failed": changed(
            PAGER,
            (
                "        table = self.take(math.ceil(n / self.size))\n"
                "        self.n += 1\n"
                "        self.seqs[self.n] = [table, n]\n",
                "        self.n += 1\n        self.seqs[self.n] = [[], n]\n"
                "        for _ in range(math.ceil(n / self.size)):\n"
                "            self.seqs[self.n][0].extend(self.take(1))\n",
            ),
        ),
        "one fork at most": changed(
            PAGER,
            (
                "elif sum(table[-1] in t for t, _ in self.seqs.values()) > 1",
                "elif sum(table[-1] in t for t, _ in self.seqs.values()) == 2",
            ),
        ),
        "ids from the number of the living": changed(
            PAGER, ("self.n += 1", "self.n = len(self.seqs)")
        ),
        "counts a token after a full block that has no room": changed(
            PAGER,
            (
                "            table.extend(self.take(1))\n",
                "            self.seqs[seq][1] += len(self.used()) == self.blocks\n"
                "            table.extend(self.take(1))\n",
            ),
        ),
        "all pagers have one dict": changed(
            PAGER,
            ("class Pager:\n", "class Pager:\n    seqs = {}\n"),
            ("        self.seqs = {}\n", ""),
        ),
        "the ids of all pagers": changed(
            PAGER,
            ("class Pager:\n", "class Pager:\n    seqs, n = {}, 0\n"),
            (
                "self.blocks, self.size, self.n = blocks, size, 0",
                "self.k, self.size = blocks, size",
            ),
            ("        self.seqs = {}\n", "        self.own = set()\n"),
            (
                "for table, _ in self.seqs.values() for",
                "for i in self.own & set(self.seqs) for table in [self.seqs[i][0]] for",
            ),
            ("range(self.blocks)", "range(self.k)"),
            (
                "elif sum(table[-1] in t for t, _ in self.seqs.values()) > 1",
                "elif sum(table[-1] in self.seqs[i][0] for i in self.own "
                "if i in self.seqs) > 1",
            ),
            ("self.n += 1", "Pager.n += 1\n        self.own.add(self.n)"),
        ),
        "a list of sequences, and the last is -1": changed(
            PAGER,
            ("self.seqs = {}", "self.seqs = Rows()"),
        )
        + """
class Rows(dict):
    def __missing__(self, key):
        if key >= 0 or len(self) + key < 0:
            raise KeyError(key)
        return list(self.values())[key]
""",
    },
    "plan": {
        "prompts whole or not at all": changed(
            PLAN,
            ("if budget <= 0 or most > room", "if prompt > budget or most > room"),
        ),
        "passes who does not fit": changed(
            PLAN,
            (
                "        if budget <= 0 or most > room:\n            break\n",
                "        if budget <= 0 or most > room:\n            continue\n",
            ),
        ),
        "forgets what it has reserved": changed(PLAN, ("        room -= most\n", "")),
        "reserves the prompt": changed(
            PLAN, ("most > room", "prompt > room"), ("room -= most", "room -= prompt")
        ),
        "newcomers before those that read": changed(
            PLAN,
            (
                "    for i, left in active:\n"
                "        if left > 0 and budget > 0:\n"
                "            got[i] = min(left, budget)\n"
                "            budget -= got[i]\n",
                "",
            ),
            (
                "    return list",
                "    for i, left in active:\n"
                "        if left > 0 and budget > 0:\n"
                "            got[i] = min(left, budget)\n"
                "            budget -= got[i]\n"
                "    return list",
            ),
        ),
        "readers before writers": changed(
            PLAN,
            (
                "    got = {i: 1 for i, left in active if left == 0}\n"
                "    budget -= len(got)\n",
                "    got = {}\n",
            ),
            (
                "        if left > 0 and budget > 0:\n"
                "            got[i] = min(left, budget)",
                "        if budget > 0:\n            got[i] = min(left or 1, budget)",
            ),
        ),
        "writers cost no budget": changed(PLAN, ("    budget -= len(got)\n", "")),
        "who gets nothing is listed": changed(PLAN, ("budget <= 0 or ", "")),
        "an equal share for all who read": changed(
            PLAN,
            ("got[i] = min(left, budget)", "got[i] = min(left, max(budget // 2, 1))"),
        ),
        "one newcomer at a time": changed(
            PLAN, ("        room -= most\n", "        break\n")
        ),
        "nobody new while one reads": changed(
            PLAN,
            (
                "    for i, prompt, most in waiting:\n",
                "    for i, prompt, most in waiting:\n"
                "        if any(left for _, left in active):\n"
                "            break\n",
            ),
        ),
        "static: nobody new while one is active": changed(
            PLAN,
            (
                "    for i, prompt, most in waiting:\n",
                "    for i, prompt, most in waiting:\n"
                "        if active:\n"
                "            break\n",
            ),
        ),
        "room must be left over": changed(PLAN, ("most > room", "most >= room")),
        "the shortest prompt first": changed(
            PLAN, ("in waiting:", "in sorted(waiting, key=lambda w: w[1]):")
        ),
        "a prompt's last token with those that write": changed(
            PLAN,
            ("if left == 0}", "if left <= 1}"),
            ("if left > 0 and", "if left > 1 and"),
        ),
        "chunks of 256": changed(
            PLAN, ("min(prompt, budget)", "min(prompt, budget, 256)")
        ),
        "nobody reads where no room is left": changed(
            PLAN,
            ("if left > 0 and budget > 0", "if left > 0 and budget > 0 and room > 0"),
        ),
    },
    "replicas": {
        "rounded to the nearest": changed(LITTLE, ("math.ceil", "round")) + PLAY,
        "places, not replicas": changed(LITTLE, (" / places", "")) + PLAY,
        "one more than the floor": changed(
            LITTLE, ("math.ceil(rate * stay / places)", "int(rate * stay / places) + 1")
        )
        + PLAY,
        "the mean wait": LITTLE
        + changed(
            PLAY,
            (
                "            if start - a > slo:\n                late += 1\n",
                "            late += start - a\n",
            ),
            ("late * 100 <= len(arrivals)", "late <= slo * len(arrivals)"),
        ),
        "a replica has one place": LITTLE + changed(PLAY, ("c * places", "c")),
        "nobody may wait too long": LITTLE
        + changed(PLAY, ("late * 100 <= len(arrivals)", "late == 0")),
        "just slo is too long": LITTLE
        + changed(PLAY, ("start - a > slo", "start - a >= slo and start > a")),
        "fewer than one of a hundred": LITTLE
        + changed(PLAY, ("late * 100 <= len", "late * 100 < len")),
        "wait and service within slo": LITTLE
        + changed(PLAY, ("start - a > slo", "start + t - a > slo + t / 2")),
        "replicas in turn": LITTLE
        + changed(
            PLAY,
            (
                "for a, t in zip(arrivals, times)",
                "for n, (a, t) in enumerate(zip(arrivals, times))",
            ),
            ("k = free.index(min(free))", "k = n % len(free)"),
        ),
        "as many as Little says": LITTLE
        + """
def by_play(arrivals, times, places, slo):
    rate = len(arrivals) / (arrivals[-1] - arrivals[0])
    return by_little(rate, sum(times) / len(times), places)
""",
        "one of a hundred, rounded": LITTLE
        + changed(
            PLAY, ("late * 100 <= len(arrivals)", "late <= round(len(arrivals) / 100)")
        ),
        "places, one by one": LITTLE
        + changed(PLAY, ("c * places", "c"), ("return c", "return c / places")),
    },
    "router": {
        "the fuller of those drawn": changed(SPREAD, ("k = min(", "k = max(")) + FILLED,
        "the emptiest of all": changed(SPREAD, ("min(drawn,", "min(range(n),"))
        + FILLED,
        "two draws whatever d": changed(SPREAD, ("0, n, d)", "0, n, 2)")) + FILLED,
        "the same servers for all": changed(
            SPREAD,
            (
                "    for _ in range(requests):\n"
                "        drawn = rng.integers(0, n, d)\n",
                "    drawn = rng.integers(0, n, d)\n    for _ in range(requests):\n",
            ),
        )
        + FILLED,
        "loads before anybody came": changed(
            SPREAD, ("key=lambda i: load[i]", "key=lambda i: 0")
        )
        + FILLED,
        "the last server is never drawn": changed(
            SPREAD, ("rng.integers(0, n, d)", "rng.integers(0, max(n - 1, 1), d)")
        )
        + FILLED,
        "as many requests as servers": changed(SPREAD, ("range(requests)", "range(n)"))
        + FILLED,
        "neighbours instead of draws": changed(
            SPREAD,
            (
                "rng.integers(0, n, d)",
                "[(rng.integers(n) // 2 * 2 + j) % n for j in range(d)]",
            ),
        )
        + FILLED,
        "no seed": changed(SPREAD, ("default_rng(seed)", "default_rng()")) + FILLED,
        "the loads sorted": changed(SPREAD, ("return load", "return sorted(load)"))
        + FILLED,
        "odd and even seeds": changed(
            SPREAD, ("default_rng(seed)", "default_rng(seed % 2)")
        )
        + FILLED,
        "the share with exactly k": SPREAD
        + changed(FILLED, ("return x[1:]", "return x[1:] - np.append(x[2:], 0)")),
        "with departures": SPREAD
        + changed(FILLED, ("x[1:] ** d) * t", "x[1:] ** d - 0.3 * x[1:]) * t")),
        "always at random": SPREAD
        + changed(FILLED, ("(x[:-1] ** d - x[1:] ** d)", "(x[:-1] - x[1:])")),
        "begins with x_0": SPREAD + changed(FILLED, ("return x[1:]", "return x[:-1]")),
        "ten steps": SPREAD + changed(FILLED, ("10_000", "10")),
        "until one request a server": SPREAD
        + changed(FILLED, ("* t / steps", "/ steps")),
    },
    "crossing": {
        "trained once": changed(
            PASSES, (" or every != math.inf and day % every == 0", "")
        )
        + BETWEEN,
        "equal is passed": changed(PASSES, ("spent > paid", "spent >= paid")) + BETWEEN,
        "days from 0": changed(PASSES, ("return day + 1", "return day")) + BETWEEN,
        "grows on day 1": changed(PASSES, ("growth**day", "growth ** (day + 1)"))
        + BETWEEN,
        "grows by the first day's requests": changed(
            PASSES, ("growth**day", "(1 + (growth - 1) * day)")
        )
        + BETWEEN,
        "trained a day late": changed(PASSES, ("day % every == 0", "day % every == 1"))
        + BETWEEN,
        "not on the last day": changed(PASSES, ("range(last)", "range(last - 1)"))
        + BETWEEN,
        "each version's own cost": changed(
            PASSES,
            ("            paid += train", "            paid, spent = train, 0.0"),
        )
        + BETWEEN,
        "the last day if none": changed(PASSES, ("return None", "return last"))
        + BETWEEN,
        "the smallest and the largest": PASSES
        + changed(BETWEEN, ("by(5), by(95)", "by(1e-9), by(100)")),
        "more than 5 % and more than 95 %": PASSES
        + changed(BETWEEN, (">= share", "> share")),
        "those that never pass are left out": PASSES
        + changed(
            BETWEEN,
            (
                "[passes(*s, last) for s in scenarios]",
                "[d for s in scenarios if (d := passes(*s, last))]",
            ),
            (
                "    def by(share):\n",
                "    def by(share):\n        if not days:\n            return None\n",
            ),
        ),
        "a later training undoes it": PASSES
        + """
def between(scenarios, last):
    def ahead(train, q, c, growth, every, day):
        return sum(q * growth**k * c for k in range(day)) > train * (
            1 if every == math.inf else 1 + (day - 1) // every
        )
    def by(share):
        for day in range(1, last + 1):
            if 100 * sum(ahead(*s, day) for s in scenarios) >= share * len(scenarios):
                return day
    return by(5), by(95)
""",
        "interpolated": PASSES
        + """
def between(scenarios, last):
    days = [passes(*s, last) for s in scenarios]
    days = [math.inf if d is None else d for d in days]
    found = np.percentile(days, [5, 95])
    return tuple(float(x) if np.isfinite(x) else None for x in found)
""",
    },
}

RIGHT = {
    "memory": {
        "exact fractions, and a list of needs": """
from fractions import Fraction
from itertools import accumulate, takewhile

class Lacks(ValueError):
    pass

def blocks_of(model, memory, block, size=2):
    left = Fraction(memory) - model["weights"] * size
    if left < 0:
        raise Lacks("weights")
    one = Fraction(2 * model["layers"] * model["kv_heads"] * model["width"] * size)
    return left // (one / model["heads"] * block)

def admitted(free, running, queue, block):
    up = lambda n: (n + block - 1) // block
    promised = sum(up(b) - up(a) for a, b in running)
    total = accumulate(up(a + b) for a, b in queue)
    return len(list(takewhile(lambda need: need + promised <= free, total)))
""",
        "numpy": """
def blocks_of(model, memory, block, size=2):
    weights = model["weights"] * size
    if memory < weights:
        raise ValueError(weights)
    part = model["width"] / model["heads"]
    token = 2 * part * model["layers"] * model["kv_heads"] * size
    return np.floor((memory - weights) / (block * token))

def admitted(free, running, queue, block):
    runs, asks = np.array(running).reshape(-1, 2), np.array(queue).reshape(-1, 2)
    grow = (np.ceil(runs / block) @ [-1, 1]).sum()
    return np.count_nonzero(np.cumsum(np.ceil(asks.sum(axis=1) / block)) <= free - grow)
""",
    },
    "pager": {
        "looks for owners, and ids are numbers": PAGER,
        "counts owners, and ids are strings": """
class Pager:
    def __init__(self, blocks, size):
        self.room, self.size = list(range(blocks))[::-1], size
        self.owners, self.books, self.made = {}, {}, 0

    def _some(self, k):
        if k > len(self.room):
            class Full(MemoryError):
                pass
            raise Full(f"{k} blocks")
        got = [self.room.pop() for _ in range(k)]
        self.owners.update(dict.fromkeys(got, 1))
        return got

    def _seq(self, blocks, n):
        self.made += 1
        self.books[f"s{self.made}"] = (tuple(blocks), n)
        return f"s{self.made}"

    def alloc(self, n):
        return self._seq(self._some((n + self.size - 1) // self.size), n)

    def fork(self, seq):
        blocks, n = self.books[seq]
        for b in blocks:
            self.owners[b] += 1
        return self._seq(blocks, n)

    def append(self, seq):
        blocks, n = self.books[seq]
        full, source = n == len(blocks) * self.size, None
        if full:
            blocks = (*blocks, *self._some(1))
        elif self.owners[blocks[-1]] != 1:
            new = self._some(1)
            source = blocks[-1]
            self.owners[source] -= 1
            blocks = (*blocks[:-1], *new)
        self.books[seq] = (blocks, n + 1)
        return [blocks[-1], source]

    def free(self, seq):
        blocks, _ = self.books.pop(seq)
        for b in blocks:
            self.owners[b] -= 1
            if self.owners[b] == 0:
                self.room.insert(0, b)

    def table(self, seq):
        return self.books[seq][0]
""",
    },
    "plan": {
        "pairs of an array": changed(
            PLAN, ("list(got.items())", "np.array(list(got.items()))")
        ),
        "a dict, written recursively": """
def plan(budget, room, active, waiting):
    def give(rows, budget, room):
        if not rows or budget == 0 or rows[0][2] > room:
            return {}
        (i, tokens, most), *rest = rows
        n = min(tokens, budget)
        return {i: n} | give(rest, budget - n, room - most)

    writers = {i: 1 for i, left in active if not left}
    readers = [(i, left, 0) for i, left in active if left]
    return give([*readers, *waiting], budget - len(writers), room) | writers
""",
    },
    "replicas": {
        "a heap of ends, and numpy": """
def by_little(rate, stay, places):
    return np.ceil(np.float64(rate) * stay / places)

def by_play(arrivals, times, places, slo):
    import heapq

    def late(c):
        ends = []
        count = 0
        for a, t in zip(arrivals, times):
            start = a
            if len(ends) == c * places:
                start = max(a, heapq.heappop(ends))
            heapq.heappush(ends, start + t)
            count += start > a + slo
        return count

    low, high = 0, len(arrivals)
    while high - low > 1:
        middle = (low + high) // 2
        if late(middle) > 0.01 * len(arrivals):
            low = middle
        else:
            high = middle
    return np.int64(high)
""",
        "plain": LITTLE + PLAY,
    },
    "router": {
        "without replacement, and of equals any; scipy": """
def spread(n, requests, d, seed):
    import random
    from collections import Counter
    r = random.Random(seed)
    load = Counter()
    for _ in range(requests):
        drawn = r.sample(range(n), min(d, n))
        low = min(load[i] for i in drawn)
        load[r.choice([i for i in drawn if load[i] == low])] += 1
    return tuple(load[i] for i in range(n))

def filled(d, t, most):
    from scipy.integrate import solve_ivp
    def slope(_, x):
        x = np.append(1.0, x)
        return x[:-1] ** d - x[1:] ** d
    return solve_ivp(slope, (0, t), np.zeros(most), rtol=1e-8, atol=1e-10).y[:, -1]
""",
        "arrays, and small steps": SPREAD.replace(
            "return load", "return np.array(load)"
        )
        + FILLED,
    },
    "crossing": {
        "plain": PASSES + BETWEEN,
        "recursion, and sorted days": """
def passes(train, q, c, growth, every, last, day=1, balance=0.0):
    while day <= last:
        new = day == 1 or (math.isfinite(every) and (day - 1) % int(every) == 0)
        balance += c * q - (train if new else 0)
        if balance > 0:
            return np.int64(day)
        day, q = day + 1, q * growth

def between(scenarios, last):
    days = sorted(d for s in scenarios if (d := passes(*s, last)) is not None)
    n = len(scenarios)
    at = [(n + 19) // 20 - 1, (19 * n + 19) // 20 - 1]
    return [days[k] if k < len(days) else None for k in at]
""",
    },
}
