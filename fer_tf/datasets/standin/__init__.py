"""Drawn faces written in the exact layout of a dataset that cannot be passed on, to try a reader or a whole study.

    python -m fer_tf.datasets.standin rafdb data/raw/rafdb_drawn
    make report STUDY=rafdb_comparison RAFDB=data/raw/rafdb_drawn

The file `DRAWN.txt` marks the folder; what is read from it is called drawn data on every page.
"""

import csv
from pathlib import Path

import cv2
import numpy as np

from fer_tf import emotions, paths
from fer_tf.datasets import fer_plus, rafdb
from fer_tf.datasets.sample import drawing
from fer_tf.errors import InputError, choose

MARK = "DRAWN.txt"
PER_CLASS = {"train": 20, "test": 8}


def write(layout, folder, per_class=None, seed=0):
    """Writes drawn faces as a dataset's folder.

    Args:
        layout: name of one of `LAYOUTS`.
        folder: Path or str; must be new or empty.
        per_class: dict with train and test: images of each class; `PER_CLASS` by default.
        seed: int; image i of a split follows from (seed, split, i).
    Returns: Path of the folder.
    Raises InputError: an unknown layout, or a folder that holds something.
    """
    folder = Path(folder)
    choose("layout", layout, LAYOUTS)
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: not empty. Name a new folder.")
    with paths.writing(folder) as part:
        part.mkdir(parents=True)
        (part / MARK).write_text("Drawn by fer_tf.datasets.standin: no photographs, nobody's faces.\n")
        LAYOUTS[layout](part, per_class or PER_CLASS, seed)
    return folder


def _faces(classes, per_class, size, channels, seed):
    """Yields (split, place in the split from 1 on, label, image) for all images, the classes taking turns."""
    for number, split in enumerate(("train", "test")):
        for i in range(per_class[split] * len(classes)):
            label = i % len(classes)
            rng = np.random.default_rng([seed, number, i])
            yield split, i + 1, label, drawing.draw_face(classes[label], size, channels, rng)


def _write_image(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1] if image.shape[-1] == 3 else image)


