"""What the benchmarks share: their options, measuring in a process of its own, and results as files beside the scripts.

Each result is a CSV of the script's name, with the machine and how busy it was before; some have a figure of that name too.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from fer_tf import paths
from fer_tf.figures import style
from fer_tf.study import provenance

HERE = Path(__file__).parent
LOAD = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def parser(about):
    """An ArgumentParser that says the first line of a script's docstring, and has the option --out."""
    built = argparse.ArgumentParser(description=about.splitlines()[0])
    built.add_argument("--out", type=Path, default=HERE, help="folder of the CSV and the figure; this one by default")
    return built


def apart(script, *words, **environment):
    """Executes a script in a process of its own, for a measurement that leaves no trace in another.

    Args:
        script: path of the script.
        *words: its arguments.
        **environment: variables besides those of this process.
    Returns: the JSON value in the last line that it prints.
    """
    command = [sys.executable, script, *map(str, words)]
    done = subprocess.run(command, env={**os.environ, **environment}, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def save(table, script, out, drawing=None):
    """Prints a result and writes it.

    Args:
        table: DataFrame, a row for each measurement.
        script: path of the script, whose name the files get.
        out: folder to write to.
        drawing: matplotlib Figure for an SVG, or None.
    """
    print(table.to_string(index=False))
    machine, place = provenance.hardware(), Path(out) / Path(script).stem
    table = table.assign(machine=f"{machine['cpu']}, {machine['cores']} cores", load_before=LOAD)
    paths.write_text(place.with_suffix(".csv"), table.to_csv(index=False, lineterminator="\n"))
    if drawing is not None:
        style.save(drawing, place, ("svg",))


@style.applied
def bars(names, values, notes, label):
    """A horizontal bar for each name with a note at its end, from the top down.

    Args:
        names, values, notes: sequences of n str, float and str.
        label: what the values are, with their unit.
    """
    fig, ax = style.panel(width=style.PAGE, height=0.4 + 0.3 * len(names))
    ax.barh(names, values, color=style.BLUE)
    for place, (value, note) in enumerate(zip(values, notes, strict=True)):
        ax.text(value, place, f" {note}", va="center")
    ax.invert_yaxis()
    ax.set(xlabel=label, xlim=(0, 1.25 * max(values)))
    return fig
