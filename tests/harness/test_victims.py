import numpy as np
import pytest

from mlsyscore.harness import victims
from mlsyscore.harness.victims import Victim, attacked, read_right, seen_by, weights


def loss(v, x, y):
    _, p = victims._forward(v._layers, (x - v.low) / (v.high - v.low))
    return -np.log(p[np.arange(len(y)), y])


@pytest.mark.parametrize(("low", "high", "width"), [(0, 1, 200), (-1, 3, 100)])
def test_the_gradient_is_the_loss_s_by_finite_differences(low, high, width):
    v = Victim(low, high, width)
    x, y = seen_by(v, 20)
    g = v.gradient(x, y)
    rng = np.random.default_rng(2)
    for _ in range(10):
        d = rng.normal(size=x.shape) * 1e-6 * (high - low)
        change = loss(v, x + d, y) - loss(v, x - d, y)
        near = np.isclose(change, 2 * (g * d).sum(axis=1), rtol=1e-3, atol=1e-8)
        assert near.mean() > 0.8  # but where a unit is at its corner


def test_it_reads_most_digits_and_a_blind_one_has_no_gradient():
    for width in (100, 200, 300):
        assert read_right(weights(width)) > 0.93
        assert max(np.abs(w).max() for w in weights(width)) < 2
        v = Victim(5, 9, width)
        x, y = seen_by(v, 600)
        assert x.min() == 5
        assert x.max() == 9
        assert v._right(x, y) == pytest.approx(read_right(weights(width)), abs=0.004)
    blind = Victim(blind=True)
    assert not blind.gradient(*seen_by(blind, 9)).any()
    assert Victim()._layers[0].any()


@pytest.mark.parametrize(
    "bad", [np.ones((2, 63)), np.ones(64), np.full((2, 64), np.nan)]
)
def test_it_bears_what_it_is_asked(bad):
    with pytest.raises(ValueError, match="pixels"):
        Victim().gradient(bad, [0, 1])
    with pytest.raises(ValueError, match="digit"):
        Victim().gradient(np.ones((2, 64)), [0, 10])
    v = Victim()
    for _ in range(victims.MOST):
        v.gradient(np.ones((1, 64)), [1])
    with pytest.raises(ValueError, match="enough"):
        v.gradient(np.ones((1, 64)), [1])


def test_an_output_that_is_no_number_is_read_wrong():
    layers = weights(100)
    layers[3] = np.full(10, np.nan, np.float32)
    assert read_right(layers) == 0


def steps(v, x, y, eps, K, norm, range_=True, ball=True, every=True, more=0):
    z = x.copy()
    for _ in range(K + more):
        g = v.gradient(z, y)
        z = z + eps * np.sign(g)
        if ball and every:
            z = np.clip(z, x - eps, x + eps)
        if range_:
            z = np.clip(z, v.low, v.high)
    return np.clip(z, x - eps, x + eps) if ball else z


def play(attack, K=3, norm=np.inf):
    v = Victim(-1, 1, 100)
    return attacked("t", attack, v, *seen_by(v, 30), 0.2, K, norm)


def test_an_honest_attack_is_measured():
    z, right = play(steps)
    assert right < 0.4
    assert np.abs(z).max() <= 1


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ({"range_": False}, "the range is"),
        ({"ball": False}, "is moved by"),
        ({"every": False}, "step 3: a picture is moved"),
        ({"more": 1}, "4 gradients for 3 steps"),
    ],
)
def test_what_leaves_the_ball_or_the_range_is_told(broken, text):
    with pytest.raises(AssertionError, match=text):
        play(lambda *a: steps(*a, **broken))


def changes(v, x, y, eps, K, norm):
    x += 0.1
    return x


@pytest.mark.parametrize(
    ("attack", "text"),
    [
        (changes, "have changed"),
        (lambda v, x, *a: x[:5], "shape"),
        (lambda v, x, *a: x * np.nan, "not finite"),
        (lambda v, x, *a: x, "0 gradients"),
        (lambda *a: "x", "pictures are expected"),
        (
            lambda v, x, y, *a: [v.gradient(x[:3], y[:3]) for _ in "abc"] and x,
            "all the",
        ),
    ],
)
def test_other_answers_are_told_apart(attack, text):
    with pytest.raises(AssertionError, match=text):
        play(attack)


def test_a_cube_is_no_ball_of_norm_2():
    with pytest.raises(AssertionError, match="in the norm 2"):
        play(steps, norm=2)
