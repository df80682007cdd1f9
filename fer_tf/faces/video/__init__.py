"""Clips, folders of frames and cameras read to emotions of each face over time.

    summary = video.run_clip("party.mp4", "out")    # out/party_emotions.mp4, .csv and .json
    summary = video.run_live(0)                     # a window; q quits

The pieces are there too: `open_source` gives frames, `read` the faces in them, a `Recording` keeps what was read. No
picture leaves the machine.
"""

# ruff: noqa: F401 (what is imported here is the interface)

import time
from contextlib import nullcontext

from fer_tf import hashing
from fer_tf.errors import InputError, ending_in_order
from fer_tf.faces import detection
from fer_tf.faces.tracking import SMOOTHINGS, Smoother, Tracker
from fer_tf.faces.video.reading import STAGES, AnnotatedFrame, TrackedFace, read
from fer_tf.faces.video.recording import Recording, VideoWriter, classes_of, read_table
from fer_tf.faces.video.sources import Camera, Clip, Folder, Frame, open_source, recording_name
from fer_tf.faces.video.summary import Counts, Latencies, Progress
from fer_tf.faces.video.window import Window, can_open_windows
from fer_tf.models.predictor import load_predictor


def run_clip(source, out, detector=None, network=None, fps=25.0, write_video=True, **options):
    """Reads a clip or a folder of frames, and keeps an annotated video, a table of every frame, and a summary.

    Args:
        source: path of a clip or a folder of pictures.
        out: folder of the files, `<name>_emotions.mp4`, `.csv` and `.json`; made where it isn't there.
        detector: name of `detection.names()`, or one that was loaded; the best that is present by default.
        network: path of a `.onnx` or `.keras` file, or a `models.Classifier`; the one that ships by default.
        fps: frames per second of a folder.
        write_video: write the annotated video.
        **options: tracker, a `tracking.Tracker`, and smoother, a `tracking.Smoother`; with their defaults where none is given.
            every, min_score, min_size, see `read`. seconds and max_frames to stop after; None reads to the end.
            weights_folder, of the detectors' weights, for one that is named. progress, shown on stderr in one line.
    Returns: dict, what `<name>_emotions.json` holds: source, source_id (a hash of its place), ended, complete, frames, seconds,
        fps, faces, tracks, frames_without_face, dropped, detector, network, classes, stages, emotions (share of the faces),
        table, video, codec.
    Raises InputError: a source, name or number that is wrong, files of another source of this name in `out`, or the disk is
        full; what was written until then is kept, but where files of a complete reading lie: these stay.
    """
    opened = open_source(source, fps)
    return _run(opened, out, recording_name(opened.path), nullcontext(), detector, network, write_video, **options)


def run_live(camera=0, out=None, detector=None, network=None, window=None, patience=5.0, **options):
    """Reads a camera as it comes: frames are dropped rather than shown late. `q` in the window quits, as does Ctrl-C.

    Args:
        camera: its number, path or stream address; see `sources.Camera`.
        out: folder to record in, as `run_clip` does, under the name `live_<date>_<time>`. Nothing is kept by default,
            unless there is no window: then it is "live".
        window: show a window; by default where there is a display.
        patience: seconds without a frame after which the camera counts as gone.
        detector, network, **options: as of `run_clip`.
    Returns: dict as of `run_clip`; table, video and codec are None where nothing was kept.
    Raises InputError: as of `run_clip`; the camera cannot be opened; or a window was asked for and there is no display.
    """
    shows = can_open_windows() if window is None else window
    if shows and not can_open_windows():
        raise InputError("a window was asked for, and there is no display to open it on. Go without: --no-window.")
    window = Window("fer-tf: q quits") if shows else nullcontext()
    name = time.strftime("live_%Y%m%d_%H%M%S")
    return _run(
        Camera(camera, patience), out or (None if shows else "live"), name, window, detector, network, **options
    )


