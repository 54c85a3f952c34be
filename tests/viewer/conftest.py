"""What the tests of the viewer share."""

from __future__ import annotations

from pathlib import Path

import pytest
from viewing import make_folder

from syncline.viewer.embedding_queue import EmbeddingQueue


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three bar-code videos."""
    return make_folder(tmp_path_factory.mktemp("bars"), {"one": 40, "two": 40, "three": 30})


@pytest.fixture
def only_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """No embedding in the background of what is opened and not looked at: it would go on beside the next tests."""
    monkeypatch.setattr(EmbeddingQueue, "start", lambda *given, **options: None)
