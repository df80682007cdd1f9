"""One call that trains a network by names: what notebook 02 writes out, for notebooks that train many.

A training is a function of its arguments: batches, dropout and schedule follow from (seed, epoch), so that one that was
interrupted ends as the one that was not. It never sees the test split.
"""

import numpy as np
import pandas as pd
from sklearn.utils.class_weight import compute_class_weight

from fer_tf import documents, hashing
from fer_tf.backend import keras
from fer_tf.backend import tensorflow as tf
from fer_tf.errors import InputError, TestSplitError
from fer_tf.training import oversampling
from fer_tf.training.batches import arrays
from fer_tf.training.checkpoint import Checkpoint, EpochLog
from fer_tf.training.optimizers import callbacks, jit_compile, learning_rate_schedule, optimizer

tf.get_logger().setLevel("ERROR")  # TensorFlow 2.21 warns of retracing from the fifth model of a process on


def make_deterministic(seed, threads=None):
    """Fixes every source of chance in Keras, NumPy and TensorFlow. Call it first: threads cannot be changed later.

    Args:
        threads: how many threads TensorFlow computes with; None leaves its choice. Results differ between counts.
    Raises InputError: TensorFlow computes already, and with another number of threads.

    Example:
        >>> make_deterministic(seed=0)
        >>> one = keras.random.normal((3,))
        >>> make_deterministic(seed=0)
        >>> bool((one == keras.random.normal((3,))).numpy().all())
        True
    """
    if documents.out_of_range({"seed": seed, "threads": threads}):
        raise InputError(f"{documents.out_of_range({'seed': seed, 'threads': threads})}.")
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    if threads:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
        except RuntimeError as error:
            raise InputError(f"{threads} threads: too late to set. Restart the kernel and run from the top.") from error


def balanced_class_weight(labels, classes):
    """Weights that give every class the same share of the loss: n / (k * images of the class).

    Args:
        labels: int array (n,).
        classes: tuple of the k class names.
    Returns: dict class index -> float, the argument `class_weight` of `keras.Model.fit`.
    Raises InputError: a class has no image.

    scikit-learn's `compute_class_weight("balanced")`; King and Zeng 2001.

    Example:
        >>> balanced_class_weight(np.array([0, 0, 0, 1]), ("happy", "sad"))
        {0: 0.6666666666666666, 1: 2.0}
    """
    counts = np.bincount(labels, minlength=len(classes))
    if empty := [name for name, count in zip(classes, counts, strict=True) if count == 0]:
        raise InputError(
            f"no training image of {', '.join(empty)}: a class weight needs at least one. Add images or drop the class."
        )
    index = np.arange(len(classes))
    return dict(enumerate(compute_class_weight("balanced", classes=index, y=labels).tolist()))


def compile_model(model, name="adam", learning_rate=0.001, weight_decay=0.0, label_smoothing=0.0):
    """Compiles a model for categorical cross-entropy with one-hot labels, and accuracy.

    Args:
        model: keras.Model giving probabilities (n, k).
        name, learning_rate, weight_decay: see `optimizer`.
        label_smoothing: share of the probability spread over all classes, 0 to 1.
    Raises InputError: an unknown optimizer.
    """
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)
    model.compile(optimizer(name, learning_rate, weight_decay), loss, metrics=["accuracy"], jit_compile=jit_compile())


