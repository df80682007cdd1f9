"""What the recipe notebook trains with: fast views, mixed images, averaged weights."""

import cv2
import numpy as np
import pytest
from conftest import make_dataset, small_network
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fer_tf import datasets, training
from fer_tf.backend import keras
from fer_tf.datasets import standin
from fer_tf.errors import InputError
from fer_tf.training import fast_augmentation

PAPER = training.RECIPES["five_layer_paper"]


def smooth_images(n, size=48, channels=1):
    noise = np.random.default_rng(0).integers(0, 256, (n, size, size, channels)).astype(np.float32)
    blurred = np.stack([cv2.GaussianBlur(image, (0, 0), 2).reshape(image.shape) for image in noise])
    return np.rint(blurred).astype(np.uint8)


def seeds(n, first=0):
    return [(0, 1, first + i) for i in range(n)]


def test_the_same_parameters_give_the_view_of_image_data_generator():
    images, draws = smooth_images(6), fast_augmentation.uniform(seeds(6), fast_augmentation.DRAWS)
    augment, generator = training.FastAugmenter(**PAPER), training.augmenter("five_layer_paper").generator
    for image, draw, view in zip(images, draws, augment(images, seeds(6)), strict=True):
        theta, shear = (2 * draw[:2] - 1) * 10
        tx, ty = (2 * draw[2:4] - 1) * 4.8
        zx, zy = 0.9 + 0.2 * draw[4:6]
        values = {"theta": theta, "tx": tx, "ty": ty, "shear": shear, "zx": zx, "zy": zy}
        expected = generator.apply_transform(np.float32(image), {**values, "flip_horizontal": draw[6] < 0.5})
        assert np.abs(view - expected).mean() < 0.5  # gray levels: 8 bits here


def test_views_have_the_distribution_of_image_data_generator():
    image = np.zeros((48, 48, 1), np.float32)
    image[20:28, 30:34] = 255  # where it goes, how large and how turned: moments of the view
    fast = training.FastAugmenter(**PAPER)([image] * 600, seeds(600))
    slow = training.augmenter("five_layer_paper")([image] * 600, seeds(600))

    def moments(views):
        mass = views[..., 0] / views.sum(axis=(1, 2, 3))[:, None, None]
        y, x = np.mgrid[:48, :48]
        mean_x, mean_y = (mass * x).sum((1, 2)), (mass * y).sum((1, 2))
        spread = (mass * (x - mean_x[:, None, None]) * (y - mean_y[:, None, None])).sum((1, 2))
        return mean_x, mean_y, spread, views.sum(axis=(1, 2, 3))

    for one, other in zip(moments(fast), moments(slow), strict=True):
        assert stats.ks_2samp(one, other).pvalue > 0.001


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(8)), channels=st.sampled_from([1, 3]))
def test_a_view_depends_on_its_image_and_seed_alone(order, channels):
    images = smooth_images(8, 20, channels)
    augment = training.FastAugmenter(**training.RECIPES["photographs"])
    together, numbers = augment(images, seeds(8)), np.array(order)
    assert together.dtype == np.float32 and together.min() >= 0 and together.max() <= 255
    alone = augment(images[numbers], [seeds(8)[i] for i in order])
    np.testing.assert_allclose(alone, together[numbers], atol=1e-3)


def test_numbers_of_seeds_are_uniform_and_differ_between_epochs():
    numbers = fast_augmentation.uniform([(0, epoch, i) for epoch in range(2) for i in range(5000)], 2)
    for column in (
        numbers[:, 0],
        numbers[:, 1],
        numbers[:5000, 0] - numbers[5000:, 0] + (numbers[:5000, 0] < numbers[5000:, 0]),
    ):
        assert stats.kstest(column, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(numbers.T)[0, 1]) < 0.03


def test_an_unknown_fill_mode_is_refused():
    with pytest.raises(InputError, match="fill_mode 'wrap'"):
        training.FastAugmenter(fill_mode="wrap")


def test_each_part_of_a_recipe_changes_what_it_says():
    images = smooth_images(40)
    plain = training.FastAugmenter()(images, seeds(40))
    np.testing.assert_array_equal(plain, images)
    blurred = training.FastAugmenter(blur=1.0)(images, seeds(40))
    assert all(view.std() < image.std() for view, image in zip(blurred, images, strict=True))
    erased = training.FastAugmenter(erasing=0.5)(images, seeds(40)) != images
    assert 8 < erased.any(axis=(1, 2, 3)).sum() < 32 and erased.mean() < 0.15
    means = training.FastAugmenter(gamma=0.5)(images, seeds(40)).mean(axis=(1, 2, 3)) - images.mean(axis=(1, 2, 3))
    assert (means > 3).any() and (means < -3).any()


