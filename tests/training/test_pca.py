"""Principal components: what they keep, on whom they are fitted, and that a model with them in front needs nobody's care."""

import numpy as np
import pytest
from conftest import make_dataset
from sklearn.decomposition import PCA

from fer_tf.errors import InputError
from fer_tf.training import pca


def flat_faces(n=60, channels=1, seed=0):
    """Images (n, 6, 5, channels) that lie in a plane: a mean and two directions."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(2, 6, 5, channels))
    shares = rng.normal(size=(n, 2)) * (30, 15)
    return np.clip(np.rint(128 + np.tensordot(shares, directions, 1) / 2), 0, 255).astype(np.uint8)


def test_two_directions_of_variation_are_found_as_two_components_of_each_channel():
    images = flat_faces(channels=3)
    result = pca.fit(images, 0.95)
    assert result.counts == (2, 2, 2)
    assert np.abs(result.transform(images).astype(int) - images).max() <= 2


@pytest.mark.parametrize("n", [20, 200])
def test_the_share_of_variance_that_is_kept_is_the_one_asked_for(n):
    images = np.random.default_rng(1).integers(0, 256, (n, 8, 8, 1), np.uint8)
    result = pca.fit(images, 0.8)
    pixels = images.reshape(n, -1).astype(float)
    shares = PCA().fit(pixels).explained_variance_ratio_.cumsum()
    assert result.counts == (int(np.searchsorted(shares, 0.8)) + 1,)
    left = pixels - result.transform(images).reshape(n, -1)
    assert 1 - left.var(axis=0).sum() / pixels.var(axis=0).sum() == pytest.approx(
        shares[result.counts[0] - 1], abs=0.02
    )


def test_components_come_from_the_training_split_alone(project):
    faces = make_dataset(per_class=12, size=12, splits=(8, 2, 2))
    train = faces.split("train")
    rebuilt, result = pca.reconstruct(faces, train, 0.9)
    np.testing.assert_array_equal(rebuilt.images, pca.fit(train.images, 0.9).transform(faces.images))
    assert rebuilt.images.dtype == np.uint8 and rebuilt.source["pca"] == 0.9 and result.kept == 0.9
    np.testing.assert_array_equal(rebuilt.labels, faces.labels)
    with pytest.raises(InputError, match="on the training split alone, not on 'test'"):
        pca.reconstruct(faces, faces, 0.9)


@pytest.mark.parametrize(("channels", "of_model"), [(1, 1), (1, 3), (3, 3)])
def test_a_model_behind_the_components_sees_what_was_rebuilt(channels, of_model, tmp_path):
    from fer_tf import models

    images = np.random.default_rng(2).integers(0, 256, (40, 16, 20, channels), np.uint8)
    if channels == 3:
        images[..., 2] //= 4  # so that the channels keep unlike numbers of components
    result = pca.fit(images, 0.7)
    model = models.build("five_layer", (16, 20, of_model), 3)
    whole = pca.prepend_pca(model, result)
    models.save(whole, tmp_path / "model.keras")
    loaded = models.load(tmp_path / "model.keras")
    parameters = models.predict(model, result.transform(images))
    # A pixel halfway between two whole numbers may be rounded either way.
    np.testing.assert_allclose(models.predict(loaded, images), parameters, atol=1e-3)
    assert models.parameter_counts(loaded)["trainable"] == models.parameter_counts(model)["trainable"]


def test_what_does_not_fit_is_refused_in_one_line():
    result = pca.fit(flat_faces(), 0.9)
    with pytest.raises(InputError, match="components of 6x5x1 images cannot reconstruct 6x5x3 ones"):
        result.transform(flat_faces(channels=3))
    with pytest.raises(InputError, match="between 0 and 1"):
        pca.fit(flat_faces(), 1.5)
    with pytest.raises(InputError, match="uint8 images"):
        pca.fit(flat_faces() / 255)
