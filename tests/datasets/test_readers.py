"""Each reader on a small tree of its dataset's exact layout, and on broken ones: one clear line, and nothing half-written."""

import csv
import os
import shutil
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from fer_tf import datasets, emotions, figures
from fer_tf.datasets import affectnet, archives, attributes, fer_plus, five_class, image_files, rafdb, standin
from fer_tf.datasets.standin import __main__ as standin_main
from fer_tf.errors import InputError

FEW = {"train": 10, "test": 3}
LAYOUTS = [*standin.LAYOUTS, "own_folders"]
SMALL = {"affectnet": {"size": 32}, "rafdb": {"size": 32}}


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """A folder of each layout, written once."""
    root = tmp_path_factory.mktemp("layouts")
    folders = {layout: standin.write(layout, root / layout, FEW) for layout in standin.LAYOUTS}
    return folders | {"own_folders": folders["affectnet_folders"]}


@pytest.fixture
def tree(originals, tmp_path, project):
    """A function of a layout's name to a copy that may be broken, in a project of its own."""
    return lambda layout: shutil.copytree(originals[layout], tmp_path / "raw" / layout)


def prepare(layout, folder, **options):
    name = "folders" if layout == "own_folders" else layout if layout in datasets.SOURCES else layout.split("_")[0]
    return datasets.prepare(name, folder, **{**SMALL.get(name, {}), **options})


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_is_read_and_marked_as_drawn(tree, layout):
    faces = prepare(layout, tree(layout))
    assert faces.split_names() == datasets.SPLITS and faces.source["drawn"] is True
    assert (faces.counts().to_numpy() > 0).all() if layout != "fer_plus" else len(faces) > 40
    again = attributes.load(faces.split("test"))
    assert all(len(values) == len(faces.split("test")) for values in again.values())


def test_rafdbs_labels_are_in_its_own_order_and_both_layouts_agree(tree):
    official, kaggle = prepare("rafdb", tree("rafdb")), prepare("rafdb_kaggle", tree("rafdb_kaggle"))
    assert official.classes[:2] == ("surprise", "fear") and official.hash == kaggle.hash
    assert official.ids.tolist() == kaggle.ids.tolist()
    assert official.labels[official.ids == "train_00004_aligned.jpg"] == 3
    assert (official.splits == "validation").sum() == 11  # 15% of 70
    assert "officially 12,271" in official.source["differences"][0]


def test_rafdbs_attributes_are_kept_in_the_order_of_its_images(tree):
    folder = tree("rafdb")
    file = folder / "basic/Annotation/manual/test_0002_manu_attri.txt"
    file.write_text("1 2\n" * 5 + "1\n0\n4\n")
    (folder / "basic/Annotation/manual/test_0003_manu_attri.txt").unlink()
    test = prepare("rafdb", folder).split("test")
    values = attributes.load(test)
    row, unknown = (int(np.flatnonzero(test.ids == f"test_{n}_aligned.jpg")[0]) for n in ("0002", "0003"))
    assert [values[key][row] for key in ("gender", "race", "age")] == ["female", "Caucasian", "70 and more"]
    assert values["points_of_original"][row].tolist() == [[1, 2]] * 5 and values["age"][unknown] == "unknown"
    counts = attributes.group_counts(test, values)
    assert counts.groupby("attribute")["all"].sum().to_dict() == {"gender": 21, "race": 21, "age": 21}


def test_attributes_leave_the_datasets_hash_and_those_of_other_data_are_refused(tree, project):
    folder = tree("rafdb")
    first = prepare("rafdb", folder)
    shutil.rmtree(folder / "basic/Annotation")
    assert prepare("rafdb", folder).hash == first.hash and attributes.load(first) == {}
    np.savez(project / "data/prepared/rafdb/attributes.npz", dataset="other", age=np.zeros(3))
    with pytest.raises(InputError, match="is of other images"):
        attributes.load(first)


