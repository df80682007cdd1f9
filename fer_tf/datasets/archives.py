"""Files of a folder, a zip or a tar behind one face, so that a reader need not know how its data came.

An archive is judged by its list of names before anything in it is read; nothing is ever unpacked to disk.
"""

import csv
import io
import os
import tarfile
import threading
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from fer_tf import paths
from fer_tf.errors import InputError, first_line

MOST_BYTES = 50_000_000
"""Of one file among many, such as an image: a small zip can hold an entry of many gigabytes."""
_MOST_HEADER = 1_000_000  # bytes of a tar's entry; the longest path that systems take has 4,096
_MOST_LINE = 1_000_000  # characters of a table's line; the longest known, 68 landmarks, has about 1,500
ARCHIVES = (".zip", ".tar.gz", ".tgz", ".tar")
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
_LONG_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_PAX = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_JUNK = {"thumbs.db", "desktop.ini", "__macosx"}


@dataclass(frozen=True)
class Files:
    """What a folder or an archive holds.

    Args:
        label: str, how a message calls it.
        kind: "folder", "zip" or "tar".
        names: the files' names with forward slashes, sorted, without what systems leave behind (.DS_Store, Thumbs.db).
        open: a name to a binary stream; in a zip and a folder, several threads may do so at once.
        lock: held by `read`, which several threads may call at once: those of a tar share one stream.
        places: dict, where in a tar each file begins, in bytes; empty for a folder and a zip.
    """

    label: str
    kind: str
    names: tuple
    open: Callable
    lock: AbstractContextManager = field(default_factory=nullcontext)
    places: dict = field(default_factory=dict)

    def images(self):
        """The names that end as an image's does: list."""
        return [name for name in self.names if name.lower().endswith(IMAGES)]

    def read(self, name):
        """The bytes of one file.

        Raises InputError: it has more than `MOST_BYTES`, or a folder's file is a pipe or a link to nothing.
        """
        with self.lock, self.open(name) as stream:
            data = stream.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise InputError(f"is larger than {MOST_BYTES / 1e6:g} MB")
        return data

    def apply(self, act, name):
        """`act(name)`, such as of `open` or `read`; whatever is wrong with the file is an InputError that names it."""
        try:
            return act(name)
        except Exception as error:  # zipfile, tarfile and zlib raise half a dozen kinds for one damaged entry
            what = str(error) if isinstance(error, InputError) else f"is damaged ({first_line(error)})"
            raise InputError(f"{self.label}: {name} {what}. Download the dataset again.") from error

    def text(self, name):
        """A text file, whatever in it is not UTF-8 replaced; errors as of `apply`."""
        return self.apply(self.read, name).decode("utf-8-sig", "replace")

    def table(self, name, columns):
        """Yields the rows of a CSV of any length, each a dict, "" where a cell is missing.

        Raises InputError: it cannot be read to its end, or lacks one of `columns`.
        """
        with self.apply(self.open, name) as stream:
            reader = csv.DictReader(_lines(io.TextIOWrapper(stream, "utf-8-sig", "replace", newline="")), restval="")
            try:
                missing = [column for column in columns if column not in (reader.fieldnames or ())]
                yield from () if missing else reader
            except Exception as error:  # csv, zipfile, tarfile and zlib raise half a dozen kinds
                where = f"{self.label}: {name}, about row {reader.line_num}"
                raise InputError(f"{where}: {first_line(error)}. Download it again.") from error
        if missing:
            raise InputError(f"{self.label}: {name} has no column '{missing[0]}'. Give the official file.")


