"""What a check lends: it is used, and neither seen into, nor written to, nor kept."""

import gc
import queue
import resource
import shutil
import socket
import threading
import time

import numpy as np
import pytest

from autograder.jail import things
from autograder.jail.crossing import Line, Remote
from autograder.jail.kernel import Jail, Lost
from autograder.jail.wire import Gate
from autograder.judge import evidence
from mlsyscore.harness import calls
from mlsyscore.harness.network import Network

pytestmark = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="no jail here: apt-get install bubblewrap"
)

SETUP = """
import threading
import numpy as np

class Refused(ValueError, LookupError):
    pass

class World:
    shards = 3

    def __init__(self, secret=7):
        self._secret, self._log, self.name = secret, [], "a world"
        self._lock = threading.Lock()
        self.part = Part(self)

    @property
    def total(self):
        return sum(self._log)

    def add(self, x, twice=False):
        with self._lock:
            self._log.append(x)
            return self if twice else len(self._log)

    def tell(self, name, number=0, what="", x=0):
        return [name, number, what, x]

    def fail(self, kind="refused"):
        if kind == "refused":
            raise Refused("no bucket", 3)
        raise {"key": KeyError, "os": OSError}[kind](kind)

    def slow(self):
        n = 0
        while True:
            n += 1

    def parts(self):
        yield from [Part(self), Part(self)]

    def call(self, f, x):
        return f(x)

    def array(self):
        x = np.zeros(4)
        x.flags.writeable = False
        return x

    def __len__(self):
        return 3

    def __getitem__(self, i):
        if i >= 3:
            raise IndexError(i)
        return i * i

    def __contains__(self, x):
        return x == 4

    def __iter__(self):
        return iter([0, 1, 4])

    def __call__(self, x):
        return x + self._secret

    def __enter__(self):
        self._log.append("in")
        return self

    def __exit__(self, *why):
        self._log.append("out")

    def _left(self):
        self._log.append("left")

class Part:
    def __init__(self, of):
        self._of = of

    def say(self):
        return "part"
"""
THEIRS = """
import os, sys, threading, time
kept = []

def use(w):
    with w as x:
        same = x is w
    return [w.add(2), w.add(3, twice=True) is w, w[2], len(w), 4 in w, 5 in w, list(w),
            w(1), same, w.name, w.shards, w.part.say(), [p.say() for p in w.parts()]]

def named(w): return w.tell(name="a", number=1, what="b", x=2), w(x=1)

def look(w):
    inside, seen = sys.modules["_inside"], []
    number = object.__getattribute__(w, "_number")
    for name in ("_secret", "_log", "__dict__", "__class__", "__init__", "__globals__"):
        for way in ("get", "method"):
            try: seen.append((name, way, inside.ask(number, way, name)))
            except AttributeError: pass
        try: seen.append((name, getattr(w, name)) if name[:2] != "__" else 0)
        except AttributeError: pass
    for other in (-1, 0, number + 1, number + 2, 10**9, "x", None, [], 1.5):
        try: seen.append((other, inside.ask(other, "get", "name")))
        except Exception: pass
    for way in ("set", "eval", "", None, "__call__", 3, [], {}):
        try: seen.append((way, inside.ask(number, way, "_secret", 1)))
        except Exception: pass
    return [repr(s) for s in seen if s]

def write(w):
    done = []
    for name in ("name", "_secret", "shards", "new"):
        for put in (setattr, lambda *a: delattr(*a[:2])):
            try: put(w, name, 1); done.append(name)
            except Exception: pass
    for act in (lambda: w.__dict__, lambda: w.__setitem__(0, 1), lambda: w.pop(),
                lambda: vars(w), lambda: __import__("copy").copy(w),
                lambda: __import__("pickle").dumps(w)):
        try: done.append(repr(act()))
        except Exception: pass
    return done

def code(f):
    inside, seen = sys.modules["_inside"], []
    number = object.__getattribute__(f, "_number")
    for name in ("__closure__", "__code__", "__self__", "__func__", "func", "args",
                 "gi_frame", "f_locals", "keywords", "cell_contents", "send", "throw"):
        for act in (lambda: getattr(f, name), lambda: inside.ask(number, "get", name),
                    lambda: inside.ask(number, "method", name)):
            try: seen.append((name, repr(act())))
            except Exception: pass
    return seen

def keep(w): kept.append(w); return len(kept)
def kept_ones():
    return [x.add(1) for x in kept]
def later(source):
    for x in source: yield x
def back(w): return w
def nested(w, p): return {"a": [w, (p, {"b": w})]}
def first(w): return w.part
def catch(w):
    found = []
    for kind in (Refused, ValueError, LookupError, Exception):
        try: w.fail()
        except kind as e: found.append([type(e).__name__, str(e), list(e.args)])
    for kind, e in (("key", KeyError), ("os", OSError)):
        try: w.fail(kind)
        except e: found.append(kind)
    try: w.fail("odd")
    except KeyError as e: found.append(str(e))
    return found

def json_error():
    import json
    json.loads("{")
def unicode_error(): b"\\xff".decode()
class NoBucket(ValueError, LookupError): pass
class Own(NoBucket): pass
def own(): raise Own("mine")
def ours(): raise Refused("theirs")
def key(): {}["x"]
def half(): raise NotImplementedError
def group(): raise ExceptionGroup("both", [ValueError("a"), KeyError("b")])
class Base(BaseException): pass
def base(): raise Base("base")
def exits(): sys.exit(3)
def interrupts(): raise KeyboardInterrupt
def closes(): raise GeneratorExit
def returned(): return ValueError("x")
def returned_class(): return ValueError
def word(): return "ValueError"
def lock(): return threading.Lock()

def many(w, n):
    def work():
        for _ in range(n): w.add(1)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads: t.start()
    for t in threads: t.join()
    return w.total

def rank(w, r):
    w.add(r)
    return r, os.getpid(), w.total
def dies(w, r):
    if r == 1: os._exit(3)
    return r
def waits(port, r):
    return port.irecv(1 - r).wait()
def liar(w, r):
    inside = sys.modules["_inside"]
    if r == 0:
        for claim in (1, 7, -1, "1", True, None, [1], {}, 1.0):
            try:
                wire = inside.Wire({"rank": claim})
                wire.write({"ask": [1, "add", [100], {}]})
            except Exception: pass
    time.sleep(0.2)
    return w.total
def other(w, r):
    number = object.__getattribute__(w, "_number")
    seen = []
    for n in range(number - 4, number + 5):
        try: seen.append(sys.modules["_inside"].ask(n, "get", "total"))
        except Exception: pass
    return len(seen)

def slow(w): return w.slow()
def slow_thread(w):
    threading.Thread(target=w.slow, daemon=True).start()
    return 1
def again_and_again(w, n):
    for _ in range(n): w.add(1)
def hoard(w, n): return len([list(w.parts()) for _ in range(n)])
def through(w): return w.call(lambda x: 2 * x, 21)
def frozen(w):
    x = w.array()
    try: x[0] = 1
    except ValueError: return "read-only"
    return "written"
def frozen_too(x):
    try: x[0] = 1
    except ValueError: return "read-only"
    return "written"
def put_aside(): 
    open("/tmp/aside", "w").write("x"); globals()["aside"] = 1
    os.environ["ASIDE"] = "1"
def is_aside():
    return [os.path.exists("/tmp/aside"), "aside" in globals(), "ASIDE" in os.environ]
class Model:
    def __init__(self, n): self.n, self.steps = n, 0
    def step(self): self.steps += 1; return self.n
def weight(model): return model.step()
"""


