"""What is wrong with a dataset's images, and a training split without it.

An audit only looks. Cleaning only ever takes images out of the training split: validation and test stay as they were
published, so that a cleaned run is scored on the same images as any other. Files that cannot be decoded are the
readers' matter.
"""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from fer_tf.errors import InputError

REMOVABLE = ("blank", "black_white", "duplicates", "leaks", "conflicts")


@dataclass(frozen=True, eq=False)
class Audit:
    """What `audit` found, one value per image of the dataset.

    Args:
        split: str array (n,), the image's split.
        blank: bool array (n,), hardly any contrast.
        black_white: bool array (n,), nearly all pixels black or white: drawings, text, masks.
        uniform: bool array (n,), nearly all pixels in a narrow range of gray, whatever the few others are.
        group: int64 array (n,), the number of the group of byte-identical images, -1 for an image like no other.
        repeat: bool array (n,), an earlier image of the same split has the same bytes.
        leaked: bool array (n,), a training image whose bytes also lie in validation or test.
        conflict: bool array (n,), an image of a group whose labels are not all the same.
    """

    split: np.ndarray
    blank: np.ndarray
    black_white: np.ndarray
    uniform: np.ndarray
    group: np.ndarray
    repeat: np.ndarray
    leaked: np.ndarray
    conflict: np.ndarray

    def flags(self):
        """One row per image: a DataFrame with the columns of the class, in the dataset's order."""
        return pd.DataFrame(vars(self))

    def groups(self):
        """One row per group of byte-identical images: DataFrame, index `group`, columns images, splits (in how many it lies; both
        int) and conflict (bool).
        """
        twins = self.flags().loc[self.group >= 0].groupby("group")
        table = {"images": twins.size(), "splits": twins["split"].nunique(), "conflict": twins["conflict"].any()}
        return pd.DataFrame(table)

    def seen_in_training(self):
        """Which validation and test images have the bytes of a training image: bool array (n,)."""
        trained = np.unique(self.group[(self.split == "train") & (self.group >= 0)])
        return (self.split != "train") & np.isin(self.group, trained)

    def summary(self):
        """How much was found in each split: DataFrame of int, a row per finding, a column per split present, and "all".

        Groups that lie in several splits count in each of them, and once in "all".
        """
        flags, groups = self.flags(), self.groups()
        present = [split for split in ("train", "validation", "test") if split in set(self.split)]
        rows = {"images": np.ones(len(flags), dtype=bool)}
        rows |= {_WORDS[key]: flags[key].to_numpy() for key in _WORDS if key in flags}
        rows |= {_WORDS["identical"]: self.group >= 0}
        columns = {**{split: self.split == split for split in present}, "all": np.ones(len(flags), dtype=bool)}
        table = pd.DataFrame(
            {name: {row: int((mask & where).sum()) for row, mask in rows.items()} for name, where in columns.items()}
        )
        kinds = {
            "groups of byte-identical images": groups.index,
            "groups in more than one split": groups.index[groups["splits"] > 1],
            "groups with different labels": groups.index[groups["conflict"]],
        }
        for word, wanted in kinds.items():
            inside = np.isin(self.group, wanted)
            table.loc[word] = [len(np.unique(self.group[inside & where])) for where in columns.values()]
        return table.rename_axis("finding").astype(int)


_WORDS = {
    "blank": "blank",
    "black_white": "black and white",
    "uniform": "nearly uniform",
    "identical": "byte-identical to another image",
    "repeat": "repeats within its split",
    "leaked": "training images also in validation or test",
    "conflict": "with a twin of another label",
}


