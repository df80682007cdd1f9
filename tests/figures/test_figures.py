"""Figures show the data they were given: read back from what is drawn."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import PROJECT, make_dataset
from matplotlib.figure import Figure

from fer_tf import emotions, evaluation, figures
from fer_tf.errors import InputError
from fer_tf.figures import style
from fer_tf.study import tables

CLASSES = ("angry", "happy", "sad")


@pytest.fixture
def faces():
    return make_dataset(per_class=9, size=24, splits=(5, 2, 2))


@pytest.fixture
def scored():
    labels = np.repeat([0, 1, 2], [10, 20, 30])
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), 60)
    probabilities[np.arange(60), labels] += 0.5
    return labels, probabilities / probabilities.sum(axis=1, keepdims=True), CLASSES


def words(ax):
    return [text.get_text() for text in ax.texts]


def widths(ax):
    return [patch.get_width() for patch in ax.patches]


def lines(ax):
    return {line.get_label(): line.get_xydata() for line in ax.lines}


def legend(owner):
    result = owner.get_legend() if hasattr(owner, "get_legend") else owner.legends[0]
    return [text.get_text() for text in result.get_texts()]


def test_class_bars_are_as_long_as_the_classes_are_large(faces):
    ax = figures.class_distribution(faces).axes[0]
    assert widths(ax) == [9, 9, 9] and words(ax)[0] == "9 (33.3%)"
    panels = figures.class_distribution_by_split(faces).axes
    assert [widths(panel) for panel in panels] == [[5] * 3, [2] * 3, [2] * 3]
    assert panels[1].get_xlabel() == "validation images (6 in all)"


def test_split_bars_are_as_long_as_the_splits_are_large(faces):
    assert widths(figures.split_sizes(faces).axes[0]) == [15, 6, 6]


def test_pixel_shares_sum_to_everything_and_the_mean_is_the_images(faces):
    ax = figures.pixel_distribution(faces).axes[0]
    assert ax.patches[0].get_data().values.sum() == pytest.approx(100)
    assert f"mean {faces.images.mean():.0f}" in legend(ax)
    panels = figures.pixel_distribution_by_emotion(faces).axes
    message = [next(word for word in words(panel) if "±" in word) for panel in panels[:3]]
    for k, text in enumerate(message):
        assert f"{faces.images[faces.labels == k].mean():.0f} ±" in text


def test_the_mean_face_is_the_mean(faces):
    fig = figures.mean_faces(faces)
    displayed = next(ax.images[0] for ax in fig.axes if ax.images).get_array()
    expected = faces.images[faces.labels == 0].mean(axis=0)[..., 0]
    np.testing.assert_allclose(np.asarray(displayed)[:24, :24], expected, atol=0.51)


def test_correlation_is_numpys(faces):
    fig = figures.intensity_correlation(faces)
    means = np.stack([faces.images[faces.labels == k].mean(axis=0).ravel() for k in range(3)])
    expected = np.corrcoef(means)
    cells = np.array([float(word.replace("−", "-")) for word in words(fig.axes[0])]).reshape(3, 3)
    np.testing.assert_allclose(cells, expected, atol=0.0051)


def test_sample_images_are_of_their_row_s_class_and_follow_from_the_seed(faces):
    picture = figures.sample_images(faces, 4, seed=1).axes[0].images[0].get_array()
    rows = [picture[r * 25 : r * 25 + 24].astype(float) for r in range(3)]  # 24 pixels and a gap of one
    assert [abs(row[:, :24].mean() - (60 + 60 * k)) < 10 for k, row in enumerate(rows)] == [True] * 3
    again = figures.sample_images(faces, 4, seed=1).axes[0].images[0].get_array()
    other = figures.sample_images(faces, 4, seed=2).axes[0].images[0].get_array()
    assert np.array_equal(picture, again) and not np.array_equal(picture, other)


def test_the_original_stands_before_its_views(faces):
    views = np.stack([np.full((24, 24, 1), value, np.float32) for value in (10, 200.6)])
    picture = figures.transformed_images(faces.images[0], views).axes[0].images[0].get_array()
    assert np.array_equal(picture[:24, :24], faces.images[0][..., 0])
    assert picture[5, 30] == 10 and picture[5, 55] == 201
    with pytest.raises(InputError, match="Give some per image"):
        figures.transformed_images(faces.images[0], views[:0])


def test_examples_of_each_finding_are_counted(faces):
    fig = figures.cleaning_examples(faces, {"blank": [0, 1], "leaked": [2]})
    assert {"blank\n2 found", "leaked\n1 found"} <= {word for ax in fig.axes for word in words(ax)}


def test_pairs_of_similar_images_are_shown_by_their_similarity(faces):
    table = pd.DataFrame({"first": [0, 1], "second": [2, 3], "similarity": [0.82, 0.99]})
    fig = figures.similar_pairs(faces, table)
    assert {"0.8 to 0.85", "0.95 to 1", "1 pairs"} <= {word for ax in fig.axes for word in words(ax)}
    fig = figures.pair_similarity(table["similarity"], {"encoded again": [0.97, 0.99]}, 0.9)
    assert "encoded again: 0.980" in words(fig.axes[0])
    figures.similar_pairs(faces, table[:0])


def test_learning_curves_mark_the_epoch_that_is_kept():
    history = pd.DataFrame({"epoch": [1, 2, 3], "loss": [2.0, 1.0, 0.5], "accuracy": [0.2, 0.5, 0.8]})
    history["val_loss"], history["val_accuracy"] = [2.1, 1.2, 1.4], [0.2, 0.6, 0.55]
    history["learning_rate"] = [0.01, 0.001, 0.0001]
    fig = figures.learning_curves(history)
    assert [ax.get_ylabel() for ax in fig.axes] == ["loss (cross-entropy)", "accuracy", "learning rate"]
    np.testing.assert_allclose(lines(fig.axes[1])["validation"][:, 1], history["val_accuracy"])
    assert "best epoch 2: validation accuracy 0.600" in legend(fig)
    with pytest.raises(InputError, match="lacks the column 'loss'"):
        figures.learning_curves(history.drop(columns="loss"))


def test_compared_trainings_stand_from_best_to_worst():
    one = pd.DataFrame({"epoch": [1, 2], "val_accuracy": [0.3, 0.4]})
    ax = figures.compare_learning({"slow": one, "fast": one.assign(val_accuracy=[0.5, 0.7])}).axes[0]
    assert legend(ax) == ["fast (0.700)", "slow (0.400)"]


def test_a_confusion_matrix_shows_counts_and_shares(scored):
    confusion = evaluation.confusion(*scored)
    counts, ratios = (ax for ax in figures.confusion_matrix(confusion).axes if ax.get_xlabel() == "predicted emotion")
    assert [int(word) for word in words(counts)] == confusion.to_numpy().ravel().tolist()
    shares = np.array([float(word) for word in words(ratios)]).reshape(3, 3)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=0.02)


def test_a_confusion_matrix_of_other_classes_calls_them_classes():
    names = ["tired", "awake"]
    axes = figures.confusion_matrix(pd.DataFrame([[3, 1], [0, 4]], names, names)).axes
    assert {"true class", "predicted class"} <= {label for ax in axes for label in (ax.get_xlabel(), ax.get_ylabel())}


def test_roc_curves_are_the_ones_given(scored):
    curves = evaluation.roc(*scored)
    ax = figures.roc_curves(curves).axes[0]
    drawing = [line.get_xydata() for line in ax.lines if len(line.get_xdata()) == len(curves["sad"][0])]
    assert any(np.allclose(points, np.c_[curves["sad"][0], curves["sad"][1]]) for points in drawing)
    assert legend(ax)[2] == f"sad {curves['sad'][2]:.3f}"


def test_per_class_bars_are_as_high_as_the_scores(scored):
    per_class = evaluation.per_class(*scored)
    heights = [patch.get_height() for patch in figures.per_class_bars(per_class).axes[0].patches]
    np.testing.assert_allclose(heights, per_class[["precision", "recall", "f1"]].to_numpy().T.ravel())


def test_the_most_confused_pairs_are_named(scored):
    pairs = evaluation.most_confused(*scored)
    ax = figures.most_confused(pairs).axes[0]
    np.testing.assert_allclose(widths(ax), pairs["ratio"])
    first = pairs.iloc[0]
    assert ax.get_yticklabels()[0].get_text() == f"{first['true']} → {first['predicted']}"
    assert words(figures.most_confused(pairs.iloc[:0]).axes[0]) == ["No image is confused."]


def test_the_reliability_diagram_tells_its_error(scored):
    bins = evaluation.calibration(*scored)
    top, bottom = figures.reliability_diagram(bins).axes
    assert f"ECE {evaluation.expected_calibration_error(bins):.3f}" in legend(top)
    assert sum(patch.get_height() for patch in bottom.patches) == pytest.approx(1)


def test_the_grid_of_predictions_holds_right_and_wrong_ones(scored):
    labels, probabilities, classes = scored
    images = np.zeros((60, 24, 24, 1), np.uint8)
    fig = figures.predictions_grid(images, labels, probabilities, classes, n=3)
    assert sum(len(ax.images) for ax in fig.axes) == 6
    with pytest.raises(InputError):
        figures.predictions_grid(images[:5], labels, probabilities, classes)


def test_views_and_the_plain_image_are_drawn_at_their_accuracy():
    views = pd.DataFrame({"n": [1, 2, 4], "accuracy": [0.5, 0.6, 0.65]})
    ax = figures.accuracy_over_views(views, plain=0.55).axes[0]
    np.testing.assert_allclose(lines(ax)["mean over the views"], views.to_numpy())
    assert "plain image 0.550" in legend(ax)


def test_published_and_reproduced_stand_beside_each_other():
    numbers = pd.DataFrame({"name": ["a", "b"], "published": [0.6, 0.7], "reproduced": [0.65, np.nan]})
    ax = figures.published_vs_reproduced(numbers).axes[0]
    assert {"0.600", "0.650", "+0.050", "0.700", "–"} <= set(words(ax))
    assert "0.6435" in words(figures.published_vs_reproduced(numbers.assign(published=0.6435)).axes[0])
    np.testing.assert_allclose(lines(ax)["published"][:, 0], [0.6, 0.7])
    sentence = numbers.assign(name=["as long as a sentence, " * 5, "b"])
    assert figures.published_vs_reproduced(sentence).get_figwidth() < 86 / 25.4  # a phone shows 90 mm
    with pytest.raises(InputError, match="lacks the column 'published'"):
        figures.published_vs_reproduced(numbers.drop(columns="published"))


def test_models_that_no_test_tells_apart_are_joined():
    scores = pd.DataFrame({"accuracy": [0.5, 0.7, 0.69], "low": 0.4, "high": 0.8}, index=["c", "a", "b"])
    shown = [False, True, True]
    pairs = pd.DataFrame({"better": ["a", "a", "b"], "other": ["b", "c", "c"], "shown": shown})
    ax = figures.critical_difference(scores, pairs, human=(0.65, 0.05)).axes[0]
    assert [word for word in words(ax) if word in "abc"] == ["a", "b", "c"]
    joined = [line.get_ydata().tolist() for line in ax.lines if line.get_linewidth() > 2]
    assert joined == [[pytest.approx(-0.2), pytest.approx(1.2)]] and "people 0.65 ± 0.05" in words(ax)


def test_a_pair_that_no_bar_can_join_is_named():
    scores = pd.DataFrame({"accuracy": [0.7, 0.69, 0.68], "low": 0.6, "high": 0.8}, index=["a", "b", "c"])
    pairs = pd.DataFrame({"better": ["a", "a", "b"], "other": ["b", "c", "c"], "shown": [True, False, False]})
    ax = figures.critical_difference(scores, pairs).axes[0]
    assert ax.get_xlabel() == "test accuracy\nnot joined, yet not told apart: a and c"
    assert figures.critical_difference(scores, pairs.assign(shown=False)).axes[0].get_xlabel() == "test accuracy"


def test_accuracy_is_drawn_over_each_cost_in_millions_and_milliseconds():
    costs = {"parameters": [1.3e6, 4e6], "multiplications": [119e6, 351e6], "ms": [3.0, 9.0]}
    table = pd.DataFrame({**costs, "accuracy": [0.68, 0.69], "low": 0.6, "high": 0.7}, index=["small", "large"])
    figure = figures.accuracy_over_cost(table, human=(0.65, 0.05))
    drawn = [[tuple(lines(ax)[name][0]) for name in ("small", "large")] for ax in figure.axes]
    assert drawn == [[(1.3, 0.68), (4, 0.69)], [(119, 0.68), (351, 0.69)], [(3, 0.68), (9, 0.69)]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["people 0.65 ± 0.05", "small", "large"]
    with pytest.raises(InputError, match="lacks the column 'ms'"):
        figures.accuracy_over_cost(table.drop(columns="ms"))


def test_rounds_up_to_the_chosen_one_are_filled():
    path = pd.DataFrame({"round": [1, 2, 3], "accuracy": [0.6, 0.7, 0.65], "chosen": [True, True, False]})
    drawn = lines(figures.ensemble_path(path, single=0.6).axes[0])
    assert drawn["selected 0.700"].tolist() == [[1, 0.6], [2, 0.7]] and "best member alone 0.600" in drawn


def test_a_face_stands_above_its_maps(faces):
    maps = np.zeros((3, 24, 24), np.float32)
    maps[:, :12] = 1
    drawing = figures.heat_maps(faces.images[:3], {"map": maps}, ["a", "b\n→ c", "d"])
    picture = drawing.axes[0].get_images()[0].get_array()
    assert picture.shape[0] == 2 * 24 + 1 and picture[25:37, :24].mean() > picture[37:, :24].mean()
    with pytest.raises(InputError, match="maps that do not fit"):
        figures.heat_maps(faces.images[:2], {"map": maps})


def test_parts_that_move_in_an_emotion_are_framed_with_their_action_units():
    shares = pd.DataFrame(1.0, index=["happy", "neutral"], columns=["brows", "eyes", "nose", "mouth"])
    ax = figures.region_shares({"Grad-CAM": shares}).axes[0]
    assert words(ax) == ["1.00", "1.00\n6", "1.00", "1.00\n12"] + ["1.00"] * 4
    assert [patch.get_xy() for patch in ax.patches] == [(1.05, 0.05), (3.05, 0.05)]


def test_each_corruption_has_a_panel_with_a_line_for_each_network():
    rows = [(m, c, v, 0.5, 0.4, 0.6) for m in "ab" for c in ("blur", "noise", "JPEG") for v in range(6)]
    table = pd.DataFrame(rows, columns=["model", "variant", "value", "accuracy", "low", "high"])
    axes = figures.corruption_curves(table, columns=2).axes
    assert [ax.get_title() for ax in axes] == ["blur", "noise", "JPEG", ""] and list(lines(axes[0])) == ["a", "b"]


def test_lines_of_hog_lie_along_an_edge(faces):
    from fer_tf.training.classical.features import Hog

    upright = np.zeros((48, 48, 1), np.uint8)
    upright[:, 24:] = 255
    for hog in (Hog(), Hog(6, 12, 6, 9, signed=False)):
        ends = figures.hog_on_face(upright, hog).axes[1].lines[0].get_xydata().reshape(-1, 3, 2)[:, :2]  # then a gap
        spans = np.ptp(ends, axis=1)
        assert len(ends) and (spans[:, 1] > 5 * spans[:, 0]).all()
        assert (abs(ends[:, :, 0].mean(axis=1) - 23.5) <= hog.cell).all()


def test_sift_is_drawn_where_it_stands(faces):
    from fer_tf.training.classical.features import DenseSift

    sift = DenseSift(step=6, cells=(4, 7))
    fig = figures.sift_on_face(faces.images[0], sift)
    assert {tuple(point) for point in fig.axes[1].lines[0].get_xydata()} == {(x, y) for x, y, _ in sift.grid(24, 24)}
    assert legend(fig) == ["cells of 4 pixels", "cells of 7 pixels"]


def test_eigenfaces_are_the_components_each_from_black_to_white():
    components = np.random.default_rng(0).normal(size=(3, 64))
    displayed = [
        np.asarray(ax.images[0].get_array())
        for ax in figures.eigenfaces(np.arange(64.0), components, 8).axes
        if ax.images
    ]
    strips = np.concatenate([picture.ravel() for picture in displayed])
    assert strips.min() == 0 and strips.max() == 255
    with pytest.raises(InputError, match="64 pixels are not pictures of 9x9"):
        figures.eigenfaces(np.arange(81.0), components, 9)


def test_a_combination_that_was_not_tried_is_a_dash():
    table = pd.DataFrame({"linear_svm": [0.41, np.nan], "rbf_svm": [0.6, 0.612]}, index=["pixels", "hog"])
    assert words(figures.features_by_classifiers(table).axes[0]) == ["0.410", "0.600", "0.612", "–"]


def test_errors_are_what_recall_leaves():
    recalls = pd.DataFrame({"svm": [0.9, 0.25], "cnn": [0.95, 0.5]}, index=["happy", "fear"])
    ax = figures.errors_by_class(recalls).axes[0]
    assert sorted(words(ax)) == ["0.05", "0.10", "0.50", "0.75"] and legend(ax) == ["svm", "cnn"]
    np.testing.assert_allclose(sorted(patch.get_height() for patch in ax.patches), [0.05, 0.1, 0.5, 0.75])


def test_a_figure_is_saved_in_three_formats_and_byte_for_byte_the_same(tmp_path, faces):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        style.save(figures.class_distribution(faces), tmp_path / folder / "classes")
    for kind in style.FORMATS:
        one, two = ((tmp_path / folder / f"classes.{kind}").read_bytes() for folder in ("one", "two"))
        assert one == two and len(one) > 1000
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["classes.pdf", "classes.png", "classes.svg"]


def write_everything(folder):
    """Writes bars and hatches, lines and bands, and images as figures, and a table, as they go into a paper."""
    faces = make_dataset(per_class=9, size=24, splits=(5, 2, 2))
    rows = [("a", "blur", value, 0.5, 0.4, 0.6) for value in range(6)]
    under = pd.DataFrame(rows, columns=["model", "variant", "value", "accuracy", "low", "high"])
    drawings = {
        "bars": figures.split_sizes(faces),
        "bands": figures.corruption_curves(under),
        "images": figures.sample_images(faces, 4),
    }
    for name, drawing in drawings.items():
        style.save(drawing, folder / name, ("svg", "pdf"))
    tables.to_files(under, folder / "table", "Accuracy under blur.")


def test_figures_and_tables_are_byte_for_byte_the_same_from_another_process(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    code = "import sys, pathlib, test_figures; test_figures.write_everything(pathlib.Path(sys.argv[1]))"
    places = os.pathsep.join([str(PROJECT), str(PROJECT / "tests"), str(PROJECT / "tests" / "figures")])
    other = {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONPATH": places}
    subprocess.run([sys.executable, "-c", code, str(there)], env=os.environ | other, check=True)
    write_everything(here)
    names = sorted(path.name for path in here.iterdir())
    assert len(names) == 3 * 2 + len(tables.FORMATS)
    assert names == sorted(path.name for path in there.iterdir())
    assert [name for name in names if (here / name).read_bytes() != (there / name).read_bytes()] == []


def test_the_reader_s_own_settings_neither_show_nor_change(faces):
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 30}):
        fig = figures.class_distribution(faces)
        assert mpl.rcParams["font.size"] == 30
    assert isinstance(fig, Figure) and fig.axes[0].texts[0].get_fontsize() < 12


def test_a_saved_figure_holds_all_of_its_words(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(7, size=3000)
    probabilities = np.eye(7)[labels]
    fig = figures.confusion_matrix(evaluation.confusion(labels, probabilities, emotions.FER2013))
    style.save(fig, tmp_path / "confusion", ("png",))
    whole, words, margin = fig.bbox_inches, fig.get_tightbbox(), 0.015  # inches
    assert words.x0 > whole.x0 + margin and words.y0 > whole.y0 + margin
    assert words.x1 < whole.x1 - margin and words.y1 < whole.y1 - margin


def test_a_slim_svg_holds_the_same_pixels_in_half_the_bytes(tmp_path):
    import base64
    import io
    import re
    from xml.etree import ElementTree

    from PIL import Image

    from fer_tf.figures import style

    numbers = pd.DataFrame({"name": ["the paper's own"], "published": [0.5], "reproduced": [0.6]})
    face = np.random.default_rng(0).integers(0, 256, (24, 24, 1)).astype(np.uint8)
    drawing = figures.transformed_images(face, [face, 255 - face])
    (path,) = style.save(drawing, tmp_path / "views", ("svg",))
    whole = path.read_text()
    slim = style.slim_svg(whole)
    assert len(slim) < 0.6 * len(whole) and "\n" not in slim
    pixels = [
        [
            np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("L"))
            for data in re.findall(r"base64,([^'\"]+)", text)
        ]
        for text in (whole, slim)
    ]
    np.testing.assert_array_equal(*pixels)
    assert style.slim_svg(slim) == slim
    gradual = np.add.outer(np.arange(24), 3 * np.arange(24))[..., None]
    smooth = (gradual + face // 16).astype(np.uint8)  # as a photograph: with a little noise
    (path,) = style.save(figures.transformed_images(smooth, [smooth]), tmp_path / "photograph", ("svg",))
    photograph = style.slim_svg(path.read_text())
    assert "data:image/webp" in photograph and style.slim_svg(photograph) == photograph
    inside = [re.search(r"base64,([^'\"]+)", text)[1] for text in (path.read_text(), photograph)]
    whole, small = (np.asarray(Image.open(io.BytesIO(base64.b64decode(one))).convert("L"), float) for one in inside)
    assert np.abs(whole - small).mean() < 0.02 * 255
    (path,) = style.save(figures.published_vs_reproduced(numbers), tmp_path / "numbers", ("svg",))
    of_numbers = style.slim_svg(path.read_text())
    assert ">0.600<" in of_numbers and ">+0.100<" in of_numbers  # what is read keeps its digits
    for tag in ("<path", "<use", "<text"):
        assert of_numbers.count(tag) == path.read_text().count(tag), tag
    for text in (slim, of_numbers):
        ElementTree.fromstring(text)
        assert set(re.findall(r" class='([^']*)'", text)) == set(re.findall(r"\.(\w+)\{", text)) != set()
        names = set(re.findall(r" id='([^']*)'", text))
        assert names and names == names & set(re.findall(r"#([\w.-]+)", text))
