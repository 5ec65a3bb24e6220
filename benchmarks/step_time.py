"""Fit one page of step-time model to half of the published rows; test it on the rest.

    python benchmarks/step_time.py FOLDER [--splits N]

FOLDER holds the tables named under SETS.  ``step`` is the model, START its seven fitted
numbers.  Rows with the same inputs stay together; their groups, sorted by a hash of the
inputs, go to half A and half B in turn.  Each half predicts the other, beside one
constant MFU fitted to the same half.  N random halves more (20) show how far the error
depends on the split.  Errors are |predicted/measured - 1|.
"""

import argparse
import csv
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from scipy.optimize import least_squares

from mlsyscore.catalog import A100, H100, HDR, NDR, NVLINK3, NVLINK4
from mlsyscore.compute import Transformer, allreduce_traffic
from mlsyscore.training import token_flop
from mlsyscore.units import TB, TFLOP, Gbps, ms

# Round values, from counting operations and from datasheets.  A fit starts from them
# and stays near them where the rows say nothing: host, if the GPUs never wait for it.
START = {
    "E": (0.8, "share of the peak that large matrix products reach, at most 1"),
    "w": (4.0, "bytes of memory traffic for a weight, each pass"),
    "k": (
        6.0,
        "times that a byte kept for the backward pass crosses memory, in 3 passes",
    ),
    "q": (30.0, "bytes of memory traffic for an attention score, in 3 passes"),
    "ramp": (1 * ms, "s a layer, each microbatch: kernels starting, messages starting"),
    "host": (3 * ms, "s a layer: the least, for the host to launch its kernels"),
    "net": (0.8, "share of the links' rate that a collective reaches, at most 1"),
}
PULL, SOFT = 0.1, 0.03  # weight of that; log error beyond which a row counts less
NODE = 8  # GPUs with NVLink between them, in every cluster here
ADAM = 30  # bytes of an update: 3 fp32 numbers in and out, gradient in, fp16 weight out

Rows = dict[str, Any]  # a letter's column, one number per row


# The model ---------------------------------------------------------------------------
def step(theta: np.ndarray, r: Rows) -> np.ndarray:
    """Seconds of a training step with t x p x d GPUs and m microbatches of b sequences.

    Ignores transfers between stages, and overlap of any but ZeRO-3's gathers.
    """
    E, w, k, q, ramp, host, net = theta
    t, p, d, m, V = (r[x] for x in "tpdmV")  # V chunks of the model on a device
    L, h, a, s = (r[x] for x in "Lhas")
    x = r["b"] * s  # tokens of a microbatch
    passes = 3 + r["recompute"]  # forward, twice as much backward, forward again
    rate, memory = E * r["peak"], r["memory"]

    def collective(M: Any, group: Any, rings: Any) -> Any:
        """Ring all-reduce; rings that leave a node share its network cards."""
        link = np.where(group * rings <= NODE, r["nvlink"], r["nic"] / rings)
        return allreduce_traffic(M, group) / (net * link)

    # a layer, forward and backward, for one microbatch
    matrix = passes * x * (24 * h**2 + 4 * h * s) / t / rate
    weights = passes * 12 * h**2 / t * w / memory
    kept = x * h * (10 + 24 / t)  # bytes; Korthikanti et al. (2022), table 2
    scores = x * a * s / t
    elementwise = passes / 3 * (k * kept + q * scores) / memory
    tensor = (4 + 2 * r["recompute"]) * collective(2 * x * h, t, 1)
    layer = np.maximum(matrix + weights + elementwise + tensor + ramp, host)

    vocabulary = r["vocabulary"]  # logits: not recomputed, kept in 16 and in 32 bit
    logits = 6 * x * h * vocabulary / t / rate
    logits += (k * 6 * x + w * 3 * h) * vocabulary / t / memory

    most = np.ceil(L / p)  # layers of the longest stage; the last one has the logits
    stage = np.maximum(most * layer, (L - most * (p - 1)) * layer + logits)
    pipeline = m * stage + (L * layer + logits - stage) / V

    P = (12 * L * h**2 / p + vocabulary * h) / t  # parameters of a device
    gradients = collective(2 * P, d, np.minimum(t, NODE))
    exposed = np.maximum(1.5 * m * gradients - pipeline, 0)  # ZeRO-3: also the weights
    exchange = np.where(r["zero3"], exposed, gradients)
    adam = ADAM * P / np.where(r["zero3"], d, 1) / memory
    return pipeline + exchange + adam


