"""A matrix with a number in every cell, as confusion and correlation are drawn."""

import numpy as np

from fer_tf.figures import style


def heatmap(ax, values, words, rows, columns, label, cmap=style.SEQUENTIAL, vmin=0, vmax=1):
    """Draws a matrix by `seaborn.heatmap`, with a number in each cell and a color bar; nan is a dash in a white cell.

    Args:
        ax: matplotlib Axes.
        values: float array (m, n).
        words: str array (m, n), written in the cells; or str, the format of the numbers, such as ".2f".
        rows, columns: m and n names.
        label: str, of the color bar.
        cmap, vmin, vmax: matplotlib Colormap, perceptually uniform, and the values of its first and last color.
    Returns: matplotlib Colorbar.
    """
    import seaborn

    if isinstance(words, str):
        words = np.array([["–" if np.isnan(value) else f"{value:{words}}" for value in row] for row in values])
    longest = max(map(len, words.ravel()), default=1) or 1
    size = min(7.0, 35 / longest * 7 / max(np.shape(values)[1], 1))  # points: five letters fit a cell of seven at 7
    look = {"linewidths": 0.8, "linecolor": "white", "square": True, "annot_kws": {"fontsize": size}}
    bar = {"label": label, "fraction": 0.046, "pad": 0.02}
    seaborn.heatmap(values, vmin=vmin, vmax=vmax, cmap=cmap, annot=words, fmt="", cbar_kws=bar, ax=ax, **look)
    for r, c in np.argwhere(np.isnan(values)):  # which seaborn leaves empty
        ax.text(c + 0.5, r + 0.5, words[r, c], ha="center", va="center", fontsize=size)
    ax.set_xticks(np.arange(len(columns)) + 0.5, columns, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(np.arange(len(rows)) + 0.5, rows, rotation=0)
    ax.tick_params(length=0)
    return ax.collections[0].colorbar
