"""The project's own files: one set of dependencies, a Makefile that tells the truth, and words that fit."""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib

import nbformat
import pytest
import yaml
from conftest import PROJECT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from fer_tf import datasets, figures, models
from fer_tf.study import execute, provenance


@pytest.fixture(scope="module")
def pyproject():
    return tomllib.loads((PROJECT / "pyproject.toml").read_text())


SYSTEMS = [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64")]


def locked():
    lines = (PROJECT / "requirements.lock").read_text().splitlines()
    result = [re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", line) for line in lines]
    return {canonicalize_name(match[1]): match[2] for match in result if match}


def test_the_lock_holds_every_dependency_in_a_version_that_is_asked_for(pyproject):
    extras = pyproject["project"]["optional-dependencies"]
    parameters = pyproject["project"]["dependencies"]
    parameters = (
        parameters + extras["study"] + extras["dev"] + extras["export"] + extras["download"] + extras["cluster"]
    )
    versions = locked()
    for requirement in map(Requirement, parameters):
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_every_locked_package_is_pinned_by_hash():
    text = (PROJECT / "requirements.lock").read_text()
    for block in re.split(r"\n(?=\S)", text.strip()):
        assert "--hash=sha256:" in block, block
    assert "//" not in text


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize(("system", "machine"), SYSTEMS)
def test_the_lock_serves_every_python_and_system(pyproject, python, system, machine):
    there = {"python_version": python, "python_full_version": f"{python}.1", "sys_platform": system}
    there |= {"platform_machine": machine, "platform_system": system.title()}
    lines = (PROJECT / "requirements.lock").read_text().splitlines()
    pinned = [Requirement(line.removesuffix("\\")) for line in lines if re.match(r"\w", line)]
    served = [canonicalize_name(one.name) for one in pinned if not one.marker or one.marker.evaluate(there)]
    assert len(served) == len(set(served)), "a package in two versions"
    extras = pyproject["project"]["optional-dependencies"]
    names = pyproject["project"]["dependencies"]
    names = names + extras["study"] + extras["dev"] + extras["export"] + extras["download"] + extras["cluster"]
    wanted = map(Requirement, names)
    assert {canonicalize_name(one.name) for one in wanted} <= set(served)
    assert SpecifierSet(pyproject["project"]["requires-python"]).contains(python)


def test_conda_installs_the_same_lock_for_a_python_that_it_serves(pyproject):
    environment = yaml.safe_load((PROJECT / "environment.yml").read_text())
    python = next(item for item in environment["dependencies"] if str(item).startswith("python="))
    assert SpecifierSet(pyproject["project"]["requires-python"]).contains(python.removeprefix("python="))
    pip = next(item["pip"] for item in environment["dependencies"] if isinstance(item, dict))
    assert "--requirement=requirements.lock" in pip


def test_exactly_one_variant_of_opencv_is_installed():
    assert [name for name in locked() if name.startswith("opencv")] == ["opencv-python"]


def make(*arguments, cwd=PROJECT):
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return subprocess.run(["make", *arguments], cwd=cwd, env=environment, capture_output=True, text=True)


def test_make_help_lists_every_target_of_the_table_of_contents():
    message = make("help").stdout
    for target in [
        "setup",
        "data",
        "report",
        "figures",
        "tables",
        "check",
        "lab",
        "test",
        "lint",
        "bench",
        "clean",
        "help",
    ]:
        assert re.search(rf"^  make {target} ", message, re.M), target
    assert "fer2013_five_layer" in message


RUNS = ["00_data--sample", "01_eda--faces", "02_train_cnn--five_layer", "04_tta--five_layer", "10_report--report"]
NOTEBOOKS = [f"{run.partition('--')[0]}.ipynb" for run in RUNS]


@pytest.fixture
def copy(tmp_path):
    """A project whose runs are made by a stand-in that only writes the records, to see what make would execute."""
    shutil.copy(PROJECT / "Makefile", tmp_path)
    for name in (*NOTEBOOKS, "studies/sample/common.yaml", *(f"studies/sample/{run}.yaml" for run in RUNS)):
        (tmp_path / "notebooks" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / "notebooks" / name, tmp_path / "notebooks" / name)
    (tmp_path / "fer_tf").mkdir()
    (tmp_path / "fer_tf" / "x.py").write_text("")
    script = tmp_path / "python"
    script.write_text(
        """#!/bin/sh
# $3 is notebooks/studies/<study>/<run>.yaml, or --prepare or --keep before it
mkdir -p data/prepared/sample
hash='"hash": "'$(basename "$FOLDERS")'"'
case "$3 $4" in
  --keep*) test -e kept; exit;;
  --prepare*) echo "$hash" > data/prepared/sample/dataset.json; echo "prepared"; exit;;
  *00_data*) echo "$hash" > data/prepared/sample/dataset.json;;
esac
study=$(basename $(dirname $3)); run=$(basename $3 .yaml)
mkdir -p reports/$study/runs/$run && echo "$hash" > reports/$study/runs/$run/run.json
case $run in 10_report--*) touch reports/$study/index.html;; esac
echo "executed $run"
"""
    )
    script.chmod(0o755)
    return tmp_path


def executed(copy, *arguments):
    done = make("-j1", "report", "PYTHON=./python", *arguments, cwd=copy)
    assert done.returncode == 0, done.stderr
    return re.findall(r"executed (\S+)", done.stdout)


def test_make_executes_every_run_once_in_order_and_then_nothing(copy):
    assert executed(copy) == RUNS
    assert executed(copy) == []


def test_a_report_that_was_stopped_after_its_page_is_made_again(copy):
    executed(copy)
    (copy / "reports/sample/runs" / RUNS[-1] / "run.json").unlink()
    assert (copy / "reports/sample/index.html").exists() and executed(copy) == [RUNS[-1]]
    assert executed(copy) == []


def test_two_runs_of_the_sample_go_at_once_between_its_data_and_its_page(copy):
    done = make("report", "PYTHON=./python", cwd=copy)
    order = re.findall(r"executed (\S+)", done.stdout)
    assert sorted(order) == sorted(RUNS) and (order[0], order[-1]) == (RUNS[0], RUNS[-1])
    flags = {jobs: make(*jobs.split(), "-pn", "report", cwd=copy).stdout for jobs in ("", "-j3", "STUDY=another")}
    at_once = {jobs: re.search(r"^MAKEFLAGS = .*?(?: -j(\d))?(?: |$)", text, re.M)[1] for jobs, text in flags.items()}
    assert at_once == {"": "2", "-j3": "3", "STUDY=another": None}


def test_with_a_cluster_every_run_is_sent_there_in_the_same_order_as_many_at_once_as_are_ready(copy):
    (copy / "python").write_text((copy / "python").read_text().replace("mkdir", 'test "$4" = -- && shift 5\nmkdir', 1))
    (copy / "python").write_text((copy / "python").read_text().replace("# $3", 'echo "$@" >> sent\n# $3', 1))
    assert executed(copy, "CLUSTER=tcp://host:8786") == RUNS
    sent = [line.split() for line in (copy / "sent").read_text().splitlines() if "--prepare" not in line]
    assert all(line[:4] == ["-m", "fer_tf.study.cluster", "tcp://host:8786", "--"] for line in sent)
    assert re.search(r"^MAKEFLAGS = .* -j64", make("CLUSTER=tcp://host:8786", "-pn", "report", cwd=copy).stdout, re.M)


def test_a_launcher_that_does_not_wait_is_told_before_the_next_run(copy):
    (copy / "sbatch").write_text("#!/bin/sh\necho Submitted\n")
    (copy / "sbatch").chmod(0o755)
    done = make("-j1", "report", "PYTHON=./python", "LAUNCH=./sbatch", cwd=copy)
    assert done.returncode != 0 and done.stdout.count("Submitted") == 1
    assert f"runs/{RUNS[0]}/run.json was not made. LAUNCH must wait until its command ends" in done.stderr


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ("notebooks/studies/sample/01_eda--faces.yaml", ["01_eda--faces", "10_report--report"]),
        ("notebooks/01_eda.ipynb", ["01_eda--faces", "10_report--report"]),
        ("notebooks/studies/sample/04_tta--five_layer.yaml", ["04_tta--five_layer", "10_report--report"]),
        (
            "notebooks/studies/sample/02_train_cnn--five_layer.yaml",
            ["02_train_cnn--five_layer", "04_tta--five_layer", "10_report--report"],
        ),
        ("fer_tf/x.py", ["10_report--report"]),
    ],
)
def test_make_executes_again_only_what_a_change_reaches(copy, changed, again):
    executed(copy)
    future = max(file.stat().st_mtime for file in copy.rglob("*")) + 2
    os.utime(copy / changed, (future, future))
    assert executed(copy) == again


