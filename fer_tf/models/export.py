"""Trained networks in formats that run without TensorFlow: ONNX and LiteRT, in float32 or quantized to int8.

Every file takes what the network takes, images with values 0 to 255, as an input named "image", and gives "probabilities",
for any number of images at once. The float32 ONNX file runs in OpenCV too. Writing one needs packages that a training does
not: the extra `export`. What a format costs in accuracy and gains in speed is measured by notebook 11_export.
"""

import importlib.util
import logging
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from fer_tf import models
from fer_tf.errors import InputError, choose, first_line
from fer_tf.models import onnx_runtime
from fer_tf.models.predictor import Classifier
from fer_tf.paths import writing

OPSET = 13
"""Of the ONNX operators: the first that quantizes each channel by itself, and one that OpenCV 4 reads."""

TOLERANCE = 1e-4
"""The furthest that a probability of a float32 file may lie from Keras's."""

FORMATS = {
    "keras": ("model.keras", "keras"),
    "opencv": ("model.onnx", "opencv"),
    "onnxruntime": ("model.onnx", "onnxruntime"),
    "onnxruntime_int8": ("model_int8.onnx", "onnxruntime"),
    "litert": ("model.tflite", "litert"),
    "litert_int8": ("model_int8.tflite", "litert"),
}
"""What `to_formats` writes: the file's name, and what runs it."""

ENGINES = {".onnx": onnx_runtime.ENGINES, ".tflite": ("litert",), ".keras": ("keras",)}
"""What runs a file, by the file's suffix; the first is taken where none is asked for."""

_MODULES = {"onnxruntime": "onnxruntime", "opencv": "cv2", "litert": "ai_edge_litert", "keras": "keras"}
_WRITTEN_BY = {".onnx": ("onnx", "onnxruntime", "tf2onnx"), ".tflite": ("ai_edge_litert",), ".keras": ()}
_PACKAGES = {"ai_edge_litert": "ai-edge-litert"}


def to_onnx(model, path, calibration=None):
    """Writes a network as ONNX, whole or not at all; batch norms are folded into the convolutions before them.

    Args:
        model: keras.Model, images (n, h, w, c) in 0-255 to probabilities (n, k).
        path: where, ending in `.onnx`.
        calibration: uint8 or float array (m, h, w, c) of training images, some hundreds, whose activations set the
            ranges of int8 weights (one for each channel) and activations; None stays in float32.
    Raises InputError: a package is missing, the suffix or the images do not fit, or the network has a layer that ONNX
        does not have. A float32 file that does not predict as the network does is not written; one that only OpenCV
        does not run rightly is, and a printed line says so.

    Quantization: Jacob et al. 2018, section 3.
    """
    _check(model, path, ".onnx", calibration)
    network = models.as_float32(model)
    graph = _folded(_with_constant_reshapes(_converted(network)))
    with writing(path) as part:
        if calibration is None:
            part.write_bytes(graph.SerializeToString())
            _compare(network, part, path)
        else:
            _quantize(graph, part, np.asarray(calibration))
    return Path(path)


def to_litert(model, path, calibration=None):
    """Writes a network as LiteRT (formerly TensorFlow Lite), whole or not at all; see `to_onnx`.

    Its input and output stay float32 when it computes in int8.
    """
    _check(model, path, ".tflite", calibration)
    network = models.as_float32(model)
    with writing(path) as part:
        part.write_bytes(_converted_to_litert(network, calibration))
        if calibration is None:
            _compare(network, part, path)
    return Path(path)


def load(path, engine=None, threads=None):
    """An exported network, ready to predict.

    Args:
        path: a `.onnx`, `.tflite` or `.keras` file.
        engine: what runs it, one of `ENGINES[suffix]`; None takes the first.
        threads: to compute with; None leaves the engine's choice. OpenCV's count holds for the whole process, and
            Keras's cannot be changed: see `training.make_deterministic`.
    Raises InputError: the file or the engine's package is missing, the engine does not run such a file, or cannot read
        it.
    """
    path = Path(path)
    if path.suffix not in ENGINES:
        raise InputError(f"{path}: not an exported network; expected a file ending in {', '.join(ENGINES)}.")
    engine = engine or ENGINES[path.suffix][0]
    if engine not in ENGINES[path.suffix]:
        raise InputError(f"{engine} does not run {path.name}; choose {' or '.join(ENGINES[path.suffix])}.")
    if not path.is_file():
        raise InputError(f"{path}: no such file. Write it first: see fer_tf.models.export or notebook 11_export.")
    _need(_MODULES[engine])
    reader = {"litert": _litert, "keras": _keras}.get(engine, partial(_onnx, engine=engine))
    return Classifier(path, engine, reader(path, threads))


