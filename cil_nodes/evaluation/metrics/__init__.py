"""Metrics of class-incremental and open-set recognition.

Every metric is a plain function over arrays; accuracies, rates and areas are fractions in [0, 1].
Each docstring states the formula, where it comes from, and whether higher or lower is better.
"""

from cil_nodes.evaluation.metrics.classification import (
    Confusion,
    accuracy,
    confusion,
    macro_f1,
    most_confused,
)
from cil_nodes.evaluation.metrics.continual import (
    AccuracyMatrix,
    accuracy_matrix,
    aopd,
    average_accuracy,
    backward_transfer,
    forgetting,
    forward_transfer,
    learning_curve_area,
    mean_matrix,
    mopd,
    opd,
    phase_averages,
    regret_aopd,
)
from cil_nodes.evaluation.metrics.cost import Cost, cost, growth
from cil_nodes.evaluation.metrics.latency import LatencySummary, latency_summary
from cil_nodes.evaluation.metrics.open_set import (
    RocCurve,
    UnknownRates,
    auroc,
    fpr_at_tpr,
    oscr,
    roc_curve,
    unknown_rates,
)
from cil_nodes.evaluation.metrics.paired import Gain, paired_gain, paired_interval

__all__ = [
    "AccuracyMatrix",
    "Confusion",
    "Cost",
    "Gain",
    "LatencySummary",
    "RocCurve",
    "UnknownRates",
    "accuracy",
    "accuracy_matrix",
    "aopd",
    "auroc",
    "average_accuracy",
    "backward_transfer",
    "confusion",
    "cost",
    "forgetting",
    "forward_transfer",
    "fpr_at_tpr",
    "growth",
    "latency_summary",
    "learning_curve_area",
    "macro_f1",
    "mean_matrix",
    "mopd",
    "most_confused",
    "opd",
    "oscr",
    "paired_gain",
    "paired_interval",
    "phase_averages",
    "regret_aopd",
    "roc_curve",
    "unknown_rates",
]
