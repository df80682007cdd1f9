"""Images in class folders, `train/angry/...` or `angry/...`, in a folder or a zip, at any depth.

The reader of photographs of one's own, and what the readers of datasets that come as class folders are built on.
"""

from collections import defaultdict
from unicodedata import normalize

import numpy as np

from fer_tf import documents, emotions
from fer_tf.datasets import listed, near_duplicates
from fer_tf.datasets.archives import opened
from fer_tf.datasets.dataset import SPLITS
from fer_tf.datasets.splits import stratified
from fer_tf.errors import InputError

WHERE = "Sort cropped faces into class folders (angry/, happy/, ..., or train/angry/, test/angry/, ...)"
_FOLDERS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "publictest"), "validation"),
    **dict.fromkeys(("test", "testing", "privatetest"), "test"),
}


def read_folders(path, size=48, channels=1, classes=(), unreadable="refuse", seed=0):
    """Reads images that lie in class folders, and brings them to one size.

    Args:
        path: a folder or a zip. Its class folders bear the emotions' names in any usual spelling.
        size: int, height and width in pixels to which images are resized, see `image_files.resize_square`.
        channels: 1 for gray or 3 for RGB; others are converted.
        classes: the folders' names in the order of the labels, where they are no emotions.
        unreadable: "refuse" files that cannot be decoded, or "skip" them and name them in `source["skipped"]`.
        seed: int, of the split that is drawn where the folders tell none.
    Returns: Dataset of the emotions that have a folder. The folders `train`, `validation` and `test` are the splits
        where they are there (see `splits_of_folders`); else 80, 10 and 10% of each class are drawn, near-duplicates
        into one split.
    Raises InputError: no class folders or only one, an unknown one, an empty one, or a damaged file; one line says what
        to do.
    """
    with opened(path) as files:
        names = image_names(files)
        if not names:
            raise InputError(f"{files.label}: no class folders of images in it. {WHERE}.")
        documents.checked(list(classes), documents.TEXTS, "options of folders, classes", "Put each name into quotes.")
        if len(set(classes)) < len(classes):
            raise InputError(f"options of folders: classes names one twice: {', '.join(map(str, classes))}.")
        known = tuple(normalize("NFC", str(one)) for one in classes) or tuple(emotions.COLORS)
        there = {class_of(name, files.label, known) for name in names}
        if missing := [name for name in known if classes and name not in there]:
            raise InputError(
                f"{files.label}: no class folder {', '.join(missing)}. Add its images, or leave it out of classes."
            )
        classes = [name for name in known if name in there]
        if len(classes) == 1:
            raise InputError(
                f"{files.label}: only one class folder, {classes[0]}. Add another, for there is nothing to tell apart."
            )

        def split(names):
            if any(map(split_of, names)):
                return splits_of_folders(files, names, seed)
            groups = near_duplicates.groups_of_files(files, names)
            splits = stratified([class_of(name, files.label, known) for name in names], seed=seed, groups=groups)
            shares = "80% train, 10% validation and 10% test of each class"
            return splits, f"not official: {shares}, near-duplicates in one split, drawn with seed {seed}"

        return read(files, "folders", classes, split, size=size, channels=channels, unreadable=unreadable)


def read(files, name, classes, split, **options):
    """Reads class folders as a dataset, ordered by split, then by file name.

    Args:
        name: str, the dataset's.
        classes: the emotions that must have a folder, in the order of their labels; others are refused.
        split: function of n file names to (str array (n,) of `SPLITS`, a sentence on whose split it is).
        options: as of `image_files.read_images`.
    Raises InputError: a file outside a class folder, an unknown or an empty class folder, or a file that is no image.
    """
    classes = list(classes)
    of_image = {path.rpartition("/")[0]: class_of(path, files.label, classes) for path in image_names(files)}
    by_parent = defaultdict(set)  # the folder above the class folders -> its classes
    for folder, emotion in of_image.items():
        by_parent[folder.rpartition("/")[0]].add(emotion)
    for parent, here in by_parent.items():
        for missing in (emotion for emotion in classes if emotion not in here):
            where = f"{parent}/{missing}".removeprefix("/")
            raise InputError(f"{files.label}: the class folder {where} is empty or missing. Add its images.")
    # What else lies in a class folder is meant to be an image, and is refused with its name if it is none.
    folders = {path: path.rpartition("/")[0] for path in files.names}
    paths = [path for path, folder in folders.items() if folder in of_image]
    ids = ["/".join(path.split("/")[-3:]) for path in paths]
    splits, note = split(paths)
    labels = [classes.index(of_image[folders[path]]) for path in paths]
    source = {"file": files.label, "form": f"class folders ({files.kind})", "split": note}
    return listed.read(files, name, classes, paths, labels, splits, ids, source, **options)


def image_names(files):
    """The images in `files`; an InputError where one lies in no class folder."""
    for name in files.images():
        parts = name.split("/")
        if len(parts) < 2 or parts[-2].lower() in _FOLDERS:
            raise InputError(f"{files.label}: {name} lies in no class folder. Put it in one, such as train/angry/.")
    return files.images()


def class_of(name, label, classes=tuple(emotions.COLORS)):
    """The emotion that an image's folder says, one of `classes`; an InputError, which calls the archive `label`, for another.

    Example:
        >>> class_of("train/Happiness/1.jpg", "faces.zip")
        'happy'
    """
    folder = normalize("NFC", name.split("/")[-2])  # a Mac writes accents as letters of their own
    if folder in classes:
        return folder
    try:
        emotion = emotions.canonical(folder)
        if emotion in classes:
            return emotion
    except InputError:
        pass
    raise InputError(f"{label}: unknown class folder '{folder}' ({name}); known: {', '.join(classes)}.")


def splits_of_folders(files, names, seed):
    """The splits that the folders above the class folders say.

    Args:
        names: n of the names in `files`, such as "train/angry/1.jpg".
        seed: int, of the validation split where it has to be drawn.
    Returns: str array (n,) of `SPLITS`, and a sentence on whose split it is. With two folders, the one that is not
        `train` is the test split, as it was held out by whoever made the copy, and a ninth of `train`, drawn by class
        with near-duplicates together, is the validation split; three folders are taken as they are.
    Raises InputError: `train` or both others are missing.
    """
    splits = np.array([split_of(name) for name in names])
    there = [split for split in SPLITS if split in splits]
    if "" in splits or "train" not in there or len(there) < 2:
        message = f"only {there[0]}/" if there else "neither usages in the file names nor train/ and test/ folders"
        raise InputError(f"{files.label}: no split: {message}. Give a copy with train/ and test/.")
    if len(there) == 3:
        return splits, "not official: the folders train, validation and test as they came"
    held_out = there[1]
    splits = np.where(splits == "train", "train", "test").astype("<U10")
    # By file name, not by its place in the archive: the split is the same for a folder and for a zip of it.
    train = sorted(np.flatnonzero(splits == "train"), key=lambda row: names[row].split("/")[-3:])
    classes = [names[row].split("/")[-2].lower() for row in train]
    groups = near_duplicates.groups_of_files(files, [names[row] for row in train])
    splits[train] = stratified(classes, {"train": 8 / 9, "validation": 1 / 9}, seed, groups)
    how = f"drawn by class with seed {seed}, near-duplicates together"
    return splits, f"not official: the folder {held_out} is the test split; a ninth of train, {how}, is validation"


def split_of(name):
    """The split that the folder above an image's class folder says, "" where it says none."""
    parts = name.split("/")
    return _FOLDERS.get(parts[-3].lower(), "") if len(parts) > 2 else ""
