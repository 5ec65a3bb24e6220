"""Chapter 5: its answers were run, and its laws are the package's."""

import numpy as np
import pytest
from played import answers_run, played

from mlsyscore import training
from mlsyscore.catalog import GPT3
from mlsyscore.network import Link

STEM = "05_distributed_training"
pytestmark = pytest.mark.filterwarnings(  # importing its sharded optimizer warns
    "ignore:`torch.jit:DeprecationWarning"
)


def test_the_answers_were_run():
    answers_run(STEM)


@pytest.mark.parametrize("stage", range(4))
@pytest.mark.parametrize("d", [1, 3, 64, 1000])
def test_its_state_is_the_package_s(d, stage):
    law = training.State().zero(7e9, d, stage)
    assert played(STEM)["held"](7e9, d, stage) == pytest.approx(law)
    fp32 = training.State(4, 4, 8).zero(7e9, d, stage)
    ours = played(STEM)["held"](7e9, d, stage, optimizer=8, gradient=4, weight=4)
    assert ours == pytest.approx(fp32)


@pytest.mark.parametrize(
    ("t", "p", "d", "m"), [(1, 1, 7, 1), (8, 5, 3, 9), (2, 31, 1, 4)]
)
@pytest.mark.parametrize("overlap", [0.0, 0.6, 1.0])
def test_its_step_is_the_package_s(t, p, d, m, overlap):
    at = training.Layout(t, p, d, m)
    for share, tensor, data in ((3.0, 0.5, 1.0), (0.2, 0.0, 4.0)):
        law = training.layout_step((share + tensor) * at.N, data, at, overlap)
        ours = played(STEM)["step"](share, tensor, data, p, m, overlap)
        assert ours == pytest.approx(law)


def test_its_gradients_are_the_package_s():
    for d in (2, 5, 32):
        for stage, halves in ((0, 2), (2, 2), (3, 3)):
            ours = halves / 2 * played(STEM)["ring"](1e9, d, 1.0)
            assert ours == pytest.approx(training.gradient_traffic(1e9, d, stage))


@pytest.mark.parametrize("t", [1, 2, 8])
def test_its_activations_are_the_package_s(t):
    law = training.Kept().layer(GPT3, 1000, 3, t)
    assert played(STEM)["layer_bytes"](1000, 3, GPT3.h, GPT3.a, t) == pytest.approx(law)


@pytest.mark.parametrize(("p", "m"), [(2, 2), (4, 8), (3, 9), (5, 20)])
@pytest.mark.parametrize(
    ("kind", "V"), [("GPipe", 1), ("1F1B", 1), ("1F1B", 2), ("1F1B", 3)]
)
def test_equal_passes_idle_as_the_law_says(kind, V, p, m):
    chapter = played(STEM)
    idle = chapter["idle"](kind, p, m, V, lambda: 1.0)
    assert idle == pytest.approx(training.bubble(p, m, V))
    held = m if kind == "GPipe" else training.in_flight(p, m, V)
    assert chapter["in_flight"](kind, p, m, V) == pytest.approx(held)


def test_no_batch_changes_the_tensor_ratio_but_for_start_ups():
    link = Link(0.0, 5e10)
    ratio = [played(STEM)["tensor_ratio"](b, link) for b in (1, 3, 50)]
    law = 2 / 9 * 7 * played(STEM)["RATE"] / (GPT3.h * link.beta)
    assert np.allclose(ratio, law)
