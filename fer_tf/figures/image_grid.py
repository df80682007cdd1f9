"""Faces side by side: many images as one picture, quicker to draw and smaller to keep than an axes for each."""

import numpy as np

from fer_tf.errors import InputError
from fer_tf.figures import style

GAP = 0.06  # of a face's side, left white between two faces


def mosaic(rows, columns=None):
    """Images in a grid as one picture, white where there is none.

    Args:
        rows: list of rows, each a list of uint8 arrays (h, w, c) of one size, c 1 or 3, or None for an empty place.
        columns: at least this many places in a row.
    Returns: uint8 array (H, W) for gray images, (H, W, 3) for color.
    Raises InputError: there is no image, or images differ in size.
    """
    images = [np.asarray(image) for row in rows for image in row if image is not None]
    if not images:
        raise InputError("there are no images to draw. Choose a split or a class that has some.")
    shapes = {image.shape for image in images}
    if len(shapes) > 1 or len(images[0].shape) != 3 or images[0].shape[-1] not in (1, 3):
        raise InputError(f"images to draw have shapes {sorted(shapes)}, expected one (h, w, c) with c 1 or 3.")
    height, width, channels = images[0].shape
    gap = max(1, round(GAP * width))
    columns = max([len(row) for row in rows] + [columns or 0])
    canvas = np.full((len(rows) * (height + gap) - gap, columns * (width + gap) - gap, channels), 255, dtype=np.uint8)
    for r, row in enumerate(rows):
        for c, image in enumerate(row):
            if image is not None:
                top, left = r * (height + gap), c * (width + gap)
                canvas[top : top + height, left : left + width] = as_uint8(image)
    return canvas[..., 0] if channels == 1 else canvas


def as_uint8(image):
    """An image of 0 to 255 in any number type, clipped and rounded to what is shown."""
    image = np.asarray(image)
    return image if image.dtype == np.uint8 else np.clip(np.rint(image), 0, 255).astype(np.uint8)


def grid(rows, row_labels=None, column_labels=None, columns=None, tile=style.TILE):
    """A figure of faces in rows, with a label left of each row and above each column.

    Args:
        rows: list of rows as in `mosaic`.
        row_labels: str for each row; may hold line breaks.
        column_labels: str for each column.
        columns: at least this many places in a row.
        tile: largest side of a face, in inches.
    Returns: matplotlib Figure, a column wide where the faces fit at `tile`, else a page.
    """
    picture = mosaic(rows, columns)
    height, width = picture.shape[:2]
    places = max([len(row) for row in rows] + [columns or 0])
    longest = max((len(line) for label in row_labels or [] for line in label.split("\n")), default=0)
    left = (longest * 1.55 + 3) * style.MM if row_labels else 0.0  # 8-point letters are about 1.5 mm wide
    lines = max((label.count("\n") + 1 for label in column_labels or []), default=0)
    top = (1.5 + 3.5 * lines) * style.MM if column_labels else 0.0
    page = style.COLUMN if left + places * tile <= style.COLUMN else style.PAGE
    drawn_width = min(places * tile, page - left)
    drawn_height = drawn_width * height / width
    fig = style.figure(page, drawn_height + top, layout="none")
    ax = fig.add_axes((left / page, 0, drawn_width / page, drawn_height / (drawn_height + top)))
    # "none": vector files keep the pixels as they are, which is sharper and smaller than any resampling.
    ax.imshow(picture, vmin=0, vmax=255, aspect="auto", extent=(0, width, height, 0), interpolation="none")
    ax.set_axis_off()
    step_y, step_x = (height + gap_of(rows)) / len(rows), (width + gap_of(rows)) / places
    outside = {"textcoords": "offset points", "annotation_clip": False}
    for r, label in enumerate(row_labels or []):
        ax.annotate(label, (0, r * step_y + (step_y - gap_of(rows)) / 2), (-4, 0), ha="right", va="center", **outside)
    for c, label in enumerate(column_labels or []):
        ax.annotate(label, (c * step_x + (step_x - gap_of(rows)) / 2, 0), (0, 3), ha="center", va="bottom", **outside)
    return fig


def gap_of(rows):
    """The white pixels between two faces of these rows."""
    width = next(np.asarray(image).shape[1] for row in rows for image in row if image is not None)
    return max(1, round(GAP * width))
