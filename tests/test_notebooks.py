"""Each notebook executed through papermill in miniature, on a study of its own, up to the report's page."""

import json
import re

import pytest
import yaml

from fer_tf.study import execute, report, runs

STUDY = {
    "common.yaml": {"dataset": "sample", "seed": 1, "threads": 2},
    "00_data--sample.yaml": {"about": "draw few", "options": {"n": 240, "size": 32}},
    "01_eda--faces.yaml": {"about": "look", "per_class": 3},
    "02_train_cnn--small.yaml": {"about": "train a little", "epochs": 2, "batch_size": 32, "remove": ["leaks"]},
    "03_transfer--small.yaml": {
        "about": "a base",
        "model": "shallow",
        "options": {},
        "train_images": 80,
        "pca": 0.9,
        "fine_tuned_epochs": 1,
    },
    "04_tta--small.yaml": {"about": "look twice", "run": "02_train_cnn--small", "views": 2, "curve": 3},
    "05_baselines--few.yaml": {
        "about": "without a network",
        "classes": ["happy", "neutral", "sad"],
        "features": ["hog"],
        "classifiers": ["rbf_svm", "random_forest"],
        "components": 16,
        "search": 0,
        "compare_run": "",
    },
    "06_tuning--small.yaml": {"about": "a grid", "train_images": 80, "batch_sizes": [32], "epochs": 1},
    "07_crossval--small.yaml": {"about": "folds", "images": 90, "folds": 2, "epochs": 1},
    "09_video--clip.yaml": {"about": "a moving face", "seconds": 1.0, "detector": "haar"},
    "11_export--small.yaml": {
        "about": "other forms",
        "run": "02_train_cnn--small",
        "timed": 12,
        "rounds": 1,
        "batch_size": 8,
        "calibration": 32,
    },
    "10_report--report.yaml": {
        "about": "the page",
        "headline": "Accuracy",
        "compare": [
            {
                "what": "Accuracy",
                "published": "test_time_augmentation.test_accuracy",
                "run": "04_tta--small",
                "split": "test",
                "variant": "random2",
                "metric": "accuracy",
            },
            {
                "what": "Not published",
                "run": "04_tta--small",
                "split": "test",
                "variant": "plain",
                "metric": "accuracy",
            },
            {
                "what": "Never run",
                "published": "training.accuracy_last",
                "run": "02_x--y",
                "split": "test",
                "metric": "accuracy",
            },
        ],
    },
}


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The little study, executed in order; returns the project's folder."""
    import shutil

    from conftest import PROJECT

    project = tmp_path_factory.mktemp("project")
    shutil.copytree(PROJECT / "notebooks", project / "notebooks", ignore=shutil.ignore_patterns("studies", ".*"))
    (project / "Makefile").write_text("")
    folder = project / "notebooks" / "studies" / "little"
    folder.mkdir(parents=True)
    for name, content in STUDY.items():
        (folder / name).write_text(yaml.safe_dump(content))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FER_TF_ROOT", str(project))
        for name in sorted(STUDY, key=lambda name: (name.startswith("10"), name)):  # the page comes last
            if name != "common.yaml":
                execute.execute(folder / name)
        yield project


def record(project, name):
    return json.loads((project / "reports/little/runs" / name / "run.json").read_text())


def test_every_run_is_complete_and_tells_how_it_came_about(executed):
    for name in (name.removesuffix(".yaml") for name in STUDY if name[:2] not in ("co", "10")):
        found = record(executed, name)
        assert found["findings"] and found["wall_seconds"] > 0 and found["code"]
        assert not re.search(r"[<>{}]|\bnan\b|\bNone\b", " ".join(found["findings"])), found["findings"]
        assert name.startswith("09") or found["data"]["hash"]  # a clip is no dataset
        assert found["parameters"].items() >= {k: v for k, v in STUDY[f"{name}.yaml"].items() if k != "about"}.items()
        for kind, suffixes in (("figures", "svg pdf png"), ("tables", "csv md tex")):
            for entry in found[kind]:
                for suffix in suffixes.split():
                    assert (executed / "reports/little/runs" / name / kind / f"{entry['name']}.{suffix}").stat().st_size


def test_an_executed_notebook_does_not_say_where_it_lay(executed):
    for notebook in executed.glob("reports/little/runs/*/notebook.ipynb"):
        assert str(executed) not in notebook.read_text()


