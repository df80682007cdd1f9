"""A study's complete runs: which there are, the one opening of their test split, and the scores of their predictions."""

import json
import re

import numpy as np
import pandas as pd

from fer_tf import datasets, evaluation, models, paths
from fer_tf.datasets import near_duplicates
from fer_tf.errors import InputError, choose
from fer_tf.evaluation import bootstrap
from fer_tf.study import execute, provenance, runs

METRICS = ("accuracy", "balanced_accuracy", "macro_precision", "macro_recall", "macro_f1", "roc_auc", "ece", "n")
LEAK_FREE = "test, leak-free"
STANDARDIZED = "at class mix"


def planned(study):
    """The names of a study's runs by its YAML files, without the report's, in order; an InputError where there is no study."""
    folder = paths.root() / "notebooks" / "studies"
    choose("study", study, sorted(path.name for path in folder.glob("*/")))
    return sorted(path.stem for path in (folder / study).glob("*--*.yaml") if not path.stem.startswith("10_report"))


def complete_runs(study):
    """The complete runs of a study's plan, as a list of `runs.Run` in order."""
    folders = [paths.study(study) / "runs" / name for name in planned(study)]
    return [runs.open_run(folder) for folder in folders if (folder / "run.json").is_file()]


def changes(run, complete):
    """What is other today than when a complete run was made, as `provenance.changes`; `complete` are the study's runs."""
    file = paths.root() / "notebooks" / "studies" / run.record["study"] / f"{run.name}.yaml"
    parameters = execute.all_parameters(file) if file.is_file() else None
    data = [one.record["data"] or {} for one in complete if one.notebook == "00_data"]
    own = (run.record["data"] or {}).get("name")
    splits = next((one["splits"] for one in data if one.get("name") == own and "splits" in one), {})
    return provenance.changes(run.record, parameters, splits)


def open_test_split(run):
    """Scores the test split with a complete training run's model, once; its predictions are kept in the run's folder.

    Args:
        run: complete `runs.Run`. One without a model, or already scored, is left as it is.
    Returns: True where it was scored now.
    Raises InputError: a split of the prepared data is other than when the run was made; each is hashed again from its
        bytes before it is used.
    """
    if not run.record.get("model") or run.variants("test"):
        return False
    data = run.record["data"]
    for split, expected in data["splits"].items():
        datasets.verify_split(data["name"], split, expected)
    test = datasets.load(data["name"], "test")
    model = models.load(run.folder / run.record["model"])
    run.save_predictions("test", models.predict(model, test.images), test)
    return True


def scores(run, complete=()):
    """Every metric of every set of predictions that a run saved.

    Args:
        run: complete `runs.Run`.
        complete: the study's runs, which know the leaks of the test split; see `leak_free`.
    Returns: DataFrame with the columns run, split, variant, accuracy, its 95% Wilson interval (low, high), the others of
        `METRICS`, and the 95% bootstrap interval of macro_f1 (macro_f1_low, macro_f1_high); no rows for a run without
        predictions. The test split has two rows: of all its images, and as "test, leak-free" of those without a
        near-duplicate in training or validation. Column standardized: the accuracy at the class mix of all the split's
        images, which a part of them may not have; see `standardized_accuracy`. Column gap, of leak-free rows: the accuracy
        of the other images less that of the leak-free ones at the others' class mix, nan elsewhere.
    """
    rows = []
    for split in ("validation", "test"):
        for variant in run.variants(split):
            scored = run.predictions(split, variant)
            parts = {split: scored}
            clean = leak_free(run, complete, variant) if split == "test" else None
            if clean is not None and clean.any():
                parts[LEAK_FREE] = scored.select(clean)
            for name, part in parts.items():
                metrics = evaluation.metrics(*part)
                low, high = evaluation.accuracy_interval(part.labels, part.probabilities)
                row = {"run": run.name, "split": name, "variant": variant, "low": low, "high": high}
                row["standardized"] = standardized_accuracy(part, scored.labels)
                known = scored.select(~clean) if name == LEAK_FREE and not clean.all() else None
                row["gap"] = np.nan if known is None else _accuracy(known) - standardized_accuracy(part, known.labels)
                of_f1 = bootstrap.report_intervals(*part).loc["macro_f1"]
                row |= {"macro_f1_low": of_f1["low"], "macro_f1_high": of_f1["high"]}
                rows.append(row | {metric: metrics[metric] for metric in METRICS})
    columns = ["run", "split", "variant", "accuracy", "low", "high", "standardized", "gap", *METRICS[1:]]
    return pd.DataFrame(rows, columns=[*columns, "macro_f1_low", "macro_f1_high"])


