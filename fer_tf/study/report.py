"""A study's report: its runs gathered, held against the published numbers, and laid out as one page and a README.

Nothing here trains. Every number is a function of the predictions that the runs saved.
"""

import argparse
import json
import shutil
import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fer_tf import datasets, documents, evaluation, figures, paths
from fer_tf.datasets import fer2013
from fer_tf.errors import InputError, choose, exit_status
from fer_tf.figures import style
from fer_tf.study import execute, notebooks, page, scoring, tables, verify
from fer_tf.study.comparison import (
    NOT_RUN,
    class_tables,
    comparison,
    findings,
    headline_intervals,
    published,
    readable_comparison,
    runs_by_name,
    unplanned,
)
from fer_tf.study.runs import how_to_make, open_run


@dataclass(frozen=True)
class Item:
    """A figure or table of the page: name (the files' stem), caption, and the DataFrame or Figure where it was made here."""

    name: str
    caption: str
    content: object = None


def build(run, title, question, source, compare, headline, limitations=(), study="", by_class=(), formats=("svg",)):
    """Gathers, scores, draws and writes a study's report.

    Args:
        run: the report's own `runs.Run`, under way; the page goes into its study's folder.
        title, question: of the page.
        source: name of the published facts.
        compare: rows of `comparison`.
        headline: the `what` of the row that the page begins with.
        limitations: sentences of this study's own, beside those that hold for all.
        study: name of the study whose runs are reported; empty for the run's own.
        by_class: rows of `class_tables`.
        formats: that figures are written in beside the page, of "svg", "pdf" and "png"; it needs the first.
    Returns: (comparison DataFrame, scores DataFrame), as on the page.
    """
    folder, study = paths.study(run.record["study"]), study or run.record["study"]
    complete = scoring.complete_runs(study)
    changed = {one.name: lines for one in complete if (lines := scoring.changes(one, complete))}
    missing = [name for name in scoring.planned(study) if name not in {one.name for one in complete}]
    table = comparison(complete, compare, source)
    if not compare:
        raise InputError(
            "`compare` has no row. Write one, such as {what: ..., run: ..., split: test, metric: accuracy}."
        )
    choose("headline", headline, [row["what"] for row in compare])
    documents.checked(list(limitations), [str], "limitations", "Put each into quotes.")
    scored = [frame for one in complete if len(frame := scoring.scores(one, complete))]
    scored = pd.concat(scored, ignore_index=True) if scored else pd.DataFrame()
    items = _Items(folder, formats)
    heading, caption = "Results", "What was measured, with 95% intervals."
    if table["published"].notna().any():
        heading, caption = "Published and reproduced", "What was published and what was measured, with 95% intervals."
    items.table("published_and_reproduced", caption, readable_comparison(table))
    if len(scored):
        readable = scoring.readable_scores(scored)
        caption = "Every set of predictions, scored."
        if scoring.STANDARDIZED in readable:
            caption += " At class mix: the accuracy with the classes weighted as in the whole test split."
        items.table("scores", caption, readable)
    caption, intervals = headline_intervals(complete, compare, headline)
    if len(intervals):
        items.table("headline", caption, intervals)
    for of_classes in class_tables(complete, by_class, source):
        items.table(*of_classes)
    first_tables = list(items.tables)
    measured = table[table["reproduced"].notna() & (table["metric"] == "accuracy")]
    glance, human = [], _human(complete)
    if len(measured):
        if measured["published"].notna().any():
            drawing = figures.published_vs_reproduced(measured.rename(columns={"what": "name"}), human=human)
        else:
            ranked = measured.rename(columns={"reproduced": "accuracy"}).set_index("what")
            drawing = figures.critical_difference(ranked, human=human, label="accuracy")
        caption = f"{heading}, with 95% intervals."
        if human:
            caption += f" People agree with {human[0]:.2f} ± {human[1]:.2f} of the labels (Goodfellow et al. 2013)."
        glance = [items.figure("published_and_reproduced", caption, drawing)]
    sentences = findings(table, headline)
    sections = [_section(one, complete, changed, items) for one in complete]
    results = {"study": study, "findings": sentences, "comparison": json.loads(table.to_json(orient="records"))}
    results |= {"scores": json.loads(scored.to_json(orient="records")), "missing": missing, "changed": changed}
    results |= {"limitations": list(limitations), "runs": {one.name: _recorded(one) for one in complete}}
    results["figures"] = {item.name: item.caption for item in items.figures}
    results["tables"] = {one.name: {"caption": one.caption, **tables.as_data(one.content)} for one in items.tables}
    paths.write_text(folder / "results.json", json.dumps(results, indent=1) + "\n")
    shared = {"title": title, "question": question, "paper": published(source), "findings": sentences}
    shared |= {"heading": heading, "limitations": limitations}
    shared |= {"missing": missing, "changed": changed}
    shared["drawn"] = any((one.record["data"] or {}).get("drawn") for one in complete)
    of_page = {"study": study, "tables": first_tables, "glance": glance}
    page.write_page(folder, sections=sections, **shared, **of_page)
    first = next(row["run"] for row in compare if row["what"] == headline)
    pictures = items.keep_pictures([*glance, *_chosen(sections, runs_by_name(complete, compare).get(first))])
    page.write_readme(folder, table=readable_comparison(table), pictures=pictures, **shared)
    items.remove_others()
    verify.write_cards(folder, complete)
    return table, scored


