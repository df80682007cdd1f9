from types import SimpleNamespace

import numpy as np
import pytest
import scipy.optimize

from fer_tf.errors import InputError
from fer_tf.evaluation import ensembles


def predictions(probabilities, labels, ids=None, classes=("happy", "sad")):
    ids = [f"image {i}" for i in range(len(labels))] if ids is None else ids
    fields = {"ids": np.array(ids), "labels": np.array(labels), "classes": classes}
    return SimpleNamespace(probabilities=np.array(probabilities, np.float32), **fields)


def random_members(n=300, k=4, count=3, seed=0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, k, n)
    hints = [np.eye(k)[labels] * strength for strength in np.linspace(0.5, 1.5, count)]
    logits = [hint + random.normal(0, 1, (n, k)) for hint in hints]
    return labels, {f"m{i}": np.exp(one) / np.exp(one).sum(axis=1, keepdims=True) for i, one in enumerate(logits)}


def test_predictions_in_another_order_of_images_and_classes_are_brought_into_the_first_ones():
    first = predictions([[0.9, 0.1], [0.2, 0.8]], [0, 1])
    other = predictions([[0.7, 0.3], [0.4, 0.6]], [0, 1], ids=["image 1", "image 0"], classes=("sad", "happy"))
    labels, members, classes = ensembles.aligned({"a": first, "b": other})
    assert labels.tolist() == [0, 1] and classes == ("happy", "sad")
    np.testing.assert_allclose(members["b"], [[0.6, 0.4], [0.3, 0.7]], atol=1e-6)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (predictions([[1, 0]], [0]), "different images"),
        (predictions([[1, 0], [1, 0]], [0, 0]), "different labels"),
        (predictions([[1, 0], [1, 0]], [0, 1], classes=("happy", "angry")), "has the classes happy, angry"),
    ],
)
def test_predictions_of_something_else_are_refused(other, message):
    with pytest.raises(InputError, match=message):
        ensembles.aligned({"a": predictions([[1, 0], [0, 1]], [0, 1]), "b": other})


def test_a_member_that_knows_the_labels_gets_all_the_weight():
    labels, members = random_members()
    members["oracle"] = np.eye(4)[labels] * 0.96 + 0.01
    weights = ensembles.fit_weights(labels, members)
    assert sum(weights.values()) == pytest.approx(1) and weights["oracle"] > 0.99


def test_fitted_weights_have_at_least_the_likelihood_of_any_others():
    labels, members = random_members()
    fitted = ensembles.fit_weights(labels, members)

    def likelihood(weights):
        return np.log(ensembles.combine(members, weights)[np.arange(len(labels)), labels]).mean()

    random = np.random.default_rng(1).dirichlet(np.ones(3), 50)
    assert all(likelihood(fitted) >= likelihood(dict(zip(members, w, strict=True))) - 1e-5 for w in random)


def test_fitted_weights_reach_the_best_ones_where_many_members_are_alike():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 500)
    shared = np.eye(7)[labels] + rng.normal(0, 0.6, (500, 7))
    noisy = {f"member {n}": np.exp(shared + rng.normal(0, 0.5 + n / 20, (500, 7))) for n in range(12)}
    members = {name: one / one.sum(axis=1, keepdims=True) for name, one in noisy.items()}
    of_label = np.stack([one[np.arange(500), labels] for one in members.values()], axis=1)
    best = scipy.optimize.minimize(
        lambda weights: -np.log(of_label @ weights).mean(),
        np.full(12, 1 / 12),
        bounds=[(0, 1)] * 12,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
    )
    fitted = np.array(list(ensembles.fit_weights(labels, members).values()))
    assert np.log(of_label @ fitted).mean() == pytest.approx(-best.fun, abs=2e-5)


def test_two_members_that_complete_each_other_are_both_selected():
    labels = np.array([0, 0, 1, 1])
    members = {
        "left": np.array([[0.9, 0.1], [0.9, 0.1], [0.55, 0.45], [0.4, 0.6]]),
        "right": np.array([[0.6, 0.4], [0.45, 0.55], [0.1, 0.9], [0.1, 0.9]]),
        "useless": np.array([[0.4, 0.6]] * 2 + [[0.6, 0.4]] * 2),
    }
    weights, path = ensembles.select(labels, members, rounds=6)
    assert weights == {"left": 1, "right": 1} or weights == {"right": 1, "left": 1}
    assert path["accuracy"].tolist()[:2] == [0.75, 1.0]
    assert np.mean(ensembles.combine(members, weights).argmax(axis=1) == labels) == 1


@pytest.mark.parametrize("score", ensembles.SCORES)
def test_what_is_selected_is_as_good_on_validation_as_the_best_member(score):
    labels, members = random_members()
    weights, path = ensembles.select(labels, members, rounds=10, score=score, start=2)
    best = path[path["chosen"]].iloc[-1]
    combined = ensembles.combine(members, weights)
    assert best["accuracy"] == pytest.approx(np.mean(combined.argmax(axis=1) == labels))
    if score == "accuracy":
        assert best["accuracy"] >= path["accuracy"].iloc[1:].max()
    else:
        assert best["log_loss"] == pytest.approx(path["log_loss"].iloc[1:].min())
    assert sum(weights.values()) == path["chosen"].sum() and len(path) == 10


def test_weights_that_name_no_member_are_refused():
    with pytest.raises(InputError, match="unknown member 'c'; choose one of a"):
        ensembles.combine({"a": np.eye(2)}, {"c": 1})
    with pytest.raises(InputError, match="at least 0"):
        ensembles.combine({"a": np.eye(2)}, {"a": 0})
