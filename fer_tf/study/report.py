"""A study's report: its runs gathered, scored, held against the published numbers, and laid out as one page.

Nothing here trains. Every number is a function of the predictions that the runs saved; only the test split's are computed
here, once, from the models of complete runs.
"""

import argparse
import json
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
import yaml

from fer_tf import datasets, evaluation, figures, paths
from fer_tf.errors import InputError
from fer_tf.figures import style
from fer_tf.study import execute, runs, tables

TEMPLATES = Path(__file__).parent / "templates"
PUBLISHED = Path(__file__).parent / "published"
METRICS = ("accuracy", "balanced_accuracy", "macro_precision", "macro_recall", "macro_f1", "roc_auc", "ece", "n")
NOT_RUN = "not run"


@dataclass(frozen=True)
class Shown:
    """A figure or table of the page: name (the files' stem), caption, and for a table its DataFrame."""

    name: str
    caption: str
    frame: pd.DataFrame | None = None


def published(name):
    """What a paper printed, from `fer_tf/study/published/<name>.yaml`.

    Raises:
        InputError: there is no such file.
    """
    path = PUBLISHED / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in PUBLISHED.glob("*.yaml")))
        raise InputError(f"no published numbers named '{name}'; there are {known}.")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def look_up(facts, where):
    """One printed value by its path.

    Args:
        facts: dict, from `published`.
        where: keys joined by dots, such as "test_time_augmentation.test_accuracy".

    Raises:
        InputError: nothing is there.
    """
    found = facts
    for key in where.split("."):
        if not isinstance(found, dict) or key not in found:
            raise InputError(
                f"the published facts have no '{where}': nothing named '{key}'. See fer_tf/study/published/."
            )
        found = found[key]
    return found


def planned(study):
    """The names of a study's runs by its YAML files, without the report's, in order."""
    folder = paths.root() / "notebooks" / "studies" / study
    names = sorted(path.stem for path in folder.glob("*--*.yaml") if not path.stem.startswith("10_report"))
    if not names:
        have = ", ".join(sorted(path.name for path in folder.parent.glob("*/")))
        raise InputError(f"there is no study '{study}' in {folder.parent}; there are: {have}.")
    return names


def complete_runs(study):
    """The complete runs of a study's plan, as a list of `runs.Run` in order."""
    folders = [paths.study(study) / "runs" / name for name in planned(study)]
    return [runs.open_run(folder) for folder in folders if (folder / "run.json").is_file()]


def open_test_split(run):
    """Scores the test split with a complete training run's model, once; its predictions are kept in the run's folder.

    Args:
        run: complete `runs.Run`. One without a model, or already scored, is left as it is.

    Returns:
        True where it was scored now.

    Raises:
        InputError: the prepared data are not those that the run was trained on.
    """
    if not run.record.get("model") or run.variants("test"):
        return False
    from fer_tf import models, training

    data = run.record["data"]
    if datasets.load(data["name"], tuple(data["counts"])).hash != data["hash"]:
        raise InputError(
            f"{run.name} was trained on other data than the prepared '{data['name']}'. Execute the run again."
        )
    test = datasets.load(data["name"]).split("test")
    model = models.load(run.folder / run.record["model"])
    run.save_predictions("test", training.predict(model, test.images), test)
    return True


def scores(run):
    """Every metric of every set of predictions that a run saved.

    Returns:
        DataFrame with the columns run, split, variant, accuracy, its 95% Wilson interval (low, high), and the others of
        `METRICS`; no rows for a run without predictions.
    """
    rows = []
    for split in ("validation", "test"):
        for variant in run.variants(split):
            scored = run.predictions(split, variant)
            found = evaluation.metrics(*scored)
            low, high = evaluation.accuracy_interval(scored.labels, scored.probabilities)
            interval = {"low": low, "high": high}
            rows.append(
                {"run": run.label, "split": split, "variant": variant, **{k: found[k] for k in METRICS}, **interval}
            )
    order = ["run", "split", "variant", "accuracy", "low", "high", *METRICS[1:]]
    return pd.DataFrame(rows, columns=order)


