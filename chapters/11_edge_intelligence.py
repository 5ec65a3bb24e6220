# %% [markdown]
# ---
# title: "11 · Edge intelligence"
# fleet-stack: [55, 25, 25, 15, 100, 35, 30, 25]
# ---
#
# A model of 40 MB runs on the phone and answers at once.  Now it shall learn there,
# from what its owner does.  One training step needs 360 MB.  *What can a phone learn
# within its memory, its battery and its uplink, and what can many phones learn
# together?*
#
# *You will need* Adam's two moments and recomputation from chapter 5, and quantisation
# from chapter 9.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython import get_ipython
from ipywidgets import interact
from scipy.special import softmax, stdtrit
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits
from torch import nn
from torch.utils.checkpoint import checkpoint

from mlsyscore import device
from mlsyscore.units import KB, MB, Mbps, minute

torch.set_num_threads(1)
threadpool_limits(1)  # numpy, too: matrices here are small
plt.style.use("mlsyscore.figures")


def interval(samples):
    """Return the mean of independent runs and half of its 95 % interval."""
    n = len(samples)
    error = np.std(samples, ddof=1) / np.sqrt(n)
    return np.mean(samples), stdtrit(n - 1, 0.975) * error


# %% [markdown]
# ## Predict
#
# Write down four guesses.  Common ones are given.
#
# 1. The ten million weights of the phone's model are frozen.  New, small matrices are
#    added to its layers and trained in their stead.  They have 100,000 weights,
#    1 %.  How many of the 360 MB does a step still need?
# 2. Twenty phones train one model.  In each round, each phone takes one gradient step
#    on all its pictures, and a server averages the results.  First every phone has
#    pictures of all ten digits.  Then the same pictures are dealt so that a phone has a
#    few digits.  How many times as many rounds does that take?
# 3. Four slow phones are left out of every round, and the accuracy over all digits
#    falls by 5 points.  Most pictures of one digit were on those four phones.  By how
#    many points does the accuracy on that digit fall?
# 4. A phone trains on a single picture of 64 pixels, and sends the change of the
#    weights to the server.  How many pixels can the server compute from it?

# %%
#| tags: [guess]
guess_memory = 44.0  # MB
guess_rounds = 5.0  # times as many
guess_points = 10.0  # points
guess_pixels = 0.0  # of 64

# %% [markdown]
# ## The memory of an update
#
# To answer, a model needs its weights.  To learn, it also needs a gradient and two
# moments for each weight that is trained.  And it must keep the *activations*, the
# outputs of its layers, for the backward pass.  With $P$ weights in four bytes, of
# which $P_t$ are trained,
#
# $$ \text{memory} = 4P + (4 + 8)\,P_t + \text{activations}. $$
#
# We take the phone of the book, *Machine Learning Systems at Scale*: ten million
# weights, and activations of 200 MB.
#
# **Low-rank adaptation** (LoRA) freezes a matrix $W$ and trains two thin matrices next
# to it: $W + BA$, where $A$ has $r$ rows and $B$ has $r$ columns (Hu et al., arXiv
# 2106.09685).  We call the pair an *adapter*.  Another way is to train the last layers
# only.  And the lower half's activations can be recomputed after the upper half's are
# freed.  Below, the network has ten equal layers.


# %%
def memory(weights, trained, activations):
    return 4 * weights + 12 * trained + activations


P, ALL = 10_000_000, 200 * MB
WAYS = {  # weights, trained weights, bytes of activations that are kept
    "only answer": (P, 0, 0),
    "train all": (P, P, ALL),
    "adapters in each layer": (P + 100_000, 100_000, ALL),
    "same, half recomputed": (P + 100_000, 100_000, ALL / 2),
    "train the last layer": (P, P // 10, ALL / 10),
}
for way, (weights, trained, kept) in WAYS.items():
    total = memory(weights, trained, kept) / MB
    print(f"{way:23} {total:6.1f} MB, of it activations {kept / MB:3.0f} MB")
answer = memory(*WAYS["adapters in each layer"]) / MB
print(f"With adapters: {answer:.0f} MB.  You guessed {guess_memory:g} MB.")

# %%
#| label: fig-memory
#| fig-cap: "What an update holds.  Adapters spare the middle, not the right end."
#| fig-alt: "Five bars. With adapters the activations remain and are most of the bar."
# @title What an update holds
_, ax = plt.subplots(figsize=(6.4, 2.9))
parts = {"weights": "C0", "gradients, moments": "C3", "activations": "C1"}
left = np.zeros(len(WAYS))
held = np.array([(4 * w, 12 * t, a) for w, t, a in WAYS.values()]) / MB
for i, (part, color) in enumerate(parts.items()):
    hatch = ("", "xx", "//")[i]
    style = {"color": color, "hatch": hatch, "edgecolor": "white"}
    ax.barh(list(WAYS), held[:, i], 0.6, left, label=part, **style)
    left += held[:, i]
ax.invert_yaxis()
ax.set(xlabel="memory (MB)")
ax.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.3, -0.25), fontsize=9)
plt.show()

# %% [markdown]
# The adapters spare nearly all gradients and moments, and no activations.  Each adapter
# needs its layer's input for its own gradient, and each GELU needs its input to pass
# the gradient on down to the *lowest* adapter.  If only the last layer is trained, the
# gradient stops there.  A rule for the head: *a step with Adam takes four times the
# weights, plus activations.  Freezing shrinks the four towards one.  What lies below
# the lowest trained layer keeps none.*
#
# ### Measured
#
# We build eight layers of width 256, each with a GELU, and ask PyTorch for the most
# bytes held during two steps.  A layer and its GELU keep their inputs.  The rival
# shrinks all but the weights in proportion to what is trained; for the last layer it
# says the same as the law.


# %%
class Adapted(nn.Module):
    def __init__(self, frozen, r=4):
        super().__init__()
        self.frozen = frozen.requires_grad_(False)
        d_out, d_in = frozen.weight.shape
        self.A = nn.Parameter(torch.randn(r, d_in) / d_in**0.5)
        self.B = nn.Parameter(torch.zeros(d_out, r))

    def forward(self, x):
        return self.frozen(x) + (x @ self.A.T) @ self.B.T


