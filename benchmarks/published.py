"""Published step times: each table's rows under the letters of the step-time model."""

import csv
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from step_model import NODE, Rows

from mlsyscore.catalog import A100, H100, H100_FP8, HDR, NDR, NVLINK3, NVLINK4
from mlsyscore.compute import Transformer
from mlsyscore.training import Kept, token_flop
from mlsyscore.units import TB, TFLOP, Gbps, ms

# Share of the peak that fused attention reaches, forward and backward.  Dao (2023),
# arXiv 2307.08691: FlashAttention-2 reaches 50 to 73 % on A100, 335 TFLOP/s on H100,
# twice what FlashAttention does
FLASH2 = {"a100": 0.62, "h100": 335 * TFLOP / H100.peak}
FLASH = {chip: share / 2 for chip, share in FLASH2.items()}
H100_SXM = {"peak": H100.peak, "memory": H100.bw, "nvlink": NVLINK4.beta}
H100_SXM |= {"nic": NODE * NDR.beta}  # a port for each GPU


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
    """Complete a row: T seconds for B sequences, on A100-80GB if none is given.

    What is not given is as in Megatron-LM of 2021: layers of 12 h^2 weights, which keep
    Korthikanti's bytes, all computed again; attention not fused, nothing compiled,
    nothing hidden but by ZeRO-3.
    """
    chip = {"peak": A100.peak, "memory": A100.bw, "nvlink": NVLINK3.beta}
    r = {"t": 1, "p": 1, "V": 1, "recompute": 1, "zero3": 0} | chip | r
    gpt = {"W": 12 * r["h"] ** 2, "whole": Kept().whole, "split": Kept().split}
    r = gpt | {"flash": 0, "compiled": 0, "linear": r["peak"]} | r
    r = {"rescore": r["recompute"], "hidden": r["zero3"]} | r
    r["d"] = r["gpus"] / r["t"] / r["p"]
    r["m"] = B / r["d"] / r["b"]
    model = Transformer(1, r["L"], r["h"], r["a"], r["a"])
    token = token_flop(model, r["s"], r["vocabulary"])
    token += 6 * r["L"] * (r["W"] - gpt["W"])
    return r | {"T": T, "flop": B * r["s"] * token}


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


def foundry(x: Line, gpu: str, fp8: bool = False) -> Rows | None:
    """MPT under FSDP, heads 128 wide, FlashAttention; FP8, or all but that."""
    if not x["gpu"].startswith(gpu):
        return None
    if ("fp8" in x["precision"]) != fp8:
        raise Blank
    r = read(x, L="layers", h="d_model", s="seq_len", gpus="gpus", b="micro_batch")
    r |= {"nic": 1600 * Gbps}  # A100: the table's section says so
    if gpu == "h100":
        r |= H100_SXM  # its ports are assumed
        r |= {"linear": H100_FP8.peak} if fp8 else {}
    elif "40gb" in x["gpu"]:
        r |= {"memory": 1.555 * TB}  # NVIDIA's datasheet, A100 40 GB
    r |= {"recompute": x["act_ckpt"] == "True", "zero3": 1, "flash": FLASH[gpu]}
    r |= {"a": r["h"] / 128, "vocabulary": 50_368}
    B = x.number("global_batch_seqs")
    return row(B * r["s"] / x.number("tokens_per_s"), B, **r)


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


def table(path: Path, read: Callable[[Line], Rows | None]) -> tuple[list[Rows], int]:
    """Read a table: the rows of this kind, and how many more were left out."""
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
    return [r for r in found if r], left


def load(path: Path, read: Callable[[Line], Rows | None]) -> tuple[Rows, int]:
    """Read a table that is to be halved: its columns, and how many were left out."""
    rows, left = table(path, read)
    r = columns(rows)
    if len(groups(r)) < 4:
        raise Trouble(f"{path}: {len(rows)} rows to use, {left} left out: too few")
    return r, left


def inputs(r: Rows) -> list[str]:
    """Names of the columns that a prediction may use."""
    return sorted(set(r) - {"T", "flop"})


def take(r: Rows, which: list[int]) -> Rows:
    """Some of the rows."""
    return {x: column[which] for x, column in r.items()}


def groups(r: Rows) -> list[list[int]]:
    """Rows with the same inputs together, in the order of a hash of the inputs."""
    found: dict[str, list[int]] = {}
    for i in range(len(r["T"])):
        said = repr([(x, float(r[x][i])) for x in inputs(r)])
        found.setdefault(hashlib.sha256(said.encode()).hexdigest(), []).append(i)
    return [found[x] for x in sorted(found)]


def halves(together: list[list[int]]) -> tuple[list[int], list[int]]:
    """Every other group of rows, and the rest."""
    a, b = ([i for group in together[k::2] for i in group] for k in (0, 1))
    return a, b
