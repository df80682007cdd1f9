"""What a classifier without a network looks at: pixels, gradients (HOG), visual words (dense SIFT).

Each feature is a scikit-learn transformer from uint8 images (n, h, w, c) to float32 vectors (n, d), so that it goes into a
`Pipeline` with PCA and a classifier; OpenCV does the work on pixels. `cached` keeps a dataset's features by content.
"""

import hashlib
import json

import cv2
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import MiniBatchKMeans

from fer_tf import paths
from fer_tf.errors import InputError

BATCH = 2048
"""Images at a time: what lies between pixels and features is never whole in memory."""


class _Features(TransformerMixin, BaseEstimator):
    """A feature that needs no fitting: a subclass says what `_of` a grey image (h, w) is its vector."""

    def fit(self, images, labels=None):
        _check(images)
        return self

    def transform(self, images):
        """uint8 images (n, h, w, 1 or 3) to a float32 array (n, d)."""
        _check(images)
        return np.concatenate([self._rows(grey) for grey in _batches(images)])

    def _rows(self, grey):
        return np.stack([self._of(image) for image in grey]).astype(np.float32)

    def __sklearn_is_fitted__(self):
        return True


class Pixels(_Features):
    """The pixels themselves, 0 to 1, of the image made smaller.

    Args:
        size: int, side in pixels.
    """

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

    def _rows(self, grey):
        height, width = grey.shape[1:]
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
        return np.stack([descriptor.compute(image).ravel() for image in grey])


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

    def describe(self, grey):
        """Descriptors of uint8 images (n, h, w): float32 array (n, m, 128), each of length one."""
        points = [cv2.KeyPoint(x, y, size, 0) for x, y, size in self.grid(*grey.shape[1:]).tolist()]
        sift = cv2.SIFT_create()
        found = np.stack([sift.compute(image, points)[1] for image in grey])
        return np.sqrt(found / np.maximum(found.sum(axis=-1, keepdims=True), 1e-7))

    def _rows(self, grey):
        return self.describe(grey).reshape(len(grey), -1)


class VisualWords(TransformerMixin, BaseEstimator):
    """How often each visual word occurs in each cell of a spatial pyramid (Lazebnik, Schmid and Ponce 2006).

    The words are the k-means centres of the training images' dense SIFT descriptors. A descriptor speaks for its nearest
    words, by their distance (soft assignment, van Gemert et al. 2008). Histograms are square-rooted and have length one.

    Args:
        words: int, size of the vocabulary.
        levels: cells along each side of the pyramid's levels.
        nearest: int, words that a descriptor speaks for.
        step, sizes: see `DenseSift`.
        seed: int.
    """

    def __init__(self, words=256, levels=(1, 2, 4), nearest=5, step=4, sizes=(3, 5), seed=0):
        self.words, self.levels, self.nearest = words, levels, nearest
        self.step, self.sizes, self.seed = step, sizes, seed

    def fit(self, images, labels=None):
        _check(images)
        sift, rng = DenseSift(self.step, self.sizes), np.random.default_rng(self.seed)
        some = np.sort(rng.permutation(len(images))[: min(len(images), 3000)])
        found = np.concatenate([sift.describe(grey).reshape(-1, 128) for grey in _batches(images[some])])
        found = found[rng.permutation(len(found))[:200_000]]
        if len(found) < self.words:
            raise InputError(
                f"{len(found)} descriptors for {self.words} visual words; take fewer words or more images."
            )
        kmeans = MiniBatchKMeans(self.words, batch_size=8192, n_init=1, max_iter=60, random_state=self.seed)
        self.vocabulary_ = kmeans.fit(found).cluster_centers_.astype(np.float32)
        return self

    def transform(self, images):
        """uint8 images (n, h, w, 1 or 3) to a float32 array (n, words * cells of all levels)."""
        _check(images)
        return np.concatenate([self._pyramids(grey) for grey in _batches(images, BATCH // 8)])

    def _pyramids(self, grey):
        sift = DenseSift(self.step, self.sizes)
        found = sift.describe(grey)
        n, m, _ = found.shape
        # Squared distance to each word, all but the descriptor's own constant length.
        distance = (self.vocabulary_**2).sum(axis=1) - 2 * (found.reshape(n * m, 128) @ self.vocabulary_.T)
        near = np.argpartition(distance, self.nearest, axis=1)[:, : self.nearest]
        strength = np.take_along_axis(distance, near, axis=1)
        strength = np.exp(-10 * (strength - strength.min(axis=1, keepdims=True)))
        strength /= strength.sum(axis=1, keepdims=True)
        place = sift.grid(*grey.shape[1:])[:, :2] / np.array(grey.shape[1:][::-1])
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


class Joined(TransformerMixin, BaseEstimator):
    """Several features side by side, each brought to the same mean length first.

    Args:
        parts: list of transformers.
    """

    def __init__(self, parts):
        self.parts = parts

    def fit(self, images, labels=None):
        fitted = [part.fit(images, labels) for part in self.parts]
        some = images[:: max(1, len(images) // 500)]
        self.scales_ = [1 / max(1e-7, np.linalg.norm(part.transform(some), axis=1).mean()) for part in fitted]
        return self

    def transform(self, images):
        """uint8 images (n, h, w, 1 or 3) to a float32 array (n, the sum of the parts' lengths)."""
        pairs = zip(self.parts, self.scales_, strict=True)
        return np.concatenate([part.transform(images) * np.float32(scale) for part, scale in pairs], axis=1)


def create(name):
    """A feature by name: "pixels", "hog", "sift" (visual words), or several joined by "+", such as "hog+sift".

    Raises:
        InputError: an unknown name.
    """
    known = {"pixels": Pixels, "hog": Hog, "sift": VisualWords}
    names = name.split("+")
    for part in names:
        if part not in known:
            raise InputError(f"unknown feature '{part}'; known are {', '.join(known)}, joined by '+'.")
    return known[name]() if len(names) == 1 else Joined([known[part]() for part in names])


def mirrored(images):
    """Images with left and right exchanged."""
    return np.asarray(images)[:, :, ::-1]


def cached(feature, images, fitted_on="", folder=None):
    """A feature of images, computed once and kept by content.

    Args:
        feature: transformer, already fitted.
        images: uint8 array (n, h, w, c).
        fitted_on: str, what tells two fits of the same feature apart, such as the training data's hash.
        folder: Path; data/prepared/features by default.

    Returns:
        float32 array (n, d), a read-only memory map.
    """
    folder = folder or paths.prepared("features")
    told = json.dumps([type(feature).__name__, feature.get_params(), fitted_on, list(images.shape)], default=repr)
    digest = hashlib.sha256(told.encode())
    for start in range(0, len(images), BATCH):
        digest.update(np.ascontiguousarray(images[start : start + BATCH]))
    path = folder / f"{digest.hexdigest()[:32]}.npy"
    try:
        return np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):  # not there yet, or damaged: computed (again)
        pass
    found = feature.transform(images)
    with paths.writing(path) as part, part.open("wb") as file:
        np.save(file, found)
    return np.load(path, mmap_mode="r")


def _check(images):
    if not (isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.ndim == 4 and len(images)):
        told = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        raise InputError(f"features are of uint8 images (n, height, width, channels), got {told}.")


def _batches(images, size=BATCH):
    """Grey uint8 images (b, h, w), `size` at a time."""
    for start in range(0, len(images), size):
        batch = np.ascontiguousarray(images[start : start + size])
        if batch.shape[-1] == 3:
            yield np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in batch])
        else:
            yield batch[..., 0]
