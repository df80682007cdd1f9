"""Where a network looks: Grad-CAM and Grad-CAM++, occlusion maps, attention rollout, and how much of a map lies on which part
of a face.

A map is a float32 array (h, w) of an image's size, 0 to 1, the largest value 1; a map of zeros stays zeros. Layers inside a
nested backbone are found by name as well, since what they give is recorded while the whole model computes.
"""

from contextlib import contextmanager

import cv2
import numpy as np
import pandas as pd

from fer_tf.datasets.arrays import with_channels
from fer_tf.errors import InputError
from fer_tf.models import predict

ACTION_UNITS = {
    "angry": {"brows": "4", "eyes": "5+7", "mouth": "23"},
    "disgust": {"nose": "9", "mouth": "15+16"},
    "fear": {"brows": "1+2+4", "eyes": "5+7", "mouth": "20+26"},
    "happy": {"eyes": "6", "mouth": "12"},
    "sad": {"brows": "1+4", "mouth": "15"},
    "surprise": {"brows": "1+2", "eyes": "5", "mouth": "26"},
}
"""Which parts of the face move in the prototype of each emotion, with their action units (Ekman, Friesen and Hager 2002)."""

REGIONS = ("brows", "eyes", "nose", "mouth")

CANONICAL = np.array([[0.313, 0.392], [0.687, 0.392], [0.5, 0.594], [0.347, 0.748], [0.653, 0.748]], np.float32)
"""Landmarks of a face in FER2013 as shares of the image's side: the medians of 1,426 validation images in which YuNet finds a
face, made symmetric. Eyes, tip of the nose, corners of the mouth."""


def layers_of(model):
    """Every layer of a model, those of nested models too, in order: dict of a name to the layer."""
    return {layer.name: layer for layer in model._flatten_layers(include_self=False)}


def last_spatial_layer(model):
    """The name of the layer whose activations Grad-CAM takes by its own choice.

    It is the last one that still has the size of the last convolution's output: after its normalization and activation, but
    before any pooling. In a transformer it is what the last attention layer is given.

    Raises InputError: the model has no such layer.
    """
    names, layers = list(layers_of(model)), list(layers_of(model).values())
    attention = [i for i, layer in enumerate(layers) if type(layer).__name__ == "MultiHeadAttention"]
    if attention and len(_shape(layers[attention[-1] - 1])) == 3:
        return names[attention[-1] - 1]
    spatial = [(i, _shape(layer)) for i, layer in enumerate(layers) if len(_shape(layer)) == 4]
    convolutions = [shape[1:3] for i, shape in spatial if "Conv" in type(layers[i]).__name__ and min(shape[1:3]) > 1]
    if not convolutions:
        raise InputError(f"{model.name} has no layer with a map of more than one place. Name a layer.")
    return names[max(i for i, shape in spatial if shape[1:3] == convolutions[-1])]


def activations_and_probabilities(model, images, layer=None):
    """What one layer gives while a model computes; under a GradientTape, gradients flow through both.

    Args:
        model: keras.Model, images (n, h, w, c) in 0-255 to probabilities (n, k).
        images: array (n, h, w, 1 or 3), 0-255.
        layer: its name, also of a layer in a nested model; `last_spatial_layer` by default.
    Returns: (activations (n, rows, columns, channels), probabilities (n, k)), tensors. Tokens of a transformer are laid out as
        the grid of their patches, without the class token.
    Raises InputError: there is no such layer, or it gives no map.
    """
    from fer_tf.backend import tensorflow as tf

    layers, name = layers_of(model), layer or last_spatial_layer(model)
    if name not in layers:
        raise InputError(f"{model.name} has no layer '{name}'; its last ones are {', '.join(list(layers)[-6:])}.")
    # A variable is watched by a GradientTape, so that there are gradients where every layer is frozen too.
    images = tf.Variable(with_channels(np.asarray(images, np.float32), model.input_shape[-1]))
    recorded = {}

    def record(outputs):
        recorded["activations"], outputs = _grid(outputs, name)
        return outputs

    with _after(layers[name], record):
        probabilities = model(tf.identity(images), training=False)
    return recorded["activations"], probabilities


