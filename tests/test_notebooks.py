"""Each notebook executed through papermill in miniature, on a study of its own, up to the report's page."""

import json
import re
import shutil
from html import unescape

import kernels
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import PROJECT

from fer_tf import datasets, study
from fer_tf.datasets import near_duplicates, standin
from fer_tf.evaluation import ensembles
from fer_tf.study import execute, report, scoring

pytestmark = pytest.mark.slow

# `shallow` is compiled in half the time of the other networks.
STUDY = yaml.safe_load("""
common: {dataset: sample, seed: 1, threads: 1}
00_data--sample: {about: draw few, options: {n: 240, size: 48}}
01_eda--faces: {about: look, per_class: 3}
02_train_cnn--small: {about: train a little, <<: &small {model: shallow, options: {filters: [8, 8, 16, 16]}},
  epochs: 2, batch_size: 32, remove: [leaks]}
03_transfer--small: {about: a backbone, <<: *small, weights: 02_train_cnn--small, max_train_images: 80,
  frozen_epochs: 1, fine_tuned_epochs: 1}
04_tta--small: {about: two views, run: 02_train_cnn--small, views: 2, curve: 3}
05_baselines--few: {about: without a network, classes: [happy, neutral, sad], features: [hog],
  classifiers: [rbf_svm, random_forest], components: 16, search: 0, compare_run: ""}
06_tuning--small: {about: a grid, <<: *small, max_train_images: 80, batch_sizes: [32], epochs: 1}
07_crossval--small: {about: folds, <<: *small, max_images: 90, folds: 2, epochs: 1}
08_explain--small: {about: where it looks, run: 02_train_cnn--small, per_class: 4, patch: 24}
09_video--clip: {about: a moving face, seconds: 1.0, detector: haar}
11_export--small: {about: other formats, run: 02_train_cnn--small, timed: 12, rounds: 1, batch_size: 8, calibration: 32}
12_compare--runs: {about: which is better, rounds: 4, resamples: 50,
  runs: [02_train_cnn--small, 04_tta--small/plain, 04_tta--small/random2, 02_train_cnn--never]}
13_robustness--small: {about: worse images, runs: [02_train_cnn--small, 02_x--y], max_images: 8}
14_recipe--small: {about: mixed, <<: *small, mixup: 0.4, teachers: [02_train_cnn--small], epochs: 2}
15_peers--small: {about: others, timed: 5, folder: notebooks}
16_across--small: {about: elsewhere, others: [rafdb, affectnet7], runs: [shipped, 02_x--y]}
17_snapshots--small: {about: of one training, <<: *small, cycles: 2, epochs: 1}
18_label_noise--small: {about: wrong labels, classifier: linear_svm, components: 24, folds: 2, left_out: 0.1}
10_report--report:
  about: the page
  headline: Accuracy
  compare:
  - {what: Accuracy, published: test_time_augmentation.test_accuracy, <<: &tta {run: 04_tta--small, split: test,
      metric: accuracy}, variant: random2}
  - {what: Not published, <<: *tta, variant: plain}
  - {what: Never run, published: training.accuracy_last, <<: *tta, run: 02_x--y}
""")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project's folder with the little study, of which nothing is executed yet."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(PROJECT / "notebooks", root / "notebooks", ignore=shutil.ignore_patterns("studies", ".*"))
    (root / "Makefile").write_text("")
    folder = root / "notebooks" / "studies" / "little"
    folder.mkdir(parents=True)
    for name, content in STUDY.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FER_TF_ROOT", str(root))
        kernels.fork(patch)
        yield root


def executed(run, *earlier):
    """A fixture of an executed notebook, after those of the runs that it needs: the run's folder."""

    @pytest.fixture(scope="module")
    def execution(project, request):
        for other in earlier:
            request.getfixturevalue(other)
        execute.execute(project / f"notebooks/studies/little/{run}.yaml")
        return project / "reports/little/runs" / run

    return execution


@pytest.fixture(scope="module")
def standin_rafdb(project):
    """A second prepared dataset beside the sample: drawn faces of RAF-DB's size and colors."""
    datasets.prepare("rafdb", standin.write("rafdb", project / "rafdb", {"train": 8, "test": 2}))


