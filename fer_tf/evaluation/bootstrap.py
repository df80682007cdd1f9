"""Bootstrap intervals of every headline metric, and of the difference of two models on the same images.

A bootstrap draw is a weight for each image, how often it was drawn; every metric is a function of these weights, so that
thousands of draws are a few matrix products.
"""

from warnings import catch_warnings

import numpy as np
import pandas as pd

from fer_tf.evaluation.checks import checked
from fer_tf.evaluation.comparison import accuracy_interval
from fer_tf.evaluation.reliability import BINS

HEADLINE = ("accuracy", "balanced_accuracy", "macro_f1", "roc_auc", "log_loss", "ece")
"""The metrics of `metrics` that are given intervals."""


def draws(n, resamples=1000, seed=0):
    """How often each of n images is drawn, in each of the bootstrap's draws: float32 array (resamples, n)."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float32)


def metrics_under(weights, labels, probabilities, classes):
    """The headline metrics when each image counts as often as its weight says.

    Args:
        weights: float array (draws, n), at least 0, such as `draws` gives.
    Returns: DataFrame, a row for each draw and a column for each of `HEADLINE`. Weights of one give what `metrics` gives.
    """
    labels, probabilities, classes = checked(labels, probabilities, classes)
    k, predicted, confidence = len(classes), probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = predicted == labels
    counts = (weights @ np.eye(k * k, dtype=np.float32)[labels * k + predicted]).astype(float).reshape(-1, k, k)
    true, called, hits = counts.sum(axis=2), counts.sum(axis=1), np.einsum("dii->di", counts)
    present = np.where(true > 0, 1.0, np.nan)
    of_bin = np.eye(BINS)[np.digitize(confidence, np.linspace(0, 1, BINS + 1)[1:-1], right=True)]
    gaps = np.abs(weights @ (of_bin * (right - confidence)[:, None]))
    total = weights.sum(axis=1, dtype=float)
    loss = -np.log(np.clip(probabilities[np.arange(len(labels)), labels], np.finfo(float).eps, 1))
    areas = [_areas(weights, labels == c, probabilities[:, c]) for c in range(k)]
    with catch_warnings(action="ignore", category=RuntimeWarning):  # a mean of nothing is nan
        columns = {
            "accuracy": hits.sum(axis=1) / total,
            "balanced_accuracy": np.nanmean(present * hits / np.maximum(true, 1e-9), axis=1),
            "macro_f1": np.nanmean(present * 2 * hits / np.maximum(true + called, 1e-9), axis=1),
            "roc_auc": np.nanmean(areas, axis=0),
            "log_loss": weights @ loss / total,
            "ece": gaps.sum(axis=1) / total,
        }
    return pd.DataFrame(columns)[list(HEADLINE)]


def intervals(labels, probabilities, classes, confidence=0.95, resamples=1000, seed=0):
    """Every headline metric with its interval: Wilson's for the accuracy, by bootstrap for the others.

    Args:
        confidence: between 0 and 1.
        resamples: number of bootstrap draws.
        seed: of the draws.
    Returns: DataFrame, index `HEADLINE`, columns value, low and high. The calibration error of a sample is biased upward, and
        that of a bootstrap draw twice: its interval is the basic one, which takes the bias of the draws off. Close to
        a perfect calibration it still lies a little too high.

    Percentile bootstrap: Efron and Tibshirani 1993, chapter 13. Basic bootstrap: Davison and Hinkley 1997, section 5.2.
    """
    table = _summary(labels, probabilities, None, classes, confidence, resamples, seed)
    value, low, high = table.loc["ece"]
    table.loc["ece", ["low", "high"]] = max(0, 2 * value - high), 2 * value - low
    table.loc["accuracy", ["low", "high"]] = accuracy_interval(labels, probabilities, confidence)
    return table


def paired_differences(labels, probabilities_a, probabilities_b, classes, confidence=0.95, resamples=1000, seed=0):
    """How much B differs from A on the same images, in every headline metric, with paired bootstrap intervals.

    Args:
        probabilities_a, probabilities_b: float arrays (n, k), of the same images in the same order.
        confidence, resamples, seed: as `intervals`.
    Returns: DataFrame as `intervals`, of B minus A, all by percentile bootstrap; a difference whose interval spans zero is not
        shown by these images.
    """
    return _summary(labels, probabilities_b, probabilities_a, classes, confidence, resamples, seed)


def report_intervals(labels, probabilities, classes, confidence=0.95, resamples=5_000, seed=0):
    """Every number of a classification report with its percentile bootstrap interval.

    Args:
        confidence, resamples, seed: as `intervals`.
    Returns: DataFrame, columns value, low and high; index accuracy, balanced_accuracy, macro_precision, weighted_precision and so
        on for recall and f1, and "f1 of happy" and so on for each class, nan for one without an image. Values are those of
        `metrics` and `per_class`.

    All of these are functions of the confusion matrix, so that resampling images is drawing its cells from a multinomial: the
    same bootstrap, without a weight for each image and draw.
    """
    labels, probabilities, classes = checked(labels, probabilities, classes)
    n, k = len(labels), len(classes)
    cells = np.bincount(labels * k + probabilities.argmax(axis=1), minlength=k * k)
    drawn = np.random.default_rng(seed).multinomial(n, cells / n, size=resamples)
    counts = np.vstack([cells, drawn]).reshape(-1, k, k)  # the first is the sample itself
    true, called, hits = counts.sum(axis=2), counts.sum(axis=1), np.einsum("dii->di", counts)
    tops = {"precision": (hits, called), "recall": (hits, true), "f1": (2 * hits, true + called)}
    columns = {"accuracy": hits.sum(axis=1) / n}
    for name, (top, bottom) in tops.items():
        values = np.where(true > 0, top / np.maximum(bottom, 1), np.nan)
        columns[f"macro_{name}"] = np.nanmean(values, axis=1)
        columns[f"weighted_{name}"] = np.nansum(values * true, axis=1) / n
        columns |= {f"{name} of {one}": values[:, place] for place, one in enumerate(classes)}
    columns["balanced_accuracy"] = columns["macro_recall"]
    table, tail = pd.DataFrame(columns), (1 - confidence) / 2
    low, high = table.iloc[1:].quantile(tail), table.iloc[1:].quantile(1 - tail)
    return pd.DataFrame({"value": table.iloc[0], "low": low, "high": high}).rename_axis("metric")


def _summary(labels, probabilities, reference, classes, confidence, resamples, seed):
    weights = np.vstack([np.ones((1, len(labels)), np.float32), draws(len(labels), resamples, seed)])
    table = metrics_under(weights, labels, probabilities, classes)  # the first row is the sample itself
    if reference is not None:
        table = table - metrics_under(weights, labels, reference, classes)
    tail = (1 - confidence) / 2
    low, high = table.iloc[1:].quantile(tail), table.iloc[1:].quantile(1 - tail)
    return pd.DataFrame({"value": table.iloc[0], "low": low, "high": high}).rename_axis("metric")


def _areas(weights, positive, scores):
    """Areas under the ROC curve of one class in every draw; ties count half."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    hits = np.add.reduceat(weights[:, order] * positive[order], starts, axis=1).astype(float)
    misses = np.add.reduceat(weights[:, order] * ~positive[order], starts, axis=1).astype(float)
    below = np.cumsum(misses, axis=1) - misses / 2
    pairs = hits.sum(axis=1) * misses.sum(axis=1)
    return np.where(pairs > 0, (hits * below).sum(axis=1) / np.maximum(pairs, 1e-9), np.nan)
