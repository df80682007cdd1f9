"""How often a face that fills its picture is found: FER2013's training images, at one look and by `photographs.find_faces`.

    python benchmarks/detection.py [--images 500] [--factor 4]

Each is enlarged, and its edge is the picture's edge.
"""

from functools import partial

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


def main():
    values = results.options(
        __doc__,
        images=(500, "drawn from the training split with a fixed seed"),
        factor=(4, "how many times each is enlarged"),
    )
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
        thorough = partial(photographs.find_faces, detector=detector)
        finds = {"at_once": detector.detect, "by_find_faces": thorough}
        ways = {way: lambda find=find: sum(bool(find(one)) for one in pictures) for way, find in finds.items()}
        seconds, hits = results.timed(ways)
        row = {"detector": name, "images": len(pictures)}
        for way in ways:
            row[f"found_{way}"] = round(hits[way] / len(pictures), 4)
            row[f"ms_{way}"] = 1000 * seconds[way][0, 0] / len(pictures)
        table.append(row)
    results.save(pd.DataFrame(table).round({"ms_at_once": 1, "ms_by_find_faces": 1}), __file__, values.out)


if __name__ == "__main__":
    main()
