# %% [markdown]
# ---
# title: "10 · Inference at scale"
# fleet-stack: [15, 20, 35, 20, 100, 45, 5, 0]
# ---
#
# A service answers people who chat with it.  One night its traffic grows by ten per
# cent.  Nobody has changed the model or the machines, and the machines were not even
# full.  Yet the slowest hundredth of the requests now waits several times as long for
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
# 2. A chip serves a chat.  It kept room for the longest possible answer to each
#    request, and 29 requests fitted.  Now each gets room for its own length only, and
#    three times as many fit.  How many times as much traffic can this chip take?
# 3. Each of many servers is busy 90 % of the time.  Every request goes to a server at
#    random, and stays there, waiting and served, for 10 mean service times (these times
#    are exponential).  Now two servers are drawn for each request, and the one with
#    fewer requests gets it.  For how many mean service times does a request stay?
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
# token depends on all before it.  The **time to first token** (TTFT) is the wait for
# the first token, and the **time per output token** (TPOT) is the mean wait for each
# further one.
#
# We measure both on a small transformer, trained on sentences of a little grammar.


# %%
WHO = ["the cat", "a dog", "my aunt", "one bird", "the king", "a child"]
DOES = ["sees", "hears", "likes", "follows", "paints"]
WHEN = ["at night .", "by day .", "on foot .", "for fun ."]


def sentence(rng):
    who, whom = rng.choice(WHO, 2, replace=False)
    return f"{who} {rng.choice(DOES)} {whom} {rng.choice(WHEN)}"


rng = np.random.default_rng(10)
text = " ".join(sentence(rng) for _ in range(1000)).split()
words = sorted(set(text))
data = torch.tensor([words.index(word) for word in text], device=device.kind())
print(f"{len(text):,} tokens, {len(words)} words; the text begins:")
print(" ".join(text[:16]))


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
for _ in range(12):
    starts = 8 * torch.randint(980, (2,))  # each sentence has 8 tokens
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
print("it writes:", " ".join(words[i] for i in answer[0, :16]))
same = (answer == write(model, prompt, 64, keep=False)).float().mean()
print(f"with and without the cache, {same:.0%} of the words are the same")

# %%
#| tags: [nbval-ignore-output]
with torch.inference_mode():
    cache = model(prompt)[1]
    first = np.median(device.timed(lambda: model(prompt)))
    each = np.median(device.timed(lambda: model(prompt[:, :1], cache)))
    both = np.median(device.timed(lambda: write(model, prompt, 64), 3))
print(f"prefill of 64 tokens (TTFT):   {first / ms:6.2f} ms")
print(f"decode of one token (TPOT):    {each / ms:6.2f} ms")
print(f"prefill and 64 tokens written: {both / ms:6.2f} ms")
print(
    f"64 tokens written / 64 read:   {both / first - 1:6.1f} times (picking words too)"
)
print(f"You guessed {guess_write:g} times.")

# %% [markdown]
# Both phases do nearly the same arithmetic for a token.  But a pass has a price of its
# own: it reads all weights and starts all operations, whatever the number of tokens.
# Prefill pays this price once for the whole prompt, decode for every token.  Rule of
# thumb: *reading waits for arithmetic, writing waits for passes.*
#
# Without the cache each token would cost a whole prefill.  So a request's next token
# has to be made where its cache is.  Else the cache is moved (problem 2), or built
# again by one more prefill.
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
# knee** $B_\text{knee}$ is the batch that reaches half of this.  Rule of thumb: *well
# below the knee company is nearly free, well above it each newcomer costs everybody.*
#
# We time batches of up to 32 and predict 128, four times the largest (on a GPU 32 times
# these).  Each request has 32 tokens in its cache.  Three rivals are fitted to the same
# steps: the same time for any batch, time in proportion, and a power of the batch, with
# two parameters like the law.


# %%
#| tags: [nbval-ignore-output]
scale = 32 if device.count() else 1  # a GPU's knee is far higher
sizes = scale * np.array([1, 2, 4, 8, 16, 32, 128])
runs = {B: [] for B in sizes}
with torch.inference_mode():
    ids = {B: torch.randint(len(words), (B, 32), device=device.kind()) for B in sizes}
    caches = {B: model(ids[B])[1] for B in sizes}
    for _ in range(4):  # in turns, so that a disturbance meets all sizes
        for B in sizes:
            runs[B] += device.timed(partial(model, ids[B][:, :1], caches[B]), 3)
steps = np.array([np.median(runs[B]) for B in sizes])

