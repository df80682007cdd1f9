"""Errors that a person can mend, each one line that says what, where, and what to do; checks that raise them; and how a
command ends.
"""

import os
import signal
import sys
import threading
from contextlib import contextmanager


class InputError(ValueError):
    """Something given to the project is wrong: a file, a folder, a parameter, a name. Its text is one line, whatever it quotes."""

    def __str__(self):
        return printable(super().__str__())


class TestSplitError(InputError):
    """The test split was handed to something that chooses: training, a callback, or tuning."""

    __test__ = False  # pytest collects classes whose names begin with Test


def first_line(error):
    """What an error says, in one line: those of other packages may have many, or none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def printable(text):
    """A text in one line without control characters: a file's name may hold line breaks and a terminal's commands.

    Example:
        >>> print(printable("a\\x1b[2J.jpg"))
        a\\x1b[2J.jpg
    """
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(text))


def exit_status(run, wrong=1):
    """Runs a command; whatever ends it is one line on stderr and a number.

    Args:
        run: callable; returns the exit status, None for 0.
        wrong: int, the status for an input that is wrong, or a system that refuses.
    Returns: int: 130 where it was stopped from outside (Ctrl-C, a closed terminal, a request to end), 141 where nobody
        reads its output any more.
    """
    if sys.stdout is None:  # it was closed before the command began
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    try:
        with ending_in_order():
            status = run() or 0
            sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        message, status = "stopped", 130
    except BrokenPipeError:  # `fer-tf predict ... | head`
        message, status = "", 141
    except InputError as error:
        message, status = f"error: {error}", wrong
    except ModuleNotFoundError as error:
        if (error.name or "fer_tf").partition(".")[0] == "fer_tf":
            raise
        message, status = (
            f"error: this needs {error.name}. Install the whole: pip install '.[study]' in a clone.",
            wrong,
        )
    except MemoryError:
        message, status = "error: not enough memory. Close other programs, or give less at a time.", wrong
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        message, status = f"error: {place}{error.strerror or first_line(error)}. Free some space or mend it.", wrong
    _drop_output()
    if message:
        print(printable(message), file=sys.stderr)
    return status


@contextmanager
def ending_in_order():
    """Within a `with` block a closed terminal (SIGHUP) and a request to end (SIGTERM) are KeyboardInterrupt, as Ctrl-C is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_):
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        if before[number] is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _drop_output():
    """Leaves nothing in stdout's buffer that Python would fail to write once more when it ends."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)


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
def quiet_opencv():
    """OpenCV's own complaints are left out for the length of a `with` block: ours say what to do."""
    import cv2  # here: not every command needs it

    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


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
