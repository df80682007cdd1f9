"""Figures that hold several results side by side: views, formats, features and classifiers, a paper's numbers and these."""

import numpy as np
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from fer_tf.errors import InputError, require
from fer_tf.figures import style
from fer_tf.figures.heatmap import heatmap

_ENGINES = {"keras": (style.INK, "o"), "opencv": ("#009E73", "s")}
_ENGINES |= {"onnxruntime": (style.BLUE, "D"), "litert": ("#D55E00", "^")}


@style.applied
def accuracy_over_views(views, plain=None, ax=None):
    """Accuracy against the number of views that test-time augmentation averages.

    Args:
        views: DataFrame, columns n and accuracy.
        plain: float, accuracy of the image itself, drawn as a line.
    """
    _rows(views, ("n", "accuracy"))
    fig, ax = style.panel(ax, style.COLUMN, 0.72 * style.COLUMN)
    views = views.sort_values("n")
    if plain is not None:
        ax.axhline(plain, color=style.INK, linestyle="--", linewidth=0.9, label=f"plain image {plain:.3f}")
    ax.plot(views["n"], views["accuracy"], color=style.BLUE, marker="o", label="mean over the views")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("views of each image")
    ax.set_ylabel("accuracy")
    ax.grid(axis="y")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return fig


@style.applied
def published_vs_reproduced(numbers, label="accuracy", human=None):
    """What a paper printed beside what was computed here, a line for each number.

    Args:
        numbers: DataFrame, columns name, published, reproduced (either nan where not known), and, where there is an
            interval of the reproduced one, low and high.
        label: str, what the numbers are, on the axis.
        human: (mean, spread) of people's accuracy on these images, drawn as a band, or None.
    Returns: matplotlib Figure; the numbers stand at the right.
    """
    _rows(numbers, ("name", "published", "reproduced"))
    fig, ax = style.rows(list(numbers["name"]))
    places = np.arange(len(numbers))
    published = numbers["published"].to_numpy(dtype=float)
    reproduced = numbers["reproduced"].to_numpy(dtype=float)
    if human is not None:
        mean, spread = human
        ax.axvspan(mean - spread, mean + spread, color=style.PALE, alpha=0.4, linewidth=0, zorder=0)
        ax.axvline(mean, color=style.GRAY, linestyle=":", linewidth=0.9, label=f"people {mean:.2f} ± {spread:.2f}")
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
            word = style.as_printed(value, 3) if heading == "published" else f"{value:.3f}"
            word = f"{value:+.3f}".replace("-", "−") if heading == "difference" else word
            ax.text(x, y, "–" if np.isnan(value) else word, **beside)
    ax.margins(x=0.06)
    ax.set_xlabel(label)
    fig.legend(loc="outside upper left", ncols=2)
    return fig


@style.applied
def accuracy_over_latency(formats, ax=None):
    """The accuracy of a network in each format against its time for an image: what is up and to the left is better.

    Args:
        formats: DataFrame, columns format (a name of `export.FORMATS`), ms (milliseconds an image), accuracy, low and high (the
            ends of its interval). int8 formats are drawn hollow.
    Returns: matplotlib Figure, a page wide, the formats named at the right.
    """
    _rows(formats, ("format", "ms", "accuracy", "low", "high"))
    fig, ax = style.panel(ax, style.PAGE, 0.7 * style.COLUMN)
    for row in formats.to_dict("records"):
        engine, _, kind = row["format"].partition("_")
        color, marker = _ENGINES.get(engine, (style.GRAY, "v"))
        ax.vlines(row["ms"], row["low"], row["high"], color=color, linewidth=0.8)
        look = {"color": color, "marker": marker, "linestyle": "none", "markerfacecolor": "white" if kind else color}
        ax.plot(row["ms"], row["accuracy"], label=" ".join(filter(None, (engine, kind))), **look)
    ax.set_xlim(left=0)
    ax.set_xlabel("milliseconds for an image alone")
    ax.set_ylabel("accuracy")
    ax.grid()
    ax.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
    return fig


