"""How a run came about, and whether it would come about in the same way today.

A run is current when its parameters, its notebook's code, its data, the runs and networks that it starts from, and the
package's code that computes its numbers are those of now. What differs is named in four words: parameters changed, data
changed, sources changed, code changed.
"""

import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from fer_tf import datasets, documents, hashing, paths
from fer_tf.study import notebooks

PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "scikit-learn", "opencv-python")
PACKAGES += ("pandas", "matplotlib", "seaborn", "papermill")
"""Packages whose versions a run records."""

CALCULATED_BY = ("tensorflow", "keras", "keras backend")
"""Those of `versions` that a training's checkpoint belongs to."""

NETWORKS = ("run", "network", "runs", "weights", "teachers")
"""Parameters that name networks: by a run, or as "shipped"; `run` and `network` also as "", the one that ships."""

PREDICTIONS = ("ours", "compare_run")
"""Parameters that name runs of which a notebook reads the saved predictions only."""


def describe(dataset):
    """A `Dataset` in a record, as a dict: name, hash (of the images that the run was given), classes, size, counts per split
    and class, `drawn` (whether these are no photographs), and `splits`, the hash of each split of the prepared dataset
    that it is part of, the unopened test split's too.
    """
    counts = {split: column.astype(int).to_dict() for split, column in dataset.counts().items()}
    facts = {"name": dataset.name, "hash": dataset.hash, "classes": list(dataset.classes)}
    facts |= {"size": list(dataset.images.shape[1:]), "counts": counts}
    facts["drawn"] = bool(dataset.source.get("drawn") or dataset.source.get("form") == "drawn")
    hashes = datasets.split_hashes(dataset.name)
    return facts | {"splits": hashes or {split: dataset.split(split).hash for split in dataset.split_names()}}


def code_of(notebook, parameters, until_saved=False):
    """The code that the numbers of a notebook with these parameters depend on.

    Args:
        notebook: Path.
        parameters: dict.
        until_saved: only what decides its training, see `notebooks.code`.
    Returns: dict: "notebook", the hash of the notebook's own code; "definitions", those of the package that it uses, by name, see
        `hashing.code_reached`; and "beside", what else it uses, by file, see `hashing.code_beside`.
    """
    decisive = {name: value for name, value in parameters.items() if name not in notebooks.NOT_CODE}
    used = notebooks.code(notebook, until_saved), _words(decisive)
    reached, beside = hashing.code_reached(*used), hashing.code_beside(*used)
    return {"notebook": notebooks.behavior(notebook, until_saved), "definitions": reached, "beside": beside}


def named(parameters, kinds):
    """The names in those of a run's parameters that `kinds` lists, such as `NETWORKS`: list of str, without empty ones."""
    values = [parameters.get(kind) or [] for kind in kinds]
    listed = [name for value in values for name in (value if isinstance(value, list) else [value])]
    return [name for name in listed if name and isinstance(name, str)]


def folder_of(name, runs):
    """Where the run lies that a parameter names.

    Args:
        name: "<run>", "<run>/<variant>", "<study>/<run>", "<study>/<run>/<variant>", or a path, from `runs` or the project.
        runs: Path of the folder of the runs of the study that names it.
    Returns: (Path, variant), "" for no variant. A path may lead to a file, and nothing need be there.
    """
    if match := re.fullmatch(r"(?:([^/]+)/)?(\d\d_\w+--[^/]+)(?:/([^/]+))?", name):
        study, run, variant = match.groups()
        return (paths.study(study) / "runs" if study else runs) / run, variant or ""
    return next((path.resolve() for path in (runs / name, paths.resolve(name)) if path.exists()), runs / name), ""


def shipped(parameters, definitions):
    """The networks that ship and that a run uses: list of str such as "five_layer", by its parameters and `code_of`."""
    asked = [parameters[kind] for kind in NETWORKS if kind in parameters]
    by_default = not asked or "" in asked or "shipped" in named(parameters, NETWORKS)
    loaded = "load_predictor" in definitions or ("load_pretrained" in definitions and by_default)
    named_by_model = [parameters["model"]] if parameters.get("weights") == "shipped" else []
    return ["five_layer"] * loaded + named_by_model


def sources(parameters, definitions, runs):
    """What a run starts from, besides its data: the networks and saved predictions of the runs that its parameters name, and
    the networks that ship.

    Args:
        parameters, definitions: as `shipped`.
        runs: as `folder_of`.
    Returns: dict of "<study>/<run>/<file>", or a file's place below the package, to its `hashing.content_digest`; without
        what is not here.
    """
    files = [hashing.PACKAGE / "models/pretrained" / f"{name}.keras" for name in shipped(parameters, definitions)]
    for name in named(parameters, NETWORKS + PREDICTIONS):
        folder, variant = folder_of(name, runs)
        predictions = "_".join(filter(None, ("predictions_validation", variant)))
        files += [folder] if folder.is_file() else [folder / "model.keras", folder / f"{predictions}.npz"]
    return {_key(file): hashing.content_digest(file) for file in files if file.is_file()}


def classes_of_networks(parameters, definitions, runs):
    """The classes of the networks whose answers a run reads, as far as they are known, in the order of their probabilities.

    Args:
        parameters, definitions, runs: as `sources`.
    Returns: dict of a name to a tuple of str.
    """
    answering = {kind: value for kind, value in parameters.items() if kind != "weights"}  # those are trained on
    cards = {name: hashing.PACKAGE / "models/pretrained" / f"{name}.md" for name in shipped(answering, definitions)}
    known = {name: documents.read_card(card)["classes"] for name, card in cards.items()}
    for name in named(answering, NETWORKS):
        path = folder_of(name, runs)[0] / "run.json"
        if path.is_file():
            known[name] = documents.read_json(path, documents.TRAINED, "Execute that run again.")["data"]["classes"]
    return {name: tuple(classes) for name, classes in known.items()}


