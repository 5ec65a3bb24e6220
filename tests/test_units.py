"""Change the base units: every law's result must change as its signature says."""

import dataclasses
import importlib
import inspect
import pkgutil
import random
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest

import mlsyscore

SCALE = {"s": 3.1, "B": 7.3, "FLOP": 0.17, "J": 0.61, "kg": 5.9, "$": 11.3, "1": 1.0}
NO_LAWS = {"units", "catalog", "processes"}


def factor(unit):
    top, _, bottom = unit.partition("/")
    return SCALE[top] / SCALE[bottom or "1"]


def sample(name, hint, scaled):
    if hint is int:
        return 8
    if get_origin(hint) is Annotated:
        x = random.Random(name).uniform(1, 9)
        return x * factor(get_args(hint)[1]) if scaled else x
    hints = get_type_hints(hint, include_extras=True)
    fields = [f.name for f in dataclasses.fields(hint)]
    return hint(**{f: sample(f, hints[f], scaled) for f in fields})


def laws():
    for found in pkgutil.iter_modules(mlsyscore.__path__):
        if found.name in NO_LAWS:
            continue
        module = importlib.import_module(f"mlsyscore.{found.name}")
        for name, law in inspect.getmembers(module, inspect.isfunction):
            own = law.__module__ == module.__name__ and not name.startswith("_")
            if own and name != "fit_link":  # takes arrays: its own test recovers both
                yield pytest.param(law, id=f"{found.name}.{name}")


@pytest.mark.parametrize("law", list(laws()))
def test_law_has_the_units_it_claims(law):
    hints = get_type_hints(law, include_extras=True)
    result = get_args(hints.pop("return"))[1]
    plain = law(**{k: sample(k, h, False) for k, h in hints.items()})
    scaled = law(**{k: sample(k, h, True) for k, h in hints.items()})
    assert scaled == pytest.approx(plain * factor(result))
