"""Figures and draws for trainings that are compared: grids, folds, phases, parts of the data."""

import numpy as np
import pandas as pd
import pytest

from fer_tf import figures
from fer_tf.datasets import splits
from fer_tf.errors import InputError


@pytest.fixture
def grid():
    rows = [(0.01, 32, 0.5), (0.01, 64, 0.6), (0.001, 32, 0.55), (0.001, 64, np.nan)]
    return pd.DataFrame(rows, columns=["learning_rate", "batch_size", "val_accuracy"])


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_each_setting_of_the_grid_shows_its_accuracy_and_the_best_is_framed(grid):
    ax = figures.accuracy_by_setting(grid).axes[0]
    assert texts(ax) == ["0.500", "0.600", "0.550", "–"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0.01", "0.001"]
    (frame,) = ax.patches
    assert frame.get_x() + 0.47 == pytest.approx(1.5) and frame.get_y() + 0.47 == pytest.approx(0.5)


def test_a_grid_without_a_result_is_refused(grid):
    with pytest.raises(InputError, match="no setting of the grid has a result"):
        figures.accuracy_by_setting(grid.assign(val_accuracy=np.nan))
    with pytest.raises(InputError, match="lacks the column 'batch_size'"):
        figures.accuracy_by_setting(grid.drop(columns="batch_size"))


def test_folds_are_drawn_with_mean_and_standard_deviation():
    folds = pd.DataFrame({"fold": [1, 2, 3], "accuracy": [0.5, 0.6, 0.7], "macro_f1": [0.4, 0.4, 0.4]})
    ax = figures.accuracy_by_fold(folds).axes[0]
    assert {"0.600 ± 0.100", "0.400 ± 0.000"} <= set(texts(ax))
    assert ax.get_ylim()[1] > 0.7 and ax.get_ylim()[0] < 0.4
    with pytest.raises(InputError, match="there is no fold"):
        figures.accuracy_by_fold(folds.iloc[:0])


def test_a_line_stands_where_one_phase_follows_another():
    history = pd.DataFrame({"phase": ["frozen"] * 2 + ["fine-tuned"] * 3, "epoch": range(1, 6)})
    history = history.assign(loss=1.0, accuracy=0.5, val_loss=1.0, val_accuracy=[0.1, 0.2, 0.3, 0.5, 0.4])
    for ax in figures.learning_curves_by_phase(history).axes:
        assert 2.5 in [x for line in ax.lines for x in np.atleast_1d(line.get_xdata())]
        assert {"frozen", "fine-tuned"} <= set(texts(ax))


def test_balanced_classes_tell_both_numbers():
    counts = pd.DataFrame({"before": [8, 1], "after": [8, 8]}, index=["happy", "disgust"])
    assert texts(figures.balanced_classes(counts).axes[0]) == ["8", "1 → 8"]


def test_rebuilt_faces_stand_below_their_originals():
    images = np.full((3, 8, 8, 1), 100, np.uint8)
    fig = figures.reconstructions(images, images + np.uint8(10))
    picture = fig.axes[0].images[0].get_array()
    assert picture[0, 0] == 100 and picture[9, 0] == 110 and picture[18, 0] == 88  # gray, less four times ten
    with pytest.raises(InputError, match="Give pairs"):
        figures.reconstructions(images, images[:2])


def test_a_part_of_the_images_keeps_the_classes_shares():
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    rows = splits.stratified_sample(labels, 20, seed=1)
    assert np.bincount(labels[rows]).tolist() == [12, 6, 2]
    np.testing.assert_array_equal(rows, splits.stratified_sample(labels, 20, seed=1))
    assert not np.array_equal(rows, splits.stratified_sample(labels, 20, seed=2))
    assert len(splits.stratified_sample(labels, 0)) == len(splits.stratified_sample(labels, 500)) == 100
    with pytest.raises(InputError, match="2 images of 3 classes"):
        splits.stratified_sample(labels, 2)


def test_images_without_a_twin_are_groups_of_their_own():
    groups = splits.as_groups([-1, 0, 1, -1, 0])
    assert groups[1] == groups[4] and len(np.unique(groups)) == 4
    labels = np.tile([0, 1], 20)
    twins = np.full(40, -1)
    twins[[0, 2]] = twins[[5, 7]] = 0, 0
    twins[[5, 7]] = 1
    folds = splits.kfold(labels, 4, groups=splits.as_groups(twins))
    assert folds[0] == folds[2] and folds[5] == folds[7]
