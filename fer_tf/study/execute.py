"""Executes one run of a study through papermill: checks its parameters first, tells the progress, and names what failed.

    python -m fer_tf.study.execute notebooks/studies/sample/02_train_cnn--five_layer.yaml

Make decides what is executed; this only does it.
"""

import argparse
import ast
import io
import json
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from fer_tf import paths
from fer_tf.errors import InputError

SCALARS = {"str": str, "int": int, "float": (int, float), "bool": bool, "list": list, "dict": dict}


def main(argv=None):
    """Executes the run of one YAML file; returns the exit status, 0 when it is complete."""
    parser = argparse.ArgumentParser(prog="python -m fer_tf.study.execute", description="Execute one run of a study.")
    parser.add_argument("yaml", type=Path, help="notebooks/studies/<study>/<notebook>--<run>.yaml")
    parser.add_argument("--prepare", action="store_true", help="of a run of 00_data: only prepare the data it asks for")
    given = parser.parse_args(argv)
    try:
        prepare(given.yaml) if given.prepare else execute(given.yaml)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def execute(file):
    """Executes a run: its notebook with the study's and the run's parameters.

    Args:
        file: the run's YAML; `common.yaml` beside it holds what the study's runs share.

    Raises:
        InputError: a parameter that the notebook does not have, of another type, or an error while executing; the
            message has the path of the half-executed notebook.
    """
    file = Path(file).resolve()
    notebook = notebook_of(file)
    parameters = read_parameters(file)
    folder = paths.study(file.parent.name) / "runs" / file.stem
    place, total = _place(file)
    print(f"[{place}/{total}] {file.stem}: {parameters.get('about') or first_heading(notebook)}", flush=True)
    started = time.perf_counter()
    _papermill(notebook, folder, {**parameters, "out": str(_shown(folder))}, file.stem)
    print(f"[{place}/{total}] {file.stem}: done in {_duration(time.perf_counter() - started)}", flush=True)


def prepare(file):
    """Prepares the dataset that a run of 00_data asks for, without the notebook: where the run came with a clone.

    Args:
        file: the run's YAML.

    Returns:
        Dataset.

    Raises:
        InputError: as `execute`, and as `datasets.prepare`.
    """
    from fer_tf import datasets

    file = Path(file).resolve()
    asked = {**notebook_parameters(notebook_of(file)), **read_parameters(file)}
    print(f"preparing {asked['dataset']}", flush=True)
    return datasets.prepare(asked["dataset"], asked["source"] or None, seed=asked["seed"], **asked["options"])


def notebook_of(file):
    """The notebook that a run's YAML is for, by the file's name.

    Raises:
        InputError: there is no such notebook.
    """
    notebook = paths.root() / "notebooks" / f"{file.stem.partition('--')[0]}.ipynb"
    if not file.is_file():
        raise InputError(f"{file}: no such file. A run is notebooks/studies/<study>/<notebook>--<run>.yaml.")
    if not notebook.is_file():
        raise InputError(f"{file}: there is no notebook {notebook.name}; the file's name begins with a notebook's.")
    return notebook


def read_parameters(file):
    """The parameters of a run: those of `common.yaml` that its notebook has, and its own.

    Args:
        file: the run's YAML.

    Returns:
        dict name -> value.

    Raises:
        InputError: not a mapping; a name that the notebook (for common.yaml: any notebook) does not have; a value of
            another type than the notebook's default.
    """
    defaults = notebook_parameters(notebook_of(file))
    common = file.parent / "common.yaml"
    shared = _read_yaml(common) if common.is_file() else {}
    own = _read_yaml(file)
    known_anywhere = set().union(
        *(notebook_parameters(path) for path in sorted(notebook_of(file).parent.glob("*.ipynb")))
    )
    for path, given, known in ((common, shared, known_anywhere), (file, own, defaults)):
        for name in given:
            if name not in known:
                raise InputError(
                    f"{path}: unknown parameter '{name}'; known are {', '.join(sorted(set(known) - {'out'}))}."
                )
            if name == "out":
                raise InputError(f"{path}: 'out' follows from the file's name; remove it.")
    merged = {name: value for name, value in {**shared, **own}.items() if name in defaults}
    for name, value in merged.items():
        _check_type(file if name in own else common, name, value, defaults[name])
    return merged


