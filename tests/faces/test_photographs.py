"""Photographs: files of every kind are read alike, every face gets its emotion, and a crowd is no trouble."""

import os
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from conftest import Finds
from PIL import Image, features
from skimage import data

import fer_tf
from fer_tf import models
from fer_tf.backend import keras
from fer_tf.errors import InputError
from fer_tf.faces import detection, photographs, video
from fer_tf.faces.detection import Face
from fer_tf.models import predictor

RGB = data.astronaut()[:256, 100:356]
BGR = np.ascontiguousarray(RGB[..., ::-1])


@pytest.fixture(scope="module")
def network():
    return predictor.load_predictor()


def saved(path, image=RGB, **options):
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp", "jpg"])
def test_every_kind_of_file_gives_the_same_picture(tmp_path, suffix):
    options = {"lossless": True} if suffix == "webp" else {"quality": 95} if suffix == "jpg" else {}
    read = photographs.read(saved(tmp_path / f"a.{suffix}", **options))
    assert read.dtype == np.uint8 and read.flags.c_contiguous
    np.testing.assert_allclose(read.astype(int), BGR, atol=80 if suffix == "jpg" else 0)
    assert np.abs(read.astype(int) - BGR).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_upright_however_the_camera_was_held(tmp_path, orientation):
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # what brings it into the form that the tag says: Pillow's codes
    held = Image.fromarray(RGB)
    held = held.transpose(undo[orientation]) if orientation > 1 else held
    exif = Image.Exif()
    exif[0x0112] = orientation
    read = photographs.read(saved(tmp_path / "a.png", held, exif=exif))
    np.testing.assert_array_equal(read, BGR)


@pytest.mark.skipif(not features.check("avif"), reason="Pillow was built without AVIF")
def test_an_avif_photograph_is_upright_too(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    held = Image.fromarray(RGB).transpose(Image.Transpose.ROTATE_90)
    read = photographs.read(saved(tmp_path / "a.avif", held, exif=exif, quality=100))
    assert read.shape == BGR.shape and np.abs(read.astype(int) - BGR).mean() < 3
    assert photographs.find([tmp_path]) == [tmp_path / "a.avif"]


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "CMYK", "RGBA"])
def test_gray_palette_and_transparent_pictures_are_read(tmp_path, mode):
    picture = Image.fromarray(RGB).convert(mode)
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    read = photographs.read(saved(path, picture))
    np.testing.assert_array_equal(read, np.asarray(picture.convert("RGB"))[..., ::-1])


def test_what_is_transparent_is_white(tmp_path):
    clear = Image.fromarray(RGB).convert("RGBA")
    clear.putalpha(0)
    assert (photographs.read(saved(tmp_path / "a.png", clear)) == 255).all()


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("colored", [False, True])
def test_sixteen_bits_are_read_as_the_same_eight(tmp_path, suffix, colored):
    import cv2

    image = BGR if colored else BGR[..., 1]
    path = tmp_path / f"a.{suffix}"
    assert cv2.imwrite(str(path), image.astype(np.uint16) * 257)
    np.testing.assert_array_equal(photographs.read(path), BGR if colored else np.repeat(image[..., None], 3, axis=2))


def test_heic_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "a.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(64))
    with pytest.raises(InputError, match=r"a\.heic: HEIC is not read here\. Convert it to JPEG"):
        photographs.read(path)


def test_damaged_and_other_files_are_named_in_one_line(tmp_path):
    whole = saved(tmp_path / "whole.jpg").read_bytes()
    for name, content in {"cut.jpg": whole[:3000], "none.png": b"", "text.jpg": b"hello"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name.replace(".", r"\.")):
            photographs.read(tmp_path / name)
    with pytest.raises(InputError, match="no such file"):
        photographs.read(tmp_path / "absent.jpg")


