"""A network on other datasets: its own input, the shared classes, and the matrix of both."""

from types import SimpleNamespace

import numpy as np
import pytest
from conftest import make_dataset

from fer_tf import figures
from fer_tf.errors import InputError
from fer_tf.evaluation import cross_dataset


class Brightness:
    """A stand-in for a network of 24x24 gray images: 'happy' above 150 in the mean, 'angry' below, a little 'fear'."""

    input_shape, classes = (None, 24, 24, 1), ("happy", "fear", "angry")

    def predict_on_batch(self, images):
        assert images.shape[1:] == self.input_shape[1:]
        bright = images.mean(axis=(1, 2, 3)) > 150
        return np.where(bright[:, None], [0.5, 0.4, 0.1], [0.1, 0.6, 0.3])


@pytest.fixture
def colored():
    """Color images of 48 pixels, of angry (60), contempt (120) and happy (180) by their brightness."""
    return make_dataset(channels=3, classes=("angry", "contempt", "happy"))


def test_only_shared_classes_count_in_the_dataset_s_order_and_the_network_s_form(colored):
    part, probabilities = cross_dataset.shared_predictions(Brightness(), Brightness.classes, colored)
    assert part.classes == ("angry", "happy") and len(part) == 12
    np.testing.assert_allclose(probabilities[0], [0.75, 0.25])  # 0.3 and 0.1, without the 0.6 for fear
    np.testing.assert_allclose(probabilities[-1], [1 / 6, 5 / 6])


def test_too_few_shared_classes_are_refused(colored):
    with pytest.raises(InputError, match="name two or more"):
        cross_dataset.shared_predictions(Brightness(), ("happy", "fear", "sad"), colored)


def test_the_matrix_tells_accuracy_classes_and_what_guessing_would_give(colored):
    part, probabilities = cross_dataset.shared_predictions(Brightness(), Brightness.classes, colored)
    wrong = SimpleNamespace(labels=np.array([0, 0, 0, 1]), probabilities=np.eye(3)[[1, 1, 0, 1]], classes="abc")
    right = SimpleNamespace(labels=part.labels, probabilities=probabilities, classes=part.classes)
    table = cross_dataset.accuracy_across({("a", "one"): right, ("a", "two"): wrong, ("b", "one"): right})
    assert table["accuracy"].tolist() == [1, 0.5, 1] and table["classes"].tolist() == [2, 3, 2]
    assert table["most_frequent"].tolist() == [0.5, 0.75, 0.5] and (table["low"] < table["accuracy"]).all()
    cells = [text.get_text() for text in figures.accuracy_across(table).axes[0].texts]
    assert cells == ["1.000\nof 2", "0.500\nof 3", "1.000\nof 2", "–"]


def test_a_matrix_without_a_network_that_shares_classes_is_one_line():
    with pytest.raises(InputError, match="no network shares two classes"):
        cross_dataset.accuracy_across({})
