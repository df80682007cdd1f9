"""Faces followed from frame to frame, and their probabilities smoothed over time.

A tracker knows boxes and nothing of pictures; a smoother knows tracks, times and probabilities. Both keep only what the
next frame needs, so that a camera may run for days.
"""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from fer_tf.errors import InputError, choose

SMOOTHINGS = ("none", "mean", "exponential")


class Tracker:
    """Gives the faces of successive frames track numbers: boxes that overlap most are one face.

    Args:
        overlap: minimum intersection over union, 0 to 1, of two boxes of one face.
        max_missed: for how many updates a track outlives its face, so that a turned head keeps its number.
        min_hits: how many updates in a row must find a face before it is shown; a detector's flickers are not. At the
            start of a clip every face is shown at once.
    Raises InputError: an argument out of its range.

    Boxes are assigned by the Hungarian method on their overlap, without a motion model: Bewley et al. 2016, section 3.3.
    """

    def __init__(self, overlap=0.25, max_missed=15, min_hits=2):
        if not 0 < overlap < 1 or max_missed < 0 or min_hits < 1:
            raise InputError(
                f"tracker: overlap {overlap} (0 to 1), max_missed {max_missed} (0 up), hits {min_hits} (1 up)."
            )
        self.overlap, self.max_missed, self.min_hits = overlap, max_missed, min_hits
        self._tracks, self._updates, self._next = [], 0, 1

    @property
    def tracks(self):
        """The numbers of the tracks that are kept, whether or not their face is in sight: a set of ints."""
        return {track.number for track in self._tracks if track.number}

    def update(self, faces):
        """Takes a frame's faces in.

        Args:
            faces: list of faces with a `box` (x, y, width, height) in pixels.
        Returns: list of (track number from 1, face) in order of the numbers: every face of this frame that is sure
            enough.
        """
        self._updates += 1
        pairs = self._assign(faces)
        for row, track in enumerate(self._tracks):
            if row in pairs:
                track.face, track.box = faces[pairs[row]], faces[pairs[row]].box
                track.hits, track.missed = track.hits + 1, 0
            else:
                track.hits, track.missed = 0, track.missed + 1
        taken = set(pairs.values())
        self._tracks += [_Track(face, face.box) for i, face in enumerate(faces) if i not in taken]
        # A track that was never shown is a flicker: it has no number to keep.
        self._tracks = [t for t in self._tracks if t.missed <= (self.max_missed if t.number else 0)]
        for track in self._tracks:
            if not track.number and (track.hits >= self.min_hits or self._updates <= self.min_hits):
                track.number, self._next = self._next, self._next + 1
        return self.held()

    def held(self):
        """The faces of the last update, for a frame in which no detector looked: as `update` returned them."""
        observed = [(track.number, track.face) for track in self._tracks if track.number and track.missed == 0]
        return sorted(observed, key=lambda pair: pair[0])

    def rescale(self, across, down):
        """Carries the tracks over to frames of another size, `across` and `down` times as large; then comes an update."""
        for track in self._tracks:
            x, y, width, height = track.box
            track.box = (x * across, y * down, width * across, height * down)

    def _assign(self, faces):
        """dict of row in `_tracks` -> position in `faces`."""
        if not faces or not self._tracks:
            return {}
        before = np.array([track.box for track in self._tracks])
        overlaps = overlap(before, np.array([face.box for face in faces]))
        overlaps[overlaps < self.overlap] = 0  # or two faint pairs could outweigh one good one
        return {row: column for row, column in assignment(overlaps).items() if overlaps[row, column] > 0}


