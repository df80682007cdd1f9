"""What the pixels of a dataset's images are like: histograms and mean faces, in one pass over pieces of the array.

A prepared dataset may be a memory map larger than memory, so nothing here holds more than a few megabytes of it.
"""

import numpy as np

from fer_tf.datasets.arrays import gray

LEVELS = 256
_PIECE = 4 * 2**20  # bytes of images taken at once; np.bincount needs eight times that


def histogram(dataset):
    """How many pixels of each class of a dataset have each gray level: int64 array (k, 256), rows the classes."""
    counts = np.zeros((len(dataset.classes), LEVELS), dtype=np.int64)
    for images, labels in _pieces(dataset):
        for k in np.unique(labels):
            counts[k] += np.bincount(images[labels == k].ravel(), minlength=LEVELS)
    return counts


def mean_faces(dataset):
    """The mean of each class's images, pixel by pixel: float64 array (k, h, w), 0 to 255; nan for a class without an image."""
    sums = np.zeros((len(dataset.classes), *dataset.images.shape[1:3]))
    for images, labels in _pieces(dataset):
        for k in np.unique(labels):
            sums[k] += images[labels == k].sum(axis=0, dtype=np.int64)
    counts = np.bincount(dataset.labels, minlength=len(dataset.classes)).astype(float)
    return sums / np.where(counts > 0, counts, np.nan)[:, None, None]


def moments(counts):
    """Mean and standard deviation of a histogram (256,) over gray levels, as floats; nan for an empty one."""
    total = counts.sum()
    if total == 0:
        return np.nan, np.nan
    levels = np.arange(LEVELS)
    mean = float((counts * levels).sum() / total)
    return mean, float(np.sqrt((counts * (levels - mean) ** 2).sum() / total))


def _pieces(dataset):
    """Gray images (m, h, w) with their labels, a few megabytes at a time, in the order of the file."""
    step = max(1, _PIECE // max(1, int(np.prod(dataset.images.shape[1:]))))
    for start in range(0, len(dataset.labels), step):
        yield gray(dataset.images[start : start + step]), np.asarray(dataset.labels[start : start + step])
