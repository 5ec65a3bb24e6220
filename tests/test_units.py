"""Change the base units: every law's result must change as its signature says."""

import dataclasses
import random
from typing import Annotated, get_args, get_origin, get_type_hints

import edges
import numpy as np
import pint
import pytest

from mlsyscore import ranges, units

SCALE = {"s": 3.1, "B": 7.3, "FLOP": 0.17, "J": 0.61, "kg": 5.9, "$": 11.3}
SCALE |= {"x": 4.7, "m3": 2.3, "K": 1.7, "A": 0.41, "1": 1.0}


def factor(unit):
    top, *below = unit.split("/")
    return SCALE[top] / np.prod([SCALE[b] for b in below])


def sample(name, hint, scaled, seed):
    """Draw a value of the annotated type and range; in the other units when scaled."""
    rng = random.Random(f"{name} {seed}")
    within = ranges.span(hint)
    if hint is bool:
        return rng.random() < 0.5
    if within:
        kind, unit = ranges.kind(hint), get_args(hint)[1] if get_args(hint) else "1"
        low = max(within.low, 1 if kind is int else 0.5 if within.high > 1 else 0)
        high = min(within.high, low + (15 if kind is int else 8.5))
        if kind is int:
            return rng.randint(int(low), int(high))
        x = [rng.uniform(low, high) for _ in range(1 if kind is float else 5)]
        x = x[0] if kind is float else np.array(x)
        return x * factor(unit) if scaled else x
    hints = get_type_hints(hint, include_extras=True)
    fields = [f.name for f in dataclasses.fields(hint)]
    return hint(**{f: sample(f"{name} {f}", hints[f], scaled, seed) for f in fields})


def agree(hint, plain, scaled):
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint, include_extras=True)
        for f in dataclasses.fields(hint):
            agree(hints[f.name], getattr(plain, f.name), getattr(scaled, f.name))
    else:
        unit = get_args(hint)[1] if get_origin(hint) is Annotated else "1"
        assert scaled == pytest.approx(plain * factor(unit))


LAWS = [
    pytest.param(law, asked, id=name)
    for name, law, asked in edges.laws()
    if name != "network.fit_link"  # takes measurements: its own test recovers both
]


@pytest.mark.parametrize(("law", "hints"), LAWS)
def test_law_has_the_units_it_claims(law, hints):
    result = hints["return"]
    hints = {k: h for k, h in hints.items() if k != "return"}
    for seed in range(200):  # a law may refuse a draw, such as 3 devices of 2
        try:
            plain = law(*(sample(k, h, False, seed) for k, h in hints.items()))
        except ValueError:
            continue
        scaled = law(*(sample(k, h, True, seed) for k, h in hints.items()))
        return agree(result, plain, scaled)
    pytest.fail("200 draws and none accepted: state the range in the annotation")


# name in mlsyscore.units: the same in pint's words, and the SI unit that it is held in
KNOWN = {
    "second": "ns us ms second minute hour day week",
    "byte": "KB MB GB TB PB KiB MiB GiB TiB bit",
    "byte/second": "Mbps Gbps Tbps",
    "joule": "pJ nJ uJ mJ Wh kWh MWh GWh",
    "watt": "uW mW watt kW MW GW",
    "kilogram": "gram kilogram tonne",
    "meter**3": "litre",
}
PINT = {"KB": "kilobyte", "Mbps": "megabit/second", "Gbps": "gigabit/second"}
PINT |= {"Tbps": "terabit/second", "tonne": "metric_ton"}
COUNTS = {"GFLOP": "giga", "TFLOP": "tera", "PFLOP": "peta", "EFLOP": "exa"}
COUNTS |= {"million": "mega", "dollar": ""}


def test_every_unit_is_pints():
    registry, seen = pint.UnitRegistry(), set(COUNTS) | {"year", "month"}
    for base, names in KNOWN.items():
        for name in names.split():
            theirs = registry.Quantity(1, PINT.get(name, name)).to(base).magnitude
            assert getattr(units, name) == pytest.approx(theirs, rel=5e-16), name
            seen.add(name)
    for name, prefix in COUNTS.items():
        theirs = registry.Quantity(1, f"{prefix}meter").to("meter").magnitude
        assert getattr(units, name) == theirs, name
    assert units.year == registry.Quantity(1, "julian_year").to("second").magnitude
    assert units.month == units.year / 12
    assert {k for k, v in vars(units).items() if isinstance(v, float)} == seen


def test_a_number_with_a_prefix_reads_back():
    said = {2e18: "2 E", 3.4e15: "3.4 P", 5e12: "5 T", 7e9: "7 G", 1e6: "1 M"}
    said |= {1e3: "1 k", 12.3456: "12.3 ", 0.5: "500 m", 2e-6: "2 µ", 3e-9: "3 n"}
    said |= {-4e6: "-4 M", 5e-10: "5e-10 ", 0.0: "0 ", 999.9: "1 k", 1e21: "1e+03 E"}
    assert {x: units.si(x, "B") for x in said} == {x: t + "B" for x, t in said.items()}
    assert units.si(1500) == "1.5 k"
