"""An ONNX file ready to compute: by ONNX Runtime where that is installed, else by OpenCV, which reads fewer and is slower."""

import importlib.util
from pathlib import Path

from fer_tf import paths
from fer_tf.errors import InputError, first_line

ENGINES = ("onnxruntime", "opencv")
"""What computes an ONNX file, the better first."""


def load(path, engine=None, threads=None):
    """What computes a network of one input, float32 array to a list of float arrays, its outputs in any order.

    Args:
        path: an ONNX file.
        engine: one of `ENGINES`; None takes the better of those that are installed.
        threads: to compute with; None leaves the engine's choice. OpenCV's count holds for the whole process.
    Raises InputError: no network, or one that cannot be read here.
    """
    engine = engine or preferred()
    by = {"onnxruntime": _onnxruntime, "opencv": _opencv}[engine]
    try:
        return by(Path(path), threads)
    except InputError:
        raise
    except Exception as error:  # each engine has errors of its own
        raise InputError(f"{path}: {engine} cannot read it ({first_line(error)}). Fetch or export it anew.") from error


def preferred():
    """The better of the runtimes that are installed."""
    return "onnxruntime" if importlib.util.find_spec("onnxruntime") else "opencv"


def session(model, options=None):
    """ONNX Runtime's InferenceSession for a network (bytes of an ONNX file), on the processor and without its warnings."""
    import onnxruntime

    options = options or onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _onnxruntime(path, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leaves idle cores to the other stages
    ready = session(path.read_bytes(), options)
    name = ready.get_inputs()[0].name
    return lambda values: ready.run(None, {name: values})


def _opencv(path, threads):
    import cv2

    if b"QuantizeLinear" in path.read_bytes():
        raise InputError(f"{path}: a quantized network, of which OpenCV computes nonsense. Run it in onnxruntime.")
    if not paths.is_text(path):
        raise InputError(f"{path}: {paths.NO_TEXT}")
    if threads:
        cv2.setNumThreads(threads)
    network = cv2.dnn.readNetFromONNX(str(path))
    outputs = network.getUnconnectedOutLayersNames()

    def run(values):
        network.setInput(values)
        return [output.copy() for output in network.forward(outputs)]  # it is written over by the next

    return run
