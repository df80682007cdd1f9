"""Trainings and reports killed at random moments, and a study made in three ways: whether the same comes out as of one left alone.

make soak KILLS=100                      # half of them on a small training, half on `make report` of a small study
make soak KILLS=0 STUDY=sample           # all of a study, one run at a time, four at a time, and on a cluster of two workers
python tests/soak.py --compare A B       # two folders of results
"""

import argparse
import io
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from conftest import PROJECT, make_dataset, small_network

ACCURACY = {"what": "Accuracy", "run": "02_train_cnn--small", "split": "test", "metric": "accuracy"}
SMALL = {
    "common": {"dataset": "sample", "seed": 1, "threads": 1},
    "00_data--sample": {"options": {"n": 240}},
    "02_train_cnn--small": {"model": "plain_cnn", "options": {"filters": [4, 8]}, "epochs": 6},
    "10_report--report": {
        "title": "Small",
        "compare": [ACCURACY],
        "headline": "Accuracy",
        "question": "Is it the same?",
    },
}
"""A study of a training and a page: YAML file -> what stands in it."""

ON_LOOPBACK = {
    "n_workers": 2,
    "threads_per_worker": 1,
    "host": "127.0.0.1",
    "dashboard_address": None,
    "silence_logs": 50,
}
"""A scheduler with two workers on this machine, one command at a time on each."""

TIMES = re.compile(r"second|started|wall|^(total )?ms\b|times as fast|per_second|made_by|hardware", re.IGNORECASE)
"""Columns of tables, and entries of records, that hold times or the machine."""
NOT_COMPARED = re.compile(
    r"\.lock$|\.log$|\.ipynb$|\.html$|README\.md$|/latency|/accuracy_over_latency|figures/costs|\.part\."
)
"""Files that say when and how fast, or that nobody reads again."""


def differences(one, other):
    """What differs between two folders of results, but for times.

    Args:
        one, other: Path of folders such as `reports/<study>`.
    Returns: list of str, a file's name and what is other; empty for equal results.
    """
    files = [{str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()} for top in (one, other)]
    compared = {name for name in files[0] | files[1] if not NOT_COMPARED.search(f"/{name}")}
    lines = [f"{name}: only in one of them" for name in sorted(compared & (files[0] ^ files[1]))]
    same = sorted(compared & files[0] & files[1])
    return lines + [f"{name}: other content" for name in same if _content(one / name) != _content(other / name)]


def _content(path):
    """What counts in a file: its bytes, or what is left of it without times."""
    table = path.with_suffix(".csv")
    if path.suffix in (".md", ".tex") and table.is_file() and any(map(TIMES.search, pd.read_csv(table))):
        return None  # the table once more
    if path.suffix == ".csv":
        frame = pd.read_csv(path)
        return frame[[name for name in frame if not TIMES.search(name)]].to_csv()
    if path.suffix == ".json":
        return json.dumps(_timeless(json.loads(path.read_text())))
    if path.suffix in (".npz", ".keras"):
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not TIMES.search(name) and name != "metadata.json"]
            return {name: archive.read(name) for name in names}
    return path.read_bytes()


def _timeless(entry):
    if isinstance(entry, list):
        return [_timeless(one) for one in entry]
    if not isinstance(entry, dict):
        return entry
    timeless = {name: _timeless(value) for name, value in entry.items() if not TIMES.search(name)}
    if {"columns", "data"} <= set(timeless):
        places = [place for place, name in enumerate(timeless["columns"]) if not TIMES.search(str(name))]
        timeless |= {"columns": None, "data": [[row[place] for place in places] for row in timeless["data"]]}
    return timeless


def train(folder):
    """A training of some seconds that leaves its weights, history and predictions in a folder; resumed where it was cut."""
    from fer_tf import models, training

    training.make_deterministic(0, threads=1)
    faces = make_dataset(per_class=40, size=16, splits=(30, 9, 1))
    model = small_network()
    parts = faces.split("train"), faces.split("validation")
    with redirect_stdout(io.StringIO()):
        training.fit(model, *parts, folder, epochs=6, batch_size=4, augmentation="strong", optimizer="adamw")
    models.save(model, folder / "model.keras")
    np.savez(folder / "predictions.npz", models.predict(model, parts[1].images))


