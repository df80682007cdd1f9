"""Every network of the five studies: parameter counts, one image one answer, a step of training, saving, starting weights."""

import os
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch_files
from skimage import data

from fer_tf import models
from fer_tf.backend import keras
from fer_tf.errors import InputError
from fer_tf.models import input_layers, torch_weights, transfer, vit
from fer_tf.models.freezing import is_head

# Parameters of a base without its classifier: Keras Applications' documentation for the first six and MobileNet, Dosovitskiy et al.
# 2021 for the transformers, and for ConvNeXt-Atto the sum over its layers: a block of width c has 8c^2 + 58c.
BASE_PARAMETERS = {
    "vgg16": 14_714_688,
    "densenet121": 7_037_504,
    "efficientnetv2b0": 5_919_312,
    "inceptionv3": 21_802_784,
    "resnet50": 23_587_712,
    "convnext_tiny": 27_820_128,
    "convnext_atto": 3_374_520,
    "mobilenet_pa": 3_228_864,
    "vit_b16": 85_798_656,
    "vit_b32": 87_455_232,
}

SMALL = {
    "plain_cnn": {"filters": (8, 16)},
    "compact": {"size": 16, "blocks": ((4,), (8, 8))},
    "resnet18": {"filters": 8},
    "inceptionv3": {"size": 75},
    "vit_b16": {"size": 64, "width": 24, "depth": 2, "heads": 2},
    "vit_b32": {"size": 64, "width": 24, "depth": 2, "heads": 2},
}


def small(name, classes=3, channels=1, **options):
    return models.build(name, (48, 48, channels), classes, **{**SMALL.get(name, {}), **options})


def random_images(count, *shape):
    return np.random.default_rng(0).integers(0, 256, (count, *(shape or (48, 48, 1)))).astype(np.float32)


def probabilities(model, images):
    return np.asarray(model(images))  # without saying that nothing is trained: it must not matter


def base_parameters(model):
    return sum(layer.count_params() for layer in model.layers if not is_head(model, layer))


def assert_an_image_has_its_own_answer(model, images):
    together = probabilities(model, images)
    np.testing.assert_allclose(probabilities(model, images[1:2]), together[1:2], atol=1e-5)
    np.testing.assert_allclose(probabilities(model, images[[2, 0]]), together[[2, 0]], atol=1e-5)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)


@pytest.fixture(scope="module", params=models.names())
def network(request):
    """Each network once, at 48x48x1; the transformers and the plain networks smaller than they are used."""
    keras.utils.set_random_seed(0)
    return small(request.param)


@pytest.mark.parametrize("network", transfer.BACKBONES, indirect=True)
def test_the_base_has_the_reference_number_of_parameters(network):
    assert base_parameters(network) == BASE_PARAMETERS[network.name]


def test_an_image_gets_the_same_probabilities_alone_in_any_batch_and_in_any_order(network):
    assert_an_image_has_its_own_answer(network, random_images(3))


def test_its_layers_are_listed_with_all_its_parameters(network):
    assert models.summary(network)["parameters"].sum() == network.count_params()


def test_it_reloads_to_identical_predictions_and_trains_its_head_alone(network, tmp_path):
    images, labels = random_images(4), np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    models.set_trainable(network, "head")
    models.save(network, tmp_path / "model.keras")
    loaded = models.load(tmp_path / "model.keras")
    np.testing.assert_array_equal(probabilities(network, images), probabilities(loaded, images))
    assert len(loaded.trainable_weights) == len(network.trainable_weights) < len(network.weights)

    before = {layer.name: layer.get_weights() for layer in loaded.layers if layer.weights}
    train(loaded, images, labels, steps=1)
    for layer in loaded.layers:
        if layer.weights:
            same = all(np.array_equal(a, b) for a, b in zip(before[layer.name], layer.get_weights(), strict=True))
            assert same != is_head(loaded, layer), f"{layer.name} {'stayed' if same else 'changed'}"


