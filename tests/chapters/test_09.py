"""Chapter 9: its answers run, and its laws are the package's, or another's count."""

import itertools

import numpy as np
import pytest
import torch
from played import answers_run, played
from torch.utils.flop_counter import FlopCounterMode

from mlsyscore import performance as perf
from mlsyscore.catalog import H100
from mlsyscore.units import us

STEM = "09_performance_engineering"


def test_the_answers_were_run():
    answers_run(STEM)


def test_the_parts_add_up_to_the_packages_iron_law():
    chapter = played(STEM)
    for O, D in ((1e12, 1e6), (1e6, 1e9), (3e11, 7e8)):
        law = perf.iron_law(O, D, H100, 0.8, 0.9 * us)
        assert sum(chapter["parts"](O, D)) == pytest.approx(law)


@pytest.mark.parametrize(
    ("m", "d", "n"), [(1, 4096, 4096), (2048, 64, 2048), (3, 5, 7)]
)
def test_a_products_intensity_is_the_packages(m, d, n):
    O, D = played(STEM)["product"](m, d, n)
    law = perf.gemm_intensity(m, n, d)
    assert law == pytest.approx(O / D)


def test_the_profiled_block_does_the_operations_of_the_list():
    chapter = played(STEM)
    if chapter["on"] == "cuda":
        pytest.skip("on a GPU the block is larger than a test should count")
    with FlopCounterMode(display=False) as counter:
        chapter["run_block"]()
    listed = chapter["block"](chapter["S"], chapter["h"], chapter["a"], s=4)
    products = sum(O for kind, O, _ in listed if kind == "products")
    assert counter.get_total_flops() == products


@pytest.mark.parametrize(("n", "b"), [(64, 16), (96, 32), (70, 32), (33, 7)])
def test_tiles_give_torchs_attention(n, b):
    Q, K, V = np.random.default_rng(n).normal(size=(3, n, 8)) * 9
    mine, _, held = played(STEM)["tiled"](Q, K, V, b)
    theirs = torch.nn.functional.scaled_dot_product_attention(
        *(torch.from_numpy(x)[None] for x in (Q, K, V))
    )
    assert mine == pytest.approx(theirs[0].numpy(), rel=1e-9, abs=1e-12)
    assert held <= 4 * b * 8 + b * b + 2 * b


@pytest.mark.parametrize(("a", "k"), [(0.62, 7), (0.75, 3), (0.9, 1), (0.0, 4)])
def test_the_yield_is_the_packages(a, k):
    chapter = played(STEM)
    assert chapter["tokens_a_round"](a, k) == pytest.approx(
        perf.speculative_tokens(a, k)
    )


def test_a_round_of_the_play_is_exact_by_enumeration():
    chapter = played(STEM)
    p, q = chapter["p"], chapter["q"]
    refused = np.maximum(p - q, 0).sum()
    exact = q * np.minimum(1, p / q) + refused * np.maximum(p - q, 0) / refused
    assert exact == pytest.approx(p)
    assert 1 - refused == pytest.approx(np.minimum(p, q).sum())


def test_goodput_is_the_packages_and_the_exchange_finds_the_best_order():
    chapter = played(STEM)
    shares = [now for now, _, _ in chapter["FIXES"].values()]
    assert chapter["MPG"] == pytest.approx(perf.mpg(*shares))
    assert 2 / chapter["MPG"] == pytest.approx(perf.useful_cost(2.0, chapter["MPG"]))
    orders = list(itertools.permutations(chapter["FIXES"]))
    assert chapter["useful"](chapter["law"]) == max(map(chapter["useful"], orders))
