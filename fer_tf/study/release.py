"""Puts a trained run's network into the package, with a model card: what `models.load_pretrained` gives.

make release STUDY=fer2013_five_layer RUN=02_train_cnn--tuned
"""

import argparse
import sys

import yaml

from fer_tf import evaluation, hashing, models, paths
from fer_tf.errors import InputError, exit_status
from fer_tf.models import export, files
from fer_tf.models.input_layers import Resize
from fer_tf.study import page, runs

LARGEST = 20_000_000
"""Bytes: what a clone and a wheel can carry without being felt."""


def release(run):
    """Ships a complete training run's network as the package's pretrained one of its architecture, as `.keras` and ONNX.

    A network that makes its images smaller inside ships as `.keras` alone: ONNX has no such averaging resize (tf2onnx 1.17).

    Args:
        run: complete `runs.Run` whose test split has been scored.
    Returns: Path of the model card.
    Raises InputError: the run has no model or no test predictions, the file would be too large, or the extra `export`
        is not installed. What shipped before is untouched then.
    """
    if not run.record.get("model"):
        raise InputError(f"{run.name} trained no model; name a run of 02_train_cnn or 03_transfer.")
    scored = run.predictions("test")
    network = models.load(run.folder / run.record["model"])
    name = run.record["parameters"]["model"]
    weights = files.PRETRAINED / f"{name}.keras"
    size = sum(weight.nbytes for weight in network.get_weights())
    if size > LARGEST:
        raise InputError(f"{run.name}: {size / 1e6:.1f} MB of weights; {LARGEST / 1e6:.0f} MB may be shipped at most.")
    weights.parent.mkdir(exist_ok=True)
    shrinks = any(isinstance(layer, Resize) and layer.size < network.input_shape[1] for layer in network.layers)
    shipped = (weights,) if shrinks else (weights, weights.with_suffix(".onnx"))
    if shrinks:
        weights.with_suffix(".onnx").unlink(missing_ok=True)  # of a network that shipped before
    else:
        export.to_onnx(network, shipped[1])
    models.save(network, weights)
    card = _card(run, name, network, scored, {path.name: hashing.file_digest(path) for path in shipped})
    path = files.PRETRAINED / f"{name}.md"
    paths.write_text(path, card)
    return path


def _card(run, name, network, scored, digests):
    metrics = evaluation.metrics(*scored)
    low, high = evaluation.accuracy_interval(scored.labels, scored.probabilities)
    height, width, channels = network.input_shape[1:]
    counts = models.parameter_counts(network)
    facts = {
        "name": name,
        "classes": list(scored.classes),
        "input_shape": [height, width, channels],
        "values": [0, 255],
        "color": run.record["data"]["size"][2] == 3,
        "license": "MIT",
        "sha256": digests,
        "data": {"name": run.record["data"]["name"], "hash": run.record["data"]["hash"]},
        "run": f"{run.record['study']}/{run.name}",
        "parameters": run.record["parameters"],
        "versions": {key: run.record["versions"][key] for key in ("tensorflow", "keras")},
        "metrics": {"test": {key: round(metrics[key], 4) for key in ("accuracy", "macro_f1", "ece", "n")}},
    }
    recall = evaluation.per_class(*scored)[["precision", "recall", "f1", "support"]].round(3)
    values = {key: metrics[key] for key in ("accuracy", "macro_f1", "ece", "n")} | {"low": low, "high": high}
    values |= {"name": name, "height": height, "width": width, "channels": channels, "tolerance": export.TOLERANCE}
    values |= {"parameters": sum(counts.values()), "run": run.name, "study": run.record["study"]}
    values |= {"onnx": f"{name}.onnx" in digests}
    values |= {"data": facts["data"]["name"], "per_class": recall.to_markdown()}
    return page.template("card.md.j2").render(values, facts=yaml.safe_dump(facts, sort_keys=False, width=120))


def main(argv=None):
    """Ship a trained run's network in the package."""
    parser = argparse.ArgumentParser(prog="python -m fer_tf.study.release", description=main.__doc__)
    parser.add_argument("study", help="such as fer2013_five_layer")
    parser.add_argument("run", help="such as 02_train_cnn--tuned")
    args = parser.parse_args(argv)
    return exit_status(lambda: print(release(runs.open_run(paths.study(args.study) / "runs" / args.run))))


if __name__ == "__main__":
    sys.exit(main())
