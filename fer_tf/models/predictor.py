"""A trained network that names the emotion of cropped faces: `.keras` through Keras, `.onnx` without TensorFlow.

Importing TensorFlow takes seconds; with an ONNX file a command starts at once.
"""

import itertools
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fer_tf import documents, emotions
from fer_tf.errors import InputError, first_line
from fer_tf.hashing import file_digest
from fer_tf.models import files, onnx_runtime
from fer_tf.models.prediction import in_batches

AVERAGED = ("five_layer", "compact")
BOTH = "both"
"""The name of the mean of `AVERAGED`; a network that joins the package later has no part in it."""
_OFF = 0.03
"""How far from 1 the probabilities of an image may sum up: those of an int8 network are steps of 1/256."""


@dataclass(frozen=True)
class Classifier:
    """A trained network in a file, ready to predict in one of its runtimes.

    Args:
        path: Path of its file.
        runtime: "keras", "onnxruntime", "opencv", "litert", or "package", see `peers.adapted`.
        forward: callable, float32 array (m, h, w, c) in 0-255 to float array (m, k).
        classes: tuple of the k class names in the order of the probabilities, empty where they are not known.
        input_shape: (height, width, channels) of its images, or None where any are taken.
        color: whether it was trained on colors (RGB); else on gray, repeated for three channels.
    """

    path: Path
    runtime: str
    forward: Any
    classes: tuple = ()
    input_shape: tuple | None = None
    color: bool = False

    @property
    def megabytes(self):
        """Size of the file in units of 1,000,000 bytes."""
        return self.path.stat().st_size / 1e6

    def probabilities(self, images, batch_size=64):
        """Class probabilities of images, the same whether an image comes alone or with others.

        Args:
            images: uint8 or float array (n, h, w, c), values 0 to 255; n may be 0 where the classes are known.
            batch_size: images at a time.
        Returns: float32 array (n, k), rows sum to 1.
        Raises InputError: images of another shape or other values, or none.
        """
        images = np.asarray(images)
        if self.input_shape and (images.ndim != 4 or images.shape[1:] != self.input_shape):
            raise InputError(f"{self.path.name}: images of shape {images.shape}; it takes (n, *{self.input_shape}).")
        if not len(images):
            if not self.classes:
                raise InputError(f"{self.path.name}: no images to classify; give at least one.")
            return np.zeros((0, len(self.classes)), np.float32)
        if not 0 <= np.min(images) <= np.max(images) <= 255:  # nor where one is no number
            raise InputError(f"images with values from {np.min(images):g} to {np.max(images):g}; give 0 to 255.")
        if images.dtype.kind == "f" and 0 < np.max(images) <= 1:
            raise InputError("images with values from 0 to 1, which a network takes for black; multiply them by 255.")
        probabilities = in_batches(self.forward, images, batch_size)
        if not np.isfinite(probabilities).all():
            raise InputError(f"{self.path.name}: the network gives no probabilities (NaN). Train or fetch it again.")
        return probabilities


@dataclass(frozen=True)
class _Mean(Classifier):
    """Several networks as one, see `mean_of`; its path is of no file."""

    networks: tuple = ()

    @property
    def megabytes(self):
        return sum(network.megabytes for network in self.networks)


def load_predictor(path=None):
    """A network, ready to name emotions.

    Args:
        path: a `.onnx` or `.keras` file, or the name of a network that ships, by default "five_layer", or "both", see `mean_of`.
            A file's classes and its input's shape are read from the model card (`.md`) of its name beside it, or from the run.json
            of its run; seven outputs without either are taken as FER2013's, with a warning.
    Raises InputError: no such file, no network, or one whose classes are not known.

    Example:
        >>> load_predictor().probabilities(np.zeros((3, 48, 48, 3), np.uint8)).shape
        (3, 7)
    """
    path = Path(path or shipped_names()[0])
    if str(path) == BOTH:
        return mean_of([load_predictor(name) for name in AVERAGED])
    if str(path) in shipped_names():
        path = shipped(str(path))
    if not path.is_file():
        names = ", ".join((*shipped_names(), BOTH))
        raise InputError(f"{path}: no such network. Give a .onnx or .keras file, or one that ships: {names}.")
    readers = {".onnx": _onnx, ".keras": _keras}
    if path.suffix not in readers:
        raise InputError(f"{path}: a network is a .onnx or .keras file.")
    facts = _facts(path)
    if facts.get("values", [0, 255]) != [0, 255]:
        raise InputError(
            f"{path}: its card says values {facts['values']}; it will get 0 to 255. Put the scaling into the network."
        )
    forward, input_shape, outputs = readers[path.suffix](path, facts)
    classes = tuple(facts.get("classes") or (emotions.FER2013 if outputs == len(emotions.FER2013) else ()))
    if len(classes) != outputs:
        message = f"{len(classes)} are known" if classes else f"nothing says their names: put {path.stem}.md beside it"
        raise InputError(f"{path}: a network of {outputs} classes, and {message}.")
    if not facts.get("classes"):
        warnings.warn(
            f"{path}: nothing says its classes; seven are taken as {', '.join(classes)}. If they are others, write "
            f"{path.stem}.md beside it (README, A photograph).",
            stacklevel=2,
        )
    runtime = "keras" if path.suffix == ".keras" else onnx_runtime.preferred()
    return Classifier(path, runtime, forward, classes, tuple(input_shape), bool(facts.get("color")))


