"""Photographs as files: read from any kind, found in folders, and written whole."""

import io
import warnings
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin, UnidentifiedImageError

from fer_tf import paths
from fer_tf.errors import InputError, first_line, quiet_opencv

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".avif", ".heic", ".heif")
"""What is taken for a photograph in a folder. HEIC is among them to be told of, not to be read."""
_WRITTEN = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
_READ = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "AVIF")
"""Pillow's names of what it reads here. It knows others that are no photographs, and starts programs for some."""
_BY_OPENCV = ("PPM", "JPEG2000")
"""Pillow's names of what OpenCV reads here, beside what Pillow cannot read of its own."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def read(path):
    """A photograph, upright as the camera was held.

    Args:
        path: a JPEG, PNG, TIFF, WebP, AVIF, BMP or GIF file: gray or color, with a palette or transparent (shown on white), of 8 or
            16 bits; of several pictures in one file the first.
    Returns: uint8 array (h, w, 3), BGR.
    Raises InputError: no such file, no picture, one that is cut off, or HEIC.
    """
    path = Path(path)
    data = paths.read_bytes(path, advice="Give the path of a photograph.")
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC:
        raise InputError(f"{path}: HEIC is not read here. Convert it to JPEG first, or let the phone save JPEG.")
    try:
        # It warns of large pictures, odd EXIF and the like.
        with warnings.catch_warnings(action="ignore"):
            image = _by_pillow(data)
            image = _by_opencv(data) if image is None else image
    except (Image.DecompressionBombError, MemoryError) as error:
        raise InputError(f"{path}: too large ({first_line(error)}). Make it smaller.") from error
    except Exception as error:  # each of Pillow's decoders has errors of its own
        raise InputError(f"{path}: a damaged picture ({first_line(error)}). Get it anew.") from error
    if image is None:
        raise InputError(f"{path}: {'not a picture' if data else 'an empty file'}. Give a JPEG or PNG.")
    return image


def find(values, except_in=None):
    """The photographs among files and folders.

    Args:
        values: list of paths; of a folder, and those in it, the files with one of `SUFFIXES` in order of name are taken, but for
            hidden ones.
        except_in: a folder that is passed over in these, and beside others among them, such as the one of annotated copies.
    Returns: list of Path, each once.
    Raises InputError: nothing at a path, or no photograph in a folder.
    """
    result, values = [], [Path(value) for value in values]
    for path in values:
        if path.is_dir():
            if len(values) > 1 and except_in and path.resolve() == Path(except_in).resolve():
                continue
            inside = [file for file in _files(path, except_in) if file.suffix.lower() in SUFFIXES]
            if not inside:
                raise InputError(f"{path}: no photograph in this folder; looked for {', '.join(SUFFIXES[:7])}.")
            result += sorted(inside)
        elif path.exists():
            result.append(path)
        else:
            raise InputError(f"{path}: no such file. Give the path of a photograph or of a folder of them.")
    return list(dict.fromkeys(result))


def write(image, path):
    """Writes a picture, whole or not at all.

    Args:
        image: uint8 array (h, w, 3), BGR.
        path: where to; what is neither JPEG, PNG, BMP, WebP nor TIFF by its name becomes PNG.
    Returns: Path of the file.
    Raises InputError: the place cannot be written.
    """
    path = written_as(path)
    done, data = cv2.imencode(path.suffix.lower(), image)
    if not done:
        raise InputError(f"{path}: cannot be written as {path.suffix}. Choose .png.")
    with paths.writing(path) as part:
        part.write_bytes(data.tobytes())
    return path


def written_as(path):
    """The path at which `write` puts a picture that it is to write to `path`."""
    path = Path(path)
    return path if path.suffix.lower() in _WRITTEN else path.with_name(f"{path.name}.png")


def _by_pillow(data):
    try:
        with Image.open(io.BytesIO(data), formats=_READ) as picture:
            return np.ascontiguousarray(_rgb(_upright(picture))[..., ::-1])
    except UnidentifiedImageError:
        return None


def _upright(picture):
    """A Pillow picture as the camera was held; one whose notes cannot be read stays as it is."""
    picture.load()
    turn = None
    with suppress(Exception):  # Pillow's own `exif_transpose` fails where any other note is odd
        turn = _TURNS.get(picture.getexif().get(ExifTags.Base.Orientation))
    return picture if turn is None else picture.transpose(turn)


def _rgb(picture):
    """A Pillow picture of any mode as uint8 (h, w, 3) RGB."""
    if picture.mode in ("F", "I") or picture.mode.startswith("I;16"):
        white = 65535 if picture.mode.startswith("I;16") else None
        return np.repeat(_eight_bits(np.asarray(picture), white)[..., None], 3, axis=2)
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        return np.asarray(Image.alpha_composite(paper, picture).convert("RGB"))
    return np.asarray(picture.convert("RGB"))


def _eight_bits(gray, white=None):
    """Gray values as uint8, 255 for `white`; without one, white is that of the narrowest usual range: 1, 255 or 65535."""
    gray = gray.astype(np.float64)
    largest = gray.max(initial=0, where=np.isfinite(gray))
    gray = np.nan_to_num(gray, posinf=largest, neginf=0)
    white = white or next((usual for usual in (1, 255, 65535) if largest <= usual), largest)
    return np.clip(np.rint(gray * (255 / white)), 0, 255).astype(np.uint8)


def _by_opencv(data):
    # What Pillow does not know, such as a TIFF of signed numbers. OpenCV turns pictures upright and to 8 bits itself.
    pixels = _pixels(data)
    if Image.MAX_IMAGE_PIXELS and pixels > 2 * Image.MAX_IMAGE_PIXELS:  # Pillow's own limit
        raise Image.DecompressionBombError(f"{pixels:,} pixels")
    with suppress(cv2.error), quiet_opencv():
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if pixels else None


def _pixels(data):
    """How many pixels a picture says that it has, before it is decoded; 0 where Pillow cannot tell."""
    with suppress(UnidentifiedImageError), Image.open(io.BytesIO(data), formats=_BY_OPENCV) as picture:
        return picture.width * picture.height
    with suppress(Exception):  # it is no TIFF, or a damaged one
        is_big, stream = 43 in data[2:4], io.BytesIO(data)
        header = TiffImagePlugin.ImageFileDirectory_v2(data[: 16 if is_big else 8])
        stream.seek(header.next)
        header.load(stream)
        return header[TiffImagePlugin.IMAGEWIDTH] * header[TiffImagePlugin.IMAGELENGTH]
    return 0


def _files(folder, except_in):
    skipped = Path(except_in).resolve() if except_in else None
    for base, folders, names in paths.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and (base / name).resolve() != skipped]
        yield from (base / name for name in names if not name.startswith("."))
