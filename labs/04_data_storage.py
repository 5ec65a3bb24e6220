# %% [markdown]
# # Lab 4 · Data storage
#
# **Time** 120 minutes. **Points** 40. **Runtime** any CPU; no GPU.
# **Hand in** this notebook as `04_data_storage.ipynb`
# (Colab: File, Download, Download .ipynb).
# **Libraries** the grader has what Colab has: numpy, scipy, pandas, networkx,
# scikit-learn, torch, matplotlib.
#
# You will
#
# 1. time a loader of several readers, whose reads vary;
# 2. write a loader that reads ahead and stops when its consumer does;
# 3. share out an epoch so that a job resumes at the sample where it crashed;
# 4. write a cache policy that a shuffled epoch cannot defeat;
# 5. plan checkpoints: stage, drain, and count what a dead node takes with it;
# 6. decide whether to stage or to stream.
#
# A question asks for a function or a class.  Fill its body; leave its name and
# arguments.  The cells between are locked.  Visible checks tell you what they expect;
# more checks run when the lab is graded.

# %%
import heapq
import itertools
import queue
import threading
import time

import matplotlib.pyplot as plt
import numpy as np

from mlsyscore import storage
from mlsyscore.catalog import CHECKPOINT_STORE, GPT3, NVME_NODE
from mlsyscore.checks import close, number
from mlsyscore.harness import cache as caches
from mlsyscore.harness import loader as loaders
from mlsyscore.harness import samples as samplers
from mlsyscore.harness import schedule as schedules
from mlsyscore.harness.cache import Policy
from mlsyscore.harness.calls import fresh, made
from mlsyscore.harness.reader import OddBatch, ReadError, SlowSource
from mlsyscore.units import ms

plt.style.use("mlsyscore.figures")

# %% [markdown]
# ## 1. Several readers, one accelerator (9 points, 15 minutes)
#
# The chapter's clock has one reader and equal computes.  Here batch `i` takes
# `reads[i]` seconds to read and `computes[i]` seconds to compute, and `readers` readers
# work side by side.
#
# - Reads begin in the order of the batches.  The next read goes to the reader that is
#   free first.
# - All readers share a buffer of `depth` places.  A read takes a place when it begins.
#   The place is free again when the accelerator takes the batch.
# - The accelerator takes the batches in order.  It takes one as soon as that one is
#   read and the one before it is computed, and computes at once.
# - The clock starts at 0, and nothing waits without need.
#
# **By hand.** Reads of 3, 1 and 2 s, computes of 2 s, two readers, two places.  Reads 0
# and 1 begin at 0.  At 1 s a reader is free, but both places are taken.  At 3 s the
# accelerator takes batch 0, so read 2 begins.  Batch 1 is taken at 5 s, when batch 0 is
# computed, and batch 2 at 7 s.  The answer is `[0, 0, 3], [3, 5, 7]`.


# %% answer="timeline"
def timeline(reads, computes, depth, readers):
    """Return (begun, taken): two lists of seconds, one value for each batch.

    begun[i]: when the read of batch i begins; taken[i]: when the accelerator takes it
    reads, computes: two lists or two tuples, seconds above 0; one batch or more
    depth, readers: 1 or more
    """
    ### BEGIN SOLUTION
    begun, taken, free, done = [], [], [0.0] * readers, 0.0
    for i, (t_read, t_compute) in enumerate(zip(reads, computes, strict=True)):
        start = heapq.heappop(free)
        if i >= depth:
            start = max(start, taken[i - depth])
        begun.append(start)
        heapq.heappush(free, start + t_read)
        taken.append(max(start + t_read, done))
        done = taken[i] + t_compute
    return begun, taken
    ### END SOLUTION


