"""Principal components as preprocessing: each color channel reconstructed from the few directions in which faces vary most.

Fitted on training images alone. Training takes the reconstructed images from disk; the trained model carries the same arithmetic
in front of it, so that whoever uses the model has nothing to remember. Enlarging comes after, inside the network.
"""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.decomposition import PCA

from fer_tf.errors import InputError
from fer_tf.training.cache import cached

BATCH = 1024
MOST_VALUES = 2**28
"""Pixels that a fit takes into memory at most, about 1 GiB; of more images it takes an even part."""


@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """The principal components of each color channel.

    Args:
        size: (height, width) of the images, in pixels.
        means: c float32 arrays (h * w,), values 0 to 255.
        components: c float32 arrays (m, h * w), orthonormal rows, most important first; m differs between channels.
        kept: share of the variance that they keep, as it was asked for.
    """

    size: tuple
    means: tuple
    components: tuple
    kept: float

    @property
    def counts(self):
        """How many components each channel keeps, a tuple of int."""
        return tuple(len(rows) for rows in self.components)

    def transform(self, images):
        """Images, uint8 array (n, h, w, c), reconstructed from their components, rounded and clipped to 0 to 255.

        Raises InputError: images of another size or number of channels.
        """
        _check(images)
        if images.shape[1:] != (*self.size, len(self.means)):
            parameters = "x".join(map(str, (*self.size, len(self.means))))
            raise InputError(
                f"components of {parameters} images cannot reconstruct {'x'.join(map(str, images.shape[1:]))} ones."
            )
        result = np.empty(images.shape, np.uint8)
        for start in range(0, len(images), BATCH):
            part = np.asarray(images[start : start + BATCH])
            for channel, (mean, rows) in enumerate(zip(self.means, self.components, strict=True)):
                pixels = part[..., channel].reshape(len(part), -1) - mean
                values = np.clip(np.rint(pixels @ rows.T @ rows + mean), 0, 255)
                result[start : start + BATCH, ..., channel] = values.reshape(part.shape[:3])
        return result


def fit(images, variance=0.95):
    """The `PrincipalComponents` of each channel that keep a share of the variance of training images.

    Args:
        images: uint8 array (n, h, w, c).
        variance: share to be kept, between 0 and 1.
    Raises InputError: a share outside, or fewer than two images.
    """
    _check(images)
    if not 0 < variance < 1:
        raise InputError(f"pca={variance}; expected the share of the variance to keep, between 0 and 1, such as 0.95.")
    n, height, width, channels = images.shape
    if n < 2:
        raise InputError("principal components of one image; give two or more.")
    step = -(-n * height * width // MOST_VALUES)
    some = np.asarray(images[::step])
    # The covariance is quick where there are more images than pixels, and too large where there are fewer.
    solver = "covariance_eigh" if len(some) > height * width else "full"
    result = [
        PCA(variance, svd_solver=solver).fit(some[..., c].reshape(len(some), -1).astype(np.float32))
        for c in range(channels)
    ]
    means = tuple(one.mean_.astype(np.float32) for one in result)
    return PrincipalComponents(
        (height, width), means, tuple(one.components_.astype(np.float32) for one in result), variance
    )


def reconstruct(dataset, train, variance=0.95):
    """A dataset whose images are reconstructed from the training images' principal components, computed once.

    Args:
        dataset: `Dataset`; every image is reconstructed.
        train: `Dataset` that the components are fitted on, without an image of another split.
        variance: share to be kept, between 0 and 1.
    Returns: (Dataset, PrincipalComponents); the images are a read-only memory map.
    Raises InputError: as `fit`, or `train` holds images that are not of the training split.
    """
    if others := sorted(set(np.unique(train.splits)) - {"train"}):
        raise InputError(f"{train.name}: components must be fitted on the training split alone, not on '{others[0]}'.")
    components = cached(fit, np.asarray(train.images), variance)
    images = cached(_transformed, components, np.asarray(dataset.images), code=[PrincipalComponents])
    return replace(dataset, images=images, source={**dataset.source, "pca": variance}), components


def _transformed(components, images):
    return components.transform(images)


def prepend_pca(model, reconstruction):
    """A model that reconstructs its images from principal components first.

    Args:
        model: keras.Model trained on reconstructed images, (n, h, w, 1 or 3) to probabilities.
        reconstruction: `PrincipalComponents` of images of that size, of one channel or as many as the model takes.
    Returns: keras.Model, images (n, h, w, c) in 0-255 to the same probabilities; made of Keras's own layers. Gray
        images of a model that takes three channels come in with three equal ones.
    Raises InputError: components of three channels for a model of one.
    """
    from fer_tf.backend import keras

    layers, (height, width, channels) = keras.layers, model.input_shape[1:]
    means, rows = _for_channels(reconstruction, channels)
    forth = layers.EinsumDense("bcp,cpm->bcm", (channels, rows.shape[1]), bias_axes="cm", dtype="float32", name="pca")
    back = layers.EinsumDense(
        "bcm,cmp->bcp", (channels, height * width), bias_axes="cp", dtype="float32", name="pca_back"
    )
    inputs = keras.Input((height, width, channels), name="image", dtype="float32")
    x = layers.Reshape((channels, height * width))(layers.Permute((3, 1, 2))(inputs))
    x = layers.ReLU(max_value=255, dtype="float32")(keras.ops.round(back(forth(x))))
    x = layers.Permute((2, 3, 1))(layers.Reshape((channels, height, width))(x))
    forth.set_weights([rows.transpose(0, 2, 1), -np.einsum("cmp,cp->cm", rows, means)])
    back.set_weights([rows, means])
    for layer in (forth, back):
        layer.trainable = False
    return keras.Model(inputs, model(x), name=model.name)


def _for_channels(reconstruction, channels):
    """Means (c, p) and components (c, m, p) as arrays, short channels filled up with zeros, gray repeated."""
    if len(reconstruction.means) not in (1, channels):
        raise InputError(f"components of {len(reconstruction.means)} channels for a model of {channels}.")
    means = np.stack(reconstruction.means)
    rows = np.zeros((len(means), max(reconstruction.counts), means.shape[1]), np.float32)
    for channel, result in enumerate(reconstruction.components):
        rows[channel, : len(result)] = result
    if len(means) != channels:
        means, rows = np.repeat(means, channels, axis=0), np.repeat(rows, channels, axis=0)
    return means, rows


def _check(images):
    if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
        raise InputError(
            f"principal components are of uint8 images (n, height, width, channels), got {images.dtype} {images.shape}."
        )