def test_a_failed_run_leaves_the_others_and_is_the_only_one_executed_again(copy):
    script = (copy / "python").read_text()
    (copy / "python").write_text(
        script.replace("mkdir -p reports", 'case $run in 04*) echo "error: no" >&2; exit 1;; esac\nmkdir -p reports')
    )
    assert make("report", "PYTHON=./python", cwd=copy).returncode != 0
    assert (copy / "reports/sample/runs/02_train_cnn--five_layer/run.json").exists()
    (copy / "python").write_text(script)
    assert executed(copy) == ["04_tta--five_layer", "10_report--report"]


def test_runs_that_came_with_a_clone_need_no_data_and_a_new_one_gets_them(copy):
    executed(copy)
    (copy / "data/prepared/sample/dataset.json").unlink()
    assert executed(copy) == [] and not (copy / "data/prepared/sample/dataset.json").exists()
    shutil.rmtree(copy / "reports/sample/runs/04_tta--five_layer")
    done = make("report", "PYTHON=./python", cwd=copy)
    assert done.stdout.split()[:3] == ["prepared", "executed", "04_tta--five_layer"]
    assert make("data", "PYTHON=./python", cwd=copy).stdout == ""


def test_a_run_that_may_stay_as_it_came_needs_no_data(copy):
    executed(copy)
    (copy / "data/prepared/sample/dataset.json").unlink()
    (copy / "notebooks/01_eda.ipynb").touch()
    (copy / "kept").touch()
    assert executed(copy) == [] and not (copy / "data/prepared/sample/dataset.json").exists()
    (copy / "kept").unlink()
    assert executed(copy) == ["01_eda--faces", "10_report--report"]


