"""Training a network: class weights, optimizer and schedule, and a fit that keeps the best weights and can be resumed.

A training is a function of its arguments: batches, dropout and schedule follow from (seed, epoch), so that one that was
interrupted ends as the one that was not. It never sees the test split; `fit` refuses it.
"""

import hashlib
import json
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.utils.class_weight import compute_class_weight

from fer_tf import models
from fer_tf.backend import keras
from fer_tf.backend import tensorflow as tf
from fer_tf.errors import InputError, TestSplitError
from fer_tf.paths import writing
from fer_tf.training import oversampling
from fer_tf.training.augmentation import recipe, with_channels
from fer_tf.training.optimizers import RectifiedAdam

OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": lambda **given: keras.optimizers.SGD(momentum=0.9, nesterov=True, **given),
    "rmsprop": keras.optimizers.RMSprop,
    "radam": RectifiedAdam,
}
tf.get_logger().setLevel("ERROR")  # or it warns of every network after the fourth that a new one is traced anew

SCHEDULES = ("constant", "one_cycle", "cosine", "plateau")


def make_deterministic(seed, threads=None):
    """Fixes every source of chance in Keras, NumPy and TensorFlow. Call it first: threads cannot be changed later.

    Args:
        seed: int.
        threads: how many threads TensorFlow computes with; None leaves its choice. Results differ between counts.
    """
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    if threads:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
        except RuntimeError as error:
            raise InputError(
                f"{threads} threads were asked for too late: restart the kernel and run from the top."
            ) from error


def class_weights(labels, classes):
    """Weights that give every class the same say: n / (k * images of the class).

    Args:
        labels: int array (n,).
        classes: tuple of the k class names.

    Returns:
        dict class index -> float.

    Raises:
        InputError: a class has no image.

    scikit-learn's `compute_class_weight("balanced")`; King and Zeng 2001.
    """
    counts = np.bincount(labels, minlength=len(classes))
    if empty := [name for name, count in zip(classes, counts, strict=True) if count == 0]:
        raise InputError(
            f"no training image of {', '.join(empty)}: a class weight needs at least one. Add images or drop the class."
        )
    index = np.arange(len(classes))
    return dict(enumerate(compute_class_weight("balanced", classes=index, y=labels).tolist()))


def learning_rates(schedule, learning_rate, steps):
    """What the optimizer takes as its learning rate.

    Args:
        schedule: "constant" and "plateau" (halved when the validation loss rests for three epochs) start at
            `learning_rate`; "cosine" falls from it to zero; "one_cycle" climbs to it for 30% of the training and falls
            to zero (Smith and Topin 2018, without the cycle of the momentum).
        learning_rate: the highest rate.
        steps: batches in the whole training.

    Returns:
        float or keras.optimizers.schedules.LearningRateSchedule.

    Raises:
        InputError: an unknown schedule.
    """
    cosine = keras.optimizers.schedules.CosineDecay
    if schedule in ("constant", "plateau"):
        return learning_rate
    if schedule == "cosine":
        return cosine(learning_rate, steps)
    if schedule == "one_cycle":
        climb = max(1, round(0.3 * steps))
        return cosine(learning_rate / 25, max(1, steps - climb), warmup_target=learning_rate, warmup_steps=climb)
    raise InputError(f"unknown schedule '{schedule}'; choose one of {', '.join(SCHEDULES)}.")


def compile_model(model, optimizer="adam", learning_rate=0.001, weight_decay=0.0, label_smoothing=0.0):
    """Compiles a model for categorical cross-entropy with one-hot labels, and accuracy.

    Args:
        model: keras.Model giving probabilities (n, k).
        optimizer: a key of `OPTIMIZERS`.
        learning_rate: float or schedule, see `learning_rates`.
        weight_decay: decoupled decay per step, relative to the learning rate; biases and batch norm are left out.
        label_smoothing: share of the probability spread over all classes, 0 to 1.

    Raises:
        InputError: an unknown optimizer.
    """
    if optimizer not in OPTIMIZERS:
        raise InputError(f"unknown optimizer '{optimizer}'; choose one of {', '.join(OPTIMIZERS)}.")
    made = OPTIMIZERS[optimizer](learning_rate=learning_rate, weight_decay=weight_decay)
    made.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)
    # XLA makes a CPU several times slower; on a GPU Keras decides.
    jit = "auto" if _has_gpu() else False
    model.compile(made, loss, metrics=["accuracy"], jit_compile=jit)