# %%
def stepper(way, layers=8, width=256, batch=64):
    """Return a network, its trained parameters, and a function that takes a step."""
    torch.manual_seed(11)
    each = [nn.Linear(width, width) for _ in range(layers)]
    if way == "adapters":
        each = [Adapted(layer) for layer in each]
    net = nn.Sequential(*[nn.Sequential(layer, nn.GELU()) for layer in each])
    if way == "last layer":
        net[:-1].requires_grad_(False)
    lower, upper = net[: layers // 2], net[layers // 2 :]
    net, x = net.to(device.kind()), torch.randn(batch, width).to(device.kind())
    trained = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, foreach=False)

    def step():
        again = way == "recompute"
        y = checkpoint(lower, x, use_reentrant=False) if again else lower(x)
        optimizer.zero_grad(set_to_none=False)
        upper(y).square().mean().backward()
        optimizer.step()

    return net, trained, step


# %%
def two_steps(way, batch):
    _, _, step = stepper(way, batch=batch)
    step()
    step()


# %%
#| tags: [nbval-ignore-output]
print("MB at the peak                   measured    law   in proportion (rival)")
for batch in (64, 1024):
    found = {}
    for way, layers in (("all", 8), ("adapters", 8), ("last layer", 1)):
        net, trained, _ = stepper(way)
        weights, few = (sum(p.numel() for p in x) for x in (net.parameters(), trained))
        kept, every = (4 * 2 * n * batch * 256 for n in (layers, 8))
        rival = 4 * weights + few / weights * (12 * weights + every)
        peak = device.peak_memory(lambda w=way, b=batch: two_steps(w, b))
        found[way] = np.array([peak, memory(weights, few, kept), rival]) / MB
    lacks = ", ".join(f"{way} {1 - x[1] / x[0]:.0%}" for way, x in found.items())
    for way in ("adapters", "last layer"):
        found[way] = found["all"] - found[way]
    for way, (peak, law, rival) in found.items():
        what = "held if all train" if way == "all" else f"spared by {way}"
        print(f"batch {batch:4}, {what:20} {peak:9.1f} {law:6.1f} {rival:13.1f}")
print(f"of what is held at the large batch the law lacks: {lacks}")

# %% [markdown]
# The law leaves out what a step holds for a moment, such as the gradient that is on its
# way.  So its totals, 242 MB too, are lower bounds.  At one batch, the less a way
# holds, the larger the share that they lack.  In what is *spared* most of that cancels.

# %% [markdown]
# ## What adapters buy
#
# For a matrix with $d_\text{in}$ columns and $d_\text{out}$ rows an adapter has
# $r\,(d_\text{in}+d_\text{out})$ weights.  After training the pair can be *merged*:
#
# $$ W x + B\,(A x) = (W + B A)\,x, $$
#
# so answering costs no more than before.  What accuracy each way costs, we do not
# measure: memory and time alone decide here.
#
# What do adapters do to the *time*?  A training step works through the matrices three
# times: forward, backward for the gradient of the inputs, and backward for the gradient
# of the weights.  Frozen matrices need no third pass: by this count adapters take 2/3
# of the time.  The lowest layer skips the middle pass, and Adam's own time shrinks with
# the trained weights; the adapters' own thin products come on top.  Expect about 2/3.
# Recomputing the lower half runs half of the forward pass again: 7/6.  The rival says
# that adapters leave little more than one forward pass, 1/3.

# %%
#| tags: [nbval-ignore-output]
shape = {"layers": 4, "width": 768, "batch": 128}
steps = {way: stepper(way, **shape)[2] for way in ("all", "adapters", "recompute")}
for step in steps.values():
    step()  # warm up
runs = [[device.seconds(step) for step in steps.values()] for _ in range(11)]
times = dict(zip(steps, np.median(runs, axis=0), strict=True))
for way, count in (("adapters", 2 / 3), ("recompute", 7 / 6)):
    ratio = times[way] / times["all"]
    print(f"{way:10} {ratio:.2f} of the time of a full step, by the count {count:.2f}")
peaks = {
    way: device.peak_memory(lambda w=way: two_steps(w, 1024)) / MB
    for way in ("all", "recompute")
}
spared, law = peaks["all"] - peaks["recompute"], 4 * 2 * 4 * 1024 * 256 / MB
held = f"{peaks['all']:.0f} MB without, {peaks['recompute']:.0f} MB with recomputation"
print(f"eight layers, batch 1024: {held}")
print(f"spared: {spared:.1f} MB, by the law {law:.1f}")
nearer = abs(np.log(times["adapters"] / times["all"] / np.array([2 / 3, 1 / 3])))
print("for adapters nearer:", ("the count", "one forward pass")[int(nearer.argmin())])

# %% [markdown]
# The counts have the matrices only.  The GELUs, and what it takes to recompute at all,
# come on top.  If your ratios are far above them, take what follows as the least.
#
# ## Energy and heat
#
# Energy is power times time.  Is the power the same for every program, or does the
# arithmetic set the energy?  MLPerf Tiny
# has published energies and rates of small boards that run networks of eight-bit
# integers ([results v1.2](https://github.com/mlcommons/tiny_results_v1.2)).  We take a
# board's power from one network and predict another's energy from its time.  The rival
# scales the energy with the multiply-adds, the MACs.

# %%
PUBLISHED = {  # inferences a second, energy of each in µJ
    "STM32 L4R5ZI": {
        "pictures": (6.056, 6919.375),
        "persons": (11.245, 3894.566),
        "keywords": (23.155, 1820.454),
    },
    "STM32 H7A3ZI-Q": {"persons": (42.009, 2965.461), "keywords": (88.356, 1375.599)},
    "STM32 U575ZI-Q": {
        "pictures": (9.003, 2578.969),
        "keywords": (34.416, 656.163),
        "sounds": (291.589, 81.875),
    },
    "neural NDP9120": {"pictures": (195.238, 139.367), "persons": (243.883, 97.164)},
}

