"""The dataset, its place on disk, and FER2013 in every form that people hold it, made small here."""

import io
import json
import os
import shutil
import tarfile
import zipfile
from dataclasses import replace
from pathlib import PurePosixPath

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_tf import datasets, emotions, paths
from fer_tf.datasets import Dataset
from fer_tf.datasets.fer2013_csv import parse_pixels
from fer_tf.errors import InputError

USAGES = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}


@pytest.fixture(autouse=True)
def no_dataset(project, monkeypatch):
    """A project's folder of its own for each test, with no dataset in it."""
    monkeypatch.delenv("FER2013", raising=False)


def small(n=12, name="small", seed=0, splits=("train", "validation", "test")):
    rng = np.random.default_rng(seed)
    return Dataset(
        name=name,
        classes=("happy", "sad", "fear"),
        images=rng.integers(0, 256, (n, 8, 8, 1), dtype=np.uint8),
        labels=np.arange(n) % 3,
        splits=np.sort(np.resize(splits, n))[::-1],
        ids=[f"row {row}" for row in range(n)],
        source={"file": "made here"},
    )


def face(seed):
    return np.random.default_rng(seed).integers(0, 256, (48, 48), dtype=np.uint8)


def png(image):
    return cv2.imencode(".png", image)[1].tobytes()


def faces_of(form="usages", per_class=2, top=""):
    """The files of a FER2013 of class folders: name to bytes."""
    files, seed = {}, 0
    for usage, split in USAGES.items():
        for emotion in emotions.FER2013:
            for number in range(per_class):
                seed += 1
                if form == "usages":
                    name = f"{'train' if split == 'train' else 'test'}/{emotion}/{usage}_{seed}.png"
                elif split in form:
                    name = f"{split}/{emotion}/{number}.png"
                else:
                    continue
                files[top + name] = png(face(seed))
    return files


