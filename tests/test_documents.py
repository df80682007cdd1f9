"""What comes from outside: read within bounds, from files only, and held against its schema."""

import json
import multiprocessing
import os
import re
import time
import zipfile

import numpy as np
import pytest
import yaml
from conftest import PROJECT

from fer_tf import datasets, documents, models, paths
from fer_tf.datasets import archives
from fer_tf.errors import InputError
from fer_tf.faces import photographs
from fer_tf.models import predictor
from fer_tf.study import notebooks, runs


def refused(call, *arguments):
    """The one line with which a call is refused."""
    with pytest.raises(InputError) as caught:
        call(*arguments)
    return str(caught.value)


@pytest.mark.parametrize("read", [paths.read_bytes, photographs.read, documents.read_yaml, datasets.read_fer2013])
def test_a_pipe_is_refused_without_waiting_for_it(read, tmp_path):
    for name in ("a.csv", "b.zip"):
        os.mkfifo(tmp_path / name)
        assert "not a file" in refused(read, tmp_path / name)


def test_a_device_that_never_ends_is_refused():
    assert "not a file" in refused(photographs.read, "/dev/zero")


def test_a_file_is_not_read_beyond_its_bound(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert paths.read_bytes(tmp_path / "a", most=5) == b"12345"
    assert "larger than" in refused(paths.read_bytes, tmp_path / "a", 4)


def test_an_image_in_a_folder_that_is_a_pipe_or_leads_nowhere_is_named(tmp_path):
    for kind, make in {"pipe": os.mkfifo, "gone": lambda path: path.symlink_to("none.png")}.items():
        for name in [f"{emotion}/{number}.png" for emotion in ("angry", "happy") for number in range(10)]:
            (tmp_path / kind / name).parent.mkdir(parents=True, exist_ok=True)
            make(tmp_path / kind / name)
        message = refused(datasets.prepare, "folders", tmp_path / kind)
        assert re.search(rf"{kind}: (angry|happy)/\d\.png is no file that can be read", message)


def test_links_that_lead_back_are_followed_once(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").touch()
    (tmp_path / "a" / "back").symlink_to(tmp_path)
    assert [base / name for base, _, names in paths.walk(tmp_path) for name in names] == [tmp_path / "a" / "file"]


def test_an_image_in_a_zip_that_grows_beyond_all_bounds_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_BYTES", 10**5)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in [f"{emotion}/{number}.png" for emotion in ("angry", "happy") for number in range(10)]:
            archive.writestr(name, bytes(10**6))
    assert re.search(
        r"(angry|happy)/\d\.png is larger than 0\.1 MB", refused(datasets.read_folders, tmp_path / "bomb.zip")
    )


def test_a_csv_of_one_endless_line_is_refused_before_memory_fills(tmp_path):
    path = tmp_path / "fer2013.csv"
    path.write_bytes(b"emotion,pixels,Usage\n" + b"0" * 200_000)
    assert "row 2: a row of more than" in refused(datasets.read_fer2013, path)
    path.write_bytes(b"0" * 200_000)
    assert "row 1: no column 'emotion'" in refused(datasets.read_fer2013, path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a: 1\na: 2", "the name 'a' stands twice"),
        (b"a: \xff", "not UTF-8"),
        (b"a: &x [1]\nb: *x", "an alias"),
        (b"a: !!python/object:os.system {}", "not YAML"),
        (b"[" * 5000, "not YAML"),
        (b"a: " + b"9" * 5000, "not YAML"),
        (b"- a", "the whole is a list, expected a mapping"),
        (b"? [a]\n: 1", "not YAML"),
    ],
)
def test_yaml_that_is_no_plain_mapping_is_refused(text, message, tmp_path):
    (tmp_path / "a.yaml").write_bytes(text)
    assert message in refused(documents.read_yaml, tmp_path / "a.yaml")


RUN = {"name": "02_x--a", "notebook": "02_x", "study": "s", "parameters": {}, "data": None, "figures": [], "tables": []}
RUN |= {"findings": [], "versions": {}, "hardware": {}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[]", "expected a mapping"),
        (b"{}", "name is missing"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"code": 5, "code": 6}', "stands twice"),
        (b"[" * 100_000, "unreadable"),
        (json.dumps(RUN | {"data": 3}).encode(), "data is 3, expected a mapping"),
        (json.dumps(RUN | {"tables": [{"name": "a"}]}).encode(), r"tables[0].caption is missing"),
    ],
)
def test_a_record_that_is_none_is_refused(content, message, tmp_path):
    (tmp_path / "run.json").write_bytes(content)
    assert message in refused(runs.open_run, tmp_path)


def test_every_committed_record_fits_the_schema():
    for path in (PROJECT / "reports").glob("*/runs/*/run.json"):
        documents.read_json(path, documents.RUN, "")


