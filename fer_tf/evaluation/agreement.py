"""Accuracy by how far people agree on an image: where annotators differ, no network can be right by all of them."""

import numpy as np
import pandas as pd

from fer_tf.evaluation.checks import checked
from fer_tf.evaluation.comparison import accuracy_interval

EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Shares of the votes between which images are put together."""


def accuracy_by_agreement(labels, probabilities, votes, columns=None, edges=EDGES):
    """How often a network is right on images that people agree on more or less.

    Args:
        labels: int array (n,), 0 to k-1.
        probabilities: float array (n, k), rows sum to 1.
        votes: float array (n, m), share of the votes of several people that each of m classes has.
        columns: int array (k,), the column of `votes` of each label; the labels' own order by default.
        edges: rising numbers from 0 to 1; an image lies in the bin up to and with whose edge the share of its most voted class is.
    Returns: DataFrame with the columns from, to (of the bin), n, accuracy, low, high (95% Wilson interval) and people: the mean share
        of the votes for the label, which is how often one of these people would be right. Empty bins are left out.

    Example:
        >>> votes = np.array([[1.0, 0.0], [0.4, 0.6]])
        >>> accuracy_by_agreement([0, 1], np.eye(2)[[0, 0]], votes)[["to", "n", "accuracy", "people"]].values.tolist()
        [[0.6, 1.0, 0.0, 0.6], [1.0, 1.0, 1.0, 1.0]]
    """
    labels, probabilities, _ = checked(labels, probabilities)
    votes = np.asarray(votes, np.float64)
    columns = np.arange(probabilities.shape[1]) if columns is None else np.asarray(columns)
    of_label = votes[np.arange(len(labels)), columns[labels]]
    bins = np.searchsorted(np.asarray(edges[1:-1]) + 1e-6, votes.max(axis=1))  # + 1e-6: float32 shares such as 0.6
    rows = []
    for place in np.unique(bins):
        of = bins == place
        right = np.mean(probabilities[of].argmax(axis=1) == labels[of])
        interval = accuracy_interval(labels[of], probabilities[of])
        rows.append((edges[place], edges[place + 1], int(of.sum()), right, *interval, of_label[of].mean()))
    return pd.DataFrame(rows, columns=["from", "to", "n", "accuracy", "low", "high", "people"])