def grad_cam(model, images, classes=None, layer=None, plus=False, batch_size=64):
    """Where the evidence for a class lies: the activations of a layer, weighted by how much each helps the class.

    Args:
        model: keras.Model, images (n, h, w, c) in 0-255 to probabilities (n, k).
        images: uint8 or float array (n, h, w, 1 or 3), 0-255.
        classes: int array (n,), the class of each map; the predicted one by default.
        layer: name of the layer; `last_spatial_layer` by default.
        plus: whether each place has a weight of its own, as in Grad-CAM++.
        batch_size: images at a time.
    Returns: float32 array (n, h, w), 0 to 1.
    Raises InputError: as `activations_and_probabilities`.

    Selvaraju et al. 2017, "Grad-CAM", equations 1 and 2; Chattopadhay et al. 2018, "Grad-CAM++", equation 19.
    """
    from fer_tf.backend import tensorflow as tf

    maps = []
    for start in range(0, len(images), batch_size):
        batch = np.asarray(images[start : start + batch_size])
        with tf.GradientTape() as tape:
            activations, probabilities = activations_and_probabilities(model, batch, layer)
            chosen = tf.argmax(probabilities, axis=1) if classes is None else classes[start : start + batch_size]
            score = tf.reduce_sum(class_score(probabilities, chosen))
        gradients = tape.gradient(score, activations)
        weights = _plus_weights(activations, gradients) if plus else tf.reduce_mean(gradients, axis=(1, 2))
        coarse = tf.nn.relu(tf.einsum("nhwc,nc->nhw", activations, tf.cast(weights, activations.dtype)))
        maps.append(resized(coarse.numpy(), batch.shape[1:3]))
    return np.concatenate(maps)


def class_score(probabilities, classes):
    """The logit of each image's class above the mean of all logits, from a softmax's output: tensor (n,).

    Probabilities saturate, and with them their gradients; in log p less the mean log p the softmax cancels.
    """
    from fer_tf.backend import tensorflow as tf

    logs = tf.math.log(tf.maximum(tf.cast(probabilities, tf.float32), 1e-12))
    return tf.gather(logs, classes, axis=1, batch_dims=1) - tf.reduce_mean(logs, axis=1)


def resized(maps, size):
    """Coarse maps as large as their images, each with 1 as its largest value; zeros stay zeros.

    Args:
        maps: float array (n, rows, columns), at least 0.
        size: (height, width).
    Returns: float32 array (n, height, width).

    Example:
        >>> resized(np.array([[[0.0, 4.0]], [[0.0, 0.0]]]), (1, 2)).tolist()
        [[[0.0, 1.0]], [[0.0, 0.0]]]
    """
    large = np.stack([cv2.resize(np.float32(one), (size[1], size[0]), interpolation=cv2.INTER_CUBIC) for one in maps])
    large = np.clip(large, 0, None)
    peak = large.max(axis=(1, 2), keepdims=True)
    return np.divide(large, peak, out=np.zeros_like(large), where=peak > 0)


def occlusion(model, images, classes=None, patch=12, stride=6, batch_size=256):
    """Where covering a patch takes most of a class's probability: needs no gradient and no layer.

    Args:
        model: keras.Model, images (n, h, w, c) in 0-255 to probabilities (n, k).
        images: uint8 or float array (n, h, w, 1 or 3), 0-255.
        classes: int array (n,); the predicted ones by default.
        patch: side of the gray patch, in pixels.
        stride: how far patches stand apart, in pixels.
        batch_size: images at a time.
    Returns: float32 array (n, h, w), 0 to 1; what a patch adds to the probability counts as nothing.
    Raises InputError: the patch is larger than the images, or a number is below 1.

    Zeiler and Fergus 2014, section 4.2.
    """
    images = np.asarray(images)
    height, width = images.shape[1:3]
    if not 1 <= patch <= min(height, width) or stride < 1:
        raise InputError(f"patch {patch} and stride {stride} for images of {width}x{height}; choose smaller ones.")
    plain = predict(model, images, batch_size)
    classes = plain.argmax(axis=1) if classes is None else np.asarray(classes)
    rows = np.arange(len(images))
    total, covered = np.zeros(images.shape[:3], np.float32), np.zeros((height, width), np.float32)
    gray = images.mean(axis=(1, 2), keepdims=True).astype(images.dtype)
    for top in _places(height, patch, stride):
        for left in _places(width, patch, stride):
            part = (slice(None), slice(top, top + patch), slice(left, left + patch))
            changed = images.copy()
            changed[part] = gray
            drop = plain[rows, classes] - predict(model, changed, batch_size)[rows, classes]
            total[part] += drop[:, None, None]
            covered[part[1:]] += 1
    return resized(np.clip(total / np.maximum(covered, 1), 0, None), (height, width))


