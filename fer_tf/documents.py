"""Documents from outside: YAML, JSON, model cards and NumPy archives, each read within bounds and held against its schema.

Whatever is wrong with one is an `InputError` in one line that names the file. A YAML tag, an alias or a pickle is refused;
nothing in a document is executed.
"""

import io
import json
import re
import sys
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import yaml

from fer_tf import paths
from fer_tf.errors import InputError, choose, first_line

MOST_BYTES = 100_000_000
MOST_IN_ARCHIVE = 2_000_000_000
_LONGEST_NUMBER = 400  # letters of one in YAML; the largest double has 309 digits
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_MOST_LETTERS = 60  # of a wrong value, in a message

# A schema is a type, or several of which one must fit, None among them; [schema] for a list of such; or a dict of a
# mapping's entries, where a key that ends with "?" may be absent.
TEXTS = [str]
NAMED = [{"name": str, "caption": str}]
CARD = {"classes": TEXTS, "input_shape?": [int], "color?": bool, "sha256?": dict}
"""The facts that a model card begins with."""

DATASET = {"name": str, "classes": TEXTS, "hash": str, "shape": [int], "source": dict, "split_hashes?": dict}
"""dataset.json of a prepared dataset."""

_DATA = {"name": str, "hash": str, "classes": TEXTS, "size": [int], "splits?": dict}
TRAINED = {"data": _DATA}
"""What a network beside it is told by run.json."""

PREPARED = {"images": ("u", 4), "labels": ("iu", 1), "splits": ("U", 1), "ids": ("U", 1)}
"""The arrays of a prepared dataset, see `fault_of_arrays`."""

RUN = {
    "name": str,
    "notebook": str,
    "study": str,
    "parameters": dict,
    "data": (_DATA, None),
    "figures": NAMED,
    "tables": [{"name": str, "caption": str, "columns?": list, "data?": [list]}],
    "findings": TEXTS,
    "code?": {"notebook?": str, "definitions?": dict},
    "versions": dict,
    "hardware": dict,
    "model?": (str, None),
    "source_run?": ({"name": str, "model": str}, None),
    "sources?": dict,
}
"""run.json of a complete run."""

ROW = dict.fromkeys(("what", "run", "fact", "split", "variant", "metric", "against"), str) | {"published": (str, list)}
"""Keys of a row of `compare`, and the types of their values."""

MANY = 1_000_000
COUNTS = ("epochs", "batch_size", "batch_sizes", "views", "curve", "every", "rounds", "timed", "per_class", "shown")
COUNTS += ("cycles", "resamples", "calibration")
OR_NONE = ("frozen_epochs", "fine_tuned_epochs", "early_stopping", "max_train_images", "max_images", "search")
OR_NONE += ("fine_tune_layers", "example", "pixels", "components")
RANGES = {
    **dict.fromkeys(COUNTS, (1, MANY)),
    **dict.fromkeys(OR_NONE, (0, MANY)),
    **dict.fromkeys(("learning_rate", "learning_rates", "frozen_rate", "fine_tuned_rate"), (0, 100)),
    **dict.fromkeys(
        ("label_smoothing", "pca", "teacher_share", "left_out", "validation", "least", "black_white"), (0, 1)
    ),
    **dict.fromkeys(("mixup", "cutmix", "weight_decay"), (0, 100)),
    **dict.fromkeys(("seconds", "smoothing_seconds"), (0.001, MANY)),
    "average": (0, 0.99999),  # with 1 the weights would stay as they begin
    "channels": (1, 3),
    "folds": (2, MANY),
    "fps": (0.001, 1000),
    "gpus": (1, 64),
    "height": (64, 10_000),
    "patch": (2, MANY),  # it is moved by half of itself
    "seed": (0, 2**32 - 1),
    "size": (8, 2048),
    "threads": (0, 1024),
}
"""Least and largest value of the parameters of notebooks, readers and trainings, by name; of a list, each of its values."""

_KINDS = {float: (int, float), tuple: (list, tuple)}  # those that may be given otherwise


def fault(document, schema, where=""):
    """What is wrong with a document, by its schema.

    Args:
        document: as YAML or JSON give it.
        schema: see `CARD`, `DATASET` and `RUN`.
        where: str, the place of this part in the whole.
    Returns: str such as "classes[2] is 7, expected text"; "" for a document that fits.

    Example:
        >>> fault({"classes": ["happy", 7]}, CARD)
        'classes[1] is 7, expected text'
    """
    if isinstance(schema, tuple):
        faults = [fault(document, one, where) for one in schema]
        return "" if "" in faults else faults[0]
    if isinstance(schema, dict):
        if not isinstance(document, dict):
            return _misfit(document, "a mapping", where)
        for key, part in schema.items():
            name = key.removesuffix("?")
            if name not in document:
                if key == name:
                    return f"{where}{'.' if where else ''}{name} is missing"
            elif wrong := fault(document[name], part, f"{where}{'.' if where else ''}{name}"):
                return wrong
        return ""
    if isinstance(schema, list):
        if not isinstance(document, list):
            return _misfit(document, "a list", where)
        return next(filter(None, (fault(one, schema[0], f"{where}[{i}]") for i, one in enumerate(document))), "")
    if schema is None:
        return "" if document is None else _misfit(document, "nothing", where)
    fits = isinstance(document, schema) and (schema is bool or not isinstance(document, bool))
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false", dict: "a mapping"}
    return "" if fits else _misfit(document, names[schema], where)