class Kernel:
    """A line into a jail that ran SETUP and THEIRS, and others that did."""

    def __init__(self, seconds=20.0):
        self.world = {"__name__": "__main__"}
        exec(compile(SETUP, "<setup>", "exec"), self.world)
        self.jails, self.seconds = [], seconds
        self.line = self.again()

    def again(self):
        jail = Jail(self.seconds, 300.0)
        self.jails.append(jail)
        jail.run(SETUP)
        jail.run(THEIRS)
        return Line(jail, self.world, self.again)

    def __getattr__(self, name):
        return Remote(name, self.line, "a function")

    def thing(self, *args):
        return self.world["World"](*args)

    def close(self):
        for jail in self.jails:
            jail.close()


@pytest.fixture(scope="module")
def there():
    kernel = Kernel()
    yield kernel
    kernel.close()


@pytest.fixture
def w(there):
    return there.thing()


def test_what_is_public_is_used(there, w):
    used = there.use(w)
    assert used[:7] == [3, True, 4, 3, True, False, [0, 1, 4]]
    assert used[7:] == [8, True, "a world", 3, "part", ["part", "part"]]
    assert w._log == ["in", "out", 2, 3]


def test_an_argument_may_have_any_name(there, w):
    assert there.named(w) == (["a", 1, "b", 2], 8)