def available():
    """The names of `FORMATS` whose packages are installed, as a tuple in that order."""
    return tuple(
        name
        for name, (file, engine) in FORMATS.items()
        if not _missing(*_WRITTEN_BY[Path(file).suffix], _MODULES[engine])
    )


def to_formats(model, formats, folder, calibration=None, threads=None):
    """Writes a network in several formats and loads each.

    Args:
        model, calibration: see `to_onnx`; the int8 formats need calibration images.
        formats: names of `FORMATS`.
        folder: where the files are written, a file that two formats share once.
        threads: see `load`.
    Returns: dict name -> Classifier, in the order of `formats`.
    Raises InputError: an unknown format, an int8 format without calibration images, or as `to_onnx`.
    """
    for name in formats:
        choose("format", name, FORMATS)
        if name.endswith("int8") and calibration is None:
            raise InputError(f"{name} needs training images to find the ranges of its activations; give calibration.")
    writers = {".onnx": to_onnx, ".tflite": to_litert, ".keras": lambda model, path, _: models.save(model, path)}
    for name in dict.fromkeys(FORMATS[name][0] for name in formats):
        path = Path(folder) / name
        writers[path.suffix](model, path, calibration if "int8" in name else None)
    return {name: load(Path(folder) / FORMATS[name][0], FORMATS[name][1], threads) for name in formats}


def latency(predictor, images, batch_size=1, warm_up=5):
    """How long an exported network takes, from images in memory to their probabilities.

    Args:
        predictor: Classifier.
        images: uint8 or float array (n, h, w, c), values 0 to 255.
        batch_size: images at a time; what is left over at the end is not timed, as it is of another size.
        warm_up: batches before the first that counts.
    Returns: float array (n // batch_size,): milliseconds for each image of a batch.
    Raises InputError: fewer images than a batch.
    """
    batches = [images[i : i + batch_size] for i in range(0, len(images) - batch_size + 1, batch_size)]
    if not batches:
        raise InputError(f"{len(images)} images do not fill a batch of {batch_size}; give more, or a smaller batch.")
    for _ in range(warm_up):
        predictor.probabilities(batches[0], batch_size)
    marks = [time.perf_counter()]
    for batch in batches:
        predictor.probabilities(batch, batch_size)
        marks.append(time.perf_counter())
    return np.diff(marks) * 1000 / batch_size


def _missing(*modules):
    return [name for name in modules if importlib.util.find_spec(name) is None]


def _need(*modules):
    if missing := _missing(*modules):
        wanted = " ".join(_PACKAGES.get(name, name) for name in missing)
        raise InputError(f"{wanted} missing, and needed for this format: pip install {wanted}.")


def _check(model, path, suffix, calibration):
    _need(*_WRITTEN_BY[suffix])
    if Path(path).suffix != suffix:
        raise InputError(f"{path}: this format is written to a file ending in {suffix}.")
    if calibration is not None and (len(calibration) == 0 or np.shape(calibration)[1:] != model.input_shape[1:]):
        raise InputError(
            f"{path}: calibration images {np.shape(calibration)}; expected {model.input_shape}, at least one."
        )


def _compare(network, part, path):
    furthest = _furthest(network, load(part))
    if not furthest <= TOLERANCE:
        raise InputError(
            f"{path}: not written, as its probabilities lie up to {furthest:.2g} from the network's own. Use the .keras file."
        )
    if part.suffix == ".onnx":
        import cv2

        try:
            agrees = _furthest(network, load(part, "opencv")) <= TOLERANCE
        except (InputError, cv2.error):
            agrees = False
        if not agrees:
            print(f"{path}: OpenCV does not run it rightly; run it in onnxruntime.", flush=True)


