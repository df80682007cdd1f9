"""Clips, folders of frames and cameras read to emotions of each face over time.

    summary = video.run_clip("party.mp4", "out")    # out/party_emotions.mp4, .csv and .json
    summary = video.run_live(0)                     # a window; q quits

The pieces are there too: `open_source` gives frames, `read` the faces in them, a `Recording` keeps what was read. No
picture leaves the machine.
"""

import signal
import threading
import time
from contextlib import contextmanager, nullcontext

from fer_tf.errors import InputError
from fer_tf.faces import detection
from fer_tf.faces.tracking import SMOOTHINGS, Smoother, Tracker
from fer_tf.faces.video.reading import STAGES, AnnotatedFrame, TrackedFace, read
from fer_tf.faces.video.recording import Recording, VideoWriter, classes_of, read_table
from fer_tf.faces.video.sources import Camera, Clip, Folder, Frame, open_source
from fer_tf.faces.video.summary import Counts, Latencies, Progress
from fer_tf.faces.video.window import Window, can_open_windows
from fer_tf.models import predictor as classifiers

__all__ = [
    "SMOOTHINGS",
    "STAGES",
    "AnnotatedFrame",
    "Camera",
    "Clip",
    "Folder",
    "Frame",
    "Latencies",
    "Recording",
    "TrackedFace",
    "VideoWriter",
    "Window",
    "can_open_windows",
    "classes_of",
    "open_source",
    "read",
    "read_table",
    "run_clip",
    "run_live",
]  # fmt: skip


def run_clip(
    source,
    out,
    detector=None,
    network=None,
    weights_folder=None,
    smoothing="exponential",
    smoothing_seconds=0.3,
    smoothing_frames=None,
    every=1,
    overlap=0.25,
    max_missed=15,
    min_hits=2,
    min_score=0.0,
    min_size=0,
    fps=25.0,
    film=True,
    frames=None,
    progress=True,
    **options,
):
    """Reads a clip or a folder of frames, and keeps an annotated film, a table of every frame, and a summary.

    Args:
        source: path of a clip or a folder of pictures.
        out: folder of the files, `<name>_emotions.mp4`, `.csv` and `.json`; made where it isn't there.
        detector: name of `detection.names()`, or one that was created; the best that is present by default.
        network: path of a `.onnx` or `.keras` file, or a loaded classifier; the one that ships by default.
        weights_folder: folder of the detectors' weights.
        smoothing, smoothing_seconds, smoothing_frames: see `tracking.Smoother`.
        every: look for faces in every so many frames.
        overlap, max_missed, min_hits: see `tracking.Tracker`.
        min_score, min_size: see `read`.
        fps: frames per second of a folder.
        film: write the film.
        frames: stop after so many; None reads to the end.
        progress: tell the progress on stderr, in one line.
        **options: the detector's own, such as `longest`.

    Returns:
        dict, what `<name>_emotions.json` holds: source, ended, complete, frames, seconds, fps, faces, tracks,
        frames_without_face, dropped, detector, network, classes, stages, emotions (share of the faces), table, film, codec.

    Raises:
        InputError: a source, name or number that is wrong, or the disk is full; what was written until then is kept.
    """
    tracker, smoother = Tracker(overlap, max_missed, min_hits), Smoother(smoothing, smoothing_seconds, smoothing_frames)
    opened = open_source(source, fps)
    reader = _Reader(detector, network, weights_folder, opened.size, options)
    name = opened.path.stem if opened.path.is_file() else opened.path.resolve().name
    annotated_frames = read(opened, *reader.both, tracker, smoother, every, min_score, min_size, draw=film)
    with opened, _quits_in_order(), Recording(out, f"{name}_emotions", reader.classes, opened.fps, film) as recording:
        return _follow(opened, annotated_frames, reader, recording, None, frames, None, progress)


