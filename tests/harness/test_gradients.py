"""A private trainer is told from others by what its steps do."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from torch.nn import functional as F

from mlsyscore.harness import gradients
from mlsyscore.harness.gradients import (
    WEIGHTS,
    fitted,
    loss,
    losses,
    must_clip,
    must_step,
    must_toss,
    noise_of,
    records,
    right,
)

PLAN = {"q": 0.3, "sigma": 1.0, "C": 0.5, "steps": 6, "rate": 0.7}


def clipped(w, X, y, C, cut=lambda G, C: G * np.minimum(1, C / _long(G))):
    """By torch's own gradient, one record at a time."""
    rows = [np.zeros(WEIGHTS)]
    for x, label in zip(X, y, strict=True):
        v = w.clone().requires_grad_()
        (g,) = torch.autograd.grad(loss(v, x, label), v)
        rows.append(cut(g.numpy()[None], C)[0])
    return np.sum(rows, axis=0)


def _long(G):
    return np.linalg.norm(G, axis=1, keepdims=True)


def trainer(batch, noise=lambda rng: rng.normal(size=WEIGHTS)):
    def train(X, y, plan, seed):
        rng, w = np.random.default_rng(seed), np.zeros(WEIGHTS)
        for t in range(plan["steps"]):
            rows = np.flatnonzero(batch(rng, len(y), plan["q"], t))
            G = gradients._slopes(w, X[rows], y[rows])
            S = gradients._clipped(G, plan["C"]).sum(axis=0)
            S = S + plan["sigma"] * plan["C"] * noise(rng)
            w = w - plan["rate"] / (plan["q"] * len(y)) * S
        return w

    return train


def coins(rng, n, q, t):
    return rng.random(n) < q


def test_loss_is_torch_s_and_so_are_losses():
    X, y = records(20, 1)
    w = torch.randn(WEIGHTS, dtype=torch.float64)
    W = w.view(10, 65)
    want = F.cross_entropy(X @ W[:, :64].T + W[:, 64], y, reduction="none")
    assert torch.allclose(
        torch.stack([loss(w, *r) for r in zip(X, y, strict=True)]), want
    )
    assert losses(w, X, y) == pytest.approx(want.numpy())


def test_records_do_not_overlap():
    (X, _), (Z, _) = records(100, 3), records(100, 3, 100)
    assert not {tuple(x.tolist()) for x in X} & {tuple(z.tolist()) for z in Z}


@pytest.mark.parametrize(
    ("n", "C"), [(5, 0.1), (5, 3.6), (5, 100.0), (0, 1.0), (40, 3)]
)
def test_gradients_by_torch_are_those_of_the_formula(n, C):
    must_clip("x", clipped, n, C, 1)


@pytest.mark.parametrize(
    ("cut", "why", "C"),
    [
        (lambda G, C: G, "not shortened", 3.6),
        (lambda G, C: np.clip(G, -C, C), "each coordinate", 0.1),
        (lambda G, C: C * G / _long(G), "stays as it is", 3.6),
        (lambda G, C: G * np.minimum(1, C / _long(G)) / 5, "not the mean", 3.6),
    ],
)
def test_a_wrong_cut_is_named(cut, why, C):
    with pytest.raises(AssertionError, match=why):
        must_clip("x", lambda *a: clipped(*a, cut), 5, C, 1)


def test_a_right_trainer_passes_for_many_seeds():
    must_step("x", trainer(coins), PLAN)
    for k in range(20):
        other = trainer(lambda rng, n, q, t, k=k: coins(rng, n + k, q, t)[k:])
        must_toss("x", other, PLAN)
        must_toss("x", other, PLAN | {"q": 0.75, "steps": 1})


@pytest.mark.parametrize(
    ("batch", "why"),
    [
        (lambda rng, n, q, t: np.arange(n) % 3 == t % 3, "on average|a coin"),
        (
            lambda rng, n, q, t: rng.permutation(n) < round(q * n),
            "batch's size|average",
        ),
        (lambda rng, n, q, t: np.full(n, rng.random() < q), "batch's size"),
        (lambda rng, n, q, t: np.arange(n) < 2, "more often|average"),
        (lambda rng, n, q, t: rng.random(n) < 1.5 * q, "on average"),
    ],
)
def test_other_batches_are_found(batch, why):
    with pytest.raises(AssertionError, match=why):
        must_toss("x", trainer(batch), PLAN)


def test_one_batch_for_all_steps_is_found():
    kept = {}

    def same(rng, n, q, t):
        if t == 0:
            kept["rows"] = coins(rng, n, q, t)
        return kept["rows"]

    with pytest.raises(AssertionError, match="varies"):
        must_toss("x", trainer(same), PLAN)


def test_dividing_by_who_joined_is_found():
    def train(X, y, plan, seed):
        rng = np.random.default_rng(seed)
        rows = np.flatnonzero(coins(rng, len(y), plan["q"], 0))
        G = gradients._slopes(np.zeros(WEIGHTS), X[rows], y[rows])
        S = gradients._clipped(G, plan["C"]).sum(axis=0)
        return -plan["rate"] * S / max(1, len(rows))

    with pytest.raises(AssertionError, match="divided by"):
        must_toss("x", train, PLAN | {"steps": 1})


def test_the_noise_is_what_was_added():
    got = noise_of("x", trainer(coins), 5, {"sigma": 2.0, "steps": 4}, 20)
    assert got.shape == (20 * WEIGHTS,)
    assert kstest(got / 2, "norm").pvalue > 1e-3


def test_descent_by_the_formula_learns():
    X, y = records(300, 1)
    w = fitted(X, y, 200, 2.0)
    assert right(w, X, y) > 0.97
    assert right(w, *records(300, 1, 300)) > 0.85
    assert losses(w, X, y).mean() < 0.3
