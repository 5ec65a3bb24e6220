"""A machine's roofline on record: as lines for labs/measured, and as a picture."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import device
from ..units import GB, ms


def machine_record(roof: Mapping[str, Any], placed: Mapping[str, Any]) -> str:
    """Return the lines of a machine's record; placed: kernel -> where it stands."""
    import torch

    lines = [f"- chip: {device.name()}"]
    lines += [f"  threads: {torch.get_num_threads()}", f"  torch: {torch.__version__}"]
    lines += [f"  copy_GBps: {roof['bw'] / GB:.1f}", "  product_GFLOPps:"]
    lines += [f"    {kind}: {peak / 1e9:.1f}" for kind, peak in roof["peak"].items()]
    lines += ["  kernels_ms:"]
    for name, at in placed.items():
        times = [f"{k}: {at[k] / ms:.3f}" for k in ("predicted", "measured")]
        lines.append(f"    {name}: {{{', '.join(times)}}}")
    return "\n".join(lines)


def draw_roof(
    seen: Mapping[str, Any], roof: Mapping[str, Any], placed: Mapping[str, Any]
) -> None:
    """Draw a roof for each precision, and where the kernels of seen stand under it."""
    import matplotlib.pyplot as plt

    I = np.geomspace(0.05, 2000, 200)
    slope = I * float(roof["bw"])
    roofs = {k: np.clip(slope, None, float(x)) / 1e9 for k, x in roof["peak"].items()}
    _, ax = plt.subplots()
    for kind, rates in roofs.items():
        ax.loglog(I, rates, label=f"roof, {kind}")
    for (name, O, D_vol, _, _), mark in zip(seen["kernels"], "os^", strict=True):
        rate = O / float(placed[name]["measured"]) / 1e9
        label = f"{name}, {float(placed[name]['share']):.0%} of its roof"
        style = {"marker": mark, "ls": "", "color": "C3", "mfc": "w", "ms": 8}
        ax.loglog(O / D_vol, rate, **style, label=label)
    ax.set_xlabel("arithmetic intensity (FLOP/B)")
    ax.set_ylabel("rate (GFLOP/s)")
    ax.legend(fontsize=9)
