"""The report's comparison: what a paper printed, what was measured, and what one run gains over another."""

import json

import numpy as np
import pytest
from conftest import make_dataset, start_run

from fer_tf import datasets, emotions, evaluation, figures
from fer_tf.datasets import standin
from fer_tf.errors import InputError
from fer_tf.evaluation import bootstrap
from fer_tf.study import comparison, page, report, runs

pytestmark = pytest.mark.filterwarnings("ignore:Mean of empty slice")  # a draw of three images may be of one class

FER2013 = "results_accuracy.FER2013"
GAIN = {
    "what": "CNN, gain",
    "published": [f"{FER2013}.with_augmentation.CNN", f"{FER2013}.without_augmentation.CNN"],
    "run": "02_train_cnn--more",
    "against": "02_train_cnn--few",
    "split": "test",
    "metric": "gain",
}


def scored(name, dataset, right):
    """A complete run that predicts the first `right` test images rightly and no other."""
    run = start_run(f"reports/s/runs/02_train_cnn--{name}", dataset)
    run.finish("Done.")
    test = dataset.split("test")
    predicted = np.where(np.arange(len(test)) < right, test.labels, (test.labels + 1) % len(test.classes))
    run.save_predictions("test", np.eye(len(test.classes))[predicted], test)
    return runs.open_run(run.folder)


def compared(*complete, **changed):
    return comparison.comparison(complete, [{**GAIN, **changed}], "three_datasets_comparison").iloc[0]


def test_a_run_gains_over_another_by_the_images_that_both_were_scored_on(project, little):
    row = compared(scored("few", little, 1), scored("more", little, 3))
    assert row["reproduced"] == pytest.approx(2 / 3) and 0 <= row["low"] < row["reproduced"] < row["high"] <= 1
    assert row["published"] == pytest.approx(0.62 - 0.63)
    assert row["difference"] == pytest.approx(2 / 3 + 0.01)
    text = comparison.readable_comparison(row.to_frame().T).iloc[0]
    assert (text["published"], text["reproduced"], text["difference"]) == ("-0.01", "0.6667", "+0.6767")


def test_a_row_may_name_a_run_of_another_study(project, little):
    few, more = scored("few", little, 1), scored("more", little, 3)
    elsewhere = "s/02_train_cnn--more"
    assert compared(few, run=elsewhere)["reproduced"] == compared(few, more)["reproduced"]
    assert compared(few, run="other/02_train_cnn--more")["reproduced"] is None
    assert compared(few, run=elsewhere, metric="accuracy")["reproduced"] == 1.0
    of_views = {"what": "Gain by views", "run": elsewhere, "split": "test", "variant": "ten", "metric": "gain"}
    for variant, right in (("plain", 0), ("ten", 3)):
        views = np.eye(len(little.classes))[
            (little.split("test").labels + (np.arange(3) >= right)) % len(little.classes)
        ]
        more.save_predictions("test", views, little.split("test"), variant)
    assert comparison.comparison([few], [of_views], "").iloc[0]["reproduced"] == 1.0


@pytest.mark.parametrize("there", ["few", "more"])
def test_a_gain_is_not_run_while_one_of_its_runs_is_missing(project, little, there):
    row = compared(scored(there, little, 1))
    assert row["reproduced"] is None and row["published"] == pytest.approx(-0.01)
    assert comparison.readable_comparison(row.to_frame().T).iloc[0]["reproduced"] == "not run"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"metric": 5}, "has 5 as its metric"),
        ({"mertic": "gain"}, "unknown key of a row of `compare` 'mertic'"),
        ({"published": []}, "has no number at"),
        ({"published": FER2013}, "has no number at"),
        ({"published": "nowhere"}, "the published facts have no 'nowhere'"),
        ({"fact": "nothing"}, "unknown fact of the run 02_train_cnn--more 'nothing'"),
        ({"fact": "name"}, "unknown fact of the run 02_train_cnn--more 'name'"),  # it is no number
    ],
)
def test_a_wrong_row_is_one_line(project, little, changed, message):
    with pytest.raises(InputError, match=message):
        compared(scored("few", little, 1), scored("more", little, 3), **changed)
    with pytest.raises(InputError, match="a row of `compare` is 5; write a mapping"):
        comparison.comparison([], [5], "")


