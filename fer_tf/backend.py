"""Keras and TensorFlow, imported without the lines that their native code writes to stderr at every start.

Those lines come before TensorFlow's own log is set up, so that no setting silences them (seen in TensorFlow 2.21). Errors
are raised as usual.

With KERAS_BACKEND=jax Keras trains and predicts without TensorFlow, such as on a GPU that only JAX was installed
for: of TensorFlow a training takes what `_Absent` stands in for.
"""

import os
from types import SimpleNamespace

from fer_tf.errors import InputError, stderr_to

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TensorFlow takes oneDNN by itself only on processors with AVX-512; with AVX2 it halves a training's processor time too.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


class _Absent:
    """Stands in for TensorFlow where Keras computes on another backend: settings have no effect, all else is refused."""

    SETTINGS = ("get_logger", "config")

    def __getattr__(self, name):
        if name in self.SETTINGS:
            return _NoEffect()
        raise InputError(f"this needs TensorFlow (its {name}), and KERAS_BACKEND is {NAME}. Unset it.")

    @property
    def keras(self):
        """`tensorflow.keras.preprocessing.image` is Keras's own and needs NumPy and SciPy alone."""
        from keras.src.legacy.preprocessing import image

        return SimpleNamespace(preprocessing=SimpleNamespace(image=image))


class _NoEffect:
    """A setting, and what it returns: true, as JAX compiles wherever it computes, and no devices that TensorFlow could share."""

    def __getattr__(self, name):
        return self

    def __call__(self, *arguments, **options):
        return self

    def __bool__(self):
        return True

    def __len__(self):
        return 0


with stderr_to():
    import keras

    NAME = keras.backend.backend()
    if NAME == "tensorflow":
        import tensorflow
    else:
        tensorflow = _Absent()

__all__ = ["keras", "tensorflow"]
