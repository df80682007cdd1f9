"""What a network's forms cost and gain: accuracy against the time for an image."""

from fer_tf.errors import InputError
from fer_tf.figures import style

_ENGINES = {
    "keras": (style.INK, "o"),
    "opencv": ("#009E73", "s"),
    "onnxruntime": (style.BLUE, "D"),
    "litert": ("#D55E00", "^"),
}


@style.applied
def accuracy_over_latency(forms, ax=None):
    """The accuracy of each form of a network against its time for an image: what is up and to the left is better.

    Args:
        forms: DataFrame, columns form (a name of `export.FORMS`), ms (milliseconds an image), accuracy, low and high (the
            ends of its interval). int8 forms are drawn hollow.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        matplotlib Figure, a page wide, the forms named at the right.

    Raises:
        InputError: there is no row, or a column is missing.
    """
    needed = ("form", "ms", "accuracy", "low", "high")
    if missing := [column for column in needed if column not in forms]:
        raise InputError(f"a table to draw lacks the column '{missing[0]}'; it has {', '.join(map(str, forms))}.")
    if forms.empty:
        raise InputError("a table to draw has no row. Run what fills it first.")
    fig, ax = style.panel(ax, style.PAGE, 0.7 * style.COLUMN)
    for row in forms.to_dict("records"):
        engine, _, kind = row["form"].partition("_")
        colour, marker = _ENGINES.get(engine, (style.GREY, "v"))
        ax.vlines(row["ms"], row["low"], row["high"], color=colour, linewidth=0.8)
        filled = "white" if kind else colour
        label = " ".join(filter(None, (engine, kind)))
        ax.plot(
            row["ms"],
            row["accuracy"],
            color=colour,
            marker=marker,
            linestyle="none",
            markerfacecolor=filled,
            label=label,
        )
    ax.set_xlim(left=0)
    ax.set_xlabel("milliseconds for an image alone")
    ax.set_ylabel("accuracy")
    ax.grid()
    ax.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
    return fig
