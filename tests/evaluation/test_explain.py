"""Explanations of networks whose decision is known."""

import numpy as np
import pandas as pd
import pytest

from fer_tf import emotions, models
from fer_tf.backend import keras
from fer_tf.errors import InputError
from fer_tf.evaluation import explain


def corner_network(size=16, nested=False):
    """Says the second class where the upper left corner is bright, the first where it is dark, and looks at nothing else."""
    inputs = keras.Input((size, size, 1))
    convolved = keras.layers.Conv2D(1, 1, use_bias=False, name="convolved")
    body = keras.Model(inputs, convolved(inputs), name="body")
    x = body(inputs) if nested else convolved(inputs)
    x = keras.layers.Flatten()(x)
    outputs = keras.layers.Dense(2, activation="softmax", name="decision")(x)
    model = keras.Model(inputs, outputs)
    convolved.set_weights([np.full((1, 1, 1, 1), 1 / 255)])
    corner = np.zeros((size, size, 2))
    corner[:4, :4, 1], corner[:4, :4, 0] = 1.0, -1.0
    model.get_layer("decision").set_weights([corner.reshape(-1, 2), np.array([4.0, -4.0])])
    return model


def corner_images(n=3, size=16):
    images = np.random.default_rng(0).integers(20, 60, (n, size, size, 1)).astype(np.uint8)
    images[:, :4, :4] = 250
    return images


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("plus", [False, True])
def test_a_network_that_decides_by_one_corner_is_explained_by_it(nested, plus):
    maps = explain.grad_cam(corner_network(nested=nested), corner_images(), plus=plus)
    assert maps.shape == (3, 16, 16) and maps.dtype == np.float32
    bright = maps[:, :4, :4].mean() / maps.mean()
    assert maps.max() == 1 and bright > 3


def test_occlusion_points_to_the_same_corner_without_gradients():
    maps = explain.occlusion(corner_network(), corner_images(), patch=4, stride=4)
    assert np.all(maps[:, :4, :4] > 0.9) and np.allclose(maps[:, 8:], 0, atol=1e-3)


def test_a_map_without_evidence_is_zeros_and_not_nan():
    maps = explain.grad_cam(corner_network(), np.zeros((2, 16, 16, 1), np.uint8))
    assert np.array_equal(maps, np.zeros((2, 16, 16), np.float32))
    assert (
        explain.region_shares(maps, [explain.face_regions(explain.CANONICAL * 16, (16, 16))] * 2).isna().all(axis=None)
    )


def test_random_weights_give_other_maps():
    images = np.random.default_rng(1).integers(0, 255, (4, 48, 48, 1)).astype(np.uint8)
    keras.utils.set_random_seed(0)
    networks = [models.build("five_layer", (48, 48, 1), 7, filters=[4, 8]) for _ in range(2)]
    first, again, other = (explain.grad_cam(one, images, np.zeros(4, int)) for one in (networks[0], *networks))
    assert np.array_equal(first, again)
    assert np.corrcoef(first.ravel(), other.ravel())[0, 1] < 0.9


def test_a_layer_is_chosen_before_the_pooling_or_by_its_name():
    network = models.build("five_layer", (48, 48, 1), 7, filters=[4, 8])
    name = explain.last_spatial_layer(network)
    assert network.get_layer(name).output.shape[1:3] == (24, 24)
    first = next(one for one in explain.layers_of(network) if one.startswith("conv2d"))
    activations, _ = explain.activations_and_probabilities(network, np.zeros((1, 48, 48, 1)), first)
    assert activations.shape == (1, 48, 48, 4)
    with pytest.raises(InputError, match="has no layer 'nothing'"):
        explain.grad_cam(network, np.zeros((1, 48, 48, 1)), layer="nothing")


def test_a_frozen_network_is_explained_like_any_other():
    network, images = corner_network(nested=True), corner_images()
    maps = explain.grad_cam(network, images)
    network.trainable = False
    assert np.array_equal(explain.grad_cam(network, images), maps) and maps.max() == 1


def test_a_transformer_is_explained_by_its_attention_and_by_grad_cam():
    network = models.build("vit_b16", (48, 48, 1), 7, size=64, width=12, depth=2, heads=2, units=8)
    images = np.random.default_rng(0).integers(0, 255, (2, 48, 48, 1)).astype(np.uint8)
    for maps in (explain.attention_rollout(network, images), explain.grad_cam(network, images)):
        assert maps.shape == (2, 48, 48) and np.isfinite(maps).all()
    with pytest.raises(InputError, match="no attention"):
        explain.attention_rollout(corner_network(), images)


def test_a_blind_attention_rolls_out_evenly():
    network = models.build("vit_b16", (48, 48, 1), 7, size=64, width=12, depth=2, heads=2, units=8)
    for layer in explain.layers_of(network).values():
        if type(layer).__name__ == "MultiHeadAttention":
            layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
    maps = explain.attention_rollout(network, np.random.default_rng(0).integers(0, 255, (1, 48, 48, 1)))
    assert np.allclose(maps, 1, atol=1e-5)


def test_a_map_inside_the_mouth_is_all_on_the_mouth():
    regions = explain.face_regions(explain.CANONICAL * 48, (48, 48))
    assert not any((regions[a] & regions[b]).any() for a in regions for b in regions if a < b)
    assert regions["brows"].any() and np.argwhere(regions["brows"]).mean(0)[0] < np.argwhere(regions["eyes"]).mean(0)[0]
    shares = explain.region_shares(np.float32(regions["mouth"])[None], [regions])
    assert shares.loc[0, "mouth"] == pytest.approx(1 / regions["mouth"].mean()) and shares.loc[0, "eyes"] == 0


def test_agreement_with_action_units_is_of_the_parts_that_move():
    on_mouth, even = {"brows": 0.5, "eyes": 1.0, "nose": 0.5, "mouth": 3.0}, dict.fromkeys(explain.REGIONS, 1.0)
    shares, labels = pd.DataFrame([on_mouth] * 20 + [even] * 5 + [on_mouth]), np.repeat([0, 1, 2], [20, 5, 1])
    table = explain.action_unit_agreement(shares, labels, ("happy", "neutral", "sad"))
    assert table.loc["happy", "difference"] == pytest.approx(2 - 0.5) and table.loc["happy", "agrees"]
    assert list(table.index) == ["happy"]  # neutral has no action units, and one map of sad no interval


def test_maps_on_one_part_whatever_the_emotion_agree_with_none():
    random = np.random.default_rng(0)
    on_nose = pd.DataFrame(random.uniform([0, 0, 2, 0], [1, 1, 4, 1], (350, 4)), columns=list(explain.REGIONS))
    table = explain.action_unit_agreement(on_nose, np.repeat(range(7), 50), emotions.FER2013)
    assert len(table) == 6 and not table.loc["disgust", "agrees"] and table["difference"].abs().max() < 0.3
    alone = explain.action_unit_agreement(on_nose, np.zeros(350, int), emotions.FER2013)
    assert alone.empty and "low" in alone  # nothing to hold it against
