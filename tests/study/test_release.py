"""Shipping a trained network: the weights arrive whole, and the card says what was measured."""

import importlib.util

import cv2
import numpy as np
import pytest
from conftest import make_dataset, start_run

from fer_tf import evaluation, hashing, models
from fer_tf.errors import InputError
from fer_tf.evaluation import bootstrap
from fer_tf.models import files
from fer_tf.models.catalogue import CATALOGUE
from fer_tf.study import release, runs


@pytest.fixture
def nothing_ships(project, monkeypatch):
    """A project, and a package in which no network ships."""
    monkeypatch.setattr(files, "PRETRAINED", project / "pretrained")


@pytest.fixture
def trained(nothing_ships):
    """A complete run of a little network, its test split scored: 2 of 3 right."""
    faces = make_dataset(size=16)
    run = start_run("reports/x/runs/02_train_cnn--y", faces, model="five_layer")
    network = models.build("five_layer", (16, 16, 1), 3)
    models.save(network, run.folder / "model.keras")
    run.note(model="model.keras")
    run.save_predictions("validation", np.full((3, 3), 1 / 3), faces.split("validation"))
    run.finish("done")
    said = np.full((3, 3), 0.1, np.float32)
    said[[0, 1, 2], [0, 1, 1]] = 0.8
    run.save_predictions("test", said, faces.split("test"))
    return run


def test_the_shipped_network_predicts_as_the_trained_one_and_the_card_tells_what_was_measured(trained):
    pytest.importorskip("tf2onnx", reason="the extra export is not installed")
    card_file = release.release(trained)
    card, shipped = models.model_card("five_layer"), models.load_pretrained("five_layer")
    image = np.full((1, 16, 16, 1), 90.0, np.float32)
    np.testing.assert_array_equal(shipped(image), models.load(trained.folder / "model.keras")(image))
    assert card["classes"] == ["angry", "happy", "sad"] and card["input_shape"] == [16, 16, 1]
    assert card["color"] is False
    assert card["metrics"]["test"]["n"] == 3 and card["metrics"]["test"]["accuracy"] == pytest.approx(0.6667)
    text = card_file.read_text()
    assert 'readNetFromONNX("five_layer.onnx")' in text
    assert "66.7% are classified rightly" in text and "onlookers' guesses" in text


def test_the_network_ships_as_onnx_too_and_the_two_agree(trained):
    pytest.importorskip("tf2onnx", reason="the extra export is not installed")
    release.release(trained)
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 1)).astype(np.float32)
    network = cv2.dnn.readNetFromONNX(str(files.PRETRAINED / "five_layer.onnx"))
    network.setInput(images)
    np.testing.assert_allclose(network.forward(), models.load_pretrained().predict_on_batch(images), atol=1e-4)