def train(model, images, labels, steps):
    model.compile(keras.optimizers.Adam(0.001), "categorical_crossentropy", run_eagerly=True)
    return [float(model.train_on_batch(images, labels)) for _ in range(steps)]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain_cnn", {}),
        ("shallow", {"filters": (4, 8)}),
        ("resnet18", {"filters": 8}),
        ("vit_b32", {"depth": 1}),
        ("mobilenet_pa", {"blocks": 2, "filters": 8}),
    ],
)
def test_training_all_of_a_network_lowers_its_loss(name, options):
    keras.utils.set_random_seed(0)
    images = random_images(8) / 4 + 190 * (np.arange(8) % 2)[:, None, None, None]  # dark and bright
    model = models.set_trainable(small(name, classes=2, **options), "all")
    losses = train(model, images, np.eye(2, dtype=np.float32)[np.arange(8) % 2], steps=5)
    assert min(losses[1:]) < losses[0]


def test_a_network_that_attends_across_the_batch_is_caught():
    """The published mistake: the faces of a batch, rather than a face's patches or channels, are what attention mixes."""

    class AcrossTheBatch(keras.layers.Layer):
        def call(self, features):
            return keras.ops.softmax(features @ keras.ops.transpose(features)) @ features

    image = keras.Input((8, 8, 1))
    features = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, keras.layers.Dense(3, activation="softmax")(AcrossTheBatch()(features)))
    with pytest.raises(AssertionError):
        assert_an_image_has_its_own_answer(model, random_images(3, 8, 8, 1))


@pytest.mark.parametrize(
    ("name", "shape", "classes", "options", "parameters"),
    [
        ("resnet18", (224, 224, 3), 1000, {}, 11_689_512),  # torchvision, and He et al. 2016: 11.7 million
        ("compact", (48, 48, 1), 7, {}, 3_951_559),
        ("resnet18", (48, 48, 1), 7, {}, 11_173_831),  # 2 * 64 * 49 fewer in the first convolution
        ("resnet18", (100, 100, 3), 7, {"stem": "small"}, 11_172_423),
        ("shallow", (224, 224, 3), 8, {}, 392_608 + 7 * 7 * 256 * 8 + 8),
        ("plain_cnn", (48, 48, 1), 7, {}, 4_179_847),
        ("plain_cnn", (100, 100, 3), 7, {}, 11_258_887),
    ],
)
def test_networks_from_scratch_have_the_known_number_of_parameters(name, shape, classes, options, parameters):
    assert models.parameter_counts(models.build(name, shape, classes, **options))["trainable"] == parameters


@pytest.mark.parametrize("name", ["vit_b16", "vit_b32"])
def test_a_whole_transformer_has_the_published_number_of_parameters(name):
    assert base_parameters(models.build(name, (224, 224, 3), 8)) == BASE_PARAMETERS[name]


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("vgg16", "vgg16"),
        ("densenet121", "densenet"),
        ("inceptionv3", "inception_v3"),
        ("resnet50", "resnet50"),
        ("mobilenet_pa", "mobilenet"),
    ],
)
def test_values_are_scaled_as_keras_applications_scales_them(name, module):
    images = random_images(2, 5, 5, 3)
    scaled = np.asarray(input_layers.scale(keras.ops.convert_to_tensor(images), transfer.BACKBONES[name].convention))
    expected = getattr(keras.applications, module).preprocess_input(images.copy())
    np.testing.assert_allclose(scaled, expected, atol=1e-4)


def test_gray_is_repeated_and_enlarged_inside():
    image = random_images(1)
    model = keras.Model(*(lambda x: (x, input_layers.color(input_layers.resize(x, 96))))(keras.Input((48, 48, 1))))
    observed = probabilities(model, image)
    assert observed.shape == (1, 96, 96, 3)
    np.testing.assert_array_equal(observed[..., 0], observed[..., 2])
    np.testing.assert_allclose(observed.mean(), image.mean(), rtol=0.01)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_leading_convolution_starts_by_changing_nothing(channels):
    model = small("efficientnetv2b0", channels=channels)
    adjusted = keras.Model(model.inputs[0], model.get_layer("adjust_channels").output)
    images = random_images(2, 48, 48, channels)
    np.testing.assert_allclose(probabilities(adjusted, images), np.broadcast_to(images, (2, 48, 48, 3)), atol=1e-3)


