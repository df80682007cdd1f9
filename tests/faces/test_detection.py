"""Detectors: what each finds on a photograph whose face is known, and what is said where one is not here."""

import hashlib
import http.server
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from fer_tf.errors import InputError
from fer_tf.faces import detection
from fer_tf.faces.detection import weights, yolo
from fer_tf.faces.detection.__main__ import main
from fer_tf.faces.detection.face import Face
from fer_tf.models import PRETRAINED, onnx_runtime

BOX = np.array([178, 63, 90, 113])  # of the astronaut's face, in pixels
EYES = np.array([[200, 102], [247, 103]])
HERE = detection.available()


def detector(name, **options):
    if name not in HERE:
        pytest.skip(f"{name}: no weights here; set FER_TF_MODELS to their folder")
    return detection.load(name, **options)


@pytest.fixture(scope="module")
def astronaut():
    return np.ascontiguousarray(data.astronaut()[..., ::-1])


@pytest.fixture
def nothing_here(monkeypatch, tmp_path):
    monkeypatch.delenv("FER_TF_MODELS", raising=False)
    monkeypatch.setenv("FER_TF_ROOT", str(tmp_path))
    monkeypatch.setattr(weights, "CLONE", tmp_path / "clone")
    return tmp_path


def overlap(a, b):
    a, b = np.asarray(a, float), np.asarray(b, float)
    sides = np.minimum(a[:2] + a[2:], b[:2] + b[2:]) - np.maximum(a[:2], b[:2])
    common = np.prod(np.maximum(sides, 0))
    return common / (np.prod(a[2:]) + np.prod(b[2:]) - common)


@pytest.mark.parametrize("name", detection.names())
def test_each_detector_finds_the_astronauts_face_and_no_other(name, astronaut):
    (face,) = detector(name).detect(astronaut)
    assert overlap(face.box, BOX) > 0.6
    assert 0.5 < face.score <= 1


@pytest.mark.parametrize("name", ["yunet", "yolo", "retinaface"])
def test_landmarks_come_in_the_order_right_eye_left_eye_nose_mouth(name, astronaut):
    (face,) = detector(name).detect(astronaut)
    assert face.landmarks.shape == (5, 2) and face.landmarks.dtype == np.float32
    np.testing.assert_allclose(face.landmarks[:2], EYES, atol=8)
    nose, right, left = face.landmarks[2:]
    assert EYES[0, 1] < nose[1] < right[1] and right[0] < nose[0] < left[0]


@pytest.mark.parametrize("name", ["haar", "yunet", "yolo"])
def test_a_picture_of_another_size_in_between_changes_nothing(name, astronaut):
    built = detector(name)
    before = built.detect(astronaut)
    built.detect(np.ascontiguousarray(astronaut[:300, 50:450]))
    after = built.detect(astronaut)
    assert [face.box for face in before] == [face.box for face in after]


@pytest.mark.parametrize("name", ["haar", "yunet", "yolo"])
def test_boxes_in_a_picture_many_times_as_large_are_as_many_times_as_large(name, astronaut):
    large = cv2.resize(astronaut, None, fx=7, fy=7, interpolation=cv2.INTER_CUBIC)
    faces = detector(name).detect(large)  # haar may be surer of a patch of the suit, by the processor's rounding
    assert max(overlap(face.box, 7 * BOX) for face in faces) > 0.6


@pytest.mark.parametrize("name", ["haar", "yunet", "yolo"])
@pytest.mark.parametrize("shape", [(1, 1), (2, 900), (900, 2), (40, 40)])
def test_no_face_is_found_where_there_is_none(name, shape):
    assert detector(name).detect(np.full((*shape, 3), 90, np.uint8)) == []


