"""Calibration: how often a confidence is right, how to mend it, and what is gained by answering only when confident."""

import numpy as np
import pandas as pd
from scipy import optimize, special

from fer_tf.evaluation.checks import checked

BINS = 15
"""Number of confidence bins, as in Guo et al. 2017."""


def calibration(labels, probabilities, classes, bins=BINS):
    """How often a prediction of a given confidence is right.

    Args:
        bins: number of bins of equal width; a bin holds low < confidence <= high.
    Returns: DataFrame, one row for each bin: low, high, count (int), confidence (mean of the largest probabilities) and
        accuracy; the last two are nan in an empty bin.

    Reliability diagrams: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 2.

    Example:
        >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
        >>> calibration([0, 1, 1], probabilities, ("happy", "sad"), bins=2)[["count", "confidence"]].round(1).values.tolist()
        [[0.0, nan], [3.0, 0.8]]
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


def fit_temperature(labels, probabilities):
    """The temperature under which the labels are likeliest.

    Args:
        labels: int array (n,), of the validation split.
    Returns: float, 0.05 to 20: above 1 for a model that is too sure of itself, below 1 for one that is too unsure.

    Temperature scaling: Guo et al. 2017, section 4.2.
    """
    labels, probabilities, _ = checked(labels, probabilities)
    logits, rows = np.log(np.maximum(probabilities, 1e-12)), np.arange(len(labels))

    def loss(log_temperature):
        return -special.log_softmax(logits / np.exp(log_temperature), axis=1)[rows, labels].mean()

    return float(np.exp(optimize.minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded").x))


def scale(probabilities, temperature):
    """Probabilities at another temperature; which class is the likeliest does not change.

    Args:
        temperature: float above 0, see `fit_temperature`.
    Returns: float64 array (n, k), rows sum to 1.

    Example:
        >>> scale(np.array([[0.2, 0.8]]), 2).round(3).tolist()
        [[0.333, 0.667]]
    """
    return special.softmax(np.log(np.maximum(probabilities, 1e-12)) / temperature, axis=1)


def accuracy_over_coverage(labels, probabilities, coverages=None):
    """Accuracy when only the most confident predictions are given, and the rest left to a person.

    Args:
        coverages: shares of the images that are answered, above 0 to 1; 20 equal steps by default.
    Returns: DataFrame with the columns coverage, accuracy, images (int) and threshold (the lowest confidence answered).

    Selective classification: El-Yaniv and Wiener 2010; Geifman and El-Yaniv 2017.
    """
    labels, probabilities, _ = checked(labels, probabilities)
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    right = np.cumsum((probabilities.argmax(axis=1) == labels)[order])
    shares = np.linspace(0.05, 1, 20) if coverages is None else np.asarray(coverages, float)
    images = np.maximum(1, np.rint(shares * len(labels)).astype(int))
    columns = {"coverage": shares, "accuracy": right[images - 1] / images, "images": images}
    return pd.DataFrame(columns | {"threshold": confidence[order][images - 1]})
