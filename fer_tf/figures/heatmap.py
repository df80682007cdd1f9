"""A matrix with a number in every cell, as confusion and correlation are drawn."""

import numpy as np

from fer_tf.figures import style


def draw_matrix(ax, values, words, rows, columns, label, cmap, vmin, vmax):
    """Draws a matrix with a word in each cell and a colour bar.

    Args:
        ax: matplotlib Axes.
        values: float array (m, n); nan is left white.
        words: str array (m, n), written in the cells.
        rows: m names.
        columns: n names.
        label: str, of the colour bar.
        cmap: matplotlib Colormap, perceptually uniform.
        vmin: value of the first colour.
        vmax: value of the last colour.

    Returns:
        matplotlib Colorbar.
    """
    values = np.asarray(values, dtype=float)
    shown = ax.imshow(values, cmap=cmap, vmin=vmin, vmax=vmax, interpolation="nearest")
    longest = max(len(word) for word in words.ravel())
    size = min(
        7.0, 7.0 * 5 / max(longest, 1) * 7 / max(values.shape[1], 1)
    )  # five letters fit a cell of seven at 7 points
    for (r, c), value in np.ndenumerate(values):
        background = "white" if np.isnan(value) else cmap(shown.norm(value))
        ax.text(c, r, words[r, c], ha="center", va="center", fontsize=size, color=style.ink_on(background))
    ax.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=0.8)
    ax.tick_params(which="minor", length=0)
    bar = ax.figure.colorbar(shown, ax=ax, label=label, fraction=0.046, pad=0.02)
    bar.outline.set_linewidth(0.4)
    return bar
