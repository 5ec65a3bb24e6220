"""The autograder's rooms: what each may import, and that nothing goes round or up."""

import ast
import re

import pytest

import autograder
from autograder.make.address import ROOT

HOUSE = ROOT / "autograder"
ROOMS = sorted(p.parent.name for p in HOUSE.glob("*/__init__.py"))
COMMANDS = {"new", "release", "collect", "grade", "report", "doctor"}


def imported(file):
    """Modules of the house that a file imports: (room or "", module)."""
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        here = file.relative_to(HOUSE).parts[:-1]
        if node.level:
            path = [*here[: len(here) + 1 - node.level]]
            path += node.module.split(".") if node.module else []
        elif (node.module or "").split(".")[0] == "autograder":
            path = node.module.split(".")[1:]
        else:
            continue
        for name in [None] if len(path) == 2 else [a.name for a in node.names]:
            full = [*path, *([name] if name else [])]
            yield (full[0], full[1]) if full[0] in ROOMS else ("", full[0])


def allowed(room):
    """Rooms that a room's own first lines let it import."""
    said = (HOUSE / room / "__init__.py").read_text()
    return {*re.findall(r"``(\w+)``", said)} | {room}


def test_there_are_five_rooms_with_a_command_each_on_top():
    assert ROOMS == ["intake", "jail", "judge", "make", "reports"]
    files = {p.stem for p in HOUSE.glob("*.py")}
    assert files >= COMMANDS
    assert files - COMMANDS == {"__init__", "__main__", "plugin", "gradescope"}
    assert autograder.__doc__


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_what_it_says_and_nothing_above(room):
    said = (HOUSE / room / "__init__.py").read_text()
    assert len(said.strip().strip('"').strip().splitlines()) <= 4
    assert all(word in said for word in ("In:", "Out:", "ay import"))
    files = sorted((HOUSE / room).glob("*.py"))
    assert len(files) >= 4
    found = {(f.name, *of) for f in files for of in imported(f)}
    wrong = {
        (name, of, module) for name, of, module in found if of not in allowed(room)
    }
    assert wrong == set()


def test_what_a_room_may_import_goes_one_way():
    order = []
    while left := [r for r in ROOMS if r not in order]:
        free = [r for r in left if allowed(r) - {r} <= {*order}]
        assert free, f"{left} import each other"
        order += free


def test_no_module_reaches_itself():
    files = [p for p in HOUSE.rglob("*.py") if p.stem != "__init__"]
    graph = {}
    for file in files:
        room = file.parent.name if file.parent != HOUSE else ""
        graph[room, file.stem] = {*imported(file)} - {("", "__init__")}
    floors = {}

    def floor(module, above=()):
        assert module not in above, f"{above} go round"
        if module not in floors:
            below = [floor(m, (*above, module)) for m in graph.get(module, ())]
            floors[module] = 1 + max(below, default=0)
        return floors[module]

    assert sum(map(len, graph.values())) > 60
    assert max(map(floor, graph)) <= 9
