"""Landmarks in faces that are cropped already, as FER2013's are: where the detector needs some room around the face."""

import cv2
import numpy as np

from fer_tf.datasets.arrays import gray
from fer_tf.evaluation.explain import CANONICAL

SCALE, ROOM = 4, 0.25


def of_crops(images, detector=None, score=0.3):
    """The five landmarks of each cropped face.

    Args:
        images: uint8 array (n, h, w, 1 or 3), a face each.
        detector: of `detection.load`, one that finds landmarks; none is asked where it is None.
        score: minimum detection score, low, as there is a face in each image.
    Returns: (landmarks, detected): float32 array (n, 5, 2) of x, y in pixels of the image, see `detection.Face`; and a bool array
        (n,). Where no face is detected, they are those of the average face, `evaluation.explain.CANONICAL`.
    """
    height, width = images.shape[1:3]
    landmarks = np.tile(CANONICAL * np.float32([width, height]), (len(images), 1, 1))
    detected = np.zeros(len(images), bool)
    for i, image in enumerate(gray(images) if detector else ()):
        room = round(ROOM * height)
        framed = cv2.copyMakeBorder(image, room, room, room, room, cv2.BORDER_REPLICATE)
        large = cv2.resize(framed, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
        result = detector.detect(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), score=score)
        if result and result[0].landmarks is not None:
            landmarks[i], detected[i] = result[0].landmarks / SCALE - room, True
    return landmarks, detected