def test_affectnets_annotations_are_kept_and_contempt_can_be_left_out(tree):
    folder = tree("affectnet")
    faces = prepare("affectnet", folder)
    values = attributes.load(faces)
    assert values["landmarks"].shape == (len(faces), 68, 2) and np.isfinite(values["arousal"]).all()
    one = faces.ids.tolist().index("val_set/3.jpg")
    saved = float(np.load(folder / "val_set/annotations/3_val.npy"))
    assert values["valence"][one] == pytest.approx(saved) and faces.classes == emotions.AFFECTNET8
    seven = datasets.prepare("affectnet7", folder, size=32)
    assert seven.classes == emotions.AFFECTNET8[:7] and seven.name == "affectnet7"
    assert len(seven.split("test")) == 7 * FEW["test"]
    assert set(attributes.load(seven)) == {"arousal", "valence", "landmarks"}


def test_affectnet_is_split_as_the_study_asks(tree):
    folder = tree("affectnet_folders")
    own, drawn = (affectnet.read_affectnet(folder, split=split, size=32)[0] for split in ("85/15", "80/10/10"))
    assert len(own.split("test")) == 8 * FEW["test"] and len(own) == 8 * 13
    assert len(drawn) == 8 * FEW["train"] and all(one.startswith("train/") for one in drawn.ids)


def test_affectnets_full_version_is_cut_to_the_faces_box(tree):
    folder = tree("affectnet_full")
    faces, values = affectnet.read_affectnet(folder, size=224)
    one = faces.ids.tolist().index("2/test000001.jpg")
    whole = cv2.imread(str(folder / "Manually_Annotated_Images/2/test000001.jpg"))[..., ::-1]
    assert np.array_equal(faces.images[one], whole[30:254, 20:244])
    assert faces.source["left_out"] == "0 images of other classes" and len(faces) == 104 and "valence" in values


def test_five_classes_are_merged_and_copies_stay_in_one_split(tree):
    folder = tree("five_class")
    first = folder / "face-expression-recognition-dataset/images"
    second = folder / "random-images-for-face-emotion-recognition"
    image = cv2.imread(str(first / "train/happy/4.jpg"), 0)
    cv2.imwrite(str(second / "happiness/copy.png"), np.roll(image, 1, 1))  # near-duplicate
    shutil.copy(first / "train/happy/11.jpg", second / "sadness/other.jpg")  # same bytes, other label
    cv2.imwrite(str(second / "anger/blank.png"), np.full((48, 48), 80, np.uint8))
    removed = "random-images-for-face-emotion-recognition/surprise/8.jpg"
    (folder.parent / "removed.txt").write_text(f"# by hand\n{removed}\n")
    faces = prepare("five_class", folder, exclude=str(folder.parent / "removed.txt"))
    split = dict(zip(faces.ids.tolist(), faces.splits.tolist(), strict=True))
    assert faces.classes == emotions.FIVE and removed not in split
    assert (
        split["face-expression-recognition-dataset/images/train/happy/4.jpg"]
        == split["random-images-for-face-emotion-recognition/happiness/copy.png"]
    )
    reasons = faces.source["left_out"]
    assert (reasons["on the exclusion list"], reasons["blank"], reasons["same bytes, other label"]) == (1, 1, 2)


