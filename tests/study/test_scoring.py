"""The one opening of the test split, and what changed since a run."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from conftest import make_dataset, start_run

from fer_tf import datasets, hashing, paths
from fer_tf.errors import InputError
from fer_tf.evaluation import bootstrap
from fer_tf.study import runs, scoring


@pytest.fixture
def trained(project, monkeypatch):
    """A complete run of prepared data, whose model says the same of every image."""
    datasets.save(make_dataset(per_class=6), "little")
    run = start_run("reports/s/runs/02_train_cnn--a", datasets.load("little", ("train", "validation")))
    run.note(model="model.keras")
    run.finish("Done.")
    monkeypatch.setattr(scoring.models, "load", lambda path: None)
    monkeypatch.setattr(scoring.models, "predict", lambda model, images: np.full((len(images), 3), 1 / 3, np.float32))
    return run


def shift_labels(split):
    """Moves the labels of a prepared split by one, as another version of the data would."""
    folder = paths.prepared("little")
    labels, splits = np.load(folder / "labels.npy"), np.load(folder / "splits.npy")
    labels[splits == split] = (labels[splits == split] + 1) % 3
    np.save(folder / "labels.npy", labels)


def test_the_test_split_is_scored_once(trained):
    assert scoring.open_test_split(trained) is True
    assert scoring.open_test_split(trained) is False
    assert trained.predictions("test").probabilities.shape == (3, 3)


@pytest.mark.parametrize("split", ["test", "validation"])
def test_a_split_that_changed_since_the_training_is_not_scored(trained, split):
    shift_labels(split)
    with pytest.raises(InputError, match=f"the {split} split of 'little' is not the one that the run was made with"):
        scoring.open_test_split(trained)
    assert trained.variants("test") == []


def test_a_record_names_the_hash_of_each_split_also_of_the_unopened_one(trained):
    splits = json.loads((trained.folder / "run.json").read_text())["data"]["splits"]
    assert splits == {name: datasets.load("little", name).hash for name in ("train", "validation", "test")}
    assert len(set(splits.values())) == 3 and hashing.digest(splits)


def test_predictions_of_several_runs_are_gathered_by_name(trained):
    scoring.open_test_split(trained)
    name = "s/02_train_cnn--a"
    assert list(scoring.gather([name], "test")) == [name]
    with pytest.raises(InputError, match="Write <study>/<run>"):
        scoring.gather(["02_train_cnn--a"], "test")
    with pytest.raises(InputError, match="no such file"):
        scoring.gather([f"{name}/random10"], "test")


def test_runs_that_differ_in_their_seed_alone_stand_together():
    records = {
        f"02_train_cnn--{name}": {
            "name": f"02_train_cnn--{name}",
            "notebook": "02_train_cnn",
            "parameters": {"epochs": epochs, "seed": seed, "out": name},
        }
        for name, epochs, seed in (("a", 3, 0), ("a_seed1", 3, 1), ("longer", 9, 0))
    }
    table = scoring.over_seeds(pd.DataFrame({"accuracy": [0.6, 0.7, 0.8]}, index=list(records)), records)
    assert table["seeds"].tolist() == [2, 1] and table["mean"].tolist() == pytest.approx([0.65, 0.8])
    assert table["deviation"].iloc[0] == pytest.approx(0.0707, abs=1e-4) and np.isnan(table["deviation"].iloc[1])


def test_runs_with_one_seed_count_once():
    shared = {"notebook": "02_train_cnn"}
    records = {
        name: shared | {"name": name, "parameters": {"epochs": 3, "seed": seed, "out": name}}
        for name, seed in (("02_train_cnn--a", 0), ("02_train_cnn--again", 0), ("02_train_cnn--b", 1))
    }
    accuracy = pd.DataFrame({"accuracy": [0.6, 0.6, 0.8]}, index=list(records))
    assert scoring.over_seeds(accuracy, records)[["seeds", "mean"]].to_numpy().tolist() == [[2, pytest.approx(0.7)]]
    table = scoring.over_seeds(accuracy[:2], dict(list(records.items())[:2]))
    assert table["seeds"].tolist() == [1] and np.isnan(table["deviation"].iloc[0])


def test_what_cannot_be_compared_is_named_with_the_reason(trained):
    names = ["02_train_cnn--a", "02_train_cnn--never", "nonsense"]
    trained.save_predictions("validation", np.full((3, 3), 1 / 3), datasets.load("little", "validation"))
    validation, test, records, missing = scoring.collect(names, "s")
    assert list(validation) == list(test) == list(records) == ["02_train_cnn--a"]
    assert "no complete run" in missing["02_train_cnn--never"] and set(missing) == set(names[1:])
    with pytest.raises(InputError, match="none of the named runs has predictions: 'nonsense' names no predictions"):
        scoring.collect(["nonsense"], "s")


def test_a_run_of_the_lab_is_compared_too(trained):
    run = start_run("reports/lab/runs/02_train_cnn", datasets.load("little", ("train", "validation")))
    run.note(model="model.keras")
    run.save_predictions("validation", np.full((3, 3), 1 / 3), datasets.load("little", "validation"))
    run.finish("Done.")
    for names in ([], ["02_train_cnn"]):
        assert list(scoring.collect(names, "lab")[0]) == ["02_train_cnn"]


def test_every_test_metric_is_also_computed_without_the_images_that_leak(trained):
    scoring.open_test_split(trained)
    test = datasets.load("little", "test")
    assert scoring.scores(trained)["split"].tolist() == ["test"]
    trained.note(leaks=[test.ids[0]])
    trained.finish("Done.")
    table = scoring.scores(trained, [trained]).set_index("split")
    assert table["n"].to_dict() == {"test": 3, "test, leak-free": 2}
    assert scoring.leak_free(trained, [trained]).tolist() == [False, True, True]


def test_the_leak_free_accuracy_is_also_told_at_the_class_mix_of_all_test_images(trained):
    test = datasets.load("little", "test")
    guesses = np.eye(3)[test.labels] * 0.7 + 0.1
    guesses[-1] = np.roll(guesses[-1], 1)  # the last image is wrong
    trained.save_predictions("test", guesses, test)
    trained.note(leaks=[test.ids[0]])
    trained.finish("Done.")
    table = scoring.scores(trained, [trained]).set_index("split")
    assert table.loc["test", "standardized"] == pytest.approx(table.loc["test", "accuracy"])
    predictions = trained.predictions("test")
    assert np.isnan(scoring.standardized_accuracy(predictions.select(np.arange(3) < 1), predictions.labels))
    whole = np.repeat(predictions.labels, [1, 2, 1])  # a split of which the part has every class, mixed otherwise
    assert scoring.standardized_accuracy(predictions, whole) == pytest.approx(3 / 4)
    readable = scoring.readable_scores(table.reset_index())
    assert readable[scoring.STANDARDIZED].tolist()[0] == "" and readable[scoring.STANDARDIZED].tolist()[1] != ""


def test_how_much_more_often_known_images_are_right_is_told_at_their_class_mix(project):
    faces = make_dataset(per_class=12, splits=(6, 2, 4))
    run = start_run("reports/s/runs/02_train_cnn--b", faces)
    test = faces.split("test")
    known = np.isin(np.arange(len(test)), [*np.flatnonzero(test.labels == 0)[:3], np.flatnonzero(test.labels == 1)[0]])
    wrong = ~known & (test.labels == 0)  # a class that is three quarters of the known images
    run.note(leaks=test.ids[known].tolist())
    run.finish("Done.")
    run = runs.open_run(run.folder)
    run.save_predictions("test", np.eye(3)[np.where(wrong, 1, test.labels)], test)
    table = scoring.scores(run, [run]).set_index("split")
    assert table.loc["test, leak-free", "gap"] == pytest.approx(1 - 1 / 4) and np.isnan(table.loc["test", "gap"])


def test_fer2013s_test_images_are_known_by_their_names(trained):
    names = sorted(scoring.near_duplicates.leak_free("fer2013"))[:2]
    ids = [f"test/Angry/{names[0]}.jpg", f"x/y/{names[1]}.png", "test/happy/PrivateTest_1.jpg"]
    test = dataclasses.replace(datasets.load("little", "test"), ids=ids)
    trained.save_predictions("test", np.full((3, 3), 1 / 3, np.float32), test)
    assert scoring.leak_free(trained, []).tolist() == [True, True, False]


def test_macro_f1_has_its_interval_of_the_same_images(trained):
    test = datasets.load("little", "test")
    trained.save_predictions("test", np.eye(3)[[0, 1, 1]] * 0.7 + 0.1, test)
    trained.note(leaks=[test.ids[0]])
    trained.finish("Done.")
    table = scoring.scores(trained, [trained]).set_index("split")
    predictions = trained.predictions("test")
    for split, part in {"test": predictions, "test, leak-free": predictions.select(np.arange(3) > 0)}.items():
        expected = bootstrap.report_intervals(*part).loc["macro_f1"]
        row = table.loc[split, ["macro_f1", "macro_f1_low", "macro_f1_high"]]
        assert row.tolist() == pytest.approx(expected.tolist())
    row = scoring.readable_scores(table.reset_index()).iloc[0]
    assert row["interval of F1"] == f"{table['macro_f1_low'].iloc[0]:.3f} to {table['macro_f1_high'].iloc[0]:.3f}"


def test_the_reports_of_each_class_are_of_all_test_images_and_of_the_leak_free_ones(trained):
    assert scoring.class_reports(trained, [trained]) == []
    scoring.open_test_split(trained)
    trained.note(leaks=[datasets.load("little", "test").ids[0]])
    trained.finish("Done.")
    reports = {name: (caption, frame) for name, caption, frame in scoring.class_reports(trained, [trained])}
    assert list(reports) == ["02_train_cnn--a--test_report", "02_train_cnn--a--test_report_leak_free"]
    assert [frame.loc["accuracy", "support"] for _, frame in reports.values()] == [3, 2]
    assert "2 of 3 test images" in reports["02_train_cnn--a--test_report_leak_free"][0]