data = executed("00_data--sample")
eda = executed("01_eda--faces", "data")
training = executed("02_train_cnn--small", "data")
transfer = executed("03_transfer--small", "training")
recipe = executed("14_recipe--small", "training")
tta = executed("04_tta--small", "training")
baselines = executed("05_baselines--few", "data")
tuning = executed("06_tuning--small", "data")
crossval = executed("07_crossval--small", "data")
explain = executed("08_explain--small", "training")
video = executed("09_video--clip")
export = executed("11_export--small", "training")
robustness = executed("13_robustness--small", "training")
peers = executed("15_peers--small", "data")
across = executed("16_across--small", "data", "standin_rafdb")
snapshots = executed("17_snapshots--small", "data")
label_noise = executed("18_label_noise--small", "data")
compare = executed("12_compare--runs", "training", "tta")
RUNS = ["data", "eda", "training", "transfer", "tta", "baselines", "tuning", "crossval", "explain", "video", "export"]
RUNS += ["compare", "recipe", "robustness", "peers", "across", "snapshots", "label_noise"]
report_run = executed("10_report--report", *RUNS)


@pytest.fixture
def page(report_run, project):
    """The study's folder, complete with its page."""
    return project / "reports/little"


def record(folder):
    return json.loads((folder / "run.json").read_text())


@pytest.mark.parametrize("name", RUNS)
def test_every_run_is_complete_and_says_how_it_came_about(name, request):
    folder = request.getfixturevalue(name)
    result = record(folder)
    assert result["findings"] and result["wall_seconds"] > 0 and result["code"]
    assert not re.search(r"[<>{}]|\bnan\b|\bNone\b", " ".join(result["findings"])), result["findings"]
    assert name == "video" or result["data"]["hash"]  # a clip is no dataset
    assert result["parameters"].items() >= {k: v for k, v in STUDY[folder.name].items() if k != "about"}.items()
    for kind, suffixes in (("figures", "svg pdf png"), ("tables", "csv md tex")):
        for entry in result[kind]:
            for suffix in suffixes.split():
                assert (folder / kind / f"{entry['name']}.{suffix}").stat().st_size
    assert str(folder.parents[3]) not in (folder / "notebook.ipynb").read_text()  # it does not say where it lay


def test_the_training_notebook_never_opens_the_test_split(training):
    result = record(training)
    assert set(result["data"]["counts"]) == {"train", "validation"}
    assert set(result["metrics"]) == {"validation"}


def test_the_history_has_a_row_for_each_epoch(training):
    assert list(study.open_run(training).history()["epoch"]) == [1, 2]


def test_the_transfer_stands_beside_the_same_network_from_random_weights(transfer):
    assert record(transfer)["starts_from"] == "02_train_cnn--small"
    assert any(finding.startswith("From random weights") for finding in record(transfer)["findings"])


def test_the_report_scores_the_test_split_once(page, training):
    run = study.open_run(training)
    assert run.variants("test") == [""]
    before = (run.folder / "predictions_test.npz").stat().st_mtime_ns
    assert scoring.open_test_split(run) is False
    assert (run.folder / "predictions_test.npz").stat().st_mtime_ns == before


def test_plain_predictions_of_training_and_augmentation_agree(page, training, tta):
    trained = study.open_run(training).predictions("test")
    plain = study.open_run(tta).predictions("test", "plain")
    np.testing.assert_allclose(trained.probabilities, plain.probabilities, atol=1e-5)


def test_a_comparison_tests_every_pair_and_names_what_is_missing(compare):
    run = study.open_run(compare)
    tables = {name: frame for name, _, frame in run.tables()}
    assert len(tables["pairs"]) == 21 and set(run.record["missing"]) == {
        "02_train_cnn--never"
    }  # of 3 models, 4 ensembles
    assert {"ensemble_mean", "ensemble_greedy", "ensemble_greedy_on_all"} < set(run.variants("test"))
    costs = tables["costs"].set_index("model")
    one, two = (costs.loc[name] for name in ("04_tta--small/plain", "04_tta--small/random2"))
    assert two["multiplications"] == pytest.approx(2 * one["multiplications"], abs=0.02)
    assert costs.loc["ensemble, mean", "parameters"] == one["parameters"] == two["parameters"] > 0
    saved = study.open_run(compare.parent / "04_tta--small").predictions("test", "plain")
    assert run.record["metrics"]["test"]["04_tta--small/plain"] == pytest.approx(
        (saved.probabilities.argmax(axis=1) == saved.labels).mean()
    )


