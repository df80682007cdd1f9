"""Where files lie. The one module that knows the project's folders, and how a file is written so that it is never half there."""

import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path

from fer_tf.errors import InputError


def root():
    """The project's folder: $FER_TF_ROOT, else the nearest parent of the working folder with notebooks/ and a Makefile.

    Returns: Path, absolute. The working folder itself where nothing like the project is found, so that an installed
        package works anywhere.
    """
    if values := os.environ.get("FER_TF_ROOT"):
        return Path(values).resolve()
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / "notebooks").is_dir() and (folder / "Makefile").is_file():
            return folder
    return here


def resolve(path):
    """`path` as an absolute Path, relative ones seen from the project's folder rather than the notebook's."""
    return (root() / Path(path).expanduser()).resolve()


def raw(name):
    """Where the dataset `name` is expected as it was downloaded."""
    return root() / "data" / "raw" / name


def prepared(name):
    """Where the prepared form of the dataset `name` lies."""
    return root() / "data" / "prepared" / name


def study(name):
    """The folder of a study's results."""
    return root() / "reports" / name


@contextmanager
def writing(path):
    """A temporary path beside `path` that takes its place when the block ends well, and vanishes when it does not.

    Args:
        path: the file (or folder) to be written; its parent folders are made.
    Yields: Path with the same suffix, to be written by the caller.
    Raises InputError: the disk is full or the place cannot be written. What stood at `path` before is untouched.
    """
    path = Path(path)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        _to_disk(part)
        if part.is_dir() and path.exists():
            shutil.rmtree(path)
        os.replace(part, path)
    except OSError as error:
        raise InputError(
            f"{path}: could not be written ({error.strerror or error}). Free some space, or go elsewhere."
        ) from error
    finally:
        with suppress(OSError):  # a file that stands where a folder should is told above
            shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)


def write_text(path, text):
    """Writes `text` to `path` as UTF-8, whole or not at all."""
    with writing(path) as part:
        part.write_text(text, encoding="utf-8")


def _to_disk(path):
    if path.is_file():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
