"""A run's folder: what a notebook saved, and how it came about.

A run is one execution of one notebook with one set of parameters. Its folder is `reports/<study>/runs/<notebook>--<run>/`
and is complete when its `run.json` is there, which is written last. Everything that the report shows is read from here.
"""

import ast
import hashlib
import json
import os
import platform
import re
import shutil
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np

from fer_tf import paths
from fer_tf.errors import InputError, TestSplitError
from fer_tf.figures import style
from fer_tf.study import tables

PACKAGES = (
    "tensorflow",
    "keras",
    "numpy",
    "scipy",
    "scikit-learn",
    "opencv-python",
    "pandas",
    "matplotlib",
    "seaborn",
    "papermill",
)
KEPT_BY_A_NEW_START = {"checkpoint.npz", "history.csv", "notebook.ipynb", "kernel.log", "parts"}


@dataclass
class Run:
    """A run under way or complete.

    Attributes:
        folder: Path, absolute.
        record: what becomes (or is) run.json; see `start` for its keys.
    """

    folder: Path
    record: dict
    clock: float = field(default_factory=time.perf_counter)

    @property
    def name(self):
        """Such as "02_train_cnn--five_layer"."""
        return self.folder.name

    @property
    def notebook(self):
        """The notebook's name, such as "02_train_cnn"."""
        return self.name.partition("--")[0]

    @property
    def label(self):
        """The run's own name, without the notebook's."""
        return self.name.partition("--")[2] or self.name

    @property
    def complete(self):
        return (self.folder / "run.json").is_file()

    def figure(self, name, figure, caption):
        """Saves a matplotlib Figure as SVG, PDF and PNG, and returns it so that the notebook shows it.

        Args:
            name: str, the files' stem.
            figure: matplotlib Figure.
            caption: one or two sentences: what is seen, and n.
        """
        style.save(figure, self.folder / "figures" / name)
        self._note("figures", name, caption)
        return figure

    def table(self, name, frame, caption):
        """Saves a DataFrame as CSV, Markdown and LaTeX, and returns it so that the notebook shows it."""
        tables.to_files(frame, self.folder / "tables" / name, caption)
        self._note("tables", name, caption)
        return frame

    def save_predictions(self, split, probabilities, dataset, variant=""):
        """Keeps the class probabilities of every image of a split.

        Args:
            split: "validation" or "test".
            probabilities: float array (n, k), rows sum to 1.
            dataset: the `Dataset` of those n images.
            variant: such as "random10" where a run scores the split in several ways.

        Raises:
            TestSplitError: the test split is scored before the run is complete, or has noted which variant is `shown`.
            InputError: the number of rows or classes does not fit.
        """
        if split == "test" and not (self.complete or self.record.get("reads") or "shown" in self.record):
            raise TestSplitError(f"{self.name}: the test split is scored when the choices are made, by the report.")
        if probabilities.shape != (len(dataset), len(dataset.classes)):
            raise InputError(
                f"{self.name}: predictions of shape {probabilities.shape}, expected {(len(dataset), len(dataset.classes))}."
            )
        stem = "_".join(filter(None, ("predictions", split, variant)))
        with paths.writing(self.folder / f"{stem}.npz") as part:
            np.savez_compressed(
                part,
                probabilities=probabilities.astype(np.float32),
                labels=dataset.labels.astype(np.int64),
                ids=np.asarray(dataset.ids),
                classes=np.asarray(dataset.classes),
            )

    def predictions(self, split, variant=""):
        """The saved predictions of a split, as a `Predictions`.

        Raises:
            InputError: none were saved.
        """
        stem = "_".join(filter(None, ("predictions", split, variant)))
        path = self.folder / f"{stem}.npz"
        if not path.is_file():
            raise InputError(f"{path}: no such predictions. Execute the run {self.name} again.")
        with np.load(path) as saved:
            classes = tuple(saved["classes"].tolist())
            return Predictions(saved["probabilities"], saved["labels"], saved["ids"], classes)

    def variants(self, split):
        """The variants of a split's predictions that were saved, "" for the plain one, in order of name."""
        stem = f"predictions_{split}"
        return [path.stem.removeprefix(stem).lstrip("_") for path in sorted(self.folder.glob(f"{stem}*.npz"))]

    def history(self):
        """The training's history as a DataFrame, or None."""
        import pandas as pd

        path = self.folder / "history.csv"
        return pd.read_csv(path) if path.is_file() else None

    def note(self, **facts):
        """Adds facts to the record, such as `model="model.keras"` or `metrics={...}`."""
        self.record.update(facts)

    def finish(self, *findings):
        """Writes run.json: from here on the run is complete. Returns the findings, to be shown.

        Args:
            *findings: sentences made from computed numbers.
        """
        self.record["findings"] = list(findings)
        self.record["wall_seconds"] = round(time.perf_counter() - self.clock, 1)
        self.record["code"] = code_hashes(loaded_modules())
        paths.write_text(self.folder / "run.json", json.dumps(self.record, indent=1, default=_plain) + "\n")
        return list(findings)

    def _note(self, kind, name, caption):
        kept = [entry for entry in self.record[kind] if entry["name"] != name]
        self.record[kind] = [*kept, {"name": name, "caption": caption}]


