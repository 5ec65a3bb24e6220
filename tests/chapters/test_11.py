"""Chapter 11: its answers were run, and its laws are those of the package."""

import itertools

import numpy as np
import pytest
from played import answers_run, played

from mlsyscore import edge
from mlsyscore.units import KB, MB

STEM = "11_edge_intelligence"


def test_the_answers_were_run():
    answers_run(STEM)


@pytest.mark.parametrize("way", range(5))
def test_the_memory_of_an_update_is_the_package_s(way):
    c = played(STEM)
    P, trained, kept = list(c["WAYS"].values())[way]
    assert c["memory"](P, trained, kept) == edge.working_set(P, trained, kept)


def test_an_adapter_has_the_weights_that_the_package_counts():
    c = played(STEM)
    adapter = c["Adapted"](c["nn"].Linear(7, 12), r=3)
    trained = sum(p.numel() for p in adapter.parameters() if p.requires_grad)
    assert trained == edge.lora_parameters(3, 7, 12)


def test_a_merged_adapter_gives_the_same_outputs():
    c = played(STEM)
    torch = c["torch"]
    adapter, x = c["Adapted"](c["nn"].Linear(7, 12)), torch.randn(5, 7)
    with torch.no_grad():
        assert torch.equal(adapter(x), adapter.frozen(x))  # before it has learned
        adapter.B.normal_()
        beside = adapter(x)
        adapter.frozen.weight += adapter.B @ adapter.A
        assert torch.allclose(adapter.frozen(x), beside, atol=1e-5)


def test_the_macs_are_those_of_real_layers():
    c = played(STEM)
    torch, nn, counted = c["torch"], c["nn"], []

    def count(layer, inputs, output):
        counted.append(output.numel() * layer.weight[0].numel())

    def macs(size, *layers):
        counted.clear()
        net = nn.Sequential(*layers)
        for layer in net:
            if hasattr(layer, "weight"):
                layer.register_forward_hook(count)
        with torch.no_grad():
            net(torch.zeros(1, *size))
        return sum(counted)

    widths = [640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640]
    dense = [nn.Linear(*pair) for pair in itertools.pairwise(widths)]
    assert macs((640,), *dense) == c["MACS"]["sounds"]

    def separable(c_in, c_out, stride=1):
        deep = nn.Conv2d(c_in, c_in, 3, stride, 1, groups=c_in)
        return deep, nn.Conv2d(c_in, c_out, 1)

    first = nn.Conv2d(1, 64, (10, 4), 2, (5, 1))
    pool = nn.AdaptiveAvgPool2d(1), nn.Flatten()
    blocks = [layer for _ in range(4) for layer in separable(64, 64)]
    words = macs((1, 49, 10), first, *blocks, *pool, nn.Linear(64, 12))
    assert words == c["MACS"]["keywords"]
    path = [(8, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)]
    path += [(64, 128, 2), *[(128, 128, 1)] * 5, (128, 256, 2), (256, 256, 1)]
    layers = [layer for shape in path for layer in separable(*shape)]
    ends = nn.Conv2d(3, 8, 3, 2, 1), nn.Linear(256, 2)
    persons = macs((3, 96, 96), ends[0], *layers, *pool, ends[1])
    assert persons == c["MACS"]["persons"]
    main = nn.Conv2d(3, 16, 3, 1, 1), nn.Conv2d(16, 16, 3, 1, 1)
    main += (nn.Conv2d(16, 16, 3, 1, 1),)
    for a in (16, 32):
        main += (nn.Conv2d(a, 2 * a, 3, 2, 1), nn.Conv2d(2 * a, 2 * a, 3, 1, 1))
    pictures = macs((3, 32, 32), *main, *pool, nn.Linear(64, 10))
    beside = macs((16, 32, 32), nn.Conv2d(16, 32, 1, 2))
    beside += macs((32, 16, 16), nn.Conv2d(32, 64, 1, 2))
    assert pictures + beside == c["MACS"]["pictures"]


def test_the_mean_of_models_is_the_package_s():
    c, rng = played(STEM), np.random.default_rng(1)
    w, n = rng.normal(size=(5, 65, 10)), rng.integers(1, 90, 5)
    assert np.allclose(c["mean"](w, n), edge.fedavg(w, n))


@pytest.mark.parametrize("d", [0, 1, 7, 19])
def test_the_masks_of_the_law_leave_the_sum(d):
    c, K = played(STEM), 20
    masks = []

    def words(seed):
        masks.append(seed)
        return whole(seed)

    whole, here = c["words"], range(d, K)
    c["pairs"].__globals__["words"] = words
    try:
        off = sum(words([k]) + c["pairs"](k, range(d)) for k in here)
    finally:
        c["pairs"].__globals__["words"] = whole
    assert len(masks) == edge.unmasking(K, d)
    assert len({tuple(seed) for seed in masks}) == len(masks)
    sent = sum(c["sent"][k] for k in here)
    assert (sent - off == c["fixed"][d:].sum(axis=0, dtype=np.uint32)).all()


def test_two_parabolas_rest_where_the_law_says():
    c = played(STEM)
    for a, steps in (((3, 0.5), 7), ((1, 1), 3), ((0.2, 6), 40)):
        share = 1 - (1 - 0.1 * np.array(a)) ** steps
        assert c["rest"](a, steps) == pytest.approx(share[1] / share.sum())


def test_numbers_of_the_text_are_the_package_s():
    assert edge.break_even_rounds(1000 * 200 * KB, 40 * MB) == 5
    assert edge.break_even_rounds(1000 * 200 * KB, 0.4 * MB) == pytest.approx(500)
    assert edge.candidates(100, 0.1, 2.0) == pytest.approx(118, abs=1)
    share = edge.battery_share(4.5, 1200.0, 15 * 3600.0)
    assert share == pytest.approx(0.1)


def test_the_phone_heats_as_its_equation_says():
    c = played(STEM)
    for J, ambient in ((3000.0, 10.0), (9000.0, 25.0), (20000.0, 36.0)):
        T, done, t, dt = ambient, 0.0, 0.0, 0.02
        while done < J:  # held at the limit
            hold = (c["LIMIT"] - ambient) / c["R"]
            power = c["FULL"] if c["LIMIT"] > T else min(hold, c["FULL"])
            T += dt * (power - (T - ambient) / c["R"]) / c["C"]
            done, t = done + dt * power, t + dt
        assert c["training_time"](J, ambient=ambient) == pytest.approx(t, rel=2e-3)
