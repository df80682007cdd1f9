"""ResNet-18 (He et al. 2016), in the layout of torchvision: a first convolution and four stages of two residual blocks."""

from keras import layers

# The mean and deviation of ImageNet's red, green and blue, of values in 0-1, that the published weights were trained with.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

STEMS = ("imagenet", "small")


def resnet18(inputs, classes, stem="imagenet", filters=64):
    """The network's layers from an image in 0-255 to class probabilities.

    A grey image enters the first convolution as one channel. At 1,000 classes and three channels it has the 11,689,512
    trainable parameters of torchvision's resnet18.

    Args:
        inputs: Keras tensor (n, h, w, 1 or 3), values 0 to 255.
        classes: number of classes.
        stem: "imagenet", a convolution 7x7 and a max pool that leave a quarter of the height and width, as published; or
            "small", a convolution 3x3 that leaves them whole, for images of 48 pixels (He et al. 2016, section 4.2).
        filters: of the first stage; doubled from stage to stage. Fewer for a quick trial.

    Returns:
        Keras tensor (n, classes), float32 probabilities.

    Raises:
        ValueError: an unknown stem.
    """
    if stem not in STEMS:
        raise ValueError(f"unknown stem '{stem}', choose one of {', '.join(STEMS)}")
    x = _standardise(inputs)
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


def _standardise(inputs):
    if inputs.shape[-1] == 3:
        mean, deviation = MEAN, DEVIATION
    else:
        mean, deviation = (sum(MEAN) / 3,), (sum(DEVIATION) / 3,)
    return layers.Normalization(mean=[255 * m for m in mean], variance=[(255 * d) ** 2 for d in deviation])(inputs)
