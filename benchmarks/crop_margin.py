"""How a face should be cut for a network trained on FER2013: accuracy by the width of the crop, and of averaged crops.

    python benchmarks/crop_margin.py [--detector yunet] [--images 700]

Two sources, as each misleads alone:

- FER2013's validation images (PublicTest), enlarged fourfold. Each is a face that was cut already (by OpenCV's cascade, then
  sorted by hand: Goodfellow et al. 2013), so what a wider crop would show is missing, and its edge is continued. But the width
  of the whole image over that of the box that a detector finds in it tells how FER2013 was cut.
- Drawn faces in scenes of 480 x 640 pixels: everything around the face is there, but nobody was drawn for FER2013.
"""

import cv2
import numpy as np
import pandas as pd
import results

from fer_tf import datasets, emotions
from fer_tf.datasets.sample import anatomy, drawing
from fer_tf.errors import InputError
from fer_tf.faces import cropping, detection
from fer_tf.figures import style
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
    """The accuracy of each way to cut: rows of the table, and the faces that were found."""
    detected = [next(iter(detector.detect(picture)), None) for picture in pictures]
    rows = np.flatnonzero([face is not None for face in detected])
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

    facts = {"source": title, "detector": detector.name, "pictures": len(pictures), "faces": len(rows)}
    table = []
    for margins in (*((margin,) for margin in MARGINS), *AVERAGED):
        name = " and ".join(f"{margin:g}" for margin in margins)
        once, mirrored = (round(accuracy(margins, side), 4) for side in (False, True))
        table.append({**facts, "margin": name, "accuracy": once, "accuracy_with_mirror_image": mirrored})
    return table, [detected[i] for i in rows]


@style.applied
def by_margin(table):
    """Accuracy by the margin of a single crop, with its mirror image, a line for each source."""
    fig, ax = style.panel()
    for i, (source, rows) in enumerate(table[~table["margin"].str.contains("and")].groupby("source", sort=False)):
        look = {"color": (style.BLUE, style.INK)[i], "linestyle": style.DASHES[i], "marker": "os"[i]}
        ax.plot(rows["margin"].astype(float), rows["accuracy_with_mirror_image"], label=source, **look)
    ax.set(xlabel="margin of the crop, as a share of the box", ylabel="accuracy")
    ax.legend()
    return fig


def main():
    args = results.options(__doc__, detector=(None, "the best that is here by default"), images=(700, "of each source"))
    detector, network = detection.load(args.detector), predictor.load_predictor()
    rows, _ = compare("drawn scenes", detector, network, *scenes(args.images))
    try:
        more, faces = compare("FER2013 validation", detector, network, *fer2013(args.images))
        rows += more
        widths = [48 * FACTOR / np.sqrt(face.box[2] * face.box[3]) - 1 for face in faces]
        low, middle, high = np.quantile(widths, (0.1, 0.5, 0.9))
        print(f"FER2013's own crops have the margin {middle:.2f} (80% between {low:.2f} and {high:.2f})")
    except InputError as error:
        print(f"skipped: {error}")
    table = pd.DataFrame(rows)
    results.save(table, __file__, args.out, by_margin(table))


if __name__ == "__main__":
    main()