def _furthest(network, predictor):
    # Other counts than the 2 and 3 by which reshapes are told apart; 1 is the camera's.
    differences = []
    for n in (1, 5):
        images = np.random.default_rng(n).integers(0, 256, (n, *network.input_shape[1:])).astype(np.float32)
        differences.append(np.abs(predictor.probabilities(images) - np.asarray(network(images, training=False))).max())
    return float(np.max(differences))


def _named(network):
    return lambda image: {"probabilities": network(image, training=False)}


def _converted(network):
    import tf2onnx

    from fer_tf.backend import tensorflow as tf

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    image = [tf.TensorSpec(network.input_shape, tf.float32, name="image")]
    traced = tf.function(_named(_shrinking_by_matrices(network)), image, autograph=False)
    try:
        graph, _ = tf2onnx.convert.from_function(traced, image, opset=OPSET)
    except (ValueError, RuntimeError, NotImplementedError) as error:
        raise InputError(f"{network.name} has a layer that ONNX does not have ({first_line(error)}).") from error
    return _with_constants(graph, traced.get_concrete_function())


def _shrinking_by_matrices(network):
    """The same network; where it shrinks its images, by two products with constants: ONNX smooths them from opset 18 only."""
    from fer_tf.backend import keras
    from fer_tf.models.input_layers import Resize

    class Products(keras.layers.Layer):
        def __init__(self, resize):
            super().__init__(name=resize.name)
            height, width = resize.input.shape[1:3]
            # What each pixel of a side adds to each of the smaller image: (height, size) and (width, size).
            self.of_rows, self.of_columns = (
                np.asarray(resize(np.eye(side, dtype=np.float32)[:, :, None, None]))[:, :, 0, 0]
                for side in (height, width)
            )

        def call(self, images):
            turned = keras.ops.transpose(images, (0, 3, 2, 1)) @ self.of_rows  # (n, c, w, size)
            shrunk = keras.ops.transpose(turned, (0, 1, 3, 2)) @ self.of_columns  # (n, c, size, size)
            return keras.ops.transpose(shrunk, (0, 2, 3, 1))

    def replaced(layer):
        if isinstance(layer, Resize) and layer.size < max(layer.input.shape[1:3]):
            return Products(layer)
        return layer.__class__.from_config(layer.get_config())

    clone = keras.models.clone_model(network, clone_function=replaced, recursive=True)
    clone.set_weights(network.get_weights())
    return clone


def _with_constants(graph, traced):
    """A graph of one input: what a layer keeps as plain tensors, such as the mean of a Normalization, is given as constants."""
    import onnx

    values = {inside.name: outside for outside, inside in traced.graph.captures}
    for value in [value for value in graph.graph.input if value.name in values]:
        graph.graph.initializer.append(onnx.numpy_helper.from_array(values[value.name].numpy(), value.name))
        graph.graph.input.remove(value)
    return graph


def _converted_to_litert(network, calibration):
    from fer_tf.backend import keras
    from fer_tf.backend import tensorflow as tf

    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    archive = keras.export.ExportArchive()
    archive.track(network)
    image = keras.InputSpec(shape=network.input_shape, dtype="float32", name="image")
    archive.add_endpoint("serve", _named(network), input_signature=[image])
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if calibration is not None:
            images = np.asarray(calibration, np.float32)
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([images[i : i + 1]] for i in range(len(images)))
        try:
            return converter.convert()
        except Exception as error:  # the converter's own class, which is no part of its interface
            raise InputError(f"{network.name} has a layer that LiteRT does not have ({first_line(error)}).") from error


def _with_constant_reshapes(graph):
    """A graph whose reshapes give their sizes as numbers, -1 for the count of images, rather than compute them.

    OpenCV works out sizes when it reads the file, for one image, and would keep that count for all batches.
    """
    import onnx

    reshapes = [node for node in graph.graph.node if node.op_type in ("Reshape", "Squeeze", "Unsqueeze")]
    names = [node.output[0] for node in reshapes]
    watched = onnx.ModelProto()
    watched.CopyFrom(graph)
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = onnx_runtime.session(watched.SerializeToString())
    size = [dimension.dim_value for dimension in graph.graph.input[0].type.tensor_type.shape.dim[1:]]
    two, three = (
        [result.shape for result in session.run(names, {"image": np.zeros((n, *size), np.float32)})] if names else []
        for n in (2, 3)
    )
    for node, name, of_two, of_three in zip(reshapes, names, two, three, strict=True):
        shape = [a if a == b else -1 for a, b in zip(of_two, of_three, strict=True)]
        if shape.count(-1) < 2:
            constant = onnx.numpy_helper.from_array(np.array(shape, np.int64), f"{name}_shape")
            graph.graph.initializer.append(constant)
            of = node.input[0]
            node.Clear()
            node.CopyFrom(onnx.helper.make_node("Reshape", [of, constant.name], [name], name=name))
    return graph


