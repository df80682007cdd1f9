"""A face cut from a picture as FER2013's faces are framed, so that a network sees what it was trained on."""

import cv2
import numpy as np

from fer_tf.errors import InputError

MARGINS = (0.0, 0.2)
"""By how much a crop's side exceeds the geometric mean of the box's sides, as a share of it: crops that are averaged.

FER2013's faces were cut by OpenCV's cascade (Goodfellow et al. 2013); the boxes that yunet finds in its validation
images say how wide: a margin of 0.10 in the middle, 80% between -0.08 and 0.37. Of 700 drawn faces in larger scenes one
crop at 0.2 is about the best (accuracy 0.581; 0.536 at 0, 0.559 at 0.1), of FER2013's own, where what lies outside of
the image is missing, one at 0.1 (0.673; 0.667 at 0, 0.652 at 0.3). On photographs of other sources boxes vary more, so
that two crops around 0.1 are averaged: 0.564 and 0.675 here, no worse than one at 0.1. Differences below 0.02 may be
chance (benchmarks/crop_margin.py).
"""
MARGIN = 0.1
"""Of a single crop: the middle of `MARGINS`."""
VIEWS = tuple((margin, mirrored) for mirrored in (False, True) for margin in MARGINS)
"""What is averaged of one face: each margin, then each of their mirror images."""


def crop(image, face, size=48, channels=3, margin=MARGIN, align=True, color=False):
    """A face as a square of a network's size.

    Args:
        image: uint8 array (h, w, 3), BGR.
        face: `detection.Face` in that picture; where it sticks out, the picture's edge is continued.
        size: side of the square, in pixels.
        channels: 1 or 3.
        margin: by which share the square's side exceeds the geometric mean of the box's sides; above -1.
        align: turn the face so that its eyes are level, where it has landmarks.
        color: keep the colors, as RGB; else gray, repeated for three channels, as FER2013 is.
    Returns: uint8 array (size, size, channels).
    Raises InputError: a face without extent, or color in one channel.
    """
    if channels not in (1, 3) or (color and channels == 1):
        raise InputError(f"a crop with {channels} channels{' in color' if color else ''}; give 3, or 1 for gray.")
    center, side, angle = square(face, margin, align)
    patch = _cut(image, center, side, angle, size)
    if color:
        return cv2.cvtColor(patch, cv2.COLOR_BGR2RGB)
    gray = cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY)[..., None]
    return np.repeat(gray, channels, axis=2)


def crops(image, faces, size=48, channels=3, **options):
    """Several faces of one picture, for one pass of a network; see `crop`.

    Returns: uint8 array (n, size, size, channels).
    """
    built = [crop(image, face, size, channels, **options) for face in faces]
    return np.stack(built) if built else np.zeros((0, size, size, channels), dtype=np.uint8)


def square(face, margin=MARGIN, align=True):
    """The square that is cut for a face; margin and align as of `crop`.

    Returns: center (x, y) and side in pixels of the picture, and the angle of the eyes' line, in radians, clockwise.
    Raises InputError: the box has no extent.
    """
    x, y, width, height = face.box
    if not (np.isfinite(face.box).all() and min(width, height) > 0 and margin > -1):
        raise InputError(f"a face of box {face.box}, margin {margin}; give sides above 0, a margin above -1.")
    # High boxes (chin to hair) and square ones (cascades) of one face have about the same area.
    side = (1 + margin) * np.sqrt(width * height)
    angle = 0.0
    if align and face.landmarks is not None:
        across, down = face.landmarks[1] - face.landmarks[0]
        angle = float(np.arctan2(down, across))
    return (x + width / 2, y + height / 2), side, angle


def _cut(image, center, side, angle, size):
    # Sampled finer than needed and averaged, since bilinear sampling alone skips pixels of a large face.
    finer = int(np.clip(np.ceil(side / size), 1, 16))
    step = side / (size * finer)
    turn = step * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    left, top, region = _region(image, center, side)
    offset = np.array(center) - (left, top) - 0.5 - turn @ np.full(2, (size * finer - 1) / 2)
    matrix = np.column_stack([turn, offset])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(region, matrix, (size * finer,) * 2, flags=how, borderMode=cv2.BORDER_REPLICATE)
    return patch if finer == 1 else cv2.resize(patch, (size, size), interpolation=cv2.INTER_AREA)


def _region(image, center, side):
    """The part of a picture that a square can touch however it is turned; OpenCV warps none wider than 32,767 pixels."""
    height, width = image.shape[:2]
    reach = side / np.sqrt(2) + 2
    left, right = np.clip([center[0] - reach, center[0] + reach + 1], 0, width).astype(int)
    top, bottom = np.clip([center[1] - reach, center[1] + reach + 1], 0, height).astype(int)
    left, top = min(left, width - 1), min(top, height - 1)
    return left, top, image[top : max(bottom, top + 1), left : max(right, left + 1)]