def test_runs_that_were_scored_on_different_images_are_not_compared(project, little):
    few = scored("few", little, 1)
    more = scored("more", little.select(np.arange(len(little))[::-1]), 3)
    with pytest.raises(InputError, match=r"more and .*few were scored on different images, or"):
        compared(few, more)


def test_a_row_that_cannot_be_measured_is_refused(project, little):
    few = scored("few", little, 1)
    with pytest.raises(InputError, match="nothing named 'XYZ'"):
        compared(few, published=f"{FER2013}.XYZ.CNN")
    with pytest.raises(InputError, match="unknown metric 'precision'"):
        compared(few, run="02_train_cnn--few", metric="precision")


def test_a_row_has_a_classs_own_metric_and_its_value_without_leaks(project, little):
    few = scored("few", little, 2)
    few.note(leaks=[little.split("test").ids[0]])
    per_class = "results_per_class.FER2013 CNN with augmentation.Happy.2"
    row = {**GAIN, "run": "02_train_cnn--few", "metric": "f1 of happy", "published": per_class}
    row = comparison.comparison([few], [row], "three_datasets_comparison").iloc[0]
    assert row["published"] == 0.83 and 0 < row["reproduced"] <= 1
    accuracy = compared(few, run="02_train_cnn--few", metric="accuracy", published=f"{FER2013}.with_augmentation.CNN")
    assert accuracy["reproduced"] == pytest.approx(2 / 3) and accuracy["leak_free"] == pytest.approx(1 / 2)
    with pytest.raises(InputError, match="unknown class 'joy'"):
        compared(few, run="02_train_cnn--few", metric="f1 of joy")


def test_a_report_without_a_row_or_with_a_limitation_that_is_no_text_is_one_line(project, little):
    run = scored("few", little, 2)
    (project / "notebooks" / "studies" / "s").mkdir(parents=True, exist_ok=True)
    with pytest.raises(InputError, match="`compare` has no row"):
        report.build(run, "title", "question", "", [], "")
    row = {"what": "A", "run": run.name, "fact": "seed"}
    with pytest.raises(InputError, match=r"limitations: \[0\] is a dict, expected text"):  # as a colon in YAML makes it
        report.build(run, "title", "question", "", [row], "A", [{"These faces": "drawn"}])


def test_a_run_that_a_row_names_and_no_study_plans_is_told_by_the_check(project, little):
    scored("few", little, 2)
    for study in ("s", "other"):
        (project / "notebooks" / "studies" / study).mkdir()
        (project / "notebooks" / "studies" / study / "05_baselines--hog.yaml").write_text("")
    planned = [{"run": "05_baselines--hog", "against": "other/05_baselines--hog"}, {"run": "02_train_cnn--few"}]
    assert comparison.unplanned(planned, "s") == []
    wrong = ["05_baseline--hog", "other/05_baselines--hog/rbf", "others/05_baselines--hog"]
    assert comparison.unplanned([*planned, *({"run": name} for name in wrong)], "s") == wrong


def test_a_report_removes_its_own_figures_and_no_other_file(project, little):
    run = scored("few", little, 2)
    (project / "notebooks" / "studies" / "s").mkdir()
    (project / "notebooks" / "studies" / "s" / f"{run.name}.yaml").write_text("")
    cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": ["about = ''"]}
    (project / "notebooks" / "02_train_cnn.ipynb").write_text(json.dumps({"cells": [cell]}))
    row = {"what": "A", "run": run.name, "split": "test", "metric": "accuracy"}
    figures, tables = project / "reports/s/figures", project / "reports/s/tables"
    report.build(run, "title", "question", "", [row], "A", formats=("svg", "pdf"))
    (figures / "for_paper").mkdir()
    (tables / "paper.tex").write_text("mine")
    glance = figures / "published_and_reproduced.pdf"
    before = glance.stat().st_mtime_ns
    other = {**row, "metric": "n"}  # of which nothing is drawn
    report.build(run, "title", "question", "", [row], "A")
    assert glance.stat().st_mtime_ns > before  # a format that is there does not grow old
    report.build(run, "title", "question", "", [other], "A")
    assert not glance.exists() and (figures / "for_paper").is_dir() and (tables / "paper.tex").read_text() == "mine"


