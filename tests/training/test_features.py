"""Features: known answers on made images, and a cache that can be trusted."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone

from fer_tf.errors import InputError
from fer_tf.training import cache
from fer_tf.training.classical import features


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (12, 24, 24, 1), dtype=np.uint8)


def edge(horizontal, at=12):
    image = np.zeros((24, 24, 1), np.uint8)
    image[(slice(at, None), slice(None)) if horizontal else (slice(None), slice(at, None))] = 200
    return image[None]


def test_hog_sees_the_direction_of_an_edge_and_where_it_is():
    from fer_tf.figures.features import _cell_histograms

    hog = features.Hog(cell=6, block=12, step=6, bins=9, signed=False)
    assert hog.fit_transform(edge(True)).shape == (1, 3 * 3 * 4 * 9)
    upright, flat = (_cell_histograms(edge(horizontal)[0], hog)[0] for horizontal in (False, True))
    assert upright.sum(axis=(0, 1)).argmax() in (0, 8)  # the gradient runs along x: 0 or 180 degrees
    assert flat.sum(axis=(0, 1)).argmax() == 4  # 90 degrees
    low = _cell_histograms(edge(True, at=18)[0], hog)[0].sum(axis=(1, 2))
    assert low[2:].sum() > 10 * low[:2].sum() + 1e-6
    right = _cell_histograms(edge(False, at=18)[0], hog)[0].sum(axis=(0, 2))
    assert right[2:].sum() > 10 * right[:2].sum() + 1e-6


def test_hog_agrees_with_scikit_image_up_to_its_smoothing(images):
    skimage_hog = pytest.importorskip("skimage.feature").hog
    smooth = np.stack([np.add.outer(np.arange(24) * a, np.arange(24) * b) for a, b in ((3, 1), (1, 4), (2, 2))])
    ours = features.Hog(6, 12, 6, 9, signed=False).fit_transform(smooth[..., None].astype(np.uint8))
    for vector, image in zip(ours, smooth, strict=True):
        theirs = skimage_hog(image.astype(float), 9, (6, 6), (2, 2), "L2-Hys")
        ours_bins = vector.reshape(-1, 9).mean(axis=0)
        assert abs(ours_bins.argmax() - theirs.reshape(-1, 9).mean(axis=0).argmax()) <= 1


def test_signed_gradients_tell_a_dark_edge_from_a_bright_one():
    rising, falling = edge(False), 200 - edge(False)
    for signed in (False, True):
        hog = features.Hog(6, 12, 6, 18, signed)
        same = np.allclose(hog.fit_transform(rising), hog.fit_transform(falling), atol=1e-3)
        assert same != signed


def test_a_cell_that_does_not_tile_the_image_is_refused(images):
    with pytest.raises(InputError, match="does not tile images of 24x24"):
        features.Hog(cell=7, block=14, step=7).fit_transform(images)


def test_pixels_are_the_pixels(images):
    np.testing.assert_allclose(features.Pixels(24).fit_transform(images), images.reshape(12, -1) / 255, atol=1e-6)
    assert features.Pixels(8).fit_transform(images).shape == (12, 64)


def test_sift_descriptors_have_length_one_and_stand_on_the_grid(images):
    sift = features.DenseSift(step=6, cells=(4, 7))
    result = sift.describe(images[0, ..., 0])
    assert result.shape == (4 * 4 * 2, 128) == (len(sift.grid(24, 24)), 128)
    np.testing.assert_allclose(np.linalg.norm(result, axis=-1), 1, atol=1e-3)
    assert features.DenseSift(step=6).fit_transform(images).shape == (12, 32 * 128)


def test_sift_descriptors_are_like_those_of_opencv():
    import cv2

    image = np.random.default_rng(1).integers(0, 256, (16, 16), dtype=np.uint8)
    image = cv2.resize(image, (96, 96), interpolation=cv2.INTER_CUBIC)  # structure that a first blur leaves as it is
    sift = features.DenseSift(step=32, cells=(12,))
    # A cell of OpenCV's is 1.5 of its keypoint's sizes wide.
    points = [cv2.KeyPoint(float(x), float(y), cell / 1.5, 0) for x, y, cell in sift.grid(96, 96).tolist()]
    theirs = cv2.SIFT_create().compute(image, points)[1]
    theirs = np.sqrt(theirs / theirs.sum(axis=1, keepdims=True)).reshape(-1, 16, 8)
    ours = sift.describe(image).reshape(-1, 16, 8)
    middle = len(points) // 2  # all of its square lies in the image
    likeness = max((ours[middle] * turned).sum() for turned in (theirs[middle], theirs[middle][:, (-np.arange(8)) % 8]))
    assert likeness > 0.95
    assert likeness > 1.1 * (ours[middle] * theirs[middle - 1]).sum()


@pytest.fixture(scope="module")
def fisher():
    some = np.random.default_rng(0).integers(0, 256, (12, 24, 24, 1), dtype=np.uint8)
    return features.FisherVectors(gaussians=4, shortened=6, step=6, cells=(4,)).fit(some)


def test_a_fisher_vector_is_the_gradient_of_the_likelihood_by_means_and_deviations(images, fisher):
    sift = features.DenseSift(6, (4,))
    x = np.hstack([fisher.pca_.transform(sift.describe(images[0, ..., 0])), features._places(sift, (24, 24))])

    def likelihood(means, deviations):
        exponent = -0.5 * ((x[:, None] - means) / deviations) ** 2 - np.log(deviations)
        return np.log((fisher.weights_ * np.exp(exponent.sum(axis=2))).sum(axis=1)).sum()

    means, deviations = fisher.means_.astype(float), np.sqrt(fisher.variances_.astype(float))
    by = {"means": np.empty_like(means), "deviations": np.empty_like(means)}
    for at in np.ndindex(means.shape):
        step = np.zeros_like(means)
        step[at] = 1e-5
        by["means"][at] = likelihood(means + step, deviations) - likelihood(means - step, deviations)
        by["deviations"][at] = likelihood(means, deviations + step) - likelihood(means, deviations - step)
    scale = deviations / np.sqrt(fisher.weights_[:, None])
    expected = np.concatenate([by["means"] * scale, by["deviations"] * scale / np.sqrt(2)]).ravel()
    expected = np.sign(expected) * np.sqrt(np.abs(expected))
    np.testing.assert_allclose(fisher._vector(images[0, ..., 0]), expected / np.linalg.norm(expected), atol=2e-3)


def test_fisher_vectors_have_length_one_and_are_the_same_for_the_mirror_image(images, fisher):
    vectors = fisher.transform(images)
    assert vectors.shape == (12, 2 * 4 * (6 + 2)) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(fisher.transform(images[:, :, ::-1]), vectors, atol=1e-5)
    assert np.abs(vectors[0] - vectors[1]).max() > 0.01
    with pytest.raises(InputError, match="for 4000 Gaussians; take fewer Gaussians"):
        features.FisherVectors(gaussians=4000, step=12, cells=(4,)).fit(images)


def test_a_pyramid_counts_every_descriptor_once_on_each_level(images):
    words = features.VisualWords(words=8, levels=(1, 2), nearest=3, step=6).fit(images)
    pyramids = words.transform(images)
    assert pyramids.shape == (12, 8 * 5)
    np.testing.assert_allclose(np.linalg.norm(pyramids, axis=1), 1, atol=1e-5)
    counts = pyramids**2  # back from the square root; the two levels hold the same descriptors
    np.testing.assert_allclose(counts[:, :8].sum(axis=1), counts[:, 8:].sum(axis=1), rtol=1e-4)
    np.testing.assert_allclose(counts[:, :8], counts[:, 8:].reshape(12, 4, 8).sum(axis=1), atol=1e-5)


def test_the_same_seed_learns_the_same_words(images):
    one, two = (features.VisualWords(words=8, seed=1).fit_transform(images) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_joined_features_stand_side_by_side_at_one_length(images):
    both = features.build("pixels+hog").set_params(pixels__pixels__size=24)
    result = both.fit_transform(images)
    pixels, hog = result[:, : 24 * 24], result[:, 24 * 24 :]
    for part in (pixels, hog):
        assert np.linalg.norm(part, axis=1).mean() == pytest.approx(1, rel=1e-3)


def test_every_feature_can_be_cloned_with_its_parameters():
    for feature in (features.Pixels(20), features.Hog(8, 16), features.VisualWords(32), features.DenseSift(5)):
        assert clone(feature).get_params() == feature.get_params()


def test_color_is_turned_to_gray(images):
    color = np.repeat(images, 3, axis=-1)
    np.testing.assert_allclose(features.Hog().fit_transform(color), features.Hog().fit_transform(images), atol=1e-6)


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 24, 24), np.uint8), np.zeros((2, 24, 24, 1)), np.zeros((0, 24, 24, 1), np.uint8)]
)
def test_what_is_no_batch_of_images_is_refused(wrong):
    with pytest.raises(InputError, match="uint8 images"):
        features.Hog().fit(wrong)


def test_an_unknown_feature_is_named():
    with pytest.raises(InputError, match="unknown feature 'lbp'; choose one of pixels, hog, sift, fisher"):
        features.build("hog+lbp")


@pytest.fixture
def computed(project, monkeypatch):
    """The list of calls of `Hog.transform`, in a project whose caches are empty."""
    calls, transform = [], features.Hog.transform
    monkeypatch.setattr(features.Hog, "transform", lambda self, images: calls.append(1) or transform(self, images))
    return calls


def test_features_are_computed_once_for_the_same_content(images, computed):
    first = np.array(features.vectors(features.Hog(), images))
    np.testing.assert_array_equal(features.vectors(features.Hog(), images), first)
    assert len(computed) == 1
    other = images.copy()
    other[0, 0, 0] ^= 255
    features.vectors(features.Hog(), other)
    features.vectors(features.Hog(6, 12, 6), images)
    assert len(computed) == 3


def test_features_are_computed_again_when_their_code_has_changed(images, computed, monkeypatch):
    features.vectors(features.Hog(), images)
    monkeypatch.setattr(cache.hashing, "code_digest", lambda *definitions: "other code")
    features.vectors(features.Hog(), images)
    assert len(computed) == 2


def test_a_damaged_cache_is_computed_again(images, project):
    expected = np.array(features.vectors(features.Hog(), images))
    for file in project.rglob("*.pkl"):
        file.write_bytes(file.read_bytes()[:30])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # joblib's
        np.testing.assert_array_equal(features.vectors(features.Hog(), images), expected)