def mean_of(networks):
    """Several networks as one: the mean of their probabilities, which is more often right than each of them alone.

    Args:
        networks: list of `Classifier` that take gray images of one size, in one channel or repeated, and know the same classes.
    Returns: Classifier that takes the images of the first.
    Raises InputError: they do not fit together.
    """
    first, *others = networks
    for other in others:
        same = (other.classes, other.input_shape[:2]) == (first.classes, first.input_shape[:2])
        if not same or other.color or first.color:
            names = f"{first.path.name} and {other.path.name}"
            raise InputError(f"{names}: a mean is of networks with the same classes and gray images of one size.")
    if not others:
        return first

    def forward(images):  # (m, h, w, c)
        gray = images.mean(axis=3, keepdims=True)
        return np.mean([one.forward(np.repeat(gray, one.input_shape[2], axis=3)) for one in networks], axis=0)

    name = Path("+".join(network.path.stem for network in networks))  # of no file
    return _Mean(name, first.runtime, forward, first.classes, first.input_shape, networks=tuple(networks))


def shipped_names():
    """The names of the networks that ship inside the package, the default one first."""
    return sorted((file.stem for file in files.PRETRAINED.glob("*.md")), key=lambda name: (name != "five_layer", name))


def shipped(name="five_layer"):
    """The file of a network that ships with the package: the ONNX file where it is there, since it starts sooner."""
    quick = files.PRETRAINED / f"{name}.onnx"
    return quick if quick.is_file() else files.PRETRAINED / f"{name}.keras"


def _facts(path):
    """What lies beside a network's file: its card, or the record of its run."""
    card, record = path.with_suffix(".md"), path.with_name("run.json")
    if card.is_file():
        facts = documents.read_card(card)
        expected = facts.get("sha256", {}).get(path.name)
        if expected and file_digest(path) != expected:
            raise InputError(f"{path}: damaged, or another file than its card {card.name} is for. Copy it anew.")
        return facts
    if record.is_file():
        data = documents.read_json(record, documents.TRAINED, "Mend or remove it.")["data"]
        if not data["size"]:
            raise InputError(f"{record}: data.size is empty, expected height, width and channels. Mend or remove it.")
        return {"classes": data["classes"], "color": data["size"][-1] == 3, "sides": data["size"][:2]}
    return {}


def _keras(path, facts):
    try:
        network = files.load(path)
    except (InputError, ModuleNotFoundError):  # the latter where Keras is not installed
        raise
    except Exception as error:  # Keras raises half a dozen kinds for a damaged file
        raise InputError(f"{path}: not a model that Keras can load ({first_line(error)}). Copy it anew.") from error
    shape = network.input_shape
    if isinstance(shape, list) or len(shape) != 4 or len(network.output_shape) != 2:
        raise InputError(f"{path}: takes no images, or gives no classes: {shape} to {network.output_shape}.")
    forward = _probabilities_of(path, lambda crops: network.predict_on_batch(np.float32(crops)))
    return forward, network.input_shape[1:], network.output_shape[-1]


def _onnx(path, facts):
    network, said = onnx_runtime.load(path), facts.get("input_shape")
    if said and (len(said) != 3 or not 1 <= min(said) <= max(said) <= 4096):
        raise InputError(f"{path}: its card says input_shape {tuple(said)}, expected height, width and channels.")
    possible = [tuple(said)] if said else [(*facts.get("sides", (48, 48)), channels) for channels in (3, 1)]

    def together(crops):
        return network(np.ascontiguousarray(crops, dtype=np.float32))[0]

    def one_by_one(crops):  # PyTorch exports for one image unless it is told otherwise
        return np.concatenate([together(crops[i : i + 1]) for i in range(len(crops))])

    for input_shape, forward in itertools.product(possible, (together, one_by_one)):
        try:
            shape = forward(np.zeros((2, *input_shape))).shape
        except Exception:  # of the library that computes it
            continue
        if len(shape) == 2 and shape[0] == 2:
            return _probabilities_of(path, forward), input_shape, shape[1]
    tried = " nor ".join(map(str, possible))
    raise InputError(f"{path}: takes no {tried} images. Say input_shape in {path.stem}.md.")


def _probabilities_of(path, forward):
    """A network's forward pass, held to what it promises: scores that are no probabilities would be divided by their sum, and
    name the wrong emotion where that is negative.
    """

    def checked(crops):
        try:
            outputs = np.asarray(forward(crops))
        except MemoryError:
            raise
        except Exception as error:  # each engine has errors of its own
            raise InputError(f"{path}: fails at its images ({first_line(error)}). Export or fetch it anew.") from error
        low, sums = outputs.min(), outputs.sum(axis=1)
        if low < -1e-4 or np.abs(sums - 1).max() > _OFF:
            what = f"from {low:.3g} on, of the sum {sums[np.abs(sums - 1).argmax()]:.3g}"
            raise InputError(f"{path}: gives no probabilities ({what}); end it with a softmax.")
        return outputs

    return checked
