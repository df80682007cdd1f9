"""A reading in numbers: how long its stages took, what was seen, and how far it is."""

import sys
import time
from collections import Counter, deque

import numpy as np

from fer_tf.faces.video.reading import STAGES

PAUSE = 5.0  # seconds


class Latencies:
    """How long the stages took, over at most the last `retained` frames, and how many frames per second that makes."""

    def __init__(self, retained=100_000):
        self.frames, self.seconds = 0, 0.0
        self._kept, self._started = deque(maxlen=retained), time.perf_counter()

    def add(self, seconds):
        """Takes in a frame's dict of stage to seconds."""
        self._kept.append(tuple(seconds.get(stage, 0.0) for stage in STAGES))
        self.frames += 1
        self.seconds = time.perf_counter() - self._started

    @property
    def fps(self):
        """Frames per second of the whole, waiting for the camera included."""
        return self.frames / self.seconds if self.seconds else 0.0

    def facts(self):
        """dict of the seconds and frames per second of the whole, and the `stages`."""
        return {"seconds": round(self.seconds, 3), "fps": round(self.fps, 2), "stages": self.stages()}

    def stages(self):
        """dict of stage, and "whole" for their sum, to a dict of median_ms, p95_ms and share of the whole, 0 to 1."""
        if not self._kept:
            return {}
        taken = np.array(self._kept)
        taken = np.column_stack([taken, taken.sum(axis=1)])
        median, late = np.quantile(taken, (0.5, 0.95), axis=0) * 1000
        share = taken.sum(axis=0) / max(taken[:, -1].sum(), 1e-12)
        return {
            stage: {"median_ms": round(m, 3), "p95_ms": round(p, 3), "share": round(s, 4)}
            for stage, m, p, s in zip((*STAGES, "whole"), median.tolist(), late.tolist(), share.tolist(), strict=True)
        }


class Counts:
    """What was seen, in numbers."""

    def __init__(self):
        self.frames = self.without = 0
        self.tracks, self.emotions = set(), Counter()

    def add(self, annotated):
        self.frames += 1
        self.without += not annotated.faces
        self.tracks |= {observed.track for observed in annotated.faces}
        self.emotions.update(observed.emotion for observed in annotated.faces)

    def summary(self):
        faces = self.emotions.total()
        shares = {name: round(n / faces, 4) for name, n in self.emotions.most_common()}
        counts = {"frames": self.frames, "frames_without_face": self.without, "faces": faces}
        return counts | {"tracks": len(self.tracks), "emotions": shares}


class Progress:
    """One line on stderr that is written over, or a line every `PAUSE` seconds where it is no terminal."""

    def __init__(self, total):
        self._total, self._overwrites = total, sys.stderr.isatty()
        self._wait = 0.2 if self._overwrites else PAUSE
        self._next = time.perf_counter() + self._wait

    def __call__(self, latencies, faces):
        if time.perf_counter() < self._next:
            return
        self._next = time.perf_counter() + self._wait
        total = f" of {self._total:,}" if self._total else ""
        rate, plural = f"{latencies.fps:.0f} frames/s", "" if faces == 1 else "s"
        message = f"frame {latencies.frames:,}{total}, {rate}, {faces} face{plural}"
        begin, end = ("\r", "") if self._overwrites else ("", "\n")
        print(f"{begin}{message:<60}", end=end, file=sys.stderr, flush=True)

    def close(self):
        if self._overwrites:
            print(f"\r{'':60}\r", end="", file=sys.stderr, flush=True)
