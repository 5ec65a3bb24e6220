"""A submission is run as a student might have written it, and judged outside."""

import copy
import re
import shutil
import signal
import time
from typing import Generic, NamedTuple, TypeVar

import nbformat
import numpy as np
import pytest
import torch

from autograder.jail import client, encode, sandbox
from autograder.jail.crossing import Line, Remote
from autograder.jail.decode import decode
from autograder.jail.encode import plain
from autograder.jail.kernel import Jail, Lost, uncut
from autograder.judge import evidence
from autograder.make import pages
from autograder.make.build import instructor
from mlsyscore.network import Link

LAB = """# %%
import numpy as np

# %% answer="double"
def double(x):
    return 2 * x

# %% check="double-three" points=1
assert double(3) == 6, f"double(3) is 6, not {double(3)}"

# %% check="double-array" points=1
assert np.all(double(np.ones(2)) == 2), double(np.ones(2))

# %% answer="half"
def half(x):
    return x / 2

# %% check="half-two" points=1
assert half(2) == 1
"""
HONEST = "def double(x):\n    return 2 * x"
PROGRESS = """
import ipywidgets
display(ipywidgets.IntProgress())
shown = display(1, display_id="x")
shown.update(2)
"""

pytestmark = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="no jail here: apt-get install bubblewrap"
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    script = tmp_path_factory.mktemp("lab") / "01_lab.py"
    script.write_text(LAB)
    return instructor(script)


def outputs(lab, source):
    """Run the lab with one answer replaced: cell -> its outputs."""
    nb = copy.deepcopy(lab)
    (answer,) = (c for c in nb.cells if c.id == "double")
    answer.source = source
    found = evidence.run(nb, lab)
    return {c.id: o for c, o in zip(nb.cells, found, strict=True)}


def failures(lab, source):
    """Grade the lab with one answer replaced: failed check -> message."""
    checks = [c for c in lab.cells if evidence.role(c) == "check"]
    return {
        name: o[0].evalue
        for name, o in outputs(lab, source).items()
        if name in {k.id for k in checks} and o and o[0].output_type == "error"
    }


@pytest.mark.parametrize(
    "source",
    [
        HONEST,
        "import warnings\nwarnings.warn('noise')\n" + HONEST,
        "import sys\nprint('noise', file=sys.stderr)\ndouble = lambda x: x + x",
        HONEST + "\nprint('y' * 10**7)",
        HONEST + "\n1 / 0",
        HONEST + "\n_inside = list = str = None\nexit()",
        "get_ipython().run_line_magic('reset', '-f')\n" + HONEST,
        HONEST + PROGRESS,
    ],
)
def test_a_right_answer_earns_its_points(lab, source):
    assert failures(lab, source) == {}


LYING = """
class Yes(float):
    __eq__ = lambda self, other: True
    __array__ = lambda self, *a, **k: np.array(2.0)
def double(x): return Yes(7)
"""
TRANSFORMER = """
get_ipython().input_transformers_cleanup.append(lambda lines: ["pass\\n"])
def double(x): return 0
"""
PATCHED = """
import builtins
np.all = lambda *a: True
builtins.AssertionError = builtins.print
def double(x): return 0
"""


@pytest.mark.parametrize("source", [LYING, TRANSFORMER, PATCHED, "double = 6"])
def test_a_lie_earns_nothing(lab, source):
    assert {"double-three", "double-array"} <= set(failures(lab, source))


def test_an_alarm_waits_until_a_kernel_is_whole():
    def late(*_):
        raise evidence.Late

    @uncut()
    def start():
        signal.raise_signal(signal.SIGPROF)
        steps.append("whole")

    before, steps = signal.signal(signal.SIGPROF, late), []
    try:
        with pytest.raises(evidence.Late):
            start()
        assert signal.getsignal(signal.SIGPROF) is late
    finally:
        signal.signal(signal.SIGPROF, before)
    assert steps == ["whole"]