def test_what_is_private_is_neither_seen_nor_asked_for(there, w):
    w.add(5)
    assert there.look(w) == []
    assert w._log == [5]


def test_nothing_is_set(there, w):
    before = dict(vars(w))
    assert there.write(w) == []
    assert vars(w) == before


def test_of_a_function_nothing_is_seen_but_what_it_returns(there, w):
    secret = 5
    table = {"secret": 1}
    for f in (lambda x: x + secret, w.add, table.__getitem__, w.parts()):
        assert there.code(f) == []


def test_a_thing_ends_with_the_call_that_gave_it(there, w):
    there.keep(w)
    with pytest.raises(RuntimeError, match="only until the call returns"):
        there.kept_ones()
    assert w._log == []


def test_a_thing_that_is_lent_stays_as_long(there):
    source = there.thing()
    with calls.lent(source):
        steps = there.later(source)
        assert [next(steps), next(steps)] == [0, 1]
    steps = there.later(source)
    with pytest.raises(RuntimeError, match="only until the call returns"):
        next(steps)


def test_what_comes_back_is_the_very_thing(there, w):
    assert there.back(w) is w
    part = w.part
    got = there.nested(w, part)
    assert got["a"][0] is w
    assert got["a"][1][0] is part
    assert got["a"][1][1]["b"] is w
    assert there.first(w) is part


def test_an_error_of_ours_is_raised_there_by_its_name(there, w):
    found = there.catch(w)
    assert found[:4] == [["Refused", "('no bucket', 3)", ["no bucket", 3]]] * 4
    assert found[4:] == ["key", "os", "'odd'"]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("json_error", (ValueError,)),
        ("unicode_error", (ValueError, UnicodeError, UnicodeDecodeError)),
        ("own", (ValueError, LookupError)),
        ("ours", (ValueError, LookupError)),
        ("key", (KeyError, LookupError)),
        ("half", (NotImplementedError, RuntimeError)),
        ("group", (Exception,)),
    ],
)
def test_an_error_of_theirs_is_all_that_it_descends_from(there, name, kinds):
    with pytest.raises(Exception) as found:  # noqa: PT011
        getattr(there, name)()
    assert all(isinstance(found.value, k) for k in kinds)
    assert found.value.theirs
    assert type(found.value).__name__ not in ("", "Theirs")
    if name == "ours":
        assert isinstance(found.value, there.world["Refused"])


@pytest.mark.parametrize("name", ["base", "exits", "interrupts", "closes"])
def test_an_error_that_is_no_exception_ends_nothing_here(there, name):
    with pytest.raises(RuntimeError) as found:
        getattr(there, name)()
    assert isinstance(found.value, Exception)
    assert there.word() == "ValueError"


@pytest.mark.parametrize("name", ["returned", "returned_class", "word", "lock"])
@pytest.mark.parametrize("kind", [ValueError, TypeError, LookupError])
def test_a_returned_value_is_no_error(there, name, kind):
    """Not even one that cannot cross; a class is something to call."""
    try:
        assert isinstance(getattr(there, name)(), Remote | str)
    except kind:
        pytest.fail("it was returned, and not raised")
    except RuntimeError as e:
        assert "no plain data" in str(e)  # noqa: PT017


def test_threads_have_wires_of_their_own(there, w):
    assert there.many(w, 50) == 200