def audit(dataset, blank_std=5.0, black_white=0.9, uniform_range=16, near=16, uniform_share=0.95):
    """Looks for blank, black-and-white, near-uniform and byte-identical images.

    Args:
        blank_std: an image whose pixels' standard deviation lies below is blank.
        black_white: share of the pixels, 0 to 1, from which on an image is black and white.
        uniform_range: gray levels; an image is near-uniform where `uniform_share` of its pixels lie this close.
        near: gray levels within which a pixel counts as black (0) or white (255).
        uniform_share: share of the pixels, 0 to 1, for `uniform_range`.
    Raises InputError: a share outside 0 to 1, or a negative threshold.

    Example:
        >>> from fer_tf.datasets import sample
        >>> int(audit(sample.sample(n=140)).blank.sum())
        2
    """
    for what, value, top in (
        ("black_white", black_white, 1),
        ("uniform_share", uniform_share, 1),
        ("blank_std", blank_std, 255),
    ):
        if not 0 <= value <= top:
            raise InputError(f"{what}={value}; expected a value from 0 to {top}.")
    if not 0 <= min(near, uniform_range) <= max(near, uniform_range) <= 255:
        raise InputError(f"near={near}, uniform_range={uniform_range}; expected gray levels from 0 to 255.")
    n = len(dataset)
    blank, extreme, uniform = (np.zeros(n, dtype=bool) for _ in range(3))
    for start in range(0, n, 1024):  # in pieces: neither a memory map nor its float copy need fit into memory
        rows = slice(start, min(start + 1024, n))
        pixels = np.asarray(dataset.images[rows]).reshape(rows.stop - start, -1)
        blank[rows] = pixels.std(axis=1, dtype=np.float32) < blank_std
        extreme[rows] = ((pixels <= near) | (pixels >= 255 - near)).mean(axis=1) >= black_white
        ordered = np.sort(pixels, axis=1)
        cut = round((1 - uniform_share) / 2 * (pixels.shape[1] - 1))
        uniform[rows] = ordered[:, -1 - cut].astype(int) - ordered[:, cut] <= uniform_range
    group = identical_groups(dataset.images)
    flags = pd.DataFrame({"group": group, "split": dataset.splits, "label": dataset.labels})
    twins = flags[group >= 0]
    by_group = twins.groupby("group")
    held_out = set(twins.loc[twins["split"] != "train", "group"])
    several = by_group["label"].nunique()
    return Audit(
        split=dataset.splits,
        blank=blank,
        black_white=extreme,
        uniform=uniform,
        group=group,
        repeat=(flags.duplicated(["split", "group"]) & (group >= 0)).to_numpy(),
        leaked=((flags["split"] == "train") & flags["group"].isin(held_out)).to_numpy(),
        conflict=flags["group"].isin(several.index[several > 1]).to_numpy(),
    )


def identical_groups(images):
    """Numbers the groups of images (n, h, w, c) that are the same byte for byte, in order of first appearance.

    Returns: int64 array (n,): -1 for an image like no other, else its group's number from 0.
    """
    digests = pd.Series(
        [hashlib.blake2b(np.ascontiguousarray(image), digest_size=16).digest() for image in images], dtype=object
    )
    twin = digests.duplicated(keep=False).to_numpy()
    group = np.full(len(digests), -1, dtype=np.int64)
    group[twin] = pd.factorize(digests[twin])[0]
    return group


def clean(dataset, audit, remove=REMOVABLE):
    """The dataset without the training images in which something was found. Validation and test are never changed.

    Args:
        audit: Audit of this dataset.
        remove: which findings to take out of the training split: "blank", "black_white", "uniform", "duplicates" (the
            first of each group stays), "leaks" (images whose bytes also lie in validation or test), "conflicts" (all
            of a group of byte-identical images that bear different labels).
    Returns: Dataset; `source["cleaned"]` tells how many images each finding took.
    Raises InputError: an unknown finding, or an audit of another dataset.
    """
    if len(audit.split) != len(dataset) or not np.array_equal(audit.split, dataset.splits):
        raise InputError(f"the audit is of {len(audit.split)} images, {dataset.name} has {len(dataset)}. Audit it.")
    result = {
        "blank": audit.blank,
        "black_white": audit.black_white,
        "uniform": audit.uniform,
        "duplicates": audit.repeat,
        "leaks": audit.leaked,
        "conflicts": audit.conflict,
    }
    if unknown := [word for word in remove if word not in result]:
        raise InputError(f"remove '{unknown[0]}'; known are {', '.join(result)}.")
    training = dataset.splits == "train"
    gone = np.zeros(len(dataset), dtype=bool)
    for word in remove:
        gone |= result[word] & training
    taken = {word: int((result[word] & training).sum()) for word in remove}
    source = {**dataset.source, "cleaned": {**taken, "removed in all": int(gone.sum())}}
    return replace(dataset.select(~gone), source=source)
