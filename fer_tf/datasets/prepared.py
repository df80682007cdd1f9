"""Prepared datasets on disk: a folder of plain NumPy files and a dataset.json that tells what they are.

The dataset.json is written last, so a folder that has one is whole. Images are opened as a memory map.
"""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from fer_tf import documents, paths
from fer_tf.datasets.dataset import Dataset, content_hash
from fer_tf.errors import InputError

_ARRAYS = ("images", "labels", "splits", "ids")


def save(dataset, name):
    """Keeps a dataset in data/prepared/<name>/, unless the same content lies there already; returns the folder's Path.

    Raises InputError: the name is no plain name, or the place cannot be written. What is there is then either whole or
        without its dataset.json.
    """
    folder = _folder(name)
    whole, *of_splits = _hashes([dataset, *map(dataset.split, dataset.split_names())])
    record = {
        "name": name,
        "classes": list(dataset.classes),
        "hash": whole,
        "split_hashes": dict(zip(dataset.split_names(), of_splits, strict=True)),
        "shape": list(dataset.images.shape),
        "counts": {split: column.to_dict() for split, column in dataset.counts().items()},
        "source": dataset.source,
    }
    old = saved_record(name)
    if old == record:
        return folder
    described = folder / "dataset.json"
    if old is not None and old["hash"] == whole and _same_ids(folder, dataset):
        # Only the words about it are new. Its date stays, so that nothing that was made from it looks out of date.
        observed = described.stat()
        _write_json(described, record)
        os.utime(described, ns=(observed.st_atime_ns, observed.st_mtime_ns))
        return folder
    with paths.changing(folder):
        described.unlink(missing_ok=True)  # from here on the folder is incomplete until the last line
    for key in _ARRAYS:
        array = getattr(dataset, key)
        with paths.writing(folder / f"{key}.npy") as part:
            if _is_whole_part(array):
                os.replace(array.filename, part)  # images that were read to disk: they need not be written again
            else:
                np.save(part, np.asarray(array))
    _write_json(described, record)
    return folder


def load(name, splits=None):
    """Opens a prepared dataset, see `datasets.load`; its images are memory-mapped, so this takes no time and little memory."""
    record = saved_record(name)
    if record is None:
        raise InputError(f"dataset '{name}' is not prepared: run `make data STUDY=...` with a study that uses it.")
    folder = _folder(name)
    if documents.fault_of_arrays(folder, documents.PREPARED):
        raise InputError(
            f"{folder}: {documents.fault_of_arrays(folder, documents.PREPARED)}. Delete the folder and run "
            "`make data STUDY=...` again."
        )
    try:
        arrays = {key: np.load(folder / f"{key}.npy", mmap_mode="r" if key == "images" else None) for key in _ARRAYS}
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{folder}: {error}. Delete the folder and run `make data STUDY=...` again.") from error
    if list(arrays["images"].shape) != record["shape"]:
        raise InputError(f"{folder}: images.npy doesn't fit dataset.json. Delete the folder and run `make data`.")
    dataset = Dataset(name=record["name"], classes=record["classes"], source=record["source"], **arrays)
    vars(dataset)["hash"] = record["hash"]  # known since it was saved: no need to read every image for it
    if splits is None:
        return dataset
    wanted = (splits,) if isinstance(splits, str) else tuple(splits)
    for split in wanted:
        if split not in dataset.split_names():
            dataset.split(split)  # raises, and says which there are
    return dataset.select(np.isin(dataset.splits, wanted))


def split_hashes(name):
    """The content hash of each split of a prepared dataset when it was prepared: dict, empty where nothing is prepared."""
    record = saved_record(name)
    if record is None:
        return {}
    dataset = load(name)  # written before hashes of splits were recorded
    return record.get("split_hashes") or {split: dataset.split(split).hash for split in dataset.split_names()}


def verify_split(name, split, expected):
    """Refuses a split of a prepared dataset whose content, hashed from its bytes, is not that of `expected` (`split_hashes`).

    Raises InputError: the split is other, or not there.
    """
    if load(name, split).hash != expected:
        raise InputError(
            f"the {split} split of '{name}' is not the one that the run was made with. Put the data of then back, or "
            "execute the run again."
        )


def saved_record(name):
    """What dataset.json says about a prepared dataset: dict, or None where nothing whole is prepared under this name."""
    folder = _folder(name)
    if documents.nests_too_deep(folder / "dataset.json"):
        raise InputError(
            f"{folder / 'dataset.json'}: unreadable. Delete the folder and run `make data STUDY=...` again."
        )
    try:
        record = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if documents.fault(record, documents.DATASET):
        raise InputError(
            f"{folder / 'dataset.json'}: {documents.fault(record, documents.DATASET)}. Delete the folder and run "
            "`make data STUDY=...` again."
        )
    whole = all((folder / f"{key}.npy").is_file() for key in _ARRAYS)
    return record if whole and {"name", "classes", "hash", "shape", "source"} <= set(record) else None


def _folder(name):
    if not name or name != os.path.basename(name) or name.startswith("."):
        raise InputError(f"'{name}' is no name for a dataset. Use letters, digits, '_' and '-'.")
    return paths.prepared(name)


def _is_whole_part(array):
    """Whether an array is all of a file that `image_files` wrote, and not a part of it."""
    file = str(getattr(array, "filename", None) or "")
    return file.endswith(".part.npy") and os.path.getsize(file) == array.offset + array.nbytes


def _hashes(datasets):
    """Their content hashes, computed side by side, while images that were read to disk are brought to it."""
    with ThreadPoolExecutor() as pool:
        if _is_whole_part(datasets[0].images):
            pool.submit(paths.to_disk, Path(datasets[0].images.filename))
        return list(pool.map(lambda one: content_hash(one.images, one.labels, one.splits, one.classes), datasets))


def _same_ids(folder, dataset):
    try:
        return np.array_equal(np.load(folder / "ids.npy"), dataset.ids)
    except (OSError, ValueError, EOFError):
        return False


def _write_json(path, record):
    paths.write_text(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
