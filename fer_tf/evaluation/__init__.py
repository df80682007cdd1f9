"""Questions asked of saved predictions: metrics, intervals, calibration, test-time augmentation."""

from fer_tf.evaluation.classification_metrics import (
    accuracy_interval,
    calibration,
    compare,
    confusion,
    expected_calibration_error,
    metrics,
    most_confused,
    per_class,
    roc,
)

__all__ = [
    "accuracy_interval",
    "calibration",
    "compare",
    "confusion",
    "expected_calibration_error",
    "metrics",
    "most_confused",
    "per_class",
    "roc",
]
