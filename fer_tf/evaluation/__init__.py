"""Questions asked of saved predictions: metrics, intervals, calibration, ensembles, test-time augmentation."""

from fer_tf.evaluation.classification_metrics import (
    classification_report,
    confusion,
    metrics,
    most_confused,
    per_class,
    roc,
)
from fer_tf.evaluation.comparison import accuracy_interval, compare, gains_table
from fer_tf.evaluation.reliability import calibration, expected_calibration_error

__all__ = [
    "accuracy_interval",
    "calibration",
    "classification_report",
    "compare",
    "confusion",
    "expected_calibration_error",
    "gains_table",
    "metrics",
    "most_confused",
    "per_class",
    "roc",
]
