"""Image files to one uint8 array: decoded in parallel, each file checked, and every bad one named.

What is larger than `IN_MEMORY` is written to disk image by image, so that memory does not grow with the number of images.
"""

import atexit
import io
import itertools
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from fer_tf import paths
from fer_tf.errors import InputError, choose, first_line

IN_MEMORY = 2**30
"""Bytes of images up to which they are kept in memory while they are read."""
MOST_PIXELS = 50_000_000
"""Of an image in a dataset: a few kilobytes can hold a picture that fills memory when it is decoded."""

_FRAMES = {bytes([marker]) for marker in range(0xC0, 0xD0)} - {b"\xc4", b"\xc8", b"\xcc"}  # JPEG: where its size stands
_THREADS = max(4, os.cpu_count() or 1)
_NUMBERS = itertools.count()


def read_images(files, names, size, channels=1, resize=True, unreadable="refuse", boxes=None):
    """Decodes image files to one size.

    Args:
        names: names in `files`, n of them.
        size, channels, unreadable: as of `class_folders.read_folders`.
        resize: bool, whether images of another size are resized (see `resize_square`); else they are refused.
        boxes: int array (n, 4), left, top, width and height in pixels of the part of each image to take, or None.
    Returns: images: uint8 array (m, size, size, channels) in the order of `names`, a memory map where they are many.
        rows: int array (m,), which of `names` they are. skipped: list of str, a sentence for each file left out.
    Raises InputError: a file is no whole image and `unreadable` is "refuse", or images have another size and are not to
        be resized.
    """
    choose("unreadable", unreadable, ("refuse", "skip"))
    store = _Store((len(names), size, size, channels))
    failures, sizes = {}, {}

    def fill(rows):
        for row in rows:
            try:
                image = decode(files.read(names[row]), channels)
                if boxes is not None:
                    image = crop(image, boxes[row])
            except InputError as error:
                failures[row] = str(error)
                continue
            except Exception as error:  # zipfile and zlib raise half a dozen kinds for one damaged entry
                failures[row] = f"cannot be read ({first_line(error)})"
                continue
            sizes[row] = image.shape[:2]
            if image.shape[:2] == (size, size):
                store.write(row, image)
            elif resize:
                store.write(row, resize_square(image, size))

    try:
        with ThreadPoolExecutor(_THREADS) as pool:
            # A tar is read by one thread from its start to its end: a compressed one begins anew to go back.
            order = np.argsort([files.places.get(name, 0) for name in names], kind="stable")
            list(pool.map(fill, np.array_split(order, 1 if files.places else max(1, len(names) // 256))))
        if failures and unreadable == "refuse":
            first = min(failures)
            more = f" (and {len(failures) - 1:,} more files)" if len(failures) > 1 else ""
            what = f"{files.label}: {names[first]} {failures[first]}{more}"
            raise InputError(f"{what}. Replace it, or give unreadable='skip'.")
        others = [row for row in sorted(sizes) if sizes[row] != (size, size)]
        if others and not resize:
            (height, width), counts = sizes[others[0]], Counter(sizes.values()).most_common(4)
            what = f"{names[others[0]]} is {width}x{height} pixels, expected {size}x{size}"
            several = ", ".join(f"{n:,} of {w}x{h}" for (h, w), n in counts)
            hint = "Give the original images, not resized ones"
            raise InputError(f"{files.label}: {what} (images found: {several}). {hint}.")
    except BaseException:
        store.remove()
        raise
    rows = np.array(sorted(sizes), dtype=np.int64)
    skipped = [f"{names[row]} {failures[row]}" for row in sorted(failures)]
    return (store.select(rows) if failures else store.array()), rows, skipped


class _Store:
    """Where images are put while they are read: an array in memory, or a file beside the prepared data."""

    def __init__(self, shape):
        self.shape, self.path = shape, None
        if np.prod(shape, dtype=np.int64) <= IN_MEMORY:
            self.images = np.zeros(shape, dtype=np.uint8)
            return
        self.path = paths.prepared(f".{os.getpid()}.{next(_NUMBERS)}.part.npy")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.offset = np.lib.format.open_memmap(self.path, "w+", np.uint8, shape).offset
        self.file = os.open(self.path, os.O_WRONLY)
        atexit.register(self.remove)

    def write(self, row, image):
        if self.path is None:
            self.images[row] = image
        else:  # not through a memory map, whose pages would stay in memory until the disk has them
            data = np.ascontiguousarray(image)
            os.pwrite(self.file, data.data, self.offset + int(row) * data.nbytes)

    def array(self):
        if self.path is None:
            return self.images
        if self.file is not None:
            os.close(self.file)
            self.file = None
        return np.load(self.path, mmap_mode="r")

    def select(self, rows):
        """Some of the rows, in a store of their own."""
        images = self.array()
        if self.path is None:
            return images[rows]
        less = _Store((len(rows), *self.shape[1:]))
        for place, row in enumerate(rows):
            less.write(place, images[row])
        self.remove()
        return less.array()

    def remove(self):
        if self.path is not None:
            Path(self.path).unlink(missing_ok=True)


def crop(image, box):
    """A part of an image.

    Args:
        image: uint8 array (h, w, c).
        box: left, top, width and height in pixels; what lies outside the image is left out.
    Returns: uint8 array, a view.
    Raises InputError: nothing of the box lies in the image.
    """
    left, top, width, height = (int(value) for value in box)
    part = image[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)]
    if not part.size:
        raise InputError(f"has no pixel in its box ({left}, {top}, {width} x {height})")
    return part


def decode(data, channels=1):
    """One image file's bytes as a uint8 array (h, w, channels), RGB where there are three.

    Raises InputError: the bytes are no image, are cut off, or hold more than `MOST_PIXELS`.
    """
    if not data:
        raise InputError("is an empty file")
    # OpenCV fills up what is missing of a cut-off file with gray and says nothing: look for the format's last bytes.
    # Telephones write more behind them, such as the film of a Motion Photo.
    if data[:2] == b"\xff\xd8":
        height, width, start = _header_of_jpeg(data)
        if data.find(b"\xff\xd9", start) < 0:
            raise InputError("is cut off: a JPEG without its end")
    elif data[:4] == b"\x89PNG":
        width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
        if b"IEND\xae\x42\x60\x82" not in data:
            raise InputError("is cut off: a PNG without its end")
    else:
        width, height = _size_by_pillow(data)
    if width * height > MOST_PIXELS:
        raise InputError(f"has {width:,} x {height:,} pixels, more than {MOST_PIXELS:,}")
    gray = channels == 1
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        image = None
    if image is None:
        raise InputError("is not an image")
    return image[..., None] if gray else image


def _header_of_jpeg(data):
    """A JPEG's height and width, and where its compressed pixels begin: the segments before may hold a thumbnail, which has a
    size and an end of its own.
    """
    at, height, width = 2, 0, 0
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] != b"\xda":  # start of scan
        filler = data[at + 1 : at + 2] == b"\xff"
        if data[at + 1 : at + 2] in _FRAMES:
            height, width = (int.from_bytes(data[place : place + 2], "big") for place in (at + 5, at + 7))
        step = 1 if filler else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        at = data.find(b"\xff", at + step)  # OpenCV too passes over what stands between two segments
    return (height, width, at) if height else (*_size_by_pillow(data)[::-1], at)


def _size_by_pillow(data):
    """An image's width and height by its header; 0 where that is not known, as of what is no image."""
    try:
        return Image.open(io.BytesIO(data)).size  # reads the header only
    except Image.DecompressionBombError as error:
        raise InputError(f"has too many pixels ({first_line(error)})") from error
    except Exception:  # Pillow raises half a dozen kinds; OpenCV says whether it is an image
        return 0, 0


def resize_square(image, size):
    """The largest square in the middle of an image, resized: a face is not stretched.

    Args:
        image: uint8 array (h, w, c).
        size: int, height and width wanted, in pixels.
    Returns: uint8 array (size, size, c); pixels are averaged where it becomes smaller, and interpolated (bicubic) where
        larger.

    Example:
        >>> resize_square(np.full((120, 100, 3), 7, np.uint8), 48).shape
        (48, 48, 3)
    """
    height, width, channels = image.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    resized = cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_CUBIC)
    return resized.reshape(size, size, channels)
