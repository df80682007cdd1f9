"""Optimizers by name, learning rate schedules, and the one optimizer that a study used and Keras lacks."""

import math

from fer_tf.backend import keras
from fer_tf.backend import tensorflow as tf
from fer_tf.errors import choose

SCHEDULES = ("constant", "one_cycle", "cosine", "plateau")


@keras.saving.register_keras_serializable(package="fer_tf")
class RectifiedAdam(keras.optimizers.Adam):
    """Adam whose adaptive step waits until the variance of its moving average is known well enough.

    Takes the arguments of `keras.optimizers.Adam`, but for amsgrad.

    Rectified Adam: Liu et al. 2020, algorithm 2; rho_t is the length of the approximated moving average.
    """

    def update_step(self, gradient, variable, learning_rate):
        ops, dtype = keras.ops, variable.dtype
        rate, gradient, t = (ops.cast(value, dtype) for value in (learning_rate, gradient, self.iterations + 1))
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        self.assign_add(m, (gradient - m) * (1 - self.beta_1))
        self.assign_add(v, (ops.square(gradient) - v) * (1 - self.beta_2))
        unbiased = m / _one_less_power(self.beta_1, t)
        rho_inf = 2 / (1 - self.beta_2) - 1
        rho_t = rho_inf - 2 * t * (1 / _one_less_power(self.beta_2, t) - 1)
        rho = ops.maximum(rho_t, 4.0)
        rectified = (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
        deviation = ops.sqrt(v / _one_less_power(self.beta_2, t)) + self.epsilon
        self.assign_sub(variable, rate * unbiased * ops.where(rho_t > 4, ops.sqrt(rectified) / deviation, 1.0))


OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": lambda **arguments: keras.optimizers.SGD(momentum=0.9, nesterov=True, **arguments),
    "rmsprop": keras.optimizers.RMSprop,
    "radam": RectifiedAdam,
}


def optimizer(name, learning_rate=0.001, weight_decay=0.0):
    """A Keras optimizer by name.

    Args:
        name: a key of `OPTIMIZERS`.
        learning_rate: float or schedule, see `learning_rate_schedule`.
        weight_decay: decoupled decay per step, relative to the learning rate; biases and batch norm are left out.
    Returns: keras.optimizers.Optimizer.
    """
    built = OPTIMIZERS[choose("optimizer", name, OPTIMIZERS)](learning_rate=learning_rate, weight_decay=weight_decay)
    built.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return built


def learning_rate_schedule(name, learning_rate, steps):
    """What a Keras optimizer takes as its learning rate.

    Args:
        name: "constant" and "plateau" (halved by a callback when the validation loss rests) start at `learning_rate`;
            "cosine" falls from it to zero; "one_cycle" climbs to it for 30% of the training and falls to zero (Smith and
            Topin 2018, without the cycle of the momentum).
        learning_rate: the highest rate.
        steps: batches in the whole training.
    Returns: float or keras.optimizers.schedules.LearningRateSchedule.
    Raises InputError: an unknown schedule.

    Example:
        >>> rate = learning_rate_schedule("one_cycle", 0.01, steps=100)
        >>> [round(float(rate(step)), 4) for step in (0, 30, 100)]
        [0.0004, 0.01, 0.0]
    """
    choose("schedule", name, SCHEDULES)
    cosine = keras.optimizers.schedules.CosineDecay
    if name == "cosine":
        return cosine(learning_rate, steps)
    if name == "one_cycle":
        climb = max(1, round(0.3 * steps))
        return cosine(learning_rate / 25, max(1, steps - climb), warmup_target=learning_rate, warmup_steps=climb)
    return learning_rate


def callbacks(schedule, early_stopping=0):
    """Keras's callbacks that look at the validation loss, as a list.

    Args:
        schedule: "plateau" halves the learning rate after three epochs without a better validation loss.
        early_stopping: stop after this many such epochs; 0 never stops.
    """
    chosen = []
    if schedule == "plateau":
        chosen.append(keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=3))
    if early_stopping:
        chosen.append(keras.callbacks.EarlyStopping(monitor="val_loss", patience=early_stopping))
    return chosen


def jit_compile():
    """The argument of `keras.Model.compile`: XLA is Keras's choice on a GPU, and several times slower on a CPU."""
    return "auto" if tf.config.list_physical_devices("GPU") else False


def _one_less_power(beta, t):
    """1 - beta ** t, without the digits that float32 loses where it is small."""
    return -keras.ops.expm1(t * math.log(beta))