# %% check="timeline-six" points=3 hidden="other batches, places and readers"
# Six batches, two readers, three places.  Draw the lines of time before you look.
reads, computes = [4.0, 1.0, 1.0, 9.0, 2.0, 3.0], [2.0, 3.0, 1.0, 2.0, 4.0, 2.0]
label = f"reads {reads}, computes {computes}, 3 places, 2 readers"
answer = timeline(reads, computes, 3, 2)
begun, taken = schedules.times(label, answer, "begun taken", 6)
slips = {(1, 4.0): "Two readers: a second read runs beside the first"}
slips |= {(2, 4.0): "Does a reader wait for its turn, though another is free"}
slips |= {(3, 2.0): "Three places: three reads have begun, and none was taken"}
slips |= {(3, 6.0): "A place is free when its batch is taken, not when it is computed"}
slips |= {(4, 4.0): "A place is free when its batch is taken, not when it is read"}
schedules.agree(label, "begun", begun, [0, 0, 1, 4, 6, 9], slips)
slips = {(0, 1.0): "In order: batch 0 comes first, though batch 1 is read before it"}
slips |= {(1, 4.0): "The accelerator computes one batch at a time"}
schedules.agree(label, "taken", taken, [4, 6, 9, 13, 15, 19], slips)
### BEGIN HIDDEN TESTS
others = [
    ((3, 5, 1, 1, 6, 2, 2), (1, 4, 2, 1, 3, 1, 2), 2, 3),
    ((2, 2, 7, 1, 1, 4, 3), (3, 1, 1, 5, 2, 2, 1), 4, 2),
    ((5, 1, 1, 1, 4, 1), (1, 3, 1, 2, 1, 3), 1, 2),
]
due = [([0, 0, 3, 5, 9, 11, 15], [3, 5, 9, 11, 15, 18, 19])]
due += [([0, 0, 2, 2, 3, 5, 9], [2, 5, 9, 10, 15, 17, 19])]
due += [([0, 5, 6, 9, 10, 14], [5, 6, 9, 10, 14, 15])]
for case, wanted in zip(others, due, strict=True):
    answer = timeline(*case)
    both = schedules.times("other batches", answer, "begun taken", len(case[0]))
    schedules.agree("other batches", "begun", both[0], wanted[0])
    schedules.agree("other batches", "taken", both[1], wanted[1])
### END HIDDEN TESTS

# %% check="timeline-places" points=2 hidden="other reads, places and readers"
# Equal reads of 500 ms, computes of 200 ms, four readers.  Four readers could feed a
# batch every 125 ms.  One place lets one of them work, two places let two.
pattern = {1: [0.5, 1.0, 1.5, 2.0, 2.5, 3.0], 2: [0.5, 0.7, 1.0, 1.2, 1.5, 1.7]}
pattern[8] = [0.5, 0.7, 0.9, 1.1, 1.3, 1.5]
for depth, want in pattern.items():
    label = f"6 equal reads of 0.5 s, computes of 0.2 s, 4 readers, depth {depth}"
    answer = timeline([0.5] * 6, [0.2] * 6, depth, 4)
    _, taken = schedules.times(label, answer, "begun taken", 6)
    slips = {(1, 1.0): "Is it one reader alone"} if depth > 1 else {}
    slips |= {(1, 0.7): "The readers share one place"} if depth == 1 else {}
    slips |= {(2, 0.9): "The readers share two places"} if depth == 2 else {}
    schedules.agree(label, "taken", taken, want, slips)
### BEGIN HIDDEN TESTS
table = {1: [0.6, 1.2, 1.8, 2.4, 3.0, 3.6, 4.2], 2: [0.6, 0.7, 1.2, 1.3, 1.8, 1.9, 2.4]}
table |= {3: [0.6, 0.7, 0.8, 1.2, 1.3, 1.4, 1.8], 5: [0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.3]}
for depth in (1, 2, 3, 5):
    for readers in (2, 3, 5):
        answer = timeline((0.6,) * 7, (0.1,) * 7, depth, readers)
        _, taken = schedules.times("equal reads", answer, "begun taken", 7)
        schedules.agree("equal reads", "taken", taken, table[min(depth, readers)])
### END HIDDEN TESTS

# %% check="timeline-vary" points=4 hidden="reads and computes that vary, any depth"
# One batch: nothing hides its read.
for depth, readers in [(1, 1), (1, 3), (5, 2)]:
    label = f"one batch, read in 2 s, {depth} places, {readers} readers"
    answer = timeline([2.0], [3.0], depth, readers)
    begun, taken = schedules.times(label, answer, "begun taken", 1)
    schedules.agree(label, "begun", begun, [0.0])
    schedules.agree(label, "taken", taken, [2.0])
### BEGIN HIDDEN TESTS
never = float("inf")