def fit(r: Rows) -> np.ndarray:
    """Least squares of log(predicted/measured), robust, with a pull towards START."""
    start = np.array([value for value, _ in START.values()])
    most = [5 if n not in ("E", "net") else np.log(1 / START[n][0]) for n in START]

    def residuals(z: np.ndarray) -> np.ndarray:
        e = np.log(step(start * np.exp(z), r) / r["T"])
        soft = np.sqrt(2 * (np.sqrt(1 + (e / SOFT) ** 2) - 1)) * SOFT * np.sign(e)
        return np.concatenate([soft, PULL * z])

    return start * np.exp(least_squares(residuals, 0 * start, bounds=(-5, most)).x)


def constant(fitted: Rows, tested: Rows) -> np.ndarray:
    """The baseline: every GPU at one share of its peak, the median of those fitted."""
    ideal = [r["flop"] / r["gpus"] / r["peak"] for r in (fitted, tested)]
    return np.median(fitted["T"] / ideal[0]) * ideal[1]


# The tables --------------------------------------------------------------------------
class Trouble(Exception):
    """A file, a column or enough rows that are not there."""


class Blank(Exception):
    """A row without a value that the model needs, or of a kind it does not know."""


class Line(dict[str, str]):
    """A row of a table."""

    def __missing__(self, column: str) -> str:
        raise Trouble(f"no column {column}")

    def number(self, column: str) -> float:
        """Return a cell that must hold a positive number."""
        try:
            value = float(self[column])
        except (TypeError, ValueError):
            raise Blank from None
        if not 0 < value < np.inf:
            raise Blank
        return value


def row(T: float, B: float, **r: float) -> Rows:
    """Complete a row: T seconds for B sequences, on A100-80GB if none is given."""
    chip = {"peak": A100.peak, "memory": A100.bw, "nvlink": NVLINK3.beta}
    r = {"t": 1, "p": 1, "V": 1, "recompute": 1, "zero3": 0} | chip | r
    r["d"] = r["gpus"] / r["t"] / r["p"]
    r["m"] = B / r["d"] / r["b"]
    model = Transformer(1, r["L"], r["h"], r["a"], r["a"])
    return r | {"T": T, "flop": B * r["s"] * token_flop(model, r["s"], r["vocabulary"])}


def read(x: Line, **columns: str) -> dict[str, float]:
    """Return the numbers of a row under the model's letters."""
    return {letter: x.number(column) for letter, column in columns.items()}


MEGATRON = {"L": "layers", "h": "hidden", "gpus": "gpus", "t": "tp", "p": "pp"}
MEGATRON |= {"b": "micro_batch", "B": "global_batch"}


def vtrain(x: Line) -> Rows:
    """Megatron, full recompute, 800 Gb/s a node: vTrain's config/validation says so."""
    T = x.number("iteration_ms") * ms
    r = read(x, a="heads", s="seq_len", **MEGATRON)
    return row(T, **r, vocabulary=51_200, nic=4 * HDR.beta)


def bigscience(x: Line) -> Rows:
    """Megatron-DeepSpeed, full recompute, four 100 Gb/s Omni-Path cards a node.

    Blank heads were 64: where a later row repeats a time, it gives 64.
    """
    a = x.number("heads") if x["heads"] else 64
    T, r = x.number("sec_per_iter"), read(x, **MEGATRON)
    return row(T, **r, a=a, s=2048, vocabulary=250_880, nic=400 * Gbps)


def foundry(x: Line, gpu: str) -> Rows | None:
    """MPT under FSDP, heads 128 wide; not FP8, whose peak is another."""
    if not x["gpu"].startswith(gpu):
        return None
    if "fp8" in x["precision"]:
        raise Blank
    r = read(x, L="layers", h="d_model", s="seq_len", gpus="gpus", b="micro_batch")
    r |= {"nic": 1600 * Gbps}  # A100: the table's section says so
    if gpu == "h100":
        r |= {"peak": H100.peak, "memory": H100.bw, "nvlink": NVLINK4.beta}
        r |= {"nic": NODE * NDR.beta}  # assumed: a port for each GPU
    elif "40gb" in x["gpu"]:
        r |= {"memory": 1.555 * TB}  # NVIDIA's datasheet, A100 40 GB
    r |= {"a": r["h"] / 128, "recompute": x["act_ckpt"] == "True", "zero3": 1}
    B = x.number("global_batch_seqs")
    return row(B * r["s"] / x.number("tokens_per_s"), B, vocabulary=50_368, **r)


class Set(NamedTuple):
    """A data set: its table, how to read a row, a peer's mean error on all its rows."""

    name: str
    file: str
    read: Callable[[Line], Rows | None]
    peer: str = ""