def run_live(
    camera=0,
    out=None,
    detector=None,
    network=None,
    weights_folder=None,
    smoothing="exponential",
    smoothing_seconds=0.3,
    smoothing_frames=None,
    every=1,
    overlap=0.25,
    max_missed=15,
    min_hits=2,
    min_score=0.0,
    min_size=0,
    window=None,
    seconds=None,
    frames=None,
    patience=5.0,
    progress=True,
    **options,
):
    """Reads a camera as it comes: frames are dropped rather than shown late. `q` in the window quits, as does Ctrl-C.

    Args:
        camera: its number, path or stream address; see `sources.Camera`.
        out: folder to record in, as `run_clip` does, under the name `live_<date>_<time>`. Nothing is kept by default,
            unless there is no window: then it is "live".
        window: show a window; by default where there is a display.
        seconds, frames: stop after so many; None goes on.
        patience: seconds without a frame after which the camera counts as gone.
        detector, network, weights_folder, smoothing, smoothing_seconds, smoothing_frames, every, overlap, max_missed, min_hits,
        min_score, min_size, progress, **options: as of `run_clip`.

    Returns:
        dict as of `run_clip`; table, film and codec are None where nothing was kept.

    Raises:
        InputError: as of `run_clip`; the camera cannot be opened; or a window was asked for and there is no display.
    """
    tracker, smoother = Tracker(overlap, max_missed, min_hits), Smoother(smoothing, smoothing_seconds, smoothing_frames)
    shows = can_open_windows() if window is None else window
    if shows and not can_open_windows():
        raise InputError("a window was asked for, and there is no display to open it on. Go without: --no-window.")
    out = out or (None if shows else "live")
    opened = Camera(camera, patience)
    reader = _Reader(detector, network, weights_folder, opened.size, options)
    annotated_frames = read(opened, *reader.both, tracker, smoother, every, min_score, min_size)
    with (
        opened,
        Window("fer-tf: q quits") if shows else nullcontext() as displayed,
        _quits_in_order(),
        Recording(out, time.strftime("live_%Y%m%d_%H%M%S"), reader.classes, opened.fps)
        if out
        else nullcontext() as recording,
    ):
        return _follow(opened, annotated_frames, reader, recording, displayed, frames, seconds, progress)


class _Reader:
    """Detector and classifier, made from plain names, with what the summary tells of them."""

    def __init__(self, detector, network, weights_folder, size, options):
        self.detector, self.classifier = detector, network
        if not hasattr(detector, "detect"):
            name = detector or detection.default(weights_folder)
            if name == "yunet" and size:
                # Half the frame is enough for faces that a network can read, and three times as fast.
                options = {"longest": min(640, max(320, max(size) // 2)), **options}
            self.detector = detection.load(name, weights_folder, **options)
        if not hasattr(network, "probabilities"):
            self.classifier = classifiers.load_predictor(network or None)
        self.both, self.classes = (self.detector, self.classifier), self.classifier.classes

    def facts(self):
        path = getattr(self.classifier, "path", None)
        return {"detector": self.detector.name, "network": path and path.name, "classes": list(self.classes)}


def _follow(source, annotated_frames, reader, recording, window, frames, seconds, progress):
    """Goes through the annotated_frames until they or one's patience end; returns the summary."""
    latencies, counts, ended = Latencies(), Counts(), "end"
    tell = Progress(source.length if frames is None else frames) if progress else None
    try:
        for annotated in annotated_frames:
            started = time.perf_counter()
            if recording:
                recording.write(annotated)
            key = window.show(annotated.picture) if window else ""
            annotated.seconds["write"] = time.perf_counter() - started
            latencies.add(annotated.seconds)
            counts.add(annotated)
            if tell:
                tell(latencies, len(annotated.faces))
            if key == "quit":
                ended = "q was pressed"
            elif frames is not None and latencies.frames >= frames:
                ended = f"after {frames:,} frames"
            elif seconds is not None and latencies.seconds >= seconds:
                ended = f"after {seconds:g} s"
            if ended != "end":
                break
        if source.fault and ended == "end":
            ended = source.fault
    except KeyboardInterrupt:
        ended = "interrupted"
    except Exception as error:
        ended = f"stopped by an error: {error}"
        raise
    finally:
        if tell:
            tell.close()
        cut = ended == "interrupted" and not source.endless
        complete = not (cut or ended == source.fault or ended.startswith("stopped"))
        facts = {"source": source.name, "ended": ended, "complete": complete, "dropped": source.dropped}
        summary = facts | counts.summary() | latencies.facts() | reader.facts()
        try:
            if recording:
                recording.close()
        finally:  # tells of the film only where it could be finished
            summary |= _files(recording)
            if recording:
                recording.summarize(summary)
    return summary


def _files(recording):
    if not recording:
        return {"table": None, "film": None, "codec": None}
    film = str(recording.film) if recording.codec else None
    return {"table": str(recording.table), "film": film, "codec": recording.codec}


@contextmanager
def _quits_in_order():
    """A request to end (SIGTERM) closes the files as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