def comparison(complete, rows, source):
    """The published numbers beside the reproduced ones.

    Args:
        complete: list of `runs.Run`.
        rows: list of dict, each a line of the table: `what`; `published`, a path in the published facts, or two of
            them for the first number less the second, left out where the paper has no such number; `run`; and either
            `fact`, a key of the run's record, or `split`, `variant` ("" if absent) and `metric`: one of
            `evaluation.metrics`, or "gain", the accuracy above that of the run `against` on the same images, or, where
            none is named, above the variant "plain".
        source: name of the published facts.

    Returns:
        DataFrame with the columns what, metric, published, reproduced, difference, low, high (95% interval), run;
        reproduced is None where a run is not there.

    Raises:
        InputError: a row lacks a key or names an unknown metric, or two runs were scored on different images.
    """
    facts, by_name = published(source), {run.name: run for run in complete}
    lines = []
    for row in rows:
        _check_row(row)
        there = {row["run"], row.get("against", row["run"])} <= by_name.keys()
        value, low, high = _measured(by_name, row) if there else (None, None, None)
        printed = _printed(facts, row["published"]) if "published" in row else None
        difference = None if None in (value, printed) else value - printed
        label = row["run"].partition("--")[2]
        lines.append((row["what"], row.get("metric"), printed, value, difference, low, high, label))
    columns = ["what", "metric", "published", "reproduced", "difference", "low", "high", "run"]
    return pd.DataFrame(lines, columns=columns).astype(object)


def readable_comparison(table):
    """`comparison` with its numbers written as a reader wants them: one cell for a value and its interval."""

    def number(value, sign="", lacking=NOT_RUN):
        if pd.isna(value):
            return lacking
        return f"{int(value):{sign},}" if float(value).is_integer() and abs(value) != 1 else f"{value:{sign}.4f}"

    def interval(row):
        return "" if pd.isna(row["low"]) else f"{row['low']:.3f} to {row['high']:.3f}"

    return pd.DataFrame(
        {
            "what": table["what"],
            "published": table["published"].map(lambda value: number(value, lacking="–")),
            "reproduced": table["reproduced"].map(number),
            "difference": table["difference"].map(lambda value: number(value, "+", lacking="")),
            "95% interval": table.apply(interval, axis=1),
            "run": table["run"],
        }
    )


def unseen_only(run, complete, variant=""):
    """Test accuracy on all images, and on those whose bytes are not in the training split as well.

    Args:
        run: complete `runs.Run`.
        complete: the study's runs; the one of 00_data has told which test images are leaks.
        variant: of the predictions.

    Returns:
        dict n, accuracy, unseen, unseen_accuracy; or None where there are no test predictions, or nobody looked.
    """
    known = next((one.record["leaks"] for one in complete if "leaks" in one.record), None)
    if variant not in run.variants("test") or known is None:
        return None
    scored = run.predictions("test", variant)
    unseen = ~np.isin(scored.ids, known)
    right = scored.probabilities.argmax(axis=1) == scored.labels
    return {
        "n": len(right),
        "accuracy": float(right.mean()),
        "unseen": int(unseen.sum()),
        "unseen_accuracy": float(right[unseen].mean()),
    }


def draw_results(run, split="test"):
    """The figures and tables that the report makes of a run's predictions.

    Args:
        run: complete `runs.Run`; of its variants the one that its record calls `shown` is drawn.
        split: whose predictions.

    Returns:
        (list of (Shown, Figure), list of Shown); both empty where there are no predictions.
    """
    variant = run.record.get("shown", "")
    if variant not in run.variants(split):
        return [], []
    scored = run.predictions(split, variant)
    n = f"{split} split, n = {len(scored.labels):,}"
    per_class, found = evaluation.per_class(*scored), evaluation.metrics(*scored)
    drawn = {
        "confusion": (
            figures.confusion_matrix(evaluation.confusion(*scored)),
            f"True class by row, predicted by column; {n}.",
        ),
        "roc": (figures.roc_curves(evaluation.roc(*scored)), f"ROC curve of each class against the rest; {n}."),
        "per_class": (figures.per_class_bars(per_class), f"Precision, recall and F1 of each class; {n}."),
        "most_confused": (
            figures.most_confused(evaluation.most_confused(*scored)),
            f"The pairs most often confused; {n}.",
        ),
        "reliability": (
            figures.reliability_diagram(evaluation.calibration(*scored)),
            f"How often a confidence is right; {n}.",
        ),
    }
    report = tables.classification_report(per_class, found)
    pictures = [(Shown(f"{run.name}--{split}_{name}", caption), figure) for name, (figure, caption) in drawn.items()]
    return pictures, [Shown(f"{run.name}--{split}_report", f"Precision, recall and F1 of each class; {n}.", report)]