def check(study):
    """What a person should know of a study's runs, as a list of lines; empty when all are there and current."""
    complete = scoring.complete_runs(study)
    changed = {run.name: "; ".join(scoring.changes(run, complete)) for run in complete}
    lines = {name: changed.get(name, NOT_RUN) for name in scoring.planned(study)}
    for file in sorted((paths.root() / "notebooks" / "studies" / study).glob("*--*.yaml")):
        try:
            execute.check(file)
        except InputError as error:
            lines[file.stem] = str(error)
    for record in sorted((paths.study(study) / "runs").glob("*--*/run.json")):
        if (name := record.parent.name) not in lines and not name.startswith("10_report"):
            folder = f"reports/{study}/runs/{name}"
            lines[name] = (
                f"no YAML plans it, and 12_compare counts it where `runs` is empty: put it back, or rm -r {folder}"
            )
    for file in sorted((paths.root() / "notebooks" / "studies" / study).glob("10_report--*.yaml")):
        if names := unplanned(execute.all_parameters(file)["compare"], study):
            lines[file.stem] = f"`compare` names {', '.join(names)}, and there is no such run"
    return [f"{name}: {line}" for name, line in lines.items() if line]


def redraw(study):
    """Draws the page of a study again, and its figures in every format, with the parameters of its last report."""
    reports = sorted((paths.study(study) / "runs").glob("10_report--*/run.json"))
    if not reports:
        raise InputError(f"{study}: there is no report to draw again. Make it first: make report STUDY={study}.")
    run = open_run(reports[0].parent)
    wanted = ("title", "question", "published", "compare", "headline", "limitations", "study_name")
    parameters = run.record["parameters"]
    by_class = parameters.get("by_class", ())  # which earlier reports lack
    build(run, *(parameters[name] for name in wanted), by_class=by_class, formats=style.FORMATS)


def main(argv=None):
    """`make check`: lists the runs that are missing, or would come out otherwise today."""
    parser = argparse.ArgumentParser(prog="python -m fer_tf.study.report", description=main.__doc__)
    parser.add_argument("study")
    parser.add_argument("--figures", action="store_true", help="draw the page and its figures again, in all formats")
    args = parser.parse_args(argv)

    def run():
        if args.figures:
            redraw(args.study)
        else:
            print("\n".join(check(args.study)) or f"{args.study}: every run is there and current")

    return exit_status(run)


