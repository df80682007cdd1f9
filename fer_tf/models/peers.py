"""Other people's trained networks, each with the preprocessing that its own code gives it.

`peers.yaml` is the catalog. Weights are looked for in $FER_TF_PEERS and data/peers; a file is taken only if its SHA-256 is the
one of the catalog. To add a network: an entry, and where its preprocessing is another one a function like `_xception`.

A network that its own package computes, such as deepface's, is added to 15_peers in JupyterLab: leave it out of `peers`, and write
below the loop that loads those

    networks["deepface"] = catalog.through_package("deepface")

The notebook's tables and figures then have it, and a study's too that names what was saved: `ours: [lab/15_peers/deepface]`. For
another package, write ten lines like `_deepface`: `networks["mine"] = catalog.adapted(answer, weights), None`.
"""

import os
from pathlib import Path

import cv2
import numpy as np
import yaml

from fer_tf import emotions, paths
from fer_tf.datasets.arrays import gray, with_channels
from fer_tf.errors import InputError, choose, first_line
from fer_tf.hashing import file_digest
from fer_tf.models.predictor import Classifier

CATALOG = yaml.safe_load(Path(__file__).with_name("peers.yaml").read_text(encoding="utf-8"))
VARIABLE = "FER_TF_PEERS"
CAVEAT = (
    "oarriaga's repository validates on PublicTest and PrivateTest together, so that PrivateTest took part in choosing the "
    "epoch of its networks."
)


def load(name, folder=None):
    """A network of the catalog, ready to predict.

    Args:
        name: key of `CATALOG`.
        folder: where its weights lie; $FER_TF_PEERS or data/peers by default.
    Returns: (Classifier, number of parameters); it takes images (n, h, w, 1 or 3) in 0-255 of any size.
    Raises InputError: its weights are not here, or are other ones than those of the catalog.
    """
    from fer_tf.backend import keras

    path = find(name, folder)
    network = keras.models.load_model(path, compile=False)
    forward = _xception(network, CATALOG[name]["side"])
    return Classifier(path, "keras", forward, emotions.FER2013), network.count_params()


def find(name, folder=None):
    """The file of a network's weights; an InputError says where it is published if it is not here, or is another file."""
    entry = CATALOG[choose("peer", name, CATALOG)]
    folders = [paths.resolve(one) for one in (folder, os.environ.get(VARIABLE), "data/peers") if one]
    files = [one / entry["file"] for one in folders if "file" in entry and (one / entry["file"]).is_file()]
    if not files:
        raise InputError(
            f"{name}: its weights are not here. Put them into data/peers: {entry['address']}."
            if "file" in entry
            else f"{name}: not run; its own package computes it. Install that (pip install {entry['package']}), and add it "
            "in JupyterLab: see the top of fer_tf/models/peers.py."
        )
    if file_digest(files[0]) != entry["sha256"]:
        raise InputError(f"{files[0]}: not the file that was published as {name}. Get it again: {entry['address']}.")
    return files[0]


def through_package(name):
    """A network that its own package computes, ready to predict. The packages are not in the lock, and none was run here.

    Args:
        name: key of `PACKAGES`.
    Returns: (Classifier, None) as of `load`; the number of parameters is not known. The package fetches its weights.
    Raises InputError: the package is not installed, or cannot fetch its weights.
    """
    build = PACKAGES[choose("peer with a package of its own", name, PACKAGES)]
    try:
        return build(), None
    except (ImportError, OSError, ValueError) as error:
        how = f"pip install {CATALOG[name]['package']}"
        raise InputError(f"{name}: not run ({first_line(error)}). Install its package and weights: {how}.") from error


def adapted(answer, weights):
    """A network of any other package, as a `Classifier` of FER2013's classes.

    Args:
        answer: callable, face as uint8 array (h, w, 3), RGB, to a dict of an emotion, however spelled, to its share. An emotion
            that FER2013 lacks is left out; one that is missing has the share 0.
        weights: path of the file of weights.
    """

    def forward(images):
        answers = [answer(image) for image in with_channels(images, 3).astype(np.uint8)]
        shares = [{emotions.canonical(name): share for name, share in one.items()} for one in answers]
        return np.array([[one.get(name, 0.0) for name in emotions.FER2013] for one in shares])

    return Classifier(Path(weights), "package", forward, emotions.FER2013)


def _deepface():
    from deepface import DeepFace

    def answer(image):  # BGR; the whole image is the face
        options = {"actions": ["emotion"], "detector_backend": "skip", "enforce_detection": False}
        return DeepFace.analyze(np.ascontiguousarray(image[..., ::-1]), **options)[0]["emotion"]

    answer(np.zeros((48, 48, 3), np.uint8))  # fetches its weights
    home = Path(os.environ.get("DEEPFACE_HOME", Path.home()))
    return adapted(answer, max(home.glob(".deepface/weights/facial_expression_model_weights.*")))


def _hsemotion():
    from hsemotion_onnx import facial_emotions

    name = "enet_b0_8_best_vgaf"
    network = facial_emotions.HSEmotionRecognizer(name)

    def answer(image):
        shares = network.predict_emotions(image, logits=False)[1]
        return {emotion: shares[place] for place, emotion in network.idx_to_class.items()}

    return adapted(answer, facial_emotions.get_model_path(name))


PACKAGES = {"deepface": _deepface, "hsemotion": _hsemotion}
"""Name -> what builds the `Classifier`."""


def _xception(network, side):
    """oarriaga's preprocessing, which the package fer shares: gray, resized by OpenCV as 8-bit, scaled to -1 to 1."""

    def forward(images):
        small = [cv2.resize(image, (side, side)) for image in gray(images).astype(np.uint8)]
        return network.predict_on_batch(np.float32(small)[..., None] / 127.5 - 1)

    return forward
