# %% [markdown]
# # Lab 4 · Data storage
#
# **Time** 90 minutes. **Points** 40. **Runtime** any CPU; no GPU.
# **Hand in** this notebook, saved as `04_data_storage.ipynb`.
#
# You will
#
# 1. time a loader whose reads vary, and find the bandwidth that it needs;
# 2. write a loader that reads ahead and stops when its consumer does;
# 3. share out an epoch so that a job resumes at the sample where it crashed;
# 4. measure what an LRU cache keeps of a shuffled epoch, and beat it;
# 5. plan checkpoints: stage, drain, and count what a dead node takes with it;
# 6. decide whether to stage or to stream.
#
# A question asks for a function or a class.  Fill its body; leave its name and
# arguments.  The cells between are locked.  Visible checks tell you what they expect;
# more checks run when the lab is graded.

# %%
import queue
import threading
import time
from collections import OrderedDict

import numpy as np

from mlsyscore import storage
from mlsyscore.catalog import CHECKPOINT_STORE, GPT3, NVME_NODE
from mlsyscore.checks import close, number
from mlsyscore.units import GB, MB, TB, hour, ms

# %% [markdown]
# ## 1. Reads that vary (8 points)
#
# `storage.stall_overlapped` takes all reads as equal.  Here batch `i` takes `reads[i]`
# seconds to read and `computes[i]` seconds to compute.  One reader reads the batches
# in order, from time 0.
#
# - A read needs a place in a buffer of `depth` places.  It takes the place when it
#   begins.  The place is free again when the accelerator takes the batch.
# - The accelerator takes a batch when the batch is read and the one before it is
#   computed.  It computes at once.
# - `depth = 0` means turns: a read begins when the batch before it is computed.
#
# The stall is the time without work until the last batch is computed.  The first read
# counts.  Busy is the share of that whole time spent on computing.
#
# `needed` turns it round.  Batch `i` has `sizes[i]` bytes on each of `N` accelerators.
# They share the storage evenly, so each reads at `BW / N`.  Bisect, or solve: one part
# in a million will do.


# %% answer="timeline"
def timeline(reads, computes, depth):
    """Return (stall, busy): seconds without input, and the share of time at work.

    reads, computes: lists of equal length, seconds of each batch; one batch or more
    depth: places in the buffer, 0 or more
    """
    ### BEGIN SOLUTION
    taken, read, done = [], 0.0, 0.0
    for i, (t_read, t_compute) in enumerate(zip(reads, computes, strict=True)):
        if depth == 0:
            read = done
        elif i >= depth:
            read = max(read, taken[i - depth])
        read += t_read
        taken.append(max(read, done))
        done = taken[i] + t_compute
    work = sum(computes)
    return done - work, work / done
    ### END SOLUTION


def needed(sizes, computes, depth, N, target):
    """Least bandwidth of the storage, in B/s, at which busy is at least target.

    sizes, computes: bytes and seconds of each batch on one accelerator, both above 0
    N: accelerators that share the storage
    target: share of time, 0 < target < 1
    """
    ### BEGIN SOLUTION
    low, high = 1e-6, 1e30
    while high / low > 1 + 1e-9:
        middle = (low * high) ** 0.5
        reads = [n * N / middle for n in sizes]
        if timeline(reads, computes, depth)[1] < target:
            low = middle
        else:
            high = middle
    return high
    ### END SOLUTION


# %% [markdown]
# Five batches of 3 s.  The reads take 2, 1, 1, 8 and 3 s.  Draw the two lines of time
# before you read the numbers.


# %%
def stall_busy(label, answer):
    """Return the two numbers of an answer; AssertionError if it has not two."""
    pair = isinstance(answer, tuple | list | np.ndarray) and len(answer) == 2
    assert pair, f"{label}: (stall, busy) is expected, not {answer!r:.60}"
    return number(f"{label}, stall", answer[0]), number(f"{label}, busy", answer[1])


# %% check="timeline-five" points=2
reads, computes = [2.0, 1.0, 1.0, 8.0, 3.0], [3.0] * 5
stall, busy = stall_busy("depth 0", timeline(reads, computes, 0))
slips = {13 / 15: "the first read counts", 7 / 15: "turns; nothing overlaps"}
slips |= {0.5 / 15: "seconds, not a share"}
close("depth 0, the stall", stall, 15.0, "s", slips)
close("depth 0, busy", busy, 0.5, "", {100: "a share, not a percentage"})
stall, busy = stall_busy("depth 2", timeline(reads, computes, 2))
slips = {0.75: "no limit to the buffer; a read waits for one of two places"}
slips |= {1.75: "a place is free when its batch is taken, not when it is computed"}
slips |= {1.25: "each step by itself; the buffer carries over from step to step"}
slips |= {0.5: "the first read counts", 15 / 4: "turns; reading and computing overlap"}
slips |= {0: "mean reads fit in mean computes, but the 8 s read drains the buffer"}
close("depth 2, the stall", stall, 4.0, "s", slips)
close("depth 2, busy", busy, 15 / 19)

# %% [markdown]
# Equal reads must give the laws of the chapter, up to the first read.  Depth 1 is
# the smallest that overlaps.

# %% check="timeline-equal" points=1
t_io, t_c = 250 * ms, 200 * ms
for depth in (1, 3):
    label = f"40 equal reads of 250 ms, computes of 200 ms, depth {depth}"
    stall, _ = stall_busy(label, timeline([t_io] * 40, [t_c] * 40, depth))
    per_step = t_c * 0.2 / 0.8  # 20 % of a step of 250 ms
    slips = {20 / 22: "nothing hides the first read, in no part"}
    slips |= {19.5 / 22: "the first read counts"}
    slips |= {2.5 / 22: "one reader, one read at a time"}
    slips |= {100 / 22: "turns; from depth 1 on the next read runs meanwhile"}
    close(f"{label}, the stall", stall, t_io + 39 * per_step, "ms", slips)

# %% [markdown]
# One batch: nothing is there to hide its read, at any depth.

# %% check="timeline-vary" points=2
for depth in (0, 1, 4):
    label = f"one batch, read in 2 s, computed in 3 s, depth {depth}"
    stall, busy = stall_busy(label, timeline([2.0], [3.0], depth))
    close(f"{label}, the stall", stall, 2.0, "s", {0: "the first read counts"})
    close(f"{label}, busy", busy, 0.6, "", {100: "a share, not a percentage"})
### BEGIN HIDDEN TESTS
never = float("inf")


def played(reads, computes, depth):
    """End of the run, by a clock that jumps from event to event."""
    clock = 0.0
    begun = read = taken = done = 0
    reading = working = never
    while done < len(reads):
        if working == never and read > taken:
            working, taken = clock + computes[taken], taken + 1
        turn = done == begun if depth == 0 else begun - taken < depth
        if reading == never and begun < len(reads) and turn:
            reading, begun = clock + reads[begun], begun + 1
        clock = min(reading, working)
        if reading == clock:
            reading, read = never, read + 1
        if working == clock:
            working, done = never, done + 1
    return clock