def draw_results(run):
    """The figures that the report makes of a run's test predictions.

    Args:
        run: complete `runs.Run`; of its variants the one that its record calls `shown` is drawn.
    Returns: list of (name, caption, Figure), empty without such predictions.
    """
    variant = run.record.get("shown", "")
    if variant not in run.variants("test"):
        return []
    scored = run.predictions("test", variant)
    n = f"test split, n = {len(scored.labels):,}"
    confusion, bins = figures.confusion_matrix(evaluation.confusion(*scored)), evaluation.calibration(*scored)
    drawings = [
        ("confusion", "True class by row, predicted by column", confusion),
        ("per_class", "Precision, recall and F1 of each class", figures.per_class_bars(evaluation.per_class(*scored))),
        ("roc", "ROC curve of each class against the rest", figures.roc_curves(evaluation.roc(*scored))),
        ("reliability", "How often a confidence is right", figures.reliability_diagram(bins)),
        ("most_confused", "The pairs most often confused", figures.most_confused(evaluation.most_confused(*scored))),
    ]
    return [(f"{run.name}--test_{name}", f"{caption}; {n}.", drawing) for name, caption, drawing in drawings]


def _recorded(run):
    """What the page says of how a run came about, and what it found: its record without code, figures and tables."""
    left_out = ("code", "figures", "tables", "metrics")
    return {key: value for key, value in run.record.items() if key not in left_out}


class _Items:
    """The figures and tables of a page: written into figures/ and tables/ as they are added."""

    def __init__(self, folder, formats):
        self.folder, self.figures, self.tables = folder, [], []
        self.earlier = page.pictures_of(folder / "index.html")
        self.listed = _listed(folder / "results.json")
        files = [path for kind in ("figures", "tables") for path in (folder / kind).glob("*") if path.is_file()]
        self.written = [path for path in files if path.stem in self.listed[path.parent.name]]
        there = {path.suffix[1:] for path in self.written if path.parent.name == "figures"}
        self.formats = tuple(one for one in style.FORMATS if one in {*formats, *there})  # none is left to grow old

    def figure(self, name, caption, drawing):
        style.save(drawing, self.folder / "figures" / name, self.formats)
        return self._add(self.figures, Item(name, caption, drawing))

    def table(self, name, caption, frame):
        tables.to_files(frame, self.folder / "tables" / name, caption)
        return self._add(self.tables, Item(name, caption, frame))

    def figure_of(self, run, name, caption):
        """A figure that a run's notebook drew. A clone has it only in its page: it is taken from there."""
        whole = f"{run.name}--{name}"
        target = self.folder / "figures" / whole
        target.parent.mkdir(parents=True, exist_ok=True)
        for path in (run.folder / "figures" / f"{name}.{suffix}" for suffix in self.formats):
            if path.is_file():
                with paths.writing(target.with_name(f"{whole}{path.suffix}")) as part:
                    shutil.copyfile(path, part)
        picture = target.with_name(f"{whole}.svg")
        if not picture.is_file():
            if whole not in self.earlier:
                raise InputError(f"{run.folder}: the figure '{name}' is gone. {how_to_make(run.folder)}")
            paths.write_text(picture, self.earlier[whole])
        return self._add(self.figures, Item(whole, caption))

    def keep_pictures(self, items):
        """Draws figures as PNG into pictures/, for the README; returns their (name, caption)."""
        shutil.rmtree(self.folder / "pictures", ignore_errors=True)
        for item in items:
            style.save(item.content, self.folder / "pictures" / item.name, ("png",))
        return [(item.name, item.caption) for item in items]

    def remove_others(self):
        """Removes the figures and tables of an earlier report that are not of this one; files of other names stay."""
        names = {"figures": {one.name for one in self.figures}, "tables": {one.name for one in self.tables}}
        for path in self.written:
            if path.stem not in names[path.parent.name]:
                path.unlink(missing_ok=True)

    def _add(self, kind, item):
        kind.append(item)
        return item


def _listed(path):
    """The names of the figures and tables that an earlier results.json lists: dict of "figures" and "tables" to sets."""
    try:
        earlier = documents.read_json(path, {"figures": dict, "tables": dict}, "") if path.is_file() else {}
    except InputError:
        earlier = {}
    return {kind: set(earlier.get(kind, ())) for kind in ("figures", "tables")}


