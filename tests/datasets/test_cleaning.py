"""Every fault is planted in a small dataset, and found where it was planted."""

import numpy as np
import pytest

from fer_tf.datasets import Dataset, cleaning
from fer_tf.errors import InputError


def planted():
    """Twenty faces of noise, ten of them for training, with known faults."""
    images = np.random.default_rng(0).integers(30, 220, (20, 12, 12, 1), dtype=np.uint8)
    labels = np.arange(20) % 2
    splits = np.repeat(["train", "validation", "test"], [10, 5, 5])
    images[0] = 60  # blank
    images[1] = np.where(images[1] > 120, 255, 0)  # black and white
    images[3] = images[2]  # a twin of another label within training
    images[6] = images[4]  # a twin of the same label within training
    images[14] = images[8]  # the same label in training and validation
    images[15] = images[5]  # the same label in training and test
    images[16] = images[18]  # twins within test
    images[11] = 200  # blank, in validation
    return Dataset("planted", ("happy", "sad"), images, labels, splits, [f"row {row}" for row in range(20)])


def result(mask):
    return np.flatnonzero(mask).tolist()


def test_each_fault_is_found_where_it_was_planted():
    audit = cleaning.audit(planted())
    assert result(audit.blank) == [0, 11]
    assert result(audit.uniform) == [0, 11]
    assert result(audit.black_white) == [1]
    assert result(audit.group >= 0) == [2, 3, 4, 5, 6, 8, 14, 15, 16, 18]
    assert result(audit.repeat) == [3, 6, 18]
    assert result(audit.leaked) == [5, 8]
    assert result(audit.conflict) == [2, 3]


def test_groups_tell_their_size_splits_and_conflicts():
    groups = cleaning.audit(planted()).groups()
    assert groups["images"].tolist() == [2, 2, 2, 2, 2]
    assert groups["splits"].tolist() == [1, 1, 2, 2, 1]
    assert groups["conflict"].tolist() == [True, False, False, False, False]


def test_the_summary_counts_images_and_groups_per_split():
    summary = cleaning.audit(planted()).summary()
    assert list(summary.columns) == ["train", "validation", "test", "all"]
    assert summary.loc["images"].tolist() == [10, 5, 5, 20]
    assert summary.loc["blank"].tolist() == [1, 1, 0, 2]
    assert summary.loc["groups of byte-identical images"].tolist() == [4, 1, 2, 5]
    assert summary.loc["groups in more than one split"].tolist() == [2, 1, 1, 2]
    assert summary.loc["groups with different labels"].tolist() == [1, 0, 0, 1]


def test_a_dataset_without_faults_has_none():
    rng = np.random.default_rng(1)
    images = rng.integers(30, 220, (6, 12, 12, 3), dtype=np.uint8)
    dataset = Dataset("good", ("happy",), images, np.zeros(6), ["train"] * 6, list("abcdef"))
    audit = cleaning.audit(dataset)
    assert not audit.flags()[["blank", "black_white", "uniform", "repeat", "leaked", "conflict"]].to_numpy().any()
    assert len(audit.groups()) == 0 and audit.summary().loc["groups of byte-identical images", "all"] == 0
    assert cleaning.clean(dataset, audit).hash == dataset.hash


def test_thresholds_are_the_callers():
    dataset = planted()
    assert cleaning.audit(dataset, blank_std=255).blank.all()
    assert not cleaning.audit(dataset, blank_std=0).blank.any()
    assert result(cleaning.audit(dataset, black_white=1.0).black_white) == [1]
    assert cleaning.audit(dataset, uniform_range=255).uniform.all()
    with pytest.raises(InputError, match="black_white=90"):
        cleaning.audit(dataset, black_white=90)


def test_near_uniform_overlooks_a_few_stray_pixels():
    images = np.full((1, 20, 20, 1), 100, dtype=np.uint8)
    images[0, 0, :8] = 255
    audit = cleaning.audit(Dataset("line", ("happy",), images, [0], ["train"], ["a"]))
    assert audit.uniform.all() and not audit.blank.any()


def test_cleaning_takes_from_the_training_split_only():
    dataset = planted()
    cleaned = cleaning.clean(dataset, cleaning.audit(dataset))
    assert cleaned.split("train").ids.tolist() == ["row 4", "row 7", "row 9"]
    for split in ("validation", "test"):
        assert cleaned.split(split).hash == dataset.split(split).hash


REMOVED = {"blank": [0], "black_white": [1], "uniform": [0], "duplicates": [3, 6], "leaks": [5, 8], "conflicts": [2, 3]}


@pytest.mark.parametrize(("what", "gone"), REMOVED.items())
def test_only_what_is_asked_for_is_removed_and_it_is_told(what, gone):
    dataset = planted()
    cleaned = cleaning.clean(dataset, cleaning.audit(dataset), remove=(what,))
    assert sorted(set(dataset.ids) - set(cleaned.ids)) == [f"row {row}" for row in gone]
    assert cleaned.source["cleaned"] == {what: len(gone), "removed in all": len(gone)}
    assert "cleaned" not in dataset.source


def test_an_unknown_finding_and_an_audit_of_another_dataset_are_refused():
    dataset = planted()
    audit = cleaning.audit(dataset)
    with pytest.raises(InputError, match="remove 'ugly'"):
        cleaning.clean(dataset, audit, remove=("ugly",))
    with pytest.raises(InputError, match="Audit it"):
        cleaning.clean(dataset.split("train"), audit)


def test_test_images_that_the_training_split_holds_too_are_pointed_at():
    images = np.random.default_rng(0).integers(0, 256, (6, 12, 12, 1), dtype=np.uint8)
    images[3], images[5] = images[0], images[4]  # test images: a twin in training, and a twin in test itself
    splits = np.repeat(["train", "test"], 3)
    ids = np.array([f"image {i}" for i in range(6)])
    faces = Dataset("little", ("a", "b"), images, np.arange(6) % 2, splits, ids)
    assert np.flatnonzero(cleaning.audit(faces).seen_in_training()).tolist() == [3]
