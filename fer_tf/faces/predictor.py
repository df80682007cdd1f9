"""The one door for programs: a detector and a network together, loaded once, for photographs, clips and the camera."""

import os
import threading
import warnings

import cv2
import numpy as np

from fer_tf.errors import InputError
from fer_tf.faces import detection, photographs
from fer_tf.models.predictor import BOTH, load_predictor


class Predictor:
    """Finds faces and names the emotion that onlookers would.

    Args:
        network: path of a `.onnx` or `.keras` file, the name of a network that ships, or a `models.Classifier`. By default
            photographs are read by the mean of the two networks that ship, clips and the camera by the faster, "five_layer".
        detector: name of one of `detection.names()`, or a loaded detector, such as `detection.load("yunet", longest=2560)` for
            small faces in large pictures; the best that is here by default, with a warning where that is not YuNet.
        weights_folder: folder of the detectors' weights, looked into first.
    Raises InputError (`fer_tf.InputError`, one line that says what to do): no such network or detector, or a damaged one.

    Threads may share one: photographs and cut faces are read in turn. It cannot be pickled: each process makes its own.

    Example:
        >>> from skimage import data
        >>> [face.emotion for face in Predictor(detector="haar").photograph(data.astronaut())]
        ['happy']
    """

    def __init__(self, network=None, detector=None, weights_folder=None):
        self.network = network if hasattr(network, "probabilities") else load_predictor(network or BOTH)
        self.detector = detector if hasattr(detector, "detect") else detection.load(detector, weights_folder)
        if detector is None and self.detector.name != detection.PREFERRED[0]:
            warnings.warn(
                f"{detection.PREFERRED[0]} is not here; {self.detector.name} finds fewer faces. Name it, or see "
                "`fer-tf models` for where to get the better one.",
                stacklevel=2,
            )
        # A clip's detector and network are chosen anew where none was: both may be faster there.
        network = None if network is None else self.network
        self._of_clips = {"detector": detector, "network": network, "weights_folder": weights_folder}
        self._turn = threading.Lock()  # OpenCV's detectors and networks crash where two threads use one

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
        if isinstance(image, (str, os.PathLike)):
            image = photographs.read(image)
        elif not isinstance(image, np.ndarray):
            raise InputError(f"a picture of type {type(image).__name__}; give a path or an array: np.asarray(picture).")
        elif image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)):
            raise InputError(f"a picture of {image.dtype} {image.shape}; give uint8 (h, w, 3) RGB, or (h, w) gray.")
        else:
            image = np.ascontiguousarray(np.dstack([image] * 3) if image.ndim == 2 else image[..., ::-1])
        with self._turn:
            return photographs.analyze(image, self.detector, self.network, min_score, min_size)

    def faces(self, images):
        """The emotions of faces that are cut out already.

        Args:
            images: uint8 or float array (n, h, w, 3) RGB, or (n, h, w) or (n, h, w, 1) gray, values 0 to 255; h and w are those
                of `network.input_shape`, 48 for the networks that ship. These learned from gray: colors are made gray.
        Returns: float32 array (n, k), rows sum to 1, in the order of `classes`.
        Raises InputError: images of another shape or other values.
        """
        images = np.asarray(images)
        images = images[..., None] if images.ndim == 3 else images
        if images.ndim == 4 and images.shape[3] in (1, 3) and self.network.input_shape:
            if images.shape[3] == 3 and not self.network.color and (images != images[..., :1]).any():
                images = np.stack([cv2.cvtColor(np.float32(image), cv2.COLOR_RGB2GRAY) for image in images])[..., None]
            channels = self.network.input_shape[2]
            images = images if images.shape[3] == channels else np.repeat(images[..., :1], channels, axis=3)
        with self._turn:
            return self.network.probabilities(images)

    def clip(self, path, out, **options):
        """Reads a clip as `fer-tf video` does.

        See `fer_tf.faces.video.run_clip` for the options, the files that it writes to `out`, and its summary.
        """
        from fer_tf.faces import video

        return video.run_clip(path, out, **{**self._of_clips, **options})

    def camera(self, number=0, **options):
        """Reads a camera as `fer-tf live` does; see `fer_tf.faces.video.run_live`."""
        from fer_tf.faces import video

        return video.run_live(number, **{**self._of_clips, **options})
