"""RAF-DB's basic emotions, in the layout that its authors give out and in that of the Kaggle copy."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from fer_tf.datasets import listed, near_duplicates
from fer_tf.datasets.archives import opened
from fer_tf.datasets.splits import stratified
from fer_tf.errors import InputError

CLASSES = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")
"""In the order of RAF-DB's labels 1 to 7 (Li et al. 2017)."""

OFFICIAL = {"train": 12271, "test": 3068}
SIDE = 100
WHERE = (
    "Ask its authors for it (http://www.whdeng.cn/RAF/model1.html, from an academic address, after agreeing to its terms), "
    "unpack basic/Image/aligned and basic/EmoLabel"
)
GENDERS = ("male", "female", "unsure")
RACES = ("Caucasian", "African-American", "Asian")
AGES = ("0 to 3", "4 to 19", "20 to 39", "40 to 69", "70 and more")
_LIST = re.compile(r"list_pa(r?)tition_label\.txt$", re.IGNORECASE)  # the file's own spelling, and the one expected
_NAME = re.compile(r"^(train|test)_\d+")


def read_rafdb(path, validation=0.15, size=SIDE, channels=3, unreadable="refuse", seed=0):
    """Reads RAF-DB from a folder or a zip.

    Args:
        path: with `EmoLabel/list_patition_label.txt` (spelled so) and `Image/aligned/train_00001_aligned.jpg` ..., or with
            `train/1` ... `train/7`, `test/1` ... and `train_labels.csv`, `test_labels.csv`; at any depth.
        validation: share of the training images that become the validation split, drawn by class, near-duplicates together.
        size: int, height and width in pixels; 100 is what the files have.
        channels: 1 or 3.
        unreadable: "refuse" or "skip".
        seed: int, of the validation split.
    Returns: (Dataset with the classes `CLASSES`, attributes). The attributes are gender, race and age (str arrays (n,)) and
        five points of the unaligned photograph (float (n, 5, 2), pixels), where `Annotation/manual/train_00001_manu_attri.txt` ... are there.
    Raises InputError: something is missing or wrong; one line says what and where.

    Li, Deng and Du 2017, "Reliable crowdsourcing and deep locality-preserving learning for expression recognition".
    """
    with opened(path) as files:
        lists = [name for name in files.names if _LIST.search(name)]
        if lists:  # compound/, beside basic/, has files of the same names
            top = PurePosixPath(lists[0]).parent.parent
            below = tuple(name for name in files.names if PurePosixPath(name).is_relative_to(top))
            files = replace(files, names=below)
        names, labels = _official(files, lists[0]) if lists else _kaggle(files)
        there = set(files.names)
        if missing := [name for name in names if name not in there]:
            what = missing[0] + (f" (and {len(missing) - 1:,} more)" if len(missing) > 1 else "")
            what = f"the list of labels names {what}, which is not there"
            raise InputError(f"{files.label}: {what}. Download the dataset again.")
        ids = np.array([PurePosixPath(name).name for name in names])
        splits = np.array([_NAME.match(one)[1] for one in ids]).astype("<U10")
        listed.require_splits(files.label, splits, OFFICIAL)
        source = {
            "file": files.label,
            "form": "official layout" if lists else "Kaggle layout",
            "split": f"official test split; {validation:.0%} of train, drawn by class with seed {seed}, near-duplicates "
            "together, is validation",
            "differences": listed.differences(Counter(splits.tolist()), OFFICIAL),
        }
        codes = np.array(labels) - 1
        train = np.flatnonzero(splits == "train")
        train = train[np.argsort(ids[train])]  # by name: the split is the same for both layouts
        groups = near_duplicates.groups_of_files(files, [names[row] for row in train])
        splits[train] = stratified(codes[train], {"train": 1 - validation, "validation": validation}, seed, groups)
        options = {"size": size, "channels": channels, "unreadable": unreadable}
        dataset = listed.read(files, "rafdb", CLASSES, names, codes, splits, ids, source, **options)
        return dataset, _attributes(files, dataset.ids)


