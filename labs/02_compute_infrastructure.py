# %% [markdown]
# # Lab 2 · Compute infrastructure
#
# **Time** 120 minutes. **Points** 33. **Runtime** any CPU; a GPU makes part 6 richer.
#
# **Hand in** this notebook as `02_compute_infrastructure.ipynb`
# (Colab: File, Download, Download .ipynb).
# **Libraries** the grader has what Colab has: numpy, scipy, pandas, networkx,
# scikit-learn, torch, matplotlib.
#
# You will
#
# 1. say what each operator of a program waits for, and how long the program takes;
# 2. write a transformer block as a list of operators;
# 3. count the conversations that fit beside a model, to the byte;
# 4. fill a rack until power, water or air stops you;
# 5. find the month in which an owned cluster has paid for itself;
# 6. build the roofline of the machine in front of you from raw clock readings.
#
# A question asks for a function.  Fill its body; leave its name and arguments.
# The other cells are locked.  Visible checks tell you what they expect; more
# checks run when the lab is graded.

# %%
import math
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

from mlsyscore import compute
from mlsyscore.catalog import AIR, B200, GPT3, H100, H200, LLAMA3_70B, WATER
from mlsyscore.checks import close, number
from mlsyscore.compute import Accelerator, Transformer
from mlsyscore.harness.answers import fields, must_raise, values
from mlsyscore.harness.blocks import OPERATORS, by_name, draw_blocks
from mlsyscore.harness.measure import readings, roof_holds
from mlsyscore.harness.records import draw_roof, machine_record
from mlsyscore.units import GB, MB, TB, TFLOP, GiB, hour, kW, kWh, litre, month, ms, us

plt.style.use("mlsyscore.figures")
WATER_RISE, AIR_RISE = 10.0, 16.0  # kelvin
LOOP = WATER.volume_flow(100 * kW, WATER_RISE)  # 2.4 L/s carry 100 kW
ROOM = AIR.volume_flow(20 * kW, AIR_RISE)  # 1,036 L/s carry 20 kW

# %% [markdown]
# ## 1. A list of operators (4 points, 10 minutes)
#
# Operators run one after another.  Each does `O` FLOP and moves `D_vol` bytes, both
# above 0.  Inside an operator, arithmetic and memory overlap; across two operators
# nothing does.  Starting an operator takes `launch` seconds, and no operator is shorter
# than that.
#
# *By hand.*  A chip does 100 TFLOP/s and moves 1 TB/s.  An operator of 200 GFLOP on
# 1 GB needs 2 ms for arithmetic and 1 ms for memory.  It takes 2 ms and waits for
# compute.


# %% answer="account"
def account(ops, chip, launch):
    """Time of a list of operators on a chip, and what each waits for.

    ops: list of (name, O, D_vol), at least one; names may repeat
    chip: an Accelerator, of which you need peak and bw
    launch: seconds, the least time of any operator
    Returns a dict:
      "times": list of seconds, one for each operator
      "walls": list of "compute", "memory" or "launch", whichever takes longest;
               of equal ones the first in this order
      "peak": share of the chip's peak that the list as a whole reaches
    """
    ### BEGIN SOLUTION
    times, walls = [], []
    for _, O, D_vol in ops:
        limits = {"compute": O / chip.peak, "memory": D_vol / chip.bw, "launch": launch}
        walls.append(max(limits, key=limits.get))
        times.append(limits[walls[-1]])
    done = sum(O for _, O, _ in ops)
    return {"times": times, "walls": walls, "peak": done / sum(times) / chip.peak}
    ### END SOLUTION


# %% check="account-three" points=2
chip = Accelerator(100 * TFLOP, 1 * TB, 80 * GB, 500)  # its ridge is 100 FLOP/B
ops = [("product", 200e9, 1e9), ("add", 0.25e9, 3e9), ("scalar", 1.0, 8.0)]
seen = fields("account", account(ops, chip, 5 * us), ["times", "walls", "peak"])
times, walls = values("times", seen["times"], 3), values("walls", seen["walls"], 3)
slips = dict.fromkeys((1.5, 1.5025), "the three overlap: the longest, not their sum")
slips |= {0.5: "that is the memory's time; this operator waits for arithmetic"}
close("the product, 200 GFLOP on 1 GB", times[0], 2 * ms, "ms", slips)
slips = dict.fromkeys((0.0025 / 3, 0.005 / 3), "3 GB have to move as well")
slips |= dict.fromkeys((3.0025 / 3, 3.0075 / 3), "the longest, not their sum")
close("the add, 0.25 GFLOP on 3 GB", times[1], 3 * ms, "ms", slips)
slips = {8e-12 / 5e-6: "no operator is shorter than its launch"}
close("one addition of two numbers", times[2], 5 * us, "us", slips)
want = ["compute", "memory", "launch"]
assert walls == want, f"the walls are {walls}; {want} are expected"
slips = {5.005 / 4.000000008: "all bytes at once; operators do not overlap each other"}
slips |= {0.333611 / 0.4001: "a mean of shares; divide all FLOP by all the time"}
close("the share of peak", seen["peak"], 200.250000001 / 500.5, "", slips)

# %% check="account-any" points=2 hidden="names that repeat, other chips, equal walls"
# At the ridge both walls are reached at once; and a token follows the memory's rate.
chip = Accelerator(8 * TFLOP, 2 * TB, 80 * GB, 500)
seen = fields("account", account([("at the ridge", 4e9, 1e9)], chip, 0.0), ["walls"])
(wall,) = values("walls", seen["walls"], 1)
text = f"an operator at the ridge waits for {wall}; of equal walls the first named is "
assert wall == "compute", text + "expected, compute"
token = [("read the weights", 140e9, 140e9)]
halved = Accelerator(2 * H100.peak, H100.bw / 2, 80 * GB, 1.0)
strong, weak = (account(token, chip, 0.0) for chip in (halved, H100))
strong, weak = (number("the time", seen["times"][0]) for seen in (strong, weak))
slips = {0.5 / 2: "a token follows the memory's rate, not the peak"}
text = "twice the peak, half the bandwidth: a token takes"
close(text, strong / weak, 2.0, "times as long", slips)
### BEGIN HIDDEN TESTS
chip, launch = Accelerator(8 * TFLOP, 2 * TB, 80 * GB, 500.0), 2.0**-11
for O, D_vol, want in [  # times that a float holds exactly
    (1.0, 2e12 * launch, "memory"),
    (8e12 * launch, 1.0, "compute"),
    (8e12 * launch, 2e12 * launch, "compute"),
    (1.0, 1.0, "launch"),
]:
    seen = fields("account", account([("copy", O, D_vol)], chip, launch), ["walls"])
    text = "two or three equal walls: the first of compute, memory, launch is expected"
    assert list(seen["walls"]) == [want], text
