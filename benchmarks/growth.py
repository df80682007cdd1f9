"""How time and memory grow with the data: preparing, one epoch, evaluation and report at 1, 2, 4 and 8 times the images.

    python benchmarks/growth.py [--images 1000] [--times 1 2 4 8]

The images are generated, 96x96 in color, in class folders of their splits: 8,000 of them are 221 MB. They are prepared on disk, as
what is larger than a gigabyte is (`image_files.IN_MEMORY`, which is lowered here). Each stage is a process of its own. Its time
is the processor's, TensorFlow's start included; its memory is what it allocates at most (`RssAnon` of Linux), without the pages
of files, which the system takes back when it needs them.
"""

import contextlib
import io
import json
import tempfile
import threading
import time
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import pandas as pd
import results

from fer_tf import datasets, emotions, models, training
from fer_tf.datasets import image_files
from fer_tf.errors import choose
from fer_tf.figures import style
from fer_tf.study import notebooks, report, runs, scoring

PROJECT = Path(__file__).parents[1]
CLASSES = tuple(emotions.COLORS)[:7]
SPLITS = ("validation", "test", *("train",) * 8)
SIZE = 96
RUN = "reports/growth/runs/02_train_cnn--growth"


def generate(folder, images):
    """Writes `images` pictures of colored patches in class folders, and a study of one run beside them."""
    rng = np.random.default_rng(0)
    for i in range(images):
        split, emotion = SPLITS[i // len(CLASSES) % len(SPLITS)], CLASSES[i % len(CLASSES)]
        path = folder / "data/raw/folders" / split / emotion / f"{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        patches = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        cv2.imwrite(str(path), cv2.resize(patches, (SIZE, SIZE)))
    studies = folder / "notebooks/studies/growth"
    studies.mkdir(parents=True)
    for notebook in (PROJECT / "notebooks").glob("*.ipynb"):
        (folder / "notebooks" / notebook.name).symlink_to(notebook)
    (studies / f"{Path(RUN).name}.yaml").write_text("about: growth\n")


def start(out, dataset=None):
    parameters = notebooks.parameters(notebooks.path_of(Path(out).name))
    return runs.start({**parameters, "about": "growth", "out": out}, dataset)


def preparing():
    with mock.patch.object(image_files, "IN_MEMORY", 0):
        datasets.prepare("folders", size=SIZE, channels=3)


def epoch():
    faces = datasets.load("folders", ("train", "validation"))
    run = start(RUN, faces)
    network = models.build("five_layer", (SIZE, SIZE, 3), len(CLASSES), filters=[8, 8, 8, 8])
    training.fit(network, faces.split("train"), faces.split("validation"), run.folder, epochs=1)
    models.save(network, run.folder / "model.keras")
    run.note(model="model.keras")
    run.finish("Done.")


def evaluation():
    run = runs.open_run(RUN)
    scoring.open_test_split(run)
    scoring.scores(run)


def reporting():
    rows = [{"what": "Test accuracy", "run": Path(RUN).name, "split": "test", "metric": "accuracy"}]
    run = start("reports/growth/runs/10_report--report")
    report.build(run, "Growth", "How does it grow?", "", rows, "Test accuracy")


STAGES = {"preparing": preparing, "one epoch": epoch, "evaluation": evaluation, "report": reporting}


def measure(stage):
    """Executes a stage in this process, and prints its processor time in seconds and the most memory it had, in MB, as JSON."""
    most, ended = 0, threading.Event()

    def watch():
        nonlocal most
        while not ended.wait(0.02):
            lines = Path("/proc/self/status").read_text().splitlines()
            most = max(most, next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")))

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    started = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        STAGES[choose("stage", stage, STAGES)]()
    seconds = time.process_time() - started
    ended.set()
    watching.join()
    print(json.dumps({"seconds": round(seconds, 2), "memory_mb": round(most * 1024 / 1e6)}))


def grow(images, times):
    """Measures every stage at each size; a DataFrame with the columns stage, images, megabytes (of the images), seconds, memory_mb."""
    rows = []
    for factor in times:
        with tempfile.TemporaryDirectory() as folder:
            generate(Path(folder), images * factor)
            size = {"images": images * factor, "megabytes": round(images * factor * SIZE * SIZE * 3 / 1e6)}
            for stage in STAGES:
                place = {"FER_TF_ROOT": folder, "FOLDERS": "", "PYTHONPATH": str(PROJECT)}
                rows.append({"stage": stage, **size, **results.apart(__file__, "--stage", stage, **place)})
    return pd.DataFrame(rows)


@style.applied
def drawing(table):
    """Seconds and memory by the number of images, a line for each stage; a dotted one is the size of the images themselves."""
    fig = style.figure(style.PAGE, 2.6)
    columns = {"seconds": "processor time (s)", "memory_mb": "peak memory (MB)"}
    panels = fig.subplots(1, 2)
    for ax, (column, label) in zip(panels, columns.items(), strict=True):
        for i, (stage, rows) in enumerate(table.groupby("stage", sort=False)):
            look = {"color": style.color(CLASSES[i]), "linestyle": style.DASHES[i], "marker": "osv^"[i]}
            ax.plot(rows["images"], rows[column], label=stage, **look)
        ax.set(xlabel="images", ylabel=label)
    sizes, megabytes = (np.unique(table[column]) for column in ("images", "megabytes"))
    panels[1].plot(sizes, megabytes, color=style.GRAY, linestyle=":", label="the images themselves")
    for ax in panels:
        ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
        ax.set_ylim(bottom=0)
    handles, labels = panels[1].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper left", ncols=5)
    return fig


def main():
    values = results.options(
        __doc__,
        images=(1000, "at the smallest size"),
        times=([1, 2, 4, 8], "multiples of it"),
        stage=(None, f"only this one of {', '.join(STAGES)}, in the project of $FER_TF_ROOT"),
    )
    if values.stage:
        measure(values.stage)
        return
    if not Path("/proc/self/status").is_file():
        print("skipped: memory is measured on Linux only")
        return
    table = grow(values.images, values.times)
    results.save(table, __file__, values.out, drawing(table))


if __name__ == "__main__":
    main()
