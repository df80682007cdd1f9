"""Images that a list names, with their labels and splits: what every reader of image files ends in."""

import numpy as np

from fer_tf.datasets.dataset import SPLITS, Dataset
from fer_tf.datasets.image_files import read_images
from fer_tf.errors import InputError


def read(files, name, classes, names, labels, splits, ids, source, boxes=None, **options):
    """Reads images in the order in which a dataset keeps them: by split, then by id.

    Args:
        name: str, the dataset's.
        classes: k class names.
        names: n names in `files`.
        labels: int array (n,), 0 to k-1.
        splits: str array (n,) of `SPLITS`.
        ids: str array (n,), unique.
        source: dict, where they come from; `skipped` is added.
        boxes, options: as of `image_files.read_images`.
    Raises InputError: no images, an id that stands twice, or as `image_files.read_images`.
    """
    names, labels, splits, ids = (np.asarray(values) for values in (names, labels, splits, ids))
    if not len(names):
        raise InputError(f"{files.label}: no images. Download the dataset again.")
    _require_unique(files.label, names.tolist(), ids.tolist())
    order = np.lexsort((ids, [SPLITS.index(split) for split in splits]))
    boxes = None if boxes is None else np.asarray(boxes)[order]
    images, rows, skipped = read_images(files, names[order].tolist(), boxes=boxes, **options)
    rows = order[rows]
    return Dataset(name, classes, images, labels[rows], splits[rows], ids[rows], {**source, "skipped": skipped})


def require_splits(label, splits, wanted=SPLITS):
    """Refuses a dataset in which a split has no image.

    Raises InputError: a split is empty.
    """
    for split in wanted:
        if split not in splits:
            raise InputError(f"{label}: no image of the {split} split. Download the dataset again.")


def _require_unique(label, names, ids):
    """Refuses a list with an image in it twice: one of the two may lie in another split, or have another label."""
    first = {}
    for name, one in zip(names, ids, strict=True):
        if one in first:
            how = "is listed twice" if first[one] == name else f"is there twice ({first[one]} and {name})"
            raise InputError(f"{label}: {one} {how}. Remove one of the two.")
        first[one] = name


def differences(counts, official, whose="officially"):
    """A sentence for each number of images in `counts` (dict, what to int) that is another in `official`, `whose` these are."""
    return [f"{what}: {counts[what]:,} images, {whose} {n:,}." for what, n in official.items() if counts[what] != n]