def _folded(graph):
    """A graph after ONNX Runtime's basic optimizations, which use standard operators only, without what no one needs."""
    import onnx
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(Path(folder) / "folded.onnx")
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        onnx_runtime.session(graph.SerializeToString(), options)
        folded = _canonical(onnx.load(options.optimized_model_filepath))
    used = {node.domain for node in folded.graph.node}
    retained = [entry for entry in folded.opset_import if entry.domain in used]
    del folded.opset_import[:]
    folded.opset_import.extend(retained)
    for value in (folded.graph.input[0], folded.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_param = "images"
    onnx.checker.check_model(folded)
    return folded


def _canonical(model):
    """The same network, always in the same bytes: nodes in the order in which the outputs need them, values named by their
    places. tf2onnx (1.17) orders and names them as Python's sets fall, which differs from one process to the next.
    """
    import onnx

    graph = model.graph
    made_by = {name: node for node in graph.node for name in node.output}
    values = {constant.name: constant for constant in graph.initializer}
    names = {value.name: value.name for value in (*graph.input, *graph.output)}
    nodes, constants, pending = {}, {}, [value.name for value in graph.output]
    while pending:
        node = made_by[pending[-1]]
        before = [made_by[name].output[0] for name in node.input if name in made_by]
        if missing := [name for name in before if name not in nodes]:
            pending += missing[::-1]
            continue
        pending.pop()
        if node.output[0] not in nodes:
            nodes[node.output[0]], node.name = node, f"{node.op_type}_{len(nodes)}"
            constants |= {name: values[name] for name in node.input if name in values}
            for kind, ports in (("input", node.input), ("output", node.output)):
                for number, name in enumerate(ports):
                    names.setdefault(name, f"{node.name}_{kind}_{number}" if name else "")
    for node in nodes.values():
        node.doc_string, node.input[:], node.output[:] = "", map(names.get, node.input), map(names.get, node.output)
        node.attribute.sort(key=lambda attribute: attribute.name)
    for name, constant in constants.items():
        constant.name = names[name]
    ends = graph.input, graph.output
    graph.CopyFrom(onnx.helper.make_graph(nodes.values(), "network", *ends, initializer=constants.values()))
    return model


def _quantize(graph, path, images):
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Images(CalibrationDataReader):
        def __init__(self):
            self.batches = ({"image": np.float32(images[i : i + 32])} for i in range(0, len(images), 32))

        def get_next(self):
            return next(self.batches, None)

    onnx.helper.set_model_props(graph, {"onnx.quant.pre_process": "onnxruntime.quant"})  # as `_folded` did
    quantize_static(
        graph,
        path,
        Images(),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "MatMul", "Gemm", "MaxPool", "Add"],
        per_channel=True,
        reduce_range=True,  # 7-bit weights: sums of 8-bit ones saturate on x86 processors without VNNI, unnoticed
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


def _onnx(path, threads, engine):
    network = onnx_runtime.load(path, engine, threads)
    return lambda images: network(images)[0]


def _litert(path, threads):
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(str(path), num_threads=threads)
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{path}: litert cannot read it ({first_line(error)}). Export it anew.") from error
    image, probabilities = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    shape = None

    def run(images):
        nonlocal shape
        if images.shape != shape:
            interpreter.resize_tensor_input(image, images.shape)
            interpreter.allocate_tensors()
            shape = images.shape
        interpreter.set_tensor(image, images)
        interpreter.invoke()
        return interpreter.get_tensor(probabilities)

    return run


def _keras(path, threads):
    return models.load(path).predict_on_batch
