"""Other people's trained networks, each with the preprocessing that its own code gives it.

`peers.yaml` is the catalog. Weights are looked for in $FER_TF_PEERS and data/peers; a file is taken only if its SHA-256 is the
one of the catalog. To add a network: an entry, and where its preprocessing is another one a function like `_xception`.
"""

import os
from pathlib import Path

import cv2
import numpy as np
import yaml

from fer_tf import emotions, paths
from fer_tf.datasets.arrays import gray
from fer_tf.errors import InputError, choose
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
        raise InputError(f"{name}: its weights are not here. Put them into data/peers: {entry['address']}.")
    if file_digest(files[0]) != entry["sha256"]:
        raise InputError(f"{files[0]}: not the file that was published as {name}. Get it again: {entry['address']}.")
    return files[0]


def _xception(network, side):
    """oarriaga's preprocessing, which the package fer shares: gray, resized by OpenCV as 8-bit, scaled to -1 to 1."""

    def forward(images):
        small = [cv2.resize(image, (side, side)) for image in gray(images).astype(np.uint8)]
        return network.predict_on_batch(np.float32(small)[..., None] / 127.5 - 1)

    return forward
