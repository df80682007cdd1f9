"""What is kept of a reading: an annotated video, a table with a row for each face of each frame, and a summary.

Whatever ends a reading, what was written so far is complete: the table is closed, the video can be played. Each file is
written beside its place and takes it when the recording is closed; but one that was stopped does not replace a whole one.
"""

import csv
import io
import json
import math
from contextlib import ExitStack, suppress
from pathlib import Path

import cv2
import numpy as np

from fer_tf import documents, paths
from fer_tf.errors import InputError, first_line, quiet_opencv
from fer_tf.faces.video.sources import LONGEST_WAIT

CODECS = ("avc1", "mp4v")
"""H.264 plays everywhere, but OpenCV's wheels on Linux cannot write it; MPEG-4 part 2 plays in players, not in browsers."""
LONGEST = 8190
"""Pixels of a video's longer side at most, as MPEG-4 part 2 has it; larger pictures are shrunk."""
FASTEST_EXACT = 65
"""Frames a second above which a rate becomes a whole number: OpenCV counts in thousandths of a frame, MPEG-4 part 2 up
to 65,535 of them in a second.
"""


class Recording:
    """The files of one reading, opened in a `with` block.

    Args:
        folder, stem: where they go, and their name without suffix.
        classes: tuple of the k class names.
        fps: frames per second of the video.
        write_video: write the annotated video too.
        source: dict of entries of the summary that tell this source from others.
        longest_wait: as of a `Clip`.
    Attributes:
        table, video: Path of `<stem>.csv`, and of `<stem>.mp4` or None.
        codec: of the video, known when its first frame is written.
        earlier: dict, the summary of an earlier reading of this source that lies there; empty where none does.
    Raises InputError: the folder cannot be written; files of another source have this name; for a video, its name is no text.
    """

    def __init__(self, folder, stem, classes, fps, write_video=True, source=None, longest_wait=LONGEST_WAIT):
        folder = Path(folder)
        self.table, self.video = folder / f"{stem}.csv", folder / f"{stem}.mp4" if write_video else None
        if self.video and not paths.is_text(self.video):
            raise InputError(f"{self.video}: {paths.NO_TEXT}")
        self.summary, self.codec = folder / f"{stem}.json", None
        self.earlier = _earlier(self.summary, source or {})
        self._classes, self._fps, self._longest_wait, self._writer = classes, fps, longest_wait, None
        self._files, self._video_files = ExitStack(), ExitStack()  # apart, so that a video that fails leaves the table

    def __enter__(self):
        part = self._files.enter_context(paths.writing(self.table))
        # Without a buffer: what a full disk refuses is not tried again when the file is closed.
        with paths.changing(self.table):
            self._file = self._files.enter_context(part.open("wb", buffering=0))
        self._write_rows([columns(self._classes)])
        return self

    def __exit__(self, *_):
        self.close()

    def write(self, annotated):
        """Adds an `AnnotatedFrame`: its rows to the table, its picture to the video."""
        self._write_rows(rows(annotated, len(columns(self._classes))))
        if self.video:
            if self._writer is None:
                with ExitStack() as files:
                    part = files.enter_context(paths.writing(self.video))
                    self._writer = VideoWriter(part, self._fps, annotated.picture.shape, self._longest_wait)
                    files.callback(self._writer.close)
                    self._video_files = files.pop_all()  # to be finished only where it could be begun
                self.codec = self._writer.codec
            self._writer.write(annotated.picture, annotated.time_s)

    def _write_rows(self, cells):
        """Adds rows to the table, all or none of them."""
        text, length = io.StringIO(), self._file.tell()
        csv.writer(text, lineterminator="\n").writerows(cells)
        data = text.getvalue().encode()
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            self._file.truncate(length)
            raise InputError(f"{self.table}: could not be written on ({error.strerror}). Free some space.") from error

    def close(self):
        """Finishes the files and puts them in their places; what was written so far is what they hold.

        Raises InputError: the video cannot be played, as the disk is full; it is removed, and the table stays.
        """
        try:
            self._video_files.close()
        except InputError as error:
            self.codec = None
            message = f"{self.video}: the video could not be written whole. Free some space, or go without: --no-video."
            raise InputError(message) from error
        finally:
            self._files.close()

    def drop(self):
        """Closes the files and keeps nothing of them; those of the earlier reading stay."""
        stopped = InputError("dropped")
        for files in (self._video_files, self._files):
            with suppress(InputError):
                files.__exit__(InputError, stopped, None)

    def summarize(self, summary):
        """Writes the summary, a dict, as `<stem>.json`; a video and a timeline of an earlier reading go."""
        paths.write_text(self.summary, json.dumps(summary, indent=1) + "\n")
        if self.earlier:
            stale = [] if summary["video"] else [self.table.with_suffix(".mp4")]
            for path in (*stale, self.table.with_suffix(".png")):
                with paths.changing(path):
                    path.unlink(missing_ok=True)


