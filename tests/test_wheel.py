"""The wheel alone: beside nothing but the packages that it asks for it reads photographs, without TensorFlow and in a moment."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution, distributions
from pathlib import Path

import pytest
from conftest import PROJECT
from packaging.requirements import Requirement
from PIL import Image
from skimage import data

CODE = """
import sys
from fer_tf import Predictor
for face in Predictor().photograph("face.png"):
    print(face.emotion)
sys.exit(any(name in sys.modules for name in ("tensorflow", "keras", "pandas", "matplotlib", "scipy")))
"""


def elsewhere():
    """The environment's variables without those that lead to this project."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "FER_TF_ROOT")}


def pip(*words):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, env=elsewhere())
    assert done.returncode == 0, done.stderr


def link_requirements(package, site, linked):
    """Links what a distribution requires, and what that requires, from this environment into another's site-packages."""
    for requirement in map(Requirement, package.requires or ()):
        if requirement.name in linked or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found = distribution(requirement.name)
        assert found.version in requirement.specifier
        linked.add(requirement.name)
        for name in {file.parts[0] for file in found.files} - {"..", "__pycache__"}:
            (site / name).symlink_to(found.locate_file(name))
        link_requirements(found, site, linked)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """An environment of the wheel and what its metadata asks for, which is linked and not copied: the path of its Python."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = os.environ.get("WHEEL")
    if not wheel:
        for name in ("pyproject.toml", "README.md", "LICENSE"):  # a copy: setuptools leaves its own files beside them
            shutil.copy(PROJECT / name, folder)
        shutil.copytree(PROJECT / "fer_tf", folder / "fer_tf", ignore=shutil.ignore_patterns("__pycache__"))
        pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, folder)
        (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    pip("--python", python, "install", "--no-deps", "--no-index", wheel)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (package,) = distributions(name="fer_tf", path=[str(site)])
    linked = set()
    link_requirements(package, site, linked)
    assert {"numpy", "opencv-python", "onnxruntime"} < linked and len(linked) < 20
    Image.fromarray(data.astronaut()[:256, 100:356]).save(folder / "face.png")
    return python


def outside(environment, *command):
    """Runs a command of the other environment in its own folder."""
    folder = environment.parents[2]
    shutil.rmtree(folder / "fer_tf", ignore_errors=True)
    return subprocess.run(command, cwd=folder, env=elsewhere(), capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_three_lines_read_a_photograph_without_tensorflow(environment):
    done = outside(environment, environment, "-c", CODE)
    assert (done.returncode, done.stdout) == (0, "happy\n"), done.stderr


@pytest.mark.slow
def test_the_command_reads_it_too_and_names_what_a_notebook_needs(environment):
    done = outside(environment, environment.with_name("fer-tf"), "predict", "face.png")
    assert done.returncode == 0 and "happy" in done.stdout
    keras = Path("x.keras")
    (environment.parents[2] / keras).write_bytes((PROJECT / "fer_tf/models/pretrained/five_layer.keras").read_bytes())
    done = outside(environment, environment.with_name("fer-tf"), "predict", "face.png", "--network", keras)
    assert done.returncode == 2 and done.stderr.splitlines()[-1].startswith("error: this needs ")
    assert done.stderr.splitlines()[-1].endswith("Install the whole: pip install '.[study]' in a clone.")
