"""The moving average of a network's weights, validated and kept in place of the last ones (Polyak and Juditsky 1992)."""

from fer_tf.backend import keras


class AveragedWeights(keras.callbacks.SwapEMAWeights):
    """Puts the optimizer's average of the weights into the model for the validation and for the callbacks after it.

    Give it to `fit` first, with an optimizer built with `use_ema=True`. It is Keras's `SwapEMAWeights`, and goes on where
    a `Checkpoint` resumes: what is saved then are the averages, with the weights proper among the optimizer's variables,
    while Keras's callback (3.15) takes a model to hold the weights proper whenever it starts.
    """

    def __init__(self):
        super().__init__(swap_on_epoch=True)
        self.begun = False

    def on_epoch_begin(self, epoch, logs=None):
        if not self.begun:
            self.begun, self._ema_weights_in_model = True, epoch > 0
        super().on_epoch_begin(epoch, logs)
