"""Images that show the same photograph: re-encoded, shifted by a few pixels, in a mirror, or with a watermark.

Candidates are found by a perceptual hash of 64 bits, in several views, and confirmed by the correlation of their pixels
where they fit best. `cleaning.identical_groups` knows the images that are the same byte for byte.
"""

from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import pandas as pd

from fer_tf.datasets.arrays import gray, mirror
from fer_tf.datasets.cleaning import identical_groups
from fer_tf.datasets.image_files import read_images
from fer_tf.datasets.splits import as_groups
from fer_tf.errors import choose

SIMILAR = 0.9
"""Correlation from which on two images are near-duplicates. Of FER2013's candidates few lie between 0.85 and 0.9: below are
two persons of one pose, above is one photograph (see the figure of similarities in notebook 00)."""

LEAK_FREE = Path(__file__).parent / "leak_free"
SIDE, SHIFT = 48, 2
MOST = 100
"""Candidates of one image that are compared. Where there are more, as among the frames of a film, some are left out."""
_BITS, _NEAR, _ENOUGH_CONTRAST = 64, 12, 5.0
_STEPS = (-SHIFT, 0, SHIFT)
_VIEWS = [(mirrored, dy, dx) for mirrored in (False, True) for dy in _STEPS for dx in _STEPS]
_INVERSES = [view for view in _VIEWS if view[1:] < (0, 0) and (not view[0] or view[1] < 0)]


def pairs(images, rows=None):
    """Pairs of images that may show the same photograph, each with its similarity.

    Args:
        images: uint8 array (n, h, w, c); may be a memory map. They are compared at 48x48 pixels in gray.
        rows: int array (m,), images to be compared with all others; all by default. The time grows with m times n: a
            minute for FER2013's 35,887 images on two cores.
    Returns: DataFrame with the columns first and second (rows, first < second) and similarity: the correlation of their
        pixels at the best of all shifts up to 3 pixels and of the mirror image, -1 to 1. Images without contrast are
        only in a pair with those of the same bytes. An image with more than `MOST` candidates is compared with the nearest
        of them, and with some evenly spread over all.

    Perceptual hash by the signs of low frequencies: Zauner 2010, "Implementation and benchmarking of perceptual image
    hash functions", section 3.2.1.

    Example:
        >>> images = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 1), dtype=np.uint8)
        >>> images[2] = images[0, :, ::-1]
        >>> pairs(images).round(3).to_dict("records")
        [{'first': 0, 'second': 2, 'similarity': 1.0}]
    """
    small = reduced(images)
    flat = np.array([image.std() for image in small]) < _ENOUGH_CONTRAST
    everything = np.flatnonzero(~flat)
    chosen = everything if rows is None else np.asarray(rows)[~flat[rows]]
    # Compared with each other, a pair is looked at in both orders: of a view and its inverse one is enough.
    views = _VIEWS if rows is not None else [view for view in _VIEWS if view not in _INVERSES]
    first, second = _candidates(small, chosen, everything, views)
    values = [similarity(small[i], small[j]) for i, j in zip(first, second, strict=True)]
    table = pd.DataFrame({"first": first, "second": second, "similarity": np.array(values, dtype=np.float64)})
    return pd.concat([table, _flat_pairs(small, flat, rows)], ignore_index=True)


def similarity(a, b, shift=3):
    """The correlation of two images' pixels where they fit best.

    Args:
        a, b: uint8 arrays (h, w), of one size.
        shift: int, pixels by which they may be shifted against each other in each direction.
    Returns: float, -1 to 1: the highest over all shifts, and over `b` and its mirror image.
    """
    middle = a[shift:-shift, shift:-shift]
    views = (b, np.ascontiguousarray(b[:, ::-1]))
    return max(float(cv2.matchTemplate(view, middle, cv2.TM_CCOEFF_NORMED).max()) for view in views)


