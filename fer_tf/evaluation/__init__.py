"""Questions asked of saved predictions: metrics, intervals, calibration, ensembles, test-time augmentation."""

from fer_tf.evaluation.bootstrap import intervals, paired_differences
from fer_tf.evaluation.classification_metrics import (
    classification_report,
    confusion,
    metrics,
    most_confused,
    per_class,
    roc,
)
from fer_tf.evaluation.comparison import accuracy_interval, compare, compare_all, gains_table, holm
from fer_tf.evaluation.reliability import (
    accuracy_over_coverage,
    calibration,
    expected_calibration_error,
    fit_temperature,
    scale,
)

__all__ = [
    "accuracy_interval",
    "accuracy_over_coverage",
    "calibration",
    "classification_report",
    "compare",
    "compare_all",
    "confusion",
    "expected_calibration_error",
    "fit_temperature",
    "gains_table",
    "holm",
    "intervals",
    "metrics",
    "most_confused",
    "paired_differences",
    "per_class",
    "roc",
    "scale",
]
