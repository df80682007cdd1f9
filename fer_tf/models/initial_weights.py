"""The weights that a network starts from: published ones by name, those of a file, or those of an earlier run.

One printed line says what was loaded and what is new; weights that do not fit are refused before any training.
"""

import os
import re
import warnings
from pathlib import Path

import h5py
from keras import utils

from fer_tf import paths
from fer_tf.errors import InputError, first_line
from fer_tf.models import files
from fer_tf.models.catalogue import CATALOGUE
from fer_tf.models.freezing import is_head, with_weights
from fer_tf.models.transfer import BACKBONES


def load_initial_weights(model, weights):
    """Gives a freshly built network its starting weights.

    Args:
        model: keras.Model of `models.build`, named after its architecture.
        weights: "imagenet", or another name that `catalogue.CATALOGUE` has for the architecture; or the path of a
            `.keras` or `.weights.h5` file, of a run's folder with a model.keras, or of a file as the catalogue has it.
    Raises InputError: there are none, they could not be downloaded, or they are of another architecture or class count.
    """
    published = CATALOGUE.get(model.name)
    if published and weights == published.name:
        source = _download(published)
        loaded = published.load(model, source)
    elif weights == "imagenet":
        source, loaded = "ImageNet", _load_imagenet(model)
    else:
        source = _file(paths.resolve(weights))
        kinds = {".keras": _load_keras, ".weights.h5": _load_h5}
        kinds |= {Path(published.address).suffix: published.load} if published else {}
        load = next((load for kind, load in kinds.items() if source.name.endswith(kind)), None)
        if load is None:
            raise InputError(
                f"{source}: weights of {model.name} must be 'imagenet', a run's folder or a file {', '.join(kinds)}."
            )
        loaded = load(model, source)
    new = [layer.name for layer in with_weights(model) if layer not in loaded]
    print(f"weights: {len(loaded)} layers from {source}; new: {', '.join(new) or 'none'}", flush=True)


def _file(path):
    path = path / "model.keras" if path.is_dir() else path
    if not path.is_file():
        raise InputError(f"{path}: there are no such weights. Give the path of a file, or of a complete run's folder.")
    return path


def _load_imagenet(model):
    if model.name not in BACKBONES:
        raise InputError(f"{model.name} has no ImageNet weights; give weights=None, or a file of an earlier run.")
    donor = _fetching(
        lambda: BACKBONES[model.name].function(include_top=False, weights="imagenet", input_shape=(224, 224, 3))
    )
    backbone = [layer for layer in with_weights(model) if not is_head(model, layer)]
    for layer, theirs in zip(backbone, with_weights(donor), strict=False):  # a backbone may be cut short
        layer.set_weights(theirs.get_weights())
    return backbone


def _load_keras(model, path):
    mine, theirs = with_weights(model), with_weights(files.load(path))
    for layer, other in zip(mine[:-1], theirs, strict=False):
        if _shapes(layer) != _shapes(other):
            raise _another(model, path, f"its layer {other.name} has {_shapes(other)}, here {_shapes(layer)}")
    if len(mine) != len(theirs):
        raise _another(model, path, f"it has {len(theirs)} layers with weights, here {len(mine)}")
    fitting = mine if _shapes(mine[-1]) == _shapes(theirs[-1]) else mine[:-1]  # other classes: the last layer is new
    for layer, other in zip(fitting, theirs, strict=False):
        layer.set_weights(other.get_weights())
    return fitting


def _load_h5(model, path):
    try:
        count = _count_arrays(path)
    except OSError as error:
        raise InputError(f"{path}: no readable .weights.h5 file. Save it again.") from error
    if count != len(model.weights):
        raise _another(model, path, f"it has {count} arrays, here {len(model.weights)}")
    try:
        with warnings.catch_warnings(action="ignore"):
            model.load_weights(path)
    except (ValueError, KeyError) as error:
        result = re.search(r"variable\.shape=(\(.*?\)), Received: value\.shape=(\(.*?\))", str(error))
        difference = f"it has a {result[2]} where there is {result[1]} here" if result else "it has other layers"
        raise _another(model, path, difference) from error
    return with_weights(model)


def _count_arrays(path):
    shapes = []

    def look(name, item):
        if hasattr(item, "shape") and not name.startswith("optimizer") and "seed_generator" not in name:
            shapes.append(item.shape)

    with h5py.File(path) as file:
        file.visititems(look)
    return len(shapes)


def _download(published):
    return _fetching(
        lambda: utils.get_file(origin=published.address, cache_subdir="models", file_hash=published.sha256)
    )


def _fetching(fetch):
    """What `fetch` returns; a download that fails becomes one line that names the file and where it goes."""
    try:
        return fetch()
    except Exception as error:  # Keras raises nothing narrower
        result = re.search(r"URL fetch failure on (\S+): ", str(error))
        what = result[1] if result else f"the weights ({first_line(error)})"
        folder = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"
        raise InputError(f"{what} could not be downloaded. Put it into {folder}, or give weights=None.") from error


def _another(model, path, difference):
    return InputError(
        f"{path}: weights of another architecture than {model.name} as built here ({difference}). "
        "Build the network as it was trained, or give other weights."
    )


def _shapes(layer):
    return [tuple(weight.shape) for weight in layer.weights]
