"""A run's folder: what a notebook saved, and how it came about.

A run is one execution of one notebook with one set of parameters. Its folder is `reports/<study>/runs/<notebook>--<run>/`
and is complete when its `run.json` is there, which is written last. Everything that the report shows is read from here.
"""

import json
import os
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from fer_tf import documents, hashing, models, paths
from fer_tf.errors import InputError, TestSplitError, first_line, require
from fer_tf.models import files
from fer_tf.study import notebooks, provenance, tables

GPUS = "FER_TF_GPUS"
"""Environment variable that tells a notebook on how many GPUs its networks are trained, see `execute`."""

MATCHES_CLASSES = {"12_compare", "16_across"}
"""Notebooks that bring the classes of several networks or predictions into one order, by their names."""

KEPT_BY_A_NEW_START = {"checkpoint.npz", "history.csv", "notebook.ipynb", "kernel.log", "parts"}
"""What a training resumes from; a checkpoint that other code, data or parameters made is not taken up."""


@dataclass
class Run:
    """A run under way or complete: its folder, an absolute Path, what becomes (or is) run.json, see `start` for its keys, and of
    one under way, the cells that were run since: their texts, and how many there were before.
    """

    folder: Path
    record: dict
    clock: float = field(default_factory=time.perf_counter)
    cells: tuple = ((), 0)

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

    @property
    def fingerprint(self):
        """A hash of all that decides the run's training: parameters, data, code up to where a result is saved, and what it starts
        from. In JupyterLab a cell counts as it was run, saved or not.
        """
        parameters = self.record["parameters"]
        # A finished training cannot be taken up where weights were averaged: Keras's callback fails where no step is made.
        resumes = not parameters.get("average")
        code = provenance.code_of(notebooks.path_of(self.name), parameters, until_saved=resumes)
        if self._note_unsaved():
            code |= {"notebook": self.record["code"]["notebook"]}
        return provenance.fingerprint(self.record, code)

    def parameters_table(self):
        """The parameters as a DataFrame, to be shown."""
        values = pd.Series(self.record["parameters"], name="value", dtype=object).astype(str)
        return values.rename_axis("parameter").to_frame()

    def files(self):
        """The files in the run's folder and their sizes, as a DataFrame, to be shown."""
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        rows = [(str(path.relative_to(self.folder)), round(path.stat().st_size / 1000, 1)) for path in files]
        return pd.DataFrame(rows, columns=["file", "kB"])

    def figure(self, name, figure, caption):
        """Saves a matplotlib Figure as SVG, PDF and PNG, and returns it so that the notebook shows it.

        Args:
            name: str, the files' stem.
            figure: matplotlib Figure.
            caption: one or two sentences: what is seen, and n.
        """
        from fer_tf.figures import style  # here: a second, for a command that draws nothing

        style.save(figure, self.folder / "figures" / name)
        self._replace("figures", {"name": name, "caption": caption})
        return figure

    def table(self, name, frame, caption):
        """Saves a DataFrame as CSV, Markdown and LaTeX and in the record, and returns it so that the notebook shows it."""
        tables.to_files(frame, self.folder / "tables" / name, caption)
        self._replace("tables", {"name": name, "caption": caption, **tables.as_data(frame)})
        return frame

    def tables(self):
        """The saved tables: list of (name, caption, DataFrame)."""
        entries = [entry for entry in self.record["tables"] if "data" in entry]
        try:
            if any(len(row) != len(entry["columns"]) for entry in entries for row in entry["data"]):
                raise ValueError("a row has not as many values as there are columns")
            return [(e["name"], e["caption"], pd.DataFrame(e["data"], columns=e["columns"])) for e in entries]
        except Exception as error:  # pandas raises half a dozen kinds for rows that fit no columns
            raise InputError(f"{self.folder / 'run.json'}: a table is damaged ({first_line(error)}).") from error

    def save_predictions(self, split, probabilities, dataset, variant=""):
        """Keeps the class probabilities of every image of a split, to four digits.

        Args:
            split: "validation" or "test".
            probabilities: float array (n, k), rows sum to 1.
            dataset: the `Dataset` of those n images.
            variant: such as "random10" where a run scores the split in several ways.
        Raises TestSplitError: the test split is scored before the run is complete, or has noted which variant is
            `shown`.
        Raises InputError: the number of rows or classes does not fit, or the classes are others than the run's.
        """
        if split == "test" and not (self.complete or self.record.get("source_run") or "shown" in self.record):
            raise TestSplitError(f"{self.name}: the test split is scored when the choices are made, by the report.")
        if probabilities.shape != (len(dataset), len(dataset.classes)):
            expected = (len(dataset), len(dataset.classes))
            raise InputError(f"{self.name}: predictions of shape {probabilities.shape}, expected {expected}.")
        own = (self.record.get("data") or {}).get("classes", dataset.classes)
        if self.notebook not in MATCHES_CLASSES and tuple(own) != tuple(dataset.classes):
            raise InputError(f"{self.name}: {_other_classes('the run', own, dataset)}")
        Predictions(probabilities, dataset.labels, np.asarray(dataset.ids), dataset.classes).save(
            self.predictions_file(split, variant)
        )

    def predictions(self, split, variant=""):
        """The saved predictions of a split, as a `Predictions`.

        Raises InputError: none were saved; the message names those that were.
        """
        path, advice = self.predictions_file(split, variant), how_to_make(self.folder)
        if not path.is_file():
            saved = ", ".join(sorted(file.name for file in self.folder.glob("predictions_*.npz"))) or "none"
            raise InputError(f"{path}: no such file. There are: {saved}. Name one, if this was never there. {advice}")
        saved = documents.read_arrays(path, ("probabilities", "labels", "ids", "classes"), advice)
        n, k = len(np.atleast_1d(saved["labels"])), len(np.atleast_1d(saved["classes"]))
        shapes = {"probabilities": (n, k), "labels": (n,), "ids": (n,), "classes": (k,)}
        kinds = {"probabilities": "f", "labels": "iu", "ids": "U", "classes": "U"}
        if any(saved[key].shape != shapes[key] or saved[key].dtype.kind not in kinds[key] for key in shapes) or (
            n and not 0 <= saved["labels"].min() <= saved["labels"].max() < k
        ):
            raise InputError(f"{path}: its arrays do not belong together. {advice}")
        return Predictions(saved["probabilities"], saved["labels"], saved["ids"], tuple(saved["classes"].tolist()))

    def variants(self, split):
        """The variants of a split's predictions that were saved, "" for the plain one, in order of name."""
        stem = f"predictions_{split}"
        return [path.stem.removeprefix(stem).lstrip("_") for path in sorted(self.folder.glob(f"{stem}*.npz"))]

    def history(self):
        """The training's history as a DataFrame, or None."""
        path = self.folder / "history.csv"
        if not path.is_file():
            return None
        try:
            return require(pd.read_csv(path), ["epoch"], path)
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: damaged ({first_line(error)}). {how_to_make(self.folder)}") from error

    def note(self, **facts):
        """Adds facts to the record, such as `model="model.keras"` or `metrics={...}`."""
        self.record.update(facts)

    def finish(self, *findings):
        """Writes run.json: from here on the run is complete. Returns the findings, to be shown.

        Args:
            *findings: sentences made from computed numbers.
        """
        self._note_unsaved()
        self.record["findings"] = list(findings)
        self.record["wall_seconds"] = round(time.perf_counter() - self.clock, 1)

        def plain(value):
            return value.tolist() if hasattr(value, "tolist") else str(value)

        paths.write_text(self.folder / "run.json", json.dumps(self.record, indent=1, default=plain) + "\n")
        return list(findings)

    def predictions_file(self, split, variant=""):
        """Where the predictions of a split lie, or would lie: a Path."""
        return self.folder / f"{'_'.join(filter(None, ('predictions', split, variant)))}.npz"

    def _note_unsaved(self):
        """Puts cells that were run and not saved into the record's code; whether there are any."""
        texts, before = self.cells
        if not texts:
            return False
        notebook = notebooks.path_of(self.name)
        unsaved = hashing.behavior(notebooks.unsaved(notebook, texts[before:]))
        if unsaved == hashing.behavior(""):
            return False
        self.record["code"]["notebook"] = hashing.digest(notebooks.behavior(notebook), unsaved)
        return True

    def _replace(self, kind, entry):
        others = [other for other in self.record[kind] if other["name"] != entry["name"]]
        self.record[kind] = [*others, entry]


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

    def select(self, rows):
        """The predictions of some images only: rows is a bool mask (n,) or int indices."""
        return Predictions(self.probabilities[rows], self.labels[rows], self.ids[rows], self.classes)

    def save(self, path):
        """Writes them as an `.npz` file, a third smaller than NumPy's: with LZMA, and probabilities to four digits."""
        documents.write_arrays(
            path,
            probabilities=_four_digits(self.probabilities.astype(np.float32)),
            labels=self.labels.astype(np.int64),
            ids=self.ids,
            classes=np.asarray(self.classes),
        )


