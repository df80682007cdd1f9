"""The examples in docstrings are run, each module's in an empty project of its own."""

import ast
import doctest
import importlib
import inspect
from collections import Counter

import pytest
from conftest import PROJECT

from fer_tf.study import notebooks

EXAMPLES = sorted(
    ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
    for path in (PROJECT / "fer_tf").rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)
ROOMS = ("datasets", "models", "training", "evaluation", "figures")  # a study's functions need a project and its runs


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_a_module_give_what_they_say(project, name):
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried and not failed


def test_the_functions_that_the_notebooks_call_most_have_an_example():
    calls = Counter()
    for notebook in (PROJECT / "notebooks").glob("*.ipynb"):
        called = [node.func for node in ast.walk(ast.parse(notebooks.code(notebook))) if isinstance(node, ast.Call)]
        calls.update(
            name for name in map(ast.unparse, called) if name.partition(".")[0] in ROOMS and name.count(".") == 1
        )
    functions = {}
    for name in sorted(calls, key=lambda name: (-calls[name], name)):
        room, _, function = name.partition(".")
        functions[name] = getattr(importlib.import_module(f"fer_tf.{room}"), function)
    most = [name for name, function in functions.items() if inspect.isfunction(function)][:20]
    assert not [name for name in most if ">>> " not in (inspect.getdoc(functions[name]) or "")]
