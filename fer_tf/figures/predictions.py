"""Figures of predictions: confusion, ROC, calibration, and faces that are right and wrong."""

import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter

from fer_tf.emotions import COLORS
from fer_tf.errors import InputError
from fer_tf.evaluation import expected_calibration_error
from fer_tf.figures import style
from fer_tf.figures.heatmap import heatmap
from fer_tf.figures.image_grid import as_uint8, grid


@style.applied
def confusion_matrix(confusion, axes=()):
    """A confusion matrix with a number in every cell: counts, and beside them their share of the true class.

    Args:
        confusion: DataFrame (k, k) of `evaluation.confusion`, rows the true class, int counts.
        axes: what rows and columns are; the true and the predicted emotion by default, or class where one is none.
    Returns: matplotlib Figure, a page wide.

    Example:
        >>> import pandas as pd
        >>> names = ["happy", "sad"]
        >>> len(confusion_matrix(pd.DataFrame([[8, 2], [1, 9]], index=names, columns=names)).axes) > 0
        True
    """
    kind = "emotion" if set(confusion.index) <= set(COLORS) else "class"
    axes = axes or (f"true {kind}", f"predicted {kind}")
    fig = style.figure(style.PAGE, 0.42 * style.PAGE)
    counts, ratios = fig.subplots(1, 2)
    values = confusion.to_numpy(dtype=float)
    sums = values.sum(axis=1, keepdims=True)
    shares = pd.DataFrame(values / np.where(sums > 0, sums, np.nan), confusion.index, confusion.columns)
    _confusion_panel(counts, confusion, ",.0f", max(1, values.max()), "images", axes)
    _confusion_panel(ratios, shares, ".2f", 1, f"share of the {axes[0]}'s images", axes)
    return fig


@style.applied
def roc_curves(curves, ax=None):
    """The ROC curve of each emotion against the rest, with its area.

    Args:
        curves: dict of `evaluation.roc`: class -> (false positive rates, true positive rates, area).
    Returns: matplotlib Figure, a column wide. A class without a curve stands in the legend with a dash.
    """
    fig, ax = style.panel(ax, style.COLUMN, 0.95 * style.COLUMN)
    ax.plot([0, 1], [0, 1], color=style.GRAY, linewidth=0.7, linestyle=":", zorder=0)
    spots = np.linspace(0.04, 0.9, 7)
    for i, (name, (false_positive, true_positive, area)) in enumerate(curves.items()):
        line = {"color": style.color(name), "linestyle": style.DASHES[i % len(style.DASHES)]}
        label = f"{name} {area:.3f}" if np.isfinite(area) else f"{name} –"
        rows = _steps(false_positive, true_positive)
        ax.plot(false_positive[rows], true_positive[rows], **line)
        if len(false_positive):
            # markers at given rates, as curves have many points in some places and few in others
            heights = np.interp(spots, false_positive, true_positive)
            ax.plot(spots, heights, color=line["color"], marker=style.marker(name), linestyle="none")
        ax.plot([], [], **line, marker=style.marker(name), label=label)
    ax.set(xlim=(-0.01, 1), ylim=(0, 1.01), aspect="equal")
    ax.set_xlabel("false positive rate")
    ax.set_ylabel("true positive rate")
    ax.legend(loc="lower right", title="area under the curve")
    return fig


@style.applied
def per_class_bars(per_class, ax=None):
    """Precision, recall and F1 of each emotion as bars.

    Args:
        per_class: DataFrame of `evaluation.per_class`, index the classes, columns precision, recall, f1.
    Returns: matplotlib Figure, a page wide; a dash where a class has no image.
    """
    fig, ax = style.panel(ax, style.PAGE, 2.3)
    looks = {"precision": ("#0B3C5D", ""), "recall": ("#5B93BF", ""), "f1": ("#DCE7F2", "////")}
    places = np.arange(len(per_class))
    for i, (column, (face, hatch)) in enumerate(looks.items()):
        values = per_class[column].to_numpy(dtype=float)
        x = places + (i - 1) * 0.27
        look = {"color": face, "hatch": hatch, "edgecolor": style.INK, "linewidth": 0.4}
        ax.bar(x, np.nan_to_num(values), width=0.25, label="F1" if column == "f1" else column, **look)
        for spot, value in zip(x, values, strict=True):
            word = "–" if np.isnan(value) else f"{value:.2f}"
            ax.text(spot, np.nan_to_num(value) + 0.015, word, ha="center", va="bottom", fontsize=6.5)
    ax.set_xticks(places, per_class.index)
    ax.tick_params(axis="x", length=0)
    ax.set(ylim=(0, 1.08), xlim=(-0.5, len(per_class) - 0.5), yticks=np.linspace(0, 1, 6))
    ax.set_ylabel("score")
    ax.grid(axis="y")
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3)
    return fig


