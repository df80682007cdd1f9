"""Calibration: how often a confidence is right."""

import numpy as np
import pandas as pd

from fer_tf.evaluation.checks import checked

BINS = 15
"""Number of confidence bins, as in Guo et al. 2017."""


def calibration(labels, probabilities, classes, bins=BINS):
    """How often a prediction of a given confidence is right.

    Args:
        labels: int array (n,), 0 to k-1.
        probabilities: float array (n, k), rows sum to 1.
        classes: k class names.
        bins: number of bins of equal width; a bin holds low < confidence <= high.

    Returns: DataFrame, one row for each bin: low, high, count (int), confidence (mean of the largest probabilities) and
        accuracy; the last two are nan in an empty bin.
    Raises InputError: as `metrics`.

    Reliability diagrams: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 2.
    """
    labels, probabilities, _ = checked(labels, probabilities, classes)
    edges = np.linspace(0, 1, bins + 1)
    confidence = probabilities.max(axis=1)
    which = np.digitize(confidence, edges[1:-1], right=True)
    count = np.bincount(which, minlength=bins)
    divisor = np.where(count > 0, count, np.nan)
    right = probabilities.argmax(axis=1) == labels
    return pd.DataFrame(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "count": count,
            "confidence": np.bincount(which, weights=confidence, minlength=bins) / divisor,
            "accuracy": np.bincount(which, weights=right, minlength=bins) / divisor,
        }
    )


def expected_calibration_error(bins):
    """The mean distance between confidence and accuracy, each bin weighted by its images.

    Args:
        bins: DataFrame of `calibration`.

    Returns: float, 0 (calibrated) to 1.

    Expected calibration error: Naeini et al. 2015; Guo et al. 2017, equation 3.
    """
    gaps = (bins["accuracy"] - bins["confidence"]).abs()
    return float((gaps * bins["count"]).sum() / bins["count"].sum())
