"""Honest submissions in odd shapes, and right answers of odd kinds."""

import copy
import json

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_raw_cell

from .lab import ALL, Case, first, last, one

RIGHT = "def scale(x): return 3 * x"


def stripped(nb: NotebookNode) -> None:
    """Lose all metadata, as some LMS do."""
    for cell in nb.cells:
        cell.metadata.clear()
        cell.pop("id")
    nb.metadata.clear()
    nb.nbformat_minor = 0


def colab(nb: NotebookNode) -> None:
    """Save as Colab does: format 4.0, its own ids and metadata, outputs."""
    for number, cell in enumerate(nb.cells):
        del cell["id"]
        cell.metadata.id = f"x{number}YzAbC"
        if cell.cell_type == "code":
            cell.metadata.colab = {"base_uri": "https://localhost:8080/"}
            cell.metadata.outputId = "0f1e2d3c-1111-4222-8333-444455556666"
            shown = {"output_type": "stream", "name": "stdout", "text": ["old\n"]}
            cell.outputs, cell.execution_count = [shown], number
    nb.metadata.colab = {"provenance": [], "toc_visible": True}
    nb.nbformat_minor = 0


def duplicated(nb: NotebookNode) -> None:
    """Paste every cell again, the answers without their work."""
    again = copy.deepcopy(nb.cells)
    for cell in again:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = "raise NotImplementedError()"
        cell.pop("id")
    nb.cells += again


def checks_deleted(nb: NotebookNode) -> None:
    """Delete every check."""
    nb.cells = [c for c in nb.cells if c.id not in ALL]


def rearranged(nb: NotebookNode) -> None:
    """Put the answers in another order, the checks after them."""
    nb.cells[3:] = sorted(nb.cells[3:], key=lambda c: (c.id in ALL, c.id))


def checks_first(nb: NotebookNode) -> None:
    """Move a check above its answer."""
    places = {c.id: i for i, c in enumerate(nb.cells)}
    nb.cells.insert(places["soft"], nb.cells.pop(places["soft-seen"]))


def old(nb: NotebookNode) -> None:
    """Save in format 4.0, which has no ids, with a source as lines."""
    for cell in nb.cells:
        cell.pop("id")
        cell.source = cell.source.splitlines(keepends=True)
    nb.nbformat_minor = 0


def windows(nb: NotebookNode) -> None:
    """End lines as Windows does."""
    for cell in nb.cells:
        cell.source = cell.source.replace("\n", "\r\n")


def other_kinds(nb: NotebookNode) -> None:
    """Add a raw cell, a heading, and things that are no cells."""
    nb.cells += [new_raw_cell("raw"), {"cell_type": "heading", "source": "x"}, None, 5]


def magics(nb: NotebookNode) -> None:
    """Add cells that only IPython reads."""
    for source in (
        "%matplotlib inline",
        "!ls /tmp\nfiles = !ls /",
        "%time 1 + 1\n%load_ext autoreload\n%autoreload 2",
        "%%bash\necho hello",
        "%pip install nothing-at-all",
        "%pdb on\n?print",
    ):
        nb.cells.insert(3, new_code_cell(source))


