"""The embedded sample: drawn faces in FER2013's classes and imbalance, with the faults that a real dataset has.

Nothing is downloaded and nobody is in it: each face is drawn from facial action units (see `anatomy`). Some labels are
wrong, some images are blank, and some lie there twice, as in FER2013; `source["planted"]` says which, so that whoever
looks for such faults can see how many they found.
"""

from collections.abc import Iterator

import numpy as np

from fer_tf import emotions
from fer_tf.datasets.dataset import SPLITS, Dataset
from fer_tf.datasets.fer2013 import OFFICIAL_CLASSES
from fer_tf.datasets.sample import anatomy, drawing
from fer_tf.datasets.splits import stratified
from fer_tf.errors import InputError

FEWEST = 140
"""Of fewer images, a split would have none of the rarest class."""


def sample(n=3000, size=48, channels=1, seed=0, label_noise=0.04):
    """Draws the sample.

    Args:
        n: int, how many images, `FEWEST` or more.
        size: int, height and width in pixels, 16 or more.
        channels: 1 for gray, 3 for RGB.
        seed: int; image i follows from (seed, i) alone.
        label_noise: share of the images with another class's label, 0 to 0.5.
    Returns: Dataset of n images, 80% train, 10% validation and 10% test, each with FER2013's class shares.
        `source["planted"]` holds the ids of the faults: "wrong_label" (id to the emotion that was drawn), "blank",
        "duplicate" (id to the id of its twin in the same split), "leak" (id of a training image to that of its twin in
        validation or test) and "conflict" (id to the id of its twin under another label).
    Raises InputError: an argument out of its range.

    Example:
        >>> sample(n=140, size=32)
        <Dataset sample: 140 images of 32x32x1, 7 classes (train 111, validation 15, test 14)>
    """
    if n < FEWEST or not 0 <= label_noise <= 0.5:
        raise InputError(f"sample: n {n} and label_noise {label_noise}; take {FEWEST} or more, and 0 to 0.5.")
    rng = np.random.default_rng(seed)
    true_labels = rng.permutation(_labels(n))
    splits = stratified(true_labels, seed=seed)
    order = np.argsort([SPLITS.index(split) for split in splits], kind="stable")
    true_labels, splits = true_labels[order], splits[order]
    names = [emotions.FER2013[label] for label in true_labels]
    images = np.stack([drawing.draw_face(name, size, channels, (seed, i)) for i, name in enumerate(names)])
    ids = np.array([f"{split}/{i:05d}" for i, split in enumerate(splits)])
    labels, planted = _plant(images, true_labels.copy(), splits, ids, label_noise, rng)
    source = {"form": "drawn", "split": "80/10/10, stratified", "seed": seed, "planted": planted}
    return Dataset("sample", emotions.FER2013, images, labels, splits, ids, source)


def clip(seconds=6.0, fps=25.0, height=480, width=640, seed=0) -> Iterator[tuple[np.ndarray, str]]:
    """Draws a moving face that goes through all seven emotions, frame by frame.

    Args:
        seconds: float, how long.
        fps: float, frames per second.
        height, width: int, of a frame in pixels.
        seed: int, who it is and how the head moves.
    Yields: (frame, emotion): uint8 array (height, width, 3), RGB, and the emotion shown most at that moment.
    Raises InputError: a clip shorter than a frame, or frames smaller than 64 pixels.
    """
    frames = round(seconds * fps)
    if frames < 1 or min(height, width) < 64:
        raise InputError(f"clip: {frames} frames of {width}x{height}; draw 1 or more of at least 64x64 pixels.")
    rng = np.random.default_rng(seed)
    who = anatomy.person(rng)
    who.glasses, who.skin = 0.0, 0.45 + 0.45 * who.skin  # what today's detectors find on a drawing
    background = drawing.backdrop((height, width), rng)
    displayed = ("neutral", *(name for name in emotions.FER2013 if name != "neutral"), "neutral")
    phase = rng.uniform(0, 2 * np.pi, 5)
    for frame in range(frames):
        at = frame / max(1, frames - 1) * (len(displayed) - 1)
        before, share = min(int(at), len(displayed) - 2), at - min(int(at), len(displayed) - 2)
        share = share * share * (3 - 2 * share)
        mixed = _mix(anatomy.PROTOTYPES[displayed[before]], anatomy.PROTOTYPES[displayed[before + 1]], share)
        x, y, yaw, roll, scale = np.sin(2 * np.pi * np.array([0.13, 0.17, 0.21, 0.11, 0.07]) * frame / fps + phase)
        center, scale = (width * (0.5 + 0.12 * x), height * (0.45 + 0.05 * y)), 0.2 * (1 + 0.08 * scale)
        pose = anatomy.Pose(center, scale * min(height, width), yaw=0.15 * yaw, roll=0.08 * roll)
        yield drawing.render(background, who, anatomy.checked(mixed), pose), displayed[before + round(share)]


def _labels(n):
    # FER2013's shares, rounded by largest remainder; every class in every split.
    exact = n * np.array(list(OFFICIAL_CLASSES.values())) / sum(OFFICIAL_CLASSES.values())
    counts = exact.astype(int)
    for k in np.argsort(counts - exact, kind="stable")[: n - counts.sum()]:
        counts[k] += 1
    lack = np.maximum(10 - counts, 0)
    counts = counts + lack
    counts[counts.argmax()] -= lack.sum()
    return np.repeat(np.arange(len(counts)), counts)


def _plant(images, labels, splits, ids, label_noise, rng):
    """Puts the faults in, in place, each on images of its own; returns the labels and what was planted where."""
    few = max(2, len(labels) // 350)
    train, held = rng.permutation(np.flatnonzero(splits == "train")), rng.permutation(np.flatnonzero(splits != "train"))
    blank, double, leak, conflict = np.split(train[: 6 * few], [few, 3 * few, 4 * few])
    images[blank] = rng.integers(0, 256, (few, 1, 1, 1), dtype=np.uint8)
    planted = {"blank": sorted(ids[blank].tolist())}
    pairs = {"duplicate": np.split(double, [few]), "leak": (leak, held[:few]), "conflict": np.split(conflict, [few])}
    for kind, (these, twins) in pairs.items():
        images[these] = images[twins]
        labels[these] = labels[twins]
        planted[kind] = dict(sorted(zip(ids[these].tolist(), ids[twins].tolist(), strict=True)))
    labels[conflict[:few]] = _another(labels[conflict[:few]], rng)
    free = rng.permutation(np.concatenate([train[6 * few :], held[few:]]))
    wrong = free[: round(label_noise * len(labels))]
    planted["wrong_label"] = {ids[i]: emotions.FER2013[labels[i]] for i in np.sort(wrong)}
    labels[wrong] = _another(labels[wrong], rng)
    return labels, planted


def _another(labels, rng):
    return (labels + rng.integers(1, len(emotions.FER2013), len(labels))) % len(emotions.FER2013)


def _mix(a, b, share):
    return {name: (1 - share) * a.get(name, 0.0) + share * b.get(name, 0.0) for name in {*a, *b}}