def assignment(gains):
    """The pairs of a row and a column, each at most once, whose gains have the largest sum: the Hungarian method.

    Args:
        gains: float array (n, m).
    Returns: dict of row to column, min(n, m) pairs.

    By shortest augmenting paths, Jonker and Volgenant 1987; here so that photographs and clips need no SciPy, whose
    `linear_sum_assignment` finds the same sum.

    Example:
        >>> assignment(np.array([[0.9, 0.8], [0.7, 0.1]]))
        {0: 1, 1: 0}
    """
    if gains.shape[0] > gains.shape[1]:
        return dict(sorted((row, column) for column, row in assignment(gains.T).items()))
    n, m = gains.shape
    row_prices, column_prices = np.zeros(n), np.zeros(m + 1)
    owners = np.full(m + 1, -1)  # the row of each column; the last one stands for none, where a path begins
    for start in range(n):
        owners[m], column = start, m
        distances, previous, done = np.full(m, np.inf), np.full(m, m), np.zeros(m + 1, bool)
        while owners[column] >= 0:
            done[column] = True
            row = owners[column]
            reduced = -gains[row] - row_prices[row] - column_prices[:m]
            nearer = ~done[:m] & (reduced < distances)
            distances[nearer], previous[nearer] = reduced[nearer], column
            column = int(np.where(done[:m], np.inf, distances).argmin())
            step = distances[column]
            row_prices[owners[done]] += step
            column_prices[done] -= step
            distances[~done[:m]] -= step
        while column != m:
            owners[column], column = owners[previous[column]], previous[column]
    return dict(sorted((int(row), column) for column, row in enumerate(owners[:m]) if row >= 0))


def overlap(a, b):
    """Intersection over union of every box of one list with every box of another.

    Args:
        a: float array (n, 4) of x, y, width, height.
        b: float array (m, 4).
    Returns: float array (n, m), 0 to 1; 0 for boxes without an area.
    """
    a, b = np.asarray(a, float).reshape(-1, 4)[:, None], np.asarray(b, float).reshape(-1, 4)[None]
    sides = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.clip(sides, 0, None).prod(axis=-1)
    union = a[..., 2] * a[..., 3] + b[..., 2] * b[..., 3] - shared
    shares = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return np.minimum(shares, 1)  # which rounding can pass, for boxes of almost no height


class Smoother:
    """Smooths each track's probabilities over time; what comes out sums to one as what goes in.

    Args:
        kind: "none"; "mean", the average of the last frames; or "exponential", in which older frames count less and less.
        seconds: how far back "mean" looks, and the time constant of "exponential": after that long, a change that stays
            has come through to 63%.
        frames: look back this many frames instead of `seconds`, for "mean".
    Raises InputError: an unknown kind, or a length of time that is none.
    """

    def __init__(self, kind="exponential", seconds=0.3, frames=None):
        if not seconds > 0 or (frames is not None and frames < 1):
            raise InputError(f"smoothing over {seconds} s or {frames} frames; take more than 0 s, or 1 frame or more.")
        self.kind, self.seconds, self.frames = choose("smoothing", kind, SMOOTHINGS), seconds, frames
        self._past = {}

    def update(self, track, time_s, probabilities):
        """A track's probabilities at a time, smoothed with what came before.

        Args:
            track: its number.
            time_s: seconds, not earlier than before.
            probabilities: float array (k,), summing to 1.
        Returns: float32 array (k,), summing to 1.
        """
        now = np.asarray(probabilities, np.float64)
        if self.kind == "mean":
            now = self._mean(track, time_s, now)
        elif self.kind == "exponential":
            before, then = self._past.get(track, (now, time_s))
            now = now + (before - now) * math.exp(-max(0.0, time_s - then) / self.seconds)
            self._past[track] = (now, time_s)
        return now.astype(np.float32)

    def keep(self, tracks):
        """Forgets every track but these."""
        self._past = {track: past for track, past in self._past.items() if track in tracks}

    def _mean(self, track, time_s, now):
        past = self._past.setdefault(track, deque(maxlen=self.frames))
        past.append((time_s, now))
        # half a millisecond for timestamps that were rounded
        while self.frames is None and len(past) > 1 and past[0][0] < time_s - self.seconds + 0.0005:
            past.popleft()
        return np.mean([probabilities for _, probabilities in past], axis=0)


@dataclass
class _Track:
    face: object  # as it was last seen
    box: tuple  # the face's, in pixels of the frames now
    number: int = 0  # none yet
    hits: int = 1  # updates in a row that found it
    missed: int = 0  # updates since
