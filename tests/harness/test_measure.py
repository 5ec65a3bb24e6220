import copy

import numpy as np
import pytest

from mlsyscore.harness import measure

RUNS = [0.1, 1.0, 1.3, 0.9, 1.2, 0.8]  # the first warms up; then the median is 1


def made(slow=(1.0, 2.0, 4.0)):
    """Return what measure might send; a product's median is slow, by its rows."""
    return {
        "copies": [(n, RUNS) for n in measure.COPIES],
        "products": {
            kind: [
                (n, [t * x for x in RUNS])
                for n, t in zip(measure.PRODUCTS, slow, strict=False)
            ]
            for kind in measure.KINDS
        },
        "kernels": dict.fromkeys(measure.KERNELS, RUNS),
    }


def test_what_is_measured_here_can_be_read(monkeypatch):
    monkeypatch.setattr(measure, "COPIES", (10_000, 20_000))
    monkeypatch.setattr(measure, "PRODUCTS", (16, 32))
    monkeypatch.setattr(measure, "ROWS", 64)
    monkeypatch.setattr(measure, "COLUMNS", 64)
    raw = measure.measure()
    seen, slower = measure.readings(raw), measure.readings(raw, slower=2.0)
    assert [n for n, _ in seen["copies"]] == [10_000, 20_000]
    assert set(seen["products"]) == set(measure.KINDS)
    assert [k[0] for k in seen["kernels"]] == ["add", "softmax", "product"]
    assert slower["copies"][0][1] == [2 * t for t in seen["copies"][0][1]]


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [
        (["copies"], [], r"sizes \(1000000, .* are to be measured"),
        (["copies"], made()["copies"][:2], "all three copies"),
        (["copies"], [(1, RUNS)] * 3, "are to be measured"),
        (["copies", 0], (1_000_000, RUNS[:4]), "6 values are expected, not 4"),
        (["copies", 0], (1_000_000, [0.0] * 6), "seconds are above 0"),
        (["copies", 0], (1_000_000, ["1"] * 6), "one number is expected"),
        (["copies", 0], (1_000_000, [float("inf")] * 6), "a finite number"),
        (["products"], {}, "the dict has no"),
        (["products", "float64"], [], "are to be measured"),
        (["products", "float64"], made()["products"]["float64"][1:], "are to be"),
        (["products", "float64"], None, "a list is expected"),
        (["kernels"], {}, "the dict has no"),
        (["kernels", "add"], [1.0], "6 values are expected, not 1"),
    ],
)
def test_readings_that_nobody_took_are_refused(at, value, said):
    raw = copy.deepcopy(made())
    *way, last = at
    inner = raw
    for key in way:
        inner = inner[key]
    inner[last] = value
    with pytest.raises(AssertionError, match=said):
        measure.readings(raw)


def test_a_claimed_median_is_held_against_the_runs():
    assert measure.middle(1.0, RUNS)
    others = (0.1, 0.8, 0.9, 0.95, 1.05, 1.2, 1.3, 2.6)
    assert not any(measure.middle(t, RUNS) for t in others)
    for runs in np.random.default_rng(8).uniform(1, 9, (20, 6)):
        rest = sorted(runs[1:])
        assert [measure.middle(t, runs) for t in rest] == [0, 0, 1, 0, 0]


def test_the_right_roof_is_found_right_and_others_are_not():
    seen = measure.readings(made())
    bw = 2.0 * measure.COPIES[-1]
    best = 2.0 * 1024**3 / 4  # 512^3 / 2 and 256^3 / 1 are less
    peak = dict.fromkeys(measure.KINDS, best)
    measure.roofed(seen, bw, peak)
    for factor in (0.5, 0.9, 1 / 0.9, 1.1, 2.0, 1 / 9):
        with pytest.raises(AssertionError, match="the largest copy"):
            measure.roofed(seen, factor * bw, peak)
        with pytest.raises(AssertionError, match=r"is faster than a peak|no product"):
            measure.roofed(seen, bw, peak | {"float64": factor * best})
    with pytest.raises(AssertionError, match="a rate is above 0"):
        measure.roofed(seen, 0.0, peak)


