"""Every face of a picture and its emotion."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from fer_tf.errors import InputError
from fer_tf.faces import cropping
from fer_tf.faces.detection import FAINT, Face
from fer_tf.faces.detection.pictures import fitted, touching

_SECOND_LOOK = 320  # pixels of the longer side; a face that fills as many is seen best
SMALLEST = 16
"""Pixels: in a picture with a shorter side no face is looked for twice."""


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


def analyze(image, detector, classifier, min_score=0.0, min_size=0, views=cropping.VIEWS):
    """Every face of a picture and its emotion.

    Args:
        image: uint8 array (h, w, 3), BGR, as `read` gives it.
        detector: see `detection.load`.
        classifier: `models.Classifier`.
        min_score: float 0 to 1; faces that the detector is less sure of are left out.
        min_size: pixels; faces whose box has a shorter side are left out.
        views: (margin, mirrored) of the crops of each face whose probabilities are averaged, see `cropping.VIEWS`.
    Returns: list of `Expression`, the surest face first.
    Raises InputError: see `check_limits` and `classify`.

    Example:
        >>> from fer_tf.faces import detection
        >>> from fer_tf.models.predictor import load_predictor
        >>> from skimage import data
        >>> photograph = np.ascontiguousarray(data.astronaut()[..., ::-1])
        >>> [face.emotion for face in analyze(photograph, detection.load("haar"), load_predictor())]
        ['happy']
    """
    check_limits(min_score, min_size)
    return classify(image, retained(find_faces(image, detector), min_score, min_size), classifier, views)


def check_limits(min_score, min_size):
    """Refuses limits that would leave every face out.

    Raises InputError: `min_score` is not between 0 and 1, or `min_size` is below 0.
    """
    if not (0 <= min_score <= 1 and 0 <= min_size < math.inf):
        raise InputError(f"faces of a score from {min_score:g} and {min_size:g} pixels; take 0 to 1, and 0 or more.")


def retained(faces, min_score, min_size):
    """The faces that are sure and large enough, see `analyze`."""
    return [face for face in faces if face.score >= min_score and min(face.box[2:]) >= min_size]


def find_faces(image, detector):
    """The faces of a photograph, for which a detector that finds none looks up to three times.

    With gray around the picture, since a face that fills it is often missed; and then for a fainter face (`detection.FAINT`).
    Of 500 of FER2013's training images, each filled by one face, YuNet finds 97 in 100 at once and 98 like this; Haar 22 and 73
    (benchmarks/detection.py).

    Args:
        image: uint8 array (h, w, 3), BGR.
        detector: see `detection.load`.
    Returns: list of `detection.Face`, the surest first.
    """
    faces = detector.detect(image)
    if faces or min(image.shape[:2]) < SMALLEST:
        return faces
    small, factor = fitted(image, _SECOND_LOOK, _SECOND_LOOK)
    edge = max(small.shape[:2]) // 2
    framed = cv2.copyMakeBorder(small, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=(114, 114, 114))
    faces = detector.detect(framed) or detector.detect(framed, FAINT)
    return touching((face.scaled(factor, -edge * factor, -edge * factor) for face in faces), image)


def classify(image, faces, classifier, views=cropping.VIEWS):
    """The emotions of faces that were found, in one pass of the network over all their crops.

    Args:
        image: uint8 array (h, w, 3), BGR.
        faces: list of n `detection.Face`.
        classifier, views: see `analyze`.
    Returns: list of n `Expression`, in the order of `faces`.
    Raises InputError: the classifier takes no square images of one size.
    """
    size, width, channels = classifier.input_shape or (None, None, None)
    if size is None or size != width:
        raise InputError(
            f"{classifier.path.name}: its input is {classifier.input_shape}; faces are cut as squares of one size. Save "
            "the network with such an input, (48, 48, 3) for example."
        )
    margins = {margin for margin, _ in views}
    crops = {one: cropping.crops(image, faces, size, channels, margin=one, color=classifier.color) for one in margins}
    batch = [crops[margin][:, :, ::-1] if mirrored else crops[margin] for margin, mirrored in views]
    probabilities = classifier.probabilities(np.concatenate(batch))
    rows = probabilities.reshape(len(views), len(faces), len(classifier.classes)).mean(axis=0)
    return [Expression(face, classifier.classes[row.argmax()], row) for face, row in zip(faces, rows, strict=True)]
