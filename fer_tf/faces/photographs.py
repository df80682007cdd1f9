"""Photographs: read from any kind of file, every face found and its emotion named, and drawn into a copy."""

import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fer_tf import paths
from fer_tf.emotions import COLORS
from fer_tf.errors import InputError
from fer_tf.faces import cropping
from fer_tf.faces.detection import FAINT, Face
from fer_tf.faces.detection.pictures import fitted, touching

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".heic", ".heif")
"""What is taken for a photograph in a folder. HEIC is among them to be told of, not to be read."""
_WRITTEN = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
_SECOND_LOOK = 320  # pixels of the longer side; a face that fills as many is seen best
SMALLEST = 16
"""Pixels: in a picture with a shorter side no face is looked for twice."""
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


@dataclass(frozen=True, eq=False)
class Expression:
    """What is seen of one face.

    Args:
        face: `detection.Face`.
        emotion: str, the likeliest class.
        probabilities: float32 array (k,), sums to 1.
    """

    face: Face
    emotion: str
    probabilities: np.ndarray


def read(path):
    """A photograph, upright as the camera was held.

    Args:
        path: a JPEG, PNG, TIFF, WebP, BMP or GIF file: gray or color, with a palette or transparent (shown on white), of 8 or
            16 bits; of several pictures in one file the first.

    Returns:
        uint8 array (h, w, 3), BGR.

    Raises:
        InputError: no such file, no picture, one that is cut off, or HEIC.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). Give the path of a photograph.") from error
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC:
        raise InputError(f"{path}: HEIC is not read here. Convert it to JPEG first, or let the phone save JPEG.")
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as picture:
            warnings.simplefilter("ignore")  # of large pictures, odd EXIF and the like
            return np.ascontiguousarray(_rgb(ImageOps.exif_transpose(picture))[..., ::-1])
    except UnidentifiedImageError:
        return _by_opencv(path, data)
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: too large ({error}). Make it smaller.") from error
    except (OSError, ValueError, SyntaxError, EOFError, TypeError) as error:
        raise InputError(
            f"{path}: a damaged picture ({error or 'unreadable'}). Get it anew, or leave it out."
        ) from error


def find(values, apart=None):
    """The photographs among files and folders.

    Args:
        given: list of paths; of a folder, and those in it, the files with one of `SUFFIXES` in order of name are taken, but for
            hidden ones.
        apart: a folder in one of these that is passed over, such as the one of annotated copies.

    Returns:
        list of Path.

    Raises:
        InputError: nothing at a path, or no photograph in a folder.
    """
    result = []
    for path in map(Path, values):
        if path.is_dir():
            inside = [
                file for file in _files(path, apart) if file.suffix.lower() in SUFFIXES and not _hidden(file, path)
            ]
            if not inside:
                raise InputError(f"{path}: no photograph in this folder; looked for {', '.join(SUFFIXES[:7])}.")
            result += sorted(inside)
        elif path.exists():
            result.append(path)
        else:
            raise InputError(f"{path}: no such file. Give the path of a photograph or of a folder of them.")
    return result


def write(image, path):
    """Writes a picture, whole or not at all.

    Args:
        image: uint8 array (h, w, 3), BGR.
        path: where to; what is neither JPEG, PNG, BMP, WebP nor TIFF by its name becomes PNG.

    Returns:
        Path of the file.

    Raises:
        InputError: the place cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in _WRITTEN:
        path = path.with_name(f"{path.name}.png")
    done, data = cv2.imencode(path.suffix.lower(), image)
    if not done:
        raise InputError(f"{path}: cannot be written as {path.suffix}. Choose .png.")
    with paths.writing(path) as part:
        part.write_bytes(data.tobytes())
    return path


def analyze(image, detector, classifier, min_score=0.0, min_size=0, margin=cropping.MARGIN, mirrored=True):
    """Every face of a picture and its emotion.

    Args:
        image: uint8 array (h, w, 3), BGR, as `read` gives it.
        detector: see `detection.load`.
        classifier: `models.Predictor`.
        min_score: float 0 to 1; faces that the detector is less sure of are left out.
        min_size: pixels; faces whose box has a shorter side are left out.
        margin: see `cropping.crop`.
        mirrored: average the probabilities of each face and of its mirror image.

    Returns:
        list of `Expression`, the surest face first.

    Raises:
        InputError: see `check_limits`.
    """
    check_limits(min_score, min_size)
    return classify(image, retained(find_faces(image, detector), min_score, min_size), classifier, margin, mirrored)


def check_limits(min_score, min_size):
    """Refuses limits that would leave every face out.

    Raises:
        InputError: `min_score` is not between 0 and 1, or `min_size` is below 0.
    """
    if not (0 <= min_score <= 1 and min_size >= 0):
        raise InputError(f"faces of a score from {min_score:g} and {min_size:g} pixels; take 0 to 1, and 0 or more.")


