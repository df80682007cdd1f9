"""Published numbers beside reproduced ones: what a paper printed, what was measured, and what one run gains over another."""

from pathlib import Path

import numpy as np
import pandas as pd

from fer_tf import documents, evaluation, paths
from fer_tf.errors import InputError, choose
from fer_tf.evaluation import bootstrap
from fer_tf.figures import style
from fer_tf.study import runs, scoring

PUBLISHED = Path(__file__).parent / "published"
NOT_RUN = "not run"
COLUMNS = ("what", "split", "metric", "published", "rounding", "reproduced", "difference", "low", "high")
COLUMNS += ("p_value", "run", "leak_free")
BY_CLASS = {"what": str, "published": str, "run": str, "variant?": str}
"""Schema of a row of `by_class`, see `documents.fault`."""
THREE = ("precision", "recall", "f1")


def published(name):
    """What a paper printed: `fer_tf/study/published/<name>.yaml` as a dict; empty for a study that reproduces none ("")."""
    if not name:
        return {}
    choose("published study", name, sorted(file.stem for file in PUBLISHED.glob("*.yaml")))
    return documents.read_yaml(PUBLISHED / f"{name}.yaml")


def look_up(facts, where):
    """One printed value by its path, keys joined by dots (places in a list count from 0); an InputError where nothing is there.

    Example:
        >>> look_up({"results": {"accuracy": 0.64}}, "results.accuracy")
        0.64
    """
    value = facts
    for key in where.split("."):
        if isinstance(value, list) and key.isdigit():
            value = dict(enumerate(value))
            key = int(key)
        if not isinstance(value, dict) or key not in value:
            raise InputError(f"the published facts have no '{where}': nothing named '{key}'.")
        value = value[key]
    return value


def comparison(complete, rows, source):
    """The published numbers beside the reproduced ones.

    Args:
        complete: list of `runs.Run`.
        rows: list of dict, each a line of the table: `what`; `published`, a path in the published facts, or two of
            them for the first number less the second, left out where the paper has no such number; `run`, one of another
            study as "<study>/<run>"; and either `fact`, a key of the run's record, or `split`, `variant` ("" if absent) and
            `metric`: one of
            `evaluation.metrics`, one of a class, such as "f1 of happy", or "gain", the accuracy above that of the
            run `against` on the same images, or, where none is named, above the variant "plain".
        source: name of the published facts.
    Returns: DataFrame with the columns what, split, metric, published, rounding (half of the last digit that the paper printed),
        reproduced, difference, low, high (95% interval), p_value (of a gain: McNemar's test), run and leak_free, the same on the
        test images without a near-duplicate in training or validation. What is not run is None, and what cannot be computed nan.
    Raises InputError: a row lacks a key or names an unknown metric, or two runs were scored on different images.
    """
    facts, by_name, lines = published(source), runs_by_name(complete, rows), []
    for row in rows:
        documents.check_row(row)
        known = {row["run"], row.get("against", row["run"])} <= by_name.keys()
        measured = _measured(by_name, row) if known else {}
        value = measured.get("reproduced")
        clean = _leak_free(by_name, row) if known else None
        printed, rounding = _printed(facts, row["published"]) if "published" in row else (None, None)
        difference = None if None in (value, printed) else value - printed
        line = {"what": row["what"], "split": row.get("split"), "metric": row.get("metric")}
        line |= {"published": printed, "rounding": rounding, "difference": difference, "leak_free": clean}
        lines.append({**line, "run": row["run"], **measured})
    return pd.DataFrame({key: pd.Series([one.get(key) for one in lines], dtype=object) for key in COLUMNS})


def unplanned(rows, study):
    """The runs that rows name and that are not there and no study plans, which would be called not run for ever: sorted list of str.

    Args:
        rows: as of `comparison`.
        study: the study whose runs are named without one.
    """
    names = {str(row[key]) for row in rows if isinstance(row, dict) for key in ("run", "against") if key in row}
    return sorted(name for name in names if not _is_known(*name.rpartition("/")[::2], study))


def _is_known(where, run, study):
    plan = paths.root() / "notebooks" / "studies" / (where or study) / f"{run}.yaml"
    return plan.is_file() or (paths.study(where or study) / "runs" / run / "run.json").is_file()


def runs_by_name(complete, rows):
    """The runs that rows can name: the study's own, and those complete ones of other studies that they do name; a dict."""
    named = {
        row[key] for row in rows if isinstance(row, dict) for key in ("run", "against") if "/" in str(row.get(key, ""))
    }
    folders = {name: paths.study(name.split("/")[0]) / "runs" / name.split("/")[1] for name in named}
    others = {name: runs.open_run(folder) for name, folder in folders.items() if (folder / "run.json").is_file()}
    return {run.name: run for run in complete} | others


