"""Every reader of what comes from outside, given files that were whole and are not: nothing but `InputError` comes out.

Here each reader gets a few damaged files, the same ones every time. `make fuzz SECONDS=600` goes on for that long with others, from the time of day or a SEED on.
"""

import os
import re
import shutil
import time
import zipfile
from io import BytesIO

import cv2
import hypothesis
import numpy as np
import pytest
import torch_files
from conftest import PROJECT, make_dataset, start_run
from hypothesis import strategies as st
from PIL import Image

from fer_tf import datasets, documents, paths
from fer_tf.datasets import affectnet, attributes, fer_plus, five_class, rafdb, standin
from fer_tf.errors import InputError
from fer_tf.faces import photographs, video
from fer_tf.models import predictor, torch_weights
from fer_tf.study import execute, runs, verify

SECONDS = float(os.environ.get("FUZZ_SECONDS", 0))
SEED = int(os.environ.get("FUZZ_SEED") or (time.time() if SECONDS else 0))
FEW = {"keras network": 2, "onnx network": 5, "clip": 5}
"""Examples of readers that take their time; the others get 15."""

TOKENS = b'|0|-1|7|1.5|1e999|nan|99999999999999999999|null|true|[]|{}|""|"x"|[[1]]|{"a": 1}|\xff|\0|\r\n| |,|;|/|../..'.split(
    b"|"
)
TOKENS += [
    b"9" * 5000,
    b"[" * 5000,
    b"x" * 200_000,
    "²".encode(),
    "٣".encode(),
    b"|O",
    b"<U9",
    b"<c16",
    b"(0,)",
    b"(1, 1, 1)",
]
TOKENS += [b"!!python/name:os.system", b"&a [*a]", b"2024-01-01", b"---\n", b"- "]
PHASES = (hypothesis.Phase.generate, hypothesis.Phase.shrink)
KINDS = ("word", "word", "write", "cut", "remove", "repeat", "insert")
MUTATION = st.tuples(st.sampled_from(KINDS), st.integers(0, 65535), st.integers(0, 255), st.sampled_from(TOKENS))


def damaged(data, mutations, inside):
    """Bytes after some mutations, each (kind, place in 65536ths, amount, token); `inside` a zip, one of its files' bytes."""
    if inside and data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = sorted(members)[inside % len(members)]
        members[name] = damaged(members[name], mutations, inside // 7)
        whole = BytesIO()
        with zipfile.ZipFile(whole, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return whole.getvalue()
    for kind, place, amount, token in mutations:
        at = place * len(data) >> 16
        if kind == "word":
            words = list(re.finditer(rb'"[^"]*"|[\w.+-]+|[^\w\s]', data[:100_000]))
            start, end = words[place * len(words) >> 16].span() if words else (0, 0)
            data = data[:start] + token + data[end:]
        else:
            middle = {"write": bytes([amount]), "insert": token, "repeat": data[at : at + 64] * amount}.get(kind, b"")
            data = data[:at] + middle + data[{"cut": len(data), "remove": at + amount, "write": at + 1}.get(kind, at) :]
    return data


def pictures(folder):
    image = make_dataset(size=16, channels=3).images[0]
    for suffix in ("jpg", "png", "gif", "tiff", "webp", "bmp"):
        Image.fromarray(image).save(folder / f"a.{suffix}")
    Image.fromarray(image[..., 0]).save(folder / "gray.png")


def csv(folder):
    pixels = " ".join(["0", "7", "255"] * 768)
    rows = [f"{i},{pixels},{usage}" for i in (0, 3) for usage in ("Training", "PublicTest", "PrivateTest")]
    (folder / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *rows]))


def archived(kind, write):
    """What writes a dataset's files as one archive."""

    def make(folder):
        write(folder)
        shutil.make_archive(folder.parent / "a", kind, folder)
        shutil.rmtree(folder)
        folder.mkdir()
        next(folder.parent.glob("a.*")).rename(folder / f"a.{kind}")

    return make


def classes(folder):
    for split in datasets.SPLITS:
        for emotion in ("angry", "happy"):
            (folder / split / emotion).mkdir(parents=True)
            for number in range(2):
                cv2.imwrite(str(folder / split / emotion / f"{number}.png"), np.full((16, 16), number * 99, np.uint8))


def drawn(layout, train):
    def make(folder):
        folder.rmdir()
        standin.write(layout, folder, {"train": train, "test": 1})

    return make


def parameters(folder):
    (folder / "common.yaml").write_text("dataset: sample\nseed: 3\n")
    (folder / "02_train_cnn--a.yaml").write_text("about: 'it'\nepochs: 2\nlearning_rate: 0.1\noptions: {a: [1, b]}\n")