def test_git_writes_files_in_any_order_and_no_run_that_came_with_a_clone_looks_old(copy):
    executed(copy)
    trained, looked, page = (
        copy / "reports/sample" / name
        for name in ("runs/02_train_cnn--five_layer/run.json", "runs/04_tta--five_layer/run.json", "index.html")
    )
    git = ["git", "-C", str(copy), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "made elsewhere"], check=True)
    now = trained.stat().st_mtime + 10
    for seconds, file in enumerate((page, looked, trained)):  # later ones were made from earlier ones
        os.utime(file, (now + seconds, now + seconds))
    assert executed(copy) == []
    trained.write_text("made here, later")
    os.utime(trained, (now + 20, now + 20))
    assert executed(copy) == ["04_tta--five_layer", "10_report--report"]


@pytest.fixture
def no_copies(monkeypatch):
    """No variable of the environment names a copy of the data."""
    for name in ("FER2013", "RAFDB", "AFFECTNET", "FIVE_CLASS", "FER_PLUS", "FOLDERS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def another(copy):
    """The project with a second study, one run of which reads one of the sample's; both are made."""
    shutil.copytree(copy / "notebooks/studies/sample", copy / "notebooks/studies/another")
    for name in ("01_eda--faces", "02_train_cnn--five_layer"):
        (copy / "notebooks/studies/another" / f"{name}.yaml").unlink()
    own = copy / "notebooks/studies/another/04_tta--five_layer.yaml"
    own.rename(own.with_name("04_tta--other.yaml")).write_text("ours: [sample/04_tta--five_layer/random10]")
    executed(copy)
    assert executed(copy, "STUDY=another") == ["00_data--sample", "04_tta--other", "10_report--report"]
    return copy


def made_later(copy, seconds, text=None):
    """Gives the run of the sample that the other study reads a later date than everything has."""
    record = copy / "reports/sample/runs/04_tta--five_layer/run.json"
    record.write_text(text or record.read_text())
    future = max(file.stat().st_mtime for file in copy.rglob("*")) + seconds
    os.utime(record, (future, future))


@pytest.mark.parametrize("name", ["sample/04_tta--five_layer/random10", "../../sample/runs/04_tta--five_layer"])
def test_a_run_that_reads_another_studys_run_is_executed_again_after_it_and_makes_none(another, name):
    file = another / "notebooks/studies/another/04_tta--other.yaml"
    file.write_text(f"ours: [{name}]")
    os.utime(file, (1, 1))
    assert executed(another, "STUDY=another") == []
    made_later(another, 10)
    assert executed(another, "STUDY=another") == ["04_tta--other", "10_report--report"]
    shutil.rmtree(another / "reports/sample")
    file.touch()
    assert "04_tta--five_layer" not in executed(another, "STUDY=another")


def test_another_studys_run_counts_only_where_it_was_made_here(another):
    git = ["git", "-C", str(another), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "made elsewhere"], check=True)
    made_later(another, 10)  # as git may write it
    assert executed(another, "STUDY=another") == []
    made_later(another, 10, text="made here, later")
    assert executed(another, "STUDY=another") == ["04_tta--other", "10_report--report"]