def attention_rollout(model, images):
    """From which patches a transformer's class token draws, through all its layers of attention.

    Args:
        model: keras.Model with MultiHeadAttention layers over a class token and the patches of the image.
        images: array (n, h, w, 1 or 3), 0-255.
    Returns: float32 array (n, h, w), 0 to 1.
    Raises InputError: the model has no attention.

    Abnar and Zuidema 2020, "Quantifying attention flow in transformers", section 3.
    """
    blocks = [layer for layer in layers_of(model).values() if type(layer).__name__ == "MultiHeadAttention"]
    if not blocks:
        raise InputError(f"{model.name} has no attention layers; use grad_cam.")
    flow = None
    with _scores_of(blocks) as scores:
        model(with_channels(np.asarray(images, np.float32), model.input_shape[-1]), training=False)
    for one in scores:
        mean = one.numpy().mean(axis=1)  # over heads: (n, t, t)
        step = (mean + np.eye(mean.shape[-1], dtype=mean.dtype)) / 2  # half passes by the layer's residual connection
        flow = step if flow is None else step @ flow
    tokens = flow[:, 0, 1:]
    side = round(tokens.shape[1] ** 0.5)
    return resized(tokens.reshape(len(tokens), side, side), np.shape(images)[1:3])


def face_regions(landmarks, size):
    """Brows, eyes, nose and mouth as masks, around the five landmarks of a face.

    Args:
        landmarks: float array (5, 2) of x, y in pixels: right eye, left eye, tip of the nose, corners of the mouth.
        size: (height, width) of the image.
    Returns: dict of a name in `REGIONS` to a bool array (h, w); no pixel is in two of them.
    """
    right, left, nose, *corners = np.asarray(landmarks, float)
    unit = max(1.0, np.hypot(*(left - right)))  # the distance of the eyes
    eyes, mouth = (right + left) / 2, np.mean(corners, axis=0)
    boxes = {  # center, half the width and half the height, in units
        "mouth": (mouth, 0.62, 0.36),
        "eyes": (eyes, 0.85, 0.19),
        "brows": (eyes - (0, 0.42 * unit), 0.85, 0.23),
        "nose": ((2 * nose + eyes) / 3, 0.33, 0.33),
    }
    y, x = np.mgrid[: size[0], : size[1]]
    taken, masks = np.zeros(size, bool), {}
    for name, ((cx, cy), half_width, half_height) in boxes.items():
        mask = (np.abs(x - cx) <= half_width * unit) & (np.abs(y - cy) <= half_height * unit) & ~taken
        masks[name], taken = mask, taken | mask
    return {name: masks[name] for name in REGIONS}


def region_shares(maps, regions):
    """How much of each map lies on each part of the face, against the part's share of the image.

    Args:
        maps: float array (n, h, w), at least 0.
        regions: list of n dicts of `face_regions`.
    Returns: DataFrame with a column for each of `REGIONS`: the share of the map there over the share of the pixels, 1 for a map
        that has no preference; nan for a map of zeros, and for a part outside the image.
    """
    rows = []
    for one, masks in zip(maps, regions, strict=True):
        total = one.sum()
        of_pixels = {name: mask.mean() for name, mask in masks.items()}
        shares = {name: one[mask].sum() / total if total > 0 else np.nan for name, mask in masks.items()}
        rows.append({name: shares[name] / of_pixels[name] if of_pixels[name] else np.nan for name in REGIONS})
    return pd.DataFrame(rows, columns=list(REGIONS))


