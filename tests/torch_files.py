"""State dicts written in PyTorch's two forms, without PyTorch."""

import io
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from types import SimpleNamespace
from unittest import mock

import numpy as np

from fer_tf.models import torch_weights


class _FloatStorage:
    __module__, __qualname__ = "torch", "FloatStorage"


def _rebuild_tensor_v2(*parts):
    raise AssertionError("only its name is pickled")


_rebuild_tensor_v2.__module__ = "torch._utils"
NAMES = SimpleNamespace(FloatStorage=_FloatStorage, _rebuild_tensor_v2=_rebuild_tensor_v2)


class _Storage:
    def __init__(self, place):
        self.place = place


def _pickled(arrays, size, **extra):
    """A state dict as a pickle whose numbers stand elsewhere, in the order of the arrays."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return value.place if isinstance(value, _Storage) else None

        def reducer_override(self, value):
            if not isinstance(value, np.ndarray):
                return NotImplemented
            number = [id(array) for array in arrays.values()].index(id(value))
            storage = _Storage(("storage", _FloatStorage, str(number), "cpu", value.size, None)[:size])
            strides = tuple(stride // 4 for stride in value.strides)
            return _rebuild_tensor_v2, (storage, 0, value.shape, strides, False, OrderedDict())

    file = io.BytesIO()
    with mock.patch.dict(sys.modules, {"torch": NAMES, "torch._utils": NAMES}):
        Pickler(file, protocol=2).dump(OrderedDict(arrays, **extra))
    return file.getvalue()


def save(path, arrays, **extra):
    """As since version 1.6: a zip of a pickle and one raw file for each array."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", _pickled(arrays, 5, **extra))
        for i, array in enumerate(arrays.values()):
            archive.writestr(f"archive/data/{i}", array.tobytes())


def save_old(path, arrays, length_error=0):
    """As before: pickles in a row, then the numbers."""
    with open(path, "wb") as file:
        for part in (torch_weights._MAGIC, 1001, {"little_endian": True}):
            pickle.dump(part, file, protocol=2)
        file.write(_pickled(arrays, 6))
        pickle.dump([str(i) for i in range(len(arrays))], file, protocol=2)
        for array in arrays.values():
            file.write(struct.pack("<q", array.size + length_error) + array.tobytes())
