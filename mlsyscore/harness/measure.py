"""Clock readings of the machine in front of you, and what any roof over them keeps to.

`measure` runs beside an answer and returns numbers, nothing made of them.  The others
run with the check.  They hold a claim against the readings; none computes a roof.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import device
from ..checks import close, number
from ..units import ms
from .answers import fields, numbers, values

COPIES = (1_000_000, 16_000_000, 256_000_000)  # bytes
PRODUCTS = (256, 512, 1024, 2048, 4096, 8192)  # rows of a square matrix
KINDS = ("float32", "float64", "bfloat16")
ROWS, COLUMNS, THIN = 8192, 4096, 8
CELLS = ROWS * COLUMNS
KERNELS = {  # name: FLOP, bytes
    "add": (CELLS, 12 * CELLS),
    "softmax": (5 * CELLS, 8 * CELLS),
    "product": (2 * THIN * CELLS, 4 * (CELLS + THIN * (ROWS + COLUMNS))),
}
RUNS = 6  # of each; the first warms up, and an odd number remains


def clock(f: device.Call) -> list[float]:
    """Return the seconds of each run of f, the first of all and then warm ones."""
    return [device.seconds(f), *device.timed(f, RUNS - 1)]


def measure() -> dict[str, Any]:
    """Return seconds of copies, of products, by precision, and of three kernels.

    Products grow until one takes long enough.  On the GPU, if there is one.
    """
    import torch

    on = device.kind()
    seen: dict[str, Any] = {"copies": [], "products": {kind: [] for kind in KINDS}}
    for n in COPIES:
        x = torch.ones(n // 4, device=on)
        y = torch.ones_like(x)
        seen["copies"].append((n, clock(lambda x=x, y=y: y.copy_(x))))  # type: ignore[misc]
    for kind, sizes in seen["products"].items():
        for n in PRODUCTS:
            x = torch.rand(n, n, device=on).to(getattr(torch, kind))
            runs = clock(lambda x=x: x @ x)  # type: ignore[misc]
            sizes.append((n, runs))
            if (n >= 1024 and min(runs) > 8 * ms) or sum(runs) > 0.5:
                break
    x, y, z = torch.ones(3, ROWS, COLUMNS, device=on)
    thin, out = torch.ones(THIN, ROWS, device=on), torch.ones(THIN, COLUMNS, device=on)
    add = clock(lambda: torch.add(x, y, out=z))
    softmax = clock(lambda: torch.softmax(x, dim=1, out=z))
    product = clock(lambda: torch.mm(thin, x, out=out))
    return seen | {"kernels": {"add": add, "softmax": softmax, "product": product}}


def readings(seen: Any, slower: float = 1.0) -> dict[str, Any]:
    """Return what `measure` sent, as a machine so many times slower would have sent it.

    "copies": list of (bytes, runs); "products": the same of (rows, runs) for each
    precision; "kernels": list of (name, FLOP, bytes, precision, runs).
    AssertionError unless all is there, in the sizes that were to be measured.
    """

    def runs(answer: Any) -> list[float]:
        times = numbers("readings", answer, RUNS)
        assert min(times) > 0, "readings: seconds are above 0"
        return [slower * t for t in times]

    def sized(answer: Any, sizes: Sequence[int]) -> list[tuple[int, list[float]]]:
        pairs = [values("readings", pair, 2) for pair in values("readings", answer)]
        fine = pairs and [n for n, _ in pairs] == list(sizes[: len(pairs)])
        assert fine, f"readings: sizes {sizes} are to be measured"
        return [(n, runs(times)) for n, (_, times) in zip(sizes, pairs, strict=False)]

    seen = fields("readings", seen, ["copies", "products", "kernels"])
    products = fields("readings", seen["products"], KINDS)
    kernels = fields("readings", seen["kernels"], KERNELS)
    copies = sized(seen["copies"], COPIES)
    assert len(copies) == len(COPIES), "readings: all three copies are to be measured"
    return {
        "copies": copies,
        "products": {kind: sized(products[kind], PRODUCTS) for kind in KINDS},
        "kernels": [(k, *KERNELS[k], "float32", runs(kernels[k])) for k in KERNELS],
    }


def middle(t: float, runs: Sequence[float]) -> bool:
    """Say whether t is one of the runs after the first, as many below as above.

    Their number is odd.
    """
    rest = runs[1:]
    fast, slow = t * (1 - 1e-6), t * (1 + 1e-6)
    half = len(rest) // 2
    below, above = sum(x < fast for x in rest), sum(x > slow for x in rest)
    return below <= half and above <= half and below + above < len(rest)


def roofed(seen: Mapping[str, Any], bw: float, peak: Mapping[str, float]) -> None:
    """AssertionError unless a roof, in B/s and FLOP/s, is that of readings.

    A rate is right if it makes each list take its median or less, and the list that
    set it its median.  The first run of a list does not count.
    """
    assert min(bw, *peak.values()) > 0, "a rate is above 0"
    n, runs = seen["copies"][-1]
    text = f"bw: at {bw:.4g} B/s the largest copy, {n} bytes, which are read and "
    assert middle(2 * n / bw, runs), text + f"written, would take {2 * n / bw:.4g} s"
    for kind, sizes in seen["products"].items():
        times = [2 * n**3 / peak[kind] for n, _ in sizes]
        text = f"{kind}: a product is faster than a peak of {peak[kind]:.4g} FLOP/s"
        for t, (_, runs) in zip(times, sizes, strict=True):
            rest = runs[1:]
            assert sum(x < t * (1 - 1e-6) for x in rest) <= len(rest) // 2, text
        set_by = [middle(t, runs) for t, (_, runs) in zip(times, sizes, strict=True)]
        text = f"{kind}: no product reaches {peak[kind]:.4g} FLOP/s in its median"
        assert any(set_by), text


def under(
    name: str, grid: Sequence[tuple[float, float]], peak: float, bw: float
) -> None:
    """AssertionError unless predictions keep under the roof, and reach it at its ends.

    grid: (FLOP/B, predicted seconds of a gigabyte), by rising intensity; peak: FLOP/s;
    bw: B/s.
    """
    I, t = np.array(grid).T
    assert np.all(t > 0), f"{name}: predicted seconds are above 0"
    rate = I * 1e9 / t
    above = f"{name}: a rate that you predict lies above the roof"
    assert np.all(rate <= peak * (1 + 1e-9)), above
    assert np.all(t >= 1e9 / bw * (1 - 1e-9)), above
    slower = rate[1:] < rate[:-1] * (1 - 1e-9)
    assert not np.any(slower), f"{name}: more intensity is slower"
    assert rate[-1] >= peak * (1 - 1e-9), f"{name}: far right the roof is the peak"
    assert t[0] <= 1e9 / bw * (1 + 1e-9), f"{name}: far left the roof is the memory's"


def stands(kernel: Sequence[Any], answer: Any, peak: float, bw: float) -> None:
    """AssertionError unless a kernel is placed where its readings say, under a roof.

    kernel: name, FLOP, bytes, precision, runs.
    """
    name, O, D_vol, _, runs = kernel
    got = fields(name, answer, ["predicted", "measured", "share"])
    t, least = (number(f"{name}, {k}", got[k]) for k in ("measured", "predicted"))
    assert middle(t, runs), f"{name}: {t:.4g} s is not its median, here"
    assert least > 0, f"{name}: predicted seconds are above 0"
    reach = max(O / (peak * least), D_vol / (bw * least))
    close(f"{name}: the share of a wall that it reaches if it takes", reach, 1.0)
    close(f"{name}: share times measured", number(name, got["share"]) * t, least, "ms")


def roof_holds(
    raw: Any, machine: Callable[..., Any], place: Callable[..., Any]
) -> None:
    """AssertionError unless an answer's roof is that of what a machine measured.

    And of the same as a machine 1.7 times slower would have sent it.
    """
    for slower in (1.0, 1.7):
        seen = readings(raw, slower)
        got = machine(seen["copies"], seen["products"])
        got = fields("machine", got, ["bw", "peak", "ridge"])
        bw = number("bw", got["bw"])
        roof: dict[str, Any] = {"bw": bw}
        for part in ("peak", "ridge"):
            rates = fields(part, got[part], seen["products"])
            roof[part] = {kind: number(kind, rates[kind]) for kind in seen["products"]}
        roofed(seen, bw, roof["peak"])
        for kind, peak in roof["peak"].items():
            close(f"{kind}, ridge times bw", roof["ridge"][kind] * bw, peak, "FLOP/s")
            steps = [roof["ridge"][kind] * 4.0**e for e in range(-4, 5)]
            grid = [place(I * 1e9, 1e9, kind, [1.0, 1.0], roof) for I in steps]
            times = [
                number(
                    f"{kind}, predicted", fields("place", x, ["predicted"])["predicted"]
                )
                for x in grid
            ]
            under(kind, list(zip(steps, times, strict=True)), peak, bw)
        for kernel in seen["kernels"]:
            peak = roof["peak"][kernel[3]]
            stands(kernel, place(*kernel[1:], roof), peak, bw)