def _official(files, file):
    """Names of the aligned images and their labels 1 to 7, from the official list."""
    known = {PurePosixPath(name).name: name for name in files.names if "/aligned/" in f"/{name}"}
    names, labels = [], []
    for word, label in _labels(files, file, None, "train_00001.jpg 5"):
        aligned = f"{PurePosixPath(word).stem}_aligned.jpg"
        names.append(known.get(aligned, f"Image/aligned/{aligned}"))
        labels.append(label)
    return names, labels


def _kaggle(files):
    """Names and labels from `train_labels.csv` and `test_labels.csv`, held against the folders."""
    tables = [name for name in files.names if re.search(r"(train|test)_labels\.csv$", name, re.IGNORECASE)]
    images = [name for name in files.names if _NAME.match(PurePosixPath(name).name) and name.lower().endswith(".jpg")]
    if not tables and not images:
        what = "neither EmoLabel/list_patition_label.txt nor train_labels.csv in it"
        raise InputError(f"{files.label}: {what}. {WHERE}.")
    if not tables:
        return images, [_label(f"{files.label}: {name}", PurePosixPath(name).parent.name) for name in images]
    known = {PurePosixPath(name).name: name for name in images}
    names, labels = [], []
    for table in tables:
        for word, label in _labels(files, table, ",", "train_00001_aligned.jpg,5"):
            names.append(known.get(word, word))
            labels.append(label)
            folder = PurePosixPath(names[-1]).parent.name
            if folder not in ("", str(label)):
                raise InputError(f"{files.label}: {word} has the label {label} in {table}, but lies in {folder}/.")
    if unlisted := sorted(set(images) - set(names)):
        raise InputError(f"{files.label}: {unlisted[0]} has no label in {tables[0]} or beside it. Download it again.")
    return names, labels


def _labels(files, table, separator, example):
    """Yields the image and the label of each line of a list; one with a separator has a header."""
    for row, line in enumerate(_lines(files, table), start=1):
        if row == 1 and separator:
            continue
        words, where = [word.strip() for word in line.split(separator)], f"{files.label}: {table}, line {row}"
        if len(words) != 2 or not _NAME.match(words[0]):
            raise InputError(f"{where}: '{line[:40]}', expected such as '{example}'.")
        yield words[0], _label(where, words[1])


def _label(where, word):
    if word in {str(label) for label in range(1, len(CLASSES) + 1)}:
        return int(word)
    raise InputError(f"{where}: label '{word[:20]}', expected 1 ({CLASSES[0]}) to 7 ({CLASSES[-1]}).")


def _lines(files, name):
    return [line.strip() for line in files.text(name).splitlines() if line.strip()]


def _attributes(files, ids):
    """Gender, race, age and landmarks of the images, "unknown" where a file is not there; empty without any file."""
    known = {PurePosixPath(name).name: name for name in files.names if name.endswith("_manu_attri.txt")}
    if not known:
        return {}
    words = {"gender": GENDERS, "race": RACES, "age": AGES}
    values = {key: np.full(len(ids), "unknown", dtype="<U24") for key in words}
    values["points_of_original"] = np.full((len(ids), 5, 2), np.nan, dtype=np.float32)
    for row, one in enumerate(ids):
        name = known.get(one.replace("_aligned.jpg", "_manu_attri.txt"))
        if name is None:
            continue
        lines = _lines(files, name)
        try:
            values["points_of_original"][row] = [[float(word) for word in line.split()] for line in lines[:5]]
            for (key, known_words), line in zip(words.items(), lines[5:8], strict=True):
                values[key][row] = dict(enumerate(known_words))[int(line)]
        except (ValueError, KeyError) as error:
            raise InputError(f"{files.label}: {name}: not five points, gender, race and age ({error}).") from error
    return values
