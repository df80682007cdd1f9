"""Published weights: read from files of the real layout made here, and held against reference outputs where they are."""

import os
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch_files

from fer_tf import models
from fer_tf.backend import keras
from fer_tf.errors import InputError
from fer_tf.models import squeezenet, torch_weights
from fer_tf.models.catalogue import CATALOGUE

PRETRAINED = Path(os.environ.get("FER_TF_PRETRAINED", "data/raw/pretrained"))
FACES = PRETRAINED / "mobilefacenet_foamliu.pt"
QUANTIZED = PRETRAINED / "coral_mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"


def published(path):
    if not path.is_file():
        pytest.skip(f"{path.name} is not here; set FER_TF_PRETRAINED to its folder")
    return path


def random_arrays():
    rng = np.random.default_rng(0)
    return {"a.weight": rng.normal(size=(2, 3, 1, 1)).astype(np.float32), "a.bias": np.float32([1, 2])}


def test_a_torch_file_of_the_old_form_gives_its_arrays(tmp_path):
    arrays = random_arrays()
    torch_files.save_old(tmp_path / "old.pt", arrays)
    read = torch_weights.read(tmp_path / "old.pt")
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)


def test_a_damaged_torch_file_of_the_old_form_is_refused_in_one_line(tmp_path):
    torch_files.save_old(tmp_path / "other_length.pt", random_arrays(), length_error=1)
    torch_files.save_old(tmp_path / "cut.pt", random_arrays())
    (tmp_path / "cut.pt").write_bytes((tmp_path / "cut.pt").read_bytes()[:-3])
    (tmp_path / "text.pt").write_text("nothing of the kind")
    (tmp_path / "empty.pt").write_bytes(b"")
    for name in ("other_length.pt", "cut.pt", "text.pt", "empty.pt"):
        with pytest.raises(InputError, match=f"{name}: not a state dict"):
            torch_weights.read(tmp_path / name)


def test_a_torch_file_with_a_damaged_length_is_refused_in_one_line(tmp_path):
    (tmp_path / "frame.pt").write_bytes(b"\x80\x04\x95" + b"\xff" * 8)
    with pytest.raises(InputError, match=r"frame.pt: damaged. Download it again"):
        torch_weights.read(tmp_path / "frame.pt")


def test_a_torch_file_of_the_old_form_runs_nothing_that_it_holds(tmp_path):
    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(marker),)

    with open(tmp_path / "evil.pt", "wb") as file:
        for part in (torch_weights._MAGIC, 1001, {}, Evil(), []):
            pickle.dump(part, file, protocol=2)
    with pytest.raises(InputError, match=r"evil\.pt: not a state dict"):
        torch_weights.read(tmp_path / "evil.pt")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("name", "trainable", "other"),
    [
        ("squeezenet", 722_496, 0),  # as the published file says
        ("mobilefacenet", 999_936, 19_712),  # "1.0 M" in Chen et al. 2018
    ],
)
def test_parameters_up_to_the_softmax_are_as_published(name, trainable, other):
    model = models.build(name, (112, 112, 3), 7)
    counts = models.parameter_counts(model)
    assert (counts["trainable"] - model.layers[-1].count_params(), counts["other"]) == (trainable, other)


def test_squeezenet_takes_each_layer_from_its_group(tmp_path):
    source = models.build("squeezenet", (48, 48, 3), 7)
    with h5py.File(tmp_path / "published.h5", "w") as file:
        for layer in source.layers[:-1]:
            if layer.weights:
                group = file.create_group(layer.name.replace(".", "/"))
                names = [f"{layer.name.replace('.', '/')}/kernel_3", f"{layer.name.replace('.', '/')}/bias"]
                group.attrs["weight_names"] = names
                for key, array in zip(names, layer.get_weights(), strict=True):
                    group[key] = array
    model = models.build("squeezenet", (48, 48, 3), 5, weights=tmp_path / "published.h5")
    for one, other in zip(source.get_weights()[:-2], model.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(one, other)
    (tmp_path / "other.h5").write_bytes(b"text")
    with pytest.raises(InputError, match=r"other\.h5: not the published weights of SqueezeNet"):
        models.build("squeezenet", (48, 48, 3), 5, weights=tmp_path / "other.h5")
    assert len(squeezenet.FIRES) == 8


def test_every_entry_names_an_address_a_license_and_what_it_learned_from():
    for name, entry in CATALOGUE.items():
        assert name in models.names()
        assert entry.address.startswith("https://") and entry.license and entry.learned_from
        assert entry.sha256 is None or len(entry.sha256) == 64


def test_mobilefacenet_gives_what_the_published_onnx_file_gives():
    runtime = pytest.importorskip("onnxruntime")
    model = models.build("mobilefacenet", (112, 112, 3), 7, weights=published(FACES))
    images = np.random.default_rng(0).integers(0, 256, (1, 112, 112, 3)).astype(np.float32)
    scaled = np.float32((images / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).transpose(0, 3, 1, 2)
    session = runtime.InferenceSession(published(FACES.with_suffix(".onnx")))
    (expected,) = session.run(None, {"input0": scaled})
    vector = keras.Model(model.inputs, model.get_layer("bn").output).predict_on_batch(images)
    np.testing.assert_allclose(np.ravel(vector), np.ravel(expected), atol=1e-4)  # of values up to 2.2


def test_smaller_faces_take_the_middle_of_the_kernel_that_weighs_the_last_map():
    whole = models.build("mobilefacenet", (112, 112, 3), 7, weights=published(FACES))
    part = models.build("mobilefacenet", (48, 48, 1), 7, weights=FACES, size=80)
    kernels = [model.get_layer("gdconv.depthwise").kernel for model in (whole, part)]
    np.testing.assert_array_equal(kernels[0][1:-1, 1:-1], kernels[1])


def test_the_dequantized_mobilenet_gives_what_the_quantized_one_gives():
    from skimage import data

    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    quantized = interpreter.Interpreter(str(published(QUANTIZED)))
    quantized.allocate_tensors()
    image = np.ascontiguousarray(data.astronaut()[::2, ::2][:224, :224])[None]
    quantized.set_tensor(quantized.get_input_details()[0]["index"], image)
    quantized.invoke()
    output = quantized.get_output_details()[0]
    expected = output["quantization"][0] * quantized.get_tensor(output["index"]).ravel().astype(np.float32)
    model = models.build("mobilenet_pa", (224, 224, 3), 7, weights=QUANTIZED)
    features = keras.Model(model.inputs, model.get_layer("conv_pw_13_relu").output).predict_on_batch(np.float32(image))
    assert (
        np.corrcoef(expected, np.mean(features, axis=(0, 1, 2)))[0, 1] > 0.99
    )  # 0.997 to 0.999: activations in 8 bits
