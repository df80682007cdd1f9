"""A run's folder: complete or not there, its record, its predictions, and which code made it."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import make_dataset

from fer_tf import paths
from fer_tf.errors import InputError, TestSplitError
from fer_tf.study import runs


@pytest.fixture
def given(project):
    return {"out": "reports/s/runs/02_train_cnn--a", "seed": 3, "rate": 0.1, "np": np, "In": [1], "_hidden": 1}


def probabilities(dataset):
    return np.full((len(dataset), len(dataset.classes)), 1 / len(dataset.classes))


def test_parameters_are_the_plain_values_of_the_namespace(given):
    assert runs.parameters(given) == {"out": "reports/s/runs/02_train_cnn--a", "seed": 3, "rate": 0.1}


def test_a_run_is_complete_only_when_it_has_finished(given, project, little):
    run = runs.start(given, little)
    assert not run.complete
    with pytest.raises(InputError, match="no complete run is there"):
        runs.open_run(run.folder)
    run.finish("One sentence.")
    record = runs.open_run("reports/s/runs/02_train_cnn--a").record
    assert record["findings"] == ["One sentence."] and record["seed"] == 3 and record["study"] == "s"
    assert record["data"]["hash"] == little.hash and record["versions"]["keras"].startswith("3.")
    assert [one.name for one in runs.of_study("s")] == ["02_train_cnn--a"]


def test_starting_again_clears_the_folder_but_keeps_what_a_training_resumes_from(given, little):
    run = runs.start(given, little)
    for name in ("checkpoint.npz", "predictions_validation.npz", "model.keras"):
        (run.folder / name).write_text("x")
    run.finish()
    again = runs.start(given, little)
    assert sorted(path.name for path in again.folder.iterdir()) == ["checkpoint.npz"]


def test_predictions_come_back_as_they_were_saved(given, little):
    run, part = runs.start(given, little), little.split("validation")
    run.save_predictions("validation", probabilities(part), part, "twice")
    saved = run.predictions("validation", "twice")
    np.testing.assert_array_equal(saved.labels, part.labels)
    assert saved.classes == little.classes and list(saved.ids) == list(part.ids)
    assert run.variants("validation") == ["twice"]


def test_the_test_split_stays_closed_until_the_run_is_complete(given, little):
    run, part = runs.start(given, little), little.split("test")
    with pytest.raises(TestSplitError, match="scored when the choices are made"):
        run.save_predictions("test", probabilities(part), part)
    run.finish()
    run.save_predictions("test", probabilities(part), part)
    assert run.variants("test") == [""]


def test_predictions_of_another_shape_are_refused(given, little):
    run, part = runs.start(given, little), little.split("validation")
    with pytest.raises(InputError, match=r"expected \(3, 3\)"):
        run.save_predictions("validation", probabilities(little), part)


def test_figures_and_tables_are_kept_in_every_format(given, little):
    from matplotlib.figure import Figure

    run = runs.start(given, little)
    run.figure("plot", Figure(), "A caption.")
    run.table("numbers", pd.DataFrame({"a": [1]}), "Another.")
    names = {path.name for path in run.folder.rglob("*.*")}
    assert {"plot.svg", "plot.pdf", "plot.png", "numbers.csv", "numbers.md", "numbers.tex"} <= names
    assert run.record["figures"] == [{"name": "plot", "caption": "A caption."}]


def test_code_is_the_same_after_a_comment_and_other_after_an_edit(tmp_path):
    file = tmp_path / "module.py"
    file.write_text('"""Doc."""\n\ndef f():\n    """Says."""\n    return 1\n')
    before = runs._code_hash(file)
    file.write_text('"""Other."""\n# more\ndef f():\n    return 1\n')
    assert runs._code_hash(file) == before
    file.write_text("def f():\n    return 2\n")
    assert runs._code_hash(file) != before


def test_a_run_made_by_other_code_names_the_files_that_changed(given, little):
    run = runs.start(given, little)
    run.finish()
    assert runs.changed_code(run) == []
    run.record["code"] |= {"fer_tf/errors.py": "0", "fer_tf/gone.py": "0"}
    assert sorted(runs.changed_code(run)) == ["fer_tf/errors.py", "fer_tf/gone.py"]


def test_an_unreadable_record_is_named(given, little):
    run = runs.start(given, little)
    run.finish()
    (run.folder / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"run\.json: unreadable"):
        runs.open_run(run.folder)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    place = tmp_path / "file.json"
    paths.write_text(place, "old")
    with pytest.raises(InputError, match="could not be written"), paths.writing(place) as part:
        part.write_text("half")
        raise OSError(28, "No space left on device")
    assert place.read_text() == "old" and list(tmp_path.iterdir()) == [place]


def test_an_error_while_writing_leaves_the_old_file(tmp_path):
    place = tmp_path / "file.json"
    with pytest.raises(KeyboardInterrupt), paths.writing(place) as part:
        part.write_text(json.dumps([1]))
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_the_dataset_in_a_record_tells_its_counts():
    told = runs.describe(make_dataset())
    assert told["counts"]["train"] == {"angry": 4, "happy": 4, "sad": 4} and told["size"] == [48, 48, 1]
