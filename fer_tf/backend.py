"""Keras and TensorFlow, imported without the lines that their native code writes to stderr at every start.

Those lines come before TensorFlow's own log is set up, so that no setting silences them (seen in TensorFlow 2.21). Errors
are raised as usual.
"""

import os

from fer_tf.errors import stderr_to

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TensorFlow takes oneDNN by itself only on processors with AVX-512; with AVX2 it halves a training's processor time too.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


with stderr_to():
    import keras
    import tensorflow

__all__ = ["keras", "tensorflow"]