def test_a_page_that_compares_with_another_studys_run_is_made_again_after_it(another):
    report = another / "notebooks/studies/another/10_report--report.yaml"
    report.write_text("compare: [{run: sample/01_eda--faces}]  # beside 02_train_cnn--five_layer\n")
    os.utime(report, (1, 1))
    record = another / "reports/sample/runs/01_eda--faces/run.json"
    assert executed(another, "STUDY=another") == []
    future = max(file.stat().st_mtime for file in another.rglob("*")) + 10
    os.utime(record, (future, future))
    assert executed(another, "STUDY=another") == ["10_report--report"]


def test_a_run_that_a_comment_names_is_no_prerequisite(copy):
    first = copy / "notebooks/studies/sample/01_eda--faces.yaml"
    first.write_text("# 04_tta--five_layer reads what this one finds\nabout: as 02_train_cnn--five_layer\n")
    assert executed(copy) == RUNS


def test_a_run_that_a_study_has_no_more_leaves_its_page(copy):
    executed(copy)
    names = "".join(f'  "{run}": {{\n' for run in RUNS[:-1])
    table = f'  "{RUNS[1]}--table": {{\n'
    (copy / "reports/sample/results.json").write_text(
        f' "runs": {{\n{names} }},\n "figures": {{}},\n "tables": {{\n{table}'
    )
    assert executed(copy) == []
    (copy / "notebooks/studies/sample/01_eda--faces.yaml").unlink()
    assert executed(copy) == [RUNS[-1]]


def test_data_that_are_others_now_stop_a_new_run_before_it_trains(copy):
    executed(copy, "FOLDERS=/a/faces")
    (copy / "data/prepared/sample/dataset.json").write_text('"hash": "of another study"')
    (copy / "notebooks/studies/sample/04_tta--new.yaml").write_text("")
    done = make("-j1", "report", "PYTHON=./python", "FOLDERS=/a/others", cwd=copy)
    assert done.returncode != 0 and "executed" not in done.stdout
    assert "the data are others than those of reports/sample/runs/00_data--sample/run.json" in done.stderr


