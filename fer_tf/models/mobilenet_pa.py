"""The MobileNet of the three-dataset comparison, with a patch-extraction block and an attention block on top."""

from keras import layers

from fer_tf.errors import InputError
from fer_tf.models.transfer import backbone, softmax


def mobilenet_pa(
    inputs, classes, size=None, blocks=13, kernels=(1, 3, 5), filters=128, reduction=4, units=128, dropout=0.5
):
    """MobileNet (Howard et al. 2017), patch extraction, attention; then global average pooling, Dense, dropout, softmax.

    Patch extraction: convolutions of several kernel sizes side by side, their maps concatenated. Attention: the channels
    of an image are rescaled by what its own average over all places says (Hu et al. 2018). Every step looks at one image
    alone: a published version attends across the batch, so that a face's scores depend on its neighbors there.

    Args:
        inputs: Keras tensor (n, h, w, 1 or 3), values 0 to 255.
        classes: number of classes.
        size: pixels of a side that images are resized to inside; None leaves them. At least 32.
        blocks: of MobileNet's 13 depthwise blocks that are kept, from the input on. The maps of an image of 48 pixels are
            2x2 after all of them, 3x3 after 11 and 6x6 after 5.
        kernels: side of each parallel convolution.
        filters: of each parallel convolution.
        reduction: how many times narrower the attention's first Dense layer is than the maps have channels.
        units: of the Dense layer.
        dropout: dropped share before the softmax.

    Returns: Keras tensor (n, classes), float32 probabilities.
    Raises InputError: `blocks` is not 1 to 13, or the images are too small.
    """
    if blocks not in range(1, 14):
        raise InputError(f"mobilenet_pa with blocks={blocks}; MobileNet has 13, give 1 to 13.")
    x = backbone("mobilenet_pa", inputs, size, layer=f"conv_pw_{blocks}_relu")
    x = _attend(_extract_patches(x, kernels, filters), reduction)
    x = layers.GlobalAveragePooling2D(name="head_pool")(x)
    x = layers.Dense(units, activation="relu", name="head_dense")(x)
    x = layers.Dropout(dropout, name="head_dropout")(x)
    return softmax(x, classes)


def _extract_patches(x, kernels, filters):
    def convolve(kernel):
        return layers.Conv2D(filters, kernel, padding="same", activation="relu", name=f"head_patch_{kernel}")(x)

    return layers.Concatenate(name="head_patches")([convolve(kernel) for kernel in kernels])


def _attend(x, reduction):
    channels = x.shape[-1]
    observed = layers.GlobalAveragePooling2D(keepdims=True, name="head_attention_pool")(x)
    observed = layers.Dense(max(1, channels // reduction), activation="relu", name="head_attention_1")(observed)
    weight = layers.Dense(channels, activation="sigmoid", name="head_attention_2")(observed)
    return layers.Multiply(name="head_attention")([x, weight])
