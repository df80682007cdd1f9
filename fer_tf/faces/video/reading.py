"""Frames to faces and emotions over time, with the seconds that each stage took."""

import time
from dataclasses import dataclass, field

import numpy as np

from fer_tf.errors import InputError
from fer_tf.faces import cropping, photographs
from fer_tf.faces.detection import Face
from fer_tf.faces.tracking import Smoother, Tracker

STAGES = ("capture", "detect", "track", "classify", "draw", "write")
"""What happens to a frame, in this order: waiting for it and decoding it comes first, video, table and window last."""


IN_TURN = [cropping.VIEWS[i] for i in (0, 3, 1, 2)]
"""The views that a photograph averages, of which each frame gets one: smoothing over time averages them, at a quarter of the
cost. A narrow crop, a wide one's mirror image, a wide one, a narrow one's mirror image."""


@dataclass(frozen=True)
class TrackedFace:
    """A face in one frame of a stream.

    Attributes:
        track: its number from 1, the same in every frame.
        face: `detection.Face`, in pixels of the frame.
        emotion: the name of the likeliest class after smoothing.
        raw, probabilities: float32 arrays (k,), this frame's, of its one view of `IN_TURN`; and smoothed over time.
    """

    track: int
    face: Face
    emotion: str
    raw: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class AnnotatedFrame:
    """One frame, read.

    Attributes:
        number, time_s: as of its `Frame`.
        picture: uint8 array (h, w, 3) BGR, annotated; the frame itself where nothing is drawn.
        faces: list of `TrackedFace`, in order of their tracks.
        seconds: dict of stage to seconds; who writes the annotated adds "write".
    """

    number: int
    time_s: float
    picture: np.ndarray
    faces: list
    seconds: dict = field(default_factory=dict)


def read(frames, detector, classifier, tracker=None, smoother=None, every=1, min_score=0.0, min_size=0, draw=True):
    """Reads a stream frame by frame.

    Args:
        frames: iterable of `sources.Frame`.
        detector: of `detection.load`.
        classifier: of `models.load_predictor`.
        tracker: `tracking.Tracker`; one with its defaults where none is given.
        smoother: `tracking.Smoother`; likewise.
        every: look for faces in every so many frames only; between, they are taken to be where they were. What they show
            is read in each frame.
        min_score, min_size: faces that the detector is less sure of, or whose shorter side has fewer pixels, are left out.
        draw: annotate the pictures.
    Returns: iterator of AnnotatedFrame, one for each frame.
    Raises InputError: `every` is less than 1, or see `photographs.check_limits`; at once, before a frame is asked for.
    """
    if every < 1:
        raise InputError(f"a detection in every {every} frames; take 1 or more.")
    photographs.check_limits(min_score, min_size)
    tracker, smoother = tracker or Tracker(), smoother or Smoother()
    return _annotated(frames, detector, classifier, tracker, smoother, every, min_score, min_size, draw)


def _annotated(frames, detector, classifier, tracker, smoother, every, min_score, min_size, draw):
    frames, clock, before, count = iter(frames), Stopwatch(), None, 0
    while (frame := next(frames, None)) is not None:
        image, shape = frame.image, frame.image.shape[:2]
        clock.lap("capture")
        if before not in (None, shape):
            tracker.rescale(shape[1] / before[1], shape[0] / before[0])
        looks = count % every == 0 or before != shape
        result = detector.detect(image) if looks else []
        clock.lap("detect")
        tracked = tracker.update(photographs.retained(result, min_score, min_size)) if looks else tracker.held()
        smoother.keep(tracker.tracks)
        clock.lap("track")
        view = IN_TURN[count % len(IN_TURN)]
        faces = _classified(image, tracked, frame.time_s, classifier, smoother, view) if tracked else []
        clock.lap("classify")
        picture = _annotate(image, faces, classifier.classes) if draw else image
        clock.lap("draw")
        yield AnnotatedFrame(frame.number, frame.time_s, picture, faces, clock.laps)
        before, count = shape, count + 1
        clock = Stopwatch()


class Stopwatch:
    """Seconds of one stage after the other, in `laps`."""

    def __init__(self):
        self.laps, self._last = {}, time.perf_counter()

    def lap(self, stage):
        now = time.perf_counter()
        self.laps[stage], self._last = now - self._last, now


def _classified(image, tracked, time_s, classifier, smoother, view):
    """`TrackedFace` for each (track, face)."""
    faces = []
    expressions = photographs.classify(image, [face for _, face in tracked], classifier, [view])
    for (track, face), expression in zip(tracked, expressions, strict=True):
        smooth = smoother.update(track, time_s, expression.probabilities)
        emotion = classifier.classes[int(smooth.argmax())]
        faces.append(TrackedFace(track, face, emotion, expression.probabilities, smooth))
    return faces


def _annotate(image, faces, classes):
    """A copy of a picture with the smoothed emotions, the surest face on top, each with its track's number."""
    ordered = sorted(faces, key=lambda one: -one.face.score)
    displayed = [photographs.Expression(one.face, one.emotion, one.probabilities) for one in ordered]
    return photographs.draw(image, displayed, classes, [one.track for one in ordered])
