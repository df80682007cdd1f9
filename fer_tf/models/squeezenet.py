"""SqueezeNet 1.1 (Iandola et al. 2016): fire modules that squeeze the channels before they convolve them."""

import h5py
from keras import layers

from fer_tf.errors import InputError
from fer_tf.models.input_layers import color, resize, scale
from fer_tf.models.transfer import softmax

FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
"""Squeezed and expanded channels of the modules fire2 to fire9; a max pool stands before fire2, fire4 and fire6."""


def squeezenet(inputs, classes, size=None, dropout=0.5):
    """SqueezeNet 1.1 without its top; then dropout, global average pooling and the softmax.

    Without the softmax it has 722,496 parameters. It has no batch norm: give it a lower learning rate than others.

    Args:
        size: pixels of a side that images are resized to inside; None leaves them. At least 32.
        dropout: dropped share before the softmax.
    """
    x = scale(color(resize(inputs, size, 32)), "caffe")
    x = layers.Conv2D(64, 3, strides=2, activation="relu", name="conv1")(x)
    for place, (squeezed, expanded) in enumerate(FIRES, start=2):
        if place in (2, 4, 6):
            x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        x = layers.Conv2D(squeezed, 1, activation="relu", name=f"fire{place}.squeeze1x1")(x)
        left = layers.Conv2D(expanded, 1, activation="relu", name=f"fire{place}.expand1x1")(x)
        right = layers.Conv2D(expanded, 3, padding="same", activation="relu", name=f"fire{place}.expand3x3")(x)
        x = layers.Concatenate()([left, right])
    x = layers.Dropout(dropout, name="head_dropout")(x)
    return softmax(layers.GlobalAveragePooling2D(name="head_pool")(x), classes)


def load_published_weights(model, path):
    """Gives a SqueezeNet the weights of the published Keras file, its softmax aside.

    Args:
        model: keras.Model of `squeezenet`.
        path: the `.h5` file, one group of a kernel and a bias for each layer.
    Returns: list of the layers that were given weights.
    Raises InputError: it is unreadable, or of another architecture.
    """
    convolutions = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    try:
        with h5py.File(path) as file:
            for layer in convolutions:
                group = file[layer.name.replace(".", "/")]
                layer.set_weights([group[name][()] for name in group.attrs["weight_names"]])
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: not the published weights of SqueezeNet 1.1. Download them again.") from error
    return convolutions
