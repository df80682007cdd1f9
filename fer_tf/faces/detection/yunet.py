"""YuNet: a small network with five landmarks, quick on a processor."""

from pathlib import Path

import cv2
import numpy as np

from fer_tf import paths
from fer_tf.errors import InputError
from fer_tf.faces.detection import weights
from fer_tf.faces.detection.face import Face, by_score
from fer_tf.faces.detection.pictures import check, fitted, touching
from fer_tf.hashing import file_digest

LOWEST = 64  # pixels
GRAY = (114, 114, 114)


class YuNet:
    """OpenCV's `FaceDetectorYN`.

    Args:
        path: its ONNX file; by default the one that `weights.find("yunet")` finds.
        score: minimum detection score, 0 to 1, unless `detect` gets another.
        overlap: of two boxes whose intersection is a larger share of their union, the surer one stays.
        longest: larger pictures are shrunk to this side before the search, in pixels; small ones are enlarged.
    Raises InputError: the weights are absent or no YuNet.

    Wu, Peng and Yu 2023, "YuNet: a tiny millisecond-level face detector".
    """

    name = "yunet"

    def __init__(self, path=None, score=0.5, overlap=0.3, longest=640):
        path = path or weights.find("yunet")
        self.score, self.longest = score, longest
        # OpenCV 4.14 loads any network, and fails or crashes at the first picture: it asks for outputs of these names.
        if Path(path).is_file() and b"kps_32" not in Path(path).read_bytes():
            raise InputError(f"{path}: no YuNet. Name the detector that it is for (--detector yolo), or leave it out.")
        if Path(path).name == weights.CATALOG["yunet"].file and file_digest(path) != weights.CATALOG["yunet"].sha256:
            raise InputError(f"{path}: damaged, or not the published YuNet. Remove it and fetch it anew: make models.")
        if not paths.is_text(path):
            raise InputError(f"{path}: {paths.NO_TEXT}")
        try:
            self.network = cv2.FaceDetectorYN.create(str(path), "", (320, 320), score, overlap, 5000)
        except (cv2.error, AttributeError) as error:
            raise InputError(f"{path}: no YuNet that OpenCV loads. Fetch it: make models.") from error

    def detect(self, image, score=None):
        """The faces in a picture, with landmarks; see `detection.load`."""
        check(image)
        self.network.setScoreThreshold(self.score if score is None else score)
        small, factor = fitted(image, self.longest)
        rows = self._rows(small)
        return by_score(face.scaled(factor) for face in touching(map(_face, rows), small))

    def _rows(self, image):
        # OpenCV 4.14's FaceDetectorYN reads uninitialized memory for pictures below 64 pixels: pad them with gray.
        below, right = (max(0, LOWEST - side) for side in image.shape[:2])
        image = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT, value=GRAY)
        self.network.setInputSize((image.shape[1], image.shape[0]))
        rows = self.network.detect(image)[1]
        return () if rows is None else rows


def _face(row):
    """One row of 15 numbers: box, landmarks, score."""
    return Face(tuple(map(float, row[:4])), float(np.clip(row[14], 0, 1)), row[4:14].reshape(5, 2))