def as_zip(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def as_folder(path, files):
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def rows(n=21):
    """(emotion code, image, usage) of each row of a CSV."""
    return [(row % 7, face(row), list(USAGES)[row % 3]) for row in range(n)]


def csv_text(table, header="emotion,pixels,Usage", order=(0, 1, 2)):
    lines = [header]
    for code, image, usage in table:
        cells = (str(code), " ".join(map(str, image.ravel())), usage)
        lines.append(",".join(cells[place] for place in order))
    return ("\n".join(lines) + "\n").encode()


def message(call, *args, **options):
    with pytest.raises(InputError) as caught:
        call(*args, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text


# The dataset


def test_a_split_has_its_own_rows_only():
    dataset = small()
    assert set(dataset.split("train").splits) == {"train"}
    assert sum(len(dataset.split(name)) for name in datasets.SPLITS) == len(dataset)


def test_a_missing_split_is_named_with_those_there_are():
    text = message(small(splits=("train", "validation")).split, "test")
    assert "'test'" in text and "train, validation" in text


def test_counts_have_one_row_per_class_and_one_column_per_split():
    counts = small(12).counts()
    assert list(counts.index) == ["happy", "sad", "fear"]
    assert list(counts.columns) == ["train", "validation", "test"]
    assert counts.to_numpy().sum() == 12 and set(counts.dtypes) == {np.dtype(int)}


def test_the_hash_follows_the_content_and_nothing_else():
    dataset = small()
    same = replace(dataset, name="other name", images=dataset.images.copy())
    assert dataset.hash == same.hash and len(dataset.hash) == 64
    changed = dataset.images.copy()
    changed[0, 0, 0, 0] ^= 1
    for part in (
        {"images": changed},
        {"labels": dataset.labels[::-1]},
        {"splits": np.roll(dataset.splits, 1)},
        {"classes": ("happy", "sad", "angry")},
    ):
        assert replace(dataset, **part).hash != dataset.hash


def test_select_takes_masks_and_indices_alike():
    dataset = small()
    mask = dataset.labels == 1
    assert dataset.select(mask).hash == dataset.select(np.flatnonzero(mask)).hash
    assert dataset.select([2, 0]).ids.tolist() == ["row 2", "row 0"]
    assert "12 images" in message(dataset.select, [12])
    assert "mask" in message(dataset.select, np.ones(5, dtype=bool))


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"images": np.zeros((12, 8, 8, 1), dtype=np.float32)}, "float32"),
        ({"images": np.zeros((12, 8, 8, 2), dtype=np.uint8)}, "1 or 3"),
        ({"labels": np.arange(11)}, "11 labels"),
        ({"labels": np.full(12, 3)}, "3 classes"),
        ({"splits": np.full(12, "dev")}, "'dev'"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(part, expected):
    assert expected in message(replace, small(12), **part)


# On disk


def test_what_was_saved_is_loaded_as_a_memory_map():
    dataset = small()
    datasets.save(dataset, "small")
    loaded = datasets.load("small")
    assert isinstance(loaded.images, np.memmap) and not loaded.images.flags.writeable
    assert loaded.hash == replace(loaded).hash == dataset.hash  # as recorded, and computed anew
    assert loaded.ids.tolist() == dataset.ids.tolist() and loaded.source == dataset.source


def test_splits_are_loaded_alone_and_stay_memory_maps():
    datasets.save(small(), "small")
    loaded = datasets.load("small", splits=("train", "validation"))
    assert loaded.split_names() == ("train", "validation")
    assert isinstance(loaded.images, np.memmap)
    assert datasets.load("small", splits="test").split_names() == ("test",)
    assert "'dev'" in message(datasets.load, "small", splits=("train", "dev"))


def test_unchanged_content_is_left_untouched():
    folder = datasets.save(small(), "small")
    for file in folder.iterdir():
        os.utime(file, (1, 1))
    datasets.save(small(), "small")
    assert {file.stat().st_mtime for file in folder.iterdir()} == {1}
    datasets.save(small(seed=1), "small")
    assert all(file.stat().st_mtime > 1 for file in folder.iterdir())
    assert datasets.load("small").hash == small(seed=1).hash


def test_a_save_that_breaks_off_leaves_no_dataset_that_could_be_loaded(monkeypatch):
    folder = datasets.save(small(), "small")
    written = []

    def full(file, array):
        if written:
            raise OSError(28, "No space left on device")
        written.append(file)
        original(file, array)

    original = np.save
    monkeypatch.setattr(np, "save", full)
    assert "No space left" in message(datasets.save, small(seed=1), "small")
    assert "not prepared" in message(datasets.load, "small")
    assert not [file for file in folder.iterdir() if "part" in file.name]


def test_a_damaged_prepared_file_is_named():
    folder = datasets.save(small(), "small")
    (folder / "images.npy").write_bytes(b"\x93NUMPY")
    assert "make data" in message(datasets.load, "small")


def test_a_dataset_that_is_not_prepared_says_what_to_run():
    assert "run `make data STUDY=" in message(datasets.load, "fer2013")
    assert "no name" in message(datasets.load, "../elsewhere")


# FER2013 as CSV


@pytest.mark.parametrize(
    ("name", "header", "order"),
    [
        ("fer2013.csv", "emotion,pixels,Usage", (0, 1, 2)),
        ("icml_face_data.csv", "emotion, Usage, pixels", (0, 2, 1)),
        ("renamed.csv", '"Usage","emotion","pixels"', (2, 0, 1)),
    ],
)
def test_columns_are_found_by_name_in_any_order(tmp_path, name, header, order):
    (tmp_path / name).write_bytes(csv_text(rows(), header, order))
    dataset = datasets.read_fer2013(tmp_path / name)
    assert dataset.classes == emotions.FER2013
    assert dataset.images.shape == (21, 48, 48, 1)
    for identity, image, label, split in zip(dataset.ids, dataset.images, dataset.labels, dataset.splits, strict=True):
        code, expected, usage = rows()[int(identity.split()[1]) - 2]  # the header is row 1
        assert (label, split) == (code, USAGES[usage])
        assert np.array_equal(image[..., 0], expected)
    assert dataset.source["split"].startswith("official")


def test_every_form_of_the_csv_gives_the_same_dataset(tmp_path):
    text = csv_text(rows())
    (tmp_path / "fer2013.csv").write_bytes(text)
    windows = tmp_path / "windows.csv"
    windows.write_bytes(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"))
    zipped = as_zip(tmp_path / "kaggle.zip", {"fer2013/fer2013.csv": text, "fer2013/README": b"read me"})
    tarred = tmp_path / "fer2013.tar.gz"
    with tarfile.open(tarred, "w:gz") as archive:
        info = tarfile.TarInfo("fer2013/fer2013.csv")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    folder = as_folder(tmp_path / "folder", {"deep/fer2013.csv": text})
    holds_tar = tmp_path / "holds_tar"
    holds_tar.mkdir()
    (holds_tar / "fer2013.tar.gz").write_bytes(tarred.read_bytes())
    forms = (tmp_path / "fer2013.csv", windows, zipped, tarred, folder, holds_tar)
    assert len({datasets.read_fer2013(form).hash for form in forms}) == 1


def broken(change):
    lines = csv_text(rows()).decode().splitlines()
    lines[9] = change(lines[9])
    return ("\n".join(lines) + "\n").encode()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda line: line.replace(" ", ",", 1), "row 10: 4 fields, expected 3"),
        (lambda line: line[:2] + line[2:].split(" ", 1)[1], "row 10: 2,303 pixels, expected 2,304 (48x48)"),
        (lambda line: line.replace(",", ",7 ", 1), "row 10: 2,305 pixels, expected 2,304"),
        (lambda line: "1,256 " + line.split(",", 1)[1].split(" ", 1)[1], "row 10: pixel 1 is '256'"),
        (lambda line: "1,1000 " + line.split(",", 1)[1].split(" ", 1)[1], "row 10: pixel 1 is '1000'"),
        (lambda line: "1,00999 " + line.split(",", 1)[1].split(" ", 1)[1], "row 10: pixel 1 is '00999'"),
        (lambda line: f"1,{'9' * 5000} " + line.split(",", 1)[1].split(" ", 1)[1], "row 10: pixel 1 is '999999999999'"),
        (lambda line: "1,-1 " + line.split(",", 1)[1].split(" ", 1)[1], "row 10: pixel 1 is '-1'"),
        (lambda line: "1,1.0 " + line.split(",", 1)[1].split(" ", 1)[1], "row 10: pixel 1 is '1.0'"),
        (lambda line: "7" + line[1:], "row 10: emotion '7'"),
        (lambda line: "happy" + line[1:], "row 10: emotion 'happy'"),
        (lambda line: line.rsplit(",", 1)[0] + ",Test", "row 10: Usage 'Test'"),
        (lambda line: line[:1000], "row 10: 2 fields"),
    ],
)
def test_a_wrong_row_is_named_with_what_was_expected(tmp_path, change, expected):
    (tmp_path / "fer2013.csv").write_bytes(broken(change))
    text = message(datasets.read_fer2013, tmp_path / "fer2013.csv")
    assert text.startswith("fer2013.csv, ") and expected in text
    assert text.endswith("Remove the row or download the file again.")