def jumps(reads, computes, depth, readers):
    """The same by a clock that jumps from event to event."""
    clock, n = 0.0, len(reads)
    begun, taken, ends, working = [], [], {}, never
    while len(taken) < n:
        if working == never and ends.get(len(taken), never) <= clock:
            working = clock + computes[len(taken)]
            taken.append(clock)
        busy = sum(end > clock for end in ends.values())
        if len(begun) < n and busy < readers and len(begun) - len(taken) < depth:
            ends[len(begun)] = clock + reads[len(begun)]
            begun.append(clock)
            continue
        clock = min([e for e in ends.values() if e > clock] + [working])
        if working == clock:
            working = never
    return begun, taken


rng = np.random.default_rng(17)
for k in range(40):
    n, depth = int(rng.integers(1, 40)), int(rng.choice([1, 1, 2, 3, 5, 7, 50]))
    readers = int(rng.choice([1, 2, 3, 5, 9]))
    spread = 0.3 if k % 2 else 1.2
    reads = tuple((readers * rng.lognormal(0, spread, n)).tolist())
    computes = tuple(rng.uniform(0.5, 3, n).tolist())
    answer = timeline(reads, computes, depth, readers)
    due = jumps(reads, computes, depth, readers)
    both = schedules.times("it varies", answer, "begun taken", n)
    for name, got, want in zip(("begun", "taken"), both, due, strict=True):
        schedules.agree("it varies", name, got, want)
### END HIDDEN TESTS

# %% [markdown]
# First your own schedule of the six batches, then 2,000 batches.  Guess before you run:
# reads take 320 ms in the mean and computes 200 ms.  What does a second reader bring,
# and what a third?  How few readers and places keep the accelerator busy for 97 %?

# %% explore
reads, computes = [4.0, 1.0, 1.0, 9.0, 2.0, 3.0], [2.0, 3.0, 1.0, 2.0, 4.0, 2.0]
schedules.drawn(reads, computes, *timeline(reads, computes, 3, 2))
plt.show()
reads = (320 * ms * np.random.default_rng(4).exponential(size=2000)).tolist()
depths = [1, 2, 4, 8, 12, 16, 32]
for readers, style in ((1, "o-"), (2, "s--"), (3, "^:"), (4, "x-.")):
    ends = [timeline(reads, [200 * ms] * 2000, d, readers)[1][-1] for d in depths]
    busy = [100 * 2000 * 200 * ms / (end + 200 * ms) for end in ends]
    plt.semilogx(depths, busy, style, base=2, label=f"readers: {readers}")
    print(f"{readers} readers, 12 places: busy {busy[depths.index(12)]:.1f} % of time")
plt.xticks(depths, depths)
plt.xlabel("places in the buffer")
plt.ylabel("busy (% of time)")
plt.legend()
plt.show()

# %% [markdown]
# ## 2. A loader that reads ahead (11 points, 40 minutes)
#
# Write a generator.  A thread reads `source` while the consumer works; the generator
# hands over what was read.
#
# - **Order.** The items arrive in the order of the source, each once.  An item may be
#   anything: `None`, any text, an exception, or one that equals whatever it is compared
#   with.  One read at a time.
# - **Bounded.** At most `depth` items have been asked for and not yet handed over.
#   An item that is being read counts.  So a read takes its place before it begins, as
#   in exercise 1.  The place is free again just before your `yield`, not after it:
#   while the consumer is busy with one item, `depth` more are read.
# - **Errors.** When the source raises, the consumer first gets every item before the
#   error, and then the same error, not one of its kind made anew.
# - **Stop.** A consumer that breaks off, or calls `close()`, raises `GeneratorExit` at
#   your `yield`.  Then the thread must end, even if the buffer is full.  Only a read
#   under way may finish; none may begin.
# - **Apart.** Several loaders may run at once, and know nothing of each other.  One is
#   closed, or begun, while another reads on or stops.
#
# `threading` and `queue` are imported.  While you try things out, make the thread a
# daemon: one that hangs then does not keep the kernel from ending.


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


# %% check="loader-order" points=2 hidden="items of any kind; other depths; two loaders"
# The checks lend your loader a source that counts the reads begun, and can hold a read
# until the consumer is where it should be.  Nothing is judged by its speed.
loaders.in_order("6 items, depth 2", prefetch, SlowSource(6), 2)
loaders.in_order("3 items, depth 9", prefetch, SlowSource(3), 9)
loaders.apart("two loaders at once, 7 items each, depth 2", prefetch, 7, 2)
### BEGIN HIDDEN TESTS
odd = [None, 0, "end", np.zeros(2), made(OddBatch, 4), False, (), made(OddBatch, 7)]
for depth in (1, 3):
    loaders.in_order("items of all kinds", prefetch, SlowSource(odd), depth)
    words = ["end", "stop", "done", "eof", "error", "item", "sentinel", "none", ""]
    signs = [w.upper() for w in words] + words + [f"__{w}__" for w in words]
    signs += [None, 0, -1, False, True, ("end", None), ("error", "x"), [], {}]
    got = list(prefetch(signs, depth))
    assert got == signs, "a plain list gives its items, whatever they are"
