"""Draws reports/at_work.jpg, the README's picture: a photograph with its face found and named, and a clip over time.

    python reports/at_work.py

The photograph is scikit-image's `astronaut` (Eileen Collins, by NASA, in the public domain); the clip is drawn.
"""

import tempfile
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np
from skimage import data

from fer_tf import figures
from fer_tf.datasets import sample
from fer_tf.faces import detection, photographs, tracking, video
from fer_tf.models.predictor import BOTH, load_predictor

OUT = Path(__file__).with_name("at_work.jpg")
WIDTH, HEIGHT = 1600, 640  # pixels
LOWER = 400  # the height of the timeline


def timeline(detector, network, width, height):
    """The emotions over the drawn clip as a picture, and five annotated frames of it."""
    frames = list(sample.clip(seconds=6.0, seed=2))
    with tempfile.TemporaryDirectory() as folder:
        writer = video.VideoWriter(Path(folder) / "drawn.mp4", 25, (480, 640))
        for number, (frame, _) in enumerate(frames):
            writer.write(np.ascontiguousarray(frame[..., ::-1]), number / 25)
        writer.close()
        summary = video.run_clip(
            writer.path, folder, detector, network, smoother=tracking.Smoother("mean", 0.4), progress=False
        )
        table = video.read_table(summary["table"])
        with video.Clip(summary["video"]) as clip:
            pictures = [frame.image[50:400, 145:495, ::-1] for frame in clip]
    fig = figures.emotion_timeline(table, network.classes)
    fig.set_size_inches(width / 150, height / 150)
    fig.savefig(target := Path(tempfile.gettempdir()) / "timeline.png", dpi=150)
    plt.close(fig)
    shown = [pictures[round(place)] for place in np.linspace(4, len(pictures) - 5, 5)]
    return cv2.imread(str(target))[..., ::-1], shown


def main():
    detector, network = detection.load(), load_predictor()
    photograph = np.ascontiguousarray(data.astronaut()[..., ::-1])
    faces = photographs.analyze(photograph, detector, load_predictor(BOTH))
    annotated = photographs.draw(photograph, faces, network.classes)[..., ::-1]
    canvas = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    canvas[:, :HEIGHT] = cv2.resize(annotated, (HEIGHT, HEIGHT), interpolation=cv2.INTER_CUBIC)
    left = HEIGHT + 20
    over_time, shown = timeline(detector, network, WIDTH - left, LOWER)
    canvas[-LOWER:, left : left + over_time.shape[1]] = over_time[:LOWER, : WIDTH - left]
    side = (WIDTH - left) // len(shown)
    for place, picture in enumerate(shown):
        small = cv2.resize(np.ascontiguousarray(picture), (side - 6, side - 6), interpolation=cv2.INTER_AREA)
        top, start = (HEIGHT - LOWER - side) // 2, left + place * side
        canvas[top : top + side - 6, start : start + side - 6] = small
    cv2.imwrite(str(OUT), canvas[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    print(OUT)


if __name__ == "__main__":
    main()