def test_an_odd_note_of_the_camera_leaves_its_photograph_readable_and_upright(tmp_path):
    def entry(tag, kind, count, value):
        return struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")

    # XResolution, two numbers by its type, is noted as a text: Pillow cannot write it back.
    entries = [entry(0x0112, 3, 1, b"\6"), entry(0x011A, 2, 4, b"abc")]
    notes = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + bytes(4)
    path = saved(tmp_path / "a.jpg", Image.new("RGB", (40, 20)), exif=notes)
    assert photographs.read(path).shape == (40, 20, 3)


DAMAGED = r"a\.png: a damaged picture \(.+\)\. Get it anew\."


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("no frame"), DAMAGED),
        (NotImplementedError(), DAMAGED),
        (struct.error("4 bytes"), DAMAGED),
        (MemoryError(), r"a\.png: too large"),
    ],
)
def test_whatever_pillow_raises_at_a_picture_is_one_line(tmp_path, monkeypatch, error, message):
    def load(picture):
        raise error

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)
    with pytest.raises(InputError, match=message):
        photographs.read(saved(tmp_path / "a.png"))


def test_no_program_is_started_for_a_drawing_under_a_photographs_name(tmp_path, monkeypatch):
    saved(tmp_path / "a.eps")
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *given, **options: pytest.fail("Ghostscript ran"))
    with pytest.raises(InputError, match="not a picture"):
        photographs.read((tmp_path / "a.eps").rename(tmp_path / "a.jpg"))


@pytest.mark.parametrize("suffix", ["ppm", "tif"])
def test_a_picture_for_opencv_is_refused_by_its_size_before_it_is_decoded(tmp_path, monkeypatch, suffix):
    import cv2

    path = tmp_path / f"a.{suffix}"
    assert cv2.imwrite(str(path), BGR.astype(np.int16) if suffix == "tif" else BGR)
    assert photographs.read(path).shape == BGR.shape
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", BGR[..., 0].size // 2 - 1)
    monkeypatch.setattr(cv2, "imdecode", lambda *given: pytest.fail("it was decoded"))
    with pytest.raises(InputError, match=r"too large \(.*65,?536 pixels.*\)\. Make it smaller"):
        photographs.read(path)


@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan])
def test_one_pixel_without_a_value_leaves_the_others_as_they_are(tmp_path, odd):
    gray = RGB[..., 0].astype(np.float32) / 255
    gray[0, 0] = odd
    read = photographs.read(saved(tmp_path / "a.tif", gray))
    np.testing.assert_array_equal(read[1:, :, 0], RGB[1:, :, 0])


def test_photographs_behind_a_linked_folder_are_found_and_a_circle_ends(tmp_path):
    (tmp_path / "top").mkdir()
    (tmp_path / "far").mkdir()
    saved(tmp_path / "far" / "a.png")
    (tmp_path / "top" / "link").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "back").symlink_to(tmp_path / "top")
    assert photographs.find([tmp_path / "top"]) == [tmp_path / "top" / "link" / "a.png"]


def test_a_folder_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    def scandir(path):
        if os.path.basename(path) == "closed":
            raise PermissionError(13, "Permission denied", path)
        return whole(path)

    (tmp_path / "closed").mkdir()
    saved(tmp_path / "a.png")
    whole = os.scandir
    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(InputError, match=r"closed: this folder cannot be read \(Permission denied\)"):
        photographs.find([tmp_path])


