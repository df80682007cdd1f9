"""Figures of what is done to training images before they are learned from: balanced classes, rebuilt faces."""

import numpy as np

from fer_tf.errors import InputError
from fer_tf.figures import image_grid, style
from fer_tf.figures.data import THOUSANDS


@style.applied
def balanced_classes(counts, ax=None):
    """How many images of each emotion an epoch shows, before balancing and after.

    Args:
        counts: DataFrame of `balancing.counts`, index the classes, columns before and after.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        matplotlib Figure, a page wide: solid what is there, hatched the copies.
    """
    fig, ax = style.panel(ax, style.PAGE, 1.0 + 0.24 * len(counts))
    names = list(counts.index)
    before, after = counts["before"].to_numpy(), counts["after"].to_numpy()
    colours = [style.colour(name) for name in names]
    ax.barh(names, before, color=colours, height=0.75)
    added = ax.barh(names, after - before, left=before, color="white", edgecolor=colours, height=0.75, linewidth=0.8)
    for bar in added:
        bar.set_hatch("////")
    longest = max(1, after.max())
    for y, (had, has) in enumerate(zip(before, after, strict=True)):
        word = f"{had:,}" if had == has else f"{had:,} → {has:,}"
        ax.text(has + 0.01 * longest, y, word, va="center", fontsize=7)
    ax.barh([0], [0], color=style.GREY, label="images")
    ax.barh([0], [0], color="white", edgecolor=style.GREY, hatch="////", label="copies")
    ax.set_xlim(0, 1.18 * longest)
    ax.set_ylim(len(counts) - 0.4, -0.6)
    ax.xaxis.set_major_formatter(THOUSANDS)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("images shown in an epoch")
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    return fig


@style.applied
def reconstructions(originals, rebuilt):
    """Faces above, and below them what a few principal components keep of them.

    Args:
        originals: uint8 array (n, h, w, c).
        rebuilt: uint8 array of the same shape.

    Returns:
        matplotlib Figure, a row of originals, a row of rebuilt ones and a row of four times their difference around grey.

    Raises:
        InputError: the shapes differ.
    """
    originals, rebuilt = np.asarray(originals), np.asarray(rebuilt)
    if originals.shape != rebuilt.shape:
        raise InputError(f"images of shape {originals.shape} and rebuilt ones of {rebuilt.shape}. Give pairs.")
    difference = np.clip(127.5 + 4 * (originals.astype(float) - rebuilt), 0, 255)
    return image_grid.grid([list(originals), list(rebuilt), list(difference)], ["original", "rebuilt", "4 × lost"])