def fit(
    model,
    train,
    validation,
    folder,
    epochs,
    batch_size=64,
    augmentation="none",
    optimizer="adam",
    learning_rate=0.001,
    schedule="constant",
    weight_decay=0.0,
    label_smoothing=0.0,
    weighted=False,
    early_stopping=0,
    seed=0,
    balance="none",
    keep="best",
    origin="",
):
    """Trains a model, keeps its best weights by validation accuracy, and goes on where an interrupted training stopped.

    Args:
        model: keras.Model from `models.build`; left with the weights that are kept.
        train, validation: `Dataset`s without a test image.
        folder: where history.csv and the checkpoint lie; one that another call left there is resumed, or, where that
            call was through, returned at once.
        epochs: passes over the training images.
        batch_size: images per step.
        augmentation: recipe name or mapping, see `augmentation.RECIPES`.
        optimizer, learning_rate, weight_decay, label_smoothing: see `compile_model`.
        schedule: see `learning_rates`.
        weighted: weight the loss by `class_weights`.
        early_stopping: stop after this many epochs without a better validation loss; 0 never stops.
        seed: int.
        balance: copies of the smaller classes' images, see `balancing.batches`.
        keep: "best", the weights of the epoch with the best validation accuracy, or "last", where the validation images
            are to judge a training that did not choose by them.
        origin: what the model's weights were before, such as `weights_hash` says; a checkpoint that began from others is
            not resumed. Not needed where they follow from the seed.

    Returns:
        DataFrame, one row per epoch: epoch (from 1), loss, accuracy, val_loss, val_accuracy, learning_rate, seconds.

    Raises:
        TestSplitError: one of the datasets holds a test image.
        InputError: an empty dataset or class, a class that the model lacks, an unknown name, or classes that are to be
            balanced both by copies and by weights.
    """
    _refuse(train, validation, model)
    if weighted and balance != "none":
        raise InputError(f"class_weights and balance '{balance}' both make up for rare classes. Choose one of them.")
    channels = model.input_shape[-1]
    batches = oversampling.batches(train, batch_size, channels, augmentation, seed, balance)
    rates = learning_rates(schedule, learning_rate, epochs * len(batches))
    compile_model(model, optimizer, rates, weight_decay, label_smoothing)
    settings = [
        epochs,
        batch_size,
        recipe(augmentation),
        optimizer,
        learning_rate,
        schedule,
        weight_decay,
        label_smoothing,
        balance,
        keep,
        origin,
    ]
    asked = _fingerprint(model, train, validation, [*settings, weighted, early_stopping, seed])
    progress = Progress(folder, batches, epochs, seed, _rules(schedule, early_stopping), asked, keep)
    images = np.ascontiguousarray(with_channels(np.asarray(validation.images), channels))
    labels = keras.utils.to_categorical(validation.labels, len(validation.classes))
    start = progress.resume(model)
    if start < epochs and not progress.ended_early:
        model.fit(
            batches,
            epochs=epochs,
            initial_epoch=start,
            shuffle=False,
            validation_data=(images, labels),
            validation_batch_size=256,
            class_weight=class_weights(train.labels, train.classes) if weighted else None,
            callbacks=[progress.begin, *progress.rules, progress],
            verbose=0,
        )
    progress.restore_kept(model)
    return progress.history


def fit_in_phases(model, train, validation, folder, phases, seed=0, origin="", **settings):
    """Trains a model in phases, each from the best weights of the one before; goes on in whichever was interrupted.

    Args:
        model: keras.Model from `models.build`; left with the best weights of all phases.
        train, validation: `Dataset`s without a test image.
        folder: where the history of all phases lies, history.csv; their checkpoints lie in parts/<phase>/.
        phases: dict, name -> settings of that phase: `trainable` and `batch_norm`, see `models.set_trainable`; `epochs`, 0
            leaves the phase out; and whatever else of `fit` differs between phases, such as `learning_rate`.
        seed, origin: see `fit`.
        **settings: of `fit`, for all phases.

    Returns:
        DataFrame as of `fit` with the column phase in front; epochs are counted through.

    Raises:
        InputError: no phase has an epoch, or as `fit`.
    """
    folder, histories = Path(folder), []
    kept, best, origin = None, -1.0, origin or weights_hash(model)
    for number, (name, phase) in enumerate(phases.items()):
        phase = dict(phase)
        models.set_trainable(model, phase.pop("trainable"), phase.pop("batch_norm", False))
        if not phase["epochs"]:
            continue
        print(f"{name}: {models.parameter_counts(model)['trainable']:,} trainable parameters", flush=True)
        found = fit(
            model,
            train,
            validation,
            folder / "parts" / name,
            seed=seed + number,
            origin=origin,
            **{**settings, **phase},
        )
        origin = weights_hash(model)
        if found["val_accuracy"].max() > best:
            kept, best = model.get_weights(), found["val_accuracy"].max()
        found.insert(0, "phase", name)
        histories.append(found)
    if not histories:
        raise InputError("no phase of the training has an epoch. Give one of them some.")
    model.set_weights(kept)
    history = pd.concat(histories, ignore_index=True)
    history["epoch"] = np.arange(1, len(history) + 1)
    with writing(folder / "history.csv") as part:
        history.to_csv(part, index=False)
    return history


