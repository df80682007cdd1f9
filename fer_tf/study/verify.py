"""Result cards, what each run claims and how to repeat it; and their verification, number by number.

    make verify STUDY=fer2013_five_layer

The numbers of the page are computed again from the saved predictions: scores, comparison, the tables of each class, cards, and
what the records of the runs say of their own predictions. Where a network and its data are here, also one that ships, the test
split is scored again, with the same views where a run averaged some, and held against the saved predictions; nothing is chosen
by that.
"""

import argparse
import json
import math
import sys

import numpy as np

from fer_tf import datasets, documents, evaluation, hashing, models, paths
from fer_tf.errors import InputError, exit_status
from fer_tf.study import comparison, scoring, tables
from fer_tf.study.runs import how_to_make, open_run, weights_of

PROTOCOL = "chosen on the validation split; the test split scored when every choice was made"
CLOSE = 5e-3
"""How far a probability may be from the saved one when a network is computed on another machine."""
ROUNDED = {"roc_auc": 1e-4, "log_loss": 1e-4, "ece": 1e-3}
"""How far a metric in a record may be from that of its predictions, whose probabilities are saved to four digits."""

RESULTS = {
    "scores": [{"run": str, "split": str, "variant": str, "accuracy": float}],
    "comparison": [{"what": str, "run": str, "reproduced": (float, int, None)}],
    "tables": dict,
}
REPORT = {"compare": [dict], "published": str, "headline": str, "by_class?": [dict]}
RECORD = {"metrics": dict, "seed": (int, None)}
VIEWS = {"run": str, "views": int, "augmentation": str, "pixels": int, "rule": str, "seed": int}
"""Schemas, see `documents.fault`: of results.json, the parameters of a report, a run.json beyond `documents.RUN`, and the
parameters of test-time augmentation."""


def card(run):
    """What a run claims, and all that it takes to repeat it.

    Args:
        run: complete `runs.Run`.
    Returns: dict: claim (a sentence), accuracy, low and high (95% Wilson interval), n, variant, protocol, data (name),
        data_hash, test_split (its hash), code (hash of all that the run's numbers depend on), seed, command, and predictions (SHA-256 of the file);
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
        "data_hash": data["hash"],
        "test_split": data.get("splits", {}).get("test"),
        "code": hashing.digest(run.record.get("code")),
        "seed": run.record["seed"],
        "command": f"make clean STUDY={study} WEIGHTS=remove && make report STUDY={study}",
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
    Yields: (what, verdict, detail), where the verdict is "holds", "fails" or "not repeated".
    Raises InputError: the study has no report, or results.json, cards.json or a run.json is damaged.
    """
    folder = paths.study(study)
    reports = sorted((folder / "runs").glob("10_report--*/run.json"))
    if not reports or not (folder / "results.json").is_file():
        raise InputError(f"{study}: there is no report to verify. Make it first: make report STUDY={study}.")
    advice = f"Make the report again: make report STUDY={study}."
    results = documents.read_json(folder / "results.json", RESULTS, advice)
    parameters = documents.checked(open_run(reports[0].parent).record["parameters"], REPORT, reports[0], advice)
    path = folder / "cards.json"
    cards = documents.read_json(path, [{"run": str}], advice) if path.is_file() else []
    complete = scoring.complete_runs(parameters.get("study_name") or study)
    for run in complete:
        documents.checked(run.record, RECORD, run.folder / "run.json", advice)
    yield from _scores(results, complete)
    yield from _comparison(results, complete, parameters)
    yield from _tables(results, complete, parameters)
    cards = {one["run"]: one for one in cards}
    for run in complete:
        today = card(run)
        if today and run.name in cards:
            of_name = {"command": today["command"]}  # a study may have another name now
            other = _differing(cards[run.name] | of_name, today, {})
            detail = f"other than on its card: {', '.join(other)}" if other else today["claim"]
            yield f"card of {run.name}", "fails" if other else "holds", detail
        yield from _record(run)
        if today:
            yield f"scoring of {run.name}", *_repeated(run)


def main(argv=None):
    """`make verify`: computes a study's numbers again, and says which hold."""
    parser = argparse.ArgumentParser(prog="python -m fer_tf.study.verify", description=main.__doc__)
    parser.add_argument("study")
    args = parser.parse_args(argv)

    def run():
        count = {"holds": 0, "fails": 0, "not repeated": 0}
        for what, verdict, detail in verify(args.study):
            print(f"{verdict:<12} {what}: {detail}", flush=True)
            count[verdict] += 1
        print(f"{args.study}: {', '.join(f'{number} {verdict}' for verdict, number in count.items())}")
        return 1 if count["fails"] else 0

    return exit_status(run)


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
        value = "not run" if row["reproduced"] is None else row["reproduced"]
        detail = f"not what the runs give: {', '.join(other)}" if other else str(value)
        yield f"comparison, {row['what']}", "fails" if other else "holds", detail


