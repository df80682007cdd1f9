"""Facial expression recognition, as a study that anyone can rerun.

The package is a row of subpackages, in the order of the data. Each imports only from those before it.

    errors hashing paths documents            what every one may use: one-line errors, hashes, files within bounds,
    emotions backend                          documents held against their schema, the emotions' names and colors,
                                              Keras and TensorFlow quietly imported

    datasets    read from any source, prepared once, split, cleaned           add a dataset: one file, one line
    models      architectures, pretrained weights, saving, prediction, export  add a model: one file, one line
    training    batches, augmentation, schedules, checkpoints; `classical`     change how something is trained
    evaluation  metrics, intervals, calibration, test-time augmentation        ask a question of saved predictions
    faces       detection, cropping, tracking, photographs, video              use a network on a picture or a camera
    figures     every plot, by question, in one style                          add or change a figure
    study       runs and their provenance, execution, report, release          change what a run records or a page shows

    cli         the command `fer-tf`

For a program of your own, `Predictor` is all it takes; see help(fer_tf.Predictor):

    from fer_tf import InputError, Predictor
    predictor = Predictor()
    for expression in predictor.photograph("party.jpg"):
        print(expression.face.box, expression.emotion, dict(zip(predictor.classes, expression.probabilities)))
"""

from fer_tf.errors import InputError

__version__ = "0.1.0"
__all__ = ["InputError", "Predictor"]


def __getattr__(name):
    if name == "Predictor":  # imported where it is wanted: it brings OpenCV along
        from fer_tf.faces.predictor import Predictor

        return Predictor
    raise AttributeError(f"module 'fer_tf' has no attribute '{name}'")


def __dir__():
    return sorted({*globals(), *__all__})
