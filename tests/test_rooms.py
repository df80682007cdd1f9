"""The package's map: which room may import from which."""

import ast
from pathlib import Path

import fer_tf

PACKAGE = Path(fer_tf.__file__).parent
LEAVES = ("errors", "hashing", "paths", "documents", "emotions", "backend")
ROOMS = ("datasets", "models", "training", "evaluation", "faces", "figures", "study")
ORDER = {name: place for place, name in enumerate((*LEAVES, *ROOMS, "cli"))}


def imports(path):
    """The parts of the package that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "fer_tf":
            inside = node.module.split(".")[1:]
            yield from (inside[:1] if inside else [alias.name for alias in node.names])
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("fer_tf.") for alias in node.names), f"{path}: write from ... import"


def test_each_room_imports_only_from_those_before_it():
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if room == "__init__":
            continue
        wrong += [f"{path.relative_to(PACKAGE)} imports {name}" for name in imports(path) if ORDER[name] > ORDER[room]]
    assert not wrong


def test_every_part_of_the_package_is_on_the_map():
    parts = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert parts - {"__init__"} == set(ORDER)
    assert all(name in fer_tf.__doc__ for name in ORDER)
