"""The examples in docstrings are run as tests, each in an empty project of its own."""

import pytest


@pytest.fixture(autouse=True)
def project_of_an_example(request, tmp_path, monkeypatch):
    if isinstance(request.node, pytest.DoctestItem):
        monkeypatch.setenv("FER_TF_ROOT", str(tmp_path))
        (tmp_path / "Makefile").write_text("")
