"""The command fer-tf, called as a person calls it: what it prints, writes and returns."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from fer_tf import cli
from fer_tf.errors import InputError, exit_status
from fer_tf.faces import photographs, video
from fer_tf.faces.detection import weights
from fer_tf.models import predictor
from fer_tf.models.files import PRETRAINED

HAAR = ("--detector", "haar")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A photograph of a face, one without, a damaged one and a text."""
    built = tmp_path_factory.mktemp("photographs")
    (built / "in").mkdir()
    Image.fromarray(data.astronaut()[:256, 100:356]).save(built / "face.png")
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(built / "in" / "none.png")
    (built / "damaged.jpg").write_bytes(b"\xff\xd8 cut off")
    (built / "notes.txt").write_text("no photograph")
    return built


@pytest.fixture
def no_weights(monkeypatch, tmp_path):
    monkeypatch.delenv("FER_TF_MODELS", raising=False)
    monkeypatch.setenv("FER_TF_ROOT", str(tmp_path))
    monkeypatch.setattr(weights, "CLONE", tmp_path / "clone")


def run(capsys, *words):
    status = cli.main([str(word) for word in words])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_a_photograph_gives_a_table_with_its_emotion(capsys, folder):
    status, out, _ = run(capsys, "predict", folder / "face.png", *HAAR)
    heading, row = out.splitlines()
    assert status == 0 and heading.split()[0] == "photograph"
    assert "face.png" in row and "happy" in row


def test_json_of_a_folder_is_one_array_with_a_photograph_in_a_line(capsys, folder):
    status, out, err = run(capsys, "predict", folder, *HAAR, "--json")
    damaged, face, none = json.loads(out)
    assert status == 1 and len(out.strip().splitlines()) == 5
    assert damaged["file"].endswith("damaged.jpg") and "damaged" in damaged["error"]
    assert (face["width"], face["height"], none["faces"]) == (256, 256, [])
    (result,) = face["faces"]
    assert result["emotion"] == "happy" == max(result["probabilities"], key=result["probabilities"].get)
    assert sum(result["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert len(result["box"]) == 4 and 0 < result["score"] <= 1 and result["detector"] == "haar"
    assert (face["detector"], face["network"]) == ("haar", "five_layer+compact")
    assert "error:" in err and "2 photographs, 1 face by haar, 1 without a face, 1 unreadable" in err


def test_a_network_that_does_not_say_its_classes_is_told_in_one_line(capsys, folder, tmp_path):
    shutil.copy(predictor.shipped(), tmp_path / "mine.onnx")
    status, out, err = run(capsys, "predict", folder / "face.png", *HAAR, "--network", tmp_path / "mine.onnx")
    (note,) = (line for line in err.splitlines() if "classes" in line)
    assert status == 0 and "happy" in out and note.startswith("note: ") and "angry, disgust, fear, happy" in note


def test_small_faces_in_a_large_photograph_are_found_at_a_longer_side(capsys, folder, tmp_path):
    large = np.full((1280, 2560, 3), 90, np.uint8)
    large[500:612, 600:712] = cv2.resize(cv2.imread(str(folder / "face.png")), (112, 112), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "a.png"), large)
    assert "no face found" in run(capsys, "predict", tmp_path / "a.png", *HAAR)[1]
    assert "happy" in run(capsys, "predict", tmp_path / "a.png", *HAAR, "--longest", 2560)[1]
    status, _, err = run(capsys, "predict", tmp_path / "a.png", "--detector", "yolo", "--longest", 800)
    assert status == 2 and "yolo has no option 'longest'" in err


def test_one_damaged_photograph_alone_is_an_error(capsys, folder):
    status, _, err = run(capsys, "predict", folder / "damaged.jpg", *HAAR)
    assert status == 2 and err.startswith("error: ") and err.count("\n") == 1


def test_annotated_copies_keep_their_folders_and_the_originals_are_untouched(capsys, folder, tmp_path):
    before = (folder / "face.png").read_bytes()
    run(capsys, "predict", folder, *HAAR, "--annotate", tmp_path / "seen")
    copies = sorted(str(path.relative_to(tmp_path / "seen")) for path in (tmp_path / "seen").rglob("*.*"))
    assert copies == ["face.png", "in/none.png"]
    marked = photographs.read(tmp_path / "seen" / "face.png")
    assert marked.shape == (256, 256, 3) and (marked != photographs.read(folder / "face.png")).any()
    assert (folder / "face.png").read_bytes() == before
    status, _, err = run(capsys, "predict", folder, *HAAR, "--annotate", folder)
    assert status == 2 and "its copy would take its place" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("predict", "absent.jpg"), "no such file"),
        (("predict", "FOLDER", "--detector", "dlib"), "unknown detector 'dlib'; choose one of haar"),
        (("predict", "FOLDER", *HAAR, "--network", "none.onnx"), "no such network"),
        (("video", "absent.mp4", *HAAR), "absent.mp4"),
        (("predict", "FOLDER", *HAAR, "--min-size", "inf"), "take 0 to 1, and 0 or more"),
    ],
)
def test_wrong_input_is_one_line_and_status_two(capsys, folder, words, message):
    status, out, err = run(capsys, *(folder if word == "FOLDER" else word for word in words))
    assert status == 2 and out == "" and message in err
    assert err.splitlines()[-1].startswith("error: ") and len(err.splitlines()) == 1