def fit(
    model,
    train,
    validation,
    folder,
    epochs,
    batch_size=64,
    augmentation="none",
    balance="none",
    class_weight=False,
    optimizer="adam",
    learning_rate=0.001,
    schedule="constant",
    weight_decay=0.0,
    label_smoothing=0.0,
    early_stopping=0,
    keep="best",
    seed=0,
    key="",
):
    """Trains a model, keeps its best weights by validation accuracy, and goes on where an interrupted training stopped.

    Args:
        model: keras.Model from `models.build`; left with the weights that are kept.
        train, validation: `Dataset`s without a test image.
        folder: where history.csv and the checkpoint lie.
        epochs: passes over the training images.
        batch_size, augmentation, balance: see `oversampling.batches`.
        class_weight: weight the loss by `balanced_class_weight`.
        optimizer, learning_rate, weight_decay, label_smoothing: see `compile_model`.
        schedule: see `learning_rate_schedule`.
        early_stopping: see `callbacks`.
        keep, seed: see `Checkpoint`.
        key: str, what else decides the training, such as the fingerprint of the run: a checkpoint is resumed only by a
            call with the same key, settings, data and initial weights.
    Returns: DataFrame, the history; see `EpochLog`.
    Raises TestSplitError: one of the datasets holds a test image.
    Raises InputError: an empty dataset or class, a class that the model lacks, an unknown name, or classes that are to
        be balanced both by oversampling and by weights.
    """
    if documents.out_of_range(locals()):
        raise InputError(f"{documents.out_of_range(locals())}.")
    settings = [epochs, batch_size, augmentation, balance, class_weight, optimizer, learning_rate, schedule]
    settings += [weight_decay, label_smoothing, early_stopping, keep, seed]
    check_data(model, train, validation)
    if class_weight and balance != "none":
        raise InputError(f"class_weight and balance '{balance}' both make up for rare classes. Choose one of them.")
    channels = model.input_shape[-1]
    batches = oversampling.batches(train, batch_size, channels, augmentation, seed, balance)
    rate = learning_rate_schedule(schedule, learning_rate, epochs * len(batches))
    compile_model(model, optimizer, rate, weight_decay, label_smoothing)
    log, watching = EpochLog(folder, epochs), callbacks(schedule, early_stopping)
    key = hashing.digest(key, settings, train.hash, validation.hash, weights_hash(model), _architecture(model))
    checkpoint = Checkpoint(folder, key, batches, log, watching, seed, keep)
    model.fit(
        batches,
        epochs=epochs,
        initial_epoch=checkpoint.resume(model),
        shuffle=False,
        validation_data=arrays(validation, channels),
        validation_batch_size=256,
        class_weight=balanced_class_weight(train.labels, train.classes) if class_weight else None,
        callbacks=[*watching, log, checkpoint],
        verbose=0,
    )
    checkpoint.restore(model)
    return log.history


def _architecture(model):
    """The kinds and settings of a model's layers, in order, without their names, which Keras numbers."""
    if not hasattr(model, "layers"):
        settings = {name: value for name, value in model.get_config().items() if name not in ("name", "dtype")}
        return [type(model).__name__, settings]
    return [_architecture(layer) for layer in model.layers]


def check_data(model, train, validation):
    """Refuses `Dataset`s that a model's training must not, or cannot, be given.

    Raises TestSplitError: one of them holds an image of the test split.
    Raises InputError: one is empty, or has other classes or another size than the model.
    """
    for role, dataset in (("training", train), ("validation", validation)):
        if "test" in set(np.asarray(dataset.splits).tolist()):
            raise TestSplitError(
                f"{dataset.name}: the {role} data hold images of the test split. Nothing may be chosen by it; "
                f"give dataset.split('train') and dataset.split('validation')."
            )
        if len(dataset) == 0:
            raise InputError(f"{dataset.name}: no {role} images. Prepare the dataset with such a split.")
        classes, size = len(dataset.classes), dataset.images.shape[1:3]
        if model.output_shape[-1] != classes:
            raise InputError(
                f"{dataset.name} has {classes} classes, the model {model.output_shape[-1]}; build it with as many."
            )
        if dataset.classes != train.classes:
            raise InputError(
                f"{dataset.name} has the classes {dataset.classes}, expected those of {train.name} in order."
            )
        if tuple(model.input_shape[1:3]) != size:
            raise InputError(
                f"{dataset.name} has images of {size[0]}x{size[1]} pixels and the model takes "
                f"{model.input_shape[1]}x{model.input_shape[2]}; build it with that input_shape."
            )


def join_histories(histories):
    """The histories of a training's phases as one.

    Args:
        histories: dict, name of a phase -> DataFrame of `EpochLog`; a phase without an epoch is left out.
    Returns: DataFrame with the column phase in front; epochs are counted through. An InputError where no phase has one.
    """
    parts = [history.assign(phase=name) for name, history in histories.items() if len(history)]
    if not parts:
        raise InputError("no phase of the training has an epoch. Give one of them some.")
    joined = pd.concat(parts, ignore_index=True)
    joined["epoch"] = np.arange(1, len(joined) + 1)
    return joined[["phase", *(column for column in joined if column != "phase")]]


def weights_hash(model):
    """SHA-256 hex digits of a model's weights, the state of its seed generators left out."""
    weights = (weight for weight in model.weights if "seed_generator" not in weight.path)
    return hashing.digest(*map(keras.ops.convert_to_numpy, weights))