def test_fer_plus_takes_the_majority_and_keeps_the_votes(tree):
    folder = tree("fer_plus")
    with (folder / "fer2013new.csv").open() as file:
        table = list(csv.reader(file))
    table[1][2:] = [6, 1, 0, 0, 0, 0, 0, 3, 0, 0]  # neutral; the single vote for happiness does not count
    table[2][2:] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 10]  # no face
    table[3][2:] = [5, 5, 0, 0, 0, 0, 0, 0, 0, 0]  # no majority
    with (folder / "fer2013new.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    faces = prepare("fer_plus", folder)
    assert faces.classes == fer_plus.CLASSES and {"row 3", "row 4"} & set(faces.ids.tolist()) == set()
    row = faces.ids.tolist().index("row 2")
    assert faces.labels[row] == 0
    assert attributes.load(faces)["votes"][row].tolist() == pytest.approx([2 / 3, 0, 0, 0, 0, 0, 0, 1 / 3])


def test_fer_plus_takes_what_all_agree_on_where_that_is_asked_for(tree):
    folder = tree("fer_plus")
    agreed = prepare("fer_plus", folder, least=1.0)
    assert (
        0 < len(agreed) < len(prepare("fer_plus", folder)) and (attributes.load(agreed)["votes"].max(axis=1) == 1).all()
    )


def test_classes_of_ones_own_need_be_no_emotions(tmp_path, project):
    rng = np.random.default_rng(0)
    for name in ("müde", "εγρήγορος", "眠い"):
        for i in range(10):
            (tmp_path / "own" / name).mkdir(parents=True, exist_ok=True)
            cv2.imencode(".png", rng.integers(0, 256, (40, 60, 3), dtype=np.uint8))[1].tofile(
                tmp_path / "own" / name / f"名{i}.png"
            )
    faces = datasets.prepare("folders", tmp_path / "own", classes=["眠い", "müde", "εγρήγορος"])
    assert faces.classes == ("眠い", "müde", "εγρήγορος") and len(faces) == 30
    written_by_a_mac = ["眠い", "mu\u0308de", "εγρήγορος"]
    assert datasets.prepare("folders", tmp_path / "own", classes=written_by_a_mac).classes == faces.classes
    with pytest.raises(InputError, match="no class folder wach"):
        datasets.prepare("folders", tmp_path / "own", classes=["眠い", "müde", "εγρήγορος", "wach"])
    with pytest.raises(InputError, match="unknown class folder 'müde'"):
        datasets.prepare("folders", tmp_path / "own", classes=["眠い", "εγρήγορος"])


def gone(name):
    return lambda folder: shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink()


def moved(name, other):
    return lambda folder: (folder / name).rename(folder / other)


def holds(name, data):
    return lambda folder: (folder / name).write_bytes(data)


def line(name, row, text):
    def change(folder):
        lines = (folder / name).read_text().splitlines()
        lines[row] = text
        (folder / name).write_text("\n".join(lines) + "\n")

    return change


def drop_split(folder):
    lines = (folder / LABELS).read_text().splitlines()
    (folder / LABELS).write_text("".join(f"{one}\n" for one in lines if one.startswith("train")))


def link_out(folder):
    path = min(folder.rglob("*.jpg"))
    target = folder.parent / "elsewhere.jpg"
    path.rename(target)
    path.symlink_to(target)


def dangling(folder):
    (folder / "train_set/images/1.jpg").unlink()
    (folder / "train_set/images/1.jpg").symlink_to(folder / "none")


def again(name, row, **cells):
    """Lists a row of a table once more, some of its cells other."""

    def change(folder):
        with (folder / name).open(newline="") as file:
            table = list(csv.DictReader(file))
        with (folder / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, table[0])
            writer.writeheader()
            writer.writerows([*table, table[row] | cells])

    return change


def in_validation_too(folder):
    lines = [(folder / name).read_text().splitlines() for name in ("training.csv", "validation.csv")]
    (folder / "validation.csv").write_text("\n".join([*lines[1], lines[0][1]]))


def second_tree(folder):
    shutil.copytree(folder, folder.parent / "copy")
    (folder.parent / "copy").rename(folder / "copy")


def one_sad_face(folder):
    for name in ("sad", "sadness"):
        for file in sorted(folder.rglob(f"{name}/*.jpg"))[1:]:
            file.unlink()


def sorted_rows(folder):
    table = (folder / "fer2013new.csv").read_text().splitlines()
    (folder / "fer2013new.csv").write_text("\n".join([table[0], *sorted(table[1:])]) + "\n")


def no_public_test(folder):
    text = (folder / "fer2013.csv").read_text()
    (folder / "fer2013.csv").write_text(text.replace("PublicTest", "Training"))


LABELS, ALIGNED, POINTS = "basic/EmoLabel/list_patition_label.txt", "basic/Image/aligned", "basic/Annotation/manual"
FIRST, SECOND = "face-expression-recognition-dataset", "random-images-for-face-emotion-recognition"
BROKEN = [
    ("rafdb", gone(f"{ALIGNED}/train_00003_aligned.jpg"), "names .*/train_00003_aligned.jpg, which is not there"),
    ("rafdb", line(LABELS, 1, "train_00002.jpg 8"), "line 2: label '8', expected 1"),
    ("rafdb", line(LABELS, 0, "train_00001.jpg"), "line 1: 'train_00001.jpg', expected"),
    ("rafdb", line(LABELS, 1, "train_00001.jpg 1"), "listed twice"),
    ("rafdb", drop_split, "no image of the test split"),
    ("rafdb", holds(f"{ALIGNED}/test_0001_aligned.jpg", b"\xff\xd8 no"), "test_0001_aligned.jpg is cut off"),
    ("rafdb", holds(f"{POINTS}/test_0001_manu_attri.txt", b"1 2\n"), "not five points, gender, race and age"),
    ("rafdb", holds(f"{POINTS}/test_0001_manu_attri.txt", b"1 2\n" * 5 + b"0\n0\n-1\n"), r"race and age \(-1\)"),
    ("rafdb", link_out, "the link basic/Image/aligned/test_0001_aligned.jpg leads out of the folder"),
    ("rafdb_kaggle", line("test_labels.csv", 1, "test_0002_aligned.jpg,2"), "listed twice|has no label"),
    ("rafdb_kaggle", line("train_labels.csv", 1, "train_00001_aligned.jpg"), "line 2: 'train_00001_aligned.jpg', exp"),
    ("rafdb_kaggle", line("train_labels.csv", 1, "train_00001_aligned.jpg,3"), "the label 3 in .*, but lies in 1/"),
    ("rafdb_kaggle", gone("DATASET/test"), "which is not there"),
    ("affectnet", gone("train_set/annotations/5_exp.npy"), "train_set/annotations/5_exp.npy is missing"),
    ("affectnet", gone("val_set/images/2.jpg"), "val_set/annotations/2_exp.npy is of no image"),
    ("affectnet", lambda f: np.save(f / "val_set/annotations/5_exp.npy", "9"), "expression 9, expected 0 to 7"),
    ("affectnet", holds("train_set/annotations/5_aro.npy", b"text"), "5_aro.npy cannot be read"),
    ("affectnet", gone("val_set"), "no images of val_set/ or test/"),
    ("affectnet", link_out, "the link train_set/images/1.jpg leads out of the folder"),
    ("affectnet", dangling, "train_set/images/1.jpg is no file that can be read"),
    ("affectnet_full", line("training.csv", 0, "subDirectory_filePath,face_x,expression"), "has no column 'face_y'"),
    ("affectnet_full", gone("Manually_Annotated_Images/2/train000001.jpg"), "row 2: 2/train000001.jpg is not there"),
    ("affectnet_full", line("validation.csv", 1, "2/test000001.jpg,1,1,9,9,,11,0,0"), "row 2: expression '11'"),
    ("affectnet_full", line("validation.csv", 1, "2/test000001.jpg,900,900,9,9,,1,0,0"), "has no pixel in its box"),
    ("affectnet_full", again("training.csv", 3), r"train000004\.jpg is listed twice"),
    ("affectnet_full", again("training.csv", 3, expression="6"), r"train000004\.jpg is listed twice"),
    ("affectnet_full", in_validation_too, r"train000001\.jpg is listed twice"),
    ("affectnet_folders", second_tree, r"is there twice \(copy/test/anger/\d+\.jpg and test/anger/\d+\.jpg\)"),
    ("affectnet_folders", moved("train/anger", "train/bored"), "unknown class folder 'bored'"),
    ("own_folders", link_out, "the link test/anger/.*jpg leads out of the folder"),
    ("five_class", link_out, "the link images/train/angry/1.jpg leads out of the folder"),
    ("five_class", moved(f"{SECOND}/anger", f"{SECOND}/bored"), "unknown class folder 'bored'.*name it in class_map"),
    ("five_class", lambda f: [gone(name)(f) for name in (FIRST, SECOND)], "no zips or folders"),
    ("five_class", one_sad_face, "images .or groups of near-duplicates. for 3 splits"),
    ("fer_plus", no_public_test, "no row with the Usage PublicTest"),
    ("fer_plus", gone("fer2013new.csv"), "no fer2013new.csv"),
    ("fer_plus", sorted_rows, "row .* of fer2013new.csv has another Usage than that of fer2013.csv"),
    ("fer_plus", line("fer2013new.csv", -1, ""), "fer2013new.csv has 90 rows, fer2013.csv 91 images"),
    ("fer_plus", line("fer2013new.csv", 2, "Training,fer1.png,4,5,0,0,x,0,0,0,0,0"), "row 3: votes 4,5,0,0,x"),
]


@pytest.mark.parametrize(("layout", "change", "expected"), BROKEN)
def test_a_broken_tree_is_refused_in_one_line_and_nothing_is_written(tree, project, layout, change, expected):
    folder = tree(layout)
    change(folder)
    with pytest.raises(InputError, match=expected) as refused:
        prepare(layout, folder)
    assert len(str(refused.value).splitlines()) == 1 and len(str(refused.value)) < 420
    assert {path.suffix for path in (project / "data").rglob("*.*")} <= {".lock"}


def test_a_link_at_the_top_is_what_a_person_put_there(tree, tmp_path):
    folder = tree("rafdb")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "basic").symlink_to(folder / "basic")
    assert len(rafdb.read_rafdb(tmp_path / "mine", size=16)[0]) == 91


