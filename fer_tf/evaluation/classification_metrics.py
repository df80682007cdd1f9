"""What saved predictions say: metrics, intervals, paired comparisons, calibration.

Everything is a pure function of labels and probabilities, so that a report is made again without a model. Drawing is
left to `figures`, wording to `tables`.
"""

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support, roc_auc_score, roc_curve

from fer_tf.errors import InputError

BINS = 15
"""Number of confidence bins of the calibration error, as in Guo et al. 2017."""


def metrics(labels, probabilities, classes):
    """The numbers of one set of predictions.

    A class without an image has nothing to measure: the macro averages are over the classes that have images.

    Args:
        labels: int array (n,), index of each image's true class, 0 to k-1; n at least 1.
        probabilities: float array (n, k), rows sum to 1.
        classes: k class names.

    Returns:
        dict of floats: accuracy, balanced_accuracy, macro_precision, macro_recall, macro_f1, weighted_precision,
        weighted_recall, weighted_f1, roc_auc (macro, one class against the rest), log_loss (nats), ece (see
        `calibration`); and n, an int. roc_auc is nan where the labels hold a single class.

    Raises:
        InputError: shapes that do not belong together, labels out of range, values that are no probabilities.

    Area under the ROC curve, one against the rest: Provost and Domingos 2000.
    """
    labels, probabilities, classes = _checked(labels, probabilities, classes)
    table = per_class(labels, probabilities, classes)
    present = table[table["support"] > 0]
    weights = present["support"] / present["support"].sum()
    areas = present["roc_auc"].dropna()
    found = {
        "accuracy": np.mean(probabilities.argmax(axis=1) == labels),
        "balanced_accuracy": present["recall"].mean(),
        **{f"macro_{name}": present[name].mean() for name in ("precision", "recall", "f1")},
        **{f"weighted_{name}": (present[name] * weights).sum() for name in ("precision", "recall", "f1")},
        "roc_auc": areas.mean() if len(areas) else np.nan,
        "log_loss": log_loss(labels, probabilities, labels=np.arange(len(classes))),
        "ece": expected_calibration_error(calibration(labels, probabilities, classes)),
    }
    return {name: float(value) for name, value in found.items()} | {"n": len(labels)}


def per_class(labels, probabilities, classes):
    """Precision, recall, F1, number of images and ROC area of each class.

    Args:
        labels: int array (n,), 0 to k-1.
        probabilities: float array (n, k), rows sum to 1.
        classes: k class names.

    Returns:
        DataFrame, index the classes in their order, columns precision, recall, f1, support (int) and roc_auc. A class
        that is never predicted has precision 0; a class without an image has support 0 and nan elsewhere.

    Raises:
        InputError: as `metrics`.
    """
    labels, probabilities, classes = _checked(labels, probabilities, classes)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, probabilities.argmax(axis=1), labels=np.arange(len(classes)), zero_division=0
    )
    areas = [_area(labels == k, probabilities[:, k]) for k in range(len(classes))]
    table = pd.DataFrame(
        {"precision": precision, "recall": recall, "f1": f1, "support": support.astype(np.int64), "roc_auc": areas},
        index=pd.Index(classes, name="class"),
    )
    table.loc[table["support"] == 0, ["precision", "recall", "f1"]] = np.nan
    return table


def confusion(labels, probabilities, classes, normalize=False):
    """How many images of each true class were predicted as each class.

    Args:
        labels: int array (n,), 0 to k-1.
        probabilities: float array (n, k), rows sum to 1.
        classes: k class names.
        normalize: True for the ratio of each true class, so that rows sum to 1 (nan where a class has no image).

    Returns:
        DataFrame (k, k), rows the true class, columns the predicted one; int64 counts or float64 ratios.

    Raises:
        InputError: as `metrics`.
    """
    labels, probabilities, classes = _checked(labels, probabilities, classes)
    counts = confusion_matrix(labels, probabilities.argmax(axis=1), labels=np.arange(len(classes))).astype(np.int64)
    table = pd.DataFrame(counts, index=pd.Index(classes, name="true"), columns=pd.Index(classes, name="predicted"))
    if not normalize:
        return table
    sums = table.sum(axis=1)
    return table.div(sums.where(sums > 0), axis=0)


