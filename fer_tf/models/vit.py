"""The vision transformers ViT-B/16 and ViT-B/32 (Dosovitskiy et al. 2021), and their published weights.

The three-dataset comparison trained them with Rectified Adam, the optimizer "radam" of `training`. Nearest to it in Keras
itself is AdamW with a warm-up, which is what the rectification amounts to (Liu et al. 2020; Ma and Yarats 2021): a rate that
climbs over the first 2 / (1 - beta_2) = 2,000 steps.
"""

import numpy as np
from keras import layers, ops, saving

from fer_tf.errors import InputError
from fer_tf.models.input_layers import color, resize, scale
from fer_tf.models.transfer import softmax


@saving.register_keras_serializable(package="fer_tf")
class ClassToken(layers.Layer):
    """Puts one learned token before the patches of each image: (n, p, d) to (n, 1 + p, d)."""

    def build(self, input_shape):
        self.token = self.add_weight(shape=(1, 1, input_shape[-1]), initializer="zeros", name="token")

    def call(self, inputs):
        tokens = ops.broadcast_to(self.token, (ops.shape(inputs)[0], 1, inputs.shape[-1]))
        return ops.concatenate([ops.cast(tokens, inputs.dtype), inputs], axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[1] + 1, input_shape[2])


@saving.register_keras_serializable(package="fer_tf")
class PositionEmbedding(layers.Layer):
    """Adds a learned vector to each token by its place: (n, t, d) to the same."""

    def build(self, input_shape):
        self.embedding = self.add_weight(shape=(1, *input_shape[1:]), initializer="random_normal", name="embedding")

    def call(self, inputs):
        return inputs + ops.cast(self.embedding, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape


def vit_b16(inputs, classes, size=224, width=768, depth=12, heads=12, units=128):
    """ViT-B/16: patches of 16 pixels, 12 blocks of attention; then batch norm, Dense with ReLU and the softmax.

    At 224 pixels the transformer has the 85,798,656 parameters of the published one without its classifier.

    Args:
        size: pixels of a side that images are resized to inside, a multiple of the patch; 224 as published.
        width: numbers in a token. Fewer for a quick trial, as of `depth` and `heads`.
        depth: number of blocks.
        heads: attention heads of a block; a divisor of `width`.
        units: of the Dense layer. Not published.
    Raises InputError: `size` is no multiple of the patch, or `width` none of `heads`.
    """
    return _head(_transformer(inputs, 16, size, width, depth, heads), units, classes)


def vit_b32(inputs, classes, size=224, width=768, depth=12, heads=12, units=128):
    """ViT-B/32: as `vit_b16` with patches of 32 pixels; 87,455,232 parameters without the classifier."""
    return _head(_transformer(inputs, 32, size, width, depth, heads), units, classes)


def load_published_weights(model, path):
    """Gives a ViT the weights of one of the published `.npz` files, its head aside.

    Args:
        model: keras.Model of `vit_b16` or `vit_b32`.
        path: the file; its position embeddings are resized where the model has another grid of patches.
    Returns: list of the layers that were given weights.
    Raises InputError: it is unreadable, or of another architecture.
    """
    wrong = f"{path}: not the weights of a ViT as {model.name} here has it"
    try:
        with np.load(path) as saved:
            values = {layer: [saved[key] for key in keys] for layer, keys in _published_names(model).items()}
    except KeyError as error:
        raise InputError(f"{wrong} (it has no {error.args[0]}). Give the file of the same size and patch.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: no readable .npz file of a ViT. Download it again.") from error
    values["positions"] = [_regrid(values["positions"][0], model.get_layer("positions").embedding.shape[1])]
    for name, arrays in values.items():
        layer = model.get_layer(name)
        have, need = [tuple(a.shape) for a in arrays], [tuple(w.shape) for w in layer.weights]
        if have != need:
            raise InputError(f"{wrong} ({name} is {have}, here {need}). Give the file of the same size and patch.")
    for name, arrays in values.items():
        model.get_layer(name).set_weights(arrays)
    return [model.get_layer(name) for name in values]


def _transformer(inputs, patch, size, width, depth, heads):
    if size % patch or size < patch:
        raise InputError(f"size={size} is no multiple of the patch of {patch} pixels; 224 is the published one.")
    if width % heads:
        raise InputError(f"width={width} is no multiple of heads={heads}. Change one of them.")
    x = scale(color(resize(inputs, size)), "tf")
    x = layers.Conv2D(width, patch, strides=patch, name="patches")(x)
    x = layers.Reshape((-1, width), name="tokens")(x)
    x = PositionEmbedding(name="positions")(ClassToken(name="class_token")(x))
    for number in range(depth):
        x = _block(x, heads, f"block_{number}")
    x = layers.LayerNormalization(epsilon=1e-6, name="norm")(x)
    return _first(x)


def _block(x, heads, name):
    width = x.shape[-1]
    y = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm_1")(x)
    y = layers.MultiHeadAttention(heads, width // heads, name=f"{name}_attention")(y, y)
    x = layers.Add(name=f"{name}_sum_1")([x, y])
    y = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm_2")(x)
    y = layers.Dense(4 * width, activation="gelu", name=f"{name}_dense_1")(y)
    y = layers.Dense(width, name=f"{name}_dense_2")(y)
    return layers.Add(name=f"{name}_sum_2")([x, y])


def _first(x):
    x = layers.Cropping1D((0, x.shape[1] - 1), name="class_token_alone")(x)
    return layers.Flatten(name="features")(x)


def _head(x, units, classes):
    x = layers.BatchNormalization(name="head_norm")(x)
    x = layers.Dense(units, activation="relu", name="head_dense")(x)
    return softmax(x, classes)


def _published_names(model):
    """The keys of each layer's weights in a published file, in Keras's order."""
    names = {
        "patches": ("embedding/kernel", "embedding/bias"),
        "class_token": ("cls",),
        "positions": ("Transformer/posembed_input/pos_embedding",),
        "norm": ("Transformer/encoder_norm/scale", "Transformer/encoder_norm/bias"),
    }
    depth = sum(layer.name.endswith("_attention") for layer in model.layers)
    for number in range(depth):
        block, here = f"Transformer/encoderblock_{number}", f"block_{number}"
        attention = f"{block}/MultiHeadDotProductAttention_1"
        names[f"{here}_norm_1"] = (f"{block}/LayerNorm_0/scale", f"{block}/LayerNorm_0/bias")
        names[f"{here}_attention"] = tuple(
            f"{attention}/{part}/{kind}" for part in ("query", "key", "value", "out") for kind in ("kernel", "bias")
        )
        names[f"{here}_norm_2"] = (f"{block}/LayerNorm_2/scale", f"{block}/LayerNorm_2/bias")
        for dense in (0, 1):
            place = f"{block}/MlpBlock_3/Dense_{dense}"
            names[f"{here}_dense_{dense + 1}"] = (f"{place}/kernel", f"{place}/bias")
    return names


def _regrid(positions, tokens):
    """Position embeddings (1, 1 + side * side, d) for `tokens` tokens: the grid of patches resized, bilinear."""
    if positions.shape[1] == tokens:
        return positions
    had, have = (round((count - 1) ** 0.5) for count in (positions.shape[1], tokens))
    grid = positions[:, 1:].reshape(1, had, had, -1)
    grid = ops.convert_to_numpy(ops.image.resize(grid, (have, have), interpolation="bilinear"))
    return np.concatenate([positions[:, :1], grid.reshape(1, have * have, -1)], axis=1)
