"""The laws against published runs: which hold, and what is missing where they do not.

    python benchmarks/runs.py FOLDER

FOLDER holds the two tables that ``papers`` names.  A check reads the rows whose ids
begin with its prefix, as a reader would who knows the law and that row alone; where a
line follows with a dash, the same rows are read with what the row also says.  Errors
are |predicted/measured - 1|; step times are ``step_time``'s.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from papers import RUNS, TRAINING, Said

from mlsyscore import training
from mlsyscore.catalog import A100, H100
from mlsyscore.compute import Transformer
from mlsyscore.fleet import system_mtbf
from mlsyscore.storage import checkpoint_bytes
from mlsyscore.training import Kept
from mlsyscore.units import TFLOP, GiB, day, hour

Pairs = Iterable[tuple[float, float]]  # predicted, measured

MFU = 0.4  # assumed of every run
PEAK = {"A100": A100.peak, "H100": H100.peak}
PEAK |= {"TPU v4": 275 * TFLOP, "TPU v3": 123 * TFLOP}  # Jouppi et al. (2023), table 4
G = 1e9  # parameters
NODE = 8  # GPUs

SHAPES = {  # layers, width, vocabulary: the models' own papers
    "Llama-2-7B": (32, 4096, 32_000),
    "Llama-2-13B": (40, 5120, 32_000),
    "Llama-2-70B": (80, 8192, 32_000),
    "Llama-3.1-8B": (32, 4096, 128_256),
    "Llama-3.1-70B": (80, 8192, 128_256),
    "Llama-3.1-405B": (126, 16_384, 128_256),
}
LAYOUTS = {  # layers, width, heads, p, V, b; t = 8: Korthikanti et al. (2022), table 3
    "22B": (48, 6144, 64, 1, 1, 4),
    "175B": (96, 12_288, 96, 8, 3, 1),
    "530B": (105, 20_480, 128, 35, 3, 1),
    "1T": (128, 25_600, 160, 64, 1, 1),
}


def hours(x: Said, work: float) -> Pairs:
    """GPU-hours at MFU; the row gives them, or days or seconds of all its GPUs."""
    said, value = x["inputs"], x["value"]
    units = {"GPU-h": hour, "chip-h": hour, "GPU-h, tCO2e": hour}
    units |= {"days": day * said.get("gpus", 0), "s/step": said.get("gpus", 0)}
    if x["unit"] in units:
        chip = next(
            v for k, v in PEAK.items() if k in said.get("gpu", said.get("chip"))
        )
        took = value[0] if isinstance(value, list) else value
        yield work / (chip * MFU), took * units[x["unit"]]


def parameters(x: Said) -> Pairs:
    """Count by the GPT's law, without positions."""
    L, h, vocabulary = SHAPES[x["inputs"]["model"]]
    yield training.parameters(L, h, vocabulary, 0), x["value"]


def six(x: Said) -> Pairs:
    """6 P D, P as the row prints it: for Pythia without the embedding."""
    said = x["inputs"]
    P = said.get("nonemb_params") or said.get("params") or said.get("params_B", 0) * G
    P = P or G * int(x["id"].split("-")[-1].removesuffix("b"))  # card-llama-2-70b
    D = said.get("tokens") or said["tokens_per_step"]
    return hours(x, training.training_flop(P, D))


def token(x: Said) -> Pairs:
    """The same, with the scores and logits that P leaves out."""
    said = x["inputs"]
    model = Transformer(1, said["layers"], said["d"], said["heads"], said["heads"])
    return hours(
        x, said["tokens"] * training.token_flop(model, said["seq"], said["vocab"])
    )


