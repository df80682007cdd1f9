"""What every detector does to a picture before it looks."""

import cv2
import numpy as np

from fer_tf.errors import InputError

LEAST = 160  # pixels of the longer side: smaller pictures are enlarged


def check(image):
    """Refuses what is no picture, a uint8 array (h, w, 3) with at least one pixel, with an InputError."""
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InputError(f"a picture of {image.dtype} {image.shape}; give uint8 (h, w, 3), as photographs.read does.")


def fitted(image, longest, least=LEAST):
    """A picture of a size that a detector sees faces well in.

    Args:
        image: uint8 array (h, w, 3).
        longest: its longer side is shrunk to this many pixels at most,
        least: and enlarged to this many at least.
    Returns: the picture, and the float factor that leads from its pixels back to the given one's.
    """
    height, width = image.shape[:2]
    side = max(height, width)
    factor = side / min(max(side, least), longest)
    if factor == 1:
        return image, 1.0
    size = (max(1, round(width / factor)), max(1, round(height / factor)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if factor > 1 else cv2.INTER_CUBIC), factor


def touching(faces, image):
    """The faces of which some part lies in the picture; a network's stray numbers (infinite, without extent) are dropped."""
    height, width = image.shape[:2]
    return [face for face in faces if np.isfinite(face.box).all() and _touches(face.box, width, height)]


def _touches(box, width, height):
    x, y, wide, high = box
    return wide > 0 and high > 0 and x < width and y < height and x + wide > 0 and y + high > 0
