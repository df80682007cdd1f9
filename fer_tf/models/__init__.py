"""The networks, one file per family, behind `build`; and the trained one that ships with the package.

A model takes images (n, h, w, c) with values 0 to 255, of the size and channels that its input shape says, scales them
inside, and gives probabilities (n, classes). It knows nothing of a dataset.
"""

# ruff: noqa: F401 (what is imported here is the interface)

import inspect

import numpy as np

from fer_tf.errors import InputError, choose, first_line
from fer_tf.models.files import PRETRAINED, as_float32, load, load_pretrained, model_card, save
from fer_tf.models.freezing import is_head, set_trainable
from fer_tf.models.prediction import predict
from fer_tf.models.predictor import Classifier, load_predictor


def names():
    """The names that `build` takes.

    Example:
        >>> "five_layer" in names()
        True
    """
    from fer_tf.models.families import FAMILIES

    return tuple(FAMILIES)


def build(name, input_shape, classes, weights=None, dtype="float32", **options):
    """A network by name, to be trained.

    Args:
        name: one of `names()`.
        input_shape: (height, width, channels) of its images, in pixels; channels 1 or 3.
        classes: number of classes, at least 2.
        weights: what it starts from. None is random; "imagenet", or another name of `catalogue.CATALOGUE`, is downloaded
            once, into $KERAS_HOME/models; a path is a `.keras` or `.weights.h5` file of the same architecture, the folder
            of an earlier run, or a file as the catalogue has it. Of a `.keras` file with other classes all but the last
            layer is loaded. One printed line says what was.
        dtype: "float32", or "mixed_bfloat16" to compute in bfloat16 and keep the weights in float32.
        **options: the architecture's own, such as `block_dropout` of "five_layer" or `size` of "inceptionv3".
    Returns: keras.Model, named `name`, not compiled.
    Raises InputError: an unknown name, option or dtype, a wrong class count, an image too small for the network, or
        weights that are missing or those of another architecture.

    Example:
        >>> model = build("five_layer", input_shape=(48, 48, 3), classes=7)
        >>> parameter_counts(model)
        {'trainable': 1326567, 'other': 2176}
        >>> model(np.zeros((2, 48, 48, 3))).shape
        TensorShape([2, 7])
    """
    from fer_tf.backend import keras
    from fer_tf.models import initial_weights
    from fer_tf.models.families import FAMILIES

    _check(name, input_shape, classes, dtype, options)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        inputs = keras.Input(input_shape, name="image", dtype="float32")
        model = keras.Model(inputs, FAMILIES[name](inputs, classes, **options), name=name)
    except InputError:
        raise
    except ValueError as error:
        shape = "x".join(map(str, input_shape))
        raise InputError(f"{name} cannot be built for images of {shape}: {first_line(error)}") from error
    finally:
        keras.config.set_dtype_policy(before)
    if weights is not None:
        initial_weights.load_initial_weights(model, weights)
    return model


def architecture(name):
    """The function that lays out a network, to be read: (inputs, classes, **options) to probabilities."""
    from fer_tf.models.families import FAMILIES

    return FAMILIES[choose("model", name, FAMILIES)]


def summary(model):
    """A network's layers as a table.

    Returns: DataFrame with the columns layer, output shape (without the batch) and parameters.
    """
    import pandas as pd

    rows = [(layer.name, "x".join(map(str, layer.output.shape[1:])), layer.count_params()) for layer in model.layers]
    return pd.DataFrame(rows, columns=["layer", "output shape", "parameters"])


def parameter_counts(model):
    """How many parameters a network has: dict with the ints "trainable" and "other" (such as batch norm's averages).

    Example:
        >>> parameter_counts(build("five_layer", input_shape=(48, 48, 3), classes=7))
        {'trainable': 1326567, 'other': 2176}
    """
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    return {"trainable": trainable, "other": model.count_params() - trainable}


def multiplications(model):
    """How often a network multiplies by the weights of a convolution or a dense layer, for one image.

    Args:
        model: keras.Model of layers that each have one output.
    Returns: int. What costs little is left out: batch norm, pooling, and attention's products of images with themselves.

    Example:
        >>> multiplications(build("five_layer", input_shape=(48, 48, 3), classes=7))
        118927808
    """
    total = 0
    for layer in model.layers:
        if hasattr(layer, "layers"):  # a network within the network
            total += multiplications(layer)
            continue
        kernels = [weight for weight in layer.weights if weight.name.endswith("kernel")]
        if kernels:
            places = int(np.prod(layer.output.shape[1:-1]))
            total += places * sum(int(np.prod(kernel.shape)) for kernel in kernels)
    return total


def _check(name, input_shape, classes, dtype, options):
    known = list(inspect.signature(architecture(name)).parameters)[2:]
    for option in options:
        if option not in known:
            raise InputError(f"{name} has no option '{option}'; it has {', '.join(known)}.")
    if classes < 2:
        raise InputError(f"{name} for {classes} classes; there must be at least 2.")
    if len(input_shape) != 3 or input_shape[2] not in (1, 3) or min(input_shape) < 1:
        raise InputError(f"{name} for images of {tuple(input_shape)}; expected (height, width, 1 or 3).")
    if dtype not in ("float32", "mixed_bfloat16"):
        raise InputError(f"unknown dtype '{dtype}'; choose float32 or mixed_bfloat16.")