MACS = {  # of each network, counted from its layers
    "sounds": 264_192,
    "keywords": 2_656_768,
    "pictures": 12_501_632,
    "persons": 7_489_664,
}

# %%
print("mean error of predicted energies    power x time   MACs (rival)   tries")
for board, nets in PUBLISHED.items():
    errors = []
    for known, (rate, energy) in nets.items():
        for other, (its_rate, truth) in nets.items():
            by_time = energy * rate / its_rate
            by_macs = energy * MACS[other] / MACS[known]
            if other != known:
                errors.append([abs(by_time / truth - 1), abs(by_macs / truth - 1)])
    law, rival = np.mean(errors, axis=0)
    print(f"{board:36} {law:10.0%} {rival:14.0%} {len(errors):10}")

# %% [markdown]
# On the three microcontrollers the power hardly depends on the network: *energy is
# time*.  So recomputation saves memory and *costs* energy.  On the neural processor
# both err alike, so it decides nothing; it and the H7A3 have one pair of networks each.
# Each board keeps its clock here; a phone changes its clock, and its power with it.
#
# ### A phone gets warm
#
# A phone that trains turns $q$ watts into heat.  It holds $C$ joules for each kelvin,
# and loses one watt for each $R$ kelvin above the ambient temperature $T_a$:
#
# $$ C\,\frac{dT}{dt} = q - \frac{T - T_a}{R}
#    \qquad\Longrightarrow\qquad T(t) = T_a + q R\left(1 - e^{-t/RC}\right). $$
#
# At a limit $T_\ell$ the phone must slow down, to the power that it can lose for ever.
# So work of $J$ joules goes at full speed until $t_1$, and the rest at $q_\infty$:
#
# $$ t_1 = -RC\,\ln\!\left(1-\frac{q_\infty}{q}\right), \qquad
#    q_\infty = \frac{T_\ell - T_a}{R}, \qquad
#    t = t_1 + \frac{J - q\,t_1}{q_\infty}. $$
#
# We *assume* $R$ = 7 K/W, $C$ = 150 J/K, a limit of 43 °C, 25 °C outside, and speed in
# proportion to power.  Training draws 4.5 W.  The play has the same phone and a
# *governor*.  Each second it goes one of eight notches down if the phone is too hot, or
# up if it is half a degree below the limit.


# %%
R, C, LIMIT, FULL = 7.0, 150.0, 43.0, 4.5  # K/W, J/K, °C, W


def training_time(J, q=FULL, ambient=25.0):
    forever = (LIMIT - ambient) / R
    t1 = -R * C * np.log(1 - forever / q) if q > forever else np.inf
    return J / q if q * t1 >= J else t1 + (J - q * t1) / forever


def governed(J, q=FULL, ambient=25.0):
    """Return power and temperature second by second until the work is done."""
    T, notch, done, log = ambient, 8, 0.0, []
    while done < J:
        notch += (T < LIMIT - 0.5 and notch < 8) - (T > LIMIT and notch > 1)
        power = q * notch / 8
        T += (power - (T - ambient) / R) / C
        done += power
        log.append((power, T))
    return np.array(log).T


print("minutes for   played    law   at full speed   at the slow speed")
for J in (2700, 8100, 16200, 32400):
    times = len(governed(J)[0]), training_time(J), J / FULL, J * R / (LIMIT - 25.0)
    row = "{:12.1f} {:6.1f} {:15.1f} {:19.1f}".format(*np.divide(times, minute))
    print(f"{J / 1000:4.1f} kJ {row}")


# %%
#| label: fig-heat
#| fig-cap: "Half an hour's work.  Dotted: the limit, and what can be lost for ever."
#| fig-alt: "Temperature climbs to the limit and stays; power swings from 4.5 to 0.6 W."
# @title Half an hour's work, in heat and in power
def draw_heat(q=FULL, ambient=25.0):
    power, T = governed(30 * minute * FULL, q, ambient)
    t = np.arange(len(T)) / minute
    _, (top, low) = plt.subplots(2, 1, figsize=(6.4, 4.2), sharex=True)
    top.plot(t, T, "C3-")
    top.axhline(LIMIT, color="0.4", ls=":", label="limit")
    top.legend(loc="lower right")
    top.set(ylabel="temperature (°C)")
    low.step(t, power, "C0-", where="pre", lw=0.8)
    low.axhline(
        (LIMIT - ambient) / R, color="0.4", ls=":", label="can be lost for ever"
    )
    low.legend(loc="lower left")
    low.set(xlabel="time (min)", ylabel="power (W, each second)", ylim=(0, None))
    plt.show()


draw_heat()

# %%
#| eval: false
#| tags: [nbval-ignore-output, remove-cell]
if get_ipython():
    interact(draw_heat, q=(1.0, 6.0), ambient=(0.0, 40.0))

# %% [markdown]
# The law is within 2 % of the play.  Full speed is right for the shortest job, the slow
# speed for none.  The play tests the governor, not the assumed $R$ and $C$.
#
# ### Who may take part
#
# A server admits a phone to a round if battery, heat and deadline allow it.  The phone
# receives the model of 40 MB, trains for 5.4 kJ, and sends its own back.  We assume the
# counts: with adapters 2/3 of the work, and 5/6 if half is recomputed.  Assume a
# deadline of 30 minutes, a radio of 1 W, and that an eighth of the battery may go.

# %%
PHONES = {  # °C outside, Mb/s down and up, MB sent, kJ of work, Wh of battery
    "cool, Wi-Fi": (22.0, 40.0, 10.0, 40.0, 5.4, 15.0),
    "warm pocket, Wi-Fi": (33.0, 40.0, 10.0, 40.0, 5.4, 15.0),
    "worn battery, Wi-Fi": (22.0, 40.0, 10.0, 40.0, 5.4, 10.0),
    "slow uplink": (22.0, 8.0, 0.4, 40.0, 5.4, 15.0),
    "same, adapters": (22.0, 8.0, 0.4, 0.4, 3.6, 15.0),
    "  half recomputed": (22.0, 8.0, 0.4, 0.4, 4.5, 15.0),
}
print("                     trains   transfers   battery")
for name, (ambient, down, up, size, work, holds) in PHONES.items():
    training = training_time(1000 * work, ambient=ambient)
    link = 40 * MB / (down * Mbps) + size * MB / (up * Mbps)
    share = (1000 * work + 1.0 * link) / (holds * 3600)
    faults = ["too late"] if training + link > 30 * minute else []
    faults += ["takes too much"] if share > 1 / 8 else []
    row = f"{training / minute:4.1f} min {link / minute:7.1f} min {share:9.1%}"
    print(f"{name:20} {row}   {' and '.join(faults) or 'may take part'}")

