"""The studies of data that cannot be passed on, executed on drawn faces in the data's exact layout.

One of them here, in miniature. `STANDIN_STUDIES=all` executes all runs of all of them, which takes many minutes.
"""

import json
import os
import shutil

import cv2
import kernels
import numpy as np
import pytest
import yaml
from conftest import PROJECT

from fer_tf import datasets
from fer_tf.datasets import standin
from fer_tf.datasets.sample import drawing
from fer_tf.study import execute, scoring

pytestmark = pytest.mark.slow

STUDIES = {  # layout, its variable, images of each class, and the runs that are executed in any case
    "rafdb_comparison": ("rafdb", "RAFDB", {"train": 14, "test": 4}, ("02_train_cnn--cnn",)),
    "affectnet_comparison": ("affectnet", "AFFECTNET", {"train": 14, "test": 4}, ()),
    "affectnet8_shallow": ("affectnet", "AFFECTNET", {"train": 14, "test": 4}, ()),
    "five_class_convnext": ("five_class", "FIVE_CLASS", {"train": 16, "test": 4}, ()),
    "five_class_fer2013": ("fer_plus", "FER2013", {"train": 16, "test": 14}, ()),
}
SMALL = dict.fromkeys(("epochs", "frozen_epochs", "fine_tuned_epochs", "threads", "seconds"), 1)
SMALL |= {"batch_size": 16, "folds": 2, "search": 0, "components": 8, "views": 2, "early_stopping": 0}
SMALL |= {"detector": "haar", "weights": ""}
NARROW = {"plain_cnn": {"filters": [4, 8]}, "vit_b16": {"width": 48, "depth": 1}, "vit_b32": {"width": 48, "depth": 1}}
NARROW |= {"inceptionv3": {"size": 75}}  # the least that it takes


def miniature(study, root, chosen):
    """Copies a study and makes each of its runs small; leaves out all but the chosen ones, where some are."""
    folder = root / "notebooks" / "studies" / study
    folder.mkdir(parents=True)
    for file in sorted((PROJECT / "notebooks" / "studies" / study).glob("*.yaml")):
        values = yaml.safe_load(file.read_text())
        small = {key: value for key, value in SMALL.items() if key in values}
        if file.stem.startswith("00_data") and "size" in values.get("options", {}):
            small["options"] = {**values["options"], "size": 32}
        if values.get("model") in NARROW:
            small["options"] = NARROW[values["model"]]
        if not chosen or file.stem[:7] in ("common", "00_data", "10_repo") or file.stem in chosen:
            (folder / file.name).write_text(yaml.safe_dump(values | small, allow_unicode=True))
    return folder


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project with the real notebooks and no study."""
    monkeypatch.setenv("FER_TF_ROOT", str(tmp_path))
    shutil.copytree(PROJECT / "notebooks", tmp_path / "notebooks", ignore=shutil.ignore_patterns("studies", ".*"))
    (tmp_path / "Makefile").write_text("")
    return tmp_path


def all_runs(study):
    return os.environ.get("STANDIN_STUDIES") in ("all", study)


def test_a_study_of_two_classes_of_ones_own_looks_at_them_as_at_emotions(root, monkeypatch):
    """As the README says; with STANDIN_STUDIES=class_folders, its training and its page too."""
    for name, emotion, n in (("tired", "sad", 16), ("awake", "surprise", 24)):
        (root / "faces" / name).mkdir(parents=True)
        for i in range(n):
            image = drawing.draw_face(emotion, 48, 1, np.random.default_rng([n, i]))
            cv2.imwrite(str(root / "faces" / name / f"{i}.png"), image)
    monkeypatch.setenv("FOLDERS", str(root / "faces"))
    folder = miniature("class_folders", root, () if all_runs("class_folders") else ("01_eda--faces",))
    data = folder / "00_data--faces.yaml"
    options = {**yaml.safe_load(data.read_text())["options"], "classes": ["tired", "awake"]}
    data.write_text(yaml.safe_dump({"options": options}))
    datasets.prepare("folders", **options)  # by itself: a notebook takes longer
    for file in sorted(folder.glob("*--*.yaml" if all_runs("class_folders") else "01_eda--*.yaml")):
        execute.execute(file)
    record = json.loads((root / "reports/class_folders/runs/01_eda--faces/run.json").read_text())
    assert record["data"]["classes"] == ["tired", "awake"]
    assert "The most frequent class, awake, makes 60.0%" in record["findings"][0]


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_is_executed_on_a_stand_in_and_says_so(study, root, monkeypatch):
    layout, variable, per_class, chosen = STUDIES[study]
    everything = all_runs(study)
    if not (chosen or everything):
        pytest.skip("set STANDIN_STUDIES=all to execute this study too")
    kernels.fork(monkeypatch)
    source = standin.write(layout, root / "raw", per_class)
    monkeypatch.setenv(variable, str(source))
    folder = miniature(study, root, () if everything else chosen)
    runs = sorted(folder.glob("*--*.yaml"))
    for file in sorted(runs, key=lambda file: (file.stem.startswith("10_report"), file.stem)):
        execute.execute(file)
    results = json.loads((root / "reports" / study / "results.json").read_text())
    page = (root / "reports" / study / "index.html").read_text()
    assert results["missing"] == [] and "These numbers are of drawn faces" in page
    assert "drawn faces" in (root / "reports" / study / "README.md").read_text()
    named = {row["run"] for row in results["comparison"]}
    measured = {row["run"] for row in results["comparison"] if row["reproduced"] is not None}
    assert measured == named & {file.stem for file in runs} and measured
    if layout == "rafdb":
        assert "Accuracy by group of people" in page and ("not run" in page) != everything
    assert all(run.record["data"]["drawn"] for run in scoring.complete_runs(study) if run.record["data"])
    assert datasets.load(runs and yaml.safe_load((folder / "common.yaml").read_text())["dataset"]).source["drawn"]
