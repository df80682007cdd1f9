"""AffectNet: the official mini version (NumPy annotations), the full version's tables, and class folders.

Eight classes, or seven without contempt. Arousal, valence and the 68 landmarks of each image are kept where they are there.
"""

import io
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from fer_tf import emotions
from fer_tf.datasets import listed
from fer_tf.datasets.archives import opened
from fer_tf.datasets.class_folders import class_of, split_of
from fer_tf.datasets.splits import stratified
from fer_tf.errors import InputError, choose, first_line

WHERE = (
    "Ask its authors for it (http://mohammadmahoor.com/affectnet/, as an academic group, after signing its license), "
    "unpack train_set/ and val_set/"
)
SPLITS = {
    "80/10/10": "80, 10 and 10% of the training images of each class, drawn with seed {seed}; the set's own validation images "
    "are left out",
    "85/15": "the set's own validation (or test) images are the test split; 15% of train, drawn by class with seed {seed}, is "
    "validation",
}
SIDE = 224
_CODES = len(emotions.AFFECTNET8)
_WORDS = {str(code) for code in range(_CODES)}
_FURTHEST = 1_000_000  # pixel of a box
_NO_EMOTION = ("8", "9", "10")  # none, uncertain and no face, in the full version's tables


def read_affectnet(path, classes=8, split="85/15", size=224, channels=3, unreadable="refuse", seed=0):
    """Reads AffectNet from a folder or a zip.

    Args:
        path: with `train_set/images/<n>.jpg`, `train_set/annotations/<n>_exp.npy` (and `_aro`, `_val`, `_lnd`) and `val_set/`
            alike; or with `training.csv` and `validation.csv` and the images that they name; or with class folders
            `train/<class>/`, `val/<class>/` or `test/<class>/`, a class's name or code. At any depth.
        classes: 8, or 7 without contempt.
        split: one of `SPLITS`.
        size: int, height and width in pixels to which images are resized.
        channels: 1 or 3.
        unreadable: "refuse" or "skip".
        seed: int, of the split.
    Returns: (Dataset with the classes of `emotions.AFFECTNET8`, or the first seven of them, and attributes). Images of the full
        version are cut to their face's box. The attributes are arousal and valence (float (n,), -1 to 1) and landmarks
        (float (n, 68, 2), x and y as shares of the image's side), where they are there.
    Raises InputError: something is missing or wrong; one line says what and where.

    Mollahosseini, Hasani and Mahoor 2019, "AffectNet: a database for facial expression, valence, and arousal computing".
    """
    choose("number of classes", classes, (7, 8))
    choose("split", split, SPLITS)
    with opened(path) as files:
        if any(one.endswith("_exp.npy") for one in files.names):
            form, rows = "mini version", _mini(files)
        elif tables := [one for one in files.names if re.search(r"(training|validation)\.csv$", one)]:
            form, rows = "full version", _full(files, tables)
        else:
            form, rows = "class folders", _class_folders(files)
        source = {"file": files.label, "form": form, "split": SPLITS[split].format(seed=seed)}
        source["left_out"] = f"{sum(row['code'] >= classes for row in rows):,} images of other classes"
        rows = [row for row in rows if row["code"] < classes and (split == "85/15" or row["train"])]
        names, ids, codes, train = ([row[key] for row in rows] for key in ("file", "name", "code", "train"))
        splits = _splits(files.label, split, np.array(codes), np.array(train), seed)
        listed.require_splits(files.label, splits)
        boxes = [row["box"] for row in rows] if form == "full version" else None
        options = {"size": size, "channels": channels, "unreadable": unreadable}
        known = emotions.AFFECTNET8[:classes]
        dataset = listed.read(files, "affectnet", known, names, codes, splits, ids, source, boxes, **options)
        place = {row["name"]: row for row in rows}
        return dataset, _attributes([place[one] for one in dataset.ids.tolist()])


def read_affectnet7(path, split="85/15", size=224, channels=3, unreadable="refuse", seed=0):
    """Reads AffectNet without contempt, see `read_affectnet`."""
    faces, values = read_affectnet(path, 7, split, size, channels, unreadable, seed)
    return replace(faces, name="affectnet7"), values


def _splits(label, split, labels, train, seed):
    if split == "80/10/10":
        return stratified(labels, seed=seed)
    if not train.any() or train.all():
        lacks = "the training set" if train.size and not train.any() else "val_set/ or test/"
        raise InputError(f"{label}: no images of {lacks}. {WHERE}.")
    splits = np.where(train, "train", "test").astype("<U10")
    splits[train] = stratified(labels[train], {"train": 0.85, "validation": 0.15}, seed)
    return splits


