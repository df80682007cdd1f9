"""Predictions that are what they should be, before anything is computed from them."""

import numpy as np

from fer_tf.errors import InputError


def checked(labels, probabilities, classes=None):
    """Labels, probabilities and classes in one form.

    Args:
        classes: names of the k classes; their numbers by default.
    Returns: (int64 array (n,), float64 array (n, k) whose rows sum to 1, tuple of k).
    Raises InputError: something does not fit; one line says what.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    if probabilities.ndim != 2 or probabilities.shape[1] < 2:
        raise InputError(f"probabilities of shape {probabilities.shape}, expected (images, classes).")
    n, k = probabilities.shape
    classes = tuple(range(k)) if classes is None else tuple(classes)
    if labels.shape != (n,):
        raise InputError(f"labels of shape {labels.shape} for {n:,} rows of probabilities; give one each.")
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
        raise InputError(f"probabilities of type {probabilities.dtype}, expected numbers 0 to 1.")
    probabilities = probabilities.astype(np.float64)
    finite = np.isfinite(probabilities).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise InputError(f"probabilities, row {row}: not a finite number. Training diverged; lower its learning rate.")
    sums = probabilities.sum(axis=1)
    wrong = (probabilities < 0).any(axis=1) | (np.abs(sums - 1) > 1e-3)
    if wrong.any():
        row = int(np.argmax(wrong))
        values = f"smallest {probabilities[row].min():.4g}, sum {sums[row]:.4g}"
        raise InputError(f"probabilities, row {row}: {values}, expected at least 0 and sum 1. Apply a softmax.")
    return labels.astype(np.int64), probabilities / sums[:, None], classes
