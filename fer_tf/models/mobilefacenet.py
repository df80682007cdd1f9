"""MobileFaceNet (Chen et al. 2018), a MobileNetV2 made for telling faces apart, in the layout of its published weights."""

import numpy as np
from keras import layers

from fer_tf.errors import InputError
from fer_tf.models import torch_weights
from fer_tf.models.input_layers import color, resize, scale
from fer_tf.models.transfer import softmax

BLOCKS = ((64, 2, 2), *[(64, 2, 1)] * 4, (128, 4, 2), *[(128, 2, 1)] * 6, (128, 4, 2), *[(128, 2, 1)] * 2)
"""Of each inverted residual block: channels, by which they are expanded inside, and the stride."""


def mobilefacenet(inputs, classes, size=None, dropout=0.2):
    """MobileFaceNet up to its vector of 128 numbers for a face; then dropout and the softmax.

    The last map is weighed place by place (a global depthwise convolution), since the middle of an aligned face says more
    than its edge. Up to the vector it has 999,936 parameters and 19,712
    averages of batch norms.

    Args:
        size: pixels of a side that images are resized to inside; None leaves them. Published with 112.
        dropout: dropped share before the softmax.
    """
    x = scale(color(resize(inputs, size, 32)), "torch")
    x = layers.ReLU(6)(_convolve(x, 64, 3, 2, "conv1.0", "conv1.1"))
    x = layers.ReLU()(_convolve(x, None, 3, 1, "dw_conv.depthwise", "dw_conv.bn1"))
    x = layers.ReLU()(_convolve(x, 64, 1, 1, "dw_conv.pointwise", "dw_conv.bn2"))
    for number, (channels, expansion, strides) in enumerate(BLOCKS):
        x = _block(x, channels, expansion, strides, f"features.{number}.conv")
    x = layers.ReLU(6)(_convolve(x, 512, 1, 1, "conv2.0", "conv2.1"))
    x = layers.DepthwiseConv2D(x.shape[1:3], use_bias=False, name="gdconv.depthwise")(x)
    x = layers.Conv2D(128, 1, name="conv3")(_normalize(x, "gdconv.bn"))
    x = layers.Dropout(dropout, name="head_dropout")(layers.Flatten()(_normalize(x, "bn")))
    return softmax(x, classes)


def load_published_weights(model, path):
    """Gives a MobileFaceNet the weights of the published `.pt` file.

    Of the kernel that weighs the last map, 7x7 at 112 pixels, a model of smaller images is given the middle.

    Args:
        model: keras.Model of `mobilefacenet`.
        path: the file.
    Returns: list of the layers that were given weights.
    Raises InputError: it is unreadable, or of another architecture.
    """
    saved, named = torch_weights.read(path), [layer for layer in model.layers if layer.weights][:-1]
    for layer in named:
        try:
            arrays = torch_weights.arrays_of(saved, layer)
            if layer.name == "gdconv.depthwise":
                arrays = [_middle(arrays[0], layer.kernel.shape[:2])]
            layer.set_weights(arrays)
        except (KeyError, ValueError) as error:
            raise InputError(f"{path}: not the published weights of MobileFaceNet ({layer.name} differs).") from error
    return named


def _block(x, channels, expansion, strides, name):
    y = layers.ReLU(6)(_convolve(x, expansion * x.shape[-1], 1, 1, f"{name}.0.0", f"{name}.0.1"))
    y = layers.ReLU(6)(_convolve(y, None, 3, strides, f"{name}.1.0", f"{name}.1.1"))
    y = _convolve(y, channels, 1, 1, f"{name}.2", f"{name}.3")
    return layers.Add()([x, y]) if strides == 1 and x.shape[-1] == channels else y


def _convolve(x, filters, kernel, strides, name, norm):
    # Without a number of filters each channel for itself; padded evenly, as PyTorch does.
    options = {"strides": strides, "use_bias": False, "name": name}
    x = layers.ZeroPadding2D(1)(x) if kernel > 1 else x
    layer = layers.Conv2D(filters, kernel, **options) if filters else layers.DepthwiseConv2D(kernel, **options)
    return _normalize(layer(x), norm)


def _normalize(x, name):
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)


def _middle(kernel, shape):
    """The middle (height, width) of a kernel (h, w, c, 1), padded with zeros where it is smaller."""
    grow = [(max(0, want - have + 1) // 2,) * 2 for have, want in zip(kernel.shape, shape, strict=False)]
    kernel = np.pad(kernel, [*grow, (0, 0), (0, 0)])
    top, left = ((have - want) // 2 for have, want in zip(kernel.shape, shape, strict=False))
    return kernel[top : top + shape[0], left : left + shape[1]]