def test_a_csv_without_usages_or_without_one_split_is_refused(tmp_path):
    path = tmp_path / "fer2013.csv"
    path.write_bytes(csv_text(rows(), "emotion,pixels,other"))
    assert "no column 'usage'" in message(datasets.read_fer2013, path)
    path.write_bytes(csv_text([row for row in rows() if row[2] != "PublicTest"]))
    assert "PublicTest" in message(datasets.read_fer2013, path)
    path.write_bytes(b"emotion,pixels,Usage\n")
    assert "no rows" in message(datasets.read_fer2013, path)
    path.write_bytes(b"")
    assert "no column" in message(datasets.read_fer2013, path)


def test_zeros_before_a_pixels_digits_do_not_matter():
    words = [b"0007", b"0" * 5000, b"00255", *[b"1"] * 2301]
    assert parse_pixels([b" ".join(words)])[0, :4].tolist() == [7, 0, 255, 1]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.sampled_from([10, 100, 256]), st.booleans())
def test_parsing_gives_back_every_pixel_that_was_written(seed, count, top, tidy):
    pixels = np.random.default_rng(seed).integers(0, top, (count, 2304))
    texts = [" ".join(map(str, row)).encode() for row in pixels]
    if not tidy:  # what the fast way does not know is read by the careful one
        texts[0] = b"  " + texts[0].replace(b" ", b"  ", 1) + b" "
    assert np.array_equal(parse_pixels(texts), pixels)


