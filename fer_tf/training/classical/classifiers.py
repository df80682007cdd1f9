"""Classifiers without a network: support vector machines, random forest, boosted trees, on the vectors of `features`.

Settings are chosen by cross-validation on the training split and probabilities calibrated on the validation split; the
test split is never among what these functions are given. scikit-learn-intelex is used where it is installed.
"""

import pickle
import time
import warnings
from dataclasses import dataclass, field

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline

from fer_tf.errors import InputError, choose

GRIDS = {
    "linear_svm": {"classifier__C": [0.1, 0.5]},
    "rbf_svm": {"classifier__C": [4], "scale__gamma": [1.5, 2.0]},
    "nystroem_svm": {"scale__gamma": [1.5, 2.5]},
    "random_forest": {"classifier__min_samples_leaf": [1, 3]},
    "boosting": {"classifier__learning_rate": [0.06, 0.12]},
}
"""What is tried for each classifier: few values, the same for every feature."""

FEWEST = 5
"""Validation images that the largest class needs for a calibration: scikit-learn folds them five times."""

PCA_ROWS = 15_000
"""Vectors that a PCA is fitted on, at least; its first few hundred components need no more."""


class UnitScale(TransformerMixin, BaseEstimator):
    """Centers vectors and divides by their root mean square length, so that `gamma` of an RBF kernel means the same for all.

    Args:
        gamma: float; the kernel exp(-|x - y|^2) of the scaled vectors has this gamma for vectors of length one.
    """

    def __init__(self, gamma=1.0):
        self.gamma = gamma

    def fit(self, vectors, labels=None):
        self.mean_ = np.mean(vectors, axis=0, dtype=np.float64).astype(np.float32)
        some = np.asarray(vectors[:: max(1, len(vectors) // 2000)]) - self.mean_
        self.length_ = float(np.sqrt((some**2).sum(axis=1).mean())) or 1.0
        return self

    def transform(self, vectors):
        """float array (n, d) to a float32 array (n, d)."""
        factor = np.float32(np.sqrt(self.gamma) / self.length_)
        return (np.asarray(vectors, np.float32) - self.mean_) * factor


@dataclass
class Fitted:
    """A fitted and calibrated classifier.

    Attributes:
        model: scikit-learn estimator, vectors (n, d) to probabilities (n, k).
        chosen: dict, the grid's values that cross-validation took.
        searched: DataFrame of the grid with mean accuracy and its deviation, or None.
        fit_seconds: float, of the last fit, without the search.
        megabytes: float, of the pickled model.
    """

    model: object
    chosen: dict = field(default_factory=dict)
    searched: object = None
    fit_seconds: float = 0.0
    megabytes: float = 0.0


def names():
    """The classifiers' names."""
    return tuple(GRIDS)


def accelerated():
    """Whether scikit-learn-intelex is there; it changes times, and results in the last digits."""
    try:
        import sklearnex  # noqa: F401
    except ImportError:
        return False
    return True


def build(name, components=256, class_weight=False, seed=0):
    """An unfitted pipeline from vectors to classes.

    Args:
        name: one of `names()`.
        components: int, of the PCA that comes first, 0 for none; fewer where the vectors are shorter. A random forest
            goes without: it chooses among the features itself, and does worse when they are mixed.
        class_weight: weight classes inversely to how often they occur.
    Returns: scikit-learn Pipeline with the steps pca (where asked), scale (SVMs) and classifier.
    """
    choose("classifier", name, GRIDS)
    reduced = components and name != "random_forest"
    steps = [("pca", PCA(components, svd_solver="randomized", random_state=seed))] if reduced else []
    if "svm" in name:
        steps.append(("scale", UnitScale()))
    if name == "nystroem_svm":
        from sklearn.kernel_approximation import Nystroem

        steps.append(("map", Nystroem(gamma=1.0, n_components=1000, random_state=seed)))
    return Pipeline([*steps, ("classifier", _classifier(name, "balanced" if class_weight else None, seed))])


def fit(name, views, labels, calibration, components=256, class_weight=False, search=0, grid=None, folds=3, seed=0):
    """Chooses settings, fits on all training vectors, and calibrates the probabilities.

    Args:
        name: one of `names()`.
        views: float arrays (n, d) of the training split: of its images, and of their mirror images if those are learned from.
        labels: int array (n,).
        calibration: (vectors, labels) of the validation split, for the temperature of the probabilities.
        components, class_weight: see `build`.
        search: int, training images (without mirror images) that the settings are searched on, by stratified
            cross-validation; 0 takes the grid's first values.
        grid: dict like the values of `GRIDS`, or None for the classifier's own.
    Raises InputError: an unknown name, fewer images of a class than folds, or too few to calibrate with.

    Temperature scaling: Guo et al. 2017.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    if len(set(labels)) < 2 or set(calibration[1]) - set(labels):
        raise InputError(
            "a class has no training image, or there is one class only. Give images of two classes or more."
        )
    if np.bincount(calibration[1]).max() < FEWEST or set(labels) - set(calibration[1]):
        raise InputError(
            f"too few validation images to calibrate probabilities: every class needs one, and some class {FEWEST}. Make a "
            "larger validation split."
        )
    components = min(components, views[0].shape[1], len(labels) // 2)
    pipeline = build(name, components, class_weight, seed)
    grid = GRIDS[name] if grid is None else grid
    chosen, searched = {key: values[0] for key, values in grid.items()}, None
    if search:
        chosen, searched = _search(pipeline, grid, views[0], labels, search, folds, seed)
    started = time.perf_counter()
    _fit(pipeline.set_params(**chosen), views, np.tile(labels, len(views)))
    seconds = time.perf_counter() - started
    model = CalibratedClassifierCV(FrozenEstimator(pipeline), method="temperature").fit(*calibration)
    return Fitted(model, chosen, searched, seconds, len(pickle.dumps(pipeline)) / 1e6)


def probabilities(model, *views):
    """Class probabilities (n, k), float32, averaged over views of the same images.

    Args:
        model: calibrated estimator of `Fitted`.
        views: float arrays (n, d), such as the images' features and those of their mirror images.
    """
    return np.mean([model.predict_proba(vectors) for vectors in views], axis=0).astype(np.float32)


def _classifier(name, class_weight, seed):
    fast = accelerated()
    if name in ("linear_svm", "nystroem_svm"):
        from sklearn.svm import LinearSVC

        return LinearSVC(C=0.5, class_weight=class_weight, random_state=seed, dual=False, tol=1e-3)
    if name == "rbf_svm":
        if fast:
            from sklearnex.svm import SVC
        else:
            from sklearn.svm import SVC
        return SVC(gamma=1.0, class_weight=class_weight, cache_size=1000, random_state=seed)
    if name == "random_forest":
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(300, max_features="sqrt", class_weight=class_weight, n_jobs=-1, random_state=seed)
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=150, max_leaf_nodes=15, class_weight=class_weight, early_stopping=False, random_state=seed
    )


def _fit(pipeline, views, labels):
    """Fits all steps; vectors that a PCA shortens are never side by side in memory before it has."""
    if "pca" not in pipeline.named_steps:
        pipeline.fit(np.concatenate(views), labels)
        return
    every = max(1, sum(map(len, views)) // PCA_ROWS)
    pca = pipeline.named_steps["pca"].fit(np.concatenate([view[::every] for view in views]))
    pipeline[1:].fit(np.concatenate([pca.transform(view) for view in views]), labels)


def _search(pipeline, grid, vectors, labels, search, folds, seed):
    import pandas as pd

    counts = np.bincount(labels)
    if (rare := counts[counts > 0].min()) < folds:
        raise InputError(f"a class has {rare} training images, too few for {folds} folds. Take fewer folds.")
    rng = np.random.default_rng(seed)
    # Every class keeps its share, and at least one image in each fold.
    rows = [rng.permutation(np.flatnonzero(labels == k)) for k in np.unique(labels)]
    rows = np.sort(np.concatenate([r[: max(folds, round(search * len(r) / len(labels)))] for r in rows]))
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    if "pca" in pipeline.named_steps:
        most = len(rows) * (folds - 1) // folds - 1  # a PCA has no more components than a fold has images
        pipeline = clone(pipeline).set_params(pca__n_components=min(most, pipeline.named_steps["pca"].n_components))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "n_components > n_samples")  # Nystroem takes as many as there are
        result = GridSearchCV(pipeline, grid, cv=splitter, refit=False).fit(np.asarray(vectors[rows]), labels[rows])
    results = pd.DataFrame(result.cv_results_["params"])
    results.columns = [column.split("__")[-1] for column in results]
    results["accuracy"] = result.cv_results_["mean_test_score"]
    results["deviation"] = result.cv_results_["std_test_score"]
    return result.best_params_, results
