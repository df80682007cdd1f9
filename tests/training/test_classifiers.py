"""Classifiers without a network: they learn, are chosen and calibrated without the test split, and say what they cost."""

import numpy as np
import pytest

from fer_tf.errors import InputError
from fer_tf.training.classical import classifiers


@pytest.fixture(scope="module")
def blobs():
    rng = np.random.default_rng(0)
    centers = rng.normal(0, 3, (3, 8))
    labels = np.tile([0, 1, 2], 60)
    vectors = (centers[labels] + rng.normal(0, 1, (180, 8))).astype(np.float32)
    return vectors, labels


def fit(name, blobs, **changed):
    vectors, labels = blobs
    return classifiers.fit(name, [vectors[:120]], labels[:120], (vectors[120:], labels[120:]), components=4, **changed)


@pytest.mark.parametrize("name", classifiers.names())
def test_every_classifier_learns_what_can_be_learned(name, blobs):
    grid = {} if name != "nystroem_svm" else {"map__n_components": [30]}
    result = fit(name, blobs, grid=grid)
    probabilities = classifiers.probabilities(result.model, blobs[0][120:])
    assert (probabilities.argmax(axis=1) == blobs[1][120:]).mean() > 0.9
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert result.fit_seconds > 0 and result.megabytes > 0


def test_the_search_takes_the_setting_that_does_best(blobs):
    result = fit("rbf_svm", blobs, grid={"scale__gamma": [1000.0, 1.0]}, search=90)
    assert result.chosen == {"scale__gamma": 1.0}
    assert result.searched["accuracy"].idxmax() == 1 and len(result.searched) == 2
    assert fit("rbf_svm", blobs, grid={"scale__gamma": [2.0, 1.0]}).chosen == {"scale__gamma": 2.0}


def test_a_search_on_fewer_images_than_components_takes_fewer_components(blobs):
    rng = np.random.default_rng(0)
    vectors, labels = np.hstack([blobs[0], rng.normal(0, 0.1, (180, 40)).astype(np.float32)]), blobs[1]
    held = vectors[120:], labels[120:]
    result = classifiers.fit("rbf_svm", [vectors[:120]], labels[:120], held, components=40, search=30)
    assert result.searched["accuracy"].max() > 0.9
    assert result.model.estimator.estimator.named_steps["pca"].n_components_ == 40


def test_mirror_images_are_learned_from_but_not_searched_on(blobs, monkeypatch):
    vectors, labels = blobs
    observed = []
    search = classifiers._search
    monkeypatch.setattr(classifiers, "_search", lambda *given: observed.append(len(given[2])) or search(*given))
    views, held = [vectors[:120], vectors[:120] + 0.01], (vectors[120:], labels[120:])
    result = classifiers.fit("rbf_svm", views, labels[:120], held, components=4, search=60)
    assert observed == [120]
    assert result.model.estimator.estimator.named_steps["classifier"].shape_fit_ == (240, 4)


def test_a_forest_sees_the_features_and_the_others_their_principal_components():
    steps = {name: classifiers.build(name, components=4).named_steps for name in classifiers.names()}
    assert [name for name in steps if "pca" not in steps[name]] == ["random_forest"]
    assert not any("pca" in classifiers.build(name, components=0).named_steps for name in classifiers.names())


def test_calibration_brings_confidence_to_accuracy():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 900)
    vectors = (np.eye(3)[labels] * 1.2 + rng.normal(0, 1, (900, 3))).astype(np.float32)
    result = classifiers.fit(
        "rbf_svm", [vectors[:300]], labels[:300], (vectors[300:600], labels[300:600]), components=0
    )
    probabilities = classifiers.probabilities(result.model, vectors[600:])
    accuracy = (probabilities.argmax(axis=1) == labels[600:]).mean()
    assert abs(probabilities.max(axis=1).mean() - accuracy) < 0.08


def test_the_same_seed_gives_the_same_forest(blobs):
    one, two = (classifiers.probabilities(fit("random_forest", blobs, seed=3).model, blobs[0][120:]) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_views_are_averaged(blobs):
    result, held = fit("linear_svm", blobs), blobs[0][120:]
    both = classifiers.probabilities(result.model, held, held + 1)
    alone = [classifiers.probabilities(result.model, view) for view in (held, held + 1)]
    np.testing.assert_allclose(both, np.mean(alone, axis=0), atol=1e-6)


def test_the_scale_makes_gamma_mean_the_same_for_long_and_short_vectors(blobs):
    vectors = blobs[0]
    short, long = (classifiers.UnitScale(2.0).fit(scale * vectors).transform(scale * vectors) for scale in (1, 100))
    np.testing.assert_allclose(short, long, atol=1e-4)
    assert (short**2).sum(axis=1).mean() == pytest.approx(2.0, rel=1e-3)


def test_unknown_names_and_too_few_images_are_refused(blobs):
    with pytest.raises(InputError, match="unknown classifier 'knn'"):
        classifiers.build("knn")
    vectors, labels = blobs[0][:10], np.array([0] * 8 + [1] * 2)
    with pytest.raises(InputError, match="a class has 2 training images, too few for 3 folds"):
        both = blobs[1] < 2
        classifiers.fit("linear_svm", [vectors], labels, (blobs[0][both], blobs[1][both]), search=10)
    for few, held in ((labels, [0] * 6 + [1, 2]), (labels * 0, [0] * 8)):
        with pytest.raises(InputError, match="a class has no training image, or there is one class only"):
            classifiers.fit("linear_svm", [vectors], few, (vectors[:8], np.array(held)))
    for held in ([0, 1, 0, 1], [0] * 8):  # no class of five; none of the second class
        with pytest.raises(InputError, match="too few validation images to calibrate"):
            classifiers.fit("linear_svm", [vectors], labels, (vectors[: len(held)], np.array(held)))