def test_a_file_of_other_weights_than_the_default_detectors_is_one_line(capsys, folder):
    status, out, err = run(capsys, "predict", folder / "face.png", "--weights-folder", PRETRAINED / "five_layer.onnx")
    assert status == 2 and out == ""
    assert err.splitlines()[-1].startswith("error: ") and "five_layer.onnx: no YuNet" in err and "Traceback" not in err


def test_a_files_name_moves_no_cursor_and_breaks_no_line(capsys, folder, tmp_path):
    (tmp_path / "a\x1b[2J\nb.png").write_bytes((folder / "face.png").read_bytes())
    (tmp_path / "c\x1b[2J.png").write_bytes(b"no picture")
    _, out, err = run(capsys, "predict", tmp_path, *HAAR)
    assert "\x1b" not in out + err and "a\\x1b[2J\\nb.png" in out and len(out.splitlines()) == 2


@pytest.mark.parametrize("closed", ["> /dev/full", ">&-", "--json > /dev/full"])
def test_an_output_that_cannot_be_written_is_no_traceback(folder, closed):
    command = f"{sys.executable} -m fer_tf.cli predict {folder / 'face.png'} {' '.join(HAAR)} {closed}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    full = "error: No space left on device. Free some space or mend it.\n"
    assert (done.returncode, done.stderr) == ((0, "") if closed == ">&-" else (2, full))


@pytest.mark.parametrize(
    ("raised", "status", "message"),
    [
        (OSError(30, "Read-only file system", "a.json"), 1, "error: a.json: Read-only file system. Free some"),
        (KeyboardInterrupt(), 130, "stopped"),
        (BrokenPipeError(), 141, ""),
        (MemoryError(), 1, "error: not enough memory"),
        (InputError("a\nb"), 1, "error: a\\nb"),
        (ModuleNotFoundError("no", name="pandas.x"), 1, "error: this needs pandas.x. Install the whole"),
    ],
)
def test_whatever_ends_a_command_is_one_line_and_a_status(capsys, raised, status, message):
    def run():
        raise raised

    assert exit_status(run) == status
    assert capsys.readouterr().err.startswith(message)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_closed_terminal_ends_a_command_in_order(capsys, number):
    def run():
        os.kill(os.getpid(), number)
        time.sleep(5)

    before = signal.getsignal(number)
    assert exit_status(run) == 130 and signal.getsignal(number) is before
    assert capsys.readouterr().err == "stopped\n"


def test_the_detector_taken_by_default_is_told(capsys, folder, clip, no_weights, tmp_path):
    for words in (("predict", folder / "face.png"), ("video", clip, "--no-video", "--out", tmp_path)):
        assert "detector: haar; a better one is not here" in run(capsys, *words)[2]


@pytest.mark.parametrize("words", [("absent.jpg",), ("FACE", "--detector", "dlib"), ("FACE", "--min-score", 3)])
def test_json_is_an_array_also_where_the_command_is_refused(capsys, folder, words):
    words = [folder / "face.png" if word == "FACE" else word for word in words]
    status, out, err = run(capsys, "predict", *words, "--json")
    assert status == 2 and json.loads(out) == [] and err.splitlines()[-1].startswith("error: ")


def test_annotated_copies_inside_the_folder_are_no_photographs_of_the_next_time(capsys, tmp_path, folder):
    (tmp_path / "face.png").write_bytes((folder / "face.png").read_bytes())
    for _ in range(2):
        assert run(capsys, "predict", tmp_path, *HAAR, "--annotate", tmp_path / "seen")[0] == 0
    assert [path.name for path in (tmp_path / "seen").iterdir()] == ["face.png"]


def _tree(top, *names):
    for name in names:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(top / name, format="png")


