"""How a face should be cut for a network trained on FER2013: accuracy by the width of the crop, and of averaged crops.

    python benchmarks/crop_margin.py [--detector yunet] [--images 700]

Two sources, as each misleads alone:

- FER2013's validation images (PublicTest), enlarged fourfold. Each is a face that was cut already (by OpenCV's cascade, then
  sorted by hand: Goodfellow et al. 2013), so what a wider crop would show is missing, and its edge is continued. But the width
  of the whole image over that of the box that a detector finds in it tells how FER2013 was cut.
- Drawn faces in scenes of 480 x 640 pixels: everything around the face is there, but nobody was drawn for FER2013.
"""

import argparse

import cv2
import numpy as np

from fer_tf import datasets, emotions
from fer_tf.datasets.sample import anatomy, drawing
from fer_tf.errors import InputError
from fer_tf.faces import cropping, detection
from fer_tf.models import predictor

MARGINS = (-0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
AVERAGED = ((0.0, 0.2), (0.0, 0.3), (0.1, 0.3), (0.0, 0.15, 0.3), (0.0, 0.2, 0.4))
FACTOR = 4
EDGE = 128  # pixels around the enlarged image


def fer2013(count):
    """Pictures to find the face in, pictures to cut it from, and labels, of FER2013's validation split."""
    faces = datasets.prepare("fer2013").split("validation")
    rows = np.sort(np.random.default_rng(0).permutation(len(faces))[:count])
    framed, continued = [], []
    for image in np.asarray(faces.images)[rows]:
        large = cv2.resize(image, None, fx=FACTOR, fy=FACTOR, interpolation=cv2.INTER_CUBIC)
        large = cv2.cvtColor(large, cv2.COLOR_GRAY2BGR)
        around = (EDGE,) * 4
        framed.append(cv2.copyMakeBorder(large, *around, cv2.BORDER_CONSTANT, value=(114, 114, 114)))
        continued.append(cv2.copyMakeBorder(large, *around, cv2.BORDER_REPLICATE))
    return framed, continued, np.asarray(faces.labels)[rows]


def scenes(count):
    """Drawn faces, one in each picture of 480 x 640 pixels, and their labels."""
    pictures, labels = [], np.arange(count) % len(emotions.FER2013)
    for number, label in enumerate(labels):
        rng = np.random.default_rng((7, number))
        who = anatomy.person(rng)
        who.glasses, who.skin = 0.0, 0.45 + 0.45 * who.skin  # what detectors find on a drawing
        pose = anatomy.Pose(
            center=(rng.uniform(220, 420), rng.uniform(190, 290)),
            scale=rng.uniform(60, 110),
            yaw=rng.uniform(-0.2, 0.2),
            roll=rng.uniform(-0.15, 0.15),
        )
        action_units = anatomy.checked(anatomy.PROTOTYPES[emotions.FER2013[label]])
        picture = drawing.render(drawing.backdrop((480, 640), rng), who, action_units, pose)
        pictures.append(np.ascontiguousarray(picture[..., ::-1]))
    return pictures, pictures, labels


def compare(title, detector, network, pictures, cut_from, labels):
    """Prints the accuracy of each way to cut."""
    detected = [next(iter(detector.detect(picture)), None) for picture in pictures]
    rows = np.flatnonzero([face is not None for face in detected])
    print(f"{title}: {detector.name} found {len(rows):,} of {len(pictures):,} faces")
    size, _, channels = network.input_shape
    cache = {}

    def probabilities(margin, mirrored):
        if (margin, mirrored) not in cache:
            crops = [cropping.crop(cut_from[i], detected[i], size, channels, margin) for i in rows]
            crops = np.stack(crops)[:, :, ::-1] if mirrored else np.stack(crops)
            cache[margin, mirrored] = network.probabilities(crops)
        return cache[margin, mirrored]

    def accuracy(margins, mirrored):
        views = [probabilities(margin, side) for margin in margins for side in (False, True)[: 1 + mirrored]]
        return (np.mean(views, axis=0).argmax(axis=1) == labels[rows]).mean()

    print(f"{'margin':>16s}  one view  with mirror image")
    for margins in (*((margin,) for margin in MARGINS), *AVERAGED):
        name = ", ".join(f"{margin:g}" for margin in margins)
        print(f"{name:>16s}  {accuracy(margins, False):8.4f}  {accuracy(margins, True):17.4f}", flush=True)
    return [detected[i] for i in rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detector", help="the best that is here by default")
    parser.add_argument("--images", type=int, default=700, help="of each source")
    args = parser.parse_args()
    detector, network = detection.load(args.detector), predictor.load_predictor()
    compare("drawn scenes", detector, network, *scenes(args.images))
    try:
        faces = compare("FER2013, validation", detector, network, *fer2013(args.images))
    except InputError as error:
        print(f"skipped: {error}")
        return
    widths = [48 * FACTOR / np.sqrt(face.box[2] * face.box[3]) - 1 for face in faces]
    low, middle, high = np.quantile(widths, (0.1, 0.5, 0.9))
    print(f"FER2013's own crops have the margin {middle:.2f} (80% between {low:.2f} and {high:.2f})")


if __name__ == "__main__":
    main()
