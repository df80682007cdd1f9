"""The one door for programs: a detector and a network together, loaded once, for photographs, clips and the camera."""

import numpy as np

from fer_tf.errors import InputError
from fer_tf.faces import detection, photographs
from fer_tf.models.predictor import BOTH, load_predictor


class Predictor:
    """Finds faces and names the emotion that onlookers would.

    Args:
        network: path of a `.onnx` or `.keras` file, the name of a network that ships, or a `models.Classifier`. By default
            photographs are read by the mean of the networks that ship, clips and the camera by the fastest, "five_layer".
        detector: name of one of `detection.names()`, or a loaded detector; the best that is here by default.
        weights_folder: folder of the detectors' weights, looked into first.
    Raises InputError: no such network or detector, or a damaged one.

    Example:
        >>> from skimage import data
        >>> [face.emotion for face in Predictor(detector="haar").photograph(data.astronaut())]
        ['happy']
    """

    def __init__(self, network=None, detector=None, weights_folder=None):
        self.network = network if hasattr(network, "probabilities") else load_predictor(network or BOTH)
        self._of_video = None if network is None else self.network
        self.detector = detector if hasattr(detector, "detect") else detection.load(detector, weights_folder)

    @property
    def classes(self):
        """The names of the emotions, in the order of the probabilities: tuple of str."""
        return self.network.classes

    def photograph(self, image, min_score=0.0, min_size=0):
        """Every face of a photograph and its emotion.

        Args:
            image: path of a JPEG, PNG, TIFF, WebP, BMP or GIF file; or uint8 array (h, w, 3), RGB, or (h, w), gray.
            min_score, min_size: see `photographs.analyze`.
        Returns: list of `photographs.Expression`, the surest face first: `.face.box` in pixels (x, y, width, height),
            `.emotion`, and `.probabilities`, float32 (k,), in the order of `classes`.
        Raises InputError: no such file, no picture, or an array of another kind.
        """
        if not isinstance(image, np.ndarray):
            image = photographs.read(image)
        elif image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)):
            raise InputError(f"a picture of {image.dtype} {image.shape}; give uint8 (h, w, 3) RGB, or (h, w) gray.")
        else:
            image = np.ascontiguousarray(np.dstack([image] * 3) if image.ndim == 2 else image[..., ::-1])
        return photographs.analyze(image, self.detector, self.network, min_score, min_size)

    def faces(self, images):
        """The emotions of faces that are cut out already, see `models.Classifier.probabilities`."""
        return self.network.probabilities(images)

    def clip(self, path, out, **options):
        """Reads a clip; see `video.run_clip` for the options, the files that it writes to `out`, and its summary."""
        from fer_tf.faces import video

        return video.run_clip(path, out, detector=self.detector, network=self._of_video, **options)

    def camera(self, number=0, **options):
        """Reads a camera; see `video.run_live`."""
        from fer_tf.faces import video

        return video.run_live(number, detector=self.detector, network=self._of_video, **options)