def test_ranks_are_processes_with_things_of_their_own(there):
    worlds = [there.thing() for _ in range(3)]
    ends = calls.together(there.rank, [(w, r) for r, w in enumerate(worlds)])
    assert [r for r, _, _ in ends] == [0, 1, 2]
    assert len({pid for _, pid, _ in ends}) == 3
    assert [w._log for w in worlds] == [[0, "left"], [1, "left"], [2, "left"]]
    assert (
        calls.together(there.other, [(there.thing(), r) for r in range(3)]) == [1] * 3
    )


def test_a_rank_that_dies_is_said_and_heard(there):
    worlds = [there.thing() for _ in range(2)]
    with pytest.raises(calls.RankError, match=r"rank 1 of 2: .*without a word"):
        calls.together(there.dies, [(w, r) for r, w in enumerate(worlds)])
    assert [w._log for w in worlds] == [["left"], ["left"]]


def test_a_rank_that_claims_another_number_spoils_its_own_run(there):
    """Processes of one jail can do each other's work anyway; no result is evidence."""
    worlds = [there.thing() for _ in range(2)]
    with pytest.raises(calls.RankError, match="rank 1 of 2"):
        calls.together(there.liar, [(w, r) for r, w in enumerate(worlds)])
    assert there.word() == "ValueError"


def test_a_deadlock_is_found_at_once_and_said(there):
    network, start = Network(2), time.monotonic()
    with pytest.raises(calls.RankError, match="rank 0 waits for rank 1, which waits"):
        calls.together(there.waits, [(network.port(r), r) for r in range(2)])
    assert time.monotonic() - start < 5


def test_a_method_that_is_slow_is_stopped(there, w):
    with pytest.raises(evidence.Late), evidence.alarm(0.5):
        there.slow(w)
    assert there.word() == "ValueError"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_is_done_for_a_thread_ends_with_its_kernel():
    one, before = Kernel(), threading.active_count()
    with calls.lent(w := one.thing()):
        assert one.slow_thread(w) == 1
        time.sleep(0.2)
        assert threading.active_count() > before
    one.close()
    end = time.monotonic() + 10
    while threading.active_count() >= before and time.monotonic() < end:
        time.sleep(0.05)
    assert threading.active_count() < before


def test_uses_and_things_are_bounded(there, w, monkeypatch):
    monkeypatch.setattr(things, "CALLS", there.line.things.used + 100)
    with pytest.raises(RuntimeError, match=r"more than \d+ uses"):
        there.again_and_again(w, 200)
    assert len(w._log) == 100
    monkeypatch.setattr(things, "CALLS", 10**6)
    monkeypatch.setattr(things, "MOST", 100)
    with pytest.raises(TypeError, match="more than 100 things"):
        there.hoard(w, 200)
    assert len(there.line.things.held) == 0


def test_a_function_of_theirs_is_called_by_a_thing_of_ours(there, w):
    assert there.through(w) == 42


def test_what_is_read_only_stays_so(there, w):
    assert there.frozen(w) == "read-only"
    x = np.zeros(3)
    x.flags.writeable = False
    assert there.frozen_too(x) == "read-only"
    assert there.frozen_too(np.zeros(3)) == "written"


def test_a_fresh_one_has_nothing_of_this_one(there):
    there.put_aside()
    assert there.is_aside() == [True] * 3
    assert calls.fresh(there.is_aside)() == [False] * 3


def test_a_model_is_made_there_from_plain_data(there):
    there.world["Model"] = type("Model", (), {"__init__": lambda self, n: None})
    there.world["Model"].__module__ = "__main__"
    model = calls.made(there.world["Model"], 5)
    assert there.weight(model) == 5
    assert not hasattr(model, "steps")