rng = np.random.default_rng(17)
for _ in range(20):
    n = int(rng.integers(1, 12))
    chip = Accelerator(*(10.0 ** rng.uniform([12, 11], [15, 13])), 80 * GB, 500)
    launch = float(10.0 ** rng.uniform(-1, 1.7)) * us
    ops = [(f"op {i % 3}", *(10.0 ** rng.uniform(3, 13, 2)).tolist()) for i in range(n)]
    seen = fields("account", account(ops, chip, launch), ["times", "walls", "peak"])
    times, walls = values("times", seen["times"], n), values("walls", seen["walls"], n)
    for (_, O, D_vol), t, wall in zip(ops, times, walls, strict=True):
        want = launch
        if float(compute.roofline(O, D_vol, chip)) > launch:
            want = O / float(compute.attainable(O / D_vol, chip))
        text = "an operator of a longer list, in which names repeat"
        close(text, t, want, "us", show=False)
        hit = "memory" if O / D_vol < chip.ridge else "compute"
        hit = hit if want > launch else "launch"
        assert wall == hit, "an operator of a longer list: the wrong wall"
    reached = sum(O for _, O, _ in ops) / (chip.peak * sum(times))
    close("the share of peak of a longer list", seen["peak"], reached, show=False)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. A block as that list (5 points, 30 minutes)
#
# `B` sequences each bring `S` new tokens and look back at `T` tokens, the new ones
# among them.  To read a prompt, `S = T`; to write a token, `S = 1`.  The model is `h`
# wide and has `a` heads of width `h/a`.  Of keys and values it has `n_kv` heads only,
# each shared by `a/n_kv` heads (the chapter's $g$).
#
# | name | what it does |
# |---|---|
# | qkv | new tokens times a matrix: a query of `h`; key, value of `n_kv h/a` each |
# | scores | each of `a` heads: `S` queries times the `T` keys of its KV head |
# | softmax | over every score; count 5 FLOP each |
# | mix | each of `a` heads: `S x T` weights times `T` values |
# | proj | every new token times a matrix `h x h` |
# | up | times a matrix `h x 4h`; the activation is fused and counts as nothing |
# | down | times a matrix `4h x h` |
#
# - A multiplication and an addition are two FLOP.
# - An operator reads each operand once and writes its result once, `s` bytes a value.
# - Heads that share a KV head read it once together.  Sequences share weights, never
#   keys and values.
# - Compute all `S x T` scores: take no advantage of a causal mask.
#
# *By hand.*  Two sequences write a token, with `h = 8`, four heads and two KV heads.
# Their qkv is 2 rows of 8 numbers times a matrix of 8 x 16: a query of 8, a key of 4, a
# value of 4.  That is 2 x 2 x 8 x 16 = 512 FLOP.  Operands and result are 16 + 128 + 32
# values, or 352 bytes.


# %% answer="block"
def block(model, B, S, T, s=2.0):
    """The seven operators of one transformer block, in the order of the table.

    model: a Transformer, of which you need h, a, n_kv
    Returns a list of (name, O, D_vol).
    """
    ### BEGIN SOLUTION
    h, kv = model.h, model.n_kv * model.h // model.a
    queries, scores, cache = B * S * h, B * model.a * S * T, B * T * kv

    def gemm(name, m, k, n):
        return name, 2 * m * k * n, s * (m * k + k * n + m * n)

    return [
        gemm("qkv", B * S, h, h + 2 * kv),
        ("scores", 2 * B * S * T * h, s * (queries + cache + scores)),
        ("softmax", 5 * scores, s * 2 * scores),
        ("mix", 2 * B * S * T * h, s * (scores + cache + queries)),
        gemm("proj", B * S, h, h),
        gemm("up", B * S, h, 4 * h),
        gemm("down", B * S, 4 * h, h),
    ]
    ### END SOLUTION


# %% check="block-decode" points=2
# The block of the example; its two sequences have three tokens each.  Draw the shapes.
ops = by_name(block(Transformer(1, 1, 8, 4, 2), B=2, S=1, T=3))
slips = {0.5: "a multiplication and an addition are two"}
slips |= {1.5: "keys and values have n_kv heads, not a"}
slips |= {3: "only the new token is multiplied; keys and values of the others are kept"}
for name, O in zip(OPERATORS, [512, 96, 120, 96, 256, 1024, 1024], strict=True):
    close(f"{name}, operations", ops[name][0], O, "FLOP", slips)
slips = {0.5: "s bytes a value", 256 / 352: "the weights alone: add input and result"}
slips |= {320 / 352: "the input is read too", 288 / 352: "the result is written too"}
slips |= {512 / 352: "keys and values have n_kv heads, not a"}
close("qkv, 2 x 8 times 8 x 16", ops["qkv"][1], 352, "B", slips)
slips = {176 / 128: "heads that share a KV head read it once together"}
slips |= {104 / 128: "each sequence has keys of its own"}
slips |= {80 / 128: "the scores are written too"}
close("scores, bytes", ops["scores"][1], 128, "B", slips)
slips = {0.5: "read and written", 1 / 8: "one for each of a heads; read and written"}
close("softmax, bytes", ops["softmax"][1], 96, "B", slips | {0.25: "of a heads each"})
for name, D_vol, first, second, result in [  # values of two operands and the result
    ("mix", 128, 24, 24, 16),
    ("proj", 192, 16, 64, 16),
    ("up", 672, 16, 256, 64),
    ("down", 672, 64, 256, 16),
]:
    slips = {(D_vol - 2 * result) / D_vol: "the result is written too"}
    slips |= {(D_vol - 2 * first) / D_vol: "the first operand is read too"}
    slips |= {2 * second / D_vol: "the second operand alone", 0.5: "s bytes a value"}
    close(f"{name}, bytes", ops[name][1], D_vol, "B", slips)

# %% check="block-any" points=3 hidden="any S up to T, n_kv up to a, B and s"
# Where every head has its own KV head, a block that reads whole prompts does
# 24 B S h^2 + 4 B S^2 h FLOP, softmax aside (Narayanan et al., arXiv 2104.04473).
ops = by_name(block(GPT3, B=2, S=2048, T=2048))
total = sum(O for name, (O, _) in ops.items() if name != "softmax")
want = 24 * 2 * 2048 * GPT3.h**2 + 4 * 2 * 2048**2 * GPT3.h
close("GPT-3's block, 2 x 2,048 tokens", total, want, "FLOP")
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for _ in range(20):
    a, d = int(rng.choice([1, 3, 4, 12, 32])), int(rng.choice([2, 16, 96, 128]))
    n_kv = int(rng.choice([k for k in (1, 2, 3, 4, 8, 32) if a % k == 0]))
    B, T = int(rng.integers(1, 40)), int(rng.integers(1, 3000))
    s = float(2.0 ** rng.integers(-1, 3))
    S = int(rng.choice([1, T, int(rng.integers(1, T + 1))]))
    h, group = a * d, a // n_kv
    shapes = {  # operands, then the result; what is summed over
        "qkv": ([(B, S, h), (h, h + 2 * n_kv * d), (B, S, h + 2 * n_kv * d)], h),
        "scores": ([(B, a, S, d), (B, n_kv, T, d), (B, n_kv, group, S, T)], d),
        "mix": ([(B, n_kv, group, S, T), (B, n_kv, T, d), (B, a, S, d)], T),
        "proj": ([(B, S, h), (h, h), (B, S, h)], h),
        "up": ([(B, S, h), (h, 4 * h), (B, S, 4 * h)], h),
        "down": ([(B, S, 4 * h), (4 * h, h), (B, S, h)], 4 * h),
        "softmax": ([(B, a, S, T), (B, a, S, T)], 2.5),
    }
    ops = by_name(block(Transformer(1, 1, h, a, n_kv), B, S, T, s))
    phase = "a prompt" if S == T else "one token" if S == 1 else "a chunk of a prompt"
    for name, (arrays, summed) in shapes.items():
        O = 2 * math.prod(arrays[-1]) * summed
        close(f"{name}, {phase}, operations", ops[name][0], O, "FLOP", show=False)
        D_vol = s * sum(math.prod(x) for x in arrays)
        slips = dict.fromkeys((0.5, 2), "s bytes a value")
        close(f"{name}, {phase}, bytes", ops[name][1], D_vol, "B", slips, show=False)
