"""Minority classes brought up to the majority by copies of their images, without making one of them in advance.

The copies are a list of rows; what a copy looks like is drawn when its batch is asked for, from (seed, epoch, place in
that list). Validation and test images are nobody's business here: only what a training is given is copied.
"""

import numpy as np
import pandas as pd

from fer_tf.backend import keras
from fer_tf.errors import InputError
from fer_tf.training import augmentation

BALANCES = ("none", "copies", "augmented_copies")


def rows_with_copies(labels, k):
    """Rows in which every class comes as often as the most frequent one.

    Args:
        labels: int array (n,), 0 to k-1.
        k: number of classes.

    Returns:
        int64 array (m,): 0 to n-1 in order, then the copies, class by class. No image is copied once more before every
        other of its class has been. A class without an image stays without.
    """
    labels = np.asarray(labels)
    counts = np.bincount(labels, minlength=k)
    copies = [np.resize(np.flatnonzero(labels == c), counts.max() - counts[c]) for c in range(k) if counts[c]]
    return np.concatenate([np.arange(len(labels)), *copies]).astype(np.int64)


def counts(dataset, balance="augmented_copies"):
    """How many images of each class an epoch shows, as they are and with the copies.

    Args:
        dataset: `Dataset` of the training.
        balance: one of `BALANCES`.

    Returns:
        DataFrame of int, index the classes, columns before and after.
    """
    _check(balance)
    k = len(dataset.classes)
    before = np.bincount(dataset.labels, minlength=k)
    after = (
        before if balance == "none" else np.bincount(dataset.labels[rows_with_copies(dataset.labels, k)], minlength=k)
    )
    return pd.DataFrame({"before": before, "after": after}, index=pd.Index(dataset.classes, name="class"))


def batches(dataset, batch_size, channels, recipe="none", seed=0, balance="none"):
    """Training batches, see `augmentation.Batches`, with or without copies.

    Args:
        dataset, batch_size, channels, seed: as of `augmentation.Batches`.
        recipe: augmentation's name or mapping.
        balance: "none", each image once an epoch; "copies", of the smaller classes' images more often, every one of them
            through the recipe; "augmented_copies", each image as it is and only the copies through the recipe.

    Raises:
        InputError: an unknown balance, or augmented copies without a recipe.
    """
    _check(balance)
    if balance == "none":
        return augmentation.Batches(dataset, batch_size, channels, recipe, seed)
    if balance == "augmented_copies" and not augmentation.recipe(recipe):
        raise InputError("balance 'augmented_copies' with augmentation 'none': name a recipe, or balance by 'copies'.")
    return BalancedBatches(dataset, batch_size, channels, recipe, seed, only_copies=balance == "augmented_copies")


class BalancedBatches(augmentation.Batches):
    """Batches in which every class comes as often as the most frequent one.

    Args:
        only_copies: augment the copies alone, and show each image itself once an epoch as it is.
        dataset, batch_size, channels, augmentation, seed: as of `augmentation.Batches`.
    """

    def __init__(self, dataset, batch_size, channels, augmentation="none", seed=0, only_copies=False):
        super().__init__(dataset, batch_size, channels, augmentation, seed)
        self.rows = rows_with_copies(dataset.labels, len(dataset.classes))
        self.first_augmented = len(dataset) if only_copies else 0

    def __len__(self):
        return -(-len(self.rows) // self.batch_size)

    def __getitem__(self, batch):
        order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.rows))
        places = np.sort(order[batch * self.batch_size : (batch + 1) * self.batch_size])
        images = np.float32(self.dataset.images[self.rows[places]])
        drawn = places >= self.first_augmented
        if self.augment and drawn.any():
            images[drawn] = self.augment(images[drawn], [(self.seed, self.epoch, place) for place in places[drawn]])
        labels = keras.utils.to_categorical(self.dataset.labels[self.rows[places]], len(self.dataset.classes))
        return augmentation.with_channels(images, self.channels).astype(np.float32), labels


def _check(balance):
    if balance not in BALANCES:
        raise InputError(f"unknown balance '{balance}'; choose one of {', '.join(BALANCES)}.")
