"""Time the laws against the same laws in mlsysim, which the book's numbers come from.

    python benchmarks/laws.py

Installs mlsysim (PyPI, Apache-2.0) into build/mlsysim, an environment of its own, then
times both in one run: the import in fresh processes, each law by timeit.  Both must
give the same value.  Prints a line for each, and the ratios.
"""

import json
import statistics
import subprocess
import sys
import venv
from pathlib import Path

from mlsyscore.units import ms, us

ROOT = Path(__file__).resolve().parents[1]
THEIRS = ROOT / "build/mlsysim"

# law: ours, theirs; the same numbers, in SI, or with the units that each asks for
LAWS = {
    "ring all-reduce": (
        "collectives.ring_allreduce(25e6, 64, NDR)",
        "m.calc_ring_allreduce_time(25e6 * m.byte, 64, 400 * m.Gbps, US)",
    ),
    "tree all-reduce": (
        "collectives.tree_allreduce(25e6, 64, NDR)",
        "m.calc_tree_allreduce_time(25e6 * m.byte, 64, 400 * m.Gbps, US)",
    ),
    "one message": (
        "NDR.time(350e6)",
        "m.calc_point_to_point_time(350e6 * m.byte, US, 400 * m.Gbps)",
    ),
    "Young-Daly interval": (
        "reliability.young_daly(24.5, 13932.0)",
        "m.calc_young_daly_interval(24.5 * m.second, 13932 * m.second)",
    ),
    "failure probability": (
        "fleet.failure_probability(36000.0, 180000.0)",
        "m.calc_failure_probability(50 * m.hour, 10 * m.hour)",
    ),
    "coolant flow": (
        "WATER.mass_flow(120e3, 10.0)",
        "m.calc_coolant_mass_flow(120 * m.kW, WATER, 10 * m.K)",
    ),
    "batching knee": (
        "serving.Batching(0.04, 0.0005).knee",
        "m.calc_batch_knee(40 * m.ms, 0.5 * m.ms)",
    ),
}
PURE = {  # no units: there mlsysim too computes with floats
    "pipeline bubble": ("training.bubble(8, 32)", "m.calc_pipeline_bubble(8, 32)"),
    "M/G/1 wait": ("queues.wait_ratio(0.8, 3.0)", "m.calc_mg1_wait_ratio(0.8, 3.0)"),
    "all up": ("fleet.all_up(0.999, 1000)", "m.calc_all_up_availability(0.999, 1000)"),
    "implied FPR": (
        "fairness.implied_fpr(0.5, 0.6, 0.3)",
        "m.calc_fpr_from_ppv(0.5, 0.6, 0.3)",
    ),
    "smoothing radius": (
        "robustness.certified_radius(0.999, 0.5)",
        "m.calc_smoothing_radius(0.5, 0.999)",
    ),
}

TIMER = """
import json, sys, timeit
exec(sys.argv[1])
for law in json.loads(sys.argv[2]):
    value = eval(law)
    if hasattr(value, "to_base_units"):
        value = value.to_base_units().magnitude
    run = timeit.Timer(law, globals=globals())
    n, t = run.autorange()
    print(float(value), min(run.repeat(5, n)) / n)
"""
OURS = """
from mlsyscore import collectives, fairness, fleet, queues, reliability, robustness
from mlsyscore import serving, training
from mlsyscore.catalog import NDR, WATER
"""
OTHERS = """
import mlsysim as m
US = 1.5 * m.microsecond
WATER = 4180 * m.J / m.kg / m.K
"""


def imports(python: Path, code: str) -> float:
    """Median time (s) to import in a fresh process, over that of a bare start."""
    words = [python, "-X", "importtime", "-c", code]
    took = []
    for _ in range(7):
        told = subprocess.run(words, check=True, capture_output=True, text=True).stderr
        took.append(sum(tops(told)))
    return statistics.median(took)


def tops(told: str) -> list[float]:
    """Cumulative times (s) of the outermost imports that the code itself asked for."""
    lines = [x.removeprefix("import time:").split("|") for x in told.splitlines()]
    after = [x for x in lines if len(x) == 3 and x[1].strip().isdigit()]
    names = [x[2] for x in after]
    start = names.index(" site") + 1
    return [int(x[1]) * us for x in after[start:] if not x[2].startswith("  ")]


def times(python: Path, setup: str, laws: list[str]) -> list[tuple[float, float]]:
    """Value and time (s) of each law."""
    words = [python, "-c", TIMER, setup, json.dumps(laws)]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return [tuple(map(float, line.split())) for line in told.splitlines()]


def main() -> None:
    """Print each ratio, then the two that count."""
    python = THEIRS / "bin/python"
    if not python.exists():
        venv.create(THEIRS, with_pip=True)
        pip = [python, "-m", "pip", "install", "--quiet", "mlsysim"]
        subprocess.run(pip, check=True)
    for what, laws in (("with units", LAWS), ("pure numbers", PURE)):
        print(f"{what:22} {'mlsyscore':>10} {'mlsysim':>12}")
        ratios = compare(laws, python)
        middle = statistics.median(ratios)
        print(f"{what}: median ratio {middle:.1f}, least {min(ratios):.1f}")
    modules = sorted(p.stem for p in (ROOT / "mlsyscore").glob("*.py"))
    every = "; ".join(f"import mlsyscore.{m}" for m in modules)
    fast = imports(Path(sys.executable), every) / ms
    slow = imports(python, "import mlsysim") / ms
    print(f"import of all: {fast:.0f} ms, {slow:.0f} ms, ratio {slow / fast:.1f}")


def compare(laws: dict[str, tuple[str, str]], python: Path) -> list[float]:
    """Time each law on both sides, print it, and return their time over ours."""
    mine = times(Path(sys.executable), OURS, [a for a, _ in laws.values()])
    other = times(python, OTHERS, [b for _, b in laws.values()])
    for law, (x, t), (y, u) in zip(laws, mine, other, strict=True):
        if abs(x / y - 1) > 1e-3:
            sys.exit(f"{law}: {x} here, {y} there")
        print(f"{law:22} {t / us:7.2f} us {u / us:9.2f} us  ratio {u / t:.1f}")
    return [u / t for (_, t), (_, u) in zip(mine, other, strict=True)]


if __name__ == "__main__":
    main()