### END HIDDEN TESTS

# %% [markdown]
# Your block on an H100.  Before you run it, guess: which operator takes longest for one
# reader of 8,192 tokens, and which for 256 readers?

# %% explore
# @title Your block, operator by operator
cases = {"a prompt of 2,048 tokens": (1, 2048, 2048), "1 reader": (1, 1, 8192)}
cases["256 readers"] = (256, 1, 8192)
draw_blocks(
    {
        label: account(block(GPT3, B, S, T), H100, 2 * us)
        for label, (B, S, T) in cases.items()
    }
)
plt.show()

# %% explore
# One reader uses 0.3 % of the peak.  Change B and n_kv: how near to 40 % can you come?
B, n_kv = 64, 96  # readers; KV heads, from 1 to 96
for T in (128, 1024, 8192):
    mine = account(block(replace(GPT3, n_kv=n_kv), B, 1, T), H100, 2 * us)
    at = OPERATORS[int(np.argmax(mine["times"]))]
    print(
        f"{B} readers of {T:5,} tokens: {mine['peak']:5.1%} of peak, most time in {at}"
    )

# %% [markdown]
# ## 3. What fits (5 points, 15 minutes)
#
# A server holds a model's weights and its KV cache.  `tp` devices share the model.
#
# - Weights divide evenly over the devices.
# - KV heads divide in whole heads, and a device holds as many as the fullest one needs.
#   Eight heads on three devices are three on each.  With more devices than KV heads,
#   heads are copied: one on each.
# - A KV head keeps a key and a value of `h/a` numbers, for each token in each layer.
# - The cache is handed out in pages of 16 tokens.  A sequence takes whole pages.
#
# *By hand.*  Llama 3 70B has 80 layers and 8 KV heads of width 8,192 / 64 = 128.  On
# one device a page in two-byte numbers is 2 x 80 x 8 x 128 x 16 x 2 bytes = 5.24 MB.


