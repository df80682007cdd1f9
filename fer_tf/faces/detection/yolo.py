"""YOLOv8-face: a network with five landmarks, for faces that others miss; without its makers' package."""

from pathlib import Path

import cv2
import numpy as np

from fer_tf.errors import InputError
from fer_tf.faces.detection import weights
from fer_tf.faces.detection.face import Face, by_score
from fer_tf.faces.detection.pictures import check, touching
from fer_tf.models import onnx_runtime

SIDE = 640  # pixels; the exported networks take no other
STRIDES = (8, 16, 32)
BINS = 16  # of the distribution over a side's distance, in strides
GRAY = 114  # around the picture, as in training


class Yolo:
    """A YOLOv8-face network as ONNX.

    Args:
        path: its ONNX file; by default the one that `weights.find("yolo")` finds.
        score: minimum detection score, 0 to 1, unless `detect` gets another.
        overlap: of two boxes whose intersection is a larger share of their union, the surer one stays.
    Raises InputError: the weights are absent, or no network of that kind.

    The box is read from a distribution over distances: Li et al. 2020, "Generalized focal loss".
    """

    name = "yolo"

    def __init__(self, path=None, score=0.45, overlap=0.5):
        self.path = path or weights.find("yolo")
        self.score, self.overlap = score, overlap
        self.network = onnx_runtime.load(self.path)
        # An ONNX file declares the shapes of its outputs: 80 channels of 80x80 places for the smallest stride.
        if 3 * b"\n\x02\x08P" not in Path(self.path).read_bytes():
            raise InputError(f"{self.path}: no YOLOv8-face. Name the detector that it is for, or leave it out.")

    def detect(self, image, score=None):
        """The faces in a picture, with landmarks; see `detection.load`."""
        check(image)
        min_score = self.score if score is None else score
        square, factor, left, top = letterbox(image)
        boxes, scores, landmarks = decode(self._matched(square), min_score)
        chosen = np.ravel(cv2.dnn.NMSBoxes(boxes, scores, min_score, self.overlap) if len(boxes) else ()).astype(int)
        result = (Face(tuple(boxes[i].tolist()), float(scores[i]), landmarks[i]) for i in chosen)
        return by_score(touching((face.scaled(factor, -left * factor, -top * factor) for face in result), image))

    def _matched(self, square):
        """The three outputs by stride. OpenCV's versions give them in different orders, but each has its own shape."""
        # Ten times as fast as cv2.dnn.blobFromImage.
        outputs = self.network(np.stack(cv2.split(square)[::-1])[None] * np.float32(1 / 255))
        by_side = {output.shape[-1]: output for output in outputs if output.ndim == 4 and output.shape[1] == 80}
        try:
            return [by_side[SIDE // stride][0] for stride in STRIDES]
        except KeyError:
            shapes = ", ".join(str(output.shape) for output in outputs)
            raise InputError(f"{self.path}: outputs {shapes}; expected those of YOLOv8-face.") from None


def letterbox(image, side=SIDE):
    """A picture resized to fit a square, in its middle, with gray around.

    Returns: the uint8 square (side, side, 3); the float factor from its pixels to the picture's; pixels left and above.
    """
    height, width = image.shape[:2]
    factor = max(height, width) / side
    size = (max(1, round(width / factor)), max(1, round(height / factor)))
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    square = np.full((side, side, 3), GRAY, dtype=np.uint8)
    how = cv2.INTER_AREA if factor > 1 else cv2.INTER_LINEAR
    square[top : top + size[1], left : left + size[0]] = cv2.resize(image, size, interpolation=how)
    return square, factor, left, top


def decode(outputs, min_score):
    """Boxes, scores and landmarks from the network's maps.

    Args:
        outputs: float arrays (80, h, w), one per stride: 64 channels of box distances (left, top, right, bottom, 16 bins
            each), one of score, 15 of landmarks (x, y, visibility, five times).
        min_score: float, 0 to 1; places with a lower score are left out.
    Returns: float32 arrays (n, 4) of x, y, width, height; (n,) scores 0 to 1; (n, 5, 2) landmarks; in the square's
        pixels.
    """
    parts = [_decode(output, stride, min_score) for output, stride in zip(outputs, STRIDES, strict=True)]
    return tuple(np.concatenate(part).astype(np.float32) for part in zip(*parts, strict=True))


def _decode(output, stride, min_score):
    score = 1 / (1 + np.exp(-output[64].astype(np.float64)))
    rows, columns = np.nonzero(score >= min_score)
    values = output[:, rows, columns].T
    place = np.stack([columns, rows], axis=1)
    bins = values[:, :64].reshape(-1, 4, BINS)
    shares = np.exp(bins - bins.max(axis=2, keepdims=True))
    distances = shares @ np.arange(BINS) / shares.sum(axis=2)
    corner = (place + 0.5 - distances[:, :2]) * stride
    size = (distances[:, :2] + distances[:, 2:]) * stride
    points = values[:, 65:].reshape(-1, 5, 3)[:, :, :2]
    landmarks = (2 * points + place[:, None]) * stride
    return np.concatenate([corner, size], axis=1), score[rows, columns], landmarks
