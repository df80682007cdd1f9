"""What every detector does to a picture before it looks."""

import cv2
import numpy as np

from fer_tf.errors import InputError


def check(image):
    """Refuses what is no picture.

    Raises:
        InputError: not a uint8 array (h, w, 3) with at least one pixel.
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InputError(
            f"a picture of shape {image.shape} and {image.dtype}; a detector takes uint8 (h, w, 3), blue first. "
            "Read files with photographs.read."
        )


def shrunk(image, longest):
    """A picture whose longer side is at most `longest` pixels.

    Args:
        image: uint8 array (h, w, 3).
        longest: pixels.

    Returns:
        the picture, and the float factor that leads from its pixels back to the given one's.
    """
    height, width = image.shape[:2]
    factor = max(height, width) / longest
    if factor <= 1:
        return image, 1.0
    size = (max(1, round(width / factor)), max(1, round(height / factor)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), factor
