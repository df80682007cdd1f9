"""How many frames per second are read: capture, detect, track, classify, draw and write, with one face and with ten.

    python benchmarks/video.py [--detectors yunet yolo haar] [--networks five_layer compact] [--clip party.mp4] [--threads 2]

Without `--clip`, drawn faces move through clips of 640x480 pixels. The first network is read with each detector, the others
with the first detector. What a detector needs is looked for as always ($FER_TF_MODELS, data/models); one that is not there
is left out and named. `fps` is of the whole, from a clip to an annotated one; `live_fps` leaves out decoding the clip and
encoding the other, which are not done while a camera is watched, and `least` is what it should be on two cores. Processor
time is given beside the clock's: it counts what all threads computed, and depends less on what else the machine does.
"""

import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import results

from fer_tf.datasets import sample
from fer_tf.faces import detection, video
from fer_tf.models import predictor

HEIGHT, WIDTH = 480, 640
GRIDS = {1: (1, 1), 10: (2, 5)}
"""Faces -> rows and columns in which they are."""

LEAST = {("yunet", "five_layer", 1): 150, ("yunet", "five_layer", 10): 60, ("yolo", "five_layer", 1): 25}
"""Frames per second asked for on two cores, by detector, network and number of faces."""


def pictures(frames, faces):
    """Frames of drawn faces, each in its own field: uint8 arrays (480, 640, 3), RGB."""
    rows, columns = GRIDS[faces]
    size = {"height": HEIGHT // rows, "width": WIDTH // columns}
    for shown in zip(*(sample.clip(frames / 25, **size, seed=i) for i in range(faces)), strict=True):
        fields = [picture for picture, _ in shown]
        yield np.vstack([np.hstack(fields[row * columns : (row + 1) * columns]) for row in range(rows)])


def drawing(path, frames, faces):
    """Writes a clip of drawn faces at 25 frames per second."""
    writer = video.VideoWriter(path, 25, (HEIGHT, WIDTH))
    for i, picture in enumerate(pictures(frames, faces)):
        writer.write(np.ascontiguousarray(picture[..., ::-1]), i / 25)
    writer.close()
    return path


def measured(clip, folder, detector, network, times, every=1):
    """The best of several readings: the summary, with `cpu_ms`, the processor's milliseconds for a frame."""
    best, network = None, predictor.load_predictor(network)
    for _ in range(times):
        started = time.process_time()
        summary = video.run_clip(clip, folder, detector=detector, network=network, every=every, progress=False)
        summary["cpu_ms"] = 1000 * (time.process_time() - started) / summary["frames"]
        best = summary if best is None or summary["fps"] > best["fps"] else best
    return best


def row(detector, network, faces, summary):
    """One row of the table; `found` is how many faces were found in a frame."""
    stages = summary["stages"]
    live = summary["fps"] / (1 - stages["capture"]["share"] - stages["write"]["share"])
    facts = {"detector": detector, "network": network, "faces": faces, "found": summary["faces"] / summary["frames"]}
    facts |= {"fps": summary["fps"], "live_fps": live, "least": LEAST.get((detector, network, faces), np.nan)}
    facts |= {f"{stage}_ms": stages[stage]["median_ms"] for stage in (*video.STAGES, "whole")}
    return facts | {"whole_p95_ms": stages["whole"]["p95_ms"], "cpu_ms": summary["cpu_ms"]}


def main():
    values = results.options(
        __doc__,
        detectors=(["yunet", "yolo", "haar"], "their names"),
        networks=(["five_layer", "compact"], "names or files"),
        clip=(None, "an existing clip"),
        frames=(200, "of a drawn clip"),
        times=(3, "how often each is run; the best counts"),
        every=(1, "look for faces in every so many frames"),
        threads=(2, "that OpenCV computes with"),
    )
    cv2.setNumThreads(values.threads)
    present = [name for name in values.detectors if name in detection.available()]
    pairs = [(name, values.networks[0]) for name in present]
    pairs += [(name, network) for network in values.networks[1:] for name in present[:1]]
    with tempfile.TemporaryDirectory() as folder:
        if values.clip:
            clips = {None: Path(values.clip)}
        else:
            clips = {faces: drawing(Path(folder) / f"{faces}.mp4", values.frames, faces) for faces in GRIDS}
        rows = [
            row(*pair, faces, measured(clip, folder, *pair, values.times, values.every))
            for faces, clip in clips.items()
            for pair in pairs
        ]
    table = pd.DataFrame(rows).round(2)
    names = [f"{one.detector}, {one.network}, faces: {one.faces}" for one in table.itertuples()]
    bars = [f"; asked for: {least:.0f}" if least > 0 else "" for least in table["least"]]
    notes = [f"{fps:.0f}{bar}" for fps, bar in zip(table["live_fps"], bars, strict=True)]
    results.save(table, __file__, values.out, results.bars(names, table["live_fps"], notes, "frames per second, live"))
    for name in values.detectors:
        if name not in present:
            print(f"{name}: left out, as its weights or package are not here")


if __name__ == "__main__":
    main()
