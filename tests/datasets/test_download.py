"""Downloads: from a stand-in of Kaggle's endpoint, and by a function in its place."""

import io
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from fer_tf import datasets
from fer_tf.datasets import download, standin
from fer_tf.errors import InputError


@pytest.fixture
def parts(tmp_path, project):
    """What kagglehub would have kept: the parts of the five-class dataset, by handle."""
    folder = standin.write("five_class", tmp_path / "parts", {"train": 10, "test": 3})
    return lambda handle: str(folder / handle.rpartition("/")[2])


def test_a_dataset_of_two_parts_is_linked_where_it_is_looked_for(parts, project):
    folder, differences = download.download("five_class", parts)
    assert folder == project / "data/raw/five_class" and len(list(folder.iterdir())) == 2
    assert differences == ["jonathanoheix/face-expression-recognition-dataset: 91 images, expected 35,887."]
    assert len(datasets.prepare("five_class").split_names()) == 3
    download.download("five_class", parts)  # again: the links are put anew


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rafdb", "rafdb cannot be downloaded by a command. Ask its authors for it.*whdeng"),
        ("affectnet7", "affectnet cannot be downloaded by a command.*signing its license"),
        ("nothing", "unknown dataset 'nothing'"),
    ],
)
def test_what_needs_an_agreement_says_whom_to_ask(name, expected, project):
    with pytest.raises(InputError, match=expected):
        download.download(name)


def test_a_download_that_fails_says_how_to_go_on_and_links_nothing(project, capsys):
    def broken(handle):
        raise ConnectionError("no route")

    with pytest.raises(InputError, match=r"the download failed \(no route\). Give the command again to go on"):
        download.download("fer2013", broken)
    assert not (project / "data/raw/fer2013").exists()


def test_a_folder_of_ones_own_is_not_replaced(parts, project):
    own = project / "data/raw/five_class/face-expression-recognition-dataset"
    own.mkdir(parents=True)
    with pytest.raises(InputError, match="is there already, and no link"):
        download.download("five_class", parts)
    assert own.is_dir() and not own.is_symlink()


class Endpoint(BaseHTTPRequestHandler):
    """Kaggle's endpoint as kagglehub asks it: which version there is, and its zip."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("GetDataset"):
            self.answer(json.dumps({"currentVersionNumber": 1}).encode(), "application/json")
            return
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            for split in ("train", "test"):
                archive.writestr(f"{split}/happy/Training_{split}.jpg", np.zeros(9, np.uint8).tobytes())
        self.answer(data.getvalue(), "application/zip")

    def answer(self, data, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def test_kagglehub_fetches_from_a_stand_in_of_its_endpoint(project, tmp_path, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")  # asks port 7777 of this machine
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "cache"))
    server = ThreadingHTTPServer(("127.0.0.1", 7777), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        folder, differences = download.download("fer2013")
    finally:
        server.shutdown()
        server.server_close()
    assert (folder / "fer2013/train/happy/Training_train.jpg").is_file()
    assert differences == ["msambare/fer2013: 2 images, expected 35,887."]
