"""Figures of where a network looks: maps over faces, what layers give, and which part of the face a map lies on."""

import matplotlib as mpl
import numpy as np

from fer_tf.errors import InputError
from fer_tf.evaluation.explain import ACTION_UNITS, REGIONS
from fer_tf.figures import image_grid, style
from fer_tf.figures.heatmap import heatmap

HEAT = mpl.colormaps["inferno"]


@style.applied
def heat_maps(images, maps, labels=None, columns=None):
    """Faces above their maps, the plain face always beside what is laid over it.

    Args:
        images: uint8 array (n, h, w, 1 or 3), one for each column.
        maps: dict, a row's name -> float array (n, h, w), 0 to 1.
        labels: n words, above the columns.
        columns: at least this many places in a row.
    Returns: matplotlib Figure: a row of faces, then a row for each of the maps, and a color bar.
    Raises InputError: there are not as many maps as images.
    """
    images = np.asarray(images)
    if any(np.shape(one) != images.shape[:3] for one in maps.values()):
        raise InputError(f"maps that do not fit images of shape {images.shape}. Give one for each image.")
    rows = [list(np.repeat(images, 3 // images.shape[-1], axis=-1))]
    rows += [[_overlay(face, one) for face, one in zip(images, row, strict=True)] for row in maps.values()]
    fig = image_grid.grid(rows, ["face", *maps], labels, columns)
    return _with_bar(fig)


@style.applied
def mean_heat_maps(images, maps, labels, classes):
    """The mean face of each emotion, and the mean of its maps.

    Args:
        images: uint8 array (n, h, w, 1 or 3).
        maps: float array (n, h, w), 0 to 1.
        labels: int array (n,), the class of each; classes without an image are left out.
        classes: k class names.
    Returns: matplotlib Figure, a page wide; each mean map goes up to its own largest value.
    """
    there = [k for k in range(len(classes)) if np.any(labels == k)]
    faces = np.stack([image_grid.as_uint8(np.mean(images[labels == k], axis=0)) for k in there])
    means = np.stack([maps[labels == k].mean(axis=0) for k in there])
    means = means / np.maximum(means.max(axis=(1, 2), keepdims=True), 1e-9)
    return heat_maps(faces, {"map": means}, [classes[k] for k in there])


@style.applied
def feature_maps(activations, columns=8, most=16):
    """The strongest channels of what a layer gives for one image, each from black to its own largest value.

    Args:
        activations: float array (h, w, c).
        columns: channels in a row.
        most: channels shown.
    """
    strongest = np.argsort(-activations.mean(axis=(0, 1)), kind="stable")[:most]
    tiles = [activations[..., channel] for channel in np.sort(strongest)]
    return _tiles(tiles, columns, HEAT, 0)


@style.applied
def filters(kernels, columns=8, most=32):
    """The filters of a first convolution, dark where a pixel speaks against and light where it speaks for.

    Args:
        kernels: float array (h, w, c, f); the mean over the c channels is shown.
        columns: filters in a row.
        most: filters shown.
    """
    tiles = list(np.moveaxis(np.asarray(kernels).mean(axis=2), -1, 0)[:most])
    return _tiles(tiles, columns, style.DIVERGING, None)


@style.applied
def region_shares(shares):
    """How much a network's maps lie on each part of the face, with the parts framed that move in the emotion.

    Args:
        shares: dict, a method's name -> DataFrame, index the emotions, a column for each of brows, eyes, nose and mouth: the
            mean of `evaluation.explain.region_shares`.
    Returns: matplotlib Figure, a panel for each method, a page wide for two; below a framed number stand the action units.
    """
    fig = style.figure(style.COLUMN if len(shares) == 1 else style.PAGE, 1.05 * style.COLUMN)
    highest = max(float(np.nanmax(table[list(REGIONS)])) for table in shares.values())
    for ax, (name, table) in zip(fig.subplots(1, len(shares), squeeze=False)[0], shares.items(), strict=True):
        values, emotions = table[list(REGIONS)].to_numpy(float), list(table.index)
        units = np.array([[ACTION_UNITS.get(one, {}).get(part, "") for part in REGIONS] for one in emotions])
        words = np.array(
            [
                [f"{'–' if np.isnan(v) else f'{v:.2f}'}\n{u}".strip() for v, u in zip(*row, strict=True)]
                for row in zip(values, units, strict=True)
            ]
        )
        heatmap(
            ax, values, words, emotions, REGIONS, f"{name}: share of the map over share of the pixels", vmax=highest
        )
        for text in ax.texts:
            text.set_fontsize(6.5)
        for row, column in np.argwhere(units != ""):
            frame = mpl.patches.Rectangle((column + 0.05, row + 0.05), 0.9, 0.9, fill=False, edgecolor="#D55E00")
            ax.add_patch(frame)
    return fig


@style.applied
def regions_on_face(image, regions):
    """The parts of a face as they are measured.

    Args:
        image: uint8 array (h, w, 1 or 3).
        regions: dict of `evaluation.explain.face_regions`.
    Returns: matplotlib Figure, a column wide: the face, and the parts on it.
    """
    fig = style.figure(style.COLUMN, 0.5 * style.COLUMN)
    plain, marked = fig.subplots(1, 2)
    for ax in (plain, marked):
        ax.imshow(image_grid.as_uint8(image).squeeze(), cmap="gray", vmin=0, vmax=255)
        ax.set_axis_off()
    for (name, mask), color in zip(regions.items(), ("#56B4E9", "#F0E442", "#009E73", "#CC79A7"), strict=True):
        marked.contour(mask, levels=[0.5], colors=color, linewidths=1.2)
        marked.plot([], [], color=color, label=name)
    fig.legend(loc="outside right center")
    return fig


def _overlay(face, one):
    colors = HEAT(np.asarray(one))[..., :3] * 255
    return image_grid.as_uint8(0.45 * np.float32(face).mean(axis=-1, keepdims=True) + 0.55 * colors)


def _with_bar(fig):
    """Adds a color bar below a grid of faces, which keeps its size."""
    width, height = fig.get_size_inches()
    room = 0.42
    boxes = [ax.get_position().bounds for ax in fig.axes]
    fig.set_size_inches(width, height + room)
    shrunk, moved = height / (height + room), room / (height + room)
    for ax, (x, y, w, h) in zip(list(fig.axes), boxes, strict=True):
        ax.set_position((x, moved + y * shrunk, w, h * shrunk))
    x, _, w, _ = boxes[0]
    bar = fig.add_axes((x, 0.24 / (height + room), min(w, 2 / width), 0.08 / (height + room)))
    fig.colorbar(mpl.cm.ScalarMappable(cmap=HEAT), cax=bar, orientation="horizontal", ticks=[0, 0.5, 1])
    bar.tick_params(labelsize=6.5, length=2)
    return fig


def _tiles(tiles, columns, colors, lowest):
    """Small matrices in a grid, each on its own scale: from `lowest`, or symmetric around zero."""
    rows = -(-len(tiles) // columns)
    side = min(style.TILE, style.PAGE / columns) * 0.62
    fig = style.figure(max(columns * side, style.COLUMN), rows * side, layout="none")
    axes = fig.subplots(rows, columns, squeeze=False, gridspec_kw={"wspace": 0.08, "hspace": 0.08})
    fig.subplots_adjust(0.01, 0.01, 0.99, 0.99)
    for ax in axes.ravel():
        ax.set_axis_off()
    for ax, tile in zip(axes.ravel(), tiles, strict=False):
        peak = max(float(np.abs(tile).max()), 1e-9)
        ax.imshow(tile, cmap=colors, vmin=-peak if lowest is None else lowest, vmax=peak)
    return fig