# %% [markdown]
# Heat stops one phone, the battery another, the uplink a third.  With adapters of 0.4
# MB the third may take part.
#
# ## Averaging models
#
# In **federated averaging** (FedAvg) a server sends weights $w$ to $K$ phones.  Each
# trains them on its own examples and sends back $w_k$.  The server takes the mean over
# *examples*, of which phone $k$ has $n_k$, and starts the next round from it (McMahan
# et al., arXiv 1602.05629).  With one gradient step of rate $\eta$ on all that a phone
# has,
#
# $$ \sum_k \frac{n_k}{n}\,w_k
#    = \sum_k \frac{n_k}{n}\left(w - \frac{\eta}{n_k}\sum_{i \in k} \nabla \ell_i\right)
#    = w - \frac{\eta}{n} \sum_i \nabla \ell_i, \qquad n = \sum_k n_k. $$
#
# That is one step on all pictures together.
#
# We use 1,797 pictures of digits from scikit-learn, 8 by 8 pixels, and softmax
# regression: 65 x 10 weights, with a constant as 65th pixel.  450 pictures test.  The
# others are dealt to twenty phones in 40 packs, two packs a phone.  In an *even* deal
# the packs are random.  In a *skewed* deal the pictures are sorted by digit first.

# %%
digits = load_digits()
PIXELS = np.c_[digits.data / 16, np.ones(1797)]
LABELS = digits.target


def deal(seed, skewed, phones=20):
    """Return the test pictures, and each phone's pictures, by their numbers."""
    rng = np.random.default_rng(seed)
    test, own = np.split(rng.permutation(1797), [450])
    if skewed:
        own = own[np.argsort(LABELS[own], kind="stable")]
    packs = np.array_split(own, 2 * phones)
    order = rng.permutation(2 * phones)
    return test, [np.concatenate([packs[i], packs[j]]) for i, j in order.reshape(-1, 2)]


def stack(hands):
    """Return pixels, labels and counts of all phones; short hands end in zeros."""
    n = np.array([len(own) for own in hands])
    X, Y = np.zeros((len(n), n.max(), 65)), np.zeros((len(n), n.max(), 10))
    for k, own in enumerate(hands):
        X[k, : n[k]] = PIXELS[own]
        Y[k, range(n[k]), LABELS[own]] = 1
    return X, Y, n


# %%
def train(w, X, Y, n, steps):
    """Return each phone's weights after so many steps from w; the rate is 1."""
    w = np.repeat(w[None], len(n), 0)
    for _ in range(steps):
        error = softmax(X @ w, -1) - Y
        w = w - X.swapaxes(1, 2) @ error / n[:, None, None]
    return w


def mean(w, n):
    return np.einsum("k,kij->ij", n / n.sum(), w)


def right(w, test):
    return (PIXELS[test] @ w).argmax(1) == LABELS[test]


start = np.zeros((65, 10))
test, hands = deal(0, skewed=True)
hands = [own[: 3 * k + 3] for k, own in enumerate(hands)]  # phones of unequal size
each, n = train(start, *stack(hands), 1), stack(hands)[2]
together = train(start, *stack([np.concatenate(hands)]), 1)[0]
for name, weight in (("mean over examples", n), ("mean over phones", np.ones(20))):
    off = np.abs(mean(each, weight) - together).max() / np.abs(together).max()
    print(f"{name:18} differs from one step on all by {off:.1%} of the largest")

# %% [markdown]
#
# ### Where it stops being one big step
#
# Phones take many steps in a round, because rounds cost bytes.  Take a model of one
# weight, and let the loss of phone $k$ be a parabola of curvature $a_k$ around its own
# best weight $m_k$.  Then $s$ steps take it a share $c_k = 1 - (1-\eta a_k)^s$ of the
# way to $m_k$.  Rounds come to rest where the mean no longer moves:
#
# $$ \sum_k \frac{n_k}{n}\,c_k\,(m_k - w) = 0
#    \qquad\Longrightarrow\qquad
#    w = \frac{\sum_k n_k\,c_k\,m_k}{\sum_k n_k\,c_k}. $$
#
# With $s=1$ that is the best weight for all examples together.  With many steps every
# $c_k$ goes to 1, and $w$ is the mean of the phones' own best weights.  **Client
# drift** is this pull towards each phone's own optimum.
#
# The play has two phones with equally many examples, $m_k$ = 0 and 1, and $\eta$ = 0.1.
# The rival says that the model rests where the loss over all examples is least.


# %%
def rest(curvatures, steps, eta=0.1):
    """Return where the mean of two phones' weights stands after 500 rounds."""
    w = 0.0
    for _ in range(500):
        ends = []
        for a, m in zip(curvatures, (0.0, 1.0), strict=True):
            here = w
            for _ in range(steps):
                here -= eta * a * (here - m)
            ends.append(here)
        w = np.mean(ends)
    return w


print("curvatures   steps a round   rests at    law   least loss (rival)")
for a in ((2, 2), (1, 4)):
    for s in (1, 5, 20):
        c = 1 - (1 - 0.1 * np.array(a)) ** s
        row = f"{rest(a, s):15.3f} {c[1] / c.sum():6.3f} {a[1] / sum(a):14.3f}"
        print(f"{a[0]} and {a[1]} {s:14} {row}")

# %% [markdown]
# Equal curvatures shift nothing, unequal ones do as soon as a round has several steps.
#
# ## Unlike data
#
# Data are **non-IID** if they are not independent draws from one distribution: here
# each phone has its own.  How many rounds does it take until 92 % of the test pictures
# are named rightly?


