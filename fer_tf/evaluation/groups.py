"""Accuracy for groups of people that a dataset tells apart, such as by age, gender or race."""

import numpy as np
import pandas as pd

from fer_tf.evaluation.comparison import accuracy_interval


def accuracy_by_group(labels, probabilities, groups):
    """How often a network is right in each group, over all its images and as the mean over the classes.

    Args:
        labels: int array (n,), 0 to k-1.
        probabilities: float array (n, k), rows sum to 1.
        groups: dict of an attribute's name to a str array (n,), see `attributes.load`.
    Returns: DataFrame with the columns attribute, group, n, accuracy, low, high (95% Wilson interval) and
        balanced_accuracy, a row for each group. Emotions are not equally frequent in all groups: the last column is that
        of classes with equal weight, of those that the group has.

    Example:
        >>> table = accuracy_by_group([0, 1, 1], np.eye(2)[[0, 1, 0]], {"age": np.array(["young", "old", "old"])})
        >>> table[["group", "n", "accuracy"]].to_dict("list")
        {'group': ['old', 'young'], 'n': [2, 1], 'accuracy': [0.5, 1.0]}
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    right = probabilities.argmax(axis=1) == labels
    rows = []
    for attribute, values in groups.items():
        for group in np.unique(values):
            of = values == group
            by_class = [right[of & (labels == k)].mean() for k in np.unique(labels[of])]
            interval = accuracy_interval(labels[of], probabilities[of])
            rows.append((attribute, str(group), int(of.sum()), right[of].mean(), *interval, np.mean(by_class)))
    columns = ["attribute", "group", "n", "accuracy", "low", "high", "balanced_accuracy"]
    return pd.DataFrame(rows, columns=columns)
