"""How fast images are read: JPEG files while they are prepared, and by training, in three ways.

    python benchmarks/reading_images.py [--prepared 10000] [--images 1500] [--size 224] [--rounds 3]

Preparing is held against OpenCV decoding the same files, one in each core, and keeping nothing; `ratio` is how much longer it
takes, at most 1.2. Training reads by `tf.data` and by Keras's `PyDataset` from JPEG files, and from the prepared array, which is
decoded once: there the views follow from (seed, epoch, image). Each in turn; the fastest round counts. The files are in the
system's cache.
"""

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import results

from fer_tf import datasets, training
from fer_tf.backend import keras
from fer_tf.backend import tensorflow as tf

BATCH, THREADS = 32, 2
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
CLASSES = ("angry", "happy")


class Files(keras.utils.PyDataset):
    """JPEG files decoded by OpenCV, a batch in each of Keras's threads."""

    def __init__(self, paths):
        super().__init__(workers=THREADS, max_queue_size=8)
        self.paths = paths

    def __len__(self):
        return -(-len(self.paths) // BATCH)

    def __getitem__(self, batch):
        paths = self.paths[batch * BATCH : (batch + 1) * BATCH]
        return np.stack([cv2.imread(path, cv2.IMREAD_COLOR_RGB) for path in paths]).astype(np.float32)


def pipeline(paths):
    """The same by `tf.data`, whose threads decode an image each."""

    def decoded(path):
        return tf.cast(tf.io.decode_jpeg(tf.io.read_file(path), channels=3), tf.float32)

    return tf.data.Dataset.from_tensor_slices(paths).map(decoded, THREADS).batch(BATCH).prefetch(4)


def write(folder, count, size):
    """Smooth random pictures as JPEG files in class folders, a tenth of them each for validation and test; their paths."""
    rng, splits = np.random.default_rng(0), ("validation", "test", *("train",) * 8)
    paths = [str(folder / splits[i % 10] / CLASSES[i // 10 % 2] / f"{i:06d}.jpg") for i in range(count)]
    for path in paths:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        image = cv2.resize(rng.integers(0, 256, (28, 28, 3), np.uint8), (size, size), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(path, image)
    return paths


def decode(paths):
    """Decodes files, one in each core at a time."""

    def some(paths):
        for path in paths:
            cv2.imread(path)

    with ThreadPoolExecutor(CORES) as pool:
        list(pool.map(some, np.array_split(paths, CORES)))


def prepare(folder, size):
    """Prepares the class folders in a folder, however often it was done before."""
    if (folder / "data").exists():  # out of the way: to delete it takes time too
        (folder / "data").rename(Path(tempfile.mkdtemp(dir=folder)) / "data")
    return datasets.prepare("folders", folder / "jpeg", size=size, channels=3)


def main():
    args = results.options(
        __doc__,
        prepared=(10_000, "images that are prepared"),
        images=(1500, "of them, which training reads"),
        size=(224, "pixels of a side"),
        rounds=(3, "of each way, in turn; the fastest counts"),
    )
    training.make_deterministic(0, THREADS)
    cv2.setNumThreads(1)
    network = keras.Sequential([keras.Input((args.size, args.size, 3)), keras.layers.GlobalAveragePooling2D()])
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FER_TF_ROOT"] = folder
        paths = write(Path(folder) / "jpeg", args.prepared, args.size)
        ways = {"OpenCV decoding": lambda: decode(paths), "preparing": lambda: prepare(Path(folder), args.size)}
        seconds, _ = results.timed(ways, args.rounds)
        faces, paths = datasets.load("folders").select(np.arange(args.images)), paths[: args.images]
        data = {"tf.data": lambda: pipeline(paths), "PyDataset": lambda: Files(paths)}
        data["prepared array"] = lambda: training.Batches(faces, BATCH)
        ways = {name: lambda batches=batches: network.predict(batches(), verbose=0) for name, batches in data.items()}
        seconds |= results.timed(ways, args.rounds)[0]
    best = {way: spent.min(axis=0) for way, spent in seconds.items()}
    table = pd.DataFrame(best, index=["seconds", "processor_seconds"]).T.rename_axis("way").reset_index()
    table.insert(1, "images", [args.prepared] * 2 + [args.images] * 3)
    table["images_per_s"] = (table["images"] / table["seconds"]).round()
    table["images_per_processor_s"] = (table["images"] / table["processor_seconds"]).round()
    # Each in its own kind: preparing to decoding, and the ways of training to tf.data.
    table["ratio"] = table["seconds"] / table["seconds"].to_numpy()[[0, 0, 2, 2, 2]]
    results.save(table.round(3), __file__, args.out)


if __name__ == "__main__":
    main()
