"""Published step times: each table's rows under the letters of the step-time model."""

import csv
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from step_model import NODE, Rows

from mlsyscore.catalog import A100, H100, HDR, NDR, NVLINK3, NVLINK4
from mlsyscore.compute import Transformer
from mlsyscore.training import token_flop
from mlsyscore.units import TB, TFLOP, Gbps, ms


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
            if paper == "meg21-t1":  # FLOP/s of four passes; three are the model's
                logits = 6 * r["h"] * r["vocabulary"] * r["s"] * said["batch"]
                done = r["flop"] + (r["flop"] - logits) / 3
                r["T"] = done / r["gpus"] / (x["value"] * TFLOP)
            rows.append(r)
    return columns(rows)


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
