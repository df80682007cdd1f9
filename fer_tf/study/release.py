"""Puts a trained run's network into the package, with a model card: what `models.load_pretrained` gives.

    make release STUDY=fer2013_recipe RUN=14_recipe--final_seed_1

Where the network ships already, its card alone is written again.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd
import yaml

from fer_tf import documents, evaluation, hashing, models, paths
from fer_tf.errors import InputError, exit_status
from fer_tf.evaluation import bootstrap
from fer_tf.models import export, files
from fer_tf.study import page, provenance, runs, scoring, tables

LARGEST = 20_000_000
"""Bytes: what a clone and a wheel can carry without being felt."""

WITHDRAWN = ("MS-Celeb-1M", "MegaFace")
"""Datasets of people's identities that their makers took back; see `catalogue.Published.learned_from`."""


def release(run, withdrawn=False):
    """Ships a complete training run's network as the package's pretrained one of its architecture, as `.keras` and ONNX.

    Args:
        run: complete `runs.Run` whose validation and test splits have been scored.
        withdrawn: whether weights may ship that began from a dataset of `WITHDRAWN`.
    Returns: Path of the model card.
    Raises InputError: the run has no model or no test predictions, its weights began from a withdrawn dataset or from nobody
        knows what, the file would be too large, or the extra `export` is not installed. What shipped before is untouched then.
    """
    if not run.record.get("model"):
        raise InputError(f"{run.name} trained no model; name a run of 02_train_cnn, 03_transfer or 14_recipe.")
    for what in origins(run)[1]:
        if any(name in what for name in WITHDRAWN) and not withdrawn:
            raise InputError(f"{run.name} began from {what}. Its weights are not shipped: release another run.")
    run.predictions("test")
    file = runs.weights_of(run) or run.folder / run.record["model"]
    network, name = models.load(file), run.record["parameters"]["model"]
    weights = files.PRETRAINED / f"{name}.keras"
    if not weights.is_file() or hashing.content_digest(file) != hashing.content_digest(weights):
        _ship(run, network, weights)
    path = weights.with_suffix(".md")
    paths.write_text(path, card(run, network, weights))
    return path


def origins(run):
    """What a network learned from before its own training: through the runs that its weights went on from, and its teachers.

    Args:
        run: complete `runs.Run` that trained a network.
    Returns: (list of `runs.Run`: those whose weights went on into this one's, the first of all first, and itself; dict of what
        the first, and the teachers of any, began from to its license, empty where all of them began from random weights).
    Raises InputError: one of these runs is not here, or nothing says where weights came from.
    """
    chain, began = [], {}
    before = _before(run)
    if isinstance(before, runs.Run):
        chain, began = origins(before)
    elif before:
        began = dict([before])
    for name in run.record["parameters"].get("teachers", []):
        began |= origins(runs.open_run(provenance.folder_of(name, run.folder.parent)[0]))[1]
    return [*chain, run], began


def card(run, network, weights):
    """The model card of a network that ships, as text: facts for programs, then what a person should know.

    Args:
        run: complete `runs.Run` that trained it, its validation and test splits scored.
        network: keras.Model.
        weights: Path of its file; its ONNX file lies beside it.
    """
    test, validation, (chain, began) = run.predictions("test"), run.predictions("validation"), origins(run)
    metrics, data = evaluation.metrics(*test), run.record["data"]
    temperature = evaluation.fit_temperature(validation.labels, validation.probabilities)
    scaled = evaluation.scale(test.probabilities, temperature)
    facts = {
        "name": weights.stem,
        "classes": list(test.classes),
        "input_shape": list(network.input_shape[1:]),
        "values": [0, 255],
        "color": data["size"][2] == 3,
        "license": " and ".join(dict.fromkeys(["MIT", *began.values()])),
        "sha256": {
            file.name: hashing.file_digest(file) for file in (weights, weights.with_suffix(".onnx")) if file.is_file()
        },
        "data": {"name": data["name"], "hash": data["hash"]},
        "run": _name(run),
        "began_from": list(began) or ["random weights"],
        "trained_by": [{"run": _name(one), "data": one.record["data"]["name"]} for one in chain],
        "parameters": run.record["parameters"],
        "versions": {
            key: run.record["versions"][key] for key in provenance.CALCULATED_BY if key in run.record["versions"]
        },
        "metrics": {"test": {key: round(metrics[key], 4) for key in ("accuracy", "macro_f1", "ece", "n")}},
        "temperature": round(temperature, 3),
    }
    by_class = _by_class(*test)
    values = metrics | {"name": weights.stem, "shape": facts["input_shape"], "tolerance": export.TOLERANCE}
    values |= {
        "parameters": sum(models.parameter_counts(network).values()),
        "began": began,
        "chain": facts["trained_by"],
    }
    teachers = {_name(one): one.record["parameters"].get("teachers") for one in chain}
    values |= {"teachers": {name: ones for name, ones in teachers.items() if ones}}
    values |= {"data": data["name"], "study": run.record["study"]}
    values |= {"interval": evaluation.accuracy_interval(test.labels, test.probabilities), "clean": _leak_free(run)}
    values |= {"f1": bootstrap.report_intervals(*test).loc["macro_f1"], "per_class": tables.to_markdown(by_class)}
    values |= {"confidence": test.probabilities.max(axis=1).mean(), "temperature": temperature}
    change = evaluation.paired_differences(test.labels, test.probabilities, scaled, test.classes).loc["ece"]
    values |= {"scaled_ece": metrics["ece"] + change["value"], "ece_change": change}
    ranked = by_class.dropna(subset="recall").sort_values("recall")[["class", "recall"]].to_dict("records")
    values |= {"worst": ranked[0], "best": ranked[-1], "k": len(test.classes)}
    return page.template("card.md.j2").render(values, facts=yaml.safe_dump(facts, sort_keys=False, width=120))


