"""The networks, one file per family, behind `build`; and the trained one that ships with the package.

A model takes images (n, h, w, c) with values 0 to 255, of the size and channels that its input shape says, scales them
inside, and gives probabilities (n, classes). It knows nothing of a dataset.
"""

import inspect
from pathlib import Path

import numpy as np

from fer_tf.errors import InputError, first_line

PRETRAINED = Path(__file__).parent / "pretrained"


def names():
    """The names that `build` takes."""
    return tuple(_families())


def build(name, input_shape, classes, weights=None, dtype="float32", **options):
    """A network by name, to be trained.

    Args:
        name: one of `names()`.
        input_shape: (height, width, channels) of its images, in pixels; channels 1 or 3.
        classes: number of classes, at least 2.
        weights: what it starts from. None is random; "imagenet" is downloaded once, into $KERAS_HOME/models; a path is a
            `.keras` or `.weights.h5` file of the same architecture, the folder of an earlier run, or a published `.npz`
            (ViT) or `.pth` (ResNet-18) file. Of a `.keras` file with other classes all but the last layer is taken. One
            printed line says what was taken.
        dtype: "float32", or "mixed_bfloat16" to compute in bfloat16 and keep the weights in float32.
        **options: the architecture's own, such as `block_dropout` of "five_layer" or `size` of "inceptionv3".

    Returns:
        keras.Model, named `name`, not compiled.

    Raises:
        InputError: an unknown name, option or dtype, a wrong class count, an image too small for the network, or weights
            that are missing or those of another architecture.
    """
    from fer_tf.backend import keras
    from fer_tf.models import initial_weights

    _check(name, input_shape, classes, dtype, options)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        inputs = keras.Input(input_shape, name="image", dtype="float32")
        model = keras.Model(inputs, _families()[name](inputs, classes, **options), name=name)
    except InputError:
        raise
    except ValueError as error:
        shape = "x".join(map(str, input_shape))
        raise InputError(f"{name} cannot be built for images of {shape}: {first_line(error)}") from error
    finally:
        keras.config.set_dtype_policy(before)
    if weights is not None:
        initial_weights.take(model, weights, load)
    return model


def set_trainable(model, what, batch_norm=False):
    """Chooses which layers a training changes: "head", "all", or the head and an int of the base's last layers.

    See `fer_tf.models.freezing.set_trainable` for what becomes of batch norm.
    """
    from fer_tf.models import freezing

    return freezing.set_trainable(model, what, batch_norm)


def architecture(name):
    """The function that lays out a network, to be read: (inputs, classes, **options) to probabilities."""
    return _families()[name]


def summary(model):
    """A network's layers as a table.

    Returns:
        DataFrame with the columns layer, output shape (without the batch) and parameters.
    """
    import pandas as pd

    rows = [(layer.name, "x".join(map(str, layer.output.shape[1:])), layer.count_params()) for layer in model.layers]
    return pd.DataFrame(rows, columns=["layer", "output shape", "parameters"])


def parameter_counts(model):
    """How many parameters a network has: dict with the ints "trainable" and "other" (such as batch norm's averages)."""
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    return {"trainable": trainable, "other": model.count_params() - trainable}


def load(path):
    """A saved model, ready to predict.

    Args:
        path: a `.keras` file.

    Raises:
        InputError: the file is missing, or is no Keras model that loads in safe mode.
    """
    from fer_tf.backend import keras

    _families()  # registers the layers of our own
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such model. Train it first: models are not kept in git.")
    try:
        return _settle(keras.models.load_model(path, compile=False))
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise InputError(f"{path}: not a model that Keras can load ({first_line(error)}). Train it again.") from error


def save(model, path):
    """Saves a model as `.keras`, whole or not at all, computing in float32 whatever it was trained in."""
    from fer_tf.paths import writing

    model = as_float32(model)
    with writing(path) as part:
        model.save(part)


def as_float32(model):
    """The same network, not compiled and computing in float32: bfloat16 helps training, and only on processors that have it."""
    from fer_tf.backend import keras

    def plain(layer):
        config = layer.get_config()
        if "dtype" in config:
            config["dtype"] = "float32"
        return layer.__class__.from_config(config)

    clone = keras.models.clone_model(model, clone_function=plain, recursive=True)
    clone.set_weights(model.get_weights())
    # Without the optimizer that the clone may have.
    return _settle(keras.Model(clone.inputs[0], clone.outputs[0], name=model.name))


def load_pretrained(name="five_layer"):
    """A network with the weights that ship inside the package.

    Args:
        name: one of the folder `fer_tf/models/pretrained`'s; see `model_card(name)` for what it was trained on.

    Returns:
        keras.Model: images (n, 48, 48, c), values 0 to 255, to float32 probabilities (n, k), in the order of
        `model_card(name)["classes"]`.

    Raises:
        InputError: no weights of that name ship.
    """
    model_card(name)
    return load(PRETRAINED / f"{name}.keras")


def model_card(name="five_layer"):
    """What is known of a shipped network: the facts that its card, `fer_tf/models/pretrained/<name>.md`, begins with.

    Returns:
        dict; "classes" is the order of the probabilities, "input_shape" (height, width, channels), "metrics" what was
        measured on the test split.

    Raises:
        InputError: no card of that name ships.
    """
    import yaml

    path = PRETRAINED / f"{name}.md"
    if not path.is_file():
        have = ", ".join(sorted(file.stem for file in PRETRAINED.glob("*.md"))) or "none"
        raise InputError(f"no trained weights named '{name}' ship with fer_tf; there are: {have}.")
    return yaml.safe_load(path.read_text(encoding="utf-8").split("---\n")[1])


def _settle(model):
    # A frozen attention layer comes back with trainable weights, and is deaf to being told what it believes already.
    for layer in (layer for layer in model.layers if not layer.trainable):
        layer.trainable = True
        layer.trainable = False
    return model


def _families():
    from fer_tf.models import transfer, vit
    from fer_tf.models.five_layer import five_layer
    from fer_tf.models.mobilenet_pa import mobilenet_pa
    from fer_tf.models.plain_cnn import plain_cnn
    from fer_tf.models.resnet18 import resnet18
    from fer_tf.models.shallow import shallow

    families = (
        *(five_layer, plain_cnn, shallow, resnet18),
        *(transfer.vgg16, transfer.densenet121, transfer.efficientnetv2b0, transfer.inceptionv3, transfer.resnet50),
        *(transfer.convnext_tiny, vit.vit_b16, vit.vit_b32, mobilenet_pa),
    )
    return {family.__name__: family for family in families}


def _check(name, input_shape, classes, dtype, options):
    families = _families()
    if name not in families:
        raise InputError(f"unknown model '{name}'; choose one of {', '.join(families)}.")
    known = list(inspect.signature(families[name]).parameters)[2:]
    for option in options:
        if option not in known:
            raise InputError(f"{name} has no option '{option}'; it has {', '.join(known)}.")
    if classes < 2:
        raise InputError(f"{name} for {classes} classes; there must be at least 2.")
    if len(input_shape) != 3 or input_shape[2] not in (1, 3) or min(input_shape) < 1:
        raise InputError(f"{name} for images of {tuple(input_shape)}; expected (height, width, 1 or 3).")
    if dtype not in ("float32", "mixed_bfloat16"):
        raise InputError(f"unknown dtype '{dtype}'; choose float32 or mixed_bfloat16.")
