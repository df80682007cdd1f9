"""Executes one run of a study through papermill: checks its parameters first, shows its progress, and names what failed.

    python -m fer_tf.study.execute notebooks/studies/sample/02_train_cnn--five_layer.yaml

Make decides what is executed; this only does it.
"""

import argparse
import io
import logging
import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from fer_tf import datasets, documents, hashing, paths
from fer_tf.errors import InputError, choose, exit_status, stderr_to
from fer_tf.study import notebooks, provenance, runs

# With papermill comes jsonschema, and with that seconds of building parsers of addresses, of which a notebook has none:
# https://github.com/python-jsonschema/jsonschema/issues/1428
sys.modules.setdefault("rfc3987_syntax", None)

GPU = Path("/dev/nvidia0")
"""There where NVIDIA's driver has a GPU."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM", "LOKY_MAX_CPU_COUNT")
"""Environment variables that tell OpenMP, BLAS, OpenCV and joblib how many threads to use."""

REGISTERED = {"model": "FAMILIES", "augmentation": "RECIPES", "optimizer": "OPTIMIZERS", "schedule": "SCHEDULES"}
"""Parameters that name an entry of one of `hashing.code.REGISTRIES`."""


def main(argv=None):
    """Executes the run of one YAML file; returns the exit status, 0 when it is complete."""
    parser = argparse.ArgumentParser(prog="python -m fer_tf.study.execute", description="Execute runs of a study.")
    parser.add_argument("yaml", type=Path, nargs="+", help="notebooks/studies/<study>/<notebook>--<run>.yaml")
    parser.add_argument("--prepare", action="store_true", help="of runs of 00_data: only prepare the data they name")
    only_check = "execute nothing: status 0 where every run came with the clone, as did its notebook, and is current"
    parser.add_argument("--keep", action="store_true", help=only_check)
    args = parser.parse_args(argv)

    def run():
        for file in args.yaml:
            (prepare if args.prepare else execute)(file)

    return int(not all(map(keep, args.yaml))) if args.keep else exit_status(run)


def execute(file):
    """Executes a run: its notebook with the study's and the run's parameters.

    Its libraries use as many threads as `threads` says, of the study where the notebook has no such parameter: on any
    machine and whatever runs beside it. A training uses as many GPUs as `gpus` says, which no notebook need have.

    Args:
        file: the run's YAML; `common.yaml` beside it holds what the study's runs share.
    Raises InputError: a parameter that the notebook does not have, of another type, a network that is not here, or an error
        while executing; the message has the path of the half-executed notebook.
    """
    file = Path(file).resolve()
    notebook = notebook_of(file)
    made_from = (file, file.parent / "common.yaml", notebook)
    dates, parameters = _dates(made_from), read_parameters(file)
    for one in sorted(file.parent.glob("*--*.yaml"), key=lambda one: one != file):  # its own first
        check(one)  # now, for hours may lie between this run and the next
    folder = paths.study(file.parent.name) / "runs" / file.stem
    names = sorted(path.stem for path in file.parent.glob("*--*.yaml"))
    place = f"[{names.index(file.stem) + 1}/{len(names)}] {file.stem}"
    record = folder / "run.json"
    with paths.locked(folder.parent / f".{file.stem}.lock", file.stem, record) as (lock, made):
        if made:
            print(f"{place}: is there now", flush=True)
            return
        print(f"{place}: {parameters.get('about') or notebooks.title(notebook)}", flush=True)
        in_bfloat16 = parameters.get("precision") == "mixed_bfloat16"
        if in_bfloat16 and os.environ.get("KERAS_BACKEND") == "jax" and not GPU.exists():
            raise InputError(
                f"{_relative(file)}: without a GPU JAX computes wrong numbers in mixed_bfloat16. Set `precision: float32` there, "
                f"or unset KERAS_BACKEND."  # a compiled evaluation has NaN as its loss (seen in JAX 0.11.2 and 0.12.0)
            )
        if in_bfloat16 and emulates_bfloat16():
            print(
                f"{place}: this processor emulates bfloat16, which takes many times as long as float32. For a quicker "
                f"training, whose last digits differ, set `precision: float32` in {_relative(file)}.",
                flush=True,
            )
        started = time.perf_counter()
        runs.provide_networks(parameters, folder)
        threads = {**_shared(file), **parameters}.get("threads")
        environment = dict.fromkeys(THREADS, str(threads)) if threads else {}
        environment |= {runs.GPUS: str(parameters.pop("gpus", 1))}
        _papermill(notebook, folder, {**parameters, "out": str(_relative(folder))}, file.stem, lock, environment)
        page = [folder.parents[1] / "index.html"] if file.stem.startswith("10_report--") else []
        _date_after_sources(file, record, *page)
        if changed := dict(_dates(made_from).items() - dates.items()):
            edited = ", ".join(sorted(path.name for path in changed))
            print(f"{place}: {edited} changed meanwhile; give the command again to execute it anew", flush=True)
            for path in (record, *page):
                os.utime(path, ns=(min(changed.values()) - 1000,) * 2)  # make then sees that it is older
        print(f"{place}: done in {_duration(time.perf_counter() - started)}", flush=True)


def prepare(file):
    """Prepares the dataset that a run of 00_data names, without the notebook: where the run came with a clone.

    Raises InputError: as `execute`, and as `datasets.prepare`.
    """
    file = Path(file).resolve()
    if notebook_of(file).stem != "00_data":
        raise InputError(f"{file}: data are prepared by a run of 00_data only.")
    parameters = all_parameters(file)
    name, source, options = parameters["dataset"], parameters["source"] or None, parameters["options"]
    print(f"preparing {name}", flush=True)
    return datasets.prepare(name, source, seed=parameters["seed"], **options)


def keep(file):
    """Leaves a run alone that came with the clone, as did its notebook and YAML, and that is current: it looks older than they
    are where git brought a new figure or sentence of the notebook.

    Returns: bool, whether it may stay; its date is then after theirs. False for whatever `execute` would complain of.
    """
    file = Path(file).resolve()
    record = paths.study(file.parent.name) / "runs" / file.stem / "run.json"
    try:
        current = _came_current((file, file.parent / "common.yaml", notebook_of(file)), record)
    except InputError:
        return False
    if current:
        print(f"{file.stem}: came with the clone, and what its numbers depend on is as it was", flush=True)
        _date_after_sources(file, record)
    return current


def emulates_bfloat16(cpuinfo="/proc/cpuinfo", gpu=GPU):
    """Whether this machine is known to emulate bfloat16: an x86 processor without AVX512_BF16 and AMX, and no GPU.

    TensorFlow then leaves oneDNN for Eigen, which converts every number (seen in TensorFlow 2.21).

    Args:
        cpuinfo: Linux's list of what the processor can do; where there is none, nothing is known.
        gpu: a path that is there where a GPU is.
    """
    if not Path(cpuinfo).is_file() or Path(gpu).exists():
        return False
    flags = re.search(r"^flags\s*:(.*)$", Path(cpuinfo).read_text(errors="replace"), re.MULTILINE)
    return bool(flags) and not {"avx512_bf16", "amx_bf16"} & set(flags[1].split())


def notebook_of(file):
    """The notebook that a run's YAML is for, by the file's name; an InputError where there is no such file or notebook."""
    if not file.is_file():
        raise InputError(f"{file}: no such file. A run is notebooks/studies/<study>/<notebook>--<run>.yaml.")
    return notebooks.path_of(file.stem)


def all_parameters(file):
    """All parameters of a run's YAML: those of its notebook, with the values of the study and of the run, as a dict.

    Raises InputError: as `read_parameters`.
    """
    return {**_defaults(notebook_of(file)), **read_parameters(file)}


def read_parameters(file):
    """The parameters that a study gives a run, as a dict: those of `common.yaml` that its notebook has, and its own.

    Args:
        file: the run's YAML.
    Raises InputError: not a mapping; a name that the notebook (for common.yaml: any notebook) does not have; a value of
        another type than the notebook's default, or in a list, than the default's first.
    """
    defaults = _defaults(notebook_of(file))
    defaults |= {"gpus": 1} if {"epochs", "fine_tuned_epochs"} & set(defaults) else {}
    common, shared, own = file.parent / "common.yaml", _shared(file), documents.read_yaml(file)
    everywhere = {"gpus": 1}
    for path in (paths.root() / "notebooks").glob("[0-9][0-9]_*.ipynb"):
        with suppress(InputError):  # one that is being written
            everywhere |= _defaults(path)
    for path, values, known in ((common, shared, everywhere | defaults), (file, own, defaults)):
        for name, value in values.items():
            if name not in known:
                listed = ", ".join(sorted(set(known) - {"out"}))
                raise InputError(f"{path}: unknown parameter '{name}'; known are {listed}.")
            if name == "out":
                raise InputError(f"{path}: 'out' follows from the file's name; remove it.")
            if wrong := documents.misfit(name, value, known[name]):
                raise InputError(f"{path}: {wrong}.")
    merged = {name: value for name, value in {**shared, **own}.items() if name in defaults}
    return {name: value for name, value in merged.items() if (name, value) != ("gpus", 1)}  # one is as none named


def check(file):
    """Refuses a run's YAML that could not be executed, by what it and the study's others say: in a second, and not when its turn
    comes.

    Raises InputError: as `read_parameters`; data that nothing names, or that the study does not prepare; a network, recipe,
        optimizer or schedule that is none; a run that nothing makes; a row of `compare` that is none.
    """
    parameters = all_parameters(file)
    prepared = {all_parameters(one).get("dataset") for one in file.parent.glob("00_data--*.yaml")}
    used = parameters.get("dataset")
    if used and "dataset" not in read_parameters(file):
        raise InputError(f"{_relative(file)}: no dataset is named. Write one into common.yaml, for all of its runs.")
    if used and prepared and used not in prepared:
        raise InputError(
            f"{_relative(file)}: its dataset is '{used}', and its study prepares {', '.join(sorted(prepared))}. "
            f"Write the dataset into common.yaml, for all of its runs."
        )
    try:
        for name, registry in REGISTERED.items():
            if value := parameters.get(name):
                choose(name, value, _names_in(registry))
        if parameters.get("augmentation") == "photographs" and not file.stem.startswith("14_recipe"):
            raise InputError("the views of augmentation 'photographs' are drawn by 14_recipe alone; choose another.")
        for row in parameters.get("compare", ()):
            documents.check_row(row)
    except InputError as error:
        raise InputError(f"{_relative(file)}: {error}") from error
    for name in provenance.named(parameters, ("run", "network", "weights", "teachers", "compare_run")):
        folder, _ = provenance.folder_of(name, paths.study(file.parent.name) / "runs")
        planned = paths.root() / "notebooks" / "studies" / folder.parents[1].name / f"{folder.name}.yaml"
        if "--" in folder.name and not (folder.exists() or planned.is_file()):
            raise InputError(f"{_relative(file)}: {name} is not here. {runs.how_to_make(folder)}")


_names_in = cache(hashing.names_in)


def _defaults(notebook):
    """`notebooks.parameters`, read once as long as the notebook is the same."""
    return dict(_read_defaults(notebook, notebook.stat().st_mtime_ns))


@cache
def _read_defaults(notebook, date):
    return notebooks.parameters(notebook)


def _came_current(made_from, record):
    """Whether a run and what it is made from are as they came with the clone, and it would come about in the same way today.

    Args:
        made_from: Paths of its YAML, of what its study shares, and of its notebook.
        record: Path of its run.json.
    """
    files = [str(path) for path in (record, *made_from) if path.is_file()]
    commands = (["ls-files", "--", *files], ["diff", "--name-only", "--relative", "HEAD", "--", *files])
    try:
        answers = [
            subprocess.run(["git", *one], cwd=paths.root(), capture_output=True, text=True, check=True)
            for one in commands
        ]
    except (OSError, subprocess.CalledProcessError):  # there is no git, or no clone
        return False
    tracked, edited = (answer.stdout.splitlines() for answer in answers)
    edited = [name for name in edited if not notebooks.has_committed_cells(paths.root() / name)]
    if not record.is_file() or len(tracked) < len(files) or edited:
        return False
    facts = runs.open_run(record.parent).record
    hashes = datasets.split_hashes(facts["data"]["name"]) if facts["data"] else {}
    return not provenance.changes(facts, all_parameters(made_from[0]), hashes)


def _date_after_sources(file, record, *others):
    """Gives a run's record, and others, a date after that of all that a run can be made from."""
    sources = [*file.parent.glob("*.yaml"), *(paths.root() / "notebooks").glob("*.ipynb")]
    records = (one for one in record.parents[3].glob("*/runs/*/run.json") if one != record)
    paths.date_after([record, *others], [*sources, *records])