# %%
def rounds(seed, skewed, steps, target=0.92, most=100):
    test, hands = deal(seed, skewed)
    phones, w = stack(hands), start
    for r in range(1, most + 1):
        w = mean(train(w, *phones, steps), phones[2])
        if right(w, test).mean() >= target:
            return r
    raise ValueError(f"not in {most} rounds")


print("rounds to 92 %        even deal   skewed deal   times as many")
needs = {}
for steps in (1, 5, 20):
    needs[steps] = [[rounds(seed, z, steps) for seed in range(10)] for z in (0, 1)]
    (even, a), (skew, b) = map(interval, needs[steps])
    row = f"{even:9.1f} ± {a:.1f} {skew:7.1f} ± {b:.1f} {skew / even:11.1f}"
    print(f"{steps:2} steps in a round {row}")
for i, name in enumerate(("even", "skewed")):
    share, half = interval(np.divide(needs[20][i], needs[1][i]))
    print(f"{name} deal: 20 steps for 1 leave {share:.0%} ± {half:.0%} of the rounds")
times = np.mean(needs[1][1]) / np.mean(needs[1][0])
print(f"One step: {times:.1f} times as many.  You guessed {guess_rounds:g}.")

# %% [markdown]
# With one step a round the deal does not matter at all, as the identity says.  Twenty
# steps cut the rounds to about a tenth where phones are alike, and to about half where
# they differ.
#
# ### Against whom?
#
# A phone could also learn alone, or all could send their pictures to the cloud.  A
# phone alone chooses among its own digits only; in a row of its own the federated model
# is told them, too.

# %%
found = []
for seed in range(10):
    test, hands = deal(seed, skewed=True)
    phones, w = stack(hands), start
    alone = train(w, *phones, 200)
    for _ in range(40):
        w = mean(train(w, *phones, 5), phones[2])
    cloud, rows = train(start, *stack([np.concatenate(hands)]), 200)[0], []
    for own, hand in zip(alone, hands, strict=True):
        has = np.isin(range(10), LABELS[hand])
        helped = w - 99 * np.outer(np.eye(65)[64], ~has)  # no other digit wins
        good = np.array([right(model, test) for model in (own, w, helped, cloud)])
        rows.append([good.mean(axis=1), good[:, has[LABELS[test]]].mean(axis=1)])
    found.append(100 * np.mean(rows, axis=0))
found = np.array(found)  # run, (all digits, those on the phone), way

# %%
print("200 steps; test pictures right     all digits    digits on the phone")
ways = ("each phone alone", "federated", "  told the phone's digits")
for i, way in enumerate((*ways, "all in the cloud")):
    (whole, a), (mine, b) = map(interval, found[:, :, i].T)
    print(f"{way:32} {whole:5.1f} ± {a:.1f} % {mine:12.1f} ± {b:.1f} %")
gain, half = interval(found[:, 1, 2] - found[:, 1, 0])
print(f"on the phone's digits, federated and told less alone: {gain:+.1f} ± {half:.1f}")
gain, half = interval(found[:, 0, 3] - found[:, 0, 1])
print(f"on all digits, cloud less federated: {gain:+.1f} ± {half:.1f} points")
sizes = 20 * 650 * 4 / KB, 1347 * 64 / KB
print("kB up in a round: {:.0f}; all pictures once: {:.0f}".format(*sizes))

# %% [markdown]
# A phone alone wins on its own digits only because it chooses among few: told the same,
# the federated model is ahead.  With one step a round cloud and phones would have the
# same model, so the cloud's lead is the price of five.
#
# Bytes are no reason to federate *here*: two rounds send more than all the pictures.
# Updates are the smaller flow for at most
#
# $$ \text{rounds} = \frac{\text{bytes of raw data}}{\text{bytes of an update}}. $$
#
# The book's phone takes 1,000 photos of 200 kB a week.  Counting the uplink, that is
# five rounds of 40 MB, or 500 with adapters of 0.4 MB.  What speaks for federation: the
# pictures stay.

# %% [markdown]
# ## Who is left out
#
# Phones drop out, so servers ask more phones than they need: Google's asks 130 %
# (Bonawitz et al., arXiv 1902.01046).  A round that closes when enough have answered
# leaves out the slowest.  Does it matter?
#
# In this deal nine digits are spread evenly.  Of the tenth, nine pictures of ten are on
# four slow phones, which need five times as long for a step.  The server can wait five
# times as long, or leave them out of each round, or let them take one step while the
# others take five.  For comparison, four phones drawn at random miss each round.  Each
# digit has two runs, whose mean counts as one of ten.


# %%
def deal_slow(seed, digit, phones=20, slow=4):
    rng = np.random.default_rng(seed)
    test, own = np.split(rng.permutation(1797), [450])
    owner = np.arange(len(own)) % phones
    rare = np.flatnonzero(LABELS[own] == digit)
    here = rng.random(len(rare)) < 0.9
    fast = rng.integers(slow, phones, len(rare))
    owner[rare] = np.where(here, rng.integers(0, slow, len(rare)), fast)
    return test, [own[owner == k] for k in range(phones)]


def learn(phones, who, slow_steps=5, rounds=20):
    """Return the weights after rounds of five steps; who(): the phones that report."""
    X, Y, n = phones
    w = start
    for _ in range(rounds):
        k = who()
        w_k = train(w, X[k], Y[k], n[k], 5)
        if slow_steps < 5:
            w_k[:4] = train(w, X[:4], Y[:4], n[:4], slow_steps)
        w = mean(w_k, n[k])
    return w


# %%
POLICIES = ("wait for all", "four at random miss each round")
POLICIES += ("the slow four miss each round", "the slow four take one step of five")
everyone, found = np.arange(20), []
for seed in range(20):
    test, hands = deal_slow(seed, digit=seed % 10)
    phones, rng = stack(hands), np.random.default_rng(seed)
    models = [
        learn(phones, lambda: everyone),
        learn(phones, lambda r=rng: r.permutation(20)[:16]),
        learn(phones, lambda: everyone[4:]),
        learn(phones, lambda: everyone, slow_steps=1),
    ]
    good = 100 * np.array([right(w, test) for w in models])
    that = LABELS[test] == seed % 10
    parts = good.mean(1), good[:, that].mean(1), good[:, ~that].mean(1)
    found.append(np.transpose(parts))