@dataclass(frozen=True)
class Predictions:
    """Saved predictions: probabilities float32 (n, k), labels int64 (n,), ids str (n,), classes tuple of k names."""

    probabilities: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    classes: tuple

    def __iter__(self):
        """As the arguments that every function of `evaluation` begins with: labels, probabilities, classes."""
        return iter((self.labels, self.probabilities, self.classes))


def parameters(namespace):
    """The parameters of a notebook: every plain value named before its setup cell.

    Args:
        namespace: the notebook's `globals()`.

    Returns:
        dict name -> str, int, float, bool, None, list or dict.
    """
    plain = (str, int, float, bool, list, dict, type(None))
    jupyter = {"In", "Out", "exit", "quit"}
    return {
        name: value
        for name, value in namespace.items()
        if not name.startswith("_") and name not in jupyter and isinstance(value, plain)
    }


def start(namespace, dataset=None, reads=None):
    """Opens the folder that the notebook's parameter `out` names, and takes down how the run comes about.

    Args:
        namespace: the notebook's `globals()`, straight after its parameters.
        dataset: the `Dataset` it works on, if any.
        reads: the complete `Run` whose model it uses, if any.

    Returns:
        Run. What an earlier execution left in the folder is removed, but for a training's checkpoint and history.

    Raises:
        InputError: the folder cannot be made.
    """
    given = parameters(namespace)
    folder = paths.resolve(given["out"])
    _clear(folder)
    record = {
        "name": folder.name,
        "notebook": folder.name.partition("--")[0],
        "study": folder.parent.parent.name,
        "about": given.pop("about", ""),
        "parameters": given,
        "seed": given.get("seed"),
        "data": describe(dataset) if dataset is not None else None,
        "reads": {"name": reads.name, "model": file_hash(reads.folder / reads.record["model"])} if reads else None,
        "versions": versions(),
        "hardware": hardware(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "figures": [],
        "tables": [],
        "metrics": {},
        "model": None,
    }
    return Run(folder, record)


def open_run(folder):
    """A complete run.

    Args:
        folder: its path, or a path relative to the project.

    Raises:
        InputError: there is no such run, or it is not complete, or its record is unreadable.
    """
    folder = paths.resolve(folder)
    path = folder / "run.json"
    if not path.is_file():
        raise InputError(
            f"{folder}: no complete run is there. Execute it first: make report STUDY={folder.parent.parent.name}."
        )
    try:
        return Run(folder, json.loads(path.read_text(encoding="utf-8")))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: unreadable ({error}). Remove the file and make the report again.") from error


def of_study(folder):
    """The complete runs of a study's folder (or its name), in the order of the notebooks' numbers."""
    folder = paths.study(folder) if isinstance(folder, str) and "/" not in folder else paths.resolve(folder)
    return [open_run(path.parent) for path in sorted(folder.glob("runs/*/run.json"))]


def describe(dataset):
    """A dataset in a record: name, content hash, classes, images per split and class."""
    counts = {split: column.astype(int).to_dict() for split, column in dataset.counts().items()}
    return {
        "name": dataset.name,
        "hash": dataset.hash,
        "classes": list(dataset.classes),
        "size": list(dataset.images.shape[1:]),
        "counts": counts,
    }


def versions():
    """Exact versions of Python and of the packages that a number can depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


def hardware():
    """The machine: processor's name, threads that TensorFlow may use, memory in GiB."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": _cpu_name(),
        "threads": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(memory, 1),
        "system": platform.system(),
    }


def loaded_modules():
    """The package's source files that this process has imported: what a run can depend on."""
    package = Path(__file__).parent.parent
    files = {Path(m.__file__) for m in list(sys.modules.values()) if getattr(m, "__file__", None)}
    return sorted(file for file in files if file.is_relative_to(package) and file.suffix == ".py")


def code_hashes(files):
    """Each source file's hash, over what it does: comments, docstrings and layout do not count.

    Args:
        files: paths of Python files inside the package.

    Returns:
        dict "fer_tf/training.py" -> SHA-256 hex digits.
    """
    package = Path(__file__).parents[2]
    return {str(Path(file).relative_to(package)): _code_hash(file) for file in files}


def changed_code(run):
    """The package's files that have changed, or gone, since a run was made: a list of names, empty for the same code."""
    package = Path(__file__).parents[2]
    made_by = run.record.get("code", {})
    return [
        name for name, was in made_by.items() if not (package / name).is_file() or _code_hash(package / name) != was
    ]


def file_hash(path):
    """SHA-256 hex digits of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _code_hash(path):
    return _hash_of_code(Path(path).read_text(encoding="utf-8"))


@cache  # the report holds every run's code against the same files
def _hash_of_code(text):
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [child for child in body if not _is_text(child)]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _clear(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").unlink(missing_ok=True)
    for path in folder.iterdir():
        if path.name not in KEPT_BY_A_NEW_START:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _cpu_name():
    try:
        found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found.group(1) if found else platform.processor() or platform.machine()


def _plain(value):
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value)
