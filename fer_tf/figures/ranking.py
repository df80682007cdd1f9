"""Figures of several models on the same images: who is better, how sure that is, and what an ensemble adds."""

from textwrap import wrap

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from fer_tf.errors import InputError, require
from fer_tf.figures import style

_LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#222222", "#6E6E6E")


@style.applied
def critical_difference(scores, pairs=None, human=None, label="test accuracy"):
    """Models by accuracy, with intervals; bars at the right join those that no test tells apart. Pairs that no bar joins, for there
    is a model between them that differs from one of the two, are named below.

    Args:
        scores: DataFrame, index the models' names, columns accuracy, low and high.
        pairs: DataFrame of `evaluation.compare_all` of the same models, or None for no bars.
        human: (mean, spread) of people's accuracy on these images, drawn as a band, or None.
        label: str, of the axis.

    Critical-difference diagrams: Demšar 2006; joined by corrected pairwise tests: Benavoli et al. 2016.
    """
    require(scores, ("accuracy", "low", "high"), "a table to draw")
    if scores.empty:
        raise InputError("a table to draw has no row. Run what fills it first.")
    scores = scores.sort_values("accuracy", ascending=False, kind="stable")
    groups = _groups(list(scores.index), pairs) if pairs is not None else []
    fig, ax = style.rows(list(scores.index))
    places = np.arange(len(scores))
    if human is not None:
        mean, spread = human
        ax.axvspan(mean - spread, mean + spread, color=style.PALE, alpha=0.5, linewidth=0)
        ax.axvline(mean, color=style.GRAY, linestyle=":", linewidth=0.9)
        look = {"ha": "center", "va": "bottom", "fontsize": 7, "color": style.GRAY}
        ax.text(mean, -1.05, f"people {mean:.2f} ± {spread:.2f}", **look)
    ax.hlines(places, scores["low"], scores["high"], color=style.BLUE, linewidth=1)
    ax.plot(scores["accuracy"], places, color=style.BLUE, marker="o", linestyle="none", markersize=4)
    inches = fig.dpi_scale_trans + ScaledTranslation(1, 0, ax.transAxes)  # to the right of the axes
    beside = {"transform": blended_transform_factory(inches, ax.transData), "clip_on": False}
    for place, value in zip(places, scores["accuracy"], strict=True):
        ax.text(0.06, place, f"{value:.3f}", va="center", fontsize=7, **beside)
    for place, (first, last) in enumerate(groups):
        x = 0.45 + 0.08 * place
        ax.plot([x, x], [first - 0.2, last + 0.2], color=style.INK, linewidth=2.2, **beside)
        ax.text(x, first, " ", **beside)  # the layout leaves room for words, not for lines outside the axes
    apart = _apart(list(scores.index), pairs, groups) if pairs is not None else []
    more = f", and {len(apart) - 3} more" if len(apart) > 3 else ""
    words = f"not joined, yet not told apart: {'; '.join(apart[:3])}{more}" if apart else ""
    ax.set_xlabel("\n".join([label, *wrap(words, 60, break_on_hyphens=False)]))
    return fig


@style.applied
def accuracy_over_coverage(curves, ax=None):
    """Accuracy when only the most confident predictions are given.

    Args:
        curves: dict, name -> DataFrame of `evaluation.accuracy_over_coverage`; up to eight.
    """
    fig, ax = style.panel(ax, style.COLUMN, 0.8 * style.COLUMN)
    for i, (name, curve) in enumerate(curves.items()):
        color, dash = _LINES[i % len(_LINES)], style.DASHES[i % len(style.DASHES)]
        ax.plot(curve["coverage"], curve["accuracy"], color=color, linestyle=dash, label=name)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    ax.set(xlim=(0, 1.01), ylim=(None, 1.005), xlabel="images answered, the most confident first", ylabel="accuracy")
    ax.grid()
    ax.legend(loc="lower left", fontsize=6.5)
    return fig


@style.applied
def reliability_curves(curves, ax=None):
    """Accuracy against confidence of several sets of predictions, such as before and after temperature scaling.

    Args:
        curves: dict, name -> DataFrame of `evaluation.calibration`.
    Returns: matplotlib Figure, a column wide; what lies below the diagonal is too sure of itself. Bins with fewer than ten
        predictions are left out.
    """
    fig, ax = style.panel(ax, style.COLUMN, 0.9 * style.COLUMN)
    ax.plot([0, 1], [0, 1], color=style.GRAY, linewidth=0.8, linestyle=":")
    for i, (name, bins) in enumerate(curves.items()):
        filled = bins[bins["count"] >= 10]
        look = {"color": _LINES[i % len(_LINES)], "marker": "os^Dv"[i % 5]}
        dash = style.DASHES[i % len(style.DASHES)]
        ax.plot(filled["confidence"], filled["accuracy"], label=name, linestyle=dash, **look)
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="confidence (largest probability)", ylabel="accuracy")
    ax.legend(loc="upper left")
    return fig


