import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_tf import evaluation
from fer_tf.emotions import FER2013
from fer_tf.errors import InputError

THREE = ("angry", "happy", "sad")


def certain(predicted, classes=3):
    return np.eye(classes, dtype=np.float32)[np.asarray(predicted)]


def random_predictions(n=200, classes=7, seed=0):
    random = np.random.default_rng(seed)
    return random.integers(0, classes, n), random.dirichlet(np.ones(classes), n).astype(np.float32)


def test_known_predictions_give_known_metrics():
    labels = np.array([0, 0, 0, 1, 1, 2])
    result = evaluation.metrics(labels, certain([0, 0, 1, 1, 1, 0]), THREE)
    assert result["n"] == 6
    assert result["accuracy"] == pytest.approx(4 / 6)
    assert result["balanced_accuracy"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert result["macro_recall"] == pytest.approx(result["balanced_accuracy"])
    assert result["macro_precision"] == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert result["macro_f1"] == pytest.approx((2 / 3 + 0.8 + 0) / 3)
    assert result["weighted_recall"] == pytest.approx(result["accuracy"])
    assert result["weighted_f1"] == pytest.approx((2 / 3 * 3 + 0.8 * 2) / 6)
    assert result["ece"] == pytest.approx(2 / 6)  # always certain, wrong twice in six


def test_perfect_predictions_reach_every_bound():
    labels = np.arange(7).repeat(3)
    result = evaluation.metrics(labels, certain(labels, 7), FER2013)
    for name in ("accuracy", "balanced_accuracy", "macro_precision", "macro_f1", "weighted_f1", "roc_auc"):
        assert result[name] == pytest.approx(1), name
    assert result["log_loss"] == pytest.approx(0, abs=1e-6)
    assert result["ece"] == pytest.approx(0, abs=1e-6)


def test_uniform_probabilities_have_the_log_loss_of_guessing():
    labels = np.array([0, 1, 2, 1])
    result = evaluation.metrics(labels, np.full((4, 3), 1 / 3, dtype=np.float32), THREE)
    assert result["log_loss"] == pytest.approx(np.log(3), rel=1e-5)
    assert result["roc_auc"] == pytest.approx(0.5)


@pytest.mark.filterwarnings("error")
def test_a_class_without_images_is_nan_with_zero_support_and_no_warning():
    labels, probabilities = np.array([0, 0, 1, 1]), certain([0, 1, 1, 2])
    table = evaluation.per_class(labels, probabilities, THREE)
    assert table.loc["sad", "support"] == 0
    assert table.loc["sad", ["precision", "recall", "f1", "roc_auc"]].isna().all()
    assert table.loc["happy", "recall"] == pytest.approx(0.5)
    result = evaluation.metrics(labels, probabilities, THREE)
    assert result["macro_recall"] == pytest.approx(0.5)
    assert np.isfinite(list(result.values())).all()
    assert evaluation.confusion(labels, probabilities, THREE, normalize=True).loc["sad"].isna().all()
    assert np.isnan(evaluation.roc(labels, probabilities, THREE)["sad"][2])


@pytest.mark.filterwarnings("error")
def test_labels_of_a_single_class_have_no_roc_area():
    result = evaluation.metrics(np.zeros(4, dtype=int), certain([0, 0, 1, 0]), THREE)
    assert np.isnan(result["roc_auc"])
    assert result["accuracy"] == pytest.approx(0.75)


def test_confusion_rows_are_the_true_class():
    table = evaluation.confusion([0, 0, 0, 2], certain([0, 1, 1, 2]), THREE)
    assert table.loc["angry"].tolist() == [1, 2, 0]
    assert table.index.name == "true" and table.columns.name == "predicted"
    ratios = evaluation.confusion([0, 0, 0, 2], certain([0, 1, 1, 2]), THREE, normalize=True)
    assert ratios.loc["angry", "happy"] == pytest.approx(2 / 3)


def test_most_confused_pairs_come_first_and_carry_the_ratio_of_the_true_class():
    table = evaluation.most_confused([0, 0, 0, 0, 1, 2], certain([0, 1, 1, 2, 2, 2]), THREE)
    assert table[["true", "predicted", "count"]].values.tolist() == [
        ["angry", "happy", 2],
        ["angry", "sad", 1],
        ["happy", "sad", 1],
    ]
    assert table["ratio"].tolist() == [0.5, 0.25, 1.0]
    assert len(evaluation.most_confused([0, 0, 0, 0, 1, 2], certain([0, 1, 1, 2, 2, 2]), THREE, top=1)) == 1


def test_a_faultless_model_confuses_nothing():
    table = evaluation.most_confused([0, 1, 2], certain([0, 1, 2]), THREE)
    assert table.empty and list(table.columns) == ["true", "predicted", "count", "ratio"]


def test_roc_area_is_the_area_under_its_curve():
    labels, probabilities = random_predictions()
    for false_positive, true_positive, area in evaluation.roc(labels, probabilities, FER2013).values():
        assert np.trapezoid(true_positive, false_positive) == pytest.approx(area)
    table = evaluation.per_class(labels, probabilities, FER2013)
    assert evaluation.metrics(labels, probabilities, FER2013)["roc_auc"] == pytest.approx(table["roc_auc"].mean())


def test_calibration_bins_hold_their_upper_edge():
    probabilities = np.array([[0.8, 0.2], [0.81, 0.19], [0.6, 0.4]])
    bins = evaluation.calibration([0, 1, 0], probabilities, ("angry", "sad"), bins=5)
    assert bins["count"].tolist() == [0, 0, 1, 1, 1]
    assert bins["accuracy"].tolist()[2:] == [1, 1, 0]
    # gaps 0.4, 0.2 and 0.81, one image each
    assert evaluation.expected_calibration_error(bins) == pytest.approx((0.4 + 0.2 + 0.81) / 3)


def test_wilson_interval_has_its_textbook_value():
    labels = np.zeros(10, dtype=int)
    low, high = evaluation.accuracy_interval(labels, certain([0] * 8 + [1] * 2))
    assert (low, high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))


