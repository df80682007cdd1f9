"""How a run came about, and whether it would come about in the same way today.

A run is current when its parameters, its notebook's code, its data and the package's code that computes its numbers are
those of now. What differs is named in three words: parameters changed, data changed, code changed.
"""

import os
import platform
import re
from importlib import metadata
from pathlib import Path

from fer_tf import datasets, hashing
from fer_tf.study import notebooks

PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "scikit-learn", "opencv-python")
PACKAGES += ("pandas", "matplotlib", "seaborn", "papermill")
"""Packages whose versions a run records."""


SHIPPED = "models/pretrained/five_layer.keras"
"""The network that ships, below the package; a run that uses it records its hash among the definitions."""


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


def code_of(notebook, parameters):
    """The code that the numbers of a notebook with these parameters depend on.

    Returns: dict: "notebook", the hash of the notebook's own code, and "definitions", those of the package that it uses, by
        name, see `hashing.code_reached`; with them the file of the network that ships, where the notebook loads it.
    """
    definitions = hashing.code_reached(notebooks.code(notebook), _words(parameters))
    if "load_pretrained" in definitions and not parameters.get("run"):
        definitions[SHIPPED] = hashing.file_digest(hashing.PACKAGE / SHIPPED)[:16]
    return {"notebook": notebooks.behavior(notebook), "definitions": definitions}


def fingerprint(record):
    """One hash of all that decides a run's numbers: parameters, data, code, versions, and the run that it starts from."""
    decisive = {name: value for name, value in record["parameters"].items() if name not in notebooks.NOT_CODE}
    versions = [record["versions"][name] for name in ("tensorflow", "keras")]
    data = record["data"] and record["data"]["hash"]
    return hashing.digest(decisive, data, record["source_run"], record["code"], versions)


def changes(record, parameters, split_hashes):
    """What is other today than when a run was made.

    Args:
        record: dict, the run's record.
        parameters: dict of the parameters that its YAML and notebook give it today, or None where it has no YAML.
        split_hashes: dict split -> hash of its dataset today, empty where that is not known.
    Returns: list of str such as "parameters changed (epochs)", "data changed (test)", "code changed
        (training/batches.py)"; empty for a current run.
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
    other = changed_code(record)
    more = f" and {len(other) - 4} more" if len(other) > 4 else ""
    lines += [f"code changed ({', '.join(other[:4])}{more})"] if other else []
    return lines


def changed_code(record):
    """The files of today's code that differ from what made a run: list of str, empty for the same code."""
    notebook, code = notebooks.path_of(record["notebook"]), record.get("code", {})
    if "definitions" not in code:
        return ["recorded by version 0.1"]
    now = code_of(notebook, record["parameters"])
    was, today = dict(code["definitions"]), now["definitions"]
    was.setdefault(SHIPPED, today.get(SHIPPED))  # records of before November 26, 2026 lack it
    names = {name for name in {*was, *today} if was.get(name) != today.get(name)}
    gone = sorted(name for name in names - {SHIPPED} if not hashing.files_of([name]))
    own = [f"notebooks/{notebook.name}"] if now["notebook"] != code["notebook"] else []
    own += [SHIPPED] if SHIPPED in names else []
    return [*own, *hashing.files_of(names), *(f"{name} is gone" for name in gone)]


def versions():
    """Exact versions of Python and of the packages that a number can depend on."""
    installed = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            installed[package] = "absent"
    return installed


def hardware():
    """The machine: processor's name, cores that it gives, threads that libraries use (see `execute`), memory in GiB."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = os.environ.get("OMP_NUM_THREADS", "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": _cpu_name(),
        "cores": cores,
        "threads": int(threads) if threads.isdecimal() else cores,
        "memory_gib": round(memory, 1),
        "system": platform.system(),
    }


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