@style.applied
def ensemble_path(path, single=None, ax=None):
    """Validation accuracy as greedy selection lets member after member join.

    Args:
        path: DataFrame of `evaluation.ensembles.select`: round, accuracy, chosen.
        single: float, accuracy of the best member alone, drawn as a line.
    Returns: matplotlib Figure, a column wide; the rounds up to the one that was taken are filled.
    """
    fig, ax = style.panel(ax, style.COLUMN, 0.7 * style.COLUMN)
    if single is not None:
        ax.axhline(single, color=style.INK, linestyle="--", linewidth=0.9, label=f"best member alone {single:.3f}")
    look = {"color": style.BLUE, "marker": "o"}
    ax.plot(path["round"], path["accuracy"], markerfacecolor="white", **look)
    chosen = path[path["chosen"]]
    best = f"selected {chosen['accuracy'].iloc[-1]:.3f}"
    ax.plot(chosen["round"], chosen["accuracy"], linestyle="none", label=best, **look)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="members that joined, with repetition", ylabel="validation accuracy")
    ax.grid(axis="y")
    fig.legend(loc="outside upper left", ncols=2)
    return fig


COSTS = {"parameters": "million parameters", "multiplications": "million multiplications", "ms": "milliseconds"}
"""Column of a table of costs -> what its axis is called."""


@style.applied
def accuracy_over_cost(table, human=None):
    """Accuracy against what a model costs: its parameters, and multiplications and time for an image.

    Args:
        table: DataFrame, index the models' names, columns those of `COSTS` (the first two in ones, not millions), accuracy, low
            and high.
        human: (mean, spread) of people's accuracy on these images, or None.
    Returns: matplotlib Figure, a page wide, three panels side by side, the models named below.
    """
    require(table, (*COSTS, "accuracy", "low", "high"), "a table to draw")
    fig = style.figure(style.PAGE, 0.75 * style.COLUMN + 0.09 * len(table))
    panels = fig.subplots(1, len(COSTS), sharey=True)
    for ax, (column, label) in zip(panels, COSTS.items(), strict=True):
        if human is not None:
            ax.axhspan(human[0] - human[1], human[0] + human[1], color=style.PALE, alpha=0.5, linewidth=0)
            people = f"people {human[0]:.2f} ± {human[1]:.2f}"
            ax.axhline(human[0], color=style.GRAY, linestyle=":", linewidth=0.9, label=people)
        for i, (name, row) in enumerate(table.iterrows()):
            look = {"color": _LINES[i % len(_LINES)], "marker": "os^DvPX"[i % 7], "linestyle": "none"}
            cost = row[column] / (1 if column == "ms" else 1e6)
            ax.vlines(cost, row["low"], row["high"], color=look["color"], linewidth=0.8)
            ax.plot(cost, row["accuracy"], label=name, **look)
        ax.set(xscale="log", xlabel=label)
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.grid()
    panels[0].set_ylabel("accuracy")
    handles, labels = panels[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=6.5)
    return fig


def _different(pairs):
    return {frozenset(pair) for pair in pairs.loc[pairs["shown"], ["better", "other"]].itertuples(index=False)}


def _apart(names, pairs, groups):
    """The pairs that no test tells apart and that no group holds, as str."""
    different, places = _different(pairs), range(len(names))
    open_pairs = [(a, b) for a in places for b in places[a + 1 :] if frozenset((names[a], names[b])) not in different]
    alone = [(a, b) for a, b in open_pairs if not any(first <= a and b <= last for first, last in groups)]
    return [f"{names[a]} and {names[b]}" for a, b in alone]


def _groups(names, pairs):
    """The longest rows of neighbors of which no two are told apart, as (first, last) places."""
    different = _different(pairs)
    groups = []
    for first in range(len(names)):
        last = first
        while last + 1 < len(names) and not any(
            frozenset((names[last + 1], name)) in different for name in names[first : last + 1]
        ):
            last += 1
        if last > first and not any(a <= first and last <= b for a, b in groups):
            groups.append((first, last))
    return groups
