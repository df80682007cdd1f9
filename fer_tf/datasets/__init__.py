"""Datasets: read from whatever form they come in, kept in one prepared form, and opened in no time.

    faces = datasets.prepare("fer2013", "archive.zip")   # once
    faces = datasets.load("fer2013")                     # ever after

Each source has its reader in a module of its own; all of them return a `Dataset`.
"""

import hashlib
import inspect
import json
import os
from pathlib import Path

from fer_tf import paths
from fer_tf.datasets import prepared
from fer_tf.datasets.dataset import SPLITS, Dataset
from fer_tf.datasets.fer2013 import WHERE as _FER2013_WHERE
from fer_tf.datasets.fer2013 import read_fer2013
from fer_tf.datasets.prepared import save, split_hashes, verify_split
from fer_tf.datasets.summary import basic_statistics, split_counts
from fer_tf.errors import InputError

__all__ = [
    "SPLITS",
    "Dataset",
    "basic_statistics",
    "load",
    "names",
    "prepare",
    "read_fer2013",
    "save",
    "split_counts",
    "split_hashes",
    "verify_split",
]


def names():
    """The names of the datasets that can be prepared."""
    return tuple(_READERS)


def prepare(name, source=None, **options):
    """Reads a dataset, keeps its prepared form under data/prepared/<name>/, and returns it.

    Args:
        name: one of `names()`.
        source: where its files lie; by default the environment variable of its name (FER2013), else data/raw/<name>*.
            The embedded sample needs none.
        options: the reader's own, such as `n`, `size`, `channels` and `seed` of the sample.

    Returns:
        Dataset, opened as `load` does. Where it was prepared before by the same code from the same files with the same
        options, nothing is read again.

    Raises:
        InputError: an unknown name or option, or a source that is missing or wrong.
    """
    if name not in _READERS:
        raise InputError(f"unknown dataset '{name}'; known are {', '.join(names())}. Choose one of these.")
    read = _reader(name, options)
    path = find(name, source) if name in _NEEDS_FILES else None
    options = json.loads(json.dumps(options))  # as it will be read back: a tuple becomes a list
    made_by = {"options": options, "code": _code(), "files": _fingerprint(path)}
    record = prepared.saved_record(name)
    if record and record["source"].get("made_by") == made_by:
        return load(name)
    dataset = read(path, **options) if path else read(**options)
    dataset.source["made_by"] = made_by
    save(dataset, name)
    return load(name)


def load(name, splits=None):
    """Opens a prepared dataset; the embedded sample is drawn first where it isn't there yet.

    Args:
        name: str, as given to `prepare` or `save`.
        splits: names of the splits wanted, or one name; all of them by default.

    Returns:
        Dataset, its images memory-mapped.

    Raises:
        InputError: nothing is prepared under this name, its files don't fit together, or it has no such split.
    """
    if name == "sample" and prepared.saved_record(name) is None:
        prepare(name)
    return prepared.load(name, splits)


def find(name, source=None):
    """Where a dataset's files lie.

    Args:
        name: str, a dataset that is read from files.
        source: a path to look at instead of the usual places.

    Returns:
        Path.

    Raises:
        InputError: there is nothing; the message says where to get it and where to put it.
    """
    variable = name.upper()
    values = source or os.environ.get(variable)
    raw = paths.raw(name)
    if values:
        path = paths.resolve(values)
        if not path.exists():
            said = "" if source else f" ({variable} points there)"
            raise InputError(
                f"{name}: there is nothing at {path}{said}. {_NEEDS_FILES[name]} and put it in data/raw/{name}/."
            )
        return path
    result = [raw] if raw.is_dir() and any(not path.name.startswith(".") for path in raw.iterdir()) else []
    result += sorted(
        path for path in raw.parent.glob(f"{name}*") if path.is_file() and path.name.startswith(f"{name}.")
    )
    if not result:
        raise InputError(
            f"{name} is not there. {_NEEDS_FILES[name]} and put it in data/raw/{name}/, or set {variable}=its path."
        )
    return result[0]


def _sample(**options):
    from fer_tf.datasets.sample import sample

    return sample(**options)


_READERS = {"sample": _sample, "fer2013": read_fer2013}
_NEEDS_FILES = {"fer2013": _FER2013_WHERE}


def _reader(name, options):
    read = _READERS[name]
    if name == "sample":
        from fer_tf.datasets.sample import sample as read
    known = [key for key in inspect.signature(read).parameters if key != "path"]
    for option in options:
        if option not in known:
            raise InputError(f"{name}: unknown option '{option}'; known are {', '.join(known)}.")
    return read


def _code():
    """A hash of the readers' code: what another version read is read again."""
    digest = hashlib.sha256()
    for module in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()


def _fingerprint(path):
    """Names, sizes and dates of a source's files: enough to see whether it is the one read before."""
    if path is None:
        return None
    if path.is_file():
        status = path.stat()
        return {"name": path.name, "files": 1, "size": status.st_size, "newest": status.st_mtime}
    statuses = [Path(base, file).stat() for base, _, files in os.walk(path, followlinks=True) for file in files]
    return {
        "name": path.name,
        "files": len(statuses),
        "size": sum(status.st_size for status in statuses),
        "newest": max((status.st_mtime for status in statuses), default=0),
    }