def test_a_link_to_a_folder_around_it_is_entered_once(tree):
    folder = tree("affectnet")
    (folder / "train_set" / "more").symlink_to(folder)
    assert len(affectnet.read_affectnet(folder, size=16)[0]) == 104


def test_a_zip_is_read_as_the_folder_is(tree, tmp_path):
    folder = tree("rafdb")
    with zipfile.ZipFile(tmp_path / "raf.zip", "w") as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder))
    assert rafdb.read_rafdb(tmp_path / "raf.zip", size=16)[0].hash == rafdb.read_rafdb(folder, size=16)[0].hash


@pytest.mark.parametrize("form", ["w", "w:gz"])
def test_a_tars_images_are_the_right_ones_though_threads_share_it(tmp_path, form):
    images = np.random.default_rng(0).integers(0, 256, (700, 8, 8), dtype=np.uint8)
    names = [f"{i:03d}.png" for i in range(700)]
    with tarfile.open(tmp_path / "faces.tar", form) as archive:
        for i in np.random.default_rng(1).permutation(700):
            cv2.imwrite(str(tmp_path / names[i]), images[i])
            archive.add(tmp_path / names[i], names[i])
    with archives.opened(tmp_path / "faces.tar") as files:
        read, rows, _ = image_files.read_images(files, names, 8)
        with ThreadPoolExecutor(8) as pool:
            data = list(pool.map(files.read, names))
    assert rows.tolist() == list(range(700)) and np.array_equal(read[..., 0], images)
    assert data == [(tmp_path / name).read_bytes() for name in names]