def test_a_folders_photographs_are_found_in_order_without_hidden_and_other_files(tmp_path):
    for name in ("b.JPG", "a.png", "in/c.webp", ".hidden.png", ".in/d.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [str(path.relative_to(tmp_path)) for path in photographs.find([tmp_path])] == ["a.png", "b.JPG", "in/c.webp"]
    (tmp_path / ".in" / "none").mkdir()
    with pytest.raises(InputError, match="no photograph in this folder"):
        photographs.find([tmp_path / ".in" / "none"])


def test_each_photograph_is_found_once_and_copies_only_where_they_are_asked_for(tmp_path):
    (tmp_path / "seen").mkdir()
    for name in ("a.jpg", "b.jpg", "seen/a.jpg"):
        (tmp_path / name).touch()
    everything, photos = (
        [tmp_path / "a.jpg", tmp_path / "b.jpg", tmp_path / "seen"],
        [tmp_path / "a.jpg", tmp_path / "b.jpg"],
    )
    assert photographs.find([tmp_path / "a.jpg", tmp_path], except_in=tmp_path / "seen") == photos
    assert photographs.find(everything, except_in=tmp_path / "seen") == photos  # as a shell writes *
    assert photographs.find([tmp_path / "seen"], except_in=tmp_path / "seen") == [tmp_path / "seen/a.jpg"]


@pytest.mark.parametrize("name", ["haar", "yunet", "yolo"])
def test_the_astronaut_is_happy(network, name):
    if name not in detection.available():
        pytest.skip(f"{name}: no weights here; set FER_TF_MODELS to their folder")
    (observed,) = photographs.analyze(np.ascontiguousarray(data.astronaut()[..., ::-1]), detection.load(name), network)
    assert observed.emotion == "happy" and observed.probabilities.max() > 0.7
    assert observed.probabilities.dtype == np.float32 and observed.probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_a_face_that_fills_the_picture_is_found_at_the_second_look(network):
    class Second:
        def __init__(self):
            self.shapes = []

        def detect(self, image):
            self.shapes.append(image.shape[:2])
            return [Face((240, 240, 160, 160), 0.9)] if len(self.shapes) == 2 else []

    detector = Second()
    (face,) = photographs.find_faces(np.zeros((1280, 1280, 3), np.uint8), detector)
    assert detector.shapes == [(1280, 1280), (640, 640)]  # shrunk to 320, and half as many on each side
    assert face.box == (320, 320, 640, 640)


def test_faces_too_small_or_unsure_are_left_out(network):
    faces = Finds(Face((10, 10, 80, 80), 0.9), Face((10, 10, 80, 80), 0.5), Face((10, 10, 20, 80), 0.9))
    assert len(photographs.analyze(BGR, faces, network)) == 3
    assert len(photographs.analyze(BGR, faces, network, min_score=0.6)) == 2
    assert len(photographs.analyze(BGR, faces, network, min_score=0.6, min_size=30)) == 1


def test_two_hundred_faces_are_read_as_each_alone(network):
    rng = np.random.default_rng(0)
    faces = [Face((*rng.uniform(0, 200, 2), *rng.uniform(20, 90, 2)), 0.9) for _ in range(200)]
    together = photographs.classify(BGR, faces, network)
    for i in (0, 63, 64, 199):
        (alone,) = photographs.classify(BGR, [faces[i]], network)
        np.testing.assert_allclose(alone.probabilities, together[i].probabilities, atol=1e-5)


def test_a_mirrored_picture_gets_the_same_probabilities(network):
    face, other = Face((70, 50, 100, 100), 1.0), Face((256 - 170, 50, 100, 100), 1.0)
    (one,) = photographs.classify(BGR, [face], network)
    (two,) = photographs.classify(np.ascontiguousarray(BGR[:, ::-1]), [other], network)
    np.testing.assert_allclose(one.probabilities, two.probabilities, atol=0.01)


@pytest.mark.parametrize("name", predictor.shipped_names())
def test_both_forms_of_a_shipped_network_give_the_same_probabilities(name):
    forms = [models.PRETRAINED / f"{name}{suffix}" for suffix in (".onnx", ".keras")]
    crops = np.random.default_rng(0).integers(0, 256, (70, *models.model_card(name)["input_shape"]), dtype=np.uint8)
    assert predictor.load_predictor(name).path == forms[0]
    quick, keras = (predictor.load_predictor(form).probabilities(crops) for form in forms)
    np.testing.assert_allclose(quick, keras, atol=1e-3)


def test_photographs_are_read_by_the_mean_of_the_networks_that_ship_and_clips_by_the_fastest(network):
    door = fer_tf.Predictor(detector="haar")
    gray = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 1), dtype=np.uint8)
    each = [predictor.load_predictor(name) for name in predictor.shipped_names()]
    separately = [one.probabilities(gray.repeat(one.input_shape[2], axis=3)) for one in each]
    assert len(each) == 2 and not np.allclose(*separately, atol=0.01)
    np.testing.assert_allclose(door.faces(gray.repeat(3, axis=3)), np.mean(separately, axis=0), atol=1e-6)
    assert (door.network.path.name, door.classes) == ("five_layer+compact", network.classes)
    with pytest.raises(InputError, match=r"five_layer\.onnx and .*: a mean is of networks"):
        predictor.mean_of([network, replace(network, color=True)])