@pytest.mark.parametrize("name", ["convnext_tiny", "vit_b32", "resnet18"])
def test_a_network_that_computes_in_bfloat16_is_kept_in_float32(name):
    model = small(name, dtype="mixed_bfloat16")
    assert model.layers[-1].compute_dtype == "float32"
    plain = models.as_float32(model)
    assert {layer.compute_dtype for layer in plain._flatten_layers() if layer.weights} == {"float32"}
    for one, other in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_probabilities_are_float32_whatever_a_network_computes_in():
    half, whole = small("vit_b32", dtype="mixed_bfloat16"), small("vit_b32")
    whole.set_weights(half.get_weights())
    assert probabilities(half, random_images(2)).dtype == np.float32
    np.testing.assert_allclose(probabilities(half, random_images(2)), probabilities(whole, random_images(2)), atol=0.05)


# What a training may change


def test_frozen_layers_stay_frozen_and_the_last_ones_are_opened():
    model = small("mobilenet_pa")
    models.set_trainable(model, 2)
    opened = [layer.name for layer in model.layers if layer.weights and layer.trainable and not is_head(model, layer)]
    assert opened == ["conv_dw_13", "conv_dw_13_bn", "conv_pw_13", "conv_pw_13_bn"]


def test_a_trained_batch_norm_rests_while_the_base_is_fine_tuned():
    model = small("mobilenet_pa", blocks=2, filters=8)
    norm = model.get_layer("conv_dw_1_bn")
    assert models.set_trainable(model, "all").get_layer("conv_dw_1_bn").trainable  # never saw a batch: random weights
    norm.set_weights([w + 1 for w in norm.get_weights()])
    models.set_trainable(model, "all")
    assert not norm.trainable and model.get_layer("conv_pw_1").trainable
    saved = norm.get_weights()
    train(model, random_images(4), np.eye(3, dtype=np.float32)[[0, 1, 2, 0]], steps=1)
    np.testing.assert_array_equal(norm.get_weights(), saved)
    assert models.set_trainable(model, "all", batch_norm=True).get_layer("conv_dw_1_bn").trainable


@pytest.mark.parametrize("what", ["base", -1, 10_000, True, 1.5])
def test_an_impossible_choice_of_layers_is_refused(what):
    with pytest.raises(InputError, match="give 'head', 'all'"):
        models.set_trainable(small("mobilenet_pa", blocks=1), what)


# What a network starts from


@pytest.mark.parametrize("kind", ["model.keras", "model.weights.h5", ""])
def test_a_network_starts_from_a_file_or_a_run_of_the_same_architecture(kind, tmp_path, capsys):
    earlier = small("plain_cnn")
    models.save(earlier, tmp_path / "model.keras")
    earlier.save_weights(tmp_path / "model.weights.h5")
    later = small("plain_cnn", weights=str(tmp_path / kind))
    np.testing.assert_array_equal(probabilities(earlier, random_images(2)), probabilities(later, random_images(2)))
    assert "new: none" in capsys.readouterr().out


