"""Intervals of an accuracy, and comparisons of two sets of predictions on the same images."""

import numpy as np
import pandas as pd
from scipy import stats

from fer_tf.errors import InputError
from fer_tf.evaluation.checks import checked
from fer_tf.evaluation.classification_metrics import metrics


def accuracy_interval(labels, probabilities, confidence=0.95):
    """Wilson's interval of the accuracy.

    Args:
        confidence: between 0 and 1.
    Returns: (low, high), floats.

    Score interval: Wilson 1927.

    Example:
        >>> right_on_80_of_100 = np.eye(2)[[1] * 80 + [0] * 20]
        >>> low, high = accuracy_interval(np.ones(100, int), right_on_80_of_100)
        >>> round(low, 3), round(high, 3)
        (0.711, 0.867)
    """
    labels, probabilities, _ = checked(labels, probabilities)
    right = int(np.sum(probabilities.argmax(axis=1) == labels))
    interval = stats.binomtest(right, len(labels)).proportion_ci(confidence_level=confidence, method="wilson")
    return float(interval.low), float(interval.high)


def compare(labels, probabilities_a, probabilities_b, confidence=0.95, resamples=10_000, seed=0):
    """Is B more accurate than A on the same images, and by how much?

    Args:
        probabilities_a: float array (n, k), rows sum to 1.
        probabilities_b: float array (n, k), of the same images in the same order.
        confidence: of the interval, between 0 and 1.
        resamples: number of bootstrap draws.
        seed: of the draws.
    Returns: dict: n, accuracy_a, accuracy_b, difference (B minus A), low and high (percentile bootstrap over images),
        only_a and only_b (images that only A, only B predicts rightly) and p_value (McNemar's test, exact, two-sided;
        1.0 where none differs).
    Raises InputError: as `metrics`, or A and B are of different shapes.

    Paired test: McNemar 1947. Percentile bootstrap: Efron and Tibshirani 1993, chapter 13.

    Example:
        >>> labels = np.ones(100, int)
        >>> result = compare(labels, np.eye(2)[[1] * 60 + [0] * 40], np.eye(2)[[1] * 75 + [0] * 25])
        >>> round(result["difference"], 2), result["only_a"], result["only_b"], result["p_value"] < 0.001
        (0.15, 0, 15, True)
    """
    labels, probabilities_a, _ = checked(labels, probabilities_a)
    labels, probabilities_b, _ = checked(labels, probabilities_b)
    if probabilities_a.shape != probabilities_b.shape:
        values = f"{probabilities_a.shape[1]} and {probabilities_b.shape[1]}"
        raise InputError(f"compared predictions have {values} classes; give two of the same classes.")
    n = len(labels)
    right_a = probabilities_a.argmax(axis=1) == labels
    right_b = probabilities_b.argmax(axis=1) == labels
    only_a, only_b = int(np.sum(right_a & ~right_b)), int(np.sum(right_b & ~right_a))
    # An image's difference is -1, 0 or 1, so resampling images is drawing three counts from a multinomial: the same
    # bootstrap, without n x resamples numbers in memory.
    shares = [only_a / n, only_b / n, (n - only_a - only_b) / n]
    drawing = np.random.default_rng(seed).multinomial(n, shares, size=resamples)
    tail = (1 - confidence) / 2
    low, high = np.quantile((drawing[:, 1] - drawing[:, 0]) / n, [tail, 1 - tail])
    differing = only_a + only_b
    return {
        "n": n,
        "accuracy_a": float(right_a.mean()),
        "accuracy_b": float(right_b.mean()),
        "difference": (only_b - only_a) / n,
        "low": float(low),
        "high": float(high),
        "only_a": only_a,
        "only_b": only_b,
        "p_value": float(stats.binomtest(only_b, differing).pvalue) if differing else 1.0,
    }


def gains_table(parts, reference, classes):
    """What variants of predictions gain over one of them, on each split.

    Args:
        parts: dict, name of a split -> (labels (n,), dict of a variant's name -> probabilities (n, k)).
        reference: name of the variant that the others are compared to.
        classes: names of the k classes.
    Returns: DataFrame with the columns split, variant, accuracy, macro_f1, ece, gain (in accuracy), from and to (its
        95% interval by paired bootstrap, see `compare`).
    """
    rows = []
    for split, (labels, variants) in parts.items():
        for variant, probabilities in variants.items():
            scores = metrics(labels, probabilities, classes)
            gain = compare(labels, variants[reference], probabilities)
            row = {"split": split, "variant": variant}
            row |= {name: scores[name] for name in ("accuracy", "macro_f1", "ece")}
            rows.append({**row, "gain": gain["difference"], "from": gain["low"], "to": gain["high"]})
    return pd.DataFrame(rows)


def holm(p_values):
    """p-values corrected for their number, so that the chance of any false finding among them stays what it was for one.

    Args:
        p_values: float array (m,).
    Returns: float array (m,), at most 1, in the same order.

    Sequentially rejective procedure: Holm 1979.

    Example:
        >>> holm([0.01, 0.04, 0.03]).tolist()
        [0.03, 0.06, 0.06]
    """
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(stepped, 1)
    return corrected


def compare_all(labels, members, confidence=0.95, resamples=10_000, seed=0):
    """Every pair of models on the same images, corrected for the number of pairs.

    Args:
        members: dict, name -> float array (n, k), rows sum to 1; two or more.
        confidence, resamples, seed: as `compare`.
    Returns: DataFrame with a row for each pair, the more accurate first: better, other, difference (in accuracy), low, high
        (of the pair alone, by paired bootstrap), p_value (McNemar), p_holm, and shown: whether the difference is one
        after correction and its interval is clear of zero.
    Raises InputError: as `compare`, or fewer than two models.

    Example:
        >>> often, seldom = (np.eye(2)[[1] * n + [0] * (100 - n)] for n in (80, 60))
        >>> compare_all(np.ones(100, int), {"a": seldom, "b": often})[["better", "other", "difference", "shown"]].values.tolist()
        [['b', 'a', 0.2, True]]
    """
    if len(members) < 2:
        raise InputError("one set of predictions has nothing to be compared with. Name two or more runs.")
    right = {name: np.mean(np.asarray(one).argmax(axis=1) == labels) for name, one in members.items()}
    order = sorted(members, key=lambda name: -right[name])
    rows = []
    for place, better in enumerate(order):
        for other in order[place + 1 :]:
            result = compare(labels, members[other], members[better], confidence, resamples, seed)
            measures = {name: result[name] for name in ("difference", "low", "high", "p_value")}
            rows.append({"better": better, "other": other, **measures})
    table = pd.DataFrame(rows)
    table["p_holm"] = holm(table["p_value"])
    return table.assign(shown=(table["p_holm"] < 1 - confidence) & (table["low"] > 0))
