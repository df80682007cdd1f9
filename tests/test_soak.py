"""What `make soak` does a hundred times, done twice; and what it compares."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import soak
from conftest import PROJECT


@pytest.mark.slow
def test_a_training_killed_at_random_moments_ends_as_one_left_alone():
    command = [sys.executable, soak.__file__, "--kills", "2", "--only", "trainings"]
    environment = {**os.environ, "PYTHONPATH": f"{PROJECT}{os.pathsep}{PROJECT / 'tests'}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "all the same"), done.stderr


def results(folder, **changed):
    folder.mkdir()
    values = {"seconds": 1, "accuracy": 0.5, "pixel": 0} | changed
    (folder / "a.csv").write_text(f"name,seconds,accuracy\na,{values['seconds']},{values['accuracy']}\n")
    (folder / "a.md").write_text(f"{values}")  # the table once more
    table = {"columns": ["name", "ms"], "data": [["a", values["seconds"]]]}
    (folder / "run.json").write_text(json.dumps({"wall_seconds": values["seconds"], "tables": [table]}))
    np.savez(folder / "predictions.npz", probabilities=np.full(3, values["accuracy"]))
    (folder / "a.svg").write_text(f"<svg>{values['pixel']}</svg>")
    (folder / "notebook.ipynb").write_text(f"{values['seconds']}")
    return folder


def test_results_are_equal_but_for_times(tmp_path):
    one = results(tmp_path / "one")
    assert soak.differences(one, results(tmp_path / "later", seconds=2)) == []
    other = results(tmp_path / "other", accuracy=0.6)
    assert soak.differences(one, other) == ["a.csv: other content", "predictions.npz: other content"]
    assert soak.differences(one, results(tmp_path / "drawn", pixel=1)) == ["a.svg: other content"]
    (one / "a.svg").unlink()
    assert "a.svg: only in one of them" in soak.differences(one, other)
