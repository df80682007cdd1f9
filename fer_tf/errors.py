"""Errors that a person can mend, each one line that says what, where, and what to do; and checks that raise them."""

import os
import sys
from contextlib import contextmanager


class InputError(ValueError):
    """Something given to the project is wrong: a file, a folder, a parameter, a name."""


class TestSplitError(InputError):
    """The test split was handed to something that chooses: training, a callback, or tuning."""

    __test__ = False  # pytest collects classes whose names begin with Test


def first_line(error):
    """What an error says, in one line: those of other packages may have many, or none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def choose(what, name, known):
    """A name, where it is one of those known.

    Args:
        what: what the name is of, such as "optimizer".
        name: str, as it was given.
        known: iterable of str.
    Returns: str, the name.
    Raises InputError: it is none of them; the message lists them.

    Example:
        >>> choose("optimizer", "adam", ("adam", "sgd"))
        'adam'
        >>> choose("optimizer", "adm", ("adam", "sgd"))
        Traceback (most recent call last):
        fer_tf.errors.InputError: unknown optimizer 'adm'; choose one of adam, sgd.
    """
    if name not in known:
        raise InputError(f"unknown {what} '{name}'; choose one of {', '.join(map(str, known))}.")
    return name


def require(frame, columns, what):
    """A table, where it has the columns that are needed.

    Args:
        frame: pandas DataFrame.
        columns: names, one or more.
        what: what the table is, such as "the history".
    Raises InputError: a column is missing; the message names it and those that are there.
    """
    if missing := [name for name in columns if name not in frame.columns]:
        raise InputError(f"{what} lacks the column '{missing[0]}'; it has {', '.join(map(str, frame.columns))}.")
    return frame


@contextmanager
def stderr_to(path=os.devnull):
    """Sends what native code writes to the process's stderr into a file, or nowhere, for the length of a `with` block."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with open(path, "wb") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)
