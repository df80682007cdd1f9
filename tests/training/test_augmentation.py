"""Augmentation: views that follow from their seed, and batches that follow from (seed, epoch, index)."""

import numpy as np
import pytest
from conftest import make_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_tf.datasets.arrays import with_channels
from fer_tf.errors import InputError
from fer_tf.training import RECIPES, Augmenter, Batches, augmenter, recipe


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (4, 48, 48, 1), dtype=np.uint8)


@pytest.mark.parametrize("name", sorted({*RECIPES} - {"none", "photographs"}))  # that one is for `FastAugmenter`
def test_a_view_is_a_function_of_its_image_and_seed_alone(name, images):
    augment = augmenter(name)
    together = augment(images, [(7, i) for i in range(4)])
    np.random.seed(123)  # noqa: NPY002
    alone = augment(images[2:3], [(7, 2)])
    np.testing.assert_array_equal(together[2], alone[0])


def test_views_differ_between_seeds_and_keep_shape_and_range(images):
    augment = augmenter("strong")
    one, two = augment(images, [(0, i) for i in range(4)]), augment(images, [(1, i) for i in range(4)])
    assert one.shape == images.shape and one.dtype == np.float32
    assert one.min() >= 0 and one.max() <= 255
    assert not np.array_equal(one, two)


def test_drawing_a_view_leaves_numpys_global_state_alone(images):
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    augmenter("five_layer_paper")(images, [(0, i) for i in range(4)])
    assert np.random.random() == expected  # noqa: NPY002


def test_no_augmentation_changes_nothing(images):
    assert augmenter("none") is None
    np.testing.assert_array_equal(Augmenter()(images, [0, 1, 2, 3]), images.astype(np.float32))


def test_erasing_hides_one_rectangle_of_at_most_a_sixth(images):
    erased = Augmenter(erasing=1.0)(images, [(0, i) for i in range(4)])
    changed = (erased != images).mean(axis=(1, 2, 3))
    assert (changed > 0.005).all() and (changed < 0.17).all()


def test_an_unknown_recipe_or_argument_is_named():
    with pytest.raises(InputError, match=r"unknown augmentation 'wild'; choose one of none"):
        recipe("wild")
    with pytest.raises(InputError, match="spin"):
        Augmenter({"spin": 3})


def test_every_training_image_is_shown_once_in_an_epoch_and_in_another_order_in_the_next():
    dataset = make_dataset().split("train")
    dataset.images[:] = np.arange(len(dataset), dtype=np.uint8)[:, None, None, None]
    batches = Batches(dataset, batch_size=5, channels=3, seed=1)
    orders = []
    for batches.epoch in (0, 1):
        observed = np.concatenate([batches[i][0][:, 0, 0, 0] for i in range(len(batches))])
        assert sorted(observed) == list(range(len(dataset)))
        orders.append([set(batches[i][0][:, 0, 0, 0]) for i in range(len(batches))])
    assert orders[0] != orders[1]


def test_batches_give_the_labels_of_their_images_one_hot():
    dataset = make_dataset().split("train")
    dataset.images[:] = dataset.labels.astype(np.uint8)[:, None, None, None]
    images, labels = Batches(dataset, batch_size=6, channels=1)[1]
    assert labels.shape == (6, 3) and (labels.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(labels.argmax(axis=1), images[:, 0, 0, 0])


@given(gray=st.integers(0, 255))
@settings(max_examples=20, deadline=None)
def test_gray_to_color_and_back_is_nothing(gray):
    image = np.full((1, 2, 2, 1), gray, np.uint8)
    np.testing.assert_array_equal(with_channels(with_channels(image, 3), 1), image)


def test_other_numbers_of_channels_are_refused():
    with pytest.raises(InputError, match="images with 4 channels"):
        with_channels(np.zeros((1, 2, 2, 4), np.uint8), 3)
