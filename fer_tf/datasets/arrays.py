"""Arrays of images: as gray, with the channels that a model takes, mirrored. The one place for each."""

import numpy as np

from fer_tf.errors import InputError

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as OpenCV and Pillow turn color to gray


def gray(images):
    """Images without color.

    Args:
        images: uint8 array (n, h, w, c), c 1 or 3 (RGB).
    Returns: uint8 array (n, h, w).

    Example:
        >>> gray(np.full((1, 2, 2, 3), 200, np.uint8)).tolist()
        [[[200, 200], [200, 200]]]
    """
    images = np.asarray(images)
    if images.shape[-1] == 1:
        return images[..., 0]
    return np.rint(images @ _LUMA).astype(np.uint8)


def with_channels(images, channels):
    """Images with the number of channels that a model takes: gray repeated to three, or color turned gray.

    Args:
        images: array (n, h, w, 1 or 3), values 0 to 255.
        channels: 1 or 3.
    Returns: array (n, h, w, channels) of the same dtype; a broadcast view where nothing has to be computed.
    Raises InputError: another number of channels.

    Example:
        >>> with_channels(np.zeros((2, 48, 48, 1)), 3).shape
        (2, 48, 48, 3)
    """
    have = images.shape[-1]
    if have == channels:
        return images
    if (have, channels) == (1, 3):
        return np.broadcast_to(images, (*images.shape[:-1], 3))
    if (have, channels) == (3, 1):
        return np.rint(images @ _LUMA.astype(np.float32))[..., None].astype(images.dtype)
    raise InputError(f"images with {have} channels for a model that takes {channels}; both must be 1 or 3.")


def mirror(images):
    """Images as seen in a mirror: (n, h, w, c), left and right exchanged; a view.

    Example:
        >>> mirror(np.arange(3).reshape(1, 1, 3, 1)).ravel().tolist()
        [2, 1, 0]
    """
    return images[:, :, ::-1]