# %%
#| tags: [nbval-ignore-output]
B, T = sizes[:-1], steps[:-1]
slope, start = np.polyfit(B, T, 1, w=1 / T)  # least relative errors
same = (1 / T).sum() / (1 / T**2).sum()
share = (B / T).sum() / (B**2 / T**2).sum()
power, factor = np.polyfit(np.log(B), np.log(T), 1)
print(f"T_fix {start / ms:.2f} ms, T_var {slope / ms:.3f} ms, knee {start / slope:.1f}")
print(f"held back: a batch of {sizes[-1]} takes {steps[-1] / ms:.2f} ms")
said = {"law": start + slope * sizes[-1], "same": same, "share": share * sizes[-1]}
said["power"] = math.exp(factor) * sizes[-1] ** power
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
ax.loglog(x, math.exp(factor) * x**power / ms, "C2-.", label="rival: a power")
ax.loglog(B, T / ms, "ko", label="measured")
ax.loglog(sizes[-1:], steps[-1:] / ms, "ks", ms=9, mfc="none", label="held back")
ax.set(xlabel="requests in the batch", ylabel="time of a step (ms)")
ax.legend()
plt.show()

# %% [markdown]
# On this machine, use the rule that the last line names.
#
# ## The cache decides how many
#
# How large a batch can a chip hold?  Take Llama 2 with 7 billion weights of 2 bytes on
# one A100 of 80 GB.  We take arithmetic at 0.6 of the chip's peak, as
# FasterTransformer's published timings on A100s suggest (NVIDIA; see
# `mlsyscore.serving.Replica`).  Memory at its full rate and launches in no time are
# kind; we come back to them.  A decode step reads all weights once, $P s$ bytes, and
# each request's own cache: $n$ tokens of $k = 2Lhs$ bytes (chapter 2).  It also does
# $2P$ operations for each request.  A prompt's token costs $2P$ operations and hardly
# any reading.
#
# $$ T_\text{fix} = \frac{P s}{\text{BW}}, \qquad
#    T_\text{var} = \frac{n k}{\text{BW}} + \frac{2P}{0.6\,R_\text{peak}}, \qquad
#    B_\text{max} = \frac{M - P s}{n_\text{room}\,k}. $$
#
# Here $M$ is 90 % of the memory, as in chapter 2, and $n_\text{room}$ the room for each
# request, in tokens.  Long answers take part in more steps, so they weigh more in $n$.
#
# In an hour of November 2023, Azure's chat got 5.53 requests a second.  The gaps
# between them have a coefficient of variation of 1.09; at random moments it is 1
# ([Azure LLM inference trace 2023](https://github.com/Azure/AzurePublicDataset),
# conversations).  We draw lengths that meet the trace's median and its 99 % point.  The
# means were not fitted.  Llama 2 takes 4,096 tokens in all, so we cut longer prompts.


# %%
def lengths(count, rng):
    """Return tokens of prompts and of answers; together no more than 4,096."""
    sigma = math.log(4142 / 1020) / 2.326  # 99 % of a normal lie below 2.326
    prompts = rng.lognormal(math.log(1020), sigma, count)
    answers = np.interp(rng.random(count), (0, 0.5, 0.99, 1), (2, 129, 601, 611))
    kept = np.minimum(prompts, 4096 - 611)
    return kept.round().astype(int), answers.round().astype(int)


prompts, answers = lengths(10**6, np.random.default_rng(1))
PROMPT, ANSWER = prompts.mean(), answers.mean()
print("mean tokens    in trace   drawn   error")
print(f"prompts {1154.7:14,.0f} {PROMPT:7,.0f} {PROMPT / 1154.7 - 1:7.0%}")
print(f"answers {211.1:14,.0f} {ANSWER:7,.0f} {ANSWER / 211.1 - 1:7.0%}")
print(f"prompts cut at 3,485 tokens: {(prompts == 3485).mean():.0%}")

