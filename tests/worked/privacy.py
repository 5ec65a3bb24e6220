"""Section "Security and privacy of a fleet"."""

from mlsyscore import privacy as dp
from mlsyscore.catalog import GPT3
from mlsyscore.collectives import allreduce_bound
from mlsyscore.network import Link
from mlsyscore.storage import checkpoint_bytes
from mlsyscore.units import GB, second

from . import Row

DP_DEGREE = 64  # replicas of the job
UNIT = Link(0.0, 1 * GB / second)

ROWS = [
    Row(
        "ImageNetTop5RoundedScores", "retained_bits", lambda: dp.rounded_bits(2), 6.6582
    ),
    Row(
        "ReferenceJobAttackSurface",
        "gather_traffic_ratio",
        lambda: dp.gather_ratio(DP_DEGREE),
        32,
    ),
    Row(
        "ReferenceJobAttackSurface",
        "allreduce_factor",
        lambda: allreduce_bound(1 * GB, DP_DEGREE, UNIT) / second,
        1.9688,
    ),
    Row(
        "ReferenceJobAttackSurface",
        "checkpoint_bytes",
        lambda: checkpoint_bytes(GPT3.P),
        2.45e12,
    ),
    Row(
        "SalaryMeanLaplaceRelease",
        "noise_scale ($)",
        lambda: dp.laplace_scale(2e5, 1),
        2e5,
    ),
    Row(
        "SalaryMeanLaplaceRelease",
        "small_group_error ($)",
        lambda: dp.laplace_scale(2e5 / 100, 1),
        2000,
    ),
    Row(
        "Cifar10DpSgdRun",
        "sampling_rate",
        lambda: dp.sampling_rate(50_000, 4_000),
        0.08,
    ),
    Row("Cifar10DpSgdRun", "steps", lambda: dp.sgd_steps(50_000, 4_000, 60), 750),
]
LEFT: dict[str, str] = {
    "SecureMultiTenantServing": "a ratio of two inputs",
    "ResNet50Int8InSgxEnclave": "weight bytes over the enclave's capacity",
    "ResNet18Fp32InSgxEnclave": "weight bytes over the enclave's capacity",
    "ResNet18Int8InSgxEnclave": "weight bytes over the enclave's capacity",
    "MembershipAuditAtEpsilonOne": "the book prints no output",
}
WRONG: list[tuple[Row, str]] = [
    (
        Row(
            "ImageNetTop5RoundedScores",
            "bits_removed",
            lambda: dp.rounded_bits(6) - dp.rounded_bits(2),
            13.288,
        ),
        "the book takes log2 10^4 away, but keeps log2 101: six decimals hold "
        "10^6 + 1 values and two hold 101, which leaves 13.273",
    ),
    (
        Row(
            "Cifar10DpSgdRun",
            "target_epsilon",
            lambda: min(
                dp.rdp_epsilon_tight(
                    a / 4, 750 * dp.subsampled_rdp(a / 4, 0.08, 1.3), 1e-5
                )
                for a in range(5, 64)
            ),
            3,
        ),
        "sampling rate, steps and noise are the book's, but they spend 11.0 by RDP and "
        "10.2 by loss distributions, not the 3 that it aims at",
    ),
]
