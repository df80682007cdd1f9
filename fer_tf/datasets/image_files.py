"""Image files to one uint8 array: decoded in a few threads, each file checked, and every bad one named."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from fer_tf.errors import InputError, choose, first_line

_THREADS = 4


def read_images(files, names, size, channels=1, resize=False, unreadable="refuse"):
    """Decodes image files to one size.

    Args:
        names: names in `files`, n of them.
        size, channels, unreadable: as of `class_folders.read_folders`.
        resize: bool, whether images of another size are resized (see `resize_square`); else they are refused.
    Returns: images: uint8 array (m, size, size, channels) in the order of `names`. rows: int array (m,), which of
        `names` they are. skipped: list of str, a sentence for each file left out.
    Raises InputError: a file is no whole image and `unreadable` is "refuse", or one is of another size than it may be.
    """
    choose("unreadable", unreadable, ("refuse", "skip"))
    images = np.zeros((len(names), size, size, channels), dtype=np.uint8)
    failures, sizes = {}, {}

    def fill(rows):
        for row in rows:
            try:
                image = decode(files.read(names[row]), channels)
            except InputError as error:
                failures[row] = str(error)
                continue
            except Exception as error:  # zipfile and zlib raise half a dozen kinds for one damaged entry
                failures[row] = f"cannot be read ({first_line(error)})"
                continue
            sizes[row] = image.shape[:2]
            if image.shape[:2] == (size, size):
                images[row] = image
            elif resize:
                images[row] = resize_square(image, size)

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(fill, np.array_split(np.arange(len(names)), max(1, len(names) // 256))))
    if failures and unreadable == "refuse":
        first = min(failures)
        more = f" (and {len(failures) - 1:,} more files)" if len(failures) > 1 else ""
        raise InputError(
            f"{files.label}: {names[first]} {failures[first]}{more}. Replace it, or give unreadable='skip'."
        )
    if not resize:
        _refuse_other_sizes(files.label, names, sizes, (size, size))
    rows = np.array(sorted(sizes), dtype=np.int64)
    skipped = [f"{names[row]} {failures[row]}" for row in sorted(failures)]
    return (images[rows] if failures else images), rows, skipped


def decode(data, channels=1):
    """One image file's bytes as a uint8 array (h, w, channels), RGB where there are three.

    Raises InputError: the bytes are no image, or are cut off.
    """
    if not data:
        raise InputError("is an empty file")
    # OpenCV fills up what is missing of a cut-off file with gray and says nothing: look for the format's last bytes.
    if data[:2] == b"\xff\xd8" and b"\xff\xd9" not in data[-64:]:
        raise InputError("is cut off: a JPEG without its end")
    if data[:4] == b"\x89PNG" and b"IEND" not in data[-64:]:
        raise InputError("is cut off: a PNG without its end")
    gray = channels == 1
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        image = None
    if image is None:
        raise InputError("is not an image")
    return image[..., None] if gray else image


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


def _refuse_other_sizes(label, names, sizes, expected):
    others = [row for row in sorted(sizes) if sizes[row] != expected]
    if not others:
        return
    height, width = sizes[others[0]]
    message = ", ".join(f"{n:,} of {w}x{h}" for (h, w), n in Counter(sizes.values()).most_common(4))
    raise InputError(
        f"{label}: {names[others[0]]} is {width}x{height} pixels, expected {expected[1]}x{expected[0]} "
        f"(images found: {message}). Give the original images, not resized ones."
    )
