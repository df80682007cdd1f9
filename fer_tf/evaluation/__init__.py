"""Questions asked of saved predictions: metrics, intervals, calibration, ensembles, test-time augmentation.

`labels`, `probabilities` and `classes` are everywhere those of `metrics`; what does not fit is an InputError.
"""

# ruff: noqa: F401 (what is imported here is the interface)

from fer_tf.evaluation.agreement import accuracy_by_agreement
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
from fer_tf.evaluation.groups import accuracy_by_group
from fer_tf.evaluation.reliability import (
    accuracy_over_coverage,
    calibration,
    expected_calibration_error,
    fit_temperature,
    scale,
)
