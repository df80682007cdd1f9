"""Figures of trainings that are held against each other or made in parts: settings, folds, phases."""

import numpy as np
from matplotlib.patches import Rectangle

from fer_tf.errors import InputError
from fer_tf.figures import style
from fer_tf.figures.heatmap import draw_matrix
from fer_tf.figures.training import learning_curves


@style.applied
def accuracy_by_setting(results, rows="learning_rate", columns="batch_size", value="val_accuracy", ax=None):
    """The accuracy of every setting of a grid, the best one framed.

    Args:
        results: DataFrame, a row for each setting, with the three columns named below; nan where one was not tried.
        rows, columns: the two hyperparameters.
        value: what is shown, the more the better.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        matplotlib Figure, a column wide.

    Raises:
        InputError: there is no setting, or a column is missing.
    """
    if missing := [name for name in (rows, columns, value) if name not in results]:
        raise InputError(f"the grid's results lack the column '{missing[0]}'; they have {', '.join(results)}.")
    if results[value].notna().sum() == 0:
        raise InputError("no setting of the grid has a result. Run some first.")
    grid = results.pivot_table(index=rows, columns=columns, values=value).sort_index(ascending=False)
    fig, ax = style.panel(ax, style.COLUMN, 1.1 + 0.42 * len(grid))
    values = grid.to_numpy(dtype=float)
    words = np.array([["–" if np.isnan(number) else f"{number:.3f}" for number in line] for line in values])
    low, high = np.nanmin(values), np.nanmax(values)
    low -= 0.1 * max(high - low, 0.01)
    names = [[f"{name:g}" for name in axis] for axis in (grid.index, grid.columns)]
    draw_matrix(ax, values, words, *names, _worded(value), style.SEQUENTIAL, low, high)
    y, x = np.unravel_index(np.nanargmax(values), values.shape)
    frame = {"fill": False, "edgecolor": "#D55E00", "linewidth": 1.8, "zorder": 3}
    ax.add_patch(Rectangle((x - 0.47, y - 0.47), 0.94, 0.94, **frame))
    ax.set_xticks(range(len(names[1])), names[1], rotation=0, ha="center")
    ax.set_aspect("auto")
    ax.set(xlabel=_worded(columns), ylabel=_worded(rows))
    return fig


@style.applied
def accuracy_by_fold(folds, values=("accuracy", "macro_f1"), ax=None):
    """What each fold of a cross-validation gave, with mean and standard deviation.

    Args:
        folds: DataFrame, a row for each fold: fold (from 1), and the columns named by `values`, 0 to 1.
        values: what is shown, a group for each.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        matplotlib Figure, a column wide.

    Raises:
        InputError: there is no fold, or a column is missing.
    """
    if missing := [name for name in ("fold", *values) if name not in folds]:
        raise InputError(f"the folds lack the column '{missing[0]}'; they have {', '.join(folds)}.")
    if folds.empty:
        raise InputError("there is no fold to draw. Run some first.")
    fig, ax = style.panel(ax, style.COLUMN, 2.2)
    marks, looks = "osD^v", (style.BLUE, "#E69F00", "#009E73")
    for place, name in enumerate(values):
        found = folds[name].to_numpy(dtype=float)
        mean, deviation = found.mean(), found.std(ddof=1) if len(found) > 1 else 0.0
        spots = place + 0.5 * (np.arange(len(found)) - (len(found) - 1) / 2) / max(1, len(found))
        colour = looks[place % len(looks)]
        ax.add_patch(
            Rectangle((place - 0.4, mean - deviation), 0.8, 2 * deviation, color=style.PALE, alpha=0.7, zorder=0)
        )
        ax.hlines(mean, place - 0.4, place + 0.4, color=style.INK, linewidth=1)
        ax.plot(spots, found, color=colour, marker=marks[place % len(marks)], linestyle="none")
        for spot, fold, number in zip(spots, folds["fold"], found, strict=True):
            ax.annotate(f"{fold}", (spot, number), (0, 4), textcoords="offset points", ha="center", fontsize=6.5)
        told = f"{mean:.3f} ± {deviation:.3f}"
        ax.annotate(
            told, (place, 1.0), (0, 3), xycoords=("data", "axes fraction"), textcoords="offset points", ha="center"
        )
    ax.set_xticks(range(len(values)), [_worded(name) for name in values])
    ax.set_xlim(-0.6, len(values) - 0.4)
    ax.margins(y=0.18)
    ax.autoscale_view()
    ax.set_ylabel("held-out fold")
    ax.grid(axis="y")
    return fig


@style.applied
def learning_curves_by_phase(history, best="val_accuracy"):
    """`learning_curves` of a training in phases, with a line where one phase follows another.

    Args:
        history: DataFrame as of `learning_curves`, with the column phase.
        best: as of `learning_curves`.

    Returns:
        matplotlib Figure, a page wide.
    """
    fig = learning_curves(history, best)
    phases = history.groupby("phase", sort=False)["epoch"]
    for ax in fig.axes:
        for name, first in phases.min().items():
            if first > history["epoch"].min():
                ax.axvline(first - 0.5, color=style.INK, linewidth=0.8)
            if len(phases) > 1:
                left = max(first - 0.5, ax.get_xlim()[0])
                place = ax.get_xaxis_transform()
                ax.annotate(
                    name, (left, 0.02), (2, 0), xycoords=place, textcoords="offset points", rotation=90, fontsize=6.5
                )
    return fig


def _worded(name):
    return name.replace("val_", "validation ").replace("f1", "F1").replace("_", " ")
