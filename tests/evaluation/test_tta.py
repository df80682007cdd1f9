"""Test-time augmentation: laws of the views, and of averaging over them."""

import numpy as np
import pytest

from fer_tf.datasets.arrays import mirror
from fer_tf.errors import InputError
from fer_tf.evaluation import tta


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1), dtype=np.uint8)


class Brightness:
    """A stand-in network: two classes, the second as probable as the image is bright; blind to mirroring."""

    input_shape = (None, 8, 8, 1)

    def predict_on_batch(self, images):
        bright = np.asarray(images).mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - bright, bright], axis=1)


def test_a_flip_twice_is_nothing(images):
    np.testing.assert_array_equal(mirror(mirror(images)), images)


def test_a_shift_moves_the_picture_and_repeats_the_border(images):
    moved = tta.shift(images, down=2, right=1)
    np.testing.assert_array_equal(moved[:, 2:, 1:], images[:, :-2, :-1])
    np.testing.assert_array_equal(moved[:, 0, 1:], images[:, 0, :-1])


def test_the_views_of_a_mirror_symmetric_network_average_to_its_plain_prediction(images):
    plain = tta.test_time_probabilities(Brightness(), images, [tta.identity])
    both = tta.test_time_probabilities(Brightness(), images, [tta.identity, mirror])
    np.testing.assert_allclose(both, plain, atol=1e-6)


def test_the_deterministic_views_are_ten_and_begin_with_the_image_itself(images):
    views = tta.flips_and_shifts(1)
    assert len(views) == 10
    observed = [view(images) for view in views]
    np.testing.assert_array_equal(observed[0], images)
    assert len({view.tobytes() for view in observed}) == 10


def test_random_views_are_repeatable_and_differ_from_each_other(images):
    first, again = tta.random_views(2, "five_layer_paper", seed=3), tta.random_views(2, "five_layer_paper", seed=3)
    np.testing.assert_array_equal(first[1](images), again[1](images))
    assert not np.array_equal(first[0](images), first[1](images))


@pytest.mark.parametrize("rule", ["mean", "geometric"])
def test_combined_probabilities_sum_to_one_and_ignore_the_order_of_views(rule):
    votes = np.random.default_rng(0).dirichlet(np.ones(7), size=(5, 4))
    combined = tta.combine(votes, rule)
    np.testing.assert_allclose(combined.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(tta.combine(votes[::-1], rule), combined, atol=1e-6)


def test_the_mean_and_the_geometric_mean_are_what_their_names_say():
    votes = np.array([[[0.9, 0.1]], [[0.5, 0.5]]])
    np.testing.assert_allclose(tta.combine(votes, "mean"), [[0.7, 0.3]], atol=1e-6)
    root = np.sqrt([0.45, 0.05])
    np.testing.assert_allclose(tta.combine(votes, "geometric"), [root / root.sum()], atol=1e-6)


def test_the_curve_over_views_ends_at_the_accuracy_of_all():
    votes = np.array([[[0.9, 0.1], [0.6, 0.4]], [[0.8, 0.2], [0.1, 0.9]]])
    curve = tta.accuracy_over_views(votes, np.array([0, 1]))
    assert list(curve["n"]) == [1, 2] and list(curve["accuracy"]) == [0.5, 1.0]


def test_no_views_and_unknown_rules_are_refused(images):
    with pytest.raises(InputError, match="no views given"):
        tta.view_probabilities(Brightness(), images, [])
    with pytest.raises(InputError, match="unknown rule 'vote'"):
        tta.combine(np.ones((1, 1, 2)), "vote")
    with pytest.raises(InputError, match="0 views"):
        tta.random_views(0)