def test_the_best_rate_counts_and_not_the_last():
    seen = measure.readings(made(slow=(1.0, 2.0, 400.0)))
    bw, best = 2.0 * measure.COPIES[-1], 2.0 * 512**3 / 2
    measure.roofed(seen, bw, dict.fromkeys(measure.KINDS, best))
    last = dict.fromkeys(measure.KINDS, 2.0 * 1024**3 / 400)
    with pytest.raises(AssertionError, match="a product is faster than a peak"):
        measure.roofed(seen, bw, last)


@pytest.mark.parametrize(
    ("law", "said"),
    [
        (lambda O: O / 4e9, "above the roof"),
        (lambda O: 1.0, "above the roof"),
        (lambda O: max(O / 8e9, 1.0), "above the roof"),
        (lambda O: O / 4e9 + 1.0, "far right the roof is the peak"),
        (lambda O: 2 * max(O / 4e9, 1.0), "far right"),
        (lambda O: max(O / 4e9, 1.5), "far left"),
        (lambda O: max(O / 4e9, 1.0) * (1 + (O == 8e9)), "more intensity is slower"),
        (lambda O: -1.0, "seconds are above 0"),
    ],
)
def test_predictions_keep_under_a_roof(law, said):
    steps = [4 * 2.0**e for e in range(-8, 9)]
    right = [(I, max(I * 1e9 / 4e9, 1.0)) for I in steps]
    measure.under("n", right, peak=4e9, bw=1e9)
    with pytest.raises(AssertionError, match=said):
        measure.under("n", [(I, law(I * 1e9)) for I in steps], peak=4e9, bw=1e9)


def test_a_kernel_stands_where_it_does():
    kernel = ("add", 1e9, 8e9, "float32", RUNS)
    right = {"predicted": 0.4, "measured": 1.0, "share": 0.4}
    measure.stands(kernel, right, peak=1e11, bw=20e9)
    wrong = [{"predicted": 0.01}, {"predicted": 0.41}, {"measured": 2.6}]
    wrong += [{"share": 0.025}, {"share": 2.5}, {"predicted": 0.0}, {"share": None}]
    for part in wrong:
        with pytest.raises(AssertionError):
            measure.stands(kernel, right | part, peak=1e11, bw=20e9)


def machine(copies, products):
    """Return a right roof, in plain Python."""
    _, runs = copies[-1]
    bw = 2 * copies[-1][0] / sorted(runs[1:])[2]
    peak = {
        kind: max(2 * n**3 / sorted(runs[1:])[2] for n, runs in sizes)
        for kind, sizes in products.items()
    }
    return {"bw": bw, "peak": peak, "ridge": {k: peak[k] / bw for k in peak}}


def place(O, D_vol, kind, runs, roof):
    least = max(O / roof["peak"][kind], D_vol / roof["bw"])
    t = sorted(runs[1:])[len(runs[1:]) // 2]
    return {"predicted": least, "measured": t, "share": least / t}


def test_a_roof_is_held_against_the_readings_and_the_same_slower():
    measure.roof_holds(made(), machine, place)
    fixed = machine(*[measure.readings(made())[k] for k in ("copies", "products")])
    with pytest.raises(AssertionError, match="the largest copy"):
        measure.roof_holds(made(), lambda *_: fixed, place)
    with pytest.raises(AssertionError, match="the dict has no"):
        measure.roof_holds(made(), lambda *_: {}, place)
    flat = {"ridge": dict.fromkeys(measure.KINDS, 1.0)}
    with pytest.raises(AssertionError, match="ridge times bw"):
        measure.roof_holds(made(), lambda *a: machine(*a) | flat, place)
    for part in ("predicted", "measured", "share"):
        with pytest.raises(AssertionError):
            measure.roof_holds(made(), machine, lambda *a, p=part: place(*a) | {p: 3.0})
