"""Label noise: images whose label a cross-validated model contradicts with confidence.

The model must not have learned from the images that it judges: give out-of-fold probabilities.
"""

import numpy as np
import pandas as pd

from fer_tf.evaluation.checks import checked


def confident_joint(labels, probabilities):
    """How many images of each given label are confidently of each class.

    An image counts for a class if its probability is at least the mean probability that images of that label are given for
    it; of several such classes, for the likeliest.

    Args:
        labels: int array (n,), as given, 0 to k-1.
        probabilities: float array (n, k), out of fold, rows sum to 1.
    Returns: (joint, confident): int array (k, k), rows the given label; and int array (n,), the class of each image, -1 where
        none is confident.
    Raises InputError: as `metrics`.

    Confident learning: Northcutt, Jiang and Chuang 2021, section 3.1, equations 1 and 2.
    """
    labels, probabilities, classes = checked(labels, probabilities)
    k = len(classes)
    thresholds = np.array([probabilities[labels == j, j].mean() if np.any(labels == j) else np.inf for j in range(k)])
    above = np.where(probabilities >= thresholds, probabilities, -1.0)
    confident = np.where(above.max(axis=1) >= 0, above.argmax(axis=1), -1)
    joint = np.zeros((k, k), np.int64)
    np.add.at(joint, (labels[confident >= 0], confident[confident >= 0]), 1)
    return joint, confident


def suspects(labels, probabilities, classes, ids):
    """Images that are confidently of another class than their label, the most suspicious first.

    Args:
        labels: int array (n,), as given, 0 to k-1.
        probabilities: float array (n, k), out of fold, rows sum to 1.
        classes: k class names.
        ids: n names of the images.
    Returns: DataFrame with the columns row (place in the arrays), id, label, suggested, probability (of the suggested class) and
        margin (that probability less the label's, by which they are ordered). A list to look at: a model's error looks the same.
    Raises InputError: as `metrics`.
    """
    labels, probabilities, classes = checked(labels, probabilities, classes)
    _, confident = confident_joint(labels, probabilities)
    rows = np.flatnonzero((confident >= 0) & (confident != labels))
    probability = probabilities[rows, confident[rows]]
    margin = probability - probabilities[rows, labels[rows]]
    names = np.asarray(classes, dtype=object)
    columns = {
        "row": rows,
        "id": np.asarray(ids)[rows],
        "label": names[labels[rows]],
        "suggested": names[confident[rows]],
    }
    table = pd.DataFrame(columns | {"probability": probability, "margin": margin})
    return table.sort_values("margin", ascending=False, kind="stable").reset_index(drop=True)