def gather(run, folder):
    """Copies a run's figures and tables into the study's folders, under the run's name.

    A clone carries only those copies: where the run's own are not there, they stay as they are.

    Returns:
        (list of Shown, list of Shown): its figures and its tables.
    """
    pictures, lists = [], []
    for kind, shown in (("figures", pictures), ("tables", lists)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for entry in run.record[kind]:
            name = f"{run.name}--{entry['name']}"
            for path in sorted((run.folder / kind).glob(f"{entry['name']}.*")):
                with paths.writing(folder / kind / f"{name}{path.suffix}") as part:
                    shutil.copyfile(path, part)
            if not list((folder / kind).glob(f"{name}.*")):
                raise InputError(f"{run.folder / kind}: '{entry['name']}' is gone. Execute the run {run.name} again.")
            frame = pd.read_csv(folder / kind / f"{name}.csv") if kind == "tables" else None
            shown.append(Shown(name, entry["caption"], frame))
    return pictures, lists


def build(run, title, question, source, compare, headline, limitations=()):
    """Gathers, scores, draws and writes a study's report.

    Args:
        run: the report's own `runs.Run`, under way; its record's study is the one reported.
        title, question: of the page.
        source: name of the published facts.
        compare: rows of `comparison`.
        headline: the `what` of the row that the page begins with.
        limitations: sentences of this study's own, beside those that hold for all.

    Returns:
        (comparison DataFrame, scores DataFrame), as on the page.
    """
    study, folder = run.record["study"], paths.study(run.record["study"])
    complete = complete_runs(study)
    table = comparison(complete, compare, source)
    score_tables = [found for one in complete if len(found := scores(one))]
    scored = pd.concat(score_tables, ignore_index=True) if score_tables else pd.DataFrame()
    top = [
        _keep_table(folder, Shown("published_and_reproduced", "Published and reproduced.", readable_comparison(table)))
    ]
    if len(scored):
        top.append(_keep_table(folder, Shown("scores", "Every set of predictions, scored.", _readable_scores(scored))))
    measured = table[table["reproduced"].notna() & (table["metric"] == "accuracy")]
    pictures = []
    if len(measured):
        drawn = figures.published_vs_reproduced(measured.rename(columns={"what": "name"}))
        pictures.append(
            _keep_figure(
                folder, Shown("published_and_reproduced", "Published and reproduced, with 95% intervals."), drawn
            )
        )
    sections = [_section(one, complete, folder) for one in complete]
    _remove_others(folder, top, pictures, sections)
    missing = [name for name in planned(study) if name not in {one.name for one in complete}]
    results = {
        "study": study,
        "comparison": json.loads(table.to_json(orient="records")),
        "scores": json.loads(scored.to_json(orient="records")) if len(scored) else [],
        "missing": missing,
        "other_code": {one.name: changed for one in complete if (changed := runs.changed_code(one))},
    }
    paths.write_text(folder / "results.json", json.dumps(results, indent=1) + "\n")
    page = _page(
        title=title,
        question=question,
        study=study,
        paper=published(source),
        headline=_headline(table, headline),
        tables=top,
        figures=pictures,
        sections=sections,
        missing=missing,
        other_code=results["other_code"],
        limitations=limitations,
        folder=folder,
    )
    paths.write_text(folder / "index.html", page)
    return table, scored


def check(study):
    """What a person should know of a study's runs, as a list of lines; empty when all are there and made by this code."""
    complete = {run.name: run for run in complete_runs(study)}
    lines = []
    for name in planned(study):
        if name not in complete:
            lines.append(f"{name}: {NOT_RUN}")
        elif changed := runs.changed_code(complete[name]):
            lines.append(f"{name}: made by other code; changed since: {', '.join(changed)}")
    return lines


def main(argv=None):
    """`make check`: lists the runs that are missing or made by other code."""
    parser = argparse.ArgumentParser(prog="python -m fer_tf.study.report", description=check.__doc__)
    parser.add_argument("study")
    given = parser.parse_args(argv)
    try:
        lines = check(given.study)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines) or f"{given.study}: every run is there and made by this code")
    return 0


def _check_row(row):
    if lacking := [key for key in ("what", "run") if key not in row]:
        raise InputError(f"a row of `compare` lacks '{lacking[0]}': {row}.")
    if "fact" not in row and not {"split", "metric"} <= set(row):
        raise InputError(f"a row of `compare` needs 'fact', or 'split' and 'metric': {row}.")


def _printed(facts, where):
    value, *less = (look_up(facts, path) for path in ([where] if isinstance(where, str) else where))
    return value - sum(less)