def test_each_class_of_a_paper_stands_beside_that_of_a_run(project):
    faces = make_dataset(classes=emotions.FER2013)
    run = scored("few", faces, 9)
    row = {"what": "CNN", "published": "results_per_class.FER2013 CNN with augmentation", "run": run.name}
    ((name, caption, table),) = comparison.class_tables([run], [row], "three_datasets_comparison")
    assert name == "by_class--02_train_cnn--few" and caption.startswith("CNN: each class")
    happy = table.set_index("class").loc["happy"]
    measured = evaluation.per_class(*run.predictions("test")).loc["happy"]
    assert happy[["precision, published", "recall, published", "F1, published"]].tolist() == ["0.84", "0.82", "0.83"]
    assert happy[["precision", "recall", "F1"]].tolist() == [f"{measured[key]:.3f}" for key in comparison.THREE]
    interval = bootstrap.report_intervals(*run.predictions("test")).loc["f1 of happy"]
    assert happy["95% interval of F1"] == f"{interval['low']:.3f} to {interval['high']:.3f}"
    ((_, _, missing),) = comparison.class_tables([], [row], "three_datasets_comparison")
    assert missing["class"].tolist() == table["class"].tolist() and set(missing["F1"]) == {"not run"}
    of_resnet = {**row, "published": "results.test.per_class"}
    assert comparison.class_tables([], [of_resnet], "fer2013_resnet")[0][2]["F1, published"].tolist()[0] == "0.52"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"run": None}, "a row of `by_class` is"),
        ({"published": 5}, "a row of `by_class` is"),
        ({"published": FER2013}, "have no precision, recall and F1 of each class"),
        ({"published": "results_per_class.AffectNet-8 ViT-B/32"}, "a run has the classes"),
    ],
)
def test_a_table_of_classes_that_a_paper_does_not_have_is_refused(project, changed, message):
    run = scored("few", make_dataset(classes=emotions.FER2013), 9)
    row = {"what": "CNN", "published": "results_per_class.FER2013 CNN with augmentation", "run": run.name, **changed}
    row = {key: value for key, value in row.items() if value}
    with pytest.raises(InputError, match=message):
        comparison.class_tables([run], [row], "three_datasets_comparison")


def test_a_study_that_reproduces_no_paper_is_compared_without_published_numbers(project, little):
    row = {"what": "Accuracy", "run": "02_train_cnn--few", "split": "test", "metric": "accuracy"}
    table = comparison.comparison([scored("few", little, 2)], [row], "")
    assert table.iloc[0]["published"] is None and table.iloc[0]["reproduced"] == pytest.approx(2 / 3)
    columns = ["what", "measured", "95% interval", "leak-free", "run"]
    assert list(comparison.readable_comparison(table)) == columns
    (sentence,) = comparison.findings(table, "Accuracy")
    assert sentence.startswith("Accuracy: 66.7% (95% interval") and "published" not in sentence


@pytest.mark.parametrize("name", ["fer_plus", "fer2013"])
def test_accuracy_by_agreement_is_told_where_fer_plus_has_the_images(project, name):
    folder = standin.write("fer_plus", project / "raw", {"train": 2, "test": 8})
    voted = datasets.prepare("fer_plus", folder)
    faces = voted if name == "fer_plus" else datasets.prepare("fer2013", folder / "fer2013.csv")
    test = faces.split("test")
    run = start_run("reports/s/runs/02_train_cnn--a", faces)
    run.finish("Done.")
    run.save_predictions("test", np.eye(len(test.classes))[test.labels], test)
    table = report.by_agreement(run)
    shared = np.isin(test.ids, voted.ids)
    assert table["n"].sum() == shared.sum() > 10 and len(table) > 1
    assert (table["accuracy"] == 1).all() and table["people"].is_monotonic_increasing
    votes = datasets.attributes.load(voted.split("test"))["votes"]
    assert table["n"].iloc[-1] == (votes.max(axis=1) > 0.9).sum()
    ax = figures.accuracy_by_agreement(table).axes[0]
    np.testing.assert_allclose(ax.lines[-1].get_ydata(), table["people"])
    assert report.by_agreement(scored("b", make_dataset(), 1)).empty


