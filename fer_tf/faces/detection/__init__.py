"""Face detectors behind one call.

    detector = detection.load()       # the best that is present; detector.name says which
    faces = detector.detect(image)      # a picture as OpenCV reads it: uint8 (h, w, 3), BGR

`haar` comes with OpenCV; the others need weights (`make models`), and `retinaface` a package of its own.
"""

# ruff: noqa: F401 (what is imported here is the interface)

import importlib.util
import inspect

from fer_tf.errors import InputError
from fer_tf.faces.detection import weights
from fer_tf.faces.detection.face import FAINT, Face

PREFERRED = ("yunet", "haar")
"""What `default` chooses from, the best first. The others are taken by name only: slower, or of another license."""


def names():
    """The names that `create` takes."""
    return tuple(_detectors())


def available(weights_folder=None):
    """The detectors whose weights and packages are here, in the order of `names()`; `weights_folder` as of `load`."""
    return tuple(name for name in names() if _is_here(name, weights_folder))


def default(weights_folder=None):
    """The name of the best detector that is here: yunet where its weights are, else haar."""
    return next(name for name in PREFERRED if _is_here(name, weights_folder))


def load(name=None, weights_folder=None, **options):
    """A detector by name.

    Args:
        name: one of `names()`; `default()` where none is given.
        weights_folder: a folder of weights to look into before the usual ones, or a file of weights.
        **options: the detector's own, such as `scale` of haar or `longest` of yunet; see the class of that name.
    Returns: an object with the attribute `name`, and the method `detect(image, score=None)` which takes a picture,
        uint8 (h, w, 3) BGR, and gives a list of `Face`, the surest first. Its pictures may differ in size; `score` is
        the minimum detection score for this call, the detector's own by default.
    Raises InputError: an unknown name or option, or weights or a package that are not here.

    Example:
        >>> import numpy as np
        >>> load("haar").detect(np.zeros((100, 100, 3), np.uint8))
        []
    """
    weights.folders(weights_folder)  # refuses a path where nothing is, also for haar
    name = name or default(weights_folder)
    if name not in names():
        raise InputError(f"unknown detector '{name}'; choose one of {', '.join(names())}.")
    detector = _detectors()[name]
    known = list(inspect.signature(detector).parameters)
    for option in options:
        if option not in known:
            raise InputError(f"{name} has no option '{option}'; it has {', '.join(known)}.")
    if weights_folder and name in weights.CATALOG:
        options.setdefault("path", weights.find(name, weights_folder))
    return detector(**options)


def _detectors():
    from fer_tf.faces.detection.haar import Haar
    from fer_tf.faces.detection.retinaface import RetinaFace
    from fer_tf.faces.detection.yolo import Yolo
    from fer_tf.faces.detection.yunet import YuNet

    return {"haar": Haar, "yunet": YuNet, "yolo": Yolo, "retinaface": RetinaFace}


def _is_here(name, weights_folder):
    if name == "haar":
        return True
    if name == "retinaface" and not importlib.util.find_spec("uniface"):
        return False
    return weights.present(name, weights_folder)
