"""What averaging the network's answers over ten views costs, in passes over the images as they are.

    python benchmarks/test_time_augmentation.py [--images 1280] [--views 10] [--times 3] [--threads 2]

`passes` is the median of several measurements, each next to a plain pass of the same moment; `most` is what it may be.
"""

import numpy as np
import pandas as pd
import results

from fer_tf import models, training
from fer_tf.evaluation import tta

SPARE = 0.5
"""Passes that drawing and averaging the views may take."""


def passes(network, images, kinds, times):
    """DataFrame with a row for each kind of views: kind, views, passes, most."""
    models.predict(network, images)  # traces and compiles
    ways = {"plain": lambda: models.predict(network, images)}
    for kind, views in kinds.items():
        ways[kind] = lambda views=views: tta.test_time_probabilities(network, images, views)
    clock = {way: seconds[:, 0] for way, seconds in results.timed(ways, times)[0].items()}
    medians = {kind: np.median(clock[kind] / clock["plain"]) for kind in kinds}
    rows = [(kind, len(views), medians[kind], len(views) + SPARE) for kind, views in kinds.items()]
    return pd.DataFrame(rows, columns=["kind", "views", "passes", "most"])


def main():
    values = results.options(
        __doc__,
        images=(1280, "drawn at random"),
        views=(10, "random ones; the flips and shifts are ten"),
        times=(3, "how often each is measured"),
        threads=(2, "that TensorFlow computes with"),
    )
    training.make_deterministic(0, values.threads)
    images = np.random.default_rng(0).integers(0, 256, (values.images, 48, 48, 1), dtype=np.uint8)
    kinds = {"flips and shifts": tta.flips_and_shifts(), "random views": tta.random_views(values.views)}
    table = passes(models.load_pretrained(), images, kinds, values.times)
    results.save(table.round(2), __file__, values.out)


if __name__ == "__main__":
    main()