class VideoWriter:
    """An MP4 that is as long as what it shows: a late frame is waited for on the one before it.

    Args:
        fps: frames per second of the file at `path`; rounded where it is more than `FASTEST_EXACT`.
        longest_wait: seconds that one picture is shown at most.
        shape: (height, width, ...) of its pictures, made even and `LONGEST` at most, as the codecs ask; others are
            fitted in with black bars.
    Attributes:
        codec: the one of `CODECS` that could be had.
        frames: how many it holds.
    Raises InputError: no codec can be had, or the place cannot be written.
    """

    def __init__(self, path, fps, shape, longest_wait=LONGEST_WAIT):
        if not paths.is_text(path):
            raise InputError(f"{path}: {paths.NO_TEXT}")
        self.path, self.fps, self.frames = Path(path), round(fps) if fps > FASTEST_EXACT else fps, 0
        scale = min(1, LONGEST / max(shape[:2]))
        self.size = tuple(max(2, round(side * scale) // 2 * 2) for side in (shape[1], shape[0]))
        self._start, self._longest_wait = None, longest_wait
        for self.codec in CODECS:
            fourcc = cv2.VideoWriter_fourcc(*self.codec)
            with quiet_opencv():
                self._writer = cv2.VideoWriter(self._place(), fourcc, self.fps, self.size)
            if self._writer.isOpened():
                return
        what = f"{self.size[0]}x{self.size[1]} at {self.fps:g} frames a second"
        message = f"no video can be written in {self.path.parent} ({what}), by none of the codecs {', '.join(CODECS)}"
        raise InputError(f"{message}. Go without one: --no-video.")

    def write(self, picture, time_s):
        """Adds a picture, uint8 array (h, w, 3) BGR, that is shown from `time_s` on, in seconds."""
        if self._start is None:
            self._start = time_s
        due = math.floor((time_s - self._start) * self.fps + 0.5) + 1 - self.frames
        if due > self._longest_wait * self.fps + 1:
            self._start += (due - 1) / self.fps
            due = 1
        if due > 0:
            picture = letterbox(picture, self.size)
        for _ in range(due):
            self._writer.write(picture)
            self.frames += 1

    def close(self):
        """Finishes the file, so that it can be played; an InputError where it cannot, since OpenCV says nothing of a full disk."""
        with quiet_opencv():
            self._writer.release()
            written = cv2.VideoCapture(self._place())
            plays = written.isOpened()
            written.release()
        if not plays:
            raise InputError(f"{self.path}: the video could not be written. Free some space or choose another place.")

    def _place(self):
        return str(self.path.absolute())  # of a relative name FFmpeg takes what stands before a colon for a protocol


def letterbox(picture, size):
    """A picture (h, w, 3) in another `size` (width, height): cut by a pixel where that is all, else scaled whole with black
    bars; uint8 and contiguous.
    """
    width, height = size
    h, w = picture.shape[:2]
    if 0 <= w - width <= 1 and 0 <= h - height <= 1:
        return np.ascontiguousarray(picture[:height, :width])
    scale = min(width / w, height / h)
    inner = cv2.resize(picture, (max(1, round(w * scale)), max(1, round(h * scale))), interpolation=cv2.INTER_AREA)
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - inner.shape[0]) // 2, (width - inner.shape[1]) // 2
    canvas[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return canvas


def columns(classes):
    """The table's columns: frame, time_s, track, the box in pixels, score, emotion, `raw_<class>` and `<class>` smoothed."""
    box = ("x", "y", "width", "height")
    return ("frame", "time_s", "track", *box, "score", "emotion", *(f"raw_{name}" for name in classes), *classes)


def rows(annotated, width):
    """An `AnnotatedFrame` as rows of the table, `width` long: one for each face, or one with an empty track where there is none."""
    begin, result = (annotated.number, f"{annotated.time_s:.3f}"), []
    for observed in annotated.faces:
        box, score = [f"{value:.1f}" for value in observed.face.box], f"{observed.face.score:.4f}"
        shares = [f"{value:.5f}" for value in (*observed.raw, *observed.probabilities)]
        result.append((*begin, observed.track, *box, score, observed.emotion, *shares))
    return result or [begin + ("",) * (width - len(begin))]


def _earlier(path, source):
    """The summary at a path of an earlier reading of a source, {} for none; an InputError where it is of another source."""
    if not path.is_file():
        return {}
    advice = "Remove it, or name another folder: --out."
    summary = documents.read_json(path, {"source": str, "complete": bool}, advice)
    if any(summary.get(key, value) != value for key, value in source.items()):
        name = summary["source"]
        clip = f"another {name}" if name == source["source"] else name
        raise InputError(f"{path}: what lies there is of {clip}. {advice}")
    return summary


def read_table(path):
    """The table of a reading as a DataFrame; without a face, track and all that follows are empty (NaN).

    Raises InputError: there is no such file, or it is no such table.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        message = f"{path}: not a table of faces over time ({first_line(error)}). Read the clip again."
        raise InputError(message) from error
    if not {"frame", "time_s", "track", "emotion"} <= set(table):
        raise InputError(f"{path}: not a table of faces over time; frame, time_s, track or emotion is missing.")
    return table


def classes_of(table):
    """The class names of such a table, in order: tuple of str."""
    return tuple(name.removeprefix("raw_") for name in table if name.startswith("raw_"))
