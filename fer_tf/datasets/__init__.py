"""Datasets: read from whatever form they come in, kept in one prepared form, and opened in no time.

    faces = datasets.prepare("fer2013", "archive.zip")   # once
    faces = datasets.load("fer2013")                     # ever after

Each source has its reader in a module of its own; all of them return a `Dataset`.
"""

# ruff: noqa: F401 (what is imported here is the interface)

import inspect
import json
import os
from collections.abc import Callable
from dataclasses import dataclass

from fer_tf import documents, hashing, paths
from fer_tf.datasets import (
    affectnet,
    attributes,
    class_folders,
    fer2013,
    fer_plus,
    five_class,
    prepared,
    rafdb,
    sample,
    standin,
)
from fer_tf.datasets.class_folders import read_folders
from fer_tf.datasets.dataset import SPLITS, Dataset
from fer_tf.datasets.fer2013 import read_fer2013
from fer_tf.datasets.prepared import save, split_hashes, verify_split
from fer_tf.datasets.summary import basic_statistics, split_counts
from fer_tf.errors import InputError, choose


@dataclass(frozen=True)
class Source:
    """Where a dataset comes from.

    Args:
        read: function of a path and options to a `Dataset`; of options alone where `where_to_get_it` is None.
        where_to_get_it: str, the sentence for whoever lacks its files, without its full stop.
        files: str, the dataset whose files these are, where several are read from the same ones.

    A reader whose dataset knows more of each image returns (`Dataset`, attributes), see `attributes`.
    """

    read: Callable
    where_to_get_it: str | None = None
    files: str = ""


SOURCES = {
    "sample": Source(sample.sample),
    "fer2013": Source(read_fer2013, fer2013.WHERE),
    "fer2013_five": Source(fer2013.read_five, fer2013.WHERE, files="fer2013"),
    "fer_plus": Source(fer_plus.read_fer_plus, fer_plus.WHERE),
    "rafdb": Source(rafdb.read_rafdb, rafdb.WHERE),
    "affectnet": Source(affectnet.read_affectnet, affectnet.WHERE),
    "affectnet7": Source(affectnet.read_affectnet7, affectnet.WHERE, files="affectnet"),
    "five_class": Source(five_class.read_five_class, five_class.WHERE),
    "folders": Source(read_folders, class_folders.WHERE),
}
"""The datasets that can be prepared, by name. A new one is a reader in a file of its own, and a line here."""


def names():
    """The names of the datasets that can be prepared."""
    return tuple(SOURCES)


def prepare(name, source=None, **options):
    """Reads a dataset, keeps its prepared form under data/prepared/<name>/, and returns it.

    Args:
        name: one of `names()`.
        source: where its files lie; by default the environment variable of its name (FER2013), else data/raw/<name>*.
            The embedded sample needs none.
        options: the reader's own, such as `n`, `size`, `channels` and `seed` of the sample.
    Returns: Dataset, opened as `load` does. Where it was prepared before by the same code from the same files with the
        same options, nothing is read again.
    Raises InputError: an unknown name or option, an option's value that does not fit, or a source that is missing or wrong.

    Example:
        >>> faces = prepare("sample", n=140)
        >>> faces.split("train").images.shape
        (111, 48, 48, 1)
    """
    read = SOURCES[choose("dataset", name, SOURCES)].read
    defaults = {key: one.default for key, one in inspect.signature(read).parameters.items() if key != "path"}
    for option, value in options.items():
        choose(f"option of {name}", option, defaults)
        if wrong := documents.misfit(option, value, defaults[option]):
            raise InputError(f"options of {name}: {wrong}.")
    choose("channels", options.get("channels", 1), (1, 3))
    path = find(name, source) if SOURCES[name].where_to_get_it else None
    options = json.loads(json.dumps(options))  # as it will be read back: a tuple becomes a list
    made_by = {"options": options, "code": hashing.code_digest(read), "files": _fingerprint(path)}
    if "exclude" in options:  # a path, of a list that may have grown
        made_by["excluded"] = hashing.digest(sorted(five_class.excluded(options["exclude"])))
    if not _is_made(name, made_by):
        with paths.locked(paths.prepared(f".{name}.lock"), name):
            if not _is_made(name, made_by):  # by whom it waited for
                result = read(path, **options) if path else read(**options)
                dataset, values = result if isinstance(result, tuple) else (result, {})
                if path and (path / standin.MARK).is_file():
                    dataset.source["drawn"] = True
                dataset.source["made_by"] = made_by
                attributes.save(name, dataset, values)
                save(dataset, name)
    return load(name)


def _is_made(name, made_by):
    record = prepared.saved_record(name)
    return bool(record) and record["source"].get("made_by") == made_by


def load(name, splits=None):
    """Opens a prepared dataset; the embedded sample is drawn first where it isn't there yet.

    Args:
        name: str, as given to `prepare` or `save`.
        splits: names of the splits wanted, or one name; all of them by default.
    Returns: Dataset, its images memory-mapped.
    Raises InputError: nothing is prepared under this name, its files don't fit together, or it has no such split.

    Example:
        >>> prepare("sample", n=140).hash == load("sample").hash
        True
        >>> load("sample", splits=("train", "validation")).split_names()
        ('train', 'validation')
    """
    if name == "sample" and prepared.saved_record(name) is None:
        prepare(name)
    return prepared.load(name, splits)


def find(name, source=None):
    """Where a dataset's files lie: at `source`, where its environment variable points, or in data/raw; a Path.

    Raises InputError: there is nothing; the message says where to get it and where to put it.
    """
    where, name = SOURCES[name].where_to_get_it, SOURCES[name].files or name
    variable = name.upper()
    where_from = "" if source else f" ({variable} points there)"
    if chosen := source or os.environ.get(variable):
        path = paths.resolve(chosen)
        if not path.exists():
            raise InputError(f"{name}: there is nothing at {path}{where_from}. {where} and put it in data/raw/{name}/.")
        return path
    folder = paths.raw(name)
    if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        return folder
    if archives := sorted(path for path in folder.parent.glob(f"{name}.*") if path.is_file()):
        return archives[0]
    raise InputError(f"{name} is not there. {where} and put it in data/raw/{name}/, or set {variable}=its path.")


def _fingerprint(path):
    """Names, sizes and dates of a source's files: enough to see whether it is the one read before. A file that was moved into
    another class's folder has another name.
    """
    if path is None:
        return None
    files = [base / name for base, _, names in paths.walk(path) for name in names] if path.is_dir() else [path]
    statuses = [file.stat() if file.exists() else file.lstat() for file in files]
    return {
        "name": path.name,
        "files": len(statuses),
        "size": sum(status.st_size for status in statuses),
        "newest": max((status.st_mtime for status in statuses), default=0),
        "names": hashing.digest(sorted(str(file.relative_to(path)) for file in files)),
    }
