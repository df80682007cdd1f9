"""How fast each exported format of the shipped network classifies a face, next to Keras's `predict_on_batch`, in one run.

    python benchmarks/exported_models.py [--images 120] [--threads 1 2]

Formats whose packages are not installed are left out. One process per number of threads, as Keras's cannot be changed later.
"""

import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

from fer_tf.models import export


def measure(threads, images, batch_size):
    """Prints a line for each format: milliseconds for an image alone (median, 95th percentile) and in a batch."""
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
        for name, predictor in predictors.items():
            one, many = np.concatenate(alone[name]), np.concatenate(together[name])
            print(
                f"{threads} threads  {name:17}{predictor.megabytes:5.1f} MB{np.median(one):8.2f} ms alone"
                f"{np.percentile(one, 95):8.2f} ms p95{np.median(many):8.2f} ms in batches of {batch_size}",
                flush=True,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=120, help="timed, at least a batch")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    values = parser.parse_args()
    if len(values.threads) == 1:
        return measure(values.threads[0], values.images, values.batch_size)
    print(f"{os.cpu_count()} processors")
    for threads in values.threads:
        again = [f"--images={values.images}", f"--batch-size={values.batch_size}", f"--threads={threads}"]
        subprocess.run([sys.executable, __file__, *again], check=True)


if __name__ == "__main__":
    main()