loaders.in_order("an empty source", prefetch, SlowSource(0), 2)
for n, depth in [(29, 1), (13, 4), (1, 1), (17, 17)]:
    loaders.in_order("any number, any depth", prefetch, SlowSource(n), depth)
### END HIDDEN TESTS

# %% check="loader-ahead" points=3 hidden="other depths"
# First, read i cannot end before the consumer holds item i - 1.  So the consumer must
# get an item while the next one is still being read.  Second, the consumer holds each
# item until the buffer is full.
loaders.overlaps("depth 2, each read held", prefetch, 5, 2)
loaders.fills("depth 2", prefetch, 6, 2)
### BEGIN HIDDEN TESTS
for depth in (1, 3, 7):
    loaders.overlaps("another depth, each read held", prefetch, 4, depth)
    loaders.fills("another depth", prefetch, depth + 5, depth)
### END HIDDEN TESTS

# %% check="loader-error" points=3 hidden="errors of other kinds, at other items"
# The source fails at item 3.  The consumer looks at its first item until the failure
# has happened, and then asks for the rest.
loaders.fails_in_place("depth 4, item 3", prefetch, 3, 4, ReadError(5, "disk 7"))
### BEGIN HIDDEN TESTS
kinds = (ValueError, TimeoutError, KeyError, ReadError)
places = [(2, 2), (0, 2), (1, 1), (5, 1), (6, 8), (9, 3)]
for (bad, depth), kind in zip(places, itertools.cycle(kinds), strict=False):
    loaders.fails_in_place("elsewhere", prefetch, bad, depth, kind("disk 9"))
### END HIDDEN TESTS

# %% check="loader-stop" points=3 hidden="other depths, another moment"
# The consumer calls close() after a few items of very many.  At that moment the buffer
# is full, or the reader is in the middle of a read.
loaders.stops("depth 2, a full buffer", prefetch, 3, 2, reading=False)
loaders.stops("depth 2, a read under way", prefetch, 1, 2, reading=True)
### BEGIN HIDDEN TESTS
for depth in (1, 4):
    for reading in (False, True):
        loaders.stops("another stop", prefetch, 2, depth, reading)
### END HIDDEN TESTS

# %% [markdown]
# Your loader against your clock: 60 reads of 4 ms in the mean, computes of 5 ms.


# %% explore
def slow(reads):
    for t in reads:
        time.sleep(t)
        yield t


reads = (4 * ms * np.random.default_rng(1).exponential(size=60)).tolist()
for depth in (1, 2, 4, 8):
    start = time.perf_counter()
    for _ in prefetch(slow(reads), depth):
        time.sleep(5 * ms)
    took = time.perf_counter() - start
    end = timeline(reads, [5 * ms] * 60, depth, 1)[1][-1] + 5 * ms
    print(
        f"depth {depth}: {took / ms:4.0f} ms measured, {end / ms:4.0f} ms by the clock"
    )

# %% [markdown]
# ## 3. Every sample once, and a resume (8 points, 20 minutes)
#
# `R` ranks train together.  Each has `W` loader workers.  A rank takes `batch` samples
# a step; in step `s` its batch comes from worker `s % W`, as a PyTorch `DataLoader`
# does it.  An epoch takes `ceil(D / (R batch))` steps and reads each of `D` samples
# exactly once: no padding, nothing dropped.  The last step is shared out so that ranks
# differ by one sample at most.  A rank left with none has an empty batch.
#
# - The order depends on seed and epoch, and each epoch is shuffled anew, epoch 0 too.
#   Two pairs (seed, epoch) share an order by chance only, for all numbers below
#   $2^{32}$: seed 3, epoch 5 is not seed 4, epoch 4.
# - A plan for a late epoch costs no more than one for epoch 0: do not draw the epochs
#   before it.  The same object may be asked again, for the same epoch too.
# - A job that crashed starts a new process, makes a new `Sampler` and asks for
#   `plan(epoch, step)`.  It must get what the old one had still to read, batch by
#   batch.
# - It may come back with other numbers.  Which samples step `s` reads, over all ranks
#   together, depends on `D`, seed, epoch, `s` and the product `R batch` only.
#
# **By hand.** 10 samples, R = 2, W = 2, batch 2: three steps of 4, 4 and 2 samples.
# Worker 0 of each rank has steps 0 and 2, worker 1 has step 1.  In step 2 each rank has
# one sample.


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
        none left.  seed, epoch: whole numbers, 0 or more.
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


