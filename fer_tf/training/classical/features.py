"""What a classifier without a network looks at: pixels, gradients (HOG), visual words (dense SIFT).

Each feature is a scikit-learn transformer from uint8 images (n, h, w, c) to float32 vectors (n, d), so that it goes into a
`Pipeline` with PCA and a classifier; OpenCV does the work on pixels. `vectors` computes them once.
"""

import cv2
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import MiniBatchKMeans
from sklearn.pipeline import FeatureUnion, make_pipeline

from fer_tf.errors import InputError, choose
from fer_tf.training.cache import cached

BATCH = 2048
"""Images at a time: what lies between pixels and features is never whole in memory."""


class _Features(TransformerMixin, BaseEstimator):
    """A feature that needs no fitting: a subclass says what `_of` a gray image (h, w) is its vector."""

    def fit(self, images, labels=None):
        _check(images)
        return self

    def transform(self, images):
        """uint8 images (n, h, w, 1 or 3) to a float32 array (n, d)."""
        _check(images)
        return np.concatenate([self._rows(gray) for gray in _batches(images)])

    def _rows(self, gray):
        return np.stack([self._of(image) for image in gray]).astype(np.float32)

    def __sklearn_is_fitted__(self):
        return True


class Pixels(_Features):
    """The pixels themselves, 0 to 1, of the image made smaller."""

    def __init__(self, size=48):
        self.size = size

    def _of(self, image):
        if image.shape != (self.size, self.size):
            image = cv2.resize(image, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return image.ravel() / np.float32(255)


class Hog(_Features):
    """Histograms of oriented gradients, normalized in overlapping blocks (Dalal and Triggs 2005).

    Args:
        cell: int, side of a cell in pixels.
        block: int, side of a block, a multiple of `cell`.
        step: int, pixels from one block to the next; blocks tile the image's sides at this step.
        bins: int, orientations.
        signed: orientations go from 0 to 360 degrees, not to 180: from dark to bright is another edge than from bright to dark.
    """

    def __init__(self, cell=8, block=16, step=4, bins=18, signed=True):
        self.cell, self.block, self.step, self.bins, self.signed = cell, block, step, bins, signed

    def _rows(self, gray):
        height, width = gray.shape[1:]
        left_over = [(side - self.block) % self.step for side in (height, width)]
        if self.block % self.cell or any(left_over) or min(height, width) < self.block:
            raise InputError(
                f"HOG with cells of {self.cell} and blocks of {self.block} pixels, {self.step} apart, does not tile images of "
                f"{width}x{height}. Choose a cell that divides the block, and a step that divides what the block leaves."
            )
        cell, block, step = ((side, side) for side in (self.cell, self.block, self.step))
        whole = (width, height)
        # The defaults of OpenCV, named because the last of them, signed orientations, has no other way to be given.
        descriptor = cv2.HOGDescriptor(whole, block, step, cell, self.bins, 1, -1, 0, 0.2, False, 64, self.signed)
        return np.stack([descriptor.compute(image).ravel() for image in gray])


class DenseSift(_Features):
    """SIFT descriptors on a regular grid, at several sizes (Lowe 2004), each as RootSIFT (Arandjelovic and Zisserman 2012).

    As a feature by itself the descriptors stand in a row; `VisualWords` takes them apart.

    Args:
        step: int, pixels from one grid point to the next.
        sizes: keypoint sizes in pixels; a descriptor reaches three to each side of the point.
    """

    def __init__(self, step=4, sizes=(3, 5)):
        self.step, self.sizes = step, sizes

    def grid(self, height, width):
        """Where the descriptors stand: float array (m, 3) of x, y and size."""
        ys, xs = (np.arange(self.step / 2, side, self.step) for side in (height, width))
        return np.array([(x, y, size) for size in self.sizes for y in ys for x in xs], np.float32)

    def describe(self, gray):
        """Descriptors of uint8 images (n, h, w): float32 array (n, m, 128), each of length one."""
        points = [cv2.KeyPoint(x, y, size, 0) for x, y, size in self.grid(*gray.shape[1:]).tolist()]
        sift = cv2.SIFT_create()
        result = np.stack([sift.compute(image, points)[1] for image in gray])
        return np.sqrt(result / np.maximum(result.sum(axis=-1, keepdims=True), 1e-7))

    def _rows(self, gray):
        return self.describe(gray).reshape(len(gray), -1)


class VisualWords(TransformerMixin, BaseEstimator):
    """How often each visual word occurs in each cell of a spatial pyramid (Lazebnik, Schmid and Ponce 2006).

    The words are the k-means centers of the training images' dense SIFT descriptors. Each descriptor is counted for its nearest
    words, weighted by their distance (soft assignment, van Gemert et al. 2008). Histograms are square-rooted and have length one.

    Args:
        words: int, size of the vocabulary.
        levels: cells along each side of the pyramid's levels.
        nearest: int, words that a descriptor is counted for.
        step, sizes: see `DenseSift`.
    """

    def __init__(self, words=256, levels=(1, 2, 4), nearest=5, step=4, sizes=(3, 5), seed=0):
        self.words, self.levels, self.nearest = words, levels, nearest
        self.step, self.sizes, self.seed = step, sizes, seed

    def fit(self, images, labels=None):
        _check(images)
        sift, rng = DenseSift(self.step, self.sizes), np.random.default_rng(self.seed)
        some = np.sort(rng.permutation(len(images))[: min(len(images), 3000)])
        result = np.concatenate([sift.describe(gray).reshape(-1, 128) for gray in _batches(images[some])])
        result = result[rng.permutation(len(result))[:200_000]]
        if len(result) < self.words:
            raise InputError(f"{len(result)} descriptors for {self.words} visual words; take fewer words.")
        kmeans = MiniBatchKMeans(self.words, batch_size=8192, n_init=1, max_iter=60, random_state=self.seed)
        self.vocabulary_ = kmeans.fit(result).cluster_centers_.astype(np.float32)
        return self

    def transform(self, images):
        """uint8 images (n, h, w, 1 or 3) to a float32 array (n, words * cells of all levels)."""
        _check(images)
        return np.concatenate([self._pyramids(gray) for gray in _batches(images, BATCH // 8)])

    def _pyramids(self, gray):
        sift = DenseSift(self.step, self.sizes)
        result = sift.describe(gray)
        n, m, _ = result.shape
        # Squared distance to each word, all but the descriptor's own constant length.
        distance = (self.vocabulary_**2).sum(axis=1) - 2 * (result.reshape(n * m, 128) @ self.vocabulary_.T)
        near = np.argpartition(distance, self.nearest, axis=1)[:, : self.nearest]
        strength = np.take_along_axis(distance, near, axis=1)
        strength = np.exp(-10 * (strength - strength.min(axis=1, keepdims=True)))
        strength /= strength.sum(axis=1, keepdims=True)
        place = sift.grid(*gray.shape[1:])[:, :2] / np.array(gray.shape[1:][::-1])
        image = np.repeat(np.arange(n), m)[:, None]
        parts = []
        for level in self.levels:
            cell = np.minimum((place * level).astype(int), level - 1)
            cell = np.tile(cell[:, 1] * level + cell[:, 0], n)[:, None]
            slot = (image * level**2 + cell) * self.words + near
            counts = np.bincount(slot.ravel(), strength.ravel(), minlength=n * level**2 * self.words)
            parts.append(counts.reshape(n, -1))
        pyramids = np.sqrt(np.concatenate(parts, axis=1))
        return (pyramids / np.maximum(np.linalg.norm(pyramids, axis=1, keepdims=True), 1e-7)).astype(np.float32)


class MeanLength(TransformerMixin, BaseEstimator):
    """Scales vectors so that their mean length is 1, for features that are to stand side by side."""

    def fit(self, vectors, labels=None):
        some = vectors[:: max(1, len(vectors) // 500)]
        self.scale_ = np.float32(1 / max(1e-7, np.linalg.norm(some, axis=1).mean()))
        return self

    def transform(self, vectors):
        """float array (n, d) to a float32 array (n, d)."""
        return vectors * self.scale_


FEATURES = {"pixels": Pixels, "hog": Hog, "sift": VisualWords}


def build(name):
    """A feature by name: "pixels", "hog", "sift" (visual words), or several joined by "+", such as "hog+sift".

    Returns: scikit-learn transformer, uint8 images (n, h, w, 1 or 3) to float32 vectors (n, d). Joined features stand
        side by side, each scaled to the same mean length.
    """
    parts = [(part, FEATURES[choose("feature", part, FEATURES)]()) for part in name.split("+")]
    if len(parts) == 1:
        return parts[0][1]
    return FeatureUnion([(part, make_pipeline(feature, MeanLength())) for part, feature in parts])


def vectors(feature, images):
    """A fitted feature of uint8 images (n, h, w, c), computed once for the same feature, images and code.

    Returns: float32 array (n, d), a read-only memory map.
    """
    return cached(_transformed, feature, np.ascontiguousarray(images), code=FEATURES.values())


def _transformed(feature, images):
    return feature.transform(images)


def _check(images):
    if not (isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.ndim == 4 and len(images)):
        message = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        raise InputError(f"features are of uint8 images (n, height, width, channels), got {message}.")


def _batches(images, size=BATCH):
    """Gray uint8 images (b, h, w), `size` at a time."""
    for start in range(0, len(images), size):
        batch = np.ascontiguousarray(images[start : start + size])
        if batch.shape[-1] == 3:
            yield np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in batch])
        else:
            yield batch[..., 0]
