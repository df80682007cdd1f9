"""Hashes of what code does.

A run, a checkpoint and a cache each record the code that made them. What counts is the behavior of the definitions that
were used: an edit of a docstring, a comment, a type annotation, an error message, a figure, a local variable's name or a
module's place leaves the hash as it is; an edit of the arithmetic changes it.
"""

import ast
import copy
import inspect
import re
import sys
from collections import defaultdict
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path

from fer_tf.errors import InputError
from fer_tf.hashing.values import digest, file_digest

PACKAGE = Path(__file__).parents[1]
ROOMS = ("emotions", "backend", "datasets", "models", "training", "evaluation", "faces")
"""The parts of the package whose code can change a number."""

REGISTRIES = ("SOURCES", "FAMILIES", "BACKBONES", "CATALOGUE", "RECIPES", "OPTIMIZERS")
REGISTRIES += ("SCHEDULES", "FEATURES", "CLASSIFIERS", "GRIDS", "DETECTORS", "RUNTIMES")
"""Dictionaries of named things. Of these only the entries that a run names count: a new model changes no run of another."""

BESIDE = ("study.scoring",)
"""Modules outside of these of which notebooks take numbers."""

BOUNDARIES = {("datasets", "prepare")}
"""Places whose result has a hash of its own, so that the code that makes it need not count."""


def code_digest(*definitions, words=()):
    """One hash of what functions, classes or whole modules of the package do, with everything that they use, and of the versions
    of the packages that compute for them.

    Args:
        *definitions: functions, classes or modules of `fer_tf`.
        words: names of registry entries that count, see `REGISTRIES`.
    Returns: str, 64 hexadecimal digits.
    """
    roots = []
    for one in definitions:
        if inspect.ismodule(one):
            module = _relative(one.__name__)
            roots += [(module, name) for name in _modules(PACKAGE)[module].definitions]
        else:
            roots.append((_relative(one.__module__), one.__qualname__.partition(".")[0]))
    return digest(_hashes(_reach(_modules(PACKAGE), roots, words)), _versions())


def code_reached(source, words=(), package=PACKAGE):
    """What each definition does that a notebook's code uses, directly or through others.

    Args:
        source: str, Python code that imports from `fer_tf`.
        words: names that the code is given, such as a run's parameters; see `REGISTRIES`.
        package: folder of the package.
    Returns: dict of a definition's name to 16 hexadecimal digits; definitions of one name stand together.
    """
    modules = _modules(Path(package))
    return _hashes(_reach(modules, *_used(source, words, modules)))


def code_beside(source, words=(), package=PACKAGE):
    """What decides a notebook's numbers beside what `code_reached` tells: what the names stand for that are imported from other
    packages, the layers that Keras builds when a network is loaded, the functions of `BESIDE`, and files of data in the package.

    Args: as `code_reached`.
    Returns: dict of a file of the package, "" for the notebook itself, to 16 hexadecimal digits.
    """
    modules = _modules(Path(package))
    roots, words = _used(source, words, modules)
    reached, start = _reach(modules, roots, words), _notebook(source, modules)
    layers = [(name, one.name) for name, module in modules.items() for one in module.tree.body if _is_registered(one)]
    more = _reach(modules, roots + layers * (("models.files", "load") in reached), words, BESIDE)
    facts = defaultdict(list, {"": start.foreign(start.tree.body)})
    for name, module in modules.items():
        places = sorted(place for place in more if place[0] == name)
        nodes = [node for _, definition in places for node in module.definitions[definition]]
        facts[module.file] += [more[place] for place in places if place not in reached] + module.foreign(nodes)
        for path in _data_named(nodes, Path(package) / Path(module.file).parent):
            facts[path.relative_to(package).as_posix()] = [file_digest(path)]
    return {file: digest(listed)[:16] for file, listed in sorted(facts.items()) if listed}


def files_of(names, package=PACKAGE):
    """Which files of the package hold definitions of these names: sorted list of str such as "training/batches.py"."""
    modules = _modules(Path(package)).values()
    return sorted({module.file for module in modules if module.counts and set(names) & set(module.definitions)})