def action_unit_agreement(shares, labels, classes, resamples=1000, seed=0):
    """Whether the maps of an emotion lie more on the parts that move in it than the maps of the other emotions do.

    The other emotions are what it is held against because a map that lies on the nose whatever the emotion would else agree with
    disgust. They count alike, however many maps each has.

    Args:
        shares: DataFrame of `region_shares`, a row for each image.
        labels: int array (n,), the emotion of each map.
        classes: k class names; those without action units are compared with, and have no row.
        resamples, seed: of the bootstrap over the images of each emotion.
    Returns: DataFrame, index the emotions, columns difference (mean share on the moving parts less that on the others, less the
        same of the other emotions' maps), low and high (95% bootstrap interval), agrees (the interval is above 0) and images.
        Emotions with fewer than two maps are left out.
    """
    random, measured = np.random.default_rng(seed), shares.notna().all(axis=1).to_numpy()
    tables = {emotion: shares[measured & (np.asarray(labels) == label)] for label, emotion in enumerate(classes)}
    tables, rows = {emotion: table for emotion, table in tables.items() if len(table) > 1}, {}
    for emotion in tables:
        parts = [name for name in REGIONS if name in ACTION_UNITS.get(emotion, ())]
        others = [name for name in REGIONS if name not in parts]
        if not parts or len(tables) < 2:
            continue
        means = []  # the first is of the maps themselves, the others are of bootstrap draws
        for name in (emotion, *(other for other in tables if other != emotion)):
            values = (tables[name][parts].mean(axis=1) - tables[name][others].mean(axis=1)).to_numpy()
            resampled = values[random.integers(0, len(values), (resamples, len(values)))].mean(axis=1)
            means.append(np.append(values.mean(), resampled))
        differences = means[0] - np.mean(means[1:], axis=0)
        low, high = np.quantile(differences[1:], [0.025, 0.975])
        row = {"difference": differences[0], "low": low, "high": high, "agrees": low > 0}
        rows[emotion] = row | {"images": len(tables[emotion])}
    columns = ["difference", "low", "high", "agrees", "images"]  # also of a table without a row
    return pd.DataFrame.from_dict(rows, orient="index").reindex(columns=columns).rename_axis("emotion")


@contextmanager
def _after(layer, change):
    """Passes what a layer gives through a function, for the length of a `with` block."""
    call = layer.call
    layer.call = lambda *args, **kwargs: change(call(*args, **kwargs))
    try:
        yield
    finally:
        layer.call = call


@contextmanager
def _scores_of(layers):
    """The attention weights (n, heads, t, t) of layers, collected in a list while the model computes."""
    scores, calls = [], [layer.call for layer in layers]

    def recording(call):
        def with_scores(*args, **kwargs):
            outputs, weights = call(*args, **{**kwargs, "return_attention_scores": True})
            scores.append(weights)
            return outputs

        return with_scores

    for layer, call in zip(layers, calls, strict=True):
        layer.call = recording(call)
    try:
        yield scores
    finally:
        for layer, call in zip(layers, calls, strict=True):
            layer.call = call


def _grid(outputs, name):
    """(activations as a map, what the layer passes on), such that the second is computed from the first."""
    from fer_tf.backend import tensorflow as tf

    shape = outputs.shape
    if len(shape) == 4:
        return outputs, outputs
    side = round((shape[1] - 1) ** 0.5) if len(shape) == 3 else 0
    if not side or side**2 + 1 != shape[1]:
        raise InputError(f"the layer '{name}' gives {tuple(shape)}, no map. Name a layer with rows and columns.")
    patches = tf.reshape(outputs[:, 1:], (-1, side, side, shape[2]))
    return patches, tf.concat([outputs[:, :1], tf.reshape(patches, (-1, side**2, shape[2]))], axis=1)


def _plus_weights(activations, gradients):
    from fer_tf.backend import tensorflow as tf

    squared = gradients**2
    below = 2 * squared + tf.reduce_sum(tf.nn.relu(activations), axis=(1, 2), keepdims=True) * gradients**3
    alpha = tf.math.divide_no_nan(squared, below)
    return tf.reduce_sum(alpha * tf.nn.relu(gradients), axis=(1, 2))


def _places(side, patch, stride):
    """Where patches begin, so that the last one ends at the border."""
    return sorted({*range(0, side - patch + 1, stride), side - patch})


def _shape(layer):
    try:
        return tuple(layer.output.shape)
    except (AttributeError, ValueError):
        return ()
