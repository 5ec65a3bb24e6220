"""No visible cell, and nothing that the package exports, earns a point as an answer."""

import ast
import contextlib
import importlib
import inspect
import io
import pkgutil

import matplotlib.pyplot as plt
import pytest

import mlsyscore.harness
from autograder.judge.evidence import Late, alarm, visible
from autograder.make.address import ROOT
from autograder.make.roles import defined, exercises, name, role
from tools.demo import answered

LABS = sorted(p.stem for p in ROOT.glob("labs/[0-9]*.py"))
SECONDS = 2.0  # after which a call that does not fit is given up


def exported():
    """Return module.name -> what the package and its harness export."""
    found = {}
    for package in (mlsyscore, mlsyscore.harness):
        for file in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if file.ispkg or file.name == "mlsyscore.processes":  # it starts some
                continue
            for key, value in vars(importlib.import_module(file.name)).items():
                own = callable(value) and getattr(value, "__module__", "") == file.name
                if own and not key.startswith("_"):
                    found[f"{file.name}.{key}"] = value
    return found


def takes(f):
    """Return how many arguments f needs, and how many it can have."""
    places = inspect.signature(f).parameters.values()
    plain = [
        p for p in places if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    any_more = any(p.kind == p.VAR_POSITIONAL for p in places)
    return sum(p.default is p.empty for p in plain), 99 if any_more else len(plain)


def fits(candidate, answer):
    try:
        (least, most), (needs, can) = takes(candidate), takes(answer)
    except ValueError:  # of C, without a signature
        return False
    return least <= can and most >= needs


def shown(nb, world):
    """Return what the visible cells define."""
    found = {
        k: v for k, v in world.items() if inspect.isfunction(v) or inspect.isclass(v)
    }
    found = {k: v for k, v in found.items() if v.__module__ == "__main__"}
    for cell in nb.cells:
        if role(cell) in ("explore", "check"):
            for node in ast.parse(visible(cell.source)).body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    names = dict(world)
                    with contextlib.suppress(Exception):  # its base is not here
                        exec(ast.unparse(node), names)
                        found[node.name] = names[node.name]
    return found


def stub(*_, **__):
    raise NotImplementedError


def earned(source, world):
    """Say whether a check raises nothing."""
    quiet = io.StringIO()
    try:
        with alarm(SECONDS), contextlib.redirect_stdout(quiet):
            exec(compile(source, "<check>", "exec"), dict(world))
    except (Exception, Late, SystemExit):
        return False
    finally:
        plt.close("all")
    return True


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("lab", LABS)
def test_nothing_that_is_in_sight_earns_a_point(lab):
    nb, world = answered({}, lab), {"__name__": "__main__"}
    cells = {name(c): c for c in nb.cells}
    for cell in nb.cells:
        if role(cell) == "setup":
            exec(compile(cell.source, "<set-up>", "exec"), world)
    world["fresh"] = lambda f: f  # a process for each candidate would take minutes
    candidates, solved, tried = shown(nb, world) | exported(), dict(world), 0
    for exercise, checks in exercises(nb).items():
        if role(cells[exercise]) != "answer":
            continue
        exec(cells[exercise].source, solved)
        names = [k for k in defined(cells[exercise].source) if callable(solved[k])]
        for own in names:
            for label, f in candidates.items():
                if not fits(f, solved[own]):
                    continue
                tried += 1
                pasted = world | dict.fromkeys(names, stub) | {own: f}
                found = [c for c in checks if earned(cells[c].source, pasted)]
                assert found == [], f"{label} as {own} earns {found}"
    assert tried > 20