rng = np.random.default_rng(17)
for _ in range(40):
    n, depth = int(rng.integers(1, 40)), int(rng.choice([0, 1, 1, 2, 3, 5, 50]))
    reads = [float(t) for t in rng.lognormal(0, 1, n)]
    computes = [float(t) for t in rng.uniform(0.5, 3, n)]
    end = played(reads, computes, depth)
    where = "reads and computes that vary, " + ("turns" if depth == 0 else "a buffer")
    stall, busy = stall_busy(where, timeline(reads, computes, depth))
    assert abs(stall - (end - sum(computes))) <= 1e-6 * end, (
        f"{where}: the stall is wrong.  When does a read take its place, and when is "
        "the place free again?"
    )
    close(f"{where}: busy", busy, sum(computes) / end, show=False)
### END HIDDEN TESTS

# %% [markdown]
# Four batches of 100 MB and 200 ms on 64 accelerators, busy 90 % of the time.  In
# turns each read may take 22 ms.  Overlapped, all reads but the first are hidden, and
# the first may take 89 ms.

# %% check="timeline-bandwidth" points=3
for depth, want in [(0, 288 * GB), (1, 72 * GB)]:
    label = f"busy 0.9 at depth {depth}"
    got = number(label, needed([100 * MB] * 4, [200 * ms] * 4, depth, 64, 0.9))
    slips = {1 / 64: "the share of one accelerator"}
    slips |= {28.8 * GB / want: "storage.demand is a mean rate, with no stall in it"}
    slips |= {4: "turns; one place already hides all reads but the first"}
    slips |= {32 * GB / want: "one read in one compute: that keeps up, and no more"}
    close(label, got / GB, want / GB, "GB/s", slips, rel=1e-5)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
cases = [([100 * MB], [500 * ms], 0, 3000, 0.9)]  # 5.4 TB/s
for n, depth in zip(rng.integers(1, 12, 12), [0, 1, 2, 4] * 3, strict=True):
    sizes = (rng.lognormal(3, 1, n) * MB).tolist()
    computes = rng.uniform(0.1, 0.5, n).tolist()
    N, target = int(rng.integers(1, 3000)), float(rng.uniform(0.3, 0.99))
    cases.append((sizes, computes, depth, N, target))
for sizes, computes, depth, N, target in cases:
    n = len(sizes)
    got = number("the bandwidth", needed(sizes, computes, depth, N, target))
    assert got > 0, "sizes that vary: a bandwidth above 0 is expected"
    ends = []
    for BW in (got * (1 + 1e-5), got * (1 - 1e-5)):
        reads, end = [s * N / BW for s in sizes], 0.0
        took, close_of = [], 0.0
        for i in range(n):
            free = close_of if depth == 0 else (took[i - depth] if i >= depth else 0.0)
            end = max(end, free) + reads[i]
            took.append(max(end, close_of))
            close_of = took[i] + computes[i]
        ends.append(sum(computes) / close_of)
    where = "sizes and computes that vary"
    assert ends[0] >= target, f"{where}: at your bandwidth, busy is below the target"
    assert ends[1] < target, f"{where}: a smaller bandwidth would do"
### END HIDDEN TESTS

# %% [markdown]
# Reads of 160 ms in the mean and computes of 200 ms: by the law of equal reads nothing
# stalls.  What does the tail of the reads do, and what does an accelerator of twice
# the speed gain?

# %% explore
import matplotlib.pyplot as plt

plt.style.use("mlsyscore.figures")
reads = 160 * ms * np.random.default_rng(4).exponential(size=4000)
depths = [0, 1, 2, 4, 8, 16, 32]
fig, ax = plt.subplots(figsize=(6, 3))
for t_c in (200 * ms, 100 * ms):
    runs = [timeline(list(reads), [t_c] * 4000, d) for d in depths]
    label = f"computes of {t_c / ms:.0f} ms"
    ax.plot(range(len(depths)), [100 * (1 - busy) for _, busy in runs], label=label)
    hours = (runs[-1][0] + 4000 * t_c) / hour
    print(f"{label}, depth {depths[-1]}: 4,000 batches take {hours:.2f} h")
ax.set_xticks(range(len(depths)), depths)
ax.set_xlabel("depth of the buffer (batches)")
ax.set_ylabel("stall (% of time)")
ax.legend()

# %% [markdown]
# ## 2. A loader that reads ahead (10 points)
#
# Write a generator.  A thread reads `source` while the consumer works; the generator
# hands over what was read.
#
# - **Order.** The items arrive in the order of the source, each once.  An item may be
#   anything, `None` or an exception included.  One read at a time.
# - **Bounded.** At most `depth` items have been asked for and not yet handed over.
#   An item that is being read counts.  So a read takes its place before it begins, as
#   in exercise 1.  While the consumer is busy the buffer fills to `depth`.
# - **Errors.** When the source raises, the consumer first gets every item before the
#   error, and then the same error.
# - **Stop.** A consumer that breaks off, or calls `close()`, raises `GeneratorExit` at
#   your `yield`.  Then the thread must end, even if the buffer is full.  Only a read
#   under way may finish.  Daemon threads, please.
#
# `threading` and `queue` are imported.


# %% answer="loader"
def prefetch(source, depth):
    """Yield the items of source in order, up to depth of them read in advance.

    source: an iterable; its reads are slow
    depth: at least 1
    """
    ### BEGIN SOLUTION
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
    ### END SOLUTION


# %% [markdown]
# The probes give your loader a source that counts the reads begun, and can hold a read
# until the consumer is where it should be.  Nothing is judged by its speed.  What does
# not come within two seconds is taken as not coming.


# %%
LIMIT, WHOLE = 2.0, 2.8  # seconds for one wait, and for a whole run


class Gate:
    """Lets the reads below `free` end; wakes those who wait for a change."""

    def __init__(self):
        self.free, self.change = 0, threading.Condition()

    def until(self, condition, seconds=LIMIT):
        """Wait for a condition on the source; say whether it came true."""
        with self.change:
            return self.change.wait_for(condition, seconds)

    def release(self, count):
        """Let reads below count end."""
        with self.change:
            self.free = count
            self.change.notify_all()


# %% probe="source"
class Source(Gate):
    """Gives items; counts the reads begun; can hold read i until `free` exceeds i."""

    def __init__(self, items, error=None, held=False):
        super().__init__()
        self.items, self.error, self.held = items, error, held
        self.asked, self.readers = 0, set()
        self.reading = self.twice = self.over = False

    def __iter__(self):
        return self

    def __next__(self):
        with self.change:
            self.twice |= self.reading
            self.reading, i = True, self.asked
            self.asked += 1
            self.readers.add(threading.current_thread())
            self.change.notify_all()
            wait = self.held and i < len(self.items)
            if wait and not self.change.wait_for(lambda: self.free > i, LIMIT):
                self.held = False  # for good: nobody waits twice
        time.sleep(0.0003 * (1 + i % 3))
        with self.change:
            self.reading, self.over = False, i >= len(self.items)
            self.change.notify_all()
        if not self.over:
            return self.items[i]
        raise self.error or StopIteration


