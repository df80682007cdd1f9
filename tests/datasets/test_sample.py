"""The embedded sample: drawn anew it is the same, what was planted in it is found, and its faces show what they should."""

import itertools

import cv2
import numpy as np
import pytest

from fer_tf import emotions
from fer_tf.datasets import cleaning
from fer_tf.datasets.sample import anatomy, clip, drawing, sample
from fer_tf.errors import InputError


@pytest.fixture(scope="module")
def picture_drawn():
    return sample(n=210, seed=3)


def test_the_same_seed_draws_the_same_sample_and_another_another(picture_drawn):
    assert sample(n=210, seed=3).hash == picture_drawn.hash
    assert sample(n=210, seed=4).hash != picture_drawn.hash


def test_size_and_channels_are_as_asked():
    color = sample(n=140, size=32, channels=3)
    assert color.images.shape == (140, 32, 32, 3)
    assert np.ptp(color.images.astype(int), axis=-1).mean() > 3  # colors, not gray thrice


def test_classes_and_splits_have_fer2013_s_shares():
    counts = sample(n=1000, size=16).counts()
    assert counts.index.tolist() == list(emotions.FER2013)
    assert abs(counts.loc["happy"].sum() - 250) < 40 and abs(counts.loc["angry"].sum() - 138) < 40
    assert counts.sum().tolist() == [800, 100, 100] and (counts > 0).all(axis=None)


def test_what_was_planted_is_what_the_audit_finds(picture_drawn):
    planted, audit = picture_drawn.source["planted"], cleaning.audit(picture_drawn)
    assert set(planted["blank"]) <= set(picture_drawn.ids[audit.blank])
    assert set(picture_drawn.ids[audit.leaked]) == set(planted["leak"])
    twins = {**planted["duplicate"], **planted["conflict"]}
    assert set(picture_drawn.ids[audit.conflict]) == set(planted["conflict"]) | set(planted["conflict"].values())
    assert set(picture_drawn.ids[audit.repeat]) <= set(twins) | set(twins.values())
    assert int(audit.repeat.sum()) == len(twins)


def test_wrong_labels_are_as_many_as_asked_and_all_wrong(picture_drawn):
    wrong = picture_drawn.source["planted"]["wrong_label"]
    labels = dict(zip(picture_drawn.ids.tolist(), picture_drawn.labels.tolist(), strict=True))
    assert len(wrong) == round(0.04 * 210)
    assert all(emotions.FER2013[labels[name]] != emotion for name, emotion in wrong.items())
    assert sample(n=140, size=16, label_noise=0).source["planted"]["wrong_label"] == {}


@pytest.mark.parametrize("wrong", [{"n": 50}, {"label_noise": 0.9}, {"size": 8}, {"channels": 2}])
def test_arguments_out_of_range_are_refused(wrong):
    with pytest.raises(InputError):
        sample(**{"n": 140, **wrong})


def corners_above_the_middle(au):
    """By how much the mouth's corners lie above its middle, in face units."""
    lips = anatomy.mouth(anatomy.person(np.random.default_rng(0)), anatomy.checked(au))
    return lips.upper[6, 1] - (lips.left[1] + lips.right[1]) / 2


def test_action_units_move_the_face_as_facs_says():
    neutral = corners_above_the_middle({})
    assert corners_above_the_middle({"AU12": 1.0}) > neutral + 0.05  # lip corner puller
    assert corners_above_the_middle({"AU15": 1.0}) < neutral - 0.05  # lip corner depressor
    who = anatomy.person(np.random.default_rng(0))
    assert anatomy.mouth(who, anatomy.checked({"AU26": 1.0})).gap > anatomy.mouth(who, anatomy.checked({})).gap + 0.2
    units = ({"AU4": 1.0}, {}, {"AU1": 1.0, "AU2": 1.0})
    brows = [anatomy.brow(who, anatomy.checked(au), 1)[:, 1].mean() for au in units]
    assert brows[0] > brows[1] > brows[2]  # y points down


def test_an_unknown_emotion_or_action_unit_is_named():
    with pytest.raises(InputError, match="AU99"):
        drawing.draw_face({"AU99": 1.0})
    with pytest.raises(InputError, match="AU12"):
        drawing.draw_face({"AU12": 7.0})
    with pytest.raises(InputError, match="puzzled"):
        drawing.draw_face("puzzled")


def test_the_clip_shows_every_emotion_on_a_moving_face_that_a_detector_finds():
    frames, displayed = zip(*clip(seconds=4, fps=5, height=360, width=480), strict=True)
    assert len(frames) == 20 and frames[0].shape == (360, 480, 3) and frames[0].dtype == np.uint8
    assert set(displayed) == set(emotions.FER2013)
    steps = [np.abs(a.astype(int) - b).mean() for a, b in itertools.pairwise(frames)]
    assert min(steps) > 0.1 and max(steps) < 30
    haar = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    result = [len(haar.detectMultiScale(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), 1.2, 4)) > 0 for frame in frames]
    assert sum(result) >= 18


def test_a_clip_without_a_frame_is_refused():
    with pytest.raises(InputError, match="0 frames"):
        next(clip(seconds=0))
