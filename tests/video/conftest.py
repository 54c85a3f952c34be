"""Bar-code videos in the test's own folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bars
import pytest


@pytest.fixture
def write_bar_codes(tmp_path: Path) -> Callable[..., Path]:
    """Writes a bar-code video: write(name, count, ...) -> path."""

    def write(name: str = "bars.mp4", count: int = 60, **options: Any) -> Path:
        return bars.write_bar_codes(tmp_path / name, count, **options)

    return write
