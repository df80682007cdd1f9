"""Training batches that follow from (seed, epoch, index) alone: the same after a resume, and with any number of workers."""

import numpy as np

from fer_tf.backend import keras
from fer_tf.datasets.arrays import with_channels


class Batches(keras.utils.PyDataset):
    """A dataset in shuffled batches, for `keras.Model.fit(..., shuffle=False)`.

    Args:
        dataset: `Dataset`; the order of its images is shuffled anew in every epoch.
        batch_size: images per batch; the last batch of an epoch may be smaller.
        channels: 1 or 3, what the model takes; gray images are repeated.
        augment: `Augmenter`, or None.
        rows: int array of the dataset's rows that an epoch shows, such as `oversampling.oversampled_indices`; all by
            default.
        augmented_from: place in `rows` from which on images are augmented; 0 augments all.

    Each item is (images float32 (b, h, w, channels) in 0-255, one-hot labels float32 (b, k)). `epoch` is set by
    `Checkpoint`.
    """

    def __init__(self, dataset, batch_size, channels=3, augment=None, seed=0, rows=None, augmented_from=0):
        super().__init__(workers=1)
        self.dataset, self.batch_size, self.channels, self.augment, self.seed = (
            dataset,
            batch_size,
            channels,
            augment,
            seed,
        )
        self.rows = np.arange(len(dataset)) if rows is None else rows
        self.augmented_from, self.epoch = augmented_from, 0

    def __len__(self):
        return -(-len(self.rows) // self.batch_size)

    def __getitem__(self, batch):
        order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.rows))
        places = np.sort(order[batch * self.batch_size : (batch + 1) * self.batch_size])
        images = np.float32(self.dataset.images[self.rows[places]])
        chosen = places >= self.augmented_from
        if self.augment and chosen.any():
            images[chosen] = self.augment(images[chosen], [(self.seed, self.epoch, place) for place in places[chosen]])
        labels = keras.utils.to_categorical(self.dataset.labels[self.rows[places]], len(self.dataset.classes))
        return with_channels(images, self.channels).astype(np.float32), labels


def arrays(dataset, channels=3):
    """A `Dataset` of n images as `fit(validation_data=...)` takes it.

    Returns: (images uint8 (n, h, w, channels), one-hot labels float32 (n, k)).
    """
    images = np.ascontiguousarray(with_channels(np.asarray(dataset.images), channels))
    return images, keras.utils.to_categorical(dataset.labels, len(dataset.classes))