def test_a_copy_that_the_data_were_not_read_from_is_told(copy, no_copies):
    executed(copy, "FOLDERS=/a/faces")
    assert make("report", "PYTHON=./python", "FOLDERS=/a/faces", cwd=copy).stderr == ""
    done = make("report", "PYTHON=./python", "FOLDERS=/b/faces", cwd=copy)
    assert done.returncode == 0 and "note: the data in data/prepared/sample were not read from /b/faces" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "DATASET=rafdb"], "DATASET= goes with `make data` alone"),
        (["report"], "more than one 10_report--<name>.yaml"),
    ],
)
def test_what_make_cannot_do_is_refused_before_anything_is_made(copy, arguments, message):
    shutil.copytree(PROJECT / "fer_tf" / "datasets", copy / "fer_tf" / "datasets")
    (copy / "notebooks/studies/sample/10_report--two.yaml").write_text("")
    done = make(*arguments, "PYTHON=./python", cwd=copy)
    assert done.returncode != 0 and message in done.stderr and "executed" not in done.stdout


@pytest.mark.parametrize("line", ["dataset: sample  # drawn faces", "dataset: 'sample'", 'dataset : "sample" # drawn'])
def test_a_datasets_name_may_have_quotes_and_a_comment_after_it(copy, line):
    (copy / "notebooks/studies/sample/common.yaml").write_text(f"# shared\n{line}\nseed: 0\n")
    assert executed(copy) == RUNS and (copy / "data/prepared/sample/.recipe").is_file()


def test_data_that_was_prepared_otherwise_is_prepared_again_for_a_run(copy, no_copies):
    def again(*arguments):
        (copy / "reports/sample/runs/04_tta--five_layer/run.json").unlink()
        done = make("-j1", "report", "PYTHON=./python", *arguments, cwd=copy)
        assert done.returncode == 0, done.stderr
        return "prepared" in done.stdout

    executed(copy)
    assert not again()
    for name in ("00_data--sample", "04_tta--five_layer"):
        (copy / f"reports/sample/runs/{name}/run.json").unlink()
    executed(copy, "FOLDERS=/a/faces")
    assert not again() and again("FOLDERS=/b/faces") and not again("FOLDERS=/b/faces") and not again()
    shutil.copytree(copy / "notebooks/studies/sample", copy / "notebooks/studies/another")
    (copy / "notebooks/studies/another/00_data--sample.yaml").write_text("options: {n: 7}")
    executed(copy, "STUDY=another", "FOLDERS=/a/faces")
    assert again("FOLDERS=/a/faces") and not again()


def test_a_study_does_not_take_the_images_that_another_one_prepared_from_another_folder(copy, no_copies):
    executed(copy, "FOLDERS=/mine")
    shutil.copytree(copy / "notebooks/studies/sample", copy / "notebooks/studies/another")
    executed(copy, "STUDY=another", "FOLDERS=/others")
    (copy / "reports/sample/runs/04_tta--five_layer/run.json").unlink()
    assert "prepared" in make("-j1", "report", "PYTHON=./python", "FOLDERS=/mine", cwd=copy).stdout
    git = ["git", "-C", str(copy), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "made elsewhere"]):
        subprocess.run([*git, *command], check=True)
    (copy / "reports/sample/runs/04_tta--five_layer/run.json").unlink()
    assert (
        "prepared" not in make("-j1", "report", "PYTHON=./python", cwd=copy).stdout
    )  # it came: another copy is all right


