"""Networks of other people's making: what gives no probabilities is refused, and what takes one image at a time gets it so."""

import json

import numpy as np
import pytest

from fer_tf.errors import InputError
from fer_tf.models import onnx_runtime, predictor

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 2, 2, 3), dtype=np.uint8)


def saved(folder, batch="n", ends=("Softmax",), scale=0.01, shape=(2, 2, 3)):
    """The file of a little ONNX network of seven classes."""
    onnx = pytest.importorskip("onnx", reason="the extra export is not installed")
    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    weights = np.random.default_rng(1).normal(size=(np.prod(shape), 7)).astype(np.float32) * np.float32(scale)
    names = ["flat", "scores", *(f"end {i}" for i in range(len(ends)))]
    nodes = [
        helper.make_node("Flatten", ["image"], names[:1]),
        helper.make_node("MatMul", ["flat", "weights"], names[1:2]),
        *(helper.make_node(end, [names[i + 1]], [names[i + 2]]) for i, end in enumerate(ends)),
    ]
    shapes = {"image": (batch, *shape), names[-1]: (batch, 7)}
    first, last = (helper.make_tensor_value_info(name, number, shape) for name, shape in shapes.items())
    graph = helper.make_graph(nodes, "g", [first], [last], [onnx.numpy_helper.from_array(weights, "weights")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    (folder / "n.onnx").write_bytes(model.SerializeToString())
    (folder / "n.md").write_text("---\nclasses: [a, b, c, d, e, f, g]\ninput_shape: [2, 2, 3]\n---\n")
    return folder / "n.onnx"


@pytest.mark.parametrize("ends", [(), ("Relu",), ("Sigmoid",)])
def test_an_onnx_network_that_gives_no_probabilities_is_refused_in_one_line(tmp_path, ends):
    network = predictor.load_predictor(saved(tmp_path, ends=ends))
    with pytest.raises(InputError, match=r"n\.onnx: gives no probabilities \(.*\); end it with a softmax\.$"):
        network.probabilities(IMAGES)


def test_a_keras_network_that_gives_no_probabilities_is_refused_in_one_line(tmp_path):
    from fer_tf.backend import keras

    image = keras.Input((2, 2, 3))
    keras.Model(image, keras.layers.Dense(7)(keras.layers.Flatten()(image))).save(tmp_path / "n.keras")
    network = predictor.load_predictor(tmp_path / "n.keras")
    with pytest.raises(InputError, match=r"n\.keras: gives no probabilities \(.*\); end it with a softmax\.$"):
        network.probabilities(IMAGES)


def test_probabilities_in_steps_of_an_int8_network_are_taken():
    steps = np.round(np.full((3, 7), 1 / 7) * 256) / 256  # of the sum 1.012
    assert np.array_equal(predictor._probabilities_of("n.onnx", lambda crops: steps)(IMAGES), steps)


@pytest.mark.parametrize("engine", onnx_runtime.ENGINES)
def test_a_network_of_one_image_at_a_time_gives_what_one_of_many_gives(tmp_path, monkeypatch, engine):
    monkeypatch.setattr(onnx_runtime, "preferred", lambda: engine)
    many = predictor.load_predictor(saved(tmp_path)).probabilities(IMAGES)
    one = predictor.load_predictor(saved(tmp_path, batch=1)).probabilities(IMAGES)
    np.testing.assert_allclose(one, many, atol=1e-5)
    assert not np.allclose(many[0], many[1])


@pytest.mark.parametrize("shape", [(6, 6, 1), (6, 6, 3)])
def test_an_onnx_network_beside_its_runs_record_takes_the_images_of_that_run(tmp_path, shape):
    path = saved(tmp_path, shape=shape)
    path.with_suffix(".md").unlink()
    facts = {"name": "a", "hash": "0", "classes": list("abcdefg"), "size": [6, 6, 1]}
    path.with_name("run.json").write_text(json.dumps({"data": facts}))
    network = predictor.load_predictor(path)
    assert network.input_shape == shape and network.classes == tuple("abcdefg")
    path.with_name("run.json").unlink()
    with pytest.raises(InputError, match=r"takes no \(48, 48, 3\) nor \(48, 48, 1\) images\. Say input_shape in n\.md"):
        predictor.load_predictor(path)


def test_a_network_that_fails_at_its_images_is_one_line():
    def fails(crops):
        raise RuntimeError("of the engine\nand more")

    with pytest.raises(
        InputError, match=r"n\.onnx: fails at its images \(of the engine\)\. Export or fetch it anew\.$"
    ):
        predictor._probabilities_of("n.onnx", fails)(IMAGES)


def test_the_size_of_several_networks_is_the_sum_of_theirs():
    each = [predictor.load_predictor(name).megabytes for name in predictor.shipped_names()]
    assert predictor.load_predictor("both").megabytes == pytest.approx(sum(each)) and min(each) > 0.1
