"""Where frames come from: a clip, a folder of pictures, or a camera. All are iterated in the same way.

Each source is opened in a `with` block and gives `Frame`s in order. It ends; it does not raise in mid-stream: what went
wrong on the way stands in `fault`, one sentence, so that what was read so far is kept.
"""

import math
import os
import re
import struct
import threading
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fer_tf import paths
from fer_tf.errors import InputError, quiet_opencv
from fer_tf.faces import photographs

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg reads it once: a bad clip is told in one line of ours

FPS = 25.0
"""Frames per second where a source does not tell."""
TRIES = 100
"""Damaged frames in a row that are passed over before a clip is given up."""
COUNTED = (".mp4", ".m4v", ".mov", ".avi")
"""Clips that hold how many frames they have; of others OpenCV multiplies duration and frame rate, which may vary."""
LONGEST_WAIT = 10.0
"""Seconds that one picture stays at most: a clock that jumps must not fill the disk with a video."""


@dataclass(frozen=True)
class Frame:
    """One picture of a stream.

    Attributes:
        number: from 0; the camera's dropped frames are counted too.
        time_s: seconds since the stream began, by the clip's own timestamps or the clock; never goes back.
        image: uint8 array (h, w, 3), BGR.
    """

    number: int
    time_s: float
    image: np.ndarray


def open_source(source, fps=FPS):
    """The `Clip` or `Folder` (with that many frames per second) at a path; an InputError where nothing can be read."""
    path = paths.from_home(source)
    return Folder(path, fps) if path.is_dir() else Clip(path)


def recording_name(path):
    """What the files are named that are kept of a clip or a folder: its name, and "_emotions"."""
    return f"{path.stem if path.is_file() else path.resolve().name}_emotions"


class Clip(AbstractContextManager):
    """A video file.

    Args:
        path: of anything that FFmpeg decodes; turned upright where the file says so.
    Attributes:
        name: the file's name.
        size: (width, height) of its first frame, in pixels; later ones may differ.
        fps: frames per second that it claims, `FPS` where that is nonsense.
        length: how many frames it claims, or None.
        longest_wait: seconds between two frames at most: as long as it claims to be, or `LONGEST_WAIT`.
        dropped: how many frames were replaced before anyone took them: 0.
        fault: what went wrong on the way, or "".
        endless: whether stopping early is normal: False.
    Raises InputError: there is no such file, or not one frame can be read from it.
    """

    dropped, endless = 0, False

    def __init__(self, path):
        if not Path(path).is_file():
            raise InputError(f"{path}: there is no such clip. Give a video file, or a folder of pictures.")
        if not paths.is_text(path):
            raise InputError(f"{path}: {paths.NO_TEXT}")
        self.path, self.name, self.fault = Path(path), Path(path).name, ""
        paths.open_regular(self.path, "Give a clip that you may read.").close()
        with quiet_opencv():
            # Of a relative name FFmpeg takes what stands before a colon for a protocol.
            self._capture = cv2.VideoCapture(str(self.path.absolute()))
            result, self._first = self._capture.read() if self._capture.isOpened() else (False, None)
        if not result:
            self._capture.release()
            raise InputError(f"{path}: no frame can be read. It is damaged or no video; try whether a player shows it.")
        self.size = self._first.shape[1::-1]
        self.fps, self.length = _fps(self._capture), _length(self._capture)
        if self.length:  # a trimmed clip still holds the frames that were cut
            self.length = math.ceil(min(self.length, _played(self.path) * self.fps))
        self.longest_wait = max(LONGEST_WAIT, (self.length or 0) / self.fps)

    def __exit__(self, *_):
        self._capture.release()

    def __iter__(self):
        image, number, time_s = self._first, 0, 0.0
        start = self._capture.get(cv2.CAP_PROP_POS_MSEC)
        self._first = None
        while image is not None:
            yield Frame(number, time_s, image)
            last = time_s
            result, image = self._read(number + 1)
            number += result
            passed = (self._capture.get(cv2.CAP_PROP_POS_MSEC) - start) / 1000
            # A timestamp that is missing, or goes back, is replaced by the frame rate's.
            time_s = passed if time_s < passed < math.inf else time_s + 1 / self.fps
            image = image if result else None
        read = number + 1
        if not self.length or read >= 0.98 * self.length - 2:  # some claim a few frames too many
            return
        whole, until = self.length / self.fps, last + 1 / self.fps
        if self.path.suffix.lower() in COUNTED:
            self.fault = f"{read:,} of {self.length:,} frames of {self.name} could be read: the rest is damaged."
        elif until < 0.98 * whole - 2 / self.fps:
            self.fault = f"{until:.1f} of {whole:.1f} s of {self.name} could be read: the rest is damaged."

    def _read(self, number):
        """The next frame as OpenCV gives it, over damaged ones as long as the clip claims to have more."""
        for _ in range(TRIES if self.length and number < self.length else 1):
            result, image = self._capture.read()
            if result:
                break
        return result, image


def _played(path):
    """Seconds that an MP4 or QuickTime file's header says it plays (ISO/IEC 14496-12, `mvhd`); inf where it says nothing."""
    with open(path, "rb") as file:
        header = next((at for kind, at in _boxes(file, path.stat().st_size) if kind == b"mvhd"), None)
        file.seek(header or 0)
        data = file.read(32)
    if header is None or len(data) < 32:
        return math.inf
    ticks, length = struct.unpack(">20xIQ" if data[0] else ">12xII", data[: 32 if data[0] else 20])
    return length / ticks if ticks and length else math.inf


