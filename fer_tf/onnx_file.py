"""An ONNX file ready to compute: by ONNX Runtime where that is installed, else by OpenCV, which reads fewer and is slower."""

import importlib.util
from pathlib import Path

from fer_tf.errors import InputError


def opened(path):
    """What computes a network of one input.

    Args:
        path: an ONNX file.

    Returns:
        callable, float32 array of the network's input to a list of float arrays, its outputs in any order.

    Raises:
        InputError: no network, or one that cannot be read here.
    """
    by = _onnxruntime if importlib.util.find_spec("onnxruntime") else _opencv
    try:
        return by(Path(path))
    except InputError:
        raise
    except Exception as error:  # each library has errors of its own
        raise InputError(f"{path}: not a network that can be read. Fetch or export it anew.") from error


def _onnxruntime(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leaves idle cores to the other stages
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda given: session.run(None, {name: given})


def _opencv(path):
    import cv2

    if b"QuantizeLinear" in path.read_bytes():
        raise InputError(
            f"{path}: a quantised network, which OpenCV reads wrongly. Install onnxruntime, or give float32."
        )
    network = cv2.dnn.readNetFromONNX(str(path))
    outputs = network.getUnconnectedOutLayersNames()

    def run(given):
        network.setInput(given)
        return [output.copy() for output in network.forward(outputs)]  # it is written over by the next

    return run
