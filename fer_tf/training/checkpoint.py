"""Two callbacks: a log of the epochs, and a checkpoint from which an interrupted training ends as if it never was.

Keras's BackupAndRestore (3.15) keeps weights, optimizer and epoch only. Here the batches and every seed generator follow
from (seed, epoch), and callbacks that count epochs are brought up to date by replaying the history to them.
"""

import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from fer_tf import documents
from fer_tf.backend import keras
from fer_tf.errors import InputError, choose
from fer_tf.paths import writing


class EpochLog(keras.callbacks.Callback):
    """Prints a line for each epoch, and keeps the history as a table and in history.csv.

    Args:
        folder: Path where history.csv lies.
        epochs: of the whole training.
    Attributes:
        history: DataFrame, one row per epoch: epoch (from 1), loss, accuracy, val_loss, val_accuracy, seconds,
            learning_rate (at its end).
    """

    def __init__(self, folder, epochs):
        super().__init__()
        self.folder, self.epochs, self.history = Path(folder), epochs, pd.DataFrame()

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self.started
        row = {"epoch": epoch + 1, **{name: float(value) for name, value in logs.items()}, "seconds": round(seconds, 2)}
        row["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.history = pd.concat([self.history, pd.DataFrame([row])], ignore_index=True)
        with writing(self.folder / "history.csv") as part:
            self.history.to_csv(part, index=False)
        print(
            f"epoch {epoch + 1}/{self.epochs}  loss {row['loss']:.4f}  accuracy {row['accuracy']:.4f}  "
            f"validation loss {row['val_loss']:.4f}  accuracy {row['val_accuracy']:.4f}{' *' if self.is_best else ''}  "
            f"{seconds:.0f} s",
            flush=True,
        )

    @property
    def is_best(self):
        """Whether the last epoch beats all before it on the validation split."""
        accuracy = self.history["val_accuracy"]
        return len(accuracy) == 1 or accuracy.iloc[-1] > accuracy.iloc[:-1].max()


class Checkpoint(keras.callbacks.Callback):
    """Keeps the best weights and what a resumed training needs, in checkpoint.npz, after every epoch.

    Give it to `fit` after the callbacks that it replays and after the log. A training that is over leaves its history and
    the kept weights alone, a quarter of that.

    Args:
        folder: Path where checkpoint.npz lies.
        key: str, the run's fingerprint: parameters, data and code. A checkpoint with another key is not resumed.
        batches: `Batches`, whose epoch it sets.
        log: `EpochLog` of the same training.
        callbacks: those that count epochs, such as early stopping.
        seed: int, of dropout and all other seed generators.
        keep: "best", the weights of the epoch with the best validation accuracy, or "last".
    Raises InputError: another word for `keep`.
    """

    def __init__(self, folder, key, batches, log, callbacks=(), seed=0, keep="best"):
        super().__init__()
        self.folder, self.key, self.batches, self.log = Path(folder), key, batches, log
        self.replayed, self.seed, self.keep = callbacks, seed, choose("epoch to keep", keep, ("best", "last"))
        self.best_weights = None

    def resume(self, model):
        """Brings a compiled model to where the checkpoint stopped.

        Returns: int, the `initial_epoch` of `fit`: 0 without a checkpoint of this key, all epochs for a training that
            is over.
        Raises InputError: the checkpoint is damaged.
        """
        saved = _read(self.folder / "checkpoint.npz")
        if saved is None or str(saved.get("key")) != self.key:
            return 0
        epoch = int(saved["epochs_done"])
        self.log.history = pd.DataFrame({name[8:]: saved[name] for name in saved if name.startswith("history/")})
        self.best_weights = [saved[f"kept/{i}"] for i in range(len(model.weights))]
        print(f"resumed after epoch {epoch} of {self.log.epochs}", flush=True)
        if epoch == self.log.epochs or saved["ended"]:
            return self.log.epochs
        model.set_weights([saved[f"weights/{i}"] for i in range(len(model.weights))])
        model.optimizer.build(model.trainable_variables)
        for i, variable in enumerate(model.optimizer.variables):
            variable.assign(saved[f"optimizer/{i}"])
        return epoch

    def restore(self, model):
        """Gives the model the weights that were kept."""
        if self.best_weights is not None:
            model.set_weights(self.best_weights)

    def on_train_begin(self, logs=None):
        # The callbacks reset themselves here: replay the saved history to them, then restore the optimizer.
        before = [variable.numpy() for variable in self.model.optimizer.variables]
        for row in self.log.history.to_dict("records"):
            for callback in self.replayed:
                callback.on_epoch_end(int(row["epoch"]) - 1, dict(row))
        for variable, value in zip(self.model.optimizer.variables, before, strict=True):
            variable.assign(value)

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.epoch = epoch
        for i, layer in enumerate(self.model._flatten_layers(include_self=False, recursive=True)):
            if generator := getattr(layer, "seed_generator", None):
                state = np.random.SeedSequence((self.seed, epoch, i)).generate_state(2)
                generator.state.assign(state.astype(generator.state.dtype))

    def on_epoch_end(self, epoch, logs=None):
        if self.log.is_best or self.keep == "last":
            self.best_weights = self.model.get_weights()
        ended = self.model.stop_training
        arrays = {f"kept/{i}": weight for i, weight in enumerate(self.best_weights)}
        arrays |= {f"history/{name}": column.to_numpy() for name, column in self.log.history.items()}
        if epoch + 1 < self.log.epochs and not ended:
            arrays |= {f"weights/{i}": weight for i, weight in enumerate(self.model.get_weights())}
            arrays |= {f"optimizer/{i}": variable.numpy() for i, variable in enumerate(self.model.optimizer.variables)}
        with writing(self.folder / "checkpoint.npz") as part:
            np.savez(part, key=self.key, epochs_done=epoch + 1, ended=ended, **arrays)


def _read(path):
    if not path.is_file():
        return None
    if documents.is_damaged_zip(path):
        raise InputError(f"{path}: a damaged checkpoint. Remove it to train from the start.")
    try:
        with np.load(path) as saved:
            return dict(saved)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: unreadable checkpoint ({error}). Remove it to train from the start.") from error