@pytest.mark.parametrize(
    ("there", "words", "message"),
    [
        (
            ("new/2019/n.png", "album/2019/n.png"),
            ("new", "album/2019", "album"),
            "n.png: the copy of new/2019/n.png would",
        ),
        (("ph/a.png", "ph/2019/a.png"), ("ph/2019", "ph"), "ph/a.png: it is there"),
        (("g/x.gif", "g/x.gif.png"), ("g", "seen"), "their copies would have one name"),
    ],
    ids=["another photograph that was given", "one that was not given", "a name that is completed"],
)
def test_no_copy_takes_the_place_of_a_photograph_or_of_another_copy(
    capsys, tmp_path, monkeypatch, there, words, message
):
    _tree(tmp_path, *there)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(photographs, "read", lambda file: pytest.fail(f"{file} was read"))
    before = {name: (tmp_path / name).read_bytes() for name in there}
    status, out, err = run(capsys, "predict", *words[:-1], "--annotate", words[-1], *HAAR)
    assert status == 2 and out == "" and message in err and err.count("\n") == 1
    assert before == {name: (tmp_path / name).read_bytes() for name in there}


def test_copies_made_before_are_written_anew(tmp_path, monkeypatch):
    _tree(tmp_path, "ph/a.png", "ph/2019/b.png", "seen/a.png", "seen/2019/b.png")
    monkeypatch.chdir(tmp_path)
    args = cli.parser().parse_args(["predict", "ph", "--annotate", "seen"])
    places = cli._annotated(photographs.find(args.photographs, except_in=args.annotate), args)
    assert sorted(map(str, places.values())) == ["seen/2019/b.png", "seen/a.png"]


def test_places_of_many_copies_are_found_with_one_look_at_each_folder(tmp_path, monkeypatch):
    _tree(tmp_path, *(f"{number}.png" for number in range(20)))
    args = cli.parser().parse_args(["predict", *map(str, tmp_path.iterdir()), "--annotate", str(tmp_path / "seen")])
    looks, is_dir = [], Path.is_dir
    monkeypatch.setattr(Path, "is_dir", lambda path: looks.append(path) or is_dir(path))
    cli._annotated(args.photographs, args)
    assert len(looks) == 20


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("predict",),
        ("predict", "--frobnicate"),
        ("predict", "a.jpg", "--annotate", __file__),
        ("video", "a.mp4", "--every", "x"),
        ("video", "a.mp4", "--smoothing-seconds", "-1"),
        ("predict", "a.jpg", "--longest", "0"),
        ("live", "--camera", ""),
        ("live", "--seconds", "nan"),
        ("live", "--seconds", "-1"),
    ],
)
def test_wrong_words_are_one_line_that_names_the_help(capsys, words):
    with pytest.raises(SystemExit) as ended:
        cli.main(list(words))
    err = capsys.readouterr().err
    assert ended.value.code == 2 and err.startswith("error: ") and err.count("\n") == 1 and "--help" in err


@pytest.mark.parametrize("words", [("predict", "a.jpg", "--annotate"), ("video", "a.mp4", "--out"), ("live", "--out")])
@pytest.mark.parametrize("kind", ["closed", "too long"])
def test_a_folder_that_cannot_be_looked_at_is_one_line(capsys, monkeypatch, words, kind):
    def exists(path):
        raise PermissionError(13, "Permission denied", str(path))

    if kind == "closed":
        monkeypatch.setattr(Path, "exists", exists)
    with pytest.raises(SystemExit) as ended:
        cli.main([*words, "seen" if kind == "closed" else "s" * 300])
    err = capsys.readouterr().err
    assert ended.value.code == 2 and "cannot be used (" in err and err.count("\n") == 1


