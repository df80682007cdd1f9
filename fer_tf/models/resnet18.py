"""ResNet-18 (He et al. 2016), in the layout of torchvision: a first convolution and four stages of two residual blocks."""

from keras import layers

from fer_tf.errors import InputError
from fer_tf.models import torch_weights
from fer_tf.models.input_layers import scale

STEMS = ("imagenet", "small")


def resnet18(inputs, classes, stem="imagenet", filters=64):
    """The network's layers from an image in 0-255 to class probabilities.

    A gray image enters the first convolution as one channel. At 1,000 classes and three channels it has the 11,689,512
    trainable parameters of torchvision's resnet18.

    Args:
        stem: "imagenet", a convolution 7x7 and a max pool that leave a quarter of the height and width, as published; or
            "small", a convolution 3x3 that leaves them whole, for images of 48 pixels (He et al. 2016, section 4.2).
        filters: of the first stage; doubled from stage to stage. Fewer for a quick trial.
    Raises InputError: an unknown stem.
    """
    if stem not in STEMS:
        raise InputError(f"resnet18 has no stem '{stem}'; choose one of {', '.join(STEMS)}.")
    x = scale(inputs, "torch")
    if stem == "imagenet":
        x = layers.Activation("relu")(_convolve(x, filters, 7, strides=2, name="conv1", norm="bn1"))
        x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
    else:
        x = layers.Activation("relu")(_convolve(x, filters, 3, name="conv1", norm="bn1"))
    for stage in range(4):
        for block in range(2):
            strides = 2 if stage > 0 and block == 0 else 1
            x = _residual(x, filters * 2**stage, strides, f"layer{stage + 1}.{block}")
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dense(classes, activation="softmax", dtype="float32", name="fc")(x)


def load_torchvision_weights(model, path):
    """Gives a ResNet-18 the weights of torchvision's `.pth` file.

    The kernels of the first convolution are summed over the colors where it takes gray images. A first convolution or a
    last layer of other measures (stem="small", other classes) keeps what it has.

    Args:
        model: keras.Model of `resnet18`.
        path: the file.
    Returns: list of the layers that were given weights.
    Raises InputError: it is unreadable, or of another architecture.
    """
    saved, taken = torch_weights.read(path), []
    for layer in (layer for layer in model.layers if layer.weights):
        arrays = _arrays(saved, layer, path)
        if [a.shape for a in arrays] == [tuple(w.shape) for w in layer.weights]:
            layer.set_weights(arrays)
            taken.append(layer)
        elif layer.name not in ("conv1", "fc"):
            raise InputError(f"{path}: not weights of resnet18 with these options; {layer.name} differs.")
    return taken


def _arrays(saved, layer, path):
    try:
        arrays = torch_weights.arrays_of(saved, layer)
    except KeyError as error:
        raise InputError(f"{path}: no weights of torchvision's resnet18; it has no {error.args[0]}.") from error
    gray = layer.name == "conv1" and layer.kernel.shape[2] == 1
    return [arrays[0].sum(axis=2, keepdims=True)] if gray else arrays


def _residual(x, filters, strides, name):
    shortcut = x
    if strides > 1 or x.shape[-1] != filters:
        shortcut = _convolve(x, filters, 1, strides, name=f"{name}.downsample.0", norm=f"{name}.downsample.1")
    x = layers.Activation("relu")(_convolve(x, filters, 3, strides, name=f"{name}.conv1", norm=f"{name}.bn1"))
    x = _convolve(x, filters, 3, name=f"{name}.conv2", norm=f"{name}.bn2")
    return layers.Activation("relu")(layers.Add()([x, shortcut]))


def _convolve(x, filters, kernel, strides=1, name=None, norm=None):
    # Padded as PyTorch does, evenly: Keras's "same" pads an even image on its right and lower side only.
    x = layers.ZeroPadding2D(kernel // 2)(x) if kernel > 1 else x
    x = layers.Conv2D(filters, kernel, strides, use_bias=False, kernel_initializer="he_normal", name=name)(x)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=norm)(x)
