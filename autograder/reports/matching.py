"""Whose row of an LMS's export is whose of the roster, by any value of either."""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from ..intake import archive
from ..intake.students import Words, roster, sheet, words

Person = dict[str, str]
Keys = set[Words]


def people(file: Path) -> dict[str, Person]:
    """Return the roster's id -> its row, with the id as ``id``."""
    if not file.exists():
        return {}
    listed = roster(file)  # says what is wrong with the file
    read = [
        {k.strip(): v.strip() for k, v in row.items() if k and v}
        for row in sheet(archive.text(file.read_bytes())[0])
    ]
    found = {r.get("id") or r.get("ID") or r.get("Id") or "": r for r in read}
    return {s: r | {"id": s} for s, r in found.items() if s in listed}


def _local(said: str) -> tuple[str, ...]:
    return words(said.split("@")[0])


def _keys(person: Person) -> Iterator[Keys]:
    """Yield what names a person, the surest first: id, values, log-ins, full names."""
    values = list(person.values())
    yield {words(person["id"])}
    yield {words(v) for v in values}
    yield {_local(v) for v in values if "@" in v or v == person["id"]}
    pairs = [f"{a} {b}" for a, b in combinations(values, 2)]
    yield {tuple(sorted(words(v))) for v in [*values, *pairs]}


def _said(row: Person, ids: tuple[str, ...], names: tuple[str, ...]) -> Iterator[Keys]:
    """Yield what a row says, for each kind of key."""
    exact = [row[c] for c in ids if row.get(c, "").strip()]
    yield {words(v) for v in exact}
    yield {words(v) for v in exact}
    yield {_local(v) for v in exact}
    yield {tuple(sorted(words(" ".join(row.get(c, "") for c in names))))}


def match(
    rows: list[Person],
    ids: tuple[str, ...],
    names: tuple[str, ...],
    roster: dict[str, Person],
) -> tuple[dict[int, str], list[str]]:
    """Return row number -> student, and a line for each row that is nobody's.

    Of two rows for one student the one with the surer key has it; where they are
    equally sure, or where a row's keys name two students, nobody is guessed.
    """
    index = _index(roster)
    best: dict[int, tuple[int, str]] = {}
    lines: dict[int, str] = {}
    for number, row in enumerate(rows):
        who = " / ".join(v for c in (*names, *ids) if (v := row.get(c, "").strip()))
        said = list(_said(row, ids, names))
        by = [{s for k in said[i] if (s := index[i].get(k))} for i in range(4)]
        named = next((found for found in by if found), set()) | by[3]
        sure = next((i for i, found in enumerate(by) if found), 0)
        if len(named) == 1:
            best[number] = sure, named.pop()
        else:
            why = f"could be {' or '.join(sorted(named))}" if named else "not on roster"
            lines[number] = f"{who}: {why}; left as it was"
    return _once(best, lines)


def _index(roster: dict[str, Person]) -> list[dict[Words, str]]:
    """Return, for each kind of key, those that name one student alone."""
    kinds: list[list[tuple[Words, str]]] = [[], [], [], []]
    for student, person in roster.items():
        for kind, keys in zip(kinds, _keys(person), strict=True):
            kind += [(key, student) for key in keys if key]
    times = [Counter(key for key, _ in kind) for kind in kinds]
    return [
        {key: s for key, s in kind if count[key] == 1}
        for kind, count in zip(kinds, times, strict=True)
    ]


def _once(
    best: dict[int, tuple[int, str]], lines: dict[int, str]
) -> tuple[dict[int, str], list[str]]:
    """Let each student have one row."""
    rivals: dict[str, list[tuple[int, int]]] = {}
    for number, (sure, student) in best.items():
        rivals.setdefault(student, []).append((sure, number))
    found = {}
    for student, claims in rivals.items():
        first, *others = sorted(claims)
        if others and others[0][0] == first[0]:
            others.insert(0, first)
        else:
            found[first[1]] = student
        for _, number in others:
            lines[number] = f"row {number + 1}: also matches {student}; left as it was"
    return found, [lines[n] for n in sorted(lines)]