def test_an_unknown_study_is_refused_with_the_ones_there_are(copy):
    done = make("report", "PYTHON=./python", "STUDY=nothing", cwd=copy)
    assert done.returncode != 0 and "there is no study 'nothing'" in done.stderr


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["common.yaml"], "has no 00_data--<name>.yaml"),
        (["00_data--a.yaml"], "has no 10_report--<name>.yaml"),
        (["00_data--a.yaml", "10_report--a.yaml", "99_nope--x.yaml"], "99_nope--x.yaml is named after no notebook"),
        (["00_data--a.yaml", "10_report--a.yaml"], "has no common.yaml"),
        *(
            (
                ["common.yaml", "00_data--a.yaml", "10_report--a.yaml", name],
                f"{name} is no run; write <notebook>--<name>",
            )
            for name in (
                "01_eda-a.yaml",
                "01_eda--a.yml",
                "01_eda--a b.yaml",
                "01_eda--lr=1.yaml",
                "01_eda--$(touch x).yaml",
            )
        ),
    ],
)
def test_a_study_that_lacks_a_file_is_told_which(copy, files, message):
    folder = copy / "notebooks/studies/mine"
    folder.mkdir()
    for name in files:
        (folder / name).write_text("dataset: sample\n")
    done = make("report", "STUDY=mine", "PYTHON=./python", cwd=copy)
    assert done.returncode != 0 and message in done.stderr and "executed" not in done.stdout
    assert not (copy / "x").exists()


def test_a_study_of_a_name_that_is_not_plain_is_none(copy):
    for name in ("my faces", "a;touch removed"):
        shutil.copytree(copy / "notebooks/studies/sample", copy / "notebooks/studies" / name)
        done = make("clean", f"STUDY={name}", cwd=copy)
        assert done.returncode != 0 and "a name of letters, digits" in done.stderr and "removed" not in os.listdir(copy)
    assert "my" not in make("help", cwd=copy).stdout.split()


@pytest.mark.parametrize("value", ["a;touch removed", "$(shell touch removed)", "", "02_train_cnn--five_layer x"])
@pytest.mark.parametrize("command", [["release", "RUN="], ["data", "DATASET="]])
def test_a_run_or_dataset_that_is_none_does_not_reach_the_shell(copy, command, value):
    done = make(*command[:-1], command[-1] + value, "PYTHON=echo", cwd=copy)
    assert done.returncode != 0 and f"choose one with {command[-1]}<name>" in done.stderr
    assert not (copy / "removed").exists()


def test_a_clone_may_lie_in_a_folder_with_a_space(copy):
    folder = copy.parent / "my clone"
    copy.rename(folder)
    (folder / "python").write_text('#!/bin/sh\nmkdir -p dist; touch dist/a.whl; echo "$PYTHONPATH|$WHEEL"\n')
    assert f"\n|{folder}/dist/a.whl\n" in make("dist", "PYTHON=./python", cwd=folder).stdout
    assert f"{folder}:{folder}/tests|" in make("soak", "PYTHON=./python", cwd=folder).stdout


def test_a_run_of_the_study_and_a_dataset_reach_their_commands():
    done = make("release", "RUN=02_train_cnn--tuned", "STUDY=fer2013_five_layer", "PYTHON=echo")
    assert done.stdout == "-m fer_tf.study.release fer2013_five_layer 02_train_cnn--tuned\n"
    for name in set(datasets.names()) - {"sample"}:  # which is drawn, not downloaded
        assert make("data", f"DATASET={name}", "PYTHON=echo").stdout == f"-m fer_tf.datasets.download {name}\n"


def test_a_committed_run_that_others_start_from_came_with_its_network():
    """Or else a clone would stop at a run that is not made yet, maybe after hours."""
    shipped = {models.model_card(card.stem)["run"] for card in models.PRETRAINED.glob("*.md")}
    for file in sorted((PROJECT / "notebooks" / "studies").glob("*/*--*.yaml")):
        study, parameters = file.parent.name, execute.all_parameters(file)
        runs = PROJECT / "reports" / study / "runs"
        if not (runs / file.stem / "run.json").is_file():
            for name in provenance.named(parameters, ("run", "network", "weights", "teachers")):
                source = provenance.folder_of(name, runs)[0]
                committed = (source / "run.json").is_file()
                assert not committed or f"{source.parents[1].name}/{source.name}" in shipped, (
                    f"{file} starts from {name}"
                )


