"""A run's folder: complete or not there, its record, its predictions, and which code made it."""

import json
import zipfile
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import make_dataset
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from fer_tf import paths
from fer_tf.errors import InputError, TestSplitError
from fer_tf.study import provenance, runs


@pytest.fixture
def namespace(project):
    """The globals of a notebook after its setup cell: its parameters, and what Jupyter and the notebook put there."""
    write_notebook(project)
    return {"out": "reports/s/runs/02_little--a", "seed": 3, "rate": 0.1, "about": "", "np": np, "In": [1], "epoch": 7}


def write_notebook(project, code="x = 1"):
    cells = [
        new_markdown_cell("# A little notebook"),
        new_code_cell("rate = 0.1\nseed = 0", metadata={"tags": ["more-parameters"]}),
        new_code_cell("about = ''\nout = ''", metadata={"tags": ["parameters"]}),
        new_code_cell(code),
    ]
    nbformat.write(new_notebook(cells=cells), project / "notebooks" / "02_little.ipynb")


def probabilities(dataset):
    return np.full((len(dataset), len(dataset.classes)), 1 / len(dataset.classes))


def test_only_the_names_in_the_parameter_cells_are_parameters_also_when_the_cell_is_run_again(namespace, little):
    first = runs.start(namespace, little)
    again = runs.start({**namespace, "metrics": {"accuracy": 1}, "caption": "text", "weights": [1]}, little)
    assert first.record["parameters"] == again.record["parameters"] == {"rate": 0.1, "seed": 3, "out": namespace["out"]}
    assert first.fingerprint == again.fingerprint


def test_in_jupyterlab_too_a_notebook_runs_in_the_projects_folder(namespace, project, little, monkeypatch):
    monkeypatch.chdir(project / "notebooks")
    runs.start(namespace, little)
    assert Path.cwd() == project / "notebooks"
    runs.start({**namespace, "get_ipython": None}, little)
    assert Path.cwd() == project


@pytest.mark.parametrize("changed", [{"rate": 0.2}, {"code": "x = 2"}, {"data": 1}])
def test_a_fingerprint_depends_on_parameters_code_and_data(namespace, project, little, changed):
    before = runs.start(namespace, little).fingerprint
    if "code" in changed:
        write_notebook(project, changed["code"])
    dataset = little.select(np.arange(6)) if "data" in changed else little
    values = {name: value for name, value in changed.items() if name == "rate"}
    assert runs.start({**namespace, **values}, dataset).fingerprint != before


def test_a_run_is_complete_only_when_it_has_finished(namespace, project, little):
    run = runs.start(namespace, little)
    assert not run.complete
    with pytest.raises(InputError, match="no complete run is there"):
        runs.open_run(run.folder)
    run.finish("One sentence.")
    record = runs.open_run("reports/s/runs/02_little--a").record
    assert record["findings"] == ["One sentence."] and record["seed"] == 3 and record["study"] == "s"
    assert record["data"]["hash"] == little.hash and record["versions"]["keras"].startswith("3.")


def test_starting_again_clears_the_folder_but_keeps_what_a_training_resumes_from(namespace, little):
    run = runs.start(namespace, little)
    for name in ("checkpoint.npz", "predictions_validation.npz", "model.keras"):
        (run.folder / name).write_text("x")
    run.finish()
    again = runs.start(namespace, little)
    assert sorted(path.name for path in again.folder.iterdir()) == ["checkpoint.npz"]


def test_predictions_come_back_as_they_were_saved(namespace, little):
    run, part = runs.start(namespace, little), little.split("validation")
    run.save_predictions("validation", probabilities(part), part, "twice")
    saved = run.predictions("validation", "twice")
    np.testing.assert_array_equal(saved.labels, part.labels)
    assert saved.classes == little.classes and list(saved.ids) == list(part.ids)
    assert run.variants("validation") == ["twice"]


def test_saved_probabilities_have_four_digits_and_the_same_largest_ones(namespace, little):
    run, part = runs.start(namespace, little), little.split("validation")
    given = np.random.default_rng(0).dirichlet(np.ones(3), len(part))
    given[0] = [0.4000001, 0.4000002, 0.2]  # rounded, the first would be the largest
    run.save_predictions("validation", given, part)
    saved = run.predictions("validation").probabilities
    np.testing.assert_allclose(saved, given, rtol=2.5e-4)
    assert (saved.argmax(axis=1) == given.argmax(axis=1)).all()
    assert not np.array_equal(saved, given.astype(np.float32))
    with zipfile.ZipFile(run.predictions_file("validation")) as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_LZMA}