found = np.reshape(found, (2, 10, 4, 3)).mean(
    axis=0
)  # digit, policy, (all, it, others)

# %%
print("test pictures right       all digits     that digit     the other nine")
base = found[:, 0].mean(axis=0)
print(f"{POLICIES[0]:22}{base[0]:10.1f} %{base[1]:13.1f} %{base[2]:14.1f} %")
print("points more or less")
for i, policy in enumerate(POLICIES[1:], 1):
    row = [interval(x) for x in (found[:, i] - found[:, 0]).T]
    print(f"  {policy}")
    shown = [f"{round(m, 1) + 0.0:+10.1f} ± {h:4.1f}" for m, h in row]
    print(" " * 22 + "".join(shown))
fall = found[:, 0] - found[:, 2]
least, most = fall[:, 1].argmin(), fall[:, 1].argmax()
print(f"That digit falls by {fall[:, 1].mean():.0f} points on average, from")
print(f"{fall[least, 1]:.0f} (digit {least}) to {fall[most, 1]:.0f} (digit {most}).")
print(f"You guessed {guess_points:g}.")

# %%
#| label: fig-left-out
#| fig-cap: "Accuracy on each digit when it is the slow phones' digit."
#| fig-alt: "Left out, most digits fall far below 90; digit 9 falls to 0."
# @title Accuracy on each digit
_, ax = plt.subplots(figsize=(6.4, 3.2))
for i, (color, hatch) in ((0, ("C2", "")), (3, ("C0", "..")), (2, ("C3", "xx"))):
    heights = found[:, i, 1]
    at = np.arange(10) + 0.27 * ((0, 3, 2).index(i) - 1)
    name = POLICIES[i].replace("the slow four", "slow four")
    style = {"color": color, "hatch": hatch, "edgecolor": "white"}
    ax.bar(at, heights, 0.27, label=name, **style)
    for digit in np.flatnonzero(heights < 0.5):
        ax.text(at[digit], 1, "0", ha="center")
ax.set(xlabel="the digit on the slow phones", ylabel="that digit right (%)")
ax.set(xticks=range(10), ylim=(0, 100))
ax.legend(loc="upper center", bbox_to_anchor=(0.45, -0.18), fontsize=9)
plt.show()

# %% [markdown]
# A fifth of the phones, drawn at random, is hardly missed.  The slow fifth costs its
# digit some 50 points on average, from 9 (digit 0) to 80 (digit 9), and the
# others nothing that shows.  The mean over all pictures dilutes it tenfold.
#
# **Participation bias** is the error of a model that learned from those who were able
# to take part.  A rule for the head: *a group that is a tenth of the test shows a tenth
# of its loss in the mean, so print the accuracy of each group.*  One step from the slow
# phones mends most of it here.
#
# ## Adding without looking
#
# The pictures stay on the phone.  Do they stay *private*?  Let a picture have pixels
# $x_i$ and the label $y$, and let the model give class $c$ the chance $p_c$.  The
# gradient of its loss is
#
# $$ g_{ic} = x_i\,(p_c - y_c), \qquad g_{65,c} = p_c - y_c
#    \qquad\Longrightarrow\qquad x_i = \frac{g_{ic}}{g_{65,c}}, $$
#
# as the 65th pixel is 1.  A phone with one picture sends a sum of such gradients, and
# the quotient is the same.

# %%
test, hands = deal(0, skewed=True)
only = hands[7][:1]  # one picture of phone 7
update = train(start, *stack([only]), steps=5)[0] - start
seen = update[:64, 0] / update[64, 0]
exact = int(np.isclose(seen, PIXELS[only[0], :64], atol=1e-6).sum())
print(f"pixels computed from the update: {exact} of 64.  You guessed {guess_pixels:g}.")

# %% [markdown]
# With more pictures the quotient is a mixture of them.  **Gradient inversion** is the
# reconstruction of training data from updates.
#
# **Secure aggregation** gives the server the sum of all updates, and no single one.  A
# phone's update is written in whole numbers $x_k$ modulo $2^{32}$.  Each two phones
# $j<k$ agree on a random mask $s_{jk}$, made from a seed that they share.  One adds it,
# the other subtracts it.  Each phone also adds a mask $b_k$ of its own (Bonawitz et
# al., CCS 2017):
#
# $$ \text{message}_k = x_k + b_k + \sum_{j>k} s_{kj} - \sum_{j<k} s_{jk},
#    \qquad
#    \sum_k \text{message}_k = \sum_k x_k + \sum_k b_k. $$

# %%
#| label: fig-masks
#| fig-cap: "Masks of four phones.  Grey pairs cancel, the server takes off the rest."
#| fig-alt: "Two squares of numbers. Off the diagonal they cancel, but for a lost row."
# @title Four phones' masks, pairs cancelling
rng = np.random.default_rng(11)
S = np.triu(rng.integers(10, 99, (4, 4)), 1)
S = S - S.T + np.diag(rng.integers(10, 99, 4))
fig, axes = plt.subplots(1, 2, figsize=(6.4, 3.3), sharey=True)
for ax, gone in zip(axes, (None, 2), strict=True):
    for k, j in [at for at in np.ndindex(4, 4) if at[0] != gone]:
        color = "C1" if j == gone else "C0" if k == j else "0.88"
        ax.add_patch(plt.Rectangle((j - 0.46, k - 0.46), 0.92, 0.92, fc=color))
        ink = "black" if color == "0.88" else "white"
        ax.text(j, k, f"{S[k, j]:+d}", ha="center", va="center", color=ink)
    ax.set(xlim=(-0.6, 3.6), ylim=(3.6, -0.6), xticks=range(4), yticks=range(4))
    ax.set(title="all report" if gone is None else "phone 2 sends nothing")
    ax.set_xlabel("mask shared with phone\n(diagonal: its own)")
    ax.grid(visible=False)