# %% probe="watched"
def watched(play, source):
    """Run a consumer in a thread of its own, for so long; return what it saw."""
    seen = {"got": [], "error": None}

    def consume():
        try:
            play(seen, source)
        except Exception as e:
            seen["error"] = f"{type(e).__name__}: {e}"

    end = time.monotonic() + WHOLE
    thread = threading.Thread(target=consume, daemon=True)
    thread.start()
    thread.join(WHOLE)
    for reader in list(source.readers):
        reader.join(max(0.1, end - time.monotonic()))
    left = sum(reader.is_alive() for reader in source.readers)
    seen = dict(seen, got=list(seen["got"]), stuck=thread.is_alive(), left=left)
    return seen | {"twice": source.twice, "asked in all": source.asked}


# %% probe="run-order"
def place(items, x):
    """Index of an item, by identity; None if the source never gave it."""
    return next((i for i, item in enumerate(items) if item is x), None)


def run_order(items, depth, kind="source"):
    """Places, in the source, of what a consumer gets that takes everything."""
    items = [np.array([x]) for x in range(items)] if type(items) is int else items

    def play(seen, source):
        given = source if kind == "source" else items
        for x in prefetch(given, depth):
            seen["got"].append(place(items, x))

    return watched(play, Source(items))


# %% check="loader-order" points=2
def in_order(label, seen, n):
    """AssertionError unless n items came, in order, and the run ended by itself."""
    assert seen["error"] is None, (
        f"{label}: the source raised nothing, and the consumer got {seen['error']}.  "
        "Does your code fail, or raise an item that is an exception?"
    )
    assert not seen["stuck"], (
        f"{label}: {len(seen['got'])} items came, then the consumer waited for ever.  "
        "How does it learn that the source has ended?"
    )
    assert not seen["twice"], f"{label}: two reads at the same time; one is allowed"
    assert seen["got"] == list(range(n)), (
        f"{label}: the consumer got the items at {seen['got']}; all {n} are expected, "
        "in order.  Is an item taken for a sign that the source has ended, or failed?"
    )


in_order("6 items, depth 2", run_order(6, 2), 6)
in_order("3 items, depth 9", run_order(3, 9), 3)
### BEGIN HIDDEN TESTS
odd = [None, 0, "end", np.zeros(2), ValueError("data"), False, (), StopIteration()]
for kind in ("source", "plain"):
    for depth in (1, 3):
        in_order("items of all kinds", run_order(odd, depth, kind), len(odd))
in_order("an empty source", run_order(0, 2), 0)
for n, depth in np.random.default_rng(17).integers(1, 30, (4, 2)).tolist():
    in_order("any number of items, any depth", run_order(n, depth), n)
### END HIDDEN TESTS

# %% [markdown]
# First probe: read `i` cannot end before the consumer holds item `i - 1`.  So the
# consumer must get an item while the next one is still being read.  Second probe: the
# consumer holds an item until the buffer is full.


# %% probe="run-ahead"
def run_ahead(n, depth, held):
    """What has been asked for, beyond item k, while the consumer holds item k.

    held: each read waits for the consumer to hold the item before it
    """
    items = [np.array([x]) for x in range(n)]

    def play(seen, source):
        stream = prefetch(source, depth)
        source.release(1)
        for k in range(n):
            if next(stream, None) is None:
                raise ValueError(f"your loader ended after {k} of {n} items")
            source.release(k + 2)
            goal = min(k + 1 + (1 if held else depth), n)
            came = source.until(lambda goal=goal: source.asked >= goal)
            source.until(lambda k=k: source.asked > k + 1 + depth, 0.02)
            seen["got"].append(source.asked - k - 1)
            if not came or (held and not source.held):
                seen["late"] = True
                break
        stream.close()

    return watched(play, Source(items, held=held))


# %%
def reads_ahead(label, seen, depth, n):
    """AssertionError unless at most depth reads were begun in advance, and so many."""
    assert seen["error"] is None, f"{label}: {seen['error']}"
    assert seen["got"], f"{label}: the consumer waited for its first item for ever"
    for k, ahead in enumerate(seen["got"]):
        assert ahead <= depth, (
            f"{label}: while the consumer held item {k}, {ahead} more had been asked "
            f"for; at most {depth} are expected.  The one being read counts: a read "
            "takes its place before it begins"
        )
        assert ahead >= min(depth, n - k - 1), (
            f"{label}: the consumer held item {k}; after {LIMIT:g} s {ahead} more had "
            f"been asked for, and {min(depth, n - k - 1)} are expected.  Who fills the "
            "buffer while the consumer works?"
        )
    assert not seen["stuck"], f"{label}: the consumer waited for ever"


# %%
def overlaps(label, seen):
    """AssertionError unless reading goes on while the consumer holds an item."""
    assert seen["error"] is None, f"{label}: {seen['error']}"
    k = len(seen["got"])
    assert not seen["stuck"], f"{label}: the consumer waited for item {k} for ever"
    assert not seen.get("late"), (
        f"{label}: reading and consuming took turns.  Nothing was read while the "
        f"consumer held item {k - 1}, or it got that item only after the next one had "
        "been read.  Read in a thread of its own, and hand over what is there at once"
    )


# %% check="loader-ahead" points=3
overlaps("depth 2, each read held", run_ahead(5, 2, True))
reads_ahead("depth 2", run_ahead(6, 2, False), 2, 6)
### BEGIN HIDDEN TESTS
for depth in (1, 3, 7):
    overlaps("another depth, each read held", run_ahead(4, depth, True))
    n = depth + 5
    reads_ahead("another depth", run_ahead(n, depth, False), depth, n)
### END HIDDEN TESTS

# %% [markdown]
# The source fails at item `bad`.  The consumer looks at its first item until the
# failure has happened, and then asks for the rest.


# %% probe="run-error"
def run_error(bad, depth, error):
    """What a consumer gets of a source that fails at item bad, and what ends it."""
    items = [np.array([x]) for x in range(bad)]

    def play(seen, source):
        stream, seen["raised"] = prefetch(source, depth), None
        try:
            for x in stream:
                seen["got"].append(place(items, x))
                if len(seen["got"]) == 1 and bad <= depth:
                    source.until(lambda: source.over, 0.3)
        except Exception as e:
            seen["raised"] = f"{type(e).__name__}: {e}"

    return watched(play, Source(items, error))


# %% check="loader-error" points=2
def fails_in_place(label, seen, bad, want):
    """AssertionError unless the items before the error came first, and then it."""
    assert seen["error"] is None, (
        f"{label}: prefetch itself raised {seen['error']}; a generator raises when it "
        "is read"
    )
    assert not seen["stuck"], (
        f"{label}: {len(seen['got'])} items came, then the consumer waited for ever.  "
        "An error in a thread ends the thread and tells nobody: hand it over"
    )
    raised = seen["raised"] or "nothing, as if the source had ended"
    assert raised == want, f"{label}: the consumer saw {raised}; {want} is expected"
    assert seen["got"] == list(range(bad)), (
        f"{label}: the items at {seen['got']} came before the error; all {bad} are "
        "expected"
    )