PLOT = """
import matplotlib.pyplot as plt
plt.plot([1, 2, 3])
plt.title("steps")
plt.show()
"""
ASYNC = """
import asyncio
await asyncio.sleep(0.01)
later = asyncio.get_running_loop().create_task(asyncio.sleep(600))
async def scaled(x): return 3 * x
"""
THREADS = f"""
import threading, time
def work():
    while True: time.sleep(0.01)
for _ in range(5): threading.Thread(target=work).start()
{RIGHT}
"""
MODULE = """
import pathlib, sys
pathlib.Path("/tmp/my_helpers.py").write_text("def scale(x): return 3 * x")
sys.path.insert(0, "/tmp")
from my_helpers import scale
"""
CALLABLES = {
    "scale": "import functools, operator\nscale = functools.partial(operator.mul, 3)",
    "center": "center = lambda x: x - x.mean()",
    "soft": """class Soft(torch.nn.Module):
    def forward(self, x): return x.softmax(-1)
soft = Soft()""",
    "root": """import functools
@functools.lru_cache
def root(x):
    if x < 0: raise ValueError
    return x ** 0.5""",
    "parts": """import functools
def logged(f):
    @functools.wraps(f)
    def g(*a): return f(*a)
    return g
@logged
def parts(n): return [*range(n)]""",
    "tally": "import collections\ntally = collections.Counter",
    "steps": "exec('steps = 5 + 5')",
}
KINDS = {
    "scale": "def scale(x): return np.array(3 * x)",
    "center": "def center(x): return (x - x.mean()).astype(np.float32)",
    "soft": """def soft(x):
    w = torch.ones(x.shape[-1], requires_grad=True)
    return torch.softmax(x * w, -1)""",
    "root": """class Negative(ValueError): pass
def root(x):
    if x < 0: raise Negative()
    return np.sqrt(np.float32(x))""",
    "parts": "def parts(n): return [np.int64(i) for i in range(n)]",
    "tally": """def tally(xs):
    keys, times = np.unique(xs, return_counts=True)
    return dict(zip(keys, times))""",
    "steps": "steps = np.int64(10)",
}
TORCH = "def scale(x):\n    import torch as t\n    return t.tensor(x) * 3"
EXEC = f"exec({RIGHT!r})\nscale.__doc__ = 'mine'"
HELPED = "def scale(x): return triple * _inner(x)"
NOISY = f"""
import warnings, sys
warnings.warn("noise"); print("noise", file=sys.stderr)
{RIGHT.replace("return", "warnings.warn('x'); print('x', file=sys.stderr); return")}
"""
PRINTS = "for i in range(300): print(i)\ndef scale(x): print('x' * 10**5); return 3 * x"
MEAN = "def center(x):\n    x -= x.mean()\n    return x"
DRIVE = "from google.colab import drive\ndrive.mount('/content/drive')"
NO_PRINT = f"def print(*a): raise RuntimeError('mine')\n{RIGHT}"
SHADOW = f"list = dict = str = int = type = isinstance = float = 5\n{RIGHT}"
TUPLE = "def parts(n): return tuple(range(n))"
EXIT = f"{RIGHT}\nimport sys; sys.exit(3)"
CAPTURES = f"import io, sys\nsys.stdout = sys.stderr = io.StringIO()\n{RIGHT}"
HUGE = f"print('y' * 50_000_000)\n{RIGHT}"

HONEST = [
    Case("plain", line="nothing to mend"),
    one("warns", NOISY),
    one("prints", PRINTS),
    one("reprint", NO_PRINT),
    one("shadows", SHADOW, "parts"),
    Case("helped", {"scale": HELPED}, change=first("triple = 3\n_inner = float")),
    Case("rearranged", change=rearranged),
    Case("checks-first", change=checks_first),
    Case("format-old", change=old),
    Case("from-colab", change=colab),
    Case("no-metadata", change=stripped, line="metadata rebuilt"),
    Case("twofold", change=duplicated, line="copies"),
    Case("checks-deleted", change=checks_deleted, line="put back"),
    Case("raw-cells", change=other_kinds),
    Case("windows", change=windows),
    Case("drive", change=first(DRIVE)),
    Case("asks", change=first("name = input('your name? ')")),
    Case("exits", {"scale": EXIT}, change=last("exit()")),
    Case("plots", change=first(PLOT)),
    Case("magic", change=magics),
    one("long-output", HUGE),
    Case("awaits", change=first(ASYNC)),
    one("threads", THREADS),
    one("captures", CAPTURES),
    Case("byte-latin", {"why": "caf\u00e9"}, data=lambda d: _recoded(d, "latin-1")),
    Case("byte-sixteen", {"why": "caf\u00e9"}, data=lambda d: _recoded(d, "utf-16")),
    Case("byte-mark", {"why": "caf\u00e9"}, data=lambda d: _recoded(d, "utf-8-sig")),
    one("surrogate", f"{RIGHT}  # \ud800"),
    one("late-torch", TORCH),
    one("own-module", MODULE),
    one("executes", EXEC),
    Case("callables", CALLABLES),
    Case("number-kinds", KINDS),
    Case("in-place", {"center": MEAN}),
    Case("tuples", {"parts": TUPLE}, ("parts-seen",), r"not \(0, 1, 2\)"),
]


def _recoded(data: bytes, encoding: str) -> bytes:
    """Write the same JSON as text of another encoding, not escaped."""
    return json.dumps(json.loads(data), ensure_ascii=False).encode(encoding)
