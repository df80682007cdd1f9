"""The real FER2013, where $FER2013 says or in data/raw/fer2013/; skipped where there is none."""

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import PROJECT

from fer_tf import datasets, emotions, paths
from fer_tf.datasets import cleaning, near_duplicates

COUNTS = {  # Training, PublicTest, PrivateTest
    "angry": [3995, 467, 491],
    "disgust": [436, 56, 55],
    "fear": [4097, 496, 528],
    "happy": [7215, 895, 879],
    "sad": [4830, 653, 594],
    "surprise": [3171, 415, 416],
    "neutral": [4965, 607, 626],
}


def real_source():
    given = os.environ.get("FER2013")
    return Path(given) if given else paths.raw("fer2013")


pytestmark = pytest.mark.skipif(
    not real_source().exists(), reason="FER2013 is not here: set FER2013=its path or put it in data/raw/fer2013/"
)


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """FER2013 prepared in a project of its own."""
    source = real_source().resolve()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FER_TF_ROOT", str(tmp_path_factory.mktemp("project")))
        yield datasets.prepare("fer2013", source)


def test_the_official_counts_are_found_in_every_class_and_split(faces):
    assert faces.classes == emotions.FER2013 and faces.images.shape == (35887, 48, 48, 1)
    assert faces.counts().T.to_dict("list") == COUNTS
    assert faces.source["differences"] == [] and faces.source["skipped"] == []
    assert faces.source["split"].startswith("official")


def test_what_was_prepared_is_opened_as_a_memory_map(faces):
    opened = datasets.load("fer2013", splits=("train", "validation"))
    assert isinstance(opened.images, np.memmap) and len(opened) == 32298


def test_rows_are_ordered_and_ids_are_unique(faces):
    assert len(set(faces.ids.tolist())) == len(faces)
    order = [datasets.SPLITS.index(split) for split in faces.splits]
    assert order == sorted(order)


def test_the_known_faults_are_found(faces):
    if not faces.source["form"].startswith("class folders"):
        pytest.skip("the numbers are those of the JPEG copy")
    audit = cleaning.audit(faces)
    groups = audit.groups()
    assert audit.blank.sum() == 12
    assert len(groups) == 1516 and groups["images"].sum() == 3369
    assert (groups["splits"] > 1).sum() == 557
    assert groups["conflict"].sum() == 57
    cleaned = cleaning.clean(faces, audit)
    assert len(cleaned.split("train")) == 26888
    again = cleaning.audit(cleaned)
    assert not again.leaked.any() and not again.repeat[cleaned.splits == "train"].any()
    for split in ("validation", "test"):
        assert cleaned.split(split).hash == faces.split(split).hash


def test_the_leak_free_list_is_what_the_comparison_finds(faces):
    if not faces.source["form"].startswith("class folders"):
        pytest.skip("the names are those of the JPEG copy")
    rows = np.flatnonzero(faces.splits == "test")[:60]
    leaked = near_duplicates.leaks(faces.splits, near_duplicates.pairs(faces.images, rows))[rows]
    listed = [near_duplicates.file_stem(one) in near_duplicates.leak_free("fer2013") for one in faces.ids[rows]]
    assert leaked.any() and (leaked != np.array(listed)).all()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "step"), [("five_layer", 1), ("compact", 4)])
def test_a_shipped_network_gives_the_predictions_that_its_card_counts(faces, name, step):
    """Of every image, or, where that takes long, of every fourth."""
    from fer_tf import evaluation, models
    from fer_tf.models import predictor
    from fer_tf.study import runs

    card, test = models.model_card(name), faces.split("test")
    study, run = card["run"].split("/")
    saved = runs.open_run(PROJECT / "reports" / study / "runs" / run).predictions("test")
    scored = evaluation.metrics(test.labels, saved.probabilities, test.classes)
    assert (saved.ids == test.ids).all() and card["metrics"]["test"]["n"] == len(test)
    for metric in ("accuracy", "macro_f1"):
        assert scored[metric] == pytest.approx(card["metrics"]["test"][metric], abs=5e-5)
    network = models.load_predictor(predictor.shipped(name))
    assert tuple(card["classes"]) == network.classes == test.classes
    images = np.repeat(test.images[::step], network.input_shape[2], axis=3)  # gray, as many times as it takes
    result, expected = network.probabilities(images), saved.probabilities[::step]
    # Some images in a hundred may fall on the other side where the predictions were computed in bfloat16.
    np.testing.assert_allclose(result, expected, atol=0.02)
    assert (result.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.99