def checked(document, schema, path, advice):
    """A document, where it fits its schema.

    Raises InputError: it does not; the message names the file, the entry and `advice`, what to do.
    """
    if wrong := fault(document, schema):
        raise InputError(f"{path}: {wrong}. {advice}")
    return document


def check_row(row):
    """Refuses what is no row of `comparison`, with an InputError."""
    if not isinstance(row, dict):
        raise InputError(f"a row of `compare` is {row!r}; write a mapping such as {{what: ..., run: ..., fact: ...}}.")
    for key, value in row.items():
        if not isinstance(value, ROW[choose("key of a row of `compare`", key, ROW)]):
            raise InputError(f"a row of `compare` has {value!r} as its {key}: {row}. Write text.")
    if missing := [key for key in ("what", "run") if key not in row]:
        raise InputError(f"a row of `compare` lacks '{missing[0]}': {row}.")
    if "fact" not in row and not {"split", "metric"} <= set(row):
        raise InputError(f"a row of `compare` needs 'fact', or 'split' and 'metric': {row}.")


def out_of_range(parameters):
    """The first number among parameters that is not in its range, or is infinite or no number.

    Args:
        parameters: dict of names to values; those of other names than `RANGES` only have to be finite.
    Returns: str such as "label_smoothing is 5.0, expected 0 to 1"; "" where all fit.

    Example:
        >>> out_of_range({"epochs": 0})
        'epochs is 0, expected 1 to 1,000,000'
    """
    for name, value in parameters.items():
        low, high = RANGES.get(name, (-sys.float_info.max, sys.float_info.max))
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, (int, float)) and not low <= number <= high:
                return f"{name} is {number}, expected {f'{low:,} to {high:,}' if name in RANGES else 'a number'}"
    return ""


def misfit(name, value, default):
    """What is wrong with a parameter's value: a number out of its range, or another kind of value than its default.

    Args:
        name: str, the parameter's.
        value: as YAML gives it.
        default: the value that it has where none is given; None says nothing of its kind. In a list each value is of the
            kind of the default's first.
    Returns: str such as "rate is 'fast', expected float"; "" for a value that fits.

    Example:
        >>> misfit("rate", "1e-3", 0.1)
        "rate is '1e-3', expected float (YAML reads 1e-3 as text: write 0.001)"
    """
    if wrong := out_of_range({name: value}):
        return wrong
    kind = type(default)
    if default is None:
        return ""
    if not isinstance(value, _KINDS.get(kind, kind)) or (isinstance(value, bool) and kind is not bool):
        is_power = isinstance(value, str) and re.fullmatch(r"[-+.\d]+[eE][-+]?\d+", value)
        hint = " (YAML reads 1e-3 as text: write 0.001)" if is_power else ""
        return f"{name} is {value!r}, expected {'list' if kind is tuple else kind.__name__}{hint}"
    within = value if isinstance(default, list) and default else ()
    return next(filter(None, (misfit(f"a value of {name}", one, default[0]) for one in within)), "")


def read_yaml(path):
    """A YAML file that holds a mapping, or nothing.

    Args:
        path: of a UTF-8 file of at most 1 MB.
    Returns: dict, empty for an empty file.
    Raises InputError: no such file, another encoding, no YAML, a name that stands twice, a tag or an alias, or no
        mapping.
    """
    content = _yaml(_text(path, 1_000_000), path)
    return checked({} if content is None else content, dict, path, "Write lines like name: value.")


def read_card(path):
    """The facts that a model card begins with, between two lines of three dashes.

    Returns: dict that fits `CARD`.
    Raises InputError: as `read_yaml`; there are no such lines; or an entry of another kind.
    """
    advice = "Mend the card, or remove it."
    parts = f"{_text(path, 1_000_000)}\n".replace("\r\n", "\n").split("---\n")
    if len(parts) < 3 or parts[0].strip():
        raise InputError(f"{path}: no facts between two lines '---' at its beginning. {advice}")
    return checked(_yaml(parts[1], path), CARD, path, advice)


