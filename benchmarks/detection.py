"""How often a face that fills its picture is found: FER2013's training images, at one look and by `photographs.find_faces`.

    python benchmarks/detection.py [--images 500] [--factor 4]

Each is enlarged, and its edge is the picture's edge.
"""

import time

import cv2
import numpy as np
import pandas as pd
import results

from fer_tf import datasets
from fer_tf.errors import InputError
from fer_tf.faces import detection, photographs


def enlarged(image, factor):
    """A gray image (48, 48, 1) as a BGR picture, `factor` times as large."""
    return cv2.cvtColor(cv2.resize(image, None, fx=factor, fy=factor), cv2.COLOR_GRAY2BGR)


def share(find, pictures):
    """In what share of the pictures a face is found, and how many seconds each took."""
    started = time.perf_counter()
    result = sum(bool(find(picture)) for picture in pictures)
    return result / len(pictures), (time.perf_counter() - started) / len(pictures)


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--images", type=int, default=500, help="drawn from the training split with a fixed seed")
    parser.add_argument("--factor", type=int, default=4, help="how many times each is enlarged")
    values = parser.parse_args()
    try:
        faces = datasets.prepare("fer2013").split("train")
    except InputError as error:
        print(f"skipped: {error}")
        return
    rows = np.sort(np.random.default_rng(0).permutation(len(faces))[: values.images])
    pictures = [enlarged(image, values.factor) for image in np.asarray(faces.images)[rows]]
    table = []
    for name in detection.names():
        try:
            detector = detection.load(name)
        except InputError as error:
            print(f"{name}: skipped, {error}")
            continue
        once, first = share(detector.detect, pictures)
        thorough, second = share(lambda picture, result=detector: photographs.find_faces(picture, result), pictures)
        row = {"detector": name, "images": len(pictures), "found_at_once": round(once, 4), "ms_at_once": first * 1000}
        table.append(row | {"found_by_find_faces": round(thorough, 4), "ms_by_find_faces": second * 1000})
    results.save(pd.DataFrame(table).round({"ms_at_once": 1, "ms_by_find_faces": 1}), __file__, values.out)


if __name__ == "__main__":
    main()
