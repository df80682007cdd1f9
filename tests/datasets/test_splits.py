"""Laws of a split: every image once, every class its share, every group whole, the same seed the same draw."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_tf.datasets import splits
from fer_tf.errors import InputError

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


def labeled(counts):
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))


def test_known_shares_come_out_exactly():
    labels = labeled([100, 200, 400])
    drawing = splits.stratified(labels, SHARES, seed=3)
    for code, n in enumerate([100, 200, 400]):
        counts = [int((drawing[labels == code] == name).sum()) for name in SHARES]
        assert counts == [round(n * share) for share in SHARES.values()]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(20, 90), min_size=2, max_size=5), st.integers(0, 1000))
def test_each_class_has_its_share_in_every_split(counts, seed):
    labels = labeled(counts)
    drawing = splits.stratified(labels, SHARES, seed)
    assert set(drawing) == set(SHARES)
    for code, n in enumerate(counts):
        for name, share in SHARES.items():
            assert abs((drawing[labels == code] == name).sum() - share * n) <= 2


def test_the_seed_decides_the_draw():
    labels = labeled([50, 50])
    assert np.array_equal(splits.stratified(labels, seed=1), splits.stratified(labels, seed=1))
    assert not np.array_equal(splits.stratified(labels, seed=1), splits.stratified(labels, seed=2))
    assert np.array_equal(splits.kfold(labels, 5, seed=1), splits.kfold(labels, 5, seed=1))
    assert not np.array_equal(splits.kfold(labels, 5, seed=1), splits.kfold(labels, 5, seed=2))


def test_names_serve_as_labels():
    names = np.array(["happy", "sad"])[labeled([50, 50])]
    assert np.array_equal(splits.stratified(names, seed=1), splits.stratified(names == "sad", seed=1))


def test_a_group_is_never_parted():
    rng = np.random.default_rng(0)
    groups = np.sort(rng.integers(0, 120, 600))
    labels = groups % 3  # a person shows one emotion
    order = rng.permutation(600)
    groups, labels = groups[order], labels[order]
    drawing, folds = splits.stratified(labels, SHARES, 0, groups), splits.kfold(labels, 4, 0, groups)
    for group in np.unique(groups):
        assert len(set(drawing[groups == group])) == 1
        assert len(set(folds[groups == group])) == 1
    assert abs((drawing == "test").mean() - 0.15) < 0.05


@pytest.mark.parametrize("k", [2, 5])
def test_every_image_is_held_out_once_and_classes_are_even(k):
    labels = labeled([20, 40, 60])
    folds = splits.kfold(labels, k, seed=0)
    assert folds.dtype == np.int64 and set(folds) == set(range(k))
    for code, n in enumerate([20, 40, 60]):
        assert np.bincount(folds[labels == code], minlength=k).tolist() == [n // k] * k


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: splits.stratified([0, 1] * 9, {"train": 0.8, "test": 0.1}), "sum to 1"),
        (lambda: splits.stratified([0, 1] * 9, {"train": 1.2, "test": -0.2}), "positive"),
        (lambda: splits.stratified([0] * 9 + [1]), "class 1 has 1 image"),
        (lambda: splits.stratified([0, 1] * 9, groups=[0]), "groups of shape"),
        (lambda: splits.stratified([]), "one label per image"),
        (lambda: splits.kfold([0, 1] * 9, 1), "2 or more"),
        (lambda: splits.kfold([0] * 9 + [1] * 4, 5), "class 1 has 4 images"),
    ],
)
def test_what_cannot_be_split_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
