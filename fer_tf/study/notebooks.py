"""Reads notebooks as data: their title, their parameters, and their code."""

import ast

from fer_tf import documents, hashing, paths
from fer_tf.errors import InputError

PARAMETER_TAGS = ("more-parameters", "parameters")
"""Tags of the cells that hold parameters; papermill puts a study's values after the second."""

NOT_CODE = ("about", "out")
"""Parameters that name a run and decide nothing in it."""


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
                if isinstance(node, (ast.Assign, ast.AnnAssign)):
                    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                    defaults[target.id] = ast.literal_eval(node.value)
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


def code(notebook):
    """The code of a notebook as one str, without its parameters and IPython's magic lines."""
    cells = (cell for cell in _cells(notebook) if cell["cell_type"] == "code" and not _has_parameters(cell))
    lines = (line for cell in cells for line in _source(cell).splitlines())
    return "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!")))


def behavior(notebook):
    """A hash of what a notebook computes; see `hashing.behavior`."""
    return hashing.behavior(code(notebook), parameters(notebook))


def _cells(notebook):
    return documents.read_json(notebook, {"cells": [dict]}, "Mend the notebook, or take it from git again.")["cells"]


def _source(cell):
    return "".join(cell["source"])


def _tags(cell):
    return cell["metadata"].get("tags", [])


def _has_parameters(cell):
    return any(tag in PARAMETER_TAGS for tag in _tags(cell))
