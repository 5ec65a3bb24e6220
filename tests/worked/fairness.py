"""Sections "Responsible AI" and "Fairness gates on a credit and a ranking service"."""

from mlsyscore import fairness as fa
from mlsyscore.catalog import A100
from mlsyscore.elementwise import ceil
from mlsyscore.fairness import Confusion
from mlsyscore.operations import false_alerts
from mlsyscore.units import day, dollar, hour, second

from . import Row

LOAN_A, LOAN_B = Confusion(40, 30, 5, 25), Confusion(30, 10, 20, 40)
LOAN = Confusion(70, 40, 25, 65)  # both
CREDIT_A, CREDIT_B = Confusion(4500, 1000, 500, 4000), Confusion(600, 200, 400, 800)
CREDIT = Confusion(5100, 1200, 900, 4800)  # both
MODEL = 4.6e6 * dollar  # the training run; 100 shards, 1,000 requests a day


def credit_value(TPR, FPR):
    """Value of a group B applicant, half of whom repay."""
    return fa.decision_value(TPR, FPR, 0.5, 1500 * dollar, 3000 * dollar)


ROWS = [
    Row(
        "LoanScreeningTwoGroups",
        "average_odds_difference",
        lambda: fa.average_odds_difference(LOAN_A, LOAN_B),
        0.31717,
    ),
    Row(
        "LoanScreeningTwoGroups",
        "disparate_impact",
        lambda: fa.disparate_impact(LOAN_A, LOAN_B),
        0.57143,
    ),
    Row(
        "LoanScreeningTwoGroups",
        "overall_accuracy, pooled_positive_rate",
        lambda: [fa.accuracy(LOAN), fa.selection_rate(LOAN)],
        [0.675, 0.55],
    ),
    Row(
        "LoanApprovalGapTest",
        "interval",
        lambda: [0.3 + s * fa.gap_margin(0.7, 100, 0.4, 100) for s in (-1, 1)],
        [0.16852, 0.43148],
    ),
    Row(
        "LoanApprovalGapTest",
        "z",
        lambda: fa.two_proportion_z(0.7, 100, 0.4, 100),
        4.264,
    ),
    Row(
        "LoanApprovalGapTest",
        "n_at_critical",  # z grows as sqrt(n)
        lambda: 100 * (1.96 / fa.two_proportion_z(0.7, 100, 0.4, 100)) ** 2,
        21.128,
    ),
    Row(
        "FairnessMonitor10K",
        "bonferroni_level",
        lambda: fa.bonferroni(0.05, 150),
        0.00033333,
    ),
    Row(
        "FairnessMonitor10K",
        "false_alerts_per_interval, false_alerts_bonferroni",
        lambda: [
            false_alerts(150, 1 * second, alpha) * second  # once per interval
            for alpha in (0.05, fa.bonferroni(0.05, 150))
        ],
        [7.5, 0.05],
    ),
    Row(
        "Gpt3ShardedUnlearning",
        "shard_cost",
        lambda: fa.unlearning_cost(MODEL, 100),
        46_000,
    ),
    Row(
        "Gpt3ShardedUnlearning",
        "daily_batch_cost",
        lambda: fa.unlearning_cost(MODEL, 100, 1000),
        4.5998e6,
    ),
    Row(
        "Gpt3ShardedUnlearning",
        "shards_touched_per_day",
        lambda: fa.shards_touched(100, 1000),
        99.996,
    ),
    Row(
        "Gpt3ShardedUnlearning",
        "p_shard_untouched",
        lambda: 1 - fa.shards_touched(100, 1000) / 100,
        4.3171e-5,
    ),
    Row(
        "Gpt3ShardedUnlearning",
        "full_retrain_time, planning_days",
        lambda: [
            3.14e23 / (1024 * A100.peak * 0.32) / day,  # FLOP as published
            ceil(3.14e23 / (1024 * A100.peak * 0.32) / day),
        ],
        [35.548, 36],
    ),
    Row(
        "Gpt3ShardedUnlearning",
        "shard_share, shard_time",
        lambda: [
            fa.unlearning_cost(1.0, 100),
            fa.unlearning_cost(36 * day, 100) / hour,  # planning_days are rounded up
        ],
        [0.01, 8.64],
    ),
    Row(
        "CreditServiceTwoGroups",
        "average_odds_difference",
        lambda: fa.average_odds_difference(CREDIT_A, CREDIT_B),
        0.15,
    ),
    Row(
        "CreditServiceTwoGroups",
        "disparate_impact",
        lambda: fa.disparate_impact(CREDIT_A, CREDIT_B),
        0.72727,
    ),
    Row(
        "CreditServiceTwoGroups",
        "overall_accuracy, pooled_positive_rate",
        lambda: [fa.accuracy(CREDIT), fa.selection_rate(CREDIT)],
        [0.825, 0.525],
    ),
    Row(
        "CreditServiceEqualOpportunityPrice",
        "tpr_before, tpr_after, tpr_gap",
        lambda: [
            fa.tpr(CREDIT_B),
            fa.tpr(CREDIT_A),
            fa.opportunity_difference(CREDIT_A, CREDIT_B),
        ],
        [0.6, 0.9, 0.3],
    ),
    Row(
        "CreditServiceEqualOpportunityPrice",
        "fpr_before, base_rate",
        lambda: [fa.fpr(CREDIT_B), fa.base_rate(CREDIT_B)],
        [0.2, 0.5],
    ),
    Row(
        "CreditServiceEqualOpportunityPrice",
        "baseline_utility, utility_after",
        lambda: [credit_value(0.6, 0.2), credit_value(0.9, 0.4)],
        [150, 75],
    ),
    Row(
        "CreditServiceEqualOpportunityPrice",
        "added_repaid_value, added_default_cost, net_change",
        lambda: [
            credit_value(0.3, 0),
            -credit_value(0, 0.2),
            credit_value(0.9, 0.4) - credit_value(0.6, 0.2),
        ],
        [225, 300, -75],
    ),
    Row(
        "CreditServiceEqualOpportunityPrice",
        "loss_fraction",
        lambda: 1 - credit_value(0.9, 0.4) / credit_value(0.6, 0.2),
        0.5,
    ),
    Row(
        "CreditServiceEqualOpportunityPrice",
        "population_average_loss",  # 2,000 of 12,000 are in group B
        lambda: (credit_value(0.6, 0.2) - credit_value(0.9, 0.4)) * 2000 / 12_000,
        12.5,
    ),
    Row(
        "OnePercentGroupEvaluationBudget",
        "samples_needed",
        lambda: ceil(fa.audit_size(0.01)),
        9604,
    ),
    Row(
        "RecommenderExplorationExposure",
        "explore_impressions, impressions",
        lambda: [
            fa.exposure_rate(10_000_000 / day, 20, eps, 1_000_000) * 1_000_000 * day
            for eps in (0.01, 1)
        ],
        [2e6, 2e8],
    ),
    Row(
        "RecommenderExplorationExposure",
        "catalog_coverage",  # by one user's page
        lambda: fa.exposure_rate(1 / second, 20, 1, 1_000_000) * second,
        2e-5,
    ),
]
LEFT = {
    "CreditParityAccuracyCost": "a difference of two inputs, and its quotient with one",
    "ImageExplanationLog": "a product of inputs",
    "RewardModelLabelBudget": "a product of two inputs",
    "Gpt3PrivacyPlan": "a product of two inputs",
    "FairnessAccuracyFrontierSketch": "a curve drawn to illustrate; nothing is printed",
}
WRONG: list[tuple[Row, str]] = []
