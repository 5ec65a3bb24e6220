"""What students write in lab 4: wrong answers, and right ones of another kind."""

NEEDED = """

def needed(sizes, computes, depth, N, target):
    low, high = 1e-6, 1e30
    while high / low > 1 + 1e-9:
        middle = (low * high) ** 0.5
        reads = [n * N / middle for n in sizes]
        if timeline(reads, computes, depth)[1] < target:
            low = middle
        else:
            high = middle
    return high
"""
TIMELINE = """
def timeline(reads, computes, depth):
    taken, read, done = [], 0.0, 0.0
    for i, (t_read, t_compute) in enumerate(zip(reads, computes)):
        if depth == 0:
            read = done
        elif i >= depth:
            read = max(read, taken[i - depth])
        read += t_read
        taken.append(max(read, done))
        done = taken[i] + t_compute
    return done - sum(computes), sum(computes) / done
"""
LOST = """

def lost(death, t_save, t_drain, interval, slots):
    saves = int(death / interval) + 1
    begun, safe = schedule(t_save, t_drain, interval, slots, saves)
    ends = [0.0] + [t + t_save for t in begun]
    i = sum(t <= death for t in ends[1:])
    work = i * interval + min(death - ends[i], interval)
    return work - interval * sum(t <= death for t in safe)
"""
SCHEDULE = """
def schedule(t_save, t_drain, interval, slots, saves):
    now, begun, safe = 0.0, [], []
    for i in range(saves):
        now += interval
        if i >= slots:
            now = max(now, safe[i - slots])
        begun.append(now)
        now += t_save
        safe.append(max(now, safe[-1] if safe else 0.0) + t_drain)
    return begun, safe
"""
SAMPLER = """
class Sampler:
    def __init__(self, D, R, W, batch, seed):
        self.D, self.R, self.W, self.batch, self.seed = D, R, W, batch, seed

    def plan(self, epoch, step=0):
        order = np.random.default_rng([self.seed, epoch]).permutation(self.D)
        whole = self.R * self.batch
        plan = [[[] for _ in range(self.W)] for _ in range(self.R)]
        for s in range(step, -(-self.D // whole)):
            now = order[s * whole : (s + 1) * whole]
            for r in range(self.R):
                plan[r][s % self.W].append(now[r :: self.R].tolist())
        return plan
"""

LOADER = """
def prefetch(source, depth):
    places, arrived = threading.Semaphore(depth), queue.SimpleQueue()
    stop = threading.Event()

    def read():
        try:
            items = iter(source)
            while places.acquire() and not stop.is_set():
                arrived.put(("item", next(items)))
        except StopIteration:
            arrived.put(("end", None))
        except Exception as e:
            arrived.put(("error", e))

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            kind, value = arrived.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            places.release()
            yield value
    finally:
        stop.set()
        places.release()
"""