# %% check="sampler-once" points=2 hidden="other numbers of samples, ranks and workers"
# D, R, W, batch: the example of the text, and more ranks than samples.
for sizes in [(10, 2, 2, 2), (2, 3, 2, 1)]:
    samplers.epoch_of(Sampler, *sizes, 1, 0)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
plans = [(1, 3, 2, 2), (24, 2, 5, 4), (7, 4, 1, 1), (64, 4, 2, 4), (65, 4, 3, 4)]
plans += [tuple(rng.integers(1, (90, 6, 5, 7)).tolist()) for _ in range(6)]
for k, sizes in enumerate(plans):
    samplers.epoch_of(Sampler, *sizes, 1 + k, k)
### END HIDDEN TESTS

# %% check="sampler-shuffle" points=2 hidden="other pairs of seed and epoch, far apart"
# 60 samples in steps of 6, two ranks.  Each epoch must be shuffled, and unlike others.
pairs = {"epochs 0 and 1 of seed 3": (3, 1), "seeds 3 and 12, epoch 0": (12, 0)}
samplers.shuffles(Sampler, 3, 0, pairs)
pairs = {"seed 3, epoch 5 and seed 4, epoch 4": (4, 4), "epochs 5 and 6": (3, 6)}
samplers.shuffles(Sampler, 3, 5, pairs)
### BEGIN HIDDEN TESTS
for seed in (17, 4711, 271_828):
    far = [(seed - 1, 5 + k) for k in (1, 10, 100, 1000)]
    far += [(seed + k, 4) for k in (1, 9, 100, 1000)] + [(5, seed), (seed - 2, 7)]
    far += [(int(str(seed)[:k]), int(f"{seed}5"[k:])) for k in range(1, len(str(seed)))]
    far += [(seed, 0), (seed, 4), (0, 5), (seed, 105), (seed, 1005), (seed, 65_541)]
    far += [(seed + 65_536, 5)]
    samplers.shuffles(Sampler, seed, 5, {f"two far pairs, {p}": p for p in far})
samplers.shuffles(Sampler, 0, 0, {"0, 0 and 0, 1": (0, 1), "0, 0 and 1, 0": (1, 0)})
orders = [samplers.shuffled(Sampler, 8, epoch) for epoch in range(40)]
common = [samplers.pairs_shared(a, b) for a, b in itertools.pairwise(orders)]
# by chance 12.7, of which 39 pairs of shuffles deviate by 0.53
assert 10 < np.mean(common) < 15.5, "two epochs agree more, or less, than shuffles do"


def order_of(seed, epoch):
    plan = Sampler(24, 1, 1, 4, seed).plan(epoch)
    return tuple(
        frozenset(row[0]) for row in samplers.by_step("an order", plan, 1, 1, 0, 6)
    )


clash = samplers.seeds_clash(order_of, 8, 64)
assert not clash, "two pairs of seed and epoch, far apart, share one order"
### END HIDDEN TESTS

# %% check="sampler-resume" points=2 hidden="other plans, crashes at other steps"
# A crash in epoch 2, at step 3 of 6.  fresh(Sampler) is your class in another Python,
# which has run the cells of answers and set-up and knows nothing else.  There `hash` of
# a string is another number.  D, R, W, batch, epoch, step:
plans = [(33, 2, 2, 3, 2, 3)]
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
plans += [(33, 2, 2, 3, 0, 6), (50, 3, 4, 2, 7, 1), (50, 3, 4, 2, 7, 6)]
for _ in range(6):
    D, R, W, batch = rng.integers(1, (90, 6, 5, 7)).tolist()
    step = int(rng.integers(np.ceil(D / R / batch) + 1))
    plans.append((D, R, W, batch, int(rng.integers(4)), step))
