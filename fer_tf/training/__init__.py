"""How a network is trained: batches and augmentation, oversampling and class weights, schedules, checkpoints."""

# ruff: noqa: F401 (what is imported here is the interface)

from fer_tf.training.augmentation import RECIPES, Augmenter, augmenter, recipe
from fer_tf.training.averaging import AveragedWeights
from fer_tf.training.batches import Batches, arrays
from fer_tf.training.checkpoint import Checkpoint, EpochLog
from fer_tf.training.distribution import distribute
from fer_tf.training.fast_augmentation import FastAugmenter
from fer_tf.training.fitting import (
    balanced_class_weight,
    check_data,
    compile_model,
    fit,
    join_histories,
    make_deterministic,
    weights_hash,
)
from fer_tf.training.mixing import MixedBatches, distilled
from fer_tf.training.optimizers import OPTIMIZERS, SCHEDULES, callbacks, jit_compile, learning_rate_schedule, optimizer