# FER2013 as class folders


@pytest.mark.parametrize("top", ["", "fer2013/", "a/b/"])
def test_official_split_is_recovered_from_file_names(tmp_path, top):
    dataset = datasets.read_fer2013(as_zip(tmp_path / "archive.zip", faces_of(top=top)))
    assert dataset.counts().to_numpy().tolist() == [[2, 2, 2]] * 7
    assert dataset.source["split"].startswith("official")
    for identity, split, label in zip(dataset.ids, dataset.splits, dataset.labels, strict=True):
        assert USAGES[identity.split("/")[-1].split("_")[0]] == split
        assert emotions.FER2013[label] == identity.split("/")[1]


def test_images_keep_their_pixels_and_rows_their_order(tmp_path):
    files = faces_of()
    dataset = datasets.read_fer2013(as_zip(tmp_path / "archive.zip", dict(reversed(files.items()))))
    for identity, image in zip(dataset.ids, dataset.images, strict=True):
        seed = int(identity.rsplit("_", 1)[1].removesuffix(".png"))
        assert np.array_equal(image[..., 0], face(seed))
    keys = [(datasets.SPLITS.index(split), name) for split, name in zip(dataset.splits, dataset.ids, strict=True)]
    assert keys == sorted(keys)


def test_a_zip_a_tar_and_a_folder_of_the_same_files_are_the_same_dataset(tmp_path):
    files = faces_of()
    junk = {"__MACOSX/train/angry/._Training_1.png": b"x", "train/angry/.DS_Store": b"x", "train/angry/Thumbs.db": b"x"}
    zipped = datasets.read_fer2013(as_zip(tmp_path / "archive.zip", {**files, **junk}))
    folder = datasets.read_fer2013(as_folder(tmp_path / "folder", {**files, **junk, "README.md": b"read me"}))
    assert zipped.hash == folder.hash and zipped.ids.tolist() == folder.ids.tolist()
    tarred = datasets.read_fer2013(shutil.make_archive(tmp_path / "archive", "gztar", tmp_path / "folder"))
    assert tarred.hash == folder.hash


def test_class_folders_may_carry_other_names_of_the_emotion(tmp_path):
    files = {name.replace("/angry/", "/Anger/").replace("/happy/", "/Happiness/"): d for name, d in faces_of().items()}
    assert datasets.read_fer2013(as_zip(tmp_path / "a.zip", files)).counts().to_numpy().tolist() == [[2, 2, 2]] * 7


def test_differences_from_the_official_counts_are_told(tmp_path):
    expected = datasets.read_fer2013(as_zip(tmp_path / "archive.zip", faces_of())).source["differences"]
    assert "Training (train): 14 images, officially 28,709." in expected
    assert "disgust: 6 images, officially 547." in expected
    assert len(expected) == 10


