"""Rows and tables whose truth is known: random layouts, timed by the model itself."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from published import SETS, Line, columns, load, row
from step_model import Rows, step

from mlsyscore.catalog import HDR

FILES = list(dict.fromkeys(x.file for x in SETS))
MEGATRON = {"L": "layers", "h": "hidden", "a": "heads", "gpus": "gpus", "t": "tp"}
MEGATRON |= {"p": "pp", "b": "micro_batch", "B": "global_batch"}


def simple(**changes: float) -> Rows:
    """One row: a step of one GPU whose memory is free, changed."""
    r = {"L": 24, "h": 2048, "a": 16, "s": 1024, "b": 4, "gpus": 1}
    r |= {"vocabulary": 51_200, "nic": 4 * HDR.beta, "memory": np.inf}
    r |= {"T": 1.0, "B": 4 * changes.get("gpus", 1)} | changes
    return columns([row(**r)])


def titan(
    mode: str = "FSDP8",
    model: str = "8B",
    gpus: int = 8,
    seq: int = 8192,
    batch: int = 2,
    value: int = 5762,
) -> dict[str, Any]:
    """A row as torchtitan's are written."""
    inputs = {"model": f"Llama-3.1-{model}", "gpus": gpus, "mode": mode, "seq": seq}
    return {"inputs": inputs | {"local_batch": batch}, "value": value}


def layouts(n: int, seed: int) -> Iterator[dict[str, int]]:
    """Random layouts that fit: heads 128 wide, whole microbatches, whole stages."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        t, p, d, b = (int(rng.choice(x)) for x in ([1, 2, 4, 8], [1, 2, 4], [4, 8], 3))
        h, m = 1024 * int(rng.integers(2, 13)), int(rng.integers(4, 40))
        x = {"L": 4 * int(rng.integers(4, 20)), "h": h, "a": h // 128, "s": 2048}
        yield x | {"t": t, "p": p, "b": 2**b, "gpus": t * p * d, "B": d * m * 2**b}


def noisy(theta: np.ndarray, seed: int, n: int = 60, noise: float = 0.05) -> Rows:
    """Runs of one cluster, of measured times that scatter about theta's."""
    there = {"vocabulary": 51_200, "nic": 4 * HDR.beta}
    r = columns([row(1.0, **x, **there) for x in layouts(n, seed)])
    scatter = np.random.default_rng(seed).lognormal(0, noise, n)
    return r | {"T": step(theta, r) * scatter}


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows as a table."""
    with path.open("w", newline="") as file:
        out = csv.DictWriter(file, list(rows[0]))
        out.writeheader()
        out.writerows(rows)


def read(path: Path) -> list[dict[str, str]]:
    """Read such a table."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def mpt(x: dict[str, int], i: int) -> dict[str, Any]:
    """Row i of a table of MPT runs."""
    gpu = ("a100_80gb", "a100_40gb", "h100_80gb")[i % 3]
    gpus, precision = 8 * 2 ** (i % 4), "amp_bf16"
    line = {"layers": x["L"], "d_model": x["h"], "seq_len": 2048, "gpus": gpus}
    line |= {"micro_batch": x["b"], "global_batch_seqs": gpus * x["b"] * (1 + i % 5)}
    return line | {"gpu": gpu, "act_ckpt": i % 2 == 0, "precision": precision}


def folder_of(folder: Path, theta: np.ndarray, n: int = 60) -> Path:
    """Write all tables, with the times that the model gives for theta."""
    times = ["iteration_ms", "iteration_ms", "sec_per_iter", "tokens_per_s"]
    for seed, (file, time) in enumerate(zip(FILES, times, strict=True)):
        found = list(layouts(n, seed))
        lines = [
            {MEGATRON[k]: x[k] for k in MEGATRON} | {"seq_len": 2048} for x in found
        ]
        if time == "tokens_per_s":
            lines = [mpt(x, i) for i, x in enumerate(found)]
        write(folder / file, [x | {time: 1000} for x in lines])
        for one in (x for x in SETS if x.file == file):
            seconds = iter(step(theta, load(folder / file, one.read)[0]))
            for x in lines:
                if one.read(Line({**x, time: 1000})) is None:
                    continue
                T = float(next(seconds))
                if time == "tokens_per_s":
                    x[time] = x["global_batch_seqs"] * 2048 / T
                else:
                    x[time] = T * 1000 if time == "iteration_ms" else T
        write(folder / file, lines)
    return folder
