"""What students write in lab 4: wrong answers, and right ones of another kind."""

TIMELINE = """
def timeline(reads, computes, depth, readers):
    begun, taken, free, done = [], [], [0.0] * readers, 0.0
    for i, (r, c) in enumerate(zip(reads, computes)):
        start = heapq.heappop(free)
        if i >= depth:
            start = max(start, taken[i - depth])
        begun.append(start)
        heapq.heappush(free, start + r)
        taken.append(max(start + r, done))
        done = taken[i] + c
    return begun, taken
"""
SAVED = """
def saved(t_save, t_drain, interval, slots, saves):
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
LOST = """

def lost(death, t_save, t_drain, interval, slots):
    saves = int(death / interval) + 1
    begun, safe = saved(t_save, t_drain, interval, slots, saves)
    ends = [0.0] + [t + t_save for t in begun]
    i = sum(t <= death for t in ends[1:])
    work = i * interval + min(death - ends[i], interval)
    return work - interval * sum(t <= death for t in safe)
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

KEEPER = """
class Keeper(Policy):
    def __init__(self, C):
        self.C, self.epoch, self.used = C, 0, {}

    def begin(self):
        self.epoch += 1

    def hit(self, x):
        self.used[x] = self.epoch

    def miss(self, x):
        out = None
        if len(self.used) == self.C:
            out = min(self.used, key=self.used.get)
            if self.used[out] >= self.epoch - 1:
                return x
            del self.used[out]
        self.used[x] = self.epoch
        return out
"""

