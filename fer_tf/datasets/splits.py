"""Splits of one's own, where a dataset has no official one, and folds for cross-validation.

Both keep the classes' shares, and both keep a group together (the same person, or byte-identical images), so that no
image has its twin on the other side. They take labels and return arrays; scikit-learn does the drawing.
"""

import warnings

import numpy as np

from fer_tf.errors import InputError


def stratified(labels, fractions=None, seed=0, groups=None):
    """Draws splits in which every class has the same share.

    Args:
        labels: array (n,) of ints or names.
        fractions: dict, split name to its share of the images, summing to 1; by default train 0.8, validation 0.1 and
            test 0.1.
        seed: int; the same seed draws the same split.
        groups: array (n,), images with the same value stay in the same split; by default each image is on its own. With
            groups, shares are of groups, each counted in the class that most of its images bear.
    Returns: str array (n,) of the keys of `fractions`.
    Raises InputError: shares that are not positive or don't sum to 1, or a class too small to be in every split.

    Example:
        >>> splits = stratified(["happy"] * 20 + ["sad"] * 10)
        >>> [int((splits == name).sum()) for name in ("train", "validation", "test")]
        [24, 3, 3]
    """
    from sklearn.model_selection import train_test_split

    fractions = {"train": 0.8, "validation": 0.1, "test": 0.1} if fractions is None else dict(fractions)
    if not fractions or min(fractions.values()) <= 0 or not np.isclose(sum(fractions.values()), 1):
        raise InputError(f"fractions {fractions}: expected positive shares that sum to 1.")
    codes, members = _codes(labels), _members(labels, groups)
    of_group = _majority(codes, members)
    _refuse_small(labels, codes, of_group, len(fractions), "splits")
    drawing = np.empty(len(of_group), dtype=f"<U{max(map(len, fractions))}")
    rest, left = np.arange(len(of_group)), 1.0
    for split, share in list(fractions.items())[:0:-1]:  # from the last: what remains is the first
        try:
            rest, taken = train_test_split(rest, test_size=share / left, random_state=seed, stratify=of_group[rest])
        except ValueError as error:
            raise InputError(f"{len(labels):,} images are too few for '{split}': {error}") from error
        drawing[taken], left = split, left - share
    drawing[rest] = next(iter(fractions))
    return drawing[members]


def kfold(labels, k=5, seed=0, groups=None):
    """Draws the folds of a stratified k-fold cross-validation.

    Args:
        labels: array (n,) of ints or names.
        k: int, how many folds, 2 or more.
        seed: int; the same seed draws the same folds.
        groups: array (n,), images with the same value stay in the same fold; by default each image is on its own.
    Returns: int64 array (n,), the fold 0 to k - 1 in which each image is held out.
    Raises InputError: fewer than 2 folds, or a class with fewer images (or groups) than folds.

    Example:
        >>> folds = kfold(["happy"] * 10 + ["sad"] * 5, k=5)
        >>> np.bincount(folds).tolist(), np.bincount(folds[10:]).tolist()
        ([3, 3, 3, 3, 3], [1, 1, 1, 1, 1])
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    if k < 2:
        raise InputError(f"k={k} folds; expected 2 or more.")
    codes, members = _codes(labels), _members(labels, groups)
    _refuse_small(labels, codes, _majority(codes, members), k, "folds")
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    folds = np.empty(len(codes), dtype=np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # scikit-learn's own word on small classes; ours was said above
        parts = kind(k, shuffle=True, random_state=seed).split(codes, codes, members)
        for fold, (_, held_out) in enumerate(parts):
            folds[held_out] = fold
    return folds


def stratified_sample(labels, n, seed=0):
    """Draws a part of the images in which every class keeps its share, for a quick trial.

    Args:
        labels: array (m,) of ints or names.
        n: int, how many images; 0, or as many as there are or more, takes all.
        seed: int; the same seed draws the same images.
    Returns: int64 array of rows, in order.
    Raises InputError: fewer images than classes.

    Example:
        >>> rows = stratified_sample(["happy"] * 80 + ["sad"] * 20, 10)
        >>> len(rows), int((rows >= 80).sum())
        (10, 2)
    """
    if n == 0 or n >= len(labels):
        return np.arange(len(labels))
    if n < (k := len(np.unique(labels))):
        raise InputError(f"{n} images of {k} classes; take at least one of each, or 0 for all.")
    return np.flatnonzero(stratified(labels, {"taken": n / len(labels), "left": 1 - n / len(labels)}, seed) == "taken")


def as_groups(numbers):
    """Groups for `stratified` and `kfold` from `cleaning.identical_groups`: a number of its own for each -1, int64 (n,)."""
    numbers = np.asarray(numbers, dtype=np.int64)
    alone = numbers < 0
    groups = numbers.copy()
    groups[alone] = numbers.max(initial=-1) + 1 + np.arange(alone.sum())
    return groups


def _codes(labels):
    labels = np.asarray(labels)
    if labels.ndim != 1 or not len(labels):
        raise InputError(f"labels of shape {labels.shape}; expected one label per image.")
    return np.unique(labels, return_inverse=True)[1]


def _members(labels, groups):
    """The number of the group of each image."""
    if groups is None:
        return np.arange(len(labels))
    groups = np.asarray(groups)
    if groups.shape != (len(labels),):
        raise InputError(f"groups of shape {groups.shape} for {len(labels):,} images; expected one per image.")
    return np.unique(groups, return_inverse=True)[1]


def _majority(codes, members):
    """The class of each group: the one that most of its images bear, the first of these where there are several."""
    votes = np.zeros((members.max() + 1, codes.max() + 1), dtype=np.int64)
    np.add.at(votes, (members, codes), 1)
    return votes.argmax(axis=1)


def _refuse_small(labels, codes, of_group, parts, what):
    counts = np.bincount(of_group, minlength=codes.max() + 1)
    if counts.min() < parts:
        name = np.unique(np.asarray(labels))[counts.argmin()]
        raise InputError(
            f"class {name} has {counts.min()} images (or groups of near-duplicates) for {parts} {what}. Add other images, "
            f"or {'sort them into train/, validation/ and test/' if what == 'splits' else 'take fewer folds'}."
        )
