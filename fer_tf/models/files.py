"""Networks in files: saved, loaded, and the trained ones that ship with the package, each with its model card."""

from pathlib import Path

import yaml

from fer_tf import documents
from fer_tf.errors import InputError, choose, first_line
from fer_tf.paths import writing

PRETRAINED = Path(__file__).parent / "pretrained"
"""Where the trained networks that ship with the package lie."""


def load(path):
    """A saved model, a `.keras` file, ready to predict.

    Raises InputError: the file is missing, or is no Keras model that loads in safe mode.

    Example:
        >>> load(PRETRAINED / "five_layer.keras").output_shape
        (None, 7)
    """
    from fer_tf.backend import keras
    from fer_tf.models import families  # noqa: F401, registers the layers of our own

    path = Path(path)
    if path.with_suffix(".onnx").is_file() and not path.is_file():
        raise InputError(
            f"{path}: not here, only {path.stem}.onnx, which fer_tf.Predictor reads. A clone has the networks that ship for Keras."
        )
    if not path.is_file():
        raise InputError(f"{path}: no such model. Train it first: models are not kept in git.")
    if documents.is_damaged_zip(path):
        raise InputError(f"{path}: not a whole model file. Train it again, or copy it anew.")
    try:
        return _settle(keras.models.load_model(path, compile=False))
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise InputError(f"{path}: not a model that Keras can load ({first_line(error)}). Train it again.") from error


def save(model, path):
    """Saves a model as `.keras`, whole or not at all, computing in float32 whatever it was trained in."""
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
    Returns: keras.Model: images (n, 48, 48, c), values 0 to 255, to float32 probabilities (n, k), in the order of
        `model_card(name)["classes"]`.
    Raises InputError: no weights of that name ship.

    Example:
        >>> load_pretrained("five_layer").output_shape
        (None, 7)
    """
    model_card(name)
    return load(PRETRAINED / f"{name}.keras")


def model_card(name="five_layer"):
    """What is known of a shipped network: the facts that its card, `fer_tf/models/pretrained/<name>.md`, begins with.

    Returns: dict; "classes" is the order of the probabilities, "input_shape" (height, width, channels), "metrics" what
        was measured on the test split.
    Raises InputError: no card of that name ships.
    """
    choose("shipped network", name, sorted(file.stem for file in PRETRAINED.glob("*.md")))
    if not documents.read_card(PRETRAINED / f"{name}.md"):  # which says what is wrong with a card
        raise InputError(f"{name}: its card says nothing of it. Fetch the package again.")
    return yaml.safe_load((PRETRAINED / f"{name}.md").read_text(encoding="utf-8").split("---\n")[1])


def _settle(model):
    # Keras 3.15 reloads a frozen MultiHeadAttention with trainable sublayers, and setting trainable=False on a layer that is
    # already False is a no-op: toggle it.
    for layer in (layer for layer in model.layers if not layer.trainable):
        layer.trainable = True
        layer.trainable = False
    return model
