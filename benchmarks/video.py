"""How many frames per second are read: capture, detect, track, classify, draw and write, with each detector in one run.

    python benchmarks/video.py [--detectors yunet yolo haar] [--clip party.mp4] [--threads 2]

Without `--clip`, one drawn face moves through a clip of 640x480 pixels. What a detector needs is looked for as always
($FER_TF_MODELS, data/models); one that is not there is left out and named. Processor time is given beside the clock's: it
counts what all threads computed, and depends less on what else the machine does.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from fer_tf.datasets import sample
from fer_tf.faces import detection, video

LEAST = {"yunet": 60, "yolo": 25}
"""Frames per second asked for on two cores at 640x480 with one face."""


def drawing(path, frames):
    """Writes a clip of a drawn face, 640x480 at 25 frames per second."""
    writer = video.VideoWriter(path, 25, (480, 640))
    for i, (picture, _) in enumerate(sample.clip(frames / 25)):
        writer.write(np.ascontiguousarray(picture[..., ::-1]), i / 25)
    writer.close()
    return path


def measured(clip, folder, detector, times, every=1):
    """The best of several readings: the summary, with `cpu_ms`, the processor's milliseconds for a frame."""
    best = None
    for _ in range(times):
        started = time.process_time()
        summary = video.run_clip(clip, folder, detector=detector, every=every, progress=False)
        summary["cpu_ms"] = 1000 * (time.process_time() - started) / summary["frames"]
        best = summary if best is None or summary["fps"] > best["fps"] else best
    return best


def line(name, summary):
    """One row of the table that is printed."""
    stages = summary["stages"]
    medians = "".join(f"{stages[stage]['median_ms']:9.2f}" for stage in (*video.STAGES, "whole"))
    return f"{name:<12}{summary['fps']:7.1f}{medians}{stages['whole']['p95_ms']:9.2f}{summary['cpu_ms']:9.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detectors", nargs="+", default=["yunet", "yolo", "haar"], help="their names")
    parser.add_argument("--clip", type=Path, help="an existing clip")
    parser.add_argument("--frames", type=int, default=200, help="of the drawn clip")
    parser.add_argument("--times", type=int, default=3, help="how often each is run; the best counts")
    parser.add_argument("--every", type=int, default=1, help="look for faces in every so many frames")
    parser.add_argument("--threads", type=int, default=2, help="that OpenCV computes with")
    values = parser.parse_args()
    cv2.setNumThreads(values.threads)
    present = [name for name in values.detectors if name in detection.available()]
    with tempfile.TemporaryDirectory() as folder:
        clip = values.clip or drawing(Path(folder) / "drawn.mp4", values.frames)
        result = {name: measured(clip, folder, name, values.times, values.every) for name in present}
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(
        f"{clip.name}, {os.cpu_count()} processors{load}, {values.threads} threads, best of {values.times}; milliseconds"
    )
    print(
        f"{'detector':<12}{'fps':>7}{''.join(f'{stage:>9}' for stage in video.STAGES)}{'whole':>9}{'p95':>9}{'cpu':>9}"
    )
    for name, summary in result.items():
        print(line(name, summary))
    for name, summary in result.items():
        ratio = summary["fps"] / result[present[-1]]["fps"]
        parameters = f"; asked for on two cores: {LEAST[name]}" if name in LEAST else ""
        print(f"{name}: {ratio:.2f} times as fast as {present[-1]}{parameters}")
    for name in values.detectors:
        if name not in present:
            print(f"{name}: left out, as its weights or package are not here")


if __name__ == "__main__":
    main()