@pytest.mark.parametrize("form", ["w", "w:gz"])
def test_a_file_that_a_tar_holds_as_a_hard_link_is_read_as_the_file(tmp_path, form):
    (tmp_path / "a.png").write_bytes(PNG)
    os.link(tmp_path / "a.png", tmp_path / "b.png")
    with tarfile.open(tmp_path / "faces.tar", form) as archive:
        for name in ("a.png", "b.png"):
            archive.add(tmp_path / name, f"faces/{name}")
        assert [one.islnk() for one in archive.getmembers()] == [False, True]
    with archives.opened(tmp_path / "faces.tar") as files:
        assert files.names == ("faces/a.png", "faces/b.png") and files.read("faces/b.png") == PNG
        assert files.places["faces/a.png"] == files.places["faces/b.png"]
        assert len(image_files.read_images(files, list(files.names), 8)[0]) == 2


def test_a_symbolic_link_in_a_tar_is_refused_in_one_line(tmp_path):
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "b.png").symlink_to("a.png")
    with tarfile.open(tmp_path / "faces.tar", "w") as archive:
        for name in ("a.png", "b.png"):
            archive.add(tmp_path / name, name)
    with pytest.raises(InputError, match=r"faces\.tar: the entry 'b\.png' is a symbolic link .*give the folder\.$"):
        archives.opened(tmp_path / "faces.tar").__enter__()


