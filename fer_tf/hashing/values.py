"""Hashes of values and of files."""

import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np


def digest(*parts):
    """SHA-256 of values.

    Args:
        *parts: bytes, NumPy arrays (their dtype, shape and values), and what JSON can hold.
    Returns: str, 64 hexadecimal digits.

    Example:
        >>> digest("a", 1)[:12] == digest("a", 1)[:12] != digest("a1")[:12]
        True
    """
    sha = hashlib.sha256()
    for part in parts:
        if isinstance(part, bytes):
            sha.update(b"bytes %d:" % len(part) + part)
        elif isinstance(part, np.ndarray):
            sha.update(f"array {part.dtype.str} {part.shape}:".encode())
            sha.update(np.ascontiguousarray(part).tobytes())
        else:
            sha.update(f"json {json.dumps(part, sort_keys=True, default=str)}:".encode())
    return sha.hexdigest()


def file_digest(path):
    """SHA-256 of a file's bytes, 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_digest(path):
    """SHA-256 of what a zip file such as a `.keras` or `.npz` holds, 64 hexadecimal digits; of another file, of its bytes.

    Dates do not count, neither those of the zip's entries nor the one in Keras's metadata.json: a network that is saved
    again is the same one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist()) - {"metadata.json"}
            return digest({name: digest(archive.read(name)) for name in names})
    except Exception:  # zipfile and zlib raise a dozen kinds for damaged bytes
        return file_digest(path)
