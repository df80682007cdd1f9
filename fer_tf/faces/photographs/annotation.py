"""Faces and their emotions drawn into a copy of a picture."""

import cv2
import numpy as np

from fer_tf.emotions import COLORS


def draw(image, expressions, classes, numbers=None):
    """A copy of a picture with a box and a label for each face.

    Args:
        image: uint8 array (h, w, 3), BGR.
        expressions: list of `Expression`.
        classes: tuple of the k class names, in the order of the probabilities.
        numbers: int for each expression, written before its emotion, such as the track that it is on; or None.
    Returns: uint8 array (h, w, 3), BGR.
    """
    drawing = image.copy()
    before = [f"{number}: " for number in numbers] if numbers else [""] * len(expressions)
    for i in reversed(range(len(expressions))):  # the surest is drawn last, on top
        _draw_one(drawing, expressions[i], classes, before[i])
    return drawing


def _draw_one(image, expression, classes, before):
    x, y, width, height = (round(value) for value in expression.face.box)
    color = tuple(int(COLORS.get(expression.emotion, "#6E6E6E")[i : i + 2], 16) for i in (5, 3, 1))
    scale = float(np.clip(width / 160, 0.4, max(0.4, min(image.shape[:2]) / 400)))
    line, stroke = max(2, round(2 * scale)), max(1, round(1.5 * scale))
    text = f"{before}{expression.emotion} {expression.probabilities[classes.index(expression.emotion)]:.0%}"
    (text_width, text_height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, stroke)
    cv2.rectangle(image, (x, y), (x + width, y + height), color, line)
    # Above the box, or inside where the picture ends above it; moved to the left where it would leave on the right.
    pad, top = below // 2, text_height + below
    left = int(np.clip(x + pad, pad, max(pad, image.shape[1] - text_width - pad)))
    bottom = y - below if y >= top + below else y + top
    bottom = int(np.clip(bottom, top, max(top, image.shape[0] - below)))
    cv2.rectangle(image, (left - pad, bottom - top), (left + text_width + pad, bottom + below), color, cv2.FILLED)
    ink = (255, 255, 255) if sum(w * c for w, c in zip((0.114, 0.587, 0.299), color, strict=True)) < 150 else (0, 0, 0)
    cv2.putText(image, text, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, scale, ink, stroke, cv2.LINE_AA)