@pytest.mark.parametrize(
    "metric", ["macro_f1", "weighted_f1", "f1 of happy", "recall of sad", "balanced_accuracy", "roc_auc"]
)
def test_every_metric_of_the_comparison_has_its_interval_of_the_same_predictions(project, little, metric):
    run = scored("few", little, 2)
    row = compared(run, run=run.name, metric=metric, published=f"{FER2013}.with_augmentation.CNN")
    predictions = run.predictions("test")
    whole = bootstrap.report_intervals(*predictions) if metric != "roc_auc" else evaluation.intervals(*predictions)
    assert (row["low"], row["high"]) == tuple(whole.loc[metric, ["low", "high"]])
    assert (
        row["reproduced"] == pytest.approx(whole.loc[metric, "value"])
        and row["low"] <= row["reproduced"] <= row["high"]
    )
    cell = comparison.readable_comparison(row.to_frame().T).iloc[0]["95% interval"]
    assert cell == f"{row['low']:.3f} to {row['high']:.3f}"
    (sentence,) = comparison.findings(
        row.to_frame().T, row["what"]
    )  # of accuracies that stand beside others there is none
    assert f"(95% interval {row['low']:,.4g} to {row['high']:,.4g})" in sentence


def test_a_number_of_images_has_no_interval(project, little):
    row = compared(
        scored("few", little, 2), run="02_train_cnn--few", metric="n", published=f"{FER2013}.with_augmentation.CNN"
    )
    assert row["reproduced"] == 3 and row["low"] is None


def test_the_intervals_of_a_classification_report_are_of_its_numbers():
    random = np.random.default_rng(0)
    labels, classes = random.integers(0, 3, 600), ("a", "b", "c", "never")
    probabilities = random.dirichlet(np.ones(4), 600) + 0.5 * np.eye(4)[labels]
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    table = bootstrap.report_intervals(labels, probabilities, classes)
    metrics, per_class = (
        evaluation.metrics(labels, probabilities, classes),
        evaluation.per_class(labels, probabilities, classes),
    )
    for name in metrics.keys() & set(table.index):
        assert table.loc[name, "value"] == pytest.approx(metrics[name])
    for name in ("precision", "recall", "f1"):
        expected = per_class[name].to_numpy()
        np.testing.assert_allclose(table.loc[[f"{name} of {one}" for one in classes], "value"], expected)
    drawn = evaluation.intervals(labels, probabilities, classes, resamples=4000)  # the same bootstrap, image by image
    shared = ["accuracy", "balanced_accuracy", "macro_f1"]
    np.testing.assert_allclose(table.loc[shared], drawn.loc[shared], atol=0.004)


def gains(low, high, p_value=0.01):
    row = dict.fromkeys(comparison.COLUMNS) | {"what": "Gain", "metric": "gain", "run": "a", "p_value": p_value}
    table = comparison.pd.DataFrame([row | {"reproduced": (low + high) / 2, "low": low, "high": high}])
    return comparison.findings(table, "another")[0]


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.001, 0.02, ", a gain."),
        (-0.02, -0.001, ", a loss."),
        (-0.001, 0.03, "no difference"),
        (0.0, 0.03, "no difference"),
        (-0.03, 0.0, "no difference"),
    ],
)
def test_a_difference_inside_its_interval_is_never_called_a_gain(low, high, verdict):
    assert verdict in gains(low, high) and (verdict == ", a gain.") == (", a gain." in gains(low, high))
    assert "no difference" in gains(low, high, p_value=0.06)


