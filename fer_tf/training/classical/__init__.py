"""Classifiers without a network: features of images, and support vector machines, forests and boosted trees on them."""

from fer_tf.training.classical.classifiers import Fitted, accelerated, fit, names, probabilities
from fer_tf.training.classical.features import DenseSift, Hog, Pixels, VisualWords, vectors
from fer_tf.training.classical.features import build as build_feature

__all__ = [
    "DenseSift",
    "Fitted",
    "Hog",
    "Pixels",
    "VisualWords",
    "accelerated",
    "build_feature",
    "fit",
    "names",
    "probabilities",
    "vectors",
]