def most_confused(labels, probabilities, classes, top=10):
    """The pairs of classes that are confused most often.

    Args:
        labels: int array (n,), 0 to k-1.
        probabilities: float array (n, k), rows sum to 1.
        classes: k class names.
        top: at most this many pairs.

    Returns:
        DataFrame, columns true, predicted, count and ratio (of the true class's images), most frequent first; pairs
        that never occur are left out, so that a faultless model gives an empty table.

    Raises:
        InputError: as `metrics`.
    """
    counts = confusion(labels, probabilities, classes)
    support = counts.sum(axis=1)
    rows = [
        {"true": true, "predicted": predicted, "count": int(counts.loc[true, predicted])}
        for true in counts.index
        for predicted in counts.columns
        if true != predicted and counts.loc[true, predicted] > 0
    ]
    table = pd.DataFrame(rows, columns=["true", "predicted", "count"])
    table["ratio"] = table["count"].to_numpy(dtype=float) / support.reindex(table["true"]).to_numpy(dtype=float)
    return table.sort_values("count", ascending=False, kind="stable").head(top).reset_index(drop=True)


def roc(labels, probabilities, classes):
    """The ROC curve of each class against the rest.

    Args:
        labels: int array (n,), 0 to k-1.
        probabilities: float array (n, k), rows sum to 1.
        classes: k class names.

    Returns:
        dict, class -> (false positive rates, true positive rates, area), two float arrays of equal length that run from
        0 to 1 and a float. Empty arrays and nan for a class without an image, or with all of them.

    Raises:
        InputError: as `metrics`.

    ROC curves: Fawcett 2006.
    """
    labels, probabilities, classes = _checked(labels, probabilities, classes)
    curves = {}
    for k, name in enumerate(classes):
        positive = labels == k
        if positive.all() or not positive.any():
            curves[name] = (np.empty(0), np.empty(0), np.nan)
            continue
        false_positive, true_positive, _ = roc_curve(positive, probabilities[:, k])
        curves[name] = (false_positive, true_positive, _area(positive, probabilities[:, k]))
    return curves


