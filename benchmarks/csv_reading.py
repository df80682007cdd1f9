"""How fast FER2013's CSV is read, next to pandas' `read_csv` and a `str.split` per row, on the same file in one run.

    python benchmarks/csv_reading.py [--rows 8000] [--csv fer2013.csv]

Without `--csv`, a file of the same form with random pixels is written to a temporary folder.
"""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import results

from fer_tf.datasets.fer2013_csv import read_csv


def synthetic(path, rows, seed=0):
    """Writes `rows` faces of random pixels as fer2013.csv writes them."""
    rng = np.random.default_rng(seed)
    with open(path, "w", encoding="ascii") as file:
        file.write("emotion,pixels,Usage\n")
        for row in range(rows):
            pixels = " ".join(map(str, rng.integers(0, 256, 2304)))
            usage = ("Training", "PublicTest", "PrivateTest")[max(0, row % 10 - 7)]
            file.write(f"{row % 7},{pixels},{usage}\n")


def with_fer_tf(path):
    with open(path, "rb") as stream:
        return read_csv(stream, path.name)[0].reshape(-1, 48, 48)


def with_pandas(path):
    table = pd.read_csv(path)
    pixels = [np.array(text.split(" "), dtype=np.uint8) for text in table["pixels"]]
    return np.stack(pixels).reshape(-1, 48, 48)


def main():
    values = results.options(
        __doc__,
        rows=(8000, "rows of the synthetic file"),
        csv=(None, "an existing fer2013.csv"),
        times=(3, "how often each is run; the best counts"),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(values.csv or Path(folder) / "fer2013.csv")
        if values.csv is None:
            synthetic(path, values.rows)
        ways = {"fer_tf": lambda: with_fer_tf(path), "pandas and str.split": lambda: with_pandas(path)}
        seconds, pixels = results.timed(ways, values.times)
    images, expected = pixels.values()
    assert np.array_equal(images, expected), "the two ways read different pixels"
    table = pd.DataFrame({"way": list(ways), "rows": len(images), "seconds": [s[:, 0].min() for s in seconds.values()]})
    table["rows_per_s"] = (len(images) / table["seconds"]).round()
    table["ratio"] = table["seconds"].iloc[-1] / table["seconds"]
    results.save(table.round(3), __file__, values.out)


if __name__ == "__main__":
    main()