def test_a_network_that_joins_the_package_has_no_part_in_the_mean(monkeypatch):
    monkeypatch.setattr(predictor, "shipped_names", lambda: ["five_layer", "compact", "another"])
    assert predictor.load_predictor("both").path.name == "five_layer+compact"


@pytest.mark.filterwarnings("ignore:yunet is not here")
@pytest.mark.parametrize(("chosen", "stem"), [({}, None), ({"network": "compact", "detector": "haar"}, "compact")])
def test_clips_and_the_camera_get_what_was_named_and_choose_the_rest_as_the_command_does(monkeypatch, chosen, stem):
    taken = []
    for name in ("run_clip", "run_live"):
        monkeypatch.setattr(video, name, lambda *args, **options: taken.append(options))
    door = fer_tf.Predictor(**chosen)
    door.clip("a.mp4", "out", every=2)
    door.camera(0)
    for options in taken:
        assert options["detector"] == chosen.get("detector")
        assert (options["network"] and options["network"].path.stem) == stem
    assert taken[0]["every"] == 2


def test_threads_that_share_a_predictor_take_turns():
    class Alone:
        """A detector that two threads may not use at once, as OpenCV's: they crash then."""

        name, busy = "alone", False

        def detect(self, image, score=None):
            assert not self.busy
            self.busy = True
            time.sleep(0.02)
            self.busy = False
            return [Face((80, 90, 100, 100), 0.9)]

    door = fer_tf.Predictor("five_layer", Alone())
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(door.photograph, [RGB] * 8))
    assert len({one.probabilities.tobytes() for (one,) in results}) == 1


