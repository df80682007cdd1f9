"""Puts a trained run's network into the package, with a model card: what `models.load_pretrained` gives.

make release STUDY=fer2013_five_layer RUN=02_train_cnn--tuned
"""

import argparse
import sys

import pandas as pd
import yaml

from fer_tf import evaluation, models, paths
from fer_tf.errors import InputError
from fer_tf.models import export, files
from fer_tf.study import runs

LARGEST = 6_000_000
"""Bytes: what a clone and a wheel can carry without being felt."""

TEXT = """
# {name}: facial expression recognition from a {size} picture of a face

{parameters:,} parameters, trained from scratch on the training split of {data} by the run `{run}` of the study `{study}`.
The weights of the epoch with the best accuracy on the validation split were kept; the test split was scored once,
afterwards.

## Use

    from fer_tf import models
    network = models.load_pretrained("{name}")

It takes images (n, {height}, {width}, {channels}) with values 0 to 255 and gives probabilities in the order of `classes` above.
The picture should be framed as the training images are: one face, upright, cut at the chin and above the brows.

`{name}.onnx` beside this card is the same network for programs without TensorFlow, such as OpenCV; the probabilities of the
two differ by less than {tolerance:.4f}.

    network = cv2.dnn.readNetFromONNX("{name}.onnx")
    network.setInput(images)                           # as float32
    probabilities = network.forward()

## How often it is right

Test split, {n:,} images that nothing was chosen by: {accuracy:.1%} are classified rightly (95% interval {low:.1%} to
{high:.1%}), macro F1 is {macro_f1:.3f}, the expected calibration error {ece:.3f}.

{per_class}

## What it does not do

- It tells which of seven words an onlooker would have put to a *picture*. What a person feels cannot be read from a
  face, and it does not try.
- About a third of its answers on such pictures are wrong, and not evenly: see the recall of each class.
- The training images were found by a web search, without the consent of the people shown. The labels are onlookers'
  guesses: people who looked at some of them again agreed with about two thirds (Goodfellow et al. 2013). Age, sex and
  skin tone are not recorded, so that a fair treatment of all cannot be shown, and should not be assumed.
- It is not to be used to decide about people: at work, at school, in policing, migration, insurance or health. In the
  European Union emotion recognition at work and in education is prohibited (Regulation 2024/1689, article 5).
"""


def release(run):
    """Ships a complete training run's network as the package's pretrained one of its architecture, as `.keras` and ONNX.

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
    card = _card(run, name, network, scored)
    export.to_onnx(network, weights.with_suffix(".onnx"))
    models.save(network, weights)
    path = files.PRETRAINED / f"{name}.md"
    paths.write_text(path, card)
    return path


def _card(run, name, network, scored):
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
        "data": {"name": run.record["data"]["name"], "hash": run.record["data"]["hash"]},
        "run": f"{run.record['study']}/{run.name}",
        "parameters": run.record["parameters"],
        "versions": {key: run.record["versions"][key] for key in ("tensorflow", "keras")},
        "metrics": {"test": {key: round(metrics[key], 4) for key in ("accuracy", "macro_f1", "ece", "n")}},
    }
    recall = evaluation.per_class(*scored)[["precision", "recall", "f1", "support"]].round(3)
    text = TEXT.format(
        **{key: metrics[key] for key in ("accuracy", "macro_f1", "ece", "n")},
        **{"name": name, "size": f"{width}x{height}", "height": height, "width": width, "channels": channels},
        **{"tolerance": export.TOLERANCE},
        **{
            "parameters": sum(counts.values()),
            "data": facts["data"]["name"],
            "run": run.name,
            "study": run.record["study"],
        },
        **{"low": low, "high": high, "per_class": pd.DataFrame(recall).to_markdown()},
    )
    return f"---\n{yaml.safe_dump(facts, sort_keys=False, width=120)}---\n{text}"


def main(argv=None):
    """Ships one run's network; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m fer_tf.study.release", description="Ship a trained run in the package."
    )
    parser.add_argument("study", help="such as fer2013_five_layer")
    parser.add_argument("run", help="such as 02_train_cnn--tuned")
    args = parser.parse_args(argv)
    try:
        print(release(runs.open_run(paths.study(args.study) / "runs" / args.run)))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