@pytest.mark.parametrize(
    "file", sorted((PROJECT / "notebooks" / "studies").glob("*/10_report--*.yaml")), ids=lambda f: f.parent.name
)
def test_a_reports_rows_are_of_planned_runs_and_its_headline_is_one_of_them(file):
    parameters, planned = execute.all_parameters(file), {run.stem for run in file.parent.glob("*--*.yaml")}
    planned |= {f"{run.parent.name}/{run.stem}" for run in file.parents[1].glob("*/*--*.yaml")}
    assert parameters["headline"] in [row["what"] for row in parameters["compare"]]
    assert {row[key] for row in parameters["compare"] for key in ("run", "against") if key in row} <= planned


@pytest.fixture
def results(copy):
    """The project with results, trained weights, and the prepared data of another study."""
    executed(copy)
    run = copy / "reports/sample/runs/02_train_cnn--five_layer"
    for name in ("model.keras", "checkpoint.npz", "parts/fold 1/checkpoint.npz", "figures/a.svg"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(name)
    (copy / "data/prepared/fer2013").mkdir(parents=True)
    (copy / "data/prepared/fer2013/images.npy").write_text("hours")
    return copy


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("study", ["", " ", "..", "../notebooks", "nothing", "sample fer2013", "x;touch removed;"])
def test_clean_refuses_what_is_no_study_and_removes_nothing(results, study):
    before = files(results)
    done = make("clean", f"STUDY={study}", cwd=results)
    assert done.returncode != 0 and "choose one with STUDY=<name>" in done.stderr
    assert files(results) == before


def test_clean_keeps_trained_weights_checkpoints_and_the_data_of_others(results):
    assert make("clean", "STUDY=sample", cwd=results).returncode == 0
    run = "reports/sample/runs/02_train_cnn--five_layer"
    kept = {f"{run}/{name}" for name in ("model.keras", "checkpoint.npz", "parts/fold 1/checkpoint.npz")}
    assert {name for name in files(results) if name.startswith("reports")} == kept
    assert "data/prepared/fer2013/images.npy" in files(results)
    assert make("clean", "STUDY=sample", "WEIGHTS=remove", cwd=results).returncode == 0
    assert not (results / "reports/sample").exists()


def test_clean_says_in_one_line_that_it_could_not_remove(results, tmp_path):
    (results / "find").write_text("#!/bin/sh\necho 'find: cannot delete' >&2\nexit 1\n")  # root may change any folder
    (results / "find").chmod(0o755)
    done = make("clean", "STUDY=sample", f"PATH={results}:{os.environ['PATH']}", cwd=results)
    assert done.returncode != 0 and done.stdout == ""
    assert done.stderr.startswith("error: reports/sample may not be changed") and "find:" not in done.stderr


@pytest.mark.parametrize("notebook", sorted((PROJECT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_opened_in_the_lab_writes_into_no_study(notebook):
    from fer_tf.study import notebooks

    assert notebooks.parameters(notebook)["out"] == f"reports/lab/runs/{notebook.stem}"


def cells_of(notebook):
    return nbformat.read(notebook, 4).cells


@pytest.mark.parametrize("notebook", sorted((PROJECT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_a_lesson_of_short_cells(notebook):
    cells = cells_of(notebook)
    shown = next(cell.source for cell in cells if "parameters" in cell.metadata.get("tags", []))
    assert len(re.findall(r"^\w+ = ", shown, re.M)) <= 13
    lines = sorted(len(cell.source.splitlines()) for cell in cells if cell.cell_type == "code" and not cell.metadata)
    assert lines[len(lines) // 2] <= 6 and lines[int(0.95 * (len(lines) - 1))] <= 20
    headings = [cell.source.splitlines()[0] for cell in cells if cell.source.startswith("## ")]
    assert headings[-4:] == ["## What was found", "## Try", "## Read", "## Saved"]
    read = next(cell.source for cell in cells if cell.source.startswith("## Read\n"))
    assert 2 <= len(re.findall(r"\(https://", read)) <= 3


def test_the_readme_shows_the_numbers_that_were_computed():
    rows = [line.split(" | ") for line in (PROJECT / "README.md").read_text().splitlines() if "](reports/" in line]
    studies = {path.parent.name for path in (PROJECT / "reports").glob("*/results.json")} - {"sample", "lab"}
    assert {re.search(r"\[(\w+)\]", row[0])[1] for row in rows if row[0].startswith("|")} == studies
    for study, what, here, interval, published, _ in (row for row in rows if row[0].startswith("|")):
        folder = PROJECT / re.search(r"\((.*)/README.md\)", study)[1]
        compared = json.loads((folder / "results.json").read_text())["comparison"]
        row = next(row for row in compared if row["what"] == what)
        assert published == ("–" if row["published"] is None else figures.style.as_printed(row["published"], 3)), study
        if row["reproduced"] is None:
            assert (here, interval) == ("not run", "–")
        else:
            assert here == f"{row['reproduced']:.3f}" and interval == f"{row['low']:.3f} to {row['high']:.3f}"


def test_the_readme_says_rightly_what_known_photographs_do():
    text = " ".join((PROJECT / "README.md").read_text().split())
    runs = ("fer2013_transfer/03_transfer--squeezenet_frozen", "fer2013_recipe/14_recipe--final_seed_1")
    gaps = [leak_free_scores(run)["gap"] for run in (*runs, "fer2013_baselines/05_baselines--seven/hog_rbf_svm")]
    said = re.search(r"right on (\d+) points more of the 739 .* network on (\d+) more, .* on HOG on (\d+) more", text)
    assert [int(number) for number in said.groups()] == [round(100 * gap) for gap in gaps]
    first = leak_free_scores("fer2013_recipe/04_tta--final/random10")
    assert f"to {first['accuracy']:.3f} without the 739, and to {first['standardized']:.3f} when" in text


def leak_free_scores(name):
    study, run, *variant = name.split("/")
    scores = json.loads((PROJECT / "reports" / study / "results.json").read_text())["scores"]
    wanted = {"run": run, "variant": "".join(variant), "split": "test, leak-free"}
    return next(row for row in scores if wanted.items() <= row.items())


def test_the_options_of_every_run_are_those_of_its_dataset_or_network():
    for file in sorted((PROJECT / "notebooks" / "studies").glob("*/*--*.yaml")):
        parameters = execute.all_parameters(file)
        takes = {
            "00_data": lambda given: datasets.SOURCES[given["dataset"]].read,
            "02_train_cnn": lambda given: models.architecture(given["model"]),
            "03_transfer": lambda given: models.architecture(given["model"]),
            "14_recipe": lambda given: models.architecture(given["model"]),
        }.get(execute.notebook_of(file).stem)
        if takes:
            known = inspect.signature(takes(parameters)).parameters
            assert set(parameters["options"]) <= set(known), file


@pytest.mark.parametrize("module", sorted(set(re.findall(r"-m (fer_tf[.\w]+)", (PROJECT / "Makefile").read_text()))))
def test_what_the_makefile_calls_is_a_command_that_begins_at_once(module):
    command = [sys.executable, "-X", "importtime", "-m", module, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT)
    assert done.returncode == 0 and done.stdout.startswith("usage:")
    assert not re.findall(r"\| +(tensorflow|keras|rfc3987_syntax)$", done.stderr, re.M)  # seconds each
