"""Section "On-device learning and federated rounds", its calculations of operations.

A year is 8,760 h and a month 730 h, as the book counts both.
"""

from mlsyscore import operations as ops
from mlsyscore.catalog import ELECTRICITY, RENTED_GPU_HOUR
from mlsyscore.compute import break_even_utilisation
from mlsyscore.units import day, dollar, hour, minute, watt

from . import Row

YEAR, MONTH = 8_760 * hour, 730 * hour

# 128 nodes of 8 at 350,000 $, 5 M$ of network, 10 M$ of facility, 1.5 M$ a year
CLUSTER = ops.Ownership(59.8e6 * dollar, 1.5e6 * dollar / YEAR, 0 * dollar / hour)
CLUSTER_RENT = 1024 * RENTED_GPU_HOUR
# one node of 8,375 W behind a PUE of 1.1, which draws only while it works
NODE = ops.Ownership(350e3 * dollar, 0.0, 8375 * watt * 1.1 * ELECTRICITY)
NODE_RENT = 8 * RENTED_GPU_HOUR
STAGES = [0.01, 0.05, 0.25, 0.5], [2 * hour, 30 * minute, 30 * minute, 1 * hour]
ENGINEER, PLATFORM = 150 * dollar / hour, 120e3 * dollar / MONTH
SAVED = 20 * hour / MONTH  # of an engineer, per model


def breakeven(owned, rent):
    """Over the three years that both calculations take."""
    life = 3 * YEAR
    return break_even_utilisation(owned.total(0, life), rent * life, owned.use * life)


ROWS = [
    Row(
        "RecommendationFeatureHistory",
        "total_bytes",
        lambda: ops.feature_history(1000 * 10**8, 365 * day, 1 * hour, 8 + 8 + 2 * 8),
        2.8032e16,
    ),
    Row(
        "CanaryVersusCutoverExposure",
        "exposure_ratio",
        lambda: (
            ops.exposed_requests(1, 1.0, 2 * hour)
            / ops.exposed_requests(1, 0.05, 2 * hour)
        ),
        20,
    ),
    Row(
        "CanaryGuardrailSchedule",
        "admitted_by_completion",
        lambda: ops.exposed_requests(1e6 / hour, *STAGES),
        6.7e5,
    ),
    Row(
        "CanaryGuardrailSchedule",
        "first_stage_buffer",
        lambda: 2 * hour / ops.canary_time(10_000, 1e6 / hour, 0.01),
        2,
    ),
    Row(
        "CtrLiftExperiment",
        "per_variant",
        lambda: ops.sample_size(0.05, 0.005),
        29792,
        2e-3,  # the book rounds z to 1.96 and 0.84
    ),
    Row(
        "CtrLiftExperiment",
        "collection_time (h)",
        lambda: ops.canary_time(59_584, 1e6 / day, 1.0) / hour,
        1.43,
    ),
    Row(
        "CtrLiftExperiment",
        "familywise_error",
        lambda: ops.familywise_error(0.05, 20),
        0.64151,
    ),
    Row(
        "TwoSigmaModelFleetAlerts",
        "daily_false_alerts",
        lambda: ops.false_alerts(100 * 10, 5 * minute, 0.05) * day,
        14400,
    ),
    Row(
        "OwnVsRentH100Cluster1K",
        "owned_total ($)",
        lambda: CLUSTER.total(0.8, 3 * YEAR),
        6.43e7,
    ),
    Row(
        "OwnVsRentH100Cluster1K",
        "breakeven_utilization",
        lambda: breakeven(CLUSTER, CLUSTER_RENT),
        0.59735,
    ),
    Row(
        "OwnVsRentH100Cluster1K",
        "crossover_months",
        lambda: CLUSTER.crossover(0.8, CLUSTER_RENT) / MONTH,
        26.378,
    ),
    Row(
        "OwnVsRentH100Cluster1K",
        "savings ($)",
        lambda: 0.8 * CLUSTER_RENT * 3 * YEAR - CLUSTER.total(0.8, 3 * YEAR),
        2.1814e7,
    ),
    Row(
        "OwnVsRentDgxH100Node",
        "owned_total ($)",
        lambda: NODE.total(0.8, 3 * YEAR),
        3.6356e5,
    ),
    Row(
        "OwnVsRentDgxH100Node",
        "breakeven_utilization",
        lambda: breakeven(NODE, NODE_RENT),
        0.42475,
    ),
    Row(
        "OwnVsRentDgxH100Node",
        "crossover_months",
        lambda: NODE.crossover(0.8, NODE_RENT) / MONTH,
        19.114,
    ),
    Row(
        "OwnVsRentDgxH100Node",
        "use_cost_per_year_full ($)",
        lambda: NODE.use * YEAR,
        5649.1,
    ),
    Row(
        "BurstyTrainingOn1KCluster",
        "owned_cost_per_run ($)",
        lambda: CLUSTER.total(0.8, 3 * YEAR) / (3 * 6),
        3.5722e6,
    ),
    Row(
        "TrainingOptimizationPayback",
        "payback (months)",
        lambda: ops.payback(80e3 * dollar, 0.3 * 150e3 * dollar / MONTH) / MONTH,
        1.7778,
    ),
    Row(
        "SharedPlatformBenefit50",
        "benefit_cost_ratio",
        lambda: ops.benefit_cost(50, SAVED, ENGINEER, PLATFORM),
        1.25,
    ),
    Row(
        "SharedPlatformBenefit20",
        "benefit_cost_ratio",
        lambda: ops.benefit_cost(20, SAVED, ENGINEER, PLATFORM),
        0.5,
    ),
    Row(
        "SharedPlatformBenefit20",
        "net_benefit ($/month)",
        lambda: (ops.benefit_cost(20, SAVED, ENGINEER, PLATFORM) - 1) * 120e3,
        -60000,
    ),
]
LEFT: dict[str, str] = {
    "DailyBillionRecommendationLookups": "a product of two inputs",
    "AggregationWindowRevenueIncident": "products and ratios of inputs",
    "StartupOneModelTco": "a sum of four inputs and their shares",
    "FiftyModelCompanyTco": "a sum of four inputs and their shares",
}
WRONG: list[tuple[Row, str]] = []
