"""The errors a person can mend: one clear line that says what, where, and what to do."""


class InputError(ValueError):
    """Something given to the project is wrong: a file, a folder, a parameter, a name."""


class TestSplitError(InputError):
    """The test split was handed to something that chooses: training, a callback, or tuning."""

    __test__ = False  # not a test class, whatever pytest makes of its name


def first_line(error):
    """What an error says, in one line: those of other packages may have many, or none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def choose(what, name, known):
    """A name, where it is one of those known.

    Args:
        what: what the name is of, such as "optimizer".
        name: str, as it was given.
        known: iterable of str.

    Returns:
        str, the name.

    Raises:
        InputError: it is none of them; the message lists them.

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

    Returns:
        The same DataFrame.

    Raises:
        InputError: a column is missing; the message names it and those that are there.
    """
    if missing := [name for name in columns if name not in frame.columns]:
        raise InputError(f"{what} lacks the column '{missing[0]}'; it has {', '.join(map(str, frame.columns))}.")
    return frame