def test_who_lets_the_kernel_run_nothing_is_not_waited_for(lab, monkeypatch):
    started, launch = [], Jail._launch
    monkeypatch.setattr(Jail, "_launch", lambda jail: started.append(0) or launch(jail))
    found = failures(lab, TRANSFORMER)
    assert set(found) == {"double-three", "double-array", "half-two"}
    assert {text for text in found.values() if "runs nothing" not in text} == set()
    assert len(started) == 3  # at first, once more, and as it is left to the rest


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("import os\n    os._exit(1)", "killed its kernel"),
        ("while True: pass", "computed for over 3 s|longer than one check"),
        (
            "import os\n    while True: os.fork()",
            "killed its kernel|longer than one check|computed for",
        ),
        ("return double(x)", "recursion"),
        ("return object()", "no plain data"),
        ("return [double]", r"6, not \[<function of yours>\]"),
        ("return np.frombuffer(b'\\xff' * 4, '<U1')", "maximum character|not in range"),
        ("return input()", "input"),
        ("raise SystemExit", "SystemExit"),
        ("raise NotImplementedError()", ""),
        ("return 5", r"double\(3\) is 6, not 5"),
    ],
)
def test_a_bad_answer_says_why_and_costs_only_itself(lab, body, message, monkeypatch):
    monkeypatch.setattr(evidence, "CELL", 3.0)
    failed = failures(lab, f"def double(x):\n    {body}")
    assert set(failed) == {"double-three", "double-array"}
    assert re.search(message, failed["double-three"])


HOARD = """
import os, time
def double(x):
    for _ in range(3):
        if os.fork() == 0:
            kept = b"x" * (900 << 20)
            time.sleep(60)
    time.sleep(60)
"""


def test_processes_may_not_hoard_together_what_one_may_not(lab, monkeypatch):
    monkeypatch.setattr(sandbox, "MEMORY", 2 << 30)
    said = failures(lab, HOARD)["double-three"]
    assert "killed its kernel: its processes took more than 2048 MiB" in said


NESTED = "double = []\nfor _ in range(10**5): double = [double]"
LOOP = "double = Link(1.0, 2.0)\nobject.__setattr__(double, 'alpha', double)"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("double = object()", "double is an object of type object"),
        ("import math as double", "double is an object of type module"),
        ("double = [np.ones(7 * 10**6)] * 1000", "more than 64 MiB"),
        (f"from mlsyscore.network import Link\n{LOOP}", "nested more than 20 deep"),
        (NESTED, "nested more than 20 deep"),
    ],
)
def test_a_value_that_cannot_cross_breaks_only_its_own_name(lab, source, message):
    failed = failures(lab, source)
    assert set(failed) == {"double-three", "double-array"}
    assert message in failed["double-three"]


SEND = """
kernel = get_ipython().kernel
def send(kind, content):
    kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent())
send("display_data", {"data": 5, "metadata": {}})
send("display_data", {"data": {"text/plain": [{"a": 1}]}, "metadata": 3})
send("display_data", {"data": {"text/plain": "a"}, "transient": {"display_id": {}}})
send("display_data", {})
send("status", {})
send("stream", {"name": 7, "text": None})
send("stream", {"name": "stdout", "text": {}})
send("error", {"ename": [], "evalue": {}, "traceback": 5})
send("comm_open", {"data": 1})
send("what", b"[1]")
send("what", b"[" * 10**5)
send("stream", b"\\xff")
"""


SECRET = """# %% answer="f"
def f(x): return x

# %% check="f-any" points=1
assert f(1) == 1
### BEGIN HIDDEN TESTS
assert f(77777) == 77777, "wrong for a large x"
### END HIDDEN TESTS
assert f(2) == 2
"""


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("x == 1", "it was 1"),
        ("x == 2", "it was 2"),
        ("x > 2", "a hidden case of this check fails"),
    ],
)
def test_an_error_tells_nothing_of_a_hidden_part(tmp_path, when, said):
    (tmp_path / "01_lab.py").write_text(SECRET)
    lab, nb = (instructor(tmp_path / "01_lab.py") for _ in "ab")
    (cell,) = (c for c in nb.cells if c.id == "f")
    body = f"if {when}: raise ValueError(f'it was {{x}}')"
    cell.source = f"def f(x):\n    {body}\n    return x"
    shown, *own = evidence.run(nb, lab)[-1]
    assert said == shown.evalue
    assert "77777" not in shown.evalue
    assert len(own) == ("hidden" in said)