def test_a_home_folder_of_weights_that_nobody_has_is_one_line(capsys, folder):
    status, _, err = run(capsys, "predict", folder / "face.png", "--weights-folder", "~nosuchuser/w", *HAAR)
    assert status == 2 and "~nosuchuser/w: no such folder" in err and err.count("\n") == 1


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="file names are text there")
def test_a_file_whose_name_is_no_text_is_read(folder, tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.png"
    Path(os.fsdecode(path)).write_bytes((folder / "face.png").read_bytes())
    words = [sys.executable, "-m", "fer_tf.cli", "predict", path, *HAAR]
    done = subprocess.run(words, capture_output=True, timeout=120)
    assert done.returncode == 0 and b"happy" in done.stdout


def test_stopping_leaves_whole_json_and_no_traceback(capsys, folder, monkeypatch):
    def stop(*given, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(photographs, "analyze", stop)
    status, out, err = run(capsys, "predict", folder / "face.png", *HAAR, "--json")
    assert status == 130 and json.loads(out) == [] and err == "stopped\n"


def test_models_tells_what_is_here_and_how_to_get_the_rest(capsys, no_weights):
    status, out, _ = run(capsys, "models")
    assert status == 0 and "haar        here, the default" in out
    assert "make models" in out and "--only yolo" in out and "happy" in out


def test_models_names_each_network_of_a_mean_and_takes_folders_only(capsys, folder):
    status, out, _ = run(capsys, "models", "--network", "both")
    assert status == 0 and out.count("pretrained") == out.count("classes") == 2 and "five_layer+compact" not in out
    status, out, err = run(capsys, "models", "--weights-folder", folder / "notes.txt")
    assert (status, out) == (2, "") and "notes.txt: no such folder of detectors' weights" in err


@pytest.mark.parametrize("command", [(), ("predict",), ("video",), ("live",), ("models",)])
def test_every_help_says_what_this_is_not_for_and_that_nothing_is_sent(capsys, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--help"])
    lines = capsys.readouterr().out.splitlines()
    message = " ".join(" ".join(lines).split())
    assert ended.value.code == 0
    assert max(map(len, lines)) <= 80, "wider than a terminal"
    assert (
        "consent" in message
        and "at work" in message
        and "article 5(1)(f)" in message
        and "Nothing is ever sent" in message
    )


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Eight frames of a photograph, as a clip of which the last quarter can be cut off."""
    path = tmp_path_factory.mktemp("clips") / "face.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (256, 256))
    for _ in range(40):
        writer.write(np.ascontiguousarray(data.astronaut()[:256, 100:356, ::-1]))
    writer.release()
    return path


def test_a_clip_gives_a_video_a_table_a_timeline_and_a_summary(capsys, clip, tmp_path):
    words = ("--out", tmp_path, *HAAR, "--smoothing", "none", "--every", 2)
    status, out, _ = run(capsys, "video", clip, *words)
    named = dict(line.split(maxsplit=1) for line in out.splitlines()[:3])
    assert status == 0 and list(named) == ["video", "table", "timeline"]
    assert all(Path(path).stat().st_size > 1000 for path in named.values())
    assert out.splitlines()[3].startswith("40 frames, 1 face followed by haar, ")
    assert set(video.read_table(named["table"])["emotion"]) == {"happy"}


def test_without_pandas_a_clip_is_read_and_its_missing_timeline_told(clip, tmp_path):
    program = "import sys; sys.modules['pandas'] = None; from fer_tf import cli; sys.exit(cli.main(sys.argv[1:]))"
    words = [sys.executable, "-c", program, "video", clip, *HAAR, "--out", tmp_path]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stderr.count("\n") == 1, done.stderr
    assert "no timeline without pandas: pip install matplotlib pandas" in done.stderr
    assert "face_emotions.csv" in done.stdout and (tmp_path / "face_emotions.mp4").exists()


def test_a_clips_options_are_followed(capsys, clip, tmp_path):
    status, out, _ = run(capsys, "video", clip, "--out", tmp_path, *HAAR, "--no-video", "--min-size", 200)
    assert status == 0 and not list(tmp_path.glob("*.mp4"))
    assert "0 faces followed" in out and "timeline" not in out
    assert run(capsys, "video", clip, *HAAR, "--smoothing", "much")[0] == 2


@pytest.mark.parametrize("wrong", [("--every", 0), ("--min-score", 2), ("--smoothing", "much")])
def test_a_wrong_option_leaves_an_earlier_reading_as_it_was(capsys, clip, tmp_path, wrong):
    (tmp_path / "face_emotions.csv").write_text("earlier")
    status, _, err = run(capsys, "video", clip, "--out", tmp_path, *HAAR, *wrong)
    assert status == 2 and err.startswith("error: ") and err.count("\n") == 1
    assert [path.read_text() for path in tmp_path.iterdir()] == ["earlier"]


def test_a_clip_that_is_cut_off_is_read_to_there_and_told(capsys, clip, tmp_path):
    cut = tmp_path / "cut.avi"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    status, out, err = run(capsys, "video", cut, "--out", tmp_path, *HAAR)
    assert status == 1 and "table" in out
    assert err.splitlines()[-1].startswith("warning: 20 of 40 frames of cut.avi could be read")
    assert 5 < len(video.read_table(tmp_path / "cut_emotions.csv")) < 40


def test_a_camera_that_is_not_there_is_one_line(monkeypatch, capsys):
    def run_live(camera, out, **options):
        raise InputError(f"camera {camera}: cannot be opened. Plug it in.")

    monkeypatch.setattr(video, "run_live", run_live)
    assert run(capsys, "live", "--camera", "7", *HAAR) == (2, "", "error: camera 7: cannot be opened. Plug it in.\n")


def test_help_is_there_without_loading_a_network_or_opencv():
    code = "import sys, fer_tf.cli as c\ntry: c.main(['--help'])\nexcept SystemExit: pass\n"
    code += "sys.exit(any(name in sys.modules for name in ('cv2', 'tensorflow', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, timeout=60).returncode == 0


def test_an_onnx_network_is_used_without_tensorflow(folder):
    from fer_tf.models import predictor

    if predictor.shipped().suffix != ".onnx":
        pytest.skip("no five_layer.onnx ships")
    code = "import sys, fer_tf.cli as c\n"
    code += f"status = c.main(['predict', {str(folder / 'face.png')!r}, '--detector', 'haar'])\n"
    code += "sys.exit(status or 'tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, timeout=120).returncode == 0
