"""The networks: known parameter counts, the input contract, saving and loading."""

import numpy as np
import pytest
from conftest import PROJECT

from fer_tf import models, training
from fer_tf.emotions import FER2013
from fer_tf.errors import InputError
from fer_tf.study import release, runs


@pytest.fixture(scope="module")
def five_layer():
    return models.build("five_layer", (48, 48, 3), 7)


@pytest.mark.parametrize("norm_first", [False, True])
def test_the_five_layer_network_has_the_published_number_of_parameters(norm_first):
    model = models.build("five_layer", (48, 48, 3), 7, norm_first=norm_first)
    assert models.parameter_counts(model) == {"trainable": 1_326_567, "other": 2_176}


def test_multiplications_are_counted_by_place_and_kernel():
    from fer_tf.backend import keras

    inner = keras.Sequential([keras.Input((6, 6, 4)), keras.layers.DepthwiseConv2D(3, strides=2, padding="same")])
    layers = [keras.layers.Conv2D(4, 3), inner, keras.layers.BatchNormalization(), keras.layers.Flatten()]
    model = keras.Sequential([keras.Input((8, 8, 2)), *layers, keras.layers.Dense(5)])
    assert models.multiplications(model) == 36 * 9 * 2 * 4 + 9 * 9 * 4 + 36 * 5


def test_its_summary_begins_as_the_published_one(five_layer):
    table = models.summary(five_layer).iloc[2:]  # the input and the scaling were not part of the published network
    kinds = [name.rstrip("_0123456789") for name in table["layer"]]
    assert kinds[:9] == [
        *("conv2d", "activation", "batch_normalization", "conv2d", "activation", "batch_normalization"),
        *("max_pooling2d", "dropout", "conv2d"),
    ]
    assert list(table["parameters"].iloc[:9]) == [896, 0, 128, 9248, 0, 128, 0, 0, 18496]
    assert list(table["output shape"].iloc[[0, 6]]) == ["48x48x32", "24x24x32"]


def test_an_image_gets_the_same_probabilities_alone_and_in_any_batch(five_layer):
    images = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 3), dtype=np.uint8)
    together = models.predict(five_layer, images)
    np.testing.assert_allclose(models.predict(five_layer, images[3:4]), together[3:4], atol=1e-5)
    np.testing.assert_allclose(models.predict(five_layer, images[::-1]), together[::-1], atol=1e-5)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-6)


def test_scaling_is_inside_the_network():
    model = models.build("five_layer", (48, 48, 1), 7)
    first = next(layer for layer in model.layers if type(layer).__name__ == "Rescaling")
    assert first.scale == pytest.approx(1 / 255)


def test_a_model_trained_in_bfloat16_is_saved_in_float32_with_the_same_weights(tmp_path):
    model = models.build("five_layer", (48, 48, 1), 3, dtype="mixed_bfloat16")
    models.save(model, tmp_path / "model.keras")
    loaded = models.load(tmp_path / "model.keras")
    assert {layer.compute_dtype for layer in loaded.layers} == {"float32"}
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_loading_gives_identical_predictions(five_layer, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 1), dtype=np.uint8)
    models.save(five_layer, tmp_path / "model.keras")
    loaded = models.load(tmp_path / "model.keras")
    np.testing.assert_array_equal(models.predict(five_layer, images), models.predict(loaded, images))


@pytest.mark.parametrize(
    ("name", "shape", "classes", "options", "message"),
    [
        ("six_layer", (48, 48, 3), 7, {}, "unknown model 'six_layer'"),
        ("five_layer", (48, 48, 3), 7, {"depth": 3}, "no option 'depth'"),
        ("five_layer", (8, 8, 1), 7, {}, "cannot be built for images of 8x8x1"),
        ("five_layer", (48, 48, 2), 7, {}, r"expected \(height, width, 1 or 3\)"),
        ("five_layer", (48, 48, 1), 1, {}, "at least 2"),
        ("five_layer", (48, 48, 1), 7, {"dtype": "float8"}, "unknown dtype 'float8'"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(name, shape, classes, options, message):
    with pytest.raises(InputError, match=message):
        models.build(name, shape, classes, **options)


def test_a_missing_or_broken_model_file_is_named(tmp_path):
    with pytest.raises(InputError, match="no such model"):
        models.load(tmp_path / "none.keras")
    (tmp_path / "broken.keras").write_bytes(b"not a model")
    with pytest.raises(InputError, match=r"broken\.keras: not a whole model"):
        models.load(tmp_path / "broken.keras")


@pytest.mark.parametrize(("name", "most"), [("five_layer", 6_000_000), ("compact", 20_000_000)])
def test_a_shipped_network_keeps_its_contract(name, most):
    card, model = models.model_card(name), models.load_pretrained(name)
    assert tuple(card["classes"]) == FER2013
    assert model.input_shape == (None, *card["input_shape"]) and card["input_shape"][:2] == [48, 48]
    images = np.random.default_rng(0).integers(0, 256, (2, *card["input_shape"]), dtype=np.uint8)
    probabilities = model.predict(images.astype(np.float32), verbose=0)
    assert probabilities.shape == (2, 7)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (models.PRETRAINED / f"{name}.keras").stat().st_size < most


@pytest.mark.parametrize("name", ["five_layer", "compact"])
def test_a_committed_card_says_what_the_committed_predictions_give_and_what_the_network_learned_from(name):
    facts, weights = models.model_card(name), models.PRETRAINED / f"{name}.keras"
    study, run = facts["run"].split("/")
    run = runs.open_run(PROJECT / "reports" / study / "runs" / run)
    assert release.card(run, models.load(weights), weights) == weights.with_suffix(".md").read_text()
    assert (
        facts["began_from"] == ["random weights"] and len(facts["trained_by"]) == {"five_layer": 1, "compact": 2}[name]
    )
    assert facts["trained_by"][-1] == {"run": facts["run"], "data": "fer2013"}


def test_weights_that_do_not_ship_are_refused_with_the_ones_that_do():
    with pytest.raises(InputError, match="unknown shipped network 'vgg99'; choose one of compact, five_layer"):
        models.load_pretrained("vgg99")


def test_a_saved_network_carries_no_optimizer(tmp_path):
    network = models.build("five_layer", (16, 16, 1), 3)
    training.compile_model(network, "adam")
    network.optimizer.build(network.trainable_variables)
    models.save(network, tmp_path / "model.keras")
    assert (tmp_path / "model.keras").stat().st_size < 1.3 * sum(weight.nbytes for weight in network.get_weights())
