"""What the tests of the viewer share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from viewing import make_folder

from syncline.viewer.embedding_queue import EmbeddingQueue


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Bar codes are the same films in every run: a scan that other code kept of them is none of ours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNCLINE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three bar-code videos."""
    return make_folder(tmp_path_factory.mktemp("bars"), {"one": 40, "two": 40, "three": 30})


@pytest.fixture
def only_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """No embedding in the background of what is opened and not looked at: it would go on beside the next tests."""
    monkeypatch.setattr(EmbeddingQueue, "start", lambda *given, **options: None)