def test_comparison_counts_the_discordant_images_and_tests_them_exactly():
    labels = np.zeros(20, dtype=int)
    a, b = certain([1] * 8 + [0] * 12), certain([0] * 7 + [1] * 2 + [0] * 11)
    result = evaluation.compare(labels, a, b)
    assert (result["only_a"], result["only_b"], result["n"]) == (1, 7, 20)
    assert result["difference"] == pytest.approx(0.3)
    assert result["p_value"] == pytest.approx(2 * (1 + 8) / 2**8)  # two-sided sign test of 7 in 8
    assert result["low"] < 0.3 < result["high"]


def test_a_model_compared_with_itself_does_not_differ():
    labels, probabilities = random_predictions()
    result = evaluation.compare(labels, probabilities, probabilities)
    assert result["difference"] == result["low"] == result["high"] == 0
    assert result["p_value"] == 1


def test_bootstrap_interval_has_the_spread_of_the_normal_approximation():
    random = np.random.default_rng(1)
    labels = np.zeros(1000, dtype=int)
    a, b = certain((random.random(1000) < 0.4) * 1), certain((random.random(1000) < 0.3) * 1)
    result = evaluation.compare(labels, a, b)
    differences = (b.argmax(1) == 0).astype(float) - (a.argmax(1) == 0)
    half = 1.96 * differences.std() / np.sqrt(1000)
    assert result["high"] - result["low"] == pytest.approx(2 * half, rel=0.05)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 60))
def test_metrics_do_not_depend_on_the_order_of_the_images(seed, n):
    labels, probabilities = random_predictions(n=n, seed=seed)
    order = np.random.default_rng(seed).permutation(n)
    first = evaluation.metrics(labels, probabilities, FER2013)
    second = evaluation.metrics(labels[order], probabilities[order], FER2013)
    assert first == pytest.approx(second, nan_ok=True)
    bounded = [value for name, value in first.items() if name not in ("log_loss", "n") and not np.isnan(value)]
    assert all(-1e-9 <= value <= 1 + 1e-9 for value in bounded)


@pytest.mark.parametrize(
    ("labels", "probabilities", "classes", "says"),
    [
        ([0, 1], np.ones((2, 3)) / 3, ("angry", "sad"), "class names"),
        ([0, 1, 2], np.ones((2, 3)) / 3, THREE, "rows of probabilities"),
        ([0, 3], np.ones((2, 3)) / 3, THREE, "out of range"),
        ([0, -1], np.ones((2, 3)) / 3, THREE, "out of range"),
        ([0.5, 1.0], np.ones((2, 3)) / 3, THREE, "whole numbers"),
        ([0, 1], [[0.5, 0.5, 0.0], [np.nan, 0.5, 0.5]], THREE, "row 1"),
        ([0, 1], [[0.5, 0.5, 0.0], [0.9, 0.9, 0.9]], THREE, "row 1"),
        ([0, 1], [[1.5, -0.5, 0.0], [1.0, 0.0, 0.0]], THREE, "row 0"),
        ([0], [0.5, 0.5, 0.0], THREE, "shape"),
        (np.empty(0, int), np.empty((0, 3)), THREE, "no predictions"),
        ([0], [["a", "b", "c"]], THREE, "type"),
    ],
)
def test_bad_predictions_are_refused_in_one_line(labels, probabilities, classes, says):
    with pytest.raises(InputError, match=says):
        evaluation.metrics(labels, probabilities, classes)


def test_predictions_of_other_classes_are_not_compared():
    with pytest.raises(InputError, match="same classes"):
        evaluation.compare([0, 1], certain([0, 1], 3), certain([0, 1], 4))
