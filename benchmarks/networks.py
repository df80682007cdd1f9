"""Which network should read photographs: accuracy of those that ship and of their mean, as `fer-tf predict` cuts faces.

    python benchmarks/networks.py [--detector yunet] [--images 1500]

On the pictures of crop_margin.py: FER2013's validation images (PublicTest), enlarged, found and cut anew, and drawn faces in
scenes, a quarter as many.
"""

import numpy as np
import pandas as pd
import results
from crop_margin import fer2013, scenes

from fer_tf import evaluation
from fer_tf.errors import InputError
from fer_tf.faces import cropping, detection
from fer_tf.models import predictor


def compare(title, detector, networks, pictures, cut_from, labels):
    """A row for each network: accuracy on the faces that were found, with its 95% interval."""
    detected = [next(iter(detector.detect(picture)), None) for picture in pictures]
    rows = [row for row, face in enumerate(detected) if face is not None]
    table = []
    for name, network in networks.items():
        size, _, channels = network.input_shape
        views = []
        for margin, mirrored in cropping.VIEWS:
            crops = np.stack([cropping.crop(cut_from[i], detected[i], size, channels, margin) for i in rows])
            views.append(network.probabilities(crops[:, :, ::-1] if mirrored else crops))
        mean, truth = np.mean(views, axis=0), np.asarray(labels)[rows]
        low, high = evaluation.accuracy_interval(truth, mean)
        facts = {"source": title, "detector": detector.name, "faces": len(rows), "network": name}
        table.append(
            {**facts, "accuracy": round((mean.argmax(axis=1) == truth).mean(), 4)} | {"low": low, "high": high}
        )
    return table


def main():
    args = results.options(__doc__, detector=(None, "the best that is here by default"), images=(1500, "of FER2013"))
    names = (*predictor.shipped_names(), predictor.BOTH)
    detector, networks = detection.load(args.detector), {name: predictor.load_predictor(name) for name in names}
    rows = compare("drawn scenes", detector, networks, *scenes(args.images // 4))
    try:
        rows += compare("FER2013 validation", detector, networks, *fer2013(args.images))
    except InputError as error:
        print(f"skipped: {error}")
    results.save(pd.DataFrame(rows).round(4), __file__, args.out)


if __name__ == "__main__":
    main()
