"""Corruptions do what their names say, and errors are counted as they should be."""

import numpy as np
import pandas as pd
import pytest

from fer_tf.errors import InputError
from fer_tf.evaluation import robustness
from fer_tf.evaluation.explain import CANONICAL, face_regions


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(60, 190, (3, 48, 48, 1)).astype(np.uint8)


@pytest.mark.parametrize("corruption", robustness.STRENGTHS)
def test_a_corruption_gets_worse_with_its_strength_and_is_the_same_every_time(images, corruption):
    smooth = np.stack([robustness.at_resolution(images, 12)[0]] * 2)
    changed = [robustness.corrupted(smooth, corruption, strength) for strength in range(6)]
    assert all(one.shape == smooth.shape and one.dtype == np.uint8 for one in changed)
    away = [np.abs(np.float32(one) - smooth).mean() for one in changed]
    assert away[0] == 0 and away[1] > 0 and away[5] > away[1]
    assert np.array_equal(changed[3], robustness.corrupted(smooth, corruption, 3))
    assert np.array_equal(changed[3][:1], robustness.corrupted(smooth[:1], corruption, 3))


def test_brightness_and_contrast_are_what_they_say(images):
    brighter = robustness.corrupted(images, "brighter", 1)
    assert np.array_equal(brighter, images + 25)
    pale = robustness.corrupted(images, "contrast", 2)
    assert pale.std() / images.std() == pytest.approx(0.5, abs=0.01) and abs(pale.mean() - images.mean()) < 1


def test_the_covered_mouth_is_one_gray_and_the_rest_untouched(images):
    covered = robustness.corrupted(images, "mouth covered", 5)
    mouth = face_regions(CANONICAL * 48, (48, 48))["mouth"]
    assert np.unique(covered[0][mouth]).size == 1 and np.array_equal(covered[:, ~mouth], images[:, ~mouth])


def test_a_crop_of_one_and_the_full_resolution_change_nothing(images):
    assert np.array_equal(robustness.cropped(images, 1), images)
    assert np.array_equal(robustness.at_resolution(images, 48), images)
    edges = np.zeros((1, 48, 48, 1), np.uint8)
    edges[:, 12:36, 12:36] = 200
    assert robustness.cropped(edges, 0.5).min() > 90 and robustness.cropped(edges, 1.5).mean() < edges.mean()


def test_what_is_unknown_is_refused(images):
    with pytest.raises(InputError, match="unknown corruption 'fog'"):
        robustness.corrupted(images, "fog", 1)
    with pytest.raises(InputError, match="strength 6; choose 0 to 5"):
        robustness.corrupted(images, "blur", 6)


def test_the_mean_corruption_error_of_twice_the_errors_is_two():
    rows = [(m, c, v, 1 - (0.1 * v + 0.02) * f) for m, f in (("a", 1), ("b", 2)) for c in "xy" for v in range(3)]
    table = pd.DataFrame(rows, columns=["model", "variant", "value", "accuracy"])
    errors = robustness.corruption_errors(table)
    assert errors["mCE"].tolist() == pytest.approx([1, 2])
    assert errors.loc["a"].tolist()[:3] == pytest.approx([0.02, 0.17, 0.15])
