"""How accuracy falls as images get worse: corruptions at five strengths, fewer pixels, and another crop.

Each corruption maps uint8 images (n, h, w, c) to others of the same shape; its strengths are for faces of 48 pixels. In larger
images blur grows with the side; noise and JPEG act on their own, smaller pixels, and so are milder.
"""

import cv2
import numpy as np
import pandas as pd

from fer_tf.errors import InputError, choose, require
from fer_tf.evaluation.comparison import accuracy_interval
from fer_tf.evaluation.explain import CANONICAL, face_regions
from fer_tf.models import predict

STRENGTHS = {
    "blur": (0.5, 1.0, 1.5, 2.0, 3.0),
    "noise": (8, 16, 24, 36, 48),
    "brighter": (25, 50, 75, 100, 130),
    "darker": (25, 50, 75, 100, 130),
    "contrast": (0.7, 0.5, 0.35, 0.2, 0.1),
    "JPEG": (50, 30, 20, 12, 6),
    "eyes covered": (0.3, 0.5, 0.7, 0.85, 1.0),
    "mouth covered": (0.3, 0.5, 0.7, 0.85, 1.0),
    "rotation": (5, 10, 15, 22, 30),
    "scale": (0.9, 0.8, 0.7, 0.6, 0.5),
}
"""What each corruption is at strengths 1 to 5: standard deviation in pixels (blur) and gray values (noise), gray values added
or taken away, share of the contrast that stays, JPEG quality, share of the part's width covered with gray, degrees to either
side, size of the face."""

RESOLUTIONS = (12, 16, 20, 24, 32, 40, 48)
"""Pixels of a side that the face is reduced to before it is enlarged again."""

CROPS = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5)
"""Sides of the crop, of that of the image: below 1 the face is cut, above 1 there is more around it."""


def corrupted(images, corruption, strength, landmarks=None, seed=0):
    """Images that are worse.

    Args:
        images: uint8 array (n, h, w, c).
        corruption: one of `STRENGTHS`.
        strength: int, 0 (as they are) to 5.
        landmarks: float array (n, 5, 2) of x, y in pixels, for what is covered; those of the average face by default.
        seed: of the noise; image i has the same noise whatever comes with it.
    Returns: uint8 array of the same shape.
    Raises InputError: an unknown corruption or strength.

    Corruptions at five strengths: Hendrycks and Dietterich 2019.
    """
    choose("corruption", corruption, STRENGTHS)
    if strength not in range(6):
        raise InputError(f"strength {strength}; choose 0 to 5.")
    images = np.asarray(images)
    if strength == 0:
        return images
    value, side = STRENGTHS[corruption][strength - 1], images.shape[1] / 48
    if corruption in ("brighter", "darker"):
        return _as_images(np.float32(images) + (value if corruption == "brighter" else -value))
    if corruption == "contrast":
        mean = images.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float32)
        return _as_images(mean + value * (images - mean))
    if corruption == "noise":
        noise = [
            np.random.default_rng((seed, strength, i)).normal(0, value, images.shape[1:3]) for i in range(len(images))
        ]
        return _as_images(images + np.stack(noise)[..., None])
    if corruption.endswith("covered"):
        return _covered(images, corruption.split()[0], value, landmarks)
    change = {
        "blur": lambda image, i: cv2.GaussianBlur(image, (0, 0), value * side),
        "JPEG": lambda image, i: cv2.imdecode(
            cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, value])[1], cv2.IMREAD_UNCHANGED
        ),
        "rotation": lambda image, i: _turned(image, value if i % 2 else -value, 1),
        "scale": lambda image, i: _turned(image, 0, value),
    }[corruption]
    return np.stack([change(np.squeeze(image), i).reshape(image.shape) for i, image in enumerate(images)])


def at_resolution(images, pixels):
    """Images reduced to a number of pixels a side and enlarged again: uint8 array of the same shape."""
    height, width = np.shape(images)[1:3]

    def through(image):
        small = cv2.resize(np.squeeze(image), (pixels, pixels), interpolation=cv2.INTER_AREA)
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).reshape(image.shape)

    return np.asarray(images) if pixels == height else np.stack([through(image) for image in images])


def cropped(images, side):
    """Images cut to, or with their border repeated to, a side relative to their own: uint8 array of the same shape."""
    return np.stack([_turned(np.squeeze(image), 0, 1 / side).reshape(image.shape) for image in images])


def accuracy_under(models, images, labels, variants):
    """The accuracy of networks on variants of the same images.

    Args:
        models: dict, name -> keras.Model, images (n, h, w, c) in 0-255 to probabilities (n, k).
        images: uint8 array (n, h, w, c).
        labels: int array (n,).
        variants: iterable of (name, value, change), where change maps the images to others.
    Returns: DataFrame with the columns model, variant, value, accuracy, and its 95% Wilson interval low and high.
    """
    rows, unchanged = [], {}
    for name, value, change in variants:
        changed = change(images)
        for model, network in models.items():
            if changed is images and model not in unchanged:
                unchanged[model] = predict(network, images)
            probabilities = unchanged[model] if changed is images else predict(network, changed)
            low, high = accuracy_interval(labels, probabilities)
            accuracy = float(np.mean(probabilities.argmax(axis=1) == labels))
            rows.append(
                {"model": model, "variant": name, "value": value, "accuracy": accuracy, "low": low, "high": high}
            )
    return pd.DataFrame(rows)


def corruption_variants(landmarks=None, seed=0, names=tuple(STRENGTHS)):
    """Every corruption at strengths 0 to 5, for `accuracy_under`."""
    for name in names:
        for strength in range(6):
            yield name, strength, lambda images, n=name, s=strength: corrupted(images, n, s, landmarks, seed)


def corruption_errors(table):
    """How much worse networks get, over all corruptions.

    Args:
        table: DataFrame of `accuracy_under`, value the strength 0 to 5; the first model is the measure of the others.
    Returns: DataFrame, index the models, columns error (on the images as they are), mean_error (over corruptions and
        strengths), more (mean_error less error) and mCE: the error on each corruption over the first model's, averaged; 1
        for the first.
    Raises InputError: a column is missing.

    Mean corruption error: Hendrycks and Dietterich 2019, section 4.
    """
    require(table, ("model", "variant", "value", "accuracy"), "the accuracies")
    order = list(dict.fromkeys(table["model"]))
    wrong = table.assign(error=1 - table["accuracy"])
    clean = wrong[wrong["value"] == 0].groupby("model")["error"].mean()
    by_corruption = wrong[wrong["value"] > 0].groupby(["model", "variant"])["error"].mean().unstack("model")[order]
    relative = by_corruption.div(by_corruption[order[0]], axis=0).mean()
    mean = by_corruption.mean()
    columns = {"error": clean[order], "mean_error": mean, "more": mean - clean[order], "mCE": relative}
    return pd.DataFrame(columns).loc[order]


def _covered(images, part, share, landmarks):
    """The middle of a part of the face covered with the image's mean gray."""
    height, width = images.shape[1:3]
    points = np.tile(CANONICAL * [width, height], (len(images), 1, 1)) if landmarks is None else landmarks
    changed = images.copy()
    for image, five in zip(changed, points, strict=True):
        mask = face_regions(five, (height, width))[part]
        columns = np.flatnonzero(mask.any(axis=0))
        if len(columns):
            keep = round(len(columns) * (1 - share) / 2)
            mask[:, columns[:keep]] = mask[:, columns[len(columns) - keep :]] = False
        image[mask] = image.mean()
    return changed


def _turned(image, degrees, factor):
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, factor)
    return cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _as_images(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