MANY = "vTrain, many nodes"
MPT = "llm_foundry_mpt_training.csv"
SETS = [  # peers: vTrain's own simulator, Bang et al. (MICRO 2024)
    Set(MANY, "vtrain_multi_node_iterations.csv", vtrain, "vTrain 14.7"),
    Set("vTrain, one node", "vtrain_single_node_iterations.csv", vtrain, "vTrain 8.4"),
    Set("BigScience 176B", "bigscience_176b_topology_sweep.csv", bigscience),
    Set("llm-foundry, A100", MPT, lambda x: foundry(x, "a100")),
    Set("llm-foundry, H100", MPT, lambda x: foundry(x, "h100")),
]


def columns(rows: list[Rows]) -> Rows:
    """Turn rows into columns."""
    names = rows[0] if rows else ["T"]
    return {x: np.array([r[x] for r in rows], float) for x in names}


def load(path: Path, read: Callable[[Line], Rows | None]) -> tuple[Rows, int]:
    """Read a table: its columns, and how many rows were left out."""
    if not path.is_file():
        raise Trouble(f"{path}: no such file")
    found, left = [], 0
    with path.open(newline="") as file:
        for cells in csv.DictReader(file):
            try:
                found.append(read(Line(cells)))
            except Blank:
                left += 1
            except Trouble as trouble:
                raise Trouble(f"{path}: {trouble}") from None
    rows = [r for r in found if r]
    r = columns(rows)
    if len(groups(r)) < 4:
        raise Trouble(f"{path}: {len(rows)} rows to use, {left} left out: too few")
    return r, left


def elsewhere(path: Path) -> Rows:
    """Full-recompute rows of two papers: Narayanan (2021), Korthikanti (2022).

    A cluster with a 200 Gb/s port for each GPU.  The first paper's table gives FLOP/s;
    whether its schedule was interleaved it does not say: taken as not.
    """
    names = {"L": "layers", "h": "hidden", "a": "heads", "s": "seq", "gpus": "gpus"}
    names |= {"t": "tp", "p": "pp", "b": "micro_batch", "vocabulary": "vocab"}
    rows = []
    for x in yaml.safe_load(path.read_text())["rows"] if path.is_file() else []:
        paper, said = x["id"][:8], x["inputs"]
        full = "full" in f"{x['quantity']} {said}"
        if paper not in ("meg21-t1", "korth-t5") or not full:
            continue
        if {*names.values(), "batch"} <= said.keys():
            r = {letter: said[name] for letter, name in names.items()}
            r |= {"V": said.get("interleave", 1), "nic": NODE * HDR.beta}
            r = row(x["value"], said["batch"], **r)
            if (
                paper == "meg21-t1"
            ):  # four passes' FLOP/s of a GPU, 3/4 of them the model's
                logits = 6 * r["h"] * r["vocabulary"] * r["s"] * said["batch"]
                done = r["flop"] + (r["flop"] - logits) / 3
                r["T"] = done / r["gpus"] / (x["value"] * TFLOP)
            rows.append(r)
    return columns(rows)


# Halves ------------------------------------------------------------------------------
def take(r: Rows, which: list[int]) -> Rows:
    """Some of the rows."""
    return {x: column[which] for x, column in r.items()}


def groups(r: Rows) -> list[list[int]]:
    """Rows with the same inputs together, in the order of a hash of the inputs."""
    found: dict[str, list[int]] = {}
    for i in range(len(r["T"])):
        said = repr([(x, float(r[x][i])) for x in sorted(r) if x != "T"])
        found.setdefault(hashlib.sha256(said.encode()).hexdigest(), []).append(i)
    return [found[x] for x in sorted(found)]


def halves(together: list[list[int]]) -> tuple[list[int], list[int]]:
    """Every other group of rows, and the rest."""
    a, b = ([i for group in together[k::2] for i in group] for k in (0, 1))
    return a, b


class Trial(NamedTuple):
    """What some rows say of others: the rows, the fit, both models' errors in %."""

    fitted: list[int]
    tested: list[int]
    theta: np.ndarray
    ours: np.ndarray
    flat: np.ndarray


def judge(r: Rows, fitted: list[int], tested: list[int]) -> Trial:
    """Fit to some rows and test on others."""
    here, there = take(r, fitted), take(r, tested)
    theta = fit(here)
    ours = 100 * (step(theta, there) / there["T"] - 1)
    flat = 100 * (constant(here, there) / there["T"] - 1)
    return Trial(fitted, tested, theta, ours, flat)


