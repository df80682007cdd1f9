"""Classification metrics of saved predictions: accuracy, precision, recall, F1, ROC, confusions.

Everything is a pure function of labels and probabilities, so that a report is made again without a model. Drawing is
left to `figures`, formatting to `tables`.
"""

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support, roc_auc_score, roc_curve

from fer_tf.evaluation.checks import checked
from fer_tf.evaluation.reliability import calibration, expected_calibration_error


def metrics(labels, probabilities, classes):
    """The numbers of one set of predictions.

    A class without an image has nothing to measure: the macro averages are over the classes that have images.

    Args:
        labels: int array (n,), index of each image's true class, 0 to k-1; n at least 1.
        probabilities: float array (n, k), rows sum to 1.
        classes: k class names.
    Returns: dict of floats: accuracy, balanced_accuracy, macro_precision, macro_recall, macro_f1, weighted_precision,
        weighted_recall, weighted_f1, roc_auc (macro, one class against the rest), log_loss (nats), ece (see
        `calibration`); and n, an int. roc_auc is nan where the labels hold a single class.
    Raises InputError: shapes that do not belong together, labels out of range, values that are no probabilities.

    Area under the ROC curve, one against the rest: Provost and Domingos 2000.

    Example:
        >>> probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
        >>> round(metrics([0, 1, 1, 1], probabilities, ("happy", "sad"))["accuracy"], 2)
        0.75
    """
    labels, probabilities, classes = checked(labels, probabilities, classes)
    table = per_class(labels, probabilities, classes)
    present = table[table["support"] > 0]
    weights = present["support"] / present["support"].sum()
    areas = present["roc_auc"].dropna()
    result = {
        "accuracy": np.mean(probabilities.argmax(axis=1) == labels),
        "balanced_accuracy": present["recall"].mean(),
        **{f"macro_{name}": present[name].mean() for name in ("precision", "recall", "f1")},
        **{f"weighted_{name}": (present[name] * weights).sum() for name in ("precision", "recall", "f1")},
        "roc_auc": areas.mean() if len(areas) else np.nan,
        "log_loss": log_loss(labels, probabilities, labels=np.arange(len(classes))),
        "ece": expected_calibration_error(calibration(labels, probabilities, classes)),
    }
    return {name: float(value) for name, value in result.items()} | {"n": len(labels)}


def per_class(labels, probabilities, classes):
    """Precision, recall, F1, number of images and ROC area of each class.

    Returns: DataFrame, index the classes in their order, columns precision, recall, f1, support (int) and roc_auc. A
        class that is never predicted has precision 0; a class without an image has support 0 and nan elsewhere.

    Example:
        >>> probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
        >>> per_class([0, 1, 1, 1], probabilities, ("happy", "sad"))["recall"].round(2).to_dict()
        {'happy': 1.0, 'sad': 0.67}
    """
    labels, probabilities, classes = checked(labels, probabilities, classes)
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
        normalize: True for the ratio of each true class, so that rows sum to 1 (nan where a class has no image).
    Returns: DataFrame (k, k), rows the true class, columns the predicted one; int64 counts or float64 ratios.

    Example:
        >>> probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
        >>> confusion([0, 1, 1, 1], probabilities, ("happy", "sad")).to_numpy().tolist()
        [[1, 0], [1, 2]]
    """
    labels, probabilities, classes = checked(labels, probabilities, classes)
    counts = confusion_matrix(labels, probabilities.argmax(axis=1), labels=np.arange(len(classes))).astype(np.int64)
    table = pd.DataFrame(counts, index=pd.Index(classes, name="true"), columns=pd.Index(classes, name="predicted"))
    if not normalize:
        return table
    sums = table.sum(axis=1)
    return table.div(sums.where(sums > 0), axis=0)


def most_confused(labels, probabilities, classes, top=10):
    """The pairs of classes that are confused most often.

    Args:
        top: at most this many pairs.
    Returns: DataFrame, columns true, predicted, count and ratio (of the true class's images), most frequent first;
        pairs that never occur are left out, so that a faultless model gives an empty table.
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

    Returns: dict, class -> (false positive rates, true positive rates, area), two float arrays of equal length that run
        from 0 to 1 and a float. Empty arrays and nan for a class without an image, or with all of them.

    ROC curves: Fawcett 2006.
    """
    labels, probabilities, classes = checked(labels, probabilities, classes)
    curves = {}
    for k, name in enumerate(classes):
        positive = labels == k
        if positive.all() or not positive.any():
            curves[name] = (np.empty(0), np.empty(0), np.nan)
            continue
        false_positive, true_positive, _ = roc_curve(positive, probabilities[:, k])
        curves[name] = (false_positive, true_positive, _area(positive, probabilities[:, k]))
    return curves


def _area(positive, scores):
    """Area under the ROC curve, nan where one of the two sides has no image."""
    return np.nan if positive.all() or not positive.any() else float(roc_auc_score(positive, scores))


def classification_report(per_class, metrics):
    """Precision, recall, F1 and ROC area of each class, with accuracy and averages.

    Args:
        per_class: DataFrame of `per_class`.
        metrics: dict of `metrics`, of the same predictions.
    Returns: DataFrame, index the classes, "accuracy", "macro average" and "weighted average"; columns precision,
        recall, f1, support (int) and roc_auc. Accuracy stands in the column f1, as scikit-learn's report has it.

    Example:
        >>> scored = [0, 1, 1, 1], np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]]), ("happy", "sad")
        >>> classification_report(per_class(*scored), metrics(*scored))["f1"].round(2).to_dict()
        {'happy': 0.67, 'sad': 0.8, 'accuracy': 0.75, 'macro average': 0.73, 'weighted average': 0.77}
    """
    table = per_class[["precision", "recall", "f1", "support", "roc_auc"]].copy()
    nan = float("nan")
    table.loc["accuracy"] = [nan, nan, metrics["accuracy"], metrics["n"], nan]
    for kind, area in (("macro", metrics["roc_auc"]), ("weighted", nan)):
        scores = [metrics[f"{kind}_{name}"] for name in ("precision", "recall", "f1")]
        table.loc[f"{kind} average"] = [*scores, metrics["n"], area]
    return table.astype({"support": np.int64})