@pytest.mark.parametrize("name", ["haar", "yunet"])
def test_two_hundred_faces_in_one_picture_are_found(name, astronaut):
    face = cv2.resize(astronaut[40:200, 140:300], (120, 120), interpolation=cv2.INTER_AREA)
    faces = detector(name, longest=2400).detect(np.tile(face, (10, 20, 1)))
    middles = {(int((x + w / 2) // 120), int((y + h / 2) // 120)) for x, y, w, h in (face.box for face in faces)}
    assert len(middles) >= 196
    scores = [face.score for face in faces]
    assert scores == sorted(scores, reverse=True)


def test_a_yolo_box_is_the_mean_of_its_distributions_in_strides():
    maps = [np.full((80, side, side), -20.0) for side in (80, 40, 20)]
    row, column, stride = 10, 12, 16
    cell = maps[1][:, row, column]
    for side, distance in enumerate((2, 3, 4, 5)):  # left, top, right, bottom: all weight on one bin
        cell[16 * side + distance] = 20
    cell[64] = 0  # a score of one half
    cell[65:] = np.tile([0.25, -0.5, 0], 5)
    boxes, scores, landmarks = yolo.decode(maps, min_score=0.4)
    middle = np.array([column + 0.5, row + 0.5]) * stride
    np.testing.assert_allclose(boxes, [[*(middle - (2 * stride, 3 * stride)), 6 * stride, 8 * stride]], atol=1e-3)
    np.testing.assert_allclose(scores, [0.5])
    np.testing.assert_allclose(landmarks[0], np.tile([(column + 0.5) * stride, (row - 1) * stride], (5, 1)))


def test_yolo_outputs_are_matched_by_shape_in_whatever_order_they_come(astronaut):
    built = detector("yolo")
    expected = built.detect(astronaut)
    whole = built.network
    built.network = lambda square: whole(square)[::-1]
    result = built.detect(astronaut)
    assert [face.box for face in result] == [face.box for face in expected]


def test_onnx_runtime_and_opencv_compute_the_same(astronaut, monkeypatch):
    pytest.importorskip("onnxruntime")
    result = detector("yolo").detect(astronaut)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    expected = detector("yolo").detect(astronaut)
    np.testing.assert_allclose([face.box for face in result], [face.box for face in expected], atol=0.1)


def test_a_fainter_face_is_believed_for_once(astronaut):
    for name in ("haar", "yunet", "yolo"):
        built = detector(name)
        usual = built.detect(astronaut)
        assert len(built.detect(astronaut, 0.05)) >= len(usual) > len(built.detect(astronaut, 0.9999))
        assert [face.box for face in built.detect(astronaut)] == [face.box for face in usual]


def test_a_letterboxed_point_is_led_back_to_its_pixel():
    image = np.zeros((300, 900, 3), np.uint8)
    image[145:156, 595:606] = 255
    square, factor, left, top = yolo.letterbox(image)
    assert square.shape == (640, 640, 3) and left == 0 and (square[0] == yolo.GRAY).all()
    y, x = np.argwhere(square[..., 0] > 200).mean(axis=0)
    face = Face((x, y, 1, 1), 1.0).scaled(factor, -left * factor, -top * factor)
    np.testing.assert_allclose(face.box[:2], (600, 150), atol=2)


def test_without_a_download_the_default_is_the_cascade_and_it_works(nothing_here, astronaut):
    assert detection.available() == ("haar",)
    built = detection.load()
    assert built.name == "haar" and len(built.detect(astronaut)) == 1


def test_the_default_is_yunet_where_its_weights_are(nothing_here):
    folder = nothing_here / "data" / "models"
    folder.mkdir(parents=True)
    (folder / "face_detection_yunet_2023mar.onnx").touch()
    assert detection.default() == "yunet"


def test_weights_fetched_into_the_clone_are_found_from_any_folder(nothing_here):
    (nothing_here / "clone").mkdir()
    (nothing_here / "clone" / "face_detection_yunet_2023mar.onnx").touch()
    assert detection.default() == "yunet"


def test_a_folder_of_weights_that_is_not_there_is_told_rather_than_passed_over(nothing_here):
    for ask in (detection.default, detection.available, lambda models: detection.load("haar", models)):
        with pytest.raises(InputError, match="nowhere: no such folder"):
            ask("nowhere")


@pytest.mark.parametrize("name", ["yunet", "yolo"])
def test_absent_weights_are_told_in_one_line_with_the_way_to_get_them(name, nothing_here):
    with pytest.raises(InputError, match=r"Fetch it: (make models|python -m fer_tf.faces.detection --only yolo)"):
        detection.load(name)


@pytest.mark.parametrize("name", ["yunet", "yolo"])
def test_a_file_that_is_no_network_is_refused(name, tmp_path):
    path = tmp_path / "wrong.onnx"
    path.write_bytes(b"no network")
    with pytest.raises(InputError, match=r"wrong\.onnx: (no YuNet|\w+ cannot read it)"):
        detection.load(name, path)


@pytest.mark.parametrize(("name", "message"), [("yunet", "no YuNet"), ("yolo", "no YOLOv8-face")])
def test_weights_of_another_network_are_refused_before_the_first_picture(name, message):
    with pytest.raises(InputError, match=f"five_layer.onnx: {message}. Name the detector that it is for"):
        detection.load(name, PRETRAINED / "five_layer.onnx")


@pytest.mark.parametrize(("name", "other"), [("yunet", "yolo"), ("yolo", "yunet")])
def test_a_file_of_one_detectors_weights_is_not_taken_for_anothers(name, other):
    detector(other)
    with pytest.raises(InputError, match="Name the detector that it is for"):
        detection.load(name, weights.find(other))


def test_damaged_weights_under_the_published_name_are_refused_before_opencv_crashes_on_them(tmp_path):
    path = tmp_path / weights.CATALOG["yunet"].file
    path.write_bytes(b"kps_32 and nothing else")
    with pytest.raises(InputError, match=r"2026may\.onnx: damaged, or not the published YuNet\. Remove it"):
        detection.load("yunet", tmp_path)


def test_quantized_weights_do_not_go_before_whole_ones(nothing_here):
    folder = nothing_here / "data" / "models"
    folder.mkdir(parents=True)
    for release in ("2022mar", "2023mar", "2023mar_int8bq"):
        (folder / f"face_detection_yunet_{release}.onnx").touch()
    assert weights.find("yunet").name == "face_detection_yunet_2023mar.onnx"
    (folder / weights.CATALOG["yunet"].file).touch()
    assert weights.find("yunet").name == weights.CATALOG["yunet"].file


@pytest.mark.parametrize("score", [1.0, 1.5, -0.1, np.nan])
def test_a_minimum_score_that_no_cascade_can_give_is_refused(score, astronaut):
    with pytest.raises(InputError, match=r"haar: a minimum score of .*; give 0 or more and less than 1"):
        detection.load("haar").detect(astronaut, score=score)


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="file names are text there")
def test_weights_whose_path_is_no_text_are_refused_before_opencv_crashes_on_it(tmp_path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/w\xff"))
    odd.mkdir()
    (odd / "any.onnx").write_bytes(b"kps_32")
    (odd / "any.xml").touch()
    for loads in (
        lambda: detection.load("yunet", odd / "any.onnx"),
        lambda: detection.load("haar", cascade=odd / "any.xml"),
        lambda: onnx_runtime.load(odd / "any.onnx", engine="opencv"),
    ):
        with pytest.raises(InputError, match=r"w\\udcff.*: its name is no text"):
            loads()


def test_a_home_folder_that_nobody_has_holds_no_weights(nothing_here, monkeypatch):
    with pytest.raises(InputError, match="~nosuchuser/w: no such folder"):
        detection.load("haar", "~nosuchuser/w")
    monkeypatch.setenv("FER_TF_MODELS", "~nosuchuser/w")
    with pytest.raises(InputError, match="FER_TF_MODELS=~nosuchuser/w: no such folder"):
        detection.default()


def test_an_absent_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "uniface", None)
    with pytest.raises(InputError, match=r"install its package"):
        detection.load("retinaface")


def test_a_file_other_than_the_published_one_is_never_handed_to_a_package_that_would_download_it(tmp_path):
    path = tmp_path / weights.CATALOG["retinaface"].file
    path.write_bytes(b"something else")
    with pytest.raises(InputError, match=r"SHA-256 .* expected 905eac744dc1"):
        weights.check(path, "retinaface")


def test_unknown_detectors_and_options_are_named_with_those_there_are():
    with pytest.raises(InputError, match="unknown detector 'dlib'; choose one of haar, yunet"):
        detection.load("dlib")
    with pytest.raises(InputError, match="haar has no option 'scales'; it has scale, neighbors"):
        detection.load("haar", scales=2)


@pytest.mark.parametrize("image", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3)), np.zeros((0, 9, 3), np.uint8)])
def test_what_is_no_picture_is_refused(image):
    with pytest.raises(InputError, match=r"give uint8 \(h, w, 3\)"):
        detection.load("haar").detect(image)


