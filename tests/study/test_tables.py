"""Tables: known answers, and files that a paper, a page and a program can read."""

import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from conftest import PROJECT, make_dataset

from fer_tf import datasets, evaluation
from fer_tf.errors import InputError
from fer_tf.study import runs, tables


def test_split_counts_add_up():
    table = datasets.split_counts(make_dataset(per_class=6, splits=(4, 1, 1)))
    assert table.loc["happy", ["train", "validation", "test", "total"]].tolist() == [4, 1, 1, 6]
    assert table.loc["total", "total"] == 18 and table.loc["happy", "share"] == pytest.approx(1 / 3)


def test_basic_statistics_tell_the_pixels():
    faces = make_dataset()
    result = datasets.basic_statistics(faces).set_index("statistic")["value"]
    assert result["images"] == 18 and result["train images"] == 12 and result["height × width"] == "48 × 48"
    assert result["mean intensity"] == pytest.approx(faces.images.mean())
    assert result["standard deviation of intensity"] == pytest.approx(faces.images.std(), rel=1e-3)


def test_the_classification_report_is_scikit_learn_s():
    from sklearn.metrics import classification_report

    rng = np.random.default_rng(0)
    labels, probabilities = rng.integers(0, 3, 60), rng.dirichlet(np.ones(3), 60)
    classes = ("a", "b", "c")
    scored = (labels, probabilities, classes)
    table = evaluation.classification_report(evaluation.per_class(*scored), evaluation.metrics(*scored))
    expected = classification_report(labels, probabilities.argmax(axis=1), target_names=classes, output_dict=True)
    for row, theirs in (("a", "a"), ("macro average", "macro avg"), ("weighted average", "weighted avg")):
        for column, name in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert table.loc[row, column] == pytest.approx(expected[theirs][name])
    assert table.loc["accuracy", "f1"] == pytest.approx(expected["accuracy"])
    assert table["support"].tolist()[-1] == 60


@pytest.fixture
def frame():
    index = pd.Index(["a_b & 50%", "x|y"], name="what")
    return pd.DataFrame({"n": [1234, 5], "p": [0.00001, -0.25], "macro_f1": [np.nan, 1.0]}, index=index)


def test_csv_keeps_every_digit(frame, tmp_path):
    tables.to_files(frame, tmp_path / "t")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "t.csv", index_col="what"), frame)


def test_markdown_escapes_what_would_break_a_row(frame, tmp_path):
    tables.to_files(frame, tmp_path / "t", caption="A table.")
    lines = (tmp_path / "t.md").read_text().splitlines()
    assert lines[0] == "A table." and "macro F1" in lines[2]
    assert [len(line.replace(r"\|", "").split("|")) for line in lines[2:]] == [6] * 4
    assert "1,234" in lines[4] and "1.0e−05" in lines[4] and "–" in lines[4]
    assert r"x\|y" in lines[5] and "−0.2500" in lines[5]


def test_a_share_is_not_rounded_twice(tmp_path):
    """Records keep 0.68246 as 0.6825, which three decimals would make 0.683 (or 0.682 of 0.68254)."""
    columns = {"accuracy": [0.6825, 1.0], "seconds": [1234.5, 0.25], "n": pd.Series([3589, None], dtype=object)}
    tables.to_files(pd.DataFrame(columns), tmp_path / "t")
    for suffix, missing in (("md", "–"), ("tex", "--")):
        text = (tmp_path / f"t.{suffix}").read_text()
        assert all(word in text for word in ("0.6825", "1.0000", "1,234.50", "0.25 ", "3,589", f"{missing} "))


def test_latex_has_booktabs_rules_and_nothing_that_latex_would_read_as_a_command(frame, tmp_path):
    tables.to_files(frame, tmp_path / "t", caption="Shares in %")
    text = (tmp_path / "t.tex").read_text()
    for word in (
        r"\toprule",
        r"\midrule",
        r"\bottomrule",
        r"\caption{Shares in \%}",
        r"a\_b \& 50\%",
        r"\label{tab:t}",
    ):
        assert word in text
    assert r"\begin{tabular}{lrrr}" in text


def test_an_unknown_format_is_named_before_anything_is_written(frame, tmp_path):
    with pytest.raises(InputError, match="unknown table format 'docx'"):
        tables.to_files(frame, tmp_path / "t", formats=("csv", "docx"))
    assert not list(tmp_path.iterdir())


def compiled(folder, body):
    """Whether LaTeX makes a PDF of a document with only booktabs in its preamble, and what it printed."""
    document = rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{body}\end{{document}}"
    (folder / "paper.tex").write_text(document)
    command = [shutil.which("pdflatex") or shutil.which("tectonic"), "paper.tex"]
    command[1:1] = ["-interaction=nonstopmode", "-halt-on-error"] if "pdflatex" in command[0] else []
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    return done.returncode == 0 and (folder / "paper.pdf").stat().st_size > 0, done.stdout


with_latex = pytest.mark.skipif(
    not (shutil.which("pdflatex") or shutil.which("tectonic")), reason="there is no LaTeX here"
)


@with_latex
def test_a_table_compiles_as_it_is(tmp_path):
    hard = "a_b & 50% of #1 {x} ~ ^ \\ → × ± ≥ − – | <é>"
    frame = pd.DataFrame({"what_is": [hard, "plain"], "p_value": [1e-9, 0.5], "n": [3589, None]})
    tables.to_files(frame, tmp_path / "hard", caption=hard)
    done, printed = compiled(tmp_path, r"\input{hard.tex}")
    assert done, printed[-2000:]


@with_latex
def test_every_table_of_every_committed_report_compiles_as_it_is(tmp_path):
    """Those that are committed as LaTeX, and those that `make tables` writes from the runs' records."""
    committed = sorted((PROJECT / "reports").glob("*/tables/*.tex"))
    names = []
    for place, path in enumerate(path for path in committed if path.stem in ("published_and_reproduced", "scores")):
        names.append(f"committed{place}")
        shutil.copy(path, tmp_path / f"{names[-1]}.tex")
    for record in sorted((PROJECT / "reports").glob("*/runs/*/run.json")):
        for name, caption, frame in runs.open_run(record.parent).tables():
            names.append(f"{record.parts[-4]}--{record.parent.name}--{name}")
            tables.to_files(frame, tmp_path / names[-1], caption, ("tex",))
    assert len(names) > 50
    done, printed = compiled(tmp_path, r"\clearpage ".join(f"\\input{{{name}.tex}}" for name in names))
    assert done, printed[-2000:]