def test_cut_faces_are_taken_in_gray_or_color_and_with_values_up_to_255(network):
    door = fer_tf.Predictor("five_layer", "haar")
    gray = np.random.default_rng(0).integers(0, 256, (5, 48, 48), dtype=np.uint8)
    expected = network.probabilities(gray[..., None].repeat(3, axis=3))
    for images in (gray, gray[..., None], gray.astype(float), gray[..., None].repeat(3, axis=3)):
        np.testing.assert_allclose(door.faces(images), expected, atol=1e-6)
    tinted = np.stack([gray, gray // 2, gray // 4], axis=3)
    by_hand = np.repeat(tinted @ np.float32([0.299, 0.587, 0.114])[:, None], 3, axis=3)
    np.testing.assert_allclose(door.faces(tinted), network.probabilities(by_hand), atol=1e-4)
    compact = fer_tf.Predictor("compact", "haar").faces(tinted)
    np.testing.assert_allclose(compact, predictor.load_predictor("compact").probabilities(by_hand[..., :1]), atol=1e-4)
    for wrong, said in ((gray / 255, "0 to 1"), (gray * 2.0, "give 0 to 255"), (gray / 127.5 - 1, "give 0 to 255")):
        with pytest.raises(InputError, match=said):
            door.faces(wrong)
    with pytest.raises(InputError, match="values from nan to nan"):
        door.faces(np.full((1, 48, 48), np.nan))


def test_a_predictor_that_has_only_the_lesser_detector_says_so(monkeypatch, tmp_path):
    monkeypatch.delenv("FER_TF_MODELS", raising=False)
    monkeypatch.setenv("FER_TF_ROOT", str(tmp_path))
    monkeypatch.setattr(detection.weights, "CLONE", tmp_path / "clone")
    with pytest.warns(UserWarning, match="yunet is not here; haar finds fewer faces"):
        fer_tf.Predictor()


def test_a_network_without_a_card_is_taken_with_a_warning_and_other_values_are_refused(tmp_path):
    file = tmp_path / "mine.onnx"
    file.write_bytes(predictor.shipped().read_bytes())
    with pytest.warns(UserWarning, match=r"mine\.onnx: nothing says its classes; seven are taken as angry, disgust"):
        predictor.load_predictor(file)
    card = "---\nclasses: [angry, disgust, fear, happy, sad, surprise, neutral]\nvalues: [0, {}]\n---\n"
    file.with_suffix(".md").write_text(card.format(255))
    assert predictor.load_predictor(file).classes[3] == "happy"
    file.with_suffix(".md").write_text(card.format(1))
    with pytest.raises(InputError, match=r"its card says values \[0, 1\]"):
        predictor.load_predictor(file)


def test_a_network_says_its_classes_or_is_refused(tmp_path, network):
    assert network.classes == tuple(models.model_card()["classes"])
    with pytest.raises(InputError, match="no such network"):
        predictor.load_predictor(tmp_path / "none.onnx")
    (tmp_path / "a.onnx").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"a\.onnx: \w+ cannot read it \(.*anew\.$"):
        predictor.load_predictor(tmp_path / "a.onnx")
    with pytest.raises(InputError, match=r"images of shape \(1, 9, 9, 3\)"):
        network.probabilities(np.zeros((1, 9, 9, 3), np.uint8))
    assert network.probabilities(np.zeros((0, 48, 48, 3), np.uint8)).shape == (0, 7)


@pytest.mark.parametrize("shape", [(None, None, 3), (48, 64, 3)])
def test_a_network_without_one_square_input_is_refused_in_one_line(tmp_path, shape):
    image = keras.Input(shape)
    pooled = keras.layers.GlobalAveragePooling2D()(image)
    keras.Model(image, keras.layers.Dense(7, activation="softmax")(pooled)).save(tmp_path / "free.keras")
    door = fer_tf.Predictor(tmp_path / "free.keras", Finds(Face((80, 90, 100, 100), 0.9)))
    with pytest.raises(InputError, match=r"free\.keras: its input is .*; faces are cut as squares of one size"):
        door.photograph(RGB)


def test_the_number_of_a_face_is_drawn_before_its_emotion(network):
    (observed,) = photographs.classify(BGR, [Face((80, 90, 100, 100), 0.9)], network)
    plain, numbered = (photographs.draw(BGR, [observed], network.classes, numbers) for numbers in (None, [12]))
    wider = [np.flatnonzero((drawing != BGR).any(axis=(0, 2))).max() for drawing in (plain, numbered)]
    assert wider[1] > wider[0] + 10


def test_marks_are_drawn_into_a_copy_also_where_a_face_sticks_out(network):
    faces = [Face((-30, -30, 90, 90), 0.9), Face((200, 220, 90, 90), 0.8), Face((100, 100, 5, 5), 0.7)]
    before = BGR.copy()
    drawing = photographs.draw(BGR, photographs.classify(BGR, faces, network), network.classes)
    assert (before == BGR).all() and drawing.shape == BGR.shape and (drawing != BGR).any()
    tiny = np.zeros((1, 1, 3), np.uint8)
    assert photographs.draw(tiny, [], network.classes).shape == (1, 1, 3)


def test_one_door_takes_files_and_arrays_alike(tmp_path):
    door = fer_tf.Predictor(detector="haar")
    picture = data.astronaut()[:256, 100:356]
    Image.fromarray(picture).save(tmp_path / "face.png")
    (of_file,), (of_array,) = door.photograph(tmp_path / "face.png"), door.photograph(picture)
    np.testing.assert_array_equal(of_file.probabilities, of_array.probabilities)
    (of_gray,) = door.photograph(picture[..., 1])
    assert of_file.emotion == of_gray.emotion == "happy" and door.classes[3] == "happy"
    for wrong in (picture.astype(float), picture[None], picture[..., :2]):
        with pytest.raises(InputError, match="give uint8"):
            door.photograph(wrong)
    for wrong in (b"JFIF", None, [[0]], Image.fromarray(picture)):
        with pytest.raises(InputError, match=r"a picture of type \w+; give a path or an array"):
            door.photograph(wrong)
