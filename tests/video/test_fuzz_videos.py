"""Damaged videos end in frames or in one line of ours; `make fuzz` and `python -m tests.fuzz.videos` run many more."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_a_hundred_damaged_videos() -> None:
    sys.path.insert(0, str(Path(__file__).parents[2]))
    try:
        from tests.fuzz.videos import fuzz

        outcomes = fuzz(100)
    finally:
        sys.path.pop(0)
    assert outcomes.total() == 100
    assert outcomes["frames"] > 10
    assert outcomes["refused"] > 10
