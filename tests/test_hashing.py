"""What counts as a change of the code that computes a number, on a small package written for each test."""

import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_tf import hashing
from fer_tf.errors import InputError

ARITHMETIC = '''"""Averages."""

from fer_tf.errors import InputError

RECIPES = {"mild": {"angle": 5}, "wild": {"angle": 90}}


def mean(values: list) -> float:
    """The mean."""
    # a comment
    if not values:
        raise InputError("no values: give some")
    total = sum(values)
    print("done")
    return total / len(values)


def recipe(name):
    return RECIPES[name]


def unused():
    return 1
'''
CODE = "from fer_tf import training\ny = training.mean(training.recipe(name))\n"


@pytest.fixture
def package(tmp_path):
    """A package with one room; a function that edits it and gives the hashes of what `CODE` reaches."""
    (tmp_path / "training").mkdir()
    (tmp_path / "training/__init__.py").write_text("from fer_tf.training.averages import mean, recipe\n")
    (tmp_path / "training/averages.py").write_text(ARITHMETIC)

    def hashes(old="", new="", code=CODE, words=("mild",), file="averages.py"):
        path = tmp_path / "training" / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new) if old else path.read_text())
        return hashing.code_reached(code, words, tmp_path)

    return hashes


def test_what_names_of_other_packages_stand_for_and_files_of_data_are_told_beside_the_definitions(package, tmp_path):
    package("sum(values)", 'fsum(values) + weight("table.yaml")')
    package('"""Averages."""', "import json\nfrom math import fsum\nfrom here import weight")
    (tmp_path / "training/table.yaml").write_text("a: 1")
    reached, before = package(), hashing.code_beside(CODE, ("mild",), tmp_path)
    assert set(before) == {"training/averages.py", "training/table.yaml"}

    def changed():
        now = hashing.code_beside(CODE, ("mild",), tmp_path)
        return {file for file in {*before, *now} if before.get(file) != now.get(file)}

    assert package("import json", "import os") == reached and changed() == set()  # not used
    assert package("from math import fsum", "from there import fsum") == reached
    assert changed() == {"training/averages.py"}
    (tmp_path / "training/table.yaml").write_text("a: 2")
    assert package("from there import fsum", "from math import fsum") == reached
    assert changed() == {"training/table.yaml"}
    other = "from numpy import mean as middle\ny = middle(1)\n"
    assert hashing.code_beside(other, (), tmp_path) != hashing.code_beside(other.replace("numpy", "math"), (), tmp_path)


def test_layers_that_a_saved_network_is_built_of_count_where_one_is_loaded():
    loads, other = "from fer_tf import models\nmodels.load(path)\n", "from fer_tf import models\nmodels.is_head(a, b)\n"
    assert "Resize" not in hashing.code_reached(loads) and "models/input_layers.py" in hashing.code_beside(loads)
    assert "models/input_layers.py" not in hashing.code_beside(other)


def test_what_is_used_counts_and_what_is_not_used_does_not(package):
    assert set(package()) == {"mean", "recipe", "RECIPES"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""The mean."""', '"""Another description."""'),
        ("# a comment", "# another one"),
        ("no values: give some", "empty"),
        ('print("done")', 'print("finished")'),
        ("values: list) -> float", "values)"),
        ("total", "summed"),
        ("    total = sum(values)\n", "\n    total = (\n        sum(values)\n    )\n"),
        ("return 1", "return 2"),
        ("not values:", "len(values) == 0:"),
        ('"angle": 90', '"angle": 91'),
        ('"wild": {"angle": 90}', '"wild": {"angle": 90}, "new": {}'),
    ],
)
def test_words_names_checks_and_unused_code_do_not_count(package, old, new):
    assert package() == package(old, new)


@pytest.mark.parametrize(
    ("old", "new"), [("/ len", "// len"), ("sum(values)", "max(values)"), ('"angle": 5', '"angle": 6')]
)
def test_an_edit_of_the_arithmetic_counts(package, old, new):
    assert package() != package(old, new)


def test_code_may_move_to_another_module(package, tmp_path):
    before = package()
    (tmp_path / "training/averages.py").rename(tmp_path / "training/means.py")
    assert package("averages", "means", file="__init__.py") == before


def test_a_function_that_a_used_one_calls_counts(package):
    before = package("sum(values)", "unused()")
    assert package("return 1", "return 2") != before


def test_a_file_that_is_no_python_is_named_with_its_line(package):
    with pytest.raises(InputError, match=r"fer_tf/training/averages\.py: line \d+ is no Python \(.*\)\. Mend it"):
        package("sum(values)", "sum(values")


def test_files_that_hold_a_definition_are_named():
    assert "datasets/dataset.py" in hashing.files_of(["Dataset"])


def test_a_notebook_that_shows_something_else_does_the_same():
    code = "x = f(rate)\nrun.figure('a', figures.plot(x), 'A caption.')\nprint(x)\nx\n"
    assert hashing.behavior(code) == hashing.behavior("renamed = f(rate)\nrun.table('b', renamed, 'Else.')")
    assert hashing.behavior(code) != hashing.behavior(code.replace("f(rate)", "g(rate)"))


def test_a_hash_is_the_same_in_every_version_of_python(package):
    hashes = {"RECIPES": "48ba2a380aec0a06", "mean": "b7e700eed15ab96c", "recipe": "95efd42738a08052"}
    assert package() == hashes  # as Python 3.11, 3.12 and 3.13 have it
    code = "class A:\n    def f(self, *, b=1):\n        return f'{b:>{self.w}}'\n\n\ndef g():\n    return []\n"
    assert hashing.behavior(code)[:16] == "9c15225743bcb88e"


def test_the_code_of_a_function_of_the_package_has_a_digest():
    from fer_tf.datasets import dataset, splits

    assert hashing.code_digest(splits.stratified) == hashing.code_digest(splits.stratified)
    assert hashing.code_digest(splits.stratified) != hashing.code_digest(splits.kfold)
    assert len(hashing.code_digest(dataset)) == 64


def test_the_content_of_a_zip_file_is_hashed_without_its_dates(tmp_path):
    def written(content, year, kept="2026"):
        with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
            archive.writestr(zipfile.ZipInfo("metadata.json", (year, 1, 1, 0, 0, 0)), kept)
            archive.writestr(zipfile.ZipInfo("model.weights.h5", (year, 1, 1, 0, 0, 0)), content)
        return hashing.content_digest(tmp_path / "a.keras")

    assert written("a", 1980) == written("a", 2026, "2027") != written("b", 1980)
    for damaged in (b"no zip", b"PK", (tmp_path / "a.keras").read_bytes().replace(b"b", b"c", 1)):
        (tmp_path / "a.keras").write_bytes(damaged)
        assert hashing.content_digest(tmp_path / "a.keras") == hashing.file_digest(tmp_path / "a.keras")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=3), max_size=3), st.lists(st.text(max_size=3), max_size=3))
def test_a_digest_tells_parts_apart(a, b):
    assert (hashing.digest(*a) == hashing.digest(*b)) == (a == b)


def test_the_digest_of_an_array_is_that_of_its_values():
    array = np.arange(6).reshape(2, 3)
    assert hashing.digest(array) == hashing.digest(np.asfortranarray(array))
    assert hashing.digest(array) != hashing.digest(array.T) and hashing.digest(array) != hashing.digest(array + 0.0)
