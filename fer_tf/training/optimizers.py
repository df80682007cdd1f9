"""The one optimizer that a study used and Keras does not have."""

import math

from fer_tf.backend import keras


@keras.saving.register_keras_serializable(package="fer_tf")
class RectifiedAdam(keras.optimizers.Adam):
    """Adam that takes no adaptive step until it has seen enough gradients to know their variance.

    Takes the arguments of `keras.optimizers.Adam`, but for amsgrad.

    Rectified Adam: Liu et al. 2020, algorithm 2.
    """

    def update_step(self, gradient, variable, learning_rate):
        ops, dtype = keras.ops, variable.dtype
        rate, gradient, t = (ops.cast(given, dtype) for given in (learning_rate, gradient, self.iterations + 1))
        place = self._get_variable_index(variable)
        m, v = self._momentums[place], self._velocities[place]
        self.assign_add(m, (gradient - m) * (1 - self.beta_1))
        self.assign_add(v, (ops.square(gradient) - v) * (1 - self.beta_2))
        unbiased = m / _one_less_power(self.beta_1, t)
        longest = 2 / (1 - self.beta_2) - 1
        length = longest - 2 * t * (1 / _one_less_power(self.beta_2, t) - 1)  # of the moving average, about t at first
        known = ops.maximum(length, 4.0)
        rectified = (known - 4) * (known - 2) * longest / ((longest - 4) * (longest - 2) * known)
        deviation = ops.sqrt(v / _one_less_power(self.beta_2, t)) + self.epsilon
        self.assign_sub(variable, rate * unbiased * ops.where(length > 4, ops.sqrt(rectified) / deviation, 1.0))


def _one_less_power(beta, t):
    """1 - beta ** t, without the digits that float32 loses where it is small."""
    return -keras.ops.expm1(t * math.log(beta))