@pytest.mark.parametrize("held_out", ["test", "validation"])
def test_without_usages_the_held_out_folder_is_the_test_split(tmp_path, held_out):
    files = faces_of(form=("train", held_out), per_class=18)
    zipped = datasets.read_fer2013(as_zip(tmp_path / "archive.zip", files))
    assert zipped.counts().to_numpy().tolist() == [[16, 2, 18]] * 7
    assert zipped.source["split"].startswith(f"not official: the folder {held_out} is the test split")
    assert all(identity.startswith(f"{held_out}/") for identity in zipped.split("test").ids)
    folder = datasets.read_fer2013(as_folder(tmp_path / "deep" / "er", files).parent)
    assert folder.hash == zipped.hash
    other = datasets.read_fer2013(tmp_path / "archive.zip", seed=1)
    assert other.hash != zipped.hash and "seed 1" in other.source["split"]


def test_three_folders_are_three_splits(tmp_path):
    dataset = datasets.read_fer2013(as_zip(tmp_path / "a.zip", faces_of(form=datasets.SPLITS)))
    assert dataset.counts().to_numpy().tolist() == [[2, 2, 2]] * 7
    assert dataset.source["split"].startswith("not official")


def without(files, start):
    return {name: data for name, data in files.items() if not name.startswith(start)}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda f: {**f, "train/angry/Training_9.png": png(face(9))[:-30]}, "train/angry/Training_9.png is cut off"),
        (lambda f: {**f, "train/angry/Training_9.jpg": b"\xff\xd8\xff" + b"0" * 500}, "Training_9.jpg is cut off"),
        (lambda f: {**f, "train/angry/Training_9.jpg": b"<html>"}, "train/angry/Training_9.jpg is not an image"),
        (lambda f: {**f, "train/angry/Training_9.txt": b"notes"}, "train/angry/Training_9.txt is not an image"),
        (lambda f: {**f, "train/angry/Training_9.png": b""}, "is an empty file"),
        (lambda f: {**f, "train/bored/Training_9.png": png(face(9))}, "unknown class folder 'bored'"),
        (lambda f: {**f, "train/contempt/Training_9.png": png(face(9))}, "unknown class folder 'contempt'"),
        (lambda f: {**f, "train/Training_9.png": png(face(9))}, "lies in no class folder"),
        (lambda f: {**f, "train/angry/face.png": png(face(9))}, "train/angry/face.png has no usage"),
        (lambda f: {**f, "train/angry/Training_9.png": png(face(9)[:24])}, "is 48x24 pixels, expected 48x48"),
        (lambda f: {**f, "again/train/angry/Training_1.png": png(face(1))}, "missing"),
        (lambda f: {**f, **{f"again/{name}": data for name, data in f.items()}}, "is there twice"),
        (lambda f: without(f, "train/disgust"), "class folder train/disgust is empty or missing"),
        (lambda f: {n: d for n, d in f.items() if "Public" not in n}, "no file named PublicTest_"),
        (lambda f: {n.replace("PublicTest_", "").replace("PrivateTest_", ""): d for n, d in f.items()}, "no usage"),
        (lambda f: faces_of(form=("train",)), "only train/"),
        (lambda f: {n.split("/", 1)[1]: d for n, d in faces_of(form=("train",)).items()}, "no split"),
        (lambda f: {"README.md": b"nothing else"}, "neither a FER2013 CSV nor class folders"),
        (lambda f: {}, "holds no files"),
    ],
)
def test_wrong_class_folders_are_refused_with_the_file_named(tmp_path, change, expected):
    assert expected in message(datasets.read_fer2013, as_zip(tmp_path / "archive.zip", change(faces_of())))


def test_an_image_of_another_size_is_told_with_all_sizes_found(tmp_path):
    files = {**faces_of(), "train/angry/Training_9.png": png(np.zeros((96, 96), np.uint8))}
    text = message(datasets.read_fer2013, as_zip(tmp_path / "archive.zip", files))
    assert "42 of 48x48, 1 of 96x96" in text


