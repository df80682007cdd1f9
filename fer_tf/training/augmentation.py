"""Random views of training images: recipes by name, and batches whose every picture follows from (seed, epoch, image).

The geometry is drawn and applied by Keras's `ImageDataGenerator`; brightness, contrast and random erasing, which it lacks
or does through 8-bit PIL images, are added here. Nothing depends on the order or number of workers, so a resumed or
repeated training sees the same pictures.
"""

import threading
from contextlib import contextmanager

import numpy as np

from fer_tf.backend import keras, tensorflow
from fer_tf.errors import InputError

RECIPES = {
    "none": {},
    # The five-layer study names the transforms and "about 10 degrees"; the other ranges are the usual tenth.
    "published": {
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
}
"""Recipe name -> arguments of `ImageDataGenerator` (angles in degrees, shifts and zoom as fractions of the side), and
`brightness`, `contrast` (largest relative change) and `erasing` (probability of one erased rectangle)."""

_OURS = ("brightness", "contrast", "erasing")
_numpy_state = threading.Lock()


def recipe(name_or_recipe):
    """A recipe's arguments, by its name or given as a mapping.

    Raises:
        InputError: no recipe has that name, or the mapping holds an unknown argument.
    """
    if isinstance(name_or_recipe, str):
        if name_or_recipe not in RECIPES:
            raise InputError(f"unknown augmentation '{name_or_recipe}'; choose one of {', '.join(RECIPES)}.")
        return dict(RECIPES[name_or_recipe])
    return dict(name_or_recipe)


class Augmenter:
    """Applies one recipe to images.

    Args:
        name_or_recipe: a key of `RECIPES`, or a mapping like its values.

    Raises:
        InputError: the recipe or one of its arguments is unknown.
    """

    def __init__(self, name_or_recipe):
        generator = tensorflow.keras.preprocessing.image.ImageDataGenerator
        arguments = recipe(name_or_recipe)
        self.brightness, self.contrast, self.erasing = (arguments.pop(key, 0.0) for key in _OURS)
        self.changes_geometry = bool(arguments)
        try:
            self.generator = generator(**arguments)
        except TypeError as error:
            raise InputError(f"augmentation recipe: {error}. See fer_tf.training.augmentation.RECIPES.") from error

    def __call__(self, images, seeds):
        """One random view of each image.

        Args:
            images: uint8 or float array (n, h, w, c), values 0 to 255.
            seeds: n sequences of integers; a view is a function of its image and its seed alone.

        Returns:
            float32 array (n, h, w, c), values 0 to 255.
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


class Batches(keras.utils.PyDataset):
    """Training batches, drawn from (seed, epoch, index) alone.

    Args:
        dataset: `Dataset`; the order of its images is shuffled anew in every epoch.
        batch_size: images per batch; the last batch of an epoch may be smaller.
        channels: 1 or 3, what the model takes; grey images are repeated.
        augmentation: recipe name or mapping.
        seed: int.

    Each item is (images float32 (b, h, w, channels) in 0-255, one-hot labels float32 (b, k)). `epoch` is set by the
    training from outside.
    """

    def __init__(self, dataset, batch_size, channels, augmentation="none", seed=0):
        super().__init__(workers=1)
        self.dataset, self.batch_size, self.channels, self.seed = dataset, batch_size, channels, seed
        self.augment = None if augmentation == "none" else Augmenter(augmentation)
        self.epoch = 0

    def __len__(self):
        return -(-len(self.dataset) // self.batch_size)

    def __getitem__(self, batch):
        order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.dataset))
        index = np.sort(order[batch * self.batch_size : (batch + 1) * self.batch_size])
        images = self.dataset.images[index]
        if self.augment:
            images = self.augment(images, [(self.seed, self.epoch, i) for i in index])
        labels = keras.utils.to_categorical(self.dataset.labels[index], len(self.dataset.classes))
        return with_channels(images, self.channels).astype(np.float32), labels


def with_channels(images, channels):
    """Images with the number of channels that a model takes: grey repeated to three, or colour turned grey.

    Args:
        images: array (n, h, w, 1 or 3), values 0 to 255.
        channels: 1 or 3.

    Returns:
        array (n, h, w, channels) of the same dtype; a broadcast view where nothing has to be computed.

    Raises:
        InputError: another number of channels.
    """
    have = images.shape[-1]
    if have == channels:
        return images
    if (have, channels) == (1, 3):
        return np.broadcast_to(images, (*images.shape[:-1], 3))
    if (have, channels) == (3, 1):
        weights = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as OpenCV's RGB to grey
        return np.rint(images @ weights)[..., None].astype(images.dtype)
    raise InputError(f"images with {have} channels for a model that takes {channels}; both must be 1 or 3.")


def _erase(image, rng):
    # One rectangle of 2 to 15% of the area, filled with one grey value: Zhong et al. 2017, Random Erasing.
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
    # ImageDataGenerator draws from NumPy's global state; it is put back, and other threads of ours wait.
    with _numpy_state:
        state = np.random.get_state()  # noqa: NPY002
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002
