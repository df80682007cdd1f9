"""How fast HOG vectors of 48x48 faces are computed, next to scikit-image's `hog` with the same cells, in one run.

python benchmarks/hog.py [--images 35887]
"""

import argparse
import os
import time

import numpy as np
from skimage.feature import hog

from fer_tf.training.classical.features import Hog


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=35_887, help="as many as FER2013 has")
    values = parser.parse_args()
    images = np.random.default_rng(0).integers(0, 256, (values.images, 48, 48, 1), dtype=np.uint8)
    started = time.perf_counter()
    ours = Hog(cell=6, block=12, step=6, bins=9, signed=False).fit_transform(images)
    middle = time.perf_counter()
    theirs = np.stack([hog(image[..., 0], 9, (6, 6), (2, 2), "L2-Hys") for image in images])
    ended = time.perf_counter()
    assert ours.shape == theirs.shape, "the two compute vectors of different lengths"
    print(f"{values.images:,} images of 48x48, {os.cpu_count()} processors")
    print(f"fer_tf                    {middle - started:7.2f} s")
    print(f"scikit-image              {ended - middle:7.2f} s")
    print(f"ratio                     {(ended - middle) / (middle - started):7.1f}")


if __name__ == "__main__":
    main()