def test_with_other_classes_all_but_the_last_layer_is_taken(tmp_path, capsys):
    earlier = small("plain_cnn", classes=7)
    models.save(earlier, tmp_path / "model.keras")
    later = small("plain_cnn", classes=5, weights=tmp_path / "model.keras")
    assert later.output_shape == (None, 5)
    for one, other in zip(earlier.get_weights()[:-2], later.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(one, other)
    assert f"weights: 8 layers from {tmp_path / 'model.keras'}; new: {later.layers[-1].name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (
            "model.keras",
            r"of another architecture than plain_cnn .*\(its layer .* has \[\(3, 3, 1, 8\), \(8,\)\], here",
        ),
        ("model.weights.h5", r"of another architecture .*it has a \(3, 3, 1, 8\) where there is \(3, 3, 1, 4\) here"),
        ("deeper.weights.h5", "of another architecture .*it has .* arrays, here"),
        ("none.keras", "there are no such weights"),
        ("model.h5", "weights of plain_cnn must be 'imagenet', a run's folder or a file .keras, .weights.h5"),
        ("broken.keras", "not a whole model file"),
        ("broken.weights.h5", "no readable .weights.h5 file"),
        ("vit.npz", "weights of plain_cnn must be .* a file .keras, .weights.h5"),
        ("imagenet", "plain_cnn has no ImageNet weights"),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_one_line(file, message, tmp_path):
    trained = small("plain_cnn")
    models.save(trained, tmp_path / "model.keras")
    trained.save_weights(tmp_path / "model.weights.h5")
    small("plain_cnn", filters=(8, 16, 16)).save_weights(tmp_path / "deeper.weights.h5")
    for name in ("model.h5", "broken.keras", "broken.weights.h5", "vit.npz"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match=message):
        small("plain_cnn", filters=(4, 16), weights=file if file == "imagenet" else tmp_path / file)


def test_a_weights_file_of_other_classes_is_refused_in_one_line(tmp_path):
    small("plain_cnn", classes=7).save_weights(tmp_path / "seven.weights.h5")
    with pytest.raises(InputError, match=r"it has a \(512, 7\) where there is \(512, 5\) here"):
        small("plain_cnn", classes=5, weights=tmp_path / "seven.weights.h5")


@pytest.mark.parametrize("blocks", [13, 5])
def test_imagenet_weights_go_into_the_base_and_leave_the_head_new(monkeypatch, capsys, blocks):
    requested, donors = [], []

    def downloaded(**given):
        if given["weights"] == "imagenet":
            requested.append(given["include_top"])
            donors.append(keras.applications.MobileNet(**{**given, "weights": None}))
            return donors[0]
        return keras.applications.MobileNet(**given)

    monkeypatch.setitem(
        transfer.BACKBONES, "mobilenet_pa", transfer.BACKBONES["mobilenet_pa"]._replace(function=downloaded)
    )
    model = small("mobilenet_pa", weights="imagenet", blocks=blocks)
    assert requested == [False]
    for name in ("conv1", "conv_pw_1", f"conv_pw_{blocks}_bn"):
        expected = donors[0].get_layer(name).get_weights()
        for one, other in zip(expected, model.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    message = capsys.readouterr().out
    assert f"weights: {2 + 4 * blocks} layers from ImageNet; new: head_patch_1" in message and "head_classes" in message


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("vit_b32", "B_32-i21k-300ep.*res_224.npz"),
        ("resnet18", "resnet18-f37072fd.pth"),
        ("mobilenet_pa", "mobilenet_1_0_224_tf_no_top.h5"),
    ],
)
def test_without_a_network_the_missing_file_and_its_folder_are_named(name, file, monkeypatch, tmp_path):
    def unreachable(url, *rest):
        raise OSError("no route to host")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", _fails_as_urllib_does)
    with pytest.raises(InputError, match=f"https://.*{file} could not be downloaded.* Put it into {tmp_path}/models"):
        small(name, weights="imagenet")


def _fails_as_urllib_does(*given):
    import urllib.error

    raise urllib.error.URLError("no route to host")


# The published SqueezeNet