@pytest.fixture
def published(monkeypatch, tmp_path):
    """A catalog whose YuNet is published in a file of the test's own."""
    source = tmp_path / "published.onnx"
    source.write_bytes(b"weights")
    entry = replace(weights.CATALOG["yunet"], urls=(source.as_uri(),), sha256=hashlib.sha256(b"weights").hexdigest())
    monkeypatch.setitem(weights.CATALOG, "yunet", entry)
    return source


def test_fetched_weights_are_whole_and_are_found_afterwards(published, nothing_here):
    path = weights.fetch("yunet")
    assert path.read_bytes() == b"weights" and weights.find("yunet") == path
    published.unlink()
    assert weights.fetch("yunet") == path  # it is there: nothing is asked of the network


def test_weights_with_another_checksum_are_not_written(published, nothing_here):
    published.write_bytes(b"something else")
    with pytest.raises(InputError, match="Nothing was written"):
        weights.fetch("yunet")
    assert not list(nothing_here.rglob("*2026may*"))


class Answers(http.server.BaseHTTPRequestHandler):
    """Each path is another fault of a server."""

    def do_GET(self):
        if self.path == "/nonsense":
            self.wfile.write(b"no HTTP\r\n\r\n")
            return
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"wei")

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as built:
        threading.Thread(target=built.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{built.server_address[1]}"
        built.shutdown()


@pytest.mark.parametrize("fault", ["nonsense", "short"])
def test_the_second_address_is_asked_where_the_first_answers_badly(published, nothing_here, monkeypatch, server, fault):
    entry = weights.CATALOG["yunet"]
    addresses = (f"{server}/{fault}", *entry.urls)
    monkeypatch.setitem(weights.CATALOG, "yunet", replace(entry, urls=addresses))
    assert weights.fetch("yunet").read_bytes() == b"weights"


def test_an_answer_without_end_is_read_to_twice_the_expected_size(published, nothing_here, monkeypatch):
    monkeypatch.setitem(weights.CATALOG, "yunet", replace(weights.CATALOG["yunet"], size=50))
    published.write_bytes(bytes(1000))
    with pytest.raises(InputError, match="100 bytes with SHA-256"):
        weights.fetch("yunet")


def test_offline_one_line_says_what_to_download_and_where_to_put_it(published, nothing_here, capsys):
    published.unlink()
    assert main([]) == 1
    message = capsys.readouterr().err.strip()
    assert message.count("\n") == 0 and "could not be fetched" in message and "put it into" in message


def test_the_makers_of_a_model_see_license_checksum_and_size(published, nothing_here, capsys):
    assert main(["--only", "yunet"]) == 0
    message = capsys.readouterr().out
    assert "MIT" in message and weights.CATALOG["yunet"].sha256 in message and "MB" in message


@pytest.mark.parametrize("name", ["yunet", "yolo"])
def test_the_catalog_has_the_real_files_checksums(name):
    if name not in HERE:
        pytest.skip(f"{name}: no weights here; set FER_TF_MODELS to their folder")
    path = weights.find(name)
    if path.name != weights.CATALOG[name].file:
        pytest.skip(f"{path.name} is another release")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == weights.CATALOG[name].sha256
