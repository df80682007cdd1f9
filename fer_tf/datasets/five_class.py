"""Several class-folder datasets merged into five classes, with rules in place of cleaning by hand.

Folders of other classes are left out, so are images that are blank or nothing but black and white, and those that a list
names. Near-duplicates stay in one split; of those with the same bytes one is taken, and none where their labels differ.
"""

from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from fer_tf import emotions, paths
from fer_tf.datasets import cleaning, listed, near_duplicates
from fer_tf.datasets.archives import ARCHIVES, opened
from fer_tf.datasets.dataset import SPLITS, Dataset
from fer_tf.datasets.splits import as_groups, stratified
from fer_tf.errors import InputError

OFFICIAL = {"angry": 4030, "neutral": 4120, "happy": 4281, "sad": 4077, "surprise": 4002}
"""How many images the study kept after cleaning by hand."""

FRACTIONS = {"train": 0.70, "validation": 0.15, "test": 0.15}
CLASS_MAP = {"neutrality": "neutral"}
"""Folders of the study's two datasets that bear another name than the emotion."""

WHERE = (
    "Get jonathanoheix/face-expression-recognition-dataset and sudarshanvaidya/random-images-for-face-emotion-recognition from "
    "Kaggle, each as a zip or a folder of its own"
)


def read_five_class(
    path, class_map=None, exclude="", black_white=0.9, blank_std=5.0, size=48, channels=3, unreadable="skip", seed=0
):
    """Reads and merges the class folders of several datasets.

    Args:
        path: a folder of zips and folders, a dataset each; in each, class folders at any depth, whose splits do not count.
        class_map: dict of a folder's name to one of the five classes, or to "" to leave it out; folders that are not in it, nor in `CLASS_MAP`, bear
            the name of an emotion.
        exclude: path of a text file with an id in each line, "<dataset>/<path in it>": images removed by hand.
        black_white, blank_std: thresholds of `cleaning.audit`, from which on images are left out.
        size: int, height and width in pixels.
        channels: 1 or 3.
        unreadable: "refuse" or "skip".
        seed: int, of the split: 70% train, 15% validation and 15% test of each class.
    Returns: Dataset with the classes of `emotions.FIVE`; `source["left_out"]` counts what was left out for which reason.
    Raises InputError: something is missing or wrong; one line says what and where.
    """
    by_hand, parts = excluded(exclude), []
    options = {"size": size, "channels": channels, "unreadable": unreadable}
    for one in _datasets(Path(path)):
        with opened(one) as files:
            names, labels, ids = _listed(files, one, {**CLASS_MAP, **(class_map or {})})
            splits = ["train"] * len(names)
            parts.append(listed.read(files, "five_class", emotions.FIVE, names, labels, splits, ids, {}, **options))
    keys = ("images", "labels", "splits", "ids")
    columns = (np.concatenate([getattr(part, key) for part in parts]) for key in keys)
    merged = Dataset("five_class", emotions.FIVE, *columns)
    if unknown := by_hand - set(merged.ids.tolist()):
        raise InputError(f"{exclude}: {min(unknown)} is no image here. Write <dataset>/<path in it>.")
    audit = cleaning.audit(merged, blank_std=blank_std, black_white=black_white)
    reasons = {
        "on the exclusion list": np.isin(merged.ids, list(by_hand)),
        "blank": audit.blank,
        "black and white": audit.black_white,
        "same bytes, other label": audit.conflict,
        "same bytes": audit.repeat,
    }
    merged = merged.select(~np.any(list(reasons.values()), axis=0))
    groups = as_groups(near_duplicates.groups(len(merged), near_duplicates.pairs(merged.images)))
    splits = stratified(merged.labels, FRACTIONS, seed, groups)
    counts = dict(zip(emotions.FIVE, np.bincount(merged.labels, minlength=len(emotions.FIVE)).tolist(), strict=True))
    source = {
        "file": Path(path).name,
        "form": f"{len(parts)} datasets in class folders",
        "split": f"70/15/15 of each class, drawn with seed {seed}; near-duplicates in one split",
        "left_out": {reason: int(mask.sum()) for reason, mask in reasons.items()},
        "skipped": [sentence for part in parts for sentence in part.source["skipped"]],
        "differences": listed.differences(counts, OFFICIAL, "in the study, after cleaning by hand,"),
    }
    order = np.lexsort((merged.ids, [SPLITS.index(split) for split in splits]))
    return replace(merged, splits=splits, source=source).select(order)


def _datasets(path):
    """The zips and folders in a folder: a dataset each."""
    inside = sorted(path.iterdir()) if path.is_dir() else []
    inside = [one for one in inside if not one.name.startswith(".")]
    datasets = [one for one in inside if one.is_dir() or one.name.lower().endswith(ARCHIVES)]
    if not datasets:
        raise InputError(f"{path.name}: no zips or folders in it. {WHERE}.")
    return datasets


def _listed(files, path, class_map):
    """Names, labels and ids of the images whose class is one of the five."""
    names, labels, ids = [], [], []
    for name in files.images():
        folder = PurePosixPath(name).parent.name
        emotion = class_map.get(folder, folder)
        try:
            emotion = emotion and emotions.canonical(emotion)
        except InputError as error:
            hint = "Rename or remove it, or name it in class_map"
            raise InputError(f"{files.label}: {name}: unknown class folder '{folder}'. {hint}.") from error
        if emotion in emotions.FIVE:
            names.append(name)
            labels.append(emotions.FIVE.index(emotion))
            ids.append(f"{path.name.removesuffix('.zip')}/{name}")
    if missing := [emotion for label, emotion in enumerate(emotions.FIVE) if label not in labels]:
        raise InputError(f"{files.label}: no image of the class {missing[0]}. {WHERE}.")
    return names, labels, ids


def excluded(file):
    """The ids that an exclusion list names: set of str, empty without a list; an InputError where it cannot be read."""
    if not file:
        return set()
    data = paths.read_bytes(paths.resolve(file), advice="Name the list of images to leave out.")
    lines = data.decode("utf-8-sig", "replace").splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}
