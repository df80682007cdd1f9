"""Figures of a training from its history: one table with a row for each epoch."""

import numpy as np
from matplotlib.ticker import MaxNLocator, NullFormatter

from fer_tf.errors import InputError
from fer_tf.figures import style

_LINES = {
    "train": {"color": style.SPLITS["validation"], "linestyle": "--", "marker": "o", "markerfacecolor": "white"},
    "validation": {"color": style.SPLITS["train"], "linestyle": "-", "marker": "s"},
}


@style.applied
def learning_curves(history, best="val_accuracy"):
    """Loss and accuracy over the epochs, with the best epoch marked; the learning rate too where it changes.

    Args:
        history: DataFrame, a row for each epoch: epoch (1 for the first), loss, accuracy, and where there are
            any val_loss, val_accuracy, learning_rate.
        best: column that says which epoch is best: the smallest of a loss, the largest of anything else.

    Returns:
        matplotlib Figure, a page wide.

    Raises:
        InputError: the history is empty or lacks epoch, loss or accuracy.
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
    row = _best_row(history, best)
    if row is not None:
        for ax in panels:
            ax.axvline(row["epoch"], color=style.GREY, linewidth=0.8, linestyle=":", zorder=0)
        words = best.replace("val_", "validation ").replace("_", " ")
        told = f"best epoch {row['epoch']:.0f}: {words} {row[best]:.3f}"
        ax = panels[0] if best.endswith("loss") else panels[1]
        ax.plot(row["epoch"], row[best], marker="*", markersize=9, color="#D55E00", linestyle="none", zorder=4)
        ax.plot([], [], marker="*", markersize=8, color="#D55E00", linestyle="none", label=told)
    handles = {text: handle for ax in panels for handle, text in zip(*ax.get_legend_handles_labels(), strict=True)}
    fig.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=3)
    return fig


@style.applied
def compare_learning(histories, column="val_accuracy", ax=None):
    """One quantity over the epochs of several trainings, such as several settings of the hyperparameters.

    Args:
        histories: dict, name -> history as in `learning_curves`.
        column: str, the quantity.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        matplotlib Figure, a page wide, the names in the legend from best to worst.

    Raises:
        InputError: there is no history, or one is empty or lacks the column.
    """
    if not histories:
        raise InputError("there are no trainings to compare. Run some first.")
    for history in histories.values():
        _check(history, ("epoch", column))
    fig, ax = style.panel(ax, style.PAGE, 2.8)
    colours = [
        style.colour(name) for name in ("sad", "angry", "disgust", "fear", "happy", "surprise", "neutral", "contempt")
    ]
    marks = "osvPX^D*"
    ends = {}
    for i, (name, history) in enumerate(histories.items()):
        (line,) = ax.plot(
            history["epoch"],
            history[column],
            color=colours[i % len(colours)],
            linestyle=style.DASHES[(i + i // len(colours)) % len(style.DASHES)],
            marker=marks[i % len(marks)],
            markevery=max(1, len(history) // 10),
        )
        ends[name] = (_best_row(history, column)[column], line)
    order = sorted(ends, key=lambda name: ends[name][0], reverse=not column.endswith("loss"))
    labels = [f"{name} ({ends[name][0]:.3f})" for name in order]
    ax.legend([ends[name][1] for name in order], labels, loc="center left", bbox_to_anchor=(1, 0.5), title="best epoch")
    ax.set_ylabel(column.replace("val_", "validation ").replace("_", " "))
    _epoch_axis(ax, np.concatenate([history["epoch"] for history in histories.values()]))
    return fig


def _check(history, columns):
    for column in columns:
        if column not in history:
            raise InputError(f"the training's history has no column '{column}'; it has {', '.join(map(str, history))}.")
    if history[columns[-1]].notna().sum() == 0:
        raise InputError(
            f"the training's history has no value of '{columns[-1]}': no epoch was completed. Train again."
        )


def _best_row(history, column):
    """The row of the best epoch, or None where the column is absent or empty."""
    if column not in history or history[column].notna().sum() == 0:
        return None
    values = history[column]
    return history.loc[values.idxmin() if column.endswith("loss") else values.idxmax()]


def _epoch_axis(ax, epochs):
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    margin = max(0.5, 0.02 * (max(epochs) - min(epochs)))
    ax.set_xlim(min(epochs) - margin, max(epochs) + margin)
    ax.grid(axis="y")