def _write_table(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def _rafdb_faces(per_class, seed):
    for split, place, label, image in _faces(rafdb.CLASSES, per_class, rafdb.SIDE, 3, seed):
        yield split, f"{split}_{place:0{5 if split == 'train' else 4}d}", label + 1, image


def _rafdb(folder, per_class, seed):
    lines, rng, folder = [], np.random.default_rng(seed), folder / "basic"
    for below in ("Annotation/manual", "EmoLabel"):
        (folder / below).mkdir(parents=True)
    for _, name, label, image in _rafdb_faces(per_class, seed):
        _write_image(folder / "Image" / "aligned" / f"{name}_aligned.jpg", image)
        lines.append(f"{name}.jpg {label}\n")
        points = "".join(f"{x:.1f}\t{y:.1f}\n" for x, y in rng.uniform(20, 80, (5, 2)))
        words = f"{points}{rng.integers(3)}\n{rng.integers(3)}\n{rng.integers(5)}\n"
        (folder / "Annotation" / "manual" / f"{name}_manu_attri.txt").write_text(words)
    (folder / "EmoLabel" / "list_patition_label.txt").write_text("".join(lines))


def _rafdb_kaggle(folder, per_class, seed):
    rows = {"train": [], "test": []}
    for split, name, label, image in _rafdb_faces(per_class, seed):
        _write_image(folder / "DATASET" / split / str(label) / f"{name}_aligned.jpg", image)
        rows[split].append((f"{name}_aligned.jpg", label))
    for split, table in rows.items():
        _write_table(folder / f"{split}_labels.csv", ("image", "label"), table)


def _affectnet(folder, per_class, seed):
    rng = np.random.default_rng(seed)
    for split, place, label, image in _faces(emotions.AFFECTNET8, per_class, 224, 3, seed):
        top = folder / ("train_set" if split == "train" else "val_set")
        _write_image(top / "images" / f"{place}.jpg", image)
        (top / "annotations").mkdir(exist_ok=True)
        # As in the original: the numbers as text, the landmarks as 136 numbers.
        values = {"exp": str(label), "aro": f"{rng.uniform(-1, 1):.6f}", "val": f"{rng.uniform(-1, 1):.6f}"}
        for key, value in {**values, "lnd": rng.uniform(0, 224, 136)}.items():
            np.save(top / "annotations" / f"{place}_{key}.npy", np.array(value))


def _affectnet_full(folder, per_class, seed):
    header = ["subDirectory_filePath", "face_x", "face_y", "face_width", "face_height"]
    header += ["facial_landmarks", "expression", "valence", "arousal"]
    rows, rng = {"train": [], "test": []}, np.random.default_rng(seed)
    for split, place, label, image in _faces(emotions.AFFECTNET8, per_class, 224, 3, seed):
        name = f"{1 + place % 3}/{split}{place:06d}.jpg"
        around = cv2.copyMakeBorder(image, 30, 10, 20, 40, cv2.BORDER_REFLECT)
        _write_image(folder / "Manually_Annotated_Images" / name, around)
        points = ";".join(f"{value:.1f}" for value in rng.uniform(20, 240, 136))
        rows[split].append((name, 20, 30, 224, 224, points, label, *rng.uniform(-1, 1, 2).round(6)))
    rows["train"].append((rows["train"][0][0], 20, 30, 224, 224, "", 10, -2, -2))  # no face: left out
    for split, file in (("train", "training.csv"), ("test", "validation.csv")):
        _write_table(folder / file, header, rows[split])


def _affectnet_folders(folder, per_class, seed):
    names = {"happy": "happiness", "sad": "sadness", "angry": "anger"}
    for split, place, label, image in _faces(emotions.AFFECTNET8, per_class, 96, 3, seed):
        emotion = emotions.AFFECTNET8[label]
        _write_image(folder / split / names.get(emotion, emotion) / f"{place:07d}.jpg", image)


def _five_class(folder, per_class, seed):
    first = folder / "face-expression-recognition-dataset" / "images"
    for split, place, label, image in _faces(emotions.FER2013, per_class, 48, 1, seed):
        where = "train" if split == "train" else "validation"
        _write_image(first / where / emotions.FER2013[label] / f"{place}.jpg", image)
    second = folder / "random-images-for-face-emotion-recognition"
    names = ("anger", "contempt", "disgust", "fear", "happiness", "neutrality", "sadness", "surprise")
    drawn_as = [{"neutrality": "neutral"}.get(name, name) for name in names]
    for _, place, label, image in _faces(drawn_as, per_class, 224, 1, seed + 1):
        _write_image(second / names[label] / f"{place}.jpg", image)


def _fer_plus(folder, per_class, seed):
    rng, faces, votes = np.random.default_rng(seed), [], []
    for split, place, label, image in _faces(emotions.FER2013, per_class, 48, 1, seed):
        emotion = emotions.FER2013[label]
        usage = "Training" if split == "train" else ("PublicTest", "PrivateTest")[place // 7 % 2]
        faces.append((label, " ".join(map(str, image.ravel())), usage))
        column = fer_plus.CLASSES.index(emotion)
        cells = np.bincount(np.where(rng.random(10) < 0.8, column, rng.integers(0, 10, 10)), minlength=10)
        votes.append((usage, f"fer{len(faces) - 1:07d}.png", *cells.tolist()))
    _write_table(folder / "fer2013.csv", ("emotion", "pixels", "Usage"), faces)
    _write_table(folder / "fer2013new.csv", ("Usage", "Image name", *fer_plus.COLUMNS), votes)


LAYOUTS = {
    "rafdb": _rafdb,
    "rafdb_kaggle": _rafdb_kaggle,
    "affectnet": _affectnet,
    "affectnet_full": _affectnet_full,
    "affectnet_folders": _affectnet_folders,
    "five_class": _five_class,
    "fer_plus": _fer_plus,
}
"""Name -> function of a folder, the numbers of images and a seed, that writes the layout."""