def test_an_ensemble_is_chosen_on_validation_images_that_are_new_to_its_members(compare):
    faces, run = datasets.load("sample"), study.open_run(compare)
    copies = near_duplicates.pairs(faces.images, np.flatnonzero(faces.splits == "validation"))
    leaked = faces.ids[near_duplicates.leaks(faces.splits, copies, "validation")]
    weights = next(frame for name, _, frame in run.tables() if name == "weights").set_index("member")
    saved = scoring.gather([f"little/{name}" for name in weights.index], "validation")
    labels, members, _ = ensembles.aligned({name.removeprefix("little/"): one for name, one in saved.items()})
    new = ~np.isin(next(iter(saved.values())).ids, leaked)
    assert 0 < new.sum() < len(new)
    for column, rows in (("ensemble, greedy", new), ("ensemble, greedy on all", new | True)):
        chosen, _ = ensembles.select(labels[rows], {name: one[rows] for name, one in members.items()}, 4)
        shares = pd.Series(chosen) / sum(chosen.values())
        pd.testing.assert_series_equal(
            weights[column], shares.reindex(weights.index).fillna(0), atol=1e-3, check_names=False
        )


def test_a_network_is_scored_on_every_prepared_dataset(across):
    run = study.open_run(across)
    table = next(frame for name, _, frame in run.tables() if name == "across").set_index("dataset")
    assert table["n"].to_dict() == {"sample": len(run.predictions("test", "shipped_on_sample").labels), "rafdb": 14}
    assert set(run.record["missing"]) == {"affectnet7", "02_x--y"}
    assert run.predictions("test", "shipped_on_rafdb").classes == datasets.load("rafdb").classes


def test_an_ensemble_of_snapshots_is_the_mean_of_their_probabilities(snapshots):
    run = study.open_run(snapshots)
    parts = [run.predictions("test", f"snapshot_{cycle}").probabilities for cycle in (1, 2)]
    mean = run.predictions("test", "mean_of_the_probabilities").probabilities
    np.testing.assert_allclose(mean, np.mean(parts, axis=0), rtol=5e-4)  # saved to four digits
    assert not np.allclose(*parts) and run.record["shown"] in run.variants("validation")
    averaged = run.predictions("test", "mean_of_the_weights").probabilities
    assert not any(np.allclose(averaged, other) for other in (*parts, mean))


def test_labels_that_were_planted_wrong_are_contradicted_and_left_out(label_noise):
    run = study.open_run(label_noise)
    listed, faces = pd.read_csv(label_noise / "suspicious_labels.csv"), datasets.load("sample").split("train")
    planted = np.isin(faces.ids, list(faces.source["planted"]["wrong_label"]))
    suspicious = np.isin(faces.ids, listed["id"])
    tables = {name: frame for name, _, frame in run.tables()}
    shares = tables["planted"]["planted wrong"]
    assert list(shares[:2]) == pytest.approx([planted.mean(), planted[suspicious].mean()], abs=1e-3)
    assert listed["margin"].is_monotonic_decreasing and (listed["label"] != listed["suggested"]).all()
    learned_from = tables["learned_from"].set_index("learned from")
    fewer = len(faces) - round(len(faces) / 10)
    assert learned_from["images"].to_dict() == {"left_out": fewer, "left_out_by_chance": fewer, "relabeled": len(faces)}
    scored, both = run.predictions("validation", "left_out"), datasets.load("sample", splits=("train", "validation"))
    known = near_duplicates.leaks(both.splits, near_duplicates.pairs(both.images), "validation")
    new = ~known[both.splits == "validation"]
    right = scored.probabilities.argmax(axis=1) == scored.labels
    assert learned_from["accuracy"]["left_out"] == pytest.approx(right[new].mean(), abs=1e-4)
    assert not run.variants("test")


def test_baselines_choose_on_validation_and_score_every_combination(baselines):
    run = study.open_run(baselines)
    accuracy = {}
    for variant in ("hog_rbf_svm", "hog_random_forest"):
        scored = run.predictions("validation", variant)
        assert scored.classes == ("happy", "neutral", "sad")
        accuracy[variant] = (scored.probabilities.argmax(axis=1) == scored.labels).mean()
        assert len(run.predictions("test", variant).labels) > 0
    assert record(baselines)["shown"] == max(accuracy, key=accuracy.get)