def notebook_parameters(notebook):
    """The parameters of a notebook and their defaults, from the cell tagged "parameters".

    Returns:
        dict name -> default value.

    Raises:
        InputError: the notebook has no such cell, or the cell is more than plain assignments.
    """
    import nbformat

    cells = nbformat.read(notebook, as_version=4).cells
    cell = next((cell for cell in cells if "parameters" in cell.metadata.get("tags", [])), None)
    if cell is None:
        raise InputError(f"{notebook}: no cell is tagged 'parameters'. Tag the one that names them.")
    try:
        assignments = [node for node in ast.parse(cell.source).body if isinstance(node, (ast.Assign, ast.AnnAssign))]
        names = [(node.targets[0] if isinstance(node, ast.Assign) else node.target).id for node in assignments]
        return {name: ast.literal_eval(node.value) for name, node in zip(names, assignments, strict=True)}
    except (SyntaxError, ValueError, AttributeError) as error:
        raise InputError(f"{notebook}: the parameters cell may hold only lines like name = value ({error}).") from error


def first_heading(notebook):
    """The title of a notebook: its first heading."""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        for line in "".join(cell["source"]).splitlines():
            if cell["cell_type"] == "markdown" and line.startswith("# "):
                return line[2:].strip()
    return notebook.stem


def _read_yaml(path):
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML ({' '.join(str(error).split())}).") from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: expected lines like name: value.")
    return found


def _check_type(path, name, value, default):
    if default is None or value is None:
        return
    expected = SCALARS[type(default).__name__]
    if not isinstance(value, expected) or (isinstance(value, bool) and not isinstance(default, bool)):
        hint = (
            " (YAML reads 1e-3 as text: write 0.001)"
            if isinstance(default, (int, float)) and isinstance(value, str)
            else ""
        )
        raise InputError(f"{path}: {name} is {value!r}, expected {type(default).__name__}{hint}.")


def _place(file):
    runs = sorted(path.name for path in file.parent.glob("*--*.yaml"))
    return runs.index(file.name) + 1, len(runs)


def _papermill(notebook, folder, parameters, name):
    import papermill
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    folder.mkdir(parents=True, exist_ok=True)
    half_done = folder / "notebook.ipynb"
    try:
        with _native_errors_in(folder / "kernel.log"), TemporaryDirectory(prefix="fer_tf-") as sockets:
            papermill.execute_notebook(
                str(notebook),
                str(half_done),
                parameters=parameters,
                engine_name=_engine(name),
                kernel_name="python3",
                cwd=str(paths.root()),
                progress_bar=False,
                stdout_file=_Printed(name),
                # Sockets that no other user of the machine can read, and no other run takes for its own; no ports.
                config=Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}),
            )
    except PapermillExecutionError as error:
        reason = " ".join(str(error.evalue).split())
        raise InputError(f"{name} failed: {error.ename}: {reason} See {_shown(half_done)}") from error
    except RuntimeError as error:  # the kernel died: out of memory, or a crash in native code
        raise InputError(f"{name} failed: {error} See {_shown(folder / 'kernel.log')}") from error
    finally:
        _forget_place(half_done)
    (folder / "kernel.log").unlink(missing_ok=True)
    if not (folder / "run.json").is_file():
        raise InputError(
            f"{name}: executed, but it saved no run.json. The notebook's last cell must call run.finish()."
        )


def _forget_place(notebook):
    """Makes the project's paths in an executed notebook relative: where it lay is nobody's business, and differs."""
    if notebook.is_file():
        text = notebook.read_text(encoding="utf-8")
        paths.write_text(notebook, text.replace(f"{paths.root()}{os.sep}", ""))


@contextmanager
def _native_errors_in(log):
    # TensorFlow's native code greets every start with warnings that no setting silences; they go to a file.
    sys.stderr.flush()
    terminal = os.dup(2)
    with log.open("wb") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)


class _Printed(io.StringIO):
    """What the notebook prints, passed on to the terminal line by line."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def write(self, text):
        for line in text.splitlines():
            if line.strip():
                _say(self.name, line)
        return len(text)


def _engine(name):
    """A papermill engine that says which section of the notebook is being executed."""
    from papermill.engines import NBClientEngine, papermill_engines

    class Telling(NBClientEngine):
        @classmethod
        def execute_managed_notebook(cls, manager, kernel_name, **options):
            total = sum(cell.cell_type == "code" for cell in manager.nb.cells)
            begin, heading, done = manager.cell_start, "", 0

            def cell_start(cell, cell_index=None, **given):
                nonlocal heading, done
                if cell.cell_type == "markdown" and cell.source.startswith("#"):
                    heading = cell.source.splitlines()[0].lstrip("# ")
                elif cell.cell_type == "code":
                    done += 1
                    _say(name, f"cell {done}/{total}  {heading}")
                return begin(cell, cell_index, **given)

            manager.cell_start = cell_start
            return super().execute_managed_notebook(manager, kernel_name, **options)

    papermill_engines.register("telling", Telling)
    return "telling"


def _say(name, line):
    print(f"  {name} | {line}", flush=True)


def _shown(path):
    return path.relative_to(paths.root()) if path.is_relative_to(paths.root()) else path


def _duration(seconds):
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