### END HIDDEN TESTS
after_crash = fresh(Sampler)
for plan in plans:
    samplers.resumes(Sampler, after_crash, *plan)

# %% check="sampler-ranks" points=2 hidden="other plans, other ranks"
# The job comes back as one rank of three workers, with the batch of all ranks.
# D, ranks before and after, batches before and after, epoch, step:
plans = [(33, (2, 1), (3, 6), 2, 3), (12, (4, 6), (3, 2), 0, 0)]
### BEGIN HIDDEN TESTS
plans += [(50, (3, 2), (2, 3), 7, 0)]
plans += [(13, (4, 3), (3, 4), 1, 1), (71, (1, 10), (10, 1), 3, 2)]
plans += [(89, (5, 1), (5, 25), 0, 1), (40, (8, 2), (1, 4), 5, 5)]
### END HIDDEN TESTS
for plan in plans:
    samplers.comes_back(Sampler, Sampler, *plan)

# %% [markdown]
# Your shuffles.  A row is an epoch, a column a sample, its colour the step that reads
# it.  Two rows must not look alike, and no row like a staircase.

# %% explore
table = np.zeros((8, 60))
for epoch in range(8):
    for s, step in enumerate(samplers.shuffled(Sampler, 3, epoch)):
        table[epoch, step] = s
plt.figure(figsize=(6.4, 2.4))
plt.imshow(table, aspect="auto")
plt.xlabel("sample")
plt.ylabel("epoch")
plt.colorbar(label="step")
plt.show()

# %% [markdown]
# ## 4. A cache that meets a shuffled epoch (5 points, 15 minutes)
#
# The node's drives hold `C` samples of a data set of `D`.  A policy decides which.  It
# is told when an epoch begins (`begin`, before the first one too), of each hit, and of
# each miss.  At a miss it returns
#
# - `None`: there is room, and the new sample is kept;
# - a sample that is held: that one goes, and the new one is kept;
# - the new sample itself: it is used and not kept.
#
# The cache, not the policy, holds the samples and counts the hits.
#
# In an epoch every sample is read once.  So an epoch cannot have more hits than the
# cache held samples of the data set when it began: `min(C, D)`.  Reach that in every
# epoch from the second on.  (LRU has the chapter's $h + (1 - h)\ln(1 - h)$.)
#
# One day the job moves on to another data set, and nobody tells the policy.  Some or
# all of what the cache holds is then of no use: data may overlap, grow, shrink or come
# back.  From the third epoch of the new data on, every epoch must have `min(C, D)` hits
# again, where `D` is now the size of the new data.
#
# `Policy` itself only notes `self.C`; you need not call its `__init__`.


# %% answer="keeper"
class Keeper(Policy):
    """Reaches min(C, D) hits an epoch; lets go of a data set that is no longer read."""

    def __init__(self, C):
        ### BEGIN SOLUTION
        self.C, self.epoch, self.used = C, 0, {}
        ### END SOLUTION

    def begin(self):
        """Note that an epoch begins."""
        ### BEGIN SOLUTION
        self.epoch += 1
        ### END SOLUTION

    def hit(self, x):
        """Note that sample x was read, and was held."""
        ### BEGIN SOLUTION
        self.used[x] = self.epoch
        ### END SOLUTION

    def miss(self, x):
        """Note that x was read and was not held; return what has to go, or None."""
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


# %% check="keeper-steady" points=2 hidden="other sizes of data and cache"
# Five epochs of one data set.  D, C:
cases = [(40, 20), (40, 36)]
### BEGIN HIDDEN TESTS
cases += [(20, 1), (20, 19), (20, 20), (20, 30), (90, 40), (1, 1)]
### END HIDDEN TESTS
for D, C in cases:
    caches.reaches(f"{C} of {D} samples", Keeper, C, [(5, 7, 7 + D)], 17)

# %% check="keeper-change" points=3 hidden="data sets that overlap, grow or come back"
# Three epochs of samples 0 to 39, then five of samples 1,000 to 1,039.
cases = [(24, [(3, 0, 40), (5, 1000, 1040)])]
### BEGIN HIDDEN TESTS
cases += [(12, [(2, 0, 40), (4, 20, 60), (4, 0, 24)])]
cases += [(30, [(3, 0, 20), (4, 500, 560), (4, 0, 20)])]
cases += [(36, [(3, 0, 40), (3, 1000, 1006), (5, 0, 40)])]
cases += [(50, [(3, 0, 52), (3, 1000, 1004), (5, 0, 52)])]
### END HIDDEN TESTS
for C, parts in cases:
    caches.reaches(f"{C} held, the data change", Keeper, C, parts, 17)

