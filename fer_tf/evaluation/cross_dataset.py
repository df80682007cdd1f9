"""A network on other datasets than its own: their images as it takes them, and the classes that both share."""

import numpy as np
import pandas as pd

from fer_tf.datasets.arrays import gray
from fer_tf.datasets.image_files import resize_square
from fer_tf.errors import InputError
from fer_tf.evaluation.classification_metrics import metrics
from fer_tf.evaluation.comparison import accuracy_interval
from fer_tf.models import predict


def shared_predictions(network, classes, test, color=False):
    """What a network says of a dataset's images, among the classes that both know.

    Args:
        network: keras.Model, images (m, h, w, c) in 0-255 to probabilities (m, k).
        classes: the k names of its classes.
        test: Dataset of any size and channels, whose classes may be others.
        color: whether the network was trained on colors; else it is shown gray.
    Returns: (part, probabilities): the Dataset of the n images whose label is a shared class, in the order of `test`'s
        classes, and float32 array (n, shared classes), the network's probabilities of these, scaled to sum to 1.
    Raises InputError: fewer than two classes are shared.
    """
    part = test.only([name for name in test.classes if name in classes])
    images = np.asarray(part.images) if color else gray(part.images)[..., None]
    if images.shape[1:3] != network.input_shape[1:3]:
        images = np.stack([resize_square(image, network.input_shape[1]) for image in images])
    probabilities = predict(network, images)[:, [list(classes).index(name) for name in part.classes]]
    probabilities = np.maximum(probabilities, 1e-12)  # a class may have none of the probability left
    return part, probabilities / probabilities.sum(axis=1, keepdims=True)


def accuracy_across(scored):
    """The accuracy of networks across datasets.

    Args:
        scored: dict, (network, dataset) -> object with labels (n,), probabilities (n, k) and classes, such as
            `study.Predictions` of `shared_predictions`.
    Returns: DataFrame with the columns network, dataset, classes (int, how many are shared), n, accuracy, low, high (95%
        Wilson interval), balanced_accuracy, and most_frequent: the share of the most frequent class, what answering
        nothing else would be right on.

    Raises InputError: nothing was scored.

    Cross-dataset generalization as a matrix: Torralba and Efros 2011, section 4.
    """
    if not scored:
        raise InputError("no network shares two classes with a dataset. Prepare one with more of its classes.")
    rows = []
    for (network, dataset), one in scored.items():
        measures = metrics(one.labels, one.probabilities, one.classes)
        low, high = accuracy_interval(one.labels, one.probabilities)
        row = {"network": network, "dataset": dataset, "classes": len(one.classes), "n": len(one.labels)}
        row |= {"accuracy": measures["accuracy"], "low": low, "high": high}
        row["balanced_accuracy"] = measures["balanced_accuracy"]
        rows.append(row | {"most_frequent": float(np.bincount(one.labels).max() / len(one.labels))})
    return pd.DataFrame(rows)