# %% answer="serve"
def serving_budget(model, memory, tp, context, s_weight=2.0, s_kv=2.0):
    """Memory of one device in serving, and the largest batch that fits.

    model: a Transformer; memory: bytes of one device that the server may use
    context: tokens of each sequence, at least 1
    s_weight, s_kv: bytes of a weight, and of a number in the cache
    Returns a dict:
      "weights", "sequence": bytes on one device, of the model and of one sequence
      "batch": most sequences that fit, a whole number; 0 if not even one fits.
               A memory that they fill exactly is large enough
      "left": bytes that remain with that batch, negative if the weights do not fit
    """
    ### BEGIN SOLUTION
    weights = model.P * s_weight / tp
    heads, pages = math.ceil(model.n_kv / tp), math.ceil(context / 16)
    sequence = 2 * model.L * heads * model.h / model.a * 16 * pages * s_kv
    batch = max(int((memory - weights) // sequence), 0)
    left = memory - weights - batch * sequence
    return {"weights": weights, "sequence": sequence, "batch": batch, "left": left}
    ### END SOLUTION


# %% check="serve-seventy" points=2
# Llama 3 70B on eight devices, and on one that is too small.
places = ["weights", "sequence", "batch", "left"]
got = fields("serve", serving_budget(LLAMA3_70B, 80 * GB, 8, 8192), places)
close("weights, tp 8", got["weights"], 17.65 * GB, "GB", {8: "tp devices share them"})
slips = {8: "n_kv heads keep the cache, not a", 64: "8 KV heads over 8 devices"}
slips |= {0.5: "a key and a value", 1 / 80: "in each of 80 layers"}
close("a sequence of 8,192 tokens", got["sequence"], 335.544320 * MB, "MB", slips)
slips = {238 / 185: "weights take their part first"}
close("batch on 80 GB", got["batch"], 185, "sequences", slips)
close("left on 80 GB", got["left"], 0.2743008 * GB, "GB")
got = fields("serve", serving_budget(LLAMA3_70B, 80 * GiB, 8, 8192), places)
slips = {185 / 203: "80 GiB were given, not 80 GB"}
close("batch on 80 GiB", got["batch"], 203, "sequences", slips)
got = fields("serve", serving_budget(LLAMA3_70B, 141 * GB, 1, 8192), places)
close("batch on 141 GB, which are too small", got["batch"], 0, "sequences")
slips = {-1: "negative where it does not fit", 0: "negative where it does not fit"}
close("left on 141 GB", got["left"], -0.2 * GB, "GB", slips)
# A made-up model: 16 GB of weights, and 1 GB for a sequence of 2,000 tokens.
even = Transformer(8 * 10**9, 125, 1000, 25, 25)
got = fields("serve", serving_budget(even, 20 * GB, 1, 2000), places)
slips = {0.75: "four sequences fill the memory exactly, and they fit"}
close("batch, 16 GB of weights and 4 of 1 GB on 20", got["batch"], 4, "", slips)

# %% check="serve-any" points=3 hidden="other models and tp; nearly one sequence more"
# Whole heads, whole pages, other numbers.
places = ["weights", "sequence", "batch", "left"]
slips = {8 / 9: "whole heads: three on the fullest of three devices"}
slips |= {2 / 3: "as many as the fullest device needs, not the emptiest"}
got = fields("serve", serving_budget(LLAMA3_70B, 80 * GB, 3, 8192), places)
close("a sequence, tp 3", got["sequence"], 1006.632960 * MB, "MB", slips)
got = fields("serve", serving_budget(LLAMA3_70B, 80 * GB, 16, 8192), places)
slips = {0.5: "8 KV heads cannot be cut in 16: one on each device"}
slips |= {4: "n_kv heads keep the cache, not a"}
close("a sequence, tp 16", got["sequence"], 335.544320 * MB, "MB", slips)
got = fields("serve", serving_budget(LLAMA3_70B, 80 * GB, 8, 17), places)
slips = {17 / 32: "a sequence takes whole pages of 16 tokens"}
slips |= {0.5: "17 tokens take 2 pages"}
close("a sequence of 17 tokens", got["sequence"], 1.310720 * MB, "MB", slips)
got = fields("serve", serving_budget(LLAMA3_70B, 80 * GB, 8, 16, 1.0, 0.5), places)
slips = {2: "s_weight bytes each", 0.5: "s_weight, not s_kv"}
close("weights of one byte", got["weights"], 8.825 * GB, "GB", slips)
slips = {2: "s_kv, not s_weight", 4: "s_kv bytes each", 8: "16 tokens fill one page"}
close("16 tokens of half a byte", got["sequence"], 0.163840 * MB, "MB", slips)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
for i in range(30):
    n_kv, group, d = int(rng.integers(1, 12)), int(rng.integers(1, 9)), 64
    P, L = int(rng.integers(1, 200)) * 10**9, int(rng.integers(1, 130))
    model = Transformer(P, L, n_kv * group * d, n_kv * group, n_kv)
    tp, context = int(rng.integers(1, 33)), int(rng.integers(1, 40_000))
    context = (1, 15, 16, 17, 32, 4096)[i] if i < 6 else context
    s_w, s_kv = (float(x) for x in rng.choice([0.5, 1.0, 2.0, 4.0], 2))
    held = max(sum(k % tp == i for k in range(n_kv)) for i in range(tp))
    tokens = len(range(0, context, 16)) * 16
    one, weights = held * tokens * L * 2 * d * s_kv, P * s_w / tp
    batch = int(rng.integers(1, 60)) if i else 0
    for extra, kind in [(0.5, "room for half a sequence"), (0.999, "nearly one more")]:
        memory = weights + (batch + extra) * one
        got = serving_budget(model, memory, tp, context, s_w, s_kv)
        got = fields("serve", got, places)
        close(f"weights, {kind}", got["weights"], weights, "GB", show=False)
        close(f"sequence, {kind}", got["sequence"], one, "MB", show=False)
        close(f"batch, {kind}", got["batch"], batch, "sequences", show=False)
        off = abs(number("left", got["left"]) - extra * one)
        assert off < 1e-6 * memory, f"left, {kind}: wrong"
    got = serving_budget(model, weights / 2, tp, context, s_w, s_kv)
    close("batch, half the weights fit", got["batch"], 0, "sequences", show=False)
    close("left, half the weights fit", got["left"], -weights / 2, "GB", show=False)
### END HIDDEN TESTS

# %% explore
# The chapter found 24 readers of 4,096 tokens on one B200, with 90 % of its memory.
# What do smaller numbers buy?  Can you serve 100 on one device?  Change the list.
for label, device, s_weight, s_kv in [
    ("B200, 2 and 2 bytes", B200, 2, 2),
    ("B200, 1 and 2 bytes", B200, 1, 2),
    ("B200, 2 and 1 bytes", B200, 2, 1),
    ("H200, 1 and 1 bytes", H200, 1, 1),
]:
    mine = serving_budget(LLAMA3_70B, 0.9 * device.memory, 1, 4096, s_weight, s_kv)
    print(f"{label}: {mine['batch']:3d} readers, {mine['left'] / GB:6.2f} GB left")

# %% [markdown]
# ## 4. Power, water, air (5 points, 15 minutes)
#
# A tray holds 8 accelerators and their host, and draws `tray` watts without its fans.
# Fans draw a further share `fan` of that.  All of it becomes heat.  Cold plates give
# the share `captured` of `tray` to the water.  The rest of `tray`, and what the fans
# draw, warms the air.
#
# The rack has three caps: the power of its feed, the water that its loop passes and
# the air that the room passes, each flow in cubic metres a second.  Water may warm by
# `WATER_RISE` = 10 K, air by `AIR_RISE` = 16 K.  `WATER` and `AIR` carry the chapter's
# properties; `volume_flow(watts, kelvin)` is its law.  The rack holds whole trays.
#
# *By hand.*  Trays draw 10 kW, fans 10 % of it, and cold plates take 80 %.  So each
# tray takes 11 kW from the feed, and gives 8 kW to the water and 3 kW to the air.  A
# feed of 44 kW, a loop for 100 kW and a room for 20 kW allow 4, 12.5 and 6.7 trays.


# %% answer="rack"
def fill_rack(tray, fan, captured, power, water, air):
    """Accelerators that a rack may hold, and the flows that they need.

    tray: watts of one tray, without fans; fan, captured: shares, see above
    power: watts of the feed; water, air: m3/s available
    Returns a dict:
      "accelerators": most that all three caps allow, a multiple of 8, maybe 0
      "wall": "power", "water" or "air", the cap met first if trays came in fractions
              (in a graded rack no two are met together)
      "water", "air": m3/s that those accelerators need
    A cap filled exactly is kept: allow for rounding of one part in 10^9.  A coolant
    that has to carry nothing sets no limit.
    """
    ### BEGIN SOLUTION
    needs = {
        "power": tray * (1 + fan),
        "water": WATER.volume_flow(captured * tray, WATER_RISE),
        "air": AIR.volume_flow((1 - captured + fan) * tray, AIR_RISE),
    }
    caps = {"power": power, "water": water, "air": air}
    fits = {k: caps[k] / need for k, need in needs.items() if need > 0}
    wall = min(fits, key=fits.get)
    trays = math.floor(fits[wall] * (1 + 1e-9))
    flows = {k: trays * needs[k] for k in ("water", "air")}
    return {"accelerators": 8 * trays, "wall": wall} | flows
    ### END SOLUTION


# %% check="rack-caps" points=2
# The example's rack, and the same with a larger feed: it only shows the next limit.
parts = ["accelerators", "wall", "water", "air"]
got = fields("rack", fill_rack(10 * kW, 0.1, 0.8, 44 * kW, LOOP, ROOM), parts)
slips = {35.2 / 32: "only whole trays", 0.125: "accelerators, not trays"}
slips |= {24 / 32: "44 kW feed exactly 4 trays"}
close("a feed of 44 kW", got["accelerators"], 32, "accelerators", slips)
assert got["wall"] == "power", f"44 kW: the wall is {got['wall']}; power is expected"
slips = {1.1: "the fans' heat goes to the air", 1.25: "the water takes 80 % of it"}
slips |= {1e3: "cubic metres, not litres", 0.25: "of all four trays"}
slips |= {1.375: "the water takes 80 % of a tray, and nothing of the fans"}
close("water for four trays", got["water"] / litre, 0.765550239, "L/s", slips)
slips = {2 / 3: "the fans' power becomes heat too", 1e3: "cubic metres, not litres"}
slips |= {2.2 / 3: "the fans stand in the air, so all of their heat goes there"}
slips |= {1.6: "air may warm by 16 K, not 10", 0.25: "of all four trays"}
close("air for four trays", got["air"] / litre, 621.890547, "L/s", slips)
got = fields("rack", fill_rack(10 * kW, 0.1, 0.8, 132 * kW, LOOP, ROOM), parts)
slips = {96 / 48: "the feed would do for 12 trays, the air carries 6"}
slips |= {10 / 6: "the fans' power becomes heat too: 3 kW to the air, not 2"}
slips |= {53 / 48: "only whole trays"}
close("a feed of 132 kW", got["accelerators"], 48, "accelerators", slips)
assert got["wall"] == "air", f"132 kW: the wall is {got['wall']}; air is expected"

# %% check="rack-any" points=3 hidden="caps of nothing, caps just met, other shares"
# Air alone; water for everything.
parts = ["accelerators", "wall", "water", "air"]
got = fields("rack", fill_rack(10.2 * kW, 0.0, 0.0, 60 * kW, 0.0, ROOM), parts)
slips = {15 / 8: "only whole trays", 2: "20 kW carry one tray of 10.2", 5: "the air"}
close("no cold plates, no water", got["accelerators"], 8, "accelerators", slips)
assert got["wall"] == "air", f"no cold plates: air is the wall, not {got['wall']}"
got = fields("rack", fill_rack(10 * kW, 0.0, 1.0, 500 * kW, LOOP, 0.0), parts)
close("everything in the water", got["accelerators"], 80, "accelerators")
assert got["wall"] == "water", f"all in the water, 100 kW: not {got['wall']}"
room = AIR.volume_flow(5.5 * kW, AIR_RISE)
got = fields("rack", fill_rack(10 * kW, 0.1, 1.0, 500 * kW, LOOP, room), parts)
slips = {2: "a tray is all in the water, its fans still warm the air by 1 kW"}
close("and fans, air for 5.5 kW", got["accelerators"], 40, "accelerators", slips)
assert got["wall"] == "air", f"fans, air for 5.5 kW: air, not {got['wall']}"
slips = {0: "the fans warm the air, whatever the plates take", 1e3: "m3/s, not litres"}
close("air for the fans", got["air"] / litre, 259.121061, "L/s", slips)
### BEGIN HIDDEN TESTS
for cap in range(3):
    caps = [0.0 if i == cap else x for i, x in enumerate([44 * kW, LOOP, ROOM])]
    got = fields("rack", fill_rack(10 * kW, 0.1, 0.8, *caps), parts)
    close("a cap of nothing", got["accelerators"], 0, "accelerators", show=False)
    wall = ["power", "water", "air"][cap]
    assert got["wall"] == wall, "a cap of nothing: another wall was named"
rng = np.random.default_rng(17)
for _ in range(40):
    tray, fan = float(rng.uniform(4, 20)) * kW, float(rng.uniform(0, 0.3))
    captured = float(rng.uniform(0.02, 0.98))
    power, wet, dry = (float(x) * kW for x in rng.uniform(3, 200, 3))
    water, air = wet / (4180.0 * 1000.0 * 10.0), dry / (1005.0 * 1.2 * 16.0)
    heat = {"power": 0.0, "water": 0.0, "air": 0.0}
    caps, trays, slack = {"power": power, "water": wet, "air": dry}, -1, {}
    while all(heat[k] <= caps[k] for k in heat):
        trays += 1
        heat["power"] = (trays + 1) * tray * (1 + fan)
        heat["water"] = (trays + 1) * tray * captured
        heat["air"] = heat["power"] - heat["water"]
    wall = max(heat, key=lambda k: heat[k] / caps[k])
    got = fields("rack", fill_rack(tray, fan, captured, power, water, air), parts)
    label = "nothing fits" if trays == 0 else f"a rack whose wall is {wall}"
    close(label, got["accelerators"], 8 * trays, "accelerators", show=False)
    assert got["wall"] == wall, f"{label}: another wall was named"
    want = trays * tray * captured / (4180.0 * 1000.0 * 10.0)
    close(f"the flow of water, {label}", got["water"], want, "m3/s", show=False)
    want = trays * tray * (1 - captured + fan) / (1005.0 * 1.2 * 16.0)
    close(f"the flow of air, {label}", got["air"], want, "m3/s", show=False)
for n in (3, 7, 9):
    got = fill_rack(0.1 * kW, 0.1, 0.5, n * 0.11 * kW, 1.0, 10.0)
    close("a feed filled exactly", got["accelerators"], 8 * n, "", show=False)
    got = fill_rack(0.1 * kW, 0.1, 0.5, n * 0.11 * kW * (1 - 1e-6), 1.0, 10.0)
    close("a feed short by a millionth", got["accelerators"], 8 * n - 8, "", show=False)
### END HIDDEN TESTS

# %% [markdown]
# A server of 8 H100s draws up to 10.2 kW, fans included (the chapter).  Take 9.3 kW
# and 10 % for fans; the split is our assumption.  A room passes 1,500 L/s of air
# through the rack and a loop 2 L/s.  What does each further share in the cold plates
# buy, and where does it stop?

# %% explore
# @title Your racks
shares = np.linspace(0, 1, 201)
fig, ax = plt.subplots()
for feed in (40 * kW, 80 * kW, 120 * kW):
    racks = [fill_rack(9.3 * kW, 0.1, c, feed, 2 * litre, 1500 * litre) for c in shares]
    held = [rack["accelerators"] for rack in racks]
    ax.step(100 * shares, held, where="mid", label=f"feed {feed / kW:.0f} kW")
    last = racks[-1]["wall"]
    print(
        f"feed {feed / kW:.0f} kW: {held[0]} by air alone, {max(held)} at most; {last}"
    )
ax.set_xlabel("share of the heat in the water (%)")
ax.set_ylabel("accelerators in the rack")
ax.legend()
plt.show()

# %% [markdown]
# ## 5. Own or rent (6 points, 30 minutes)
#
# An owned cluster is paid for at time 0.  `path` gives its utilisation in each month
# after that, from 0 to 1.  Zeros at the start are months of cabling and burn-in.
# Every month ends with bills.
#
# - Owning costs `fixed`, and `use` times the month's utilisation.
# - Renting costs nothing while idle.  The work of an hour on the owned cluster takes
#   `hours` rented ones, at `rent` each.
# - `fixed`, `use` and `rent` are dollars a second; a month is `month` seconds.
# - A dollar due after `m` months is worth (1 + `interest`)^-m today.
# - The cluster can be sold at the end of month `m`, for `price` times `keep`^m, with
#   `keep` from 0 to below 1.
#
# A deal is a dict of these: `price`, `keep`, `fixed`, `use`, `rent`, `hours`,
# `interest`.  In none that is graded is `use` just `hours` times `rent`.
#
# *By hand.*  A machine costs 6,000 dollars and cannot be sold.  A month costs 100
# whatever it does, 100 more at full use, and 1,000 to rent at full use.  After the
# first month at full use, without interest, owning has saved 1,000 - 200 - 6,000 =
# -5,200.


# %% answer="own"
def balance(path, deal):
    """Dollars, at today's value, that owning has saved if it is sold after each month.

    path: list of utilisations; month 1 comes first
    Returns an array as long as path: what renting has cost by the end of each month,
    less what owning has, with the sale.  Negative where owning has cost more.
    """
    ### BEGIN SOLUTION
    u, m = np.asarray(path, float), np.arange(1, len(path) + 1)
    today = (1 + deal["interest"]) ** -m
    rented = u * deal["hours"] * deal["rent"] * month
    owned = (deal["fixed"] + u * deal["use"]) * month
    sale = deal["price"] * deal["keep"] ** m * today
    return np.cumsum((rented - owned) * today) + sale - deal["price"]
    ### END SOLUTION


def verdict(path, deal):
    """When, and how busy, owning is worth its price.

    Returns a dict:
      "month": first month, counted from 1, at whose end the balance is above 0 (0 is
               not enough), whatever comes after; None if path holds no such month
      "factor": by what to multiply the whole path so that the balance after its last
                month is 0.  A factor above 1 is returned as it is.
    Raises ValueError if no factor above 0 makes that balance 0.
    """
    ### BEGIN SOLUTION
    months = np.flatnonzero(balance(path, deal) > 0)
    idle, busy = (balance(np.asarray(path) * k, deal)[-1] for k in (0, 1))
    if busy <= idle:
        raise ValueError(f"use saves nothing: {busy} after it, {idle} without")
    first = int(months[0]) + 1 if months.size else None
    return {"month": first, "factor": -idle / (busy - idle)}
    ### END SOLUTION


# %% check="own-balance" points=2
# The machine of the example; then with a resale, with interest, against a slower one.
deal = {"price": 6000.0, "keep": 0.0, "fixed": 100 / month, "use": 100 / month}
deal |= {"rent": 1000 / month, "hours": 1.0, "interest": 0.0}
got = values("the balance", balance([1.0] * 12, deal), 12)
close("after month 1, full use", got[0], -5200, "$", {1 / 6.5: "counted from month 0"})
close("after month 12, full use", got[11], 3600, "$")
got = values("the balance", balance([0.0, 0.0, 0.5], deal), 3)
slips = {60 / 62: "fixed costs run from the first month"}
slips |= {42 / 62: "an idle month rents nothing"}
slips |= {59 / 62: "each month has its own utilisation"}
close("after two idle months", got[1], -6200, "$", slips)
slips = {5950 / 5850: "renting pays for the half month in use alone"}
close("and half a month in use", got[2], -5850, "$", slips)
got = values("the balance", balance([1.0] * 2, deal | {"keep": 0.9}), 2)
slips = {-4400 / 460: "the resale is missing"}
slips |= {400 / 460: "sold after two months, it has lost twice a tenth of what it had"}
close("sold after month 2, keeps 0.9", got[1], 460, "$", slips)
got = values("the balance", balance([1.0] * 2, deal | {"interest": 0.25}), 2)
slips = {4400 / 4848: "interest is missing", 4560 / 4848: "a month ends with bills"}
slips |= {3648 / 4848: "the price is due today"}
close("after month 2, interest 0.25", got[1], -4848, "$", slips)
got = values("the balance", balance([1.0], deal | {"hours": 1.5}), 1)
slips = {5200 / 4700: "an hour here is the work of 1.5 rented ones"}
slips |= {5533.3333 / 4700: "1.5 rented hours for one hour here, not the reverse"}
close("a slower rented machine", got[0], -4700, "$", slips)

# %% check="own-verdict" points=2 hidden="any deal; a balance of 0; paths that end idle"
# The book's open calculations (mlsysim 0.3.0) own 1,024 H100 for three years: 59.8
# million dollars, 1.5 million a year, against 4 dollars for each GPU and hour.  They
# print a break-even at 59.74 % and, at 80 %, after 26.4 months of 730 hours.  A month
# here has 730.5, which makes 59.69 %.
cluster = {"price": 59.8e6, "keep": 0.0, "fixed": 1.5e6 / (12 * month)}
cluster |= {"use": 0.0, "rent": 1024 * 4 / hour, "hours": 1.0, "interest": 0.0}
got = fields("verdict", verdict([0.8] * 36, cluster), ["month", "factor"])
slips = {26 / 27: "after 26 months a little is still missing", 28 / 27: "from month 1"}
slips |= {36 / 27: "the first month that has paid, not the last"}
close("paid after", got["month"], 27, "months", slips)
slips = {0.8: "the factor of this path, not the utilisation"}
slips |= {3.93966: "an idle cluster has a balance too; take it off"}
close("factor of the path at 80 %", got["factor"], 0.596937 / 0.8, "", slips, rel=1e-5)
got = verdict([0.0] * 6 + [0.8] * 30, cluster)
slips = {27 / 33: "six months of cabling come first"}
close("paid, with six months of burn-in first", got["month"], 33, "months", slips)
got = verdict([0.5] * 36, cluster)["month"]
assert got is None, f"at 50 % it is not paid in 36 months: None is expected, not {got}"
got = verdict([0.8] * 30 + [0.0] * 72, cluster)["month"]
text = "paid in month 27, idle from month 31 and so in debt again from 97 on: paid in "
text += "month"
assert got is not None, f"{text} 27 is expected, whatever comes after, not None"
close(text, got, 27, "", {97 / 27: "the first month", 96 / 27: "the first month"})
plain = {"price": 2.0 * month, "rent": 1.0, "hours": 1.0, "use": 0.0, "fixed": 0.0}
plain |= {"keep": 0.0, "interest": 0.0}
got = verdict([1.0] * 4, plain)["month"]
text = "the price is the rent of two months, so that after month 2 the balance is 0"
close(f"{text}: paid in month", got, 3, "", {2 / 3: "0 is not above 0"})
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
names = ["price", "keep", "fixed", "use", "rent", "hours", "interest"]
for i in range(30):
    drawn = rng.uniform([1e6, 0.9, 0, 0, 60, 1, 0], [9e6, 0.999, 20, 50, 500, 2, 0.02])
    deal = dict(zip(names, drawn.tolist(), strict=True))
    if i % 3 == 0:  # an hour of use costs more than one of rent, and yet saves
        deal["hours"] = float(rng.uniform(1.5, 3))
        deal["use"] = deal["rent"] * float(rng.uniform(1.05, 1.4))
    deal |= {k: deal[k] * 1000 / month for k in ("fixed", "use", "rent")}
    M = int(rng.integers(2, 60))
    path = [0.0] * int(rng.integers(0, M)) + rng.uniform(0.1, 1, M).tolist()
    path = [*path[: M - 1], 1.0] + [0.0] * (i % 4 * 12)
    M = len(path)
    purse, saved, growth = -deal["price"], [], 1 + deal["interest"]
    for m, u in enumerate(path, 1):
        bill = deal["fixed"] + u * deal["use"] - u * deal["hours"] * deal["rent"]
        purse = purse * growth - bill * month  # at the value of month m
        saved.append((purse + deal["price"] * deal["keep"] ** m) / growth**m)
    if min(abs(x) for x in saved) < 1:
        continue
    got = values("the balance", balance(path, deal), M)
    for x, y in zip(got, saved, strict=True):
        close("the balance of another deal", x, y, "$", show=False)
    got = fields("verdict", verdict(path, deal), ["month", "factor"])
    when = next((m for m, x in enumerate(saved, 1) if x > 0), None)
    text = "another deal: another month is the first at whose end the balance is above "
    assert got["month"] == when, text + "0, whatever comes after"
    k = number("factor", got["factor"])
    after = values("the balance", balance([k * u for u in path], deal), M)
    after = number("the balance", after[-1])
    assert abs(after) < 1e-6 * (deal["price"] + M * deal["fixed"] * month), (
        "another deal: with the whole path times your factor, 1 or above too, the "
        "last balance is not 0"
    )
got = verdict([1.0, 0.0, 1.0], plain | {"price": month})["month"]
assert got == 3, "a balance of 0 after months 1 and 2: month 3 is the first above 0"
### END HIDDEN TESTS

# %% check="own-factor" points=2 hidden="a factor of a million; deals that none mends"
# A factor above 1 is no error.  Nor is a month's use that costs more than a month's
# rent, if the rented month does half the work.  A path that no factor mends is one.
deal = {"price": 2e4, "keep": 0.0, "fixed": 0.0, "use": 1 / month, "rent": 2 / month}
deal |= {"hours": 1.0, "interest": 0.0}
got = fields("verdict", verdict([1.0, 1.0], deal), ["factor"])["factor"]
slips = dict.fromkeys((1e-4, 0.1), "a factor above 1 is returned as it is")
slips |= {-1 / 9999: "an idle machine has a balance too; take it off"}
close("20,000 dollars, 2 saved at factor 1", got, 10_000, "", slips)
dear = deal | {"use": 3 / month}
got = fields("verdict", verdict([1.0, 1.0], dear | {"hours": 2.0}), ["factor"])
text = "use 3 a month, rent 2, and two rented months for one of use: factor"
close(text, got["factor"], 10_000, "", slips)
must_raise("use costs more than rent", ValueError, verdict, [1.0, 1.0], dear)
### BEGIN HIDDEN TESTS
flat, M = {"price": 59.8e6, "keep": 0.0, "fixed": 1.5e6 / (12 * month)}, 36
flat |= {"use": 500 / hour, "rent": 4096 / hour, "hours": 1.0, "interest": 0.0}
bills = [M * month * flat[k] for k in ("fixed", "rent", "use")]
want = compute.break_even_utilisation(flat["price"] + bills[0], *bills[1:])
close("a flat path", verdict([1.0] * M, flat)["factor"], want, show=False)
for path, use in [([0.0] * 12, 0.0), ([0.5] * 12, 2 * flat["rent"])]:
    must_raise("no factor helps", ValueError, verdict, path, flat | {"use": use})
lent = flat | {"use": 1.5 * flat["rent"], "hours": 1.2, "keep": 0.95, "interest": 0.01}
must_raise("no factor helps", ValueError, verdict, [0.0, 1.0, 0.3], lent)
got = verdict([1.0, 1.0], deal | {"price": 2e6})["factor"]
close("2 million dollars, 2 saved at factor 1", got, 1e6, show=False)
got = verdict([0.0, 1.0, 0.3], lent | {"hours": 1.6})["factor"]
assert number("factor", got) > 0, "use above rent that saves: a factor above 0"
### END HIDDEN TESTS

# %% [markdown]
# A server of 8 H100s: 350,000 dollars, 8,375 W at a PUE of 1.1, 0.07 dollars a kWh, as
# in the chapter's problem 3.  Resale and interest are our assumptions: 94 % kept each
# month, 0.5 % a month.  Guess first: how many months later is it paid if the room is
# ready six months late?

# %% explore
# @title Your balances
server = {"price": 350e3, "keep": 0.94, "fixed": 0.0, "hours": 1.0, "interest": 0.005}
server |= {"use": 8.375 * kW * 1.1 * 0.07 / kWh, "rent": 8 * 4 / hour}
paths = {"80 % at once": [0.8] * 48, "80 % after six months": [0.0] * 6 + [0.8] * 42}
paths["grows to 80 % in two years"] = [0.8 * min(m / 24, 1) for m in range(1, 49)]
fig, ax = plt.subplots()
for label, path in paths.items():
    ax.plot(range(1, 49), np.asarray(balance(path, server)) / 1000, label=label)
    mine = verdict(path[:36], server)
    print(
        f"{label}: paid in month {mine['month']}; for three years {mine['factor']:.2f}"
    )
    print("    times this path would do")
ax.axhline(0, color="0.4", linestyle="-", linewidth=0.8)
ax.set_xlabel("month of the sale")
ax.set_ylabel("owning has saved (1,000 dollars)")
ax.legend()
plt.show()

# %% [markdown]
# ## 6. The roof of this machine (6 points, 15 minutes)
#
# `run_measure` copies tensors and multiplies matrices here, on the GPU if there is one.
# It returns clock readings and leaves the arithmetic to you.
#
# - `copies` is a list of (n, runs): a tensor of n bytes copied to another, and the
#   seconds of each run.  A copy reads and writes.
# - `products` is a dict: for each precision a list of (n, runs), an n x n matrix times
#   another.
# - The first run of each list warms up and does not count, as in the chapter.  Any
#   other may have been interrupted.  The time of a list is the median of the others.
# - A small tensor stays in the cache.  The memory's rate is that of the largest copy.
# - A small product cannot fill the machine.  The peak of a precision is its best rate.
#
# Some CPUs read a line before they overwrite it.  Count what the program asked for.
#
# *By hand.*  A tensor of 1 GB takes 3.0, then 0.05, 0.1 and 0.4 s.  The median of the
# last three is 0.1 s, in which 2 GB are read or written: 20 GB/s.


# %% answer="machine"
def machine(copies, products):
    """The roofline of a machine from clock readings.

    copies, products: see above, in any order of size; each list has two runs or more
    Returns a dict: "bw", bytes a second; "peak" and "ridge", each a dict with FLOP/s
    and FLOP/B for each precision.
    """
    ### BEGIN SOLUTION
    n, runs = max(copies, key=lambda copy: copy[0])
    bw = 2 * n / np.median(runs[1:])
    peak = {
        kind: max(2 * n**3 / np.median(runs[1:]) for n, runs in sizes)
        for kind, sizes in products.items()
    }
    return {"bw": bw, "peak": peak, "ridge": {k: peak[k] / bw for k in peak}}
    ### END SOLUTION


def place(O, D_vol, kind, runs, roof):
    """One kernel of O FLOP and D_vol bytes, in precision kind, beside the roof.

    runs: seconds of each run, the first of which does not count
    roof: a dict like that of machine
    Returns a dict: "predicted", the least seconds under the roof; "measured", seconds;
    "share", the rate reached over the rate that the roof allows at this intensity.
    """
    ### BEGIN SOLUTION
    predicted = max(O / roof["peak"][kind], D_vol / roof["bw"])
    measured = np.median(runs[1:])
    return {"predicted": predicted, "measured": measured, "share": predicted / measured}
    ### END SOLUTION


# %% check="machine-given" points=3 hidden="other orders, lists of two runs"
# Readings that somebody made up.  The small copy, in the cache, looks ten times faster.
copies = [(1e6, [9.0, 1e-5, 1e-5]), (1e9, [3.0, 0.05, 0.1, 0.4]), (1e7, [1e-3] * 3)]
products = {"float32": [(1000, [7.0, 0.02, 0.02]), (100, [1e-3] * 4)]}
products["float64"] = [(1000, [0.2, 0.03, 0.05, 0.01, 0.09])]
got = fields("machine", machine(copies, products), ["bw", "peak", "ridge"])
slips = {0.5: "a copy reads and writes", 10: "that copy lives in the cache"}
slips |= {0.1 / 0.25: "the first run does not count", 1 / 30: "the first run alone"}
slips |= dict.fromkeys((0.1 / 0.18333, 0.1 / 0.8875), "the median, not the mean")
slips |= {2: "the median, not the best run", 5: "twice that, of the largest copy"}
close("the memory's rate", number("bw", got["bw"]) / GB, 20, "GB/s", slips)
peak = fields("peak", got["peak"], ["float32", "float64"])
slips = {0.5: "a product is 2 n^3", 0.02: "the best of the sizes, not the last"}
slips |= {0.06 / 7.04: "the median, not the mean", 1e-3: "n^3, not n^2"}
peak = {kind: number("peak", peak[kind]) / TFLOP for kind in peak}
close("the peak in float32", peak["float32"], 0.1, "TFLOP/s", slips)
slips = {4: "the median, not the best run", 0.5: "a product is 2 n^3"}
slips |= {4 / 5: "the first run does not count; of four, the mean of the middle two"}
slips |= {4 / 3: "of four runs, the mean of the middle two"}
close("the peak in float64", peak["float64"], 0.05, "TFLOP/s", slips)
ridge = fields("ridge", got["ridge"], ["float32", "float64"])
close("the ridge in float32", ridge["float32"], 5, "FLOP/B", {1 / 25: "upside down"})
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
odd, even = [9.0, 1.2, 1.0, 0.9, 0.5], [9.0, 1.3, 1.1, 0.9, 0.8, 0.5]  # medians 1
rest, kinds = (odd, even, [1.0]), ("float32", "float16", "int8")


def made(t, i):  # seconds whose median is t, after a slow or a fast first run
    return (t * np.array([[30.0, 0.2][i % 2], *rng.permutation(rest[i // 2])])).tolist()


for i in [0, 1, 2, 3, 4, 5] * 2:
    bw = float(10 ** rng.uniform(9.5, 12.7))
    peaks = {k: float(10 ** rng.uniform(10, 15)) for k in kinds}
    copies, products = [], {kind: [] for kind in kinds}
    for n, quick in [(1e8, 1), (1e6, 8), (1e7, 3)]:
        copies.append((n, made(2 * n / bw / quick, i)))
    for kind, peak in peaks.items():
        for n, eta in [(256, 0.1), (2048, 1.0), (4096, 0.8), (513, 0.4)]:
            products[kind].append((n, made(2 * n**3 / peak / eta, i)))
    got = fields("machine", machine(copies, products), ["bw", "peak", "ridge"])
    close("the memory's rate, other readings", got["bw"], bw, "B/s", show=False)
    for kind, peak in peaks.items():
        close("a peak, other readings", got["peak"][kind], peak, "FLOP/s", show=False)
        close("a ridge, other readings", got["ridge"][kind], peak / bw, show=False)
### END HIDDEN TESTS

# %% check="machine-place" points=2 hidden="other kernels and roofs, lists of two runs"
# A kernel under a roof of 100 GFLOP/s and 20 GB/s.
roof = {"bw": 20e9, "peak": {"float32": 1e11}, "ridge": {"float32": 5.0}}
got = place(1e9, 8e9, "float32", [9.0, 0.5, 0.2, 0.6], roof)
got = fields("place", got, ["predicted", "measured", "share"])
slips = {0.01 / 0.4: "8 GB have to move", 0.41 / 0.4: "the longer of the two, no sum"}
close("predicted, 1 GFLOP on 8 GB", got["predicted"], 0.4, "s", slips)
slips = {0.4: "the median, not the best run", 1.1: "the first run does not count"}
slips |= dict.fromkeys((1.3 / 1.5, 10.3 / 2), "the median, not the mean")
close("measured", got["measured"], 0.5, "s", slips)
slips = {1.5625: "reached over allowed"}
slips |= {0.025: "the roof at this intensity, not the peak"}
close("share", got["share"], 0.8, "", slips)
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(17)
odd, even = [9.0, 1.2, 1.0, 0.9, 0.5], [9.0, 1.3, 1.1, 0.9, 0.8, 0.5]  # medians 1
kinds = ("float32", "float16", "int8")
for i in range(28):
    bw, t = float(10 ** rng.uniform(9.5, 12.7)), float(rng.uniform(1, 9))
    peaks = {k: float(10 ** rng.uniform(10, 15)) for k in kinds}
    kind, O = str(rng.choice(kinds)), bw * float(10 ** rng.uniform(-2, 6))
    rest = rng.permutation([odd, even, [1.0]][i % 3])
    runs = (t * np.array([30.0 if i % 2 else 0.2, *rest])).tolist()
    ridge, chip = {k: peaks[k] / bw for k in kinds}, Accelerator(peaks[kind], bw, 1, 1)
    got = place(O, bw, kind, runs, {"bw": bw, "peak": peaks, "ridge": ridge})
    got = fields("place", got, ["predicted", "measured", "share"])
    want = float(compute.roofline(O, bw, chip))
    close("predicted, another kernel", got["predicted"], want, "s", show=False)
    close("measured, another kernel", got["measured"], t, "s", show=False)
    want = O / t / float(compute.attainable(O / bw, chip))
    close("share, another kernel", got["share"], want, "", show=False)
### END HIDDEN TESTS


# %% probe="run-measure"
def run_measure():
    """Clock readings of this machine; see mlsyscore/harness/measure.py."""
    from mlsyscore.harness.measure import measure

    return measure()


# %% check="machine-here" points=1
# This machine, whatever it is, in one to three seconds; then the same readings as a
# machine 1.7 times slower would give them.  Nothing may be faster than its roof.
roof_holds(run_measure(), machine, place)

# %% [markdown]
# The record has the form of `labs/measured/`, where records of other machines lie; send
# yours.  The picture shows the roof, and where three kernels stand under it.  A CPU
# that reads lines before it overwrites them makes a copy dearer than an add, so the add
# may stand a few per cent above its roof.  A point far above says that the machine was
# busier when the roof was measured: run the cell again.

# %% explore
# @title Your machine
raw = readings(run_measure())
mine = machine(raw["copies"], raw["products"])
placed = {kernel[0]: place(*kernel[1:], mine) for kernel in raw["kernels"]}
print(machine_record(mine, placed))
draw_roof(raw, mine, placed)
plt.show()

# %% [markdown]
# ## 7. The judgement (2 points, 5 minutes)
#
# Read your own plot.  Which of the three kernels stands farthest below its roof, by
# what factor, and what does it wait for that neither line of the roof counts?  Answer
# in three sentences, with one number.

# %% [markdown] essay="own-plot" points=2
# On two cores of an EPYC the product of eight rows stands farthest below: it takes 3.9
# times what the roof allows, while the add and the softmax come close to theirs.  The
# roof counts one reading of the matrix at the copy's rate, and arithmetic as fast as in
# a large square product; eight rows reuse each value eight times only, so the library's
# rearranging of the matrix for its inner loop is most likely what shows, and it is on
# neither line.  A larger batch would climb to the roof; a higher peak changes nothing.