def readable_scores(table):
    """`scores` with its numbers written as a reader wants them."""

    def intervals(low, high):
        return [f"{one:.3f} to {other:.3f}" for one, other in zip(table[low], table[high], strict=True)]

    columns = ["run", "split", "accuracy", "macro_f1", "roc_auc", "ece", "n"]
    readable = table[columns].rename(columns={"macro_f1": "macro F1", "roc_auc": "ROC AUC", "ece": "ECE"}).round(4)
    readable["run"] = [
        f"{run}/{variant}".rstrip("/") for run, variant in zip(table["run"], table["variant"], strict=True)
    ]
    readable.insert(3, "95% interval", intervals("low", "high"))
    readable.insert(5, "interval of F1", intervals("macro_f1_low", "macro_f1_high"))
    clean = table["split"] == LEAK_FREE
    if clean.any():
        readable.insert(4, STANDARDIZED, table["standardized"].map("{:.4f}".format).where(clean, ""))
    return readable


def standardized_accuracy(part, labels):
    """The accuracy that a part of a split's images would have if its classes were mixed as those of the whole split.

    Direct standardization: the recall of each class, weighted by the class's share among `labels`.

    Args:
        part: `runs.Predictions` of some of the images.
        labels: int array, of all the split's images.
    Returns: float, 0 to 1; nan where the part has no image of a class that the split has.

    Example:
        >>> from types import SimpleNamespace
        >>> right, wrong = [0.9, 0.1], [0.2, 0.8]  # for an image of the first class
        >>> part = SimpleNamespace(labels=np.array([0, 0, 0, 1]), probabilities=np.array([right, right, right, right]))
        >>> standardized_accuracy(part, np.array([0, 1]))  # 3 of 4 are right, all of them of the first class
        0.5
    """
    recalls = pd.Series(part.probabilities.argmax(axis=1) == part.labels).groupby(part.labels).mean()
    shares = pd.Series(labels).value_counts(normalize=True)
    return float((shares * recalls.reindex(shares.index)).sum(skipna=False))


def _accuracy(scored):
    return float(np.mean(scored.probabilities.argmax(axis=1) == scored.labels))


def class_reports(run, complete):
    """Precision, recall and F1 of each class on the test split, as the page has them.

    Args:
        run, complete: as `scores`; of the run's variants the one that its record calls `shown`.
    Returns: list of (name, caption, DataFrame of `evaluation.classification_report`): of all test images, and of those
        without a near-duplicate in training or validation; empty without test predictions.
    """
    variant = run.record.get("shown", "")
    if variant not in run.variants("test"):
        return []
    scored, clean = run.predictions("test", variant), leak_free(run, complete, variant)
    caption = f"Precision, recall and F1 of each class; test split, n = {len(scored.labels):,}."
    reports = [(f"{run.name}--test_report", caption, class_report(scored))]
    if clean is not None and 0 < clean.sum() < len(clean):
        caption = f"The same on the {clean.sum():,} of {len(clean):,} test images without a near-duplicate in training or validation."
        reports += [(f"{run.name}--test_report_leak_free", caption, class_report(scored.select(clean)))]
    return reports


def class_report(scored):
    """`evaluation.classification_report` of one set of predictions."""
    return evaluation.classification_report(evaluation.per_class(*scored), evaluation.metrics(*scored))


def gather(names, split):
    """Saved predictions of runs of any study, such as the members of an ensemble.

    Args:
        names: "<study>/<run>" or "<study>/<run>/<variant>", such as "fer2013_recipe/04_tta--final/random10".
        split: "validation" or "test". The test split is not scored here, see `open_test_split`.
    Returns: dict of the names to `runs.Predictions`, in their order.
    Raises InputError: a name of another form, a run that is not complete, or one that saved no such predictions.
    """
    result = {}
    for name in names:
        study, run, *variant = name.split("/")[:3] if name.count("/") in (1, 2) else ("", "")
        if not (study and run):
            raise InputError(f"'{name}' names no predictions. Write <study>/<run>, or <study>/<run>/<variant>.")
        result[name] = runs.open_run(paths.study(study) / "runs" / run).predictions(split, *variant)
    return result