def names_in(registry):
    """The names in one of `REGISTRIES`, by the source, so that nothing has to be imported: tuple of str.

    Example:
        >>> names_in("SCHEDULES")
        ('constant', 'one_cycle', 'cosine', 'plateau')
    """
    sources = (path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py")))
    values = (
        node.value
        for source in sources
        if f"\n{registry} = " in source
        for node in ast.parse(source).body
        if registry in _names_defined(node)
    )
    keys = (key for value in values for key in getattr(value, "keys", None) or getattr(value, "elts", ()))
    return tuple(key.value for key in keys if isinstance(key, ast.Constant))


def behavior(source, parameters=()):
    """A hash of what a notebook's code does, without what only shows: figures, tables, messages.

    Args:
        source: str, Python code.
        parameters: names that keep their meaning outside, and so are not renamed.
    Returns: str, 64 hexadecimal digits.
    """
    modules = _modules(PACKAGE)
    module = _notebook(source, modules)
    body = [node for node in module.tree.body if not _only_shows(node)]
    return digest(module.text(ast.Module(body, []), modules, parameters))


class _Module:
    """One source file: its definitions by name, and what its imported names stand for."""

    def __init__(self, name, file, source, known):
        self.name, self.file, self.tree = name, file, ast.parse(source, file)
        self.counts = name.partition(".")[0] in ROOMS
        self.definitions, self.imports, self._texts = {}, _imports(self.tree.body, known), {}
        for node in self.tree.body:
            for target in _names_defined(node):
                self.definitions.setdefault(target, []).append(node)

    @cached_property
    def subscripts(self):
        """The entries that it names of what is written in capitals, as in `OPTIMIZERS["adam"]`: dict of sets."""
        named = defaultdict(set)
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Subscript) and (chain := _chain(node.value)) and chain[-1].isupper():
                named[chain[-1]].add(getattr(node.slice, "value", None))
        return named

    def resolve(self, chain, modules, imports):
        """The place (module, name) that a dotted name stands for, and how many of its parts name it; or None."""
        if chain[0] in self.definitions:
            return (self.name, chain[0]), 1
        place, used = imports.get(chain[0]) or self.imports.get(chain[0]), 1
        while place is not None:
            module, name = place
            if name is None:
                if used == len(chain):
                    return None
                name, used = chain[used], used + 1
            whole = f"{module}.{name}".lstrip(".")
            if whole in modules:
                place = (whole, None)
            elif module not in modules:
                return None
            elif name in modules[module].definitions:
                return (module, name), used
            else:
                place = modules[module].imports.get(name)
        return None

    def references(self, node, modules):
        """The places of the package's definitions that a statement or expression refers to."""
        imports = _imports(ast.walk(node), modules)
        places = (self.resolve(chain, modules, imports) for chain in _chains(node))
        return [place for place, _ in filter(None, places)]

    @cached_property
    def origins(self):
        """What the names stand for that it imports from other packages: dict such as {"np": "numpy"}."""
        table = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                origin = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                table |= {one.asname or one.name.partition(".")[0]: origin + one.name for one in node.names}
        return {name: origin for name, origin in table.items() if not origin.startswith("fer_tf")}

    def foreign(self, nodes):
        """Those of the `origins` that pieces of the module use, as a sorted list of str."""
        used = {chain[0] for node in nodes for chain in _chains(node)}
        return sorted(f"{name}={origin}" for name, origin in self.origins.items() if name in used)

    def text(self, node, modules, fixed=()):
        """A syntax tree as text, reduced to what decides the result; local variables lose their names."""
        if node not in self._texts:
            essence = _Essence(self, modules, _imports(ast.walk(node), modules)).visit(copy.deepcopy(node))
            renamed = _locals(essence) - {*fixed, *self.definitions}
            order = {name: f"_{i}" for i, name in enumerate(name for name in _in_order(essence) if name in renamed)}
            for one in ast.walk(essence):
                field = {ast.Name: "id", ast.ExceptHandler: "name"}.get(type(one))
                if field:
                    setattr(one, field, order.get(getattr(one, field), getattr(one, field)))
            self._texts[node] = _dump(essence)
        return self._texts[node]