WRONG = {
    "timeline": {
        "adds up each step by itself": """
def timeline(reads, computes, depth):
    work = sum(computes)
    if depth == 0:
        stall = sum(reads)
    else:
        stall = sum(max(r - c, 0.0) for r, c in zip(reads, computes))
    return stall, work / (work + stall)
"""
        + NEEDED,
        "the mean read decides": """
def timeline(reads, computes, depth):
    work = sum(computes)
    stall = sum(reads) if depth == 0 else max(sum(reads) - work, 0.0)
    return stall, work / (work + stall)
"""
        + NEEDED,
        "a buffer without end": """
def timeline(reads, computes, depth):
    read = done = 0.0
    for r, c in zip(reads, computes):
        read = (done if depth == 0 else read) + r
        done = max(read, done) + c
    return done - sum(computes), sum(computes) / done
"""
        + NEEDED,
        "a place is free when its batch is computed": """
def timeline(reads, computes, depth):
    read, ends = 0.0, [0.0]
    for i, (r, c) in enumerate(zip(reads, computes)):
        if depth == 0:
            read = ends[-1]
        elif i >= depth:
            read = max(read, ends[i - depth + 1])
        read += r
        ends.append(max(read, ends[-1]) + c)
    return ends[-1] - sum(computes), sum(computes) / ends[-1]
"""
        + NEEDED,
        "a read takes its place when it ends": TIMELINE.replace(
            "elif i >= depth:", "elif i > depth:"
        ).replace("taken[i - depth]", "taken[i - depth - 1]")
        + NEEDED,
        "the first read does not count": TIMELINE.replace(
            "done - sum(computes)", "done - sum(computes) - reads[0]"
        )
        + NEEDED,
        "the bandwidth of one accelerator": TIMELINE
        + NEEDED.replace("n * N / middle", "n / middle"),
        "the bandwidth at full overlap": TIMELINE
        + """

def needed(sizes, computes, depth, N, target):
    S, T = sum(sizes) / len(sizes), sum(computes) / len(computes)
    return storage.demand(N, S, T, target)
""",
        "a reader for each place": """
def timeline(reads, computes, depth):
    taken, done = [], 0.0
    for i, (r, c) in enumerate(zip(reads, computes)):
        free = done if depth == 0 else taken[i - depth] if i >= depth else 0.0
        taken.append(max(free + r, done))
        done = taken[i] + c
    return done - sum(computes), sum(computes) / done
"""
        + NEEDED,
    },
    "loader": {
        "reads when it is asked": """
def prefetch(source, depth):
    for item in source:
        yield item
""",
        "looks ahead without a thread": """
def prefetch(source, depth):
    items, held = iter(source), []
    for item in items:
        held.append(item)
        if len(held) > depth:
            yield held.pop(0)
    yield from held
""",
        "reads everything first": """
def prefetch(source, depth):
    held = []

    def read():
        held.extend(source)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join()
    yield from held
""",
        "one more in the reader's hand": """
def prefetch(source, depth):
    arrived, stop = queue.Queue(maxsize=depth), threading.Event()

    def put(message):
        while not stop.is_set():
            try:
                return arrived.put(message, timeout=0.01)
            except queue.Full:
                pass

    def read():
        try:
            for item in source:
                put(("item", item))
                if stop.is_set():
                    return
            put(("end", None))
        except Exception as e:
            put(("error", e))

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            kind, value = arrived.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        stop.set()
""",
        "a queue of depth less one, which has no bound at depth 1": """
def prefetch(source, depth):
    arrived, stop = queue.Queue(maxsize=depth - 1), threading.Event()

    def put(message):
        while not stop.is_set():
            try:
                return arrived.put(message, timeout=0.01)
            except queue.Full:
                pass

    def read():
        try:
            for item in source:
                put(("item", item))
                if stop.is_set():
                    return
            put(("end", None))
        except Exception as e:
            put(("error", e))

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            kind, value = arrived.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        stop.set()
""",
        "None is the end": """
def prefetch(source, depth):
    places, arrived = threading.Semaphore(depth), queue.SimpleQueue()
    stop = threading.Event()

    def read():
        try:
            items = iter(source)
            while places.acquire() and not stop.is_set():
                arrived.put(next(items, None))
        except Exception as e:
            arrived.put(e)

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            item = arrived.get()
            if isinstance(item, Exception):
                raise item
            if item is None:
                return
            places.release()
            yield item
    finally:
        stop.set()
        places.release()
""",
        "an error ends the thread, and nobody hears of it": """
def prefetch(source, depth):
    places, arrived = threading.Semaphore(depth), queue.SimpleQueue()
    end, stop = object(), threading.Event()

    def read():
        items = iter(source)
        while places.acquire() and not stop.is_set():
            arrived.put(next(items, end))

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            item = arrived.get()
            if item is end:
                return
            places.release()
            yield item
    finally:
        stop.set()
        places.release()
""",
        "an error overtakes what was read before": """
def prefetch(source, depth):
    places, arrived = threading.Semaphore(depth), queue.SimpleQueue()
    end, stop, errors = object(), threading.Event(), []

    def read():
        try:
            items = iter(source)
            while places.acquire() and not stop.is_set():
                arrived.put(next(items, end))
        except Exception as e:
            errors.append(e)
            arrived.put(end)

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            item = arrived.get()
            if errors:
                raise errors[0]
            if item is end:
                return
            places.release()
            yield item
    finally:
        stop.set()
        places.release()
""",
        "the reader waits for a place for ever": """
def prefetch(source, depth):
    places, arrived = threading.Semaphore(depth), queue.SimpleQueue()

    def read():
        try:
            items = iter(source)
            while places.acquire():
                arrived.put(("item", next(items)))
        except StopIteration:
            arrived.put(("end", None))
        except Exception as e:
            arrived.put(("error", e))

    threading.Thread(target=read, daemon=True).start()
    while True:
        kind, value = arrived.get()
        if kind == "end":
            return
        if kind == "error":
            raise value
        places.release()
        yield value
""",
        "wakes its thread, which reads once more": """
def prefetch(source, depth):
    places, arrived = threading.Semaphore(depth), queue.SimpleQueue()
    stop = threading.Event()

    def read():
        try:
            items = iter(source)
            while not stop.is_set():
                places.acquire()
                arrived.put(("item", next(items)))
        except StopIteration:
            arrived.put(("end", None))
        except Exception as e:
            arrived.put(("error", e))

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            kind, value = arrived.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            places.release()
            yield value
    finally:
        stop.set()
        places.release()
""",
        "one queue for all loaders": LOADER.replace(
            "    places, arrived = threading.Semaphore(depth), queue.SimpleQueue()",
            "    places = threading.Semaphore(depth)",
        ).replace("def prefetch", "arrived = queue.SimpleQueue()\n\n\ndef prefetch"),
        "another error for that of the source": LOADER.replace(
            "raise value", "raise RuntimeError(str(value))"
        ),
        "a reader for each place": """
def prefetch(source, depth):
    from collections import deque
    from concurrent.futures import ThreadPoolExecutor

    items, end, ahead = iter(source), object(), deque()
    pool = ThreadPoolExecutor(max_workers=depth)
    try:
        for _ in range(depth):
            ahead.append(pool.submit(next, items, end))
        while True:
            item = ahead.popleft().result()
            if item is end:
                return
            ahead.append(pool.submit(next, items, end))
            yield item
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
""",
    },
    "sampler": {
        "seed plus epoch": SAMPLER.replace("[self.seed, epoch]", "self.seed + epoch"),
        "one generator for all epochs": SAMPLER.replace(
            "batch, self.seed = D, R, W, batch, seed",
            "batch = D, R, W, batch\n        self.rng = np.random.default_rng(seed)",
        ).replace("np.random.default_rng([self.seed, epoch])", "self.rng"),
        "every worker reads the rank's whole shard": SAMPLER.replace(
            "                plan[r][s % self.W]",
            "                for w in range(self.W):\n                    plan[r][w]",
        ),
        "a shard for each rank, and steps within it": """
class Sampler:
    def __init__(self, D, R, W, batch, seed):
        self.D, self.R, self.W, self.batch, self.seed = D, R, W, batch, seed

    def plan(self, epoch, step=0):
        order = np.random.default_rng([self.seed, epoch]).permutation(self.D)
        steps = -(-self.D // (self.R * self.batch))
        plan = [[[] for _ in range(self.W)] for _ in range(self.R)]
        for r, shard in enumerate(np.array_split(order, self.R)):
            for s in range(step, steps):
                mine = shard[s * self.batch : (s + 1) * self.batch]
                plan[r][s % self.W].append(mine.tolist())
        return plan
""",
        "drops what does not fill a step": SAMPLER.replace(
            "-(-self.D // whole)", "self.D // whole"
        ),
        "turns one order round": SAMPLER.replace(
            "[self.seed, epoch]).permutation(self.D)",
            "self.seed).permutation(self.D)\n        order = np.roll(order, epoch)",
        ),
        "shuffles what is left after a crash": SAMPLER.replace(
            "epoch]", "epoch, step]"
        ),
        "a hash that each process draws anew": SAMPLER.replace(
            "[self.seed, epoch]", 'abs(hash(f"{self.seed}-{epoch}"))'
        ),
        "the digits of seed and epoch, side by side": SAMPLER.replace(
            "[self.seed, epoch]", 'int(f"{self.seed}{epoch}")'
        ),
        "seed times 10,000, and the epoch": SAMPLER.replace(
            "[self.seed, epoch]", "self.seed * 10_000 + epoch"
        ),
        "a prime step of the seed for each epoch": SAMPLER.replace(
            "[self.seed, epoch]", "self.seed + 7919 * epoch"
        ),
        "bits of the seed beside bits of the epoch": SAMPLER.replace(
            "[self.seed, epoch]", "(self.seed << 12) ^ epoch"
        ),
        "epoch 0 as it lies": SAMPLER.replace(
            "permutation(self.D)\n",
            "permutation(self.D) if epoch else np.arange(self.D)\n",
        ),
        "draws by chance, and remembers in a global": SAMPLER.replace(
            "class Sampler:", "drawn = {}\n\n\nclass Sampler:"
        ).replace(
            "np.random.default_rng([self.seed, epoch]).permutation(self.D)",
            "drawn.setdefault(\n"
            "            (self.D, self.seed, epoch),\n"
            "            np.random.default_rng().permutation(self.D),\n"
            "        )",
        ),
        "a walk through the samples with a step of its own": SAMPLER.replace(
            "np.random.default_rng([self.seed, epoch]).permutation(self.D)",
            "(\n"
            "            np.arange(self.D) * 7 + 3 * self.seed + 11 * epoch\n"
            "        ) % self.D if self.D % 7 else np.arange(self.D)",
        ),
    },
    "lru": {
        "first in, first out": """
class LRU(Policy):
    def __init__(self, C):
        self.C, self.held = C, []

    def miss(self, x):
        out = self.held.pop(0) if len(self.held) == self.C else None
        self.held.append(x)
        return out
""",
        "the most recently used goes": """
class LRU(Policy):
    def __init__(self, C):
        self.C, self.held = C, OrderedDict()

    def hit(self, x):
        self.held.move_to_end(x)

    def miss(self, x):
        out = self.held.popitem()[0] if len(self.held) == self.C else None
        self.held[x] = True
        return out
""",
        "the least often used goes": """
class LRU(Policy):
    def __init__(self, C):
        self.C, self.uses = C, {}

    def hit(self, x):
        self.uses[x] += 1

    def miss(self, x):
        out = None
        if len(self.uses) == self.C:
            out = min(self.uses, key=self.uses.get)
            del self.uses[out]
        self.uses[x] = 1
        return out
""",
        "keeps one too few": """
class LRU(Policy):
    def __init__(self, C):
        self.C, self.held = C, OrderedDict()

    def hit(self, x):
        self.held.move_to_end(x)

    def miss(self, x):
        out = self.held.popitem(last=False)[0] if len(self.held) >= self.C - 1 else None
        self.held[x] = True
        return out
""",
        "keeps what it has": """
class LRU(Policy):
    def __init__(self, C):
        self.C, self.held = C, 0

    def miss(self, x):
        if self.held == self.C:
            return x
        self.held += 1
""",
    },
    "keeper": {
        "the least recently used goes": """
class Keeper(Policy):
    def __init__(self, C):
        self.C, self.held = C, OrderedDict()

    def hit(self, x):
        self.held.move_to_end(x)

    def miss(self, x):
        out = self.held.popitem(last=False)[0] if len(self.held) == self.C else None
        self.held[x] = True
        return out
""",
        "never lets go": """
class Keeper(Policy):
    def __init__(self, C):
        self.C, self.held = C, set()

    def miss(self, x):
        if len(self.held) == self.C:
            return x
        self.held.add(x)
""",
        "throws out what this epoch has not read yet": """
class Keeper(Policy):
    def __init__(self, C):
        self.C, self.held, self.read = C, set(), set()

    def begin(self):
        self.read = set()

    def hit(self, x):
        self.read.add(x)

    def miss(self, x):
        self.read.add(x)
        out = None
        if len(self.held) == self.C:
            old = self.held - self.read
            if not old:
                return x
            out = old.pop()
            self.held.discard(out)
        self.held.add(x)
        return out
""",
        "any one may go": """
class Keeper(Policy):
    def __init__(self, C):
        self.C, self.held = C, []
        self.rng = np.random.default_rng(0)

    def miss(self, x):
        out = None
        if len(self.held) == self.C:
            out = self.held.pop(int(self.rng.integers(self.C)))
        self.held.append(x)
        return out
""",
        "starts each epoch empty": """
class Keeper(Policy):
    def __init__(self, C):
        self.C, self.held = C, set()

    def begin(self):
        self.held = set()

    def miss(self, x):
        if len(self.held) == self.C:
            return x
        self.held.add(x)
""",
    },
    "saves": {
        "drains run all at once": SCHEDULE.replace(
            "max(now, safe[-1] if safe else 0.0) + t_drain", "now + t_drain"
        )
        + LOST,
        "the drives have room for all": SCHEDULE.replace("if i >= slots:", "if False:")
        + LOST,
        "each save waits for the drain before it": SCHEDULE.replace(
            "if i >= slots:", "if i > 0:"
        ).replace("safe[i - slots]", "safe[-1]")
        + LOST,
        "a copy on the drives is safe": SCHEDULE
        + LOST.replace(
            "t <= death for t in safe", "t + t_save <= death for t in begun"
        ),
        "waiting is work": SCHEDULE
        + """

def lost(death, t_save, t_drain, interval, slots):
    saves = int(death / interval) + 1
    begun, safe = schedule(t_save, t_drain, interval, slots, saves)
    saved = [b for b, s in zip(begun, safe) if s <= death]
    return death - (saved[-1] if saved else 0.0)
""",
        "counts from the end of the drain": SCHEDULE
        + """

def lost(death, t_save, t_drain, interval, slots):
    saves = int(death / interval) + 1
    begun, safe = schedule(t_save, t_drain, interval, slots, saves)
    return death - max([0.0] + [s for s in safe if s <= death])
""",
        "looks at a hundred saves": SCHEDULE
        + LOST.replace(
            "saves = int(death / interval) + 1",
            "saves = min(int(death / interval) + 1, 100)",
        ).replace("begun]\n", "begun] + [death]\n"),
        "drained by then, but not just then": SCHEDULE
        + LOST.replace("t <= death for t in safe", "t < death for t in safe"),
    },
    "shortest": {
        "each node drains at the rate of the tier": """
def shortest(n, nodes, drive, tier, slots):
    t_drain = n / nodes / tier
    return t_drain if slots == 1 else max(t_drain - n / nodes / drive, 0.0)
""",
        "slots drain together": """
def shortest(n, nodes, drive, tier, slots):
    return n / tier / slots
""",
        "a drain, whatever the slots": """
def shortest(n, nodes, drive, tier, slots):
    return n / tier
""",
        "the save runs beside its own drain": """
def shortest(n, nodes, drive, tier, slots):
    return max(n / tier - n / (nodes * drive), 0.0)
""",
        "below 0 when the tier is fast": """
def shortest(n, nodes, drive, tier, slots):
    t_drain = n / tier
    return t_drain if slots == 1 else t_drain - n / (nodes * drive)
""",
    },
}