def collect(names, study):
    """The predictions of runs that were scored on the same images, on validation and test.

    A run's test split is opened here where it is still closed and its model is there: its choices were made.

    Args:
        names: "<run>", "<run>/<variant>" or "<study>/<run>/<variant>"; empty for all complete runs of the study, but
            comparisons.
        study: name of the study that names without one belong to.
    Returns: (validation, test, records, missing): two dicts of the names to `runs.Predictions`, one to the records of their
        runs, and one of the names left out to the reason.
    Raises InputError: names are given, and none of them has predictions.
    """
    validation, test, records, missing = {}, {}, {}, {}
    folders = sorted(path.parent for path in (paths.study(study) / "runs").glob("[0-9][0-9]_*/run.json"))
    own = [runs.open_run(folder) for folder in folders if not folder.name.startswith("12_compare")]
    for name in names or [f"{run.name}/{variant}".rstrip("/") for run in own for variant in run.variants("validation")]:
        try:
            whole = f"{study}/{name}" if re.match(r"\d\d_", name) else name
            on_validation = gather([whole], "validation")[whole]
            run = runs.open_run(paths.study(whole.split("/")[0]) / "runs" / whole.split("/")[1])
            open_test_split(run)
            on_test = gather([whole], "test")[whole]
        except InputError as error:
            missing[name] = str(error)
            continue
        first = next(iter(validation.values()), on_validation)
        if set(on_validation.classes) != set(first.classes) or set(on_validation.ids) != set(first.ids):
            missing[name] = f"scored on other images or classes than {next(iter(validation))}"
            continue
        validation[name], test[name], records[name] = on_validation, on_test, run.record
    if names and not validation:
        raise InputError(f"none of the named runs has predictions: {' '.join(missing.values())}")
    return validation, test, records, missing


def over_seeds(scored, records):
    """Mean and spread over runs that differ in their seed alone.

    Args:
        scored: DataFrame, index the names of predictions, with the column accuracy.
        records: dict, name -> record of its run, see `runs.start`.
    Returns: DataFrame with a row for each recipe: recipe (the first run's name), seeds (int), mean, deviation (of the sample,
        nan for one seed), lowest and highest. Of several runs with one seed the first counts: they are no draws of their own.
    """
    groups = {}
    for name, record in records.items():
        settings = {key: value for key, value in record["parameters"].items() if key not in ("seed", "out", "about")}
        variant = name.rpartition(record["name"])[2]
        key = json.dumps([record["notebook"], variant, settings], sort_keys=True, default=str)
        groups.setdefault(key, {}).setdefault(record["parameters"].get("seed"), name)
    rows = []
    for by_seed in groups.values():
        members = list(by_seed.values())
        values = scored.loc[members, "accuracy"]
        spread = {"deviation": values.std(), "lowest": values.min(), "highest": values.max()}
        rows.append({"recipe": members[0], "seeds": len(members), "mean": values.mean(), **spread})
    return pd.DataFrame(rows, columns=["recipe", "seeds", "mean", "deviation", "lowest", "highest"])


def leak_free(run, complete, variant=""):
    """Which of a run's test images have no near-duplicate in training or validation.

    Args:
        run: complete `runs.Run`.
        complete, variant: the study's runs, see `without_leaks`; which of the predictions.
    Returns: bool array, one value for each test image; None without test predictions, or where nobody looked for leaks.
    """
    if variant not in run.variants("test"):
        return None
    return without_leaks(run.predictions("test", variant).ids, (run.record["data"] or {}).get("name"), complete)


def without_leaks(ids, dataset, complete):
    """Which test images have no near-duplicate in training or validation.

    Args:
        ids: str array (n,), the test images'.
        dataset: name of theirs.
        complete: a study's runs; that of 00_data with this dataset lists the leaks. FER2013's test images are known by their
            file names, see `near_duplicates.leak_free`.
    Returns: bool array (n,); None where nobody looked for leaks.
    """
    stems = [near_duplicates.file_stem(one) for one in ids]
    if all(stem.startswith("PrivateTest_") for stem in stems):
        return np.isin(stems, list(near_duplicates.leak_free("fer2013")))
    lists = [one.record["leaks"] for one in complete if "leaks" in one.record and one.record["data"]["name"] == dataset]
    return ~np.isin(ids, lists[0]) if lists else None
