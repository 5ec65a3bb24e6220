"""The test of two samples, and tables with broken features."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.special import kolmogorov
from scipy.stats import ks_2samp

from mlsyscore.harness.skewed import draw_sorted, false_share, ks, tables


@pytest.mark.parametrize("seed", range(6))
def test_ks_is_scipys_for_large_samples(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=400), rng.normal(0.05 * seed, 1, 250)
    far = ks_2samp(a, b).statistic
    assert ks(a, b) == pytest.approx(kolmogorov(far * np.sqrt(400 * 250 / 650)))
    assert ks(a, b) == pytest.approx(ks_2samp(a, b).pvalue, rel=0.25)
    assert ks(a.round(), b.round()) >= ks(a, b) * 0  # ties are no error
    assert ks(a, a) == 1.0


def test_few_healthy_features_look_broken_and_most_broken_ones_do():
    small, found = [], []
    for seed in range(5):
        train, serve, bad = tables(seed)
        p = np.array([ks(a, b) for a, b in zip(train.T, serve.T, strict=True)])
        assert train.shape == serve.shape == (300, 200)
        assert len(bad) == len(set(bad)) == 12
        small.append((np.delete(p, bad) < 0.05).mean())
        found.append((p[bad] < 0.01).mean())
    assert np.mean(small) == pytest.approx(0.05, abs=0.02)
    assert np.mean(found) > 0.85


def test_the_share_of_false_finds():
    assert false_share([1, 2, 3], [3, 4]) == pytest.approx(2 / 3)
    assert false_share([], [3]) == 0


def test_p_values_are_drawn_in_order():
    draw_sorted(np.linspace(1, 0.01, 100), 0.05)
    assert (np.diff(plt.gca().lines[0].get_ydata()) > 0).all()
    plt.close("all")
