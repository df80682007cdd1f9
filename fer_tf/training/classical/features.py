"""What a classifier without a network looks at: pixels, gradients (HOG), dense SIFT as visual words or Fisher vectors.

Each feature is a scikit-learn transformer from uint8 images (n, h, w, c) to float32 vectors (n, d), so that it goes into a
`Pipeline` with PCA and a classifier; OpenCV does the work on pixels. `vectors` computes them once.
"""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import FeatureUnion, make_pipeline
from threadpoolctl import threadpool_limits

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

    A descriptor is a 4x4 square of cells with eight orientations each. All of an image come from eight maps of its gradients
    that are blurred to the width of a cell: a third of the time of `cv2.SIFT_create().compute` for the three sizes of Fisher
    vectors, and without that one's blur of 1.6 pixels before all else. As a feature by itself the descriptors stand in a row.

    Args:
        step: int, pixels from one grid point to the next.
        cells: int, widths of a cell in pixels, one for each size. Centers of cells of an odd width are rounded to even pixels:
            those of 7 stand 6, 8 and 6 apart.
    """

    def __init__(self, step=4, cells=(4, 7)):
        self.step, self.cells = step, cells

    def grid(self, height, width):
        """Where the descriptors stand: float32 array (m, 3) of x, y and the width of a cell, in pixels."""
        ys, xs = (np.arange(self.step // 2, side, self.step) for side in (height, width))
        return np.array([(x, y, cell) for cell in self.cells for y in ys for x in xs], np.float32)

    def describe(self, image):
        """Descriptors of a uint8 image (h, w): float32 array (m, 128), each of length one, or zero where nothing is to see."""
        ys, xs = (np.arange(self.step // 2, side, self.step) for side in image.shape)
        rows = [self._descriptors(image, cell, ys, xs) for cell in self.cells]
        return np.concatenate(rows).astype(np.float32)

    def _descriptors(self, image, cell, ys, xs):
        margin = 2 * cell
        image = cv2.copyMakeBorder(image, *[margin] * 4, cv2.BORDER_REPLICATE).astype(np.float32) / 255
        image = cv2.GaussianBlur(image, (0, 0), cell / 6)
        dx, dy = (cv2.Sobel(image, cv2.CV_32F, *axis, ksize=1) for axis in ((1, 0), (0, 1)))
        orientation = np.arctan2(dy, dx)[..., None] * (8 / (2 * np.pi)) - np.arange(8, dtype=np.float32)
        share = np.maximum(0, 1 - np.abs((orientation + 4) % 8 - 4))  # of the two nearest of eight orientations
        triangle = 1 - np.abs(np.arange(1 - cell, cell, dtype=np.float32)) / cell
        maps = cv2.sepFilter2D(np.hypot(dx, dy)[..., None] * share, -1, triangle, triangle)
        centers = np.rint((np.arange(4) - 1.5) * cell).astype(int) + margin
        ys, xs = ((at[:, None] + centers) for at in (ys, xs))
        result = maps[ys[:, None, :, None], xs[None, :, None, :]].reshape(-1, 128)
        # As Lowe: no single orientation is to outweigh the others.
        result = np.minimum(result / np.maximum(np.linalg.norm(result, axis=1, keepdims=True), 1e-4), 0.2)
        return np.sqrt(result / np.maximum(result.sum(axis=1, keepdims=True), 1e-7))

    def _of(self, image):
        return self.describe(image).ravel()


class VisualWords(TransformerMixin, BaseEstimator):
    """How often each visual word occurs in each cell of a spatial pyramid (Lazebnik, Schmid and Ponce 2006).

    The words are the k-means centers of the training images' dense SIFT descriptors. Each descriptor is counted for its nearest
    words, weighted by their distance (soft assignment, van Gemert et al. 2008). Histograms are square-rooted and have length one.

    Args:
        words: int, size of the vocabulary.
        levels: cells along each side of the pyramid's levels.
        nearest: int, words that a descriptor is counted for.
        step, cells: see `DenseSift`.
    """

    def __init__(self, words=256, levels=(1, 2, 4), nearest=5, step=4, cells=(4, 7), seed=0):
        self.words, self.levels, self.nearest = words, levels, nearest
        self.step, self.cells, self.seed = step, cells, seed

    def fit(self, images, labels=None):
        result, _ = _some_descriptors(DenseSift(self.step, self.cells), images, self.seed)
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
        sift = DenseSift(self.step, self.cells)
        result = np.stack([sift.describe(image) for image in gray])
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


class FisherVectors(TransformerMixin, BaseEstimator):
    """How an image's dense SIFT descriptors lie around the Gaussians of all images (Perronnin, Sánchez and Mensink 2010).

    Descriptors are shortened by a PCA, each with its place in the face beside it, which does what a pyramid's cells do with fewer
    numbers (Simonyan et al. 2013), and a mixture of Gaussians is fitted to those of the training images. A vector is the gradient
    of the log-likelihood of an image's descriptors by the mixture's means and deviations, square-rooted with its sign, of length
    one. An image and its mirror image have the same vector, the mean of both.

    Args:
        gaussians: int, of the mixture.
        shortened: int, numbers that the PCA leaves of a descriptor's 128.
        step, cells: see `DenseSift`.
    """

    def __init__(self, gaussians=128, shortened=64, step=2, cells=(3, 4, 6), seed=0):
        self.gaussians, self.shortened, self.seed = gaussians, shortened, seed
        self.step, self.cells = step, cells

    def fit(self, images, labels=None):
        descriptors, places = _some_descriptors(DenseSift(self.step, self.cells), images, self.seed)
        if len(descriptors) < self.gaussians:
            raise InputError(f"{len(descriptors)} descriptors for {self.gaussians} Gaussians; take fewer Gaussians.")
        self.pca_ = PCA(self.shortened, svd_solver="covariance_eigh").fit(descriptors)
        mixture = GaussianMixture(self.gaussians, covariance_type="diag", max_iter=15, random_state=self.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the vectors want no more of it
            mixture.fit(np.hstack([self.pca_.transform(descriptors), places]))
        kept = mixture.weights_, mixture.means_, mixture.covariances_
        self.weights_, self.means_, self.variances_ = (part.astype(np.float32) for part in kept)
        return self

    def transform(self, images):
        """uint8 images (n, h, w, 1 or 3) to a float32 array (n, 2 * gaussians * (shortened + 2))."""
        _check(images)
        result = np.empty((len(images), 2 * self.means_.size), np.float32)
        with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count()) as pool:
            start = 0
            for gray in _batches(images):
                for row, vector in enumerate(pool.map(self._of, gray), start):
                    result[row] = vector
                start += len(gray)
        return result

    def _of(self, image):
        both = self._vector(image) + self._vector(np.ascontiguousarray(image[:, ::-1]))
        return both / max(np.linalg.norm(both), 1e-7)

    def _vector(self, image):
        sift = DenseSift(self.step, self.cells)
        x = np.hstack([self.pca_.transform(sift.describe(image)), _places(sift, image.shape)])  # (m, d)
        weights, means, variances = self.weights_[:, None], self.means_, self.variances_
        log = x @ (means / variances).T - 0.5 * (x**2 @ (1 / variances).T)
        log += np.log(self.weights_) - 0.5 * (means**2 / variances + np.log(variances)).sum(axis=1)
        share = np.exp(log - log.max(axis=1, keepdims=True))  # (m, gaussians), of each descriptor in each Gaussian
        share /= share.sum(axis=1, keepdims=True)
        total, first, second = share.sum(axis=0)[:, None], share.T @ x, share.T @ x**2
        by_means = (first - means * total) / np.sqrt(weights * variances)
        by_deviations = ((second - 2 * means * first + means**2 * total) / variances - total) / np.sqrt(2 * weights)
        vector = np.concatenate([by_means, by_deviations]).ravel()
        vector = np.sign(vector) * np.sqrt(np.abs(vector))
        return vector / max(np.linalg.norm(vector), 1e-7)


class MeanLength(TransformerMixin, BaseEstimator):
    """Scales vectors so that their mean length is 1, for features that are to stand side by side."""

    def fit(self, vectors, labels=None):
        some = vectors[:: max(1, len(vectors) // 500)]
        self.scale_ = np.float32(1 / max(1e-7, np.linalg.norm(some, axis=1).mean()))
        return self

    def transform(self, vectors):
        """float array (n, d) to a float32 array (n, d)."""
        return vectors * self.scale_


FEATURES = {"pixels": Pixels, "hog": Hog, "sift": VisualWords, "fisher": FisherVectors}


def build(name):
    """A feature by name: "pixels", "hog", "sift" (visual words), "fisher", or several joined by "+", such as "hog+sift".

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


def _some_descriptors(sift, images, seed, most=200_000):
    """Descriptors (m, 128) that are chosen by chance from some of the images, and their places (m, 2)."""
    _check(images)
    rng = np.random.default_rng(seed)
    some = images[np.sort(rng.permutation(len(images))[:3000])]
    places = _places(sift, images.shape[1:3])
    rows = [rng.permutation(len(places))[: -(-most // len(some))] for _ in some]
    each = (image for gray in _batches(some) for image in gray)
    return np.concatenate([sift.describe(image)[row] for image, row in zip(each, rows, strict=True)]), places[
        np.concatenate(rows)
    ]


def _places(sift, size):
    """Where the descriptors of an image of that (height, width) stand, -0.5 to 0.5: float32 array (m, 2)."""
    return sift.grid(*size)[:, :2] / np.float32(size[::-1]) - np.float32(0.5)


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