# %%
P, s = LLAMA2_7B.P, 2
k = 2 * LLAMA2_7B.L * LLAMA2_7B.h * s
T_FIX = P * s / A100.bw
T_READ = 2 * P / (0.6 * A100.peak)  # a prompt's token
WRITTEN = (answers**2).sum() / answers.sum() / 2  # so far, mean over all steps
T_VAR = (PROMPT + WRITTEN) * k / A100.bw + T_READ
M = 0.9 * A100.memory
ROOM = int((M - P * s) // k)  # tokens
PLACES = int(ROOM // (PROMPT + ANSWER))
KNEE = T_FIX / T_VAR
print(f"a token's cache: {k:,} bytes; a prompt: {PROMPT * T_READ / ms:.0f} ms")
print(f"T_fix {T_FIX / ms:.2f} ms, T_var {T_VAR / ms:.2f} ms, knee {KNEE:.0f} requests")
print(f"places for requests of mean length: {PLACES}")

# %% [markdown]
# If a step only waited for reading, $T_\text{fix}/T_\text{var}$ would be $P s/(n k)$:
# at the knee the caches would weigh as much as the weights.  And if each step may take
# $t$, the largest batch is $(t-T_\text{fix})/T_\text{var}$, or $B_\text{max}$ if that
# is less.
#
# The memory's size is in $B_\text{max}$ only.  By the law more of it makes room for
# requests, and makes no step shorter.
#
# ## Pages
#
# A server does not know how long an answer will be.  It may reserve room for the
# longest, here 4,096 tokens.  A **paged KV cache** gives out small *blocks* of $b$
# tokens, and a *block table* says where a request's
# blocks lie (Kwon et al., vLLM, arXiv 2309.06180).  Only a request's last block has
# empty room.  A request whose length may end anywhere in a block leaves 0 to $b-1$
# tokens empty, so of its room it wastes
#
# $$ \frac{w}{n+w}, \qquad w = \frac{b-1}{2}. $$
#
# *Half a block for each request is lost, so keep blocks much shorter than requests.*
# The rival counts a whole block for each.


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
    total = (prompts + answers).reshape(20, -1)
    room = np.ceil(total / block) * block
    waste, half = interval(100 * (1 - total.sum(axis=1) / room.sum(axis=1)))
    law, rival = 100 * paged(mean, block), 100 * block / (mean + block)
    print(f"{block:18} {waste:6.2f} ± {half:.2f} %  {law:5.2f} %  {rival:5.2f} %")
reserved = ROOM // 4096
print(f"reserved for the longest: {1 - mean / 4096:.1%} wasted, {reserved} places")
print(f"in blocks of 16: {int(PLACES * (1 - paged(mean, 16)))} places")

# %% [markdown]
# The law fails for a block of 2,048: most requests are shorter, so their ends are not
# spread evenly over a block.  With short blocks, three times as many requests fit.
#
# How much more traffic is that?  Let all $B$ places be taken at any time.  A step then
# gives $B$ tokens.  So a request of $n_\text{out}$ tokens takes, of the chip's time,
# its prompt's $T_\text{prompt}$ and its part of $n_\text{out}$ steps, a $B$-th of each:
#
# $$ \frac{1}{x_\text{max}} = T_\text{prompt}
#    + \frac{n_\text{out}}{B}\left(T_\text{fix} + B\,T_\text{var}\right)
#    = \underbrace{T_\text{prompt} + n_\text{out}\,T_\text{var}}_{\text{work}}
#    + \frac{n_\text{out}\,T_\text{fix}}{B}. $$
#
# The *work* of a request is what sharing a step does not make cheaper.  Only the last
# term knows $B$.

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
# Both numbers of places lie beyond the knee.  Room pays most below it; beyond, three
# times the room brought a sixth more.
#
# **Prefix sharing** lets requests that begin with the same tokens, such as a service's
# instructions, use the same blocks for them.  A request that must write into a shared
# block first makes its own copy of it, which is called **copy-on-write**.
#
# ## Continuous batching
#
# In **static batching** a batch of requests starts together, and the next batch starts
# when the last of them has ended.  A place whose answer is done stays taken, and its
# row is still computed.  In **continuous batching** a waiting request takes a place as
# soon as one is free, before the next step (Orca, Yu et al., OSDI 2022).
#
# We play a chip pass by pass.  A pass reads the prompts of newcomers whole, and writes
# one token for each request that has begun.  Each request has its own cache.  It comes
# in when blocks for its whole length are free, as if the length were known.


# %%
@dataclass(eq=False)
class Request:
    arrival: float
    prompt: int
    answer: int
    start: float = math.inf
    first: float = math.inf  # when its first token came
    end: float = math.inf


def trace(rate, seed, seconds=600):
    """Return requests that come at random moments."""
    rng = np.random.default_rng(seed)
    count = rng.poisson(rate * seconds)
    times = np.sort(rng.uniform(0, seconds, count))
    columns = (x.tolist() for x in (times, *lengths(count, rng)))
    return [Request(*row) for row in zip(*columns, strict=True)]


def seconds(prompts, rows, held):
    """Return the time of a pass: tokens to read, requests to write, their caches."""
    step = T_FIX + rows * T_READ + held * k / A100.bw if rows else 0.0
    return prompts * T_READ + step


# %%
class Line(simpy.Store):
    """Requests that wait for a chip, which has room for so many tokens more."""

    unfinished, room, block = 0, ROOM, 16

    def need(self, request):
        blocks = math.ceil((request.prompt + request.answer) / self.block)
        return blocks * self.block

    def take(self, now):
        taken = []
        while self.items and self.need(self.items[0]) <= self.room:
            taken.append(self.items.pop(0))
            taken[-1].start = now
            self.room -= self.need(taken[-1])
        return taken

    def end(self, request, now):
        request.end = now
        self.unfinished -= 1
        self.room += self.need(request)


# %%
def chip(env, line, static):
    ends, passes = defaultdict(list), 0  # who ends with which pass
    writing, rows, held = 0, 0, 0  # rows of a pass; tokens of cache that it reads
    while True:
        if not writing:
            line.items.insert(0, (yield line.get()))  # sleep until one comes
            rows = held = 0
        new = [] if static and writing else line.take(env.now)  # all that fit
        prompts = sum(r.prompt for r in new) if new else 0
        yield env.timeout(seconds(prompts, rows, held))
        passes, held = passes + 1, held + writing + prompts
        writing, rows = writing + len(new), rows + len(new)
        for r in new:
            r.first = env.now
            ends[passes + r.answer - 1].append(r)  # its first token is there already
        for r in ends.pop(passes, ()):
            line.end(r, env.now)
            writing -= 1
            if not static:  # a static batch keeps the rows of those that ended
                rows, held = rows - 1, held - (r.prompt + r.answer - 1)


# %%
def serve(requests, chips=1, room=ROOM, block=16, static=False, choices=1):
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
        line.room, line.block = room, block
        env.process(chip(env, line, static))
    env.run()
    return requests


# %%
#| label: fig-batches
#| fig-cap: "Eight requests, three places.  Green: prompts.  Blue: answers, in tokens."
#| fig-alt: "Above, two places wait for the longest of each batch. Below, none waits."
# @title The same eight requests, in batches and continuously
TOKENS = (60, 110, 300, 90, 150, 70, 260, 50)
fig, axes = plt.subplots(2, 1, figsize=(6.4, 4.4), sharex=True)
for ax, static in zip(axes, (True, False), strict=True):
    eight = [Request(0.0, 900, n) for n in TOKENS]
    serve(eight, room=3 * 4096, block=4096, static=static)
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
# nothing to do (hatched).  Both serve first come, first served; in a static batch this
# is not fair to short answers.
#
# First a test of `most`.  The play has the law's rates, but each request has a cache
# and room of its own.  More requests come than the chip can take, and we count those
# that end.  A block of 4,096 tokens is the room for the longest.  The rival grows in
# proportion, from the count for 8 places.  Then a static batch gets the same requests
# and the same room.


# %%
def ended(seed, room=ROOM, block=16, static=False):
    """Return how many requests a second end, from minute 1 to minute 4."""
    asked = serve(trace(8, seed, 250), room=room, block=block, static=static)
    return sum(60 < r.end < 240 for r in asked) / 180


cases = {8: (8 * 4096, 4096), reserved: (ROOM, 4096), PLACES: (ROOM, 16)}
rates = {n: [ended(i, *case) for i in range(4)] for n, case in cases.items()}
print("requests/s that end     played     law   in proportion")
for places, runs in rates.items():
    mean_rate, half = interval(runs)
    row = f"{places:3} places {mean_rate:16.2f} ± {half:.2f} {most(places):6.2f}"
    print(f"{row} {np.mean(rates[8]) * places / 8:14.1f}")
static = [ended(i, static=True) for i in range(4)]
print("{:3} places, static {:8.2f} ± {:.2f}".format(PLACES, *interval(static)))
ratio, half = interval(np.divide(rates[PLACES], static))
print(f"continuous / static: {ratio:.2f} ± {half:.2f}")

# %% [markdown]
# The law is inside all three intervals.  A static batch serves about half as many, as
# it lasts as long as its longest answer.  But continuous batching does not settle all:
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
# So $\rho$ is the share of the time that work takes.  Rule of thumb: *a token takes the
# step of a batch of one, divided by the share of the time that work leaves.*  The law
# holds while places are free, $x\,n_\text{out}\,t<B_\text{max}$.
#
# The **p99** of a time is what 99 of 100 requests stay below.


# %%
def each_token(rate):
    """Return the mean time per output token of one chip."""
    return (T_FIX + T_VAR) / (1 - rate * WORK)


def seen(requests):
    """Return TPOT (ms) and the p99 of TTFT (s), without the first minute."""
    late = [r for r in requests if r.arrival > 60]
    writing = sum(r.end - r.first for r in late)
    tpot = writing / sum(r.answer - 1 for r in late) / ms
    return tpot, np.quantile([r.first - r.arrival for r in late], 0.99)


# %%
LAM = 55.3  # ten times Azure's chat
NIGHT = LAM / 12
RATES = {2: 4, NIGHT / 1.1: 10, NIGHT: 10}  # requests/s, and runs
asked = {x: [serve(trace(x, 40 + i)) for i in range(runs)] for x, runs in RATES.items()}
played = {x: np.array([seen(run) for run in runs]) for x, runs in asked.items()}
base = played[2][:, 0].mean()
print("traffic  work takes   TPOT (ms)      law  in proportion   TTFT p99 (s)")
for x, runs in played.items():
    (tpot, half), (slow, half_slow) = map(interval, runs.T)
    row = f"{x:4.2f}/s {x * WORK:9.0%} {tpot:9.1f} ± {half:3.1f}"
    laws = f"{each_token(x) / ms:8.1f} {base * x / 2:10.1f}"
    print(f"{row} {laws} {slow:14.2f} ± {half_slow:.2f}")
before, night = list(played.values())[1:]
(ratio, half), (slow, half_slow) = map(interval, (night / before).T)
print("ten per cent more, from the second row to the third:")
print(f"  mean TPOT    {ratio:.2f} ± {half:.2f} times")
print(f"  p99 of TTFT  {slow:.1f} ± {half_slow:.1f} times")

# %%
print("traffic  begun later than 0.3 s  time to begin, slowest 1 % (median)")
for x, runs in asked.items():
    late = [r for run in runs for r in run if r.arrival > 60]
    room = np.array([r.start - r.arrival for r in late])
    first = np.array([r.first - r.arrival for r in late])
    slowest = np.median(room[first >= np.quantile(first, 0.99)])
    print(f"{x:4.2f}/s {(room > 0.3).mean():20.1%} {slowest:27.2f} s")


# %%
#| label: fig-busy
#| fig-cap: "A token's time on one chip, and its 95 % intervals."
#| fig-alt: "The time rises slowly with traffic, then steeply above four a second."
# @title One chip against its traffic
def draw(answer=ANSWER):
    _, ax = plt.subplots()
    work, places = PROMPT * T_READ + answer * T_VAR, ROOM / (PROMPT + answer)
    full = places / (answer * (T_FIX + T_VAR) + places * work)  # all are taken
    most_here = 1 / (work + answer * T_FIX / places)
    ax.axvline(most_here, color="0.6", lw=1, label="the most, all places taken")
    x = np.linspace(0, full)
    ax.plot(x, (T_FIX + T_VAR) / (1 - x * work) / ms, "C0-", label="law, places free")
    ax.axhline(each_token(0) / ms, color="C1", ls="--", label="rival: as if alone")
    ax.plot(x, base * x / 2, "C3:", label="rival: in proportion")
    mean, half = np.transpose([interval(runs[:, 0]) for runs in played.values()])
    name = f"played, answers of {ANSWER:.0f} tokens"
    ax.errorbar(list(played), mean, half, fmt="ko", ms=4, label=name)
    ax.set(xlabel="requests/s", ylabel="mean TPOT (ms)", xlim=(0, 1.05 * most_here))
    ax.legend()
    plt.show()


draw()

# %%
#| eval: false
#| tags: [nbval-ignore-output, remove-cell]
if get_ipython():
    interact(draw, answer=(20.0, 600.0))

# %% [markdown]
# The law is inside all three intervals.  Only the law sees how steep the last rise is:
# the rival says 1.10 times.
#
# And there is our night.  Work took 77 % of the chip's time.  Ten per cent more raises
# the *mean* TPOT by nearly half.  More often the room is full: too
# small for the next request.  Ten times as many newcomers now wait 0.3 s or more until
# answers end, and the slowest hundredth waits mostly for this.  There the law no longer
# holds.  A plan for the mean load does not see it.
#
# ### The count
#
# A **service-level objective** (SLO) is a bound that a service sets itself.  Ours are a
# mean TPOT of at most 50 ms, and a p99 of TTFT of at most 1.5 s.  Ten times Azure's
# traffic comes, $\lambda$ = 55.3 requests a second.  Three counts of replicas compete:
#
# $$ N_\text{throughput} = \frac{\lambda}{x_\text{max}}, \qquad
#    N_\text{Little} = \frac{\lambda\,n_\text{out}\,t}{B_\text{max}}, \qquad
#    N_\text{queue} =
#    \frac{\lambda\cdot\text{work}}{1-(T_\text{fix}+T_\text{var})/t}. $$
#
# The first asks only that the work gets done, the second for places for all who are
# there.  The third solves the law for $N=\lambda/x$.  A rival adds a tenth to the
# first.  We also try a TPOT of 25 ms.


# %%
def queue(slo, memory=1.0):
    """Return the law's count if memory reaches such a share of its rate."""
    fixed, var = T_FIX / memory, (T_VAR - T_READ) / memory + T_READ
    return LAM * (PROMPT * T_READ + ANSWER * var) / (1 - (fixed + var) / slo)


def count(slo):
    return {
        "throughput": LAM / most(PLACES),
        "  and a tenth": 1.1 * LAM / most(PLACES),
        "Little": LAM * ANSWER * slo / PLACES,
        "queue": queue(slo),
    }


SLO = 50 * ms
counts, fast = count(SLO), count(SLO / 2)
print("replicas, for   50 ms   25 ms")
for name in counts:
    print(f"{name:13} {counts[name]:7.2f} {fast[name]:7.2f}")
print(f"queue, memory at 0.7 of its rate, 50 ms: {queue(SLO, 0.7):.2f}")


# %%
def verdict(mean, half, bound):
    if mean + half <= bound:
        return "kept"
    return "broken" if mean - half > bound else "not resolved"


fleets = {}


def play(N, choices=1):
    """Play three traces of eight minutes on a fleet; print TPOT, p99 and verdicts."""
    runs = [serve(trace(LAM, 40 + i, 480), N, choices=choices) for i in range(3)]
    fleets[N, choices] = np.array([seen(run) for run in runs])
    (tpot, half), (slow, half_slow) = map(interval, fleets[N, choices].T)
    row = f"{N:8} {tpot:6.1f} ± {half:.1f}  {verdict(tpot, half, 50):12}"
    row = f"{row}  {verdict(tpot, half, 25):12} {slow:6.2f} ± {half_slow:.2f}"
    print(f"{row}  {verdict(slow, half_slow, 1.5)}")


HEAD = "replicas   TPOT (ms)    at most 50    at most 25   TTFT p99 (s)  at most 1.5"
print(HEAD)
for N in (12, 13):
    play(N)
tpot, half = interval([seen(serve(trace(LAM / 15, 20 + i)))[0] for i in range(6)])
print(f"one of 15, mean TPOT {tpot:.1f} ± {half:.1f}, at 25: {verdict(tpot, half, 25)}")

# %% [markdown]
# A row counts all requests of a fleet over eight minutes, less the first.  At 25 ms the
# queue's 15 keep the time per token, and 13 break it.  At 50 ms the law says 12, with
# little to spare, and the play breaks the p99 of the first token.  With 13 the p99
# differs so much between traces that three leave it open.  The rival, throughput and a
# tenth, says 13 for both bounds: it does not know the bound, and at 25 ms 13 break it.
# Little's counts are far lower: in the mean, places are free, in the tail they are
# not.  Rule of thumb: *size for the time per token, then play the tail.*
#
# ## Two choices
#
# So far a *router* sent each request to a replica at random.  The **power of two
# choices** is to draw two servers at random and send the request to the one with fewer.
#
# Let a share $u_k$ of many servers hold at least $k$ requests.  A newcomer raises a
# server to $k$ if the better of its two draws holds exactly $k-1$.  That has the
# probability $u_{k-1}^2-u_k^2$.  Servers that hold $k$ fall back at the rate of
# departures, $u_k-u_{k+1}$.  Where both flows balance, with arrivals at random
# moments, $\rho$ for each server, and exponential service times of mean 1 (an end is
# equally likely at any moment, however long a request has run),
#
# $$ \rho\,(u_{k-1}^2-u_k^2) = u_k-u_{k+1}
#    \quad\Longrightarrow\quad u_k = \rho\,u_{k-1}^2
#    \quad\Longrightarrow\quad u_k = \rho^{2^k-1}. $$
#
# (For the second equation add up all of the first from $k$ on.)  At random the square
# is missing, and $u_k=\rho^k$ (Mitzenmacher, IEEE TPDS 12, 2001).  The exponent itself
# grows exponentially: long lines all but vanish.  By Little's law a request stays for
# $\sum_k u_k/\rho$.


# %%
def lines(rho, seed, servers=400, events=100_000):
    """Return the mean stay and the share of servers with k requests or more."""
    rng = np.random.default_rng(seed)
    comes = (rng.random(events) < rho / (1 + rho)).tolist()
    drawn = rng.integers(0, servers, (events, 2)).tolist()
    held, counts = [1] * servers, np.zeros(400)
    for event in range(events):
        if comes[event]:
            held[min(drawn[event], key=held.__getitem__)] += 1
        elif held[drawn[event][0]]:  # a server whose turn it is ends one
            held[drawn[event][0]] -= 1
        if event > events / 4 and event % 200 == 0:
            counts += np.bincount(held, minlength=400)
    tail = counts[::-1].cumsum()[::-1] / counts.sum()
    return tail[1:].sum() / rho, tail


def tail(rho, choices, k):
    return rho ** (2.0**k - 1) if choices == 2 else rho ** (1.0 * k)


# %%
runs = [lines(0.9, seed) for seed in range(4)]
shares = np.mean([run[1] for run in runs], axis=0)
at_random, two = (tail(0.9, n, np.arange(400))[1:].sum() / 0.9 for n in (1, 2))
print("mean stay (service times), servers 90 % busy")
print(f"  at random      law {at_random:5.2f}")
stay, half = interval([run[0] for run in runs])
print(f"  better of two  law {two:5.2f}   played {stay:.2f} ± {half:.2f}")
print(f"You guessed {guess_stay:g} for two choices.")

# %%
#| label: fig-tail
#| fig-cap: "Servers with at least k requests.  Circles: two choices, played."
#| fig-alt: "A straight line for one choice; a curve that plunges for two."
# @title Servers with at least k requests
_, ax = plt.subplots()
k_shown = np.arange(13)
for choices, style in ((1, "C1--"), (2, "C0-")):
    label = "at random" if choices == 1 else "better of two"
    ax.semilogy(k_shown, tail(0.9, choices, k_shown), style, label=label)
ax.semilogy(k_shown, shares[:13], "ko", ms=5, mfc="none")
ax.set(xlabel="requests at a server, k", ylabel="share of servers with k or more")
ax.set(ylim=(1e-4, 1.5))
ax.legend()
plt.show()

# %% [markdown]
# Two choices take a stay to about a quarter: a request meets a long line only if *both*
# servers have one.  But these servers take one request at a time.  Do our chips, which
# share each step, gain too?  We play 12 of them once more, on the same traces.

# %%
print("12 replicas, each request to the better of two")
print(HEAD)
play(12, 2)
(tpot, half), (slow, half_slow) = map(interval, (fleets[12, 1] - fleets[12, 2]).T)
print("sooner than at random, same traces:")
print(f"  TPOT {tpot:.1f} ± {half:.1f} ms, p99 of TTFT {slow:.2f} ± {half_slow:.2f} s")

# %% [markdown]
# Two choices mend the first token of 12 replicas, and make each further one sooner.
# In these traces 12 now keep both bounds, which 13 at random do not for sure.
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
slow = queue(SLO, 0.7) * GPU_HOUR / (LAM * ANSWER) / dollar
print(f"a million written tokens, with prompts: {1e6 * price:.2f} dollars")
print(f"  with memory at 0.7 of its rate:       {1e6 * slow:.2f} dollars")
q = 1e6 * 50 / day
days = 184_320 * hour / chips(q) / day
print(f"{q:.0f} requests/s take {chips(q):.0f} GPUs")
print(f"serving passes training on day {days:.0f}.  You guessed {guess_days:g}.")

# %% [markdown]
# For this model and traffic, serving has cost more after about two months.  Does the
# traffic come?  Suppose that each quantity is right within a factor $f$ in 90 % of such
# guesses: the users within 2, requests of each user within 1.5, chip time of a request
# within 1.5.  The day is a quotient of products, so logarithms add.  If the errors are
# independent, the *squares* of their spreads add:
#
# $$ \ln f_\text{day} = \sqrt{\sum_i (\ln f_i)^2}. $$
#
# The rival lets all be wrong at once, $\prod_i f_i$.  We play it with errors of three
# shapes, each inside its factor in 90 % of the draws.

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
for name, f in (("law", spread), ("all at once", all_wrong)):
    inside = ((day_of > days / f) & (day_of < days * f)).mean()
    print(f"{name:11} day {days / f:3.0f} to {days * f:3.0f}: right in {inside:4.0%}")

# %% [markdown]
# The law's range is right in as many draws as each of its quantities.  It breaks where
# errors share a cause: a product that fails loses users *and* their requests.
#
# Inside our bounds and in these traces, ten times Azure's chat takes 12 A100s if the
# router looks at two, and 13 or more at random.  A
# million written tokens, with their prompts, cost about half a dollar.  But our chip is
# kind: with memory at 0.7 of its rate the law asks for 16, not 12, and for 0.70
# dollars.  Measure one replica before you order twelve.
#
# | level | what binds (chapter 1's C³) | what helped |
# |---|---|---|
# | request | compute: its prompt, its passes | cache |
# | replica | compute: prompts, and reading caches and weights | batch, pages |
# | service | coordination: who waits for whom | room for bursts, two choices |
# | platform | coordination: how many machines | the count, the day as a range |
#
# <details><summary>Sources, and where ours differs from the book's</summary>
#
# The trace's means, medians and p99s are computed from the published file (Patel et
# al., *Splitwise*, ISCA 2024).
#
# *Machine Learning Systems at Scale* takes T_fix = 40 ms, T_var = 0.5 ms: a knee of 80.
#
# </details>
#
# ## Try it
#
# 1. Change our chip in one of three ways.  It gets twice the memory; or keys and values
#    take one byte instead of two; or all prompts share their first 500 tokens, which
#    are kept and need not be read again.  Which brings most traffic?  Which makes a
#    token come sooner at 4.2 requests a second?
#
#    <details><summary>Answer</summary>
#
#    Small keys shorten steps (but may cost quality), a prefix spares reading and room.
#    Twice the memory shortens no step: it brings a twentieth more traffic, and a
#    shorter wait for room.
#
#    ```python
#    def changed(memory=1, size=1, shared=0):
#        n, room = PROMPT + ANSWER, 0.9 * memory * A100.memory - P * s
#        places = int(room / ((n - shared) * k * size))
#        var = (PROMPT + WRITTEN) * k * size / A100.bw + T_READ
#        work = (PROMPT - shared) * T_READ + ANSWER * var
#        token = (T_FIX + var) / (1 - 4.2 * work)
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
#    as it is         85 places, 4.96 requests/s, 32 ms
#    {'memory': 2}   188 places, 5.21 requests/s, 32 ms
#    {'size': 0.5}   170 places, 6.50 requests/s, 18 ms
#    {'shared': 500} 131 places, 6.33 requests/s, 19 ms
#    ```
#
#    </details>
#
# 2. **Disaggregated serving** gives each phase its own chips and moves the caches
#    between them, here at 25 GB/s.  At 50 ms, how many chips read (busy for 80 % of the
#    time) and how many write (by the law)?  Compare ten times Azure's code service:
#    25.7 requests a second, 2,048 tokens in and 28 out.
#
#    <details><summary>Answer</summary>
#
#    With readers 80 % busy it saves no chip; equally busy, both need the same.  It
#    spares writers the pauses while prompts are read, for 25 or 43 ms once in a
#    request.  That pays where pauses matter and the link is fast; at 2.5 GB/s moving
#    takes longer than reading.  Chat wants as many writers as readers, code a tenth:
#    one mix does not fit both.
#
#    ```python
#    chat = ("chat", LAM, PROMPT, ANSWER, PROMPT + WRITTEN)
#    code = ("code", 25.7, 2047.8, 27.9, 2047.8 + 27.9 / 2)
#    for name, rate, prompt, answer, n in (chat, code):
#        var = n * k / A100.bw + T_READ
#        reading, writing = rate * prompt * T_READ, rate * answer * var
#        left = 1 - (T_FIX + var) / SLO
#        moved, read = prompt * k / 25e9 / ms, prompt * T_READ / ms
#        print(f"{name}: prompt read in {read:.0f} ms, cache moved in {moved:.0f}")
#        print(f"  {reading / 0.8:.1f} chips read, {writing / left:.1f} write")
#        print(f"  together, by the law: {(reading + writing) / left:.1f}")
#    ```
#
#    ```text
#    chat: prompt read in 90 ms, cache moved in 25
#      6.2 chips read, 6.1 write
#      together, by the law: 11.9
#    code: prompt read in 153 ms, cache moved in 43
#      4.9 chips read, 0.5 write
#      together, by the law: 5.1
#    ```
#
#    </details>
#
# 3. Traffic doubles at once.  Suppose that new replicas are ordered after 40 s.  A
#    *cold start* is the time from the order to the first answer: 120 s to find
#    machines, 14 GB of weights at 0.5 GB/s, 20 s to warm up.  How many requests wait by
#    then, if the old ones took 90 % of what they can?
#
#    <details><summary>Answer</summary>
#
#    Until then a reserve has to hold; finding machines takes longest.
#
#    ```python
#    cold = 120 + 14 / 0.5 + 20
#    lag = 40 + cold
#    over = LAM * (2 - 1 / 0.9)
#    print(f"cold start {cold:.0f} s; the new ones answer after {lag:.0f} s")
#    print(f"{over * lag:,.0f} requests wait by then")
#    print(f"the old ones need {over * lag / (LAM / 0.9):.0f} s for these alone")
#    ```
#
#    ```text
#    cold start 168 s; the new ones answer after 208 s
#    10,224 requests wait by then
#    the old ones need 166 s for these alone
#    ```
#
#    </details>
#
# 4. With *sharded* decoding $t$ chips split each layer (tensor parallelism, chapter 5).
#    `Replica(model, chip, t, eta)` of `mlsyscore.serving` has arithmetic at a share
#    `eta` of its peak (0.4 on an H100, says its docstring); `step(1, held, B)` adds a
#    token to each of $B$ requests that hold so many.  How does the time of a token fall
#    with $t$, and how do tokens per chip, in a batch of 16?
#
#    <details><summary>Answer</summary>
#
#    Tokens come sooner, by less than $t$: each chip reads a share of the weights, but
#    the sums over the chips and the launches are not shared.  So each chip makes fewer.
#
#    ```python
#    from mlsyscore.catalog import H100, LLAMA2_70B
#    from mlsyscore.serving import Replica
#
#    for t in (2, 4, 8):
#        step = Replica(LLAMA2_70B, H100, t, 0.4).step(1, 1000, 16)
#        print(f"t = {t}: step {step / ms:.0f} ms, {16 / step / t:.0f} tokens/s a chip")
#    ```
#
#    ```text
#    t = 2: step 41 ms, 197 tokens/s a chip
#    t = 4: step 28 ms, 141 tokens/s a chip
#    t = 8: step 22 ms, 90 tokens/s a chip
#    ```
#
#    </details>
#
# > **Takeaways.**
# > - Prefill pays a pass once for all tokens, decode pays it for each.
# > - Well below the knee company in a batch is nearly free.  Where a step only waits
# >   for reading, at the knee the caches weigh as much as the weights.
# > - While places are free, a token takes the step of a batch of one, divided by the
# >   share that work leaves.
# > - Two looks at random servers nearly empty the long lines.
# > - Say the day that serving passes training as a range.

# > **Chapter connection.** Here every request crosses a network to a chip with room for
# > many.  Chapter 11 asks what is left to do when the chip is a phone.
