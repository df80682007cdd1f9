"""What stands before a network: gray made color, an image brought to the size and the values that the base was trained with.

All of it are layers inside the model, so that it takes images in 0-255 and there is no preprocessing to forget.
"""

from keras import layers, ops, saving

from fer_tf.errors import InputError

# The mean and deviation of ImageNet's red, green and blue, of values in 0-1; and the mean of its blue, green and red in
# 0-255, which the networks of Caffe's time subtract.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CAFFE_MEAN = (103.939, 116.779, 123.68)


@saving.register_keras_serializable(package="fer_tf", name="RepeatGrey")  # the name in saved files
class RepeatGray(layers.Layer):
    """Repeats the one channel of gray images three times: (n, h, w, 1) to (n, h, w, 3)."""

    def call(self, inputs):
        return ops.repeat(inputs, 3, axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 3)


@saving.register_keras_serializable(package="fer_tf")
class BlueGreenRed(layers.Layer):
    """Turns the order of the channels round, from red, green, blue to blue, green, red."""

    def call(self, inputs):
        return ops.flip(inputs, axis=-1)


@saving.register_keras_serializable(package="fer_tf")
class Resize(layers.Layer):
    """Images resized to `size` x `size` pixels, bilinear, and smoothed first where they shrink.

    Used in place of `keras.layers.Resizing`: with that layer (Keras 3.15) a model that is called without the argument
    `training` runs in training mode, so that the batch norms after it mix the images of a batch.
    """

    def __init__(self, size, **values):
        super().__init__(**values)
        self.size = size

    def call(self, inputs):
        return ops.image.resize(inputs, (self.size, self.size), interpolation="bilinear", antialias=True)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.size, self.size, input_shape[3])

    def get_config(self):
        return {**super().get_config(), "size": self.size}


def color(x):
    """Images with three channels: gray ones repeated, others as they are."""
    return RepeatGray(dtype="float32")(x) if x.shape[-1] == 1 else x


def resize(x, size, minimum=1):
    """Images of `size` x `size` pixels, bilinear; None leaves them as they are.

    Raises InputError: they are then smaller than `minimum`, the least that the network takes.
    """
    if size is not None:
        if size < minimum:
            raise InputError(f"size={size} is too small: this network takes at least {minimum}. Give a larger size.")
        return Resize(size, dtype="float32")(x) if x.shape[1:3] != (size, size) else x
    height, width = x.shape[1:3]
    if min(height, width) < minimum:
        raise InputError(
            f"images of {height}x{width} are too small: give this network the option size={minimum} or more."
        )
    return x


def scale(x, convention):
    """Values in 0-255 as a base's own training had them.

    Args:
        x: Keras tensor (n, h, w, c).
        convention: "tf", -1 to 1; "torch", less ImageNet's mean and divided by its deviation; "caffe", blue, green, red
            less their mean; "inside", for a base that scales by itself.
    """
    if convention == "tf":
        return layers.Rescaling(1 / 127.5, offset=-1, dtype="float32")(x)
    if convention == "torch":
        gray = x.shape[-1] == 1
        mean, deviation = ((sum(of) / 3,) if gray else of for of in (MEAN, DEVIATION))
        variance = [(255 * d) ** 2 for d in deviation]
        return layers.Normalization(mean=[255 * m for m in mean], variance=variance, dtype="float32")(x)
    if convention == "caffe":
        return layers.Rescaling(1, offset=[-m for m in CAFFE_MEAN], dtype="float32")(BlueGreenRed(dtype="float32")(x))
    return x