# The report --------------------------------------------------------------------------
def line(*cells: object) -> None:
    """Print a line of the table."""
    name, half, *numbers, last = cells
    said = " ".join(f"{x:6.1f}" if isinstance(x, float) else f"{x:>6}" for x in numbers)
    print(f"{name:18} {half:14} {said}  {last}".rstrip())


def sizes(*errors: np.ndarray) -> list[float]:
    """Mean and median of the size of each kind of error."""
    return [float(f(np.abs(e))) for e in errors for f in (np.mean, np.median)]


def report(one: Set, r: Rows, n: int) -> tuple[Trial, Trial]:
    """Print a data set's lines of the table; return the tests of B and of A."""
    together = groups(r)
    a, b = halves(together)
    tests = judge(r, a, b), judge(r, b, a)
    for half, x in zip(("A predicts B", "B predicts A"), tests, strict=True):
        line(one.name, half, len(x.fitted), len(x.tested), *sizes(x.ours, x.flat), "")
    ours, flat = (np.concatenate([x[i] for x in tests]) for i in (3, 4))
    line("", "both", "", len(ours), *sizes(ours, flat), one.peer)
    drawn = []
    for seed in range(n):
        order = np.random.default_rng(seed).permutation(len(together))
        x = judge(r, *halves([together[i] for i in order]))
        drawn.append(sizes(x.ours, x.flat))
    if n:
        line("", f"{n} random", "", "", *np.mean(drawn, axis=0), "")
        line("", "  deviation", "", "", *np.std(drawn, axis=0), "")
    return tests


def parameters(fitted: dict[str, np.ndarray]) -> None:
    """Print the fitted numbers, one column per data set."""
    print("\nFitted to half A.  Columns: the start, then the data sets as above")
    for i, (name, (start, meaning)) in enumerate(START.items()):
        values = " ".join(f"{theta[i]:7.3g}" for theta in fitted.values())
        print(f"{name:5} {start:6.3g}  {values}  {meaning}")


def transfer(r: Rows, tests: tuple[Trial, Trial]) -> None:
    """Print how vTrain's parameters do on two papers' rows, none of them fitted."""
    if len(r["T"]):
        print(
            f"\n{len(r['T'])} rows of Narayanan et al. (2021), table 1, and Korthikanti"
        )
        print(f"et al. (2022), table 5, predicted by the fit to {MANY}: none fitted")
        for half, x in zip("AB", tests, strict=True):
            mean, median = sizes(100 * (step(x.theta, r) / r["T"] - 1))
            print(f"half {half}: mean {mean:.1f}, median {median:.1f} %")
        print("Calculon (SC 2023): mean 3.7 % on eight rows of the second table")


def worst(r: Rows, tests: tuple[Trial, Trial], n: int = 5) -> None:
    """Print the rows that were predicted worst by the half they are not in."""
    index, error = (np.concatenate([t[i] for t in tests]) for i in (1, 3))
    print(f"\nWorst of {MANY}: predicted against measured")
    for i in np.argsort(-np.abs(error))[:n]:
        x = take(r, index[i])
        layout = ", ".join(f"{y} {x[y]:g}" for y in "hLtpdbm")
        print(f"{error[i]:+6.1f} %  {x['T']:6.2f} s  {layout}")


def main(words: list[str]) -> int:
    """Print all; return 1 where a table is missing."""
    ask = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ask.add_argument("folder", type=Path, help="holds the tables")
    ask.add_argument("--splits", type=int, default=20, help="random halves more")
    asked = ask.parse_args(words)
    line("error in %", "", "  rows", "", "  ours", "", "  constant MFU", "")
    titles = ["fitted", "tested", "mean", "median", "mean", "median"]
    line("data set", "half", *titles, "peer's mean")
    failed, done, left = {}, {}, {}
    for one in SETS:
        try:
            r, left[one.name] = load(asked.folder / one.file, one.read)
            done[one.name] = r, report(one, r, asked.splits)
        except Trouble as trouble:
            failed[str(trouble)] = one
    for name, n in left.items():
        if n:
            print(f"{name}: {n} rows left out, for a value missing or FP8")
    if done:
        parameters({name: tests[0].theta for name, (_, tests) in done.items()})
    if MANY in done:
        r, tests = done[MANY]
        transfer(elsewhere(asked.folder / "01_training_throughput.yaml"), tests)
        worst(r, tests)
    for trouble in failed:
        print(f"step_time: {trouble}", file=sys.stderr)
    if MANY in done:
        print(f"\n{MANY}: each row predicted by the half that it is not in")
        print(f"mean error {sizes(np.concatenate([x.ours for x in tests]))[0]:.1f} %")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