def test_the_page_stands_alone_and_shows_published_beside_reproduced(page):
    html = (page / "index.html").read_text()
    assert not re.search(r'(src|href)="(https?:)?//', html) and "<script" not in html and "@import" not in html
    accuracy = next(row for row in results(page)["comparison"] if row["what"] == "Accuracy")
    assert accuracy["published"] == 0.6435
    assert f"{accuracy['reproduced']:.4f}" in html and "0.6435" in html
    assert f"{accuracy['reproduced'] - 0.6435:+.4f}" in html
    assert "not run" in html


def results(page):
    return json.loads((page / "results.json").read_text())


def test_a_number_that_the_paper_lacks_stands_there_without_a_difference(page):
    row = next(row for row in results(page)["comparison"] if row["what"] == "Not published")
    assert row["published"] is row["difference"] is None
    table = (page / "tables/published_and_reproduced.md").read_text()
    assert re.search(rf"^\| Not published +\| – +\| {row['reproduced']:.4f} +\| +\|", table, re.M)


def test_results_json_holds_every_number_of_the_page(page):
    html = re.sub(r"<(style|head)>.*?</\1>|<img[^>]*>", "", (page / "index.html").read_text(), flags=re.S)
    html = html[: html.index('id="limits"')] + html[html.index('id="provenance"') :]
    known = results(page)
    text = json.dumps(known, ensure_ascii=False)
    assert known["tables"].keys() > {"scores", "12_compare--runs--intervals", "13_robustness--small--errors"}
    numbers = sorted({abs(float(word)) for word in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", text)})
    cells = {cell.replace(",", "").lstrip("-+−") for cell in re.findall(r"<td>([-+−]?\d[\d,.]*)</td>", html)}
    assert len(cells) > 300
    for cell in cells:
        place = max(0, np.searchsorted(numbers, float(cell)) - 1)
        close = np.array(numbers[place : place + 2])
        assert np.abs(close - float(cell)).min() <= 0.51 * 10 ** -len(cell.partition(".")[2]), cell
    for sentence in re.findall(r"<(?:li|figcaption|p class=\"caption\")>([^<]*\d[^<]*)<", html):
        assert unescape(sentence) in text.replace('\\"', '"'), sentence


def test_every_figure_and_table_of_the_page_is_a_file_too(page):
    names = re.findall(r'<figure id="figure-([^"]+)">\s*<img src="data:image', (page / "index.html").read_text())
    assert len(names) > 40
    for name in set(names) - {"at_a_glance"}:
        assert (page / "figures" / f"{name}.svg").stat().st_size, name
    for name in ("published_and_reproduced", "scores"):
        assert all((page / "tables" / f"{name}.{suffix}").stat().st_size for suffix in ("csv", "md", "tex"))


def test_a_study_has_a_readme_with_its_findings_and_pictures(page):
    text = (page / "README.md").read_text()
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    assert "0.6435" in text and "nan" not in text and 2 <= len(pictures) <= 4
    assert all((page / picture).stat().st_size for picture in pictures)


def test_a_reported_accuracy_is_that_of_the_saved_predictions(page, tta):
    scored = study.open_run(tta).predictions("test", "random2")
    row = next(r for r in results(page)["scores"] if (r["split"], r["variant"]) == ("test", "random2"))
    assert row["accuracy"] == pytest.approx((scored.probabilities.argmax(axis=1) == scored.labels).mean())
    assert row["low"] < row["accuracy"] < row["high"]


def test_the_check_names_what_changed_since_a_run(page, eda, capsys):
    assert report.main(["little"]) == 0
    assert capsys.readouterr().out == "10_report--report: `compare` names 02_x--y, and there is no such run\n"
    path = eda / "run.json"
    text = path.read_text()
    path.write_text(text.replace('"moments": "', '"moments": "0'))
    try:
        assert report.main(["little"]) == 0
        assert "01_eda--faces: code changed (datasets/pixel_statistics.py)" in capsys.readouterr().out
    finally:
        path.write_text(text)
    assert report.main(["nothing"]) == 1
    assert "unknown study 'nothing'" in capsys.readouterr().err