def fingerprint(record, code):
    """One hash of all that decides a run's training: parameters, data, code (`code_of`), versions, and what it starts from."""
    decisive = {name: value for name, value in record["parameters"].items() if name not in notebooks.NOT_CODE}
    versions = [record["versions"][name] for name in CALCULATED_BY if name in record["versions"]]
    data = record["data"] and record["data"]["hash"]
    return hashing.digest(decisive, data, record["source_run"], code, versions, record.get("sources"))


def changes(record, parameters, split_hashes):
    """What is other today than when a run was made.

    Args:
        record: dict, the run's record.
        parameters: dict of the parameters that its YAML and notebook give it today, or None where it has no YAML.
        split_hashes: dict split -> hash of its dataset today, empty where that is not known.
    Returns: list of str such as "parameters changed (epochs)", "data changed (test)", "sources changed
        (fer2013_recipe/04_tta--compact)", "code changed (training/batches.py)"; empty for a current run.
    """
    lines = []
    made_with = record["parameters"]
    if parameters is not None:
        names = {*made_with, *parameters} - set(notebooks.NOT_CODE)
        other = sorted(name for name in names if made_with.get(name) != parameters.get(name))
        lines += [f"parameters changed ({', '.join(other)})"] if other else []
    recorded = (record.get("data") or {}).get("splits", {})
    other = [split for split in recorded if split_hashes.get(split, recorded[split]) != recorded[split]]
    lines += [f"data changed ({', '.join(other)})"] if other else []
    other = changed_sources(record)
    lines += [f"sources changed ({', '.join(other)})"] if other else []
    other = changed_code(record)
    more = f" and {len(other) - 4} more" if len(other) > 4 else ""
    lines += [f"code changed ({', '.join(other[:4])}{more})"] if other else []
    return lines


def changed_sources(record):
    """The runs and networks that a run started from and that are others today, of those that are here: list of str."""
    recorded, definitions = record.get("sources"), record.get("code", {}).get("definitions", {})
    if recorded is None:
        return ["recorded before sources were"] if shipped(record["parameters"], definitions) else []
    other = [key for key, was in recorded.items() if _file(key).is_file() and was != hashing.content_digest(_file(key))]
    return sorted({key.rpartition("/")[0] if "--" in key else key for key in other})


def changed_code(record):
    """The files of today's code that differ from what made a run: list of str, empty for the same code."""
    notebook, code = notebooks.path_of(record["notebook"]), record.get("code", {})
    if "definitions" not in code:
        return ["recorded before code was hashed"]
    now = code_of(notebook, record["parameters"])
    was, today = code["definitions"], now["definitions"]
    names = {name for name in {*was, *today} if was.get(name) != today.get(name)}
    gone = sorted(name for name in names if not hashing.files_of([name]))
    was, today = code.get("beside", now["beside"]), now["beside"]  # runs recorded before 27 November 2026 do not tell
    beside = {file for file in {*was, *today} if was.get(file) != today.get(file)}
    own = [f"notebooks/{notebook.name}"] if now["notebook"] != code["notebook"] or "" in beside else []
    return [*own, *sorted({*hashing.files_of(names), *beside} - {""}), *(f"{name} is gone" for name in gone)]


def versions():
    """Exact versions of Python and of the packages that a number can depend on: dict; "keras backend" is there where it is
    not TensorFlow.
    """
    installed = {"python": platform.python_version()}
    for package in PACKAGES:
        installed[package] = _version(package) or _version(f"{package}-headless") or "absent"  # OpenCV without windows
    keras = sys.modules.get("keras")  # its own file may name a backend too
    backend = keras.config.backend() if keras else os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        installed["keras backend"] = f"{backend} {metadata.version(backend)}"
    return installed


def _version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def hardware():
    """The machine: processor's name, cores that it gives, threads that libraries use (see `execute`), memory in GiB, and the
    name of its GPU, where NVIDIA's driver is there.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = os.environ.get("OMP_NUM_THREADS", "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    facts = {
        "cpu": _cpu_name(),
        "cores": cores,
        "threads": int(threads) if threads.isdecimal() else cores,
        "memory_gib": round(memory, 1),
        "system": platform.system(),
    }
    return facts | ({"gpu": name} if (name := _gpu_name()) else {})


def _key(file):
    """What a source is called in a record; never where it lies on this machine, which is private."""
    if file.is_relative_to(hashing.PACKAGE):
        return file.relative_to(hashing.PACKAGE).as_posix()
    of_run = file.parent.parent.name == "runs"
    return f"{file.parents[2].name}/{file.parent.name}/{file.name}" if of_run else file.name


def _file(key):
    """Where a source lies that a record calls so."""
    study, _, rest = key.partition("/")
    return hashing.PACKAGE / key if study == "models" else paths.study(study) / "runs" / rest


def _words(value):
    """The strings in parameters: names of models, recipes and the like."""
    if isinstance(value, dict):
        return {word for item in value.items() for part in item for word in _words(part)}
    if isinstance(value, (list, tuple)):
        return {word for part in value for word in _words(part)}
    return {value} if isinstance(value, str) else set()


def _cpu_name():
    try:
        match = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        match = None
    return match.group(1) if match else platform.processor() or platform.machine()


def _gpu_name():
    try:
        asked = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20).stdout.splitlines()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        return ""