@pytest.mark.parametrize(("entry", "value"), [("classes", 7), ("source", None), ("shape", ["a"]), ("hash", 1)])
def test_a_description_of_prepared_data_of_other_types_is_named(entry, value, project, little):
    path = datasets.save(little, "little") / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {entry: value}))
    assert f"dataset.json: {entry}" in refused(datasets.load, "little")


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ("plain text", "no facts between two lines"),
        ("---\nclasses: 5\n---\n", "classes is 5, expected a list"),
        ("---\nclasses: abcdefg\n---\n", "classes is 'abcdefg', expected a list"),
        ("---\nclasses: [a, b, c, d, e, f, g]\ninput_shape: 48\n---\n", "input_shape is 48, expected a list"),
        ("---\nclasses: [a, b, c, d, e, f, g]\ninput_shape: [48, 48]\n---\n", "expected height, width and channels"),
        ("---\nclasses: [a]\nsha256: {n.onnx: '00'}\n---\n", "damaged, or another file than its card"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(card, message, tmp_path):
    (tmp_path / "n.onnx").write_bytes(predictor.shipped().read_bytes())
    (tmp_path / "n.md").write_text(card)
    assert message in refused(models.load_predictor, tmp_path / "n.onnx")


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_a_name_that_stands_twice_is_found_among_many_in_a_moment(kind, tmp_path):
    names = [f"k{number}" for number in range(30_000)]
    if kind == "yaml":
        keys = [yaml.ScalarNode("tag:yaml.org,2002:str", name) for name in names]
        whole = documents._Loader("").construct_mapping
        texts = [
            yaml.MappingNode("tag:yaml.org,2002:map", list(zip(part, part, strict=True)))
            for part in (keys, keys + keys[-1:])
        ]
    else:
        whole, texts = (
            documents._without_duplicates,
            [[(name, 1) for name in part] for part in (names, names + names[-1:])],
        )
    start = time.process_time()
    assert list(whole(texts[0])) == names
    with pytest.raises(ValueError, match="the name 'k29999' stands twice"):
        whole(texts[1])
    assert time.process_time() - start < 2


def test_numbers_in_yaml_take_no_time(tmp_path):
    (tmp_path / "a.yaml").write_text(f"a: {'59:' * 200_000}59\nb: 1:30\nc: -1:30.5\nd: [7, 0x1F, 1e-3, 1.5]")
    start = time.process_time()
    content = documents.read_yaml(tmp_path / "a.yaml")
    assert time.process_time() - start < 3 and content["a"].startswith("59:59")
    assert [content[key] for key in "bcd"] == ["1:30", "-1:30.5", [7, 31, "1e-3", 1.5]]
    for number in ("0x" + "F" * 5000, "9" * 5000, "!!int 59" + ":59" * 1000, "1." + "0" * 5000):
        (tmp_path / "a.yaml").write_text(f"a: {number}")
        assert "not YAML that is read here (a number of" in refused(documents.read_yaml, tmp_path / "a.yaml")


def test_a_card_with_a_number_of_many_digits_is_refused_in_one_line(tmp_path):
    (tmp_path / "n.md").write_text(f"---\nclasses: [a, 0x{'F' * 5000}]\n---\n")
    assert "a number of 5,002 letters" in refused(documents.read_card, tmp_path / "n.md")


def test_a_card_that_windows_saved_is_read_as_any(tmp_path):
    (tmp_path / "n.md").write_bytes(b"\xef\xbb\xbf---\r\nclasses: [a, b]\r\ncolor: true\r\n---\r\nText.\r\n")
    assert documents.read_card(tmp_path / "n.md") == {"classes": ["a", "b"], "color": True}


def test_a_card_may_end_with_its_facts(tmp_path):
    (tmp_path / "n.md").write_text("---\nclasses: [a, b]\n---")
    assert documents.read_card(tmp_path / "n.md") == {"classes": ["a", "b"]}


def test_the_shipped_networks_are_the_files_that_their_cards_are_for(tmp_path):
    for card in models.PRETRAINED.glob("*.md"):
        facts = documents.read_card(card)
        assert set(facts["sha256"]) == {one.name for one in models.PRETRAINED.glob(f"{card.stem}.*") if one != card}
        assert f"{card.stem}.keras" in facts["sha256"]
        for name in facts["sha256"]:
            models.load_predictor(card.with_name(name))


def test_a_keras_file_with_damaged_bytes_is_one_line(tmp_path):
    data = bytearray((models.PRETRAINED / "five_layer.keras").read_bytes())
    data[len(data) // 2 :: 5000] = bytes(len(data[len(data) // 2 :: 5000]))
    (tmp_path / "a.keras").write_bytes(data)
    assert "not a whole model file" in refused(models.load, tmp_path / "a.keras")


@pytest.mark.parametrize("shapes", ["vector", "two inputs"])
def test_a_keras_network_that_takes_no_image_is_one_line(shapes, tmp_path):
    from fer_tf.backend import keras

    inputs = [keras.Input((48, 48, 3)), keras.Input((4,))]
    flat = keras.layers.Flatten()(inputs[0])
    joined = keras.layers.Concatenate()([flat, inputs[1]])
    made = {"vector": (inputs[1], inputs[1]), "two inputs": (inputs, joined)}[shapes]
    outputs = keras.layers.Dense(7, activation="softmax")(made[1])
    keras.Model(made[0], outputs).save(tmp_path / "a.keras")
    assert "takes no images" in refused(models.load_predictor, tmp_path / "a.keras")


def test_a_network_without_numbers_names_no_emotion():
    network = predictor.Classifier(
        paths.Path("a.onnx"), "onnxruntime", lambda x: np.full((len(x), 2), np.nan), ("a", "b")
    )
    assert "no probabilities (NaN)" in refused(network.probabilities, np.zeros((1, 8, 8, 3)))


@pytest.mark.parametrize("damage", [b"", b"PK", b"text", None])
def test_damaged_predictions_name_their_file(damage, tmp_path):
    run, path = runs.Run(tmp_path, {}), tmp_path / "predictions_test.npz"
    arrays = {"probabilities": np.zeros((3, 2)), "labels": np.zeros(2, int), "ids": np.array(["a", "b"])}
    np.savez(path, **arrays, classes=np.array(["x", "y"]))
    if damage is not None:
        path.write_bytes(damage)
    assert "predictions_test.npz: " in refused(run.predictions, "test")


@pytest.mark.parametrize("text", ["", "\0\0\0", "loss\n1"])
def test_a_damaged_history_names_its_file(text, tmp_path):
    (tmp_path / "history.csv").write_text(text)
    assert "history.csv" in refused(runs.Run(tmp_path, {}).history)


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18)])
def test_a_checkpoint_that_is_none_says_what_to_do(content, tmp_path):
    from fer_tf.training import checkpoint

    (tmp_path / "checkpoint.npz").write_bytes(content)
    try:
        assert checkpoint._read(tmp_path / "checkpoint.npz") == {}  # an empty archive
    except InputError as error:
        assert "Remove it to train from the start" in str(error)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch_size": -4},
        {"learning_rate": -1.0},
        {"learning_rate": float("nan")},
        {"label_smoothing": 5.0},
        {"seed": -1},
        {"threads": -3},
        {"batch_sizes": [16, 0]},
        {"teacher_share": 2.0},
        {"mixup": -0.2},
        {"cutmix": -1.0},
        {"average": 1.0},
        {"cycles": 0},
        {"resamples": 0},
        {"curve": -1},
        {"patch": 1},
        {"search": -1},
        {"components": -96},
        {"calibration": 0},
        {"smoothing_seconds": 0.0},
        {"height": 48},
        {"anything": float("inf")},
    ],
)
def test_a_parameter_out_of_its_range_is_named_with_the_range(wrong):
    (name,) = wrong
    assert documents.out_of_range(wrong).startswith(f"{name} is ")