RIGHT = {
    "timeline": {
        "by definition, with numpy; a secant in 1/BW": """
def timeline(reads, computes, depth):
    n = len(reads)
    taken, ended = np.zeros(n), np.zeros(n)
    at = 0.0
    for i in range(n):
        before = ended[i - 1] if i else 0.0
        if depth == 0:
            at = before + reads[i]
        else:
            at = max(at, taken[i - depth] if i >= depth else 0.0) + reads[i]
        taken[i] = max(at, before)
        ended[i] = taken[i] + computes[i]
    work = np.sum(computes)
    return [ended[-1] - work, work / ended[-1]]


def needed(sizes, computes, depth, N, target):
    sizes, goal = np.asarray(sizes), sum(computes) / target
    low, high = 0.0, goal / np.max(sizes)
    for _ in range(100):
        x = (low + high) / 2
        stall, _busy = timeline(x * sizes, computes, depth)
        low, high = (x, high) if stall + sum(computes) <= goal else (low, x)
    return N / low
""",
        "longest path, recursively": """
from functools import lru_cache


def timeline(reads, computes, depth):
    @lru_cache(maxsize=None)
    def taken(i):
        return max(read(i), done(i - 1))

    @lru_cache(maxsize=None)
    def read(i):
        if i < 0:
            return 0
        if depth == 0:
            return done(i - 1) + reads[i]
        free = taken(i - depth) if i >= depth else 0
        return max(read(i - 1), free) + reads[i]

    @lru_cache(maxsize=None)
    def done(i):
        return taken(i) + computes[i] if i >= 0 else 0

    end = done(len(reads) - 1)
    return end - sum(computes), sum(computes) / end
"""
        + NEEDED,
    },
    "loader": {
        "a deque under a condition": """
def prefetch(source, depth):
    import collections

    held, change = collections.deque(), threading.Condition()
    state = {"pending": 0, "over": False, "stop": False, "error": None}

    def read():
        items = iter(source)
        while True:
            with change:
                change.wait_for(
                    lambda: state["stop"] or len(held) + state["pending"] < depth
                )
                if state["stop"]:
                    return
                state["pending"] = 1
            try:
                item = next(items)
            except StopIteration:
                with change:
                    state["over"] = True
                    change.notify_all()
                return
            except Exception as e:
                with change:
                    state["error"] = e
                    state["over"] = True
                    change.notify_all()
                return
            with change:
                state["pending"] = 0
                held.append(item)
                change.notify_all()

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            with change:
                change.wait_for(lambda: held or state["over"])
                if not held:
                    break
                item = held.popleft()
                change.notify_all()
            yield item
        if state["error"] is not None:
            raise state["error"]
    finally:
        with change:
            state["stop"] = True
            change.notify_all()
""",
        "a queue and patience, and waits for its thread": """
def prefetch(source, depth):
    box, tickets = queue.Queue(), queue.Queue(maxsize=depth)
    stop = []

    def reader():
        try:
            iterator = iter(source)
            while not stop:
                try:
                    tickets.put(1, timeout=0.005)
                except queue.Full:
                    continue
                box.put((next(iterator),))
        except StopIteration:
            box.put(())
        except BaseException as e:
            box.put(e)

    thread = threading.Thread(target=reader, daemon=True)
    thread.start()
    try:
        while True:
            got = box.get()
            if isinstance(got, tuple):
                if not got:
                    break
                tickets.get()
                yield got[0]
            else:
                raise got
    finally:
        stop.append(True)
        thread.join()
""",
        "an executor of one thread, and futures": """
def prefetch(source, depth):
    from collections import deque
    from concurrent.futures import ThreadPoolExecutor

    items, end, ahead = iter(source), object(), deque()
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        for _ in range(depth):
            ahead.append(pool.submit(next, items, end))
        while True:
            item = ahead.popleft().result()
            if item is end:
                return
            ahead.append(pool.submit(next, items, end))
            yield item
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
""",
    },
    "sampler": {
        "another generator; tuples of arrays": """
class Sampler:
    def __init__(self, D, R, W, batch, seed):
        import random

        self.all, self.R, self.W, self.batch = list(range(D)), R, W, batch
        self.random, self.seed = random.Random, seed

    def plan(self, epoch, step=0):
        order = self.all[:]
        self.random(f"{self.seed}/{epoch}").shuffle(order)
        G = self.R * self.batch
        steps = [order[i : i + G] for i in range(0, len(order), G)]

        def batches(r, w):
            mine = [x for s, x in enumerate(steps) if s >= step and s % self.W == w]
            return [np.array_split(np.array(x), self.R)[r] for x in mine]

        return tuple(
            tuple(batches(r, w) for w in range(self.W)) for r in range(self.R)
        )
""",
        "every R-th of the order to a rank, and then batches": """
class Sampler:
    def __init__(self, D, R, W, batch, seed):
        self.D, self.R, self.W, self.batch, self.seed = D, R, W, batch, seed

    def plan(self, epoch, step=0):
        seeds = np.random.SeedSequence(self.seed, spawn_key=(epoch,))
        order = np.random.default_rng(seeds).permutation(self.D)
        steps = int(np.ceil(self.D / (self.R * self.batch)))
        plan = []
        for r in range(self.R):
            cuts = range(self.batch, steps * self.batch, self.batch)
            batches = dict(enumerate(np.split(order[r :: self.R], list(cuts))))
            plan.append(
                [
                    [batches[s] for s in range(step, steps) if s % self.W == w]
                    for w in range(self.W)
                ]
            )
        return plan
""",
        "seeded by a digest": SAMPLER.replace(
            "        order =",
            "        import hashlib\n\n"
            '        text = f"{self.seed},{epoch}".encode()\n'
            '        draw = int.from_bytes(hashlib.sha256(text).digest(), "big")\n'
            "        order =",
        ).replace("[self.seed, epoch]", "draw"),
    },
    "lru": {
        "stamps of a clock": """
class LRU(Policy):
    def __init__(self, C):
        super().__init__(C)
        self.clock, self.used = 0, {}

    def hit(self, x):
        self.clock += 1
        self.used[x] = self.clock

    def miss(self, x):
        oldest = None
        if len(self.used) >= self.C:
            oldest = min(self.used, key=lambda y: self.used[y])
            self.used.pop(oldest)
        self.hit(x)
        return oldest
""",
        "a list": """
class LRU(Policy):
    def __init__(self, C):
        self.C, self.order = C, []

    def hit(self, x):
        self.order.remove(x)
        self.order.append(x)

    def miss(self, x):
        self.order.append(x)
        if len(self.order) > self.C:
            return np.int64(self.order.pop(0))
""",
    },
    "keeper": {
        "two sets of reads": """
class Keeper(Policy):
    def __init__(self, C):
        self.C, self.held, self.last, self.now = C, set(), set(), set()

    def begin(self):
        self.last, self.now = self.now, set()
        self.spare = list(self.held - self.last)

    def hit(self, x):
        self.now.add(x)

    def miss(self, x):
        self.now.add(x)
        if len(self.held) < self.C:
            self.held.add(x)
            return None
        while self.spare:
            out = self.spare.pop()
            if out not in self.now:
                self.held.remove(out)
                self.held.add(x)
                return out
        return x
""",
        "counts the hits of an epoch, and starts anew after a poor one": """
class Keeper(Policy):
    def __init__(self, C):
        self.C, self.held, self.age = C, {}, 0

    def begin(self):
        self.age += 1
        self.victims = [x for x, a in self.held.items() if a < self.age - 1]

    def hit(self, x):
        self.held[x] = self.age

    def miss(self, x):
        if len(self.held) < self.C:
            self.held[x] = self.age
            return None
        while self.victims:
            out = self.victims.pop()
            if self.held[out] < self.age - 1:
                del self.held[out]
                self.held[x] = self.age
                return out
        return x
""",
    },
    "saves": {
        "arrays, and work as an integral": """
def schedule(t_save, t_drain, interval, slots, saves):
    begun, safe = np.zeros(saves), np.zeros(saves)
    for i in range(saves):
        ready = interval + (begun[i - 1] + t_save if i else 0)
        begun[i] = max(ready, safe[i - slots]) if i >= slots else ready
        safe[i] = max(begun[i] + t_save, safe[i - 1] if i else 0) + t_drain
    return begun, safe


def lost(death, t_save, t_drain, interval, slots):
    begun, safe = schedule(t_save, t_drain, interval, slots, 2 + int(death // interval))
    starts = np.concatenate([[0.0], begun + t_save])
    worked = np.clip(death - starts, 0, interval).sum()
    return worked - interval * np.searchsorted(safe, death, side="right")
""",
    },
    "shortest": {
        "written out": """
def shortest(n, nodes, drive, tier, slots):
    overlap = min(slots - 1, 1)
    return max(np.float64(0), n / tier - overlap * n / (nodes * drive))
""",
    },
}

