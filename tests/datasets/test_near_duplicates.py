"""Near-duplicates are found where they were planted, and nowhere else; the shipped list is FER2013's."""

import cv2
import numpy as np
import pytest

from fer_tf.datasets import Dataset, near_duplicates, sample, splits
from fer_tf.errors import InputError
from fer_tf.training import oversampling


@pytest.fixture(scope="module")
def faces():
    """Drawn faces without faults, of which some are there again: encoded again, shifted and mirrored."""
    dataset = sample.sample(n=140)
    images = sample.sample(n=240, seed=5).images[:140].copy()
    for place, source, change in (
        (100, 3, lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [1, 60])[1], 0)),
        (101, 4, lambda image: np.roll(image, (2, -1), (0, 1))),
        (102, 5, lambda image: image[:, ::-1]),
        (103, 6, lambda image: np.roll(image[:, ::-1], -2, 1)),
        (137, 7, lambda image: np.roll(image, 1, 0)),
    ):
        images[place, ..., 0] = change(images[source, ..., 0])
    images[50], images[51] = 128, 128
    return Dataset("copies", dataset.classes, images, dataset.labels, dataset.splits, dataset.ids)


PLANTED = {(3, 100), (4, 101), (5, 102), (6, 103), (7, 137), (50, 51)}


def linked(table):
    similar = table[table["similarity"] >= near_duplicates.SIMILAR]
    return set(zip(similar["first"], similar["second"], strict=True))


def test_copies_are_found_encoded_again_shifted_and_mirrored(faces):
    assert linked(near_duplicates.pairs(faces.images)) >= PLANTED


@pytest.mark.parametrize("rows", [[3, 4, 5, 6, 7], [100, 101, 102, 103, 137]])
def test_some_rows_compared_with_all_others_find_the_same_pairs(faces, rows):
    everything = linked(near_duplicates.pairs(faces.images))
    expected = {pair for pair in everything if set(pair) & set(rows)}
    assert linked(near_duplicates.pairs(faces.images, np.array(rows))) == expected


def test_color_and_size_do_not_matter(faces):
    large = np.stack([cv2.resize(image, (96, 96)) for image in faces.images[[3, 100, 5, 102]]])
    colored = np.repeat(large[..., None], 3, axis=-1)
    assert linked(near_duplicates.pairs(colored)) == {(0, 1), (2, 3)}


def test_images_of_no_near_duplicate_and_of_no_contrast_are_in_no_pair():
    noise = np.random.default_rng(0).integers(0, 256, (20, 48, 48, 1), dtype=np.uint8)
    noise[7], noise[9] = 3, 4
    table = near_duplicates.pairs(noise)
    assert not linked(table) and (near_duplicates.groups(20, table) == -1).all()


@pytest.mark.parametrize("contrast", [40, 0])
def test_a_films_frames_are_of_one_group_with_a_bounded_number_of_pairs(contrast):
    rng = np.random.default_rng(0)
    scene, motion = (cv2.GaussianBlur(rng.normal(0, 14 * contrast, (48, 48)), (0, 0), 4) for _ in range(2))
    frames = 128 + scene + np.linspace(0, 2, 240)[:, None, None] * motion
    frames += contrast / 10 * rng.normal(0, 1, (240, 48, 48))
    table = near_duplicates.pairs(np.clip(frames, 0, 255).astype(np.uint8)[..., None])
    assert len(table) <= 240 * near_duplicates.MOST < 240 * 239 / 2
    assert (near_duplicates.groups(240, table) == 0).all()
    splits = np.repeat(["train", "test"], [180, 60])
    assert near_duplicates.leaks(splits, table).sum() == 60


def test_a_test_image_with_a_copy_in_another_split_leaks_and_the_summary_counts_it(faces):
    table = near_duplicates.pairs(faces.images)
    leaked = near_duplicates.leaks(faces.splits, table)
    assert leaked[137] and not leaked[faces.splits != "test"].any() and leaked.sum() < 5
    counts = near_duplicates.summary(faces, table).set_index("finding")["images"]
    group = near_duplicates.groups(len(faces), table)
    assert counts["images in them"] == (group >= 0).sum() >= 12
    assert counts["test images with a near-duplicate in training or validation"] == leaked.sum()


def test_near_duplicates_stay_in_one_fold_and_in_one_split(faces):
    table = near_duplicates.pairs(faces.images)
    groups = splits.as_groups(near_duplicates.groups(len(faces), table))
    folds = splits.kfold(faces.labels, 3, seed=0, groups=groups)
    parts = splits.stratified(faces.labels, {"train": 0.6, "test": 0.4}, seed=0, groups=groups)
    for first, second in linked(table):
        assert folds[first] == folds[second] and parts[first] == parts[second]


def test_copies_to_balance_the_classes_are_of_training_images_only(faces):
    held_out = {image.tobytes() for image in faces.images[faces.splits != "train"]}
    train = faces.split("train").select(np.arange(60))
    batches = oversampling.batches(train, 16, 1, "none", balance="oversample")
    shown = [image.astype(np.uint8).tobytes() for b in range(len(batches)) for image in batches[b][0]]
    assert len(shown) > len(train) and not held_out & set(shown)


def test_the_shipped_list_holds_names_only_and_others_are_refused():
    names = near_duplicates.leak_free("fer2013")
    assert len(names) == 2850 and all(name.startswith("PrivateTest_") for name in names)
    with pytest.raises(InputError, match="unknown leak-free list 'sample'"):
        near_duplicates.leak_free("sample")
