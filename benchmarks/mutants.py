"""Break each law in turn and see whether a test notices.

    python benchmarks/mutants.py [MODULE ...]

One mutant is one change to a module of ``mlsyscore``: an operator swapped, an operand
dropped, a constant off by one, a rounding or a bound turned round, a guard removed
(a condition, a ``hold``, a ``law``, the range of an argument, a ``Single``), a result
5 % too large.  In ``units`` and ``catalog`` the constants of the module change too.
Its tests are tests/test_MODULE.py, test_units.py, test_numbers.py and what
test_edges.py has of the module.  Last line: ``N mutants, N survived``.
"""

import ast
import importlib.abc
import importlib.util
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "mlsyscore"
NO_LAWS = {"__init__", "processes", "device", "checks"}
CONSTANTS = {"units", "catalog"}
LIMIT = 240  # seconds; a mutant that hangs its tests is noticed
SWAP = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
CALLS = {"maximum": "minimum", "max": "min", "ceil": "floor", "log2": "log"}
CALLS |= {"log1p": "log", "expm1": "exp", "all": "any", "sum": "max", "sqrt": "abs"}
CALLS |= {new: old for old, new in CALLS.items() if new not in ("abs", "log", "exp")}

# Survivors that change nothing, and why.
KNOWN = {
    "training:68: 0 -> 1": "gradient_traffic's default: stages 0 and 1 send the same",
    "np.frexp(w)[1] + top -> np.frexp(w)[1] - top": "2 top = 2^E: no bit below E moves",
    "1e+18 -> 1e+18": "one more is the same float",
    "np.floor -> np.ceil": "ranges: a number is whole by either",
    "abs(x - near) <= ULPS * abs(x) -> abs(x - near) < ULPS * abs(x)": "ceil: at 0 too",
    "np.abs(x - near) <= ULPS * np.abs(x) -> np.abs(x - near) < ULPS * np.abs(x)": "so",
    "1 - a + FIRST -> 1 - a - FIRST": "speculative_tokens: the same limit at a = 1",
}


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what one node might wrongly have been."""
    match node:
        case ast.BinOp(right=ast.Name("watt" | "second" | "dollar")):
            return  # these are 1
        case ast.BinOp():
            swapped = SWAP.get(type(node.op))
            if swapped:
                yield ast.BinOp(node.left, swapped(), node.right)
            yield node.left
            if not isinstance(node.op, ast.Pow):
                yield node.right
        case ast.UnaryOp(ast.USub(), inner) | ast.UnaryOp(ast.Not(), inner):
            yield inner
        case ast.Compare(ops=[op]) if type(op) in SWAP:
            yield ast.Compare(node.left, [SWAP[type(op)]()], node.comparators)
        case ast.BoolOp():
            yield ast.BoolOp(SWAP[type(node.op)](), node.values)
            yield from node.values
        case ast.Constant(int() | float()) if not isinstance(node.value, bool):
            yield ast.Constant(node.value + 1)
        case ast.Attribute() if node.attr in CALLS:
            yield ast.Attribute(node.value, CALLS[node.attr], node.ctx)
        case ast.Name() if node.id in CALLS:
            yield ast.Name(CALLS[node.id], node.ctx)
        case ast.If(body=[ast.Raise()]):
            yield ast.Pass()
        case ast.Expr(ast.Call(ast.Name("hold"))):
            yield ast.Pass()
        case ast.Return(value=ast.expr() as value):
            yield ast.Return(ast.BinOp(value, ast.Mult(), ast.Constant(1.05)))


def places(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Where below a node something may be replaced; not in messages, nor in types."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for i, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.AST) and not isinstance(child, ast.Raise):
                yield node, name, i if isinstance(value, list) else None
                yield from places(child)


THINGS = {
    node.name
    for path in PACKAGE.glob("*.py")
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.ClassDef)
}
ANY = "__import__('mlsyscore.ranges').ranges.Signed[{}]"


def unguarded(tree: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Yield (parent, field, index, replacement) for each guard in a signature."""
    free = [  # a helper without ``law`` is held to nothing
        argument
        for f in ast.walk(tree)
        if isinstance(f, ast.FunctionDef)
        and "law" not in map(ast.unparse, f.decorator_list)
        for argument in f.args.args
    ]
    for node in ast.walk(tree):
        for i, word in enumerate(getattr(node, "decorator_list", [])):
            if ast.unparse(word) == "law":
                yield node, "decorator_list", i, _expression("lambda f: f")
        hint = isinstance(node, ast.arg | ast.AnnAssign) and node.annotation
        if not hint or node in free or ast.unparse(hint) in THINGS | {"Any", "bool"}:
            continue
        said = ast.unparse(hint)
        if said.startswith("Single["):
            yield node, "annotation", None, _expression(said[7:-1])
        if not said.startswith(("Signed[", "Real", "Annotated[")):
            yield node, "annotation", None, _expression(ANY.format(said))


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def mutants(name: str) -> Iterator[tuple[str, str]]:
    """Yield (description, source) for each change to a module."""
    tree = ast.parse((PACKAGE / f"{name}.py").read_text())
    roots = [f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef)]
    if name in CONSTANTS:
        roots += [x for x in tree.body if isinstance(x, ast.Assign)]
    found = [
        (parent, field, at, new)
        for root in roots
        for parent, field, at in places(root)
        for new in changes(_get(parent, field, at))
    ]
    for parent, field, at, new in [*found, *unguarded(tree)]:
        old = _get(parent, field, at)
        ast.fix_missing_locations(ast.copy_location(new, old))
        before = ast.unparse(old).splitlines()[0]
        after = ast.unparse(new).splitlines()[0]
        _put(parent, field, at, new)
        line = getattr(old, "lineno", 0)
        yield f"{name}:{line}: {before} -> {after}", ast.unparse(tree)
        _put(parent, field, at, old)