def _dates(files):
    return {file: file.stat().st_mtime_ns for file in files if file.is_file()}


def _shared(file):
    common = file.parent / "common.yaml"
    return documents.read_yaml(common) if common.is_file() else {}


def _papermill(notebook, folder, parameters, name, lock, environment):
    import papermill
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    # It knows the first cell of parameters only. Unknown names were refused by `read_parameters`.
    logging.getLogger("papermill").addFilter(lambda record: "unknown parameter" not in record.getMessage())
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # where it is stopped, nobody asks how the last cell ended
    folder.mkdir(parents=True, exist_ok=True)
    executed, log = folder / "notebook.ipynb", folder / "kernel.log"
    try:
        with stderr_to(log), TemporaryDirectory(prefix="fer_tf-") as sockets:
            papermill.execute_notebook(
                str(notebook),
                str(executed),
                parameters=parameters,
                engine_name=_engine(name),
                kernel_name="python3",
                cwd=str(paths.root()),
                progress_bar=False,
                stdout_file=_Printed(name),
                # Sockets that no other user of the machine can read, and no other run takes for its own; no ports.
                config=Config(
                    {
                        "KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"},
                        "NotebookClient": {"kernel_manager_class": _manager(lock, environment)},
                    }
                ),
            )
    except PapermillExecutionError as error:
        reason = " ".join(str(error.evalue).split())
        raise InputError(f"{name} failed: {error.ename}: {reason} See {_relative(executed)}") from error
    except RuntimeError as error:  # of nbclient: a crash in native code, or the system's, when memory is short
        raise InputError(f"{name} failed: {error}. Was memory short? See {_relative(log)}") from error
    finally:
        if executed.is_file():  # the project's place is private, and differs between machines
            text = executed.read_text(encoding="utf-8")
            paths.write_text(executed, text.replace(f"{paths.root()}{os.sep}", ""))
    log.unlink(missing_ok=True)
    if not (folder / "run.json").is_file():
        raise InputError(f"{name}: it saved no run.json. The notebook's last cell must call run.finish().")


