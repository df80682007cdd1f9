"""FER2013's CSV: one face per row as 2,304 numbers in text, with its emotion code and its usage.

Pixels are parsed several rows at once with array operations; only a block in which something is wrong is looked at row
by row, to say which row it is. Rows are numbered as a spreadsheet does: the header is row 1.
"""

import numpy as np

from fer_tf.emotions import FER2013
from fer_tf.errors import InputError

SIDE = 48
USAGES = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}
COLUMNS = ("emotion", "pixels", "usage")
_EMOTIONS = {str(code): code for code in range(len(FER2013))}
MOST_ROWS = 1_000_000  # FER2013 has 35,887
_MOST_BYTES = 50_000  # of a row; 2,304 numbers and their blanks are 9,216 at most
_PIXELS = SIDE * SIDE
_BLOCK = 8  # rows parsed at once: few enough that their numbers stay in a processor's nearest cache


def read_csv(stream, label):
    """Reads `fer2013.csv` or `icml_face_data.csv`, whatever the order of the columns and the blanks around their names.

    Args:
        stream: binary stream at its start.
    Returns: images: uint8 array (n, 48, 48, 1). labels: int64 array (n,), FER2013's emotion codes 0 to 6. splits: str
        array (n,), the usages as train, validation and test. rows: int64 array (n,), the row of the file that each
        image stands in.
    Raises InputError: a column is missing, or a row hasn't exactly 2,304 values from 0 to 255, a known emotion code and
        a known usage; the message names the row.
    """
    order, fields = _columns(stream.readline(_MOST_BYTES), label)
    blocks, pixels, labels, splits, rows = [], [], [], [], []
    for row, line in enumerate(iter(lambda: stream.readline(_MOST_BYTES), b""), start=2):
        if len(line) == _MOST_BYTES or row > MOST_ROWS:
            what = f"more than {MOST_ROWS:,} rows" if row > MOST_ROWS else f"a row of more than {_MOST_BYTES:,} bytes"
            raise InputError(f"{label}, row {row}: {what}, so it is not FER2013. Download the file again.")
        line = line.strip()
        if not line:
            continue
        cells = [cell.strip(b' "') for cell in line.split(b",")]
        if len(cells) != fields:
            raise InputError(f"{label}, row {row}: {len(cells)} fields, expected {fields}. {_MEND}")
        emotion, text, usage = (cells[column] for column in order)
        labels.append(_known(emotion, "emotion", _EMOTIONS, label, row))
        splits.append(_known(usage, "Usage", USAGES, label, row))
        rows.append(row)
        pixels.append(text)
        if len(pixels) == _BLOCK:
            blocks.append(parse_pixels(pixels, label, rows[-_BLOCK:]))
            pixels = []
    if pixels:
        blocks.append(parse_pixels(pixels, label, rows[-len(pixels) :]))
    if not rows:
        raise InputError(f"{label}: no rows below the header. Download the file again.")
    images = np.concatenate(blocks).reshape(-1, SIDE, SIDE, 1)
    return images, np.array(labels, dtype=np.int64), np.array(splits), np.array(rows, dtype=np.int64)


def has_columns(line):
    """Whether a CSV's first line (bytes) names the three columns of FER2013."""
    return set(COLUMNS) <= set(_header(line))


def parse_pixels(texts, label="pixels", rows=None):
    """The pixels of several faces from their text: uint8 array (k, 2304).

    Args:
        texts: k bytes objects, each with 2,304 numbers from 0 to 255 parted by blanks.
        rows: int array (k,), the texts' rows in the file; 1 to k by default.
    Raises InputError: a text with another number of values, or a value that is no number from 0 to 255.
    """
    block = _parse_block(texts)
    if block is not None:
        return block
    rows = range(1, len(texts) + 1) if rows is None else rows
    return np.stack([_parse_row(text, label, row) for text, row in zip(texts, rows, strict=True)])


_MEND = "Remove the row or download the file again."


def _parse_block(texts):
    """All rows in a few array operations, or None where anything at all is unusual."""
    text = np.frombuffer(b"  " + b" ".join(texts) + b" ", dtype=np.uint8)
    blank = text == 32
    ends = np.flatnonzero(blank)[2:]  # the blank behind each number
    row_ends = np.cumsum([len(row) + 1 for row in texts]) + 1
    if len(ends) != len(texts) * _PIXELS or not np.array_equal(ends[_PIXELS - 1 :: _PIXELS], row_ends):
        return None
    lengths = np.diff(ends, prepend=1) - 1
    digits = text - np.uint8(48)  # wraps around: whatever is no digit becomes larger than 9
    if lengths.min() < 1 or lengths.max() > 3 or np.count_nonzero(digits > 9) != len(ends) + 2:
        return None
    digits *= ~blank
    # At every place, the number that the digits up to here make; read off where it ends.
    hundreds, tens, ones = digits[:-2] * ~blank[1:-1], digits[1:-1], digits[2:]
    values = ones + tens * np.uint16(10) + hundreds * np.uint16(100)
    values = values[ends - 3]
    if values.max() > 255:
        return None
    return values.astype(np.uint8).reshape(len(texts), _PIXELS)


def _parse_row(text, label, row):
    words = text.split()
    if len(words) != _PIXELS:
        raise InputError(f"{label}, row {row}: {len(words):,} pixels, expected {_PIXELS:,} ({SIDE}x{SIDE}). {_MEND}")
    numbers = [word.lstrip(b"0")[:4] or b"0" for word in words]  # a fourth digit is one too many
    for place, (word, number) in enumerate(zip(words, numbers, strict=True), start=1):
        if not word.isdigit() or int(number) > 255:
            message = word[:12].decode("utf-8", "replace")
            raise InputError(f"{label}, row {row}: pixel {place:,} is '{message}', expected 0 to 255. {_MEND}")
    return np.array([int(number) for number in numbers], dtype=np.uint8)


def _header(line):
    text = line.decode("utf-8-sig", "replace")
    return [cell.strip().strip('"').strip().lower() for cell in text.split(",")]


def _columns(line, label):
    names = _header(line)
    if missing := [column for column in COLUMNS if column not in names]:
        result = ", ".join(names)[:80] or "nothing"
        raise InputError(
            f"{label}, row 1: no column '{missing[0]}' (found: {result}); expected emotion, pixels, Usage. "
            "Give fer2013.csv or icml_face_data.csv, which have all three."
        )
    return [names.index(column) for column in COLUMNS], len(names)


def _known(cell, column, known, label, row):
    """What a cell stands for, one of `known`, a dict of str."""
    word = cell[:20].decode("utf-8", "replace")
    if word not in known:
        raise InputError(f"{label}, row {row}: {column} '{word}', expected one of {', '.join(known)}. {_MEND}")
    return known[word]