@contextmanager
def opened(path):
    """Opens a folder, a zip or a tar as `Files`.

    Raises InputError: there is nothing at `path`, the archive is damaged or empty, or a name in it would lie outside.
    """
    path = Path(path)
    if path.is_dir():
        yield _folder(path)
        return
    paths.open_regular(path, "Give the dataset as a folder, .zip or .tar.gz.").close()
    if not path.name.lower().endswith(ARCHIVES):
        raise InputError(f"{path.name}: not a folder, .zip or .tar.gz. Give the dataset in one of these forms.")
    kind = "zip" if path.name.lower().endswith(".zip") else "tar"
    try:
        archive = zipfile.ZipFile(path) if kind == "zip" else tarfile.open(path, tarinfo=_Entry)  # noqa: SIM115 (closed below)
        infos = archive.infolist() if kind == "zip" else archive.getmembers()
    except Exception as error:  # zipfile, tarfile and zlib raise half a dozen kinds
        raise InputError(f"{path.name}: not a whole {kind} file ({first_line(error)}). Download it again.") from error
    with archive:
        yield (_zip if kind == "zip" else _tar)(path.name, archive, infos)


class _Entry(tarfile.TarInfo):
    """An entry of a tar whose headers are bounded: tarfile takes a name of any length into memory."""

    def _proc_member(self, tar):
        if self.type in (*_LONG_NAMES, *_PAX) and self.size > _MOST_HEADER:
            raise InputError(f"a header of {self.size:,} bytes")
        return super()._proc_member(tar)


def _lines(text):
    while line := text.readline(_MOST_LINE):
        if len(line) == _MOST_LINE:
            raise InputError(f"more than {_MOST_LINE:,} characters")
        yield line


def _folder(path):
    names, root = {}, os.path.realpath(path)
    for base, below, files in paths.walk(path):
        here = base.relative_to(path)
        below[:] = [name for name in below if not _junk((name,))]
        for name in (*below, *files):  # at its top, a link that leads out is what a person put there on purpose
            leads_to = os.path.realpath(base / name) if here.parts and os.path.islink(base / name) else root
            if os.path.commonpath([root, leads_to]) != root:
                where = f"{path.name}: the link {(here / name).as_posix()}"
                raise InputError(f"{where} leads out of the folder. Put the file itself there.")
        names.update({(here / name).as_posix(): base / name for name in files})

    def open_file(name):
        try:
            return paths.open_regular(names[name])
        except InputError as error:
            raise InputError("is no file that can be read: a pipe, a link to nothing, or not yours") from error

    return _files(path.name, "folder", names, open_file)


def _zip(label, archive, infos):
    _refuse_climbing(label, [info.filename for info in infos])
    if any(info.flag_bits & 1 for info in infos):
        raise InputError(f"{label}: the zip is encrypted. Unpack it and give the folder.")
    names = {_posix(info.filename): info for info in infos if not info.is_dir()}
    return _files(label, "zip", names, lambda name: archive.open(names[name]))


def _tar(label, archive, infos):
    _refuse_climbing(label, [info.name for info in infos])
    for info in infos:
        if not (info.isfile() or info.islnk() or info.isdir() or _junk(_posix(info.name).split("/"))):
            how = "Pack the files themselves (tar -h), or unpack it and give the folder"
            raise InputError(f"{label}: the entry '{info.name}' is a symbolic link or a device. {how}.")
    names = {_posix(info.name): info for info in infos if not info.isdir()}
    starts = {info.name: info.offset for info in infos if info.isfile()}
    places = {
        name: starts.get(info.linkname, info.offset) for name, info in names.items()
    }  # of a hard link, its file's
    return _files(label, "tar", names, lambda name: archive.extractfile(names[name]), threading.Lock(), places)


def _files(label, kind, names, *how):
    names = tuple(sorted(name for name in names if not _junk(name.split("/"))))
    if not names:
        raise InputError(f"{label}: the {kind} holds no files. Download the dataset again.")
    return Files(label, kind, names, *how)


def _refuse_climbing(label, names):
    for name in names:
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if ".." in parts or (parts and (parts[0] == "/" or parts[0].endswith(":"))):
            raise InputError(f"{label}: the entry '{name}' points outside the archive. Download it again.")


def _posix(name):
    return PurePosixPath(name.replace("\\", "/")).as_posix()


def _junk(parts):
    return any(part.startswith(".") or part.lower() in _JUNK for part in parts)