def _run(
    source, out, name, window, detector, network, write_video=True, tracker=None, smoother=None, every=1,
    min_score=0.0, min_size=0, max_frames=None, seconds=None, weights_folder=None, progress=True,
):  # fmt: skip
    detector, network = _loaded(detector, network, weights_folder, source.size)
    frames = read(source, detector, network, tracker, smoother, every, min_score, min_size, draw=write_video)
    recording = None
    if out:
        options = {"write_video": write_video, "source": _identity(source), "longest_wait": source.longest_wait}
        recording = Recording(out, name, network.classes, source.fps, **options)
    with source, window as shown, ending_in_order(), recording or nullcontext():
        line = Progress(source.length if max_frames is None else max_frames) if progress else None
        return _Reading(source, detector, network, recording, shown, max_frames, seconds, line).run(frames)


def _identity(source):
    """What tells a source from others in a summary: its name, and a hash of its place, as two may have one name."""
    path = getattr(source, "path", None)
    return {"source": source.name} | ({"source_id": hashing.digest(str(path.resolve()))[:16]} if path else {})


def _loaded(detector, network, weights_folder, size):
    """Detector and network, loaded where they are named."""
    if not hasattr(detector, "detect"):
        name = detector or detection.default(weights_folder)
        # Half the frame is enough for faces that a network can read, and three times as fast.
        options = {"longest": min(640, max(320, max(size) // 2))} if name == "yunet" and size else {}
        detector = detection.load(name, weights_folder, **options)
    return detector, network if hasattr(network, "probabilities") else load_predictor(network or None)


class _Reading:
    """Goes through annotated frames until they or one's patience end, and sums up."""

    def __init__(self, source, detector, network, recording, window, max_frames, seconds, progress):
        self.source, self.detector, self.network, self.progress = source, detector, network, progress
        self.recording, self.window, self.max_frames, self.max_seconds = recording, window, max_frames, seconds
        self.latencies, self.counts = Latencies(), Counts()

    def run(self, frames):
        """Returns the summary; writes it beside the recording, whatever ended the reading."""
        ended, complete = "stopped by an error", False
        try:
            # The first frame after which there is a reason to stop is the last.
            ended = next(filter(None, map(self._take, frames)), "")
            complete, ended = bool(ended or not self.source.fault), ended or self.source.fault or "end"
        except KeyboardInterrupt:
            ended, complete = "interrupted", self.source.endless
        except Exception as error:
            ended = f"stopped by an error: {error}"
            raise
        finally:
            if self.progress:
                self.progress.close()
            summary = self._summary(ended, complete)
        return summary

    def _take(self, annotated):
        """Writes, shows and counts a frame; returns why it is the last, or ""."""
        started = time.perf_counter()
        if self.recording:
            self.recording.write(annotated)
        quits = self.window is not None and self.window.show(annotated.picture) == "quit"
        annotated.seconds["write"] = time.perf_counter() - started
        self.latencies.add(annotated.seconds)
        self.counts.add(annotated)
        if self.progress:
            self.progress(self.latencies, len(annotated.faces))
        if quits:
            return "q was pressed"
        if self.max_frames is not None and self.latencies.frames >= self.max_frames:
            return f"after {self.max_frames:,} frames"
        late = self.max_seconds is not None and self.latencies.seconds >= self.max_seconds
        return f"after {self.max_seconds:g} s" if late else ""

    def _summary(self, ended, complete):
        path, source = getattr(self.network, "path", None), self.source
        summary = {**_identity(source), "ended": ended, "complete": complete, "dropped": source.dropped}
        summary |= {**self.counts.summary(), **self.latencies.facts(), "detector": self.detector.name}
        summary |= {"network": path and path.name, "classes": list(self.network.classes)}
        summary |= {"table": None, "video": None, "codec": None}
        if not self.recording:
            return summary
        if not complete and self.recording.earlier.get("complete"):
            self.recording.drop()
            summary["ended"] += "; the files of the earlier reading, which is complete, stay as they are"
            return summary
        try:
            self.recording.close()
        finally:  # names the video only where it could be finished
            summary |= {"table": str(self.recording.table), "codec": self.recording.codec}
            summary["video"] = str(self.recording.video) if self.recording.codec else None
            self.recording.summarize(summary)
        return summary
