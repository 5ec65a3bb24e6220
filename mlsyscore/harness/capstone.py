"""A fleet's brief, and what a design for it comes to under every law at once.

Briefs and designs are plain dicts.  ``evaluate`` refuses what cannot be built.
"""

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np

from .. import catalog, queues, reliability, serving, storage, sustainability, training
from ..collectives import ring_allreduce
from ..fleet import system_mtbf
from ..network import Link
from ..privacy import gaussian_rdp, rdp_epsilon
from ..units import GB, MW, GiB, day, gram, hour, kWh, million, minute, tonne, year

Brief = dict[str, Any]
MODELS = {
    "Llama 2 7B": catalog.LLAMA2_7B,
    "Llama 3 70B": catalog.LLAMA3_70B,
    "GPT-3 175B": catalog.GPT3,
}
SITES = {  # grid (g/kWh), PUE, delay (s), price of an hour over elsewhere's, feed (W)
    "coal": (700.0, 1.25, 0.02, 0.9, 40 * MW),
    "mixed": (390.0, 1.2, 0.02, 1.0, 20 * MW),
    "nuclear": (56.0, 1.2, 0.08, 1.1, 6 * MW),
    "hydro": (25.0, 1.1, 0.12, 1.05, 3 * MW),
}
LIMITS = ("days", "lost", "cost", "p99", "carbon", "power", "epsilon", "gap", "wrong")
WHOLE = {"p": 96, "d": 1024, "spares": 1000, "servers": 10_000, "batch": 512}
REAL = {
    "r": (1.0, 16.0),
    "tau": (1.0, 30 * day),
    "sigma": (0.1, 1e4),
    "at_a": (-5.0, 5.0),
    "at_b": (-5.0, 5.0),
}
KNOBS = (*WHOLE, *REAL, "site")
SEQUENCES, STEPS, CHIP, PHI = 1024, 200, catalog.H100, NormalDist().cdf


def brief_of(seed: int, limits: Mapping[str, float] | None = None) -> Brief:
    """Return the brief that a seed draws, with limits on what ``evaluate`` returns."""
    rng = np.random.default_rng(seed)
    model = list(MODELS)[int(rng.integers(3))]
    sites = {}
    for name, (grid, pue, delay, dear, feed) in SITES.items():
        scale = float(rng.uniform(0.7, 1.4))
        sites[name] = {"grid": grid, "pue": pue, "delay": delay, "dear": dear}
        sites[name]["feed"] = round(feed * scale)
    return {
        "model": model,
        "tokens": round(float(rng.uniform(0.5, 4)), 2) * 1e12,
        "load": round(float(rng.uniform(10, 60)), 1),
        "answer": int(rng.integers(50, 250)),
        "mtbf": round(float(rng.uniform(20_000, 80_000))) * hour,
        "repair": round(float(rng.uniform(6, 72))) * hour,
        "restart": round(float(rng.uniform(4, 20))) * minute,
        "store": round(float(rng.uniform(5, 80))) * GB,
        "records": int(rng.integers(300, 2000)),
        "apart": round(float(rng.uniform(0.8, 1.4)), 2),
        "lower": round(float(rng.uniform(0.2, 0.7)), 2),
        "base": [0.5, round(float(rng.uniform(0.25, 0.45)), 2)],
        "share_b": round(float(rng.uniform(0.1, 0.4)), 2),
        "sites": sites,
        "limits": dict(limits or {}),
    }


def readable(brief: Brief, design: Any) -> dict[str, Any]:
    """Return a design with its numbers as numbers; ValueError if it cannot be built."""
    if not isinstance(design, Mapping):
        raise ValueError(f"a design is a dict, not {type(design).__name__}")
    if missing := [k for k in KNOBS if k not in design]:
        raise ValueError(f"the design has no {missing}")
    if str(design["site"]) not in brief["sites"]:
        raise ValueError(f"there is no site {str(design['site'])!r:.40}")
    found: dict[str, Any] = {"site": str(design["site"])}
    for knob in (*WHOLE, *REAL):
        try:
            x = float(design[knob])
        except (TypeError, ValueError):
            raise ValueError(f"{knob} is no number: {design[knob]!r:.40}") from None
        low, high = REAL.get(knob, (knob != "spares", WHOLE.get(knob, 0)))
        if not low <= x <= high:
            raise ValueError(f"{knob} = {x:g} is not from {low:g} to {high:g}")
        if knob in WHOLE and x != int(x):
            raise ValueError(f"{knob} = {x:g} is not whole")
        found[knob] = int(x) if knob in WHOLE else x
    _must_fit(brief, found)
    return found


def _must_fit(brief: Brief, x: Mapping[str, Any]) -> None:
    model = MODELS[brief["model"]]
    if model.L % x["p"]:
        raise ValueError(f"{model.L} layers do not divide over p = {x['p']} stages")
    if SEQUENCES % x["d"]:
        text = f"{SEQUENCES} sequences do not divide over d = {x['d']} replicas"
        raise ValueError(text)
    chips = 8 * x["p"]
    held = training.State().zero(model.P, x["d"], 1) / chips + 8 * GB
    if held > CHIP.memory:
        text = f"training: {held / GB:.0f} GB on a chip of {CHIP.memory / GiB:.0f} GiB"
        raise ValueError(text + "; more stages, or more replicas to shard over")
    tokens = x["batch"] * (1000 + brief["answer"])
    held = (2 * model.P + tokens * serving.kv_per_token(model)) / 8 + 4 * GB
    if held > CHIP.memory:
        text = f"serving: {held / GB:.0f} GB on a chip of {CHIP.memory / GiB:.0f} GiB"
        raise ValueError(text + "; a smaller batch")