def test_a_gain_has_the_p_value_of_its_pair(project, little):
    row = compared(scored("few", little, 1), scored("more", little, 3))
    assert (
        row["p_value"] == 0.5 and "no difference" in comparison.findings(row.to_frame().T, "another")[0]
    )  # two images differ


def accuracy(what, value, published=None, rounding=None, split="test", low=0.6104, high=0.6419):
    row = {
        "what": what,
        "split": split,
        "metric": "accuracy",
        "run": "a",
        "reproduced": value,
        "low": low,
        "high": high,
    }
    return dict.fromkeys(comparison.COLUMNS) | row | {"published": published, "rounding": rounding}


def test_a_published_number_may_be_half_of_its_last_digit_higher_or_lower(project, little):
    run = scored("few", little, 2)
    printed = compared(run, run=run.name, metric="accuracy", published=f"{FER2013}.with_augmentation.CNN")
    assert (printed["published"], printed["rounding"]) == (0.62, 0.005)
    assert compared(run, run=run.name, metric="accuracy")["rounding"] == pytest.approx(0.01)  # of a difference
    table = comparison.pd.DataFrame([accuracy("One", 0.626, 0.61, 0.005), accuracy("Two", 0.626, 0.60, 0.005)])
    first, counts, second = comparison.findings(table, "One")
    assert first == "One: 62.6% (95% interval 61.0% to 64.2%), not told apart from the published 61%."
    assert "higher 1, lower 0, within the 95% interval 1" in counts and "above the published 60%" in second


def test_the_highest_of_several_is_called_so_and_is_of_the_headlines_split():
    rows = [
        accuracy("One", 0.6),
        accuracy("Two", 0.7),
        accuracy("Three", 0.65),
        accuracy("Four", 0.9, split="validation"),
    ]
    assert comparison.findings(comparison.pd.DataFrame(rows), "One")[1].startswith("Highest of 2 others: Two: 70.0%")
    assert comparison.findings(comparison.pd.DataFrame([rows[0], rows[1]]), "One")[1].startswith("Two: 70.0%")


def test_what_was_run_and_cannot_be_computed_is_not_called_not_run():
    table = comparison.pd.DataFrame(
        [accuracy("One", 0.6), accuracy("Two", float("nan")), accuracy("Three", None)], dtype=object
    )
    assert comparison.readable_comparison(table)["measured"].tolist() == ["0.6000", "–", "not run"]
    assert comparison.findings(table, "One")[-1] == "1 of 3 rows of the comparison are not run yet."


def test_the_metrics_of_the_headline_stand_with_their_intervals(project, little):
    run = scored("few", little, 2)
    rows = [{"what": "Accuracy", "run": run.name, "split": "test", "metric": "accuracy"}]
    caption, table = comparison.headline_intervals([run], rows, "Accuracy")
    assert caption.startswith("Accuracy: every metric") and "test split, n = 3" in caption
    assert set(table.index) == set(bootstrap.HEADLINE) and (table["low"] <= table["high"]).all()
    assert comparison.headline_intervals([run], rows, "another")[1].empty
    assert comparison.headline_intervals([], rows, "Accuracy")[1].empty


def test_a_readme_says_what_its_numbers_do_not_say(project, little):
    table = comparison.readable_comparison(comparison.comparison([], [GAIN], "three_datasets_comparison"))
    content = {"title": "T", "question": "Q?", "paper": {}, "heading": "Results", "findings": [], "missing": []}
    content |= {"changed": {}, "drawn": False, "pictures": [], "table": table}
    page.write_readme(project, limitations=["Its weights began from ImageNet.", "Fewer epochs."], **content)
    text = (project / "README.md").read_text()
    assert (
        "\n## What these numbers do not say\n\n- Its weights began from ImageNet.\n- Fewer epochs.\n\n## More\n" in text
    )
    page.write_readme(project, limitations=[], **content)
    assert "do not say" not in (project / "README.md").read_text()