@pytest.mark.parametrize("kind", ["name", "link", "pax"])
def test_a_tar_with_a_header_of_many_bytes_is_refused_before_they_are_read(tmp_path, kind):
    types = {"name": tarfile.GNUTYPE_LONGNAME, "link": tarfile.GNUTYPE_LONGLINK, "pax": tarfile.XHDTYPE}
    header = tarfile.TarInfo("long")
    header.type, header.size = types[kind], 2_000_000
    (tmp_path / "faces.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + b"a" * header.size + bytes(10_240))
    with pytest.raises(InputError, match=r"faces\.tar: not a whole tar file \(a header of 2,000,000 bytes\)"):
        archives.opened(tmp_path / "faces.tar").__enter__()


def test_a_table_of_any_length_is_read_row_by_row_and_a_line_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_BYTES", 100)
    (tmp_path / "a.csv").write_text("n,word\n" + "".join(f"{n},x\n" for n in range(5000)) + "y" * 2_000_000)
    with archives.opened(tmp_path) as files:
        rows = files.table("a.csv", ("n",))
        assert [next(rows)["n"] for _ in range(5000)] == [str(n) for n in range(5000)]
        with pytest.raises(InputError, match=r"a\.csv, about row 5001: more than 1,000,000 characters"):
            next(rows)


JPEG = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8))[1].tobytes()
PNG = cv2.imencode(".png", np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8))[1].tobytes()
PROGRESSIVE = cv2.imencode(".jpg", cv2.imdecode(np.frombuffer(PNG, np.uint8), 1), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1]
THUMBNAIL = JPEG[:2] + b"\xff\xe1" + (len(JPEG) + 2).to_bytes(2, "big") + JPEG + b"\xff" + JPEG[2:]
FILM = b"\0\0\0\x18ftypmp42" + np.random.default_rng(0).bytes(100_000)


@pytest.mark.parametrize(
    "data", [JPEG, THUMBNAIL, PROGRESSIVE.tobytes(), PNG], ids=["jpeg", "thumbnail", "progressive", "png"]
)
def test_what_a_telephone_writes_behind_an_image_does_not_matter_but_a_cut_does(data):
    whole = image_files.decode(data, 3)
    assert whole.shape == (64, 48, 3) and np.array_equal(image_files.decode(data + FILM, 3), whole)
    for left in (len(data) - 2, len(data) - 200, len(data) - 1500):
        with pytest.raises(InputError, match="is cut off"):
            image_files.decode(data[:left])


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tif"])
def test_an_image_of_too_many_pixels_is_refused_by_its_header_and_named(tmp_path, suffix, monkeypatch):
    (tmp_path / f"a{suffix}").write_bytes(cv2.imencode(suffix, np.zeros((40, 50, 3), np.uint8))[1].tobytes())
    with archives.opened(tmp_path) as files:
        monkeypatch.setattr(image_files, "MOST_PIXELS", 2000)
        assert len(image_files.read_images(files, [f"a{suffix}"], 8)[0]) == 1
        monkeypatch.setattr(image_files, "MOST_PIXELS", 1999)
        monkeypatch.setattr(cv2, "imdecode", None)
        with pytest.raises(InputError, match=rf"a\{suffix} has 50 x 40 pixels, more than 1,999\. Replace it"):
            image_files.read_images(files, [f"a{suffix}"], 8)


