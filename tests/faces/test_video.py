"""Clips, folders and cameras to faces over time, on small videos of moving squares; and on the drawn clip."""

import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import Finds, disk_of

from fer_tf import figures
from fer_tf.datasets import sample
from fer_tf.emotions import COLORS
from fer_tf.errors import InputError
from fer_tf.faces import photographs, video
from fer_tf.faces.detection import Face
from fer_tf.faces.tracking import Smoother, Tracker
from fer_tf.models.predictor import Classifier

CLASSES = ("angry", "happy")
HEIGHT, WIDTH = 96, 128


class Squares:
    """Finds bright squares on black: a detector whose answers are known. It raises an error at a look of choice."""

    name = "squares"

    def __init__(self, last=None, error=None):
        self.looks, self.last, self.error = 0, last, error

    def detect(self, image):
        self.looks += 1
        if self.looks == self.last:
            raise self.error
        result = cv2.connectedComponentsWithStats(np.uint8(image[..., 0] > 60))[2][1:]
        return [Face(tuple(map(float, row[:4])), 0.9) for row in result if row[4] > 30]


def by_brightness(crops):
    middle = crops[:, 3:5, 3:5]  # in the face, however wide the crop
    happy = middle.mean(axis=(1, 2, 3), dtype=float) / 255
    return np.stack([1 - happy, happy], axis=1)


def by_corner(crops):
    """Of the upper left corner: another number for each view of a face."""
    happy = crops[:, 0, 0].mean(axis=1, dtype=float) / 255
    return np.stack([1 - happy, happy], axis=1)


READERS = {
    "detector": Squares(),
    "network": Classifier(Path("brightness.onnx"), "onnxruntime", by_brightness, CLASSES, (8, 8, 3)),
    "progress": False,
}


def picture(squares, height=HEIGHT, width=WIDTH):
    """Black, with squares (x, y, side, brightness)."""
    image = np.zeros((height, width, 3), np.uint8)
    for x, y, side, brightness in squares:
        image[y : y + side, x : x + side] = brightness
    return image


def write_clip(path, pictures, fps=25.0, codec="mp4v"):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, pictures[0].shape[1::-1])
    for image in pictures:
        writer.write(image)
    writer.release()
    return path