def _trained(brief: Brief, x: Mapping[str, Any]) -> tuple[float, float, int]:
    """Return the time to train, the share kept, and the chips without spares."""
    P = MODELS[brief["model"]].P
    layout = training.Layout(8, x["p"], x["d"], SEQUENCES // x["d"])
    work = training.training_flop(P, SEQUENCES * 8192) / (0.5 * CHIP.peak)
    link = Link(catalog.NDR.alpha, catalog.NDR.beta / x["r"])
    talk = ring_allreduce(2 * P / (8 * x["p"]), x["d"], link)
    step = training.layout_step(work, talk, layout, 0.5)
    mtbf = system_mtbf(brief["mtbf"], layout.N)
    write = storage.checkpoint_bytes(P) / brief["store"]
    if x["tau"] + write > 50 * mtbf:
        return math.inf, 0.0, layout.N
    kept = x["tau"] / reliability.segment_time(x["tau"], write, mtbf, brief["restart"])
    term = total = math.exp(-brief["repair"] / mtbf)
    for k in range(1, x["spares"] + 1):
        term *= brief["repair"] / mtbf / k
        total += term
    kept *= min(total, 1.0)  # otherwise more nodes are away than there are spares
    steps = brief["tokens"] / (SEQUENCES * 8192)
    return steps * step / max(kept, 1e-9), kept, layout.N


def _decided(brief: Brief, x: Mapping[str, Any]) -> tuple[float, float]:
    """Return the gap in TPR and the share of wrong decisions: normal scores."""
    m = brief["apart"] / math.hypot(1.0, 10 * x["sigma"] / brief["records"])
    tprs, wrong = [], 0.0
    for k, at in enumerate((x["at_a"], x["at_b"])):
        low, base = k * brief["lower"], brief["base"][k]
        tpr, fpr = PHI(m - low - at), PHI(-m - low - at)
        share = brief["share_b"] if k else 1 - brief["share_b"]
        wrong += share * (base * (1 - tpr) + (1 - base) * fpr)
        tprs.append(tpr)
    return abs(tprs[0] - tprs[1]), wrong


def _served(brief: Brief, x: Mapping[str, Any], wrong: float) -> tuple[float, float]:
    """Return the p99 of an answer while one server is broken, and the share busy."""
    model = MODELS[brief["model"]]
    S = serving.Replica(model, CHIP, 8, 0.4).request(1000, brief["answer"], x["batch"])
    a, places = brief["load"] * (1 + wrong) * S, (x["servers"] - 1) * x["batch"]
    busy = min(a / (places + x["batch"]), 1.0)
    if a >= places:
        return math.inf, busy
    C = queues.erlang_c(a, places)
    wait = S / (places - a) * math.log(max(C / 0.01, 1.0))
    return wait + S + brief["sites"][x["site"]]["delay"], busy


def evaluate(brief: Brief, design: Any) -> dict[str, float]:
    """Return what a design comes to, by name of limit; ValueError if it cannot be.

    days; lost, a share of the time; cost, in millions of dollars; p99, in seconds;
    carbon, in tonnes; power, a share of the feed; epsilon; gap, in TPR; wrong, a share.
    """
    x = readable(brief, design)
    site = brief["sites"][x["site"]]
    T, kept, N = _trained(brief, x)
    gap, wrong = _decided(brief, x)
    p99, busy = _served(brief, x, wrong)
    uses = ((N * T, 0.8), (8 * x["spares"] * T, 0.0), (8 * x["servers"] * year, busy))
    carbon = 0.0
    for seconds, u in uses:
        watts = sustainability.mean_power(u, CHIP.power) * 1.4 * site["pue"]
        carbon += seconds * (watts * site["grid"] * gram / kWh + 300 / (4 * year))
    price = 2 / hour * site["dear"] * (0.85 + 0.15 / x["r"])
    chips = N + 8 * x["spares"] + 8 * x["servers"]
    power = sustainability.facility_power(chips, CHIP.power, 1.4, site["pue"])
    alpha = 1 + x["sigma"] * math.sqrt(2 * math.log(1e5) / STEPS)
    epsilon = rdp_epsilon(alpha, STEPS * gaussian_rdp(alpha, x["sigma"]), 1e-5)
    cost = sum(seconds for seconds, _ in uses) * price / million
    duties = (carbon / tonne, power / site["feed"], epsilon, gap, wrong)
    return dict(zip(LIMITS, (T / day, 1 - kept, cost, p99, *duties), strict=True))


def largest_share(brief: Brief, design: Any) -> float:
    """Return the largest share of a limit that a design uses: at most 1 meets all."""
    found = evaluate(brief, design)
    return max(found[k] / bound for k, bound in brief["limits"].items())
