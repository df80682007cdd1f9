"""Result cards say what a run claims, and verification finds what no longer holds."""

import json

import numpy as np
import pytest
from conftest import make_dataset, start_run

from fer_tf import datasets, models, paths
from fer_tf.backend import keras
from fer_tf.errors import InputError
from fer_tf.evaluation import tta
from fer_tf.models import files
from fer_tf.study import runs, scoring, tables, verify

pytestmark = pytest.mark.filterwarnings("ignore:Mean of empty slice")  # a draw of three images may be of one class


def report(*names):
    """The plan and the page's files of a study whose runs are complete."""
    plan = paths.root() / "notebooks" / "studies" / "s"
    plan.mkdir(exist_ok=True)
    for name in names:
        (plan / f"{name}.yaml").write_text("about: a\n")
    rows = [{"what": "Accuracy", "run": names[0], "split": "test", "metric": "accuracy"}]
    parameters = {"compare": rows, "published": "", "headline": "Accuracy"}
    complete = scoring.complete_runs("s")
    record = {**complete[0].record, "name": "10_report--report", "parameters": parameters}
    folder = paths.study("s")
    paths.write_text(folder / "runs" / "10_report--report" / "run.json", json.dumps(record, default=str))
    compared = verify.comparison.comparison(complete, rows, "")
    headline = ("headline", *verify.comparison.headline_intervals(complete, rows, "Accuracy"))
    reports = [headline, *(one for run in complete for one in scoring.class_reports(run, complete))]
    results = {
        "scores": [row for run in complete for row in scoring.scores(run, complete).to_dict("records")],
        "comparison": json.loads(compared.to_json(orient="records")),
        "tables": {name: {"caption": caption, **tables.as_data(frame)} for name, caption, frame in reports},
    }
    (folder / "results.json").write_text(json.dumps(results))
    verify.write_cards(folder, complete)


@pytest.fixture
def study(project):
    """A study with one run, right on two of three test images, and a report of its accuracy."""
    datasets.save(make_dataset(per_class=6), "little")
    run = start_run("reports/s/runs/02_train_cnn--a", datasets.load("little", ("train", "validation")))
    run.note(model="model.keras")
    validation, test = (datasets.load("little", split) for split in ("validation", "test"))
    run.save_predictions("validation", np.eye(3)[validation.labels] * 0.7 + 0.1, validation)
    scored = run.predictions("validation")
    run.note(metrics={"validation": verify.evaluation.metrics(*scored)})
    run.table("validation_report", scoring.class_report(scored), "Of each class.")
    run.finish("Done.")
    predicted = np.where(np.arange(3) < 2, test.labels, (test.labels + 1) % 3)
    run.save_predictions("test", np.eye(3)[predicted] * 0.98 + 0.01 * (1 - np.eye(3)[predicted]), test)
    report(run.name)
    return runs.open_run(run.folder)


def change(path, edit):
    """Edits a JSON file in its place."""
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def verdicts(lines):
    return {what: verdict for what, verdict, _ in lines}


def test_a_card_says_what_is_claimed_and_how_to_repeat_it(study):
    (card,) = json.loads((paths.study("s") / "cards.json").read_text())
    assert card["accuracy"] == pytest.approx(2 / 3) and card["n"] == 3
    assert card["claim"].startswith("66.7% of 3 test images of little")
    assert card["command"] == "make clean STUDY=s WEIGHTS=remove && make report STUDY=s"
    assert card["seed"] == study.record["seed"] and card["data_hash"] == study.record["data"]["hash"]
    assert card["test_split"] == datasets.load("little", "test").hash and len(card["code"]) == 64


def test_every_number_holds_while_nothing_was_touched(study):
    lines = list(verify.verify("s"))
    assert set(verdicts(lines).values()) == {"holds", "not repeated"}
    assert ("scoring of 02_train_cnn--a", "not repeated", "its weights are not here") in lines


def test_other_predictions_fail_on_the_card_the_table_and_the_comparison(study, capsys):
    path = study.predictions_file("test")
    with np.load(path) as saved:
        arrays = dict(saved)
    arrays["probabilities"] = np.roll(arrays["probabilities"], 1, axis=1)
    np.savez_compressed(path, **arrays)
    assert verify.main(["s"]) == 1
    printed = capsys.readouterr().out
    assert all(f"fails        {what}" in printed for what in ("card of", "scores of", "comparison, Accuracy"))


def test_weights_that_are_here_are_scored_again(study, monkeypatch):
    (study.folder / "model.keras").write_text("weights")
    monkeypatch.setattr(verify.models, "load", lambda path: None)
    monkeypatch.setattr(tta, "predict", lambda model, images: study.predictions("test").probabilities)
    assert verdicts(verify.verify("s"))["scoring of 02_train_cnn--a"] == "holds"
    monkeypatch.setattr(tta, "predict", lambda model, images: np.full((3, 3), 1 / 3, np.float32))
    assert verdicts(verify.verify("s"))["scoring of 02_train_cnn--a"] == "fails"


def test_a_study_without_a_report_is_refused(project):
    with pytest.raises(InputError, match="no report to verify"):
        list(verify.verify("s"))


