"""How fast the five-layer network trains: each way beside plain `fit` with Keras's `ImageDataGenerator`, in one run.

    python benchmarks/training_speed.py [--images 1280] [--times 5] [--threads 2]

Every way trains the same network on the same random images in batches of 128; the ways take turns, and the median of their epochs
counts. `of_peak` is the rate of the network's multiplications next to that of one large product of matrices in float32 on this
machine.
"""

from functools import partial

import numpy as np
import pandas as pd
import results

from fer_tf import emotions, models, training
from fer_tf.backend import keras
from fer_tf.backend import tensorflow as tf
from fer_tf.datasets import Dataset

BATCH = 128
RECIPE = "five_layer_paper"


def plain(faces):
    """Batches as most tutorials make them: `ImageDataGenerator.flow`, one-hot labels, gray repeated beforehand."""
    geometry, _ = training.recipe(RECIPE)
    generator = tf.keras.preprocessing.image.ImageDataGenerator(**geometry)
    images = np.repeat(faces.images, 3, axis=-1).astype(np.float32)
    return generator.flow(images, keras.utils.to_categorical(faces.labels, 7), batch_size=BATCH)


def repeatable(faces):
    return training.Batches(faces, BATCH, augment=training.augmenter(RECIPE))


def fast(faces):
    return training.Batches(faces, BATCH, augment=training.FastAugmenter(**training.RECIPES[RECIPE]))


WAYS = {
    "fit with ImageDataGenerator": ("float32", plain),
    "Augmenter": ("float32", repeatable),
    "FastAugmenter": ("float32", fast),
    "FastAugmenter, bfloat16": ("mixed_bfloat16", fast),
}
"""Name -> precision, and function of the images to batches."""


def multiplications(network):
    """Of one image's forward pass through convolutions and dense layers."""
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)]
    return sum(np.prod(layer.output.shape[1:-1], initial=1) * layer.kernel.shape.num_elements() for layer in layers)


def peak(size=2048, times=8):
    """Multiplications in a second of a product of two square float32 matrices, the fastest of a few."""
    matrix = tf.random.normal((size, size))
    seconds, _ = results.timed({"product": lambda: tf.linalg.matmul(matrix, matrix).numpy()}, times)
    return size**3 / seconds["product"][:, 0].min()


def epochs(faces, times):
    """Seconds of each way's epochs: DataFrame, a row for each."""
    networks, ways = {}, {}
    for name, (precision, batches) in WAYS.items():
        network = networks[name] = models.build("five_layer", (48, 48, 3), 7, dtype=precision)
        network.compile("adam", "categorical_crossentropy", jit_compile=training.jit_compile())
        ways[name] = partial(network.fit, batches(faces), epochs=1, shuffle=False, verbose=0)
        ways[name]()  # traces and compiles
    seconds = {name: np.median(spent[:, 0]) for name, spent in results.timed(ways, times)[0].items()}
    table = pd.DataFrame(list(seconds.items()), columns=["way", "seconds"])
    table["images_per_s"] = len(faces.images) / table["seconds"]
    table["ratio"] = table["images_per_s"] / table["images_per_s"][0]
    # A step back through a layer takes two products of the size of the one forward.
    table["of_peak"] = 3 * multiplications(networks["FastAugmenter"]) * table["images_per_s"] / peak()
    return table


def main():
    values = results.options(
        __doc__,
        images=(1280, "in an epoch"),
        times=(5, "epochs of each way"),
        threads=(2, "that TensorFlow computes with"),
    )
    training.make_deterministic(0, values.threads)
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (values.images, 48, 48, 1), dtype=np.uint8), rng.integers(0, 7, values.images)
    names, splits = np.array([str(i) for i in range(values.images)]), np.full(values.images, "train")
    table = epochs(Dataset("random", emotions.FER2013, images, labels, splits, names, {}), values.times)
    notes = [f"{ratio:.2f} times" for ratio in table["ratio"]]
    drawing = results.bars(table["way"], table["images_per_s"], notes, "training images per second")
    results.save(table.round(3), __file__, values.out, drawing)


if __name__ == "__main__":
    main()
