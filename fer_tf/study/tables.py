"""Every table of the project: each takes data and returns a DataFrame of plain numbers.

Wording and rounding happen in `to_files`, which writes CSV (all digits, to compute with), Markdown and LaTeX (rounded,
to read).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from fer_tf import paths
from fer_tf.datasets import pixel_statistics
from fer_tf.errors import InputError

FORMATS = ("csv", "md", "tex")

_WORDS = {"f1": "F1", "roc": "ROC", "auc": "AUC", "ece": "ECE", "n": "n"}
_MISSING = {"md": "–", "tex": "--"}
_MINUS = {"md": "−", "tex": "$-$"}
# What LaTeX reads as a command, and what pdflatex does not know without further packages.
_TEX = {
    "\\": r"\textbackslash{}",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "→": r"$\to$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "−": r"$-$",
    "–": "--",
    "|": r"\textbar{}",
}


def basic_statistics(dataset):
    """What a dataset holds, in one small table.

    Args:
        dataset: Dataset.

    Returns:
        DataFrame, columns statistic and value (int, float or str): images, those of each split, size, channels,
        classes, the largest and smallest class and their ratio, mean and standard deviation of the pixels, the share of
        black and of white ones, and the content's hash.
    """
    counts = dataset.counts()
    totals = counts.sum(axis=1)
    totals = totals[totals > 0]
    levels = pixel_statistics.histogram(dataset).sum(axis=0)
    mean, deviation = pixel_statistics.moments(levels)
    height, width, channels = dataset.images.shape[1:]
    rows = [("images", len(dataset))]
    rows += [(f"{split} images", int(counts[split].sum())) for split in counts]
    rows += [
        ("height × width", f"{height} × {width}"),
        ("channels", int(channels)),
        ("classes", len(dataset.classes)),
    ]
    if len(totals):
        rows += [
            ("largest class", f"{totals.idxmax()} ({totals.max():,})"),
            ("smallest class", f"{totals.idxmin()} ({totals.min():,})"),
            ("largest over smallest", float(totals.max() / totals.min())),
            ("mean intensity", mean),
            ("standard deviation of intensity", deviation),
            ("share of black pixels (0)", float(levels[0] / levels.sum())),
            ("share of white pixels (255)", float(levels[-1] / levels.sum())),
        ]
    rows.append(("SHA-256 of the content", dataset.hash[:16]))
    return pd.DataFrame(rows, columns=["statistic", "value"]).astype({"value": object})


def split_counts(dataset):
    """Images of each class in each split, with totals and shares.

    Args:
        dataset: Dataset.

    Returns:
        DataFrame, index the classes and "total"; a column of counts for each split, total, and share (of all images).
    """
    table = dataset.counts()
    table["total"] = table.sum(axis=1)
    table.loc["total"] = table.sum(axis=0)
    table.index.name = "class"
    table["share"] = table["total"] / max(1, table.loc["total", "total"])
    return table


def classification_report(per_class, metrics):
    """Precision, recall, F1 and ROC area of each class, with accuracy and averages.

    Args:
        per_class: DataFrame of `evaluation.per_class`.
        metrics: dict of `evaluation.metrics`, of the same predictions.

    Returns:
        DataFrame, index the classes, "accuracy", "macro average" and "weighted average"; columns precision, recall, f1,
        support (int) and roc_auc. Accuracy stands in the column f1, as scikit-learn's report has it.
    """
    table = per_class[["precision", "recall", "f1", "support", "roc_auc"]].copy()
    nan = float("nan")
    table.loc["accuracy"] = [nan, nan, metrics["accuracy"], metrics["n"], nan]
    for kind, area in (("macro", metrics["roc_auc"]), ("weighted", nan)):
        scores = [metrics[f"{kind}_{name}"] for name in ("precision", "recall", "f1")]
        table.loc[f"{kind} average"] = [*scores, metrics["n"], area]
    return table.astype({"support": np.int64})


def to_files(frame, path, caption=None, formats=FORMATS, digits=3):
    """Writes a table under one name as CSV, Markdown and LaTeX, each whole or not at all.

    Args:
        frame: DataFrame; an index with a name is written as the first column, one without a name is not.
        path: place and name without a suffix, such as "reports/sample/tables/split_counts".
        caption: str, above the table in Markdown and LaTeX.
        formats: of "csv" (all digits), "md" and "tex" (booktabs: put \\usepackage{booktabs} into the preamble).
        digits: of floats in Markdown and LaTeX.

    Returns:
        list of Path, one for each format.

    Raises:
        InputError: an unknown format, or the place cannot be written.
    """
    path = Path(path)
    if unknown := [name for name in formats if name not in FORMATS]:
        raise InputError(f"unknown table format '{unknown[0]}'; known are {', '.join(FORMATS)}. Choose among these.")
    flat = frame.reset_index() if any(name is not None for name in frame.index.names) else frame
    flat = flat.rename_axis(columns=None)
    written = []
    for name in formats:
        if name == "csv":
            text = flat.to_csv(index=False, lineterminator="\n")
        elif name == "md":
            text = to_markdown(flat, caption, digits)
        else:
            text = to_latex(flat, caption, label=path.name, digits=digits)
        paths.write_text(path.with_name(f"{path.name}.{name}"), text)
        written.append(path.with_name(f"{path.name}.{name}"))
    return written


def to_markdown(flat, caption=None, digits=3):
    """A table as Markdown: thousands separators, rounded floats, numbers to the right.

    Args:
        flat: DataFrame, every column written, the index not.
        caption: str, above the table.
        digits: of floats.

    Returns:
        str.
    """
    worded = _worded(flat, "md", digits).map(_one_line)
    worded.columns = [_one_line(column) for column in worded.columns]
    align = ["right" if right else "left" for right in _numeric(flat)]
    text = worded.to_markdown(index=False, disable_numparse=True, colalign=align if len(flat) else None)
    return (f"{_one_line(caption)}\n\n" if caption else "") + text + "\n"


def to_latex(flat, caption=None, label=None, digits=3):
    """A table as LaTeX with booktabs rules, escaped so that it compiles as it is.

    Args:
        flat: DataFrame, every column written, the index not.
        caption: str, above the table.
        label: str, for \\ref{tab:<label>}.
        digits: of floats.

    Returns:
        str, a table environment where there is a caption, else the tabular alone.
    """
    worded = _worded(flat, "tex", digits)
    columns = "".join("r" if right else "l" for right in _numeric(flat))
    outside = {"caption": _escaped(caption), "label": f"tab:{label}", "position": "htbp", "position_float": "centering"}
    return worded.style.hide(axis="index").to_latex(hrules=True, column_format=columns, **(outside if caption else {}))


def _worded(flat, kind, digits):
    """The table with every cell and heading as it is read, in the language `kind`."""
    escape = _escaped if kind == "tex" else str
    cells = {i: [_cell(value, kind, digits, escape) for value in flat.iloc[:, i]] for i in range(flat.shape[1])}
    worded = pd.DataFrame(cells, dtype=object)
    worded.columns = [escape(_heading(column)) for column in flat.columns]
    return worded


def _cell(value, kind, digits, escape):
    if value is None or value is pd.NA or (isinstance(value, (float, np.floating)) and np.isnan(value)):
        return _MISSING[kind]
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        word = f"{value:,}"
    elif isinstance(value, (float, np.floating)):
        small = 0 < abs(value) < 0.5 * 10**-digits  # a p-value is not to read 0.000
        word = f"{value:.1e}" if small else f"{value:,.{digits}f}"
    else:
        return escape(value)
    return word.replace("-", _MINUS[kind])


def _heading(column):
    return " ".join(_WORDS.get(word, word) for word in str(column).split("_"))


def _numeric(flat):
    """Which columns stand to the right: numbers, missing ones included."""
    kinds = (int, float, np.integer, np.floating)
    return [
        all(isinstance(value, kinds) or value is None or value is pd.NA for value in flat.iloc[:, i])
        for i in range(flat.shape[1])
    ]


def _one_line(text):
    """A cell of a Markdown table: no line break, no column mark."""
    return " ".join(str(text).split()).replace("|", "\\|")


def _escaped(text):
    return "".join(_TEX.get(letter, letter) for letter in str(text)) if text is not None else None
