"""A network in other formats: each says what Keras says, for one image and for many, and refuses what it cannot do in one line."""

import importlib.util
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from fer_tf import models
from fer_tf.errors import InputError
from fer_tf.models import export, onnx_runtime

pytest.importorskip("onnxruntime", reason="the extra export is not installed")
pytest.importorskip("tf2onnx", reason="the extra export is not installed")
pytest.importorskip("ai_edge_litert", reason="the extra export is not installed")


def faces(n, size=24, channels=3, seed=0):
    """Smooth random pictures, uint8 (n, size, size, channels): pure noise is nothing that a network was trained on."""
    coarse = np.random.default_rng(seed).integers(0, 256, (n, size // 4, size // 4, channels))
    return coarse.repeat(4, axis=1).repeat(4, axis=2).astype(np.uint8)


@pytest.fixture(scope="module")
def network():
    """A little five-layer network whose batch norms have statistics of their own, so that folding them is no identity."""
    from fer_tf.backend import keras

    keras.utils.set_random_seed(0)
    model = models.build("five_layer", (24, 24, 3), 4)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    return model


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory):
    """The network in every format, the last one first: the `Classifier` of each."""
    folder = tmp_path_factory.mktemp("exported")
    return export.to_formats(network, list(export.FORMATS)[::-1], folder, faces(64), threads=1)


@pytest.mark.parametrize("name", ["keras", "onnxruntime", "opencv", "litert"])
def test_a_float32_file_gives_the_probabilities_of_keras_for_one_image_and_for_many(network, exported, name):
    images = faces(70, seed=1)
    expected = network.predict(images.astype(np.float32), verbose=0)
    for n in (1, 7, 70, 1):  # 70 is more than one batch, and the 1 comes again after larger ones
        result = exported[name].probabilities(images[:n])
        np.testing.assert_allclose(result, expected[:n], atol=export.TOLERANCE)


@pytest.mark.parametrize("name", ["onnxruntime_int8", "litert_int8"])
def test_an_int8_file_is_close_and_a_quarter_of_the_size(network, exported, name):
    images = faces(70, seed=1)
    expected = network.predict(images.astype(np.float32), verbose=0)
    result = exported[name].probabilities(images)
    assert np.abs(result - expected).mean() < 0.01
    assert np.mean(result.argmax(axis=1) == expected.argmax(axis=1)) > 0.9
    np.testing.assert_allclose(result.sum(axis=1), 1, atol=1e-5)
    assert exported[name].megabytes < 0.35 * exported["onnxruntime"].megabytes


def test_norm_before_the_relu_leaves_nothing_but_convolutions(tmp_path):
    import onnx

    model = models.build("five_layer", (16, 16, 1), 3, norm_first=True)
    operators = [node.op_type for node in onnx.load(export.to_onnx(model, tmp_path / "m.onnx")).graph.node]
    inside = operators[operators.index("Conv") : len(operators) - operators[::-1].index("Conv")]
    assert set(inside) == {"Conv", "Relu", "MaxPool"}


def test_equal_networks_are_written_in_equal_bytes(network, exported, tmp_path):
    from fer_tf.backend import keras

    again = keras.models.clone_model(network)  # its layers have other names
    again.set_weights(network.get_weights())
    assert export.to_onnx(again, tmp_path / "m.onnx").read_bytes() == exported["onnxruntime"].path.read_bytes()


def test_the_order_and_the_names_of_a_graph_do_not_decide_its_bytes(exported):
    import onnx

    first, other = onnx.load(exported["onnxruntime"].path), onnx.load(exported["onnxruntime"].path)
    nodes, constants = list(other.graph.node)[::-1], list(other.graph.initializer)[::-1]
    for number, name in enumerate([name for node in nodes for name in node.output if name != "probabilities"]):
        for node in nodes:
            node.name = f"{number} {node.op_type}"
            node.input[:] = [f"value {number}" if one == name else one for one in node.input]
            node.output[:] = [f"value {number}" if one == name else one for one in node.output]
    ends = other.graph.input, other.graph.output
    other.graph.CopyFrom(onnx.helper.make_graph(nodes, "other", *ends, initializer=constants))
    assert other.SerializeToString() != first.SerializeToString()
    assert export._canonical(other).SerializeToString() == first.SerializeToString()


def test_input_and_output_have_their_names_and_take_any_number_of_images(exported):
    import onnx
    from ai_edge_litert.interpreter import Interpreter

    graph = onnx.load(exported["onnxruntime"].path).graph
    assert [value.name for value in graph.input] == ["image"] and [value.name for value in graph.output] == [
        "probabilities"
    ]
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "images"
    signature = Interpreter(str(exported["litert"].path)).get_signature_list()["serving_default"]
    assert signature == {"inputs": ["image"], "outputs": ["probabilities"]}


def test_a_network_trained_in_bfloat16_is_written_in_float32(tmp_path):
    model = models.build("five_layer", (16, 16, 1), 3, dtype="mixed_bfloat16")
    images = faces(3, 16, 1)
    expected = models.as_float32(model).predict(images.astype(np.float32), verbose=0)
    result = export.load(export.to_onnx(model, tmp_path / "m.onnx")).probabilities(images)
    np.testing.assert_allclose(result, expected, atol=export.TOLERANCE)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("engine", ["onnxruntime", "opencv"])
def test_a_network_that_shrinks_its_images_is_written_with_what_its_resize_computes(tmp_path, channels, engine):
    model = models.build("compact", (24, 20, channels), 3, size=16, blocks=((4,), (8,)))
    images = np.random.default_rng(0).integers(0, 256, (3, 24, 20, channels)).astype(np.float32)
    result = export.load(export.to_onnx(model, tmp_path / "m.onnx"), engine).probabilities(images)
    np.testing.assert_allclose(result, model.predict(images, verbose=0), atol=export.TOLERANCE)


@pytest.mark.parametrize("name", ["five_layer", "compact"])
def test_the_shipped_onnx_is_the_shipped_keras_network(name):
    network = models.load_pretrained(name)
    images = faces(9, 48, network.input_shape[3])
    expected = network.predict(images.astype(np.float32), verbose=0)
    for engine in ("opencv", "onnxruntime"):
        result = export.load(models.PRETRAINED / f"{name}.onnx", engine).probabilities(images)
        np.testing.assert_allclose(result, expected, atol=export.TOLERANCE)


def test_a_quantized_network_is_not_run_in_opencv_which_would_compute_nonsense(exported):
    with pytest.raises(InputError, match="Run it in onnxruntime"):
        export.load(exported["onnxruntime_int8"].path, "opencv")


@pytest.mark.parametrize("name, options", [("resnet18", {"filters": 4}), ("plain_cnn", {"filters": [4, 4, 4, 4]})])
def test_other_architectures_agree_in_opencv_in_batches(tmp_path, capsys, name, options):
    from fer_tf.backend import keras

    keras.utils.set_random_seed(1)
    model = models.build(name, (32, 32, 3), 3, **options)
    path, images = export.to_onnx(model, tmp_path / "m.onnx"), faces(4, 32)
    expected = model.predict(images.astype(np.float32), verbose=0)
    np.testing.assert_allclose(export.load(path, "opencv").probabilities(images), expected, atol=export.TOLERANCE)
    assert "OpenCV" not in capsys.readouterr().out


def test_a_network_that_opencv_does_not_run_rightly_is_told_of(network, tmp_path, monkeypatch, capsys):
    def opencv(path, threads):
        return lambda images: [np.full((len(images), 4), 0.25, np.float32)]

    monkeypatch.setattr(onnx_runtime, "_opencv", opencv)
    assert export.to_onnx(network, tmp_path / "m.onnx").is_file()
    assert "run it in onnxruntime" in capsys.readouterr().out


def test_an_exported_model_that_does_not_say_what_the_network_says_is_not_written(network, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "TOLERANCE", -1)
    with pytest.raises(InputError, match="not written"):
        export.to_onnx(network, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "give, said",
    [
        (lambda network, folder: export.to_onnx(network, folder / "model.pb"), "ending in .onnx"),
        (lambda network, folder: export.to_litert(network, folder / "model.onnx"), "ending in .tflite"),
        (lambda network, folder: export.to_onnx(network, folder / "m.onnx", faces(4, 48)), "calibration images"),
        (lambda network, folder: export.to_litert(network, folder / "m.tflite", faces(0)), "calibration images"),
        (lambda network, folder: export.load(folder / "model.h5"), "not an exported network"),
        (lambda network, folder: export.load(folder / "model.onnx"), "no such file"),
        (lambda network, folder: export.load(folder / "model.tflite", "opencv"), "opencv does not run"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(network, tmp_path, give, said):
    with pytest.raises(InputError, match=said):
        give(network, tmp_path)


@pytest.mark.parametrize("engine, suffix", [("onnxruntime", ".onnx"), ("opencv", ".onnx"), ("litert", ".tflite")])
def test_a_broken_file_is_one_line(tmp_path, engine, suffix):
    (tmp_path / f"model{suffix}").write_bytes(b"not a network" * 99)
    with pytest.raises(InputError, match=f"{engine} cannot read it"):
        export.load(tmp_path / f"model{suffix}", engine)


def test_without_the_extra_the_line_says_what_to_install(network, tmp_path, monkeypatch):
    result = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in ("tf2onnx", "ai_edge_litert") else result(name)
    )
    with pytest.raises(InputError, match="pip install tf2onnx"):
        export.to_onnx(network, tmp_path / "model.onnx")
    with pytest.raises(InputError, match="pip install ai-edge-litert"):
        export.to_litert(network, tmp_path / "model.tflite")
    assert export.available() == ("keras",)


def test_all_formats_are_created_at_once_and_a_shared_file_is_written_once(network, exported, tmp_path):
    assert list(exported) == list(export.FORMATS)[::-1]
    files = {path.name for path in exported["keras"].path.parent.iterdir()}
    assert files == {"model.keras", "model.onnx", "model_int8.onnx", "model.tflite", "model_int8.tflite"}
    with pytest.raises(InputError, match=r"unknown format .coreml.; choose one of keras"):
        export.to_formats(network, ["coreml"], tmp_path)
    with pytest.raises(InputError, match="litert_int8 needs training images"):
        export.to_formats(network, ["litert_int8"], tmp_path)


def test_latency_is_per_image_and_only_of_full_batches(monkeypatch):
    observed = []
    # a clock on which each batch takes 20 ms, however many images it has
    monkeypatch.setattr(export, "time", SimpleNamespace(perf_counter=lambda: 0.02 * len(observed)))

    def run(images):
        observed.append(len(images))
        return np.full((len(images), 2), 0.5)

    predictor = models.Classifier(None, "keras", run)
    alone, together = (
        export.latency(predictor, faces(4), 1, warm_up=1),
        export.latency(predictor, faces(11), 4, warm_up=2),
    )
    assert observed == [1] * 5 + [4] * 4
    assert alone == pytest.approx([20] * 4) and together == pytest.approx([5] * 2)
    with pytest.raises(InputError, match="do not fill a batch of 5"):
        export.latency(predictor, faces(4), 5)


def test_running_an_exported_model_imports_no_tensorflow(exported):
    paths = [str(exported[name].path) for name in ("onnxruntime", "litert")]
    code = (
        "import sys, numpy as np; from fer_tf.models import export;"
        f"[export.load(path).probabilities(np.zeros((1, 24, 24, 3), np.uint8)) for path in {paths}];"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_the_figure_names_every_format_and_says_what_it_lacks():
    import pandas as pd

    from fer_tf.figures import accuracy_over_latency

    exported = pd.DataFrame(
        {"format": list(export.FORMATS), "ms": range(1, 7), "accuracy": 0.6, "low": 0.59, "high": 0.61}
    )
    legend = accuracy_over_latency(exported).axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [name.replace("_", " ") for name in export.FORMATS]
    with pytest.raises(InputError, match="lacks the column 'ms'"):
        accuracy_over_latency(exported.drop(columns="ms"))
    with pytest.raises(InputError, match="no row"):
        accuracy_over_latency(exported[:0])