axes[0].set_ylabel("added by phone")
plt.show()

# %% [markdown]
# In the figure a row is what one phone adds.  On the diagonal, blue, is its own mask.
# The pairs across the diagonal cancel.  If $d$ of $K$ phones drop out before they send,
# their rows are missing, and their columns do not cancel (vermilion).  Then every phone
# that has sent tells the server the seeds that it shares with the missing phones, and
# the seed of its own mask.  The server has to make
#
# $$ (K-d) + (K-d)\,d = (K-d)(1+d) $$
#
# masks and take them off.  Why the own mask?  A missing phone may only be late.  If it
# was the only one missing, the server then knows the seeds of all its pairs; the own
# mask alone still hides it, and must never be taken off.  (Should a phone vanish
# *after* sending, others keep shares of its seeds.)
#
# In the play, twenty phones send the weights of a round, times their examples.  The
# seeds are the phones' numbers, so that you can check the sum; real ones are secret.


# %%
made = []  # seeds of the masks that were made


def words(seed, size=650):
    made.append(seed)
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2**32, size, dtype=np.uint32)


def pairs(k, others):
    """Return the sum of the masks that phone k shares with others, as k adds them."""
    total = np.zeros(650, np.uint32)
    for j in others:
        mask = words([min(j, k), max(j, k)])
        total = total + mask if k < j else total - mask
    return total


# %%
twenty, n = set(range(20)), np.array([len(own) for own in hands])
w = train(start, *stack(hands), 5).reshape(20, -1)
fixed = np.rint(n[:, None] * w * 2**16).astype(np.int64).astype(np.uint32)
sent = [fixed[k] + words([k]) + pairs(k, twenty - {k}) for k in twenty]
for d in (0, 5):
    here, gone = range(d, 20), range(d)
    made.clear()
    total = sum(sent[k] - words([k]) - pairs(k, gone) for k in here)
    off, true = len(made), fixed[d:].sum(axis=0, dtype=np.uint32)
    own = sum(sent[k] - words([k]) for k in here)
    share, rival = np.mean(total == true), np.mean(own == true)
    print(f"{d} drop out: {off} masks off, {share:.0%} of the sum's numbers right;")
    print(f"   with only the phones' own masks off {rival:.0%}")
print(f"1,000 phones, 100 drop out: {900 * 101:,} masks")

# %% [markdown]
# The sum is exact.  But the server is not idle: it selects, waits, unmasks.  And masks
# do not hide the sum, in which a model may still remember a picture.
#
# ## Eight bits for the way home
#
# The result goes back to every phone, and answers there in eight-bit integers.  Weights
# are known; the range of *activations* is not.  *Calibration* chooses it from sample
# inputs.  Symmetric integers of $b$ bits write $x \approx s\,q$ with
# $|q| \le 2^{b-1}-1$.  If the scale must reach to $x_\text{max}$, and rounding errors
# are spread evenly over a step,
#
# $$ s = \frac{x_\text{max}}{2^{b-1}-1}, \qquad
#    \text{error (rms)} = \frac{s}{\sqrt{12}}. $$
#
# A range that is $\rho$ times too wide makes the error $\rho$ times as large: it costs
# $\log_2\rho$ bits.
#
# The test is a network of 64, 32 and 10 units for the digits.  Of the 300 pictures to
# calibrate on, one came unscaled: pixels, and the constant, to 16
# or 255 instead of 1.


# %%
def with_one(x):
    return np.c_[x, np.ones(len(x))]


def small_network(seed, units=32, steps=200, rate=0.5):
    """Return two matrices, whose last rows are biases, and pictures to test and try."""
    rng = np.random.default_rng(seed)
    test, own = np.split(rng.permutation(1797), [450])
    X, Y = PIXELS[own[:600]], np.eye(10)[LABELS[own[:600]]]
    W1, W2 = rng.normal(size=(65, units)) / 8, rng.normal(size=(units + 1, 10)) / 6
    for _ in range(steps):
        H = np.maximum(X @ W1, 0)
        error = (softmax(with_one(H) @ W2, -1) - Y) / len(X)
        back = (error @ W2[:-1].T) * (H > 0)
        W1 = W1 - rate * X.T @ back
        W2 = W2 - rate * with_one(H).T @ error
    return W1, W2, test, own[:300]


def integers(x, top):
    """Return x in eight bits, and the scale; top: the largest that is kept."""
    s = top / 127
    return np.clip(np.rint(x / s), -127, 127), s


# %%
def in_integers(W1, W2, test, top):
    """Return the classes named; of the hidden layer the error, the law's, and zeros."""
    q1, s1 = integers(W1[:-1], np.abs(W1[:-1]).max(axis=0))
    q2, s2 = integers(W2[:-1], np.abs(W2[:-1]).max(axis=0))
    qx, sx = integers(PIXELS[test, :64], 1.0)
    H = np.maximum(qx @ q1 * (sx * s1) + W1[-1], 0)
    qh, sh = integers(H, top)
    named = (qh @ q2 * (sh * s2) + W2[-1]).argmax(axis=1)
    error = np.sqrt(((qh * sh - H)[H > 0] ** 2).mean())
    return named, error, sh / np.sqrt(12), np.mean(qh[H > 0] == 0)


def changed(seed, bright, cut):
    """Return the points lost in eight bits, and what became of the hidden layer."""
    W1, W2, test, samples = small_network(seed)
    floats = (with_one(np.maximum(PIXELS[test] @ W1, 0)) @ W2).argmax(axis=1)
    scale = np.where(np.arange(300) == 7, bright, 1)[:, None]
    top = np.quantile(np.maximum(PIXELS[samples] * scale @ W1, 0), 1 - cut)
    named, *hidden = in_integers(W1, W2, test, top)
    lost = 1.0 * (floats == LABELS[test]) - (named == LABELS[test])
    return 100 * lost.mean(), *hidden


