"""Each lab is proved: solution full, blank zero, a mistake caught where it is."""

import ast
import re
import shutil

import nbformat
import pytest

from autograder import new
from autograder.__main__ import main
from autograder.jail import things
from autograder.judge import evidence
from autograder.make.address import ROOT
from autograder.make.chapter import chapter
from autograder.make.roles import exercises, name, role
from tools import notebooks
from tools.demo import answered, mistakes

LABS = sorted(p.stem for p in ROOT.glob("labs/[0-9]*.py"))
WAIT = 5.0  # seconds that a wrong answer may compute or wait in its own checks
KNOWN = {lab: mistakes(lab) for lab in LABS}

pytestmark = pytest.mark.usefixtures("warmed")
jailed = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="no jail here: apt-get install bubblewrap"
)


@pytest.fixture(autouse=True)
def sooner(monkeypatch):
    """What waits for ever is found in 15 seconds: a solved check computes for one."""
    monkeypatch.setattr(evidence, "CELL", 15.0)


def failed(nb, lab, only=(), seconds=15.0, one=False):
    """Return the checks that a submission fails, as a student's is judged.

    only: the exercises that matter.  Then the others' cells are left out, and both
    parts of a check run in one pass.  seconds: that a cell may compute, or wait.
    one: one pass for all, and the first lost check of an exercise is enough.
    """
    master = answered({}, lab)
    if only:
        kept = {c for e in only for c in [e, *exercises(master)[e]]}
        for copy in (nb, master):
            copy.cells = [
                c for c in copy.cells if role(c) in ("setup", "probe") or c.id in kept
            ]
    if only or one:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(evidence, "CELL", seconds)
            return evidence.lost(nb, master, one)
    outputs = evidence.run(nb, master)
    return {
        name(c)
        for c, o in zip(nb.cells, outputs, strict=True)
        if role(c) == "check" and any(x.output_type == "error" for x in o)
    }


def checks(lab):
    return {c.id for c in answered({}, lab).cells if role(c) == "check"}


def cases(kind, whole=0):
    """Submissions that hold a k-th answer to each exercise.

    The first answers are judged in so many whole notebooks, so that one exercise is
    seen to leave the others alone; later ones by the cells and checks of their own
    exercises.
    """
    for lab in LABS:
        known = getattr(KNOWN[lab], kind, {})
        for k in range(max(map(len, known.values()), default=0)):
            halves = whole if whole and k == 0 else 1
            for part in range(halves):
                chosen = {
                    exercise: list(answers)[k]
                    for i, (exercise, answers) in enumerate(known.items())
                    if i % halves == part and k < len(answers)
                }
                if chosen:
                    only = () if whole and k == 0 else tuple(chosen)
                    yield pytest.param(lab, chosen, only, id=f"{lab[:2]}-{k}-{part}")


def sources(kind, lab, chosen):
    known = getattr(KNOWN[lab], kind)
    return {exercise: known[exercise][what] for exercise, what in chosen.items()}


@jailed
@pytest.mark.parametrize("lab", LABS)
def test_the_solution_earns_every_point(lab, monkeypatch):
    """And where a check gives more than plain data, or times it, there are cheats."""
    grader, world = evidence.Grader, things.Things
    number, again, judge = world.number, grader.again, grader.judge
    now, given = [""], set()

    def noted(f):
        return lambda *a, **k: given.add(now[0]) or f(*a, **k)

    def judging(self, check):
        now[0] = re.match(r"# \[check: ([a-z0-9-]+)", check)[1]
        return judge(self, check)

    monkeypatch.setattr(world, "number", noted(number))
    monkeypatch.setattr(grader, "again", noted(again))
    monkeypatch.setattr(grader, "judge", judging)
    assert failed(answered({}, lab), lab) == set()
    lent = {e for e, names in exercises(answered({}, lab)).items() if given & {*names}}
    cheats = getattr(KNOWN[lab], "CHEATS", {})
    assert {e for e in lent if len(cheats.get(e, {})) < 2} == set()
    assert all(len(found) >= 2 for found in cheats.values())


