"""What averaging the network's answers over ten views costs, in passes over the images as they are.

    python benchmarks/test_time_augmentation.py [--images 1280] [--views 10] [--times 3] [--threads 2]

`passes` is the median of several measurements, each next to a plain pass of the same moment; `most` is what it may be.
"""

import time

import numpy as np
import pandas as pd
import results

from fer_tf import models, training
from fer_tf.evaluation import tta

SPARE = 0.5
"""Passes that drawing and averaging the views may take."""


def seconds(function, *args):
    started = time.perf_counter()
    function(*args)
    return time.perf_counter() - started


def passes(network, images, kinds, times):
    """DataFrame with a row for each kind of views: kind, views, passes, most."""
    models.predict(network, images)  # traces and compiles
    ratios = {kind: [] for kind in kinds}
    for _ in range(times):
        once = seconds(models.predict, network, images)
        for kind, views in kinds.items():
            ratios[kind].append(seconds(tta.test_time_probabilities, network, images, views) / once)
    rows = [(kind, len(views), np.median(ratios[kind]), len(views) + SPARE) for kind, views in kinds.items()]
    return pd.DataFrame(rows, columns=["kind", "views", "passes", "most"])


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--images", type=int, default=1280)
    parser.add_argument("--views", type=int, default=10, help="random ones; the flips and shifts are ten")
    parser.add_argument("--times", type=int, default=3, help="how often each is measured")
    parser.add_argument("--threads", type=int, default=2, help="that TensorFlow computes with")
    values = parser.parse_args()
    training.make_deterministic(0, values.threads)
    images = np.random.default_rng(0).integers(0, 256, (values.images, 48, 48, 1), dtype=np.uint8)
    kinds = {"flips and shifts": tta.flips_and_shifts(), "random views": tta.random_views(values.views)}
    table = passes(models.load_pretrained(), images, kinds, values.times)
    results.save(table.round(2), __file__, values.out)


if __name__ == "__main__":
    main()
