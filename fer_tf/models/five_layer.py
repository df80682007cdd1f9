"""The five-layer CNN of the class-weighted FER2013 study: four double-convolution blocks and a dense head."""

from keras import layers


def five_layer(inputs, classes, norm_first=False, block_dropout=0.25, dense_dropout=0.5, filters=(32, 64, 128, 256)):
    """The network's layers from an image in 0-255 to class probabilities.

    Blocks of (Conv 3x3, ReLU, batch norm) x 2, max pool and dropout, by default four with 32 to 256 filters; then
    Dense 64, ReLU, batch norm and dropout, twice; then the softmax. At 48x48x3 and seven classes it has the 1,326,567
    trainable and 2,176 non-trainable parameters that the study's printed summary ends with.

    Args:
        inputs: Keras tensor (n, h, w, c), values 0 to 255; h and w at least 2 to the number of blocks.
        norm_first: batch norm before the ReLU (Ioffe and Szegedy 2015) rather than after it (as published).
        block_dropout: dropped share after each block. Not published.
        dense_dropout: dropped share after each dense layer. Not published.
        filters: filters of each block's two convolutions; as many blocks as there are numbers.
    """
    x = layers.Rescaling(1 / 255)(inputs)
    for count in filters:
        for _ in range(2):
            x = _activate(layers.Conv2D(count, 3, padding="same")(x), norm_first)
        x = layers.MaxPooling2D()(x)
        x = layers.Dropout(block_dropout)(x)
    x = layers.Flatten()(x)
    for _ in range(2):
        x = _activate(layers.Dense(64)(x), norm_first)
        x = layers.Dropout(dense_dropout)(x)
    return layers.Dense(classes, activation="softmax", dtype="float32")(x)


def _activate(x, norm_first):
    if norm_first:
        return layers.Activation("relu")(layers.BatchNormalization()(x))
    return layers.BatchNormalization()(layers.Activation("relu")(x))
