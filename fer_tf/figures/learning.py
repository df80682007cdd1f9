"""Figures of trainings: learning curves, phases, settings and folds."""

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, NullFormatter

from fer_tf.errors import InputError, require
from fer_tf.figures import style
from fer_tf.figures.heatmap import heatmap

_LINES = {
    "train": {"color": style.SPLITS["validation"], "linestyle": "--", "marker": "o", "markerfacecolor": "white"},
    "validation": {"color": style.SPLITS["train"], "linestyle": "-", "marker": "s"},
}


@style.applied
def learning_curves(history):
    """Loss and accuracy over the epochs, with the best epoch marked; the learning rate too where it changes.

    Args:
        history: DataFrame, a row for each epoch: epoch (1 for the first), loss, accuracy, and where there are
            any val_loss, val_accuracy, learning_rate. The best epoch is that of the highest val_accuracy.
    """
    _check(history, ("epoch", "loss", "accuracy"))
    rates = history["learning_rate"].dropna() if "learning_rate" in history else []
    varies = len(set(rates)) > 1
    fig = style.figure(style.PAGE, 2.3)
    panels = fig.subplots(1, 3 if varies else 2)
    for ax, name in zip(panels, ("loss", "accuracy"), strict=False):
        for split, column in (("train", name), ("validation", f"val_{name}")):
            if column in history and history[column].notna().any():
                line = {**_LINES[split], "markevery": max(1, len(history) // 12), "markersize": 3.5}
                ax.plot(history["epoch"], history[column], label=split, **line)
        ax.set_ylabel(f"{name} (cross-entropy)" if name == "loss" else name)
    if varies:
        panels[2].step(history["epoch"], history["learning_rate"], where="mid", color=style.INK)
        panels[2].set(yscale="log", ylabel="learning rate")
        panels[2].yaxis.set_minor_formatter(NullFormatter())
    for ax in panels:
        _epoch_axis(ax, history["epoch"])
    row = _best_row(history)
    if row is not None:
        for ax in panels:
            ax.axvline(row["epoch"], color=style.GRAY, linewidth=0.8, linestyle=":", zorder=0)
        message = f"best epoch {row['epoch']:.0f}: validation accuracy {row['val_accuracy']:.3f}"
        look = {"marker": "*", "color": "#D55E00", "linestyle": "none"}
        panels[1].plot(row["epoch"], row["val_accuracy"], markersize=9, zorder=4, **look)
        panels[1].plot([], [], markersize=8, label=message, **look)
    handles = {text: handle for ax in panels for handle, text in zip(*ax.get_legend_handles_labels(), strict=True)}
    fig.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=3)
    return fig


@style.applied
def compare_learning(histories, ax=None):
    """The validation accuracy over the epochs of several trainings, such as several settings of the hyperparameters.

    Args:
        histories: dict, name -> history as in `learning_curves`.
    Returns: matplotlib Figure, a page wide, the names in the legend from best to worst.

    Example:
        >>> import pandas as pd
        >>> history = pd.DataFrame({"epoch": [1, 2], "val_accuracy": [0.3, 0.4]})
        >>> compare_learning({"a": history, "b": history + 0.1}).axes[0].get_ylabel()
        'validation accuracy'
    """
    if not histories:
        raise InputError("there are no trainings to compare. Run some first.")
    for history in histories.values():
        _check(history, ("epoch", "val_accuracy"))
    fig, ax = style.panel(ax, style.PAGE, 2.8)
    order = ("sad", "angry", "disgust", "fear", "happy", "surprise", "neutral", "contempt")
    colors, marks, ends = [style.color(name) for name in order], "osvPX^D*", {}
    for i, (name, history) in enumerate(histories.items()):
        look = {"color": colors[i % len(colors)], "marker": marks[i % len(marks)]}
        look |= {"linestyle": style.DASHES[(i + i // len(colors)) % len(style.DASHES)]}
        (line,) = ax.plot(history["epoch"], history["val_accuracy"], markevery=max(1, len(history) // 10), **look)
        ends[name] = (history["val_accuracy"].max(), line)
    order = sorted(ends, key=lambda name: ends[name][0], reverse=True)
    labels = [f"{name} ({ends[name][0]:.3f})" for name in order]
    ax.legend([ends[name][1] for name in order], labels, loc="center left", bbox_to_anchor=(1, 0.5), title="best epoch")
    ax.set_ylabel("validation accuracy")
    _epoch_axis(ax, np.concatenate([history["epoch"] for history in histories.values()]))
    return fig


@style.applied
def accuracy_by_setting(results, ax=None):
    """The validation accuracy of every learning rate and batch size of a grid, the best one framed.

    Args:
        results: DataFrame, a row for each setting, with the columns learning_rate, batch_size and val_accuracy, which is nan
            where one was not tried.
    """
    require(results, ("learning_rate", "batch_size", "val_accuracy"), "the grid's table")
    if results["val_accuracy"].notna().sum() == 0:
        raise InputError("no setting of the grid has a result. Run some first.")
    grid = results.pivot_table(index="learning_rate", columns="batch_size", values="val_accuracy").sort_index(
        ascending=False
    )
    fig, ax = style.panel(ax, style.COLUMN, 1.1 + 0.42 * len(grid))
    values = grid.to_numpy(dtype=float)
    low, high = np.nanmin(values), np.nanmax(values)
    low -= 0.1 * max(high - low, 0.01)
    names = [[f"{name:g}" for name in axis] for axis in (grid.index, grid.columns)]
    heatmap(ax, values, ".3f", *names, "validation accuracy", style.SEQUENTIAL, low, high)
    y, x = np.unravel_index(np.nanargmax(values), values.shape)
    frame = {"fill": False, "edgecolor": "#D55E00", "linewidth": 1.8, "zorder": 3}
    ax.add_patch(Rectangle((x + 0.03, y + 0.03), 0.94, 0.94, **frame))
    ax.set_xticks(ax.get_xticks(), names[1], rotation=0, ha="center")
    ax.set_aspect("auto")
    ax.set(xlabel="batch size", ylabel="learning rate")
    return fig


@style.applied
def accuracy_by_fold(folds, ax=None):
    """Accuracy and macro F1 of each fold of a cross-validation, with mean and standard deviation.

    Args:
        folds: DataFrame, a row for each fold: fold (from 1), accuracy and macro_f1, 0 to 1.
    """
    groups = {"accuracy": ("o", style.BLUE), "macro_f1": ("s", "#E69F00")}
    require(folds, ("fold", *groups), "the folds' table")
    if folds.empty:
        raise InputError("there is no fold to draw. Run some first.")
    fig, ax = style.panel(ax, style.COLUMN, 2.2)
    for place, (name, (marker, color)) in enumerate(groups.items()):
        result = folds[name].to_numpy(dtype=float)
        mean, deviation = result.mean(), result.std(ddof=1) if len(result) > 1 else 0.0
        spots = place + 0.5 * (np.arange(len(result)) - (len(result) - 1) / 2) / max(1, len(result))
        band = Rectangle((place - 0.4, mean - deviation), 0.8, 2 * deviation, color=style.PALE, alpha=0.7, zorder=0)
        ax.add_patch(band)
        ax.hlines(mean, place - 0.4, place + 0.4, color=style.INK, linewidth=1)
        ax.plot(spots, result, color=color, marker=marker, linestyle="none")
        for spot, fold, number in zip(spots, folds["fold"], result, strict=True):
            ax.annotate(f"{fold}", (spot, number), (0, 4), textcoords="offset points", ha="center", fontsize=6.5)
        above = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "ha": "center"}
        ax.annotate(f"{mean:.3f} ± {deviation:.3f}", (place, 1.0), (0, 3), **above)
    ax.set_xticks(range(len(groups)), ["accuracy", "macro F1"])
    ax.set_xlim(-0.6, len(groups) - 0.4)
    ax.margins(y=0.18)
    ax.autoscale_view()
    ax.set_ylabel("held-out fold")
    ax.grid(axis="y")
    return fig


@style.applied
def learning_curves_by_phase(history):
    """`learning_curves` of a training in phases, with a line where one phase follows another.

    Args:
        history: DataFrame as of `learning_curves`, with the column phase.
    """
    fig = learning_curves(history)
    phases = history.groupby("phase", sort=False)["epoch"]
    for ax in fig.axes:
        for name, first in phases.min().items():
            if first > history["epoch"].min():
                ax.axvline(first - 0.5, color=style.INK, linewidth=0.8)
            if len(phases) > 1:
                look = {"xycoords": ax.get_xaxis_transform(), "textcoords": "offset points", "rotation": 90}
                ax.annotate(name, (max(first - 0.5, ax.get_xlim()[0]), 0.02), (2, 0), fontsize=6.5, **look)
    return fig


def _check(history, columns):
    require(history, columns, "the training's history")
    if history[columns[-1]].notna().sum() == 0:
        raise InputError(f"the history has no value of '{columns[-1]}': no epoch was completed. Train again.")


def _best_row(history):
    """The row of the best epoch, or None where no validation accuracy is there."""
    if "val_accuracy" not in history or history["val_accuracy"].notna().sum() == 0:
        return None
    return history.loc[history["val_accuracy"].idxmax()]


def _epoch_axis(ax, epochs):
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    margin = max(0.5, 0.02 * (max(epochs) - min(epochs)))
    ax.set_xlim(min(epochs) - margin, max(epochs) + margin)
    ax.grid(axis="y")
