"""The one form that every reader returns: images with their labels, their official split, and where they came from.

Reading lives in one module per source, and keeping on disk in `prepared`; here is only the data and how to take a part
of it.
"""

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from fer_tf.errors import InputError

SPLITS = ("train", "validation", "test")
"""The splits' names, in the order in which rows are kept."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labeled images of one size with their splits.

    Args:
        name: str, what the dataset is called.
        classes: class names; a label is an index into them.
        images: uint8 array (n, h, w, c) with c 1 or 3; may be a read-only memory map.
        labels: int array (n,), 0 to len(classes) - 1; kept as int64.
        splits: str array (n,) with values from `SPLITS`.
        ids: str array (n,), a stable and unique name of each image, such as "train/angry/Training_123.jpg".
        source: plain JSON: where the images came from, notes, and differences from the official counts.
    Raises InputError: the arrays don't fit together.
    """

    name: str
    classes: tuple
    images: np.ndarray
    labels: np.ndarray
    splits: np.ndarray
    ids: np.ndarray
    source: dict = field(default_factory=dict)

    def __post_init__(self):
        keep = object.__setattr__  # the dataclass is frozen; these three are only brought into one form
        keep(self, "classes", tuple(str(name) for name in self.classes))
        keep(self, "labels", np.asarray(self.labels, dtype=np.int64))
        keep(self, "splits", np.asarray(self.splits, dtype=np.str_))
        keep(self, "ids", np.asarray(self.ids, dtype=np.str_))
        _check(self)

    def __len__(self):
        return len(self.labels)

    def __repr__(self):
        parts = ", ".join(f"{split} {int((self.splits == split).sum()):,}" for split in self.split_names())
        size = "x".join(str(side) for side in self.images.shape[1:])
        return f"<Dataset {self.name}: {len(self):,} images of {size}, {len(self.classes)} classes ({parts})>"

    @cached_property
    def hash(self):
        """SHA-256 over the content (images, labels, splits, classes), 64 hexadecimal digits; computed when asked."""
        return content_hash(self.images, self.labels, self.splits, self.classes)

    def split_names(self):
        """The splits that the dataset has, in the order of `SPLITS`."""
        there = set(np.unique(self.splits))
        return tuple(split for split in SPLITS if split in there)

    def select(self, rows):
        """The dataset with only some of its rows: a bool mask (n,), or int indices in the order wanted.

        Where the rows lie together the images remain a view, so that a memory map is not read.

        Raises InputError: a mask of another length, or an index outside.
        """
        rows = np.asarray(rows)
        if rows.dtype == bool:
            if rows.shape != (len(self),):
                raise InputError(f"a mask of shape {rows.shape} for {len(self):,} images. Give one value per image.")
            rows = np.flatnonzero(rows)
        rows = rows.astype(np.int64)
        if rows.size and not (-len(self) <= rows.min() and rows.max() < len(self)):
            raise InputError(f"row {int(rows.max()):,} asked of {self.name}, which has {len(self):,} images.")
        if rows.size and rows[0] >= 0 and np.all(np.diff(rows) == 1):
            rows = slice(int(rows[0]), int(rows[-1]) + 1)
        parts = {key: getattr(self, key)[rows] for key in ("images", "labels", "splits", "ids")}
        return replace(self, source=dict(self.source), **parts)

    def split(self, name):
        """The images of one split, as a Dataset; an InputError names the splits that there are."""
        if name not in self.split_names():
            have = ", ".join(self.split_names()) or "none"
            raise InputError(f"{self.name} has no split '{name}'; it has: {have}. Choose one of these.")
        return self.select(self.splits == name)

    def only(self, classes):
        """The images of two or more classes, as a Dataset with labels in the order given.

        Raises InputError: a class that the dataset does not have, one named twice, or fewer than two.
        """
        classes = tuple(classes)
        if unknown := [name for name in classes if name not in self.classes]:
            raise InputError(f"{self.name} has no class '{unknown[0]}'; it has {', '.join(self.classes)}.")
        if len(classes) < 2 or len(set(classes)) < len(classes):
            raise InputError(f"classes {', '.join(classes)}: name two or more different ones.")
        new = np.array([classes.index(name) if name in classes else -1 for name in self.classes])
        retained = self.select(new[self.labels] >= 0)
        return replace(retained, classes=classes, labels=new[retained.labels], source=dict(self.source))

    def counts(self):
        """How many images each class has in each split: DataFrame of int, index the classes, columns the splits present."""
        table = pd.DataFrame(index=pd.Index(self.classes, name="class"))
        for split in self.split_names():
            table[split] = np.bincount(self.labels[self.splits == split], minlength=len(self.classes))
        return table.astype(int)


def content_hash(images, labels, splits, classes):
    """SHA-256 of a dataset's content, 64 hexadecimal digits, the same whatever the arrays' memory layout or string width."""
    digest = hashlib.sha256()
    digest.update(json.dumps([list(classes), list(images.shape)]).encode())
    digest.update(np.asarray(labels, dtype="<i8").tobytes())
    digest.update("\n".join(np.asarray(splits).tolist()).encode())
    for start in range(0, len(images), 4096):  # a memory map larger than memory passes through in pieces
        digest.update(np.ascontiguousarray(images[start : start + 4096]))
    return digest.hexdigest()


def _check(dataset):
    images, n = dataset.images, len(dataset.labels)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise InputError(f"{dataset.name}: images are {images.dtype} {images.shape}, expected uint8 (n, h, w, 1 or 3).")
    lengths = {"images": len(images), "labels": n, "splits": len(dataset.splits), "ids": len(dataset.ids)}
    if len(set(lengths.values())) != 1:
        message = ", ".join(f"{count:,} {what}" for what, count in lengths.items())
        raise InputError(f"{dataset.name}: {message}. Give one of each per image.")
    if n and not (dataset.labels.min() >= 0 and dataset.labels.max() < len(dataset.classes)):
        result = f"labels from {dataset.labels.min()} to {dataset.labels.max()}"
        raise InputError(f"{dataset.name}: {result} for {len(dataset.classes)} classes. Labels count from 0.")
    if strange := sorted(set(np.unique(dataset.splits)) - set(SPLITS)):
        raise InputError(f"{dataset.name}: unknown split '{strange[0]}'; splits are called {', '.join(SPLITS)}.")
