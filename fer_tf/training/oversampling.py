"""Oversampling: images of the smaller classes shown more often, until every class comes as often as the largest.

The repeats are a list of rows. What a repeat looks like is drawn when its batch is made, from (seed, epoch, place in that
list). Only the training split is ever oversampled.
"""

import numpy as np
import pandas as pd

from fer_tf.errors import InputError, choose
from fer_tf.training.augmentation import augmenter
from fer_tf.training.batches import Batches

BALANCES = ("none", "oversample", "oversample_augmented")
"""none: each image once an epoch. oversample: smaller classes repeated, every image augmented by the recipe.
oversample_augmented: each image once as it is, and its repeats augmented."""


def oversampled_indices(labels, k):
    """Rows in which every class comes as often as the most frequent one.

    Args:
        labels: int array (n,), 0 to k-1.
        k: number of classes.
    Returns: int64 array (m,): 0 to n-1 in order, then the repeats, class by class. No image is repeated once more
        before every other of its class has been. A class without an image stays without.

    Example:
        >>> oversampled_indices([0, 0, 0, 1], 2).tolist()
        [0, 1, 2, 3, 3, 3]
    """
    labels = np.asarray(labels)
    counts = np.bincount(labels, minlength=k)
    repeats = [np.resize(np.flatnonzero(labels == c), counts.max() - counts[c]) for c in range(k) if counts[c]]
    return np.concatenate([np.arange(len(labels)), *repeats]).astype(np.int64)


def counts(dataset, balance="oversample_augmented"):
    """How many images of each class an epoch of a training shows: DataFrame of int, index the classes, columns before and
    after balancing by one of `BALANCES`.
    """
    choose("balance", balance, BALANCES)
    k = len(dataset.classes)
    rows = slice(None) if balance == "none" else oversampled_indices(dataset.labels, k)
    columns = {"before": dataset.labels, "after": dataset.labels[rows]}
    columns = {name: np.bincount(labels, minlength=k) for name, labels in columns.items()}
    return pd.DataFrame(columns, index=pd.Index(dataset.classes, name="class"))


def batches(dataset, batch_size, channels=3, augmentation="none", seed=0, balance="none"):
    """`Batches` by names: of a recipe of `RECIPES`, and of one of `BALANCES`.

    Raises InputError: an unknown name, or augmented repeats without a recipe.
    """
    choose("balance", balance, BALANCES)
    augment = augmenter(augmentation)
    if balance == "none":
        return Batches(dataset, batch_size, channels, augment, seed)
    if balance == "oversample_augmented" and augment is None:
        raise InputError("balance 'oversample_augmented' needs an augmentation; or take 'oversample'.")
    rows = oversampled_indices(dataset.labels, len(dataset.classes))
    augmented_from = len(dataset) if balance == "oversample_augmented" else 0
    return Batches(dataset, batch_size, channels, augment, seed, rows, augmented_from)
