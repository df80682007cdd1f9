"""What stands in for TensorFlow where Keras computes on another backend, such as JAX."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import scipy

from fer_tf import backend
from fer_tf.errors import InputError
from fer_tf.study import provenance
from fer_tf.training import augmentation, distribution, fitting, optimizers


@pytest.fixture
def absent(monkeypatch):
    """TensorFlow is not there for the modules that a training takes."""
    stand_in = backend._Absent()
    monkeypatch.setattr(distribution, "tf", stand_in)
    monkeypatch.setattr(fitting, "tf", stand_in)
    monkeypatch.setattr(optimizers, "tf", stand_in)
    monkeypatch.setattr(augmentation, "tensorflow", stand_in)
    return stand_in


def test_a_training_is_set_up_without_tensorflow(absent):
    fitting.make_deterministic(seed=0, threads=2)
    assert optimizers.jit_compile() == "auto"  # on JAX a network that is not compiled takes many times as long
    views = augmentation.augmenter("strong")(np.full((2, 48, 48, 1), 99.0), [(0, 0), (0, 1)])
    assert views.shape == (2, 48, 48, 1) and np.ptp(views) > 0


def test_what_needs_tensorflow_itself_says_so(absent):
    with pytest.raises(InputError, match=r"this needs TensorFlow \(its GradientTape\), and KERAS_BACKEND is"):
        absent.GradientTape()


def test_a_batch_is_not_divided_between_gpus_without_tensorflow(absent):
    with pytest.raises(InputError, match="gpus is 2, and TensorFlow finds 0 here"):
        distribution.distribute(2)


def test_a_run_records_the_backend_where_it_is_not_tensorflow(monkeypatch):
    assert "keras backend" not in provenance.versions()
    monkeypatch.setenv(
        "KERAS_BACKEND", "scipy"
    )  # which holds where Keras is not there yet; it may have a file that says another
    loaded = SimpleNamespace(config=SimpleNamespace(backend=lambda: "numpy"))
    monkeypatch.setitem(sys.modules, "keras", loaded)
    assert provenance.versions()["keras backend"] == f"numpy {np.__version__}"
    monkeypatch.delitem(sys.modules, "keras")
    assert provenance.versions()["keras backend"] == f"scipy {scipy.__version__}"