@style.applied
def most_confused(pairs, ax=None):
    """The pairs of emotions that are confused most often.

    Args:
        pairs: DataFrame of `evaluation.most_confused`, columns true, predicted, count, ratio.
    Returns: matplotlib Figure, a column wide, bars in the true emotion's color; one sentence where nothing is confused.
    """
    fig, ax = style.panel(ax, style.COLUMN, 0.65 + 0.21 * max(2, len(pairs)))
    if pairs.empty:
        ax.text(0.5, 0.5, "No image is confused.", ha="center", va="center", transform=ax.transAxes)
        ax.set_axis_off()
        return fig
    places = np.arange(len(pairs))
    ax.barh(places, pairs["ratio"], color=[style.color(name) for name in pairs["true"]], height=0.72)
    longest = pairs["ratio"].max()
    for y, count, ratio in zip(places, pairs["count"], pairs["ratio"], strict=True):
        ax.text(ratio + 0.015 * longest, y, f"{ratio:.0%} ({count:,})", va="center", fontsize=7)
    names = [f"{true} → {predicted}" for true, predicted in zip(pairs["true"], pairs["predicted"], strict=True)]
    ax.set_yticks(places, names)
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(0, 1.45 * longest)
    ax.set_ylim(len(pairs) - 0.4, -0.6)
    ax.xaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    ax.locator_params(axis="x", nbins=5)
    ax.set_xlabel("share of the emotion (images)")
    return fig


@style.applied
def reliability_diagram(bins):
    """Accuracy against confidence, and how many predictions have which confidence.

    Args:
        bins: DataFrame of `evaluation.calibration`: low, high, count, confidence, accuracy.
    Returns: matplotlib Figure, a column wide; bars below the diagonal are overconfident.
    """
    fig = style.figure(style.COLUMN, 1.15 * style.COLUMN)
    top, bottom = fig.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    filled = bins[bins["count"] > 0]
    middle, width = (bins["low"] + bins["high"]) / 2, bins["high"] - bins["low"]
    bar = {"edgecolor": style.INK, "linewidth": 0.5}
    top.bar(middle[filled.index], filled["accuracy"], width[filled.index], color="#5B93BF", label="accuracy", **bar)
    gap = {"bottom": filled["accuracy"], "label": "gap to the confidence"}
    gap |= {"facecolor": "none", "hatch": "////", "edgecolor": "#D55E00", "linewidth": 0.5}
    top.bar(middle[filled.index], filled["confidence"] - filled["accuracy"], width[filled.index], **gap)
    top.plot([0, 1], [0, 1], color=style.INK, linewidth=0.8, linestyle="--", label="calibrated")
    top.plot([], [], linestyle="none", label=f"ECE {expected_calibration_error(bins):.3f}")
    top.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    top.legend(loc="upper left")
    bottom.bar(middle, bins["count"] / max(1, bins["count"].sum()), width, color=style.PALE, **bar)
    bottom.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    bottom.locator_params(axis="y", nbins=3)
    bottom.set(xlabel="confidence (largest probability)", ylabel="images")
    fig.align_ylabels()
    return fig