def test_the_thumbnail_of_a_jpeg_says_nothing_of_its_size(monkeypatch):
    monkeypatch.setattr(image_files, "MOST_PIXELS", 48 * 64 - 1)
    inner = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    first = JPEG[:2] + b"\xff\xe1" + (len(inner) + 2).to_bytes(2, "big") + inner
    for between in (b"", b"..."):  # over which OpenCV passes
        one = first + between + JPEG[2:]
        assert cv2.imdecode(np.frombuffer(one, np.uint8), 1).shape == (64, 48, 3)
        with pytest.raises(InputError, match="has 48 x 64 pixels"):
            image_files.decode(one)


def test_an_image_that_cannot_be_read_is_left_out_of_the_five_classes_and_named_or_refused(tree):
    folder = tree("five_class")
    (folder / "random-images-for-face-emotion-recognition/anger/1.jpg").write_bytes(b"\xff\xd8 no")
    skipped = prepare("five_class", folder).source["skipped"]
    assert skipped == ["anger/1.jpg is cut off: a JPEG without its end"]
    with pytest.raises(InputError, match=r"anger/1\.jpg is cut off"):
        prepare("five_class", folder, unreadable="refuse")


@pytest.mark.parametrize("layout", ["rafdb", "five_class", "affectnet"])
def test_names_in_other_alphabets_are_names(tree, layout):
    folder = tree(layout)
    expected = prepare(layout, folder)
    for one in [one for one in folder.iterdir() if one.is_dir()]:
        (folder / "表情 ü").mkdir(exist_ok=True)
        one.rename(folder / "表情 ü" / one.name)
    if layout == "five_class":
        one = min((folder / "表情 ü").rglob("*.jpg"))
        one.rename(one.with_name("лицо.jpg"))
        folder = folder / "表情 ü"
    faces = prepare(layout, folder)
    assert len(faces) == len(expected) and faces.counts().equals(expected.counts())
    assert layout != "five_class" or any(name.endswith("лицо.jpg") for name in faces.ids)


def test_rafdbs_compound_emotions_beside_the_basic_ones_change_nothing(tree):
    folder = tree("rafdb")
    faces, values = rafdb.read_rafdb(folder)
    shutil.copytree(folder / "basic", folder / "compound", ignore=shutil.ignore_patterns("EmoLabel"))
    cv2.imwrite(str(folder / "compound/Image/aligned/train_00001_aligned.jpg"), np.zeros((100, 100, 3), np.uint8))
    (folder / "compound/Annotation/manual/train_00001_manu_attri.txt").write_text("1 2\n" * 5 + "2\n2\n4\n")
    again, others = rafdb.read_rafdb(folder)
    assert again.hash == faces.hash and all(np.array_equal(values[key], others[key]) for key in values)


def test_affectnets_tables_tell_their_split_by_their_own_name(tree):
    folder = tree("affectnet_full")
    expected = affectnet.read_affectnet(folder, size=16)[0]
    folder.rename(folder.parent / "training")
    (folder.parent / "around").mkdir()
    (folder.parent / "training").rename(folder.parent / "around" / "training")
    assert affectnet.read_affectnet(folder.parent / "around", size=16)[0].hash == expected.hash