seen = run_error(3, 4, OSError("disk 7"))
fails_in_place("depth 4, an error at item 3", seen, 3, "OSError: disk 7")
### BEGIN HIDDEN TESTS
for bad, depth in [(0, 2), (1, 1), (5, 1), (6, 8), (9, 3)]:
    for kind in (ValueError, TimeoutError, RuntimeError, queue.Empty):
        seen, want = run_error(bad, depth, kind("disk 9")), f"{kind.__name__}: disk 9"
        fails_in_place("an error elsewhere", seen, bad, want)
### END HIDDEN TESTS

# %% [markdown]
# The consumer stops after a few items of very many: it breaks off a loop, or calls
# `close()`.  At that moment the reader waits for a place, or is in the middle of a
# read.


# %% probe="run-stop"
def run_stop(taken, depth, how, reading):
    """What is left of a loader whose consumer stops after some items.

    how: "break" or "close"; reading: stop while a read is under way
    """

    def play(seen, source):
        source.release(taken if reading else 10**6)
        stream = [prefetch(source, depth)]
        taking = enumerate(stream[0] if how == "close" else stream.pop(), 1)
        for count, _ in taking:
            if count == taken:
                seen["ahead"] = source.until(lambda: source.asked > taken)
                source.until(lambda: source.asked >= taken + depth, 0.1)
                time.sleep(0.02)  # to come to rest
                threading.Timer(0.05, source.release, [10**6]).start()
                break
        seen["ahead"] = seen.get("ahead") and source.held == reading
        seen["asked"] = source.asked
        del taking
        for kept in stream:
            kept.close()
        seen["closed"] = True

    seen = watched(play, Source(range(100_000), held=reading))
    return seen | {"more": seen["asked in all"] - seen.get("asked", 0)}


# %% check="loader-stop" points=3
def stops(label, seen):
    """AssertionError unless the thread has ended, with no more than one read more."""
    assert seen["error"] is None, f"{label}: {seen['error']}"
    assert seen.get("ahead"), (
        f"{label}: no item came, or nothing was read while the consumer held it; so "
        "there is nothing to stop"
    )
    assert seen.get("closed"), f"{label}: the consumer never got away"
    assert not seen["left"], (
        f"{label}: {LIMIT:g} s after the consumer stopped, the reader still runs or "
        "waits.  Tell it to stop, and wake it if it waits for a place"
    )
    assert seen["more"] <= 1, f"{label}: {seen['more']} reads were begun afterwards"


stops("close() with a full buffer, depth 2", run_stop(3, 2, "close", False))
stops("break with a full buffer, depth 2", run_stop(1, 2, "break", False))
### BEGIN HIDDEN TESTS
for depth in (1, 4):
    for how in ("close", "break"):
        for reading in (False, True):
            stops("another stop", run_stop(2, depth, how, reading))
seen = run_order(5, 2)
assert not seen["left"], "after the last item the reader still runs or waits"
### END HIDDEN TESTS

# %% [markdown]
# Your loader against the clock: 60 reads of 4 ms in the mean, computes of 5 ms.  How
# close does it come to your timeline?


# %% explore
def slow(reads):
    for t in reads:
        time.sleep(t)
        yield t


reads = 4 * ms * np.random.default_rng(1).exponential(size=60)
for depth in (1, 2, 4, 8):
    start = time.perf_counter()
    for _ in prefetch(slow(reads), depth):
        time.sleep(5 * ms)
    took = time.perf_counter() - start
    stall, _ = timeline(list(reads), [5 * ms] * 60, depth)
    print(
        f"depth {depth}: stall {(took - 60 * 5 * ms) / ms:5.0f} ms measured, ", end=""
    )
    print(f"{stall / ms:4.0f} ms by the timeline")

# %% [markdown]
# ## 3. Every sample once, and a resume (7 points)
#
# `R` ranks train together.  Each has `W` loader workers.  A rank takes `batch` samples
# a step; in step `s` its batch comes from worker `s % W`, as a PyTorch `DataLoader`
# does it.  An epoch takes `ceil(D / (R batch))` steps and reads each of `D` samples
# exactly once: no padding, nothing dropped.  The last step is shared out so that ranks
# differ by one sample at most.  A rank left with none has an empty batch.
#
# - The order depends on seed and epoch, and each epoch is shuffled anew.  No two pairs
#   (seed, epoch) share an order: seed 3, epoch 5 is not seed 4, epoch 4.
# - A job that crashed starts a new process, makes a new `Sampler` and asks for
#   `plan(epoch, step)`.  It must get what the old one had still to read, batch by
#   batch.
# - It may come back with other numbers.  Which samples step `s` reads, over all ranks
#   together, depends on seed, epoch, `s` and the product `R batch` only.


