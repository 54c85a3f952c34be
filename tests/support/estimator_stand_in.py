"""An estimator that finds a bright spot: the way of the pictures is tested on any machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

BLOB = Path(__file__).with_name("blob_worker.py")


@pytest.fixture
def estimated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Puts the stand-in in the place of the estimator; gives how many pictures it was asked about so far."""
    if sys.platform == "win32":
        pytest.skip("the stand-in is a shell script")
    script, log = tmp_path / "python", tmp_path / "asked.txt"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{BLOB}"\n')
    script.chmod(0o755)
    monkeypatch.setenv("SYNCLINE_POSE_PYTHON", str(script))
    monkeypatch.setenv("BLOB_LOG", str(log))
    return lambda: len(log.read_text().splitlines()) if log.exists() else 0
