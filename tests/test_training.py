"""Training: what it refuses, what it weighs, and that an interrupted one ends as the one that was not."""

import numpy as np
import pytest
from conftest import make_dataset

from fer_tf import models, training
from fer_tf.errors import InputError, TestSplitError

SETTINGS = {"epochs": 3, "batch_size": 4, "augmentation": "strong", "optimizer": "adamw", "learning_rate": 0.003}


@pytest.fixture(scope="module", autouse=True)
def deterministic():
    training.make_deterministic(0)


@pytest.fixture
def faces():
    return make_dataset(size=16)


def new_model():
    training.keras.utils.set_random_seed(0)
    return models.build("five_layer", (16, 16, 1), 3)


def fit(faces, folder, model=None, **changed):
    model = model or new_model()
    history = training.fit(model, faces.split("train"), faces.split("validation"), folder, **{**SETTINGS, **changed})
    return model, history


def test_the_test_split_is_refused_in_training_and_in_validation(faces, tmp_path):
    train, validation, test = (faces.split(name) for name in ("train", "validation", "test"))
    for given in ((test, validation), (train, test), (faces, validation), (train, faces)):
        with pytest.raises(TestSplitError, match="hold images of the test split"):
            training.fit(new_model(), *given, tmp_path, epochs=1)
    assert not list(tmp_path.iterdir())


def test_class_weights_are_inversely_proportional_to_the_counts():
    weights = training.class_weights(np.array([0, 0, 0, 1]), ("often", "rarely"))
    assert weights[1] / weights[0] == pytest.approx(3)
    assert 3 * weights[0] + weights[1] == pytest.approx(4)


def test_an_empty_class_is_named():
    with pytest.raises(InputError, match="no training image of sad"):
        training.class_weights(np.array([0, 1]), ("angry", "happy", "sad"))


def test_class_weights_change_what_is_learned(faces, tmp_path):
    rows = np.flatnonzero((faces.splits == "validation") | (faces.labels != 2) | (np.arange(len(faces)) % 6 == 0))
    uneven = faces.select(rows)
    plain, _ = fit(uneven, tmp_path / "plain", epochs=1)
    weighted, _ = fit(uneven, tmp_path / "weighted", epochs=1, weighted=True)
    assert any(not np.array_equal(a, b) for a, b in zip(plain.get_weights(), weighted.get_weights(), strict=True))


@pytest.mark.parametrize("schedule", ["one_cycle", "plateau"])
def test_a_resumed_training_ends_exactly_as_an_uninterrupted_one(faces, tmp_path, monkeypatch, schedule):
    whole, history = fit(faces, tmp_path / "whole", schedule=schedule)
    write = training.Progress._write

    def interrupt(self):
        write(self)
        if len(self.history) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(training.Progress, "_write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fit(faces, tmp_path / "parts", schedule=schedule)
    monkeypatch.undo()
    resumed, other = fit(faces, tmp_path / "parts", schedule=schedule)
    for one, two in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    columns = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"]
    np.testing.assert_allclose(history[columns], other[columns], rtol=0, atol=0)


def test_a_finished_training_is_not_trained_again_and_a_changed_one_starts_anew(faces, tmp_path, capsys):
    fit(faces, tmp_path)
    capsys.readouterr()
    fit(faces, tmp_path)
    assert "resumed after epoch 3 of 3" in capsys.readouterr().out
    fit(faces, tmp_path, learning_rate=0.001)
    told = capsys.readouterr().out
    assert "resumed" not in told and "epoch 1/3" in told


def test_the_best_weights_by_validation_are_kept(faces, tmp_path):
    model, history = fit(faces, tmp_path, epochs=4)
    validation = faces.split("validation")
    accuracy = (training.predict(model, validation.images).argmax(axis=1) == validation.labels).mean()
    assert accuracy == pytest.approx(history["val_accuracy"].max())


def test_early_stopping_ends_a_training_that_gets_no_better(faces, tmp_path):
    _, history = fit(faces, tmp_path, epochs=30, early_stopping=1, learning_rate=1.0, optimizer="sgd")
    assert len(history) < 30
    _, again = fit(faces, tmp_path, epochs=30, early_stopping=1, learning_rate=1.0, optimizer="sgd")
    assert len(again) == len(history)


def test_a_network_learns_classes_that_differ(tmp_path):
    faces = make_dataset(per_class=24, size=16, splits=(16, 4, 4))
    model = models.build("five_layer", (16, 16, 1), 3, block_dropout=0.0, dense_dropout=0.0)
    _, history = fit(faces, tmp_path, model, epochs=8, batch_size=12, augmentation="none")
    # By the training's own accuracy: batch norm's averages (momentum 0.99) would need a thousand steps to serve others.
    assert history["accuracy"].iloc[0] < 0.9 < history["accuracy"].iloc[-1]


def test_one_cycle_climbs_to_the_highest_rate_and_falls_to_nothing():
    rates = training.learning_rates("one_cycle", 0.003, 100)
    values = [float(rates(step)) for step in range(101)]
    assert max(values) == pytest.approx(0.003, rel=0.05) and int(np.argmax(values)) in range(28, 33)
    assert values[0] == pytest.approx(0.003 / 25, rel=0.05) and values[-1] < 1e-6


def test_weight_decay_leaves_biases_and_batch_norm_alone(faces):
    model = new_model()
    training.compile_model(model, "adamw", 0.001, weight_decay=0.01)
    decayed = {v.path.rsplit("/", 1)[-1] for v in model.trainable_variables if model.optimizer._use_weight_decay(v)}
    assert decayed == {"kernel"}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"optimizer": "lion"}, "unknown optimizer 'lion'"),
        ({"schedule": "stairs"}, "unknown schedule 'stairs'"),
        ({"augmentation": "wild"}, "unknown augmentation 'wild'"),
    ],
)
def test_unknown_names_are_refused_before_training(faces, tmp_path, changed, told):
    with pytest.raises(InputError, match=told):
        fit(faces, tmp_path, **changed)
    assert not list(tmp_path.iterdir())


def test_a_model_that_does_not_fit_the_data_is_refused(faces, tmp_path):
    with pytest.raises(InputError, match="has 3 classes and the model 7"):
        fit(faces, tmp_path, model=models.build("five_layer", (16, 16, 1), 7))
    with pytest.raises(InputError, match="images of 16x16 pixels and the model takes 32x32"):
        fit(faces, tmp_path, model=models.build("five_layer", (32, 32, 1), 3))


def test_a_disk_that_is_full_loses_no_epoch_that_was_saved(faces, tmp_path, monkeypatch):
    fit(faces, tmp_path, epochs=1)
    before = (tmp_path / "checkpoint.npz").read_bytes()

    def full(file, **arrays):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(training.np, "savez", full)
    with pytest.raises(InputError, match=r"checkpoint\.npz: could not be written \(No space left on device\)"):
        fit(faces, tmp_path, epochs=2)
    assert (tmp_path / "checkpoint.npz").read_bytes() == before
    assert not list(tmp_path.glob(".*part*"))
