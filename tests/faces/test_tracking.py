"""Tracks and smoothing: known answers on boxes and probabilities made here."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from fer_tf.errors import InputError
from fer_tf.faces.tracking import SMOOTHINGS, Smoother, Tracker, assignment, overlap


def face(x, y=0.0, side=10.0):
    return SimpleNamespace(box=(x, y, side, side))


def numbers(pairs):
    return [number for number, _ in pairs]


def test_overlap_has_its_known_values():
    a = [(0, 0, 10, 10)]
    b = [(0, 0, 10, 10), (5, 0, 10, 10), (0, 5, 10, 5), (10, 0, 10, 10), (40, 40, 1, 1), (3, 3, 0, 0)]
    np.testing.assert_allclose(overlap(a, b), [[1, 1 / 3, 0.5, 0, 0, 0]])
    assert overlap(np.empty((0, 4)), b).shape == (0, 6)


@given(st.lists(st.tuples(*[st.floats(0, 50)] * 4), min_size=1, max_size=6))
def test_overlap_is_symmetric_and_a_share(boxes):
    shares = overlap(boxes, boxes)
    np.testing.assert_allclose(shares, shares.T)
    assert (shares >= 0).all() and (shares <= 1 + 1e-9).all()


def test_a_moving_face_keeps_its_number():
    tracker = Tracker()
    for step in range(50):
        assert numbers(tracker.update([face(3 * step)])) == [1]


def test_two_faces_that_swap_places_in_the_list_keep_their_numbers():
    tracker = Tracker()
    tracker.update([face(0), face(100)])
    for step in range(1, 9):
        result = dict(tracker.update([face(100 - step), face(step)]))
        assert result[1].box[0] == step and result[2].box[0] == 100 - step


def test_faces_side_by_side_are_assigned_together_and_not_one_after_the_other():
    # Greedily, the left track would take the box between the two, and the right one would lose its number.
    tracker = Tracker(overlap=0.1)
    tracker.update([face(0), face(8)])
    result = dict(tracker.update([face(5), face(14)]))
    assert {number: f.box[0] for number, f in result.items()} == {1: 5, 2: 14}


def test_a_face_that_was_hidden_for_a_while_keeps_its_number_and_a_longer_one_gets_a_new_one():
    tracker = Tracker(max_missed=3, min_hits=1)
    assert numbers(tracker.update([face(0)])) == [1]
    assert [tracker.update([]) for _ in range(3)] == [[], [], []]
    assert tracker.tracks == {1}
    assert numbers(tracker.update([face(1)])) == [1]
    for _ in range(4):
        tracker.update([])
    assert tracker.tracks == set()
    assert numbers(tracker.update([face(1)])) == [2]


def test_a_flicker_is_not_shown_and_takes_no_number():
    tracker = Tracker(min_hits=2)
    for _ in range(3):
        tracker.update([face(0)])
    assert numbers(tracker.update([face(0), face(200)])) == [1]
    assert numbers(tracker.update([face(0)])) == [1]
    assert numbers(tracker.update([face(0), face(300)])) == [1]
    assert numbers(tracker.update([face(0), face(301)])) == [1, 2]


def test_between_detections_the_last_faces_are_held():
    tracker = Tracker()
    displayed = tracker.update([face(0), face(50)])
    assert tracker.held() == displayed


def test_tracks_are_carried_over_to_frames_of_another_size():
    tracker = Tracker()
    tracker.update([face(100, 100, 40)])
    tracker.rescale(0.5, 0.5)
    assert numbers(tracker.update([face(50, 50, 20)])) == [1]


def test_two_hundred_faces_keep_their_numbers():
    places = [(60 * column, 60 * row) for column, row in itertools.product(range(20), range(10))]
    tracker, first = Tracker(), None
    for step in range(10):
        order = np.random.default_rng(step).permutation(200)
        result = dict(tracker.update([face(places[i][0] + 2 * step, places[i][1], 40) for i in order]))
        at = {number: (f.box[0] - 2 * step, f.box[1]) for number, f in result.items()}
        first = first or at
        assert at == first and len(at) == 200


@pytest.mark.parametrize("wrong", [{"overlap": 0}, {"overlap": 1}, {"max_missed": -1}, {"min_hits": 0}])
def test_a_tracker_out_of_range_is_refused(wrong):
    with pytest.raises(InputError, match="tracker"):
        Tracker(**wrong)


ANGRY, HAPPY = np.array([1.0, 0.0]), np.array([0.0, 1.0])


def smoothed(smoother, values, step=0.1):
    return np.array([smoother.update(1, i * step, value) for i, value in enumerate(values)])


def test_no_smoothing_changes_nothing():
    np.testing.assert_array_equal(smoothed(Smoother("none"), [ANGRY, HAPPY, ANGRY]), [ANGRY, HAPPY, ANGRY])


def test_the_moving_average_is_that_of_the_last_frames_or_seconds():
    values = [ANGRY, HAPPY, HAPPY, HAPPY]
    expected = [[1, 0], [1 / 2, 1 / 2], [1 / 3, 2 / 3], [0, 1]]
    np.testing.assert_allclose(smoothed(Smoother("mean", frames=3), values), expected, atol=1e-7)
    np.testing.assert_allclose(smoothed(Smoother("mean", seconds=0.3), values), expected, atol=1e-7)


def test_after_its_time_constant_the_exponential_has_come_through_to_63_percent():
    smoother = Smoother("exponential", seconds=0.5)
    values = smoothed(smoother, [ANGRY] + [HAPPY] * 5)
    assert values[0, 1] == 0
    assert values[5, 1] == pytest.approx(1 - np.exp(-1))
    # the same moment is reached whatever the frame rate
    assert smoothed(Smoother("exponential", seconds=0.5), [ANGRY, HAPPY], step=0.5)[1, 1] == pytest.approx(values[5, 1])


@given(st.sampled_from(SMOOTHINGS), st.integers(1, 30), st.integers(0, 99))
def test_smoothed_probabilities_sum_to_one(kind, frames, seed):
    values = np.random.default_rng(seed).dirichlet(np.ones(7), frames)
    out = smoothed(Smoother(kind, seconds=0.25), values)
    np.testing.assert_allclose(out.sum(axis=1), 1, atol=1e-5)
    assert (out >= 0).all() and out.dtype == np.float32


def test_tracks_are_smoothed_apart_and_forgotten_when_they_end():
    smoother = Smoother("exponential")
    smoother.update(1, 0.0, ANGRY)
    np.testing.assert_array_equal(smoother.update(2, 0.1, HAPPY), HAPPY)
    smoother.keep({2})
    np.testing.assert_array_equal(smoother.update(1, 0.2, HAPPY), HAPPY)


@pytest.mark.parametrize("wrong", [{"kind": "median"}, {"seconds": 0}, {"seconds": float("nan")}, {"frames": 0}])
def test_an_unknown_smoothing_is_refused(wrong):
    with pytest.raises(InputError, match="smoothing"):
        Smoother(**wrong)


@given(arrays(float, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.sampled_from([0, 0.1, 0.3, 0.5, 1])))
def test_the_assignment_has_the_sum_that_scipy_finds(gains):
    pairs = assignment(gains)
    rows, columns = linear_sum_assignment(gains, maximize=True)
    assert len(pairs) == len(set(pairs.values())) == min(gains.shape)
    assert sum(gains[pair] for pair in pairs.items()) == pytest.approx(gains[rows, columns].sum())