def numbers_in(notebook):
    for name, value in notebooks.parameters(notebook).items():
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, (int, float)) and not isinstance(first, bool):
            yield name


@pytest.mark.parametrize("notebook", sorted((PROJECT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_number_among_the_parameters_has_a_range_and_its_default_is_in_it(notebook):
    assert set(numbers_in(notebook)) <= set(documents.RANGES)
    assert documents.out_of_range(notebooks.parameters(notebook)) == ""


def test_trainings_check_their_ranges_too(little, tmp_path):
    from fer_tf import training

    assert "seed is -1" in refused(training.make_deterministic, -1)
    model = models.build("plain_cnn", (48, 48, 1), 3)
    parts = little.split("train"), little.split("validation")
    with pytest.raises(InputError, match=r"label_smoothing is 5, expected 0 to 1"):
        training.fit(model, *parts, tmp_path, epochs=1, label_smoothing=5)


def _hold(path, ready, end):
    with paths.locked(path, "it", path.with_name("made")):
        ready.set()
        end.wait(20)
        path.with_name("made").touch()
        os.utime(path.with_name("made"), (0, 0))  # the clock was set back


def test_a_lock_is_waited_for_and_its_holder_named(tmp_path, capfd):
    spawn = multiprocessing.get_context("fork")
    ready, end = spawn.Event(), spawn.Event()
    other = spawn.Process(target=_hold, args=(tmp_path / ".a.lock", ready, end))
    other.start()
    assert ready.wait(20)
    spawn.Process(target=lambda: (spawn.Event().wait(0.3), end.set())).start()
    with paths.locked(tmp_path / ".a.lock", "02_little--a", tmp_path / "made") as (_, made):
        assert made
    other.join()
    assert f"02_little--a is being made by process {other.pid} on " in capfd.readouterr().out
    with paths.locked(tmp_path / ".a.lock", "it", tmp_path / "made") as (_, made):
        assert not made