@style.applied
def features_by_classifiers(table, label="validation accuracy", ax=None):
    """How features and classifiers do together.

    Args:
        table: DataFrame of float, index the features, columns the classifiers; nan where they were not tried.
        label: str, what the numbers are.
    Returns: matplotlib Figure, a column wide or, for many classifiers, a page.
    """
    width = style.COLUMN if table.shape[1] <= 4 else style.PAGE
    fig, ax = style.panel(ax, width, 1.6 + 0.34 * len(table))
    values = table.to_numpy(dtype=float)
    low, high = np.nanmin(values), np.nanmax(values)
    columns = [str(name).replace("_", " ") for name in table.columns]
    heatmap(ax, values, ".3f", list(table.index), columns, label, style.SEQUENTIAL, low - 0.1 * (high - low), high)
    return fig


@style.applied
def accuracy_across(table, ax=None):
    """Accuracy of networks across datasets, a row for each network.

    Args:
        table: DataFrame of `evaluation.accuracy_across`.
    Returns: matplotlib Figure, a column wide or, for many datasets, a page; a dash where too few classes are shared. Below
        the accuracy stands the number of shared classes.
    """
    _rows(table, ("network", "dataset", "accuracy", "classes"))
    places = {"index": "network", "columns": "dataset", "sort": False}
    values = table.pivot_table(values="accuracy", **places)
    shared = table.pivot_table(values="classes", **places).fillna(0).astype(int)
    cells = zip(values.to_numpy().ravel(), shared.to_numpy().ravel(), strict=True)
    words = ["–" if np.isnan(value) else f"{value:.3f}\nof {classes}" for value, classes in cells]
    width = style.COLUMN if values.shape[1] <= 4 else style.PAGE
    fig, ax = style.panel(ax, width, 1.2 + 0.5 * len(values))
    words = np.array(words).reshape(values.shape)
    heatmap(ax, values.to_numpy(), words, list(values.index), list(values.columns), "test accuracy")
    return fig


@style.applied
def accuracy_by_agreement(table, ax=None):
    """Accuracy against the share of people who agree on an image.

    Args:
        table: DataFrame of `evaluation.accuracy_by_agreement`.
    Returns: matplotlib Figure, a column wide; bars are 95% intervals, the dashed line is one person against the label.
    """
    _rows(table, ("from", "to", "n", "accuracy", "low", "high", "people"))
    fig, ax = style.panel(ax, style.COLUMN, 0.8 * style.COLUMN)
    places = np.arange(len(table))
    around = [table["accuracy"] - table["low"], table["high"] - table["accuracy"]]
    look = {"color": style.BLUE, "marker": "o", "elinewidth": 0.8, "capsize": 2, "label": "network"}
    ax.errorbar(places, table["accuracy"], yerr=np.clip(around, 0, None), **look)
    ax.plot(places, table["people"], color=style.INK, linestyle="--", marker="s", markersize=3, label="one person")
    bins = [f"{row['from']:.0%} to {row['to']:.0%}\nn = {row['n']:,}" for row in table.to_dict("records")]
    ax.set_xticks(places, bins, rotation=45, ha="right", rotation_mode="anchor")
    ax.set(ylim=(0, 1.02), xlabel="votes for the most voted class", ylabel="test accuracy")
    ax.grid(axis="y")
    ax.legend(loc="lower right")
    return fig


@style.applied
def errors_by_class(recalls, ax=None):
    """The share of each emotion's images that several models get wrong.

    Args:
        recalls: DataFrame, index the classes, a column of recalls for each model.
    """
    fig, ax = style.panel(ax, style.PAGE, 2.3)
    looks = [("#0B3C5D", ""), ("#DCE7F2", "////"), ("#5B93BF", ""), ("#E69F00", "....")]
    width, places = 0.8 / recalls.shape[1], np.arange(len(recalls))
    for i, (name, column) in enumerate(recalls.items()):
        face, hatch = looks[i % len(looks)]
        x = places + (i - (recalls.shape[1] - 1) / 2) * width
        look = {"color": face, "hatch": hatch, "edgecolor": style.INK, "linewidth": 0.4}
        ax.bar(x, 1 - column, width * 0.92, label=str(name), **look)
        for spot, value in zip(x, 1 - column, strict=True):
            ax.text(spot, value + 0.012, f"{value:.2f}", ha="center", va="bottom", fontsize=6.5)
    ax.set_xticks(places, recalls.index)
    ax.tick_params(axis="x", length=0)
    ax.set(ylim=(0, 1.08), ylabel="share that is wrong")
    ax.grid(axis="y")
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=recalls.shape[1])
    return fig


def _rows(table, columns):
    require(table, columns, "a table to draw")
    if table.empty:
        raise InputError("a table to draw has no row. Run what fills it first.")