# %% [markdown]
# Guess first: which share of the reads does your policy serve where LRU serves 15 %?

# %% explore
shuffle = np.random.default_rng(3).permutation
epochs = [shuffle(200).tolist() for _ in range(6)]
shares = np.linspace(0.1, 1.0, 10)
runs = [caches.played("yours", Keeper, round(200 * h), epochs) for h in shares]
plt.plot(100 * shares, [100 * np.mean(run[200:]) for run in runs], "s", label="yours")
h = np.linspace(0.01, 0.999, 200)
plt.plot(100 * h, 100 * (h + (1 - h) * np.log(1 - h)), label="LRU, by the law")
plt.xlabel("cache (% of the data)")
plt.ylabel("hits (% of reads)")
plt.legend()
plt.show()

# %% [markdown]
# ## 5. Save, drain, and what a dead node takes along (5 points, 20 minutes)
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
# that has drained by then (at that very moment counts), or to its start.  Lost is the
# work, not the waiting, done since that checkpoint's save began.
#
# **By hand.** Work 4 s, save in 1 s, drain in 10 s, two slots.  Saves begin at 4 and
# 9 s and drain until 15 and 25 s.  The third is due at 14 s, and waits for a slot until
# 15 s.  A node that dies at 12 s takes all with it: 4 + 4 + 2 = 10 s of work.