class _Printed(io.StringIO):
    """What the notebook prints, passed on to the terminal line by line."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def write(self, text):
        for line in filter(str.strip, text.splitlines()):
            print(f"  {self.name} | {line}", flush=True)
        return len(text)


def _manager(lock, environment):
    """A kernel manager whose kernel has these environment variables besides, and holds the run's lock too: it lives on for
    some seconds where this process is killed.
    """
    from jupyter_client import AsyncKernelManager

    class HoldsLock(AsyncKernelManager):
        async def _async_launch_kernel(self, kernel_cmd, env, **options):
            env = {**env, **environment}
            await super()._async_launch_kernel(kernel_cmd, env=env, pass_fds=(lock,), **options)

        _launch_kernel = _async_launch_kernel

    return HoldsLock


def _engine(name):
    """A papermill engine that prints which section of the notebook is being executed."""
    from papermill.engines import NBClientEngine, papermill_engines

    class ShowsSections(NBClientEngine):
        @classmethod
        def execute_managed_notebook(cls, manager, kernel_name, **options):
            total = sum(cell.cell_type == "code" for cell in manager.nb.cells)
            begin, heading, number = manager.cell_start, "", 0

            def cell_start(cell, cell_index=None, **details):
                nonlocal heading, number
                if cell.cell_type == "markdown" and cell.source.startswith("#"):
                    heading = cell.source.splitlines()[0].lstrip("# ")
                elif cell.cell_type == "code":
                    number += 1
                    print(f"  {name} | cell {number}/{total}  {heading}", flush=True)
                return begin(cell, cell_index, **details)

            manager.cell_start = cell_start
            return super().execute_managed_notebook(manager, kernel_name, **options)

    papermill_engines.register("shows_sections", ShowsSections)
    return "shows_sections"


def _relative(path):
    return path.relative_to(paths.root()) if path.is_relative_to(paths.root()) else path


def _duration(seconds):
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
