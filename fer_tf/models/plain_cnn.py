"""The plain CNN of the three-dataset comparison: blocks of one convolution, and a wide dense head."""

from keras import layers


def plain_cnn(inputs, classes, filters=(64, 128, 256, 512), block_dropout=0.25, dense_dropout=0.5):
    """The network's layers from an image in 0-255 to class probabilities.

    Blocks of Conv 3x3, batch norm, ReLU, max pool and dropout; flatten; Dense 512, batch norm, ReLU and dropout, twice;
    then the softmax. The study prints the kinds of layers and both dropouts, not how many blocks or filters there were.

    Args:
        inputs: Keras tensor (n, h, w, c), values 0 to 255; h and w at least 2 to the number of blocks.
        filters: filters of each block's convolution; as many blocks as there are numbers.
        block_dropout: dropped share after each block.
        dense_dropout: dropped share after each dense layer.
    """
    x = layers.Rescaling(1 / 255)(inputs)
    for count in filters:
        x = _normalize(layers.Conv2D(count, 3, padding="same")(x))
        x = layers.MaxPooling2D()(x)
        x = layers.Dropout(block_dropout)(x)
    x = layers.Flatten()(x)
    for _ in range(2):
        x = _normalize(layers.Dense(512)(x))
        x = layers.Dropout(dense_dropout)(x)
    return layers.Dense(classes, activation="softmax", dtype="float32")(x)


def _normalize(x):
    return layers.Activation("relu")(layers.BatchNormalization()(x))