def test_unreadable_files_are_skipped_and_told_where_that_is_asked_for(tmp_path):
    files = {**faces_of(), "train/angry/Training_9.png": png(face(9))[:-30]}
    dataset = datasets.read_fer2013(as_zip(tmp_path / "archive.zip", files), unreadable="skip")
    assert len(dataset) == 42
    assert dataset.source["skipped"] == ["train/angry/Training_9.png is cut off: a PNG without its end"]


def test_a_damaged_entry_of_a_zip_is_named(tmp_path):
    path = as_zip(tmp_path / "archive.zip", faces_of())
    data = bytearray(path.read_bytes())
    data[data.index(b"train/angry/Training_1.png") + 500] ^= 0xFF
    path.write_bytes(data)
    assert "train/angry/Training_1.png cannot be read" in message(datasets.read_fer2013, path)


@pytest.mark.parametrize("name", ["../a.png", "/etc/a.png", "train/../../a.png", "..\\a.png", "C:/a.png"])
def test_an_archive_that_climbs_out_is_refused_before_it_is_read(tmp_path, name, monkeypatch):
    path = as_zip(tmp_path / "archive.zip", {**faces_of(), name: png(face(1))})
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *args: pytest.fail("something was read"))
    assert "points outside" in message(datasets.read_fer2013, path)


def test_a_tar_that_climbs_out_is_refused(tmp_path):
    with tarfile.open(tmp_path / "fer2013.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../fer2013.csv"), io.BytesIO(b""))
    assert "points outside" in message(datasets.read_fer2013, tmp_path / "fer2013.tar.gz")


def test_what_is_no_archive_is_refused(tmp_path):
    page = tmp_path / "archive.zip"
    page.write_bytes(b"<html>sign in to download</html>")
    assert "archive.zip: not a whole zip file" in message(datasets.read_fer2013, page)
    whole = as_zip(tmp_path / "whole.zip", faces_of()).read_bytes()
    page.write_bytes(whole[: len(whole) // 2])
    assert "not a whole zip file" in message(datasets.read_fer2013, page)
    (tmp_path / "fer2013.tar.gz").write_bytes(b"nothing")
    assert "not a whole tar" in message(datasets.read_fer2013, tmp_path / "fer2013.tar.gz")
    (tmp_path / "fer2013.rar").write_bytes(b"Rar!")
    assert "not a folder, .zip or .tar.gz" in message(datasets.read_fer2013, tmp_path / "fer2013.rar")
    (tmp_path / "empty").mkdir()
    assert "holds no files" in message(datasets.read_fer2013, tmp_path / "empty")


# Class folders of one's own


def test_class_folders_of_any_size_are_resized_to_the_size_wanted(tmp_path):
    wide = np.zeros((60, 100), np.uint8)
    wide[:, 20:80] = 200  # the square in the middle
    names = [f"{emotion}/{n}.png" for emotion in ("joy", "sad", "contempt") for n in range(10)]
    files = {name: png(face(seed)) for seed, name in enumerate(names)}
    files["joy/wide.png"] = png(wide)
    zipped = datasets.read_folders(as_zip(tmp_path / "mine.zip", files), size=32, channels=3)
    assert zipped.images.shape == (31, 32, 32, 3) and zipped.classes == ("happy", "sad", "contempt")
    assert zipped.counts().to_numpy().sum(axis=0).tolist() == [24, 3, 4] and "seed 0" in zipped.source["split"]
    assert (zipped.images[zipped.ids == "joy/wide.png"] == 200).all()
    folder = datasets.read_folders(as_folder(tmp_path / "mine", files), size=32, channels=3)
    assert folder.hash == zipped.hash


def test_the_splits_of_class_folders_are_those_of_their_folders(tmp_path):
    files = {
        f"faces/{split}/{emotion}/{n}.png": png(face(n))
        for split in ("train", "val", "test")
        for emotion in ("angry", "neutral")
        for n in range(2)
    }
    dataset = datasets.prepare("folders", as_folder(tmp_path / "faces", files))
    assert dataset.counts().to_numpy().tolist() == [[2, 2, 2]] * 2
    dataset = datasets.read_folders(as_folder(tmp_path / "faces", files), size=48)
    for name, image in zip(dataset.ids, dataset.images, strict=True):
        assert np.array_equal(image[..., 0], face(int(PurePosixPath(name).stem)))  # of this size already: untouched


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"notes.txt": b"x"}, "no class folders of images"),
        ({f"sad/{n}.png": png(face(n)) for n in range(9)}, "only one class folder, sad"),
        ({"angry/1.png": png(face(1)), "bored/1.png": png(face(2))}, "unknown class folder 'bored'"),
        ({"angry/1.png": png(face(1)), "happy/1.png": png(face(2))}, "or sort them into train/, validation/ and test/"),
        ({f"train/{e}/{n}.png": png(face(n)) for e in ("sad", "fear") for n in range(9)}, "only train/"),
        ({"train/sad/1.png": png(face(1)), "test/fear/1.png": png(face(1))}, "test/sad is empty or missing"),
    ],
)
def test_wrong_class_folders_of_ones_own_are_refused(tmp_path, files, expected):
    assert expected in message(datasets.read_folders, as_zip(tmp_path / "mine.zip", files))


