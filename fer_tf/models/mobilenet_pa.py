"""The MobileNet of the three-dataset comparison, with a patch-extraction block and an attention block on top."""

import numpy as np
from keras import layers

from fer_tf.errors import InputError
from fer_tf.models.freezing import is_head
from fer_tf.models.transfer import backbone, softmax

KINDS = {"dw": "depthwise", "pw": "pointwise"}


def mobilenet_pa(
    inputs, classes, size=None, blocks=13, kernels=(1, 3, 5), filters=128, reduction=4, units=128, dropout=0.5
):
    """MobileNet (Howard et al. 2017), patch extraction, attention; then global average pooling, Dense, dropout, softmax.

    Patch extraction: convolutions of several kernel sizes side by side, their maps concatenated. Attention: the channels
    of an image are rescaled by what its own average over all places says (Hu et al. 2018). Every step looks at one image
    alone: a published version attends across the batch, so that a face's scores depend on its neighbors there.

    Args:
        size: pixels of a side that images are resized to inside; None leaves them. At least 32.
        blocks: of MobileNet's 13 depthwise blocks that are kept, from the input on. The maps of an image of 48 pixels are
            2x2 after all of them, 3x3 after 11 and 6x6 after 5.
        kernels: side of each parallel convolution.
        filters: of each parallel convolution.
        reduction: how many times narrower the attention's first Dense layer is than the maps have channels.
        units: of the Dense layer.
        dropout: dropped share before the softmax.
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


def load_quantized_weights(model, path):
    """Gives the MobileNet the weights of a `.tflite` file in 8 bits, dequantized; its head keeps what it has.

    The file's batch norms are folded into kernels and biases. Here a batch norm is the identity plus the bias: it has to
    rest while the network is fine-tuned, as `models.set_trainable` has it.

    Args:
        model: keras.Model of `mobilenet_pa`.
        path: a MobileNet 1.0 without its top.
    Returns: list of the layers that were given weights.
    Raises InputError: it is unreadable, or of another architecture.
    """
    saved = _dequantized(path)
    named = [layer for layer in model.layers if layer.weights and not is_head(model, layer)]
    try:
        for layer in named:
            arrays = saved[_published_name(layer.name)]
            if isinstance(layer, layers.BatchNormalization):
                zeros = np.zeros_like(arrays["bias"])
                layer.set_weights([zeros + 1, arrays["bias"], zeros, zeros + 1 - layer.epsilon])
            else:
                layer.set_weights([arrays["kernel"].transpose(1, 2, 3, 0)])
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: not the published weights of MobileNet 1.0 ({layer.name} differs).") from error
    return named


def _dequantized(path):
    """The weights of a quantized network by name: dict name -> {"kernel": float32 (out, h, w, in), "bias": (out,)}."""
    try:
        from ai_edge_litert.interpreter import Interpreter

        network = Interpreter(str(path))
    except ImportError as error:
        raise InputError(f"{path}: reading it takes ai-edge-litert. Install the extra export.") from error
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{path}: no readable .tflite file. Download it again.") from error
    result = {}
    for entry in network.get_tensor_details():
        kind = "kernel" if "weights_quant" in entry["name"] else "bias" if entry["dtype"] == np.int32 else None
        if kind and len(entry["quantization_parameters"]["scales"]) == 1:
            scale, zero = entry["quantization"]
            numbers = np.float32(scale) * (network.get_tensor(entry["index"]).astype(np.float32) - zero)
            # Such as MobilenetV1/MobilenetV1/Conv2d_1_depthwise/weights_quant/...
            name = next(part for part in entry["name"].split("/") if part.startswith("Conv2d_"))
            result.setdefault(name, {})[kind] = numbers
    return result


def _published_name(name):
    """The published name of Keras's layer or of the convolution before its batch norm: "conv_dw_1_bn", Conv2d_1_depthwise."""
    kind, _, number = name.removesuffix("_bn").removeprefix("conv_").partition("_")
    return f"Conv2d_{number}_{KINDS[kind]}" if number else "Conv2d_0"


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
