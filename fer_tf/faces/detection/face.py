"""What a detector finds."""

from dataclasses import dataclass

import numpy as np

FAINT = 0.3
"""Score of a face that is believed where there is no surer one, in a picture that is said to show a face."""


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a picture, in the picture's own pixels.

    Args:
        box: (x, y, width, height), floats; the corner at the upper left. It may stick out of the picture.
        score: float, 0 to 1, how sure the detector is. Scores of two detectors are not comparable.
        landmarks: float32 array (5, 2) of x, y: right eye, left eye (the person's: the right one is left in the picture),
            tip of the nose, right and left corner of the mouth. None where the detector finds none.
    """

    box: tuple
    score: float
    landmarks: np.ndarray | None = None

    def scaled(self, factor, dx=0.0, dy=0.0):
        """The face in a picture that is this one `factor` times as large, and then moved by (dx, dy) pixels."""
        x, y, width, height = (factor * side for side in self.box)
        landmarks = None if self.landmarks is None else np.float32(self.landmarks * factor + (dx, dy))
        return Face((x + dx, y + dy, width, height), self.score, landmarks)


def by_score(faces):
    """Faces as a list, the surest first."""
    return sorted(faces, key=lambda face: -face.score)