def test_the_tables_of_each_class_and_what_a_record_says_of_its_predictions_are_computed_again(study):
    what = {"record of 02_train_cnn--a, validation", "table 02_train_cnn--a--test_report", "table headline"}
    holding = verdicts(verify.verify("s"))
    assert {one for one, verdict in holding.items() if verdict == "holds"} > what

    def other_number(results):
        for name in ("02_train_cnn--a--test_report", "headline"):
            results["tables"][name]["data"][0][1] += 0.001

    change(paths.study("s") / "results.json", other_number)
    change(study.folder / "run.json", lambda record: record["metrics"]["validation"].update(accuracy=0.9))
    failing = verdicts(verify.verify("s"))
    assert {one for one, verdict in failing.items() if verdict == "fails"} == what


def test_a_table_of_each_class_in_a_record_is_computed_again(study):
    change(study.folder / "run.json", lambda record: record["tables"][0]["data"][0].__setitem__(1, 0.5))
    line = next(line for line in verify.verify("s") if line[0].startswith("record of"))
    assert line[1] == "fails" and "validation_report" in line[2]


@pytest.fixture
def averaged(project, monkeypatch):
    """A trained run whose views another run averages, as the notebook 04_tta does."""
    monkeypatch.setattr(files, "PRETRAINED", project / "pretrained")
    datasets.save(make_dataset(per_class=6), "little")
    faces = datasets.load("little")
    run = start_run("reports/s/runs/02_train_cnn--a", faces)
    keras.utils.set_random_seed(2)  # of other first weights the views give nearly the same
    network = models.build("five_layer", (48, 48, 1), 3, filters=[4, 4, 4, 4])
    head = network.layers[-1]
    head.set_weights([100 * weight for weight in head.get_weights()])  # so that other views give other probabilities
    models.save(network, run.folder / "model.keras")
    run.note(model="model.keras")
    run.finish("Done.")
    test = faces.split("test")
    run.save_predictions("test", models.predict(network, test.images), test)
    averaging = start_run("reports/s/runs/04_tta--b", faces, run=run.name, views=2, curve=3, rule="geometric")
    averaging.note(source_run={"name": run.name, "model": "its hash"}, shown="random2")
    views = {"random2": tta.random_views(3)[:2], "flips_shifts": tta.flips_and_shifts(2), "plain": [tta.identity]}
    for variant, of in views.items():
        averaging.save_predictions(
            "test", tta.test_time_probabilities(network, test.images, of, "geometric"), test, variant
        )
    averaging.finish("Done.")
    report(run.name, averaging.name)
    return averaging, run


def scoring_of(name):
    return next((verdict, detail) for what, verdict, detail in verify.verify("s") if what == f"scoring of {name}")


def test_averaged_views_are_scored_again_with_the_network_that_they_are_of(averaged):
    verdict, detail = scoring_of("04_tta--b")
    assert verdict == "holds" and "model.keras" in detail
    assert all(variant in detail for variant in ("plain", "random2", "flips_shifts"))


def test_averaged_views_of_a_network_that_ships_are_scored_again(averaged):
    _, trained = averaged
    files.PRETRAINED.mkdir()
    (trained.folder / "model.keras").rename(files.PRETRAINED / "small.keras")
    (files.PRETRAINED / "small.md").write_text("---\nclasses: [angry]\nrun: s/02_train_cnn--a\n---\n")
    verdict, detail = scoring_of("04_tta--b")
    assert verdict == "holds" and "small.keras" in detail


def test_averages_of_other_views_fail_by_name(averaged):
    averaging, trained = averaged
    test, network = datasets.load("little", "test"), models.load(trained.folder / "model.keras")
    other = tta.test_time_probabilities(network, test.images, tta.random_views(2, seed=1), "geometric")
    averaging.save_predictions("test", other, test, "random2")
    verdict, detail = scoring_of("04_tta--b")
    assert verdict == "fails" and "random2" in detail and "plain" not in detail


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("results.json", '{"scores": [{}], "comparison": [], "tables": {}}'),
        ("results.json", '{"scores": [{"run": 1}], "comparison": [], "tables": {}}'),
        ("results.json", '{"scores": [], "comparison": [{}], "tables": {}}'),
        ("results.json", '{"scores": ['),
        ("cards.json", '[{"claim": "all"}]'),
        ("runs/10_report--report/run.json", "parameters"),
        ("runs/02_train_cnn--a/run.json", "metrics"),
    ],
)
def test_a_damaged_file_is_named_in_one_line(study, capsys, file, text):
    path = paths.study("s") / file
    if path.name == "run.json":
        change(path, lambda record: record.update({text: {} if text == "parameters" else [0.5]}))
    else:
        path.write_text(text)
    assert verify.main(["s"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and file in lines[0] and "make report STUDY=s" in lines[0]


def test_whatever_ends_the_command_is_one_line(study, monkeypatch, capsys):
    def full(study):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(verify, "verify", full)
    assert verify.main(["s"]) == 1
    assert capsys.readouterr().err == "error: No space left on device. Free some space or mend it.\n"
