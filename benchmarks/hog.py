"""How fast HOG vectors of 48x48 faces are computed, next to scikit-image's `hog` with the same cells, in one run.

python benchmarks/hog.py [--images 35887]
"""

import numpy as np
import pandas as pd
import results
from skimage.feature import hog

from fer_tf.training.classical.features import Hog


def main():
    values = results.options(__doc__, images=(35_887, "as many as FER2013 has"))
    images = np.random.default_rng(0).integers(0, 256, (values.images, 48, 48, 1), dtype=np.uint8)
    ours = Hog(cell=6, block=12, step=6, bins=9, signed=False)
    ways = {
        "fer_tf": lambda: ours.fit_transform(images),
        "scikit-image": lambda: np.stack([hog(image[..., 0], 9, (6, 6), (2, 2), "L2-Hys") for image in images]),
    }
    times, vectors = results.timed(ways)
    assert len({one.shape for one in vectors.values()}) == 1, "the two compute vectors of different lengths"
    seconds = [times[way][0, 0] for way in ways]
    table = pd.DataFrame({"way": list(ways), "images": values.images, "seconds": seconds})
    table["ratio"] = seconds[1] / table["seconds"]
    results.save(table.round(3), __file__, values.out)


if __name__ == "__main__":
    main()