def read_json(path, schema, advice):
    """A JSON file.

    Args:
        path: of a UTF-8 file.
        schema: that it must fit.
        advice: str, what to do about one that does not.
    Returns: What it holds.
    Raises InputError: no such file, another encoding, no JSON, a name that stands twice, or another content than that
        of its schema.
    """
    try:
        content = json.loads(_text(path, MOST_BYTES), object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: unreadable ({first_line(error)}). {advice}") from error
    return checked(content, schema, path, advice)


def read_arrays(path, names, advice):
    """The arrays of an `.npz` file.

    Args:
        path: of the file.
        names: of the arrays that it must hold.
        advice: str, what to do about one that is damaged.
    Returns: dict of each name to its array.
    Raises InputError: no such file, a damaged one, one with pickled objects, or one without one of these arrays.
    """
    data = paths.read_bytes(path, MOST_IN_ARCHIVE, advice)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_IN_ARCHIVE:
                raise InputError(f"more than {MOST_IN_ARCHIVE / 1e9:.0f} GB in it")
        with np.load(io.BytesIO(data)) as saved:
            arrays = {name: saved[name] for name in names}
        if strange := [name for name in names if not isinstance(arrays[name], np.ndarray)]:
            raise InputError(f"{strange[0]} is no array")
        for array in arrays.values():
            _check_text(array)
        return arrays
    except Exception as error:  # zipfile, zlib and NumPy raise a dozen kinds for damaged bytes
        raise InputError(f"{path}: damaged ({first_line(error)}). {advice}") from error


def write_arrays(path, **arrays):
    """Writes arrays as an `.npz` file that `numpy.load` reads, compressed by LZMA; the same arrays give the same bytes."""
    with paths.writing(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")  # dated 1980
            entry.compress_type = zipfile.ZIP_LZMA
            with archive.open(entry, "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def is_damaged_zip(path):
    """Whether a zip file, such as a `.keras` or `.npz`, is other than it was written, by its entries' checksums, or has an
    array that NumPy does not read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".npy"):
                    with archive.open(name) as array:
                        np.lib.format.read_array(array, allow_pickle=False)
            whole = archive.testzip() is None
        with open(path, "rb") as file:  # bytes before the zip are skipped by `zipfile`, and not by NumPy
            return not (whole and file.read(2) == b"PK")
    except Exception:  # zipfile, zlib and NumPy raise a dozen kinds for damaged bytes
        return True


def has_a_damaged_length(read, path):
    """Whether reading a file asks for more memory than there is, or can be counted, as one changed byte can make it do.

    Args:
        read: callable of the path.
        path: of the file.
    """
    try:
        read(path)
    except (MemoryError, OverflowError):
        return True
    except Exception:  # its caller says what is wrong
        return False
    return False


def fault_of_arrays(folder, kinds):
    """What is wrong with NumPy files, by their headers and lengths.

    Args:
        folder: Path where `<name>.npy` lie.
        kinds: dict of a name to (letters of `dtype.kind`, number of dimensions).
    Returns: str such as "labels.npy is float64 (3,)"; "" where all fit.
    """
    for name, (letters, dimensions) in kinds.items():
        try:
            array = np.load(folder / f"{name}.npy", mmap_mode="r")
            _check_text(array)
        except Exception as error:  # NumPy raises half a dozen kinds for damaged bytes
            return f"{name}.npy is damaged ({first_line(error)})"
        if array.dtype.kind not in letters or array.ndim != dimensions:
            return f"{name}.npy is {array.dtype} {array.shape}"
    return ""


def nests_too_deep(path):
    """Whether a JSON file is nested deeper than Python reads."""
    try:
        json.loads(Path(path).read_bytes())
    except RecursionError:
        return True
    except (OSError, ValueError):
        pass
    return False


def _check_text(array):
    """Raises InputError where an array of texts holds what is no letter: NumPy reads it, and Python fails on it later."""
    if (
        array.dtype.kind == "U"
        and (np.frombuffer(array.tobytes(), f"{array.dtype.byteorder}u4") > sys.maxunicode).any()
    ):
        raise InputError("its bytes are no text")


def _text(path, most):
    try:
        return paths.read_bytes(path, most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 (byte {error.start:,}). Save it as UTF-8.") from error


def _yaml(text, path):
    try:
        return yaml.load(text, _Loader)  # a safe loader: it makes plain data only
    except Exception as error:  # a wrong tag, such as !!bool x, ends in whatever Python raises
        raise InputError(f"{path}: not YAML that is read here ({' '.join(str(error).split())[:300]}).") from error


class _Loader(yaml.SafeLoader):
    """Plain data only, each name once, no aliases, by which a few lines could grow to fill memory, and no number that takes long:
    59:59:59 is a text, as in YAML 1.2.
    """

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias (*); write the value itself")
        return super().compose_node(parent, index)

    def resolve(self, kind, value, implicit):
        tag = super().resolve(kind, value, implicit)
        return self.DEFAULT_SCALAR_TAG if tag in _NUMBERS and ":" in value else tag

    def construct_scalar(self, node):
        if node.tag in _NUMBERS and len(node.value) > _LONGEST_NUMBER:
            raise yaml.YAMLError(f"a number of {len(node.value):,} letters")
        return super().construct_scalar(node)

    def construct_mapping(self, node, deep=False):
        _require_once([key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)])
        return super().construct_mapping(node, deep)


def _without_duplicates(pairs):
    _require_once([name for name, _ in pairs])
    return dict(pairs)


def _require_once(names):
    """A ValueError where one of several names stands twice."""
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise ValueError(f"the name '{twice[0]}' stands twice")


def _misfit(value, expected, where):
    text = repr(value) if isinstance(value, (str, int, float, bool, type(None))) else f"a {type(value).__name__}"
    return f"{where or 'the whole'} is {text[:_MOST_LETTERS]}, expected {expected}"
