"""How fast random views are drawn: OpenCV's (`FastAugmenter`) next to Keras's `ImageDataGenerator`, in one run.

python benchmarks/augmentation.py [--recipe five_layer_paper] [--seconds 2]

One thread; images per second of its processor's time.
"""

import time

import cv2
import numpy as np
import pandas as pd
import results

from fer_tf import training


def images_per_second(augment, images, seconds):
    """How many views one thread draws in a second of its processor's time."""
    seeds, count, started = [(0, 0, i) for i in range(len(images))], 0, time.process_time()
    while time.process_time() - started < seconds:
        augment(images, seeds)
        count += len(images)
    return count / (time.process_time() - started)


def main():
    values = results.options(
        __doc__,
        recipe=("five_layer_paper", "of fer_tf.training.RECIPES; both must know its parts"),
        seconds=(2.0, "for each measurement"),
    )
    cv2.setNumThreads(1)
    slow, fast = training.augmenter(values.recipe), training.FastAugmenter(**training.RECIPES[values.recipe])
    rows = []
    for shape, batch in (((48, 48, 1), 128), ((224, 224, 3), 16)):
        images = np.random.default_rng(0).integers(0, 256, (batch, *shape)).astype(np.float32)
        keras, opencv = (images_per_second(augment, images, values.seconds) for augment in (slow, fast))
        size = "x".join(map(str, shape))
        rows.append((values.recipe, size, round(keras), round(opencv), round(opencv / keras, 2)))
    columns = ["recipe", "size", "imagedatagenerator_per_s", "fastaugmenter_per_s", "ratio"]
    results.save(pd.DataFrame(rows, columns=columns), __file__, values.out)


if __name__ == "__main__":
    main()
