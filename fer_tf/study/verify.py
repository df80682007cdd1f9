"""Result cards, what each run claims and how to repeat it; and their verification, number by number.

    make verify STUDY=fer2013_five_layer

Every number of the page is computed again from the saved predictions. Where a run's weights and its data are here, the test
split is scored again and held against the saved predictions; nothing is chosen by that.
"""

import argparse
import json
import math
import sys

import numpy as np

from fer_tf import datasets, documents, evaluation, hashing, models, paths
from fer_tf.errors import InputError
from fer_tf.study import comparison, scoring
from fer_tf.study.runs import open_run

PROTOCOL = "chosen on the validation split; the test split scored once, when every choice was made"
CLOSE = 5e-3
"""How far a probability may be from the saved one when a network is computed on another machine."""


def card(run):
    """What a run claims, and all that it takes to repeat it.

    Args:
        run: complete `runs.Run`.
    Returns: dict: claim (a sentence), accuracy, low and high (95% Wilson interval), n, variant, protocol, data and test_split (name
        and hash), code (hash of all that the run's numbers depend on), seed, command, and predictions (SHA-256 of the file);
        None for a run without test predictions.
    """
    variants = run.variants("test")
    if not variants:
        return None
    variant = run.record.get("shown", "") if run.record.get("shown", "") in variants else variants[0]
    scored = run.predictions("test", variant)
    low, high = evaluation.accuracy_interval(scored.labels, scored.probabilities)
    accuracy, n = float(np.mean(scored.probabilities.argmax(axis=1) == scored.labels)), len(scored.labels)
    data, study = run.record["data"], run.record["study"]
    return {
        "run": run.name,
        "claim": f"{accuracy:.1%} of {n:,} test images of {data['name']} rightly ({low:.1%} to {high:.1%})",
        "accuracy": accuracy,
        "low": low,
        "high": high,
        "n": n,
        "variant": variant,
        "protocol": PROTOCOL,
        "data": data["name"],
        "test_split": data.get("splits", {}).get("test"),
        "code": hashing.digest(run.record.get("code")),
        "seed": run.record["seed"],
        "command": f"make report STUDY={study}",
        "predictions": hashing.file_digest(run.predictions_file("test", variant)),
    }


def write_cards(folder, complete):
    """Writes a study's cards.json: the `card` of each of its runs that has test predictions."""
    cards = [one for one in map(card, complete) if one]
    paths.write_text(folder / "cards.json", json.dumps(cards, indent=1) + "\n")
    return cards


def verify(study):
    """Which claims of a study hold.

    Args:
        study: name of a study whose report is there.
    Returns: list of (what, verdict, detail), where the verdict is "holds", "fails" or "not repeated".
    Raises InputError: the study has no report.
    """
    folder = paths.study(study)
    reports = sorted((folder / "runs").glob("10_report--*/run.json"))
    if not reports or not (folder / "results.json").is_file():
        raise InputError(f"{study}: there is no report to verify. Make it first: make report STUDY={study}.")
    advice = f"Make the report again: make report STUDY={study}."
    results = documents.read_json(folder / "results.json", {"scores": [dict], "comparison": [dict]}, advice)
    parameters = open_run(reports[0].parent).record["parameters"]
    complete = scoring.complete_runs(study)
    lines = [*_scores(results, complete), *_comparison(results, complete, parameters)]
    path = folder / "cards.json"
    cards = documents.read_json(path, [{"run": str}], advice) if path.is_file() else []
    cards = {one["run"]: one for one in cards}
    for run in complete:
        today = card(run)
        if today and run.name in cards:
            other = [key for key, value in cards[run.name].items() if not _same(value, today.get(key))]
            detail = f"other than on its card: {', '.join(other)}" if other else today["claim"]
            lines.append((f"card of {run.name}", "fails" if other else "holds", detail))
        if today:
            lines.append((f"scoring of {run.name}", *_repeated(run)))
    return lines


def main(argv=None):
    """`make verify`: computes a study's numbers again, and says which hold."""
    parser = argparse.ArgumentParser(prog="python -m fer_tf.study.verify", description=main.__doc__)
    parser.add_argument("study")
    args = parser.parse_args(argv)
    try:
        lines = verify(args.study)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for what, verdict, detail in lines:
        print(f"{verdict:<12} {what}: {detail}")
    count = {verdict: sum(line[1] == verdict for line in lines) for verdict in ("holds", "fails", "not repeated")}
    print(f"{args.study}: {', '.join(f'{number} {verdict}' for verdict, number in count.items())}")
    return 1 if count["fails"] else 0


def _scores(results, complete):
    """The rows of the page's table of scores, each recomputed from its predictions."""
    rows = {}
    for run in complete:
        for row in scoring.scores(run, complete).to_dict("records"):
            rows[row["run"], row["split"], row["variant"]] = row
    for row in results["scores"]:
        key = row["run"], row["split"], row["variant"]
        if row["run"] not in {run.name for run in complete}:
            yield f"scores of {'/'.join(filter(None, key))}", "not repeated", "the page names another run: make figures"
            continue
        other = [name for name, value in row.items() if not _same(value, rows.get(key, {}).get(name))]
        detail = f"not what the predictions give: {', '.join(other)}" if other else f"accuracy {row['accuracy']:.4f}"
        yield f"scores of {'/'.join(filter(None, key))}", "fails" if other else "holds", detail


def _comparison(results, complete, parameters):
    """The rows of the page's comparison, recomputed."""
    table = comparison.comparison(complete, parameters["compare"], parameters["published"])
    today = {row["what"]: row for row in table.to_dict("records")}
    for row in results["comparison"]:
        now = today.get(row["what"], {})
        other = [name for name, value in row.items() if name != "run" and not _same(value, now.get(name))]
        detail = f"not what the runs give: {', '.join(other)}" if other else f"{row['reproduced']}"
        yield f"comparison, {row['what']}", "fails" if other else "holds", detail


def _repeated(run):
    """(verdict, detail) of scoring the test split of a training run again."""
    weights = weights_of(run)
    if weights is None:
        return "not repeated", "its weights are not here" if run.record.get("model") else "it has no network of its own"
    data, saved = run.record["data"], run.predictions("test")
    if datasets.split_hashes(data["name"]).get("test") != data.get("splits", {}).get("test"):
        return "not repeated", f"its data is not here, or another version: make data STUDY={run.record['study']}"
    test = datasets.load(data["name"], "test")
    if not np.array_equal(test.ids, saved.ids):
        return "fails", "the test images are in another order or others"
    probabilities = models.predict(models.load(weights), test.images)
    furthest = float(np.abs(probabilities - saved.probabilities).max())
    detail = f"{weights.name} gives the saved probabilities within {furthest:.1e}"
    return (
        ("holds", detail) if furthest < CLOSE else ("fails", f"{weights.name}: probabilities differ by {furthest:.2f}")
    )


def weights_of(run):
    """The file of a training run's weights: in its folder, or in the package where its network ships; None if neither is here."""
    own = run.folder / str(run.record.get("model"))
    if not run.record.get("model") or own.is_file():
        return own if own.is_file() else None
    for file in sorted(models.PRETRAINED.glob("*.keras")):
        if models.model_card(file.stem).get("run") == f"{run.record['study']}/{run.name}":
            return file
    return None


def _same(one, other):
    if isinstance(one, float) or isinstance(other, float):
        missing = [value is None or (isinstance(value, float) and math.isnan(value)) for value in (one, other)]
        return all(missing) or (not any(missing) and math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-8))
    return one == other


if __name__ == "__main__":
    sys.exit(main())