def test_nothing_ships_where_onnx_cannot_be_written(trained, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install .*tf2onnx"):
        release.release(trained)
    assert not list(files.PRETRAINED.glob("*"))


def test_a_run_without_a_scored_test_split_is_not_shipped(trained):
    (trained.folder / "predictions_test.npz").unlink()
    with pytest.raises(InputError, match="no such file"):
        release.release(trained)
    assert not files.PRETRAINED.exists()


def test_weights_that_would_weigh_down_a_clone_are_refused(trained, monkeypatch):
    monkeypatch.setattr(release, "LARGEST", 1000)
    with pytest.raises(InputError, match="may be shipped at most"):
        release.release(trained)
    assert not files.PRETRAINED.exists()


def test_a_missing_run_is_one_line_and_an_exit_status(project, capsys):
    assert release.main(["x", "02_train_cnn--nothing"]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def went_on(name, **parameters):
    """A complete run of the same study with its own weights, that may have gone on from others."""
    run = start_run(f"reports/x/runs/{name}", make_dataset(size=16), **parameters)
    (run.folder / "model.keras").write_text(name)
    run.note(model="model.keras")
    run.finish("done")
    return run


def test_the_card_names_every_run_whose_weights_went_on_into_it(trained):
    run = went_on("14_recipe--z", weights=trained.name, teachers=[trained.name], model="five_layer")
    for split in ("validation", "test"):
        run.save_predictions(split, np.full((3, 3), 1 / 3), make_dataset(size=16).split(split))
    text = release.card(run, models.load(trained.folder / "model.keras"), files.PRETRAINED / "five_layer.keras")
    paths = (
        "1. `x/02_train_cnn--y`, on the training split of little\n2. `x/14_recipe--z`, on the training split of little"
    )
    assert f"{paths}; its labels were softened by the probabilities of `02_train_cnn--y`\n" in text
    assert "It began from random weights." in text and "\nlicense: MIT\n" in text
    assert "began_from:\n- random weights\n" in text


@pytest.mark.parametrize("through", ["weights", "teachers", None])
def test_weights_that_began_from_a_withdrawn_dataset_are_not_shipped(nothing_ships, through, capsys):
    run = went_on("03_transfer--faces", model="mobilefacenet", weights="faces")
    if through:
        named = {"weights": {"weights": run.name}, "teachers": {"weights": "", "teachers": [run.name]}}[through]
        run = went_on("14_recipe--z", model="mobilefacenet", **named)
    assert release.main(["x", run.name]) == 1
    message = capsys.readouterr().err
    assert message.startswith(f"error: {run.name} began from identities of the refined MS-Celeb-1M")
    assert len(message.splitlines()) == 1 and not files.PRETRAINED.exists()
    with pytest.raises(InputError, match="not a whole model"):  # it is what comes next
        run.save_predictions("test", np.full((3, 3), 1 / 3), make_dataset(size=16).split("test"))
        release.release(run, withdrawn=True)


def test_every_published_weights_whose_data_was_withdrawn_are_known():
    for published in CATALOGUE.values():
        refused = any(name in published.learned_from for name in release.WITHDRAWN)
        assert refused == ("withdrew" in published.learned_from)


@pytest.mark.parametrize(
    ("model", "weights", "began", "license"),
    [
        ("squeezenet", "imagenet", "ImageNet", "MIT"),
        ("resnet18", "imagenet", "ImageNet", "BSD-3-Clause"),
        ("vgg16", "imagenet", "ImageNet, by the weights of Keras Applications", "Keras Applications' vgg16"),
        ("mobilefacenet", "downloads/mobilefacenet.pt", "MS-Celeb-1M", "Apache-2.0"),
    ],
)
def test_published_weights_are_named_with_their_license(nothing_ships, model, weights, began, license):
    run = went_on("14_recipe--z", weights=went_on("03_transfer--p", model=model, weights=weights).name, model=model)
    chain, known = release.origins(run)
    assert [one.name for one in chain] == ["03_transfer--p", "14_recipe--z"]
    ((what, of),) = known.items()
    assert began in what and license in of


def test_weights_of_which_nothing_is_known_are_not_shipped(nothing_ships):
    with pytest.raises(InputError, match="nothing here says what those weights learned from"):
        release.origins(went_on("03_transfer--p", model="five_layer", weights="somewhere/else.keras"))


def test_weights_that_began_from_a_network_that_ships_are_those_of_its_run(nothing_ships):
    went_on("02_train_cnn--y", model="five_layer")
    files.PRETRAINED.mkdir()
    (files.PRETRAINED / "five_layer.md").write_text("---\nclasses: [angry]\nrun: x/02_train_cnn--y\n---\n")
    chain, began = release.origins(went_on("03_transfer--p", model="five_layer", weights="shipped"))
    assert [one.name for one in chain] == ["02_train_cnn--y", "03_transfer--p"] and began == {}


def test_of_a_network_that_ships_already_the_card_alone_is_written_again(trained):
    files.PRETRAINED.mkdir()
    shipped = files.PRETRAINED / "five_layer.keras"
    (trained.folder / "model.keras").rename(shipped)  # as in a clone, where git keeps no other
    shipped.with_suffix(".md").write_text("---\nclasses: [angry]\nrun: x/02_train_cnn--y\n---\n")
    before = shipped.read_bytes()
    card_file = release.release(runs.open_run(trained.folder))
    assert shipped.read_bytes() == before and not shipped.with_suffix(".onnx").exists()
    assert models.model_card("five_layer")["sha256"] == {"five_layer.keras": hashing.file_digest(shipped)}
    assert "66.7% are classified rightly" in card_file.read_text()


def test_the_card_has_intervals_of_each_class_and_how_sure_the_network_is(trained):
    text = release.card(trained, models.load(trained.folder / "model.keras"), files.PRETRAINED / "five_layer.keras")
    scored, validation = trained.predictions("test"), trained.predictions("validation")
    low, high = evaluation.accuracy_interval(scored.labels[1:2], scored.probabilities[1:2])  # the happy image is right
    assert f" 1 | {low:.3f} to {high:.3f} " in next(line for line in text.splitlines() if line.startswith("| happy"))
    of_f1 = bootstrap.report_intervals(*scored)
    assert f"{of_f1.loc['f1 of happy', 'low']:.3f} to {of_f1.loc['f1 of happy', 'high']:.3f}" in text
    temperature = evaluation.fit_temperature(validation.labels, validation.probabilities)
    before = evaluation.metrics(*scored)["ece"]
    scaled = evaluation.scale(scored.probabilities, temperature)
    after = evaluation.metrics(scored.labels, scaled, scored.classes)["ece"]
    assert f"temperature: {round(temperature, 3)}\n" in text and f"{after:.3f}" in text
    assert (f"scale(probabilities, {temperature:.2f})" in text) == (
        after < before
    )  # what makes it worse is not advised
    assert f"expected calibration error {evaluation.metrics(*scored)['ece']:.3f}" in text
    assert "33% of its answers" in text and "which of 3 words" in text


def test_the_card_says_how_often_it_is_right_without_the_images_that_leak(trained):
    data = start_run("reports/x/runs/00_data--little", make_dataset(size=16))
    data.note(leaks=[make_dataset(size=16).split("test").ids[0]])
    data.finish("done")
    text = release.card(trained, models.load(trained.folder / "model.keras"), files.PRETRAINED / "five_layer.keras")
    assert "Of the 2 of them without a near-duplicate in training or validation it is 50.0%" in text