def _boxes(file, end):
    """The boxes of an MP4 file, with those of `moov` in place of it: (kind, offset of the content)."""
    at = 0
    for _ in range(1_000):  # more has no film
        if at + 8 > end:
            return
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        inside = at + 8
        if size == 1:
            size, inside = struct.unpack(">Q", file.read(8).ljust(8, b"\0"))[0], at + 16
        yield kind, inside
        at = inside if kind == b"moov" else at + size if size >= 8 else end


class Folder(AbstractContextManager):
    """A folder of pictures at `fps` frames per second, in the order of the numbers in their names; attributes as of a `Clip`.

    Hidden files, what is no picture by its suffix, and the timeline of an earlier reading are passed over; a picture that
    cannot be read is left out and named in `fault`. `size` is None, as each picture has its own.

    Raises InputError: there is no picture in it; when it is iterated, not one that can be read.
    """

    dropped, size, endless, longest_wait = 0, None, False, LONGEST_WAIT

    def __init__(self, path, fps=FPS):
        if not 0 < fps < math.inf:
            raise InputError(f"{path}: {fps} frames per second; give a number above 0.")
        own = f"{recording_name(Path(path))}.png"
        names = (file for file in Path(path).iterdir() if not file.name.startswith(".") and file.name != own)
        files = (file for file in names if file.suffix.lower() in photographs.SUFFIXES and file.is_file())
        self._files = sorted(files, key=_natural)
        if not self._files:
            raise InputError(f"{path}: there is no picture in this folder. Frames are files such as frame1.png.")
        self.path, self.name, self.fps, self.length, self.fault = Path(path), Path(path).name, fps, len(self._files), ""

    def __exit__(self, *_):
        pass

    def __iter__(self):
        failures = []
        for number, file in enumerate(self._files):
            try:
                image = photographs.read(file)
            except InputError as error:
                failures.append(str(error))
                continue
            yield Frame(number, number / self.fps, image)
        if len(failures) == len(self._files):
            raise InputError(failures[0])
        if failures:
            self.fault = f"{len(failures):,} of {len(self._files):,} pictures left out; the first: {failures[0]}"


class Camera:
    """A camera, of which only the newest frame is kept: a slow reader loses frames and never lags behind.

    Args:
        device: its number from 0, its path, or a stream's address. A clip's path works too: it is played at its own pace.
        patience: seconds without a frame after which the camera counts as gone.
        open_capture: what opens it, as cv2.VideoCapture does.
    Attributes as of a `Clip`; size is None where the camera does not say, length is None, endless True.
    Raises InputError: it cannot be opened.
    """

    length, endless, longest_wait = None, True, LONGEST_WAIT

    def __init__(self, device=0, patience=5.0, open_capture=cv2.VideoCapture):
        device = int(device) if str(device).isdecimal() else device
        if not paths.is_text(device):
            raise InputError(f"camera {device}: {paths.NO_TEXT}")
        self.name, self.patience, self.fault, self.dropped = f"camera {device}", patience, "", 0
        self._capture = None
        with quiet_opencv(), suppress(cv2.error):  # a number that is none of OpenCV's
            is_file = isinstance(device, (str, Path)) and Path(device).is_file()
            self._capture = open_capture(str(Path(device).absolute()) if is_file else device)
        if self._capture is None or not self._capture.isOpened():
            raise InputError(f"{self.name} cannot be opened. Is it plugged in, free, and yours to read?")
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self.fps = _fps(self._capture)
        size = [int(self._capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)]
        self.size = tuple(size) if min(size) > 0 else None
        self._pause = 1 / self.fps if _length(self._capture) else 0.0
        self._news, self._newest, self._closing, self._gone = threading.Condition(), None, False, False
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._closing = True
        self._thread.join(timeout=1)
        if not self._thread.is_alive():  # one that hangs in the driver would crash if its camera were closed
            self._capture.release()

    def __iter__(self):
        while True:
            with self._news:
                came = self._news.wait_for(lambda: self._newest is not None or self._gone, self.patience)
                frame, self._newest = self._newest, None
            if frame is None:
                if not (self._gone and self._pause):
                    message = "was closed or unplugged" if came else f"gave no frame for {self.patience:g} s"
                    self.fault = f"{self.name} {message}."
                return
            yield frame

    def _watch(self):
        last, start, number = time.perf_counter(), None, 0
        while not self._closing:
            result, image = self._capture.read()
            now = time.perf_counter()
            if result:
                start = now if start is None else start  # a camera may take seconds to its first frame
                with self._news:
                    self.dropped += self._newest is not None
                    self._newest = Frame(number, now - start, image)
                    self._news.notify()
                number, last = number + 1, now
                time.sleep(max(0.0, start + number * self._pause - now) if self._pause else 0.0)
            elif self._pause or now - last > min(1.0, self.patience) or not self._capture.isOpened():
                break
            else:
                time.sleep(0.01)  # cameras miss a frame now and then
        with self._news:
            self._gone = True
            self._news.notify()


def _fps(capture):
    fps = capture.get(cv2.CAP_PROP_FPS)
    return float(fps) if 1 <= fps <= 1000 else FPS


def _length(capture):
    frames = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return int(frames) if 0 < frames < 1e9 else None


def _natural(path):
    """frame2 before frame10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)]