def test_an_own_class_of_error_is_the_builtin_that_it_is(kernel):
    kernel.run("class Negative(ValueError): pass\ndef f(): raise Negative('x < 0')")
    with pytest.raises(ValueError, match="Negative: x < 0"):
        Remote("f", Line(kernel, {}), "a function")()


def test_a_forged_message_stops_nobody(lab):
    nb, shown = copy.deepcopy(lab), outputs(lab, f"{SEND}\n{HONEST}")
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs = shown[cell.id]
    nbformat.validate(nb)
    assert shown["double-three"] == shown["half-two"] == []


NO_REPLY = f"""
{SEND}
kernel.session.send(
    kernel.shell_stream.socket, "execute_reply", b"[" * 10**5,
    ident=kernel._parent_ident["shell"], parent=kernel.get_parent()
)
"""


def test_bytes_that_are_no_reply_cost_only_their_own_cell(lab):
    shown = outputs(lab, f"{NO_REPLY}\n{HONEST}")
    assert "broke its kernel" in shown["double"][0].evalue
    assert shown["half-two"] == []


SHOW = """
from IPython.display import display
display({"text/html": "<b>x</b>", "image/svg+xml": "<svg/>", "text/plain": "kept"},
    raw=True, metadata={"image/png": {"width": "1 onerror=alert()"}})
display({"application/x-mlsyscore+json": {"value": 7}}, raw=True)
display({"image/png": '"><script>'}, raw=True)
print("b")
"""


def test_only_text_and_images_are_kept_of_what_a_cell_shows(lab):
    first, second = outputs(lab, SHOW)["double"]
    kinds = {first.output_type: first, second.output_type: second}
    assert kinds["display_data"].data == {"text/plain": "kept"}
    assert kinds["display_data"].metadata == {}
    assert kinds["stream"].text == "b\n"
    half = {"output_type": "stream", "name": "stdout", "text": "a\ud800"}
    assert pages.output(half).text == "a?"


def test_text_too_long_to_set_is_shown_as_it_is():
    assert pages.markdown("*a* <b>b</b><u>c</u>") == ("<p><em>a</em> <b>b</b>c</p>\n")
    assert pages.markdown("<div>" * 10**5).startswith("<pre>&lt;div&gt;&lt;div&gt;")


FLOOD = """
from IPython.display import display
for i in range(100): display({"application/x-json": "y" * 10**5}, raw=True)
"""


MUTE = """
import functools
import numpy as np
class Mute(Exception):
    __str__ = None
def mute(): raise Mute
"""


@pytest.fixture(scope="module")
def kernel():
    started = Jail(10.0, 600.0)
    yield started
    started.close()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("np.zeros(1, 'i4,f8')[0]", "no plain data"),
        ("np.array(None, dtype=object)", "no plain data"),
        ("np.broadcast_to(1.0, (10**9, 10**9))", "more than 64 MiB"),
        ("[0] * 10**7", "more than 64 MiB"),
        ("'y' * 10**8", "more than 64 MiB"),
        ("1 << 10**9", "more than 14000 bits"),
        ("functools.reduce(lambda x, _: [x], range(10**5))", "nested more than 20"),
        ("'half: ' + chr(0xD800)", "surrogates not allowed"),
        ("mute()", "its message cannot be shown"),
    ],
)
def test_an_answer_that_cannot_cross_says_why(kernel, value, message):
    kernel.run(f"{MUTE}\ndef f(): return {value}")
    with pytest.raises(Exception, match=message):
        Remote("f", Line(kernel, {}), "a function")()


def test_what_a_cell_shows_is_bounded(kernel):
    assert sum(len(str(o)) for o in kernel.run(FLOOD)) <= client.OUTPUT
    assert kernel.ask("ANSWER = [1, 2]") == [1, 2]
    assert kernel.ask("1") is None


def test_a_good_cell_that_fails_when_repeated_is_dropped(kernel):
    kernel.seconds = 3.0
    kernel.good = ["x = 1", "import os; os._exit(1)", "while True: pass", "y = x + 1"]
    with pytest.raises(Lost, match="killed its kernel"):
        kernel.run("import os; os._exit(1)")
    assert kernel.good == ["x = 1", "y = x + 1"]
    assert "2" in str(kernel.run("y"))


