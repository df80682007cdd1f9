"""How fast the five-layer network trains: each way beside plain `fit` with Keras's `ImageDataGenerator`, in one run.

    python benchmarks/training_speed.py [--images 1280] [--times 5] [--threads 2] [--views 10] [--out benchmarks]

Every way trains the same network on the same random images in batches of 128; the ways take turns, and the median of their epochs
counts. `of_peak` is the rate of the network's multiplications next to that of one large product of matrices in float32 on this
machine. Below stands what averaging views at test time costs, in passes over the images as they are. With `--out`,
training_speed.csv and training_speed.svg are written there.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from fer_tf import emotions, models, training
from fer_tf.backend import keras
from fer_tf.backend import tensorflow as tf
from fer_tf.datasets import Dataset
from fer_tf.evaluation import tta
from fer_tf.figures import style

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
    matrix, seconds = tf.random.normal((size, size)), []
    for _ in range(times):
        started = time.perf_counter()
        tf.linalg.matmul(matrix, matrix).numpy()
        seconds.append(time.perf_counter() - started)
    return size**3 / min(seconds)


def epochs(faces, times):
    """Seconds of each way's epochs: DataFrame, a row for each."""
    fits = {}
    for name, (precision, batches) in WAYS.items():
        network = models.build("five_layer", (48, 48, 3), 7, dtype=precision)
        network.compile("adam", "categorical_crossentropy", jit_compile=training.jit_compile())
        data = batches(faces)
        network.fit(data, epochs=1, shuffle=False, verbose=0)  # traces and compiles
        fits[name] = network, data
    rows = []
    for _ in range(times):
        for name, (network, data) in fits.items():
            started = time.perf_counter()
            network.fit(data, epochs=1, shuffle=False, verbose=0)
            rows.append((name, time.perf_counter() - started))
    network = fits["FastAugmenter"][0]
    table = pd.DataFrame(rows, columns=["way", "seconds"]).groupby("way", sort=False)["seconds"].median().reset_index()
    table["images_per_s"] = len(faces.images) / table["seconds"]
    table["ratio"] = table["images_per_s"] / table["images_per_s"][0]
    # A step back through a layer takes two products of the size of the one forward.
    table["of_peak"] = 3 * multiplications(network) * table["images_per_s"] / peak()
    return table


def passes(images, views):
    """What averaging views costs, in passes over the images as they are: dict of kind to passes, the median of three."""
    network = models.build("five_layer", (48, 48, 3), 7)
    models.predict(network, images)
    kinds = {"flips and shifts": tta.flips_and_shifts(), "random views": tta.random_views(views)}
    ratios = {kind: [] for kind in kinds}
    for _ in range(3):
        started = time.perf_counter()
        models.predict(network, images)
        once = time.perf_counter() - started
        for kind, several in kinds.items():
            started = time.perf_counter()
            tta.test_time_probabilities(network, images, several)
            ratios[kind].append((time.perf_counter() - started) / once)
    return {f"{kind}, {len(kinds[kind])}": float(np.median(ratio)) for kind, ratio in ratios.items()}


@style.applied
def drawing(table):
    """Images per second of each way, as bars with the ratio to plain `fit`."""
    fig, ax = style.panel(width=style.PAGE, height=1.6)
    ax.barh(table["way"], table["images_per_s"], color=style.BLUE)
    for place, row in enumerate(table.itertuples()):
        ax.text(row.images_per_s, place, f" {row.ratio:.2f} times", va="center")
    ax.invert_yaxis()
    ax.set(xlabel="training images per second", xlim=(0, 1.2 * table["images_per_s"].max()))
    return fig


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1280, help="in an epoch")
    parser.add_argument("--times", type=int, default=5, help="epochs of each way")
    parser.add_argument("--threads", type=int, default=2, help="that TensorFlow computes with")
    parser.add_argument("--views", type=int, default=10, help="random ones at test time")
    parser.add_argument("--out", type=Path, help="folder for training_speed.csv and training_speed.svg")
    values = parser.parse_args()
    training.make_deterministic(0, values.threads)
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (values.images, 48, 48, 1), dtype=np.uint8), rng.integers(0, 7, values.images)
    names, splits = np.array([str(i) for i in range(values.images)]), np.full(values.images, "train")
    table = epochs(Dataset("random", emotions.FER2013, images, labels, splits, names, {}), values.times)
    print(table.round(3).to_string(index=False))
    for kind, count in passes(images, values.views).items():
        print(f"test-time augmentation by {kind}: {count:.1f} passes")
    if values.out:
        table.round(3).to_csv(values.out / "training_speed.csv", index=False)
        style.save(drawing(table), values.out / "training_speed", ("svg",))


if __name__ == "__main__":
    main()