def _tables(results, complete, parameters):
    """The page's tables of the headline's metrics and of each class, of all test images and of the leak-free ones, recomputed."""
    caption, frame = comparison.headline_intervals(complete, parameters["compare"], parameters["headline"])
    reports = [("headline", caption, frame)] if len(frame) else []
    reports += comparison.class_tables(complete, parameters.get("by_class", []), parameters["published"])
    for name, _, frame in [*reports, *(one for run in complete for one in scoring.class_reports(run, complete))]:
        saved = results["tables"].get(name)
        if saved is None:
            yield f"table {name}", "not repeated", "the page lacks it: make figures"
        elif _same_table(saved, frame, {}):
            yield f"table {name}", "holds", f"{len(frame)} rows"
        else:
            yield f"table {name}", "fails", "not what the predictions give"


def _record(run):
    """What a run's own record says of its predictions, the metrics and the table of each class, recomputed."""
    reports = [entry for entry in run.record["tables"] if entry["name"] == "validation_report" and "data" in entry]
    for split, recorded in run.record["metrics"].items():
        variant = run.record.get("shown", "")
        if not isinstance(recorded, dict) or variant not in run.variants(split):
            continue
        scored = run.predictions(split, variant)
        today = evaluation.metrics(*scored)
        if not set(recorded) <= set(today):  # it says something of several models
            continue
        other = _differing(recorded, {name: today[name] for name in recorded}, ROUNDED)
        if split == "validation":
            other += [one["name"] for one in reports if not _same_table(one, scoring.class_report(scored), ROUNDED)]
        detail = f"not what the predictions give: {', '.join(other)}" if other else ", ".join(recorded)
        yield f"record of {run.name}, {split}", "fails" if other else "holds", detail


def _repeated(run):
    """(verdict, detail) of scoring the test split again with a run's network, or with views by the network that it names."""
    from fer_tf.evaluation import tta  # here, as below: it brings TensorFlow, which a report and a check do not need

    weights, views = weights_of(run), _views(run)
    variants = [variant for variant in run.variants("test") if variant in views]
    if weights is None or not variants:
        named = run.record.get("model") or run.notebook == "04_tta"
        return "not repeated", "its weights are not here" if named else "it has no network of its own"
    data, rule = run.record["data"], run.record["parameters"].get("rule", "mean")
    if datasets.split_hashes(data["name"]).get("test") != data.get("splits", {}).get("test"):
        return "not repeated", f"its data is not here, or another version: make data STUDY={run.record['study']}"
    test, network, furthest = datasets.load(data["name"], "test"), models.load(weights), {}
    for variant in variants:
        saved = run.predictions("test", variant)
        if not np.array_equal(test.ids, saved.ids):
            return "fails", "the test images are in another order or others"
        probabilities = tta.test_time_probabilities(network, test.images, views[variant], rule)
        furthest[variant] = float(np.abs(probabilities - saved.probabilities).max())
    if wrong := {variant or "single view": f"{far:.2f}" for variant, far in furthest.items() if not far < CLOSE}:
        return "fails", f"{weights.name}: probabilities differ by {', '.join(f'{b} ({a})' for a, b in wrong.items())}"
    of = f" of {', '.join(variants)}" if any(variants) else ""
    return "holds", f"{weights.name} gives the saved probabilities{of} within {max(furthest.values()):.1e}"


def _views(run):
    """The views that are averaged for each variant of a run's predictions, as the notebook 04_tta makes them; one for a training."""
    from fer_tf.evaluation import tta

    if run.notebook != "04_tta":
        return {"": [tta.identity]}
    advice = how_to_make(run.folder)
    parameters = documents.checked(run.record["parameters"], VIEWS, run.folder / "run.json", advice)
    random = tta.random_views(parameters["views"], parameters["augmentation"], parameters["seed"])
    fixed = tta.flips_and_shifts(parameters["pixels"])
    return {"plain": fixed[:1], f"random{len(random)}": random, "flips_shifts": fixed}


def _differing(saved, today, rounded):
    """The names of what is other in one of two dicts; metrics that `rounded` names may be as far apart as it says."""
    return [name for name in {**saved, **today} if not _same(saved.get(name), today.get(name), rounded.get(name, 0))]


def _same_table(saved, frame, rounded):
    """Whether a table in results.json or run.json is the DataFrame given."""
    if documents.fault(saved, {"columns": [str], "data": [list]}):
        return False
    today = tables.as_data(frame)
    one, other = ([dict(zip(t["columns"], row, strict=False)) for row in t["data"]] for t in (saved, today))
    return len(one) == len(other) and not any(map(_differing, one, other, [rounded] * len(one)))


def _same(one, other, far=0):
    one, other = (None if isinstance(value, float) and math.isnan(value) else value for value in (one, other))
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=max(far, 1e-8))
    return one == other


if __name__ == "__main__":
    sys.exit(main())