def _mini(files):
    """Rows of the mini version: one NumPy file for each annotation of an image."""
    there = set(files.names)
    images = [one for one in files.images() if PurePosixPath(one).parent.name == "images"]

    def annotation(image, key):
        path = PurePosixPath(image)
        return str(path.parents[1] / "annotations" / f"{path.stem}_{key}.npy")

    def row(image):
        names = {key: annotation(image, key) for key in ("exp", "aro", "val", "lnd")}
        if names["exp"] not in there:
            raise InputError(f"{files.label}: {names['exp']} is missing, the expression of {image}.")
        values = {key: _numbers(files, name) for key, name in names.items() if name in there}
        code = values["exp"][0]
        if code not in range(_CODES):
            raise InputError(f"{files.label}: {names['exp']}: expression {code:g}, expected 0 to {_CODES - 1}.")
        top = PurePosixPath(image).parents[1].name
        return {
            "file": image,
            "name": f"{top}/{PurePosixPath(image).name}",
            "code": int(code),
            "train": "train" in top.lower(),
            "arousal": values.get("aro", [np.nan])[0],
            "valence": values.get("val", [np.nan])[0],
            "landmarks": values.get("lnd", np.empty(0)) / SIDE,
        }

    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(row, images, chunksize=1024))
    used = {annotation(image, "exp") for image in images}
    if unused := [one for one in files.names if one.endswith("_exp.npy") and one not in used]:
        raise InputError(f"{files.label}: {unused[0]} is of no image. Download the dataset again.")
    return rows


_PARSING = threading.Lock()
# NumPy parses a file's header by `ast`, which in threads of Python 3.11 fails now and then (CPython issue 106905).


def _numbers(files, name):
    """The values of a small NumPy file, which may hold them as text, as a flat float array."""
    data = io.BytesIO(files.read(name))
    try:
        with _PARSING:
            values = np.load(data, allow_pickle=False).reshape(-1).astype(np.float64)
    except Exception as error:  # NumPy raises half a dozen kinds for damaged bytes
        raise InputError(f"{files.label}: {name} cannot be read ({first_line(error)}). Download it again.") from error
    if not values.size:
        raise InputError(f"{files.label}: {name} holds no number. Download it again.")
    return values


def _full(files, tables):
    """Rows of the full version's tables; those without an emotion are left out."""
    known = {}
    for one in files.names:
        known.setdefault("/".join(PurePosixPath(one).parts[-2:]), one)
    rows, needed = [], ("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "expression")
    for table in tables:
        train = "training" in PurePosixPath(table).name
        for number, line in enumerate(files.table(table, needed), start=2):
            code = line["expression"].strip()
            if code in _NO_EMOTION:
                continue
            where = f"{files.label}: {table}, row {number}"
            if code not in _WORDS:
                raise InputError(f"{where}: expression '{code[:20]}', expected 0 to 10.")
            name = line["subDirectory_filePath"].strip()
            if name not in known:
                raise InputError(f"{where}: {name} is not there. Unpack all parts of the images.")
            try:
                box = [int(float(line[f"face_{key}"])) for key in ("x", "y", "width", "height")]
                if max(map(abs, box)) > _FURTHEST:
                    raise ValueError(f"a box of more than {_FURTHEST:,} pixels")
                points = _in_box(line.get("facial_landmarks") or "", box)
                aro, val = (float(line.get(key) or "nan") for key in ("arousal", "valence"))
            except (TypeError, ValueError, OverflowError) as error:
                raise InputError(f"{where}: {error}.") from error
            row = {"file": known[name], "name": name, "code": int(code), "train": train, "box": box}
            rows.append(row | {"arousal": aro, "valence": val, "landmarks": points})
    return rows


def _in_box(words, box):
    """The points "x;y;x;y..." as shares of the side of the square in the middle of a box, which is what is read."""
    points = np.array([float(word) for word in words.split(";") if word])
    left, top, width, height = box
    side = max(1, min(width, height))
    origin = (left + (width - side) // 2, top + (height - side) // 2)
    return ((points - np.resize(origin, len(points))) / side).astype(np.float32)


def _class_folders(files):
    """Rows of class folders, whose names are emotions or their codes."""
    rows = []
    for one in files.images():
        parts, which = PurePosixPath(one).parts, split_of(one)
        if not which:
            raise InputError(f"{files.label}: {one} lies in no class folder of train/, val/ or test/. {WHERE}.")
        if parts[-2] in _WORDS:
            code = int(parts[-2])
        else:
            code = emotions.AFFECTNET8.index(class_of(one, files.label, emotions.AFFECTNET8))
        rows.append({"file": one, "name": "/".join(parts[-3:]), "code": code, "train": which == "train"})
    if not rows:
        raise InputError(f"{files.label}: neither annotations, nor training.csv, nor class folders in it. {WHERE}.")
    return rows


def _attributes(rows):
    values = {}
    for key in ("arousal", "valence"):
        numbers = np.array([row.get(key, np.nan) for row in rows], dtype=np.float32)
        if np.isfinite(numbers).any():
            values[key] = np.where(np.abs(numbers) <= 1, numbers, np.nan)  # -2: not known
    points = [row.get("landmarks", ()) for row in rows]
    if any(map(len, points)):
        missing = np.full(136, np.nan)
        points = [one if len(one) == 136 else missing for one in points]
        values["landmarks"] = np.reshape(points, (-1, 68, 2)).astype(np.float32)
    return values