def _section(run, complete, changed, items):
    drawings, reports, variant = draw_results(run), scoring.class_reports(run, complete), run.record.get("shown", "")
    agreement = by_agreement(run, variant) if drawings else pd.DataFrame()
    if len(agreement):
        caption = "Accuracy by how many of FER+'s ten annotators agree on an image, with 95% intervals, and how often one of them gives the label."
        drawings += [(f"{run.name}--test_by_agreement", caption, figures.accuracy_by_agreement(agreement))]
        reports += [(f"{run.name}--test_by_agreement", caption, agreement)]
    groups = _by_group(run, variant) if drawings else pd.DataFrame()
    if len(groups):
        reports += [(f"{run.name}--test_by_group", "Accuracy by group of people, with 95% intervals.", groups)]
    return {
        "run": run,
        "about": _about(run),
        "heading": notebooks.title(notebooks.path_of(run.name)),
        "results": [items.figure(*drawing) for drawing in drawings],
        "result_tables": [items.table(*report) for report in reports],
        "figures": [items.figure_of(run, entry["name"], entry["caption"]) for entry in run.record["figures"]],
        "tables": [items.table(f"{run.name}--{name}", caption, frame) for name, caption, frame in run.tables()],
        "changed": changed.get(run.name, []),
    }


def _about(run):
    """What a run is for, in one line, as its YAML file says today; what was said when it was executed, where that is gone."""
    file = paths.root() / "notebooks" / "studies" / run.record["study"] / f"{run.name}.yaml"
    return execute.all_parameters(file).get("about", "") if file.is_file() else run.record.get("about", "")


def by_agreement(run, variant=""):
    """Test accuracy by the agreement of FER+'s annotators, as `evaluation.accuracy_by_agreement`.

    Args:
        run: complete `runs.Run` of the dataset fer_plus, or of fer2013 read from the same CSV, whose images have the same ids.
        variant: of its test predictions.
    Returns: DataFrame of the images that FER+ has; empty where fer_plus is not prepared, or the images are others.
    """
    scored = run.predictions("test", variant)
    try:
        voted = datasets.load("fer_plus", "test")
        votes = datasets.attributes.load(voted)["votes"]
    except (InputError, KeyError):
        return pd.DataFrame()
    place = {one: row for row, one in enumerate(voted.ids.tolist())}
    known = np.array([one in place for one in scored.ids.tolist()])
    if run.record["data"]["name"] not in ("fer_plus", "fer2013", "fer2013_five") or not known.any():
        return pd.DataFrame()
    scored = scored.select(known)
    rows, columns = [place[one] for one in scored.ids.tolist()], [voted.classes.index(one) for one in scored.classes]
    return evaluation.accuracy_by_agreement(scored.labels, scored.probabilities, votes[rows], columns)


def _by_group(run, variant):
    """Test accuracy by group of people, where the prepared data is here and tells groups apart; else an empty table."""
    scored, name = run.predictions("test", variant), run.record["data"]["name"]
    try:
        test = datasets.load(name, "test")
        values = datasets.attributes.load(test)
    except InputError:
        return pd.DataFrame()
    groups = {key: values[key] for key in datasets.attributes.names(values)[0]}
    if not np.array_equal(test.ids, scored.ids):
        return pd.DataFrame()
    return evaluation.accuracy_by_group(scored.labels, scored.probabilities, groups)


def _human(complete):
    """People's accuracy, where every run is of FER2013's seven classes; else None."""
    scored = [run for run in complete if run.variants("test")]
    same = all(run.record["data"]["name"] == "fer2013" for run in scored)
    seven = all(len(run.predictions("test", run.variants("test")[0]).classes) == 7 for run in scored)
    return fer2013.HUMAN_ACCURACY if scored and same and seven else None


def _chosen(sections, run):
    """Up to three figures for the README: of the run that the page begins with, which may be another study's."""
    own = next((one["results"] for one in sections if one["run"].folder == run.folder), None) if run else []
    results = [Item(*drawing) for drawing in draw_results(run)] if own is None else own
    return [results[place] for place in (0, 1, 4)] if results else []


if __name__ == "__main__":
    sys.exit(main())