def groups(n, table, similar=SIMILAR):
    """Numbers the groups of images that are near-duplicates of each other, directly or through others.

    Args:
        n: int, how many images there are.
        table: DataFrame of `pairs`.
        similar: similarity from which on a pair is one.
    Returns: int64 array (n,): -1 for an image like no other, else its group's number, 0 and up in order of first
        appearance, as `cleaning.identical_groups` has it and `splits.as_groups` takes it.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    linked = table[table["similarity"] >= similar]
    edges = (np.ones(len(linked)), (linked["first"], linked["second"]))
    part = connected_components(coo_array(edges, shape=(n, n)), directed=False)[1]
    group = np.full(n, -1, dtype=np.int64)
    several = np.bincount(part, minlength=n)[part] > 1
    group[several] = pd.factorize(part[several])[0]
    return group


def groups_of_files(files, names):
    """Groups of image files that show the same photograph, for `splits.stratified`, so that no split has another's copy.

    Args:
        files: `archives.Files`.
        names: names in `files`, n of them.
    Returns: int64 array (n,); a file that cannot be read is on its own.
    """
    images, rows, _ = read_images(files, names, SIDE, unreadable="skip")
    group = np.full(len(names), -1, dtype=np.int64)
    group[rows] = groups(len(rows), pairs(images))
    return as_groups(group)


def leaks(splits, table, split="test", similar=SIMILAR):
    """Which images of a split have a near-duplicate in another split.

    Args:
        splits: str array (n,).
        table: DataFrame of `pairs`.
        split: str, whose images are looked at.
        similar: similarity from which on a pair is one.
    Returns: bool array (n,).
    """
    linked = table[table["similarity"] >= similar]
    leaked = np.zeros(len(splits), dtype=bool)
    for one, other in (("first", "second"), ("second", "first")):
        one, other = linked[one].to_numpy(), linked[other].to_numpy()
        leaked[one[(splits[one] == split) & (splits[other] != split)]] = True
    return leaked


def summary(dataset, table, similar=SIMILAR):
    """How many near-duplicates there are: a DataFrame with the columns finding and images (int).

    Args:
        table: DataFrame of `pairs`.
        similar: similarity from which on a pair is one.
    """
    frame = pd.DataFrame(
        {"split": dataset.splits, "label": dataset.labels, "group": groups(len(dataset), table, similar)}
    )
    grouped = frame[frame["group"] >= 0].groupby("group")
    several, labels = grouped["split"].nunique() > 1, grouped["label"].nunique() > 1
    lines = {
        "groups of near-duplicates": grouped.ngroups,
        "images in them": int((frame["group"] >= 0).sum()),
        "images beyond the first of each": int((frame["group"] >= 0).sum()) - grouped.ngroups,
        "groups in more than one split": int(several.sum()),
        "groups with different labels": int(labels.sum()),
        "test images with a near-duplicate in training or validation": int(
            leaks(dataset.splits, table, "test", similar).sum()
        ),
    }
    return pd.DataFrame(list(lines.items()), columns=["finding", "images"])


def altered(images):
    """Copies of images as they come about on the web, to see how similar a copy is to its original.

    Args:
        images: uint8 array (n, h, w, c).
    Returns: dict, what was done -> uint8 array (n, 48, 48).
    """

    def encoded(view):
        quality = [cv2.IMWRITE_JPEG_QUALITY, 40]
        written = [cv2.imencode(".jpg", image, quality)[1] for image in view]
        return np.stack([cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) for data in written])

    small = reduced(images)
    return {
        "encoded again": encoded(small),
        "shifted and encoded again": encoded(_view(small, False, SHIFT, 1)),
        "mirrored and encoded again": encoded(_view(small, True, 0, 0)),
    }


def reduced(images):
    """Images as they are compared: uint8 array (n, h, w, c) to uint8 (n, 48, 48), gray."""
    small = np.empty((len(images), SIDE, SIDE), dtype=np.uint8)
    for start in range(0, len(images), 1024):  # a memory map larger than memory passes through in pieces
        block = gray(images[start : start + 1024])
        if block.shape[1:] != (SIDE, SIDE):
            block = np.stack([cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for image in block])
        small[start : start + len(block)] = block
    return small


def leak_free(name):
    """The names of a dataset's test images without a near-duplicate in training or validation, as the package ships them.

    Args:
        name: "fer2013".
    Returns: frozenset of str, file names without folder and suffix, such as "PrivateTest_10131363". Labels and pixels
        are not in it; FER2013's CSV has no names, and so nothing to look up.
    Raises InputError: no list ships for this dataset.
    """
    choose("leak-free list", name, sorted(path.stem for path in LEAK_FREE.glob("*.txt")))
    lines = (LEAK_FREE / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def file_stem(identifier):
    """An image's name without folder and suffix: what stays the same however the folders are called.

    Example:
        >>> file_stem("test/Angry/PrivateTest_10131363.jpg")
        'PrivateTest_10131363'
    """
    return PurePosixPath(identifier).stem


def _view(small, mirrored, dy, dx):
    padded = np.pad(
        mirror(small[..., None])[..., 0] if mirrored else small, ((0, 0), (SHIFT,) * 2, (SHIFT,) * 2), "edge"
    )
    return padded[:, SHIFT + dy : SHIFT + dy + SIDE, SHIFT + dx : SHIFT + dx + SIDE]


def _hashes(small):
    """float32 (n, 64) of -1 and 1: whether a low frequency is above the image's median."""
    half = SIDE * 2 // 3
    tiny = np.stack([cv2.resize(image, (half, half), interpolation=cv2.INTER_AREA) for image in small])
    waves = np.cos(np.pi / half * np.outer(np.arange(1, 9), np.arange(half) + 0.5)).astype(np.float32)  # (8, 32)
    frequencies = (waves @ tiny.astype(np.float32) @ waves.T).reshape(len(small), _BITS)
    return np.where(frequencies > np.median(frequencies, axis=1, keepdims=True), 1, -1).astype(np.float32)