def test_the_training_notebook_never_opens_the_test_split(executed):
    found = record(executed, "02_train_cnn--small")
    assert set(found["data"]["counts"]) == {"train", "validation"}
    assert set(found["metrics"]) == {"validation"}


def test_the_history_has_a_row_for_each_epoch(executed):
    run = runs.open_run(executed / "reports/little/runs/02_train_cnn--small")
    assert list(run.history()["epoch"]) == [1, 2]


def test_the_report_scores_the_test_split_once(executed):
    run = runs.open_run(executed / "reports/little/runs/02_train_cnn--small")
    assert run.variants("test") == [""]
    before = (run.folder / "predictions_test.npz").stat().st_mtime_ns
    assert report.open_test_split(run) is False
    assert (run.folder / "predictions_test.npz").stat().st_mtime_ns == before


def test_plain_predictions_of_training_and_augmentation_agree(executed):
    import numpy as np

    trained = runs.open_run(executed / "reports/little/runs/02_train_cnn--small").predictions("test")
    plain = runs.open_run(executed / "reports/little/runs/04_tta--small").predictions("test", "plain")
    np.testing.assert_allclose(trained.probabilities, plain.probabilities, atol=1e-5)


def test_baselines_choose_on_validation_and_score_every_combination(executed):
    run = runs.open_run(executed / "reports/little/runs/05_baselines--few")
    accuracy = {}
    for variant in ("hog_rbf_svm", "hog_random_forest"):
        scored = run.predictions("validation", variant)
        assert scored.classes == ("happy", "neutral", "sad")
        accuracy[variant] = (scored.probabilities.argmax(axis=1) == scored.labels).mean()
        assert len(run.predictions("test", variant).labels) > 0
    assert record(executed, run.name)["shown"] == max(accuracy, key=accuracy.get)


def test_the_page_stands_alone_and_shows_published_beside_reproduced(executed):
    page = (executed / "reports/little/index.html").read_text()
    assert not re.search(r'(src|href)="(https?:)?//', page) and "<script" not in page and "@import" not in page
    results = json.loads((executed / "reports/little/results.json").read_text())
    accuracy = next(row for row in results["comparison"] if row["what"] == "Accuracy")
    assert accuracy["published"] == 0.6435
    assert f"{accuracy['reproduced']:.4f}" in page and "0.6435" in page
    assert f"{accuracy['reproduced'] - 0.6435:+.4f}" in page
    assert "not run" in page


def test_a_number_that_the_paper_lacks_stands_there_without_a_difference(executed):
    results = json.loads((executed / "reports/little/results.json").read_text())
    row = next(row for row in results["comparison"] if row["what"] == "Not published")
    assert row["published"] is row["difference"] is None
    table = (executed / "reports/little/tables/published_and_reproduced.md").read_text()
    assert re.search(rf"^\| Not published +\| – +\| {row['reproduced']:.4f} +\| +\|", table, re.M)


def test_every_figure_and_table_of_the_page_is_there_in_every_format(executed):
    page = (executed / "reports/little/index.html").read_text()
    linked = re.findall(r'href="((?:figures|tables)/[^"]+)"', page)
    assert len(linked) > 60
    for link in linked:
        assert (executed / "reports/little" / link).stat().st_size > 0


def test_a_reported_accuracy_is_that_of_the_saved_predictions(executed):
    scored = runs.open_run(executed / "reports/little/runs/04_tta--small").predictions("test", "random2")
    results = json.loads((executed / "reports/little/results.json").read_text())
    row = next(r for r in results["scores"] if (r["split"], r["variant"]) == ("test", "random2"))
    assert row["accuracy"] == pytest.approx((scored.probabilities.argmax(axis=1) == scored.labels).mean())
    assert row["low"] < row["accuracy"] < row["high"]


def test_the_check_tells_of_runs_made_by_other_code(executed, monkeypatch, capsys):
    assert report.main(["little"]) == 0
    assert "every run is there and made by this code" in capsys.readouterr().out
    path = executed / "reports/little/runs/01_eda--faces/run.json"
    text = path.read_text()
    path.write_text(text.replace('"fer_tf/datasets/cleaning.py": "', '"fer_tf/datasets/cleaning.py": "0'))
    try:
        assert report.main(["little"]) == 0
        assert (
            "01_eda--faces: made by other code; changed since: fer_tf/datasets/cleaning.py" in capsys.readouterr().out
        )
    finally:
        path.write_text(text)
    assert report.main(["nothing"]) == 1
    assert "there is no study 'nothing'" in capsys.readouterr().err