class _Essence(ast.NodeTransformer):
    """Drops what cannot change a number, and names the package's definitions alike wherever they lie."""

    def __init__(self, module, modules, imports):
        self.module, self.modules, self.imports = module, modules, imports

    def visit(self, node):
        node = super().visit(node)
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                setattr(node, field, [child for child in block if not _is_idle(child)])
        return node

    def visit_arg(self, node):
        return ast.arg(node.arg)

    def visit_FunctionDef(self, node):
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node):
        return self.generic_visit(ast.Assign([node.target], node.value, lineno=0) if node.value else node)

    def visit_Raise(self, node):
        return ast.Raise(node.exc.func if isinstance(node.exc, ast.Call) else node.exc, None)

    def visit_Name(self, node):
        return self._shortened(node, [node.id])

    def visit_Attribute(self, node):
        chain = _chain(node)
        return self._shortened(node, chain) if chain else self.generic_visit(node)

    def _shortened(self, node, chain):
        resolved = self.module.resolve(chain, self.modules, self.imports)
        if resolved is None:
            return node
        (_, name), used = resolved
        short = ast.Name(name, ast.Load())
        for attribute in chain[used:]:
            short = ast.Attribute(short, attribute, ast.Load())
        return short


def _dump(tree):
    """A syntax tree as text, alike in every Python: 3.12 has type parameters and, in f-strings, empty constants more, and
    3.13 leaves out empty lists.
    """
    for node in ast.walk(tree):
        if hasattr(node, "type_params"):
            del node.type_params
        if isinstance(node, ast.JoinedStr):
            node.values = [one for one in node.values if getattr(one, "value", None) != ""]
    return ast.dump(tree, **({"show_empty": True} if sys.version_info >= (3, 13) else {}))


def _versions():
    named = ("numpy", "scipy", "scikit-learn", "opencv-python", "opencv-python-headless")
    versions = {one.name: one.version for one in metadata.distributions() if one.name in named}
    return sorted(versions.items())


def _used(source, words, modules):
    """The places of the package that a notebook's code refers to, and the words in it and in what it is given."""
    start = _notebook(source, modules)
    places = [place for node in start.tree.body for place in start.references(node, modules)]
    return places, {*words, *_words(start.tree)}


def _is_registered(node):
    """Whether a definition is a layer that Keras finds by its name when it loads a network."""
    decorators = getattr(node, "decorator_list", ())
    return any(isinstance(one, ast.Call) and "register_keras_serializable" in _chain(one.func) for one in decorators)


def _data_named(nodes, folder):
    """The files in a folder, and in folders of it, that pieces of code name and that are no code."""
    named = {one.value for node in nodes for one in ast.walk(node) if isinstance(one, ast.Constant)}
    paths = [folder / name for name in named if isinstance(name, str) and re.fullmatch(r"\w[\w.]*", name)]
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    return [file for file in files if file.suffix in (".yaml", ".txt") and file.is_file()]


def _reach(modules, roots, words, beside=()):
    """Every (module, name) that the roots use, those themselves included, to the text of what it does."""
    words = {part for word in words for part in re.findall(r"\w+", str(word))}
    reached, pending = {}, list(roots)
    while pending:
        place = pending.pop()
        module = modules[place[0]]
        if place in reached or not (module.counts or place[0] in beside) or place in BOUNDARIES:
            continue
        nodes = module.definitions[place[1]]
        if place[1] in REGISTRIES:
            named = words.union(*(one.subscripts.get(place[1], ()) for one in modules.values()))
            nodes = [value for node in nodes for key, value in _items(node.value) if key.value in named]
        reached[place] = "".join(module.text(node, modules) for node in nodes)
        pending += [other for node in nodes for other in module.references(node, modules)]
        pending += [(place[0], "<statements>")] if "<statements>" in module.definitions else []
    return reached