def test_the_test_split_stays_closed_until_the_run_is_complete(namespace, little):
    run, part = runs.start(namespace, little), little.split("test")
    with pytest.raises(TestSplitError, match="scored when the choices are made"):
        run.save_predictions("test", probabilities(part), part)
    run.finish()
    run.save_predictions("test", probabilities(part), part)
    assert run.variants("test") == [""]


def test_predictions_of_another_shape_are_refused(namespace, little):
    run, part = runs.start(namespace, little), little.split("validation")
    with pytest.raises(InputError, match=r"expected \(3, 3\)"):
        run.save_predictions("validation", probabilities(little), part)


def test_figures_are_saved_in_every_format_and_tables_in_the_record_too(namespace, little):
    from matplotlib.figure import Figure

    run = runs.start(namespace, little)
    run.figure("plot", Figure(), "A caption.")
    table = pd.DataFrame({"a": [1, 2], "b": [0.1, None]}, index=pd.Index(["x", "y"], name="class"))
    run.table("numbers", table, "Another.")
    run.finish()
    names = {path.name for path in run.folder.rglob("*.*")}
    assert {"plot.svg", "plot.pdf", "plot.png", "numbers.csv", "numbers.md", "numbers.tex"} <= names
    saved = runs.open_run(run.folder)
    assert saved.record["figures"] == [{"name": "plot", "caption": "A caption."}]
    [(name, caption, frame)] = saved.tables()
    assert (name, caption) == ("numbers", "Another.")
    pd.testing.assert_frame_equal(frame, table.reset_index())


def test_what_changed_since_a_run_is_named_in_three_words(namespace, project, little):
    run = runs.start(namespace, little)
    record, same = run.record, {"rate": 0.1, "seed": 3}
    assert provenance.changes(record, same, record["data"]["splits"]) == []
    assert provenance.changes(record, {**same, "rate": 0.2}, {}) == ["parameters changed (rate)"]
    assert provenance.changes(record, None, {"train": "0"}) == ["data changed (train)"]
    write_notebook(project, "x = 2")
    assert provenance.changes(record, same, {}) == ["code changed (notebooks/02_little.ipynb)"]
    record["code"]["definitions"] = {"Dataset": "0", "vanished": "1"}
    [line] = provenance.changes(record, same, {})
    assert "datasets/dataset.py" in line and "vanished is gone" in line


def test_a_run_of_the_network_that_ships_is_of_that_one_only(namespace, project, little, monkeypatch):
    write_notebook(project, "from fer_tf import models\nnetwork = models.load_pretrained()")
    of_shipped, of_a_run = (
        runs.start(namespace, little).record,
        provenance.code_of(project / "notebooks/02_little.ipynb", {"run": "a"}),
    )
    assert provenance.changes(of_shipped, None, {}) == [] and provenance.SHIPPED not in of_a_run["definitions"]
    monkeypatch.setattr(provenance.hashing, "file_digest", lambda path: "another network")
    assert provenance.changes(of_shipped, None, {}) == [f"code changed ({provenance.SHIPPED})"]
    del of_shipped["code"]["definitions"][provenance.SHIPPED]  # as in older records
    assert provenance.changes(of_shipped, None, {}) == []


def test_a_notebook_that_only_looks_different_is_the_same_code(namespace, project, little):
    write_notebook(project, "total = 1 + 1\nrun.figure('a', figures.plot(total), 'Caption.')")
    run = runs.start(namespace, little)
    write_notebook(
        project, "# why\nsum_of_both = 1 + 1\nrun.figure('b', figures.plot(sum_of_both), 'Another.')\nsum_of_both"
    )
    assert provenance.changes(run.record, None, {}) == []


def test_an_unreadable_record_is_named(namespace, little):
    run = runs.start(namespace, little)
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


def test_the_dataset_in_a_record_has_its_counts_and_the_hash_of_each_split(project):
    described = provenance.describe(make_dataset())
    assert described["counts"]["train"] == {"angry": 4, "happy": 4, "sad": 4} and described["size"] == [48, 48, 1]
    assert set(described["splits"]) == {"train", "validation", "test"}
