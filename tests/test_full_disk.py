"""A disk that is full or a folder that is read-only, at every place where something is written: one line, and nothing half there."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

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
    with disk_of(600), pytest.raises(InputError, match="could not be written"):
        WRITERS[name](project)
    left = [path for path in project.rglob("*") if path.is_file()]
    assert not [path for path in left if ".part" in path.name]
    before = {path: path.read_bytes() for path in left}
    WRITERS[name](project)  # where there is room again
    assert sum(path.stat().st_size for path in project.rglob("*")) > sum(map(len, before.values()))
    whole = [path for path in left if path.suffix != ".csv"]  # a history's first epochs fit
    assert all(path.read_bytes() == before[path] for path in whole)


@contextmanager
def without_rights():
    """As a user who owns nothing here; the superuser may write what is read-only."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(me)


@pytest.fixture
def readable():
    """A folder that anybody may read, and its owner alone write."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
        Path(folder).chmod(0o755)


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_in_a_read_only_folder_says_so_in_one_line(name, project, readable, monkeypatch):
    WRITERS[name](project)  # imports what it needs
    monkeypatch.setenv("FER_TF_ROOT", str(readable))
    readable.chmod(0o555)
    with without_rights(), pytest.raises(InputError, match="ermission denied"):
        WRITERS[name](readable)
    assert list(readable.iterdir()) == []


def test_data_that_is_read_only_is_prepared_and_used(project, readable, monkeypatch):
    source = standin.write("fer_plus", readable / "raw", {"train": 2, "test": 1})
    expected = datasets.prepare("fer_plus", source).hash
    files = {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}
    for path in (source, *source.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    monkeypatch.setenv("FER_TF_ROOT", str(readable))
    (readable / "data").mkdir()
    (readable / "data").chmod(0o777)
    with without_rights():
        assert datasets.prepare("fer_plus", source).hash == expected
        for path in ((readable / "data"), *(readable / "data").rglob("*")):
            if path.owner() != "root":
                path.chmod(0o555 if path.is_dir() else 0o444)
        assert datasets.prepare("fer_plus", source).hash == datasets.load("fer_plus").hash == expected
        with pytest.raises(InputError, match="could not be written"):
            datasets.save(FACES, "fer_plus")
        assert datasets.load("fer_plus").hash == expected
    assert {path: path.read_bytes() for path in source.rglob("*") if path.is_file()} == files
