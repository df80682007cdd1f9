"""Where files lie, and how they are read and written: within bounds, never half there, and never by two at once."""

import os
import shutil
import socket
import stat
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

from fer_tf.errors import InputError

MOST_BYTES = 200_000_000
"""A larger file from outside is refused unless its reader says otherwise: about twice the largest photograph there is."""


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
    return (root() / from_home(path)).resolve()


def from_home(path):
    """`path` as a Path, a leading ~ as the home folder it stands for; as it is where no such user is known."""
    with suppress(RuntimeError):
        return Path(path).expanduser()
    return Path(path)


NO_TEXT = "its name is no text, and OpenCV cannot open it. Rename it."
"""What a refusal of a path says that `is_text` finds to be none."""


def is_text(path):
    """Whether a path can be written as UTF-8: OpenCV crashes at one that cannot."""
    with suppress(UnicodeEncodeError):
        return bool(str(path).encode())
    return False


def raw(name):
    """Where the dataset `name` is expected as it was downloaded."""
    return root() / "data" / "raw" / name


def prepared(name):
    """Where the prepared form of the dataset `name` lies."""
    return root() / "data" / "prepared" / name


def committed(path):
    """The text of a file as it was last committed, "" where git does not know it."""
    command = ["git", "show", f"HEAD:./{path.name}"]
    try:
        return subprocess.run(command, cwd=path.parent, capture_output=True, encoding="utf-8", check=True).stdout
    except (OSError, UnicodeDecodeError, subprocess.CalledProcessError):  # no git, no clone, or no such file in it
        return ""


def study(name):
    """The folder of a study's results."""
    return root() / "reports" / name


def open_regular(path, advice="Give the path of a file."):
    """Opens a regular file to read bytes; a pipe or a device, which might never end, is refused without waiting for it.

    Args:
        path: of the file, or of a link to one.
        advice: str, the sentence with which a refusal ends.
    Returns: Binary stream, to be closed by the caller.
    Raises InputError: nothing is there, it is no regular file, or may not be read.
    """
    try:
        file = open(  # noqa: SIM115 (closed by the caller)
            path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))
        )
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file. {advice}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}). {advice}") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InputError(f"{path}: cannot be read (a pipe or a device, not a file). {advice}")
    return file


def read_bytes(path, most=MOST_BYTES, advice="Give the path of a file."):
    """The bytes of a regular file.

    Args:
        path, advice: see `open_regular`.
        most: int, bytes; a larger file is refused before it is read.
    Returns: bytes.
    Raises InputError: it cannot be read, or is too large.
    """
    with open_regular(path, advice) as file:
        try:
            data = file.read(most + 1)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}). {advice}") from error
    if len(data) > most:
        raise InputError(f"{path}: larger than {most / 1e6:g} MB. {advice}")
    return data


def walk(folder):
    """The files in a folder and in those below it, also behind links; a folder that links lead back to is entered once.

    Args:
        folder: Path.
    Yields: (Path of a folder, names of the folders in it, names of what else is in it), as `os.walk`, in order of name.
    Raises InputError: one of the folders may not be read.
    """

    def refuse(error):
        raise InputError(
            f"{error.filename}: this folder cannot be read ({error.strerror}). Mend or move it."
        ) from error

    entered = {os.path.realpath(folder)}
    for base, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        folders[:] = [name for name in sorted(folders) if os.path.realpath(os.path.join(base, name)) not in entered]
        entered.update(os.path.realpath(os.path.join(base, name)) for name in folders)
        yield Path(base), folders, sorted(names)


@contextmanager
def locked(path, what, made=None):
    """Holds a lock as long as a `with` block lasts; waits for whoever holds it, and says so in one line.

    The system frees it when its holder ends, however that happens.

    Args:
        path: of the lock file, which stays and names its last holder.
        what: str, what the lock is for, such as a run's name.
        made: Path of the file that the holder makes, or None.
    Yields: (int, file descriptor; a child process that gets it holds the lock too. bool, whether the holder that was
        waited for made the file: whether it is there, and another than when that one took the lock, whatever the clock.)
    Raises InputError: the place cannot be written.
    """
    import fcntl  # not on Windows, where photographs are read as well

    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise InputError(f"{path}: could not be written ({error.strerror}). Choose another place.") from error
    try:
        before = None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _note(descriptor)[0]
            print(f"{what} is being made by {holder or 'another process'}; waiting", flush=True)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            before = _note(descriptor)[1:]
        now = _identity(made) if made else "none"
        made_meanwhile = bool(before) and now != "none" and before != [now]
        note = before[0] if made_meanwhile else now  # the third that waits is to see what the first made
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n{note}".encode(), 0)
        yield descriptor, made_meanwhile
    finally:
        os.close(descriptor)


def date_after(files, others):
    """Gives files a date after that of others, where the clock was set back: make compares dates."""
    newest = max((path.stat().st_mtime_ns for path in others if path.is_file()), default=0)
    for path in files:
        if path.is_file() and path.stat().st_mtime_ns <= newest:
            os.utime(path, ns=(newest + 1000, newest + 1000))


def _note(descriptor):
    """What a lock file says: its holder, and the `_identity` of the file to be made when the lock was taken."""
    return os.pread(descriptor, 400, 0).decode("utf-8", "replace").splitlines() or [""]


def _identity(path):
    """What tells a file from one that is written in its place later; "none" where there is none."""
    with suppress(FileNotFoundError):
        status = Path(path).stat()
        return f"{status.st_ino} {status.st_mtime_ns}"
    return "none"


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
        with changing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            to_disk(part)
            if part.is_dir() and path.exists():
                shutil.rmtree(path)
            os.replace(part, path)
    finally:
        with suppress(OSError):  # a file that stands where a folder should is told above
            shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)


@contextmanager
def changing(path):
    """Says in one line where the system refuses what is done to a file in the block.

    Raises InputError: it did; the message names `path`.
    """
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path}: could not be written ({error.strerror or error}). Free some space, or go elsewhere."
        ) from error


def write_text(path, text):
    """Writes `text` to `path` as UTF-8, whole or not at all."""
    with writing(path) as part:
        part.write_text(text, encoding="utf-8")


def to_disk(path):
    """Returns when a file's bytes are on the disk."""
    if path.is_file():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