def squeezenet_features(path, image):
    """What SqueezeNet 1.1 makes of an image (h, w, 3) before its head, in plain NumPy, from the published file's arrays.

    Its pools keep the border, as the network's here do; the published code's drop it.
    """

    def convolved(x, place, stride=1):
        arrays = {}
        with h5py.File(path) as file:
            file[place].visititems(
                lambda _, one: arrays.update({len(one.shape): one[()]} if hasattr(one, "shape") else {})
            )
        kernel, bias = arrays[4], arrays[1]
        border = kernel.shape[0] // 2 if stride == 1 else 0
        x = np.pad(x, ((border, border), (border, border), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(0, 1))[::stride, ::stride]
        return np.maximum(np.einsum("hwcij,ijco->hwo", windows, kernel, optimize=True) + bias, 0)

    def pooled(x):
        missing = [max((-(-side // 2) - 1) * 2 + 3 - side, 0) for side in x.shape[:2]]
        border = [(pixels // 2, pixels - pixels // 2) for pixels in missing]
        x = np.pad(x, (*border, (0, 0)), constant_values=-np.inf)
        return np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(0, 1))[::2, ::2].max(axis=(3, 4))

    x = convolved(image[..., ::-1] - (103.939, 116.779, 123.68), "conv1", stride=2)
    for fire in range(2, 10):
        x = pooled(x) if fire in (2, 4, 6) else x
        x = convolved(x, f"fire{fire}/squeeze1x1")
        x = np.concatenate([convolved(x, f"fire{fire}/expand{side}x{side}") for side in (1, 3)], axis=-1)
    return x


def test_squeezenet_with_the_published_weights_computes_what_plain_numpy_computes():
    path = Path(os.environ.get("FER_TF_PRETRAINED", "data/raw/pretrained")) / "squeezenet_v1.1_imagenet_notop.h5"
    if not path.is_file():
        pytest.skip(f"{path.name} is not here; set FER_TF_PRETRAINED to its folder")
    image = data.astronaut()[60:140, 180:250].astype(np.float32)
    model = models.build("squeezenet", image.shape, 7, weights=path)
    features = probabilities(keras.Model(model.inputs[0], model.get_layer("head_dropout").output), image[None])[0]
    expected = squeezenet_features(path, image)
    assert features.shape == expected.shape == (5, 5, 512) and expected.max() > 1
    np.testing.assert_allclose(features, expected, atol=1e-4 * expected.max())


# The published transformer weights


def published_vit(width, depth, heads, tokens, patch):
    """Random weights under the names and in the shapes of the published files."""
    draw = np.random.default_rng(1)
    shapes = {
        "embedding/kernel": (patch, patch, 3, width),
        "embedding/bias": (width,),
        "cls": (1, 1, width),
        "Transformer/posembed_input/pos_embedding": (1, tokens, width),
        "Transformer/encoder_norm/scale": (width,),
        "Transformer/encoder_norm/bias": (width,),
        "head/kernel": (width, 1000),
        "head/bias": (1000,),
    }
    for i in range(depth):
        block = f"Transformer/encoderblock_{i}"
        for norm in ("LayerNorm_0", "LayerNorm_2"):
            shapes |= {f"{block}/{norm}/scale": (width,), f"{block}/{norm}/bias": (width,)}
        for part in ("query", "key", "value"):
            place = f"{block}/MultiHeadDotProductAttention_1/{part}"
            shapes |= {f"{place}/kernel": (width, heads, width // heads), f"{place}/bias": (heads, width // heads)}
        place = f"{block}/MultiHeadDotProductAttention_1/out"
        shapes |= {f"{place}/kernel": (heads, width // heads, width), f"{place}/bias": (width,)}
        place = f"{block}/MlpBlock_3"
        shapes |= {f"{place}/Dense_0/kernel": (width, 4 * width), f"{place}/Dense_0/bias": (4 * width,)}
        shapes |= {f"{place}/Dense_1/kernel": (4 * width, width), f"{place}/Dense_1/bias": (width,)}
    return {name: draw.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}


def vit_features(weights, image, patch, depth):
    """The class token of a ViT after its last layer norm, in plain NumPy: the architecture written down a second time."""
    from scipy.special import erf, softmax

    def norm(x, place):
        centered = x - x.mean(-1, keepdims=True)
        deviation = np.sqrt(x.var(-1, keepdims=True) + 1e-6)
        return centered / deviation * weights[f"{place}/scale"] + weights[f"{place}/bias"]

    def dense(x, place):
        return x @ weights[f"{place}/kernel"] + weights[f"{place}/bias"]

    scaled, side = image / 127.5 - 1, image.shape[0] // patch
    patches = scaled.reshape(side, patch, side, patch, 3).transpose(0, 2, 1, 3, 4).reshape(side * side, -1)
    width = weights["cls"].shape[-1]
    x = patches @ weights["embedding/kernel"].reshape(-1, width) + weights["embedding/bias"]
    x = np.concatenate([weights["cls"][0], x]) + weights["Transformer/posembed_input/pos_embedding"][0]
    for i in range(depth):
        block = f"Transformer/encoderblock_{i}"
        place, y = f"{block}/MultiHeadDotProductAttention_1", norm(x, f"{block}/LayerNorm_0")
        query, key, value = (
            np.einsum("td,dhk->htk", y, weights[f"{place}/{part}/kernel"]) + weights[f"{place}/{part}/bias"][:, None]
            for part in ("query", "key", "value")
        )
        attention = softmax(query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1]), axis=-1)
        mixed = np.einsum("htk,hkd->td", attention @ value, weights[f"{place}/out/kernel"])
        x = x + mixed + weights[f"{place}/out/bias"]
        y = dense(norm(x, f"{block}/LayerNorm_2"), f"{block}/MlpBlock_3/Dense_0")
        x = x + dense(y * (1 + erf(y / np.sqrt(2))) / 2, f"{block}/MlpBlock_3/Dense_1")
    return norm(x, "Transformer/encoder_norm")[0]


def test_a_transformer_with_published_weights_computes_what_numpy_does(tmp_path):
    weights = published_vit(width=24, depth=2, heads=2, tokens=5, patch=32)
    np.savez(tmp_path / "vit.npz", **weights)
    model = small("vit_b32", channels=3, size=64, weights=tmp_path / "vit.npz")
    image = random_images(1, 64, 64, 3)
    features = keras.Model(model.inputs[0], model.get_layer("features").output)
    resized = np.asarray(keras.Model(model.inputs[0], model.layers[1].output)(image[:, :48, :48]))
    expected = vit_features(weights, resized[0], patch=32, depth=2)
    np.testing.assert_allclose(np.asarray(features(image[:, :48, :48]))[0], expected, atol=1e-3)


def test_position_embeddings_follow_another_grid_of_patches():
    corners = np.arange(5, dtype=np.float32).reshape(1, 5, 1)  # a class token, then a grid of 2x2
    larger = vit._regrid(corners, 17)
    assert larger.shape == (1, 17, 1) and larger[0, 0] == 0
    np.testing.assert_allclose(larger[0, [1, 4, 13, 16], 0], [1, 2, 3, 4])


def test_a_published_file_of_another_transformer_is_refused(tmp_path):
    np.savez(tmp_path / "vit.npz", **published_vit(width=24, depth=2, heads=2, tokens=5, patch=16))
    with pytest.raises(InputError, match=r"patches is \[\(16, 16, 3, 24\), \(24,\)\], here \[\(32, 32, 3, 24\)"):
        small("vit_b32", weights=tmp_path / "vit.npz")
    np.savez(tmp_path / "shallower.npz", **published_vit(width=24, depth=1, heads=2, tokens=5, patch=32))
    with pytest.raises(InputError, match="it has no Transformer/encoderblock_1"):
        small("vit_b32", weights=tmp_path / "shallower.npz")
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"no readable \.npz file"):
        small("vit_b32", weights=tmp_path / "broken.npz")


# The published weights of ResNet-18


def torch_resnet18(filters, classes):
    """Random weights under torchvision's names, in PyTorch's order of axes."""
    draw, arrays = np.random.default_rng(2), {}

    def convolution(name, norm, before, after, kernel):
        arrays[f"{name}.weight"] = draw.normal(0, 0.1, (after, before, kernel, kernel)).astype(np.float32)
        for kind in ("weight", "bias", "running_mean", "running_var"):
            arrays[f"{norm}.{kind}"] = draw.uniform(0.5, 1, after).astype(np.float32)

    convolution("conv1", "bn1", 3, filters, 7)
    before = filters
    for stage in range(4):
        after = filters * 2**stage
        for block in range(2):
            place = f"layer{stage + 1}.{block}"
            convolution(f"{place}.conv1", f"{place}.bn1", before, after, 3)
            convolution(f"{place}.conv2", f"{place}.bn2", after, after, 3)
            if before != after:
                convolution(f"{place}.downsample.0", f"{place}.downsample.1", before, after, 1)
            before = after
    arrays["fc.weight"] = draw.normal(0, 0.1, (classes, before)).astype(np.float32)
    arrays["fc.bias"] = draw.normal(0, 0.1, classes).astype(np.float32)
    return arrays


def test_torchvision_weights_find_their_layers(tmp_path, capsys):
    arrays = torch_resnet18(filters=8, classes=1000)
    torch_files.save(tmp_path / "resnet18.pth", arrays)
    model = small("resnet18", channels=3, classes=1000, weights=tmp_path / "resnet18.pth")
    assert "weights: 41 layers from" in capsys.readouterr().out
    kernel = model.get_layer("layer2.0.downsample.0").kernel
    np.testing.assert_array_equal(kernel, arrays["layer2.0.downsample.0.weight"].transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(model.get_layer("bn1").moving_variance, arrays["bn1.running_var"])
    np.testing.assert_array_equal(model.get_layer("fc").kernel, arrays["fc.weight"].T)


def test_a_gray_first_convolution_sums_the_colors_and_other_classes_are_new(tmp_path, capsys):
    arrays = torch_resnet18(filters=8, classes=1000)
    torch_files.save(tmp_path / "resnet18.pth", arrays)
    model = small("resnet18", weights=tmp_path / "resnet18.pth")
    expected = arrays["conv1.weight"].sum(axis=1, keepdims=True).transpose(2, 3, 1, 0)
    np.testing.assert_allclose(model.get_layer("conv1").kernel, expected, rtol=1e-5)
    assert "weights: 40 layers" in (message := capsys.readouterr().out) and message.endswith("new: fc\n")
    with pytest.raises(InputError, match="bn1 differs"):
        small("resnet18", filters=4, weights=tmp_path / "resnet18.pth")


def test_a_torch_file_runs_nothing_that_it_holds(tmp_path):
    torch_files.save(tmp_path / "evil.pth", {"a": np.zeros(2, np.float32)}, extra=zipfile.ZipFile)
    with pytest.raises(InputError, match=r"evil\.pth: not a state dict"):
        torch_weights.read(tmp_path / "evil.pth")
    (tmp_path / "old.pth").write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"old\.pth: not a state dict"):
        torch_weights.read(tmp_path / "old.pth")


def test_a_transposed_torch_array_is_read_by_its_strides(tmp_path):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    turned = np.lib.stride_tricks.as_strided(array, (3, 2), (4, 12))
    torch_files.save(tmp_path / "turned.pth", {"a": turned})
    with zipfile.ZipFile(tmp_path / "turned.pth") as archive:
        assert (
            archive.read("archive/data/0") == turned.tobytes()
        )  # written out row by row, so the strides point elsewhere
    assert torch_weights.read(tmp_path / "turned.pth")["a"].shape == (3, 2)


@pytest.mark.parametrize(
    ("name", "shape", "options", "message"),
    [
        ("inceptionv3", (48, 48, 1), {}, "images of 48x48 are too small.*size=75"),
        ("vgg16", (24, 48, 1), {}, "images of 24x48 are too small"),
        ("vgg16", (48, 48, 1), {"size": 16}, "size=16 is too small"),
        ("vit_b16", (48, 48, 1), {"size": 50}, "size=50 is no multiple of the patch of 16"),
        ("vit_b16", (48, 48, 1), {"width": 50}, "width=50 is no multiple of heads=12"),
        ("mobilenet_pa", (48, 48, 1), {"blocks": 14}, "MobileNet has 13"),
        ("resnet18", (48, 48, 1), {"stem": "large"}, "no stem 'large'"),
        ("plain_cnn", (8, 8, 1), {}, "plain_cnn cannot be built for images of 8x8x1"),
    ],
)
def test_images_and_options_that_a_base_cannot_take_are_refused_in_one_line(name, shape, options, message):
    with pytest.raises(InputError, match=message):
        models.build(name, shape, 7, **options)
