"""Keras and TensorFlow, imported without the lines that their native code greets with on stderr.

No setting silences those: they are written before TensorFlow's own log is set up. Errors are raised as ever.
"""

import os
import sys
from contextlib import contextmanager

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TensorFlow asks for AVX-512 before it takes oneDNN by itself; with AVX2 a training takes half the processor time too.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


@contextmanager
def _quiet():
    sys.stderr.flush()
    terminal, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(nowhere)


with _quiet():
    import keras
    import tensorflow

__all__ = ["keras", "tensorflow"]