# %% answer="sampler"
class Sampler:
    """Shares out the samples 0 to D - 1 over R ranks of W workers each."""

    def __init__(self, D, R, W, batch, seed):
        ### BEGIN SOLUTION
        self.D, self.R, self.W, self.batch, self.seed = D, R, W, batch, seed
        ### END SOLUTION

    def plan(self, epoch, step=0):
        """Return what is left of an epoch from a step on.

        Lists in lists: plan[r][w] holds the batches that worker w of rank r has still
        to read, in order; a batch is a list of samples.  step = the number of steps:
        none left.
        """
        ### BEGIN SOLUTION
        order = np.random.default_rng([self.seed, epoch]).permutation(self.D)
        whole = self.R * self.batch
        plan = [[[] for _ in range(self.W)] for _ in range(self.R)]
        for s in range(step, -(-self.D // whole)):
            now = order[s * whole : (s + 1) * whole]
            for r in range(self.R):
                plan[r][s % self.W].append(now[r :: self.R].tolist())
        return plan
        ### END SOLUTION


# %% [markdown]
# The checks turn a plan into a table: step, rank, samples.


# %%
def table(label, plan, R, W, first, steps):
    """Samples of each step (first to steps - 1) and rank; AssertionError if unfit."""
    shape = f"{label}: plan[r][w] is expected, lists for {R} ranks of {W} workers"
    kinds = (list, tuple, np.ndarray)
    assert isinstance(plan, kinds), shape
    assert len(plan) == R, shape
    assert all(isinstance(p, kinds) and len(p) == W for p in plan), shape
    rows = [[None] * R for _ in range(first, steps)]
    for r in range(R):
        for w in range(W):
            mine = [s for s in range(first, steps) if s % W == w]
            assert len(plan[r][w]) == len(mine), (
                f"{label}: worker {w} of rank {r} has {len(plan[r][w])} batches, not "
                f"{len(mine)}.  Step s belongs to worker s % W alone, so its steps are "
                f"{mine}; the last step may be short"
            )
            for s, samples in zip(mine, plan[r][w], strict=True):
                assert isinstance(samples, kinds), f"{label}: a batch is a list"
                rows[s - first][r] = [
                    int(number(f"{label}: a sample", i)) for i in samples
                ]
    return rows


# %% check="sampler-once" points=2
plans = [(10, 2, 2, 2)]
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
plans += [(1, 3, 2, 2), (24, 2, 5, 4), (7, 4, 1, 1), (64, 4, 2, 4), (65, 4, 3, 4)]
plans += [tuple(int(x) for x in rng.integers(1, (90, 6, 5, 7))) for _ in range(6)]
### END HIDDEN TESTS
for D, R, W, batch in plans:
    label = f"{D} samples, {R} x {W} workers, batch {batch}"
    steps = -(-D // (R * batch))
    rows = table(label, Sampler(D, R, W, batch, 1).plan(0), R, W, 0, steps)
    read = sorted(i for row in rows for samples in row for i in samples)
    assert len(read) == D, f"{label}: {len(read)} reads in the epoch, not {D}"
    assert read == list(range(D)), f"{label}: some samples come twice, others never"
    for s, row in enumerate(rows):
        sizes = [len(samples) for samples in row]
        assert s == steps - 1 or sizes == [batch] * R, (
            f"{label}: in step {s} the ranks have {sizes} samples, not {batch} each"
        )
        assert max(sizes) - min(sizes) <= 1, (
            f"{label}: in the last step the ranks have {sizes} samples; they may "
            "differ by one"
        )

# %% [markdown]
# A shuffle may put two samples in one step again, now and then.  Two shuffles of 60
# samples in steps of 6 do so for 12.7 pairs of 150; more than 40 are no accident.


# %%
def shuffled(D, seed, epoch, sampler=None):
    """Steps of one epoch, as frozensets, on 2 ranks of 2 workers with batches of 3."""
    plan = (sampler or Sampler(D, 2, 2, 3, seed)).plan(epoch)
    rows = table(f"epoch {epoch}", plan, 2, 2, 0, -(-D // 6))
    return [frozenset(i for samples in row for i in samples) for row in rows]


def together(a, b):
    """Pairs of samples that share a step in both epochs."""
    shared = (len(x & y) for x in a for y in b)
    return sum(n * (n - 1) // 2 for n in shared)


# %% check="sampler-shuffle" points=2
seeds = [3]
### BEGIN HIDDEN TESTS
seeds += [17, 4711, 271_828]
### END HIDDEN TESTS
for seed in seeds:
    first, again = shuffled(60, seed, 5), shuffled(60, seed, 5)
    assert first == again, "one seed, one epoch, two Samplers: two orders"
    pairs = {"epochs 5 and 6 of one seed": (seed, 6)}
    pairs["one epoch of two seeds"] = (seed + 9, 5)
    pairs["seed s, epoch 5 and seed s + 1, epoch 4"] = (seed + 1, 4)
    ### BEGIN HIDDEN TESTS
    pairs |= {"epochs 5 and 4": (seed, 4), "seed and epoch exchanged": (5, seed)}
    pairs["seed s, epoch 5 and seed s - 2, epoch 7"] = (seed - 2, 7)
    far = [p for k in (10, 100, 1000) for p in ((seed - 1, 5 + k), (seed + k, 4))]
    far += [(int(str(seed)[:k]), int(f"{seed}5"[k:])) for k in range(1, len(str(seed)))]
    pairs |= {f"two far pairs of seed and epoch, {i}": p for i, p in enumerate(far)}
    ### END HIDDEN TESTS
    for which, other in pairs.items():
        common = together(first, shuffled(60, *other))
        assert common <= 40, (
            f"{which}: {common} of 150 pairs share a step in both; is the whole order "
            "drawn anew, from seed and epoch together?"
        )
    ranges = [frozenset(range(s, s + 6)) for s in range(0, 60, 6)]
    assert together(first, ranges) <= 40, "the samples come in their own order"

# %% [markdown]
# The probe asks as a new process would.  There `hash` of a string is another number.


# %% probe="new-process"
def new_process(D, R, W, batch, seed, epoch, step):
    """What a new Sampler plans in a process whose strings have other hashes."""
    import builtins

    true = builtins.hash

    def salted(x):
        if isinstance(x, tuple):
            return true(tuple(map(salted, x)))
        return true((17, x)) if isinstance(x, str | bytes) else true(x)

    builtins.hash = salted
    try:
        return Sampler(D, R, W, batch, seed).plan(epoch, step)
    finally:
        builtins.hash = true


# %% [markdown]
# A crash in epoch 2, at step 3 of 6.  The job comes back as it was.

# %% check="sampler-resume" points=2
plans = [(33, 2, 2, 3, 2, 3)]
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
plans += [(33, 2, 2, 3, 0, 6), (50, 3, 4, 2, 7, 1), (50, 3, 4, 2, 7, 6)]
for _ in range(6):
    D, R, W, batch = (int(x) for x in rng.integers(1, (90, 6, 5, 7)))
    steps = -(-D // (R * batch))
    plans.append((D, R, W, batch, int(rng.integers(4)), int(rng.integers(steps + 1))))
### END HIDDEN TESTS
for D, R, W, batch, epoch, step in plans:
    steps, old = -(-D // (R * batch)), Sampler(D, R, W, batch, 8)
    if epoch:
        old.plan(epoch - 1)
    label = "an epoch after others"
    whole = table(label, old.plan(epoch), R, W, 0, steps)
    label = f"a new Sampler at step {step} of {steps}"
    rest = new_process(D, R, W, batch, 8, epoch, step)
    for s, row in enumerate(table(label, rest, R, W, step, steps), step):
        assert row == whole[s], (
            f"{label}: step {s} reads {row}; before the crash {whole[s]} was to come.  "
            "Does the order depend on what this object did before, on the step, or on "
            "a hash that each process draws anew?"
        )

# %% [markdown]
# The job comes back as one rank of three workers, with the batch of all ranks.

# %% check="sampler-ranks" points=1
plans = [(33, 2, 3, 2, 3)]
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
plans += [(50, 3, 2, 7, 0), (12, 4, 3, 0, 0), (13, 4, 3, 1, 1)]
for _ in range(6):
    D, R, batch = (int(x) for x in rng.integers(1, (90, 6, 7)))
    step = int(rng.integers(-(-D // (R * batch)) + 1))
    plans.append((D, R, batch, int(rng.integers(4)), step))
### END HIDDEN TESTS
for D, R, batch, epoch, step in plans:
    steps = -(-D // (R * batch))
    whole = table("before", Sampler(D, R, 2, batch, 8).plan(epoch), R, 2, 0, steps)
    label = f"the job comes back with 1 rank for {R}, 3 workers, {R} times the batch"
    rest = Sampler(D, 1, 3, R * batch, 8).plan(epoch, step)
    for s, (row,) in enumerate(table(label, rest, 1, 3, step, steps), step):
        want = sorted(i for samples in whole[s] for i in samples)
        assert sorted(row) == want, (
            f"{label}: step {s} reads {sorted(row)}, not {want}.  Cut the shuffled "
            "order in steps first, and each step in ranks"
        )

# %% [markdown]
# ## 4. A cache that meets a shuffled epoch (7 points)
#
# The node's drives hold `C` samples of a data set of `D`.  A policy decides which.  It
# is told when an epoch begins, of each hit, and of each miss.  At a miss it returns
#
# - `None`: there is room, and the new sample is kept;
# - a sample that is held: that one goes, and the new one is kept;
# - the new sample itself: it is used and not kept.
#
# The cache, not the policy, holds the samples and counts the hits.


# %%
class Policy:
    """Decides what a cache of C samples holds; C is at least 1."""

    def __init__(self, C):
        self.C = C

    def begin(self):
        """Note that an epoch begins; called before the first one too."""

    def hit(self, x):
        """Note that sample x was read, and was held."""

    def miss(self, x):
        """Note that x was read and was not held; return what has to go, or None."""
        raise NotImplementedError


# %% probe="run-cache"
def run_cache(kind, C, epochs):
    """Hits (1 or 0) of each read of each epoch, under a policy of that class."""
    policy, held, hits = kind(C), set(), []
    for epoch in epochs:
        policy.begin()
        hits.append([])
        for x in epoch:
            hits[-1].append(int(x in held))
            if x in held:
                policy.hit(x)
                continue
            out = policy.miss(x)
            if out is None and len(held) == C:
                return {"error": f"{C} are held, and miss lets none go", "hits": hits}
            if out is not None and out != x and out not in held:
                return {"error": f"{out!r} is to go, which is not held", "hits": hits}
            if out is None or out != x:
                held.discard(out)
                held.add(x)
    return {"error": None, "hits": hits}


# %% [markdown]
# First the usual policy, from scratch: whatever was not used for the longest time
# goes.  A hit is a use.  The new sample is always kept.


# %% answer="lru"
class LRU(Policy):
    """Throws out the least recently used sample."""

    def __init__(self, C):
        ### BEGIN SOLUTION
        self.C, self.held = C, OrderedDict()
        ### END SOLUTION

    def hit(self, x):
        ### BEGIN SOLUTION
        self.held.move_to_end(x)
        ### END SOLUTION

    def miss(self, x):
        ### BEGIN SOLUTION
        out = self.held.popitem(last=False)[0] if len(self.held) == self.C else None
        self.held[x] = True
        return out
        ### END SOLUTION


# %% check="lru-hits" points=2
def exactly(label, seen, want):
    """AssertionError unless the policy made the cache hit where it should."""
    assert seen["error"] is None, f"{label}: {seen['error']}"
    got = [hit for epoch in seen["hits"] for hit in epoch]
    wrong = [i for i, (a, b) in enumerate(zip(got, want, strict=True)) if a != b]
    assert not wrong, (
        f"{label}: read {wrong[0]} is a {'hit' if got[wrong[0]] else 'miss'}; a "
        f"{'hit' if want[wrong[0]] else 'miss'} is expected"
    )


trace = [1, 2, 1, 3, 1, 2]  # at the first 3, sample 2 is the one that goes
exactly(f"reads {trace}, C = 2", run_cache(LRU, 2, [trace]), [0, 0, 1, 0, 1, 0])
seen = run_cache(LRU, 4, [[0, 1, 2, 3, 4] * 3])
exactly("0 to 4, three times, C = 4", seen, [0] * 15)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for C, D in [(1, 3), (3, 10), (7, 20), (20, 20), (30, 20)]:
    epochs = [[int(x) for x in rng.integers(D, size=40)] for _ in range(4)]
    reads, want = [x for epoch in epochs for x in epoch], []
    for i, x in enumerate(reads):
        last = max((j for j in range(i) if reads[j] == x), default=None)
        want.append(int(last is not None and len(set(reads[last:i])) <= C))
    exactly("another trace", run_cache(LRU, C, epochs), want)
### END HIDDEN TESTS

# %% [markdown]
# On epochs that are shuffled anew, a share h = C/D of the data leaves LRU a hit rate
# of h + (1 - h) ln(1 - h): 15 % for half of the data.  Over these 19 epochs of 500
# samples one standard error is 0.3 %; the check allows 3 %.

# %% check="lru-epochs" points=1
rng = np.random.default_rng(2)
epochs = [[int(x) for x in rng.permutation(500)] for _ in range(20)]
for h in (0.5, 0.9):
    seen = run_cache(LRU, int(h * 500), epochs)
    assert seen["error"] is None, f"C/D = {h}: {seen['error']}"
    rate, law = np.mean(seen["hits"][1:]), h + (1 - h) * np.log(1 - h)
    assert abs(rate - law) < 0.03, (
        f"C/D = {h}: the hit rate from the second epoch on is {rate:.3f}; about "
        f"{law:.3f} is expected.  A cache that keeps what it has would reach {h}; LRU "
        "throws out samples just before the next epoch asks for them"
    )

# %% [markdown]
# Now beat it.  In an epoch every sample is read once.  So an epoch cannot have more
# hits than the cache held samples of the data set when it began: `min(C, D)`.  Reach
# that in every epoch from the second on.
#
# One day the job moves on to another data set.  What the cache holds is then of no
# use, and nobody tells the policy.  From the third epoch of the new data on, every
# epoch must have `min(C, D)` hits again.


# %% answer="keeper"
class Keeper(Policy):
    """Reaches min(C, D) hits an epoch; lets go of a data set that is no longer read."""

    def __init__(self, C):
        ### BEGIN SOLUTION
        self.C, self.epoch, self.used = C, 0, {}
        ### END SOLUTION

    def begin(self):
        ### BEGIN SOLUTION
        self.epoch += 1
        ### END SOLUTION

    def hit(self, x):
        ### BEGIN SOLUTION
        self.used[x] = self.epoch
        ### END SOLUTION

    def miss(self, x):
        ### BEGIN SOLUTION
        out = None
        if len(self.used) == self.C:
            out = min(self.used, key=self.used.get)
            if self.used[out] >= self.epoch - 1:
                return x  # all that is held was read in this epoch or the last
            del self.used[out]
        self.used[x] = self.epoch
        return out
        ### END SOLUTION


# %%
def hits_of_epochs(label, seen):
    """Hits of each epoch; AssertionError if the policy broke a rule."""
    assert seen["error"] is None, f"{label}: {seen['error']}"
    return [sum(epoch) for epoch in seen["hits"]]


# %% check="keeper-steady" points=2
rng = np.random.default_rng(17)
cases = [(100, 50), (100, 90)]
### BEGIN HIDDEN TESTS
cases += [(40, 1), (40, 39), (40, 40), (40, 60), (300, 120), (1, 1)]
### END HIDDEN TESTS
for D, C in cases:
    epochs = [[int(x) for x in rng.permutation(D)] for _ in range(6)]
    label, seen = f"{C} of {D} samples", run_cache(Keeper, C, epochs)
    for e, hits in enumerate(hits_of_epochs(label, seen)[1:], 2):
        law = D * (C / D + (1 - C / D) * np.log(1 - C / D)) if C < D else D
        assert hits == min(C, D), (
            f"{label}: epoch {e} has {hits} hits; {min(C, D)} are expected, and LRU "
            f"has about {law:.0f}.  Does a sample that this epoch still needs go, for "
            "one that it will not read again?"
        )

# %% [markdown]
# Three epochs of one data set, then five of another.

# %% check="keeper-change" points=2
rng = np.random.default_rng(17)
cases = [(60, [(3, 0, 100), (5, 1000, 1100)])]
### BEGIN HIDDEN TESTS
cases += [(30, [(2, 0, 100), (4, 50, 150), (4, 0, 60)])]
cases += [(80, [(3, 0, 40), (4, 500, 700), (4, 0, 40)])]
### END HIDDEN TESTS
for C, parts in cases:
    epochs, goals = [], []
    for p, (count, low, high) in enumerate(parts):
        for k in range(count):
            epochs.append([int(x) for x in low + rng.permutation(high - low)])
            goals.append(min(C, high - low) if k >= min(p, 1) + 1 else None)
    seen = hits_of_epochs("a change", run_cache(Keeper, C, epochs))
    for e, (hits, goal) in enumerate(zip(seen, goals, strict=True), 1):
        assert goal is None or hits == goal, (
            f"the data change after epoch {parts[0][0]}: epoch {e} has {hits} hits; "
            f"{goal} are expected.  What tells a sample that is still in use from one "
            "that is not?"
        )

# %% [markdown]
# The cliff: what does each policy give for its drives?

# %% explore
shuffle = np.random.default_rng(3).permutation
epochs = [[int(x) for x in shuffle(300)] for _ in range(8)]
shares = np.linspace(0.1, 1.0, 10)
fig, ax = plt.subplots(figsize=(6, 3))
for kind, style in ((LRU, "o"), (Keeper, "s")):
    seen = [run_cache(kind, round(300 * h), epochs)["hits"][2:] for h in shares]
    rates = [100 * np.mean(hits) for hits in seen]
    ax.plot(100 * shares, rates, style, label=f"{kind.__name__}, played")
h = np.linspace(0.01, 0.999, 200)
ax.plot(
    100 * h, 100 * (h + (1 - h) * np.log(1 - h)), "-", label="h + (1 - h) ln(1 - h)"
)
ax.plot(100 * h, 100 * h, "--", label="h")
ax.set_xlabel("size of the cache (% of the data)")
ax.set_ylabel("hits (% of reads)")
ax.legend()

# %% [markdown]
# ## 5. Save, drain, and what a dead node takes along (6 points)
#
# The job works for `interval` seconds, then saves, then works again.  To save, each
# node writes its share to its own drives, in `t_save` seconds; the job stands still.
# Then the checkpoint drains to the shared tier in `t_drain` seconds, while the job
# works on.
#
# - The drives hold `slots` checkpoints.  A save needs a free slot before it begins,
#   and the job waits until it has one.  A slot is free again when its checkpoint has
#   drained.
# - Drains run one at a time, in order.  A drain begins when its save has ended and the
#   drain before it has ended.
#
# A node dies, and its drives with it.  A checkpoint whose drain has not ended is then
# lost on every node: a share is missing.  The job goes back to the newest checkpoint
# that has drained by then, or to its start.  Lost is the work (not the waiting) done
# since that checkpoint's save began.


# %% answer="saves"
def schedule(t_save, t_drain, interval, slots, saves):
    """Return (begun, safe): when each save begins, and when its drain has ended.

    t_save, t_drain, interval: seconds; slots: at least 1; saves: how many
    Two lists of seconds.  The job starts to work at time 0.
    """
    ### BEGIN SOLUTION
    now, begun, safe = 0.0, [], []
    for i in range(saves):
        now += interval
        if i >= slots:
            now = max(now, safe[i - slots])
        begun.append(now)
        now += t_save
        safe.append(max(now, safe[-1] if safe else 0.0) + t_drain)
    return begun, safe
    ### END SOLUTION


def lost(death, t_save, t_drain, interval, slots):
    """Seconds of work lost when a node dies at time death; interval is above 0."""
    ### BEGIN SOLUTION
    saves = int(death / interval) + 1
    begun, safe = schedule(t_save, t_drain, interval, slots, saves)
    ends = [0.0] + [t + t_save for t in begun]
    i = sum(t <= death for t in ends[1:])
    work = i * interval + min(death - ends[i], interval)
    return work - interval * sum(t <= death for t in safe)
    ### END SOLUTION


# %%
def two_lists(label, answer, saves):
    """Return begun and safe as arrays; AssertionError if they are none."""
    pair = isinstance(answer, tuple | list | np.ndarray) and len(answer) == 2
    assert pair, f"{label}: (begun, safe) is expected, not {answer!r:.60}"
    for times in answer:
        right = isinstance(times, tuple | list | np.ndarray) and len(times) == saves
        assert right, f"{label}: two lists of {saves} times are expected"
    return [[number(f"{label}: a time", t) for t in times] for times in answer]


# %% [markdown]
# Work for 4 s, save in 1 s, drain in 10 s, two slots.  The drain is too slow for the
# interval.

# %% check="saves-schedule" points=2
begun, safe = two_lists("4 saves", schedule(1.0, 10.0, 4.0, 2, 4), 4)
for i, (want, end) in enumerate([(4, 15), (9, 25), (15, 35), (25, 45)], 1):
    slips = {14 / 15: "both slots are full; the save waits for the first drain"}
    slips |= {19 / 25: "both slots are full; the save waits for a drain"}
    slips |= {20 / 25: "one slot is full until 25 s, the other until 35 s"}
    slips |= {25 / 15: "two slots: it waits for the drain before the last one"}
    slips |= {15 / 9: "two slots: the second save need not wait for the first drain"}
    close(f"save {i} begins", begun[i - 1], want, "s", slips)
    slips = {20 / 25: "drains run one at a time", 14 / 15: "first saved, then drained"}
    slips |= {5 / 15: "when the drain ends, not when it begins"}
    close(f"save {i} has drained", safe[i - 1], end, "s", slips)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
cases = [(1.0, 2.0, 5.0, 1, 6), (2.0, 9.0, 0.0, 3, 8), (0.0, 3.0, 3.0, 1, 5)]
for k in rng.integers(1, 5, 8).tolist():
    cases.append((*rng.uniform((0.1, 1, 1), (3, 30, 12)).tolist(), k, 15))
never = float("inf")
for t_save, t_drain, interval, slots, saves in cases:
    label, clock, starts, drained, held, staged = "another plan", 0.0, [], [], 0, 0
    ready, writing, draining = interval, never, never
    while len(drained) < saves:
        if writing == never and clock >= ready and held < slots and len(starts) < saves:
            starts.append(clock)
            held, ready, writing = held + 1, never, clock + t_save
        if draining == never and staged:
            staged, draining = staged - 1, clock + t_drain
        clock = min(writing, draining, ready if ready > clock else never)
        if writing <= clock:
            staged, ready, writing = staged + 1, clock + interval, never
        if draining <= clock:
            held, draining = held - 1, never
            drained.append(clock)
    answer = schedule(t_save, t_drain, interval, slots, saves)
    begun, safe = two_lists(label, answer, saves)
    for i in range(saves):
        close(f"{label}: a save begins", begun[i], starts[i], "s", show=False)
        close(f"{label}: a drain ends", safe[i], drained[i], "s", show=False)
### END HIDDEN TESTS

# %% [markdown]
# The same job.  At 22 s it stands still, because both slots are full.

# %% check="saves-lost" points=2
slips = {4 / 12: "a copy on a dead node's drives is no checkpoint; count drained ones"}
slips |= {k / 12: "waiting and saving are no work" for k in (14, 17, 18)}
slips |= {16 / 12: "one checkpoint has drained, at 15 s"}
slips |= {7 / 12: "count from the save, not from its drain"}
slips |= {8 / 12: "the interval under way, or the second slot"}
slips |= {9 / 12: "drains run one at a time"}
close("a node dies at 22 s", lost(22.0, 1.0, 10.0, 4.0, 2), 12.0, "s", slips)
slips = {1.2: "saving is not work", 0.2: "no checkpoint has drained yet"}
close("a node dies at 12 s", lost(12.0, 1.0, 10.0, 4.0, 2), 10.0, "s", slips)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for _ in range(40):
    t_save, t_drain, interval = rng.uniform((0.1, 1, 1), (3, 30, 12)).tolist()
    slots, death = int(rng.integers(1, 5)), float(rng.uniform(0, 200))
    end = end_of_drain = work = saved = 0.0
    drains = []
    while end < death:
        work += min(interval, death - end)
        begin = end + interval
        if len(drains) >= slots:
            begin = max(begin, drains[-slots])
        end = begin + t_save
        end_of_drain = max(end, end_of_drain) + t_drain
        drains.append(end_of_drain)
        saved += interval * (end_of_drain <= death)
    got = number("another death", lost(death, t_save, t_drain, interval, slots))
    assert abs(got - (work - saved)) <= 1e-6, (
        "a death at another time: the work lost is wrong.  Which checkpoint had "
        "drained, and how much work has been done since its save began?"
    )
### END HIDDEN TESTS

# %% [markdown]
# Below some interval the drain never catches up: the backlog grows until every slot is
# full, and then every save waits.  All nodes drain through one tier of `tier` bytes a
# second.  With one slot a save needs the drain before it to have ended.  With two or
# more, a drain may go on while the next save is written.  No save at all needs an
# interval below 0.


# %% answer="shortest"
def shortest(n, nodes, drive, tier, slots):
    """Least interval, in seconds, at which no save ever waits for a slot; at least 0.

    n: bytes of a checkpoint, over all nodes together
    drive: bytes per second that one node writes; tier: that all may drain together
    slots: checkpoints that the drives hold, at least 1
    """
    ### BEGIN SOLUTION
    t_drain = storage.transfer_time(n, tier)
    if slots == 1:
        return t_drain
    return max(t_drain - storage.staging_time(n, nodes, drive), 0.0)
    ### END SOLUTION


# %% [markdown]
# 175 billion parameters on 256 nodes: 2.45 TB, 0.34 s to save, 24.5 s to drain at
# 100 GB/s.

# %% check="shortest-interval" points=2
n = storage.checkpoint_bytes(GPT3.P)
write, drain = 2.45 * TB / (256 * 28 * GB), 24.5
slips = {1 / 256: "the nodes share the tier", 0.5: "half of the drain"}
slips |= {write / drain: "that is the time of a save"}
for slots, want in [(1, drain), (2, drain - write), (8, drain - write)]:
    more = {drain / want: "with two slots the next save is written while one drains"}
    more |= {(drain - write) / want: "with one slot a save waits for the whole drain"}
    more |= {(drain + write) / want: "the next write makes the interval shorter"}
    more |= {drain / slots / want: "slots hold a burst; they do not drain any faster"}
    got = shortest(n, 256, NVME_NODE, CHECKPOINT_STORE, slots)
    close(f"{slots} slot{'s' * (slots > 1)}, 100 GB/s", got, want, "s", slips | more)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
cases = [(1 * TB, 2, 10 * GB, 500 * GB, k) for k in (1, 2, 5)]
cases += [
    (float(a) * TB, int(b), float(c) * GB, float(d) * GB, int(k))
    for a, b, c, d, k in rng.uniform((0.1, 1, 1, 5, 1), (9, 500, 30, 500, 5), (20, 5))
]
for n, nodes, drive, tier, slots in cases:
    got, delay = number("the interval", shortest(n, nodes, drive, tier, slots)), []
    assert got >= 0, "an interval is at least 0"
    unit = n / tier
    for interval in (got + 1e-6 * unit, got - 0.05 * unit):
        drains, at, wait = [], 0.0, 0.0
        for i in range(150):
            at += max(interval, 0.0)
            begin = max(at, drains[i - slots] if i >= slots else 0.0)
            wait += begin - at
            at = begin + n / nodes / drive
            drains.append(max(at, drains[-1] if i else 0.0) + unit)
        delay.append(wait)
    assert delay[0] <= 1e-6 * unit, "another job: at your interval, saves wait"
    assert delay[1] > 0 or got < 0.05 * unit, "another job: a shorter interval would do"
    if got > 0 and slots > 1:
        assert got <= unit, "another job: longer than a drain"
### END HIDDEN TESTS

# %% [markdown]
# What does an interval cost, and what does it put at risk?  Which way do more slots
# help?

# %% explore
state = storage.checkpoint_bytes(GPT3.P)
t_save = storage.staging_time(state, 256, NVME_NODE)
t_drain = storage.transfer_time(state, CHECKPOINT_STORE)
intervals = np.linspace(5, 60, 56)
deaths = np.linspace(1000, 2000, 200)
fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3))
for slots in (1, 2, 8):
    pause, risk = [], []
    for tau in intervals:
        begun, _ = schedule(t_save, t_drain, tau, slots, 200)
        pause.append(100 * (1 - 200 * tau / (begun[-1] + t_save)))
        risk.append(np.mean([lost(t, t_save, t_drain, tau, slots) for t in deaths]))
    left.plot(intervals, pause, label=f"slots: {slots}")
    right.plot(intervals, risk, label=f"slots: {slots}")
left.set_ylabel("pause (% of time)")
right.set_ylabel("work lost in the mean (s)")
for ax in (left, right):
    ax.set_xlabel("interval (s)")
    ax.legend()

# %% [markdown]
# ## 6. The judgement (2 points)
#
# Six runs a year read a corpus of 20 TB, two epochs each, and last two weeks each.  A
# read from object storage costs 0.09 dollars a GB.  A local copy costs 100 dollars per
# TB and month, for as long as you keep it (both rates: the book's open calculations,
# mlsysim 0.3.0).  Stage or stream?  Answer in three sentences, with one number;
# `storage.break_even_epochs` helps.  Say what would change your mind.

# %% [markdown] essay="stage-or-stream" points=2
# If the copy is kept all year, a run pays for two months of it, and staging is cheaper
# only from 3.2 epochs a run on: with two epochs, stream.  If the drives can be let go
# after each run, half a month is paid and the break-even falls to 1.5 epochs: stage.
# More epochs, one copy that all six runs share, or slow reads whose tail stalls
# accelerators that cost more than the bytes, would also speak for the copy.
