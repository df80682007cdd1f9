"""Which layers of a network a training may change."""

import numpy as np

from fer_tf.errors import InputError

HEAD_PREFIXES = ("head_", "adjust_")
"""How the names of the layers begin that do not belong to a pretrained backbone."""


def set_trainable(model, what, batch_norm=False):
    """Chooses which layers a training changes. Call it before the model is compiled.

    Args:
        model: keras.Model of `build`.
        what: "head", the layers that are no part of the backbone (of a network without a backbone, its last layer); "all"; or an
            int, the head and as many of the backbone's last layers that have weights, its batch norms not counted.
        batch_norm: train the batch norms of the trained part of the backbone too. By default they stay as they are, and
            normalize by their saved averages in training as well: small batches would spoil what ImageNet taught them.
            Those that never saw a batch, of a base with random weights, are always trained with the layers around them.
    Returns: The same model. What is frozen stays so in a saved file.
    Raises InputError: an unknown choice, or more layers than the backbone has.

    Batch norm while fine-tuning: Keras's guide "Transfer learning and fine-tuning".

    Example:
        >>> from fer_tf import models
        >>> model = set_trainable(models.load_pretrained("five_layer"), "head")
        >>> [layer.name for layer in model.layers if layer.trainable_weights]
        ['dense_2']
    """
    backbone = [layer for layer in with_weights(model) if not is_head(model, layer)]
    counted = [layer for layer in backbone if not _is_norm(layer)]
    count = _count(model, what, len(counted))
    frozen_before = backbone.index(counted[-count]) if 0 < count < len(counted) else len(backbone) * (count == 0)
    for layer in model.layers:
        layer.trainable = True
    for place, layer in enumerate(backbone):
        rests = _is_norm(layer) and not batch_norm and not _is_fresh(layer)
        layer.trainable = place >= frozen_before and not rests
    return model


def with_weights(model):
    """The layers of a network that have weights, from the input on."""
    return [layer for layer in model.layers if layer.weights]


def is_head(model, layer):
    """Whether a layer of a `models.build` network belongs to its head, not to a backbone that was trained elsewhere.

    In a network without such a backbone the head is the last layer.
    """
    if any(other.name.startswith(HEAD_PREFIXES) for other in model.layers):
        return layer.name.startswith(HEAD_PREFIXES)
    return layer is model.layers[-1]


def _count(model, what, most):
    choices = {"head": 0, "all": most}
    count = choices.get(what) if isinstance(what, str) else what
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= most:
        raise InputError(f"cannot train {what!r} of {model.name}; give 'head', 'all', or a number up to {most}.")
    return count


def _is_norm(layer):
    from keras import layers

    return isinstance(layer, layers.BatchNormalization)


def _is_fresh(norm):
    return not np.any(norm.moving_mean) and np.all(np.asarray(norm.moving_variance) == 1)
