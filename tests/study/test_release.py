"""Shipping a trained network: the weights arrive whole, and the card says what was measured."""

import importlib.util

import cv2
import numpy as np
import pytest
from conftest import make_dataset, start_run

from fer_tf import models
from fer_tf.errors import InputError
from fer_tf.models import files
from fer_tf.study import release


@pytest.fixture
def trained(project, monkeypatch):
    """A complete run of a little network, its test split scored: 2 of 3 right."""
    monkeypatch.setattr(files, "PRETRAINED", project / "pretrained")
    faces = make_dataset(size=16)
    run = start_run("reports/x/runs/02_train_cnn--y", faces, model="five_layer")
    network = models.build("five_layer", (16, 16, 1), 3)
    models.save(network, run.folder / "model.keras")
    run.note(model="model.keras")
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
    assert "66.7% are classified rightly" in text and "without the consent" in text


def test_the_network_ships_as_onnx_too_and_the_two_agree(trained):
    pytest.importorskip("tf2onnx", reason="the extra export is not installed")
    release.release(trained)
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 1)).astype(np.float32)
    network = cv2.dnn.readNetFromONNX(str(files.PRETRAINED / "five_layer.onnx"))
    network.setInput(images)
    np.testing.assert_allclose(network.forward(), models.load_pretrained().predict_on_batch(images), atol=1e-4)


def test_a_network_that_shrinks_its_images_ships_without_onnx(trained):
    small = models.build("compact", (16, 16, 1), 3, size=8, blocks=((4,),))
    models.save(small, trained.folder / "model.keras")
    files.PRETRAINED.mkdir()
    (files.PRETRAINED / "five_layer.onnx").write_bytes(b"shipped before")
    text = release.release(trained).read_text()
    assert {one.suffix for one in files.PRETRAINED.iterdir()} == {".keras", ".md"}
    assert list(models.model_card("five_layer")["sha256"]) == ["five_layer.keras"]
    assert "readNetFromONNX" not in text and "needs Keras" in text


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