@pytest.mark.parametrize("name", ["folders", "folders of train and test", "rafdb"])
def test_copies_of_an_image_are_drawn_into_one_split(tree, tmp_path, name):
    rng = np.random.default_rng(0)
    if name == "rafdb":
        folder = tree("rafdb") / "basic/Image/aligned"
        files = sorted(folder.glob("train_*"))
        for first, second in zip(files[:14], files[14:28], strict=True):  # the classes take turns: both are of one
            cv2.imwrite(str(first), rng.integers(0, 256, (100, 100, 3), dtype=np.uint8))
            shutil.copy(first, second)
        faces = rafdb.read_rafdb(folder.parents[2])[0]
    else:
        for place in range(60):
            folder = tmp_path / "own" / ("" if name == "folders" else "test" if place < 20 else "train")
            folder = folder / ("happy", "sad")[place % 2]
            folder.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / f"{place}.png"), rng.integers(0, 256, (48, 48), dtype=np.uint8))
            shutil.copy(folder / f"{place}.png", folder / f"{place} copy.png")
        faces = datasets.read_folders(tmp_path / "own")
    splits = {}
    for image, split in zip(faces.images, faces.splits.tolist(), strict=True):
        splits.setdefault(image.tobytes(), []).append(split)
    copies = [set(two) for two in splits.values() if len(two) == 2]
    assert len(copies) == (14 if name == "rafdb" else 60) and all(len(two) == 1 for two in copies)
    assert {"validation"} in copies


def test_an_exclusion_list_that_has_grown_is_read_again_from_the_projects_folder(tree, project):
    folder, removed = tree("five_class"), "random-images-for-face-emotion-recognition/surprise/8.jpg"
    (project / "removed.txt").write_text("# by hand\n")
    before = prepare("five_class", folder, exclude="removed.txt")
    (project / "removed.txt").write_text(f"# by hand\n{removed}\n")
    after = prepare("five_class", folder, exclude="removed.txt")
    assert set(before.ids.tolist()) - set(after.ids.tolist()) == {removed}
    with pytest.raises(InputError, match=r"other\.txt: no such file"):
        prepare("five_class", folder, exclude="other.txt")


def test_the_exclusion_list_names_images_that_are_there(tree, tmp_path):
    (tmp_path / "list.txt").write_text("a/b/c.jpg\n")
    with pytest.raises(InputError, match=r"a/b/c.jpg is no image here"):
        five_class.read_five_class(tree("five_class"), {"contempt": ""}, str(tmp_path / "list.txt"))


def test_five_of_fer2013s_classes_keep_its_split_and_its_files(project, tree, monkeypatch):
    folder = tree("fer_plus")
    (folder / "fer2013new.csv").unlink()
    monkeypatch.setenv("FER2013", str(folder))
    five, whole = datasets.prepare("fer2013_five"), datasets.prepare("fer2013")
    assert five.name == "fer2013_five" and five.classes == emotions.FIVE
    assert five.hash == whole.only(emotions.FIVE).hash


def test_a_stand_in_is_never_written_over_something(tmp_path, capsys):
    (tmp_path / "photographs").mkdir()
    (tmp_path / "photographs" / "a.jpg").write_bytes(b"")
    assert standin_main.main(["rafdb", str(tmp_path / "photographs")]) == 1
    assert "not empty" in capsys.readouterr().err and os.listdir(tmp_path / "photographs") == ["a.jpg"]


def test_images_that_are_read_to_disk_are_the_same_and_leave_no_part_behind(tree, project, monkeypatch):
    folder = tree("affectnet")
    (folder / "train_set/images/4.jpg").write_bytes(b"no image")
    in_memory = prepare("affectnet", folder, unreadable="skip").hash
    shutil.rmtree(project / "data/prepared/affectnet")
    monkeypatch.setattr(image_files, "IN_MEMORY", 0)
    faces = prepare("affectnet", folder, unreadable="skip")
    assert faces.hash == in_memory and len(faces) == 103 and isinstance(faces.images, np.memmap)
    with pytest.raises(InputError, match="is not an image"):
        prepare("affectnet", folder, unreadable="refuse")
    assert not list((project / "data").rglob("*.part.npy"))


def test_valence_arousal_and_landmarks_are_drawn(tree):
    faces = prepare("affectnet", tree("affectnet"))
    values = attributes.load(faces)
    assert len(figures.valence_arousal(faces, values).axes[0].collections) == 8
    assert len(figures.landmarks(faces, values).axes[0].collections) == 8