# Preparing


def test_prepare_finds_the_source_where_the_readme_says(tmp_path, monkeypatch):
    path = as_zip(tmp_path / "archive.zip", faces_of())
    expected = datasets.prepare("fer2013", path).hash
    raw = paths.raw("fer2013")
    raw.mkdir(parents=True)
    (raw / "archive.zip").write_bytes(path.read_bytes())
    assert datasets.prepare("fer2013").hash == expected
    (raw / "archive.zip").rename(raw.parent / "fer2013.zip")
    assert datasets.prepare("fer2013").hash == expected
    other = as_zip(tmp_path / "other.zip", faces_of(per_class=3))
    monkeypatch.setenv("FER2013", str(other))
    assert len(datasets.prepare("fer2013")) == 63


def test_a_missing_source_says_where_to_get_it_and_where_to_put_it(tmp_path, monkeypatch):
    text = message(datasets.prepare, "fer2013")
    for needed in ("msambare/fer2013", "ICML 2013", "data/raw/fer2013/", "FER2013="):
        assert needed in text
    monkeypatch.setenv("FER2013", str(tmp_path / "gone.zip"))
    assert "gone.zip" in message(datasets.prepare, "fer2013")


def test_what_was_prepared_before_is_not_read_again(tmp_path, monkeypatch):
    path = as_zip(tmp_path / "archive.zip", faces_of())
    first = datasets.prepare("fer2013", path)
    with monkeypatch.context() as patch:
        patch.setattr(zipfile, "ZipFile", lambda *args: pytest.fail("the archive was read again"))
        assert datasets.prepare("fer2013", path).hash == first.hash
    as_zip(path, faces_of(per_class=3))
    assert len(datasets.prepare("fer2013", path)) == 63


def test_code_that_reads_otherwise_reads_again(tmp_path, monkeypatch):
    path = as_zip(tmp_path / "archive.zip", faces_of())
    datasets.prepare("fer2013", path)
    monkeypatch.setattr(datasets.hashing, "code_digest", lambda read: "other code")
    monkeypatch.setattr(zipfile, "ZipFile", lambda *args: (_ for _ in ()).throw(OSError("opened again")))
    with pytest.raises((OSError, InputError), match="opened again"):
        datasets.prepare("fer2013", path)


def test_other_options_are_read_again(tmp_path):
    path = as_zip(tmp_path / "archive.zip", faces_of(form=("train", "test"), per_class=18))
    assert datasets.prepare("fer2013", path).hash != datasets.prepare("fer2013", path, seed=1).hash


