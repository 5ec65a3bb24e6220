"""A model as an argument, worked out: weights cross, and the judge makes its own.

Labs on adapters, private gradients and attacks stand on this form.  The answer gets a
model that was made beside it from the same weights.  What it returns is compared with
what the judge's own model gives; what the other one counts is no evidence.
"""

import shutil

import pytest

from autograder.judge import evidence
from autograder.make.build import instructor

pytestmark = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="no jail here: apt-get install bubblewrap"
)
LAB = '''# %%
import numpy as np

from mlsyscore.harness.calls import made


class Line:
    """Squared error of a line, with weights w."""

    def __init__(self, w):
        self.w, self.asked = np.array(w), 0

    def gradient(self, x, y):
        """Gradient of one sample's error."""
        self.asked += 1
        return 2 * (x @ self.w - y) * x

# %% answer="private"
def private(model, X, y, clip):
    """Sum of the samples' gradients, each cut to the length clip."""
    ### BEGIN SOLUTION
    each = [model.gradient(a, b) for a, b in zip(X, y)]
    return sum(g * min(1.0, clip / np.linalg.norm(g)) for g in each)
    ### END SOLUTION

# %% check="private-any" points=3
rng = np.random.default_rng(17)
for scale in (0.1, 1.0, 10.0):
    w, X, y = rng.normal(size=3), rng.normal(size=(5, 3)), scale * rng.normal(size=5)
    got = private(made(Line, w), X, y, 1.0)
    g = 2 * (X @ w - y)[:, None] * X
    want = (g * np.minimum(1, 1 / np.linalg.norm(g, axis=1))[:, None]).sum(0)
    assert np.allclose(got, want), f"{got} is not the sum of cut gradients, {want}"
'''
EASIER = """
def private(model, X, y, clip):
    Line.gradient = lambda self, x, y: np.zeros(3)
    model.asked = 5
    return sum(model.gradient(a, b) for a, b in zip(X, y))
"""
TOGETHER = """
def private(model, X, y, clip):
    g = sum(model.gradient(a, b) for a, b in zip(X, y))
    return g * min(1.0, clip / np.linalg.norm(g))
"""
ANOTHER = """
def private(model, X, y, clip):
    g = 2 * (X @ model.w - y)[:, None] * X
    return (g / np.maximum(1, np.linalg.norm(g, axis=1, keepdims=True) / clip)).sum(0)
"""


@pytest.mark.parametrize(
    ("source", "right"),
    [(None, True), (ANOTHER, True), (EASIER, False), (TOGETHER, False)],
)
def test_a_model_is_made_where_it_is_used(tmp_path, source, right):
    (tmp_path / "01_lab.py").write_text(LAB)
    lab, nb = (instructor(tmp_path / "01_lab.py") for _ in "ab")
    (cell,) = (c for c in nb.cells if c.id == "private")
    cell.source = source or cell.source
    assert (evidence.run(nb, lab)[-1] == []) == right


def test_a_library_s_model_does_not_cross(tmp_path):
    (tmp_path / "01_lab.py").write_text(
        '# %%\nimport torch\n\n# %% answer="f"\ndef f(m): return 1\n\n'
        '# %% check="f-one" points=1\nassert f(torch.nn.Linear(1, 1)) == 1\n'
    )
    lab = instructor(tmp_path / "01_lab.py")
    (shown,) = evidence.run(lab, lab)[-1]
    assert "a Linear does not cross; weights do (made)" in shown.evalue
