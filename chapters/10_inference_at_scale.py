# %% [markdown]
# ---
# title: "10 · Inference at scale"
# fleet-stack: [15, 20, 35, 20, 100, 45, 5, 0]
# ---
#
# A service answers people who chat with it.  One night its traffic grows by ten per
# cent.  Nobody has changed the model or the machines, and the machines were not even
# full.  Yet the slowest hundredth of the requests now waits more than twice as long for
# its first word.  *How many accelerators serve this traffic inside its latency
# objective, and what does a token cost?*
#
# *You will need* three things from earlier chapters: the KV cache (chapter 2), Little's
# law and confidence intervals (both chapter 8).

# %%
import math
from collections import defaultdict
from dataclasses import dataclass
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import simpy
import torch
from IPython import get_ipython
from ipywidgets import interact
from scipy.special import stdtrit
from torch import nn
from torch.nn import functional

from mlsyscore import device
from mlsyscore.catalog import A100, GPU_HOUR, LLAMA2_7B
from mlsyscore.units import day, dollar, hour, ms

torch.set_num_threads(1)
plt.style.use("mlsyscore.figures")


# %% [markdown]
# ## Predict
#
# Write down four guesses.  The ones given are common.
#
# 1. A model reads a prompt of 64 tokens.  Then it writes 64 tokens, each of which needs
#    the one before.  How many times as long as the reading does the writing take?
# 2. A chip kept room for the longest possible answer to each request.  Now it gives out
#    room as answers grow, and three times as many requests fit at once.  How many times
#    as much traffic can it take at most?
# 3. Each of many servers is busy 90 % of the time.  Every request goes to a server at
#    random, and stays there, waiting and served, for 10 mean service times.  Now two
#    servers are drawn for each request, and the one with fewer requests gets it.  For
#    how many mean service times does a request stay?
# 4. A model took 184,320 GPU hours to train.  A million users each send it 50 requests
#    a day.  After how many days has answering taken as many GPU hours as training?

# %%
#| tags: [guess]
guess_write = 1.0  # times the reading
guess_room = 3.0  # times the traffic
guess_stay = 5.0  # mean service times
guess_days = 365.0

# %% [markdown]
# ## Two phases
#
# A request passes through two phases.  **Prefill** is the reading of the prompt: all
# its tokens pass through the model at once, and each leaves its key and value in the
# cache.  **Decode** is the writing of the answer, one token in each pass, because a
# token depends on all before it.  A user feels two times.  The **time to first token**
# (TTFT) is the wait for the first token, and the **time per output token** (TPOT) is
# the mean wait for each further one.
#
# We measure both on a small transformer.  It learns sentences of a little grammar.


# %%
WHO = ["the cat", "a dog", "my aunt", "one bird", "the king", "a child"]
DOES = ["sees", "hears", "likes", "follows", "paints"]
WHEN = ["at night .", "by day .", "on foot .", "for fun ."]


def sentence(rng):
    who, whom = rng.choice(WHO, 2, replace=False)
    return f"{who} {rng.choice(DOES)} {whom} {rng.choice(WHEN)}"


rng = np.random.default_rng(10)
sentences = [sentence(rng) for _ in range(2000)]
text = " ".join(sentences).split()
words = sorted(set(text))
data = torch.tensor([words.index(word) for word in text], device=device.kind())
print(f"{len(text):,} tokens, {len(words)} words; the text begins:")
print(f"{sentences[0]} {sentences[1]}")


