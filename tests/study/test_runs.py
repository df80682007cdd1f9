"""A run's folder: complete or not there, its record, its predictions, and which code made it."""

import json
import zipfile
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import PROJECT, make_dataset, start_run
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from fer_tf import emotions, hashing, models, paths
from fer_tf.errors import InputError, TestSplitError
from fer_tf.study import notebooks, provenance, runs


@pytest.fixture
def namespace(project):
    """The globals of a notebook after its setup cell: its parameters, and what Jupyter and the notebook put there."""
    write_notebook(project)
    return {"out": "reports/s/runs/02_little--a", "seed": 3, "rate": 0.1, "about": "", "np": np, "In": [1], "epoch": 7}


def write_notebook(project, code="x = 1", parameters=""):
    cells = [
        new_markdown_cell("# A little notebook"),
        new_code_cell("rate = 0.1\nseed = 0", metadata={"tags": ["more-parameters"]}),
        new_code_cell(f"about = ''\nout = ''{parameters}", metadata={"tags": ["parameters"]}),
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
    runs.start({**namespace, **jupyter("run = study.start(globals())")}, little)
    assert Path.cwd() == project


def jupyter(*cells):
    """What a notebook's globals have in JupyterLab, where these cells were run."""
    return {"get_ipython": lambda: SimpleNamespace(history_manager=SimpleNamespace(input_hist_raw=cells))}


def test_in_jupyterlab_a_cell_counts_as_it_was_run_also_before_it_is_saved(namespace, project, little, monkeypatch):
    monkeypatch.chdir(project)  # which a run there does itself
    start, shows = "run = study.start(globals())", "run.parameters_table()"
    write_notebook(project, f"{start}\n{shows}\nx = 1")

    def after(*cells):
        run = runs.start({**namespace, **jupyter("x = 3", f"{start}\n{shows}\nx = 1")}, little)
        run.cells = (run.cells[0] + cells, run.cells[1])
        return run.fingerprint

    as_saved = runs.start(namespace, little).fingerprint
    assert after() == after(shows, "x", "%time", "x = = 1") == as_saved
    assert after("x = 2") == after("x = 2", "x = 2") != as_saved
    run = runs.start({**namespace, **jupyter("x = 2\n" + start)}, little)
    run.finish()
    assert provenance.changes(runs.open_run(run.folder).record, None, {}) == [
        "code changed (notebooks/02_little.ipynb)"
    ]


def test_what_a_run_is_for_decides_nothing_in_it(project, little):
    first, other = (
        start_run("reports/s/runs/02_train_cnn--a", little, about=about) for about in ("", "against resnet18, strong")
    )
    assert first.fingerprint == other.fingerprint and other.record["about"] == "against resnet18, strong"


@pytest.mark.parametrize("changed", [{"rate": 0.2}, {"code": "x = 2"}, {"data": 1}])
def test_a_fingerprint_depends_on_parameters_code_and_data(namespace, project, little, changed):
    before = runs.start(namespace, little).fingerprint
    if "code" in changed:
        write_notebook(project, changed["code"])
    dataset = little.select(np.arange(6)) if "data" in changed else little
    values = {name: value for name, value in changed.items() if name == "rate"}
    assert runs.start({**namespace, **values}, dataset).fingerprint != before


def test_an_edit_after_the_first_saved_result_costs_no_training(namespace, project, little):
    """The checkpoint goes on; that the run is not current any more is another matter."""

    def fingerprint(code, average=0.0):
        values = f"about = ''\nout = ''\nrate = 0.1\naverage = {average}"
        cells = [new_code_cell(values, metadata={"tags": ["parameters"]})]
        nbformat.write(
            new_notebook(cells=cells + [new_code_cell(one) for one in code]), project / "notebooks/02_little.ipynb"
        )
        run = runs.start({**namespace, "average": average}, little)
        return run.fingerprint, run.record["code"]["notebook"]

    trains, saves = "from fer_tf import evaluation, models\nx = 1", "models.save(x, 'model.keras')"
    before = fingerprint([trains, saves, "y = 2"])
    table = fingerprint([trains, saves, "y = 2", "evaluation.most_confused(y)"])
    assert before[0] == table[0] and before[1] != table[1]
    assert fingerprint([trains.replace("1", "3"), saves, "y = 2"])[0] != before[0]
    averaged = [fingerprint([trains, saves, last], average=0.9)[0] for last in ("y = 2", "y = 3")]
    assert averaged[0] != averaged[1]  # it is trained anew: what is finished cannot be taken up


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
    with pytest.raises(
        InputError, match=r"validation_once\.npz: no such file\..* There are: predictions_validation_twice"
    ):
        run.predictions("validation", "once")


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


def write_network(folder, weights, date="November 2026"):
    """Stands in for a model.keras, which is a zip file with the date in its metadata."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "model.keras", "w") as archive:
        archive.writestr("metadata.json", date)
        archive.writestr("model.weights.h5", weights)


@pytest.fixture
def source(namespace, little):
    """A complete run with a network and predictions, which another one starts from."""
    run = runs.start({**namespace, "out": "reports/s/runs/02_little--b"}, little)
    part = little.split("validation")
    for variant in ("", "twice"):
        run.save_predictions("validation", probabilities(part), part, variant)
    run.note(model="model.keras")
    run.finish()
    write_network(run.folder, "weights")
    return run


def start_from(namespace, dataset, **parameters):
    write_notebook(paths.root(), parameters="".join(f"\n{name} = {value!r}" for name, value in parameters.items()))
    return runs.start({**namespace, **parameters}, dataset)


STARTS = [{"weights": "02_little--b"}, {"weights": "reports/s/runs/02_little--b"}, {"teachers": ["02_little--b"]}]
STARTS += [{"weights": "reports/s/runs/02_little--b/model.keras"}, {"run": "02_little--b"}]


@pytest.mark.parametrize("named", STARTS)
def test_a_fingerprint_depends_on_the_weights_that_a_run_starts_from_and_not_on_their_date(
    namespace, little, source, named
):
    before = start_from(namespace, little, **named).fingerprint
    write_network(source.folder, "weights", "December 2026")
    assert start_from(namespace, little, **named).fingerprint == before
    write_network(source.folder, "other weights")
    assert start_from(namespace, little, **named).fingerprint != before


@pytest.mark.parametrize(
    "named",
    [
        {"run": "02_little--b"},
        {"teachers": ["02_little--b"]},
        {"runs": ["shipped", "s/02_little--b"]},
        {"runs": ["02_little--b/twice"]},
        {"ours": ["s/02_little--b/twice"]},
        {"compare_run": "../../s/runs/02_little--b"},
    ],
)
def test_a_run_is_not_current_when_a_run_that_it_names_has_other_predictions(namespace, little, source, named):
    record = start_from(namespace, little, **named).record
    assert provenance.changes(record, None, {}) == []
    part = little.split("validation")
    for variant in ("", "twice"):
        source.save_predictions("validation", np.eye(3)[part.labels], part, variant)
    assert provenance.changes(record, None, {}) == ["sources changed (s/02_little--b)"]
    (source.folder / "predictions_validation.npz").unlink()
    (source.folder / "predictions_validation_twice.npz").unlink()
    assert provenance.changes(record, None, {}) == []  # what is not here is not compared
    del record["sources"]  # as in older records
    assert provenance.changes(record, None, {}) == []


def test_a_run_is_not_current_when_the_network_that_it_names_is_another(namespace, little, source):
    record = start_from(namespace, little, run="02_little--b").record
    write_network(source.folder, "weights", "December 2026")
    assert provenance.changes(record, None, {}) == []
    write_network(source.folder, "other weights")
    assert provenance.changes(record, None, {}) == ["sources changed (s/02_little--b)"]


def test_a_record_never_says_where_a_file_of_weights_lies(namespace, little, tmp_path_factory):
    folder = tmp_path_factory.mktemp("private")
    write_network(folder, "weights")
    assert list(start_from(namespace, little, weights=f"{folder}/model.keras").record["sources"]) == ["model.keras"]


FIVE_LAYER = ["five_layer"]


@pytest.mark.parametrize(
    ("notebook", "parameters", "used"),
    [
        ("04_tta", {}, FIVE_LAYER),
        ("04_tta", {"run": "02_train_cnn--shipped"}, []),
        ("08_explain", {}, FIVE_LAYER),
        ("09_video", {}, FIVE_LAYER),
        ("09_video", {"network": "02_train_cnn--a"}, FIVE_LAYER),  # it reads the portrait
        ("12_compare", {"runs": ["02_train_cnn--a"]}, []),
        ("13_robustness", {"runs": ["02_train_cnn--a", "shipped"]}, FIVE_LAYER),
        ("13_robustness", {"runs": ["02_train_cnn--a"]}, []),
        ("15_peers", {"ours": ["s/02_train_cnn--a"]}, FIVE_LAYER),
        ("03_transfer", {"model": "compact", "weights": "shipped"}, ["compact"]),
        ("03_transfer", {"weights": ""}, []),
        ("14_recipe", {}, []),
    ],
)
def test_of_the_networks_that_ship_only_those_count_that_a_run_uses(notebook, parameters, used):
    path = PROJECT / "notebooks" / f"{notebook}.ipynb"
    parameters = {**notebooks.parameters(path), **parameters}
    definitions = provenance.code_of(path, parameters)["definitions"]
    assert provenance.shipped(parameters, definitions) == used
    recorded = provenance.sources(parameters, definitions, Path("nowhere"))
    assert list(recorded) == [f"models/pretrained/{name}.keras" for name in used]


def test_a_run_of_the_network_that_ships_is_of_that_one_only(namespace, project, monkeypatch):
    write_notebook(project, "from fer_tf import models\nnetwork = models.load_pretrained()")
    record = runs.start(namespace, make_dataset(classes=emotions.FER2013)).record
    without = {key: value for key, value in record.items() if key != "sources"}
    unknown = ["sources changed (recorded before sources were)"]
    assert provenance.changes(record, None, {}) == [] and provenance.changes(without, None, {}) == unknown
    monkeypatch.setattr(hashing, "content_digest", lambda path: "another network")
    assert provenance.changes(record, None, {}) == ["sources changed (models/pretrained/five_layer.keras)"]
    assert provenance.changes(without, None, {}) == unknown


def test_a_network_whose_classes_stand_in_another_order_is_refused(namespace, little, source):
    same = make_dataset(seed=1)
    reversed_order = make_dataset(classes=("sad", "happy", "angry"))
    for named in ({"run": "02_little--b"}, {"runs": ["s/02_little--b"]}, {"teachers": ["02_little--b"]}):
        start_from(namespace, same, **named)
        with pytest.raises(InputError, match="02_little--b has the classes angry, happy, sad, and little sad, happy"):
            start_from(namespace, reversed_order, **named)
    start_from(namespace, reversed_order, weights="02_little--b")  # it is trained on


@pytest.mark.parametrize("notebook", ["04_tta", "08_explain", "11_export", "13_robustness", "15_peers"])
def test_the_network_that_ships_is_asked_about_its_own_classes_only(notebook, project):
    start_run(f"reports/s/runs/{notebook}--a", make_dataset(classes=emotions.FER2013))
    other_order = make_dataset(classes=emotions.FER2013[::-1])
    with pytest.raises(InputError, match=r"the network five_layer has the classes angry, .*16_across"):
        start_run(f"reports/s/runs/{notebook}--a", other_order)


def test_notebooks_that_match_classes_by_name_and_trainings_take_networks_of_other_classes(project):
    faces = make_dataset(classes=emotions.FER2013[::-1])
    run = start_run("reports/s/runs/16_across--a", faces)
    run.note(shown="x")
    part = faces.split("test").only(("happy", "sad"))
    run.save_predictions("test", np.full((2, 2), 0.5), part, "x")
    start_run("reports/s/runs/03_transfer--a", faces, weights="shipped")


def test_predictions_for_other_classes_than_the_runs_are_refused(namespace, little):
    run, part = runs.start(namespace, little), make_dataset(classes=("sad", "happy", "angry")).split("validation")
    with pytest.raises(InputError, match="the run has the classes angry, happy, sad, and little sad, happy, angry"):
        run.save_predictions("validation", probabilities(part), part)


def complete_in_a_clone(out, dataset, **facts):
    """A run as git brings it: complete, and without its network."""
    run = start_run(out, dataset)
    run.note(model="model.keras", **facts)
    run.finish()
    return run


def test_a_network_that_ships_takes_the_place_of_the_one_that_git_left_out(project):
    faces, card = make_dataset(classes=emotions.FER2013), models.model_card("compact")
    place = "reports/fer2013_recipe/runs/14_recipe--compact_longer_settled"
    data = provenance.describe(faces) | {"hash": card["data"]["hash"]}
    same = {"parameters": card["parameters"], "versions": card["versions"], "data": data}
    anew = (
        {"parameters": {**card["parameters"], "epochs": 5}},
        {"versions": {"keras": "0"}},
        {"data": {**data, "hash": "0"}},
    )
    for other in anew:  # since it shipped
        complete_in_a_clone(place, faces, **same | other)
        with pytest.raises(InputError, match="the network of 14_recipe--compact_longer_settled is not here"):
            start_run("reports/fer2013_recipe/runs/14_recipe--a", faces, weights="14_recipe--compact_longer_settled")
    settled = complete_in_a_clone(place, faces, **same)
    run = start_run("reports/fer2013_recipe/runs/14_recipe--a", faces, teachers=[settled.name])
    shipped = hashing.PACKAGE / "models/pretrained/compact.keras"
    assert (settled.folder / "model.keras").read_bytes() == shipped.read_bytes()
    assert hashing.content_digest(shipped) in run.record["sources"].values()


@pytest.mark.parametrize("named", [{"teachers": ["14_recipe--b"]}, {"weights": "14_recipe--b"}])
def test_a_run_whose_source_has_no_network_here_is_refused_at_its_start_and_says_what_to_make(project, named):
    complete_in_a_clone("reports/s/runs/14_recipe--b", make_dataset())
    (project / "notebooks/studies/s").mkdir()
    (project / "notebooks/studies/s/14_recipe--b.yaml").write_text("")
    expected = (
        r"the network of 14_recipe--b is not here.*rm -f reports/s/runs/14_recipe--b/run.json; make report STUDY=s"
    )
    with pytest.raises(InputError, match=expected) as caught:
        start_run("reports/s/runs/14_recipe--a", make_dataset(), **named)
    assert "\n" not in str(caught.value)


def test_a_record_with_a_network_and_without_the_hashes_of_its_data_is_refused(namespace, little):
    run = runs.start(namespace, little)
    run.note(model="model.keras")
    del run.record["data"]["splits"]
    run.finish()
    with pytest.raises(InputError, match=r"run\.json: data\.splits is missing, and there is a model"):
        runs.open_run(run.folder)


def test_a_notebook_that_only_looks_different_is_the_same_code(namespace, project, little):
    write_notebook(project, "total = 1 + 1\nrun.figure('a', figures.plot(total), 'Caption.')")
    run = runs.start(namespace, little)
    write_notebook(
        project, "# why\nsum_of_both = 1 + 1\nrun.figure('b', figures.plot(sum_of_both), 'Another.')\nsum_of_both"
    )
    assert provenance.changes(run.record, None, {}) == []


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ("%matplotlib inline\n!ls\nx = 1\n  %time f()", ["x = 1"]),
        ("x = (7\n    % 4)\n%time", ["x = (7", "    % 4)"]),
        ("x = 7 \\\n    % 4", ["x = 7 \\", "    % 4"]),
        ('x = """\n% of all\n"""\n!ls', ['x = """', "% of all", '"""']),
    ],
)
def test_of_a_cells_lines_only_ipythons_own_are_no_code(project, cell, kept):
    write_notebook(project, cell)
    assert notebooks.code(project / "notebooks" / "02_little.ipynb") == "\n".join(kept)


def test_a_notebook_saved_with_a_line_that_is_no_python_is_named_with_it(project):
    write_notebook(project, "x = 1\ny = (2")
    with pytest.raises(
        InputError, match=r"02_little\.ipynb: the line 'y = \(2' is no Python \(.*\)\. Mend it and save"
    ):
        notebooks.code(project / "notebooks" / "02_little.ipynb")


@pytest.mark.parametrize(
    "line",
    ["for i in range(3): epochs = i", "prepare()", "import os", "a = b = 3", "epochs += 1", "a, b = 1, 2", "del a"],
)
def test_a_cell_of_parameters_with_any_other_statement_is_refused(project, line):
    cells = [new_code_cell(f'"""Of the training."""\nepochs = 3  # passes\n{line}', metadata={"tags": ["parameters"]})]
    nbformat.write(new_notebook(cells=cells), project / "notebooks" / "02_x.ipynb")
    with pytest.raises(InputError, match=r"02_x\.ipynb: a parameters cell may hold only lines like name = value"):
        notebooks.parameters(project / "notebooks" / "02_x.ipynb")


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
