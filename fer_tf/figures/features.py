"""Figures of what classifiers without a network look at: gradients, visual words, principal components."""

import math

import numpy as np

from fer_tf.errors import InputError
from fer_tf.figures import image_grid, style


@style.applied
def hog_on_face(image, hog):
    """A face beside its gradients: where cells stand, a line for each orientation, the longer the more of it there is.

    Args:
        image: uint8 array (h, w, 1 or 3).
        hog: `features.Hog`.
    Returns: matplotlib Figure, a column wide. Lines lie along the edges, at right angles to the gradients.
    """
    cells, spacing = _cell_histograms(image, hog)
    fig = style.figure(style.COLUMN, 0.5 * style.COLUMN)
    left, right = fig.subplots(1, 2)
    for ax, picture in ((left, image), (right, np.full_like(image, 255))):
        ax.imshow(image_grid.as_uint8(picture).squeeze(), cmap="gray", vmin=0, vmax=255)
        ax.set_axis_off()
    angles = (np.arange(hog.bins) + 0.5) * (1 + hog.signed) * np.pi / hog.bins + np.pi / 2
    strength = cells / max(1e-7, cells.max())  # (rows, columns, bins)
    row, column, bin_ = np.nonzero(strength > 0.05)
    x, y = spacing * column + hog.cell / 2 - 0.5, spacing * row + hog.cell / 2 - 0.5
    dx, dy = 0.5 * spacing * strength[row, column, bin_] * (np.cos(angles[bin_]), np.sin(angles[bin_]))
    gap = np.full_like(dx, np.nan)  # one line with gaps is a twentieth of as many lines
    points = (np.stack(ends, axis=1).ravel() for ends in ((x - dx, x + dx, gap), (y - dy, y + dy, gap)))
    right.plot(*points, color=style.INK, linewidth=0.7, solid_capstyle="butt")
    return fig


@style.applied
def sift_on_face(image, sift):
    """Where the dense SIFT descriptors stand on a face, and how large the regions are that they describe.

    Args:
        image: uint8 array (h, w, 1 or 3).
        sift: `features.DenseSift`.
    Returns: matplotlib Figure, a column wide: the grid, and one region of each size.
    """
    grid = sift.grid(*image.shape[:2])
    fig = style.figure(style.COLUMN, 0.5 * style.COLUMN)
    left, right = fig.subplots(1, 2)
    for ax in (left, right):
        ax.imshow(image_grid.as_uint8(image).squeeze(), cmap="gray", vmin=0, vmax=255)
        ax.set_axis_off()
    right.plot(grid[:, 0], grid[:, 1], linestyle="none", marker="o", markersize=2, color="#E69F00")
    colors = ("#56B4E9", "#D55E00", "#009E73")
    for cell, color in zip(sift.cells, colors, strict=False):
        points = grid[grid[:, 2] == cell, :2]
        x, y = points[np.abs(points - np.array(image.shape[1::-1]) / 2).sum(axis=1).argmin()]
        side = 4 * cell
        box = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]) * side / 2 + (x, y)
        right.plot(*box.T, color=color, linewidth=1, label=f"cells of {cell} pixels")
    right.set(xlim=(-0.5, image.shape[1] - 0.5), ylim=(image.shape[0] - 0.5, -0.5))
    fig.legend(loc="outside lower right", ncols=len(sift.cells))
    return fig


@style.applied
def eigenfaces(mean, components, size, n=11):
    """The mean face and the directions in which faces differ most.

    Args:
        mean: float array (size * size,).
        components: float array (m, size * size), of a PCA of pixels.
        size: int, side of the images.
        n: int, how many components.
    Returns: matplotlib Figure, a page wide; each component spans from black to white by itself.

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
def reconstructions(originals, rebuilt):
    """Faces above, and below them what a few principal components keep of them.

    Args:
        originals: uint8 array (n, h, w, c).
        rebuilt: uint8 array of the same shape.
    Returns: matplotlib Figure, a row of originals, a row of rebuilt ones and a row of four times their difference
        around gray.
    """
    originals, rebuilt = np.asarray(originals), np.asarray(rebuilt)
    if originals.shape != rebuilt.shape:
        raise InputError(f"images of shape {originals.shape} and rebuilt ones of {rebuilt.shape}. Give pairs.")
    difference = np.clip(127.5 + 4 * (originals.astype(float) - rebuilt), 0, 255)
    return image_grid.grid([list(originals), list(rebuilt), list(difference)], ["original", "rebuilt", "4 × lost"])


def _cell_histograms(image, hog):
    """How much of each orientation each cell holds (rows, columns, bins), as the mean over the blocks that it is in.

    Returns: the histograms, and how many pixels cells stand apart.
    """
    vector = hog.fit(image[None]).transform(image[None])[0]
    inside, spacing = hog.block // hog.cell, math.gcd(hog.cell, hog.step)
    down, across = ((side - hog.block) // hog.step + 1 for side in image.shape[:2])
    blocks = vector.reshape(across, down, inside, inside, hog.bins)
    rows, columns = ((side - hog.cell) // spacing + 1 for side in image.shape[:2])
    total, observed = np.zeros((rows, columns, hog.bins)), np.zeros((rows, columns, 1))
    for x, y, cx, cy in np.ndindex(blocks.shape[:4]):  # OpenCV goes through blocks, and cells in them, column by column
        place = (y * hog.step + cy * hog.cell) // spacing, (x * hog.step + cx * hog.cell) // spacing
        total[place] += blocks[x, y, cx, cy]
        observed[place] += 1
    return total / np.maximum(observed, 1), spacing