def mtbf(days: float) -> Callable[[Said], Pairs]:
    """Time between failures of a job, from days between those of a node."""

    def read(x: Said) -> Pairs:
        unit = hour if x["unit"] == "h" else day
        if (x["value"], x["unit"]) != (days, "days"):  # else it is what was given
            yield (
                system_mtbf(days * day, x["inputs"]["gpus"] // NODE) / unit,
                x["value"],
            )

    return read


def interruptions(rate: float) -> Callable[[Said], Pairs]:
    """Failures in a run, at a rate per 1,000 node-days of another cluster."""

    def read(x: Said) -> Pairs:
        said = x["inputs"]
        yield rate / 1000 * said["days"] * said["gpus"] / NODE, x["value"][2]

    return read


def activations(x: Said) -> Pairs:
    """GiB of the first stage: all kept, and selective with sequence parallelism."""
    L, h, a, p, V, b = LAYOUTS[x["inputs"]["model"]]
    model = Transformer(1, L, h, a, a)
    for kept, measured in zip((Kept(), Kept(0, 34, 0)), x["value"][1:], strict=True):
        layers = L / p * training.in_flight(p, 4 * p, V)
        yield kept.layer(model, 2048, b, 8) * layers / GiB, measured


def state(each: float) -> Callable[[Said], Pairs]:
    """GiB of training state at so many bytes a parameter."""

    def read(x: Said) -> Pairs:
        L, h, _, p, _, _ = LAYOUTS[x["inputs"]["model"]]
        P = training.parameters(L, h, 51_200, 2048)
        yield each * P / 8 / p / GiB, x["value"][0]

    return read


def pipeline(x: Said) -> Pairs:
    """Throughput relative to that of the largest batch."""
    said = x["inputs"]
    m = [B // said["dp"] // said["micro_batch"] for B in said["batches"]]
    busy = [1 - training.bubble(said["pp"], n) for n in m]
    for ours, measured in zip(busy[:-1], x["value"][:-1], strict=True):
        yield ours / busy[-1], measured / x["value"][-1]


def saved(x: Said) -> Pairs:
    """Bytes of a checkpoint."""
    yield checkpoint_bytes(x["inputs"]["params"], 12), x["value"]


class Check(NamedTuple):
    """Ids that begin so, read so; what is missing where it is off."""

    law: str
    ids: tuple[str, ...]
    read: Callable[[Said], Pairs]
    missing: str = ""


CHECKS = [
    Check("parameters", ("params-",), parameters, "grouped heads, gated MLP, own head"),
    Check("training_flop", ("card-llama-2-", "run-", "llmc-"), six, "MFU; lost time"),
    Check("training_flop", ("pythia-",), six, "scores, logits; MFU of small models"),
    Check("- token_flop", ("pythia-",), token, "MFU of small models"),
    Check("system_mtbf", ("rsc-mttf-",), mtbf(1000 / 6.5), "jobs end 3.4 x as often"),
    Check("- of an 8-GPU job", ("rsc-mttf-",), mtbf(47.7)),
    Check("system_mtbf", ("rsc-proj-",), mtbf(1000 / 6.5)),
    Check("rate of RSC-1", ("llama3-interrupt",), interruptions(6.5), "its own rate"),
    Check("- of RSC-2", ("llama3-interrupt",), interruptions(2.34), "its own rate"),
    Check("Kept, in_flight", ("korth-f1-",), activations),
    Check("training_state", ("korth-f1-",), state(16), "fp32 gradients"),
    Check("- with them", ("korth-f1-",), state(18)),
    Check("bubble", ("bigsci-bubble",), pipeline, "what each step costs once"),
    Check("checkpoint_bytes", ("nanogpt-ckpt",), saved),
]


def line(name: str, errors: list[float], rest: str) -> None:
    """Print a line of the table."""
    size = np.abs(errors)
    said = f"{size.mean():7.1f} {np.median(size):7.1f} {errors[size.argmax()]:+7.0f}"
    print(f"{name:18} {len(size):3} {said}  {rest}".rstrip())


def main(words: list[str]) -> int:
    """Print a line for each check, and for all in either reading."""
    rows = [
        x
        for file in (TRAINING, RUNS)
        for x in yaml.safe_load((Path(words[0]) / file).read_text())["rows"]
    ]
    print("law: error in %      n    mean  median   worst  what is missing")
    plain: list[list[float]] = []
    better: list[list[float]] = []
    for check in CHECKS:
        pairs = [
            p for x in rows if x["id"].startswith(check.ids) for p in check.read(x)
        ]
        errors = [100 * (ours / measured - 1) for ours, measured in pairs]
        if not errors:
            continue
        line(check.law, errors, check.missing)
        if check.law.startswith("-"):
            better[-1] = errors
        else:
            plain.append(errors)
            better.append(errors)
    for name, found in (("all", plain), ("all, - for those", better)):
        line(name, [e for errors in found for e in errors], "")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
