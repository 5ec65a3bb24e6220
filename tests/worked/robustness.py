"""Section "Robust AI: silent faults, drift tests, per-request answering, attacks"."""

import numpy as np

from mlsyscore import robustness as rb
from mlsyscore.robustness import Normal

from . import Row

BASELINE = np.array([0.45, 0.2, 0.15, 0.1, 0.1])
CURRENT = np.array([0.38, 0.18, 0.14, 0.12, 0.18])
REFERENCE, NOW = Normal(4.2, 1.1), Normal(4.5, 1.3)
PIXEL = 1 / 255  # one level of an 8-bit pixel, of its full range

ROWS = [
    Row("FraudCountryPsi", "psi", lambda: rb.psi(BASELINE, CURRENT), 0.065302),
    Row("FraudAmountDrift", "kl", lambda: rb.kl_normal(REFERENCE, NOW), 0.051669),
    Row(
        "FraudAmountDrift",
        "triggers",
        lambda: rb.kl_normal(REFERENCE, NOW) > 0.05,
        True,
    ),
    Row(
        "FraudAmountKs",
        "critical_value",
        lambda: rb.ks_critical(0.01, 10_000, 10_000),
        0.023018,
    ),
    Row("SmoothingRadiusCifar10", "linf_budget", lambda: 8 * PIXEL, 0.031373),
    Row(
        "SmoothingRadiusCifar10",
        "box_corner_l2",
        lambda: rb.corner_distance(8 * PIXEL, 3072),
        1.7388,
    ),
    Row(
        "SmoothingRadiusCifar10",
        "quantile",
        lambda: rb.certified_radius(0.999, 1.0),
        3.0902,
    ),
    Row(
        "SmoothingRadiusCifar10",
        "radius",
        lambda: rb.certified_radius(0.999, 0.5),
        1.5451,
    ),
    Row(
        "Fp32WeightExponentFlip",
        "corrupted",
        lambda: rb.exponent_flip(0.042, 30 - 23),  # bits 0 to 22 are the fraction
        1.4292e37,
    ),
    Row(
        "Fp32WeightExponentFlip",
        "scale_log2",
        lambda: np.log2(rb.exponent_flip(0.042, 30 - 23) / 0.042),
        128,
    ),
]
LEFT: dict[str, str] = {}
WRONG: list[tuple[Row, str]] = []
