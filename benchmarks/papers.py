"""Published steps that no fit sees: other papers, chips, precisions and frameworks.

A row says less than a fit's tables do.  What is assumed stands at each reader; a row
that leaves more open is left out.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from published import FLASH2, H100_SXM, MPT, Blank, columns, foundry, row, table
from step_model import NODE, Rows

from mlsyscore.catalog import H100, H100_FP8, HDR, LLAMA3_70B, LLAMA3_405B
from mlsyscore.compute import Transformer
from mlsyscore.training import Kept
from mlsyscore.units import TB, TFLOP

Said = dict[str, Any]  # a row of a YAML table

TRAINING, RUNS = "01_training_throughput.yaml", "03_runs_reliability.yaml"
NAMES = {"L": "layers", "h": "hidden", "a": "heads", "s": "seq", "gpus": "gpus"}
NAMES |= {"t": "tp", "p": "pp", "b": "micro_batch", "vocabulary": "vocab"}

# full: nothing kept but the inputs of layers.  Selective, with sequence parallelism:
# only scores are computed again (Korthikanti et al., 2022, table 2)
SEQUENCE = Kept(0, 34, 5)
SELECTIVE = {"whole": SEQUENCE.whole, "split": SEQUENCE.split}
SELECTIVE |= {"recompute": 0, "rescore": 1}

LLAMA3_8B = Transformer(8_030_261_248, 32, 4096, 32, 8)  # arXiv 2407.21783, table 3
LLAMA3 = {"8B": (LLAMA3_8B, 14_336), "70B": (LLAMA3_70B, 28_672)}
LLAMA3 |= {"405B": (LLAMA3_405B, 53_248)}  # and the width of the MLP
NVL = 835 * TFLOP  # NVIDIA's datasheet, H100 NVL, bf16, dense


def megatron(x: Said, b: float | None = None, **more: float) -> Rows:
    """Megatron-LM's letters of a row; a 200 Gb/s port for each GPU, if none is given.

    Where a row does not say whether the schedule is interleaved: taken as not.
    """
    said = x["inputs"] | ({} if b is None else {"micro_batch": b})
    if not {*NAMES.values(), "batch"} <= said.keys():
        raise Blank
    if isinstance(said["vocab"], str):  # as in 64k
        said["vocab"] = 1000 * int(said["vocab"].removesuffix("k"))
    r = {letter: said[name] for letter, name in NAMES.items()}
    r |= {"V": said.get("interleave", 1), "nic": NODE * HDR.beta}
    return row(1.0, said["batch"], **r | more)


def narayanan(x: Said) -> Rows:
    """Table 1 gives FLOP/s of four passes; the model's are three."""
    r = megatron(x)
    logits = 6 * r["h"] * r["vocabulary"] * r["s"] * x["inputs"]["batch"]
    done = r["flop"] + (r["flop"] - logits) / 3
    return r | {"T": done / r["gpus"] / (x["value"] * TFLOP)}


def korthikanti(x: Said) -> Rows:
    """Table 5, seconds; full recompute, or selective with sequence parallelism."""
    how = {} if "full" in x["quantity"] else SELECTIVE
    return megatron(x, **how) | {"T": x["value"]}


def megascale(x: Said) -> Rows:
    """Seconds.  Assumed: microbatches of 1, selective recompute; neither is said."""
    return megatron(x, b=1, **SELECTIVE) | {"T": x["value"]}


def core(x: Said) -> Rows:
    """Megatron-Core: FLOP/s of the model; FlashAttention-2, all exchange hidden.

    Assumed: microbatches of 1 in a pipeline.  Without one the row leaves it open.
    """
    if x["inputs"].get("pp", 1) == 1:
        raise Blank
    how = SELECTIVE | {"rescore": 0, "flash": FLASH2["h100"], "hidden": 1}
    r = megatron(x, b=1, **how, **H100_SXM)
    return r | {"T": r["flop"] / r["gpus"] / (x["value"] * TFLOP)}