def kill_trainings(folder, kills, chance):
    """Kills trainings until there were so many kills, each training being begun again until it is through.

    Args:
        folder: Path of an empty folder.
        kills: int.
        chance: random.Random.
    Returns: list of str, the `differences` from a training that was left alone.
    """
    context = multiprocessing.get_context("forkserver")  # TensorFlow is imported once, not for every start
    context.set_forkserver_preload(["fer_tf.training", "fer_tf.models"])

    def begin(place, seconds=None):
        place.mkdir(parents=True, exist_ok=True)
        process, started = context.Process(target=train, args=(place,)), time.monotonic()
        process.start()
        process.join(seconds)
        if process.is_alive():
            process.kill()
        process.join()
        if process.exitcode not in (0, -signal.SIGKILL):
            raise SystemExit(f"{place}: the training failed")
        return process.exitcode == 0, time.monotonic() - started

    def kill(place, took):
        ended, _ = begin(place, chance.uniform(0, took))
        return ended

    first = context.Process(target=int)  # waits for TensorFlow
    first.start()
    first.join()
    _, took = begin(folder / "whole")
    return _until(folder, kills, lambda place: kill(place, took), begin, folder / "whole", "trainings")


def kill_reports(folder, kills, chance, make, whole, took):
    """Kills `make report`, its kernel among what it started, as `kill_trainings` does trainings."""

    def kill(project):
        with subprocess.Popen(make, cwd=_project(project), start_new_session=True, **_QUIET) as process:
            try:
                return process.wait(chance.uniform(0, took)) == 0
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return False

    def results(place):
        return place / "reports"

    return _until(folder, kills, kill, lambda place: report(place, make), whole, "reports", results)


def _until(folder, kills, kill, finish, whole, what, results=lambda place: place):
    found, killed, number = [], 0, 0
    while killed < kills:
        place, ended = folder / f"killed_{number}", False
        while killed < kills and not ended:
            ended = kill(place)
            killed += not ended
            print(f"{what}: {killed} of {kills} kills, {number} ended", end="\r", flush=True)
        if not ended:
            finish(place)
        found += [f"{what}, {line}" for line in differences(results(whole), results(place))]
        number += 1
    print(f"{what}: {killed} kills, {number} ended after them, {len(found)} differences from one left alone")
    return found


_QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def report(project, make):
    """Makes a report in a project of its own; returns the seconds it took."""
    started = time.monotonic()
    done = subprocess.run(make, cwd=_project(project), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{project}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.monotonic() - started


def _project(folder, study=None):
    """A project of this code and of the small study, or of one of its own studies; made where it is not there."""
    studies = folder / "notebooks" / "studies"
    if not studies.is_dir():
        studies.mkdir(parents=True)
        shutil.copy(PROJECT / "Makefile", folder)
        (folder / "fer_tf").symlink_to(PROJECT / "fer_tf")
        for notebook in (PROJECT / "notebooks").glob("*.ipynb"):
            shutil.copy(notebook, folder / "notebooks")
        if study:
            shutil.copytree(PROJECT / "notebooks" / "studies" / study, studies / study)
        else:
            (studies / "small").mkdir()
            for name, content in SMALL.items():
                (studies / "small" / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return folder


def main(argv=None):
    """Runs what is asked for; returns the exit status, 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--only", choices=("trainings", "studies"), help="kill only these")
    parser.add_argument("--seed", type=int, default=0, help="of the moments at which to kill")
    parser.add_argument("--study", default="", help="make this study; by default a small one")
    parser.add_argument("--compare", nargs=2, type=Path, metavar="FOLDER")
    args = parser.parse_args(argv)
    if args.compare:
        found = differences(*args.compare)
    else:
        os.environ["PYTHONPATH"] = str(PROJECT)
        for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):  # of the make that began this
            os.environ.pop(name, None)
        make = ["make", "report", f"STUDY={args.study or 'small'}", f"PYTHON={sys.executable}"]
        chance = random.Random(args.seed)
        with tempfile.TemporaryDirectory(prefix="soak-") as name:
            folder, kills = Path(name), args.kills if args.only else args.kills // 2
            found = [] if args.only == "studies" else kill_trainings(folder / "trainings", kills, chance)
            if args.only == "trainings":
                return _say(found)
            one, other, third = (_project(folder / name, args.study) for name in ("one", "other", "third"))
            took = report(one, [*make, "-j1"])
            report(other, [*make, "-j4"])
            from distributed import LocalCluster

            with LocalCluster(**ON_LOOPBACK) as cluster:
                report(third, [*make, f"CLUSTER={cluster.scheduler_address}"])
            for way, project in (("-j4", other), ("a cluster", third)):
                unlike = differences(one / "reports", project / "reports")
                print(f"the study with -j1 and with {way}: {len(unlike)} differences, {took:.0f} s")
                found += [f"{way}, {line}" for line in unlike]
            if not args.study:
                found += kill_reports(folder / "reports", kills, chance, make, one, took)
    return _say(found)


def _say(found):
    print("\n".join(found) or "all the same")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