@jailed
@pytest.mark.parametrize("lab", LABS)
def test_the_blank_earns_none(lab):
    blank = nbformat.read(ROOT / f"notebooks/labs/{lab}.ipynb", as_version=4)
    assert failed(blank, lab) == checks(lab)


@jailed
@pytest.mark.parametrize(("lab", "chosen", "only"), list(cases("WRONG", whole=2)))
def test_a_mistake_is_caught_in_its_own_exercise_only(lab, chosen, only):
    """Every other exercise is wrong, each in one way; the others lose nothing."""
    wrong = answered(sources("WRONG", lab, chosen), lab)
    lost = failed(wrong, lab, only, WAIT if only else 15.0, one=True)
    hit = {e for e in KNOWN[lab].WRONG if any(c.startswith(f"{e}-") for c in lost)}
    assert hit == set(chosen), (chosen, lost)
    assert all(any(c.startswith(f"{e}-") for e in hit) for c in lost), lost


@jailed
@pytest.mark.parametrize(("lab", "chosen", "only"), list(cases("CHEATS", whole=1)))
def test_a_cheat_earns_nothing_in_its_own_exercise(lab, chosen, only):
    """Each is cheated in one way; those that know no cheat lose nothing."""
    nb = answered(sources("CHEATS", lab, chosen), lab)
    every = exercises(nb)
    lost = failed(nb, lab, only, WAIT)
    assert {c for e in chosen for c in every[e]} == lost, (chosen, lost)


@jailed
@pytest.mark.parametrize(("lab", "chosen", "only"), list(cases("RIGHT")))
def test_right_answers_of_another_kind_are_accepted(lab, chosen, only):
    nb = answered(sources("RIGHT", lab, chosen), lab)
    assert failed(nb, lab, only) == set()


@pytest.mark.parametrize("lab", LABS)
def test_each_exercise_has_three_mistakes_and_an_alternative(lab):
    exercises = {c.id for c in answered({}, lab).cells if role(c) == "answer"}
    assert set(KNOWN[lab].WRONG) == set(KNOWN[lab].RIGHT) == exercises
    assert all(len(found) >= 3 for found in KNOWN[lab].WRONG.values())
    assert all(KNOWN[lab].RIGHT.values())


@pytest.mark.parametrize("lab", LABS)
def test_the_release_leaks_nothing(lab):
    script = (ROOT / f"labs/{lab}.py").read_text()
    blank = nbformat.read(ROOT / f"notebooks/labs/{lab}.ipynb", as_version=4)
    shown = "\n".join(c.source for c in blank.cells)
    secret = []
    for kind in ("SOLUTION", "HIDDEN TESTS"):
        for part in script.split(f"### BEGIN {kind}")[1:]:
            secret += part.split(f"### END {kind}")[0].splitlines()
    public = script
    for line in secret:
        public = public.replace(line, "", 1)
    own = [s.strip() for s in secret if len(s.strip()) > 12 and s.strip() not in public]
    assert len(own) > 20
    assert [s for s in own if s in shown] == []


@pytest.mark.parametrize("lab", LABS)
def test_no_check_draws_anew(lab):
    """Graded twice, a submission must earn the same."""
    assert "default_rng()" not in (ROOT / f"labs/{lab}.py").read_text()


@pytest.mark.parametrize("lab", LABS)
def test_points_are_within_the_design(lab):
    marks = [c.metadata.get("nbgrader", {}) for c in answered({}, lab).cells]
    assert 20 <= sum(m.get("points", 0) for m in marks) <= 40
    assert sum(m.get("solution", False) and not m.grade for m in marks) >= 4
    assert any(m.get("solution", False) and m.grade for m in marks)


HEADER = (
    r"\*\*Time\*\* \d+ minutes",
    r"\*\*Points\*\* \d+",
    r"\*\*Runtime\*\*",
    r"\*\*Hand in\*\* this notebook as `{lab}\.ipynb`\s\(Colab: File, Download",
    r"numpy, scipy, pandas, networkx,\sscikit-learn, torch, matplotlib",
    r"You will",
)