JUNK = """
import json, socket, sys, threading
inside = sys.modules["_inside"]
def raw(data, hello="thread"):
    try:
        w = socket.socket(socket.AF_UNIX)
        w.settimeout(0.5 + len(data) / 4e6)
        w.connect(inside.PLACE)
        hello = json.dumps(hello).encode()
        w.sendall(sized(hello) + data)
        w.recv(8)
    except OSError: pass
def sized(data): return len(data).to_bytes(8, "big") + data
def shapes(w):
    number = object.__getattribute__(w, "_number")
    for x in (7, "x", [], None, {}, {"ask": 5}, {"ask": []}, {"ask": [1]}, {"done": 1},
              {"ask": [number, "add", 5, 5]}, {"ask": [number, "add", [1], {}]},
              {"ask": [number, "method", {"list": ["x"]}, {"dict": []}]},
              {"ask": [[], {}, [], []]}, {"ask": [number, "method"] * 2}):
        raw(sized(json.dumps(x).encode()))
    raw(b"\\xff" * 8); raw(b"short"); raw(b""); raw(sized(b"{")); raw(sized(b"\\xff"))
    raw(sized(b"x" * 2000), "x" * 5000)
    return 1
def deep(n): raw(sized(b"[" * n)); raw(sized(b'{"a":' * n)); return 1
def wide(n):
    data = sized(b"[" + b"[]," * (n // 3) + b"0]")
    threads = [threading.Thread(target=raw, args=[data]) for _ in range(6)]
    for t in threads: t.start()
    for t in threads: t.join()
    return 1
def instead(data):
    inside.local.wire.stream.write(sized(data)); inside.local.wire.stream.flush()
def wide_answer(n): instead(b'{"value":[' + b"[]," * (n // 3) + b"0]}")
def dicts_answer(n): instead(b'{"value":[' + b'{"":0},' * (n // 7) + b"0]}")
def deep_answer(n): instead(b'{"value":' + b"[" * n)
def odd_answer(n): instead([b"7", b"null", b'"x"', b"[]", b'{"value":{"int":"x"}}',
    b'{"value":{"array":["<f8",[9999999999],"AAAA"]}}', b'{"error":[[],"x"]}',
    b'{"error":[["builtins.SystemExit"],"x"]}', b'{"value":{"held":[1]}}',
    b'{"value":{"ours":1}}', b'{"value":{"thing":["os","system",{}]}}',
    b'{"value":{"array":["O",[1],"AAAAAAAAAAA="]}}', b"\\xff\\xfe", b"NaN",
    b'{"value":{"int":"0xz"}}', b'{"value":{"list":5}}', b'{"ask":[1,2,3,4]}'][n])
def fine(): return 5
"""


@pytest.fixture
def junk():
    kernel = Kernel(10.0)
    kernel.line.jail.run(JUNK)
    yield kernel
    kernel.close()


def held():
    """Return the largest memory that this process had so far, in MiB."""
    gc.collect()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_junk_on_a_wire_costs_its_sender_alone(junk):
    w = junk.thing()
    assert junk.shapes(w) == 1
    assert [x for x in w._log if x != 1] == []
    assert junk.deep(100_000) == 1
    assert junk.fine() == 5


def test_a_thread_that_is_stopped_while_it_closes_says_nothing(tmp_path):
    class Stopped:  # what ``Gate.close`` sends arrives in the last call of all
        def close(self):
            raise SystemExit

    gate = Gate(tmp_path / "world", lambda wire, hello: None)
    assert gate._hear(Stopped()) is None
    gate.close()


def test_a_closed_gate_leaves_no_connection_open(tmp_path, monkeypatch):
    kept = queue.Queue()
    monkeypatch.setattr(Gate, "_hear", lambda gate, it: kept.put(it))  # and ends there
    gate = Gate(tmp_path / "world", lambda wire, hello: None)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "world"))
        connection = kept.get(timeout=30)
        gate.close()
    assert connection.fileno() == -1


def test_junk_takes_no_memory_to_speak_of(junk):
    before = held()
    assert junk.wide(15 << 20) == 1
    assert junk.fine() == 5
    assert held() - before < 300


@pytest.mark.parametrize("name", ["wide_answer", "dicts_answer"])
def test_an_answer_of_millions_of_nothings_is_refused(junk, name):
    before = held()
    with pytest.raises(Lost):
        getattr(junk, name)(90 << 20)
    assert held() - before < 400
    assert junk.word() == "ValueError"


def test_an_odd_answer_is_an_error(junk):
    for n in range(16):
        with pytest.raises((Lost, RuntimeError)):
            junk.odd_answer(n)
        junk.line = junk.again()  # what came too much is still on the wire
        junk.line.jail.run(JUNK)
    with pytest.raises(Lost):
        junk.deep_answer(1 << 20)
