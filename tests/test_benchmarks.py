"""The benchmarks: what each writes, and that it measures what its table says. No time is asserted here."""

import importlib.util
import json

import numpy as np
import pandas as pd
import pytest
from conftest import PROJECT

from fer_tf.datasets import image_files
from fer_tf.evaluation import tta
from fer_tf.faces import detection

FOLDER = PROJECT / "benchmarks"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py") if path.name != "results.py")


@pytest.fixture
def benchmark(monkeypatch):
    """What loads a benchmark by its name."""
    monkeypatch.syspath_prepend(str(FOLDER))

    def load(name):
        spec = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.mark.parametrize("script", SCRIPTS)
def test_each_benchmark_has_a_row_that_names_its_result_and_writes_it(script):
    stem = script.removesuffix(".py")
    (row,) = [line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith(f"| `{script}` |")]
    code = (FOLDER / script).read_text()
    assert f"[{stem}.csv]({stem}.csv)" in row and code.count("results.save(") == 1
    assert (f"({stem}.svg)" in row) == any(word in code for word in ("results.bars(", "style.applied"))


def test_a_result_is_a_table_with_its_machine_and_a_figure(benchmark, tmp_path, capsys):
    results = benchmark("results")
    table = pd.DataFrame({"way": ["a", "b"], "per_s": [1.5, 3.0]})
    figure = results.bars(table["way"], table["per_s"], ["1x", "2x"], "per second")
    results.save(table, "benchmarks/speed.py", tmp_path, figure)
    saved = pd.read_csv(tmp_path / "speed.csv")
    assert list(saved) == ["way", "per_s", "machine", "load_before"] and saved["per_s"].tolist() == [1.5, 3.0]
    assert saved["machine"].str.contains("cores").all() and "per second" in (tmp_path / "speed.svg").read_text()
    assert "per_s" in capsys.readouterr().out


def test_a_measurement_in_a_process_of_its_own_comes_back(benchmark, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import json, os, sys\nprint('noise')\nprint(json.dumps([os.environ['PLACE'], *sys.argv[1:]]))")
    assert benchmark("results").apart(script, "--images", 3, PLACE="here") == ["here", "--images", "3"]


@pytest.mark.parametrize("faces", [1, 10])
def test_all_faces_of_the_drawn_clips_are_found(benchmark, faces):
    frames = list(benchmark("video").pictures(3, faces))
    assert [frame.shape for frame in frames] == [(480, 640, 3)] * 3
    detector = detection.load()
    assert [len(detector.detect(np.ascontiguousarray(frame[..., ::-1]))) for frame in frames] == [faces] * 3


def test_live_leaves_out_what_a_camera_does_not_do(benchmark):
    video = benchmark("video")
    stages = {stage: {"median_ms": 2.0, "p95_ms": 3.0, "share": 0.1} for stage in (*video.video.STAGES, "whole")}
    stages["capture"]["share"], stages["write"]["share"] = 0.2, 0.3
    row = video.row("yunet", "five_layer", 10, {"stages": stages, "fps": 50, "frames": 4, "faces": 40, "cpu_ms": 1.0})
    assert row["live_fps"] == pytest.approx(100) and row["found"] == 10 and row["least"] == 60


def test_growth_is_measured_of_images_that_stay_on_disk(benchmark, project, monkeypatch):
    growth, places = benchmark("growth"), []
    real = image_files._Store.array
    monkeypatch.setattr(image_files._Store, "array", lambda self: places.append(self.path) or real(self))
    growth.generate(project, 70)
    growth.preparing()
    assert places and None not in places


def test_views_are_counted_in_passes_over_the_images(benchmark):
    from fer_tf import models

    network = models.build("plain_cnn", (48, 48, 1), 7, filters=(4, 4))
    kinds = {"flips and shifts": tta.flips_and_shifts()}
    table = benchmark("test_time_augmentation").passes(network, np.zeros((4, 48, 48, 1), np.uint8), kinds, times=1)
    assert table[["kind", "views", "most"]].values.tolist() == [["flips and shifts", 10, 10.5]]
    assert table["passes"].gt(0).all()


def test_preparing_reads_the_files_each_time(benchmark, project):
    reading = benchmark("reading_images")
    paths = reading.write(project / "jpeg", 60, 16)
    reading.decode(paths)
    for _ in range(2):
        assert len(reading.prepare(project, 16)) == 60
        record = json.loads((project / "data/prepared/folders/dataset.json").read_text())
        assert record["shape"] == [60, 16, 16, 3]
