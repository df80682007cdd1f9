"""Reads notebooks as data: their title, their parameters, and their code."""

import ast
import io
import json
import tokenize
from itertools import takewhile

from fer_tf import documents, hashing, paths
from fer_tf.errors import InputError

PARAMETER_TAGS = ("more-parameters", "parameters")
"""Tags of the cells that hold parameters; papermill puts a study's values after the second."""

NOT_CODE = ("about", "out")
"""Parameters that name a run and decide nothing in it."""

SAVES = ("models.save(", ".save_predictions(")
"""What a cell holds that saves a result: the first such cell ends what decides a training."""


def path_of(name):
    """The notebook of a run or of a run's YAML, such as "02_train_cnn--five_layer", as a Path.

    Raises InputError: there is no such notebook.
    """
    notebook = paths.root() / "notebooks" / f"{name.partition('--')[0]}.ipynb"
    if not notebook.is_file():
        raise InputError(f"{name}: there is no notebook {notebook.name}; a run's name begins with a notebook's.")
    return notebook


def parameters(notebook):
    """The parameters of a notebook: dict name -> default, from the cells tagged "parameters" and "more-parameters".

    Raises InputError: the notebook has no cell tagged "parameters", or one of these cells is more than plain assignments.
    """
    cells = _cells(notebook)
    if not any("parameters" in _tags(cell) for cell in cells):
        raise InputError(f"{notebook}: no cell is tagged 'parameters'. Tag the one that names them.")
    defaults = {}
    try:
        for cell in cells:
            for node in ast.parse(_source(cell)).body if _has_parameters(cell) else ():
                if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                    continue  # a text that says what follows
                targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
                if not isinstance(node, (ast.Assign, ast.AnnAssign)) or len(targets) > 1:
                    raise ValueError(f"line {node.lineno} is another")  # no hash of a run would have it
                defaults[targets[0].id] = ast.literal_eval(node.value)
    except (SyntaxError, ValueError, AttributeError) as error:
        raise InputError(f"{notebook}: a parameters cell may hold only lines like name = value ({error}).") from error
    return defaults


def title(notebook):
    """The title of a notebook: its first heading."""
    for cell in _cells(notebook):
        for line in _source(cell).splitlines():
            if cell["cell_type"] == "markdown" and line.startswith("# "):
                return line[2:].strip()
    return notebook.stem


def has_committed_cells(notebook):
    """Whether a notebook's cells are those of git's last commit, with whatever outputs JupyterLab saved; False for other files."""
    if notebook.suffix != ".ipynb" or not (text := paths.committed(notebook)):
        return False
    then, now = (
        [(cell["cell_type"], _source(cell)) for cell in cells]
        for cells in (json.loads(text)["cells"], _cells(notebook))
    )
    return then == now


def code(notebook, until_saved=False):
    """The code of a notebook as one str, without its parameters and IPython's magic lines.

    Args:
        notebook: Path.
        until_saved: only the cells before the first that saves a result: what decides a training.
    Raises InputError: it is no Python, as it was saved.
    """
    cells = (cell for cell in _cells(notebook) if cell["cell_type"] == "code" and not _has_parameters(cell))
    if until_saved:
        cells = takewhile(lambda cell: not any(mark in _source(cell) for mark in SAVES), cells)
    source = "\n".join(line for cell in cells for line in _without_magic(_source(cell)))
    try:
        ast.parse(source)
    except SyntaxError as error:
        line = (error.text or "").strip()
        raise InputError(f"{notebook}: the line {line!r} is no Python ({error.msg}). Mend it and save.") from error
    return source


def unsaved(notebook, cells):
    """Of cells that were run, a list of str, the code that a notebook does not have as it is saved, each cell once: str."""
    saved = {_source(cell).strip() for cell in _cells(notebook)}
    edited = ("\n".join(_without_magic(cell)) for cell in dict.fromkeys(cells) if cell.strip() not in saved)
    return "\n".join(cell for cell in edited if _is_python(cell))


def behavior(notebook, until_saved=False):
    """A hash of what a notebook computes, see `hashing.behavior`; `until_saved` as of `code`."""
    return hashing.behavior(code(notebook, until_saved), parameters(notebook))


def _is_python(source):
    try:
        return bool(ast.parse(source))
    except SyntaxError:  # it ended in an error
        return False


def _without_magic(source):
    """The lines of a cell but those that IPython takes for itself: a % that continues an expression is arithmetic."""
    lines = []
    for line in source.splitlines():
        if not line.lstrip().startswith(("%", "!")) or _continues("\n".join([*lines, ""])):
            lines.append(line)
    return lines


def _continues(source):
    """Whether Python code ends within a statement: in brackets, in a text of several lines, or after a backslash."""
    try:
        for _ in tokenize.generate_tokens(io.StringIO(source).readline):
            pass
    except tokenize.TokenError:
        return True
    except SyntaxError:  # wrong on a line before; whoever parses the whole says so
        pass
    return False


def _cells(notebook):
    return documents.read_json(notebook, {"cells": [dict]}, "Mend the notebook, or take it from git again.")["cells"]


def _source(cell):
    return "".join(cell["source"])


def _tags(cell):
    return cell["metadata"].get("tags", [])


def _has_parameters(cell):
    return any(tag in PARAMETER_TAGS for tag in _tags(cell))
