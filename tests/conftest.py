"""What several test files share: small data, and a project folder of their own to write in."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

PROJECT = Path(__file__).parent.parent


LONGEST = ["notebooks", "transfer_models", "export", "training", "execute", "standin_studies", "soak", "distribution"]


def pytest_collection_modifyitems(items):
    """The longest files begin first, so that two processes end together."""
    order = {f"test_{name}.py": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


def make_dataset(per_class=6, size=48, channels=1, classes=("angry", "happy", "sad"), splits=(4, 1, 1), seed=0):
    """A little dataset whose classes differ in brightness, `splits` images of each class in train, validation and test."""
    from fer_tf.datasets import SPLITS, Dataset

    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(classes)), per_class)
    base = 60 + 60 * labels
    images = np.clip(base[:, None, None, None] + rng.normal(0, 20, (len(labels), size, size, channels)), 0, 255)
    of_class = np.repeat(np.array(SPLITS), splits)
    return Dataset(
        name="little",
        classes=classes,
        images=images.astype(np.uint8),
        labels=labels,
        splits=np.tile(of_class, len(classes)),
        ids=np.array([f"image {i}" for i in range(len(labels))]),
    )


def small_network(size=16, classes=3):
    """A network with each kind of layer that a training treats in its own way, and few of them: it is soon compiled."""
    from fer_tf.backend import keras

    keras.utils.set_random_seed(0)
    layers = [
        keras.Input((size, size, 1)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(4, 3, strides=2),
        keras.layers.BatchNormalization(),
        keras.layers.Activation("relu"),
        keras.layers.Dropout(0.1),
        keras.layers.Flatten(),
        keras.layers.Dense(classes, activation="softmax"),
    ]
    return keras.Sequential(layers)


class Finds:
    """A detector that finds the same faces in every picture."""

    name = "finds"

    def __init__(self, *faces):
        self.faces = list(faces)

    def detect(self, image, score=None):
        return self.faces


@contextmanager
def disk_of(size):
    """No file can become larger than `size` bytes: what a full disk does to whoever writes."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def little():
    return make_dataset()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty project: the package looks for data, notebooks and reports there."""
    (tmp_path / "notebooks" / "studies").mkdir(parents=True)
    (tmp_path / "Makefile").write_text("")
    monkeypatch.setenv("FER_TF_ROOT", str(tmp_path))
    return tmp_path


def start_run(out, dataset, **parameters):
    """A run under way of a real notebook, in the project of the test.

    Args:
        out: str such as "reports/s/runs/02_train_cnn--a".
        dataset: `Dataset`.
        **parameters: those that differ from the notebook's defaults.
    """
    from fer_tf import paths
    from fer_tf.study import notebooks, runs

    name = f"{Path(out).name.partition('--')[0]}.ipynb"
    shutil.copy(PROJECT / "notebooks" / name, paths.root() / "notebooks")
    return runs.start({**notebooks.parameters(PROJECT / "notebooks" / name), **parameters, "out": out}, dataset)
