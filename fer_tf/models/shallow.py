"""The shallow baseline of the AffectNet study: five convolutions and one linear layer."""

from keras import layers


def shallow(inputs, classes, filters=(16, 32, 64, 128, 256), open_end=False):
    """The network's layers from an image in 0-255 to class probabilities.

    Five convolutions 3x3 with zero padding, each followed by ReLU and a 2x2 max pool; then one linear layer. The study
    prints no numbers of filters, and one reading of its text has neither ReLU nor pooling after the last convolution.

    Args:
        inputs: Keras tensor (n, h, w, c), values 0 to 255; h and w at least 2 to the number of convolutions.
        filters: of each convolution.
        open_end: leave ReLU and pooling out after the last convolution.
    """
    x = layers.Rescaling(1 / 255)(inputs)
    for number, count in enumerate(filters, start=1):
        x = layers.Conv2D(count, 3, padding="same")(x)
        if not (open_end and number == len(filters)):
            x = layers.MaxPooling2D()(layers.Activation("relu")(x))
    x = layers.Flatten()(x)
    return layers.Dense(classes, activation="softmax", dtype="float32")(x)
