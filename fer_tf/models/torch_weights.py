"""Reads the arrays of a weights file that PyTorch saved, without PyTorch and without running anything that it holds."""

import pickle
import zipfile
from collections import OrderedDict

import numpy as np

from fer_tf import documents
from fer_tf.errors import InputError

_STORAGES = {
    "FloatStorage": np.float32,
    "DoubleStorage": np.float64,
    "HalfStorage": np.float16,
    "LongStorage": np.int64,
}
_MAGIC = 0x1950A86A20F9469CFC6C
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError)


def read(path):
    """The arrays of a `.pth` file by name.

    Args:
        path: a state dict that PyTorch saved, as a zip archive (since 1.6) or as a row of pickles (before).
    Returns: dict name -> array.
    Raises InputError: it is no such file, or holds anything but arrays.
    """
    if documents.has_a_damaged_length(_read_archive if zipfile.is_zipfile(path) else _read_pickles, path):
        raise InputError(f"{path}: damaged. Download it again.")
    try:
        return _read_archive(path) if zipfile.is_zipfile(path) else _read_pickles(path)
    except (zipfile.BadZipFile, StopIteration, EOFError, pickle.UnpicklingError, *_MALFORMED) as error:
        raise InputError(f"{path}: not a state dict of arrays that PyTorch saved. Download it again.") from error


def arrays_of(saved, layer):
    """A Keras layer's weights as a PyTorch network of the same layout has them, under the layer's name.

    Args:
        saved: dict of `read`.
        layer: Conv2D, DepthwiseConv2D, Dense or BatchNormalization.
    Returns: list of arrays, in Keras's order and axes.
    Raises KeyError: there is none of that name.
    """
    norm = ("weight", "bias", "running_mean", "running_var")
    kinds = norm if type(layer).__name__ == "BatchNormalization" else norm[: len(layer.weights)]
    first, *rest = (saved[f"{layer.name}.{kind}"] for kind in kinds)
    if first.ndim == 4:
        # From (out, in, h, w) to (h, w, in, out); a depthwise kernel has in = 1 and stays (h, w, out, 1).
        first = first.transpose((2, 3, 0, 1) if type(layer).__name__ == "DepthwiseConv2D" else (2, 3, 1, 0))
    return [first.T if first.ndim == 2 else first, *rest]


def _read_archive(path):
    with zipfile.ZipFile(path) as archive:
        pickled = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        folder = pickled.removesuffix("data.pkl")
        with archive.open(pickled) as file:
            return dict(_Arrays(file, lambda name, kind, count: archive.read(f"{folder}data/{name}")).load())


def _read_pickles(path):
    # A magic number, a version, facts of the machine, the dict, the names of its storages; then the storages, each behind
    # its count of numbers. The dict is read twice: for the kinds of the storages, and when their numbers are known.
    with open(path, "rb") as file:
        magic, _, _ = (_Arrays(file).load() for _ in range(3))
        if magic != _MAGIC:
            raise ValueError("no magic number")
        start, storages = file.tell(), {}

        def empty(name, kind, count):
            storages[name] = (count, np.dtype(kind).itemsize)
            return bytes(count * np.dtype(kind).itemsize)

        _Arrays(file, empty).load()
        for name in _Arrays(file).load():
            count, itemsize = storages[name]
            if int.from_bytes(file.read(8), "little") != count:
                raise ValueError(f"storage {name} has another length")
            storages[name] = file.read(count * itemsize)
        file.seek(start)
        return dict(_Arrays(file, lambda name, kind, count: storages[name]).load())


class _Arrays(pickle.Unpickler):
    """Builds dicts and arrays only; any other name that the file asks for is refused.

    Args:
        file: open binary file.
        storage: callable, (name, kind, count) to the bytes of `count` numbers.
    """

    def __init__(self, file, storage=None):
        super().__init__(file)
        self.storage = storage

    def find_class(self, module, name):
        allowed = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _array,
            ("torch._utils", "_rebuild_parameter"): lambda array, *rest: array,
        }
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        if (module, name) in allowed:
            return allowed[module, name]
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, key):
        _, kind, name, _, count = key[:5]
        return np.frombuffer(self.storage(name, kind, count), kind, count)


def _array(storage, offset, shape, strides, *rest):
    places = sum(
        (stride * index for stride, index in zip(strides, np.indices(shape, sparse=True), strict=True)),
        np.array(offset),
    )
    return storage[places]
