"""A trained network that names the emotion of cropped faces: `.keras` through Keras, `.onnx` without TensorFlow.

Importing TensorFlow takes seconds; with an ONNX file a command starts at once.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from fer_tf import emotions, models
from fer_tf.errors import InputError, first_line
from fer_tf.models import onnx_runtime

BATCH = 64  # faces in one pass


@dataclass(frozen=True)
class Classifier:
    """A network and what is known of it.

    Args:
        classes: tuple of the k class names, in the order of the probabilities.
        input_shape: (height, width, channels) of its crops.
        colour: whether it was trained on colours (RGB); else on grey, repeated for three channels.
        forward: uint8 array (n, h, w, c), 0-255, to float array (n, k).
        path: Path of its file.
    """

    classes: tuple
    input_shape: tuple
    colour: bool
    forward: Any
    path: Path

    def probabilities(self, crops):
        """Class probabilities of cropped faces, the same whether a face comes alone or with others.

        Args:
            crops: uint8 array (n, h, w, c) of `input_shape`, 0-255; n may be 0.

        Returns:
            float32 array (n, k), rows sum to 1.

        Raises:
            InputError: crops of another shape.
        """
        crops = np.asarray(crops)
        if crops.ndim != 4 or crops.shape[1:] != self.input_shape:
            raise InputError(f"{self.path.name}: crops of shape {crops.shape}; it takes (n, *{self.input_shape}).")
        parts = [self.forward(crops[i : i + BATCH]) for i in range(0, len(crops), BATCH)]
        found = np.concatenate(parts).astype(np.float64) if parts else np.zeros((0, len(self.classes)))
        return (found / found.sum(axis=1, keepdims=True)).astype(np.float32)


def load(path=None):
    """A network, ready to name emotions.

    Args:
        path: a `.onnx` or `.keras` file; the shipped network by default. Its classes and its input's shape are read from the model
            card (`.md`) of its name beside it, or from the run.json of its run; seven outputs without either are FER2013's.

    Returns:
        Classifier.

    Raises:
        InputError: no such file, no network, or one whose classes are not known.
    """
    path = Path(path) if path else shipped()
    if not path.is_file():
        raise InputError(f"{path}: no such network. Give a .onnx or .keras file, or leave it out for the shipped one.")
    readers = {".onnx": _onnx, ".keras": _keras}
    if path.suffix not in readers:
        raise InputError(f"{path}: a network is a .onnx or .keras file.")
    facts = _facts(path)
    forward, input_shape, outputs = readers[path.suffix](path, facts)
    classes = tuple(facts.get("classes") or (emotions.FER2013 if outputs == len(emotions.FER2013) else ()))
    if len(classes) != outputs:
        told = (
            f"{len(classes)} are known" if classes else f"nothing says their names: put a card {path.stem}.md beside it"
        )
        raise InputError(f"{path}: a network of {outputs} classes, and {told}.")
    return Classifier(classes, tuple(input_shape), bool(facts.get("colour")), forward, path)


def shipped(name="five_layer"):
    """The file of the network that ships with the package: the ONNX form where it is there, since it starts sooner."""
    quick = models.PRETRAINED / f"{name}.onnx"
    return quick if quick.is_file() else models.PRETRAINED / f"{name}.keras"


def _facts(path):
    """What lies beside a network's file: its card, or the record of its run."""
    card, record = path.with_suffix(".md"), path.with_name("run.json")
    try:
        if card.is_file():
            return yaml.safe_load(card.read_text(encoding="utf-8").split("---\n")[1]) or {}
        if record.is_file():
            data = json.loads(record.read_text(encoding="utf-8"))["data"]
            return {"classes": data["classes"], "colour": data["size"][2] == 3}
    except (ValueError, KeyError, IndexError, TypeError, yaml.YAMLError) as error:
        raise InputError(
            f"{path}: the card or run.json beside it cannot be read ({first_line(error)}). Mend or remove it."
        ) from error
    return {}


def _keras(path, facts):
    network = models.load(path)
    return lambda crops: network.predict_on_batch(np.float32(crops)), network.input_shape[1:], network.output_shape[-1]


def _onnx(path, facts):
    network, input_shape = onnx_runtime.opened(path), tuple(facts.get("input_shape") or (48, 48, 3))

    def forward(crops):
        return network(np.ascontiguousarray(crops, dtype=np.float32))[0]

    try:
        outputs = forward(np.zeros((1, *input_shape))).shape[-1]
    except Exception as error:  # of the library that computes it
        raise InputError(
            f"{path}: takes no images of {input_shape}. Say input_shape in a card {path.stem}.md."
        ) from error
    return forward, input_shape, outputs
