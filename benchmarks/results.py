"""What the benchmarks share: their options, measuring, also in a process of its own, and results as files beside the scripts.

Each result is a CSV of the script's name, with the machine and how busy it was before; some have a figure of that name too.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from fer_tf import paths
from fer_tf.figures import style
from fer_tf.study import provenance

HERE = Path(__file__).parent
LOAD = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def options(about, **known):
    """The values of a script's options, as argparse has them: those named, and `out`, the folder of the CSV and the figure.

    Args:
        about: str, the script's docstring; its first line is what --help says.
        **known: an option's name to its default (a list where it takes several values, None for a path or a name) and a
            word on it.
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    known["out"] = HERE, "folder of the CSV and the figure; this one by default"
    for name, (default, word) in known.items():
        one, several = (default[0], "+") if isinstance(default, list) else (default, None)
        kind = str if one is None else type(one)
        parser.add_argument("--" + name.replace("_", "-"), type=kind, nargs=several, default=default, help=word)
    return parser.parse_args()


def timed(ways, rounds=1):
    """Times some functions, which take turns.

    Args:
        ways: dict of a name to a function without arguments.
        rounds: int, how often each is called.
    Returns: seconds: dict of a name to a float array (rounds, 2), of the clock and of the processor. values: dict of a name to
        what the function returned at last.
    """
    seconds, values = {name: [] for name in ways}, {}
    for _ in range(rounds):
        for name, run in ways.items():
            clock, processor = time.perf_counter(), time.process_time()
            values[name] = run()
            seconds[name].append((time.perf_counter() - clock, time.process_time() - processor))
    return {name: np.array(pairs) for name, pairs in seconds.items()}, values


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
