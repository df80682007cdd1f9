"""Classifiers without a network: features of images, and support vector machines, forests and boosted trees on them."""

# ruff: noqa: F401 (what is imported here is the interface)

from fer_tf.training.classical.classifiers import Fitted, accelerated, fit, names, probabilities
from fer_tf.training.classical.features import DenseSift, FisherVectors, Hog, Pixels, VisualWords, vectors
from fer_tf.training.classical.features import build as build_feature
