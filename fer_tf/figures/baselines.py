"""Figures of the classifiers without a network: what they look at, and how features and classifiers compare."""

import math

import numpy as np

from fer_tf.errors import InputError
from fer_tf.figures import image_grid, style
from fer_tf.figures.heatmap import draw_matrix


@style.applied
def hog_on_face(image, hog):
    """A face beside its gradients: where cells stand, a line for each orientation, the longer the more of it there is.

    Args:
        image: uint8 array (h, w, 1 or 3).
        hog: `features.Hog`.

    Returns:
        matplotlib Figure, a column wide. Lines lie along the edges, at right angles to the gradients.
    """
    cells, spacing = _cell_histograms(image, hog)
    fig = style.figure(style.COLUMN, 0.5 * style.COLUMN)
    left, right = fig.subplots(1, 2)
    for ax, picture in ((left, image), (right, np.full_like(image, 255))):
        ax.imshow(image_grid.as_uint8(picture).squeeze(), cmap="gray", vmin=0, vmax=255)
        ax.set_axis_off()
    angles = (np.arange(hog.bins) + 0.5) * (1 + hog.signed) * np.pi / hog.bins + np.pi / 2
    longest = max(1e-7, cells.max())
    for (row, column, bin_), strength in np.ndenumerate(cells / longest):
        if strength > 0.05:
            x, y = spacing * column + hog.cell / 2 - 0.5, spacing * row + hog.cell / 2 - 0.5
            dx, dy = 0.5 * spacing * strength * np.array([np.cos(angles[bin_]), np.sin(angles[bin_])])
            right.plot([x - dx, x + dx], [y - dy, y + dy], color=style.INK, linewidth=0.7, solid_capstyle="butt")
    return fig


@style.applied
def sift_on_face(image, sift):
    """Where the dense SIFT descriptors stand on a face, and how large the regions are that they describe.

    Args:
        image: uint8 array (h, w, 1 or 3).
        sift: `features.DenseSift`.

    Returns:
        matplotlib Figure, a column wide: the grid, and one region of each size.
    """
    grid = sift.grid(*image.shape[:2])
    fig = style.figure(style.COLUMN, 0.5 * style.COLUMN)
    left, right = fig.subplots(1, 2)
    for ax in (left, right):
        ax.imshow(image_grid.as_uint8(image).squeeze(), cmap="gray", vmin=0, vmax=255)
        ax.set_axis_off()
    right.plot(grid[:, 0], grid[:, 1], linestyle="none", marker="o", markersize=2, color="#E69F00")
    colours = ("#56B4E9", "#D55E00", "#009E73")
    for size, colour in zip(sift.sizes, colours, strict=False):
        points = grid[grid[:, 2] == size, :2]
        x, y = points[np.abs(points - np.array(image.shape[1::-1]) / 2).sum(axis=1).argmin()]
        # SIFT looks at 4x4 cells of three scales each; the scale is half the keypoint's size.
        side = 4 * 3 * size / 2
        box = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]) * side / 2 + (x, y)
        right.plot(*box.T, color=colour, linewidth=1, label=f"size {size}")
    right.set(xlim=(-0.5, image.shape[1] - 0.5), ylim=(image.shape[0] - 0.5, -0.5))
    fig.legend(loc="outside lower right", ncols=len(sift.sizes))
    return fig


@style.applied
def eigenfaces(mean, components, size, n=11):
    """The mean face and the directions in which faces differ most.

    Args:
        mean: float array (size * size,).
        components: float array (m, size * size), of a PCA of pixels.
        size: int, side of the images.
        n: int, how many components.

    Returns:
        matplotlib Figure, a page wide; each component spans from black to white by itself.

    Turk and Pentland 1991.
    """
    if np.shape(components)[1] != size**2:
        raise InputError(f"components of {np.shape(components)[1]} pixels are not pictures of {size}x{size}.")
    faces = [np.asarray(mean), *np.asarray(components)[:n]]
    stretched = [255 * (face - face.min()) / max(1e-7, np.ptp(face)) for face in faces]
    pictures = [face.reshape(size, size, 1) for face in stretched]
    labels = ["mean", *(str(i + 1) for i in range(len(pictures) - 1))]
    return image_grid.grid([pictures], column_labels=labels)


@style.applied
def features_by_classifiers(table, label="validation accuracy", ax=None):
    """How features and classifiers do together.

    Args:
        table: DataFrame of float, index the features, columns the classifiers; nan where they were not tried.
        label: str, what the numbers are.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        matplotlib Figure, a column wide or, for many classifiers, a page.
    """
    width = style.COLUMN if table.shape[1] <= 4 else style.PAGE
    fig, ax = style.panel(ax, width, 1.6 + 0.34 * len(table))
    values = table.to_numpy(dtype=float)
    words = np.array([["–" if np.isnan(value) else f"{value:.3f}" for value in row] for row in values])
    low, high = np.nanmin(values), np.nanmax(values)
    columns = [str(name).replace("_", " ") for name in table.columns]
    draw_matrix(ax, values, words, list(table.index), columns, label, style.SEQUENTIAL, low - 0.1 * (high - low), high)
    return fig


@style.applied
def errors_by_class(recalls, ax=None):
    """The share of each emotion's images that several models get wrong.

    Args:
        recalls: DataFrame, index the classes, a column of recalls for each model.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        matplotlib Figure, a page wide.
    """
    fig, ax = style.panel(ax, style.PAGE, 2.3)
    looks = [("#0B3C5D", ""), ("#DCE7F2", "////"), ("#5B93BF", ""), ("#E69F00", "....")]
    width, places = 0.8 / recalls.shape[1], np.arange(len(recalls))
    for i, (name, column) in enumerate(recalls.items()):
        face, hatch = looks[i % len(looks)]
        x = places + (i - (recalls.shape[1] - 1) / 2) * width
        bars = ax.bar(x, 1 - column, width * 0.92, color=face, hatch=hatch, edgecolor=style.INK, linewidth=0.4)
        bars.set_label(str(name))
        for spot, value in zip(x, 1 - column, strict=True):
            ax.text(spot, value + 0.012, f"{value:.2f}", ha="center", va="bottom", fontsize=6.5)
    ax.set_xticks(places, recalls.index)
    ax.tick_params(axis="x", length=0)
    ax.set(ylim=(0, 1.08), ylabel="share that is wrong")
    ax.grid(axis="y")
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=recalls.shape[1])
    return fig


def _cell_histograms(image, hog):
    """How much of each orientation each cell holds (rows, columns, bins), as the mean over the blocks that it is in.

    Returns:
        the histograms, and how many pixels cells stand apart.
    """
    vector = hog.fit(image[None]).transform(image[None])[0]
    inside, spacing = hog.block // hog.cell, math.gcd(hog.cell, hog.step)
    down, across = ((side - hog.block) // hog.step + 1 for side in image.shape[:2])
    blocks = vector.reshape(across, down, inside, inside, hog.bins)
    rows, columns = ((side - hog.cell) // spacing + 1 for side in image.shape[:2])
    total, seen = np.zeros((rows, columns, hog.bins)), np.zeros((rows, columns, 1))
    for x, y, cx, cy in np.ndindex(blocks.shape[:4]):  # OpenCV goes through blocks, and cells in them, column by column
        place = (y * hog.step + cy * hog.cell) // spacing, (x * hog.step + cx * hog.cell) // spacing
        total[place] += blocks[x, y, cx, cy]
        seen[place] += 1
    return total / np.maximum(seen, 1), spacing
