"""Figures of faces over time: the emotions of each track, how long each stage takes, and frames as they were annotated."""

import cv2
import numpy as np
from matplotlib.ticker import PercentFormatter

from fer_tf.errors import InputError, require
from fer_tf.figures import image_grid, style


@style.applied
def emotion_timeline(table, classes, truth=None, most=4):
    """The probabilities of each face over time, and above them the predicted emotion; the true one too where it is known.

    Args:
        table: DataFrame of `video.read_table`: frame, time_s, track, emotion, and a column of smoothed probabilities for
            each class.
        classes: k class names.
        truth: str for each frame number, the true emotion, or None.
        most: int, tracks drawn at most, those seen in the most frames.
    Returns: matplotlib Figure, a page wide, with a panel for each track; gaps are frames in which its face was not
        seen.
    """
    require(table, ("frame", "time_s", "track", "emotion", *classes), "the table of faces over time")
    observed = table.dropna(subset="track")
    tracks = sorted(observed["track"].value_counts().index[:most])
    fig = style.figure(style.PAGE, 0.75 + 1.75 * max(1, len(tracks)))
    panels = fig.subplots(max(1, len(tracks)), 1, sharex=True, squeeze=False)[:, 0]
    step = _step(table["time_s"])
    for ax, track in zip(panels, tracks, strict=False):
        rows = observed[observed["track"] == track]
        _lines(ax, rows, classes, step)
        strips = {"predicted": (rows["time_s"].to_numpy(), rows["emotion"].to_numpy())}
        if truth is not None:
            numbers = rows["frame"].astype(int).to_numpy()
            strips["true"] = (rows["time_s"].to_numpy(), np.asarray(truth, dtype=object)[numbers])
        for place, (name, (times, emotions)) in enumerate(strips.items()):
            _strip(ax, 1.06 + 0.15 * place, name, times, emotions, step)
        ax.set(ylim=(0, 1.05 + 0.15 * len(strips)), yticks=np.linspace(0, 1, 5), ylabel=f"face {int(track)}")
        ax.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
        ax.grid(axis="y")
    if not tracks:
        panels[0].text(0.5, 0.5, "No face was seen.", ha="center", va="center", transform=panels[0].transAxes)
        panels[0].set_yticks([])
    panels[-1].set_xlim(float(table["time_s"].min()), max(float(table["time_s"].max()) + step, step))
    panels[-1].set_xlabel("time (s)")
    handles, names = panels[0].get_legend_handles_labels()
    if handles:
        fig.legend(handles, names, loc="outside upper left", ncols=len(names))
    return fig


@style.applied
def stage_latencies(stages, ax=None):
    """How long each stage of a frame takes.

    Args:
        stages: dict of stage to a dict of median_ms, p95_ms and share, 0 to 1, as a reading's summary has it.
    Returns: matplotlib Figure, a column wide: a bar as long as the median, a line up to the 95th percentile; in words
        the median and the share of the whole.
    """
    if not stages:
        raise InputError("no stage was timed: there is no frame. Read a clip first.")
    fig, ax = style.panel(ax, style.COLUMN, 0.7 + 0.24 * len(stages))
    places = np.arange(len(stages))
    median = np.array([one["median_ms"] for one in stages.values()])
    late = np.array([one["p95_ms"] for one in stages.values()])
    colors = [style.INK if name == "whole" else "#5B93BF" for name in stages]
    ax.barh(places, median, color=colors, height=0.62)
    ax.hlines(places, median, late, color=style.GRAY, linewidth=1)
    ax.plot(late, places, linestyle="none", marker="|", markersize=7, color=style.GRAY)
    for place, (one, end) in enumerate(zip(stages.values(), late, strict=True)):
        message = f"{_milliseconds(one['median_ms'])} ({one['share']:.0%})"
        ax.text(end + 0.02 * late.max(), place, message, va="center", fontsize=7)
    ax.set_yticks(places, list(stages))
    ax.tick_params(axis="y", length=0)
    ax.set(ylim=(len(stages) - 0.4, -0.6), xlim=(0, 1.42 * late.max()))
    ax.set_xlabel("milliseconds a frame: median and 95th percentile")
    return fig


