"""The examples in docstrings are run, each module's in an empty project of its own."""

import doctest
import importlib

import pytest
from conftest import PROJECT

EXAMPLES = sorted(
    ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
    for path in (PROJECT / "fer_tf").rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_a_module_give_what_they_say(project, name):
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried and not failed


def test_the_most_used_functions_have_an_example():
    assert len(EXAMPLES) >= 20
