"""What people type."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from syncline.cli.main import main

OPENED = """
import sys
from pathlib import Path
from starlette.testclient import TestClient
from syncline.viewer.serving import open_viewer
viewer = open_viewer(Path(sys.argv[1]), work=sys.argv[2], cache=sys.argv[2])
client = TestClient(viewer.app, base_url="http://127.0.0.1")
for path in ("/", "/page/app.js", "/api/library", "/api/status", "/api/strip/0"):
    assert client.get(path).status_code == 200, path
print(*({"torch", "numba", "scipy", "timm", "torchvision", "sklearn", "matplotlib"} & set(sys.modules)))
"""


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["view", "--help"])
    assert ended.value.code == 0
    assert "syncline view videos/" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["view"], ["view", "videos", "--port", "x"]])
def test_wrong_words_end_with_two(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2


def refused(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line that `syncline view` says before it ends."""
    assert main(["view", str(folder), "--no-browser", *words]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_what_hinders_the_start_is_the_only_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}" in refused(folder, capsys, "--port", str(port))
    assert "does not exist" in refused(tmp_path / "nothing", capsys)
    assert "there is no run at" in refused(folder, capsys, "--run", str(tmp_path / "mistyped"))
    assert "--minutes must be above 0" in refused(folder, capsys, "--minutes", "0")
    assert "there is no port 99999" in refused(folder, capsys, "--port", "99999")


def test_a_file_that_cannot_be_used_is_told_once(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = shutil.copytree(folder, tmp_path / "videos")
    (broken / "broken.mp4").write_bytes(b"\0" * 300)
    monkeypatch.setattr("syncline.viewer.serving.serve", lambda *_, **__: None)
    assert main(["view", str(broken), "--no-browser", "--work", str(tmp_path), "--cache", str(tmp_path)]) in (None, 0)
    said = capsys.readouterr()
    assert (said.err + said.out + caplog.text).count("passed over") == 1


def test_view_is_light_to_ask_about() -> None:
    code = "import sys, syncline.cli.view; sys.exit(any(name in sys.modules for name in ('torch', 'av', 'starlette')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_page_is_shown_before_anything_heavy_is_imported(folder: Path, tmp_path: Path) -> None:
    asked = [sys.executable, "-c", OPENED, str(folder), str(tmp_path)]
    found = subprocess.run(asked, check=True, capture_output=True, text=True, env=os.environ)
    assert found.stdout.split() == []