def start(namespace, dataset=None, source_run=None):
    """Opens the folder that the notebook's parameter `out` names, and takes down how the run comes about.

    Args:
        namespace: the notebook's `globals()`, straight after its parameters. Only the names in the cells that are tagged
            as parameters are taken from it.
        dataset: the `Dataset` it works on, if any.
        source_run: the complete `Run` whose model it uses, if any.
    Returns: Run. What an earlier execution left in the folder is removed, but for a training's checkpoint and history.
    Raises InputError: `out` is not named after a notebook, the folder cannot be made, a network that it starts from is not
        here, or one that it asks has other classes than the dataset, or the same in another order.
    """
    if "get_ipython" in namespace:
        os.chdir(paths.root())  # JupyterLab starts a kernel beside the notebook, papermill in the project's folder
    folder = paths.resolve(namespace["out"])
    notebook = notebooks.path_of(folder.name)
    parameters = {name: namespace[name] for name in notebooks.parameters(notebook)}
    if wrong := documents.out_of_range(parameters):
        raise InputError(f"{folder.name}: {wrong}.")
    if (gpus := int(os.environ.get(GPUS, 1))) > 1:
        from fer_tf.training.distribution import distribute

        distribute(gpus)
        parameters["gpus"] = gpus
    about = parameters.pop("about", "")
    provide_networks(parameters, folder)
    code = provenance.code_of(notebook, parameters)
    starts_from = parameters, code["definitions"], folder.parent
    if dataset is not None and notebook.stem not in MATCHES_CLASSES:
        for name, classes in provenance.classes_of_networks(*starts_from).items():
            if classes != tuple(dataset.classes):
                raise InputError(f"{folder.name}: {_other_classes(f'the network {name}', classes, dataset)}")
    record = {
        "name": folder.name,
        "notebook": notebook.stem,
        "study": folder.parent.parent.name,
        "about": about,
        "parameters": parameters,
        "seed": parameters.get("seed"),
        "data": provenance.describe(dataset) if dataset is not None else None,
        "source_run": _source(source_run) if source_run else None,
        "sources": provenance.sources(*starts_from),
        "code": code,
        "versions": provenance.versions(),
        "hardware": provenance.hardware(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "figures": [],
        "tables": [],
        "metrics": {},
        "model": None,
    }
    _clear(folder)
    texts = namespace["get_ipython"]().history_manager.input_hist_raw if "get_ipython" in namespace else ()
    return Run(folder, record, cells=(texts, len(texts) - 1))  # the last is the one that is being run


def open_run(folder):
    """A complete run.

    Args:
        folder: its path, or a path relative to the project.
    Raises InputError: there is no such run, or it is not complete, or its record is unreadable or lacks the hashes of the
        data that its network was trained on.
    """
    folder = paths.resolve(folder)
    path = folder / "run.json"
    if not path.is_file():
        raise InputError(f"{folder}: no complete run is there. {how_to_make(folder)}")
    advice = "Remove the file and make the report again."
    record = documents.read_json(path, documents.RUN, advice)
    if record.get("model") and not (record["data"] or {}).get("splits"):
        raise InputError(f"{path}: data.splits is missing, and there is a model. {advice}")
    record["study"] = folder.parent.parent.name  # where it lies now: a study may have another name
    return Run(folder, record)


def weights_of(run):
    """The file of the network that a run trained, or that its record names as its source; None where it is not here.

    It lies in the run's folder, or in the package where the network ships. A run of 04_tta that names no run took the one that
    ships by default.
    """
    if source := run.record.get("source_run"):
        folder = run.folder.parent / source["name"]
        return weights_of(open_run(folder)) if (folder / "run.json").is_file() else None
    if run.notebook == "04_tta":
        return files.PRETRAINED / "five_layer.keras"
    if not run.record.get("model"):
        return None
    own = run.folder / run.record["model"]
    if own.is_file():
        return own
    for file in sorted(files.PRETRAINED.glob("*.keras")):
        if _is_of(models.model_card(file.stem), run):
            return file
    return None


def provide_networks(parameters, folder):
    """Sees to it that the networks are here from which a run starts. One that git left out, and that ships with the package, is
    copied from there.

    Args:
        parameters: dict, the run's.
        folder: Path of the run.
    Raises InputError: one is not here that `run`, `network`, `weights` or `teachers` names by its run, or that run trains none.
    """
    needed = provenance.named(parameters, ("run", "network", "weights", "teachers"))
    for name in provenance.named(parameters, provenance.NETWORKS):
        source, _ = provenance.folder_of(name, folder.parent)
        network = source / "model.keras"
        if "--" not in source.name or source.is_file() or network.is_file():
            continue
        of = open_run(source) if (source / "run.json").is_file() else None
        if of and of.record.get("model") and (shipped := weights_of(of)):
            with paths.writing(network) as part:
                shutil.copyfile(shipped, part)
        elif name in needed:
            if of and not of.record.get("model"):
                raise InputError(f"{folder.name}: {name} trains no network. Name a run that does.")
            why = ", for git keeps none" if of else ""
            circle = " Where make names a circular dependency, let one of the two start from another."
            more = circle if source.parent == folder.parent and not of else ""  # make makes it first, if it can
            raise InputError(f"{folder.name}: the network of {name} is not here{why}. {how_to_make(source)}{more}")


def how_to_make(folder):
    """What makes a run that is not there, or makes it again: a sentence. Without a YAML there is nothing that does."""
    study, name = folder.parent.parent.name, folder.name
    if study == "lab":
        return f"Execute the notebook {name}."
    if not (paths.root() / "notebooks" / "studies" / study / f"{name}.yaml").is_file():
        return f"Nothing makes it, for there is no notebooks/studies/{study}/{name}.yaml. Name another, or write that."
    before = f"rm -f reports/{study}/runs/{name}/run.json; " if (folder / "run.json").is_file() else ""
    return f"Make that run: {before}make report STUDY={study}."


def _is_of(card, run):
    """Whether a network's model card is of a training run as it is recorded, and not of one of before with that name."""
    record, versions = run.record, card.get("versions", {})
    recorded = {"run": f"{record['study']}/{run.name}", "parameters": record["parameters"]}
    recorded["versions"] = {key: record["versions"].get(key) for key in versions}
    if any(card.get(key, value) != value for key, value in recorded.items()) or "run" not in card:
        return False
    if card.get("data", record["data"])["hash"] != record["data"]["hash"]:
        return False
    accuracy = card.get("metrics", {}).get("test", {}).get("accuracy")
    if accuracy is None or not run.variants("test"):
        return True
    scored = run.predictions("test")
    return abs(np.mean(scored.probabilities.argmax(axis=1) == scored.labels) - accuracy) < 1e-4


def _other_classes(who, classes, dataset):
    """The line that refuses predictions whose columns are not those of a dataset."""
    return (
        f"{who} has the classes {', '.join(classes)}, and {dataset.name} {', '.join(dataset.classes)}. "
        "Take the same ones in the same order, or notebook 16_across, which matches them by name."
    )


def _source(run):
    return {"name": run.name, "model": hashing.file_digest(run.folder / run.record["model"])}


def _clear(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").unlink(missing_ok=True)
    for path in folder.iterdir():
        if path.name not in KEPT_BY_A_NEW_START:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _four_digits(probabilities):
    """Probabilities with 12 significant bits, which compress well; rows whose largest would be another one stay whole."""
    fractions, exponents = np.frexp(probabilities)
    rounded = np.ldexp(np.round(fractions * 2**12) / 2**12, exponents).astype(probabilities.dtype)
    same = rounded.argmax(axis=1) == probabilities.argmax(axis=1)
    return np.where(same[:, None], rounded, probabilities)
