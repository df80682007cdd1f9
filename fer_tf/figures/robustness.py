"""Figures of how accuracy falls as images get worse."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from fer_tf.errors import require
from fer_tf.figures import image_grid, style

_LOOKS = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#E69F00", "v"), ("#222222", "P"))


@style.applied
def corruption_examples(examples):
    """One face under every corruption, at rising strength.

    Args:
        examples: dict, a corruption's name -> list of uint8 arrays (h, w, c), the face as it is first.
    Returns: matplotlib Figure, a row for each corruption.
    """
    most, names = max(map(len, examples.values())), [name.replace(" ", "\n") for name in examples]
    return image_grid.grid(
        list(examples.values()), names, ["as it is", *map(str, range(1, most))], tile=style.TILE * 0.6
    )


@style.applied
def corruption_curves(table, columns=4):
    """Accuracy against the strength of each corruption, a panel for each.

    Args:
        table: DataFrame of `evaluation.robustness.accuracy_under`.
        columns: panels in a row.
    Returns: matplotlib Figure, a page wide; bands are 95% intervals.
    """
    require(table, ("model", "variant", "value", "accuracy", "low", "high"), "a table to draw")
    names = list(dict.fromkeys(table["variant"]))
    columns = min(columns, len(names))
    rows = -(-len(names) // columns)
    fig = style.figure(style.PAGE, 1.35 * rows + 0.35)
    axes = fig.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for ax in axes.ravel()[len(names) :]:
        ax.set_axis_off()
    for ax, name in zip(axes.ravel(), names, strict=False):
        _curves(ax, table[table["variant"] == name])
        ax.set_title(name, pad=3)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(axis="y")
    for ax in axes[:, 0]:
        ax.set_ylabel("accuracy")
    for column in range(columns):
        lowest = [ax for ax in axes[:, column] if ax.axison][-1]
        lowest.set_xlabel("strength")
        lowest.tick_params(labelbottom=True)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=min(3, len(labels)))
    return fig


@style.applied
def accuracy_over(table, label, usual=None, ax=None):
    """Accuracy against one property of the images, such as their resolution or their crop.

    Args:
        table: DataFrame of `evaluation.robustness.accuracy_under`, of one variant.
        label: str, of the property.
        usual: its value in the images as they are, drawn as a line.
    Returns: matplotlib Figure, a column wide; bands are 95% intervals.
    """
    require(table, ("model", "value", "accuracy", "low", "high"), "a table to draw")
    fig, ax = style.panel(ax, style.COLUMN, 0.75 * style.COLUMN)
    if usual is not None:
        ax.axvline(usual, color=style.GRAY, linestyle=":", linewidth=0.9)
    _curves(ax, table)
    ax.set(xlabel=label, ylabel="accuracy")
    ax.grid(axis="y")
    fig.legend(loc="outside upper left", ncols=2)
    return fig


def _curves(ax, table):
    for i, model in enumerate(dict.fromkeys(table["model"])):
        part = table[table["model"] == model].sort_values("value")
        color, marker = _LOOKS[i % len(_LOOKS)]
        x = part["value"].to_numpy(float)
        ax.fill_between(
            x, part["low"].to_numpy(float), part["high"].to_numpy(float), color=color, alpha=0.15, linewidth=0
        )
        dash = style.DASHES[i % len(style.DASHES)]
        ax.plot(x, np.asarray(part["accuracy"]), color=color, marker=marker, markersize=3, linestyle=dash, label=model)