def _hashes(reached):
    by_name = {}
    for (_, name), text in reached.items():
        if text:
            by_name.setdefault(name, []).append(digest(text)[:16])
    return {name: " ".join(sorted(hashes)) for name, hashes in sorted(by_name.items())}


def _modules(package):
    """The package's modules by dotted name below it, "" for its own __init__."""
    sources = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        if any(one.startswith(".") for one in parts):  # of an editor, or of the system
            continue
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        sources[name] = str(path.relative_to(package)), path.read_text(encoding="utf-8")
    return _built(tuple((name, *source) for name, source in sources.items()))


def _notebook(source, modules):
    module = _Module("", "", source, modules)
    module.definitions = {}  # it is one piece: what it defines counts where it stands
    return module


@cache  # by the sources themselves: an edit is seen at once
def _built(sources):
    names = {name for name, _, _ in sources}
    try:
        return {name: _Module(name, file, text, names) for name, file, text in sources}
    except SyntaxError as error:
        raise InputError(
            f"fer_tf/{error.filename}: line {error.lineno} is no Python ({error.msg}). Mend it."
        ) from error


def _relative(name):
    return name.partition(".")[2] if name != "fer_tf" else ""


def _imports(nodes, known):
    """What imported names stand for: local name -> (module below fer_tf, name in it or None for the module itself)."""
    table = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "fer_tf":
            module = _relative(node.module)
            for alias in node.names:
                whole = f"{module}.{alias.name}".lstrip(".")
                table[alias.asname or alias.name] = (whole, None) if whole in known else (module, alias.name)
        elif isinstance(node, (ast.With, ast.If, ast.Try)):
            table |= _imports(node.body, known)
    return table


def _names_defined(node):
    """The names that a module's statement defines; "<...>" for one that acts without defining any."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
        return names or ["<statements>"]
    return [] if _is_idle(node) else ["<statements>"]


def _is_idle(node):
    """Whether a statement cannot change a result: imports, docstrings, messages, and checks that only raise."""
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.Pass)):
        return True
    if isinstance(node, ast.Expr):
        call = node.value
        return isinstance(call, ast.Constant) or (isinstance(call, ast.Call) and _chain(call.func) == ["print"])
    if isinstance(node, ast.If) and len(node.body) == 1 and isinstance(node.body[0], ast.Raise):
        return not node.orelse and not any(isinstance(one, ast.NamedExpr) for one in ast.walk(node.test))
    return False


def _only_shows(node):
    """Whether a notebook's statement only draws, shows or writes down what was computed elsewhere."""
    if isinstance(node, ast.Assign):
        return isinstance(node.value, ast.Call) and (_chain(node.value.func) or [""])[0] == "figures"
    if not isinstance(node, ast.Expr):
        return False
    if not isinstance(node.value, ast.Call):
        return True
    chain = _chain(node.value.func) or ["", ""]
    shows = {"figure", "table", "finish", "files", "parameters_table"}
    return chain[0] in ("figures", "display", "print") or (len(chain) == 2 and chain[0] == "run" and chain[1] in shows)


def _chain(node):
    """A dotted name as a list of its parts, None for any other expression."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else None


def _chains(node):
    chain = _chain(node)
    if chain:
        yield chain
    else:
        for child in ast.iter_child_nodes(node):
            yield from _chains(child)


def _items(node):
    """The entries of a dictionary's literal; of one that is none, nothing."""
    entries = zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ()
    return [(key, value) for key, value in entries if isinstance(key, ast.Constant)]


def _words(node):
    """The words in a piece of code's strings."""
    strings = (one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str))
    return {word for text in strings if len(text) < 80 for word in re.findall(r"\w+", text)}


def _locals(node):
    stored = {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    stored |= {one.name for one in ast.walk(node) if isinstance(one, ast.ExceptHandler) and one.name}
    return stored - {one.arg for one in ast.walk(node) if isinstance(one, ast.arg)}


def _in_order(node):
    """The names in a tree in the order in which they first stand there."""
    names = (getattr(one, "id", None) or getattr(one, "name", None) for one in ast.walk(node))
    return list(dict.fromkeys(name for name in names if name))