def test_many_short_cells_outlive_their_time_together():
    kernel = Jail(3.0, 1.0)
    kernel.end = time.monotonic() + 0.1
    kernel.run("import time; time.sleep(0.2)")
    with pytest.raises(Lost, match="the notebook ran longer than 1 s"):
        kernel.run("1")
    kernel.close()


@pytest.mark.parametrize(
    "value",
    [
        *(
            None,
            True,
            10**30,
            -0.0,
            float("inf"),
            "a\u00e9",
            b"\0",
            (1, [2.5, {"k": ()}]),
        ),
        Link(1.0, 2.0),
        {1, 2},
        {(1, None): {2.5: b"x"}, True: frozenset("a")},
    ],
)
def test_plain_data_crosses_unchanged(value):
    there = decode(plain(value))
    assert there == value
    assert type(there) is type(value)


T = TypeVar("T")


class Pair(NamedTuple, Generic[T]):
    a: int
    b: T


class Mixed(list, Generic[T]):
    pass


class Endless(list):
    def __iter__(self):
        while True:
            yield 0


class Lying(float):
    hex = __eq__ = __float__ = lambda *a: 6.0


@pytest.mark.parametrize(
    ("value", "there"),
    [
        (Pair(1, 2.5), (1, 2.5)),
        (Mixed([1]), [1]),
        (Endless([1]), [1]),
        (Lying(7), 7.0),
        (np.str_("a"), "a"),
        (np.bytes_(b"a"), b"a"),
    ],
)
def test_a_subclass_arrives_as_what_it_is_underneath(value, there):
    thawed = decode(plain(value))
    assert (thawed, type(thawed)) == (there, type(there))


@pytest.mark.parametrize(
    "kind", [torch.float64, torch.bfloat16, torch.int8, torch.bool]
)
def test_a_tensor_keeps_its_dtype(kind):
    x = torch.tensor([[1.0, 0.0]]).to(kind)
    there = decode(plain(x))
    assert there.dtype == kind
    assert torch.equal(there, x)


def test_an_answer_never_outgrows_what_is_read(monkeypatch):
    monkeypatch.setattr(encode, "LARGE", 10**4)
    for value in ("\0" * 1666, [1.1e-300] * 150, np.ones(1200), b"x" * 9900):
        assert len(str({"value": plain(value)})) < 2 * 10**4


def test_nan_dtype_and_shape_survive():
    x = np.array([[np.nan, np.inf]], dtype=np.float32)
    y = decode(plain(x))
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(x, y)
    assert np.isnan(decode(plain(np.float64("nan"))))
    assert decode(plain(np.zeros((0, 3)))).shape == (0, 3)


@pytest.mark.parametrize(
    "forged",
    [
        {"thing": ["os", "system", {}]},
        {"array": ["|O", [1], "AAAAAAAAAAA="]},
        {"array": ["<f8", [10**9], ""]},
        {"what": 1},
        [1],
        7,
        {"float": "x"},
        {"int": "f" * 10**4},
        {"float": "0x1p99999"},
        {"array": ["<f8", [0, 10**30], ""]},
        {"array": ["<f8", [-1, -1], "AAAAAAAAAAA="]},
        {"tensor": ["os", {"array": ["<f8", [0], ""]}]},
        {"thing": ["mlsyscore.network", "Link", {"alpha": None}]},
        {"set": [{"list": []}]},
        {},
    ],
)
def test_a_forged_answer_is_only_a_wrong_answer(forged):
    with pytest.raises(RuntimeError, match="unreadable"):
        decode(forged)


def test_an_error_arrives_as_its_builtin_type():
    outcome = Line(None, {}).outcome
    with pytest.raises(ValueError, match="N = 0"):
        outcome({"error": [["builtins.ValueError", "builtins.Exception"], "N = 0"]})
    with pytest.raises(RuntimeError, match="MyError: x"):
        outcome({"error": [["__main__.MyError"], "x"]})
    for forged in ({"error": ["ValueError", {}]}, {"error": [[], ""]}, [], 5, None):
        with pytest.raises(RuntimeError, match="no readable answer"):
            outcome(forged)