def headline_intervals(complete, rows, headline):
    """Every metric of the predictions that the page begins with, as `evaluation.intervals`.

    Args:
        complete, rows: as `comparison`.
        headline: the `what` of the row that the page begins with.
    Returns: (caption, DataFrame); the latter empty where that row is not run or of no predictions.
    """
    row = next((one for one in rows if one["what"] == headline and "metric" in one), {})
    run = runs_by_name(complete, [row]).get(row.get("run"))
    if run is None:
        return "", pd.DataFrame()
    scored = run.predictions(row["split"], row.get("variant", ""))
    caption = (
        f"{headline}: every metric with its 95% interval, Wilson's for the accuracy and by bootstrap for the others; "
        f"{row['split']} split, n = {len(scored.labels):,}."
    )
    return caption, evaluation.intervals(*scored)


def class_tables(complete, rows, source):
    """The precision, recall and F1 of each class that a paper printed, beside those of a run on the test split.

    Args:
        complete: list of `runs.Run`.
        rows: list of dict: `what`; `published`, the path of a mapping of classes to {precision, recall, f1}, or to a list of the
            three, in the published facts; `run`, and `variant` ("" if absent).
        source: name of the published facts.
    Returns: list of (name, caption, DataFrame), numbers as text; "not run" where the run is not there.
    Raises InputError: a row of another form, or the paper has no such numbers of these classes.
    """
    facts, by_name, result = published(source), runs_by_name(complete, rows), []
    for row in rows:
        if documents.fault(row, BY_CLASS) or not set(row) <= set(documents.ROW):
            raise InputError(f"a row of `by_class` is {row!r}; write {{what: ..., published: ..., run: ...}}.")
        printed = {name.lower(): _three(row, values) for name, values in look_up(facts, row["published"]).items()}
        variant, run = row.get("variant", ""), by_name.get(row["run"])
        table = _class_table(printed, run and run.predictions("test", variant))
        name = "--".join(filter(None, ("by_class", row["run"], variant)))
        result.append((name, f"{row['what']}: each class, published and reproduced.", table))
    return result


def _three(row, values):
    three = [values.get(name) for name in THREE] if isinstance(values, dict) else values
    if not isinstance(three, list) or [type(value) for value in three] != [float] * 3:
        raise InputError(f"the published facts have no precision, recall and F1 of each class at '{row['published']}'.")
    return dict(zip(THREE, three, strict=True))


def _class_table(printed, scored):
    """The numbers that `printed` has of each class beside those of predictions, or "not run" where these are None."""
    table, names = pd.DataFrame({"class": list(printed)}), list(printed)
    measured = None if scored is None else evaluation.per_class(*scored)
    if measured is not None and set(measured.index) != set(names):
        raise InputError(f"a run has the classes {', '.join(measured.index)}, the paper {', '.join(names)}.")
    for key in THREE:
        title = key.replace("f1", "F1")
        table[f"{title}, published"] = [style.as_printed(printed[name][key], 2) for name in names]
        table[title] = NOT_RUN if scored is None else [f"{value:.3f}" for value in measured.loc[names, key]]
    if scored is not None:
        of_f1 = bootstrap.report_intervals(*scored).loc[[f"f1 of {name}" for name in names]]
        table["95% interval of F1"] = [
            f"{low:.3f} to {high:.3f}" for low, high in zip(of_f1["low"], of_f1["high"], strict=True)
        ]
    return table


def readable_comparison(table):
    """`comparison` with its numbers written as a reader wants them: one cell for a value and its interval.

    Where no paper printed any of them, the columns that compare with one are left out.
    """

    def number(value, sign="", missing=NOT_RUN):
        if pd.isna(value):
            return missing if value is None else "–"
        return f"{int(value):{sign},}" if float(value).is_integer() and abs(value) != 1 else f"{value:{sign}.4f}"

    def printed(value):
        return number(value, missing="–") if pd.isna(value) or value % 1 == 0 else style.as_printed(value, 2)

    def interval(row):
        return "" if pd.isna(row["low"]) else f"{row['low']:.3f} to {row['high']:.3f}"

    readable = pd.DataFrame(
        {
            "what": table["what"],
            "published": table["published"].map(printed),
            "reproduced": table["reproduced"].map(number),
            "difference": table["difference"].map(lambda value: number(value, "+", missing="")),
            "95% interval": table.apply(interval, axis=1),
            "leak-free": table["leak_free"].map(lambda value: number(value, missing="")),
            "run": table["run"],
        }
    )
    if table["published"].notna().any():
        return readable
    return readable.drop(columns=["published", "difference"]).rename(columns={"reproduced": "measured"})


