"""Executing a run: parameters are checked before anything runs, and a failure says where to look."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from conftest import PROJECT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from fer_tf.errors import InputError
from fer_tf.study import execute, notebooks, report, runs

PARAMETERS = "rate = 0.1  # of something\nname = 'x'\nlayers = []\nabout = ''\nout = ''"
FINISH = "from fer_tf.study import runs\nrun = runs.start(globals())\nprint('rate is', rate)\nrun.finish('Done.')"


@pytest.fixture
def study(project):
    (project / "notebooks" / "studies" / "s").mkdir()
    write_notebook(project)
    return project / "notebooks" / "studies" / "s"


def write_notebook(project, code=FINISH, parameters="", more="", name="02_little"):
    """A notebook with parameters besides PARAMETERS, and with more in a cell before the one that papermill knows."""
    cells = [new_markdown_cell("# A little notebook"), new_markdown_cell("## Work"), new_code_cell(code)]
    cells.insert(1, new_code_cell(f"{PARAMETERS}\n{parameters}", metadata={"tags": ["parameters"]}))
    if more:
        cells.insert(1, new_code_cell(more, metadata={"tags": ["more-parameters"]}))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), project / "notebooks" / f"{name}.ipynb")


def write_run(study, text, common=None):
    if common is not None:
        (study / "common.yaml").write_text(common)
    (study / "02_little--a.yaml").write_text(text)
    return study / "02_little--a.yaml"


def test_a_run_is_executed_with_its_parameters_and_tells_its_progress(study, project, capsys):
    execute.execute(write_run(study, "rate: 0.5\nabout: 'to see it run'", common="name: y"))
    message = capsys.readouterr().out
    assert "[1/1] 02_little--a: to see it run" in message
    assert "cell 3/3  Work" in message and "rate is 0.5" in message and "done in" in message
    record = execute.paths.study("s") / "runs" / "02_little--a" / "run.json"
    assert '"rate": 0.5' in record.read_text() and '"name": "y"' in record.read_text()


def test_a_notebook_that_is_being_written_stops_no_run(study, project):
    (project / "notebooks" / "Untitled.ipynb").write_text("")
    nbformat.write(new_notebook(cells=[new_code_cell("1 + 1")]), project / "notebooks" / "03_trial.ipynb")
    assert execute.read_parameters(write_run(study, "rate: 0.5", common="name: y")) == {"name": "y", "rate": 0.5}
    with pytest.raises(InputError, match="no cell is tagged"):
        notebooks.parameters(project / "notebooks" / "03_trial.ipynb")


def test_a_run_of_data_that_its_study_does_not_prepare_is_refused(study, project):
    for name in ("00_data", "02_little"):
        write_notebook(project, parameters="dataset = 'sample'", name=name)
    file = write_run(study, "rate: 0.5", common="dataset: sample")
    (study / "00_data--d.yaml").write_text("dataset: folders")
    with pytest.raises(InputError, match="its dataset is 'sample', and its study prepares folders"):
        execute.execute(file)
    (study / "00_data--d.yaml").write_text("")
    execute.execute(file)


def test_outputs_that_jupyterlab_saved_leave_a_notebook_as_it_was_committed(project):
    write_notebook(project)
    path = project / "notebooks" / "02_little.ipynb"
    assert not notebooks.has_committed_cells(path)  # there is no git yet
    git = ["git", "-C", str(project), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *command], check=True)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[-1].execution_count = 3
    nbformat.write(notebook, path)
    assert notebooks.has_committed_cells(path) and not notebooks.has_committed_cells(project / "Makefile")
    notebook.cells[-1].source += "\n1"
    nbformat.write(notebook, path)
    assert not notebooks.has_committed_cells(path)


def test_a_run_computes_with_as_many_threads_as_its_study_says_and_records_it(study, project, capsys):
    write_notebook(project, parameters="threads = 2", name="04_other")  # the study's value counts for all notebooks
    counts = "import cv2, joblib, numpy\nfrom threadpoolctl import threadpool_info\n"
    counts += "print({cv2.getNumThreads(), joblib.cpu_count(), *(pool['num_threads'] for pool in threadpool_info())})\n"
    write_notebook(project, counts + FINISH)
    execute.execute(write_run(study, "rate: 0.5", common="threads: 1"))
    assert "| {1}" in capsys.readouterr().out
    record = execute.paths.study("s") / "runs" / "02_little--a" / "run.json"
    assert '"threads": 1' in record.read_text()


def test_gpus_are_for_trainings_and_as_many_as_there_are(study, project):
    file = write_run(study, "rate: 0.5", common="gpus: 64")
    execute.execute(file)  # this notebook trains nothing
    assert '"gpus"' not in (execute.paths.study("s") / "runs" / "02_little--a" / "run.json").read_text()
    with pytest.raises(InputError, match="unknown parameter 'gpus'"):
        execute.read_parameters(write_run(study, "gpus: 2"))
    write_notebook(project, parameters="epochs = 1")
    execute.paths.study("s").joinpath("runs", "02_little--a", "run.json").unlink()
    with pytest.raises(InputError, match=r"02_little--a failed: InputError: gpus is 64, and TensorFlow finds \d+ here"):
        execute.execute(write_run(study, "rate: 0.5"))


def test_parameters_of_the_other_cell_are_known_and_not_warned_of(study, project, caplog):
    write_notebook(project, more="precision = 'float32'")
    execute.execute(write_run(study, "precision: float16"))
    assert "unknown parameter" not in caplog.text
    record = execute.paths.study("s") / "runs" / "02_little--a" / "run.json"
    assert '"precision": "float16"' in record.read_text()


@pytest.mark.parametrize(
    ("cpuinfo", "emulates"),
    [
        ("flags\t\t: fpu avx2 fma\nbugs :", True),
        ("flags\t\t: fpu avx2 avx512_bf16\n", False),
        ("flags\t\t: fpu amx_bf16 amx_tile\n", False),
        ("Features : fp asimd\n", False),  # no x86: not known
    ],
)
def test_an_emulated_precision_is_told(study, project, capsys, monkeypatch, cpuinfo, emulates):
    (project / "cpuinfo").write_text(cpuinfo)
    known = execute.emulates_bfloat16(project / "cpuinfo", project / "no_gpu")
    assert known == emulates
    assert not execute.emulates_bfloat16(project / "cpuinfo", project)  # a GPU computes it
    assert not execute.emulates_bfloat16(project / "none", project / "no_gpu")
    write_notebook(project, more="precision = 'float32'")
    monkeypatch.setattr(execute, "emulates_bfloat16", lambda: known)
    monkeypatch.setattr(execute, "_papermill", lambda *_: (execute.paths.study("s") / "runs/02_little--a").mkdir())
    monkeypatch.setattr(execute.paths, "date_after", lambda *_: None)
    for precision in ("float32", "mixed_bfloat16"):
        execute.execute(write_run(study, f"precision: {precision}"))
        warns = "emulates bfloat16" in capsys.readouterr().out
        assert warns == (emulates and precision == "mixed_bfloat16")
        (execute.paths.study("s") / "runs/02_little--a").rmdir()


def test_jax_does_not_compute_in_bfloat16_without_a_gpu(study, project, monkeypatch):
    write_notebook(project, more="precision = 'float32'")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr(execute, "GPU", project / "no_gpu")
    with pytest.raises(
        InputError, match=r"02_little--a\.yaml: without a GPU JAX computes wrong numbers in mixed_bfloat16"
    ):
        execute.execute(write_run(study, "precision: mixed_bfloat16"))


def test_runs_side_by_side_never_share_a_socket(study, project, capsys):
    asks = "import json\nfrom ipykernel.connect import get_connection_info\nprint('at', json.loads(get_connection_info())['ip'])"
    write_notebook(project, f"{asks}\n{FINISH}")
    for _ in range(2):
        execute.execute(write_run(study, ""))
    places = {line for line in capsys.readouterr().out.splitlines() if " | at " in line}
    assert len(places) == 2 and not list(project.glob("kernel-ipc*"))


def test_a_failing_run_names_the_error_and_the_half_executed_notebook(study, project, capsys):
    write_notebook(project, "raise ValueError('no luck')")
    assert execute.main([str(write_run(study, ""))]) == 1
    error = capsys.readouterr().err
    assert "error: 02_little--a failed: ValueError: no luck See reports/s/runs/02_little--a/notebook.ipynb" in error
    assert "no luck" in (project / "reports/s/runs/02_little--a/notebook.ipynb").read_text()
    assert not (project / "reports/s/runs/02_little--a/run.json").exists()


@pytest.mark.parametrize(
    ("own", "common", "message"),
    [
        ("ratte: 1", "", r"02_little--a\.yaml: unknown parameter 'ratte'; known are about, layers, name, rate"),
        ("", "ratte: 1", r"common\.yaml: unknown parameter 'ratte'"),
        ("rate: 1e-3", "", r"rate is '1e-3', expected float \(YAML reads 1e-3 as text: write 0\.001\)"),
        ("rate: fast", "", "rate is 'fast', expected float.$"),
        ("name: 3", "", "name is 3, expected str"),
        ("layers: 3", "", "layers is 3, expected list"),
        ("rates: [0.1, 1, 1e-3]", "", r"a value of rates is '1e-3', expected float \(YAML reads"),
        ("out: elsewhere", "", "'out' follows from the file's name"),
        ("- rate", "", "expected a mapping. Write lines like name: value"),
        ("rate: [", "", "not YAML"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_in_one_line(study, project, own, common, message):
    write_notebook(project, parameters="rates = [0.1]" if "rates" in own else "")
    with pytest.raises(InputError, match=message):
        execute.read_parameters(write_run(study, own, common))


def test_a_run_whose_yaml_was_removed_is_told_by_make_check(study, project):
    file = write_run(study, "rate: 1")
    execute.execute(file)
    assert report.check("s") == []
    file.rename(study / "02_little--renamed.yaml")
    assert [line.partition(":")[0] for line in report.check("s")] == ["02_little--renamed", "02_little--a"]
    assert "no YAML plans it" in report.check("s")[1]


def test_what_the_study_shares_goes_only_to_the_notebooks_that_have_it(study, project):
    write_notebook(project, parameters="views = 3", name="04_other")
    result = execute.read_parameters(write_run(study, "rate: 1", common="views: 5\nname: z"))
    assert result == {"rate": 1, "name": "z"}


def test_what_the_study_shares_is_checked_also_for_a_notebook_that_has_it_not(study, project):
    write_notebook(project, parameters="threads = 2", name="04_other")
    with pytest.raises(InputError, match=r"common\.yaml: threads is 'two', expected int"):
        execute.execute(write_run(study, "rate: 1", common="threads: two"))


def test_one_gpu_is_as_none_named(study, project):
    write_notebook(project, parameters="epochs = 1")
    assert execute.read_parameters(write_run(study, "gpus: 2", common="gpus: 1")) == {"gpus": 2}
    assert execute.read_parameters(write_run(study, "rate: 1", common="gpus: 1")) == {"rate": 1}


def test_only_a_run_of_00_data_prepares_data(study):
    with pytest.raises(InputError, match=r"02_little--a\.yaml: data are prepared by a run of 00_data only"):
        execute.prepare(write_run(study, "rate: 1"))


def test_a_damaged_notebook_is_one_line(study, project):
    (project / "notebooks" / "02_little.ipynb").write_text("<<<<<<< HEAD")
    with pytest.raises(InputError, match=r"02_little\.ipynb: unreadable .* Mend the notebook"):
        execute.read_parameters(write_run(study, "rate: 1"))


def test_a_file_for_no_notebook_is_refused(study):
    file = study / "99_none--a.yaml"
    file.write_text("")
    with pytest.raises(InputError, match=r"there is no notebook 99_none\.ipynb"):
        execute.execute(file)


@pytest.mark.parametrize("file", sorted((PROJECT / "notebooks" / "studies").glob("*/*--*.yaml")), ids=lambda f: f.stem)
def test_every_studys_parameters_are_the_ones_its_notebooks_have(file, monkeypatch):
    monkeypatch.setenv("FER_TF_ROOT", str(PROJECT))
    execute.check(file)
    assert "about" in execute.read_parameters(file)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("ratte: 1", "unknown parameter 'ratte'"),
        ("model: shalow", "unknown model 'shalow'; choose one of five_layer, compact"),
        ("augmentation: stong", "unknown augmentation 'stong'; choose one of none, five_layer_paper"),
        ("augmentation: photographs", "are drawn by 14_recipe alone"),
        ("optimizer: adm", "unknown optimizer 'adm'; choose one of adam"),
        ("run: 02_little--aa", "02_little--aa is not here. Nothing makes it"),
        ("compare: [{what: x, rum: y}]", "unknown key of a row of `compare` 'rum'"),
    ],
)
def test_a_fault_in_a_later_yaml_is_told_before_the_first_run_is_executed_and_by_make_check(
    study, project, capsys, fault, message
):
    named = "model = 'shallow'\naugmentation = 'none'\noptimizer = 'adam'\nrun = ''\ncompare = []"
    write_notebook(project, parameters=named, name="04_other")
    file = write_run(study, "rate: 1")
    (study / "04_other--b.yaml").write_text(fault)
    with pytest.raises(InputError) as refused:
        execute.execute(file)
    assert "04_other--b.yaml: " in str(refused.value) and message in str(refused.value)
    assert not (project / "reports").exists()
    assert [line for line in report.check("s") if line.startswith("04_other--b: ") and message in line]
    (study / "04_other--b.yaml").write_text("run: 02_little--a")
    execute.execute(file)


@pytest.mark.parametrize("notebook", sorted((PROJECT / "notebooks").glob("*.ipynb")), ids=lambda f: f.stem)
def test_every_notebook_begins_with_its_title_and_keeps_its_cells_short(notebook):
    cells = nbformat.read(notebook, as_version=4).cells
    assert cells[0].cell_type == "markdown" and cells[0].source.startswith("# ")
    assert max(len(cell.source.splitlines()) for cell in cells if cell.cell_type == "code") <= 30
    assert not any(cell.get("outputs") for cell in cells)
    assert {"about", "out"} <= set(notebooks.parameters(notebook))


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ("rate: .nan", "rate is nan, expected a number"),
        ("rate: null", "rate is None, expected float"),
        ("rate: 1\nrate: 2", "the name 'rate' stands twice"),
        ("seed: -1", "seed is -1, expected 0 to 4,294,967,295"),
        ("seed: null", "seed is None, expected int"),
    ],
)
def test_values_out_of_range_are_refused_before_a_kernel_starts(study, project, own, message):
    write_notebook(project, parameters="seed = 0")
    with pytest.raises(InputError, match=message):
        execute.execute(write_run(study, own))
    assert not (project / "reports").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("02_little--b", r"the network of 02_little--b is not here\. Make that run: make report STUDY=s\. .* circular"),
        (
            "02_little--c",
            r"02_little--c is not here\. Nothing makes it, for there is no notebooks/studies/s/02_little--c\.yaml",
        ),
        ("02_little--d", "02_little--d trains no network"),
    ],
)
def test_a_network_that_is_not_here_is_missed_before_a_kernel_starts(study, project, name, message):
    write_notebook(project, parameters="run = ''")
    (study / "02_little--b.yaml").write_text("rate: 1")
    complete = runs.start(
        {**notebooks.parameters(project / "notebooks/02_little.ipynb"), "out": "reports/s/runs/02_little--d"}
    )
    complete.finish()
    with pytest.raises(InputError, match=rf"02_little--a(\.yaml)?: {message}"):
        execute.execute(write_run(study, f"run: {name}"))
    assert not list(project.rglob("reports/**/notebook.ipynb"))


def test_a_clock_that_was_set_back_makes_no_run_look_older_than_what_it_was_made_from(study, project):
    file = write_run(study, "rate: 0.5", common="name: y")
    other = project / "reports/s/runs/02_little--b/run.json"
    other.parent.mkdir(parents=True)
    other.touch()
    elsewhere = project / "reports/t/runs/02_little--a/run.json"
    elsewhere.parent.mkdir(parents=True)
    elsewhere.touch()
    earlier = {file: 1, study / "common.yaml": 2, other: 3, elsewhere: 4}
    for path, days in earlier.items():
        os.utime(path, (time.time() + days * 86400,) * 2)
    execute.execute(file)
    record = project / "reports/s/runs/02_little--a/run.json"
    assert all(record.stat().st_mtime_ns > path.stat().st_mtime_ns for path in earlier)


def test_a_run_that_came_with_the_clone_is_executed_again_only_where_its_numbers_would_be_others(
    study, project, capsys
):
    git = ["git", "-C", str(project), "-c", "user.name=a", "-c", "user.email=a@b"]
    file, record = write_run(study, "rate: 0.5"), project / "reports/s/runs/02_little--a/run.json"

    def left_alone():
        current = execute.main(["--keep", str(file)]) == 0
        current or execute.execute(file)
        assert all(record.stat().st_mtime_ns > path.stat().st_mtime_ns for path in (file, execute.notebook_of(file)))
        assert ("came with the clone" in capsys.readouterr().out) == current
        return current

    def pulled(code=FINISH):
        write_notebook(project, code)
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "made elsewhere"], check=True)

    subprocess.run([*git, "init", "-q"], check=True)
    assert not left_alone() and not left_alone()  # made here
    pulled(f"{FINISH}\nprint('a sentence')")
    assert left_alone()
    execute.execute(file)  # one's own wish
    assert "a sentence" in capsys.readouterr().out
    pulled(FINISH)
    file.write_text("rate: 0.7\nabout: edited here")
    assert not left_alone() and '"rate": 0.7' in record.read_text()
    pulled("rate *= 2\n" + FINISH)
    assert not left_alone()


def test_a_yaml_that_was_changed_while_its_run_was_executed_is_newer_than_the_run(study, project, capsys):
    file = write_run(study, "rate: 0.5", common="name: y")
    write_notebook(project, f"{FINISH}\nimport pathlib\npathlib.Path('{file}').write_text('rate: 0.7')")
    execute.execute(file)
    record = project / "reports/s/runs/02_little--a/run.json"
    assert '"rate": 0.5' in record.read_text() and record.stat().st_mtime_ns < file.stat().st_mtime_ns
    assert "02_little--a.yaml changed meanwhile; give the command again" in capsys.readouterr().out
    write_notebook(project)
    execute.execute(file)
    assert '"rate": 0.7' in record.read_text() and record.stat().st_mtime_ns > file.stat().st_mtime_ns


def executing(project, file, **options):
    """A process of its own that executes a run."""
    environment = {**os.environ, "FER_TF_ROOT": str(project), "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "fer_tf.study.execute", str(file)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, cwd=project, **pipes, **options)


def printed_until(process, words):
    """What a process prints up to the line with these words."""
    lines = []
    while not lines or (words not in lines[-1] and lines[-1]):
        lines.append(process.stdout.readline())
    return "".join(lines)


WAITS = """import os, pathlib, time
pathlib.Path(out, "run.json").touch()
print("pid", os.getpid())
while not os.path.exists("go"):
    time.sleep(0.05)"""


def test_the_next_one_waits_for_a_kernel_that_outlives_its_maker_and_another_takes_what_it_made(study, project):
    write_notebook(project, WAITS)
    file = write_run(study, "")
    first = executing(project, file)
    pid = int(printed_until(first, "| pid").split()[-1])
    first.kill()
    os.kill(pid, signal.SIGSTOP)  # it would end by itself within seconds
    others = [executing(project, file) for _ in range(2)]
    messages = [printed_until(other, "waiting") for other in others]
    assert all(f"02_little--a is being made by process {first.pid} on " in message for message in messages)
    (project / "go").touch()
    os.kill(pid, signal.SIGKILL)
    messages = [other.communicate(timeout=60)[0] for other in others]
    assert [other.returncode for other in others] == [0, 0]
    assert all("is there now" in message for message in messages)  # the second that waits does not make it again


def test_a_closed_terminal_is_one_line_and_takes_the_kernel_along(study, project):
    write_notebook(project, WAITS)
    started = executing(project, write_run(study, ""))
    pid = int(printed_until(started, "| pid").split()[-1])
    started.send_signal(signal.SIGHUP)
    _, err = started.communicate(timeout=60)
    assert (started.returncode, err) == (130, "stopped\n")
    with pytest.raises(ProcessLookupError):
        for _ in range(100):  # whoever inherits it has it removed some seconds after its end
            os.kill(pid, 0)
            time.sleep(0.1)


def test_a_kernel_that_dies_is_one_line_that_says_where_to_look(study, project, capsys):
    write_notebook(project, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    assert execute.main([str(write_run(study, ""))]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "Was memory short? See reports/s/runs/02_little--a/kernel.log" in error


def test_the_data_of_several_runs_are_prepared_by_one_command(monkeypatch):
    prepared = []
    monkeypatch.setattr(execute, "prepare", prepared.append)
    assert execute.main(["--prepare", "a.yaml", "b.yaml"]) == 0
    assert prepared == [Path("a.yaml"), Path("b.yaml")]