WRONG = {
    "timeline": {
        "the mean read decides": TIMELINE.replace(
            "    begun, taken",
            "    reads = [sum(reads) / len(reads)] * len(reads)\n    begun, taken",
            1,
        ),
        "one reader, however many there are": TIMELINE.replace("* readers", "* 1"),
        "a buffer without end": TIMELINE.replace("if i >= depth:", "if False:"),
        "a place is free when its batch is computed": TIMELINE.replace(
            "taken[i - depth])", "taken[i - depth] + computes[i - depth])"
        ),
        "a read takes its place when it ends": TIMELINE.replace(
            "if i >= depth:", "if i > depth:"
        ).replace("taken[i - depth]", "taken[i - depth - 1]"),
        "a place is free when its batch is read": TIMELINE.replace(
            "taken[i - depth])", "begun[i - depth] + reads[i - depth])"
        ),
        "a buffer for each reader": TIMELINE.replace(
            "    begun, taken", "    depth = depth * readers\n    begun, taken", 1
        ),
        "the readers take turns": TIMELINE.replace(
            "start = heapq.heappop(free)", "start = free[i % readers]"
        ).replace("heapq.heappush(free, start + r)", "free[i % readers] = start + r"),
        "as many readers as places": TIMELINE.replace("* readers", "* depth"),
        "takes whatever is read first": TIMELINE
        + """

one_by_one = timeline


def timeline(reads, computes, depth, readers):
    begun, taken = one_by_one(reads, computes, depth, readers)
    done = 0.0
    for i in sorted(range(len(reads)), key=lambda i: begun[i] + reads[i]):
        taken[i] = max(begun[i] + reads[i], done)
        done = taken[i] + computes[i]
    return begun, taken
""",
        "each step by itself": """
def timeline(reads, computes, depth, readers):
    begun, taken, at = [], [], 0.0
    for i in range(0, len(reads), readers):
        now = range(i, min(i + readers, len(reads)))
        for k in now:
            begun.append(at)
        ready = at + max(reads[k] for k in now)
        for k in now:
            taken.append(ready)
            ready += computes[k]
        at = ready
    return begun, taken
""",
        "empties what it was given": TIMELINE.replace(
            "    return begun, taken", "    reads.clear()\n    return begun, taken"
        ),
    },
    "loader": {
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
        "the text END is the end": LOADER.replace(
            '                arrived.put(("item", next(items)))',
            '                arrived.put(("item", next(items, "END")))',
        ).replace(
            "            places.release()\n            yield",
            '            if isinstance(value, str) and value == "END":\n'
            "                return\n            places.release()\n            yield",
        ),
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
        "an error of the same kind, made anew": LOADER.replace(
            "raise value", "raise type(value)(str(value))"
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
        "a sign that equals the end": LOADER.replace(
            '                arrived.put(("item", next(items)))',
            '                arrived.put(("item", next(items, places)))',
        ).replace(
            "            places.release()\n            yield",
            '            if type(value).__name__ != "ndarray" and value == places:\n'
            "                return\n            places.release()\n            yield",
        ),
        "one sign to stop, which each start takes back": LOADER.replace(
            "    stop = threading.Event()\n", "    stop.clear()\n"
        ).replace("def prefetch", "stop = threading.Event()\n\n\ndef prefetch"),
    },
    "sampler": {
        "seed plus epoch": SAMPLER.replace("[self.seed, epoch]", "self.seed + epoch"),
        "an order kept for each epoch, and used up": SAMPLER.replace(
            "batch, self.seed = D, R, W, batch, seed",
            "batch, self.seed = D, R, W, batch, seed\n        self.orders = {}",
        )
        .replace(
            "        order = np.random.default_rng([self.seed, epoch])"
            ".permutation(self.D)",
            "        if epoch not in self.orders:\n"
            "            rng = np.random.default_rng([self.seed, epoch])\n"
            "            self.orders[epoch] = rng.permutation(self.D).tolist()\n"
            "        order = self.orders[epoch]",
        )
        .replace(
            "now[r :: self.R].tolist())\n",
            "now[r :: self.R])\n        order.reverse()\n",
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
        "counts the workers from where it resumes": SAMPLER.replace(
            "s % self.W", "(s - step) % self.W"
        ),
        "seed times 10,000, and the epoch": SAMPLER.replace(
            "[self.seed, epoch]", "self.seed * 10_000 + epoch"
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
        "a seed for each number of ranks": SAMPLER.replace(
            "[self.seed, epoch]", "[self.seed, epoch, self.R]"
        ),
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
        "keeps the samples with the lowest numbers": """
class Keeper(Policy):
    def miss(self, x):
        return None if x < self.C else x
""",
        "one memory for all caches": """
class Keeper(Policy):
    epoch, used = 0, {}

    def begin(self):
        Keeper.epoch += 1

    def hit(self, x):
        self.used[x] = self.epoch

    def miss(self, x):
        out = None
        if len(self.used) >= self.C:
            out = min(self.used, key=self.used.get)
            if self.used[out] >= self.epoch - 1:
                return x
            del self.used[out]
        self.used[x] = self.epoch
        return out
""",
        "lets go of what is two epochs old": KEEPER.replace("- 1:", "- 2:"),
        "lets go of what this epoch has not read": KEEPER.replace("- 1:", ":"),
        "what was of no use once goes, though it is hit again": """
class Keeper(Policy):
    def __init__(self, C):
        self.C, self.held, self.read, self.useless = C, set(), set(), []

    def begin(self):
        known = {*self.useless}
        self.useless += [x for x in self.held - self.read if x not in known]
        self.read = set()

    def hit(self, x):
        self.read.add(x)

    def miss(self, x):
        if len(self.held) == self.C:
            if not self.useless:
                return x
            out = self.useless.pop(0)
            self.held.remove(out)
        else:
            out = None
        self.held.add(x)
        self.read.add(x)
        return out
""",
        "throws out the oldest, and never keeps the new one": KEEPER.replace(
            "        self.used[x] = self.epoch\n        return out",
            "        if out is None:\n            self.used[x] = self.epoch\n"
            "        return x if out else None",
        ),
    },
    "saves": {
        "drains run all at once": SAVED.replace(
            "max(now, safe[-1] if safe else 0.0) + t_drain", "now + t_drain"
        )
        + LOST,
        "the drives have room for all": SAVED.replace("if i >= slots:", "if False:")
        + LOST,
        "each save waits for the drain before it": SAVED.replace(
            "if i >= slots:", "if i > 0:"
        ).replace("safe[i - slots]", "safe[-1]")
        + LOST,
        "a copy on the drives is safe": SAVED
        + LOST.replace(
            "t <= death for t in safe", "t + t_save <= death for t in begun"
        ),
        "waiting is work": SAVED
        + """

def lost(death, t_save, t_drain, interval, slots):
    saves = int(death / interval) + 1
    begun, safe = saved(t_save, t_drain, interval, slots, saves)
    good = [b for b, s in zip(begun, safe) if s <= death]
    return death - (good[-1] if good else 0.0)
""",
        "counts from the end of the drain": SAVED
        + """

def lost(death, t_save, t_drain, interval, slots):
    saves = int(death / interval) + 1
    begun, safe = saved(t_save, t_drain, interval, slots, saves)
    return death - max([0.0] + [s for s in safe if s <= death])
""",
        "looks at 200 saves": SAVED
        + LOST.replace(
            "saves = int(death / interval) + 1",
            "saves = min(int(death / interval) + 1, 200)",
        ).replace("begun]\n", "begun] + [death]\n"),
        "drained by then, but not just then": SAVED
        + LOST.replace("t <= death for t in safe", "t < death for t in safe"),
        "saves on the hour, whatever came between": SAVED.replace(
            "now += interval", "now = max(now, (i + 1) * interval)"
        )
        + LOST,
        "a slot is free when its drain begins": SAVED.replace(
            "safe[i - slots])", "safe[i - slots] - t_drain)"
        )
        + LOST,
        "a node dies while it works, never while it saves": SAVED
        + LOST.replace("min(death - ends[i], interval)", "(death - ends[i])"),
    },
}

RIGHT = {
    "timeline": {
        "by definition, with numpy": """
def timeline(reads, computes, depth, readers):
    n = len(reads)
    begun, taken, free = np.zeros(n), np.zeros(n), np.zeros(readers)
    for i in range(n):
        k = np.argmin(free)
        begun[i] = max(free[k], taken[i - depth] if i >= depth else 0)
        free[k] = begun[i] + reads[i]
        before = taken[i - 1] + computes[i - 1] if i else 0
        taken[i] = max(free[k], before)
    return begun, taken
""",
        "sorted ends; exact fractions; tuples": """
from fractions import Fraction


def timeline(reads, computes, depth, readers):
    ends, begun, taken, done = [], [], [], Fraction(0)
    for i, t in enumerate(map(Fraction, reads)):
        free = sorted(ends)[-readers] if i >= readers else Fraction(0)
        begun.append(max(free, taken[i - depth]) if i >= depth else free)
        ends.append(begun[i] + t)
        taken.append(max(ends[i], done))
        done = taken[i] + Fraction(computes[i])
    return tuple(begun), tuple(taken)
""",
        "a recursion": """
from functools import cache


def timeline(reads, computes, depth, readers):
    @cache
    def begun(i):
        if i < 0:
            return 0
        place = taken(i - depth) if i >= depth else 0
        ends = sorted((begun(k) + reads[k] for k in range(i)), reverse=True)
        free = ends[readers - 1] if i >= readers else 0
        return max(begun(i - 1), place, free)

    @cache
    def taken(i):
        before = taken(i - 1) + computes[i - 1] if i else 0
        return max(before, begun(i) + reads[i])

    n = len(reads)
    return [begun(i) for i in range(n)], [taken(i) for i in range(n)]
""",
        "a frame of pandas; milliseconds inside": """
import pandas as pd


def timeline(reads, computes, depth, readers):
    table = pd.DataFrame({"read": reads, "compute": computes}) * 1000
    table["begun"], table["taken"] = 0.0, 0.0
    free = [0.0] * readers
    for i in table.index:
        k = free.index(min(free))
        place = table["taken"][i - depth] if i >= depth else 0.0
        table.loc[i, "begun"] = max(free[k], place)
        free[k] = table["begun"][i] + table["read"][i]
        before = table["taken"][i - 1] + table["compute"][i - 1] if i else 0.0
        table.loc[i, "taken"] = max(free[k], before)
    return table["begun"] / 1000, table["taken"] / 1000
""",
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
def saved(t_save, t_drain, interval, slots, saves):
    begun, safe = np.zeros(saves), np.zeros(saves)
    for i in range(saves):
        ready = interval + (begun[i - 1] + t_save if i else 0)
        begun[i] = max(ready, safe[i - slots]) if i >= slots else ready
        safe[i] = max(begun[i] + t_save, safe[i - 1] if i else 0) + t_drain
    return begun, safe


def lost(death, t_save, t_drain, interval, slots):
    begun, safe = saved(t_save, t_drain, interval, slots, 2 + int(death // interval))
    starts = np.concatenate([[0.0], begun + t_save])
    worked = np.clip(death - starts, 0, interval).sum()
    return worked - interval * np.searchsorted(safe, death, side="right")
""",
        "a deque of full slots; lost by a walk of its own": """
from collections import deque


def saved(t_save, t_drain, interval, slots, saves):
    full, begun, safe, now, drain = deque(), [], [], 0, 0
    for _ in range(saves):
        now += interval
        if len(full) == slots:
            now = max(now, full.popleft())
        begun.append(now)
        now += t_save
        drain = max(drain, now) + t_drain
        full.append(drain)
        safe.append(drain)
    return tuple(begun), tuple(safe)


def lost(death, t_save, t_drain, interval, slots):
    full, now, drain, work, good = deque(), 0, 0, 0, 0
    at_save = []
    while True:
        step = min(interval, death - now)
        work += step
        now += interval
        if now >= death:
            break
        if len(full) == slots:
            now = max(now, full.popleft())
        now += t_save
        if now > death:
            break
        drain = max(drain, now) + t_drain
        full.append(drain)
        at_save.append((drain, work))
    safe = [w for d, w in at_save if d <= death]
    return work - (safe[-1] if safe else 0)
""",
    },
}

REBOUND = """
import importlib

for module in ("loader", "cache", "samples", "schedule", "reader", "answers"):
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
    "keeper": {
        "rebinds what checks it, and keeps nothing": REBOUND
        + IDLE.format(name="Keeper", out="x"),
        "looks for the cache in the frames, and fills it": FRAMES
        + IDLE.format(name="Keeper", out="spoil(x)"),
        "a sample that equals every other goes": ALIKE
        + IDLE.format(name="Keeper", out="Alike(10**6)"),
    },
}