def weights_hash(model):
    """SHA-256 hex digits of a model's weights, the state of its seed generators left out."""
    digest = hashlib.sha256()
    for weight in model.weights:
        if "seed_generator" not in weight.path:
            digest.update(np.ascontiguousarray(keras.ops.convert_to_numpy(weight)).tobytes())
    return digest.hexdigest()


def predict(model, images, batch_size=256):
    """Class probabilities of images.

    Args:
        model: keras.Model, images (n, h, w, c) in 0-255 to probabilities (n, k).
        images: uint8 or float array (n, h, w, 1 or 3), 0-255; grey is repeated for a model that takes colour.
        batch_size: images at a time.

    Returns:
        float32 array (n, k), rows sum to 1.
    """
    channels = model.input_shape[-1]
    parts = [
        model.predict_on_batch(np.float32(with_channels(np.asarray(images[i : i + batch_size]), channels)))
        for i in range(0, len(images), batch_size)
    ]
    probabilities = np.concatenate(parts).astype(np.float64)
    return (probabilities / probabilities.sum(axis=1, keepdims=True)).astype(np.float32)


class Progress(keras.callbacks.Callback):
    """Tells each epoch, and writes what a resumed training needs: weights, optimizer, history, kept weights.

    A training that is through leaves its history and the kept weights alone, a quarter of that.

    Keras's BackupAndRestore keeps weights, optimizer and epoch only; here the seed generators follow from the epoch, and
    the rules that count epochs (early stopping, plateau) are brought up to date by replaying the history to them.

    Args:
        folder: where history.csv and checkpoint.npz lie.
        batches: `Batches`, told the epoch.
        epochs: of the whole training.
        seed: int.
        rules: callbacks that look at the validation.
        asked: fingerprint of what the training was asked to do; a checkpoint of another one is not resumed.
        keep: "best" or "last", which epoch's weights are kept.

    Raises:
        InputError: another word for `keep`.
    """

    def __init__(self, folder, batches, epochs, seed, rules, asked, keep="best"):
        super().__init__()
        if keep not in ("best", "last"):
            raise InputError(f"unknown epoch to keep '{keep}'; choose best or last.")
        self.folder, self.batches, self.epochs, self.seed, self.rules = Path(folder), batches, epochs, seed, rules
        self.asked, self.keep = asked, keep
        self.history = pd.DataFrame()
        self.kept = None
        self.begin = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs=None: self._begin(epoch))
        self.ended_early = False

    def resume(self, model):
        """Brings `model` to where the checkpoint stopped; returns the number of epochs done, 0 without one."""
        saved = _read_checkpoint(self.folder)
        if saved is None or str(saved["asked"]) != self.asked:
            return 0
        done = int(saved["epochs_done"])
        self.history = pd.DataFrame({key[8:]: saved[key] for key in saved if key.startswith("history/")})
        self.kept = [saved[f"kept/{i}"] for i in range(len(model.weights))]
        self.ended_early = bool(saved["ended"])
        if done < self.epochs and not self.ended_early:
            model.set_weights([saved[f"weights/{i}"] for i in range(len(model.weights))])
            model.optimizer.build(model.trainable_variables)
            for i, variable in enumerate(model.optimizer.variables):
                variable.assign(saved[f"optimizer/{i}"])
        print(f"resumed after epoch {done} of {self.epochs}", flush=True)
        return done

    def on_train_begin(self, logs=None):
        # The rules have just forgotten everything; tell them the past, without letting it change the present.
        now = [v.numpy() for v in self.model.optimizer.variables]
        for row in self.history.to_dict("records"):
            for rule in self.rules:
                rule.on_epoch_end(int(row["epoch"]) - 1, dict(row))
        for variable, value in zip(self.model.optimizer.variables, now, strict=True):
            variable.assign(value)

    def _begin(self, epoch):
        self.batches.epoch = epoch
        self.started = time.perf_counter()
        for i, layer in enumerate(_layers(self.model)):
            if generator := getattr(layer, "seed_generator", None):
                state = np.random.SeedSequence((self.seed, epoch, i)).generate_state(2)
                generator.state.assign(state.astype(generator.state.dtype))

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self.started
        row = {"epoch": epoch + 1, **{k: float(v) for k, v in logs.items()}, "seconds": round(seconds, 2)}
        row["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        better = self.history.empty or row["val_accuracy"] > self.history["val_accuracy"].max()
        self.history = pd.concat([self.history, pd.DataFrame([row])], ignore_index=True)
        if better or self.keep == "last":
            self.kept = self.model.get_weights()
        self._write()
        print(
            f"epoch {epoch + 1}/{self.epochs}  loss {row['loss']:.4f}  accuracy {row['accuracy']:.4f}  "
            f"validation loss {row['val_loss']:.4f}  accuracy {row['val_accuracy']:.4f}{' *' if better else ''}  "
            f"{seconds:.0f} s",
            flush=True,
        )

    def restore_kept(self, model):
        """Gives the model the weights of the epoch that is kept."""
        model.set_weights(self.kept)

    def _write(self):
        ended = self.model.stop_training
        arrays = {f"kept/{i}": w for i, w in enumerate(self.kept)}
        arrays |= {f"history/{name}": column.to_numpy() for name, column in self.history.items()}
        if len(self.history) < self.epochs and not ended:
            arrays |= {f"weights/{i}": w for i, w in enumerate(self.model.get_weights())}
            arrays |= {f"optimizer/{i}": v.numpy() for i, v in enumerate(self.model.optimizer.variables)}
        with writing(self.folder / "checkpoint.npz") as part:
            np.savez(part, asked=self.asked, epochs_done=len(self.history), ended=ended, **arrays)
        with writing(self.folder / "history.csv") as part:
            self.history.to_csv(part, index=False)


def _read_checkpoint(folder):
    path = folder / "checkpoint.npz"
    if not path.is_file():
        return None
    try:
        with np.load(path) as saved:
            return dict(saved)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: unreadable checkpoint ({error}). Remove it to train from the start.") from error


def _fingerprint(model, train, validation, settings):
    # Without the layers' names: Keras numbers them by how many were made before.
    layers = [(type(layer).__name__, {**layer.get_config(), "name": ""}) for layer in model.layers]
    described = [layers, train.hash, validation.hash, settings]
    return hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()


def _layers(model):
    """The layers of a model, those inside its layers too."""
    return model._flatten_layers(include_self=False, recursive=True)


def _rules(schedule, early_stopping):
    rules = []
    if schedule == "plateau":
        rules.append(keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=3))
    if early_stopping:
        rules.append(keras.callbacks.EarlyStopping(monitor="val_loss", patience=early_stopping))
    return rules


def _refuse(train, validation, model):
    for role, dataset in (("training", train), ("validation", validation)):
        if "test" in set(np.asarray(dataset.splits).tolist()):
            raise TestSplitError(
                f"{dataset.name}: the {role} data hold images of the test split. Nothing may be chosen by it; "
                f"give dataset.split('train') and dataset.split('validation')."
            )
        if len(dataset) == 0:
            raise InputError(f"{dataset.name}: no {role} images. Prepare the dataset with such a split.")
        if model.output_shape[-1] != len(dataset.classes):
            raise InputError(
                f"{dataset.name} has {len(dataset.classes)} classes and the model {model.output_shape[-1]}; build it with "
                f"classes={len(dataset.classes)}."
            )
        if tuple(model.input_shape[1:3]) != dataset.images.shape[1:3]:
            raise InputError(
                f"{dataset.name} has images of {dataset.images.shape[1]}x{dataset.images.shape[2]} pixels and the model takes "
                f"{model.input_shape[1]}x{model.input_shape[2]}; build it with that input_shape."
            )


def _has_gpu():
    return bool(tf.config.list_physical_devices("GPU"))