def retained(faces, min_score, min_size):
    """The faces that are sure and large enough, see `analyze`."""
    return [face for face in faces if face.score >= min_score and min(face.box[2:]) >= min_size]


def find_faces(image, detector):
    """The faces of a photograph, for which a detector that finds none looks up to three times.

    With gray around the picture, since a face that fills it is often missed; and then for a fainter face (`detection.FAINT`).
    Of 500 of FER2013's training images, each filled by one face, YuNet finds 97 in 100 at once and 98 like this; Haar 22 and 73
    (benchmarks/detection.py).

    Args:
        image: uint8 array (h, w, 3), BGR.
        detector: see `detection.load`.

    Returns:
        list of `detection.Face`, the surest first.
    """
    faces = detector.detect(image)
    if faces or min(image.shape[:2]) < SMALLEST:
        return faces
    small, factor = fitted(image, _SECOND_LOOK, _SECOND_LOOK)
    edge = max(small.shape[:2]) // 2
    framed = cv2.copyMakeBorder(small, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=(114, 114, 114))
    faces = detector.detect(framed) or detector.detect(framed, FAINT)
    return touching((face.scaled(factor, -edge * factor, -edge * factor) for face in faces), image)


def classify(image, faces, classifier, margin=cropping.MARGIN, mirrored=True):
    """The emotions of faces already found, in one pass of the network.

    Args:
        image: uint8 array (h, w, 3), BGR.
        faces: list of n `detection.Face`.
        classifier, margin, mirrored: see `analyze`.

    Returns:
        list of n `Expression`, in the order of `faces`.
    """
    size, _, channels = classifier.input_shape
    crops = cropping.crops(image, faces, size, channels, margin=margin, color=classifier.color)
    probabilities = classifier.probabilities(crops)
    if mirrored:
        probabilities = (probabilities + classifier.probabilities(crops[:, :, ::-1])) / 2
    return [
        Expression(face, classifier.classes[row.argmax()], row) for face, row in zip(faces, probabilities, strict=True)
    ]


def draw(image, expressions, classes, numbers=None):
    """A copy of a picture with a box and a label for each face.

    Args:
        image: uint8 array (h, w, 3), BGR.
        expressions: list of `Expression`.
        classes: tuple of the k class names, in the order of the probabilities.
        numbers: int for each expression, told before its emotion, such as the track that it is on; or None.

    Returns:
        uint8 array (h, w, 3), BGR.
    """
    drawing = image.copy()
    message = [f"{number}: " for number in numbers] if numbers else [""] * len(expressions)
    for expression, before in reversed(
        list(zip(expressions, message, strict=True))
    ):  # the surest is drawn last, on top
        _draw_one(drawing, expression, classes, before)
    return drawing


def _draw_one(image, expression, classes, before):
    x, y, width, height = (round(value) for value in expression.face.box)
    color = tuple(int(COLORS.get(expression.emotion, "#6E6E6E")[i : i + 2], 16) for i in (5, 3, 1))
    scale = float(np.clip(width / 160, 0.4, max(0.4, min(image.shape[:2]) / 400)))
    line, stroke = max(2, round(2 * scale)), max(1, round(1.5 * scale))
    text = f"{before}{expression.emotion} {expression.probabilities[classes.index(expression.emotion)]:.0%}"
    (text_width, text_height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, stroke)
    cv2.rectangle(image, (x, y), (x + width, y + height), color, line)
    # Above the box, or inside where the picture ends above it; moved to the left where it would leave on the right.
    pad, top = below // 2, text_height + below
    left = int(np.clip(x + pad, pad, max(pad, image.shape[1] - text_width - pad)))
    bottom = y - below if y >= top + below else y + top
    bottom = int(np.clip(bottom, top, max(top, image.shape[0] - below)))
    cv2.rectangle(image, (left - pad, bottom - top), (left + text_width + pad, bottom + below), color, cv2.FILLED)
    ink = (255, 255, 255) if sum(w * c for w, c in zip((0.114, 0.587, 0.299), color, strict=True)) < 150 else (0, 0, 0)
    cv2.putText(image, text, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, scale, ink, stroke, cv2.LINE_AA)


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
    gray = np.nan_to_num(gray.astype(np.float64))
    white = white or next((usual for usual in (1, 255, 65535) if gray.max() <= usual), gray.max())
    return np.clip(np.rint(gray * (255 / white)), 0, 255).astype(np.uint8)


def _by_opencv(path, data):
    # What Pillow does not know, such as a TIFF of 16 bits a color. OpenCV turns pictures upright and to 8 bits itself.
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error:
        image = None
    if image is None:
        raise InputError(
            f"{path}: {'not a picture' if data else 'an empty file'}. Give a JPEG, PNG, TIFF, WebP or BMP file."
        )
    return image


def _files(folder, apart):
    for base, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not (apart and Path(base, name).resolve() == Path(apart).resolve())]
        yield from (Path(base, name) for name in names)


def _hidden(file, folder):
    return any(part.startswith(".") for part in file.relative_to(folder).parts)
