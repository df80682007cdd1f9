"""A network within five million parameters that two cores train in some hours: VGG's convolutions, no dense layers."""

from keras import layers

from fer_tf.models.input_layers import resize

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (384, 384))
"""Filters of the convolutions of each block; a max pool stands between two blocks."""


def compact(inputs, classes, size=40, blocks=BLOCKS, block_dropout=0.1, dropout=0.4):
    """Blocks of Conv 3x3, batch norm and ReLU, with max pool and dropout between; global average pooling; the softmax.

    In the manner of VGG (Simonyan and Zisserman 2015), with batch norm and without its dense layers. At 40x40x1 and seven
    classes it has 3,951,559 trainable parameters and takes 351 million multiplications.

    Args:
        size: pixels of a side that images are resized to inside; None leaves them.
        blocks: filters of each block's convolutions.
        block_dropout: dropped share after each block.
        dropout: dropped share before the softmax.
    """
    x = layers.Rescaling(1 / 127.5, offset=-1)(resize(inputs, size))
    for number, filters in enumerate(blocks):
        x = layers.Dropout(block_dropout)(layers.MaxPooling2D()(x)) if number else x
        for count in filters:
            x = layers.Conv2D(count, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
            x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Dropout(dropout)(layers.GlobalAveragePooling2D()(x))
    return layers.Dense(classes, activation="softmax", dtype="float32")(x)