# %% answer="saves"
def saved(t_save, t_drain, interval, slots, saves):
    """Return (begun, safe): when each save begins, and when its drain has ended.

    t_save, t_drain, interval: seconds, 0 or more; slots, saves: at least 1
    Two lists of seconds, one value for each save.  The job starts to work at time 0.
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
    """Seconds of work lost when a node dies at time death; interval is above 0.

    No more than death / interval saves can have begun by then.
    """
    ### BEGIN SOLUTION
    saves = int(death / interval) + 1
    begun, safe = saved(t_save, t_drain, interval, slots, saves)
    ends = [0.0] + [t + t_save for t in begun]
    i = sum(t <= death for t in ends[1:])
    work = i * interval + min(death - ends[i], interval)
    return work - interval * sum(t <= death for t in safe)
    ### END SOLUTION


# %% check="saves-schedule" points=3 hidden="other times and slots, many saves"
# The job of the example: its drain is too slow for its interval.
label = "work 4 s, save 1 s, drain 10 s, 2 slots"
begun, safe = schedules.times(label, saved(1.0, 10.0, 4.0, 2, 4), "begun safe", 4)
slips = {(1, 15.0): "Two slots: the second save need not wait for the first drain"}
slips |= {(2, 14.0): "Both slots are full, and the save waits for the first drain"}
slips |= {(2, 25.0): "Two slots: it waits for the drain before the last one"}
slips |= {(3, 19.0): "Both slots are full, and the save waits for a drain"}
slips |= {(3, 20.0): "One slot is full until 25 s, the other until 35 s"}
schedules.agree(label, "begun", begun, [4, 9, 15, 25], slips)
slips = {(0, 14.0): "First saved, then drained", (0, 5.0): "When the drain ends"}
slips |= {(1, 20.0): "Drains run one at a time"}
schedules.agree(label, "safe", safe, [15, 25, 35, 45], slips)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
cases = [(1.0, 2.0, 5.0, 1, 6), (2.0, 9.0, 0.0, 3, 8), (0.0, 3.0, 3.0, 1, 5)]
for k in rng.integers(1, 5, 8).tolist():
    cases.append((*rng.uniform((0.1, 1, 1), (3, 30, 12)).tolist(), k, 15))
cases += [(1.0, 5.0, 4.5, 2, 400)]
never = float("inf")
for t_save, t_drain, interval, slots, saves in cases:
    clock, starts, drained, held, staged = 0.0, [], [], 0, 0
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
    answer = saved(t_save, t_drain, interval, slots, saves)
    begun, safe = schedules.times("another plan", answer, "begun safe", saves)
    schedules.agree("another plan", "begun", begun, starts)
    schedules.agree("another plan", "safe", safe, drained)
### END HIDDEN TESTS

# %% check="saves-lost" points=2 hidden="other plans, deaths early and late"
# The same job.  At 22 s it stands still, because both slots are full.
slips = {4 / 12: "a copy on a dead node's drives is no checkpoint; count drained ones"}
slips |= {k / 12: "waiting and saving are no work" for k in (14, 17, 18)}
slips |= {16 / 12: "one checkpoint has drained, at 15 s"}
slips |= {7 / 12: "count from the save, not from its drain"}
slips |= {8 / 12: "the interval under way, or the second slot"}
slips |= {9 / 12: "drains run one at a time"}
close("a node dies at 22 s", lost(22.0, 1.0, 10.0, 4.0, 2), 12.0, "s", slips)
slips = {1.2: "saving is not work", 0.2: "no checkpoint has drained yet"}
close("a node dies at 12 s", lost(12.0, 1.0, 10.0, 4.0, 2), 10.0, "s", slips)
slips = {1.5: "the drain that ends at that moment counts"}
close("a node dies at 15 s", lost(15.0, 1.0, 10.0, 4.0, 2), 8.0, "s", slips)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for k in range(40):
    t_save, t_drain, interval = rng.uniform((0.1, 1, 1), (3, 30, 12)).tolist()
    slots, death = int(rng.integers(1, 5)), float(rng.uniform(0, 200))
    if k % 10 == 9:
        death, interval = 1000 + 20 * death, 1.5
    end = end_of_drain = work = kept = 0.0
    drains = []
    while end < death:
        work += min(interval, death - end)
        begin = end + interval
        if len(drains) >= slots:
            begin = max(begin, drains[-slots])
        end = begin + t_save
        end_of_drain = max(end, end_of_drain) + t_drain
        drains.append(end_of_drain)
        kept += interval * (end_of_drain <= death)
    got = number("another death", lost(death, t_save, t_drain, interval, slots))
    assert abs(got - (work - kept)) <= 1e-6, (
        "a death at another time: the work lost is wrong.  Which checkpoint had "
        "drained, and how much work has been done since its save began?"
    )
### END HIDDEN TESTS

# %% [markdown]
# 175 billion parameters on 256 nodes: 0.34 s to save, 24.5 s to drain at 100 GB/s.
# Guess first: from which interval on does no save wait for a slot?  Which way do more
# slots help, the pause or the loss?

# %% explore
state = storage.checkpoint_bytes(GPT3.P)
t_save = storage.staging_time(state, 256, NVME_NODE)
t_drain = storage.transfer_time(state, CHECKPOINT_STORE)
intervals, deaths = np.linspace(5, 60, 56), np.linspace(1000, 2000, 100)
_, (left, right) = plt.subplots(1, 2, figsize=(8, 3))
for slots, style in ((1, "-"), (2, "--"), (8, ":")):
    ends = [saved(t_save, t_drain, tau, slots, 200)[0][-1] for tau in intervals]
    left.plot(intervals, 100 * (1 - 200 * intervals / np.add(ends, t_save)), style)
    risk = [[lost(t, t_save, t_drain, x, slots) for t in deaths] for x in intervals]
    right.plot(intervals, np.mean(risk, axis=1), style, label=f"slots: {slots}")
left.set(xlabel="interval (s)", ylabel="pause (% of time)")
right.set(xlabel="interval (s)", ylabel="work lost in the mean (s)")
right.legend()
plt.show()

# %% [markdown]
# ## 6. The judgement (2 points, 10 minutes)
#
# Six runs a year read a corpus of 20 TB, two epochs each, and last two weeks each.  A
# read from object storage costs 0.09 dollars a GB.  A local copy costs 100 dollars per
# TB and month, for as long as you keep it (both rates: the book's open calculations,
# mlsysim 0.3.0).  Stage or stream?  Answer in three sentences.  Give one number, the
# break-even: from how many epochs a run on is a copy that is kept all year cheaper?
# `storage.break_even_epochs` helps.  Say what would change your mind.

# %% [markdown] essay="stage-or-stream" points=2
# If the copy is kept all year, a run pays for two months of it, and staging is cheaper
# only from 3.2 epochs a run on: with two epochs, stream.  If the drives can be let go
# after each run, half a month is paid and the break-even falls to 1.6 epochs: stage.
# More epochs, one copy that all six runs share, or slow reads whose tail stalls
# accelerators that cost more than the bytes, would also speak for the copy.
