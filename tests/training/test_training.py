"""Training: what it refuses, what it weighs, and that an interrupted one ends as the one that was not."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import make_dataset, small_network

from fer_tf import models, training
from fer_tf.backend import keras
from fer_tf.errors import InputError, TestSplitError

SETTINGS = {"epochs": 3, "batch_size": 4, "augmentation": "strong", "optimizer": "adamw", "learning_rate": 0.003}


@pytest.fixture(scope="module", autouse=True)
def deterministic():
    training.make_deterministic(0)


@pytest.fixture
def faces():
    return make_dataset(size=16)


def interrupt_after(epoch, monkeypatch):
    """Stops the next training after that many epochs, as Ctrl-C does, when its checkpoint is written."""
    write = training.Checkpoint.on_epoch_end

    def interrupt(self, index, logs=None):
        write(self, index, logs)
        if index + 1 == epoch:
            raise KeyboardInterrupt

    monkeypatch.setattr(training.Checkpoint, "on_epoch_end", interrupt)


def fit(faces, folder, model=None, **changed):
    model = model or small_network()
    history = training.fit(model, faces.split("train"), faces.split("validation"), folder, **{**SETTINGS, **changed})
    return model, history


def test_the_test_split_is_refused_in_training_and_in_validation(faces, tmp_path):
    train, validation, test = (faces.split(name) for name in ("train", "validation", "test"))
    for given in ((test, validation), (train, test), (faces, validation), (train, faces)):
        with pytest.raises(TestSplitError, match="hold images of the test split"):
            training.fit(small_network(), *given, tmp_path, epochs=1)
    assert not list(tmp_path.iterdir())


def test_class_weights_are_inversely_proportional_to_the_counts():
    weights = training.balanced_class_weight(np.array([0, 0, 0, 1]), ("often", "rarely"))
    assert weights[1] / weights[0] == pytest.approx(3)
    assert 3 * weights[0] + weights[1] == pytest.approx(4)


def test_an_empty_class_is_named():
    with pytest.raises(InputError, match="no training image of sad"):
        training.balanced_class_weight(np.array([0, 1]), ("angry", "happy", "sad"))


def test_a_weighted_loss_is_the_mean_over_classes(faces, tmp_path):
    rows = np.flatnonzero((faces.splits == "validation") | (faces.labels != 2) | (np.arange(len(faces)) % 6 == 0))
    uneven = faces.select(rows)
    train = uneven.split("train")
    layers = [
        keras.Input((16, 16, 1)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Flatten(),
        keras.layers.Dense(3, "softmax"),
    ]
    fixed = keras.Sequential(layers)
    losses = -np.log(models.predict(fixed, train.images)[np.arange(len(train)), train.labels])
    by_class = [losses[train.labels == k].mean() for k in range(3)]
    history = fit(uneven, tmp_path, fixed, epochs=1, class_weight=True, learning_rate=0.0, augmentation="none")[1]
    assert history["loss"].iloc[0] == pytest.approx(np.mean(by_class), rel=1e-3)


@pytest.mark.parametrize("schedule", ["one_cycle", "plateau"])
def test_a_resumed_training_ends_exactly_as_an_uninterrupted_one(faces, tmp_path, monkeypatch, schedule):
    whole, history = fit(faces, tmp_path / "whole", schedule=schedule)
    interrupt_after(2, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        fit(faces, tmp_path / "parts", schedule=schedule)
    monkeypatch.undo()
    resumed, other = fit(faces, tmp_path / "parts", schedule=schedule)
    for one, two in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    columns = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"]
    np.testing.assert_allclose(history[columns], other[columns], rtol=0, atol=0)


def test_histories_of_phases_are_joined_and_their_epochs_counted_through(faces, tmp_path):
    _, first = fit(faces, tmp_path / "a", epochs=2)
    _, second = fit(faces, tmp_path / "b", epochs=1)
    joined = training.join_histories({"frozen": first, "none": first[:0], "fine-tuned": second})
    assert joined["phase"].tolist() == ["frozen", "frozen", "fine-tuned"] and joined["epoch"].tolist() == [1, 2, 3]
    with pytest.raises(InputError, match="no phase of the training has an epoch"):
        training.join_histories({"frozen": first[:0]})


def test_a_training_that_is_through_keeps_no_more_than_it_needs(faces, tmp_path):
    model, _ = fit(faces, tmp_path, epochs=1)
    with np.load(tmp_path / "checkpoint.npz") as saved:
        assert {name.partition("/")[0] for name in saved} == {"key", "epochs_done", "ended", "kept", "history"}
    again, _ = fit(faces, tmp_path, epochs=1)
    for one, two in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_last_epoch_can_be_kept_instead_of_the_best(faces, tmp_path):
    model, history = fit(faces, tmp_path, epochs=3, keep="last", learning_rate=3.0, optimizer="sgd")
    probabilities = models.predict(model, faces.split("validation").images)
    right = (probabilities.argmax(axis=1) == faces.split("validation").labels).mean()
    assert right == pytest.approx(history["val_accuracy"].iloc[-1])
    with pytest.raises(InputError, match="unknown epoch to keep 'first'"):
        fit(faces, tmp_path, keep="first")


def test_classes_are_not_balanced_twice(faces, tmp_path):
    with pytest.raises(InputError, match="both make up for rare classes"):
        fit(faces, tmp_path, class_weight=True, balance="oversample_augmented")


def test_oversampling_changes_what_is_learned(faces, tmp_path):
    rows = np.flatnonzero((faces.splits == "validation") | (faces.labels != 2) | (np.arange(len(faces)) % 6 == 0))
    uneven = faces.select(rows)
    plain, _ = fit(uneven, tmp_path / "plain", epochs=1)
    balanced, _ = fit(uneven, tmp_path / "balanced", epochs=1, balance="oversample_augmented")
    assert any(not np.array_equal(a, b) for a, b in zip(plain.get_weights(), balanced.get_weights(), strict=True))


def test_dropout_inside_a_layer_of_layers_is_drawn_from_the_epoch_too(tmp_path, faces, monkeypatch):
    def nested():
        keras.utils.set_random_seed(0)
        inner = keras.Sequential([keras.layers.Flatten(), keras.layers.Dropout(0.5)])
        return keras.Sequential([keras.Input((16, 16, 1)), inner, keras.layers.Dense(3, activation="softmax")])

    _, history = fit(faces, tmp_path / "whole", nested(), epochs=2)
    model = nested()
    for layer in model.layers[0].layers:
        if hasattr(layer, "seed_generator"):
            layer.seed_generator.state.assign([7, 7])
    _, again = fit(faces, tmp_path / "other", model, epochs=2)
    assert history["loss"].tolist() == again["loss"].tolist()


def test_a_finished_training_is_not_trained_again_and_a_changed_one_starts_anew(faces, tmp_path, capsys):
    fit(faces, tmp_path)
    capsys.readouterr()
    fit(faces, tmp_path)
    assert "resumed after epoch 3 of 3" in capsys.readouterr().out
    fit(faces, tmp_path, learning_rate=0.001)
    message = capsys.readouterr().out
    assert "resumed" not in message and "epoch 1/3" in message


def test_weights_that_other_code_trained_are_not_taken_up(faces, tmp_path, capsys):
    fit(faces, tmp_path, key="fingerprint of the run, before an edit")
    capsys.readouterr()
    fit(faces, tmp_path, key="fingerprint of the run, after it")
    message = capsys.readouterr().out
    assert "resumed" not in message and "epoch 1/3" in message


def test_the_best_weights_by_validation_are_kept(faces, tmp_path):
    model, history = fit(faces, tmp_path, epochs=4)
    validation = faces.split("validation")
    accuracy = (models.predict(model, validation.images).argmax(axis=1) == validation.labels).mean()
    assert accuracy == pytest.approx(history["val_accuracy"].max())


def test_early_stopping_ends_a_training_that_gets_no_better(faces, tmp_path):
    _, history = fit(faces, tmp_path, epochs=30, early_stopping=1, learning_rate=1.0, optimizer="sgd")
    assert len(history) < 30
    _, again = fit(faces, tmp_path, epochs=30, early_stopping=1, learning_rate=1.0, optimizer="sgd")
    assert len(again) == len(history)


def test_a_network_learns_classes_that_differ(tmp_path):
    faces = make_dataset(per_class=24, size=16, splits=(16, 4, 4))
    _, history = fit(faces, tmp_path, epochs=8, batch_size=12, augmentation="none")
    # By the training's own accuracy: batch norm's averages (momentum 0.99) would need a thousand steps to serve others.
    assert history["accuracy"].iloc[0] < 0.9 < history["accuracy"].iloc[-1]


def test_one_cycle_climbs_to_the_highest_rate_and_falls_to_nothing():
    rates = training.learning_rate_schedule("one_cycle", 0.003, 100)
    values = [float(rates(step)) for step in range(101)]
    assert max(values) == pytest.approx(0.003, rel=0.05) and int(np.argmax(values)) in range(28, 33)
    assert values[0] == pytest.approx(0.003 / 25, rel=0.05) and values[-1] < 1e-6


def test_weight_decay_leaves_biases_and_batch_norm_alone(faces):
    model = small_network()
    training.compile_model(model, "adamw", 0.001, weight_decay=0.01)
    decayed = {v.path.rsplit("/", 1)[-1] for v in model.trainable_variables if model.optimizer._use_weight_decay(v)}
    assert decayed == {"kernel"}


def test_rectified_adam_takes_the_steps_of_its_paper():
    rng, beta_1, beta_2, rate = np.random.default_rng(0), 0.9, 0.999, 0.01
    gradients = rng.normal(size=(12, 3))
    expected, m, v = np.ones(3), np.zeros(3), np.zeros(3)
    longest = 2 / (1 - beta_2) - 1
    for t, gradient in enumerate(gradients, start=1):
        m, v = beta_1 * m + (1 - beta_1) * gradient, beta_2 * v + (1 - beta_2) * gradient**2
        step = m / (1 - beta_1**t)
        length = longest - 2 * t * beta_2**t / (1 - beta_2**t)
        if length > 4:
            rectified = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            step = step * np.sqrt(rectified) / (np.sqrt(v / (1 - beta_2**t)) + 1e-7)
        expected = expected - rate * step
    variable = keras.Variable(np.ones(3, np.float32))
    optimizer = training.OPTIMIZERS["radam"](learning_rate=rate)
    for gradient in gradients:
        optimizer.apply([np.float32(gradient)], [variable])
    np.testing.assert_allclose(np.asarray(variable), expected, rtol=1e-4)


def test_rectified_adam_trains_a_network(faces, tmp_path):
    before = small_network()
    model, _ = fit(faces, tmp_path, epochs=1, optimizer="radam", batch_size=12)
    assert any(not np.array_equal(a, b) for a, b in zip(before.get_weights(), model.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"optimizer": "lion"}, "unknown optimizer 'lion'"),
        ({"schedule": "stairs"}, "unknown schedule 'stairs'"),
        ({"augmentation": "wild"}, "unknown augmentation 'wild'"),
        ({"balance": "twins"}, "unknown balance 'twins'"),
    ],
)
def test_unknown_names_are_refused_before_training(faces, tmp_path, changed, message):
    with pytest.raises(InputError, match=message):
        fit(faces, tmp_path, **changed)
    assert not list(tmp_path.iterdir())


def test_a_model_that_does_not_fit_the_data_is_refused(faces, tmp_path):
    with pytest.raises(InputError, match="has 3 classes, the model 7"):
        fit(faces, tmp_path, model=models.build("five_layer", (16, 16, 1), 7))
    with pytest.raises(InputError, match="images of 16x16 pixels and the model takes 32x32"):
        fit(faces, tmp_path, model=models.build("five_layer", (32, 32, 1), 3))


def test_validation_of_the_same_classes_in_another_order_is_refused(faces, tmp_path):
    validation = replace(faces.split("validation"), classes=faces.classes[::-1])
    with pytest.raises(InputError, match=r"has the classes .*, expected those of .* in order"):
        training.fit(small_network(), faces.split("train"), validation, tmp_path, epochs=1)


def test_a_network_with_another_dropout_or_other_trained_layers_is_trained_anew_in_the_same_folder(
    faces, tmp_path, capsys
):
    def built(rate=0.1, trained=True):
        shape = keras.Input((16, 16, 1))
        inner = keras.Sequential([keras.layers.Flatten(), keras.layers.Dropout(rate), keras.layers.Dense(8)])
        model = keras.Model(shape, keras.layers.Dense(3, "softmax")(inner(keras.layers.Rescaling(1 / 255)(shape))))
        inner.trainable = trained
        model.set_weights([np.full(one.shape, 0.01 * i, np.float32) for i, one in enumerate(model.get_weights())])
        return model

    def epochs_trained(model):
        fit(faces, tmp_path, model, epochs=2)
        return capsys.readouterr().out.count("validation loss")

    assert epochs_trained(built()) == 2
    assert epochs_trained(built()) == 0  # Keras numbers its layers on: their names do not count
    assert epochs_trained(built(rate=0.6)) == 2
    assert epochs_trained(built(rate=0.6, trained=False)) == 2


def test_a_disk_that_is_full_loses_no_epoch_that_was_saved(faces, tmp_path, monkeypatch):
    fit(faces, tmp_path, epochs=1)
    before = (tmp_path / "checkpoint.npz").read_bytes()

    def full(file, **arrays):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(InputError, match=r"checkpoint\.npz: could not be written \(No space left on device\)"):
        fit(faces, tmp_path, epochs=2)
    assert (tmp_path / "checkpoint.npz").read_bytes() == before
    assert not list(tmp_path.glob(".*part*"))
