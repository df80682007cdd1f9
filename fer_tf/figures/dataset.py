"""Figures of images before training: how many of each emotion, how bright, what they look like."""

import numpy as np
from matplotlib.ticker import MultipleLocator, StrMethodFormatter

from fer_tf.datasets import pixel_statistics
from fer_tf.errors import InputError
from fer_tf.figures import image_grid, style
from fer_tf.figures.heatmap import heatmap

THOUSANDS = StrMethodFormatter("{x:,.0f}")


@style.applied
def sample_images(dataset, per_class=6, seed=0):
    """Randomly drawn images of each class, a row for each emotion.

    Args:
        per_class: int, images in a row.
    Returns: matplotlib Figure, a page wide; a class with fewer images leaves places empty.
    """
    rows = []
    for k in range(len(dataset.classes)):
        positions = np.flatnonzero(dataset.labels == k)
        drawing = np.random.default_rng([seed, k]).permutation(len(positions))[:per_class]
        row = [np.asarray(dataset.images[i]) for i in positions[drawing]]
        rows.append(row + [None] * (per_class - len(row)))
    return image_grid.grid(rows, row_labels=list(dataset.classes))


@style.applied
def class_distribution(dataset, ax=None):
    """Number and share of the images of each emotion."""
    fig, ax = style.panel(ax, style.COLUMN, 1.2 + 0.2 * len(dataset.classes))
    _class_bars(ax, dataset.counts().sum(axis=1))
    return fig


@style.applied
def class_distribution_by_split(dataset):
    """Number and share of the images of each emotion, a panel for each split.

    Returns: matplotlib Figure, a page wide; each panel has its own scale, so that shares are compared by the length of
        bars.
    """
    counts = dataset.counts()
    fig = style.figure(style.PAGE, 1.3 + 0.2 * len(dataset.classes))
    panels = np.atleast_1d(fig.subplots(1, counts.shape[1], sharey=True))
    for ax, split in zip(panels, counts.columns, strict=True):
        _class_bars(ax, counts[split])
        ax.set_xlabel(f"{split} images ({counts[split].sum():,} in all)")
    return fig


@style.applied
def split_sizes(dataset, ax=None):
    """Number and share of the images of each split."""
    sizes = dataset.counts().sum(axis=0)
    fig, ax = style.panel(ax, style.COLUMN, 0.6 + 0.28 * len(sizes))
    colors = [style.SPLITS.get(split, style.GRAY) for split in sizes.index]
    hatches = [style.HATCHES.get(split, "") for split in sizes.index]
    ax.barh(sizes.index, sizes, color=colors, hatch=hatches, edgecolor=style.INK, height=0.7)
    _counted(ax, sizes)
    return fig


@style.applied
def pixel_distribution(dataset, ax=None):
    """How often each gray level occurs in the images, with mean and standard deviation."""
    counts = pixel_statistics.histogram(dataset).sum(axis=0)
    mean, deviation = pixel_statistics.moments(counts)
    fig, ax = style.panel(ax, style.COLUMN, 0.62 * style.COLUMN)
    edges = np.arange(pixel_statistics.LEVELS + 1)
    ax.stairs(_percent(counts), edges, fill=True, color=style.PALE)
    ax.stairs(_percent(counts), edges, color=style.INK, linewidth=0.6)
    ax.axvline(mean, color=style.BLUE, label=f"mean {mean:.0f}")
    for side, label in ((-1, f"mean ± standard deviation {deviation:.0f}"), (1, None)):
        ax.axvline(mean + side * deviation, color=style.BLUE, linestyle="--", linewidth=0.8, label=label)
    _intensity_axis(ax)
    ax.set_xlabel("pixel intensity (0 black, 255 white)")
    ax.set_ylabel("pixels (%)")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return fig


