"""The catalog's numbers against datasheets, drivers and what the parts multiply to."""

import pytest

from mlsyscore import catalog
from mlsyscore.units import GB, TB, TFLOP, Gbps, MiB, hour, kWh, month, us

# name: dense TFLOP/s, memory GB, TB/s, W: the vendors' datasheets
CHIPS = {
    "V100": (125, 32, 0.9, 300),
    "T4": (65, 16, 0.32, 70),
    "A100": (312, 80, 2.039, 400),
    "H100": (989, 80, 3.35, 700),
    "H100_FP8": (1979, 80, 3.35, 700),
    "H200": (989, 141, 4.8, 700),
    "B200": (2250, 180, 8.0, 1000),
}
# nvidia-smi's total in MiB: github.com/modal-labs/modal-client/pull/2797 (H100, A100,
# T4), Wan-Video/Wan2.1/issues/5 (V100), NVIDIA/TensorRT-LLM/issues/10278 (B200); the
# H200's is in many public logs.  A T4 spends 1/16 on error correction.
REPORTED = {"V100": 32768, "T4": 15360 * 16 / 15, "A100": 81920, "H100": 81559}
REPORTED |= {"H200": 143771, "B200": 183359}
# tensor cores, multiply-adds a clock in each, boost clock in GHz; memory bus in bits,
# Gb/s a pin: NVIDIA's white papers on Volta, Turing, Ampere (GA100) and Hopper (GH100)
PARTS = {
    "V100": (640, 64, 1.53, 4096, 1.752),
    "T4": (320, 64, 1.59, 256, 10.0),
    "A100": (432, 256, 1.41, 5120, 3.186),
    "H100": (528, 512, 1.83, 5120, 5.235),
    "H100_FP8": (528, 1024, 1.83, 5120, 5.235),
    "H200": (528, 512, 1.83, 6144, 6.25),
}
# layers, width, heads, KV heads, MLP width, vocabulary, exact parameters: the models'
# cards and configurations (Meta, huggingface.co)
LLAMAS = {
    "LLAMA2_7B": (32, 4096, 32, 32, 11008, 32_000, 6_738_415_616, 7e9),
    "LLAMA2_70B": (80, 8192, 64, 8, 28672, 32_000, 68_976_648_192, 70e9),
    "LLAMA3_70B": (80, 8192, 64, 8, 28672, 128_256, 70_553_706_496, 70.6e9),
    "LLAMA3_405B": (126, 16384, 128, 8, 53248, 128_256, 405_853_388_800, 405e9),
}
# the GPT-2 XL checkpoint's exact count; Brown et al. (2020), table D.1: 174,600 million
GPTS = {
    "GPT2_XL": (48, 1600, 25, 1024, 1_557_611_200, 1.5e9),
    "GPT3": (96, 12288, 96, 2048, 174_600_000_000, 175e9),
}
LINKS = {  # us, GB/s one way: the book's start-up times, the standards' rates
    "NVLINK3": (0.5, 300),
    "NVLINK4": (0.5, 450),
    "NVLINK5": (0.5, 900),
    "HDR": (1.5, 25),
    "NDR": (1.5, 50),
    "ROCE_100G": (5, 12.5),
    "ROCE_400G": (5, 50),
}
STORES = {"NVME_GEN5": 14, "NVME_NODE": 28, "PARALLEL_FS": 1000, "OBJECT_STORE": 100}
STORES |= {"CHECKPOINT_STORE": 100, "PCIE5": 64}
GRIDS = {"NORWAY": 10, "QUEBEC": 20, "FRANCE": 50, "EU": 270, "GERMANY": 385}
GRIDS |= {"USA": 429, "CHINA": 555, "INDIA": 720, "POLAND": 820}


def of(name):
    return getattr(catalog, name)


@pytest.mark.parametrize("name", CHIPS)
def test_a_chip_is_its_datasheet(name):
    peak, memory, bw, power = CHIPS[name]
    chip = of(name)
    assert (chip.peak, chip.bw, chip.power) == (peak * TFLOP, bw * TB, power)
    assert chip.memory == memory * 2**30


@pytest.mark.parametrize("name", REPORTED)
def test_a_chips_memory_is_binary_as_its_driver_says(name):
    reported, chip = REPORTED[name] * MiB, of(name)
    assert reported == pytest.approx(chip.memory, rel=0.01)
    as_decimal = CHIPS[name][1] * GB
    assert abs(reported - chip.memory) < abs(reported - as_decimal) / 5


@pytest.mark.parametrize("name", PARTS)
def test_a_chips_rates_are_what_its_parts_multiply_to(name):
    cores, fma, clock, bus, pin = PARTS[name]
    chip = of(name)
    assert chip.peak == pytest.approx(cores * fma * 2 * clock * 1e9, rel=0.005)
    assert chip.bw == pytest.approx(bus * pin * Gbps, rel=0.005)


@pytest.mark.parametrize("name", LLAMAS)
def test_a_llama_has_the_parameters_of_its_card(name):
    L, h, a, n_kv, mlp, vocabulary, P, printed = LLAMAS[name]
    model = of(name)
    assert (model.L, model.h, model.a, model.n_kv) == (L, h, a, n_kv)
    assert printed == model.P
    layer = h * h * (2 + 2 * model.n_kv / model.a) + 3 * h * mlp + 2 * h
    assert model.L * layer + 2 * vocabulary * h + h == P
    assert printed == pytest.approx(P, rel=0.04)  # cards round 6.74 to 7


@pytest.mark.parametrize("name", GPTS)
def test_a_gpt_has_the_parameters_of_its_paper(name):
    L, h, a, context, P, printed = GPTS[name]
    model = of(name)
    assert (model.L, model.h, model.a, model.n_kv) == (L, h, a, a)
    assert printed == model.P
    layer = 12 * h * h + 13 * h
    exact = L * layer + (50_257 + context) * h + 2 * h
    assert exact == pytest.approx(P, rel=3e-5)
    assert printed == pytest.approx(P, rel=0.04)


@pytest.mark.parametrize("name", LINKS)
def test_a_link_is_its_standard(name):
    alpha, beta = LINKS[name]
    assert of(name).alpha == pytest.approx(alpha * us)
    assert of(name).beta == beta * GB


@pytest.mark.parametrize("name", STORES)
def test_a_store_is_the_books_tier(name):
    assert of(name) == STORES[name] * GB


@pytest.mark.parametrize("name", GRIDS)
def test_a_grid_is_the_books_grams(name):
    assert of(name) * kWh * 1000 == pytest.approx(GRIDS[name])


def test_prices_are_the_books():
    assert catalog.GPU_HOUR * hour == pytest.approx(2)
    assert catalog.RENTED_GPU_HOUR * hour == pytest.approx(4)
    assert catalog.ELECTRICITY * kWh == pytest.approx(0.07)
    assert catalog.OBJECT_MONTH * GB * month == pytest.approx(0.02)
    assert pytest.approx(0.09) == catalog.EGRESS * GB


def test_coolants_are_the_handbooks():
    assert (catalog.AIR.c_p, catalog.AIR.rho) == (1005, 1.2)
    assert (catalog.WATER.c_p, catalog.WATER.rho) == (4180, 1000)
