"""Random views of training images: recipes by name, and an augmenter whose every view follows from its seed.

The geometry is drawn and applied by Keras's `ImageDataGenerator`. Brightness, contrast and random erasing are added here:
its own brightness passes through 8-bit PIL images, and it has no erasing.
"""

import threading
from contextlib import contextmanager

import numpy as np

from fer_tf.backend import tensorflow
from fer_tf.errors import InputError, choose

RECIPES = {
    "none": {},
    # The five-layer study names the transforms and "about 10 degrees"; the other ranges are the usual tenth.
    "five_layer_paper": {
        "rotation_range": 10,
        "width_shift_range": 0.1,
        "height_shift_range": 0.1,
        "shear_range": 10,
        "zoom_range": 0.1,
        "horizontal_flip": True,
        "fill_mode": "nearest",
    },
    "strong": {
        "rotation_range": 12,
        "width_shift_range": 0.1,
        "height_shift_range": 0.1,
        "shear_range": 8,
        "zoom_range": 0.15,
        "horizontal_flip": True,
        "fill_mode": "nearest",
        "brightness": 0.15,
        "contrast": 0.15,
        "erasing": 0.3,
    },
    # What photographs of other sources differ in: how wide a face was cut, light, and resolution. For `FastAugmenter`.
    "photographs": {
        "rotation_range": 15,
        "width_shift_range": 0.1,
        "height_shift_range": 0.1,
        "shear_range": 8,
        "zoom_range": (0.75, 1.2),
        "horizontal_flip": True,
        "fill_mode": "nearest",
        "brightness": 0.15,
        "contrast": 0.2,
        "gamma": 0.3,
        "blur": 0.2,
        "erasing": 0.2,
    },
}
"""Recipe name -> arguments of `ImageDataGenerator` (angles in degrees, shifts and zoom as fractions of the side), and
`brightness`, `contrast` (largest relative change) and `erasing` (probability of one erased rectangle); `gamma` and `blur`
are those of `FastAugmenter` alone."""

PHOTOMETRIC = ("brightness", "contrast", "erasing")
"""The keys of a recipe that `Augmenter` applies itself; all others go to `ImageDataGenerator`."""

_numpy_state = threading.Lock()


def recipe(name):
    """A recipe of `RECIPES` as (dict of arguments of `ImageDataGenerator`, dict of `PHOTOMETRIC` arguments of `Augmenter`).

    Raises InputError: no recipe has that name.

    Example:
        >>> geometry, photometry = recipe("strong")
        >>> geometry["rotation_range"], photometry["erasing"]
        (12, 0.3)
    """
    arguments = RECIPES[choose("augmentation", name, RECIPES)]
    geometry = {key: value for key, value in arguments.items() if key not in PHOTOMETRIC}
    return geometry, {key: value for key, value in arguments.items() if key in PHOTOMETRIC}


def augmenter(name):
    """The `Augmenter` of a recipe's name; None for "none"."""
    geometry, photometry = recipe(name)
    return Augmenter(geometry, **photometry) if geometry or photometry else None


class Augmenter:
    """Random views of images, each a function of the image and its seed.

    Args:
        geometry: dict of arguments of `ImageDataGenerator`, or an `ImageDataGenerator`.
        brightness, contrast: largest relative change, 0 to 1.
        erasing: probability of one erased rectangle, 0 to 1.
    Raises InputError: an argument is unknown.
    """

    def __init__(self, geometry=(), brightness=0.0, contrast=0.0, erasing=0.0):
        self.brightness, self.contrast, self.erasing = brightness, contrast, erasing
        generator = tensorflow.keras.preprocessing.image.ImageDataGenerator
        self.changes_geometry = bool(geometry)
        try:
            self.generator = geometry if isinstance(geometry, generator) else generator(**dict(geometry))
        except TypeError as error:
            raise InputError(f"augmentation recipe: {error}. See fer_tf.training.RECIPES.") from error

    def __call__(self, images, seeds):
        """One random view of each image.

        Args:
            images: uint8 or float array (n, h, w, c), values 0 to 255.
            seeds: n sequences of integers; a view is a function of its image and its seed alone.
        Returns: float32 array (n, h, w, c), values 0 to 255.
        """
        views = [self._view(np.float32(image), seed) for image, seed in zip(images, seeds, strict=True)]
        return np.stack(views).astype(np.float32)

    def _view(self, image, seed):
        rng = np.random.default_rng(seed)
        if self.changes_geometry:
            image = self._warp(image, rng)
        if self.brightness or self.contrast:
            gain, lift = 1 + rng.uniform(-1, 1, 2) * (self.contrast, self.brightness)
            mean = image.mean()
            image = np.clip((image - mean) * gain + mean * lift, 0, 255)
        if rng.random() < self.erasing:
            image = _erase(image, rng)
        return image

    def _warp(self, image, rng):
        with _global_numpy_seed(rng.integers(2**32)):
            transform = self.generator.get_random_transform(image.shape)
        return self.generator.apply_transform(image, transform)


def _erase(image, rng):
    # One rectangle of 2 to 15% of the area, filled with one gray value: Zhong et al. 2017, Random Erasing.
    height, width = image.shape[:2]
    area, ratio = rng.uniform(0.02, 0.15) * height * width, np.exp(rng.uniform(-1, 1))
    h = int(np.clip(np.sqrt(area * ratio), 1, height - 1))
    w = int(np.clip(np.sqrt(area / ratio), 1, width - 1))
    top, left = rng.integers(height - h), rng.integers(width - w)
    image = image.copy()
    image[top : top + h, left : left + w] = rng.uniform(0, 255)
    return image


@contextmanager
def _global_numpy_seed(seed):
    # ImageDataGenerator draws from NumPy's global state: it is seeded and put back, under a lock against other threads.
    with _numpy_state:
        state = np.random.get_state()  # noqa: NPY002
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002
