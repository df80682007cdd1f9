"""Landmarks in faces that are cropped already."""

import numpy as np

from fer_tf.evaluation.explain import CANONICAL
from fer_tf.faces import landmarks
from fer_tf.faces.detection import Face


class OneFace:
    """A detector that sees the nose in the middle of the picture, and nothing in a dark one."""

    def detect(self, image, score=None):
        height, width = image.shape[:2]
        points = np.float32([[width / 2, height / 2]] * 5)
        return [Face((0, 0, width, height), 0.9, points)] if image.max() > 10 else []


def test_landmarks_are_in_the_pixels_of_the_crop_and_the_average_face_s_where_none_is_detected():
    images = np.zeros((2, 48, 48, 1), np.uint8)
    images[0] = 200
    points, detected = landmarks.of_crops(images, OneFace())
    assert detected.tolist() == [True, False]
    np.testing.assert_allclose(points[0], 24)
    np.testing.assert_allclose(points[1], CANONICAL * 48)
    assert not landmarks.of_crops(images)[1].any()
