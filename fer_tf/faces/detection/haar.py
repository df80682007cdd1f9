"""Haar cascade: the detector of the published studies, and the one that needs no download."""

from pathlib import Path

import cv2

from fer_tf import paths
from fer_tf.errors import InputError
from fer_tf.faces.detection.face import Face, by_score
from fer_tf.faces.detection.pictures import check, fitted

FILE = "haarcascade_frontalface_default.xml"


class Haar:
    """OpenCV's cascade for frontal faces.

    Args:
        scale: how much larger each size of window is than the last, above 1.
        neighbors: how many windows must agree on a face.
        smallest: side of the smallest face sought, in pixels of that picture.
        longest: larger pictures are shrunk to this side before the search, in pixels; small ones are enlarged.
        cascade: path of another cascade; OpenCV's own by default.
    Raises InputError: an option out of its range, or no cascade to be had.

    Viola and Jones 2001; Lienhart and Maydt 2002. The score is n / (n + 5) of n agreeing windows: an order, no probability.
    """

    name = "haar"

    def __init__(self, scale=1.3, neighbors=5, smallest=24, longest=1280, cascade=None):
        if scale <= 1 or neighbors < 0:
            raise InputError(f"haar: scale {scale} and {neighbors} neighbors; give a scale above 1 and 0 or more.")
        self.options = {"scaleFactor": scale, "minNeighbors": neighbors, "minSize": (smallest, smallest)}
        self.longest = longest
        self.cascade = _cascade(cascade)

    def detect(self, image, score=None):
        """The faces in a picture, without landmarks; see `detection.load`. `score`, below 1, sets how many windows must agree."""
        check(image)
        if score is not None and not 0 <= score < 1:
            raise InputError(f"haar: a minimum score of {score:g}; give 0 or more and less than 1.")
        small, factor = fitted(image, self.longest)
        gray = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
        options = self.options if score is None else {**self.options, "minNeighbors": round(5 * score / (1 - score))}
        boxes, counts = self.cascade.detectMultiScale2(gray, **options)
        scored = zip(boxes, counts, strict=True)
        return by_score(Face(tuple(map(float, box)), float(n / (n + 5))).scaled(factor) for box, n in scored)


def _cascade(path):
    folder = getattr(getattr(cv2, "data", None), "haarcascades", None)
    if path is None and (folder is None or not hasattr(cv2, "CascadeClassifier")):
        raise InputError("haar: this OpenCV has no cascades. Install opencv-python 4.14, or choose yunet.")
    path = Path(path or Path(folder) / FILE)
    if not paths.is_text(path):
        raise InputError(f"{path}: {paths.NO_TEXT}")
    cascade = cv2.CascadeClassifier(str(path)) if path.is_file() else None
    if cascade is None or cascade.empty():
        raise InputError(f"haar: {path} is no cascade. Give OpenCV's XML file, or leave the option out.")
    return cascade