def main(argv=None):
    """Ship a trained run's network in the package."""
    parser = argparse.ArgumentParser(prog="python -m fer_tf.study.release", description=main.__doc__)
    parser.add_argument("study", help="such as fer2013_recipe")
    parser.add_argument("run", help="such as 14_recipe--final_seed_1")
    args = parser.parse_args(argv)
    return exit_status(lambda: print(release(runs.open_run(paths.study(args.study) / "runs" / args.run))))


def _ship(run, network, weights):
    """Writes a network's files into the package."""
    size = sum(weight.nbytes for weight in network.get_weights())
    if size > LARGEST:
        raise InputError(f"{run.name}: {size / 1e6:.1f} MB of weights; {LARGEST / 1e6:.0f} MB may be shipped at most.")
    weights.parent.mkdir(exist_ok=True)
    export.to_onnx(network, weights.with_suffix(".onnx"))
    models.save(network, weights)


def _before(run):
    """What a run's weights began from: a `runs.Run`, or (what, its license); None for random weights."""
    from fer_tf.models.catalogue import CATALOGUE

    model, weights = run.record["parameters"]["model"], run.record["parameters"].get("weights")
    published = CATALOGUE.get(model)
    if not weights:
        return None
    if weights == "imagenet" and not (published and published.name == weights):
        return "ImageNet, by the weights of Keras Applications", f"the license of Keras Applications' {model}"
    shipped = files.PRETRAINED / f"{model}.keras"
    place = shipped if weights == "shipped" else provenance.folder_of(weights, run.folder.parent)[0]
    if place.with_suffix(".md").is_file():
        named = documents.read_card(place.with_suffix(".md")).get("run", "")
        place = provenance.folder_of(named, run.folder.parent)[0]
    folder = place.parent if place.is_file() else place
    if (folder / "run.json").is_file():
        return runs.open_run(folder)
    if published and (weights == published.name or place.suffix == Path(published.address).suffix):
        return published.learned_from, published.license
    raise InputError(
        f"{run.name} began from {weights}, and nothing here says what those weights learned from. Release another."
    )


def _name(run):
    return f"{run.record['study']}/{run.name}"


def _by_class(labels, probabilities, classes):
    """Images, precision, recall and F1 of each class: a DataFrame, with Wilson's interval of a recall and the bootstrap's of an F1."""
    of_f1, rows = bootstrap.report_intervals(labels, probabilities, classes), []
    for k, row in enumerate(evaluation.per_class(labels, probabilities, classes).reset_index().to_dict("records")):
        of = labels == k
        intervals = [evaluation.accuracy_interval(labels[of], probabilities[of])] if of.any() else [(None, None)]
        intervals.append(of_f1.loc[f"f1 of {row['class']}", ["low", "high"]])
        recall, f1 = (f"{low:.3f} to {high:.3f}" if of.any() else "" for low, high in intervals)
        row = {name: row[name] for name in ("class", "support", "precision", "recall", "f1")}
        rows.append(row | {"interval of recall": recall, "interval of F1": f1})
    columns = ["class", "support", "precision", "recall", "interval of recall", "f1", "interval of F1"]
    return pd.DataFrame(rows)[columns]


def _leak_free(run):
    """The test accuracy without near-duplicates of the training, its interval and n; None where nobody looked for leaks."""
    prepared = [runs.open_run(path.parent) for path in run.folder.parent.glob("00_data--*/run.json")]
    clean = scoring.leak_free(run, prepared)
    if clean is None or not clean.any():
        return None
    whole = run.predictions("test")
    scored = whole.select(clean)
    low, high = evaluation.accuracy_interval(scored.labels, scored.probabilities)
    values = {"accuracy": evaluation.metrics(*scored)["accuracy"], "low": low, "high": high, "n": int(clean.sum())}
    return values | {"standardized": scoring.standardized_accuracy(scored, whole.labels)}


if __name__ == "__main__":
    sys.exit(main())
