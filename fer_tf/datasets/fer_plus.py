"""FER+: FER2013's faces with the votes of ten people each, in eight classes (Barsoum et al. 2016)."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from fer_tf.datasets import fer2013
from fer_tf.datasets.archives import ARCHIVES, opened
from fer_tf.datasets.fer2013_csv import USAGES
from fer_tf.errors import InputError

CLASSES = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")
"""In the order of the table's columns."""

COLUMNS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")
WHERE = (
    "Get fer2013.csv from Kaggle (the ICML 2013 competition 'challenges-in-representation-learning-facial-expression-"
    "recognition-challenge') and fer2013new.csv from https://github.com/microsoft/FERPlus, put both into one folder"
)


def read_fer_plus(path, least=0.5, seed=0):
    """Reads FER2013 with FER+'s labels.

    Args:
        path: a folder with `fer2013.csv` (or an archive of it) and `fer2013new.csv`. The two are joined row by row, so that
            copies as image files, which lost the rows, do not do.
        least: share of the votes that the first class must have more than, 1 for all of them; other images are left out.
        seed: int; the official split is not drawn, so that it changes nothing.
    Returns: (Dataset with the classes `CLASSES` and FER2013's split, attributes). The attributes are votes: float (n, 8), the
        share of each class among the votes for an emotion; classes with a single vote count as none, as in the paper.
        Images that most call unknown or no face are left out.
    Raises InputError: a file is missing, or the two do not belong together.

    Barsoum, Zhang, Canton Ferrer and Zhang 2016, "Training deep networks for facial expression recognition with
    crowd-sourced label distribution", section 3.
    """
    path = Path(path)
    with opened(path) as files:
        tables = [name for name in files.names if name.endswith("fer2013new.csv")]
        if not tables:
            raise InputError(f"{files.label}: no fer2013new.csv. {WHERE}.")
        votes, splits = _votes(files, tables[0])
    known = (".csv", *ARCHIVES)
    sources = [one for one in sorted(path.glob("*")) if one.name != "fer2013new.csv" and one.name.endswith(known)]
    if len(sources) != 1:
        what = f"{len(sources)} files beside fer2013new.csv, expected fer2013.csv alone"
        raise InputError(f"{path.name}: {what}. {WHERE}.")
    faces = fer2013.read_fer2013(sources[0], seed=seed)
    if not faces.ids[0].startswith("row "):
        what = f"{sources[0].name} is a copy as images; FER+ needs the rows of fer2013.csv"
        raise InputError(f"{path.name}: {what}. {WHERE}.")
    rows = np.array([int(one.removeprefix("row ")) for one in faces.ids]) - 2  # the header is row 1
    if rows.max() >= len(votes) or len(votes) != len(faces):
        what = f"fer2013new.csv has {len(votes):,} rows, {sources[0].name} {len(faces):,} images"
        raise InputError(f"{path.name}: {what}.")
    if (other := splits[rows] != faces.splits).any():
        row = rows[other.argmax()] + 2
        what = f"row {row} of fer2013new.csv has another Usage than that of {sources[0].name}: its rows are in another order"
        raise InputError(f"{path.name}: {what}. {WHERE}.")
    votes = votes[rows]
    first, total = votes.argmax(axis=1), votes.sum(axis=1)
    most = votes.max(axis=1)
    usable = (first < len(CLASSES)) & ((most > least * total) | (most == total)) & (total > 0)
    reasons = f"most voted unknown or no face, or no class had {least:.0%} of the votes"
    source = {**faces.source, "labels": "FER+, majority of the votes"}
    source["left_out"] = f"{int((~usable).sum()):,} images: {reasons}"
    labels = np.where(usable, first, 0)
    relabeled = replace(faces, name="fer_plus", classes=CLASSES, labels=labels, source=source).select(usable)
    emotions = votes[usable, : len(CLASSES)]
    return relabeled, {"votes": (emotions / np.maximum(emotions.sum(axis=1, keepdims=True), 1)).astype(np.float32)}


def _votes(files, table):
    """int array (n, 10), the votes of each row, without those of a single person; and str array (n,), its split."""
    votes, splits, possible = [], [], {str(count) for count in range(11)}
    for number, line in enumerate(files.table(table, (*COLUMNS, "Usage")), start=2):
        cells = [line[column].strip() for column in COLUMNS]
        if not possible.issuperset(cells):
            where = f"{files.label}: {table}, row {number}"
            raise InputError(f"{where}: votes {','.join(cells)[:60]}, expected 0 to 10 each.")
        votes.append([int(cell) for cell in cells])
        splits.append(USAGES.get(line["Usage"].strip(), ""))
    votes = np.array(votes, dtype=np.int64).reshape(-1, len(COLUMNS))
    return np.where(votes > 1, votes, 0), np.array(splits, dtype=str)