def card(folder):
    (folder / "n.onnx").write_bytes(b"a network")
    facts = "classes: [a, b]\ninput_shape: [48, 48, 3]\ncolor: true\nsha256: {other.onnx: '00'}"
    (folder / "n.md").write_text(f"---\n{facts}\n---\n# A network\n")


def record(folder):
    shutil.copy(PROJECT / "reports/fer2013_five_layer/runs/02_train_cnn--tuned/run.json", folder)


def read_record(folder):
    run = runs.open_run(folder)
    return run.tables(), run.parameters_table(), run.label


def prepared(folder):
    dataset = make_dataset(size=8)
    os.environ["FER_TF_ROOT"] = str(folder)
    attributes.save("little", dataset, {"age": np.array(["old"] * len(dataset)), "valence": np.ones(len(dataset))})
    datasets.save(dataset, "little")


def read_prepared(folder):
    os.environ["FER_TF_ROOT"] = str(folder)
    dataset = datasets.load("little", ("train", "validation"))
    datasets.verify_split("little", "test", datasets.split_hashes("little").get("test", ""))
    return attributes.load(dataset), dataset.counts(), dataset.hash


def results(folder):
    arrays = {"probabilities": np.full((3, 2), 0.5, np.float32), "labels": np.array([0, 1, 1])}
    np.savez(folder / "predictions_test.npz", **arrays, ids=np.array(["a", "b", "c"]), classes=np.array(["x", "y"]))
    (folder / "history.csv").write_text("epoch,loss,val_accuracy\n1,0.5,0.3\n2,0.25,0.4\n")


def read_results(folder):
    run = runs.Run(folder, {})
    return run.history(), run.predictions("test")


REPORT = {"results.json": ".", "cards.json": ".", "run.json": "runs/00_data--little"}
"""What `make verify` reads, and where each lies in a study; the last lists the leaks of the test split."""


def report(folder):
    from study import test_verify

    os.environ["FER_TF_ROOT"] = str(folder.parent / "project")
    for place in ("notebooks/studies", "data"):
        (folder.parent / "project" / place).mkdir(parents=True)
    dataset = make_dataset(per_class=6)
    datasets.save(dataset, "little")
    data = start_run("reports/s/runs/00_data--little", dataset)
    data.note(leaks=[str(dataset.split("test").ids[0])])
    data.finish("Done.")
    run = start_run("reports/s/runs/02_train_cnn--a", datasets.load("little", ("train", "validation")))
    run.finish("Done.")
    for split in ("validation", "test"):
        part = datasets.load("little", split)
        run.save_predictions(split, np.eye(3)[part.labels] * 0.7 + 0.1, part)
    test_verify.report(run.name, data.name)
    for name, place in REPORT.items():
        shutil.copy(paths.study("s") / place / name, folder)


def read_report(folder):
    os.environ["FER_TF_ROOT"] = str(folder.parent / "project")
    for name, place in REPORT.items():
        shutil.copy(folder / name, paths.study("s") / place)
    lines = verify.verify("s")
    assert {verdict for _, verdict, _ in lines} <= {"holds", "fails", "not repeated"}


def training(folder):
    arrays = {"kept/0": np.ones(3), "weights/0": np.ones(3), "history/epoch": np.array([1]), "optimizer/0": np.ones(2)}
    np.savez(folder / "checkpoint.npz", key="k", epochs_done=1, ended=False, **arrays)


def read_checkpoint(folder):
    from fer_tf.training import checkpoint

    return checkpoint._read(folder / "checkpoint.npz")


def clip(folder):
    for codec, suffix in (("MJPG", "avi"), ("mp4v", "mp4")):
        writer = cv2.VideoWriter(str(folder / f"a.{suffix}"), cv2.VideoWriter_fourcc(*codec), 10, (32, 32))
        for number in range(6):
            writer.write(np.full((32, 32, 3), number * 40, np.uint8))
        writer.release()


def read_clip(folder):
    for path in sorted(folder.iterdir()):
        with video.open_source(path) as source:
            assert all(frame.image.ndim == 3 for frame in source)


def clip_table(folder):
    rows = ["frame,time_s,track,x,y,width,height,score,emotion,raw_a,raw_b,a,b", "0,0.000,1,1,2,3,4,0.9,a,1,0,1,0"]
    (folder / "a.csv").write_text("\n".join(rows))