def torchtitan(x: Said) -> Rows:
    """Tokens/s of a GPU; Llama 3.1 with FSDP, TP with sequence parallelism, PP, CP.

    H100 with 2.4 TB/s, held at 500 of 700 W: its peak, the page says, lies between
    those of H100 SXM and NVL; taken in the middle.  As many microbatches as stages,
    and for selective checkpointing every other product computed again: its defaults.
    Interleaved: two chunks assumed.  A context-parallel rank has 1/CP of a sequence.
    Attention is FlashAttention-2.  Async TP is not counted: its exchange is exposed.
    """
    said, mode = x["inputs"], x["inputs"]["mode"]
    model, f = LLAMA3[said["model"].split("-")[-1]]
    t, p, c = (
        int((re.search(rf"\b{word}(\d+)", mode) or "11")[1])
        for word in ("TP", "PP", "CP")
    )
    m = p  # microbatches
    groups = model.n_kv / model.a
    peak = (H100.peak + NVL) / 2
    # 2 bytes each: norms' and products' inputs; q, k, v, out; gate, up, silu, product
    whole, split = 8, 2 * (2 + 2 * groups) + 2 * 4 * f / model.h
    if t > 1:  # sequence parallel
        whole, split = 0, whole + split
    four = "4D" in mode  # table 6: all of it, fully checkpointed
    full, fp8 = four or "full-AC" in mode, "float8" in mode
    T = said["local_batch"] * said["seq"] / t / p / c / x["value"]
    return row(
        T,
        said["local_batch"] * said["gpus"] / t / p / c,
        **{"L": model.L, "h": model.h, "a": model.a, "s": said["seq"]},
        **{"t": t, "p": p, "gpus": said["gpus"], "b": said["local_batch"] / m / c},
        V=2 if "Interleaved" in mode else 1,
        W=(2 + 2 * groups) * model.h**2 + 3 * model.h * f,
        whole=whole,
        split=split,
        recompute=1 if full else 0.5,
        rescore=float(full),
        flash=FLASH2["h100"],
        compiled=float(four or "compile" in mode),
        **H100_SXM | {"peak": peak, "memory": 2.4 * TB},
        linear=peak * (H100_FP8.peak / H100.peak if fp8 else 1),
        vocabulary=128_256,
        zero3=1,
    )


class Paper(NamedTuple):
    """Rows of a table: the file, what their ids match, how to read one."""

    file: str
    ids: str
    read: Callable[[Said], Rows]


PAPERS = {
    "Megatron (2021)": Paper(TRAINING, r"meg21-t1-\d", narayanan),
    "Megatron (2022)": Paper(TRAINING, r"korth-t5-", korthikanti),
    "MegaScale: Megatron": Paper(RUNS, r"mscale-t2-\d+ Megatron ", megascale),
    "MegaScale": Paper(RUNS, r"mscale-t2-\d+ MegaScale ", megascale),
    "Megatron-Core, H100": Paper(TRAINING, r"mcore-\d", core),
    "torchtitan, H100": Paper(TRAINING, r"ttitan-\d", torchtitan),
}


def rows_of(said: list[Said], one: Paper) -> dict[str, Rows]:
    """Rows of a paper by id, but for those that leave something open."""
    found = {}
    for x in said:
        if re.match(one.ids, f"{x['id']} {x['quantity']}"):
            try:
                found[x["id"]] = one.read(x)
            except Blank:
                continue
    return found


def fp8(folder: Path) -> list[Rows]:
    """MPT's FP8 rows: products with weights at that peak, the rest at the usual."""
    return table(folder / MPT, lambda x: foundry(x, "h100", fp8=True))[0]


def unseen(folder: Path) -> dict[str, Rows]:
    """Columns of each paper that has rows there, and of MPT in FP8."""
    files = {file: folder / file for file in (TRAINING, RUNS)}
    said = {
        file: yaml.safe_load(path.read_text())["rows"] if path.is_file() else []
        for file, path in files.items()
    }
    found = {x: [*rows_of(said[one.file], one).values()] for x, one in PAPERS.items()}
    if (folder / MPT).is_file():
        found["llm-foundry, FP8"] = fp8(folder)
    return {name: columns(rows) for name, rows in found.items() if rows}
