"""Several devices of one machine that train one network together."""

from fer_tf.backend import keras
from fer_tf.backend import tensorflow as tf
from fer_tf.errors import InputError


def distribute(count, kind="GPU"):
    """Has the networks that this process builds from now on train on several devices, each on its share of every batch.

    The gradients are summed, so a training is the one of a single device but for rounding; batch norm alone normalizes by
    what its own device sees of a batch. Source: https://www.tensorflow.org/guide/distributed_training#mirroredstrategy

    Args:
        count: int, devices, the first ones of their kind.
        kind: "GPU", or "CPU" where TensorFlow was given several logical ones.
    Raises InputError: TensorFlow finds fewer of them.
    """
    found = tf.config.list_logical_devices(kind)
    if len(found) < count:
        raise InputError(
            f"gpus is {count}, and TensorFlow finds {len(found)} here ({kind}). Set gpus to 1 or leave it out."
        )
    devices = [f"{kind}:{number}" for number in range(count)]
    tf.distribute.experimental_set_strategy(tf.distribute.MirroredStrategy(devices))
    keras.Model.predict_on_batch = _first_answers


_ANSWERS = keras.Model.predict_on_batch


def _first_answers(model, images):
    """Keras 3.15 has every device predict a whole array, and returns one device's answers after the other's."""
    return _ANSWERS(model, images)[: len(images)]
