"""The one batched forward pass, whatever computes it: Keras, ONNX Runtime, OpenCV or LiteRT."""

import numpy as np


def predict(model, images, batch_size=256):
    """Class probabilities of images, float32 array (n, k), rows sum to 1.

    Args:
        model: keras.Model, images (n, h, w, c) in 0-255 to probabilities (n, k).
        images: uint8 or float array (n, h, w, 1 or 3), 0-255; gray is repeated for a model that takes color.
        batch_size: images at a time.

    Example:
        >>> from fer_tf import models
        >>> network = models.build("shallow", input_shape=(48, 48, 1), classes=7)
        >>> predict(network, np.zeros((2, 48, 48, 1), np.uint8)).shape
        (2, 7)
    """
    from fer_tf.datasets.arrays import with_channels  # here, as `datasets` brings pandas along

    channels = model.input_shape[-1]
    return in_batches(lambda batch: model.predict_on_batch(with_channels(batch, channels)), images, batch_size)


def in_batches(forward, images, batch_size):
    """What a network gives for images, some at a time, as probabilities that sum to 1.

    Args:
        forward: callable, float32 array (m, h, w, c) to float array (m, k).
        images: array (n, h, w, c), n at least 1.
        batch_size: images at a time.
    Returns: float32 array (n, k).

    Example:
        >>> in_batches(lambda batch: batch[:, 0, 0], np.ones((3, 1, 1, 2)), 2).tolist()
        [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]
    """
    starts = range(0, len(images), batch_size)
    parts = [forward(np.ascontiguousarray(images[i : i + batch_size], np.float32)) for i in starts]
    probabilities = np.concatenate(parts).astype(np.float64)
    return (probabilities / probabilities.sum(axis=1, keepdims=True)).astype(np.float32)
