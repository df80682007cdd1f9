"""Weights that no wheel carries: where they are published, under which license, and whether they are here.

    make models                                    # fetch those with a free license
    python -m fer_tf.faces.detection --only yolo   # fetch one by name

Files are looked for in $FER_TF_MODELS and in the data/models/ of the clone, wherever a command is given. What is fetched is
checked against its SHA-256, and written whole or not at all. (`keras.utils.get_file` and pooch know one address for a file.)
"""

import hashlib
import http.client
import os
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import yaml

from fer_tf import paths
from fer_tf.errors import InputError, choose, first_line
from fer_tf.hashing import file_digest

TIMEOUT = 10  # seconds without an answer
VARIABLE = "FER_TF_MODELS"
CLONE = Path(__file__).resolve().parents[3] / "data" / "models"
"""Where `make models` puts them in the clone that this package was installed from, wherever a command is given."""


@dataclass(frozen=True)
class Weights:
    """A file of weights.

    Args:
        name: the detector that it is for.
        file: its name in a folder.
        about: str, what it is.
        license: str, as its publisher states it.
        free: whether the license lets anyone use, change and pass it on; one that is not is fetched by name only.
        sha256: hex digits.
        size: bytes, about.
        urls: list, where it is published; the second is tried where the first does not answer.
        also: pattern of other file names that the detector can read, such as older releases.
    """

    name: str
    file: str
    about: str
    license: str
    free: bool
    sha256: str
    size: int
    urls: list
    also: str


CATALOG = yaml.safe_load(Path(__file__).with_name("weights.yaml").read_text(encoding="utf-8"))
CATALOG = {name: Weights(name, **entry) for name, entry in CATALOG.items()}


def folders(weights_folder=None):
    """Where weights are looked for, in this order: a given folder or file, $FER_TF_MODELS, data/models, the clone's.

    An InputError where there is nothing at the given path, or at that of the variable.
    """
    if os.environ.get(VARIABLE) and not paths.resolve(os.environ[VARIABLE]).exists():
        raise InputError(f"{VARIABLE}={os.environ[VARIABLE]}: no such folder. Mend the variable, or unset it.")
    if weights_folder and not paths.resolve(weights_folder).exists():
        raise InputError(f"{weights_folder}: no such folder of detectors' weights. Leave it out, or mend it.")
    args = [weights_folder, os.environ.get(VARIABLE), "data/models", CLONE]
    return [paths.resolve(folder) for folder in args if folder]


def find(name, weights_folder=None):
    """The file of a detector's weights.

    Args:
        name: key of `CATALOG`.
        weights_folder: a folder to look into first, or the file itself.
    Raises InputError: an unknown name, or no such file anywhere.
    """
    entry = _entry(name)
    if path := _found(entry, weights_folder):
        return path
    how = "make models" if entry.free else f"python -m fer_tf.faces.detection --only {name}"
    raise InputError(f"{name}: no {entry.file} in {folders(weights_folder)[0]}. Fetch it: {how}.")


def present(name, weights_folder=None):
    """Whether `find` finds the weights."""
    return _found(_entry(name), weights_folder) is not None


def check(path, name):
    """Refuses a file whose SHA-256 is not the published one's, with an InputError."""
    entry = _entry(name)
    result = file_digest(path)
    if result != entry.sha256:
        raise InputError(
            f"{path}: SHA-256 {result[:12]}…, expected {entry.sha256[:12]}…. Remove it and fetch it anew: "
            f"python -m fer_tf.faces.detection --only {name}."
        )


def fetch(name, folder=None):
    """Downloads a detector's weights, unless they are there.

    Args:
        name: key of `CATALOG`.
        folder: where to; data/models by default.
    Raises InputError: an unknown name, no connection, or other bytes than were published.
    """
    entry = _entry(name)
    path = paths.resolve(folder or "data/models") / entry.file
    if path.is_file() and file_digest(path) == entry.sha256:
        return path
    data = _download(entry, path.parent)
    if (digest := hashlib.sha256(data).hexdigest()) != entry.sha256:
        raise InputError(
            f"{entry.file}: {len(data):,} bytes with SHA-256 {digest[:12]}… came, expected {entry.sha256[:12]}…. "
            f"Nothing was written; try again, or put the right file into {path.parent}."
        )
    with paths.writing(path) as part:
        part.write_bytes(data)
    return path


def describe(entry):
    """What is known of a file of weights, as lines of text."""
    facts = f"  license  {entry.license}\n  SHA-256  {entry.sha256}\n  size     {entry.size / 1e6:.1f} MB"
    return f"{entry.name}: {entry.about}\n{facts}"


def _entry(name):
    return CATALOG[choose("detector's weights", name, CATALOG)]


def _found(entry, weights_folder):
    """The Path of a file that the entry's detector reads, or None."""
    for folder in folders(weights_folder):
        if folder.is_file():
            return folder
        if (folder / entry.file).is_file():
            return folder / entry.file
        if others := sorted(folder.glob(entry.also)):
            return others[-1]  # the newest by name
    return None


def _download(entry, folder):
    reasons, most = [], 2 * entry.size  # more is another file, and might never end
    for url in entry.urls:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
                length, data = int(answer.headers.get("Content-Length") or 0), answer.read(most)
            if len(data) >= min(length, most):
                return data
            reasons.append(f"{len(data):,} of {length:,} bytes came")
        except (OSError, ValueError, http.client.HTTPException) as error:
            reasons.append(first_line(getattr(error, "reason", error)))
    raise InputError(
        f"{entry.file}: could not be fetched ({reasons[0]}). Download {entry.urls[0]} elsewhere and put it into {folder}."
    )