def calibration(labels, probabilities, classes, bins=BINS):
    """How often a prediction of a given confidence is right.

    Args:
        labels: int array (n,), 0 to k-1.
        probabilities: float array (n, k), rows sum to 1.
        classes: k class names.
        bins: number of bins of equal width; a bin holds low < confidence <= high.

    Returns:
        DataFrame, one row for each bin: low, high, count (int), confidence (mean of the largest probabilities) and
        accuracy; the last two are nan in an empty bin.

    Raises:
        InputError: as `metrics`.

    Reliability diagrams: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 2.
    """
    labels, probabilities, _ = _checked(labels, probabilities, classes)
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

    Returns:
        float, 0 (calibrated) to 1.

    Expected calibration error: Naeini et al. 2015; Guo et al. 2017, equation 3.
    """
    gaps = (bins["accuracy"] - bins["confidence"]).abs()
    return float((gaps * bins["count"]).sum() / bins["count"].sum())


def accuracy_interval(labels, probabilities, confidence=0.95):
    """Wilson's interval of the accuracy.

    Args:
        labels: int array (n,), 0 to k-1.
        probabilities: float array (n, k), rows sum to 1.
        confidence: between 0 and 1.

    Returns:
        (low, high), floats.

    Raises:
        InputError: as `metrics`.

    Score interval: Wilson 1927.
    """
    labels, probabilities, _ = _checked(labels, probabilities)
    right = int(np.sum(probabilities.argmax(axis=1) == labels))
    interval = stats.binomtest(right, len(labels)).proportion_ci(confidence_level=confidence, method="wilson")
    return float(interval.low), float(interval.high)


def compare(labels, probabilities_a, probabilities_b, confidence=0.95, resamples=10_000, seed=0):
    """Is B more accurate than A on the same images, and by how much?

    Args:
        labels: int array (n,), 0 to k-1.
        probabilities_a: float array (n, k), rows sum to 1.
        probabilities_b: float array (n, k), of the same images in the same order.
        confidence: of the interval, between 0 and 1.
        resamples: number of bootstrap draws.
        seed: of the draws.

    Returns:
        dict: n, accuracy_a, accuracy_b, difference (B minus A), low and high (percentile bootstrap over images), only_a
        and only_b (images that only A, only B predicts rightly) and p_value (McNemar's test, exact, two-sided; 1.0
        where none differs).

    Raises:
        InputError: as `metrics`, or A and B are of different shapes.

    Paired test: McNemar 1947. Percentile bootstrap: Efron and Tibshirani 1993, chapter 13.
    """
    labels, probabilities_a, _ = _checked(labels, probabilities_a)
    labels, probabilities_b, _ = _checked(labels, probabilities_b)
    if probabilities_a.shape != probabilities_b.shape:
        given = f"{probabilities_a.shape[1]} and {probabilities_b.shape[1]}"
        raise InputError(f"compared predictions have {given} classes; give two of the same classes.")
    n = len(labels)
    right_a = probabilities_a.argmax(axis=1) == labels
    right_b = probabilities_b.argmax(axis=1) == labels
    only_a, only_b = int(np.sum(right_a & ~right_b)), int(np.sum(right_b & ~right_a))
    # An image's difference is -1, 0 or 1, so resampling images is drawing three counts from a multinomial: the same
    # bootstrap, without n x resamples numbers in memory.
    shares = [only_a / n, only_b / n, (n - only_a - only_b) / n]
    drawn = np.random.default_rng(seed).multinomial(n, shares, size=resamples)
    tail = (1 - confidence) / 2
    low, high = np.quantile((drawn[:, 1] - drawn[:, 0]) / n, [tail, 1 - tail])
    differing = only_a + only_b
    return {
        "n": n,
        "accuracy_a": float(right_a.mean()),
        "accuracy_b": float(right_b.mean()),
        "difference": (only_b - only_a) / n,
        "low": float(low),
        "high": float(high),
        "only_a": only_a,
        "only_b": only_b,
        "p_value": float(stats.binomtest(only_b, differing).pvalue) if differing else 1.0,
    }


def _area(positive, scores):
    """Area under the ROC curve, nan where one of the two sides has no image."""
    return np.nan if positive.all() or not positive.any() else float(roc_auc_score(positive, scores))


def _checked(labels, probabilities, classes=None):
    """The three as arrays and a tuple, rows in double precision and summing to 1, or one line about what is wrong."""
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    if probabilities.ndim != 2 or probabilities.shape[1] < 2:
        raise InputError(
            f"probabilities of shape {probabilities.shape}, expected (images, classes). Give a row per image."
        )
    n, k = probabilities.shape
    classes = tuple(range(k)) if classes is None else tuple(classes)
    if labels.shape != (n,):
        raise InputError(
            f"labels of shape {labels.shape} for {n:,} rows of probabilities. Give one label for each row."
        )
    if n == 0:
        raise InputError("there are no predictions: 0 rows. Choose a split that has images.")
    if len(classes) != k:
        raise InputError(f"{len(classes)} class names for {k} columns of probabilities. Give the model's own classes.")
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError(f"labels of type {labels.dtype}, expected whole numbers 0 to {k - 1}. Give class positions.")
    if labels.min() < 0 or labels.max() >= k:
        bad = labels[(labels < 0) | (labels >= k)][0]
        raise InputError(f"label {bad} is out of range, expected 0 to {k - 1}. Give positions in the model's classes.")
    if probabilities.dtype.kind not in "fiu":
        raise InputError(
            f"probabilities of type {probabilities.dtype}, expected numbers 0 to 1. Give a softmax's output."
        )
    probabilities = probabilities.astype(np.float64)
    finite = np.isfinite(probabilities).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise InputError(f"probabilities, row {row}: not a finite number. Training diverged; lower its learning rate.")
    sums = probabilities.sum(axis=1)
    wrong = (probabilities < 0).any(axis=1) | (np.abs(sums - 1) > 1e-3)
    if wrong.any():
        row = int(np.argmax(wrong))
        given = f"smallest {probabilities[row].min():.4g}, sum {sums[row]:.4g}"
        raise InputError(f"probabilities, row {row}: {given}, expected at least 0 and sum 1. Apply a softmax.")
    return labels.astype(np.int64), probabilities / sums[:, None], classes
