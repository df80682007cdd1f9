"""A disk that is full, at every place where something is written: one line, and nothing half there."""

import numpy as np
import pandas as pd
import pytest
from conftest import disk_of, make_dataset
from matplotlib.figure import Figure

from fer_tf import datasets, paths
from fer_tf.datasets import attributes, standin
from fer_tf.errors import InputError
from fer_tf.faces import photographs
from fer_tf.figures import style
from fer_tf.study import runs, tables


def run(folder):
    return runs.Run(folder, {"name": "a", "source_run": "b", "findings": ["x" * 999], "figures": [], "tables": []})


def epoch(folder):
    from fer_tf.training.checkpoint import EpochLog

    log = EpochLog(folder, 9)
    log.set_model(type("", (), {"optimizer": type("", (), {"learning_rate": 0.1})}))
    for number in range(9):
        log.on_epoch_begin(number)
        log.on_epoch_end(number, dict.fromkeys(("loss", "accuracy", "val_loss", "val_accuracy"), 1 / 3))


FRAME = pd.DataFrame({"a": np.arange(99) / 7})
NOISE = np.random.default_rng(0).random((99, 99))
FACES = make_dataset(size=16)
WRITERS = {
    "text": lambda folder: paths.write_text(folder / "a.txt", "x" * 999),
    "record": lambda folder: run(folder).finish("x" * 999),
    "predictions": lambda folder: run(folder).save_predictions("test", NOISE[:18, :3], FACES),
    "table": lambda folder: tables.to_files(FRAME, folder / "table"),
    "figure": lambda folder: style.save(Figure(), folder / "figure"),
    "dataset": lambda folder: datasets.save(FACES, "little"),
    "attributes": lambda folder: attributes.save("little", FACES, {"age": NOISE[:18]}),
    "drawn dataset": lambda folder: standin.write("fer_plus", folder / "drawn", {"train": 1, "test": 1}),
    "photograph": lambda folder: photographs.write(
        np.uint8(NOISE[:48, :96].reshape(48, 32, 3) * 255), folder / "a.png"
    ),
    "history": epoch,
}
"""Name -> what writes more than 600 bytes somewhere in a folder. The film and its table: tests/faces/test_video.py; the
checkpoint: tests/training/test_training.py."""


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_on_a_full_disk_says_so_in_one_line_and_leaves_nothing_half_written(name, project):
    with disk_of(600), pytest.raises(InputError) as caught:
        WRITERS[name](project)
    assert "could not be written" in str(caught.value) and "\n" not in str(caught.value)
    left = [path for path in project.rglob("*") if path.is_file()]
    assert not [path for path in left if ".part" in path.name]
    before = {path: path.read_bytes() for path in left}
    WRITERS[name](project)  # where there is room again
    assert sum(path.stat().st_size for path in project.rglob("*")) > sum(map(len, before.values()))
    whole = [path for path in left if path.suffix != ".csv"]  # a history's first epochs fit
    assert all(path.read_bytes() == before[path] for path in whole)
