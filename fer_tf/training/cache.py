"""Results that are computed once for the same arguments and code, kept on disk by joblib, and opened as memory maps."""

import joblib

from fer_tf import hashing, paths


def cached(function, *arguments, code=()):
    """What a function returns, computed where it is not kept yet; arrays are read-only memory maps below data/prepared/cache.

    Args:
        function: a module's function of `arguments`.
        *arguments: arrays, and whatever else can be pickled; all of it is part of the key.
        code: definitions of the package, beside the function itself, whose behavior is part of the key.
    """
    memory = joblib.Memory(paths.prepared("cache"), mmap_mode="r", verbose=0)
    return memory.cache(_computed)(function, arguments, hashing.code_digest(function, *code))


def _computed(function, arguments, code):
    return function(*arguments)
