"""Oversampling: every class as often as the most frequent one, and only the repeats are augmented."""

import numpy as np
import pytest
from conftest import make_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_tf.errors import InputError
from fer_tf.training import Batches, augmenter, oversampling


@pytest.fixture
def uneven():
    """8 angry, 4 happy and 1 sad image of 16 pixels, all in the training split."""
    faces = make_dataset(per_class=8, size=16, splits=(8, 0, 0))
    return faces.select(np.r_[0:8, 8:12, 16])


def everything(batches, epoch=0):
    batches.epoch = epoch
    parts = [batches[i] for i in range(len(batches))]
    return np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts])


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_every_class_that_has_images_comes_as_often_as_the_most_frequent(labels):
    labels = np.array(labels)
    rows = oversampling.oversampled_indices(labels, 5)
    counts, there = np.bincount(labels[rows], minlength=5), np.bincount(labels, minlength=5)
    np.testing.assert_array_equal(counts, np.where(there > 0, there.max(), 0))
    np.testing.assert_array_equal(rows[: len(labels)], np.arange(len(labels)))
    for k in range(5):  # fairly: within a class no image comes twice as often before another has come
        times = np.bincount(rows, minlength=len(labels))[labels == k]
        assert not len(times) or np.ptp(times) <= 1


def test_the_counts_before_and_after_are_those_of_the_batches(uneven):
    counts = oversampling.counts(uneven)
    assert counts["before"].tolist() == [8, 4, 1] and counts["after"].tolist() == [8, 8, 8]
    _, labels = everything(oversampling.batches(uneven, 5, 1, "five_layer_paper", balance="oversample_augmented"))
    assert labels.sum(axis=0).tolist() == counts["after"].tolist()
    assert oversampling.counts(uneven, "none")["after"].tolist() == [8, 4, 1]


def test_each_image_is_shown_once_as_it_is_and_its_repeats_are_augmented(uneven):
    images, _ = everything(oversampling.batches(uneven, 5, 1, "five_layer_paper", balance="oversample_augmented"))
    displayed = [int((images == image).all(axis=(1, 2, 3)).sum()) for image in uneven.images]
    assert displayed == [1] * 13 and len(images) == 24


def test_oversampling_without_a_recipe_repeats_images_as_they_are(uneven):
    images, _ = everything(oversampling.batches(uneven, 5, 1, "none", balance="oversample"))
    displayed = [int((images == image).all(axis=(1, 2, 3)).sum()) for image in uneven.images]
    assert displayed == [1] * 8 + [2] * 4 + [8]


def test_repeats_differ_from_each_other_and_between_epochs_and_are_reproducible(uneven):
    batches = oversampling.batches(uneven, 5, 1, "strong", seed=3, balance="oversample_augmented")
    first, labels = everything(batches)
    sad = first[labels[:, 2] == 1]
    assert len(np.unique(sad.reshape(len(sad), -1), axis=0)) == 8
    assert not np.array_equal(first, everything(batches, epoch=1)[0])
    np.testing.assert_array_equal(first, everything(batches)[0])


def test_without_balance_the_batches_are_the_usual_ones(uneven):
    usual = Batches(uneven, 5, 3, augmenter("five_layer_paper"), seed=1)
    ours = oversampling.batches(uneven, 5, 3, "five_layer_paper", seed=1)
    np.testing.assert_array_equal(everything(usual)[0], everything(ours)[0])


def test_unknown_balances_and_augmented_repeats_without_a_recipe_are_refused(uneven):
    with pytest.raises(InputError, match="unknown balance 'twins'"):
        oversampling.batches(uneven, 5, 1, balance="twins")
    with pytest.raises(InputError, match="or take 'oversample'"):
        oversampling.batches(uneven, 5, 1, "none", balance="oversample_augmented")