def _measured(by_name, row):
    run = by_name[row["run"]]
    if "fact" in row:
        return run.record.get(row["fact"]), None, None
    split, variant = row["split"], row.get("variant", "")
    scored = run.predictions(split, variant)
    if row["metric"] == "gain":
        other = by_name[row.get("against", run.name)]
        before = other.predictions(split, variant if "against" in row else "plain")
        if not np.array_equal(before.ids, scored.ids):
            raise InputError(f"{run.name} and {other.name} were scored on different images. Execute both again.")
        found = evaluation.compare(scored.labels, before.probabilities, scored.probabilities)
        return found["difference"], found["low"], found["high"]
    found = evaluation.metrics(*scored)
    if row["metric"] not in found:
        raise InputError(f"unknown metric '{row['metric']}' in `compare`; choose gain or one of {', '.join(found)}.")
    interval = (None, None)
    if row["metric"] == "accuracy":
        interval = evaluation.accuracy_interval(scored.labels, scored.probabilities)
    return found[row["metric"]], *interval


def _headline(table, what):
    found = table[table["what"] == what]
    if found.empty:
        return None
    return {key: None if pd.isna(value) else value for key, value in found.iloc[0].items()}


def _readable_scores(scored):
    interval = [f"{low:.3f} to {high:.3f}" for low, high in zip(scored["low"], scored["high"], strict=True)]
    columns = ["run", "split", "variant", "accuracy", "macro_f1", "roc_auc", "ece", "n"]
    readable = scored[columns].rename(columns={"macro_f1": "macro F1", "roc_auc": "ROC AUC", "ece": "ECE"}).round(4)
    readable["variant"] = readable["variant"].replace("", "one look")
    readable.insert(4, "95% interval", interval)
    return readable


def _section(run, complete, folder):
    pictures, lists = gather(run, folder)
    drawn, reports = draw_results(run)
    heading = execute.first_heading(paths.root() / "notebooks" / f"{run.notebook}.ipynb")
    unseen = unseen_only(run, complete, run.record.get("shown", "")) if drawn else None
    return {
        "run": run,
        "heading": heading,
        "results": [_keep_figure(folder, shown, figure) for shown, figure in drawn],
        "result_tables": [_keep_table(folder, shown) for shown in reports],
        "figures": pictures,
        "tables": lists,
        "unseen": unseen,
        "changed": runs.changed_code(run),
    }


def _keep_figure(folder, shown, figure):
    style.save(figure, folder / "figures" / shown.name)
    return shown


def _keep_table(folder, shown):
    tables.to_files(shown.frame, folder / "tables" / shown.name, shown.caption)
    return shown


def _remove_others(folder, top, pictures, sections):
    """Takes away the figures and tables that an earlier report had and this one has not."""
    of_sections = {"figures": ("figures", "results"), "tables": ("tables", "result_tables")}
    for kind, shown in (("figures", pictures), ("tables", top)):
        kept = {entry.name for entry in shown}
        kept |= {entry.name for section in sections for part in of_sections[kind] for entry in section[part]}
        for path in (folder / kind).glob("*"):
            if path.stem not in kept:
                path.unlink()


def _page(folder, **content):
    import jinja2
    import markupsafe

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )

    def picture(name):
        # As text, a fifth smaller than base64: only what would end the attribute or the address is encoded.
        text = (folder / "figures" / f"{name}.svg").read_text(encoding="utf-8")
        return markupsafe.Markup("data:image/svg+xml," + quote(" ".join(text.split()), safe=" '=:/,;()+-_.!*{}@$?|[]"))

    def grid(frame):
        frame = frame.reset_index() if frame.index.name else frame
        index = not isinstance(frame.index, pd.RangeIndex)
        formats = {name: _decimals(column) for name, column in frame.items() if column.dtype.kind in "fiu"}
        return frame.to_html(index=index, border=0, classes="numbers", na_rep="", justify="unset", formatters=formats)

    environment.filters |= {"picture": picture, "grid": grid}
    made = datetime.now(UTC).strftime("%d %B %Y")
    css = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html.j2").render(css=css, made=made, not_run=NOT_RUN, **content)


def _decimals(column):
    """How a column's numbers are written: whole ones without decimals, shares with four, others with two."""
    known = column.dropna()
    decimals = 0 if (known % 1 == 0).all() else 4 if known.abs().max() <= 1 else 2
    return lambda value: f"{value:,.{decimals}f}"


if __name__ == "__main__":
    sys.exit(main())
