"""Chapter 13: its answers were run, and its laws are those of the package."""

import numpy as np
import pytest
import torch
from dp_accounting.pld import privacy_loss_distribution as pld
from played import answers_run, played
from scipy.stats import binom
from torch.nn import functional as F

from mlsyscore import privacy as dp

STEM = "13_security_privacy"


def test_the_answers_were_run():
    answers_run(STEM)


@pytest.mark.parametrize("eps", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("delta", [0.0, 1e-4, 0.1])
def test_no_point_under_the_package_s_bound_is_right_more_often(eps, delta):
    fpr = np.linspace(0, 1, 100_001)
    right = (dp.membership_bound(fpr, eps, delta) + 1 - fpr) / 2
    assert right.max() == pytest.approx(played(STEM)["most_right"](eps, delta), 1e-4)


@pytest.mark.parametrize(("q", "sigma"), [(0.01, 1.0), (0.25, 8.0), (0.004, 0.7)])
def test_the_accountant_is_the_package_s(q, sigma):
    c = played(STEM)
    rho = [dp.subsampled_rdp(alpha, q, sigma) for alpha in c["ORDERS"]]
    assert c["step_rho"](q, sigma) == pytest.approx(rho, rel=1e-6, abs=1e-12)
    eps = min(
        dp.rdp_epsilon(alpha, 400 * x, 1e-5)
        for alpha, x in zip(c["ORDERS"], rho, strict=True)
    )
    assert c["epsilon"](400 * np.array(rho), 1e-5) == pytest.approx(eps)


def test_the_whole_distribution_of_the_first_row_gives_086():
    _, q, sigma, steps, _ = played(STEM)["PUBLISHED"][0]
    one = pld.from_gaussian_mechanism(sigma, sampling_prob=q)
    assert one.self_compose(steps).get_epsilon_for_delta(1e-5) == pytest.approx(
        0.86, abs=0.01
    )


def test_what_the_play_finds_for_normal_noise_is_the_package_s_delta():
    c = played(STEM)
    for k, eps in c["played"].items():
        sigma = c["SIGMA"] / np.sqrt(k)
        assert dp.gaussian_delta(1, eps, sigma) == pytest.approx(1e-3, rel=0.15)


def test_a_row_is_a_record_s_own_gradient_and_clipped_to_1():
    c = played(STEM)
    w = c["start"](np.random.default_rng(0)).requires_grad_()
    G = c["per_record"](w.detach(), c["X"][:3], c["y"][:3])
    for k in range(3):
        (g,) = torch.autograd.grad(
            F.cross_entropy(c["logits"](w, c["X"][k : k + 1]), c["y"][k : k + 1]), w
        )
        assert torch.allclose(G[k], g)
    lengths = np.linalg.norm(c["to_ball"](np.vstack([G, 1e-3 * G, 0 * G])), axis=1)
    assert lengths.max() == pytest.approx(1)
    assert lengths[3:6] == pytest.approx(1e-3 * torch.linalg.norm(G, dim=1).numpy())


def test_a_floor_s_limits_are_clopper_and_pearson_s():
    out, ins = np.arange(1000) < 7, np.arange(1000) < 300
    floor = played(STEM)["floor"](1.0 * out, 1.0 * ins, 0.5)
    high, low = np.linspace(0.007, 0.03, 20_001), np.linspace(0.2, 0.3, 20_001)
    high = high[binom.cdf(7, 1000, high) >= 0.005].max()
    low = low[binom.sf(299, 1000, low) >= 0.005].min()
    assert floor == pytest.approx(np.log((low - 1e-5) / high), rel=1e-3)


def test_krum_keeps_the_report_that_its_definition_names():
    c, rng = played(STEM), np.random.default_rng(3)
    V = rng.normal(size=(11, 5))
    scores = []
    for k in range(11):
        far = sorted(sum((V[k] - V[j]) ** 2) for j in range(11) if j != k)
        scores.append(sum(far[: 11 - 3 - 2]))
    assert c["krum"](V, 3) == pytest.approx(V[int(np.argmin(scores))])


def test_krum_falls_for_the_lie_inside():
    c = played(STEM)
    kept = 0
    for seed in range(50):
        honest = np.random.default_rng(seed).normal(size=(16, 100))
        lie = c["inside"](honest, 4)
        kept += np.array_equal(c["krum"](np.vstack([lie, honest])), lie[0])
    assert kept == 50