def _get(parent: ast.AST, field: str, at: int | None) -> ast.AST:
    value = getattr(parent, field)
    return value if at is None else value[at]


def _put(parent: ast.AST, field: str, at: int | None, new: ast.AST) -> None:
    if at is None:
        setattr(parent, field, new)
    else:
        getattr(parent, field)[at] = new


class Mutant(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module of the package another source."""

    def __init__(self, name: str, source: str) -> None:
        self.name, self.source = f"mlsyscore.{name}", source

    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def]
        """Claim the one module, under the address of its file."""
        if name != self.name:
            return None
        at = str(PACKAGE / f"{name.rpartition('.')[2]}.py")
        return importlib.util.spec_from_file_location(name, at, loader=self)

    def exec_module(self, module):  # type: ignore[no-untyped-def]
        """Run the changed source."""
        exec(compile(self.source, self.name, "exec"), module.__dict__)


def noticed(name: str, source: str) -> bool:
    """Run the tests in a forked process that sees the changed module."""
    child = os.fork()
    if child == 0:
        sys.meta_path.insert(0, Mutant(name, source))
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        import pytest

        sys.path.insert(0, str(ROOT))
        own = [x for x in (f"tests/test_{name}.py",) if Path(x).exists()]
        for tests, chosen in (
            ([*own, f"mlsyscore/{name}.py", "tests/test_numbers.py"], []),
            (["tests/test_edges.py", "tests/test_units.py"], ["-k", f"{name}."]),
        ):
            words = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:nbval"]
            words += ["--assert=plain"]  # rewriting would load the file itself
            if pytest.main([*words, *chosen, *tests]) not in (0, 5):
                os._exit(1)
        os._exit(0)
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status != 0
        time.sleep(0.02)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return True


def main(names: list[str]) -> int:
    """Try every mutant of the named modules, or of all."""
    names = names or sorted({p.stem for p in PACKAGE.glob("*.py")} - NO_LAWS)
    for heavy in ("pytest", "hypothesis", "numpy", "scipy.stats", "networkx", "simpy"):
        importlib.import_module(heavy)  # once, here; the forks share it
    total, survived, start = 0, [], time.monotonic()
    with ProcessPoolExecutor(os.cpu_count(), get_context("fork")) as pool:
        for name in names:
            if not noticed_nothing(name):
                sys.exit(f"{name}: its tests fail before any change")
            cases = list(mutants(name))
            results = pool.map(noticed, [name] * len(cases), [s for _, s in cases])
            for (what, _), dead in zip(cases, results, strict=True):
                total += 1
                if not dead and not {what, what.split(": ", 1)[1]} & set(KNOWN):
                    survived.append(what)
                    print("\r  survived", what, flush=True)
                print(f"\r{name} {total} {time.monotonic() - start:.0f} s", end="")
    print(f"\n{total} mutants, {len(survived)} survived")
    return len(survived)


def noticed_nothing(name: str) -> bool:
    """The tests pass on the module as it is."""
    return not noticed(name, (PACKAGE / f"{name}.py").read_text())


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(bool(main(sys.argv[1:])))
