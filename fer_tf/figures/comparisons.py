"""Figures that hold several results against each other: views against accuracy, and a paper's numbers against these."""

from textwrap import fill

import numpy as np
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from fer_tf.errors import InputError
from fer_tf.figures import style


@style.applied
def accuracy_over_views(views, plain=None, plain_interval=None, ax=None):
    """Accuracy against the number of views that test-time augmentation averages.

    Args:
        views: DataFrame, columns n and accuracy, and low and high where there is an interval.
        plain: float, accuracy of the image itself, drawn as a line.
        plain_interval: (low, high), drawn as a band.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        matplotlib Figure, a column wide.

    Raises:
        InputError: there is no row, or a column is missing.
    """
    _need(views, ("n", "accuracy"))
    fig, ax = style.panel(ax, style.COLUMN, 0.72 * style.COLUMN)
    views = views.sort_values("n")
    if plain_interval is not None:
        ax.axhspan(*plain_interval, color=style.PALE, alpha=0.6, linewidth=0)
    if plain is not None:
        ax.axhline(plain, color=style.INK, linestyle="--", linewidth=0.9, label=f"plain image {plain:.3f}")
    if {"low", "high"} <= set(views.columns):
        around = [(views["accuracy"] - views["low"]).clip(lower=0), (views["high"] - views["accuracy"]).clip(lower=0)]
        ax.errorbar(
            views["n"], views["accuracy"], yerr=around, fmt="none", ecolor=style.BLUE, elinewidth=0.8, capsize=2
        )
    ax.plot(views["n"], views["accuracy"], color=style.BLUE, marker="o", label="mean over the views")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("views of each image")
    ax.set_ylabel("accuracy")
    ax.grid(axis="y")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return fig


@style.applied
def published_vs_reproduced(numbers, label="accuracy", ax=None):
    """What a paper printed beside what was computed here, a line for each number.

    Args:
        numbers: DataFrame, columns name, published, reproduced (either nan where not known), and, where there is an
            interval of the reproduced one, low and high.
        label: str, what the numbers are, on the axis.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        matplotlib Figure, a page wide; the numbers stand at the right.

    Raises:
        InputError: there is no row, or a column is missing.
    """
    _need(numbers, ("name", "published", "reproduced"))
    fig, ax = style.panel(ax, style.PAGE, 0.95 + 0.3 * len(numbers))
    places = np.arange(len(numbers))
    published = numbers["published"].to_numpy(dtype=float)
    reproduced = numbers["reproduced"].to_numpy(dtype=float)
    ax.hlines(places, published, reproduced, color=style.PALE, linewidth=2.5, zorder=1)
    if {"low", "high"} <= set(numbers.columns):
        low, high = numbers["low"].to_numpy(dtype=float), numbers["high"].to_numpy(dtype=float)
        ax.hlines(places, low, high, color=style.BLUE, linewidth=0.9, zorder=2, label="95% interval")
    here = {"marker": "o", "linestyle": "none", "markersize": 5}
    ax.plot(reproduced, places, color=style.BLUE, label="reproduced here", zorder=3, **here)
    there = {"marker": "D", "linestyle": "none", "markersize": 5, "markerfacecolor": "white"}
    ax.plot(published, places, color=style.INK, label="published", zorder=4, **there)
    columns = {"published": (0.6, published), "here": (1.05, reproduced), "difference": (1.6, reproduced - published)}
    inches = fig.dpi_scale_trans + ScaledTranslation(1, 0, ax.transAxes)  # to the right of the axes
    place = blended_transform_factory(inches, ax.transData)
    beside = {"transform": place, "ha": "right", "va": "center", "fontsize": 7, "clip_on": False}
    for heading, (x, values) in columns.items():
        ax.text(x, -0.95, heading, **beside)
        for y, value in zip(places, values, strict=True):
            word = f"{value:+.3f}".replace("-", "−") if heading == "difference" else f"{value:.3f}"
            ax.text(x, y, "–" if np.isnan(value) else word, **beside)
    ax.set_yticks(places, [fill(name, 40) for name in numbers["name"]])
    ax.set_ylim(len(numbers) - 0.5, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.margins(x=0.06)
    ax.grid(axis="x")
    ax.set_xlabel(label)
    fig.legend(loc="outside upper left", ncols=3)
    return fig


def _need(frame, columns):
    if missing := [column for column in columns if column not in frame]:
        raise InputError(f"a table to draw lacks the column '{missing[0]}'; it has {', '.join(map(str, frame))}.")
    if frame.empty:
        raise InputError("a table to draw has no row. Run what fills it first.")