@pytest.mark.parametrize("lab", LABS)
def test_a_lab_is_short_and_says_what_it_asks_for(lab):
    cells = answered({}, lab).cells
    assert len(cells) <= 45
    for line in HEADER:
        assert re.search(line.format(lab=lab), cells[0].source), line
    minutes, points = (
        int(re.search(rf"\*\*{word}\*\* (\d+)", cells[0].source)[1])
        for word in ("Time", "Points")
    )
    assert minutes <= 120
    headings = re.findall(
        r"(?m)^## .*\((\d+) points?, (\d+) minutes\)$",
        "\n".join(c.source for c in cells if c.cell_type == "markdown"),
    )
    assert sum(int(n) for n, _ in headings) == points
    assert sum(int(n) for _, n in headings) == minutes
    marks = [c.metadata.get("nbgrader", {}) for c in cells]
    assert sum(m.get("points", 0) for m in marks) == points


@pytest.mark.parametrize("lab", LABS)
def test_what_a_lab_stands_on_comes_first(lab):
    """A later set-up cell would take the names of a student's own helpers."""
    roles = [role(c) for c in answered({}, lab).cells if c.cell_type == "code"]
    assert "setup" not in roles[roles.index("answer") :]


@pytest.mark.parametrize("lab", LABS)
def test_an_explore_cell_ends_without_the_name_of_an_object(lab):
    """What matplotlib's calls return is no news: <Legend ...>."""
    for cell in answered({}, lab).cells:
        if role(cell) == "explore" and cell.source:
            *_, last = ast.parse(cell.source).body
            if isinstance(last, ast.Expr):
                assert ast.unparse(last).startswith(("print(", "plt.show(")), cell


@jailed
def test_a_new_lab_meets_every_rule_before_it_is_written(tmp_path, monkeypatch):
    lab = "99_a_new_lab"
    (tmp_path / "labs").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["new", lab]) == 0
    monkeypatch.setattr("tools.demo.ROOT", tmp_path)
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    monkeypatch.setitem(KNOWN, lab, mistakes(lab))
    out = tmp_path / f"notebooks/labs/{lab}.ipynb"
    notebooks.make_lab(tmp_path / f"labs/{lab}.py", out)
    test_the_solution_earns_every_point(lab, monkeypatch)
    test_the_blank_earns_none(lab)
    wrong = KNOWN[lab].WRONG
    for three, shelf in zip(wrong["three"], wrong["shelf"], strict=True):
        both = {"three": three, "shelf": shelf}
        test_a_mistake_is_caught_in_its_own_exercise_only(lab, both, ())
    for what in KNOWN[lab].CHEATS["shelf"]:
        test_a_cheat_earns_nothing_in_its_own_exercise(lab, {"shelf": what}, ())
    right = {e: next(iter(KNOWN[lab].RIGHT[e])) for e in ("three", "shelf")}
    test_right_answers_of_another_kind_are_accepted(lab, right, ())
    test_each_exercise_has_three_mistakes_and_an_alternative(lab)
    test_the_release_leaks_nothing(lab)
    test_points_are_within_the_design(lab)
    test_a_lab_is_short_and_says_what_it_asks_for(lab)
    test_what_a_lab_stands_on_comes_first(lab)
    test_an_explore_cell_ends_without_the_name_of_an_object(lab)
    assert "A new lab" in chapter(tmp_path / f"chapters/{lab}.py").cells[0].source


def test_a_new_lab_overwrites_nothing(tmp_path):
    with pytest.raises(ValueError, match="has no folder labs"):
        new.start("99_new", tmp_path)
    (tmp_path / "labs").mkdir()
    (tmp_path / "labs/99_new.py").write_text("mine")
    with pytest.raises(ValueError, match=r"labs/99_new\.py: already there"):
        new.start("99_new", tmp_path)
    assert [p.name for p in tmp_path.rglob("*.py")] == ["99_new.py"]
    with pytest.raises(ValueError, match="'9-new': two digits"):
        new.start("9-new", tmp_path)
