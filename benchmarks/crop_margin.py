"""How widely faces should be cut for a network trained on FER2013: validation accuracy by margin, on detected faces.

    python benchmarks/crop_margin.py [--detector yunet] [--images 1000]

FER2013's images are cut tightly. Each one is enlarged fourfold; the detector sees it with gray around, and the crop is
taken from it with its edge continued. Only validation images are looked at (PublicTest).
"""

import argparse
import time

import cv2
import numpy as np

from fer_tf import datasets
from fer_tf.errors import InputError
from fer_tf.faces import cropping, detection
from fer_tf.faces.detection import Face
from fer_tf.models import predictor

MARGINS = (-0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2)
FACTOR = 4
EDGE = 96  # pixels around the enlarged image


def enlarged(image):
    """A gray FER2013 image (48, 48, 1) as two pictures (384, 384, 3): with gray around, and with its edge continued."""
    large = cv2.cvtColor(
        cv2.resize(image, None, fx=FACTOR, fy=FACTOR, interpolation=cv2.INTER_CUBIC), cv2.COLOR_GRAY2BGR
    )
    around = (EDGE,) * 4
    gray = cv2.copyMakeBorder(large, *around, cv2.BORDER_CONSTANT, value=(114, 114, 114))
    return gray, cv2.copyMakeBorder(large, *around, cv2.BORDER_REPLICATE)


def stretched(crops):
    """Crops whose gray values reach from 0 to 255, but for the hundredth part that is darkest and brightest."""
    low, high = np.percentile(crops, [1, 99], axis=(1, 2, 3), keepdims=True)
    return np.uint8(np.clip((crops - low) / np.maximum(high - low, 1) * 255, 0, 255))


def equalized(crops):
    """Crops with their histograms made level."""
    return np.stack([np.repeat(cv2.equalizeHist(crop[..., 0])[..., None], 3, axis=2) for crop in crops])


def moved(face, share):
    """A face whose box lies lower by a share of its height."""
    x, y, width, height = face.box
    return Face((x, y + share * height, width, height), face.score, face.landmarks)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detector", help="the best that is here by default")
    parser.add_argument("--images", type=int, default=1000, help="drawn from the validation split with a fixed seed")
    values = parser.parse_args()
    try:
        faces = datasets.prepare("fer2013").split("validation")
    except InputError as error:
        print(f"skipped: {error}")
        return
    rows = np.sort(np.random.default_rng(0).permutation(len(faces))[: values.images])
    images, labels = np.asarray(faces.images)[rows], np.asarray(faces.labels)[rows]
    detector, network = detection.load(values.detector), predictor.load_predictor()
    started = time.perf_counter()
    pictures = [enlarged(image) for image in images]
    result = [next(iter(detector.detect(gray)), None) for gray, _ in pictures]
    retained = np.flatnonzero([face is not None for face in result])
    seconds = time.perf_counter() - started
    print(
        f"{detector.name} found a face in {len(retained):,} of {len(images):,} images, {seconds / len(images):.3f} s each"
    )

    def accuracy(crops, mirrored=False):
        probabilities = network.probabilities(crops)
        if mirrored:
            probabilities = probabilities + network.probabilities(crops[:, :, ::-1])
        return f"{(probabilities.argmax(axis=1) == labels[retained]).mean():.4f}"

    def cut(margin=cropping.MARGIN, align=True, down=0.0):
        size, _, channels = network.input_shape
        built = (cropping.crop(pictures[i][1], moved(result[i], down), size, channels, margin, align) for i in retained)
        return np.stack(list(built))

    original = np.repeat(images[retained], 3, axis=3)
    print(f"FER2013's own crops       {accuracy(original)}, with the mirror image {accuracy(original, mirrored=True)}")
    for margin in MARGINS:
        print(f"margin {margin:+.2f}              {accuracy(cut(margin))}", flush=True)
    for down in (-0.05, 0.05):
        print(f"box {down:+.2f} lower           {accuracy(cut(down=down))}", flush=True)
    plain = cut()
    print(f"eyes not made level       {accuracy(cut(align=False))}")
    print(f"contrast stretched        {accuracy(stretched(plain))}")
    print(f"histogram equalized       {accuracy(equalized(plain))}")
    print(f"with the mirror image     {accuracy(plain, mirrored=True)}")


if __name__ == "__main__":
    main()
