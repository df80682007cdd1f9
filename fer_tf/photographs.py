"""Photographs: read from any kind of file, every face found and its emotion named, and drawn into a copy."""

from dataclasses import dataclass

import cv2
import numpy as np

from fer_tf import cropping
from fer_tf.detection import Face
from fer_tf.emotions import COLOURS


@dataclass(frozen=True, eq=False)
class Expression:
    """What is seen of one face.

    Args:
        face: `detection.Face`.
        emotion: str, the likeliest class.
        probabilities: float32 array (k,), sums to 1.
    """

    face: Face
    emotion: str
    probabilities: np.ndarray


def analyse(image, detector, classifier, min_score=0.0, min_size=0, margin=cropping.MARGIN):
    """Every face of a picture and its emotion.

    Args:
        image: uint8 array (h, w, 3), BGR, as `read` gives it.
        detector: see `detection.create`.
        classifier: `classifier.Classifier`.
        min_score: float 0 to 1; faces that the detector is less sure of are left out.
        min_size: pixels; faces whose box has a shorter side are left out.
        margin: see `cropping.crop`.

    Returns:
        list of `Expression`, the surest face first.
    """
    faces = [face for face in detector.detect(image) if face.score >= min_score and min(face.box[2:]) >= min_size]
    return classify(image, faces, classifier, margin)


def classify(image, faces, classifier, margin=cropping.MARGIN):
    """The emotions of faces already found, in one pass of the network.

    Args:
        image: uint8 array (h, w, 3), BGR.
        faces: list of n `detection.Face`.
        classifier, margin: see `analyse`.

    Returns:
        list of n `Expression`, in the order of `faces`.
    """
    size, _, channels = classifier.input_shape
    crops = cropping.crops(image, faces, size, channels, margin=margin, colour=classifier.colour)
    probabilities = classifier.probabilities(crops)
    return [
        Expression(face, classifier.classes[row.argmax()], row) for face, row in zip(faces, probabilities, strict=True)
    ]


def draw(image, expressions, classes):
    """A copy of a picture with a box and a label for each face.

    Args:
        image: uint8 array (h, w, 3), BGR.
        expressions: list of `Expression`.
        classes: tuple of the k class names, in the order of the probabilities.

    Returns:
        uint8 array (h, w, 3), BGR.
    """
    drawn = image.copy()
    for expression in reversed(expressions):  # the surest face is drawn last, on top
        _draw_one(drawn, expression, classes)
    return drawn


def _draw_one(image, expression, classes):
    x, y, width, height = (round(value) for value in expression.face.box)
    colour = tuple(int(COLOURS.get(expression.emotion, "#6E6E6E")[i : i + 2], 16) for i in (5, 3, 1))
    scale = float(np.clip(width / 160, 0.4, max(0.4, min(image.shape[:2]) / 400)))
    line = max(1, round(2 * scale))
    text = f"{expression.emotion} {expression.probabilities[classes.index(expression.emotion)]:.0%}"
    (text_width, text_height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, line)
    cv2.rectangle(image, (x, y), (x + width, y + height), colour, line)
    # Above the box, or inside where the picture ends above it; moved to the left where it would leave on the right.
    left = int(np.clip(x, 0, max(0, image.shape[1] - text_width)))
    bottom = y - below - line if y - text_height - 2 * below >= 0 else y + text_height + line
    bottom = int(np.clip(bottom, text_height, max(text_height, image.shape[0] - below)))
    cv2.rectangle(image, (left, bottom - text_height - below), (left + text_width, bottom + below), colour, cv2.FILLED)
    ink = (255, 255, 255) if sum(w * c for w, c in zip((0.114, 0.587, 0.299), colour, strict=True)) < 150 else (0, 0, 0)
    cv2.putText(image, text, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, scale, ink, max(1, line // 2), cv2.LINE_AA)
