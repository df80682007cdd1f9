"""What the pixels of a dataset's images are like: histograms and mean faces, in one pass over pieces of the array.

A prepared dataset may be a memory map larger than memory, so nothing here holds more than a few megabytes of it.
"""

import numpy as np

LEVELS = 256
_PIECE = 4 * 2**20  # bytes of images taken at once; np.bincount needs eight times that
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as OpenCV and Pillow turn colour to grey


def grey(images):
    """Images as grey ones.

    Args:
        images: uint8 array (n, h, w, c), c 1 or 3.

    Returns:
        uint8 array (n, h, w).
    """
    images = np.asarray(images)
    if images.shape[-1] == 1:
        return images[..., 0]
    return np.rint(images @ _LUMA).astype(np.uint8)


def histogram(dataset):
    """How many pixels of each class have each grey level.

    Args:
        dataset: Dataset with images uint8 (n, h, w, c).

    Returns:
        int64 array (k, 256), rows the classes.
    """
    counts = np.zeros((len(dataset.classes), LEVELS), dtype=np.int64)
    for images, labels in _pieces(dataset):
        for k in np.unique(labels):
            counts[k] += np.bincount(images[labels == k].ravel(), minlength=LEVELS)
    return counts


def mean_faces(dataset):
    """The mean of each class's images, pixel by pixel.

    Args:
        dataset: Dataset with images uint8 (n, h, w, c).

    Returns:
        float64 array (k, h, w), 0 to 255; nan for a class without an image.
    """
    sums = np.zeros((len(dataset.classes), *dataset.images.shape[1:3]))
    for images, labels in _pieces(dataset):
        for k in np.unique(labels):
            sums[k] += images[labels == k].sum(axis=0, dtype=np.int64)
    counts = np.bincount(dataset.labels, minlength=len(dataset.classes)).astype(float)
    return sums / np.where(counts > 0, counts, np.nan)[:, None, None]


def moments(counts):
    """Mean and standard deviation of a histogram over grey levels.

    Args:
        counts: int array (256,).

    Returns:
        (mean, standard deviation), floats; nan for an empty histogram.
    """
    total = counts.sum()
    if total == 0:
        return np.nan, np.nan
    levels = np.arange(LEVELS)
    mean = float((counts * levels).sum() / total)
    return mean, float(np.sqrt((counts * (levels - mean) ** 2).sum() / total))


def _pieces(dataset):
    """Grey images (m, h, w) with their labels, a few megabytes at a time, in the order of the file."""
    step = max(1, _PIECE // max(1, int(np.prod(dataset.images.shape[1:]))))
    for start in range(0, len(dataset.labels), step):
        yield grey(dataset.images[start : start + step]), np.asarray(dataset.labels[start : start + step])