def _candidates(small, rows, others, views):
    """Pairs of which a view of one has nearly the hash of the other: int64 array (2, m), the smaller number first."""
    if not len(rows) or not len(others):
        return np.empty((2, 0), dtype=np.int64)
    known = np.concatenate([_hashes(small[others[start : start + 4096]]) for start in range(0, len(others), 4096)])
    step, found = max(1, 2**24 // len(others)), []
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        equal = np.full((len(block), len(others)), -_BITS, dtype=np.float32)  # equal bits less different ones
        for view in views:
            np.maximum(equal, _hashes(_view(small[block], *view)) @ known.T, out=equal)
        equal[block[:, None] == others] = -_BITS
        near = [_some(np.flatnonzero(bits >= _BITS - 2 * _NEAR), bits) for bits in equal]
        found.append([np.repeat(block, [len(one) for one in near]), others[np.concatenate(near)]])
    return np.unique(np.sort(np.concatenate(found, axis=1), axis=0), axis=1)


def _some(near, equal):
    """Of more than `MOST` candidates the nearest, and some evenly spread, which link the groups that the nearest make."""
    if len(near) <= MOST:
        return near
    spread = np.linspace(0, len(near) - 1, MOST // 2).astype(int)
    return np.concatenate([near[np.argsort(-equal[near], kind="stable")[: MOST // 2]], near[spread]])


def _flat_pairs(small, flat, rows):
    """Pairs of images without contrast that are the same byte for byte."""
    of = np.flatnonzero(flat)
    number = identical_groups(small[of])
    wanted = set(of.tolist() if rows is None else np.asarray(rows).tolist())
    linked = [
        (i, j, 1.0)
        for twins in pd.Series(of[number >= 0]).groupby(number[number >= 0]).agg(list)
        for place, j in enumerate(twins)
        for i in twins[: min(place, MOST)]
        if wanted & {i, j}
    ]
    return pd.DataFrame(linked, columns=["first", "second", "similarity"]).astype(
        {"first": np.int64, "second": np.int64, "similarity": np.float64}
    )
