"""What each second of `make report` goes to, run by run, by the times that papermill writes into the executed notebooks.

    python benchmarks/report_seconds.py [--study sample]

The report is made first where it is not there.
"""

import re
import subprocess
import sys
import time
from datetime import datetime

import nbformat
import pandas as pd
import results

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
    values = results.options(__doc__, study=("sample", "the study's name"))
    subprocess.run(["make", "-s", "report", f"STUDY={values.study}"], cwd=paths.root(), check=True)
    notebooks = sorted(paths.study(values.study).glob("runs/*/notebook.ipynb"))
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import fer_tf.study.execute, papermill"], check=True)
    command = time.perf_counter() - started
    table = pd.DataFrame({path.parent.name: spent(path, command) for path in notebooks}).T
    table["total"] = table.sum(axis=1)
    table.loc["together"] = table.sum()
    table.loc["share"] = 100 * table.loc["together"] / table.loc["together", "total"]
    results.save(table.round(1).rename_axis("run").reset_index(), __file__, values.out)


if __name__ == "__main__":
    sys.exit(errors.exit_status(main))
