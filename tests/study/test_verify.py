"""Result cards say what a run claims, and verification finds what no longer holds."""

import json

import numpy as np
import pytest
from conftest import make_dataset, start_run

from fer_tf import datasets, paths
from fer_tf.errors import InputError
from fer_tf.study import runs, scoring, verify


@pytest.fixture
def study(project):
    """A study with one run, right on two of three test images, and a report of its accuracy."""
    datasets.save(make_dataset(per_class=6), "little")
    run = start_run("reports/s/runs/02_train_cnn--a", datasets.load("little", ("train", "validation")))
    run.note(model="model.keras")
    run.finish("Done.")
    test = datasets.load("little", "test")
    predicted = np.where(np.arange(3) < 2, test.labels, (test.labels + 1) % 3)
    run.save_predictions("test", np.eye(3)[predicted] * 0.98 + 0.01 * (1 - np.eye(3)[predicted]), test)
    plan = project / "notebooks" / "studies" / "s"
    plan.mkdir()
    (plan / "02_train_cnn--a.yaml").write_text("about: a\n")
    rows = [{"what": "Accuracy", "run": run.name, "split": "test", "metric": "accuracy"}]
    parameters = {"compare": rows, "published": ""}
    report = paths.study("s") / "runs" / "10_report--report"
    report.mkdir()
    (report / "run.json").write_text(
        json.dumps({**run.record, "name": report.name, "parameters": parameters}, default=str)
    )
    complete = scoring.complete_runs("s")
    scores = json.loads(scoring.scores(run, complete).to_json(orient="records"))
    compared = json.loads(verify.comparison.comparison(complete, rows, "").to_json(orient="records"))
    (paths.study("s") / "results.json").write_text(json.dumps({"scores": scores, "comparison": compared}))
    verify.write_cards(paths.study("s"), complete)
    return runs.open_run(run.folder)


def verdicts(lines):
    return {what: verdict for what, verdict, _ in lines}


def test_a_card_says_what_is_claimed_and_how_to_repeat_it(study):
    (card,) = json.loads((paths.study("s") / "cards.json").read_text())
    assert card["accuracy"] == pytest.approx(2 / 3) and card["n"] == 3
    assert card["claim"].startswith("66.7% of 3 test images of little")
    assert card["command"] == "make report STUDY=s" and card["seed"] == study.record["seed"]
    assert card["test_split"] == datasets.load("little", "test").hash and len(card["code"]) == 64


def test_every_number_holds_while_nothing_was_touched(study):
    lines = verify.verify("s")
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
    monkeypatch.setattr(verify.models, "predict", lambda model, images: study.predictions("test").probabilities)
    assert verdicts(verify.verify("s"))["scoring of 02_train_cnn--a"] == "holds"
    monkeypatch.setattr(verify.models, "predict", lambda model, images: np.full((3, 3), 1 / 3, np.float32))
    assert verdicts(verify.verify("s"))["scoring of 02_train_cnn--a"] == "fails"


def test_a_study_without_a_report_is_refused(project):
    with pytest.raises(InputError, match="no report to verify"):
        verify.verify("s")