def findings(table, headline):
    """What the comparison says, in sentences made from its numbers. A difference inside its interval is never called one, nor
    one that the rounding of the published number may have made.

    Args:
        table: DataFrame of `comparison`.
        headline: the `what` of the row that comes first.
    """
    ran = table[table["reproduced"].notna()]
    first = ran[ran["what"] == headline]
    sentences = [_sentence(row) for row in first.to_dict("records")]
    judged = ran[ran["published"].notna() & (ran["metric"] == "accuracy")]
    if len(judged) > 1:
        sides = [_side(row) for row in judged.to_dict("records")]
        above, below = sides.count("above"), sides.count("below")
        sentences.append(
            f"{len(judged)} accuracies, with a paper's settings or our own, are compared with a published one: higher {above}, "
            f"lower {below}, within the 95% interval {len(judged) - above - below}."
        )
    splits = first["split"].dropna() if first["split"].notna().any() else ran["split"]
    others = ran[(ran["what"] != headline) & ran["split"].isin(splits)]
    best = others[others["metric"] == "accuracy"].sort_values("reproduced", ascending=False)
    of_several = f"Highest of {len(best)} others: " if len(best) > 1 else ""
    sentences += [of_several + _sentence(row) for row in best.head(1).to_dict("records")]
    sentences += [_sentence(row) for row in others[others["metric"] == "gain"].head(2).to_dict("records")]
    missing = sum(value is None for value in table["reproduced"])
    return [*sentences, *([f"{missing} of {len(table)} rows of the comparison are not run yet."] if missing else [])]


def _sentence(row):
    what, value, low, high, printed = (row[key] for key in ("what", "reproduced", "low", "high", "published"))
    if row["metric"] == "gain":
        significant = row["p_value"] < 0.05  # of few images that differ, the bootstrap is too sure
        verdict = "no difference that these images show"
        if significant and (low > 0 or high < 0):
            verdict = "a gain" if low > 0 else "a loss"
        return f"{what}: {100 * value:+.1f} points (95% interval {100 * low:+.1f} to {100 * high:+.1f}), {verdict}."
    write = "{:.1%}".format if row["metric"] == "accuracy" else _plain
    interval = f" (95% interval {write(low)} to {write(high)})" if pd.notna(low) else ""
    if pd.isna(printed):
        return f"{what}: {write(value)}{interval}."
    digits = f"{style.as_printed(100 * printed, 0)}%" if row["metric"] == "accuracy" else write(printed)
    if not interval:
        return f"{what}: {write(value)}, published {digits}."
    return f"{what}: {write(value)}{interval}, {_side(row)} the published {digits}."


def _side(row):
    if row["low"] > row["published"] + row["rounding"]:
        return "above"
    return "below" if row["high"] < row["published"] - row["rounding"] else "not told apart from"


def _plain(value):
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"


def _printed(facts, where):
    """A published number, or one less others, and half of the last digit printed, of two decimals or more; 0 for a count."""
    printed = [look_up(facts, str(path)) for path in ([where] if isinstance(where, str) else where)]
    if not printed or not all(isinstance(value, int | float) for value in printed):
        raise InputError(f"a row of `compare` has no number at {where!r} of the published facts, but {printed}.")
    decimals = [len(f"{value:.10g}".partition(".")[2]) for value in printed]
    return printed[0] - sum(printed[1:]), sum(0.5 * 10 ** -max(2, places) for places in decimals if places)


def _measured(by_name, row, images=slice(None)):
    """What of a row is measured, on some of the images only where `images` says which: a dict of `COLUMNS`."""
    run = by_name[row["run"]]
    if "fact" in row:
        numbers = {name: value for name, value in run.record.items() if isinstance(value, int | float | None)}
        return {"reproduced": numbers[choose("fact of the run " + run.name, row["fact"], numbers)]}
    split, variant = row["split"], row.get("variant", "")
    scored = run.predictions(split, variant).select(images)
    if row["metric"] == "gain":
        other = by_name[row.get("against", row["run"])]
        before = other.predictions(split, variant if "against" in row else "plain").select(images)
        if not all(np.array_equal(getattr(before, key), getattr(scored, key)) for key in ("ids", "labels", "classes")):
            what = "different images, or with other labels or classes"
            raise InputError(f"{run.name} and {other.name} were scored on {what}. Execute both again.")
        gain = evaluation.compare(scored.labels, before.probabilities, scored.probabilities)
        return {"reproduced": gain["difference"]} | {key: gain[key] for key in ("low", "high", "p_value")}
    name, _, emotion = row["metric"].partition(" of ")
    if emotion:
        table = evaluation.per_class(*scored)
        value = float(table.loc[choose("class", emotion, table.index), choose("metric", name, table.columns)])
    else:
        metrics = evaluation.metrics(*scored)
        value = metrics[choose("metric", name, ("gain", *metrics))]
    low, high = _interval(scored, row["metric"])
    return {"reproduced": value, "low": low, "high": high}


def _interval(scored, metric):
    """Wilson's for an accuracy, by bootstrap for any other metric; (None, None) for what is none, such as n."""
    if metric == "accuracy":
        return evaluation.accuracy_interval(scored.labels, scored.probabilities)
    table = bootstrap.report_intervals(*scored)
    if metric in bootstrap.HEADLINE and metric not in table.index:
        table = evaluation.intervals(*scored)
    return tuple(table.loc[metric, ["low", "high"]].tolist()) if metric in table.index else (None, None)


def _leak_free(by_name, row):
    """The value of a row on the leak-free test images; None where it is of no test images, or nobody looked for leaks."""
    if row.get("split") != "test":
        return None
    images = scoring.leak_free(by_name[row["run"]], list(by_name.values()), row.get("variant", ""))
    return _measured(by_name, row, images)["reproduced"] if images is not None and images.any() else None
