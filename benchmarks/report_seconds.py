"""What each second of `make report` goes to, run by run, by the times that papermill writes into the executed notebooks.

    python benchmarks/report_seconds.py [--study sample] [--out benchmarks]

The report is made first where it is not there. With `--out`, report_seconds.csv and report_seconds.md are written there.
"""

import argparse
import re
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import nbformat
import pandas as pd

from fer_tf import errors, paths

COLUMNS = ("command", "kernel", "imports", "training", "figures and tables", "the rest")
TRAINING = re.compile(r"\bfit(ted)?\(|= trained\(")
DRAWING = re.compile(r"figures\.|run\.(figure|table)\(|\.build\(")


def seconds(times):
    """Between the start and the end that papermill wrote."""
    start, end = (datetime.fromisoformat(times[key]) for key in ("start_time", "end_time"))
    return (end - start).total_seconds()


def kind(source):
    """What the time of a cell is counted as."""
    if re.search(r"^(from|import) ", source, re.M):
        return "imports"
    if TRAINING.search(source):
        return "training"
    return "figures and tables" if DRAWING.search(source) else "the rest"


def spent(notebook, command):
    """Seconds of a run by `COLUMNS`, as a dict.

    Args:
        notebook: path of an executed notebook.
        command: seconds that its command takes until the notebook begins.
    """
    executed = nbformat.read(notebook, 4)
    result = dict.fromkeys(COLUMNS, 0.0) | {"command": command}
    for cell in executed.cells:
        if cell.cell_type == "code" and "papermill" in cell.metadata:
            result[kind(cell.source)] += seconds(cell.metadata["papermill"])
    result["kernel"] = seconds(executed.metadata["papermill"]) - (sum(result.values()) - command)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="sample")
    parser.add_argument("--out", type=Path, help="folder for report_seconds.csv and report_seconds.md")
    values = parser.parse_args()
    subprocess.run(["make", "-s", "report", f"STUDY={values.study}"], cwd=paths.root(), check=True)
    notebooks = sorted(paths.study(values.study).glob("runs/*/notebook.ipynb"))
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import papermill, fer_tf.study.execute"], check=True)
    command = time.perf_counter() - started
    table = pd.DataFrame({path.parent.name: spent(path, command) for path in notebooks}).T
    table["total"] = table.sum(axis=1)
    table.loc["together"] = table.sum()
    table.loc["share"] = 100 * table.loc["together"] / table.loc["together", "total"]
    table = table.round(1).rename_axis("run")
    text = table.to_markdown(floatfmt=".1f")
    print(text)
    if values.out:
        table.to_csv(values.out / "report_seconds.csv", lineterminator="\n")
        paths.write_text(values.out / "report_seconds.md", text + "\n")


if __name__ == "__main__":
    sys.exit(errors.exit_status(main))
