"""How fast each exported format of the shipped network classifies a face, next to Keras's `predict_on_batch`, in one run.

    python benchmarks/exported_models.py [--images 120] [--threads 1 2]

Formats whose packages are not installed are left out. One process per number of threads, as Keras's cannot be changed later.
"""

import json
import tempfile

import numpy as np
import pandas as pd
import results

from fer_tf.models import export


def measure(threads, images, batch_size):
    """A row for each format: milliseconds for an image alone (median, 95th percentile) and in a batch."""
    from fer_tf import models, training

    training.make_deterministic(0, threads)
    faces = np.random.default_rng(0).integers(0, 256, (images, 48, 48, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        predictors = export.to_formats(models.load_pretrained(), export.available(), folder, faces[:64], threads)
        alone, together = ({name: [] for name in predictors} for _ in range(2))
        for _ in range(3):  # a busy moment of the machine falls on all formats
            for name, predictor in predictors.items():
                alone[name].append(export.latency(predictor, faces[: images // 3]))
                together[name].append(export.latency(predictor, faces, batch_size, warm_up=1))
        rows = []
        for name, predictor in predictors.items():
            one, many = np.concatenate(alone[name]), np.concatenate(together[name])
            row = {"threads": threads, "format": name, "megabytes": predictor.megabytes, "batch_size": batch_size}
            row |= {"ms_alone": np.median(one), "ms_alone_p95": np.percentile(one, 95), "ms_in_batch": np.median(many)}
            rows.append(row)
    return rows


def main():
    values = results.options(
        __doc__,
        images=(120, "timed, at least a batch"),
        batch_size=(32, "images in a batch"),
        threads=([1, 2], "numbers of threads"),
        only=(0, "number of threads: measure in this process, and print JSON"),
    )
    if values.only:
        print(json.dumps(measure(values.only, values.images, values.batch_size)))
        return
    options = [f"--images={values.images}", f"--batch-size={values.batch_size}"]
    rows = [row for threads in values.threads for row in results.apart(__file__, *options, f"--only={threads}")]
    results.save(pd.DataFrame(rows).round(3), __file__, values.out)


if __name__ == "__main__":
    main()
