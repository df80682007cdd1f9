"""Ensembles of saved predictions: mean, weighted mean, and greedy selection, each chosen on the validation split.

Members are probabilities of the same images in the same order; `aligned` brings saved predictions into that form. What is
chosen is a weight for each member, so that the same weights are then applied to the test split, once.
"""

import numpy as np
import pandas as pd

from fer_tf.errors import InputError, choose
from fer_tf.evaluation.checks import checked

SCORES = ("accuracy", "log_loss")
"""What greedy selection may be guided by."""


def aligned(predictions):
    """Saved predictions of several models as arrays of the same images in the same order.

    Args:
        predictions: dict, name -> object with ids str (n,), labels int (n,), probabilities float (n, k) and classes, such
            as `study.Predictions`; two or more images, each with an id of its own.
    Returns: (labels int64 (n,), dict name -> float64 array (n, k), classes tuple of k), in the order of the first.
    Raises InputError: there are none, or two were made of other images, labels or classes.
    """
    if not predictions:
        raise InputError("there are no predictions to combine. Name one or more complete runs.")
    first_name, first = next(iter(predictions.items()))
    members = {}
    for name, one in predictions.items():
        labels, probabilities, classes = checked(one.labels, one.probabilities, one.classes)
        if set(classes) != set(first.classes):
            raise InputError(f"{name} has the classes {', '.join(classes)}, {first_name} {', '.join(first.classes)}.")
        place = {image: row for row, image in enumerate(np.asarray(one.ids).tolist())}
        if len(place) != len(first.ids) or not place.keys() >= set(np.asarray(first.ids).tolist()):
            raise InputError(f"{name} and {first_name} were scored on different images. Score both on the same split.")
        rows = [place[image] for image in np.asarray(first.ids).tolist()]
        columns = [classes.index(label) for label in first.classes]
        if not np.array_equal(np.asarray(columns)[first.labels], labels[rows]):
            raise InputError(f"{name} and {first_name} have different labels of the same images. Execute both again.")
        members[name] = probabilities[rows][:, columns]
    return np.asarray(first.labels, np.int64), members, tuple(first.classes)


def combine(members, weights=None):
    """The weighted mean of the members' probabilities.

    Args:
        members: dict, name -> float array (n, k), rows sum to 1.
        weights: dict, name -> weight, at least 0; a member that is not named counts nothing. All alike by default.
    Returns: float64 array (n, k), rows sum to 1.
    Raises InputError: there are no members, a name that is none of them, or no weight above 0.

    Example:
        >>> members = {"a": np.array([[0.9, 0.1]]), "b": np.array([[0.5, 0.5]])}
        >>> combine(members).round(2).tolist(), combine(members, {"a": 3, "b": 1}).round(2).tolist()
        ([[0.7, 0.3]], [[0.8, 0.2]])
    """
    weights = dict.fromkeys(members, 1.0) if weights is None else weights
    for name in weights:
        choose("member", name, members)
    total = sum(weights.values())
    if not total > 0 or min(weights.values()) < 0:
        raise InputError(f"weights {weights}; give weights of at least 0, one of them above it.")
    return sum(weight / total * np.asarray(members[name], np.float64) for name, weight in weights.items())


def fit_weights(labels, members, tolerance=1e-5):
    """The weights under which the members' mean gives the labels the highest likelihood.

    Args:
        labels: int array (n,), of the validation split.
        members: dict, name -> float array (n, k), rows sum to 1.
        tolerance: by which the mean log-likelihood may fall short of the highest one, in nats.
    Returns: dict, name -> weight; they sum to 1.
    Raises InputError: as `metrics`, or there are no members.

    Weights of a mixture by expectation maximization: Dempster, Laird and Rubin 1977, section 4.3. The likelihood is concave
    in the weights, so there is one highest value; it is above that of some weights by at most the logarithm of the largest
    factor by which the next step would multiply one of them (Jensen's inequality).
    """
    labels = _checked_members(labels, members)
    of_label = np.stack([one[np.arange(len(labels)), labels] for one in members.values()]) + 1e-12  # (members, n)
    weights = np.full(len(of_label), 1 / len(of_label))
    while True:
        factors = (of_label / (weights @ of_label)).mean(axis=1)
        if np.log(factors.max()) <= tolerance:
            return dict(zip(members, weights.tolist(), strict=True))
        weights *= factors


def select(labels, members, rounds=30, score="accuracy", start=1):
    """Greedy selection with replacement: in each round the member joins that helps the validation score most.

    Args:
        labels: int array (n,), of the validation split.
        members: dict, name -> float array (n, k), rows sum to 1.
        rounds: how many members are drawn; one may be drawn again, which gives it weight.
        score: "accuracy" (ties go to the lower log loss) or "log_loss".
        start: the selection begins with the mean of this many best members.
    Returns: (weights, path): dict name -> how often the member was drawn, up to the best round; and a DataFrame of all rounds
        with the columns round, joined, accuracy and log_loss (of the validation split) and chosen (up to the best round).
    Raises InputError: as `metrics`, an unknown score, or numbers below 1.

    Ensemble selection from libraries of models: Caruana et al. 2004.

    Example:
        >>> right, wrong = np.array([[0.2, 0.8]]), np.array([[0.6, 0.4]])
        >>> select([1], {"wrong": wrong, "right": right}, rounds=3)[0]
        {'right': 1}
    """
    choose("score", score, SCORES)
    labels = _checked_members(labels, members)
    if rounds < 1 or start < 1:
        raise InputError(f"{rounds} rounds from {start} members; both are at least 1.")
    names, stack = list(members), np.stack([np.asarray(one, np.float64) for one in members.values()])
    alone = sorted(range(len(names)), key=lambda i: _key(labels, stack[i], score))
    joined, total, path = [], np.zeros(stack.shape[1:]), []
    for number in range(max(rounds, min(start, len(names)))):
        candidates = [alone[number]] if number < min(start, len(names)) else range(len(names))
        best = min(candidates, key=lambda i: _key(labels, (total + stack[i]) / (number + 1), score))
        total, joined = total + stack[best], [*joined, best]
        accuracy, loss = _scored(labels, total / (number + 1))
        path.append((number + 1, names[best], accuracy, loss, _key(labels, total / (number + 1), score)))
    first = min(start, len(names)) - 1
    end = min(range(first, len(path)), key=lambda row: (path[row][4], row))
    weights = {}
    for i in joined[: end + 1]:
        weights[names[i]] = weights.get(names[i], 0) + 1
    table = pd.DataFrame([row[:4] for row in path], columns=["round", "joined", "accuracy", "log_loss"])
    return weights, table.assign(chosen=table["round"] <= end + 1)


def _checked_members(labels, members):
    if not members:
        raise InputError("there are no members to choose from. Give the predictions of one or more runs.")
    for probabilities in members.values():
        labels, _, _ = checked(labels, probabilities)
    return labels


def _scored(labels, probabilities):
    of_label = np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)
    return float(np.mean(probabilities.argmax(axis=1) == labels)), float(-np.log(of_label).mean())


def _key(labels, probabilities, score):
    """What is to be small: the score, then the other one. Rounded, so that ties are ties and the smaller ensemble wins."""
    accuracy, loss = _scored(labels, probabilities)
    loss = round(loss, 9)
    return (-accuracy, loss) if score == "accuracy" else (loss, -accuracy)