@style.applied
def predictions_grid(images, labels, probabilities, classes, n=6, seed=0):
    """Randomly drawn images that were predicted rightly and wrongly, each with its probabilities.

    Args:
        images: uint8 array (m, h, w, c), c 1 or 3; may be a memory map, of which only what is drawn is read.
        labels: int array (m,), 0 to k-1.
        probabilities: float array (m, k).
        classes: k class names.
        n: int, images of each kind.
    Returns: matplotlib Figure, a page wide: a row of right and a row of wrong predictions. Below each face stands the
        true emotion, then the predicted one where it is another; the true emotion's bar is framed.
    Raises InputError: as many labels and probabilities as images are needed, and at least one.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    if not len(images) == len(labels) == len(probabilities) or len(labels) == 0:
        raise InputError(f"{len(images)} images, {len(labels)} labels, {len(probabilities)} predictions; give as many.")
    predicted = probabilities.argmax(axis=1)
    random = np.random.default_rng(seed)
    kinds = {"right": np.flatnonzero(predicted == labels), "wrong": np.flatnonzero(predicted != labels)}
    drawing = {kind: np.sort(random.permutation(positions)[:n]) for kind, positions in kinds.items()}
    # Places are given in inches: a face, two lines of text, and bars of 7-point lines, whatever n is.
    left, gap = 0.82, 0.1
    side = min(style.TILE, (style.PAGE - left - 0.05) / n - gap)
    text, bars, between = 0.36, 0.115 * len(classes), 0.16
    block = side + text + bars
    height = 2 * block + between + 0.02
    fig = style.figure(style.PAGE, height, layout="none")
    for r, (kind, positions) in enumerate(drawing.items()):
        top = height - r * (block + between) - 0.01
        share = f"{len(kinds[kind]):,} of\n{len(labels):,}"
        fig.text(0.06 / style.PAGE, (top - side / 2) / height, f"{kind}\n{share}", va="center")
        for c, i in enumerate(positions):
            x = left + c * (side + gap)
            box = (x / style.PAGE, (top - side) / height, side / style.PAGE, side / height)
            _face(fig.add_axes(box), np.asarray(images[i]), classes[labels[i]], classes[predicted[i]])
            box = (x / style.PAGE, (top - block) / height, side / style.PAGE, bars / height)
            _probability_bars(fig.add_axes(box), probabilities[i], labels[i], classes, named=c == 0)
    return fig


@style.applied
def suspicious_labels(images, suspects, rows=6, n=7):
    """The commonest contradictions of labels, and of each the images whose label is contradicted most confidently.

    Args:
        images: uint8 array (m, h, w, c).
        suspects: DataFrame of `evaluation.label_noise.suspects` of these images, one row or more.
        rows: contradictions shown, such as fear for which surprise is suggested.
        n: images of each.
    Returns: matplotlib Figure, a page wide for seven.
    """
    kinds = suspects.groupby(["label", "suggested"]).size().sort_values(ascending=False, kind="stable").head(rows)
    of_kind = {(label, suggested): part for (label, suggested), part in suspects.groupby(["label", "suggested"])}
    faces = [[np.asarray(images[row]) for row in of_kind[kind]["row"].head(n)] for kind in kinds.index]
    words = [f"{label}\n→ {suggested}\n({count:,})" for (label, suggested), count in kinds.items()]
    return grid(faces, row_labels=words)


def _steps(x, y, size=0.01):
    """The points of a monotone curve that lie further apart than a third of a millimeter, as rows: an SVG holds every point."""
    cell = np.floor((np.asarray(x) + np.asarray(y)) / size)
    return np.union1d(np.flatnonzero(np.diff(cell, prepend=-1)), np.arange(len(cell))[-1:])


def _confusion_panel(ax, table, spec, scale, label, axes):
    names = list(table.index), list(table.columns)
    bar = heatmap(ax, table.to_numpy(dtype=float), spec, *names, label, style.SEQUENTIAL, 0, scale)
    bar.ax.yaxis.set_major_formatter("{x:,.0f}" if label == "images" else "{x:.1f}")
    ax.set_ylabel(axes[0])
    ax.set_xlabel(axes[1])


def _face(ax, image, true, predicted):
    image = as_uint8(image)
    ax.imshow(image[..., 0] if image.shape[-1] == 1 else image, vmin=0, vmax=255, aspect="auto", interpolation="none")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.annotate(f"true: {true}", (0, 0), (0, -3), "axes fraction", "offset points", va="top", fontsize=7)
    if predicted != true:
        message = {"va": "top", "fontsize": 7, "fontweight": "bold"}
        ax.annotate(f"not {predicted}", (0, 0), (0, -12.5), "axes fraction", "offset points", **message)


def _probability_bars(ax, probabilities, label, classes, named):
    places = np.arange(len(classes))
    drawing = ax.barh(places, probabilities, color=[style.color(name) for name in classes], height=0.78)
    drawing[int(label)].set(edgecolor="black", linewidth=1)
    ax.set(xlim=(0, 1.02), ylim=(len(classes) - 0.4, -0.6), xticks=[])
    ax.set_yticks(places, classes if named else [])
    ax.tick_params(axis="y", length=0, labelsize=6.5, pad=2)
    ax.spines["bottom"].set_visible(False)
    best = int(np.argmax(probabilities))
    share, look = probabilities[best], {"ha": "left", "color": style.INK}
    if share > 0.7:
        look = {"ha": "right", "color": style.ink_on(style.color(classes[best]))}
    x = share + (0.03 if look["ha"] == "left" else -0.03)
    ax.text(x, best, f"{share:.0%}", va="center_baseline", fontsize=6, **look)