@style.applied
def pixel_distribution_by_emotion(dataset):
    """How often each gray level occurs in each emotion's images, against all images together.

    Returns: matplotlib Figure, a page wide, a panel for each emotion and one scale for all.
    """
    counts = pixel_statistics.histogram(dataset)
    by_eight = counts.reshape(len(counts), -1, 8).sum(axis=2)
    edges = np.arange(0, pixel_statistics.LEVELS + 1, 8)
    columns = (len(counts) + 1) // 2 if len(counts) > 3 else len(counts)
    lines = -(-len(counts) // columns)
    fig = style.figure(style.PAGE, 0.4 + 1.35 * lines)
    panels = fig.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for k, (ax, name) in enumerate(zip(panels, dataset.classes, strict=False)):
        mean, deviation = pixel_statistics.moments(counts[k])
        label = f"{name}\n{mean:.0f} ± {deviation:.0f}" if counts[k].any() else f"{name}\nno image"
        ax.stairs(_percent(by_eight[k]), edges, fill=True, color=style.color(name), alpha=0.55)
        outline = ax.stairs(_percent(by_eight.sum(axis=0)), edges, color=style.INK, linewidth=0.9, label="all emotions")
        ax.text(0.97, 0.97, label, transform=ax.transAxes, ha="right", va="top")
        _intensity_axis(ax)
        ax.tick_params(labelbottom=k + columns >= len(counts))
    panels[0].set_ylim(0, 1.35 * max(_percent(row).max() for row in (*by_eight, by_eight.sum(axis=0))))
    for ax in panels[len(counts) :]:
        ax.set_axis_off()
    if len(panels) > len(counts):
        panels[-1].legend(handles=[outline], loc="center")
    else:
        fig.legend(handles=[outline], loc="outside upper right")
    fig.supxlabel("pixel intensity (0 black, 255 white)", fontsize=8)
    fig.supylabel("pixels (%)", fontsize=8)
    return fig


@style.applied
def mean_faces(dataset):
    """The mean image of each emotion, all on one gray scale.

    Black and white are the darkest and the brightest mean, not 0 and 255.
    """
    faces = pixel_statistics.mean_faces(dataset)
    fig = style.figure(style.PAGE, 0.35 + style.PAGE / (len(faces) + 0.9) * faces.shape[1] / faces.shape[2])
    panels = np.atleast_1d(fig.subplots(1, len(faces)))
    low, high = np.nanmin(faces), np.nanmax(faces)
    for ax, face, name in zip(panels, faces, dataset.classes, strict=True):
        displayed = ax.imshow(face, vmin=low, vmax=high)
        ax.set_xlabel(name)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    bar = fig.colorbar(displayed, ax=panels, label="mean intensity", fraction=0.02, pad=0.01, aspect=18)
    bar.outline.set_linewidth(0.4)
    return fig


@style.applied
def intensity_correlation(dataset, ax=None):
    """Correlation (Pearson's r) between the emotions' mean faces, pixel by pixel.

    Mean faces resemble each other, so that the colors start at the smallest value; with a negative one they diverge around 0.
    """
    faces = pixel_statistics.mean_faces(dataset).reshape(len(dataset.classes), -1)
    with np.errstate(invalid="ignore", divide="ignore"):  # a class without an image, or of one gray, has no correlation
        correlation = np.atleast_2d(np.corrcoef(faces))
    fig, ax = style.panel(ax, style.COLUMN, 0.9 * style.COLUMN)
    lowest = np.nanmin(correlation, initial=1)
    if lowest < 0:
        scale = {"cmap": style.DIVERGING, "vmin": -1, "vmax": 1}
    else:
        scale = {"cmap": style.SEQUENTIAL, "vmin": min(0.95, np.floor(lowest * 20) / 20), "vmax": 1}
    heatmap(ax, correlation, ".2f", dataset.classes, dataset.classes, "correlation of the mean faces", **scale)
    return fig


@style.applied
def cleaning_examples(dataset, result, per_kind=6):
    """Images that cleaning found, a row for each reason.

    Args:
        found: dict, reason (str) -> positions in the dataset: int array, list, or list of groups of duplicates.
        per_kind: int, at most this many images of each reason.
    Returns: matplotlib Figure; a reason that was not found has an empty row, and no row at all gives one sentence.
    """
    result = {reason: _flat(positions) for reason, positions in result.items()}
    if not any(len(positions) for positions in result.values()):
        fig = style.figure(style.COLUMN, 0.5, layout="none")
        reasons = ", ".join(reason.replace("_", " ") for reason in result) or "anything"
        fig.text(0.5, 0.5, f"Nothing found ({reasons}).", ha="center", va="center", wrap=True)
        return fig
    rows = [[np.asarray(dataset.images[i]) for i in positions[:per_kind]] for positions in result.values()]
    labels = [f"{reason.replace('_', ' ')}\n{len(positions):,} found" for reason, positions in result.items()]
    return image_grid.grid(rows, row_labels=labels, columns=per_kind)


@style.applied
def pair_similarity(similarity, copies, similar, ax=None):
    """How similar pairs of images are, and how similar an image is to a copy of it.

    Args:
        similarity: float array, of the pairs that a hash points at; see `near_duplicates.pairs`.
        copies: dict, what was done to an image -> float array, how similar the copies are to the originals.
        similar: float, the similarity from which on a pair counts as near-duplicates.
    Returns: matplotlib Figure, a page wide; the number of pairs on a logarithmic scale, the copies as their range.
    """
    fig, ax = style.panel(ax, style.PAGE, 0.36 * style.PAGE)
    counts, edges = np.histogram(similarity, bins=np.linspace(0, 1, 51))
    ax.stairs(np.maximum(counts, 0.5), edges, fill=True, color=style.PALE, baseline=0.5)
    ax.stairs(np.maximum(counts, 0.5), edges, color=style.INK, linewidth=0.6, baseline=0.5, label="pairs of images")
    top = max(10, counts.max())
    ax.vlines(similar, 0.5, top, color=style.BLUE, linestyle="--", label=f"near-duplicates from {similar:g} on")
    for place, (name, values) in enumerate(copies.items()):
        y = top * 2.2 ** (place + 1)
        ax.plot([min(values), max(values)], [y, y], color=style.INK, linewidth=3, solid_capstyle="butt")
        ax.text(min(values) - 0.01, y, f"{name}: {np.median(values):.3f}", ha="right", va="center", fontsize=7)
    ax.set(yscale="log", xlim=(0, 1.01), ylim=(0.5, top * 2.2 ** (len(copies) + 1)))
    ax.yaxis.set_major_formatter(THOUSANDS)
    ax.set_xlabel("similarity: correlation of the pixels where two images fit best")
    ax.set_ylabel("pairs")
    ax.legend(loc="upper left")
    return fig


@style.applied
def similar_pairs(dataset, table, bands=((0.8, 0.85), (0.85, 0.9), (0.9, 0.95), (0.95, 1.001)), per_band=9, seed=0):
    """Pairs of images below each other, from hardly to very similar.

    Args:
        table: DataFrame of `near_duplicates.pairs`.
        bands: pairs of lowest and highest similarity; from each some pairs are drawn.
        per_band: int, pairs in a row.
    """
    rows, labels = [], []
    for k, (low, high) in enumerate(bands):
        pairs = table[table["similarity"].between(low, high, inclusive="left")]
        chosen = pairs.sample(min(per_band, len(pairs)), random_state=seed + k)
        for column, label in (("first", f"{low:g} to {min(high, 1):g}"), ("second", f"{len(pairs):,} pairs")):
            images = [np.asarray(dataset.images[i]) for i in chosen[column]]
            rows.append(images + [None] * (per_band - len(images)))
            labels.append(label)
    if all(image is None for row in rows for image in row):
        rows[0][0] = np.full(dataset.images.shape[1:], 255, np.uint8)  # nothing to show: an empty picture
    return image_grid.grid(rows, row_labels=labels)


@style.applied
def valence_arousal(dataset, values, most=200, seed=0):
    """Where the images of each emotion lie between unpleasant and pleasant, calm and aroused.

    Args:
        dataset: Dataset of n images.
        values: dict of `attributes.load`, with valence and arousal (float (n,), -1 to 1).
        most: int, images drawn of each emotion.
    """
    fig, ax = style.panel(None, style.COLUMN, style.COLUMN)
    for k, name in enumerate(dataset.classes):
        rows = np.random.default_rng([seed, k]).permutation(np.flatnonzero(dataset.labels == k))[:most]
        look = {"color": style.color(name), "marker": style.marker(name), "s": 9, "alpha": 0.6, "linewidths": 0}
        ax.scatter(values["valence"][rows], values["arousal"][rows], label=name, **look)
    ax.axhline(0, color=style.GRAY, linewidth=0.5)
    ax.axvline(0, color=style.GRAY, linewidth=0.5)
    ax.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal")
    ax.set_xlabel("valence (-1 unpleasant, 1 pleasant)")
    ax.set_ylabel("arousal (-1 calm, 1 excited)")
    fig.legend(loc="outside upper center", ncols=4)
    return fig


@style.applied
def landmarks(dataset, values, columns=8):
    """The first images of a dataset with their landmarks.

    Args:
        values: dict of `attributes.load`, with landmarks (float (n, points, 2), shares of the image's side).
        columns: int, images.
    """
    chosen = np.linspace(0, len(dataset) - 1, columns).astype(int)
    fig = image_grid.grid([[np.asarray(dataset.images[i]) for i in chosen]])
    ax, size = fig.axes[0], dataset.images.shape[2]
    step = size + image_grid.gap_of([[dataset.images[0]]])
    for place, i in enumerate(chosen):
        x, y = values["landmarks"][i].T * size
        ax.scatter(place * step + x, y, s=1.5, color=style.color("happy"), linewidths=0)
    return fig


@style.applied
def transformed_images(original, views, per_row=5):
    """An image and randomly transformed versions of it.

    Args:
        original: array (h, w, c), 0 to 255; or (m, h, w, c) for several images, a row for each.
        views: array or list (v, h, w, c), 0 to 255; or (m, v, h, w, c).
        per_row: int, at most this many views in a row when there is one image.
    Returns: matplotlib Figure, the original in the first column.

    Example:
        >>> face = np.zeros((48, 48, 1), np.uint8)
        >>> len(transformed_images(face, [face] * 4).axes)
        1
    """
    original, views = np.asarray(original), np.asarray(views)
    if original.ndim == 3:
        original, views = original[None], views[None]
    if views.ndim != 5 or len(views) != len(original) or views.shape[1] == 0:
        raise InputError(f"views {views.shape[1:]} of images {original.shape[1:]}. Give some per image.")
    if len(original) > 1:
        rows = [[image, *observed] for image, observed in zip(original, views, strict=True)]
    else:
        lines = [list(views[0][start : start + per_row]) for start in range(0, views.shape[1], per_row)]
        rows = [[original[0] if r == 0 else None, *line] for r, line in enumerate(lines)]
    headed = ["original", "transformed"] + [""] * (max(map(len, rows)) - 2)
    return image_grid.grid(rows, column_labels=headed)


@style.applied
def balanced_classes(counts, ax=None):
    """How many images of each emotion an epoch shows, before balancing and after.

    Args:
        counts: DataFrame of `balancing.counts`, index the classes, columns before and after.
    Returns: matplotlib Figure, a page wide: solid what is there, hatched the copies.
    """
    fig, ax = style.panel(ax, style.PAGE, 1.0 + 0.24 * len(counts))
    names = list(counts.index)
    before, after = counts["before"].to_numpy(), counts["after"].to_numpy()
    colors = [style.color(name) for name in names]
    ax.barh(names, before, color=colors, height=0.75)
    look = {"color": "white", "edgecolor": colors, "hatch": "////", "height": 0.75, "linewidth": 0.8}
    ax.barh(names, after - before, left=before, **look)
    longest = max(1, after.max())
    for y, (had, has) in enumerate(zip(before, after, strict=True)):
        word = f"{had:,}" if had == has else f"{had:,} → {has:,}"
        ax.text(has + 0.01 * longest, y, word, va="center", fontsize=7)
    ax.barh([0], [0], color=style.GRAY, label="images")
    ax.barh([0], [0], color="white", edgecolor=style.GRAY, hatch="////", label="copies")
    ax.set_xlim(0, 1.18 * longest)
    ax.set_ylim(len(counts) - 0.4, -0.6)
    ax.xaxis.set_major_formatter(THOUSANDS)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("images shown in an epoch")
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    return fig


def _class_bars(ax, counts):
    """Horizontal bars in the emotions' own colors, the first class on top."""
    ax.barh(counts.index, counts, color=[style.color(name) for name in counts.index], height=0.75)
    _counted(ax, counts)


def _counted(ax, counts):
    """The number and share at the end of each bar, with room for it."""
    total = max(1, counts.sum())
    longest = max(1, counts.max())
    for y, count in enumerate(counts):
        ax.text(count + 0.02 * longest, y, f"{count:,} ({count / total:.1%})", va="center", fontsize=7)
    width = ax.get_position().width * ax.figure.get_figwidth()
    letters = max(len(f"{count:,} ({count / total:.1%})") for count in counts)
    ax.set_xlim(0, longest * (1 + letters * 0.065 / max(0.5, width - letters * 0.065)))
    ax.set_ylim(len(counts) - 0.4, -0.6)
    ax.xaxis.set_major_formatter(THOUSANDS)
    ax.locator_params(axis="x", nbins=4, integer=True)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("images")


def _percent(counts):
    return 100 * counts / max(1, counts.sum())


def _intensity_axis(ax):
    ax.set_xlim(0, 256)
    ax.xaxis.set_major_locator(MultipleLocator(64))
    ax.set_ylim(bottom=0)


def _flat(positions):
    """Positions as a flat int array, from an array, a list, or a list of groups of unequal length."""
    parts = [np.asarray(part, dtype=np.int64).ravel() for part in positions]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
