"""What a dataset knows of each image beside its label: age, gender, race, arousal, valence, landmarks, votes.

Kept beside the prepared dataset in a file of its own, so that images, labels and their hashes are the same with and without.
"""

import numpy as np
import pandas as pd

from fer_tf import documents, paths
from fer_tf.datasets import prepared
from fer_tf.errors import InputError


def save(name, dataset, values):
    """Keeps the attributes of a dataset that is about to be prepared; without any, those of before are removed.

    Args:
        name: str, the name by which the dataset is prepared.
        dataset: Dataset of n images.
        values: dict of an attribute's name to an array (n, ...) of str or numbers.
    Raises InputError: an array of another length.
    """
    path = paths.prepared(name) / "attributes.npz"
    for key, array in values.items():
        if len(array) != len(dataset):
            raise InputError(f"{name}: {len(array):,} values of {key} for {len(dataset):,} images.")
    if values:
        with paths.writing(path) as part:
            np.savez_compressed(part, dataset=dataset.hash, **values)
    else:
        path.unlink(missing_ok=True)


def load(dataset):
    """The attributes of a prepared dataset's images.

    Args:
        dataset: Dataset of m images, all or some of those that are prepared under its name.
    Returns: dict of an attribute's name to an array (m, ...), in the order of the dataset; empty where it has none.
    Raises InputError: the attributes are of other data than those prepared.
    """
    path, record = paths.prepared(dataset.name) / "attributes.npz", prepared.saved_record(dataset.name)
    if record is None or not path.is_file():
        return {}
    if documents.is_damaged_zip(path):
        raise InputError(f"{path} is damaged. Remove it and run `make data STUDY=...` again.")
    with np.load(path) as saved:
        if str(saved["dataset"]) != record["hash"]:
            raise InputError(f"{path} is of other images. Remove it and run `make data STUDY=...` again.")
        values = {key: saved[key] for key in saved.files if key != "dataset"}
    place = {one: row for row, one in enumerate(prepared.load(dataset.name).ids.tolist())}
    try:
        rows = np.array([place[one] for one in dataset.ids.tolist()], dtype=np.int64)
    except KeyError as error:
        raise InputError(f"the image {error} is not in the prepared dataset '{dataset.name}'.") from error
    return {key: array[rows] for key, array in values.items()}


def names(values):
    """The attributes that put images into groups (str arrays), and those that measure (float arrays (n,)): two lists."""
    groups = [key for key, array in values.items() if array.dtype.kind == "U" and array.ndim == 1]
    return groups, [key for key, array in values.items() if array.dtype.kind == "f" and array.ndim == 1]


def group_counts(dataset, values):
    """How many images of each class each group has.

    Args:
        dataset: Dataset of n images.
        values: dict of `load`.
    Returns: DataFrame, index (attribute, group), columns the classes and "all"; empty without groups.
    """
    parts = [
        pd.crosstab(values[key], np.array(dataset.classes)[dataset.labels])
        .reindex(columns=list(dataset.classes), fill_value=0)
        .rename_axis("group")
        .assign(attribute=key)
        for key in names(values)[0]
    ]
    if not parts:
        return pd.DataFrame(columns=["attribute", "group", *dataset.classes, "all"])
    table = pd.concat(parts).reset_index().set_index(["attribute", "group"])
    return table.assign(all=table.sum(axis=1)).reset_index().rename_axis(columns=None)
