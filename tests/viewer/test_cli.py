"""What people type."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from syncline.cli.main import main


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


def test_no_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["view", str(tmp_path / "nothing"), "--no-browser"]) == 1
    said = capsys.readouterr().err.strip().splitlines()
    assert "does not exist" in said[-1]


def test_view_is_light_to_ask_about() -> None:
    code = "import sys, syncline.cli.view; sys.exit(any(name in sys.modules for name in ('torch', 'av', 'starlette')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
