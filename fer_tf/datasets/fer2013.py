"""FER2013 in every form in which people hold it, with its official split wherever the form tells it.

Known are the competition's CSV (bare, zipped or in a tar.gz) and the class folders of the Kaggle copies (a folder or a
zip), where the usage stands in the file names. Copies without usages get a split of our own, and the dataset says so.
"""

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from fer_tf import emotions, paths
from fer_tf.datasets import class_folders, listed
from fer_tf.datasets.archives import ARCHIVES, opened
from fer_tf.datasets.dataset import SPLITS, Dataset
from fer_tf.datasets.fer2013_csv import SIDE, USAGES, has_columns, read_csv
from fer_tf.errors import InputError, first_line

OFFICIAL_USAGES = {"Training": 28709, "PublicTest": 3589, "PrivateTest": 3589}
OFFICIAL_CLASSES = dict(zip(emotions.FER2013, (4953, 547, 5121, 8989, 6077, 4002, 6198), strict=True))
"""How many images FER2013 has (Goodfellow et al. 2013, and the competition's file)."""
HUMAN_ACCURACY = (0.65, 0.05)
"""How often people agree with FER2013's labels, and how sure that is: 65 ± 5% (Goodfellow et al. 2013, section 3.2)."""

WHERE = (
    "Get it from Kaggle (dataset msambare/fer2013, or the ICML 2013 competition "
    "'challenges-in-representation-learning-facial-expression-recognition-challenge')"
)
_CSVS = ("fer2013.csv", "icml_face_data.csv")
_USAGE = re.compile(rf"^({'|'.join(USAGES)})_", re.IGNORECASE)


def read_fer2013(path, unreadable="refuse", seed=0):
    """Reads FER2013 from a CSV, a zip, a tar.gz or a folder.

    Args:
        path: where it lies: `fer2013.csv`, `icml_face_data.csv`, an archive with one of them, or class folders
            `train/angry/...` in a folder or a zip, at any depth.
        unreadable: "refuse" image files that cannot be decoded, or "skip" them and name them in `source["skipped"]`.
        seed: int, of the split that is made where the form doesn't tell the official one: see
            `class_folders.splits_of_folders`.
    Returns: Dataset of 48x48 gray images with the seven classes of `emotions.FER2013`, ordered by split, then by file
        name (or CSV row). `source["split"]` says whose split it is, `source["differences"]` how its counts differ from
        the official ones.
    Raises InputError: something is missing or wrong; one line says what, where, and what to do.

    Goodfellow et al. 2013, "Challenges in representation learning", section 3.
    """
    path = Path(path)
    if path.suffix.lower() == ".csv":
        with paths.open_regular(path, f"{WHERE} and give its CSV.") as stream:
            return _from_csv(stream, path.name)
    with opened(path) as files:
        if csv := _find_csv(files):
            with files.apply(files.open, csv) as stream:
                return _from_csv(stream, csv if files.kind == "folder" else f"{files.label}/{csv}")
        if class_folders.image_names(files):
            return _from_folders(files, unreadable, seed)
        inside = [name for name in files.names if name.lower().endswith(ARCHIVES)]
        if files.kind == "folder" and len(inside) == 1:
            return read_fer2013(path / inside[0], unreadable, seed)
        if len(inside) > 1:
            raise InputError(f"{files.label}: several archives ({', '.join(inside[:4])}). Give one.")
    raise InputError(f"{path.name}: neither a FER2013 CSV nor class folders of images in it. {WHERE}.")


def read_five(path, unreadable="refuse", seed=0):
    """Reads the five classes of the five-class study from FER2013, with its split; see `read_fer2013`.

    Returns: Dataset with the classes of `emotions.FIVE`.
    """
    return replace(read_fer2013(path, unreadable, seed).only(emotions.FIVE), name="fer2013_five")


def _find_csv(files):
    csvs = [name for name in files.names if name.lower().endswith(".csv")]
    known = [name for wanted in _CSVS for name in csvs if PurePosixPath(name).name.lower() == wanted]

    def first_line(name):
        with files.open(name) as stream:
            return stream.readline(4096)

    return next(iter(known), None) or next((name for name in csvs if has_columns(files.apply(first_line, name))), None)


def _from_csv(stream, label):
    try:
        images, labels, splits, rows = read_csv(stream, label)
    except InputError:
        raise
    except Exception as error:  # a damaged gzip or zip member ends in one of half a dozen kinds
        raise InputError(f"{label}: cannot be read to its end ({first_line(error)}). Download it again.") from error
    _require_usages(label, splits, "row with the Usage {}")
    source = {"file": label, "form": "CSV", "split": "official: the column Usage", "skipped": []}
    ids = [f"row {row}" for row in rows]
    order = np.argsort([SPLITS.index(split) for split in splits], kind="stable")  # within a split, the file's order
    return _described(Dataset("fer2013", emotions.FER2013, images, labels, splits, ids, source).select(order))


def _from_folders(files, unreadable, seed):
    def split(names):
        return _splits_of_usages(files.label, names) or class_folders.splits_of_folders(files, names, seed)

    options = {"size": SIDE, "resize": False, "unreadable": unreadable}
    return _described(class_folders.read(files, "fer2013", emotions.FER2013, split, **options))


def _described(dataset):
    """The dataset, its source with how its counts differ from the official ones."""
    usages = {f"{usage} ({split})": usage for usage, split in USAGES.items()}
    counts = {what: int((dataset.splits == USAGES[usage]).sum()) for what, usage in usages.items()}
    counts |= dataset.counts().sum(axis=1).to_dict()
    official = {what: OFFICIAL_USAGES[usage] for what, usage in usages.items()} | OFFICIAL_CLASSES
    dataset.source.update({"dataset": "FER2013", "differences": listed.differences(counts, official)})
    return dataset


def _require_usages(label, splits, what):
    for usage, split in USAGES.items():
        if split not in splits:
            raise InputError(f"{label}: no {what.format(usage)}, so no {split} split. Download it again.")


def _splits_of_usages(label, names):
    """The official split, where the file names tell the usage: `Training_123.jpg`; else None."""
    usages = [_USAGE.match(PurePosixPath(name).name) for name in names]
    if not any(usages):
        return None
    if not all(usages):
        odd = names[usages.index(None)]
        what = f"{odd} has no usage (Training_, PublicTest_, PrivateTest_) in its name, others have"
        raise InputError(f"{label}: {what}. Rename or remove it.")
    split_of = {usage.lower(): split for usage, split in USAGES.items()}
    splits = np.array([split_of[usage.group(1).lower()] for usage in usages])
    _require_usages(label, splits, "file named {}_...")
    return splits, "official: the usage in the file names"