def test_mixed_images_carry_labels_of_the_same_shares():
    dataset = make_dataset(splits=(6, 0, 0))
    constant = dataset.images * 0 + (100 * dataset.labels).astype(np.uint8)[:, None, None, None]
    dataset = type(dataset)(**{**vars(dataset), "images": constant})
    for kind in ("mixup", "cutmix"):
        batches, mixed = training.MixedBatches(dataset, 18, 1, seed=3, **{kind: 1.0}), 0
        for batches.epoch in range(8):
            images, labels = batches[0]
            np.testing.assert_allclose(images.mean(axis=(1, 2, 3)), labels @ [0, 100, 200], atol=0.1)
            np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-6)
            mixed += bool((labels.max(axis=1) < 1).any())
        assert 0 < mixed < 8


def test_a_teachers_targets_follow_their_images():
    dataset = make_dataset(splits=(6, 0, 0))
    teacher = np.full((18, 3), 0.2) + 0.4 * np.eye(3)[dataset.labels]
    targets = training.distilled(dataset.labels, 3, teacher, weight=0.5)
    np.testing.assert_allclose(targets.max(axis=1), 0.8)
    plain, soft = training.Batches(dataset, 5, 1, seed=2), training.MixedBatches(dataset, 5, 1, seed=2, targets=targets)
    for batch in range(len(plain)):
        np.testing.assert_array_equal(plain[batch][0], soft[batch][0])
        np.testing.assert_array_equal(plain[batch][1].argmax(axis=1), soft[batch][1].argmax(axis=1))
    with pytest.raises(InputError, match="targets of shape"):
        training.MixedBatches(dataset, 5, targets=targets[:4])


def test_the_votes_of_fer_plus_are_labels_as_a_teachers_are(tmp_path, project):
    datasets.prepare("fer_plus", standin.write("fer_plus", tmp_path / "raw", {"train": 6, "test": 2}))
    people = datasets.load("fer_plus").split("train")
    votes = datasets.attributes.load(people)["votes"]
    images, labels = training.MixedBatches(people, len(people), 1, targets=votes)[0]
    assert (votes.max(axis=1) < 1).any() and len(labels) == len(people)
    for image, label in zip(images[..., 0], labels, strict=True):
        assert any(
            (label == votes[row]).all() for row in np.flatnonzero((people.images[..., 0] == image).all(axis=(1, 2)))
        )


def train(folder, epochs, stop_after=None, average=0.9):
    training.make_deterministic(0)
    dataset = make_dataset(splits=(4, 2, 0), size=16)
    model = small_network()
    optimizer = keras.optimizers.AdamW(0.01, use_ema=True, ema_momentum=average)
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    batches = training.MixedBatches(dataset.split("train"), 5, 1, mixup=0.4)
    log = training.EpochLog(folder, epochs)
    checkpoint = training.Checkpoint(folder, "key", batches, log, keep="last")

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch + 1 == stop_after:
                raise KeyboardInterrupt

    callbacks = [training.AveragedWeights(), log, checkpoint, Stop()]
    validation = training.arrays(dataset.split("validation"), 1)
    start = checkpoint.resume(model)
    try:
        model.fit(
            batches,
            epochs=epochs,
            initial_epoch=start,
            shuffle=False,
            validation_data=validation,
            callbacks=callbacks,
            verbose=0,
        )
    except KeyboardInterrupt:
        return None
    checkpoint.restore(model)
    return model.get_weights()


def test_averaged_weights_of_a_resumed_training_are_those_of_one_that_was_not_interrupted(tmp_path):
    whole = train(tmp_path / "whole", 4)
    assert train(tmp_path / "parts", 4, stop_after=2) is None
    resumed = train(tmp_path / "parts", 4)
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_averaged_weights_move_less_than_the_weights_proper(tmp_path):
    slow, quick = train(tmp_path / "slow", 4, average=0.999), train(tmp_path / "quick", 4, average=0.0)
    start = small_network().get_weights()
    kernels = [
        i for i, weight in enumerate(start) if weight.ndim > 1
    ]  # the averages of batch norms are left as they are
    moved = [sum(np.abs(end[i] - start[i]).sum() for i in kernels) for end in (slow, quick)]
    assert 0 < moved[0] < 0.5 * moved[1]
