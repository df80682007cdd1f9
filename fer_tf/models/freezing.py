"""Which layers of a network a training may change."""

import numpy as np
from keras import layers

from fer_tf.errors import InputError
from fer_tf.models.initial_weights import is_new, with_weights


def set_trainable(model, what, batch_norm=False):
    """Chooses which layers a training changes. Call it before the model is compiled.

    Args:
        model: keras.Model of `build`.
        what: "head", the layers that are no part of the base (of a network without a base, its last layer); "all"; or an
            int, the head and as many of the base's last layers that have weights, its batch norms not counted.
        batch_norm: train the batch norms of the trained part of the base too. By default they stay as they are, and
            normalise by their saved averages in training as well: small batches would spoil what ImageNet taught them.
            Those that never saw a batch, of a base with random weights, are always trained with the layers around them.

    Returns:
        The same model. What is frozen stays so in a saved file.

    Raises:
        InputError: an unknown choice, or more layers than the base has.

    Batch norm while fine-tuning: Keras's guide "Transfer learning and fine-tuning".
    """
    new = is_new(model)
    base = [layer for layer in with_weights(model) if not new(layer)]
    counted = [layer for layer in base if not _is_norm(layer)]
    count = _count(model, what, len(counted))
    frozen_before = base.index(counted[-count]) if 0 < count < len(counted) else len(base) * (count == 0)
    for layer in model.layers:
        layer.trainable = True
    for place, layer in enumerate(base):
        rests = _is_norm(layer) and not batch_norm and not _is_fresh(layer)
        layer.trainable = place >= frozen_before and not rests
    return model


def _count(model, what, most):
    choices = {"head": 0, "all": most}
    count = choices.get(what) if isinstance(what, str) else what
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= most:
        raise InputError(
            f"cannot train {what!r} of {model.name}; give 'head', 'all', or how many of its last {most} layers."
        )
    return count


def _is_norm(layer):
    return isinstance(layer, layers.BatchNormalization)


def _is_fresh(norm):
    return not np.any(norm.moving_mean) and np.all(np.asarray(norm.moving_variance) == 1)