@style.applied
def annotated_frames(pictures, labels, columns=4):
    """Frames of a clip side by side, in the order of time.

    Args:
        pictures: n uint8 arrays (h, w, 3), RGB, of one size; larger ones are shrunk to what a page shows.
        labels: n str, such as their seconds, told in the upper left corner.
        columns: frames in a row.
    Returns: matplotlib Figure, a page wide; a column for one or two in a row.

    Example:
        >>> import numpy as np
        >>> len(annotated_frames([np.zeros((30, 40, 3), np.uint8)] * 4, ["0 s", "1 s", "2 s", "3 s"]).axes)
        1
    """
    if len(pictures) != len(labels):
        raise InputError(f"{len(pictures):,} pictures and {len(labels):,} labels. Give one of each.")
    page = style.COLUMN if columns <= 2 else style.PAGE
    shrunk = [_shrunk(picture, round(page / columns * 200)) for picture in pictures]
    rows = [shrunk[i : i + columns] for i in range(0, len(shrunk), columns)]
    picture = image_grid.mosaic(rows, columns)
    height, width = picture.shape[:2]
    fig = style.figure(page, page * height / width, layout="none")
    ax = fig.add_axes((0, 0, 1, 1))
    ax.imshow(picture, aspect="auto", extent=(0, width, height, 0), interpolation="none")
    ax.set_axis_off()
    gap = image_grid.gap_of(rows)
    step_y, step_x = (height + gap) / len(rows), (width + gap) / columns
    message = {"textcoords": "offset points", "fontsize": 7, "color": style.INK, "va": "top"}
    patch = {"boxstyle": "square,pad=0.2", "facecolor": "white", "edgecolor": "none"}
    for i, label in enumerate(labels):
        place = (i % columns * step_x, i // columns * step_y)
        ax.annotate(label, place, (3, -3), bbox=patch, **message)
    return fig


def _shrunk(picture, width):
    height = round(picture.shape[0] * width / picture.shape[1])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA) if width < picture.shape[1] else picture


def _lines(ax, rows, classes, step):
    """A line for each class, broken where the face was not seen."""
    times = rows["time_s"].to_numpy(float)
    breaks = np.flatnonzero(np.diff(times) > 1.75 * step) + 1
    spaced = np.insert(times, breaks, np.nan)
    for name in classes:
        values = np.insert(rows[name].to_numpy(float), breaks, np.nan)
        look = {"color": style.color(name), "marker": style.marker(name), "markevery": max(1, len(spaced) // 12)}
        ax.plot(spaced, values, label=name, markersize=3.2, linewidth=1.2, **look)


def _strip(ax, bottom, name, times, emotions, step, height=0.12):
    """A strip of time in the emotions' colors, with their names where there is room."""
    starts = np.flatnonzero(np.r_[True, (emotions[1:] != emotions[:-1]) | (np.diff(times) > 1.75 * step)])
    for start, stop in zip(starts, np.r_[starts[1:], len(times)], strict=True):
        length, emotion = times[stop - 1] + step - times[start], emotions[start]
        ax.broken_barh([(times[start], length)], (bottom, height), facecolors=style.color(emotion))
        if length > 0.06 * (times[-1] + step - times[0]):
            middle = (times[start] + length / 2, bottom + height / 2)
            ax.annotate(emotion, middle, ha="center", va="center", fontsize=6, color=style.ink_on(style.color(emotion)))
    beside = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center", "fontsize": 7}
    ax.annotate(name, (1, bottom + height / 2), (3, 0), **beside)


def _step(times):
    """Seconds from one frame to the next, in the middle."""
    steps = np.diff(np.unique(times.to_numpy(float)))
    return float(np.median(steps)) if len(steps) else 0.04


def _milliseconds(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"
