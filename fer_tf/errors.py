"""The errors a person can mend: one clear line that says what, where, and what to do."""


class InputError(ValueError):
    """Something given to the project is wrong: a file, a folder, a parameter, a name."""


class TestSplitError(InputError):
    """The test split was handed to something that chooses: training, a callback, or tuning."""

    __test__ = False  # not a test class, whatever pytest makes of its name


def first_line(error):
    """What an error says, in one line: those of other packages may have many, or none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