def moving(n=20):
    """A square that moves right and is bright in the second half."""
    return [picture([(10 + 2 * i, 30, 30, 100 if i < n // 2 else 240)]) for i in range(n)]


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.mp4", moving())


def frames_of(path):
    capture, images = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        images.append(read[1])
    return images


def leftovers(folder):
    return [path.name for path in Path(folder).iterdir() if ".part" in path.name]


def test_a_clip_becomes_a_video_a_table_and_a_summary(clip, tmp_path):
    summary = video.run_clip(clip, tmp_path / "out", **READERS, smoother=Smoother("none"))
    table = video.read_table(tmp_path / "out/clip_emotions.csv")
    assert list(table["frame"]) == list(range(20)) and set(table["track"]) == {1}
    np.testing.assert_allclose(table["time_s"], np.arange(20) / 25, atol=0.001)
    np.testing.assert_allclose(table["x"], 10 + 2 * np.arange(20), atol=2)
    assert list(table["emotion"]) == ["angry"] * 10 + ["happy"] * 10
    np.testing.assert_allclose(table["angry"] + table["happy"], 1, atol=1e-4)
    written = frames_of(tmp_path / "out/clip_emotions.mp4")
    assert len(written) == 20 and written[0].shape == (HEIGHT, WIDTH, 3)
    assert np.ptp(written[0].astype(int), axis=2).max() > 60, "no colored box was drawn"
    assert json.loads((tmp_path / "out/clip_emotions.json").read_text()) == summary
    assert (summary["frames"], summary["faces"], summary["tracks"], summary["dropped"]) == (20, 20, 1, 0)
    assert summary["complete"] and summary["ended"] == "end" and summary["codec"] in ("avc1", "mp4v")
    assert summary["emotions"] == {"angry": 0.5, "happy": 0.5}
    assert leftovers(tmp_path / "out") == []


def test_every_stage_is_timed_and_the_shares_make_the_whole(clip, tmp_path):
    stages = video.run_clip(clip, tmp_path, **READERS, write_video=False)["stages"]
    assert list(stages) == [*video.STAGES, "whole"]
    assert sum(stages[name]["share"] for name in video.STAGES) == pytest.approx(1, abs=0.001)
    assert all(stages[name]["median_ms"] <= stages[name]["p95_ms"] for name in stages)
    assert not (tmp_path / "clip_emotions.mp4").exists() and frames_of(clip)


def test_a_frame_without_a_face_is_a_row_without_a_track(tmp_path):
    pictures = [picture([])] * 3 + moving(4)
    summary = video.run_clip(write_clip(tmp_path / "c.mp4", pictures), tmp_path / "out", **READERS)
    table = video.read_table(tmp_path / "out/c_emotions.csv")
    assert list(table["frame"]) == list(range(7))
    assert table["track"].isna().sum() == summary["frames_without_face"] >= 3
    assert table.loc[table["track"].isna(), "x":].isna().all(axis=None)


def test_a_clip_of_no_faces_is_a_complete_result(tmp_path):
    summary = video.run_clip(write_clip(tmp_path / "c.mp4", [picture([])] * 5), tmp_path / "out", **READERS)
    assert summary["complete"] and summary["tracks"] == 0 and summary["emotions"] == {}
    assert len(frames_of(tmp_path / "out/c_emotions.mp4")) == 5


def test_smoothing_delays_a_change_by_about_its_time_constant(clip, tmp_path):
    video.run_clip(clip, tmp_path / "out", **READERS, smoother=Smoother("exponential", 0.16))
    table = video.read_table(tmp_path / "out/clip_emotions.csv")
    raw, smooth = table["raw_happy"].to_numpy(), table["happy"].to_numpy()
    assert smooth[0] == raw[0]
    # 0.16 s are four frames: 63% of the change after four steps
    assert (smooth[13] - raw[0]) / (raw[-1] - raw[0]) == pytest.approx(1 - np.exp(-1), abs=0.05)


def test_four_frames_of_a_face_average_the_views_that_a_photograph_averages():
    image = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    face = Face((30.0, 30.0, 40.0, 40.0), 0.9)
    network = Classifier(Path("corner.onnx"), "onnxruntime", by_corner, CLASSES, (8, 8, 3))
    stream = (video.Frame(i, i / 25, image) for i in range(4))
    still = video.read(stream, Finds(face), network, smoother=Smoother("mean", frames=4), draw=False)
    *_, last = (frame.faces[0] for frame in still)
    (photograph,) = photographs.classify(image, [face], network)
    np.testing.assert_allclose(last.probabilities, photograph.probabilities, atol=1e-6)
    assert abs(last.raw - last.probabilities).max() > 0.01, "one view is as all"


def test_two_faces_keep_their_tracks_while_they_pass_over_the_picture(tmp_path):
    pictures = [picture([(5 + 2 * i, 5, 30, 100), (90 - 2 * i, 60, 30, 240)]) for i in range(20)]
    video.run_clip(write_clip(tmp_path / "c.mp4", pictures), tmp_path / "out", **READERS)
    table = video.read_table(tmp_path / "out/c_emotions.csv")
    of_each = table.groupby("track")["emotion"].agg(["nunique", "size"])
    assert len(of_each) == 2 and (of_each["nunique"] == 1).all() and (of_each["size"] == 20).all()


def test_the_detector_looks_in_every_so_many_frames_and_each_frame_is_read(clip):
    detector = Squares()
    with video.open_source(clip) as source:
        annotated_frames = list(video.read(source, detector, READERS["network"], every=4))
    assert detector.looks == 5 and [len(annotated.faces) for annotated in annotated_frames] == [1] * 20
    # the square moves on under the box that is held, and is read there
    assert annotated_frames[11].faces[0].face.box == annotated_frames[8].faces[0].face.box
    assert not np.array_equal(annotated_frames[11].faces[0].raw, annotated_frames[8].faces[0].raw)


def test_small_and_unsure_faces_can_be_left_out(clip):
    with video.open_source(clip) as source:
        assert not any(annotated.faces for annotated in video.read(source, *readers(), min_size=40))
    with video.open_source(clip) as source:
        assert not any(annotated.faces for annotated in video.read(source, *readers(), min_score=0.95))


def readers():
    return READERS["detector"], READERS["network"]


def test_a_size_change_in_mid_stream_keeps_the_track_and_fits_the_video(tmp_path):
    large = [picture([(20, 30, 40, 200)])] * 4
    small = [picture([(10, 15, 20, 200)], HEIGHT // 2, WIDTH // 2)] * 4
    stream = [video.Frame(i, i / 25, image) for i, image in enumerate(large + small)]
    with video.Recording(tmp_path, "c", CLASSES, 25.0) as recording:
        for annotated in video.read(stream, *readers()):
            recording.write(annotated)
    table = video.read_table(tmp_path / "c.csv")
    assert list(table["track"]) == [1] * 8
    assert list(table["x"]) == [20] * 4 + [10] * 4, "boxes are in pixels of their own frame"
    assert [image.shape for image in frames_of(tmp_path / "c.mp4")] == [(HEIGHT, WIDTH, 3)] * 8


def test_a_picture_of_another_shape_is_fitted_whole_between_black_bars():
    tall = np.full((100, 50, 3), 200, np.uint8)
    boxed = video.recording.letterbox(tall, (100, 50))
    assert boxed.shape == (50, 100, 3) and (boxed[:, :30] == 0).all() and (boxed[:, 45:55] == 200).all()
    odd = np.zeros((51, 101, 3), np.uint8)
    assert video.recording.letterbox(odd, (100, 50)).shape == (50, 100, 3)


def test_odd_sizes_make_a_video_of_even_ones(tmp_path):
    write_clip(tmp_path / "c.avi", [picture([], 61, 83)] * 3, codec="MJPG")
    video.run_clip(tmp_path / "c.avi", tmp_path / "out", **READERS)
    assert [image.shape for image in frames_of(tmp_path / "out/c_emotions.mp4")] == [(60, 82, 3)] * 3


@pytest.mark.parametrize("fps", [119.437, 59.94])
def test_a_video_is_written_at_any_rate_and_lasts_as_long(tmp_path, fps):
    writer = video.VideoWriter(tmp_path / "v.mp4", fps, (HEIGHT, WIDTH, 3))
    for number in range(100):
        writer.write(picture([(10, 10, 30, 200)]), number / fps)
    writer.close()
    assert writer.frames / writer.fps == pytest.approx(100 / fps, rel=0.02)
    assert len(frames_of(tmp_path / "v.mp4")) == writer.frames


def test_pictures_larger_than_a_video_may_be_are_shrunk(tmp_path):
    writer = video.VideoWriter(tmp_path / "v.mp4", 25, (40, 9000, 3))
    writer.write(np.full((40, 9000, 3), 200, np.uint8), 0.0)
    writer.close()
    (image,) = frames_of(tmp_path / "v.mp4")
    assert image.shape == (36, 8190, 3) and image.mean() > 150


def test_a_video_that_no_codec_can_be_had_for_is_told_by_that_name_and_the_table_stays(clip, tmp_path, monkeypatch):
    monkeypatch.setattr("fer_tf.faces.video.recording.CODECS", ("none",))
    with pytest.raises(InputError) as caught:
        video.run_clip(clip, tmp_path / "out", **READERS)
    assert "by none of the codecs none" in str(caught.value) and ".part" not in str(caught.value)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["clip_emotions.csv", "clip_emotions.json"]


def test_a_late_frame_leaves_the_video_as_long_as_the_time_that_passed(tmp_path):
    writer = video.VideoWriter(tmp_path / "c.mp4", 10, (HEIGHT, WIDTH))
    for time_s in (0, 0.1, 0.2, 0.9, 1.0, 1.02):
        writer.write(picture([]), time_s)
    assert writer.frames == 11
    writer.write(picture([]), 1e9)  # a clock that jumps
    writer.close()
    assert writer.frames == len(frames_of(tmp_path / "c.mp4")) == 12


def test_two_hundred_faces_in_one_frame_are_all_read(tmp_path):
    places = [(12 * (i % 20) + 2, 12 * (i // 20) + 2, 8, 90 + i // 2) for i in range(200)]
    frame = picture(places, 130, 250)
    annotated_frames = list(video.read([video.Frame(i, i / 25, frame) for i in range(3)], *readers()))
    assert [len(annotated.faces) for annotated in annotated_frames] == [200] * 3
    assert (
        {observed.track for observed in annotated_frames[0].faces}
        == {observed.track for observed in annotated_frames[2].faces}
        == set(range(1, 201))
    )


@pytest.mark.parametrize("content", [b"", b"this is no video" * 100, b"\x00\x00\x00\x20ftypisom" + bytes(5000)])
def test_a_file_that_is_no_video_is_refused_in_one_line(tmp_path, content, capfd):
    (tmp_path / "bad.mp4").write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.mp4: no frame can be read"):
        video.run_clip(tmp_path / "bad.mp4", tmp_path / "out", **READERS)
    assert not (tmp_path / "out").exists()
    assert capfd.readouterr().err == ""


def test_a_source_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no such clip"):
        video.run_clip(tmp_path / "none.mp4", tmp_path / "out", **READERS)
    with pytest.raises(InputError, match="no picture in this folder"):
        video.run_clip(tmp_path, tmp_path / "out", **READERS)
    with pytest.raises(InputError, match="a detection in every 0"):
        video.run_clip(write_clip(tmp_path / "c.mp4", moving(3)), tmp_path / "out", **READERS, every=0)


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="file names are text there")
def test_a_name_that_is_no_text_is_refused_before_opencv_crashes_on_it(clip, tmp_path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    odd.mkdir()
    moved = clip.rename(odd / "clip.mp4")
    cv2.imwrite(str(tmp_path / "1.png"), picture([]))
    (odd / "1.png").write_bytes((tmp_path / "1.png").read_bytes())
    for opens in (
        lambda: video.open_source(moved),
        lambda: video.Camera(str(moved)),
        lambda: video.VideoWriter(odd / "v.mp4", 25, (HEIGHT, WIDTH, 3)),
        lambda: video.run_clip(odd, tmp_path / "out", **READERS),
    ):
        with pytest.raises(InputError, match=r"\\udcff.*: its name is no text, and OpenCV cannot open it"):
            opens()
    assert not (tmp_path / "out").exists()


def test_a_home_folder_that_nobody_has_is_a_name_like_others():
    with pytest.raises(InputError, match=r"~nosuchuser/clip\.mp4: there is no such clip"):
        video.open_source("~nosuchuser/clip.mp4")


def test_a_clip_that_was_cut_off_is_read_as_far_as_it_goes_and_said_so(tmp_path):
    whole = write_clip(
        tmp_path / "whole.avi", [image + np.uint8(i) for i, image in enumerate(moving(60))], codec="MJPG"
    )
    data = whole.read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[: len(data) // 2])
    summary = video.run_clip(tmp_path / "cut.avi", tmp_path / "out", **READERS)
    assert not summary["complete"] and "damaged" in summary["ended"]
    table = video.read_table(tmp_path / "out/cut_emotions.csv")
    assert 10 < len(table) < 50 and len(frames_of(tmp_path / "out/cut_emotions.mp4")) == len(table) == summary["frames"]


def write_matroska(path, times_ms, duration_ms):
    """A clip of JPEG pictures that are shown from these times on: its frame rate varies, and no count of them is in it."""

    def element(number, content):
        content = content.to_bytes(8, "big") if isinstance(content, int) else content
        size = struct.pack(">Q", 1 << 56 | len(content))
        return number.to_bytes((number.bit_length() + 7) // 8, "big") + size + content

    head = element(0x1A45DFA3, element(0x4282, b"matroska") + element(0x4287, 4) + element(0x4285, 2))
    facts = element(0x1549A966, element(0x2AD7B1, 1_000_000) + element(0x4489, struct.pack(">d", duration_ms)))
    shape = element(0xE0, element(0xB0, WIDTH) + element(0xBA, HEIGHT))
    track = element(0xD7, 1) + element(0x73C5, 1) + element(0x83, 1) + element(0x86, b"V_MJPEG") + shape
    frames = []
    for time_ms, image in zip(times_ms, moving(len(times_ms)), strict=True):
        picture = b"\x81\x00\x00\x80" + cv2.imencode(".jpg", image)[1].tobytes()
        frames.append(element(0x1F43B675, element(0xE7, int(time_ms)) + element(0xA3, picture)))
    path.write_bytes(head + element(0x18538067, facts + element(0x1654AE6B, element(0xAE, track)) + b"".join(frames)))
    return path


def test_a_clip_whose_frame_rate_varies_is_whole_when_its_end_was_reached(tmp_path):
    times = [*range(0, 1000, 40), *range(1000, 4000, 200)]
    clip = write_matroska(tmp_path / "c.mkv", times, 4000)
    assert video.Clip(clip).length > 2 * len(times)  # what OpenCV makes of it
    summary = video.run_clip(clip, tmp_path / "out", **READERS)
    assert summary["complete"] and summary["ended"] == "end" and summary["frames"] == len(times)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 3 // 4])
    summary = video.run_clip(clip, tmp_path / "again", **READERS)
    assert not summary["complete"] and re.search(r"\d\.\d of 4\.0 s of c\.mkv could be read", summary["ended"])


def test_a_pause_in_a_clip_is_as_long_in_the_video(tmp_path):
    clip = write_matroska(tmp_path / "c.mkv", [*range(0, 400, 40), *range(15_000, 15_400, 40)], 15_400)
    summary = video.run_clip(clip, tmp_path / "out", **READERS)
    capture = cv2.VideoCapture(summary["video"])
    seconds = capture.get(cv2.CAP_PROP_FRAME_COUNT) / capture.get(cv2.CAP_PROP_FPS)
    assert seconds == pytest.approx(video.read_table(summary["table"])["time_s"].iloc[-1], abs=0.1)


@pytest.mark.parametrize("name", ["12:30:05", "camera-1:2"])
def test_a_colon_in_a_relative_name_is_no_protocol(clip, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    shutil.copy(clip, f"{name}.mp4")
    summary = video.run_clip(f"{name}.mp4", ".", **READERS)
    assert summary["complete"] and len(frames_of(tmp_path / f"{name}_emotions.mp4")) == summary["frames"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_reading_that_was_stopped_does_not_replace_a_whole_one(clip, tmp_path, error):
    whole = video.run_clip(clip, tmp_path / "out", **READERS)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    parameters = {**READERS, "detector": Squares(8, error("now"))}
    if error is KeyboardInterrupt:
        summary = video.run_clip(clip, tmp_path / "out", **parameters)
        assert "the earlier reading, which is complete, stay" in summary["ended"] and summary["table"] is None
    else:
        with pytest.raises(RuntimeError):
            video.run_clip(clip, tmp_path / "out", **parameters)
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert video.run_clip(clip, tmp_path / "out", **READERS)["frames"] == whole["frames"]


def test_another_clip_of_the_same_name_does_not_take_the_place_of_the_first(clip, tmp_path):
    video.run_clip(clip, tmp_path / "out", **READERS)
    before = (tmp_path / "out/clip_emotions.csv").read_bytes()
    (tmp_path / "b").mkdir()
    for other, whose in ((tmp_path / "b/clip.mp4", "another clip.mp4"), (tmp_path / "clip.mkv", "clip.mp4")):
        shutil.copy(clip, other)
        with pytest.raises(InputError, match=rf"clip_emotions\.json: what lies there is of {whose}\. Remove it, or"):
            video.run_clip(other, tmp_path / "out", **READERS)
    assert (tmp_path / "out/clip_emotions.csv").read_bytes() == before and leftovers(tmp_path / "out") == []


def test_a_reading_without_a_video_leaves_none_of_an_earlier_one(clip, tmp_path):
    summary = video.run_clip(clip, tmp_path / "out", **READERS)
    (tmp_path / "out/clip_emotions.png").touch()
    video.run_clip(clip, tmp_path / "out", **READERS, write_video=False)
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".csv", ".json"] and summary["video"]


def test_damage_in_the_middle_of_a_clip_costs_the_frames_it_hits_and_is_told(tmp_path):
    noisy = [
        image + np.random.default_rng(i).integers(0, 30, image.shape, np.uint8) for i, image in enumerate(moving(50))
    ]
    data = bytearray(write_clip(tmp_path / "c.mp4", noisy).read_bytes())
    middle = len(data) // 2
    data[middle : middle + len(data) // 6] = bytes(len(data) // 6)
    (tmp_path / "c.mp4").write_bytes(data)
    summary = video.run_clip(tmp_path / "c.mp4", tmp_path / "out", **READERS)
    table = video.read_table(summary["table"])
    assert 30 < summary["frames"] < 49 and "damaged" in summary["ended"]
    assert table["frame"].is_monotonic_increasing and table["time_s"].iloc[-1] > 1.8


def trimmed(path, seconds):
    """A clip of which an edit list (ISO/IEC 14496-12, `elst`) hides all but the last seconds, as a copying trimmer leaves it."""
    data = bytearray(path.read_bytes())
    header, edits, media = (data.index(kind) + 4 for kind in (b"mvhd", b"elst", b"mdhd"))
    ticks, length = struct.unpack_from(">12xII", data, header)
    media_ticks = struct.unpack_from(">12xI", data, media)[0]
    kept = round(seconds * ticks)
    struct.pack_into(">I", data, header + 16, kept)
    struct.pack_into(">Ii", data, edits + 8, kept, round((length - kept) / ticks * media_ticks))
    path.write_bytes(data)
    return path


def test_a_trimmed_clip_is_whole_and_a_cut_one_is_not(tmp_path):
    path = trimmed(write_clip(tmp_path / "c.mp4", moving(50)), seconds=1.0)
    summary = video.run_clip(path, tmp_path / "out", **READERS)
    assert summary["complete"] and summary["frames"] in (25, 26)
    data = bytearray(path.read_bytes())
    struct.pack_into(">I", data, data.index(b"mvhd") + 20, 0)  # nothing says any more that it is
    path.write_bytes(data)
    summary = video.run_clip(path, tmp_path / "again", **READERS)
    assert not summary["complete"] and f"{summary['frames']} of 50 frames" in summary["ended"]


def test_a_folder_of_pictures_is_read_in_the_order_of_its_numbers(tmp_path):
    (tmp_path / "shots").mkdir()
    for i, image in enumerate(moving(12)):
        cv2.imwrite(str(tmp_path / f"shots/frame{i}.png"), image)
    (tmp_path / "shots/notes.txt").write_text("not a picture")
    (tmp_path / "shots/frame5.png").write_bytes(b"damaged")
    summary = video.run_clip(tmp_path / "shots", tmp_path / "out", **READERS, fps=10)
    table = video.read_table(tmp_path / "out/shots_emotions.csv")
    assert list(table["frame"]) == [i for i in range(12) if i != 5]
    assert table["x"].is_monotonic_increasing and table["time_s"].iloc[-1] == pytest.approx(1.1)
    assert "1 of 12 pictures left out" in summary["ended"] and not summary["complete"]


def test_what_is_no_frame_in_a_folder_of_frames_is_passed_over(tmp_path):
    cv2.imwrite(str(tmp_path / "1.png"), picture([]))
    (tmp_path / "._1.png").write_bytes(b"kept by macOS")
    (tmp_path / "below.jpg").mkdir()
    cv2.imwrite(str(tmp_path / f"{tmp_path.name}_emotions.png"), picture([]))  # the timeline of an earlier reading
    summary = video.run_clip(tmp_path, tmp_path, **READERS)
    assert summary["frames"] == 1 and summary["complete"]


def test_a_digit_that_is_no_number_is_a_letter_in_a_frames_name(tmp_path):
    for name in ("frame10.png", "frame2.png", "frame1²2.png", "²"):
        (tmp_path / name).touch()
    files = video.open_source(tmp_path)._files
    assert [file.name for file in files] == ["frame1²2.png", "frame2.png", "frame10.png"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_was_written_until_an_interruption_is_complete(clip, tmp_path, error):
    parameters = {**READERS, "detector": Squares(8, error("now"))}
    if error is KeyboardInterrupt:
        assert video.run_clip(clip, tmp_path / "out", **parameters)["ended"] == "interrupted"
    else:
        with pytest.raises(RuntimeError):
            video.run_clip(clip, tmp_path / "out", **parameters)
    table, frames = video.read_table(tmp_path / "out/clip_emotions.csv"), frames_of(tmp_path / "out/clip_emotions.mp4")
    assert len(table) == len(frames) == 7
    assert json.loads((tmp_path / "out/clip_emotions.json").read_text())["complete"] is False
    assert leftovers(tmp_path / "out") == []


@pytest.mark.skipif(os.name == "nt", reason="there is no such limit")
def test_a_video_for_which_the_disk_is_too_small_is_told_and_the_table_stays(clip, tmp_path):
    program = f"""
import resource, signal, sys
sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parents[1])!r}]
from test_video import READERS, InputError, video
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    video.run_clip({str(clip)!r}, "out", **READERS)
except InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert "clip_emotions.mp4: the video could not be written whole" in done.stdout, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["clip_emotions.csv", "clip_emotions.json"]
    summary = json.loads((tmp_path / "out/clip_emotions.json").read_text())
    assert summary["video"] is None and summary["frames"] == len(
        video.read_table(tmp_path / summary["table"])["frame"].unique()
    )


@pytest.mark.skipif(os.name == "nt", reason="there is no such signal")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_reading_that_is_told_to_end_closes_its_files(tmp_path, number):
    write_clip(tmp_path / "c.mp4", moving(20) * 20)
    program = f"""
import sys, time
sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parents[1])!r}]
from test_video import READERS, Squares, video
class Slow(Squares):
    def detect(self, image):
        time.sleep(0.02)
        return super().detect(image)
print(video.run_clip("c.mp4", "out", **{{**READERS, "detector": Slow()}})["ended"])
"""
    started = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    deadline = time.time() + 60
    while not list(tmp_path.glob("out/.*.mp4")) and time.time() < deadline:
        time.sleep(0.05)
    started.send_signal(number)
    assert started.communicate(timeout=60)[0].strip() == "interrupted"
    table, frames = video.read_table(tmp_path / "out/c_emotions.csv"), frames_of(tmp_path / "out/c_emotions.mp4")
    assert 0 < len(table) == len(frames) < 400


class FakeCapture:
    """A camera of moving squares that gives a frame every `pause` seconds and is unplugged after `last`."""

    def __init__(self, last=50, pause=0.005, hangs=False):
        self.last, self.pause, self.hangs, self.taken = last, pause, hangs, 0

    def __call__(self, device):
        return self

    def isOpened(self):
        return self.taken < self.last

    def read(self):
        if self.taken >= self.last:
            time.sleep(2 if self.hangs else 0)
            return False, None
        time.sleep(self.pause)
        self.taken += 1
        return True, moving(50)[(self.taken - 1) % 50]

    def get(self, what):
        return {cv2.CAP_PROP_FPS: 30.0, cv2.CAP_PROP_FRAME_WIDTH: WIDTH, cv2.CAP_PROP_FRAME_HEIGHT: HEIGHT}.get(
            what, 0.0
        )

    def set(self, *_):
        return True

    def release(self):
        pass


def test_a_slow_reader_of_a_camera_gets_the_newest_frame_and_the_others_are_counted():
    with video.Camera(open_capture=FakeCapture(last=60, pause=0.004)) as camera:
        observed = []
        for frame in camera:
            observed.append(frame.number)
            time.sleep(0.04)
    assert observed == sorted(set(observed)) and len(observed) < 20
    assert len(observed) + camera.dropped == 60
    assert observed[-1] == 59, "the last frame is the newest, not one from a queue"


def test_a_cameras_time_begins_with_its_first_frame():
    capture = FakeCapture(last=5, pause=0.01)
    warm, capture.read = capture.read, lambda: (time.sleep(0.4 * (capture.taken == 0)), warm())[1]
    with video.Camera(open_capture=capture) as camera:
        assert next(iter(camera)).time_s < 0.1


@pytest.mark.parametrize(("hangs", "message"), [(False, "was closed or unplugged"), (True, "gave no frame for 0.3 s")])
def test_a_camera_that_vanishes_leaves_a_complete_recording(tmp_path, monkeypatch, hangs, message):
    capture = FakeCapture(last=15, pause=0.01, hangs=hangs)
    monkeypatch.setattr(video, "Camera", lambda device, patience: video.sources.Camera(device, patience, capture))
    summary = video.run_live(0, tmp_path, **READERS, window=False, patience=0.3)
    assert message in summary["ended"] and not summary["complete"]
    assert summary["frames"] + summary["dropped"] == 15
    assert len(video.read_table(summary["table"])) == summary["frames"]
    assert frames_of(summary["video"]) and Path(summary["video"]).parent == tmp_path


@pytest.mark.parametrize("camera", [77, "²", 3_000_000_000])
def test_a_camera_that_cannot_be_opened_is_refused_in_one_line(capfd, camera):
    with pytest.raises(InputError, match=f"camera {camera} cannot be opened"):
        video.run_live(camera, **READERS, window=False)
    assert capfd.readouterr().err == ""


def test_live_without_a_display_writes_to_a_file_and_stops_when_asked(clip, tmp_path, monkeypatch):
    monkeypatch.setattr(video, "can_open_windows", lambda: False)
    monkeypatch.chdir(tmp_path)
    summary = video.run_live(clip, **READERS, max_frames=5)
    assert summary["ended"] == "after 5 frames" and summary["complete"]
    assert {path.suffix for path in (tmp_path / "live").glob("live_*")} == {".mp4", ".csv", ".json"}
    with pytest.raises(InputError, match="no display"):
        video.run_live(clip, **READERS, window=True)


def test_ending_a_camera_by_ctrl_c_is_no_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(video, "Camera", lambda device, patience: video.sources.Camera(device, patience, FakeCapture()))
    summary = video.run_live(0, tmp_path, **{**READERS, "detector": Squares(4, KeyboardInterrupt)}, window=False)
    assert summary["ended"] == "interrupted" and summary["complete"] and summary["frames"] == 3


def test_q_in_the_window_quits_and_nothing_is_kept_unless_asked(clip, tmp_path, monkeypatch):
    displayed = []

    class FakeWindow(video.Window):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def show(self, picture):
            displayed.append(picture)
            return "quit" if len(displayed) == 3 else ""

    monkeypatch.setattr(video, "can_open_windows", lambda: True)
    monkeypatch.setattr(video, "Window", FakeWindow)
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    summary = video.run_live(clip, **READERS)
    assert summary["ended"] == "q was pressed" and summary["frames"] == 3 and summary["video"] is None
    assert set(tmp_path.iterdir()) == before


class FakeClock:
    """In place of the module `time`: sleeping takes no time, and moves the clock on."""

    now = 0.0

    def perf_counter(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def test_a_clip_played_as_a_camera_comes_at_its_own_pace(clip, monkeypatch):
    monkeypatch.setattr(video.sources, "time", clock := FakeClock())
    with video.Camera(str(clip)) as camera:
        frames = list(camera)
    assert len(frames) + camera.dropped == 20 and camera.fault == ""
    assert clock.now == pytest.approx(20 / camera.fps)
    assert [frame.time_s for frame in frames] == pytest.approx([frame.number / camera.fps for frame in frames])


def test_progress_is_one_line_with_the_frame_the_rate_and_the_faces(clip, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(video.summary, "PAUSE", 0)
    video.run_clip(clip, tmp_path / "out", **{**READERS, "progress": True})
    assert "frame 1 of 20, " in capsys.readouterr().err


def test_a_disk_that_fills_up_is_told_in_one_line_and_keeps_the_rows_that_it_held(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", moving(60))
    with disk_of(4000), pytest.raises(InputError, match=r"clip_emotions.csv: could not be written on"):
        video.run_clip(clip, tmp_path / "out", **READERS, write_video=False)
    table = video.read_table(tmp_path / "out/clip_emotions.csv")
    assert 20 < len(table) < 60 and table.notna().all(axis=None)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["clip_emotions.csv", "clip_emotions.json"]


def test_smoothed_and_raw_probabilities_are_kept_of_each_face():
    stream = [video.Frame(i, i / 25, image) for i, image in enumerate(moving(20))]
    annotated_frames = list(video.read(stream, *readers(), Tracker(), Smoother("mean", frames=20)))
    raw = np.array([annotated.faces[0].raw for annotated in annotated_frames])
    np.testing.assert_allclose(annotated_frames[-1].faces[0].probabilities, raw.mean(axis=0), atol=1e-6)


def test_the_drawn_face_is_found_in_every_frame_by_what_needs_no_download(tmp_path):
    writer = video.VideoWriter(tmp_path / "drawn.mp4", 10, (480, 640))
    displayed = []
    for i, (drawing, emotion) in enumerate(sample.clip(seconds=2.0, fps=10)):
        writer.write(np.ascontiguousarray(drawing[..., ::-1]), i / 10)
        displayed.append(emotion)
    writer.close()
    summary = video.run_clip(writer.path, tmp_path, detector="haar", smoother=Smoother("none"), progress=False)
    assert (summary["faces"], summary["tracks"], summary["frames_without_face"]) == (20, 1, 0)
    table = video.read_table(summary["table"])
    smiling = table["emotion"][[i for i, emotion in enumerate(displayed) if emotion == "happy"]]
    assert smiling.mode().tolist() == ["happy"]  # the last frame of it is on the way to the next


@pytest.fixture
def table():
    """Two tracks, the first hidden in the middle: happy, hidden, then angry; the second happy throughout."""
    rows = [(i, i / 10, 1, "happy" if i < 5 else "angry", 0.2 if i < 5 else 0.9) for i in range(20) if not 5 <= i < 10]
    rows += [(i, i / 10, 2, "happy", 0.1) for i in range(3)]
    built = pd.DataFrame(rows, columns=["frame", "time_s", "track", "emotion", "angry"])
    return built.assign(happy=1 - built["angry"])


def test_the_timeline_draws_each_tracks_probabilities_and_breaks_where_it_was_hidden(table):
    first, second = figures.emotion_timeline(table, CLASSES).axes
    drawing = {line.get_label(): line.get_xydata() for line in first.lines}
    assert list(drawing) == list(CLASSES) and [line.get_color() for line in first.lines] == [COLORS[c] for c in CLASSES]
    values = drawing["angry"][:, 1]
    np.testing.assert_allclose(values[~np.isnan(values)], [0.2] * 5 + [0.9] * 10)
    assert np.isnan(values).sum() == 1
    assert len(second.lines[0].get_xydata()) == 3
    assert [text.get_text() for text in first.texts] == ["happy", "angry", "predicted"]


def test_the_timeline_shows_the_true_emotion_beside_the_predicted_one(table):
    displayed = ["angry"] * 20
    first = figures.emotion_timeline(table, CLASSES, displayed, most=1).axes[0]
    assert [text.get_text() for text in first.texts] == ["happy", "angry", "predicted", "angry", "angry", "true"]


def test_a_timeline_of_no_faces_says_so_and_one_of_another_table_is_refused(table):
    none = pd.DataFrame({name: [np.nan, np.nan] for name in table}).assign(frame=[0, 1], time_s=[0.0, 0.1])
    assert figures.emotion_timeline(none, CLASSES).axes[0].texts[0].get_text() == "No face was seen."
    with pytest.raises(InputError, match="lacks the column 'emotion'"):
        figures.emotion_timeline(table.drop(columns="emotion"), CLASSES)


def test_latencies_are_drawn_as_long_as_they_are():
    stages = {
        "detect": {"median_ms": 6.0, "p95_ms": 9.0, "share": 0.75},
        "whole": {"median_ms": 8, "p95_ms": 12, "share": 1},
    }
    ax = figures.stage_latencies(stages).axes[0]
    assert [bar.get_width() for bar in ax.patches] == [6, 8]
    assert [text.get_text() for text in ax.texts] == ["6.0 (75%)", "8.0 (100%)"]
    with pytest.raises(InputError, match="no stage was timed"):
        figures.stage_latencies({})


def test_frames_are_drawn_in_their_order_with_their_labels():
    pictures = [np.full((60, 80, 3), 40 * i, np.uint8) for i in range(5)]
    ax = figures.annotated_frames(pictures, list("abcde"), columns=3).axes[0]
    drawing = ax.images[0].get_array()
    assert [drawing[30, 40, 0], drawing[30, 125, 0], drawing[95, 40, 0]] == [0, 40, 120]
    assert [text.get_text() for text in ax.texts] == list("abcde")
    with pytest.raises(InputError, match="5 pictures and 1 labels"):
        figures.annotated_frames(pictures, ["a"])
