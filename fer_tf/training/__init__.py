"""How a network is trained: batches and augmentation, oversampling and class weights, schedules, checkpoints."""

from fer_tf.training.fitting import (
    OPTIMIZERS,
    SCHEDULES,
    Progress,
    class_weights,
    compile_model,
    fit,
    fit_in_phases,
    learning_rates,
    make_deterministic,
    predict,
    weights_hash,
)

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "Progress",
    "class_weights",
    "compile_model",
    "fit",
    "fit_in_phases",
    "learning_rates",
    "make_deterministic",
    "predict",
    "weights_hash",
]