def onnx_network(folder):
    onnx = pytest.importorskip("onnx", reason="the extra export is not installed")
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in (("image", ("n", 2, 2, 3)), ("flat", ("n", 12)))
    ]
    nodes = [onnx.helper.make_node("Flatten", ["image"], ["flat"])]
    graph = onnx.helper.make_graph(nodes, "g", ends[:1], ends[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=7)
    (folder / "n.onnx").write_bytes(model.SerializeToString())
    names = ", ".join("abcdefghijkl")
    (folder / "n.md").write_text(f"---\nclasses: [{names}]\ninput_shape: [2, 2, 3]\n---\n")


def keras_network(folder):
    from fer_tf.backend import keras

    image = keras.Input((4, 4, 3))
    keras.Model(image, keras.layers.Dense(7)(keras.layers.Flatten()(image))).save(folder / "n.keras")


def torch_file(folder):
    arrays = {"conv.weight": np.ones((2, 3), np.float32), "bias": np.ones(2, np.float32)}
    torch_files.save_old(folder / "a.pth", arrays)


def each(read):
    return lambda folder: [read(path) for path in sorted(folder.iterdir())]


READERS = {
    "FER2013 as CSV": (csv, lambda folder: datasets.read_fer2013(folder / "fer2013.csv")),
    "FER2013 as zip": (archived("zip", csv), datasets.read_fer2013),
    "class folders": (classes, lambda folder: datasets.read_folders(folder, size=16)),
    "zip of class folders": (archived("zip", classes), lambda folder: datasets.read_folders(folder / "a.zip", size=16)),
    "tar of class folders": (archived("tar", classes), lambda folder: datasets.read_folders(folder / "a.tar", size=16)),
    "RAF-DB": (drawn("rafdb", 2), lambda folder: rafdb.read_rafdb(folder, 0.5, 16)),
    "RAF-DB from Kaggle": (drawn("rafdb_kaggle", 2), lambda folder: rafdb.read_rafdb(folder, 0.5, 16)),
    "AffectNet": (drawn("affectnet", 7), lambda folder: affectnet.read_affectnet(folder, size=16)),
    "AffectNet, full": (drawn("affectnet_full", 7), lambda folder: affectnet.read_affectnet(folder, size=16)),
    "AffectNet in folders": (drawn("affectnet_folders", 7), lambda folder: affectnet.read_affectnet(folder, size=16)),
    "five classes": (drawn("five_class", 5), lambda folder: five_class.read_five_class(folder, size=16)),
    "FER+": (drawn("fer_plus", 2), fer_plus.read_fer_plus),
    "parameters": (parameters, lambda folder: execute.read_parameters(folder / "02_train_cnn--a.yaml")),
    "card": (card, lambda folder: (documents.read_card(folder / "n.md"), predictor._facts(folder / "n.onnx"))),
    "record": (record, read_record),
    "prepared dataset": (prepared, read_prepared),
    "results": (results, read_results),
    "report": (report, read_report),
    "checkpoint": (training, read_checkpoint),
    "photographs": (pictures, each(photographs.read)),
    "clip": (clip, read_clip),
    "clip's table": (clip_table, each(video.read_table)),
    "onnx network": (onnx_network, lambda folder: predictor.load_predictor(folder / "n.onnx")),
    "keras network": (keras_network, lambda folder: predictor.load_predictor(folder / "n.keras")),
    "PyTorch's weights": (torch_file, each(torch_weights.read)),
}
"""Name -> what writes valid files into a folder, and what reads them."""


@pytest.mark.parametrize("name", READERS)
def test_of_damaged_files_nothing_comes_but_one_line(name, tmp_path, monkeypatch):
    make, read = READERS[name]
    whole, folder = tmp_path / "whole", tmp_path / "damaged"
    monkeypatch.setenv("FER_TF_ROOT", str(PROJECT))
    whole.mkdir()
    make(whole)
    read(whole)
    files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    shutil.copytree(whole, folder)

    @hypothesis.settings(max_examples=FEW.get(name, 15), deadline=None, database=None, phases=PHASES)
    @hypothesis.given(st.integers(0, 10**6), st.integers(0, 60), st.lists(MUTATION, min_size=1, max_size=3))
    def reads(number, inside, mutations):
        file = files[number % len(files)]
        (folder / file).write_bytes(damaged((whole / file).read_bytes(), mutations, inside))
        hypothesis.note(f"{file} is damaged")
        try:
            read(folder)
        except InputError:
            pass
        finally:
            (folder / file).write_bytes((whole / file).read_bytes())

    end = time.monotonic() + SECONDS / len(READERS)
    for seed in range(SEED, SEED + 10**9):
        hypothesis.seed(seed)(reads)()
        if time.monotonic() >= end:
            break