# %%
class Block(nn.Module):
    """Attention over what is kept and what is new, then two layers for each token."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x, kept):
        B, new, width = x.shape
        qkv = self.qkv(self.first(x)).view(B, new, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        if kept:
            k, v = (torch.cat(pair, dim=2) for pair in zip(kept, (k, v), strict=True))
        seen = functional.scaled_dot_product_attention(q, k, v, is_causal=not kept)
        x = x + self.out(seen.transpose(1, 2).reshape(B, new, width))
        return x + self.down(functional.gelu(self.up(self.second(x)))), (k, v)


# %%
class Model(nn.Module):
    """A decoder; it returns scores of the next word and the cache: k, v of a layer."""

    def __init__(self, layers=3, width=256, heads=4, longest=256):
        super().__init__()
        self.word = nn.Embedding(len(words), width)
        self.place = nn.Embedding(longest, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.head = nn.Linear(width, len(words))

    def forward(self, ids, cache=()):
        held = cache[0][0].shape[2] if cache else 0
        places = torch.arange(held, held + ids.shape[1], device=ids.device)
        x, grown = self.word(ids) + self.place(places), []
        for i, block in enumerate(self.blocks):
            x, kept = block(x, cache[i] if cache else ())
            grown.append(kept)
        return self.head(x), grown


# %%
#| tags: [nbval-ignore-output]
torch.manual_seed(10)
model = Model().to(device.kind())
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for _ in range(16):
    starts = 8 * torch.randint(1980, (4,))  # each sentence has 8 tokens
    batch = torch.stack([data[at : at + 129] for at in starts.tolist()])
    scores, _ = model(batch[:, :-1])
    loss = functional.cross_entropy(scores.flatten(0, 1), batch[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"{sum(p.numel() for p in model.parameters()):,} weights, loss {loss:.2f}")

# %% [markdown]
# Now it writes 64 tokens after a prompt of 64, taking the most likely word each time.
# It does so twice: once with its cache, and once reading everything again for each
# token.


# %%
#| tags: [nbval-ignore-output]
@torch.inference_mode()
def write(model, ids, count, keep=True):
    """Return so many further tokens, the most likely each time."""
    scores, cache = model(ids)
    answer = []
    for _ in range(count):
        new = scores[:, -1:].argmax(-1)
        answer.append(new)
        ids = torch.cat([ids, new], dim=1)
        scores, cache = model(new, cache) if keep else model(ids)
    return torch.cat(answer, dim=1)


prompt = data[None, :64]
answer = write(model, prompt, 64)
said = " ".join(words[i] for i in answer[0])
print("it writes:", said[:70])
same = (answer == write(model, prompt, 64, keep=False)).float().mean()
print(f"with and without the cache, {same:.0%} of the words are the same")

# %%
#| tags: [nbval-ignore-output]
with torch.inference_mode():
    cache = model(prompt)[1]
    first = np.median(device.timed(lambda: model(prompt)))
    each = np.median(device.timed(lambda: model(prompt[:, :1], cache)))
print(f"prefill of 64 tokens (TTFT):   {first / ms:6.2f} ms")
print(f"decode of one token (TPOT):    {each / ms:6.2f} ms")
print(f"64 tokens written / 64 read:   {64 * each / first:6.1f} times")
print(f"You guessed {guess_write:g} times.")

# %% [markdown]
# Both phases do the same arithmetic for a token.  But a pass has a price of its own: it
# reads all weights and starts all operations, whatever the number of tokens.  Prefill
# pays this price once for the whole prompt, decode for every token.  Rule of thumb:
# *reading waits for arithmetic, writing waits for passes.*
#
# Without the cache each token would cost a whole prefill.  So a request's next token
# has to be made where its cache is, and no setting of a framework changes that.
#
# ## The batch's knee
#
# A **batch** here is the set of requests that share a pass.  Of a decode step, let
# $T_\text{fix}$ be the part that all share, and $T_\text{var}$ what each of $B$
# requests adds:
#
# $$ T(B) = T_\text{fix} + B\,T_\text{var}, \qquad
#    \frac{B}{T(B)} = \frac{1}{T_\text{var}}\cdot\frac{B}{B+B_\text{knee}}, \qquad
#    B_\text{knee} = \frac{T_\text{fix}}{T_\text{var}}. $$
#
# The tokens per second, $B/T(B)$, can never exceed $1/T_\text{var}$.  The **batching
# knee** $B_\text{knee}$ is the batch that reaches half of this.  There a step takes
# twice $T_\text{fix}$.  Rule of thumb: *well below the knee company is nearly free,
# well above it each newcomer costs everybody.*
#
# We time batches of up to 16 and predict 64, four times the largest.  (On a GPU all
# are 64 times as large.)  Each request has 32 tokens in its cache.  One rival says that
# a step takes the same time whatever the batch.  The other says time in proportion to
# the batch.


# %%
#| tags: [nbval-ignore-output]
scale = 64 if device.count() else 1
sizes = scale * np.array([1, 2, 4, 8, 16, 64])
runs = {B: [] for B in sizes}
with torch.inference_mode():
    ids = {B: torch.randint(len(words), (B, 32), device=device.kind()) for B in sizes}
    caches = {B: model(ids[B])[1] for B in sizes}
    for _ in range(7):  # in turns, so that a disturbance meets all sizes
        for B in sizes:
            runs[B] += device.timed(partial(model, ids[B][:, :1], caches[B]), 3)
steps = np.array([np.median(runs[B]) for B in sizes])

# %%
#| tags: [nbval-ignore-output]
B, T = sizes[:-1], steps[:-1]
slope, start = np.polyfit(B, T, 1, w=1 / T)  # least relative errors
same = (1 / T).sum() / (1 / T**2).sum()
share = (B / T).sum() / (B**2 / T**2).sum()
print(f"T_fix {start / ms:.2f} ms, T_var {slope / ms:.3f} ms, knee {start / slope:.1f}")
print(f"held back: a batch of {sizes[-1]} takes {steps[-1] / ms:.2f} ms")
said = {"law": start + slope * sizes[-1], "same": same, "share": share * sizes[-1]}
for name, value in said.items():
    print(f"  {name:5} says {value / ms:6.2f} ms, error {value / steps[-1] - 1:+.0%}")
best = min(said, key=lambda name: abs(said[name] / steps[-1] - 1))
print(f"closest: {best}")

# %%
#| label: fig-knee
#| fig-cap: "A decode step on this machine.  The square was held back from all fits."
#| fig-alt: "Time of a step: level at first, then rising with the batch."
#| tags: [nbval-ignore-output]
# @title A decode step against its batch
_, ax = plt.subplots()
x = np.geomspace(sizes[0], sizes[-1])
ax.loglog(x, (start + slope * x) / ms, "C0-", label="law: fixed + share")
ax.loglog(x, np.full_like(x, same) / ms, "C1--", label="rival: same for all")
ax.loglog(x, share * x / ms, "C3:", label="rival: in proportion")
ax.loglog(B, T / ms, "ko", label="measured")
ax.loglog(sizes[-1:], steps[-1:] / ms, "ks", ms=9, mfc="none", label="held back")
ax.set(xlabel="requests in the batch", ylabel="time of a step (ms)")
ax.legend()
plt.show()

# %% [markdown]
# ## The cache decides how many
#
# How large a batch can a chip hold?  Take Llama 2 with 7 billion weights of 2 bytes on
# one A100 of 80 GB.  We take arithmetic at 0.6 of the chip's peak and memory at its
# full rate.  A decode step reads all weights once, $P s$ bytes, and each request's own
# cache: $n$ tokens of $k = 2Lhs$ bytes (chapter 2).  It also does $2P$ operations for
# each request.  A prompt's token costs $2P$ operations and hardly any reading.
#
# $$ T_\text{fix} = \frac{P s}{\text{BW}}, \qquad
#    T_\text{var} = \frac{n k}{\text{BW}} + \frac{2P}{0.6\,R_\text{peak}}, \qquad
#    B_\text{max} = \frac{M - P s}{n_\text{room}\,k}. $$
#
# Here $M$ is 90 % of the memory, as in chapter 2, and $n_\text{room}$ the room for each
# request, in tokens.  The requests are like those of a published service.  In an hour
# of November 2023, Azure's chat got 5.53 requests a second, at nearly random moments
# ([Azure LLM inference trace 2023](https://github.com/Azure/AzurePublicDataset),
# conversations).  We draw prompts whose logarithm is normal, with the mean and median
# of the trace.  For answers we draw straight lines between quantiles: half are below
# 129 tokens and 99 % below 601.  The rows below compare what no fit was told.


# %%
def lengths(count, rng):
    """Return tokens of prompts and of answers; together no more than 4,096."""
    sigma = math.sqrt(2 * math.log(1154.7 / 1020))
    prompts = rng.lognormal(math.log(1020), sigma, count)
    answers = np.interp(rng.random(count), (0, 0.5, 0.99, 1), (2, 129, 601, 611))
    return np.minimum(prompts, 4096 - 611), answers.round().astype(int)


prompts, answers = lengths(10**6, np.random.default_rng(1))
PROMPT, ANSWER = prompts.mean(), answers.mean()
logarithm = 129 * math.exp(2.326 * math.sqrt(2 * math.log(211.1 / 129)))
print("tokens, held back                  published    drawn")
print(f"prompts, 99 % are below {4142:18,} {np.quantile(prompts, 0.99):8,.0f}")
print(f"answers, mean {211:28,} {ANSWER:8,.0f}")
print("rival, the logarithm of answers normal as well:")
print(f"answers, 99 % are below {601:18,} {logarithm:8,.0f}")

# %%
P, s = LLAMA2_7B.P, 2
k = 2 * LLAMA2_7B.L * LLAMA2_7B.h * s
T_FIX = P * s / A100.bw
T_READ = 2 * P / (0.6 * A100.peak)  # a prompt's token
T_VAR = (PROMPT + ANSWER / 2) * k / A100.bw + T_READ
M = 0.9 * A100.memory
PLACES = int((M - P * s) // ((PROMPT + ANSWER) * k))
KNEE = T_FIX / T_VAR
print(f"a token's cache: {k:,} bytes; a prompt: {PROMPT * T_READ / ms:.0f} ms")
print(f"T_fix {T_FIX / ms:.2f} ms, T_var {T_VAR / ms:.2f} ms, knee {KNEE:.0f} requests")
print(f"places for requests of mean length: {PLACES}")
print(f"  share of the highest tokens/s:  {PLACES / (PLACES + KNEE):.0%}")
print(f"  share of the memory M in cache: {1 - P * s / M:.0%}")

# %% [markdown]
# The last two lines nearly agree, and not by chance.  If reading were all, then
# $T_\text{fix}/T_\text{var}$ would be $P s/(n k)$, so at the knee the caches weigh as
# much as the model.  Then $B/(B+B_\text{knee})$ is the share of the caches in all that
# is read.  Rule of thumb: *a decoder makes the most of its bandwidth to the degree that
# caches, not weights, fill its memory.*
#
# So more memory does not make a token come sooner.  It lets a chip hold more requests.
#
# ## Pages
#
# A server does not know how long an answer will be.  An early remedy is to reserve room
# for the longest, here 4,096 tokens.  A **paged KV cache** gives out room in small
# *blocks* of $b$ tokens, as an operating system gives out pages, and a *block table*
# says where a request's blocks lie (Kwon et al., vLLM, arXiv 2309.06180).  Only a
# request's last block has empty room.  A request whose length may end anywhere in a
# block leaves 0 to $b-1$ tokens empty, so of its room it wastes
#
# $$ \frac{w}{n+w}, \qquad w = \frac{b-1}{2}. $$
#
# *Half a block for each request is lost, so keep blocks much shorter than requests.*
# We draw requests and count.  The rival counts a whole block for each.


# %%
def interval(samples):
    """Return the mean of independent runs and half of its 95 % interval."""
    samples = np.asarray(samples, float)
    n = len(samples)
    t = stdtrit(n - 1, 0.975)
    return samples.mean(), t * samples.std(ddof=1) / np.sqrt(n)


def paged(n, block):
    w = (block - 1) / 2
    return w / (n + w)


mean = PROMPT + ANSWER
print("room wasted, block   played     law    rival")
for block in (16, 256, 2048):
    total = (prompts.round() + answers).reshape(20, -1)
    room = np.ceil(total / block) * block
    waste, half = interval(100 * (1 - total.sum(axis=1) / room.sum(axis=1)))
    law, rival = 100 * paged(mean, block), 100 * block / (mean + block)
    print(f"{block:18} {waste:6.2f} ± {half:.2f} %  {law:5.2f} %  {rival:5.2f} %")
reserved = int((M - P * s) // (4096 * k))
print(f"reserved for the longest: {1 - mean / 4096:.1%} wasted, {reserved} places")
print(f"in blocks of 16: {int(PLACES * (1 - paged(mean, 16)))} places")

# %% [markdown]
# The law fails for a block of 2,048, as most requests are shorter and do not end
# anywhere in a block.  With short blocks, three times as many requests fit.
#
# How much more traffic is that?  Let all $B$ places be taken at any time.  A step
# then gives $B$ tokens.  So a request of $n_\text{out}$ tokens takes, of the chip's
# time, its prompt's $T_\text{prompt}$ and $n_\text{out}/B$ of a step for each place:
#
# $$ \frac{1}{x_\text{max}} = T_\text{prompt}
#    + \frac{n_\text{out}}{B}\left(T_\text{fix} + B\,T_\text{var}\right)
#    = \underbrace{T_\text{prompt} + n_\text{out}\,T_\text{var}}_{\text{work}}
#    + \frac{n_\text{out}\,T_\text{fix}}{B}. $$
#
# The *work* of a request is what no company makes cheaper.  Only the last term knows
# $B$.

# %%
WORK = PROMPT * T_READ + ANSWER * T_VAR


def most(places):
    """Return the most requests per second of one chip."""
    return 1 / (WORK + ANSWER * T_FIX / places)


gain = most(PLACES) / most(reserved)
print(
    f"work {WORK / ms:.0f} ms a request; shared {ANSWER * T_FIX / ms:,.0f} ms / places"
)
for places in (1, reserved, PLACES, 10 * PLACES):
    print(f"{places:4} places: {most(places):.2f} requests/s")
print(f"from {reserved} to {PLACES} places: {gain:.2f} times the traffic")
print(f"You guessed {guess_room:g} times.")

# %% [markdown]
# Both numbers of places lie beyond the knee, where room is worth little.  Below it,
# room is worth far more.  Rule of thumb: *room pays until the knee.*
#
# Blocks bring something else.  **Prefix sharing** lets requests that begin with the
# same tokens, such as the instructions that a service puts before each prompt, use the
# same blocks for them.  A request that must write into a shared block first makes its
# own copy of it, which is called **copy-on-write**.
#
# ## Continuous batching
#
# In **static batching** a batch of requests starts together, and the next batch starts
# when the last of them has ended.  A place whose answer is done stays taken, and its
# row is still computed.  In **continuous batching** a waiting request takes a place as
# soon as one is free, before the next step (Orca, Yu et al., OSDI 2022).
#
# In the simulation a chip works in iterations.  In each it reads the prompts of
# newcomers whole, and writes one token for each request that has begun.


# %%
@dataclass(eq=False)
class Request:
    arrival: float
    prompt: float
    answer: int
    start: float = math.inf
    first: float = math.inf  # when its first token came
    end: float = math.inf


class Line(simpy.Store):
    unfinished = 0  # requests waiting and served

    def take(self, count):
        taken, self.items = self.items[:count], self.items[count:]
        return taken


# %%
def chip(env, line, places, static):
    """Serve the requests of a line, an iteration at a time."""
    ends, steps, busy, batch = defaultdict(list), 0, 0, 0
    while True:
        new = [] if busy else [(yield line.get())]
        if not (static and busy):
            new += line.take(places - busy - len(new))
        seconds = T_READ * sum(request.prompt for request in new)
        if busy:
            seconds += T_FIX + (batch if static else busy) * T_VAR
        batch = batch if busy else len(new)
        began = env.now
        yield env.timeout(seconds)
        steps, busy = steps + 1, busy + len(new)
        for request in new:
            request.start, request.first = began, env.now
            ends[steps + request.answer - 1].append(request)
        for request in ends.pop(steps, ()):
            request.end = env.now
            busy, line.unfinished = busy - 1, line.unfinished - 1


# %%
def serve(requests, chips=1, places=PLACES, static=False, choices=1):
    """Fill in when each request began and ended.  Each goes to the best of so many."""
    env, rng = simpy.Environment(), np.random.default_rng(1)
    lines = [Line(env) for _ in range(chips)]

    def arrive():
        for request in requests:
            if request.arrival > env.now:
                yield env.timeout(request.arrival - env.now)
            drawn = [lines[i] for i in rng.integers(chips, size=choices)]
            line = min(drawn, key=lambda line: line.unfinished)
            line.unfinished += 1
            line.put(request)

    env.process(arrive())
    for line in lines:
        env.process(chip(env, line, places, static))
    env.run()
    return requests


# %%
#| label: fig-batches
#| fig-cap: "Eight requests, three places.  Light: prompts.  Numbers: tokens."
#| fig-alt: "Above, two places wait for the longest of each batch. Below, none waits."
# @title The same eight requests, in batches and continuously
TOKENS = (60, 110, 300, 90, 150, 70, 260, 50)
fig, axes = plt.subplots(2, 1, figsize=(6.4, 4.4), sharex=True)
for ax, static in zip(axes, (True, False), strict=True):
    eight = serve([Request(0.0, 900, n) for n in TOKENS], places=3, static=static)
    free = [0.0, 0.0, 0.0]
    for r in eight:
        lane = free.index(min(free))
        batch = [other.end for other in eight if other.start == r.start]
        free[lane] = max(batch) if static else r.end
        ax.barh(lane, r.first - r.start, 0.8, r.start, color="C2", alpha=0.6)
        ax.barh(lane, r.end - r.first, 0.8, r.first, color="C0")
        ax.barh(lane, free[lane] - r.end, 0.8, r.end, color="0.8", hatch="///")
        ax.text((r.first + r.end) / 2, lane, r.answer, color="white", ha="center")
    ax.set(title="static" if static else "continuous", ylabel="place", yticks=range(3))
axes[1].set_xlabel("time (s)")
plt.show()

# %% [markdown]
# Above, the answer of 300 tokens holds up five requests, although two places have
# nothing to do (hatched).  First come, first served is not fair to short answers here.
# Below, each place is taken again at once.
#
# First a test of `most`, which knows nothing of iterations.  Eight requests a second
# come, more than the chip can take, and we count those that end.  The rivals start from
# the count for 8 places.  One is "in proportion to places", the other "the same".


# %%
def trace(rate, seed, seconds=600):
    """Return requests that come at random moments."""
    rng = np.random.default_rng(seed)
    count = rng.poisson(rate * seconds)
    times = np.sort(rng.uniform(0, seconds, count))
    columns = (x.tolist() for x in (times, *lengths(count, rng)))
    return [Request(*row) for row in zip(*columns, strict=True)]


def ended(places, seed):
    """Return how many requests a second end, from minute 1 to minute 3."""
    ends = np.array([r.end for r in serve(trace(8, seed, 200), places=places)])
    return ((ends > 60) & (ends < 180)).sum() / 120


# %%
print("requests/s that end     played     law   in proportion   the same")
rates = [[ended(n, seed) for seed in range(6)] for n in (8, reserved, PLACES)]
eight = np.mean(rates[0])
for places, runs in zip((8, reserved, PLACES), rates, strict=True):
    mean_rate, half = interval(runs)
    row = f"{places:3} places {mean_rate:16.2f} ± {half:.2f} {most(places):6.2f}"
    print(f"{row} {eight * places / 8:14.1f} {eight:10.2f}")

# %% [markdown]
# Now the two ways of batching, at the same objective.  The **p99** of a time is what 99
# of 100 requests stay below.  A **service-level objective** (SLO) is a bound that a
# service sets itself, for example on a p99.  Both ways get the same traces and as many
# places as they can use.  For each trace we find the traffic at which a p99 reaches its
# bound, by a straight line between neighbouring rates.


# %%
def p99(requests, what):
    """Return the p99 of TTFT or of the whole answer, without the first minute."""
    seen = [r for r in requests if r.arrival > 60]
    return np.quantile([getattr(r, what) - r.arrival for r in seen], 0.99)


RATES = {True: (0.4, 0.7, 1.6, 2.1), False: (3.5, 4.5, 5.0, 5.4)}


def crossings(seed):
    """Return the traffic at each bound: TTFT static, continuous; whole answer."""
    traffic = []
    for static, rates in RATES.items():
        runs = [serve(trace(rate, seed), static=static) for rate in rates]
        for what, bound in (("first", 5.0), ("end", 20.0)):
            rising = np.maximum.accumulate([p99(run, what) for run in runs])
            traffic.append(np.interp(bound, rising, rates))
    return traffic


# %%
found = np.array([crossings(seed) for seed in range(4)])
for i, name in enumerate(("first token within 5 s", "whole answer within 20 s")):
    static, half_static = interval(found[:, i])
    better, half_better = interval(found[:, i + 2])
    ratio, half = interval(found[:, i + 2] / found[:, i])
    print(f"99 of 100 have their {name}:")
    print(f"  static     up to {static:.2f} ± {half_static:.2f} requests/s")
    print(f"  continuous up to {better:.2f} ± {half_better:.2f} requests/s")
    print(f"  traffic at the same p99: {ratio:.1f} ± {half:.1f} times")

# %% [markdown]
# The ratio depends on the objective.  The first token gains most, as static batching
# makes newcomers wait for a whole batch.  But continuous batching does not settle all:
# while one long prompt is read nobody gets a token, and places still run out.
#
# ## How many replicas
#
# A **replica** is a copy of the model on devices of its own, here one chip.  It gets
# $x$ requests a second.  While my answer is written, how long is $t$, my TPOT?  The
# chip spends a share $x\,T_\text{prompt}$ of its time on prompts of others, and steps
# take the rest.  A step takes $T_\text{fix}$, and $T_\text{var}$ for me and for each
# other request that is there.  These others number $x\,n_\text{out}\,t$ by Little's
# law, as each stays for $n_\text{out}\,t$ and the moments of arrival are random.  So
#
# $$ t\,(1 - x\,T_\text{prompt})
#    = T_\text{fix} + T_\text{var}\,(1 + x\,n_\text{out}\,t)
#    \quad\Longrightarrow\quad
#    t = \frac{T_\text{fix}+T_\text{var}}{1-\rho}, \qquad
#    \rho = x \cdot \text{work}. $$
#
# So $\rho$ is the share of the time that work takes.  What work leaves is not idle: the
# chip reads its weights in it.  This is the price of being busy again (chapter 8), but
# the spread of the lengths has left it, because all requests share each step.  Rule of
# thumb: *a token takes the step of a batch of one, divided by the share of the time
# that work leaves.*  The law holds while places are free,
# $x\,n_\text{out}\,t<B_\text{max}$.
#
# Two rivals: "as long as alone", and "in proportion to traffic" from the first row.


# %%
def each_token(rate):
    """Return the mean time per output token of one chip."""
    return (T_FIX + T_VAR) / (1 - rate * WORK)


def seen(requests):
    """Return TPOT (ms) and the p99 of TTFT (s), without the first minute."""
    late = [r for r in requests if r.arrival > 60]
    writing = sum(r.end - r.first for r in late)
    return writing / sum(r.answer - 1 for r in late) / ms, p99(requests, "first")


RATE = (2, 4, 4.5, 4.95)
played = {}
for x in RATE:
    runs = range(10 if x > 4 else 5)
    played[x] = np.array([seen(serve(trace(x, seed))) for seed in runs])


# %%
print("traffic  work takes   TPOT (ms)      law  alone  in proportion   TTFT p99 (s)")
base = played[2][:, 0].mean()
for x in RATE:
    tpot, half = interval(played[x][:, 0])
    row = f"{x:4.2f}/s {x * WORK:9.0%} {tpot:9.1f} ± {half:3.1f}"
    laws = f"{each_token(x) / ms:8.1f} {each_token(0) / ms:6.1f} {base * x / 2:10.1f}"
    slow, half = interval(played[x][:, 1])
    print(f"{row} {laws} {slow:12.2f} ± {half:.2f}")
ratio, half = interval(played[4.95][:, 1] / played[4.5][:, 1])
print("from 4.50 to 4.95, ten per cent more,")
print(f"the slowest hundredth's wait grows {ratio:.1f} ± {half:.1f} times")


# %%
#| label: fig-busy
#| fig-cap: "One chip.  Line: the law.  Dots: played.  Dashed: as long as alone."
#| fig-alt: "Both times rise slowly with traffic, then steeply below six a second."
# @title One chip against its traffic
def draw(answer=ANSWER):
    _, (left, right) = plt.subplots(1, 2, figsize=(6.8, 3.4))
    work = PROMPT * T_READ + answer * T_VAR
    x = np.linspace(0, min(0.93 / work, 12))
    left.plot(x, (T_FIX + T_VAR) / (1 - x * work) / ms, "C0-")
    left.plot(x, np.full_like(x, each_token(0) / ms), "C1--")
    for ax, column in ((left, 0), (right, 1)):
        mean, half = zip(
            *(interval(runs[:, column]) for runs in played.values()), strict=True
        )
        ax.errorbar(RATE, mean, half, fmt="ko", ms=4)
        ax.set(xlabel="requests/s", xlim=(0, max(x)), ylim=(0, None))
    left.set(ylabel="mean TPOT (ms)")
    right.set(ylabel="p99 of TTFT (s)")
    plt.show()


draw()

# %%
#| eval: false
#| tags: [nbval-ignore-output, remove-cell]
if get_ipython():
    interact(draw, answer=(20.0, 600.0))

# %% [markdown]
# Only the law sees the rise.  It is a floor: the play is up to a tenth above it.  The
# law spreads prompts evenly over time, while in the play a prompt stops everybody at
# once.
#
# And there is our night.  Work took 78 % of the chip's time.  Ten per cent more
# raises the *mean* TPOT by half, and by Little's law the batch too.  Now and then all
# places are taken, and newcomers wait until an answer ends.  A plan for the mean load
# does not see that.
#
# ### The count
#
# Ten times Azure's traffic comes, $\lambda$ = 55.3 requests a second.  Our SLO: a mean
# TPOT of at most 50 ms, and a p99 of TTFT of at most 1.5 s.  Three counts of
# replicas compete:
#
# $$ N_\text{throughput} = \frac{\lambda}{x_\text{max}}, \qquad
#    N_\text{Little} = \frac{\lambda\,n_\text{out}\,t}{B_\text{max}}, \qquad
#    N_\text{queue} =
#    \frac{\lambda\cdot\text{work}}{1-(T_\text{fix}+T_\text{var})/t}. $$
#
# The first asks only that the work gets done.  The second asks for places for all who
# are there if each token takes $t$.  The third solves the law for $N=\lambda/x$.  All
# are rounded up.  Then the play, where each replica gets its own random share.

# %%
LAM, SLO = 55.3, 50 * ms
counts = {
    "throughput": LAM / most(PLACES),
    "Little": LAM * ANSWER * SLO / PLACES,
    "queue": LAM * WORK / (1 - each_token(0) / SLO),
}
for name, count in counts.items():
    print(f"{name:10} {count:5.2f}, so {math.ceil(count)} replicas")
print("played         TPOT (ms)    TTFT p99 (s)")
for N in (11, 12):
    runs = np.array([seen(serve(trace(LAM / N, 20 + i))) for i in range(12)])
    (tpot, half), (slow, half_slow) = interval(runs[:, 0]), interval(runs[:, 1])
    kept = tpot + half <= SLO / ms and slow + half_slow <= 1.5
    broken = tpot - half > SLO / ms or slow - half_slow > 1.5
    verdict = "kept" if kept else "broken" if broken else "not resolved"
    row = f"{N} replicas {tpot:8.1f} ± {half:3.1f} {slow:9.2f} ± {half_slow:.2f}"
    print(f"{row}   SLO {verdict}")

# %% [markdown]
# Throughput's count leaves too little to spare.  Little's is lower, so places are not
# what binds here.  (The book takes the larger of these two.)  With the queue's count,
# one more, the play finds the SLO kept.  The law speaks of a mean, so the p99 had to be
# played.  Rule of thumb: *size for the time per token, then play the tail.*
#
# ## Two choices
#
# So far a *router* sent each request to a replica at random.  Could it do better with
# little knowledge?  The **power of two choices** is to draw two servers at random and
# send the request to the one with fewer.
#
# Let a share $u_k$ of many servers hold at least $k$ requests.  A newcomer raises a
# server to $k$ if the better of its two draws holds exactly $k-1$.  That has the
# probability $u_{k-1}^2-u_k^2$.  Servers that hold $k$ fall back at the rate of
# departures, $u_k-u_{k+1}$.  Where both flows balance, with arrivals at $\rho$ for each
# server and mean service time 1,
#
# $$ \rho\,(u_{k-1}^2-u_k^2) = u_k-u_{k+1}
#    \quad\Longrightarrow\quad u_k = \rho\,u_{k-1}^2
#    \quad\Longrightarrow\quad u_k = \rho^{2^k-1}. $$
#
# At random the square is missing, and $u_k=\rho^k$ (Mitzenmacher, IEEE TPDS 12, 2001).
# The exponent itself grows exponentially: long lines all but vanish.  By Little's law a
# request stays for $\sum_k u_k/\rho$.


# %%
def lines(rho, choices, seed, servers=100, events=80_000):
    """Return the mean stay and the share of servers with k requests or more."""
    rng = np.random.default_rng(seed)
    comes = (rng.random(events) < rho / (1 + rho)).tolist()
    drawn = rng.integers(0, servers, (events, choices)).tolist()
    held = rng.geometric(1 - rho, servers) - 1 if choices == 1 else [1] * servers
    held, counts = list(held), np.zeros(400)
    for event in range(events):
        if comes[event]:
            held[min(drawn[event], key=held.__getitem__)] += 1
        elif held[drawn[event][0]]:  # a server whose turn it is ends one
            held[drawn[event][0]] -= 1
        if event > events / 4 and event % 50 == 0:
            counts += np.bincount(held, minlength=400)
    tail = counts[::-1].cumsum()[::-1] / counts.sum()
    return tail[1:].sum() / rho, tail


def tail(rho, choices, k):
    return rho ** (2.0**k - 1) if choices == 2 else rho ** (1.0 * k)


# %%
K = np.arange(400)
shares = {}
print("mean stay (service times) of a request, servers 90 % busy")
for choices in (1, 2):
    runs = [lines(0.9, choices, seed) for seed in range(5)]
    stay, half = interval([run[0] for run in runs])
    shares[choices] = np.mean([run[1] for run in runs], axis=0)
    law = tail(0.9, choices, K)[1:].sum() / 0.9
    print(f"  choices: {choices}   played {stay:5.2f} ± {half:.2f}   law {law:5.2f}")
print(f"You guessed {guess_stay:g} for two choices.")

# %%
#| label: fig-tail
#| fig-cap: "Servers with at least k requests.  Lines: laws.  Marks: played."
#| fig-alt: "A straight line for one choice; a curve that plunges for two."
# @title Servers with at least k requests
_, ax = plt.subplots()
k_shown = np.arange(13)
for choices, style, mark in ((1, "C1--", "s"), (2, "C0-", "o")):
    label = "at random" if choices == 1 else "better of two"
    ax.semilogy(k_shown, tail(0.9, choices, k_shown), style, label=label)
    ax.semilogy(k_shown, shares[choices][:13], "k" + mark, ms=5, mfc="none")
ax.set(xlabel="requests at a server, k", ylabel="share of servers with k or more")
ax.set(ylim=(1e-4, 1.5))
ax.legend()
plt.show()

# %% [markdown]
# The laws agree with the play, but for the far end of the better of two: a hundred
# servers are not many.  Two choices do more than halve a stay, because a request meets
# a long line only if *both* servers have one.  But these servers take one request at a
# time.  Do our chips, which share each step, gain too?  Both rules get the same traces.

# %%
print("11 replicas at 55.3 requests/s: TTFT p99 (s)")
tails = {}
for choices, name in ((1, "at random"), (2, "better of two")):
    fleet = [serve(trace(LAM, 40 + i, 240), 11, choices=choices) for i in range(3)]
    tails[choices] = np.array([p99(run, "first") for run in fleet])
    slow, half = interval(tails[choices])
    print(f"  {name:13} {slow:5.2f} ± {half:.2f}")
less, half = interval(tails[1] - tails[2])
print(f"  difference    {less:5.2f} ± {half:.2f}")

# %% [markdown]
# With two choices 11 replicas serve first tokens as fast as 12 at random did.  Rule of
# thumb: *look at two lines before you buy another machine.*  A router that looks at
# stale counts, or several routers that look at once, gain less.
#
# ## The day serving passes training
#
# Now the bill.  Llama 2 7B took 184,320 GPU hours of A100s of 80 GB to train (arXiv
# 2307.09288, table 2).
#
# > **Theorem · Serving cost dominance.** The **serving cost dominance law** says that
# > the cost of serving passes that of training at $t_\times = C_\text{train}/(q\,c)$,
# > for $q$ requests a second at a cost $c$ each.  It holds for steady $q$ and $c$.
#
# If an hour costs the same for both, its price drops out.  The book's scenario has a
# million users with 50 requests a day.  For a price of tokens we take its 2 dollars a
# GPU hour.


# %%
def chips(rate):
    return rate * WORK / (1 - each_token(0) / SLO)


price = chips(LAM) * GPU_HOUR / (LAM * ANSWER) / dollar
alone = GPU_HOUR * each_token(0) / dollar
print(f"a million tokens, with their prompts:       {1e6 * price:.2f} dollars")
print(f"the same in batches of one, without prompts: {1e6 * alone:.2f} dollars")
q = 1e6 * 50 / day
days = 184_320 * hour / chips(q) / day
print(f"{q:.0f} requests/s take {chips(q):.0f} GPUs")
print(f"serving passes training on day {days:.0f}.  You guessed {guess_days:g}.")

# %% [markdown]
# So training is not where the money goes, if the traffic comes.  Does it?  Suppose that
# each quantity is right within a factor $f$ with a probability of 90 %: the users
# within 2, requests of each user within 1.5, chip time of a request within 1.5.  The
# day is a quotient of products, so logarithms add.  If the errors are independent, the
# *squares* of their spreads add (variances do):
#
# $$ \ln f_\text{day} = \sqrt{\sum_i (\ln f_i)^2}. $$
#
# One rival is the single day, the other lets all be wrong at once, $\prod_i f_i$.  We
# play it with errors of three shapes, each inside its factor in 90 % of the draws.

# %%
factors = np.log([2, 1.5, 1.5])
rng = np.random.default_rng(10)
shapes = (rng.normal(size=10**5), rng.uniform(-1, 1, 10**5), rng.laplace(size=10**5))
errors = [
    e / np.quantile(abs(e), 0.9) * f for e, f in zip(shapes, factors, strict=True)
]
day_of = days * np.exp(sum(errors))
spread = math.exp(math.sqrt((factors**2).sum()))
all_wrong = math.exp(factors.sum())
for name, f in (("law", spread), ("all at once", all_wrong), ("single day", 1.01)):
    inside = ((day_of > days / f) & (day_of < days * f)).mean()
    print(f"{name:11} day {days / f:3.0f} to {days * f:3.0f}: right in {inside:4.0%}")

# %% [markdown]
# The law's range is right in as many draws as each of its quantities.  It breaks where
# errors share a cause: a product that fails loses users *and* their requests.  Traffic
# that grows passes earlier, and a new model trained each quarter starts the clock
# again.
#
# Back to our question.  Ten times Azure's chat takes 11 or 12 A100s, and a million
# tokens cost half a dollar, by our assumptions on the chip.
#
# | level | what binds (chapter 1's C³) | what helped |
# |---|---|---|
# | request | compute: its prompt, its passes | cache |
# | replica | compute: reading weights | batch, pages |
# | service | coordination: who waits for whom | room for bursts, two choices |
# | platform | coordination: how many machines | the count, the day as a range |
#
# <details><summary>Sources, and where ours differs from the book's</summary>
#
# The trace's numbers: prompts have a mean of 1,154.7, a median of 1,020 and a p99 of
# 4,142 tokens; answers a mean of 211.1, a median of 129 and a p99 of 601.  They are
# computed from the published file; Patel et al., *Splitwise* (ISCA 2024), describe it.
# Arithmetic at 0.6 of an A100's peak is what fits published runs of FasterTransformer
# (`mlsyscore.serving.Replica`).  The play takes each request's cache as the mean one
# and launches as free.  The law of the time per token is derived here; the fair sharing
# of a processor is its classical relative.
#
# *Machine Learning Systems at Scale* takes T_fix = 40 ms and T_var = 0.5 ms for a
# language model, so its knee is 80.  In its example serving costs 0.001 dollars a
# request and training 2 million, and the same users pass it after 40 days.
#
# </details>
#
# ## Try it
#
# 1. Change our chip in one of three ways.  It gets twice the memory; or keys and values
#    take one byte instead of two; or all prompts share their first 500 tokens, which
#    are kept and need not be read again.  Which brings most traffic?  Which makes a
#    token come sooner at 4.5 requests a second?
#
#    <details><summary>Answer</summary>
#
#    Small keys and the prefix bring equally much: one makes steps shorter, the other
#    prompts.  Twice the memory makes no token sooner: the law does not know it.
#
#    ```python
#    def changed(memory=1, size=1, shared=0):
#        n, room = PROMPT + ANSWER, 0.9 * memory * A100.memory - P * s
#        places = int(room / ((n - shared) * k * size))
#        var = (PROMPT + ANSWER / 2) * k * size / A100.bw + T_READ
#        work = (PROMPT - shared) * T_READ + ANSWER * var
#        token = (T_FIX + var) / (1 - 4.5 * work)
#        return places, 1 / (work + ANSWER * T_FIX / places), token / ms
#
#
#    for change in ({}, {"memory": 2}, {"size": 0.5}, {"shared": 500}):
#        places, rate, token = changed(**change)
#        name = str(change or "as it is")
#        print(f"{name:15} {places:3} places, {rate:.2f} requests/s, {token:.0f} ms")
#    ```
#
#    ```text
#    as it is         88 places, 5.27 requests/s, 33 ms
#    {'memory': 2}   196 places, 5.55 requests/s, 33 ms
#    {'size': 0.5}   176 places, 6.85 requests/s, 19 ms
#    {'shared': 500} 139 places, 6.85 requests/s, 19 ms
#    ```
#
#    </details>
#
# 2. Azure's code service has prompts of 2,048 tokens and answers of 28 in the mean.
#    Which share of the work of a request is prefill, there and in chat?  Would you buy
#    one kind of chip for both?
#
#    <details><summary>Answer</summary>
#
#    Code is nearly all arithmetic, chat is half memory.  One design does not fit both.
#    **Disaggregated serving** goes further and gives each phase its own machines; the
#    cache must then move between them.
#
#    ```python
#    for name, prompt, answer in (("chat", PROMPT, ANSWER), ("code", 2047.8, 27.9)):
#        var = (prompt + answer / 2) * k / A100.bw + T_READ
#        first, rest = prompt * T_READ, answer * var
#        sent = prompt * k / 2**20
#        print(f"{name}: {first / (first + rest):.0%} prefill; cache {sent:,.0f} MiB")
#    ```
#
#    ```text
#    chat: 50% prefill; cache 575 MiB
#    code: 90% prefill; cache 1,024 MiB
#    ```
#
#    </details>
#
# 3. Traffic doubles at once.  New replicas are noticed to be needed after 30 s, decided
#    on after 10, found after 120, and warm after 20.  In between each loads 14 GB of
#    weights at 0.5 GB/s.  When do they answer?  How many requests wait by then, if the
#    old ones took 90 % of what they can?
#
#    <details><summary>Answer</summary>
#
#    A *cold start* is the time from the order to the first answer.  Reserve is needed
#    for what it takes.
#
#    ```python
#    lag = 30 + 10 + 120 + 14 / 0.5 + 20
#    over = LAM * (2 - 1 / 0.9)
#    print(f"they answer after {lag:.0f} s; {over * lag:,.0f} requests wait by then")
#    print(f"the old ones need {over * lag / (LAM / 0.9):.0f} s for these alone")
#    ```
#
#    ```text
#    they answer after 208 s; 10,224 requests wait by then
#    the old ones need 166 s for these alone
#    ```
#
#    </details>
#
# 4. A search asks 100 servers and waits for all of them.  Each is slow for 1 % of its
#    requests, independently.  How often is the search slow?
#
#    <details><summary>Answer</summary>
#
#    The rare case of one is the common case of a hundred (Dean and Barroso, *The tail
#    at scale*, CACM 56, 2013).
#
#    ```python
#    from mlsyscore.serving import slow_requests
#
#    for servers in (1, 10, 100):
#        print(f"{servers:3} servers: {slow_requests(0.01, servers):.0%} are slow")
#    ```
#
#    ```text
#      1 servers: 1% are slow
#     10 servers: 10% are slow
#    100 servers: 63% are slow
#    ```
#
#    </details>
#
# 5. A model of 70 billion weights needs more than one H100.  With *sharded* decoding
#    $t$ chips split each layer (tensor parallelism, chapter 5).  `Replica` of
#    `mlsyscore.serving` predicts a step.  How does a token's time fall with $t$, and
#    how do tokens per chip?
#
#    <details><summary>Answer</summary>
#
#    Tokens come sooner, by less than $t$: two sums over the chips in each layer have to
#    start.  Tokens per chip fall.
#
#    ```python
#    from mlsyscore.catalog import H100, LLAMA2_70B
#    from mlsyscore.serving import Replica
#
#    for t in (2, 4, 8):
#        step = Replica(LLAMA2_70B, H100, t, 0.4).step(1, 1000, 16)
#        rate = 16 / step / t
#        print(f"t = {t}: {step / ms:.0f} ms a step, {rate:.0f} tokens/s a chip")
#    ```
#
#    ```text
#    t = 2: 41 ms a step, 197 tokens/s a chip
#    t = 4: 28 ms a step, 141 tokens/s a chip
#    t = 8: 22 ms a step, 90 tokens/s a chip
#    ```
#
#    </details>
#
# > **Takeaways.**
# > - Prefill pays a pass once for all tokens, decode pays it for each.
# > - Company in a batch is nearly free well below the knee, where caches weigh about as
# >   much as weights.
# > - Past the knee more room adds requests in the batch and little traffic.
# > - While places are free, a token takes the step of a batch of one, divided by the
# >   share that work leaves.  When places run out, the tail grows much faster than the
# >   mean.
# > - Two looks at random servers nearly empty the long lines, if the looks are fresh.
# > - Say the day that serving passes training as a range; squares of log-errors add.

# > **Chapter connection.** Here every request crosses a network to a chip with room for
# > many.  Chapter 11 asks what is left to do when the chip is a phone.
