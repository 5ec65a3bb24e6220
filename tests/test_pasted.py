"""Nothing in sight earns a point: no visible cell, no export, nor the chapter's own."""

import ast
import contextlib
import importlib
import inspect
import io
import pkgutil
import resource
import signal
import time
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch.distributed  # noqa: F401  (an alarm amid its import ends the process)

import mlsyscore.harness
from autograder.judge.evidence import Late, alarm, visible
from autograder.make.address import ROOT
from autograder.make.roles import defined, exercises, name, role
from mlsyscore.harness import reader
from tools.demo import answered

LABS = sorted(p.stem for p in ROOT.glob("labs/[0-9]*.py"))
SECONDS = 5.0  # of computing, after which a call that does not fit is given up
WAIT = 2.0  # seconds by the clock in which it has hardly computed, likewise
PATIENCE = 0.5  # seconds: none reads ahead, so what has not come by then does not come
ROOM = 2**28  # bytes that one may take
LIBRARIES = {"np", "math"}  # whose calls make a chapter's constants


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


def constant(node, world):
    """Say whether a statement of a chapter sets a constant, and measures nothing."""
    if not isinstance(node, ast.Assign):
        return False
    made = [n.func for n in ast.walk(node.value) if isinstance(n, ast.Call)]
    return all(
        isinstance(world.get(f.id), type)
        if isinstance(f, ast.Name)
        else isinstance(f, ast.Attribute) and ast.unparse(f.value) in LIBRARIES
        for f in made
    )


def taught(lab):
    """Return what the lab's chapter defines, with its constants; no more of it runs."""
    world, found = {"__name__": lab}, {}
    for node in ast.parse((ROOT / f"chapters/{lab}.py").read_text()).body:
        new = isinstance(node, ast.FunctionDef | ast.ClassDef)
        if (
            new
            or isinstance(node, ast.Import | ast.ImportFrom)
            or constant(node, world)
        ):
            with contextlib.suppress(Exception):  # it needs what was measured before
                exec(ast.unparse(node), world)
                if new:
                    found[f"the chapter's {node.name}"] = world[node.name]
    return found


@contextlib.contextmanager
def room(most):
    """Let this process take no more than so many bytes on top, where Linux can."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    held = Path("/proc/self/statm")
    if held.exists():
        taken = int(held.read_text().split()[5]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_DATA, (taken + most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


@contextlib.contextmanager
def awake(seconds):
    """Raise Late where so long a time has passed in waiting, and again and again."""
    used = [time.process_time()]

    def late(*_):
        used.append(time.process_time())
        if used[-1] - used[-2] < 0.05 * seconds:  # a busy machine gives more
            raise Late

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def stub(*_, **__):
    raise NotImplementedError


def earned(check, world):
    """Say whether a compiled check raises nothing."""
    quiet = io.StringIO()
    try:
        with alarm(SECONDS), awake(WAIT), contextlib.redirect_stdout(quiet):
            exec(check, dict(world))
    except (Exception, Late, SystemExit):
        return False
    finally:
        plt.close("all")
    return True


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("lab", LABS)
def test_nothing_that_is_in_sight_earns_a_point(lab, monkeypatch):
    monkeypatch.setattr(reader, "PATIENCE", PATIENCE)
    nb, world = answered({}, lab), {"__name__": "__main__"}
    cells = {name(c): c for c in nb.cells}
    for cell in nb.cells:
        if role(cell) == "setup":
            exec(compile(cell.source, "<set-up>", "exec"), world)
    world["fresh"] = lambda f: f  # a process for each candidate would take minutes
    candidates = shown(nb, world) | taught(lab) | exported()
    solved, tried = dict(world), 0
    for exercise, checks in exercises(nb).items():
        if role(cells[exercise]) != "answer":
            continue
        exec(cells[exercise].source, solved)
        code = {c: compile(cells[c].source, "<check>", "exec") for c in checks}
        names = [k for k in defined(cells[exercise].source) if callable(solved[k])]
        for own in names:
            for label, f in candidates.items():
                if not fits(f, solved[own]):
                    continue
                tried += 1
                pasted = world | dict.fromkeys(names, stub) | {own: f}
                with room(ROOM):
                    found = [c for c in checks if earned(code[c], pasted)]
                assert found == [], f"{label} as {own} earns {found}"
    assert tried > 20