# %%
print("calibrated with             points lost   error   by the law     ρ  set to 0")
fine = None
for case, bright, cut in (
    ("all pictures fine", 1, 0.0),
    ("all fine, 0.5 % cut off", 1, 0.005),
    ("one to 16", 16, 0.0),
    ("one to 255", 255, 0.0),
    ("one to 255, 0.5 % cut off", 255, 0.005),
):
    runs = np.transpose([changed(seed, bright, cut) for seed in range(6)])
    (lost, half), (error, law, zeros) = interval(runs[0]), runs[1:].mean(axis=1)
    fine = fine or law
    row = f"{round(lost, 1) + 0.0:6.1f} ± {half:4.1f} {error:7.3f} {law:9.3f}"
    print(f"{case:26} {row} {law / fine:9.1f} {zeros:9.0%}")

# %% [markdown]
# Where nothing is cut off, the law holds as long as the step is narrower than most
# values.  At 255 nearly all become 0, and one picture of 300 has cost most of the
# accuracy.  On clean pictures cutting 0.5 % nearly triples the error and costs no
# accuracy that shows; with the bad one it saves nearly all.  How large a cut would
# hurt, we did not try.  One picture holds 0.33 % of the values, less than is cut.  A
# rule for the head: *a range $\rho$ times too wide costs $\log_2\rho$ bits, as long as
# bits are left.  Cut a larger share of the values than bad samples can hold.*
#
# Back to the phone.  By the law, adapters bring 360 MB down to 242, recomputation on
# top of them to 142, and training one layer to 72, all at the least.  By the counts,
# with adapters and no recomputation, a cool phone works 13 minutes for 7 % of its
# battery and sends 0.4 MB; recomputing half makes it at least 17 minutes and 8 %.  Many
# phones together learn all digits, but a digit that is mostly on phones left out worse,
# here by 9 to 80 points.
#
# <details><summary>Sources, and where ours differs from the book's</summary>
#
# The open calculations of *Machine Learning Systems at Scale* (mlsysim 0.3.0) give the
# 40 and 360 MB, the 4.5 W and the photos.  MACs are those of MLPerf Tiny's reference
# models (Banbury et al., arXiv 2106.07597).  The boards are those of the closed
# division with measured energies of at least two networks at one clock.  Heat, links,
# deadline and deals are ours.
#
# </details>
#
# ## Try it
#
# 1. A server needs 100 answers, and each phone drops out with probability 0.1.  Does it
#    suffice to ask 112?  How many must it ask to have 100 in 98 of 100 rounds?
#
#    <details><summary>Answer</summary>
#
#    112 give 100.8 on average, and fall short in a third of the rounds.  118 do not
#    suffice, 119 do.
#
#    ```python
#    from scipy.stats import binom
#
#    for asked in (112, 118, 119):
#        print(f"ask {asked}: enough in {binom.sf(99, asked, 0.9):.1%} of rounds")
#    ```
#
#    ```text
#    ask 112: enough in 67.2% of rounds
#    ask 118: enough in 97.5% of rounds
#    ask 119: enough in 98.6% of rounds
#    ```
#
#    </details>
#
# 2. A phone gets the model that all have learned, and trains it on 40 pictures of two
#    digits.  Does learning improve it?  **Experience replay** mixes a few stored old
#    examples into the new ones.  Try it with 16 pictures of the other digits.
#
#    <details><summary>Answer</summary>
#
#    It gains little on two digits and loses more than half of the others:
#    **catastrophic forgetting** is the loss of what a model knew by training on
#    something else.  Sixteen old pictures prevent most of it.
#
#    ```python
#    kept = []
#    for seed in range(10):
#        test, hands = deal(seed, skewed=False)
#        w, own = learn(stack(hands), lambda: everyone), np.concatenate(hands)
#        two = np.random.default_rng(seed).choice(10, 2, replace=False)
#        new = own[np.isin(LABELS[own], two)][:40]
#        old = own[~np.isin(LABELS[own], two)][:16]
#        mine = np.isin(LABELS[test], two)
#        models = [w] + [
#            train(w, *stack([x]), 50)[0] for x in (new, np.concatenate([new, old]))
#        ]
#        good = np.array([right(model, test) for model in models])
#        kept.append(np.transpose([good[:, mine].mean(1), good[:, ~mine].mean(1)]))
#    for i, name in enumerate(("as received", "trained", "with replay")):
#        (a, b), (c, d) = (interval(x) for x in np.array(kept)[:, i].T)
#        print(f"{name:11}: two digits {a:.0%} ± {b:.0%}, the others {c:.0%} ± {d:.0%}")
#    ```
#
#    ```text
#    as received: two digits 96% ± 3%, the others 94% ± 1%
#    trained    : two digits 99% ± 1%, the others 41% ± 10%
#    with replay: two digits 99% ± 1%, the others 80% ± 4%
#    ```
#
#    </details>
#
# 3. A microcontroller has 256 kB of memory.  How many weights can it train if it trains
#    all of them and activations take 100 kB?  And if it trains only the biases, 1 % of
#    the weights?  Biases need fewer activations, but leave them at 100 kB.
#
#    <details><summary>Answer</summary>
#
#    Ten thousand, or nearly forty thousand: a recipe for phones does not fit here.
#
#    ```python
#    room = 256 * KB - 100 * KB
#    print(f"all: {room / 16:,.0f} weights, biases: {room / 4.12:,.0f} weights")
#    ```
#
#    ```text
#    all: 9,750 weights, biases: 37,864 weights
#    ```
#
#    </details>
#
# > **Takeaways.**
# >
# > - A step with Adam takes four times the weights, plus activations.  Freezing spares
# >   up to three of the four, and all activations below the lowest trained layer.
# >   Adapters in each layer spare none.
# > - Where the power does not depend on the program, energy is time.
# > - One step a round makes averaging one big step, in whatever hands the data are.
# >   Longer rounds save most if phones are alike, and may drift if not.
# > - Who is left out is missed on what hardly anyone else has, and the mean dilutes it.
# > - An update can be a picture.  Masks with secret seeds hide each one, not the sum.
# > - One bad sample can take all eight bits.  Let calibration cut off a few values.

# > **Chapter connection.** The model is now on a million phones, and nobody looks at
# > one of them.  Chapter 12 asks which of a thousand alarms is real.
