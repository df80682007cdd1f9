"""Networks that begin from a backbone trained on ImageNet, each with the head that its study gave it.

The backbone comes from Keras Applications and its layers lie flat in the model, so that they can be seen, frozen and explained
one by one. The names of its own layers begin with one of `freezing.HEAD_PREFIXES`; all others belong to the backbone. Which of them are trained is
chosen by `models.set_trainable`, which weights they start from by `models.build(weights=...)`.
"""

from typing import NamedTuple

import numpy as np
from keras import applications, layers
from keras.src.applications.convnext import ConvNeXt  # keras.applications has its five larger sizes only

from fer_tf.models.input_layers import color, resize, scale


class Backbone(NamedTuple):
    """A backbone: its Keras function, the least side of its images in pixels, and how their values are scaled."""

    function: object
    minimum: int
    convention: str


BACKBONES = {
    "vgg16": Backbone(applications.VGG16, 32, "caffe"),
    "densenet121": Backbone(applications.DenseNet121, 32, "torch"),
    "efficientnetv2b0": Backbone(applications.EfficientNetV2B0, 32, "inside"),
    "inceptionv3": Backbone(applications.InceptionV3, 75, "tf"),
    "resnet50": Backbone(applications.ResNet50, 32, "caffe"),
    "convnext_tiny": Backbone(applications.ConvNeXtTiny, 32, "inside"),
    "mobilenet_pa": Backbone(applications.MobileNet, 32, "tf"),
}


def vgg16(inputs, classes, size=None, units=128, dropout=0.3):
    """VGG16 (Simonyan and Zisserman 2015); then flatten, two Dense with ReLU, dropout and the softmax.

    The three-dataset comparison trains the head on the frozen backbone.

    Args:
        size: pixels of a side that images are resized to inside; None leaves them. At least 32.
        units: of each Dense layer.
        dropout: dropped share before the softmax.
    """
    x = backbone("vgg16", inputs, size)
    x = layers.Flatten(name="head_flatten")(x)
    x = layers.Dense(units, activation="relu", name="head_dense_1")(x)
    x = layers.Dense(units, activation="relu", name="head_dense_2")(x)
    x = layers.Dropout(dropout, name="head_dropout")(x)
    return softmax(x, classes)


def densenet121(inputs, classes, size=None, units=512):
    """DenseNet121 (Huang et al. 2017); then global average pooling, Dense with ReLU, batch norm and the softmax.

    The three-dataset comparison trains the head on the frozen backbone. Arguments and result as for `vgg16`.
    """
    x = backbone("densenet121", inputs, size)
    x = layers.GlobalAveragePooling2D(name="head_pool")(x)
    x = layers.Dense(units, activation="relu", name="head_dense")(x)
    x = layers.BatchNormalization(name="head_norm")(x)
    return softmax(x, classes)


def efficientnetv2b0(inputs, classes, size=None, units=128, dropout=0.3):
    """EfficientNetV2B0 (Tan and Le 2021) behind a convolution with ReLU that makes three channels of the image's own.

    Then global average pooling, two Dense with ReLU, dropout and the softmax. The convolution, 1x1, starts as the one that
    repeats gray and leaves color as it is, so that the backbone first sees what it was trained with. The three-dataset
    comparison fine-tunes all of it with SGD. Arguments and result as for `vgg16`.
    """
    adjust = layers.Conv2D(3, 1, activation="relu", name="adjust_channels", dtype="float32")
    x = adjust(resize(inputs, size, BACKBONES["efficientnetv2b0"].minimum))
    kernel = np.ones((1, 3)) if inputs.shape[-1] == 1 else np.eye(3)
    adjust.set_weights([kernel[None, None], np.zeros(3)])
    x = backbone("efficientnetv2b0", x)
    x = layers.GlobalAveragePooling2D(name="head_pool")(x)
    x = layers.Dense(units, activation="relu", name="head_dense_1")(x)
    x = layers.Dense(units, activation="relu", name="head_dense_2")(x)
    x = layers.Dropout(dropout, name="head_dropout")(x)
    return softmax(x, classes)


def inceptionv3(inputs, classes, size=None):
    """InceptionV3 (Szegedy et al. 2016); then global average pooling and the softmax. `size` at least 75.

    Arguments and result as for `vgg16`.
    """
    return softmax(layers.GlobalAveragePooling2D(name="head_pool")(backbone("inceptionv3", inputs, size)), classes)


def resnet50(inputs, classes, size=None):
    """ResNet50 (He et al. 2016); then global average pooling and the softmax. Arguments and result as for `vgg16`."""
    return softmax(layers.GlobalAveragePooling2D(name="head_pool")(backbone("resnet50", inputs, size)), classes)


def convnext_tiny(inputs, classes, size=None):
    """ConvNeXt-Tiny (Liu et al. 2022) with its global average pooling and layer norm; then the softmax.

    The five-class study fine-tunes all of it: learning rate 0.0001, batches of 512, 18 epochs, weight decay 0.00001.
    Arguments and result as for `vgg16`.
    """
    return softmax(backbone("convnext_tiny", inputs, size, pooling="avg"), classes)


def convnext_atto(inputs, classes, size=None):
    """ConvNeXt with an eighth of ConvNeXt-Tiny's parameters: its least published depths and widths (Woo et al. 2023, "ConvNeXt V2",
    section 4); then the softmax. Keras has no weights for it.

    Its first layer makes one place of 4x4 pixels: 48 pixels become 12 places, `size=96` gives 24. Arguments and result as for
    `vgg16`.
    """
    x = color(resize(inputs, size, 32))  # it scales images itself
    options = {"include_top": False, "weights": None, "pooling": "avg", "name": "convnext_atto"}
    return softmax(ConvNeXt((2, 2, 6, 2), (40, 80, 160, 320), input_tensor=x, **options).output, classes)


def backbone(name, inputs, size=None, layer=None, **options):
    """The features that a backbone makes of images in 0-255, its layers laid out from `inputs` on.

    Args:
        name: a key of `BACKBONES`.
        size: pixels of a side that images are resized to; None leaves them.
        layer: name of the backbone's layer to end with; None takes all of it.
        **options: of the Keras function, such as pooling="avg".
    Returns: Keras tensor (n, height, width, channels), or (n, channels) with a pooling.
    """
    function, minimum, convention = BACKBONES[name]
    x = scale(color(resize(inputs, size, minimum)), convention)
    whole = function(include_top=False, weights=None, input_tensor=x, **options)
    return whole.get_layer(layer).output if layer else whole.output


def softmax(x, classes):
    """The last layer: float32 probabilities (n, classes), whatever the network computes in."""
    return layers.Dense(classes, activation="softmax", dtype="float32", name="head_classes")(x)