def test_a_face_that_was_moved_into_another_classs_folder_has_its_label_when_it_is_prepared_again(tmp_path):
    for number in range(40):
        file = tmp_path / "mine" / ("happy" if number < 20 else "sad") / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(face(number)))
    assert datasets.prepare("folders", tmp_path / "mine").counts().sum(axis=1).to_dict() == {"happy": 20, "sad": 20}
    (tmp_path / "mine/sad/25.png").rename(tmp_path / "mine/happy/25.png")
    assert datasets.prepare("folders", tmp_path / "mine").counts().sum(axis=1).to_dict() == {"happy": 21, "sad": 19}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("sample", {"size": 0}, "options of sample: size is 0, expected 8 to 2,048"),
        ("sample", {"n": "many"}, "options of sample: n is 'many', expected int"),
        ("folders", {"channels": 2}, "unknown channels '2'; choose one of 1, 3"),
        ("folders", {"classes": "tired"}, "options of folders: classes is 'tired', expected list"),
        ("folders", {"classes": ["a", "b", "a"]}, "options of folders: classes names one twice: a, b, a"),
        (
            "folders",
            {"classes": ["a", 3]},
            r"options of folders, classes: \[1\] is 3, expected text. Put each name into quotes",
        ),
    ],
)
def test_an_option_that_does_not_fit_is_refused_before_anything_is_written(tmp_path, name, options, message):
    for folder in ("train/a", "test/a", "train/b", "test/b"):
        (tmp_path / "mine" / folder).mkdir(parents=True)
        (tmp_path / "mine" / folder / "1.png").write_bytes(png(face(1)))
    with pytest.raises(InputError, match=message):
        datasets.prepare(name, tmp_path / "mine", **options)
    assert not list(tmp_path.rglob("dataset.json"))


def test_a_touched_source_of_the_same_content_leaves_the_dates_of_what_was_prepared(tmp_path):
    path = as_zip(tmp_path / "archive.zip", faces_of())
    datasets.prepare("fer2013", path)
    folder = paths.prepared("fer2013")
    for file in folder.iterdir():
        os.utime(file, (1, 1))
    os.utime(path, (5, 5))
    datasets.prepare("fer2013", path)
    assert {file.stat().st_mtime for file in folder.iterdir()} == {1}
    record = json.loads((folder / "dataset.json").read_text())
    assert record["source"]["made_by"]["files"]["newest"] == 5


def test_a_failed_preparation_leaves_what_was_there(tmp_path):
    good = datasets.prepare("fer2013", as_zip(tmp_path / "archive.zip", faces_of()))
    message(datasets.prepare, "fer2013", as_zip(tmp_path / "bad.zip", {**faces_of(), "train/angry/x.png": b"x"}))
    assert datasets.load("fer2013").hash == good.hash


def test_unknown_names_and_options_are_refused(tmp_path):
    assert "choose one of sample, fer2013, fer2013_five, " in message(datasets.prepare, "mnist")
    path = as_zip(tmp_path / "archive.zip", faces_of())
    assert "unknown option of fer2013 'sizes'" in message(datasets.prepare, "fer2013", path, sizes=48)


def test_a_part_of_the_classes_is_taken_in_the_order_given():
    whole = small(12)
    part = whole.only(["fear", "happy"])
    assert part.classes == ("fear", "happy") and len(part) == 8
    for row, name in enumerate(part.ids):
        before = list(whole.ids).index(name)
        assert whole.classes[whole.labels[before]] == part.classes[part.labels[row]]
        np.testing.assert_array_equal(part.images[row], whole.images[before])
    assert whole.only(whole.classes).hash == whole.hash != part.hash
    assert "no class 'bored'" in message(whole.only, ["fear", "bored"])
    assert all("two or more" in message(whole.only, wrong) for wrong in (["fear"], ["fear", "fear"]))
