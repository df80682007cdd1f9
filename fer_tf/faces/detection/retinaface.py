"""RetinaFace with a ResNet50 backbone: slow, and sure of small and turned faces; by the package uniface, an extra."""

import os

from fer_tf.errors import InputError, first_line
from fer_tf.faces.detection import weights
from fer_tf.faces.detection.face import FAINT, Face, by_score
from fer_tf.faces.detection.pictures import check


class RetinaFace:
    """uniface's RetinaFace, computed by ONNX Runtime.

    Args:
        path: its ONNX file, named retinaface_r50.onnx; by default the one that `weights.find("retinaface")` finds.
        score: minimum detection score, 0 to 1, unless `detect` gets another.
        overlap: of two boxes whose intersection is a larger share of their union, the surer one stays.
        side: pictures are resized to fit a square of this side, in pixels.
    Raises InputError: the package or the weights are absent or wrong.

    Deng et al. 2020, "RetinaFace: single-shot multi-level face localisation in the wild".
    """

    name = "retinaface"

    def __init__(self, path=None, score=0.5, overlap=0.4, side=640):
        uniface, self.score = package(), score
        path = weights.find("retinaface", path)
        weights.check(path, "retinaface")  # uniface would ask the network for a file that is not the published one
        # It takes no path, but looks into its cache folder.
        before = os.environ.get("UNIFACE_CACHE_DIR")
        os.environ["UNIFACE_CACHE_DIR"] = str(path.parent)
        try:
            self.network = uniface.detection.RetinaFace(
                model_name=uniface.constants.RetinaFaceWeights.RESNET50,
                confidence_threshold=min(score, FAINT),
                nms_threshold=overlap,
                input_size=(side, side),
                providers=["CPUExecutionProvider"],
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise InputError(f"{path}: not uniface's RetinaFace ({first_line(error)}). Fetch it anew.") from error
        finally:
            os.environ.pop("UNIFACE_CACHE_DIR") if before is None else os.environ.update(UNIFACE_CACHE_DIR=before)

    def detect(self, image, score=None):
        """The faces in a picture, with landmarks; see `detection.load`. `score` is not below `FAINT`."""
        check(image)
        least = self.score if score is None else score
        return by_score(_face(result) for result in self.network.detect(image) if result.confidence >= least)


def package():
    """The module uniface.

    Raises InputError: it is not installed, or not with ONNX Runtime.
    """
    try:
        import uniface.constants
        import uniface.detection
    except ImportError as error:
        raise InputError(f"retinaface: install its package ({error.name}): pip install 'uniface[cpu]'.") from error
    return uniface


def _face(result):
    left, top, right, bottom = map(float, result.bbox)
    return Face((left, top, right - left, bottom - top), float(result.confidence), result.landmarks.reshape(5, 2))
