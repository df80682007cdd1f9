"""How fast HOG vectors of 48x48 faces are computed, next to scikit-image's `hog` with the same cells, in one run.

python benchmarks/hog.py [--images 35887]
"""

import time

import numpy as np
import pandas as pd
import results
from skimage.feature import hog

from fer_tf.training.classical.features import Hog


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--images", type=int, default=35_887, help="as many as FER2013 has")
    values = parser.parse_args()
    images = np.random.default_rng(0).integers(0, 256, (values.images, 48, 48, 1), dtype=np.uint8)
    started = time.perf_counter()
    ours = Hog(cell=6, block=12, step=6, bins=9, signed=False).fit_transform(images)
    middle = time.perf_counter()
    theirs = np.stack([hog(image[..., 0], 9, (6, 6), (2, 2), "L2-Hys") for image in images])
    ended = time.perf_counter()
    assert ours.shape == theirs.shape, "the two compute vectors of different lengths"
    seconds = [middle - started, ended - middle]
    table = pd.DataFrame({"way": ["fer_tf", "scikit-image"], "images": values.images, "seconds": seconds})
    table["ratio"] = seconds[1] / table["seconds"]
    results.save(table.round(3), __file__, values.out)


if __name__ == "__main__":
    main()