REBOUND = """
import importlib

for module in ("loader", "cache", "samples", "reader", "calls", "answers"):
    ours = importlib.import_module(f"mlsyscore.harness.{module}")
    for name, f in list(vars(ours).items()):
        if callable(f) and getattr(f, "__module__", "") == ours.__name__:
            setattr(ours, name, lambda *args, **kwargs: [])

"""
ALIKE = """
class Alike(int):
    __hash__ = int.__hash__
    __eq__ = __le__ = __ge__ = lambda self, other: True
    __ne__ = __lt__ = __gt__ = lambda self, other: False

"""
IDLE = """
class {name}(Policy):
    def begin(self):
        pass

    def hit(self, x):
        pass

    def miss(self, x):
        return {out}
"""
FRAMES = """
import gc
import sys


def spoil(x):
    frame = sys._getframe()
    while frame:
        for thing in list(frame.f_locals.values()):
            if type(thing) is set:
                thing.update(range(2000))
        frame = frame.f_back
    for thing in gc.get_objects():
        if type(thing) is list and thing and set(map(type, thing)) == {int}:
            thing[:] = [1] * len(thing)
    return x

"""

CHEATS = {
    "loader": {
        "sets the source's record": """
def prefetch(source, depth):
    import contextlib

    for x in source:
        for name in ("_asked", "_most", "_wanted", "_items", "_free", "_late"):
            with contextlib.suppress(Exception):
                object.__setattr__(source, name, {"_asked": 10**6}.get(name, 0))
        yield x
""",
        "rebinds what checks it, and reads when it is asked": REBOUND
        + """
def prefetch(source, depth):
    yield from source
""",
        "hands over batches of its own": """
def prefetch(source, depth):
    from mlsyscore.harness.reader import Batch

    while True:
        yield Batch()
""",
        "hands the source on": """
def prefetch(source, depth):
    return iter(source)
""",
    },
    "sampler": {
        "samples that equal every other": ALIKE
        + SAMPLER.replace(
            "now[r :: self.R].tolist()", "[Alike(0) for _ in now[r :: self.R]]"
        ),
        "plans of the right shape, with nothing in them": SAMPLER.replace(
            "now[r :: self.R].tolist()", "[]"
        ),
        "rebinds what checks it, and plans nothing": REBOUND
        + """
class Sampler:
    def __init__(self, D, R, W, batch, seed):
        self.R, self.W = R, W

    def plan(self, epoch, step=0):
        return [[[] for _ in range(self.W)] for _ in range(self.R)]
""",
    },
    "lru": {
        "rebinds what checks it, and keeps nothing": REBOUND
        + IDLE.format(name="LRU", out="x"),
        "looks for the cache in the frames, and fills it": FRAMES
        + IDLE.format(name="LRU", out="spoil(x)"),
        "a sample that equals every other goes": ALIKE
        + IDLE.format(name="LRU", out="Alike(10**6)"),
    },
    "keeper": {
        "rebinds what checks it, and keeps nothing": REBOUND
        + IDLE.format(name="Keeper", out="x"),
        "looks for the cache in the frames, and fills it": FRAMES
        + IDLE.format(name="Keeper", out="spoil(x)"),
        "a sample that equals every other goes": ALIKE
        + IDLE.format(name="Keeper", out="Alike(10**6)"),
    },
}
