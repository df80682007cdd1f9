"""The wheel alone: installed in an empty environment it reads photographs, without TensorFlow and in a moment."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT
from PIL import Image
from skimage import data

NEEDED = ("numpy", "opencv-python", "onnxruntime", "pillow", "pyyaml")
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


def pip(*words, python=sys.executable):
    """Runs pip; a machine without a network skips the test."""
    command = [str(python), "-m", "pip", "--disable-pip-version-check", *map(str, words)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=400, env=elsewhere())
    except subprocess.TimeoutExpired:
        pytest.skip("pip installs nothing within 400 s")
    if done.returncode:
        pytest.skip(f"pip cannot install here: {done.stderr.strip().splitlines()[-1]}")


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """An empty environment in which the wheel is installed, and nothing but what it asks for: the path of its Python."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = os.environ.get("WHEEL")
    if not wheel:
        for name in ("pyproject.toml", "README.md", "LICENSE"):  # a copy: setuptools leaves its own files beside them
            shutil.copy(PROJECT / name, folder)
        shutil.copytree(PROJECT / "fer_tf", folder / "fer_tf", ignore=shutil.ignore_patterns("__pycache__"))
        pip("wheel", "--no-deps", "--wheel-dir", folder, folder)
        (wheel,) = folder.glob("*.whl")
    # The versions of the lock, which `make setup` has left in pip's cache.
    pins = re.findall(rf"^((?:{'|'.join(NEEDED)})==\\S+)", (PROJECT / "requirements.lock").read_text(), re.M)
    (folder / "pins.txt").write_text("\n".join(pins))
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    pip("install", "--constraint", folder / "pins.txt", wheel, python=python)
    Image.fromarray(data.astronaut()[:256, 100:356]).save(folder / "face.png")
    return python


def outside(environment, *command):
    """Runs a command of the empty environment in its own folder."""
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
    assert done.stderr.splitlines()[-1].endswith("Install the whole: pip install 'fer_tf[study]'.")
