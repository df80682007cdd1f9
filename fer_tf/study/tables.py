"""Tables in files: CSV (all digits, to compute with), Markdown and LaTeX (rounded, to read)."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from fer_tf import paths
from fer_tf.errors import choose

FORMATS = ("csv", "md", "tex")

_WORDS = {"f1": "F1", "roc": "ROC", "auc": "AUC", "ece": "ECE", "n": "n"}
_MISSING = {"md": "–", "tex": "--"}
_MINUS = {"md": "−", "tex": "$-$"}
# What LaTeX reads as a command, and what pdflatex does not know without further packages.
_TEX = {letter: f"\\{letter}" for letter in "&%$#_{}"} | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_TEX |= {"\\": r"\textbackslash{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "→": r"$\to$"}
_TEX |= {"×": r"$\times$", "±": r"$\pm$", "≥": r"$\geq$", "≤": r"$\leq$", "−": "$-$", "–": "--"}


def to_files(frame, path, caption=None, formats=FORMATS):
    """Writes a table under one name as CSV, Markdown and LaTeX, each whole or not at all.

    Args:
        frame: DataFrame; an index with a name is written as the first column, one without a name is not.
        path: place and name without a suffix, such as "reports/sample/tables/split_counts".
        caption: str, above the table in Markdown and LaTeX.
        formats: of "csv" (all digits), "md" and "tex" (booktabs: put \\usepackage{booktabs} into the preamble).
    Returns: list of Path, one for each format.
    Raises InputError: an unknown format, or the place cannot be written.
    """
    path = Path(path)
    written = [path.with_name(f"{path.name}.{choose('table format', name, FORMATS)}") for name in formats]
    flat = frame.reset_index() if any(name is not None for name in frame.index.names) else frame
    flat = flat.rename_axis(columns=None)
    texts = {
        ".csv": lambda: flat.to_csv(index=False, lineterminator="\n"),
        ".md": lambda: to_markdown(flat, caption),
        ".tex": lambda: to_latex(flat, caption, path.name),
    }
    for target in written:
        paths.write_text(target, texts[target.suffix]())
    return written


def as_data(frame):
    """A table as plain data for JSON: dict of columns (names) and data (rows), an index with a name as the first column."""
    flat = frame.reset_index() if frame.index.name else frame
    return json.loads(flat.to_json(orient="split", index=False, double_precision=15, default_handler=str))


def to_markdown(flat, caption=None):
    """A table as Markdown, without its index: thousands separators, rounded floats, numbers to the right."""
    worded = _worded(flat, "md").map(_one_line)
    worded.columns = [_one_line(column) for column in worded.columns]
    align = ["right" if right else "left" for right in _numeric(flat)]
    text = worded.to_markdown(index=False, disable_numparse=True, colalign=align if len(flat) else None)
    return (f"{_one_line(caption)}\n\n" if caption else "") + text + "\n"


def to_latex(flat, caption=None, label=None):
    """A table as LaTeX with booktabs rules, without its index, escaped so that it compiles as it is.

    With a caption it is a table environment, labeled tab:<label>; else the tabular alone.
    """
    worded = _worded(flat, "tex")
    columns = "".join("r" if right else "l" for right in _numeric(flat))
    outside = {"caption": _escaped(caption), "label": f"tab:{label}", "position": "htbp", "position_float": "centering"}
    return worded.style.hide(axis="index").to_latex(hrules=True, column_format=columns, **(outside if caption else {}))


def number_writer(values):
    """How a column's numbers are written: whole ones without decimals, shares with four, others with two, tiny ones as 1.2e-09.

    Records keep four decimals of a share: fewer here would round it twice.

    Example:
        >>> number_writer([0.25, 1e-9])(0.25), number_writer([0.25, 12.5])(0.25), number_writer([1200])(1200)
        ('0.2500', '0.25', '1,200')
    """
    known = [float(value) for value in values if not pd.isna(value)]
    decimals = 0 if all(value.is_integer() for value in known) else 4 if max(map(abs, known)) <= 1 else 2

    def written(value):
        return f"{value:.1e}" if 0 < abs(value) < 0.5 * 10**-decimals else f"{value:,.{decimals}f}"

    return written


def _worded(flat, kind):
    """The table with every cell and heading as it is read, in the language `kind`."""
    escape = _escaped if kind == "tex" else str
    cells = {}
    for place, (_, column) in enumerate(flat.items()):
        number = number_writer([value for value in column if _is_number(value)])
        cells[place] = [_cell(value, kind, number, escape) for value in column]
    worded = pd.DataFrame(cells, dtype=object)
    worded.columns = [escape(_heading(column)) for column in flat.columns]
    return worded


def _cell(value, kind, number, escape):
    if value is None or value is pd.NA or (isinstance(value, (float, np.floating)) and np.isnan(value)):
        return _MISSING[kind]
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    return number(value).replace("-", _MINUS[kind]) if _is_number(value) else escape(value)


def _is_number(value):
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _heading(column):
    return " ".join(_WORDS.get(word, word) for word in str(column).split("_"))


def _numeric(flat):
    """Which columns stand to the right: numbers, missing ones included."""
    kinds = (int, float, np.integer, np.floating, type(None), type(pd.NA))
    return [all(isinstance(value, kinds) for value in flat.iloc[:, i]) for i in range(flat.shape[1])]


def _one_line(text):
    """A cell of a Markdown table: no line break, no column mark."""
    return " ".join(str(text).split()).replace("|", "\\|")


def _escaped(text):
    return None if text is None else str(text).translate(str.maketrans(_TEX))
