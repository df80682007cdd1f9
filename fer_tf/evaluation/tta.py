"""Test-time augmentation: several views of an image are classified and their probabilities combined.

Views are callables from a batch of images to a batch of the same shape; random ones are reproducible.
"""

from functools import partial

import numpy as np

from fer_tf.datasets.arrays import mirror
from fer_tf.errors import InputError
from fer_tf.models import predict
from fer_tf.training import Augmenter, recipe


def identity(images):
    """The images as they are."""
    return images


def shift(images, down=0, right=0):
    """The images moved by whole pixels, the border repeated.

    Args:
        images: array (n, h, w, c).
        down, right: pixels, negative for up and left.
    Returns: array of the same shape and dtype.
    """
    height, width = images.shape[1:3]
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return images[:, rows][:, :, columns]


def random_views(n, augmentation="five_layer_paper", seed=0):
    """Views that draw one random transform for each image.

    Args:
        n: number of views.
        augmentation: name of a recipe, see `training.RECIPES`; its random erasing is left out.
        seed: int. View v of image i is a function of (seed, v, i).
    Returns: list of n callables.
    Raises InputError: n is below 1, or the recipe is unknown.
    """
    if n < 1:
        raise InputError(f"{n} views; test-time augmentation needs at least 1.")
    geometry, photometry = recipe(augmentation)
    augment = Augmenter(geometry, **{**photometry, "erasing": 0.0})

    def view(images, number):
        return augment(images, [(seed, number, i) for i in range(len(images))])

    return [partial(view, number=number) for number in range(n)]


def flips_and_shifts(pixels=2):
    """The deterministic views: the image and its mirror image, in place and moved up, down, left and right.

    Args:
        pixels: how far.
    Returns: list of 10 callables, the first of which is the identity.
    """
    moves = [(0, 0), (pixels, 0), (-pixels, 0), (0, pixels), (0, -pixels)]
    shifts = [identity if move == (0, 0) else partial(shift, down=move[0], right=move[1]) for move in moves]
    return shifts + [partial(_flipped, then=move) for move in shifts]


def view_probabilities(model, images, views):
    """Class probabilities of each view of each image.

    Args:
        model: keras.Model, images (n, h, w, c) in 0-255 to probabilities (n, k).
        images: uint8 or float array (n, h, w, c), 0-255.
        views: callables, each mapping a batch of images to a batch of the same shape.
    Returns: float32 array (views, n, k); rows sum to 1.
    Raises InputError: views is empty.
    """
    if not views:
        raise InputError("no views given; test-time augmentation needs at least 1.")
    images = np.asarray(images)
    return np.stack([predict(model, view(images)) for view in views])


def combine(probabilities, rule="mean"):
    """Combines the views' probabilities.

    Args:
        probabilities: float array (views, n, k).
        rule: "mean" of the probabilities, or "geometric" mean.
    Returns: float32 array (n, k), rows sum to 1.
    Raises InputError: an unknown rule.

    Averaging over augmented views: Krizhevsky et al. 2012, section 4.1.

    Example:
        >>> views = np.array([[[0.9, 0.1]], [[0.4, 0.6]]])  # two views of one image, two classes
        >>> [round(float(share), 2) for share in combine(views)[0]]
        [0.65, 0.35]
    """
    if rule == "mean":
        combined = probabilities.mean(axis=0, dtype=np.float64)
    elif rule == "geometric":
        combined = np.exp(np.log(np.maximum(probabilities, 1e-12, dtype=np.float64)).mean(axis=0))
    else:
        raise InputError(f"unknown rule '{rule}'; choose mean or geometric.")
    return (combined / combined.sum(axis=1, keepdims=True)).astype(np.float32)


def test_time_probabilities(model, images, views, rule="mean"):
    """Class probabilities of each image, combined over several views of it: `combine` of `view_probabilities`.

    Returns: float32 array (n, k), rows sum to 1.
    """
    return combine(view_probabilities(model, images, views), rule)


test_time_probabilities.__test__ = False  # not a test, whatever its name says to pytest


def accuracy_over_views(probabilities, labels, rule="mean"):
    """Accuracy when only the first 1, 2, ... views are combined.

    Args:
        probabilities: float array (views, n, k).
        labels: int array (n,).
        rule: see `combine`.
    Returns: DataFrame with the columns n and accuracy, one row per number of views.
    """
    import pandas as pd

    counts = range(1, len(probabilities) + 1)
    accuracies = [float(np.mean(combine(probabilities[:n], rule).argmax(axis=1) == labels)) for n in counts]
    return pd.DataFrame({"n": list(counts), "accuracy": accuracies})


def _flipped(images, then):
    return then(mirror(images))
