"""Reads the arrays of a weights file that PyTorch saved, without PyTorch and without running anything that it holds."""

import pickle
import zipfile
from collections import OrderedDict

import numpy as np

from fer_tf.errors import InputError

_STORAGES = {
    "FloatStorage": np.float32,
    "DoubleStorage": np.float64,
    "HalfStorage": np.float16,
    "LongStorage": np.int64,
}


def read(path):
    """The arrays of a `.pth` file by name.

    Args:
        path: a state dict that PyTorch 1.6 or later saved (a zip archive).

    Returns: dict name -> array.
    Raises InputError: it is no such file, or holds anything but arrays.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            pickled = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            with archive.open(pickled) as file:
                return dict(_Arrays(file, archive, pickled.removesuffix("data.pkl")).load())
    except (zipfile.BadZipFile, StopIteration, pickle.UnpicklingError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a state dict of arrays that PyTorch saved. Download it again.") from error


class _Arrays(pickle.Unpickler):
    """Builds dicts and arrays only; any other name that the file asks for is refused."""

    def __init__(self, file, archive, folder):
        super().__init__(file)
        self.archive, self.folder = archive, folder

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
        _, kind, name, _, count = key
        return np.frombuffer(self.archive.read(f"{self.folder}data/{name}"), kind, count)


def _array(storage, offset, shape, strides, *rest):
    places = sum(
        (stride * index for stride, index in zip(strides, np.indices(shape, sparse=True), strict=True)),
        np.array(offset),
    )
    return storage[places]
