import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from fer_tf import evaluation
from fer_tf.errors import InputError
from fer_tf.evaluation import bootstrap

CLASSES = ("angry", "happy", "sad")


def predictions(n=400, k=3, seed=0, hint=1.0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, k, n)
    logits = random.normal(0, 1, (n, k)) + hint * np.eye(k)[labels]
    logits = logits.round(1)  # ties, as saved predictions of forests have
    return labels, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_weights_of_one_give_the_metrics_themselves():
    labels, probabilities = predictions()
    expected = evaluation.metrics(labels, probabilities, CLASSES)
    row = bootstrap.metrics_under(np.ones((1, len(labels)), np.float32), labels, probabilities, CLASSES).iloc[0]
    assert row.to_dict() == {name: pytest.approx(expected[name], rel=1e-5) for name in bootstrap.HEADLINE}


def test_a_draw_gives_the_metrics_of_the_images_that_it_drew():
    labels, probabilities = predictions()
    weights = bootstrap.draws(len(labels), resamples=1, seed=3)
    rows = np.repeat(np.arange(len(labels)), weights[0].astype(int))
    expected = evaluation.metrics(labels[rows], probabilities[rows], CLASSES)
    row = bootstrap.metrics_under(weights, labels, probabilities, CLASSES).iloc[0]
    assert row.to_dict() == {name: pytest.approx(expected[name], rel=1e-5) for name in bootstrap.HEADLINE}


def test_the_interval_of_the_accuracy_is_wilsons_and_every_one_holds_its_value():
    labels, probabilities = predictions(n=1000)
    table = evaluation.intervals(labels, probabilities, CLASSES)
    assert tuple(table.loc["accuracy", ["low", "high"]]) == evaluation.accuracy_interval(labels, probabilities)
    assert (table["low"] < table["value"]).all() and (table["value"] < table["high"]).all()
    faultless = evaluation.intervals(labels, np.eye(len(CLASSES))[labels], CLASSES)
    assert faultless.loc["accuracy", "low"] < 1 == faultless.loc["accuracy", "high"]


def test_the_interval_of_the_calibration_error_holds_the_true_one():
    random, held, n = np.random.default_rng(0), 0, 2000
    for replicate in range(20):
        said = random.uniform(0.5, 1, n)
        off = np.where(
            np.floor(said * 15) % 2, 0.01, -0.01
        )  # too sure of itself in one bin, not sure enough in the next
        labels = (random.random(n) > said + off).astype(int)
        probabilities = np.stack([said, 1 - said], axis=1)
        table = evaluation.intervals(labels, probabilities, ("a", "b"), resamples=200, seed=replicate)
        held += table.loc["ece", "low"] <= 0.01 <= table.loc["ece", "high"]
    assert held >= 16  # none of the 20 by the quantiles of the draws


def test_a_model_does_not_differ_from_itself_and_a_better_one_does():
    labels, probabilities = predictions()
    same = evaluation.paired_differences(labels, probabilities, probabilities, CLASSES, resamples=50)
    assert (same == 0).all(axis=None)
    _, better = predictions(hint=2.0)
    table = evaluation.paired_differences(labels, probabilities, better, CLASSES, resamples=200)
    assert (table.loc[["accuracy", "macro_f1", "roc_auc"], "low"] > 0).all() and table.loc["log_loss", "high"] < 0


def test_holms_correction_has_its_textbook_value():
    assert evaluation.holm([0.01, 0.02, 0.03, 0.5]).tolist() == pytest.approx([0.04, 0.06, 0.06, 0.5])
    assert evaluation.holm([0.9, 0.8]).tolist() == [1, 1]


def test_all_pairs_are_compared_and_only_clear_differences_shown():
    labels, weak = predictions(n=300, hint=0.5)
    _, strong = predictions(n=300, hint=2.5)
    table = evaluation.compare_all(labels, {"weak": weak, "strong": strong, "again": strong})
    assert len(table) == 3 and (table["difference"] >= 0).all()
    assert table.set_index(["better", "other"])["shown"].to_dict() == {
        ("strong", "again"): False,
        ("strong", "weak"): True,
        ("again", "weak"): True,
    }
    with pytest.raises(InputError, match="Name two or more"):
        evaluation.compare_all(labels, {"weak": weak})


def test_the_temperature_that_was_applied_is_found_again():
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(4), 20_000)
    labels = (probabilities.cumsum(axis=1) > random.random((20_000, 1))).argmax(axis=1)
    for temperature in (0.5, 1.0, 2.0):
        too_sure = evaluation.scale(probabilities, 1 / temperature)
        assert evaluation.fit_temperature(labels, too_sure) == pytest.approx(temperature, rel=0.05)
    fitted = evaluation.scale(too_sure, evaluation.fit_temperature(labels, too_sure))
    assert log_loss(labels, fitted) < log_loss(labels, too_sure)
    assert (fitted.argmax(axis=1) == probabilities.argmax(axis=1)).all()


def test_answering_only_when_confident_is_more_often_right():
    labels = np.array([0, 0, 0, 1])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    table = evaluation.accuracy_over_coverage(labels, probabilities, [0.5, 1.0])
    expected = {"coverage": [0.5, 1.0], "accuracy": [1.0, 0.75], "images": [2, 4], "threshold": [0.8, 0.6]}
    pd.testing.assert_frame_equal(table, pd.DataFrame(expected))
