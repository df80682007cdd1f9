"""Batches whose labels are shares of classes: pairs of images mixed, and what a teacher says of an image."""

import numpy as np

from fer_tf.errors import InputError
from fer_tf.training.batches import Batches


class MixedBatches(Batches):
    """`Batches` in which half of the batches are mixed with themselves in another order, their labels likewise.

    Args:
        *arguments, **options: of `Batches`.
        mixup: alpha of the share's Beta(alpha, alpha) distribution; the images are averaged (Zhang et al. 2018). 0 is none.
        cutmix: alpha likewise; a rectangle of that share is exchanged (Yun et al. 2019). 0 is none. With both, each mixed
            batch takes one of them.
        targets: float array (n, k), rows sum to 1, in place of the dataset's labels, such as `distilled`'s; None for those.
    Raises InputError: targets of another shape than (images, classes).
    """

    def __init__(self, *arguments, mixup=0.0, cutmix=0.0, targets=None, **options):
        super().__init__(*arguments, **options)
        self.kinds = [(mix, alpha) for mix, alpha in ((_average, mixup), (_exchange, cutmix)) if alpha]
        expected = (len(self.dataset), len(self.dataset.classes))
        if targets is not None and np.shape(targets) != expected:
            raise InputError(f"targets of shape {np.shape(targets)} for {expected[0]} images of {expected[1]} classes.")
        self.targets = targets

    def __getitem__(self, batch):
        images, labels = super().__getitem__(batch)
        if self.targets is not None:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.rows))  # as `Batches` has it
            places = np.sort(order[batch * self.batch_size : (batch + 1) * self.batch_size])
            labels = self.targets[self.rows[places]].astype(np.float32)
        rng = np.random.default_rng((self.seed, self.epoch, batch))
        if self.kinds and rng.random() < 0.5:
            mix, alpha = self.kinds[rng.integers(len(self.kinds))]
            partner = rng.permutation(len(images))
            images, share = mix(images, images[partner], rng.beta(alpha, alpha), rng)
            labels = share * labels + (1 - share) * labels[partner]
        return images.astype(np.float32), labels.astype(np.float32)


def distilled(labels, classes, teacher, weight):
    """Labels softened by what a teacher says of the same images.

    Args:
        labels: int array (n,).
        classes: number of classes, k.
        teacher: float array (n, k), the teacher's probabilities.
        weight: the teacher's share, 0 to 1.
    Returns: float32 array (n, k), rows sum to 1.

    Knowledge distillation, Hinton et al. 2015, at temperature 1.

    Example:
        >>> distilled(np.array([1]), 2, np.array([[0.5, 0.5]]), weight=0.5).tolist()
        [[0.25, 0.75]]
    """
    return (weight * np.asarray(teacher) + (1 - weight) * np.eye(classes)[labels]).astype(np.float32)


def _average(images, others, share, rng):
    return share * images + (1 - share) * others, share


def _exchange(images, others, share, rng):
    height, width = images.shape[1:3]
    h, w = (round(side * np.sqrt(1 - share)) for side in (height, width))
    top, left = rng.integers(height - h + 1), rng.integers(width - w + 1)
    images = images.copy()
    images[:, top : top + h, left : left + w] = others[:, top : top + h, left : left + w]
    return images, 1 - h * w / (height * width)
